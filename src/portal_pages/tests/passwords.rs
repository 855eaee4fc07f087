use std::net::{IpAddr, Ipv4Addr};

use http::{Method, StatusCode, header};

use crate::portal_pages::fixture::{Answer, Browser, PASSWORD, TestSite, form};
use crate::portal_pages::reset_queue::ResetRequest;
use crate::web::Visitor;

const FORGOT: &str = "/.portcullis/password/forgot";
const LOGIN: &str = "ada@example.com";
const NEW: &str = "Battery staple 8?";

fn invitation(token: &str) -> String {
    format!("/.portcullis/invitation/{token}")
}

fn reset(token: &str) -> String {
    format!("/.portcullis/password/reset/{token}")
}

/// Opens the page at an address and sends a password.
async fn choose(site: &TestSite, browser: &mut Browser, address: &str, password: &str) -> Answer {
    let page = browser.get(site, address).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    let mut fields = page.hidden();
    fields.push(("login".to_owned(), "somebody.else@example.com".to_owned()));
    fields.push(("password".to_owned(), password.to_owned()));
    browser.post(site, address, &fields).await
}

async fn ask(site: &TestSite, browser: &mut Browser, login: &str) -> Answer {
    let page = browser.get(site, FORGOT).await;
    let mut fields = page.hidden();
    fields.push(("login".to_owned(), login.to_owned()));
    browser.post(site, FORGOT, &fields).await
}

/// The line of a requirement.
fn line<'a>(page: &'a Answer, rule: &str) -> &'a str {
    let start = format!("<li data-rule=\"{rule}\"");
    let (_, rest) = page.text.split_once(&start).unwrap_or_else(|| panic!("no {rule}"));
    rest.split("</li>").next().unwrap()
}

#[tokio::test]
async fn r40_an_invitation_is_claimed_and_leads_to_signing_in() {
    let site = TestSite::new().await;
    let token = site.invited("acme", LOGIN).await;
    let mut browser = Browser::default();
    let page = browser.get(&site, &invitation(&token)).await;
    assert!(page.text.contains("Choose your password"), "{}", page.text);
    assert!(page.text.contains("<strong>Acme &#38; Söhne</strong>"), "{}", page.text);
    assert!(page.text.contains(&format!("value=\"{LOGIN}\" autocomplete=\"username\" readonly")));
    assert!(page.text.contains("autocomplete=\"new-password\""));

    let answer = choose(&site, &mut browser, &invitation(&token), NEW).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    assert!(!answer.location().contains(&token));
    assert_eq!(site.who(&browser).await, None, "a mailed link starts no session");
    let page = browser.get(&site, answer.location()).await;
    assert!(page.text.contains("Your password is set. You can sign in now."), "{}", page.text);
    assert!(page.text.contains(&format!("value=\"{LOGIN}\"")), "{}", page.text);
    let answer = site.sign_in(&mut browser, LOGIN, NEW).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(site.who(&browser).await.unwrap().2, LOGIN);
}

#[tokio::test]
async fn r32_requirements_are_listed_and_failed_ones_marked() {
    let site = TestSite::new().await;
    let token = site.invited("acme", LOGIN).await;
    let mut browser = Browser::default();
    let page = browser.get(&site, &invitation(&token)).await;
    let rules = ["length", "uppercase", "lowercase", "digit", "symbol", "not-login"];
    for rule in rules {
        assert!(!line(&page, rule).contains("failed"), "{rule}");
    }
    assert!(page.text.contains("data-min=\"12\" data-max=\"128\""));
    assert!(page.text.contains(&format!("data-login=\"{LOGIN}\"")));
    assert!(!page.text.contains("data-rule=\"not-email\""), "there is no other address");

    let answer = choose(&site, &mut browser, &invitation(&token), "ABCDEF").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        answer.text.contains("aria-describedby=\"problem requirements\" aria-invalid=\"true\"")
    );
    assert!(!answer.text.contains("ABCDEF"));
    for rule in rules {
        let missing = ["length", "lowercase", "digit", "symbol"].contains(&rule);
        assert_eq!(line(&answer, rule).contains("failed"), missing, "{rule}");
        assert_eq!(line(&answer, rule).contains("(missing)"), missing, "{rule}");
    }
    let answer = choose(&site, &mut browser, &invitation(&token), " ADA@example.com").await;
    assert!(line(&answer, "not-login").contains("failed"), "{}", answer.text);
    let answer = choose(&site, &mut browser, &invitation(&token), NEW).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "the link is still valid");
}

