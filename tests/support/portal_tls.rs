//! TLS before the portal of a test, with authorities of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd,
};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio_util::task::AbortOnDropHandle;

/// An authority whose certificate is in a file.
pub(crate) struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
    pub(crate) file: String,
}

/// A server before the portal of a test.
pub(crate) struct Front {
    pub(crate) address: SocketAddr,
    pub(crate) _accepting: AbortOnDropHandle<()>,
}

impl Authority {
    pub(crate) fn new(folder: &Path, name: &str) -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        let file = folder.join(format!("{name}.pem"));
        std::fs::write(&file, certificate.pem()).unwrap();
        let file = file.display().to_string();
        Self { certificate, issuer: Issuer::new(parameters, key), file }
    }

    pub(crate) fn issue(&self, name: &str, until: i32) -> (Certificate, KeyPair) {
        let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.not_before = date_time_ymd(2020, 1, 1);
        parameters.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        (parameters.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// Presents a certificate of this authority, issued for `name`, and requires one of `clients`.
    pub(crate) fn config(
        &self,
        (name, until): (&str, i32),
        clients: Option<&Self>,
        version: &'static SupportedProtocolVersion,
    ) -> ServerConfig {
        let (certificate, key) = self.issue(name, until);
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[version])
            .unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.certificate.der().clone()).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        builder.with_single_cert(vec![certificate.der().clone()], key).unwrap()
    }
}

pub(crate) async fn join<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, portal: SocketAddr) {
    let mut portal = TcpStream::connect(portal).await.unwrap();
    portal.set_nodelay(true).unwrap();
    // Either side may end it.
    let _ = copy_bidirectional(&mut stream, &mut portal).await;
}

/// Ends TLS before a portal.
pub(crate) async fn tls(portal: SocketAddr, config: ServerConfig) -> Front {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let accepting = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    join(stream, portal).await;
                }
            });
        }
    });
    Front { address, _accepting: AbortOnDropHandle::new(accepting) }
}
