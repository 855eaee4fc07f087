use http::StatusCode;

use crate::directory::accounts::preferences::PreferencesPatch;
use crate::directory::fixture::by_operator;
use crate::portal_pages::fixture::{Browser, PASSWORD, TestSite};

fn link_session(organization: &str) -> Option<(&'static str, String, String)> {
    Some(("link", organization.to_owned(), String::new()))
}

#[tokio::test]
async fn r11_a_link_opens_a_session_and_leaves_the_address() {
    let site = TestSite::new().await;
    let link = site.link("acme").await;
    let mut browser = Browser::default();
    let answer = browser.get(&site, &link).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/"));
    assert_eq!(site.who(&browser).await, link_session("acme"));

    let answer = browser.get(&site, &format!("{link}?to=%2Finvoices%2F7")).await;
    assert_eq!(answer.location(), "/invoices/7");
    let answer = browser.get(&site, &format!("{link}?to=%2F%2Fevil.example")).await;
    assert_eq!(answer.location(), "/");
}

#[tokio::test]
async fn r10_a_link_that_is_wrong_rotated_or_off_opens_nothing() {
    let site = TestSite::new().await;
    let old = site.link("acme").await;
    site.directory.secure_links().rotate(&"acme".into(), &by_operator()).await.unwrap();
    let fresh = site.link("acme").await;
    let off = site.link("globex").await;
    site.directory
        .secure_links()
        .set_enabled(&"globex".into(), false, &by_operator())
        .await
        .unwrap();
    for dead in [&old, &off, "/.portcullis/link/x", "/.portcullis/link/%C3%A4"] {
        let mut browser = Browser::default();
        let answer = browser.get(&site, dead).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{dead}");
        assert!(answer.text.contains("Ask Example &#60;IT&#62; for the current link"));
        assert!(!answer.text.contains(dead.rsplit('/').next().unwrap()) || dead.len() < 30);
        assert_eq!(site.who(&browser).await, None);
    }
    let mut browser = Browser::default();
    browser.get(&site, &fresh).await;
    assert_eq!(site.who(&browser).await, link_session("acme"));
}

#[tokio::test]
async fn r12_a_link_leads_to_sign_in_once_there_is_a_portal_user() {
    let site = TestSite::new().await;
    let link = site.link("acme").await;
    site.user("acme", "ada", "limited").await;
    let mut browser = Browser::default();
    let answer = browser.get(&site, &format!("{link}?to=/invoices/7")).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let address = answer.location().to_owned();
    assert!(
        address.starts_with("/.portcullis/sign-in?return_to=%2Finvoices%2F7&organization=acme"),
        "{address}"
    );
    assert_eq!(site.who(&browser).await, None);
    let page = browser.get(&site, &address).await;
    assert!(page.text.contains("To open the portal"), "{}", page.text);
    assert!(page.text.contains("Acme &#38; Söhne"), "the organization is kept");
    let answer = site.sign_in_at(&mut browser, &address, "ada", PASSWORD).await;
    assert_eq!(answer.location(), "/invoices/7");
}

#[tokio::test]
async fn r12_the_organizations_name_needs_a_signed_hint() {
    let site = TestSite::new().await;
    for hint in ["", "&hint=x"] {
        let address = format!("/.portcullis/sign-in?organization=globex{hint}");
        let page = Browser::default().get(&site, &address).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(!page.text.contains("Globex"), "{}", page.text);
    }
}

#[tokio::test]
async fn r13_without_the_preference_a_link_works_for_everybody() {
    let site = TestSite::new().await;
    site.user("acme", "ada", "limited").await;
    let patch = PreferencesPatch {
        secure_with_password_if_portal_users_exist: Some(false),
        ..PreferencesPatch::default()
    };
    site.directory.preferences().change(patch, &by_operator()).await.unwrap();
    let link = site.link("acme").await;
    let mut browser = Browser::default();
    browser.get(&site, &link).await;
    assert_eq!(site.who(&browser).await, link_session("acme"));
}

#[tokio::test]
async fn r14_a_link_session_is_over_once_there_is_a_portal_user() {
    let site = TestSite::new().await;
    let link = site.link("acme").await;
    let mut browser = Browser::default();
    browser.get(&site, &link).await;
    assert!(site.who(&browser).await.is_some());
    site.user("acme", "ada", "limited").await;
    assert_eq!(site.who(&browser).await, None);
}

#[tokio::test]
async fn r19_another_link_replaces_a_link_session() {
    let site = TestSite::new().await;
    let (acme, globex) = (site.link("acme").await, site.link("globex").await);
    let mut browser = Browser::default();
    browser.get(&site, &acme).await;
    let before = browser.clone();
    let answer = browser.get(&site, &globex).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(site.who(&browser).await, link_session("globex"));
    assert_eq!(site.who(&before).await, None);
}

#[tokio::test]
async fn r19_a_link_asks_before_it_replaces_a_users_session() {
    let site = TestSite::new().await;
    site.user("acme", "ada", "limited").await;
    let link = site.link("globex").await;
    let mut browser = Browser::default();
    site.sign_in(&mut browser, "ada", PASSWORD).await;
    let page = browser.get(&site, &format!("{link}?to=/invoices/7")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("<strong>ada</strong>") && page.text.contains("Globex"));
    assert_eq!(site.who(&browser).await.unwrap().0, "user");

    // No token and the token of another session are refused.
    let answer = browser.post(&site, &link, &[]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let mut other = Browser::default();
    site.sign_in(&mut other, "ada", PASSWORD).await;
    let foreign = other.get(&site, &link).await.hidden();
    let answer = browser.post(&site, &link, &foreign).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(site.who(&browser).await.unwrap().0, "user");

    let before = browser.clone();
    let answer = browser.post(&site, &link, &page.hidden()).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/invoices/7"));
    assert_eq!(site.who(&browser).await, link_session("globex"));
    assert_eq!(site.who(&before).await, None);
}

#[tokio::test]
async fn r19_a_users_own_organizations_link_keeps_the_session() {
    let site = TestSite::new().await;
    site.user("acme", "ada", "limited").await;
    let link = site.link("acme").await;
    let mut browser = Browser::default();
    site.sign_in(&mut browser, "ada", PASSWORD).await;
    let answer = browser.get(&site, &format!("{link}?to=/invoices/7")).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/invoices/7"));
    assert_eq!(site.who(&browser).await.unwrap().2, "ada");
}