#[tokio::test]
async fn r33_used_expired_and_unknown_links_get_the_same_page() {
    let mut site = TestSite::new().await;
    let claimed = site.invited("acme", LOGIN).await;
    site.later(1);
    let expired = site.invited("acme", "bob@example.com").await;
    choose(&site, &mut Browser::default(), &invitation(&claimed), NEW).await;
    site.later(72 * 60);
    let unknown = "A".repeat(43);
    for (address, words) in [
        (invitation(&claimed), "This invitation is no longer valid"),
        (invitation(&expired), "This invitation is no longer valid"),
        (invitation(&unknown), "ask Example &#60;IT&#62; for a new invitation"),
        (invitation("x"), "This invitation is no longer valid"),
        (reset(&unknown), "href=\"/.portcullis/password/forgot\""),
        (reset(&claimed), "Request a new link"),
    ] {
        let mut browser = Browser::default();
        let page = browser.get(&site, &address).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{address}");
        assert!(page.text.contains(words), "{address}: {}", page.text);
        assert_eq!(page.header(header::REFERRER_POLICY), "no-referrer");
        let forgot = browser.get(&site, FORGOT).await;
        let mut fields = forgot.hidden();
        fields.push(("password".to_owned(), PASSWORD.to_owned()));
        let answer = browser.post(&site, &address, &fields).await;
        assert_eq!((answer.status, answer.text), (page.status, page.text), "{address}");
    }
    let problem = Browser::default().send(&site, Method::GET, &reset(&unknown), &[], "").await;
    assert_eq!(problem.header(header::CONTENT_TYPE), "application/problem+json");
    assert!(problem.text.contains("urn:portcullis:problem:dead-reset"), "{}", problem.text);
}

#[tokio::test]
async fn a_page_with_a_token_is_neither_cached_nor_referred_to() {
    let site = TestSite::at("https://portal.example").await;
    let token = site.invited("acme", LOGIN).await;
    let page = Browser::default().get(&site, &invitation(&token)).await;
    assert_eq!(page.header(header::CACHE_CONTROL), "no-store");
    // With `no-referrer`, browsers without Fetch Metadata would send `Origin: null`.
    assert_eq!(page.header(header::REFERRER_POLICY), "strict-origin");
    assert!(!page.text.contains(&token), "the form has no action of its own");
}

