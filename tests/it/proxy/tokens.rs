//! Tokens of portal users: programs present them in `Authorization`, and the portal never gets them.

use std::time::{Duration, Instant};

use data_encoding::BASE64;
use http::Method;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use crate::support::admin::PASSWORD;
use crate::support::client::{Call, Reply, within};
use crate::support::gate::TestGate;

const ROUTES: &str = r#"
[[route]]
name = "Open"
path = "/open/{*rest}"
access = "public"

[[route]]
name = "Mine"
path = "/mine/{*rest}"
access = "signed-in"

[[route]]
name = "Invoices"
path = "/closed/{*rest}"
require = "invoices.view"

[[route]]
name = "Repositories"
path = "/git/{*rest}"
require = "invoices.view"
tokens = true
"#;

/// A gateway with Anna, who may see invoices, and Ludwig, who may not.
struct People {
    gate: TestGate,
    anna: String,
    ludwig: String,
}

impl People {
    async fn start() -> Self {
        Self::before(TestGate::builder().policy(ROUTES).start().await).await
    }

    async fn before(gate: TestGate) -> Self {
        let acme = gate.admin.organization("Acme").await;
        let anna = gate.admin.user(&acme, "Anna@acme.test", "admin").await;
        let ludwig = gate.admin.user(&acme, "ludwig", "limited").await;
        Self { gate, anna, ludwig }
    }

    /// Creates a token of a user; answers it and its id.
    async fn token(&self, user: &str, name: &str) -> (String, String) {
        self.token_with(user, json!({ "name": name })).await
    }

    async fn token_with(&self, user: &str, new: Value) -> (String, String) {
        let path = format!("/api/v1/users/{user}/tokens");
        let created = self.gate.admin.post(&path, new).await.ok();
        let token = created["token"].as_str().unwrap().to_owned();
        assert!(token.starts_with("portcullis_user_"), "{token}");
        self.gate.is_secret(&token);
        (token, created["id"].as_str().unwrap().to_owned())
    }

    fn get(&self, path: &str, authorization: impl AsRef<[u8]>) -> Call<'_> {
        self.gate.get(path).header("authorization", authorization)
    }

    /// Sends a request that must be refused, and must not reach the portal.
    async fn refused(&self, call: Call<'_>, status: u16, reason: &str) -> Reply {
        let reply = call.send().await;
        assert_eq!((reply.status, &reply.problem()["reason"]), (status, &json!(reason)));
        self.gate.nothing_arrived(reason).await;
        reply
    }

    /// Sends a request that must be allowed.
    async fn allowed(&self, call: Call<'_>) {
        let reply = call.send().await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(self.gate.arrived().all("authorization"), [""; 0]);
    }
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn basic(login: &str, password: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{login}:{password}").as_bytes()))
}

fn another_token() -> String {
    format!("portcullis_user_{}", "A".repeat(43))
}

#[tokio::test]
async fn token_opens_what_its_user_may_do_and_nothing_else() {
    let people = People::start().await;
    let gate = &people.gate;
    let (anna, id) = people.token(&people.anna, "CI").await;
    let (ludwig, _) = people.token(&people.ludwig, "CI").await;
    for authorization in [
        bearer(&anna),
        format!("bearer  {anna}"),
        basic("anna@acme.test", &anna),
        basic(" ANNA@acme.test ", &anna),
    ] {
        let reply = people.get("/closed/a", &authorization).send().await;
        assert_eq!(reply.status, 200, "{authorization}");
        let seen = gate.arrived();
        assert_eq!(seen.all("authorization"), [""; 0], "{authorization}");
        assert_eq!(seen.one("portcullis-user"), Some("Anna@acme.test"));
        assert_eq!(seen.one("portcullis-session-kind"), Some("token"));
    }
    let record = gate.decided("/closed/a").await;
    assert_eq!((&record["session"], &record["token"]), (&json!("token"), &json!(id)));
    assert_eq!(record["user"], people.anna);
    people.refused(people.get("/closed/a", bearer(&ludwig)), 403, "missing-permission").await;
    people.allowed(people.get("/mine/a", bearer(&ludwig))).await;
    people.refused(gate.get("/closed/a"), 401, "sign-in-required").await;
    // On a public route, too, the token is taken out.
    people.allowed(people.get("/open/a", bearer(&ludwig))).await;
}

