//! Appended records, several in one sled entry.
//!
//! What an entry costs hardly depends on its size: its page is copied, linked and from time to time
//! divided. So the newest records of a kind wait in the head, which each commit writes anyway
//! ([`Waiting`]). Once they are [`FULL`] bytes together, they become one entry, a block, at the place
//! of the first of them.
//!
//! A block begins with eight zero bytes, where a single record has its version, which is never 0. The
//! id and the stored bytes of each record follow, each with its length, in order of ids. Stores from
//! before format 4 have an entry for each record. These stay as they are.
//!
//! The digest counts records, wherever they are, so it does not change when they get into a block.

use std::collections::BTreeMap;

use super::layout::{self, pull, push};
use crate::Kind;

/// What a block begins with.
const BLOCK: [u8; 8] = [0; 8];

/// Bytes of records that become a block. With more, each commit writes more into the head; with fewer,
/// there are more entries.
const FULL: usize = 4096;

/// A record: its id and its stored bytes.
pub(super) type IdAndBytes<'a> = (&'a [u8], &'a [u8]);

/// The records in the entry whose place ends with `id`, in order. A block that is not whole is passed
/// on like a single record: its bytes are not those of one.
pub(super) fn records<'a>(
    id: &'a [u8],
    value: &'a [u8],
) -> impl DoubleEndedIterator<Item = IdAndBytes<'a>> {
    let whole = |records: &Vec<IdAndBytes<'a>>| records.first().is_some_and(|first| first.0 == id);
    let block = parse(value).filter(whole);
    let single = block.is_none().then_some((id, value));
    single.into_iter().chain(block.unwrap_or_default())
}

/// Whether this is a block, whole or not.
pub(super) fn is_block(value: &[u8]) -> bool {
    value.starts_with(&BLOCK)
}

/// The records of a block; `None` if this is not a whole one.
fn parse(value: &[u8]) -> Option<Vec<IdAndBytes<'_>>> {
    let mut rest = value.strip_prefix(&BLOCK)?;
    let mut records: Vec<IdAndBytes<'_>> = Vec::new();
    while !rest.is_empty() {
        let record = (pull(&mut rest)?, pull(&mut rest)?);
        if records.last().is_some_and(|last| last.0 >= record.0) {
            return None;
        }
        records.push(record);
    }
    Some(records)
}

/// A block of these records, with the id of the first; `None` without any.
fn block<'a>(records: impl IntoIterator<Item = IdAndBytes<'a>>) -> Option<(&'a [u8], Vec<u8>)> {
    let (mut first, mut block) = (None, BLOCK.to_vec());
    for (id, stored) in records {
        first = first.or(Some(id));
        push(&mut block, id);
        push(&mut block, stored);
    }
    Some((first?, block))
}

/// The entry of these records, with the id of the first: of one its stored bytes, of several a block.
pub(super) fn entry<'a>(
    records: impl IntoIterator<Item = IdAndBytes<'a>>,
) -> Option<(&'a [u8], Vec<u8>)> {
    let mut records = records.into_iter().peekable();
    let first = records.next()?;
    match records.peek() {
        None => Some((first.0, first.1.to_vec())),
        Some(_) => block([first].into_iter().chain(records)),
    }
}

/// The entries of a kind that may have records from the id `from` on, in order.
pub(super) fn entries_from(
    tree: &sled::Tree,
    kind: Kind,
    from: &[u8],
) -> sled::Result<impl Iterator<Item = sled::Result<(sled::IVec, sled::IVec)>>> {
    let prefix = layout::records(kind.name());
    let start = match kind.is_appended() {
        true => entry_of(tree, kind, from)?.map(|(place, _)| place.to_vec()),
        false => None,
    };
    let start = start.unwrap_or_else(|| [prefix.as_slice(), from].concat());
    let of_kind = move |entry: &sled::Result<(sled::IVec, sled::IVec)>| {
        entry.as_ref().map_or(true, |(place, _)| place.starts_with(&prefix))
    };
    Ok(tree.range(start..).take_while(of_kind))
}

/// The entry that has the record, if any has. Appended records may be in a block before its place.
pub(super) fn entry_of(
    tree: &sled::Tree,
    kind: Kind,
    id: &[u8],
) -> sled::Result<Option<(sled::IVec, sled::IVec)>> {
    let prefix = layout::records(kind.name());
    let place = [prefix.as_slice(), id].concat();
    if kind.is_appended() {
        return tree.range(prefix..=place).next_back().transpose();
    }
    let value = tree.get(&place)?;
    Ok(value.map(|value| (place.into(), value)))
}

/// The stored bytes of a record that is in an entry.
pub(super) fn stored(tree: &sled::Tree, kind: Kind, id: &str) -> sled::Result<Option<sled::IVec>> {
    if !kind.is_appended() {
        return tree.get(layout::record(kind, id));
    }
    let Some((place, value)) = entry_of(tree, kind, id.as_bytes())? else { return Ok(None) };
    let start = layout::records(kind.name()).len();
    let mut records = records(place.get(start..).unwrap_or_default(), &value);
    Ok(records.find_map(|(its, stored)| (its == id.as_bytes()).then(|| stored.into())))
}

/// The last id of a kind in an entry.
pub(super) fn last_id(tree: &sled::Tree, kind: Kind) -> sled::Result<Option<Vec<u8>>> {
    let prefix = layout::records(kind.name());
    let last = tree.scan_prefix(&prefix).next_back().transpose()?;
    let last = last.and_then(|(place, value)| {
        let (id, _) = records(place.get(prefix.len()..)?, &value).next_back()?;
        Some(id.to_vec())
    });
    Ok(last)
}

