//! How the operator's staff opens the portal: viewing it (R17) and acting as a portal user (R18).

use http::Method;
use serde_json::{Value, json};

use crate::support::admin::PASSWORD;
use crate::support::browser::{Browser, Form};
use crate::support::client::Reply;
use crate::support::gate::{Builder, CUSTOMER_ROUTES, TestGate};

const STOP: &str = "/.portcullis/view/stop";
pub(super) const LOGIN: &str = "anna@acme.test";

/// A portal with the organization Acme and its user Anna.
pub(super) struct Site {
    pub(super) gate: TestGate,
    pub(super) acme: String,
    pub(super) anna: String,
}

impl Site {
    async fn start() -> Self {
        Self::of(TestGate::builder().policy(CUSTOMER_ROUTES)).await
    }

    pub(super) async fn of(builder: Builder) -> Self {
        let gate = builder.start().await;
        let acme = gate.admin.organization("Acme").await;
        let anna = gate.admin.user(&acme, LOGIN, "limited").await;
        Self { gate, acme, anna }
    }

    /// The target of a new link to view Acme's portal.
    pub(super) async fn view(&self) -> String {
        self.link("views").await
    }

    /// The target of a new link to act as Anna.
    pub(super) async fn impersonate(&self) -> String {
        self.link("impersonations").await
    }

    /// What a request for a link has.
    pub(super) fn body_of(&self, path: &str) -> Value {
        match path {
            "views" => json!({ "organization": self.acme, "reason": "Ticket 7" }),
            _ => json!({ "user": self.anna, "reason": "Ticket 7" }),
        }
    }

    async fn link(&self, path: &str) -> String {
        let link = self.gate.admin.post(&format!("/api/v1/{path}"), self.body_of(path)).await;
        assert_eq!(link.status, 201, "{}", link.json);
        let url = link.json["url"].as_str().unwrap();
        let target = url.strip_prefix(self.gate.origin()).unwrap().to_owned();
        self.gate.is_secret(target.rsplit('/').next().unwrap());
        target
    }

    /// A browser in the session that a link starts.
    pub(super) async fn opened(&self, target: &str) -> Browser {
        let mut browser = Browser::at(&self.gate);
        let reply = browser.open(target).await;
        assert_eq!((reply.status, reply.header("location")), (303, Some("/")), "{reply:?}");
        self.gate.is_secret(browser.session().unwrap());
        browser
    }

    async fn change_anna(&self, patch: Value) {
        self.gate.admin.patch(&format!("/api/v1/users/{}", self.anna), patch).await.ok();
    }

    pub(super) async fn sessions(&self, query: &str) -> Vec<Value> {
        let list = self.gate.admin.get(&format!("/api/v1/sessions?{query}")).await.ok();
        list["items"].as_array().unwrap().clone()
    }

    /// The kinds of the newest entries of the audit log, with their reasons.
    async fn audited(&self, count: usize) -> Vec<(String, String)> {
        let list = self.gate.admin.get(&format!("/api/v1/audit?limit={count}")).await.ok();
        let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or("-").to_owned();
        let items = list["items"].as_array().unwrap().iter();
        items.map(|entry| (text(entry, "kind"), text(entry, "reason"))).collect()
    }
}

fn denied(reply: &Reply) -> (u16, String) {
    (reply.status, reply.reason())
}

#[tokio::test]
async fn r17_view_has_the_non_portal_groups_permissions() {
    let site = Site::start().await;
    let mut staff = site.opened(&site.view().await).await;
    assert_eq!(staff.fetch("/").await.status, 200);
    let seen = site.gate.arrived();
    for (name, value) in [
        ("portcullis-session-kind", Some("staff")),
        ("portcullis-actor", Some("socket")),
        ("portcullis-organization", Some(site.acme.as_str())),
        ("portcullis-group", Some("non-portal")),
        ("portcullis-user", None),
    ] {
        assert_eq!(seen.one(name), value, "{name}");
    }
    let refused = staff.fetch("/invoices/7").await;
    assert_eq!(denied(&refused), (403, "missing-permission".to_owned()));
    let grant = json!({ "permissions": ["portal.access", "invoices.view"] });
    site.gate.admin.patch("/api/v1/groups/non-portal", grant).await.ok();
    assert_eq!(staff.fetch("/invoices/7").await.status, 200);
    site.gate.arrived();
    let record = site.gate.decided("/invoices/7").await;
    assert_eq!((&record["session"], &record["actor"]), (&json!("staff"), &json!("socket")));
}

