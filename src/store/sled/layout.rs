//! How records and keys look in the sled tree.
//!
//! | key | value |
//! |---|---|
//! | `h` | sequence of the newest commit |
//! | `r` kind, id | a record: version, document, its `u` and `i` keys |
//! | `u` kind, field, value | id of the record that has the unique key |
//! | `i` kind, field, value, id | nothing |
//!
//! All parts but the last carry their length, so that no value can run into the next part,
//! whatever bytes it holds; the id is last and bare, so that entries are in order of id. Numbers
//! are big-endian.

use crate::store::{Key, Kind, StoreError};

/// Where the sequence of the newest commit is kept.
pub(super) const HEAD: &[u8] = b"h";

/// A decoded record.
#[derive(Debug)]
pub(super) struct Stored<'a> {
    /// The record's version.
    pub(super) version: u64,
    /// The document.
    pub(super) doc: &'a [u8],
    /// The sled keys of its unique and index entries, to remove with it.
    pub(super) keys: Vec<&'a [u8]>,
}

impl<'a> Stored<'a> {
    /// The bytes to store.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = self.version.to_be_bytes().to_vec();
        push(&mut out, self.doc);
        for key in &self.keys {
            push(&mut out, key);
        }
        out
    }

    /// The record from its stored bytes.
    pub(super) fn decode(kind: Kind, id: &str, bytes: &'a [u8]) -> Result<Self, StoreError> {
        Self::parse(bytes).ok_or_else(|| damaged(kind, id, "it ends too early"))
    }

    fn parse(mut bytes: &'a [u8]) -> Option<Self> {
        let version = u64::from_be_bytes(*bytes.split_off(..size_of::<u64>())?.first_chunk()?);
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
    let mut out = records(kind);
    out.extend_from_slice(id.as_bytes());
    out
}

/// What the keys of all records of a kind begin with.
pub(super) fn records(kind: Kind) -> Vec<u8> {
    start(b'r', kind)
}

/// The key of a unique entry.
pub(super) fn unique(kind: Kind, key: &Key) -> Vec<u8> {
    field(b'u', kind, key)
}

/// The key of an index entry.
pub(super) fn index(kind: Kind, key: &Key, id: &str) -> Vec<u8> {
    let mut out = indexed(kind, key);
    out.extend_from_slice(id.as_bytes());
    out
}

/// What the keys of all index entries for a key begin with.
pub(super) fn indexed(kind: Kind, key: &Key) -> Vec<u8> {
    field(b'i', kind, key)
}

/// An id from the bytes it is stored as.
pub(super) fn text(kind: Kind, bytes: &[u8]) -> Result<&str, StoreError> {
    str::from_utf8(bytes)
        .map_err(|error| damaged(kind, &String::from_utf8_lossy(bytes), &error.to_string()))
}

/// The sequence of the newest commit; `None` if what is stored is no sequence.
pub(super) fn decode_head(stored: Option<&[u8]>) -> Option<u64> {
    stored.map_or(Some(0), |bytes| Some(u64::from_be_bytes(bytes.try_into().ok()?)))
}

fn start(table: u8, kind: Kind) -> Vec<u8> {
    let mut out = vec![table];
    push(&mut out, kind.name().as_bytes());
    out
}

fn field(table: u8, kind: Kind, key: &Key) -> Vec<u8> {
    let mut out = start(table, kind);
    push(&mut out, key.name.as_bytes());
    push(&mut out, key.value.as_bytes());
    out
}

fn push(out: &mut Vec<u8>, part: &[u8]) {
    out.extend_from_slice(&(part.len() as u64).to_be_bytes());
    out.extend_from_slice(part);
}

fn pull<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u64::from_be_bytes(*bytes.split_off(..size_of::<u64>())?.first_chunk()?);
    bytes.split_off(..usize::try_from(length).ok()?)
}

fn damaged(kind: Kind, id: &str, cause: &str) -> StoreError {
    StoreError::Damaged { kind, id: id.to_owned(), cause: cause.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_cut_short_anywhere_is_damaged_and_whole_it_is_not() {
        let keys: Vec<&[u8]> = vec![b"u1", b"", b"i\0\xff"];
        let whole = Stored { version: 7, doc: b"{}", keys: keys.clone() }.encode();
        let decoded = Stored::decode(Kind::User, "a", &whole).unwrap();
        assert_eq!((decoded.version, decoded.doc, decoded.keys), (7, b"{}".as_slice(), keys));

        // Cut between two keys, it would be a whole record with fewer of them; those are the only
        // other places where it may end, and sled's checksums guard against that.
        let ends = [8 + 8 + 2, 8 + 8 + 2 + 8 + 2, 8 + 8 + 2 + 8 + 2 + 8];
        for end in (0..whole.len()).filter(|end| !ends.contains(end)) {
            let cut = Stored::decode(Kind::User, "a", &whole[..end]);
            assert!(matches!(cut, Err(StoreError::Damaged { .. })), "cut at {end}");
        }
    }

    #[test]
    fn no_value_runs_into_the_id_that_follows_it() {
        let one = index(Kind::User, &Key::new("group", "a"), "bc");
        let other = index(Kind::User, &Key::new("group", "ab"), "c");
        assert_ne!(one, other);
        assert!(!other.starts_with(&indexed(Kind::User, &Key::new("group", "a"))));
    }
}
