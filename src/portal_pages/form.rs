//! Forms of ours: that a page of ours has sent one, and the token that says for whom it was made.
//!
//! Before there is a session, the token is bound to a random cookie of its own; with one, to the
//! session's hash. The cookie is `Lax`, so that somebody who follows a link to the sign-in page
//! keeps the forms open in other tabs working; on a form sent from another site it does not come
//! along, and the token is worth nothing.

use axum::Form;
use axum::body::Body;
use axum::extract::{FromRequest as _, Request};
use http::header::HeaderValue;
use http::{HeaderMap, Response};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::notice::Notice;
use super::{PagesState, wants};
use crate::credential::token::{PlainToken, TokenHash};
use crate::web::Visitor;
use crate::web::cookie::{self, OwnCookie};
use crate::web::fetch_metadata::ResponseKind;

/// A token for a form, and the cookie it is bound to when the browser has none yet.
#[derive(Debug, Default)]
pub(super) struct FormToken {
    pub(super) text: String,
    pub(super) cookie: Option<HeaderValue>,
}

impl PagesState {
    /// The fields of a form that a page of ours has sent, with the request's headers and what its
    /// sender wants; for anything else, the answer. Every form comes in this way; whose form it
    /// was, its token tells the caller.
    pub(super) async fn sent<T: DeserializeOwned>(
        &self,
        request: Request,
        visitor: &Visitor,
    ) -> Result<(T, HeaderMap, ResponseKind), Response<Body>> {
        let headers = request.headers().clone();
        if !self.origins.sent(&headers) {
            return Err(self.notice_for(&request, visitor, Notice::foreign_form));
        }
        let wants = wants(request.method(), &headers);
        match Form::<T>::from_request(request, &()).await {
            Ok(Form(fields)) => Ok((fields, headers, wants)),
            Err(_) => {
                let notice = Notice::unreadable_form(self.text(wants, &headers));
                Err(self.notice(&notice, wants, &visitor.request_id))
            }
        }
    }

    /// A token for a visitor whose session, if any, does not matter.
    pub(super) fn visitor_token(&self, headers: &HeaderMap, now: Timestamp) -> FormToken {
        if let Some(known) = cookie::token(headers, OwnCookie::Form.name(self.https)) {
            return FormToken { text: self.csrf.issue(&visitor(&known), now), cookie: None };
        }
        let fresh = PlainToken::generate();
        FormToken {
            text: self.csrf.issue(&visitor(&fresh), now),
            cookie: cookie::set(OwnCookie::Form, fresh.expose(), self.https),
        }
    }

    /// Whether the token was made by [`PagesState::visitor_token`] for this visitor.
    pub(super) fn is_visitors(&self, token: &str, headers: &HeaderMap, now: Timestamp) -> bool {
        cookie::token(headers, OwnCookie::Form.name(self.https))
            .is_some_and(|known| self.csrf.check(token, &visitor(&known), now))
    }

    /// A token for whoever has the session.
    pub(super) fn session_token(&self, key: &TokenHash, now: Timestamp) -> FormToken {
        FormToken { text: self.csrf.issue(&session(key), now), cookie: None }
    }

    /// Whether the token was made by [`PagesState::session_token`] for this session.
    pub(super) fn is_sessions(&self, token: &str, key: &TokenHash, now: Timestamp) -> bool {
        self.csrf.check(token, &session(key), now)
    }

    /// Vouches that the bearer came by an organization's link, so may be told its name.
    pub(super) fn organization_hint(&self, organization: &str, now: Timestamp) -> String {
        self.csrf.issue(&hint(organization), now)
    }

    /// Whether the hint was made by [`PagesState::organization_hint`] for this organization.
    pub(super) fn vouches(&self, token: &str, organization: &str, now: Timestamp) -> bool {
        self.csrf.check(token, &hint(organization), now)
    }

    /// Vouches that the password of this login has just been chosen here.
    pub(super) fn password_hint(&self, login: &str, now: Timestamp) -> String {
        self.csrf.issue(&chosen(login), now)
    }

    /// Whether the hint was made by [`PagesState::password_hint`] for this login.
    pub(super) fn vouches_for_password(&self, token: &str, login: &str, now: Timestamp) -> bool {
        self.csrf.check(token, &chosen(login), now)
    }
}

fn visitor(token: &PlainToken) -> String {
    format!("visitor {}", token.hash())
}

fn session(key: &TokenHash) -> String {
    format!("session {key}")
}

fn hint(organization: &str) -> String {
    format!("organization {organization}")
}

fn chosen(login: &str) -> String {
    format!("password {login}")
}
