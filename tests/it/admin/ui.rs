//! The admin UI: signing in, forms and their tokens, roles, and the pages about groups.

use http::Method;
use serde_json::json;

use crate::support::admin::PASSWORD;
use crate::support::admin_ui::{AdminUi, SCRIPT, gate};

const GROUP: &str = "/groups/limited";

#[tokio::test]
async fn ui_pages_need_a_sign_in_and_lead_back() {
    let gate = gate().start().await;
    AdminUi::owner(&gate).await;
    let mut visitor = AdminUi::visitor(&gate);
    let page = visitor.open("/groups/limited?done=saved").await;
    assert_eq!(page.at, "/sign-in?to=%2Fgroups%2Flimited%3Fdone%3Dsaved");
    let form = page.form("/sign-in").set("login", "olga");
    let wrong = visitor.submit(&form.clone().set("password", "Wrong-Horse-7-Battery")).await;
    wrong.says("The login or the password is wrong.");
    let page = visitor.submit(&form.set("password", PASSWORD)).await;
    assert_eq!((page.status, &*page.at), (200, "/groups/limited?done=saved"));
    let out = visitor.submit(&page.form("/sign-out")).await;
    assert_eq!(out.at, "/sign-in");
    assert_eq!(visitor.open("/groups").await.at, "/sign-in?to=%2Fgroups");
}

#[tokio::test]
async fn ui_forms_need_their_token_and_a_page_of_ours() {
    let gate = gate().start().await;
    let mut owner = AdminUi::owner(&gate).await;
    let page = owner.open("/groups/new").await;
    let form = page.form("/groups").set("name", "Sales");
    let before = gate.admin.get("/api/v1/groups").await.ok();

    let asked = owner.submit(&form.clone().set("token", "forged")).await;
    assert_eq!(asked.status, 409);
    asked.says("What you typed was kept");
    let foreign = [("origin", "https://evil.example")];
    let refused = owner.browser.post("/groups", &foreign, &form.encoded()).await;
    assert_eq!(refused.status, 403);
    let unmarked = owner.browser.post("/groups", &[], &form.encoded()).await;
    assert_eq!(unmarked.status, 403);
    assert_eq!(gate.admin.get("/api/v1/groups").await.ok(), before);

    // The page that keeps what was typed sends it with a good token.
    let created = owner.submit(&asked.form("/groups")).await;
    created.says("The group was created.");
}

#[tokio::test]
async fn ui_a_form_survives_the_end_of_its_session() {
    let gate = gate().start().await;
    let mut owner = AdminUi::owner(&gate).await;
    let form = owner.open("/groups/new").await.form("/groups").set("name", "Kept & <kept>");
    let olga = gate.admin.get("/api/v1/administrators").await.ok()["items"][0]["id"].clone();
    let sessions = format!("/api/v1/administrators/{}/sessions", olga.as_str().unwrap());
    gate.admin.delete(&sessions).await;

    let page = owner.submit(&form).await;
    assert_eq!(page.status, 401);
    page.says("what you typed is kept");
    let sign_in = page.form("/sign-in").set("login", "olga").set("password", PASSWORD);
    let page = owner.submit(&sign_in).await;
    page.says("What you typed was kept");
    let saved = owner.submit(&page.form("/groups")).await;
    saved.says("The group was created.");
    saved.says("Kept &#38; &#60;kept&#62;");
}

#[tokio::test]
async fn ui_shows_each_role_what_it_may_do() {
    let gate = gate().start().await;
    for (role, may) in [("administrator", true), ("technician", false), ("auditor", false)] {
        let mut ui = AdminUi::of_role(&gate, role).await;
        let list = ui.open("/groups").await;
        assert_eq!(list.html.contains("/groups/new"), may, "{role}");
        let new = ui.open("/groups/new").await;
        assert_eq!(new.status, if may { 200 } else { 403 }, "{role}");
        if !may {
            new.says("Administrator");
            let editor = ui.open(GROUP).await;
            editor.lacks("name=\"do\"");
            let form = editor.form("/sign-out");
            let token = form.get("token").unwrap();
            let body = format!("token={token}&do=save&name=x&confirmed=yes");
            let origin = format!("http://{}", ui.browser.host());
            let sent = ui.browser.post(GROUP, &[("origin", &origin)], &body).await;
            assert_eq!(sent.status, 403, "{role}");
        }
    }
}

#[tokio::test]
async fn ui_says_what_a_group_edit_does_before_it_does_it() {
    let gate = gate().start().await;
    gate.admin.acme_with_user("liam@acme.example", "limited").await;
    let mut owner = AdminUi::owner(&gate).await;
    let form = owner.open(GROUP).await.form(GROUP).set("do", "save").set("name", "Limited");
    let form = form.set("permission", "portal.access");
    let question = owner.submit(&form).await;
    question.says("<strong>1 person</strong> will lose <strong>Tickets – Create New</strong>");
    let before = gate.admin.get("/api/v1/groups/limited").await.ok();
    assert_eq!(before["permissions"].as_array().unwrap().len(), 8);

    let saved = owner.confirm(&form).await;
    assert_eq!(saved.at, "/groups/limited?done=saved");
    let stored = gate.admin.get("/api/v1/groups/limited").await.ok();
    assert_eq!(stored["permissions"], json!(["portal.access"]));
    assert_eq!(stored["name"], "Limited");
}

