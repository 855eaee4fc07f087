//! What can still be read of a damaged store, written to a new one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::Duration;

use super::answered::AnsweredFile;
use super::folder::{self, Folder};
use super::layout::{self, Entry, Head, Stored};
use super::opening::{self, OpenError, Opened};
use super::repair;
use crate::{StoreError, StoreKey};

/// How long sled may take for the next record before the rest of its kind is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// Records on the way from the damaged store to the new one.
const ON_THE_WAY: usize = 1024;
/// Records in one write to the new store.
const BATCH: usize = 256;

/// What was found in a damaged store.
#[derive(Debug, Default)]
pub struct Rescued {
    /// The records that were written to the new store, by kind.
    pub records: Vec<(String, u64)>,
    /// What is known to be missing, a line each.
    pub missing: Vec<String>,
}

type Pair = (sled::IVec, sled::IVec);

/// Writes every record that can be read in the store `from` to a new store `to`.
pub(super) fn rescue(from: &Path, key: &StoreKey, to: &Path) -> Result<Rescued, OpenError> {
    let folder = Folder::take(from)?;
    let answered = folder::last_answered(from).map_err(|error| folder.error(&error))?;
    let mut rescued = Rescued::default();
    let source = open_somehow(&folder, &mut rescued)?;
    let mut target = Target::create(to, key)?;
    let stored = source.get(layout::HEAD).ok().flatten();
    let head = stored.as_deref().and_then(Head::decode);
    for kind in kinds(&source, head.as_ref()) {
        let mut records = 0;
        for (place, value) in records_of(&source, &kind, &mut rescued.missing) {
            match target.put(&place, &value)? {
                Ok(()) => records += 1,
                Err(why) => rescued.missing.push(format!("{}: {why}", describe(&place))),
            }
        }
        target.write()?;
        rescued.records.push((kind, records));
    }
    missing_records(&source, &target, &mut rescued.missing);
    if let Some(head) = &head {
        rescued.missing.extend(head.digest.differences(&target.head.digest));
    } else {
        rescued.missing.push("the number of records there should be is not known".to_owned());
    }
    let (last, answered) = (head.map_or(0, |head| head.sequence), answered.unwrap_or(0));
    if last < answered {
        rescued.missing.push(format!(
            "what can be read ends at commit {last} of {answered}; of later ones some records may \
             be there and others not"
        ));
    }
    // Later than anything that was answered, so that the new store can take the place of the old.
    target.finish(last.max(answered) + 1)?;
    drop(source);
    folder.remove_copy().map_err(|error| folder.error(&error))?;
    Ok(rescued)
}

/// Opens a copy whose damage is passed over; sled makes the snapshot anew. If it does not open, the
/// files as they are may, or those without the file that says how they are laid out.
fn open_somehow(folder: &Folder, rescued: &mut Rescued) -> Result<sled::Db, StoreError> {
    let fault = |error: io::Error| folder.error(&error);
    let mut last = String::new();
    for (repaired, without) in [(true, &["snap."][..]), (false, &[]), (true, &["snap.", "conf"])] {
        folder.remove_copy().map_err(fault)?;
        let copy = folder.copy_for_check().map_err(fault)?;
        for name in folder::database_files(&copy).map_err(fault)? {
            if without.iter().any(|prefix| name.starts_with(prefix)) {
                folder::remove_file(&copy.join(name)).map_err(fault)?;
            }
        }
        let passed_over = match repaired {
            true => repair::repair(&copy).map_err(fault)?,
            false => Vec::new(),
        };
        match open_in_time(copy) {
            Ok(db) => {
                rescued.missing.extend(passed_over);
                return Ok(db);
            }
            Err(error) => last = error,
        }
    }
    Err(fault(io::Error::other(format!("nothing of the store can be read: {last}"))))
}

fn open_in_time(copy: PathBuf) -> Result<sled::Db, String> {
    let (opened, opening) = mpsc::channel();
    thread::spawn(move || {
        // Nobody listens any more if it took too long.
        let _ = opened.send(folder::open_database(&copy));
    });
    match opening.recv_timeout(PATIENCE) {
        Ok(db) => db.map_err(|error| error.to_string()),
        Err(_) => Err("sled does not come to its end".to_owned()),
    }
}

/// The kinds of which there are records: those that the head names, or else those of the records
/// that can be read.
fn kinds(db: &sled::Db, head: Option<&Head>) -> Vec<String> {
    if let Some(head) = head {
        return head.digest.kinds().map(str::to_owned).collect();
    }
    let mut kinds = BTreeSet::new();
    for backward in [false, true] {
        let mut pairs = Vec::new();
        receive(&spawn(db.clone(), b"r".to_vec(), backward), &mut pairs);
        kinds.extend(pairs.iter().filter_map(|(place, _)| match Entry::parse(place)? {
            Entry::Record { kind, .. } | Entry::Key { kind } => Some(kind.to_owned()),
        }));
    }
    kinds.into_iter().collect()
}

