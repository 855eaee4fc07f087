//! R50, R51: the second factor, with codes computed as a person's app does, at the real time.
//!
//! A gateway takes the code of the present half minute and of the next one, so each person can sign
//! in twice in a test without waiting: with [`App::code`], then with [`App::next`].

use serde_json::{Value, json};

use crate::support::admin::PASSWORD;
use crate::support::authenticator::App;
use crate::support::browser::{Browser, Form, SIGN_IN, unescaped};
use crate::support::client::Reply;
use crate::support::gate::TestGate;

const MFA: &str = "/.portcullis/mfa";
const SET_UP: &str = "/.portcullis/mfa/setup";
const USERS: &str = "/api/v1/users";
const PENDING: &str = "portcullis-pending";

/// A gateway with anna, who is asked for a second factor; her id.
async fn gate() -> (TestGate, String) {
    let gate = TestGate::start().await;
    let acme = gate.admin.organization("Acme").await;
    let anna = gate.admin.user(&acme, "anna", "admin").await;
    require(&gate, &anna, true).await;
    (gate, anna)
}

async fn require(gate: &TestGate, id: &str, require_mfa: bool) {
    let change = json!({ "require_mfa": require_mfa });
    gate.admin.patch(&format!("{USERS}/{id}"), change).await.ok();
}

async fn second_factor(gate: &TestGate, id: &str) -> Value {
    gate.admin.get(&format!("{USERS}/{id}/mfa")).await.ok()
}

/// Signs in with the password and goes on to the page that it leads to.
async fn password(browser: &mut Browser, leads_to: &str) -> Reply {
    let reply = browser.sign_in("anna", PASSWORD).await;
    let page = browser.go_on(SIGN_IN, reply).await;
    assert_eq!((&*page.target, page.reply.status), (leads_to, 200));
    page.reply
}

/// Fills in a field of a page.
async fn enter(browser: &mut Browser, page: &Reply, to: &str, field: &str, value: &str) -> Reply {
    browser.submit(&Form::to(page.text(), to).set(field, value)).await
}

/// Password and code.
async fn sign_in(browser: &mut Browser, field: &str, code: &str) -> Reply {
    let page = password(browser, MFA).await;
    enter(browser, &page, MFA, field, code).await
}

/// Leads anna through set-up; her app and her recovery codes.
async fn set_up(browser: &mut Browser) -> (App, Vec<String>) {
    let page = password(browser, SET_UP).await;
    let app = App::scan(&page);
    let done = enter(browser, &page, SET_UP, "code", &app.code()).await;
    assert_eq!(done.status, 200, "{done:?}");
    let codes = done.text().split("<li>").skip(1);
    let codes: Vec<_> = codes.map(|rest| unescaped(rest.split('<').next().unwrap())).collect();
    assert_eq!(codes.len(), 10, "{done:?}");
    (app, codes)
}

#[tokio::test]
async fn r50_set_up_is_required_before_a_session() {
    let (gate, id) = gate().await;
    let mut anna = Browser::at(&gate);
    let page = anna.follow("/closed/a?b=c").await;
    let reply = anna.sign_in_on(&page.reply, "anna", PASSWORD).await;
    assert_eq!((reply.status, reply.header("location")), (303, Some(SET_UP)));
    assert!(anna.session().is_none() && anna.cookies.contains_key(PENDING));
    let page = anna.open(SET_UP).await;
    assert!(page.text().contains("<svg ") && !page.text().contains("style="), "{page:?}");

    // What the password has earned opens nothing, whatever name it is sent under.
    gate.upstream.forget();
    assert_eq!(anna.fetch("/closed/a").await.status, 401);
    assert_eq!(anna.fetch("/mine/a").await.status, 401);
    let mut forged = anna.clone();
    forged.cookies.insert("portcullis".to_owned(), anna.cookies[PENDING].clone());
    assert_eq!(forged.fetch("/closed/a").await.status, 401);
    gate.nothing_arrived("a sign-in without its second factor").await;
    gate.upstream.forget();
    assert_eq!(anna.fetch("/open/a").await.status, 200);
    assert_eq!(gate.arrived().one("cookie"), None, "nor does the portal ever see it");
    let sessions = gate.admin.get("/api/v1/sessions").await.ok();
    assert_eq!(sessions["items"], json!([]));

    let app = App::scan(&page);
    let wrong = enter(&mut anna, &page, SET_UP, "code", &app.wrong()).await;
    assert_eq!(wrong.status, 401);
    assert_eq!(second_factor(&gate, &id).await["enrolled"], false);
    let done = enter(&mut anna, &wrong, SET_UP, "code", &app.code()).await;
    assert_eq!(done.status, 200);
    assert!(done.text().contains("href=\"/closed/a?b=c\""), "{done:?}");
    assert!(!anna.cookies.contains_key(PENDING));
    assert_eq!(anna.fetch("/closed/a").await.status, 200);
    let shown = second_factor(&gate, &id).await;
    assert_eq!(
        (&shown["enrolled"], &shown["required"], &shown["recovery_codes_left"]),
        (&json!(true), &json!(true), &json!(10))
    );
}

