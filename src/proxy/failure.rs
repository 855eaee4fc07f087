//! Why a request gets no response from the portal.

use crate::authz::Refusal;

/// Why the gateway answers a request itself.
#[derive(Debug, Clone, Copy)]
pub enum Cause<'a> {
    /// The request is refused.
    Refused(Refusal<'a>),
    /// The request is allowed, but there is no response from the portal to answer it with.
    Failed(Failure),
    /// Another proxy asks about the request in a way that is not its contract: 403.
    Contract(ContractError),
}

/// Why the question of another proxy about a request cannot be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// The proxy is not in `server.trusted_proxies`.
    #[error("its address is not in `server.trusted_proxies`")]
    UntrustedProxy,
    /// A field of the contract is missing.
    #[error("a field is missing")]
    MissingField,
    /// A field of the contract is there more than once.
    #[error("a field is there twice")]
    RepeatedField,
    /// A field of the contract cannot be read.
    #[error("a field cannot be read")]
    UnreadableField,
    /// A field of another contract is there.
    #[error("a field belongs to another contract, or a client has sent it")]
    ForeignField,
    /// A client's field is there that only the proxy or we may send to the portal.
    #[error("the proxy must remove this field of clients before it asks")]
    ReservedField,
    /// Several `Cookie` lines of a client have been joined with commas, so that which cookies there
    /// are is not certain.
    #[error("a client's `Cookie` lines have been joined with a comma")]
    JoinedCookies,
    /// The request is for one of our own pages, which the proxy must send here without asking.
    #[error("requests below `/.portcullis/` must be sent to Portcullis itself")]
    OwnPage,
}

/// Why there is no response from the portal to a request that was allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No server of the portal is configured, because another proxy sends requests to it: 404.
    NoPortal,
    /// The portal cannot be reached: 502.
    PortalDown,
    /// The portal's response is not valid: 502.
    PortalBroken,
    /// The portal does not respond in time: 504.
    PortalSlow,
    /// A limit on requests at the portal is reached: 503 with `Retry-After` (I12).
    PortalBusy,
    /// The user's access changed while the request waited: it is still allowed, but the portal
    /// would now learn something else about the user: 403.
    AccessChanged,
}

impl Cause<'_> {
    /// The decision's name in the record.
    #[must_use]
    pub fn decision(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.decision(),
            Self::Failed(failure) => failure.decision(),
            Self::Contract(_) => "deny",
        }
    }

    /// The stable kebab-case reason, in records and problem documents.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.reason(),
            Self::Failed(failure) => failure.reason(),
            Self::Contract(error) => error.as_str(),
        }
    }
}

impl ContractError {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::UntrustedProxy,
        Self::MissingField,
        Self::RepeatedField,
        Self::UnreadableField,
        Self::ForeignField,
        Self::ReservedField,
        Self::JoinedCookies,
        Self::OwnPage,
    ];

    /// The stable kebab-case reason.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UntrustedProxy => "untrusted-proxy",
            Self::MissingField
            | Self::RepeatedField
            | Self::UnreadableField
            | Self::ForeignField => "wrong-contract",
            Self::ReservedField => "reserved-header",
            Self::JoinedCookies => "joined-cookies",
            Self::OwnPage => "own-page",
        }
    }
}

impl Failure {
    const fn decision(self) -> &'static str {
        match self {
            Self::PortalDown | Self::PortalBroken | Self::PortalSlow | Self::PortalBusy => "allow",
            Self::AccessChanged | Self::NoPortal => "deny",
        }
    }

    const fn reason(self) -> &'static str {
        match self {
            Self::NoPortal => "no-portal",
            Self::PortalDown => "portal-down",
            Self::PortalBroken => "portal-broken",
            Self::PortalSlow => "portal-slow",
            Self::PortalBusy => "portal-busy",
            Self::AccessChanged => "access-changed",
        }
    }
}

impl<'a> From<Refusal<'a>> for Cause<'a> {
    fn from(refusal: Refusal<'a>) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Failure> for Cause<'_> {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}
