//! Which messages make up each page.
//!
//! [`PageTable::recover`] finds what sled finds when it opens the database: it starts with sled's
//! last snapshot of the table and applies the messages after it, up to where the log ends. Where
//! sled would pass over damage this gives up. [`PageTable::salvage`] takes whatever is whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use super::{
    Kind, LONGEST_MESSAGE_HEADER, Log, Message, Place, SEGMENT, SEGMENT_BYTES, SEGMENT_HEADER,
    salvage, take_lsn, take_number,
};
use crate::sled::files;
use crate::sled::parallel::in_parallel;

/// Segments whose messages are in memory at the same time.
const AT_ONCE: usize = 64;

/// The messages that make up each page.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::sled) struct PageTable(Vec<Page>);

/// The messages that make up a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sled) enum Page {
    /// There is no message.
    Unknown,
    /// The page is free, and by which message: log sequence number and position.
    Free(u64, u64),
    /// The page is in use.
    InUse {
        /// Its content.
        base: Place,
        /// The changes since, oldest first.
        links: Vec<Place>,
    },
}

/// A message that changes the table.
#[derive(Debug, Clone, Copy)]
struct Entry {
    kind: Kind,
    page: u64,
    place: Place,
    /// For a batch, the log sequence number that it ends with.
    batch_end: Option<u64>,
}

/// The messages of a segment, up to the first one that is not whole.
#[derive(Debug)]
struct Walk {
    entries: Vec<Entry>,
    /// The log sequence number at which it stopped.
    end: u64,
    stop: Stop,
}

/// Why no further message of a segment was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// The segment has no more.
    Complete,
    /// What follows is not a whole message.
    Damaged,
    /// The file ends before the segment does.
    EndOfFile,
}

impl Entry {
    fn new(message: &Message<'_>, place: Place) -> Self {
        let batch_end = (message.kind == Kind::Batch).then(|| message.number().unwrap_or_default());
        Self { kind: message.kind, page: message.page, place, batch_end }
    }
}

impl Walk {
    fn of(segment: &[u8], start: u64, lsn: u64) -> Self {
        let number = Some(lsn / SEGMENT_BYTES);
        let (mut entries, mut at) = (Vec::new(), SEGMENT_HEADER);
        let stop = loop {
            if SEGMENT - at < LONGEST_MESSAGE_HEADER {
                break Stop::Complete;
            }
            let message = segment.get(at..).and_then(|bytes| Message::parse(bytes, number));
            let Some(message) = message else {
                break if segment.len() < SEGMENT { Stop::EndOfFile } else { Stop::Damaged };
            };
            if message.kind == Kind::Cap {
                break Stop::Complete;
            }
            let place = message.place(start + at as u64, lsn + at as u64);
            entries.push(Entry::new(&message, place));
            at += message.length;
        };
        Self { entries, end: lsn + at as u64, stop }
    }
}

impl PageTable {
    /// The page's messages.
    pub(in crate::sled) fn get(&self, page: u64) -> Option<&Page> {
        self.0.get(usize::try_from(page).ok()?)
    }

    /// The pages that are in use, those with the newest content first.
    pub(in crate::sled) fn newest_first(&self) -> Vec<u64> {
        let base = |page: &Page| match page {
            Page::InUse { base, .. } => Some(base.lsn),
            Page::Unknown | Page::Free(..) => None,
        };
        let pages = self.0.iter().zip(0..);
        let mut pages: Vec<_> = pages.filter_map(|(page, id)| Some((base(page)?, id))).collect();
        pages.sort_unstable_by(|a, b| b.cmp(a));
        pages.into_iter().map(|(_, id)| id).collect()
    }

    /// The table that sled will find when it opens the database; `None` if that is not certain.
    pub(in crate::sled) fn recover(log: &Log) -> Option<Self> {
        if !log.has_known_settings() {
            return None;
        }
        let (stable, mut table) = Self::snapshot(&log.folder)?;
        let first = stable / SEGMENT_BYTES * SEGMENT_BYTES;
        let (mut order, mut newest_stable) = (BTreeMap::new(), first);
        for start in log.starts() {
            let header = log.header(start).ok()?.filter(|header| header.lsn >= first);
            let Some(header) = header else { continue };
            newest_stable = newest_stable.max(header.stable);
            if header.lsn % SEGMENT_BYTES != 0 || order.insert(header.lsn, start).is_some() {
                return None;
            }
        }
        let end = end_of_log(log, &order, newest_stable)?;
        let order: Vec<_> = order.into_iter().take_while(|(lsn, _)| *lsn < end).collect();
        for some in order.chunks(AT_ONCE) {
            let walks = in_parallel(some, |(lsn, start)| {
                Some(Walk::of(&log.segment(*start).ok()?, *start, *lsn))
            })?;
            for walk in walks {
                for entry in walk.entries {
                    // Of a batch that is not whole, sled applies nothing.
                    if entry.place.lsn >= end || entry.batch_end.is_some_and(|last| last >= end) {
                        return table.complete();
                    }
                    if entry.place.lsn >= stable && log.has_body(&entry).ok()? {
                        table.apply(&entry, log.length)?;
                    }
                }
                match walk.stop {
                    _ if walk.end >= end => return table.complete(),
                    Stop::Complete | Stop::Damaged => {}
                    Stop::EndOfFile => return None,
                }
            }
        }
        table.complete()
    }

