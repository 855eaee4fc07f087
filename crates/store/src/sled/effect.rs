//! What a commit changes, or why it is refused.

use std::collections::{BTreeMap, BTreeSet};

use super::layout::{self, Stored};
use crate::{Commit, CommitError, Expect, Key, Kind, StoreError, Write, number_id};

/// The changes of a commit whose conditions hold.
#[derive(Debug, Default)]
pub(super) struct Effect {
    /// Sled keys with their new values; `None` removes the key.
    pub(super) entries: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// By how much numbers of index entries change, by their sled keys. None is 0.
    pub(super) counts: BTreeMap<Vec<u8>, i64>,
    /// The new version for each `Put`, in order.
    pub(super) versions: Vec<u64>,
    /// The records that are written or removed, in order.
    pub(super) touched: Vec<(Kind, String)>,
}

impl Effect {
    /// Checks a commit against the state. Nothing else may write until the effect is applied.
    pub(super) fn of(commit: &Commit, state: &sled::Tree) -> Result<Self, CommitError> {
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
                    let stored = state.get(layout::record(*kind, id)).map_err(StoreError::from)?;
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
                let id = effect.next_id(state, *kind)?;
                // Not counted: many are written, and few are asked for.
                effect.put(state, (*kind, &id), (1, doc), &[], index, &[])?;
                effect.touched.push((*kind, id));
            }
        }
        for write in commit {
            if let Write::RequireNone { kind, key } = write {
                effect.require_none(state, *kind, key)?;
            }
        }
        Ok(effect)
    }

    /// Removes a record and its keys if the condition holds. Returns its version, if it existed.
    fn clear<'a>(
        &mut self,
        state: &sled::Tree,
        named: &mut BTreeSet<(Kind, &'a str)>,
        kind: Kind,
        id: &'a str,
        expect: Expect,
    ) -> Result<Option<u64>, CommitError> {
        if !named.insert((kind, id)) {
            return Err(CommitError::Conflict { kind, id: id.to_owned() });
        }
        let place = layout::record(kind, id);
        let Some(bytes) = state.get(&place).map_err(StoreError::from)? else {
            check(kind, id, expect, None)?;
            return Ok(None);
        };
        let old = Stored::decode(kind, id, &bytes)?;
        check(kind, id, expect, Some(old.version))?;
        for key in &old.keys {
            self.count(key, -1);
        }
        self.entries.extend(old.keys.iter().map(|key| (key.to_vec(), None)));
        self.entries.insert(place, None);
        Ok(Some(old.version))
    }

    fn put(
        &mut self,
        state: &sled::Tree,
        (kind, id): (Kind, &str),
        (version, doc): (u64, &[u8]),
        unique: &[Key],
        index: &[Key],
        ordered: &[Key],
    ) -> Result<(), CommitError> {
        let mut keys = Vec::with_capacity(unique.len() + index.len() + ordered.len());
        for key in unique {
            let place = layout::unique(kind, key);
            let taken = match self.entries.get(&place) {
                Some(None) => false,
                Some(Some(owner)) => owner != id.as_bytes(),
                None => state.contains_key(&place).map_err(StoreError::from)?,
            };
            if taken {
                return Err(CommitError::Taken { kind, field: key.name, value: key.value.clone() });
            }
            self.entries.insert(place.clone(), Some(id.as_bytes().to_vec()));
            keys.push(place);
        }
        let index = index.iter().map(|key| layout::index(kind, key, id));
        let ordered = ordered.iter().map(|key| layout::ordered(kind, key, id));
        for place in index.chain(ordered) {
            self.entries.insert(place.clone(), Some(Vec::new()));
            keys.push(place);
        }
        let stored = Stored { version, doc, keys: keys.iter().map(Vec::as_slice).collect() };
        self.entries.insert(layout::record(kind, id), Some(stored.encode()));
        Ok(())
    }

    /// Counts an index entry that is added or removed; other entries are not counted.
    fn count(&mut self, place: &[u8], change: i64) {
        let Some(count) = layout::count_of(place) else { return };
        match self.counts.get(&count).copied().unwrap_or_default() + change {
            0 => self.counts.remove(&count),
            changed => self.counts.insert(count, changed),
        };
    }

    /// The id after the largest one of the kind.
    fn next_id(&self, state: &sled::Tree, kind: Kind) -> Result<String, CommitError> {
        let prefix = layout::records(kind.name());
        let ours = self.entries.range(prefix.clone()..);
        let ours = ours.take_while(|(place, _)| place.starts_with(&prefix));
        // A removed one has a number that was given before, and is in `state`.
        let ours = ours.filter(|(_, new)| new.is_some()).map(|(place, _)| place.clone()).last();
        let stored = state.scan_prefix(&prefix).keys().next_back().transpose();
        let stored = stored.map_err(StoreError::from)?.map(|place| place.to_vec());
        let last = ours.max(stored);
        let Some(last) = last else { return Ok(number_id(0)) };
        let id = layout::text(kind, last.get(prefix.len()..).unwrap_or_default())?;
        match id.parse::<u64>().ok().and_then(|number| number.checked_add(1)) {
            Some(number) => Ok(number_id(number)),
            None => Err(StoreError::Damaged {
                kind,
                id: id.to_owned(),
                cause: "its id is not a number".to_owned(),
            }
            .into()),
        }
    }

    fn require_none(&self, state: &sled::Tree, kind: Kind, key: &Key) -> Result<(), CommitError> {
        let in_use = || CommitError::InUse { kind, key: key.clone() };
        let prefix = layout::indexed(kind, key);
        let ours = self.entries.range(prefix.clone()..);
        if ours.take_while(|(place, _)| place.starts_with(&prefix)).any(|(_, new)| new.is_some()) {
            return Err(in_use());
        }
        for place in state.scan_prefix(&prefix).keys() {
            let place = place.map_err(StoreError::from)?;
            if !self.entries.contains_key(place.as_ref()) {
                return Err(in_use());
            }
        }
        Ok(())
    }
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
