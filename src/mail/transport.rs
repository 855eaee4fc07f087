//! How mails leave the gateway. This module has the interface and the folder; [`super::smtp`] has
//! the mail server.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use lettre::message::header::Bcc;
use lettre::message::{Mailbox, Mailboxes};

use super::error::{MailError, SendError};
use super::message::OutgoingMail;

/// Accepts mails for delivery.
#[async_trait]
pub(super) trait Transport: fmt::Debug + Send + Sync {
    /// Creates what mails are put into.
    fn prepare(&self) -> Result<(), MailError> {
        Ok(())
    }

    /// Sends a mail. After `Ok` the recipient's side is responsible for it.
    async fn send(&self, mail: &OutgoingMail) -> Result<(), SendError>;
}

/// A folder with a file for each mail, written completely or not at all. The file's name follows from
/// the mail, so a mail that is sent again replaces its file. The blind copy is shown as `Bcc`.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// The file of a mail.
    pub(super) fn file(&self, mail: &OutgoingMail) -> PathBuf {
        self.0.join(file_name(mail))
    }
}

#[async_trait]
impl Transport for Folder {
    fn prepare(&self) -> Result<(), MailError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)
            .map_err(|source| MailError::Folder { path: self.0.clone(), source })
    }

    async fn send(&self, mail: &OutgoingMail) -> Result<(), SendError> {
        let mut message = mail.message.clone();
        if let Some(copy) = mail.blind_copy.clone() {
            message.headers_mut().set(Bcc::from(Mailboxes::from(Mailbox::from(copy))));
        }
        let (folder, name, content) = (self.0.clone(), file_name(mail), message.formatted());
        let written = tokio::task::spawn_blocking(move || write(&folder, &name, &content)).await;
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(SendError::Transient(format!("{}: {error}", self.0.display()))),
            Err(error) => Err(SendError::Transient(error.to_string())),
        }
    }
}

fn file_name(mail: &OutgoingMail) -> String {
    format!("{}-{}.eml", mail.created.strftime("%Y%m%dT%H%M%SZ"), mail.id)
}

fn write(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let partial = folder.join(format!(".{name}.partial"));
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&partial, folder.join(name))?;
    File::open(folder)?.sync_all()
}
