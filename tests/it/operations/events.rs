//! The events in the program's log: who signed in or tried to, and who changed what.

use http::Method;
use serde_json::{Value, json};

use crate::support::admin::PASSWORD;
use crate::support::authenticator::App;
use crate::support::browser::{Browser, Form};
use crate::support::gate::TestGate;
use crate::support::mailbox::Mailbox;

const ANNA: &str = "anna@acme.test";
const SETUP: &str = "/.portcullis/mfa/setup";
const CODE: &str = "/.portcullis/mfa";

/// The events so far of these names, once there are `number`; each without what differs by run.
async fn events(gate: &TestGate, name: &str, number: usize) -> Vec<Value> {
    gate.logged_times(&format!("\"event\":\"{name}\""), number).await;
    let log = gate.log();
    let lines = log.lines().filter(|line| line.contains(&format!("\"event\":\"{name}\"")));
    lines
        .map(|line| {
            let mut event: Value = serde_json::from_str(line).unwrap();
            let fields = event.as_object_mut().unwrap();
            for name in ["timestamp", "target", "level", "message", "event"] {
                assert!(fields.remove(name).is_some(), "{name}: {line}");
            }
            if let Some(id) = fields.remove("request.id") {
                assert_eq!(id.as_str().unwrap().len(), 28, "{line}");
            }
            event
        })
        .collect()
}

#[tokio::test]
async fn sign_ins_are_logged_with_login_client_and_cause() {
    let gate = TestGate::start().await;
    let acme = gate.admin.organization("Acme Ltd").await;
    let user = gate.admin.user(&acme, ANNA, "admin").await;
    let mut anna = Browser::at(&gate).from([127, 0, 79, 9]);
    for (login, password) in [(ANNA, "wrong"), ("Nobody", PASSWORD), (PASSWORD, "wrong")] {
        assert_eq!(anna.sign_in(login, password).await.status, 401);
    }
    assert_eq!(anna.sign_in(ANNA, PASSWORD).await.status, 303);
    let out = anna.open("/.portcullis/sign-out").await;
    assert_eq!(anna.submit(&Form::to(out.text(), "/.portcullis/sign-out")).await.status, 303);

    let client = "127.0.79.9";
    let expected = [
        json!({"cause": "wrong-password", "client": client, "user.id": user,
               "organization.id": acme, "login": ANNA}),
        json!({"cause": "unknown-login", "client": client, "login": "Nobody"}),
        json!({"cause": "unknown-login", "client": client, "login": "?"}),
    ];
    assert_eq!(events(&gate, "sign-in-refused", 3).await, expected);
    assert!(!gate.log().contains(PASSWORD));
    let signed_in =
        json!({"client": client, "user.id": user, "organization.id": acme, "login": ANNA});
    assert_eq!(events(&gate, "sign-in", 1).await, [signed_in]);
    let signed_out = json!({"client": client, "user.id": user, "organization.id": acme});
    assert_eq!(events(&gate, "sign-out", 1).await, [signed_out]);
}

#[tokio::test]
async fn i6_lockout_is_logged_when_it_is_reached() {
    let gate = TestGate::start().await;
    for _ in 0..7 {
        gate.try_sign_in("anna", "wrong").await;
    }
    let mut locked = events(&gate, "locked", 1).await;
    let until = locked[0]["until"].take();
    assert!(until.as_str().unwrap().ends_with('Z'), "{until}");
    let expected = json!({
        "kind": "account", "client": "127.0.0.1", "failures": 5, "until": null, "login": "anna",
    });
    assert_eq!(locked, [expected]);
    let causes: Vec<_> = events(&gate, "sign-in-refused", 7).await;
    assert_eq!(causes.iter().filter(|event| event["cause"] == "locked-out").count(), 2);
}

#[tokio::test]
async fn second_factors_are_logged_right_and_wrong() {
    let gate = TestGate::start().await;
    let acme = gate.admin.organization("Acme Ltd").await;
    let new = json!({
        "organization": acme, "login": ANNA, "group": "admin", "password": PASSWORD,
        "require_mfa": true,
    });
    let user = gate.admin.post("/api/v1/users", new).await.created();
    let mut anna = Browser::at(&gate);
    assert_eq!(anna.sign_in(ANNA, PASSWORD).await.header("location"), Some(SETUP));
    let page = anna.open(SETUP).await;
    let app = App::scan(&page);
    let form = Form::to(page.text(), SETUP).set("code", &app.code());
    assert_eq!(anna.submit(&form).await.status, 200);
    let mut again = Browser::at(&gate);
    assert_eq!(again.sign_in(ANNA, PASSWORD).await.header("location"), Some(CODE));
    for (code, status) in [(app.wrong(), 401), (app.next(), 303)] {
        let page = again.open(CODE).await;
        let form = Form::to(page.text(), CODE).set("code", &code);
        assert_eq!(again.submit(&form).await.status, status);
    }

    let anna = json!({
        "client": "127.0.0.1", "user.id": user, "organization.id": acme, "login": ANNA,
    });
    let with = |name: &str, value: &str| {
        let mut fields = anna.clone();
        fields[name] = json!(value);
        fields
    };
    let required = events(&gate, "second-factor-required", 2).await;
    assert_eq!(required, [anna.clone(), anna.clone()]);
    let refused = events(&gate, "second-factor-refused", 1).await;
    assert_eq!(refused, [with("cause", "wrong-code")]);
    let accepted = events(&gate, "second-factor-accepted", 1).await;
    assert_eq!(accepted, [with("kind", "app")]);
    let actor = format!("portal-user:{user}");
    let changes = events(&gate, "change", 3).await;
    assert!(
        changes.contains(&json!({
            "actor": actor, "via": "pages", "client": "127.0.0.1", "kind": "user",
            "action": "update", "id": user, "changed": "second_factor",
        })),
        "{changes:?}"
    );
}

