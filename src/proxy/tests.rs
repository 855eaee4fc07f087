//! What the data plane does when the store does not answer (I1): a real gateway over the embedded
//! store, which can be made to fail, before a portal that counts what arrives.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::upstream::Upstreams;
use super::*;
use crate::authz::Authorizer;
use crate::authz::decision_record::{DecisionLog, Output};
use crate::config::{ServedHosts, Settings};
use crate::credential::hashing::{Hasher, HashingSettings};
use crate::credential::key::SecretKey;
use crate::credential::lockout::Lockout;
use crate::directory::accounts::organizations::NewOrganization;
use crate::directory::fixture::{by_operator, by_operator_at};
use crate::directory::{AuthServices, Directory, Memory};
use crate::portal_pages::Appearance;
use crate::portal_pages::router::Pages;
use crate::session::{NewSession, SessionCache, Sessions, SignInWay};
use portcullis_policy::{Policy, PolicyFiles, SessionKind};
use portcullis_store::feed::Feed;
use portcullis_store::sled::SledStore;
use portcullis_store::{
    Changes, Commit, CommitError, Committed, Found, Key, Kind, Record, Search, Store, StoreError,
};

const CHEAP: HashingSettings =
    HashingSettings { memory_kib: 8, passes: 1, lanes: 1, threads: 1, queue: 8 };

const ROUTES: &str = r#"
[[route]]
name = "Start page"
path = "/"
require = "portal.access"
"#;

/// The embedded store, which can be made to fail.
#[derive(Debug)]
struct Failing {
    store: SledStore,
    failing: AtomicBool,
}

impl Failing {
    fn check(&self) -> Result<(), StoreError> {
        if self.failing.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("set to fail".to_owned()));
        }
        Ok(())
    }
}

#[async_trait]
impl Store for Failing {
    async fn get(&self, kind: Kind, id: &str) -> Result<Option<Record>, StoreError> {
        self.check()?;
        self.store.get(kind, id).await
    }

    async fn find(&self, kind: Kind, key: &Key) -> Result<Option<Record>, StoreError> {
        self.check()?;
        self.store.find(kind, key).await
    }

    async fn list(
        &self,
        kind: Kind,
        key: Option<&Key>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        self.check()?;
        self.store.list(kind, key, after, limit).await
    }

    async fn list_back(
        &self,
        kind: Kind,
        key: Option<&Key>,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        self.check()?;
        self.store.list_back(kind, key, before, limit).await
    }

    async fn search(&self, kind: Kind, search: &Search, limit: usize) -> Result<Found, StoreError> {
        self.check()?;
        self.store.search(kind, search, limit).await
    }

    async fn count(&self, kind: Kind, key: Option<&Key>) -> Result<u64, StoreError> {
        self.check()?;
        self.store.count(kind, key).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        self.check()?;
        self.store.commit(commit).await
    }

    async fn head(&self) -> Result<u64, StoreError> {
        self.check()?;
        self.store.head().await
    }

    async fn changes(&self, after: u64, wait: Duration) -> Result<Changes, StoreError> {
        self.check()?;
        let changes = self.store.changes(after, wait).await?;
        // A response that was on its way when the store failed does not arrive.
        self.check().map(|()| changes)
    }
}

struct Bench {
    gateway: Arc<Gateway>,
    store: Arc<Failing>,
    directory: Directory,
    /// Starts sessions without adding them to the gateway's cache.
    elsewhere: Sessions,
    max_staleness: Duration,
    arrived: Arc<AtomicUsize>,
    _folder: TempDir,
}

impl Bench {
    async fn new() -> Self {
        let (portal, arrived) = portal().await;
        let settings = settings(&portal);
        let folder = TempDir::new().unwrap();
        let store = Arc::new(Failing {
            store: SledStore::for_test(folder.path()),
            failing: AtomicBool::new(false),
        });
        let key = SecretKey::generate();
        let auth = AuthServices::new(
            &key,
            Hasher::new(CHEAP).unwrap(),
            Lockout::default(),
            settings.passwords,
        );
        let dynamic: Arc<dyn Store> = store.clone();
        let memory = Arc::new(Memory::new(Arc::clone(&dynamic), Arc::new(policy())));
        let (cache, other) = (Arc::new(SessionCache::new()), Arc::new(SessionCache::new()));
        let feed = Feed::start(dynamic, vec![memory.clone(), cache.clone(), other.clone()]);
        let feed = feed.await.unwrap();
        let directory = Directory::start(
            feed.clone(),
            memory,
            auth,
            ServedHosts::new(&settings.server),
            clock::now(),
        )
        .await
        .unwrap();
        let new = NewOrganization { id: Some("acme".into()), name: "Acme".to_owned(), email: None };
        directory.organizations().create(new, &by_operator()).await.unwrap();
        let sessions = |cache| {
            Sessions::new(directory.clone(), cache, settings.session, settings.server.limits.links)
        };
        let (elsewhere, sessions) = (sessions(other), sessions(cache));
        let appearance = Appearance::load(&settings.branding).unwrap();
        let pages = Pages::new(&settings, appearance, directory.clone(), sessions.clone(), &key);
        let known = (directory.clone(), sessions, feed.freshness());
        let authorizer = Arc::new(Authorizer::new(&settings, known));
        let decisions = Arc::new(DecisionLog::new(
            settings.telemetry.decisions,
            Output::stream(std::io::sink(), settings.telemetry.format),
        ));
        let gateway = Arc::new(Gateway::new(
            &settings,
            Arc::new(Responder::new(authorizer, Arc::new(pages), decisions)),
            Arc::new(Upstreams::new(&settings.upstream).unwrap()),
            CancellationToken::new(),
        ));
        let max_staleness = settings.store.max_staleness;
        Self { gateway, store, directory, elsewhere, max_staleness, arrived, _folder: folder }
    }

