//! The log, `tracing` events on standard error, and the metrics.
//!
//! Decision records go to standard output instead (`authz/decision_record.rs`).
//!
//! [`events`] are the lines that matter after an incident; their names and fields are stable. All
//! others are for people.
//!
//! A thread of its own writes the events. When standard error is full, closed or not read, lines are
//! lost and nothing else is (I11): no task waits for it or fails because of it.

pub mod escape;
pub mod events;
mod lines;
pub mod metrics;
pub mod otlp;

use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use tracing::Metadata;
use tracing_subscriber::filter::{LevelFilter, ParseError};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, reload};

pub use self::lines::Lines;

use self::metrics::Samples;

/// Lines in the queue. More are lost until there is room.
const QUEUE: usize = 4096;
/// How many of them may be events that anyone can cause without an account, so that a flood of those
/// leaves room for all other lines.
const REFUSED_QUEUE: usize = QUEUE / 4;
/// Upper bound on writing the queue at exit.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Why the log cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is invalid.
    #[error(transparent)]
    Filter(#[from] ParseError),
    /// A part of the filter has no level. `tracing` would take a mistyped level for a module.
    #[error("`{0}` is not a level, and not a module with one (e.g. `hyper=error`)")]
    Level(String),
    /// The log has ended.
    #[error(transparent)]
    Reload(#[from] reload::Error),
    /// The writer's thread cannot be started.
    #[error("cannot start the log's thread: {0}")]
    Thread(io::Error),
}

/// The running log. Dropping it writes the queue, for at most a second.
#[derive(Debug)]
#[must_use = "keep it until the end, or the last lines are lost"]
pub struct Log {
    queue: SyncSender<Message>,
    filter: LogFilter,
}

/// The filter of the running log. Clones share it.
#[derive(Clone)]
pub struct LogFilter(Arc<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync>);

enum Message {
    Line {
        text: Vec<u8>,
        /// Whether it counts for [`REFUSED_QUEUE`].
        refused: bool,
    },
    /// Answered when every earlier line has been written.
    Flush(Sender<()>),
}

/// Passes lines to the thread. Counts those that are lost.
#[derive(Clone)]
struct QueueWriter {
    queue: SyncSender<Message>,
    counts: Arc<Counts>,
    /// Whether it writes an event that anyone can cause without an account.
    refused: bool,
}

/// Lines that were lost since the start. The log is one for the process.
static LOST: AtomicU64 = AtomicU64::new(0);

#[derive(Debug, Default)]
struct Counts {
    /// Lines that were lost since this was last logged.
    lost: AtomicUsize,
    /// Lines in the queue that count for [`REFUSED_QUEUE`].
    refused: AtomicUsize,
}

/// Starts to log events that pass `filter` (the syntax of `tracing`'s `EnvFilter`), and panics.
/// Lines are text on a terminal and JSON elsewhere.
///
/// # Errors
/// When the filter is invalid, or the thread cannot be started.
pub fn start(filter: &str) -> Result<Log, LogError> {
    let filter = parse(filter)?;
    let (queue, messages) = sync_channel(QUEUE);
    let counts = Arc::new(Counts::default());
    let counted = Arc::clone(&counts);
    std::thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || write(&messages, io::stderr(), &counted))
        .map_err(LogError::Thread)?;
    let writer = QueueWriter { queue: queue.clone(), counts, refused: false };
    let events = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .log_internal_errors(false)
        .with_ansi(AutoStream::choice(&io::stderr()) != ColorChoice::Never)
        .with_writer(writer);
    // This fails when there is a subscriber already: tests in one process share one.
    let (started, filter) = if io::stderr().is_terminal() {
        let events = events.with_target(false).compact().with_filter_reloading();
        let filter = events.reload_handle();
        (events.finish().try_init(), LogFilter(Arc::new(move |new| filter.reload(new))))
    } else {
        let events = events.json().flatten_event(true).with_filter_reloading();
        let filter = events.reload_handle();
        (events.finish().try_init(), LogFilter(Arc::new(move |new| filter.reload(new))))
    };
    if started.is_ok() {
        // The default hook writes to standard error itself and may block.
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string);
            let message = panic.payload_as_str().unwrap_or("no message");
            tracing::error!(place, "panicked: {message}");
        }));
    }
    Ok(Log { queue, filter })
}

/// Parses a filter.
///
/// # Errors
/// When it is invalid, or a part of it has no level.
pub fn parse(filter: &str) -> Result<EnvFilter, LogError> {
    if let Some(part) = parts(filter).find(|part| !has_level(part)) {
        return Err(LogError::Level(part.trim().to_owned()));
    }
    // pingora logs its own start and stop at `info`; the gateway logs those itself.
    Ok(EnvFilter::try_new(format!("pingora_core=warn,{filter}"))?)
}

