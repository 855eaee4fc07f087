//! How mails leave: into a folder, or to a mail server.

use std::error::Error as _;
use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use lettre::address::Envelope;
use lettre::message::header::Bcc;
use lettre::message::{Mailbox, Mailboxes};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{Error as SmtpError, PoolConfig};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use parking_lot::Mutex;
use tokio::time;

use super::MailError;
use super::message::Written;
use crate::config::{Security, Smtp};
use crate::directory::letters::NotSent;
use crate::policy::Host;

/// How long a connection to the mail server is kept for the next mail.
const KEPT: Duration = Duration::from_secs(30);

/// Takes mails away.
#[async_trait]
pub(super) trait Carrier: fmt::Debug + Send + Sync {
    /// Makes ready what mails are put into.
    fn prepare(&self) -> Result<(), MailError> {
        Ok(())
    }

    /// Takes a mail; when this returns `Ok`, it is in safe hands.
    async fn carry(&self, mail: &Written) -> Result<(), NotSent>;
}

/// A folder that gets a file for each mail, whole or not at all. The name follows from the letter,
/// so a mail that is put there again is there once. The blind copy is shown, as `Bcc`.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }
}

#[async_trait]
impl Carrier for Folder {
    fn prepare(&self) -> Result<(), MailError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)
            .map_err(|source| MailError::Folder { path: self.0.clone(), source })
    }

    async fn carry(&self, mail: &Written) -> Result<(), NotSent> {
        let mut message = mail.message.clone();
        if let Some(copy) = mail.blind_copy.clone() {
            message.headers_mut().set(Bcc::from(Mailboxes::from(Mailbox::from(copy))));
        }
        let name = format!("{}-{}.eml", mail.written.strftime("%Y%m%dT%H%M%SZ"), mail.id);
        let (folder, content) = (self.0.clone(), message.formatted());
        let put = tokio::task::spawn_blocking(move || put(&folder, &name, &content)).await;
        match put {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(NotSent::Yet(format!("{}: {error}", self.0.display()))),
            Err(error) => Err(NotSent::Yet(error.to_string())),
        }
    }
}

fn put(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let draft = folder.join(format!(".{name}.partial"));
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&draft, folder.join(name))?;
    File::open(folder)?.sync_all()
}

/// A mail server.
pub(super) struct Server {
    settings: Smtp,
    tls: Tls,
    hello: ClientId,
    connections: Mutex<AsyncSmtpTransport<Tokio1Executor>>,
}

impl Server {
    /// Reads the certificates; connects when there is something to send. `host` is who we are.
    pub(super) fn new(settings: &Smtp, host: &Host) -> Result<Self, MailError> {
        let tls = match settings.security {
            Security::None => Tls::None,
            Security::Starttls => Tls::Required(parameters(settings)?),
            Security::Tls => Tls::Wrapper(parameters(settings)?),
        };
        let name = host.name();
        let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
        let hello = match bare.parse() {
            Ok(IpAddr::V4(address)) => ClientId::Ipv4(address),
            Ok(IpAddr::V6(address)) => ClientId::Ipv6(address),
            Err(_) => ClientId::Domain(name.to_owned()),
        };
        let connections = Mutex::new(connections(settings, &tls, &hello));
        Ok(Self { settings: settings.clone(), tls, hello, connections })
    }
}

#[async_trait]
impl Carrier for Server {
    /// The blind copy travels by itself, after the mail, so that a server that does not take it
    /// takes the mail all the same. It is tried once.
    async fn carry(&self, mail: &Written) -> Result<(), NotSent> {
        let message = mail.message.formatted();
        self.hand_over(&mail.envelope, &message).await?;
        if let Some(copy) = mail.blind_copy.clone() {
            let copied = match Envelope::new(mail.envelope.from().cloned(), vec![copy]) {
                Ok(envelope) => self.hand_over(&envelope, &message).await,
                Err(error) => Err(NotSent::Ever(error.to_string())),
            };
            if let Err(NotSent::Yet(error) | NotSent::Ever(error)) = copied {
                tracing::warn!(mail = mail.id, error, "the blind copy of a mail was not sent");
            }
        }
        Ok(())
    }
}

impl Server {
    async fn hand_over(&self, envelope: &Envelope, message: &[u8]) -> Result<(), NotSent> {
        let connections = self.connections.lock().clone();
        match time::timeout(self.settings.timeout, connections.send_raw(envelope, message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if nobody_there(&error) => Err(NotSent::Ever(error.to_string())),
            Ok(Err(error)) => Err(NotSent::Yet(error.to_string())),
            Err(_) => {
                // What was left in the middle of a conversation must not carry the next mail: the
                // answer to this one would be taken for that one's.
                *self.connections.lock() =
                    self::connections(&self.settings, &self.tls, &self.hello);
                connections.shutdown().await;
                let Smtp { host, port, timeout, .. } = &self.settings;
                let timeout = humantime::format_duration(*timeout);
                Err(NotSent::Yet(format!("{host}:{port} did not take it within {timeout}")))
            }
        }
    }
}

/// Whether the server said for good that the address gets no mail. The reply codes do not tell
/// that from a refusal of the sender or of the password, which the operator mends; the enhanced
/// ones do (RFC 3463). A server without them is asked again.
fn nobody_there(error: &SmtpError) -> bool {
    let said = error.source().map(ToString::to_string).unwrap_or_default();
    let status = said.split([' ', '\r', '\n']).next().unwrap_or_default();
    error.is_permanent() && NOBODY_THERE.contains(&status)
}

/// Wrong mailbox, domain or syntax of the destination; moved away; a domain that takes no mail;
/// the mailbox is disabled.
const NOBODY_THERE: [&str; 6] = ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"];

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("settings", &self.settings).finish_non_exhaustive()
    }
}

fn connections(settings: &Smtp, tls: &Tls, hello: &ClientId) -> AsyncSmtpTransport<Tokio1Executor> {
    // The name says that TLS is up to the caller; it was chosen above.
    let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
        .port(settings.port)
        .tls(tls.clone())
        .hello_name(hello.clone())
        .timeout(Some(settings.timeout))
        .pool_config(PoolConfig::new().max_size(1).idle_timeout(KEPT));
    match &settings.credentials {
        Some((user, password)) => {
            builder.credentials(Credentials::new(user.clone(), password.expose().clone())).build()
        }
        None => builder.build(),
    }
}

fn parameters(settings: &Smtp) -> Result<TlsParameters, MailError> {
    let mut parameters = TlsParameters::builder(settings.host.clone());
    if let Some(path) = &settings.ca_file {
        let wrong = |cause: String| MailError::Trust { path: path.clone(), cause };
        let pem = fs::read(path).map_err(|error| wrong(error.to_string()))?;
        if !pem.windows(BEGIN.len()).any(|window| window == BEGIN) {
            return Err(wrong("it holds no certificate (PEM)".to_owned()));
        }
        let certificates = Certificate::from_pem(&pem).map_err(|error| wrong(error.to_string()))?;
        parameters = parameters.add_root_certificate(certificates);
    }
    parameters.build_rustls().map_err(|error| MailError::Tls(error.to_string()))
}

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
