//! Stores of earlier formats: upgraded after a backup, or rescued.

use super::*;
use crate::number_id;
use crate::sled::answered::AnsweredFile;
use crate::sled::appended::records as records_of;

/// Replaces blocks of ids by an entry for each index key of each record, as before format 3.
pub(super) fn with_an_entry_for_each_key(
    db: &sled::Tree,
    head: &mut head::Head,
    batch: &mut sled::Batch,
) {
    let blocks: Vec<_> = db.scan_prefix(b"i").map(Result::unwrap).collect();
    for (place, block) in &blocks {
        head.digest.remove(&KEY, place, block);
        batch.remove(place);
    }
    for (place, block) in &blocks {
        let (prefix, _) = layout::index_parts(place).unwrap();
        for id in blocks::ids(block) {
            let place = [prefix, id].concat();
            head.digest.add(&KEY, &place, b"");
            batch.insert(place, b"");
        }
    }
}

/// Places and stored bytes.
type SingleRecords = Vec<(Vec<u8>, Vec<u8>)>;

/// All records, each with its own place, and the head without any.
pub(super) fn single_records(db: &sled::Tree) -> (SingleRecords, head::Head) {
    let mut records = Vec::new();
    for entry in db.scan_prefix(b"r") {
        let (place, value) = entry.unwrap();
        let Some(layout::Entry::Record { kind, id }) = layout::Entry::parse(&place) else {
            panic!()
        };
        let place = |id| [&*layout::records(kind), id].concat();
        records.extend(records_of(id, &value).map(|(id, stored)| (place(id), stored.to_vec())));
    }
    let mut head = head::Head::decode(&db.get(head::HEAD).unwrap().unwrap()).unwrap();
    let waiting = std::mem::take(&mut head.waiting);
    records.extend(waiting.entries().map(|(place, stored)| (place, stored.to_vec())));
    (records, head)
}

/// Replaces blocks of appended records, and those that wait, by an entry for each, as before format 4.
pub(super) fn with_an_entry_for_each_record(
    db: &sled::Tree,
    batch: &mut sled::Batch,
) -> head::Head {
    for place in db.scan_prefix(b"r").keys() {
        batch.remove(place.unwrap());
    }
    let (records, head) = single_records(db);
    for (place, stored) in records {
        batch.insert(place, stored);
    }
    batch.insert(head::HEAD, head.encode());
    head
}

/// A store as versions with format 1, 2 or 3 wrote it. Without counts in format 1.
async fn of_format(format: u64, folder: &TempDir) {
    let store = open(&place(folder)).unwrap();
    let put = |id: &str, group: &str| Write::Put {
        kind: kinds::USER,
        id: id.to_owned(),
        expect: Expect::Any,
        doc: Bytes::from_static(b"{}"),
        unique: vec![Key::new("login", id)],
        index: vec![Key::new("group", group)],
        ordered: vec![],
    };
    let commit = vec![put("a", "g"), put("b", "g"), put("c", "h")];
    store.commit(commit).await.unwrap();
    let appended = Write::Append {
        kind: kinds::GROUP,
        doc: Bytes::from_static(b"{}"),
        index: vec![Key::new("group", "g")],
    };
    store.commit(vec![appended]).await.unwrap();
    for number in 0..20 {
        store.commit(vec![appended::entry(0, number, appended::SIZE)]).await.unwrap();
    }
    drop(store);
    let opened = opening::open(&place(folder), &KEY).unwrap();
    let (db, mut batch) = (&opened.database, sled::Batch::default());
    let mut head = with_an_entry_for_each_record(db, &mut batch);
    if format < 3 {
        with_an_entry_for_each_key(db, &mut head, &mut batch);
    }
    for entry in db.scan_prefix(b"c").filter(|_| format == 1) {
        let (place, value) = entry.unwrap();
        head.digest.remove(&KEY, &place, &value);
        batch.remove(place);
    }
    batch.insert(head::META, head::Meta { format, ..head::Meta::of(&KEY) }.encode());
    batch.insert(head::HEAD, head.encode());
    db.write(batch).unwrap();
    AnsweredFile::create(db.folder().answered(), head.mark()).unwrap();
}

#[tokio::test]
async fn stores_of_earlier_formats_are_upgraded() {
    for format in [1, 2, 3] {
        is_upgraded(format).await;
    }
}

