//! Backups on a schedule, in a folder of their own, of which the newest are kept.
//!
//! The names of the files say when they were made, so a restart does not change the schedule.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::oneshot;

use super::pace::on_thread;
use super::{Backups, Begun};
use crate::config::ScheduledBackups;
use crate::directory::{Actor, Change};
use portcullis_store::StoreError;
use portcullis_store::backup::BackupError;

/// The name of a file, with its time.
const NAME: &str = "portcullis-%Y%m%dT%H%M%SZ.backup";
/// What the name of a file has after it until it is finished.
const UNFINISHED: &str = ".new";
/// Time from a failure to the next attempt, at most.
const RETRY: SignedDuration = SignedDuration::from_mins(10);

/// The schedule, and what came of it. Clones share it.
#[derive(Debug, Clone)]
pub struct Schedule {
    settings: Arc<ArcSwap<ScheduledBackups>>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<LastBackup>,
    next: Option<Timestamp>,
    problem: Option<String>,
}

/// The newest file.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct LastBackup {
    /// When it was begun; it has the records of this moment.
    pub at: Timestamp,
    file: String,
    bytes: u64,
}

/// The schedule as operators see it.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct ScheduleStatus {
    /// The folder.
    pub directory: String,
    every: String,
    keep: usize,
    /// The newest whole one.
    pub last: Option<LastBackup>,
    /// When the next one is due.
    next: Option<Timestamp>,
    /// Why the newest attempt failed.
    pub problem: Option<String>,
}

/// Why a scheduled backup failed.
#[derive(Debug, thiserror::Error)]
enum ScheduleError {
    #[error("`{}`: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("`{}`: {source}", path.display())]
    Backup { path: PathBuf, source: BackupError },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the thread that writes it has ended")]
    Thread,
}

impl Schedule {
    /// A schedule of which nothing is known; [`Self::look`] finds the files that there are.
    pub(super) fn new(settings: ScheduledBackups) -> Self {
        Self { settings: Arc::new(ArcSwap::from_pointee(settings)), state: Arc::default() }
    }

    /// Makes a backup every `every` from now on, and keeps the newest `keep`. The next one is due
    /// `every` after the last.
    pub fn change(&self, every: Duration, keep: usize) {
        let directory = self.settings.load().directory.clone();
        self.settings.store(Arc::new(ScheduledBackups { directory, every, keep }));
        let mut state = self.state.lock();
        // After a failure, the next attempt stays as soon as it is.
        if state.problem.is_none()
            && let Some(last) = state.last.as_ref().map(|last| last.at)
        {
            state.next = Some(after(last, self.every()));
        }
    }

    /// Looks for the files of earlier runs of the program. Blocks.
    pub fn look(&self, now: Timestamp) {
        let newest = files(&self.settings.load().directory)
            .inspect_err(|error| tracing::debug!(%error, "could not read the folder of backups"))
            .ok()
            .and_then(|mut files| files.pop());
        let mut state = self.state.lock();
        state.next = Some(now);
        if let Some((at, path)) = newest {
            state.next = Some(after(at, self.every()));
            let bytes = fs::metadata(&path).map_or(0, |metadata| metadata.len());
            state.last = Some(LastBackup { at, file: path.display().to_string(), bytes });
        }
    }

