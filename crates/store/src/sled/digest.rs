//! The digest of everything in the store, updated with each commit.
//!
//! Every entry is hashed with the store's key, and the hashes are added up, one sum for each kind.
//! Written entries are added, replaced and removed ones subtracted, so the cost of a commit depends
//! only on what it writes. If the sum of all entries differs from the stored one, entries are
//! missing, changed or too many. The records of a block (`appended`) count one by one.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::appended;
use super::layout::{self, Entry};
use crate::StoreKey;

/// The sum of the hashes of some entries, in 64-bit lanes that wrap.
type Sum = [u64; 4];

/// The entries of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    /// The number of records, not counting their keys.
    records: u64,
    /// The sum over records, keys and counts.
    sum: Sum,
}

/// The digest of a set of entries, by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Digest {
    /// Only kinds with entries.
    kinds: BTreeMap<String, Tally>,
}

impl Digest {
    /// Adds an entry.
    pub(super) fn add(&mut self, key: &StoreKey, place: &[u8], value: &[u8]) {
        self.change(key, place, value, u64::wrapping_add);
    }

    /// Removes an entry.
    pub(super) fn remove(&mut self, key: &StoreKey, place: &[u8], value: &[u8]) {
        self.change(key, place, value, u64::wrapping_sub);
    }

    fn change(
        &mut self,
        key: &StoreKey,
        place: &[u8],
        value: &[u8],
        change: impl Fn(u64, u64) -> u64,
    ) {
        let (is_record, kind) = match Entry::parse(place) {
            Some(Entry::Record { kind, id }) => {
                let prefix = place.get(..place.len() - id.len()).unwrap_or_default();
                for (id, stored) in appended::records(id, value) {
                    self.change_sum(kind, true, hash(key, [prefix, id], stored), &change);
                }
                return;
            }
            Some(Entry::Key { kind } | Entry::Count { kind }) => (false, kind),
            // Entries of no kind are counted, too: the store never writes one.
            None => (true, ""),
        };
        self.change_sum(kind, is_record, hash(key, [place, b""], value), change);
    }

    fn change_sum(
        &mut self,
        kind: &str,
        is_record: bool,
        hash: Sum,
        change: impl Fn(u64, u64) -> u64,
    ) {
        if !self.kinds.contains_key(kind) {
            self.kinds.insert(kind.to_owned(), Tally::default());
        }
        let Some(tally) = self.kinds.get_mut(kind) else { return };
        if is_record {
            tally.records = change(tally.records, 1);
        }
        for (lane, part) in tally.sum.iter_mut().zip(hash) {
            *lane = change(*lane, part);
        }
        if *tally == Tally::default() {
            self.kinds.remove(kind);
        }
    }

    /// The digest of the union of two disjoint sets.
    pub(super) fn union(mut self, other: Self) -> Self {
        for (kind, more) in other.kinds {
            let tally = self.kinds.entry(kind).or_default();
            tally.records = tally.records.wrapping_add(more.records);
            for (lane, part) in tally.sum.iter_mut().zip(more.sum) {
                *lane = lane.wrapping_add(part);
            }
        }
        self.kinds.retain(|_, tally| *tally != Tally::default());
        self
    }

    /// The number of records of a kind.
    pub(super) fn records(&self, kind: &str) -> u64 {
        self.kinds.get(kind).map_or(0, |tally| tally.records)
    }

    /// The number of records of each kind.
    pub(super) fn record_counts(&self) -> Vec<(String, u64)> {
        self.kinds.iter().map(|(kind, tally)| (kind.clone(), tally.records)).collect()
    }

    /// The kinds with entries.
    pub(super) fn kinds(&self) -> impl Iterator<Item = &str> {
        self.kinds.keys().map(String::as_str)
    }

