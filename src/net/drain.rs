//! Which connections are open, so that a stop can ask each to finish and wait for exactly those.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// The open connections of the data plane, bounded in number.
#[derive(Debug)]
pub struct Drain {
    most: usize,
    open: AtomicUsize,
    begun: AtomicBool,
    next: AtomicU64,
    wakers: Mutex<HashMap<u64, Waker>>,
    changed: Notify,
}

/// One open connection, as the one that serves it has it.
#[derive(Debug)]
pub struct Open {
    counted: Arc<Counted>,
    number: u64,
    registered: bool,
    told: bool,
}

/// Counts one connection until dropped.
#[derive(Debug)]
pub struct Counted {
    drain: Arc<Drain>,
}

impl Drain {
    /// No connections yet, at most `most` at a time.
    #[must_use]
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            open: AtomicUsize::new(0),
            begun: AtomicBool::new(false),
            next: AtomicU64::new(0),
            wakers: Mutex::new(HashMap::new()),
            changed: Notify::new(),
        })
    }

    /// Counts a connection in, unless there are too many or the stop has begun.
    pub fn enter(self: &Arc<Self>) -> Option<Open> {
        let before = self.open.fetch_add(1, Ordering::AcqRel);
        let open = Open {
            counted: Arc::new(Counted { drain: Arc::clone(self) }),
            number: self.next.fetch_add(1, Ordering::Relaxed),
            registered: false,
            told: false,
        };
        (before < self.most && !self.begun.load(Ordering::Acquire)).then_some(open)
    }

    /// Asks every connection to finish; answers how many there are.
    pub fn begin(&self) -> usize {
        self.begun.store(true, Ordering::Release);
        for (_, waker) in self.wakers.lock().drain() {
            waker.wake();
        }
        self.changed.notify_waiters();
        self.open()
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    /// Waits until none is.
    pub async fn finished(&self) {
        loop {
            let changed = self.changed.notified();
            if self.open() == 0 {
                return;
            }
            changed.await;
        }
    }
}

impl Open {
    /// Keeps the connection counted after it has become something other than HTTP.
    #[must_use]
    pub fn hold(&self) -> Arc<Counted> {
        Arc::clone(&self.counted)
    }

    /// Whether the connection must be told to finish: true once, as soon as the stop has begun.
    /// Wakes the polling task when that happens; costs one load when it has not.
    pub fn poll_told(&mut self, cx: &Context<'_>) -> bool {
        if self.told {
            return false;
        }
        if !self.registered {
            self.registered = true;
            self.counted.drain.wakers.lock().insert(self.number, cx.waker().clone());
        }
        self.told = self.counted.drain.begun.load(Ordering::Acquire);
        self.told
    }

    /// Waits until the stop begins.
    pub async fn told(&mut self) {
        poll_fn(|cx| if self.poll_told(cx) { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if self.registered {
            self.counted.drain.wakers.lock().remove(&self.number);
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.drain.open.fetch_sub(1, Ordering::AcqRel);
        if self.drain.begun.load(Ordering::Acquire) {
            self.drain.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stop_waits_for_open_connections_and_for_no_others() {
        let drain = Drain::new(2);
        let mut first = drain.enter().unwrap();
        let second = drain.enter().unwrap();
        assert!(drain.enter().is_none(), "the third is one too many");
        assert_eq!(drain.open(), 2);
        let held = second.hold();
        drop(second);
        assert_eq!(drain.open(), 2, "what it became still counts");
        drop(held);
        assert_eq!(drain.open(), 1);
        let waiting = tokio::spawn({
            let drain = Arc::clone(&drain);
            async move {
                first.told().await;
                assert!(drain.enter().is_none(), "none comes in once the stop has begun");
                drop(first);
            }
        });
        tokio::task::yield_now().await;
        drain.begin();
        drain.finished().await;
        waiting.await.unwrap();
        assert_eq!(drain.open(), 0);
    }
}