    fn fail(&self, failing: bool) {
        self.store.failing.store(failing, Ordering::SeqCst);
    }

    /// A session by the secure link, and its cookie line.
    async fn session(&self) -> String {
        let facts = self.directory.organization(&"acme".into()).await.unwrap().unwrap();
        let new = NewSession {
            way: SignInWay::Password,
            kind: SessionKind::Link,
            organization: "acme".into(),
            user: None,
            generation: facts.link_generation,
            address: [192, 0, 2, 1].into(),
            agent: "test".into(),
        };
        let token = self.elsewhere.start(new, None, &by_operator_at(now())).await.unwrap().token;
        format!("Cookie: portcullis={}\r\n", token.expose())
    }

    /// What a request is answered: the status, and all of it as text.
    async fn get(&self, path: &str, lines: &str) -> (u16, String) {
        let (mut client, server) = tokio::io::duplex(64 * 1024);
        let gateway = Arc::clone(&self.gateway);
        let service = service_fn(move |request: Request<Incoming>| {
            let connection =
                Connection::new(Peer::Address([192, 0, 2, 1].into()), false, Arc::new(()));
            let answer = Arc::clone(&gateway).handle(request, connection, now());
            async move { Ok::<_, std::convert::Infallible>(answer.await) }
        });
        let serving = http1::Builder::new().serve_connection(TokioIo::new(server), service);
        let asking = async {
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: portal.example:8080\r\nAccept: text/html\r\n\
                 Connection: close\r\n{lines}\r\n"
            );
            client.write_all(request.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).await.unwrap();
            String::from_utf8_lossy(&answer).into_owned()
        };
        let (_, answer) = tokio::join!(serving, asking);
        (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
    }

    /// What has arrived at the portal so far.
    fn arrived(&self) -> usize {
        self.arrived.load(Ordering::SeqCst)
    }

    /// A 503 that says when to come again, with nothing at the portal.
    async fn unavailable(&self, path: &str, lines: &str) {
        let before = self.arrived();
        let (status, head) = self.get(path, lines).await;
        assert_eq!(status, 503, "{path}: {head}");
        assert!(head.to_ascii_lowercase().contains("\r\nretry-after: "), "{path}: {head}");
        assert_eq!(self.arrived(), before, "{path}");
    }
}

/// A portal that answers everything and counts connections: a request cannot come without one.
async fn portal() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let arrived = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&arrived);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            stream.write_all(answer).await.unwrap();
        }
    });
    (address, arrived)
}

fn settings(portal: &str) -> Settings {
    let text = format!(
        "[server]\npublic_url = \"http://portal.example:8080\"\n\
         [upstream]\nservers = [\"{portal}\"]\n"
    );
    Settings::parse(&text, Path::new("test.toml"), &HashMap::new()).unwrap()
}

fn policy() -> Policy {
    let files = PolicyFiles {
        permissions: include_str!("../../policies/permissions.toml").to_owned(),
        groups: include_str!("../../policies/groups.toml").to_owned(),
        routes: ROUTES.to_owned(),
        expectations: String::new(),
        ..PolicyFiles::default()
    };
    Policy::compile(&files).unwrap()
}

fn now() -> Timestamp {
    "2026-11-24T08:00:00Z".parse().unwrap()
}

#[tokio::test]
async fn i1_unreadable_session_is_a_503_and_not_forwarded() {
    let bench = Bench::new().await;
    let (cached, other) = (bench.session().await, bench.session().await);
    let (status, head) = bench.get("/", &cached).await;
    assert_eq!((status, bench.arrived()), (200, 1), "{head}");
    bench.fail(true);
    bench.unavailable("/", &other).await;
    // A script gets the same.
    bench.unavailable("/", &format!("{other}X-Requested-With: XMLHttpRequest\r\n")).await;
    // What is in memory is confirmed to be true a moment ago, and goes on.
    let (status, head) = bench.get("/", &cached).await;
    assert_eq!((status, bench.arrived()), (200, 2), "{head}");
    bench.fail(false);
    let (status, head) = bench.get("/", &other).await;
    assert_eq!((status, bench.arrived()), (200, 3), "{head}");
}

#[tokio::test]
async fn i1_stale_memory_allows_nothing_after_max_staleness() {
    let bench = Bench::new().await;
    let cached = bench.session().await;
    let link = bench.directory.secure_links().get(&"acme".into()).await.unwrap();
    let link = format!("/.portcullis/link/{}", link.token.expose());
    assert_eq!(bench.get("/", &cached).await.0, 200);
    let (status, page) = bench.get("/.portcullis/sign-in", "").await;
    assert_eq!(status, 200, "{page}");
    let asset = page.split('"').find(|text| text.starts_with(paths::ASSETS)).unwrap();
    assert_eq!(bench.get(&link, "").await.0, 303);
    bench.fail(true);
    tokio::time::pause();
    tokio::time::advance(bench.max_staleness + Duration::from_secs(1)).await;
    for path in ["/", "/.portcullis/sign-in", "/.portcullis/sign-out", "/.portcullis/sessions"] {
        bench.unavailable(path, &cached).await;
        bench.unavailable(path, "").await;
    }
    bench.unavailable(&link, "").await;
    // What the page that says so looks like does not depend on it.
    let (status, head) = bench.get(asset, "").await;
    assert_eq!(status, 200, "{head}");
    // Confirmed again, all is as before.
    bench.fail(false);
    while !bench.gateway.authz.is_fresh() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::resume();
    assert_eq!(bench.get("/", &cached).await.0, 200);
    assert_eq!(bench.get("/.portcullis/sign-in", "").await.0, 200);
}
