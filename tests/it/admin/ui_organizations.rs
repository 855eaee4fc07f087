//! The admin UI: the pages about organizations and end users.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::support::admin_ui::{AdminUi, SCRIPT, gate};

#[tokio::test]
async fn ui_organizations_are_created_edited_and_deleted() {
    let gate = gate().start().await;
    let mut ui = AdminUi::of_role(&gate, "administrator").await;
    ui.open("/organizations").await.says("There are no organizations yet");

    let new = "/organizations/new";
    let form = ui.open(new).await.form(new);
    let refused = ui.submit(&form.clone().set("email", "help@acme.example")).await;
    assert_eq!(refused.status, 422);
    refused.says("id=\"name-problem\"");
    refused.says("value=\"help@acme.example\"");
    let named = form.set("name", SCRIPT).set("id", "acme");
    let page = "/organizations/acme";
    assert_eq!(ui.submit(&named).await.at, "/organizations/acme?done=created");
    assert_eq!(ui.submit(&named).await.status, 422);

    let edit = "/organizations/acme/edit";
    let old = ui.open(edit).await.form(edit);
    let fields = old.clone().set("email", "help@acme.example").set("default_group", "limited");
    let saved = ui.confirm(&fields.set("name", "Acme")).await;
    saved.says("Saved.");
    let stored = gate.admin.get("/api/v1/organizations/acme").await.ok();
    assert_eq!(
        (&stored["name"], &stored["email"], &stored["default_group"]),
        (&json!("Acme"), &json!("help@acme.example"), &json!("limited"))
    );
    let conflict = ui.submit(&old.set("name", "Acme Ltd")).await;
    assert_eq!(conflict.status, 409);
    conflict.says("<td>Acme</td><td>Acme Ltd</td>");
    conflict.says("value=\"Acme Ltd\"");
    let mine = conflict.form(edit).set("name", "Acme Ltd");
    assert_eq!(ui.confirm(&mine).await.at, "/organizations/acme?done=saved");

    ui.open("/organizations?search=ACME").await.says("Acme Ltd");
    ui.open("/organizations?search=x").await.says("Nothing matches");
    let delete = ui.open(page).await.form("/organizations/acme/delete");
    assert_eq!(ui.confirm(&delete).await.at, "/organizations?done=deleted");
    assert_eq!(ui.open(page).await.status, 404);
}

#[tokio::test]
async fn ui_a_conflict_keeps_only_the_fields_that_one_changed() {
    let gate = gate().start().await;
    let acme = gate.admin.organization("Acme").await;
    let api = format!("/api/v1/organizations/{acme}");
    gate.admin.patch(&api, json!({ "email": "old@acme.example" })).await.ok();
    let mut ui = AdminUi::of_role(&gate, "administrator").await;
    let edit = format!("/organizations/{acme}/edit");
    let form = ui.open(&edit).await.form(&edit).set("email", "old@acme.example");
    gate.admin.patch(&api, json!({ "email": "new@acme.example" })).await.ok();

    let conflict = ui.submit(&form.set("name", "Acme Ltd")).await;
    assert_eq!(conflict.status, 409);
    conflict.says("<td>Acme</td><td>Acme Ltd</td>");
    conflict.lacks("<td>new@acme.example</td>");
    conflict.says("type=\"email\" value=\"new@acme.example\"");
    conflict.lacks("value=\"old@acme.example\"");
    // A field that was changed on this page keeps what was typed.
    let again = conflict.form(&edit).set("name", "Acme Ltd").set("email", "mine@acme.example");
    gate.admin.patch(&api, json!({ "email": "third@acme.example" })).await.ok();
    let conflict = ui.submit(&again).await;
    conflict.says("<td>third@acme.example</td><td>mine@acme.example</td>");
    let again = conflict.form(&edit).set("name", "Acme Ltd").set("email", "mine@acme.example");
    ui.confirm(&again).await.says("Saved.");
    let stored = gate.admin.get(&api).await.ok();
    assert_eq!(
        (&stored["name"], &stored["email"]),
        (&json!("Acme Ltd"), &json!("mine@acme.example"))
    );
}

