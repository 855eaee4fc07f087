//! Certificates: which one a client gets, and how they are replaced without a restart.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion};

use crate::support::client::within;
use crate::support::gate::{Builder, HOST, TestGate};
use crate::support::wire::Wire;

/// How often the certificate is replaced under load.
const RELOADS: usize = 20;
/// How many handshakes there are at least, and how many at a time.
const HANDSHAKES: usize = 1000;
const CLIENTS: usize = 4;

/// An authority whose certificates clients trust.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let root = parameters.self_signed(&key).unwrap().der().clone();
        let folder = tempfile::tempdir().unwrap();
        Self { issuer: Issuer::new(parameters, key), root, folder }
    }

    /// A new certificate for a name, in these files.
    fn write(&self, file: &str, name: &str) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        replace(&self.folder.path().join(format!("{file}.key")), &key.serialize_pem());
        replace(&self.folder.path().join(format!("{file}.crt")), &certificate.pem());
        certificate.der().clone()
    }

    /// A table of the settings with these files.
    fn table(&self, file: &str) -> String {
        let at = self.folder.path().join(file).display().to_string();
        format!("{{ certificate = \"{at}.crt\", key = \"{at}.key\" }}")
    }

    fn gate(&self) -> Builder {
        TestGate::builder()
            .setting("server.public_url", &format!("\"https://{HOST}\""))
            .setting("server.tls", &self.table("portal"))
    }

    fn client(&self, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    }
}

/// Replaces a file in one step.
fn replace(path: &Path, content: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, content).unwrap();
    std::fs::rename(new, path).unwrap();
}

/// A handshake with a gateway, in which this host is asked for.
async fn connect(
    gate: &TestGate,
    client: &Arc<ClientConfig>,
    name: &'static str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(gate.address).await?;
    let name = ServerName::try_from(name).unwrap();
    within("a handshake", TlsConnector::from(Arc::clone(client)).connect(name, stream)).await
}

fn presented(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

#[tokio::test]
async fn handshakes_succeed_while_certificates_change() {
    let authority = Authority::new();
    authority.write("portal", HOST);
    let gate = authority.gate().start().await;
    let (done, finished) = (AtomicUsize::new(0), AtomicBool::new(false));
    let reloads = async {
        let mut last = None;
        for count in 1..=RELOADS {
            let handshakes = done.load(Ordering::Relaxed);
            last = Some(authority.write("portal", HOST));
            gate.hang_up();
            gate.logged_times("certificate reloaded", count).await;
            within("handshakes between reloads", async {
                while done.load(Ordering::Relaxed) < handshakes + HANDSHAKES / RELOADS {
                    tokio::task::yield_now().await;
                }
            })
            .await;
        }
        finished.store(true, Ordering::Relaxed);
        last.unwrap()
    };
    let handshakes = futures_util::future::join_all((0..CLIENTS).map(|_| async {
        while !finished.load(Ordering::Relaxed) {
            // Without a session to resume: each is a full handshake.
            let client = authority.client(&[&TLS13, &TLS12]);
            connect(&gate, &client, HOST).await.unwrap();
            done.fetch_add(1, Ordering::Relaxed);
        }
    }));
    let (last, _) = tokio::join!(reloads, handshakes);
    assert!(done.load(Ordering::Relaxed) >= HANDSHAKES);
    let stream = connect(&gate, &authority.client(&[&TLS13]), HOST).await.unwrap();
    assert_eq!(presented(&stream), last);
}

#[tokio::test]
async fn certificate_is_that_of_the_name_asked_for() {
    let authority = Authority::new();
    let first = authority.write("portal", HOST);
    let other = authority.write("other", "*.other.test");
    let table = format!("[{}]", authority.table("other"));
    let gate = authority.gate().setting("server.certificates", &table).start().await;
    for versions in [&[&TLS12][..], &[&TLS13]] {
        let client = authority.client(versions);
        for (name, expected) in [(HOST, &first), ("a.other.test", &other)] {
            let stream = connect(&gate, &client, name).await.unwrap();
            assert_eq!(presented(&stream), *expected, "{name}");
        }
        // The certificate of `server.tls` is not for them, and the client refuses it.
        for name in ["other.test", "a.b.other.test", "unknown.test"] {
            let error = connect(&gate, &client, name).await.unwrap_err().to_string();
            assert!(error.contains("not valid for name"), "{name}: {error}");
        }
    }
}

#[tokio::test]
async fn wrong_certificate_files_leave_the_old_one_in_use() {
    let authority = Authority::new();
    let first = authority.write("portal", HOST);
    let gate = authority.gate().start().await;
    let client = authority.client(&[&TLS13]);
    let open = connect(&gate, &client, HOST).await.unwrap();
    let other = KeyPair::generate().unwrap().serialize_pem();
    let key = authority.folder.path().join("portal.key");
    let right = std::fs::read_to_string(&key).unwrap();
    replace(&key, &other);
    gate.logged("certificate not reloaded, the old one stays in use: server.tls.key: ").await;
    gate.logged("portal.key: does not belong to the certificate in ").await;
    assert_eq!(presented(&connect(&gate, &client, HOST).await.unwrap()), first);
    let warned = async || {
        let status = gate.admin.get("/api/v1/status").await.ok();
        let warnings = status["warnings"].as_array().unwrap().clone();
        warnings.iter().any(|warning| warning["name"] == "certificate-not-reloaded")
    };
    within("a warning", async { while !warned().await {} }).await;
    replace(&key, &right);
    within("no warning", async { while warned().await {} }).await;
    let second = authority.write("portal", HOST);
    gate.logged("certificate reloaded").await;
    assert_eq!(presented(&connect(&gate, &client, HOST).await.unwrap()), second);
    // A connection from before goes on.
    let mut wire = Wire(tokio::io::BufReader::new(Box::new(open)));
    wire.send(format!("GET /open/a HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n\r\n")).await;
    assert_eq!(wire.reply().await.status, 200);
}

#[tokio::test]
async fn tls_sessions_are_resumed_by_tickets() {
    let authority = Authority::new();
    authority.write("portal", HOST);
    let gate = authority.gate().start().await;
    for versions in [&[&TLS12][..], &[&TLS13]] {
        let client = authority.client(versions);
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let stream = connect(&gate, &client, HOST).await.unwrap();
            assert_eq!(stream.get_ref().1.handshake_kind(), Some(expected), "{versions:?}");
            // On TLS 1.3 the ticket comes after the handshake.
            let mut wire = Wire(tokio::io::BufReader::new(Box::new(stream)));
            wire.send(format!("GET /open/a HTTP/1.1\r\nhost: {HOST}\r\n\r\n")).await;
            wire.reply().await;
        }
    }
}
