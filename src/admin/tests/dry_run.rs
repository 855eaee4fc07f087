//! `?dry_run=true`: answered with what would change, and nothing is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use portcullis_policy::SessionKind;
use portcullis_store::{Kind, Record};
use serde_json::{Value, json};
use tracing::instrument::WithSubscriber as _;

use super::bench::{Answer, Bench, PASSWORD};
use crate::admin::table::Declaration;
use crate::admin::{Access, dry_run, routes};
use crate::clock;
use crate::credential::token::TokenHash;
use crate::directory::access::lockouts::LockoutView;
use crate::directory::fixture::by_operator_at;
use crate::directory::records::kind;
use crate::session::{NewSession, SignInWay};

const KINDS: [Kind; 20] = [
    kind::ORGANIZATION,
    kind::END_USER,
    kind::USER,
    kind::GROUP,
    kind::PREFERENCES,
    kind::API_TOKEN,
    kind::API_TOKEN_USE,
    kind::USER_TOKEN,
    kind::TOTP_STEP,
    kind::LAST_SIGN_IN,
    kind::SESSION,
    kind::MAIL,
    kind::ADMINISTRATOR,
    kind::ADMIN_SESSION,
    kind::JOB,
    kind::JOB_PLAN,
    kind::JOB_REPORT,
    kind::AUDIT,
    kind::AUDIT_CHECKPOINT,
    Kind::new("ended_session"),
];

/// All that a write could change.
#[derive(PartialEq)]
struct State {
    head: u64,
    records: Vec<Vec<Record>>,
    lockouts: Vec<LockoutView>,
    policy: String,
    loaded: jiff::Timestamp,
}

impl State {
    async fn of(bench: &Bench) -> Self {
        let mut records = Vec::new();
        for kind in KINDS {
            records.push(bench.store.list(kind, None, None, 100_000).await.unwrap());
        }
        Self {
            head: bench.store.head().await.unwrap(),
            records,
            lockouts: bench.directory().lockouts().list(clock::now()).await.unwrap(),
            policy: bench.directory().snapshot().policy().version().to_owned(),
            loaded: bench.directory().reloads().last().loaded,
        }
    }
}

