//! Forms: whether one of our pages sent it, and the token that binds it to its visitor.
//!
//! Before there is a session, the token is bound to a random cookie of its own; with one, to the
//! session's hash. The cookie is `SameSite=Lax`, so that following a link to the sign-in page keeps
//! the forms in other tabs usable; a form sent from another site comes without it, which makes the
//! token useless.

use axum::Form;
use axum::extract::{FromRequest as _, Request};
use http::HeaderMap;
use http::header::HeaderValue;
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::cookie::{self, OwnCookie};
use super::origin::Origins;
use super::request_error::RequestError;
use crate::config::Server;
use crate::credential::csrf::Csrf;
use crate::credential::key::SecretKey;
use crate::credential::token::{PlainToken, TokenHash};

/// Checks forms, and makes the tokens in them.
#[derive(Debug)]
pub(crate) struct Forms {
    origins: Origins,
    csrf: Csrf,
    https: bool,
}

/// A token for a form, and the cookie that it is bound to if the browser has none yet.
#[derive(Debug, Default)]
pub(crate) struct FormToken {
    pub(crate) text: String,
    pub(crate) cookie: Option<HeaderValue>,
}

impl Forms {
    pub(crate) fn new(server: &Server, key: &SecretKey) -> Self {
        let https = server.public_url.is_https();
        Self { origins: Origins::new(server), csrf: Csrf::new(key), https }
    }

    /// The fields of a form that one of our pages sent, and the request's headers. Whose form it
    /// was is not checked: the fields contain a token for [`Forms::is_visitors`] or
    /// [`Forms::is_sessions`].
    ///
    /// # Errors
    /// When another site sent it, or it is not this form.
    pub(crate) async fn read<T: DeserializeOwned>(
        &self,
        request: Request,
    ) -> Result<(T, HeaderMap), RequestError> {
        let headers = request.headers().clone();
        if !self.origins.sent(&headers) {
            return Err(RequestError::ForeignForm);
        }
        match Form::<T>::from_request(request, &()).await {
            Ok(Form(fields)) => Ok((fields, headers)),
            Err(_) => Err(RequestError::UnreadableForm),
        }
    }

    /// A token for a visitor, with or without a session.
    pub(crate) fn visitor_token(&self, headers: &HeaderMap, now: Timestamp) -> FormToken {
        if let Some(known) = self.form_cookie(headers) {
            return FormToken { text: self.sign(&visitor(&known), now), cookie: None };
        }
        let fresh = PlainToken::generate();
        FormToken {
            text: self.sign(&visitor(&fresh), now),
            cookie: cookie::set(OwnCookie::Form, fresh.expose(), self.https),
        }
    }

    /// Whether [`Forms::visitor_token`] made the token for this visitor.
    pub(crate) fn is_visitors(&self, token: &str, headers: &HeaderMap, now: Timestamp) -> bool {
        self.form_cookie(headers).is_some_and(|known| self.is_signed(token, &visitor(&known), now))
    }

    /// A token for the browser that has the session.
    pub(crate) fn session_token(&self, key: &TokenHash, now: Timestamp) -> FormToken {
        FormToken { text: self.sign(&session(key), now), cookie: None }
    }

    /// Whether [`Forms::session_token`] made the token for this session.
    pub(crate) fn is_sessions(&self, token: &str, key: &TokenHash, now: Timestamp) -> bool {
        self.is_signed(token, &session(key), now)
    }

    /// Signs a statement that travels through the browser. Statements begin with a word of their
    /// own, so that none is taken for another.
    pub(crate) fn sign(&self, statement: &str, now: Timestamp) -> String {
        self.csrf.issue(statement, now)
    }

    /// Whether [`Forms::sign`] signed this statement within the lifetime of a form.
    pub(crate) fn is_signed(&self, token: &str, statement: &str, now: Timestamp) -> bool {
        self.csrf.check(token, statement, now)
    }

    fn form_cookie(&self, headers: &HeaderMap) -> Option<PlainToken> {
        cookie::token(headers, OwnCookie::Form.name(self.https))
    }
}

fn visitor(token: &PlainToken) -> String {
    format!("visitor {}", token.hash())
}

fn session(key: &TokenHash) -> String {
    format!("session {key}")
}
