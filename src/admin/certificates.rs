//! The gateway's certificates: when they expire, and whether new files could be read.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;

use crate::config::{Settings, Tls};
use crate::credential::{certificate, pem};
use crate::directory::warning::{Warning, WarningName};

/// How many days before its end a certificate is reported.
const REPORTED_BEFORE: i64 = 14;

/// The certificates that the gateway presents to clients and to the portal. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Certificates(Arc<Mutex<Noted>>);

/// What is known of them.
#[derive(Debug, Default)]
struct Noted {
    certificates: Vec<Certificate>,
    /// Why files without a certificate of the gateway, which were changed, could not be read, by
    /// their setting.
    problems: BTreeMap<String, String>,
}

/// A certificate of the gateway.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct Certificate {
    /// The section of its settings: `server`, `admin` or `upstream`.
    of: &'static str,
    /// The setting that names its file.
    pub(super) setting: String,
    /// The end of its validity.
    pub(super) expires: Timestamp,
    /// Why its files, which were changed, could not be read; the certificate is still in use.
    problem: Option<String>,
}

impl Certificates {
    /// Those that these settings name. One whose end cannot be read is left out.
    pub(super) fn read(settings: &Settings) -> Self {
        let certificates = settings.certificates().filter_map(read).collect();
        Self(Arc::new(Mutex::new(Noted { certificates, ..Noted::default() })))
    }

    /// All of them, in the order of the settings.
    #[must_use]
    pub fn all(&self) -> Vec<Certificate> {
        self.0.lock().certificates.clone()
    }

    /// Notes that the files of a setting are read again, with `own` among them if one is a
    /// certificate of the gateway; or why that is not possible.
    pub fn note(&self, setting: &str, own: Option<&Tls>, reloaded: Result<(), String>) {
        let read = own.filter(|_| reloaded.is_ok()).and_then(read);
        let mut noted = self.0.lock();
        let Noted { certificates, problems } = &mut *noted;
        match (certificates.iter_mut().find(|it| it.setting == setting), read, reloaded) {
            (Some(certificate), Some(read), _) => *certificate = read,
            (Some(certificate), None, reloaded) => certificate.problem = reloaded.err(),
            (None, _, Ok(())) => drop(problems.remove(setting)),
            (None, _, Err(problem)) => drop(problems.insert(setting.to_owned(), problem)),
        }
    }

    /// What is to be reported about them.
    pub(super) fn warnings(&self, now: Timestamp) -> Vec<Warning> {
        let noted = self.0.lock();
        let Noted { certificates, problems } = &*noted;
        let own = certificates.iter().flat_map(|certificate| certificate.warnings(now));
        own.chain(problems.iter().map(|(setting, problem)| not_reloaded(setting, problem)))
            .collect()
    }
}

impl Certificate {
    /// The whole days until it expires; negative afterwards.
    #[must_use]
    pub fn days_left(&self, now: Timestamp) -> i64 {
        self.expires.duration_since(now).as_secs().div_euclid(24 * 3600)
    }

    fn warnings(&self, now: Timestamp) -> impl Iterator<Item = Warning> + use<> {
        let Self { setting, expires, problem, .. } = self;
        let at = expires.strftime("%Y-%m-%d %H:%M UTC");
        let ends = if *expires <= now {
            Some((WarningName::CertificateExpired, "expired"))
        } else if self.days_left(now) < REPORTED_BEFORE {
            Some((WarningName::CertificateExpiresSoon, "expires"))
        } else {
            None
        };
        let ends = ends.map(|(name, verb)| {
            Warning::new(name, format!("the certificate of `{setting}` {verb} at {at}"))
                .about([setting.as_str()])
        });
        let unread = problem.as_ref().map(|problem| not_reloaded(setting, problem));
        ends.into_iter().chain(unread)
    }
}

/// That the files of a setting were changed and could not be read.
fn not_reloaded(setting: &str, problem: &str) -> Warning {
    let detail = format!("the certificate of `{setting}` stays in use: {problem}");
    Warning::new(WarningName::CertificateNotReloaded, detail).about([setting])
}

fn read(files: &Tls) -> Option<Certificate> {
    let chain = pem::certificates(&std::fs::read(&files.certificate).ok()?).ok()?;
    let expires = certificate::expires(chain.first()?)?;
    Some(Certificate { of: files.of, setting: files.at.clone(), expires, problem: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expiring(expires: &str) -> Certificate {
        let expires = expires.parse().unwrap();
        Certificate { of: "server", setting: "server.tls".to_owned(), expires, problem: None }
    }

    #[test]
    fn a_certificate_is_reported_two_weeks_before_its_end() {
        let certificate = expiring("2027-03-04T00:00:00Z");
        for (now, days, expected) in [
            ("2027-02-17T00:00:00Z", 15, None),
            ("2027-02-19T00:00:00Z", 13, Some(WarningName::CertificateExpiresSoon)),
            ("2027-03-03T23:00:00Z", 0, Some(WarningName::CertificateExpiresSoon)),
            ("2027-03-04T00:00:00Z", 0, Some(WarningName::CertificateExpired)),
            ("2027-03-04T00:00:01Z", -1, Some(WarningName::CertificateExpired)),
        ] {
            let now = now.parse().unwrap();
            assert_eq!(certificate.warnings(now).next().map(|it| it.name), expected, "{now}");
            assert_eq!(certificate.days_left(now), days, "{now}");
        }
    }

    #[test]
    fn files_that_cannot_be_read_are_reported_until_they_can() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new.pem");
        let at = "server.tls".to_owned();
        let files = Tls { of: "server", at, certificate: file.clone(), key: file.clone() };
        let noted =
            Noted { certificates: vec![expiring("2047-03-04T00:00:00Z")], ..Noted::default() };
        let certificates = Certificates(Arc::new(Mutex::new(noted)));
        let now = "2027-01-01T00:00:00Z".parse().unwrap();
        assert!(certificates.warnings(now).is_empty());
        certificates.note(&files.at, Some(&files), Err("new.pem: is empty".to_owned()));
        let warnings = certificates.warnings(now);
        assert_eq!(warnings.len(), 1);
        assert_eq!(warnings[0].name, WarningName::CertificateNotReloaded);
        assert_eq!(
            warnings[0].detail,
            "the certificate of `server.tls` stays in use: new.pem: is empty"
        );
        let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        std::fs::write(&file, made.cert.pem()).unwrap();
        certificates.note(&files.at, Some(&files), Ok(()));
        assert!(certificates.warnings(now).is_empty());
        assert!(certificates.all()[0].days_left(now) > 10_000, "the new one is read");
    }

    #[test]
    fn authorities_that_cannot_be_read_are_reported_until_they_can() {
        let certificates = Certificates::default();
        let now = "2027-01-01T00:00:00Z".parse().unwrap();
        certificates.note("upstream.tls", None, Err("ca.pem: is empty".to_owned()));
        let warnings = certificates.warnings(now);
        assert_eq!(warnings.len(), 1);
        assert_eq!(warnings[0].name, WarningName::CertificateNotReloaded);
        assert_eq!(warnings[0].about[0].name, "upstream.tls");
        certificates.note("upstream.tls", None, Ok(()));
        assert!(certificates.warnings(now).is_empty());
    }
}
