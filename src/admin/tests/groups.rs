use serde_json::{Value, json};

use super::bench::Bench;

async fn count(bench: &Bench, id: &str) -> (usize, Value) {
    let group = bench.get(&format!("/api/v1/groups/{id}")).await.body;
    (group["permissions"].as_array().unwrap().len(), group["of"].clone())
}

#[tokio::test]
async fn r1_r2_four_groups_exist_with_counts_of_permissions() {
    let bench = Bench::start().await;
    assert_eq!(count(&bench, "admin").await, (24, json!(24)));
    assert_eq!(count(&bench, "non-portal").await, (2, json!(18)));
    assert_eq!(count(&bench, "limited").await, (8, json!(24)));
    assert_eq!(count(&bench, "no-access").await, (0, json!(24)));
    assert_eq!(bench.get("/api/v1/permissions").await.body["items"].as_array().unwrap().len(), 24);
}

#[tokio::test]
async fn r3_identity_permission_is_refused_to_the_non_portal_group() {
    let bench = Bench::start().await;
    let path = "/api/v1/groups/non-portal";
    let refused = bench.patch(path, json!({ "permissions": ["profile.edit"] })).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (409, "permission-needs-identity"));
    assert!(refused.detail().contains("profile.edit"), "{}", refused.detail());
    let granted = bench.patch(path, json!({ "permissions": ["invoices.view"] })).await;
    assert_eq!(granted.body["permissions"], json!(["invoices.view"]));
    let all = bench.patch(path, json!({ "permissions": "all" })).await;
    assert_eq!(all.body["permissions"].as_array().unwrap().len(), 18);
}

#[tokio::test]
async fn r4_built_in_groups_keep_their_names_and_names_are_unique() {
    let bench = Bench::start().await;
    for id in ["admin", "non-portal"] {
        let path = format!("/api/v1/groups/{id}");
        let renamed = bench.patch(&path, json!({ "name": "Other" })).await;
        assert_eq!((renamed.status.as_u16(), renamed.code()), (409, "group-built-in"));
        let deleted = bench.delete(&path).await;
        assert_eq!((deleted.status.as_u16(), deleted.code()), (409, "group-built-in"));
    }
    for id in ["limited", "no-access"] {
        let path = format!("/api/v1/groups/{id}");
        assert_eq!(bench.patch(&path, json!({ "name": format!("My {id}") })).await.status, 200);
    }
    let body = json!({ "name": " my LIMITED ", "permissions": [] });
    let taken = bench.post("/api/v1/groups", body).await;
    assert_eq!((taken.status.as_u16(), taken.code()), (409, "taken"));
}

#[tokio::test]
async fn r5_a_group_is_created_edited_copied_and_deleted() {
    let bench = Bench::start().await;
    let body = json!({ "name": "Everything", "permissions": "all" });
    let made = bench.post("/api/v1/groups", body).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.body["permissions"].as_array().unwrap().len(), 24);
    let path = format!("/api/v1/groups/{}", made.id());
    let edited = bench.patch(&path, json!({ "permissions": ["chat.start"] })).await;
    assert_eq!(edited.body["permissions"], json!(["chat.start"]));
    let copy = bench.ask(http::Method::POST, &format!("{path}/copy"), None).await;
    assert_eq!(copy.status, 201);
    assert_eq!(copy.body["permissions"], json!(["chat.start"]));
    assert_ne!(copy.body["name"], edited.body["name"]);
    let named = bench.post(&format!("{path}/copy"), json!({ "name": "Chatters" })).await;
    assert_eq!(named.body["name"], "Chatters");
    let again = bench.post(&format!("{path}/copy"), json!({ "name": "chatters" })).await;
    assert_eq!(again.status, 409);
    assert_eq!(bench.delete(&path).await.status, 204);
    assert_eq!(bench.get(&path).await.status, 404);
    assert_eq!(bench.ask(http::Method::POST, &format!("{path}/copy"), None).await.status, 404);
}

