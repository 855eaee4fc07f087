//! The account page and its parts.

use http::{Method, StatusCode, header};
use jiff::SignedDuration;

use crate::credential::totp::TotpSecret;
use crate::directory::UserId;
use crate::directory::accounts::users::UserPatch;
use crate::directory::fixture::by_operator;
use crate::portal_pages::fixture::{Answer, Browser, PASSWORD, TestSite, form, settings};
use crate::portal_pages::tests::mfa::{recovery_codes, secret};

const ACCOUNT: &str = "/.portcullis/account";
const CHANGE_PASSWORD: &str = "/.portcullis/account/password";
const SECOND_FACTOR: &str = "/.portcullis/account/mfa";
const CODES: &str = "/.portcullis/account/recovery-codes";
const SET_UP: &str = "/.portcullis/mfa/setup";
const MFA: &str = "/.portcullis/mfa";
const ALL: [&str; 4] = [ACCOUNT, CHANGE_PASSWORD, SECOND_FACTOR, CODES];
const NEW: &str = "Battery staple 8?";

async fn site() -> (TestSite, UserId, Browser) {
    let site = TestSite::new().await;
    let id = site.user("acme", "ada@acme.example", "limited").await.id;
    let browser = signed_in(&site).await;
    (site, id, browser)
}

async fn signed_in(site: &TestSite) -> Browser {
    let mut browser = Browser::default();
    let answer = site.sign_in(&mut browser, "ada@acme.example", PASSWORD).await;
    assert_eq!(answer.location(), "/");
    browser
}

/// Fills in the form of a page.
async fn send(
    site: &TestSite,
    browser: &mut Browser,
    page: &str,
    fields: &[(&str, &str)],
) -> Answer {
    let mut sent = browser.get(site, page).await.hidden();
    sent.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    browser.post(site, page, &sent).await
}

/// Chooses a second factor; returns the secret of the app and the page with the recovery codes.
async fn choose(site: &TestSite, browser: &mut Browser) -> (TotpSecret, Answer) {
    let begun = send(site, browser, SECOND_FACTOR, &[("password", PASSWORD)]).await;
    assert_eq!((begun.status, begun.location()), (StatusCode::SEE_OTHER, SET_UP));
    let page = browser.get(site, SET_UP).await;
    let secret = secret(&page);
    let done = send_code(site, browser, &page, SET_UP, &secret.code(site.now)).await;
    (secret, done)
}

async fn send_code(
    site: &TestSite,
    browser: &mut Browser,
    page: &Answer,
    to: &str,
    code: &str,
) -> Answer {
    let mut fields = page.hidden();
    fields.push(("code".to_owned(), code.to_owned()));
    browser.post(site, to, &fields).await
}

fn pass(site: &mut TestSite, seconds: i64) {
    site.now = site.now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
}

#[tokio::test]
async fn an_account_leads_to_its_parts() {
    let (site, _, mut browser) = site().await;
    let page = browser.get(&site, ACCOUNT).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("<strong>ada@acme.example</strong>"), "{}", page.text);
    for part in [CHANGE_PASSWORD, SECOND_FACTOR, "/.portcullis/sessions", "/.portcullis/sign-out"] {
        assert!(page.text.contains(&format!("href=\"{part}\"")), "{part}: {}", page.text);
    }
    assert!(page.text.contains("1 browser"), "{}", page.text);
    assert!(!page.text.contains("/.portcullis/tokens"), "users may not create tokens here");
    for part in ["/.portcullis/sessions", CHANGE_PASSWORD, SECOND_FACTOR] {
        let page = browser.get(&site, part).await;
        assert!(page.text.contains("href=\"/.portcullis/account\""), "{part}: {}", page.text);
    }

    let mut with_tokens = settings("http://portal.example:8080");
    with_tokens.tokens_by_users = true;
    let site = TestSite::with(&with_tokens).await;
    site.user("acme", "ada@acme.example", "limited").await;
    let page = signed_in(&site).await.get(&site, ACCOUNT).await;
    assert!(page.text.contains("href=\"/.portcullis/tokens\""), "{}", page.text);
}

#[tokio::test]
async fn an_account_needs_a_session_of_a_portal_user() {
    let site = TestSite::new().await;
    let link = site.link("acme").await;
    let mut by_link = Browser::default();
    by_link.get(&site, &link).await;
    for page in ALL {
        let answer = by_link.get(&site, page).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{page}");
        assert!(answer.text.contains("Sign in to see your account"), "{}", answer.text);
        let answer = Browser::default().get(&site, page).await;
        let encoded = page.replace('/', "%2F");
        assert_eq!(answer.location(), format!("/.portcullis/sign-in?return_to={encoded}"));
    }
    site.user("acme", "ada", "limited").await;
    let mut browser = Browser::default();
    let address = browser.get(&site, ACCOUNT).await.location().to_owned();
    let answer = site.sign_in_at(&mut browser, &address, "ada", PASSWORD).await;
    assert_eq!(answer.location(), ACCOUNT);
}

