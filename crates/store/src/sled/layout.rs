//! How records and keys are stored in the sled tree.
//!
//! | key | value |
//! |---|---|
//! | `h` | sequence number of the newest commit, digest of all entries below, newest appended records ([`super::head::Head`]) |
//! | `m` | format version, id of the secret key ([`super::head::Meta`]) |
//! | `r` kind, id | a record: version, document, its `u`, `i` and `o` keys; or several appended ones ([`super::appended`]) |
//! | `u` kind, field, value | id of the record that has the unique key |
//! | `i` kind, field, value, bound | ids of records with the index key, separated by NUL ([`super::blocks`]) |
//! | `c` kind, field, value | number of records with the index key, unless they are appended |
//! | `o` kind, field, value NUL id | nothing |
//!
//! All parts but the last are preceded by their length, so that no value can be confused with the
//! next part. The id or bound is last and has no length, so that entries are in order of id. The index
//! keys in a record end with its id. The value of an
//! `o` entry has no length either, so that these are in order of their values. Numbers are
//! big-endian. `c` and `o` entries came with format 2. Until format 3, there was an `i` entry for each
//! key of each record, with the id in place of the bound and without a value. Until format 4, there was
//! an `r` entry for each appended record.

use crate::{Key, KeyType, Kind, SnapshotKey, StoreError};

/// The bytes of a number, which precedes each part.
const LENGTH: usize = size_of::<u64>();
/// Room for most sled keys.
const ROOM: usize = 128;

/// What a sled key stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry<'a> {
    /// A record.
    Record {
        /// The kind's name.
        kind: &'a str,
        /// The id.
        id: &'a [u8],
    },
    /// A unique or ordered key, or a block of ids with an index key.
    Key {
        /// The kind's name.
        kind: &'a str,
    },
    /// The number of records with an index key.
    Count {
        /// The kind's name.
        kind: &'a str,
    },
}

impl<'a> Entry<'a> {
    /// What the sled key `place` stands for; `None` for the head, and for keys never written.
    pub(super) fn parse(place: &'a [u8]) -> Option<Self> {
        let (table, mut rest) = place.split_first()?;
        let kind = str::from_utf8(pull(&mut rest)?).ok()?;
        match table {
            b'r' => Some(Self::Record { kind, id: rest }),
            b'u' | b'i' | b'o' => Some(Self::Key { kind }),
            b'c' => Some(Self::Count { kind }),
            _ => None,
        }
    }
}

/// The parts of a unique, index or ordered key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ParsedKey<'a> {
    /// The kind's name.
    pub(super) kind: &'a str,
    /// The name of the key.
    pub(super) field: &'a str,
    /// The value.
    pub(super) value: &'a str,
    /// The record that it belongs to.
    pub(super) id: &'a str,
}

/// Parses a unique or ordered key, or an index key as it is in a record, with the value that is
/// stored under it.
pub(super) fn parse_key<'a>(place: &'a [u8], stored: &'a [u8]) -> Option<ParsedKey<'a>> {
    let (table, mut rest) = place.split_first()?;
    let mut part = || str::from_utf8(pull(&mut rest)?).ok();
    let (kind, field) = (part()?, part()?);
    if *table == b'o' {
        let (value, id) = str::from_utf8(rest).ok()?.split_once('\0')?;
        return Some(ParsedKey { kind, field, value, id });
    }
    let value = part()?;
    let id = if *table == b'u' { stored } else { rest };
    Some(ParsedKey { kind, field, value, id: str::from_utf8(id).ok()? })
}

/// The value that is stored under a unique, index or ordered key of the record `id`.
pub(super) fn key_value<'a>(place: &[u8], id: &'a [u8]) -> &'a [u8] {
    if place.starts_with(b"u") { id } else { &[] }
}

/// A decoded record.
#[derive(Debug)]
pub(super) struct Stored<'a> {
    /// The record's version.
    pub(super) version: u64,
    /// The document.
    pub(super) doc: &'a [u8],
    /// The sled keys of its unique, index and ordered entries, which are removed with it.
    pub(super) keys: Vec<&'a [u8]>,
}

