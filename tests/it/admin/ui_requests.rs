//! The admin UI: what its pages refuse, and what they show of a form that was sent.

use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::support::admin_ui::{AdminUi, gate};
use crate::support::browser::Form;
use crate::support::gate::TestGate;

const ANOTHER: &str = "Another-Horse-8-Battery";

/// The id of an administrator.
async fn administrator(gate: &TestGate, login: &str) -> String {
    let listed = gate.admin.get("/api/v1/administrators").await.ok();
    let items = listed["items"].as_array().unwrap();
    let found = items.iter().find(|it| it["login"] == login).unwrap();
    found["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn ui_a_form_of_an_unknown_button_does_nothing() {
    let gate = gate().start().await;
    let acme = gate.admin.organization("Acme").await;
    let liam = gate.admin.user(&acme, "liam", "limited").await;
    let new = json!({ "name": "program", "role": "auditor" });
    let program = gate.admin.post("/api/v1/tokens", new).await.created();
    let mut owner = AdminUi::owner(&gate).await;
    let olga = administrator(&gate, "olga").await;
    let link = format!("/organizations/{acme}/link/change");
    let token = owner.open("/account").await.form("/sign-out");
    let before = gate.admin.get(&format!("/api/v1/organizations/{acme}")).await.ok();
    for path in [
        "/account",
        "/bulk",
        "/import",
        "/",
        "/preferences",
        "/groups/limited",
        &link,
        &format!("/organizations/{acme}/park"),
        &format!("/administrators/{olga}"),
        &format!("/tokens/{program}"),
        &format!("/users/{liam}/invitation"),
        &format!("/users/{liam}/disable"),
    ] {
        let form = Form { action: path.to_owned(), ..token.clone() };
        let refused = owner.submit(&form.set("do", "nonsense").set("confirmed", "yes")).await;
        assert_eq!(refused.status, 400, "{path}");
        refused.says("no such button");
    }
    assert_eq!(gate.admin.get(&format!("/api/v1/organizations/{acme}")).await.ok(), before);
    let form = Form { action: link, ..token };
    owner.confirm(&form.set("do", "off")).await.says("switched off and opens nothing");
}

#[tokio::test]
async fn r34_ui_an_own_account_is_not_reset_by_its_session() {
    let gate = gate().start().await;
    let mut owner = AdminUi::owner(&gate).await;
    let olga = administrator(&gate, "olga").await;
    let at = format!("/administrators/{olga}");
    let page = owner.open(&at).await;
    page.says("This is your own account.");
    page.lacks("type=\"password\"");
    for act in ["password", "mfa"] {
        let form = page.form(&at).set("do", act).set("password", ANOTHER).set("confirmed", "yes");
        let refused = owner.submit(&form.set("version", "")).await;
        assert_eq!(refused.status, 409, "{act}");
        refused.says("This is your own account");
    }
    let origin = format!("http://{}", owner.browser.host());
    let headers = [("origin", &*origin), ("content-type", "application/json")];
    let new = json!({ "password": ANOTHER }).to_string();
    for (method, path, body) in [(Method::PUT, "password", &*new), (Method::POST, "mfa", "")] {
        let path = format!("/api/v1{at}/{path}");
        let refused = owner.browser.send(method, &path, &headers, body.to_owned()).await;
        assert_eq!(refused.status, 409, "{path}: {refused:?}");
        assert!(refused.text().contains("own-account"), "{}", refused.text());
    }
    assert_eq!(owner.open(&at).await.status, 200, "the session continues");

    let mut other = AdminUi::signed_in(&gate, "otto", json!({ "role": "owner" })).await;
    let form = other.open(&at).await.form(&at).set("do", "password").set("password", ANOTHER);
    other.submit(&form.set("version", "")).await.says("The password was set.");
    owner.open(&at).await.says("name=\"login\"");
}

#[tokio::test]
async fn ui_a_question_shows_no_secret_of_its_form() {
    let gate = gate().start().await;
    gate.admin.acme_with_user("liam@acme.example", "limited").await;
    let mut owner = AdminUi::owner(&gate).await;
    let origin = format!("http://{}", owner.browser.host());
    let headers = [("origin", &*origin), ("content-type", "application/toml")];
    let file = "[[organization]]\nid = \"filed\"\nname = \"Filed\"\n";
    let applied = owner.browser.send(Method::POST, "/api/v1/apply", &headers, file).await;
    assert_eq!(applied.status, 201, "{applied:?}");
    while gate.admin.get("/api/v1/organizations/filed").await.status == 404 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (group, edit) = ("/groups/limited", "/organizations/filed/edit");
    let save = owner.open(group).await.form(group).set("do", "save").set("name", "Limited");
    let rename = owner.open(edit).await.form(edit).set("name", "Filed Ltd");
    for (form, words) in [(save, "will lose"), (rename, "A file manages this")] {
        let form = form.set("password", "S3cret-1").set("current", "S3cret-2");
        let page = owner.submit(&form.set("code", "S3cret-3").set("new_code", "S3cret-4")).await;
        page.says(words);
        page.says("name=\"name\"");
        page.lacks("S3cret");
    }
}

#[tokio::test]
async fn ui_a_refusal_is_in_the_language_of_the_page() {
    let gate = gate().start().await;
    gate.admin.group("Sales", &["portal.access"]).await;
    let mut owner = AdminUi::owner(&gate).await;
    let form = owner.open("/groups/new").await.form("/groups");
    let origin = format!("http://{}", owner.browser.host());
    for (language, name, words) in [
        ("de", "Sales", "Gruppe „Sales“ gibt es schon"),
        ("de", "", "Darf nicht leer sein"),
        ("en", "Sales", "A group “Sales” already exists"),
        ("en", "", "Must not be empty"),
    ] {
        let headers = [("origin", &*origin), ("accept-language", language)];
        let body = form.clone().set("name", name).encoded();
        let refused = owner.browser.post("/groups", &headers, &body).await;
        assert!(refused.status >= 400, "{language} {name}");
        assert!(refused.text().contains(words), "{words}: {}", refused.text());
    }
}

#[tokio::test]
async fn ui_another_method_gets_a_protected_page() {
    let gate = gate().start().await;
    let mut owner = AdminUi::owner(&gate).await;
    let html = [("accept", "text/html")];
    let reply = owner.browser.send(Method::PUT, "/groups", &html, "").await;
    assert_eq!(reply.status, 405);
    assert!(reply.text().contains("does not support"), "{}", reply.text());
    assert_eq!(reply.header("allow"), Some("GET,HEAD,POST"));
    for (name, value) in [("x-frame-options", "DENY"), ("x-content-type-options", "nosniff")] {
        assert_eq!(reply.header(name), Some(value));
    }
    assert_eq!(owner.open("/sessions").await.status, 200);
}

#[tokio::test]
async fn ui_an_address_of_forms_only_leads_to_the_page_above() {
    let gate = gate().start().await;
    let mut owner = AdminUi::owner(&gate).await;
    for (path, expected) in [
        ("/sign-out", "/"),
        ("/mail/test", "/mail"),
        ("/routes/reload", "/routes"),
        ("/explain/grant", "/explain"),
        ("/explain/move", "/explain"),
    ] {
        let page = owner.open(path).await;
        assert_eq!((page.status, &*page.at), (200, expected), "{path}");
    }
}
