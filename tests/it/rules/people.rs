//! R15, R16, R30, R31, R34, R60, R61, R63: people, their sign-ins and passwords, and the portal as
//! a whole; and what protects the sign-in form.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};

use crate::support::admin::{Admin, AdminReply, PASSWORD};
use crate::support::browser::{Browser, Form, SIGN_IN};
use crate::support::client::Reply;
use crate::support::gate::TestGate;

const USERS: &str = "/api/v1/users";

async fn create(admin: &Admin, user: Value) -> AdminReply {
    admin.post(USERS, user).await
}

/// What the alert of a page says.
fn alert(reply: &Reply) -> String {
    let (_, rest) = reply.text().split_once("role=\"alert\"").expect("a page with an alert");
    let (_, rest) = rest.split_once("<p>").unwrap();
    rest.split("</p>").next().unwrap().to_owned()
}

#[tokio::test]
async fn r15_logins_are_unique_ignoring_case_and_space() {
    let gate = TestGate::start().await;
    let admin = &gate.admin;
    let (acme, other) = (admin.organization("Acme").await, admin.organization("Other").await);
    let anna = admin.user(&acme, " Anna@Acme.test ", "limited").await;
    let bert = admin.user(&other, "bert", "limited").await;
    for login in ["anna@acme.test", "ANNA@ACME.TEST", "  Anna@acme.Test\t"] {
        for organization in [&acme, &other] {
            let new = json!({ "organization": organization, "login": login, "password": PASSWORD });
            create(admin, new).await.refused(409, "taken");
        }
        let change = json!({ "login": login });
        admin.patch(&format!("{USERS}/{bert}"), change.clone()).await.refused(409, "taken");
        admin.patch(&format!("{USERS}/{anna}"), change).await.ok();
        let mut browser = Browser::at(&gate);
        assert_eq!(browser.sign_in(login, PASSWORD).await.status, 303, "{login:?}");
    }
    assert_eq!(admin.get(USERS).await.ok()["items"].as_array().unwrap().len(), 2);
    // A login that nobody has any more is free.
    assert_eq!(admin.delete(&format!("{USERS}/{anna}")).await.status, 204);
    admin.user(&other, "ANNA@acme.test", "limited").await;
}

#[tokio::test]
async fn r15_login_defaults_to_the_email_address() {
    let gate = TestGate::start().await;
    let admin = &gate.admin;
    let acme = admin.organization("Acme").await;
    let end_users = format!("/api/v1/organizations/{acme}/end-users");
    let anna = json!({ "name": "Anna", "email": "anna@acme.test" });
    let anna = admin.post(&end_users, anna).await.created();
    let nobody = admin.post(&end_users, json!({ "name": "No address" })).await.created();
    let new = |end_user: &str| json!({ "organization": acme, "end_user": end_user, "password": PASSWORD });
    let first = create(admin, new(&anna)).await.ok();
    assert_eq!(first["login"], "anna@acme.test");
    let mut named = new(&anna);
    named["login"] = json!("anna.second");
    assert_eq!(create(admin, named).await.ok()["login"], "anna.second");
    let problem = create(admin, new(&nobody)).await.refused(422, "invalid");
    assert!(problem["detail"].as_str().unwrap().contains("login"), "{problem}");
    for login in ["anna@acme.test", "anna.second"] {
        assert_eq!(Browser::at(&gate).sign_in(login, PASSWORD).await.status, 303, "{login}");
    }
}

