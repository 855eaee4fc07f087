//! The admin UI: overview, preferences, administrators, tokens and the audit log.

use serde_json::json;

use crate::support::admin::PASSWORD;
use crate::support::admin_ui::{AdminUi, SCRIPT, gate};
use crate::support::browser::Browser;

#[tokio::test]
async fn ui_overview_says_what_is_well_and_what_was_refused() {
    let gate = gate().start().await;
    let mut owner = AdminUi::owner(&gate).await;
    let page = owner.open("/").await;
    page.says("All is well");
    page.says("href=\"/organizations/new\"");
    page.says("No request was refused.");

    gate.admin.acme_with_user("ann@acme.example", "limited").await;
    let mut ann = Browser::at(&gate);
    ann.sign_in("ann@acme.example", "Wrong-Horse-7-Battery").await;
    ann.sign_in("ann@acme.example", PASSWORD).await;
    assert_eq!(ann.open("/closed/invoices").await.status, 403);
    let page = owner.open("/").await;
    page.lacks("href=\"/organizations/new\"");
    page.says(">Missing permission</a>");
    page.says(">ann@acme.example</a>");
    page.says("<td>Wrong password</td>");
}

#[tokio::test]
async fn ui_overview_shows_a_scoped_account_its_own_sign_ins() {
    let gate = gate().start().await;
    let acme = gate.admin.acme_with_user("ann@acme.example", "limited").await;
    let other = gate.admin.organization("Other").await;
    gate.admin.user(&other, "oz@other.example", "limited").await;
    for login in ["ann@acme.example", "oz@other.example"] {
        Browser::at(&gate).sign_in(login, PASSWORD).await;
    }
    let rights = json!({ "role": "administrator", "scope": [acme] });
    let mut scoped = AdminUi::signed_in(&gate, "stella", rights).await;
    let page = scoped.open("/").await;
    page.says(">ann@acme.example</a>");
    page.lacks("oz@other.example");
    page.lacks("All is well");
    page.lacks("href=\"/preferences\"");
    assert_eq!(scoped.open("/preferences").await.status, 403);
}

#[tokio::test]
async fn r60_ui_disables_the_portal_after_asking() {
    let gate = gate().start().await;
    let mut owner = AdminUi::owner(&gate).await;
    let page = owner.open("/").await;
    let form = page.form("/").set("do", "disable");
    let refused = owner.submit(&form.clone().set("disabled_redirect_url", "ftp://a.example")).await;
    assert_eq!(refused.status, 422);
    refused.says("<h1>Overview</h1>");
    refused.says("must begin with “http://” or “https://”");
    refused.says("aria-invalid=\"true\"");
    refused.says("value=\"ftp://a.example\"");

    let url = "https://status.example/";
    let asked = owner.submit(&form.set("disabled_redirect_url", url)).await;
    asked.says("Disable the portal?");
    asked.says("data-warning=");
    asked.lacks("open session");
    let preferences = async || gate.admin.get("/api/v1/preferences").await.ok();
    assert!(preferences().await["disabled_redirect_url"].is_null(), "it was only asked");
    let confirmed = asked.form("/");
    let page = owner.submit(&confirmed).await;
    assert_eq!(page.at, "/?done=disabled");
    page.says("The portal was disabled.");
    assert_eq!(preferences().await["disabled_redirect_url"], url);

    let page = owner.open("/").await;
    page.says("redirects to https://status.example/");
    let enable = page.form("/").set("do", "enable");
    let asked = owner.submit(&enable).await;
    asked.says("The portal is open again.");
    asked.lacks("open session");
    owner.confirm(&enable).await.says("The portal was enabled.");
    assert!(preferences().await["disabled_redirect_url"].is_null());
}

#[tokio::test]
async fn r12_ui_preferences_show_both_versions_to_the_second_editor() {
    let gate = gate().start().await;
    let mut owner = AdminUi::owner(&gate).await;
    let form = owner.open("/preferences").await.form("/preferences").set("secure", "yes");
    let theirs = json!({ "secure_with_password_if_portal_users_exist": false });
    gate.admin.patch("/api/v1/preferences", theirs).await.ok();
    let form = form.set("disabled_redirect_url", "https://mine.example/");
    let conflict = owner.confirm(&form).await;
    assert_eq!(conflict.status, 409);
    conflict.says("Someone else changed the preferences");
    conflict.says("Secure links always open the portal");
    conflict.says("https://mine.example/");
    let again = conflict.form("/preferences").set("secure", "yes");
    owner.confirm(&again.set("disabled_redirect_url", "")).await.says("Saved.");
    let stored = gate.admin.get("/api/v1/preferences").await.ok();
    assert_eq!(stored["secure_with_password_if_portal_users_exist"], true);
}

