//! The banner in Chromium: above the portal's styles and policy, with and without scripts.

use serde_json::json;

use crate::support::chrome::Chrome;
use crate::support::gate::{CUSTOMER_ROUTES, TestGate};

/// A page whose style would hide and misplace anything, with a strict policy.
const PAGE: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\
    content-security-policy: default-src 'none'; style-src 'unsafe-inline'; form-action 'self'\r\n\r\n\
    <!doctype html><title>Portal</title><meta name=viewport content=width=device-width><style>\
    * { display: none; color: red !important; position: static; } html, body, main, h1, p \
    { display: block } body { font: 16px sans-serif; margin: 24px }\
    </style><main><h1>Invoices of Acme</h1><p>Nothing is due.</p></main>";

async fn viewed(language: &str) -> (TestGate, Chrome) {
    let gate = TestGate::builder()
        .tls()
        .policy(CUSTOMER_ROUTES)
        .setting("branding.name", "\"Example IT\"")
        .start()
        .await;
    let acme = gate.admin.organization("Acme & Söhne").await;
    let anna = gate.admin.user(&acme, "anna@acme.test", "limited").await;
    gate.upstream.answer_bytes("/reports/1", PAGE);
    let body = json!({ "user": anna, "reason": "Ticket 7" });
    let link = gate.admin.post("/api/v1/impersonations", body).await;
    let chrome = Chrome::reading(&gate, language).await;
    chrome.visit(link.json["url"].as_str().unwrap()).await;
    chrome.arrives("/").await;
    (gate, chrome)
}

/// A script that finds an element in the banner's shadow tree.
fn in_banner(selector: &str, ask: &str) -> String {
    format!(
        "const it = document.querySelector('portcullis-banner').shadowRoot\
         .querySelector('{selector}'); return {ask}"
    )
}

#[tokio::test]
async fn r18_the_banner_is_shown_over_any_style_and_stops() {
    let (_gate, chrome) = viewed("en").await;
    chrome.goto("/reports/1").await;
    let bar = "it.getBoundingClientRect().bottom === innerHeight && \
        getComputedStyle(it).display === 'flex'";
    assert_eq!(chrome.ask(&in_banner(".bar", bar)).await, true);
    let text = chrome.ask(&in_banner(".bar", "it.innerText")).await;
    let text = text.as_str().unwrap();
    for part in ["anna@acme.test", "Acme & Söhne", "in 30 minutes", "Stop viewing"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    chrome.picture("banner").await;
    // A script that replaces the body loses the banner for a second at most.
    chrome.ask("document.body.innerHTML = ''; return 1").await;
    let back = "return new Promise(done => { const look = () => document.querySelector(\
        'portcullis-banner') ? done(true) : setTimeout(look, 50); look(); })";
    assert_eq!(chrome.ask(back).await, true);
    chrome.ask(&in_banner("button", "it.click()")).await;
    chrome.sees("You've stopped viewing the portal").await;
    chrome.quiet().await;
}

#[tokio::test]
async fn r18_the_banner_works_without_scripts() {
    let (_gate, chrome) = viewed("de").await;
    chrome.without_script().await;
    chrome.goto("/reports/1").await;
    let text = chrome.ask(&in_banner(".bar", "it.innerText")).await;
    let text = text.as_str().unwrap();
    for part in ["Endet: ", " UTC", "Ansicht beenden"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    chrome.picture("banner-de").await;
    chrome.quiet().await;
}