#[tokio::test]
async fn r16_end_user_differs_only_in_identity_headers() {
    let gate = TestGate::start().await;
    let admin = &gate.admin;
    let acme = admin.organization("Acme").await;
    let end_users = format!("/api/v1/organizations/{acme}/end-users");
    let contact = json!({ "name": "Anna", "email": "anna@acme.test" });
    let contact = admin.post(&end_users, contact).await.created();
    let buyers = admin.group("Buyers", &["invoices.view"]).await;
    let new = json!({
        "organization": acme, "end_user": contact, "group": buyers, "password": PASSWORD,
    });
    create(admin, new).await.ok();
    admin.user(&acme, "office", &buyers).await;
    for (login, end_user) in [("anna@acme.test", Some(&*contact)), ("office", None)] {
        let mut browser = Browser::at(&gate);
        browser.sign_in(login, PASSWORD).await;
        gate.upstream.forget();
        assert_eq!(browser.fetch("/closed/a").await.status, 200, "{login}");
        let seen = gate.arrived();
        assert_eq!(seen.one("portcullis-user"), Some(login));
        assert_eq!(seen.one("portcullis-end-user"), end_user);
        assert_eq!(seen.one("portcullis-organization"), Some(&*acme));
        assert_eq!(seen.one("portcullis-group"), Some(&*buyers));
        assert_eq!(seen.one("portcullis-session-kind"), Some("user"));
        assert_eq!(seen.one("portcullis-granted"), Some("invoices.view"));
    }
    // An end user of another organization is nobody here.
    let other = admin.organization("Other").await;
    let strange = json!({
        "organization": other, "end_user": contact, "login": "x", "password": PASSWORD,
    });
    let reply = create(admin, strange).await;
    assert!(matches!(reply.status, 404 | 422), "{reply:?}");
}

#[tokio::test]
async fn r30_password_has_12_to_128_characters_of_four_kinds() {
    let gate = TestGate::start().await;
    let admin = &gate.admin;
    let acme = admin.organization("Acme").await;
    let anna = admin.user(&acme, "anna", "limited").await;
    let path = format!("{USERS}/{anna}/password");
    let of_length = |length: usize, filling: &str| format!("Aa1!{}", filling.repeat(length - 4));
    for (wrong, why) in [
        (of_length(11, "x"), "11 characters"),
        (of_length(11, "ä"), "11 characters that are many bytes"),
        (of_length(129, "x"), "129 characters"),
        ("correct-horse-7-battery".to_owned(), "no uppercase letter"),
        ("CORRECT-HORSE-7-BATTERY".to_owned(), "no lowercase letter"),
        ("Correct-Horse-X-Battery".to_owned(), "no digit"),
        ("CorrectHorse7Battery".to_owned(), "no symbol"),
        (String::new(), "nothing"),
    ] {
        let new = json!({ "organization": acme, "login": "bert", "password": wrong });
        let made = create(admin, new).await.refused(422, "invalid");
        let set = admin.post(&path, json!({ "password": wrong })).await.refused(422, "invalid");
        for problem in [made, set] {
            assert_eq!(problem["errors"][0]["field"], "password", "{why}: {problem}");
            if !wrong.is_empty() {
                assert!(!problem.to_string().contains(&wrong), "{why}: it is said aloud");
            }
        }
    }
    assert_eq!(Browser::at(&gate).sign_in("anna", PASSWORD).await.status, 303, "it is as it was");
    for right in [
        of_length(12, "x"),
        of_length(12, "ä"),
        of_length(128, "x"),
        of_length(128, "ß"),
        "Größe 12 Äpfel!".to_owned(),
    ] {
        admin.post(&path, json!({ "password": right })).await.ok();
        assert_eq!(Browser::at(&gate).sign_in("anna", &right).await.status, 303, "{right}");
    }
}

#[tokio::test]
async fn r31_password_is_neither_login_nor_email() {
    let gate = TestGate::start().await;
    let admin = &gate.admin;
    let acme = admin.organization("Acme").await;
    let end_users = format!("/api/v1/organizations/{acme}/end-users");
    let contact = json!({ "name": "Anna", "email": "Anna.7@acme-Works.test" });
    let contact = admin.post(&end_users, contact).await.created();
    let user = |password: &str| {
        json!({
            "organization": acme, "end_user": contact, "login": "Anna-The-2nd",
            "password": password,
        })
    };
    let email = ["Anna.7@acme-Works.test", "ANNA.7@ACME-WORKs.TEST", "  Anna.7@acme-works.test "];
    let login = ["Anna-The-2nd", " aNNA-THE-2ND", "Anna-The-2ND\t"];
    for password in email.iter().chain(&login) {
        let problem = create(admin, user(password)).await.refused(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], "password", "{password:?}: {problem}");
    }
    let id = create(admin, user("Anna-The-2nd-and-more")).await.created();
    let path = format!("{USERS}/{id}/password");
    for password in email.iter().chain(&login) {
        admin.post(&path, json!({ "password": password })).await.refused(422, "invalid");
    }
    admin.post(&path, json!({ "password": "Anna.7@acme-Works.testing" })).await.ok();
}

