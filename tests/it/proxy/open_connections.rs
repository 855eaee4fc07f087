//! What stays open is decided again while it lasts (I7): WebSockets, event streams and long responses.

use std::time::{Duration, Instant};

use http::Method;
use http_body_util::BodyExt as _;
use serde_json::json;

use crate::support::admin::PASSWORD;
use crate::support::client::within;
use crate::support::gate::TestGate;
use crate::support::websocket::{
    ALLOWANCE, SOON, echo_at, ends, open, open_by, says_and_hears, stays,
};

use super::websockets::chatter;

#[tokio::test]
async fn i7_websocket_closes_when_the_group_loses_permission() {
    let gate = TestGate::start().await;
    echo_at(&gate.upstream, "/closed/socket");
    let (group, _, anna) = chatter(&gate).await;
    let mut socket = open_by(&gate, "/closed/socket", &anna).await.unwrap();
    says_and_hears(&mut socket, "hello").await;
    // What it does not need may go.
    let path = format!("/api/v1/groups/{group}");
    let fewer = json!({ "permissions": ["portal.access", "chat.start"] });
    assert_eq!(gate.admin.patch(&path, fewer).await.status, 200);
    says_and_hears(&mut socket, "still here").await;
    let none = json!({ "permissions": ["portal.access"] });
    assert_eq!(gate.admin.patch(&path, none).await.status, 200);
    let took = ends(&mut socket).await;
    assert!(took < SOON + ALLOWANCE, "{took:?}");
    assert_eq!(open_by(&gate, "/closed/socket", &anna).await.err(), Some(403));
}

#[tokio::test]
async fn i7_websocket_closes_when_the_session_ends() {
    let gate = TestGate::start().await;
    echo_at(&gate.upstream, "/closed/socket");
    let (_, user, anna) = chatter(&gate).await;
    let mut socket = open_by(&gate, "/closed/socket", &anna).await.unwrap();
    says_and_hears(&mut socket, "hello").await;
    let ended = gate.admin.delete(&format!("/api/v1/users/{user}/sessions")).await;
    assert!(matches!(ended.status, 200 | 204), "{ended:?}");
    let took = ends(&mut socket).await;
    assert!(took < SOON + ALLOWANCE, "{took:?}");
}

#[tokio::test]
async fn i7_websocket_closes_when_the_portal_is_disabled() {
    let gate = TestGate::start().await;
    echo_at(&gate.upstream, "/open/socket");
    let mut socket = open(&gate, "/open/socket", &[]).await.unwrap();
    says_and_hears(&mut socket, "hello").await;
    let disabled = json!({ "disabled_redirect_url": "https://status.example.com/" });
    assert_eq!(gate.admin.patch("/api/v1/preferences", disabled).await.status, 200);
    let took = ends(&mut socket).await;
    assert!(took < SOON + ALLOWANCE, "{took:?}");
}

#[tokio::test]
async fn i7_event_stream_closes_with_permission_or_session() {
    let gate = TestGate::start().await;
    gate.upstream.answer("/closed/events", |mut exchange| async move {
        exchange
            .write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n")
            .await?;
        exchange.closed().await;
        Ok(None)
    });
    let (group, user, anna) = chatter(&gate).await;
    let sessions = format!("/api/v1/users/{user}/sessions");
    for cut in ["session", "permission"] {
        let cookie = gate.sign_in("anna@acme.test", PASSWORD).await;
        let mut stream = gate.get("/closed/events").cookie(&cookie).open().await.into_body();
        let first = within("the first event", stream.frame()).await.unwrap().unwrap();
        assert_eq!(first.into_data().unwrap(), "data: 1\n\n");
        let since = if cut == "session" {
            assert!(matches!(gate.admin.delete(&sessions).await.status, 200 | 204));
            Instant::now()
        } else {
            let none = json!({ "permissions": ["portal.access"] });
            let path = format!("/api/v1/groups/{group}");
            assert_eq!(gate.admin.patch(&path, none).await.status, 200);
            Instant::now()
        };
        let end = within("the end of an event stream", stream.frame()).await;
        assert!(!matches!(end, Some(Ok(_))), "{cut}: {end:?}");
        assert!(since.elapsed() < SOON + ALLOWANCE, "{cut}: {:?}", since.elapsed());
    }
    let reply = gate.call(Method::GET, "/closed/events").cookie(&anna).send().await;
    assert_ne!(reply.status, 200);
}

