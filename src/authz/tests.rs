//! The order of the steps: each test has a request that several of them would refuse, and one that
//! is refused by none.

use std::collections::HashMap;
use std::path::Path;

use http::{HeaderValue, Method, header};

use super::*;
use crate::credential::token::TokenHash;
use crate::directory::access::user_tokens::NewUserToken;
use crate::directory::accounts::preferences::PreferencesPatch;
use crate::directory::fixture::{Fixture, by_operator, now, policy_files};
use crate::directory::{Actor, Change};
use crate::session::{NewSession, SessionCache, SignInWay};
use portcullis_policy::{Policy, PolicyFiles, RequestLine, SessionKind};
use portcullis_store::feed::Feed;

const ROUTES: &str = r#"
[[route]]
name = "Tickets"
path = "/tickets"
require = "tickets.create"

[[route]]
name = "Chat"
methods = ["GET"]
path = "/chat"
require = "tickets.create"
websocket = true

[[route]]
name = "Invoices"
path = "/invoices"
require = "invoices.view"
"#;

const OWN: (&str, &str) = ("origin", "https://portal.example");
const FOREIGN: (&str, &str) = ("origin", "https://evil.example");
const OVERRIDE: (&str, &str) = ("x-http-method-override", "DELETE");

/// An authorizer, and the session of a user who may create tickets.
struct Bench {
    authorizer: Authorizer,
    session: TokenHash,
    cookie: HeaderValue,
    /// What is in memory is confirmed for as long as this is there.
    feed: Option<Feed>,
    fixture: Fixture,
}

impl Bench {
    async fn new() -> Self {
        let fixture = Fixture::new().await;
        let policy = PolicyFiles { routes: ROUTES.to_owned(), ..policy_files() };
        let policy = Policy::compile(&policy).unwrap();
        fixture.directory.replace_policy(policy, &by_operator()).await.unwrap();
        fixture.organization("acme").await;
        let user = fixture.user("acme", "ann", "limited").await;
        let settings = "server.public_url = \"https://portal.example\"\n\
                        upstream.servers = [\"http://127.0.0.1:1\"]\n";
        let settings = Settings::parse(settings, Path::new("test"), &HashMap::new()).unwrap();
        let feed = Feed::start(Arc::clone(&fixture.store), Vec::new()).await.unwrap();
        let sessions = Sessions::new(
            fixture.directory.clone(),
            Arc::new(SessionCache::new()),
            settings.session,
            settings.server.limits.links,
        );
        let facts = fixture.directory.user(&user.id).await.unwrap().unwrap();
        let new = NewSession {
            way: SignInWay::Password,
            kind: SessionKind::User,
            organization: facts.organization.clone(),
            user: Some(facts.id.clone()),
            generation: facts.password_generation,
            address: [192, 0, 2, 1].into(),
            agent: String::new(),
        };
        let token = sessions.start(new, None, &by_operator()).await.unwrap().token;
        let known = (fixture.directory.clone(), sessions, feed.freshness());
        let authorizer = Authorizer::new(&settings, known);
        let cookie = format!("{}={}", authorizer.session_cookie(), token.expose());
        let cookie = cookie.parse().unwrap();
        Self { authorizer, session: token.hash(), cookie, feed: Some(feed), fixture }
    }

    fn read(&self, method: &Method, target: &str, host: &str) -> Result<AccessRequest, BadRequest> {
        self.authorizer.read(&Question {
            line: RequestLine::from_text(method, target, host),
            forwarded_host: None,
            websocket: target == "/chat",
            client: None,
            preflight: None,
        })
    }

    /// The reason of the verdict about a request in the session; to `/chat`, it is for a WebSocket.
    async fn decide(&self, method: Method, target: &str, fields: &[(&str, &str)]) -> &'static str {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, self.cookie.clone());
        self.decide_with(headers, method, target, fields).await
    }

    async fn decide_with(
        &self,
        mut headers: HeaderMap,
        method: Method,
        target: &str,
        fields: &[(&str, &str)],
    ) -> &'static str {
        for (name, value) in fields {
            let name: http::HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        let request = self.read(&method, target, "portal.example").unwrap();
        let snapshot = self.authorizer.snapshot();
        self.authorizer.authorize(&request, &headers, &snapshot, now()).await.outcome().reason()
    }

    async fn disable_the_portal(&self) {
        let url = Some(Some("https://elsewhere.example/".to_owned()));
        let patch = PreferencesPatch { disabled_redirect_url: url, ..<_>::default() };
        self.fixture.directory.preferences().change(patch, &by_operator()).await.unwrap();
    }

    /// Lets time pass in which nothing confirms what is in memory.
    async fn outdate(&mut self) {
        self.feed = None;
        tokio::time::pause();
        tokio::time::advance(self.authorizer.max_staleness * 2).await;
    }
}

#[tokio::test]
async fn request_is_read_before_anything_is_decided() {
    let bench = Bench::new().await;
    bench.disable_the_portal().await;
    let refused = bench.read(&Method::GET, "/tickets", "evil.example").map(drop);
    assert_eq!(refused, Err(BadRequest::UnknownHost));
    let long = "x".repeat(bench.authorizer.target_bytes);
    let refused = bench.read(&Method::GET, &format!("/{long}"), "portal.example").map(drop);
    assert_eq!(refused, Err(BadRequest::Target(BadTarget::TooLong)));
    assert_eq!(
        bench.decide(Method::GET, &format!("{RESERVED}{long}"), &[]).await,
        "portal-disabled"
    );
}

#[tokio::test]
async fn disabled_portal_comes_before_our_own_pages() {
    let bench = Bench::new().await;
    let page = format!("{RESERVED}sign-in");
    assert_eq!(bench.decide(Method::GET, &page, &[]).await, "own-page");
    bench.disable_the_portal().await;
    assert_eq!(bench.decide(Method::GET, &page, &[]).await, "portal-disabled");
}