#[tokio::test]
async fn r34_new_password_ends_all_sessions_of_the_user() {
    let gate = TestGate::start().await;
    let admin = &gate.admin;
    let acme = admin.organization("Acme").await;
    let anna = admin.user(&acme, "anna", "admin").await;
    admin.user(&acme, "bert", "admin").await;
    let (mut desk, mut phone) = (Browser::at(&gate), Browser::at(&gate));
    let mut other = Browser::at(&gate);
    for (browser, login) in [(&mut desk, "anna"), (&mut phone, "anna"), (&mut other, "bert")] {
        browser.sign_in(login, PASSWORD).await;
        assert_eq!(browser.fetch("/closed/a").await.status, 200);
    }
    let new = "Another-Horse-8-Battery";
    admin.post(&format!("{USERS}/{anna}/password"), json!({ "password": new })).await.ok();
    gate.upstream.forget();
    for browser in [&mut desk, &mut phone] {
        assert_eq!(browser.fetch("/closed/a").await.status, 401);
    }
    gate.nothing_arrived("sessions of the old password").await;
    assert_eq!(other.fetch("/closed/a").await.status, 200, "bert's session goes on");
    assert_eq!(desk.sign_in("anna", PASSWORD).await.status, 401);
    assert_eq!(desk.sign_in("anna", new).await.status, 303);
    assert_eq!(desk.fetch("/closed/a").await.status, 200);
}

#[tokio::test]
async fn r60_disabled_portal_redirects_everything() {
    let gate = TestGate::start().await;
    let admin = &gate.admin;
    let (acme, empty) = (admin.organization("Acme").await, admin.organization("Empty").await);
    admin.user(&acme, "anna", "admin").await;
    let link = admin.secure_link(&empty).await;
    let mut anna = Browser::at(&gate);
    let link = anna.local(&link);
    anna.sign_in("anna", PASSWORD).await;
    let sign_in = anna.open(SIGN_IN).await;
    let url = "https://status.example/down?why=2";
    let prefer = |url: Value| json!({ "disabled_redirect_url": url });
    admin.patch("/api/v1/preferences", prefer(url.into())).await.ok();
    let session = anna.session().map(str::to_owned);
    for path in ["/", "/closed/a", "/open/a", "/nowhere", SIGN_IN, &link, "/.portcullis/sign-out"] {
        for reply in [anna.open(path).await, anna.fetch(path).await] {
            assert_eq!((reply.status, reply.header("location")), (302, Some(url)), "{path}");
        }
    }
    let form = Form::to(sign_in.text(), SIGN_IN).set("login", "anna").set("password", PASSWORD);
    let reply = anna.submit(&form).await;
    assert_eq!((reply.status, reply.header("location")), (302, Some(url)));
    let post = anna.post("/closed/a", &[], "x=1").await;
    assert_eq!((post.status, post.header("location")), (302, Some(url)));
    assert_eq!(anna.session().map(str::to_owned), session);
    assert!(gate.upstream.seen().is_empty(), "{:?}", gate.upstream.seen());
    admin.patch("/api/v1/preferences", prefer(Value::Null)).await.ok();
    assert_eq!(anna.fetch("/closed/a").await.status, 200, "with her session");
    assert_eq!(Browser::at(&gate).open(&link).await.header("location"), Some("/"));
}

