use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use futures_util::poll;
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::sync::{Notify, Semaphore};

use super::*;
use crate::cache::FreshCache;
use crate::conformance::kinds;
use crate::sled::SledStore;
use crate::{Expect, Found, Key, Kind, Record, Search, Write};

fn put(id: &str) -> Write {
    Write::Put {
        kind: kinds::USER,
        id: id.to_owned(),
        expect: Expect::Any,
        doc: Bytes::from_static(b"{}"),
        unique: vec![],
        index: vec![],
        ordered: vec![],
    }
}

fn sled(folder: &TempDir) -> Arc<dyn Store> {
    Arc::new(SledStore::for_test(folder.path()))
}

/// Records the changes passed to it, and waits or fails when the test wants it to.
struct Recorder {
    applied: Mutex<Vec<Change>>,
    called: Notify,
    /// One permit for each call that may proceed.
    gate: Semaphore,
    failing: AtomicBool,
    restarts: AtomicU64,
}

impl Recorder {
    fn new(permits: usize) -> Arc<Self> {
        Arc::new(Self {
            applied: Mutex::default(),
            called: Notify::new(),
            gate: Semaphore::new(permits),
            failing: AtomicBool::new(false),
            restarts: AtomicU64::new(0),
        })
    }

    fn open() -> Arc<Self> {
        Self::new(Semaphore::MAX_PERMITS)
    }

    fn ids(&self) -> Vec<String> {
        self.applied.lock().iter().map(|change| change.id.clone()).collect()
    }
}

#[async_trait]
impl Follower for Recorder {
    async fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        self.called.notify_one();
        self.gate.acquire().await.unwrap().forget();
        if self.failing.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("failing on purpose".to_owned()));
        }
        self.applied.lock().extend(changes.iter().cloned());
        Ok(())
    }

    async fn start_over(&self) -> Result<(), StoreError> {
        if self.failing.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("failing on purpose".to_owned()));
        }
        self.restarts.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// A follower that panics.
struct Faulty;

#[async_trait]
impl Follower for Faulty {
    async fn apply(&self, _changes: &[Change]) -> Result<(), StoreError> {
        panic!("a fault")
    }

