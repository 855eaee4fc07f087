//! How the portal is reached: over TLS, whose certificates are verified, over a Unix socket, and over
//! IPv6.

use std::sync::Arc;

use http::Method;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use serde_json::json;
use tempfile::TempDir;
use tokio::net::{TcpListener, UnixListener};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_util::task::AbortOnDropHandle;

use crate::support::client::within;
use crate::support::gate::{Builder, TestGate};
use crate::support::portal_tls::{Authority, Front, join, tls};
use crate::support::upstream::Upstream;

/// The name in the portal's certificate.
const NAME: &str = "portal.internal";

/// A gateway that trusts the authority in this file.
fn gate_to(front: &Front, authority: &str) -> Builder {
    TestGate::builder()
        .setting("upstream.servers", &format!("[\"https://{}\"]", front.address))
        .setting("upstream.tls.ca", &format!("{authority:?}"))
        .setting("upstream.tls.name", &format!("{NAME:?}"))
}

/// What any transport must do: bodies of any size both ways, and one connection for many requests.
async fn assert_serves(gate: &TestGate, portal: &Upstream) {
    let mut client = gate.connection().await;
    for path in ["/open/a", "/open/b"] {
        assert_eq!(client.send(gate.get(path)).await.status, 200, "{path}");
        assert_eq!(portal.take_one().target, path);
    }
    assert_eq!(portal.connections(), 1);
    let large = "x".repeat(1 << 20);
    portal.answer("/open/large", {
        let large = large.clone();
        move |mut exchange| {
            let large = large.clone();
            async move {
                let sent = exchange.body().await?.bytes.len();
                let reply = format!("{sent} {large}");
                exchange.reply(&reply).await
            }
        }
    });
    let reply = gate.call(Method::POST, "/open/large").body(large.clone()).send().await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.text(), format!("{} {large}", large.len()));
    assert_eq!(gate.get("/closed/a").send().await.status, 401);
    assert_eq!(portal.take_one().target, "/open/large");
}

#[tokio::test]
async fn portal_is_reached_over_tls_and_verified() {
    let folder = TempDir::new().unwrap();
    let authority = Authority::new(folder.path(), "authority");
    for version in [&TLS12, &TLS13] {
        let portal = Upstream::start().await;
        let front = tls(portal.address, authority.config((NAME, 2090), None, version)).await;
        let gate = gate_to(&front, &authority.file).start().await;
        assert_serves(&gate, &portal).await;
    }
}

#[tokio::test]
async fn portal_certificate_may_be_for_the_address_of_the_url() {
    let folder = TempDir::new().unwrap();
    let authority = Authority::new(folder.path(), "authority");
    let portal = Upstream::start().await;
    let config = authority.config(("127.0.0.1", 2090), None, &TLS13);
    let front = tls(portal.address, config).await;
    let gate = TestGate::builder()
        .setting("upstream.servers", &format!("[\"https://{}\"]", front.address))
        .setting("upstream.tls.ca", &format!("{:?}", authority.file))
        .start()
        .await;
    assert_eq!(gate.get("/open/a").send().await.status, 200);
    assert_eq!(portal.take_one().target, "/open/a");
}

#[tokio::test]
async fn portal_whose_certificate_is_wrong_gets_no_request() {
    let folder = TempDir::new().unwrap();
    let trusted = Authority::new(folder.path(), "authority");
    let other = Authority::new(folder.path(), "other");
    let portal = Upstream::start().await;
    for (authority, certificate, cause) in [
        (&other, (NAME, 2090), "its certificate was not issued by an authority in "),
        (
            &trusted,
            ("other.internal", 2090),
            "its certificate is for `other.internal`, not for `portal.internal`; set \
             `upstream.tls.name`",
        ),
        (&trusted, (NAME, 2021), "its certificate expired at 2021-01-01 00:00 UTC; renew it"),
    ] {
        let front = tls(portal.address, authority.config(certificate, None, &TLS13)).await;
        let gate = gate_to(&front, &trusted.file).start().await;
        let reply = gate.get("/open/a").send().await;
        assert_eq!((reply.status, &*reply.reason()), (502, "portal-down"), "{cause}");
        gate.logged(&format!("the portal at {} cannot be reached: {cause}", front.address)).await;
    }
    // The authorities of the system did not issue it.
    let front = tls(portal.address, trusted.config((NAME, 2090), None, &TLS13)).await;
    let gate = TestGate::builder()
        .setting("upstream.servers", &format!("[\"https://{}\"]", front.address))
        .start()
        .await;
    assert_eq!(gate.get("/open/a").send().await.status, 502);
    gate.logged("set `upstream.tls.ca` to the file of a private authority").await;
    assert!(portal.seen().is_empty(), "{:?}", portal.seen());
}

#[tokio::test]
async fn portal_certificate_may_be_self_signed_but_no_authority() {
    let folder = TempDir::new().unwrap();
    for (is_ca, status) in [(IsCa::NoCa, 200), (IsCa::Ca(BasicConstraints::Unconstrained), 502)] {
        let mut parameters = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
        parameters.is_ca = is_ca;
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        let file = folder.path().join("own.pem");
        std::fs::write(&file, certificate.pem()).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let portal = Upstream::start().await;
        let front = tls(portal.address, config).await;
        let gate = gate_to(&front, &file.display().to_string()).start().await;
        assert_eq!(gate.get("/open/a").send().await.status, status);
        if status == 502 {
            gate.logged("its certificate is that of an authority (`CA:TRUE`)").await;
            assert!(portal.seen().is_empty(), "{:?}", portal.seen());
        }
    }
}

