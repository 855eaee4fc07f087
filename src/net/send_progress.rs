//! How much of an HTTP/2 response the socket has taken.
//!
//! hyper and h2 buffer parts of a body before the client has room for them. Those are still unsent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use futures_util::task::AtomicWaker;

use super::connection_state::{ActiveRequest, ConnectionState};

/// How much of one HTTP/2 response has been sent.
#[derive(Debug)]
pub(super) struct SendProgress {
    /// Bytes that hyper and h2 hold.
    unsent: AtomicUsize,
    /// Changes when the socket takes bytes, and when there are bytes to take after there were none.
    steps: AtomicU64,
    all_sent: AtomicWaker,
    request: ActiveRequest,
}

/// A part of a body. It counts as unsent until the socket has taken it.
#[derive(Debug)]
pub(super) struct TrackedBytes {
    bytes: Bytes,
    progress: Option<Arc<SendProgress>>,
}

impl SendProgress {
    pub(super) fn new(request: ActiveRequest) -> Arc<Self> {
        let (unsent, steps) = (AtomicUsize::new(0), AtomicU64::new(0));
        Arc::new(Self { unsent, steps, all_sent: AtomicWaker::new(), request })
    }

    /// Counts bytes as unsent until the socket has taken them.
    pub(super) fn track(self: &Arc<Self>, bytes: Bytes) -> TrackedBytes {
        if self.unsent.fetch_add(bytes.len(), Ordering::Relaxed) == 0 {
            self.steps.fetch_add(1, Ordering::Relaxed);
        }
        TrackedBytes { bytes, progress: Some(Arc::clone(self)) }
    }

    fn sent(&self, count: usize) {
        self.steps.fetch_add(1, Ordering::Relaxed);
        if self.unsent.fetch_sub(count, Ordering::AcqRel) == count {
            self.all_sent.wake();
        }
    }

    /// Whether the socket has taken everything so far.
    pub(super) fn is_all_sent(&self) -> bool {
        self.unsent.load(Ordering::Acquire) == 0
    }

    /// A number that changes whenever something is sent.
    pub(super) fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// The connection that the response is sent over.
    pub(super) fn connection(&self) -> &ConnectionState {
        self.request.connection()
    }

    /// Ready when the socket has taken everything so far.
    pub(super) fn poll_all_sent(&self, cx: &Context<'_>) -> Poll<()> {
        if !self.is_all_sent() {
            self.all_sent.register(cx.waker());
        }
        if self.is_all_sent() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl TrackedBytes {
    /// Bytes of a response whose progress is not watched.
    pub(super) const fn untracked(bytes: Bytes) -> Self {
        Self { bytes, progress: None }
    }
}

impl Buf for TrackedBytes {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        if let Some(progress) = &self.progress
            && count > 0
        {
            progress.sent(count);
        }
    }
}

impl Drop for TrackedBytes {
    fn drop(&mut self) {
        if let Some(progress) = &self.progress
            && !self.bytes.is_empty()
        {
            progress.sent(self.bytes.len());
        }
    }
}