pub(super) async fn tried(
    bench: &Bench,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Answer {
    let mark = if path.contains('?') { '&' } else { '?' };
    bench.ask(method, &format!("{path}{mark}dry_run=true"), body).await
}

/// The answer's changes.
async fn changes(bench: &Bench, method: Method, path: &str, body: Option<Value>) -> Value {
    let answer = tried(bench, method, path, body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["changes"].clone()
}

pub(super) async fn link_session(bench: &Bench, organization: &str) -> TokenHash {
    let facts = bench.directory().organization(&organization.into()).await.unwrap().unwrap();
    let new = NewSession {
        kind: SessionKind::Link,
        organization: organization.into(),
        user: None,
        generation: facts.link_generation,
        address: "192.0.2.7".parse().unwrap(),
        agent: "test".to_owned(),
        way: SignInWay::Link,
    };
    let started = bench.state.sessions.start(new, None, &by_operator_at(clock::now())).await;
    started.unwrap().token.hash()
}

fn names(changes: &Value) -> Vec<&str> {
    let warnings = changes["warnings"].as_array().unwrap();
    warnings.iter().map(|warning| warning["name"].as_str().unwrap()).collect()
}

/// A request for each write that succeeds, and `None` for one that this test does not know.
fn request(method: &Method, path: &str, ids: &Value) -> Option<(String, Option<Value>)> {
    let id = |name: &str| ids[name].as_str().unwrap().to_owned();
    let of = |owner: &str, rest: &str| format!("/api/v1/{owner}/{}{rest}", id(owner));
    let body = |body: Value| Some(body);
    let (path, body) = match (method.as_str(), path.trim_start_matches("/api/v1/")) {
        ("POST", "groups") => (path.to_owned(), body(json!({ "name": "x", "permissions": "all" }))),
        ("PATCH", "groups/{id}") => {
            (of("groups", ""), body(json!({ "permissions": ["portal.access"] })))
        }
        ("DELETE", "groups/{id}") => (of("groups", "?move_to=admin"), None),
        ("POST", "groups/{id}/copy") => (of("groups", "/copy"), None),
        ("POST", "policy/reload" | "organizations") => {
            (path.to_owned(), body(json!({ "name": "x" })).filter(|_| path.ends_with('s')))
        }
        ("PATCH", "organizations/{id}") => (of("organizations", ""), body(json!({ "name": "y" }))),
        ("DELETE", "organizations/{id}") => ("/api/v1/organizations/empty".to_owned(), None),
        ("PATCH", "organizations/{id}/link") => {
            (of("organizations", "/link"), body(json!({ "enabled": false })))
        }
        ("POST", "organizations/{id}/link/rotate") => (of("organizations", "/link/rotate"), None),
        ("POST", "organizations/{id}/end-users") => {
            (of("organizations", "/end-users"), body(json!({ "name": "x" })))
        }
        ("PATCH", "organizations/{id}/end-users/{end_user}") => (
            of("organizations", &format!("/end-users/{}", id("end_user"))),
            body(json!({ "name": "y" })),
        ),
        ("DELETE", "organizations/{id}/end-users/{end_user}") => {
            (of("organizations", &format!("/end-users/{}", id("end_user"))), None)
        }
        ("POST", "users") => {
            let new = json!({
                "organization": "empty", "login": "new@example.com", "invite": true, "send_to":
                "new@example.com",
            });
            (path.to_owned(), body(new))
        }
        ("PATCH", "users/{id}") => (of("users", ""), body(json!({ "disabled": true }))),
        ("DELETE", "users/{id}") => (of("users", ""), None),
        ("PUT" | "POST", "users/{id}/password") => {
            (of("users", "/password"), body(json!({ "password": "Battery staple 8?" })))
        }
        ("POST" | "DELETE", "users/{id}/invitation") => {
            (format!("/api/v1/users/{}/invitation", id("invited")), None)
        }
        ("DELETE", "users/{id}/mfa") => (format!("/api/v1/users/{}/mfa", id("enrolled")), None),
        ("DELETE", "users/{id}/sessions") => (of("users", "/sessions"), None),
        ("POST", "users/{id}/tokens") => (of("users", "/tokens"), body(json!({ "name": "x" }))),
        ("DELETE", "users/{id}/tokens/{token}") => {
            (of("users", &format!("/tokens/{}", id("user_token"))), None)
        }
        ("DELETE", "sessions") => (path.to_owned(), None),
        ("DELETE", "sessions/{id}") => (of("sessions", ""), None),
        ("DELETE", "lockouts") => (format!("{path}?login=guessed"), None),
        ("DELETE", "lockouts/{id}") => (of("lockouts", ""), None),
        ("PATCH", "preferences") => {
            (path.to_owned(), body(json!({ "disabled_redirect_url": "https://example.com/" })))
        }
        ("POST", "mail/test") => (path.to_owned(), body(json!({ "to": "a@example.com" }))),
        ("POST", "mail/{id}/retry") => (of("mail", "/retry"), None),
        ("POST", "administrators") => {
            let new = json!({ "login": "x", "role": "auditor", "password": PASSWORD });
            (path.to_owned(), body(new))
        }
        ("PATCH", "administrators/{id}") => {
            (of("administrators", ""), body(json!({ "role": "auditor" })))
        }
        ("DELETE", "administrators/{id}") => (of("administrators", ""), None),
        ("PUT", "administrators/{id}/password") => {
            (of("administrators", "/password"), body(json!({ "password": "Battery staple 8?" })))
        }
        ("POST", "administrators/{id}/mfa") => (of("administrators", "/mfa"), None),
        ("DELETE", "administrators/{id}/sessions") => (of("administrators", "/sessions"), None),
        ("POST", "tokens") => (path.to_owned(), body(json!({ "name": "x" }))),
        ("PATCH", "tokens/{id}") => (of("tokens", ""), body(json!({ "role": "auditor" }))),
        ("DELETE", "tokens/{id}") => (of("tokens", ""), None),
        ("POST", "bulk") => {
            let all = json!({
                "apply_to": "organizations", "organizations": "all", "action": "disable",
            });
            (path.to_owned(), body(all))
        }
        ("POST", "users/bulk") => {
            (path.to_owned(), body(json!({ "users": [id("users")], "group": "admin" })))
        }
        ("DELETE", "jobs/{id}") => (of("jobs", ""), None),
        _ => return None,
    };
    Some((path, body))
}

/// A record of each kind; their ids, by the name of the resource.
async fn records(bench: &Bench) -> Value {
    let group = bench.post("/api/v1/groups", json!({ "name": "Team", "permissions": [] })).await;
    bench.post("/api/v1/organizations", json!({ "id": "empty", "name": "Empty" })).await;
    let ann = bench.person("acme", "ann", &group.id()).await;
    let end_user = json!({ "name": "Bo", "email": "bo@example.com" });
    let end_user = bench.post("/api/v1/organizations/acme/end-users", end_user).await;
    let invited = json!({
        "organization": "acme", "login": "bo@example.com", "invite": true,
        "send_to": "bo@example.com",
    });
    let invited = bench.post("/api/v1/users", invited).await;
    let enrolled = json!({
        "organization": "acme", "login": "cy", "password": PASSWORD, "require_mfa": true,
    });
    let enrolled = bench.post("/api/v1/users", enrolled).await;
    bench.enroll("cy").await;
    let session = bench.begin_session(&ann).await;
    let user_token =
        bench.post(&format!("/api/v1/users/{ann}/tokens"), json!({ "name": "t" })).await;
    let admin = json!({ "login": "theo", "role": "owner", "password": PASSWORD });
    let admin = bench.post("/api/v1/administrators", admin).await;
    let second = json!({ "login": "tea", "role": "owner", "password": PASSWORD });
    assert_eq!(bench.post("/api/v1/administrators", second).await.status, 201);
    let token = bench.post("/api/v1/tokens", json!({ "name": "ci" })).await;
    for _ in 0..9 {
        let request = crate::directory::fixture::sign_in_request("guessed", "wrong");
        drop(bench.directory().sign_in().check(request, clock::now()).await.unwrap());
    }
    let bulk = json!({ "users": [ann], "action": "disable" });
    let job = bench.post("/api/v1/users/bulk", bulk).await;
    let mail = bench.get("/api/v1/mail").await;
    let lockout = bench.get("/api/v1/lockouts").await;
    json!({
        "groups": group.id(), "organizations": "acme", "end_user": end_user.id(), "users": ann,
        "invited": invited.id(), "enrolled": enrolled.id(), "sessions": session.to_string(),
        "user_token": user_token.id(), "administrators": admin.id(), "tokens": token.id(),
        "jobs": job.id(), "mail": mail.body["items"][0]["id"], "lockouts": lockout.body["items"][0]["id"],
    })
}

#[tokio::test]
async fn no_write_is_kept_in_a_dry_run() {
    let bench = Bench::start().await;
    let ids = records(&bench).await;
    let before = State::of(&bench).await;
    assert!(!before.lockouts.is_empty());
    let table = routes::table().declarations;
    for (path, Declaration { method, query, .. }) in table.all() {
        if *method == Method::GET {
            continue;
        }
        let known = request(method, path, &ids);
        let is_known = known.is_some();
        let (real, body) = known.unwrap_or_else(|| (path.replace(['{', '}'], ""), None));
        let answer = tried(&bench, method.clone(), &real, body).await;
        assert!(State::of(&bench).await == before, "{method} {path}: {answer:?}");
        if !query.contains(&dry_run::PARAMETER) {
            assert_eq!((answer.status.as_u16(), answer.field()), (422, "dry_run"), "{path}");
        } else if is_known {
            assert_eq!(answer.status, 200, "{method} {path}: {answer:?}");
            assert!(answer.body["changes"]["sessions_ended"].is_u64(), "{answer:?}");
        }
    }
}

/// The same requests without the parameter do change something: the test above can fail.
#[tokio::test]
async fn the_same_writes_are_kept_without_a_dry_run() {
    let bench = Bench::start().await;
    let ids = records(&bench).await;
    for (method, path) in [
        (Method::PATCH, "/api/v1/groups/{id}"),
        (Method::DELETE, "/api/v1/lockouts"),
        (Method::POST, "/api/v1/mail/{id}/retry"),
        (Method::POST, "/api/v1/policy/reload"),
    ] {
        let before = State::of(&bench).await;
        let (real, body) = request(&method, path, &ids).unwrap();
        let answer = bench.ask(method.clone(), &real, body).await;
        assert!(answer.status.is_success(), "{answer:?}");
        assert!(State::of(&bench).await != before, "{method} {path}");
    }
}

#[tokio::test]
async fn dry_run_is_true_or_false_and_given_once() {
    let bench = Bench::start().await;
    let body = json!({ "name": "x", "permissions": [] });
    for query in ["dry_run=1", "dry_run=", "dry_run=True", "dry_run=true&dry_run=false"] {
        let answer = bench.post(&format!("/api/v1/groups?{query}"), body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.field()), (422, "dry_run"), "{query}");
    }
    let answer = bench.get("/api/v1/groups?dry_run=true").await;
    assert_eq!((answer.status.as_u16(), answer.field()), (422, "dry_run"));
    let real = bench.post("/api/v1/groups?dry_run=false", body).await;
    assert_eq!(real.status, 201);
    assert_eq!(bench.get(&format!("/api/v1/groups/{}", real.id())).await.status, 200);
}

#[tokio::test]
async fn a_dry_run_has_the_errors_of_the_write() {
    let bench = Bench::start().await;
    bench.person("acme", "ann", "limited").await;
    for (method, path, body, status, code) in [
        (Method::DELETE, "/api/v1/groups/limited", None, 409, "group-in-use"),
        (Method::DELETE, "/api/v1/groups/nothing", None, 404, "not-found"),
        (Method::PATCH, "/api/v1/groups/limited", Some(json!({ "color": 1 })), 422, "invalid"),
        (
            Method::POST,
            "/api/v1/organizations",
            Some(json!({ "id": "acme", "name": "x" })),
            409,
            "taken",
        ),
    ] {
        let answer = tried(&bench, method, path, body).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{path}");
    }
    let request = http::Request::builder()
        .method(Method::PATCH)
        .uri("/api/v1/groups/limited?dry_run=true")
        .header("if-match", "\"9\"")
        .header("content-type", "application/json")
        .body(axum::body::Body::from("{}"))
        .unwrap();
    let answer = bench.send(Access::Socket, request).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (409, "changed"));
}

