use axum::body::Body;
use http::{Method, Request};
use serde_json::json;

use super::bench::{Bench, PASSWORD};
use crate::admin::Access;
use crate::directory::fixture::by_operator;
use crate::directory::records::{User, kind};

#[tokio::test]
async fn an_organization_is_created_changed_and_deleted() {
    let bench = Bench::start().await;
    let body = json!({ "id": "acme", "name": "Acme", "email": "office@acme.example" });
    let made = bench.post("/api/v1/organizations", body.clone()).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.headers["location"], "/api/v1/organizations/acme");
    assert_eq!(made.body["portal_users"], 0);
    assert_eq!(made.body["link_enabled"], true);
    let again = bench.post("/api/v1/organizations", body).await;
    assert_eq!((again.status.as_u16(), again.code()), (409, "taken"));
    assert_eq!(again.detail(), "id: an organization `acme` already exists");
    let bad = bench.post("/api/v1/organizations", json!({ "id": "A/B", "name": "x" })).await;
    assert_eq!((bad.status.as_u16(), bad.field()), (422, "id"));
    let path = "/api/v1/organizations/acme";
    let changed = bench.patch(path, json!({ "name": "Acme Ltd", "email": null })).await;
    assert_eq!(changed.body["name"], "Acme Ltd");
    assert!(changed.body["email"].is_null());
    let list = bench.get("/api/v1/organizations").await.body;
    assert_eq!(list["items"][0]["id"], "acme");
    assert_eq!(bench.delete(path).await.status, 204);
    assert_eq!(bench.get(path).await.status, 404);
    assert_eq!(bench.patch(path, json!({})).await.status, 404);
}

#[tokio::test]
async fn an_organization_with_people_is_not_deleted() {
    let bench = Bench::start().await;
    let user = bench.person("acme", "ann", "limited").await;
    let refused = bench.delete("/api/v1/organizations/acme").await;
    assert_eq!((refused.status.as_u16(), refused.code()), (409, "organization-in-use"));
    assert_eq!(bench.delete(&format!("/api/v1/users/{user}")).await.status, 204);
    assert_eq!(bench.delete("/api/v1/organizations/acme").await.status, 204);
}

#[tokio::test]
async fn r10_a_link_is_shown_rotated_and_switched_off() {
    let bench = Bench::start().await;
    bench.post("/api/v1/organizations", json!({ "id": "acme", "name": "Acme" })).await;
    let path = "/api/v1/organizations/acme/link";
    let link = bench.get(path).await.body;
    let url = link["url"].as_str().unwrap();
    assert!(url.starts_with("https://portal.example/.portcullis/link/"), "{url}");
    assert_eq!(link["enabled"], true);
    assert_eq!(bench.get(path).await.body["url"], url, "it can be shown again");
    let rotated = bench.ask(Method::POST, &format!("{path}/rotate"), None).await;
    assert_eq!(
        (rotated.status.as_u16(), &rotated.headers["location"]),
        (201, &path.parse().unwrap())
    );
    assert_ne!(rotated.body["url"], url);
    let off = bench.patch(path, json!({ "enabled": false })).await;
    assert_eq!(off.body["enabled"], false);
    assert_eq!(bench.get("/api/v1/organizations/acme").await.body["link_enabled"], false);
    assert_eq!(bench.patch(path, json!({})).await.field(), "enabled");
    assert_eq!(bench.get("/api/v1/organizations/other/link").await.status, 404);
}

