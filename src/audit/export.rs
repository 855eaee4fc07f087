//! The whole log, line by line, in the form that [`portcullis_audit::Verification`] reads. It ends
//! with a checkpoint, so each of its entries is covered by one.

use portcullis_audit::line;
use portcullis_store::{Record, StoreError, number_id};

use super::checkpoints::StoredCheckpoint;
use super::entry::{line_of, number};
use super::log::AuditLog;
use crate::directory::records::kind;

/// The most entries that are read at a time.
const BATCH: u64 = 1000;

/// A log that is being exported.
#[derive(Debug)]
pub struct Export {
    log: AuditLog,
    /// The number of the next entry.
    next: u64,
    part: Part,
}

/// The part of the log that comes next.
#[derive(Debug)]
enum Part {
    /// The hashes of the entries that a checkpoint covers.
    Leaves,
    /// Those entries up to the checkpoint's size, then the checkpoint.
    Entries { end: u64, note: String },
    /// Nothing after the last checkpoint.
    End,
}

impl AuditLog {
    /// The log up to the last checkpoint: sign one first for it to be the whole log. Entries that are
    /// signed while it is read may be in it.
    #[must_use]
    pub fn export(&self) -> Export {
        Export { log: self.clone(), next: 0, part: Part::Leaves }
    }
}

impl Export {
    /// The next lines, each with a line feed; `None` at the end.
    ///
    /// # Errors
    /// When the store is unavailable, or an entry is damaged.
    pub async fn lines(&mut self) -> Result<Option<String>, StoreError> {
        let mut lines = Lines::default();
        while lines.0.is_empty() {
            match &self.part {
                Part::Leaves => self.part = self.leaves(&mut lines).await?,
                Part::Entries { end, note } => {
                    let end = *end;
                    let entries = self.entries(end).await?;
                    if entries.is_empty() {
                        lines.push(&line::of_checkpoint(note));
                        (self.next, self.part) = (end, Part::Leaves);
                    }
                    self.push(&mut lines, &entries)?;
                }
                Part::End => return Ok(None),
            }
        }
        Ok(Some(lines.0))
    }

    /// How many entries have been read.
    pub(super) const fn read(&self) -> u64 {
        self.next
    }

    /// The hashes that the next checkpoint covers; returns what comes after them.
    async fn leaves(&self, lines: &mut Lines) -> Result<Part, StoreError> {
        let after = number_id(self.next);
        let reader = self.log.records.read();
        let next = reader.list(kind::AUDIT_CHECKPOINT, None, Some(&after), 1).await?;
        let Some(record) = next.first() else { return Ok(Part::End) };
        let (end, checkpoint) = StoredCheckpoint::read(record)?;
        lines.push(&line::of_leaves(self.next, &checkpoint.leaves()));
        Ok(Part::Entries { end, note: checkpoint.note })
    }

    /// The next entries with numbers below `end`.
    async fn entries(&self, end: u64) -> Result<Vec<Record>, StoreError> {
        let after = self.next.checked_sub(1).map(number_id);
        let limit = BATCH.min(end.saturating_sub(self.next));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let reader = self.log.records.read();
        let mut entries = reader.list(kind::AUDIT, None, after.as_deref(), limit).await?;
        let end = number_id(end);
        entries.retain(|entry| entry.id < end);
        Ok(entries)
    }

    fn push(&mut self, lines: &mut Lines, entries: &[Record]) -> Result<(), StoreError> {
        for entry in entries {
            lines.push(&line_of(entry)?);
            self.next = number(entry)? + 1;
        }
        Ok(())
    }
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn push(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }
}
