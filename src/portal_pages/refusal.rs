//! The gateway's refusals in plain words.

use std::time::Duration;

use axum::body::Body;
use http::{Response, StatusCode};
use jiff::Timestamp;

use super::PagesState;
use super::notice::{Notice, Way};
use super::response::{redirect, see_other};
use super::return_to::ReturnTo;
use super::text::{Advised, Catalogue, Value};
use crate::clock;
use crate::proxy::{Refusal, Refused};
use crate::web::fetch_metadata::ResponseKind;
use portcullis_policy::{
    Access, BadRequest, Denial, PermissionSet, Policy, Reason, RequestTarget, Requirement,
    SessionKind, Subject,
};

/// When to try again while the portal does not answer, in seconds.
const PORTAL_RETRY: u64 = 30;
/// When to try again while a bound on requests is reached, in seconds.
const BUSY_RETRY: u64 = 5;

impl PagesState {
    /// The answer to a request that does not go through.
    pub(super) fn refused(&self, refused: &Refused<'_>) -> Response<Body> {
        let Refused { refusal, wants, languages, request_id } = *refused;
        let text = self.texts.accepted(languages);
        let said = &text.notice;
        let operator = &*self.brand.name;
        let reason = refusal.reason();
        let portal_down = |said| portal_down(text, reason, said, operator);
        let notice = match refusal {
            Refusal::PortalDisabled { url } => match redirect(StatusCode::FOUND, url) {
                Some(response) => return response,
                None => portal_down(&said.portal_closed),
            },
            Refusal::Elsewhere { url, .. } => match (wants, redirect(StatusCode::FOUND, url)) {
                (ResponseKind::Page, Some(response)) => return response,
                (ResponseKind::Page | ResponseKind::Problem, _) => {
                    Notice::new(text, StatusCode::FORBIDDEN, reason, &said.elsewhere)
                        .with(Way::Start)
                }
            },
            Refusal::SignIn { target, organization } => match wants {
                ResponseKind::Page => return self.to_sign_in(target, organization, clock::now()),
                ResponseKind::Problem => {
                    let said = match organization {
                        Some(_) => &said.link_not_enough,
                        None => &said.sign_in_first,
                    };
                    Notice::advised(text, StatusCode::UNAUTHORIZED, reason, said, operator)
                }
            },
            Refusal::Denied { denial, policy, subject, target } => {
                let asker = Asker { subject, at_start: target.path() == "/" };
                denied(text, (denial, policy), asker, operator)
            }
            Refusal::BadRequest(bad @ BadRequest::UnknownHost) => {
                Notice::advised(text, bad.status(), reason, &said.unknown_host, operator)
            }
            Refusal::BadRequest(bad) => {
                Notice::advised(text, bad.status(), reason, &said.bad_request, operator)
                    .with(Way::Start)
            }
            Refusal::ForeignOrigin => {
                Notice::new(text, StatusCode::FORBIDDEN, reason, &said.foreign_origin)
            }
            Refusal::AccessChanged => {
                Notice::advised(text, StatusCode::FORBIDDEN, reason, &said.access_changed, operator)
                    .with(Way::Start)
            }
            Refusal::CrossOrigin => {
                Notice::advised(text, StatusCode::FORBIDDEN, reason, &said.cross_origin, operator)
                    .with(Way::Start)
            }
            Refusal::MethodOverride => Notice::advised(
                text,
                StatusCode::FORBIDDEN,
                reason,
                &said.method_override,
                operator,
            )
            .with(Way::Start),
            Refusal::StoreUnavailable => Notice::store_unavailable(text),
            Refusal::PortalDown => portal_down(&said.portal_down),
            Refusal::PortalBroken => portal_down(&said.portal_broken),
            Refusal::PortalSlow => {
                Notice::new(text, StatusCode::GATEWAY_TIMEOUT, reason, &said.portal_slow)
                    .with(Way::Start)
                    .retry_after(PORTAL_RETRY)
            }
            Refusal::PortalBusy => {
                let said = &said.portal_busy;
                Notice::advised(text, StatusCode::SERVICE_UNAVAILABLE, reason, said, "")
                    .with(Way::Again)
                    .retry_after(BUSY_RETRY)
            }
        };
        self.notice(&notice, wants, request_id)
    }

