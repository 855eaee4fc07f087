//! Portal traffic over a Unix socket, from a proxy on the same machine.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

use crate::support::admin::PASSWORD;
use crate::support::gate::{Builder, TestGate};
use crate::support::wire::{Wire, WireReply};

/// The address in records of a client whose address is not known.
const UNKNOWN: &str = "fec0::";
const VERSION_1: &str = "PROXY TCP4 192.0.2.7 10.0.0.1 51234 443\r\n";

/// A gateway that listens at a path, too.
fn listening() -> (TempDir, PathBuf, Builder) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run/gateway.sock");
    let listen = format!("[\"127.0.0.1:0\", \"unix:{}\"]", path.display());
    (folder, path, TestGate::builder().setting("server.listen", &listen))
}

async fn wire(path: &Path) -> Wire {
    Wire(BufReader::new(Box::new(UnixStream::connect(path).await.unwrap())))
}

/// The answer to a request there, with these lines of fields.
async fn get(path: &Path, target: &str, lines: &str) -> WireReply {
    let mut wire = wire(path).await;
    wire.send(format!("GET {target} HTTP/1.1\r\nhost: portal.test\r\n{lines}\r\n")).await;
    wire.reply().await
}

#[tokio::test]
async fn i1_request_over_a_unix_socket_needs_a_session() {
    let (_folder, path, builder) = listening();
    let gate = builder.start().await;
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    gate.logged(&format!("unix:{}]", path.display())).await;
    gate.admin.acme_with_user("anna", "admin").await;
    let session = gate.sign_in("anna", PASSWORD).await;
    for (lines, expected) in [(format!("cookie: {}\r\n", session.0), 200), (String::new(), 401)] {
        let answer = get(&path, "/closed/invoices", &lines).await;
        assert_eq!(answer.status, expected, "{lines}: {}", answer.text());
    }
    assert_eq!(gate.arrived().head.one("portcullis-user"), Some("anna"));
}

#[tokio::test]
async fn trusted_unix_peer_names_client_and_scheme() {
    let (_folder, path, builder) = listening();
    let gate = builder.setting("server.trusted_proxies", r#"["unix:"]"#).start().await;
    let lines = "x-forwarded-for: 198.51.100.1, 192.0.2.7\r\nx-forwarded-proto: https\r\n";
    assert_eq!(get(&path, "/open/named", lines).await.status, 200);
    assert_eq!(gate.decided("/open/named").await["client"], "192.0.2.7");
    let arrived = gate.arrived();
    let chain = arrived.head.one("x-forwarded-for");
    assert_eq!(chain, Some("198.51.100.1, 192.0.2.7"), "a Unix socket has no address to append");
    assert_eq!(arrived.head.one("x-forwarded-proto"), Some("https"));
    // Another peer is not trusted because this one is.
    let spoofed = gate.get("/open/tcp").header("x-forwarded-for", "192.0.2.7").send().await;
    assert_eq!(spoofed.status, 200);
    assert_eq!(gate.decided("/open/tcp").await["client"], "127.0.0.1");
    assert!(!gate.log().contains("unix-without-client"));
}

#[tokio::test]
async fn i5_untrusted_unix_peer_cannot_name_a_client() {
    let routes = "[[route]]\nname = \"Open\"\npath = \"/open/{*rest}\"\naccess = \"public\"\n\
                  [[route]]\nname = \"Near\"\npath = \"/near/{*rest}\"\naccess = \"public\"\n\
                  from = [\"0.0.0.0/0\", \"::/0\"]\n";
    let (_folder, path, builder) = listening();
    // No network includes a Unix socket.
    let everyone = r#"["0.0.0.0/0", "::/0"]"#;
    let gate = builder.policy(routes).setting("server.trusted_proxies", everyone).start().await;
    let lines = "x-forwarded-for: 192.0.2.7\r\nx-forwarded-proto: https\r\n";
    assert_eq!(get(&path, "/open/spoofed", lines).await.status, 200);
    assert_eq!(gate.decided("/open/spoofed").await["client"], UNKNOWN);
    let arrived = gate.arrived();
    assert_eq!(arrived.head.one("x-forwarded-for"), None);
    assert_eq!(arrived.head.one("x-forwarded-proto"), Some("http"));
    // A route for some addresses is not for a client without one.
    assert_ne!(get(&path, "/near/spoofed", lines).await.status, 200);
    assert_eq!(gate.decided("/near/spoofed").await["reason"], "address-not-allowed");
    assert_eq!(gate.get("/near/tcp").send().await.status, 200);
    gate.logged("unix-without-client").await;
}

#[tokio::test]
async fn proxy_protocol_over_a_unix_socket_names_the_client() {
    let (_folder, path, builder) = listening();
    let gate = builder.setting("server.proxy_protocol", r#"["unix:"]"#).start().await;
    let request = "GET /open/header HTTP/1.1\r\nhost: portal.test\r\nconnection: close\r\n\r\n";
    let mut named = wire(&path).await;
    named.send(format!("{VERSION_1}{request}")).await;
    assert_eq!(named.reply().await.status, 200);
    assert_eq!(gate.decided("/open/header").await["client"], "192.0.2.7");
    assert_eq!(gate.arrived().head.one("x-forwarded-for"), Some("192.0.2.7"));
    let mut bare = wire(&path).await;
    let _ = bare.try_send(request).await;
    assert!(bare.rest().await.is_empty());
    gate.logged("a header of the PROXY protocol is required (server.proxy_protocol)").await;
    assert_eq!(gate.get("/open/tcp").send().await.status, 200, "TCP goes on without one");
}

#[tokio::test]
async fn http2_is_served_over_a_unix_socket() {
    let (_folder, path, builder) = listening();
    let _gate = builder.start().await;
    let mut stream = UnixStream::connect(&path).await.unwrap();
    // The preface of HTTP/2 and empty settings (RFC 9113, 3.4 and 6.5).
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut frame = [0; 9];
    let mut stream = BufReader::new(stream);
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut frame).await.unwrap();
    assert_eq!(frame[3], 4, "SETTINGS");
}

#[tokio::test]
async fn unix_socket_is_replaced_at_the_start_and_removed_at_the_end() {
    let (_folder, path, builder) = listening();
    fs::create_dir(path.parent().unwrap()).unwrap();
    // Left behind by a process that was killed.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let gate = builder.start().await;
    assert_eq!(get(&path, "/open/a", "").await.status, 200);
    gate.terminate();
    assert!(gate.exited().await.success());
    assert!(!path.exists());
}
