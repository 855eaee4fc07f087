//! The only module that reads the time. Everything else takes `now` as an argument.

use std::time::Duration;

use jiff::Timestamp;

/// The current time. To be read once per request, command or sweep.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the only place that may call it")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// The time for which a processor has worked for the current thread.
#[must_use]
pub fn of_thread() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// The time since the system was started, by the clock that the service manager uses
/// (`CLOCK_MONOTONIC`).
#[must_use]
pub fn since_boot() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::try_from(time).unwrap_or_default()
}
