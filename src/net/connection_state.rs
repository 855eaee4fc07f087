//! What a connection is doing, as far as its timeouts and a shutdown need to know.
//!
//! ```text
//!           first byte            last byte of the head
//!   idle ─────────────▶ in a head ──────────────────────▶ answering ─┐
//!     ▲                                                       │      │ 101
//!     └───────────────────────────────────────────────────────┘      ▼
//!                          response sent                          tunnel
//! ```
//!
//! HTTP/2 connections have several requests at a time, and their heads are not tracked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Bytes of a head that are kept, for the decision record of a head that cannot be parsed.
pub(super) const HEAD_PREFIX: usize = 128;

/// The state of one connection, shared by its byte stream and its requests.
#[derive(Debug, Clone, Default)]
pub(super) struct ConnectionState(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    requests_started: AtomicU64,
    /// Requests whose responses have not been sent completely.
    active_requests: AtomicU64,
    in_head: AtomicBool,
    /// The first bytes of the last head, padded with zeros.
    head_prefix: [AtomicU64; HEAD_PREFIX / 8],
    /// Whether the last request has a body.
    has_body: AtomicBool,
    tunnel: AtomicBool,
    shutting_down: AtomicBool,
    closing: AtomicBool,
    /// How often something was read.
    reads: AtomicU64,
    /// Bytes that the socket has taken.
    bytes_written: AtomicU64,
    write_blocked: AtomicBool,
    quiet: AtomicBool,
}

/// A request until its response has been sent, or will never be.
#[derive(Debug)]
pub(super) struct ActiveRequest(ConnectionState);

impl ConnectionState {
    /// The first bytes of a request's head have come.
    pub(super) fn head_started(&self, bytes: &[u8]) {
        self.0.in_head.store(true, Ordering::Relaxed);
        let mut chunks = bytes.chunks(8);
        for word in &self.0.head_prefix {
            let mut padded = [0; 8];
            for (byte, received) in padded.iter_mut().zip(chunks.next().unwrap_or_default()) {
                *byte = *received;
            }
            word.store(u64::from_ne_bytes(padded), Ordering::Relaxed);
        }
    }

    /// The first bytes of the last head, up to 128 of them or the first zero.
    pub(super) fn head_prefix(&self) -> Vec<u8> {
        let words = self.0.head_prefix.iter().map(|word| word.load(Ordering::Relaxed));
        words.flat_map(u64::to_ne_bytes).take_while(|byte| *byte != 0).collect()
    }

    /// The head of a request is complete.
    pub(super) fn request_started(&self, has_body: bool) -> ActiveRequest {
        self.0.has_body.store(has_body, Ordering::Relaxed);
        self.0.in_head.store(false, Ordering::Relaxed);
        self.0.requests_started.fetch_add(1, Ordering::Relaxed);
        self.0.active_requests.fetch_add(1, Ordering::Relaxed);
        ActiveRequest(self.clone())
    }

    /// How many requests there have been.
    pub(super) fn requests_started(&self) -> u64 {
        self.0.requests_started.load(Ordering::Relaxed)
    }

    /// How many requests are being answered.
    pub(super) fn active_requests(&self) -> u64 {
        self.0.active_requests.load(Ordering::Relaxed)
    }

    /// Whether part of a head has come and the rest has not.
    pub(super) fn in_head(&self) -> bool {
        self.0.in_head.load(Ordering::Relaxed)
    }

    /// Whether there is no head, no request, no tunnel, and nothing that waits to be sent.
    pub(super) fn is_idle(&self) -> bool {
        !self.in_head()
            && !self.is_tunnel()
            && self.active_requests() == 0
            && !self.is_write_blocked()
    }

    /// Something was read.
    pub(super) fn note_read(&self) {
        self.0.reads.fetch_add(1, Ordering::Relaxed);
    }

    /// How often something was read.
    pub(super) fn reads(&self) -> u64 {
        self.0.reads.load(Ordering::Relaxed)
    }

    /// The socket has taken `count` bytes.
    pub(super) fn note_written(&self, count: u64) {
        self.0.bytes_written.fetch_add(count, Ordering::Relaxed);
    }

    /// How many bytes the socket has taken.
    pub(super) fn bytes_written(&self) -> u64 {
        self.0.bytes_written.load(Ordering::Relaxed)
    }

    /// Notes whether the socket refuses to take more bytes for now.
    pub(super) fn set_write_blocked(&self, blocked: bool) {
        self.0.write_blocked.store(blocked, Ordering::Relaxed);
    }