#[tokio::test]
async fn r60_redirect_target_must_be_http() {
    let gate = TestGate::start().await;
    let admin = &gate.admin;
    for url in [
        "status.example",
        "//status.example",
        "/down",
        "ftp://status.example",
        "javascript:alert(1)",
        "https:status.example",
        " https://status.example",
        "https://",
        "https://status.example/\r\nset-cookie: a=b",
    ] {
        let change = json!({ "disabled_redirect_url": url });
        let reply = admin.patch("/api/v1/preferences", change).await;
        if reply.status == 200 {
            // Space around what a person has pasted may be taken off.
            assert_eq!(reply.json["disabled_redirect_url"], url.trim(), "{url:?}");
            assert_ne!(url, url.trim(), "{url:?} was taken");
            let clear = json!({ "disabled_redirect_url": null });
            admin.patch("/api/v1/preferences", clear).await.ok();
            continue;
        }
        let problem = reply.refused(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], "disabled_redirect_url", "{url:?}: {problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains("http://")
                || detail.contains("complete URL")
                || detail.contains("percent-encoded"),
            "{url:?}: {detail}"
        );
    }
    assert_eq!(gate.get("/open/a").send().await.status, 200, "the portal is open");
    for url in ["http://status.example", "https://Status.example/x?y=%20"] {
        admin.patch("/api/v1/preferences", json!({ "disabled_redirect_url": url })).await.ok();
        assert_eq!(gate.get("/open/a").send().await.status, 302);
    }
}

#[tokio::test]
async fn r61_sign_in_returns_to_the_requested_page() {
    let gate = TestGate::start().await;
    gate.admin.acme_with_user("anna", "admin").await;
    let mut anna = Browser::at(&gate);
    let page = anna.follow("/closed/a?b=c&d=%2Fe").await;
    assert!(page.target.starts_with(SIGN_IN), "{}", page.target);
    gate.upstream.forget();
    let reply = anna.sign_in_on(&page.reply, "anna", PASSWORD).await;
    let end = anna.go_on(SIGN_IN, reply).await;
    assert_eq!((&*end.target, end.reply.status), ("/closed/a?b=c&d=%2Fe", 200));
    assert_eq!(gate.arrived().target, "/closed/a?b=c&d=%2Fe");
    // The address of the sign-in page is anybody's to write.
    for place in ["https%3A%2F%2Fevil.example%2F", "%2F%2Fevil.example", "%2F%5Cevil.example"] {
        let page = anna.open(&format!("{SIGN_IN}?return_to={place}")).await;
        let reply = anna.sign_in_on(&page, "anna", PASSWORD).await;
        assert_eq!(reply.header("location"), Some("/"), "{place}");
        let page = anna.open(SIGN_IN).await;
        let form = Form::to(page.text(), SIGN_IN).set("login", "anna").set("password", PASSWORD);
        let place = percent_encoding::percent_decode_str(place).decode_utf8().unwrap();
        let reply = anna.submit(&form.set("return_to", &place)).await;
        assert_eq!(reply.header("location"), Some("/"), "{place}");
    }
}

#[tokio::test]
async fn r61_denied_page_is_html_and_denied_script_is_json() {
    let gate = TestGate::start().await;
    gate.admin.acme_with_user("liam", "limited").await;
    let mut liam = Browser::at(&gate);
    liam.sign_in("liam", PASSWORD).await;
    for (path, reason) in [
        ("/closed/a", "missing-permission"),
        ("/nowhere", "no-route"),
        ("/open/denied", "route-closed"),
    ] {
        let page = liam.open(path).await;
        assert_eq!(page.status, 403, "{path}");
        assert!(page.header("content-type").unwrap().starts_with("text/html"), "{path}");
        assert!(page.text().contains("Use another account"), "{}", page.text());
        // The policy has no route for the start page.
        assert!(!page.text().contains("href=\"/\""), "{}", page.text());
        assert_eq!(page.header("cache-control"), Some("no-store"), "{path}");
        let script = liam.fetch(path).await;
        assert_eq!(script.status, 403, "{path}");
        assert_eq!(script.problem()["reason"], reason);
    }
    let named = liam.open("/closed/a").await;
    assert!(named.text().contains("Invoices – View"), "{}", named.text());
    gate.nothing_arrived("what is denied").await;
    assert_eq!(liam.open("/mine/a").await.status, 200);
}