#[tokio::test]
async fn ui_shows_preferences_to_readers_who_may_not_change_them() {
    let gate = gate().start().await;
    let mut auditor = AdminUi::of_role(&gate, "auditor").await;
    let page = auditor.open("/preferences").await;
    assert_eq!(page.status, 200);
    page.lacks("<button>Save");
    let form = page.form("/preferences").set("disabled_redirect_url", "https://a.example");
    assert_eq!(auditor.submit(&form).await.status, 403);
    for path in ["/administrators", "/administrators/new", "/tokens", "/tokens/new"] {
        let refused = auditor.open(path).await;
        assert_eq!(refused.status, 403, "{path}");
        refused.says("the role Owner");
    }
}

#[tokio::test]
async fn ui_token_is_shown_once_and_can_be_limited_and_revoked() {
    let gate = gate().start().await;
    let acme = gate.admin.organization("Acme").await;
    let mut owner = AdminUi::owner(&gate).await;
    let form = owner.open("/tokens/new").await.form("/tokens").set("role", "technician");
    let wrong = form.clone().set("name", SCRIPT).set("scope", "some").set("organization", "nope");
    let refused = owner.submit(&wrong.set("expires", "2020-01-01")).await;
    assert_eq!(refused.status, 422);
    refused.says("field-problem");

    // Organizations are found by their names; saving waits until one is chosen.
    let form = form.set("name", "CI & <b>").set("scope", "some");
    let search = form.clone().set("organization_search", "acm").set("do", "find");
    let found = owner.submit(&search).await;
    found.says(&format!("name=\"organization\" value=\"{acme}\" checked"));
    found.says("value=\"CI &#38; &#60;b&#62;\"");
    let none = owner.submit(&form.clone().set("organization_search", "nope")).await;
    none.says("Nothing matches.");
    assert_eq!(gate.admin.get("/api/v1/tokens").await.ok()["items"].as_array().unwrap().len(), 0);
    owner.open("/organizations/choices?organization_search=AC").await.says("Acme");

    let form = form.set("name", "CI & <b>").set("scope", "some").set("organization", &acme);
    let created = owner.submit(&form.set("expires", "2099-01-01")).await;
    let (_, token) = created.html.split_once("id=\"new-token\">").unwrap();
    assert!(token.starts_with("portcullis_"), "{}", created.html);
    created.says(&format!(" http://{}/api/v1/status", gate.admin_address));
    let list = owner.open("/tokens").await;
    list.says("CI &#38; &#60;b&#62;");
    list.lacks("portcullis_");
    list.says("1 organization");

    let id = gate.admin.get("/api/v1/tokens").await.ok()["items"][0]["id"].clone();
    let at = format!("/tokens/{}", id.as_str().unwrap());
    let page = owner.open(&at).await;
    let edit = page.form(&at).set("name", "CI").set("role", "auditor").set("scope", "all");
    owner.submit(&edit.set("expires", "")).await.says("Saved.");
    let token = gate.admin.get(&format!("/api/v1{at}")).await.ok();
    assert_eq!((&token["role"], &token["scope"]), (&"auditor".into(), &json!(null)));
    assert!(token["expires"].is_null());

    let form = owner_form(&mut owner, &at).await;
    let asked = owner.submit(&form.set("do", "revoke")).await;
    asked.says("Revoke the token CI?");
    owner.submit(&asked.form(&at)).await.says("The token was revoked.");
    assert_eq!(gate.admin.get(&format!("/api/v1{at}")).await.status, 404);
}

/// The first form of a page that is sent to the page.
async fn owner_form(owner: &mut AdminUi, at: &str) -> crate::support::browser::Form {
    owner.open(at).await.form(at)
}

#[tokio::test]
async fn ui_administrators_are_created_edited_and_deleted() {
    let gate = gate().start().await;
    let mut owner = AdminUi::owner(&gate).await;
    let new = owner.open("/administrators/new").await.form("/administrators");
    let new = new.set("login", "theo").set("role", "technician").set("scope", "all");
    let short = owner.submit(&new.clone().set("password", "short")).await;
    assert_eq!(short.status, 422);
    short.says("id=\"password-problem\"");
    short.lacks("value=\"short\"");
    let issued = owner.submit(&new.set("password", PASSWORD).set("mfa", "yes")).await;
    issued.says("<svg");
    issued.says("Recovery codes");
    let list = owner.open("/administrators").await;
    list.says(">theo</a>");

    let all = gate.admin.get("/api/v1/administrators").await.ok();
    let theo = all["items"].as_array().unwrap().iter().find(|it| it["login"] == "theo").unwrap();
    let at = format!("/administrators/{}", theo["id"].as_str().unwrap());
    let form = owner_form(&mut owner, &at).await;
    let saved = form.clone().set("role", "auditor").set("scope", "all").set("impersonate", "yes");
    owner.submit(&saved).await.says("Saved.");
    let api = format!("/api/v1{at}");
    assert_eq!(gate.admin.get(&api).await.ok()["role"], "auditor");
    let stale = owner.submit(&saved.set("role", "owner")).await;
    assert_eq!(stale.status, 409);
    stale.says("Someone else changed this");

    let form = owner_form(&mut owner, &at).await;
    let set = form.clone().set("do", "password").set("password", PASSWORD).set("version", "");
    owner.submit(&set).await.says("The password was set.");
    let asked = owner.submit(&form.clone().set("do", "mfa").set("version", "")).await;
    asked.says("Set up two-step sign-in for theo again?");
    owner.submit(&asked.form(&at)).await.says("<svg");
    let asked = owner.submit(&form.set("do", "delete").set("version", "")).await;
    owner.submit(&asked.form(&at)).await.says("The administrator was deleted.");
    assert_eq!(gate.admin.get(&api).await.status, 404);
}

