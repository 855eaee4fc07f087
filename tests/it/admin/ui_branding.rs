//! The preview of the pages for portal users in the admin UI (R62).

use serde_json::json;

use crate::support::admin_ui::{AdminUi, gate};
use crate::support::browser::Browser;

/// The address of the frame.
fn frame(html: &str) -> String {
    let frame = html.split("<iframe src=\"").nth(1).unwrap();
    assert!(frame.contains("sandbox=\"allow-same-origin\" inert loading=\"lazy\""), "{frame}");
    frame.split('"').next().unwrap().replace("&#38;", "&")
}

#[tokio::test]
async fn r62_the_preview_is_the_page_of_the_gateway() {
    let gate = gate().setting("branding.name", "\"Example IT\"").start().await;
    let mut ui = AdminUi::of_role(&gate, "auditor").await;
    let page = ui.open("/branding?scheme=dark&language=de&width=phone").await;
    page.says("class=\"preview phone\"");
    page.says("<code>branding.logo</code>");
    page.says("The first letter of the name stands for it.");
    page.lacks("The pages have the default name.");
    let shown = ui.browser.open(&frame(&page.html)).await;
    assert_eq!(shown.status, 200);
    let policy = shown.header("content-security-policy").unwrap();
    assert!(policy.contains("frame-ancestors 'self'") && !policy.contains("script-src"));
    assert_eq!(shown.header("x-frame-options"), Some("SAMEORIGIN"));
    let html = shown.text();
    assert!(html.contains("Example IT") && html.contains("Anmelden"), "{html}");
    assert!(!html.contains("<script"), "{html}");
    // Its files are where they are at the gateway, and need no session.
    let mut visitor = AdminUi::visitor(&gate).browser;
    let start = html.find("/.portcullis/assets/").unwrap();
    let style = html[start..].split('"').next().unwrap();
    let style = visitor.fetch(style).await;
    assert_eq!(
        (style.status, style.header("content-type")),
        (200, Some("text/css; charset=utf-8"))
    );
    // Apart from the script and the scheme it is what the gateway shows.
    let real = Browser::at(&gate).open("/.portcullis/sign-in").await;
    let heading =
        |html: &str| html.split("<form").nth(1).unwrap().split("csrf").next().unwrap().to_owned();
    let address = frame(&page.html).replace("language=de", "language=en");
    let shown = ui.browser.open(&address).await;
    assert_eq!(heading(shown.text()), heading(real.text()));
}

#[tokio::test]
async fn r62_the_preview_is_for_every_role_and_no_visitor() {
    let gate = gate().start().await;
    let acme = gate.admin.acme_with_user("liam@acme.example", "limited").await;
    for role in ["owner", "administrator", "technician", "auditor"] {
        let mut ui = AdminUi::of_role(&gate, role).await;
        assert_eq!(ui.open("/branding").await.status, 200, "{role}");
        assert_eq!(ui.browser.open("/branding/preview").await.status, 200, "{role}");
    }
    let rights = json!({ "role": "technician", "scope": [acme] });
    let mut limited = AdminUi::signed_in(&gate, "lea", rights).await;
    assert_eq!(limited.open("/branding").await.status, 200);
    let mut visitor = AdminUi::visitor(&gate);
    for address in ["/branding", "/branding/preview?page=code"] {
        let page = visitor.open(address).await;
        assert!(page.at.starts_with("/sign-in"), "{address} leads to {}", page.at);
    }
    let missing = visitor.browser.open("/.portcullis/assets/other.css").await;
    assert_eq!(missing.status, 404);
}
