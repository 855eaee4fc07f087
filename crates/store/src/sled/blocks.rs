//! The ids of the records with an index key, in blocks.
//!
//! Sled keeps about two hundred bytes in memory for each of its pages, whose entries are at most 16
//! and on average half as many. With an entry for each key of each record, the keys would take most
//! of that memory. So an entry holds up to [`SIZE`] ids, in order, separated by NUL. Its sled key is
//! the prefix of the index key ([`indexed`](super::layout::indexed)) and a bound: the ids are not
//! before it, and all before the bound of the next block. The first bound is empty. A block without
//! ids is removed.
//!
//! Appended records get into blocks when their batch of [`BATCH`] numbers is full, so that the keys
//! that they share are written once. Until then, their own keys are read ([`Tail`]). Their blocks are
//! as large as a batch, because they are filled in order and not changed until their records expire.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;

use super::replaced::{Entries, Replaced};
use crate::number_id;

/// The most ids in a block, unless they are those of appended records.
pub(super) const SIZE: usize = 16;

/// How many appended records get into blocks together.
const BATCH: u64 = 64;

/// The first number of the batch of appended records that has this one.
pub(super) const fn batch_of(number: u64) -> u64 {
    number - number % BATCH
}

/// Which ids get (`true`) or lose an index key, by the prefix of the key.
#[derive(Debug, Default)]
pub(super) struct IndexChanges(BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, bool>>);

impl IndexChanges {
    /// Notes that the record `id` gets the key with this prefix, or loses it if it has it. What it
    /// loses and gets does not change.
    pub(super) fn set(&mut self, prefix: &[u8], id: &[u8], present: bool) {
        if !self.0.contains_key(prefix) {
            self.0.insert(prefix.to_vec(), BTreeMap::new());
        }
        let Some(ids) = self.0.get_mut(prefix) else { return };
        match ids.remove(id) {
            Some(false) if present => {}
            _ => drop(ids.insert(id.to_vec(), present)),
        }
    }

    /// Whether the record gets or loses the key; `None` if it does neither.
    fn get(&self, prefix: &[u8], id: &[u8]) -> Option<bool> {
        self.0.get(prefix)?.get(id).copied()
    }

