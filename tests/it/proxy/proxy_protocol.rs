//! The PROXY protocol: required from load balancers, refused from elsewhere.

use crate::support::gate::TestGate;

const REQUEST: &str = "GET /open/a HTTP/1.1\r\nhost: portal.test\r\nconnection: close\r\n\r\n";
const VERSION_1: &str = "PROXY TCP4 192.0.2.7 10.0.0.1 51234 443\r\n";

async fn gate(balancers: &str) -> TestGate {
    TestGate::builder().setting("server.proxy_protocol", balancers).start().await
}

/// A header of version 2 for a client over IPv6.
fn version_2(client: &str) -> Vec<u8> {
    let client: std::net::Ipv6Addr = client.parse().unwrap();
    let start = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\x00\x24";
    [&start[..], &client.octets(), &[0; 16], &[200, 1, 1, 187]].concat()
}

#[tokio::test]
async fn client_is_the_one_that_the_balancer_names() {
    let gate = gate("[\"127.0.0.0/8\"]").await;
    for (header, target, expected) in [
        (VERSION_1.as_bytes().to_vec(), "/open/four", "192.0.2.7"),
        (version_2("2001:db8::7"), "/open/six", "2001:db8::7"),
        (b"PROXY UNKNOWN\r\n".to_vec(), "/open/unknown", "127.0.0.1"),
    ] {
        let mut wire = gate.wire().await;
        let request = REQUEST.replace("/open/a", target);
        wire.send([&header, request.as_bytes()].concat()).await;
        assert_eq!(wire.reply().await.status, 200, "{target}");
        assert_eq!(gate.decided(target).await["client"], expected, "{target}");
        let sent = gate.arrived();
        assert_eq!(sent.head.one("x-forwarded-for"), Some(expected), "{target}");
    }
}

#[tokio::test]
async fn balancer_without_a_valid_header_is_refused() {
    let gate = gate("[\"127.0.0.1\"]").await;
    for start in ["", "PROXY TCP4 192.0.2.7\r\n", "PROXY TCP4 192.0.2.7 10.0.0.1 1 99999\r\n"] {
        let mut wire = gate.wire().await;
        let _ = wire.try_send(format!("{start}{REQUEST}")).await;
        assert!(wire.rest().await.is_empty(), "{start}");
    }
    gate.logged_times("a header of the PROXY protocol is required", 3).await;
    assert!(gate.upstream.seen().is_empty());
}

#[tokio::test]
async fn header_from_elsewhere_is_refused() {
    for balancers in ["[]", "[\"10.0.0.0/8\"]"] {
        let gate = gate(balancers).await;
        for header in [VERSION_1.as_bytes().to_vec(), version_2("2001:db8::7")] {
            let mut wire = gate.wire().await;
            wire.send([&header, REQUEST.as_bytes()].concat()).await;
            let answer = String::from_utf8(wire.rest().await).unwrap();
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
        }
        gate.nothing_arrived("a request behind a header").await;
    }
}
