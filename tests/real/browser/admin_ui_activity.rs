//! The admin UI in Chromium: sessions, lockouts, emails and jobs.

use serde_json::json;

use super::admin_pages::{gate, signed_in};
use crate::support::admin::PASSWORD;
use crate::support::browser::Browser;
use crate::support::gate::TestGate;

/// A portal user who has signed in.
async fn liam(gate: &TestGate) -> Browser {
    let mut liam = Browser::at(gate);
    assert_eq!(liam.sign_in("liam@acme.example", PASSWORD).await.status, 303);
    assert_eq!(liam.open("/mine/a").await.status, 200);
    liam
}

#[tokio::test]
async fn ui_a_session_is_found_and_ended_by_clicks() {
    let gate = gate().await;
    let mut first = liam(&gate).await;
    let chrome = signed_in(&gate).await;
    chrome.press("Sessions").await;
    chrome.sees("liam@acme.example").await;
    chrome.fill("login", "ida@acme.example").await;
    chrome.press("Filter").await;
    chrome.sees("Nothing matches.").await;
    chrome.fill("login", "liam@acme.example").await;
    chrome.press("Filter").await;
    // Two: one from the start.
    for _ in 0..2 {
        chrome.find("main tbody button").await.click().await.unwrap();
        chrome.sees("The session was ended.").await;
        chrome.press("Sessions").await;
    }
    chrome.sees("No session is open.").await;
    assert_eq!(first.fetch("/mine/a").await.status, 401);

    let mut second = liam(&gate).await;
    chrome.goto("/sessions?login=liam%40acme.example").await;
    chrome.press("End these sessions").await;
    chrome.sees("End all of these sessions?").await;
    chrome.picture("admin-ui-sessions-question").await;
    chrome.press("Cancel").await;
    assert_eq!(second.fetch("/mine/a").await.status, 200);
    chrome.goto("/sessions?login=liam%40acme.example").await;
    chrome.press("End these sessions").await;
    chrome.sees("End all of these sessions?").await;
    chrome.find("main button").await.click().await.unwrap();
    chrome.sees("The sessions were ended.").await;
    assert_eq!(second.fetch("/mine/a").await.status, 401);
    chrome.quiet().await;
}

#[tokio::test]
async fn i6_ui_a_lockout_is_released_by_a_click() {
    let gate = gate().await;
    let chrome = signed_in(&gate).await;
    chrome.press("Lockouts").await;
    chrome.sees("Nothing is locked.").await;
    for _ in 0..5 {
        gate.try_sign_in("liam@acme.example", "Wrong-Horse-7-Battery").await;
    }
    assert_ne!(gate.try_sign_in("liam@acme.example", PASSWORD).await.status, 303);
    // The list shows it by itself.
    chrome.sees("liam@acme.example").await;
    chrome.picture("admin-ui-lockouts").await;
    chrome.fill("name", "nobody").await;
    chrome.find("form.filters button").await.click().await.unwrap();
    chrome.find(".field-problem").await;
    assert_eq!(chrome.ask("return document.querySelector('#name').value").await, "nobody");
    chrome.find("main tbody button").await.click().await.unwrap();
    chrome.sees("Released").await;
    chrome.sees("Nothing is locked.").await;
    assert_eq!(gate.try_sign_in("liam@acme.example", PASSWORD).await.status, 303);
    chrome.quiet().await;
}

#[tokio::test]
async fn ui_an_email_that_waits_is_sent_again_by_a_click() {
    // Nothing listens there.
    let gate = TestGate::builder()
        .setting("admin.require_mfa", "false")
        .setting("mail.transport", "\"smtp\"")
        .setting("mail.smtp.host", "\"127.0.0.1\"")
        .setting("mail.smtp.security", "\"none\"")
        .setting("mail.smtp.port", "1")
        .start()
        .await;
    let owner = json!({ "login": "olga", "role": "owner", "password": PASSWORD, "mfa": false });
    gate.admin.post("/api/v1/administrators", owner).await.created();
    let acme = gate.admin.organization("Acme").await;
    let ann = json!({ "organization": acme, "login": "ann@acme.example", "invite": true });
    gate.admin.post("/api/v1/users", ann).await.created();
    let chrome = signed_in(&gate).await;
    chrome.press("Mail").await;
    chrome.find("select[name=state] option[value=waiting]").await.click().await.unwrap();
    chrome.press("Filter").await;
    chrome.press("Invitation").await;
    chrome.sees("Waiting").await;
    chrome.sees("Last error").await;
    chrome.picture("admin-ui-mail-waiting").await;
    let attempts = "return [...document.querySelectorAll('dt')]
        .find(it => it.textContent === 'Attempts').nextElementSibling.textContent";
    let before = chrome.ask(attempts).await;
    chrome.press("Send now").await;
    chrome.sees("It is sent now.").await;
    let tried = async || {
        let mails = gate.admin.get("/api/v1/mail").await.ok();
        mails["items"][0]["attempts"].to_string()
    };
    for _ in 0..200 {
        if before != tried().await {
            chrome.press("Mail").await;
            chrome.fill("to", "me@example.com").await;
            chrome.press("Send test email").await;
            chrome.sees("It was not sent").await;
            chrome.picture("admin-ui-mail-test").await;
            chrome.quiet().await;
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("it was not tried again: {}", tried().await);
}

#[tokio::test]
async fn r43_ui_a_job_is_cancelled_by_clicks() {
    let gate = gate().await;
    let list: String = (0..20_000).map(|n| format!("o{n},Organization {n}\n")).collect();
    let file = gate.file("organizations.csv");
    std::fs::write(&file, format!("id,name\n{list}")).unwrap();
    let chrome = signed_in(&gate).await;
    chrome.press("Jobs").await;
    chrome.press("Import and export").await;
    chrome.find("input[name=kind][value=organizations]").await.click().await.unwrap();
    chrome.find("#file").await.send_keys(file.to_str().unwrap()).await.unwrap();
    chrome.press("Import").await;
    chrome.press("Cancel job").await;
    chrome.sees("Cancel this job after").await;
    chrome.press("Cancel job").await;
    chrome.sees("Cancelled").await;
    chrome.sees("of 20,000").await;
    chrome.picture("admin-ui-job-cancelled").await;
    chrome.press("Jobs").await;
    chrome.sees("Import of organizations").await;
    let jobs = gate.admin.get("/api/v1/jobs").await.ok();
    assert_eq!(jobs["items"][0]["state"], "cancelled");
    chrome.quiet().await;
}
