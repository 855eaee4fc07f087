//! The admin UI: the pages about portal users.

use serde_json::{Value, json};

use crate::support::admin::PASSWORD;
use crate::support::admin_ui::{AdminUi, SCRIPT, gate};
use crate::support::browser::{Browser, Form};
use crate::support::gate::TestGate;

const NEW: &str = "/users/new";

/// The organization Acme with an address.
async fn acme(gate: &TestGate) {
    let acme = json!({ "id": "acme", "name": "Acme", "email": "office@acme.example" });
    gate.admin.post("/api/v1/organizations", acme).await.created();
}

/// The stored portal user with a login.
async fn stored(gate: &TestGate, login: &str) -> Value {
    let users = gate.admin.get(&format!("/api/v1/users?login={login}")).await.ok();
    users["items"][0].clone()
}

/// The portal user liam of Acme, who has [`PASSWORD`], and the address of the page.
async fn liam(gate: &TestGate) -> (String, String) {
    acme(gate).await;
    let id = gate.admin.user("acme", "liam@acme.example", "limited").await;
    let page = format!("/users/{id}");
    (id, page)
}

#[tokio::test]
async fn ui_lists_name_organizations_by_their_names() {
    let gate = gate().start().await;
    acme(&gate).await;
    let other = json!({ "id": "other", "name": SCRIPT, "email": "x@other.example" });
    gate.admin.post("/api/v1/organizations", other).await.created();
    gate.admin.user("other", "oz", "limited").await;
    let mut browser = Browser::at(&gate);
    browser.sign_in("oz", PASSWORD).await;
    let entries = gate.admin.get("/api/v1/audit?kind=user.created").await.ok();
    let entry = format!("/audit/{}", entries["items"][0]["number"]);
    let mut ui = AdminUi::owner(&gate).await;
    for page in ["/users", "/sessions", "/explain?who=user&user=oz&target=/closed/a", &entry] {
        ui.open(page).await.says(">&#60;script&#62;alert(1)&#60;/script&#62;</a>");
    }
    ui.open("/explain/people?user=oz").await.says("&#60;script&#62;");

    // Nothing is named that the visitor may not see.
    let mut limited =
        AdminUi::signed_in(&gate, "lim", json!({ "role": "auditor", "scope": ["acme"] })).await;
    limited.open("/users").await.lacks("&#60;script&#62;");
}

#[tokio::test]
async fn ui_r15_a_person_is_invited_with_the_login_proposed() {
    let gate = gate().start().await;
    acme(&gate).await;
    let ann = json!({ "name": "Ann", "email": "ann@acme.example" });
    let ann = gate.admin.post("/api/v1/organizations/acme/end-users", ann).await.created();
    let mut ui = AdminUi::of_role(&gate, "administrator").await;
    ui.open("/users").await.says("No one signs in to the portal yet");
    ui.open("/users/new?organization=x").await.says("There is no organization with this ID");
    let found = ui.open("/users/new?organization=AC").await;
    found.says("href=\"/users/new?organization=acme\">Acme");
    let unknown = ui.open("/users/new?organization=acme&end_user=x").await;
    unknown.says("no end user with this ID");

    let page = ui.open(&format!("{NEW}?organization=acme&end_user={ann}")).await;
    page.says("value=\"ann@acme.example\"");
    let form = page.form(NEW).set("login", "ann@acme.example").set("group", "limited");
    let form = form.set("way", "invite").set("require_mfa", "yes");
    let asked = ui.submit(&form).await;
    asked.says("The secure link of <code>Acme</code> no longer opens sessions.");
    // Cancelling leads back to the form with everything that was typed.
    let confirmation = asked.forms().into_iter().find(|it| it.get("confirmed").is_some());
    let back = ui.submit(&confirmation.unwrap().set("cancelled", "yes")).await;
    assert_eq!(back.status, 200);
    back.says("name=\"login\" type=\"text\" value=\"ann@acme.example\"");
    back.says("<option value=\"limited\" selected>");
    back.says("name=\"require_mfa\" value=\"yes\" checked");
    back.lacks("role=\"alert\"");
    assert_eq!(back.form(NEW).get("end_user"), Some(&*ann));
    assert!(stored(&gate, "ann@acme.example").await.is_null());
    ui.confirm(&form).await.says("The invitation will be sent.");
    let user = stored(&gate, "ann@acme.example").await;
    assert_eq!((&user["status"], &user["require_mfa"]), (&json!("invited"), &json!(true)));
    assert_eq!((&user["end_user"], &user["group"]), (&json!(ann), &json!("limited")));

    let taken = ui.submit(&form.set("name", SCRIPT)).await;
    assert_eq!(taken.status, 422);
    taken.says("already");
}

