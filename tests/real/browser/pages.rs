//! The pages in Chromium: forms, cookies, scripts, and screenshots of each page.

use serde_json::json;

use crate::support::admin::PASSWORD;
use crate::support::chrome::Chrome;
use crate::support::gate::{CUSTOMER_ROUTES, TestGate};

async fn gate() -> TestGate {
    TestGate::builder()
        .tls()
        .policy(CUSTOMER_ROUTES)
        .setting("branding.name", "\"Example IT\"")
        .start()
        .await
}

/// Another site, and the address of a page there.
async fn elsewhere() -> (String, TestGate) {
    let gate = TestGate::builder().tls().setting("server.hosts", "[\"127.0.0.1\"]").start().await;
    (format!("https://{}/open/elsewhere", gate.address), gate)
}

#[tokio::test]
async fn r61_sign_in_leads_to_the_requested_page() {
    let gate = gate().await;
    gate.admin.acme_with_user("ann@acme.test", "admin").await;
    let chrome = Chrome::open(&gate).await;
    chrome.goto("/reports/2026?of=may").await;
    chrome.sees("Sign in").await;
    chrome.picture("sign-in").await;

    chrome.sign_in("ann@acme.test", "Wrong-Horse-7-Battery").await;
    chrome.sees("Wrong login or password").await;
    chrome.picture("sign-in-wrong").await;
    gate.nothing_arrived("a wrong password").await;

    chrome.sign_in("ann@acme.test", PASSWORD).await;
    chrome.arrives("/reports/2026?of=may").await;
    chrome.quiet().await;
}

#[tokio::test]
async fn r61_sign_in_works_without_scripts() {
    let gate = gate().await;
    gate.admin.acme_with_user("ann@acme.test", "admin").await;
    let chrome = Chrome::open(&gate).await;
    chrome.without_script().await;
    chrome.goto("/reports/1").await;
    assert_eq!(chrome.count("button[type=\"button\"]").await, 0, "a button without a script");
    chrome.sign_in("ann@acme.test", PASSWORD).await;
    chrome.arrives("/reports/1").await;
    chrome.quiet().await;
}

#[tokio::test]
async fn r12_a_link_leads_to_sign_in_once_there_is_a_user() {
    let gate = gate().await;
    let acme = gate.admin.organization("Acme").await;
    let link = gate.admin.secure_link(&acme).await;
    let chrome = Chrome::open(&gate).await;
    chrome.goto(&link).await;
    chrome.arrives("/").await;

    gate.admin.user(&acme, "ann@acme.test", "admin").await;
    chrome.goto("/reports/7").await;
    chrome.sees("To open the portal").await;
    chrome.sees("Acme").await;
    chrome.picture("link-not-enough").await;
    chrome.sign_in("ann@acme.test", PASSWORD).await;
    chrome.arrives("/reports/7").await;
    chrome.quiet().await;
}

#[tokio::test]
async fn r19_another_organizations_link_asks_first() {
    let gate = gate().await;
    gate.admin.acme_with_user("ann@acme.test", "admin").await;
    let other = gate.admin.organization("Birch & Sons").await;
    let link = gate.admin.secure_link(&other).await;
    let chrome = Chrome::signed_in(&gate, "ann@acme.test").await;

    chrome.goto(&link).await;
    chrome.sees("You're signed in as ann@acme.test").await;
    chrome.picture("link-of-another").await;
    chrome.press("Stay signed in").await;
    chrome.arrives("/").await;
    assert_eq!(sessions(&gate).await, ["user"]);

    chrome.goto(&link).await;
    chrome.press("Open the portal for Birch & Sons").await;
    chrome.arrives("/").await;
    assert_eq!(sessions(&gate).await, ["link"], "the old session is over");
    chrome.quiet().await;
}

