//! Which thread serves the next connection: the one that serves fewest.
//!
//! pingora hands out a thread at random. Of two threads, one would often serve half as many
//! connections again as the other, and four connections fall on one thread one time in eight, with
//! the other idle. The threads of a service are not listed anywhere, so they are learnt by asking.

use std::sync::Arc;

use tokio::runtime::Handle;

/// How often a thread is asked for before the first connection comes.
const ASKED: usize = 64;

/// The threads of a service as far as they are known.
pub(super) struct Threads(Vec<Thread>);

struct Thread {
    handle: Handle,
    /// Kept by each connection that the thread serves.
    share: Share,
}

/// Counts a connection as its thread's until dropped.
#[derive(Clone, Default)]
pub(super) struct Share(Arc<()>);

impl Threads {
    /// The threads that `ask` tells of, one at a time and in any order.
    pub(super) fn learn(ask: impl Fn() -> Handle) -> Self {
        let mut threads = Self(Vec::new());
        for _ in 0..ASKED {
            threads.add(ask());
        }
        threads
    }

    /// The thread that serves fewest of those known and the one just asked for.
    pub(super) fn least_busy(&mut self, asked: Handle) -> (Handle, Share) {
        self.add(asked.clone());
        let least = self.0.iter().min_by_key(|thread| Arc::strong_count(&thread.share.0));
        match least {
            Some(thread) => (thread.handle.clone(), thread.share.clone()),
            None => (asked, Share::default()),
        }
    }

    fn add(&mut self, handle: Handle) {
        if !self.0.iter().any(|thread| thread.handle.id() == handle.id()) {
            self.0.push(Thread { handle, share: Share::default() });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::runtime::{Builder, Runtime};

    use super::*;

    fn runtimes() -> [Runtime; 3] {
        std::array::from_fn(|_| Builder::new_current_thread().build().unwrap())
    }

    #[test]
    fn connections_are_shared_out_evenly_whoever_is_asked() {
        let runtimes = runtimes();
        let turn = Cell::new(0);
        let mut threads = Threads::learn(|| {
            turn.set(turn.get() + 1);
            runtimes[turn.get() % 3].handle().clone()
        });
        let served: Vec<_> =
            (0..9).map(|_| threads.least_busy(runtimes[0].handle().clone())).collect();
        for runtime in &runtimes {
            let mine = served.iter().filter(|(handle, _)| handle.id() == runtime.handle().id());
            assert_eq!(mine.count(), 3);
        }
    }

    #[test]
    fn a_thread_whose_connections_have_ended_is_next() {
        let [one, other, _] = runtimes();
        let mut threads = Threads::learn(|| one.handle().clone());
        let (first, share) = threads.least_busy(other.handle().clone());
        let (second, _kept) = threads.least_busy(other.handle().clone());
        assert_ne!(first.id(), second.id(), "a thread is learnt of at any time");
        drop(share);
        for _ in 0..3 {
            assert_eq!(threads.least_busy(second.clone()).0.id(), first.id());
        }
    }
}
