//! What a commit changes, or why it is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::appended::{self, Waiting};
use super::blocks::{IndexChanges, batch_of};
use super::layout::{self, Stored};
use super::replaced::{self, Entries, Replaced};
use crate::{Commit, CommitError, Expect, Key, Kind, StoreError, Write, number_id};

/// For kinds whose records are appended, the number that the next one gets.
pub(super) type Numbers = BTreeMap<Kind, u64>;

/// The changes of a commit whose conditions hold.
#[derive(Debug, Default)]
pub(super) struct Effect {
    /// Records, unique and ordered keys.
    pub(super) entries: Entries,
    /// Appended records, new ones of kinds whose records are appended.
    pub(super) appended: Vec<Appended>,
    /// Appended records that are removed.
    pub(super) removed: BTreeSet<(Kind, String)>,
    /// The index keys that records get or lose.
    pub(super) index: IndexChanges,
    /// By how much the numbers of records with an index key change, by the sled keys of these
    /// numbers. None is 0.
    pub(super) counts: BTreeMap<Vec<u8>, i64>,
    /// The numbers after those of the appended records.
    pub(super) next_numbers: Numbers,
    /// The new version for each `Put`, in order.
    pub(super) versions: Vec<u64>,
    /// The records that are written or removed, in order.
    pub(super) touched: Vec<(Kind, String)>,
}

/// A new record.
#[derive(Debug)]
pub(super) struct Appended {
    pub(super) kind: Kind,
    pub(super) id: String,
    /// The bytes to store.
    pub(super) stored: Vec<u8>,
}

/// What a commit is checked against.
#[derive(Debug, Clone, Copy)]
pub(super) struct State<'a> {
    pub(super) tree: &'a sled::Tree,
    /// The appended records that are not in entries yet.
    pub(super) waiting: &'a Waiting,
}

impl Effect {
    /// Checks a commit against the state. Nothing else may write until the effect is applied. The
    /// `numbers` are looked up in the state where they are missing.
    pub(super) fn of(
        commit: &Commit,
        state: State<'_>,
        numbers: &Numbers,
    ) -> Result<Self, CommitError> {
        let mut effect = Self::default();
        let mut named = BTreeSet::new();
        // Removals first, so that a unique key can move within the commit.
        for write in commit {
            match write {
                Write::Put { kind, id, expect, .. } => {
                    let version = effect.clear(state, &mut named, *kind, id, *expect)?;
                    effect.versions.push(version.unwrap_or_default() + 1);
                    effect.touched.push((*kind, id.clone()));
                }
                Write::Delete { kind, id, expect } => {
                    if effect.clear(state, &mut named, *kind, id, *expect)?.is_some() {
                        effect.touched.push((*kind, id.clone()));
                    }
                }
                Write::Require { kind, id, expect } => {
                    let stored = state.stored(*kind, id)?;
                    let old = stored.as_deref().map(|bytes| Stored::decode(*kind, id, bytes));
                    check(*kind, id, *expect, old.transpose()?.map(|old| old.version))?;
                }
                Write::Append { .. } | Write::RequireNone { .. } => {}
            }
        }
        let mut versions = effect.versions.clone().into_iter();
        for write in commit {
            if let Write::Put { kind, id, doc, unique, index, ordered, .. } = write {
                let version = versions.next().unwrap_or_default();
                effect.put(state, (*kind, id), (version, doc), unique, index, ordered)?;
                for key in index {
                    effect.count(&layout::index(*kind, key, id), 1);
                }
            }
        }
        for write in commit {
            if let Write::Append { kind, doc, index } = write {
                let known = effect.next_numbers.get(kind).or_else(|| numbers.get(kind)).copied();
                let number = known.map_or_else(|| next_number(state, *kind), Ok)?;
                let id = number_id(number);
                // Not counted: many are written, and few are asked for.
                effect.put(state, (*kind, &id), (1, doc), &[], index, &[])?;
                effect.touched.push((*kind, id));
                let next = number.checked_add(1).ok_or_else(|| no_number(*kind, &number))?;
                effect.next_numbers.insert(*kind, next);
                if batch_of(next) == next {
                    effect.index_batch(state, *kind, batch_of(number)..next)?;
                }
            }
        }
        for write in commit {
            if let Write::RequireNone { kind, key } = write {
                effect.require_none(state.tree, *kind, key)?;
            }
        }
        effect.remove_from_entries(state)?;
        Ok(effect)
    }

