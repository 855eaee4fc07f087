//! The page on which portal users create and revoke tokens for programs.

use serde_json::json;

use crate::support::admin::PASSWORD;
use crate::support::authenticator::App;
use crate::support::browser::{Browser, Form, unescaped};
use crate::support::client::Reply;
use crate::support::gate::TestGate;

const PAGE: &str = "/.portcullis/tokens";

async fn gate() -> (TestGate, String) {
    let gate = TestGate::builder().setting("session.tokens", "true").start().await;
    let acme = gate.admin.organization("Acme").await;
    let anna = gate.admin.user(&acme, "anna", "admin").await;
    (gate, anna)
}

async fn signed_in(gate: &TestGate, login: &str) -> Browser {
    let mut browser = Browser::at(gate);
    assert_eq!(browser.sign_in(login, PASSWORD).await.status, 303);
    browser
}

async fn open(browser: &mut Browser) -> Reply {
    let page = browser.open(PAGE).await;
    assert_eq!(page.status, 200, "{page:?}");
    page
}

/// Fills in the form for a new token.
async fn create(browser: &mut Browser, name: &str, password: &str, code: &str) -> Reply {
    let page = open(browser).await;
    let form = Form::to(page.text(), PAGE);
    let form = form.set("name", name).set("password", password).set("days", "30");
    let form = if code.is_empty() { form } else { form.set("code", code) };
    browser.submit(&form).await
}

/// The token that a page shows.
fn token(page: &Reply) -> String {
    let (_, rest) = page.text().split_once("<li>portcullis_user_").expect("a new token");
    unescaped(&format!("portcullis_user_{}", rest.split('<').next().unwrap()))
}

async fn try_token(gate: &TestGate, token: &str) -> u16 {
    gate.is_secret(token);
    let bearer = format!("Bearer {token}");
    gate.get("/mine/a").header("authorization", bearer).send().await.status
}

#[tokio::test]
async fn user_creates_and_revokes_a_token_with_the_password() {
    let (gate, anna) = gate().await;
    let mut browser = signed_in(&gate, "anna").await;
    let wrong = create(&mut browser, "git", "Wrong-Horse-7-Battery", "").await;
    assert_eq!(wrong.status, 401);
    assert!(!wrong.text().contains("portcullis_user_"));
    assert_eq!(create(&mut browser, "  ", PASSWORD, "").await.status, 400);
    let created = create(&mut browser, "git & <co>", PASSWORD, "").await;
    assert_eq!(created.status, 200, "{created:?}");
    let token = token(&created);
    assert_eq!(try_token(&gate, &token).await, 200);
    assert_eq!(create(&mut browser, "GIT & <co>", PASSWORD, "").await.status, 422);

    let listed = gate.admin.get(&format!("/api/v1/users/{anna}/tokens")).await.ok();
    let listed = &listed["items"][0];
    assert_eq!((&listed["name"], &listed["created_by"]), (&json!("git & <co>"), &json!("user")));
    assert!(listed["expires"].is_string());
    let page = open(&mut browser).await;
    assert!(page.text().contains("git &#38; &#60;co&#62;"), "{}", page.text());
    assert!(!page.text().contains(&token), "it is shown once");
    let form = Form::to(page.text(), PAGE);
    let revoke = form.set("revoke", listed["id"].as_str().unwrap());
    assert_eq!(browser.submit(&revoke).await.status, 200);
    assert_eq!(try_token(&gate, &token).await, 401);
    assert_eq!(browser.submit(&revoke).await.status, 404);
}

#[tokio::test]
async fn tokens_of_other_users_are_neither_shown_nor_revoked() {
    let (gate, anna) = gate().await;
    let path = format!("/api/v1/users/{anna}");
    let user = gate.admin.get(&path).await.ok();
    gate.admin.user(user["organization"].as_str().unwrap(), "ludwig", "limited").await;
    let path = format!("{path}/tokens");
    let made = gate.admin.post(&path, json!({ "name": "Nightly build" })).await.ok();
    let token = made["token"].as_str().unwrap();
    let mut ludwig = signed_in(&gate, "ludwig").await;
    assert_eq!(create(&mut ludwig, "mine", PASSWORD, "").await.status, 200);
    let page = open(&mut ludwig).await;
    assert!(!page.text().contains("Nightly build"));
    let form = Form::to(page.text(), PAGE);
    let revoke = form.set("revoke", made["id"].as_str().unwrap());
    assert_eq!(ludwig.submit(&revoke).await.status, 404);
    assert_eq!(try_token(&gate, token).await, 200);
    let mut anna = signed_in(&gate, "anna").await;
    let page = open(&mut anna).await;
    assert!(
        page.text().contains("<strong>Nightly build</strong>") && page.text().contains("badge")
    );
    let form = Form::to(page.text(), PAGE);
    let revoke = form.set("revoke", made["id"].as_str().unwrap());
    assert_eq!(anna.submit(&revoke).await.status, 200);
    assert_eq!(try_token(&gate, token).await, 401);
}

#[tokio::test]
async fn r50_new_token_needs_the_code_of_a_required_factor() {
    let (gate, anna) = gate().await;
    let user = format!("/api/v1/users/{anna}");
    gate.admin.patch(&user, json!({ "require_mfa": true })).await.ok();
    let mut browser = Browser::at(&gate);
    let reply = browser.sign_in("anna", PASSWORD).await;
    let page = browser.go_on("/.portcullis/sign-in", reply).await;
    let app = App::scan(&page.reply);
    let form = Form::to(page.reply.text(), "/.portcullis/mfa/setup").set("code", &app.code());
    assert_eq!(browser.submit(&form).await.status, 200);
    assert_eq!(create(&mut browser, "git", PASSWORD, "").await.status, 400);
    assert_eq!(create(&mut browser, "git", PASSWORD, &app.wrong()).await.status, 401);
    let created = create(&mut browser, "git", PASSWORD, &app.next()).await;
    assert_eq!(created.status, 200, "{created:?}");
    assert_eq!(try_token(&gate, &token(&created)).await, 200);
}

#[tokio::test]
async fn i6_wrong_passwords_for_tokens_lock_out() {
    let (gate, _) = gate().await;
    let mut browser = signed_in(&gate, "anna").await;
    for _ in 0..5 {
        let wrong = create(&mut browser, "git", "Wrong-Horse-7-Battery", "").await;
        assert_eq!(wrong.status, 401);
    }
    assert_eq!(create(&mut browser, "git", PASSWORD, "").await.status, 429);
}

#[tokio::test]
async fn tokens_need_a_session_a_form_of_ours_and_the_setting() {
    let (gate, _) = gate().await;
    let page = Browser::at(&gate).open(PAGE).await;
    assert_eq!(page.status, 303);
    assert!(page.header("location").unwrap().starts_with("/.portcullis/sign-in"));
    let mut browser = signed_in(&gate, "anna").await;
    let page = open(&mut browser).await;
    let form = Form::to(page.text(), PAGE);
    let forged = form.set("name", "git").set("password", PASSWORD).set("csrf", "forged");
    assert_eq!(browser.submit(&forged).await.status, 403);
    assert!(browser.open("/.portcullis/account").await.text().contains(PAGE));

    let without = TestGate::start().await;
    let acme = without.admin.organization("Acme").await;
    without.admin.user(&acme, "anna", "admin").await;
    let mut browser = signed_in(&without, "anna").await;
    assert_eq!(browser.open(PAGE).await.status, 404);
    assert!(!browser.open("/.portcullis/account").await.text().contains(PAGE));
}
