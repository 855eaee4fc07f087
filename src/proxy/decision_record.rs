//! The decision record: one JSON line for each request that was decided.
//!
//! Lines are gathered in memory, a buffer for each data plane thread, and written by a task of
//! their own, so that a request never waits for a disk or a terminal. Never in a line: tokens,
//! cookies, queries, bodies.

use std::fmt;
use std::io::Write;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use http::Request;
use http::header::HeaderName;
use jiff::Timestamp;
use parking_lot::Mutex;
use thread_local::ThreadLocal;

use super::received::Received;
use crate::config::Decisions;
use crate::telemetry::Lines;
use portcullis_policy::{Readings, Subject};

/// How long a line may lie in memory.
const FLUSH_EVERY: Duration = Duration::from_millis(200);
/// Lines beyond this many unwritten bytes a thread are counted, not kept.
const MOST_BUFFERED: usize = 4 * 1024 * 1024;

/// So many dropped headers are named, and so much of each name.
const MOST_NAMES: usize = 16;
const LONGEST_NAME: usize = 64;

/// One decision. What is absent has no field in its line.
#[derive(Debug)]
pub struct Entry<'a> {
    /// When the request came in, in the line to the microsecond.
    pub time: Timestamp,
    /// The request's id, as the portal was told.
    pub request: &'a str,
    /// The method.
    pub method: &'a str,
    /// The canonical path; absent when the target had none.
    pub path: Option<&'a str>,
    /// The target as it came, up to its query; absent when `path` says as much.
    pub target: Option<String>,
    /// `allow`, `sign-in`, `deny`, `redirect`, `bad-request`.
    pub decision: &'a str,
    /// Why, from the closed list of reasons.
    pub reason: &'a str,
    /// The route that decided.
    pub route: Option<&'a str>,
    /// How the portal might have read the path, when that is why it is denied.
    pub reading: Option<Readings>,
    /// The kind of session.
    pub session: Option<&'a str>,
    /// The organization's id.
    pub organization: Option<&'a str>,
    /// The portal user's id.
    pub user: Option<&'a str>,
    /// The group's id.
    pub group: Option<&'a str>,
    /// The policy's version.
    pub policy: &'a str,
    /// The headers that were kept from the portal because only a gateway may say them.
    pub dropped: &'a [&'a HeaderName],
    /// Microseconds from the request's head to the decision.
    pub micros: u64,
}

/// Where decisions are recorded.
pub struct DecisionLog {
    which: Decisions,
    buffers: ThreadLocal<Mutex<Buffer>>,
    out: Mutex<Out>,
}

/// What lines are written to, and how many it has not taken since it began to fail.
struct Out {
    lines: Lines<Box<dyn Write + Send>>,
    lost: u64,
}

#[derive(Default)]
struct Buffer {
    lines: Vec<u8>,
    second: Second,
    lost: u64,
}

/// The text of a moment down to its second, which many lines in a row share.
#[derive(Default)]
struct Second {
    second: Option<i64>,
    text: String,
}

impl<'a> Entry<'a> {
    /// What is known whatever is decided; nothing of the decision yet.
    pub(super) fn of<B>(
        received: &'a Received,
        request: &'a Request<B>,
        subject: Option<&'a Subject>,
    ) -> Self {
        Self {
            time: received.now,
            request: &received.id,
            method: request.method().as_str(),
            path: None,
            target: None,
            decision: "",
            reason: "",
            route: None,
            reading: None,
            session: subject.map(|subject| subject.kind.name()),
            organization: subject.map(|subject| &*subject.organization),
            user: subject.and_then(|subject| subject.user.as_deref()),
            group: subject.map(|subject| &*subject.group),
            policy: "",
            dropped: &[],
            micros: received.micros(),
        }
    }

    /// Appends the line, written out by hand: a serializer costs more than the decision itself.
    fn write(&self, line: &mut Vec<u8>, second: &mut Second) {
        line.extend_from_slice(b"{\"time\":\"");
        second.write(self.time, line);
        line.push(b'"');
        known(line, ",\"request\":", self.request);
        field(line, ",\"method\":", Some(self.method));
        field(line, ",\"path\":", self.path);
        field(line, ",\"target\":", self.target.as_deref());
        known(line, ",\"decision\":", self.decision);
        known(line, ",\"reason\":", self.reason);
        field(line, ",\"route\":", self.route);
        if let Some(reading) = self.reading {
            known(line, ",\"reading\":", &reading.to_string());
        }
        if let Some(session) = self.session {
            known(line, ",\"session\":", session);
        }
        field(line, ",\"organization\":", self.organization);
        field(line, ",\"user\":", self.user);
        field(line, ",\"group\":", self.group);
        known(line, ",\"policy\":", self.policy);
        if !self.dropped.is_empty() {
            names(line, self.dropped);
        }
        line.extend_from_slice(b",\"micros\":");
        json(line, &self.micros);
        line.extend_from_slice(b"}\n");
    }
}

