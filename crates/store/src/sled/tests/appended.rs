//! Appended records: waiting in the head, in blocks, and as single entries of earlier formats.

use super::*;
use crate::number_id;
use crate::sled::head::{HEAD, Head};

/// The size of the documents: eight records fill a block.
pub(super) const SIZE: usize = 400;
/// The index of entries by lane.
const LANE: &str = "lane";

pub(super) fn doc(lane: usize, number: u64, size: usize) -> String {
    format!("{lane}-{number}-{}", "x".repeat(size))
}

pub(super) fn entry(lane: usize, number: u64, size: usize) -> Write {
    Write::Append {
        kind: kinds::ENTRY,
        doc: doc(lane, number, size).into(),
        index: vec![Key::new(LANE, lane.to_string())],
    }
}

/// The documents of a lane's entries.
pub(super) async fn docs_of(store: &SledStore, lane: usize) -> Vec<String> {
    let key = Key::new(LANE, lane.to_string());
    docs(store.list(kinds::ENTRY, Some(&key), None, usize::MAX).await.unwrap())
}

fn docs(records: Vec<Record>) -> Vec<String> {
    records.into_iter().map(|record| String::from_utf8(record.doc.to_vec()).unwrap()).collect()
}

/// How many entries are in blocks, single, and waiting.
pub(super) fn places(store: &SledStore) -> [usize; 3] {
    let prefix = layout::records(kinds::ENTRY.name());
    let mut places = [0; 3];
    for found in store.shared.db.scan_prefix(&prefix) {
        let (place, value) = found.unwrap();
        let records = crate::sled::appended::records(&place[prefix.len()..], &value).count();
        places[usize::from(layout::Stored::parse(&value).is_some())] += records;
    }
    let head = store.shared.db.get(HEAD).unwrap().unwrap();
    places[2] = Head::decode(&head).unwrap().waiting.of(kinds::ENTRY.name()).len();
    places
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appended_records_are_found_in_full_batches_and_after_them() {
    let folder = TempDir::new().unwrap();
    let store = open(&place(&folder)).unwrap();
    let keys = |number: u64| {
        let keys = [("half", number % 2), ("tenth", number % 10), ("all", 0)];
        keys.map(|(name, value)| Key::new(name, value.to_string())).to_vec()
    };
    let ids = |records: Vec<Record>| -> Vec<_> { records.into_iter().map(|r| r.id).collect() };
    let mut written = 0;
    for together in (1..=7).cycle().take(60) {
        let entry = |number| Write::Append {
            kind: kinds::ENTRY,
            doc: Bytes::from_static(b"{}"),
            index: keys(number),
        };
        store.commit((written..written + together).map(entry).collect()).await.unwrap();
        written += together;
        let from = number_id(written * 2 / 3);
        for key in keys(written).iter().chain([&Key::new("half", "2")]) {
            let expected: Vec<_> =
                (0..written).filter(|number| keys(*number).contains(key)).map(number_id).collect();
            let (after, before) = (
                expected.iter().filter(|id| **id > from).cloned().collect::<Vec<_>>(),
                expected.iter().rev().filter(|id| **id < from).cloned().collect::<Vec<_>>(),
            );
            let list = store.list(kinds::ENTRY, Some(key), None, usize::MAX).await.unwrap();
            assert_eq!(ids(list), expected, "{written} {key:?}");
            let list = store.list(kinds::ENTRY, Some(key), Some(&from), usize::MAX).await.unwrap();
            assert_eq!(ids(list), after);
            let list = store.list_back(kinds::ENTRY, Some(key), Some(&from), usize::MAX).await;
            assert_eq!(ids(list.unwrap()), before);
            let list = store.list_back(kinds::ENTRY, Some(key), None, usize::MAX).await.unwrap();
            assert!(ids(list).iter().eq(expected.iter().rev()));
            let count = store.count(kinds::ENTRY, Some(key)).await.unwrap();
            assert_eq!(count, expected.len() as u64);
            let both = Search { all: vec![key.clone(), Key::new("all", "0")], ..Search::default() };
            let found = store.search(kinds::ENTRY, &both, usize::MAX - 1).await.unwrap();
            assert!(found.records.iter().map(|(_, record)| &record.id).eq(&expected));
        }
    }
    // The oldest are removed, as when they expire.
    let remove = (0..written - 20).map(|number| Write::Delete {
        kind: kinds::ENTRY,
        id: number_id(number),
        expect: Expect::Any,
    });
    store.commit(remove.collect()).await.unwrap();
    let all = Key::new("all", "0");
    assert_eq!(store.count(kinds::ENTRY, Some(&all)).await.unwrap(), 20);
    drop(store);
    fs::remove_file(place(&folder).join("closed")).unwrap();
    let store = open(&place(&folder)).unwrap();
    assert_eq!(store.count(kinds::ENTRY, Some(&all)).await.unwrap(), 20);
}

/// Entries 0 to 19 in lane 0: some in blocks, and some that wait.
async fn twenty(folder: &TempDir) -> SledStore {
    let store = open(&place(folder)).unwrap();
    for number in 0..20 {
        store.commit(vec![entry(0, number, SIZE)]).await.unwrap();
    }
    let [in_blocks, single, waiting] = places(&store);
    assert!(in_blocks > 10 && single == 0 && waiting > 1, "{:?}", places(&store));
    store
}

fn delete(number: u64) -> Write {
    Write::Delete { kind: kinds::ENTRY, id: number_id(number), expect: Expect::Present }
}

#[tokio::test]
async fn appended_records_are_removed_wherever_they_are() {
    let folder = TempDir::new().unwrap();
    let mut store = twenty(&folder).await;
    let mut left: Vec<_> = (0..20).collect();
    // The first of a block, one within, one that waits, all of a block, all that wait.
    for removed in [vec![0], vec![4], vec![19, 2], (0..12).collect(), (13..20).collect()] {
        let removed: Vec<_> = removed.into_iter().filter(|n| left.contains(n)).collect();
        left.retain(|number| !removed.contains(number));
        let refused = vec![delete(removed[0]), delete(1000)];
        assert!(matches!(store.commit(refused).await, Err(CommitError::Conflict { .. })));
        store.commit(removed.iter().copied().map(delete).collect()).await.unwrap();
        let expected: Vec<_> = left.iter().map(|number| doc(0, *number, SIZE)).collect();
        assert_eq!(docs_of(&store, 0).await, expected);
        let all = store.list(kinds::ENTRY, None, None, usize::MAX).await.unwrap();
        assert_eq!(docs(all), expected);
        let back = store.list_back(kinds::ENTRY, None, None, usize::MAX).await.unwrap();
        assert!(docs(back).iter().rev().eq(&expected));
        assert_eq!(store.count(kinds::ENTRY, None).await.unwrap(), left.len() as u64);
        for number in 0..20 {
            let found = store.get(kinds::ENTRY, &number_id(number)).await.unwrap();
            assert_eq!(found.is_some(), left.contains(&number), "{number}");
        }
        // Without the checksums, every record is verified.
        drop(store);
        fs::remove_file(place(&folder).join("closed")).unwrap();
        store = open(&place(&folder)).unwrap();
    }
    assert_eq!(left, [12]);
    store.commit(vec![entry(0, 13, SIZE)]).await.unwrap();
    let last = store.list_back(kinds::ENTRY, None, None, 1).await.unwrap();
    assert_eq!(last[0].id, number_id(13), "the number after the largest");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn appended_records_are_read_while_they_get_into_blocks() {
    const ENTRIES: u64 = 600;
    let folder = TempDir::new().unwrap();
    let store = Arc::new(open_with(&place(&folder), |_| Ok(Box::new(|| Ok(())))).unwrap());
    let writer = Arc::clone(&store);
    let writing = tokio::spawn(async move {
        for number in 0..ENTRIES {
            writer.commit(vec![entry(0, number, 500)]).await.unwrap();
        }
    });
    let mut known = 0;
    while known < ENTRIES {
        let before = store.head().await.unwrap();
        let all = docs(store.list(kinds::ENTRY, None, None, usize::MAX).await.unwrap());
        let expected: Vec<_> = (0..all.len() as u64).map(|number| doc(0, number, 500)).collect();
        assert!(all == expected, "without gaps");
        assert!(all.len() as u64 >= before, "{before} were answered");
        let keyed = docs_of(&store, 0).await;
        assert!(keyed.len() >= all.len() && keyed.iter().zip(&expected).all(|(a, b)| a == b));
        let back = store.list_back(kinds::ENTRY, None, None, 20).await.unwrap();
        let ids: Vec<u64> = back.iter().map(|record| record.id.parse().unwrap()).collect();
        assert!(ids.is_sorted_by(|a, b| *a == b + 1), "{ids:?}");
        for number in before.saturating_sub(30)..before {
            let found = store.get(kinds::ENTRY, &number_id(number)).await.unwrap();
            assert!(found.is_some(), "{number} of {before}");
        }
        known = before;
    }
    writing.await.unwrap();
}

#[tokio::test]
async fn i1_without_a_readable_head_no_record_is_taken_for_absent() {
    let folder = TempDir::new().unwrap();
    let store = twenty(&folder).await;
    store.shared.db.insert(HEAD, b"damaged").unwrap();
    let newest = store.get(kinds::ENTRY, &number_id(19)).await;
    assert!(matches!(newest, Err(StoreError::Unavailable(_))), "{newest:?}");
    let key = Key::new(LANE, "0");
    for key in [None, Some(&key)] {
        assert!(store.list(kinds::ENTRY, key, None, 9).await.is_err());
        assert!(store.list_back(kinds::ENTRY, key, None, 9).await.is_err());
    }
    assert!(store.list(kinds::USER, None, None, 9).await.unwrap().is_empty());
}

/// Changes the store beside its own code, as damage that no checksum of sled's finds.
fn tampered(change: impl FnOnce(&sled::Db, &mut Head)) -> Option<OpenError> {
    let folder = TempDir::new().unwrap();
    let store = Runtime::new().unwrap().block_on(twenty(&folder));
    drop(store);
    let db = Folder::lock(&place(&folder)).unwrap().open_database().unwrap();
    let mut head = Head::decode(&db.get(HEAD).unwrap().unwrap()).unwrap();
    change(&db, &mut head);
    db.insert(HEAD, head.encode()).unwrap();
    drop(db);
    fs::remove_file(place(&folder).join("closed")).unwrap();
    open(&place(&folder)).err()
}

#[test]
fn i13_each_appended_record_is_verified_where_it_is() {
    assert!(tampered(|_, _| ()).is_none());
    let kind = kinds::ENTRY.name();
    let lost = tampered(|_, head| drop(head.waiting.remove(kind, number_id(19).as_bytes())));
    let changed = tampered(|_, head| {
        let id = number_id(19);
        let mut stored = head.waiting.remove(kind, id.as_bytes()).unwrap();
        stored[20] ^= 1;
        assert!(head.waiting.push(kind, id.as_bytes(), &stored).is_none());
    });
    let twice = tampered(|db, head| {
        let (place, block) = head.waiting.clone().take(kind).unwrap();
        db.insert(place, block).unwrap();
    });
    let first = layout::record(kinds::ENTRY, &number_id(0));
    let in_block = tampered(|db, _| {
        let mut block = db.get(&first).unwrap().unwrap().to_vec();
        let middle = block.len() / 2;
        block[middle] ^= 1;
        db.insert(&first, block).unwrap();
    });
    let longer = tampered(|db, _| {
        let block = db.get(&first).unwrap().unwrap();
        db.insert(&first, [&*block, b"more"].concat()).unwrap();
    });
    let moved = tampered(|db, _| {
        let block = db.remove(&first).unwrap().unwrap();
        db.insert(layout::record(kinds::ENTRY, ""), block).unwrap();
    });
    for refused in [lost, changed, twice, in_block, longer, moved] {
        let refused = refused.unwrap();
        assert!(matches!(refused, OpenError::Damaged { .. }), "{refused}");
        assert!(refused.to_string().contains("entry: "), "{refused}");
    }
}

#[tokio::test]
async fn i13_a_replaced_key_covers_all_appended_records() {
    let folder = TempDir::new().unwrap();
    drop(twenty(&folder).await);
    let new = StoreKey::new([8; 32]);
    let rekeying = Rekeying::open(&place(&folder), &KEY).unwrap();
    let mut seen = Vec::new();
    rekeying.records(|_, id, _| seen.push(id.to_owned())).unwrap();
    assert!(seen.into_iter().eq((0..20).map(number_id)));
    // In a block, and among those that wait.
    let change = |_: &str, id: &str, _: &[u8]| match id.parse() {
        Ok(0 | 3 | 18_u64) => Rekeyed::Removed,
        Ok(4 | 19) => Rekeyed::Replaced(b"new".to_vec()),
        _ => Rekeyed::Kept,
    };
    let index = vec![Key::new(LANE, "0")];
    let appended = Appended { kind: kinds::ENTRY, doc: b"last".to_vec(), index };
    rekeying.replace(&new, change, &appended).unwrap();
    fs::remove_file(place(&folder).join("closed")).unwrap();
    let store = SledStore::open(&place(&folder), &new).unwrap();
    store.commit(vec![entry(0, 21, SIZE)]).await.unwrap();
    let expected = (0..=21).filter(|number| ![0, 3, 18].contains(number));
    let expected: Vec<_> = expected
        .map(|number| match number {
            4 | 19 => "new".to_owned(),
            20 => "last".to_owned(),
            _ => doc(0, number, SIZE),
        })
        .collect();
    assert_eq!(docs_of(&store, 0).await, expected);
    let all = store.list(kinds::ENTRY, None, None, usize::MAX).await.unwrap();
    assert_eq!(docs(all), expected);
}

#[tokio::test]
async fn single_entries_of_earlier_formats_are_read_with_blocks() {
    let folder = TempDir::new().unwrap();
    let store = twenty(&folder).await;
    let mut batch = sled::Batch::default();
    let head = upgrade::with_an_entry_for_each_record(&store.shared.db, &mut batch);
    drop(store);
    let opened = opening::open(&place(&folder), &KEY).unwrap();
    opened.database.write(batch).unwrap();
    assert_eq!(head.mark(), opened.head.mark(), "the digest is of the records");
    drop(opened);
    let store = open(&place(&folder)).unwrap();
    assert_eq!(places(&store), [0, 20, 0]);
    for number in 20..65 {
        store.commit(vec![entry(0, number, SIZE)]).await.unwrap();
    }
    store.commit(vec![delete(5), delete(30), delete(64)]).await.unwrap();
    let [in_blocks, single, waiting] = places(&store);
    assert!(in_blocks > 20 && single == 19 && waiting > 0, "{:?}", places(&store));
    let expected = (0..64).filter(|number| ![5, 30].contains(number));
    let expected: Vec<_> = expected.map(|number| doc(0, number, SIZE)).collect();
    let store = Arc::new(store);
    assert_eq!(docs_of(&store, 0).await, expected);
    for (after, limit) in [(number_id(3), 4), (number_id(17), 9), (number_id(40), 100)] {
        let list = store.list(kinds::ENTRY, None, Some(&after), limit).await.unwrap();
        let ids: Vec<_> = (0..64).filter(|n| ![5, 30].contains(n)).map(number_id).collect();
        let some: Vec<_> = ids.iter().filter(|id| **id > after).take(limit).collect();
        assert!(list.iter().map(|record| &record.id).eq(some));
        let list = store.list_back(kinds::ENTRY, None, Some(&after), limit).await.unwrap();
        let some: Vec<_> = ids.iter().rev().filter(|id| **id < after).take(limit).collect();
        assert!(list.iter().map(|record| &record.id).eq(some));
    }
}
