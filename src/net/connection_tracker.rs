//! Open connections: how many there may be, and which of them a shutdown waits for.
//!
//! One tracker serves both planes. Each listener has a limit of its own, from
//! [`ConnectionTracker::with_limit`]; shutdown is the same for all of them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::telemetry::metrics::{Samples, Source, families};

/// How long a connection without a request stays open after shutdown has begun. Its client may have
/// sent a request that has not arrived yet; closing at once would lose it.
pub(super) const LAST_REQUEST: Duration = Duration::from_millis(250);

/// Counts open connections, and asks them to finish at shutdown.
#[derive(Debug, Clone)]
pub struct ConnectionTracker {
    permits: Arc<Semaphore>,
    shared: Arc<Shared>,
}

/// What the connections of all listeners share.
#[derive(Debug, Default)]
struct Shared {
    /// The listeners that accept connections.
    accepting: TaskTracker,
    open: TaskTracker,
    shutdown: CancellationToken,
    /// Set just before `shutdown` is cancelled. [`CancellationToken::is_cancelled`] takes a lock,
    /// and connections look here each time they are polled.
    shutting_down: AtomicBool,
}

/// One open connection. It is counted until the last clone is dropped.
#[derive(Debug, Clone)]
pub struct ConnectionGuard(Arc<Tracked>);

/// A place for one connection of a listener.
#[derive(Debug)]
pub struct ConnectionPermit {
    _permit: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Tracked {
    shared: Arc<Shared>,
    _permit: ConnectionPermit,
    _open: TaskTrackerToken,
}

impl ConnectionTracker {
    /// No connections yet, and at most `limit` at a time.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { permits: permits(limit), shared: Arc::default() }
    }

    /// A tracker for another listener: it has a limit of its own and takes part in the same
    /// shutdown.
    #[must_use]
    pub fn with_limit(&self, limit: usize) -> Self {
        Self { permits: permits(limit), shared: Arc::clone(&self.shared) }
    }

    /// A token for a listener, until it accepts no more connections. Shutdown waits for it, so that
    /// each connection that was accepted is served.
    pub fn accepting(&self) -> TaskTrackerToken {
        self.shared.accepting.token()
    }

    /// Counts a connection, unless the limit is reached.
    #[must_use]
    pub fn try_open(&self) -> Option<ConnectionGuard> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().ok()?;
        Some(self.open(ConnectionPermit { _permit: permit }))
    }

    /// Waits until there are fewer connections than the limit. Use the permit for the next one.
    pub async fn permit(&self) -> Option<ConnectionPermit> {
        // The semaphore is never closed, so this always is a permit.
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok()?;
        Some(ConnectionPermit { _permit: permit })
    }

    /// Counts a connection.
    #[must_use]
    pub fn open(&self, permit: ConnectionPermit) -> ConnectionGuard {
        ConnectionGuard(Arc::new(Tracked {
            shared: Arc::clone(&self.shared),
            _permit: permit,
            _open: self.shared.open.token(),
        }))
    }

    /// Asks every connection to finish. Returns how many are open.
    pub fn begin_shutdown(&self) -> usize {
        self.shared.shutting_down.store(true, Ordering::Release);
        self.shared.shutdown.cancel();
        self.shared.accepting.close();
        self.shared.open.close();
        self.count()
    }

    /// How many connections are open, on all listeners.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shared.open.len()
    }

    /// Waits until shutdown has begun, no listener accepts connections, and none is open.
    pub async fn closed(&self) {
        self.shared.accepting.wait().await;
        self.shared.open.wait().await;
    }
}

impl Source for ConnectionTracker {
    fn collect(&self, samples: &mut Samples) {
        samples.size(&families::CONNECTIONS, &[], self.count());
    }
}

impl ConnectionGuard {
    /// The same guard, for code that only keeps it.
    #[must_use]
    pub fn hold(&self) -> Arc<dyn fmt::Debug + Send + Sync> {
        Arc::<Tracked>::clone(&self.0)
    }

    /// Waits until shutdown begins.
    pub fn shutdown(&self) -> WaitForCancellationFuture<'_> {
        self.0.shared.shutdown.cancelled()
    }

    /// Waits until shutdown has begun and a client that has sent no request yet has had
    /// [`LAST_REQUEST`] to do so.
    pub async fn shutdown_without_request(&self) {
        self.shutdown().await;
        tokio::time::sleep(LAST_REQUEST).await;
    }

    /// Whether shutdown has begun. This is one atomic load.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.0.shared.shutting_down.load(Ordering::Acquire)
    }
}

fn permits(limit: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS)))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn limit_is_per_listener_and_counts_all_clones() {
        let gateway = ConnectionTracker::new(2);
        let admin = gateway.with_limit(1);
        let (first, second) = (gateway.try_open().unwrap(), gateway.try_open().unwrap());
        assert!(gateway.try_open().is_none(), "the limit is two");
        let operator = admin.open(admin.permit().now_or_never().flatten().unwrap());
        assert!(admin.permit().now_or_never().is_none(), "the limit is one");
        assert_eq!(gateway.count(), 3);
        let tunnel = first.clone();
        drop(first);
        assert!(gateway.try_open().is_none(), "the tunnel is still open");
        drop(tunnel);
        assert!(gateway.try_open().is_some());
        drop((second, operator));
        assert_eq!(gateway.count(), 0);
    }

    #[tokio::test]
    async fn shutdown_waits_for_open_connections_of_every_listener() {
        let gateway = ConnectionTracker::new(2);
        let admin = gateway.with_limit(2);
        let (first, second) = (gateway.try_open().unwrap(), admin.try_open().unwrap());
        assert!(gateway.closed().now_or_never().is_none());
        assert!(!first.is_shutting_down() && second.shutdown().now_or_never().is_none());
        let serving = tokio::spawn(async move {
            second.shutdown().await;
            assert!(second.is_shutting_down());
        });
        tokio::task::yield_now().await;
        assert_eq!(gateway.begin_shutdown(), 2);
        assert!(gateway.closed().now_or_never().is_none(), "the first is still open");
        drop(first);
        gateway.closed().await;
        serving.await.unwrap();
        assert_eq!(admin.count(), 0);
    }

    #[tokio::test]
    async fn shutdown_waits_for_connections_accepted_before_it() {
        let gateway = ConnectionTracker::new(2);
        let accepting = gateway.accepting();
        gateway.begin_shutdown();
        assert!(gateway.closed().now_or_never().is_none(), "a listener may have accepted one");
        let accepted = gateway.try_open().unwrap();
        assert!(accepted.is_shutting_down());
        drop(accepting);
        assert!(gateway.closed().now_or_never().is_none(), "the connection is open");
        drop(accepted);
        gateway.closed().await;
    }

    #[tokio::test(start_paused = true)]
    async fn client_without_a_request_has_time_for_one() {
        let gateway = ConnectionTracker::new(1);
        let guard = gateway.try_open().unwrap();
        assert!(guard.shutdown_without_request().now_or_never().is_none());
        gateway.begin_shutdown();
        let start = tokio::time::Instant::now();
        guard.shutdown_without_request().await;
        assert!(start.elapsed() >= LAST_REQUEST);
    }
}
