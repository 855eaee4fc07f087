//! The watchdog of the service manager: it is notified as long as every worker makes progress, and
//! restarts the gateway otherwise.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::workers::Workers;
use crate::service_manager::Notifier;

/// Notifies the service manager twice in each `limit`, until `stop` is ready. A worker that does not
/// run its tasks ends the notifications.
pub(super) async fn run(
    workers: Arc<Workers>,
    notifier: Notifier,
    limit: Duration,
    stop: impl Future<Output = ()>,
) {
    let notifying = async {
        let mut ticks = interval(limit / 2);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            workers.respond().await;
            notifier.alive();
        }
    };
    tokio::select! {
        () = stop => {}
        () = notifying => {}
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use tokio::runtime::{Builder, Handle};

    use super::*;

    /// Whether the service manager is notified by workers of which one is this.
    async fn is_notified(worker: &Handle) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_nonblocking(true).unwrap();
        let variable = |name: &str| match name {
            "NOTIFY_SOCKET" => Some(path.clone().into()),
            "WATCHDOG_USEC" => Some("20000".into()),
            _ => None,
        };
        let notifier = Notifier::new(variable, std::process::id()).unwrap();
        let limit = notifier.watchdog().unwrap();
        let workers = Workers::new([Handle::current(), worker.clone()]);
        let enough = tokio::time::sleep(Duration::from_millis(500));
        run(Arc::new(workers), notifier, limit, enough).await;
        manager.recv(&mut [0; 20]).is_ok()
    }

    #[tokio::test]
    async fn watchdog_is_notified_while_every_worker_runs() {
        let running = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        assert!(is_notified(running.handle()).await);
        running.shutdown_background();
    }

    #[tokio::test]
    async fn watchdog_is_not_notified_if_a_worker_hangs() {
        // A runtime that nothing drives does not run its tasks.
        let hanging = Builder::new_current_thread().build().unwrap();
        assert!(!is_notified(hanging.handle()).await);
        hanging.shutdown_background();
    }
}