#[tokio::test]
async fn r63_sign_out_ends_the_session_on_the_server() {
    let gate = TestGate::start().await;
    gate.admin.acme_with_user("anna", "admin").await;
    let mut anna = Browser::at(&gate);
    anna.sign_in("anna", PASSWORD).await;
    let (mut kept, mut other) = (anna.copy_of_session(), Browser::at(&gate));
    other.sign_in("anna", PASSWORD).await;
    let out = "/.portcullis/sign-out";
    let page = anna.open(out).await;
    assert_eq!(kept.fetch("/closed/a").await.status, 200, "asking for the page ends nothing");
    let form = Form::to(page.text(), out);
    let ours = format!("http://{}", gate.host());
    for (what, headers, form) in [
        ("no origin", vec![], form.clone()),
        ("a foreign origin", vec![("origin", "http://evil.example")], form.clone()),
        ("a page of another site", vec![("sec-fetch-site", "cross-site")], form.clone()),
        ("no token", vec![("origin", &*ours)], form.clone().set("csrf", "")),
    ] {
        let reply = anna.post(out, &headers, &form.encoded()).await;
        assert_eq!(reply.status, 403, "{what}: {reply:?}");
        assert_eq!(anna.fetch("/closed/a").await.status, 200, "{what}");
    }
    assert_eq!(anna.submit(&form).await.status, 303);
    assert_eq!(anna.session(), None);
    gate.upstream.forget();
    assert_eq!(kept.fetch("/closed/a").await.status, 401, "a kept cookie is worthless");
    assert_eq!(anna.fetch("/closed/a").await.status, 401);
    gate.nothing_arrived("a session that has ended").await;
    assert_eq!(other.fetch("/closed/a").await.status, 200, "only this session has ended");
}

#[tokio::test]
async fn sign_in_needs_our_form_token_and_origin() {
    let gate = TestGate::start().await;
    gate.admin.acme_with_user("anna", "admin").await;
    let mut anna = Browser::at(&gate);
    let mut stranger = Browser::at(&gate);
    let strangers = stranger.open(SIGN_IN).await;
    let strangers = Form::to(strangers.text(), SIGN_IN).get("csrf").unwrap().to_owned();
    let page = anna.open(SIGN_IN).await;
    let form = Form::to(page.text(), SIGN_IN).set("login", "anna").set("password", PASSWORD);
    let ours = format!("http://{}", gate.host());
    let origin = |origin| vec![("origin", origin)];
    for (what, headers, form) in [
        ("no origin", vec![], form.clone()),
        ("a foreign origin", origin("http://evil.example"), form.clone()),
        ("a longer origin", origin("http://portal.test.evil.example"), form.clone()),
        ("another scheme", origin("https://portal.test"), form.clone()),
        ("another port", origin("http://portal.test:81"), form.clone()),
        ("an opaque origin", origin("null"), form.clone()),
        ("a page of another site", vec![("sec-fetch-site", "cross-site")], form.clone()),
        ("a sibling site", vec![("sec-fetch-site", "same-site")], form.clone()),
        ("no token", origin(&*ours), form.clone().set("csrf", "")),
        ("a made-up token", origin(&*ours), form.clone().set("csrf", &"A".repeat(43))),
        ("a stranger's token", origin(&*ours), form.clone().set("csrf", &strangers)),
    ] {
        let reply = anna.post(SIGN_IN, &headers, &form.encoded()).await;
        assert_eq!(reply.status, 403, "{what}: {reply:?}");
        assert_eq!(anna.session(), None, "{what}");
    }
    for headers in [origin(&*ours), vec![("sec-fetch-site", "same-origin")]] {
        let reply = anna.clone().post(SIGN_IN, &headers, &form.encoded()).await;
        assert_eq!(reply.status, 303, "{headers:?}: {reply:?}");
    }
    // Nor does it come without the visitor's cookie, or in another shape.
    let mut without = Browser::at(&gate);
    assert_eq!(without.submit(&form).await.status, 403);
    let json = json!({ "login": "anna", "password": PASSWORD }).to_string();
    let headers = [("origin", &*ours), ("content-type", "application/json")];
    let reply = anna.send(Method::POST, SIGN_IN, &headers, json).await;
    assert!(matches!(reply.status, 400 | 403 | 415), "{reply:?}");
}

