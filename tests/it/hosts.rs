//! The host: exactly one, valid, and ours; anything else is 400 or 421.

use http::Method;

use crate::gate::TestGate;

fn head(lines: &str) -> String {
    format!("GET /open/a HTTP/1.1\r\n{lines}\r\n")
}

#[tokio::test]
async fn a_request_without_exactly_one_valid_host_is_refused() {
    let gate = TestGate::start().await;
    for lines in [
        "",
        "host: portal.test\r\nhost: portal.test\r\n",
        "host: portal.test\r\nhost: other.test\r\n",
        "host: other.test\r\nHOST: portal.test\r\n",
        "host:\r\n",
        "host: \r\n",
        "host: portal.test:\r\n",
        "host: portal.test:0\r\n",
        "host: portal.test:99999\r\n",
        "host: portal.test:80x\r\n",
        "host: portal.test:80:80\r\n",
        "host: :80\r\n",
        "host: portal.test.\r\n",
        "host: portal.test.:80\r\n",
        "host: portal..test\r\n",
        "host: .portal.test\r\n",
        "host: -portal.test\r\n",
        "host: user@portal.test\r\n",
        "host: portal.test@other.test\r\n",
        "host: portal.test,other.test\r\n",
        "host: portal.test, portal.test\r\n",
        "host: portal test\r\n",
        "host: portal.test/closed\r\n",
        "host: portal.test?a\r\n",
        "host: portal.test#a\r\n",
        "host: portal.test\\a\r\n",
        "host: http://portal.test\r\n",
        "host: [::1\r\n",
        "host: [::1]x\r\n",
        "host: ::1\r\n",
        "host: 127.1\r\n",
        "host: 0x7f.0.0.1\r\n",
        "host: portal%2etest\r\n",
        "host: p\u{f6}rtal.test\r\n",
        "host: portal.test\x01\r\n",
    ] {
        let reply = gate.raw(head(lines)).await;
        assert_eq!(reply.status, 400, "{lines:?}: {}", reply.text());
        gate.nothing_arrived(lines).await;
    }
}

#[tokio::test]
async fn a_host_that_is_not_ours_is_misdirected() {
    let gate = TestGate::builder().setting("server.hosts", r#"["second.test"]"#).start().await;
    for host in
        ["other.test", "localhost", "127.0.0.1", "[::1]", "portal.test.other.test", "xportal.test"]
    {
        let reply = gate.get("/open/a").header("host", host).send().await;
        assert_eq!(reply.status, 421, "{host}");
        gate.nothing_arrived(host).await;
        let reply = gate.get("/.portcullis/sign-in").header("host", host).send().await;
        assert_eq!(reply.status, 421, "our own pages are ours under our name only: {host}");
    }
    for host in ["portal.test", "PORTAL.Test", "portal.test:8080", "second.test", "SECOND.test:1"] {
        let reply = gate.get("/open/a").header("host", host).send().await;
        assert_eq!(reply.status, 200, "{host}");
        assert_eq!(
            gate.arrived().one("host"),
            Some(host),
            "the portal is told the host as it came"
        );
    }
}

#[tokio::test]
async fn an_old_client_must_name_the_host_too() {
    let gate = TestGate::start().await;
    let reply = gate.raw("GET /open/a HTTP/1.0\r\n\r\n").await;
    assert_eq!(reply.status, 400);
    gate.nothing_arrived("HTTP/1.0 without a host").await;
    let reply = gate.raw("GET /open/a HTTP/1.0\r\nhost: other.test\r\n\r\n").await;
    assert_eq!(reply.status, 421);
    gate.nothing_arrived("HTTP/1.0 with another host").await;
    let reply = gate.raw("GET /open/a HTTP/1.0\r\nhost: portal.test\r\n\r\n").await;
    assert_eq!(reply.status, 200);
    gate.arrived();
}

#[tokio::test]
async fn http2_authority_is_the_host_and_nothing_may_differ() {
    let gate = TestGate::start().await;
    let http2 = gate.http2().await;
    for authority in ["portal.test", "PORTAL.test", "portal.test:8080"] {
        let reply = http2.send_to(authority, gate.get("/open/a")).await.unwrap();
        assert_eq!(reply.status, 200, "{authority}");
        let host = gate.arrived().one("host").unwrap().to_owned();
        assert!(host.eq_ignore_ascii_case(authority), "{host} for {authority}");
    }
    let same = gate.get("/open/a").header("host", "portal.test");
    assert_eq!(http2.send_to("portal.test", same).await.unwrap().status, 200);
    gate.arrived();

    // A refused stream may take its connection along: each has its own.
    let reply = gate.http2().await.send_to("other.test", gate.get("/open/a")).await.unwrap();
    assert_eq!(reply.status, 421);
    gate.nothing_arrived("another authority").await;
    for (authority, host) in [
        ("portal.test", "other.test"),
        ("other.test", "portal.test"),
        ("portal.test", "portal.test:8080"),
        ("portal.test:8080", "portal.test"),
        ("portal.test", ""),
        ("user@portal.test", "portal.test"),
        ("portal.test.", "portal.test"),
    ] {
        let call = gate.get("/open/a").header("host", host);
        match gate.http2().await.send_to(authority, call).await {
            // A host that is not ours may be told apart before the contradiction is.
            Ok(reply) if host == "other.test" => assert!(matches!(reply.status, 400 | 421)),
            Ok(reply) => assert_eq!(reply.status, 400, "{authority} and {host}"),
            Err(error) => assert!(!error.is_incomplete_message(), "{authority}: {error}"),
        }
        gate.nothing_arrived(&format!("{authority} and {host:?}")).await;
    }
    let twice = gate.get("/open/a").header("host", "portal.test").header("host", "portal.test");
    if let Ok(reply) = gate.http2().await.send_to("portal.test", twice).await {
        assert_eq!(reply.status, 400);
    }
    gate.nothing_arrived("two hosts over HTTP/2").await;
}

#[tokio::test]
async fn no_other_field_names_the_host() {
    let gate =
        TestGate::builder().setting("server.trusted_proxies", r#"["127.0.0.0/8"]"#).start().await;
    for field in
        ["x-forwarded-host", "x-host", "x-original-host", "forwarded", "x-forwarded-server"]
    {
        let reply = gate
            .call(Method::GET, "/open/a")
            .header("host", "other.test")
            .header(field, "portal.test")
            .send()
            .await;
        assert_eq!(reply.status, 421, "{field}");
        gate.nothing_arrived(field).await;
    }
}
