use axum::body::Body;
use http::{Method, Request};
use serde_json::json;

use super::bench::{Answer, Bench};
use crate::admin::Access;

async fn raw(bench: &Bench, kind: Option<&str>, body: impl Into<Body>) -> Answer {
    let mut request = Request::builder().method(Method::POST).uri("/api/v1/groups");
    if let Some(kind) = kind {
        request = request.header("content-type", kind);
    }
    bench.send(Access::Socket, request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn a_body_must_be_json_with_its_content_type() {
    let bench = Bench::start().await;
    let right = r#"{"name": "Sales", "permissions": []}"#;
    assert_eq!(raw(&bench, None, right).await.status, 415);
    assert_eq!(raw(&bench, Some("text/plain"), right).await.status, 415);
    assert_eq!(raw(&bench, Some("application/x-www-form-urlencoded"), right).await.status, 415);
    for malformed in ["", "{", "{\"name\":", "\u{feff}{}", "{} {}"] {
        let answer = raw(&bench, Some("application/json"), malformed).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (400, "malformed"), "{malformed:?}");
    }
    let answer = raw(&bench, Some("application/json"), vec![b'{', 0xff, b'}']).await;
    assert_eq!(answer.status, 400);
    let answer = raw(&bench, Some("application/json"), b"{\"name\": \"\xff\"}".to_vec()).await;
    assert_eq!(answer.status, 400);
    let huge = format!("{{\"name\": \"{}\"}}", "x".repeat(3 << 20));
    assert_eq!(raw(&bench, Some("application/json"), huge).await.status, 413);
    assert_eq!(raw(&bench, Some("application/json; charset=utf-8"), right).await.status, 201);
}

#[tokio::test]
async fn an_invalid_field_is_named() {
    let bench = Bench::start().await;
    for (body, field) in [
        (json!({ "permissions": [] }), "name"),
        (json!({ "name": 7, "permissions": [] }), "name"),
        (json!({ "name": "x", "permissions": "some" }), "permissions"),
        (json!({ "name": "x", "permissions": ["no.such"] }), "permissions"),
        (json!({ "name": "x", "permissions": [], "admin": true }), "admin"),
        (json!({ "name": "", "permissions": [] }), "name"),
    ] {
        let answer = bench.post("/api/v1/groups", body.clone()).await;
        assert_eq!(answer.status, 422, "{body}");
        assert_eq!(answer.field(), field, "{body}");
    }
    assert_eq!(bench.get("/api/v1/groups").await.body["items"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn r12_a_list_in_place_of_an_object_changes_nothing() {
    let bench = Bench::start().await;
    let path = "/api/v1/preferences";
    for list in [json!([false]), json!([false, null]), json!([[]])] {
        let answer = bench.patch(path, list.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.field()), (422, ""), "{list}");
    }
    assert_eq!(bench.post("/api/v1/tokens", json!(["x"])).await.status, 422);
    let secure = "secure_with_password_if_portal_users_exist";
    assert_eq!(bench.get(path).await.body[secure], true);
    assert_eq!(bench.patch(path, json!({ secure: false })).await.status, 200);
    assert_eq!(bench.get(path).await.body[secure], false);
}

#[tokio::test]
async fn an_invalid_parameter_is_named() {
    let bench = Bench::start().await;
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=x", "limit"),
        ("after=*", "after"),
        ("colour=red", "colour"),
    ] {
        let answer = bench.get(&format!("/api/v1/groups?{query}")).await;
        assert_eq!(answer.status, 422, "{query}");
        assert_eq!(answer.field(), field, "{query}: {}", answer.body);
    }
    for query in ["limit=5000", "after=AAAA", "user=a&organization=b"] {
        assert_eq!(bench.get(&format!("/api/v1/sessions?{query}")).await.status, 422, "{query}");
    }
}

#[tokio::test]
async fn undeclared_parameters_and_fields_change_nothing() {
    let bench = Bench::start().await;
    let ann = bench.person("acme", "ann", "limited").await;
    let user = format!("/api/v1/users/{ann}");
    let link = "/api/v1/organizations/acme/link";
    let url = bench.get(link).await.body["url"].clone();
    for path in [&*user, "/api/v1/tokens", link, "/api/v1/preferences", "/api/v1/routes"] {
        for query in ["x=1", "X", "limit=1&%78=1"] {
            let answer = bench.get(&format!("{path}?{query}")).await;
            assert_eq!((answer.status.as_u16(), answer.code()), (422, "invalid"), "{path}?{query}");
        }
    }
    let deleted = bench.delete(&format!("{user}?x=1")).await;
    assert_eq!((deleted.status.as_u16(), deleted.field()), (422, "x"));
    assert_eq!(bench.get(&format!("{user}?")).await.status, 200, "it is still there");

    let rotate = format!("{link}/rotate");
    for (path, body) in [
        (&*rotate, json!({ "enabled": false })),
        (&*rotate, json!([])),
        (&*rotate, json!(null)),
        ("/api/v1/policy/reload", json!({ "x": 1 })),
        ("/api/v1/mail/one/retry", json!({ "x": 1 })),
    ] {
        assert_eq!(bench.post(path, body.clone()).await.status, 422, "{path} {body}");
    }
    assert_eq!(bench.post(&format!("{rotate}?x=1"), json!({})).await.status, 422);
    assert_eq!(bench.get(link).await.body["url"], url);
    assert_eq!(bench.post(&rotate, json!({})).await.status, 201);
    assert_eq!(bench.ask(Method::POST, "/api/v1/policy/reload", None).await.status, 200);
}

#[tokio::test]
async fn every_declared_parameter_is_read() {
    let bench = Bench::start().await;
    // Whatever reads them, finds a fault with one of these.
    for path in [
        "groups?limit=0",
        "groups?after=*",
        "groups?cursor=*",
        "organizations?limit=0",
        "tokens?limit=0",
        "mail?state=lost",
        "mail?limit=0",
        "users?limit=0",
        "sessions?limit=0",
        "sessions?user=a&organization=b",
        "explain?method=GET&target=/&user=a&link=b",
    ] {
        let answer = bench.get(&format!("/api/v1/{path}")).await;
        assert_eq!(answer.status, 422, "{path}");
        assert!(!answer.detail().contains("unknown parameter"), "{path}: {}", answer.detail());
    }
    let probe = bench.get("/healthz?from=balancer").await;
    assert_eq!(probe.status, 200, "a probe ignores parameters");
}

#[tokio::test]
async fn a_list_is_returned_page_by_page() {
    let bench = Bench::start().await;
    let mut seen = Vec::new();
    let mut path = "/api/v1/groups?limit=3".to_owned();
    loop {
        let page = bench.get(&path).await.body;
        seen.extend(page["items"].as_array().unwrap().iter().map(|g| g["id"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/groups?limit=3&after={next}");
    }
    assert_eq!(seen, ["admin", "limited", "no-access", "non-portal"]);
}

#[tokio::test]
async fn a_write_with_another_version_is_refused() {
    let bench = Bench::start().await;
    let made = bench.post("/api/v1/groups", json!({ "name": "A", "permissions": [] })).await;
    assert_eq!(made.headers["etag"], "\"1\"");
    let path = made.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(path, format!("/api/v1/groups/{}", made.id()));
    let write = async |method: Method, version: &str, body: &str| {
        let request = Request::builder()
            .method(method)
            .uri(&path)
            .header("content-type", "application/json")
            .header("if-match", version)
            .body(Body::from(body.to_owned()));
        bench.send(Access::Socket, request.unwrap()).await
    };
    let rename = r#"{"name": "B"}"#;
    let stale = write(Method::PATCH, "\"7\"", rename).await;
    assert_eq!((stale.status.as_u16(), stale.code()), (409, "changed"));
    for bad in ["x", "\"1", "+1", "", "1, 2", "W/\"1\"", "99999999999999999999"] {
        assert_eq!(write(Method::PATCH, bad, rename).await.status, 400, "{bad}");
    }
    let changed = write(Method::PATCH, "\"1\"", rename).await;
    assert_eq!(changed.status, 200);
    assert_eq!(changed.headers["etag"], "\"2\"");
    assert_eq!(bench.get(&path).await.body["name"], "B");
    assert_eq!(write(Method::DELETE, "1", "").await.status, 409);
    assert_eq!(write(Method::PATCH, "*", r#"{"name": "C"}"#).await.status, 200);
    assert_eq!(write(Method::DELETE, "3", "").await.status, 204);
    assert_eq!(bench.get(&path).await.status, 404);
}

#[tokio::test]
async fn an_id_that_no_record_can_have_is_not_found() {
    let bench = Bench::start().await;
    for id in ["nobody", "%00", "%ff", "..%2f..", "%e4%b8%80", &"x".repeat(5000)] {
        for kind in ["groups", "organizations", "users"] {
            let answer = bench.get(&format!("/api/v1/{kind}/{id}")).await;
            assert_eq!(answer.status, 404, "{kind}/{id}");
        }
        let answer = bench.delete(&format!("/api/v1/sessions/{id}")).await;
        assert_eq!(answer.status, 404, "{id}");
    }
}