/// The records of a kind, as far as they can be read from either end.
fn records_of(
    db: &sled::Db,
    kind: &str,
    missing: &mut Vec<String>,
) -> impl Iterator<Item = Pair> + use<> {
    let forward = spawn(db.clone(), layout::records(kind), false);
    let mut pairs = Vec::new();
    let whole = receive(&forward, &mut pairs);
    if !whole {
        missing.push(format!("{}: some records cannot be read", kind));
        let backward = spawn(db.clone(), layout::records(kind), true);
        let last = pairs.last().map(|(place, _): &Pair| place.clone());
        let mut more = Vec::new();
        receive(&backward, &mut more);
        let new = |(place, _): &Pair| last.as_ref().is_none_or(|last| place > last);
        pairs.extend(more.into_iter().filter(new));
    }
    pairs.into_iter()
}

type Read = Option<Pair>;

fn spawn(db: sled::Db, prefix: Vec<u8>, backward: bool) -> Receiver<Read> {
    let (send, receive) = mpsc::sync_channel(ON_THE_WAY);
    thread::spawn(move || {
        let entries = db.scan_prefix(prefix);
        // Without the last sign the reader knows that this panicked or stopped at an error.
        let end = match backward {
            false => pass_on(entries, &send),
            true => pass_on(entries.rev(), &send),
        };
        if end {
            let _ = send.send(None);
        }
    });
    receive
}

fn pass_on(entries: impl Iterator<Item = sled::Result<Pair>>, send: &SyncSender<Read>) -> bool {
    for entry in entries {
        let Ok(pair) = entry else { return false };
        if send.send(Some(pair)).is_err() {
            return false;
        }
    }
    true
}

/// Receives until the end; whether it came.
fn receive(from: &Receiver<Read>, pairs: &mut Vec<Pair>) -> bool {
    loop {
        match from.recv_timeout(PATIENCE) {
            Ok(Some(pair)) => pairs.push(pair),
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

/// Notes the records that keys lead to and that are not in the new store.
fn missing_records(source: &sled::Db, target: &Target, missing: &mut Vec<String>) {
    let mut lost: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for table in [b"u", b"i"] {
        let mut pairs = Vec::new();
        receive(&spawn(source.clone(), table.to_vec(), false), &mut pairs);
        for (place, value) in pairs {
            let Some(key) = layout::parse_key(&place, &value) else { continue };
            if !target.contains(key.kind, key.id) {
                let named = (key.kind.to_owned(), key.id.to_owned());
                lost.entry(named).or_default().insert(format!("{} `{}`", key.field, key.value));
            }
        }
    }
    for ((kind, id), keys) in lost {
        let keys: Vec<_> = keys.into_iter().collect();
        missing.push(format!("{kind} `{id}` ({})", keys.join(", ")));
    }
}

fn describe(place: &[u8]) -> String {
    match Entry::parse(place) {
        Some(Entry::Record { kind, id }) => format!("{kind} `{}`", String::from_utf8_lossy(id)),
        Some(Entry::Key { kind }) => kind.to_owned(),
        None => "an unknown entry".to_owned(),
    }
}

/// The new store.
struct Target {
    opened: Opened,
    key: StoreKey,
    head: Head,
    batch: sled::Batch,
    waiting: BTreeSet<Vec<u8>>,
}

impl Target {
    fn create(to: &Path, key: &StoreKey) -> Result<Self, OpenError> {
        let used = fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some());
        if used {
            return Err(OpenError::Exists { path: to.to_owned() });
        }
        let opened = opening::create(to, key)?;
        let head = Head::default();
        let (batch, waiting) = (sled::Batch::default(), BTreeSet::new());
        Ok(Self { opened, key: key.clone(), head, batch, waiting })
    }

    fn contains(&self, kind: &str, id: &str) -> bool {
        let place = [layout::records(kind).as_slice(), id.as_bytes()].concat();
        self.opened.database.contains_key(place).unwrap_or(false)
    }

    /// Writes a record with the keys it has, unless another record has one of them.
    fn put(&mut self, place: &[u8], value: &[u8]) -> Result<Result<(), String>, StoreError> {
        let Some(Entry::Record { id, .. }) = Entry::parse(place) else {
            return Ok(Err("it has no id".to_owned()));
        };
        let Some(stored) = Stored::parse(value).filter(|_| str::from_utf8(id).is_ok()) else {
            return Ok(Err("it is damaged".to_owned()));
        };
        for key in &stored.keys {
            if self.waiting.contains(*key) || self.opened.database.contains_key(key)? {
                return Ok(Err("another record has one of its keys".to_owned()));
            }
        }
        self.insert(place, value);
        for key in stored.keys {
            self.insert(key, layout::key_value(key, id));
        }
        if self.waiting.len() >= BATCH {
            self.write()?;
        }
        Ok(Ok(()))
    }

    fn insert(&mut self, place: &[u8], value: &[u8]) {
        self.head.digest.add(&self.key, place, value);
        self.batch.insert(place, value);
        self.waiting.insert(place.to_vec());
    }

    fn write(&mut self) -> Result<(), StoreError> {
        self.waiting.clear();
        self.opened.database.apply_batch(std::mem::take(&mut self.batch))?;
        Ok(())
    }

    fn finish(mut self, sequence: u64) -> Result<(), OpenError> {
        self.head.sequence = sequence;
        let mut batch = sled::Batch::default();
        batch.insert(layout::HEAD, self.head.encode());
        let database = &self.opened.database;
        database.write(batch)?;
        let folder = database.folder();
        let noted = AnsweredFile::create(folder.answered(), self.head.mark())
            .and_then(|_| folder.note_format());
        noted.map_err(|error| folder.error(&error).into())
    }
}