#[tokio::test]
async fn end_users_belong_to_their_organization() {
    let bench = Bench::start().await;
    for id in ["acme", "globex"] {
        bench.post("/api/v1/organizations", json!({ "id": id, "name": id })).await;
    }
    let body = json!({ "name": "Ann", "email": "ann@acme.example" });
    let made = bench.post("/api/v1/organizations/acme/end-users", body.clone()).await;
    assert_eq!(made.status, 201);
    let path = made.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(bench.get(&path).await.body["organization"], "acme");
    let foreign = path.replace("acme", "globex");
    assert_eq!(bench.get(&foreign).await.status, 404);
    for (path, status) in [(&foreign, 404), (&path, 409)] {
        let stale = Request::patch(path)
            .header("content-type", "application/json")
            .header("if-match", "\"99\"")
            .body(Body::from("{}"));
        let answer = bench.send(Access::Socket, stale.unwrap()).await;
        assert_eq!(
            answer.status, status,
            "the version of another organization's end user stays hidden"
        );
    }
    let list = bench.get("/api/v1/organizations/globex/end-users").await.body;
    assert_eq!(list["items"], json!([]));
    assert_eq!(bench.get("/api/v1/organizations/none/end-users").await.status, 404);
    assert_eq!(bench.post("/api/v1/organizations/none/end-users", body).await.status, 404);
    let changed = bench.patch(&path, json!({ "name": "Anna" })).await;
    assert_eq!(changed.body["name"], "Anna");
    let bad = bench.patch(&path, json!({ "email": "nowhere" })).await;
    assert_eq!((bad.status.as_u16(), bad.field()), (422, "email"));
    let user = json!({ "organization": "acme", "end_user": made.id() });
    let user = bench.post("/api/v1/users", user).await;
    assert_eq!(user.body["login"], "ann@acme.example", "R15");
    bench.person("acme", "office", "limited").await;
    let of_ann = bench.get(&format!("/api/v1/users?end_user={}", made.id())).await.body;
    assert_eq!(of_ann["items"].as_array().unwrap().len(), 1);
    let unknown = bench.get("/api/v1/users?end_user=unknown").await;
    assert_eq!((unknown.status.as_u16(), unknown.field()), (422, "end_user"));
    let refused = bench.delete(&path).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (409, "end-user-in-use"));
    bench.delete(&format!("/api/v1/users/{}", user.id())).await;
    assert_eq!(bench.delete(&path).await.status, 204);
}

#[tokio::test]
async fn r15_logins_are_unique_ignoring_case_and_spaces() {
    let bench = Bench::start().await;
    bench.person("acme", "ann@acme.example", "limited").await;
    let body = json!({ "organization": "acme", "login": " ANN@acme.example " });
    let taken = bench.post("/api/v1/users", body).await;
    assert_eq!((taken.status.as_u16(), taken.code()), (409, "taken"));
    let found = bench.get("/api/v1/users?login=Ann%40ACME.example").await.body;
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    assert_eq!(bench.get("/api/v1/users?login=bob").await.body["items"], json!([]));
}

#[tokio::test]
async fn a_missing_password_is_named() {
    let bench = Bench::start().await;
    let id = bench.person("acme", "ann", "limited").await;
    let path = format!("/api/v1/users/{id}/password");
    let missing = bench.post(&path, json!({})).await;
    assert_eq!((missing.status.as_u16(), missing.field()), (422, "password"));
    let given = bench.post(&path, json!({ "password": "Correct horse 8!" })).await;
    assert_eq!(given.status, 201, "{given:?}");
    assert_eq!(given.headers["location"], format!("/api/v1/users/{id}"));
}

#[tokio::test]
async fn users_are_listed_by_organization_and_group() {
    let bench = Bench::start().await;
    bench.person("acme", "a", "limited").await;
    bench.person("acme", "b", "admin").await;
    bench.person("globex", "c", "limited").await;
    for (query, count) in [
        ("", 3),
        ("?organization=acme", 2),
        ("?group=limited", 2),
        ("?organization=acme&group=limited", 1),
    ] {
        let list = bench.get(&format!("/api/v1/users{query}")).await.body;
        assert_eq!(list["items"].as_array().unwrap().len(), count, "{query}");
    }
}

