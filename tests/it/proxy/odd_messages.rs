//! Messages that are odd but harmless pass, and those that are refused can be diagnosed.

use serde_json::json;

use crate::support::gate::TestGate;
use crate::support::wire::status;

#[tokio::test]
async fn portal_address_in_redirects_becomes_public() {
    let gate = TestGate::start().await;
    let server = gate.upstream.address;
    for (number, (location, expected)) in [
        (format!("http://{server}/open/b?c=d"), format!("{}/open/b?c=d", gate.origin())),
        (format!("//{server}/"), format!("{}/", gate.origin())),
        (format!("http://{server}.test/"), format!("http://{server}.test/")),
        ("https://other.test/a".to_owned(), "https://other.test/a".to_owned()),
        ("/open/b".to_owned(), "/open/b".to_owned()),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/open/{number}");
        gate.upstream.answer_bytes(
            &path,
            format!(
                "HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-location: {location}\r\n\
                 content-length: 0\r\n\r\n"
            ),
        );
        let reply = gate.get(&path).send().await;
        assert_eq!(reply.header("location"), Some(&*expected));
        assert_eq!(reply.header("content-location"), Some(&*expected));
    }
}

#[tokio::test]
async fn bad_request_is_recorded_with_its_target() {
    let gate = TestGate::start().await;
    let long = format!("/open/../{}", "a".repeat(400));
    for (target, reason, recorded) in [
        ("/open/../a?token=secret", "dot-segment", "/open/../a"),
        ("/open/caf\u{e9}/%zz", "bad-escape", "/open/caf%C3%A9/%zz"),
        ("/x/../.portcullis/link/secret", "dot-segment", "/.portcullis/"),
        (&long, "dot-segment", &format!("{}…", &long[..256])),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nhost: portal.test\r\n\r\n");
        assert_eq!(gate.raw(request).await.status, 400, "{target}");
        let record = gate.recorded("target", recorded).await;
        assert_eq!(record["reason"], reason, "{record}");
        assert!(record.get("path").is_none(), "{record}");
    }
    // A path that was read as it came needs no second field; one of another spelling has both.
    gate.get("/open/a?b=c").send().await;
    assert_eq!(gate.decided("/open/a").await.get("target"), None);
    gate.get("/open/%62").send().await;
    assert_eq!(gate.decided("/open/b").await["target"], "/open/%62");
}

