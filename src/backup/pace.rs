//! What keeps a backup from taking a processor away from requests.
//!
//! Its thread works for a fraction of a millisecond and then sleeps for several. A low priority alone
//! does not suffice: the scheduler lets a thread that runs go on for milliseconds, whatever waits.

use std::io;
use std::thread;
use std::time::Duration;

use crate::clock;

/// Added to the niceness of the process: requests matter more.
const NICENESS: i32 = 10;
/// How long the thread works before it sleeps.
const WORK: Duration = Duration::from_micros(200);
/// For how much of the time that it has worked it sleeps: it takes a third of a processor.
const SLEEP: u32 = 2;

/// The pace of a thread.
#[derive(Debug)]
pub struct Pace {
    /// The processor time of the thread when it slept last.
    since: Duration,
}

impl Pace {
    /// The pace of the current thread from now on.
    #[must_use]
    pub fn start() -> Self {
        Self { since: clock::of_thread() }
    }

    /// Sleeps if the thread has worked for long enough.
    #[expect(clippy::disallowed_methods, reason = "to sleep is its purpose; it waits for nothing")]
    pub fn pause(&mut self) {
        if let Some(sleep) = sleep_after(clock::of_thread().saturating_sub(self.since)) {
            thread::sleep(sleep);
            self.since = clock::of_thread();
        }
    }
}

/// How long to sleep after so much work.
fn sleep_after(worked: Duration) -> Option<Duration> {
    (worked >= WORK).then(|| worked.saturating_mul(SLEEP))
}

/// Lowers the priority of the current thread. Without that, work goes on as before.
pub fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::warn!(%error, "could not lower the priority of a backup");
    }
}

/// Runs something that takes long on a thread of its own, at a low priority.
pub(super) fn on_thread(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let run = move || {
        lower_priority();
        work();
    };
    thread::Builder::new().name("backup".to_owned()).spawn(run).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_takes_a_third_of_a_processor() {
        assert_eq!(sleep_after(Duration::from_micros(199)), None);
        assert_eq!(sleep_after(Duration::from_micros(200)), Some(Duration::from_micros(400)));
        assert_eq!(sleep_after(Duration::from_millis(2)), Some(Duration::from_millis(4)));
    }

    #[test]
    fn a_thread_that_works_is_paused() {
        let mut pace = Pace::start();
        let begun = pace.since;
        // Each round costs some processor time.
        while pace.since == begun {
            pace.pause();
        }
        assert!(pace.since >= begun + WORK);
    }
}
