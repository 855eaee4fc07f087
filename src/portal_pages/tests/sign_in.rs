use http::{Method, StatusCode, header};

use crate::portal_pages::fixture::{Browser, PASSWORD, TestSite, form};

const SIGN_IN: &str = "/.portcullis/sign-in";
const SIGN_OUT: &str = "/.portcullis/sign-out";

#[tokio::test]
async fn r61_signing_in_leads_to_the_requested_address() {
    let site = TestSite::new().await;
    site.user("acme", "ada", "limited").await;
    let mut browser = Browser::default();
    let address = "/.portcullis/sign-in?return_to=%2Finvoices%2F7%3Fa%3Db%26c";
    let answer = site.sign_in_at(&mut browser, address, " ADA ", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    assert_eq!(answer.location(), "/invoices/7?a=b&c");
    let who = site.who(&browser).await;
    assert_eq!(who, Some(("user", "acme".to_owned(), "ada".to_owned())));
}

#[tokio::test]
async fn r61_signing_in_never_leads_to_another_site() {
    let site = TestSite::new().await;
    site.user("acme", "ada", "limited").await;
    for place in ["//evil.example", "https://evil.example", "/\\evil.example", "/.portcullis/x"] {
        let mut browser = Browser::default();
        let page = browser.get(&site, SIGN_IN).await;
        let mut fields = page.hidden();
        fields.retain(|(name, _)| name != "return_to");
        for (name, value) in [("login", "ada"), ("password", PASSWORD), ("return_to", place)] {
            fields.push((name.to_owned(), value.to_owned()));
        }
        let answer = browser.post(&site, SIGN_IN, &fields).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/"), "{place}");
    }
}

#[tokio::test]
async fn an_unknown_login_and_a_wrong_password_get_the_same_page() {
    let site = TestSite::new().await;
    site.user("acme", "ada", "limited").await;
    let mut pages = Vec::new();
    for (login, password) in [("ada", "Wrong horse 7!"), ("nobody", PASSWORD)] {
        let mut browser = Browser::default();
        let answer = site.sign_in(&mut browser, login, password).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(site.who(&browser).await, None);
        let csrf = answer.hidden().swap_remove(0).1;
        let kept = format!("value=\"{login}\"");
        assert!(answer.text.contains(&kept), "the login is kept");
        assert!(!answer.text.contains(password));
        let forgot = format!("?login={login}");
        assert!(answer.text.contains(&forgot), "also for a reset");
        let page = answer.text.replace(&kept, "LOGIN").replace(&forgot, "?LOGIN");
        pages.push(page.replace(&csrf, "CSRF"));
    }
    assert_eq!(pages[0], pages[1]);
    assert!(pages[0].contains("role=\"alert\""));
    assert!(pages[0].contains("aria-invalid=\"true\" aria-describedby=\"problem\""));
}

#[tokio::test]
async fn r8_no_portal_access_gets_a_notice_and_no_session() {
    let site = TestSite::new().await;
    site.user("acme", "ada", "no-access").await;
    let mut browser = Browser::default();
    let answer = site.sign_in(&mut browser, "ada", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.text.contains("Your account can&#39;t use the portal"), "{}", answer.text);
    assert_eq!(site.who(&browser).await, None);

    let answer = site.sign_in(&mut browser, "ada", "Wrong horse 7!").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "the notice needs the right password");
}

#[tokio::test]
async fn a_sign_in_replaces_the_session() {
    let site = TestSite::new().await;
    site.user("acme", "ada", "limited").await;
    site.user("globex", "bob", "limited").await;
    let mut browser = Browser::default();
    site.sign_in(&mut browser, "ada", PASSWORD).await;
    let before = browser.clone();
    let again = site.sign_in(&mut browser, "bob", PASSWORD).await;
    assert_eq!(again.status, StatusCode::SEE_OTHER);
    assert_ne!(before.cookies["portcullis"], browser.cookies["portcullis"]);
    assert_eq!(site.who(&before).await, None);
    assert_eq!(site.who(&browser).await.unwrap().2, "bob");
}

#[tokio::test]
async fn a_planted_token_does_not_become_a_session() {
    let site = TestSite::new().await;
    site.user("acme", "ada", "limited").await;
    let mut browser = Browser::default();
    let planted = crate::credential::token::PlainToken::generate();
    browser.cookies.insert("portcullis".to_owned(), planted.expose().to_owned());
    let with_planted = browser.clone();
    site.sign_in(&mut browser, "ada", PASSWORD).await;
    assert!(site.who(&browser).await.is_some());
    assert_eq!(site.who(&with_planted).await, None);
}