#[tokio::test]
async fn unknown_login_answers_like_a_wrong_password() {
    let gate = TestGate::start().await;
    let acme = gate.admin.acme_with_user("anna", "admin").await;
    let invited = json!({ "organization": acme, "login": "ines@acme.test", "invite": true });
    create(&gate.admin, invited).await.ok();
    let mut answers = Vec::new();
    for login in ["anna", "nobody", "ines@acme.test"] {
        let mut browser = Browser::at(&gate);
        let reply = browser.sign_in(login, "Wrong-Horse-7-Battery").await;
        assert_eq!(browser.session(), None);
        let names: BTreeSet<String> = reply.headers.keys().map(ToString::to_string).collect();
        answers.push((reply.status, alert(&reply), names, browser.cookies.len()));
    }
    assert_eq!(answers[0].0, 401);
    assert_eq!(answers[1], answers[0], "a login nobody has");
    assert_eq!(answers[2], answers[0], "a login without password");
}

#[tokio::test]
async fn i6_known_browser_is_not_locked_out_by_guessing() {
    let gate = TestGate::start().await;
    let acme = gate.admin.acme_with_user("anna", "admin").await;
    gate.admin.user(&acme, "bert", "admin").await;
    let mut own = Browser::at(&gate);
    assert_eq!(own.sign_in("anna", PASSWORD).await.status, 303);
    let mut guesser = Browser::at(&gate).from([127, 0, 0, 2]);
    for login in ["anna", "nobody"] {
        for guess in 1..=5 {
            // However it is spelt: it is one login.
            let spelt = if guess % 2 == 0 {
                format!(" {} ", login.to_uppercase())
            } else {
                login.to_owned()
            };
            let reply = guesser.sign_in(&spelt, &format!("Wrong-Horse-{guess}-Battery")).await;
            assert_eq!(reply.status, 401, "{login}, guess {guess}");
        }
        let sixth = guesser.sign_in(login, "Wrong-Horse-6-Battery").await;
        assert_eq!(sixth.status, 429, "{login}: {sixth:?}");
        let wait: u64 = sixth.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=30).contains(&wait), "{wait}");
    }
    // The right password is not even looked at, from wherever it comes.
    assert_eq!(guesser.sign_in("anna", PASSWORD).await.status, 429);
    let mut elsewhere = Browser::at(&gate).from([127, 0, 0, 3]);
    assert_eq!(elsewhere.sign_in("anna", PASSWORD).await.status, 429);
    // Others are not locked out, and neither is she herself where she has been before.
    assert_eq!(guesser.sign_in("bert", PASSWORD).await.status, 303);
    assert_eq!(own.sign_in("anna", PASSWORD).await.status, 303);
}

#[tokio::test]
async fn r61_signed_in_user_skips_the_sign_in_page() {
    let gate = TestGate::start().await;
    let acme = gate.admin.organization("Acme").await;
    let other = gate.admin.organization("Other").await;
    gate.admin.user(&acme, "anna", "admin").await;
    gate.admin.user(&other, "bert", "admin").await;
    let mut anna = Browser::at(&gate);
    let to_a = format!("{SIGN_IN}?return_to=%2Fclosed%2Fa%3Fb%3Dc");
    assert_eq!(anna.open(&to_a).await.status, 200, "without a session the form is shown");
    anna.sign_in("anna", PASSWORD).await;
    let session = anna.session().map(str::to_owned);
    let reply = anna.open(&to_a).await;
    assert_eq!((reply.status, reply.header("location")), (303, Some("/closed/a?b=c")));
    let reply = anna.open(&format!("{SIGN_IN}?return_to=/")).await;
    assert_eq!((reply.status, reply.header("location")), (303, Some("/")));
    let same = anna.open(&format!("{to_a}&organization={acme}")).await;
    assert_eq!(same.status, 303);
    assert_eq!(anna.session().map(str::to_owned), session);

    // No place, by choice, or for another organization: the form, and the session stays.
    for form in [
        SIGN_IN.to_owned(),
        format!("{SIGN_IN}?switch=1"),
        format!("{to_a}&switch=1"),
        format!("{to_a}&organization={other}"),
        format!("{to_a}&again="),
        format!("{SIGN_IN}?return_to=//evil.example"),
    ] {
        assert_eq!(anna.open(&form).await.status, 200, "{form}");
        assert_eq!(anna.fetch("/closed/a").await.status, 200, "{form}");
    }
    let page = anna.open(&format!("{to_a}&switch=1")).await;
    let reply = anna.sign_in_on(&page, "bert", PASSWORD).await;
    assert_eq!(reply.header("location"), Some("/closed/a?b=c"));
    gate.upstream.forget();
    anna.fetch("/closed/a").await;
    assert_eq!(gate.arrived().one("portcullis-user"), Some("bert"));
    // A session that has ended leads nowhere.
    gate.admin.delete("/api/v1/sessions").await;
    assert_eq!(anna.open(&to_a).await.status, 200);
}