#[tokio::test]
async fn i7_only_websocket_traffic_renews_a_session() {
    let gate = TestGate::builder().setting("session.idle_timeout", "\"3s\"").start().await;
    echo_at(&gate.upstream, "/closed/socket");
    // The portal has something to say all the time.
    gate.upstream.answer("/closed/events", |mut exchange| async move {
        exchange.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n").await?;
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        while exchange.write(b"data: 1\n\n").await.is_ok() {
            ticks.tick().await;
        }
        Ok(None)
    });
    let (_, _, left) = chatter(&gate).await;
    let used = gate.sign_in("anna@acme.test", PASSWORD).await;
    let mut talking = open_by(&gate, "/closed/socket", &used).await.unwrap();
    let mut silent = open_by(&gate, "/closed/socket", &left).await.unwrap();
    let mut events = gate.get("/closed/events").cookie(&left).open().await.into_body();
    let both_end = async {
        let stream = async { while let Some(Ok(_)) = events.frame().await {} };
        tokio::join!(ends(&mut silent), within("the end of an event stream", stream));
    };
    let talk = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(300));
        loop {
            ticks.tick().await;
            says_and_hears(&mut talking, "still here").await;
        }
    };
    tokio::select! {
        () = both_end => {}
        () = talk => unreachable!("it talks for ever"),
    }
    assert_eq!(gate.get("/closed/a").cookie(&left).send().await.status, 401);
    says_and_hears(&mut talking, "one more").await;
    assert_eq!(gate.get("/closed/a").cookie(&used).send().await.status, 200);
    ends(&mut talking).await;
    assert_eq!(gate.get("/closed/a").cookie(&used).send().await.status, 401);
}

/// Either permission opens it; the portal shows more or less by what it is told.
const EITHER: &str = r#"
[[route]]
name = "Chat of some"
methods = ["GET"]
path = "/either/{*rest}"
require = { any = ["chat.start", "invoices.view"] }
websocket = true
"#;

#[tokio::test]
async fn i7_connection_closes_when_identity_headers_change() {
    let gate = TestGate::builder().policy(EITHER).start().await;
    echo_at(&gate.upstream, "/either/socket");
    let (group, user, anna) = chatter(&gate).await;
    let path = format!("/api/v1/groups/{group}");
    let mut socket = open_by(&gate, "/either/socket", &anna).await.unwrap();
    assert_eq!(gate.arrived().one("portcullis-granted"), Some("chat.start,invoices.view"));
    // What the portal was not told of may come and go.
    let more = json!({ "permissions": ["portal.access", "chat.start", "invoices.view", "tickets.create"] });
    assert_eq!(gate.admin.patch(&path, more).await.status, 200);
    stays(&mut socket).await;
    // What is left would open it, and yet it is another answer.
    let fewer = json!({ "permissions": ["portal.access", "chat.start"] });
    assert_eq!(gate.admin.patch(&path, fewer).await.status, 200);
    let took = ends(&mut socket).await;
    assert!(took < SOON + ALLOWANCE, "{took:?}");
    let mut socket = open_by(&gate, "/either/socket", &anna).await.unwrap();
    assert_eq!(gate.arrived().one("portcullis-granted"), Some("chat.start"));
    stays(&mut socket).await;
    // Another group with the same permission is told as another group.
    let other = gate.admin.group("Other chatters", &["portal.access", "chat.start"]).await;
    let moved = json!({ "group": other });
    assert_eq!(gate.admin.patch(&format!("/api/v1/users/{user}"), moved).await.status, 200);
    let took = ends(&mut socket).await;
    assert!(took < SOON + ALLOWANCE, "{took:?}");
    let mut socket = open_by(&gate, "/either/socket", &anna).await.unwrap();
    stays(&mut socket).await;
}

