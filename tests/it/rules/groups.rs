//! R1–R8: groups, permissions, and what a change of them does to people.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::admin::{Admin, PASSWORD};
use crate::support::browser::{Browser, unescaped};
use crate::support::gate::TestGate;

const GROUPS: &str = "/api/v1/groups";

/// The six that need to know which person asks.
const IDENTITY: [&str; 6] = [
    "assets.remote_access",
    "assets.run_scripts",
    "assets.view_mine",
    "payment_methods.manage",
    "profile.edit",
    "tickets.view_mine",
];

async fn group(admin: &Admin, id: &str) -> Value {
    admin.get(&format!("{GROUPS}/{id}")).await.ok()
}

async fn patch(admin: &Admin, id: &str, change: Value) -> crate::support::admin::AdminReply {
    admin.patch(&format!("{GROUPS}/{id}"), change).await
}

fn permissions(group: &Value) -> BTreeSet<&str> {
    group["permissions"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect()
}

async fn catalogue(admin: &Admin) -> Vec<Value> {
    admin.get("/api/v1/permissions").await.ok()["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn r1_group_is_any_subset_of_24_permissions() {
    let gate = TestGate::start().await;
    let admin = &gate.admin;
    let catalogue = catalogue(admin).await;
    assert_eq!(catalogue.len(), 24);
    let ids: Vec<&str> = catalogue.iter().map(|one| one["id"].as_str().unwrap()).collect();
    for subset in [&ids[..0], &ids[..1], &ids[7..19], &ids[..]] {
        let name = format!("{} of them", subset.len());
        let made = admin.post(GROUPS, json!({ "name": name, "permissions": subset })).await.ok();
        assert_eq!(permissions(&made), subset.iter().copied().collect());
        assert_eq!(made["of"], 24);
    }
    let wrong = json!({ "name": "Wrong", "permissions": ["tickets.create", "tickets.burn"] });
    let problem = admin.post(GROUPS, wrong).await.refused(422, "invalid");
    assert!(problem["detail"].as_str().unwrap().contains("tickets.burn"), "{problem}");
    let list = admin.get(GROUPS).await.ok();
    assert!(list["items"].as_array().unwrap().iter().all(|group| group["name"] != "Wrong"));
}

#[tokio::test]
async fn r2_four_groups_exist_from_the_start() {
    let gate = TestGate::start().await;
    let list = gate.admin.get(GROUPS).await.ok();
    let shown: BTreeSet<(&str, &str, usize, u64, bool)> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| {
            let text = |name: &str| group[name].as_str().unwrap();
            let count = permissions(group).len();
            let of = group["of"].as_u64().unwrap();
            (text("id"), text("name"), count, of, group["default"].as_bool().unwrap())
        })
        .collect();
    let expected = BTreeSet::from([
        ("admin", "Admin Portal Group", 24, 24, true),
        ("limited", "Limited Portal Group", 8, 24, false),
        ("no-access", "No Portal Access Group", 0, 24, false),
        ("non-portal", "Non-Portal User Group", 2, 18, false),
    ]);
    assert_eq!(shown, expected);
    assert_eq!(list["next"], Value::Null);
    let non_portal = group(&gate.admin, "non-portal").await;
    assert_eq!(permissions(&non_portal), BTreeSet::from(["portal.access", "tickets.create"]));
    let limited = group(&gate.admin, "limited").await;
    let expected = BTreeSet::from([
        "portal.access",
        "assets.view_mine",
        "attachments.upload",
        "attachments.view_public",
        "documentation.view_public",
        "profile.edit",
        "tickets.create",
        "tickets.view_mine",
    ]);
    assert_eq!(permissions(&limited), expected);
}

#[tokio::test]
async fn r3_non_portal_group_cannot_hold_user_permissions() {
    let gate = TestGate::start().await;
    let admin = &gate.admin;
    let catalogue = catalogue(admin).await;
    let identity: Vec<&str> = catalogue
        .iter()
        .filter(|one| one["identity"] == true)
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    assert_eq!(identity.iter().copied().collect::<BTreeSet<_>>(), BTreeSet::from(IDENTITY));
    for id in IDENTITY {
        let change = json!({ "permissions": ["portal.access", id, "invoices.view"] });
        let reply = patch(admin, "non-portal", change.clone()).await;
        let problem = reply.refused(409, "permission-needs-identity");
        assert!(problem["detail"].as_str().unwrap().contains(id), "{problem}");
        // A user who signs in may have it.
        patch(admin, "limited", change).await.ok();
    }
    let unchanged = group(admin, "non-portal").await;
    assert_eq!(permissions(&unchanged), BTreeSet::from(["portal.access", "tickets.create"]));
    let others: Vec<&str> = catalogue
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .filter(|id| !IDENTITY.contains(id))
        .collect();
    assert_eq!(others.len(), 18);
    let granted = patch(admin, "non-portal", json!({ "permissions": others })).await.ok();
    assert_eq!((permissions(&granted).len(), &granted["of"]), (18, &json!(18)));
}

#[tokio::test]
async fn r4_admin_and_non_portal_cannot_be_renamed_or_deleted() {
    let gate = TestGate::start().await;
    let admin = &gate.admin;
    for id in ["admin", "non-portal"] {
        let before = group(admin, id).await;
        assert_eq!(before["system"], true);
        patch(admin, id, json!({ "name": "Another" })).await.refused(409, "group-built-in");
        let path = format!("{GROUPS}/{id}");
        // Not the default, so that nothing else forbids it.
        patch(admin, "limited", json!({ "default": true })).await.ok();
        admin.delete(&path).await.refused(409, "group-built-in");
        admin.delete(&format!("{path}?move_to=limited")).await.refused(409, "group-built-in");
        assert_eq!(group(admin, id).await["name"], before["name"]);
    }
    for (id, name) in [("limited", "Restricted"), ("no-access", "Kept out")] {
        let renamed = patch(admin, id, json!({ "name": name })).await.ok();
        assert_eq!((&renamed["id"], &renamed["name"]), (&json!(id), &json!(name)));
        assert_eq!(renamed["system"], false);
    }
}

#[tokio::test]
async fn r4_group_names_are_unique_ignoring_case_and_space() {
    let gate = TestGate::start().await;
    let admin = &gate.admin;
    let id = admin.group("Büro Süd", &[]).await;
    for name in ["Büro Süd", "  büro süd ", "BÜRO SÜD", "limited portal GROUP"] {
        let new = json!({ "name": name, "permissions": [] });
        admin.post(GROUPS, new).await.refused(409, "taken");
        patch(admin, "no-access", json!({ "name": name })).await.refused(409, "taken");
        let copy = format!("{GROUPS}/admin/copy");
        admin.post(&copy, json!({ "name": name })).await.refused(409, "taken");
    }
    admin.post(GROUPS, json!({ "name": "  ", "permissions": [] })).await.refused(422, "invalid");
    let own = patch(admin, &id, json!({ "name": " BÜRO Süd " })).await.ok();
    assert_eq!(own["name"], "BÜRO Süd", "its own name may change its case");
    // A name that was given up is free again.
    patch(admin, &id, json!({ "name": "Somewhere else" })).await.ok();
    admin.group("büro süd", &[]).await;
}

#[tokio::test]
async fn r5_group_is_created_edited_copied_and_deleted() {
    let gate = TestGate::start().await;
    let admin = &gate.admin;
    let all = admin.post(GROUPS, json!({ "name": "Everything", "permissions": "all" })).await.ok();
    assert_eq!(permissions(&all).len(), 24);
    let id = all["id"].as_str().unwrap();
    let two = ["tickets.create", "invoices.view"];
    let edited = patch(admin, id, json!({ "permissions": two })).await.ok();
    assert_eq!(permissions(&edited), BTreeSet::from(two));
    assert!(edited["version"].as_u64() > all["version"].as_u64());
    let copy = admin.post(&format!("{GROUPS}/{id}/copy"), json!({ "name": "Twin" })).await.ok();
    assert_eq!((&copy["name"], permissions(&copy)), (&json!("Twin"), BTreeSet::from(two)));
    let unnamed = admin.post(&format!("{GROUPS}/{id}/copy"), json!({})).await.ok();
    let again = admin.post(&format!("{GROUPS}/{id}/copy"), json!({})).await.ok();
    let names = BTreeSet::from([&edited, &copy, &unnamed, &again].map(|g| g["name"].to_string()));
    assert_eq!(names.len(), 4, "each copy has a name of its own: {names:?}");
    // A copy is a group of its own.
    patch(admin, copy["id"].as_str().unwrap(), json!({ "permissions": [] })).await.ok();
    assert_eq!(permissions(&group(admin, id).await), BTreeSet::from(two));
    assert_eq!(admin.delete(&format!("{GROUPS}/{id}")).await.status, 204);
    admin.get(&format!("{GROUPS}/{id}")).await.refused(404, "not-found");
    admin.delete(&format!("{GROUPS}/{id}")).await.refused(404, "not-found");
}

#[tokio::test]
async fn r5_group_with_users_is_deleted_only_by_moving_them() {
    let gate = TestGate::start().await;
    let admin = &gate.admin;
    let organization = admin.organization("Acme").await;
    let id = admin.group("Buyers", &["invoices.view"]).await;
    let path = format!("{GROUPS}/{id}");
    for login in ["anna", "bert"] {
        admin.user(&organization, login, &id).await;
    }
    let anna = gate.sign_in("anna", PASSWORD).await;
    assert_eq!(gate.get("/closed/a").cookie(&anna).send().await.status, 200);
    assert_eq!(group(admin, &id).await["users"], 2);
    let problem = admin.delete(&path).await.refused(409, "group-in-use");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains('2') && detail.contains("move_to"), "{detail}");
    for nowhere in ["nowhere", &id] {
        let reply = admin.delete(&format!("{path}?move_to={nowhere}")).await;
        assert!(matches!(reply.status, 404 | 409 | 422), "{nowhere}: {reply:?}");
        assert_eq!(group(admin, &id).await["users"], 2, "{nowhere}");
    }
    assert_eq!(gate.get("/closed/a").cookie(&anna).send().await.status, 200);
    gate.upstream.forget();
    assert_eq!(admin.delete(&format!("{path}?move_to=limited")).await.status, 204);
    admin.get(&path).await.refused(404, "not-found");
    assert_eq!(group(admin, "limited").await["users"], 2);
    let users = admin.get("/api/v1/users?group=limited").await.ok();
    assert_eq!(users["items"].as_array().unwrap().len(), 2);
    assert_eq!(gate.get("/closed/a").cookie(&anna).send().await.status, 403);
    gate.nothing_arrived("a request of somebody moved").await;
}

