//! Whether the lines of an exported log are what its checkpoints were made of.

use std::collections::VecDeque;

use crate::line::Line;
use crate::{Checkpoint, CheckpointError, Hash, PublicKey, Tree};

/// The first thing that is wrong with a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A line is not a line of a log.
    #[error("line {line} is not a line of an exported audit log")]
    Line {
        /// From 1.
        line: u64,
    },
    /// The entry is not the one that was hashed.
    #[error("entry {number} was changed")]
    Changed {
        /// The first such entry.
        number: u64,
    },
    /// The entry is not where it should be.
    #[error("entry {number} is missing or out of order")]
    Missing {
        /// The first such entry.
        number: u64,
    },
    /// Entries at the beginning are gone, and no entry says that they were removed at the end of their
    /// retention.
    #[error("entry {number} is missing, and no entry says that it was removed as expired")]
    Removed {
        /// The first such entry.
        number: u64,
    },
    /// The entries are not those of a checkpoint, although their hashes are.
    #[error(
        "entries were changed together with their hashes: the first of them is entry {from} or \
         later, before entry {to} (checkpoint of {time})"
    )]
    Rewritten {
        /// Entries before this one are right.
        from: u64,
        /// The size of the checkpoint.
        to: u64,
        /// The time of the checkpoint.
        time: jiff::Timestamp,
    },
    /// The log ends before the end of a checkpoint.
    #[error(
        "entry {size} and later are missing: the log ends before the checkpoint of {time}, which \
         has {expected} entries"
    )]
    Cut {
        /// The number of entries that are there.
        size: u64,
        /// The number of entries that there were.
        expected: u64,
        /// The time of the checkpoint.
        time: jiff::Timestamp,
    },
    /// The hashes of entries before a checkpoint are not there.
    #[error("the hashes of entry {number} and later are missing")]
    Unhashed {
        /// The first such entry.
        number: u64,
    },
    /// Nothing shows that any entry is right.
    #[error("the log has no checkpoint, so nothing in it is shown to be right")]
    Unsigned,
    /// No checkpoint covers the last entries.
    #[error(
        "entry {number} and later come after the last checkpoint: nothing shows that the gateway \
         wrote them"
    )]
    Uncovered {
        /// The first such entry.
        number: u64,
    },
    /// A checkpoint in the log is not valid.
    #[error("after entry {size}: {error}")]
    Checkpoint {
        /// The number of entries before it.
        size: u64,
        /// Why.
        error: CheckpointError,
    },
}

/// What is right with a log that has no fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// The number of entries, removed ones included.
    pub size: u64,
    /// The entries whose contents were removed at the end of their retention; the first ones.
    pub removed: u64,
    /// The last entries, which no checkpoint covers: anyone who can write the log could have added
    /// or changed them.
    pub uncovered: u64,
    /// The newest checkpoint in the log.
    pub own: Option<Checkpoint>,
    /// The newest checkpoint from outside that the log was compared with.
    pub outside: Option<Checkpoint>,
}

impl Verified {
    /// The same, of a log that must end with a checkpoint, as exported ones do.
    ///
    /// # Errors
    /// When a checkpoint does not cover the last entries.
    pub const fn whole(self) -> Result<Self, Fault> {
        match self.uncovered {
            0 => Ok(self),
            uncovered => Err(Fault::Uncovered { number: self.size.saturating_sub(uncovered) }),
        }
    }
}

/// The verification of a log, line by line.
#[derive(Debug)]
pub struct Verification {
    key: PublicKey,
    tree: Tree,
    lines: u64,
    /// The hashes of the next entries.
    leaves: VecDeque<Hash>,
    /// The first entry that no line of hashes had the hash of.
    unhashed: Option<u64>,
    /// Entries that are gone, all before the first one that is there.
    removed: u64,
    /// The number of entries at the beginning that were removed according to the log itself.
    expired: u64,
    /// The number of entries that a checkpoint has shown to be right.
    shown: u64,
    /// The same by a checkpoint from outside. Who has the key can sign those in the log again.
    shown_outside: u64,
    own: Option<Checkpoint>,
    /// Checkpoints from outside that have not been reached, the smallest first.
    ahead: VecDeque<Checkpoint>,
    outside: Option<Checkpoint>,
}

impl Verification {
    /// Verifies with this key, against these signed checkpoints that were kept elsewhere.
    ///
    /// # Errors
    /// When one of the checkpoints is not valid.
    pub fn new<'a>(
        key: &PublicKey,
        outside: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, CheckpointError> {
        let mut ahead = outside
            .into_iter()
            .map(|note| Checkpoint::open(key, note))
            .collect::<Result<Vec<_>, _>>()?;
        ahead.sort_by_key(|checkpoint| checkpoint.size);
        let mut this = Self {
            key: key.clone(),
            tree: Tree::default(),
            lines: 0,
            leaves: VecDeque::new(),
            unhashed: None,
            removed: 0,
            expired: 0,
            shown: 0,
            shown_outside: 0,
            own: None,
            ahead: ahead.into(),
            outside: None,
        };
        while let Some(empty) = this.ahead.pop_front_if(|checkpoint| checkpoint.size == 0) {
            this.outside = Some(empty);
        }
        Ok(this)
    }

