//! Searches ([`Store::search`](crate::Store::search)).
//!
//! Without a prefix, the ids with each of the index keys are walked side by side, in order.
//! With a prefix, either its ordered entries are walked, and the conditions checked on each record;
//! or, if the numbers of records with an index key show that few meet one of the conditions, these are
//! all read and put in order. A record with several values that begin with the prefix counts at the
//! first one only.

use std::collections::{BTreeMap, BTreeSet};

use super::blocks::Ids;
use super::layout::{self, Stored};
use super::shared::{Shared, to_record};
use crate::{Found, Key, Kind, Place, Record, Search, StoreError};

/// The most records that are all read to put them in order.
const FEW: u64 = 1000;
/// The most entries that are looked at for one result.
const MOST_READ: usize = 2000;

/// The records that the search finds, at most `limit`.
pub(super) fn search(
    shared: &Shared,
    kind: Kind,
    search: &Search,
    limit: usize,
) -> Result<Found, StoreError> {
    let searching = Searching { shared, kind, conditions: Conditions::new(kind, search), limit };
    match &search.prefix {
        None => searching.by_id(search),
        Some(prefix) => match searching.few(search)? {
            Some(keys) => searching.gather(&keys, prefix, search.after.as_ref()),
            None => searching.walk(prefix, search.after.as_ref()),
        },
    }
}

/// The sled keys of the conditions, without the id of the record.
struct Conditions {
    all: Vec<Vec<u8>>,
    any: BTreeSet<Vec<u8>>,
}

impl Conditions {
    fn new(kind: Kind, search: &Search) -> Self {
        let places = |keys: &[Key]| {
            keys.iter().map(|key| layout::indexed(kind, key)).collect::<BTreeSet<_>>()
        };
        Self { all: places(&search.all).into_iter().collect(), any: places(&search.any) }
    }

    /// Whether a record with these keys meets the conditions.
    fn hold(&self, id: &str, keys: &[&[u8]]) -> bool {
        let mut conditions = keys.iter().filter_map(|key| key.strip_suffix(id.as_bytes()));
        self.all.iter().all(|wanted| {
            keys.iter().any(|key| key.strip_suffix(id.as_bytes()) == Some(wanted.as_slice()))
        }) && (self.any.is_empty() || conditions.any(|key| self.any.contains(key)))
    }
}

struct Searching<'a> {
    shared: &'a Shared,
    kind: Kind,
    conditions: Conditions,
    limit: usize,
}