#[tokio::test]
async fn r17_link_works_once_and_not_in_the_background() {
    let site = Site::start().await;
    let target = site.view().await;
    let mut other = Browser::at(&site.gate);
    for (method, headers) in [
        (Method::GET, &[("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")][..]),
        (Method::GET, &[("sec-purpose", "prefetch"), ("sec-fetch-mode", "navigate")]),
        (Method::HEAD, &[("accept", "text/html")]),
    ] {
        other.send(method, &target, headers, "").await;
        assert_eq!(other.session(), None, "{headers:?}");
    }
    site.opened(&target).await;
    let again = other.open(&target).await;
    assert_eq!((again.status, other.session()), (404, None), "{again:?}");
    assert_eq!(site.sessions("kind=staff").await.len(), 1);
}

#[tokio::test]
async fn r18_impersonation_has_the_users_permissions() {
    let site = Site::start().await;
    let mut staff = site.opened(&site.impersonate().await).await;
    assert_eq!(staff.fetch("/").await.status, 200);
    let seen = site.gate.arrived();
    for (name, value) in [
        ("portcullis-session-kind", "impersonation"),
        ("portcullis-actor", "socket"),
        ("portcullis-user", LOGIN),
        ("portcullis-group", "limited"),
    ] {
        assert_eq!(seen.one(name), Some(value), "{name}");
    }
    let record = site.gate.decided("/").await;
    assert_eq!((&record["user"], &record["actor"]), (&json!(site.anna), &json!("socket")));
    assert_eq!(denied(&staff.fetch("/invoices/7").await).1, "missing-permission");
    site.change_anna(json!({ "group": "admin" })).await;
    assert_eq!(staff.fetch("/invoices/7").await.status, 200);
    site.gate.arrived();
}

#[tokio::test]
async fn r18_impersonation_follows_the_state_of_the_user() {
    let site = Site::start().await;
    let mut staff = site.opened(&site.impersonate().await).await;
    site.change_anna(json!({ "disabled": true })).await;
    assert_eq!(denied(&staff.fetch("/").await), (403, "account-disabled".to_owned()));
    let body = json!({ "user": site.anna, "reason": "x" });
    let path = "/api/v1/impersonations";
    site.gate.admin.post(path, body.clone()).await.refused(409, "account-disabled");
    site.change_anna(json!({ "disabled": false, "group": "no-access" })).await;
    assert_eq!(denied(&staff.fetch("/").await), (403, "no-portal-access".to_owned()));
    site.gate.admin.post(path, body).await.refused(409, "no-portal-access");
    site.change_anna(json!({ "group": "limited" })).await;
    assert_eq!(staff.fetch("/").await.status, 200);
    site.gate.arrived();
    site.gate.admin.delete(&format!("/api/v1/users/{}", site.anna)).await.ok();
    assert_eq!(staff.fetch("/").await.status, 401);
    site.gate.nothing_arrived("a session as a deleted user").await;
}

#[tokio::test]
async fn r18_impersonation_leaves_the_users_account_alone() {
    let site = Site::start().await;
    let mut anna = Browser::at(&site.gate);
    assert_eq!(anna.sign_in(LOGIN, PASSWORD).await.status, 303);
    let path = format!("/api/v1/users/{}", site.anna);
    let before = site.gate.admin.get(&path).await.ok();
    let mut staff = site.opened(&site.impersonate().await).await;
    assert_eq!(site.gate.admin.get(&path).await.ok(), before);
    assert_eq!(anna.fetch("/").await.status, 200);
    site.gate.arrived();
    // The account's pages are for the user only.
    for page in ["account", "account/password", "account/mfa", "sessions", "tokens"] {
        let reply = staff.open(&format!("/.portcullis/{page}")).await;
        assert_eq!(reply.status, 404, "{page}: {reply:?}");
    }
    let listed = anna.open("/.portcullis/sessions").await;
    assert_eq!(listed.text().matches("127.0.0.1").count(), 1, "{}", listed.text());
}