#[tokio::test]
async fn a_user_is_created_changed_and_deleted() {
    let bench = Bench::start().await;
    let id = bench.person("acme", "ann", "limited").await;
    let path = format!("/api/v1/users/{id}");
    let user = bench.get(&path).await.body;
    assert_eq!(user["status"], "active");
    assert_eq!(user["mfa_enrolled"], false);
    assert!(!user.to_string().contains("argon2"), "the hash stays inside");
    let patch = json!({ "group": "admin", "login": "anna", "require_mfa": true });
    let changed = bench.patch(&path, patch).await;
    assert_eq!(changed.status, 200);
    assert_eq!(changed.body["group"], "admin");
    assert_eq!(changed.body["require_mfa"], true);
    let bad = bench.patch(&path, json!({ "group": "none" })).await;
    assert_eq!((bad.status.as_u16(), bad.field()), (422, "group"));
    let moved = bench.patch(&path, json!({ "organization": "globex" })).await;
    assert_eq!((moved.status.as_u16(), moved.field()), (422, "organization"));
    assert_eq!(bench.delete(&path).await.status, 204);
    assert_eq!(bench.delete(&path).await.status, 404);
}

#[tokio::test]
async fn a_user_is_created_with_a_password_invited_or_neither() {
    let bench = Bench::start().await;
    bench.post("/api/v1/organizations", json!({ "id": "acme", "name": "Acme" })).await;
    for (login, how, status) in [
        ("a", json!({ "password": PASSWORD }), "active"),
        ("b@example.com", json!({ "invite": true }), "invited"),
        ("c", json!({}), "no_password"),
    ] {
        let mut body = json!({ "organization": "acme", "login": login });
        body.as_object_mut().unwrap().extend(how.as_object().unwrap().clone());
        assert_eq!(bench.post("/api/v1/users", body).await.body["status"], status);
    }
    for (body, field) in [
        (json!({ "organization": "acme", "login": "d", "password": "short" }), "password"),
        (json!({ "organization": "none", "login": "d" }), "organization"),
        (json!({ "organization": "acme" }), "login"),
        (json!({ "organization": "acme", "login": "d", "group": "none" }), "group"),
        (
            json!({ "organization": "acme", "login": "d", "invite": true, "password": PASSWORD }),
            "invite",
        ),
    ] {
        let answer = bench.post("/api/v1/users", body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.field()), (422, field), "{body}");
    }
    let body = json!({ "organization": "acme", "login": "d", "password": 1234567 });
    let wrong_type = bench.post("/api/v1/users", body).await;
    assert_eq!((wrong_type.status.as_u16(), wrong_type.field()), (422, "password"));
    assert!(!wrong_type.body.to_string().contains("1234567"), "a secret is not repeated");
}

#[tokio::test]
async fn r34_setting_a_password_ends_only_that_users_sessions() {
    let bench = Bench::start().await;
    let ann = bench.person("acme", "ann", "limited").await;
    let bob = bench.person("acme", "bob", "limited").await;
    for user in [&ann, &ann, &bob] {
        bench.begin_session(user).await;
    }
    let path = format!("/api/v1/users/{ann}/password");
    let weak = bench.ask(Method::PUT, &path, Some(json!({ "password": "weak" }))).await;
    assert_eq!((weak.status.as_u16(), weak.field()), (422, "password"));
    let sessions = format!("/api/v1/users/{ann}/sessions");
    assert_eq!(bench.get(&sessions).await.body["items"].as_array().unwrap().len(), 2);
    let body = json!({ "password": "Battery staple 8?" });
    let set = bench.ask(Method::PUT, &path, Some(body.clone())).await;
    assert_eq!(set.status, 200);
    assert_eq!(bench.get(&sessions).await.body["items"], json!([]));
    let all = bench.get("/api/v1/sessions").await.body;
    assert_eq!(all["items"].as_array().unwrap().len(), 1);
    assert_eq!(all["items"][0]["user"], bob.as_str());
    assert_eq!(bench.post(&path, body.clone()).await.status, 201);
    assert_eq!(bench.post("/api/v1/users/none/password", body).await.status, 404);
}

