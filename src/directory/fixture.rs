//! For tests: a directory over a real store in a temporary folder.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use parking_lot::Mutex;
use tempfile::TempDir;

use crate::config::{Passwords, ServedHosts};
use crate::credential::hashing::{Hasher, HashingSettings};
use crate::credential::key::SecretKey;
use crate::credential::lockout::Lockout;
use crate::credential::secret::Secret;
use crate::directory::access::password_links::MailedLink;
use crate::directory::access::sign_in::{SignIn, SignInRequest};
use crate::directory::accounts::end_users::{EndUserView, NewEndUser};
use crate::directory::accounts::groups::{Grant, GroupView, NewGroup};
use crate::directory::accounts::organizations::{NewOrganization, OrganizationView};
use crate::directory::accounts::users::{NewUser, UserView};
use crate::directory::records::{
    Actor, AdminSecret, AdminSession, AdminSessionId, Administrator, AdministratorId, ApiToken,
    ApiTokenId, Change, Mail, MailId, MailState, Rights, put,
};
use crate::directory::{AuthServices, Directory, Memory};
use portcullis_policy::{Policy, PolicyFiles};
use portcullis_store::feed::Feed;
use portcullis_store::sled::SledStore;
use portcullis_store::{
    Changes, Commit, CommitError, Committed, Expect, Found, Key, Kind, Record, Search, Store,
    StoreError,
};

/// A future that runs before the next commit.
type Interruption = BoxFuture<'static, ()>;

/// A password that satisfies all rules.
pub(crate) const PASSWORD: &str = "Correct horse 7!";
/// Another password that satisfies all rules.
pub(crate) const OTHER_PASSWORD: &str = "Battery staple 8?";
/// The address that sign-ins come from.
pub(crate) const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
/// A low cost, so that tests are fast.
const CHEAP: HashingSettings =
    HashingSettings { memory_kib: 8, passes: 1, lanes: 1, threads: 2, queue: 64 };

/// 24 permissions, and whether each needs an identity; 6 do.
const PERMISSIONS: [(&str, bool); 24] = [
    ("portal.access", false),
    ("account_overview.view", false),
    ("appointments.request", false),
    ("appointments.view", false),
    ("assets.remote_access", true),
    ("assets.run_scripts", true),
    ("assets.view_all", false),
    ("assets.view_mine", true),
    ("attachments.upload", false),
    ("attachments.view_public", false),
    ("chat.start", false),
    ("contacts.manage", false),
    ("contracts.view", false),
    ("documentation.view_public", false),
    ("estimates.decide", false),
    ("estimates.view", false),
    ("invoices.pay", false),
    ("invoices.view", false),
    ("payment_methods.manage", true),
    ("payments.view", false),
    ("profile.edit", true),
    ("tickets.create", false),
    ("tickets.view_all", false),
    ("tickets.view_mine", true),
];

const GROUPS: &str = r#"
[[group]]
id = "admin"
name = "Admin Portal Group"
permissions = "all"
default = true
[[group]]
id = "non-portal"
name = "Non-Portal User Group"
permissions = ["portal.access", "tickets.create"]
[[group]]
id = "limited"
name = "Limited Portal Group"
permissions = [
    "portal.access", "assets.view_mine", "attachments.upload", "attachments.view_public",
    "documentation.view_public", "profile.edit", "tickets.create", "tickets.view_mine",
]
[[group]]
id = "no-access"
name = "No Portal Access Group"
permissions = []
"#;

const ROUTES: &str = r#"
[[route]]
name = "Tickets"
path = "/tickets"
require = "tickets.create"
"#;

/// The policy files of the tests.
pub(crate) fn policy_files() -> PolicyFiles {
    let mut permissions = String::new();
    for (id, identity) in PERMISSIONS {
        writeln!(permissions, "[[permission]]\nid = {id:?}\nname = {id:?}\nidentity = {identity}")
            .unwrap();
    }
    PolicyFiles {
        permissions,
        groups: GROUPS.to_owned(),
        routes: ROUTES.to_owned(),
        expectations: String::new(),
        ..PolicyFiles::default()
    }
}

/// A mail that waits to be sent, with its token.
#[derive(Debug)]
pub(crate) struct WaitingMail {
    pub(crate) id: MailId,
    pub(crate) doc: Mail,
    pub(crate) token: String,
}

