//! The admin API over the embedded store and the shipped policy, in a temporary folder.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

use super::conformance::assert_described;
use crate::admin::state::Reload;
use crate::admin::table::Table;
use crate::admin::{Access, AdminState, guard, routes};
use crate::audit::AuditLog;
use crate::authz::Authorizer;
use crate::backup::Backups;
use crate::clock;
use crate::config::{Passwords, ServedHosts, Settings};
use crate::credential::hashing::{Hasher, HashingSettings};
use crate::credential::key::SecretKey;
use crate::credential::lockout::Lockout;
use crate::credential::secret::Secret;
use crate::credential::token::TokenHash;
use crate::directory::access::api_tokens::NewApiToken;
use crate::directory::access::attempt_source::AttemptSource;
use crate::directory::access::second_factors::SecondStep;
use crate::directory::access::sign_in::{SignIn, SignInRequest};
use crate::directory::fixture::by_operator_at;
use crate::directory::records::Mail;
use crate::directory::records::kind;
use crate::directory::records::{Rights, Role, Scope};
use crate::directory::{AuthServices, Directory, Memory};
use crate::jobs::Jobs;
use crate::mail::Mailer;
use crate::proxy::upstream::Upstreams;
use crate::session::{NewSession, SessionCache, Sessions, SignInWay};
use crate::web::peer::Peer;
use portcullis_audit::SigningKey;
use portcullis_policy::{Policy, SessionKind};
use portcullis_store::feed::{Feed, Follower};
use portcullis_store::sled::SledStore;
use portcullis_store::{Store, StoreKey};

pub(super) const PASSWORD: &str = "Correct horse 7!";
/// Cheap, to keep tests fast.
const CHEAP: HashingSettings =
    HashingSettings { memory_kib: 8, passes: 1, lanes: 1, threads: 2, queue: 64 };

/// The API and its dependencies.
pub(super) struct Bench {
    pub(super) state: AdminState,
    pub(super) store: Arc<dyn Store>,
    pub(super) policies: PathBuf,
    _folder: TempDir,
}

