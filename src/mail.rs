//! Mail to portal users: from the record that the directory writes to the transport.
//!
//! One mail is sent at a time, and a transport that hangs is cut off. Nothing is lost in a crash. A
//! mail is sent twice only if the transport accepted it and the gateway crashed before that was
//! recorded; it is then the same message with the same Message-ID, or the same file.
//!
//! | module | holds |
//! |---|---|
//! | [`queue`] | the records: which mails are due, how each attempt ended |
//! | `templates` | texts, built in and the operator's |
//! | `error` | why a mail, or all mail, cannot be sent |
//! | `message` | composes a message |
//! | `transport`, `smtp` | send it, to a folder or to a mail server |
//! | `outbox` | the task that sends what is due |
//! | `tester` | sends a test mail at once and reports what the mail server answers |
//! | `content` | how a mail reads, for operators |

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::config::{MailTransport, Settings};
use crate::directory::Directory;

use self::message::Composer;
use self::outbox::Sending;
use self::smtp::Server;
use self::templates::Templates;
use self::tester::Tested;
use self::transport::{Folder, Transport};

mod content;
mod error;
mod message;
mod outbox;
pub mod queue;
mod smtp;
mod templates;
mod tester;
mod transport;

#[cfg(test)]
mod tests;

pub use self::content::MailContent;
pub use self::error::MailError;
pub use self::outbox::{Outbox, OutboxWaker};
pub use self::queue::MailQueue;
pub use self::tester::{MailTest, MailTester};

/// Composes and sends mails.
#[derive(Debug)]
pub struct Mailer {
    sending: Arc<ArcSwap<Sending>>,
    tester: MailTester,
}

/// Changes how mails are composed and sent while the gateway runs.
#[derive(Debug)]
pub struct MailReload {
    sending: Arc<ArcSwap<Sending>>,
    tester: MailTester,
}

impl Mailer {
    /// Reads the templates and certificates that the settings name. Nothing is created or connected
    /// to yet.
    ///
    /// # Errors
    /// All errors in templates, or an error in certificates.
    pub fn new(settings: &Settings) -> Result<Self, MailError> {
        let (sending, tested) = read(settings)?;
        let sending = Arc::new(ArcSwap::from_pointee(sending));
        Ok(Self { sending, tester: MailTester::new(tested) })
    }

    /// What puts other settings in force.
    #[must_use]
    pub fn reload(&self) -> MailReload {
        MailReload { sending: Arc::clone(&self.sending), tester: self.tester.clone() }
    }

    /// Sends test mails in the same way, over connections of its own.
    #[must_use]
    pub fn tester(&self) -> MailTester {
        self.tester.clone()
    }

    /// Checks the operator's templates.
    ///
    /// # Errors
    /// All errors in them.
    pub fn check_templates(folder: &Path) -> Result<(), MailError> {
        Ok(Templates::load(Some(folder)).map(drop)?)
    }

    /// The outbox for the mails of this directory. `waker` must follow the same change feed.
    ///
    /// # Errors
    /// When the folder for mails cannot be created.
    pub fn open(self, directory: Directory, waker: Arc<OutboxWaker>) -> Result<Outbox, MailError> {
        self.sending.load().transport.prepare()?;
        Ok(Outbox::new(directory, self.sending, waker))
    }
}

impl MailReload {
    /// Sends mails as these settings say, from the next one on.
    ///
    /// # Errors
    /// As [`Mailer::new`] and [`Mailer::open`]; everything then stays as it was.
    pub fn put_in_force(&self, settings: &Settings) -> Result<(), MailError> {
        let (sending, tested) = read(settings)?;
        sending.transport.prepare()?;
        self.sending.store(Arc::new(sending));
        self.tester.tested.store(Arc::new(tested));
        Ok(())
    }
}

/// Reads the templates and certificates that the settings name.
fn read(settings: &Settings) -> Result<(Sending, Tested), MailError> {
    let templates = Templates::load(settings.mail.templates.as_deref())?;
    let transport: Box<dyn Transport> = match &settings.mail.transport {
        MailTransport::Directory(folder) => Box::new(Folder::new(folder.clone())),
        MailTransport::Smtp(smtp) => {
            Box::new(Server::new(smtp, settings.server.public_url.host())?)
        }
    };
    let composer = Arc::new(Composer::new(settings, templates));
    let tested = Tested::new(settings, Arc::clone(&composer))?;
    Ok((Sending { composer, transport }, tested))
}
