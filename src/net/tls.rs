//! TLS of a listener, with certificates that can be replaced while it serves.

use std::sync::Arc;

use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{Accept, TlsAcceptor};

use super::certificate_files::{TlsError, certified_key};
use super::certificate_resolver::CertificateResolver;
use crate::config::Tls;
use crate::credential::certificate;

/// The ALPN name of HTTP/2 (RFC 9113, section 3.1).
pub(super) const HTTP_2: &[u8] = b"h2";
const HTTP_1: &[u8] = b"http/1.1";

/// TLS 1.2 and 1.3; offers HTTP/2 before HTTP/1.1. Clones share the certificates.
///
/// Sessions are resumed by tickets. Their key is replaced every six hours, and is known to this
/// process only.
#[derive(Clone)]
pub struct ServerTls {
    acceptor: TlsAcceptor,
    /// The certificates, one for each of `files`.
    certificates: Arc<CertificateResolver>,
    files: Arc<[Tls]>,
}

impl ServerTls {
    /// Reads certificate chains and private keys. `None` without any.
    ///
    /// # Errors
    /// When a file cannot be read, holds no certificate or no key, or they do not match.
    pub fn read<'a>(files: impl IntoIterator<Item = &'a Tls>) -> Result<Option<Self>, TlsError> {
        Self::offering(files, vec![HTTP_2.to_vec(), HTTP_1.to_vec()])
    }

    /// The same for the admin listener, which serves HTTP/1.1 only.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_for_http1<'a>(
        files: impl IntoIterator<Item = &'a Tls>,
    ) -> Result<Option<Self>, TlsError> {
        Self::offering(files, vec![HTTP_1.to_vec()])
    }

    fn offering<'a>(
        files: impl IntoIterator<Item = &'a Tls>,
        protocols: Vec<Vec<u8>>,
    ) -> Result<Option<Self>, TlsError> {
        let files: Arc<[Tls]> = files.into_iter().cloned().collect();
        let keys = files.iter().map(certified_key).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Ok(None);
        }
        let certificates = Arc::new(CertificateResolver::new(keys));
        let unusable = |error: rustls::Error| TlsError(format!("TLS cannot be used: {error}"));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&certificates) as _);
        config.alpn_protocols = protocols;
        config.ticketer = ring::Ticketer::new().map_err(unusable)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Some(Self { acceptor, certificates, files }))
    }

    /// The files that the certificates are read from.
    #[must_use]
    pub fn files(&self) -> &[Tls] {
        &self.files
    }

    /// Reads the files of one certificate again, by its place in [`Self::files`], and uses it for
    /// handshakes that begin from now on. Returns whether it is another one than before.
    ///
    /// # Errors
    /// As [`Self::read`], and when the new certificate has expired while the one in use has not. The
    /// certificate then stays as it was.
    pub fn reload(&self, index: usize, now: Timestamp) -> Result<bool, TlsError> {
        let mut all = self.certificates.all();
        let (Some(files), Some(kept)) = (self.files.get(index), all.get_mut(index)) else {
            return Ok(false);
        };
        let read = certified_key(files)?;
        if is_expired(&read, now) && !is_expired(kept, now) {
            let file = files.certificate.display();
            return Err(TlsError(format!(
                "{}.certificate: {file}: has expired; renew it",
                files.at
            )));
        }
        let is_new = read.cert != kept.cert;
        *kept = read;
        self.certificates.replace(all);
        Ok(is_new)
    }

    /// Performs a handshake. It has no timeout.
    pub(super) fn accept<S>(&self, stream: S) -> Accept<S>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.acceptor.accept(stream)
    }
}

/// Whether a certificate is known to have expired.
fn is_expired(certified: &CertifiedKey, now: Timestamp) -> bool {
    let end = certified.cert.first().and_then(|leaf| certificate::expires(leaf));
    end.is_some_and(|end| end <= now)
}

impl std::fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerTls").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn write(folder: &Path, name: &str, last_year: i32) -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(last_year, 12, 31);
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(folder.join("cert.pem"), certificate.pem()).unwrap();
        std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
        key.serialize_pem()
    }

    fn at(year: i16) -> Timestamp {
        format!("{year}-06-01T00:00:00Z").parse().unwrap()
    }

    #[test]
    fn certificate_that_cannot_be_used_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        write(folder.path(), "a.example", 2030);
        let files = Tls {
            of: "admin",
            at: "admin.tls".to_owned(),
            certificate: file("cert.pem"),
            key: file("key.pem"),
        };
        let tls = ServerTls::read_for_http1([&files]).unwrap().unwrap();
        let in_use = || tls.certificates.all()[0].cert.clone();
        let first = in_use();
        assert!(!tls.reload(0, at(2026)).unwrap(), "it is the same");
        let key = write(folder.path(), "b.example", 2025);
        std::fs::write(file("key.pem"), "").unwrap();
        let error = tls.reload(0, at(2026)).unwrap_err().to_string();
        assert!(
            error.starts_with("admin.tls.key: ") && error.contains("no private key"),
            "{error}"
        );
        std::fs::write(file("key.pem"), key).unwrap();
        let error = tls.reload(0, at(2026)).unwrap_err().to_string();
        assert!(
            error.starts_with("admin.tls.certificate: ")
                && error.ends_with("has expired; renew it"),
            "{error}"
        );
        assert_eq!(in_use(), first);
        // When the one in use has expired too, the new one is no worse.
        assert!(tls.reload(0, at(2031)).unwrap());
        assert_ne!(in_use(), first);
    }

    #[test]
    fn without_certificates_there_is_no_tls() {
        assert!(ServerTls::read([]).unwrap().is_none());
    }
}
