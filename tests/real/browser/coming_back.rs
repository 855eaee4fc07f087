//! Refused requests and ended sessions in Chromium: no page leads in a circle, a page for a portal
//! that is down tries again, and what was typed is not lost.

use crate::support::admin::PASSWORD;
use crate::support::chrome::Chrome;
use crate::support::gate::{Builder, CUSTOMER_ROUTES, TestGate};

const LOGIN: &str = "ann@acme.test";

fn builder() -> Builder {
    TestGate::builder()
        .tls()
        .setting("branding.name", "\"Example IT\"")
        .setting("branding.contact", "\"help@example.com\"")
        .setting(
            "branding.links",
            "[{ name = \"Imprint\", url = \"https://www.example.com/imprint\" }, \
              { name = \"Privacy\", url = \"https://www.example.com/privacy\" }]",
        )
}

async fn gate() -> TestGate {
    builder().policy(CUSTOMER_ROUTES).start().await
}

/// All of these are in the window, on a phone and on a screen.
async fn in_view(chrome: &Chrome, selectors: &[&str]) {
    for phone in [true, false] {
        if phone {
            chrome.on_phone().await;
        } else {
            chrome.at_desk().await;
        }
        for selector in selectors {
            chrome.in_view(selector).await;
        }
    }
}

#[tokio::test]
async fn r61_no_circle_leads_to_a_denied_start_page() {
    let routes =
        CUSTOMER_ROUTES.replacen("require = \"portal.access\"", "require = \"invoices.view\"", 1);
    let gate = builder().policy(&routes).start().await;
    gate.admin.acme_with_user(LOGIN, "limited").await;
    let chrome = Chrome::open(&gate).await;
    for path in ["/", "/invoices/7", "/.portcullis/nowhere"] {
        chrome.goto(path).await;
        if path == "/" {
            chrome.sign_in(LOGIN, PASSWORD).await;
            chrome.sees("You can't open invoices with this account").await;
            chrome.sees("help@example.com").await;
            chrome.sees("Permission needed: Invoices – View").await;
            in_view(&chrome, &["h1", ".ways .button", ".facts"]).await;
            chrome.picture("denied-start").await;
        }
        assert_eq!(chrome.count("a[href='/']").await, 0, "{path}");
    }
    chrome.goto("/.portcullis/sign-out").await;
    assert_eq!(chrome.count("a[href='/']").await, 0);
    chrome.quiet().await;
}

#[tokio::test]
async fn r8_a_user_without_access_can_sign_out() {
    let gate = gate().await;
    gate.admin.acme_with_user(LOGIN, "limited").await;
    let chrome = Chrome::signed_in(&gate, LOGIN).await;
    let users = gate.admin.get("/api/v1/users").await.ok();
    let id = users["items"][0]["id"].as_str().unwrap().to_owned();
    let moved = serde_json::json!({ "group": "no-access" });
    gate.admin.patch(&format!("/api/v1/users/{id}"), moved).await.ok();
    chrome.goto("/").await;
    chrome.sees("Your account can't use the portal").await;
    chrome.picture("no-access-in-session").await;
    chrome.press("Sign out").await;
    chrome.press("Sign out").await;
    chrome.sees("You're signed out").await;
    chrome.quiet().await;
}

#[tokio::test]
async fn a_page_for_a_broken_portal_offers_another_try() {
    let gate = gate().await;
    gate.upstream.answer("/open/1", |_| async { Ok(None) });
    let chrome = Chrome::open(&gate).await;
    chrome.goto("/open/1").await;
    chrome.sees("The portal returned an error.").await;
    // The portal may have received the request: the page does not repeat it by itself.
    assert!(!chrome.text().await.contains("by itself"));
    in_view(&chrome, &["h1", ".ways .button"]).await;
    gate.upstream.answer_bytes(
        "/open/1",
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 30\r\n\r\n\
         <!doctype html><p>It is back</p",
    );
    chrome.press("Try again").await;
    chrome.sees("It is back").await;
    chrome.quiet().await;
}