    async fn start_over(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[tokio::test]
async fn i11_the_end_of_the_feed_task_is_reported() {
    let folder = TempDir::new().unwrap();
    let feed = Feed::start(sled(&folder), vec![Arc::new(Faulty)]).await.unwrap();
    let ended = feed.ended();
    tokio::pin!(ended);
    assert!(poll!(&mut ended).is_pending());
    feed.store().commit(vec![put("a")]).await.unwrap();
    time::timeout(Duration::from_secs(20), ended).await.unwrap();
}

#[tokio::test]
async fn i2_a_commit_returns_after_every_follower_applied_it() {
    let folder = TempDir::new().unwrap();
    let (quick, slow) = (Recorder::open(), Recorder::new(0));
    let followers: Vec<Arc<dyn Follower>> = vec![quick.clone(), slow.clone()];
    let feed = Feed::start(sled(&folder), followers).await.unwrap();

    let commit = feed.commit(vec![put("a")]);
    tokio::pin!(commit);
    tokio::select! {
        biased;
        answer = &mut commit => panic!("returned before it was in force: {answer:?}"),
        () = slow.called.notified() => {}
    }
    assert!(feed.store().get(kinds::USER, "a").await.unwrap().is_some());
    assert_eq!(quick.ids(), ["a"], "in the order of the list");
    assert!(poll!(&mut commit).is_pending());
    slow.gate.add_permits(1);
    assert_eq!(commit.await.unwrap().sequence, 1);
    assert_eq!(slow.ids(), ["a"]);
}

#[tokio::test]
async fn a_refused_commit_returns_at_once() {
    let folder = TempDir::new().unwrap();
    let follower = Recorder::open();
    let feed = Feed::start(sled(&folder), vec![follower.clone()]).await.unwrap();
    let kind = kinds::USER;
    let refused = feed
        .commit(vec![Write::Delete { kind, id: "a".to_owned(), expect: Expect::Present }])
        .await;
    assert!(matches!(refused, Err(CommitError::Conflict { .. })), "{refused:?}");
    // A commit that changes nothing is in force already.
    feed.commit(vec![]).await.unwrap();
    feed.commit(vec![put("b")]).await.unwrap();
    feed.commit(vec![]).await.unwrap();
    assert_eq!(follower.ids(), ["b"]);
}

#[tokio::test]
async fn i2_an_abandoned_commit_is_followed() {
    let folder = TempDir::new().unwrap();
    let follower = Recorder::open();
    let feed = Feed::start(sled(&folder), vec![follower.clone()]).await.unwrap();
    {
        let commit = feed.commit(vec![put("a")]);
        tokio::pin!(commit);
        assert!(poll!(&mut commit).is_pending());
    }
    follower.called.notified().await;
    feed.commit(vec![put("b")]).await.unwrap();
    assert_eq!(follower.ids(), ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_get_all_commits_in_order() {
    let folder = TempDir::new().unwrap();
    let follower = Recorder::open();
    let feed = Feed::start(sled(&folder), vec![follower.clone()]).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..4 {
        let feed = feed.clone();
        tasks.spawn(async move {
            for number in 0..10 {
                let commit = vec![put(&format!("{task}-{number}"))];
                if task == 0 {
                    feed.store().commit(commit).await.unwrap();
                } else {
                    feed.commit(commit).await.unwrap();
                }
            }
        });
    }
    tasks.join_all().await;
    feed.commit(vec![put("last")]).await.unwrap();
    let applied = follower.applied.lock();
    let sequences: Vec<u64> = applied.iter().map(|change| change.sequence).collect();
    assert_eq!(sequences, (1..=41).collect::<Vec<_>>());
    assert_eq!(applied.last().unwrap().id, "last");
}

#[tokio::test]
async fn a_feed_does_not_start_if_a_follower_cannot_read() {
    let folder = TempDir::new().unwrap();
    let store = sled(&folder);
    store.commit(vec![put("before")]).await.unwrap();
    let follower = Recorder::open();
    follower.failing.store(true, Ordering::SeqCst);
    let failed = Feed::start(Arc::clone(&store), vec![follower.clone()]).await;
    assert!(failed.is_err());

    follower.failing.store(false, Ordering::SeqCst);
    let feed = Feed::start(store, vec![follower.clone()]).await.unwrap();
    feed.commit(vec![put("after")]).await.unwrap();
    assert_eq!(follower.restarts.load(Ordering::SeqCst), 1);
    assert_eq!(follower.ids(), ["after"], "it has read what was there before");
}

/// A store whose `changes` the test determines, and which accepts every commit.
#[derive(Debug, Default)]
struct Scripted {
    answers: Mutex<Vec<Result<Changes, StoreError>>>,
    more: Notify,
}

impl Scripted {
    fn answer(&self, answer: Result<Changes, StoreError>) {
        self.answers.lock().insert(0, answer);
        self.more.notify_one();
    }
}

#[async_trait]
impl Store for Scripted {
    async fn get(&self, _: Kind, _: &str) -> Result<Option<Record>, StoreError> {
        Ok(None)
    }
    async fn find(&self, _: Kind, _: &Key) -> Result<Option<Record>, StoreError> {
        Ok(None)
    }
    async fn list(
        &self,
        _: Kind,
        _: Option<&Key>,
        _: Option<&str>,
        _: usize,
    ) -> Result<Vec<Record>, StoreError> {
        Ok(vec![])
    }
    async fn list_back(
        &self,
        _: Kind,
        _: Option<&Key>,
        _: Option<&str>,
        _: usize,
    ) -> Result<Vec<Record>, StoreError> {
        Ok(vec![])
    }
    async fn search(&self, _: Kind, _: &Search, _: usize) -> Result<Found, StoreError> {
        Ok(Found::default())
    }
    async fn count(&self, _: Kind, _: Option<&Key>) -> Result<u64, StoreError> {
        Ok(0)
    }
    async fn commit(&self, _: Commit) -> Result<Committed, CommitError> {
        Ok(Committed { sequence: 1, versions: vec![] })
    }
    async fn head(&self) -> Result<u64, StoreError> {
        Ok(0)
    }
    async fn changes(&self, _: u64, _: Duration) -> Result<Changes, StoreError> {
        loop {
            if let Some(answer) = self.answers.lock().pop() {
                return answer;
            }
            self.more.notified().await;
        }
    }
}

/// Lets the feed's task run as far as it can without time passing.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

fn unavailable() -> Result<Changes, StoreError> {
    Err(StoreError::Unavailable("down".to_owned()))
}

#[tokio::test(start_paused = true)]
async fn i2_staleness_grows_until_the_store_answers() {
    let store = Arc::new(Scripted::default());
    let feed = Feed::start(store.clone(), vec![]).await.unwrap();
    let limit = Duration::from_secs(5);
    assert!(feed.freshness().fresh(limit));
    time::advance(limit).await;
    assert!(feed.freshness().fresh(limit));
    time::advance(Duration::from_millis(1)).await;
    assert!(!feed.freshness().fresh(limit));

    store.answer(unavailable());
    settle().await;
    assert!(!feed.freshness().fresh(limit), "an error confirms nothing");
    time::advance(FIRST_PAUSE).await;
    store.answer(Ok(Changes::List(vec![])));
    settle().await;
    assert_eq!(feed.freshness().staleness(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_idle_store_stays_within_the_least_staleness() {
    let folder = TempDir::new().unwrap();
    let feed = Feed::start(sled(&folder), vec![]).await.unwrap();
    let mut stalest = Duration::ZERO;
    for _ in 0..1000 {
        time::advance(Duration::from_millis(10)).await;
        settle().await;
        stalest = stalest.max(feed.freshness().staleness());
    }
    assert!(stalest <= MIN_STALENESS / 2, "{stalest:?}: no room for a busy machine");
    assert!(stalest > Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn i2_a_failing_follower_gets_the_changes_again() {
    let store = Arc::new(Scripted::default());
    let follower = Recorder::open();
    let feed = Feed::start(store.clone(), vec![follower.clone()]).await.unwrap();
    follower.failing.store(true, Ordering::SeqCst);

    let change = Change { sequence: 1, kind: kinds::USER, id: "a".to_owned() };
    let commit = feed.commit(vec![put("a")]);
    tokio::pin!(commit);
    assert!(poll!(&mut commit).is_pending());
    time::advance(Duration::from_secs(1)).await;
    store.answer(Ok(Changes::List(vec![change.clone()])));
    settle().await;
    assert!(poll!(&mut commit).is_pending());
    assert_eq!(feed.freshness().staleness(), Duration::from_secs(1));

    follower.failing.store(false, Ordering::SeqCst);
    store.answer(Ok(Changes::List(vec![change])));
    time::advance(FIRST_PAUSE).await;
    settle().await;
    assert_eq!(commit.await.unwrap().sequence, 1);
    assert_eq!(follower.ids(), ["a"]);
    assert_eq!(feed.freshness().staleness(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn i2_a_commit_that_is_not_applied_is_an_error() {
    let feed = Feed::start(Arc::new(Scripted::default()), vec![]).await.unwrap();
    let answer = feed.commit(vec![put("a")]).await;
    assert!(matches!(answer, Err(CommitError::Store(StoreError::Unavailable(_)))), "{answer:?}");
    assert_eq!(feed.freshness().staleness(), APPLY_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn followers_start_over_after_missed_changes() {
    let store = Arc::new(Scripted::default());
    let follower = Recorder::open();
    let feed = Feed::start(store.clone(), vec![follower.clone()]).await.unwrap();
    let commit = feed.commit(vec![put("a")]);
    tokio::pin!(commit);
    assert!(poll!(&mut commit).is_pending());
    store.answer(Ok(Changes::StartOver { head: 7 }));
    commit.await.unwrap();
    assert_eq!(follower.restarts.load(Ordering::SeqCst), 2);
    assert_eq!(follower.ids(), [""; 0]);
}

#[tokio::test]
async fn the_last_handle_ends_the_task_and_frees_the_store() {
    let folder = TempDir::new().unwrap();
    let feed = Feed::start(sled(&folder), vec![]).await.unwrap();
    let store = Arc::downgrade(feed.store());
    let clone = feed.clone();
    drop(feed);
    clone.commit(vec![put("a")]).await.unwrap();
    drop(clone);
    while store.strong_count() > 0 {
        tokio::task::yield_now().await;
    }
    drop(SledStore::for_test(folder.path()));
}

/// A cache in front of the store, invalidated by the feed, as the application uses it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i2_no_cached_value_is_older_than_a_commit() {
    struct Users(FreshCache<String, u64>);

    #[async_trait]
    impl Follower for Users {
        async fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
            changes.iter().for_each(|change| self.0.invalidate(&change.id));
            Ok(())
        }
        async fn start_over(&self) -> Result<(), StoreError> {
            self.0.invalidate_all();
            Ok(())
        }
    }

    let folder = TempDir::new().unwrap();
    let users = Arc::new(Users(FreshCache::new(10)));
    let feed = Feed::start(sled(&folder), vec![users.clone()]).await.unwrap();
    let version = || async {
        let load = || async {
            let record = feed.store().get(kinds::USER, "a").await?;
            Ok::<_, StoreError>(record.map(|record| record.version))
        };
        users.0.get_or_load("a".to_owned(), load).await.unwrap()
    };
    for wanted in 1..=20 {
        feed.commit(vec![put("a")]).await.unwrap();
        let both = tokio::join!(version(), version());
        assert_eq!(both, (Some(wanted), Some(wanted)));
    }
}
