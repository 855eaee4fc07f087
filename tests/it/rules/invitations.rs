//! R12, R30–R32, R40–R42: people who choose a first password by the mail that was really sent.

use serde_json::{Value, json};

use crate::support::admin::{Admin, PASSWORD};
use crate::support::browser::{Browser, Form};
use crate::support::client::Reply;
use crate::support::gate::TestGate;
use crate::support::mailbox::Mailbox;

const LOGIN: &str = "ines@acme.test";
const USERS: &str = "/api/v1/users";

/// Invites somebody to an organization; answers the id.
async fn invited(admin: &Admin, organization: &str, login: &str) -> String {
    let new = json!({ "organization": organization, "login": login, "invite": true });
    admin.post(USERS, new).await.created()
}

/// Opens the page of a link, enters a password and sends it.
async fn choose(browser: &mut Browser, link: &str, password: &str) -> Reply {
    let page = browser.open(link).await;
    assert_eq!(page.status, 200, "{page:?}");
    let form = Form { action: link.to_owned(), ..Form::to(page.text(), "") };
    browser.submit(&form.set("password", password)).await
}

async fn status(admin: &Admin, user: &str) -> Value {
    admin.get(&format!("{USERS}/{user}")).await.ok()["status"].clone()
}

#[tokio::test]
async fn r40_invitation_is_claimed_by_mail() {
    let gate = TestGate::start().await;
    let acme = gate.admin.organization("Acme Ltd").await;
    let user = invited(&gate.admin, &acme, LOGIN).await;
    let mail = Mailbox::of(&gate).next().await;
    assert_eq!((&*mail.to, mail.blind_copy.as_deref()), (LOGIN, None));
    let link = mail.link();

    let mut ines = Browser::at(&gate);
    let page = ines.open(&link).await;
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert!(page.text().contains("Acme Ltd") && page.text().contains(LOGIN));
    // R30, R32: the server judges again, and tells all that is missing.
    let weak = choose(&mut ines, &link, "abc").await;
    assert_eq!(weak.status, 422);
    assert_eq!(weak.text().matches("class=\"failed\"").count(), 4, "{}", weak.text());
    // R31
    let login = choose(&mut ines, &link, "INES@acme.test").await;
    assert_eq!(login.status, 422);
    assert_eq!(status(&gate.admin, &user).await, "invited");

    let done = choose(&mut ines, &link, PASSWORD).await;
    assert_eq!(done.status, 303, "{done:?}");
    assert_eq!(ines.session(), None, "a mail signs nobody in");
    let sign_in = ines.go_on(&link, done).await;
    assert!(sign_in.reply.text().contains("Your password is set"), "{}", sign_in.reply.text());
    assert!(sign_in.reply.text().contains(&format!("value=\"{LOGIN}\"")));
    let signed_in = ines.sign_in_on(&sign_in.reply, LOGIN, PASSWORD).await;
    assert_eq!(signed_in.status, 303, "{signed_in:?}");
    assert_eq!(ines.fetch("/mine/1").await.status, 200);
    assert_eq!(status(&gate.admin, &user).await, "active");

    assert_eq!(Browser::at(&gate).open(&link).await.status, 404, "it works once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r40_concurrent_claims_have_one_winner() {
    let gate = TestGate::start().await;
    let acme = gate.admin.organization("Acme").await;
    let mut mailbox = Mailbox::of(&gate);
    for round in 0..6 {
        let login = format!("p{round}@acme.test");
        invited(&gate.admin, &acme, &login).await;
        let link = mailbox.next().await.link();
        let mut claims = Vec::new();
        for number in 0..2 {
            let mut browser = Browser::at(&gate);
            let page = browser.open(&link).await;
            let form = Form { action: link.clone(), ..Form::to(page.text(), "") };
            let password = format!("{PASSWORD}-{number}");
            let form = form.set("password", &password);
            claims.push(async move { (browser.submit(&form).await.status, password) });
        }
        let second = claims.pop().unwrap();
        let (one, other) = tokio::join!(claims.pop().unwrap(), second);
        let mut statuses = [one.0, other.0];
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 404], "round {round}");
        for (status, password) in [one, other] {
            let expected = if status == 303 { 303 } else { 401 };
            let signed_in = Browser::at(&gate).sign_in(&login, &password).await;
            assert_eq!(signed_in.status, expected, "round {round}");
        }
    }
}

