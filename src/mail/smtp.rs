//! The transport that hands mails to a mail server.
//!
//! lettre's client requires replies in UTF-8 with a text and does not report at which step it failed,
//! so only its addresses are used here; the conversation is our own ([`conversation`]).

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lettre::address::Envelope;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use self::conversation::{Conversation, Failure, Reply, Stream};
use self::diagnosis::Diagnosis;
use self::step::{Step, Timeouts};
use super::error::{MailError, SendError};
use super::message::OutgoingMail;
use super::transport::Transport;
use crate::config::{Security, Smtp};
use crate::credential::authorities;
use portcullis_policy::Host;

mod conversation;
mod diagnosis;
mod step;

pub(super) use self::step::Stage;

/// How long a connection to the mail server is kept for the next mail.
const KEPT: Duration = Duration::from_secs(30);
/// The longest time for connecting to one of the server's addresses.
const CONNECT: Duration = Duration::from_secs(30);

/// A mail server.
pub(super) struct Server {
    settings: Smtp,
    tls: Option<TlsConnector>,
    hello: String,
    kept: Mutex<Option<Kept>>,
}

type Conversing = Conversation<Box<dyn Stream>>;

/// A conversation that the next mail can use.
struct Kept {
    conversation: Conversing,
    since: Instant,
}

impl Server {
    /// Reads the certificates. Connects when there is a mail to send. `host` is the name in `EHLO`.
    pub(super) fn new(settings: &Smtp, host: &Host) -> Result<Self, MailError> {
        let tls = match settings.security {
            Security::None => None,
            Security::Starttls | Security::Tls => Some(TlsConnector::from(trust(settings)?)),
        };
        let name = host.name();
        let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
        let hello = match bare.parse() {
            Ok(IpAddr::V4(address)) => format!("[{address}]"),
            Ok(IpAddr::V6(address)) => format!("[IPv6:{address}]"),
            Err(_) => name.to_owned(),
        };
        Ok(Self { settings: settings.clone(), tls, hello, kept: Mutex::new(None) })
    }

    async fn deliver(&self, envelope: &Envelope, message: &[u8]) -> Result<(), SendError> {
        let mut kept = self.kept.lock().await;
        let mut conversation = match reusable(kept.take()).await {
            Some(conversation) => conversation,
            None => {
                let timeouts = Timeouts::new(self.settings.timeout);
                self.connect(timeouts).await.map_err(|failure| self.send_error(failure))?
            }
        };
        match conversation.send(envelope, message).await {
            Ok(_) => {
                *kept = Some(Kept { conversation, since: Instant::now() });
                Ok(())
            }
            Err(failure) => {
                if matches!(failure, Failure::Refused(..)) {
                    conversation.quit().await;
                }
                Err(self.send_error(failure))
            }
        }
    }

    /// The server as `HOST:PORT`.
    pub(super) fn name(&self) -> String {
        format!("{}:{}", self.settings.host, self.settings.port)
    }

    /// Sends a message over a connection of its own, with at most `step` for each step, until the
    /// deadline. Returns the server's reply.
    pub(super) async fn test(
        &self,
        envelope: &Envelope,
        message: &[u8],
        step: Duration,
        deadline: Instant,
    ) -> Result<Reply, Diagnosis> {
        let sending = async {
            let mut conversation = self.connect(Timeouts::until(step, deadline)).await?;
            let sent = conversation.send(envelope, message).await;
            if matches!(sent, Ok(_) | Err(Failure::Refused(..))) {
                conversation.quit().await;
            }
            sent
        };
        let from = envelope.from().map_or("", |from| from.as_ref());
        sending.await.map_err(|failure| Diagnosis::new(failure, &self.settings, from))
    }

    /// Connects as for a mail and sends none, with at most `step` for each step, until the deadline.
    pub(super) async fn reach_for_test(
        &self,
        step: Duration,
        deadline: Instant,
    ) -> Result<(), Diagnosis> {
        match self.connect(Timeouts::until(step, deadline)).await {
            Ok(mut conversation) => {
                conversation.quit().await;
                Ok(())
            }
            Err(failure) => Err(Diagnosis::new(failure, &self.settings, "")),
        }
    }