/// A response.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Bench {
    pub(super) async fn start() -> Self {
        // Nothing listens at the discard port.
        Self::with_portal((Ipv4Addr::LOCALHOST, 9).into()).await
    }

    pub(super) async fn with_portal(portal: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let policies = folder.path().join("policies");
        std::fs::create_dir(&policies).unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        for name in ["permissions", "groups", "routes", "expectations"] {
            let name = format!("{name}.toml");
            std::fs::copy(shipped.join(&name), policies.join(&name)).unwrap();
        }
        let settings = format!(
            "[server]\npublic_url = \"https://portal.example\"\nhosts = [\"other.example\"]\n\
             [upstream]\nservers = [\"http://{portal}\"]\n"
        );
        let settings = Settings::parse(&settings, Path::new("test"), &HashMap::new()).unwrap();
        let store: Arc<dyn Store> = Arc::new(SledStore::for_test(folder.path()));
        let policy = Arc::new(Policy::load(&policies).unwrap());
        let memory = Arc::new(Memory::new(Arc::clone(&store), policy));
        let cache = Arc::new(SessionCache::new());
        let followers: Vec<Arc<dyn Follower>> =
            vec![Arc::clone(&memory) as Arc<dyn Follower>, Arc::clone(&cache) as _];
        let feed = Feed::start(Arc::clone(&store), followers).await.unwrap();
        let key = SecretKey::generate();
        let auth = AuthServices::new(
            &key,
            Hasher::new(CHEAP).unwrap(),
            Lockout::new(1000),
            Passwords::default(),
        );
        let served = ServedHosts::new(&settings.server);
        let directory =
            Directory::start(feed.clone(), memory, auth, served, clock::now()).await.unwrap();
        let sessions =
            Sessions::new(directory.clone(), cache, settings.session, settings.server.limits.links);
        let files = policies.clone();
        let reload: Arc<Reload> = Arc::new(move |to: Directory, change| {
            let files = files.clone();
            Box::pin(async move { to.replace_policy(Policy::load(&files)?, &change).await })
        });
        let audit = SigningKey::new("portal.example/audit", &[7; 32]).unwrap();
        let audit = AuditLog::new(&directory, audit);
        let jobs = Jobs::new(directory.clone());
        let known = (directory, sessions, feed.freshness());
        let authz = Arc::new(Authorizer::new(&settings, known.clone()));
        let tester = Mailer::new(&settings).unwrap().tester();
        let key = StoreKey::new([7; 32]);
        let backups = Backups::new(Arc::clone(feed.store()), key, known.0.clone(), audit.clone());
        let audit = (audit, jobs, backups);
        let portal = (authz, Arc::new(Upstreams::new(&settings.upstream).unwrap()));
        let state = AdminState::new(&settings, known, audit, tester, portal, reload, clock::now());
        Self { state, store, policies, _folder: folder }
    }

    pub(super) fn directory(&self) -> &Directory {
        &self.state.directory
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, Some(body)).await
    }

    pub(super) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::PATCH, path, Some(body)).await
    }

    pub(super) async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path, None).await
    }

    pub(super) async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let request = match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        self.send(Access::Socket, request.unwrap()).await
    }

    pub(super) async fn send(&self, access: Access, request: Request<Body>) -> Answer {
        let (method, uri) = (request.method().clone(), request.uri().to_string());
        let answer = self.send_to(routes::table(), access, request).await;
        if method != Method::HEAD {
            assert_described((&method, &uri), &answer);
        }
        answer
    }

    /// Sends a request to other routes than the API's.
    pub(super) async fn send_to(
        &self,
        table: Table,
        access: Access,
        request: Request<Body>,
    ) -> Answer {
        let router = guard::router(table, self.state.clone(), access);
        let response = router.oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let answer = Answer {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        };
        if answer.status.is_client_error() || answer.status.is_server_error() {
            answer.assert_problem_document();
        }
        answer
    }

    /// A token for the API over TCP.
    pub(super) async fn token(&self) -> String {
        self.token_with(Role::Owner).await
    }

    /// A token with this role.
    pub(super) async fn token_with(&self, role: Role) -> String {
        self.token_of(Rights { role, scope: Scope::ALL, impersonate: false }).await
    }

    /// A token with these rights.
    pub(super) async fn token_of(&self, rights: Rights) -> String {
        let new = NewApiToken { name: "test".to_owned(), email: None, rights, expires: None };
        let tokens = self.state.directory.api_tokens();
        let (_, token) = tokens.create(&new, &by_operator_at(clock::now())).await.unwrap();
        token.expose().to_owned()
    }

    /// Signs an administrator in over TCP.
    pub(super) async fn sign_in(&self, credentials: &str) -> Answer {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/api/v1/session")
            .header("host", "127.0.0.1:8081")
            .header("content-type", "application/json")
            .extension(Peer::Address(IpAddr::V4(Ipv4Addr::LOCALHOST)))
            .body(Body::from(credentials.to_owned()));
        self.send(Access::Token, request.unwrap()).await
    }

    /// The blind copy of each waiting mail, by login.
    pub(super) async fn blind_copies(&self) -> HashMap<String, Option<String>> {
        let records = self.state.directory.records().read().list(kind::MAIL, None, None, 100);
        let records = records.await.unwrap();
        let mails = records.iter().map(|record| serde_json::from_slice(&record.doc).unwrap());
        mails.map(|mail: Mail| (mail.login, mail.blind_copy)).collect()
    }

    /// Counts a failed attempt for a login.
    pub(super) async fn fail_to_sign_in(&self, login: &str) {
        let (password, address) = (Secret::from("wrong"), IpAddr::V4(Ipv4Addr::LOCALHOST));
        let claim = SignInRequest { login, password, address, browser: None };
        let _ = self.state.directory.sign_in().check(claim, clock::now()).await.unwrap();
    }

    /// Signs a portal user in.
    pub(super) async fn begin_session(&self, user: &str) -> TokenHash {
        let facts = self.state.directory.user(&user.into()).await.unwrap().unwrap();
        let new = NewSession {
            way: SignInWay::Password,
            kind: SessionKind::User,
            organization: facts.organization.clone(),
            user: Some(user.into()),
            generation: facts.password_generation,
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            agent: "test".to_owned(),
        };
        self.state
            .sessions
            .start(new, None, &by_operator_at(clock::now()))
            .await
            .unwrap()
            .token
            .hash()
    }

    /// Signs a portal user in with [`PASSWORD`] and sets up the second factor that is required.
    pub(super) async fn enroll(&self, login: &str) {
        let (now, address) = (clock::now(), IpAddr::V4(Ipv4Addr::LOCALHOST));
        let claim =
            SignInRequest { login, password: Secret::from(PASSWORD), address, browser: None };
        let signed_in = self.state.directory.sign_in().check(claim, now).await.unwrap();
        let SignIn::SetUpRequired(pending) = signed_in else { panic!("{signed_in:?}") };
        let (secret, _) = self.state.directory.second_factors().propose(&pending);
        let (code, visit) = (secret.code(now), AttemptSource { address, browser: None });
        let done =
            self.state.directory.second_factors().set_up(&pending, (&secret, &code), visit, now);
        assert!(matches!(done.await.unwrap(), SecondStep::Accepted(_)));
    }

    /// Creates an organization with a portal user in a group; returns the user's id.
    pub(super) async fn person(&self, organization: &str, login: &str, group: &str) -> String {
        let body = serde_json::json!({ "id": organization, "name": organization });
        self.post("/api/v1/organizations", body).await;
        let user = self
            .post(
                "/api/v1/users",
                serde_json::json!({
                    "organization": organization,
                    "login": login,
                    "group": group,
                    "password": PASSWORD,
                }),
            )
            .await;
        assert_eq!(user.status, 201, "{user:?}");
        user.id()
    }
}

impl Answer {
    pub(super) fn id(&self) -> String {
        self.body["id"].as_str().unwrap().to_owned()
    }

    /// The last part of the problem's `type`.
    pub(super) fn code(&self) -> &str {
        self.body["type"].as_str().unwrap().strip_prefix("urn:portcullis:problem:").unwrap()
    }

    pub(super) fn detail(&self) -> &str {
        self.body["detail"].as_str().unwrap()
    }

    /// The first field that the problem names.
    pub(super) fn field(&self) -> &str {
        self.body["errors"][0]["field"].as_str().unwrap()
    }

    fn assert_problem_document(&self) {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        assert_eq!(self.body["status"], self.status.as_u16(), "{self:?}");
        assert!(self.body["title"].is_string() && !self.detail().is_empty(), "{self:?}");
        assert!(!self.code().is_empty());
    }
}
