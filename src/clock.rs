//! The one place that reads the time. Everything else takes `now` as an argument.

use jiff::Timestamp;

/// The time at the edge of the program: read once per request, per command or per sweep.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the edge")]
pub fn now() -> Timestamp {
    Timestamp::now()
}
