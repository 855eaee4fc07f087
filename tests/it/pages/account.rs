//! The account page against the program: password and second factor by choice.

use serde_json::{Value, json};

use crate::support::admin::PASSWORD;
use crate::support::authenticator::App;
use crate::support::browser::{Browser, Form};
use crate::support::client::Reply;
use crate::support::gate::TestGate;

const ACCOUNT: &str = "/.portcullis/account";
const CHANGE_PASSWORD: &str = "/.portcullis/account/password";
const SECOND_FACTOR: &str = "/.portcullis/account/mfa";
const CODES: &str = "/.portcullis/account/recovery-codes";
const SET_UP: &str = "/.portcullis/mfa/setup";
const MFA: &str = "/.portcullis/mfa";
const NEW: &str = "Another-Horse-8-Battery";

async fn gate() -> (TestGate, String) {
    let gate = TestGate::start().await;
    let acme = gate.admin.organization("Acme").await;
    let anna = gate.admin.user(&acme, "anna", "admin").await;
    (gate, anna)
}

async fn signed_in(gate: &TestGate, password: &str) -> Browser {
    let mut browser = Browser::at(gate);
    assert_eq!(browser.sign_in("anna", password).await.status, 303);
    browser
}

async fn second_factor(gate: &TestGate, id: &str) -> Value {
    gate.admin.get(&format!("/api/v1/users/{id}/mfa")).await.ok()
}

/// Fills in the form of a page.
async fn send(browser: &mut Browser, page: &str, fields: &[(&str, &str)]) -> Reply {
    let reply = browser.open(page).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let form = Form::to(reply.text(), page);
    let form = fields.iter().fold(form, |form, (name, value)| form.set(name, value));
    browser.submit(&form).await
}

#[tokio::test]
async fn r34_own_new_password_ends_all_other_sessions() {
    let (gate, _) = gate().await;
    let mut other = signed_in(&gate, PASSWORD).await;
    let mut here = signed_in(&gate, PASSWORD).await;
    let mut copy = here.copy_of_session();
    let fields = [("password", NEW), ("new_password", NEW)];
    assert_eq!(send(&mut here, CHANGE_PASSWORD, &fields).await.status, 401);
    let fields = [("password", PASSWORD), ("new_password", "too short")];
    assert_eq!(send(&mut here, CHANGE_PASSWORD, &fields).await.status, 422);
    assert_eq!(other.fetch("/closed/a").await.status, 200, "nothing has changed");

    let fields = [("password", PASSWORD), ("new_password", NEW)];
    let changed = send(&mut here, CHANGE_PASSWORD, &fields).await;
    assert_eq!(changed.status, 303, "{changed:?}");
    assert_eq!(here.fetch("/closed/a").await.status, 200);
    assert_eq!(other.fetch("/closed/a").await.status, 401);
    assert_eq!(copy.fetch("/closed/a").await.status, 401, "this session has a new token");
    assert_eq!(Browser::at(&gate).sign_in("anna", PASSWORD).await.status, 401);
    signed_in(&gate, NEW).await;
}

#[tokio::test]
async fn i6_wrong_own_passwords_lock_out() {
    let (gate, _) = gate().await;
    let mut browser = signed_in(&gate, PASSWORD).await;
    let wrong = [("password", "Wrong-Horse-7-Battery"), ("new_password", NEW)];
    for _ in 0..5 {
        assert_eq!(send(&mut browser, CHANGE_PASSWORD, &wrong).await.status, 401);
    }
    let fields = [("password", PASSWORD), ("new_password", NEW)];
    assert_eq!(send(&mut browser, CHANGE_PASSWORD, &fields).await.status, 429);
    assert_eq!(send(&mut browser, SECOND_FACTOR, &[("password", PASSWORD)]).await.status, 429);
    assert_eq!(browser.fetch("/closed/a").await.status, 200, "the session continues");
}

#[tokio::test]
async fn r50_second_factor_by_choice_is_asked_for() {
    let (gate, id) = gate().await;
    let mut browser = signed_in(&gate, PASSWORD).await;
    let begun = send(&mut browser, SECOND_FACTOR, &[("password", PASSWORD)]).await;
    assert_eq!((begun.status, begun.header("location")), (303, Some(SET_UP)));
    assert_eq!(second_factor(&gate, &id).await["enrolled"], false);
    let page = browser.open(SET_UP).await;
    let app = App::scan(&page);
    let form = Form::to(page.text(), SET_UP).set("code", &app.code());
    assert_eq!(browser.submit(&form).await.status, 200);
    let shown = second_factor(&gate, &id).await;
    assert_eq!((&shown["by_choice"], &shown["required"]), (&json!(true), &json!(false)));
    assert_eq!(browser.fetch("/closed/a").await.status, 200);

    let mut other = Browser::at(&gate);
    let asked = other.sign_in("anna", PASSWORD).await;
    assert_eq!((asked.status, asked.header("location")), (303, Some(MFA)));
    assert_eq!(other.fetch("/closed/a").await.status, 401);
    let off = [("action", "turn-off"), ("password", PASSWORD), ("code", &*app.wrong())];
    assert_eq!(send(&mut browser, SECOND_FACTOR, &off).await.status, 401);
    let off = [("action", "turn-off"), ("password", PASSWORD), ("code", &*app.next())];
    assert_eq!(send(&mut browser, SECOND_FACTOR, &off).await.status, 200);
    assert_eq!(second_factor(&gate, &id).await["enrolled"], false);
    signed_in(&gate, PASSWORD).await;
}

#[tokio::test]
async fn account_needs_a_session_of_a_portal_user() {
    let (gate, _) = gate().await;
    let other = gate.admin.organization("Birch").await;
    let link = gate.admin.secure_link(&other).await;
    let mut by_link = Browser::at(&gate);
    let link = by_link.local(&link);
    by_link.follow(&link).await;
    for page in [ACCOUNT, CHANGE_PASSWORD, SECOND_FACTOR, CODES] {
        assert_eq!(by_link.open(page).await.status, 403, "{page}");
        let led = Browser::at(&gate).open(page).await;
        assert!(led.header("location").unwrap().starts_with("/.portcullis/sign-in?"), "{page}");
    }
    gate.upstream.forget();
    let mut anna = signed_in(&gate, PASSWORD).await;
    assert_eq!(anna.open(ACCOUNT).await.status, 200);
    gate.nothing_arrived("a page of the gateway").await;
}