#[tokio::test]
async fn r51_a_second_factor_is_shown_and_reset() {
    let bench = Bench::start().await;
    let ann = bench.person("acme", "ann", "limited").await;
    let user = format!("/api/v1/users/{ann}");
    let path = format!("{user}/mfa");
    let shown = bench.get(&path).await;
    assert_eq!(shown.headers["etag"], "\"1\"");
    let expected =
        json!({ "enrolled": false, "recovery_codes_left": 0, "required": false, "version": 1 });
    assert_eq!(shown.body, expected);
    bench.patch(&user, json!({ "require_mfa": true })).await;
    assert_eq!(bench.get(&path).await.body["required"], true);

    bench.enroll("ann").await;
    let shown = bench.get(&path).await.body;
    assert_eq!((&shown["enrolled"], &shown["recovery_codes_left"]), (&json!(true), &json!(10)));
    assert!(shown["since"].is_string(), "{shown}");
    let session = bench.begin_session(&ann).await;
    let request = Request::delete(&path).header("if-match", "\"1\"");
    let stale = bench.send(Access::Socket, request.body(Body::empty()).unwrap()).await;
    assert_eq!((stale.status.as_u16(), stale.code()), (409, "changed"));
    assert_eq!(bench.get(&user).await.body["mfa_enrolled"], true);

    let lifted = bench.patch(&user, json!({ "require_mfa": false })).await.body;
    assert_eq!(lifted["warnings"][0]["name"], "second-factor-no-longer-asked");
    let required = bench.patch(&user, json!({ "require_mfa": true })).await.body;
    assert_eq!(required.get("warnings"), None);

    assert_eq!(bench.delete(&path).await.status, 204);
    assert_eq!(bench.get(&user).await.body["mfa_enrolled"], false);
    assert_eq!(bench.get(&path).await.body["required"], true, "it is asked for as before");
    assert_eq!(bench.delete(&path).await.status, 204, "there is nothing more to take away");
    assert_eq!(bench.delete(&format!("/api/v1/sessions/{session}")).await.status, 204, "it stands");
    assert_eq!(bench.get("/api/v1/users/none/mfa").await.status, 404);
    assert_eq!(bench.delete("/api/v1/users/none/mfa").await.status, 404);
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let bench = Bench::start().await;
    let ann = bench.person("acme", "ann", "limited").await;
    let bob = bench.person("globex", "bob", "limited").await;
    let session = bench.begin_session(&ann).await;
    bench.begin_session(&ann).await;
    bench.begin_session(&bob).await;
    let count = async |query: &str| {
        let list = bench.get(&format!("/api/v1/sessions{query}")).await;
        list.body["items"].as_array().unwrap().len()
    };
    assert_eq!(count("").await, 3);
    assert_eq!(count("?organization=acme").await, 2);
    assert_eq!(count(&format!("?user={bob}")).await, 1);
    assert_eq!(bench.delete(&format!("/api/v1/sessions/{session}")).await.status, 204);
    assert_eq!(bench.delete(&format!("/api/v1/sessions/{session}")).await.status, 404);
    assert_eq!(count("").await, 2);
    assert_eq!(bench.delete("/api/v1/sessions?organization=acme").await.status, 204);
    assert_eq!(count("").await, 1);
    assert_eq!(bench.delete(&format!("/api/v1/users/{bob}/sessions")).await.status, 204);
    assert_eq!(count("").await, 0);
    assert_eq!(bench.delete("/api/v1/users/none/sessions").await.status, 404);
    assert_eq!(bench.get("/api/v1/users/none/sessions").await.status, 404);
    bench.begin_session(&bob).await;
    assert_eq!(bench.delete("/api/v1/sessions?usr=x").await.status, 422);
    assert_eq!(count("").await, 1, "a mistyped filter ends no session");
    assert_eq!(bench.delete("/api/v1/sessions").await.status, 204);
    assert_eq!(count("").await, 0);
}