async fn is_upgraded(format: u64) {
    let folder = TempDir::new().unwrap();
    of_format(format, &folder).await;
    let counts = async |store: &SledStore| {
        let mut counts = vec![store.count(kinds::USER, None).await.unwrap()];
        for group in ["g", "h", "none"] {
            let key = Key::new("group", group);
            counts.push(store.count(kinds::USER, Some(&key)).await.unwrap());
            counts.push(store.count(kinds::GROUP, Some(&key)).await.unwrap());
        }
        counts
    };
    let store = SledStore::open(&place(&folder), &KEY).unwrap();
    assert_eq!(counts(&store).await, [3, 2, 1, 1, 0, 0, 0]);
    let delete = |kind, id: &str| Write::Delete { kind, id: id.to_owned(), expect: Expect::Any };
    let appended = number_id(0);
    let commit = vec![delete(kinds::USER, "a"), delete(kinds::GROUP, &appended)];
    store.commit(commit).await.unwrap();
    assert_eq!(counts(&store).await, [2, 1, 0, 1, 0, 0, 0]);
    let entries = appended::docs_of(&store, 0).await;
    assert_eq!(entries.len(), 20, "format {format}");
    store.commit(vec![appended::entry(0, 20, appended::SIZE)]).await.unwrap();
    drop(store);
    // Without the checksums, every record is verified.
    fs::remove_file(place(&folder).join("closed")).unwrap();
    let store = SledStore::open(&place(&folder), &KEY).unwrap();
    assert_eq!(counts(&store).await, [2, 1, 0, 1, 0, 0, 0]);
    let entries = appended::docs_of(&store, 0).await;
    let expected: Vec<_> =
        (0..=20).map(|number| appended::doc(0, number, appended::SIZE)).collect();
    assert_eq!(entries, expected, "format {format}");
}

#[tokio::test]
async fn i13_a_backup_is_made_before_an_upgrade() {
    for format in [1, 2, 3] {
        let folder = TempDir::new().unwrap();
        of_format(format, &folder).await;
        let file = folder.path().join(format!("store.format-{format}.backup"));
        // A folder is in the way, so it cannot be written.
        fs::create_dir(&file).unwrap();
        let refused = SledStore::open(&place(&folder), &KEY).unwrap_err().to_string();
        assert!(refused.contains("Nothing was changed"), "{refused}");
        assert!(refused.contains(&format!("format {format}")), "{refused}");
        fs::remove_dir(&file).unwrap();
        let upgraded = SledStore::open(&place(&folder), &KEY).unwrap();
        let restored = folder.path().join("restored");
        let done = SledStore::restore(&restored, &KEY, &file).unwrap();
        assert_eq!(done.header.schema, format);
        let restored = SledStore::open(&restored, &KEY).unwrap();
        let of = async |store: &SledStore| {
            let mut found = appended::docs_of(store, 0).await;
            for kind in [kinds::USER, kinds::GROUP] {
                found.push(format!("{:?}", store.list(kind, None, None, 100).await.unwrap()));
            }
            found
        };
        assert_eq!(of(&restored).await, of(&upgraded).await, "format {format}");
    }
}

#[tokio::test]
async fn i13_an_interrupted_upgrade_is_complete_or_absent() {
    for format in [1, 2, 3] {
        is_complete_or_absent(format).await;
    }
}

async fn is_complete_or_absent(format: u64) {
    let folder = TempDir::new().unwrap();
    of_format(format, &folder).await;
    let before = fs::read(folder.path().join("store.answered")).unwrap();
    drop(SledStore::open(&place(&folder), &KEY).unwrap());
    // As if the process had ended before the file beside the store was written.
    fs::write(folder.path().join("store.answered"), before).unwrap();
    fs::remove_file(place(&folder).join("closed")).unwrap();
    let store = SledStore::open(&place(&folder), &KEY).unwrap();
    assert_eq!(store.count(kinds::USER, Some(&Key::new("group", "g"))).await.unwrap(), 2);
}

#[tokio::test]
async fn a_store_of_an_earlier_format_is_rescued() {
    for format in [1, 2, 3] {
        let folder = TempDir::new().unwrap();
        of_format(format, &folder).await;
        let to = folder.path().join("new");
        let rescued = SledStore::rescue(&place(&folder), &KEY, &to).unwrap();
        assert_eq!(rescued.missing, [""; 0], "format {format}");
        let store = open(&to).unwrap();
        assert_eq!(store.count(kinds::USER, Some(&Key::new("group", "g"))).await.unwrap(), 2);
    }
}
