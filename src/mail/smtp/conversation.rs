//! One conversation with a mail server (RFC 5321): commands, replies, and how long each may take.
//!
//! Replies are read as bytes, because their text may not be ASCII, and may be missing. Until the end
//! of a message has been sent, a failure means that the server has not accepted it. After that only
//! its reply shows whether it has; without one it is unknown ([`Failure::Unconfirmed`]).

use std::time::Duration;

use data_encoding::BASE64;
use lettre::address::{Address, Envelope};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::step::{Step, Timeouts};
use crate::credential::secret::Secret;

/// Bytes of a message that are sent at a time, each within the timeout of a step.
const BLOCK: usize = 16 * 1024;
/// The longest reply in bytes.
const LONGEST_REPLY: u64 = 64 * 1024;

/// The connection of a conversation.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A reply of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::mail) struct Reply {
    code: u16,
    lines: Vec<String>,
}

/// Why a step failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The server refused a step.
    Refused(Step, Reply),
    /// The connection failed at this step, before the server could accept the message.
    Broken(Step, String),
    /// The connection failed when the server may have accepted the message.
    Unconfirmed(String),
}

/// A connection on which the server has sent its greeting.
pub(super) struct Conversation<S> {
    stream: BufReader<S>,
    timeouts: Timeouts,
    extensions: Vec<String>,
}

impl<S: Stream> Conversation<S> {
    /// Reads the greeting and sends `EHLO`.
    pub(super) async fn begin(stream: S, hello: &str, timeouts: Timeouts) -> Result<Self, Failure> {
        let mut begun = Self { stream: BufReader::new(stream), timeouts, extensions: Vec::new() };
        let greeting = begun.reply(Step::Greeting, timeouts.step()).await?;
        greeting.expect_kind(2, Step::Greeting)?;
        begun.hello(hello).await
    }

    /// Continues after [`Self::starttls`], with TLS. Extensions offered before it are discarded.
    pub(super) async fn resume(
        stream: S,
        hello: &str,
        timeouts: Timeouts,
    ) -> Result<Self, Failure> {
        let begun = Self { stream: BufReader::new(stream), timeouts, extensions: Vec::new() };
        begun.hello(hello).await
    }

    /// Sends `EHLO` and reads which extensions the server offers.
    async fn hello(mut self, hello: &str) -> Result<Self, Failure> {
        let offered = self.command(Step::Ehlo, &format!("EHLO {hello}"), 2).await?;
        self.extensions = offered.lines.into_iter().skip(1).collect();
        Ok(self)
    }

    /// Requests TLS; returns the stream for the handshake.
    pub(super) async fn starttls(mut self) -> Result<S, Failure> {
        if self.offered("STARTTLS").is_none() {
            let wrong = "the server does not offer STARTTLS";
            return Err(Failure::Broken(Step::Starttls, wrong.to_owned()));
        }
        self.command(Step::Starttls, "STARTTLS", 2).await?;
        // Data after the reply was not encrypted, so an attacker may have sent it.
        if !self.stream.buffer().is_empty() {
            let wrong = "the server said something between its reply to STARTTLS and TLS";
            return Err(Failure::Broken(Step::Starttls, wrong.to_owned()));
        }
        Ok(self.stream.into_inner())
    }

    /// Signs in with PLAIN (RFC 4616) or LOGIN.
    pub(super) async fn sign_in(
        &mut self,
        user: &str,
        password: &Secret<String>,
    ) -> Result<(), Failure> {
        let mechanisms = self.offered("AUTH").unwrap_or_default().to_ascii_uppercase();
        let offers = |wanted| mechanisms.split_ascii_whitespace().any(|name| name == wanted);
        let encode = |text: &str| Zeroizing::new(BASE64.encode(text.as_bytes()));
        let password = password.expose();
        if offers("PLAIN") {
            let both = Zeroizing::new(format!("\0{user}\0{password}"));
            let line = Zeroizing::new(format!("AUTH PLAIN {}", *encode(&both)));
            self.command(Step::Auth, &line, 2).await?;
        } else if offers("LOGIN") {
            self.command(Step::Auth, "AUTH LOGIN", 3).await?;
            self.command(Step::Auth, &encode(user), 3).await?;
            self.command(Step::Auth, &encode(password), 2).await?;
        } else {
            let wrong = "the server offers neither AUTH PLAIN nor AUTH LOGIN";
            return Err(Failure::Broken(Step::Auth, wrong.to_owned()));
        }
        Ok(())
    }

    /// Resets the conversation; fails if the connection is closed.
    pub(super) async fn reset(&mut self) -> Result<(), Failure> {
        self.command(Step::Reset, "RSET", 2).await.map(drop)
    }

    /// Sends a message; returns the reply to its end.
    pub(super) async fn send(
        &mut self,
        envelope: &Envelope,
        message: &[u8],
    ) -> Result<Reply, Failure> {
        let eight_bit = match (message.is_ascii(), self.offered("8BITMIME")) {
            (true, _) => "",
            (false, Some(_)) => " BODY=8BITMIME",
            (false, None) => {
                let wrong = "the server does not offer 8BITMIME, which this mail needs";
                return Err(Failure::Broken(Step::Message, wrong.to_owned()));
            }
        };
        let from = envelope.from().map_or("", |from| from.as_ref());
        self.command(Step::Mail, &format!("MAIL FROM:<{from}>{eight_bit}"), 2).await?;
        for to in envelope.to() {
            let to: &Address = to;
            self.command(Step::Rcpt, &format!("RCPT TO:<{to}>"), 2).await?;
        }
        self.command(Step::Data, "DATA", 3).await?;
        for block in transparent(message).chunks(BLOCK) {
            self.write(Step::Message, block).await?;
        }
        // From here on the server may have the whole message.
        let unconfirmed = |failure| match failure {
            Failure::Broken(_, why) => Failure::Unconfirmed(why),
            known => known,
        };
        self.write(Step::End, b".\r\n").await.map_err(unconfirmed)?;
        let reply = self.reply(Step::End, self.timeouts.end()).await.map_err(unconfirmed)?;
        match reply.code / 100 {
            2 => Ok(reply),
            4 | 5 => Err(Failure::Refused(Step::Message, reply)),
            _ => {
                Err(Failure::Unconfirmed(format!("the server answered {} with {reply}", Step::End)))
            }
        }
    }

