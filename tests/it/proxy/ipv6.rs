//! IPv6: every listener, and every server that the gateway connects to.

use std::net::{Ipv6Addr, SocketAddr};

use portcullis_grpc_api::tonic::Code;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

use crate::support::client::within;
use crate::support::gate::TestGate;
use crate::support::grpc::{Proxy, question};
use crate::support::upstream::Upstream;
use crate::support::wire::Wire;

#[tokio::test]
async fn ipv6_is_served_and_forwarded() {
    let portal = Upstream::listen("[::1]:0".parse().unwrap()).await;
    let gate = TestGate::builder()
        .setting("server.listen", r#"["[::1]:0"]"#)
        .setting("admin.listen", r#""[::1]:0""#)
        .setting("upstream.servers", &format!("[\"http://{}\"]", portal.address))
        .start()
        .await;
    assert!(gate.address.is_ipv6() && gate.admin_address.is_ipv6());
    assert_eq!(gate.get("/open/a").send().await.status, 200);
    assert_eq!(gate.decided("/open/a").await["client"], "::1");
    assert_eq!(portal.take_one().head.one("x-forwarded-for"), Some("::1"));
    assert_eq!(gate.get("/open/denied").send().await.status, 401);
    assert!(portal.seen().is_empty());
}

/// The status of the answer there.
async fn status(address: SocketAddr, path: &str) -> u16 {
    assert!(address.is_ipv6());
    let stream = TcpStream::connect(address).await.unwrap();
    let mut wire = Wire(tokio::io::BufReader::new(Box::new(stream)));
    wire.send(format!("GET {path} HTTP/1.1\r\nhost: portal.test\r\n\r\n")).await;
    wire.reply().await.status
}

/// A server that something connects to.
async fn server() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("[::1]:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[tokio::test]
async fn ipv6_is_used_by_every_listener_and_client() {
    let any = r#""[::1]:0""#;
    let ((collector, traces), (mail_server, mail)) = (server().await, server().await);
    let traces = format!("{{ endpoint = \"http://{traces}/v1/traces\", one_in = 1 }}");
    let gate = TestGate::builder()
        .tls()
        .setting("server.redirect_listen", &format!("[{any}]"))
        .setting("admin.listen", any)
        .setting("forward_auth.enabled", "true")
        .setting("forward_auth.grpc_listen", any)
        .setting("server.trusted_proxies", r#"["::1"]"#)
        .setting("telemetry.traces", &traces)
        .setting("mail.transport", "\"smtp\"")
        .setting("mail.smtp.host", "\"::1\"")
        .setting("mail.smtp.port", &mail.port().to_string())
        .setting("mail.smtp.security", "\"none\"")
        .start()
        .await;
    assert_eq!(status(gate.redirect_address().await, "/open/a").await, 308);
    assert_eq!(status(gate.admin_address, "/healthz").await, 200);
    let answer = Proxy::of(&gate).await.check(question("GET", "/open/a", "")).await.unwrap();
    assert_eq!(answer.status.unwrap().code, i32::from(Code::Ok));
    let acme = gate.admin.organization("Acme").await;
    let invited = json!({ "organization": acme, "login": "anna@acme.test", "invite": true });
    gate.admin.post("/api/v1/users", invited).await.created();
    for (server, what) in [(collector, "traces"), (mail_server, "mail")] {
        let (_, peer) = within(what, server.accept()).await.unwrap();
        assert_eq!(peer.ip(), Ipv6Addr::LOCALHOST, "{what}");
    }
}

#[tokio::test]
async fn ipv4_client_of_an_ipv6_socket_has_its_ipv4_address() {
    let gate = TestGate::builder()
        .setting("server.listen", r#"["[::]:0"]"#)
        .setting("server.trusted_proxies", r#"["127.0.0.1"]"#)
        .start()
        .await;
    let port = gate.address.port();
    for (host, client, target) in
        [("127.0.0.1", "192.0.2.7", "/open/four"), ("::1", "::1", "/open/six")]
    {
        let stream = TcpStream::connect((host, port)).await.unwrap();
        let mut wire = Wire(tokio::io::BufReader::new(Box::new(stream)));
        let fields = "host: portal.test\r\nx-forwarded-for: 192.0.2.7";
        wire.send(format!("GET {target} HTTP/1.1\r\n{fields}\r\n\r\n")).await;
        assert_eq!(wire.reply().await.status, 200);
        // Only the first is a trusted proxy.
        assert_eq!(gate.decided(target).await["client"], client);
    }
}
