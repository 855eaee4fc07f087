//! The audit log: who changed what, and a proof that nothing in it was edited or cut off (I9).
//!
//! The entries are appended by the one function that commits (`directory::records`), in the commit
//! that they describe. This module reads them, and signs checkpoints of them: the number of entries
//! and the root of their hash tree (`portcullis_audit`). Each checkpoint is handed out, to the log
//! and by the API. An auditor who keeps one can later show that the log still begins with
//! everything that it covered.
//!
//! The signing key is a file of its own, beside the secret key. Verification needs only its public
//! part, and no running gateway.
//!
//! | module | holds |
//! |---|---|
//! | `log` | the log, as the API reads it |
//! | `entry`, `filter` | an entry as it is shown, and which entries to show |
//! | `refused` | entries about refusals, which are counted first |
//! | `checkpoints` | signing and storing checkpoints |
//! | `retention` | removing entries that have been kept long enough |
//! | `export` | the whole log, line by line, for verification |
//! | `verification` | verifying the log where it is |

mod checkpoints;
mod entry;
mod export;
mod filter;
mod log;
mod refused;
mod retention;
mod verification;

pub use checkpoints::SignedCheckpoint;
pub use entry::NumberedEntry;
pub use filter::Filter;
pub use log::AuditLog;
pub use verification::LogVerification;

#[cfg(test)]
mod tests;
