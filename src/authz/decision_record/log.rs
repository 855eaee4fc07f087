//! Where decision records go: to a buffer for each thread of the data plane, and from there, in a
//! task of their own, to the output. A request never waits for a disk or a terminal.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use thread_local::ThreadLocal;
use tokio::signal::unix::Signal;

use super::output::Output;
use super::recordable;
use super::traces::Traces;
use super::{Entry, Second, end};
use crate::config::Decisions;
use crate::telemetry::metrics::{Samples, Source, families};

/// How often the buffers are written out.
const FLUSH_EVERY: Duration = Duration::from_millis(200);
/// Unwritten bytes of one thread. Beyond this, lines are counted and dropped.
const MOST_BUFFERED: usize = 4 * 1024 * 1024;
/// Empty lines of one thread that are kept to be written again, and bytes of each: a record that
/// waits for the portal allocates nothing as long as there is one.
const MOST_SPARE: usize = 64;
const LONGEST_SPARE: usize = 2048;

/// The decision records of a process.
pub struct DecisionLog {
    /// Whether decisions to allow are recorded, too.
    all: AtomicBool,
    buffers: ThreadLocal<Mutex<Buffer>>,
    output: Mutex<Output>,
    /// Records that were lost since the start.
    lost: AtomicU64,
    traces: Option<Traces>,
}

#[derive(Default)]
struct Buffer {
    lines: Vec<u8>,
    second: Second,
    spare: Vec<Vec<u8>>,
    lost: u64,
}

/// The record of a request that goes to the portal, without the portal's status. Empty if the
/// decision is not recorded.
#[derive(Debug, Default)]
#[must_use]
pub struct OpenLine(pub(super) Vec<u8>);

/// A record that waits for the portal's status. If it is dropped before, because the portal does
/// not answer or the client has left, it is recorded without one.
#[derive(Debug)]
#[must_use]
pub struct OpenRecord<'a> {
    log: &'a DecisionLog,
    line: Vec<u8>,
    answer: Option<(StatusCode, u64)>,
}

impl DecisionLog {
    /// A log that writes the records of these decisions to `output`.
    #[must_use]
    pub fn new(which: Decisions, output: Output) -> Self {
        let all = AtomicBool::new(which == Decisions::All);
        Self {
            all,
            buffers: ThreadLocal::new(),
            output: Mutex::new(output),
            lost: AtomicU64::new(0),
            traces: None,
        }
    }

    /// The same log, of which a part becomes traces.
    #[must_use]
    pub fn with_traces(mut self, traces: Traces) -> Self {
        self.traces = Some(traces);
        self
    }

    /// Whether decisions of this name are recorded.
    #[must_use]
    pub fn wants(&self, decision: &str) -> bool {
        decision != "allow" || self.all.load(Ordering::Relaxed)
    }

    /// The `traceparent` that the portal gets in place of the caller's, if the request with this id
    /// becomes a trace when it is allowed.
    #[must_use]
    pub fn traceparent_for_portal(&self, headers: &HeaderMap, request: &str) -> Option<String> {
        let traces = self.traces.as_ref().filter(|_| self.wants("allow"))?;
        traces.for_portal(recordable::traceparent(headers)?, request)
    }

    /// Records these decisions from now on.
    pub fn record_only(&self, which: Decisions) {
        self.all.store(which == Decisions::All, Ordering::Relaxed);
    }

    /// Records a decision, if [wanted](Self::wants).
    pub fn record(&self, entry: &Entry<'_>) {
        if !self.wants(entry.decision) {
            return;
        }
        let mut buffer = self.buffers.get_or_default().lock();
        if buffer.lines.len() > MOST_BUFFERED {
            buffer.lost += 1;
            return;
        }
        let Buffer { lines, second, .. } = &mut *buffer;
        entry.write(lines, second);
        end(lines, None);
    }

