//! I13: first starts, interrupted starts, older copies, and stores of earlier versions.

use super::*;
use crate::number_id;
use crate::sled::answered::{Answered, AnsweredFile};
use crate::sled::folder::Folder;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, Permissions::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test]
async fn i13_a_lost_store_is_not_created_again() {
    let folder = TempDir::new().unwrap();
    let path = place(&folder);
    let missing = SledStore::open(&path, &KEY).unwrap_err();
    assert!(matches!(missing, OpenError::Missing { answered: None, .. }), "{missing}");
    assert!(!path.exists(), "nothing was created");
    let store = open(&path).unwrap();
    store.commit(vec![put(kinds::USER, "a", "{}")]).await.unwrap();
    drop(store);
    let exists = SledStore::create(&path, &KEY).unwrap_err();
    assert!(matches!(exists, OpenError::Exists { .. }), "{exists}");
    fs::remove_dir_all(&path).unwrap();
    assert_eq!(SledStore::presence(&path).unwrap(), Presence::Lost);
    let missing = open(&path).unwrap_err();
    assert!(matches!(missing, OpenError::Missing { answered: Some(1), .. }), "{missing}");
    assert!(missing.to_string().contains("portcullis store init"), "{missing}");
    drop(SledStore::create(&path, &KEY).unwrap().finish().unwrap());
    assert_eq!(open(&path).unwrap().head().await.unwrap(), 0);
}

#[tokio::test]
async fn i13_an_interrupted_creation_starts_over() {
    let folder = TempDir::new().unwrap();
    let path = place(&folder);
    drop(SledStore::create(&path, &KEY).unwrap());
    assert_eq!(SledStore::presence(&path).unwrap(), Presence::Interrupted);
    let unfinished = SledStore::open(&path, &KEY).unwrap_err();
    assert!(matches!(unfinished, OpenError::Missing { .. }), "{unfinished}");
    // Incomplete files, as on a full disk.
    fs::write(path.join("conf"), "half").unwrap();
    fs::write(path.join("db"), "half").unwrap();
    fs::write(path.join("snap.0000000000000000.generating"), "half").unwrap();
    let other = StoreKey::new([9; 32]);
    drop(SledStore::create(&path, &other).unwrap().finish().unwrap());
    SledStore::open(&path, &other).unwrap();
}

#[tokio::test]
async fn files_of_an_interrupted_start_are_removed() {
    let folder = TempDir::new().unwrap();
    let path = place(&folder);
    let store = open(&path).unwrap();
    store.commit(vec![put(kinds::USER, "a", "{}")]).await.unwrap();
    drop(store);
    fs::write(path.join("snap.00000000000000FF.generating"), "").unwrap();
    fs::create_dir(path.join("checking")).unwrap();
    fs::write(path.join("checking/db"), "half").unwrap();
    fs::write(path.join("closed.new"), "half").unwrap();
    fs::write(folder.path().join("store.answered.new"), "half").unwrap();
    let store = open(&path).unwrap();
    assert!(store.get(kinds::USER, "a").await.unwrap().is_some());
    assert!(!path.join("snap.00000000000000FF.generating").exists());
    assert!(!path.join("checking").exists());
}

#[tokio::test]
async fn i13_an_older_copy_is_refused_until_accepted() {
    for closed in [true, false] {
        let folder = TempDir::new().unwrap();
        let (path, older) = (place(&folder), folder.path().join("older"));
        let store = open(&path).unwrap();
        store.commit(vec![put(kinds::USER, "first", "{}")]).await.unwrap();
        if closed {
            drop(store);
            copy(&path, &older);
        } else {
            copy(&path, &older);
            drop(store);
        }
        let store = open(&path).unwrap();
        store.commit(vec![put(kinds::USER, "second", "{}")]).await.unwrap();
        drop(store);
        fs::remove_dir_all(&path).unwrap();
        copy(&older, &path);
        for _ in 0..2 {
            let refused = open(&path).unwrap_err();
            let named = matches!(refused, OpenError::Older { sequence: 1, answered: 2, .. });
            assert!(named, "{refused}");
        }
        assert_eq!(SledStore::accept_older(&path, &KEY).unwrap(), (Some(2), 1));
        let store = open(&path).unwrap();
        assert!(store.get(kinds::USER, "first").await.unwrap().is_some());
        assert!(store.get(kinds::USER, "second").await.unwrap().is_none());
        store.commit(vec![put(kinds::USER, "third", "{}")]).await.unwrap();
    }
}

