use http::{Method, StatusCode, header};
use jiff::SignedDuration;

use crate::credential::totp::TotpSecret;
use crate::directory::accounts::users::UserPatch;
use crate::directory::fixture::by_operator;
use crate::portal_pages::fixture::{Answer, Browser, PASSWORD, TestSite, form};

const SIGN_IN: &str = "/.portcullis/sign-in";
const MFA: &str = "/.portcullis/mfa";
const SET_UP: &str = "/.portcullis/mfa/setup";
const PENDING: &str = "portcullis-pending";
const CODES_LEFT: &str = "/.portcullis/account/recovery-codes?return_to=%2Finvoices%2F7%3Fa%3Db";
const TO_INVOICES: &str = "/.portcullis/sign-in?return_to=%2Finvoices%2F7%3Fa%3Db";

/// Ada, who needs a second factor.
async fn site() -> (TestSite, String) {
    let site = TestSite::new().await;
    let id = site.user("acme", "ada", "limited").await.id;
    require(&site, id.as_str(), true).await;
    (site, id.to_string())
}

async fn require(site: &TestSite, id: &str, require_mfa: bool) {
    let patch = UserPatch { require_mfa: Some(require_mfa), ..UserPatch::default() };
    site.directory.users().change(&id.into(), patch, &by_operator()).await.unwrap();
}

async fn password(site: &TestSite, browser: &mut Browser) -> Answer {
    // Also when the browser has a session.
    site.sign_in_at(browser, &format!("{TO_INVOICES}&switch=1"), "ada", PASSWORD).await
}

/// Fills in the form of a page.
async fn enter(
    site: &TestSite,
    browser: &mut Browser,
    address: &str,
    field: (&str, &str),
) -> Answer {
    let page = browser.get(site, address).await;
    assert_eq!(page.status, StatusCode::OK, "{address}: {}", page.location());
    let mut fields = page.hidden();
    fields.dedup();
    fields.push((field.0.to_owned(), field.1.to_owned()));
    browser.post(site, address, &fields).await
}

/// The secret that a set-up page shows.
pub(super) fn secret(page: &Answer) -> TotpSecret {
    let (_, rest) = page.text.split_once("<p class=\"key\"><code>").unwrap();
    let text = rest.split('<').next().unwrap().replace(' ', "");
    TotpSecret::from_bytes(&data_encoding::BASE32_NOPAD.decode(text.as_bytes()).unwrap()).unwrap()
}

pub(super) fn recovery_codes(page: &Answer) -> Vec<String> {
    let codes = page.text.split("<li>").skip(1);
    codes.map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
}

/// Signs in and sets up; returns the secret and the page with the recovery codes.
async fn set_up(site: &TestSite, browser: &mut Browser) -> (TotpSecret, Answer) {
    let answer = password(site, browser).await;
    assert_eq!(answer.location(), SET_UP);
    let page = browser.get(site, SET_UP).await;
    let secret = secret(&page);
    let mut fields = page.hidden();
    fields.push(("code".to_owned(), secret.code(site.now)));
    (secret, browser.post(site, SET_UP, &fields).await)
}

fn pass(site: &mut TestSite, seconds: i64) {
    site.now = site.now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
}

#[tokio::test]
async fn r50_set_up_comes_before_the_session() {
    let (site, id) = site().await;
    let mut browser = Browser::default();
    let answer = password(&site, &mut browser).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, SET_UP));
    assert!(!browser.cookies.contains_key("portcullis"), "no session yet");
    let line = answer.header(header::SET_COOKIE);
    assert!(line.starts_with("portcullis-pending="), "{line}");
    assert!(line.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=600"), "{line}");
    assert_eq!(site.who(&browser).await, None);
    assert_eq!(browser.get(&site, MFA).await.location(), SET_UP, "there is no second factor yet");

    let page = browser.get(&site, SET_UP).await;
    assert!(page.text.contains("<svg viewBox=\"0 0 ") && !page.text.contains("style="));
    let wrong = enter(&site, &mut browser, SET_UP, ("code", "12345")).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert!(wrong.text.contains("aria-invalid=\"true\" aria-describedby=\"problem\""));
    assert!(!site.directory.users().get(&id.as_str().into()).await.unwrap().mfa_enrolled);

    // The page that came back is for the secret that was scanned.
    let scanned = secret(&wrong);
    let mut fields = wrong.hidden();
    fields.push(("code".to_owned(), scanned.code(site.now)));
    let done = browser.post(&site, SET_UP, &fields).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    assert_eq!(recovery_codes(&done).len(), 10);
    assert!(done.text.contains("href=\"/invoices/7?a=b\""), "{}", done.text);
    assert!(!browser.cookies.contains_key(PENDING), "the cookie is removed");
    assert_eq!(site.who(&browser).await.unwrap().2, "ada");
    assert!(site.directory.users().get(&id.as_str().into()).await.unwrap().mfa_enrolled);
}