#[tokio::test]
async fn r19_a_signed_in_portal_user_is_asked_first() {
    let site = Site::start().await;
    let mut anna = Browser::at(&site.gate);
    assert_eq!(anna.sign_in(LOGIN, PASSWORD).await.status, 303);
    let own = anna.session().unwrap().to_owned();
    let target = site.impersonate().await;
    let page = anna.open(&target).await;
    assert_eq!((page.status, anna.session()), (200, Some(&*own)));
    let form = Form { action: target.clone(), ..Form::to(page.text(), "") };
    // Neither another site nor a form without its token replaces the session.
    let foreign = anna.post(&target, &[("origin", "http://evil.test")], &form.encoded()).await;
    assert_eq!((foreign.status, anna.session()), (403, Some(&*own)));
    anna.submit(&form.clone().set("csrf", "x")).await;
    assert_eq!(anna.session(), Some(&*own));
    assert_eq!(anna.submit(&form).await.status, 303);
    assert_ne!(anna.session(), Some(&*own));
    let kinds = site.sessions("").await;
    let kinds: Vec<_> = kinds.iter().map(|session| session["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["impersonation"]);
    // The session of a link is replaced at once.
    let globex = site.gate.admin.organization("Globex").await;
    let mut visitor = Browser::at(&site.gate);
    let link = visitor.local(&site.gate.admin.secure_link(&globex).await);
    assert_eq!(visitor.open(&link).await.status, 303);
    assert_eq!(visitor.open(&site.view().await).await.status, 303);
}

#[tokio::test]
async fn r19_a_replaced_session_of_staff_is_audited() {
    let site = Site::start().await;
    let mut staff = site.opened(&site.view().await).await;
    let (view, impersonation) = (site.view().await, site.impersonate().await);
    let kinds = async |count| {
        let audited = site.audited(count).await;
        audited.into_iter().map(|(kind, _)| kind).collect::<Vec<_>>()
    };
    assert_eq!(staff.open(&impersonation).await.status, 303);
    assert_eq!(kinds(2).await, ["impersonation.opened", "view.stopped"]);
    assert_eq!(staff.open(&view).await.status, 303);
    assert_eq!(kinds(2).await, ["view.opened", "impersonation.stopped"]);
    // By a portal user who signs in; a session that is none of staff has no such entry.
    let page = staff.open("/.portcullis/sign-in?switch").await;
    assert_eq!(staff.sign_in_on(&page, LOGIN, PASSWORD).await.status, 303);
    assert_eq!(kinds(2).await, ["user.signed-in", "view.stopped"]);
    assert_eq!(staff.sign_in(LOGIN, PASSWORD).await.status, 303);
    assert_eq!(kinds(2).await, ["user.signed-in", "user.signed-in"]);
}

#[tokio::test]
async fn r18_stopping_ends_the_session_and_leads_back() {
    let builder = TestGate::builder().policy(CUSTOMER_ROUTES);
    let site = Site::of(builder.setting("admin.public_url", "\"http://admin.test\"")).await;
    let mut staff = site.opened(&site.impersonate().await).await;
    let page = staff.open(STOP).await;
    let form = Form::to(page.text(), STOP);
    let copy = staff.copy_of_session();
    let foreign = staff.post(STOP, &[("origin", "http://evil.test")], &form.encoded()).await;
    assert_eq!(foreign.status, 403);
    staff.submit(&form.clone().set("csrf", "x")).await;
    assert!(staff.session().is_some());
    let stopped = staff.submit(&form).await;
    assert_eq!((stopped.status, stopped.header("location")), (303, Some("http://admin.test")));
    assert_eq!(staff.session(), None);
    let mut copy = copy;
    assert_eq!(copy.fetch("/").await.status, 401);
    let expected = [
        ("impersonation.stopped", "-"),
        ("impersonation.opened", "Ticket 7"),
        ("impersonation.requested", "Ticket 7"),
    ];
    let expected = expected.map(|(kind, reason)| (kind.to_owned(), reason.to_owned()));
    assert_eq!(site.audited(3).await, expected);
    let page = staff.open(STOP).await;
    assert!(page.text().contains("http://admin.test"), "{}", page.text());
}