    /// Whether a backup is to be made. The next one is never further away than one interval, so it
    /// is due at once if the clock was set back.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        let Some(next) = self.state.lock().next else { return false };
        let left = next.duration_since(now);
        left <= SignedDuration::ZERO || left > self.every()
    }

    /// Makes a backup, and removes old ones. A failure is logged, and is in [`Self::status`] until
    /// an attempt succeeds.
    pub async fn make(&self, backups: &Backups, now: Timestamp) {
        let made = self.attempt(backups, now).await;
        let mut state = self.state.lock();
        let (problem, pause) = match made {
            Ok((last, removed)) => {
                tracing::info!(file = last.file, bytes = last.bytes, "scheduled backup made");
                state.last = Some(last);
                (removed.err(), self.every())
            }
            Err(error) => (Some(error), self.every().min(RETRY)),
        };
        state.next = Some(after(now, pause));
        state.problem = problem.map(|error| {
            tracing::error!("scheduled backup failed: {error}");
            error.to_string()
        });
    }

    /// The schedule, the newest file, and what went wrong.
    #[must_use]
    pub fn status(&self) -> ScheduleStatus {
        let settings = self.settings.load();
        let ScheduledBackups { directory, every, keep } = &**settings;
        let State { last, next, problem } = &*self.state.lock();
        ScheduleStatus {
            directory: directory.display().to_string(),
            every: humantime::format_duration(*every).to_string(),
            keep: *keep,
            last: last.clone(),
            next: *next,
            problem: problem.clone(),
        }
    }

    fn every(&self) -> SignedDuration {
        self.settings.load().every.try_into().unwrap_or(SignedDuration::MAX)
    }

    /// The new file, and whether old ones could be removed.
    async fn attempt(
        &self,
        backups: &Backups,
        now: Timestamp,
    ) -> Result<(LastBackup, Result<(), ScheduleError>), ScheduleError> {
        let settings = self.settings.load_full();
        let directory = settings.directory.clone();
        let prepared = tokio::task::spawn_blocking(move || prepare(&directory)).await;
        prepared.map_err(|_| ScheduleError::Thread)??;
        let path = settings.directory.join(now.strftime(NAME).to_string());
        let change = Change::new(Actor::System("scheduled backups"), now);
        let begun = backups.begin(false, Some(&path), &change).await?;
        let (answer, answered) = oneshot::channel();
        let fault = |source| ScheduleError::File { path: path.clone(), source };
        let (file, at) = (path.clone(), now);
        on_thread(move || {
            let written = write(begun, at, &file)
                .map(|last| (last, remove_old(&settings.directory, &file, settings.keep)));
            // The gateway may be stopping.
            drop(answer.send(written));
        })
        .map_err(fault)?;
        answered.await.map_err(|_| ScheduleError::Thread)?
    }
}

fn after(time: Timestamp, pause: SignedDuration) -> Timestamp {
    time.checked_add(pause).unwrap_or(Timestamp::MAX)
}

/// Creates the folder if its parent exists, and removes what an interrupted backup has left.
fn prepare(directory: &Path) -> Result<(), ScheduleError> {
    let fault = |source| ScheduleError::File { path: directory.to_owned(), source };
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(fault(error)),
        _ => {}
    }
    for entry in fs::read_dir(directory).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.strip_suffix(UNFINISHED).and_then(time_of).is_some() {
            fs::remove_file(&path)
                .map_err(|source| ScheduleError::File { path: path.clone(), source })?;
        }
    }
    Ok(())
}

fn write(begun: Begun, at: Timestamp, path: &Path) -> Result<LastBackup, ScheduleError> {
    let (_, bytes) = begun
        .write_file(path)
        .map_err(|source| ScheduleError::Backup { path: path.to_owned(), source })?;
    Ok(LastBackup { at, file: path.display().to_string(), bytes })
}

/// Removes all files but `made` and the newest others.
fn remove_old(directory: &Path, made: &Path, keep: usize) -> Result<(), ScheduleError> {
    let fault = |source| ScheduleError::File { path: directory.to_owned(), source };
    let others = files(directory).map_err(fault)?.into_iter().rev();
    let old = others.filter(|(_, path)| path != made).skip(keep.saturating_sub(1));
    for (_, path) in old {
        fs::remove_file(&path).map_err(|source| ScheduleError::File { path, source })?;
    }
    Ok(())
}

/// The files of a folder, the oldest first. Others are not touched.
fn files(directory: &Path) -> io::Result<Vec<(Timestamp, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        files.extend(entry.file_name().to_str().and_then(time_of).map(|at| (at, entry.path())));
    }
    files.sort();
    Ok(files)
}

/// The time in the name of a file; `None` if it has another name.
fn time_of(name: &str) -> Option<Timestamp> {
    let time = DateTime::strptime(NAME, name).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
    (time.strftime(NAME).to_string() == name).then_some(time)
}

#[cfg(test)]
mod tests;
