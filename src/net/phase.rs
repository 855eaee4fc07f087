//! What a connection is doing, as far as the clocks on it and a stop must know.
//!
//! ```text
//!            first byte             last byte of the head
//!   quiet ─────────────▶ in a head ───────────────────────▶ answering ─┐
//!     ▲                                                          │     │ 101
//!     └──────────────────────────────────────────────────────────┘     ▼
//!                            answer sent                             tunnel
//! ```
//!
//! On HTTP/2 several requests are answered at a time, and heads are not told apart.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Bytes of a head that are kept, to be told of when it cannot be read.
const START: usize = 128;

/// What the connection is doing; shared by its bytes and its requests.
#[derive(Debug, Clone, Default)]
pub(super) struct Phase(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// Requests so far.
    begun: AtomicU64,
    /// Requests whose answers have not been sent.
    answering: AtomicU64,
    in_head: AtomicBool,
    /// The first bytes of the last head, and zeros.
    start: [AtomicU64; START / 8],
    /// Whether the last request has a body.
    body: AtomicBool,
    tunnel: AtomicBool,
    parting: AtomicBool,
    /// Pieces read so far.
    received: AtomicU64,
    /// Bytes that the socket has taken so far.
    sent: AtomicU64,
    /// Whether the socket takes nothing of what is to be sent.
    blocked: AtomicBool,
}

/// A request that is being answered; dropped when the answer has been sent, or will never be.
#[derive(Debug)]
pub(super) struct Answering(Phase);

impl Phase {
    /// The first part of a head has come.
    pub(super) fn head_began(&self, part: &[u8]) {
        self.0.in_head.store(true, Ordering::Relaxed);
        let mut pieces = part.chunks(8);
        for word in &self.0.start {
            let mut bytes = [0; 8];
            let piece = pieces.next().unwrap_or_default();
            for (byte, came) in bytes.iter_mut().zip(piece) {
                *byte = *came;
            }
            word.store(u64::from_ne_bytes(bytes), Ordering::Relaxed);
        }
    }

    /// The beginning of a head that has come in part, or that cannot be read.
    pub(super) fn start_of_head(&self) -> Vec<u8> {
        let words = self.0.start.iter().map(|word| word.load(Ordering::Relaxed).to_ne_bytes());
        words.flatten().take_while(|byte| *byte != 0).collect()
    }

    /// A head is complete; `body`: one follows it.
    pub(super) fn request_began(&self, body: bool) -> Answering {
        self.0.body.store(body, Ordering::Relaxed);
        self.0.in_head.store(false, Ordering::Relaxed);
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        self.0.answering.fetch_add(1, Ordering::Relaxed);
        Answering(self.clone())
    }

    /// Whether part of a head has come, and not yet all of it.
    pub(super) fn in_head(&self) -> bool {
        self.0.in_head.load(Ordering::Relaxed)
    }

    /// Whether nothing is going on: no head, no request, no tunnel, nothing that waits to be sent.
    pub(super) fn is_quiet(&self) -> bool {
        !self.in_head() && !self.is_tunnel() && self.answering() == 0 && !self.is_blocked()
    }

    /// How many requests are being answered.
    pub(super) fn answering(&self) -> u64 {
        self.0.answering.load(Ordering::Relaxed)
    }

    /// Something has been read.
    pub(super) fn received_piece(&self) {
        self.0.received.fetch_add(1, Ordering::Relaxed);
    }

    /// How many pieces have been read.
    pub(super) fn received(&self) -> u64 {
        self.0.received.load(Ordering::Relaxed)
    }

    /// The socket has taken so many bytes.
    pub(super) fn sent_bytes(&self, count: u64) {
        self.0.sent.fetch_add(count, Ordering::Relaxed);
    }

    /// How many bytes the socket has taken.
    pub(super) fn sent(&self) -> u64 {
        self.0.sent.load(Ordering::Relaxed)
    }

    /// The socket takes nothing more for now, or something again.
    pub(super) fn blocks(&self, blocked: bool) {
        self.0.blocked.store(blocked, Ordering::Relaxed);
    }

    /// Whether the socket takes nothing of what is to be sent.
    pub(super) fn is_blocked(&self) -> bool {
        self.0.blocked.load(Ordering::Relaxed)
    }

    /// Whether the connection has become something other than HTTP.
    pub(super) fn is_tunnel(&self) -> bool {
        self.0.tunnel.load(Ordering::Relaxed)
    }

    /// All that ever will be has been sent. Tells whether the client may be sending still.
    pub(super) fn parts(&self) -> bool {
        self.0.parting.store(true, Ordering::Relaxed);
        self.0.body.load(Ordering::Relaxed)
    }

    /// Whether all that ever will be has been sent.
    pub(super) fn is_parting(&self) -> bool {
        self.0.parting.load(Ordering::Relaxed)
    }

    /// How many requests there have been.
    pub(super) fn requests(&self) -> u64 {
        self.0.begun.load(Ordering::Relaxed)
    }

    /// Whether there is nothing that a stop would have to wait for: no request has ever come in
    /// whole, or only a part of the next, or all answers have been sent.
    pub(super) fn owes_nothing(&self) -> bool {
        self.requests() == 0 || self.in_head() || self.is_parting()
    }
}

impl Answering {
    /// The connection that the request came over.
    pub(super) fn connection(&self) -> &Phase {
        &self.0
    }

    /// The answer is 101: what follows is no HTTP.
    pub(super) fn becomes_tunnel(&self) {
        self.0.0.tunnel.store(true, Ordering::Relaxed);
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.0.answering.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_quiet_before_between_and_after_requests() {
        let phase = Phase::default();
        assert!(phase.is_quiet() && phase.owes_nothing());
        phase.head_began(b"GET /a HTTP/1.1\r\n");
        assert_eq!(phase.start_of_head(), b"GET /a HTTP/1.1\r\n");
        assert!(phase.in_head() && !phase.is_quiet() && phase.owes_nothing());
        let answering = phase.request_began(false);
        assert!(!phase.in_head() && !phase.is_quiet() && !phase.owes_nothing());
        drop(answering);
        assert!(phase.is_quiet() && !phase.owes_nothing(), "an answer may still be on its way");
        assert_eq!(phase.requests(), 1);
        assert!(!phase.parts() && phase.owes_nothing());
    }

    #[test]
    fn several_requests_are_answered_until_the_last_is() {
        let phase = Phase::default();
        let (first, second) = (phase.request_began(false), phase.request_began(false));
        drop(first);
        assert!(!phase.is_quiet());
        drop(second);
        assert!(phase.is_quiet());
    }

    #[test]
    fn a_connection_that_cannot_send_is_not_quiet() {
        let phase = Phase::default();
        phase.blocks(true);
        assert!(!phase.is_quiet());
        phase.blocks(false);
        assert!(phase.is_quiet());
    }

    #[test]
    fn a_tunnel_is_never_quiet_again() {
        let phase = Phase::default();
        let answering = phase.request_began(false);
        answering.becomes_tunnel();
        drop(answering);
        assert!(phase.is_tunnel() && !phase.is_quiet() && !phase.owes_nothing());
    }
}
