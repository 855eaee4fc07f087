//! Opening the audit log with the key that signs its checkpoints, and what is done with it while the
//! gateway runs.

use std::time::Duration;

use portcullis_audit::SigningKey;
use serde_json::Map;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::StartError;
use crate::audit::AuditLog;
use crate::clock;
use crate::config::Settings;
use crate::credential::key::{Purpose, SecretKey};
use crate::directory::records::audit::Occurrence;
use crate::directory::{Actor, Change, Directory};
use crate::telemetry::events::refused;
use portcullis_store::StoreError;

/// Time between two checkpoints. What was cut off the end within this time cannot be shown.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(60);
const CHECKPOINTS_PER_REMOVAL: u64 = 60;
/// Time between two commits with first refusals.
const REFUSED_INTERVAL: Duration = Duration::from_secs(1);

/// The log of this directory. At the first start, the key is created.
///
/// # Errors
/// When the key cannot be read or created, or is missing although checkpoints were signed with it.
pub(super) async fn open(
    settings: &Settings,
    directory: &Directory,
) -> Result<AuditLog, StartError> {
    let file = &settings.audit.key_file;
    let key = match file.symlink_metadata() {
        Ok(_) => SecretKey::load(file)?,
        Err(_) if AuditLog::is_signed(directory).await? => {
            return Err(StartError::AuditKeyMissing { file: file.clone() });
        }
        Err(_) => {
            let key = SecretKey::generate();
            key.save(file)?;
            key
        }
    };
    let origin = format!("{}/audit", settings.server.public_url.host());
    let seed = key.derive(Purpose::AuditCheckpoint);
    let key = SigningKey::new(&origin, seed.expose()).map_err(StartError::AuditKey)?;
    Ok(AuditLog::new(directory, key))
}

/// Adds the first refusal of each series at once, but not more than one commit a second; adds the
/// others and signs a checkpoint every minute, and removes old entries every hour.
pub(super) async fn maintain(log: AuditLog, retention: watch::Receiver<Duration>) {
    let mut ticks = interval(CHECKPOINT_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next_write = Instant::now();
    for tick in 0_u64.. {
        loop {
            tokio::select! {
                _ = ticks.tick() => break,
                () = refused::new_series() => {
                    sleep_until(next_write).await;
                    report(log.add_first_refused().await);
                    next_write = Instant::now() + REFUSED_INTERVAL;
                }
            }
        }
        report(log.end_minute_of_refused().await);
        sign(&log).await;
        if tick % CHECKPOINTS_PER_REMOVAL == 0 {
            let retention = *retention.borrow();
            match log.remove_expired(retention, clock::now()).await {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "expired audit entries removed"),
                Err(error) => tracing::warn!(%error, "could not remove expired audit entries"),
            }
        }
    }
}

/// Adds an entry about the gateway itself.
pub(super) async fn note(log: &AuditLog, kind: &'static str) {
    let change = Change::new(Actor::System("gateway"), clock::now());
    let version = Map::from_iter([("version".to_owned(), env!("CARGO_PKG_VERSION").into())]);
    if let Err(error) = log.note(&change, Occurrence::of_gateway(kind, version)).await {
        tracing::error!(%error, kind, "could not add an entry to the audit log");
    }
}

/// Logs that entries about refusals could not be added.
fn report(added: Result<(), StoreError>) {
    if let Err(error) = added {
        tracing::error!(%error, "could not add refusals to the audit log");
    }
}

/// Signs a checkpoint.
async fn sign(log: &AuditLog) {
    if let Err(error) = log.checkpoint(clock::now()).await {
        tracing::error!(%error, "could not sign a checkpoint of the audit log");
    }
}

/// The last entries, and a checkpoint that covers it.
pub(super) async fn finish(log: &AuditLog) {
    report(log.add_refused().await);
    note(log, "gateway.stopped").await;
    sign(log).await;
}
