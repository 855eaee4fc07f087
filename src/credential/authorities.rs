//! Certificate authorities that connections of the gateway trust.

use std::path::Path;

use rustls::RootCertStore;

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
