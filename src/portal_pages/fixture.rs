//! The pages with a directory in the real embedded store, and a browser that keeps cookies.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use http::header::{self, HeaderMap};
use http::{Method, Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use super::Appearance;
use super::router::Pages;
use crate::config::{ServedHosts, Settings};
use crate::credential::hashing::{Hasher, HashingSettings};
use crate::credential::key::SecretKey;
use crate::credential::lockout::Lockout;
use crate::credential::secret::Secret;
use crate::directory::accounts::organizations::NewOrganization;
use crate::directory::accounts::users::{NewUser, UserView};
use crate::directory::fixture::by_operator_at;
use crate::directory::records::Mail;
use crate::directory::records::kind;
use crate::directory::{AuthServices, Directory, Memory};
use crate::proxy::ErrorPages as _;
use crate::session::{SessionCache, SessionLookup, Sessions};
use crate::web::cookie::OwnCookie;
use crate::web::return_to::in_query;
use crate::web::{Visitor, paths};
use portcullis_policy::{Policy, PolicyFiles};
use portcullis_store::Store;
use portcullis_store::feed::Feed;
use portcullis_store::sled::SledStore;

/// A password that meets every requirement.
pub(super) const PASSWORD: &str = "Correct horse 7!";

/// Cheap, so that tests are fast.
const CHEAP: HashingSettings =
    HashingSettings { memory_kib: 8, passes: 1, lanes: 1, threads: 2, queue: 64 };

const PERMISSIONS: &str = r#"
[[permission]]
id = "portal.access"
name = "Portal – Access"
[[permission]]
id = "invoices.view"
name = "Invoices – View"
[[permission]]
id = "invoices.pay"
name = "Invoices – Pay"
[[permission]]
id = "tickets.view_all"
name = "Tickets – View All"
[[permission]]
id = "tickets.view_mine"
name = "Tickets – View Mine"
identity = true
"#;

const GROUPS: &str = r#"
[[group]]
id = "admin"
name = "Admin Portal Group"
permissions = "all"
default = true
[[group]]
id = "non-portal"
name = "Non-Portal User Group"
permissions = ["portal.access"]
[[group]]
id = "limited"
name = "Limited Portal Group"
permissions = ["portal.access"]
[[group]]
id = "no-access"
name = "No Portal Access Group"
permissions = []
"#;

const ROUTES: &str = r#"
[[route]]
name = "Start page"
path = "/"
require = "portal.access"
[[route]]
name = "Read an invoice"
path = "/invoices/{invoice}"
require = "invoices.view"
[[route]]
name = "Pay an invoice"
path = "/invoices/{invoice}/pay"
require = { all = ["invoices.view", "invoices.pay"] }
[[route]]
name = "Tickets"
path = "/tickets"
require = { any = ["tickets.view_all", "tickets.view_mine"] }
[[route]]
name = "Own tickets"
path = "/tickets/mine"
require = "tickets.view_mine"
[[route]]
name = "Pay for own tickets"
path = "/tickets/pay"
require = { all = ["tickets.view_mine", "invoices.pay"] }
[[route]]
name = "Closed"
path = "/closed"
access = "deny"
[[route]]
name = "An organization's page"
path = "/organizations/{organization}"
require = "portal.access"
organization = "{organization}"
"#;

pub(super) struct TestSite {
    pub(super) pages: Pages,
    pub(super) directory: Directory,
    pub(super) sessions: Sessions,
    pub(super) now: Timestamp,
    store: Arc<dyn Store>,
    _folder: TempDir,
}

/// A browser with its cookies.
#[derive(Debug, Default, Clone)]
pub(super) struct Browser {
    pub(super) cookies: BTreeMap<String, String>,
}

/// A response with its body.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl TestSite {
    pub(super) async fn new() -> Self {
        Self::at("http://portal.example:8080").await
    }

    pub(super) async fn at(public_url: &str) -> Self {
        Self::with(&settings(public_url)).await
    }

    pub(super) async fn with(settings: &Settings) -> Self {
        let folder = TempDir::new().unwrap();
        let store: Arc<dyn Store> = Arc::new(SledStore::for_test(folder.path()));
        let key = SecretKey::generate();
        let auth = AuthServices::new(
            &key,
            Hasher::new(CHEAP).unwrap(),
            Lockout::default(),
            settings.passwords,
        );
        let memory = Arc::new(Memory::new(Arc::clone(&store), Arc::new(policy())));
        let cache = Arc::new(SessionCache::new());
        let feed =
            Feed::start(Arc::clone(&store), vec![memory.clone(), cache.clone()]).await.unwrap();
        let directory = Directory::start(
            feed,
            memory,
            auth,
            ServedHosts::new(&settings.server),
            "2026-11-22T08:00:00Z".parse().unwrap(),
        )
        .await
        .unwrap();
        let sessions =
            Sessions::new(directory.clone(), cache, settings.session, settings.server.limits.links);
        let pages = Pages::new(
            settings,
            Appearance::load(&settings.branding).unwrap(),
            directory.clone(),
            sessions.clone(),
            &key,
        );
        let now = "2026-11-22T08:00:00Z".parse().unwrap();
        let site = Self { pages, directory, sessions, now, store, _folder: folder };
        for (id, name) in [("acme", "Acme & Söhne"), ("globex", "Globex")] {
            let new = NewOrganization { id: Some(id.into()), name: name.to_owned(), email: None };
            site.directory.organizations().create(new, &by_operator_at(now)).await.unwrap();
        }
        site
    }

    /// A portal user with [`PASSWORD`].
    pub(super) async fn user(&self, organization: &str, login: &str, group: &str) -> UserView {
        let new = NewUser {
            organization: organization.into(),
            login: Some(login.to_owned()),
            group: Some(group.into()),
            password: Some(Secret::from(PASSWORD)),
            ..NewUser::default()
        };
        self.directory.users().create(new, &by_operator_at(self.now)).await.unwrap()
    }

    /// An invited portal user; returns the token of the invitation.
    pub(super) async fn invited(&self, organization: &str, login: &str) -> String {
        let new = NewUser {
            organization: organization.into(),
            login: Some(login.to_owned()),
            invite: true,
            ..NewUser::default()
        };
        self.directory.users().create(new, &by_operator_at(self.now)).await.unwrap();
        self.letters().await.pop().unwrap().1
    }

    /// The letters that wait to be sent, the latest last, each with its token.
    pub(super) async fn letters(&self) -> Vec<(Mail, String)> {
        self.pages.state.resets.process_all(&self.directory).await;
        let records = self.store.list(kind::MAIL, None, None, 100).await.unwrap();
        let mut letters: Vec<_> = records
            .iter()
            .map(|record| {
                let letter: Mail = serde_json::from_slice(&record.doc).unwrap();
                let token = self
                    .directory
                    .auth()
                    .one_time_tokens
                    .token_in(&record.id.as_str().into(), &letter);
                (letter, token)
            })
            .collect();
        letters.sort_by_key(|(letter, _)| letter.created);
        letters
    }

    /// The path of an organization's secure link.
    pub(super) async fn link(&self, organization: &str) -> String {
        let link = self.directory.secure_links().get(&organization.into()).await.unwrap();
        format!("{}{}", paths::SECURE_LINK, link.token.expose())
    }

    pub(super) fn later(&mut self, minutes: i64) {
        self.now = self.now.checked_add(SignedDuration::from_mins(minutes)).unwrap();
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let visitor = Visitor {
            address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
            request_id: "request-1".to_owned(),
            now: self.now,
            host: "portal.example".to_owned(),
        };
        read(self.pages.own_page(request, visitor).await).await
    }

    /// The browser's session: kind, organization, login.
    pub(super) async fn who(&self, browser: &Browser) -> Option<(&'static str, String, String)> {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, browser.cookie_line().parse().unwrap());
        let snapshot = arc_swap::Guard::into_inner(self.directory.snapshot());
        let presented = self
            .sessions
            .resolve(&headers, OwnCookie::Session.name(false), &snapshot, self.now)
            .await;
        match presented.unwrap() {
            SessionLookup::Found { subject, .. } => Some((
                subject.kind.name(),
                subject.organization.to_string(),
                subject.login.as_deref().unwrap_or_default().to_owned(),
            )),
            SessionLookup::Missing(_) => None,
        }
    }

    /// Fills in the sign-in page at an address.
    pub(super) async fn sign_in_at(
        &self,
        browser: &mut Browser,
        address: &str,
        login: &str,
        password: &str,
    ) -> Answer {
        let page = browser.get(self, address).await;
        let mut fields = page.hidden();
        fields.push(("login".to_owned(), login.to_owned()));
        fields.push(("password".to_owned(), password.to_owned()));
        browser.post(self, paths::SIGN_IN, &fields).await
    }

    pub(super) async fn sign_in(
        &self,
        browser: &mut Browser,
        login: &str,
        password: &str,
    ) -> Answer {
        self.sign_in_at(browser, paths::SIGN_IN, login, password).await
    }
}