#[tokio::test]
async fn r40_invitation_can_be_resent_and_withdrawn() {
    let gate = TestGate::start().await;
    let admin = &gate.admin;
    let acme = admin.organization("Acme").await;
    let user = invited(admin, &acme, LOGIN).await;
    let mut mailbox = Mailbox::of(&gate);
    let older = mailbox.next().await.link();
    let invitation = format!("{USERS}/{user}/invitation");
    admin.post(&invitation, json!({ "blind_copy": "it@msp.test" })).await.created();
    let mail = mailbox.next().await;
    assert_eq!(mail.blind_copy.as_deref(), Some("it@msp.test"), "R41");
    let newer = mail.link();
    assert_eq!(Browser::at(&gate).open(&older).await.status, 404);
    assert_eq!(Browser::at(&gate).open(&newer).await.status, 200);

    assert_eq!(admin.delete(&invitation).await.status, 204);
    let page = Browser::at(&gate).open(&newer).await;
    assert_eq!(page.status, 404);
    assert!(page.text().contains("no longer valid"), "{}", page.text());
    assert_eq!(status(admin, &user).await, "no_password");
    admin.delete(&invitation).await.refused(409, "not-invited");
    let anna = admin.user(&acme, "anna@acme.test", "limited").await;
    let again = admin.post(&format!("{USERS}/{anna}/invitation"), json!({})).await;
    again.refused(409, "has-password");
}

#[tokio::test]
async fn r40_corrected_address_ends_the_invitation() {
    let gate = TestGate::start().await;
    let admin = &gate.admin;
    let acme = admin.organization("Acme").await;
    let user = invited(admin, &acme, "stranger@acme.test").await;
    let path = format!("{USERS}/{user}");
    let mut mailbox = Mailbox::of(&gate);
    let link = mailbox.next().await.link();
    admin.patch(&path, json!({ "require_mfa": false })).await.ok();
    assert_eq!(Browser::at(&gate).open(&link).await.status, 200);
    admin.patch(&path, json!({ "login": LOGIN })).await.ok();
    assert_eq!(Browser::at(&gate).open(&link).await.status, 404);
    assert_eq!(status(admin, &user).await, "invited", "R12");
    admin.post(&format!("{path}/invitation"), json!({})).await.created();
    let mail = mailbox.next().await;
    assert_eq!(mail.to, LOGIN);
    assert_eq!(choose(&mut Browser::at(&gate), &mail.link(), PASSWORD).await.status, 303);
}

#[tokio::test]
async fn r12_invited_user_counts_as_portal_user() {
    let gate = TestGate::start().await;
    let admin = &gate.admin;
    let acme = admin.organization("Acme").await;
    let shown = admin.secure_link(&acme).await;
    let mut visitor = Browser::at(&gate);
    let link = visitor.local(&shown);
    assert_eq!(visitor.open(&link).await.header("location"), Some("/"));
    let user = invited(admin, &acme, LOGIN).await;
    let leads_to_sign_in = async || {
        let reply = Browser::at(&gate).open(&link).await;
        reply.header("location").unwrap().starts_with("/.portcullis/sign-in")
    };
    assert!(leads_to_sign_in().await);
    assert_eq!(visitor.fetch("/mine/1").await.status, 401, "R14");
    let mail = Mailbox::of(&gate).next().await;
    choose(&mut Browser::at(&gate), &mail.link(), PASSWORD).await;
    assert!(leads_to_sign_in().await);
    admin.delete(&format!("{USERS}/{user}")).await.ok();
    assert!(!leads_to_sign_in().await);
}

#[tokio::test]
async fn r41_mail_goes_to_end_user_or_organization() {
    let gate = TestGate::start().await;
    let admin = &gate.admin;
    let new = json!({ "name": "Acme", "email": "office@acme.test" });
    let acme = admin.post("/api/v1/organizations", new).await.created();
    let mut mailbox = Mailbox::of(&gate);
    for (email, to) in
        [(json!("ann@acme.test"), "ann@acme.test"), (json!(null), "office@acme.test")]
    {
        let end_user = json!({ "name": "Ann", "email": email });
        let path = format!("/api/v1/organizations/{acme}/end-users");
        let end_user = admin.post(&path, end_user).await.created();
        let new = json!({
            "organization": acme, "end_user": end_user, "login": format!("for {to}"),
            "invite": true, "blind_copy": "it@msp.test",
        });
        admin.post(USERS, new).await.created();
        let mail = mailbox.next().await;
        assert_eq!((&*mail.to, mail.blind_copy.as_deref()), (to, Some("it@msp.test")));
    }
}

#[tokio::test]
async fn r42_password_is_set_by_hand_without_an_address() {
    let gate = TestGate::start().await;
    let admin = &gate.admin;
    let acme = admin.organization("Acme").await;
    let new = json!({ "organization": acme, "login": "ines", "invite": true });
    let refused = admin.post(USERS, new).await.refused(409, "no-address");
    assert!(refused["detail"].as_str().unwrap().contains("set a password instead"), "{refused}");
    let new = json!({ "organization": acme, "login": "ines", "password": PASSWORD });
    admin.post(USERS, new).await.created();
    assert_eq!(Browser::at(&gate).sign_in("ines", PASSWORD).await.status, 303);
}
