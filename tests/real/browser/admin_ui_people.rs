//! The admin UI in Chromium: the pages about organizations and portal users, with script.

use serde_json::json;

use super::admin_ui::tab_to;
use crate::support::admin::PASSWORD;
use crate::support::chrome::Chrome;
use crate::support::gate::TestGate;

const ENTER: &str = "\u{e007}";
const SPACE: &str = " ";

/// A gateway with the organization Acme and its end user Ann, and a browser in which an owner is
/// signed in.
async fn start() -> (TestGate, Chrome) {
    let gate = TestGate::builder().setting("admin.require_mfa", "false").start().await;
    let owner = json!({ "login": "olga", "role": "owner", "password": PASSWORD, "mfa": false });
    gate.admin.post("/api/v1/administrators", owner).await.created();
    for (id, name) in [("acme", "Acme"), ("globex", "Globex")] {
        let new = json!({ "id": id, "name": name, "email": format!("office@{id}.example") });
        gate.admin.post("/api/v1/organizations", new).await.created();
    }
    let ann = json!({ "name": "Ann", "email": "ann@acme.example" });
    gate.admin.post("/api/v1/organizations/acme/end-users", ann).await.created();
    let chrome = Chrome::at(&format!("http://{}", gate.admin_address)).await;
    chrome.goto("/sign-in").await;
    chrome.sign_in("olga", PASSWORD).await;
    chrome.arrives("/").await;
    (gate, chrome)
}

/// Waits until a script returns true.
async fn until(chrome: &Chrome, script: &str) {
    for _ in 0..200 {
        if chrome.ask(script).await == true {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{script} stays false:\n{}", chrome.text().await);
}

#[tokio::test]
async fn ui_a_person_is_invited_with_the_keyboard_alone() {
    let (gate, chrome) = start().await;
    chrome.goto("/organizations").await;
    chrome.keys("/").await;
    chrome.keys("acm").await;
    until(&chrome, "return !document.body.textContent.includes('Globex')").await;
    chrome.arrives("/organizations?search=acm&parked=").await;
    tab_to(&chrome, "Acme").await;
    chrome.keys(ENTER).await;
    chrome.arrives("/organizations/acme").await;
    tab_to(&chrome, "Ann").await;
    chrome.keys(ENTER).await;
    chrome.sees("This end user has no sign-in yet.").await;
    tab_to(&chrome, "New portal user").await;
    chrome.keys(ENTER).await;
    chrome.sees("For Ann of Acme.").await;
    tab_to(&chrome, "login").await;
    assert_eq!(chrome.ask("return document.activeElement.value").await, "ann@acme.example");
    tab_to(&chrome, "require_mfa").await;
    chrome.keys(SPACE).await;
    tab_to(&chrome, "Create").await;
    chrome.keys(ENTER).await;
    chrome.sees("Create the portal user ann@acme.example?").await;
    // The button has the focus already.
    chrome.keys(ENTER).await;
    chrome.sees("The invitation will be sent.").await;
    let user = gate.admin.get("/api/v1/users?login=ann@acme.example").await.ok();
    assert_eq!(user["items"][0]["status"], "invited");
    assert_eq!(user["items"][0]["require_mfa"], true);
    chrome.quiet().await;
}

#[tokio::test]
async fn ui_r32_requirements_turn_green_while_typing() {
    let (gate, chrome) = start().await;
    let id = gate.admin.user("acme", "liam@acme.example", "limited").await;
    chrome.goto(&format!("/users/{id}/password")).await;
    let met = "return document.querySelectorAll('.requirements .met').length";
    assert_eq!(chrome.ask(met).await, 0);
    chrome.fill("password", "correct horse").await;
    assert_eq!(chrome.ask(met).await, 4);
    chrome.fill("password", "LIAM@acme.example").await;
    let rule = "return document.querySelector('[data-rule=not-login]').className";
    assert_eq!(chrome.ask(rule).await, "");
    chrome.fill("password", PASSWORD).await;
    assert_eq!(chrome.ask(met).await, 7);
    chrome.press("Set password").await;
    chrome.sees("The password was set.").await;
    chrome.quiet().await;
}

#[tokio::test]
async fn ui_checked_users_are_counted_and_changed_together() {
    let (gate, chrome) = start().await;
    for login in ["liam", "noah", "zoe"] {
        gate.admin.user("acme", login, "limited").await;
    }
    chrome.goto("/users").await;
    chrome.find("input[data-all=users]").await.click().await.unwrap();
    assert_eq!(chrome.ask("return document.querySelector('[data-count]').textContent").await, "3");
    chrome.fill("search", "li").await;
    until(&chrome, "return document.querySelectorAll('input[name=user]').length === 1").await;
    chrome.find("input[name=user]").await.click().await.unwrap();
    chrome.find("select[name=do] option[value=disable]").await.click().await.unwrap();
    chrome.press("Apply").await;
    chrome.sees("1 portal user?").await;
    chrome.press("Disable").await;
    until(&chrome, "return location.pathname.startsWith('/jobs/')").await;
    for _ in 0..200 {
        let users = gate.admin.get("/api/v1/users?disabled=true").await.ok();
        if users["items"][0]["login"] == "liam" {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("liam was not disabled");
}
