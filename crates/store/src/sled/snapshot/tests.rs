use super::*;
use crate::conformance::kinds;
use crate::sled::SledStore;
use crate::{Expect, Key, Store, Write};

use std::collections::BTreeMap as Map;
use std::time::{Duration, Instant};

use tempfile::TempDir;

fn put(id: &str, doc: &str) -> Write {
    Write::Put {
        kind: kinds::USER,
        id: id.to_owned(),
        expect: Expect::Any,
        doc: doc.to_owned().into(),
        unique: vec![],
        index: vec![Key::new("group", "g")],
        ordered: vec![],
    }
}

fn delete(kind: crate::Kind, id: &str) -> Write {
    Write::Delete { kind, id: id.to_owned(), expect: Expect::Any }
}

fn append(doc: &str) -> Write {
    Write::Append { kind: kinds::ENTRY, doc: doc.to_owned().into(), index: vec![] }
}

/// The documents by kind and id.
type Content = Map<(String, String), (u64, Vec<u8>)>;

fn read_on(snapshot: &mut dyn Snapshot, content: &mut Content) -> bool {
    let read = snapshot.read(&mut |record| {
        let place = (record.kind.to_owned(), record.id.to_owned());
        let is_new = content.insert(place, (record.version, record.doc.to_vec())).is_none();
        assert!(is_new, "{record:?} is passed on twice");
    });
    read.unwrap()
}

async fn present(store: &SledStore) -> Content {
    let mut content = Content::new();
    let mut snapshot = store.snapshot().await.unwrap();
    while read_on(&mut *snapshot, &mut content) {}
    content
}

#[tokio::test]
async fn i3_a_snapshot_is_of_one_moment() {
    let folder = TempDir::new().unwrap();
    let store = SledStore::for_test(folder.path());
    for number in 0..500 {
        let (id, doc) = (format!("u{number:03}"), format!("{number}"));
        store.commit(vec![put(&id, &doc), append(&doc.repeat(50))]).await.unwrap();
    }
    let expected = present(&store).await;
    assert_eq!(expected.len(), 1000);
    let mut snapshot = store.snapshot().await.unwrap();
    let mut content = Content::new();
    for round in 0_usize.. {
        // Before and after the place that is read, and in the records that wait in the head.
        for number in [round * 7 % 500, round * 61 % 500, 499 - round % 500] {
            let id = format!("u{number:03}");
            let new = put(&format!("u{number:03}{round}"), "new");
            let write =
                if number % 3 == 0 { delete(kinds::USER, &id) } else { put(&id, "changed") };
            let entry = crate::number_id(number as u64);
            let commit = vec![write, new, append("new"), delete(kinds::ENTRY, &entry)];
            store.commit(commit).await.unwrap();
        }
        if !read_on(&mut *snapshot, &mut content) {
            assert!(round > 5, "it was read in steps");
            break;
        }
    }
    assert_eq!(content, expected);
    assert_ne!(present(&store).await, expected);
    drop(snapshot);
    assert!(store.shared.snapshots.is_empty(), "nothing is kept afterwards");
}

#[tokio::test]
async fn i12_a_snapshot_keeps_a_bounded_number_of_bytes() {
    let folder = TempDir::new().unwrap();
    let store = SledStore::for_test(folder.path());
    let ids: Vec<_> = (0..200).map(|number| format!("u{number}")).collect();
    let all = |doc: &str| ids.iter().map(|id| put(id, doc)).collect::<Vec<_>>();
    store.commit(all(&"x".repeat(1000))).await.unwrap();
    let begin = |most| SledSnapshot::with_limit(&store.shared, Head::default(), most);
    let (mut small, mut large) = (begin(50_000), begin(500_000));
    store.commit(all("y")).await.unwrap();
    let refused = small.read(&mut |_| {}).unwrap_err().to_string();
    assert!(refused.contains("too much was written"), "{refused}");
    let mut content = Content::new();
    while read_on(&mut large, &mut content) {}
    assert!(content.values().all(|(version, doc)| *version == 1 && doc.len() == 1000));
}

#[tokio::test]
async fn a_snapshot_does_not_keep_the_store_open() {
    let folder = TempDir::new().unwrap();
    let store = SledStore::for_test(folder.path());
    store.commit(vec![put("a", "1")]).await.unwrap();
    let mut snapshot = store.snapshot().await.unwrap();
    assert!(snapshot.read(&mut |_| {}).unwrap());
    drop(store);
    let refused = snapshot.read(&mut |_| {}).unwrap_err().to_string();
    assert!(refused.contains("stopping"), "{refused}");
    drop(SledStore::for_test(folder.path()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_commit_waits_for_a_whole_snapshot() {
    let folder = TempDir::new().unwrap();
    let store = SledStore::for_test(folder.path());
    for part in 0..20 {
        let writes = (0..1000).map(|number| put(&format!("u{part}-{number}"), "x"));
        store.commit(writes.collect()).await.unwrap();
    }
    let mut snapshot = store.snapshot().await.unwrap();
    // Half is read, and then nothing more until the commit has been answered.
    let mut content = Content::new();
    while content.len() < 10_000 {
        assert!(read_on(&mut *snapshot, &mut content));
    }
    let since = Instant::now();
    store.commit(vec![put("u1-1", "changed")]).await.unwrap();
    assert!(since.elapsed() < Duration::from_secs(5));
    while read_on(&mut *snapshot, &mut content) {}
    assert!(content.values().all(|(_, doc)| doc == b"x"));
    assert_eq!(content.len(), 20_000);
}