    fn to_sign_in(
        &self,
        target: Option<&RequestTarget>,
        organization: Option<&str>,
        now: Timestamp,
    ) -> Response<Body> {
        let hint = organization.map(|id| (id, self.organization_hint(id, now)));
        let hint = hint.as_ref().map(|(id, hint)| (*id, hint.as_str()));
        see_other(&self.sign_in_address(&target.map(ReturnTo::of).unwrap_or_default(), hint))
    }
}

/// What the pages themselves have to say.
impl<'a> Notice<'a> {
    pub(super) fn no_such_page(text: &'a Catalogue) -> Self {
        let said = &text.notice.no_such_page;
        Self::new(text, StatusCode::NOT_FOUND, "no-such-page", said).with(Way::Start)
    }

    pub(super) fn not_done_here(text: &'a Catalogue) -> Self {
        let said = &text.notice.not_done_here;
        Self::new(text, StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", said).with(Way::Start)
    }

    pub(super) fn foreign_form(text: &'a Catalogue) -> Self {
        let said = &text.notice.foreign_form;
        Self::advised(text, StatusCode::FORBIDDEN, "foreign-form", said, "").with(Way::SignIn)
    }

    pub(super) fn unreadable_form(text: &'a Catalogue) -> Self {
        let said = &text.notice.unreadable_form;
        Self::advised(text, StatusCode::BAD_REQUEST, "unreadable-form", said, "").with(Way::SignIn)
    }

    pub(super) fn no_portal_access(text: &'a Catalogue, operator: &'a str) -> Self {
        let (reason, said) = (Reason::NoPortalAccess.as_str(), &text.notice.no_portal_access);
        Self::advised(text, StatusCode::FORBIDDEN, reason, said, operator).with(Way::SomebodyElse)
    }

    pub(super) fn dead_link(text: &'a Catalogue, operator: &'a str) -> Self {
        let said = &text.notice.dead_link;
        Self::advised(text, StatusCode::NOT_FOUND, "dead-link", said, operator).with(Way::SignIn)
    }

    /// A secure link that is an image, a frame or a script of some page.
    pub(super) fn link_in_background(text: &'a Catalogue) -> Self {
        let said = &text.notice.link_in_background;
        Self::advised(text, StatusCode::FORBIDDEN, "not-a-navigation", said, "").with(Way::Start)
    }

    /// A secure link with more sessions than one may have.
    pub(super) fn too_many_sessions(
        text: &'a Catalogue,
        retry_after: Duration,
        operator: &'a str,
    ) -> Self {
        let said = &text.notice.too_many_sessions;
        let status = StatusCode::TOO_MANY_REQUESTS;
        Self::advised(text, status, "too-many-sessions", said, operator)
            .with(Way::Again)
            .retry_after(retry_after.as_secs().max(1))
    }

    /// Whatever has made it worthless, it is said in these words.
    pub(super) fn dead_invitation(text: &'a Catalogue, operator: &'a str) -> Self {
        let said = &text.notice.dead_invitation;
        Self::advised(text, StatusCode::NOT_FOUND, "dead-invitation", said, operator)
            .with(Way::SignIn)
    }

    /// Whatever has made it worthless, it is said in these words.
    pub(super) fn dead_reset(text: &'a Catalogue) -> Self {
        let said = &text.notice.dead_reset;
        Self::advised(text, StatusCode::NOT_FOUND, "dead-reset", said, "")
            .with(Way::Forgot)
            .with(Way::SignIn)
    }

    /// Whether there is such an account, it is said in these words.
    pub(super) fn reset_asked(text: &'a Catalogue, operator: &'a str) -> Self {
        let said = &text.notice.reset_asked;
        Self::advised(text, StatusCode::OK, "reset-asked", said, operator).with(Way::SignIn)
    }
}

fn portal_down<'a>(
    text: &'a Catalogue,
    reason: &'static str,
    said: &'a Advised,
    operator: &'a str,
) -> Notice<'a> {
    Notice::advised(text, StatusCode::BAD_GATEWAY, reason, said, operator)
        .with(Way::Again)
        .retry_after(PORTAL_RETRY)
}

/// Who is told, which decides where there is to go.
#[derive(Debug, Clone, Copy)]
struct Asker<'a> {
    /// Nobody we know, if none.
    subject: Option<&'a Subject>,
    /// Whether it is the start page that was asked for.
    at_start: bool,
}

