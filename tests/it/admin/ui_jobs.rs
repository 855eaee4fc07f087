//! The admin UI: bulk changes, imports, and the jobs that do them.

use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::support::admin_ui::{AdminUi, SCRIPT, UiPage, gate};
use crate::support::gate::TestGate;

/// Acme has an address and a portal user, Globex an address; Initech has none.
async fn customers(gate: &TestGate) {
    for (id, email) in [("acme", Some("a@acme.example")), ("globex", Some("g@globex.example"))]
        .into_iter()
        .chain([("initech", None)])
    {
        let organization = json!({ "id": id, "name": format!("{id} Ltd"), "email": email });
        gate.admin.post("/api/v1/organizations", organization).await.created();
    }
    gate.admin.user("acme", "liam", "limited").await;
}

/// The page of a job when the job has ended.
async fn ended(ui: &mut AdminUi, at: &str) -> UiPage {
    let looking = async {
        loop {
            let page = ui.open(at).await;
            if !page.html.contains("data-live") {
                return page;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), looking).await.unwrap()
}

#[tokio::test]
async fn r43_ui_bulk_shows_what_it_does_before_it_does_it() {
    let gate = gate().start().await;
    customers(&gate).await;
    let mut ui = AdminUi::owner(&gate).await;
    ui.open("/jobs").await.says("No jobs yet");
    let form = ui.open("/bulk").await.form("/bulk").set("action", "enable");

    let nothing = ui.submit(&form.clone().set("do", "preview")).await;
    assert_eq!(nothing.status, 422);
    nothing.says("Choose at least one organization.");
    let found = ui.submit(&form.clone().set("q", "GLOB").set("organization", "acme")).await;
    found.says("value=\"acme\" checked");
    found.says("value=\"globex\"");
    found.lacks("value=\"initech\"");
    let all = form.set("which", "all").set("group", "limited").set("do", "preview");
    let unknown = ui.submit(&all.clone().set("group", "none")).await;
    assert_eq!(unknown.status, 422);
    unknown.says("id=\"group-problem\"");

    let preview = ui.submit(&all).await;
    for words in ["<strong>1</strong> Created", "<strong>1</strong> Skipped", "1</strong> email"] {
        preview.says(words);
    }
    assert_eq!(gate.admin.get("/api/v1/jobs").await.ok()["items"], json!([]));
    let back = ui.submit(&preview.form("/bulk").set("do", "edit")).await;
    back.says("value=\"limited\" selected");
    let job = ui.submit(&preview.form("/bulk").set("do", "start")).await;
    assert!(job.at.starts_with("/jobs/"), "{}", job.at);

    let job = ended(&mut ui, &job.at).await;
    job.says("3 of 3");
    job.says("there is no email address to use as the login");
    let skipped = ui.open(&format!("{}?result=skipped", job.at)).await;
    skipped.says("initech");
    skipped.lacks("g@globex.example");
    ui.open("/jobs").await.says("Bulk change");
    let csv = ui.browser.open(&format!("/api/v1{}/report?format=csv", job.at)).await;
    assert_eq!(csv.text().lines().count(), 4);
}

#[tokio::test]
async fn r41_ui_bulk_says_that_invitations_go_to_the_office() {
    let gate = gate().start().await;
    let acme = json!({ "id": "acme", "name": "Acme", "email": "office@acme.example" });
    gate.admin.post("/api/v1/organizations", acme).await.created();
    for login in ["ann@acme.example", "bob@acme.example"] {
        let user = json!({ "organization": "acme", "login": login });
        gate.admin.post("/api/v1/users", user).await.created();
    }
    let mut ui = AdminUi::owner(&gate).await;
    let form = ui.open("/bulk").await.form("/bulk").set("which", "all").set("do", "preview");
    let enable = ui.submit(&form.clone().set("action", "enable")).await;
    enable.says("data-warning=\"invitation-sent-elsewhere\"");
    enable.says("2 invitations go to <code>office@acme.example</code>");
    let disable = ui.submit(&form.set("action", "disable")).await;
    disable.lacks("invitation-sent-elsewhere");
}

#[tokio::test]
async fn r43_ui_bulk_needs_an_administrator_and_its_scope() {
    let gate = gate().start().await;
    customers(&gate).await;
    let mut technician = AdminUi::of_role(&gate, "technician").await;
    assert_eq!(technician.open("/bulk").await.status, 403);
    technician.open("/jobs").await.lacks("href=\"/bulk\"");
    let rights = json!({ "role": "administrator", "scope": ["acme"] });
    let mut scoped = AdminUi::signed_in(&gate, "sam", rights).await;
    let page = scoped.open("/bulk").await;
    page.says("value=\"acme\"");
    page.lacks("globex");
    let outside = page.form("/bulk").set("organization", "globex").set("do", "start");
    let refused = scoped.submit(&outside).await;
    assert_eq!(refused.status, 422);
    refused.says("organizations-problem");
}

/// Sends the import form with a file.
async fn import(ui: &mut AdminUi, step: &str, file: &str) -> UiPage {
    import_of(ui, "users", step, file).await
}

async fn import_of(ui: &mut AdminUi, kind: &str, step: &str, file: &str) -> UiPage {
    import_with(ui, &[("kind", kind), ("do", step)], file).await
}

async fn import_with(ui: &mut AdminUi, fields: &[(&str, &str)], file: &str) -> UiPage {
    let form = ui.open("/import").await.form("/import");
    let token = form.get("token").unwrap();
    let mut body = String::new();
    for (name, value) in [("token", token)].iter().chain(fields) {
        body +=
            &format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    body += "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"users.csv\"\r\n";
    body += &format!("Content-Type: text/csv\r\n\r\n{file}\r\n--x--\r\n");
    let origin = format!("http://{}", ui.browser.host());
    let headers = [
        ("origin", &*origin),
        ("accept", "text/html"),
        ("content-type", "multipart/form-data; boundary=x"),
    ];
    let reply = ui.browser.send(Method::POST, "/import", &headers, body).await;
    let page = ui.browser.go_on("/import", reply).await;
    let (at, status) = (page.target, page.reply.status);
    UiPage { at, status, html: page.reply.text().to_owned() }
}

#[tokio::test]
async fn ui_a_file_is_tried_out_and_imported() {
    let gate = gate().start().await;
    customers(&gate).await;
    let mut ui = AdminUi::owner(&gate).await;
    let file = format!("organization,login,name\nacme,zoe,{SCRIPT}\nnowhere,max,Max\n");
    let tried = import(&mut ui, "try", &file).await;
    tried.says("<strong>1</strong> Created");
    tried.says("line 3: organization: there is no organization <code>nowhere</code>");
    assert_eq!(gate.admin.get("/api/v1/users?login=zoe").await.ok()["items"], json!([]));

    let job = import(&mut ui, "start", &file).await;
    let job = ended(&mut ui, &job.at).await;
    job.says("Import of portal users");
    job.says(">acme Ltd</a>");
    job.says("there is no organization");
    let zoe = gate.admin.get("/api/v1/users?login=zoe").await.ok();
    assert_eq!(zoe["items"][0]["name"], SCRIPT);

    for (file, words) in [("", "Choose a file."), ("color\nred\n", "class=\"note alert\"")] {
        let refused = import(&mut ui, "start", file).await;
        assert_eq!(refused.status, 422);
        refused.says(words);
    }
    let mut auditor = AdminUi::of_role(&gate, "auditor").await;
    let page = auditor.open("/import").await;
    page.says("users.csv");
    page.lacks("type=\"file\"");
}

#[tokio::test]
async fn ui_an_import_offers_the_organizations_that_may_be_meant() {
    let gate = gate().start().await;
    for id in ["acme-1", "acme-2"] {
        let new = json!({ "id": id, "name": format!("Acme of {id}"), "email": "office@x.example" });
        gate.admin.post("/api/v1/organizations", new).await.created();
    }
    let mut ui = AdminUi::owner(&gate).await;
    let file = "login,name\nzoe,Zoe\n";
    let fields = [("kind", "users"), ("organization", "Acme of"), ("do", "try")];
    let asked = import_with(&mut ui, &fields, file).await;
    asked.says("Choose one of these");
    asked.says("name=\"choose\" value=\"acme-2\"");
    let fields = [("kind", "users"), ("organization", "Acme of"), ("choose", "acme-2")];
    let tried = import_with(&mut ui, &fields, file).await;
    tried.says("<strong>1</strong> Created");
    tried.says("value=\"acme-2\"");
    let users = gate.admin.get("/api/v1/users?login=zoe").await.ok();
    assert_eq!(users["items"], json!([]), "it was only tried out");
}

#[tokio::test]
async fn ui_a_file_of_many_megabytes_is_imported() {
    let gate = gate().start().await;
    let mut ui = AdminUi::owner(&gate).await;
    let name = "x".repeat(1 << 10);
    let mut file = "id,name\n".to_owned();
    for row in 0..3 << 10 {
        file += &format!("o-{row},{name}\n");
    }
    let job = import_of(&mut ui, "organizations", "start", &file).await;
    assert!(job.at.starts_with("/jobs/"), "{}: {}", job.status, job.at);
    let form = ui.open("/groups/new").await.form("/groups").set("name", &name.repeat(3 << 10));
    assert_eq!(ui.submit(&form).await.status, 413, "another form");
    file += &name.repeat(30 << 10);
    let refused = import_of(&mut ui, "organizations", "start", &file).await;
    assert_eq!(refused.status, 413, "a file above 32 MiB");
}

#[tokio::test]
async fn ui_a_job_is_cancelled_after_a_question() {
    let gate = gate().start().await;
    let mut file = "id,name\n".to_owned();
    for row in 0..3000 {
        file += &format!("o-{row},Organization {row}\n");
    }
    let mut ui = AdminUi::owner(&gate).await;
    let job = import_of(&mut ui, "organizations", "start", &file).await;
    let form = job.form(&format!("{}/cancel", job.at));
    let asked = ui.submit(&form).await;
    asked.says("What it has done stays.");
    let page = ui.confirm(&form).await;
    assert_eq!(page.at, job.at);
    page.says("Cancelled");
    page.lacks("/cancel");
}