#[tokio::test]
async fn r51_a_code_starts_the_session_under_a_new_token() {
    let (mut site, _) = site().await;
    let mut browser = Browser::default();
    let (secret, _) = set_up(&site, &mut browser).await;
    let before = browser.clone();
    pass(&mut site, 30);

    let answer = password(&site, &mut browser).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, MFA));
    assert!(site.who(&browser).await.is_some(), "the earlier session continues until then");
    let wrong = enter(&site, &mut browser, MFA, ("code", "000 00")).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert!(wrong.text.contains("autocomplete=\"one-time-code\" required aria-invalid=\"true\""));

    let used = browser.clone();
    let code = secret.code(site.now);
    let answer = enter(&site, &mut browser, MFA, ("code", &code)).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/invoices/7?a=b"));
    assert!(!browser.cookies.contains_key(PENDING));
    assert_ne!(browser.cookies["portcullis"], before.cookies["portcullis"]);
    assert!(site.who(&browser).await.is_some());
    assert_eq!(site.who(&before).await, None, "the replaced session has ended");

    // Neither the cookie nor the code can be used again.
    let mut kept = used.clone();
    let answer = kept.get(&site, MFA).await;
    assert_eq!(answer.location(), "/.portcullis/sign-in?return_to=%2Finvoices%2F7%3Fa%3Db&again=");
    assert!(!kept.cookies.contains_key(PENDING));
    let mut other = Browser::default();
    password(&site, &mut other).await;
    let again = enter(&site, &mut other, MFA, ("code", &code)).await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED);
    assert_eq!(site.who(&other).await, None);
}

#[tokio::test]
async fn r51_a_recovery_code_on_the_same_page_is_good_once() {
    let (site, _) = site().await;
    let (_, page) = set_up(&site, &mut Browser::default()).await;
    let code = recovery_codes(&page)[0].to_uppercase();
    for (status, place) in [(StatusCode::SEE_OTHER, CODES_LEFT), (StatusCode::UNAUTHORIZED, "")] {
        let mut browser = Browser::default();
        password(&site, &mut browser).await;
        let answer = enter(&site, &mut browser, MFA, ("recovery_code", &code)).await;
        assert_eq!((answer.status, answer.location()), (status, place));
        if status == StatusCode::UNAUTHORIZED {
            assert!(answer.text.contains("<details class=\"instead\" open>"));
            let (_, field) = answer.text.split_once("id=\"recovery_code\"").unwrap();
            assert!(field.split('>').next().unwrap().contains("aria-describedby=\"problem\""));
        }
    }
}

#[tokio::test]
async fn r50_without_a_pending_sign_in_the_pages_lead_to_sign_in() {
    let (site, _) = site().await;
    for address in [MFA, SET_UP] {
        let mut browser = Browser::default();
        let answer = browser.get(&site, address).await;
        assert_eq!(answer.location(), "/.portcullis/sign-in?return_to=%2F", "{address}");
        let answer = browser.post(&site, address, &[("code".to_owned(), "1".to_owned())]).await;
        assert_eq!(answer.location(), "/.portcullis/sign-in?return_to=%2F", "{address}");
        for made_up in ["x", &"A".repeat(200)] {
            browser.cookies.insert(PENDING.to_owned(), made_up.to_owned());
            let answer = browser.get(&site, address).await;
            assert_eq!(answer.location(), "/.portcullis/sign-in?return_to=%2F", "{address}");
            assert!(!browser.cookies.contains_key(PENDING));
        }
    }
}

#[tokio::test]
async fn r50_a_pending_sign_in_ends_after_ten_minutes() {
    let (mut site, id) = site().await;
    let mut browser = Browser::default();
    password(&site, &mut browser).await;
    site.later(9);
    assert_eq!(browser.get(&site, SET_UP).await.status, StatusCode::OK);
    site.later(1);
    let answer = browser.get(&site, SET_UP).await;
    assert_eq!(answer.location(), "/.portcullis/sign-in?return_to=%2Finvoices%2F7%3Fa%3Db&again=");
    let page = browser.get(&site, answer.location()).await;
    assert!(page.text.contains("The code arrived too late"), "{}", page.text);
    let page = browser.get(&site, TO_INVOICES).await;
    assert!(!page.text.contains("The code arrived too late"), "{}", page.text);

    password(&site, &mut browser).await;
    require(&site, &id, false).await;
    assert!(browser.get(&site, SET_UP).await.location().starts_with(SIGN_IN));
    let answer = password(&site, &mut browser).await;
    assert_eq!(answer.location(), "/invoices/7?a=b", "the visitor is signed in");
    assert!(site.who(&browser).await.is_some());
}

