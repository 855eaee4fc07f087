//! The admin UI: copying and comparing groups, and routes that open without a sign-in.

use serde_json::json;

use crate::support::admin_ui::{AdminUi, SCRIPT, gate};
use crate::support::gate::CUSTOMER_ROUTES;

#[tokio::test]
async fn r5_ui_copies_a_group_under_a_name() {
    let gate = gate().start().await;
    let mut owner = AdminUi::owner(&gate).await;
    let at = "/groups/limited/copy";
    let form = owner.open(at).await.form(at);
    let taken = owner.submit(&form.clone().set("name", "Limited Portal Group")).await;
    assert_eq!(taken.status, 409);
    taken.says("field-problem");
    owner.submit(&form.set("name", SCRIPT)).await.says("The group was created.");
    let groups = gate.admin.get("/api/v1/groups").await.ok();
    let copy = groups["items"].as_array().unwrap().iter().find(|it| it["name"] == SCRIPT).unwrap();
    assert_eq!(copy["permissions"].as_array().unwrap().len(), 8);
    let mut auditor = AdminUi::of_role(&gate, "auditor").await;
    assert_eq!(auditor.open(at).await.status, 403);
}

#[tokio::test]
async fn ui_compares_two_groups() {
    let gate = gate().start().await;
    gate.admin.group("Sales", &["portal.access", "chat.start"]).await;
    let mut auditor = AdminUi::of_role(&gate, "auditor").await;
    let page = auditor.open("/groups/compare?a=no-access&b=admin").await;
    page.says("They differ in 24 permissions.");
    page.says("class=\"differs\"");
    page.lacks("Choose two groups");
    let same = auditor.open("/groups/compare?a=admin&b=admin").await;
    same.says("They differ in 0 permissions.");
    same.lacks("class=\"differs\"");
    assert_eq!(auditor.open("/groups/compare?a=nope").await.status, 200);
}

#[tokio::test]
async fn r3_ui_lists_routes_that_open_without_sign_in() {
    let gate = gate().policy(CUSTOMER_ROUTES).start().await;
    gate.admin.organization("Acme").await;
    let mut owner = AdminUi::owner(&gate).await;
    let at = "/groups/non-portal";
    let mut form = owner.open(at).await.form(at);
    for permission in ["portal.access", "invoices.view"] {
        form.fields.push(("permission".to_owned(), permission.to_owned()));
    }
    let asked = owner.submit(&form.set("do", "save")).await;
    asked.says("data-warning=\"opens-without-sign-in\"");
    asked.says("These routes open without a sign-in:<ul><li>");
    let stored = gate.admin.get(&format!("/api/v1{at}")).await.ok();
    let granted = stored["permissions"].as_array().unwrap();
    assert!(!granted.contains(&"invoices.view".into()), "it was only asked: {stored}");
}

#[tokio::test]
async fn r6_ui_a_default_group_is_not_made_from_unsaved_edits() {
    let gate = gate().start().await;
    let sales = gate.admin.group("Sales", &["portal.access"]).await;
    let (at, api) = (format!("/groups/{sales}"), format!("/api/v1/groups/{sales}"));
    let mut owner = AdminUi::owner(&gate).await;
    let form = owner.open(&at).await.form(&at).set("do", "default");
    let unchanged = form.clone().set("name", "Sales").set("permission", "portal.access");
    for edited in [
        unchanged.clone().set("name", "Sales EMEA"),
        unchanged.clone().set("permission", "chat.start"),
    ] {
        let refused = owner.submit(&edited).await;
        assert_eq!(refused.status, 409);
        refused.says("Your changes are not saved yet.");
        refused.lacks("Saved.");
        refused.says(&format!("value=\"{}\"", edited.get("name").unwrap()));
        assert_eq!(gate.admin.get(&api).await.ok()["default"], false);
    }
    owner.confirm(&unchanged).await.says("New portal users get this group now.");
    let stored = gate.admin.get(&api).await.ok();
    assert_eq!((&stored["default"], &stored["name"]), (&json!(true), &json!("Sales")));
}

#[tokio::test]
async fn ui_readers_see_which_permissions_a_group_has() {
    let gate = gate().start().await;
    let sales = gate.admin.group("Sales", &["portal.access"]).await;
    let at = format!("/groups/{sales}");
    let mut auditor = AdminUi::of_role(&gate, "auditor").await;
    let page = auditor.open(&at).await;
    page.lacks("name=\"name\"");
    page.lacks("type=\"checkbox\"");
    assert_eq!(page.html.matches("<li class=\"has\">").count(), 1);
    assert!(page.html.contains("<li class=\"lacks\">"), "{}", page.html);
    let page = AdminUi::owner(&gate).await.open(&at).await;
    page.says("name=\"name\"");
    page.lacks("<li class=\"lacks\">");
}

#[tokio::test]
async fn r6_ui_a_default_of_organizations_is_deleted_with_another() {
    let gate = gate().start().await;
    let sales = gate.admin.group("Sales", &["portal.access"]).await;
    let acme = gate.admin.organization("Acme").await;
    let acme = format!("/api/v1/organizations/{acme}");
    gate.admin.patch(&acme, json!({ "default_group": sales })).await.ok();
    let at = format!("/groups/{sales}/delete");
    let mut owner = AdminUi::owner(&gate).await;
    let page = owner.open(&at).await;
    page.lacks("name=\"move_to\"");
    let refused = owner.submit(&page.form(&at)).await;
    assert_eq!(refused.status, 409);
    refused.says("It is the default group of organizations.");
    refused.says("name=\"move_to\"");
    let deleted = owner.confirm(&refused.form(&at).set("move_to", "limited")).await;
    deleted.says("The group was deleted.");
    assert_eq!(gate.admin.get(&acme).await.ok()["default_group"], "limited");
}
