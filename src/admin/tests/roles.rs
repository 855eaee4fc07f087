//! Who may grant roles, and the defence of the cookie.

use axum::body::Body;
use http::{Method, Request};

use super::bench::{Answer, Bench};
use crate::admin::authority::Authority;
use crate::admin::table::Declaration;
use crate::admin::{Access, routes};
use crate::directory::fixture::PASSWORD;

fn request(method: &Method, path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn only_owners_grant_roles_and_make_backups() {
    let bench = Bench::start().await;
    for (path, Declaration { method, authority, .. }) in routes::table().declarations.all() {
        let owned = path.contains("/administrators")
            || path.starts_with("/api/v1/tokens")
            || path == "/api/v1/backup";
        assert!(!owned || *authority == Authority::Own, "{method} {path}");
    }
    drop(bench);
}

/// The cookie of an administrator who is signed in.
async fn cookie(bench: &Bench) -> String {
    let new = serde_json::json!({
        "login": "theo", "role": "administrator", "password": PASSWORD,
    });
    let issued = bench.post("/api/v1/administrators", new).await;
    assert_eq!(issued.status, 201);
    let code = issued.body["second_factor"]["recovery_codes"][0].as_str().unwrap();
    let credentials =
        serde_json::json!({ "login": "theo", "password": PASSWORD, "code": code }).to_string();
    let signed_in = bench.sign_in(&credentials).await;
    assert_eq!(signed_in.status, 201);
    let line = signed_in.headers["set-cookie"].to_str().unwrap().to_owned();
    assert!(line.contains("HttpOnly; SameSite=Strict"), "{line}");
    line.split(';').next().unwrap().to_owned()
}

async fn with_cookie(
    bench: &Bench,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
) -> Answer {
    bench.send(Access::Token, request(&method, path, headers)).await
}

#[tokio::test]
async fn i9_the_entry_of_a_sign_in_has_the_role() {
    let bench = Bench::start().await;
    cookie(&bench).await;
    let entries = bench.get("/api/v1/audit?kind=administrator.signed-in").await;
    assert_eq!(entries.body["items"][0]["actor"]["role"], "administrator", "{entries:?}");
}

#[tokio::test]
async fn a_cookie_is_accepted_for_hosts_of_ours_only() {
    let bench = Bench::start().await;
    let cookie = cookie(&bench).await;
    for (host, status) in [
        ("127.0.0.1:8081", 200),
        ("localhost:8081", 200),
        ("[::1]:8081", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example:8081", 421),
        ("", 421),
    ] {
        let headers = [("cookie", &*cookie), ("host", host)];
        let answer = with_cookie(&bench, Method::GET, "/api/v1/session", &headers).await;
        assert_eq!(answer.status, status, "{host}");
    }
}

#[tokio::test]
async fn a_change_with_a_cookie_comes_from_a_page_of_ours() {
    let bench = Bench::start().await;
    let cookie = cookie(&bench).await;
    let host = ("host", "127.0.0.1:8081");
    for (headers, allowed) in [
        (&[("sec-fetch-site", "same-origin")][..], true),
        (&[("origin", "http://127.0.0.1:8081")], true),
        (&[], false),
        (&[("sec-fetch-site", "none")], false),
        (&[("sec-fetch-site", "same-site"), ("origin", "http://127.0.0.1:8081")], false),
        (&[("sec-fetch-site", "cross-site")], false),
        (&[("origin", "http://evil.example")], false),
        (&[("origin", "null")], false),
        (&[("origin", "http://127.0.0.1:8080")], false),
    ] {
        let headers = [&[("cookie", &*cookie), host][..], headers].concat();
        let path = "/api/v1/groups/limited/copy";
        let answer = with_cookie(&bench, Method::POST, path, &headers).await;
        let expected = if allowed { 201 } else { 403 };
        assert_eq!(answer.status, expected, "{headers:?}: {answer:?}");
        if !allowed {
            assert_eq!(answer.code(), "cross-site");
        }
    }
}

#[tokio::test]
async fn signing_out_ends_the_session() {
    let bench = Bench::start().await;
    let cookie = cookie(&bench).await;
    let headers =
        [("cookie", &*cookie), ("host", "127.0.0.1:8081"), ("sec-fetch-site", "same-origin")];
    let out = with_cookie(&bench, Method::DELETE, "/api/v1/session", &headers).await;
    assert_eq!(out.status, 204);
    let after = with_cookie(&bench, Method::GET, "/api/v1/session", &headers).await;
    assert_eq!((after.status.as_u16(), after.code()), (401, "session-ended"));
}
