//! A time relative to now.

use jiff::Timestamp;

/// A time in words and exactly.
#[derive(Debug, Clone)]
pub(crate) struct RelativeTime {
    /// Such as "in 5 minutes".
    pub(crate) words: String,
    /// In RFC 3339.
    pub(crate) exact: String,
    /// Such as "2026-11-22 10:30 UTC".
    pub(crate) title: String,
    /// Whole seconds from or until now; at least 1 for a time to come.
    pub(crate) seconds: u64,
    /// Whether it is to come. Scripts count down to such a time.
    pub(crate) is_ahead: bool,
}

impl RelativeTime {
    pub(super) fn ahead(then: Timestamp, seconds: u64, words: String) -> Self {
        Self { is_ahead: true, ..Self::past(then, seconds, words) }
    }

    pub(super) fn past(then: Timestamp, seconds: u64, words: String) -> Self {
        let title = then.strftime("%Y-%m-%d %H:%M UTC").to_string();
        Self { words, exact: then.to_string(), title, seconds, is_ahead: false }
    }
}
