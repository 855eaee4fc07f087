//! The threads that compute Argon2 (and, of old hashes, bcrypt), and the queue before them.
//!
//! A caller first takes a *place* (there are as many as threads and queue together; no place is
//! [`Busy`]), then waits for a *turn* (as many as threads). The wait is an ordinary future: dropping
//! it leaves the queue at once. Only a job whose turn has come is handed to a thread, and keeps its
//! place and turn until the thread is done, even when nobody waits for the answer any more. A place
//! is good for several hashes one after the other: who was let in is not refused half-way.
//!
//! The threads run at a low priority: what they do can wait, what a portal user waits for cannot.
//! Each keeps its block of memory between jobs and gives it back after a quiet while.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use argon2::password_hash::phc::{Output, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use zeroize::Zeroizing;

use super::Busy;
use crate::credential::secret::Secret;

#[cfg(test)]
mod tests;

/// How long a thread without work keeps its memory.
const KEEP_MEMORY: Duration = Duration::from_secs(10);
/// How much nicer the threads are than the program: a tenth of the weight of a thread of the data plane. Much lower, and
/// sign-ins would starve on a machine whose processors are all busy.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// How much of a password bcrypt looks at, in bytes.
const BCRYPT_LOOKS_AT: usize = 72;
/// The length of the output that bcrypt hashes keep.
const BCRYPT_OUTPUT: usize = 23;

/// Everything a hash depends on but the password.
#[derive(Debug, Clone)]
pub(super) enum Recipe {
    Argon2 {
        algorithm: Algorithm,
        version: Version,
        /// Names the length of the output.
        params: Params,
        salt: Salt,
    },
    Bcrypt {
        /// The binary logarithm of its rounds.
        cost: u32,
        salt: [u8; 16],
    },
}

/// The threads and the way to them. They end when it is dropped.
#[derive(Debug)]
pub(super) struct Pool {
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    desk: Arc<Desk>,
}

impl Pool {
    pub(super) fn start(threads: usize, queue: usize) -> io::Result<Self> {
        let pool = Self::unstaffed(threads, queue);
        for _ in 0..threads {
            let desk = Arc::clone(&pool.desk);
            thread::Builder::new().name("password-hash".into()).spawn(move || work(&desk))?;
        }
        Ok(pool)
    }

    fn unstaffed(threads: usize, queue: usize) -> Self {
        let places = threads.saturating_add(queue).min(Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(places)),
            turns: Arc::new(Semaphore::new(threads.min(Semaphore::MAX_PERMITS))),
            desk: Arc::default(),
        }
    }

    pub(super) fn place(&self) -> Result<Place<'_>, Busy> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Busy)?;
        Ok(Place { pool: self, place: Arc::new(place) })
    }
}

/// A place in the pool, for one caller.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pool: &'a Pool,
    place: Arc<OwnedSemaphorePermit>,
}

impl Place<'_> {
    pub(super) async fn compute(
        &self,
        recipe: Recipe,
        password: Secret<String>,
    ) -> Result<Output, Busy> {
        let Pool { turns, desk, .. } = self.pool;
        let turn = Arc::clone(turns).acquire_owned().await.map_err(|_| Busy)?;
        let (answer, output) = oneshot::channel();
        let place = Arc::clone(&self.place);
        desk.hand_in(Job { recipe, password, answer, _place: place, _turn: turn });
        // No answer: the thread failed. Nothing was decided, so the caller may try again.
        output.await.map_err(|_| Busy)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.desk.close();
    }
}

#[derive(Debug)]
struct Job {
    recipe: Recipe,
    password: Secret<String>,
    answer: oneshot::Sender<Output>,
    /// Given back when the job is done and its caller has no other.
    _place: Arc<OwnedSemaphorePermit>,
    /// Given back when the job is done.
    _turn: OwnedSemaphorePermit,
}

