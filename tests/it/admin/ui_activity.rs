//! The admin UI: sessions, lockouts and emails.

use serde_json::json;

use crate::support::admin::PASSWORD;
use crate::support::admin_ui::{AdminUi, SCRIPT, gate};
use crate::support::browser::Browser;

#[tokio::test]
async fn ui_a_session_is_found_and_ended() {
    let gate = gate().start().await;
    gate.admin.acme_with_user("liam", "limited").await;
    let mut ui = AdminUi::of_role(&gate, "technician").await;
    ui.open("/sessions").await.says("No session is open.");
    let mut liam = Browser::at(&gate);
    assert_eq!(liam.sign_in("liam", PASSWORD).await.status, 303);
    assert_eq!(liam.open("/mine/a").await.status, 200);

    let page = ui.open("/sessions").await;
    page.says(">liam</a>");
    ui.open("/sessions?login=liam").await.says(">liam</a>");
    ui.open("/sessions?kind=link").await.lacks(">liam</a>");
    assert_eq!(ui.open("/sessions?login=none").await.status, 200);
    // Any part of the filter works without script: the beginning of a name that is one organization's.
    let acme = gate.admin.get("/api/v1/organizations").await.ok()["items"][0].clone();
    let id = acme["id"].as_str().unwrap();
    ui.open("/sessions?organization=ACM").await.says(">liam</a>");
    gate.admin.organization("Acme West").await;
    for page in ["/sessions", "/audit", "/users"] {
        let choose = ui.open(&format!("{page}?organization=ACM")).await;
        choose.says(&format!("href=\"{page}?organization={id}\">Acme</a>"));
        let chosen = ui.open(&format!("{page}?organization={id}")).await;
        chosen.lacks("id=\"matches\"");
    }
    let mut auditor = AdminUi::of_role(&gate, "auditor").await;
    let read_only = auditor.open("/sessions").await;
    read_only.says(">liam</a>");
    read_only.lacks("/sessions/end");

    ui.submit(&page.form("/sessions/end")).await.says("The session was ended.");
    assert_eq!(liam.fetch("/mine/a").await.status, 401);
    assert_eq!(liam.sign_in("liam", PASSWORD).await.status, 303);
    let page = ui.open("/sessions?login=liam").await;
    let asked = ui.submit(&page.form("/sessions/end-all")).await;
    asked.says("<strong>1</strong> open session will end");
    ui.confirm(&page.form("/sessions/end-all")).await.says("The sessions were ended.");
    assert_eq!(liam.fetch("/mine/a").await.status, 401);
}

#[tokio::test]
async fn ui_a_lockout_is_released() {
    let gate = gate().start().await;
    gate.admin.acme_with_user("liam", "limited").await;
    for _ in 0..6 {
        gate.try_sign_in("liam", "Wrong-Horse-7-Battery").await;
    }
    let mut ui = AdminUi::of_role(&gate, "technician").await;
    let page = ui.open("/lockouts").await;
    page.says(">liam");
    let released = ui.submit(&page.form("/lockouts/release").set("name", "liam")).await;
    released.says("Released");
    let none = ui.submit(&page.form("/lockouts/release").set("name", SCRIPT)).await;
    assert_eq!(none.status, 422);
    none.says("name-problem");
    let mut auditor = AdminUi::of_role(&gate, "auditor").await;
    auditor.open("/lockouts").await.lacks("/lockouts/release");
}

#[tokio::test]
async fn ui_an_email_is_shown_without_its_secret() {
    let gate = gate().start().await;
    let organization = json!({ "id": "acme", "name": SCRIPT, "email": "a@acme.example" });
    gate.admin.post("/api/v1/organizations", organization).await.created();
    let user = json!({ "organization": "acme", "login": "ann", "invite": true });
    gate.admin.post("/api/v1/users", user).await.created();
    let mut ui = AdminUi::of_role(&gate, "technician").await;
    let list = ui.open("/mail").await;
    list.says("a@acme.example");
    ui.open("/mail?state=failed").await.says("Nothing matches.");
    let unknown = ui.open("/mail?login=none").await;
    unknown.says("class=\"note alert\"");
    let mails = gate.admin.get("/api/v1/mail").await.ok();
    let at = format!("/mail/{}", mails["items"][0]["id"].as_str().unwrap());

    let page = ui.open(&at).await;
    page.says("/.portcullis/invitation/TOKEN");
    page.says("sandbox");
    let html = ui.browser.open(&format!("{at}/html")).await;
    let policy = html.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && policy.ends_with("sandbox"), "{policy}");
    assert!(!html.text().contains(SCRIPT), "{}", html.text());
    assert_eq!(html.header("x-frame-options"), Some("SAMEORIGIN"));
    assert_eq!(ui.open("/mail/none").await.status, 404);

    let form = list.form("/mail/test");
    let wrong = ui.submit(&form.clone().set("to", "nobody")).await;
    assert_eq!(wrong.status, 422);
    wrong.says("to-problem");
    ui.submit(&form.set("to", "me@example.com")).await.says("Sent to me@example.com");
    let mut auditor = AdminUi::of_role(&gate, "auditor").await;
    auditor.open("/mail").await.lacks("/mail/test");
}