impl<'a> Stored<'a> {
    /// The bytes to store.
    pub(super) fn encode(&self) -> Vec<u8> {
        let keys: usize = self.keys.iter().map(|key| LENGTH + key.len()).sum();
        let mut out = Vec::with_capacity(2 * LENGTH + self.doc.len() + keys);
        out.extend_from_slice(&self.version.to_be_bytes());
        push(&mut out, self.doc);
        for key in &self.keys {
            push(&mut out, key);
        }
        out
    }

    /// The record from its stored bytes.
    pub(super) fn decode(kind: Kind, id: &str, bytes: &'a [u8]) -> Result<Self, StoreError> {
        Self::parse(bytes).ok_or_else(|| damaged(kind, id, "it is cut short"))
    }

    /// The record from its stored bytes; `None` if they end too early, or are a block of records.
    pub(super) fn parse(mut bytes: &'a [u8]) -> Option<Self> {
        let version = number(&mut bytes).filter(|version| *version > 0)?;
        let doc = pull(&mut bytes)?;
        let mut keys = Vec::new();
        while !bytes.is_empty() {
            keys.push(pull(&mut bytes)?);
        }
        Some(Self { version, doc, keys })
    }
}

/// The key of a record.
pub(super) fn record(kind: Kind, id: &str) -> Vec<u8> {
    let mut out = records(kind.name());
    out.extend_from_slice(id.as_bytes());
    out
}

/// The prefix of the keys of all records of a kind.
pub(super) fn records(kind: &str) -> Vec<u8> {
    start(b'r', kind)
}

/// Keys that divide the entries of a kind into parts of similar size. Most ids are random letters
/// and digits.
pub(super) fn starts(kind: &str) -> impl Iterator<Item = Vec<u8>> {
    let tables = b"ciou".iter().map(move |table| start(*table, kind));
    let ids = [None].into_iter().chain(b"48cgkosw".iter().map(Some));
    tables.chain(ids.map(move |first| records(kind).into_iter().chain(first.copied()).collect()))
}

/// A key of a record, as it is stored in the record.
pub(super) fn key_place(kind: &str, id: &str, key: &SnapshotKey<'_>) -> Vec<u8> {
    let table = match key.key_type {
        KeyType::Unique => b'u',
        KeyType::Index => b'i',
        KeyType::Ordered => b'o',
    };
    let mut out = start(table, kind);
    push(&mut out, key.field.as_bytes());
    match key.key_type {
        KeyType::Unique => push(&mut out, key.value.as_bytes()),
        KeyType::Index => {
            push(&mut out, key.value.as_bytes());
            out.extend_from_slice(id.as_bytes());
        }
        KeyType::Ordered => {
            out.extend_from_slice(key.value.as_bytes());
            out.push(0);
            out.extend_from_slice(id.as_bytes());
        }
    }
    out
}

/// The key of a unique entry.
pub(super) fn unique(kind: Kind, key: &Key) -> Vec<u8> {
    field(b'u', kind, key)
}

/// An index key of a record, as it is stored in the record.
pub(super) fn index(kind: Kind, key: &Key, id: &str) -> Vec<u8> {
    let mut out = indexed(kind, key);
    out.extend_from_slice(id.as_bytes());
    out
}

/// The prefix of an index key: all but the id.
pub(super) fn indexed(kind: Kind, key: &Key) -> Vec<u8> {
    field(b'i', kind, key)
}

/// The key of an ordered entry.
pub(super) fn ordered(kind: Kind, key: &Key, id: &str) -> Vec<u8> {
    let mut out = ordered_from(kind, key);
    out.push(0);
    out.extend_from_slice(id.as_bytes());
    out
}

/// The prefix of all ordered entries with values that begin like this.
pub(super) fn ordered_from(kind: Kind, key: &Key) -> Vec<u8> {
    let mut out = ordered_field(kind, key.name);
    out.extend_from_slice(key.value.as_bytes());
    out
}

