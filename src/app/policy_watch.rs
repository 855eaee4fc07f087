//! Policy files, read again when they change, on SIGHUP, and when an administrator says so.
//!
//! A policy that does not load, or that fails what operators expect of it, changes nothing: the
//! old one stays in force, and the log says where the new one is wrong.
//!
//! Changes are found by looking: whatever is at the files' paths now is compared with what was
//! there at the last reading. A notification of the system would be of the folder that was there
//! at the start, and end unnoticed when it is replaced or a link to it is switched.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::Settings;
use crate::directory::Directory;
use crate::tasks::{Tasks, caught};
use portcullis_policy::{Policy, PolicyFiles, PolicyProblems, Readings};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior};

/// How often the files are looked at. An editor writes several times; files are read when they
/// have been the same at two looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The longest time between two tries to read files that could not be read.
const LONGEST_PAUSE: Duration = Duration::from_secs(16);

/// The policy's folder and where it goes.
#[derive(Debug, Clone)]
pub struct PolicySource {
    folder: PathBuf,
    readings: Readings,
    directory: Directory,
}

/// What is known of the files without reading them. No two contents at a path have the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp([Option<FileStamp>; PolicyFiles::NAMES.len()]);

/// A file by device and inode, with the time at which either its content or its place last
/// changed, which nobody can set, and its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileStamp {
    device: u64,
    inode: u64,
    changed: (i64, i64),
    size: u64,
}

impl Stamp {
    /// The stamp of the files in a folder; take it before they are read.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        Self(PolicyFiles::NAMES.map(|name| {
            let file = folder.join(name).metadata().ok()?;
            Some(FileStamp {
                device: file.dev(),
                inode: file.ino(),
                changed: (file.ctime(), file.ctime_nsec()),
                size: file.size(),
            })
        }))
    }
}

impl PolicySource {
    /// Policies from the folder that the settings name, for this directory.
    #[must_use]
    pub fn new(settings: &Settings, directory: Directory) -> Self {
        let folder = settings.policy.directory.clone();
        Self { folder, readings: settings.upstream.readings, directory }
    }

    /// Reads the files and puts what they say in force.
    ///
    /// # Errors
    /// All that is wrong with them; then the old policy stays.
    pub async fn reload(&self) -> Result<(), PolicyProblems> {
        let readings = self.readings;
        let policy = self.blocking(move |folder| Policy::load_for(folder, readings)).await?;
        self.directory.replace_policy(policy).await
    }

    /// Reloads on SIGHUP, and whenever the files are others than those of this stamp, until
    /// stopped. Files that could not be read are tried again until they are read.
    ///
    /// # Errors
    /// When the system does not report signals.
    pub fn watch(&self, mut read: Stamp, tasks: &Tasks) -> io::Result<()> {
        let mut hangup = signal(SignalKind::hangup())?;
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (source, stop) = (self.clone(), tasks.stop().clone());
        tasks.spawn("policy watch", async move {
            let mut last = read.clone();
            let mut unread: Option<Unread> = None;
            loop {
                let asked = tokio::select! {
                    () = stop.cancelled() => return,
                    _ = hangup.recv() => true,
                    _ = looks.tick() => false,
                };
                let now = source.blocking(Stamp::of).await;
                let settled = std::mem::replace(&mut last, now.clone()) == now;
                let again = unread.as_ref().is_some_and(|unread| unread.next <= Instant::now());
                if asked || again || (settled && now != read) {
                    read = now;
                    let is_read = source.reload_and_log().await;
                    unread = (!is_read).then(|| Unread::after(unread));
                }
            }
        });
        Ok(())
    }

    /// Has something done with the folder where waiting for a disk holds nobody up.
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
        match caught(self.reload()).await {
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

/// A policy that could not be read, which says nothing about what it says.
struct Unread {
    next: Instant,
    pause: Duration,
}

impl Unread {
    /// When to try again: soon, and later each time.
    fn after(earlier: Option<Self>) -> Self {
        let pause = earlier.map_or(LOOK_EVERY, |earlier| LONGEST_PAUSE.min(earlier.pause * 2));
        Self { next: Instant::now() + pause, pause }
    }
}
