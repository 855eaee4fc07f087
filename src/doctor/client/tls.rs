//! TLS that goes on with a certificate that is not trusted, and remembers why it is not.

use std::sync::Arc;

use parking_lot::Mutex;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use crate::credential::authorities;
use crate::proxy::upstream_tls::UpstreamTlsFiles;

/// What a server has presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::doctor) struct TlsSeen {
    /// Its certificate (DER).
    pub(in crate::doctor) certificate: Vec<u8>,
    /// How many further certificates it has sent.
    pub(in crate::doctor) intermediates: usize,
    /// Why it is refused by whom it is for: browsers, or the gateway if it is the portal's.
    pub(in crate::doctor) refused: Option<Refused>,
}

/// Why a certificate is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::doctor) enum Refused {
    /// No authority that is trusted has issued it, as far as the sent chain shows.
    UnknownIssuer,
    /// Another reason.
    Other(String),
}

/// The authorities that are trusted, and what servers get that ask for a certificate.
#[derive(Debug)]
pub(in crate::doctor) struct Tls {
    provider: Arc<CryptoProvider>,
    webpki: Option<Arc<WebPkiServerVerifier>>,
    client: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

impl Tls {
    /// The authorities of the system, and no certificate.
    pub(in crate::doctor) fn new() -> Self {
        Self::of(UpstreamTlsFiles { authorities: authorities::of_system(), client: None })
    }

    /// As the gateway connects to its portal.
    pub(in crate::doctor) fn of(files: UpstreamTlsFiles) -> Self {
        let UpstreamTlsFiles { authorities, client } = files;
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(
            Arc::new(authorities),
            Arc::clone(&provider),
        );
        // Fails without any authority.
        Self { provider, webpki: verifier.build().ok(), client }
    }

    /// A configuration for one connection, and what will know its certificate.
    pub(in crate::doctor) fn config(&self) -> Result<(Arc<ClientConfig>, Arc<Verifier>), Error> {
        let verifier = Arc::new(Verifier {
            provider: Arc::clone(&self.provider),
            webpki: self.webpki.clone(),
            seen: Mutex::new(None),
        });
        let config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&verifier) as Arc<dyn ServerCertVerifier>);
        let config = match &self.client {
            None => config.with_no_client_auth(),
            Some((chain, key)) => config.with_client_auth_cert(chain.clone(), key.clone_key())?,
        };
        Ok((Arc::new(config), verifier))
    }
}

/// Accepts every certificate, and keeps why it is not valid.
#[derive(Debug)]
pub(in crate::doctor) struct Verifier {
    provider: Arc<CryptoProvider>,
    webpki: Option<Arc<WebPkiServerVerifier>>,
    seen: Mutex<Option<TlsSeen>>,
}

impl Verifier {
    /// What the server has presented.
    pub(in crate::doctor) fn seen(&self) -> Option<TlsSeen> {
        self.seen.lock().clone()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let refused = match &self.webpki {
            None => Some(Refused::Other("this machine trusts no authority".to_owned())),
            Some(webpki) => {
                match webpki.verify_server_cert(certificate, intermediates, name, ocsp, now) {
                    Ok(_) => None,
                    Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
                        Some(Refused::UnknownIssuer)
                    }
                    Err(error) => Some(Refused::Other(error.to_string())),
                }
            }
        };
        *self.seen.lock() = Some(TlsSeen {
            certificate: certificate.to_vec(),
            intermediates: intermediates.len(),
            refused,
        });
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
