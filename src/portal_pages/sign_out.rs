//! Signing out (R63). Opening the page ends nothing; its form does.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Response};
use serde::Deserialize;

use super::texts::Catalogue;
use super::{PageResult, PagesState};
use crate::directory::{Actor, Change};
use crate::session::{PortalCookie, SessionLookup};
use crate::web::brand::Brand;
use crate::web::cookie::{self, OwnCookie};
use crate::web::form::FormToken;
use crate::web::form_problem::{FormProblem, form_page};
use crate::web::response::{add_cookie, see_other};
use crate::web::{Visitor, paths};

/// Empties the browser's cache of the portal's pages, so that its Back button shows none of them.
const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

#[derive(Deserialize)]
struct Fields {
    #[serde(default)]
    csrf: String,
}

#[derive(Template)]
#[template(path = "pages/sign_out.html")]
struct SignOutPage<'a> {
    brand: &'a Brand,
    text: &'a Catalogue,
    session: Option<SignedIn>,
    /// Whether the session that has ended was by a secure link.
    was_by_link: bool,
    problem: Option<&'a FormProblem<'a>>,
    csrf: &'a str,
    request_id: &'a str,
}

/// The browser has a session.
struct SignedIn {
    /// `None` for a session by a secure link.
    login: Option<Arc<str>>,
    start_opens: bool,
}

pub(super) async fn show(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> PageResult {
    state.sign_out_page(&headers, &visitor, false).await
}

pub(super) async fn submit(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> PageResult {
    let (fields, headers) = state.forms.read::<Fields>(request).await?;
    let mut portal_cookies = Vec::new();
    if let Some(token) = cookie::token(&headers, state.session_cookie) {
        let key = token.hash();
        if !state.forms.is_sessions(&fields.csrf, &key, visitor.now) {
            return state.sign_out_page(&headers, &visitor, true).await;
        }
        let user = match state.presented(&headers, visitor.now).await? {
            SessionLookup::Found { subject, .. } => subject.user,
            SessionLookup::Missing(_) => None,
        };
        let actor = match user {
            Some(id) => Actor::PortalUser { id: id.into() },
            None => Actor::System("sign-out"),
        };
        let change = Change::new(actor, visitor.now);
        portal_cookies = state.sessions.sign_out(&key, &change).await?;
    }
    let mut response = see_other(paths::SIGN_OUT);
    response.headers_mut().insert(CLEAR_SITE_DATA, HeaderValue::from_static("\"cache\""));
    add_cookie(&mut response, cookie::clear(OwnCookie::Session, state.https));
    // With it, the next person at the browser could set up a second factor of their own.
    add_cookie(&mut response, state.pending.clear(&headers));
    state.expire(&mut response, &portal_cookies);
    Ok(response)
}

impl PagesState {
    /// Removes cookies of the portal from the browser.
    pub(super) fn expire(&self, response: &mut Response<Body>, cookies: &[PortalCookie]) {
        for cookie in cookies {
            add_cookie(response, cookie.expired(self.https));
        }
    }

    async fn sign_out_page(
        &self,
        headers: &HeaderMap,
        visitor: &Visitor,
        too_old: bool,
    ) -> PageResult {
        let text = self.texts.of(headers);
        let (session, token) = match self.presented(headers, visitor.now).await? {
            SessionLookup::Found { key, subject, .. } => {
                let token = self.forms.session_token(&key, visitor.now);
                let start_opens = self.start_opens_for(Some(&subject), visitor);
                (Some(SignedIn { login: subject.login, start_opens }), token)
            }
            SessionLookup::Missing(_) => (None, FormToken::default()),
        };
        let too_old = too_old && session.is_some();
        let problem = too_old.then(|| FormProblem::too_old(&text.sign_out.form_too_old));
        let page = SignOutPage {
            brand: &self.brand,
            text,
            problem: problem.as_ref(),
            was_by_link: session.is_none() && self.came_by_link(headers),
            session,
            csrf: &token.text,
            request_id: &visitor.request_id,
        };
        Ok(form_page(&text.language, &page, problem.as_ref(), &token))
    }
}
