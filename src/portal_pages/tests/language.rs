use http::{Method, StatusCode, header};

use crate::portal_pages::fixture::{Browser, TestSite};

const SIGN_IN: &str = "/.portcullis/sign-in";

#[tokio::test]
async fn a_page_is_in_a_language_that_the_reader_accepts() {
    let site = TestSite::new().await;
    for (accepted, language, title) in [
        ("de-AT,de;q=0.9,en;q=0.8", "de", "Anmelden"),
        ("en-GB, de;q=0.5", "en", "Sign in"),
        ("fr", "en", "Sign in"),
    ] {
        let headers = [("accept", "text/html"), ("accept-language", accepted)];
        let page = Browser::default().send(&site, Method::GET, SIGN_IN, &headers, "").await;
        assert_eq!(page.header(header::CONTENT_LANGUAGE), language, "{accepted}");
        assert_eq!(page.header(header::VARY), "accept-language");
        assert!(page.text.contains(&format!("<html lang=\"{language}\">")), "{accepted}");
        assert!(page.text.contains(&format!("<h1>{title}</h1>")), "{accepted}");
    }
}

#[tokio::test]
async fn the_script_takes_its_texts_from_the_page() {
    let site = TestSite::new().await;
    let headers = [("accept", "text/html"), ("accept-language", "de")];
    let page = Browser::default().send(&site, Method::GET, SIGN_IN, &headers, "").await;
    assert!(page.text.contains("data-show=\"Anzeigen\""), "{}", page.text);
    let script = page.text.split('"').find(|text| text.ends_with(".js")).unwrap().to_owned();
    let script = Browser::default().get(&site, &script).await;
    assert!(script.text.starts_with("\"use strict\";\n{\n"), "{}", script.text);
    assert!(script.text.contains("data.show"), "{}", script.text);
}

#[tokio::test]
async fn problem_documents_are_in_english() {
    let site = TestSite::new().await;
    let headers = [("accept-language", "de")];
    let answer =
        Browser::default().send(&site, Method::GET, "/.portcullis/none", &headers, "").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.text.contains("Page not found"), "{}", answer.text);
}