#[tokio::test]
async fn ui_an_organization_with_people_is_not_deleted() {
    let gate = gate().start().await;
    let acme = gate.admin.acme_with_user("liam", "limited").await;
    let mut ui = AdminUi::of_role(&gate, "administrator").await;
    let page = format!("/organizations/{acme}");
    let form = ui.open(&page).await.form(&format!("{page}/delete"));
    let refused = ui.submit(&form).await;
    assert_eq!(refused.status, 409);
    refused.says("can’t be deleted");
    assert_eq!(ui.open(&page).await.status, 200);
}

#[tokio::test]
async fn ui_r12_the_page_says_what_the_secure_link_does() {
    let gate = gate().start().await;
    let acme = gate.admin.organization("Acme").await;
    let mut ui = AdminUi::of_role(&gate, "administrator").await;
    let page = format!("/organizations/{acme}");
    let change = format!("{page}/link/change");
    let shown = ui.open(&page).await;
    shown.says("Opens the portal");
    shown.lacks("/.portcullis/link/");
    let secure_link = gate.admin.secure_link(&acme).await;
    ui.submit(&shown.form(&format!("{page}/link"))).await.says(&secure_link);

    let replace = shown.form(&change).set("do", "replace");
    let asked = ui.submit(&replace).await;
    asked.says("Replace the secure link of Acme?");
    asked.says("The secure link of <code>Acme</code> stops working.");
    asked.lacks(&format!("<code>{acme}</code>"));
    assert_eq!(gate.admin.secure_link(&acme).await, secure_link);
    ui.confirm(&replace).await.says("The old one no longer works");
    assert_ne!(gate.admin.secure_link(&acme).await, secure_link);

    gate.admin.user(&acme, "liam", "limited").await;
    ui.open(&page).await.says("Asks to sign in");
    let form = shown.form(&change);
    ui.confirm(&form.clone().set("do", "off")).await.says("switched off and opens nothing");
    ui.confirm(&form.set("do", "on")).await.says("Asks to sign in");
}

#[tokio::test]
async fn ui_r12_a_link_that_opens_nothing_is_not_shown_as_open() {
    let gate = gate().start().await;
    let acme = gate.admin.acme_with_user("liam", "limited").await;
    let empty = gate.admin.organization("Globex").await;
    let mut ui = AdminUi::of_role(&gate, "administrator").await;
    let page = |id: &str| format!("/organizations/{id}");
    let api = |id: &str| format!("/api/v1/organizations/{id}");
    let parked = json!({ "parked": { "reason": "moving" } });
    gate.admin.patch(&api(&acme), parked).await.ok();
    let shown = ui.open(&page(&acme)).await;
    shown.says("says why the portal is closed");
    shown.lacks("Asks to sign in");

    let shown = ui.open(&page(&empty)).await;
    shown.says("Opens the portal");
    let off = shown.form(&format!("{}/link/change", page(&empty))).set("do", "off");
    let asked = ui.submit(&off).await;
    asked.says("<strong>Visitors of the secure link</strong> will lose access to the portal");
    asked.lacks("1 person");
    let disabled = json!({ "disabled_redirect_url": "https://status.example/" });
    gate.admin.patch("/api/v1/preferences", disabled).await.ok();
    for id in [&acme, &empty] {
        let shown = ui.open(&page(id)).await;
        shown.says("The portal is disabled");
        shown.lacks("Opens the portal");
    }
}

#[tokio::test]
async fn ui_parking_asks_for_a_reason_and_can_be_undone() {
    let gate = gate().start().await;
    let acme = gate.admin.organization("Acme").await;
    let mut ui = AdminUi::of_role(&gate, "administrator").await;
    let page = format!("/organizations/{acme}");
    let park = format!("{page}/park");
    let form = ui.open(&park).await.form(&park);
    let refused = ui.submit(&form.clone().set("reason", "")).await;
    assert_eq!(refused.status, 422);
    refused.says("aria-invalid");
    let parked = ui.confirm(&form.set("reason", SCRIPT)).await;
    parked.says("closed for this organization");
    ui.open("/organizations?parked=true").await.says("Acme");
    ui.open("/organizations?parked=false").await.lacks("Acme");
    let open = parked.form(&park).set("do", "open");
    ui.confirm(&open).await.says("open for the organization again");
}