#[tokio::test]
async fn sessions_are_ended_by_owner_and_with_it() {
    let bench = Bench::start().await;
    let ann = bench.person("acme", "ann", "limited").await;
    bench.post("/api/v1/organizations", json!({ "id": "globex", "name": "Globex" })).await;
    for nobody in ["user=nobody", "user=ann", "organization=nosuch"] {
        let answer = bench.delete(&format!("/api/v1/sessions?{nobody}")).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (404, "not-found"), "{nobody}");
    }
    for idle in [format!("user={ann}"), "organization=globex".to_owned()] {
        let answer = bench.delete(&format!("/api/v1/sessions?{idle}")).await;
        assert_eq!(answer.status, 204, "{idle}");
    }
    bench.begin_session(&ann).await;
    bench.directory().users().delete(&ann.as_str().into(), &by_operator()).await.unwrap();
    let path = format!("/api/v1/sessions?user={ann}");
    assert_eq!(bench.delete(&path).await.status, 404, "they were deleted with it");
}

#[tokio::test]
async fn r40_an_invitation_is_sent_sent_again_and_withdrawn() {
    let bench = Bench::start().await;
    bench.post("/api/v1/organizations", json!({ "id": "acme", "name": "Acme" })).await;
    let new = json!({ "organization": "acme", "login": "ann@example.com" });
    let ann = bench.post("/api/v1/users", new).await.id();
    let path = format!("/api/v1/users/{ann}/invitation");
    let sent = bench.ask(Method::POST, &path, None).await;
    assert_eq!((sent.status.as_u16(), &sent.body["status"]), (201, &json!("invited")));
    assert_eq!(sent.headers["location"], format!("/api/v1/users/{ann}"));
    let again = bench.post(&path, json!({ "blind_copy": "it@msp.example" })).await;
    assert_eq!((again.status.as_u16(), &again.body["version"]), (201, &json!(3)));
    let wrong = bench.post(&path, json!({ "blind_copy": "it" })).await;
    assert_eq!((wrong.status.as_u16(), wrong.field()), (422, "blind_copy"));
    assert_eq!(bench.delete(&path).await.status, 204);
    let gone = bench.delete(&path).await;
    assert_eq!((gone.status.as_u16(), gone.code()), (409, "not-invited"));

    let bob = bench.person("acme", "bob@example.com", "limited").await;
    let has = bench.post(&format!("/api/v1/users/{bob}/invitation"), json!({})).await;
    assert_eq!((has.status.as_u16(), has.code()), (409, "has-password"));
    let nobody = bench.post("/api/v1/users/nobody/invitation", json!({})).await;
    assert_eq!(nobody.status, 404);
}

#[tokio::test]
async fn r41_blind_copy_defaults_to_the_email_of_the_token() {
    let bench = Bench::start().await;
    bench.post("/api/v1/organizations", json!({ "id": "acme", "name": "Acme" })).await;
    let made = json!({ "name": "it", "email": "it@msp.example" });
    let made = bench.post("/api/v1/tokens", made).await;
    assert_eq!(made.body["email"], "it@msp.example");
    let wrong = bench.post("/api/v1/tokens", json!({ "name": "it", "email": "it" })).await;
    assert_eq!((wrong.status.as_u16(), wrong.field()), (422, "email"));
    let bearer = format!("Bearer {}", made.body["token"].as_str().unwrap());
    let invited = async |login: &str, copy: serde_json::Value| {
        let new = json!({
            "organization": "acme", "login": login, "invite": true, "blind_copy": copy,
        });
        let request = Request::post("/api/v1/users")
            .header("authorization", &bearer)
            .header("content-type", "application/json")
            .body(Body::from(new.to_string()));
        let answer = bench.send(Access::Token, request.unwrap()).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    };
    invited("ann@example.com", json!(null)).await;
    invited("bob@example.com", json!("else@msp.example")).await;
    let copies = bench.blind_copies().await;
    assert_eq!(copies["ann@example.com"].as_deref(), Some("it@msp.example"));
    assert_eq!(copies["bob@example.com"].as_deref(), Some("else@msp.example"));
}

