//! The notices that a reader seldom meets, as Chromium shows them in English and German, on a
//! screen and on a phone. They are provoked at one gateway, and shown through another: as a page of
//! the portal there, with the same style sheet.

use http::Method;
use serde_json::json;

use crate::support::admin::PASSWORD;
use crate::support::browser::Browser;
use crate::support::chrome::Chrome;
use crate::support::client::within;
use crate::support::gate::{Builder, TestGate};

const ROUTES: &str = r#"
[[route]]
name = "Open"
path = "/open/{*rest}"
access = "public"

[[route]]
name = "Closed"
path = "/open/closed"
access = "deny"

[[route]]
name = "Invoices"
path = "/invoices/{*rest}"
methods = ["GET", "POST"]
require = { any = ["invoices.view", "invoices.pay"] }
"#;

const PAGE: [(&str, &str); 2] = [("accept", "text/html"), ("sec-fetch-mode", "navigate")];

fn builder() -> Builder {
    TestGate::builder().policy(ROUTES).setting("branding.name", "\"Example IT\"")
}

/// Sends a request in each language and returns the pages, English first.
async fn in_both(
    browser: &mut Browser,
    method: Method,
    target: &str,
    headers: &[(&str, &str)],
    reason: &str,
) -> [String; 2] {
    let mut pages = [String::new(), String::new()];
    for (page, language) in pages.iter_mut().zip(["en", "de"]) {
        let headers = [&PAGE[..], &[("accept-language", language)], headers].concat();
        let reply = browser.send(method.clone(), target, &headers, "").await;
        assert!(reply.text().contains("class=\"reference\""), "{reason}: {reply:?}");
        reply.text().clone_into(page);
    }
    pages
}

async fn rare_notices() -> Vec<(&'static str, [String; 2])> {
    let gate = builder()
        .setting("server.limits.link_sessions", "1")
        .setting("server.limits.address_requests", "1")
        .start()
        .await;
    let acme = gate.admin.organization("Acme").await;
    let link = gate.admin.secure_link(&acme).await;
    let link = link.split_once("/.portcullis").unwrap().1;
    let link = format!("/.portcullis{link}");
    let mut visitor = Browser::at(&gate);
    let mut notices = Vec::new();

    let prefetch = [("purpose", "prefetch")];
    let page = in_both(&mut visitor, Method::GET, &link, &prefetch, "not-a-navigation").await;
    notices.push(("link-in-background", page));
    assert_eq!(Browser::at(&gate).open(&link).await.status, 303);
    let page = in_both(&mut visitor, Method::GET, &link, &[], "too-many-sessions").await;
    notices.push(("too-many-sessions", page));
    let page = in_both(&mut visitor, Method::GET, "/open/Closed", &[], "ambiguous-path").await;
    notices.push(("ambiguous-path", page));
    let override_query = "/open/1?_method=DELETE";
    let page = in_both(&mut visitor, Method::POST, override_query, &[], "method-override").await;
    notices.push(("method-override", page));

    gate.upstream.answer("/open/slow", |mut exchange| async move {
        exchange.closed().await;
        Ok(None)
    });
    let mut other = Browser::at(&gate);
    let waiting = other.open("/open/slow");
    let busy = async {
        within("the slow request", gate.upstream.arrived("/open/slow")).await;
        in_both(&mut visitor, Method::GET, "/open/1", &[], "portal-busy").await
    };
    tokio::select! {
        reply = waiting => panic!("{reply:?}"),
        page = busy => notices.push(("portal-busy", page)),
    }

    let group = gate.admin.group("Clerks", &["portal.access", "invoices.view"]).await;
    let other = gate.admin.organization("Other").await;
    gate.admin.user(&other, "ann@other.test", &group).await;
    let mut ann = Browser::at(&gate);
    assert_eq!(ann.sign_in("ann@other.test", PASSWORD).await.status, 303);
    let foreign = [("sec-fetch-site", "cross-site")];
    let page = in_both(&mut ann, Method::POST, "/invoices/7", &foreign, "cross-origin").await;
    notices.push(("cross-origin", page));

    let mut changed = [String::new(), String::new()];
    let granted = [
        ["portal.access", "invoices.view", "invoices.pay"].as_slice(),
        &["portal.access", "invoices.view"],
    ];
    for ((page, language), granted) in changed.iter_mut().zip(["en", "de"]).zip(granted) {
        let path = format!("/invoices/{language}");
        gate.upstream.answer(&path, |mut exchange| async move {
            exchange.closed().await;
            Ok(None)
        });
        let headers = [&PAGE[..], &[("accept-language", language)]].concat();
        let change = async {
            within("the invoice", gate.upstream.arrived(&path)).await;
            let change = json!({ "permissions": granted });
            gate.admin.patch(&format!("/api/v1/groups/{group}"), change).await.ok();
        };
        let (reply, ()) = tokio::join!(ann.send(Method::GET, &path, &headers, ""), change);
        assert!(reply.text().contains("class=\"reference\""), "{reply:?}");
        reply.text().clone_into(page);
    }
    notices.push(("access-changed", changed));
    notices
}

#[tokio::test]
async fn rare_notices_fit_a_screen_and_a_phone_in_both_languages() {
    let notices = rare_notices().await;
    let gate = builder().tls().start().await;
    let chrome = Chrome::open(&gate).await;
    for (name, pages) in notices {
        for (page, language) in pages.iter().zip(["en", "de"]) {
            let path = format!("/open/{name}-{language}");
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\n\
                        content-length: ";
            let bytes = format!("{head}{}\r\n\r\n{page}", page.len());
            gate.upstream.answer_bytes(&path, bytes);
            chrome.goto(&path).await;
            let styled = "return getComputedStyle(document.querySelector('.card')).borderRadius";
            assert_ne!(chrome.ask(styled).await, "0px", "{name} has its style sheet");
            chrome.picture(&format!("notice-{name}-{language}")).await;
        }
    }
    chrome.quiet().await;
}