    /// Writes the record of a decision, if [wanted](Self::wants), without recording it yet.
    pub fn open(&self, entry: &Entry<'_>) -> OpenLine {
        if !self.wants(entry.decision) {
            return OpenLine::default();
        }
        let mut buffer = self.buffers.get_or_default().lock();
        let mut line = buffer.spare.pop().unwrap_or_default();
        entry.write(&mut line, &mut buffer.second);
        OpenLine(line)
    }

    /// Records an open line as soon as the portal has answered or will not.
    pub fn awaiting_status(&self, line: OpenLine) -> OpenRecord<'_> {
        OpenRecord { log: self, line: line.0, answer: None }
    }

    fn close(&self, mut line: Vec<u8>, answer: Option<(StatusCode, u64)>) {
        end(&mut line, answer);
        let mut buffer = self.buffers.get_or_default().lock();
        if buffer.lines.len() > MOST_BUFFERED {
            buffer.lost += 1;
        } else {
            buffer.lines.extend_from_slice(&line);
        }
        if buffer.spare.len() < MOST_SPARE && line.capacity() <= LONGEST_SPARE {
            line.clear();
            buffer.spare.push(line);
        }
    }

    /// Writes out all buffers.
    pub fn flush(&self) {
        for buffer in &self.buffers {
            let (lines, lost) = {
                let mut buffer = buffer.lock();
                // With the same capacity, so that a buffer does not grow again after each flush.
                let empty = Vec::with_capacity(buffer.lines.len());
                (std::mem::replace(&mut buffer.lines, empty), std::mem::take(&mut buffer.lost))
            };
            if lost > 0 {
                self.lost.fetch_add(lost, Ordering::Relaxed);
                tracing::warn!(lost, "decision records dropped: they could not be written in time");
            }
            if lines.is_empty() {
                continue;
            }
            if let Some(traces) = &self.traces {
                traces.offer(&lines);
            }
            let lost = self.output.lock().write(&lines);
            self.lost.fetch_add(lost, Ordering::Relaxed);
        }
    }

    /// The last flush. If the output blocks, it gives up after `within`.
    pub fn finish(self: Arc<Self>, within: Duration) {
        let (done, finished) = mpsc::channel();
        let flushing = thread::Builder::new().name("last decisions".to_owned()).spawn(move || {
            self.flush();
            let _ = done.send(());
        });
        if flushing.is_ok() && finished.recv_timeout(within).is_err() {
            tracing::warn!("the last decision records could not be written in time");
        }
    }

    /// Flushes for as long as the task runs, off the data plane, and opens a file again when
    /// `reopen` is received.
    pub async fn keep_flushing(self: Arc<Self>, mut reopen: Signal) {
        let mut ticks = tokio::time::interval(FLUSH_EVERY);
        loop {
            let is_moved = tokio::select! {
                _ = ticks.tick() => false,
                received = reopen.recv() => received.is_some(),
            };
            let log = Arc::clone(&self);
            let flushed = tokio::task::spawn_blocking(move || {
                log.flush();
                if is_moved {
                    log.output.lock().reopen();
                }
            });
            if flushed.await.is_err() {
                return;
            }
        }
    }
}

impl Source for DecisionLog {
    fn collect(&self, samples: &mut Samples) {
        samples.count(&families::RECORDS_LOST, &[], self.lost.load(Ordering::Relaxed));
        if let Some(traces) = &self.traces {
            traces.collect(samples);
        }
    }
}

impl OpenRecord<'_> {
    /// The head of the portal's response has come, so many microseconds after the decision.
    pub fn answered(mut self, status: StatusCode, micros: u64) {
        self.answer = Some((status, micros));
    }
}

impl Drop for OpenRecord<'_> {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.log.close(std::mem::take(&mut self.line), self.answer);
        }
    }
}

impl fmt::Debug for DecisionLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecisionLog").field("all", &self.all).finish_non_exhaustive()
    }
}

impl Drop for DecisionLog {
    fn drop(&mut self) {
        self.flush();
    }
}
