use http::{Method, StatusCode};

use crate::portal_pages::fixture::{Answer, Browser, PASSWORD, TestSite, form};

const SESSIONS: &str = "/.portcullis/sessions";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// Signs in with a browser of this `User-Agent`.
async fn signed_in(site: &TestSite, login: &str, agent: &str) -> Browser {
    let mut browser = Browser::default();
    let mut fields = browser.get(site, "/.portcullis/sign-in").await.hidden();
    fields.push(("login".to_owned(), login.to_owned()));
    fields.push(("password".to_owned(), PASSWORD.to_owned()));
    let headers = [("sec-fetch-site", "same-origin"), ("user-agent", agent)];
    let sent = form(&fields);
    let answer = browser.send(site, Method::POST, "/.portcullis/sign-in", &headers, &sent).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    browser
}

/// The ids of the sessions that a page can end.
fn offered(page: &Answer) -> Vec<String> {
    let buttons = page.text.split("name=\"end\" value=\"").skip(1);
    let values = buttons.map(|rest| rest.split('"').next().unwrap().to_owned());
    values.filter(|value| value != "others").collect()
}

async fn end(site: &TestSite, browser: &mut Browser, page: &Answer, which: &str) -> Answer {
    let mut fields = page.hidden();
    fields.push(("end".to_owned(), which.to_owned()));
    browser.post(site, SESSIONS, &fields).await
}

#[tokio::test]
async fn a_portal_user_sees_where_they_are_signed_in() {
    let mut site = TestSite::new().await;
    site.user("acme", "ada", "limited").await;
    site.user("acme", "bob", "limited").await;
    signed_in(&site, "bob", "Bobs/1.0").await;
    signed_in(&site, "ada", FIREFOX).await;
    site.later(25);
    let mut here = signed_in(&site, "ada", "<b>Mine</b> curl/8.5").await;
    let page = here.get(&site, SESSIONS).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("<strong>Firefox on Linux</strong>"), "{}", page.text);
    assert!(page.text.contains("<strong>curl</strong> <span class=\"badge\">This browser</span>"));
    assert!(page.text.contains("192.0.2.1"));
    assert!(page.text.contains(
        "<time datetime=\"2026-11-22T08:00:00Z\" title=\"2026-11-22 08:00 UTC\">25 minutes \
         ago</time>"
    ));
    assert_eq!(offered(&page).len(), 1, "neither this session nor those of other users");
}

#[tokio::test]
async fn a_portal_user_ends_one_of_their_sessions() {
    let site = TestSite::new().await;
    site.user("acme", "ada", "limited").await;
    let lost = signed_in(&site, "ada", FIREFOX).await;
    let other = signed_in(&site, "ada", "Other/1").await;
    let mut here = signed_in(&site, "ada", "Here/1").await;
    let page = here.get(&site, SESSIONS).await;
    let at = page.text.find("Firefox on Linux</strong>").unwrap();
    let id = page.text[at..].split("value=\"").nth(1).unwrap().split('"').next().unwrap();
    let answer = end(&site, &mut here, &page, id).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.text.contains("1 session was signed out."), "{}", answer.text);
    assert_eq!(site.who(&lost).await, None);
    assert!(site.who(&other).await.is_some() && site.who(&here).await.is_some());
    let again = end(&site, &mut here, &page, id).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    assert!(again.text.contains("That session has already ended."));
}

#[tokio::test]
async fn a_portal_user_ends_all_other_sessions_of_their_own() {
    let site = TestSite::new().await;
    site.user("acme", "ada", "limited").await;
    site.user("acme", "bob", "limited").await;
    let bob = signed_in(&site, "bob", FIREFOX).await;
    let others = [signed_in(&site, "ada", "1").await, signed_in(&site, "ada", "2").await];
    let mut here = signed_in(&site, "ada", "3").await;
    let page = here.get(&site, SESSIONS).await;
    let answer = end(&site, &mut here, &page, "others").await;
    assert!(answer.text.contains("2 sessions were signed out."), "{}", answer.text);
    assert!(answer.text.contains("You&#39;re not signed in anywhere else."));
    for other in &others {
        assert_eq!(site.who(other).await, None);
    }
    assert!(site.who(&here).await.is_some() && site.who(&bob).await.is_some());
}

#[tokio::test]
async fn nobody_ends_somebody_elses_session() {
    let site = TestSite::new().await;
    site.user("acme", "ada", "limited").await;
    site.user("acme", "bob", "limited").await;
    let mut ada = signed_in(&site, "ada", "1").await;
    signed_in(&site, "ada", "2").await;
    let mut bob = signed_in(&site, "bob", "3").await;
    // Bob knows the ids of Ada's sessions.
    let adas = ada.get(&site, SESSIONS).await;
    let page = bob.get(&site, SESSIONS).await;
    let answer = end(&site, &mut bob, &page, &offered(&adas)[0]).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    // The token of her form, no token, and another site do not help.
    for (fields, origin) in
        [(adas.hidden(), "same-origin"), (Vec::new(), "same-origin"), (page.hidden(), "cross-site")]
    {
        let fields = [fields, vec![("end".to_owned(), "others".to_owned())]].concat();
        let headers = [("sec-fetch-site", origin)];
        let answer = bob.send(&site, Method::POST, SESSIONS, &headers, &form(&fields)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin}");
    }
    assert_eq!(offered(&ada.get(&site, SESSIONS).await).len(), 1, "both are still there");
}

#[tokio::test]
async fn only_portal_users_have_a_session_list() {
    let site = TestSite::new().await;
    let link = site.link("acme").await;
    let mut by_link = Browser::default();
    by_link.get(&site, &link).await;
    let answer = by_link.get(&site, SESSIONS).await;
    let led = (answer.status, answer.location());
    assert_eq!(led, (StatusCode::SEE_OTHER, "/.portcullis/sign-out"));
    let page = by_link.get(&site, "/.portcullis/sign-out").await;
    assert!(!page.text.contains(SESSIONS), "{}", page.text);
    let fields = [page.hidden(), vec![("end".to_owned(), "others".to_owned())]].concat();
    let answer = by_link.post(&site, SESSIONS, &fields).await;
    assert_eq!(answer.location(), "/.portcullis/sign-out");

    site.user("globex", "ada", "limited").await;
    let mut nobody = Browser::default();
    let answer = nobody.get(&site, SESSIONS).await;
    assert_eq!(answer.location(), "/.portcullis/sign-in?return_to=%2F.portcullis%2Fsessions");
    let address = answer.location().to_owned();
    let answer = site.sign_in_at(&mut nobody, &address, "ada", PASSWORD).await;
    assert_eq!(answer.location(), SESSIONS);
}

#[tokio::test]
async fn the_session_list_leads_to_another_password() {
    let site = TestSite::new().await;
    site.user("acme", "ada", "limited").await;
    let page = signed_in(&site, "ada", FIREFOX).await.get(&site, SESSIONS).await.text;
    assert!(page.contains("href=\"/.portcullis/account/password\""), "{page}");
}