#[tokio::test]
async fn r61_sign_in_returns_to_a_long_address() {
    let gate = TestGate::start().await;
    gate.admin.acme_with_user("anna", "admin").await;
    let spaces = format!("/closed/a?q={}", "%20".repeat(1670));
    let longest = format!("/closed/{}", "%20x".repeat(2046));
    let worst = format!("/closed/a?{}", "&".repeat(8182));
    for target in [spaces, longest, worst] {
        assert!(target.len() <= 8192);
        let mut anna = Browser::at(&gate);
        let page = anna.follow(&target).await;
        assert_eq!(page.reply.status, 200, "{} bytes", target.len());
        let reply = anna.sign_in_on(&page.reply, "anna", PASSWORD).await;
        assert_eq!(reply.status, 303, "{} bytes: {reply:?}", target.len());
        assert_eq!(anna.go_on(SIGN_IN, reply).await.reply.status, 200, "{} bytes", target.len());
    }
}

#[tokio::test]
async fn r61_longest_address_is_configurable() {
    let gate = TestGate::builder().setting("server.limits.target_bytes", "2000").start().await;
    let of = |length: usize| format!("/open/{}", "a".repeat(length - "/open/".len()));
    assert_eq!(Browser::at(&gate).fetch(&of(2000)).await.status, 200);
    let refused = Browser::at(&gate).fetch(&of(2001)).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("too-long"), "{refused:?}");
}

/// A browser at an address with a second session cookie, which somebody else has set.
async fn cookies_cleared(gate: &TestGate, target: &str, cookies: &str) -> (u16, Vec<String>) {
    let headers = [("accept", "text/html"), ("cookie", cookies)];
    let mut browser = Browser::at(gate);
    let reply = browser.send(Method::GET, target, &headers, "").await;
    let lines = reply.headers.get_all("set-cookie").iter();
    (reply.status, lines.map(|line| line.to_str().unwrap().to_owned()).collect())
}

#[tokio::test]
async fn r61_duplicate_session_cookies_are_cleared() {
    let gate = TestGate::start().await;
    gate.admin.acme_with_user("anna", "admin").await;
    let mut anna = Browser::at(&gate);
    anna.sign_in("anna", PASSWORD).await;
    let session = anna.session().unwrap();
    let both = format!("portcullis={session}; portcullis=planted");
    let (status, lines) = cookies_cleared(&gate, "/closed/a/b", &both).await;
    assert_eq!(status, 303);
    for path in ["/", "/closed", "/closed/", "/closed/a", "/closed/a/b"] {
        let cleared = format!("portcullis=; Path={path}; Max-Age=0");
        assert!(lines.contains(&cleared), "{path}: {lines:?}");
        let of_domain = format!("portcullis=; Path={path}; Domain=portal.test; Max-Age=0");
        assert!(lines.contains(&of_domain), "{path}: {lines:?}");
    }
    // The sign-in page does the same, and leads nowhere by itself.
    let to_a = format!("{SIGN_IN}?return_to=%2Fclosed%2Fa");
    let (status, lines) = cookies_cleared(&gate, &to_a, &both).await;
    assert_eq!(status, 200);
    assert!(lines.contains(&"portcullis=; Path=/.portcullis; Max-Age=0".to_owned()), "{lines:?}");
    // Forms have a cookie of their own, which the page sets after it has cleared others.
    let (_, lines) = cookies_cleared(&gate, SIGN_IN, "portcullis-form=a; portcullis-form=b").await;
    let last = lines.last().unwrap();
    assert!(last.starts_with("portcullis-form=") && last.contains("HttpOnly"), "{lines:?}");
    // One cookie is left alone.
    let one = format!("portcullis={session}");
    assert_eq!(cookies_cleared(&gate, "/closed/a", &one).await, (200, Vec::new()));
}