#[tokio::test]
async fn ui_shows_both_versions_after_a_conflict() {
    let gate = gate().start().await;
    let mut owner = AdminUi::owner(&gate).await;
    let form = owner.open(GROUP).await.form(GROUP).set("do", "save").set("name", "Mine");
    let form = form.set("permission", "invoices.view");
    let theirs = json!({ "name": "Theirs", "permissions": ["chat.start"] });
    gate.admin.patch("/api/v1/groups/limited", theirs).await.ok();

    let page = owner.confirm(&form).await;
    assert_eq!(page.status, 409);
    for words in ["Someone else changed this group", "Theirs", "Invoices – View"] {
        page.says(words);
    }
    // What they granted is no difference: it is kept, whatever the form was opened with.
    page.lacks("<li>Chat – Start</li>");
    page.says("name=\"opened.permission\" value=\"chat.start\"");
    page.says("value=\"Mine\"");
    let again = page.form(GROUP).set("do", "save").set("name", "Mine");
    let saved = owner.confirm(&again.set("permission", "invoices.view")).await;
    assert_eq!(saved.at, "/groups/limited?done=saved");
    assert_eq!(gate.admin.get("/api/v1/groups/limited").await.ok()["name"], "Mine");
}

#[tokio::test]
async fn r5_ui_a_group_in_use_is_deleted_with_a_way_out() {
    let gate = gate().start().await;
    let sales = gate.admin.group("Sales", &["portal.access"]).await;
    gate.admin.acme_with_user("sam@acme.example", &sales).await;
    let mut owner = AdminUi::owner(&gate).await;
    let path = format!("/groups/{sales}/delete");
    let form = owner.open(&path).await.form(&path);
    let refused = owner.submit(&form.clone().set("move_to", "")).await;
    assert_eq!(refused.status, 409);
    refused.says("id=\"move-problem\">Choose the group that its users get.");
    refused.lacks("the id of a group");
    let form = form.set("move_to", "limited");
    let asked = owner.submit(&form).await;
    asked.says("Delete the group Sales, and move 1 portal user to Limited Portal Group?");
    let deleted = owner.confirm(&form).await;
    deleted.says("The group was deleted.");
    assert_eq!(gate.admin.get(&format!("/api/v1/groups/{sales}")).await.status, 404);
}

#[tokio::test]
async fn ui_errors_stand_beside_their_field() {
    let gate = gate().start().await;
    let mut owner = AdminUi::owner(&gate).await;
    let new = owner.open("/groups/new").await.form("/groups");
    for (name, words) in [
        ("", "name-problem"),
        ("Limited Portal Group", "A group “Limited Portal Group” already exists</p>"),
    ] {
        let page = owner.submit(&new.clone().set("name", name)).await;
        assert_eq!(page.status, 422, "{name}");
        page.says(words);
    }
    let created = owner.submit(&new.set("name", SCRIPT)).await;
    created.says("The group was created.");
    owner.open("/groups").await.says("&#60;script&#62;alert(1)&#60;/script&#62;");
}

#[tokio::test]
async fn ui_speaks_the_language_of_its_visitor() {
    let gate = gate().start().await;
    let visitor = AdminUi::visitor(&gate);
    let mut browser = visitor.browser;
    let german = [("accept", "text/html"), ("accept-language", "de-AT, en;q=0.5")];
    let page = browser.send(Method::GET, "/sign-in", &german, "").await;
    assert!(page.text().contains("<html lang=\"de\">"), "{}", page.text());
    assert!(page.text().contains("Anmeldung zur Verwaltung"));
}

#[tokio::test]
async fn ui_a_link_on_another_site_leads_to_the_page() {
    let gate = gate().start().await;
    let mut owner = AdminUi::owner(&gate).await;
    let clicked = [
        ("accept", "text/html"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    let page = owner.browser.send(Method::GET, "/groups", &clicked, "").await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("http-equiv=\"refresh\""), "{}", page.text());
    assert!(!page.text().contains("Limited"), "shows nothing to the other site");
    let framed = [clicked[0], clicked[1], clicked[2], ("sec-fetch-dest", "iframe")];
    let page = owner.browser.send(Method::GET, "/groups", &framed, "").await;
    assert_eq!(page.status, 403);
}

#[tokio::test]
async fn ui_files_and_unknown_addresses() {
    let gate = gate().start().await;
    let mut owner = AdminUi::owner(&gate).await;
    let page = owner.open("/groups").await;
    let style = page.html.split("href=\"/assets/").nth(1).unwrap().split('"').next().unwrap();
    let file = owner.browser.open(&format!("/assets/{style}")).await;
    assert_eq!(file.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(owner.browser.open("/assets/none.css").await.status, 404);
    let unknown = owner.open("/no-such-page").await;
    assert_eq!(unknown.status, 404);
    unknown.says("This page doesn&#39;t exist");
    assert_eq!(owner.open("/groups/none").await.status, 404);
    // The API answers programs as before.
    let problem = owner.browser.fetch("/api/v1/none").await;
    assert_eq!(problem.header("content-type"), Some("application/problem+json"));
}

#[tokio::test]
async fn i12_ui_holds_no_large_form_of_a_visitor() {
    let gate = gate().start().await;
    let mut owner = AdminUi::owner(&gate).await;
    let large = "x".repeat(100 * 1024);
    let form = owner.open("/groups/new").await.form("/groups").set("name", &large);
    assert_eq!(owner.submit(&form).await.status, 422);
    let mut visitor = AdminUi::visitor(&gate);
    let sign_in = visitor.open("/sign-in").await.form("/sign-in").set("login", &large);
    for (form, status) in [(sign_in, 413), (form, 401)] {
        let refused = visitor.submit(&form).await;
        assert_eq!(refused.status, status, "{}", form.action);
        refused.lacks("xxx");
    }
}
