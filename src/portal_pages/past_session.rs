//! What a browser without a session is told about the one that it had.

use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::PagesState;
use super::texts::Catalogue;
use crate::session::{Absence, EndReason, SessionLookup};
use crate::web::brand::Brand;
use crate::web::cookie::{self, OwnCookie};
use crate::web::response::{Referrer, html};
use crate::web::return_to::{ReturnTo, in_query};
use crate::web::text::Filled;
use crate::web::{Visitor, paths};

/// A portal user's session that has ended, by the browser's cookie.
#[derive(Debug)]
pub(super) struct EndedSession {
    reason: Option<EndReason>,
    /// The login of the user who signed in last in this browser, and that user's organization.
    pub(super) user: Option<(Arc<str>, Arc<str>)>,
}

/// The page for visitors by a secure link, who have no login that a form could ask for.
#[derive(Template)]
#[template(path = "pages/link_ended.html")]
struct LinkEndedPage<'a> {
    brand: &'a Brand,
    text: &'a Catalogue,
    /// The organization whose link was replaced or switched off.
    replaced: Option<&'a str>,
    /// The address of the sign-in page.
    sign_in: &'a str,
    request_id: &'a str,
}

impl EndedSession {
    pub(super) fn text<'a>(&self, text: &'a Catalogue, operator: &'a str) -> Filled<'a> {
        let texts = &text.ended;
        match self.reason {
            Some(EndReason::Idle) => texts.idle.with(),
            Some(EndReason::Absolute) => texts.absolute.with(),
            Some(EndReason::PasswordChanged) => texts.password_changed.with(),
            Some(EndReason::ByUser) => texts.by_user.with(),
            Some(EndReason::ByOperator) => texts.by_operator.with(operator),
            None => texts.otherwise.with(),
        }
    }
}

impl PagesState {
    /// The session that the browser still has a cookie of. `None` if there is no such cookie, or a
    /// session.
    pub(super) async fn ended_session(
        &self,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> Option<EndedSession> {
        let key = cookie::token_hash(headers, self.session_cookie)?;
        let presented = self.presented(headers, visitor.now).await.ok()?;
        if !matches!(presented, SessionLookup::Missing(Absence::Ended)) {
            return None;
        }
        let reason = self.sessions.end_reason(&key, visitor.now).await.ok().flatten();
        Some(EndedSession { reason, user: self.last_user(headers).await })
    }

    async fn last_user(&self, headers: &HeaderMap) -> Option<(Arc<str>, Arc<str>)> {
        let browser = self.known_browsers.read(headers)?;
        let user = self.directory.user(&browser.user.into()).await.ok().flatten()?;
        let organization = self.directory.organization(&user.organization).await.ok().flatten()?;
        Some((Arc::clone(&user.login), Arc::clone(&organization.name)))
    }

    /// Whether the browser's last session was by a secure link.
    pub(super) fn came_by_link(&self, headers: &HeaderMap) -> bool {
        cookie::value(headers, OwnCookie::LinkVisitor.name(self.https)).is_some()
    }

    /// Remembers whether the session that starts is by a secure link.
    pub(super) fn mark_link(&self, headers: &HeaderMap, by_link: bool) -> Option<HeaderValue> {
        match by_link {
            true => cookie::set(OwnCookie::LinkVisitor, "1", self.https),
            false if self.came_by_link(headers) => {
                cookie::clear(OwnCookie::LinkVisitor, self.https)
            }
            false => None,
        }
    }

    /// The page that says to open the link again, or that it was replaced.
    pub(super) fn link_ended_page(
        &self,
        text: &Catalogue,
        replaced: Option<&str>,
        return_to: &ReturnTo,
        visitor: &Visitor,
    ) -> Response<Body> {
        let to = in_query(return_to.as_str());
        let page = LinkEndedPage {
            brand: &self.brand,
            text,
            replaced,
            sign_in: &format!("{}&return_to={to}", paths::SWITCH_ACCOUNT),
            request_id: &visitor.request_id,
        };
        html(&text.language, StatusCode::OK, &page, Referrer::Nothing)
    }
}