#[tokio::test]
async fn r51_code_is_required_and_accepted_once() {
    let (gate, _) = gate().await;
    let (app, _) = set_up(&mut Browser::at(&gate)).await;
    let mut anna = Browser::at(&gate);
    let page = anna.follow("/closed/a?b=c").await;
    let reply = anna.sign_in_on(&page.reply, "anna", PASSWORD).await;
    assert_eq!((reply.status, reply.header("location")), (303, Some(MFA)));
    assert!(anna.session().is_none());
    assert_eq!(anna.fetch("/closed/a").await.status, 401);
    let page = anna.open(MFA).await;
    for (code, why) in [(app.wrong(), "wrong"), (app.code(), "used at set-up")] {
        let wrong = enter(&mut anna, &page, MFA, "code", &code).await;
        assert_eq!(wrong.status, 401, "{why}");
        assert!(wrong.text().contains("role=\"alert\""), "{why}");
        assert!(anna.session().is_none(), "{why}");
    }
    let stolen = anna.clone();
    let reply = enter(&mut anna, &page, MFA, "code", &app.next()).await;
    assert_eq!((reply.status, reply.header("location")), (303, Some("/closed/a?b=c")));
    assert_eq!(anna.fetch("/closed/a").await.status, 200);

    let again = sign_in(&mut Browser::at(&gate), "code", &app.next()).await;
    assert_eq!(again.status, 401, "accepted once");
    let mut stolen = stolen;
    let led = stolen.open(MFA).await;
    assert!(led.header("location").unwrap().starts_with(SIGN_IN), "used up with the code");
}

#[tokio::test]
async fn r51_concurrent_same_code_is_accepted_once() {
    let (gate, _) = gate().await;
    let (app, _) = set_up(&mut Browser::at(&gate)).await;
    let mut tries = Vec::new();
    for _ in 0..4 {
        let mut browser = Browser::at(&gate);
        let page = password(&mut browser, MFA).await;
        tries.push((browser, Form::to(page.text(), MFA).set("code", &app.next())));
    }
    let replies = tries.iter_mut().map(|(browser, form)| browser.submit(form));
    let replies = futures_util::future::join_all(replies).await;
    let mut statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 401, 401, 401]);
}

#[tokio::test]
async fn r51_recovery_code_works_once() {
    let (gate, id) = gate().await;
    let (_, codes) = set_up(&mut Browser::at(&gate)).await;
    let mut anna = Browser::at(&gate);
    let typed = codes[3].to_uppercase().replace('-', " ");
    assert_eq!(sign_in(&mut anna, "recovery_code", &typed).await.status, 303);
    assert_eq!(anna.fetch("/closed/a").await.status, 200);
    assert_eq!(second_factor(&gate, &id).await["recovery_codes_left"], 9);
    let mut other = Browser::at(&gate);
    assert_eq!(sign_in(&mut other, "recovery_code", &codes[3]).await.status, 401);
    assert!(other.session().is_none());
    assert_eq!(sign_in(&mut other, "code", &codes[4]).await.status, 303);
}

#[tokio::test]
async fn r50_removed_requirement_needs_no_code() {
    let (gate, id) = gate().await;
    let mut anna = Browser::at(&gate);
    let (app, _) = set_up(&mut anna).await;
    require(&gate, &id, false).await;
    let mut other = Browser::at(&gate);
    let reply = other.sign_in("anna", PASSWORD).await;
    assert_eq!((reply.status, reply.header("location")), (303, Some("/")));
    assert_eq!(other.fetch("/closed/a").await.status, 200);
    assert_eq!(anna.fetch("/closed/a").await.status, 200, "sessions go on");
    // Asked again, it is the app from before.
    require(&gate, &id, true).await;
    assert_eq!(sign_in(&mut Browser::at(&gate), "code", &app.next()).await.status, 303);
}