#[tokio::test]
async fn invalid_token_is_401_and_never_forwarded() {
    let people = People::start().await;
    let (anna, _) = people.token(&people.anna, "CI").await;
    for (authorization, challenge) in [
        (bearer(&another_token()), "Bearer "),
        (bearer(&anna[..anna.len() - 1]), "Bearer "),
        (bearer("portcullis_user_"), "Bearer "),
        (format!("Token {anna}"), "Bearer "),
        (anna.clone(), "Bearer "),
        (basic("anna@acme.test", &another_token()), "Basic "),
        (basic("ludwig", &anna), "Basic "),
        (basic("", &anna), "Basic "),
        (basic(&anna, "x-oauth-basic"), "Basic "),
    ] {
        for path in ["/closed/a", "/open/a"] {
            let call = people.get(path, &authorization);
            let reply = people.refused(call, 401, "invalid-token").await;
            let sent = reply.header("www-authenticate").unwrap();
            assert!(sent.starts_with(challenge), "{authorization}: {sent}");
        }
    }
    people.allowed(people.get("/closed/a", bearer(&anna))).await;
}

#[tokio::test]
async fn other_authorization_passes_untouched() {
    let people = People::start().await;
    let gate = &people.gate;
    for authorization in [
        "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x",
        "Basic YW5uYTpzZWNyZXQ=",
        "Basic !",
        "Digest username=\"anna\"",
        "Negotiate YII=",
    ] {
        assert_eq!(people.get("/open/a", authorization).send().await.status, 200);
        assert_eq!(gate.arrived().one("authorization"), Some(authorization));
        people.refused(people.get("/closed/a", authorization), 401, "sign-in-required").await;
    }
    let cookie = gate.sign_in("ludwig", PASSWORD).await;
    let reply = people.get("/mine/a", "Basic YW5uYTpzZWNyZXQ=").cookie(&cookie).send().await;
    assert_eq!(reply.status, 200);
    assert_eq!(gate.arrived().one("authorization"), Some("Basic YW5uYTpzZWNyZXQ="));
    let twice = people.get("/open/a", "Basic YTpi").header("authorization", "Basic YTpj");
    people.refused(twice, 400, "several-authorizations").await;
}

#[tokio::test]
async fn i2_revoked_or_expired_token_and_deleted_user_are_refused() {
    let people = People::start().await;
    let gate = &people.gate;
    let user = format!("/api/v1/users/{}", people.anna);
    let path = format!("{user}/tokens");
    let clock = gate.admin.post(&path, json!({ "name": "clock" })).await.ok();
    let now: jiff::Timestamp = clock["created"].as_str().unwrap().parse().unwrap();
    let soon = now + Duration::from_secs(2);
    let expiring = json!({ "name": "short", "expires": soon });
    let (expiring, _) = people.token_with(&people.anna, expiring).await;
    people.allowed(people.get("/closed/a", bearer(&expiring))).await;
    let (token, id) = people.token(&people.anna, "CI").await;
    people.allowed(people.get("/closed/a", bearer(&token))).await;
    let list = gate.admin.get(&path).await.ok();
    assert_eq!(list["items"].as_array().unwrap().len(), 3);
    assert!(list["items"][0]["last_used"].is_string(), "{list}");
    assert!(!list.to_string().contains(&token));
    assert_eq!(gate.admin.delete(&format!("{path}/{id}")).await.status, 204);
    people.refused(people.get("/closed/a", bearer(&token)), 401, "invalid-token").await;
    gate.admin.delete(&format!("{path}/{id}")).await.refused(404, "not-found");
    let expired = async {
        while people.get("/closed/a", bearer(&expiring)).send().await.status == 200 {
            tokio::task::yield_now().await;
        }
    };
    within("the expiry of a token", expired).await;
    gate.upstream.forget();
    people.refused(people.get("/closed/a", bearer(&expiring)), 401, "invalid-token").await;

    let (token, _) = people.token(&people.anna, "CI").await;
    people.allowed(people.get("/closed/a", bearer(&token))).await;
    assert_eq!(gate.admin.delete(&user).await.status, 204);
    people.refused(people.get("/closed/a", bearer(&token)), 401, "invalid-token").await;
}

