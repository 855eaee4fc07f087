//! R50 and R51 in Chromium: set-up, codes and recovery codes.

use serde_json::json;

use crate::support::admin::PASSWORD;
use crate::support::authenticator::App;
use crate::support::chrome::Chrome;
use crate::support::gate::TestGate;

const MFA: &str = "/.portcullis/mfa";
const SET_UP: &str = "/.portcullis/mfa/setup";

async fn require(gate: &TestGate, id: &str, require_mfa: bool) {
    let change = json!({ "require_mfa": require_mfa });
    gate.admin.patch(&format!("/api/v1/users/{id}"), change).await.ok();
}

#[tokio::test]
async fn r50_r51_set_up_and_codes_in_a_browser() {
    let gate = TestGate::builder().tls().setting("branding.name", "\"Example IT\"").start().await;
    let acme = gate.admin.organization("Acme").await;
    let anna = gate.admin.user(&acme, "anna", "admin").await;
    require(&gate, &anna, true).await;
    let chrome = Chrome::open(&gate).await;
    chrome.goto("/closed/a?b=c").await;
    chrome.sign_in("anna", PASSWORD).await;
    chrome.arrives(SET_UP).await;
    chrome.picture("mfa-setup").await;
    let app = App::new(&chrome.find(".key code").await.text().await.unwrap());
    chrome.fill("code", &app.wrong()).await;
    chrome.press("Turn on two-step sign-in").await;
    chrome.sees("That code didn't match").await;
    chrome.picture("mfa-setup-wrong").await;
    chrome.fill("code", &app.code()).await;
    chrome.press("Turn on two-step sign-in").await;
    chrome.sees("Save your recovery codes").await;
    chrome.picture("mfa-recovery-codes").await;
    let code = chrome.find(".codes li").await.text().await.unwrap();
    assert_eq!((chrome.count(".codes li").await, code.len()), (10, 19));
    assert_eq!(chrome.count(".tools button").await, 2, "to copy and to print");
    chrome.press("Copy").await;
    chrome.sees("Copied.").await;
    chrome.press("I've saved them, continue").await;
    chrome.arrives("/closed/a?b=c").await;

    chrome.goto("/.portcullis/sign-out").await;
    chrome.press("Sign out").await;
    chrome.sees("You're signed out").await;
    chrome.goto("/closed/b").await;
    chrome.sign_in("anna", PASSWORD).await;
    chrome.arrives(MFA).await;
    chrome.picture("mfa").await;
    chrome.fill("code", &app.wrong()).await;
    chrome.press("Sign in").await;
    chrome.sees("That code didn't match").await;
    chrome.picture("mfa-wrong").await;
    chrome.fill("code", &app.next()).await;
    chrome.press("Sign in").await;
    chrome.arrives("/closed/b").await;

    chrome.goto("/.portcullis/sign-in").await;
    chrome.sign_in("anna", PASSWORD).await;
    chrome.arrives(MFA).await;
    chrome.find("summary").await.click().await.unwrap();
    chrome.fill("recovery_code", "aaaa-bbbb").await;
    chrome.press("Sign in with a recovery code").await;
    chrome.sees("That recovery code didn't match").await;
    chrome.picture("mfa-recovery-code").await;
    chrome.fill("recovery_code", &code.to_uppercase()).await;
    chrome.press("Sign in with a recovery code").await;
    chrome.arrives("/").await;
    chrome.quiet().await;
}

#[tokio::test]
async fn r50_set_up_works_without_script_in_german() {
    let gate = TestGate::builder().tls().start().await;
    let acme = gate.admin.organization("Acme").await;
    let anna = gate.admin.user(&acme, "anna", "admin").await;
    require(&gate, &anna, true).await;
    let chrome = Chrome::reading(&gate, "de-DE").await;
    chrome.without_script().await;
    chrome.goto("/closed/a").await;
    chrome.fill("login", "anna").await;
    chrome.fill("password", PASSWORD).await;
    chrome.press("Anmelden").await;
    chrome.sees("Bestätigung in zwei Schritten einrichten").await;
    let app = App::new(&chrome.find(".key code").await.text().await.unwrap());
    chrome.fill("code", &app.code()).await;
    chrome.press("Bestätigung in zwei Schritten aktivieren").await;
    chrome.sees("Wiederherstellungscodes sichern").await;
    assert_eq!(chrome.count("button").await, 0, "a button without a script");
    chrome.picture("mfa-recovery-codes-german").await;
    chrome.press("Ich habe die Codes gesichert, weiter").await;
    chrome.arrives("/closed/a").await;
    chrome.quiet().await;
}
