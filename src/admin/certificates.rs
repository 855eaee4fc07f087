//! The certificates of the listeners: when they expire.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::config::{Settings, Tls};
use crate::credential::{certificate, pem};
use crate::directory::warning::{Warning, WarningName};

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

    /// What is to be reported about them.
    pub(super) fn warnings(&self, now: Timestamp) -> impl Iterator<Item = Warning> + use<'_> {
        self.0.iter().filter_map(move |Certificate { of, expires }| {
            let left = expires.duration_since(now);
            let at = expires.strftime("%Y-%m-%d %H:%M UTC");
            let (name, verb) = match left {
                left if left <= SignedDuration::ZERO => {
                    (WarningName::CertificateExpired, "expired")
                }
                left if left < REPORTED_BEFORE => (WarningName::CertificateExpiresSoon, "expires"),
                _ => return None,
            };
            let detail = format!("the certificate of `{of}.tls` {verb} at {at}");
            Some(Warning::new(name, detail).about([format!("{of}.tls")]))
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
            ("2027-02-19T00:00:00Z", Some(WarningName::CertificateExpiresSoon)),
            ("2027-03-04T00:00:00Z", Some(WarningName::CertificateExpired)),
        ] {
            let warnings = certificates.warnings(now.parse().unwrap()).collect::<Vec<_>>();
            assert_eq!(warnings.first().map(|it| it.name), expected, "{now}");
        }
    }
}
