//! Why a request is refused.

use super::token_refusal::TokenRefusal;
use portcullis_policy::{BadRequest, Denial, Policy, Reason, RequestTarget, Subject};

/// Why a request does not go to the portal.
#[derive(Debug, Clone, Copy)]
pub enum Refusal<'a> {
    /// The request has no reading, or more than one: mostly 400.
    BadRequest(BadRequest),
    /// The portal is disabled (R60).
    PortalDisabled {
        /// The URL that every request is redirected to.
        url: &'a str,
    },
    /// There is no session where the policy requires one: sign in, then come back (R61).
    SignIn {
        /// The target to come back to; `None` if a browser cannot repeat the request.
        target: Option<&'a RequestTarget>,
        /// The organization whose secure link no longer suffices (R14).
        organization: Option<&'a str>,
        /// Whether scripts are asked for a token.
        tokens: bool,
    },
    /// A token of a portal user is not accepted.
    Token(TokenRefusal),
    /// The policy denies it.
    Denied {
        /// The denial.
        denial: &'a Denial,
        /// The policy that denies, for the names of missing permissions.
        policy: &'a Policy,
        /// The subject, if the request is in a session.
        subject: Option<&'a Subject>,
    },
    /// The policy redirects it.
    Elsewhere {
        /// The location: a local path or a URL.
        url: &'a str,
        /// The reason of the denial.
        reason: Reason,
    },
    /// A page of another site asks for a WebSocket.
    ForeignOrigin,
    /// A page of another site asks for a change in a session.
    CrossOrigin,
    /// Staff that acts as a portal user asks for a change, and may only read.
    ReadOnly,
    /// A header or query parameter names another method than the request's own.
    MethodOverride,
    /// The encoding of the login for the portal cannot express the login.
    LoginNotEncodable,
    /// The store is unavailable: 503 with `Retry-After` (I1).
    StoreUnavailable,
}

impl<'a> Refusal<'a> {
    /// The decision's name in the record.
    #[must_use]
    pub fn decision(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "bad-request",
            Self::PortalDisabled { .. } | Self::Elsewhere { .. } => "redirect",
            Self::SignIn { .. } => "sign-in",
            Self::Token(refusal) => refusal.decision(),
            Self::Denied { .. }
            | Self::ForeignOrigin
            | Self::CrossOrigin
            | Self::ReadOnly
            | Self::MethodOverride
            | Self::LoginNotEncodable => "deny",
            Self::StoreUnavailable => "unavailable",
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
            Self::Token(refusal) => refusal.reason(),
            Self::ForeignOrigin => "foreign-origin",
            Self::CrossOrigin => "cross-origin",
            Self::ReadOnly => "read-only",
            Self::MethodOverride => "method-override",
            Self::LoginNotEncodable => "login-not-encodable",
            Self::StoreUnavailable => "store-unavailable",
        }
    }
}
