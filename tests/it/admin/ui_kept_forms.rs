//! The admin UI: forms that are kept until their visitor has signed in again, and how large a form
//! may be.

use serde_json::{Value, json};

use crate::support::admin::PASSWORD;
use crate::support::admin_ui::{AdminUi, UiPage, gate};
use crate::support::browser::Form;
use crate::support::gate::TestGate;

const GROUP: &str = "/groups/limited";

/// Ends the sessions of an administrator.
async fn end_sessions(gate: &TestGate, login: &str) {
    let listed = gate.admin.get("/api/v1/administrators").await.ok();
    let items = listed["items"].as_array().unwrap();
    let of = items.iter().find(|it| it["login"] == login).unwrap();
    let path = format!("/api/v1/administrators/{}/sessions", of["id"].as_str().unwrap());
    gate.admin.delete(&path).await;
}

/// Signs in with the form of a page.
async fn sign_in(ui: &mut AdminUi, page: &UiPage, login: &str) -> UiPage {
    ui.submit(&page.form("/sign-in").set("login", login).set("password", PASSWORD)).await
}

async fn permissions(gate: &TestGate) -> Value {
    gate.admin.get("/api/v1/groups/limited").await.ok()["permissions"].clone()
}

/// The confirmed form of a change that takes permissions away.
async fn confirmed(ui: &mut AdminUi) -> Form {
    let form = ui.open(GROUP).await.form(GROUP).set("do", "save").set("name", "Limited");
    let asked = ui.submit(&form.set("permission", "portal.access")).await;
    let confirmed = asked.form(GROUP);
    assert_eq!(confirmed.get("confirmed"), Some("yes"));
    confirmed
}

#[tokio::test]
async fn ui_a_kept_form_is_asked_about_again() {
    let gate = gate().start().await;
    gate.admin.acme_with_user("liam@acme.example", "limited").await;
    let mut owner = AdminUi::owner(&gate).await;
    let before = permissions(&gate).await;
    let form = confirmed(&mut owner).await;
    end_sessions(&gate, "olga").await;

    let page = owner.submit(&form).await;
    assert_eq!(page.status, 401);
    let kept = sign_in(&mut owner, &page, "olga").await;
    kept.says(&format!("<code>{GROUP}</code>"));
    kept.lacks("another account");
    let asked = owner.submit(&kept.form(GROUP)).await;
    asked.says("will lose <strong>Tickets – Create New</strong>");
    assert_eq!(permissions(&gate).await, before);
    let saved = owner.submit(&asked.form(GROUP)).await;
    assert_eq!(saved.at, "/groups/limited?done=saved");
    assert_eq!(permissions(&gate).await, json!(["portal.access"]));
}

#[tokio::test]
async fn ui_a_kept_form_of_another_account_is_named_so() {
    let gate = gate().start().await;
    let mut owner = AdminUi::owner(&gate).await;
    let form = owner.open("/groups/new").await.form("/groups").set("name", "Sales");
    AdminUi::of_role(&gate, "administrator").await;
    end_sessions(&gate, "olga").await;

    let page = owner.submit(&form).await;
    let kept = sign_in(&mut owner, &page, "administrator-1").await;
    kept.says("another account");
    kept.says("administrator-1");
    // Nor is it a matter of course if the other one signed in before the form was sent.
    let asked = owner.submit(&form).await;
    assert_eq!(asked.status, 409);
    asked.says("another account");
    let token = kept.form("/groups").get("token").unwrap().to_owned();
    let own = owner.submit(&form.set("token", &token)).await;
    own.says("The group was created.");
}

#[tokio::test]
async fn ui_a_job_starts_only_after_its_preview() {
    let gate = gate().start().await;
    gate.admin.organization("Acme").await;
    let mut owner = AdminUi::owner(&gate).await;
    let form = owner.open("/bulk").await.form("/bulk").set("which", "all").set("action", "enable");
    let preview = owner.submit(&form.set("do", "start")).await;
    assert_eq!(gate.admin.get("/api/v1/jobs").await.ok()["items"], json!([]));
    let job = owner.submit(&preview.form("/bulk").set("do", "start")).await;
    assert!(job.at.starts_with("/jobs/"), "{}", job.at);
}

#[tokio::test]
async fn ui_a_form_is_kept_only_if_it_can_be_sent_again() {
    let gate = gate().start().await;
    let mut owner = AdminUi::owner(&gate).await;
    let form = owner.open("/groups/new").await.form("/groups");
    end_sessions(&gate, "olga").await;
    let mut many = form.clone();
    many.fields.extend((0..990).map(|at| ("permission".to_owned(), at.to_string())));
    let large = form.clone().set("name", &"x".repeat(63 * 1024));
    let larger = form.clone().set("name", &"x".repeat(1024 * 1024));
    for form in [many, large, larger] {
        let page = owner.submit(&form).await;
        assert_eq!(page.status, 401);
        page.says("send the form or the file again");
        page.lacks("kept.name");
    }
    let fits = form.set("name", &"x".repeat(40 * 1024));
    let page = owner.submit(&fits).await;
    page.says("what you typed is kept");
    let kept = sign_in(&mut owner, &page, "olga").await;
    assert_eq!(kept.form("/groups").get("name"), fits.get("name"));
}

#[tokio::test]
async fn i12_ui_reads_no_form_with_very_many_fields() {
    let gate = gate().start().await;
    let mut owner = AdminUi::owner(&gate).await;
    let mut visitor = AdminUi::visitor(&gate);
    let form = owner.open("/groups/new").await.form("/groups").set("name", "Sales");
    let origin = format!("http://{}", owner.browser.host());
    let headers = [("origin", &*origin)];
    let body = |fields: usize| format!("{}{}", form.encoded(), "&a".repeat(fields));
    for (fields, expected) in [(9_000, 303), (20_000, 413)] {
        let reply = owner.browser.post("/groups", &headers, &body(fields)).await;
        assert_eq!(reply.status, expected, "{fields}");
    }
    for (fields, expected) in [(900, 200), (2_000, 413)] {
        let reply = visitor.browser.post("/sign-in", &headers, &body(fields)).await;
        assert_eq!(reply.status, expected, "{fields}");
    }
    let query = |parameters: usize| format!("/groups?{}", "a&".repeat(parameters));
    assert_eq!(owner.open(&query(900)).await.status, 200);
    assert_eq!(owner.open(&query(2_000)).await.status, 400);
}