#[tokio::test]
async fn links_are_logged_opened_used_and_refused() {
    let gate = TestGate::start().await;
    let globex = gate.admin.organization("Globex").await;
    let link = gate.admin.secure_link(&globex).await;
    let mut visitor = Browser::at(&gate);
    let target = visitor.local(&link);
    assert_eq!(visitor.open(&target).await.status, 303);
    assert_eq!(visitor.open("/.portcullis/link/invented").await.status, 404);
    let client = "127.0.0.1";
    let opened = json!({"client": client, "organization.id": globex});
    assert_eq!(events(&gate, "link-opened", 1).await, [opened]);
    let refused = json!({"client": client, "cause": "invalid"});
    assert_eq!(events(&gate, "link-refused", 1).await, [refused]);

    let acme = gate.admin.organization("Acme Ltd").await;
    let new = json!({"organization": acme, "login": ANNA, "invite": true});
    let user = gate.admin.post("/api/v1/users", new).await.created();
    let invitation = Mailbox::of(&gate).next().await.link();
    let page = visitor.open(&invitation).await;
    let form = Form { action: invitation.clone(), ..Form::to(page.text(), "") };
    assert_eq!(visitor.submit(&form.set("password", PASSWORD)).await.status, 303);
    assert_eq!(visitor.open(&invitation).await.status, 404);
    let mut anna = json!({
        "kind": "invitation", "user.id": user, "organization.id": acme, "login": ANNA,
    });
    assert_eq!(events(&gate, "one-time-link-created", 1).await, [anna.clone()]);
    anna["client"] = json!(client);
    assert_eq!(events(&gate, "one-time-link-used", 1).await, [anna]);
    let refused = json!({"client": client, "kind": "invitation", "cause": "invalid"});
    assert_eq!(events(&gate, "one-time-link-refused", 1).await, [refused]);
}

#[tokio::test]
async fn resets_are_logged_with_the_cause_that_the_page_hides() {
    let gate = TestGate::start().await;
    let acme = gate.admin.organization("Acme Ltd").await;
    let user = gate.admin.user(&acme, ANNA, "admin").await;
    let mut browser = Browser::at(&gate);
    for login in [ANNA, "unknown@acme.test"] {
        let page = browser.open("/.portcullis/password/forgot").await;
        let form = Form::to(page.text(), "/.portcullis/password/forgot").set("login", login);
        assert_eq!(browser.submit(&form).await.status, 200);
    }
    let created = events(&gate, "one-time-link-created", 1).await;
    assert_eq!((&created[0]["user.id"], &created[0]["kind"]), (&json!(user), &json!("reset")));
    assert_eq!(created[0]["client"], "127.0.0.1");
    let refused = json!({"client": "127.0.0.1", "cause": "unknown-login"});
    assert_eq!(events(&gate, "reset-refused", 1).await, [refused]);
}

#[tokio::test]
async fn changes_by_operators_are_logged_with_actor_and_fields() {
    let gate = TestGate::start().await;
    let acme = gate.admin.organization("Acme Ltd").await;
    let user = gate.admin.user(&acme, ANNA, "admin").await;
    let at = format!("/api/v1/users/{user}");
    gate.admin.patch(&at, json!({"group": "limited"})).await.ok();
    // What is refused, or changes nothing, is not a change.
    gate.admin.patch(&at, json!({"group": "limited"})).await.ok();
    gate.admin.patch(&at, json!({"group": "unknown"})).await.refused(422, "invalid");
    gate.admin.delete(&at).await;
    let by = |action: &str, kind: &str, id: &str| json!({"actor": "socket", "via": "socket", "action": action, "kind": kind, "id": id});
    let mut moved = by("update", "user", &user);
    moved["changed"] = json!("group");
    let expected = [
        by("create", "organization", &acme),
        by("create", "user", &user),
        moved,
        by("delete", "user", &user),
    ];
    assert_eq!(events(&gate, "change", 4).await, expected);
}

#[tokio::test]
async fn refused_tokens_are_logged() {
    let gate = TestGate::start().await;
    let token = "portcullis_user_invented";
    let call = gate.get("/closed/a").header("authorization", format!("Bearer {token}"));
    assert_eq!(call.send().await.status, 401);
    let refused = json!({"client": "127.0.0.1", "cause": "invalid"});
    assert_eq!(events(&gate, "token-refused", 1).await, [refused]);
    assert!(!gate.log().contains(token));
}

#[tokio::test]
async fn wrong_links_in_an_image_are_not_logged() {
    let gate = TestGate::start().await;
    let image = [("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")];
    let mut visitor = Browser::at(&gate);
    for link in ["invitation/x", "password/reset/x", "link/x"] {
        let target = format!("/.portcullis/{link}");
        let reply = visitor.send(Method::GET, &target, &image, "").await;
        assert!([403, 404].contains(&reply.status), "{link}: {reply:?}");
        assert_eq!(visitor.open(&target).await.status, 404);
    }
    // Logged in order, so that an image would be among them.
    let kinds = events(&gate, "one-time-link-refused", 2).await;
    assert_eq!([&kinds[0]["kind"], &kinds[1]["kind"]], ["invitation", "reset"]);
    assert_eq!(events(&gate, "link-refused", 1).await.len(), 1);
    assert_eq!(kinds.len(), 2);
}
