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
    /// Whether the last request has a body.
    body: AtomicBool,
    tunnel: AtomicBool,
    parting: AtomicBool,
    /// Answers on HTTP/2 whose next piece is the client's to take.
    offered: AtomicU64,
    /// Pieces that clients have taken.
    taken: AtomicU64,
}

/// A request that is being answered; dropped when the answer has been sent, or will never be.
#[derive(Debug)]
pub(super) struct Answering(Phase);

/// Whose turn it is in an answer on HTTP/2: the client's, to take a piece, or the portal's, to send
/// one. hyper asks for the next piece when the client has made room for it.
#[derive(Debug)]
pub(super) struct Turn {
    phase: Phase,
    clients: bool,
}

impl Phase {
    /// Part of a head has come.
    pub(super) fn head_began(&self) {
        self.0.in_head.store(true, Ordering::Relaxed);
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

    /// Whether nothing is going on: no head, no request, no tunnel.
    pub(super) fn is_quiet(&self) -> bool {
        !self.in_head() && !self.is_tunnel() && self.0.answering.load(Ordering::Relaxed) == 0
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

    /// An answer begins, the client's turn first.
    pub(super) fn turn(&self) -> Turn {
        self.0.offered.fetch_add(1, Ordering::Relaxed);
        Turn { phase: self.clone(), clients: true }
    }

    /// How many pieces have been taken, if there is one to take.
    pub(super) fn taken_of_offered(&self) -> Option<u64> {
        let offered = self.0.offered.load(Ordering::Relaxed) > 0;
        offered.then(|| self.0.taken.load(Ordering::Relaxed))
    }

    /// Whether there is nothing that a stop would have to wait for: no request has ever come in
    /// whole, or only a part of the next, or all answers have been sent.
    pub(super) fn owes_nothing(&self) -> bool {
        self.requests() == 0 || self.in_head() || self.is_parting()
    }
}

impl Answering {
    /// Watches whose turn it is in the answer.
    pub(super) fn turn(&self) -> Turn {
        self.0.turn()
    }

    /// The answer is 101: what follows is no HTTP.
    pub(super) fn becomes_tunnel(&self) {
        self.0.0.tunnel.store(true, Ordering::Relaxed);
    }
}

impl Turn {
    /// The client has room for the next piece.
    pub(super) fn asked(&mut self) {
        if std::mem::take(&mut self.clients) {
            self.phase.0.offered.fetch_sub(1, Ordering::Relaxed);
            self.phase.0.taken.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// There is a piece for the client.
    pub(super) fn answered(&mut self) {
        self.clients = true;
        self.phase.0.offered.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.asked();
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
        phase.head_began();
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
    fn it_is_the_clients_turn_while_a_piece_waits_for_it() {
        let phase = Phase::default();
        assert_eq!(phase.taken_of_offered(), None);
        let (mut first, second) = (phase.turn(), phase.turn());
        assert_eq!(phase.taken_of_offered(), Some(0));
        drop(second);
        first.asked();
        assert_eq!(phase.taken_of_offered(), None, "the portal's turn");
        first.answered();
        assert_eq!(phase.taken_of_offered(), Some(2));
        drop(first);
        assert_eq!(phase.taken_of_offered(), None);
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
