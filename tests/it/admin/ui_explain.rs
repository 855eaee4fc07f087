//! The admin UI: decisions explained, the ways out of a refusal, and the routes of the policy.

use serde_json::json;

use crate::support::admin::PASSWORD;
use crate::support::admin_ui::{AdminUi, SCRIPT, gate};
use crate::support::browser::{Browser, encoded};
use crate::support::gate::TestGate;

const REFUSED: &str = "/explain?who=user&user=liam&method=GET&target=/closed/a";

async fn refusing() -> TestGate {
    let gate = gate().start().await;
    gate.admin.acme_with_user("liam", "limited").await;
    gate
}

#[tokio::test]
async fn ui_a_refusal_is_explained_and_granted_to_the_group() {
    let gate = refusing().await;
    let mut ui = AdminUi::owner(&gate).await;
    let page = ui.open(REFUSED).await;
    page.says("data-decision=\"deny\"");
    page.says("/routes/Invoices");
    page.says("class=\"lacks\"");
    page.says("1 portal user is in this group.");
    // What was tried out is no longer what there is.
    gate.admin.patch("/api/v1/groups/limited", json!({ "name": "Limited" })).await.ok();
    let late = ui.submit(&page.form("/explain/grant")).await;
    late.says("changed in the meantime");
    late.says("data-decision=\"deny\"");

    let done = ui.submit(&late.form("/explain/grant")).await;
    done.says("The permission was granted.");
    done.says("data-decision=\"allow\"");
    let group = gate.admin.get("/api/v1/groups/limited").await.ok();
    assert!(group["permissions"].as_array().unwrap().contains(&json!("invoices.view")), "{group}");
}

#[tokio::test]
async fn ui_a_person_is_moved_to_a_group_that_may() {
    let gate = refusing().await;
    gate.admin.group("Payers", &["portal.access", "tickets.create", "invoices.view"]).await;
    let mut ui = AdminUi::owner(&gate).await;
    let page = ui.open(REFUSED).await;
    // The group that differs least comes first.
    let form = page.form("/explain/move");
    page.says("Move liam to Payers");
    let done = ui.submit(&form).await;
    done.says("The person was moved.");
    done.says("data-decision=\"allow\"");
    let liam = gate.admin.get("/api/v1/users?login=liam").await.ok();
    assert_eq!(liam["items"][0]["group"], form.get("group").unwrap());
}

#[tokio::test]
async fn ui_a_reference_leads_to_the_ways_out() {
    let gate = refusing().await;
    let mut liam = Browser::at(&gate);
    liam.sign_in("liam", PASSWORD).await;
    let refused = liam.fetch("/closed/a").await;
    assert_eq!(refused.status, 403);
    let reference = refused.problem()["request_id"].as_str().unwrap().to_owned();
    let mut ui = AdminUi::owner(&gate).await;
    let at = format!("/explain?reference={}", encoded(&format!(" {reference} ")));
    let page = ui.open(&at).await;
    page.says("liam");
    let done = ui.submit(&page.form("/explain/grant")).await;
    done.says("data-decision=\"allow\"");
    ui.open(&at).await.says("The group has this permission now.");
    let unknown = ui.open("/explain?reference=none").await;
    assert_eq!(unknown.status, 404);
    unknown.says("id=\"reference-problem\"");
}

#[tokio::test]
async fn ui_a_reference_says_that_the_person_was_moved() {
    let gate = refusing().await;
    gate.admin.group("Payers", &["portal.access", "tickets.create", "invoices.view"]).await;
    let mut liam = Browser::at(&gate);
    liam.sign_in("liam", PASSWORD).await;
    let refused = liam.fetch("/closed/a").await;
    let at = format!("/explain?reference={}", refused.problem()["request_id"].as_str().unwrap());
    let mut ui = AdminUi::owner(&gate).await;
    let page = ui.open(&at).await;
    page.lacks("liam is in the group");
    ui.submit(&page.form("/explain/move")).await.says("The person was moved.");
    let page = ui.open(&at).await;
    page.says("liam is in the group Payers now, which has this permission.");
    page.lacks("The group has this permission now.");
}

