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
    chrome.sees("That code didn't match").await;
    chrome.picture("mfa-setup-wrong").await;
    chrome.fill("code", &app.code()).await;
    chrome.sees("Save your recovery codes").await;
    chrome.picture("mfa-recovery-codes").await;
    let code = chrome.find(".codes li").await.text().await.unwrap();
    assert_eq!((chrome.count(".codes li").await, code.len()), (10, 19));
    assert_eq!(chrome.count(".tools button").await, 3, "to download, to copy and to print");
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
    chrome.sees("That code didn't match").await;
    chrome.picture("mfa-wrong").await;
    chrome.fill("code", &app.next()).await;
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
    chrome.sees("You have 9 recovery codes left.").await;
    chrome.press("Continue").await;
    chrome.arrives("/").await;
    chrome.quiet().await;
}

#[tokio::test]
async fn r50_set_up_on_a_phone_starts_with_the_app() {
    let gate = TestGate::builder().tls().setting("branding.name", "\"Example IT\"").start().await;
    let acme = gate.admin.organization("Acme").await;
    let anna = gate.admin.user(&acme, "anna", "admin").await;
    require(&gate, &anna, true).await;
    let chrome = Chrome::open(&gate).await;
    chrome.on_phone().await;
    chrome.goto("/closed/a").await;
    chrome.sign_in("anna", PASSWORD).await;
    chrome.arrives(SET_UP).await;
    chrome.sees("Example IT requires two-step sign-in").await;
    chrome.sees("Microsoft Authenticator").await;
    chrome.in_view("a[href^=\"otpauth://totp/\"]").await;
    chrome.in_view(".by-key .tools button").await;
    let (code, qr) = (chrome.edges("#code").await, chrome.edges(".qr").await);
    assert!(qr.0 > code.1, "the QR code is for another device");
    chrome.press("Copy key").await;
    chrome.sees("Copied.").await;

    chrome.at_desk().await;
    chrome.in_view(".qr").await;
    chrome.in_view("#code").await;
    assert!(!chrome.text().await.contains("Open in the app"));
    chrome.quiet().await;
}

#[tokio::test]
async fn r50_wrong_code_is_reported_beside_the_field() {
    let gate = TestGate::builder().tls().start().await;
    let acme = gate.admin.organization("Acme").await;
    let anna = gate.admin.user(&acme, "anna", "admin").await;
    require(&gate, &anna, true).await;
    let chrome = Chrome::open(&gate).await;
    chrome.on_phone().await;
    chrome.goto("/closed/a").await;
    chrome.sign_in("anna", PASSWORD).await;
    chrome.arrives(SET_UP).await;
    let app = App::new(&chrome.find(".key code").await.text().await.unwrap());
    for phone in [true, false] {
        match phone {
            true => chrome.on_phone().await,
            false => chrome.at_desk().await,
        }
        // The form sends itself with the last digit.
        chrome.ask("document.body.dataset.old = ''").await;
        chrome.fill("code", &app.wrong()).await;
        chrome.find("body:not([data-old]) #problem").await;
        chrome.in_view("#problem").await;
        chrome.in_view("#code").await;
        let (problem, code) = (chrome.edges("#problem").await, chrome.edges("#code").await);
        assert!((0.0..24.0).contains(&(code.0 - problem.1)), "{problem:?} {code:?}");
    }
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
    chrome.press("Aktivieren").await;
    chrome.sees("Wiederherstellungscodes sichern").await;
    assert_eq!(chrome.count("button[type=\"button\"]").await, 0, "a button without a script");
    assert_eq!(chrome.count(".tools button").await, 1, "to download");
    chrome.picture("mfa-recovery-codes-german").await;
    chrome.press("Ich habe die Codes gesichert, weiter").await;
    chrome.arrives("/closed/a").await;
    chrome.quiet().await;
}