impl Asker<'_> {
    fn is_by_link(self) -> bool {
        self.subject.is_some_and(|subject| subject.kind == SessionKind::Link)
    }

    /// Nobody who is not signed in is told to sign in as somebody else, and nobody is sent back to
    /// what was just denied.
    fn ways(self, notice: Notice<'_>) -> Notice<'_> {
        let notice = if self.at_start { notice } else { notice.with(Way::Start) };
        match self.subject {
            Some(_) if !self.is_by_link() => notice.with(Way::SomebodyElse).with(Way::Sessions),
            Some(_) | None => notice.with(Way::SignIn),
        }
    }
}

fn denied<'a>(
    text: &'a Catalogue,
    (denial, policy): (&Denial, &'a Policy),
    asker: Asker<'_>,
    operator: &'a str,
) -> Notice<'a> {
    let reason = denial.reason();
    let said = match reason {
        Reason::NoPortalAccess => return Notice::no_portal_access(text, operator),
        Reason::MissingPermission => return lacking(text, (denial, policy), asker, operator),
        Reason::OtherOrganization => &text.denied.other_organization,
        Reason::NoRoute => &text.denied.no_route,
        Reason::MethodNotAllowed => &text.denied.method,
        Reason::AmbiguousPath | Reason::AmbiguousQuery => &text.denied.ambiguous,
        Reason::QueryNotAllowed => &text.denied.query,
        Reason::WebsocketNotAllowed => &text.denied.websocket,
        Reason::RouteClosed => &text.denied.closed,
        Reason::Public
        | Reason::SignedIn
        | Reason::Permitted
        | Reason::NoSession
        | Reason::SessionExpired
        | Reason::BadTarget(_) => &text.denied.otherwise,
    };
    let notice = Notice::new(text, StatusCode::FORBIDDEN, reason.as_str(), said);
    asker.ways(notice.advise(text.denied.ask.with(operator)))
}

/// Names what the route needs and the person lacks, in the words of the permission catalogue.
fn lacking<'a>(
    text: &'a Catalogue,
    (denial, policy): (&Denial, &'a Policy),
    asker: Asker<'_>,
    operator: &'a str,
) -> Notice<'a> {
    let by_link = asker.is_by_link();
    let said = if by_link { &text.denied.permission_by_link } else { &text.denied.permission };
    let (set, every) = match denial.route().map(|route| route.access()) {
        Some(Access::Require(Requirement::All(set))) => (set, true),
        Some(Access::Require(Requirement::Any(set))) => (set, false),
        Some(Access::Public | Access::SignedIn | Access::Deny) | None => (<_>::default(), true),
    };
    let catalogue = policy.catalogue();
    let held = asker.subject.map(|subject| subject.held(catalogue)).unwrap_or_default();
    let lacked = set.difference(held);
    // A link can be given none that asks which person it is (R3).
    let can_be_given = lacked.intersection(catalogue.without_identity());
    let asked_for = match by_link {
        true if every && can_be_given != lacked => <_>::default(),
        true => can_be_given,
        false => lacked,
    };
    let title = match section(&names(policy, set)) {
        Some(section) => said.title_of_section.with(section, section.to_lowercase()),
        None => said.any.title.with(),
    };
    let names = names(policy, asked_for);
    let ask = match names.len() {
        0 => said.ask.with(operator),
        count if every && count > 1 => {
            said.ask_for_all.with(operator, Value::names(&names, &text.list, &text.list.and))
        }
        _ => said.ask_for_any.with(operator, Value::names(&names, &text.list, &text.list.or)),
    };
    let reason = Reason::MissingPermission.as_str();
    asker
        .ways(Notice::new(text, StatusCode::FORBIDDEN, reason, &said.any).titled(title).advise(ask))
}

fn names(policy: &Policy, set: PermissionSet) -> Vec<&str> {
    let permissions = policy.catalogue().permissions();
    let named = set.iter().filter_map(|index| permissions.get(index));
    named.map(|permission| permission.name.as_str()).collect()
}

/// "Invoices", when viewing those is what it is about.
fn section<'a>(names: &[&'a str]) -> Option<&'a str> {
    let mut sections = names.iter().map(|name| {
        let (section, action) = name.split_once(" – ")?;
        (action == "View" || action.starts_with("View ")).then_some(section)
    });
    let first = sections.next().flatten()?;
    sections.all(|other| other == Some(first)).then_some(first)
}