impl Searching<'_> {
    /// The records in order of id.
    fn by_id(&self, search: &Search) -> Result<Found, StoreError> {
        let after = search.after.as_ref().map(|place| place.id.as_str());
        let mut streams: Vec<_> =
            self.conditions.all.iter().map(|key| self.union([key])).collect::<Result<_, _>>()?;
        if !self.conditions.any.is_empty() {
            streams.push(self.union(&self.conditions.any)?);
        }
        if streams.is_empty() {
            let records = self.shared.list(self.kind, None, after, self.limit + 1)?;
            let records = records.into_iter().map(|record| (by_id(&record.id), record));
            return Ok(Found::first(records, self.limit));
        }
        // The first id that may be found: no id has a NUL.
        let mut wanted = after.map_or_else(Vec::new, |after| [after.as_bytes(), b"\0"].concat());
        // Up to and including this one, all ids are decided.
        let mut passed = Vec::new();
        let (mut found, mut read) = (Vec::new(), 0);
        while found.len() <= self.limit {
            if read > MOST_READ {
                let id = layout::text(self.kind, &passed)?.trim_end_matches('\0').to_owned();
                return Ok(Found { records: found, next: Some(by_id(&id)) });
            }
            let mut agreed = true;
            for stream in &mut streams {
                read += 1;
                let Some(id) = stream.first_from(&wanted)? else {
                    return Ok(Found::first(found, self.limit));
                };
                if id != wanted {
                    passed = std::mem::replace(&mut wanted, id);
                    agreed = false;
                }
            }
            if !agreed && streams.len() > 1 {
                continue;
            }
            let id = layout::text(self.kind, &wanted)?;
            // The record may have lost a key since.
            if let Some((record, _)) = self.record(id, None)? {
                found.push((by_id(id), record));
            }
            passed.clone_from(&wanted);
            wanted.push(0);
        }
        Ok(Found::first(found, self.limit))
    }

    /// The ids of all records that have one of some index keys.
    fn union<'k>(
        &self,
        indexed: impl IntoIterator<Item = &'k Vec<u8>>,
    ) -> Result<Union<'_>, StoreError> {
        let ids = indexed.into_iter().map(|indexed| self.shared.ids(self.kind, indexed.clone()));
        Ok(Union { shared: self.shared, ids: ids.collect::<Result<_, _>>()? })
    }

    /// The index keys of a condition that few records meet, if there is one.
    fn few(&self, search: &Search) -> Result<Option<Vec<Key>>, StoreError> {
        let mut few: Option<(u64, Vec<Key>)> = None;
        let all = search.all.iter().map(std::slice::from_ref);
        let any = (!search.any.is_empty()).then_some(search.any.as_slice());
        for keys in all.chain(any) {
            let mut count: u64 = 0;
            for key in keys {
                // Without a kept number, the index has no entry, or they are not counted.
                count = count.saturating_add(self.known_count(key)?);
            }
            if count <= FEW && few.as_ref().is_none_or(|(least, _)| count < *least) {
                few = Some((count, keys.to_vec()));
            }
        }
        Ok(few.map(|(_, keys)| keys))
    }

    fn known_count(&self, key: &Key) -> Result<u64, StoreError> {
        if let Some(count) = self.shared.kept_count(self.kind, Some(key))? {
            return Ok(count);
        }
        let first = self.shared.ids(self.kind, layout::indexed(self.kind, key))?.next();
        Ok(if self.shared.read(first.transpose())?.is_some() { u64::MAX } else { 0 })
    }

    /// Reads all records with one of these index keys.
    fn gather(
        &self,
        keys: &[Key],
        prefix: &Key,
        after: Option<&Place>,
    ) -> Result<Found, StoreError> {
        let mut places = BTreeMap::new();
        for key in keys {
            for id in self.shared.ids(self.kind, layout::indexed(self.kind, key))? {
                let id = self.shared.read(id)?;
                let id = layout::text(self.kind, &id)?;
                let Some((record, value)) = self.record(id, Some(prefix))? else { continue };
                let place = Place { value, id: id.to_owned() };
                if after.is_none_or(|after| place > *after) {
                    places.insert(place, record);
                }
            }
        }
        Ok(Found::first(places, self.limit))
    }

    /// Reads the records in order of the values that begin with the prefix.
    fn walk(&self, prefix: &Key, after: Option<&Place>) -> Result<Found, StoreError> {
        let field = layout::ordered_field(self.kind, prefix.name);
        let range = layout::ordered_from(self.kind, prefix);
        let start = after.map(|Place { value, id }| {
            // The next possible place: no id has a NUL.
            layout::ordered(self.kind, &Key::new(prefix.name, value), &format!("{id}\0"))
        });
        let start = start.filter(|start| *start > range).unwrap_or_else(|| range.clone());
        let (mut found, mut last) = (Vec::new(), None);
        for (read, entry) in self.shared.db.range(start..).keys().enumerate() {
            let entry = self.shared.read(entry)?;
            if !entry.starts_with(&range) || found.len() > self.limit {
                break;
            }
            if read >= MOST_READ {
                return Ok(Found { records: found, next: last });
            }
            let rest = entry.get(field.len()..).unwrap_or_default();
            let Some((value, id)) = layout::value_and_id(rest) else { continue };
            let place = Place { value: value.to_owned(), id: id.to_owned() };
            if let Some((record, first)) = self.record(id, Some(prefix))?
                && first == value
            {
                found.push((place.clone(), record));
            }
            last = Some(place);
        }
        Ok(Found::first(found, self.limit))
    }

    /// The record, if it meets the conditions, and its first value that begins with the prefix.
    fn record(
        &self,
        id: &str,
        prefix: Option<&Key>,
    ) -> Result<Option<(Record, String)>, StoreError> {
        let Some(bytes) = self.shared.stored(self.kind, id)? else { return Ok(None) };
        let stored = Stored::decode(self.kind, id, &bytes)?;
        if !self.conditions.hold(id, &stored.keys) {
            return Ok(None);
        }
        let Some(prefix) = prefix else {
            return Ok(Some((to_record(id, &stored), String::new())));
        };
        let field = layout::ordered_field(self.kind, prefix.name);
        let values = stored.keys.iter().filter_map(|key| {
            let (value, _) = layout::value_and_id(key.strip_prefix(field.as_slice())?)?;
            value.starts_with(&prefix.value).then_some(value)
        });
        let first = values.min().map(str::to_owned);
        Ok(first.map(|first| (to_record(id, &stored), first)))
    }
}

fn by_id(id: &str) -> Place {
    Place { value: String::new(), id: id.to_owned() }
}

/// The ids of all records that have one of some index keys.
struct Union<'a> {
    shared: &'a Shared,
    ids: Vec<Ids<'a>>,
}

impl Union<'_> {
    /// The first id from `wanted` on. Never goes back.
    fn first_from(&mut self, wanted: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let mut first: Option<&[u8]> = None;
        for ids in &mut self.ids {
            let id = self.shared.read(ids.first_from(wanted))?;
            first = first.into_iter().chain(id).min();
        }
        Ok(first.map(<[u8]>::to_vec))
    }
}
