use axum::body::Body;
use http::{Method, Request};

use super::bench::Bench;
use crate::admin::gate::Role;
use crate::admin::{Access, table};

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
    let table = table();
    let mut probes = Vec::new();
    let mut walked = 0;
    for (method, path, role) in table.declared() {
        let concrete = path.replace("{id}", "x").replace("{end_user}", "y");
        let answer = bench.send(Access::Token, over_tcp(method, &concrete, &[])).await;
        match role {
            Role::Anyone => {
                probes.push(path);
                assert_eq!(answer.status, 200, "{method} {path}");
            }
            Role::Administrator => {
                assert_eq!(answer.status, 401, "{method} {path}");
                assert!(answer.headers.contains_key("www-authenticate"));
            }
        }
        walked += 1;
    }
    probes.sort_unstable();
    assert_eq!(probes, ["/healthz", "/readyz"]);
    assert_eq!(walked, 53);
}

#[tokio::test]
async fn a_token_lets_in_and_a_wrong_or_revoked_one_does_not() {
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
    assert!(!listed.body.to_string().contains(&token), "the token itself is told once");
    let id = listed.body["items"][0]["id"].as_str().unwrap();
    assert_eq!(bench.delete(&format!("/api/v1/tokens/{id}")).await.status, 204);
    assert_eq!(ask(&right).await, 401);
    assert_eq!(bench.delete(&format!("/api/v1/tokens/{id}")).await.status, 404);
}

#[tokio::test]
async fn two_authorization_lines_are_none() {
    let bench = Bench::start().await;
    let right = format!("Bearer {}", bench.token().await);
    let headers = [("authorization", right.as_str()), ("authorization", right.as_str())];
    let request = over_tcp(&Method::GET, "/api/v1/groups", &headers);
    assert_eq!(bench.send(Access::Token, request).await.status, 401);
}

#[tokio::test]
async fn a_page_of_another_site_is_refused_even_with_a_token() {
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
async fn what_is_not_in_the_table_is_not_reached() {
    let bench = Bench::start().await;
    for path in ["/", "/metrics", "/openapi.json", "/api/v1", "/api/v1/audit", "/api/v1/groups/"] {
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
async fn a_token_is_told_once_when_it_is_made() {
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
