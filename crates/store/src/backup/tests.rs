use super::*;
use crate::conformance::kinds;
use crate::sled::{OpenError, RestoreError, SledStore};
use crate::{Expect, Key, Kind, Store, Write, number_id};

use std::fs;
use std::path::Path;

use tempfile::TempDir;

const KEY: StoreKey = StoreKey::new([7; 32]);

fn user(number: usize) -> Write {
    Write::Put {
        kind: kinds::USER,
        id: format!("u{number}"),
        expect: Expect::Any,
        doc: format!(r#"{{"name":"User {number}"}}"#).into(),
        unique: vec![Key::new("login", format!("user{number}@example.com"))],
        index: vec![Key::new("group", format!("g{}", number % 3))],
        ordered: vec![Key::new("name", format!("User {number}")), Key::new("name", "user")],
    }
}

fn entry(number: usize) -> Write {
    let index = vec![Key::new("kind", format!("k{}", number % 2))];
    Write::Append { kind: kinds::ENTRY, doc: format!("{{\"n\":{number}}}").into(), index }
}

/// A store with users, groups and appended records, some of them removed again.
async fn filled(folder: &Path, users: usize) -> SledStore {
    let store = SledStore::for_test(folder);
    for number in 0..users {
        store.commit(vec![user(number), entry(number)]).await.unwrap();
    }
    let group = Write::Put {
        kind: kinds::GROUP,
        id: "g0".to_owned(),
        expect: Expect::Any,
        doc: "{}".into(),
        unique: vec![],
        index: vec![],
        ordered: vec![],
    };
    let (kind, expect) = (kinds::ENTRY, Expect::Present);
    let removed = Write::Delete { kind, id: number_id(0), expect };
    store.commit(vec![group, user(0), removed]).await.unwrap();
    store
}

async fn backup(store: &SledStore, file: &Path, leave_out: &[Kind]) -> Header {
    let facts = vec![("policy".to_owned(), "abc".to_owned())];
    let options = Options { leave_out: leave_out.to_vec(), facts };
    let snapshot = store.snapshot().await.unwrap();
    write(snapshot, &KEY, options, fs::File::create(file).unwrap(), &mut || {}).unwrap().0
}

/// Everything that can be read of the records of a kind.
async fn content(store: &SledStore, kind: Kind) -> String {
    let records = store.list(kind, None, None, 10_000).await.unwrap();
    let mut content = format!("{} {records:?}", store.count(kind, None).await.unwrap());
    for (name, value) in [("group", "g1"), ("kind", "k1")] {
        let key = Key::new(name, value);
        let listed = store.list(kind, Some(&key), None, 10_000).await.unwrap();
        content += &format!("{} {listed:?}", store.count(kind, Some(&key)).await.unwrap());
    }
    content += &format!("{:?}", store.find(kind, &Key::new("login", "user1@example.com")).await);
    let search =
        crate::Search { prefix: Some(Key::new("name", "User 1")), ..crate::Search::default() };
    if !kind.is_appended() {
        content += &format!("{:?}", store.search(kind, &search, 100).await.unwrap());
    }
    content
}

#[tokio::test]
async fn i3_restore_gives_back_every_record() {
    let folder = TempDir::new().unwrap();
    let (file, restored) = (folder.path().join("file"), folder.path().join("restored"));
    let store = filled(folder.path(), 200).await;
    let header = backup(&store, &file, &[]).await;
    assert_eq!(header.records(), 200 + 199 + 1);
    assert_eq!(header.fact("policy"), Some("abc"));
    let done = SledStore::restore(&restored, &KEY, &file).unwrap();
    assert_eq!(done.header, header);
    let copy = SledStore::open(&restored, &KEY).unwrap();
    assert_eq!(copy.head().await.unwrap(), done.sequence);
    for kind in [kinds::USER, kinds::GROUP, kinds::ENTRY] {
        assert_eq!(content(&copy, kind).await, content(&store, kind).await, "{kind:?}");
    }
    // Both go on alike.
    for store in [&store, &copy] {
        for number in 200..300 {
            store.commit(vec![user(number), entry(number)]).await.unwrap();
        }
    }
    assert_eq!(content(&copy, kinds::ENTRY).await, content(&store, kinds::ENTRY).await);
    drop(copy);
    SledStore::open(&restored, &KEY).unwrap();
}

#[tokio::test]
async fn i13_a_backup_with_any_byte_changed_is_refused() {
    let folder = TempDir::new().unwrap();
    let (file, restored) = (folder.path().join("file"), folder.path().join("restored"));
    let store = filled(folder.path(), 2).await;
    backup(&store, &file, &[]).await;
    let whole = fs::read(&file).unwrap();
    let verify = |bytes: &[u8], key| Reader::open(bytes, key).and_then(Reader::verify);
    verify(&whole, Some(&KEY)).unwrap();
    verify(&whole, None).unwrap();
    for place in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[place] ^= 1 << (place % 8);
        for key in [Some(&KEY), None] {
            verify(&damaged, key).unwrap_err();
        }
        verify(&whole[..place], None).unwrap_err();
        fs::write(&file, &damaged).unwrap();
        SledStore::restore(&restored, &KEY, &file).unwrap_err();
        assert!(!restored.exists(), "byte {place}: nothing is written");
    }
    verify(&[&*whole, b"0"].concat(), None).unwrap_err();
}

