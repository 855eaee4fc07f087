//! Setting a password in Chromium, by the link in the mail (R32, R33, R40).

use serde_json::json;

use crate::support::admin::PASSWORD;
use crate::support::chrome::Chrome;
use crate::support::gate::TestGate;
use crate::support::mailbox::Mailbox;

const LOGIN: &str = "ann@acme.test";
const NEW: &str = "Another-Horse-8-Battery";

async fn gate() -> TestGate {
    TestGate::builder().tls().setting("branding.name", "\"Example IT\"").start().await
}

/// The rules marked as met.
async fn met(chrome: &Chrome) -> Vec<String> {
    let script = "return Array.from(document.querySelectorAll('.requirements .met'), \
                  (item) => item.dataset.rule)";
    serde_json::from_value(chrome.ask(script).await).unwrap()
}

#[tokio::test]
async fn r32_requirements_turn_green_while_typing() {
    let gate = gate().await;
    let acme = gate.admin.organization("Acme").await;
    let new = json!({ "organization": acme, "login": LOGIN, "invite": true });
    gate.admin.post("/api/v1/users", new).await.created();
    let link = Mailbox::of(&gate).next().await.link();
    let chrome = Chrome::open(&gate).await;
    chrome.goto(&link).await;
    chrome.sees("Choose your password").await;
    assert_eq!(met(&chrome).await, Vec::<String>::new());
    chrome.picture("invitation").await;
    for (typed, rules) in [
        ("a", &["lowercase", "not-login"][..]),
        ("aB", &["uppercase", "lowercase", "not-login"]),
        ("aB1-", &["uppercase", "lowercase", "digit", "symbol", "not-login"]),
        (" ANN@acme.test", &["length", "uppercase", "lowercase", "symbol"]),
        ("ünD eïnS-1234", &["length", "uppercase", "lowercase", "digit", "symbol", "not-login"]),
    ] {
        chrome.fill("password", typed).await;
        assert_eq!(met(&chrome).await, rules, "{typed:?}");
    }
    chrome.fill("password", "aB1-").await;
    chrome.picture("invitation-typing").await;
    chrome.press("Set password").await;
    chrome.sees("requirements marked below").await;
    chrome.picture("invitation-refused").await;
    chrome.fill("password", PASSWORD).await;
    chrome.press("Set password").await;
    chrome.sees("Your password is set").await;
    chrome.picture("password-set").await;
    chrome.fill("password", PASSWORD).await;
    chrome.press("Sign in").await;
    chrome.arrives("/").await;
    chrome.goto(&link).await;
    chrome.sees("This invitation is no longer valid").await;
    chrome.picture("invitation-dead").await;
    chrome.quiet().await;
}

#[tokio::test]
async fn r33_a_password_is_reset_without_scripts() {
    let gate = gate().await;
    gate.admin.acme_with_user(LOGIN, "admin").await;
    let chrome = Chrome::open(&gate).await;
    chrome.without_script().await;
    chrome.goto("/.portcullis/sign-in").await;
    chrome.press("Forgot your password?").await;
    chrome.sees("we'll send a link").await;
    chrome.picture("forgot").await;
    chrome.fill("login", LOGIN).await;
    chrome.press("Send link").await;
    chrome.sees("Check your email").await;
    chrome.picture("forgot-answer").await;
    chrome.goto(&Mailbox::of(&gate).next().await.link()).await;
    chrome.sees("Choose a new password").await;
    chrome.fill("password", NEW).await;
    chrome.press("Set password").await;
    chrome.sees("Your password is set").await;
    chrome.fill("password", NEW).await;
    chrome.press("Sign in").await;
    chrome.arrives("/").await;
    chrome.quiet().await;
}