impl Browser {
    fn cookie_line(&self) -> String {
        let pairs: Vec<String> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        pairs.join("; ")
    }

    pub(super) async fn get(&mut self, site: &TestSite, address: &str) -> Answer {
        self.send(site, Method::GET, address, &[("accept", "text/html")], "").await
    }

    pub(super) async fn post(
        &mut self,
        site: &TestSite,
        address: &str,
        fields: &[(String, String)],
    ) -> Answer {
        self.send(site, Method::POST, address, &[("sec-fetch-site", "same-origin")], &form(fields))
            .await
    }

    pub(super) async fn send(
        &mut self,
        site: &TestSite,
        method: Method,
        address: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(address)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if !self.cookies.is_empty() {
            request = request.header(header::COOKIE, self.cookie_line());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = site.send(request.body(Body::from(body.to_owned())).unwrap()).await;
        for line in answer.headers.get_all(header::SET_COOKIE) {
            let line = line.to_str().unwrap();
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}

impl Answer {
    pub(super) fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub(super) fn location(&self) -> &str {
        self.header(header::LOCATION)
    }

    /// The hidden fields of the page's form.
    pub(super) fn hidden(&self) -> Vec<(String, String)> {
        self.text
            .split("<input type=\"hidden\" name=\"")
            .skip(1)
            .map(|rest| {
                let (name, rest) = rest.split_once("\" value=\"").unwrap();
                let value = rest.split('"').next().unwrap();
                let value = value.replace("&#38;", "&").replace("&#34;", "\"");
                (name.to_owned(), value)
            })
            .collect()
    }
}

pub(super) fn form(fields: &[(String, String)]) -> String {
    let pairs: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", in_query(value))).collect();
    pairs.join("&")
}

pub(super) fn settings(public_url: &str) -> Settings {
    let text = format!(
        "[server]\npublic_url = \"{public_url}\"\n\
         [upstream]\nservers = [\"http://127.0.0.1:9000\"]\n\
         [branding]\nname = \"Example <IT>\"\n"
    );
    Settings::parse(&text, Path::new("test.toml"), &HashMap::new()).unwrap()
}

pub(super) fn policy() -> Policy {
    let files = PolicyFiles {
        permissions: PERMISSIONS.to_owned(),
        groups: GROUPS.to_owned(),
        routes: ROUTES.to_owned(),
        expectations: String::new(),
        ..PolicyFiles::default()
    };
    Policy::compile(&files).unwrap()
}

pub(super) async fn read(response: Response<Body>) -> Answer {
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, 1 << 20).await.unwrap();
    Answer {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}