#[tokio::test]
async fn r51_admin_reset_leads_to_set_up_again() {
    let (gate, id) = gate().await;
    let mut anna = Browser::at(&gate);
    let (app, codes) = set_up(&mut anna).await;
    let mut waiting = Browser::at(&gate);
    let page = password(&mut waiting, MFA).await;
    let path = format!("{USERS}/{id}/mfa");
    assert_eq!(gate.admin.delete(&path).await.status, 204);
    assert_eq!(anna.fetch("/closed/a").await.status, 200, "sessions stand");
    for (field, old) in [("code", app.next()), ("recovery_code", codes[0].clone())] {
        let reply = enter(&mut waiting, &page, MFA, field, &old).await;
        assert_eq!((reply.status, reply.header("location")), (303, Some(SET_UP)), "{field}");
    }
    let (renewed, _) = set_up(&mut waiting).await;
    assert_ne!(renewed.code(), app.code());
    let mut later = Browser::at(&gate);
    assert_eq!(sign_in(&mut later, "code", &renewed.next()).await.status, 303);
    gate.admin.delete(&format!("{USERS}/none/mfa")).await.refused(404, "not-found");
}

#[tokio::test]
async fn i6_codes_and_passwords_share_one_lockout() {
    let (gate, _) = gate().await;
    let mut known = Browser::at(&gate);
    let (app, _) = set_up(&mut known).await;
    let mut stranger = Browser::at(&gate);
    let page = password(&mut stranger, MFA).await;
    for _ in 0..2 {
        assert_eq!(Browser::at(&gate).sign_in("ANNA", "Wrong-Horse-7-Battery").await.status, 401);
    }
    for (field, code) in
        [("code", app.wrong()), ("code", app.code()), ("recovery_code", "x".into())]
    {
        password(&mut Browser::at(&gate), MFA).await;
        let reply = enter(&mut stranger, &page, MFA, field, &code).await;
        assert_eq!(reply.status, 401, "{field}");
    }
    let locked = enter(&mut stranger, &page, MFA, "code", &app.next()).await;
    assert_eq!(locked.status, 429);
    assert!(locked.header("retry-after").is_some() && stranger.session().is_none());
    assert_eq!(Browser::at(&gate).sign_in("anna", PASSWORD).await.status, 429);
    // Nothing was checked: the code is as good as it was, for the browser that is known.
    assert_eq!(sign_in(&mut known, "code", &app.next()).await.status, 303);
}

#[tokio::test]
async fn r50_new_password_ends_pending_sign_ins() {
    let (gate, id) = gate().await;
    let (app, _) = set_up(&mut Browser::at(&gate)).await;
    let mut anna = Browser::at(&gate);
    let page = password(&mut anna, MFA).await;
    let new = json!({ "password": "Another-Horse-8-Battery" });
    gate.admin.post(&format!("{USERS}/{id}/password"), new).await.ok();
    let reply = enter(&mut anna, &page, MFA, "code", &app.next()).await;
    assert!(reply.header("location").unwrap().starts_with(SIGN_IN), "{reply:?}");
    assert!(anna.session().is_none() && !anna.cookies.contains_key(PENDING));
}

#[tokio::test]
async fn r50_cross_site_form_sets_up_no_second_factor() {
    let (gate, id) = gate().await;
    let mut anna = Browser::at(&gate);
    let page = password(&mut anna, SET_UP).await;
    let form = Form::to(page.text(), SET_UP).set("code", &App::scan(&page).code());
    for origin in ["http://evil.example", "null"] {
        let reply = anna.post(SET_UP, &[("origin", origin)], &form.encoded()).await;
        assert_eq!(reply.status, 403, "{origin}");
    }
    let reply = anna.submit(&form.clone().set("csrf", "x")).await;
    assert_eq!(reply.status, 403);
    assert_eq!(second_factor(&gate, &id).await["enrolled"], false);
    assert_eq!(anna.submit(&form).await.status, 200);
}

#[tokio::test]
async fn r50_token_needs_the_required_second_factor() {
    let (gate, id) = gate().await;
    let tokens = format!("{USERS}/{id}/tokens");
    let created = gate.admin.post(&tokens, json!({ "name": "CI" })).await.ok();
    let token = created["token"].as_str().unwrap().to_owned();
    gate.is_secret(&token);
    let send = async || {
        let bearer = format!("Bearer {token}");
        gate.get("/mine/a").header("authorization", bearer).send().await
    };
    require(&gate, &id, true).await;
    let refused = send().await;
    assert_eq!((refused.status, &refused.problem()["reason"]), (403, &json!("mfa-not-enrolled")));
    gate.nothing_arrived("a token without the second factor").await;
    set_up(&mut Browser::at(&gate)).await;
    assert_eq!(send().await.status, 200);
    assert_eq!(gate.admin.delete(&format!("/api/v1/users/{id}/mfa")).await.status, 204);
    assert_eq!(send().await.status, 403);
    require(&gate, &id, false).await;
    assert_eq!(send().await.status, 200);
}
