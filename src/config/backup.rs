//! `[backup]`: backups that the gateway makes by itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::reader::Reader;
use super::value::{hours, seconds};

/// The least of `backup.every`.
const LEAST: Duration = seconds(60);

/// `[backup]`
#[derive(Debug, Clone)]
pub struct ScheduledBackups {
    /// `backup.directory`: the folder of the files, and of nothing else.
    pub directory: PathBuf,
    /// `backup.every`: time between two of them. At least a minute.
    pub every: Duration,
    /// `backup.keep`: how many are kept. At least one.
    pub keep: usize,
}

impl ScheduledBackups {
    /// `None` without a folder.
    pub(super) fn read(r: &mut Reader, store: &Path) -> Option<Self> {
        let key = "backup.directory";
        let directory = r.optional_path(key);
        let every = r.duration("backup.every", hours(24));
        if every < LEAST {
            r.problem("backup.every", "must be at least one minute".to_owned());
        }
        let keep = r.number("backup.keep", 7, 1, 10_000);
        let directory = directory?;
        r.require_folder(key, &directory);
        if directory.starts_with(store) {
            let problem = "must not be in the folder of the store (`store.path`)";
            r.problem(key, problem.to_owned());
        }
        Some(Self { directory, every, keep })
    }
}
