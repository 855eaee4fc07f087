//! Test mails: sent at once, over the configured transport, to any address. They are not recorded and
//! not retried; the result has what the mail server answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use lettre::address::{Address, Envelope};
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use serde::Serialize;
use tokio::time::{Instant, timeout};

use super::error::{MailError, SendError};
use super::message::{Composer, OutgoingMail, builder, on_one_line, part, sender};
use super::smtp::{Server, Stage};
use super::transport::{Folder, Transport as _};
use crate::config::{MailTransport, Settings};
use crate::directory::MailId;
use crate::email;

/// The longest time for a step, such as connecting.
const STEP: Duration = Duration::from_secs(10);
/// The longest time for all steps. The admin API allows a request 60 s.
const TOTAL: Duration = Duration::from_secs(45);

/// Sends test mails. Clones share the transport.
#[derive(Debug, Clone)]
pub struct MailTester {
    pub(super) tested: Arc<ArcSwap<Tested>>,
    /// In a dry run: how many mails would have been sent.
    unsent: Option<Arc<AtomicUsize>>,
}

#[derive(Debug)]
pub(super) struct Tested {
    /// Composes the mails to portal users, to be read by operators.
    pub(super) composer: Arc<Composer>,
    from: Mailbox,
    business: String,
    public_url: String,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Folder(Folder),
    Server(Box<Server>),
}

/// What became of a test mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct MailTest {
    /// The recipient's address.
    to: String,
    /// `smtp` or `directory`.
    transport: &'static str,
    /// The mail server as `HOST:PORT`, or the file.
    via: String,
    sent: bool,
    /// Where it failed, at a mail server.
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<Stage>,
    /// The code of the server's reply, if it replied to the mail or refused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    /// The text of that reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<String>,
    /// Why it was not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// What to check.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

/// Why a mail server cannot be used. The texts are sentences, the first without a full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailFault {
    /// What failed.
    pub error: String,
    /// What to check.
    pub advice: String,
}

impl MailTester {
    pub(super) fn new(tested: Tested) -> Self {
        Self { tested: Arc::new(ArcSwap::from_pointee(tested)), unsent: None }
    }

    /// A tester for a dry run: it checks the address and sends nothing.
    #[must_use]
    pub fn of_dry_run(&self) -> Self {
        Self { unsent: Some(Arc::default()), ..self.clone() }
    }

    /// How many mails a dry run would have sent.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.unsent.as_ref().map_or(0, |unsent| unsent.load(Ordering::Relaxed))
    }

    /// Sends a test mail; takes at most 45 s.
    ///
    /// # Errors
    /// Why `to` is not an address to send to.
    pub async fn send(&self, to: &str, now: Timestamp) -> Result<MailTest, String> {
        let address =
            email::address(to).map_err(|why| format!("`{to}` is not an email address: {why}"))?;
        let tested = self.tested.load_full();
        let mail = tested.compose(&address, now)?;
        let test = match (&tested.way, &self.unsent) {
            (_, Some(unsent)) => {
                unsent.fetch_add(1, Ordering::Relaxed);
                MailTest { sent: false, ..MailTest::sent("none", String::new()) }
            }
            (Way::Folder(folder), None) => into_folder(folder, &mail).await,
            (Way::Server(server), None) => to_server(server, &mail).await,
        };
        let test = MailTest { to: address.to_string(), ..test };
        match &test.error {
            None => tracing::info!(mail.id = %mail.id, "a test email was sent"),
            Some(error) => tracing::warn!(mail.id = %mail.id, error, "a test email was not sent"),
        }
        Ok(test)
    }
}

impl MailTester {
    /// Connects to the mail server as for a mail, with TLS and sign-in, and sends none; takes at most
    /// 45 s. The server as `HOST:PORT`, or `None` if mails go to a folder.
    ///
    /// # Errors
    /// When the server cannot be used.
    pub async fn reach(&self) -> Result<Option<String>, MailFault> {
        let tested = self.tested.load_full();
        let Way::Server(server) = &tested.way else { return Ok(None) };
        match server.reach_for_test(STEP, Instant::now() + TOTAL).await {
            Ok(()) => Ok(Some(server.name())),
            Err(diagnosis) => Err(MailFault { error: diagnosis.error, advice: diagnosis.advice }),
        }
    }
}

impl MailTest {
    /// Whether the mail server took it.
    #[must_use]
    pub const fn is_sent(&self) -> bool {
        self.sent
    }
}

impl Tested {
    /// Reads the certificates that the settings name.
    pub(super) fn new(settings: &Settings, composer: Arc<Composer>) -> Result<Self, MailError> {
        let way = match &settings.mail.transport {
            MailTransport::Directory(folder) => Way::Folder(Folder::new(folder.clone())),
            MailTransport::Smtp(smtp) => {
                Way::Server(Box::new(Server::new(smtp, settings.server.public_url.host())?))
            }
        };
        Ok(Self {
            composer,
            from: sender(settings),
            business: on_one_line(&settings.branding.name),
            public_url: settings.server.public_url.as_str().to_owned(),
            way,
        })
    }

    fn compose(&self, to: &Address, now: Timestamp) -> Result<OutgoingMail, String> {
        let id = MailId::from(format!("test-{}", now.as_nanosecond()));
        let Self { business, public_url, .. } = self;
        let text = format!(
            "This is a test email from the customer portal of {business}:\n\n{public_url}\n\nAn \
             administrator has sent it to check that emails arrive. There is nothing to do.\n"
        );
        let envelope = Envelope::new(Some(self.from.email.clone()), vec![to.clone()])
            .map_err(|error| error.to_string())?;
        let message = builder(&id, now, &self.from, &format!("Test email from {business}"))
            .envelope(envelope.clone())
            .to(Mailbox::from(to.clone()))
            .singlepart(part(ContentType::TEXT_PLAIN, text))
            .map_err(|error| error.to_string())?;
        Ok(OutgoingMail { id, created: now, envelope, message, blind_copy: None })
    }
}

impl MailTest {
    fn sent(transport: &'static str, via: String) -> Self {
        Self {
            to: String::new(),
            transport,
            via,
            sent: true,
            stage: None,
            code: None,
            reply: None,
            error: None,
            advice: None,
        }
    }
}

async fn into_folder(folder: &Folder, mail: &OutgoingMail) -> MailTest {
    let test = MailTest::sent("directory", folder.file(mail).display().to_string());
    let late = || SendError::Transient(format!("it took longer than {} s", TOTAL.as_secs()));
    match timeout(TOTAL, folder.send(mail)).await.unwrap_or_else(|_| Err(late())) {
        Ok(()) => test,
        Err(error) => MailTest {
            sent: false,
            error: Some(format!("mail.directory: {}", error.message())),
            advice: Some(
                "Check that the folder exists, that the gateway may write to it, and that the disk \
                 is not full."
                    .to_owned(),
            ),
            ..test
        },
    }
}

async fn to_server(server: &Server, mail: &OutgoingMail) -> MailTest {
    let test = MailTest::sent("smtp", server.name());
    let message = mail.message.formatted();
    match server.test(&mail.envelope, &message, STEP, Instant::now() + TOTAL).await {
        Ok(reply) => MailTest { code: Some(reply.code()), reply: Some(reply.text()), ..test },
        Err(diagnosis) => MailTest {
            sent: false,
            stage: Some(diagnosis.stage),
            code: diagnosis.reply.as_ref().map(|reply| reply.code()),
            reply: diagnosis.reply.map(|reply| reply.text()),
            error: Some(diagnosis.error),
            advice: Some(diagnosis.advice),
            ..test
        },
    }
}