#[tokio::test]
async fn ui_explain_names_the_field_that_is_wrong() {
    let gate = refusing().await;
    gate.admin.organization("Globex GmbH").await;
    gate.admin.organization("Initech North").await;
    gate.admin.organization("Initech South").await;
    let mut ui = AdminUi::owner(&gate).await;
    for (query, status, problem) in [
        ("who=user&target=/a", 422, "id=\"user-problem\">Enter the login of a portal user."),
        ("who=link&target=/a", 422, "id=\"link-problem\">Enter an organization"),
        ("who=user&user=none&target=/a", 404, "id=\"user-problem\">"),
        ("who=link&link=Initech&target=/a", 404, "Initech North</a>"),
        ("who=anonymous&target=/a&method=%3C", 422, "id=\"method-problem\">"),
    ] {
        let page = ui.open(&format!("/explain?{query}")).await;
        assert_eq!(page.status, status, "{query}");
        page.says(problem);
        page.lacks("data-decision");
    }
    let page = ui.open("/explain?who=link&link=Globex%20GmbH&target=/closed/a").await;
    assert_eq!(page.status, 200);
    page.says("data-decision");
    page.lacks("field-problem");
}

#[tokio::test]
async fn ui_ways_out_need_the_role_and_the_scope() {
    let gate = refusing().await;
    let acme = gate.admin.get("/api/v1/organizations").await.ok()["items"][0]["id"].clone();
    let mut technician = AdminUi::of_role(&gate, "technician").await;
    let page = technician.open(REFUSED).await;
    page.says("data-decision=\"deny\"");
    page.says("Someone with the role administrator");
    page.lacks("/explain/grant");
    let rights = json!({ "role": "administrator", "scope": [acme] });
    let mut scoped = AdminUi::signed_in(&gate, "sam", rights).await;
    let page = scoped.open(REFUSED).await;
    page.says("/explain/move");
    page.lacks("/explain/grant");
    let rights = json!({ "role": "administrator", "scope": [gate.admin.organization("B").await] });
    let mut outside = AdminUi::signed_in(&gate, "bob", rights).await;
    assert_eq!(outside.open(REFUSED).await.status, 404);
}

#[tokio::test]
async fn ui_what_is_asked_is_checked_and_escaped() {
    let gate = refusing().await;
    let mut ui = AdminUi::owner(&gate).await;
    let script = encoded(SCRIPT);
    for (query, status) in [
        (format!("reference={script}"), 404),
        (format!("user={script}&target={script}&method=GET"), 404),
        (format!("user=liam&target={script}&method=GET&host={script}"), 200),
        (format!("user=liam&target=/&method={script}"), 422),
        ("user=liam&target=&method=".to_owned(), 200),
        ("who=link&link=acme-none&target=/&method=GET".to_owned(), 404),
        ("who=anonymous&target=/closed/a&method=GET".to_owned(), 200),
    ] {
        assert_eq!(ui.open(&format!("/explain?{query}")).await.status, status, "{query}");
    }
    let people = ui.browser.open("/explain/people?user=li").await;
    assert!(people.text().contains("value=\"liam\""), "{people:?}");
}

#[tokio::test]
async fn ui_routes_say_who_reaches_them() {
    let gate = refusing().await;
    let mut ui = AdminUi::owner(&gate).await;
    let page = ui.open("/routes").await;
    page.says("routes.toml:");
    page.says("Whoever is signed in");
    ui.open("/routes?q=CLOSED").await.lacks("Whoever is signed in");
    ui.open("/routes?group=limited").await.lacks("/closed/{*rest}");
    ui.open("/routes?group=admin").await.says("/closed/{*rest}");
    let liam = gate.admin.get("/api/v1/users?login=liam").await.ok();
    let liam = format!("/routes?user={}", liam["items"][0]["id"].as_str().unwrap());
    ui.open(&liam).await.lacks("/closed/{*rest}");
    let route = ui.open("/routes/Invoices").await;
    route.says("invoices.view");
    route.says("id=\"others\"");
    assert_eq!(ui.open("/routes/none").await.status, 404);
    let mut auditor = AdminUi::of_role(&gate, "auditor").await;
    auditor.open("/routes").await.lacks("/routes/reload");
}

#[tokio::test]
async fn ui_a_reload_shows_errors_at_their_place() {
    let gate = refusing().await;
    let mut ui = AdminUi::owner(&gate).await;
    let form = ui.open("/routes").await.form("/routes/reload");
    ui.confirm(&form).await.says("The policy files were read again.");
    let file = gate.file("policies/routes.toml");
    let routes = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{routes}\n[[route]]\nname = \"{SCRIPT}\"\npath = 7\n")).unwrap();
    let refused = ui.submit(&form).await;
    assert_eq!(refused.status, 422);
    refused.says("The policy files have errors");
    let line = routes.lines().count() + 4;
    refused.says(&format!("routes.toml:{line}"));
}
