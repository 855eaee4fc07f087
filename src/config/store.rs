//! `[store]` and `[policy]`: where records and policy files are.

use std::path::PathBuf;
use std::time::Duration;

use super::reader::Reader;
use super::value::seconds;
use portcullis_store::feed::MIN_STALENESS;

/// `[policy]`
#[derive(Debug, Clone)]
pub struct PolicySource {
    /// `policy.directory`: the folder of the policy files.
    pub directory: PathBuf,
}

/// `[store]`
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// `store.path`: the folder of the embedded store.
    pub path: PathBuf,
    /// `store.max_staleness`: maximum age of cached state that the store has not confirmed. At least
    /// [`MIN_STALENESS`].
    pub max_staleness: Duration,
}

impl PolicySource {
    pub(super) fn read(r: &mut Reader) -> Self {
        r.choice("policy.mode", &[("enforce", ())], ());
        Self { directory: r.path("policy.directory", "policies") }
    }
}

impl StoreSettings {
    pub(super) fn read(r: &mut Reader) -> Self {
        r.choice("store.kind", &[("sled", ())], ());
        let key = "store.max_staleness";
        let max_staleness = r.duration(key, seconds(5));
        if max_staleness < MIN_STALENESS {
            let least = humantime::format_duration(MIN_STALENESS);
            r.problem(key, format!("must be at least {least}, the interval of checking the store"));
        }
        let key = "store.path";
        let path = r.path(key, "data");
        r.require_folder(key, &path);
        Self { path, max_staleness }
    }
}
