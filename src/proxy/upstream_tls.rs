//! TLS to the portal's servers, whose files can be read again while the gateway serves.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::config::{Tls, UpstreamTls};
use crate::credential::{authorities, pem};

/// The only protocol that is spoken to the portal.
const HTTP_1: &[u8] = b"http/1.1";

/// A file of `upstream.tls` cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("upstream.tls{0}")]
pub struct UpstreamTlsError(String);

/// What the files of `upstream.tls` contain.
#[derive(Debug)]
pub struct UpstreamTlsFiles {
    /// The authorities that are trusted.
    pub authorities: RootCertStore,
    /// The certificate that the gateway presents, with its chain, and its key.
    pub client: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

/// The client's side of TLS to the portal's servers: TLS 1.2 and 1.3, HTTP/1.1. Certificates are
/// always verified.
pub struct UpstreamTlsClient {
    settings: UpstreamTls,
    inner: ArcSwap<Inner>,
}

struct Inner {
    connector: TlsConnector,
    /// The subjects and keys of the authorities, and the chain that is presented.
    content: (RootCertStore, Vec<CertificateDer<'static>>),
}

impl UpstreamTlsFiles {
    /// Reads the files; without `upstream.tls.ca`, the authorities are those of the system.
    ///
    /// # Errors
    /// When a file cannot be read, has no certificate or no key, or they do not match.
    pub fn read(settings: &UpstreamTls) -> Result<Self, UpstreamTlsError> {
        let authorities = match &settings.ca {
            Some(file) => {
                let mut authorities = RootCertStore::empty();
                authorities::add_file(&mut authorities, file)
                    .map_err(|cause| wrong("ca", file, &cause))?;
                authorities
            }
            None => authorities::of_system(),
        };
        let client = settings.client.as_ref().map(client).transpose()?;
        Ok(Self { authorities, client })
    }
}

fn client(
    files: &Tls,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), UpstreamTlsError> {
    let no_certificate = |cause: String| wrong("certificate", &files.certificate, &cause);
    let no_key = |cause: String| wrong("key", &files.key, &cause);
    let chain = pem::read(&files.certificate).map_err(no_certificate)?;
    let chain = pem::certificates(&chain).map_err(no_certificate)?;
    let key = pem::read(&files.key).map_err(no_key)?;
    Ok((chain, pem::private_key(&key).map_err(no_key)?))
}

fn wrong(key: &str, file: &Path, cause: &str) -> UpstreamTlsError {
    UpstreamTlsError(format!(".{key}: {}: {cause}", file.display()))
}

impl UpstreamTlsClient {
    /// Reads the files of the settings.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub(super) fn read(settings: &UpstreamTls) -> Result<Self, UpstreamTlsError> {
        let inner = ArcSwap::from_pointee(Inner::read(settings)?);
        Ok(Self { settings: settings.clone(), inner })
    }

    /// Reads the files again, and uses them for connections that are made from now on. Returns
    /// whether their certificates are others than before.
    ///
    /// # Errors
    /// When one of them cannot be used; everything then stays as it was.
    pub fn reload(&self) -> Result<bool, UpstreamTlsError> {
        let read = Inner::read(&self.settings)?;
        let (authorities, chain) = &read.content;
        let old = self.inner.load();
        let is_new = old.content.0.roots != authorities.roots || old.content.1 != *chain;
        // Always replaced: a connector also remembers sessions that it may resume.
        self.inner.store(Arc::new(read));
        Ok(is_new)
    }

    /// The files that are read: those of the settings, none without `upstream.tls`.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let client = self.settings.client.iter();
        let client = client.flat_map(|files| [files.certificate.clone(), files.key.clone()]);
        self.settings.ca.iter().cloned().chain(client).collect()
    }

    /// The certificate that the gateway presents.
    #[must_use]
    pub fn client(&self) -> Option<&Tls> {
        self.settings.client.as_ref()
    }

    /// Makes connections with the files that were read last.
    pub(super) fn connector(&self) -> TlsConnector {
        self.inner.load().connector.clone()
    }
}

