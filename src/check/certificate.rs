//! Warnings of the certificate and its key. What cannot be used is an error of
//! [`ServerTls`](crate::net::ServerTls), and not reported here.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};

use super::warning::Warning;
use crate::config::{PublicUrl, Settings, Tls, WarningName};
use crate::credential::certificate::{expires, shown_name};
use crate::credential::pem;
use portcullis_policy::Host;

/// Permission for every user of the machine.
const OTHERS: u32 = 0o007;
/// Stands for any label before a name in `server.hosts`.
const ANY_LABEL: &str = "any";

/// The section whose certificate is presented to the portal, and not to clients.
const UPSTREAM: &str = "upstream";

/// How long before its end a certificate is reported.
const REPORTED_BEFORE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Warnings of these files at this time. Without valid settings, the hosts are not compared.
pub(super) fn warnings(
    certificates: &[&Tls],
    settings: Option<&Settings>,
    now: Timestamp,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let chains: Vec<_> = certificates.iter().map(|tls| (*tls, chain(tls))).collect();
    for (tls, chain) in &chains {
        if let Some(leaf) = chain.first()
            && let Ok(certificate) = ParsedCertificate::try_from(leaf)
        {
            warnings.extend(validity(tls, &certificate, now).or_else(|| ends_soon(tls, leaf, now)));
        }
        warnings.extend(readable_key(tls));
    }
    for of in ["server", "admin"] {
        let of_listener: Option<Vec<_>> = chains
            .iter()
            .filter(|(tls, _)| tls.of == of)
            .map(|(tls, chain)| Some((*tls, ParsedCertificate::try_from(chain.first()?).ok()?)))
            .collect();
        // What cannot be read may be for the hosts that the others are not for.
        if let (Some(of_listener), Some(settings)) = (of_listener, settings) {
            warnings.extend(other_hosts(&of_listener, &hosts(of, settings)));
        }
    }
    warnings
}

/// The certificates of a file; none if it cannot be used.
fn chain(tls: &Tls) -> Vec<CertificateDer<'static>> {
    let pem = std::fs::read(&tls.certificate).unwrap_or_default();
    pem::certificates(&pem).unwrap_or_default()
}

fn validity(tls: &Tls, certificate: &ParsedCertificate<'_>, now: Timestamp) -> Option<Warning> {
    let seconds = u64::try_from(now.as_second()).ok()?;
    // Without trusted issuers it never succeeds; the times are compared first.
    let verified = verify_server_cert_signed_by_trust_anchor(
        certificate,
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
    let by = if tls.of == UPSTREAM { "the portal's servers refuse" } else { "browsers refuse" };
    let detail = format!(
        "{}.certificate: {} {what} {}; {by} it. Renew it, or check the clock of this machine",
        tls.at,
        tls.certificate.display(),
        since.strftime("%Y-%m-%d %H:%M UTC"),
    );
    Some(Warning::new(name, detail))
}

/// A valid certificate that should be renewed now.
fn ends_soon(tls: &Tls, leaf: &CertificateDer<'_>, now: Timestamp) -> Option<Warning> {
    let end = expires(leaf).filter(|end| end.duration_since(now) < REPORTED_BEFORE)?;
    // One whose validity ends before it begins is neither valid yet nor expired for `validity`.
    let (name, verb) = if end <= now {
        (WarningName::CertificateExpired, "expired")
    } else {
        (WarningName::CertificateExpiresSoon, "expires")
    };
    let detail = format!(
        "{}.certificate: {} {verb} on {}. Renew it: the gateway reads the new one without a restart",
        tls.at,
        tls.certificate.display(),
        end.strftime("%Y-%m-%d %H:%M UTC"),
    );
    Some(Warning::new(name, detail))
}

/// Hosts that none of a listener's certificates is for.
fn other_hosts(
    certificates: &[(&Tls, ParsedCertificate<'_>)],
    hosts: &[String],
) -> Option<Warning> {
    let (first, _) = certificates.first()?;
    let mut presented = Vec::new();
    let others: Vec<_> = hosts
        .iter()
        .filter(|host| {
            let name = host.replace('*', ANY_LABEL);
            let Ok(name) = ServerName::try_from(name.trim_matches(['[', ']']).to_owned()) else {
                return false;
            };
            certificates.iter().all(|(_, certificate)| {
                let verified = verify_server_name(certificate, &name);
                if let Err(Error::InvalidCertificate(CertificateError::NotValidForNameContext {
                    presented: names,
                    ..
                })) = &verified
                {
                    presented.clone_from(names);
                }
                verified.is_err()
            })
        })
        .map(|host| format!("`{host}`"))
        .collect();
    if others.is_empty() {
        return None;
    }
    let (of, others) = (first.of, others.join(", "));
    let named = format!("`{of}.public_url` or `{of}.hosts` names; browsers refuse it there");
    let detail = if certificates.len() > 1 {
        format!("{of}.certificates: no certificate is for {others}, which {named}. Add one for it")
    } else {
        let names: Vec<_> = presented.iter().map(|name| shown_name(name)).collect();
        let names = match &*names {
            [] => "names no host".to_owned(),
            names => format!("is for {}", names.join(", ")),
        };
        format!(
            "{}.certificate: {} {names}, and not for {others}, which {named}. Use a certificate for \
             all of them{}",
            first.at,
            first.certificate.display(),
            if of == "server" { ", or add one with `server.certificates`" } else { "" },
        )
    };
    Some(Warning::new(WarningName::CertificateOtherHost, detail))
}

/// The hosts that browsers use. A loopback address is for programs of this machine.
fn hosts(of: &str, Settings { server, admin, .. }: &Settings) -> Vec<String> {
    let name = |host: &Host| Some(host.name().to_owned()).filter(|name| !is_loopback(name));
    if of == "admin" {
        let public = admin.public_url.as_ref().map(PublicUrl::host);
        return public.into_iter().chain(&admin.hosts).filter_map(name).collect();
    }
    let named = std::iter::once(server.public_url.host()).chain(&server.hosts).filter_map(name);
    named.chain(server.hosts_below.iter().map(|parent| format!("*.{}", parent.name()))).collect()
}

fn is_loopback(name: &str) -> bool {
    let address = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// A file without a key is an error, and nothing in it is secret.
fn readable_key(Tls { at, key: file, .. }: &Tls) -> Option<Warning> {
    pem::private_key(&std::fs::read(file).ok()?).ok()?;
    let mode = std::fs::metadata(file).ok()?.permissions().mode() & 0o777;
    (mode & OTHERS != 0).then(|| {
        let detail = format!(
            "{at}.key: every user of this machine has access to {} (mode {mode:04o}). Run \
             `chmod o= {}`, and replace the certificate if others may have read the key",
            file.display(),
            file.display(),
        );
        Warning::new(WarningName::ReadableKey, detail)
    })
}
