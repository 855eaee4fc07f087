//! A record as an overlay keeps it, and merging two lists of records.

use crate::{Key, Record};

/// A record that was written or removed in an overlay.
#[derive(Debug, Clone, Default)]
pub(super) struct Written {
    /// The record below when it was first written.
    pub(super) before: Option<Record>,
    /// The record now; `None` if it was removed.
    pub(super) now: Option<Record>,
    pub(super) unique: Vec<Key>,
    pub(super) index: Vec<Key>,
    pub(super) ordered: Vec<Key>,
}

impl Written {
    /// The record now, if it exists and has this index key.
    pub(super) fn having(&self, key: Option<&Key>) -> Option<&Record> {
        self.now.as_ref().filter(|_| key.is_none_or(|key| self.index.contains(key)))
    }
}

/// The first `limit` records of two lists in the order of `first`.
pub(super) fn merged(
    left: impl IntoIterator<Item = Record>,
    right: impl IntoIterator<Item = Record>,
    limit: usize,
    first: impl Fn(&Record, &Record) -> bool,
) -> Vec<Record> {
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    let mut merged = Vec::new();
    while merged.len() < limit {
        let next = match (left.peek(), right.peek()) {
            (Some(a), Some(b)) if first(b, a) => right.next(),
            (Some(_), _) => left.next(),
            (None, _) => right.next(),
        };
        let Some(next) = next else { break };
        merged.push(next);
    }
    merged
}