    /// Whether a record has the key after the changes.
    pub(super) fn leave_some(&self, tree: &sled::Tree, prefix: &[u8]) -> sled::Result<bool> {
        if self.0.get(prefix).is_some_and(|ids| ids.values().any(|present| *present)) {
            return Ok(true);
        }
        for id in Ids::new(tree, prefix.to_vec(), None) {
            if self.get(prefix, &id?).is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The blocks that differ after the changes.
    pub(super) fn blocks(&self, tree: &sled::Tree) -> sled::Result<Entries> {
        let mut entries = Entries::new();
        for (prefix, changes) in &self.0 {
            let mut touched: Option<Touched<'_>> = None;
            for (id, present) in changes {
                let reaches = match &mut touched {
                    Some(block) => block.reaches(tree, prefix, id)?,
                    None => false,
                };
                if let Some(block) = touched.as_mut().filter(|_| reaches) {
                    block.changes.push((id, *present));
                    continue;
                }
                let next = Touched::find(tree, prefix, id, *present)?;
                if let Some(before) = touched.replace(next) {
                    before.change(prefix, &mut entries);
                }
            }
            if let Some(last) = touched {
                last.change(prefix, &mut entries);
            }
        }
        Ok(entries)
    }
}

/// A block, and the ids that get or lose the key there.
struct Touched<'a> {
    place: Vec<u8>,
    /// `None` if it does not exist yet.
    block: Option<sled::IVec>,
    /// The place of the entry after it, once it was looked up; `None` inside for the last one.
    next: Option<Option<sled::IVec>>,
    changes: Vec<(&'a [u8], bool)>,
}

impl<'a> Touched<'a> {
    /// The block that an id belongs to, which gets or loses the key.
    fn find(tree: &sled::Tree, prefix: &[u8], id: &'a [u8], present: bool) -> sled::Result<Self> {
        let (place, block) = match block_of(tree, prefix, id)? {
            Some((place, block)) => (place.to_vec(), Some(block)),
            None => (prefix.to_vec(), None),
        };
        Ok(Self { place, block, next: None, changes: vec![(id, present)] })
    }

    /// Whether a later id belongs to it, too.
    fn reaches(&mut self, tree: &sled::Tree, prefix: &[u8], id: &[u8]) -> sled::Result<bool> {
        let next = match &self.next {
            Some(next) => next,
            None => {
                let later = (Bound::Excluded(self.place.as_slice()), Bound::Unbounded);
                let next = tree.range::<&[u8], _>(later).keys().next().transpose()?;
                self.next.insert(next)
            }
        };
        Ok(next.as_deref().and_then(|next| next.strip_prefix(prefix)).is_none_or(|next| id < next))
    }

    /// Changes the ids of the block, and divides it if they are too many.
    fn change(self, prefix: &[u8], entries: &mut Entries) {
        let Self { place, block, changes, next: _ } = self;
        let mut ids: BTreeSet<&[u8]> = block.iter().flat_map(|block| ids(block)).collect();
        let last = ids.last().copied();
        for (id, present) in &changes {
            match present {
                true => ids.insert(id),
                false => ids.remove(id),
            };
        }
        let ids: Vec<_> = ids.into_iter().collect();
        if ids.is_empty() {
            entries.insert(place, Replaced { old: block, new: None });
            return;
        }
        // Numbers grow, so most are added at the end: full blocks are left behind.
        let first = changes.first().map(|(id, _)| *id);
        let most = most(&ids);
        let size = match last.is_none() || first > last {
            true => most,
            false => ids.len().div_ceil(ids.len().div_ceil(most)),
        };
        // The bounds of the blocks after the first are ids of this block, so they are new.
        let mut old = block.clone();
        let blocks = divided(prefix, place, &ids, size);
        entries.extend(
            blocks.map(|(place, ids)| (place, Replaced { old: old.take(), new: Some(ids) })),
        );
    }
}

/// Blocks of `size` ids, the first of them at `place`.
fn divided<'a>(
    prefix: &'a [u8],
    place: Vec<u8>,
    ids: &'a [&'a [u8]],
    size: usize,
) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> + 'a {
    let mut first = Some(place);
    ids.chunks(size.max(1)).map(move |ids| {
        let bound = ids.first().copied().unwrap_or_default();
        let place = first.take().unwrap_or_else(|| [prefix, bound].concat());
        (place, ids.join(&0))
    })
}

/// The blocks of an index key that has no blocks yet. The ids are in order.
pub(super) fn filled<'a>(
    prefix: &'a [u8],
    ids: &'a [&'a [u8]],
) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> + 'a {
    divided(prefix, prefix.to_vec(), ids, most(ids))
}

/// The most of these ids in a block.
fn most(ids: &[&[u8]]) -> usize {
    let is_appended = ids.last().is_some_and(|id| str::from_utf8(id).is_ok_and(is_number));
    if is_appended { BATCH as usize } else { SIZE }
}

/// Whether this is the id of an appended record.
pub(super) fn is_number(id: &str) -> bool {
    id.parse().is_ok_and(|number| number_id(number) == id)
}

/// The ids in a block.
pub(super) fn ids(block: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    block.split(|byte| *byte == 0).filter(|id| !id.is_empty())
}

/// The block that has this id, if any has.
fn block_of(
    tree: &sled::Tree,
    prefix: &[u8],
    id: &[u8],
) -> sled::Result<Option<(sled::IVec, sled::IVec)>> {
    tree.range(prefix.to_vec()..=[prefix, id].concat()).next_back().transpose()
}

/// The appended records whose batch is not full, and which of them have an index key.
#[derive(Debug)]
pub(super) struct Tail {
    /// The first id of the batch. Ids from here on are not looked for in blocks.
    pub(super) start: Vec<u8>,
    /// The ids with the key, in order.
    pub(super) ids: Vec<Vec<u8>>,
}

/// The ids of the records with an index key, in order.
pub(super) struct Ids<'a> {
    tree: &'a sled::Tree,
    prefix: Vec<u8>,
    tail: Option<Tail>,
    /// The rest of a block, or of the tail.
    read: VecDeque<Vec<u8>>,
    /// The first id that is still to come.
    next: Vec<u8>,
}

impl<'a> Ids<'a> {
    /// All ids with the index key that has this prefix.
    pub(super) fn new(tree: &'a sled::Tree, prefix: Vec<u8>, tail: Option<Tail>) -> Self {
        Self { tree, prefix, tail, read: VecDeque::new(), next: Vec::new() }
    }

