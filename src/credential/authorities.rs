//! Certificate authorities that connections of the gateway trust.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

use super::pem;

/// Those of the system. Certificates that cannot be read are left out.
#[must_use]
pub fn of_system() -> RootCertStore {
    let mut authorities = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs().certs;
    let (_, unusable) = authorities.add_parsable_certificates(found);
    tracing::debug!(unusable, "read the system's certificates");
    authorities
}

/// Adds all certificates of a PEM file.
///
/// # Errors
/// What is wrong with the file, to follow its name.
pub fn add_file(authorities: &mut RootCertStore, file: &Path) -> Result<(), String> {
    for certificate in pem::certificates(&pem::read(file)?)? {
        authorities
            .add(certificate)
            .map_err(|error| format!("has a certificate that cannot be used: {error}"))?;
    }
    Ok(())
}

/// Connections by TLS 1.2 or 1.3 to servers whose certificates are of these authorities.
///
/// # Errors
/// When neither version can be used.
pub fn trusting(authorities: RootCertStore) -> Result<Arc<ClientConfig>, rustls::Error> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(authorities)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
