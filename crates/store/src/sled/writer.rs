//! The only thread that writes.
//!
//! It takes all waiting commits at once (group commit). They are checked and applied one after the
//! other, flushed to disk together, recorded in the file beside the store, published to the feed and
//! answered, in this order. So under load two `fdatasync` calls serve many commits, and no commit is
//! answered or published before it is on disk (I3). One call would not be enough: if the record in
//! the file reached the disk before the commits did, a power cut would make a complete store look
//! older than what was answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::answered::AnsweredFile;
use super::effect::{Appended, Effect, Numbers, State};
use super::flush::Flush;
use super::head::{HEAD, Head};
use super::layout::{self, number};
use super::replaced::{Entries, Replaced};
use super::shared::Shared;
use super::snapshot::SledSnapshot;
use crate::{Change, Commit, CommitError, Committed, StoreError, StoreKey};

/// The most commits that share a flush, so that the first does not wait too long.
const GROUP: usize = 256;

/// What the thread is asked for.
#[derive(Debug)]
pub(super) enum Request {
    /// A commit.
    Commit {
        /// The commit.
        commit: Commit,
        /// Receives the result.
        answer: Answer,
    },
    /// A snapshot, taken when no commit is being made.
    Snapshot {
        /// Receives the snapshot.
        answer: oneshot::Sender<Result<SledSnapshot, StoreError>>,
    },
}

/// Where the result of a commit goes.
type Answer = oneshot::Sender<Result<Committed, CommitError>>;

/// The state of the thread.
pub(super) struct Writer {
    shared: Arc<Shared>,
    key: StoreKey,
    /// The state after the last commit that was written to sled.
    head: Head,
    numbers: Numbers,
    answered: AnsweredFile,
    flush: Flush,
}

impl Writer {
    /// A writer that continues after the state `head`.
    pub(super) fn new(
        shared: Arc<Shared>,
        key: StoreKey,
        head: Head,
        answered: AnsweredFile,
        flush: Flush,
    ) -> Self {
        Self { shared, key, head, numbers: Numbers::new(), answered, flush }
    }

