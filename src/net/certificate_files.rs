//! Reads a certificate and its key, and says what is wrong with them.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::config::Tls;
use crate::credential::pem;

/// A certificate or its key cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(pub(super) String);

/// Reads the certificate chain and the private key.
///
/// # Errors
/// When a file cannot be read, holds no certificate or no key, or they do not match.
pub(super) fn certified_key(files: &Tls) -> Result<Arc<CertifiedKey>, TlsError> {
    let at = &files.at;
    let wrong = |key: &str, file: &Path, cause: String| {
        TlsError(format!("{at}.{key}: {}: {cause}", file.display()))
    };
    let no_certificate = |cause| wrong("certificate", &files.certificate, cause);
    let certificates = pem::read(&files.certificate).map_err(no_certificate)?;
    let chain = pem::certificates(&certificates).map_err(no_certificate)?;
    let no_key = |cause| wrong("key", &files.key, cause);
    let key = pem::read(&files.key).map_err(no_key)?;
    let key = pem::private_key(&key).map_err(no_key)?;
    let others = chain.iter().skip(1).cloned().collect::<Vec<_>>();
    let certified = CertifiedKey::from_der(chain, key.clone_key(), &ring::default_provider());
    certified.map(Arc::new).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            wrong("key", &files.key, of_another_certificate(files, others, &key))
        }
        error => TlsError(format!("{at}: certificate and key cannot be used: {error}")),
    })
}

/// What is wrong with a key that does not belong to the first certificate; `others` follow it.
fn of_another_certificate(
    files: &Tls,
    others: Vec<CertificateDer<'static>>,
    key: &PrivateKeyDer<'static>,
) -> String {
    let provider = ring::default_provider();
    let is_later = others.into_iter().any(|certificate| {
        CertifiedKey::from_der(vec![certificate], key.clone_key(), &provider).is_ok()
    });
    let certificate = files.certificate.display();
    if is_later {
        return format!(
            "belongs to a certificate in {certificate} that is not the first; put it first, followed \
             by the certificates of its issuers"
        );
    }
    format!(
        "does not belong to the certificate in {certificate}; name the key that it was issued for"
    )
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
            let (certificate, key) = (certificate.to_owned(), key.to_owned());
            let files = Tls { of: "server", at: "server.tls".to_owned(), certificate, key };
            certified_key(&files).map_or_else(|error| error.to_string(), |_| String::new())
        };
        let der = folder.path().join("cert.der");
        std::fs::write(&der, ours.cert.der()).unwrap();
        let key_der = folder.path().join("key.der");
        let mut long_der = vec![0x30, 0x82, 0, 0, 2, 1, 0];
        long_der.extend(ours.signing_key.serialized_der());
        std::fs::write(&key_der, long_der).unwrap();
        let archive = folder.path().join("cert.p12");
        std::fs::write(&archive, [0x30, 0x82, 1, 0, 2, 1, 3, 0]).unwrap();
        let request = file("cert.csr", "-----BEGIN CERTIFICATE REQUEST-----\nAA==\n");
        let encrypted = file("encrypted.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n");
        let old = file(
            "old.pem",
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n",
        );
        let reversed = file("reversed.pem", &format!("{}{}", other.cert.pem(), ours.cert.pem()));
        let folder_path = folder.path().to_owned();
        assert_eq!(error(&certificate, &key), "");
        for (certificate, key, expected) in [
            (&missing, &key, ["server.tls.certificate: ", "missing.pem: does not exist"]),
            (&certificate, &missing, ["server.tls.key: ", "missing.pem: does not exist"]),
            (&folder_path, &key, ["server.tls.certificate: ", ": is a folder; name the file"]),
            (&empty, &key, ["server.tls.certificate: ", "empty.pem: has no certificate"]),
            (&key, &key, ["server.tls.certificate: ", "`certificate` and `key` may be swapped"]),
            (&der, &key, ["server.tls.certificate: ", "openssl x509 -inform der -in FILE"]),
            (&archive, &key, ["server.tls.certificate: ", "openssl pkcs12 -in FILE"]),
            (&request, &key, ["server.tls.certificate: ", "cert.csr: is a certificate request"]),
            (&certificate, &empty, ["server.tls.key: ", "empty.pem: has no private key"]),
            (&certificate, &certificate, ["server.tls.key: ", "`key` may be swapped"]),
            (&certificate, &key_der, ["server.tls.key: ", "openssl pkey -inform der -in FILE"]),
            (&certificate, &encrypted, ["server.tls.key: ", "encrypted.pem: is encrypted with"]),
            (&certificate, &old, ["server.tls.key: ", "old.pem: is encrypted with a passphrase"]),
            (&certificate, &other_key, ["server.tls.key: ", "other.pem: does not belong to the"]),
            (&reversed, &key, ["server.tls.key: ", "reversed.pem that is not the first"]),
        ] {
            let error = error(certificate, key);
            assert!(expected.iter().all(|part| error.contains(part)), "{expected:?}: {error}");
        }
    }
}
