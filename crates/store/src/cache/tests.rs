use std::cell::Cell;
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::sync::oneshot;

use super::*;

fn cache() -> FreshCache<String, u32> {
    FreshCache::new(100)
}

/// A load that reads at once and returns when the test lets it.
async fn load(
    cache: &FreshCache<String, u32>,
    key: &str,
    reading: &Cell<u32>,
    finish: oneshot::Receiver<()>,
) -> Option<u32> {
    cache
        .get_or_load(key.to_owned(), || async {
            let read = reading.get();
            finish.await.unwrap();
            Ok::<_, Infallible>(Some(read))
        })
        .await
        .unwrap()
}

/// Polls the future once.
fn ready<T>(future: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

#[tokio::test]
async fn a_loaded_value_is_cached() {
    let cache = cache();
    let loads = Cell::new(0);
    for _ in 0..2 {
        let value = cache.get_or_load("key".to_owned(), || async {
            loads.set(loads.get() + 1);
            Ok::<_, Infallible>(Some(7))
        });
        assert_eq!(value.await, Ok(Some(7)));
    }
    assert_eq!(loads.get(), 1);
    assert_eq!(cache.get("key"), Some(7));
    assert_eq!(cache.get("other"), None);
}

#[tokio::test]
async fn absence_and_errors_are_not_cached() {
    let cache = cache();
    let absent = cache.get_or_load("key".to_owned(), || async { Ok::<_, &str>(None) });
    assert_eq!(absent.await, Ok(None));
    let failed = cache.get_or_load("key".to_owned(), || async { Err("unavailable") });
    assert_eq!(failed.await, Err("unavailable"));
    let found = cache.get_or_load("key".to_owned(), || async { Ok::<_, &str>(Some(1)) });
    assert_eq!(found.await, Ok(Some(1)));
}

#[tokio::test]
async fn invalidation_removes_only_its_key() {
    let cache = cache();
    for key in ["a", "b"] {
        let load = cache.get_or_load(key.to_owned(), || async { Ok::<_, Infallible>(Some(1)) });
        load.await.unwrap();
    }
    cache.invalidate("a");
    assert_eq!((cache.get("a"), cache.get("b")), (None, Some(1)));
    cache.invalidate_all();
    assert_eq!((cache.get("a"), cache.get("b")), (None, None));
}

#[tokio::test]
async fn a_full_cache_evicts() {
    let cache = cache();
    for number in 0..1000 {
        let load = || async { Ok::<_, Infallible>(Some(number)) };
        assert_eq!(cache.get_or_load(number.to_string(), load).await, Ok(Some(number)));
    }
    let kept = (0..1000).filter(|number| cache.get(number.to_string().as_str()).is_some());
    assert!((1..=128).contains(&kept.count()));
}

#[test]
fn i2_a_load_from_before_a_change_is_not_cached() {
    for invalidate in
        [FreshCache::invalidate::<str> as fn(&FreshCache<String, u32>, &str), |cache, _| {
            cache.invalidate_all()
        }]
    {
        let cache = cache();
        let stored = Cell::new(1);
        let (finish, finished) = oneshot::channel();
        let mut early = pin!(load(&cache, "key", &stored, finished));
        assert_eq!(ready(early.as_mut()), None);

        stored.set(2);
        invalidate(&cache, "key");

        finish.send(()).unwrap();
        assert_eq!(ready(early.as_mut()), Some(Some(1)), "it started before the change");
        assert_eq!(cache.get("key"), None);
    }
}

#[test]
fn i2_requests_do_not_share_loads() {
    let cache = cache();
    let stored = Cell::new(1);
    let (finish_early, early_finished) = oneshot::channel();
    let mut early = pin!(load(&cache, "key", &stored, early_finished));
    assert_eq!(ready(early.as_mut()), None);

    stored.set(2);
    cache.invalidate("key");

    let (finish_late, late_finished) = oneshot::channel();
    let mut late = pin!(load(&cache, "key", &stored, late_finished));
    assert_eq!(ready(late.as_mut()), None);
    finish_late.send(()).unwrap();
    assert_eq!(ready(late.as_mut()), Some(Some(2)));
    finish_early.send(()).unwrap();
    assert_eq!(ready(early.as_mut()), Some(Some(1)));
    assert_eq!(cache.get("key"), Some(2));
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    /// The load starts and reads the store.
    Begin(usize),
    /// The load returns.
    Finish(usize),
    /// The store changes.
    Change,
    /// The cache is invalidated, and the change is acknowledged.
    Answer,
}

/// Every order of three loads and two changes in which each starts before it ends.
fn orders() -> Vec<Vec<Step>> {
    use Step::{Answer, Begin, Change, Finish};
    let threads = [
        vec![Begin(0), Finish(0)],
        vec![Begin(1), Finish(1)],
        vec![Begin(2), Finish(2)],
        vec![Change, Answer, Change, Answer],
    ];
    let mut orders = Vec::new();
    let mut open = vec![(Vec::new(), [0; 4])];
    while let Some((order, done)) = open.pop() {
        if threads.iter().zip(done).all(|(thread, done)| done == thread.len()) {
            orders.push(order);
            continue;
        }
        for (number, thread) in threads.iter().enumerate() {
            if let Some(step) = thread.get(done[number]) {
                let mut next = order.clone();
                next.push(*step);
                let mut done = done;
                done[number] += 1;
                open.push((next, done));
            }
        }
    }
    orders
}

#[test]
fn i2_no_order_of_loads_and_changes_serves_stale_values() {
    let orders = orders();
    // 10! / (2! 2! 2! 4!)
    assert_eq!(orders.len(), 18_900);
    let cache = FreshCache::new(100_000);
    let cases = [false, true].into_iter().flat_map(|all| orders.iter().map(move |o| (all, o)));
    for (number, (all, order)) in cases.enumerate() {
        // One cache with a key for each order: creating caches would take longer.
        let key = number.to_string();
        let stored = Cell::new(0);
        let mut answered = 0;
        let mut loads: [_; 3] = std::array::from_fn(|_| {
            let (finish, finished) = oneshot::channel();
            (finish, Box::pin(load(&cache, &key, &stored, finished)), None, 0)
        });
        for step in order {
            match *step {
                Step::Change => stored.set(stored.get() + 1),
                Step::Answer => {
                    if all {
                        cache.invalidate_all();
                    } else {
                        cache.invalidate(key.as_str());
                    }
                    answered = stored.get();
                }
                Step::Begin(load) => {
                    let (_, load, served, oldest) = &mut loads[load];
                    *oldest = answered;
                    *served = ready(load.as_mut());
                }
                Step::Finish(load) => {
                    let (finish, load, served, oldest) = &mut loads[load];
                    if served.is_none() {
                        std::mem::replace(finish, oneshot::channel().0).send(()).unwrap();
                        *served = ready(load.as_mut());
                    }
                    assert!(served.unwrap() >= Some(*oldest), "{order:?}: stale at {step:?}");
                }
            }
            let cached = cache.get(&key).unwrap_or(answered);
            assert!(cached >= answered, "{order:?}: stale entry after {step:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn i2_concurrent_loads_during_a_change_are_not_cached() {
    let cache = Arc::new(cache());
    let mut begun = Vec::new();
    let mut finishes = Vec::new();
    let mut loads = Vec::new();
    for number in 0..8 {
        let (began, begins) = oneshot::channel();
        let (finish, finished) = oneshot::channel::<()>();
        let cache = Arc::clone(&cache);
        loads.push(tokio::spawn(async move {
            let load = || async {
                began.send(()).unwrap();
                finished.await.unwrap();
                Ok::<_, Infallible>(Some(number))
            };
            cache.get_or_load("key".to_owned(), load).await.unwrap()
        }));
        begun.push(begins);
        finishes.push(finish);
    }
    for begins in begun {
        begins.await.unwrap();
    }
    cache.invalidate("key");
    for finish in finishes {
        finish.send(()).unwrap();
    }
    for (number, load) in loads.into_iter().enumerate() {
        assert_eq!(load.await.unwrap(), u32::try_from(number).ok());
    }
    assert_eq!(cache.get("key"), None);
}