    /// Only the ids after this one.
    pub(super) fn after(self, id: &[u8]) -> Self {
        Self { next: following(id), ..self }
    }

    /// The first id that is not before `wanted`. Never goes back.
    pub(super) fn first_from(&mut self, wanted: &[u8]) -> sled::Result<Option<&[u8]>> {
        while self.read.pop_front_if(|id| id.as_slice() < wanted).is_some() {}
        if self.read.is_empty() {
            self.read_from(wanted)?;
        }
        Ok(self.read.front().map(Vec::as_slice))
    }

    /// Reads the rest of the block that `wanted` is in, or else the next one, or else the tail.
    fn read_from(&mut self, wanted: &[u8]) -> sled::Result<()> {
        let start = [self.prefix.as_slice(), wanted].concat();
        if let Some((_, block)) = block_of(self.tree, &self.prefix, wanted)? {
            self.read.extend(ids(&block).filter(|id| *id >= wanted).map(<[u8]>::to_vec));
        }
        if self.read.is_empty() {
            let mut later = self.tree.range((Bound::Excluded(start), Bound::Unbounded));
            if let Some((place, block)) = later.next().transpose()?
                && place.starts_with(&self.prefix)
            {
                self.read.extend(ids(&block).map(<[u8]>::to_vec));
            }
        }
        if let Some(tail) = &self.tail {
            self.read.retain(|id| *id < tail.start);
            if self.read.is_empty() {
                let rest = tail.ids.iter().filter(|id| id.as_slice() >= wanted);
                self.read.extend(rest.cloned());
            }
        }
        Ok(())
    }
}

impl Iterator for Ids<'_> {
    type Item = sled::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        let wanted = std::mem::take(&mut self.next);
        let id = match self.first_from(&wanted) {
            Ok(id) => id?.to_vec(),
            Err(error) => return Some(Err(error)),
        };
        self.next = following(&id);
        Some(Ok(id))
    }
}

/// The first id after this one: no id has a NUL.
fn following(id: &[u8]) -> Vec<u8> {
    [id, b"\0"].concat()
}

/// The ids of the records with an index key, from the last to the first.
pub(super) struct IdsBackwards<'a> {
    tree: &'a sled::Tree,
    prefix: Vec<u8>,
    read: Vec<Vec<u8>>,
    /// Only ids before this one are still to come; `None` at the start.
    end: Option<Vec<u8>>,
}

impl<'a> IdsBackwards<'a> {
    /// The ids before this one, or all.
    pub(super) fn before(
        tree: &'a sled::Tree,
        prefix: Vec<u8>,
        tail: Option<Tail>,
        id: Option<&[u8]>,
    ) -> Self {
        let (mut end, mut read) = (id.map(<[u8]>::to_vec), Vec::new());
        if let Some(tail) = tail {
            let before = |id: &Vec<u8>| end.as_ref().is_none_or(|end| id < end);
            read.extend(tail.ids.into_iter().filter(before));
            end = Some(end.map_or_else(|| tail.start.clone(), |end| end.min(tail.start.clone())));
        }
        Self { tree, prefix, read, end }
    }

    /// Reads the last block that has ids before the end.
    fn read(&mut self) -> sled::Result<()> {
        let mut end = self.prefix.clone();
        match &self.end {
            Some(id) => end.extend_from_slice(id),
            // Ids are UTF-8, so no id has this byte.
            None => end.push(u8::MAX),
        }
        // The first block has an empty bound, which is before any id.
        for entry in self.tree.range(self.prefix.clone()..end).rev() {
            let (_, block) = entry?;
            let before = |id: &&[u8]| self.end.as_deref().is_none_or(|end| *id < end);
            self.read.extend(ids(&block).filter(before).map(<[u8]>::to_vec));
            if !self.read.is_empty() {
                break;
            }
        }
        Ok(())
    }
}

impl Iterator for IdsBackwards<'_> {
    type Item = sled::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.read.is_empty()
            && let Err(error) = self.read()
        {
            return Some(Err(error));
        }
        let id = self.read.pop()?;
        if self.end.as_ref().is_none_or(|end| id < *end) {
            self.end = Some(id.clone());
        }
        Some(Ok(id))
    }
}

#[cfg(test)]
mod tests;
