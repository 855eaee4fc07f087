//! What is whole in a damaged store, written to a new one.
//!
//! The damaged store is read without sled, which would overwrite some of it, and fails or loops on
//! some damage. Nothing is written to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::ops::Bound;
use std::path::Path;

use super::appended;
use super::blocks;
use super::error::OpenError;
use super::folder::{self, Filling, Folder};
use super::head::{FORMAT, HEAD, Head, META, Meta};
use super::layout::{self, Entry};
use super::log::Log;
use super::log::node::{Content, RawNode};
use super::log::table::PageTable;
use super::target::Target;
use crate::{StoreError, StoreKey};

/// What was found in a damaged store.
#[derive(Debug, Default)]
pub struct Rescued {
    /// The number of records written to the new store, by kind.
    pub records: Vec<(String, u64)>,
    /// What is known to be missing, a line each.
    pub missing: Vec<String>,
}

/// Writes every record that is whole in the store `from` to a new store `to`.
pub(super) fn rescue(from: &Path, key: &StoreKey, to: &Path) -> Result<Rescued, OpenError> {
    let folder = Folder::lock(from)?;
    let fault = |error: io::Error| folder.error(&error);
    let answered = folder::last_answered(from).map_err(fault)?;
    let (source, mut missing) = Source::open(from).map_err(fault)?;
    let used = fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some());
    if used {
        return Err(OpenError::NotEmpty { path: to.to_owned() });
    }
    let mut target = Target::create(to, key, Filling::Started)?;
    let (mut head, mut format, mut appended) = (None, FORMAT, BTreeSet::new());
    source.entries(|place, value| {
        if place == HEAD {
            head = Head::decode(value);
        }
        if place == META {
            format = Meta::decode(value).map_or(format, |meta| meta.format);
        }
        let Some(Entry::Record { kind, id }) = Entry::parse(place) else { return Ok(()) };
        if appended::is_block(value) && !appended.contains(kind) {
            appended.insert(kind.to_owned());
        }
        let prefix = layout::records(kind);
        for (id, stored) in appended::records(id, value) {
            missing.extend(target.put(&[&*prefix, id].concat(), stored)?);
        }
        Ok(())
    })?;
    target.write()?;
    if let Some(head) = &head {
        missing.extend(put_waiting(&mut target, head)?);
        appended.extend(head.waiting.kinds().map(str::to_owned));
    }
    for kind in &appended {
        target.leave_unindexed(kind)?;
    }
    missing.extend(missing_records(&source, &target)?);
    target.count()?;
    if let Some(head) = &head {
        let found = &target.head.digest;
        missing.extend(match format {
            FORMAT => head.digest.differences(found),
            // The index keys of other formats are stored differently.
            _ => head.digest.missing_records(found),
        });
    } else {
        missing.push("it is not known how many records there should be".to_owned());
    }
    let (last, answered) = (head.map_or(0, |head| head.sequence), answered.unwrap_or(0));
    if last < answered {
        missing.push(format!(
            "the last readable commit is {last} of {answered}; later changes may be there in part"
        ));
    }
    let records = std::mem::take(&mut target.records).into_iter().collect();
    // Later than anything that was answered, so that the new store can replace the old one.
    target.close(last.max(answered) + 1)?;
    target.finish()?;
    Ok(Rescued { records, missing })
}

/// The damaged store.
struct Source {
    log: Log,
    table: PageTable,
}

impl Source {
    /// Opens the store in this folder. Returns a line for each damaged part of its files, too.
    fn open(folder: &Path) -> io::Result<(Self, Vec<String>)> {
        let log = Log::open(folder)?;
        let (table, damaged) = PageTable::salvage(&log)?;
        if table.newest_first().is_empty() {
            return Err(io::Error::other("nothing of the store can be read"));
        }
        Ok((Self { log, table }, damaged))
    }

    /// Passes every entry on. Where two pages cover the same keys, the newer one counts: the other
    /// was left behind when a page was divided, or comes from before something that was lost.
    fn entries(
        &self,
        mut pass_on: impl FnMut(&[u8], &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let (mut covered, mut place) = (Covered::default(), Vec::new());
        for page in self.table.newest_first() {
            let Some(raw) = RawNode::read(&self.log, &self.table, page) else { continue };
            let Some(node) = raw.parse() else { continue };
            let Content::Leaf(entries) = &node.content else { continue };
            for (rest, value) in entries {
                node.key(rest, &mut place);
                if !covered.contains(&place) {
                    pass_on(&place, value)?;
                }
            }
            covered.add(node.lo, node.hi);
        }
        Ok(())
    }
}

/// A set of keys: ranges that do not overlap, by their starts. An empty end is the end of all.
#[derive(Debug, Default)]
struct Covered(BTreeMap<Vec<u8>, Vec<u8>>);

impl Covered {
    fn contains(&self, key: &[u8]) -> bool {
        let before = self.0.range::<[u8], _>((Bound::Unbounded, Bound::Included(key))).next_back();
        before.is_some_and(|(_, end)| end.is_empty() || key < end.as_slice())
    }

