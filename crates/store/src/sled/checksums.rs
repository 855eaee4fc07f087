//! Checksums of the database's files, written to a file when the store is closed.
//!
//! Files that have not changed since need no other check. After a crash there are no checksums, and
//! the records are verified instead (`check`).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::files;

/// The name of the file.
pub(super) const CLOSED: &str = "closed";
const HEADER: &str = "portcullis closed 1";
/// The size of the blocks that have a checksum each, so that damage can be located.
const BLOCK: usize = 64 * 1024;

/// Length and checksums of each file, by its path in the folder.
#[derive(Debug, PartialEq, Eq)]
struct Files(BTreeMap<String, (u64, Vec<u32>)>);

/// How the files compare with their checksums.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// There are no valid checksums: the store was not closed.
    NotClosed,
    /// The files have not changed since the store was closed.
    Unchanged,
    /// The files have changed, with a description of the first change.
    Changed(String),
}

/// Compares the files with their checksums.
pub(super) fn compare(folder: &Path) -> io::Result<Comparison> {
    let text = match fs::read_to_string(folder.join(CLOSED)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Comparison::NotClosed),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Ok(Comparison::NotClosed);
        }
        Err(error) => return Err(error),
    };
    let Some(closed) = Files::parse(&text) else { return Ok(Comparison::NotClosed) };
    let place = closed.first_difference(&Files::of(folder)?);
    Ok(place.map_or(Comparison::Unchanged, Comparison::Changed))
}

/// Writes the checksums. Nothing may write to the files afterwards.
pub(super) fn write(folder: &Path) -> io::Result<()> {
    files::write_atomically(&folder.join(CLOSED), Files::of(folder)?.to_text().as_bytes())
}

/// Removes the checksums, before the files change.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    files::remove_file(&folder.join(CLOSED))?;
    File::open(folder)?.sync_all()
}

impl Files {
    fn of(folder: &Path) -> io::Result<Self> {
        let files = files::database_files(folder)?.into_iter();
        let files = files.map(|name| Ok((name.clone(), checksums(&folder.join(name))?)));
        Ok(Self(files.collect::<io::Result<_>>()?))
    }

    fn to_text(&self) -> String {
        let mut text = format!("{HEADER}\n");
        for (name, (length, blocks)) in &self.0 {
            let blocks: Vec<_> = blocks.iter().map(|block| format!("{block:08x}")).collect();
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name} {length} {}", blocks.join(","));
        }
        let checksum = crc32fast::hash(text.as_bytes());
        let _ = writeln!(text, "end {checksum:08x}");
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let (body, end) = text.rsplit_once("end ")?;
        let checksum = u32::from_str_radix(end.strip_suffix('\n')?, 16).ok()?;
        if checksum != crc32fast::hash(body.as_bytes()) {
            return None;
        }
        let mut files = BTreeMap::new();
        for line in body.strip_prefix(HEADER)?.strip_prefix('\n')?.lines() {
            let mut parts = line.split(' ');
            let (name, length, blocks) = (parts.next()?, parts.next()?, parts.next()?);
            let blocks = blocks.split(',').filter(|block| !block.is_empty());
            let blocks = blocks.map(|block| u32::from_str_radix(block, 16).ok());
            files.insert(name.to_owned(), (length.parse().ok()?, blocks.collect::<Option<_>>()?));
        }
        Some(Self(files))
    }

    /// The first difference of the files `found`.
    fn first_difference(&self, found: &Self) -> Option<String> {
        for (name, (length, blocks)) in &self.0 {
            let Some((found_length, found_blocks)) = found.0.get(name) else {
                return Some(format!("`{name}` is missing"));
            };
            if found_length != length {
                return Some(format!("`{name}` has {found_length} bytes instead of {length}"));
            }
            let different = blocks.iter().zip(found_blocks).position(|(a, b)| a != b);
            if let Some(block) = different {
                let (from, to) = (block * BLOCK, ((block + 1) * BLOCK - 1) as u64);
                let to = to.min(length.saturating_sub(1));
                return Some(format!("`{name}` has changed between bytes {from} and {to}"));
            }
        }
        let more = found.0.keys().find(|name| !self.0.contains_key(*name))?;
        Some(format!("`{more}` was not there when the store was closed"))
    }
}

fn checksums(path: &Path) -> io::Result<(u64, Vec<u32>)> {
    let mut file = File::open(path)?;
    let mut block = vec![0; BLOCK];
    let (mut length, mut blocks) = (0, Vec::new());
    loop {
        let mut filled = 0;
        while let Some(rest) = block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match file.read(rest) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if filled > 0 {
            length += filled as u64;
            blocks.push(crc32fast::hash(block.get(..filled).unwrap_or_default()));
        }
        if filled < BLOCK {
            return Ok((length, blocks));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i13_any_change_of_the_files_is_located() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("data");
        fs::create_dir_all(path.join("blobs")).unwrap();
        let db = vec![9; BLOCK + 10];
        fs::write(path.join("db"), &db).unwrap();
        fs::write(path.join("blobs/7"), "blob").unwrap();
        assert_eq!(compare(&path).unwrap(), Comparison::NotClosed);
        write(&path).unwrap();
        assert_eq!(compare(&path).unwrap(), Comparison::Unchanged);
        let changed_at = |what: &str| {
            let Comparison::Changed(place) = compare(&path).unwrap() else { panic!("{what}") };
            assert!(place.contains(what), "{place}");
        };
        let mut changed = db.clone();
        changed[BLOCK + 3] ^= 1;
        fs::write(path.join("db"), changed).unwrap();
        changed_at("`db` has changed between bytes 65536 and 65545");
        fs::write(path.join("db"), &db[..BLOCK]).unwrap();
        changed_at("`db` has 65536 bytes instead of 65546");
        fs::write(path.join("db"), &db).unwrap();
        fs::write(path.join("snap.1"), "").unwrap();
        changed_at("`snap.1` was not there");
        fs::remove_file(path.join("snap.1")).unwrap();
        fs::remove_file(path.join("blobs/7")).unwrap();
        changed_at("`blobs/7` is missing");
        fs::write(path.join("blobs/7"), "blob").unwrap();
        assert_eq!(compare(&path).unwrap(), Comparison::Unchanged);
        let checksums = fs::read(path.join(CLOSED)).unwrap();
        for byte in 0..checksums.len() {
            let mut damaged = checksums.clone();
            damaged[byte] ^= 1;
            fs::write(path.join(CLOSED), damaged).unwrap();
            assert_eq!(compare(&path).unwrap(), Comparison::NotClosed, "{byte}");
        }
    }
}
