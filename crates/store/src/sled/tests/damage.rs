//! I13: every file of a filled store is damaged in every way. The store opens only with all its
//! records, and when it is refused its files have not changed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;
use crate::sled::files::database_files;
use crate::sled::folder::Folder;

/// Number of places at which a byte is flipped.
const FLIPS: u64 = 200;

type Files = BTreeMap<String, Vec<u8>>;
type Entries = Vec<(Vec<u8>, Vec<u8>)>;

/// The files of a filled store, after closing it and after a kill.
struct Filled {
    closed: Files,
    killed: Files,
    entries: Entries,
}

/// All files in a folder, by path.
fn files(root: &Path) -> Files {
    let mut files = Files::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}

fn lay_out(root: &Path, files: &Files) {
    fs::create_dir_all(root.join("store/blobs")).unwrap();
    fs::set_permissions(root.join("store"), Permissions::from_mode(0o700)).unwrap();
    for (name, bytes) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// All entries, with one for each appended record, in order.
fn entries(store: &SledStore) -> Entries {
    let db = &store.shared.db;
    let (records, head) = upgrade::single_records(db);
    let others = db.iter().map(|entry| {
        let (place, value) = entry.unwrap();
        (place.to_vec(), value.to_vec())
    });
    let others = others.filter(|(place, _)| !place.starts_with(b"r") && place != head::HEAD);
    let mut entries: Entries = others.chain(records).collect();
    entries.push((head::HEAD.to_vec(), head.encode()));
    entries.sort();
    entries
}

fn user(number: u32) -> Write {
    Write::Put {
        kind: kinds::USER,
        id: format!("u{number:04}"),
        expect: Expect::Any,
        doc: Bytes::from(format!("{{\"n\":{number},\"pad\":\"{}\"}}", "x".repeat(600))),
        unique: vec![Key::new("login", format!("person-{number}"))],
        index: vec![Key::new("organization", (number % 7).to_string())],
        ordered: vec![],
    }
}

/// Writes several segments of sled's file: records that are replaced, removed, and large.
async fn fill(store: &SledStore) {
    for round in 0..6 {
        let users = (0..60).map(|number| user(round * 60 + number)).collect();
        store.commit(users).await.unwrap();
        let large = Write::Put {
            kind: kinds::LETTER,
            id: format!("l{round}"),
            expect: Expect::Any,
            doc: Bytes::from(vec![b'l'; 150_000]),
            unique: vec![],
            index: vec![],
            ordered: vec![],
        };
        store
            .commit(vec![large, put(kinds::ORGANIZATION, &round.to_string(), "{}")])
            .await
            .unwrap();
        store.commit((0..30).map(|number| user(round * 60 + number)).collect()).await.unwrap();
        for number in 0..11 {
            let number = u64::from(round) * 11 + number;
            store.commit(vec![appended::entry(0, number, 500)]).await.unwrap();
        }
        let (kind, id) = (kinds::USER, format!("u{:04}", round * 60 + 59));
        store.commit(vec![Write::Delete { kind, id, expect: Expect::Present }]).await.unwrap();
    }
}

impl Filled {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let store = open(&place(&folder)).unwrap();
        fill(&store).await;
        drop(store);
        // Opening it writes a snapshot; more is written after it.
        let store = open(&place(&folder)).unwrap();
        store.commit(vec![put(kinds::GROUP, "late", "{}")]).await.unwrap();
        store.commit(vec![put(kinds::ORGANIZATION, "3", "{\"late\":1}")]).await.unwrap();
        let [in_blocks, _, waiting] = appended::places(&store);
        assert!(in_blocks > 0 && waiting > 0);
        let (entries, killed) = (entries(&store), files(folder.path()));
        drop(store);
        Self { closed: files(folder.path()), killed, entries }
    }

    /// Opens the store with these files. It must have all records, or be refused and not changed.
    fn try_open(&self, files: &Files, what: &str) -> Result<(), OpenError> {
        let folder = TempDir::new().unwrap();
        lay_out(folder.path(), files);
        match open(&place(&folder)) {
            Ok(store) => {
                let found = entries(&store);
                assert!(found == self.entries, "{what}: opened with other records");
                Ok(())
            }
            Err(error) => {
                let text = error.to_string();
                for internal in ["sled", "orrupt", "backtrace", "checking/"] {
                    assert!(!text.contains(internal), "{what}: {text}");
                }
                let mut after = self::files(folder.path());
                after.remove("store/lock");
                let mut before = files.clone();
                before.remove("store/lock");
                if files.contains_key("store/closed")
                    && let OpenError::Older { .. } | OpenError::Unanswered { .. } = error
                {
                    // The files match their checksums, so it was opened and closed again.
                    return Err(error);
                }
                let (names, others) = (after.keys(), before.keys());
                assert!(names.eq(others), "{what}: {error}: {:?}", after.keys());
                for (name, bytes) in after {
                    assert!(before[&name] == bytes, "{what}: {name} has changed: {error}");
                }
                Err(error)
            }
        }
    }

    fn both(&self) -> [(&'static str, &Files); 2] {
        [("closed", &self.closed), ("killed", &self.killed)]
    }

    fn database(files: &Files) -> Vec<String> {
        let named = files.keys().filter(|name| {
            ["db", "conf"].iter().any(|end| **name == format!("store/{end}"))
                || name.starts_with("store/snap.")
                || name.starts_with("store/blobs/")
        });
        named.cloned().collect()
    }
}

fn changed(files: &Files, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Files {
    let mut files = files.clone();
    change(files.get_mut(name).unwrap());
    files
}

fn without(files: &Files, name: &str) -> Files {
    let mut files = files.clone();
    files.remove(name).unwrap();
    files
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i13_a_store_with_a_flipped_byte_opens_complete_or_not() {
    let filled = Filled::new().await;
    for (state, files) in filled.both() {
        let mut refused = 0;
        let bytes = files["store/db"].len() as u64;
        // From the first byte to the last, half of them for each state.
        for flip in (u64::from(state == "closed")..FLIPS).step_by(2) {
            let at = usize::try_from(flip * (bytes - 1) / (FLIPS - 1)).unwrap();
            let damaged = changed(files, "store/db", |db| db[at] ^= 1 << (flip % 8));
            let what = format!("{state}: byte {at} of db");
            if let Err(error) = filled.try_open(&damaged, &what) {
                refused += 1;
                let text = error.to_string();
                let advice = text.contains("portcullis store") || text.contains("secret key");
                assert!(advice, "{what}: {text}");
            }
        }
        assert!(refused > 10, "{state}: only {refused} flips were found");
        for name in Filled::database(files).iter().filter(|name| *name != "store/db") {
            for at in [0, files[name].len() / 2, files[name].len() - 1] {
                let damaged = changed(files, name, |bytes| bytes[at] ^= 0x10);
                let _ = filled.try_open(&damaged, &format!("{state}: byte {at} of {name}"));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i13_a_store_with_a_cut_file_opens_complete_or_not() {
    let filled = Filled::new().await;
    for (state, files) in filled.both() {
        filled.try_open(files, state).unwrap();
        for name in Filled::database(files) {
            let length = files[&name].len();
            let segment = 512 * 1024;
            let mut cuts = vec![0, length / 2, length - 1];
            if name == "store/db" {
                let segments = (1..=length / segment).flat_map(|n| [n * segment, n * segment + 19]);
                cuts.extend([1, 19, 20, 21, length / 3].into_iter().chain(segments));
            }
            for cut in cuts.into_iter().filter(|cut| *cut < length) {
                let damaged = changed(files, &name, |bytes| bytes.truncate(cut));
                let what = format!("{state}: {name} cut at {cut} of {length}");
                let opened = filled.try_open(&damaged, &what);
                if name == "store/db" && cut <= length / 2 {
                    assert!(opened.is_err(), "{what}");
                }
            }
            let opened = filled.try_open(&without(files, &name), &format!("{state}: no {name}"));
            assert!(name != "store/db" || matches!(opened, Err(OpenError::Missing { .. })));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i13_a_store_with_damaged_own_files_opens_complete_or_not() {
    let filled = Filled::new().await;
    for (state, files) in filled.both() {
        for name in ["store.answered", "store/format", "store/closed", "store/lock"] {
            let Some(bytes) = files.get(name) else { continue };
            let gone = filled.try_open(&without(files, name), &format!("{state}: no {name}"));
            let named = matches!(gone, Err(OpenError::Unanswered { missing: true, .. }));
            assert_eq!(named, name == "store.answered", "{state}: {name}: {gone:?}");
            for cut in [0, bytes.len() / 2] {
                let damaged = changed(files, name, |bytes| bytes.truncate(cut));
                let _ = filled.try_open(&damaged, &format!("{state}: {name} cut at {cut}"));
            }
            for at in (0..bytes.len().min(80)).step_by(9) {
                let damaged = changed(files, name, |bytes| bytes[at] ^= 0x20);
                let _ = filled.try_open(&damaged, &format!("{state}: byte {at} of {name}"));
            }
        }
        let unanswered = changed(files, "store.answered", |bytes| bytes.fill(0));
        let error = filled.try_open(&unanswered, state).unwrap_err();
        assert!(matches!(error, OpenError::Unanswered { missing: false, .. }), "{error}");
    }
}

/// Without a copy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i13_files_after_a_kill_are_verified_in_place() {
    let filled = Filled::new().await;
    let verified = |files: &Files| {
        let folder = TempDir::new().unwrap();
        lay_out(folder.path(), files);
        let taken = Folder::lock(&place(&folder)).unwrap();
        check::read_files(&taken, &KEY).map(|(found, _)| found.verify(&KEY))
    };
    for (state, files) in filled.both() {
        assert!(verified(files).unwrap().is_ok(), "{state}");
    }
    // Damage that sled would skip is left to sled.
    for name in Filled::database(&filled.killed) {
        if name.starts_with("store/snap.") {
            let damaged = changed(&filled.killed, &name, |bytes| bytes[40] ^= 1);
            assert!(verified(&damaged).is_none(), "{name}");
        }
    }
    for (name, at) in occurrences(&filled.killed, "{\"late\":1}") {
        let damaged = changed(&filled.killed, &name, |bytes| bytes[at] ^= 1);
        let head = verified(&damaged).and_then(Result::ok);
        let newest = verified(&filled.killed).unwrap().unwrap();
        assert!(head.is_none_or(|head| head.sequence < newest.sequence), "{name}");
    }
}

/// A large document is in a file of its own, which is read when it is needed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i13_damage_found_while_serving_is_named_at_the_next_start() {
    let filled = Filled::new().await;
    let folder = TempDir::new().unwrap();
    lay_out(folder.path(), &filled.closed);
    let store = open(&place(&folder)).unwrap();
    let large = filled.closed.keys().filter(|name| name.starts_with("store/blobs/"));
    for name in large {
        let mut bytes = filled.closed[name].clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let error = store.list(kinds::LETTER, None, None, 10).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "the store is unavailable: a part of the store's files is damaged; restart Portcullis: it \
         then verifies every record and names the damaged part"
    );
    drop(store);
    assert!(!place(&folder).join("closed").exists());
    let refused = open(&place(&folder)).unwrap_err().to_string();
    assert!(refused.contains("` is damaged") && refused.contains("`blobs/"), "{refused}");
    assert!(refused.contains("portcullis store rescue"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i13_another_key_does_not_open_a_store() {
    let filled = Filled::new().await;
    for (state, files) in filled.both() {
        let folder = TempDir::new().unwrap();
        lay_out(folder.path(), files);
        let other = SledStore::open(&place(&folder), &StoreKey::new([8; 32])).unwrap_err();
        assert!(matches!(other, OpenError::OtherKey { .. }), "{state}: {other}");
        open(&place(&folder)).unwrap();
    }
}

/// The places of a text in sled's files.
fn occurrences(files: &Files, text: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for name in Filled::database(files) {
        let ascii = |byte: &u8| if byte.is_ascii() { char::from(*byte) } else { '\0' };
        let bytes: String = files[&name].iter().map(ascii).collect();
        found.extend(bytes.match_indices(text).map(|(at, _)| (name.clone(), at)));
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i13_a_rescue_keeps_whole_pages_and_names_the_rest() {
    let filled = Filled::new().await;
    for (state, files) in filled.both() {
        for number in [0, 29, 100, 200, 350] {
            let what = format!("{state}: user {number}");
            let copies = occurrences(files, &format!("{{\"n\":{number},"));
            // Every copy, because any may be the one in use.
            let mut damaged = files.clone();
            for (name, at) in &copies {
                damaged.get_mut(name).unwrap()[*at] ^= 1;
            }
            assert!(!copies.is_empty(), "{what}");
            let refused = filled.try_open(&damaged, &what).unwrap_err();
            let found = refused.to_string();
            assert!(matches!(refused, OpenError::Damaged { .. }), "{what}: {found}");

            let folder = TempDir::new().unwrap();
            lay_out(folder.path(), &damaged);
            let to = folder.path().join("new");
            let rescued = SledStore::rescue(&place(&folder), &KEY, &to);
            let after = self::files(folder.path());
            for (name, bytes) in &damaged {
                assert!(after[name] == *bytes, "{what}: {name} has changed");
            }
            let rescued = rescued.unwrap();
            let store = open(&to).unwrap();
            let found = entries(&store);
            let missing = rescued.missing.join("\n");
            let mut lost = 0;
            for (place, value) in &filled.entries {
                let Some(layout::Entry::Record { kind, .. }) = layout::Entry::parse(place) else {
                    continue;
                };
                if !found.iter().any(|known| (&known.0, &known.1) == (place, value)) {
                    lost += 1;
                    let named = missing.contains(&format!("{kind}: "))
                        || missing.contains("the last readable commit is");
                    assert!(named, "{what}: {kind} is not in {missing}");
                }
            }
            // The pages that have a copy of it are damaged, and what shares them with it.
            assert!((1..20).contains(&lost), "{what}: {lost} records are lost: {missing}");
            // It can replace the damaged one, whose file beside the folder stays.
            drop(store);
            fs::rename(place(&folder), folder.path().join("damaged")).unwrap();
            fs::rename(&to, place(&folder)).unwrap();
            let store = open(&place(&folder)).unwrap();
            store.commit(vec![put(kinds::USER, "new", "{}")]).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i13_a_rescue_continues_after_the_damage() {
    let folder = TempDir::new().unwrap();
    let store = open(&place(&folder)).unwrap();
    for number in 0..200 {
        store.commit(vec![user(number)]).await.unwrap();
    }
    drop(store);
    let db = place(&folder).join("db");
    let mut bytes = fs::read(&db).unwrap();
    let newest = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[newest / 4] ^= 1;
    fs::write(&db, bytes).unwrap();
    let refused = open(&place(&folder)).unwrap_err();
    assert!(matches!(refused, OpenError::Damaged { .. }), "{refused}");
    let to = folder.path().join("new");
    let rescued = SledStore::rescue(&place(&folder), &KEY, &to).unwrap();
    assert!(!rescued.missing.is_empty());
    let kept = open(&to).unwrap().count(kinds::USER, None).await.unwrap();
    assert!((120..=200).contains(&kept), "{kept} of 200: {:?}", rescued.missing);
}

#[tokio::test]
async fn i13_a_damaged_end_is_not_an_older_copy() {
    let folder = TempDir::new().unwrap();
    let store = open(&place(&folder)).unwrap();
    for doc in ["{\"first\":1}", "{\"second\":1}", "{\"third\":1}"] {
        store.commit(vec![put(kinds::USER, doc, doc)]).await.unwrap();
    }
    let killed = files(folder.path());
    drop(store);
    let damaged = |doc: &str, damage: fn(&mut [u8])| {
        let folder = TempDir::new().unwrap();
        let mut files = killed.clone();
        for (name, at) in occurrences(&killed, doc) {
            damage(&mut files.get_mut(&name).unwrap()[at..]);
        }
        lay_out(folder.path(), &files);
        folder
    };
    // A valid commit follows the damaged one, so this is not an older copy.
    let second = damaged("{\"second\":1}", |rest| rest[0] ^= 1);
    for refused in [
        open(&place(&second)).map(drop).unwrap_err(),
        SledStore::accept_older(&place(&second), &KEY).map(drop).unwrap_err(),
    ] {
        assert!(matches!(refused, OpenError::Damaged { .. }), "{refused}");
        assert!(refused.to_string().contains("before them is 1 of 3"), "{refused}");
    }
    let rescued = SledStore::rescue(&place(&second), &KEY, &second.path().join("new")).unwrap();
    assert!(!rescued.missing.is_empty());
    let store = open(&second.path().join("new")).unwrap();
    assert!(store.get(kinds::USER, "{\"third\":1}").await.unwrap().is_some());
    // Without anything after the damage it looks like an older copy: the error names both.
    let third = damaged("{\"third\":1}", |rest| rest.fill(0));
    let refused = open(&place(&third)).map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::Older { sequence: 2, answered: 3, .. }), "{refused}");
    for named in ["1 commit is missing", "older copy", "damaged or lost", "portcullis store rescue"]
    {
        assert!(refused.to_string().contains(named), "{refused}");
    }
    assert_eq!(SledStore::accept_older(&place(&third), &KEY).unwrap(), (Some(3), 2));
}

#[test]
fn a_mount_point_is_reported() {
    let folder = TempDir::new().unwrap();
    assert_eq!(SledStore::mount_warning(folder.path()), None);
    assert_eq!(SledStore::mount_warning(&place(&folder)), None, "one that is not there");
    let warning = SledStore::mount_warning(Path::new("/proc")).unwrap();
    assert!(warning.contains("/proc.answered") && warning.contains("/proc/store"), "{warning}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rescue_of_an_intact_store_loses_nothing() {
    let filled = Filled::new().await;
    let folder = TempDir::new().unwrap();
    lay_out(folder.path(), &filled.killed);
    let to = folder.path().join("new");
    let rescued = SledStore::rescue(&place(&folder), &KEY, &to).unwrap();
    assert_eq!(rescued.missing, Vec::<String>::new());
    let head = |entries: &Entries| -> Entries {
        entries.iter().filter(|(place, _)| place != head::HEAD).cloned().collect()
    };
    assert!(head(&entries(&open(&to).unwrap())) == head(&filled.entries));
    let again = SledStore::rescue(&place(&folder), &KEY, &to).unwrap_err();
    assert!(matches!(again, OpenError::NotEmpty { .. }), "{again}");
}

#[tokio::test]
async fn all_files_of_the_store_are_private() {
    let folder = TempDir::new().unwrap();
    let store = open(&place(&folder)).unwrap();
    fill(&store).await;
    drop(store);
    let _store = open(&place(&folder)).unwrap();
    let mut found: Vec<PathBuf> =
        database_files(&place(&folder)).unwrap().iter().map(|f| place(&folder).join(f)).collect();
    found.push(folder.path().join("store.answered"));
    assert!(found.len() > 5, "{found:?}");
    for file in found {
        let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.display());
    }
}
