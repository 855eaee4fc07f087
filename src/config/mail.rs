//! `[mail]`: how mail is sent.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use lettre::message::Mailbox;

use super::reader::Reader;
use super::value::seconds;
use crate::credential::secret::Secret;
use crate::email;

/// The default of `mail.from`.
pub const DEFAULT_SENDER: &str = "portal@example.com";

/// `[mail]`
#[derive(Debug, Clone)]
pub struct Mail {
    /// `mail.transport`, with the settings of the one that is chosen.
    pub transport: MailTransport,
    /// `mail.from`: the sender.
    pub from: Sender,
    /// `mail.templates`: a folder whose templates replace the built-in ones, file by file.
    pub templates: Option<PathBuf>,
}

/// `mail.transport`
#[derive(Debug, Clone)]
pub enum MailTransport {
    /// A folder that gets a file for each mail.
    Directory(PathBuf),
    /// An SMTP server.
    Smtp(Smtp),
}

/// `[mail.smtp]`
#[derive(Debug, Clone)]
pub struct Smtp {
    /// `mail.smtp.host`: the server's name, which its certificate must cover.
    pub host: String,
    /// `mail.smtp.port`
    pub port: u16,
    /// `mail.smtp.security`
    pub security: Security,
    /// `mail.smtp.username` and `mail.smtp.password`
    pub credentials: Option<(String, Secret<String>)>,
    /// `mail.smtp.ca_file`: certificates (PEM) trusted in addition to the system's.
    pub ca_file: Option<PathBuf>,
    /// `mail.smtp.timeout`: maximum time for each step of a delivery.
    pub timeout: Duration,
}

/// `mail.smtp.security`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// TLS by STARTTLS, which the server must offer.
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// No TLS. Only for a server on the loopback interface.
    None,
}

/// A mailbox (RFC 5322, 3.4): an address, with or without a display name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender(pub Mailbox);

impl std::str::FromStr for Sender {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "is not a mailbox (e.g. `portal@example.com` or `Name <portal@example.com>`)";
        if text.chars().any(char::is_control) {
            return Err(wrong);
        }
        let given: Mailbox = text.parse().map_err(|_| wrong)?;
        let address = email::address(given.email.as_ref()).map_err(|_| wrong)?;
        Ok(Self(Mailbox::new(given.name, address)))
    }
}

impl Security {
    const fn default_port(self) -> u16 {
        match self {
            Self::Starttls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

impl Mail {
    /// Reads the keys of both transports, whichever is chosen, so that a file may have both.
    /// `None` if the sender or the chosen transport is invalid.
    pub(super) fn read(r: &mut Reader, templates: Option<PathBuf>) -> Option<Self> {
        let smtp_chosen =
            r.choice("mail.transport", &[("directory", false), ("smtp", true)], false);
        let key = "mail.directory";
        let directory = r.path(key, "mail");
        if !smtp_chosen {
            r.require_folder(key, &directory);
        }
        let from = match r.text("mail.from") {
            Some(_) => r.parsed("mail.from"),
            None => {
                r.show("mail.from", DEFAULT_SENDER);
                DEFAULT_SENDER.parse().ok()
            }
        };
        let smtp = smtp(r, smtp_chosen);
        let transport = match smtp_chosen {
            true => MailTransport::Smtp(smtp?),
            false => MailTransport::Directory(directory),
        };
        Some(Self { transport, from: from?, templates })
    }
}

fn smtp(r: &mut Reader, chosen: bool) -> Option<Smtp> {
    let host = r.text("mail.smtp.host").map(|host| host.trim().to_owned());
    if chosen && host.as_ref().is_none_or(String::is_empty) {
        let message = "is required: the name of the mail server (e.g. `mail.example.com`)";
        r.problem("mail.smtp.host", message.to_owned());
    }
    let words =
        [("starttls", Security::Starttls), ("tls", Security::Tls), ("none", Security::None)];
    let security = r.choice("mail.smtp.security", &words, Security::Starttls);
    if security == Security::None && host.as_deref().is_some_and(|host| !is_loopback(host)) {
        let message = "must not be `none` for a server on another machine, because mail and \
                       password would be sent unencrypted; use `starttls` or `tls`";
        r.problem("mail.smtp.security", message.to_owned());
    }
    let username = r.text("mail.smtp.username");
    let password = r.secret("mail.smtp.password");
    let keys = ["mail.smtp.username", "mail.smtp.password", "mail.smtp.password_file"];
    if username.is_some() != password.is_some() && keys.iter().all(|key| r.is_valid(key)) {
        let message = "requires both `username` and `password` (or `password_file`), or neither";
        r.problem("mail.smtp", message.to_owned());
    }
    let port = r.number("mail.smtp.port", security.default_port(), 1, u16::MAX);
    let ca_file = r.optional_path("mail.smtp.ca_file");
    let timeout = r.duration("mail.smtp.timeout", seconds(300));
    let credentials = username.zip(password);
    Some(Smtp { host: host?, port, security, credentials, ca_file, timeout })
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}