#[tokio::test]
async fn r34_a_changed_password_keeps_only_this_session() {
    let (site, _, mut browser) = site().await;
    let other = signed_in(&site).await;
    let before = browser.clone();
    let fields = [("password", PASSWORD), ("new_password", NEW)];
    let changed = send(&site, &mut browser, CHANGE_PASSWORD, &fields).await;
    assert_eq!(changed.status, StatusCode::SEE_OTHER, "{}", changed.text);
    let forged = browser.get(&site, "/.portcullis/account?changed=x").await;
    assert!(!forged.text.contains("Your password was changed."), "{}", forged.text);
    let changed = browser.get(&site, changed.location()).await;
    assert!(changed.text.contains("Your password was changed."), "{}", changed.text);
    assert!(changed.text.contains("1 browser"), "{}", changed.text);
    assert!(changed.text.contains("class=\"button\" href=\"/\""), "{}", changed.text);
    assert_ne!(browser.cookies["portcullis"], before.cookies["portcullis"], "a new token");
    assert!(site.who(&browser).await.is_some());
    assert_eq!((site.who(&before).await, site.who(&other).await), (None, None));

    let old = site.sign_in(&mut Browser::default(), "ada@acme.example", PASSWORD).await;
    assert_eq!(old.status, StatusCode::UNAUTHORIZED);
    let new = site.sign_in(&mut Browser::default(), "ada@acme.example", NEW).await;
    assert_eq!(new.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn r30_r31_a_changed_password_obeys_the_rules() {
    let (site, _, mut browser) = site().await;
    for (new, rule) in [("short-1A", "length"), ("ADA@acme.example", "not-login")] {
        let fields = [("password", PASSWORD), ("new_password", new)];
        let refused = send(&site, &mut browser, CHANGE_PASSWORD, &fields).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        let marked = format!("data-rule=\"{rule}\" class=\"failed\"");
        assert!(refused.text.contains(&marked), "{rule}: {}", refused.text);
    }
    assert!(site.who(&signed_in(&site).await).await.is_some(), "the old one is still valid");
}

#[tokio::test]
async fn r30_new_password_must_differ_from_the_current_one() {
    let (site, _, mut browser) = site().await;
    let fields = [("password", PASSWORD), ("new_password", PASSWORD)];
    let refused = send(&site, &mut browser, CHANGE_PASSWORD, &fields).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("This is your current password."), "{}", refused.text);
    assert!(site.who(&browser).await.is_some(), "the session continues");
}

#[tokio::test]
async fn i6_wrong_current_passwords_lock_out_and_change_nothing() {
    let (site, _, mut browser) = site().await;
    let fields = [("password", "Wrong horse 7!"), ("new_password", NEW)];
    for _ in 0..5 {
        let wrong = send(&site, &mut browser, CHANGE_PASSWORD, &fields).await;
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
        let (_, field) = wrong.text.split_once("id=\"password\"").unwrap();
        assert!(field.split('>').next().unwrap().contains("aria-describedby=\"problem\""));
    }
    let fields = [("password", PASSWORD), ("new_password", NEW)];
    let locked = send(&site, &mut browser, CHANGE_PASSWORD, &fields).await;
    assert_eq!(locked.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(!locked.header(header::RETRY_AFTER).is_empty());
    assert!(site.who(&browser).await.is_some(), "the session continues");
}

#[tokio::test]
async fn account_forms_need_origin_and_token() {
    let (site, id, mut browser) = site().await;
    let password = [("password", PASSWORD), ("new_password", NEW)];
    for page in [CHANGE_PASSWORD, SECOND_FACTOR] {
        let mut fields = browser.get(&site, page).await.hidden();
        let given = password.map(|(name, value)| (name.to_owned(), value.to_owned()));
        fields.extend(given.clone());
        let foreign = [("sec-fetch-site", "cross-site")];
        let answer = browser.send(&site, Method::POST, page, &foreign, &form(&fields)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{page}");
        let answer = browser.post(&site, page, &given).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{page}: without the token of the form");
    }
    assert!(site.who(&signed_in(&site).await).await.is_some(), "the password is the same");
    let view = site.directory.second_factors().get(&id).await.unwrap();
    assert!(!view.enrolled);
}

#[tokio::test]
async fn r50_a_user_chooses_a_second_factor_and_turns_it_off() {
    let (mut site, _, mut browser) = site().await;
    let before = browser.clone();
    let wrong = send(&site, &mut browser, SECOND_FACTOR, &[("password", NEW)]).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED, "the password is asked for");
    let (secret, done) = choose(&site, &mut browser).await;
    assert_eq!(recovery_codes(&done).len(), 10, "{}", done.text);
    assert!(done.text.contains("href=\"/.portcullis/account\""), "{}", done.text);
    assert!(site.who(&browser).await.is_some());
    assert_eq!(site.who(&before).await, None, "the session has a new token");
    let page = browser.get(&site, ACCOUNT).await;
    assert!(page.text.contains("10 recovery codes left"), "{}", page.text);

    pass(&mut site, 30);
    let mut other = Browser::default();
    let asked = site.sign_in(&mut other, "ada@acme.example", PASSWORD).await;
    assert_eq!(asked.location(), MFA, "sign-in asks for it");
    let off = ("action", "turn-off");
    for (code, status) in [("", StatusCode::BAD_REQUEST), ("000000", StatusCode::UNAUTHORIZED)] {
        let fields = [off, ("password", PASSWORD), ("code", code)];
        let refused = send(&site, &mut browser, SECOND_FACTOR, &fields).await;
        assert_eq!(refused.status, status, "{code}");
    }
    let code = secret.code(site.now);
    let fields = [off, ("password", PASSWORD), ("code", &code)];
    let done = send(&site, &mut browser, SECOND_FACTOR, &fields).await;
    assert!(done.text.contains("Two-step sign-in is off."), "{}", done.text);
    signed_in(&site).await;
}

#[tokio::test]
async fn r63_signing_out_ends_a_set_up_that_was_begun() {
    let (site, _, mut browser) = site().await;
    let begun = send(&site, &mut browser, SECOND_FACTOR, &[("password", PASSWORD)]).await;
    assert_eq!(begun.location(), SET_UP);
    assert_eq!(browser.get(&site, SET_UP).await.status, StatusCode::OK);
    send(&site, &mut browser, "/.portcullis/sign-out", &[]).await;
    assert!(browser.get(&site, SET_UP).await.location().starts_with("/.portcullis/sign-in"));
}

#[tokio::test]
async fn r50_a_required_second_factor_stays_on() {
    let (mut site, id, mut browser) = site().await;
    let (secret, _) = choose(&site, &mut browser).await;
    pass(&mut site, 30);
    let patch = UserPatch { require_mfa: Some(true), ..UserPatch::default() };
    site.directory.users().change(&id, patch, &by_operator()).await.unwrap();
    let page = browser.get(&site, SECOND_FACTOR).await;
    assert!(page.text.contains("Example &#60;IT&#62; requires two-step sign-in"), "{}", page.text);
    assert!(!page.text.contains("turn-off"), "{}", page.text);
    let code = secret.code(site.now);
    let fields = [("action", "turn-off"), ("password", PASSWORD), ("code", &*code)];
    let refused = send(&site, &mut browser, SECOND_FACTOR, &fields).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(site.directory.second_factors().get(&id).await.unwrap().enrolled);
}

#[tokio::test]
async fn r51_a_used_recovery_code_is_counted_before_going_on() {
    let (site, _, mut browser) = site().await;
    let (_, codes) = choose(&site, &mut browser).await;
    let code = recovery_codes(&codes)[0].clone();
    let mut other = Browser::default();
    let address = "/.portcullis/sign-in?return_to=%2Finvoices%2F7%3Fa%3Db";
    site.sign_in_at(&mut other, address, "ada@acme.example", PASSWORD).await;
    let page = other.get(&site, MFA).await;
    let mut fields = page.hidden();
    fields.dedup();
    fields.push(("recovery_code".to_owned(), code));
    let answer = other.post(&site, MFA, &fields).await;
    assert_eq!(answer.location(), format!("{CODES}?return_to=%2Finvoices%2F7%3Fa%3Db"));
    let page = other.get(&site, answer.location()).await;
    assert!(page.text.contains("You have 9 recovery codes left."), "{}", page.text);
    assert!(page.text.contains("<a class=\"button\" href=\"/invoices/7?a=b\">"), "{}", page.text);
    let elsewhere =
        other.get(&site, &format!("{CODES}?return_to=https%3A%2F%2Fevil.example")).await;
    assert!(!elsewhere.text.contains("evil.example"), "{}", elsewhere.text);
}

#[tokio::test]
async fn r51_a_code_of_the_app_makes_new_recovery_codes() {
    let (mut site, id, mut browser) = site().await;
    let (secret, codes) = choose(&site, &mut browser).await;
    let old = recovery_codes(&codes);
    pass(&mut site, 30);
    let page = browser.get(&site, CODES).await;
    assert!(page.text.contains("You have 10 recovery codes left."), "{}", page.text);
    for (code, status) in [
        ("", StatusCode::BAD_REQUEST),
        ("000000", StatusCode::UNAUTHORIZED),
        (&*old[0], StatusCode::UNAUTHORIZED),
    ] {
        let refused = send_code(&site, &mut browser, &page, CODES, code).await;
        assert_eq!(refused.status, status, "{code}");
    }
    let made = send_code(&site, &mut browser, &page, CODES, &secret.code(site.now)).await;
    let new = recovery_codes(&made);
    assert!(new.len() == 10 && new[0] != old[0], "{}", made.text);
    assert_eq!(site.directory.second_factors().get(&id).await.unwrap().recovery_codes_left, 10);
}

#[tokio::test]
async fn r51_without_a_second_factor_there_are_no_codes_to_show() {
    let (site, _, mut browser) = site().await;
    assert_eq!(browser.get(&site, CODES).await.location(), SECOND_FACTOR);
}
