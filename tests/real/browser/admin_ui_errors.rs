//! The admin UI in Chromium when something is in the way: a name that exists, a group in use, a
//! record that someone else has changed, a session that has ended. Nothing typed is lost.

use serde_json::json;

use super::admin_pages::{gate, signed_in};
use crate::support::admin::PASSWORD;
use crate::support::chrome::Chrome;
use crate::support::gate::TestGate;

/// Ends the sessions of the owner.
async fn end_sessions(gate: &TestGate) {
    let olga = gate.admin.get("/api/v1/administrators").await.ok()["items"][0]["id"].clone();
    let path = format!("/api/v1/administrators/{}/sessions", olga.as_str().unwrap());
    gate.admin.delete(&path).await.ok();
}

async fn value(chrome: &Chrome, selector: &str) -> serde_json::Value {
    chrome.ask(&format!("return document.querySelector('{selector}').value")).await
}

#[tokio::test]
async fn r5_ui_a_group_with_a_taken_name_or_in_use_has_a_way_out() {
    let gate = gate().await;
    let sales = gate.admin.group("Sales", &["portal.access"]).await;
    let acme = gate.admin.get("/api/v1/organizations").await.ok()["items"][0]["id"].clone();
    gate.admin.user(acme.as_str().unwrap(), "sam@acme.example", &sales).await;
    let chrome = signed_in(&gate).await;
    chrome.press("Permission groups").await;
    chrome.press("New group").await;
    chrome.fill("name", "Sales").await;
    chrome.find("input[value=\"invoices.view\"]").await.click().await.unwrap();
    chrome.press("Create").await;
    chrome.find("[aria-invalid=true], .note.alert").await;
    chrome.picture("admin-ui-group-taken").await;
    assert_eq!(value(&chrome, "#name").await, "Sales");
    assert_eq!(chrome.count("input[value=\"invoices.view\"]:checked").await, 1);
    chrome.fill("name", "Sales 2").await;
    chrome.press("Create").await;
    chrome.sees("The group was created.").await;

    chrome.press("Permission groups").await;
    chrome.press("Sales").await;
    chrome.press("Delete group").await;
    chrome.sees("Delete the group Sales?").await;
    chrome.find("main button.danger").await.click().await.unwrap();
    // The browser asks for the other group.
    let valid = "return document.querySelector('#move_to').validity.valid";
    assert_eq!(chrome.ask(valid).await, false);
    chrome.picture("admin-ui-group-delete").await;
    chrome.find("#move_to option[value=limited]").await.click().await.unwrap();
    chrome.find("main button.danger").await.click().await.unwrap();
    chrome.sees("What this changes").await;
    chrome.picture("admin-ui-group-delete-question").await;
    chrome.find("main button.danger").await.click().await.unwrap();
    chrome.sees("The group was deleted.").await;
    let sam = gate.admin.get("/api/v1/users?login=sam@acme.example").await.ok();
    assert_eq!(sam["items"][0]["group"], "limited");
    chrome.quiet().await;
}

#[tokio::test]
async fn ui_the_second_of_two_administrators_sees_both_versions() {
    let gate = gate().await;
    let group = gate.admin.group("Sales", &["portal.access"]).await;
    let path = format!("/groups/{group}");
    let first = signed_in(&gate).await;
    let second = signed_in(&gate).await;
    for chrome in [&first, &second] {
        chrome.goto(&path).await;
    }
    first.fill("name", "Sales and support").await;
    first.find("input[value=\"chat.start\"]").await.click().await.unwrap();
    first.press("Save").await;
    first.sees("Saved.").await;

    second.fill("name", "Sales team").await;
    second.find("input[value=\"invoices.view\"]").await.click().await.unwrap();
    second.press("Save").await;
    second.sees("Someone else changed this group").await;
    second.sees("In force: Sales and support").await;
    second.sees("Yours: Sales team").await;
    second.picture("admin-ui-conflict").await;
    assert_eq!(value(&second, "#name").await, "Sales team");
    for permission in ["invoices.view", "chat.start"] {
        let checked = format!("input[value=\"{permission}\"]:checked");
        assert_eq!(second.count(&checked).await, 1, "{permission}");
    }
    let stored = gate.admin.get(&format!("/api/v1{path}")).await.ok();
    assert_eq!(stored["name"], "Sales and support", "nothing is overwritten yet");
    second.press("Save").await;
    second.sees("Saved.").await;
    let stored = gate.admin.get(&format!("/api/v1{path}")).await.ok();
    assert_eq!(stored["name"], "Sales team");
    let granted = stored["permissions"].as_array().unwrap();
    for permission in ["portal.access", "chat.start", "invoices.view"] {
        assert!(granted.contains(&json!(permission)), "{stored}");
    }
    second.quiet().await;
}

#[tokio::test]
async fn ui_what_is_typed_survives_an_ended_session() {
    let gate = gate().await;
    let chrome = signed_in(&gate).await;
    let acme = gate.admin.get("/api/v1/organizations").await.ok()["items"][0].clone();
    let path = format!("/organizations/{}/edit", acme["id"].as_str().unwrap());
    chrome.goto(&path).await;
    chrome.fill("name", "Acme & Sons <new>").await;
    chrome.fill("email", "new@acme.example").await;
    end_sessions(&gate).await;
    chrome.press("Save").await;
    chrome.sees("what you typed is kept").await;
    chrome.picture("admin-ui-sign-in-keeping").await;
    // A wrong password loses nothing either.
    chrome.sign_in("olga", "Wrong-Horse-7-Battery").await;
    chrome.sees("is wrong").await;
    chrome.fill("password", PASSWORD).await;
    chrome.press("Sign in").await;
    chrome.sees("What you typed was kept").await;
    chrome.picture("admin-ui-kept-form").await;
    chrome.press("Save now").await;
    chrome.sees("Acme & Sons <new>").await;
    let stored = gate.admin.get(&format!("/api/v1{}", path.trim_end_matches("/edit"))).await.ok();
    assert_eq!(stored["name"], "Acme & Sons <new>");
    assert_eq!(stored["email"], "new@acme.example");

    // Without signing in again, nothing is saved.
    chrome.goto(&path).await;
    chrome.fill("name", "Not saved").await;
    end_sessions(&gate).await;
    chrome.press("Save").await;
    chrome.sees("what you typed is kept").await;
    let stored = gate.admin.get(&format!("/api/v1{}", path.trim_end_matches("/edit"))).await.ok();
    assert_eq!(stored["name"], "Acme & Sons <new>");
    chrome.quiet().await;
}
