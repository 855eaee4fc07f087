use axum::body::Body;
use http::{Method, Request};

use super::bench::Bench;
use crate::admin::authority::{Authority, Reach};
use crate::admin::operation::op;
use crate::admin::response::{ApiResult, NoContent};
use crate::admin::table::{DELETE, Declaration, GET, POST, Table};
use crate::admin::{Access, routes};
use portcullis_store::StoreError;

fn over_tcp(method: &Method, path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).header("host", "127.0.0.1:8081");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn every_route_but_the_probes_needs_a_token() {
    let bench = Bench::start().await;
    let declarations = routes::table().declarations;
    let (mut probes, mut signing_in) = (Vec::new(), Vec::new());
    for (path, Declaration { method, authority, .. }) in declarations.all() {
        let concrete = path.replace("{id}", "x").replace("{end_user}", "y");
        if (*authority, method) == (Authority::Public, &Method::POST) {
            signing_in.push(path);
            continue;
        }
        let answer = bench.send(Access::Token, over_tcp(method, &concrete, &[])).await;
        if *authority == Authority::Public {
            probes.push(path);
            assert_eq!(answer.status, 200, "{method} {path}");
        } else {
            assert_eq!(answer.status, 401, "{method} {path}");
            assert!(answer.headers.contains_key("www-authenticate"));
        }
    }
    probes.sort_unstable();
    assert_eq!(
        (probes, signing_in),
        (
            vec!["/healthz", "/livez", "/readyz"],
            vec!["/api/v1/session", "/api/v1/session/code", "/api/v1/session/set-up"]
        )
    );
}

/// The routes as an operator may call them, a line each.
fn listed() -> String {
    let declarations = routes::table().declarations;
    let mut lines: Vec<_> = declarations
        .all()
        .map(|(path, Declaration { method, authority, reach, reads_version, query, .. })| {
            let query =
                if query.is_empty() { String::new() } else { format!(" ?{}", query.join("&")) };
            let version = if *reads_version { " If-Match" } else { "" };
            format!("{path} {method} {authority:?} {reach:?}{version}{query}")
        })
        .collect();
    lines.sort_unstable();
    lines.join("\n")
}

#[test]
fn the_routes_are_those_of_the_snapshot() {
    insta::assert_snapshot!("routes", listed());
}

#[test]
fn the_documentation_names_every_route_and_parameter() {
    let documentation = include_str!("../../../docs/api.md");
    let declarations = routes::table().declarations;
    for (path, Declaration { query, .. }) in declarations.all() {
        let name = path.trim_start_matches("/api/v1/").replace("{end_user}", "{id}");
        assert!(documentation.contains(&name), "{name} is not in docs/api.md");
        for parameter in query {
            let named = ["`", "?`", "=", ": true`"]
                .iter()
                .any(|end| documentation.contains(&format!("{parameter}{end}")));
            assert!(named, "the parameter {parameter} of {path} is not in docs/api.md");
        }
    }
}

#[tokio::test]
async fn only_a_failed_write_may_have_changed_something() {
    async fn fail() -> ApiResult<NoContent> {
        Err(StoreError::Unavailable("gone".to_owned()).into())
    }

    let bench = Bench::start().await;
    for (method, in_doubt) in [(GET, false), (POST, true), (DELETE, true)] {
        let name = method.0.clone();
        let table = Table::default().route(
            Authority::Manage,
            Reach::Shared,
            method,
            "/x",
            fail,
            op("x.fail", "Fail"),
        );
        let request = Request::builder().method(&name).uri("/x").body(Body::empty()).unwrap();
        let answer = bench.send_to(table, Access::Socket, request).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (503, "store-unavailable"));
        assert_eq!(answer.detail().contains("may have been made"), in_doubt, "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn a_token_authenticates_until_it_is_revoked() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    let ask = async |authorization: &str| {
        let headers = [("authorization", authorization)];
        let request = over_tcp(&Method::GET, "/api/v1/groups", &headers);
        bench.send(Access::Token, request).await.status.as_u16()
    };
    let right = format!("Bearer {token}");
    assert_eq!(ask(&right).await, 200);
    let mut other = token.clone();
    other.replace_range(20..21, if &token[20..21] == "A" { "B" } else { "A" });
    for wrong in [
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Basic {token}"),
        token.clone(),
        format!("Bearer {other}"),
        format!("Bearer {}", &token[11..]),
        format!("Bearer {token}x"),
    ] {
        assert_eq!(ask(&wrong).await, 401, "{wrong}");
    }
    let listed = bench.get("/api/v1/tokens").await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);
    assert!(!listed.body.to_string().contains(&token), "the token itself is shown once");
    let id = listed.body["items"][0]["id"].as_str().unwrap();
    assert_eq!(bench.delete(&format!("/api/v1/tokens/{id}")).await.status, 204);
    assert_eq!(ask(&right).await, 401);
    assert_eq!(bench.delete(&format!("/api/v1/tokens/{id}")).await.status, 404);
}

#[tokio::test]
async fn two_authorization_fields_are_refused() {
    let bench = Bench::start().await;
    let right = format!("Bearer {}", bench.token().await);
    let headers = [("authorization", right.as_str()), ("authorization", right.as_str())];
    let request = over_tcp(&Method::GET, "/api/v1/groups", &headers);
    assert_eq!(bench.send(Access::Token, request).await.status, 401);
}

#[tokio::test]
async fn a_page_of_another_site_is_refused_with_a_token_too() {
    let bench = Bench::start().await;
    let right = format!("Bearer {}", bench.token().await);
    for (name, value, status) in [
        ("sec-fetch-site", "cross-site", 403),
        ("sec-fetch-site", "same-site", 403),
        ("sec-fetch-site", "same-origin", 200),
        ("sec-fetch-site", "none", 200),
        ("origin", "https://evil.example", 403),
        ("origin", "null", 403),
        ("origin", "http://127.0.0.1:8081", 200),
    ] {
        let headers = [("authorization", right.as_str()), (name, value)];
        let request = over_tcp(&Method::GET, "/api/v1/groups", &headers);
        let answer = bench.send(Access::Token, request).await;
        assert_eq!(answer.status, status, "{name}: {value}");
    }
}

#[tokio::test]
async fn an_undeclared_route_cannot_be_reached() {
    let bench = Bench::start().await;
    for path in ["/", "/metrics/", "/api/v1", "/api/v1/records", "/api/v1/groups/"] {
        assert_eq!(bench.get(path).await.status, 404, "{path}");
        let answer = bench.send(Access::Token, over_tcp(&Method::GET, path, &[])).await;
        assert_eq!(answer.status, 401, "{path}");
    }
    let answer = bench.ask(Method::PUT, "/api/v1/groups", None).await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.headers["allow"], "GET, POST");
    let head = bench.ask(Method::HEAD, "/api/v1/groups", None).await;
    assert_eq!(head.status, 200);
}

#[tokio::test]
async fn a_token_is_shown_once_when_it_is_created() {
    let bench = Bench::start().await;
    let made = bench.post("/api/v1/tokens", serde_json::json!({ "name": "ci" })).await;
    assert_eq!(made.status, 201);
    let token = made.body["token"].as_str().unwrap();
    assert!(token.starts_with("portcullis_"));
    let right = format!("Bearer {token}");
    let headers = [("authorization", right.as_str())];
    let request = over_tcp(&Method::GET, "/api/v1/groups", &headers);
    assert_eq!(bench.send(Access::Token, request).await.status, 200);
    assert_eq!(bench.post("/api/v1/tokens", serde_json::json!({ "name": " " })).await.status, 422);
}
