//! How mails leave: what takes them, and the folder that does; [`super::smtp`] is the other.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use lettre::message::header::Bcc;
use lettre::message::{Mailbox, Mailboxes};

use super::MailError;
use super::message::Written;
use crate::directory::letters::NotSent;

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
        let name = format!("{}-{}.eml", mail.created.strftime("%Y%m%dT%H%M%SZ"), mail.id);
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
