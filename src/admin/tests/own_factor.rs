//! Second factors that administrators set up themselves, and their own sessions.

use std::net::{IpAddr, Ipv4Addr};

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};

use super::bench::{Answer, Bench, PASSWORD};
use crate::admin::Access;
use crate::clock;
use crate::credential::totp::TotpSecret;
use crate::web::peer::Peer;

const SET_UP: &str = "/api/v1/session/set-up";
const MFA: &str = "/api/v1/session/mfa";
const CODE: &str = "/api/v1/session/code";

async fn send(bench: &Bench, method: Method, path: &str, cookie: &str, body: &Value) -> Answer {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "127.0.0.1:8081")
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "application/json")
        .extension(Peer::Address(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    if !cookie.is_empty() {
        request = request.header("cookie", cookie);
    }
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    bench.send(Access::Token, request.body(body).unwrap()).await
}

/// The code that an app shows now which has the proposed secret.
fn code(proposed: &Value) -> String {
    let secret: String = proposed["secret"].as_str().unwrap().split_whitespace().collect();
    let bytes = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    TotpSecret::from_bytes(&bytes).unwrap().code(clock::now())
}

/// One that it does not show.
fn wrong_code(proposed: &Value) -> String {
    let right: u32 = code(proposed).parse().unwrap();
    format!("{:06}", (right + 500_000) % 1_000_000)
}

fn cookie(answer: &Answer) -> String {
    let line = answer.headers["set-cookie"].to_str().unwrap();
    line.split(';').next().unwrap().to_owned()
}

/// A gateway with an account that has no second factor, and what its sign-in answers.
async fn without_factor() -> (Bench, Answer) {
    let bench = Bench::start().await;
    let new = json!({ "login": "theo", "role": "technician", "password": PASSWORD, "mfa": false });
    assert_eq!(bench.post("/api/v1/administrators", new).await.status, 201);
    let answer = sign_in(&bench, PASSWORD, None).await;
    (bench, answer)
}

async fn sign_in(bench: &Bench, password: &str, code: Option<&str>) -> Answer {
    let credentials = json!({ "login": "theo", "password": password, "code": code });
    bench.sign_in(&credentials.to_string()).await
}

#[tokio::test]
async fn r50_a_sign_in_sets_up_the_second_factor_it_requires() {
    let (bench, answer) = without_factor().await;
    assert_eq!((answer.status.as_u16(), answer.code()), (401, "second-factor-missing"));
    let proposed = &answer.body["set_up"];
    let post = async |code: String, proposal: &Value| {
        send(&bench, Method::POST, SET_UP, "", &json!({ "proposal": proposal, "code": code })).await
    };
    let wrong = post(wrong_code(proposed), &proposed["proposal"]).await;
    assert_eq!((wrong.status.as_u16(), wrong.code()), (401, "wrong-credentials"));
    assert_eq!(wrong.body["set_up"]["secret"], proposed["secret"]);
    let forged = post(code(proposed), &json!("theo.1.AAAA")).await;
    assert_eq!((forged.status.as_u16(), forged.code()), (401, "session-ended"));

    let done = post(code(proposed), &wrong.body["set_up"]["proposal"]).await;
    assert_eq!(done.status, 201, "{done:?}");
    assert_eq!(done.body["recovery_codes"].as_array().unwrap().len(), 10);
    assert_eq!(done.body["mfa_enrolled"], true);
    let session = send(&bench, Method::GET, "/api/v1/session", &cookie(&done), &Value::Null).await;
    assert_eq!(session.body["actor"], "administrator:theo");
    let again = post(code(proposed), &proposed["proposal"]).await;
    assert_eq!((again.status.as_u16(), again.code()), (401, "session-ended"));
    assert_eq!(sign_in(&bench, PASSWORD, None).await.code(), "code-required");
    let recovery = done.body["recovery_codes"][0].as_str();
    assert_eq!(sign_in(&bench, PASSWORD, recovery).await.status, 201);
    let entries = bench.get("/api/v1/audit?kind=administrator.changed").await;
    let entry = &entries.body["items"].as_array().unwrap()[1];
    assert_eq!(
        (&entry["actor"]["name"], &entry["after"]["mfa"]["recovery_codes"]),
        (&"theo".into(), &10.into())
    );
}

#[tokio::test]
async fn r50_only_the_right_password_gets_a_secret_to_set_up() {
    let (bench, _) = without_factor().await;
    let wrong = sign_in(&bench, "Wrong horse 7!", None).await;
    assert_eq!((wrong.code(), &wrong.body["set_up"]), ("wrong-credentials", &Value::Null));
    // What was proposed is not valid with a new password.
    let proposed = sign_in(&bench, PASSWORD, None).await.body["set_up"].clone();
    let all = bench.get("/api/v1/administrators").await;
    let path =
        format!("/api/v1/administrators/{}/password", all.body["items"][0]["id"].as_str().unwrap());
    let body = json!({ "password": "Another horse 8!" });
    assert_eq!(bench.ask(Method::PUT, &path, Some(body)).await.status, 200);
    let body = json!({ "proposal": proposed["proposal"], "code": code(&proposed) });
    assert_eq!(send(&bench, Method::POST, SET_UP, "", &body).await.code(), "session-ended");
}

#[tokio::test]
async fn i6_wrong_codes_of_a_set_up_lock_the_account() {
    let (bench, answer) = without_factor().await;
    let proposed = &answer.body["set_up"];
    let body = json!({ "proposal": proposed["proposal"], "code": wrong_code(proposed) });
    let mut answers = Vec::new();
    for _ in 0..6 {
        answers.push(send(&bench, Method::POST, SET_UP, "", &body).await.status.as_u16());
    }
    assert_eq!(answers, [401, 401, 401, 401, 401, 429]);
    assert_eq!(sign_in(&bench, PASSWORD, None).await.status, 429);
}

/// A technician with a second factor, who is signed in twice.
struct Theo {
    bench: Bench,
    codes: Vec<String>,
    cookies: [String; 2],
}

impl Theo {
    async fn start() -> Self {
        let (bench, answer) = without_factor().await;
        let proposed = &answer.body["set_up"];
        let body = json!({ "proposal": proposed["proposal"], "code": code(proposed) });
        let first = send(&bench, Method::POST, SET_UP, "", &body).await;
        let codes = first.body["recovery_codes"].as_array().unwrap().iter();
        let codes: Vec<_> = codes.map(|code| code.as_str().unwrap().to_owned()).collect();
        let second = sign_in(&bench, PASSWORD, Some(&codes[9])).await;
        Self { codes, cookies: [cookie(&first), cookie(&second)], bench }
    }

    async fn ask(&self, method: Method, path: &str, body: &Value) -> Answer {
        send(&self.bench, method, path, &self.cookies[0], body).await
    }

    async fn is_signed_in(&self, session: usize) -> bool {
        let cookie = &self.cookies[session];
        send(&self.bench, Method::GET, "/api/v1/session", cookie, &Value::Null).await.status == 200
    }
}

#[tokio::test]
async fn r50_a_code_alone_finishes_a_sign_in_once() {
    let theo = Theo::start().await;
    let wrong = sign_in(&theo.bench, "Wrong horse 7!", None).await;
    assert_eq!((wrong.code(), &wrong.body["pending"]), ("wrong-credentials", &Value::Null));
    let asked = sign_in(&theo.bench, PASSWORD, None).await;
    assert_eq!((asked.status.as_u16(), asked.code()), (401, "code-required"));
    let enter = async |pending: &Value, code: &str| {
        let body = json!({ "pending": pending, "code": code });
        send(&theo.bench, Method::POST, CODE, "", &body).await
    };
    let pending = &asked.body["pending"];
    for (pending, code, name) in [
        (&json!("AAAA"), &*theo.codes[0], "session-ended"),
        (pending, "wrong-code", "wrong-credentials"),
    ] {
        let refused = enter(pending, code).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (401, name));
    }
    let done = enter(pending, &theo.codes[0]).await;
    assert_eq!(done.status, 201, "{done:?}");
    let session = cookie(&done);
    let current = send(&theo.bench, Method::GET, "/api/v1/session", &session, &Value::Null).await;
    assert_eq!(current.body["actor"], "administrator:theo");
    assert_eq!(enter(pending, &theo.codes[1]).await.code(), "session-ended");
}