#[tokio::test]
async fn i13_another_history_of_the_same_length_is_refused() {
    let folder = TempDir::new().unwrap();
    let (path, other) = (place(&folder), folder.path().join("other"));
    open(&path).unwrap().commit(vec![put(kinds::USER, "a", "{}")]).await.unwrap();
    open(&other).unwrap().commit(vec![put(kinds::USER, "b", "{}")]).await.unwrap();
    fs::remove_dir_all(&path).unwrap();
    fs::rename(&other, &path).unwrap();
    let refused = open(&path).unwrap_err();
    assert!(matches!(refused, OpenError::Older { sequence: 1, answered: 1, .. }), "{refused}");
}

#[tokio::test]
async fn i13_a_store_ahead_of_the_last_answer_opens() {
    let folder = TempDir::new().unwrap();
    let (path, answered) = (place(&folder), folder.path().join("store.answered"));
    let store = open(&path).unwrap();
    store.commit(vec![put(kinds::USER, "a", "{}")]).await.unwrap();
    let before = fs::read(&answered).unwrap();
    store.commit(vec![put(kinds::USER, "b", "{}")]).await.unwrap();
    drop(store);
    fs::write(&answered, before).unwrap();
    let store = open(&path).unwrap();
    assert!(store.get(kinds::USER, "b").await.unwrap().is_some());
    assert_eq!(store.head().await.unwrap(), 2);
    drop(store);
    let Answered::At(mark, _) = Answered::read(&answered).unwrap() else { panic!() };
    assert_eq!(mark.sequence, 2, "and is recorded");
}

#[tokio::test]
async fn i13_a_failure_to_record_the_answer_fails_the_store() {
    let folder = TempDir::new().unwrap();
    drop(open(&place(&folder)).unwrap());
    let mut opened = opening::open(&place(&folder), &KEY).unwrap();
    opened.answered = AnsweredFile::read_only(&folder.path().join("store.answered"));
    let store = SledStore::start(opened, KEY, fsync).unwrap();
    let commit = store.commit(vec![put(kinds::USER, "a", "{}")]).await;
    assert!(matches!(commit, Err(CommitError::Store(_))), "{commit:?}");
    assert!(store.get(kinds::USER, "a").await.is_err());
}

/// A store as versions before format 1 wrote it.
fn unversioned(path: &Path) {
    let store = open(path).unwrap();
    let user = Write::Put {
        kind: kinds::USER,
        id: "a".to_owned(),
        expect: Expect::Any,
        doc: Bytes::from_static(b"{}"),
        unique: vec![Key::new("login", "ann")],
        index: vec![Key::new("group", "g")],
        ordered: vec![],
    };
    Runtime::new().unwrap().block_on(store.commit(vec![user])).unwrap();
    let db = &store.shared.db;
    let mut batch = sled::Batch::default();
    upgrade::with_an_entry_for_each_key(db, &mut head::Head::default(), &mut batch);
    db.apply_batch(batch).unwrap();
    db.remove(head::META).unwrap();
    db.insert(head::HEAD, &1_u64.to_be_bytes()).unwrap();
    for place in db.scan_prefix(b"c").keys() {
        db.remove(place.unwrap()).unwrap();
    }
    drop(store);
    for file in ["store/closed", "store/format", "store.answered"] {
        fs::remove_file(path.parent().unwrap().join(file)).unwrap();
    }
}

#[test]
fn a_store_without_a_version_is_copied_and_migrated() {
    let folder = TempDir::new().unwrap();
    let path = place(&folder);
    unversioned(&path);
    assert_eq!(SledStore::presence(&path).unwrap(), Presence::Unversioned);
    let before = fs::read(path.join("db")).unwrap();
    let store = SledStore::open(&path, &KEY).unwrap();
    let found =
        Runtime::new().unwrap().block_on(store.find(kinds::USER, &Key::new("login", "ann")));
    assert_eq!(found.unwrap().unwrap().id, "a");
    drop(store);
    assert!(fs::read(path.join("before-format-1/db")).unwrap() == before);
    assert_eq!(SledStore::presence(&path).unwrap(), Presence::Store);
    let other = SledStore::open(&path, &StoreKey::new([8; 32])).unwrap_err();
    assert!(matches!(other, OpenError::OtherKey { .. }), "{other}");
    SledStore::open(&path, &KEY).unwrap();
}

#[test]
fn i13_an_unversioned_store_without_a_record_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = place(&folder);
    unversioned(&path);
    let db = Folder::lock(&path).unwrap().open_database().unwrap();
    db.remove(layout::record(kinds::USER, "a")).unwrap();
    drop(db);
    let refused = SledStore::open(&path, &KEY).unwrap_err();
    assert!(matches!(refused, OpenError::Damaged { .. }), "{refused}");
    assert!(refused.to_string().contains("user"), "{refused}");
}

