//! The gateway in one process: the embedded store, people with sessions, the server of HTTP/1.1,
//! and a portal that records.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use http::header::{self, HeaderMap};
use http::{Request, Response};
use jiff::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::portal::Recorder;
use crate::authz::decision_record::Output;
use crate::authz::{Authorizer, DecisionLog};
use crate::clock;
use crate::config::{ServedHosts, Settings};
use crate::credential::hashing::{Hasher, HashingSettings};
use crate::credential::key::SecretKey;
use crate::credential::lockout::Lockout;
use crate::credential::secret::Secret;
use crate::directory::accounts::organizations::NewOrganization;
use crate::directory::accounts::users::NewUser;
use crate::directory::{Actor, AuthServices, Change, Directory, Memory};
use crate::net::{ConnectionTracker, HttpServer};
use crate::portal_pages::Appearance;
use crate::portal_pages::router::Pages;
use crate::proxy::upstream::Upstreams;
use crate::proxy::{ErrorPages as _, Gateway, Responder};
use crate::session::{SessionCache, Sessions};
use crate::web::Visitor;
use crate::web::paths;
use portcullis_policy::{Policy, PolicyFiles, SessionKind, Subject};
use portcullis_store::Store;
use portcullis_store::feed::Feed;
use portcullis_store::sled::SledStore;

/// Cheap: guessing is not what is tried here.
const HASHING: HashingSettings =
    HashingSettings { memory_kib: 8, passes: 1, lanes: 1, threads: 1, queue: 8 };
pub(super) const PASSWORD: &str = "Correct horse 7!";
/// The users: login and group.
const USERS: [(&str, &str); 2] = [("joe", "limited"), ("zoe", "no-access")];
/// A client, and a proxy that is trusted.
const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const PROXY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
/// A session's cookie in the answer to a form.
const SESSION: &str = "portcullis=";

const ROUTES: &str = r#"
[[route]]
name = "Public"
path = "/public/{*rest}"
access = "public"
[[route]]
name = "Form"
methods = ["POST", "PUT"]
path = "/form"
access = "public"
[[route]]
name = "Start page"
path = "/"
access = "signed-in"
[[route]]
name = "Ticket"
path = "/tickets/{ticket}"
require = "tickets.view_mine"
[[route]]
name = "New ticket"
path = "/tickets/new"
require = "invoices.pay"
[[route]]
name = "Invoices"
path = "/organizations/{organization}/invoices"
require = "portal.access"
organization = "{organization}"
[[route]]
name = "Wiki"
path = "/wiki"
query = { do = ["", "show"] }
require = "portal.access"
[[route]]
name = "Wiki, edit"
path = "/wiki"
query = { do = ["edit"] }
require = "invoices.pay"
[[route]]
name = "Search"
methods = ["GET"]
path = "/search"
access = "public"
body = true
[[route]]
name = "Project"
path = "/projects/{project}"
require = "portal.access"
slash = "data"
[[route]]
name = "Chat"
path = "/chat"
access = "signed-in"
websocket = true
[[route]]
name = "Other host"
hosts = ["other.example"]
path = "/{*rest}"
access = "public"
[[route]]
name = "Closed"
path = "/closed"
access = "deny"
"#;

/// A gateway, its portal and its people.
#[derive(Debug)]
pub(super) struct Bench {
    runtime: Runtime,
    http: HttpServer,
    pages: Pages,
    connections: ConnectionTracker,
    portal: Arc<Recorder>,
    /// What stands for a token in an input, and the token.
    tokens: Vec<(String, String)>,
    clients: u32,
}

impl Bench {
    /// Assembles it over a store in this folder.
    pub(super) fn new(folder: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        std::fs::create_dir_all(folder).unwrap();
        runtime.block_on(assemble(folder)).in_runtime(runtime)
    }

    /// How many requests have arrived at the portal.
    pub(super) fn arrived(&self) -> usize {
        self.portal.arrived()
    }

    /// All that a client sends over a connection, behind a line `proxy` when it is a trusted proxy.
    /// `{link}`, `{joe}` and `{zoe}` stand for tokens of sessions.
    ///
    /// - What arrives at the portal is framed as RFC 9112 has it, was allowed to whom it says it is
    ///   from, and has nothing in it that only a gateway may say.
    pub(super) fn data_plane(&mut self, data: &[u8]) {
        let (peer, data) = match data.strip_prefix(b"proxy\n") {
            Some(rest) => (PROXY, rest),
            None => (CLIENT, data),
        };
        let sent = self.with_tokens(data);
        self.portal.expect(&sent);
        let open = self.connections.try_open().unwrap();
        let (client, server) = tokio::io::duplex(64 * 1024);
        let (mut answers, mut requests) = tokio::io::split(client);
        let answered = self.runtime.block_on(async {
            // A paused clock goes on when nothing else is left to do.
            tokio::time::pause();
            let serving = self.http.serve_http1(server, peer.into(), open);
            let asking = async {
                // The gateway may have closed the connection before.
                let _ = requests.write_all(&sent).await;
                tokio::time::sleep(Duration::from_millis(1)).await;
                let _ = requests.shutdown().await;
            };
            let mut answered = Vec::new();
            let reading = answers.read_to_end(&mut answered);
            let (_, (), _) = tokio::join!(serving, asking, reading);
            // Lets the portal see what is still on its way.
            tokio::time::sleep(Duration::from_millis(1)).await;
            tokio::time::resume();
            answered
        });
        assert!(answered.is_empty() || answered.starts_with(b"HTTP/1."));
        assert!(!answered.starts_with(b"HTTP/1.1 500"), "{sent:?}");
        self.portal.check();
    }