#[tokio::test]
async fn r8_no_portal_access_comes_before_any_code() {
    let (site, id) = site().await;
    let mut browser = Browser::default();
    password(&site, &mut browser).await;
    let patch = UserPatch { group: Some("no-access".into()), ..UserPatch::default() };
    site.directory.users().change(&id.as_str().into(), patch, &by_operator()).await.unwrap();
    let answer = browser.get(&site, SET_UP).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let answer = password(&site, &mut Browser::default()).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(!answer.headers.contains_key(header::LOCATION));
}

#[tokio::test]
async fn a_code_form_needs_origin_and_token() {
    let (mut site, _) = site().await;
    let (secret, _) = set_up(&site, &mut Browser::default()).await;
    pass(&mut site, 30);
    let mut browser = Browser::default();
    password(&site, &mut browser).await;
    let mut fields = browser.get(&site, MFA).await.hidden();
    fields.dedup();
    fields.push(("code".to_owned(), secret.code(site.now)));
    let foreign = [("sec-fetch-site", "cross-site")];
    let answer = browser.send(&site, Method::POST, MFA, &foreign, &form(&fields)).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    for csrf in ["", "x"] {
        let mut forged = fields.clone();
        forged[0].1 = csrf.to_owned();
        let answer = browser.post(&site, MFA, &forged).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(site.who(&browser).await, None);
    assert_eq!(browser.post(&site, MFA, &fields).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn r50_a_secret_proposed_to_another_sign_in_is_not_set_up() {
    let (site, id) = site().await;
    let (mut one, mut other) = (Browser::default(), Browser::default());
    password(&site, &mut one).await;
    password(&site, &mut other).await;
    let page = one.get(&site, SET_UP).await;
    let mut fields = other.get(&site, SET_UP).await.hidden();
    let proposal = page.hidden().into_iter().find(|(name, _)| name == "proposal").unwrap();
    fields.retain(|(name, _)| name != "proposal");
    fields.extend([proposal, ("code".to_owned(), secret(&page).code(site.now))]);
    let answer = other.post(&site, SET_UP, &fields).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_ne!(secret(&answer).expose(), secret(&page).expose());
    assert!(!site.directory.users().get(&id.as_str().into()).await.unwrap().mfa_enrolled);
    assert_eq!(site.who(&other).await, None);
}

#[tokio::test]
async fn i6_wrong_codes_lock_out_all_but_a_known_browser() {
    let (mut site, _) = site().await;
    let mut known = Browser::default();
    let (secret, _) = set_up(&site, &mut known).await;
    pass(&mut site, 60);
    let mut stranger = Browser::default();
    password(&site, &mut stranger).await;
    for _ in 0..5 {
        password(&site, &mut stranger).await;
        let answer = enter(&site, &mut stranger, MFA, ("code", "1")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let code = secret.code(site.now);
    let answer = enter(&site, &mut stranger, MFA, ("code", &code)).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header(header::RETRY_AFTER), "30");
    assert!(answer.text.contains(">in 30 seconds</time>"), "{}", answer.text);
    assert_eq!(site.who(&stranger).await, None);
    let answer = password(&site, &mut stranger).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "the password too");

    password(&site, &mut known).await;
    let answer = enter(&site, &mut known, MFA, ("code", &code)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn an_address_too_long_for_the_cookie_becomes_the_start_page() {
    let (site, _) = site().await;
    let mut browser = Browser::default();
    let address = format!("{SIGN_IN}?return_to=%2F{}", "a".repeat(2500));
    let answer = site.sign_in_at(&mut browser, &address, "ada", PASSWORD).await;
    assert!(answer.header(header::SET_COOKIE).len() < 4096);
    assert_eq!(browser.get(&site, SET_UP).await.status, StatusCode::OK);
}

#[tokio::test]
async fn over_https_the_cookie_is_for_this_host_alone() {
    let site = TestSite::at("https://portal.example").await;
    let id = site.user("acme", "ada", "limited").await.id;
    require(&site, id.as_str(), true).await;
    let answer = password(&site, &mut Browser::default()).await;
    let line = answer.header(header::SET_COOKIE);
    assert!(line.starts_with("__Host-portcullis-pending="), "{line}");
    assert!(line.contains("; HttpOnly; SameSite=Lax; Secure"), "{line}");
}
