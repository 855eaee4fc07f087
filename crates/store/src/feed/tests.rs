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
use crate::{Expect, Key, Kind, Record, Write};

fn put(id: &str) -> Write {
    Write::Put {
        kind: kinds::USER,
        id: id.to_owned(),
        expect: Expect::Any,
        doc: Bytes::from_static(b"{}"),
        unique: vec![],
        index: vec![],
    }
}

fn sled(folder: &TempDir) -> Arc<dyn Store> {
    Arc::new(SledStore::for_test(folder.path()))
}

/// Writes down what it is told, and does as it is told by the test.
struct Recorder {
    told: Mutex<Vec<Change>>,
    begun: Notify,
    /// One permit for each call that may go through.
    gate: Semaphore,
    failing: AtomicBool,
    restarts: AtomicU64,
}

impl Recorder {
    fn new(permits: usize) -> Arc<Self> {
        Arc::new(Self {
            told: Mutex::default(),
            begun: Notify::new(),
            gate: Semaphore::new(permits),
            failing: AtomicBool::new(false),
            restarts: AtomicU64::new(0),
        })
    }

    fn open() -> Arc<Self> {
        Self::new(Semaphore::MAX_PERMITS)
    }

    fn ids(&self) -> Vec<String> {
        self.told.lock().iter().map(|change| change.id.clone()).collect()
    }
}

#[async_trait]
impl Follower for Recorder {
    async fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        self.begun.notify_one();
        self.gate.acquire().await.unwrap().forget();
        if self.failing.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("told to fail".to_owned()));
        }
        self.told.lock().extend(changes.iter().cloned());
        Ok(())
    }

    async fn start_over(&self) -> Result<(), StoreError> {
        if self.failing.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("told to fail".to_owned()));
        }
        self.restarts.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// A follower with a fault in it.
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
async fn i11_a_change_feed_that_dies_is_noticed() {
    let folder = TempDir::new().unwrap();
    let feed = Feed::start(sled(&folder), vec![Arc::new(Faulty)]).await.unwrap();
    let ended = feed.ended();
    tokio::pin!(ended);
    assert!(poll!(&mut ended).is_pending());
    feed.store().commit(vec![put("a")]).await.unwrap();
    time::timeout(Duration::from_secs(20), ended).await.unwrap();
}

#[tokio::test]
async fn i2_a_commit_is_answered_only_when_every_follower_has_applied_it() {
    let folder = TempDir::new().unwrap();
    let (quick, slow) = (Recorder::open(), Recorder::new(0));
    let followers: Vec<Arc<dyn Follower>> = vec![quick.clone(), slow.clone()];
    let feed = Feed::start(sled(&folder), followers).await.unwrap();

    let commit = feed.commit(vec![put("a")]);
    tokio::pin!(commit);
    tokio::select! {
        biased;
        answer = &mut commit => panic!("answered before it was in force: {answer:?}"),
        () = slow.begun.notified() => {}
    }
    assert!(feed.store().get(kinds::USER, "a").await.unwrap().is_some());
    assert_eq!(quick.ids(), ["a"], "told in the order they were given in");
    assert!(poll!(&mut commit).is_pending());
    slow.gate.add_permits(1);
    assert_eq!(commit.await.unwrap().sequence, 1);
    assert_eq!(slow.ids(), ["a"]);
}

#[tokio::test]
async fn a_refused_commit_is_answered_at_once_and_not_told() {
    let folder = TempDir::new().unwrap();
    let follower = Recorder::open();
    let feed = Feed::start(sled(&folder), vec![follower.clone()]).await.unwrap();
    let kind = kinds::USER;
    let refused = feed
        .commit(vec![Write::Delete { kind, id: "a".to_owned(), expect: Expect::Present }])
        .await;
    assert!(matches!(refused, Err(CommitError::Conflict { .. })), "{refused:?}");
    // What changes nothing is in force already, wherever the feed is.
    feed.commit(vec![]).await.unwrap();
    feed.commit(vec![put("b")]).await.unwrap();
    feed.commit(vec![]).await.unwrap();
    assert_eq!(follower.ids(), ["b"]);
}

