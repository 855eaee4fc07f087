//! `[mail]`: how mail leaves the house.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use lettre::message::Mailbox;

use super::reader::Reader;
use super::seconds;
use crate::credential::secret::Secret;
use crate::email;

/// `[mail]`
#[derive(Debug, Clone)]
pub struct Mail {
    /// What takes the mails.
    pub transport: MailTransport,
    /// The sender.
    pub from: Sender,
    /// A folder whose templates replace the built-in ones, file by file.
    pub templates: Option<PathBuf>,
}

/// `mail.transport`
#[derive(Debug, Clone)]
pub enum MailTransport {
    /// A folder, which gets a file each.
    Directory(PathBuf),
    /// A mail server.
    Smtp(Smtp),
}

/// `[mail.smtp]`
#[derive(Debug, Clone)]
pub struct Smtp {
    /// The server's name, which its certificate must have.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// When TLS begins.
    pub security: Security,
    /// Who we are to it, if it asks.
    pub credentials: Option<(String, Secret<String>)>,
    /// Certificates to trust beside the system's (PEM).
    pub ca_file: Option<PathBuf>,
    /// How long each step of handing over a mail may take.
    pub timeout: Duration,
}

/// `mail.smtp.security`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// In the clear until STARTTLS, and no further without.
    Starttls,
    /// From the first byte.
    Tls,
    /// Never: on this machine only.
    None,
}

/// A mailbox (RFC 5322, 3.4): an address, perhaps with a name before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender(pub Mailbox);

impl std::str::FromStr for Sender {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "is not a mailbox such as `portal@example.com` or `Name <portal@example.com>`";
        if text.chars().any(char::is_control) {
            return Err(wrong);
        }
        let given: Mailbox = text.parse().map_err(|_| wrong)?;
        let address = email::address(given.email.as_ref()).map_err(|_| wrong)?;
        Ok(Self(Mailbox::new(given.name, address)))
    }
}

impl Security {
    const fn port(self) -> u16 {
        match self {
            Self::Starttls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// Both transports' keys are read whichever is chosen, so that changing over is one word.
pub(super) fn mail(r: &mut Reader, templates: Option<PathBuf>) -> Option<Mail> {
    let smtp_chosen = r.word("mail.transport", &[("directory", false), ("smtp", true)], false);
    let directory = r.path("mail.directory", "mail");
    let from = r.text("mail.from").unwrap_or_else(|| "portal@example.com".to_owned());
    let from = match from.parse() {
        Ok(from) => Some(from),
        Err(wrong) => {
            r.problem("mail.from", format!("`{}` {wrong}", from.escape_debug()));
            None
        }
    };
    let smtp = smtp(r, smtp_chosen);
    let transport = match smtp_chosen {
        true => MailTransport::Smtp(smtp?),
        false => MailTransport::Directory(directory),
    };
    Some(Mail { transport, from: from?, templates })
}

fn smtp(r: &mut Reader, chosen: bool) -> Option<Smtp> {
    let host = r.text("mail.smtp.host").map(|host| host.trim().to_owned());
    if chosen && host.as_ref().is_none_or(String::is_empty) {
        r.problem("mail.smtp.host", "is missing: the mail server's name".to_owned());
    }
    let words =
        [("starttls", Security::Starttls), ("tls", Security::Tls), ("none", Security::None)];
    let security = r.word("mail.smtp.security", &words, Security::Starttls);
    if security == Security::None && host.as_deref().is_some_and(|host| !is_loopback(host)) {
        let message = "`none` sends mail and password in the clear, so it is for a server on this \
                       machine only; use `starttls` or `tls`";
        r.problem("mail.smtp.security", message.to_owned());
    }
    let username = r.text("mail.smtp.username");
    let password = r.secret("mail.smtp.password");
    if username.is_some() != password.is_some() {
        let message = "needs both `username` and `password` (or `password_file`), or neither";
        r.problem("mail.smtp", message.to_owned());
    }
    let port = r.number("mail.smtp.port", security.port(), 1, u16::MAX);
    let ca_file = r.named_path("mail.smtp.ca_file");
    let timeout = r.duration("mail.smtp.timeout", seconds(300));
    let credentials = username.zip(password);
    Some(Smtp { host: host?, port, security, credentials, ca_file, timeout })
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}
