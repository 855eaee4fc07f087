//! SIGTERM: what is in flight is finished, and nothing is waited for that is not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::support::client::{Reply, within};
use crate::support::gate::TestGate;

/// A gateway whose portal answers `/open/slow` when it is told to.
async fn slow_gate(grace: &str) -> (TestGate, Arc<Notify>) {
    let gate = TestGate::builder().setting("server.shutdown_grace", grace).start().await;
    let first = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfirst";
    let go_on = gate.upstream.answer_in_parts("/open/slow", first, "-last");
    (gate, go_on)
}

#[tokio::test]
async fn shutdown_is_immediate_when_idle() {
    let gate = TestGate::builder().setting("server.shutdown_grace", "\"60s\"").start().await;
    // An idle connection of each kind is nothing in flight.
    let mut idle = gate.connection().await;
    assert_eq!(idle.send(gate.get("/open/a")).await.status, 200);
    let http2 = gate.http2().await;
    assert_eq!(http2.send(gate.get("/open/a")).await.status, 200);
    let _silent = gate.wire().await;
    // Neither is a head that is not complete, nor a greeting.
    let (mut head, mut greeting) = (gate.wire().await, gate.wire().await);
    head.send("GET /open/a HTTP/1.1\r\nhost: por").await;
    greeting.send("PRI * HTTP").await;
    let mut operator = TcpStream::connect(gate.admin_address).await.unwrap();
    operator.write_all(b"GET /healthz HTTP/1.1\r\nho").await.unwrap();
    let since = Instant::now();
    gate.terminate();
    assert!(gate.exited().await.success());
    assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
}

#[tokio::test]
async fn shutdown_finishes_requests_in_flight() {
    let (gate, go_on) = slow_gate("\"60s\"").await;
    let response = gate.get("/open/slow").open().await;
    gate.terminate();
    gate.logged("stopping").await;
    // No new ones are taken while the old is finished.
    let refused = TcpStream::connect(gate.address).await;
    if let Ok(stream) = refused {
        let mut wire = crate::support::wire::Wire(tokio::io::BufReader::new(Box::new(stream)));
        let _ = wire.try_send("GET /open/a HTTP/1.1\r\nhost: portal.test\r\n\r\n").await;
        assert!(wire.rest().await.is_empty());
    }
    let since = Instant::now();
    go_on.notify_one();
    assert_eq!(Reply::read(response).await.unwrap().text(), "first-last");
    assert!(gate.exited().await.success());
    assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
    assert_eq!(gate.upstream.seen().len(), 1);
}

#[tokio::test]
async fn shutdown_finishes_http2_streams_and_tls() {
    for builder in [TestGate::builder(), TestGate::builder().tls()] {
        let gate = builder.setting("server.shutdown_grace", "\"60s\"").start().await;
        let go_on = Arc::new(Notify::new());
        let told = Arc::clone(&go_on);
        gate.upstream.answer("/open/slow", move |exchange| {
            let told = Arc::clone(&told);
            async move {
                told.notified().await;
                exchange.reply("finished").await
            }
        });
        let http2 = gate.http2().await;
        let request = http2.request(gate.host(), gate.get("/open/slow"));
        let reply = tokio::spawn(async move { http2.exchange(request).await });
        within("the request", gate.upstream.arrived("/open/slow")).await;
        gate.terminate();
        gate.logged("stopping").await;
        let since = Instant::now();
        go_on.notify_one();
        assert_eq!(reply.await.unwrap().unwrap().text(), "finished");
        assert!(gate.exited().await.success());
        assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
    }
}

#[tokio::test]
async fn shutdown_ends_a_tls_listener() {
    // What it got wrong, it got wrong one time in five.
    for _ in 0..12 {
        let gate = TestGate::builder().tls().start().await;
        assert_eq!(gate.get("/open/a").send().await.status, 200);
        let since = Instant::now();
        gate.terminate();
        assert!(gate.exited().await.success());
        assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
    }
}

#[tokio::test]
async fn shutdown_cuts_off_after_the_grace_period() {
    let (gate, _never) = slow_gate("\"700ms\"").await;
    let response = gate.get("/open/slow").open().await;
    let since = Instant::now();
    gate.terminate();
    assert!(Reply::read(response).await.is_err(), "half an answer is not a whole one");
    gate.exited().await;
    let took = since.elapsed();
    assert!(took >= Duration::from_millis(700), "{took:?}");
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[tokio::test]
async fn shutdown_has_one_deadline_for_requests_and_mail() {
    // Takes the connection of a mail and never answers.
    let mail_server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = mail_server.local_addr().unwrap().port();
    let gate = TestGate::builder()
        .setting("server.shutdown_grace", "\"3s\"")
        .setting("mail.transport", "\"smtp\"")
        .setting("mail.from", "\"portal@example.test\"")
        .setting("mail.smtp.host", "\"127.0.0.1\"")
        .setting("mail.smtp.port", &port.to_string())
        .setting("mail.smtp.security", "\"none\"")
        .start()
        .await;
    let first = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfirst";
    let _never = gate.upstream.answer_in_parts("/open/slow", first, "-last");
    let organization = gate.admin.organization("Acme").await;
    let invited = json!({ "organization": organization, "login": "a@acme.test", "invite": true });
    gate.admin.post("/api/v1/users", invited).await.created();
    let _mail = within("a mail", mail_server.accept()).await.unwrap();
    let _response = gate.get("/open/slow").open().await;
    let since = Instant::now();
    gate.terminate();
    gate.exited().await;
    let took = since.elapsed();
    assert!(took >= Duration::from_secs(3), "{took:?}");
    assert!(took < Duration::from_millis(5500), "{took:?}");
    gate.logged("closed connections that did not finish in time").await;
    gate.logged("stopped while an email was being sent").await;
}

#[tokio::test]
async fn shutdown_writes_the_last_decision_records() {
    let gate = TestGate::start().await;
    assert_eq!(gate.get("/open/last-one").send().await.status, 200);
    gate.terminate();
    gate.exited().await;
    gate.decided("/open/last-one").await;
}