impl Inner {
    fn read(settings: &UpstreamTls) -> Result<Self, UpstreamTlsError> {
        let UpstreamTlsFiles { authorities, client } = UpstreamTlsFiles::read(settings)?;
        let unusable =
            |error: rustls::Error| UpstreamTlsError(format!(": cannot be used: {error}"));
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_root_certificates(authorities.clone());
        let chain = client.as_ref().map(|(chain, _)| chain.clone()).unwrap_or_default();
        let mut config = match client.zip(settings.client.as_ref()) {
            None => builder.with_no_client_auth(),
            Some(((chain, key), files)) => {
                builder.with_client_auth_cert(chain, key).map_err(|error| match error {
                    rustls::Error::InconsistentKeys(_) => {
                        let certificate = files.certificate.display();
                        let cause =
                            format!("does not belong to the first certificate in {certificate}");
                        wrong("key", &files.key, &cause)
                    }
                    error => unusable(error),
                })?
            }
        };
        config.alpn_protocols = vec![HTTP_1.to_vec()];
        let connector = TlsConnector::from(Arc::new(config));
        Ok(Self { connector, content: (authorities, chain) })
    }
}

impl fmt::Debug for UpstreamTlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamTlsClient")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    /// A certificate that is its own authority, and its key, as PEM.
    fn generate(name: &str) -> [String; 2] {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        [made.cert.pem(), made.signing_key.serialize_pem()]
    }

    fn settings(ca: Option<&Path>, client: Option<[&Path; 2]>) -> UpstreamTls {
        let client = client.map(|[certificate, key]| Tls {
            of: "upstream",
            at: "upstream.tls".to_owned(),
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        });
        UpstreamTls { ca: ca.map(Path::to_owned), name: None, client }
    }

    #[test]
    fn unusable_files_are_named_with_their_setting() {
        let folder = TempDir::new().unwrap();
        let file = |name: &str, content: &str| {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            path
        };
        let ([certificate, key], [_, other_key]) =
            (generate("gateway.test"), generate("other.test"));
        let certificate = file("gateway.crt", &certificate);
        let key = file("gateway.key", &key);
        let other_key = file("other.key", &other_key);
        let missing = folder.path().join("missing.pem");
        let ca = |path: &Path| settings(Some(path), None);
        let client = |certificate: &Path, key: &Path| settings(None, Some([certificate, key]));
        for usable in [ca(&certificate), client(&certificate, &key), settings(None, None)] {
            assert!(UpstreamTlsClient::read(&usable).is_ok(), "{usable:?}");
        }
        for (tls, setting, cause) in [
            (ca(&missing), "ca", "missing.pem: does not exist"),
            (ca(&key), "ca", "gateway.key: has a private key and no certificate"),
            (client(&missing, &key), "certificate", "missing.pem: does not exist"),
            (client(&certificate, &missing), "key", "missing.pem: does not exist"),
            (client(&certificate, &certificate), "key", "gateway.crt: has a certificate and no"),
            (
                client(&certificate, &other_key),
                "key",
                "other.key: does not belong to the first certificate in ",
            ),
        ] {
            let error = UpstreamTlsClient::read(&tls).unwrap_err().to_string();
            assert!(error.starts_with(&format!("upstream.tls.{setting}: ")), "{error}");
            assert!(error.contains(cause), "{error}");
        }
    }

    #[test]
    fn files_that_cannot_be_used_change_nothing() {
        let folder = TempDir::new().unwrap();
        let [ca, certificate, key] =
            ["ca.pem", "gateway.crt", "gateway.key"].map(|name| folder.path().join(name));
        let write = |name: &str| {
            let [pem, key_pem] = generate(name);
            fs::write(&certificate, &pem).unwrap();
            fs::write(&key, key_pem).unwrap();
            pem
        };
        fs::write(&ca, write("a.test")).unwrap();
        let tls =
            UpstreamTlsClient::read(&settings(Some(&ca), Some([&certificate, &key]))).unwrap();
        assert_eq!(tls.files(), [ca.clone(), certificate.clone(), key.clone()]);
        assert!(!tls.reload().unwrap(), "they are the same");
        let in_use = || tls.inner.load().content.1.clone();
        let first = in_use();
        let renewed = write("b.test");
        fs::write(&ca, "").unwrap();
        let error = tls.reload().unwrap_err().to_string();
        assert!(error.starts_with("upstream.tls.ca: "), "{error}");
        assert_eq!(in_use(), first);
        fs::write(&ca, renewed).unwrap();
        assert!(tls.reload().unwrap());
        assert_ne!(in_use(), first);
        assert!(!tls.reload().unwrap());
        // A new authority alone is a change, too.
        fs::write(&ca, generate("c.test")[0].clone()).unwrap();
        assert!(tls.reload().unwrap());
    }
}
