//! Policy files, read again when they change, on SIGHUP, and when an administrator says so.
//!
//! A policy that does not load, or that fails what operators expect of it, changes nothing: the
//! old one stays in force, and the log says where the new one is wrong.

use std::path::PathBuf;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::directory::Directory;
use crate::policy::{Policy, PolicyProblems};

/// An editor writes several times; files are read when they have been quiet for so long.
const QUIET: Duration = Duration::from_millis(150);

/// The policy's folder and where it goes.
#[derive(Debug, Clone)]
pub struct PolicySource {
    folder: PathBuf,
    directory: Directory,
}

impl PolicySource {
    /// Policies from this folder for this directory.
    #[must_use]
    pub fn new(folder: PathBuf, directory: Directory) -> Self {
        Self { folder, directory }
    }

    /// Reads the files and puts what they say in force.
    ///
    /// # Errors
    /// All that is wrong with them; then the old policy stays.
    pub async fn reload(&self) -> Result<(), PolicyProblems> {
        let folder = self.folder.clone();
        let policy = match tokio::task::spawn_blocking(move || Policy::load(&folder)).await {
            Ok(loaded) => loaded?,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        };
        self.directory.replace_policy(policy).await
    }

    /// Reloads whenever the files change, and on SIGHUP, until stopped.
    ///
    /// # Errors
    /// When the system cannot watch the folder.
    pub fn watch(&self, stop: CancellationToken) -> Result<(), notify::Error> {
        let (tell, mut told) = mpsc::unbounded_channel();
        let mut watcher = RecommendedWatcher::new(
            move |event: notify::Result<notify::Event>| {
                if event.is_ok_and(|event| !event.kind.is_access()) {
                    // Nobody listens any more when the gateway stops.
                    let _ = tell.send(());
                }
            },
            notify::Config::default(),
        )?;
        watcher.watch(&self.folder, RecursiveMode::NonRecursive)?;
        let mut hangup = signal(SignalKind::hangup()).map_err(notify::Error::io)?;
        let source = self.clone();
        tokio::spawn(async move {
            let _watcher = watcher;
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = hangup.recv() => {}
                    changed = told.recv() => {
                        if changed.is_none() {
                            return;
                        }
                        while let Ok(Some(())) = tokio::time::timeout(QUIET, told.recv()).await {}
                    }
                }
                source.reload_and_tell().await;
            }
        });
        Ok(())
    }

    async fn reload_and_tell(&self) {
        match self.reload().await {
            Ok(()) => {
                let snapshot = self.directory.snapshot();
                tracing::info!(policy.version = snapshot.policy().version(), "policy reloaded");
            }
            Err(problems) => {
                tracing::error!("policy not reloaded, the old one stays in force:\n{problems}");
            }
        }
    }
}
