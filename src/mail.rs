//! The mail room: letters out of the outbox, written in words, handed to a transport.
//!
//! The directory says which letter is to be sent and keeps how each try ended; here it gets its
//! text and goes out. One letter at a time; a transport that hangs is cut off. After a crash
//! nothing is lost; nothing is sent twice but what a transport had taken and we had not yet noted,
//! and then it is the same message under the same Message-ID, or the same file.
//!
//! | module | holds |
//! |---|---|
//! | `text` | templates, built in and the operator's |
//! | `message` | from a letter to a message |
//! | `transport` | what takes messages: a folder, |
//! | `smtp` | or a mail server |
//! | `outbox` | the task that sends what is due |

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::{MailTransport, Settings};
use crate::directory::Directory;

use self::message::Writer;
use self::smtp::Server;
use self::text::Templates;
use self::transport::{Carrier, Folder};

mod message;
mod outbox;
mod smtp;
mod text;
mod transport;

#[cfg(test)]
mod tests;

pub use self::outbox::{Bell, Outbox};
pub use self::text::TemplateProblems;

/// Why mail cannot be sent at all.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// Templates are wrong.
    #[error("mail templates cannot be used:\n{0}")]
    Templates(#[from] TemplateProblems),
    /// The folder for mails cannot be made.
    #[error("mail.directory: `{}` cannot be used: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The certificates to trust cannot be read.
    #[error("mail.smtp.ca_file: `{}` cannot be used: {cause}", path.display())]
    Trust {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: String,
    },
    /// TLS cannot be set up.
    #[error("mail.smtp: {0}")]
    Tls(String),
}

/// What writes and carries mails, before there is anything to send.
#[derive(Debug)]
pub struct MailRoom {
    writer: Writer,
    carrier: Box<dyn Carrier>,
}

impl MailRoom {
    /// Reads all that the settings name. Nothing is made yet, and nobody connected to.
    ///
    /// # Errors
    /// What is wrong with templates or certificates.
    pub fn new(settings: &Settings) -> Result<Self, MailError> {
        let templates = Templates::load(settings.mail.templates.as_deref())?;
        let carrier: Box<dyn Carrier> = match &settings.mail.transport {
            MailTransport::Directory(folder) => Box::new(Folder::new(folder.clone())),
            MailTransport::Smtp(smtp) => {
                Box::new(Server::new(smtp, settings.server.public_url.host())?)
            }
        };
        Ok(Self { writer: Writer::new(settings, templates), carrier })
    }

    /// Reads the operator's templates without using them.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check_templates(folder: &Path) -> Result<(), MailError> {
        Ok(Templates::load(Some(folder)).map(drop)?)
    }

    /// The outbox of this directory, which is told of letters by `bell`.
    ///
    /// # Errors
    /// When the folder for mails cannot be made.
    pub fn open(self, directory: Directory, bell: Arc<Bell>) -> Result<Outbox, MailError> {
        self.carrier.prepare()?;
        Ok(Outbox::new(directory, self.writer, self.carrier, bell))
    }
}