#[tokio::test]
async fn r51_own_second_factor_needs_password_and_both_codes() {
    let theo = Theo::start().await;
    let propose =
        async || theo.ask(Method::GET, &format!("{MFA}/proposal"), &Value::Null).await.body;
    let proposed = propose().await;
    let body = |current: &str, code: Option<&str>, new: String| {
        json!({
            "current": current, "code": code, "proposal": proposed["proposal"], "new_code": new,
        })
    };
    let (right, new) = (Some(&*theo.codes[0]), code(&proposed));
    for (body, status, name) in [
        (body("wrong", right, new.clone()), 401, "wrong-credentials"),
        (body(PASSWORD, None, new.clone()), 401, "code-required"),
        (body(PASSWORD, Some("wrong-code"), new.clone()), 401, "wrong-credentials"),
        (body(PASSWORD, right, wrong_code(&proposed)), 401, "wrong-credentials"),
    ] {
        let answer = theo.ask(Method::POST, MFA, &body).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (status, name), "{answer:?}");
    }
    let other = &theo.cookies[1];
    let good = body(PASSWORD, right, new.clone());
    let by_other = send(&theo.bench, Method::POST, MFA, other, &good).await;
    assert_eq!(by_other.field(), "proposal", "it was made for another session");

    let done = theo.ask(Method::POST, MFA, &body(PASSWORD, right, new)).await;
    assert_eq!(done.status, 201, "{done:?}");
    assert!(theo.is_signed_in(0).await && !theo.is_signed_in(1).await);
    assert_eq!(sign_in(&theo.bench, PASSWORD, Some(&theo.codes[1])).await.status, 401);
    let state = theo.ask(Method::GET, MFA, &Value::Null).await.body;
    assert_eq!((&state["enrolled"], &state["recovery_codes_left"]), (&true.into(), &10.into()));
    let code = done.body["recovery_codes"][0].as_str();
    assert_eq!(sign_in(&theo.bench, PASSWORD, code).await.status, 201);
}

