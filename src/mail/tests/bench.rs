//! An outbox over the embedded store, with a transport that does what the test says.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use mail_parser::{Message, MessageParser};
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::config::{ServedHosts, Settings};
use crate::credential::hashing::{Hasher, HashingSettings};
use crate::credential::key::SecretKey;
use crate::credential::lockout::Lockout;
use crate::credential::token::PlainToken;
use crate::directory::accounts::organizations::NewOrganization;
use crate::directory::accounts::users::NewUser;
use crate::directory::fixture::by_operator;
use crate::directory::records::Occasion;
use crate::directory::records::kind;
use crate::directory::{AuthServices, Directory, Memory, UserId};
use crate::mail::error::SendError;
use crate::mail::message::{Composer, OutgoingMail};
use crate::mail::outbox::Sending;
use crate::mail::queue::MailQueue;
use crate::mail::queue::{MailView, fixture};
use crate::mail::templates::Templates;
use crate::mail::transport::Transport;
use crate::mail::{Outbox, OutboxWaker};
use portcullis_policy::Policy;
use portcullis_store::feed::{Feed, Follower};
use portcullis_store::sled::SledStore;
use portcullis_store::{
    Changes, Commit, CommitError, Committed, Expect, Found, Key, Kind, Record, Search, Store,
    StoreError, Write,
};

const CHEAP: HashingSettings =
    HashingSettings { memory_kib: 8, passes: 1, lanes: 1, threads: 1, queue: 8 };

/// A transport that keeps what it takes, or says why it does not.
#[derive(Debug, Clone, Default)]
pub(super) struct Basket {
    pub(super) taken: Arc<Mutex<Vec<Vec<u8>>>>,
    pub(super) away: Arc<Mutex<Option<String>>>,
    pub(super) tries: Arc<AtomicUsize>,
    /// Whether it has a fault.
    pub(super) panics: Arc<AtomicBool>,
}

#[async_trait]
impl Transport for Basket {
    async fn send(&self, mail: &OutgoingMail) -> Result<(), SendError> {
        self.tries.fetch_add(1, Ordering::SeqCst);
        assert!(!self.panics.load(Ordering::SeqCst), "a fault in the basket");
        if let Some(why) = self.away.lock().clone() {
            return Err(SendError::Transient(why));
        }
        self.taken.lock().push(mail.message.formatted());
        Ok(())
    }
}

impl Basket {
    pub(super) fn count(&self) -> usize {
        self.taken.lock().len()
    }

    pub(super) fn last(&self) -> Message<'static> {
        parsed(self.taken.lock().last().unwrap())
    }
}

/// The embedded store, on a disk that may be full: then it reads and does not write. A record can
/// be damaged.
#[derive(Debug)]
pub(super) struct Disk {
    inner: SledStore,
    full: AtomicBool,
    damaged: Mutex<Option<String>>,
}

impl Disk {
    pub(super) fn full(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    pub(super) fn damage(&self, id: &str) {
        *self.damaged.lock() = Some(id.to_owned());
    }
}

#[async_trait]
impl Store for Disk {
    async fn get(&self, kind: Kind, id: &str) -> Result<Option<Record>, StoreError> {
        let damaged = self.damaged.lock().as_deref() == Some(id);
        let read = self.inner.get(kind, id).await?;
        Ok(read.map(|record| if damaged { Record { doc: "{}".into(), ..record } } else { record }))
    }

    async fn find(&self, kind: Kind, key: &Key) -> Result<Option<Record>, StoreError> {
        self.inner.find(kind, key).await
    }

    async fn list(
        &self,
        kind: Kind,
        key: Option<&Key>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        self.inner.list(kind, key, after, limit).await
    }

    async fn list_back(
        &self,
        kind: Kind,
        key: Option<&Key>,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        self.inner.list_back(kind, key, before, limit).await
    }

    async fn search(&self, kind: Kind, search: &Search, limit: usize) -> Result<Found, StoreError> {
        self.inner.search(kind, search, limit).await
    }

    async fn count(&self, kind: Kind, key: Option<&Key>) -> Result<u64, StoreError> {
        self.inner.count(kind, key).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        if self.full.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("the disk is full".to_owned()).into());
        }
        self.inner.commit(commit).await
    }

    async fn head(&self) -> Result<u64, StoreError> {
        self.inner.head().await
    }

    async fn changes(&self, after: u64, wait: Duration) -> Result<Changes, StoreError> {
        self.inner.changes(after, wait).await
    }
}

