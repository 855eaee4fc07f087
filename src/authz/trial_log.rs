//! What is seen in trials of the portal: a row for each method, host and folded path, without ids,
//! values of parameters, cookies or bodies.
//!
//! Only responses of the portal to a trial's session are added. They wait in memory, and a task
//! writes them to the store every two seconds, so that they survive a restart and no request waits
//! for the disk. A trial has at most 2000 rows, each of bounded size; requests beyond are counted.

mod row;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use portcullis_store::{CommitError, Expect, StoreError, Write};
use tokio::sync::Mutex;

use self::row::{id_of, merge, row_of};
use super::AccessRequest;
use crate::clock;
use crate::directory::records::{Trial, TrialId, TrialRow, TrialRowId, kind, put};
use crate::directory::{Actor, Change, Directory};

/// Time between two writes.
const WRITE_INTERVAL: Duration = Duration::from_secs(2);
/// The most rows that wait.
const MOST_WAITING: usize = 500;
/// The most rows of a trial.
const MOST_ROWS: u64 = 2000;

/// What is seen in trials of the portal.
#[derive(Debug)]
pub struct TrialLog {
    directory: Directory,
    waiting: parking_lot::Mutex<Waiting>,
    /// Held while rows are written.
    writing: Mutex<()>,
}

/// What is not in the store yet.
#[derive(Debug, Default)]
struct Waiting {
    rows: HashMap<String, TrialRow>,
    /// Requests for which there was no room, by trial.
    others: BTreeMap<TrialId, u64>,
}

impl Waiting {
    fn add(&mut self, id: String, row: TrialRow) {
        if let Some(known) = self.rows.get_mut(&id) {
            merge(known, row);
        } else if self.rows.len() < MOST_WAITING {
            self.rows.insert(id, row);
        } else {
            *self.others.entry(row.trial).or_default() += row.requests;
        }
    }
}

impl TrialLog {
    /// Those in the store of this directory.
    #[must_use]
    pub fn new(directory: Directory) -> Self {
        Self { directory, waiting: parking_lot::Mutex::default(), writing: Mutex::const_new(()) }
    }

    /// Adds the portal's response to a request in a trial.
    pub fn add(
        &self,
        trial: &TrialId,
        (host, request): (&str, &AccessRequest),
        (status, headers): (StatusCode, &HeaderMap),
        now: Timestamp,
    ) {
        let Some(row) = row_of(trial, (host, request), (status, headers), now) else {
            *self.waiting.lock().others.entry(trial.clone()).or_default() += 1;
            return;
        };
        self.waiting.lock().add(id_of(&row), row);
    }

    /// Writes what waits for as long as the task runs.
    pub async fn keep_writing(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(WRITE_INTERVAL);
        loop {
            ticks.tick().await;
            if let Err(error) = self.write(clock::now()).await {
                tracing::warn!(%error, "could not keep what was seen in a trial");
            }
        }
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// When the store is unavailable; what waits is kept for the next time.
    pub async fn write(&self, now: Timestamp) -> Result<(), StoreError> {
        let _writing = self.writing.lock().await;
        let Waiting { rows, others } = std::mem::take(&mut *self.waiting.lock());
        if rows.is_empty() && others.is_empty() {
            return Ok(());
        }
        let written = self.write_rows(&rows, &others, now).await;
        if written.is_err() {
            let mut waiting = self.waiting.lock();
            rows.into_iter().for_each(|(id, row)| waiting.add(id, row));
            for (trial, requests) in others {
                *waiting.others.entry(trial).or_default() += requests;
            }
        }
        written
    }

    async fn write_rows(
        &self,
        rows: &HashMap<String, TrialRow>,
        others: &BTreeMap<TrialId, u64>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let reader = self.directory.records().read();
        let mut by_trial = BTreeMap::<_, Vec<_>>::new();
        for trial in others.keys() {
            by_trial.entry(trial).or_default();
        }
        for (id, row) in rows {
            by_trial.entry(&row.trial).or_default().push((TrialRowId::from(id.as_str()), row));
        }
        let mut writes = Vec::new();
        for (id, rows) in by_trial {
            // It may have been removed since.
            let Some(trial) = reader.get::<Trial>(id).await? else { continue };
            let mut room = MOST_ROWS.saturating_sub(
                reader.count_records(kind::TRIAL_ROW, Some(&Trial::key(id))).await?,
            );
            let mut more = others.get(id).copied().unwrap_or_default();
            for (id, row) in rows {
                let mut row = row.clone();
                match reader.get::<TrialRow>(&id).await? {
                    Some(known) => {
                        let newer = std::mem::replace(&mut row, known.doc);
                        merge(&mut row, newer);
                    }
                    None if room == 0 => {
                        more = more.saturating_add(row.requests);
                        continue;
                    }
                    None => room -= 1,
                }
                writes.push(put(&id, Expect::Any, &row));
            }
            let others = trial.doc.others.saturating_add(more);
            writes.push(trial.replace(Trial { others, ..trial.doc.clone() }).0);
        }
        if writes.iter().all(|write| matches!(write, Write::Require { .. })) {
            return Ok(());
        }
        let change = Change::new(Actor::System("what was seen in a trial"), now);
        match self.directory.records().commit(&change, writes).await {
            Ok(_) => Ok(()),
            Err(CommitError::Store(error)) => Err(error),
            // The trial was removed or changed since.
            Err(error) => Err(StoreError::Unavailable(error.to_string())),
        }
    }
}