#[tokio::test]
async fn a_form_from_another_site_is_refused() {
    let site = TestSite::new().await;
    site.user("acme", "ada", "limited").await;
    for headers in [
        &[][..],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("origin", "http://portal.example:8080")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
    ] {
        let mut browser = Browser::default();
        let mut fields = browser.get(&site, SIGN_IN).await.hidden();
        fields.push(("login".to_owned(), "ada".to_owned()));
        fields.push(("password".to_owned(), PASSWORD.to_owned()));
        let sent = form(&fields);
        let answer = browser.send(&site, Method::POST, SIGN_IN, headers, &sent).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?}");
        assert_eq!(site.who(&browser).await, None, "{headers:?}");
        // Sent by our page, the same form works.
        let ours = [("origin", "http://portal.example:8080")];
        let answer = browser.send(&site, Method::POST, SIGN_IN, &ours, &sent).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{headers:?}");
    }
}

#[tokio::test]
async fn a_form_needs_its_visitors_token() {
    let mut site = TestSite::new().await;
    site.user("acme", "ada", "limited").await;
    let mut other = Browser::default();
    let foreign = other.get(&site, SIGN_IN).await.hidden().swap_remove(0).1;
    let mut browser = Browser::default();
    let own = browser.get(&site, SIGN_IN).await.hidden().swap_remove(0).1;
    site.later(12 * 60);
    for csrf in ["", "x", &foreign, &own] {
        let mut fields = vec![("csrf".to_owned(), csrf.to_owned())];
        fields.push(("login".to_owned(), "ada".to_owned()));
        fields.push(("password".to_owned(), PASSWORD.to_owned()));
        let answer = browser.post(&site, SIGN_IN, &fields).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.text.contains("open for too long"), "{}", answer.text);
        assert_eq!(site.who(&browser).await, None);
        // The page that came back works.
        let mut fields = answer.hidden();
        fields.push(("login".to_owned(), "ada".to_owned()));
        fields.push(("password".to_owned(), PASSWORD.to_owned()));
        let mut again = browser.clone();
        let answer = again.post(&site, SIGN_IN, &fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
    }
}

#[tokio::test]
async fn a_malformed_form_is_refused() {
    let site = TestSite::new().await;
    let ours = [("sec-fetch-site", "same-origin")];
    for body in ["login=a&login=b", "%", "login=%ff", &"a".repeat(20_000)] {
        let answer = Browser::default().send(&site, Method::POST, SIGN_IN, &ours, body).await;
        assert!(answer.status.is_client_error(), "{} {body:.20}", answer.status);
        assert!(!answer.headers.contains_key(header::LOCATION));
    }
}

#[tokio::test]
async fn i6_lockout_spares_a_known_browser() {
    let site = TestSite::new().await;
    site.user("acme", "ada", "limited").await;
    let mut known = Browser::default();
    site.sign_in(&mut known, "ada", PASSWORD).await;

    let mut stranger = Browser::default();
    for _ in 0..5 {
        let answer = site.sign_in(&mut stranger, "ada", "Wrong horse 7!").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let answer = site.sign_in(&mut stranger, "ada", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header(header::RETRY_AFTER), "30");
    assert!(answer.text.contains(">in 30 seconds</time>"), "{}", answer.text);
    assert_eq!(site.who(&stranger).await, None);

    let answer = site.sign_in(&mut known, "ada", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn r63_signing_out_ends_the_session_on_the_server() {
    let site = TestSite::new().await;
    site.user("acme", "ada", "limited").await;
    let mut browser = Browser::default();
    site.sign_in(&mut browser, "ada", PASSWORD).await;
    let stolen = browser.clone();

    let page = browser.get(&site, SIGN_OUT).await;
    assert!(page.text.contains("<strong>ada</strong>"));
    assert!(site.who(&stolen).await.is_some(), "opening the page ends nothing");
    let answer = browser.post(&site, SIGN_OUT, &page.hidden()).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(!browser.cookies.contains_key("portcullis"));
    assert_eq!(site.who(&stolen).await, None);
    let page = browser.get(&site, SIGN_OUT).await;
    assert!(page.text.contains("You&#39;re signed out"));
}

#[tokio::test]
async fn r63_signing_out_needs_the_sessions_own_form() {
    let site = TestSite::new().await;
    site.user("acme", "ada", "limited").await;
    let mut browser = Browser::default();
    site.sign_in(&mut browser, "ada", PASSWORD).await;
    let fields = browser.get(&site, SIGN_OUT).await.hidden();
    let foreign = [("sec-fetch-site", "cross-site")];
    let answer = browser.send(&site, Method::POST, SIGN_OUT, &foreign, &form(&fields)).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(site.who(&browser).await.is_some());
    let answer = browser.post(&site, SIGN_OUT, &[]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(site.who(&browser).await.is_some());
}
