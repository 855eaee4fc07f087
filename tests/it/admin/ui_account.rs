//! The admin UI: setting up a second factor at a sign-in, and one's own account.

use serde_json::json;

use crate::support::admin::PASSWORD;
use crate::support::admin_ui::{AdminUi, UiPage, gate};
use crate::support::authenticator::App;
use crate::support::browser::Form;
use crate::support::gate::TestGate;

const NEW_PASSWORD: &str = "Another-Horse-8-Battery";

/// The app that has scanned the code of a page.
fn scan(page: &UiPage) -> App {
    let (_, rest) = page.html.split_once("<code class=\"secret\">").expect("a secret");
    App::new(rest.split('<').next().unwrap())
}

/// The recovery codes of a page.
fn codes(page: &UiPage) -> Vec<String> {
    let (_, rest) = page.html.split_once("class=\"codes\">").expect("recovery codes");
    rest.split('<').next().unwrap().split_whitespace().map(str::to_owned).collect()
}

#[tokio::test]
async fn r50_ui_sign_in_sets_up_a_required_second_factor() {
    let gate = TestGate::builder().start().await;
    let theo = json!({ "login": "theo", "role": "auditor", "password": PASSWORD, "mfa": false });
    gate.admin.post("/api/v1/administrators", theo).await.created();
    let mut ui = AdminUi::visitor(&gate);
    let form = ui.open("/groups").await.form("/sign-in").set("login", "theo");
    let wrong = ui.submit(&form.clone().set("password", NEW_PASSWORD)).await;
    wrong.says("The login or the password is wrong.");
    wrong.lacks("<svg");

    let page = ui.submit(&form.set("password", PASSWORD)).await;
    page.says("Set up two-step sign-in");
    page.says("<svg");
    page.lacks(PASSWORD);
    let app = scan(&page);
    let form = page.form("/sign-in/set-up");
    let again = ui.submit(&form.set("code", &app.wrong())).await;
    again.says("The code is wrong.");
    assert_eq!(scan(&again).code(), app.code(), "the same secret");
    let done = ui.submit(&again.form("/sign-in/set-up").set("code", &app.code())).await;
    assert_eq!(codes(&done).len(), 10);
    done.says("href=\"/groups\"");
    assert_eq!(ui.open("/groups").await.status, 200);

    let mut later = AdminUi::visitor(&gate);
    let used = later.submit(&again.form("/sign-in/set-up").set("code", &app.next())).await;
    used.says("The set-up took too long. Sign in again.");
    let form = used.form("/sign-in").set("login", "theo").set("password", PASSWORD);
    later.submit(&form).await.says("From your authenticator app");
}

#[tokio::test]
async fn ui_a_kept_form_outlasts_the_set_up_of_a_second_factor() {
    let gate = TestGate::builder().start().await;
    let theo = json!({ "login": "theo", "role": "owner", "password": PASSWORD, "mfa": false });
    gate.admin.post("/api/v1/administrators", theo).await.created();
    let mut ui = AdminUi::visitor(&gate);
    let fields = vec![("name".to_owned(), "Sales".to_owned())];
    let page = ui.submit(&Form { action: "/groups".to_owned(), fields }).await;
    page.says("what you typed is kept");
    let form = page.form("/sign-in").set("login", "theo").set("password", PASSWORD);
    let set_up = ui.submit(&form).await;
    let app = scan(&set_up);
    let again = ui.submit(&set_up.form("/sign-in/set-up").set("code", &app.wrong())).await;
    let codes = ui.submit(&again.form("/sign-in/set-up").set("code", &app.code())).await;
    let kept = ui.submit(&codes.form("/groups")).await;
    assert_eq!(kept.status, 409);
    kept.says("What you typed was kept");
    ui.submit(&kept.form("/groups")).await.says("The group was created.");
}

#[tokio::test]
async fn ui_own_password_needs_the_current_one() {
    let gate = gate().start().await;
    let mut ui = AdminUi::of_role(&gate, "technician").await;
    let form = ui.open("/account").await.form("/account").set("do", "password");
    let wrong = form.clone().set("current", NEW_PASSWORD).set("password", NEW_PASSWORD);
    let refused = ui.submit(&wrong).await;
    assert_eq!(refused.status, 422);
    refused.says("The password or the code is wrong.");
    refused.lacks(NEW_PASSWORD);
    let short = form.clone().set("current", PASSWORD).set("password", "short");
    ui.submit(&short).await.says("id=\"password-problem\"");
    let right = form.set("current", PASSWORD).set("password", NEW_PASSWORD);
    ui.submit(&right).await.says("Your password was changed.");
    let mut again = AdminUi::visitor(&gate);
    let form = again.open("/sign-in").await.form("/sign-in").set("login", "technician-1");
    let old = again.submit(&form.clone().set("password", PASSWORD)).await;
    old.says("The login or the password is wrong.");
    assert_eq!(again.submit(&form.set("password", NEW_PASSWORD)).await.at, "/");
}

#[tokio::test]
async fn ui_own_second_factor_recovery_codes_and_sessions() {
    let gate = gate().start().await;
    let mut ui = AdminUi::of_role(&gate, "auditor").await;
    let mut other = AdminUi::visitor(&gate);
    let form = other.open("/sign-in").await.form("/sign-in").set("login", "auditor-1");
    assert_eq!(other.submit(&form.set("password", PASSWORD)).await.at, "/");

    let page = ui.open("/account").await;
    page.says("This browser");
    let end = page.forms().into_iter().find(|form| form.get("session").is_some()).unwrap();
    ui.submit(&end.set("do", "end")).await.says("The session was ended.");
    assert_eq!(other.open("/account").await.at, "/sign-in?to=%2Faccount");

    let at = "/account/second-factor";
    let page = ui.open(at).await;
    let wrong = page.form(at).set("current", PASSWORD).set("new_code", &scan(&page).wrong());
    let page = ui.submit(&wrong).await;
    assert_eq!(page.status, 422);
    page.says("Scan the new QR code.");
    let app = scan(&page);
    let form = page.form(at).set("current", PASSWORD).set("new_code", &app.code());
    let first = codes(&ui.submit(&form).await);
    assert_eq!(first.len(), 10);
    ui.open("/account").await.says("10 recovery codes are left");

    let at = "/account/recovery-codes";
    let form = ui.open(at).await.form(at).set("current", PASSWORD);
    let refused = ui.submit(&form.clone().set("code", &first[0])).await;
    refused.says("The password or the code is wrong.");
    let second = codes(&ui.submit(&form.set("code", &app.next())).await);
    assert!(second.len() == 10 && second[0] != first[0]);
}
