//! The admin UI in Chromium: overview, preferences, administrators, tokens and the audit log.

use std::time::Duration;

use serde_json::{Value, json};

use super::admin_pages::{gate, signed_in};
use crate::support::admin::PASSWORD;
use crate::support::chrome::Chrome;
use crate::support::gate::TestGate;

/// The redirect URL in force.
async fn redirect(gate: &TestGate) -> Value {
    gate.admin.get("/api/v1/preferences").await.ok()["disabled_redirect_url"].clone()
}

/// What a field has.
async fn value(chrome: &Chrome, field: &str) -> Value {
    chrome.ask(&format!("return document.querySelector('main [name={field}]').value")).await
}

#[tokio::test]
async fn r60_ui_overview_disables_and_enables_the_portal() {
    let gate = gate().await;
    let chrome = signed_in(&gate).await;
    chrome.press("Portal users").await;
    chrome.arrives("/users").await;
    chrome.press("Overview").await;
    chrome.sees("All is well").await;
    chrome.find("details.fold > summary").await.click().await.unwrap();
    // The browser refuses what is no URL, the gateway what is no web address.
    chrome.fill("disabled_redirect_url", "status page").await;
    chrome.press("Disable the portal").await;
    let valid = "return document.querySelector('#url').validity.valid";
    assert_eq!(chrome.ask(valid).await, false);
    assert_eq!(chrome.place().await, "/");
    chrome.fill("disabled_redirect_url", "ftp://status.example").await;
    chrome.press("Disable the portal").await;
    chrome.sees("must begin with").await;
    assert_eq!(value(&chrome, "disabled_redirect_url").await, "ftp://status.example");
    assert_eq!(redirect(&gate).await, Value::Null);

    chrome.goto("/").await;
    chrome.find("details.fold > summary").await.click().await.unwrap();
    chrome.fill("disabled_redirect_url", "https://status.example/").await;
    chrome.press("Disable the portal").await;
    chrome.sees("Disable the portal?").await;
    chrome.press("Cancel").await;
    assert_eq!(redirect(&gate).await, Value::Null);
    chrome.goto("/").await;
    chrome.find("details.fold > summary").await.click().await.unwrap();
    chrome.fill("disabled_redirect_url", "https://status.example/").await;
    chrome.press("Disable the portal").await;
    chrome.sees("Disable the portal?").await;
    chrome.press("Disable the portal").await;
    chrome.sees("The portal was disabled.").await;
    assert_eq!(gate.get("/open/a").by_browser().send().await.status, 302);
    chrome.press("Overview").await;
    chrome.sees("redirects to https://status.example/").await;
    chrome.picture("admin-ui-disabled").await;
    chrome.press("Enable the portal").await;
    chrome.sees("Enable the portal?").await;
    chrome.press("Enable the portal").await;
    chrome.sees("The portal was enabled.").await;
    assert_eq!(redirect(&gate).await, Value::Null);
    // The page shows by itself what has changed.
    chrome.press("Overview").await;
    let elsewhere = json!({ "disabled_redirect_url": "https://elsewhere.example/" });
    gate.admin.patch("/api/v1/preferences", elsewhere).await.ok();
    chrome.sees("redirects to https://elsewhere.example/").await;
    chrome.quiet().await;
}

#[tokio::test]
async fn r60_ui_a_bad_redirect_url_is_shown_again() {
    let gate = gate().await;
    let chrome = signed_in(&gate).await;
    chrome.press("Preferences").await;
    chrome.sees("Secure links").await;
    chrome.find("input[name=secure]").await.click().await.unwrap();
    let was = chrome.count("input[name=secure]:checked").await;
    chrome.fill("disabled_redirect_url", "javascript:alert(1)").await;
    chrome.press("Save").await;
    chrome.sees("must begin with").await;
    chrome.picture("admin-ui-preferences-refused").await;
    assert_eq!(value(&chrome, "disabled_redirect_url").await, "javascript:alert(1)");
    assert_eq!(chrome.count("input[name=secure]:checked").await, was, "the other choice is kept");
    let focused = "return document.activeElement.name";
    assert_eq!(chrome.ask(focused).await, "disabled_redirect_url");
    assert_eq!(redirect(&gate).await, Value::Null);

    chrome.fill("disabled_redirect_url", "https://status.example/?from=portal").await;
    chrome.press("Save").await;
    chrome.sees("Save the preferences?").await;
    chrome.press("Save").await;
    chrome.sees("Saved.").await;
    assert_eq!(redirect(&gate).await, "https://status.example/?from=portal");
    chrome.quiet().await;
}

