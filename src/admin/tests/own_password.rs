//! An administrator changes the password of their own account.

use std::net::{IpAddr, Ipv4Addr};

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};

use super::bench::{Answer, Bench, PASSWORD};
use crate::admin::Access;
use crate::web::peer::Peer;

const PATH: &str = "/api/v1/session/password";
const NEW: &str = "Another horse 8!";

/// A technician with ten recovery codes, who is signed in twice.
struct Theo {
    bench: Bench,
    codes: Vec<String>,
    cookies: [String; 2],
}

impl Theo {
    async fn start() -> Self {
        let bench = Bench::start().await;
        let new = json!({ "login": "theo", "role": "technician", "password": PASSWORD });
        let issued = bench.post("/api/v1/administrators", new).await;
        let codes = issued.body["second_factor"]["recovery_codes"].as_array().unwrap().iter();
        let codes: Vec<_> = codes.map(|code| code.as_str().unwrap().to_owned()).collect();
        let mut cookies = [String::new(), String::new()];
        for (cookie, code) in cookies.iter_mut().zip(&codes) {
            let signed_in = sign_in(&bench, PASSWORD, code).await;
            assert_eq!(signed_in.status, 201, "{signed_in:?}");
            let line = signed_in.headers["set-cookie"].to_str().unwrap();
            *cookie = line.split(';').next().unwrap().to_owned();
        }
        Self { bench, codes, cookies }
    }

    async fn send(&self, method: Method, path: &str, cookie: &str, body: Value) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "127.0.0.1:8081")
            .header("cookie", cookie)
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/json")
            .extension(Peer::Address(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.bench.send(Access::Token, request.body(body).unwrap()).await
    }

    async fn change(&self, body: Value) -> Answer {
        self.send(Method::PUT, PATH, &self.cookies[0], body).await
    }

    async fn is_signed_in(&self, cookie: &str) -> bool {
        self.send(Method::GET, "/api/v1/session", cookie, Value::Null).await.status == 200
    }
}

async fn sign_in(bench: &Bench, password: &str, code: &str) -> Answer {
    let credentials = json!({ "login": "theo", "password": password, "code": code });
    bench.sign_in(&credentials.to_string()).await
}

#[tokio::test]
async fn r34_own_password_needs_the_current_one_and_a_code() {
    let theo = Theo::start().await;
    let body = |current: &str, code: Option<&str>, new: &str| json!({ "current": current, "code": code, "password": new });
    let right = &*theo.codes[2];
    for (body, status, code) in [
        (body("wrong", Some(right), NEW), 401, "wrong-credentials"),
        (body(PASSWORD, None, NEW), 401, "code-required"),
        (body(PASSWORD, Some("wrong-code"), NEW), 401, "wrong-credentials"),
        (body(PASSWORD, Some(right), "short"), 422, "invalid"),
        (body(PASSWORD, Some(right), PASSWORD), 422, "invalid"),
    ] {
        let answer = theo.change(body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{body}: {answer:?}");
    }
    assert!(theo.is_signed_in(&theo.cookies[1]).await, "nothing has changed");

    let changed = theo.change(body(PASSWORD, Some(right), NEW)).await;
    assert_eq!((changed.status.as_u16(), &changed.body["login"]), (200, &"theo".into()));
    assert!(theo.is_signed_in(&theo.cookies[0]).await, "the session that changed it continues");
    assert!(!theo.is_signed_in(&theo.cookies[1]).await, "the other one has ended");
    assert_eq!(sign_in(&theo.bench, PASSWORD, &theo.codes[3]).await.status, 401);
    assert_eq!(sign_in(&theo.bench, NEW, right).await.status, 401, "the code was used up");
    assert_eq!(sign_in(&theo.bench, NEW, &theo.codes[4]).await.status, 201);
    let entries = theo.bench.get("/api/v1/audit?kind=administrator.changed").await;
    // A recovery code that is used up is a change, too.
    let by_generation = |entry: &&Value| entry["after"]["generation"] == 2;
    let entry = entries.body["items"].as_array().unwrap().iter().find(by_generation).unwrap();
    assert_eq!(entry["actor"]["name"], "theo", "{entry}");
}

#[tokio::test]
async fn i6_wrong_current_passwords_lock_the_account() {
    let theo = Theo::start().await;
    let wrong = json!({ "current": "wrong", "code": "123456", "password": NEW });
    let mut answers = Vec::new();
    for _ in 0..6 {
        answers.push(theo.change(wrong.clone()).await.status.as_u16());
    }
    assert_eq!(answers, [401, 401, 401, 401, 401, 429]);
    assert_eq!(sign_in(&theo.bench, PASSWORD, &theo.codes[2]).await.status, 429);
}

#[tokio::test]
async fn own_password_is_of_administrators_with_a_session() {
    let bench = Bench::start().await;
    let body = json!({ "current": PASSWORD, "password": NEW });
    let by_socket = bench.ask(Method::PUT, PATH, Some(body.clone())).await;
    assert_eq!((by_socket.status.as_u16(), by_socket.code()), (404, "not-found"));
    let tried = bench.ask(Method::PUT, &format!("{PATH}?dry_run=true"), Some(body)).await;
    assert_eq!((tried.status.as_u16(), tried.field()), (422, "dry_run"));
}
