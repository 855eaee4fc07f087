//! The log, as the API reads it.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use portcullis_audit::SigningKey;
use portcullis_store::{Key, Record, StoreError, number_id};
use tokio::sync::Mutex;

use super::entry::{NumberedEntry, number};
use super::filter::Filter;
use crate::directory::Directory;
use crate::directory::records::audit::Occurrence;
use crate::directory::records::{Change, Page, PageRequest, Records, kind};

/// How many entries are looked at for one page. A page may have fewer items than were requested, and
/// still a next one.
const SCANNED: usize = 10_000;

/// The audit log. Clones share it.
#[derive(Clone)]
pub struct AuditLog {
    pub(super) records: Records,
    pub(super) key: Arc<SigningKey>,
    /// Held while a checkpoint is signed.
    pub(super) signing: Arc<Mutex<()>>,
    /// Held while the log is verified.
    pub(super) verifying: Arc<Mutex<()>>,
}

impl AuditLog {
    /// The log of this directory, with the key that signs its checkpoints.
    #[must_use]
    pub fn new(directory: &Directory, key: SigningKey) -> Self {
        let (signing, verifying) = (Arc::default(), Arc::default());
        Self { records: directory.records().clone(), key: Arc::new(key), signing, verifying }
    }

    /// The log of a dry run's directory.
    #[must_use]
    pub fn of_dry_run(&self, directory: &Directory) -> Self {
        Self { records: directory.records().clone(), signing: Arc::default(), ..self.clone() }
    }

    /// The log as a directory that is limited to a scope shows it.
    #[must_use]
    pub fn within(&self, directory: &Directory) -> Self {
        Self { records: directory.records().clone(), ..self.clone() }
    }

    /// Whether there are checkpoints.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn is_signed(directory: &Directory) -> Result<bool, StoreError> {
        let reader = directory.records().read();
        let first = reader.list(kind::AUDIT_CHECKPOINT, None, None, 1).await?;
        Ok(!first.is_empty())
    }

    /// Adds an entry about something other than a change of a record.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn note(&self, change: &Change, occurrence: Occurrence) -> Result<(), StoreError> {
        self.records.append(vec![(change.clone(), occurrence)]).await
    }

    /// The entry with this number; `None` if it was never written, was removed at the end of its retention,
    /// or the scope does not show it.
    ///
    /// # Errors
    /// When the store is unavailable, or the entry is damaged.
    pub async fn get(&self, number: u64) -> Result<Option<NumberedEntry>, StoreError> {
        let record = self.records.read().record(kind::AUDIT, &number_id(number)).await?;
        record.as_ref().map(NumberedEntry::read).transpose()
    }

    /// A page of the entries, the newest first.
    ///
    /// # Errors
    /// When the store is unavailable, or an entry is damaged.
    pub async fn list(
        &self,
        filter: &Filter,
        page: &PageRequest,
    ) -> Result<Page<NumberedEntry>, StoreError> {
        let (keys, limit) = (filter.keys(), page.limit());
        let mut before = match (page.after(), filter.until) {
            (Some(after), _) => Some(after.to_owned()),
            (None, Some(until)) => Some(number_id(self.first_after(until).await?)),
            (None, None) => None,
        };
        let (mut items, mut scanned) = (Vec::new(), 0);
        loop {
            let batch = self.sparsest(&keys, before.as_deref(), limit).await?;
            for record in &batch {
                let item = NumberedEntry::read(record)?;
                if filter.ends_before(&item.entry) {
                    return Ok(Page::last(items));
                }
                if filter.matches(&item.entry) {
                    items.push(item);
                }
                scanned += 1;
                if items.len() == limit || scanned == SCANNED {
                    return Ok(Page::until(items, &record.id));
                }
            }
            match batch.last() {
                Some(last) if batch.len() == limit => before = Some(last.id.clone()),
                _ => return Ok(Page::last(items)),
            }
        }
    }

    /// Up to `limit` entries before `before`, by that of the indexes whose next ones reach back the
    /// farthest: of a value that few entries have, the fewest are read.
    async fn sparsest(
        &self,
        keys: &[Key],
        before: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let reader = self.records.read();
        let Some((first, others)) = keys.split_first() else {
            return reader.list_back(kind::AUDIT, None, before, limit).await;
        };
        let mut sparsest = reader.list_back(kind::AUDIT, Some(first), before, limit).await?;
        for key in others {
            let Some(last) = sparsest.last().filter(|_| sparsest.len() == limit) else { break };
            let other = reader.list_back(kind::AUDIT, Some(key), before, limit).await?;
            if other.len() < limit || other.last().is_some_and(|other| other.id < last.id) {
                sparsest = other;
            }
        }
        Ok(sparsest)
    }

    /// The number of an entry from which on all entries are later than `time`.
    async fn first_after(&self, time: Timestamp) -> Result<u64, StoreError> {
        let reader = self.records.read();
        let newest = reader.list_back(kind::AUDIT, None, None, 1).await?;
        let oldest = reader.list(kind::AUDIT, None, None, 1).await?;
        let (Some(newest), Some(oldest)) = (newest.first(), oldest.first()) else { return Ok(0) };
        let (mut low, mut high) = (number(oldest)?, number(newest)? + 1);
        while low < high {
            let middle = low.midpoint(high);
            let later = match reader.record(kind::AUDIT, &number_id(middle)).await? {
                Some(record) => Filter::is_surely_after(time, &NumberedEntry::read(&record)?.entry),
                None => false,
            };
            (low, high) = if later { (low, middle) } else { (middle + 1, high) };
        }
        Ok(high)
    }
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog").field("key", &self.key.public()).finish_non_exhaustive()
    }
}