#[test]
fn an_interrupted_migration_is_finished() {
    let folder = TempDir::new().unwrap();
    let path = place(&folder);
    unversioned(&path);
    let copy = fs::read(path.join("db")).unwrap();
    drop(SledStore::open(&path, &KEY).unwrap());
    // As if the process had ended before it recorded the migration.
    fs::write(path.join("format"), "migrating").unwrap();
    fs::remove_file(folder.path().join("store.answered")).unwrap();
    drop(SledStore::open(&path, &KEY).unwrap());
    assert!(fs::read(path.join("before-format-1/db")).unwrap() == copy);
    SledStore::open(&path, &KEY).unwrap();
}

#[test]
fn i13_a_store_that_lost_its_version_is_not_migrated() {
    let folder = TempDir::new().unwrap();
    let path = place(&folder);
    drop(open(&path).unwrap());
    let db = Folder::lock(&path).unwrap().open_database().unwrap();
    db.remove(head::META).unwrap();
    drop(db);
    let refused = open(&path).unwrap_err();
    assert!(matches!(refused, OpenError::Damaged { .. }), "{refused}");
    // Nor is one without any of the files beside the database.
    let path = folder.path().join("other");
    drop(open(&path).unwrap());
    for file in ["other/closed", "other/format", "other.answered"] {
        fs::remove_file(folder.path().join(file)).unwrap();
    }
    let refused = open(&path).unwrap_err();
    assert!(matches!(refused, OpenError::Unanswered { .. }), "{refused}");
}

#[test]
fn a_later_format_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = place(&folder);
    drop(open(&path).unwrap());
    let db = Folder::lock(&path).unwrap().open_database().unwrap();
    db.insert(head::META, head::Meta { format: 5, key_id: [0; 32] }.encode()).unwrap();
    drop(db);
    let refused = open(&path).unwrap_err();
    assert!(matches!(refused, OpenError::Newer { format: 5, .. }), "{refused}");
}

#[tokio::test]
async fn i13_a_replaced_key_opens_the_store_and_the_old_does_not() {
    let folder = TempDir::new().unwrap();
    let path = place(&folder);
    let store = open(&path).unwrap();
    let index = vec![Key::new("group", "g")];
    for (id, doc) in [("kept", "1"), ("changed", "2"), ("removed", "3")] {
        let write = Write::Put {
            kind: kinds::USER,
            id: id.to_owned(),
            expect: Expect::Absent,
            doc: Bytes::from_static(doc.as_bytes()),
            unique: vec![Key::new("login", id)],
            index: index.clone(),
            ordered: vec![],
        };
        store.commit(vec![write]).await.unwrap();
    }
    drop(store);
    let new = StoreKey::new([8; 32]);
    let rekeying = Rekeying::open(&path, &KEY).unwrap();
    assert!(SledStore::open(&path, &KEY).is_err(), "it is in use");
    let mut seen = Vec::new();
    rekeying.records(|kind, id, _| seen.push(format!("{kind} {id}"))).unwrap();
    assert_eq!(seen, ["user changed", "user kept", "user removed"]);
    let change = |_: &str, id: &str, _: &[u8]| match id {
        "changed" => Rekeyed::Replaced(b"4".to_vec()),
        "removed" => Rekeyed::Removed,
        _ => Rekeyed::Kept,
    };
    let appended = Appended { kind: kinds::ENTRY, doc: b"5".to_vec(), index: index.clone() };
    rekeying.replace(&new, change, &appended).unwrap();

    let refused = SledStore::open(&path, &KEY).unwrap_err();
    assert!(matches!(refused, OpenError::OtherKey { .. }), "{refused}");
    // Without the checksums, every record is verified.
    for verified in [false, true] {
        if verified {
            fs::remove_file(path.join("closed")).unwrap();
        }
        let store = SledStore::open(&path, &new).unwrap();
        assert_eq!(store.count(kinds::USER, Some(&index[0])).await.unwrap(), 2);
        let found = store.list(kinds::USER, Some(&index[0]), None, 10).await.unwrap();
        let found: Vec<_> =
            found.iter().map(|record| (&*record.id, record.version, &*record.doc)).collect();
        assert_eq!(found, [("changed", 2, &b"4"[..]), ("kept", 1, b"1")]);
        assert!(store.get(kinds::USER, "removed").await.unwrap().is_none());
        let gone = store.find(kinds::USER, &Key::new("login", "removed")).await.unwrap();
        assert!(gone.is_none());
        let added = store.list(kinds::ENTRY, Some(&index[0]), None, 10).await.unwrap();
        assert_eq!(added.len(), 1);
        assert_eq!((&*added[0].id, &*added[0].doc), (&*number_id(0), &b"5"[..]));
        store.commit(vec![put(kinds::GROUP, "g", "1")]).await.unwrap();
    }
}
