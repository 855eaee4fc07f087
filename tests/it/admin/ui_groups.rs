//! The admin UI: copying and comparing groups, and routes that open without a sign-in.

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