#[tokio::test]
async fn ui_r17_viewing_the_portal_needs_a_reason() {
    let gate = gate().start().await;
    let acme = gate.admin.organization("Acme").await;
    let mut ui = AdminUi::of_role(&gate, "technician").await;
    let view = format!("/organizations/{acme}/view");
    let form = ui.open(&view).await.form(&view);
    let refused = ui.submit(&form.clone().set("reason", "")).await;
    assert_eq!(refused.status, 422);
    refused.lacks("/.portcullis/view/");
    let opened = ui.submit(&form.set("reason", "Ticket 7")).await;
    opened.says("/.portcullis/view/");
    opened.says("rel=\"noopener noreferrer\"");
}

#[tokio::test]
async fn ui_end_users_are_created_edited_and_deleted() {
    let gate = gate().start().await;
    let acme = gate.admin.organization("Acme").await;
    let mut ui = AdminUi::of_role(&gate, "administrator").await;
    let list = format!("/organizations/{acme}/end-users");
    let new = format!("{list}/new");
    let form = ui.open(&new).await.form(&new).set("name", SCRIPT);
    let refused = ui.submit(&form.clone().set("email", "nowhere")).await;
    assert_eq!(refused.status, 422);
    refused.says("id=\"email-problem\"");
    let created = ui.submit(&form).await;
    created.says("The end user was created.");
    let page = created.at.split('?').next().unwrap();
    let named = created.form(page).set("name", "Ann").set("email", "ann@acme.example");
    ui.confirm(&named).await.says("Saved.");
    ui.open(&format!("{list}?search=ann@")).await.says("Ann");
    let suggestions = format!("/end-users/suggestions?organization={acme}&end_user=an");
    ui.open(&suggestions).await.says("Ann &#60;ann@acme.example&#62;");
    let delete = created.form(&format!("{page}/delete"));
    assert_eq!(ui.confirm(&delete).await.at, format!("{list}?done=deleted"));
}

#[tokio::test]
async fn ui_roles_and_scopes_limit_the_pages_of_organizations() {
    let gate = gate().start().await;
    let acme = gate.admin.organization("Acme").await;
    let other = gate.admin.organization("Globex").await;
    let page = format!("/organizations/{acme}");

    let mut auditor = AdminUi::of_role(&gate, "auditor").await;
    let shown = auditor.open(&page).await;
    shown.lacks("/link/change");
    shown.lacks("Show link");
    for path in ["/edit", "/park", "/view", "/end-users/new"] {
        assert_eq!(auditor.open(&format!("{page}{path}")).await.status, 403, "{path}");
    }
    let mut technician = AdminUi::of_role(&gate, "technician").await;
    technician.open(&page).await.says("Show link");
    assert_eq!(technician.open(&format!("{page}/edit")).await.status, 403);

    let rights = json!({ "role": "administrator", "scope": [acme] });
    let mut scoped = AdminUi::signed_in(&gate, "scoped", rights).await;
    let list = scoped.open("/organizations").await;
    list.lacks("Globex");
    list.says("1 more is outside of your scope");
    assert_eq!(scoped.open(&page).await.status, 200);
    assert_eq!(scoped.open(&format!("/organizations/{other}")).await.status, 404);
    assert_eq!(scoped.open("/organizations/new").await.status, 403);
}

#[tokio::test]
async fn ui_a_record_of_a_file_is_detached_knowingly() {
    let gate = gate().start().await;
    let mut ui = AdminUi::owner(&gate).await;
    let origin = format!("http://{}", ui.browser.host());
    let headers = [("origin", &*origin), ("content-type", "application/toml")];
    let file = "[[organization]]\nid = \"acme\"\nname = \"Acme\"\n";
    let applied = ui.browser.send(Method::POST, "/api/v1/apply", &headers, file).await;
    assert_eq!(applied.status, 201, "{applied:?}");
    let api = "/api/v1/organizations/acme";
    while gate.admin.get(api).await.status == 404 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let edit = "/organizations/acme/edit";
    let page = ui.open(edit).await;
    page.says("managed by the file api");
    let offered = ui.confirm(&page.form(edit).set("name", "Acme Ltd")).await;
    assert_eq!(offered.status, 409);
    offered.says("A file manages this");
    assert_eq!(gate.admin.get(api).await.ok()["name"], "Acme");
    ui.confirm(&offered.form(edit).set("detach", "yes")).await.says("Saved.");
    let stored = gate.admin.get(api).await.ok();
    assert_eq!((&stored["name"], &stored["managed_by"]), (&json!("Acme Ltd"), &Value::Null));
}