impl Second {
    fn write(&mut self, time: Timestamp, line: &mut Vec<u8>) {
        let second = time.as_nanosecond().div_euclid(1_000_000_000);
        let second = i64::try_from(second).unwrap_or_default();
        if self.second != Some(second) {
            self.second = Some(second);
            self.text = Timestamp::from_second(second).unwrap_or_default().to_string();
        }
        let micros = time.as_microsecond().rem_euclid(1_000_000);
        line.extend_from_slice(self.text.trim_end_matches('Z').as_bytes());
        line.push(b'.');
        for place in [100_000, 10_000, 1000, 100, 10, 1] {
            // A digit is below ten.
            line.push(b'0' + u8::try_from(micros / place % 10).unwrap_or_default());
        }
        line.push(b'Z');
    }
}

/// A field of a line; `name` with its comma, quotes and colon.
fn field(line: &mut Vec<u8>, name: &'static str, value: Option<&str>) {
    let Some(value) = value else { return };
    if value.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        known(line, name, value);
    } else {
        line.extend_from_slice(name.as_bytes());
        json(line, value);
    }
}

/// A field whose value is one of our own words or numbers, none of which has anything to escape.
fn known(line: &mut Vec<u8>, name: &'static str, value: &str) {
    line.extend_from_slice(name.as_bytes());
    line.push(b'"');
    line.extend_from_slice(value.as_bytes());
    line.push(b'"');
}

/// The names of headers, as far as there is room for what a client has made up.
fn names(line: &mut Vec<u8>, names: &[&HeaderName]) {
    let mut before = ",\"dropped\":[";
    for name in names.iter().take(MOST_NAMES) {
        line.extend_from_slice(before.as_bytes());
        // Names are ASCII, so each place is an end.
        let name = name.as_str();
        json(line, name.get(..LONGEST_NAME).unwrap_or(name));
        before = ",";
    }
    line.push(b']');
}

fn json<T: serde::Serialize + ?Sized>(line: &mut Vec<u8>, value: &T) {
    // Text and numbers always become JSON, and there is always room for it.
    let _ = serde_json::to_writer(line, value);
}

impl DecisionLog {
    /// A log that is written to `out`.
    #[must_use]
    pub fn new(which: Decisions, out: Box<dyn Write + Send>) -> Self {
        let out = Out { lines: Lines::new(out), lost: 0 };
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
        let Buffer { lines, second, .. } = &mut *buffer;
        entry.write(lines, second);
    }

    /// Writes what has been taken down.
    pub fn flush(&self) {
        for buffer in &self.buffers {
            let (lines, lost) = {
                let mut buffer = buffer.lock();
                // As much room again, so that a buffer does not grow anew after each flush.
                let room = Vec::with_capacity(buffer.lines.len());
                (std::mem::replace(&mut buffer.lines, room), std::mem::take(&mut buffer.lost))
            };
            if lost > 0 {
                tracing::warn!(lost, "decision records came faster than they could be written");
            }
            if lines.is_empty() {
                continue;
            }
            self.out.lock().write(&lines);
        }
    }

    /// The last flush, which waits for a reader that does not read no longer than this.
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

impl Out {
    fn write(&mut self, lines: &[u8]) {
        match self.lines.write(lines) {
            Ok(()) if self.lost == 0 => {}
            Ok(()) => {
                let lost = std::mem::take(&mut self.lost);
                tracing::warn!(lost, "decision records are written again");
            }
            Err((lost, error)) => {
                // Reported when it begins to fail and when it is over, not five times a second.
                if self.lost == 0 {
                    tracing::warn!(%error, "decision records cannot be written");
                }
                self.lost = self.lost.saturating_add(u64::try_from(lost).unwrap_or(u64::MAX));
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

#[cfg(test)]
mod tests;
