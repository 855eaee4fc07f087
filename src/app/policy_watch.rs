//! Reloads the policy files when they change, on SIGHUP, and on an administrator's request.
//!
//! A policy that does not load, or that fails its expectations, changes nothing: the previous one
//! stays in force, and the log has the problems of the new one.
//!
//! Changes are found by polling: what is at the files' paths now is compared with what was there at
//! the last load. A notification from the system would be about the folder that was there at the
//! start, and stop without notice when that is replaced or a link to it is switched.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::file_stamp::FileStamp;
use super::reload::Requests;
use crate::clock;
use crate::config::Settings;
use crate::directory::{Actor, Change, Directory};
use crate::tasks::{Tasks, caught};
use portcullis_policy::{Policy, PolicyFiles, PolicyProblems, Portal};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// Time between two looks at the files. An editor writes several times, so files are loaded when
/// two looks in a row show the same.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// The longest pause before files that could not be read are tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(16);

/// The policy's folder, and the directory that its policy is for.
#[derive(Debug, Clone)]
pub(super) struct PolicySource {
    folder: PathBuf,
    portal: Portal,
    directory: Directory,
}

/// Watches the files of a source.
#[derive(Debug)]
pub(super) struct PolicyWatch {
    source: PolicySource,
    /// The files that were loaded last.
    loaded: Stamp,
}

/// The metadata of the files, which differs whenever a file at the path was changed or replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    files: [Option<FileStamp>; PolicyFiles::NAMES.len()],
    /// Those in `routes.d`; `None` if the folder cannot be read.
    more: Option<Vec<(String, Option<FileStamp>)>>,
}

impl Stamp {
    /// The stamp of the files in a folder. Take it before they are loaded.
    pub(super) fn of(folder: &Path) -> Self {
        let more = PolicyFiles::more_names(folder).map(|names| {
            let stamp = |name: String| {
                let stamp = FileStamp::of(&folder.join(PolicyFiles::MORE).join(&name));
                (name, stamp)
            };
            names.into_iter().map(stamp).collect()
        });
        let files = PolicyFiles::NAMES.map(|name| FileStamp::of(&folder.join(name)));
        Self { files, more: more.ok() }
    }
}

impl PolicySource {
    /// Policies from the folder in the settings, for this directory.
    pub(super) fn new(settings: &Settings, directory: Directory) -> Self {
        let folder = settings.policy.directory.clone();
        Self { folder, portal: settings.upstream.portal(), directory }
    }

    /// The same files for another directory.
    pub(super) fn of(&self, directory: Directory) -> Self {
        Self { directory, ..self.clone() }
    }

    /// Loads the files and puts them in force.
    ///
    /// # Errors
    /// All problems with them; the previous policy stays in force.
    pub(super) async fn reload(&self, change: &Change) -> Result<(), PolicyProblems> {
        let reloaded = self.replace(change).await;
        self.directory.reloads().note(change.at, &reloaded);
        reloaded
    }

    async fn replace(&self, change: &Change) -> Result<(), PolicyProblems> {
        let portal = self.portal.clone();
        let policy = self.blocking(move |folder| Policy::load_for(folder, &portal)).await?;
        self.directory.replace_policy(policy, change).await
    }

    /// Runs a function on a thread where it may wait for a disk.
    async fn blocking<T: Send + 'static>(
        &self,
        task: impl FnOnce(&Path) -> T + Send + 'static,
    ) -> T {
        let folder = self.folder.clone();
        match tokio::task::spawn_blocking(move || task(&folder)).await {
            Ok(done) => done,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    /// Reloads; returns whether the files could be read.
    async fn reload_and_log(&self) -> bool {
        let change = Change::new(Actor::System("policy watch"), clock::now());
        match caught(self.reload(&change)).await {
            Ok(Ok(())) => {
                let snapshot = self.directory.snapshot();
                tracing::info!(policy.version = snapshot.policy().version(), "policy reloaded");
                true
            }
            Ok(Err(problems)) => {
                tracing::error!("policy not reloaded, the old one stays in force:\n{problems}");
                !problems.has_unread()
            }
            Err(panic) => {
                tracing::error!("policy not reloaded, the old one stays in force: {panic}");
                true
            }
        }
    }
}

impl PolicyWatch {
    /// Watches the files, of which those of `loaded` are in force.
    pub(super) const fn new(source: PolicySource, loaded: Stamp) -> Self {
        Self { source, loaded }
    }

    /// Reloads on request and when the files change, until stopped.
    pub(super) fn start(self, requests: Requests, tasks: &Tasks) {
        tasks.spawn("policy watch", self.run(requests, tasks.stop().clone()));
    }

    /// Files that could not be read are tried again until they can be.
    async fn run(self, mut requests: Requests, stop: CancellationToken) {
        let Self { source, mut loaded } = self;
        let mut looks = tokio::time::interval(POLL_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = loaded.clone();
        let mut retry: Option<Retry> = None;
        loop {
            let request = tokio::select! {
                () = stop.cancelled() => return,
                Some(request) = requests.recv() => Some(request),
                _ = looks.tick() => None,
            };
            let now = source.blocking(Stamp::of).await;
            let settled = std::mem::replace(&mut last, now.clone()) == now;
            let retries = retry.as_ref().is_some_and(|retry| retry.at <= Instant::now());
            if request.is_some() || retries || (settled && now != loaded) {
                loaded = now;
                let could_be_read = source.reload_and_log().await;
                retry = (!could_be_read).then(|| Retry::after(retry));
            }
            drop(request);
        }
    }
}

/// When to try files again that could not be read.
struct Retry {
    at: Instant,
    pause: Duration,
}

impl Retry {
    /// Soon, and later each time.
    fn after(previous: Option<Self>) -> Self {
        let pause = previous.map_or(POLL_INTERVAL, |retry| LONGEST_PAUSE.min(retry.pause * 2));
        Self { at: Instant::now() + pause, pause }
    }
}
