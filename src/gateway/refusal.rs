//! The ways in which a request does not go through, and what its sender would rather read.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::policy::{BadRequest, Denial, Policy, Reason, RequestTarget, Subject};

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const X_REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

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

/// A refusal with what is needed to put it into words.
#[derive(Debug, Clone, Copy)]
pub struct Refused<'a> {
    /// Why.
    pub refusal: Refusal<'a>,
    /// For whom.
    pub wants: Wants,
    /// The languages its reader would rather read: `Accept-Language`.
    pub languages: Option<&'a HeaderValue>,
    /// The request's id.
    pub request_id: &'a str,
}

/// What the sender can make use of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// A person's browser going somewhere: a page, or a redirect.
    Page,
    /// A script: a status and a problem document, never a redirect to a sign-in page.
    Problem,
}

impl Wants {
    /// Told from what browsers say of a navigation (Fetch Metadata), and from what is accepted.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        if headers.contains_key(X_REQUESTED_WITH) {
            return Self::Problem;
        }
        match headers.get(SEC_FETCH_MODE) {
            Some(mode) if mode == "navigate" => return Self::Page,
            Some(_) => return Self::Problem,
            None => {}
        }
        let accepts_html = headers
            .get_all(header::ACCEPT)
            .iter()
            .any(|accept| contains(accept.as_bytes(), b"text/html"));
        if accepts_html { Self::Page } else { Self::Problem }
    }
}

impl<'a> Refusal<'a> {
    /// The decision's name in the record.
    #[must_use]
    pub fn decision(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "bad-request",
            Self::PortalDisabled { .. } | Self::Elsewhere { .. } => "redirect",
            Self::SignIn { .. } => "sign-in",
            Self::Denied { .. } | Self::ForeignOrigin | Self::AccessChanged => "deny",
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
            Self::StoreUnavailable => "store-unavailable",
            Self::PortalDown => "portal-down",
            Self::PortalBroken => "portal-broken",
            Self::PortalSlow => "portal-slow",
            Self::PortalBusy => "portal-busy",
        }
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle))
}