/// A directory with its store and services.
pub(crate) struct Fixture {
    pub(crate) directory: Directory,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) auth: AuthServices,
    _folder: TempDir,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let store: Arc<dyn Store> = Arc::new(SledStore::for_test(folder.path()));
        Self::over(store, folder).await
    }

    /// A directory over a store that may have records.
    pub(crate) async fn over(store: Arc<dyn Store>, folder: TempDir) -> Self {
        let key = SecretKey::generate();
        let auth = AuthServices::new(
            &key,
            Hasher::new(CHEAP).unwrap(),
            Lockout::default(),
            Passwords::default(),
        );
        let directory = start(Arc::clone(&store), auth.clone(), ServedHosts::for_test()).await;
        Self { directory, store, auth, _folder: folder }
    }

    /// Another process on the same store.
    pub(crate) async fn replica(&self) -> Directory {
        start(Arc::clone(&self.store), self.auth.clone(), ServedHosts::for_test()).await
    }

    /// Another process with these services.
    pub(crate) async fn with_auth(&self, auth: AuthServices) -> Directory {
        start(Arc::clone(&self.store), auth, ServedHosts::for_test()).await
    }

    /// Another process that serves these hosts.
    pub(crate) async fn serving(&self, hosts: ServedHosts) -> Directory {
        start(Arc::clone(&self.store), self.auth.clone(), hosts).await
    }

    /// A directory that runs `interruption` before its next commit: after the operation has read and
    /// checked, and before it writes.
    pub(crate) async fn with_interruption(
        &self,
        interruption: impl Future<Output = ()> + Send + 'static,
    ) -> Directory {
        self.with_auth_and_interruption(self.auth.clone(), interruption).await
    }

    /// The same with these services.
    pub(crate) async fn with_auth_and_interruption(
        &self,
        auth: AuthServices,
        interruption: impl Future<Output = ()> + Send + 'static,
    ) -> Directory {
        let store = Arc::new(InterruptedStore {
            inner: Arc::clone(&self.store),
            interruption: Mutex::new(None),
        });
        let directory = start(store.clone(), auth, ServedHosts::for_test()).await;
        *store.interruption.lock() = Some(interruption.boxed());
        directory
    }

    pub(crate) async fn organization(&self, id: &str) -> OrganizationView {
        let new = NewOrganization { id: Some(id.into()), name: id.to_owned(), email: None };
        self.directory.organizations().create(new, &by_operator()).await.unwrap()
    }

    pub(crate) async fn end_user(&self, organization: &str, email: Option<&str>) -> EndUserView {
        let new = NewEndUser { name: "Ann".to_owned(), email: email.map(str::to_owned) };
        self.directory.end_users().create(&organization.into(), new, &by_operator()).await.unwrap()
    }

    /// A group of that name with the permission to create tickets.
    pub(crate) async fn group(&self, name: &str) -> GroupView {
        let permissions = Grant::Only(vec!["tickets.create".to_owned()]);
        let new = NewGroup { id: None, name: name.to_owned(), permissions };
        self.directory.groups().create(new, &by_operator()).await.unwrap()
    }

    /// An active portal user in a group.
    pub(crate) async fn user(&self, organization: &str, login: &str, group: &str) -> UserView {
        let new = NewUser {
            group: Some(group.into()),
            password: Some(Secret::from(PASSWORD)),
            ..new_user(organization, login)
        };
        self.directory.users().create(new, &by_operator()).await.unwrap()
    }

    /// The holder of a token with these rights.
    pub(crate) async fn token(&self, name: &str, rights: &Rights) -> Actor {
        let Rights { role, scope, impersonate } = rights.clone();
        let (name, id) = (name.to_owned(), ApiTokenId::from(name.to_owned()));
        let doc = ApiToken {
            name: name.clone(),
            email: None,
            role,
            scope,
            impersonate,
            created: now(),
            expires: None,
        };
        let writes = vec![put(&id, Expect::Absent, &doc)];
        self.directory.records().commit(&by_operator(), writes).await.unwrap();
        Actor::Token { id, name, rights: rights.clone() }
    }

    /// An administrator with these rights, in an open session.
    pub(crate) async fn administrator(&self, login: &str, rights: &Rights) -> Actor {
        let Rights { role, scope, impersonate } = rights.clone();
        let id = AdministratorId::from(login.to_owned());
        let doc = Administrator {
            login: login.to_owned(),
            email: None,
            role,
            scope,
            impersonate,
            password: AdminSecret(String::new()),
            generation: 0,
            second_factor: None,
            created: now(),
            last_sign_in: None,
            last_address: None,
        };
        let session = AdminSessionId::from(format!("session of {login}"));
        let open = AdminSession {
            administrator: id.clone(),
            generation: 0,
            created: now(),
            last_seen: now(),
            address: ADDRESS,
        };
        let writes = vec![put(&id, Expect::Absent, &doc), put(&session, Expect::Absent, &open)];
        self.directory.records().commit(&by_operator(), writes).await.unwrap();
        let (login, session) = (login.to_owned(), Some(session));
        Actor::Administrator { id, login, rights: rights.clone(), session }
    }

    /// The mails that wait to be sent.
    pub(crate) async fn waiting_mails(&self) -> Vec<WaitingMail> {
        let mails = self.directory.records().read().all::<Mail>(None).await.unwrap();
        mails
            .into_iter()
            .filter(|mail| mail.doc.token.is_some())
            .map(|mail| WaitingMail {
                token: self.auth.one_time_tokens.token_in(&mail.id, &mail.doc),
                id: mail.id,
                doc: mail.doc,
            })
            .collect()
    }

    /// Whether a waiting mail would be sent; if not, it is completed.
    pub(crate) async fn is_sendable(&self, id: &MailId, now: Timestamp) -> bool {
        let mail = self.directory.records().read().existing::<Mail>(id, None).await.unwrap();
        let link = self.directory.password_links().mailed(&mail, now).await.unwrap();
        let sendable = matches!(link, MailedLink::Valid(_));
        if !sendable {
            let completed = mail.doc.completed(MailState::NotNeeded { at: now });
            let writes = vec![mail.replace(completed).0];
            self.directory.records().commit(&by_operator(), writes).await.unwrap();
        }
        sendable
    }

    pub(crate) async fn sign_in(&self, login: &str, password: &str) -> SignIn {
        self.directory.sign_in().check(sign_in_request(login, password), now()).await.unwrap()
    }
}