#[tokio::test]
async fn a_group_has_the_chosen_id() {
    let bench = Bench::start().await;
    let body = |id: &str, name: &str| json!({ "id": id, "name": name, "permissions": [] });
    let made = bench.post("/api/v1/groups", body("accounts-team", "Accounts")).await;
    assert_eq!((made.status.as_u16(), &*made.id()), (201, "accounts-team"));
    assert_eq!(bench.get("/api/v1/groups/accounts-team").await.body["name"], "Accounts");
    let taken = bench.post("/api/v1/groups", body("accounts-team", "Others")).await;
    assert_eq!((taken.status.as_u16(), taken.code()), (409, "taken"));
    for bad in ["anonymous", "link", "Accounts", "a/b", ""] {
        let refused = bench.post("/api/v1/groups", body(bad, "Others")).await;
        assert_eq!((refused.status.as_u16(), refused.field()), (422, "id"), "{bad}");
    }
    let path = "/api/v1/groups/limited/copy";
    let copy = bench.post(path, json!({ "id": "twin" })).await;
    assert_eq!((copy.status.as_u16(), &*copy.id()), (201, "twin"));
    assert_eq!(bench.post(path, json!({ "id": "twin" })).await.status, 409);
    assert_eq!(bench.post(path, json!({ "id": "link" })).await.status, 422);
}

#[tokio::test]
async fn r5_a_group_with_users_is_deleted_only_if_they_are_moved() {
    let bench = Bench::start().await;
    let made = bench.post("/api/v1/groups", json!({ "name": "A", "permissions": [] })).await;
    let user = bench.person("acme", "ann", &made.id()).await;
    let path = format!("/api/v1/groups/{}", made.id());
    assert_eq!(bench.get(&path).await.body["users"], 1);
    let refused = bench.delete(&path).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (409, "group-in-use"));
    assert!(refused.detail().contains("1 portal user") && refused.detail().contains("move_to"));
    let nowhere = bench.delete(&format!("{path}?move_to=nowhere")).await;
    assert_eq!((nowhere.status.as_u16(), nowhere.field()), (422, "move_to"));
    assert_eq!(bench.delete(&format!("{path}?move_to=limited")).await.status, 204);
    assert_eq!(bench.get(&format!("/api/v1/users/{user}")).await.body["group"], "limited");
}

#[tokio::test]
async fn r6_a_new_default_group_changes_only_the_preferences() {
    let bench = Bench::start().await;
    let make_default = json!({ "default": true });
    let refused = bench.patch("/api/v1/groups/non-portal", make_default.clone()).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (409, "group-not-a-default"));
    let before = [
        bench.get("/api/v1/groups/admin").await.body["version"].clone(),
        bench.get("/api/v1/groups/limited").await.body["version"].clone(),
    ];
    let changed = bench.patch("/api/v1/groups/limited", make_default).await;
    assert_eq!(changed.body["default"], true);
    // Which group it is stands in the preferences: neither group was written to.
    assert_eq!(changed.body["version"], before[1]);
    assert_eq!(bench.get("/api/v1/groups/admin").await.body["version"], before[0]);
    let groups = bench.get("/api/v1/groups").await.body;
    let defaults = groups["items"].as_array().unwrap().iter().filter(|g| g["default"] == true);
    assert_eq!(defaults.count(), 1);
    assert_eq!(bench.get("/api/v1/preferences").await.body["default_group"], "limited");
    let refused = bench.delete("/api/v1/groups/limited").await;
    assert_eq!((refused.status.as_u16(), refused.code()), (409, "group-is-default"));
    let body = json!({ "id": "acme", "name": "Acme" });
    bench.post("/api/v1/organizations", body).await;
    let user = json!({ "organization": "acme", "login": "ann" });
    assert_eq!(bench.post("/api/v1/users", user).await.body["group"], "limited");
}
