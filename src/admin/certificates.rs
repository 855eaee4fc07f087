//! The certificates of the listeners: when they expire.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::config::{Settings, Tls};
use crate::credential::{certificate, pem};

/// How long before its end a certificate is reported.
const REPORTED_BEFORE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The certificates of the listeners at which TLS ends, as they were at the start.
#[derive(Debug)]
pub(super) struct Certificates(Vec<Certificate>);

/// The certificate of a listener.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub(super) struct Certificate {
    /// The section of the settings that names it: `server` or `admin`.
    of: &'static str,
    /// The end of its validity.
    expires: Timestamp,
}

impl Certificates {
    /// Those that these settings name. One whose end cannot be read is left out.
    pub(super) fn read(settings: &Settings) -> Self {
        let named = [&settings.server.tls, &settings.admin.tls].into_iter().flatten();
        Self(named.filter_map(read).collect())
    }

    pub(super) fn all(&self) -> &[Certificate] {
        &self.0
    }

    /// What is to be reported about them: the name of the warning, and its text.
    pub(super) fn warnings(
        &self,
        now: Timestamp,
    ) -> impl Iterator<Item = (&'static str, String)> + use<'_> {
        self.0.iter().filter_map(move |Certificate { of, expires }| {
            let left = expires.duration_since(now);
            let at = expires.strftime("%Y-%m-%d %H:%M UTC");
            if left <= SignedDuration::ZERO {
                let detail = format!("the certificate of `{of}.tls` expired at {at}");
                Some(("certificate-expired", detail))
            } else if left < REPORTED_BEFORE {
                let detail = format!("the certificate of `{of}.tls` expires at {at}");
                Some(("certificate-expires-soon", detail))
            } else {
                None
            }
        })
    }
}

fn read(files: &Tls) -> Option<Certificate> {
    let chain = pem::certificates(&std::fs::read(&files.certificate).ok()?).ok()?;
    Some(Certificate { of: files.of, expires: certificate::expires(chain.first()?)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_reported_two_weeks_before_its_end() {
        let expires: Timestamp = "2027-03-04T00:00:00Z".parse().unwrap();
        let certificates = Certificates(vec![Certificate { of: "server", expires }]);
        for (now, expected) in [
            ("2027-02-17T00:00:00Z", None),
            ("2027-02-19T00:00:00Z", Some("certificate-expires-soon")),
            ("2027-03-04T00:00:00Z", Some("certificate-expired")),
        ] {
            let warnings = certificates.warnings(now.parse().unwrap()).collect::<Vec<_>>();
            assert_eq!(warnings.first().map(|(name, _)| *name), expected, "{now}");
        }
    }
}
