//! A time relative to now.

use jiff::Timestamp;

/// A time in words and exactly.
#[derive(Debug, Clone)]
pub(crate) struct RelativeTime {
    /// Such as "in 5 minutes".
    pub(crate) words: String,
    /// In RFC 3339.
    pub(crate) exact: String,
    /// Such as "2026-11-22 10:30:00 UTC".
    pub(crate) title: String,
    /// Whole seconds from or until now; at least 1 for a time to come.
    pub(crate) seconds: u64,
}

impl RelativeTime {
    pub(super) fn new(then: Timestamp, seconds: u64, words: String) -> Self {
        let title = then.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        Self { words, exact: then.to_string(), title, seconds }
    }
}