#[tokio::test]
async fn r7_r8_r34_token_follows_its_user() {
    let people = People::start().await;
    let gate = &people.gate;
    let (token, _) = people.token(&people.ludwig, "CI").await;
    let user = format!("/api/v1/users/{}", people.ludwig);
    people.refused(people.get("/closed/a", bearer(&token)), 403, "missing-permission").await;
    gate.admin.patch(&user, json!({ "group": "admin" })).await.ok();
    people.allowed(people.get("/closed/a", bearer(&token))).await;
    gate.admin.patch(&user, json!({ "group": "no-access" })).await.ok();
    people.refused(people.get("/closed/a", bearer(&token)), 403, "no-portal-access").await;
    gate.admin.patch(&user, json!({ "group": "admin" })).await.ok();
    people.allowed(people.get("/closed/a", bearer(&token))).await;
    gate.admin.patch(&user, json!({ "disabled": true })).await.ok();
    people.refused(people.get("/closed/a", bearer(&token)), 403, "account-disabled").await;
    gate.admin.patch(&user, json!({ "disabled": false })).await.ok();
    people.allowed(people.get("/closed/a", bearer(&token))).await;
    let password = json!({ "password": PASSWORD });
    gate.admin.post(&format!("{user}/password"), password).await.ok();
    people.refused(people.get("/closed/a", bearer(&token)), 401, "invalid-token").await;
    let (token, _) = people.token(&people.ludwig, "CI").await;
    people.allowed(people.get("/closed/a", bearer(&token))).await;
}

#[tokio::test]
async fn i6_invalid_tokens_lock_out_only_invalid_tokens() {
    let people = People::start().await;
    let gate = &people.gate;
    let (token, _) = people.token(&people.anna, "CI").await;
    for _ in 0..5 {
        let wrong = people.get("/closed/a", basic("ludwig", &another_token()));
        people.refused(wrong, 401, "invalid-token").await;
    }
    let wrong = people.get("/closed/a", basic("Ludwig", &another_token()));
    let reply = people.refused(wrong, 429, "locked-out").await;
    assert!(reply.header("retry-after").is_some());
    assert_eq!(gate.try_sign_in("ludwig", PASSWORD).await.status, 429);
    for _ in 5..30 {
        let wrong = people.get("/closed/a", bearer(&another_token()));
        people.refused(wrong, 401, "invalid-token").await;
    }
    people.refused(people.get("/closed/a", bearer(&another_token())), 429, "locked-out").await;
    let list = gate.admin.get("/api/v1/lockouts").await.ok();
    let kinds: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|item| &item["kind"]).collect();
    assert!(kinds.len() == 2 && kinds.contains(&&json!("token")), "{list}");
    people.allowed(people.get("/closed/a", bearer(&token))).await;
    gate.sign_in("anna@acme.test", PASSWORD).await;
}

#[tokio::test]
async fn only_routes_with_tokens_ask_scripts_for_one() {
    let people = People::start().await;
    let gate = &people.gate;
    let reply = people.refused(gate.get("/git/a"), 401, "sign-in-required").await;
    assert!(reply.header("www-authenticate").unwrap().starts_with("Basic realm="), "{reply:?}");
    let reply = people.refused(gate.get("/closed/a"), 401, "sign-in-required").await;
    assert_eq!(reply.header("www-authenticate"), None);
    let page = gate.get("/git/a").by_browser().send().await;
    assert_eq!((page.status, page.header("www-authenticate")), (303, None));
    let (token, _) = people.token(&people.anna, "CI").await;
    people.allowed(people.get("/git/a", basic("anna@acme.test", &token))).await;
}

