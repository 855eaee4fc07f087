//! The notices of the pages themselves.

use std::time::Duration;

use askama::Template;
use axum::body::Body;
use http::{Response, StatusCode};
use jiff::Timestamp;

use super::PagesState;
use super::texts::Catalogue;
use crate::directory::UserFacts;
use crate::web::brand::Brand;
use crate::web::fetch_metadata::ResponseKind;
use crate::web::notice::{Link, Notice};
use crate::web::paths;
use crate::web::response::{Referrer, html};
use crate::web::text::{Advice, RelativeTime, Statement};
use portcullis_policy::{BadRequest, Reason};

/// When to try again while the store does not respond, in seconds.
const STORE_RETRY: u64 = 5;

/// Makes notices in one language.
#[derive(Debug, Clone, Copy)]
pub(super) struct Notices<'a> {
    pub(super) text: &'a Catalogue,
    /// The operator's business name.
    pub(super) operator: &'a str,
    /// `server.public_url`.
    pub(super) public_url: &'a str,
    /// Whether the portal's start page opens for the client. There is no link to it otherwise.
    pub(super) start_opens: bool,
}

/// Where a link on a notice leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Destination {
    /// The same address again.
    Again,
    /// The portal's start page.
    Start,
    SignIn,
    /// The sign-in page, for a visitor who is signed in.
    SwitchAccount,
    ForgotPassword,
    Account,
    SignOut,
    /// The page that ends a session of the operator's staff.
    StopView,
}

#[derive(Template)]
#[template(path = "pages/notice.html")]
struct NoticePage<'a> {
    brand: &'a Brand,
    text: &'a Catalogue,
    notice: &'a Notice<'a>,
    request_id: &'a str,
}

/// What stands for the reference of a request on a sample.
const SAMPLE_REQUEST: &str = "7f3a9c20";

/// The notice for someone without access to the portal, for its preview.
pub(super) fn sample(brand: &Brand, text: &Catalogue) -> Response<Body> {
    let notices = Notices { text, operator: &brand.name, public_url: "", start_opens: true };
    let notice = &notices.no_access_in_session(Reason::NoPortalAccess);
    let page = NoticePage { brand, text, notice, request_id: SAMPLE_REQUEST };
    html(&text.language, StatusCode::OK, &page, Referrer::Nothing)
}

impl Destination {
    pub(super) fn link(self, text: &Catalogue) -> Link<'_> {
        let labels = &text.action;
        let (label, address) = match self {
            Self::Again => (&labels.again, ""),
            Self::Start => (&labels.start, "/"),
            Self::SignIn => (&labels.sign_in, paths::SIGN_IN),
            Self::SwitchAccount => (&labels.switch_account, paths::SWITCH_ACCOUNT),
            Self::ForgotPassword => (&labels.new_link, paths::FORGOT_PASSWORD),
            Self::Account => (&labels.account, paths::ACCOUNT),
            Self::SignOut => (&labels.sign_out, paths::SIGN_OUT),
            Self::StopView => (&labels.stop_view, paths::VIEW_STOP),
        };
        Link { label, address }
    }
}

impl PagesState {
    pub(super) fn notices<'a>(&'a self, text: &'a Catalogue) -> Notices<'a> {
        let (operator, public_url) = (&self.brand.name, &self.public_url);
        Notices { text, operator, public_url, start_opens: true }
    }

    /// The notice as a page or as a problem document.
    pub(super) fn notice(
        &self,
        notice: &Notice<'_>,
        text: &Catalogue,
        kind: ResponseKind,
        request_id: &str,
    ) -> Response<Body> {
        match kind {
            ResponseKind::Page => {
                let page = NoticePage { brand: &self.brand, text, notice, request_id };
                notice.finish(html(&text.language, notice.status, &page, Referrer::Nothing))
            }
            ResponseKind::Problem => notice.problem_document(request_id),
        }
    }
}

