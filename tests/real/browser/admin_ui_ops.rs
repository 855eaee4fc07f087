//! What operators do in the admin UI besides managing people, in Chromium: bulk changes and imports,
//! decisions explained, sessions, emails.

use serde_json::json;

use super::admin_ui::tab_to;
use crate::support::admin::PASSWORD;
use crate::support::browser::Browser;
use crate::support::chrome::Chrome;
use crate::support::client::Reply;
use crate::support::gate::TestGate;

const ENTER: &str = "\u{E007}";

/// A gateway with Acme and Liam, and an owner who is signed in.
async fn signed_in() -> (TestGate, Chrome) {
    let gate = TestGate::builder().setting("admin.require_mfa", "false").start().await;
    let owner = json!({ "login": "olga", "role": "owner", "password": PASSWORD, "mfa": false });
    gate.admin.post("/api/v1/administrators", owner).await.created();
    gate.admin.acme_with_user("liam", "limited").await;
    let chrome = Chrome::at(&format!("http://{}", gate.admin_address)).await;
    chrome.goto("/sign-in").await;
    chrome.sign_in("olga", PASSWORD).await;
    chrome.arrives("/").await;
    (gate, chrome)
}

#[tokio::test]
async fn r43_a_bulk_change_is_followed_to_its_end() {
    let (gate, chrome) = signed_in().await;
    for n in 0..300 {
        let organization =
            json!({ "name": format!("Branch {n}"), "email": format!("b{n}@x.example") });
        gate.admin.post("/api/v1/organizations", organization).await.created();
    }
    chrome.goto("/bulk").await;
    // The search is answered as one types, and what was chosen stays chosen.
    chrome.find("input[name=organization]").await.click().await.unwrap();
    chrome.fill("q", "branch 29").await;
    chrome.sees("Branch 299").await;
    assert_eq!(chrome.count("input[name=organization]:checked").await, 1);
    chrome.find("input[name=which][value=all]").await.click().await.unwrap();
    chrome.press("Show what it does").await;
    chrome.sees("300\nCreated").await;
    chrome.picture("admin-ui-bulk-preview").await;
    chrome.press("Start").await;
    // Progress comes without reloading the page.
    chrome.sees("301 of 301").await;
    chrome.sees("Done").await;
    chrome.press("300 Created").await;
    chrome.sees("@x.example").await;
    chrome.picture("admin-ui-job").await;
    chrome.quiet().await;
}

/// The reference of a refusal.
async fn reference(gate: &TestGate) -> String {
    let mut liam = Browser::at(gate);
    liam.sign_in("liam", PASSWORD).await;
    let refused: Reply = liam.fetch("/closed/a").await;
    refused.problem()["request_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_refusal_is_explained_and_granted_by_keyboard() {
    let (gate, chrome) = signed_in().await;
    let reference = reference(&gate).await;
    chrome.goto("/explain").await;
    chrome.keys(&format!("{reference}{ENTER}")).await;
    chrome.sees("What would allow it").await;
    chrome.picture("admin-ui-explain").await;
    tab_to(&chrome, "Grant to Limited Portal Group").await;
    chrome.keys(ENTER).await;
    chrome.sees("The permission was granted.").await;
    chrome.sees("Allowed").await;
    chrome.quiet().await;
}

#[tokio::test]
async fn a_file_stays_chosen_while_it_is_tried_out() {
    let (gate, chrome) = signed_in().await;
    let file = gate.file("users.csv");
    std::fs::write(&file, "organization,login,name\nAcme,zoe,Zoe\n").unwrap();
    chrome.goto("/import").await;
    chrome.find("#file").await.send_keys(file.to_str().unwrap()).await.unwrap();
    chrome.press("Try out").await;
    chrome.sees("What the import would do").await;
    chrome.picture("admin-ui-import").await;
    chrome.press("Import").await;
    chrome.sees("1 of 1").await;
    chrome.sees("zoe").await;
    chrome.quiet().await;
}

#[tokio::test]
async fn an_email_is_shown_in_a_frame_that_runs_nothing() {
    let (gate, chrome) = signed_in().await;
    let acme = gate.admin.get("/api/v1/organizations").await.ok()["items"][0]["id"].clone();
    let invited = json!({ "organization": acme, "login": "ann@acme.example", "invite": true });
    gate.admin.post("/api/v1/users", invited).await.created();
    chrome.goto("/mail").await;
    chrome.press("Invitation").await;
    chrome.find("iframe[sandbox]").await;
    chrome.sees("in place of its secret").await;
    chrome.picture("admin-ui-mail").await;
    chrome.quiet().await;
}
