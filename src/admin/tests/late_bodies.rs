//! What happens between the head of a request and the end of its body.

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request};
use serde_json::json;
use std::io;

use super::bench::Bench;
use crate::admin::Access;
use crate::directory::PageRequest;
use crate::directory::fixture::by_operator;

/// A body whose end arrives after `event`.
fn late(body: String, event: impl Future<Output = ()> + Send + 'static) -> Body {
    let bytes = async move {
        event.await;
        Ok::<_, io::Error>(Bytes::from(body))
    };
    Body::from_stream(stream::once(bytes))
}

#[tokio::test]
async fn i10_a_token_revoked_before_the_last_byte_writes_nothing() {
    let bench = Bench::start().await;
    for (is_revoked, status) in [(true, 401), (false, 201)] {
        let token = bench.token().await;
        let directory = bench.directory().clone();
        let event = async move {
            if is_revoked {
                let tokens = directory.api_tokens();
                let all = tokens.list(&PageRequest::parse(None, None).unwrap()).await.unwrap();
                for token in all.items {
                    tokens.revoke(&token.id, &by_operator()).await.unwrap();
                }
            }
        };
        let body = late(json!({ "name": "backdoor", "expires": null }).to_string(), event);
        let request = Request::builder()
            .method(Method::POST)
            .uri("/api/v1/tokens")
            .header("host", "127.0.0.1:8081")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(body)
            .unwrap();
        let answer = bench.send(Access::Token, request).await;
        assert_eq!(answer.status, status, "{answer:?}");
        if is_revoked {
            assert_eq!(answer.code(), "token-unknown");
            assert_eq!(bench.get("/api/v1/tokens").await.body["items"], json!([]));
        }
    }
}

#[tokio::test]
async fn no_answer_is_kept_by_a_cache_or_read_as_another_type() {
    let bench = Bench::start().await;
    for path in ["/healthz", "/readyz", "/api/v1/groups", "/api/v1/nothing"] {
        let answer = bench.get(path).await;
        assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
    }
}

#[tokio::test]
async fn only_an_export_that_leaves_the_gateway_has_an_entry() {
    let bench = Bench::start().await;
    let ann = bench.person("acme", "ann", "limited").await;
    let paths = [
        "/api/v1/audit/export".to_owned(),
        "/api/v1/backup".to_owned(),
        format!("/api/v1/users/{ann}/export"),
    ];
    let exports = async || {
        let mut count = 0;
        for kind in ["audit.exported", "backup.created", "user.exported"] {
            let found = bench.get(&format!("/api/v1/audit?kind={kind}")).await;
            count += found.body["items"].as_array().unwrap().len();
        }
        count
    };
    for (method, entries) in [(Method::HEAD, 0), (Method::GET, 3)] {
        for path in &paths {
            assert_eq!(bench.ask(method.clone(), path, None).await.status, 200, "{method} {path}");
        }
        assert_eq!(exports().await, entries, "{method}");
    }
}

#[tokio::test]
async fn a_test_mail_has_an_entry_and_no_version() {
    let bench = Bench::start().await;
    let test = |version: Option<&str>| {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/api/v1/mail/test")
            .header("content-type", "application/json");
        let request = version
            .into_iter()
            .fold(request, |request, version| request.header("if-match", version));
        let body = json!({ "to": "ops@example.com" }).to_string();
        bench.send(Access::Socket, request.body(Body::from(body)).unwrap())
    };
    assert_eq!(test(Some("\"1\"")).await.status, 400);
    let tested = async || bench.get("/api/v1/audit?kind=mail.tested").await.body["items"].clone();
    assert_eq!(tested().await, json!([]));
    assert_eq!(test(None).await.status, 200);
    let entries = tested().await;
    let entry = &entries[0];
    assert_eq!(entry["subject"]["name"], "ops@example.com", "{entries}");
}