    /// A path below `/.portcullis/` on the first line, and what a page of ours sends there as a
    /// form on the others. `{form}` stands for the form's token.
    ///
    /// - No answer is an error of ours, or shows what was sent without escaping it.
    /// - No session begins without the password.
    pub(super) fn form_bodies(&mut self, data: &[u8]) {
        let data = self.with_tokens(data);
        let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
        let (path, body) = (&data[..end], data.get(end + 1..).unwrap_or_default());
        let Ok(path) = std::str::from_utf8(path) else { return };
        self.clients = self.clients.wrapping_add(1);
        let address = IpAddr::V4((0x0a00_0000 | (self.clients & 0x00ff_ffff)).into());
        let cookie = format!("portcullis-form={}", self.token("{form-cookie}"));
        let Ok(request) = Request::post(format!("/.portcullis/{path}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::COOKIE, cookie)
            .header("sec-fetch-site", "same-origin")
            .body(Body::from(body.to_vec()))
        else {
            return;
        };
        let (answer, text) = self.runtime.block_on(send(&self.pages, request, address));
        assert!(answer.status().as_u16() < 500, "{}: {text}", answer.status());
        // Every input that has it has it to see whether it comes back.
        assert!(!text.contains("<fuzz"), "{text}");
        let decoded = percent_encoding::percent_decode(body).decode_utf8_lossy().replace('+', " ");
        if !decoded.contains(PASSWORD) {
            assert_eq!(session(answer.headers()), None);
        }
    }

    fn token(&self, name: &str) -> &str {
        self.tokens.iter().find(|(known, _)| known == name).map_or("", |(_, token)| token)
    }

    fn with_tokens(&self, data: &[u8]) -> Vec<u8> {
        let mut rest = data;
        let mut bytes = Vec::with_capacity(data.len());
        'bytes: while let [first, after @ ..] = rest {
            for (name, token) in &self.tokens {
                if let Some(after) = rest.strip_prefix(name.as_bytes()) {
                    bytes.extend_from_slice(token.as_bytes());
                    rest = after;
                    continue 'bytes;
                }
            }
            bytes.push(*first);
            rest = after;
        }
        bytes
    }
}

/// A bench that waits for its runtime.
struct Parts {
    http: HttpServer,
    pages: Pages,
    portal: Arc<Recorder>,
    tokens: Vec<(String, String)>,
}

impl Parts {
    fn in_runtime(self, runtime: Runtime) -> Bench {
        let Self { http, pages, portal, tokens } = self;
        let connections = ConnectionTracker::new(1000);
        Bench { runtime, http, pages, connections, portal, tokens, clients: 0 }
    }
}

/// The records, and what is kept of them in memory.
pub(super) struct Records {
    pub(super) feed: Feed,
    pub(super) directory: Directory,
    pub(super) sessions: Sessions,
    key: SecretKey,
    policy: Arc<Policy>,
}

impl Records {
    /// Opens the store in this folder, or creates it.
    pub(super) async fn open(folder: &Path, settings: &Settings) -> Self {
        let store: Arc<dyn Store> = Arc::new(SledStore::for_test(folder));
        let policy = Arc::new(policy());
        let key = SecretKey::generate();
        let hasher = Hasher::new(HASHING).unwrap();
        let auth = AuthServices::new(&key, hasher, Lockout::default(), settings.passwords);
        let memory = Arc::new(Memory::new(Arc::clone(&store), Arc::clone(&policy)));
        let cache = Arc::new(SessionCache::new());
        let feed = Feed::start(store, vec![memory.clone(), cache.clone()]).await.unwrap();
        let served = ServedHosts::new(&settings.server);
        let directory =
            Directory::start(feed.clone(), memory, auth, served, clock::now()).await.unwrap();
        let limit = settings.server.limits.links;
        let sessions = Sessions::new(directory.clone(), cache, settings.session, limit);
        Self { feed, directory, sessions, key, policy }
    }
}

async fn assemble(folder: &Path) -> Parts {
    let portal = Arc::new(Recorder::default());
    let settings = settings(&Arc::clone(&portal).listen().await);
    let Records { feed, directory, sessions, key, policy } = Records::open(folder, &settings).await;
    let appearance = Appearance::load(&settings.branding).unwrap();
    let pages = Pages::new(&settings, appearance, directory.clone(), sessions.clone(), &key);
    let known = (directory.clone(), sessions, feed.freshness());
    let authorizer = Arc::new(Authorizer::new(&settings, known));
    let decisions = Arc::new(DecisionLog::new(
        settings.telemetry.decisions,
        Output::stream(std::io::sink(), settings.telemetry.format),
    ));
    let gateway = Gateway::new(
        &settings,
        Arc::new(Responder::new(authorizer, Arc::new(pages.clone()), decisions)),
        Arc::new(Upstreams::new(&settings.upstream).unwrap()),
        CancellationToken::new(),
    );
    let (people, tokens) = people(&directory, &pages, &policy).await;
    portal.know(policy, people);
    Parts {
        http: HttpServer::new(Arc::new(gateway), None, settings.server.limits),
        pages,
        portal,
        tokens,
    }
}

type People = Vec<(Subject, String)>;

/// An organization whose link is open, and its users; each has a session.
async fn people(
    directory: &Directory,
    pages: &Pages,
    policy: &Policy,
) -> (People, Vec<(String, String)>) {
    let (mut people, mut tokens) = (Vec::new(), Vec::new());
    let change = Change::new(Actor::System("fuzzing"), clock::now());
    let subject = |kind, group: &str, login: Option<&str>| {
        let granted = policy.seed(group).unwrap().permissions;
        let subject =
            Subject::nameless(kind, "acme".into(), (group.into(), granted), Timestamp::MAX);
        Subject { login: login.map(Into::into), ..subject }
    };
    for (id, name) in [("acme", "Acme"), ("globex", "Globex")] {
        let new = NewOrganization { id: Some(id.into()), name: name.to_owned(), email: None };
        directory.organizations().create(new, &change).await.unwrap();
    }
    let link = directory.secure_links().get(&"acme".into()).await.unwrap();
    let link = format!("{}{}", paths::SECURE_LINK, link.token.expose());
    let (answer, _) = send(pages, Request::get(link).body(Body::empty()).unwrap(), CLIENT).await;
    let token = session(answer.headers()).unwrap();
    tokens.push(("{link}".to_owned(), token.clone()));
    people.push((subject(SessionKind::Link, "non-portal", None), token));
    for (login, group) in USERS {
        // In another organization, so that the link stays open.
        let new = NewUser {
            organization: "globex".into(),
            login: Some(login.to_owned()),
            group: Some(group.into()),
            password: Some(Secret::from(PASSWORD)),
            ..NewUser::default()
        };
        directory.users().create(new, &change).await.unwrap();
    }
    let sign_in = Request::get(paths::SIGN_IN).body(Body::empty()).unwrap();
    let (answer, page) = send(pages, sign_in, CLIENT).await;
    let form_cookie = set_cookie(answer.headers(), "portcullis-form=").unwrap();
    let form = page.split("name=\"csrf\" value=\"").nth(1).unwrap();
    let form = form.split('"').next().unwrap().to_owned();
    for (login, group) in USERS {
        let body = format!("login={login}&password=Correct+horse+7!&csrf={form}");
        let request = Request::post(paths::SIGN_IN)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::COOKIE, format!("portcullis-form={form_cookie}"))
            .header("sec-fetch-site", "same-origin")
            .body(Body::from(body))
            .unwrap();
        let (answer, _) = send(pages, request, CLIENT).await;
        // Those without access to the portal cannot sign in.
        let Some(token) = session(answer.headers()) else { continue };
        tokens.push((format!("{{{login}}}"), token.clone()));
        let subject = subject(SessionKind::User, group, Some(login));
        people.push((Subject { organization: "globex".into(), ..subject }, token));
    }
    tokens.extend([("{form-cookie}".to_owned(), form_cookie), ("{form}".to_owned(), form)]);
    (people, tokens)
}