    /// Takes the next line.
    ///
    /// # Errors
    /// When it is wrong. Nothing after it can be verified.
    pub fn line(&mut self, line: &str) -> Result<(), Fault> {
        self.lines += 1;
        match Line::parse(line).ok_or(Fault::Line { line: self.lines })? {
            Line::Entry { number, leaf, expired } => {
                self.entry(number, leaf)?;
                self.expired = self.expired.max(expired.map_or(0, |last| last.saturating_add(1)));
                Ok(())
            }
            Line::Leaves { from, hashes } => self.leaves(from, hashes),
            Line::Checkpoint(note) => self.checkpoint(&note),
        }
    }

    /// The end of the log.
    ///
    /// # Errors
    /// When there was no checkpoint, or entries are missing at the end, or at the beginning without
    /// having expired.
    pub fn finish(mut self) -> Result<Verified, Fault> {
        self.remove_leaves()?;
        let size = self.tree.size();
        if let Some(Checkpoint { size: expected, time, .. }) = self.ahead.pop_front() {
            return Err(Fault::Cut { size, expected, time });
        }
        if self.removed > self.expired {
            return Err(Fault::Removed { number: self.expired });
        }
        if self.own.is_none() && self.outside.is_none() {
            return Err(Fault::Unsigned);
        }
        let Self { removed, shown, own, outside, .. } = self;
        Ok(Verified { size, removed, uncovered: size.saturating_sub(shown), own, outside })
    }

    fn entry(&mut self, number: u64, leaf: Hash) -> Result<(), Fault> {
        // Those that were removed, if this is the first one that is there.
        while self.tree.size() < number
            && self.removed == self.tree.size()
            && let Some(leaf) = self.leaves.pop_front()
        {
            self.removed += 1;
            self.push(leaf)?;
        }
        let next = self.tree.size();
        if number != next {
            return Err(Fault::Missing { number: next });
        }
        match self.leaves.pop_front() {
            Some(expected) if expected != leaf => return Err(Fault::Changed { number }),
            Some(_) => {}
            None => _ = self.unhashed.get_or_insert(number),
        }
        self.push(leaf)
    }

    fn leaves(&mut self, from: u64, hashes: Vec<Hash>) -> Result<(), Fault> {
        self.remove_leaves()?;
        let next = self.tree.size();
        if from != next {
            return Err(Fault::Missing { number: next });
        }
        self.leaves = hashes.into();
        Ok(())
    }

    fn checkpoint(&mut self, note: &str) -> Result<(), Fault> {
        self.remove_leaves()?;
        if let Some(number) = self.unhashed {
            return Err(Fault::Unhashed { number });
        }
        let size = self.tree.size();
        let checkpoint =
            Checkpoint::open(&self.key, note).map_err(|error| Fault::Checkpoint { size, error })?;
        if checkpoint.size != size {
            return Err(Fault::Missing { number: size.min(checkpoint.size) });
        }
        self.compare(&checkpoint, self.shown)?;
        self.own = Some(checkpoint);
        Ok(())
    }

    /// Counts the entries that have a hash and no content as removed. Only the oldest ones are ever
    /// removed, so none was there before them.
    fn remove_leaves(&mut self) -> Result<(), Fault> {
        if !self.leaves.is_empty() && self.removed != self.tree.size() {
            return Err(Fault::Missing { number: self.tree.size() });
        }
        for leaf in std::mem::take(&mut self.leaves) {
            self.removed += 1;
            self.push(leaf)?;
        }
        Ok(())
    }

    fn push(&mut self, leaf: Hash) -> Result<(), Fault> {
        self.tree.push(leaf);
        let size = self.tree.size();
        while let Some(checkpoint) = self.ahead.pop_front_if(|next| next.size == size) {
            self.compare(&checkpoint, self.shown_outside)?;
            self.shown_outside = size;
            self.outside = Some(checkpoint);
        }
        Ok(())
    }

    /// Compares the entries so far with a checkpoint; those before `from` are right in any case.
    fn compare(&mut self, checkpoint: &Checkpoint, from: u64) -> Result<(), Fault> {
        let &Checkpoint { size: to, root, time } = checkpoint;
        if self.tree.root() != root {
            return Err(Fault::Rewritten { from, to, time });
        }
        self.shown = to;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