#[tokio::test]
async fn r6_exactly_one_group_is_the_default() {
    let gate = TestGate::start().await;
    let admin = &gate.admin;
    let organization = admin.organization("Acme").await;
    let no_group = async |login: &str| {
        let new = json!({ "organization": organization, "login": login, "password": PASSWORD });
        admin.post("/api/v1/users", new).await.ok()["group"].clone()
    };
    assert_eq!(no_group("first").await, "admin");
    let id = admin.group("Newcomers", &[]).await;
    for next in ["limited", "no-access", &id] {
        assert_eq!(patch(admin, next, json!({ "default": true })).await.ok()["default"], true);
        let list = admin.get(GROUPS).await.ok();
        let defaults: Vec<&Value> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|group| group["default"] == true)
            .map(|group| &group["id"])
            .collect();
        assert_eq!(defaults, [next]);
        assert_eq!(admin.get("/api/v1/preferences").await.ok()["default_group"], next);
        assert_eq!(no_group(&format!("of {next}")).await, next);
    }
    patch(admin, "non-portal", json!({ "default": true }))
        .await
        .refused(409, "group-not-a-default");
    let path = format!("{GROUPS}/{id}");
    admin.delete(&path).await.refused(409, "group-is-default");
    admin.delete(&format!("{path}?move_to=limited")).await.refused(409, "group-is-default");
    assert_eq!(group(admin, &id).await["default"], true);
    patch(admin, "limited", json!({ "default": true })).await.ok();
    assert_eq!(admin.delete(&format!("{path}?move_to=limited")).await.status, 204);
}