#[tokio::test]
async fn unreadable_head_is_recorded() {
    let gate = TestGate::builder().setting("server.limits.header_bytes", "16384").start().await;
    let large = format!("GET /open/large HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(20_000));
    for (head, expected, reason, method, target) in [
        (
            "GET /open/q?a=\"b\"&token=secret HTTP/1.1\r\nhost: portal.test\r\n\r\n",
            400,
            "unreadable-head",
            "GET",
            "/open/q",
        ),
        (
            "POST /open/<b>?token=secret HTTP/1.1\r\nhost: portal.test\r\n\r\n",
            400,
            "unreadable-head",
            "POST",
            "/open/<b>",
        ),
        (
            "GET /open/field HTTP/1.1\r\nbad field\r\n\r\n",
            400,
            "unreadable-head",
            "GET",
            "/open/field",
        ),
        (&large, 431, "head-too-large", "GET", "/open/large"),
    ] {
        let mut wire = gate.wire().await;
        wire.send(head).await;
        assert_eq!(status(&wire.head().await), expected, "{head:.40}");
        let record = gate.recorded("target", target).await;
        assert_eq!((&record["method"], &record["reason"]), (&json!(method), &json!(reason)));
        assert_eq!(record["decision"], "bad-request");
        assert!(!record.to_string().contains("secret"), "{record}");
    }
}

#[tokio::test]
async fn unknown_expectation_is_417() {
    let gate = TestGate::start().await;
    for expect in ["y 100-continue", "100-continue, x", "200-ok"] {
        let reply = gate
            .raw(format!(
                "POST /open/a HTTP/1.1\r\nhost: portal.test\r\nexpect: {expect}\r\n\
                 content-length: 5\r\n\r\nhello"
            ))
            .await;
        assert_eq!(reply.status, 417, "{expect:?}");
        assert!(reply.text().contains("expectation-failed"), "{}", reply.text());
        gate.nothing_arrived(expect).await;
    }
    let mut wire = gate.wire().await;
    wire.send(
        "POST /open/a HTTP/1.1\r\nhost: portal.test\r\nexpect: 100-Continue\r\n\
         content-length: 5\r\n\r\n",
    )
    .await;
    assert_eq!(wire.reply().await.status, 100);
    wire.send("hello").await;
    assert_eq!(wire.reply().await.status, 200);
}

#[tokio::test]
async fn odd_responses_of_old_portals_pass() {
    let gate = TestGate::start().await;
    let many = "x-many: 1\r\n".repeat(300);
    for (number, head) in [
        "HTTP/1.1  200  OK\r\nx-a: b\r\n",
        "HTTP/1.1 200 OK\r\nx-a: b\r\nx-folded: one\r\n two\r\n\tthree\r\n",
        "HTTP/1.1 200 OK\r\nx-a : b\r\nx[0]: y\r\n(x): y\r\n",
        &format!("HTTP/1.1 200 OK\r\nx-a: b\r\n{many}"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/open/{number}");
        gate.upstream.answer_bytes(&path, format!("{head}content-length: 2\r\n\r\nok"));
        let reply = gate.raw(format!("GET {path} HTTP/1.1\r\nhost: portal.test\r\n\r\n")).await;
        assert_eq!((reply.status, &*reply.text()), (200, "ok"), "{head:.60}");
        assert_eq!(reply.head.one("x-a"), Some("b"), "{head:.60}");
        match number {
            1 => assert_eq!(reply.head.one("x-folded"), Some("one two three")),
            3 => assert_eq!(reply.head.all("x-many").len(), 300),
            _ => {}
        }
    }
    gate.logged("x[0]").await;
}

#[tokio::test]
async fn invalid_response_field_is_named_in_the_log() {
    let gate = TestGate::start().await;
    for (number, field) in
        ["Content-Length : 5", "Transfer-Encoding[0]: chunked", "no colon"].into_iter().enumerate()
    {
        let path = format!("/open/{number}");
        gate.upstream.answer_bytes(&path, format!("HTTP/1.1 200 OK\r\n{field}\r\n\r\nhello"));
        assert_eq!(gate.get(&path).send().await.status, 502, "{field}");
        let name = field.split(':').next().unwrap();
        gate.logged(&format!("header `{name}`")).await;
    }
}

#[tokio::test]
async fn response_with_unannounced_trailers_completes() {
    let gate = TestGate::start().await;
    for (number, (te, announced, passes)) in [
        ("te: trailers\r\n", "trailer: x-sum\r\n", true),
        ("te: trailers\r\n", "", false),
        ("te: trailers\r\n", "trailer: x-other\r\n", false),
        ("", "trailer: x-sum\r\n", false),
        ("", "", false),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/open/{number}");
        gate.upstream.answer_bytes(
            &path,
            format!(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n{announced}\r\n\
                 5\r\nworld\r\n0\r\nX-Sum: 7\r\n\r\n"
            ),
        );
        let mut wire = gate.wire().await;
        wire.send(format!("GET {path} HTTP/1.1\r\nhost: portal.test\r\n{te}\r\n")).await;
        let reply = wire.reply().await;
        assert_eq!(reply.text(), "world", "{te}{announced}");
        assert_eq!(!reply.body.trailers.is_empty(), passes, "{te}{announced}");
        // The connection goes on.
        wire.send("GET /open/a HTTP/1.1\r\nhost: portal.test\r\n\r\n").await;
        assert_eq!(wire.reply().await.status, 200, "{te}{announced}");
        let http2 = gate.http2().await.send(gate.get(&path)).await;
        assert_eq!(http2.trailers.unwrap()["x-sum"], "7", "all of them over HTTP/2");
    }
}

#[tokio::test]
async fn http2_many_cookie_fields_become_one() {
    let gate = TestGate::start().await;
    let mut call = gate.get("/open/a");
    for number in 0..150 {
        call = call.header("cookie", format!("c{number}=1"));
    }
    assert_eq!(gate.http2().await.send(call).await.status, 200);
    let seen = gate.arrived();
    assert_eq!(seen.one("cookie").unwrap().split("; ").count(), 150);
    // Other fields still count, and so do cookies over HTTP/1.1, where one line is all there may be.
    let mut call = gate.get("/open/a");
    for number in 0..101 {
        call = call.header("x-a", format!("{number}")).header("cookie", "a=1");
    }
    assert_eq!(gate.http2().await.send(call).await.status, 431);
}
