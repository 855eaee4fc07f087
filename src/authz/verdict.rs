//! The verdict on a request: what its caller does and records.

use http::{HeaderValue, Method};

use super::identity::Identity;
use super::question::{AccessRequest, HeaderOverride};
use super::refusal::Refusal;
use super::token_refusal::TokenRefusal;
use crate::credential::token::TokenHash;
use crate::directory::Snapshot;
use crate::session::{Absence, SessionLookup};
use portcullis_policy::{BadTarget, Decision, Permit, RefusedReading, Route, SessionKind, Subject};
use portcullis_store::StoreError;

/// What is decided about a request, in which session and under which snapshot.
#[derive(Debug)]
#[must_use]
pub struct Verdict<'s> {
    pub(super) snapshot: &'s Snapshot,
    pub(super) session: SessionLookup,
    pub(super) outcome: Outcome<'s>,
    /// On the heap, because few requests have one.
    pub(super) header_override: Option<Box<HeaderOverride>>,
    /// The assertion for the portal, if it gets one.
    pub(super) assertion: Option<HeaderValue>,
}

/// What is decided.
#[derive(Debug)]
#[must_use]
pub enum Outcome<'s> {
    /// The portal is disabled (R60); every request is redirected to this URL.
    PortalDisabled(&'s str),
    /// The request is for one of our own pages.
    OwnPage,
    /// The request is for one of our own pages in a spelling with a second reading.
    BadTarget(BadTarget),
    /// The session could not be read, or what is in memory may be outdated (I1).
    StoreUnavailable(StoreError),
    /// The request has a token of a portal user that is not accepted.
    Token(TokenRefusal),
    /// A page of another site asks for a WebSocket.
    ForeignOrigin,
    /// The policy allows it, but something else in the request is refused.
    Objection(Permit, Objection),
    /// What the policy decides.
    Decided(Decision),
}

/// What a caller does with a request.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub enum Action<'a> {
    /// Forward it. Forwarding takes the permit.
    Forward(&'a Permit),
    /// Answer it with one of our own pages.
    OwnPage,
    /// Answer it with this refusal.
    Refuse(Refusal<'a>),
}

/// Why a request is refused that the policy allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objection {
    /// It may change something, is in a session, and a page of another site sent it.
    CrossOrigin,
    /// It may change something, and its session may only read: staff acts as a portal user.
    ReadOnly,
    /// A header or a query parameter names another method than the request's own.
    MethodOverride,
    /// The encoding of the login for the portal cannot express the login.
    LoginNotEncodable,
}

impl<'s> Verdict<'s> {
    pub(super) fn without_session(snapshot: &'s Snapshot, outcome: Outcome<'s>) -> Self {
        let session = SessionLookup::Missing(Absence::NoCookie);
        Self { snapshot, session, outcome, header_override: None, assertion: None }
    }

