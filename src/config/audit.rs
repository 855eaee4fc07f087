//! `[audit]`: the audit log.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::reader::Reader;
use super::value::hours;

/// The name of the default of `audit.key_file`, beside the secret key.
const KEY_FILE: &str = "audit.key";

/// `[audit]`
#[derive(Debug, Clone)]
pub struct Audit {
    /// `audit.key_file`: the key that signs checkpoints.
    pub key_file: PathBuf,
    /// `audit.retention`: how long entries are kept. At least a day.
    pub retention: Duration,
}

impl Audit {
    pub(super) fn read(r: &mut Reader, secret_key: &Path) -> Self {
        let key_file = r.optional_path("audit.key_file");
        let retention = r.duration("audit.retention", hours(24 * 365));
        if retention < hours(24) {
            r.problem("audit.retention", "must be at least one day".to_owned());
        }
        let key_file = key_file.unwrap_or_else(|| {
            let default = secret_key.with_file_name(KEY_FILE);
            r.show("audit.key_file", default.display().to_string());
            default
        });
        Self { key_file, retention }
    }
}
