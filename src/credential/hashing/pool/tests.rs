use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use argon2::password_hash::phc::{Output, Salt};
use argon2::{Algorithm, Params, Version};
use tokio::sync::OwnedSemaphorePermit;

use super::{Busy, Pool, Recipe, Worker};
use crate::credential::hashing::Hasher;
use crate::credential::secret::Secret;

impl Pool {
    /// Takes every place, as so many waiting callers would.
    pub(in crate::credential::hashing) fn crowd(&self) -> OwnedSemaphorePermit {
        let all = u32::try_from(self.places.available_permits()).unwrap();
        Arc::clone(&self.places).try_acquire_many_owned(all).unwrap()
    }
}

impl Recipe {
    /// In passes over a KiB, or in rounds.
    pub(super) fn work(&self) -> u64 {
        match self {
            Self::Argon2 { params, .. } => u64::from(params.m_cost()) * u64::from(params.t_cost()),
            Self::Bcrypt { cost, .. } => 1 << cost,
        }
    }
}

impl Hasher {
    /// What all hashes so far have cost: what somebody with a clock could learn.
    pub(crate) fn work(&self) -> u64 {
        self.pool.desk.lock().work
    }
}

type Answer = Result<Output, Busy>;

fn recipe() -> Recipe {
    Recipe::Argon2 {
        algorithm: Algorithm::Argon2id,
        version: Version::V0x13,
        params: Params::new(64, 1, 1, Some(32)).unwrap(),
        salt: Salt::new(b"a salt of any kind").unwrap(),
    }
}

fn ask(pool: &Pool) -> Pin<Box<dyn Future<Output = Answer> + '_>> {
    Box::pin(async { pool.place()?.compute(recipe(), Secret::from("hunter2")).await })
}

fn poll<T>(future: Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn i6_beyond_the_queue_callers_are_told_at_once() {
    let pool = Pool::unstaffed(1, 2);
    let mut waiting: Vec<_> = (0..3).map(|_| ask(&pool)).collect();
    for caller in &mut waiting {
        assert_eq!(poll(caller.as_mut()), Poll::Pending);
    }
    assert_eq!(poll(ask(&pool).as_mut()), Poll::Ready(Err(Busy)));
}

#[test]
fn i6_a_caller_who_leaves_the_queue_frees_its_place() {
    let pool = Pool::unstaffed(1, 1);
    let (mut first, mut second) = (ask(&pool), ask(&pool));
    assert_eq!(poll(first.as_mut()), Poll::Pending);
    assert_eq!(poll(second.as_mut()), Poll::Pending);
    assert_eq!(poll(ask(&pool).as_mut()), Poll::Ready(Err(Busy)));
    drop(second);
    assert_eq!(poll(ask(&pool).as_mut()), Poll::Pending);
}

#[test]
fn i6_a_job_whose_caller_has_left_is_not_computed() {
    let pool = Pool::unstaffed(1, 0);
    let mut worker = Worker::default();
    let mut caller = ask(&pool);
    assert_eq!(poll(caller.as_mut()), Poll::Pending);
    assert_eq!(poll(ask(&pool).as_mut()), Poll::Ready(Err(Busy)), "the thread is taken");
    drop(caller);
    assert!(worker.step(&pool.desk, Duration::ZERO));
    assert!(worker.memory.is_empty(), "nothing was computed");
    assert_eq!(poll(ask(&pool).as_mut()), Poll::Pending, "and the place is free");
}

#[test]
fn i6_a_password_of_two_spellings_is_not_refused_half_way() {
    let params = Params::new(64, 1, 1, Some(32)).unwrap();
    let hasher = Hasher { pool: Arc::new(Pool::unstaffed(1, 0)), params };
    let pool = &hasher.pool;
    let mut worker = Worker::default();
    let typed = Secret::from("cafe\u{301}");
    let mut caller = pin!(hasher.verify_nobody(&typed));
    for _ in 0..2 {
        assert_eq!(poll(caller.as_mut()), Poll::Pending);
        assert!(worker.step(&pool.desk, Duration::ZERO));
        let other = poll(ask(pool).as_mut());
        assert_eq!(other, Poll::Ready(Err(Busy)), "nobody comes between the two");
    }
    assert_eq!(poll(caller.as_mut()), Poll::Ready(Ok(())));
    assert_eq!(poll(ask(pool).as_mut()), Poll::Pending, "and then the place is free");
}

#[test]
fn only_as_many_jobs_as_threads_are_handed_over() {
    let pool = Pool::unstaffed(2, 8);
    let mut waiting: Vec<_> = (0..5).map(|_| ask(&pool)).collect();
    for caller in &mut waiting {
        assert_eq!(poll(caller.as_mut()), Poll::Pending);
    }
    assert_eq!(pool.desk.lock().jobs.len(), 2);
}

#[test]
fn memory_is_kept_between_jobs_and_given_back_after_a_quiet_while() {
    let pool = Pool::unstaffed(1, 0);
    let mut worker = Worker::default();
    let mut place = None;
    for _ in 0..2 {
        let mut caller = ask(&pool);
        assert_eq!(poll(caller.as_mut()), Poll::Pending);
        assert!(worker.step(&pool.desk, Duration::MAX));
        assert!(matches!(poll(caller.as_mut()), Poll::Ready(Ok(_))));
        assert_eq!(worker.memory.len(), 64);
        let address = worker.memory.as_ptr();
        assert_eq!(*place.get_or_insert(address), address, "the same block again");
    }
    assert!(worker.step(&pool.desk, Duration::ZERO));
    assert_eq!(worker.memory.capacity(), 0);
}

#[test]
fn threads_end_with_the_pool() {
    let pool = Pool::unstaffed(1, 0);
    let desk = Arc::clone(&pool.desk);
    let thread = std::thread::spawn(move || super::work(&desk));
    drop(pool);
    thread.join().unwrap();
}

#[tokio::test]
async fn many_callers_on_several_threads_all_get_the_same_answer() {
    let pool = Pool::start(3, 100).unwrap();
    let answers = futures_util::future::join_all((0..100).map(|_| ask(&pool))).await;
    assert!(answers.iter().all(|answer| answer.is_ok() && *answer == answers[0]));
    let one = pin!(pool.place().unwrap().compute(recipe(), Secret::from("another"))).await;
    assert_ne!(one, answers[0]);
}
