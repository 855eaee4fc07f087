//! The threads that compute Argon2 (and bcrypt for imported hashes), and the queue in front of them.
//!
//! A caller first takes a *place* (threads plus queue; without a free place it gets [`Busy`]), then
//! waits for a *thread permit*. The wait is an ordinary future: dropping it leaves the queue at
//! once. Only a job with a permit is handed to a thread, and keeps its place and permit until the
//! thread is done, even when its caller has left. A place can be used for several hashes one after
//! the other, so a caller that was admitted is not refused half-way.
//!
//! The threads run at a low priority, because requests to the portal matter more. Each keeps its
//! block of memory between jobs and frees it when it has been idle for [`KEEP_MEMORY`].

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

use crate::credential::secret::Secret;

#[cfg(test)]
mod tests;

/// How long an idle thread keeps its memory.
const KEEP_MEMORY: Duration = Duration::from_secs(10);
/// Added to the niceness of the process: a tenth of the weight of a thread of the data plane. With
/// a much lower priority, sign-ins would starve on a machine whose processors are all busy.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// The bytes of a password that bcrypt uses.
const BCRYPT_INPUT: usize = 72;
/// The bytes of output in a bcrypt hash.
const BCRYPT_OUTPUT: usize = 23;

/// The queue is full: respond with 503 and `Retry-After`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being checked")]
pub struct Busy;

impl Busy {
    /// The value of the header `Retry-After`.
    pub const RETRY_AFTER_SECONDS: u32 = 2;
}

/// Everything a hash depends on except the password.
#[derive(Debug, Clone)]
pub(super) enum Scheme {
    Argon2 {
        algorithm: Algorithm,
        version: Version,
        /// Includes the length of the output.
        params: Params,
        salt: Salt,
    },
    Bcrypt {
        /// The binary logarithm of the number of rounds.
        cost: u32,
        salt: [u8; 16],
    },
}

/// The threads and their queue. They end when it is dropped.
#[derive(Debug)]
pub(super) struct Pool {
    places: Arc<Semaphore>,
    thread_permits: Arc<Semaphore>,
    queue: Arc<JobQueue>,
}

impl Pool {
    pub(super) fn start(threads: usize, queue: usize) -> io::Result<Self> {
        let pool = Self::without_threads(threads, queue);
        for _ in 0..threads {
            let queue = Arc::clone(&pool.queue);
            thread::Builder::new().name("password-hash".into()).spawn(move || work(&queue))?;
        }
        Ok(pool)
    }

    fn without_threads(threads: usize, queue: usize) -> Self {
        let places = threads.saturating_add(queue).min(Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(places)),
            thread_permits: Arc::new(Semaphore::new(threads.min(Semaphore::MAX_PERMITS))),
            queue: Arc::default(),
        }
    }

    /// Takes a place in the queue.
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
        scheme: Scheme,
        password: Secret<String>,
    ) -> Result<Output, Busy> {
        let Pool { thread_permits, queue, .. } = self.pool;
        let permit = Arc::clone(thread_permits).acquire_owned().await.map_err(|_| Busy)?;
        let (sender, output) = oneshot::channel();
        let place = Arc::clone(&self.place);
        queue.push(Job { scheme, password, output: sender, _place: place, _permit: permit });
        // The thread panicked. Nothing was decided, so the caller may try again.
        output.await.map_err(|_| Busy)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.queue.close();
    }
}

#[derive(Debug)]
struct Job {
    scheme: Scheme,
    password: Secret<String>,
    output: oneshot::Sender<Output>,
    /// Released when the job is done and its caller has no other.
    _place: Arc<OwnedSemaphorePermit>,
    /// Released when the job is done.
    _permit: OwnedSemaphorePermit,
}

/// Jobs that have a permit and are picked up by the next free thread.
#[derive(Debug, Default)]
struct JobQueue {
    state: Mutex<QueueState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct QueueState {
    jobs: VecDeque<Box<Job>>,
    closed: bool,
    /// The work of all jobs so far.
    #[cfg(test)]
    work: u64,
}

enum Next {
    Job(Box<Job>),
    Idle,
    Closed,
}

impl JobQueue {
    fn push(&self, job: Job) {
        let mut state = self.lock();
        #[cfg(test)]
        {
            state.work += job.scheme.work();
        }
        state.jobs.push_back(Box::new(job));
        drop(state);
        self.changed.notify_one();
    }

    fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Waits for a job, at most for `timeout` if there is one.
    fn next(&self, timeout: Option<Duration>) -> Next {
        let idle = |state: &mut QueueState| state.jobs.is_empty() && !state.closed;
        let mut state = self.lock();
        match timeout {
            None => self.changed.wait_while(&mut state, idle),
            Some(timeout) => {
                self.changed.wait_while_for(&mut state, idle, timeout);
            }
        }
        match state.jobs.pop_front() {
            Some(job) => Next::Job(job),
            None if state.closed => Next::Closed,
            None => Next::Idle,
        }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock()
    }
}

/// The main function of a thread. A panic loses one job, not the thread, because without threads
/// later callers would wait for ever.
fn work(queue: &JobQueue) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::warn!(%error, "could not lower the priority of password hashing");
    }
    while catch_unwind(AssertUnwindSafe(|| serve(queue))).is_err() {}
}

fn serve(queue: &JobQueue) {
    let mut worker = Worker::default();
    while worker.step(queue, KEEP_MEMORY) {}
}

#[derive(Default)]
struct Worker {
    memory: Vec<Block>,
}

impl Worker {
    /// Computes a job or, when idle for `keep_memory`, frees the memory. Returns false when the queue
    /// is closed.
    fn step(&mut self, queue: &JobQueue, keep_memory: Duration) -> bool {
        let timeout = (!self.memory.is_empty()).then_some(keep_memory);
        match queue.next(timeout) {
            Next::Job(job) => self.compute(*job),
            Next::Idle => self.memory = Vec::new(),
            Next::Closed => return false,
        }
        true
    }

    fn compute(&mut self, job: Job) {
        // The caller may have left since it got the permit.
        if job.output.is_closed() {
            return;
        }
        let password = job.password.expose().as_bytes();
        let computed = match job.scheme {
            Scheme::Argon2 { algorithm, version, params, salt } => {
                self.argon2(&Argon2::new(algorithm, version, params), &salt, password)
            }
            Scheme::Bcrypt { cost, salt } => bcrypt(cost, salt, password),
        };
        match computed {
            // An error here means that the caller has left.
            Some(output) => drop(job.output.send(output)),
            None => tracing::error!("cannot compute a password hash"),
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

/// As the programs do whose hashes these are: a zero byte is appended to the password, and only the
/// first 72 bytes are used.
fn bcrypt(cost: u32, salt: [u8; 16], password: &[u8]) -> Option<Output> {
    let mut input = Zeroizing::new([0; BCRYPT_INPUT]);
    let length = password.len().min(BCRYPT_INPUT);
    input.get_mut(..length)?.copy_from_slice(password.get(..length)?);
    let input = input.get(..(length + 1).min(BCRYPT_INPUT))?;
    let output = Zeroizing::new(bcrypt::bcrypt(cost, salt, input));
    Output::new(output.get(..BCRYPT_OUTPUT)?).ok()
}
