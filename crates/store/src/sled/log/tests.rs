use std::collections::BTreeMap;

use tempfile::TempDir;

use super::node::Content;
use super::table::PageTable;
use super::tree::Tree;
use super::*;
use crate::sled::files::{database_files, open_database};

#[test]
fn numbers_are_read_as_sled_writes_them() {
    for (bytes, number) in [
        (&[0][..], 0),
        (&[240], 240),
        (&[241, 0], 240),
        (&[248, 255], 2287),
        (&[249, 0, 0], 2288),
        (&[249, 255, 255], 67_823),
        (&[250, 1, 2, 3], 0x03_02_01),
        (&[255, 1, 2, 3, 4, 5, 6, 7, 8], 0x08_07_06_05_04_03_02_01),
    ] {
        assert_eq!(take_number(&mut &*bytes), Some(number));
        assert_eq!(take_number(&mut &bytes[..bytes.len() - 1]), None, "cut short: {number}");
    }
}

#[test]
fn damage_in_a_segment_is_located() {
    let folder = tempfile::tempdir().unwrap();
    let db = sled::open(folder.path()).unwrap();
    for number in 0..2000_u32 {
        db.insert(number.to_be_bytes(), vec![7; 300]).unwrap();
    }
    drop(db);
    let log = Log::open(folder.path()).unwrap();
    assert_eq!(log.first_damage().unwrap(), None);
    let mut segment = log.segment(0).unwrap();
    let messages = |segment: &[u8]| {
        let mut messages = 0;
        let gaps = salvage(segment, |_, _| messages += 1);
        (gaps, messages)
    };
    let (gaps, whole) = messages(&segment);
    assert!(gaps.is_empty() && whole > 100, "{whole}");
    for at in [3, 100, 5000, SEGMENT / 2] {
        segment[at] ^= 1;
    }
    let (gaps, rest) = messages(&segment);
    assert_eq!((gaps.len(), rest), (4, whole - 3), "{gaps:?}");
    assert_eq!(gaps[0], (0, SEGMENT_HEADER));
}

/// All entries, by key.
type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

fn entries_in_files(folder: &Path) -> Option<(Entries, PageTable)> {
    let log = Log::open(folder).unwrap();
    let table = PageTable::recover(&log)?;
    let leaves = Tree::new(&log, &table).leaves(|entries: &mut Vec<_>, leaf| {
        let Content::Leaf(found) = &leaf.content else { panic!() };
        for (rest, value) in found {
            let mut key = Vec::new();
            leaf.key(rest, &mut key);
            entries.push((key, value.to_vec()));
        }
    })?;
    let leaves: Vec<_> = leaves.into_iter().flatten().collect();
    let entries: Entries = leaves.iter().cloned().collect();
    assert_eq!(entries.len(), leaves.len(), "each is there once");
    Some((entries, table))
}

fn copy(from: &Path) -> TempDir {
    let to = tempfile::tempdir().unwrap();
    fs::create_dir(to.path().join("blobs")).unwrap();
    for name in database_files(from).unwrap() {
        // Sled removes files in `blobs` some time after they were in use.
        match fs::copy(from.join(&name), to.path().join(&name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            copied => drop(copied.unwrap()),
        }
    }
    to
}

/// A database that is written to at random, each time as a killed process leaves it.
#[test]
fn i13_files_are_read_as_sled_reads_them() {
    let (mut seed, mut read, mut doubtful) = (7_u64, 0, 0);
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let folder = tempfile::tempdir().unwrap();
    for start in 0..6 {
        let db = open_database(folder.path()).unwrap();
        for _ in 0..8 {
            for _ in 0..random(60) {
                let mut batch = sled::Batch::default();
                // Now and then most is removed, so that pages are merged.
                let keeps = if start == 3 { 2 } else { 8 };
                for _ in 0..1 + random(200) {
                    let key = format!("r-{:05}", random(20_000));
                    match random(10) < keeps {
                        true if random(300) == 0 => batch.insert(key.as_bytes(), vec![1; 200_000]),
                        true => batch.insert(key.as_bytes(), vec![2; random(400) as usize]),
                        false => batch.remove(key.as_bytes()),
                    }
                }
                db.apply_batch(batch).unwrap();
            }
            db.flush().unwrap();
            let copy = copy(folder.path());
            let found = entries_in_files(copy.path());
            let opened = open_database(copy.path()).unwrap();
            let Some((entries, table)) = found else {
                doubtful += 1;
                continue;
            };
            read += 1;
            let expected = opened.iter().map(Result::unwrap);
            let expected: Entries = expected.map(|(k, v)| (k.to_vec(), v.to_vec())).collect();
            assert!(entries == expected, "{} and {}", entries.len(), expected.len());
            assert!(PageTable::snapshot(copy.path()).unwrap().1 == table, "sled's own table");
        }
    }
    assert!(read > 40, "{read} were read, {doubtful} left to sled");
}