    /// Runs until the last sender has been dropped.
    pub(super) fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        while let Some(first) = requests.blocking_recv() {
            let (mut group, mut next) = (Vec::new(), Some(first));
            while let Some(request) = next {
                match request {
                    Request::Commit { commit, answer } => group.push((commit, answer)),
                    Request::Snapshot { answer } => {
                        self.commit(std::mem::take(&mut group));
                        // The caller may have gone.
                        drop(answer.send(self.snapshot()));
                    }
                }
                next = (group.len() < GROUP).then(|| requests.try_recv().ok()).flatten();
            }
            self.commit(group);
        }
    }

    fn snapshot(&self) -> Result<SledSnapshot, StoreError> {
        self.shared.ensure_running()?;
        Ok(SledSnapshot::begin(&self.shared, self.head.clone()))
    }

    fn commit(&mut self, group: Vec<(Commit, Answer)>) {
        if group.is_empty() {
            return;
        }
        let (commits, waiting): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        // Declared after `waiting`: on a panic, the store fails before the senders are dropped.
        let guard = FailOnPanic(Arc::clone(&self.shared));
        let before = self.head.sequence;
        let mut changes = Vec::new();
        let answers: Vec<_> =
            commits.iter().map(|commit| self.write(commit, &mut changes)).collect();
        let head = self.head.sequence;
        if head != before && self.shared.ensure_running().is_ok() {
            match (self.flush)().and_then(|()| self.answered.write(self.head.mark())) {
                Ok(()) => self.shared.recent.send_modify(|recent| recent.extend(head, changes)),
                Err(error) => self.shared.fail(&format!("cannot write to disk: {error}")),
            }
        }
        // After a fault no commit of the group is answered as made or refused: the state that it
        // was checked against may not be on disk.
        let fault = self.shared.ensure_running().err();
        drop(guard);
        for (answer, to) in answers.into_iter().zip(waiting) {
            let answer = fault.clone().map_or(answer, |fault| Err(fault.into()));
            // The caller may have gone; the commit stands.
            drop(to.send(answer));
        }
    }

    /// Checks and applies one commit.
    fn write(
        &mut self,
        commit: &Commit,
        changes: &mut Vec<Change>,
    ) -> Result<Committed, CommitError> {
        self.shared.ensure_running()?;
        let state = State { tree: &self.shared.db, waiting: &self.head.waiting };
        let effect = Effect::of(commit, state, &self.numbers);
        if let Err(CommitError::Store(_)) = &effect {
            self.shared.db.skip_checksums();
        }
        let effect = effect?;
        if effect.touched.is_empty() {
            return Ok(Committed { sequence: self.head.sequence, versions: Vec::new() });
        }
        let Effect {
            mut entries,
            appended,
            removed,
            index,
            counts,
            next_numbers,
            versions,
            touched,
        } = effect;
        entries.extend(self.counted(counts)?);
        entries.extend(self.shared.read(index.blocks(&self.shared.db))?);
        // If the batch fails, so does the store.
        let (head, mut batch) = (&mut self.head, sled::Batch::default());
        let mut replaced = self.shared.snapshots.replaced();
        head.sequence += 1;
        for (kind, id) in removed {
            if let Some(stored) = head.waiting.remove(kind.name(), id.as_bytes()) {
                head.digest.remove(&self.key, &layout::record(kind, &id), &stored);
            }
        }
        for (place, Replaced { old, new }) in entries {
            if old.as_deref() == new.as_deref() {
                continue;
            }
            if let Some(old) = &old {
                head.digest.remove(&self.key, &place, old);
            }
            replaced.add(&place, old);
            match new {
                Some(value) => {
                    head.digest.add(&self.key, &place, &value);
                    batch.insert(place, value);
                }
                None => batch.remove(place),
            }
        }
        for Appended { kind, id, stored } in appended {
            head.digest.add(&self.key, &layout::record(kind, &id), &stored);
            if let Some((place, block)) = head.waiting.push(kind.name(), id.as_bytes(), &stored) {
                replaced.add(&place, None);
                batch.insert(place, block);
            }
        }
        let sequence = head.sequence;
        batch.insert(HEAD, head.encode());
        let applied = self.shared.snapshots.keep(replaced, || self.shared.db.apply_batch(batch));
        if let Err(error) = applied {
            // Sled may have applied a part of it.
            let error = StoreError::from(error);
            self.shared.fail(&format!("cannot apply a commit: {error}"));
            return Err(error.into());
        }
        // A removed record may have been the last one.
        self.numbers.retain(|kind, _| !touched.iter().any(|(touched, _)| touched == kind));
        self.numbers.extend(next_numbers);
        changes.extend(touched.into_iter().map(|(kind, id)| Change { sequence, kind, id }));
        Ok(Committed { sequence, versions })
    }
}

impl Writer {
    /// The new numbers of records with an index key. Those of appended records are not kept, and stay so when
    /// such a record is removed.
    fn counted(&self, changes: BTreeMap<Vec<u8>, i64>) -> Result<Entries, StoreError> {
        let mut counted = Entries::new();
        for (place, change) in changes {
            let old = self.shared.read(self.shared.db.get(&place))?;
            if old.is_none() && change < 0 {
                continue;
            }
            let before = old.as_deref().and_then(|mut bytes| number(&mut bytes));
            let after = before.unwrap_or_default().saturating_add_signed(change);
            let new = (after > 0).then(|| after.to_be_bytes().to_vec());
            counted.insert(place, Replaced { old, new });
        }
        Ok(counted)
    }
}

/// Fails the store if the writer panics: its state in memory may be inconsistent.
struct FailOnPanic(Arc<Shared>);

impl Drop for FailOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("the writer panicked");
        }
    }
}
