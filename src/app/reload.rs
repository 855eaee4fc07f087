//! SIGHUP: settings, policy and certificates are read again.
//!
//! Settings that need no restart are put in force. The others are named in the log, and so is what is
//! wrong with settings that are not valid; the previous ones then stay in force.

use std::fmt;
use std::io;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::reloaded_settings::{Parts, SECTIONS, changed};
use crate::clock;
use crate::config::{EffectiveSetting, Settings};
use crate::service_manager::Notifier;
use crate::tasks::Tasks;
use crate::telemetry::LogFilter;

/// Reads the settings from their file and the environment.
type Read = dyn Fn() -> anyhow::Result<(Settings, Vec<EffectiveSetting>)> + Send + Sync;

/// Where settings are read again, and what was read there at the start.
#[derive(Clone)]
pub struct SettingsSource {
    /// Reads the settings, with every key and the value that takes effect.
    pub read: Arc<Read>,
    /// Every key with the value that is in force.
    pub started_with: Vec<EffectiveSetting>,
    /// The filter of the log (`telemetry.log`).
    pub log: LogFilter,
}

/// A request to read files again, answered when they have been read.
pub(super) type Request = oneshot::Sender<()>;
/// Requests to read files again.
pub(super) type Requests = mpsc::Receiver<Request>;

/// Reads everything again when the signal comes.
pub(super) struct Reload {
    source: Option<SettingsSource>,
    parts: Arc<Parts>,
    notifier: Notifier,
    watches: Vec<mpsc::Sender<Request>>,
}

impl fmt::Debug for SettingsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettingsSource").finish_non_exhaustive()
    }
}

impl Reload {
    /// Reads the settings of the source, puts them in force in these parts, and notifies the service
    /// manager before and after.
    pub(super) fn new(source: Option<SettingsSource>, parts: Parts, notifier: Notifier) -> Self {
        Self { source, parts: Arc::new(parts), notifier, watches: Vec::new() }
    }

    /// The requests to a part that watches files.
    pub(super) fn requests(&mut self) -> Requests {
        let (watch, requests) = mpsc::channel(1);
        self.watches.push(watch);
        requests
    }

    /// Waits for the signal until stopped.
    ///
    /// # Errors
    /// When the signal handler cannot be installed.
    pub(super) fn start(self, tasks: &Tasks) -> io::Result<()> {
        let hangup = signal(SignalKind::hangup())?;
        tasks.spawn("reload", self.run(hangup, tasks.stop().clone()));
        Ok(())
    }

    async fn run(mut self, mut hangup: Signal, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = hangup.recv() => {}
            }
            self.notifier.reloading(clock::since_boot());
            if let Some(source) = self.source.take() {
                let parts = Arc::clone(&self.parts);
                // A disk may be slow.
                let read = tokio::task::spawn_blocking(move || reread(source, &parts)).await;
                match read {
                    Ok(source) => self.source = Some(source),
                    Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
                }
            }
            for watch in &self.watches {
                let (request, read) = oneshot::channel();
                // A watch that has ended is being stopped.
                if watch.send(request).await.is_ok() {
                    let _ = read.await;
                }
            }
            self.notifier.ready();
        }
    }
}

/// Reads the settings, and puts those in force that need no restart.
fn reread(mut source: SettingsSource, parts: &Parts) -> SettingsSource {
    let (settings, effective) = match (source.read)() {
        Ok(read) => read,
        Err(error) => {
            tracing::error!("settings not reloaded, the old ones stay in force: {error:#}");
            return source;
        }
    };
    let mut others = changed(&source.started_with, &effective);
    if others.is_empty() {
        tracing::info!("settings read again; none has changed");
    }
    for section in &SECTIONS {
        let its: Vec<_> = others.extract_if(.., |key| section.has(key)).collect();
        // Also without a change: secrets are not compared.
        if let Err(error) = section.put_in_force(parts, &source.log, &settings) {
            tracing::error!("settings not reloaded, the old ones stay in force: {error:#}");
            continue;
        }
        for setting in &its {
            tracing::info!(setting, "setting reloaded");
        }
        source.started_with.retain(|old| !its.contains(&old.key));
        source.started_with.extend(effective.iter().filter(|new| its.contains(&new.key)).cloned());
    }
    if !others.is_empty() {
        let settings = others.join(", ");
        tracing::warn!(settings, "changed settings take effect after a restart");
    }
    source
}
