use http::{Method, StatusCode, header};

use crate::config::Hsts;
use crate::portal_pages::fixture::{Browser, TestSite, settings};

#[tokio::test]
async fn every_response_has_the_protecting_headers() {
    let site = TestSite::at("https://portal.example").await;
    let link = site.link("acme").await;
    for address in ["/.portcullis/sign-in", "/.portcullis/sign-out", "/.portcullis/none", &link] {
        let answer = Browser::default().get(&site, address).await;
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store", "{address}");
        assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        let policy = answer.header(header::CONTENT_SECURITY_POLICY);
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"));
        assert!(policy.contains("frame-ancestors 'none'"));
        // Never a path, which may contain the token of a link.
        assert!(["no-referrer", "strict-origin"].contains(&answer.header(header::REFERRER_POLICY)));
        for line in answer.headers.get_all(header::SET_COOKIE) {
            let line = line.to_str().unwrap();
            assert!(line.starts_with("__Host-"), "{line}");
            assert!(line.contains("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{line}");
        }
    }
}

#[tokio::test]
async fn hsts_is_sent_if_switched_on_and_over_https() {
    for (public_url, hsts, sent) in [
        ("https://portal.example", Hsts::Off, None),
        ("https://portal.example", Hsts::Host, Some("max-age=63072000")),
        ("https://portal.example", Hsts::Subdomains, Some("max-age=63072000; includeSubDomains")),
        ("http://portal.example", Hsts::Host, None),
        ("http://portal.example", Hsts::Subdomains, None),
    ] {
        let mut settings = settings(public_url);
        settings.server.hsts = hsts;
        let site = TestSite::with(&settings).await;
        for address in ["/.portcullis/sign-in", "/.portcullis/none"] {
            let answer = Browser::default().get(&site, address).await;
            let value = answer.headers.get(header::STRICT_TRANSPORT_SECURITY);
            assert_eq!(value.map(|value| value.to_str().unwrap()), sent, "{public_url} {hsts:?}");
        }
    }
}

#[tokio::test]
async fn cookies_over_plain_http_have_no_host_prefix() {
    let site = TestSite::new().await;
    let answer = Browser::default().get(&site, "/.portcullis/sign-in").await;
    assert!(answer.header(header::SET_COOKIE).starts_with("portcullis-form="));
}

#[tokio::test]
async fn assets_are_ours_and_cached_forever() {
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
async fn unknown_paths_are_404_as_a_page_or_a_problem() {
    let site = TestSite::new().await;
    for address in
        ["/.portcullis/", "/.portcullis/mfa/", "/.portcullis/sign-in/", "/.portcullis/link/"]
    {
        let page = Browser::default().get(&site, address).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{address}");
        assert!(page.text.contains("Page not found"));
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
async fn visitors_input_is_escaped() {
    let site = TestSite::new().await;
    let mut browser = Browser::default();
    let spiteful = "\"><script>alert(1)</script>";
    let answer = site.sign_in(&mut browser, spiteful, "x").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(!answer.text.contains("<script>alert"), "{}", answer.text);
}