    /// The table in the newest of sled's snapshots, and the log sequence number that it was made at;
    /// `None` if it is damaged.
    pub(in crate::sled) fn snapshot(folder: &Path) -> Option<(u64, Self)> {
        let names = files::database_files(folder).ok()?;
        let Some(newest) = names.iter().filter(|name| name.starts_with("snap.")).max() else {
            return Some((0, Self::default()));
        };
        let bytes = fs::read(folder.join(newest)).ok()?;
        let (rest, checksum) = bytes.split_last_chunk()?;
        let (mut bytes, _length) = rest.split_last_chunk::<8>()?;
        if u32::from_le_bytes(*checksum) != crc32fast::hash(bytes) {
            return None;
        }
        let bytes = &mut bytes;
        // Both are one more than they say; 0 is for none.
        let (stable, _active_segment) = (take_lsn(bytes)?.checked_sub(1)?, take_number(bytes)?);
        let mut pages = Vec::new();
        while !bytes.is_empty() {
            pages.push(Page::parse(bytes)?);
        }
        Some((stable, Self(pages)))
    }

    /// The table of what is whole, with a line for each part of the files that is not.
    pub(in crate::sled) fn salvage(log: &Log) -> io::Result<(Self, Vec<String>)> {
        let (mut entries, mut damaged, mut end) = (Vec::new(), Vec::new(), 0);
        for start in log.starts() {
            let gaps = salvage(&log.segment(start)?, |at, message| {
                let lsn = message.segment.saturating_mul(SEGMENT_BYTES).saturating_add(at as u64);
                end = end.max(lsn.saturating_add(message.length as u64));
                entries.push(Entry::new(message, message.place(start + at as u64, lsn)));
            });
            damaged.extend(gaps.into_iter().map(|(at, length)| {
                format!("{length} bytes of `db` at {} are damaged", start + at as u64)
            }));
        }
        entries.sort_unstable_by_key(|entry| entry.place.lsn);
        let mut damaged_blobs = BTreeSet::new();
        let mut table = Self::default();
        for entry in entries {
            if entry.batch_end.is_some_and(|last| last >= end) {
                break;
            }
            match log.has_body(&entry) {
                Ok(true) => drop(table.apply(&entry, log.length)),
                Ok(false) => {}
                Err(_) => drop(damaged_blobs.insert(entry.place.blob)),
            }
        }
        let blobs = damaged_blobs.into_iter().flatten();
        damaged.extend(blobs.map(|name| format!("`blobs/{name}` is damaged")));
        Ok((table, damaged))
    }

    /// Applies a message; `None` if it does not belong to a database that is whole.
    fn apply(&mut self, entry: &Entry, pages: u64) -> Option<()> {
        let Entry { kind, page, place, .. } = *entry;
        if matches!(kind, Kind::Canceled | Kind::Cap | Kind::Batch) {
            return Some(());
        }
        // There cannot be more pages than bytes.
        let page = usize::try_from(page).ok().filter(|_| page < pages)?;
        if kind == Kind::Link {
            // Without its base, a change is a leftover of a page that was moved.
            if let Some(Page::InUse { base, links }) = self.0.get_mut(page)
                && links.last().unwrap_or(base).lsn < place.lsn
            {
                links.push(place);
            }
            return Some(());
        }
        if self.0.len() <= page {
            self.0.resize(page + 1, Page::Unknown);
        }
        *self.0.get_mut(page)? = match kind {
            Kind::Free => Page::Free(place.lsn, place.offset),
            _ => Page::InUse { base: place, links: Vec::new() },
        };
        Some(())
    }

    /// The table, if it knows every page.
    fn complete(self) -> Option<Self> {
        (!self.0.contains(&Page::Unknown)).then_some(self)
    }
}

impl Page {
    fn parse(bytes: &mut &[u8]) -> Option<Self> {
        let links = match bytes.split_off_first()? {
            0 => {
                let place = Place::parse(bytes, false)?;
                return Some(Self::Free(place.lsn, place.offset));
            }
            messages => messages - 1,
        };
        let base = Place::parse(bytes, true)?;
        let links = (0..links).map(|_| Place::parse(bytes, true)).collect::<Option<_>>()?;
        Some(Self::InUse { base, links })
    }
}

impl Place {
    fn parse(bytes: &mut &[u8], with_length: bool) -> Option<Self> {
        let lsn = take_lsn(bytes)?;
        let (blob, offset) = (*bytes.split_off_first()?, take_number(bytes)?);
        let blob = match blob {
            0 => None,
            1 => Some(take_lsn(bytes)?),
            _ => return None,
        };
        let length = if with_length { take_number(bytes)? } else { 0 };
        Some(Self { lsn, offset, blob, length })
    }
}

impl Log {
    /// Whether the body of a message is there: sled skips a message whose file is missing.
    fn has_body(&self, entry: &Entry) -> io::Result<bool> {
        match entry.place.blob {
            None => Ok(true),
            Some(name) => Ok(self.blob(name, entry.kind)?.is_some()),
        }
    }
}

/// The log sequence number after the last message. From the newest one that is known to be stable,
/// segments must follow each other without a gap.
fn end_of_log(log: &Log, order: &BTreeMap<u64, u64>, newest_stable: u64) -> Option<u64> {
    let lowest = newest_stable / SEGMENT_BYTES * SEGMENT_BYTES;
    let mut missing = lowest;
    let mut tail = Vec::new();
    for (lsn, start) in order.range(lowest..) {
        if *lsn != missing {
            break;
        }
        tail.push((*lsn, *start));
        missing += SEGMENT_BYTES;
    }
    let has_gap = order.range(missing..).next().is_some();
    let mut end = None;
    for (lsn, start) in tail {
        let walk = Walk::of(&log.segment(start).ok()?, start, lsn);
        for entry in &walk.entries {
            log.has_body(entry).ok()?;
            if has_gap && entry.batch_end.is_some_and(|last| last > missing) {
                return Some(entry.place.lsn);
            }
        }
        end = Some(walk.end);
        if walk.stop != Stop::Complete {
            break;
        }
    }
    end
}
