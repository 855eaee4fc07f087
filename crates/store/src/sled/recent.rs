//! The newest changes, in memory, for followers in this process.

use std::collections::VecDeque;

use crate::{Change, Changes};

/// Number of changes that are kept. For a follower that is further behind, starting over is cheaper.
const CAPACITY: usize = 10_000;

/// The end of the change feed.
#[derive(Debug)]
pub(super) struct Recent {
    /// The newest commit that is on disk.
    head: u64,
    /// The newest commit whose changes are not kept.
    start: u64,
    /// The changes after `start`, oldest first, complete commits only.
    changes: VecDeque<Change>,
}

impl Recent {
    /// An empty feed after the commit `head`.
    pub(super) fn new(head: u64) -> Self {
        Self { head, start: head, changes: VecDeque::new() }
    }

    /// The newest commit that is on disk.
    pub(super) fn head(&self) -> u64 {
        self.head
    }

    /// Adds the changes of commits that are on disk, up to the commit `head`.
    pub(super) fn extend(&mut self, head: u64, changes: Vec<Change>) {
        self.head = head;
        self.changes.extend(changes);
        let excess = self.changes.len().saturating_sub(CAPACITY);
        if let Some(last) = excess.checked_sub(1).and_then(|last| self.changes.get(last)) {
            self.start = last.sequence;
            let gone = self.changes.partition_point(|change| change.sequence <= self.start);
            self.changes.drain(..gone);
        }
    }

    /// The changes after the commit `after`.
    pub(super) fn after(&self, after: u64) -> Changes {
        if after < self.start || after > self.head {
            return Changes::StartOver { head: self.head };
        }
        let known = self.changes.partition_point(|change| change.sequence <= after);
        Changes::List(self.changes.range(known..).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::kinds;

    fn change(sequence: u64) -> Change {
        Change { sequence, kind: kinds::USER, id: "a".to_owned() }
    }

    #[test]
    fn a_follower_outside_the_feed_starts_over() {
        let mut recent = Recent::new(5);
        recent.extend(7, vec![change(6), change(7), change(7)]);
        assert_eq!(recent.after(5), Changes::List(vec![change(6), change(7), change(7)]));
        assert_eq!(recent.after(6), Changes::List(vec![change(7), change(7)]));
        assert_eq!(recent.after(7), Changes::List(vec![]));
        assert_eq!(recent.after(4), Changes::StartOver { head: 7 });
        assert_eq!(recent.after(8), Changes::StartOver { head: 7 });
    }

    #[test]
    fn a_full_feed_drops_the_oldest_commits_whole() {
        let mut recent = Recent::new(0);
        recent.extend(2, vec![change(1), change(2), change(2), change(2)]);
        recent.extend(3, vec![change(3); CAPACITY - 2]);
        assert_eq!(recent.after(1), Changes::StartOver { head: 3 });
        assert_eq!(recent.after(2), Changes::List(vec![change(3); CAPACITY - 2]));
    }

    #[test]
    fn a_commit_larger_than_the_feed_means_starting_over() {
        let mut recent = Recent::new(0);
        recent.extend(1, vec![change(1); CAPACITY + 1]);
        assert_eq!(recent.after(0), Changes::StartOver { head: 1 });
        assert_eq!(recent.after(1), Changes::List(vec![]));
    }
}
