//! Work on all processors.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// More threads would only wait for memory and disk.
const MOST_THREADS: usize = 8;

/// Does `work` for each item, on as many threads as there are processors. The results are in the
/// order of the items; `None` as soon as one of them is.
pub(super) fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> Option<R> + Sync,
) -> Option<Vec<R>> {
    let next = AtomicUsize::new(0);
    let run = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return Some(done) };
            let Some(result) = work(item) else {
                next.store(items.len(), Ordering::Relaxed);
                return None;
            };
            done.push((at, result));
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS);
    let mut done = thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(items.len())).map(|_| scope.spawn(run)).collect();
        let mut done = run();
        for other in others {
            let more = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            done = done.zip(more).map(|(mut done, more)| {
                done.extend(more);
                done
            });
        }
        done
    })?;
    done.sort_unstable_by_key(|(at, _)| *at);
    Some(done.into_iter().map(|(_, result)| result).collect())
}
