//! The ways in which a request does not go through, and what its sender would rather read.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use portcullis_policy::{BadRequest, Denial, Policy, Reason, RequestTarget, Subject};

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
    /// Told from what browsers say of a navigation (Fetch Metadata); without that, from what scripts
    /// say of themselves, and from what is accepted.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        match headers.get(SEC_FETCH_MODE) {
            Some(mode) if mode == "navigate" => return Self::Page,
            Some(_) => return Self::Problem,
            None => {}
        }
        let by_script =
            headers.get(X_REQUESTED_WITH).is_some_and(|with| !is_an_app(with.as_bytes()));
        let accepts_html = headers
            .get_all(header::ACCEPT)
            .iter()
            .any(|accept| contains(accept.as_bytes(), b"text/html"));
        if accepts_html && !by_script { Self::Page } else { Self::Problem }
    }
}

/// Whether `X-Requested-With` names an app, as the browser inside an Android app does on all of its
/// requests (`com.example.app`), and no script (`XMLHttpRequest`, `fetch`).
fn is_an_app(requested_with: &[u8]) -> bool {
    let is_word = |part: &[u8]| {
        !part.is_empty() && part.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
    };
    requested_with.is_empty()
        || (requested_with.contains(&b'.') && requested_with.split(|b| *b == b'.').all(is_word))
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

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle))
}

#[cfg(test)]
mod tests {
    use super::Wants;

    fn wants(lines: &[(&'static str, &str)]) -> Wants {
        let headers =
            lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Wants::of(&headers.collect())
    }

    #[test]
    fn a_navigation_in_an_app_gets_a_page() {
        let html = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
        for lines in [
            &[html][..],
            &[html, ("x-requested-with", "com.example.app")],
            &[html, ("x-requested-with", "org.mozilla.focus_beta")],
            &[html, ("x-requested-with", "")],
            &[("sec-fetch-mode", "navigate"), ("x-requested-with", "com.example.app")],
            &[("sec-fetch-mode", "navigate"), ("x-requested-with", "XMLHttpRequest")],
        ] {
            assert_eq!(wants(lines), Wants::Page, "{lines:?}");
        }
    }

    #[test]
    fn a_script_gets_a_problem_document() {
        let html = ("accept", "text/html");
        for lines in [
            &[][..],
            &[("accept", "*/*")],
            &[("accept", "application/json"), ("x-requested-with", "com.example.app")],
            &[html, ("x-requested-with", "XMLHttpRequest")],
            &[html, ("x-requested-with", "fetch")],
            &[html, ("x-requested-with", "Shockwave/32.0.0.465")],
            &[html, ("x-requested-with", ".")],
            &[html, ("sec-fetch-mode", "cors")],
            &[html, ("sec-fetch-mode", "same-origin"), ("x-requested-with", "com.example.app")],
        ] {
            assert_eq!(wants(lines), Wants::Problem, "{lines:?}");
        }
    }
}