    /// Sends `QUIT` without waiting for the reply.
    pub(super) async fn quit(&mut self) {
        let _ = self.write(Step::Quit, b"QUIT\r\n").await;
    }

    /// The parameters of an extension that the server offers.
    fn offered(&self, name: &str) -> Option<&str> {
        self.extensions.iter().find_map(|line| {
            let (offered, parameters) = line.split_once(' ').unwrap_or((line, ""));
            offered.eq_ignore_ascii_case(name).then_some(parameters)
        })
    }

    async fn command(&mut self, step: Step, line: &str, kind: u16) -> Result<Reply, Failure> {
        let line = Zeroizing::new(format!("{line}\r\n"));
        self.write(step, line.as_bytes()).await?;
        self.reply(step, self.timeouts.step()).await?.expect_kind(kind, step)
    }

    async fn write(&mut self, step: Step, bytes: &[u8]) -> Result<(), Failure> {
        let writing = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        let within = self.timeouts.step();
        match timeout(within, writing).await {
            Ok(written) => written.map_err(|error| broken(step, &error)),
            Err(_) => Err(late(step, within)),
        }
    }

    async fn reply(&mut self, step: Step, within: Duration) -> Result<Reply, Failure> {
        let reading = async {
            let mut reply = Reply { code: 0, lines: Vec::new() };
            let mut left = (&mut self.stream).take(LONGEST_REPLY);
            loop {
                let mut line = Vec::new();
                let read = left.read_until(b'\n', &mut line).await;
                read.map_err(|error| broken(step, &error))?;
                if line.last() != Some(&b'\n') {
                    let wrong = "the server closed the connection, or said too much";
                    return Err(broken(step, &wrong));
                }
                let Some((code, goes_on, text)) = reply_line(&line) else {
                    return Err(malformed(step, &line));
                };
                if !reply.lines.is_empty() && reply.code != code {
                    return Err(malformed(step, &line));
                }
                reply.code = code;
                reply.lines.push(String::from_utf8_lossy(text).into_owned());
                if !goes_on {
                    return Ok(reply);
                }
            }
        };
        timeout(within, reading).await.unwrap_or_else(|_| Err(late(step, within)))
    }
}

fn broken(step: Step, why: &dyn std::fmt::Display) -> Failure {
    Failure::Broken(step, format!("{step}: {why}"))
}

fn late(step: Step, within: Duration) -> Failure {
    // What a deadline leaves is not a round number.
    let within = if within.as_secs() > 0 { Duration::from_secs(within.as_secs()) } else { within };
    let within = humantime::format_duration(within);
    broken(step, &format_args!("the server did not answer within {within}"))
}

fn malformed(step: Step, line: &[u8]) -> Failure {
    let line = String::from_utf8_lossy(line.trim_ascii_end());
    broken(step, &format_args!("`{line}` is not a reply"))
}

/// The code of a line, whether another line follows, and its text, which may be missing.
fn reply_line(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let (digits, rest) = line.trim_ascii_end().split_at_checked(3)?;
    let code = digits.iter().try_fold(0_u16, |code, digit| {
        digit.is_ascii_digit().then(|| code * 10 + u16::from(digit - b'0'))
    })?;
    Some(match rest {
        [b'-', text @ ..] => (code, true, text),
        [b' ', text @ ..] | text => (code, false, text),
    })
}

/// The message as it is sent (RFC 5321, 4.5.2): with CRLF line ends, and dots doubled at the start
/// of lines so that none ends the message.
fn transparent(message: &[u8]) -> Vec<u8> {
    let message = message.strip_suffix(b"\n").unwrap_or(message);
    let mut sent = Vec::with_capacity(message.len() + 64);
    for line in message.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.first() == Some(&b'.') {
            sent.push(b'.');
        }
        sent.extend_from_slice(line);
        sent.extend_from_slice(b"\r\n");
    }
    sent
}

impl Reply {
    pub(in crate::mail) fn code(&self) -> u16 {
        self.code
    }

    /// The text of all lines.
    pub(in crate::mail) fn text(&self) -> String {
        self.lines.join(" ")
    }

    /// Whether the server permanently refuses the address. The reply codes are the same as for a
    /// refused sender or password, which the operator can fix; enhanced status codes distinguish
    /// them (RFC 3463). Without them, the mail is tried again.
    pub(super) fn no_such_address(&self) -> bool {
        let status = self.lines.first().and_then(|line| line.split(' ').next());
        self.code / 100 == 5 && status.is_some_and(|status| NO_SUCH_ADDRESS.contains(&status))
    }

    fn expect_kind(self, kind: u16, step: Step) -> Result<Self, Failure> {
        if self.code / 100 == kind { Ok(self) } else { Err(Failure::Refused(step, self)) }
    }
}

/// Wrong mailbox, domain or syntax of the destination; moved away; a domain that takes no mail;
/// the mailbox is disabled.
const NO_SUCH_ADDRESS: [&str; 6] = ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"];

impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.code, self.text())
    }
}

impl<S> std::fmt::Debug for Conversation<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conversation").field("extensions", &self.extensions).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
