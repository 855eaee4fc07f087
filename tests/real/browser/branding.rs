//! R62 and the languages in Chromium: the operator's colours and logo, German, and the list of
//! sessions. Nothing violates the pages' content security policy.

use crate::support::admin::PASSWORD;
use crate::support::chrome::Chrome;
use crate::support::gate::{Builder, CUSTOMER_ROUTES, TestGate};

const LOGO: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 220 48" width="220" height="48">
<script>document.documentElement.remove()</script>
<circle cx="24" cy="24" r="20" fill="#e8b500"/><path d="M14 24h20M24 14v20" stroke="#222" stroke-width="4"/>
<text x="56" y="33" font-family="sans-serif" font-size="26" font-weight="700" fill="#222">Hexagon IT</text></svg>"##;

fn builder() -> Builder {
    TestGate::builder().tls().policy(CUSTOMER_ROUTES).setting("branding.name", "\"Example IT\"")
}

#[tokio::test]
async fn r62_a_light_accent_gets_readable_text() {
    let folder = tempfile::tempdir().unwrap();
    let logo = folder.path().join("logo.svg");
    std::fs::write(&logo, LOGO).unwrap();
    let gate = builder()
        .setting("branding.name", "\"Hexagon IT\"")
        .setting("branding.logo", &format!("\"{}\"", logo.display()))
        .setting("branding.accent", "\"#ffcc00\"")
        .start()
        .await;
    gate.admin.acme_with_user("ann@acme.test", "limited").await;
    let chrome = Chrome::open(&gate).await;
    chrome.goto("/").await;
    let logo = "const logo = document.querySelector('.logo'); \
        return [logo.alt, logo.complete && logo.naturalWidth > 0]";
    assert_eq!(chrome.ask(logo).await, serde_json::json!(["Hexagon IT", true]));
    let button = "const style = getComputedStyle(document.querySelector('[type=submit]')); \
        return [style.backgroundColor, style.color]";
    let colours = serde_json::json!(["rgb(255, 204, 0)", "rgb(0, 0, 0)"]);
    assert_eq!(chrome.ask(button).await, colours);
    chrome.picture("branded-sign-in").await;
    chrome.sign_in("ann@acme.test", PASSWORD).await;
    chrome.arrives("/").await;
    chrome.goto("/invoices/7").await;
    chrome.sees("contact Hexagon IT").await;
    chrome.picture("branded-denied").await;
    chrome.quiet().await;
}

#[tokio::test]
async fn the_pages_are_german_for_a_german_browser() {
    let gate = builder().start().await;
    gate.admin.acme_with_user("ann@acme.test", "limited").await;
    let chrome = Chrome::reading(&gate, "de-DE").await;
    chrome.goto("/").await;
    chrome.sees("Benutzername oder E-Mail-Adresse").await;
    assert_eq!(chrome.ask("return document.documentElement.lang").await, "de");
    chrome.sees("Anzeigen").await;
    chrome.fill("login", "ann@acme.test").await;
    chrome.fill("password", "Wrong-Horse-7-Battery").await;
    chrome.press("Anmelden").await;
    chrome.sees("Benutzername oder Passwort ist falsch.").await;
    chrome.picture("german-sign-in-wrong").await;
    chrome.fill("password", PASSWORD).await;
    chrome.press("Anmelden").await;
    chrome.arrives("/").await;
    chrome.goto("/invoices/7").await;
    chrome.sees("wenden Sie sich an Example IT").await;
    chrome.picture("german-denied").await;
    chrome.goto("/.portcullis/sessions").await;
    chrome.sees("Ihre Anmeldungen").await;
    chrome.sees("Chrome (Linux)").await;
    chrome.picture("german-sessions").await;
    chrome.quiet().await;
}

#[tokio::test]
async fn a_user_signs_out_another_browser() {
    let gate = builder().start().await;
    gate.admin.acme_with_user("ann@acme.test", "limited").await;
    let second = Chrome::signed_in(&gate, "ann@acme.test").await;
    let chrome = Chrome::signed_in(&gate, "ann@acme.test").await;
    chrome.goto("/.portcullis/sign-out").await;
    chrome.press("Your account").await;
    chrome.goto("/.portcullis/sessions").await;
    chrome.sees("Chrome on Linux This browser").await;
    chrome.picture("sessions").await;
    chrome.press("Sign out").await;
    chrome.sees("1 session was signed out.").await;
    chrome.picture("sessions-ended").await;
    second.goto("/").await;
    second.sees("Password").await;
    chrome.goto("/").await;
    chrome.arrives("/").await;
    chrome.quiet().await;
}

#[tokio::test]
async fn r61_a_denial_fits_visitors_and_link_sessions() {
    let gate = builder().start().await;
    let acme = gate.admin.organization("Acme").await;
    let chrome = Chrome::open(&gate).await;
    chrome.goto("/nowhere").await;
    chrome.sees("Password").await;
    assert!(!chrome.text().await.contains("not found"));
    let link = gate.admin.secure_link(&acme).await;
    chrome.goto(&link).await;
    chrome.goto("/invoices/7").await;
    chrome.sees("with the secure link").await;
    chrome.picture("denied-by-link").await;
    chrome.goto("/.portcullis/link/none").await;
    chrome.sees("This link no longer works").await;
    chrome.picture("dead-link").await;
    chrome.quiet().await;
}