#[tokio::test]
async fn i7_connection_closes_when_a_sent_text_changes() {
    let gate = TestGate::builder()
        .setting("identity.organization_name", "true")
        .setting("identity.name", "true")
        .start()
        .await;
    echo_at(&gate.upstream, "/closed/socket");
    let (group, user, anna) = chatter(&gate).await;
    let user = format!("/api/v1/users/{user}");
    let organization =
        gate.admin.get(&user).await.ok()["organization"].as_str().unwrap().to_owned();
    let organization = format!("/api/v1/organizations/{organization}");
    for (path, change) in [
        (&organization, json!({ "name": "Acme Ltd" })),
        (&user, json!({ "name": "Anna" })),
        (&user, json!({ "name": null })),
    ] {
        let mut socket = open_by(&gate, "/closed/socket", &anna).await.unwrap();
        // The group's name is not sent.
        let renamed = json!({ "name": format!("Talkers {change}") });
        gate.admin.patch(&format!("/api/v1/groups/{group}"), renamed).await.ok();
        stays(&mut socket).await;
        gate.admin.patch(path, change).await.ok();
        let took = ends(&mut socket).await;
        assert!(took < SOON + ALLOWANCE, "{took:?}");
    }
}

#[tokio::test]
async fn i7_long_response_ends_with_permission_or_session() {
    let gate = TestGate::start().await;
    for (path, head) in [
        ("/closed/shouted", "content-type: Text/Event-Stream; Charset=utf-8\r\n"),
        ("/closed/lines", "content-type: application/x-ndjson\r\n"),
        ("/closed/parts", "content-type: multipart/x-mixed-replace; boundary=x\r\n"),
        ("/closed/long", "content-type: application/pdf\r\ncontent-length: 1000000000\r\n"),
        ("/closed/chunks", "transfer-encoding: chunked\r\n"),
    ] {
        // One goes on all the time, one has nothing more to say.
        for goes_on in [true, false] {
            let path = format!("{path}/{goes_on}");
            gate.upstream.answer(&path, move |mut exchange| async move {
                let head = format!("HTTP/1.1 200 OK\r\n{head}\r\n4\r\nwell\r\n");
                exchange.write(head.as_bytes()).await?;
                let mut ticks = tokio::time::interval(Duration::from_millis(20));
                while goes_on && exchange.write(b"4\r\nwell\r\n").await.is_ok() {
                    ticks.tick().await;
                }
                exchange.closed().await;
                Ok(None)
            });
        }
    }
    let (group, user, _) = chatter(&gate).await;
    let paths = ["shouted", "lines", "parts", "long", "chunks"]
        .iter()
        .flat_map(|name| [true, false].map(|goes_on| format!("/closed/{name}/{goes_on}")));
    let paths: Vec<String> = paths.collect();
    for cut in ["session", "permission"] {
        let cookie = gate.sign_in("anna@acme.test", PASSWORD).await;
        let mut answers = Vec::new();
        for path in &paths {
            let mut answer = gate.get(path).cookie(&cookie).open().await.into_body();
            let first = within("the first piece", answer.frame()).await;
            assert!(matches!(first, Some(Ok(_))), "{path}: {first:?}");
            answers.push((path, answer));
        }
        let ended = if cut == "session" {
            gate.admin.delete(&format!("/api/v1/users/{user}/sessions")).await
        } else {
            let none = json!({ "permissions": ["portal.access"] });
            gate.admin.patch(&format!("/api/v1/groups/{group}"), none).await
        };
        assert!(matches!(ended.status, 200 | 204), "{ended:?}");
        let since = Instant::now();
        let ends = answers.into_iter().map(|(path, mut answer)| async move {
            let end = async {
                loop {
                    match answer.frame().await {
                        Some(Ok(_)) => {}
                        end => return end.is_some(),
                    }
                }
            };
            assert!(within("the end of a long answer", end).await, "{path} looks whole: {cut}");
        });
        futures_util::future::join_all(ends).await;
        assert!(since.elapsed() < 2 * SOON + ALLOWANCE, "{cut}: {:?}", since.elapsed());
    }
}

#[tokio::test]
async fn long_response_that_stays_allowed_completes() {
    let gate = TestGate::start().await;
    gate.upstream.answer("/closed/long", |mut exchange| async move {
        exchange.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n").await?;
        let mut ticks = tokio::time::interval(Duration::from_millis(150));
        for _ in 0..10 {
            ticks.tick().await;
            exchange.write(&[7; 100_000]).await?;
        }
        Ok(Some(exchange))
    });
    let (_, _, anna) = chatter(&gate).await;
    let reply = gate.get("/closed/long").cookie(&anna).send().await;
    assert_eq!((reply.status, reply.body.len()), (200, 1_000_000));
}