#[tokio::test]
async fn our_own_pages_come_before_outdated_memory() {
    let mut bench = Bench::new().await;
    bench.outdate().await;
    let page = format!("{RESERVED}sign-in");
    assert_eq!(bench.decide(Method::GET, &page, &[]).await, "own-page");
    assert_eq!(bench.decide(Method::GET, "/tickets", &[]).await, "store-unavailable");
}

#[tokio::test]
async fn i1_outdated_memory_comes_before_a_foreign_websocket() {
    let mut bench = Bench::new().await;
    assert_eq!(bench.decide(Method::GET, "/chat", &[FOREIGN]).await, "foreign-origin");
    assert_eq!(bench.decide(Method::GET, "/chat", &[OWN]).await, "permitted");
    bench.outdate().await;
    for origin in [FOREIGN, OWN] {
        assert_eq!(bench.decide(Method::GET, "/chat", &[origin]).await, "store-unavailable");
    }
}

#[tokio::test]
async fn foreign_websocket_comes_before_the_policy() {
    let bench = Bench::new().await;
    // Without a session, the policy would ask for a sign-in.
    for (origin, reason) in [(FOREIGN, "foreign-origin"), (OWN, "no-session")] {
        let decided = bench.decide_with(HeaderMap::new(), Method::GET, "/chat", &[origin]).await;
        assert_eq!(decided, reason, "{origin:?}");
    }
}

#[tokio::test]
async fn policy_comes_before_what_else_is_refused() {
    let bench = Bench::new().await;
    let both = [FOREIGN, OVERRIDE];
    assert_eq!(bench.decide(Method::POST, "/invoices", &both).await, "missing-permission");
    assert_eq!(bench.decide(Method::POST, "/other", &both).await, "no-route");
    assert_eq!(bench.decide(Method::POST, "/tickets", &[OWN]).await, "permitted");
}

#[tokio::test]
async fn cross_origin_comes_before_method_override() {
    let bench = Bench::new().await;
    assert_eq!(bench.decide(Method::POST, "/tickets", &[FOREIGN, OVERRIDE]).await, "cross-origin");
    assert_eq!(bench.decide(Method::POST, "/tickets", &[OWN, OVERRIDE]).await, "method-override");
    assert_eq!(bench.decide(Method::POST, "/tickets", &[OWN]).await, "permitted");
}

#[tokio::test]
async fn i7_open_connection_is_decided_by_the_same_steps() {
    let mut bench = Bench::new().await;
    let chat = bench.read(&Method::GET, "/chat", "portal.example").unwrap();
    let reasons = async |bench: &Bench| {
        let snapshot = bench.authorizer.snapshot();
        let mut reasons = Vec::new();
        let authorizer = &bench.authorizer;
        let found = authorizer.sessions().look_at(bench.session, &snapshot, now()).await.unwrap();
        for session in [&found, &SessionLookup::Missing(Absence::NoCookie)] {
            let verdict =
                authorizer.reauthorize(&chat, session, Activity::Idle, &snapshot, now()).await;
            reasons.push(verdict.outcome().reason());
        }
        reasons
    };
    assert_eq!(reasons(&bench).await, ["permitted", "no-session"]);
    bench.outdate().await;
    assert_eq!(reasons(&bench).await, ["store-unavailable"; 2]);
    bench.disable_the_portal().await;
    assert_eq!(reasons(&bench).await, ["portal-disabled"; 2]);
}

#[tokio::test]
async fn tokens_that_users_created_need_the_setting() {
    let mut bench = Bench::new().await;
    let user = bench.fixture.directory.users().with_login("ann").await.unwrap().id;
    let by_user = Change::new(Actor::PortalUser { id: user.clone() }, now());
    for (change, setting, reason) in [
        (by_operator(), false, "permitted"),
        (by_user.clone(), false, "invalid-token"),
        (by_user, true, "permitted"),
    ] {
        bench.authorizer.tokens_by_users = setting;
        let new = NewUserToken { name: format!("{change:?}{setting}"), expires: None };
        let tokens = bench.fixture.directory.user_tokens();
        let (_, token) = tokens.create(&user, &new, &change).await.unwrap();
        let bearer = format!("Bearer {}", token.expose());
        let sent = [("authorization", bearer.as_str())];
        let headers = HeaderMap::new();
        assert_eq!(bench.decide_with(headers, Method::GET, "/tickets", &sent).await, reason);
    }
}

#[tokio::test]
async fn i1_token_is_decided_by_the_same_steps() {
    let mut bench = Bench::new().await;
    let user = bench.fixture.directory.users().with_login("ann").await.unwrap().id;
    let new = NewUserToken { name: "CI".to_owned(), expires: None };
    let tokens = bench.fixture.directory.user_tokens();
    let (_, token) = tokens.create(&user, &new, &by_operator()).await.unwrap();
    let bearer = format!("Bearer {}", token.expose());
    let decide = async |bench: &Bench, target: &str| {
        let sent = [("authorization", bearer.as_str())];
        bench.decide_with(HeaderMap::new(), Method::GET, target, &sent).await
    };
    assert_eq!(decide(&bench, "/tickets").await, "permitted");
    assert_eq!(decide(&bench, "/invoices").await, "missing-permission");
    assert_eq!(decide(&bench, "/.portcullis/sessions").await, "own-page");
    bench.outdate().await;
    assert_eq!(decide(&bench, "/tickets").await, "store-unavailable");
    bench.disable_the_portal().await;
    assert_eq!(decide(&bench, "/tickets").await, "portal-disabled");
}
