//! Recovery codes: the file, how many are left, and new ones.

use http::{Method, StatusCode, header};

use crate::directory::accounts::users::UserPatch;
use crate::directory::fixture::by_operator;
use crate::portal_pages::fixture::{Answer, Browser, PASSWORD, TestSite, form};
use crate::portal_pages::tests::mfa::{recovery_codes, secret};

const SET_UP: &str = "/.portcullis/mfa/setup";
const FILE: &str = "/.portcullis/mfa/recovery-codes.txt";

/// Ada, who has just set up her second factor, and the page with her codes.
async fn site() -> (TestSite, Browser, Answer) {
    let site = TestSite::new().await;
    let id = site.user("acme", "ada", "limited").await.id;
    let patch = UserPatch { require_mfa: Some(true), ..UserPatch::default() };
    site.directory.users().change(&id, patch, &by_operator()).await.unwrap();
    let mut browser = Browser::default();
    site.sign_in(&mut browser, "ada", PASSWORD).await;
    let page = browser.get(&site, SET_UP).await;
    let mut fields = page.hidden();
    fields.push(("code".to_owned(), secret(&page).code(site.now)));
    let page = browser.post(&site, SET_UP, &fields).await;
    (site, browser, page)
}

#[tokio::test]
async fn r51_recovery_codes_can_be_saved_as_a_file() {
    let (site, mut browser, page) = site().await;
    let file = browser.post(&site, FILE, &page.hidden()).await;
    assert_eq!(file.status, StatusCode::OK);
    assert_eq!(file.header(header::CONTENT_TYPE), "text/plain; charset=utf-8");
    assert_eq!(
        file.header(header::CONTENT_DISPOSITION),
        "attachment; filename=\"recovery-codes.txt\""
    );
    assert_eq!(file.header(header::CACHE_CONTROL), "no-store");
    let lines: Vec<_> = file.text.split("\r\n").collect();
    assert_eq!(
        lines[..3],
        [
            "Recovery codes for two-step sign-in at Example <IT>",
            "Login: ada",
            "Created: 2026-11-22"
        ]
    );
    assert_eq!(lines[4..14], recovery_codes(&page));
}

#[tokio::test]
async fn r51_recovery_file_holds_nothing_but_codes() {
    let (site, mut browser, page) = site().await;
    let hidden = page.hidden();
    let csrf = &hidden[0];
    for codes in ["", "a text of another site", "aaaa-bbbb", &"abcd-efgh-ijkl-mnop ".repeat(11)] {
        let fields = [csrf.clone(), ("codes".to_owned(), codes.to_owned())];
        let answer = browser.post(&site, FILE, &fields).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{codes}");
    }
    let answer = browser.post(&site, FILE, &hidden[1..]).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "without the token of the form");
    let foreign = [("sec-fetch-site", "cross-site")];
    let answer = browser.send(&site, Method::POST, FILE, &foreign, &form(&hidden)).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.get(&site, FILE).await.status, StatusCode::METHOD_NOT_ALLOWED);
}