#[tokio::test]
async fn searches_find_organizations_and_end_users_by_prefix() {
    let bench = Bench::start().await;
    for (id, name) in [("acme", "Zebra Ltd"), ("zulu", "Acorn GmbH"), ("other", "Other")] {
        let new = json!({ "id": id, "name": name, "email": format!("it@{id}.example") });
        bench.post("/api/v1/organizations", new).await;
    }
    for (name, email) in [("Ann Smith", "zoe@acme.example"), ("Zack", "ann@acme.example")] {
        let new = json!({ "name": name, "email": email });
        bench.post("/api/v1/organizations/acme/end-users", new).await;
    }
    for (query, field, expected) in [
        ("organizations?search=AC", "id", &["acme", "zulu"][..]),
        ("organizations?search=it@", "id", &["acme", "other", "zulu"]),
        ("organizations?search=z", "id", &["acme", "zulu"]),
        ("organizations?search=none", "id", &[]),
        ("organizations/acme/end-users?search=ann", "name", &["Ann Smith", "Zack"]),
        ("organizations/acme/end-users?search=zo", "name", &["Ann Smith"]),
        ("organizations/other/end-users?search=ann", "name", &[]),
    ] {
        let list = bench.get(&format!("/api/v1/{query}")).await.body;
        let items = list["items"].as_array().unwrap().iter();
        let mut found: Vec<_> = items.map(|item| item[field].as_str().unwrap()).collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{query}");
        // In pages of one, each is found once.
        let (mut paged, mut after) = (Vec::new(), String::new());
        loop {
            let page = bench.get(&format!("/api/v1/{query}&limit=1{after}")).await.body;
            let items = page["items"].as_array().unwrap().iter();
            paged.extend(items.map(|item| item[field].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        paged.sort_unstable();
        assert_eq!(paged, expected, "{query} in pages");
    }
}

#[tokio::test]
async fn filters_select_users_and_refuse_what_is_unknown() {
    let bench = Bench::start().await;
    let ann = bench.person("acme", "ann@acme.example", "limited").await;
    bench.person("acme", "bob", "admin").await;
    bench.person("globex", "anton", "limited").await;
    let disabled = json!({ "disabled": true });
    assert_eq!(bench.patch(&format!("/api/v1/users/{ann}"), disabled).await.body["disabled"], true);
    bench.begin_session(&ann).await;
    for (query, logins) in [
        ("disabled=true", &["ann@acme.example"][..]),
        ("disabled=false&organization=acme", &["bob"]),
        ("login_prefix=AN", &["ann@acme.example", "anton"]),
        ("login_prefix=an&group=limited&organization=globex", &["anton"]),
        ("search=AN", &["ann@acme.example", "anton"]),
        ("search=an&organization=globex", &["anton"]),
        ("search=an&disabled=true&group=limited", &["ann@acme.example"]),
        ("search=an&login_prefix=anto", &["anton"]),
        ("search=nn", &[]),
        ("status=no_password&group=limited&organization=acme", &[]),
        ("login=bob&group=limited", &[]),
        ("status=active&group=admin", &["bob"]),
        ("status=invited", &[]),
        ("signed_in_after=2026-01-01T00:00:00Z", &["ann@acme.example"]),
        ("signed_in_before=2026-01-01T00:00:00Z", &["anton", "bob"]),
    ] {
        let list = bench.get(&format!("/api/v1/users?{query}")).await.body;
        let items = list["items"].as_array().unwrap().iter();
        let mut found: Vec<_> = items.map(|user| user["login"].as_str().unwrap()).collect();
        found.sort_unstable();
        assert_eq!(found, logins, "{query}");
        assert!(list["next"].is_null(), "{query}");
    }
    for (path, field, detail) in [
        ("users?group=limited2", "group", "there is no group `limited2`; did you mean `limited`?"),
        ("users?organization=x&login=bob", "organization", "there is no organization `x`"),
        ("users?status=asleep", "status", "asleep"),
        ("users?search=a&after=dTE", "after", "is not a cursor from an earlier page"),
        ("sessions?user=x", "user", "there is no portal user `x`"),
        ("sessions?organization=acme2", "organization", "did you mean `acme`?"),
        ("mail?login=nobody", "login", "there is no portal user `nobody`"),
    ] {
        let refused = bench.get(&format!("/api/v1/{path}")).await;
        assert_eq!((refused.status.as_u16(), refused.field()), (422, field), "{path}");
        assert!(refused.detail().contains(detail), "{path}: {}", refused.detail());
    }
}

#[tokio::test]
async fn r41_the_answer_says_where_an_invitation_goes() {
    let bench = Bench::start().await;
    let acme = json!({ "id": "acme", "name": "Acme", "email": "office@acme.example" });
    bench.post("/api/v1/organizations", acme).await;
    let ann = json!({ "name": "Ann", "email": "Ann@acme.example" });
    let ann = bench.post("/api/v1/organizations/acme/end-users", ann).await;
    let invite = |login: &str, more: serde_json::Value| {
        let mut body = json!({
            "organization": "acme", "login": login, "group": "limited", "invite": true,
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let elsewhere = bench.post("/api/v1/users", invite("ann@acme.example", json!({}))).await;
    assert_eq!(elsewhere.body["invitation"]["sent_to"], "office@acme.example");
    assert!(elsewhere.body["invitation"]["expires"].is_string());
    let warnings = elsewhere.body["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0]["name"], "invitation-sent-elsewhere");
    let detail = warnings[0]["detail"].as_str().unwrap();
    assert!(detail.contains("office@acme.example") && detail.contains("`end_user`"), "{detail}");
    assert!(detail.contains(&ann.id()), "the end user with that address is proposed: {detail}");

    let other = bench.post("/api/v1/users", invite("carl@acme.example", json!({}))).await;
    let detail = other.body["warnings"][0]["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("`send_to`") && !detail.contains(&ann.id()), "{detail}");
    let path = format!("/api/v1/users/{}/invitation", other.id());
    let again = bench.post(&path, json!({ "send_to": "carl@acme.example" })).await;
    assert_eq!(again.body["invitation"]["sent_to"], "carl@acme.example");
    assert!(again.body["warnings"].is_null(), "{again:?}");

    for (login, more) in [
        ("dora", json!({})),
        ("eve@acme.example", json!({ "send_to": "Eve@acme.example" })),
        ("fred@acme.example", json!({ "send_to": "office@acme.example" })),
    ] {
        let made = bench.post("/api/v1/users", invite(login, more)).await;
        assert!(made.body["warnings"].is_null(), "{login}: {made:?}");
    }
    let bad = invite("gil@acme.example", json!({ "send_to": "nowhere" }));
    assert_eq!(bench.post("/api/v1/users", bad).await.field(), "send_to");
    let mut alone = invite("gil@acme.example", json!({ "send_to": "gil@acme.example" }));
    alone["invite"] = json!(false);
    assert_eq!(bench.post("/api/v1/users", alone).await.field(), "send_to");
}

#[tokio::test]
async fn r2_a_default_group_with_all_permissions_is_a_warning() {
    let bench = Bench::start().await;
    bench.post("/api/v1/organizations", json!({ "id": "acme", "name": "Acme" })).await;
    let body = |login: &str| json!({ "organization": "acme", "login": login });
    let made = bench.post("/api/v1/users", body("ann")).await;
    assert_eq!(made.body["group"], "admin");
    assert_eq!(made.body["warnings"][0]["name"], "default-group-has-all-permissions");
    let mut named = body("bob");
    named["group"] = json!("admin");
    assert!(bench.post("/api/v1/users", named).await.body["warnings"].is_null());
    bench.patch("/api/v1/groups/limited", json!({ "default": true })).await;
    let made = bench.post("/api/v1/users", body("carl")).await;
    assert_eq!(made.body["group"], "limited");
    assert!(made.body["warnings"].is_null(), "{made:?}");
}

#[tokio::test]
async fn an_export_has_all_about_one_user_and_no_secrets() {
    let bench = Bench::start().await;
    bench.post("/api/v1/organizations", json!({ "id": "acme", "name": "Acme" })).await;
    let end_user = json!({ "name": "Ann", "email": "ann@acme.example" });
    let end_user = bench.post("/api/v1/organizations/acme/end-users", end_user).await;
    let body = json!({
        "organization": "acme", "end_user": end_user.id(), "group": "limited", "invite": true,
    });
    let ann = bench.post("/api/v1/users", body).await;
    let path = format!("/api/v1/users/{}", ann.id());
    let hashes = bench.directory().records().read();
    let stored = hashes.existing::<User>(&ann.id().into(), None).await.unwrap();
    let link = stored.doc.invitation.unwrap().token;
    bench.post(&format!("{path}/password"), json!({ "password": PASSWORD })).await;
    let session = bench.begin_session(&ann.id()).await;
    let token = bench.post(&format!("{path}/tokens"), json!({ "name": "CI" })).await;
    let bob = bench.person("acme", "bob", "limited").await;
    bench.begin_session(&bob).await;

    let export = bench.get(&format!("{path}/export")).await;
    assert_eq!(export.status, 200);
    let body = &export.body;
    assert_eq!(body["user"]["login"], "ann@acme.example");
    assert_eq!(body["organization"]["id"], "acme");
    assert_eq!(body["end_user"]["email"], "ann@acme.example");
    assert_eq!(body["tokens"][0]["name"], "CI");
    assert_eq!(body["mails"][0]["to"], "ann@acme.example");
    assert_eq!(body["sessions"].as_array().unwrap().len(), 1, "{body}");
    assert_eq!(body["sessions"][0]["id"], session.to_string());
    assert_eq!(body["audit"].as_array().unwrap().last().unwrap()["kind"], "user.created");
    let text = body.to_string();
    for secret in ["$argon2", &link, token.body["token"].as_str().unwrap(), "bob"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    assert_eq!(bench.get("/api/v1/users/unknown/export").await.status, 404);
}

#[tokio::test]
async fn a_deleted_user_leaves_nothing_behind() {
    let bench = Bench::start().await;
    bench.post("/api/v1/organizations", json!({ "id": "acme", "name": "Acme" })).await;
    let people = "/api/v1/organizations/acme/end-users";
    let end_user = json!({ "name": "Ann", "email": "ann@acme.example" });
    let end_user = bench.post(people, end_user).await;
    let new = |login: &str| {
        json!({
            "organization": "acme", "end_user": end_user.id(), "login": login,
            "group": "limited", "invite": true,
        })
    };
    let ann = bench.post("/api/v1/users", new("ann@acme.example")).await;
    let other = bench.post("/api/v1/users", new("ann.second")).await;
    let bob = bench.person("acme", "bob", "limited").await;
    let path = format!("/api/v1/users/{}", ann.id());
    bench.post(&format!("{path}/password"), json!({ "password": PASSWORD })).await;
    bench.begin_session(&ann.id()).await;
    bench.begin_session(&bob).await;
    bench.post(&format!("{path}/tokens"), json!({ "name": "CI" })).await;

    let kept = bench.delete(&format!("{path}?end_user=true")).await;
    assert_eq!((kept.status.as_u16(), kept.code()), (409, "end-user-in-use"));
    assert_eq!(bench.get(&path).await.status, 200, "nothing was deleted");
    let second = format!("/api/v1/users/{}", other.id());
    assert_eq!(bench.delete(&second).await.status, 204);
    assert_eq!(bench.get(&format!("{people}/{}", end_user.id())).await.status, 200);
    assert_eq!(bench.delete(&format!("{path}?end_user=true")).await.status, 204);
    assert_eq!(bench.get(&format!("{people}/{}", end_user.id())).await.status, 404);

    let reader = bench.directory().records().read();
    for kind in [kind::USER, kind::SESSION, kind::USER_TOKEN, kind::MAIL, kind::LAST_SIGN_IN] {
        for record in reader.list(kind, None, None, 100).await.unwrap() {
            let text = format!("{} {}", record.id, String::from_utf8_lossy(&record.doc));
            for trace in [&*ann.id(), &*other.id(), "ann@acme.example", "ann.second"] {
                assert!(!text.contains(trace), "{}: {text}", kind.name());
            }
        }
    }
    assert_eq!(
        bench.get(&format!("/api/v1/sessions?user={bob}")).await.body["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