async fn send(pages: &Pages, request: Request<Body>, address: IpAddr) -> (Response<()>, String) {
    let visitor = Visitor {
        address,
        request_id: "request-1".to_owned(),
        now: clock::now(),
        host: "portal.example".to_owned(),
    };
    let (head, body) = pages.own_page(request, visitor).await.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    (Response::from_parts(head, ()), String::from_utf8_lossy(&body).into_owned())
}

/// The token of a session that begins.
fn session(answer: &HeaderMap) -> Option<String> {
    set_cookie(answer, SESSION).filter(|token| !token.is_empty())
}

fn set_cookie(answer: &HeaderMap, start: &str) -> Option<String> {
    answer.get_all(header::SET_COOKIE).iter().find_map(|line| {
        let value = line.to_str().ok()?.strip_prefix(start)?;
        Some(value.split(';').next().unwrap_or_default().to_owned())
    })
}

/// The settings of a gateway in front of this portal.
pub(super) fn settings(portal: &str) -> Settings {
    let text = format!(
        "[server]\npublic_url = \"http://portal.example:8080\"\nhosts = [\"other.example\"]\n\
         trusted_proxies = [\"10.0.0.0/8\"]\n\
         [upstream]\nservers = [\"{portal}\"]\n"
    );
    Settings::parse(&text, Path::new("fuzzing"), &HashMap::new()).unwrap()
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
