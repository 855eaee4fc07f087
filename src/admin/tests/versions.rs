//! `If-Match` on every write of the table.

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};

use super::bench::{Answer, Bench, PASSWORD};
use crate::admin::{Access, routes};

/// Writes that are not to a record with a version: they create a record, or concern sessions,
/// lockouts, or the gateway.
const WITHOUT_VERSION: [&str; 34] = [
    "DELETE /api/v1/lockouts",
    "DELETE /api/v1/lockouts/{id}",
    "DELETE /api/v1/policy/trials/{id}",
    "DELETE /api/v1/session",
    "DELETE /api/v1/session/sessions/{id}",
    "DELETE /api/v1/sessions",
    "DELETE /api/v1/sessions/{id}",
    "PATCH /api/v1/portal-servers/{id}",
    "POST /api/v1/administrators",
    "POST /api/v1/apply",
    "POST /api/v1/bulk",
    "POST /api/v1/explain",
    "POST /api/v1/groups",
    "POST /api/v1/impersonations",
    "POST /api/v1/import/end-users",
    "POST /api/v1/import/organizations",
    "POST /api/v1/import/users",
    "POST /api/v1/mail/test",
    "POST /api/v1/organizations",
    "POST /api/v1/organizations/{id}/end-users",
    "POST /api/v1/policy/reload",
    "POST /api/v1/policy/trials",
    "POST /api/v1/session",
    "POST /api/v1/session/code",
    "POST /api/v1/session/mfa",
    "POST /api/v1/session/mfa/recovery-codes",
    "POST /api/v1/session/password",
    "POST /api/v1/session/set-up",
    "POST /api/v1/tokens",
    "POST /api/v1/users",
    "POST /api/v1/users/bulk",
    "POST /api/v1/users/{id}/tokens",
    "POST /api/v1/views",
    "PUT /api/v1/session/password",
];

/// The writes of the table, with whether they honour `If-Match`.
fn writes() -> Vec<(Method, &'static str, bool)> {
    let declarations = routes::table().declarations;
    let mut writes: Vec<_> = declarations
        .all()
        .filter(|(_, declared)| declared.method != Method::GET)
        .map(|(path, declared)| (declared.method.clone(), path, declared.reads_version))
        .collect();
    writes.sort_unstable_by_key(|(method, path, _)| format!("{method} {path}"));
    writes
}

#[test]
fn every_write_to_a_record_reads_if_match() {
    let others: Vec<_> = writes()
        .into_iter()
        .filter(|(_, _, reads_version)| !reads_version)
        .map(|(method, path, _)| format!("{method} {path}"))
        .collect();
    assert_eq!(others, WITHOUT_VERSION);
}

/// A record of each kind, and the ids that paths name.
struct Records {
    bench: Bench,
    ids: Vec<(&'static str, String)>,
}

impl Records {
    async fn new() -> Self {
        let bench = Bench::start().await;
        let ann = bench.person("acme", "ann@acme.example", "limited").await;
        let create = async |path: &str, body: Value| bench.post(path, body).await.id();
        let invite = json!({ "organization": "acme", "login": "bob@acme.example", "invite": true });
        let bob = create("/api/v1/users", invite).await;
        let group = json!({ "name": "Sales", "permissions": [] });
        let group = create("/api/v1/groups", group).await;
        let named = json!({ "name": "Eve" });
        let end_user = create("/api/v1/organizations/acme/end-users", named.clone()).await;
        create("/api/v1/organizations", json!({ "id": "empty", "name": "Empty" })).await;
        let user_token = create(&format!("/api/v1/users/{ann}/tokens"), named.clone()).await;
        let token = create("/api/v1/tokens", named).await;
        let account =
            json!({ "login": "olga", "role": "auditor", "password": PASSWORD, "mfa": false });
        let account = create("/api/v1/administrators", account).await;
        let bulk = json!({
            "apply_to": "organizations", "organizations": "all", "action": "enable",
        });
        let job = create("/api/v1/bulk", bulk).await;
        let mail = bench.get("/api/v1/mail").await.body["items"][0]["id"].clone();
        let ids = vec![
            ("organizations/{id}/link", "organizations/acme/link".to_owned()),
            ("organizations/{id}/end-users", "organizations/acme/end-users".to_owned()),
            ("organizations/{id}", "organizations/empty".to_owned()),
            ("users/{id}/invitation", format!("users/{bob}/invitation")),
            ("users/{id}", format!("users/{ann}")),
            ("groups/{id}", format!("groups/{group}")),
            ("tokens/{id}", format!("tokens/{token}")),
            ("mail/{id}", format!("mail/{}", mail.as_str().unwrap())),
            ("administrators/{id}", format!("administrators/{account}")),
            ("jobs/{id}", format!("jobs/{job}")),
            ("{end_user}", end_user),
            ("{token}", user_token),
        ];
        Self { bench, ids }
    }

    async fn write(&self, method: &Method, path: &str, version: &str) -> Answer {
        let concrete =
            self.ids.iter().fold(path.to_owned(), |path, (name, id)| path.replace(name, id));
        assert!(!concrete.contains('{'), "{concrete}");
        let body = match (method.as_str(), path.rsplit('/').next().unwrap_or_default()) {
            ("PATCH", "link") => json!({ "enabled": false }),
            ("PATCH", "preferences") => json!({ "disabled_redirect_url": "https://a.example" }),
            ("PATCH", _) if path.starts_with("/api/v1/administrators") => {
                json!({ "email": "olga@operator.example" })
            }
            ("PATCH", _) => json!({ "name": "New" }),
            ("PUT" | "POST", "password") => json!({ "password": "Another horse 8!" }),
            _ => Value::Null,
        };
        let request = Request::builder().method(method).uri(concrete);
        let request =
            request.header("if-match", version).header("content-type", "application/json");
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.bench.send(Access::Socket, request.body(body).unwrap()).await
    }
}

#[tokio::test]
async fn every_write_to_a_record_honours_if_match() {
    let mut records = Records::new().await;
    for (method, path, _) in writes().iter().filter(|(_, _, reads_version)| *reads_version) {
        let stale = records.write(method, path, "\"99\"").await;
        assert_eq!((stale.status.as_u16(), stale.code()), (409, "changed"), "{method} {path}");
        // Tokens of portal users cannot be edited.
        let current = &stale.body["current"];
        assert_eq!(current.is_null(), path.contains("{token}"), "{method} {path}: {current}");
        let version = current["version"].as_u64().unwrap_or(1);
        let written = records.write(method, path, &format!("\"{version}\"")).await;
        assert!(written.status.is_success(), "{method} {path}: {written:?}");
        let returned = written.body["version"].as_u64().map(|version| format!("\"{version}\""));
        let etag = written.headers.get("etag").map(|etag| etag.to_str().unwrap().to_owned());
        assert_eq!(etag, returned, "{method} {path}: {written:?}");
        if *method == Method::DELETE {
            records = Records::new().await;
        }
    }
}

#[tokio::test]
async fn a_write_without_a_record_refuses_a_version() {
    let bench = Bench::start().await;
    for path in ["groups", "organizations", "tokens"] {
        let send = async |version: &str| {
            let request = Request::post(format!("/api/v1/{path}"))
                .header("if-match", version)
                .header("content-type", "application/json")
                .body(Body::from(r#"{"name": "A", "permissions": []}"#));
            bench.send(Access::Socket, request.unwrap()).await
        };
        let refused = send("\"1\"").await;
        assert_eq!((refused.status.as_u16(), refused.code()), (400, "malformed"), "{path}");
        assert_ne!(send("*").await.status, 400, "{path}");
    }
}
