//! The stable names of warnings. Operators allow warnings by name in `[check]`, and the log and
//! `check --json` have them.

use std::fmt;
use std::str::FromStr;

use portcullis_policy::did_you_mean;

/// The name of a kind of warning. `docs/cli.md` says what each means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WarningName {
    /// An environment variable names a setting with single underscores.
    IgnoredVariable,
    /// Browsers use https, and neither does TLS end here nor is a proxy trusted.
    HttpsWithoutTls,
    /// Nothing names the clients of a Unix socket.
    UnixWithoutClient,
    /// TLS ends here, and the public URL is http.
    TlsWithHttpUrl,
    /// The admin listener accepts connections of other machines in clear text.
    AdminWithoutTls,
    /// The certificate has expired.
    CertificateExpired,
    /// The certificate expires within two weeks.
    CertificateExpiresSoon,
    /// The certificate is not valid yet.
    CertificateNotYetValid,
    /// The certificate is not for a served host.
    CertificateOtherHost,
    /// Every user of the machine can read the key of the certificate.
    ReadableKey,
    /// The name on the pages is the default.
    DefaultName,
    /// The sender of mails is the default.
    DefaultSender,
    /// Mails are written to a folder and not sent.
    MailNotSent,
    /// A colour had to be adjusted.
    AdjustedColour,
    /// The secret key is still in the folder of the store.
    FormerKeyFile,
    /// The folder of the store is a mount point.
    StoreMountPoint,
    /// A server of the portal is an address of the gateway.
    UpstreamIsGateway,
    /// No route uses servers of the settings.
    UnusedUpstream,
    /// A segment of a path looks like a pattern of another program, and matches only itself.
    ForeignSyntax,
    /// A less strict route allows the path of a stricter one with, or without, a slash at the end.
    OpenWithSlash,
    /// A less strict route allows what is below the path of a stricter one.
    OpenBelow,
    /// A less strict route matches another spelling of the path of a stricter one.
    AmbiguousSpelling,
    /// An expectation is about a group that only the running gateway may have.
    UncheckedExpectation,
    /// The policy is in force although an expectation fails.
    FailedExpectation,
    /// The portal does not respond.
    PortalUnreachable,
    /// An entry of `check.allow` allows no warning.
    UnusedAllow,
}

impl WarningName {
    /// Every name, in the order in which warnings are reported.
    pub const ALL: [Self; 26] = [
        Self::IgnoredVariable,
        Self::HttpsWithoutTls,
        Self::UnixWithoutClient,
        Self::TlsWithHttpUrl,
        Self::AdminWithoutTls,
        Self::CertificateExpired,
        Self::CertificateExpiresSoon,
        Self::CertificateNotYetValid,
        Self::CertificateOtherHost,
        Self::ReadableKey,
        Self::DefaultName,
        Self::DefaultSender,
        Self::MailNotSent,
        Self::AdjustedColour,
        Self::FormerKeyFile,
        Self::StoreMountPoint,
        Self::UpstreamIsGateway,
        Self::UnusedUpstream,
        Self::ForeignSyntax,
        Self::OpenWithSlash,
        Self::OpenBelow,
        Self::AmbiguousSpelling,
        Self::UncheckedExpectation,
        Self::FailedExpectation,
        Self::PortalUnreachable,
        Self::UnusedAllow,
    ];

    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IgnoredVariable => "ignored-variable",
            Self::HttpsWithoutTls => "https-without-tls",
            Self::UnixWithoutClient => "unix-without-client",
            Self::TlsWithHttpUrl => "tls-with-http-url",
            Self::AdminWithoutTls => "admin-without-tls",
            Self::CertificateExpired => "certificate-expired",
            Self::CertificateExpiresSoon => "certificate-expires-soon",
            Self::CertificateNotYetValid => "certificate-not-yet-valid",
            Self::CertificateOtherHost => "certificate-other-host",
            Self::ReadableKey => "readable-key",
            Self::DefaultName => "default-name",
            Self::DefaultSender => "default-sender",
            Self::MailNotSent => "mail-not-sent",
            Self::AdjustedColour => "adjusted-colour",
            Self::FormerKeyFile => "former-key-file",
            Self::StoreMountPoint => "store-mount-point",
            Self::UpstreamIsGateway => "upstream-is-gateway",
            Self::UnusedUpstream => "unused-upstream",
            Self::ForeignSyntax => "foreign-syntax",
            Self::OpenWithSlash => "open-with-slash",
            Self::OpenBelow => "open-below",
            Self::AmbiguousSpelling => "ambiguous-spelling",
            Self::UncheckedExpectation => "unchecked-expectation",
            Self::FailedExpectation => "failed-expectation",
            Self::PortalUnreachable => "portal-unreachable",
            Self::UnusedAllow => "unused-allow",
        }
    }
}

impl FromStr for WarningName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|name| name.as_str() == text).ok_or_else(|| {
            let proposal = did_you_mean(text, Self::ALL.map(Self::as_str));
            let advice = if proposal.is_empty() { "; docs/cli.md lists them" } else { &proposal };
            format!("is not the name of a warning{advice}")
        })
    }
}

impl fmt::Display for WarningName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
