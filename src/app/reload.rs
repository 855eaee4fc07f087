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

use crate::authz::DecisionLog;
use crate::clock;
use crate::config::{EffectiveSetting, Settings};
use crate::service_manager::Notifier;
use crate::tasks::Tasks;
use crate::telemetry::LogFilter;

/// The settings that are put in force without a restart.
const RELOADED: [&str; 2] = ["telemetry.decisions", "telemetry.log"];

/// Reads the settings from their file and the environment.
type Read = dyn Fn() -> anyhow::Result<(Settings, Vec<EffectiveSetting>)> + Send + Sync;

/// Where settings are read again, and what was read there at the start.
#[derive(Clone)]
pub struct SettingsSource {
    /// Reads the settings, with every key and the value that takes effect.
    pub read: Arc<Read>,
    /// Every key with the value that was in force at the start.
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
    decisions: Arc<DecisionLog>,
    notifier: Notifier,
    watches: Vec<mpsc::Sender<Request>>,
}

impl fmt::Debug for SettingsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettingsSource").finish_non_exhaustive()
    }
}

impl Reload {
    /// Reads the settings of the source, of which `decisions` is told its own, and notifies the
    /// service manager before and after.
    pub(super) const fn new(
        source: Option<SettingsSource>,
        decisions: Arc<DecisionLog>,
        notifier: Notifier,
    ) -> Self {
        Self { source, decisions, notifier, watches: Vec::new() }
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
                let decisions = Arc::clone(&self.decisions);
                // A disk may be slow.
                let read = tokio::task::spawn_blocking(move || reread(source, &decisions)).await;
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
fn reread(mut source: SettingsSource, decisions: &DecisionLog) -> SettingsSource {
    let (settings, effective) = match (source.read)() {
        Ok(read) => read,
        Err(error) => {
            tracing::error!("settings not reloaded, the old ones stay in force: {error:#}");
            return source;
        }
    };
    let changed = changed(&source.started_with, &effective);
    if changed.is_empty() {
        tracing::info!("settings read again; none has changed");
    }
    let (reloaded, others): (Vec<_>, Vec<_>) =
        changed.into_iter().partition(|key| RELOADED.contains(&key.as_str()));
    decisions.record_only(settings.telemetry.decisions);
    if let Err(error) = source.log.set(&settings.telemetry.log) {
        tracing::error!(%error, "the filter of the log stays as it was");
    }
    for setting in reloaded {
        tracing::info!(setting, "setting reloaded");
        if let Some(new) = effective.iter().find(|new| new.key == setting) {
            source.started_with.retain(|old| old.key != setting);
            source.started_with.push(new.clone());
        }
    }
    if !others.is_empty() {
        let settings = others.join(", ");
        tracing::warn!(settings, "changed settings take effect after a restart");
    }
    source
}

/// The keys whose values differ, or that are on one side only, in order.
fn changed(old: &[EffectiveSetting], new: &[EffectiveSetting]) -> Vec<String> {
    let differs = |one: &EffectiveSetting, others: &[EffectiveSetting]| {
        !others.iter().any(|other| other.key == one.key && other.value == one.value)
    };
    let mut keys: Vec<String> =
        old.iter().filter(|one| differs(one, new)).cloned().map(key).collect();
    keys.extend(new.iter().filter(|one| differs(one, old)).cloned().map(key));
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn key(setting: EffectiveSetting) -> String {
    setting.key
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::Path;

    use super::*;
    use crate::config::Loaded;

    fn effective(text: &str) -> Vec<EffectiveSetting> {
        let needed = "server.public_url = \"http://portal.test\"\n\
                      upstream.servers = [\"http://127.0.0.1:9000\"]\n";
        let text = format!("{needed}{text}");
        Loaded::parse(&text, Path::new("test"), &HashMap::new()).unwrap().effective
    }

    #[test]
    fn settings_that_differ_are_named() {
        let old = effective("telemetry.log = \"warn\"\nserver.threads = 2\n");
        assert_eq!(changed(&old, &old), [""; 0]);
        let new = effective("telemetry.log = \"info\"\nserver.threads = 2\nserver.backlog = 5\n");
        assert_eq!(changed(&old, &new), ["server.backlog", "telemetry.log"]);
        assert_eq!(changed(&new, &old), ["server.backlog", "telemetry.log"]);
    }

    #[test]
    fn settings_that_are_reloaded_exist() {
        let all = effective("");
        for key in RELOADED {
            assert!(all.iter().any(|setting| setting.key == key), "{key}");
        }
    }
}
