//! Why a mail server did not accept a mail, for the operator: at which stage, the server's reply, and
//! what to check.

use super::conversation::{Failure, Reply};
use super::step::{Stage, Step};
use crate::config::Smtp;

/// Ports and `mail.smtp.security` that belong together.
const PORTS: &str = "Check mail.smtp.port and mail.smtp.security: ports 587 and 25 usually need \
                     \"starttls\", port 465 \"tls\".";
const BROKEN_OFF: &str =
    "Try again; if it fails at the same point, the reason is in the log of the mail server.";

/// Why a mail was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::mail) struct Diagnosis {
    pub(in crate::mail) stage: Stage,
    /// The server's reply, if it refused the mail.
    pub(in crate::mail) reply: Option<Reply>,
    /// What failed, in one sentence without a final dot.
    pub(in crate::mail) error: String,
    /// What to check.
    pub(in crate::mail) advice: String,
}

impl Diagnosis {
    /// `from` is the sender's address.
    pub(super) fn new(failure: Failure, settings: &Smtp, from: &str) -> Self {
        let Smtp { host, port, .. } = settings;
        match failure {
            Failure::Refused(step, reply) => Self {
                stage: step.stage(),
                error: format!("{host}:{port} refused {}: {reply}", refused(step, from)),
                advice: after_refusal(step, &reply, settings, from),
                reply: Some(reply),
            },
            Failure::Broken(step, why) => Self {
                stage: step.stage(),
                error: format!("{host}:{port}: {why}"),
                advice: after_break(step, settings),
                reply: None,
            },
            Failure::Unconfirmed(why) => Self {
                stage: Stage::Data,
                error: format!("{host}:{port}: {why}"),
                advice: "The server has the whole email but did not confirm it, so it may arrive: \
                         look into the mailbox. A test waits 10 s, other emails 10 minutes or more."
                    .to_owned(),
                reply: None,
            },
        }
    }
}

/// What the server refused.
fn refused(step: Step, from: &str) -> String {
    match step.stage() {
        Stage::Connect => "the connection".to_owned(),
        Stage::Tls => "TLS".to_owned(),
        Stage::SignIn => "the sign-in".to_owned(),
        Stage::Sender => format!("the sender {from}"),
        Stage::Recipient => "the recipient".to_owned(),
        Stage::Data => "the email".to_owned(),
    }
}

fn after_refusal(step: Step, reply: &Reply, settings: &Smtp, from: &str) -> String {
    let signs_in = settings.credentials.is_some();
    match (reply.code(), step.stage()) {
        (400..500, _) => "The refusal is temporary: try again in a few minutes. Other emails are \
                          retried without your doing."
            .to_owned(),
        (530, Stage::Sender | Stage::Recipient | Stage::Data) if !signs_in => {
            "The server requires a sign-in: set mail.smtp.username and mail.smtp.password."
                .to_owned()
        }
        (_, Stage::Connect) => "The server does not accept emails from this machine: ask its \
                                administrator to allow it."
            .to_owned(),
        (_, Stage::Tls) => PORTS.to_owned(),
        (_, Stage::SignIn) => "Check mail.smtp.username and mail.smtp.password. They are read at \
                               the start: restart the gateway after a change. Some providers \
                               require a separate password for programs."
            .to_owned(),
        (_, Stage::Sender) => format!(
            "Set mail.from to an address that may be used {}.",
            if signs_in { "with mail.smtp.username" } else { "from this machine" }
        ),
        (_, Stage::Recipient) if reply.no_such_address() => {
            "Check the address: the server does not know it.".to_owned()
        }
        (_, Stage::Recipient) if signs_in => format!(
            "Check the address. If it is right, the server may not forward emails from {from} to \
             other domains: ask its administrator to allow it."
        ),
        (_, Stage::Recipient) => {
            "Check the address. If it is right, the server may forward emails \
                                  only after a sign-in: set mail.smtp.username and \
                                  mail.smtp.password."
                .to_owned()
        }
        (_, Stage::Data) => "The reply has the reason, such as a spam filter or a quota: ask the \
                             administrator of the mail server."
            .to_owned(),
    }
}

fn after_break(step: Step, settings: &Smtp) -> String {
    let Smtp { host, .. } = settings;
    match step {
        Step::Connect => "Check mail.smtp.host and mail.smtp.port, and that no firewall prevents \
                          connections from this machine."
            .to_owned(),
        Step::Greeting | Step::Ehlo | Step::Starttls | Step::Handshake => PORTS.to_owned(),
        Step::Certificate => format!(
            "The certificate must be valid for {host} and issued by an authority that this system \
             trusts. Set mail.smtp.host to a name in the certificate, or mail.smtp.ca_file to the \
             authority's certificate."
        ),
        Step::Auth => "If the reason is a timeout or a closed connection, try again. A server may \
                       offer to sign in only over TLS (mail.smtp.security), or need no sign-in: \
                       then leave out mail.smtp.username."
            .to_owned(),
        Step::Reset
        | Step::Mail
        | Step::Rcpt
        | Step::Data
        | Step::Message
        | Step::End
        | Step::Quit => BROKEN_OFF.to_owned(),
    }
}
