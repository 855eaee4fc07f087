//! The thread that sends traces.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;

use crate::authz::decision_record::TraceExporter;
use crate::tasks::Tasks;

/// What sending the last traces may take at the end of the process.
const LAST_TRACES: Duration = Duration::from_secs(2);

/// The thread, which sends traces until it is finished.
#[derive(Debug)]
pub(super) struct TraceThread {
    last: CancellationToken,
    /// Closed by the end of the thread.
    ended: Receiver<()>,
}

/// Sends traces on a thread of its own, so that a collector that is slow delays nothing else.
///
/// # Errors
/// When the thread or its runtime cannot be started.
pub(super) fn start(exporter: TraceExporter, tasks: &Tasks) -> io::Result<TraceThread> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let last = CancellationToken::new();
    let sending = tasks.clone().supervise("traces", exporter.run(last.clone()));
    let (running, ended) = sync_channel(0);
    thread::Builder::new().name("traces".to_owned()).spawn(move || {
        runtime.block_on(sending);
        drop(running);
    })?;
    Ok(TraceThread { last, ended })
}

impl TraceThread {
    /// Sends what waits, for at most two seconds.
    pub(super) fn finish(self) {
        self.last.cancel();
        if self.ended.recv_timeout(LAST_TRACES) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("the last traces could not be sent in time");
        }
    }
}