#[tokio::test]
async fn portal_without_tls_gets_no_request_over_https() {
    let folder = TempDir::new().unwrap();
    let authority = Authority::new(folder.path(), "authority");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answering = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let answer = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await;
        }
    });
    let front = Front { address, _accepting: AbortOnDropHandle::new(answering) };
    let gate = gate_to(&front, &authority.file).start().await;
    assert_eq!(gate.get("/open/a").send().await.status, 502);
    gate.logged("what it sends is not TLS; write `http://`").await;
}

#[tokio::test]
async fn portal_may_require_a_certificate_of_the_gateway() {
    let folder = TempDir::new().unwrap();
    let authority = Authority::new(folder.path(), "authority");
    let (certificate, key) = authority.issue("gateway.internal", 2090);
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("gateway.crt"), certificate.pem()).unwrap();
    std::fs::write(path("gateway.key"), key.serialize_pem()).unwrap();
    for version in [&TLS12, &TLS13] {
        let portal = Upstream::start().await;
        let config = authority.config((NAME, 2090), Some(&authority), version);
        let front = tls(portal.address, config).await;
        let gate = gate_to(&front, &authority.file).start().await;
        assert_eq!(gate.get("/open/a").send().await.status, 502);
        gate.logged("set `upstream.tls.certificate` and `upstream.tls.key`").await;
        assert!(portal.seen().is_empty(), "{:?}", portal.seen());
        drop(gate);
        let gate = gate_to(&front, &authority.file)
            .setting("upstream.tls.certificate", &format!("{:?}", path("gateway.crt")))
            .setting("upstream.tls.key", &format!("{:?}", path("gateway.key")))
            .start()
            .await;
        assert_eq!(gate.get("/open/a").send().await.status, 200);
        assert_eq!(portal.take_one().target, "/open/a");
    }
}

#[tokio::test]
async fn renewed_files_for_the_portal_are_used() {
    let folder = TempDir::new().unwrap();
    let [authority, other] = ["authority", "other"].map(|name| Authority::new(folder.path(), name));
    let path = |name: &str| folder.path().join(name);
    let write = |authority: &Authority| {
        let (certificate, key) = authority.issue("gateway.internal", 2090);
        std::fs::write(path("gateway.crt"), certificate.pem()).unwrap();
        std::fs::write(path("gateway.key"), key.serialize_pem()).unwrap();
    };
    write(&other);
    // Trusts no authority that the portal has.
    std::fs::copy(&other.file, path("ca.pem")).unwrap();
    let portal = Upstream::start().await;
    let config = authority.config((NAME, 2090), Some(&authority), &TLS13);
    let front = tls(portal.address, config).await;
    let gate = gate_to(&front, &path("ca.pem").display().to_string())
        .setting("upstream.tls.certificate", &format!("{:?}", path("gateway.crt")))
        .setting("upstream.tls.key", &format!("{:?}", path("gateway.key")))
        .start()
        .await;
    assert_eq!(gate.get("/open/a").send().await.status, 502);
    std::fs::copy(&authority.file, path("ca.pem")).unwrap();
    gate.logged("certificate reloaded").await;
    // Now it is the portal that refuses.
    assert_eq!(gate.get("/open/a").send().await.status, 502);
    assert!(portal.seen().is_empty(), "{:?}", portal.seen());
    write(&authority);
    gate.logged_times("certificate reloaded", 2).await;
    assert_eq!(gate.get("/open/a").send().await.status, 200);

    std::fs::write(path("gateway.crt"), "").unwrap();
    gate.logged("certificate not reloaded, the old one stays in use: upstream.tls.certificate: ")
        .await;
    // Closes the connection that is kept.
    let server = format!("/api/v1/portal-servers/{}", front.address);
    for draining in [true, false] {
        gate.admin.patch(&server, json!({ "draining": draining })).await.ok();
    }
    assert_eq!(gate.get("/open/b").send().await.status, 200);
    assert_eq!(portal.connections(), 2);
    let warned = async || {
        let status = gate.admin.get("/api/v1/status").await.ok();
        let warnings = status["warnings"].as_array().unwrap().clone();
        warnings.iter().any(|warning| {
            warning["name"] == "certificate-not-reloaded"
                && warning["about"][0]["name"] == "upstream.tls"
        })
    };
    within("a warning", async { while !warned().await {} }).await;
    write(&authority);
    within("no warning", async { while warned().await {} }).await;
}

#[tokio::test]
async fn portal_is_reached_over_a_unix_socket() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("portal.sock");
    let portal = Upstream::start().await;
    let listener = UnixListener::bind(&path).unwrap();
    let address = portal.address;
    let accepting = AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(join(stream, address));
        }
    }));
    let server = format!("[\"unix:{}\"]", path.display());
    let gate = TestGate::builder().setting("upstream.servers", &server).start().await;
    assert_serves(&gate, &portal).await;
    drop(accepting);
    drop(gate);
    let gate = TestGate::builder().setting("upstream.servers", &server).start().await;
    let reply = gate.get("/open/a").send().await;
    assert_eq!((reply.status, &*reply.reason()), (502, "portal-down"));
    assert!(portal.seen().is_empty(), "{:?}", portal.seen());
}

#[tokio::test]
async fn portal_is_reached_over_ipv6() {
    let portal = Upstream::listen("[::1]:0".parse().unwrap()).await;
    let server = format!("[\"http://{}\"]", portal.address);
    let gate = TestGate::builder().setting("upstream.servers", &server).start().await;
    assert!(server.contains("[::1]:"), "{server}");
    assert_serves(&gate, &portal).await;
    drop(portal);
    assert_eq!(gate.get("/open/a").send().await.status, 502);
}
