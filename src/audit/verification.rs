//! Verifying the log where it is, against its own checkpoints.
//!
//! Who has the store and the key of the gateway can write a log that passes: only a checkpoint that is
//! kept elsewhere shows that. This shows damage, and changes by anyone without the key.

use std::time::Duration;

use jiff::Timestamp;
use portcullis_audit::{Fault, Verification, Verified};
use portcullis_store::StoreError;
use serde::Serialize;

use super::log::AuditLog;

/// What a verification has found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "AuditVerification")]
pub struct LogVerification {
    /// When it was started.
    pub time: Timestamp,
    /// Whether it came to the end of the log in its time.
    pub complete: bool,
    /// The number of entries that were looked at, removed ones included.
    pub size: u64,
    /// The first entries, whose contents were removed at the end of their retention.
    pub removed: u64,
    /// The time of the newest checkpoint.
    pub checkpoint: Option<Timestamp>,
    /// The first thing that is wrong.
    pub fault: Option<String>,
}

impl AuditLog {
    /// Verifies the log, up to the last checkpoint, within this time; one at a time. Sign one first for
    /// it to be the whole log.
    ///
    /// # Errors
    /// When the store is unavailable, or a record of the log cannot be read.
    pub async fn verify(
        &self,
        now: Timestamp,
        within: Duration,
    ) -> Result<LogVerification, StoreError> {
        let mut seen = 0;
        let verified = tokio::time::timeout(within, self.verified(&mut seen)).await;
        let unfinished = LogVerification {
            time: now,
            complete: false,
            size: seen,
            removed: 0,
            checkpoint: None,
            fault: None,
        };
        Ok(match verified {
            Err(_) => unfinished,
            Ok(verified) => match verified? {
                Ok(Verified { size, removed, own, .. }) => LogVerification {
                    complete: true,
                    size,
                    removed,
                    checkpoint: own.map(|checkpoint| checkpoint.time),
                    ..unfinished
                },
                // Before the first entry there is nothing to sign.
                Err(Fault::Unsigned) if seen == 0 => {
                    LogVerification { complete: true, ..unfinished }
                }
                Err(fault) => LogVerification { fault: Some(fault.to_string()), ..unfinished },
            },
        })
    }

    /// Counts in `seen` the entries that it looks at.
    async fn verified(&self, seen: &mut u64) -> Result<Result<Verified, Fault>, StoreError> {
        let _one = self.verifying.lock().await;
        let mut verification = match Verification::new(&self.key.public(), []) {
            Ok(verification) => verification,
            Err(error) => return Ok(Err(Fault::Checkpoint { size: 0, error })),
        };
        let mut export = self.export();
        while let Some(lines) = export.lines().await? {
            for line in lines.lines() {
                if let Err(fault) = verification.line(line) {
                    return Ok(Err(fault));
                }
            }
            *seen = export.read();
            // A long log must leave time to other requests.
            tokio::task::yield_now().await;
        }
        Ok(verification.finish().and_then(Verified::whole))
    }
}