#[tokio::test]
async fn ui_r30_a_password_that_breaks_a_rule_is_refused() {
    let gate = gate().start().await;
    acme(&gate).await;
    let mut ui = AdminUi::of_role(&gate, "administrator").await;
    let page = ui.open(&format!("{NEW}?organization=acme")).await;
    let form = page.form(NEW).set("login", "liam").set("group", "limited").set("way", "password");
    let page = ui.confirm(&form).await;
    let user = stored(&gate, "liam").await;
    let password = format!("/users/{}/password", user["id"].as_str().unwrap());
    assert_eq!(page.at, format!("{password}?done=created"));
    for words in
        ["12 to 128 characters", "data-login=\"liam\"", "data-email=\"office@acme.example\""]
    {
        page.says(words);
    }
    let refused = ui.submit(&page.form(&password).set("password", "too short")).await;
    assert_eq!(refused.status, 422);
    refused.lacks("too short");
    assert_eq!(stored(&gate, "liam").await["status"], "no_password");
    ui.submit(&page.form(&password).set("password", PASSWORD)).await.says("The password was set.");
    assert_eq!(Browser::at(&gate).sign_in("liam", PASSWORD).await.status, 303);
}

#[tokio::test]
async fn ui_the_second_of_two_editors_sees_both_versions() {
    let gate = gate().start().await;
    let (_, page) = liam(&gate).await;
    let mut ui = AdminUi::of_role(&gate, "administrator").await;
    let form = ui.open(&page).await.form(&page).set("login", "liam@acme.example");
    let theirs = form.clone().set("name", "Theirs").set("group", "admin");
    ui.confirm(&theirs).await.says("Saved.");
    let mine = form.set("name", SCRIPT).set("group", "limited").set("require_mfa", "yes");
    let conflict = ui.submit(&mine).await;
    assert_eq!(conflict.status, 409);
    conflict.says("<td>Theirs</td>");
    conflict.lacks("<td>Admin Portal Group</td>");
    conflict.says("<option value=\"admin\" selected>");
    conflict.says("<td>No</td><td>Yes</td>");
    let mine = conflict.form(&page).set("login", "liam@acme.example").set("name", "Mine");
    let saved = ui.confirm(&mine.set("group", "admin").set("require_mfa", "yes")).await;
    assert_eq!(saved.at, format!("{page}?done=saved"));
    let stored = stored(&gate, "liam@acme.example").await;
    assert_eq!((&stored["name"], &stored["group"]), (&json!("Mine"), &json!("admin")));
}

#[tokio::test]
async fn ui_r40_an_invitation_is_sent_again_and_withdrawn() {
    let gate = gate().start().await;
    acme(&gate).await;
    let user = json!({ "organization": "acme", "login": "liam", "group": "limited" });
    let id = gate.admin.post("/api/v1/users", user).await.created();
    let mut ui = AdminUi::of_role(&gate, "technician").await;
    let page = format!("/users/{id}");
    let invitation = format!("{page}/invitation");
    let invite = ui.open(&page).await.form(&invitation);
    let invited = ui.confirm(&invite).await;
    invited.says("office@acme.example");
    invited.says("Send again");
    ui.confirm(&invite).await.says("The invitation will be sent.");
    let withdraw = invite.set("do", "withdraw");
    ui.confirm(&withdraw).await.says("The invitation was withdrawn.");
    assert_eq!(stored(&gate, "liam").await["status"], "no_password");
}