#[tokio::test]
async fn ui_an_administrator_is_created_and_deleted_by_clicks() {
    let gate = gate().await;
    let chrome = signed_in(&gate).await;
    chrome.press("Administrators").await;
    chrome.press("New administrator").await;
    chrome.fill("login", "olga").await;
    chrome.fill("password", PASSWORD).await;
    chrome.find("select[name=role] option[value=technician]").await.click().await.unwrap();
    chrome.press("Create").await;
    chrome.find("[aria-invalid=true], .note.alert").await;
    chrome.picture("admin-ui-administrator-taken").await;
    assert_eq!(value(&chrome, "login").await, "olga");
    assert_eq!(value(&chrome, "role").await, "technician");
    chrome.fill("login", "theo").await;
    chrome.fill("password", PASSWORD).await;
    assert_eq!(chrome.count("input[name=mfa]:checked").await, 1);
    chrome.press("Create").await;
    chrome.sees("Recovery codes").await;
    chrome.find(".qr svg").await;
    chrome.picture("admin-ui-second-factor").await;
    chrome.press("I've handed it over").await;
    chrome.sees("theo").await;
    chrome.press("Delete administrator").await;
    chrome.sees("Delete the administrator theo?").await;
    chrome.press("Cancel").await;
    chrome.press("Delete administrator").await;
    chrome.sees("Delete the administrator theo?").await;
    chrome.find("main button.danger").await.click().await.unwrap();
    chrome.sees("The administrator was deleted.").await;

    // The last owner stays.
    chrome.find("main table a").await.click().await.unwrap();
    chrome.press("Delete administrator").await;
    chrome.find(".note.alert").await;
    let all = gate.admin.get("/api/v1/administrators").await.ok();
    let logins: Vec<_> = all["items"].as_array().unwrap().iter().map(|it| &it["login"]).collect();
    assert_eq!(logins, ["olga"]);
    chrome.quiet().await;
}

#[tokio::test]
async fn ui_a_token_is_created_used_and_revoked_by_clicks() {
    let gate = gate().await;
    let chrome = signed_in(&gate).await;
    chrome.press("API tokens").await;
    chrome.press("New token").await;
    chrome.fill("name", "Billing").await;
    chrome.find("input[name=scope][value=some]").await.click().await.unwrap();
    chrome.press("Create").await;
    chrome.find(".field-problem, .note.alert").await;
    chrome.picture("admin-ui-token-refused").await;
    assert_eq!(value(&chrome, "name").await, "Billing");
    chrome.find("input[name=scope][value=all]").await.click().await.unwrap();
    chrome.press("Create").await;
    chrome.sees("The token was created").await;
    chrome.picture("admin-ui-token-created").await;
    let token = chrome.ask("return document.querySelector('#new-token').textContent").await;
    let of_token = async || {
        let authorization = format!("Bearer {}", token.as_str().unwrap());
        let script = format!(
            "return fetch('/api/v1/organizations', {{ credentials: 'omit',
               headers: {{ Authorization: '{authorization}' }} }}).then(it => it.status)"
        );
        chrome.ask(&script).await
    };
    assert_eq!(of_token().await, 200);
    chrome.press("I've copied it").await;
    chrome.sees("Last used").await;
    assert!(!chrome.text().await.contains(token.as_str().unwrap()), "it is shown once");
    chrome.press("Revoke token").await;
    chrome.sees("Revoke the token Billing?").await;
    chrome.find("main button.danger").await.click().await.unwrap();
    chrome.sees("The token was revoked.").await;
    assert_eq!(of_token().await, 401);
    chrome.quiet().await;
}

#[tokio::test]
async fn ui_audit_log_is_filtered_read_and_exported_by_clicks() {
    let gate = gate().await;
    let group = gate.admin.group("Sales", &["portal.access", "chat.start"]).await;
    let patch = json!({ "permissions": ["portal.access", "invoices.view"] });
    gate.admin.patch(&format!("/api/v1/groups/{group}"), patch).await.ok();
    let chrome = signed_in(&gate).await;
    let folder = gate.file("downloads");
    std::fs::create_dir(&folder).unwrap();
    chrome.downloads_to(&folder).await;
    chrome.press("Audit log").await;
    chrome.sees("Portal user created").await;
    chrome.find("select[name=kind] option:nth-child(2)").await;
    let choose = "[...document.querySelectorAll('select[name=kind] option')]
        .find(it => it.value === 'group.changed').setAttribute('id', 'chosen')";
    chrome.ask(choose).await;
    chrome.find("#chosen").await.click().await.unwrap();
    chrome.press("Filter").await;
    chrome.arrives("/audit?kind=group.changed").await;
    assert_eq!(chrome.count("main tbody tr").await, 1);
    chrome.find("main tbody th a").await.click().await.unwrap();
    chrome.sees("Changes").await;
    assert_eq!(
        chrome.ask("return document.querySelector('.removed').textContent").await,
        "chat.start"
    );
    assert_eq!(
        chrome.ask("return document.querySelector('.added').textContent").await,
        "invoices.view"
    );
    chrome.picture("admin-ui-audit-entry").await;
    chrome.press("Audit log").await;
    chrome.fill("user", "nobody@acme.example").await;
    chrome.press("Filter").await;
    chrome.sees("Nothing matches.").await;
    chrome.press("Clear filters").await;
    chrome.arrives("/audit").await;
    chrome.press("Export").await;
    let file = folder.join("audit.jsonl");
    for _ in 0..200 {
        if file.exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let log = std::fs::read_to_string(&file).unwrap();
    assert!(log.lines().any(|line| line.contains("group.changed")), "{log}");
    chrome.quiet().await;
}