#[tokio::test]
async fn ui_last_owner_is_not_deleted() {
    let gate = gate().start().await;
    let mut owner = AdminUi::owner(&gate).await;
    let olga = gate.admin.get("/api/v1/administrators").await.ok()["items"][0]["id"].clone();
    let at = format!("/administrators/{}", olga.as_str().unwrap());
    let form = owner_form(&mut owner, &at).await;
    let refused = owner.submit(&form.set("do", "delete")).await;
    assert_eq!(refused.status, 409);
    refused.says("role=\"alert\"");
}

#[tokio::test]
async fn ui_audit_log_is_filtered_and_shows_differences() {
    let gate = gate().start().await;
    let acme = gate.admin.acme_with_user("ann@acme.example", "limited").await;
    let group = gate.admin.group(SCRIPT, &["portal.access", "chat.start"]).await;
    let patch = json!({ "permissions": ["portal.access", "invoices.view"] });
    gate.admin.patch(&format!("/api/v1/groups/{group}"), patch).await.ok();
    let mut owner = AdminUi::owner(&gate).await;

    let list = owner.open("/audit?kind=group.changed").await;
    list.says("&#60;script&#62;");
    list.lacks("ann@acme.example");
    let by_login = owner.open("/audit?user=ann%40acme.example").await;
    by_login.says("<td title=\"user.created\">Portal user created</td>");
    by_login.lacks("<td title=\"group.changed\">");
    let of_acme =
        owner.open(&format!("/audit?organization={acme}&kind=organization.created")).await;
    of_acme.says(">Acme</a>");
    assert_eq!(owner.open("/audit?since=never").await.status, 422);
    owner.open("/audit?actor=token%3Anone").await.says("Nothing matches.");

    // A name as the column shows it.
    for name in ["socket", "Admin%20socket"] {
        let list = owner.open(&format!("/audit?actor={name}&kind=group.changed")).await;
        list.says("<td title=\"group.changed\">");
        list.says(">Admin socket</a>");
        list.says("<span class=\"quiet\">Permissions</span>");
    }
    let new = owner.open("/organizations/new").await.form("/organizations/new");
    assert_eq!(owner.submit(&new.set("name", "Globex")).await.status, 200);
    let by_olga = owner.open("/audit?actor=olga").await;
    by_olga.says(">olga</a>");
    by_olga.lacks("<td title=\"group.changed\">");
    owner.open("/audit?actor=olgas").await.says("Nothing matches.");

    let entries = gate.admin.get("/api/v1/audit?kind=group.changed").await.ok();
    let number = &entries["items"][0]["number"];
    let entry = owner.open(&format!("/audit/{number}")).await;
    entry.says("<div class=\"removed\">chat.start</div>");
    entry.says("<div class=\"added\">invoices.view</div>");
    entry.says("Group changed: &#60;script&#62;");
    entry.says("1 unchanged");
    entry.says("title=\"permissions\">Permissions");
    entry.says("<dd>Admin socket</dd>");
    assert_eq!(owner.open("/audit/999999").await.status, 404);
}

#[tokio::test]
async fn ui_audit_log_is_verified_from_its_page() {
    let gate = gate().start().await;
    gate.admin.organization("Acme").await;
    let mut owner = AdminUi::owner(&gate).await;
    owner.open("/audit/checkpoint").await.says("href=\"/audit/verification\"");
    let found = owner.open("/audit/verification").await;
    found.says("No entry was changed or removed");
    found.says("<time datetime=");
    let mut technician = AdminUi::of_role(&gate, "technician").await;
    assert_eq!(technician.open("/audit/verification").await.status, 403);
}

#[tokio::test]
async fn ui_audit_checkpoint_is_for_those_who_may_export() {
    let gate = gate().start().await;
    let mut auditor = AdminUi::of_role(&gate, "auditor").await;
    auditor.open("/audit/checkpoint").await.says("portcullis audit verify");
    auditor.open("/audit").await.says("href=\"/api/v1/audit/export\"");
    let mut technician = AdminUi::of_role(&gate, "technician").await;
    technician.open("/audit").await.lacks("/api/v1/audit/export");
    assert_eq!(technician.open("/audit/checkpoint").await.status, 403);
}