    /// Removes a record and its keys if the condition holds. Returns its version, if it existed.
    fn clear<'a>(
        &mut self,
        state: State<'_>,
        named: &mut BTreeSet<(Kind, &'a str)>,
        kind: Kind,
        id: &'a str,
        expect: Expect,
    ) -> Result<Option<u64>, CommitError> {
        if !named.insert((kind, id)) {
            return Err(CommitError::Conflict { kind, id: id.to_owned() });
        }
        let place = layout::record(kind, id);
        let Some(bytes) = state.stored(kind, id)? else {
            check(kind, id, expect, None)?;
            if !kind.is_appended() {
                self.entries.insert(place, Replaced::default());
            }
            return Ok(None);
        };
        let old = Stored::decode(kind, id, &bytes)?;
        check(kind, id, expect, Some(old.version))?;
        for key in &old.keys {
            self.count(key, -1);
            match layout::index_parts(key) {
                Some((prefix, id)) => self.index.set(prefix, id, false),
                None => drop(self.set(state.tree, key.to_vec(), None)?),
            }
        }
        let version = old.version;
        if kind.is_appended() {
            self.removed.insert((kind, id.to_owned()));
        } else {
            self.entries.insert(place, Replaced { old: Some(bytes), new: None });
        }
        Ok(Some(version))
    }

    /// Removes the appended records that are removed from their entries.
    fn remove_from_entries(&mut self, state: State<'_>) -> Result<(), StoreError> {
        let mut entries = BTreeMap::new();
        for (kind, id) in &self.removed {
            if let Some((place, value)) = appended::entry_of(state.tree, *kind, id.as_bytes())? {
                entries.insert(place, (*kind, value));
            }
        }
        for (place, (kind, value)) in entries {
            let prefix = layout::records(kind.name());
            let id = place.get(prefix.len()..).unwrap_or_default();
            let is_left = |id: &[u8]| {
                let id = String::from_utf8_lossy(id);
                !self.removed.contains(&(kind, id.into_owned()))
            };
            let left = appended::records(id, &value).filter(|(id, _)| is_left(id));
            if let Some((first, left)) = appended::entry(left) {
                let place = [prefix.as_slice(), first].concat();
                self.entries.entry(place).or_default().new = Some(left);
            }
            self.entries.entry(place.to_vec()).or_default().old = Some(value);
        }
        Ok(())
    }

    /// Sets the new value of an entry. Returns the one that it had so far.
    fn set(
        &mut self,
        state: &sled::Tree,
        place: Vec<u8>,
        new: Option<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        replaced::set(&mut self.entries, state, place, new).map_err(StoreError::from)
    }

    fn put(
        &mut self,
        state: State<'_>,
        (kind, id): (Kind, &str),
        (version, doc): (u64, &[u8]),
        unique: &[Key],
        index: &[Key],
        ordered: &[Key],
    ) -> Result<(), CommitError> {
        let mut keys = Vec::with_capacity(unique.len() + index.len() + ordered.len());
        for key in unique {
            let place = layout::unique(kind, key);
            let owner = self.set(state.tree, place.clone(), Some(id.as_bytes().to_vec()))?;
            if owner.is_some_and(|owner| owner != id.as_bytes()) {
                return Err(CommitError::Taken { kind, field: key.name, value: key.value.clone() });
            }
            keys.push(place);
        }
        for key in index {
            if !kind.is_appended() {
                self.index.set(&layout::indexed(kind, key), id.as_bytes(), true);
            }
            keys.push(layout::index(kind, key, id));
        }
        for key in ordered {
            let place = layout::ordered(kind, key, id);
            self.set(state.tree, place.clone(), Some(Vec::new()))?;
            keys.push(place);
        }
        let stored = Stored { version, doc, keys: keys.iter().map(Vec::as_slice).collect() };
        let stored = stored.encode();
        if kind.is_appended() {
            self.appended.push(Appended { kind, id: id.to_owned(), stored });
        } else {
            // `clear` has read it; an appended one is new.
            self.entries.entry(layout::record(kind, id)).or_default().new = Some(stored);
        }
        Ok(())
    }

