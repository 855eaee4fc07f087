//! The threads that serve portal traffic, and which of them serves the next connection.
//!
//! Each worker is a pingora service with one thread, so each has a single-threaded runtime of its
//! own. The gateway's listener is a worker too: it accepts connections and gives each to the worker
//! that serves fewest, which may be itself.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use pingora_core::server::{ListenFds, ShutdownWatch};
use pingora_core::services::{ServiceReadyNotifier, ServiceWithDependents};
use tokio::runtime::Handle;

/// Name of the services, and so of the threads.
pub(super) const NAME: &str = "gateway";

/// A worker that only serves connections. Its runtime lives as long as the server.
#[derive(Debug, Default)]
pub(super) struct Worker {
    runtime: WorkerRuntime,
}

/// The runtime of a worker, once its service has started.
#[derive(Debug, Clone, Default)]
pub(super) struct WorkerRuntime(Arc<OnceLock<Handle>>);

/// All workers.
#[derive(Debug)]
pub(super) struct Workers(Vec<Load>);

#[derive(Debug)]
struct Load {
    runtime: Handle,
    connections: ServedConnection,
}

/// Counts a connection as its worker's until dropped.
#[derive(Debug, Clone, Default)]
pub(super) struct ServedConnection(Arc<()>);

impl Worker {
    /// Where this worker's runtime will be found.
    pub(super) fn runtime(&self) -> WorkerRuntime {
        self.runtime.clone()
    }
}

#[async_trait]
impl ServiceWithDependents for Worker {
    async fn start_service(
        &mut self,
        _fds: Option<ListenFds>,
        _shutdown: ShutdownWatch,
        _listeners_per_fd: usize,
        ready: ServiceReadyNotifier,
    ) {
        // A service starts once.
        let _ = self.runtime.0.set(Handle::current());
        ready.notify_ready();
    }

    fn name(&self) -> &str {
        NAME
    }

    fn threads(&self) -> Option<usize> {
        Some(1)
    }
}

impl Workers {
    /// The worker that this is called on, and `others` that have started.
    pub(super) fn current_and(others: &[WorkerRuntime]) -> Self {
        let others = others.iter().filter_map(|worker| worker.0.get().cloned());
        Self::new([Handle::current()].into_iter().chain(others))
    }

    /// Workers that run on these runtimes.
    pub(super) fn new(runtimes: impl IntoIterator<Item = Handle>) -> Self {
        let load = |runtime| Load { runtime, connections: ServedConnection::default() };
        Self(runtimes.into_iter().map(load).collect())
    }

    /// Waits until each worker has run a task.
    pub(super) async fn respond(&self) {
        for worker in &self.0 {
            // Only a runtime that has been shut down cancels it.
            let _ = worker.runtime.spawn(async {}).await;
        }
    }

    /// The worker that serves fewest connections; the first one if several do.
    pub(super) fn least_busy(&self) -> Option<(&Handle, ServedConnection)> {
        let least = self.0.iter().min_by_key(|worker| Arc::strong_count(&worker.connections.0))?;
        Some((&least.runtime, least.connections.clone()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::{Builder, Runtime};

    use super::*;

    fn runtimes() -> [Runtime; 3] {
        std::array::from_fn(|_| Builder::new_current_thread().build().unwrap())
    }

    #[test]
    fn connections_are_spread_evenly() {
        let runtimes = runtimes();
        let workers = Workers::new(runtimes.iter().map(|runtime| runtime.handle().clone()));
        let served: Vec<_> = (0..9).map(|_| workers.least_busy().unwrap()).collect();
        for runtime in &runtimes {
            let mine = served.iter().filter(|(handle, _)| handle.id() == runtime.handle().id());
            assert_eq!(mine.count(), 3);
        }
    }

    #[test]
    fn worker_whose_connections_ended_is_next() {
        let runtimes = runtimes();
        let workers = Workers::new(runtimes.iter().map(|runtime| runtime.handle().clone()));
        let served: Vec<_> = (0..6).map(|_| workers.least_busy().unwrap()).collect();
        let (ended, others): (Vec<_>, Vec<_>) =
            served.into_iter().partition(|(handle, _)| handle.id() == runtimes[1].handle().id());
        drop(ended);
        for _ in 0..2 {
            let (next, _connection) = workers.least_busy().unwrap();
            assert_eq!(next.id(), runtimes[1].handle().id());
        }
        drop(others);
    }

    #[tokio::test]
    async fn workers_that_have_not_started_get_no_connections() {
        let workers = Workers::current_and(&[WorkerRuntime::default()]);
        let (first, _served) = workers.least_busy().unwrap();
        let (second, _served) = workers.least_busy().unwrap();
        assert_eq!(first.id(), second.id());
    }
}
