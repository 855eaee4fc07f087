//! `[upstream.tls]`: how connections to `https://` servers of the portal are secured.
//!
//! There is no setting that turns verification off.

use std::path::PathBuf;
use std::str::FromStr;

use rustls::pki_types::ServerName;

use super::reader::Reader;
use super::tls::Tls;

/// The name of the section.
pub const UPSTREAM_TLS: &str = "upstream.tls";

/// `upstream.tls`
#[derive(Debug, Clone, Default)]
pub struct UpstreamTls {
    /// `upstream.tls.ca`: the authorities that are trusted, in PEM, in place of the system's.
    pub ca: Option<PathBuf>,
    /// `upstream.tls.name`: the name that certificates must have, in place of the host of the URL.
    pub name: Option<ServerName<'static>>,
    /// `upstream.tls.certificate` and `upstream.tls.key`: what the gateway presents.
    pub client: Option<Tls>,
}

/// The name in a certificate.
struct CertificateName(ServerName<'static>);

impl UpstreamTls {
    pub(super) fn read(r: &mut Reader, has_https: bool) -> Self {
        let ca = r.optional_path("upstream.tls.ca");
        let name = r.parsed::<CertificateName>("upstream.tls.name").map(|name| name.0);
        let certificate = r.optional_path("upstream.tls.certificate");
        let key = r.optional_path("upstream.tls.key");
        let are_valid = r.is_valid("upstream.servers") && r.is_valid("upstream.others");
        if r.has(UPSTREAM_TLS) && !has_https && are_valid {
            let message = "has no effect: no server in `upstream` begins with `https://`";
            r.problem(UPSTREAM_TLS, message.to_owned());
        }
        let client = match (certificate, key) {
            (Some(certificate), Some(key)) => {
                Some(Tls { of: "upstream", at: UPSTREAM_TLS.to_owned(), certificate, key })
            }
            (None, None) => None,
            (_, _) => {
                let message = "requires `certificate` and `key`, or neither";
                r.problem(UPSTREAM_TLS, message.to_owned());
                None
            }
        };
        Self { ca, name, client }
    }
}

impl FromStr for CertificateName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        ServerName::try_from(text.to_owned())
            .map(Self)
            .map_err(|_| "is not the name of a host (e.g. `portal.example`) or an IP address")
    }
}
