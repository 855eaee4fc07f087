use std::collections::HashMap;
use std::path::Path;

use http::{StatusCode, header};

use crate::config::Settings;
use crate::portal_pages::fixture::{Answer, Browser, TestSite, settings};

const SIGN_IN: &str = "/.portcullis/sign-in";

fn branded(branding: &str) -> Settings {
    let text = format!(
        "[server]\npublic_url = \"http://portal.example:8080\"\n\
         [upstream]\nservers = [\"http://127.0.0.1:9000\"]\n[branding]\n{branding}"
    );
    Settings::parse(&text, Path::new("test.toml"), &HashMap::new()).unwrap()
}

/// The file of this kind that the page loads.
async fn asset(site: &TestSite, page: &Answer, extension: &str) -> Answer {
    let address = page.text.split('"').find(|text| text.ends_with(extension)).unwrap().to_owned();
    assert!(address.starts_with("/.portcullis/assets/"), "{address}");
    let answer = Browser::default().get(site, &address).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.header(header::CACHE_CONTROL).contains("immutable"));
    answer
}

#[tokio::test]
async fn r62_the_colours_are_rules_of_the_style_sheet() {
    let site = TestSite::with(&branded("name = \"Example IT\"\naccent = \"#7a1fa2\"")).await;
    let page = Browser::default().get(&site, SIGN_IN).await;
    assert!(page.text.contains("<title>Sign in – Example IT</title>"), "{}", page.text);
    assert!(!page.text.contains("style="), "the content security policy forbids it");
    let style = asset(&site, &page, ".css").await;
    assert!(style.text.starts_with(":root{--ground:#f4f5f7;--card:#ffffff;--fill:#7a1fa2;"));
    assert!(style.text.contains("--on-fill:#ffffff;--accent:#7a1fa2;"), "{}", style.text);
    assert!(!style.text.contains("/*--"));

    let other = TestSite::with(&branded("accent = \"#7a1fa3\"")).await;
    let other = Browser::default().get(&other, SIGN_IN).await;
    let name =
        |page: &Answer| page.text.split('"').find(|t| t.ends_with(".css")).unwrap().to_owned();
    assert_ne!(name(&page), name(&other), "another colour is another file");
}

#[tokio::test]
async fn r62_every_colour_that_a_rule_uses_is_there() {
    let site = TestSite::with(&settings("http://portal.example:8080")).await;
    let page = Browser::default().get(&site, SIGN_IN).await;
    let style = asset(&site, &page, ".css").await.text;
    for used in style.split("var(").skip(1) {
        let name = used.split(')').next().unwrap();
        assert!(style.contains(&format!("{name}:")), "{name} is nowhere set");
    }
}

#[tokio::test]
async fn r62_the_logo_stands_above_the_card_and_runs_nothing() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("logo");
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
    std::fs::write(&file, svg).unwrap();
    let branding = format!("name = \"Example <IT>\"\nlogo = \"{}\"", file.display());
    let site = TestSite::with(&branded(&branding)).await;
    let page = Browser::default().get(&site, SIGN_IN).await;
    let logo = page.text.split("<img").nth(1).unwrap().split('>').next().unwrap();
    assert!(logo.contains("alt=\"Example &#60;IT&#62;\""), "{logo}");
    assert!(!page.text.contains("class=\"mark\""));
    let address = logo.split('"').find(|text| text.ends_with(".svg")).unwrap();
    let answer = Browser::default().get(&site, address).await;
    assert_eq!(answer.text, svg);
    assert_eq!(answer.header(header::CONTENT_TYPE), "image/svg+xml");
    assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    let policy = answer.header(header::CONTENT_SECURITY_POLICY);
    assert!(policy.starts_with("default-src 'none'") && policy.contains("sandbox"), "{policy}");
    assert!(!policy.contains("script-src"), "{policy}");
}

#[tokio::test]
async fn r62_without_a_logo_the_initial_stands_for_it() {
    let site = TestSite::with(&branded("name = \"éclair & Co\"")).await;
    let page = Browser::default().get(&site, SIGN_IN).await;
    assert!(page.text.contains("aria-hidden=\"true\">É</span><span>éclair &#38; Co</span>"));
    let icon = asset(&site, &page, ".svg").await;
    assert!(icon.text.contains(">É</text>"), "{}", icon.text);
}