#[tokio::test]
async fn a_backup_of_another_key_is_refused() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    backup(&filled(folder.path(), 2).await, &file, &[]).await;
    let other = StoreKey::new([8; 32]);
    let refused = SledStore::restore(&folder.path().join("restored"), &other, &file).unwrap_err();
    assert!(refused.to_string().contains("another secret key"), "{refused}");
}

#[tokio::test]
async fn i13_a_forged_backup_is_refused() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    let store = filled(folder.path(), 2).await;
    // All checksums are right, and the key id is copied.
    let snapshot = store.snapshot().await.unwrap();
    let mut blocks = framing::BlockWriter::start(fs::File::create(&file).unwrap()).unwrap();
    let (schema, sequence) = (snapshot.format(), snapshot.sequence());
    let (facts, kinds) = (Vec::new(), Vec::new());
    let header = Header { schema, key_id: key_id(&KEY), sequence, facts, kinds }.encode();
    blocks.write(&(header.len() as u64).to_be_bytes()).unwrap();
    blocks.write(&header).unwrap();
    blocks.finish(0, &StoreKey::new([8; 32])).unwrap();
    Reader::open(fs::File::open(&file).unwrap(), None).unwrap().verify().unwrap();
    let refused = SledStore::restore(&folder.path().join("restored"), &KEY, &file).unwrap_err();
    assert!(refused.to_string().contains("not made with this secret key"), "{refused}");
}

#[tokio::test]
async fn a_newer_backup_is_refused_with_both_numbers() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    backup(&filled(folder.path(), 2).await, &file, &[]).await;
    let mut newer = fs::read(&file).unwrap();
    newer[MAGIC.len() + 7] = 9;
    fs::write(&file, &newer).unwrap();
    let refused = SledStore::restore(&folder.path().join("restored"), &KEY, &file).unwrap_err();
    let refused = refused.to_string();
    assert!(refused.contains("format 9") && refused.contains("up to 1"), "{refused}");
}

#[tokio::test]
async fn i13_a_store_is_never_overwritten() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    let store = filled(folder.path(), 2).await;
    backup(&store, &file, &[]).await;
    let path = folder.path().join("store");
    drop(store);
    let refused = SledStore::restore(&path, &KEY, &file).unwrap_err();
    assert!(matches!(refused, RestoreError::Store(OpenError::Exists { .. })), "{refused}");
    assert_eq!(SledStore::open(&path, &KEY).unwrap().count(kinds::USER, None).await.unwrap(), 2);
}

#[tokio::test]
async fn kinds_are_left_out_of_a_backup() {
    let folder = TempDir::new().unwrap();
    let (file, restored) = (folder.path().join("file"), folder.path().join("restored"));
    let store = filled(folder.path(), 5).await;
    let header = backup(&store, &file, &[kinds::USER]).await;
    assert_eq!(header.records(), 4 + 1);
    SledStore::restore(&restored, &KEY, &file).unwrap();
    let copy = SledStore::open(&restored, &KEY).unwrap();
    assert_eq!(copy.count(kinds::USER, None).await.unwrap(), 0);
    assert_eq!(content(&copy, kinds::ENTRY).await, content(&store, kinds::ENTRY).await);
}
