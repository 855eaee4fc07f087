//! Removing entries at the end of their retention. Their hashes stay in the checkpoints, so the log
//! is still verified as a whole.

use std::time::Duration;

use jiff::Timestamp;
use portcullis_audit::line;
use portcullis_store::{CommitError, Expect, StoreError, Write, number_id};
use serde_json::{Map, Value};

use super::checkpoints::StoredCheckpoint;
use super::entry::number;
use super::log::AuditLog;
use crate::directory::records::audit::Occurrence;
use crate::directory::records::{Actor, Change, kind};

/// Entries that one commit removes.
const BATCH: usize = 1000;

impl AuditLog {
    /// Removes the entries of checkpoints that were signed more than `retention` before `now`.
    /// Returns how many.
    ///
    /// # Errors
    /// When the store is unavailable, or its records of the log are damaged.
    pub async fn remove_expired(
        &self,
        retention: Duration,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let Ok(before) = now.checked_sub(retention) else { return Ok(0) };
        let change = Change::new(Actor::System("audit retention"), now);
        let mut removed = 0;
        loop {
            let reader = self.records.read();
            let entries = reader.list(kind::AUDIT, None, None, BATCH).await?;
            let Some(first) = entries.first() else { return Ok(removed) };
            let signed = reader.list(kind::AUDIT_CHECKPOINT, None, Some(&first.id), 1).await?;
            let Some(signed) = signed.first() else { return Ok(removed) };
            let (end, checkpoint) = StoredCheckpoint::read(signed)?;
            if checkpoint.time() >= before {
                return Ok(removed);
            }
            let expired = entries.iter().take_while(|entry| entry.id < number_id(end));
            let deletes: Vec<_> = expired
                .map(|entry| Write::Delete {
                    kind: kind::AUDIT,
                    id: entry.id.clone(),
                    expect: Expect::Any,
                })
                .collect();
            let count = deletes.len() as u64;
            let from = number(first)?;
            let after = Map::from_iter([
                ("from".to_owned(), Value::from(from)),
                ("to".to_owned(), Value::from(from + count - 1)),
            ]);
            let noted = Occurrence::of_gateway(line::EXPIRED, after);
            match self.records.commit_noting(&change, deletes, noted).await {
                Ok(_) => removed += count,
                Err(CommitError::Store(error)) => return Err(error),
                // Without conditions, nothing can conflict.
                Err(_) => return Ok(removed),
            }
        }
    }
}