    fn add(&mut self, start: &[u8], end: &[u8]) {
        if !end.is_empty() && end <= start {
            return;
        }
        let (mut start, mut end) = (start.to_vec(), end.to_vec());
        let reaches = |end: &[u8], key: &[u8]| end.is_empty() || end >= key;
        loop {
            // The last range that begins before this one ends.
            let overlapping = match end.is_empty() {
                true => self.0.range(start.clone()..).next_back(),
                false => self.0.range(start.clone()..=end.clone()).next_back(),
            };
            let before = self.0.range(..start.clone()).next_back();
            let before = before.filter(|(_, its_end)| reaches(its_end, &start));
            let Some((its_start, its_end)) = overlapping.or(before) else { break };
            let (its_start, its_end) = (its_start.clone(), its_end.clone());
            self.0.remove(&its_start);
            start = start.min(its_start);
            if its_end.is_empty() || (!end.is_empty() && its_end > end) {
                end = its_end;
            }
        }
        self.0.insert(start, end);
    }
}

/// Writes the appended records that are in the head of the damaged store. It may be an older one, so
/// that they are in blocks, too.
fn put_waiting(target: &mut Target, head: &Head) -> Result<Vec<String>, StoreError> {
    let mut missing = Vec::new();
    for (place, stored) in head.waiting.entries() {
        if !target.has(&place)? {
            missing.extend(target.put(&place, stored)?);
        }
    }
    target.write()?;
    Ok(missing)
}

/// A line for each record that is missing from the new store while keys that lead to it are left.
fn missing_records(source: &Source, target: &Target) -> Result<Vec<String>, StoreError> {
    let mut missing: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    source.entries(|place, value| {
        let Some(Entry::Key { .. }) = Entry::parse(place) else { return Ok(()) };
        for (place, value) in keys(place, value) {
            if let Some(key) = layout::parse_key(&place, value)
                && !target.contains(key.kind, key.id)?
            {
                let record = (key.kind.to_owned(), key.id.to_owned());
                missing.entry(record).or_default().insert(format!("{} `{}`", key.field, key.value));
            }
        }
        Ok(())
    })?;
    let lines = missing.into_iter().map(|((kind, id), keys)| {
        let keys: Vec<_> = keys.into_iter().collect();
        format!("{kind} `{id}` ({})", keys.join(", "))
    });
    Ok(lines.collect())
}

/// The keys in an entry: one, or one for each id of a block.
fn keys<'a>(place: &[u8], value: &'a [u8]) -> Vec<(Vec<u8>, &'a [u8])> {
    match layout::index_parts(place) {
        Some((prefix, _)) if !value.is_empty() => {
            blocks::ids(value).map(|id| ([prefix, id].concat(), &[] as &[u8])).collect()
        }
        _ => vec![(place.to_vec(), value)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_keys_add_up() {
        let mut covered = Covered::default();
        let mut keys = |start: &str, end: &str| {
            covered.add(start.as_bytes(), end.as_bytes());
            let keys = ('a'..='z').filter(|key| covered.contains(key.to_string().as_bytes()));
            (keys.collect::<String>(), covered.0.len())
        };
        assert_eq!(keys("f", "h"), ("fg".to_owned(), 1));
        assert_eq!(keys("c", "d"), ("cfg".to_owned(), 2));
        assert_eq!(keys("h", "i"), ("cfgh".to_owned(), 2));
        assert_eq!(keys("b", "g"), ("bcdefgh".to_owned(), 1));
        assert_eq!(keys("x", ""), ("bcdefghxyz".to_owned(), 2));
        assert_eq!(keys("w", "y"), ("bcdefghwxyz".to_owned(), 2));
        assert_eq!(keys("", "b"), ("abcdefghwxyz".to_owned(), 2));
        assert_eq!(keys("", ""), (('a'..='z').collect(), 1));
    }
}