#[tokio::test]
async fn r7_change_applies_to_the_next_request_of_a_session() {
    let gate = TestGate::start().await;
    let admin = &gate.admin;
    let organization = admin.organization("Acme").await;
    let id = admin.group("Buyers", &[]).await;
    let user = admin.user(&organization, "anna", &id).await;
    let anna = gate.sign_in("anna", PASSWORD).await;
    let mut connection = gate.connection().await;
    let http2 = gate.http2().await;
    for round in 0..3 {
        for (permissions, status) in [(&[][..], 403), (&["invoices.view"][..], 200)] {
            patch(admin, &id, json!({ "permissions": permissions })).await.ok();
            let reply = connection.send(gate.get("/closed/a").cookie(&anna)).await;
            assert_eq!(reply.status, status, "round {round}");
            let reply = http2.send(gate.get("/closed/a").cookie(&anna)).await;
            assert_eq!(reply.status, status, "round {round}");
        }
    }
    for (group, status) in [("limited", 403), ("admin", 200), (&*id, 200)] {
        admin.patch(&format!("/api/v1/users/{user}"), json!({ "group": group })).await.ok();
        let reply = connection.send(gate.get("/closed/a").cookie(&anna)).await;
        assert_eq!(reply.status, status, "moved to {group}");
    }
}