/// The prefix of all ordered entries with this name. The value and the id follow.
pub(super) fn ordered_field(kind: Kind, name: &str) -> Vec<u8> {
    let mut out = start(b'o', kind.name());
    push(&mut out, name.as_bytes());
    out
}

/// The prefix of an index key and the id; `None` for other keys.
pub(super) fn index_parts(place: &[u8]) -> Option<(&[u8], &[u8])> {
    let (b'i', mut rest) = place.split_first()? else { return None };
    for _ in 0..3 {
        pull(&mut rest)?;
    }
    place.split_at_checked(place.len() - rest.len())
}

/// The key of the number of records that have the same index key; `None` for other keys.
pub(super) fn count_of(place: &[u8]) -> Option<Vec<u8>> {
    counted(index_parts(place)?.0)
}

/// The key of the number of records with the index key that has this prefix ([`indexed`]).
pub(super) fn counted(indexed: &[u8]) -> Option<Vec<u8>> {
    let (_, parts) = indexed.split_first()?;
    Some([b"c", parts].concat())
}

/// The value of an ordered entry and the id of its record, from what follows [`ordered_field`].
pub(super) fn value_and_id(rest: &[u8]) -> Option<(&str, &str)> {
    str::from_utf8(rest).ok()?.split_once('\0')
}

/// The id that is stored as these bytes.
pub(super) fn text(kind: Kind, bytes: &[u8]) -> Result<&str, StoreError> {
    str::from_utf8(bytes)
        .map_err(|error| damaged(kind, &String::from_utf8_lossy(bytes), &error.to_string()))
}

fn start(table: u8, kind: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(ROOM);
    out.push(table);
    push(&mut out, kind.as_bytes());
    out
}

fn field(table: u8, kind: Kind, key: &Key) -> Vec<u8> {
    let mut out = start(table, kind.name());
    push(&mut out, key.name.as_bytes());
    push(&mut out, key.value.as_bytes());
    out
}

/// Appends a part with its length.
pub(super) fn push(out: &mut Vec<u8>, part: &[u8]) {
    out.extend_from_slice(&(part.len() as u64).to_be_bytes());
    out.extend_from_slice(part);
}

/// Takes a number off the front.
pub(super) fn number(bytes: &mut &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*bytes.split_off(..size_of::<u64>())?.first_chunk()?))
}

/// Takes a part with its length off the front.
pub(super) fn pull<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = number(bytes)?;
    bytes.split_off(..usize::try_from(length).ok()?)
}

fn damaged(kind: Kind, id: &str, cause: &str) -> StoreError {
    StoreError::Damaged { kind, id: id.to_owned(), cause: cause.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::kinds;

    #[test]
    fn a_record_cut_short_is_damaged() {
        let keys: Vec<&[u8]> = vec![b"u1", b"", b"i\0\xff"];
        let whole = Stored { version: 7, doc: b"{}", keys: keys.clone() }.encode();
        let decoded = Stored::decode(kinds::USER, "a", &whole).unwrap();
        assert_eq!((decoded.version, decoded.doc, decoded.keys), (7, b"{}".as_slice(), keys));

        // Cut between two keys, it is a valid record with fewer keys. Sled's checksums and the digest
        // detect that.
        let ends = [8 + 8 + 2, 8 + 8 + 2 + 8 + 2, 8 + 8 + 2 + 8 + 2 + 8];
        for end in (0..whole.len()).filter(|end| !ends.contains(end)) {
            let cut = Stored::decode(kinds::USER, "a", &whole[..end]);
            assert!(matches!(cut, Err(StoreError::Damaged { .. })), "cut at {end}");
        }
    }

    #[test]
    fn values_and_ids_are_not_confused() {
        let one = index(kinds::USER, &Key::new("group", "a"), "bc");
        let other = index(kinds::USER, &Key::new("group", "ab"), "c");
        assert_ne!(one, other);
        assert!(!other.starts_with(&indexed(kinds::USER, &Key::new("group", "a"))));
    }
}
