use http::{Method, StatusCode, header};

use crate::portal_pages::fixture::{Browser, TestSite};

#[tokio::test]
async fn every_answer_carries_the_headers_that_protect_it() {
    let site = TestSite::at("https://portal.example").await;
    let link = site.link("acme").await;
    for address in ["/.portcullis/sign-in", "/.portcullis/sign-out", "/.portcullis/none", &link] {
        let answer = Browser::default().get(&site, address).await;
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store", "{address}");
        assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert!(answer.header(header::STRICT_TRANSPORT_SECURITY).starts_with("max-age="));
        let policy = answer.header(header::CONTENT_SECURITY_POLICY);
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"));
        assert!(policy.contains("frame-ancestors 'none'"));
        // Never a path: it may hold the token of a link.
        assert!(["no-referrer", "strict-origin"].contains(&answer.header(header::REFERRER_POLICY)));
        for line in answer.headers.get_all(header::SET_COOKIE) {
            let line = line.to_str().unwrap();
            assert!(line.starts_with("__Host-"), "{line}");
            assert!(line.contains("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{line}");
        }
    }
}

#[tokio::test]
async fn over_plain_http_nothing_is_promised_about_tls() {
    let site = TestSite::new().await;
    let answer = Browser::default().get(&site, "/.portcullis/sign-in").await;
    assert!(!answer.headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
    assert!(answer.header(header::SET_COOKIE).starts_with("portcullis-form="));
}

#[tokio::test]
async fn what_a_page_loads_is_ours_and_kept_for_good() {
    let site = TestSite::new().await;
    let page = Browser::default().get(&site, "/.portcullis/sign-in").await;
    let assets: Vec<&str> =
        page.text.split('"').filter(|text| text.starts_with("/.portcullis/assets/")).collect();
    assert_eq!(assets.len(), 3, "{}", page.text);
    for asset in assets {
        let answer = Browser::default().get(&site, asset).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.header(header::CACHE_CONTROL).contains("immutable"));
    }
    let answer = Browser::default().get(&site, "/.portcullis/assets/style.css").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
}

#[tokio::test]
async fn what_is_not_there_is_told_as_a_page_or_as_a_problem() {
    let site = TestSite::new().await;
    for address in
        ["/.portcullis/", "/.portcullis/mfa/", "/.portcullis/sign-in/", "/.portcullis/link/"]
    {
        let page = Browser::default().get(&site, address).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{address}");
        assert!(page.text.contains("There is no such page"));
        let none = &[][..];
        let problem = Browser::default().send(&site, Method::GET, address, none, "").await;
        assert_eq!(problem.header(header::CONTENT_TYPE), "application/problem+json");
    }
    let answer = Browser::default()
        .send(&site, Method::DELETE, "/.portcullis/sign-in", &[("accept", "text/html")], "")
        .await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn what_a_visitor_sends_is_shown_as_text() {
    let site = TestSite::new().await;
    let mut browser = Browser::default();
    let spiteful = "\"><script>alert(1)</script>";
    let answer = site.sign_in(&mut browser, spiteful, "x").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(!answer.text.contains("<script>alert"), "{}", answer.text);
}
