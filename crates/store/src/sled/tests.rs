use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::panic;
use std::process::{Command, Stdio};
use std::sync::mpsc as blocking;
use std::time::Instant;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::poll;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::folder::Folder;
use super::*;
use crate::conformance::{conformance, kinds};
use crate::{Change, Expect, Write};

mod appended;
mod damage;
mod lifecycle;
mod upgrade;

const KEY: StoreKey = StoreKey::new([7; 32]);

/// The path of a store in a folder that also holds the file beside it.
fn place(folder: &TempDir) -> std::path::PathBuf {
    folder.path().join("store")
}

/// Opens the store, or creates it.
fn open(path: &Path) -> Result<SledStore, OpenError> {
    match SledStore::presence(path)? {
        Presence::Nothing => SledStore::create(path, &KEY)?.finish(),
        _ => SledStore::open(path, &KEY),
    }
}

/// The same with another way to flush.
fn open_with(
    path: &Path,
    flush: impl FnOnce(&sled::Db) -> io::Result<Flush>,
) -> Result<SledStore, OpenError> {
    drop(open(path)?);
    Ok(SledStore::start(opening::open(path, &KEY)?, KEY, |_, db| flush(db))?)
}

/// Long enough for anything that is going to happen.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sled_passes_the_conformance_suite() {
    let folder = TempDir::new().unwrap();
    conformance(async |name: &str| {
        Arc::new(open(&folder.path().join(name)).unwrap()) as Arc<dyn Store>
    })
    .await;
}

#[tokio::test]
async fn an_open_store_cannot_be_opened_again() {
    let folder = TempDir::new().unwrap();
    let store = open(&place(&folder)).unwrap();
    let second = open(&place(&folder)).unwrap_err().to_string();
    assert!(second.contains("is in use by another process"), "{second}");
    assert!(second.contains(folder.path().to_str().unwrap()), "{second}");
    drop(store);
    open(&place(&folder)).unwrap();
}

#[tokio::test]
async fn a_folder_that_cannot_be_created_is_named() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    File::create(&file).unwrap();
    let error = open(&file.join("data")).unwrap_err().to_string();
    assert!(error.contains("file/data"), "{error}");
}

#[test]
fn the_stores_own_folder_is_made_private() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data");
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
    let open_to = |others| fs::set_permissions(&path, Permissions::from_mode(others)).unwrap();
    fs::create_dir(&path).unwrap();
    open_to(0o755);
    drop(open(&path).unwrap());
    assert_eq!(mode(), 0o700, "created beforehand, and empty");
    for others in [0o755, 0o710, 0o701, 0o1777] {
        open_to(others);
        drop(open(&path).unwrap());
        assert_eq!(mode(), 0o700, "with a store, {others:o}");
    }
    open_to(0o500);
    let error = open(&path).map(drop);
    assert!(mode() == 0o500, "a private folder is not changed: {error:?}");
}

#[test]
fn an_accessible_folder_with_other_files_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("lib");
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
    fs::create_dir_all(path.join("another")).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    let error = open(&path).unwrap_err().to_string();
    assert!(error.contains("`chmod 700`") && error.contains("0755"), "{error}");
    assert!(error.contains(path.to_str().unwrap()), "{error}");
    assert_eq!(mode(), 0o755);
    assert_eq!(fs::read_dir(&path).unwrap().count(), 1, "nothing is written");
    fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
    open(&path).unwrap();
}

#[tokio::test]
async fn i3_commits_are_answered_and_published_after_the_flush() {
    let folder = TempDir::new().unwrap();
    let (store, flushing, result) = with_held_flush(&folder);

    let mut first = store.commit(vec![put(kinds::USER, "first", "")]);
    assert!(poll!(&mut first).is_pending());
    flushing.recv().unwrap();
    assert!(poll!(&mut first).is_pending());
    assert_eq!(store.head().await.unwrap(), 0);
    assert_eq!(store.changes(0, Duration::ZERO).await.unwrap(), Changes::List(vec![]));

    let mut others: Vec<_> = (0..20)
        .map(|number| store.commit(vec![put(kinds::USER, &number.to_string(), "")]))
        .collect();
    for other in &mut others {
        assert!(poll!(other).is_pending());
    }
    result.send(Ok(())).unwrap();
    assert_eq!(first.await.unwrap().sequence, 1);
    flushing.recv().unwrap();
    assert_eq!(store.head().await.unwrap(), 1);
    result.send(Ok(())).unwrap();
    for (number, committed) in join_all(others).await.into_iter().enumerate() {
        assert_eq!(committed.unwrap().sequence, number as u64 + 2);
    }
    assert!(flushing.try_recv().is_err(), "two flushes were enough");
}