#[tokio::test]
async fn a_password_form_needs_origin_and_token() {
    let site = TestSite::new().await;
    let token = site.invited("acme", LOGIN).await;
    let address = invitation(&token);
    let mut browser = Browser::default();
    let page = browser.get(&site, &address).await;
    let mut fields = page.hidden();
    fields.push(("password".to_owned(), NEW.to_owned()));
    for headers in [&[][..], &[("sec-fetch-site", "cross-site")], &[("origin", "null")]] {
        let answer = browser.send(&site, Method::POST, &address, headers, &form(&fields)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    let mut stranger = Browser::default();
    stranger.get(&site, FORGOT).await;
    let answer = stranger.post(&site, &address, &fields).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.text.contains("open for too long"), "{}", answer.text);
    let answer = stranger.post(&site, FORGOT, &fields).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let answer = site.sign_in(&mut browser, LOGIN, NEW).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let answer = choose(&site, &mut browser, &address, NEW).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn r33_a_forgotten_password_is_replaced_by_mail() {
    let site = TestSite::new().await;
    site.user("acme", LOGIN, "limited").await;
    let mut session = Browser::default();
    site.sign_in(&mut session, LOGIN, PASSWORD).await;
    let mut browser = Browser::default();
    let page = browser.get(&site, "/.portcullis/sign-in").await;
    assert!(page.text.contains("href=\"/.portcullis/password/forgot\""));
    let answer = ask(&site, &mut browser, " ADA@example.com ").await;
    assert_eq!(answer.status, StatusCode::OK);
    let [(letter, token)] = site.letters().await.try_into().unwrap();
    assert_eq!((&*letter.to, letter.language), (LOGIN, None));
    assert!(site.who(&session).await.is_some(), "opening the page ends nothing");

    let answer = choose(&site, &mut browser, &reset(&token), NEW).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    // R34
    assert_eq!(site.who(&session).await, None);
    assert_eq!(site.who(&browser).await, None, "a mailed link starts no session");
    let answer = site.sign_in(&mut browser, LOGIN, PASSWORD).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(site.sign_in(&mut browser, LOGIN, NEW).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn r33_the_response_is_the_same_for_every_login() {
    let site = TestSite::new().await;
    site.user("acme", LOGIN, "limited").await;
    site.user("acme", "bob", "limited").await;
    site.invited("acme", "ines@example.com").await;
    let long = format!("{}@example.com", "x".repeat(3000));
    let mut answers = Vec::new();
    for login in [LOGIN, LOGIN, "ines@example.com", "bob", "nobody@example.com", "\0", &long] {
        let answer = ask(&site, &mut Browser::default(), login).await;
        let mut names: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
        names.sort();
        answers.push((answer.status, names, answer.text));
    }
    // Also when the queue is not processed, and after too many requests by one address.
    let mut browser = Browser::default();
    for _ in 0..40 {
        let answer = ask(&site, &mut browser, LOGIN).await;
        answers.push((answer.status, answers[0].1.clone(), answer.text));
    }
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
    assert!(!answers[0].2.contains(LOGIN), "the page does not repeat the login");
    let letters = site.letters().await;
    assert_eq!(letters.len(), 7, "an invitation, a link for Ines, and five for Ada");
}

#[tokio::test]
async fn r33_a_reset_needs_a_login() {
    let site = TestSite::new().await;
    for login in ["", "  "] {
        let answer = ask(&site, &mut Browser::default(), login).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.text.contains("aria-invalid=\"true\" aria-describedby=\"problem\""));
    }
    assert!(site.letters().await.is_empty());
}

#[tokio::test]
async fn a_mail_remembers_the_readers_languages() {
    let mut site = TestSite::new().await;
    site.user("acme", LOGIN, "limited").await;
    for (accepted, language) in
        [("fr;q=0.5, de-AT, *", Some("de-AT, fr")), ("*, en;q=0", None), ("xx\"; drop", None)]
    {
        let mut browser = Browser::default();
        let page = browser.get(&site, FORGOT).await;
        let mut fields = page.hidden();
        fields.push(("login".to_owned(), LOGIN.to_owned()));
        let headers = [("sec-fetch-site", "same-origin"), ("accept-language", accepted)];
        browser.send(&site, Method::POST, FORGOT, &headers, &form(&fields)).await;
        let (letter, _) = site.letters().await.pop().unwrap();
        assert_eq!(letter.language.as_deref(), language, "{accepted}");
        site.later(1);
    }
}

#[tokio::test]
async fn the_sign_in_page_trusts_signed_hints_only() {
    let site = TestSite::new().await;
    for query in ["login=ada", "login=ada&chosen=x", "chosen="] {
        let address = format!("/.portcullis/sign-in?{query}");
        let page = Browser::default().get(&site, &address).await;
        assert!(!page.text.contains("Your password is set"), "{query}");
        assert!(!page.text.contains("value=\"ada\""), "{query}");
    }
    let hint = site.pages.state.password_hint("ada", site.now);
    let address = format!("/.portcullis/sign-in?login=bob&chosen={hint}");
    let page = Browser::default().get(&site, &address).await;
    assert!(!page.text.contains("Your password is set"), "the hint is for another login");
}

/// Adds a request to the queue as a visitor does.
fn add(site: &TestSite, login: &str) {
    let visitor = Visitor {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        request_id: String::new(),
        now: site.now,
        host: String::new(),
    };
    let request = ResetRequest::new(login.to_owned(), None, &visitor);
    site.pages.state.resets.add(request);
}

#[tokio::test]
async fn r33_a_flood_of_requests_drops_no_mail() {
    let site = TestSite::new().await;
    site.user("acme", LOGIN, "limited").await;
    for n in 0..10_000 {
        if n == 5000 {
            ask(&site, &mut Browser::default(), LOGIN).await;
        }
        add(&site, &format!("nobody{n}@example.com"));
    }
    for _ in 0..20_000 {
        add(&site, "flood@example.com");
    }
    ask(&site, &mut Browser::default(), &LOGIN.to_uppercase()).await;
    assert_eq!(site.letters().await.len(), 2);
}

#[tokio::test]
async fn r33_a_login_that_is_not_an_address_is_not_queued() {
    let site = TestSite::new().await;
    site.user("acme", "ada", "limited").await;
    let answer = ask(&site, &mut Browser::default(), "ada").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(site.letters().await.is_empty());
}
