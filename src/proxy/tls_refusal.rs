//! Why a TLS connection to the portal failed, and what to do about it.

use std::fmt;
use std::io;

use jiff::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error};

use crate::config::UpstreamTls;
use crate::credential::certificate::shown_name;

/// Why a TLS connection to the portal failed.
#[derive(Debug)]
pub struct TlsRefusal(String);

/// What the settings say of certificates, as far as it is part of an explanation.
#[derive(Debug, Clone)]
pub(super) struct Presented {
    /// The file of the authorities that are trusted.
    ca: Option<String>,
    /// The file of the gateway's own certificate.
    client: Option<String>,
}

impl Presented {
    pub(super) fn by(settings: &UpstreamTls) -> Self {
        Self {
            ca: settings.ca.as_ref().map(|file| file.display().to_string()),
            client: settings.client.as_ref().map(|files| files.certificate.display().to_string()),
        }
    }
}

impl TlsRefusal {
    /// `None` if the error is not one of TLS.
    pub(super) fn of(error: &io::Error, presented: &Presented) -> Option<Self> {
        let error = error.get_ref()?.downcast_ref::<Error>()?;
        Some(Self(match error {
            Error::InvalidCertificate(wrong) => certificate(wrong, presented),
            Error::AlertReceived(alert) => refused(*alert, presented),
            Error::InvalidMessage(_) => "what it sends is not TLS; write `http://` if it serves \
                                         plain HTTP"
                .to_owned(),
            Error::PeerIncompatible(_) => format!(
                "it supports neither TLS 1.2 nor TLS 1.3 as the gateway does ({error}); update it, \
                 or put a TLS server in front of it"
            ),
            error => error.to_string(),
        }))
    }
}

/// What is wrong with the server's certificate.
fn certificate(wrong: &CertificateError, presented: &Presented) -> String {
    match wrong {
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<_> = presented.iter().map(|name| shown_name(name)).collect();
            let names = match &*names {
                [] => "names no host".to_owned(),
                names => format!("is for {}", names.join(", ")),
            };
            format!(
                "its certificate {names}, not for `{}`; set `upstream.tls.name` to the name that it \
                 has, or issue one for this name",
                expected.to_str()
            )
        }
        CertificateError::ExpiredContext { not_after, .. } => format!(
            "its certificate expired at {}; renew it there, or check the clock of this machine",
            shown_time(*not_after)
        ),
        CertificateError::NotValidYetContext { not_before, .. } => format!(
            "its certificate is not valid before {}; check the clock of this machine",
            shown_time(*not_before)
        ),
        CertificateError::UnknownIssuer => match &presented.ca {
            Some(file) => format!(
                "its certificate was not issued by an authority in {file} (`upstream.tls.ca`), or \
                 comes without its chain"
            ),
            None => "its certificate was not issued by an authority that this machine trusts, or \
                     comes without its chain; set `upstream.tls.ca` to the file of a private \
                     authority"
                .to_owned(),
        },
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "its certificate is that of an authority (`CA:TRUE`), which no server may present; issue \
             one without it (`openssl req -x509 -addext basicConstraints=critical,CA:FALSE`)"
                .to_owned()
        }
        other => format!("its certificate cannot be used: {other}"),
    }
}

/// Why the server refuses.
fn refused(alert: AlertDescription, presented: &Presented) -> String {
    use AlertDescription as Alert;
    match (alert, &presented.client) {
        (Alert::CertificateRequired, None) => "it requires a certificate of the gateway; set \
                                               `upstream.tls.certificate` and `upstream.tls.key`"
            .to_owned(),
        (Alert::HandshakeFailure, None) => {
            "it refuses the handshake; if it requires a certificate of the gateway, set \
             `upstream.tls.certificate` and `upstream.tls.key`"
                .to_owned()
        }
        (
            Alert::CertificateRequired
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::DecryptError,
            Some(file),
        ) => {
            format!("it refuses the certificate in {file} (`upstream.tls.certificate`): {alert:?}")
        }
        (Alert::UnrecognisedName, _) => "it does not know the name that it was asked for; set \
                                         `upstream.tls.name` to one that it serves"
            .to_owned(),
        (Alert::ProtocolVersion, _) => {
            "it supports neither TLS 1.2 nor TLS 1.3; update it, or put \
                                        a TLS server in front of it"
                .to_owned()
        }
        (alert, _) => format!("it refuses the handshake: {alert:?}"),
    }
}

fn shown_time(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    match Timestamp::from_second(seconds) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        Err(_) => "an unknown time".to_owned(),
    }
}

impl fmt::Display for TlsRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsRefusal {}