#[tokio::test]
async fn r7_group_edit_names_permissions_people_and_routes() {
    let bench = Bench::start().await;
    bench.person("acme", "ann", "limited").await;
    bench.person("acme", "bo", "limited").await;
    let body = json!({ "permissions": ["portal.access", "invoices.view"] });
    let changes = changes(&bench, Method::PATCH, "/api/v1/groups/limited", Some(body)).await;
    let gains = changes["gains"].as_array().unwrap();
    assert_eq!(gains.len(), 1, "{changes}");
    assert_eq!(
        (&gains[0]["permission"], &gains[0]["people"]),
        (&json!("invoices.view"), &json!(2))
    );
    assert!(!gains[0]["routes"].as_array().unwrap().is_empty(), "{changes}");
    let loses = changes["loses"].as_array().unwrap();
    assert_eq!(loses.len(), 7, "{changes}");
    assert!(loses.iter().all(|lost| lost["people"] == 2), "{changes}");
    assert_eq!((&changes["sessions_ended"], &changes["mails"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn r14_first_portal_user_closes_the_link_for_everybody() {
    let bench = Bench::start().await;
    bench.post("/api/v1/organizations", json!({ "id": "acme", "name": "Acme" })).await;
    link_session(&bench, "acme").await;
    link_session(&bench, "acme").await;
    let new = json!({
        "organization": "acme", "login": "ann@example.com", "invite": true, "group": "limited",
        "send_to": "ann@example.com",
    });
    let first = changes(&bench, Method::POST, "/api/v1/users", Some(new.clone())).await;
    assert_eq!(first["links_closed"], json!(["acme"]), "{first}");
    assert_eq!((&first["sessions_ended"], &first["mails"]), (&json!(2), &json!(1)));
    assert!(names(&first).contains(&"link-closes"), "{first}");
    assert!(first["warnings"].to_string().contains("2 open sessions"), "{first}");
    assert_eq!(bench.post("/api/v1/users", new).await.status, 201);

    let second = json!({ "organization": "acme", "login": "bo", "password": PASSWORD });
    let second = changes(&bench, Method::POST, "/api/v1/users", Some(second)).await;
    assert_eq!(second["links_closed"], json!([]), "{second}");
    assert_eq!((&second["sessions_ended"], &second["mails"]), (&json!(0), &json!(0)));
    assert!(!names(&second).contains(&"link-closes"), "{second}");
}

#[tokio::test]
async fn r11_deleting_the_last_portal_user_opens_the_link() {
    let bench = Bench::start().await;
    let ann = bench.person("acme", "ann", "limited").await;
    bench.begin_session(&ann).await;
    let path = format!("/api/v1/users/{ann}");
    let deleted = changes(&bench, Method::DELETE, &path, None).await;
    assert_eq!(names(&deleted), ["link-opens"], "{deleted}");
    assert_eq!((&deleted["sessions_ended"], &deleted["access"]["loses"]), (&json!(1), &json!(1)));
    bench.person("acme", "bo", "limited").await;
    let deleted = changes(&bench, Method::DELETE, &path, None).await;
    assert_eq!(names(&deleted), [""; 0], "{deleted}");
}

#[tokio::test]
async fn r12_withdrawn_last_invitation_keeps_the_link_closed() {
    let bench = Bench::start().await;
    bench.post("/api/v1/organizations", json!({ "id": "acme", "name": "Acme" })).await;
    let new = json!({
        "organization": "acme", "login": "ann@example.com", "invite": true,
        "send_to": "ann@example.com",
    });
    let ann = bench.post("/api/v1/users", new).await.id();
    let path = format!("/api/v1/users/{ann}/invitation");
    let withdrawn = changes(&bench, Method::DELETE, &path, None).await;
    assert_eq!(names(&withdrawn), ["invitation-ends", "link-stays-closed"], "{withdrawn}");
    bench.person("acme", "bo", "limited").await;
    let withdrawn = changes(&bench, Method::DELETE, &path, None).await;
    assert_eq!(names(&withdrawn), ["invitation-ends"], "{withdrawn}");
}

#[tokio::test]
async fn r6_another_default_group_is_warned_about() {
    let bench = Bench::start().await;
    let make =
        |group: &'static str| (format!("/api/v1/groups/{group}"), json!({ "default": true }));
    let (path, body) = make("limited");
    let limited = changes(&bench, Method::PATCH, &path, Some(body)).await;
    assert_eq!(names(&limited), ["default-group-changes"], "{limited}");
    let (path, body) = make("no-access");
    let none = changes(&bench, Method::PATCH, &path, Some(body)).await;
    let expected = ["default-group-changes", "default-group-without-access"];
    assert_eq!(names(&none), expected, "{none}");
    let (path, body) = make("admin");
    let same = changes(&bench, Method::PATCH, &path, Some(body)).await;
    assert_eq!(names(&same), [""; 0], "{same}");
}

#[tokio::test]
async fn r60_disabling_the_portal_keeps_sessions() {
    let bench = Bench::start().await;
    let ann = bench.person("acme", "ann", "limited").await;
    bench.begin_session(&ann).await;
    let url = |url: Value| Some(json!({ "disabled_redirect_url": url }));
    let away = url(json!("https://example.com/"));
    let disabled = changes(&bench, Method::PATCH, "/api/v1/preferences", away.clone()).await;
    assert_eq!(names(&disabled), ["portal-disabled"], "{disabled}");
    assert!(disabled["warnings"].to_string().contains("1 open session"), "{disabled}");
    assert_eq!(disabled["sessions_ended"], 0);
    assert_eq!(bench.patch("/api/v1/preferences", away.unwrap()).await.status, 200);
    let enabled = changes(&bench, Method::PATCH, "/api/v1/preferences", url(json!(null))).await;
    assert_eq!(names(&enabled), ["portal-enabled"], "{enabled}");
}

#[tokio::test]
async fn r3_paying_without_a_sign_in_is_warned_about() {
    let bench = Bench::start().await;
    bench.post("/api/v1/organizations", json!({ "id": "acme", "name": "Acme" })).await;
    bench.person("globex", "bo", "limited").await;
    let path = "/api/v1/groups/non-portal";
    let held = bench.get(path).await.body["permissions"].as_array().unwrap().clone();
    let with = |more: &[&str]| {
        let more = more.iter().map(|id| json!(id));
        Some(json!({ "permissions": held.iter().cloned().chain(more).collect::<Vec<_>>() }))
    };
    let pay = changes(&bench, Method::PATCH, path, with(&["invoices.view", "invoices.pay"])).await;
    assert_eq!(names(&pay), ["payment-without-sign-in", "opens-without-sign-in"], "{pay}");
    assert!(pay["warnings"][1].to_string().contains("POST"), "{pay}");
    assert!(pay["gains"].as_array().unwrap().iter().all(|gain| gain["people"] == 1), "{pay}");
    let view = changes(&bench, Method::PATCH, path, with(&["invoices.view"])).await;
    assert_eq!(names(&view), ["opens-without-sign-in"], "{view}");
    let none = changes(&bench, Method::PATCH, path, with(&[])).await;
    assert_eq!((names(&none), &none["gains"]), (vec![], &json!([])), "{none}");
}

#[tokio::test]
async fn r3_members_of_the_non_portal_group_count_too() {
    let bench = Bench::start().await;
    bench.post("/api/v1/organizations", json!({ "id": "acme", "name": "Acme" })).await;
    bench.person("globex", "bo", "non-portal").await;
    let body = Some(json!({ "permissions": ["invoices.view"] }));
    let changes = changes(&bench, Method::PATCH, "/api/v1/groups/non-portal", body).await;
    let lost = &changes["loses"].as_array().unwrap()[0];
    assert_eq!((&lost["people"], &lost["links"]), (&json!(2), &json!(1)), "{changes}");
}

#[tokio::test]
async fn r12_r13_the_preference_about_links_closes_them() {
    let bench = Bench::start().await;
    bench.post("/api/v1/organizations", json!({ "id": "empty", "name": "Empty" })).await;
    bench.person("acme", "ann", "limited").await;
    let secure = |on: bool| json!({ "secure_with_password_if_portal_users_exist": on });
    let path = "/api/v1/preferences";
    let off = changes(&bench, Method::PATCH, path, Some(secure(false))).await;
    assert_eq!(names(&off), ["link-opens"], "{off}");
    assert_eq!(bench.patch(path, secure(false)).await.status, 200);
    link_session(&bench, "acme").await;
    link_session(&bench, "empty").await;
    let on = changes(&bench, Method::PATCH, path, Some(secure(true))).await;
    assert_eq!((&on["links_closed"], &on["sessions_ended"]), (&json!(["acme"]), &json!(1)), "{on}");
}

#[tokio::test]
async fn r10_rotation_ends_the_sessions_of_the_link() {
    let bench = Bench::start().await;
    bench.post("/api/v1/organizations", json!({ "id": "acme", "name": "Acme" })).await;
    link_session(&bench, "acme").await;
    let path = "/api/v1/organizations/acme/link/rotate";
    let rotated = changes(&bench, Method::POST, path, None).await;
    assert_eq!((names(&rotated), &rotated["sessions_ended"]), (vec!["link-replaced"], &json!(1)));
    assert_eq!((&rotated["links_closed"], &rotated["loses"]), (&json!([]), &json!([])));
    let off = Some(json!({ "enabled": false }));
    let off = changes(&bench, Method::PATCH, "/api/v1/organizations/acme/link", off).await;
    assert_eq!((&off["links_closed"], &off["sessions_ended"]), (&json!(["acme"]), &json!(1)));
    assert_eq!(off["access"], json!({ "gains": 0, "loses": 1, "links_lose": 1 }), "{off}");
    assert!(off["loses"].as_array().unwrap().iter().all(|lost| lost["links"] == 1), "{off}");
}

#[tokio::test]
async fn r34_a_new_password_ends_sessions_and_is_mailed() {
    let bench = Bench::start().await;
    let ann = bench.person("acme", "ann@example.com", "limited").await;
    bench.begin_session(&ann).await;
    bench.begin_session(&ann).await;
    let path = format!("/api/v1/users/{ann}/password");
    let body = Some(json!({ "password": "Battery staple 8?" }));
    let set = changes(&bench, Method::PUT, &path, body).await;
    assert_eq!((&set["sessions_ended"], &set["mails"]), (&json!(2), &json!(1)), "{set}");
    assert_eq!((&set["gains"], &set["loses"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn sessions_of_administrators_end_with_their_generation() {
    let bench = Bench::start().await;
    let mut ids = Vec::new();
    for login in ["theo", "tea"] {
        let new = json!({ "login": login, "role": "owner", "password": PASSWORD });
        let issued = bench.post("/api/v1/administrators", new).await;
        let code = &issued.body["second_factor"]["recovery_codes"][0];
        let credentials = json!({ "login": login, "password": PASSWORD, "code": code });
        assert_eq!(bench.sign_in(&credentials.to_string()).await.status, 201);
        ids.push(issued.id());
    }
    let password = Some(json!({ "password": "Battery staple 8?" }));
    let of = |rest: &str| format!("/api/v1/administrators/{}{rest}", ids[0]);
    for (method, rest, body, ended) in [
        (Method::PUT, "/password", password, 1),
        (Method::POST, "/mfa", None, 1),
        (Method::DELETE, "/sessions", None, 1),
        (Method::DELETE, "", None, 1),
        (Method::PATCH, "", Some(json!({ "role": "auditor" })), 0),
    ] {
        let tried = changes(&bench, method, &of(rest), body).await;
        assert_eq!(tried["sessions_ended"], ended, "{rest}: {tried}");
    }
    assert_eq!(bench.post(&of("/mfa"), json!({})).await.status, 201);
    let again = changes(&bench, Method::DELETE, &of("/sessions"), None).await;
    assert_eq!(again["sessions_ended"], 0, "an ended one does not end again: {again}");
}

#[tokio::test]
async fn r40_invitation_ends_with_its_address() {
    let bench = Bench::start().await;
    let acme = json!({ "id": "acme", "name": "Acme", "email": "info@example.com" });
    bench.post("/api/v1/organizations", acme).await;
    let bo = json!({ "name": "Bo", "email": "bo@example.com" });
    let bo = bench.post("/api/v1/organizations/acme/end-users", bo).await.id();
    for (login, end_user) in [("ann", None), ("bo", Some(&*bo))] {
        let new = json!({
            "organization": "acme", "login": login, "invite": true, "end_user": end_user,
        });
        assert_eq!(bench.post("/api/v1/users", new).await.status, 201);
    }
    let users = bench.get("/api/v1/users").await.body;
    let items = users["items"].as_array().unwrap().iter();
    let ann = items.clone().find(|user| user["login"] == "ann").unwrap()["id"].as_str().unwrap();
    let other = || json!({ "email": "other@example.com" });
    let (acme, end_user) =
        ("/api/v1/organizations/acme", format!("/api/v1/organizations/acme/end-users/{bo}"));
    let user = format!("/api/v1/users/{ann}");
    for (path, body, logins) in [
        (acme, other(), vec!["ann"]),
        (acme, json!({ "email": "INFO@example.com" }), vec![]),
        (&end_user, other(), vec!["bo"]),
        (&end_user, json!({ "name": "Bob" }), vec![]),
        (&user, json!({ "end_user": bo }), vec!["ann"]),
        (&user, json!({ "disabled": true }), vec!["ann"]),
        (&user, json!({ "login": "anna" }), vec![]),
    ] {
        let tried = changes(&bench, Method::PATCH, path, Some(body)).await;
        let details = tried["warnings"].to_string();
        let named: Vec<_> =
            ["ann", "bo"].into_iter().filter(|it| details.contains(&format!("`{it}`"))).collect();
        assert_eq!(named, logins, "{path}: {tried}");
        assert_eq!(names(&tried).contains(&"invitation-ends"), !logins.is_empty(), "{tried}");
    }
    let again = changes(&bench, Method::POST, &format!("{user}/invitation"), None).await;
    assert!(!names(&again).contains(&"invitation-ends"), "it is replaced: {again}");
}

#[tokio::test]
async fn r33_reset_link_ends_with_the_login() {
    let bench = Bench::start().await;
    let ann = bench.person("acme", "ann@example.com", "limited").await;
    let path = format!("/api/v1/users/{ann}");
    let login = || Some(json!({ "login": "anna@example.com" }));
    let before = changes(&bench, Method::PATCH, &path, login()).await;
    assert_eq!(names(&before), [""; 0], "{before}");
    let asked = bench.directory().resets().ask("ann@example.com", None, clock::now()).await;
    drop(asked.unwrap());
    let renamed = changes(&bench, Method::PATCH, &path, login()).await;
    assert_eq!(names(&renamed), ["reset-ends"], "{renamed}");
    assert!(renamed["warnings"].to_string().contains("`ann@example.com`"), "{renamed}");
    let email = Some(json!({ "email": "other@example.com" }));
    let other = changes(&bench, Method::PATCH, "/api/v1/organizations/acme", email).await;
    assert_eq!(names(&other), [""; 0], "{other}");
}

#[tokio::test]
async fn r34_tokens_end_with_the_password_and_the_user() {
    let bench = Bench::start().await;
    let ann = bench.person("acme", "ann", "limited").await;
    bench.person("acme", "bo", "limited").await;
    let path = format!("/api/v1/users/{ann}");
    for name in ["a", "b", "c"] {
        let token = bench.post(&format!("{path}/tokens"), json!({ "name": name })).await;
        assert_eq!(token.status, 201);
    }
    let password = Some(json!({ "password": "Battery staple 8?" }));
    for (method, rest, body, count) in [
        (Method::PUT, "/password", password, "3 tokens "),
        (Method::DELETE, "", None, "3 tokens "),
        (Method::PATCH, "", Some(json!({ "name": "Ann" })), ""),
    ] {
        let tried = changes(&bench, method, &format!("{path}{rest}"), body).await;
        let revoked = if count.is_empty() { vec![] } else { vec!["tokens-revoked"] };
        assert_eq!(names(&tried), revoked, "{tried}");
        assert!(tried["warnings"].to_string().contains(count), "{tried}");
    }
}

/// Counts what is logged.
#[derive(Clone, Default)]
struct Lines(Arc<AtomicUsize>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn nothing_is_logged_or_audited_in_a_dry_run() {
    let bench = Bench::start().await;
    let ids = records(&bench).await;
    let lines = Lines::default();
    let dispatch = || {
        let to = lines.clone();
        let format = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
        tracing::Dispatch::new(format.with_writer(move || to.clone()).finish())
    };
    // While there is only one, `tracing` may ask that of another test's thread what is logged.
    let [dispatch, _second] = [dispatch(), dispatch()];
    let audited = async || bench.store.list(kind::AUDIT, None, None, 100_000).await.unwrap().len();
    let before = audited().await;
    let table = routes::table().declarations;
    for (path, Declaration { method, .. }) in table.all() {
        let known = if *method == Method::GET { None } else { request(method, path, &ids) };
        let Some((real, body)) = known else { continue };
        let run = tried(&bench, method.clone(), &real, body);
        run.with_subscriber(dispatch.clone()).await;
        assert_eq!(lines.0.load(Ordering::Relaxed), 0, "{method} {path}");
    }
    assert_eq!(audited().await, before);
    let (path, body) = request(&Method::PATCH, "/api/v1/groups/{id}", &ids).unwrap();
    bench.ask(Method::PATCH, &path, body).with_subscriber(dispatch).await;
    assert!(lines.0.load(Ordering::Relaxed) > 0 && audited().await > before);
}

#[tokio::test]
async fn r5_deleted_group_moves_its_members() {
    let bench = Bench::start().await;
    bench.person("acme", "ann", "limited").await;
    bench.person("acme", "bo", "limited").await;
    let path = "/api/v1/groups/limited?move_to=no-access";
    let moved = changes(&bench, Method::DELETE, path, None).await;
    assert_eq!(moved["access"], json!({ "gains": 0, "loses": 2 }), "{moved}");
    assert_eq!(moved["loses"].as_array().unwrap().len(), 8, "{moved}");
}

#[tokio::test]
async fn a_policy_reload_is_compared_by_routes() {
    let bench = Bench::start().await;
    bench.person("acme", "ann", "limited").await;
    let path = bench.policies.join("routes.toml");
    let routes = std::fs::read_to_string(&path).unwrap();
    let more = "\n[[route]]\nname = \"Extra\"\npath = \"/extra\"\nrequire = \"tickets.create\"\n";
    std::fs::write(&path, format!("{routes}{more}")).unwrap();
    let before = State::of(&bench).await;
    let reload = changes(&bench, Method::POST, "/api/v1/policy/reload", None).await;
    assert!(State::of(&bench).await == before);
    let gains = reload["gains"].as_array().unwrap();
    assert_eq!(gains.len(), 1, "{reload}");
    assert_eq!(gains[0]["permission"], "tickets.create");
    assert!(gains[0]["routes"].to_string().contains("Extra"), "{reload}");
    assert!(names(&reload).contains(&"routes-open"), "{reload}");
    std::fs::write(&path, "[[route]]").unwrap();
    let broken = tried(&bench, Method::POST, "/api/v1/policy/reload", None).await;
    assert_eq!((broken.status.as_u16(), broken.code()), (422, "policy-invalid"));
    assert!(State::of(&bench).await == before);
}

#[tokio::test]
async fn a_reload_compares_what_routes_do_not_their_names() {
    let bench = Bench::start().await;
    bench.person("acme", "ann", "limited").await;
    let path = bench.policies.join("routes.toml");
    let shipped = std::fs::read_to_string(&path).unwrap();
    let write = |routes: &str| std::fs::write(&path, format!("{shipped}{routes}")).unwrap();
    let route = |name: &str, path: &str, access: &str| {
        format!("\n[[route]]\nname = \"{name}\"\npath = \"{path}\"\n{access}\n")
    };
    write(&route("Extra", "/extra/deep", "require = \"tickets.create\""));
    assert_eq!(bench.post("/api/v1/policy/reload", json!({})).await.status, 200);
    let reload = || changes(&bench, Method::POST, "/api/v1/policy/reload", None);
    write(&route("Renamed", "/extra/deep", "require = \"tickets.create\""));
    let renamed = reload().await;
    assert_eq!((names(&renamed), &renamed["gains"]), (vec![], &json!([])), "{renamed}");
    write(&route("Extra", "/other", "require = \"tickets.create\""));
    let moved = reload().await;
    assert_eq!(names(&moved), ["routes-open", "routes-close"], "{moved}");
    // The path that the route was for is public now, by a route for all below it.
    write(&route("Wide", "/extra/{*rest}", "access = \"public\""));
    let wide = reload().await;
    assert!(names(&wide).contains(&"routes-become-public"), "{wide}");
    assert!(wide["warnings"].to_string().contains("`Extra`"), "{wide}");
}