/// A store that runs a future before its next commit.
struct InterruptedStore {
    inner: Arc<dyn Store>,
    interruption: Mutex<Option<Interruption>>,
}

impl fmt::Debug for InterruptedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InterruptedStore").finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for InterruptedStore {
    async fn get(&self, kind: Kind, id: &str) -> Result<Option<Record>, StoreError> {
        self.inner.get(kind, id).await
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
        let interruption = self.interruption.lock().take();
        if let Some(interruption) = interruption {
            interruption.await;
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

pub(crate) fn sign_in_request<'a>(login: &'a str, password: &str) -> SignInRequest<'a> {
    SignInRequest { login, password: Secret::from(password), address: ADDRESS, browser: None }
}

/// A portal user with nothing but a login.
pub(crate) fn new_user(organization: &str, login: &str) -> NewUser {
    NewUser {
        organization: organization.into(),
        login: Some(login.to_owned()),
        ..NewUser::default()
    }
}

/// A change made at [`now`] by an operator.
pub(crate) fn by_operator() -> Change {
    by_operator_at(now())
}

/// A change made by an operator at this time.
pub(crate) fn by_operator_at(at: Timestamp) -> Change {
    Change::new(Actor::SocketOwner, at)
}

/// A change made by an operator to this version of the record.
pub(crate) fn by_operator_to(version: u64) -> Change {
    by_operator().expecting(Some(version))
}

pub(crate) fn now() -> Timestamp {
    "2026-11-22T08:00:00Z".parse().unwrap()
}

async fn start(store: Arc<dyn Store>, auth: AuthServices, served: ServedHosts) -> Directory {
    let policy = Arc::new(Policy::compile(&policy_files()).unwrap());
    let memory = Arc::new(Memory::new(Arc::clone(&store), policy));
    let feed = Feed::start(store, vec![memory.clone()]).await.unwrap();
    Directory::start(feed, memory, auth, served, now()).await.unwrap()
}