#[tokio::test]
async fn i2_a_commit_whose_committer_has_gone_is_followed_all_the_same() {
    let folder = TempDir::new().unwrap();
    let follower = Recorder::open();
    let feed = Feed::start(sled(&folder), vec![follower.clone()]).await.unwrap();
    {
        let commit = feed.commit(vec![put("a")]);
        tokio::pin!(commit);
        assert!(poll!(&mut commit).is_pending());
    }
    follower.begun.notified().await;
    feed.commit(vec![put("b")]).await.unwrap();
    assert_eq!(follower.ids(), ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_hear_of_commits_from_everywhere_in_order() {
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
    let told = follower.told.lock();
    let sequences: Vec<u64> = told.iter().map(|change| change.sequence).collect();
    assert_eq!(sequences, (1..=41).collect::<Vec<_>>());
    assert_eq!(told.last().unwrap().id, "last");
}

#[tokio::test]
async fn a_feed_does_not_start_with_a_follower_that_cannot_read() {
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
    assert_eq!(follower.ids(), ["after"], "what was there before, it has read");
}

/// A store that answers `changes` as the test says, and takes every commit.
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

/// Lets the feed's task do all it can without time passing.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

fn unavailable() -> Result<Changes, StoreError> {
    Err(StoreError::Unavailable("down".to_owned()))
}

#[tokio::test(start_paused = true)]
async fn i2_without_an_answer_from_the_store_staleness_grows_until_there_is_one() {
    let store = Arc::new(Scripted::default());
    let feed = Feed::start(store.clone(), vec![]).await.unwrap();
    let limit = Duration::from_secs(5);
    assert!(feed.fresh(limit));
    time::advance(limit).await;
    assert!(feed.fresh(limit));
    time::advance(Duration::from_millis(1)).await;
    assert!(!feed.fresh(limit));

    store.answer(unavailable());
    settle().await;
    assert!(!feed.fresh(limit), "an error confirms nothing");
    time::advance(FIRST_PAUSE).await;
    store.answer(Ok(Changes::List(vec![])));
    settle().await;
    assert_eq!(feed.staleness(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_store_is_confirmed_often_enough_for_the_least_staleness() {
    let folder = TempDir::new().unwrap();
    let feed = Feed::start(sled(&folder), vec![]).await.unwrap();
    let mut stalest = Duration::ZERO;
    for _ in 0..1000 {
        time::advance(Duration::from_millis(10)).await;
        settle().await;
        stalest = stalest.max(feed.staleness());
    }
    assert!(stalest <= LEAST_STALENESS / 2, "{stalest:?}: no room for a busy machine");
    assert!(stalest > Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn i2_a_follower_that_cannot_apply_is_told_again_and_nothing_is_confirmed_meanwhile() {
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
    assert_eq!(feed.staleness(), Duration::from_secs(1));

    follower.failing.store(false, Ordering::SeqCst);
    store.answer(Ok(Changes::List(vec![change])));
    time::advance(FIRST_PAUSE).await;
    settle().await;
    assert_eq!(commit.await.unwrap().sequence, 1);
    assert_eq!(follower.ids(), ["a"]);
    assert_eq!(feed.staleness(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn i2_a_commit_that_does_not_come_into_force_is_not_answered_as_done() {
    let feed = Feed::start(Arc::new(Scripted::default()), vec![]).await.unwrap();
    let answer = feed.commit(vec![put("a")]).await;
    assert!(matches!(answer, Err(CommitError::Store(StoreError::Unavailable(_)))), "{answer:?}");
    assert_eq!(feed.staleness(), IN_FORCE_WITHIN);
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_missed_changes_has_its_followers_start_over() {
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
async fn the_last_feed_handle_ends_the_task_and_lets_go_of_the_store() {
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

/// A cache in front of the store, invalidated by the feed, as the rooms above use it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i2_after_an_answered_commit_no_cached_reading_is_older() {
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