    /// What is decided.
    pub fn outcome(&self) -> &Outcome<'s> {
        &self.outcome
    }

    /// The session that the request is in.
    #[must_use]
    pub fn session(&self) -> &SessionLookup {
        &self.session
    }

    /// Returns the session.
    #[must_use]
    pub fn into_session(self) -> SessionLookup {
        self.session
    }

    /// The header that names another method, if the request was decided by that too.
    #[must_use]
    pub fn header_override(&self) -> Option<&HeaderOverride> {
        self.header_override.as_deref()
    }

    /// The subject, if the request is in a session.
    #[must_use]
    pub fn subject(&self) -> Option<&Subject> {
        self.session.subject()
    }

    /// Whether the request has a token of a portal user, which the portal must not get.
    #[must_use]
    pub fn is_by_token(&self) -> bool {
        self.subject().is_some_and(|subject| subject.kind == SessionKind::Token)
    }

    /// The id of that token.
    #[must_use]
    pub fn token(&self) -> Option<TokenHash> {
        self.session.key().filter(|_| self.is_by_token())
    }

    /// The snapshot that it was decided by.
    #[must_use]
    pub fn snapshot(&self) -> &'s Snapshot {
        self.snapshot
    }

    /// The permit to forward the request, if it is allowed.
    #[must_use]
    pub fn permit(&self) -> Option<&Permit> {
        match &self.outcome {
            Outcome::Decided(Decision::Allow(permit)) => Some(permit),
            _ => None,
        }
    }

    /// What the portal learns about the user of a request that is allowed.
    #[must_use]
    pub fn identity(&self) -> Option<Identity<'_>> {
        let identity = Identity::of(&self.session, self.permit()?.granted())?;
        Some(identity.asserted(self.assertion.as_ref()))
    }

    /// What to do with the request.
    pub fn action<'a>(&'a self, request: &'a AccessRequest) -> Action<'a> {
        Action::Refuse(match &self.outcome {
            Outcome::OwnPage => return Action::OwnPage,
            Outcome::PortalDisabled(url) => Refusal::PortalDisabled { url },
            Outcome::BadTarget(bad) => Refusal::BadRequest((*bad).into()),
            Outcome::StoreUnavailable(_) => Refusal::StoreUnavailable,
            Outcome::Token(refusal) => Refusal::Token(*refusal),
            Outcome::ForeignOrigin => Refusal::ForeignOrigin,
            Outcome::Objection(_, Objection::CrossOrigin) => Refusal::CrossOrigin,
            Outcome::Objection(_, Objection::ReadOnly) => Refusal::ReadOnly,
            Outcome::Objection(_, Objection::MethodOverride) => Refusal::MethodOverride,
            Outcome::Objection(_, Objection::LoginNotEncodable) => Refusal::LoginNotEncodable,
            Outcome::Decided(decision) => match decision {
                Decision::Allow(permit) => return Action::Forward(permit),
                Decision::Challenge(_) => self.sign_in(request),
                // Nothing is revealed to strangers about which addresses there are.
                Decision::Deny(denial)
                    if self.subject().is_none() && !denial.is_on_public_path() =>
                {
                    self.sign_in(request)
                }
                Decision::Redirect(redirection)
                    if self.subject().is_none() && !redirection.is_on_public_path() =>
                {
                    self.sign_in(request)
                }
                Decision::Malformed(bad) => Refusal::BadRequest((*bad).into()),
                Decision::Deny(denial) => Refusal::Denied {
                    denial,
                    policy: self.snapshot.policy(),
                    subject: self.subject(),
                },
                Decision::Redirect(redirection) => {
                    Refusal::Elsewhere { url: redirection.location(), reason: redirection.reason() }
                }
            },
        })
    }

    fn sign_in<'a>(&'a self, request: &'a AccessRequest) -> Refusal<'a> {
        let organization = match &self.session {
            SessionLookup::Missing(Absence::LinkNotEnough { organization }) => {
                Some(&**organization)
            }
            SessionLookup::Missing(
                Absence::NoCookie | Absence::SeveralCookies | Absence::Ended,
            )
            | SessionLookup::Found { .. } => None,
        };
        // Only where a browser can go back to by itself: the content of a form would be lost.
        let safe = matches!(*request.method(), Method::GET | Method::HEAD);
        // Where a token would not help, asking for one would only reveal that there is a route.
        let tokens = match &self.outcome {
            Outcome::Decided(decision @ Decision::Challenge(_)) => {
                decision.route().is_some_and(|route| route.tokens())
            }
            _ => false,
        };
        Refusal::SignIn { target: safe.then_some(request.target()), organization, tokens }
    }
}

impl From<StoreError> for Outcome<'_> {
    fn from(error: StoreError) -> Self {
        Self::StoreUnavailable(error)
    }
}

impl Outcome<'_> {
    /// The name of the decision, in the decision record and in `explain`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::PortalDisabled(_) => "redirect",
            Self::OwnPage => "page",
            Self::BadTarget(_) => "bad-request",
            Self::StoreUnavailable(_) => "unavailable",
            Self::Token(refusal) => refusal.decision(),
            Self::ForeignOrigin | Self::Objection(..) => "deny",
            Self::Decided(decision) => decision.name(),
        }
    }

    /// The stable name of the reason, in the decision record and in `explain`.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::PortalDisabled(_) => "portal-disabled",
            Self::OwnPage => "own-page",
            Self::BadTarget(bad) => bad.as_str(),
            Self::StoreUnavailable(_) => "store-unavailable",
            Self::Token(refusal) => refusal.reason(),
            Self::ForeignOrigin => "foreign-origin",
            Self::Objection(_, Objection::CrossOrigin) => "cross-origin",
            Self::Objection(_, Objection::ReadOnly) => "read-only",
            Self::Objection(_, Objection::MethodOverride) => "method-override",
            Self::Objection(_, Objection::LoginNotEncodable) => "login-not-encodable",
            Self::Decided(decision) => decision.reason().as_str(),
        }
    }

    /// Whether the policy was asked.
    #[must_use]
    pub fn is_by_policy(&self) -> bool {
        matches!(self, Self::Objection(..) | Self::Decided(_))
    }

    /// The route that decided, if the policy was asked and the request is on one.
    #[must_use]
    pub fn route(&self) -> Option<&Route> {
        match self {
            Self::Objection(permit, _) => permit.written_route().map(|route| &**route),
            Self::Decided(decision) => decision.route().map(|route| &**route),
            _ => None,
        }
    }

    /// The reading of the path that is refused, if that is the reason.
    #[must_use]
    pub fn reading(&self) -> Option<&RefusedReading> {
        match self {
            Self::Decided(decision) => decision.reading(),
            _ => None,
        }
    }
}
