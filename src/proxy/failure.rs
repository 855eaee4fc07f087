//! Why a request gets no response from the portal.

use crate::authz::Refusal;

/// Why the gateway answers a request itself.
#[derive(Debug, Clone, Copy)]
pub enum Cause<'a> {
    /// The request is refused.
    Refused(Refusal<'a>),
    /// The request is allowed, but there is no response from the portal to answer it with.
    Failed(Failure),
}

/// Why there is no response from the portal to a request that was allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
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
        }
    }

    /// The stable kebab-case reason, in records and problem documents.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.reason(),
            Self::Failed(failure) => failure.reason(),
        }
    }
}

impl Failure {
    const fn decision(self) -> &'static str {
        match self {
            Self::PortalDown | Self::PortalBroken | Self::PortalSlow | Self::PortalBusy => "allow",
            Self::AccessChanged => "deny",
        }
    }

    const fn reason(self) -> &'static str {
        match self {
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
