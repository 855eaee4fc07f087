//! The only module that reads the time. Everything else takes `now` as an argument.

use jiff::Timestamp;

/// The current time. To be read once per request, command or sweep.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the only place that may call it")]
pub fn now() -> Timestamp {
    Timestamp::now()
}
