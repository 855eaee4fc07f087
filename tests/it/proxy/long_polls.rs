//! Invariant I7 for requests whose answer has not begun: a long poll, or a portal that takes its
//! time.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::Frame;
use http_body_util::StreamBody;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::json;

use crate::support::admin::PASSWORD;
use crate::support::client::{Cookie, within};
use crate::support::gate::TestGate;

/// What I7 promises, and what it takes to see it on a busy machine.
const SOON: Duration = Duration::from_millis(1000 + 700);

/// Either permission opens it; the portal is told which.
const ROUTES: &str = r#"
[[route]]
name = "Polls"
path = "/polls/{*rest}"
require = { any = ["chat.start", "invoices.view"] }
"#;

struct Anna {
    user: String,
    group: String,
    cookie: Cookie,
}

async fn anna(gate: &TestGate) -> Anna {
    let granted = ["portal.access", "chat.start", "invoices.view"];
    let group = gate.admin.group("Pollers", &granted).await;
    let organization = gate.admin.organization("Acme").await;
    let user = gate.admin.user(&organization, "anna@acme.test", &group).await;
    let cookie = gate.sign_in("anna@acme.test", PASSWORD).await;
    Anna { user, group, cookie }
}

/// The portal never answers here.
fn never_answers(gate: &TestGate, path: &str) {
    gate.upstream.answer(path, |mut exchange| async move {
        exchange.closed().await;
        Ok(None)
    });
}

#[tokio::test]
async fn i7_waiting_request_is_denied_when_permission_is_lost() {
    let gate = TestGate::builder().policy(ROUTES).start().await;
    let Anna { user, group: group_id, .. } = anna(&gate).await;
    let (user, group) = (format!("/api/v1/users/{user}"), format!("/api/v1/groups/{group_id}"));
    for (way, status, reason) in [
        ("session", 401, "sign-in-required"),
        ("permission", 403, "missing-permission"),
        ("changed", 403, "access-changed"),
        ("group", 403, "no-portal-access"),
        ("account", 403, "account-disabled"),
        ("disabled", 302, ""),
    ] {
        let cookie = gate.sign_in("anna@acme.test", PASSWORD).await;
        let paths = [format!("/polls/1-{way}"), format!("/polls/2-{way}")];
        for path in &paths {
            never_answers(&gate, path);
        }
        let polls = async {
            let http2 = gate.http2().await;
            let over_http2 = http2.send(gate.get(&paths[1]).cookie(&cookie));
            tokio::join!(gate.get(&paths[0]).cookie(&cookie).send(), over_http2)
        };
        let revoke = async {
            for path in &paths {
                within("the poll", gate.upstream.arrived(path)).await;
            }
            let granting = |ids: &[&str]| json!({ "permissions": ids });
            let (path, change, before) = match way {
                "session" => (format!("{user}/sessions"), None, None),
                "permission" => {
                    let all = granting(&["portal.access", "chat.start", "invoices.view"]);
                    (group.clone(), Some(granting(&["portal.access"])), Some(all))
                }
                "changed" => {
                    (group.clone(), Some(granting(&["portal.access", "chat.start"])), None)
                }
                "account" => {
                    let disabled = |on: bool| json!({ "disabled": on });
                    (user.clone(), Some(disabled(true)), Some(disabled(false)))
                }
                "group" => {
                    let back = json!({ "group": group_id });
                    (user.clone(), Some(json!({ "group": "no-access" })), Some(back))
                }
                _ => {
                    let closed = json!({ "disabled_redirect_url": "https://elsewhere.test/" });
                    ("/api/v1/preferences".to_owned(), Some(closed), None)
                }
            };
            let reply = match change {
                Some(change) => gate.admin.patch(&path, change).await,
                None => gate.admin.delete(&path).await,
            };
            assert!(matches!(reply.status, 200 | 204), "{way}: {reply:?}");
            (Instant::now(), path, before)
        };
        let (replies, (since, path, before)) = tokio::join!(polls, revoke);
        assert!(since.elapsed() < SOON, "{way}: {:?}", since.elapsed());
        for reply in [replies.0, replies.1] {
            assert_eq!(reply.status, status, "{way}: {reply:?}");
            if !reason.is_empty() {
                assert_eq!(reply.problem()["reason"], reason, "{way}");
            }
        }
        if let Some(before) = before {
            assert_eq!(gate.admin.patch(&path, before).await.status, 200);
        }
    }
}

#[tokio::test]
async fn i7_waiting_request_that_stays_allowed_is_answered() {
    let gate = TestGate::builder().policy(ROUTES).start().await;
    gate.upstream.answer("/polls/slow", |exchange| async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(500));
        for _ in 0..4 {
            ticks.tick().await;
        }
        exchange.reply("at last").await
    });
    let Anna { cookie, .. } = anna(&gate).await;
    let reply = gate.get("/polls/slow").cookie(&cookie).send().await;
    assert_eq!((reply.status, reply.text()), (200, "at last"));
}

#[tokio::test]
async fn i7_uploading_renews_a_session_and_waiting_does_not() {
    let gate =
        TestGate::builder().policy(ROUTES).setting("session.idle_timeout", "\"2s\"").start().await;
    never_answers(&gate, "/polls/idle");
    let Anna { cookie: waits, .. } = anna(&gate).await;
    let uploads = gate.sign_in("anna@acme.test", PASSWORD).await;
    let poll = async {
        let reply = gate.get("/polls/idle").cookie(&waits).send().await;
        assert_eq!((reply.status, &reply.problem()["reason"]), (401, &json!("sign-in-required")));
    };
    let upload = async {
        let ticks = tokio::time::interval(Duration::from_millis(250));
        let pieces = futures_util::stream::unfold((0, ticks), |(count, mut ticks)| async move {
            ticks.tick().await;
            let piece = Ok::<_, std::convert::Infallible>(Frame::data(Bytes::from_static(b"x")));
            (count < 20).then_some((piece, (count + 1, ticks)))
        });
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(gate.stream(&[b"http/1.1"]).await)).await.unwrap();
        tokio::spawn(connection);
        let request = http::Request::post("/polls/upload")
            .header("host", gate.host())
            .header("cookie", &uploads.0)
            .body(StreamBody::new(Box::pin(pieces)))
            .unwrap();
        within("an answer", sender.send_request(request)).await.unwrap().status()
    };
    let ((), uploaded) = tokio::join!(poll, upload);
    assert_eq!(uploaded, 200);
}