#[tokio::test]
async fn r8_no_access_sign_in_shows_a_page() {
    let gate = TestGate::start().await;
    let admin = &gate.admin;
    let organization = admin.acme_with_user("noah", "no-access").await;
    admin.user(&organization, "anna", "limited").await;
    // Whatever it is granted: it is the group of those who are kept out.
    patch(admin, "no-access", json!({ "permissions": ["portal.access", "invoices.view"] }))
        .await
        .ok();
    let mut noah = Browser::at(&gate);
    let reply = noah.sign_in("noah", PASSWORD).await;
    assert_eq!(reply.status, 403, "{reply:?}");
    let said = unescaped(reply.text());
    assert!(said.contains("can't use the portal"), "{said}");
    assert_eq!(noah.session(), None);
    assert_eq!(noah.fetch("/mine/a").await.status, 401);
    // Only the right password tells.
    assert_eq!(noah.sign_in("noah", "Wrong-Horse-7-Battery").await.status, 401);
    let users = admin.get("/api/v1/users?login=noah").await.ok();
    assert_eq!(users["items"][0]["status"], "active", "he stays on file");
    gate.nothing_arrived("somebody without access").await;
    let mut anna = Browser::at(&gate);
    assert_eq!(anna.sign_in("anna", PASSWORD).await.status, 303);
    assert_eq!(anna.fetch("/mine/a").await.status, 200);
}

#[tokio::test]
async fn r8_open_sessions_end_without_access() {
    let gate = TestGate::start().await;
    let admin = &gate.admin;
    let organization = admin.organization("Acme").await;
    let noah = admin.user(&organization, "noah", "admin").await;
    admin.user(&organization, "anna", "admin").await;
    let (mut stopped, mut other) = (Browser::at(&gate), Browser::at(&gate));
    stopped.sign_in("noah", PASSWORD).await;
    other.sign_in("anna", PASSWORD).await;
    for path in ["/mine/a", "/closed/a"] {
        assert_eq!(stopped.fetch(path).await.status, 200);
    }
    admin.patch(&format!("/api/v1/users/{noah}"), json!({ "group": "no-access" })).await.ok();
    gate.upstream.forget();
    for path in ["/mine/a", "/closed/a"] {
        let script = stopped.fetch(path).await;
        assert_eq!(script.status, 403, "{path}");
        assert_eq!(script.problem()["reason"], "no-portal-access");
        let page = stopped.open(path).await;
        assert_eq!(page.status, 403, "{path}");
        let said = unescaped(page.text());
        assert!(said.contains("can't use the portal"), "{said}");
    }
    gate.nothing_arrived("a stopped session").await;
    assert_eq!(other.fetch("/closed/a").await.status, 200);
}
