//! Backups: all records of the running gateway in one file.
//!
//! The file is made from a snapshot of the store ([`portcullis_store::backup`]) on a thread of its
//! own, which leaves the processors to requests ([`Pace`]). An entry of the audit log and a checkpoint come first, so both are in the
//! file.

mod pace;
mod scheduled;

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use serde_json::Map;
use tokio::sync::mpsc;

pub use self::pace::{Pace, lower_priority};
pub use self::scheduled::{Schedule, ScheduleStatus};

use self::pace::on_thread;
use crate::audit::AuditLog;
use crate::config::ScheduledBackups;
use crate::directory::records::audit::Occurrence;
use crate::directory::records::kind;
use crate::directory::{Change, Directory};
use portcullis_store::backup::{self, BackupError, Header, Options};
use portcullis_store::{Kind, Snapshot, Store, StoreError, StoreKey};

/// What is left out unless sessions are asked for: sessions, why others have ended, and links that
/// open one.
const SESSIONS: [Kind; 4] =
    [kind::SESSION, kind::ENDED_SESSION, kind::ADMIN_SESSION, kind::VIEW_LINK];
/// How many bytes are sent at a time, and how many such parts wait.
const PART: usize = 256 * 1024;
const WAITING: usize = 4;

/// Makes backups. Clones share the store.
#[derive(Clone)]
pub struct Backups {
    store: Arc<dyn Store>,
    key: StoreKey,
    directory: Directory,
    audit: AuditLog,
    schedule: Option<Schedule>,
}

impl Backups {
    /// Backups of the store that has this key.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        key: StoreKey,
        directory: Directory,
        audit: AuditLog,
    ) -> Self {
        Self { store, key, directory, audit, schedule: None }
    }

    /// The same with a schedule.
    #[must_use]
    pub fn with_schedule(self, settings: Option<ScheduledBackups>) -> Self {
        Self { schedule: settings.map(Schedule::new), ..self }
    }

    /// The schedule, if there is one.
    #[must_use]
    pub const fn schedule(&self) -> Option<&Schedule> {
        self.schedule.as_ref()
    }

    /// Takes a snapshot of all records, with sessions or without, after an entry of the audit log
    /// about it. `file` is where the gateway writes it, unless it is for a client.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn begin(
        &self,
        sessions: bool,
        file: Option<&Path>,
        change: &Change,
    ) -> Result<Begun, StoreError> {
        let mut after = Map::from_iter([("sessions".to_owned(), sessions.into())]);
        after.extend(file.map(|file| ("file".to_owned(), file.display().to_string().into())));
        self.audit.add_refused().await?;
        self.audit.note(change, Occurrence::of_gateway("backup.created", after)).await?;
        let checkpoint = self.audit.checkpoint(change.at).await?;
        let snapshot = self.store.snapshot().await?;
        let mut facts = vec![
            ("time".to_owned(), change.at.to_string()),
            ("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            ("policy".to_owned(), self.directory.snapshot().policy().version().to_owned()),
            ("sessions".to_owned(), sessions.to_string()),
        ];
        facts.extend(checkpoint.map(|signed| ("audit_checkpoint".to_owned(), signed.checkpoint)));
        let leave_out = if sessions { Vec::new() } else { SESSIONS.to_vec() };
        Ok(Begun { snapshot, key: self.key.clone(), options: Options { leave_out, facts } })
    }
}

impl fmt::Debug for Backups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backups").finish_non_exhaustive()
    }
}

/// A backup whose content is fixed, and not yet written.
#[derive(Debug)]
pub struct Begun {
    snapshot: Box<dyn Snapshot>,
    key: StoreKey,
    options: Options,
}

impl Begun {
    /// The file, part by part. If it cannot be finished, the last item is an error. Polled after its
    /// end, as a compressing layer does, it has ended.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn stream(
        self,
    ) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + 'static, StoreError> {
        let (parts, taken) = mpsc::channel(WAITING);
        let started = on_thread(move || {
            let out = BufWriter::with_capacity(PART, Parts(parts.clone()));
            let Err(error) = self.write(out) else { return };
            tracing::error!(%error, "could not finish a backup");
            // The client may have gone.
            drop(parts.blocking_send(Err(io::Error::other(error.to_string()))));
        });
        started.map_err(|error| StoreError::Unavailable(format!("no thread for it: {error}")))?;
        let next = |mut taken: mpsc::Receiver<_>| async move { Some((taken.recv().await?, taken)) };
        Ok(stream::unfold(taken, next).fuse())
    }

    fn write(self, out: impl Write) -> Result<(Header, u64), BackupError> {
        let mut pace = Pace::start();
        backup::write(self.snapshot, &self.key, self.options, out, &mut || pace.pause())
    }

    /// Writes a new file. Blocks. Returns its header and its length.
    fn write_file(self, path: &Path) -> Result<(Header, u64), BackupError> {
        let mut pace = Pace::start();
        let pause = &mut || pace.pause();
        backup::write_file(self.snapshot, &self.key, self.options, path, pause)
    }
}

/// Sends what is written.
struct Parts(mpsc::Sender<io::Result<Bytes>>);

impl Write for Parts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the client has gone"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
