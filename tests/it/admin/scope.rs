//! Tokens and administrators of some organizations, and the admin listener by TLS.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::cli::Console;
use crate::support::admin::PASSWORD;
use crate::support::program::{Home, run};
use crate::support::upstream::Upstream;

struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    json: Value,
}

/// A client of the admin listener.
struct Listener {
    address: std::net::SocketAddr,
    /// The certificate, if the listener uses TLS.
    certificate: Option<CertificateDer<'static>>,
}

impl Listener {
    async fn send(
        &self,
        line: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Option<Reply> {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(format!("/api/v1/{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        let stream = TcpStream::connect(self.address).await.unwrap();
        let response = match &self.certificate {
            None => {
                let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
                tokio::spawn(connection);
                sender.send_request(request).await.ok()?
            }
            Some(certificate) => {
                let mut roots = RootCertStore::empty();
                roots.add(certificate.clone()).unwrap();
                let provider = Arc::new(ring::default_provider());
                let mut config = ClientConfig::builder_with_provider(provider)
                    .with_safe_default_protocol_versions()
                    .unwrap()
                    .with_root_certificates(roots)
                    .with_no_client_auth();
                config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
                let name = ServerName::try_from("localhost").unwrap();
                let connector = TlsConnector::from(Arc::new(config));
                let stream = connector.connect(name, stream).await.unwrap();
                assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
                let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
                tokio::spawn(connection);
                sender.send_request(request).await.ok()?
            }
        };
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let json = serde_json::from_slice(&body).unwrap_or_default();
        Some(Reply { status: parts.status, headers: parts.headers, json })
    }
}

impl Reply {
    fn problem(&self) -> (u16, &str) {
        let name = self.json["type"].as_str().unwrap_or_default();
        (self.status.as_u16(), name.trim_start_matches("urn:portcullis:problem:"))
    }
}

#[tokio::test]
async fn i10_token_with_a_scope_reaches_its_organization_only() {
    let console = Console::start().await;
    for name in ["Acme", "Globex"] {
        let id = name.to_lowercase();
        console.done(&["organizations", "create", name, "--id", &id]).await;
        console.done(&["users", "create", &id, "--login", &id, "--group", "limited"]).await;
    }
    let create = ["token", "create", "Acme only", "--role", "administrator", "--scope", "Acme"];
    let token = console.done(&create).await;
    let bearer = format!("Bearer {}", token.trim());
    let headers = [("host", "localhost"), ("authorization", bearer.as_str())];
    let listener = Listener { address: console.program.admin_address, certificate: None };
    let send = async |line: &str, body| listener.send(line, &headers, body).await.unwrap();

    let list = send("GET organizations", None).await;
    assert_eq!(list.json["items"].as_array().unwrap().len(), 1);
    assert_eq!((&list.json["items"][0]["id"], &list.json["hidden"]), (&json!("acme"), &json!(1)));
    assert_eq!(send("GET organizations/acme", None).await.status, 200);
    assert_eq!(send("GET organizations/globex", None).await.problem(), (404, "not-found"));
    let new = |organization| Some(json!({ "organization": organization, "login": "zoe" }));
    assert_eq!(send("POST users", new("globex")).await.problem(), (422, "invalid"));
    assert_eq!(send("POST users", new("acme")).await.status, 201);
    let group = Some(json!({ "name": "x", "permissions": "all" }));
    let refused = send("POST groups", group).await;
    assert_eq!(refused.problem(), (403, "out-of-scope"));
    assert_eq!(refused.json["role"], "administrator");
    assert_eq!(send("GET administrators", None).await.problem(), (403, "role-required"));
    assert_eq!(send("GET session", None).await.json["scope"], json!(["acme"]));
    let entries = send("GET audit", None).await;
    assert!(!entries.json["items"].as_array().unwrap().is_empty());
    assert!(!entries.json.to_string().contains("globex"), "{:?}", entries.json);

    let listed = console.done(&["token", "list"]).await;
    assert!(listed.contains("acme"), "{listed}");
    console.done(&["users", "delete", "acme", "--yes"]).await;
    console.done(&["users", "delete", "zoe", "--yes"]).await;
    let refused = console.refused(&["organizations", "delete", "acme", "--yes"]).await;
    assert!(refused.contains("scope"), "{refused}");
}

#[tokio::test]
async fn administrators_get_scope_and_impersonate_by_commands() {
    let console = Console::start().await;
    console.done(&["organizations", "create", "Acme", "--id", "acme"]).await;
    let create = ["admin", "create", "theo", "--role", "technician", "--scope", "acme"];
    let created = console
        .with_input(&[&create[..], &["--impersonate", "--password-stdin"]].concat(), PASSWORD)
        .await
        .done();
    assert!(created.starts_with("Created the technician theo for acme only."), "{created}");
    let theo = || async { console.json(&["admin", "list"]).await["items"][0].clone() };
    let shown = theo().await;
    assert_eq!((&shown["scope"], &shown["impersonate"]), (&json!(["acme"]), &json!(true)));
    assert_eq!(shown["last_sign_in"], Value::Null);
    console.done(&["admin", "edit", "theo", "--no-scope", "--no-impersonate"]).await;
    let shown = theo().await;
    assert_eq!((&shown["scope"], &shown["impersonate"]), (&Value::Null, &json!(false)));
    let entries = console.json(&["audit", "list"]).await;
    let changed = &entries["items"][0];
    assert_eq!(changed["kind"], "administrator.changed", "{changed}");
    assert_eq!(changed["before"]["impersonate"], true, "{changed}");
}

#[tokio::test]
async fn admin_listener_uses_tls_with_a_secure_cookie() {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, "");
    let generated = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(home.path("admin.crt"), generated.cert.pem()).unwrap();
    std::fs::write(home.path("admin.key"), generated.signing_key.serialize_pem()).unwrap();
    home.settings(
        "admin.tls = { certificate = \"admin.crt\", key = \"admin.key\" }\n\
         admin.require_mfa = false\n",
    );
    let program = home.serve().await;
    let create = ["admin", "create", "olga", "--role", "owner", "--no-mfa", "--password-stdin"];
    let create = [&["--config", "portcullis.toml"], &create[..]].concat();
    let made = run(&home.path("."), &create, PASSWORD).await.done();
    assert!(made.contains("The first sign-in to the admin UI sets up a second factor"), "{made}");

    let certificate = Some(generated.cert.der().clone());
    let listener = Listener { address: program.admin_address, certificate };
    let host = format!("localhost:{}", program.admin_address.port());
    let own = format!("https://{host}");
    let credentials = json!({ "login": "olga", "password": PASSWORD });
    let headers = [("host", host.as_str())];
    let signed_in = listener.send("POST session", &headers, Some(credentials.clone())).await;
    let signed_in = signed_in.unwrap();
    assert_eq!(signed_in.status, 201, "{:?}", signed_in.json);
    let line = signed_in.headers["set-cookie"].to_str().unwrap();
    assert!(line.starts_with("__Host-portcullis-admin=") && line.contains("; Secure"), "{line}");
    let cookie = line.split(';').next().unwrap();

    let with = async |line: &str, more: &[(&str, &str)], host: &str| {
        let headers = [&[("host", host), ("cookie", cookie)][..], more].concat();
        listener.send(line, &headers, None).await.unwrap()
    };
    assert_eq!(with("GET administrators", &[], &host).await.status, 200);
    let listed = with("GET administrators", &[], &host).await.json;
    assert!(listed["items"][0]["last_sign_in"].is_string(), "{listed}");
    let rebound = with("GET administrators", &[], "evil.example").await;
    assert_eq!(rebound.problem(), (421, "unknown-host"));
    let copy = "POST groups/limited/copy";
    for (headers, status) in [
        (&[][..], 403),
        (&[("origin", "http://localhost")], 403),
        (&[("origin", format!("http://{host}").as_str())], 403),
        (&[("sec-fetch-site", "cross-site"), ("origin", own.as_str())], 403),
        (&[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")], 403),
        (&[("sec-fetch-site", "same-origin"), ("origin", &own), ("origin", &own)], 403),
        (&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")], 403),
        (&[("origin", own.as_str())], 201),
    ] {
        assert_eq!(with(copy, headers, &host).await.status, status, "{headers:?}");
    }
    let rebound = [("host", "evil.example"), ("origin", "https://evil.example")];
    let rebound = listener.send("POST session", &rebound, Some(credentials)).await.unwrap();
    assert_eq!(rebound.problem(), (421, "unknown-host"));

    let clear_text = Listener { address: program.admin_address, certificate: None };
    assert!(clear_text.send("GET administrators", &headers, None).await.is_none());
    program.stop().await;
}
