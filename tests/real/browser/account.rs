//! The account page in Chromium, on a phone and at a desk: password, second factor, recovery codes
//! and sessions (R31, R34, R50, R51).

use crate::support::admin::PASSWORD;
use crate::support::authenticator::App;
use crate::support::chrome::Chrome;
use crate::support::gate::{CUSTOMER_ROUTES, TestGate};

const ACCOUNT: &str = "/.portcullis/account";
const LOGIN: &str = "ann@acme.test";
const NEW: &str = "Another-Horse-8-Battery";

async fn gate() -> TestGate {
    let gate = TestGate::builder()
        .tls()
        .policy(CUSTOMER_ROUTES)
        .setting("branding.name", "\"Example IT\"")
        .setting("session.tokens", "true")
        .start()
        .await;
    gate.admin.acme_with_user(LOGIN, "admin").await;
    gate
}

async fn signed_in(gate: &TestGate, phone: bool) -> Chrome {
    let chrome = Chrome::signed_in(gate, LOGIN).await;
    match phone {
        true => chrome.on_phone().await,
        false => chrome.at_desk().await,
    }
    chrome
}

/// Follows the link of a part of the account.
async fn open(chrome: &Chrome, part: &str) {
    chrome.goto(ACCOUNT).await;
    chrome.find(&format!("a[href=\"/.portcullis/{part}\"]")).await.click().await.unwrap();
}

/// Proves that a field has its error beside it, in view, and the focus.
async fn error_beside(chrome: &Chrome, field: &str) {
    chrome.find(&format!("#{field}[aria-invalid=\"true\"]")).await;
    chrome.in_view("#problem").await;
    chrome.in_view(&format!("#{field}")).await;
    let (problem, input) =
        (chrome.edges("#problem").await, chrome.edges(&format!("#{field}")).await);
    assert!((0.0..24.0).contains(&(input.0 - problem.1)), "{field}: {problem:?} {input:?}");
    let focused = chrome.ask("return document.activeElement.id").await;
    assert_eq!(focused, field);
}

async fn change_password(phone: bool) {
    let gate = gate().await;
    let other = Chrome::signed_in(&gate, LOGIN).await;
    let chrome = signed_in(&gate, phone).await;
    chrome.goto("/.portcullis/sign-out").await;
    chrome.press("Your account").await;
    chrome.arrives(ACCOUNT).await;
    chrome.sees("2 browsers").await;
    open(&chrome, "account/password").await;
    chrome.fill("password", "Wrong-Horse-7-Battery").await;
    chrome.fill("new_password", NEW).await;
    chrome.press("Change password").await;
    chrome.sees("Wrong password").await;
    error_beside(&chrome, "password").await;
    chrome.fill("password", PASSWORD).await;
    chrome.fill("new_password", "all lower case").await;
    chrome.press("Change password").await;
    chrome.sees("requirements marked below").await;
    error_beside(&chrome, "new_password").await;
    chrome.picture(&format!("account-password-refused-{phone}")).await;
    chrome.fill("password", PASSWORD).await;
    chrome.fill("new_password", NEW).await;
    chrome.press("Change password").await;
    chrome.sees("Your password was changed.").await;
    chrome.sees("1 browser").await;
    chrome.picture("account-password-changed").await;
    chrome.press("Go to the start page").await;
    chrome.arrives("/").await;
    other.goto("/reports/a").await;
    other.sees("Password").await;
    chrome.quiet().await;
}

#[tokio::test]
async fn r34_a_password_is_changed_on_a_phone() {
    change_password(true).await;
}

#[tokio::test]
async fn r34_a_password_is_changed_at_a_desk() {
    change_password(false).await;
}