    /// Whether the socket refuses to take more bytes for now.
    pub(super) fn is_write_blocked(&self) -> bool {
        self.0.write_blocked.load(Ordering::Relaxed)
    }

    /// Notes whether the connection has been idle for a while, and nothing has come since.
    pub(super) fn set_quiet(&self, quiet: bool) {
        self.0.quiet.store(quiet, Ordering::Relaxed);
    }

    /// Whether the connection has been idle for a while, and nothing has come since.
    pub(super) fn is_quiet(&self) -> bool {
        self.0.quiet.load(Ordering::Relaxed)
    }

    /// Whether what reads the connection can be replaced by another reader: it is quiet, and the last
    /// request had no body of which some could still come.
    pub(super) fn can_change_reader(&self) -> bool {
        let has_body = self.0.has_body.load(Ordering::Relaxed);
        self.is_quiet() && self.is_idle() && !has_body && !self.is_closing()
    }

    /// Whether the connection has switched to another protocol.
    pub(super) fn is_tunnel(&self) -> bool {
        self.0.tunnel.load(Ordering::Relaxed)
    }

    /// Shutdown has begun: the next response is the last one.
    pub(super) fn begin_shutdown(&self) {
        self.0.shutting_down.store(true, Ordering::Relaxed);
    }

    /// Whether shutdown has begun.
    pub(super) fn is_shutting_down(&self) -> bool {
        self.0.shutting_down.load(Ordering::Relaxed)
    }

    /// Everything has been sent and the connection is being closed. Returns whether the client may
    /// still be sending a body.
    pub(super) fn start_closing(&self) -> bool {
        self.0.closing.store(true, Ordering::Relaxed);
        self.0.has_body.load(Ordering::Relaxed)
    }

    /// Whether everything has been sent and the connection is being closed.
    pub(super) fn is_closing(&self) -> bool {
        self.0.closing.load(Ordering::Relaxed)
    }

    /// Whether a shutdown may drop the connection: no complete request has come yet, the next one
    /// is incomplete, or all responses have been sent.
    pub(super) fn can_drop(&self) -> bool {
        self.requests_started() == 0 || self.in_head() || self.is_closing()
    }
}

impl ActiveRequest {
    /// The connection of the request.
    pub(super) fn connection(&self) -> &ConnectionState {
        &self.0
    }

    /// The response is 101: what follows is not HTTP.
    pub(super) fn becomes_tunnel(&self) {
        self.0.0.tunnel.store(true, Ordering::Relaxed);
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.0.0.active_requests.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_is_idle_before_between_and_after_requests() {
        let state = ConnectionState::default();
        assert!(state.is_idle() && state.can_drop());
        state.head_started(b"GET /a HTTP/1.1\r\n");
        assert_eq!(state.head_prefix(), b"GET /a HTTP/1.1\r\n");
        assert!(state.in_head() && !state.is_idle() && state.can_drop());
        let request = state.request_started(false);
        assert!(!state.in_head() && !state.is_idle() && !state.can_drop());
        drop(request);
        assert!(state.is_idle() && !state.can_drop(), "the response may still be in a buffer");
        assert_eq!(state.requests_started(), 1);
        assert!(!state.start_closing() && state.can_drop());
    }

    #[test]
    fn connection_is_busy_until_the_last_request_ends() {
        let state = ConnectionState::default();
        let (first, second) = (state.request_started(false), state.request_started(false));
        drop(first);
        assert!(!state.is_idle());
        drop(second);
        assert!(state.is_idle());
    }

    #[test]
    fn connection_with_blocked_writes_is_not_idle() {
        let state = ConnectionState::default();
        state.set_write_blocked(true);
        assert!(!state.is_idle());
        state.set_write_blocked(false);
        assert!(state.is_idle());
    }

    #[test]
    fn reader_changes_only_if_nothing_of_a_request_can_come() {
        let state = ConnectionState::default();
        assert!(!state.can_change_reader(), "it may be in use");
        state.set_quiet(true);
        assert!(state.can_change_reader());
        state.head_started(b"GET");
        assert!(!state.can_change_reader());
        drop(state.request_started(true));
        assert!(!state.can_change_reader(), "the rest of the body is not a request");
        let request = state.request_started(false);
        assert!(!state.can_change_reader());
        drop(request);
        assert!(state.can_change_reader());
        state.start_closing();
        assert!(!state.can_change_reader());
    }

    #[test]
    fn tunnel_is_never_idle() {
        let state = ConnectionState::default();
        let request = state.request_started(false);
        request.becomes_tunnel();
        drop(request);
        assert!(state.is_tunnel() && !state.is_idle() && !state.can_drop());
    }
}
