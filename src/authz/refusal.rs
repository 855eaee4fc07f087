//! The ways in which a request does not go through.

use portcullis_policy::{BadRequest, Denial, Policy, Reason, RequestTarget, Subject};

/// Why a request is answered by us and not by the portal. Each has one answer.
#[derive(Debug, Clone, Copy)]
pub enum Refusal<'a> {
    /// The request has more than one reading, or none: mostly 400.
    BadRequest(BadRequest),
    /// The portal is disabled (R60).
    PortalDisabled {
        /// Where everybody is sent.
        url: &'a str,
    },
    /// Nobody we know: sign in, then come back (R61).
    SignIn {
        /// Where the person was going, if one can go back there.
        target: Option<&'a RequestTarget>,
        /// Whose link was not enough any more (R14).
        organization: Option<&'a str>,
    },
    /// The policy says no.
    Denied {
        /// Why.
        denial: &'a Denial,
        /// The policy that said so, for names of what is missing.
        policy: &'a Policy,
        /// Who asked, if anybody we know.
        subject: Option<&'a Subject>,
        /// For what, which is no way on.
        target: &'a RequestTarget,
    },
    /// The policy sends this person elsewhere.
    Elsewhere {
        /// Where.
        url: &'a str,
        /// Why.
        reason: Reason,
    },
    /// A WebSocket asked for by a page of another site.
    ForeignOrigin,
    /// While the portal was waited for, its sender's access changed: still permitted, but the portal
    /// would now see something else of the person.
    AccessChanged,
    /// A request that changes something, sent by a page of another site under somebody's session.
    CrossOrigin,
    /// A header or query parameter names another method than the request's own.
    MethodOverride,
    /// The store does not answer: 503 with `Retry-After` (I1).
    StoreUnavailable,
    /// The portal cannot be reached: 502.
    PortalDown,
    /// The portal's answer makes no sense: 502.
    PortalBroken,
    /// The portal takes too long: 504.
    PortalSlow,
    /// A bound on requests at the portal is reached: 503 with `Retry-After` (I12).
    PortalBusy,
}

impl<'a> Refusal<'a> {
    /// The decision's name in the record.
    #[must_use]
    pub fn decision(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "bad-request",
            Self::PortalDisabled { .. } | Self::Elsewhere { .. } => "redirect",
            Self::SignIn { .. } => "sign-in",
            Self::Denied { .. }
            | Self::ForeignOrigin
            | Self::AccessChanged
            | Self::CrossOrigin
            | Self::MethodOverride => "deny",
            Self::StoreUnavailable => "unavailable",
            Self::PortalDown | Self::PortalBroken | Self::PortalSlow | Self::PortalBusy => "allow",
        }
    }

    /// The stable kebab-case reason, in records and problem documents.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::BadRequest(bad) => bad.as_str(),
            Self::PortalDisabled { .. } => "portal-disabled",
            Self::SignIn { organization: Some(_), .. } => "link-not-enough",
            Self::SignIn { organization: None, .. } => "sign-in-required",
            Self::Denied { denial, .. } => denial.reason().as_str(),
            Self::Elsewhere { reason, .. } => reason.as_str(),
            Self::ForeignOrigin => "foreign-origin",
            Self::AccessChanged => "access-changed",
            Self::CrossOrigin => "cross-origin",
            Self::MethodOverride => "method-override",
            Self::StoreUnavailable => "store-unavailable",
            Self::PortalDown => "portal-down",
            Self::PortalBroken => "portal-broken",
            Self::PortalSlow => "portal-slow",
            Self::PortalBusy => "portal-busy",
        }
    }
}