#[tokio::test]
async fn r50_r51_a_second_factor_by_choice() {
    let gate = gate().await;
    let chrome = signed_in(&gate, true).await;
    chrome.goto(ACCOUNT).await;
    chrome.picture("account").await;
    chrome.on_phone().await;
    open(&chrome, "account/mfa").await;
    chrome.sees("Someone who knows only your password").await;
    chrome.picture("account-mfa-off").await;
    chrome.on_phone().await;
    chrome.fill("password", "Wrong-Horse-7-Battery").await;
    chrome.press("Set up two-step sign-in").await;
    chrome.sees("Wrong password").await;
    error_beside(&chrome, "password").await;
    chrome.fill("password", PASSWORD).await;
    chrome.press("Set up two-step sign-in").await;
    chrome.arrives("/.portcullis/mfa/setup").await;
    chrome.picture("account-mfa-setup").await;
    let app = App::new(&chrome.find(".key code").await.text().await.unwrap());
    chrome.fill("code", &app.code()).await;
    chrome.sees("Save your recovery codes").await;
    let code = chrome.find(".codes li").await.text().await.unwrap();
    chrome.press("I've saved them, continue").await;
    chrome.arrives(ACCOUNT).await;
    chrome.sees("10 recovery codes left").await;
    open(&chrome, "account/mfa").await;
    chrome.sees("Turn off two-step sign-in").await;
    chrome.picture("account-mfa-on").await;
    chrome.on_phone().await;
    chrome.fill("password", PASSWORD).await;
    chrome.fill("code", &app.wrong()).await;
    chrome.press("Turn off two-step sign-in").await;
    chrome.sees("That code didn't match").await;
    error_beside(&chrome, "code").await;

    // A recovery code is counted before the sign-in continues.
    chrome.goto("/.portcullis/sign-out").await;
    chrome.press("Sign out").await;
    chrome.sees("You're signed out").await;
    chrome.goto("/reports/b").await;
    chrome.sign_in(LOGIN, PASSWORD).await;
    chrome.find("summary").await.click().await.unwrap();
    chrome.fill("recovery_code", &code).await;
    chrome.press("Sign in with a recovery code").await;
    chrome.sees("You have 9 recovery codes left.").await;
    chrome.picture("account-recovery-code-used").await;
    chrome.press("Continue").await;
    chrome.arrives("/reports/b").await;

    chrome.at_desk().await;
    chrome.goto("/.portcullis/account/recovery-codes").await;
    chrome.fill("code", &app.wrong()).await;
    chrome.sees("That code didn't match").await;
    error_beside(&chrome, "code").await;
    chrome.picture("account-recovery-codes").await;
    chrome.fill("code", &app.next()).await;
    chrome.sees("These codes replace your earlier ones").await;
    assert_eq!(chrome.count(".codes li").await, 10);
    let code = chrome.find(".codes li").await.text().await.unwrap();
    chrome.press("I've saved them, continue").await;
    open(&chrome, "account/mfa").await;
    chrome.fill("password", PASSWORD).await;
    chrome.fill("code", &code).await;
    chrome.press("Turn off two-step sign-in").await;
    chrome.sees("Two-step sign-in is off").await;
    chrome.picture("account-mfa-turned-off").await;
    chrome.quiet().await;
}

#[tokio::test]
async fn a_session_elsewhere_is_signed_out_from_the_account() {
    let gate = gate().await;
    let other = Chrome::signed_in(&gate, LOGIN).await;
    let chrome = signed_in(&gate, true).await;
    open(&chrome, "sessions").await;
    chrome.sees("Chrome on Linux").await;
    chrome.picture("account-sessions").await;
    chrome.press("Sign out everywhere else").await;
    chrome.sees("1 session was signed out.").await;
    other.goto("/reports/a").await;
    other.sees("Password").await;
    chrome.press("Back to your account").await;
    chrome.sees("1 browser").await;
    open(&chrome, "tokens").await;
    chrome.fill("name", "Calendar").await;
    chrome.fill("password", "Wrong-Horse-7-Battery").await;
    chrome.press("Create token").await;
    chrome.sees("Wrong password").await;
    error_beside(&chrome, "password").await;
    chrome.picture("account-tokens").await;
    chrome.quiet().await;
}

#[tokio::test]
async fn an_account_works_without_scripts_in_german() {
    let gate = gate().await;
    let chrome = Chrome::reading(&gate, "de-DE").await;
    chrome.without_script().await;
    chrome.goto(ACCOUNT).await;
    chrome.fill("login", LOGIN).await;
    chrome.fill("password", PASSWORD).await;
    chrome.press("Anmelden").await;
    chrome.arrives(ACCOUNT).await;
    chrome.sees("Ihr Konto").await;
    chrome.picture("account-german").await;
    open(&chrome, "account/mfa").await;
    chrome.picture("account-mfa-off-german").await;
    open(&chrome, "account/password").await;
    chrome.picture("account-password-german").await;
    chrome.fill("password", PASSWORD).await;
    chrome.fill("new_password", NEW).await;
    chrome.press("Passwort ändern").await;
    chrome.sees("Ihr Passwort wurde geändert.").await;
    chrome.quiet().await;
}

#[tokio::test]
async fn a_visitor_by_link_has_no_account() {
    let gate = TestGate::builder()
        .tls()
        .policy(CUSTOMER_ROUTES)
        .setting("branding.name", "\"Example IT\"")
        .start()
        .await;
    let acme = gate.admin.organization("Acme").await;
    let link = gate.admin.secure_link(&acme).await;
    let chrome = Chrome::open(&gate).await;
    chrome.goto(&link).await;
    chrome.arrives("/").await;
    chrome.goto(ACCOUNT).await;
    chrome.sees("Sign in to see your account").await;
    chrome.picture("account-by-link").await;
    chrome.press("Sign in").await;
    chrome.sees("Login or email address").await;
    chrome.quiet().await;
}