#[tokio::test]
async fn i1_after_a_failed_flush_everything_is_refused() {
    let folder = TempDir::new().unwrap();
    let (store, flushing, result) = with_held_flush(&folder);
    let mut first = store.commit(vec![put(kinds::USER, "first", "")]);
    assert!(poll!(&mut first).is_pending());
    flushing.recv().unwrap();
    let mut good = store.commit(vec![put(kinds::USER, "good", "")]);
    let mut refused = store.commit(vec![Write::Require {
        kind: kinds::USER,
        id: "good".to_owned(),
        expect: Expect::Absent,
    }]);
    assert!(poll!(&mut good).is_pending() && poll!(&mut refused).is_pending());
    result.send(Ok(())).unwrap();
    first.await.unwrap();
    flushing.recv().unwrap();
    let mut waiting = store.changes(1, PATIENCE);
    assert!(poll!(&mut waiting).is_pending());
    result.send(Err(io::Error::other("no space"))).unwrap();

    let unavailable = |error: &StoreError| matches!(error, StoreError::Unavailable(why) if why.contains("no space"));
    for result in [good.await, refused.await, store.commit(vec![]).await] {
        assert!(
            matches!(&result, Err(CommitError::Store(error)) if unavailable(error)),
            "{result:?}"
        );
    }
    assert!(unavailable(&waiting.await.unwrap_err()));
    let key = Key::new("login", "a");
    assert!(unavailable(&store.get(kinds::USER, "first").await.unwrap_err()));
    assert!(unavailable(&store.find(kinds::USER, &key).await.unwrap_err()));
    assert!(unavailable(&store.list(kinds::USER, None, None, 1).await.unwrap_err()));
    assert!(unavailable(&store.count(kinds::USER, None).await.unwrap_err()));
    assert!(unavailable(&store.head().await.unwrap_err()));
    drop(store);

    let store = open(&place(&folder)).unwrap();
    assert!(store.get(kinds::USER, "first").await.unwrap().is_some());
}

#[tokio::test]
async fn i1_a_panic_of_the_writer_fails_the_store() {
    let folder = TempDir::new().unwrap();
    let store = open_with(&place(&folder), |_| {
        Ok(Box::new(|| panic::resume_unwind(Box::new("a fault in sled"))))
    })
    .unwrap();
    let commit = store.commit(vec![put(kinds::USER, "a", "")]).await;
    assert!(matches!(commit, Err(CommitError::Store(StoreError::Unavailable(_)))), "{commit:?}");
    let read = store.get(kinds::USER, "a").await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
}

#[tokio::test]
async fn i3_abandoned_commits_happen_before_the_store_closes() {
    let folder = TempDir::new().unwrap();
    let store = open(&place(&folder)).unwrap();
    for number in 0..50 {
        let mut commit = store.commit(vec![put(kinds::USER, &number.to_string(), "")]);
        drop(poll!(&mut commit));
    }
    let Changes::List(changes) = store.changes(0, PATIENCE).await.unwrap() else {
        panic!("the feed has room for all");
    };
    let first = Change { sequence: 1, kind: kinds::USER, id: "0".to_owned() };
    assert_eq!(changes.first(), Some(&first));
    drop(store);
    let store = open(&place(&folder)).unwrap();
    assert_eq!(store.count(kinds::USER, None).await.unwrap(), 50);
    assert_eq!(store.head().await.unwrap(), 50);
}

#[tokio::test]
async fn a_damaged_record_is_not_an_absent_one() {
    let folder = TempDir::new().unwrap();
    let store = open(&place(&folder)).unwrap();
    store.shared.db.insert(layout::record(kinds::USER, "a"), b"short").unwrap();
    store.shared.db.insert(layout::unique(kinds::USER, &Key::new("login", "b")), b"b").unwrap();
    let read = store.get(kinds::USER, "a").await;
    assert!(matches!(&read, Err(StoreError::Damaged { id, .. }) if id == "a"), "{read:?}");
    let overwritten = store.commit(vec![put(kinds::USER, "a", "")]).await;
    assert!(
        matches!(overwritten, Err(CommitError::Store(StoreError::Damaged { .. }))),
        "its keys are unknown: {overwritten:?}"
    );
    let found = store.find(kinds::USER, &Key::new("login", "b")).await;
    assert!(matches!(&found, Err(StoreError::Damaged { id, .. }) if id == "b"), "{found:?}");
    store.commit(vec![put(kinds::USER, "c", "")]).await.unwrap();
}

/// Set in a child process: the folder of the store that it writes to until it is killed.
const STORE_TO_KILL: &str = "PORTCULLIS_TEST_STORE_TO_KILL";
/// The writers of that process, by the size of their documents. Sled keeps the largest in `blobs`.
const LANES: [usize; 4] = [10, 10, 1_000, 100_000];