/// Where jobs whose turn has come lie for a moment.
#[derive(Debug, Default)]
struct Desk {
    state: Mutex<DeskState>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct DeskState {
    jobs: VecDeque<Box<Job>>,
    closed: bool,
    /// What all jobs so far have cost.
    #[cfg(test)]
    work: u64,
}

enum News {
    Job(Box<Job>),
    Quiet,
    Closed,
}

impl Desk {
    fn hand_in(&self, job: Job) {
        let mut state = self.lock();
        #[cfg(test)]
        {
            state.work += job.recipe.work();
        }
        state.jobs.push_back(Box::new(job));
        drop(state);
        self.news.notify_one();
    }

    fn close(&self) {
        self.lock().closed = true;
        self.news.notify_all();
    }

    /// Waits for a job; with `patience`, no longer than that.
    fn next(&self, patience: Option<Duration>) -> News {
        let idle = |state: &mut DeskState| state.jobs.is_empty() && !state.closed;
        let mut state = self.lock();
        match patience {
            None => self.news.wait_while(&mut state, idle),
            Some(patience) => {
                self.news.wait_while_for(&mut state, idle, patience);
            }
        }
        match state.jobs.pop_front() {
            Some(job) => News::Job(job),
            None if state.closed => News::Closed,
            None => News::Quiet,
        }
    }

    fn lock(&self) -> MutexGuard<'_, DeskState> {
        self.state.lock()
    }
}

/// A thread's life. A panic loses one job, not the thread: without it every later caller would
/// wait in vain.
fn work(desk: &Desk) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::warn!(%error, "password hashing runs at normal priority");
    }
    while catch_unwind(AssertUnwindSafe(|| serve(desk))).is_err() {}
}

fn serve(desk: &Desk) {
    let mut worker = Worker::default();
    while worker.step(desk, KEEP_MEMORY) {}
}

#[derive(Default)]
struct Worker {
    memory: Vec<Block>,
}

impl Worker {
    /// Does a job or, after a quiet while, gives the memory back; false when there is no more to do.
    fn step(&mut self, desk: &Desk, keep_memory: Duration) -> bool {
        let patience = (!self.memory.is_empty()).then_some(keep_memory);
        match desk.next(patience) {
            News::Job(job) => self.compute(*job),
            News::Quiet => self.memory = Vec::new(),
            News::Closed => return false,
        }
        true
    }

    fn compute(&mut self, job: Job) {
        // Whoever asked may have left between getting the turn and now.
        if job.answer.is_closed() {
            return;
        }
        let password = job.password.expose().as_bytes();
        let computed = match job.recipe {
            Recipe::Argon2 { algorithm, version, params, salt } => {
                self.argon2(&Argon2::new(algorithm, version, params), &salt, password)
            }
            Recipe::Bcrypt { cost, salt } => bcrypt(cost, salt, password),
        };
        match computed {
            // An error here means that the one who asked has left.
            Some(output) => drop(job.answer.send(output)),
            None => tracing::error!("a password hash could not be computed"),
        }
    }

    fn argon2(&mut self, argon2: &Argon2<'_>, salt: &[u8], password: &[u8]) -> Option<Output> {
        let params = argon2.params();
        let blocks = params.block_count();
        if self.memory.len() < blocks {
            self.memory.resize(blocks, Block::new());
        }
        let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        let mut output = Zeroizing::new([0; Output::MAX_LENGTH]);
        let output = output.get_mut(..length)?;
        argon2.hash_password_into_with_memory(password, salt, output, &mut self.memory).ok()?;
        Output::new(output).ok()
    }
}

/// As the programs do whose hashes these are: the password ends with a zero byte, and what lies
/// beyond the 72nd byte is not looked at.
fn bcrypt(cost: u32, salt: [u8; 16], password: &[u8]) -> Option<Output> {
    let mut looked_at = Zeroizing::new([0; BCRYPT_LOOKS_AT]);
    let length = password.len().min(BCRYPT_LOOKS_AT);
    looked_at.get_mut(..length)?.copy_from_slice(password.get(..length)?);
    let looked_at = looked_at.get(..(length + 1).min(BCRYPT_LOOKS_AT))?;
    let output = Zeroizing::new(bcrypt::bcrypt(cost, salt, looked_at));
    Output::new(output.get(..BCRYPT_OUTPUT)?).ok()
}