#[tokio::test]
async fn a_denied_request_is_not_asked_for_a_token() {
    let gate = TestGate::builder().policy(ROUTES).start().await;
    let unknown = gate.get("/nowhere").send().await;
    for call in [
        gate.call(Method::from_bytes(b"PROPFIND").unwrap(), "/git/a"),
        gate.get("/git/a")
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ] {
        let reply = call.send().await;
        assert_eq!((reply.status, reply.reason()), (unknown.status, unknown.reason()));
        assert_eq!(reply.header("www-authenticate"), None, "{reply:?}");
    }
    let reply = gate.get("/git/a").send().await;
    assert!(reply.header("www-authenticate").is_some(), "{reply:?}");
}

#[tokio::test]
async fn cookie_beside_a_token_must_be_of_the_same_user() {
    let people = People::start().await;
    let gate = &people.gate;
    let (token, _) = people.token(&people.anna, "CI").await;
    let anna = gate.sign_in("anna@acme.test", PASSWORD).await;
    let ludwig = gate.sign_in("ludwig", PASSWORD).await;
    people.allowed(people.get("/closed/a", bearer(&token)).cookie(&anna)).await;
    let both = people.get("/closed/a", bearer(&token)).cookie(&ludwig);
    people.refused(both, 403, "other-session").await;
    gate.sign_out(&ludwig).await;
    gate.upstream.forget();
    people.allowed(people.get("/closed/a", bearer(&token)).cookie(&ludwig)).await;
}

#[tokio::test]
async fn other_sites_cannot_use_basic_that_a_browser_repeats() {
    let people = People::start().await;
    let gate = &people.gate;
    let (token, _) = people.token(&people.anna, "CI").await;
    let post = |authorization: String, site: &str| {
        let call = gate.call(Method::POST, "/closed/a").header("authorization", authorization);
        call.header("sec-fetch-site", site).body("x=1")
    };
    let anna = || basic("anna@acme.test", &token);
    people.refused(post(anna(), "cross-site"), 403, "cross-origin").await;
    people.allowed(post(anna(), "same-origin")).await;
    people.allowed(post(bearer(&token), "cross-site")).await;
}

#[tokio::test]
async fn i7_event_stream_ends_when_its_token_is_revoked() {
    let people = People::start().await;
    let gate = &people.gate;
    gate.upstream.answer("/closed/events", |mut exchange| async move {
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n";
        exchange.write(head).await?;
        exchange.closed().await;
        Ok(None)
    });
    let (token, id) = people.token(&people.anna, "CI").await;
    let (other, _) = people.token(&people.anna, "other").await;
    let mut stream = people.get("/closed/events", bearer(&token)).open().await.into_body();
    let mut kept = people.get("/closed/events", bearer(&other)).open().await.into_body();
    for stream in [&mut stream, &mut kept] {
        let first = within("the first event", stream.frame()).await.unwrap().unwrap();
        assert_eq!(first.into_data().unwrap(), "data: 1\n\n");
    }
    let path = format!("/api/v1/users/{}/tokens/{id}", people.anna);
    assert_eq!(gate.admin.delete(&path).await.status, 204);
    let since = Instant::now();
    let end = within("the end of an event stream", stream.frame()).await;
    assert!(!matches!(end, Some(Ok(_))), "{end:?}");
    assert!(since.elapsed() < Duration::from_millis(1700), "{:?}", since.elapsed());
    let open = tokio::time::timeout(Duration::from_millis(500), kept.frame()).await;
    assert!(open.is_err(), "another token's stream stays open: {open:?}");
}