/// A directory with a portal user, and its outbox.
pub(super) struct Bench {
    pub(super) directory: Directory,
    pub(super) user: UserId,
    pub(super) waker: Arc<OutboxWaker>,
    pub(super) store: Arc<Disk>,
    _folder: TempDir,
}

impl Bench {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let inner = SledStore::for_test(folder.path());
        let disk =
            Arc::new(Disk { inner, full: AtomicBool::new(false), damaged: Mutex::default() });
        let store: Arc<dyn Store> = disk.clone();
        let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        let policy = Arc::new(Policy::load(&policies).unwrap());
        let memory = Arc::new(Memory::new(Arc::clone(&store), policy));
        let waker = Arc::new(OutboxWaker::default());
        let followers: Vec<Arc<dyn Follower>> = vec![Arc::clone(&memory) as _, waker.clone()];
        let feed = Feed::start(store, followers).await.unwrap();
        let key = SecretKey::generate();
        let auth = AuthServices::new(
            &key,
            Hasher::new(CHEAP).unwrap(),
            Lockout::default(),
            settings("").passwords,
        );
        let directory =
            Directory::start(feed, memory, auth, ServedHosts::for_test(), now()).await.unwrap();
        let acme = NewOrganization { id: Some("acme".into()), name: "Acme".into(), email: None };
        directory.organizations().create(acme, &by_operator()).await.unwrap();
        let user = directory.users().create(new_user("ann"), &by_operator()).await.unwrap().id;
        Self { directory, user, waker, store: disk, _folder: folder }
    }

    pub(super) async fn write(&self, id: &str, occasion: Occasion) -> PlainToken {
        fixture::write(&self.directory, (id, &self.user), occasion, now()).await
    }

    /// The same, with letters to another portal user from now on.
    pub(super) async fn with_another_user(self) -> Self {
        let user = self.directory.users().create(new_user("bob"), &by_operator()).await.unwrap().id;
        Self { user, ..self }
    }

    /// Writes a letter that cannot be decoded, among those that wait.
    pub(super) async fn write_damaged(&self, id: &str) {
        let write = Write::Put {
            kind: kind::MAIL,
            id: id.to_owned(),
            expect: Expect::Absent,
            doc: "{}".into(),
            unique: Vec::new(),
            index: vec![Key::new("state", "waiting")],
            ordered: Vec::new(),
        };
        self.store.commit(vec![write]).await.unwrap();
    }

    pub(super) fn outbox(&self, carrier: impl Transport + 'static) -> Outbox {
        let (directory, waker) = (self.directory.clone(), Arc::clone(&self.waker));
        let (composer, transport) = (composer("").into(), Box::new(carrier));
        let sending = Arc::new(ArcSwap::from_pointee(Sending { composer, transport }));
        Outbox::new(directory, sending, waker)
    }

    pub(super) async fn letter(&self, id: &str) -> MailView {
        MailQueue::new(self.directory.clone()).get(&id.into()).await.unwrap()
    }
}

impl Outbox {
    /// A round at a time after the beginning.
    pub(super) async fn round_at(&self, seconds: i64) -> Option<Timestamp> {
        self.round(&move || after(seconds), &CancellationToken::new()).await.unwrap()
    }
}

fn new_user(name: &str) -> NewUser {
    NewUser {
        organization: "acme".into(),
        login: Some(format!("{name}@acme.example")),
        ..NewUser::default()
    }
}

/// Writes with the built-in templates, and with these settings besides the least.
pub(super) fn composer(settings: &str) -> Composer {
    Composer::new(&self::settings(settings), Templates::load(None).unwrap())
}

pub(super) fn settings(more: &str) -> Settings {
    let text = format!(
        "[server]\npublic_url = \"https://portal.example\"\n\
         [upstream]\nservers = [\"http://127.0.0.1:9\"]\n{more}"
    );
    Settings::parse(&text, Path::new("test"), &HashMap::new()).unwrap()
}

pub(super) fn parsed(message: &[u8]) -> Message<'static> {
    MessageParser::default().parse(message).unwrap().into_owned()
}

pub(super) fn now() -> Timestamp {
    "2026-11-22T08:00:00Z".parse().unwrap()
}

pub(super) fn after(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}