    /// The bytes to store.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        for (kind, tally) in &self.kinds {
            layout::push(out, kind.as_bytes());
            out.extend_from_slice(&tally.records.to_be_bytes());
            for lane in tally.sum {
                out.extend_from_slice(&lane.to_be_bytes());
            }
        }
    }

    /// Takes the digest off the front of stored bytes: up to a kind without a name, or all of them.
    pub(super) fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let mut kinds = BTreeMap::new();
        while !bytes.is_empty() {
            let kind = str::from_utf8(layout::pull(bytes)?).ok()?.to_owned();
            if kind.is_empty() {
                break;
            }
            let mut tally = Tally { records: layout::number(bytes)?, sum: Sum::default() };
            for lane in &mut tally.sum {
                *lane = layout::number(bytes)?;
            }
            kinds.insert(kind, tally);
        }
        Some(Self { kinds })
    }

    /// How the entries `found` differ from those written, a phrase for each kind.
    pub(super) fn differences(&self, found: &Self) -> Vec<String> {
        let both = self.both(found).filter(|(_, written, there)| written != there);
        both.map(|(kind, written, there)| match written.records == there.records {
            true => format!("{kind}: {} records, some of them changed", there.records),
            false => format!("{kind}: {} of {} records", there.records, written.records),
        })
        .collect()
    }

    /// How the number of records `found` differs from those written, a phrase for each kind.
    pub(super) fn missing_records(&self, found: &Self) -> Vec<String> {
        let both = self.both(found).filter(|(_, written, there)| written.records != there.records);
        both.map(|(kind, written, there)| {
            format!("{kind}: {} of {} records", there.records, written.records)
        })
        .collect()
    }

    /// The kinds of this digest and of another one, with both tallies.
    fn both<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (&'a str, Tally, Tally)> {
        let tally = |digest: &Self, kind| digest.kinds.get(kind).copied().unwrap_or_default();
        let only_other = other.kinds.keys().filter(|kind| !self.kinds.contains_key(*kind));
        let kinds = self.kinds.keys().chain(only_other);
        kinds.map(move |kind| (kind.as_str(), tally(self, kind), tally(other, kind)))
    }
}

/// The hash of an entry; its place is in two parts.
fn hash(key: &StoreKey, [place, rest]: [&[u8]; 2], value: &[u8]) -> Sum {
    let mut hash = Sha256::new();
    hash.update(key.expose());
    hash.update(((place.len() + rest.len()) as u64).to_be_bytes());
    hash.update(place);
    hash.update(rest);
    hash.update(value);
    let bytes: [u8; 32] = hash.finalize().into();
    let mut sum = Sum::default();
    for (lane, part) in sum.iter_mut().zip(bytes.as_chunks().0) {
        *lane = u64::from_be_bytes(*part);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;
    use crate::conformance::kinds;

    const KEY: StoreKey = StoreKey::new([7; 32]);

    fn digest(entries: &[(&[u8], &[u8])]) -> Digest {
        let mut digest = Digest::default();
        for (place, value) in entries {
            digest.add(&KEY, place, value);
        }
        digest
    }

    #[test]
    fn i13_digests_of_different_entries_differ() {
        let (a, b) = (layout::record(kinds::USER, "a"), layout::record(kinds::USER, "b"));
        let index = layout::index(kinds::USER, &Key::new("group", "g"), "a");
        let whole: &[(&[u8], &[u8])] = &[(&a, b"1"), (&b, b"2"), (&index, b"")];
        let expected = digest(whole);
        assert_eq!(digest(&[whole[2], whole[0], whole[1]]), expected);
        assert_eq!(digest(&whole[..1]).union(digest(&whole[1..])), expected);
        for other in [
            digest(&whole[..2]),
            digest(&whole[1..]),
            digest(&[(&a, b"2"), (&b, b"1"), (&index, b"")]),
            digest(&[(&a, b"1"), (&b, b"2"), (&index, b""), (&index, b"")]),
        ] {
            assert_ne!(other, expected);
            assert_eq!(expected.differences(&other).len(), 1);
        }
        assert!(expected.differences(&expected).is_empty());
    }

    #[test]
    fn i13_a_removed_entry_leaves_no_trace() {
        let place = layout::record(kinds::GROUP, "a");
        let mut changed = digest(&[(&place, b"1")]);
        changed.remove(&KEY, &place, b"1");
        assert_eq!(changed, Digest::default());
    }

    #[test]
    fn differences_are_counted_in_records() {
        let places: Vec<_> =
            ["a", "b", "c"].map(|id| layout::record(kinds::ORGANIZATION, id)).into();
        let entries: Vec<_> =
            places.iter().map(|place| (place.as_slice(), b"".as_slice())).collect();
        let differences = digest(&entries).differences(&digest(&entries[..1]));
        assert_eq!(differences, ["organization: 1 of 3 records"]);
    }

    #[test]
    fn a_digest_is_read_back() {
        let place = layout::record(kinds::GROUP, "a");
        let mut bytes = Vec::new();
        digest(&[(&place, b"1")]).encode(&mut bytes);
        assert_eq!(Digest::decode(&mut &*bytes), Some(digest(&[(&place, b"1")])));
        for end in 1..bytes.len() {
            assert_eq!(Digest::decode(&mut &bytes[..end]), None, "{end}");
        }
    }
}
