//! The decision record: one JSON line for each request that was decided.
//!
//! Lines are gathered in memory, a buffer for each data plane thread, and written by a task of
//! their own, so that a request never waits for a disk or a terminal. Never in a line: tokens,
//! cookies, queries, bodies.

use std::fmt;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;
use thread_local::ThreadLocal;

use crate::config::Decisions;

/// How long a line may lie in memory.
const FLUSH_EVERY: Duration = Duration::from_millis(200);
/// Lines beyond this many unwritten bytes a thread are counted, not kept.
const MOST_BUFFERED: usize = 4 * 1024 * 1024;

/// One decision.
#[derive(Debug, Serialize)]
pub struct Entry<'a> {
    /// When the request came in.
    pub time: Timestamp,
    /// The request's id, as the portal was told.
    pub request: &'a str,
    /// The method.
    pub method: &'a str,
    /// The canonical path; absent when the target had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<&'a str>,
    /// `allow`, `sign-in`, `deny`, `redirect`, `bad-request`.
    pub decision: &'a str,
    /// Why, from the closed list of reasons.
    pub reason: &'a str,
    /// The route that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<&'a str>,
    /// The kind of session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<&'a str>,
    /// The organization's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<&'a str>,
    /// The portal user's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<&'a str>,
    /// The group's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<&'a str>,
    /// The policy's version.
    pub policy: &'a str,
    /// Microseconds from the request's head to the decision.
    pub micros: u64,
}

/// Where decisions are recorded.
pub struct DecisionLog {
    which: Decisions,
    buffers: ThreadLocal<Mutex<Buffer>>,
    out: Mutex<Box<dyn Write + Send>>,
}

#[derive(Default)]
struct Buffer {
    lines: Vec<u8>,
    lost: u64,
}

impl DecisionLog {
    /// A log that is written to `out`.
    #[must_use]
    pub fn new(which: Decisions, out: Box<dyn Write + Send>) -> Self {
        Self { which, buffers: ThreadLocal::new(), out: Mutex::new(out) }
    }

    /// Whether decisions of this name are recorded.
    #[must_use]
    pub fn wants(&self, decision: &str) -> bool {
        self.which == Decisions::All || decision != "allow"
    }

    /// Takes a decision down.
    pub fn record(&self, entry: &Entry<'_>) {
        if !self.wants(entry.decision) {
            return;
        }
        let mut buffer = self.buffers.get_or_default().lock();
        if buffer.lines.len() > MOST_BUFFERED {
            buffer.lost += 1;
            return;
        }
        // Text and numbers always become JSON.
        if serde_json::to_writer(&mut buffer.lines, entry).is_ok() {
            buffer.lines.push(b'\n');
        }
    }

    /// Writes what has been taken down.
    pub fn flush(&self) {
        for buffer in &self.buffers {
            let Buffer { lines, lost } = std::mem::take(&mut *buffer.lock());
            if lost > 0 {
                tracing::warn!(lost, "decision records came faster than they could be written");
            }
            if lines.is_empty() {
                continue;
            }
            let mut out = self.out.lock();
            if let Err(error) = out.write_all(&lines).and_then(|()| out.flush()) {
                tracing::warn!(%error, "decision records cannot be written");
            }
        }
    }

    /// Flushes for as long as the task lives; writing happens off the data plane.
    pub async fn keep_flushing(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(FLUSH_EVERY);
        loop {
            ticks.tick().await;
            let log = Arc::clone(&self);
            if tokio::task::spawn_blocking(move || log.flush()).await.is_err() {
                return;
            }
        }
    }
}

impl fmt::Debug for DecisionLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecisionLog").field("which", &self.which).finish_non_exhaustive()
    }
}

impl Drop for DecisionLog {
    fn drop(&mut self) {
        self.flush();
    }
}
