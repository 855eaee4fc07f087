//! The certificate and its key: read and checked once, at the start or by `portcullis check`.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use tokio::net::TcpStream;
use tokio_rustls::{Accept, TlsAcceptor};

use crate::config::Tls;
use crate::credential::pem;

/// The ALPN name of HTTP/2 (RFC 9113, section 3.1).
pub(super) const HTTP_2: &[u8] = b"h2";
const HTTP_1: &[u8] = b"http/1.1";

/// The certificate or its key cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("server.tls{0}")]
pub struct TlsError(String);

/// TLS 1.2 and 1.3 with one certificate; offers HTTP/2 before HTTP/1.1.
#[derive(Clone)]
pub struct ServerTls(TlsAcceptor);

impl ServerTls {
    /// Reads the certificate chain and the private key.
    ///
    /// # Errors
    /// When a file cannot be read, holds no certificate or no key, or they do not match.
    pub fn read(files: &Tls) -> Result<Self, TlsError> {
        let wrong = |key: &str, file: &Path, cause: String| {
            TlsError(format!(".{key}: {}: {cause}", file.display()))
        };
        let no_certificate = |cause| wrong("certificate", &files.certificate, cause);
        let certificates = std::fs::read(&files.certificate)
            .map_err(|error| no_certificate(format!("cannot be read: {error}")))?;
        let chain = pem::certificates(&certificates).map_err(no_certificate)?;
        let no_key = |cause| wrong("key", &files.key, cause);
        let key = std::fs::read(&files.key)
            .map_err(|error| no_key(format!("cannot be read: {error}")))?;
        let key = pem::private_key(&key).map_err(no_key)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| TlsError(format!(": certificate and key cannot be used: {error}")))?;
        config.alpn_protocols = vec![HTTP_2.to_vec(), HTTP_1.to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// Performs a handshake. It has no timeout.
    pub(super) fn accept(&self, stream: TcpStream) -> Accept<TcpStream> {
        self.0.accept(stream)
    }
}

impl std::fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerTls").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn unusable_certificates_and_keys_are_reported() {
        let folder = TempDir::new().unwrap();
        let file = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        let generate = |name: &str| rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let (ours, other) = (generate("portal.example"), generate("other.example"));
        let certificate = file("cert.pem", &ours.cert.pem());
        let key = file("key.pem", &ours.signing_key.serialize_pem());
        let other_key = file("other.pem", &other.signing_key.serialize_pem());
        let empty = file("empty.pem", "");
        let missing = folder.path().join("missing.pem");
        let error = |certificate: &Path, key: &Path| {
            let files = Tls { certificate: certificate.to_owned(), key: key.to_owned() };
            ServerTls::read(&files).map_or_else(|error| error.to_string(), |_| String::new())
        };
        assert_eq!(error(&certificate, &key), "");
        for (certificate, key, expected) in [
            (&missing, &key, ["server.tls.certificate: ", "missing.pem: cannot be read"]),
            (&certificate, &missing, ["server.tls.key: ", "missing.pem: cannot be read"]),
            (&empty, &key, ["server.tls.certificate: ", "empty.pem: has no certificate"]),
            (&key, &key, ["server.tls.certificate: ", "key.pem: has no certificate"]),
            (&certificate, &empty, ["server.tls.key: ", "empty.pem: has no private key"]),
            (&certificate, &certificate, ["server.tls.key: ", "cert.pem: has no private key"]),
            (&certificate, &other_key, ["server.tls: ", "cannot be used"]),
        ] {
            let error = error(certificate, key);
            assert!(expected.iter().all(|part| error.contains(part)), "{expected:?}: {error}");
        }
    }
}
