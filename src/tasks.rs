//! Long-running tasks: none of them ends unnoticed (I11).
//!
//! A task that returns before the process is asked to stop, or panics, stops the process, which
//! then exits with the task's name. Whatever supervises the process starts it again with every task
//! running; a gateway that lacks one of them looks healthy and is not.
//!
//! Work that is driven by input (a mail, a reset, a policy file) is run with [`caught`]: input that
//! causes a panic would do so again after a restart.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};

use futures_util::FutureExt as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A long-running task that ended before it was asked to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the task `{name}` {how}, so the gateway has stopped")]
pub struct TaskEnded {
    name: &'static str,
    how: String,
}

/// The long-running tasks of a process, and what stops them all.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    stop: CancellationToken,
    ended: Arc<OnceLock<TaskEnded>>,
}

impl Tasks {
    /// Cancelled when the process stops; cancelling it stops the process.
    #[must_use]
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Runs a task to its end. Unless the process is stopping, that end stops it.
    pub async fn supervise(self, name: &'static str, task: impl Future<Output = ()>) {
        let how = match caught(task).await {
            Ok(()) if self.stop.is_cancelled() => return,
            Ok(()) => "ended".to_owned(),
            Err(panic) => format!("panicked: {panic}"),
        };
        let ended = TaskEnded { name, how };
        tracing::error!("{ended}");
        // The first one is the cause.
        let _ = self.ended.set(ended);
        self.stop.cancel();
    }

    /// Spawns a task that is supervised.
    pub fn spawn(
        &self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> JoinHandle<()> {
        tokio::spawn(self.clone().supervise(name, task))
    }

    /// Whether the process stopped because it was asked to.
    ///
    /// # Errors
    /// The task whose end stopped it.
    pub fn outcome(&self) -> Result<(), TaskEnded> {
        self.ended.get().cloned().map_or(Ok(()), Err)
    }
}

/// Runs a task; a panic becomes an error with its message.
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
        let told = tasks.outcome().unwrap_err().to_string();
        assert_eq!(told, "the task `mail` ended, so the gateway has stopped");

        let tasks = Tasks::default();
        tasks.spawn("sweep", async { panic!("{} is wrong", "this") }).await.unwrap();
        assert!(tasks.stop().is_cancelled());
        tasks.spawn("mail", async { panic!("later") }).await.unwrap();
        let told = tasks.outcome().unwrap_err().to_string();
        assert_eq!(told, "the task `sweep` panicked: this is wrong, so the gateway has stopped");
    }

    #[tokio::test]
    async fn i11_a_task_that_ends_because_of_a_stop_is_no_failure() {
        let tasks = Tasks::default();
        let stopped = tasks.stop().clone().cancelled_owned();
        let running = tasks.spawn("mail", stopped);
        tasks.stop().cancel();
        running.await.unwrap();
        assert_eq!(tasks.outcome(), Ok(()));
    }
}