    /// Counts an index key that is added or removed; other keys are not counted.
    fn count(&mut self, place: &[u8], change: i64) {
        let Some(count) = layout::count_of(place) else { return };
        match self.counts.get(&count).copied().unwrap_or_default() + change {
            0 => self.counts.remove(&count),
            changed => self.counts.insert(count, changed),
        };
    }

    /// Adds the index keys of the appended records with these numbers, a batch that is full.
    fn index_batch(
        &mut self,
        state: State<'_>,
        kind: Kind,
        numbers: Range<u64>,
    ) -> Result<(), CommitError> {
        let (start, end) = (number_id(numbers.start), number_id(numbers.end));
        let Self { removed, index, appended, .. } = self;
        let mut add = |(id, stored): (&[u8], &[u8])| -> Result<(), CommitError> {
            let id = layout::text(kind, id)?;
            if id < &*start || id >= &*end || removed.contains(&(kind, id.to_owned())) {
                return Ok(());
            }
            for key in Stored::decode(kind, id, stored)?.keys {
                if let Some((prefix, id)) = layout::index_parts(key) {
                    index.set(prefix, id, true);
                }
            }
            Ok(())
        };
        let prefix = layout::records(kind.name());
        for entry in
            appended::entries_from(state.tree, kind, start.as_bytes()).map_err(StoreError::from)?
        {
            let (place, value) = entry.map_err(StoreError::from)?;
            appended::records(place.get(prefix.len()..).unwrap_or_default(), &value)
                .try_for_each(&mut add)?;
        }
        state.waiting.of(kind.name()).into_iter().try_for_each(&mut add)?;
        let new = appended.iter().filter(|new| new.kind == kind);
        new.map(|new| (new.id.as_bytes(), new.stored.as_slice())).try_for_each(&mut add)
    }

    fn require_none(&self, state: &sled::Tree, kind: Kind, key: &Key) -> Result<(), CommitError> {
        let in_use = self.index.leave_some(state, &layout::indexed(kind, key));
        match kind.is_appended() || in_use.map_err(StoreError::from)? {
            true => Err(CommitError::InUse { kind, key: key.clone() }),
            false => Ok(()),
        }
    }
}

impl State<'_> {
    /// The stored bytes of a record.
    fn stored(self, kind: Kind, id: &str) -> Result<Option<sled::IVec>, StoreError> {
        let waiting = if kind.is_appended() { self.waiting.of(kind.name()) } else { Vec::new() };
        let found = waiting.into_iter().find(|(its, _)| *its == id.as_bytes());
        match found {
            Some((_, stored)) => Ok(Some(stored.into())),
            None => appended::stored(self.tree, kind, id).map_err(StoreError::from),
        }
    }

    /// The last id of the kind.
    fn last_id(self, kind: Kind) -> Result<Option<String>, StoreError> {
        if let Some((id, _)) = self.waiting.of(kind.name()).last() {
            return layout::text(kind, id).map(|id| Some(id.to_owned()));
        }
        let last = appended::last_id(self.tree, kind)?;
        last.map(|id| layout::text(kind, &id).map(str::to_owned)).transpose()
    }
}

/// The number after the largest one of the kind.
fn next_number(state: State<'_>, kind: Kind) -> Result<u64, StoreError> {
    let Some(id) = state.last_id(kind)? else { return Ok(0) };
    let number = id.parse::<u64>().ok().and_then(|number| number.checked_add(1));
    number.ok_or_else(|| no_number(kind, &id))
}

fn no_number(kind: Kind, id: &impl ToString) -> StoreError {
    let cause = "no number can follow its id".to_owned();
    StoreError::Damaged { kind, id: id.to_string(), cause }
}

fn check(kind: Kind, id: &str, expect: Expect, version: Option<u64>) -> Result<(), CommitError> {
    let met = match expect {
        Expect::Any => true,
        Expect::Absent => version.is_none(),
        Expect::Present => version.is_some(),
        Expect::Version(wanted) => version == Some(wanted),
    };
    if met { Ok(()) } else { Err(CommitError::Conflict { kind, id: id.to_owned() }) }
}