#[tokio::test]
async fn an_ended_session_says_why_and_keeps_the_login() {
    let gate = gate().await;
    gate.admin.acme_with_user(LOGIN, "admin").await;
    let chrome = Chrome::signed_in(&gate, LOGIN).await;
    gate.admin.delete("/api/v1/sessions").await;
    chrome.goto("/reports/7").await;
    chrome.sees("Example IT has ended your session.").await;
    chrome.sees("Example IT portal for Acme").await;
    in_view(&chrome, &["h1", ".note", "#login", "#password", "[type=submit]"]).await;
    chrome.picture("session-ended").await;
    chrome.fill("password", PASSWORD).await;
    chrome.press("Sign in").await;
    chrome.arrives("/reports/7").await;
    chrome.quiet().await;
}

#[tokio::test]
async fn r11_a_visitor_by_link_is_asked_to_open_it_again() {
    let gate = gate().await;
    let acme = gate.admin.organization("Acme").await;
    let link = gate.admin.secure_link(&acme).await;
    let chrome = Chrome::open(&gate).await;
    chrome.goto(&link).await;
    chrome.arrives("/").await;
    gate.admin.delete("/api/v1/sessions").await;
    chrome.goto("/reports/7").await;
    chrome.sees("To come back, open that link again.").await;
    assert_eq!(chrome.count("button, .button, input").await, 0, "nothing that cannot work");
    in_view(&chrome, &["h1", ".ways a"]).await;
    chrome.picture("link-ended").await;
    chrome.press("Sign in with a login instead").await;
    chrome.sees("Password").await;
    chrome.goto(&link).await;
    chrome.arrives("/").await;
    chrome.goto("/.portcullis/sign-out").await;
    chrome.press("Sign out").await;
    chrome.sees("open your link again").await;
    assert_eq!(chrome.count("button, .button").await, 0);
    chrome.picture("signed-out-by-link").await;
    chrome.quiet().await;
}

#[tokio::test]
async fn a_form_that_met_an_ended_session_is_not_lost() {
    let gate = gate().await;
    gate.admin.acme_with_user(LOGIN, "admin").await;
    let form = "<!doctype html><form method=post action=/reports/save>\
                <textarea name=text></textarea><button>Save</button></form>";
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: ";
    gate.upstream.answer_bytes("/reports/form", format!("{head}{}\r\n\r\n{form}", form.len()));
    let chrome = Chrome::signed_in(&gate, LOGIN).await;
    chrome.goto("/reports/form").await;
    chrome.fill("text", "A long story").await;
    gate.admin.delete("/api/v1/sessions").await;
    chrome.press("Save").await;
    chrome.sees("what you just sent wasn't saved").await;
    in_view(&chrome, &["h1", ".note", "#login"]).await;
    chrome.picture("form-not-sent").await;
    chrome.back().await;
    let text = "return document.querySelector('textarea').value";
    assert_eq!(chrome.ask(text).await, "A long story");
    chrome.press("Save").await;
    chrome.fill("password", PASSWORD).await;
    chrome.press("Sign in").await;
    chrome.arrives("/reports/form").await;
    chrome.quiet().await;
}

#[tokio::test]
async fn i6_a_locked_page_counts_down_in_view() {
    let gate = gate().await;
    gate.admin.acme_with_user(LOGIN, "admin").await;
    let chrome = Chrome::open(&gate).await;
    chrome.goto("/").await;
    for number in 0..5 {
        chrome.sign_in(LOGIN, &format!("Wrong-Horse-{number}-Battery")).await;
        chrome.sees("Wrong login or password").await;
    }
    chrome.sign_in(LOGIN, PASSWORD).await;
    chrome.sees("Too many failed attempts").await;
    in_view(&chrome, &["#problem"]).await;
    let left = || chrome.ask("return document.querySelector('#problem time').textContent");
    let first = left().await;
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    assert_ne!(left().await, first, "it counts");
    let over = "document.querySelector('#problem time').dataset.left";
    assert!(chrome.ask(&format!("return Number({over}) > 0")).await.as_bool().unwrap());
    chrome.quiet().await;
}

#[tokio::test]
async fn pages_have_the_operators_links() {
    let gate = gate().await;
    let chrome = Chrome::open(&gate).await;
    chrome.goto("/").await;
    chrome.sees("Imprint").await;
    let links = "return Array.from(document.querySelectorAll('.foot a'), (link) => link.href)";
    let expected = ["https://www.example.com/imprint", "https://www.example.com/privacy"];
    assert_eq!(chrome.ask(links).await, serde_json::json!(expected));
    chrome.picture("sign-in-with-links").await;
    chrome.quiet().await;
}