#[tokio::test]
async fn r51_new_recovery_codes_need_a_code_of_the_app() {
    let theo = Theo::start().await;
    let path = format!("{MFA}/recovery-codes");
    let body = |code: &str| json!({ "current": PASSWORD, "code": code });
    let by_recovery = theo.ask(Method::POST, &path, &body(&theo.codes[0])).await;
    assert_eq!((by_recovery.status.as_u16(), by_recovery.code()), (401, "wrong-credentials"));
    let proposed = theo.ask(Method::GET, &format!("{MFA}/proposal"), &Value::Null).await.body;
    let new = json!({
        "current": PASSWORD, "code": theo.codes[0], "proposal": proposed["proposal"],
        "new_code": code(&proposed),
    });
    let first = theo.ask(Method::POST, MFA, &new).await.body;
    // The code of this half minute is used up; the next one is accepted too.
    let secret: String = proposed["secret"].as_str().unwrap().split_whitespace().collect();
    let bytes = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let next = clock::now() + jiff::SignedDuration::from_secs(30);
    let next = TotpSecret::from_bytes(&bytes).unwrap().code(next);
    let second = theo.ask(Method::POST, &path, &body(&next)).await;
    assert_eq!(second.status, 201, "{second:?}");
    let old = first["recovery_codes"][0].as_str();
    assert_eq!(sign_in(&theo.bench, PASSWORD, old).await.status, 401);
    let new = second.body["recovery_codes"][0].as_str();
    assert_eq!(sign_in(&theo.bench, PASSWORD, new).await.status, 201);
}

#[tokio::test]
async fn own_sessions_are_listed_and_ended_one_by_one() {
    let theo = Theo::start().await;
    let listed = theo.ask(Method::GET, "/api/v1/session/sessions", &Value::Null).await.body;
    let sessions = listed["items"].as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    let other = sessions.iter().find(|session| session["current"] == false).unwrap();
    let path = format!("/api/v1/session/sessions/{}", other["id"].as_str().unwrap());
    assert_eq!(theo.ask(Method::DELETE, &path, &Value::Null).await.status, 204);
    assert!(theo.is_signed_in(0).await && !theo.is_signed_in(1).await);
    assert_eq!(theo.ask(Method::DELETE, &path, &Value::Null).await.status, 404);

    let new = json!({ "login": "olga", "role": "owner", "password": PASSWORD });
    let olga = theo.bench.post("/api/v1/administrators", new).await.body;
    let code = &olga["second_factor"]["recovery_codes"][0];
    let credentials = json!({ "login": "olga", "password": PASSWORD, "code": code });
    assert_eq!(theo.bench.sign_in(&credentials.to_string()).await.status, 201);
    let hers = format!("/api/v1/administrators/{}/sessions", olga["id"].as_str().unwrap());
    let hers = theo.bench.get(&hers).await.body["items"][0]["id"].clone();
    let path = format!("/api/v1/session/sessions/{}", hers.as_str().unwrap());
    assert_eq!(theo.ask(Method::DELETE, &path, &Value::Null).await.status, 404);
    assert_eq!(theo.bench.get(MFA).await.code(), "not-found", "the socket has no account");
}