    /// Starts a conversation, with TLS and authentication as in the settings.
    async fn connect(&self, timeouts: Timeouts) -> Result<Conversing, Failure> {
        let Smtp { security, credentials, .. } = &self.settings;
        let stream = self.reach(timeouts).await?;
        let mut conversation = match security {
            Security::None => {
                let stream: Box<dyn Stream> = Box::new(stream);
                Conversation::begin(stream, &self.hello, timeouts).await?
            }
            Security::Tls => {
                let stream = self.secure(stream, timeouts).await?;
                Conversation::begin(stream, &self.hello, timeouts).await?
            }
            Security::Starttls => {
                let clear = Conversation::begin(stream, &self.hello, timeouts).await?;
                let stream = self.secure(clear.starttls().await?, timeouts).await?;
                Conversation::resume(stream, &self.hello, timeouts).await?
            }
        };
        if let Some((user, password)) = credentials {
            conversation.sign_in(user, password).await?;
        }
        Ok(conversation)
    }

    /// Connects to the first of the server's addresses that accepts.
    async fn reach(&self, timeouts: Timeouts) -> Result<TcpStream, Failure> {
        let Smtp { host, port, .. } = &self.settings;
        let timed_out = || io::Error::from(io::ErrorKind::TimedOut);
        let mut failed = io::Error::other("the name has no address");
        let addresses = match timeout(timeouts.step(), lookup_host((host.as_str(), *port))).await {
            Ok(Ok(addresses)) => addresses.collect(),
            Ok(Err(error)) => {
                failed = error;
                Vec::new()
            }
            Err(_) => {
                failed = timed_out();
                Vec::new()
            }
        };
        for address in addresses {
            match timeout(CONNECT.min(timeouts.step()), TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failed = error,
                Err(_) => failed = timed_out(),
            }
        }
        Err(Failure::Broken(Step::Connect, format!("cannot connect: {failed}")))
    }

    async fn secure(
        &self,
        stream: TcpStream,
        timeouts: Timeouts,
    ) -> Result<Box<dyn Stream>, Failure> {
        let broken = |why: &dyn fmt::Display| {
            Failure::Broken(Step::Handshake, format!("{}: {why}", Step::Handshake))
        };
        let Some(tls) = &self.tls else { return Err(broken(&"is not set up")) };
        let name = ServerName::try_from(self.settings.host.clone());
        let name = name.map_err(|error| broken(&error))?;
        match timeout(timeouts.step(), tls.connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) if is_about_certificate(&error) => {
                Err(Failure::Broken(Step::Certificate, format!("{}: {error}", Step::Certificate)))
            }
            Ok(Err(error)) => Err(broken(&error)),
            Err(_) => Err(broken(&"the handshake took too long")),
        }
    }

    fn send_error(&self, failure: Failure) -> SendError {
        let Smtp { host, port, .. } = &self.settings;
        match failure {
            Failure::Refused(step, reply) => {
                let message = format!("{host}:{port} refused {step}: {reply}");
                if reply.no_such_address() {
                    SendError::Permanent(message)
                } else {
                    SendError::Transient(message)
                }
            }
            Failure::Broken(_, why) => SendError::Transient(format!("{host}:{port}: {why}")),
            Failure::Unconfirmed(why) => SendError::Unconfirmed(format!("{host}:{port}: {why}")),
        }
    }
}

#[async_trait]
impl Transport for Server {
    /// The blind copy is sent separately, after the mail, so that a server that refuses it still
    /// accepts the mail. It is tried once.
    async fn send(&self, mail: &OutgoingMail) -> Result<(), SendError> {
        let message = mail.message.formatted();
        self.deliver(&mail.envelope, &message).await?;
        if let Some(copy) = mail.blind_copy.clone() {
            let copied = match Envelope::new(mail.envelope.from().cloned(), vec![copy]) {
                Ok(envelope) => self.deliver(&envelope, &message).await,
                Err(error) => Err(SendError::Permanent(error.to_string())),
            };
            if let Err(error) = copied {
                let error = error.message();
                tracing::warn!(mail.id = %mail.id, error, "the blind copy of an email was not sent");
            }
        }
        Ok(())
    }
}

fn is_about_certificate(error: &io::Error) -> bool {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    matches!(cause, Some(rustls::Error::InvalidCertificate(_)))
}

/// The conversation that was kept, if it can still be used.
async fn reusable(kept: Option<Kept>) -> Option<Conversing> {
    let Kept { mut conversation, since } = kept?;
    (since.elapsed() < KEPT && conversation.reset().await.is_ok()).then_some(conversation)
}

/// A TLS configuration that trusts the system's authorities and those in `ca_file`.
fn trust(settings: &Smtp) -> Result<Arc<ClientConfig>, MailError> {
    let mut authorities = authorities::of_system();
    if let Some(path) = &settings.ca_file {
        let wrong = |cause| MailError::Trust { path: path.clone(), cause };
        authorities::add_file(&mut authorities, path).map_err(wrong)?;
    }
    authorities::trusting(authorities).map_err(|error| MailError::Tls(error.to_string()))
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("settings", &self.settings).finish_non_exhaustive()
    }
}
