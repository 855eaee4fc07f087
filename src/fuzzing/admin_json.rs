//! The fuzz target of the admin API: a request as a program of the operator sends it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{Request, StatusCode, header};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

use super::bench::{PASSWORD, Records, settings};
use crate::admin::{self, Access, AdminState};
use crate::audit::AuditLog;
use crate::authz::Authorizer;
use crate::backup::Backups;
use crate::clock;
use crate::credential::secret::Secret;
use crate::directory::accounts::end_users::NewEndUser;
use crate::directory::accounts::organizations::NewOrganization;
use crate::directory::accounts::users::NewUser;
use crate::directory::{Actor, Change};
use crate::jobs::Jobs;
use crate::mail::Mailer;
use crate::proxy::upstream::Upstreams;
use portcullis_audit::SigningKey;
use portcullis_store::{Store, StoreKey};

/// Commits after which the records are created again, so that the store stays small.
const COMMITS: u64 = 200;

/// The admin API over a store, with an organization, an end user and a portal user.
#[derive(Debug)]
pub(super) struct AdminBench {
    runtime: Runtime,
    folder: PathBuf,
    api: Api,
    /// The number of stores so far; each is in a folder of its own.
    stores: u32,
}

#[derive(Debug)]
struct Api {
    router: Router,
    store: Arc<dyn Store>,
    /// The sequence number of the newest commit before the first input.
    first: u64,
    /// A placeholder in an input, and the id that it stands for.
    ids: [(&'static str, String); 2],
}

impl AdminBench {
    /// Creates the records in a store below this folder.
    pub(super) fn new(folder: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let api = runtime.block_on(Api::start(&folder.join("0")));
        Self { runtime, folder: folder.to_owned(), api, stores: 1 }
    }

    /// A method and a path below `/api/v1/` on the first line, and a JSON document on the others.
    /// `{user}` and `{end-user}` stand for ids; the organization is `acme`. Returns the status.
    ///
    /// - No response is an error of ours. Every error is a problem document.
    /// - A request that is refused, or only reads, changes nothing.
    pub(super) fn admin_json(&mut self, data: &[u8]) -> Option<StatusCode> {
        let Self { runtime, folder, api, stores } = self;
        let status = runtime.block_on(api.send(data));
        let deleted = data.starts_with(b"DELETE") && status.is_some_and(|s| s.is_success());
        if deleted || runtime.block_on(api.head()) > api.first + COMMITS {
            *api = runtime.block_on(Api::start(&folder.join(stores.to_string())));
            *stores += 1;
            // The folder of the store before it, which is closed now.
            let _ = std::fs::remove_dir_all(folder.join((*stores - 2).to_string()));
        }
        status
    }
}

impl Api {
    async fn start(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let settings = settings("http://127.0.0.1:1");
        let Records { feed, directory, sessions, .. } = Records::open(folder, &settings).await;
        let change = Change::new(Actor::System("fuzzing"), clock::now());
        let acme =
            NewOrganization { id: Some("acme".into()), name: "Acme".to_owned(), email: None };
        directory.organizations().create(acme, &change).await.unwrap();
        let end_user = NewEndUser { name: "Ann".to_owned(), email: None };
        let end_user =
            directory.end_users().create(&"acme".into(), end_user, &change).await.unwrap();
        let user = NewUser {
            organization: "acme".into(),
            login: Some("joe".to_owned()),
            group: Some("limited".into()),
            password: Some(Secret::from(PASSWORD)),
            ..NewUser::default()
        };
        let user = directory.users().create(user, &change).await.unwrap();
        let store = Arc::clone(feed.store());
        let audit = SigningKey::new("portal.example/audit", &[7; 32]).unwrap();
        let audit = AuditLog::new(&directory, audit);
        let key = StoreKey::new([7; 32]);
        let backups = Backups::new(Arc::clone(&store), key, directory.clone(), audit.clone());
        let audit = (audit, Jobs::new(directory.clone()), backups);
        let records = (directory, sessions, feed.freshness());
        let authz = Arc::new(Authorizer::new(&settings, records.clone()));
        let reload = Arc::new(|_, _| Box::pin(async { Ok(()) }) as _);
        let tester = Mailer::new(&settings).unwrap().tester();
        let portal = (authz, Arc::new(Upstreams::new(&settings.upstream).unwrap()));
        let state =
            AdminState::new(&settings, records, audit, tester, portal, reload, clock::now());
        let router = admin::router(state, Access::Socket);
        let first = store.head().await.unwrap();
        let ids = [("{user}", user.id.to_string()), ("{end-user}", end_user.id.to_string())];
        Self { router, store, first, ids }
    }

    async fn head(&self) -> u64 {
        self.store.head().await.unwrap()
    }

    async fn send(&self, data: &[u8]) -> Option<StatusCode> {
        let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
        let (line, body) = (&data[..end], data.get(end + 1..).unwrap_or_default());
        let mut line = std::str::from_utf8(line).ok()?.to_owned();
        let mut body = body.to_vec();
        for (name, id) in &self.ids {
            line = line.replace(name, id);
            if let Ok(text) = std::str::from_utf8(&body) {
                body = text.replace(name, id).into_bytes();
            }
        }
        let (method, path) = line.split_once(' ')?;
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1/{path}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body))
            .ok()?;
        let before = self.head().await;
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let (status, text) = (parts.status, String::from_utf8_lossy(&body));
        assert!(status.as_u16() < 500, "{status}: {text}");
        if status.is_client_error() {
            let kind = parts.headers.get(header::CONTENT_TYPE);
            assert_eq!(kind.unwrap(), "application/problem+json", "{text}");
        }
        if !status.is_success() || method == "GET" {
            assert_eq!(self.head().await, before, "{line}: {status}: {text}");
        }
        Some(status)
    }
}