#[tokio::test]
async fn ui_r41_an_invitation_is_sent_again_to_the_same_address() {
    let gate = gate().start().await;
    acme(&gate).await;
    let user = json!({
        "organization": "acme", "login": "ivy", "group": "limited", "invite": true,
        "send_to": "ivy@other.example",
    });
    let id = gate.admin.post("/api/v1/users", user).await.created();
    let mut ui = AdminUi::of_role(&gate, "technician").await;
    let page = format!("/users/{id}");
    let shown = ui.open(&page).await;
    shown.says("type=\"email\" value=\"ivy@other.example\"");
    let form = shown.form(&format!("{page}/invitation")).set("send_to", "ivy@other.example");
    ui.submit(&form).await.says("Send the invitation for ivy to ivy@other.example?");
    ui.confirm(&form).await.says("The invitation will be sent.");
    let sent_to = async || stored(&gate, "ivy").await["invitation"]["sent_to"].clone();
    assert_eq!(sent_to().await, "ivy@other.example");

    let elsewhere = form.clone().set("send_to", "ivy@home.example");
    ui.confirm(&elsewhere).await.says("The invitation will be sent.");
    assert_eq!(sent_to().await, "ivy@home.example");
    let cancelled = ui.submit(&elsewhere.set("cancelled", "yes")).await;
    assert_eq!(cancelled.status, 200);
    cancelled.says("value=\"ivy@home.example\"");
    let refused = ui.submit(&form.clone().set("send_to", "nowhere")).await;
    assert_eq!(refused.status, 422);
    refused.says("id=\"send_to-problem\"");
    refused.says("value=\"nowhere\"");
    assert_eq!(sent_to().await, "ivy@home.example");

    // The organization's own address is named too.
    let usual = form.set("send_to", "");
    ui.submit(&usual).await.says("Send the invitation for ivy to office@acme.example?");
}

#[tokio::test]
async fn ui_sessions_and_lockouts_are_shown_and_ended() {
    let gate = gate().start().await;
    let (id, page) = liam(&gate).await;
    let mut browser = Browser::at(&gate);
    browser.sign_in("liam@acme.example", PASSWORD).await;
    let mut other = Browser::at(&gate);
    for _ in 0..20 {
        other.sign_in("liam@acme.example", "Wrong-Horse-7-Battery").await;
    }
    let mut ui = AdminUi::of_role(&gate, "technician").await;
    let shown = ui.open(&page).await;
    shown.says("Signing in is paused after failed attempts");
    let released = ui.submit(&shown.form(&format!("{page}/release"))).await;
    released.says("The person can sign in again.");
    released.lacks("Signing in is paused");
    let organization = ui.open("/organizations/acme").await;
    organization.says("End the session of liam@acme.example");
    let end = organization.forms().into_iter().find(|form| form.get("session").is_some()).unwrap();
    ui.submit(&end).await.says("No session is open.");
    let left = gate.admin.get(&format!("/api/v1/users/{id}/sessions")).await.ok();
    assert_eq!(left["items"], json!([]));
    assert_eq!(browser.open("/").await.status, 303);
}

#[tokio::test]
async fn ui_tokens_are_shown_once_and_revoked() {
    let gate = gate().start().await;
    let (id, page) = liam(&gate).await;
    let mut ui = AdminUi::of_role(&gate, "administrator").await;
    let new = format!("{page}/tokens/new");
    let form = ui.open(&new).await.form(&new).set("name", SCRIPT);
    let refused = ui.submit(&form.clone().set("expires", "soon")).await;
    assert_eq!(refused.status, 422);
    ui.submit(&form.set("expires", "2099-12-31")).await.says("portcullis_user_");
    let tokens = format!("/api/v1/users/{id}/tokens");
    let token = gate.admin.get(&tokens).await.ok()["items"][0].clone();
    assert_eq!(token["expires"], "2099-12-31T23:59:59Z");
    let shown = ui.open(&page).await;
    shown.lacks("portcullis_user_");
    let revoke = shown.form(&format!("{page}/tokens"));
    ui.confirm(&revoke).await.says("The token was revoked.");
    assert_eq!(gate.admin.get(&tokens).await.ok()["items"], json!([]));
}