impl<'a> Notices<'a> {
    pub(super) fn statement(
        self,
        status: StatusCode,
        reason: &'static str,
        text: &'a Statement,
    ) -> Notice<'a> {
        Notice::new(status, reason, text)
    }

    pub(super) fn advice(
        self,
        status: StatusCode,
        reason: &'static str,
        text: &'a Advice,
    ) -> Notice<'a> {
        Notice::with_advice(status, reason, text, self.operator)
    }

    /// Adds a link, but none to a start page that does not open.
    pub(super) fn link(self, notice: Notice<'a>, to: Destination) -> Notice<'a> {
        match to {
            Destination::Start if !self.start_opens => notice,
            _ => notice.link(to.link(self.text)),
        }
    }

    /// Lets the page of a request that can be repeated load itself again.
    pub(super) fn reloading(self, notice: Notice<'a>, now: Timestamp) -> Notice<'a> {
        let text = &self.text.page.reloads;
        notice.reloading(|when| text.with(when), (&self.text.when, now))
    }

    pub(super) fn store_unavailable(self) -> Notice<'a> {
        self.store_down(&self.text.notice.store_unavailable)
    }

    /// The store did not respond to a change, which may have been made all the same.
    pub(super) fn change_unconfirmed(self) -> Notice<'a> {
        self.store_down(&self.text.notice.change_unconfirmed)
    }

    fn store_down(self, text: &'a Advice) -> Notice<'a> {
        let notice = self.advice(StatusCode::SERVICE_UNAVAILABLE, "store-unavailable", text);
        self.link(notice, Destination::Again).retry_after(STORE_RETRY)
    }

    /// At a host that is not served. It leads to the one that is.
    pub(super) fn unknown_host(self) -> Notice<'a> {
        let (bad, text) = (BadRequest::UnknownHost, &self.text.notice.unknown_host);
        let notice = self.advice(bad.status(), bad.as_str(), text);
        notice.link(Link { label: &self.text.action.portal, address: self.public_url })
    }

    pub(super) fn no_such_page(self) -> Notice<'a> {
        let text = &self.text.notice.no_such_page;
        let notice = self.statement(StatusCode::NOT_FOUND, "no-such-page", text);
        self.link(notice, Destination::Start)
    }

    pub(super) fn method_not_allowed(self) -> Notice<'a> {
        let text = &self.text.notice.method_not_allowed;
        let notice = self.statement(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", text);
        self.link(notice, Destination::Start)
    }

    pub(super) fn foreign_form(self) -> Notice<'a> {
        let text = &self.text.notice.foreign_form;
        let notice = self.advice(StatusCode::FORBIDDEN, "foreign-form", text);
        self.link(notice, Destination::SignIn)
    }

    pub(super) fn unreadable_form(self) -> Notice<'a> {
        let text = &self.text.notice.unreadable_form;
        let notice = self.advice(StatusCode::BAD_REQUEST, "unreadable-form", text);
        self.link(notice, Destination::SignIn)
    }

    /// After a right password of a portal user who may not use the portal at all (R8).
    pub(super) fn no_access_of(self, user: &UserFacts) -> Notice<'a> {
        let texts = &self.text.notice;
        let (text, reason) = match user.disabled {
            true => (&texts.account_disabled, Reason::AccountDisabled),
            false => (&texts.no_portal_access, Reason::NoPortalAccess),
        };
        let notice = self.advice(StatusCode::FORBIDDEN, reason.as_str(), text);
        self.link(notice, Destination::SwitchAccount)
    }

    /// The same in a session, which was started before the user lost access.
    pub(super) fn no_access_in_session(self, reason: Reason) -> Notice<'a> {
        let texts = &self.text.notice;
        let text = match reason {
            Reason::AccountDisabled => &texts.account_disabled,
            _ => &texts.no_portal_access_in_session,
        };
        let notice = self.advice(StatusCode::FORBIDDEN, reason.as_str(), text);
        self.link(notice, Destination::SignOut)
    }

    /// The portal is closed for an organization, for this reason. `out` leads out of the session.
    pub(super) fn organization_parked(self, reason: &str, out: Option<Destination>) -> Notice<'a> {
        let text = &self.text.notice.organization_parked;
        let (title, detail) =
            (text.title.with(), text.detail.with(self.operator, reason.to_owned()));
        let name = Reason::OrganizationParked.as_str();
        let notice = Notice::of(StatusCode::FORBIDDEN, name, title, detail);
        let notice = notice.advise(text.advice.with(self.operator));
        match out {
            Some(out) => self.link(notice, out),
            None => notice,
        }
    }

    pub(super) fn dead_link(self) -> Notice<'a> {
        let notice = self.advice(StatusCode::NOT_FOUND, "dead-link", &self.text.notice.dead_link);
        self.link(notice, Destination::SignIn)
    }

    /// A link of the operator's staff. The same for every cause, so that the page reveals none.
    pub(super) fn dead_view(self) -> Notice<'a> {
        self.advice(StatusCode::NOT_FOUND, "dead-view", &self.text.notice.dead_view)
    }

    /// The account page in a session by a secure link.
    pub(super) fn no_account_by_link(self) -> Notice<'a> {
        let text = &self.text.notice.no_account_by_link;
        let notice = self.advice(StatusCode::FORBIDDEN, "no-account-by-link", text);
        let notice = self.link(notice, Destination::SignIn);
        self.link(notice, Destination::Start)
    }

    /// A secure link was loaded as an image, in a frame or by a script.
    pub(super) fn link_in_background(self) -> Notice<'a> {
        let text = &self.text.notice.link_in_background;
        let notice = self.advice(StatusCode::FORBIDDEN, "not-a-navigation", text);
        self.link(notice, Destination::Start)
    }

    /// A secure link has as many sessions as it may have.
    pub(super) fn too_many_sessions(self, retry_after: Duration) -> Notice<'a> {
        let text = &self.text.notice.too_many_sessions;
        let notice = self.advice(StatusCode::TOO_MANY_REQUESTS, "too-many-sessions", text);
        self.link(notice, Destination::Again).retry_after(retry_after.as_secs().max(1))
    }

    /// The same for every cause, so that the page reveals none.
    pub(super) fn dead_invitation(self) -> Notice<'a> {
        let text = &self.text.notice.dead_invitation;
        let notice = self.advice(StatusCode::NOT_FOUND, "dead-invitation", text);
        self.link(notice, Destination::SignIn)
    }

    /// The same for every cause, so that the page reveals none.
    pub(super) fn dead_reset(self) -> Notice<'a> {
        let text = &self.text.notice.dead_reset;
        let notice = self.advice(StatusCode::NOT_FOUND, "dead-reset", text);
        let notice = self.link(notice, Destination::ForgotPassword);
        self.link(notice, Destination::SignIn)
    }

    /// The same, byte for byte, whether there is such an account or not: without an exact time.
    pub(super) fn reset_requested(self, expires: RelativeTime) -> Notice<'a> {
        let text = &self.text.notice.reset_requested;
        let (title, detail) = (text.title.with(), text.detail.with(expires.words));
        let notice = Notice::of(StatusCode::OK, "reset-asked", title, detail);
        self.link(notice.advise(text.advice.with(self.operator)), Destination::SignIn)
    }
}
