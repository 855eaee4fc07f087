use crate::credential::secret::Secret;
use crate::directory::fixture::by_operator_at;
use crate::directory::{Actor, Change};
use crate::portal_pages::fixture::{Browser, PASSWORD, TestSite};
use crate::session::SessionFilter;

const SIGN_IN: &str = "/.portcullis/sign-in?return_to=%2Finvoices%2F7";

/// A site, its user `ada`, and the browser in which she has signed in.
async fn signed_in() -> (TestSite, SessionFilter, Browser) {
    let site = TestSite::new().await;
    let ada = site.user("acme", "ada", "limited").await;
    let mut browser = Browser::default();
    site.sign_in_at(&mut browser, SIGN_IN, "ada", PASSWORD).await;
    assert!(site.who(&browser).await.is_some());
    (site, SessionFilter::User(ada.id), browser)
}

#[tokio::test]
async fn an_idle_session_has_its_reason_and_its_login() {
    let (mut site, _, mut browser) = signed_in().await;
    site.later(31);
    // Before and after its record is removed.
    for _ in 0..2 {
        let page = browser.clone().get(&site, SIGN_IN).await.text;
        assert!(page.contains("hadn&#39;t used the portal for a while"), "{page}");
        assert!(page.contains("value=\"ada\""), "{page}");
        assert!(page.contains("for <strong>Acme &#38; Söhne</strong>"), "{page}");
        site.sessions.sweep(site.now).await.unwrap();
    }
    let answer = site.sign_in_at(&mut browser, SIGN_IN, "ada", PASSWORD).await;
    assert_eq!(answer.location(), "/invoices/7");
}

#[tokio::test]
async fn a_long_session_has_another_reason() {
    let (mut site, _, mut browser) = signed_in().await;
    for _ in 0..36 {
        site.later(20);
        site.who(&browser).await;
    }
    let page = browser.get(&site, SIGN_IN).await.text;
    assert!(page.contains("because you signed in a long time ago"), "{page}");
}

#[tokio::test]
async fn a_session_that_was_ended_says_by_whom() {
    for (actor, reason) in [
        (Some(Actor::SocketOwner), "Example &#60;IT&#62; has ended your session."),
        (None, "you signed out this browser from another one."),
    ] {
        let (site, filter, mut browser) = signed_in().await;
        let SessionFilter::User(id) = &filter else { unreachable!() };
        let actor = actor.unwrap_or(Actor::PortalUser { id: id.clone() });
        site.sessions.end_all(&filter, &Change::new(actor, site.now)).await.unwrap();
        let page = browser.get(&site, SIGN_IN).await.text;
        assert!(page.contains(reason), "{page}");
    }
}

#[tokio::test]
async fn r34_a_changed_password_is_the_reason() {
    let (site, filter, mut browser) = signed_in().await;
    let SessionFilter::User(id) = &filter else { unreachable!() };
    let change = by_operator_at(site.now);
    let password = Secret::from("Another horse 8!");
    site.directory.users().set_password(id, password, &change).await.unwrap();
    for _ in 0..2 {
        let page = browser.get(&site, SIGN_IN).await.text;
        assert!(page.contains("because your password was changed"), "{page}");
        site.sessions.end_all(&filter, &change).await.unwrap();
    }
}

#[tokio::test]
async fn strangers_learn_nothing_of_sessions() {
    let (mut site, _, browser) = signed_in().await;
    site.later(31);
    let token = &browser.cookies["portcullis"];
    let mut invented = Browser::default();
    invented.cookies.insert("portcullis".to_owned(), "A".repeat(token.len()));
    let page = invented.get(&site, SIGN_IN).await.text;
    assert!(page.contains("Your session has ended. Please sign in again."), "{page}");
    assert!(!page.contains("ada") && !page.contains("Acme"), "{page}");
    let page = Browser::default().get(&site, SIGN_IN).await.text;
    assert!(!page.contains("session has ended"), "{page}");
}

#[tokio::test]
async fn r11_a_visitor_by_link_opens_the_link_again() {
    let mut site = TestSite::new().await;
    let mut browser = Browser::default();
    browser.get(&site, &site.link("acme").await).await;
    let page = browser.clone().get(&site, "/.portcullis/sign-in").await.text;
    assert!(page.contains("<form"), "in the session, signing in is offered: {page}");
    site.later(31);
    let page = browser.get(&site, SIGN_IN).await.text;
    assert!(page.contains("To come back, open that link again."), "{page}");
    assert!(!page.contains("<form") && !page.contains("class=\"button\""), "{page}");
    let address = "/.portcullis/sign-in?switch=1&#38;return_to=%2Finvoices%2F7";
    assert!(page.contains(address), "{page}");
    site.user("acme", "ada", "limited").await;
    let address = address.replace("&#38;", "&");
    let answer = site.sign_in_at(&mut browser, &address, "ada", PASSWORD).await;
    assert_eq!(answer.location(), "/invoices/7");
    // From now on the browser is its user's.
    site.later(31);
    let page = browser.get(&site, SIGN_IN).await.text;
    assert!(page.contains("hadn&#39;t used the portal for a while"), "{page}");
}

#[tokio::test]
async fn i6_a_locked_sign_in_counts_down_and_says_what_helps() {
    let site = TestSite::new().await;
    site.user("acme", "ada", "limited").await;
    let mut browser = Browser::default();
    let page = loop {
        let page = site.sign_in_at(&mut browser, SIGN_IN, "ada", "Wrong horse 7!").await;
        if page.status != http::StatusCode::UNAUTHORIZED {
            break page.text;
        }
        assert!(!page.text.contains("data-left"), "{}", page.text);
    };
    assert!(page.contains("data-over=\"You can try again now.\""), "{page}");
    assert!(page.contains("data-left=\""), "{page}");
    assert!(page.contains("sign in right away"), "{page}");
    assert!(page.contains("/.portcullis/password/forgot?login=ada\""), "{page}");
    let page = browser.get(&site, "/.portcullis/password/forgot?login=ada").await.text;
    assert!(page.contains("value=\"ada\""), "{page}");
}
