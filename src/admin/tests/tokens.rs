//! Changing tokens of the API, filters by date, and names that are in use.

use axum::body::Body;
use http::{Method, Request};
use serde_json::json;

use super::bench::Bench;
use crate::admin::Access;

#[tokio::test]
async fn i10_a_changed_token_has_its_new_rights_at_once() {
    let bench = Bench::start().await;
    let created = bench.post("/api/v1/tokens", json!({ "name": "ci", "role": "technician" })).await;
    let (path, token) = (format!("/api/v1/tokens/{}", created.id()), created.body["token"].clone());
    let bearer = format!("Bearer {}", token.as_str().unwrap());
    let create_group = async |name: &str| {
        let request = Request::post("/api/v1/groups")
            .header("host", "127.0.0.1:8081")
            .header("authorization", &bearer)
            .header("content-type", "application/json")
            .body(Body::from(json!({ "name": name, "permissions": [] }).to_string()));
        bench.send(Access::Token, request.unwrap()).await.status.as_u16()
    };
    assert_eq!(create_group("Before").await, 403);
    let changed = bench.patch(&path, json!({ "role": "administrator", "name": "CI" })).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(
        (&changed.body["name"], &changed.body["role"]),
        (&"CI".into(), &"administrator".into())
    );
    assert!(changed.body.get("token").is_none(), "the token itself is not shown again");
    assert_eq!(create_group("After").await, 201);
    let past = bench.patch(&path, json!({ "expires": "2020-01-01T00:00:00Z" })).await;
    assert_eq!((past.status.as_u16(), past.field()), (422, "expires"));
    let never = bench.patch(&path, json!({ "expires": null })).await;
    assert_eq!(never.body["expires"], json!(null));
    let entries = bench.get("/api/v1/audit?kind=token.changed").await;
    let entries = entries.body["items"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[1]["before"], json!({ "name": "ci", "role": "technician" }));
}

#[tokio::test]
async fn i10_tokens_are_changed_by_owners_only() {
    let bench = Bench::start().await;
    let bearer = format!(
        "Bearer {}",
        bench.token_with(crate::directory::records::Role::Administrator).await
    );
    let id = bench.get("/api/v1/tokens").await.body["items"][0]["id"].clone();
    let request = Request::builder()
        .method(Method::PATCH)
        .uri(format!("/api/v1/tokens/{}", id.as_str().unwrap()))
        .header("host", "127.0.0.1:8081")
        .header("authorization", &bearer)
        .header("content-type", "application/json")
        .body(Body::from(json!({ "role": "owner" }).to_string()));
    let answer = bench.send(Access::Token, request.unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (403, "role-required"));
    assert_eq!(bench.get("/api/v1/tokens").await.body["items"][0]["role"], "administrator");
}

#[tokio::test]
async fn filters_by_time_take_dates_too() {
    let bench = Bench::start().await;
    bench.person("acme", "ann", "limited").await;
    for (query, found) in [
        ("audit?since=2020-01-31", true),
        ("audit?since=2999-01-31", false),
        ("audit?until=2999-01-31", true),
        ("audit?until=2020-01-31T00:00:00Z", false),
        ("users?signed_in_before=2999-01-31", true),
        ("users?signed_in_after=2020-01-31", false),
    ] {
        let answer = bench.get(&format!("/api/v1/{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
        assert_eq!(!answer.body["items"].as_array().unwrap().is_empty(), found, "{query}");
    }
    for wrong in ["audit?since=yesterday", "users?signed_in_after=31.1.2026"] {
        let answer = bench.get(&format!("/api/v1/{wrong}")).await;
        assert_eq!(answer.status, 422, "{wrong}");
        assert!(answer.detail().contains("is not a date"), "{wrong}: {}", answer.detail());
    }
}

#[tokio::test]
async fn a_name_of_another_organization_is_warned_of() {
    let bench = Bench::start().await;
    let create = async |id: &str, name: &str| {
        bench.post("/api/v1/organizations", json!({ "id": id, "name": name })).await
    };
    let first = create("acme", "Acme").await;
    assert!(first.body.get("warnings").is_none(), "{first:?}");
    assert!(create("acme-ltd", "Acme Ltd").await.body.get("warnings").is_none());
    let second = create("acme-2", "ACME").await;
    assert_eq!(second.body["warnings"][0]["name"], "name-in-use", "{second:?}");
    let renamed =
        bench.patch("/api/v1/organizations/acme-ltd?dry_run=true", json!({ "name": "acme" })).await;
    assert_eq!(renamed.body["changes"]["warnings"][0]["name"], "name-in-use", "{renamed:?}");
    let same =
        bench.patch("/api/v1/organizations/acme", json!({ "email": "a@acme.example" })).await;
    assert!(same.body.get("warnings").is_none(), "{same:?}");
}
