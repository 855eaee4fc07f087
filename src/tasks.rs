//! Supervision of long-running tasks: none of them ends unnoticed (I11).
//!
//! A task that panics, or returns before the process is asked to stop, stops the process, which then
//! exits with the task's name in the error. The service manager starts it again with every task running.
//! A gateway that went on without one of them would look healthy and not be.
//!
//! Work on one input (a mail, a password reset, a policy file) runs in [`caught`]: input that causes a panic
//! would do so again after a restart.
//!
//! Not supervised here, because their end cannot go unnoticed or has no effect beyond itself:
//!
//! - tasks of one connection or one request: a panic ends that connection;
//! - the threads that hash passwords: they catch panics and go on;
//! - the store's writer: when it fails, every commit does, and the store is down;
//! - the log's writer: losing the log must not stop the gateway.
//!
//! `tests/structure/spawns.rs` lists every place that starts a task or a thread.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};

use futures_util::FutureExt as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A task that ended although the process was not stopping.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the task `{name}` {how}, so the gateway has stopped")]
pub struct TaskEnded {
    name: &'static str,
    how: String,
}

/// The supervision of a process's tasks. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    stop: CancellationToken,
    ended: Arc<OnceLock<TaskEnded>>,
}

impl Tasks {
    /// Cancelled when the process is to stop. Cancelling it stops the process.
    #[must_use]
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Runs a task to its end, which stops the process unless it is stopping already.
    pub async fn supervise(self, name: &'static str, task: impl Future<Output = ()>) {
        let how = match caught(task).await {
            Ok(()) if self.stop.is_cancelled() => return,
            Ok(()) => "ended".to_owned(),
            Err(panic) => format!("panicked: {panic}"),
        };
        let ended = TaskEnded { name, how };
        tracing::error!("{ended}");
        // Later ones may end because of the first.
        let _ = self.ended.set(ended);
        self.stop.cancel();
    }

    /// Spawns a supervised task on the current runtime.
    pub fn spawn(
        &self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> JoinHandle<()> {
        tokio::spawn(self.clone().supervise(name, task))
    }

    /// `Ok` if the process stopped because it was asked to.
    ///
    /// # Errors
    /// The task whose end stopped it.
    pub fn outcome(&self) -> Result<(), TaskEnded> {
        self.ended.get().cloned().map_or(Ok(()), Err)
    }
}

/// Runs a future and turns a panic into an error.
///
/// # Errors
/// The message of the panic.
pub async fn caught<T>(task: impl Future<Output = T>) -> Result<T, String> {
    AssertUnwindSafe(task).catch_unwind().await.map_err(|panic| message(&*panic))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn i11_a_task_that_ends_or_panics_stops_the_process() {
        let tasks = Tasks::default();
        tasks.spawn("mail", async {}).await.unwrap();
        assert!(tasks.stop().is_cancelled());
        let error = tasks.outcome().unwrap_err().to_string();
        assert_eq!(error, "the task `mail` ended, so the gateway has stopped");

        let tasks = Tasks::default();
        tasks.spawn("sweep", async { panic!("{} is wrong", "this") }).await.unwrap();
        assert!(tasks.stop().is_cancelled());
        tasks.spawn("mail", async { panic!("later") }).await.unwrap();
        let error = tasks.outcome().unwrap_err().to_string();
        assert_eq!(error, "the task `sweep` panicked: this is wrong, so the gateway has stopped");
    }

    #[tokio::test]
    async fn i11_a_task_that_ends_at_shutdown_is_not_a_failure() {
        let tasks = Tasks::default();
        let stopped = tasks.stop().clone().cancelled_owned();
        let running = tasks.spawn("mail", stopped);
        tasks.stop().cancel();
        running.await.unwrap();
        assert_eq!(tasks.outcome(), Ok(()));
    }
}
