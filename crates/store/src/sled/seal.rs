//! Checksums of the store's files, written when it is closed.
//!
//! Files that are byte for byte as they were at the close need no other check, and reading them
//! once is several times faster than reading all records. After a crash there is no seal, and the
//! records themselves are checked (`check`).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::folder::{self, Folder};

/// The name of the file.
pub(super) const CLOSED: &str = "closed";
const HEADER: &str = "portcullis closed 1";
/// Each has a checksum of its own, so that damage can be located.
const BLOCK: usize = 64 * 1024;

/// Length and checksums of each file, by its path in the folder.
#[derive(Debug, PartialEq, Eq)]
struct Files(BTreeMap<String, (u64, Vec<u32>)>);

/// What the seal says about the files.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seal {
    /// There is none, or it cannot be read: the store was not closed.
    Missing,
    /// The files are as they were when the store was closed.
    Intact,
    /// They are not: where.
    Broken(String),
}

/// Compares the files with the seal.
pub(super) fn verify(folder: &Folder) -> io::Result<Seal> {
    let text = match fs::read_to_string(folder.path().join(CLOSED)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Seal::Missing),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(Seal::Missing),
        Err(error) => return Err(error),
    };
    let Some(sealed) = Files::parse(&text) else { return Ok(Seal::Missing) };
    let place = sealed.first_difference(&Files::of(folder)?);
    Ok(place.map_or(Seal::Intact, Seal::Broken))
}

/// Writes the seal; nothing may write to the files any more.
pub(super) fn write(folder: &Folder) -> io::Result<()> {
    folder::write_whole(&folder.path().join(CLOSED), Files::of(folder)?.to_text().as_bytes())
}

/// Removes the seal, because the files will change.
pub(super) fn remove(folder: &Folder) -> io::Result<()> {
    folder::remove_file(&folder.path().join(CLOSED))?;
    File::open(folder.path())?.sync_all()
}

impl Files {
    fn of(folder: &Folder) -> io::Result<Self> {
        let files = folder::database_files(folder.path())?.into_iter();
        let files = files.map(|name| Ok((name.clone(), checksums(&folder.path().join(name))?)));
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

    /// Where the files found are not as sealed.
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
    fn i13_a_seal_is_broken_by_any_change_and_located() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("data");
        let folder = Folder::make(&path).unwrap();
        fs::create_dir_all(path.join("blobs")).unwrap();
        let db = vec![9; BLOCK + 10];
        fs::write(path.join("db"), &db).unwrap();
        fs::write(path.join("blobs/7"), "blob").unwrap();
        assert_eq!(verify(&folder).unwrap(), Seal::Missing);
        write(&folder).unwrap();
        assert_eq!(verify(&folder).unwrap(), Seal::Intact);
        let broken = |what: &str| {
            let Seal::Broken(place) = verify(&folder).unwrap() else { panic!("{what}") };
            assert!(place.contains(what), "{place}");
        };
        let mut changed = db.clone();
        changed[BLOCK + 3] ^= 1;
        fs::write(path.join("db"), changed).unwrap();
        broken("`db` has changed between bytes 65536 and 65545");
        fs::write(path.join("db"), &db[..BLOCK]).unwrap();
        broken("`db` has 65536 bytes instead of 65546");
        fs::write(path.join("db"), &db).unwrap();
        fs::write(path.join("snap.1"), "").unwrap();
        broken("`snap.1` was not there");
        fs::remove_file(path.join("snap.1")).unwrap();
        fs::remove_file(path.join("blobs/7")).unwrap();
        broken("`blobs/7` is missing");
        fs::write(path.join("blobs/7"), "blob").unwrap();
        assert_eq!(verify(&folder).unwrap(), Seal::Intact);
        let seal = fs::read(path.join(CLOSED)).unwrap();
        for byte in 0..seal.len() {
            let mut damaged = seal.clone();
            damaged[byte] ^= 1;
            fs::write(path.join(CLOSED), damaged).unwrap();
            assert_eq!(verify(&folder).unwrap(), Seal::Missing, "{byte}");
        }
    }
}
