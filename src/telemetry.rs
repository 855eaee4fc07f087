//! The program's own log: `tracing` events, on standard error. Decision records are not here; they
//! go to standard output (`gateway/decision_record.rs`).
//!
//! Events are written by a thread of their own. When standard error is full, closed or not read,
//! lines are lost, and nothing else is (I11): no task waits for it, or fails because of it.

mod lines;

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::util::SubscriberInitExt;

pub use self::lines::Lines;

/// Lines that wait to be written; further ones are lost.
const WAITING: usize = 4096;
/// How long an exit waits for the last lines.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Why the log cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter cannot be read.
    #[error(transparent)]
    Filter(#[from] ParseError),
    /// There is no thread to write with.
    #[error("the log's thread cannot be started: {0}")]
    Thread(io::Error),
}

/// The log; writes what still waits when dropped, for a second at most.
#[derive(Debug)]
#[must_use = "lines that wait are lost unless it is kept to the end"]
pub struct Log(SyncSender<Next>);

enum Next {
    Line(Vec<u8>),
    /// Answered when every line before it is written.
    Flush(Sender<()>),
}

/// Where events go: to the thread, unless too many wait.
#[derive(Clone)]
struct Waiting {
    lines: SyncSender<Next>,
    lost: Arc<AtomicUsize>,
}

/// Starts to log what `filter` lets through, in the filter language of `tracing`, and panics.
/// Readable on a terminal, one JSON object a line elsewhere.
///
/// # Errors
/// When the filter cannot be read, or there is no thread.
pub fn start(filter: &str) -> Result<Log, LogError> {
    let filter = parse(filter)?;
    let (lines, waiting) = sync_channel(WAITING);
    let lost = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&lost);
    std::thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || write(&waiting, io::stderr(), &counted))
        .map_err(LogError::Thread)?;
    let log = Log(lines.clone());
    let writer = Waiting { lines, lost };
    let events = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .log_internal_errors(false)
        .with_writer(move || writer.clone());
    // A subscriber that is there already stays: tests in one process share it.
    let started = if io::stderr().is_terminal() {
        events.with_target(false).compact().finish().try_init()
    } else {
        events.json().flatten_event(true).finish().try_init()
    };
    if started.is_ok() {
        // The default hook writes to standard error itself, and may wait for it.
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string);
            let message = panic.payload_as_str().unwrap_or("no message");
            tracing::error!(place, "panicked: {message}");
        }));
    }
    Ok(log)
}

/// Reads a filter without using it.
///
/// # Errors
/// When it cannot be read.
pub fn parse(filter: &str) -> Result<EnvFilter, ParseError> {
    // pingora tells of its own start and stop; here the server does.
    EnvFilter::try_new(format!("pingora_core=warn,{filter}"))
}

/// Standard output without a buffer.
///
/// # Errors
/// When there is no descriptor left.
pub fn standard_output() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

/// The thread: writes lines as they come, and reports lost ones once it can.
fn write(waiting: &Receiver<Next>, out: impl Write, lost: &AtomicUsize) {
    let mut out = Lines::new(out);
    while let Ok(next) = waiting.recv() {
        match next {
            Next::Line(line) => match out.write(&line) {
                Ok(()) => {
                    let lost = lost.swap(0, Ordering::Relaxed);
                    if lost > 0 {
                        tracing::warn!(lost, "log lines were lost: they could not be written");
                    }
                }
                Err(_) => {
                    lost.fetch_add(1, Ordering::Relaxed);
                }
            },
            Next::Flush(done) => drop(done.send(())),
        }
    }
}

impl Write for Waiting {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.lines.try_send(Next::Line(line.to_vec())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let (done, written) = channel();
        if self.0.try_send(Next::Flush(done)).is_ok() {
            let _ = written.recv_timeout(LAST_LINES);
        }
    }
}