#[tokio::test]
async fn ui_r18_acting_as_a_user_needs_the_right_and_a_reason() {
    let gate = gate().start().await;
    let (_, page) = liam(&gate).await;
    let impersonate = format!("{page}/impersonate");
    let mut without = AdminUi::of_role(&gate, "administrator").await;
    without.open(&page).await.lacks("/impersonate");
    let form = without.open(&impersonate).await.form(&impersonate).set("reason", "Ticket 7");
    let refused = without.submit(&form).await;
    assert_eq!(refused.status, 403);
    refused.lacks("/.portcullis/view/");

    let mut owner = AdminUi::owner(&gate).await;
    owner.open(&page).await.says("/impersonate");
    let form = owner.open(&impersonate).await.form(&impersonate);
    assert_eq!(owner.submit(&form.clone().set("reason", "")).await.status, 422);
    owner.submit(&form.set("reason", SCRIPT)).await.says("/.portcullis/view/");

    let barred = gate.admin.user("acme", "bea@acme.example", "no-access").await;
    let page = owner.open(&format!("/users/{barred}")).await;
    page.lacks("/impersonate");
    page.says("no one can act as this user");
}

#[tokio::test]
async fn ui_a_button_that_came_too_late_is_answered_on_its_page() {
    let gate = gate().start().await;
    acme(&gate).await;
    let ann = json!({ "organization": "acme", "login": "ann@acme.example", "invite": true });
    let ann = gate.admin.post("/api/v1/users", ann).await.created();
    let mut ui = AdminUi::of_role(&gate, "technician").await;
    let page = format!("/users/{ann}");
    let invite = ui.open(&page).await.form(&format!("{page}/invitation"));
    let set = format!("{page}/password");
    let set = ui.open(&set).await.form(&set).set("password", PASSWORD);
    ui.confirm(&set).await.says("<h2 id=\"ways-in\">");
    let late = ui.submit(&invite).await;
    assert_eq!(late.status, 409);
    late.says("role=\"alert\"");
    late.says("<h2 id=\"ways-in\">");
    ui.open(&page).await.lacks("role=\"alert\"");
    // What the role does not allow is not a button that came too late.
    let mut auditor = AdminUi::of_role(&gate, "auditor").await;
    let token = auditor.open("/account").await.forms()[0].get("token").unwrap().to_owned();
    let refused = auditor.submit(&invite.set("token", &token)).await;
    assert_eq!(refused.status, 403);
    refused.lacks("<h2 id=\"ways-in\">");
}

#[tokio::test]
async fn ui_disabling_resetting_and_deleting_ask_first() {
    let gate = gate().start().await;
    let (_, page) = liam(&gate).await;
    let mut ui = AdminUi::of_role(&gate, "administrator").await;
    let shown = ui.open(&page).await;
    let disable = shown.form(&format!("{page}/disable"));
    ui.submit(&disable).await.says("Disable liam@acme.example?");
    assert_eq!(stored(&gate, "liam@acme.example").await["disabled"], false);
    ui.confirm(&disable).await.says("This account is disabled");
    ui.open("/users?state=disabled").await.says(&page);
    ui.open("/users?state=active").await.lacks(&page);
    ui.confirm(&disable.set("do", "enable")).await.lacks("This account is disabled");
    let delete = shown.form(&format!("{page}/delete"));
    ui.submit(&delete).await.says("The secure link of <code>Acme</code>");
    assert_eq!(ui.confirm(&delete).await.at, "/users?done=deleted");
    assert_eq!(ui.open(&page).await.status, 404);
}

/// A form with one more value of a field that may have several.
fn with(mut form: Form, name: &str, value: &str) -> Form {
    form.fields.push((name.to_owned(), value.to_owned()));
    form
}