#[tokio::test]
async fn r8_disabled_user_is_refused_until_enabled() {
    let gate = TestGate::start().await;
    let admin = &gate.admin;
    let organization = admin.organization("Acme").await;
    let noah = admin.user(&organization, "noah", "admin").await;
    admin.user(&organization, "anna", "admin").await;
    let path = format!("{USERS}/{noah}");
    let (mut stopped, mut other) = (Browser::at(&gate), Browser::at(&gate));
    stopped.sign_in("noah", PASSWORD).await;
    other.sign_in("anna", PASSWORD).await;
    assert_eq!(stopped.fetch("/closed/a").await.status, 200);
    assert_eq!(admin.patch(&path, json!({ "disabled": true })).await.ok()["disabled"], true);

    gate.upstream.forget();
    let script = stopped.fetch("/closed/a").await;
    assert_eq!(script.status, 403);
    assert_eq!(script.problem()["reason"], "account-disabled");
    let page = stopped.open("/closed/a").await;
    assert_eq!(page.status, 403);
    assert!(page.text().contains("account is disabled"), "{}", page.text());
    let mut again = Browser::at(&gate);
    let page = again.sign_in("noah", PASSWORD).await;
    assert_eq!(page.status, 403);
    assert!(page.text().contains("account is disabled"), "{}", page.text());
    assert_eq!(again.fetch("/closed/a").await.status, 401, "no session was started");
    let wrong = Browser::at(&gate).sign_in("noah", "Wrong horse 7!").await;
    assert!(!wrong.text().contains("disabled"), "a wrong password reveals nothing");
    gate.nothing_arrived("a disabled user").await;
    assert_eq!(other.fetch("/closed/a").await.status, 200);

    admin.patch(&path, json!({ "disabled": false })).await.ok();
    assert_eq!(stopped.fetch("/closed/a").await.status, 200);
    assert_eq!(again.sign_in("noah", PASSWORD).await.status, 303);
}

#[tokio::test]
async fn r12_disabled_user_still_counts_as_a_portal_user() {
    let gate = TestGate::start().await;
    let admin = &gate.admin;
    let organization = admin.organization("Acme").await;
    let link = admin.get(&format!("/api/v1/organizations/{organization}/link")).await.ok();
    let mut visitor = Browser::at(&gate);
    visitor.open(link["url"].as_str().unwrap()).await;
    let open = visitor.fetch("/mine/a").await.status;
    let noah = admin.user(&organization, "noah", "admin").await;
    let path = format!("{USERS}/{noah}");
    admin.patch(&path, json!({ "disabled": true })).await.ok();
    assert_eq!(visitor.fetch("/mine/a").await.status, 401, "was {open}");
    assert_eq!(admin.delete(&path).await.status, 204);
    assert_eq!(visitor.fetch("/mine/a").await.status, open);
}

#[tokio::test]
async fn last_sign_in_is_when_a_session_was_started() {
    let gate = TestGate::start().await;
    let admin = &gate.admin;
    let organization = admin.organization("Acme").await;
    let anna = format!("{USERS}/{}", admin.user(&organization, "anna", "admin").await);
    let before = admin.get(&anna).await.ok();
    assert!(before["last_sign_in"].is_null(), "{before}");
    Browser::at(&gate).sign_in("anna", "Wrong horse 7!").await;
    assert!(admin.get(&anna).await.ok()["last_sign_in"].is_null(), "a wrong password");
    Browser::at(&gate).sign_in("anna", PASSWORD).await;
    let after = admin.get(&anna).await.ok();
    assert!(after["last_sign_in"].is_string(), "{after}");
    assert_eq!(after["version"], before["version"], "the record is the same");
    assert_eq!(admin.get(USERS).await.ok()["items"][0]["last_sign_in"], after["last_sign_in"]);
}