#[test]
fn i3_a_killed_process_loses_no_answered_commit() {
    if let Some(folder) = std::env::var_os(STORE_TO_KILL) {
        write_until_killed(Path::new(&folder));
    }
    let folder = TempDir::new().unwrap();
    let (mut answered, mut verified) = ([0; LANES.len()], 0);
    for _ in 0..10 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "--test-threads=1"])
            .arg("sled::tests::i3_a_killed_process_loses_no_answered_commit")
            .env(STORE_TO_KILL, place(&folder))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut answers = lines.filter_map(|line| {
            let (lane, number) = line.strip_prefix("answered ")?.split_once(' ')?;
            Some((lane.parse::<usize>().unwrap(), number.parse::<u64>().unwrap()))
        });
        let mut chance = [0; 2];
        getrandom::fill(&mut chance).unwrap();
        let [alive, moment] = chance;
        for (lane, number) in answers.by_ref().take(1 + usize::from(alive) / 4) {
            answered[lane] = number;
        }
        let (decided, moment) = (Instant::now(), Duration::from_micros(10 * u64::from(moment)));
        while decided.elapsed() < moment {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        for (lane, number) in answers {
            answered[lane] = number;
        }
        assert_eq!(child.wait().unwrap().code(), None, "it was killed");

        let taken = Folder::lock(&place(&folder)).unwrap();
        verified += usize::from(check::read_files(&taken, &KEY).is_some());
        drop(taken);
        let store = open(&place(&folder)).unwrap();
        Runtime::new().unwrap().block_on(async {
            for (lane, answered) in answered.iter_mut().enumerate() {
                let written = written(&store, lane).await;
                let wrong = written < *answered || written > *answered + 1;
                assert!(!wrong, "lane {lane}: {written} there, {answered} answered");
                // The next process continues from here.
                *answered = written;
            }
        });
    }
    assert!(answered.iter().all(|answered| *answered > 0), "{answered:?}");
    assert!(verified >= 8, "{verified} of 10 were verified in place");
}

/// Each lane commits pairs of new records, together with a pair that it overwrites.
fn write_until_killed(folder: &Path) -> ! {
    let store = open(folder).unwrap();
    Runtime::new().unwrap().block_on(async {
        let mut lanes = Vec::new();
        for (lane, size) in LANES.iter().enumerate() {
            lanes.push((lane, size, written(&store, lane).await));
        }
        join_all(lanes.into_iter().map(async |(lane, size, written)| {
            for number in written + 1.. {
                let (id, doc) = (format!("{lane}-{number:09}"), document(number, *size));
                let pairs = vec![
                    put(kinds::USER, &id, &lane.to_string()),
                    put(kinds::GROUP, &lane.to_string(), &doc),
                    put(kinds::ORGANIZATION, &lane.to_string(), &doc),
                    put(kinds::END_USER, &id, &lane.to_string()),
                    appended::entry(lane, number, appended::SIZE),
                ];
                store.commit(pairs).await.unwrap();
                let line = format!("\nanswered {lane} {number}\n");
                io::stdout().write_all(line.as_bytes()).unwrap();
            }
        }))
        .await;
    });
    unreachable!("it writes until it is killed");
}

fn document(number: u64, size: usize) -> String {
    number.to_string().repeat(size)
}

/// The number of commits of a lane that are there; each must be complete.
async fn written(store: &SledStore, lane: usize) -> u64 {
    let ids = async |kind| {
        let own = format!("{lane}-");
        let records = store.list(kind, None, Some(&own), usize::MAX).await.unwrap();
        let ids = records.into_iter().map(|record| record.id);
        ids.take_while(|id| id.starts_with(&own)).collect::<Vec<_>>()
    };
    let users = ids(kinds::USER).await;
    assert_eq!(users, ids(kinds::END_USER).await, "records written together");
    let group = store.get(kinds::GROUP, &lane.to_string()).await.unwrap();
    let organization = store.get(kinds::ORGANIZATION, &lane.to_string()).await.unwrap();
    assert!(group == organization, "records overwritten together");
    let entries = appended::docs_of(store, lane).await;
    let expected = (1..).map(|number| appended::doc(lane, number, appended::SIZE));
    assert!(entries.iter().eq(&expected.take(users.len()).collect::<Vec<_>>()), "and appended");
    let Some(group) = group else {
        assert!(users.is_empty(), "the overwritten pair is there");
        return 0;
    };

    assert_eq!(users.len() as u64, group.version, "none is missing in between");
    assert_eq!(users.last(), Some(&format!("{lane}-{:09}", group.version)));
    assert!(group.doc == document(group.version, LANES[lane]), "the newest overwrites");
    group.version
}

type Flushing = blocking::Receiver<()>;
type FlushResult = blocking::Sender<io::Result<()>>;

/// A store that reports when it flushes, and waits for the result.
fn with_held_flush(folder: &TempDir) -> (SledStore, Flushing, FlushResult) {
    let (flush, flushing) = blocking::channel();
    let (send_result, result) = blocking::channel();
    let store = open_with(&place(folder), |_| {
        Ok(Box::new(move || {
            flush.send(()).unwrap();
            result.recv().unwrap()
        }))
    });
    (store.unwrap(), flushing, send_result)
}

fn put(kind: Kind, id: &str, doc: &str) -> Write {
    Write::Put {
        kind,
        id: id.to_owned(),
        expect: Expect::Any,
        doc: Bytes::copy_from_slice(doc.as_bytes()),
        unique: vec![],
        index: vec![],
        ordered: vec![],
    }
}
