//! The steps of a conversation with a mail server, and how long each may take.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

/// The shortest timeout for the reply to the end of a message (RFC 5321, 4.5.3.2.6): the server may
/// have accepted the message long before it replies.
const END_OF_DATA: Duration = Duration::from_secs(600);

/// A step of a conversation. Displayed as in error messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Connect,
    Greeting,
    Ehlo,
    Starttls,
    Handshake,
    /// Verification of the server's certificate, a part of the handshake.
    Certificate,
    Auth,
    Reset,
    Mail,
    Rcpt,
    Data,
    Message,
    /// After it the server is responsible for the message.
    End,
    Quit,
}

/// What an operator can look into when a step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "MailStage")]
pub(in crate::mail) enum Stage {
    Connect,
    Tls,
    SignIn,
    Sender,
    Recipient,
    Data,
}

/// How long the steps of a conversation may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    step: Duration,
    end: Duration,
    deadline: Option<Instant>,
}

impl Step {
    pub(super) fn stage(self) -> Stage {
        match self {
            Self::Connect | Self::Greeting | Self::Ehlo | Self::Reset | Self::Quit => {
                Stage::Connect
            }
            Self::Starttls | Self::Handshake | Self::Certificate => Stage::Tls,
            Self::Auth => Stage::SignIn,
            Self::Mail => Stage::Sender,
            Self::Rcpt => Stage::Recipient,
            Self::Data | Self::Message | Self::End => Stage::Data,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connect",
            Self::Greeting => "the greeting",
            Self::Ehlo => "EHLO",
            Self::Starttls => "STARTTLS",
            Self::Handshake | Self::Certificate => "TLS",
            Self::Auth => "AUTH",
            Self::Reset => "RSET",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Message => "the message",
            Self::End => "the end of the message",
            Self::Quit => "QUIT",
        })
    }
}

impl Timeouts {
    /// `step` for each step, and at least ten minutes for the reply to the end of a message.
    pub(super) fn new(step: Duration) -> Self {
        Self { step, end: step.max(END_OF_DATA), deadline: None }
    }

    /// `step` for each step, and no longer than until the deadline.
    pub(super) fn until(step: Duration, deadline: Instant) -> Self {
        Self { step, end: step, deadline: Some(deadline) }
    }

    /// For a step that begins now.
    pub(super) fn step(&self) -> Duration {
        self.within_deadline(self.step)
    }

    /// For the reply to the end of a message, from now on.
    pub(super) fn end(&self) -> Duration {
        self.within_deadline(self.end)
    }

    fn within_deadline(&self, time: Duration) -> Duration {
        let left = self.deadline.map(|deadline| deadline.duration_since(Instant::now()));
        left.map_or(time, |left| left.min(time))
    }
}