#[tokio::test]
async fn ui_bulk_actions_ask_first_and_queue_a_job() {
    let gate = gate().start().await;
    let (liam, _) = liam(&gate).await;
    let noah = gate.admin.user("acme", "noah", "limited").await;
    let mut ui = AdminUi::of_role(&gate, "administrator").await;
    let list = ui.open("/users?organization=acme&group=limited&search=").await;
    list.says("Portal users of <strong>Acme</strong>");
    let form = list.form("/users/bulk");
    let unchecked = ui.submit(&form.clone().set("do", "disable")).await;
    assert_eq!(unchecked.status, 422);
    unchecked.says("<option value=\"disable\" selected>");
    let both = with(with(form, "user", &liam), "user", &noah);
    for form in [both.clone(), both.clone().set("do", "group")] {
        // The list with its filter, and what was checked.
        let again = ui.submit(&form).await;
        assert_eq!(again.status, 422);
        again.says("Portal users of <strong>Acme</strong>");
        for user in [&liam, &noah] {
            again.says(&format!("value=\"{user}\" checked"));
        }
        assert_eq!(again.form("/users/bulk").get("match_group"), Some("limited"));
    }
    let moved = both.set("do", "group").set("group", "no-access");
    let asked = ui.submit(&moved).await;
    asked.says("Move to the group No Portal Access Group: 2 portal users?");
    asked.says("<strong>2 people</strong> will lose access to the portal");
    let at = ui.confirm(&moved).await.at;
    assert!(at.starts_with("/jobs/"), "{at}");
    while gate.admin.get(&format!("/api/v1{at}")).await.ok()["state"] != "done" {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(stored(&gate, "noah").await["group"], "no-access");
}

#[tokio::test]
async fn ui_a_bulk_action_reaches_all_that_match() {
    let gate = gate().start().await;
    acme(&gate).await;
    gate.admin.user("acme", "noah", "limited").await;
    for number in 0..55 {
        let login = format!("bulk{number}@acme.example");
        let new = json!({ "organization": "acme", "login": login, "group": "limited" });
        gate.admin.post("/api/v1/users", new).await.created();
    }
    let mut ui = AdminUi::of_role(&gate, "administrator").await;
    let list = ui.open("/users?search=bulk").await;
    list.says("All that match the filter, on other pages too");
    let form = list.form("/users/bulk").set("all", "yes").set("do", "disable");
    let asked = ui.submit(&form).await;
    asked.says("55 portal users?");
    asked.says("href=\"/users?search=bulk\"");
    assert_eq!(stored(&gate, "bulk54@acme.example").await["disabled"], false);
    let at = ui.confirm(&form).await.at;
    while gate.admin.get(&format!("/api/v1{at}")).await.ok()["state"] != "done" {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    for number in [0, 54] {
        let login = format!("bulk{number}@acme.example");
        assert_eq!(stored(&gate, &login).await["disabled"], true, "{login}");
    }
    assert_eq!(stored(&gate, "noah").await["disabled"], false);
}

#[tokio::test]
async fn ui_roles_and_scopes_limit_the_pages_of_portal_users() {
    let gate = gate().start().await;
    let (_, page) = liam(&gate).await;
    let other = gate.admin.organization("Globex").await;
    let gina = gate.admin.user(&other, "gina", "limited").await;

    let mut auditor = AdminUi::of_role(&gate, "auditor").await;
    let shown = auditor.open(&page).await;
    for words in ["/invitation", "/password", "/export", "name=\"login\"", "/delete"] {
        shown.lacks(words);
    }
    for path in ["/password", "/impersonate", "/tokens/new"] {
        assert_eq!(auditor.open(&format!("{page}{path}")).await.status, 403, "{path}");
    }
    auditor.open("/users").await.lacks("/users/bulk");
    let mut technician = AdminUi::of_role(&gate, "technician").await;
    let shown = technician.open(&page).await;
    shown.says("/password");
    shown.says("/export");
    shown.lacks("name=\"login\"");
    assert_eq!(technician.open(NEW).await.status, 403);

    let rights = json!({ "role": "administrator", "scope": ["acme"] });
    let mut scoped = AdminUi::signed_in(&gate, "scoped", rights).await;
    let list = scoped.open("/users").await;
    list.lacks("gina");
    list.says("1 more is outside of your scope");
    assert_eq!(scoped.open(&page).await.status, 200);
    assert_eq!(scoped.open(&format!("/users/{gina}")).await.status, 404);
    scoped.open(&format!("{NEW}?organization={other}")).await.says("no organization with this ID");
}
