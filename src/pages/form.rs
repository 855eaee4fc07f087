//! Forms of ours: the token that says a form was made for this visitor.
//!
//! Before there is a session, the token is bound to a random cookie of its own; with one, to the
//! session's hash. The cookie is `Lax`, so that somebody who follows a link to the sign-in page
//! keeps the forms open in other tabs working; on a form sent from another site it does not come
//! along, and the token is worth nothing.

use http::HeaderMap;
use http::header::HeaderValue;
use jiff::Timestamp;

use super::Desk;
use crate::credential::token::{PlainToken, TokenHash};
use crate::session::cookie;

/// A token for a form, and the cookie it is bound to when the browser has none yet.
#[derive(Debug)]
pub(super) struct FormToken {
    pub(super) text: String,
    pub(super) cookie: Option<HeaderValue>,
}

impl Desk {
    /// A token for a visitor whose session, if any, does not matter.
    pub(super) fn visitor_token(&self, headers: &HeaderMap, now: Timestamp) -> FormToken {
        if let Some(known) = cookie::token(headers, self.form_cookie()) {
            return FormToken { text: self.csrf.issue(&visitor(&known), now), cookie: None };
        }
        let fresh = PlainToken::generate();
        FormToken {
            text: self.csrf.issue(&visitor(&fresh), now),
            cookie: cookie::set(self.form_cookie(), fresh.expose(), self.https),
        }
    }

    /// Whether the token was made by [`Desk::visitor_token`] for this visitor.
    pub(super) fn is_visitors(&self, token: &str, headers: &HeaderMap, now: Timestamp) -> bool {
        cookie::token(headers, self.form_cookie())
            .is_some_and(|known| self.csrf.check(token, &visitor(&known), now))
    }

    /// A token for whoever has the session.
    pub(super) fn session_token(&self, key: &TokenHash, now: Timestamp) -> String {
        self.csrf.issue(&session(key), now)
    }

    /// Whether the token was made by [`Desk::session_token`] for this session.
    pub(super) fn is_sessions(&self, token: &str, key: &TokenHash, now: Timestamp) -> bool {
        self.csrf.check(token, &session(key), now)
    }

    /// Vouches that the bearer came by an organization's link, so may be told its name.
    pub(super) fn organization_hint(&self, organization: &str, now: Timestamp) -> String {
        self.csrf.issue(&hint(organization), now)
    }

    /// Whether the hint was made by [`Desk::organization_hint`] for this organization.
    pub(super) fn vouches(&self, token: &str, organization: &str, now: Timestamp) -> bool {
        self.csrf.check(token, &hint(organization), now)
    }

    /// Vouches that the password of this login has just been chosen here.
    pub(super) fn password_hint(&self, login: &str, now: Timestamp) -> String {
        self.csrf.issue(&chosen(login), now)
    }

    /// Whether the hint was made by [`Desk::password_hint`] for this login.
    pub(super) fn vouches_for_password(&self, token: &str, login: &str, now: Timestamp) -> bool {
        self.csrf.check(token, &chosen(login), now)
    }

    const fn form_cookie(&self) -> &'static str {
        if self.https { "__Host-portcullis-form" } else { "portcullis-form" }
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
