//! The PROXY protocol: required from load balancers, refused from elsewhere, on each listener.

use std::net::SocketAddr;

use portcullis_grpc_api::tonic::Code;
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::gate::TestGate;
use crate::support::grpc::{Proxy, question};
use crate::support::wire::Wire;

const REQUEST: &str = "GET /open/a HTTP/1.1\r\nhost: portal.test\r\nconnection: close\r\n\r\n";
/// Another address than that of the other clients.
const BALANCER: &str = "127.0.0.2";
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

/// A connection of [`BALANCER`] that begins with these bytes.
async fn beginning(address: SocketAddr, start: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{BALANCER}:0").parse().unwrap()).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    stream.write_all(start.as_bytes()).await.unwrap();
    stream
}

/// What is answered there to bytes after these, to the end of the connection.
async fn answer(address: SocketAddr, start: &str, request: &str) -> String {
    let stream = beginning(address, start).await;
    let mut wire = Wire(BufReader::new(Box::new(stream)));
    let _ = wire.try_send(request).await;
    String::from_utf8(wire.rest().await).unwrap()
}

#[tokio::test]
async fn header_comes_before_a_tls_handshake() {
    let builder = TestGate::builder().tls().setting("server.proxy_protocol", "[\"127.0.0.2\"]");
    let gate = builder.start().await;
    for (target, protocols) in [("/open/one", &[][..]), ("/open/alpn", &[&b"http/1.1"[..]])] {
        let stream = beginning(gate.address, VERSION_1).await;
        let mut wire = Wire(BufReader::new(gate.secured(stream, protocols).await));
        wire.send(REQUEST.replace("/open/a", target)).await;
        assert_eq!(wire.reply().await.status, 200);
        assert_eq!(gate.decided(target).await["client"], "192.0.2.7");
        assert_eq!(gate.arrived().head.one("x-forwarded-proto"), Some("https"));
    }
    // A handshake without a header before it, as far as it is read.
    let refused = answer(gate.address, "\x16\x03\x01", REQUEST).await;
    assert_eq!(refused, "");
    gate.logged("a header of the PROXY protocol is required (server.proxy_protocol)").await;
}

#[tokio::test]
async fn redirects_take_the_header_of_portal_traffic() {
    let gate = TestGate::builder()
        .tls()
        .setting("server.redirect_listen", r#"["127.0.0.1:0"]"#)
        .setting("server.proxy_protocol", "[\"127.0.0.2\"]")
        .start()
        .await;
    let address = gate.redirect_address().await;
    let redirected = answer(address, VERSION_1, REQUEST).await;
    assert!(redirected.starts_with("HTTP/1.1 308 "), "{redirected}");
    assert_eq!(answer(address, "", REQUEST).await, "");
}

#[tokio::test]
async fn admin_listener_has_balancers_of_its_own() {
    let request = "GET /api/v1/groups HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
                   authorization: Bearer unknown\r\n\r\n";
    let builder = TestGate::builder().setting("admin.proxy_protocol", "[\"127.0.0.2\"]");
    let gate = builder.start().await;
    let refused = answer(gate.admin_address, VERSION_1, request).await;
    assert!(refused.starts_with("HTTP/1.1 401 "), "{refused}");
    gate.logged("\"client\":\"192.0.2.7\"").await;
    assert_eq!(answer(gate.admin_address, "", request).await, "");
    gate.logged("a header of the PROXY protocol is required (admin.proxy_protocol)").await;
    // Portal traffic and the admin socket go on without one.
    assert_eq!(gate.get("/open/a").send().await.status, 200);
    assert_eq!(gate.admin.get("/healthz").await.status, 200);
    // Without the setting, the header is not read.
    let other =
        TestGate::builder().setting("server.proxy_protocol", "[\"10.0.0.1\"]").start().await;
    let refused = answer(other.admin_address, VERSION_1, request).await;
    assert!(refused.is_empty() || refused.starts_with("HTTP/1.1 400 "), "{refused}");
}

#[tokio::test]
async fn grpc_proxy_is_the_one_that_the_balancer_names() {
    let gate = TestGate::builder()
        .setting("forward_auth.enabled", "true")
        .setting("forward_auth.grpc_listen", "\"127.0.0.1:0\"")
        .setting("forward_auth.grpc_proxy_protocol", "[\"127.0.0.2\"]")
        .setting("server.trusted_proxies", r#"["192.0.2.7"]"#)
        .start()
        .await;
    let address = gate.grpc_address.unwrap();
    let stream = beginning(address, VERSION_1).await;
    let proxy = Proxy::over(stream).await.unwrap();
    let allowed = proxy.check(question("GET", "/open/a", "")).await.unwrap();
    assert_eq!(allowed.status.unwrap().code, i32::from(Code::Ok));
    for start in [VERSION_1.replace("192.0.2.7", "192.0.2.8"), String::new()] {
        let stream = beginning(address, &start).await;
        let refused = match Proxy::over(stream).await {
            Ok(proxy) => proxy.check(question("GET", "/open/a", "")).await.is_err(),
            Err(_) => true,
        };
        assert!(refused, "{start}");
    }
    gate.logged("untrusted-proxy").await;
    gate.logged("is required (forward_auth.grpc_proxy_protocol)").await;
}
