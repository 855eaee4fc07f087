//! The thread that sends traces.

use std::io;
use std::thread;

use tokio::runtime::Builder;

use crate::authz::decision_record::TraceExporter;
use crate::tasks::Tasks;

/// Sends traces on a thread of its own, so that a collector that is slow delays nothing else.
///
/// # Errors
/// When the thread or its runtime cannot be started.
pub(super) fn start(exporter: TraceExporter, tasks: &Tasks) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let sending = tasks.clone().supervise("traces", exporter.run());
    thread::Builder::new().name("traces".to_owned()).spawn(move || runtime.block_on(sending))?;
    Ok(())
}
