//! R33, R34: forgotten passwords, by the mail that was really sent; and that nobody learns from
//! asking who there is.

use std::collections::BTreeMap;

use serde_json::json;

use crate::support::admin::PASSWORD;
use crate::support::browser::{Browser, Form, SIGN_IN};
use crate::support::client::Reply;
use crate::support::gate::TestGate;
use crate::support::mailbox::Mailbox;

const FORGOT: &str = "/.portcullis/password/forgot";
const LOGIN: &str = "anna@acme.test";
const NEW: &str = "Another-Horse-8-Battery";
/// How many of each kind are asked about.
const SAMPLES: u8 = 5;

/// The page's form, filled in.
async fn form(browser: &mut Browser, page: &str, fields: &[(&str, &str)]) -> Form {
    let shown = browser.open(page).await;
    assert_eq!(shown.status, 200, "{shown:?}");
    let form = Form::find(shown.text(), |_| true).expect("a form");
    let form = Form { action: page.to_owned(), ..form };
    fields.iter().fold(form, |form, (name, value)| form.set(name, value))
}

async fn ask(browser: &mut Browser, login: &str) -> Reply {
    let form = form(browser, FORGOT, &[("login", login)]).await;
    browser.submit(&form).await
}

async fn choose(browser: &mut Browser, link: &str, password: &str) -> Reply {
    let form = form(browser, link, &[("password", password)]).await;
    browser.submit(&form).await
}

#[tokio::test]
async fn r33_r34_reset_replaces_password_and_ends_sessions() {
    let gate = TestGate::start().await;
    let acme = gate.admin.organization("Acme Ltd").await;
    gate.admin.user(&acme, LOGIN, "limited").await;
    gate.admin.user(&acme, "bert@acme.test", "limited").await;
    let (mut elsewhere, mut bert) = (Browser::at(&gate), Browser::at(&gate));
    elsewhere.sign_in(LOGIN, PASSWORD).await;
    bert.sign_in("bert@acme.test", PASSWORD).await;

    let mut anna = Browser::at(&gate);
    let sign_in = anna.open(SIGN_IN).await;
    assert!(sign_in.text().contains(FORGOT), "the sign-in page leads there");
    let answer = ask(&mut anna, LOGIN).await;
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("Check your email"), "{}", answer.text());
    let mail = Mailbox::of(&gate).next().await;
    assert_eq!(mail.to, LOGIN);
    let link = mail.link();
    assert_eq!(elsewhere.fetch("/mine/1").await.status, 200, "asking ends nothing");

    assert_eq!(choose(&mut anna, &link, "weak").await.status, 422);
    let done = choose(&mut anna, &link, NEW).await;
    assert_eq!(done.status, 303, "{done:?}");
    assert_eq!(anna.session(), None, "a mail signs nobody in");
    assert_eq!(elsewhere.fetch("/mine/1").await.status, 401);
    assert_eq!(bert.fetch("/mine/1").await.status, 200, "nobody else's sessions end");
    assert_eq!(Browser::at(&gate).sign_in(LOGIN, PASSWORD).await.status, 401);
    let page = anna.go_on(&link, done).await;
    assert!(page.reply.text().contains("Your password is set"), "{}", page.reply.text());
    assert_eq!(anna.sign_in_on(&page.reply, LOGIN, NEW).await.status, 303);

    let again = Browser::at(&gate).open(&link).await;
    assert_eq!(again.status, 404, "it works once");
    assert!(again.text().contains(FORGOT), "and says what to do");
}

