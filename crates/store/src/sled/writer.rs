//! The one thread that writes.
//!
//! It works in rounds: all commits that are waiting are judged and applied one after the other,
//! then made durable together, then noted as answered in the file beside the store, then told to
//! the feed, then answered. So under load two `fdatasync`s serve many commits, and none is answered
//! or told before it is on disk (I3). They cannot be one: if the note could reach the disk before
//! the commits, a power cut would make a whole store look older than what was answered.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::Shared;
use super::answered::AnsweredFile;
use super::judge::{Effect, judge};
use super::layout::{self, Head};
use crate::{Change, Commit, CommitError, Committed, StoreError, StoreKey};

/// At most so many commits share a flush, so that the first does not wait too long.
const ROUND: usize = 256;

/// Makes durable what sled was given so far.
pub(super) type Disk = Box<dyn FnMut() -> io::Result<()> + Send>;

/// A commit and whoever waits for it.
#[derive(Debug)]
pub(super) struct Request {
    /// What to write.
    pub(super) commit: Commit,
    /// Where the answer goes.
    pub(super) answer: oneshot::Sender<Result<Committed, CommitError>>,
}

/// The state of the writing thread.
pub(super) struct Writer {
    shared: Arc<Shared>,
    key: StoreKey,
    /// The newest commit that sled was given, and the digest with it.
    head: Head,
    answered: AnsweredFile,
    disk: Disk,
}

impl Writer {
    /// A writer that goes on after the commit `head`.
    pub(super) fn new(
        shared: Arc<Shared>,
        key: StoreKey,
        head: Head,
        answered: AnsweredFile,
        disk: Disk,
    ) -> Self {
        Self { shared, key, head, answered, disk }
    }

    /// Serves until the last sender is gone.
    pub(super) fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        while let Some(first) = requests.blocking_recv() {
            let mut round = vec![first];
            while round.len() < ROUND
                && let Ok(next) = requests.try_recv()
            {
                round.push(next);
            }
            self.serve(round);
        }
    }

    fn serve(&mut self, round: Vec<Request>) {
        let (commits, waiting): (Vec<_>, Vec<_>) =
            round.into_iter().map(|request| (request.commit, request.answer)).unzip();
        // Made after `waiting`, so that nobody hears of a panic before the store has failed.
        let guard = FailOnPanic(Arc::clone(&self.shared));
        let before = self.head.sequence;
        let mut changes = Vec::new();
        let answers: Vec<_> =
            commits.iter().map(|commit| self.write(commit, &mut changes)).collect();
        let head = self.head.sequence;
        if head != before && self.shared.sound().is_ok() {
            match (self.disk)().and_then(|()| self.answered.write(self.head.mark())) {
                Ok(()) => self.shared.recent.send_modify(|recent| recent.extend(head, changes)),
                Err(error) => self.shared.fail(&format!("writing to disk: {error}")),
            }
        }
        // After a fault nothing of the round is answered as done, or as refused: what it was
        // judged by may not be on disk.
        let fault = self.shared.sound().err();
        drop(guard);
        for (answer, to) in answers.into_iter().zip(waiting) {
            let answer = fault.clone().map_or(answer, |fault| Err(fault.into()));
            // Nobody waits any more: the commit stands all the same.
            drop(to.send(answer));
        }
    }

    /// Judges and applies one commit.
    fn write(
        &mut self,
        commit: &Commit,
        changes: &mut Vec<Change>,
    ) -> Result<Committed, CommitError> {
        self.shared.sound()?;
        let effect = judge(&self.shared.db, commit)?;
        if effect.touched.is_empty() {
            return Ok(Committed { sequence: self.head.sequence, versions: Vec::new() });
        }
        let Effect { entries, versions, touched } = effect;
        let (mut head, mut batch) = (self.head.clone(), sled::Batch::default());
        head.sequence += 1;
        for (place, value) in entries {
            if let Some(old) = self.shared.db.get(&place).map_err(StoreError::from)? {
                head.digest.remove(&self.key, &place, &old);
            }
            match value {
                Some(value) => {
                    head.digest.add(&self.key, &place, &value);
                    batch.insert(place, value);
                }
                None => batch.remove(place),
            }
        }
        batch.insert(layout::HEAD, head.encode());
        if let Err(error) = self.shared.db.apply_batch(batch) {
            // Part of it may stand in sled's memory.
            self.shared.fail(&format!("applying a commit: {error}"));
            return Err(StoreError::from(error).into());
        }
        let sequence = head.sequence;
        self.head = head;
        changes.extend(touched.into_iter().map(|(kind, id)| Change { sequence, kind, id }));
        Ok(Committed { sequence, versions })
    }
}

/// The real disk. Sled's own flush leaves the data in the drive's cache, and what it puts into
/// files of its own (`blobs`, for large pages) in the kernel's.
pub(super) fn fsync(path: &Path, db: &sled::Db) -> io::Result<Disk> {
    let db = db.clone();
    let file = File::open(path.join("db"))?;
    let folder = path.join("blobs");
    let mut known = HashSet::new();
    Ok(Box::new(move || {
        db.flush()?;
        known = sync_new(&folder, &known)?;
        file.sync_data()
    }))
}

/// Syncs the files in `folder` that are not among `known`, and the folder if there are any. All
/// files that are there now. A file in it is written once, before it is heard of here.
fn sync_new(folder: &Path, known: &HashSet<OsString>) -> io::Result<HashSet<OsString>> {
    let mut found = HashSet::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        if !known.contains(&name) {
            match File::open(folder.join(&name)) {
                Ok(file) => file.sync_all()?,
                // Removed since it was listed: it was replaced already.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            }
        }
        found.insert(name);
    }
    if !found.is_subset(known) {
        File::open(folder)?.sync_all()?;
    }
    Ok(found)
}

/// Fails the store if the writer panics, so that nobody goes on reading what it left behind.
struct FailOnPanic(Arc<Shared>);

impl Drop for FailOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("the writer panicked");
        }
    }
}
