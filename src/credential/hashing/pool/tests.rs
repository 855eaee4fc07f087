use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use argon2::password_hash::phc::{Output, Salt};
use argon2::{Algorithm, Params, Version};
use tokio::sync::OwnedSemaphorePermit;

use super::{Busy, Pool, Scheme, Worker};
use crate::credential::hashing::Hasher;
use crate::credential::secret::Secret;

impl Pool {
    /// Takes every place.
    pub(in crate::credential::hashing) fn fill(&self) -> OwnedSemaphorePermit {
        let all = u32::try_from(self.places.available_permits()).unwrap();
        Arc::clone(&self.places).try_acquire_many_owned(all).unwrap()
    }
}

impl Scheme {
    /// In passes over a KiB, or in rounds of bcrypt.
    pub(super) fn work(&self) -> u64 {
        match self {
            Self::Argon2 { params, .. } => u64::from(params.m_cost()) * u64::from(params.t_cost()),
            Self::Bcrypt { cost, .. } => 1 << cost,
        }
    }
}

impl Hasher {
    /// The work of all hashes so far, which is what an attacker could measure.
    pub(crate) fn work(&self) -> u64 {
        self.pool.queue.lock().work
    }
}

type Computed = Result<Output, Busy>;

fn scheme() -> Scheme {
    Scheme::Argon2 {
        algorithm: Algorithm::Argon2id,
        version: Version::V0x13,
        params: Params::new(64, 1, 1, Some(32)).unwrap(),
        salt: Salt::new(b"a salt of any kind").unwrap(),
    }
}

fn compute(pool: &Pool) -> Pin<Box<dyn Future<Output = Computed> + '_>> {
    Box::pin(async { pool.place()?.compute(scheme(), Secret::from("hunter2")).await })
}

fn poll<T>(future: Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn i6_callers_beyond_the_queue_are_refused_at_once() {
    let pool = Pool::without_threads(1, 2);
    let mut waiting: Vec<_> = (0..3).map(|_| compute(&pool)).collect();
    for caller in &mut waiting {
        assert_eq!(poll(caller.as_mut()), Poll::Pending);
    }
    assert_eq!(poll(compute(&pool).as_mut()), Poll::Ready(Err(Busy)));
}

#[test]
fn i6_a_caller_that_leaves_the_queue_frees_its_place() {
    let pool = Pool::without_threads(1, 1);
    let (mut first, mut second) = (compute(&pool), compute(&pool));
    assert_eq!(poll(first.as_mut()), Poll::Pending);
    assert_eq!(poll(second.as_mut()), Poll::Pending);
    assert_eq!(poll(compute(&pool).as_mut()), Poll::Ready(Err(Busy)));
    drop(second);
    assert_eq!(poll(compute(&pool).as_mut()), Poll::Pending);
}

#[test]
fn i6_a_job_whose_caller_has_left_is_not_computed() {
    let pool = Pool::without_threads(1, 0);
    let mut worker = Worker::default();
    let mut caller = compute(&pool);
    assert_eq!(poll(caller.as_mut()), Poll::Pending);
    assert_eq!(poll(compute(&pool).as_mut()), Poll::Ready(Err(Busy)), "the thread is busy");
    drop(caller);
    assert!(worker.step(&pool.queue, Duration::ZERO));
    assert!(worker.memory.is_empty(), "nothing was computed");
    assert_eq!(poll(compute(&pool).as_mut()), Poll::Pending, "and the place is free");
}

#[test]
fn i6_a_password_with_two_spellings_is_not_refused_half_way() {
    let params = Params::new(64, 1, 1, Some(32)).unwrap();
    let hasher = Hasher { pool: Arc::new(Pool::without_threads(1, 0)), params };
    let pool = &hasher.pool;
    let mut worker = Worker::default();
    let typed = Secret::from("cafe\u{301}");
    let mut caller = pin!(hasher.verify_dummy(&typed));
    for _ in 0..2 {
        assert_eq!(poll(caller.as_mut()), Poll::Pending);
        assert!(worker.step(&pool.queue, Duration::ZERO));
        let other = poll(compute(pool).as_mut());
        assert_eq!(other, Poll::Ready(Err(Busy)), "no other caller gets in between");
    }
    assert_eq!(poll(caller.as_mut()), Poll::Ready(Ok(())));
    assert_eq!(poll(compute(pool).as_mut()), Poll::Pending, "then the place is free");
}

#[test]
fn only_as_many_jobs_as_threads_are_queued() {
    let pool = Pool::without_threads(2, 8);
    let mut waiting: Vec<_> = (0..5).map(|_| compute(&pool)).collect();
    for caller in &mut waiting {
        assert_eq!(poll(caller.as_mut()), Poll::Pending);
    }
    assert_eq!(pool.queue.lock().jobs.len(), 2);
}

#[test]
fn memory_is_kept_between_jobs_and_freed_when_idle() {
    let pool = Pool::without_threads(1, 0);
    let mut worker = Worker::default();
    let mut first = None;
    for _ in 0..2 {
        let mut caller = compute(&pool);
        assert_eq!(poll(caller.as_mut()), Poll::Pending);
        assert!(worker.step(&pool.queue, Duration::MAX));
        assert!(matches!(poll(caller.as_mut()), Poll::Ready(Ok(_))));
        assert_eq!(worker.memory.len(), 64);
        let address = worker.memory.as_ptr();
        assert_eq!(*first.get_or_insert(address), address, "the same block again");
    }
    assert!(worker.step(&pool.queue, Duration::ZERO));
    assert_eq!(worker.memory.capacity(), 0);
}

#[test]
fn threads_end_with_the_pool() {
    let pool = Pool::without_threads(1, 0);
    let queue = Arc::clone(&pool.queue);
    let thread = std::thread::spawn(move || super::work(&queue));
    drop(pool);
    thread.join().unwrap();
}

#[tokio::test]
async fn many_callers_on_several_threads_get_the_same_hash() {
    let pool = Pool::start(3, 100).unwrap();
    let hashes = futures_util::future::join_all((0..100).map(|_| compute(&pool))).await;
    assert!(hashes.iter().all(|hash| hash.is_ok() && *hash == hashes[0]));
    let one = pin!(pool.place().unwrap().compute(scheme(), Secret::from("another"))).await;
    assert_ne!(one, hashes[0]);
}