/// The kinds of the sessions that are open.
async fn sessions(gate: &TestGate) -> Vec<String> {
    let sessions = gate.admin.get("/api/v1/sessions").await.ok();
    let items = sessions["items"].as_array().unwrap();
    items.iter().map(|session| session["kind"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn r8_and_r61_denials_have_a_page() {
    let gate = gate().await;
    let acme = gate.admin.acme_with_user("ann@acme.test", "no-access").await;
    gate.admin.user(&acme, "ben@acme.test", "limited").await;
    let chrome = Chrome::open(&gate).await;
    chrome.goto("/").await;
    chrome.sign_in("ann@acme.test", PASSWORD).await;
    chrome.sees("can't use the portal").await;
    chrome.picture("no-access").await;

    chrome.goto("/").await;
    chrome.sign_in("ben@acme.test", PASSWORD).await;
    chrome.arrives("/").await;
    chrome.goto("/invoices/7").await;
    chrome.sees("Invoices").await;
    chrome.picture("denied").await;
    chrome.goto("/nowhere").await;
    chrome.picture("nowhere").await;
    chrome.quiet().await;
}

#[tokio::test]
async fn r63_signing_out_ends_the_session() {
    let gate = gate().await;
    gate.admin.acme_with_user("ann@acme.test", "admin").await;
    let chrome = Chrome::signed_in(&gate, "ann@acme.test").await;
    chrome.goto("/.portcullis/sign-out").await;
    chrome.picture("sign-out").await;
    chrome.press("Sign out").await;
    chrome.sees("You're signed out").await;
    chrome.picture("signed-out").await;
    assert!(sessions(&gate).await.is_empty());
    chrome.goto("/").await;
    chrome.sees("Password").await;
    chrome.quiet().await;
}

#[tokio::test]
async fn r63_back_after_signing_out_shows_no_portal_page() {
    let gate = gate().await;
    gate.admin.acme_with_user("ann@acme.test", "admin").await;
    gate.upstream.answer_bytes(
        "/reports/7",
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncache-control: max-age=600\r\n\r\n\
         <!doctype html><p>Confidential</p>",
    );
    let chrome = Chrome::open(&gate).await;
    chrome.goto("/reports/7").await;
    chrome.sign_in("ann@acme.test", PASSWORD).await;
    chrome.sees("Confidential").await;
    chrome.goto("/.portcullis/sign-out").await;
    chrome.back().await;
    chrome.sees("Confidential").await;
    chrome.goto("/.portcullis/sign-out").await;
    chrome.press("Sign out").await;
    chrome.sees("You're signed out").await;
    chrome.back().await;
    chrome.back().await;
    chrome.sees("Password").await;
}

#[tokio::test]
async fn r60_open_pages_redirect_once_the_portal_is_disabled() {
    let gate = gate().await;
    let acme = gate.admin.acme_with_user("ann@acme.test", "admin").await;
    gate.admin.user(&acme, "ben@acme.test", "admin").await;
    let (there, _other) = elsewhere().await;
    let signed_in = Chrome::signed_in(&gate, "ann@acme.test").await;
    let signing_in = Chrome::open(&gate).await;
    signed_in.goto("/.portcullis/sign-out").await;
    signed_in.sees("Sign out").await;
    signing_in.goto("/").await;
    signing_in.sees("Password").await;

    let disabled = json!({ "disabled_redirect_url": there });
    assert_eq!(gate.admin.patch("/api/v1/preferences", disabled).await.status, 200);
    signed_in.press("Sign out").await;
    signed_in.leaves_for(&there).await;
    signing_in.sign_in("ben@acme.test", PASSWORD).await;
    signing_in.leaves_for(&there).await;
    assert_eq!(sessions(&gate).await, ["user"], "nobody was signed in or out");
}

#[tokio::test]
async fn r61_sign_in_follows_a_redirect_of_the_policy() {
    let (there, _other) = elsewhere().await;
    let route = format!(
        "{CUSTOMER_ROUTES}\n[[route]]\nname = \"Account\"\npath = \"/account\"\n\
         require = \"invoices.view\"\non_deny = {{ redirect = \"{there}\" }}\n"
    );
    let gate = TestGate::builder().tls().policy(&route).start().await;
    gate.admin.acme_with_user("ann@acme.test", "limited").await;
    let chrome = Chrome::open(&gate).await;
    chrome.goto("/account").await;
    chrome.sign_in("ann@acme.test", PASSWORD).await;
    chrome.leaves_for(&there).await;
    chrome.quiet().await;
}

#[tokio::test]
async fn an_unreachable_portal_has_a_branded_page() {
    let gate = TestGate::builder()
        .tls()
        .policy(CUSTOMER_ROUTES)
        .setting("branding.name", "\"Example IT\"")
        .setting("upstream.servers", "[\"http://127.0.0.1:1\"]")
        .start()
        .await;
    let chrome = Chrome::open(&gate).await;
    chrome.goto("/open/1").await;
    chrome.sees("Example IT").await;
    chrome.picture("portal-down").await;
    chrome.quiet().await;
}

#[tokio::test]
async fn i6_a_locked_out_user_sees_when_to_try_again() {
    let gate = gate().await;
    gate.admin.acme_with_user("ann@acme.test", "admin").await;
    let chrome = Chrome::open(&gate).await;
    chrome.goto("/").await;
    for number in 0..5 {
        chrome.sign_in("ann@acme.test", &format!("Wrong-Horse-{number}-Battery")).await;
        chrome.sees("Wrong login or password").await;
    }
    chrome.sign_in("ann@acme.test", PASSWORD).await;
    chrome.sees("Too many failed attempts").await;
    chrome.picture("sign-in-locked").await;
    assert!(sessions(&gate).await.is_empty(), "the right password is not even looked at");

    let released = gate.admin.delete("/api/v1/lockouts?login=ann@acme.test").await;
    assert_eq!(released.status, 204);
    chrome.sign_in("ann@acme.test", PASSWORD).await;
    chrome.arrives("/").await;
    chrome.quiet().await;
}