/// The parts of a filter between commas, of which those inside brackets separate nothing.
fn parts(filter: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    filter.split(move |c| {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
}

fn has_level(part: &str) -> bool {
    let level = part.rsplit_once('=').map_or(part, |(_, level)| level).trim();
    !level.is_empty() && level.parse::<LevelFilter>().is_ok()
}

/// Standard output, unbuffered.
///
/// # Errors
/// When the process has no descriptor left.
pub fn standard_output() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

/// Writes lines until the queue is closed, and reports lost ones when writing works again.
fn write(messages: &Receiver<Message>, out: impl Write, counts: &Counts) {
    let mut out = Lines::new(out);
    while let Ok(message) = messages.recv() {
        match message {
            Message::Line { text, refused } => {
                if refused {
                    counts.refused.fetch_sub(1, Ordering::Relaxed);
                }
                match out.write(&escape::deceptive(&text)) {
                    Ok(()) => {
                        let lost = counts.lost.swap(0, Ordering::Relaxed);
                        if lost > 0 {
                            tracing::warn!(lost, "log lines lost: they could not be written");
                        }
                    }
                    Err(_) => {
                        counts.lose();
                    }
                }
            }
            Message::Flush(done) => drop(done.send(())),
        }
    }
}

impl Counts {
    fn lose(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
        LOST.fetch_add(1, Ordering::Relaxed);
    }
}

/// Adds what the process has logged, and lost of its log.
pub fn collect(samples: &mut Samples) {
    samples.count(&metrics::families::LINES_LOST, &[], LOST.load(Ordering::Relaxed));
    events::collect(samples);
}

impl<'a> MakeWriter<'a> for QueueWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self {
        Self { refused: metadata.target() == events::REFUSED, ..self.clone() }
    }
}

impl QueueWriter {
    /// Puts a line into the queue. Returns `false` if there is no room for it.
    fn send(&self, line: &[u8]) -> bool {
        let refusals = &self.counts.refused;
        if self.refused && refusals.fetch_add(1, Ordering::Relaxed) >= REFUSED_QUEUE {
            refusals.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        let message = Message::Line { text: line.to_vec(), refused: self.refused };
        let sent = self.queue.try_send(message).is_ok();
        if self.refused && !sent {
            refusals.fetch_sub(1, Ordering::Relaxed);
        }
        sent
    }
}

impl Write for QueueWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if !self.send(line) {
            self.counts.lose();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Its filter.
    #[must_use]
    pub fn filter(&self) -> LogFilter {
        self.filter.clone()
    }
}

impl LogFilter {
    /// Logs events that pass this filter from now on.
    ///
    /// # Errors
    /// When it is invalid, or the log has ended.
    pub fn set(&self, filter: &str) -> Result<(), LogError> {
        Ok((self.0)(parse(filter)?)?)
    }
}

impl fmt::Debug for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogFilter(…)")
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let (done, written) = channel();
        if self.queue.try_send(Message::Flush(done)).is_ok() {
            let _ = written.recv_timeout(FLUSH_TIMEOUT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> (QueueWriter, Receiver<Message>) {
        let (queue, messages) = sync_channel(QUEUE);
        (QueueWriter { queue, counts: Arc::default(), refused: false }, messages)
    }

    #[test]
    fn i11_refused_attempts_leave_room_for_other_lines() {
        let (others, messages) = writer();
        let refused = QueueWriter { refused: true, ..others.clone() };
        let sent = (0..2 * QUEUE).filter(|_| refused.send(b"refused\n")).count();
        assert_eq!(sent, REFUSED_QUEUE);
        assert!(others.send(b"other\n"));
        // Once they are written, there is room again.
        let counts = Arc::clone(&others.counts);
        drop((others, refused.clone()));
        assert!(!refused.send(b"refused\n"));
        let written: Vec<_> = messages.try_iter().collect();
        assert_eq!(written.len(), REFUSED_QUEUE + 1);
        let (again, receiver) = sync_channel(QUEUE);
        written.into_iter().for_each(|message| again.try_send(message).unwrap());
        drop(again);
        write(&receiver, io::sink(), &counts);
        assert_eq!(counts.refused.load(Ordering::Relaxed), 0);
        assert!(refused.send(b"refused\n"));
    }

    #[test]
    fn filter_has_a_level_in_each_part() {
        for filter in ["info", "WARN", "warn,hyper=error", "off", "info,a::b[c{d=1}]=debug"] {
            assert!(parse(filter).is_ok(), "{filter}");
        }
        for filter in
            ["loud", "", "info,", "info,hyper", "hyper=", "hyper=loud", "info,a[b{c=info}]"]
        {
            assert!(parse(filter).is_err(), "{filter}");
        }
    }
}