#[tokio::test]
async fn r33_reset_mails_are_limited_to_five_an_hour() {
    let gate = TestGate::start().await;
    let admin = &gate.admin;
    let acme = admin.acme_with_user(LOGIN, "limited").await;
    admin.user(&acme, "bert", "limited").await;
    let none = json!({ "organization": acme, "login": "none@acme.test" });
    admin.post("/api/v1/users", none).await.created();
    // They are seen to one after the other, so when the last one's mail is there, so is theirs.
    let mut browser = Browser::at(&gate);
    for login in ["nobody@acme.test", "bert", "none@acme.test"] {
        assert_eq!(ask(&mut browser, login).await.status, 200, "{login}");
    }
    let mut mailbox = Mailbox::of(&gate);
    let mut links = Vec::new();
    for login in [" ANNA@acme.test", LOGIN, LOGIN, LOGIN, LOGIN] {
        assert_eq!(ask(&mut browser, login).await.status, 200, "{login}");
        let mail = mailbox.next().await;
        assert_eq!(mail.to, LOGIN);
        links.push(mail.link());
    }
    assert_eq!(ask(&mut browser, LOGIN).await.status, 200);
    gate.logged("too-many-resets").await;
    let list = admin.get("/api/v1/mail").await.ok();
    assert_eq!(list["items"].as_array().unwrap().len(), 5, "{list}");
    for (number, link) in links.iter().enumerate() {
        let status = if number == 4 { 200 } else { 404 };
        assert_eq!(browser.open(link).await.status, status, "the newest only: {number}");
    }
}

#[tokio::test]
async fn r34_admin_set_password_ends_the_reset_link() {
    let gate = TestGate::start().await;
    let acme = gate.admin.organization("Acme").await;
    let user = gate.admin.user(&acme, LOGIN, "limited").await;
    let mut anna = Browser::at(&gate);
    ask(&mut anna, LOGIN).await;
    let link = Mailbox::of(&gate).next().await.link();
    assert_eq!(anna.open(&link).await.status, 200);
    let path = format!("/api/v1/users/{user}/password");
    gate.admin.post(&path, json!({ "password": NEW })).await.ok();
    assert_eq!(anna.open(&link).await.status, 404);
    assert_eq!(anna.sign_in(LOGIN, NEW).await.status, 303);
}

/// What an answer tells, without what differs between any two: the time, the reference, tokens.
fn told(reply: &Reply, login: &str) -> (u16, BTreeMap<String, String>, String) {
    let mut headers = BTreeMap::new();
    for (name, value) in &reply.headers {
        let value = value.to_str().unwrap();
        let value = match name.as_str() {
            "date" => "",
            "set-cookie" => value.split('=').next().unwrap(),
            _ => value,
        };
        headers.insert(name.to_string(), value.to_owned());
    }
    // In the page, and in the address of the page for a reset.
    let in_address = login.replace('@', "%40");
    let mut body = reply.text().replace(login, "LOGIN").replace(&in_address, "LOGIN");
    for (before, after) in [("name=\"csrf\" value=\"", "\""), ("Reference <span>", "<")] {
        if let Some((start, rest)) = body.split_once(before) {
            let rest = rest.split_once(after).unwrap().1;
            body = format!("{start}{before}{after}{rest}");
        }
    }
    (reply.status, headers, body)
}

/// Each is asked about once, from an address of its own, so that no lockout is in the way.
#[tokio::test]
async fn sign_in_and_reset_do_not_reveal_accounts() {
    let gate = TestGate::start().await;
    let acme = gate.admin.organization("Acme").await;
    for number in 0..SAMPLES {
        gate.admin.user(&acme, &format!("known{number:03}@acme.test"), "limited").await;
    }
    let mut answers = Vec::new();
    for number in 0..SAMPLES {
        for (host, who) in [(1, "known"), (2, "other")] {
            let login = format!("{who}{number:03}@acme.test");
            let mut browser = Browser::at(&gate).from([127, 1, number, host]);
            let wrong = [("login", &*login), ("password", "Wrong-Horse-7-Battery")];
            let filled = form(&mut browser, SIGN_IN, &wrong).await;
            let reply = browser.submit(&filled).await;
            answers.push(("sign-in", told(&reply, &login)));

            let filled = form(&mut browser, FORGOT, &[("login", &*login)]).await;
            let reply = browser.submit(&filled).await;
            answers.push(("forgot", told(&reply, &login)));
        }
    }
    for (page, status) in [("sign-in", 401), ("forgot", 200)] {
        let mut told = answers.iter().filter(|(of, _)| *of == page).map(|(_, told)| told);
        let first = told.next().unwrap();
        assert_eq!(first.0, status, "{page}");
        assert!(told.all(|other| other == first), "{page}");
    }
}
