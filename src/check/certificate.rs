//! Warnings of the certificate and its key. What cannot be used is an error of
//! [`ServerTls`](crate::net::ServerTls), and not reported here.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};

use super::warning::Warning;
use crate::config::{Server, Tls, WarningName};
use crate::credential::pem;

/// Permission for every user of the machine.
const OTHERS: u32 = 0o007;
/// Stands for any label before a name in `server.hosts`.
const ANY_LABEL: &str = "any";

/// Warnings of these files at this time. Without valid settings, the hosts are not compared.
pub(super) fn warnings(tls: &Tls, server: Option<&Server>, now: Timestamp) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let chain = std::fs::read(&tls.certificate).ok().and_then(|pem| pem::certificates(&pem).ok());
    if let Some(leaf) = chain.as_ref().and_then(|chain| chain.first())
        && let Ok(certificate) = ParsedCertificate::try_from(leaf)
    {
        warnings.extend(validity(&tls.certificate, leaf, now));
        let hosts = server.map(hosts).unwrap_or_default();
        warnings.extend(other_hosts(&tls.certificate, &certificate, &hosts));
    }
    warnings.extend(readable_key(&tls.key));
    warnings
}

fn validity(file: &Path, leaf: &CertificateDer<'_>, now: Timestamp) -> Option<Warning> {
    let certificate = ParsedCertificate::try_from(leaf).ok()?;
    let seconds = u64::try_from(now.as_second()).ok()?;
    // Without trusted issuers it never succeeds; the times are compared first.
    let verified = verify_server_cert_signed_by_trust_anchor(
        &certificate,
        &RootCertStore::empty(),
        &[],
        UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
        ring::default_provider().signature_verification_algorithms.all,
    );
    let (name, what, since) = match verified.err()? {
        Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }) => {
            (WarningName::CertificateExpired, "expired on", not_after)
        }
        Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. }) => {
            (WarningName::CertificateNotYetValid, "is not valid before", not_before)
        }
        _ => return None,
    };
    let since = Timestamp::from_second(i64::try_from(since.as_secs()).ok()?).ok()?;
    let detail = format!(
        "server.tls.certificate: {} {what} {}; browsers refuse it. Renew it, or check the clock of \
         this machine",
        file.display(),
        since.strftime("%Y-%m-%d %H:%M UTC"),
    );
    Some(Warning::new(name, detail))
}

fn other_hosts(
    file: &Path,
    certificate: &ParsedCertificate<'_>,
    hosts: &[String],
) -> Option<Warning> {
    let mut presented = Vec::new();
    let others: Vec<_> = hosts
        .iter()
        .filter(|host| {
            let name = host.replace('*', ANY_LABEL);
            let Ok(name) = ServerName::try_from(name.trim_matches(['[', ']']).to_owned()) else {
                return false;
            };
            match verify_server_name(certificate, &name) {
                Ok(()) => false,
                Err(Error::InvalidCertificate(CertificateError::NotValidForNameContext {
                    presented: names,
                    ..
                })) => {
                    presented = names;
                    true
                }
                Err(_) => true,
            }
        })
        .map(|host| format!("`{host}`"))
        .collect();
    let names: Vec<_> = presented.iter().map(|name| plain(name)).collect();
    let names = match &*names {
        [] => "names no host".to_owned(),
        names => format!("is for {}", names.join(", ")),
    };
    (!others.is_empty()).then(|| {
        let detail = format!(
            "server.tls.certificate: {} {names}, and not for {}, which `server.public_url` or \
             `server.hosts` names; browsers refuse it there. Use a certificate for all of them",
            file.display(),
            others.join(", "),
        );
        Warning::new(WarningName::CertificateOtherHost, detail)
    })
}

/// A name as rustls shows it, `DnsName("portal.example")`, without its kind.
fn plain(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    format!("`{}`", inner.unwrap_or(name).trim_matches('"'))
}

/// The hosts that browsers use. A loopback address is for programs of this machine.
fn hosts(server: &Server) -> Vec<String> {
    let named = std::iter::once(server.public_url.host()).chain(&server.hosts);
    let named = named.map(|host| host.name().to_owned()).filter(|name| !is_loopback(name));
    named.chain(server.hosts_below.iter().map(|parent| format!("*.{}", parent.name()))).collect()
}

fn is_loopback(name: &str) -> bool {
    let address = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// A file without a key is an error, and nothing in it is secret.
fn readable_key(file: &Path) -> Option<Warning> {
    pem::private_key(&std::fs::read(file).ok()?).ok()?;
    let mode = std::fs::metadata(file).ok()?.permissions().mode() & 0o777;
    (mode & OTHERS != 0).then(|| {
        let detail = format!(
            "server.tls.key: every user of this machine has access to {} (mode {mode:04o}). Run \
             `chmod o= {}`, and replace the certificate if others may have read the key",
            file.display(),
            file.display(),
        );
        Warning::new(WarningName::ReadableKey, detail)
    })
}