/// The newest appended records of each kind, which are in the head.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Waiting {
    /// Blocks that are not full, none of them empty, by kind.
    kinds: BTreeMap<String, Vec<u8>>,
}

impl Waiting {
    /// Adds a record. Returns the place and the block that it completes, if it does.
    pub(super) fn push(
        &mut self,
        kind: &str,
        id: &[u8],
        stored: &[u8],
    ) -> Option<(Vec<u8>, Vec<u8>)> {
        if !self.kinds.contains_key(kind) {
            let mut block = Vec::with_capacity(FULL);
            block.extend_from_slice(&BLOCK);
            self.kinds.insert(kind.to_owned(), block);
        }
        let block = self.kinds.get_mut(kind)?;
        push(block, id);
        push(block, stored);
        if block.len() < FULL {
            return None;
        }
        self.take(kind)
    }

    /// Removes the records of a kind. Returns them as a block, with its place.
    pub(super) fn take(&mut self, kind: &str) -> Option<(Vec<u8>, Vec<u8>)> {
        let block = self.kinds.remove(kind)?;
        let (first, _) = *parse(&block)?.first()?;
        let place = [&*layout::records(kind), first].concat();
        Some((place, block))
    }

    /// Removes a record. Returns its stored bytes, if it was there.
    pub(super) fn remove(&mut self, kind: &str, id: &[u8]) -> Option<Vec<u8>> {
        let records = self.of(kind);
        let (_, stored) = *records.iter().find(|(its, _)| *its == id)?;
        let stored = stored.to_vec();
        let rest = block(records.into_iter().filter(|(its, _)| *its != id));
        match rest.map(|(_, rest)| rest) {
            Some(rest) => self.kinds.insert(kind.to_owned(), rest),
            None => self.kinds.remove(kind),
        };
        Some(stored)
    }

    /// The records of a kind, in order of ids.
    pub(super) fn of(&self, kind: &str) -> Vec<IdAndBytes<'_>> {
        self.kinds.get(kind).and_then(|block| parse(block)).unwrap_or_default()
    }

    /// The kinds that have records here.
    pub(super) fn kinds(&self) -> impl Iterator<Item = &str> {
        self.kinds.keys().map(String::as_str)
    }

    /// The places of all records and their stored bytes.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Vec<u8>, &[u8])> {
        self.kinds().flat_map(|kind| {
            let prefix = layout::records(kind);
            let place = move |id: &[u8]| [&*prefix, id].concat();
            self.of(kind).into_iter().map(move |(id, stored)| (place(id), stored))
        })
    }

    /// The bytes to store.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        for (kind, block) in &self.kinds {
            push(out, kind.as_bytes());
            push(out, block);
        }
    }

    /// The records from their stored bytes.
    pub(super) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut kinds = BTreeMap::new();
        while !bytes.is_empty() {
            let kind = str::from_utf8(pull(&mut bytes)?).ok()?.to_owned();
            let block = pull(&mut bytes)?;
            parse(block).filter(|records| !records.is_empty())?;
            kinds.insert(kind, block.to_vec());
        }
        Some(Self { kinds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SINGLE: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 1, 7];

    fn ids<'a>(found: impl Iterator<Item = IdAndBytes<'a>>) -> Vec<&'a [u8]> {
        found.map(|(id, _)| id).collect()
    }

    #[test]
    fn i13_a_block_that_is_not_whole_is_no_block() {
        let (first, whole) = block([(&b"01"[..], SINGLE), (b"02", SINGLE)]).unwrap();
        assert_eq!(first, b"01");
        assert_eq!(ids(records(b"01", &whole)), [b"01", b"02"]);
        for end in BLOCK.len()..whole.len() {
            let cut = &whole[..end];
            // Cut between two records, it is a block with fewer. The digest detects that.
            let expected = if end == BLOCK.len() + 8 + 2 + 8 + SINGLE.len() { SINGLE } else { cut };
            assert_eq!(records(b"01", cut).collect::<Vec<_>>(), [(&b"01"[..], expected)], "{end}");
            assert!(layout::Stored::parse(cut).is_none(), "{end}");
        }
        assert_eq!(ids(records(b"02", &whole)), [b"02"], "it is at another place");
        let (_, unordered) = block([(&b"02"[..], SINGLE), (b"01", SINGLE)]).unwrap();
        assert_eq!(records(b"02", &unordered).count(), 1);
        assert_eq!(records(b"03", SINGLE).collect::<Vec<_>>(), [(&b"03"[..], SINGLE)]);
    }

    #[test]
    fn records_wait_until_a_block_is_full() {
        let mut waiting = Waiting::default();
        let stored = [1; FULL / 3];
        assert_eq!(waiting.push("entry", b"7", &stored), None);
        assert_eq!(waiting.push("other", b"1", SINGLE), None);
        assert_eq!(waiting.push("entry", b"8", &stored), None);
        assert_eq!(waiting.remove("entry", b"7").as_deref(), Some(&stored[..]));
        assert_eq!(waiting.remove("entry", b"7"), None);
        assert_eq!(waiting.push("entry", b"9", &stored), None);
        let mut bytes = Vec::new();
        waiting.encode(&mut bytes);
        assert_eq!(Waiting::decode(&bytes), Some(waiting.clone()));
        assert_eq!(Waiting::decode(&bytes[..bytes.len() - 1]), None);
        let (place, full) = waiting.push("entry", b"a", &stored).unwrap();
        assert_eq!(place, [&*layout::records("entry"), b"8"].concat());
        assert_eq!(ids(records(b"8", &full)), [b"8", b"9", b"a"]);
        assert_eq!(waiting.kinds().collect::<Vec<_>>(), ["other"]);
        assert!(waiting.remove("other", b"1").is_some());
        assert_eq!(waiting, Waiting::default());
    }
}
