//! The way out (R63). Asking for the page ends nothing; its button does.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Response};
use serde::Deserialize;

use super::form::FormToken;
use super::problem::{FormProblem, form_page};
use super::response::{add_cookie, see_other};
use super::text::Catalogue;
use super::{Answer, Brand, PagesState, wants};
use crate::session::{PortalCookie, Presented};
use crate::web::Visitor;
use crate::web::cookie::{self, OwnCookie};
use portcullis_store::StoreError;

/// The browser forgets the portal's pages, so that its Back shows none of them.
const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

#[derive(Deserialize)]
struct Entered {
    #[serde(default)]
    csrf: String,
}

#[derive(Template)]
#[template(path = "pages/sign_out.html")]
struct SignOutPage<'a> {
    brand: &'a Brand,
    text: &'a Catalogue,
    /// Whose session it is; nobody's when it has ended.
    session: Option<Option<Arc<str>>>,
    problem: Option<&'a FormProblem<'a>>,
    csrf: &'a str,
    request_id: &'a str,
}

pub(super) async fn show(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Response<Body> {
    match state.sign_out_page(request.headers(), &visitor, false).await {
        Ok(response) => response,
        Err(error) => {
            let wants = wants(request.method(), request.headers());
            state.store_unavailable(&error, (wants, request.headers()), &visitor)
        }
    }
}

pub(super) async fn submit(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Answer {
    let (entered, headers, wants) = state.sent::<Entered>(request, &visitor).await?;
    let answer = state.try_sign_out(&entered, &headers, &visitor).await;
    answer.map_err(|error| state.store_unavailable(&error, (wants, &headers), &visitor))
}

impl PagesState {
    async fn try_sign_out(
        &self,
        entered: &Entered,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> Result<Response<Body>, StoreError> {
        let mut portal_cookies = Vec::new();
        if let Some(token) = cookie::token(headers, self.session_cookie) {
            let key = token.hash();
            if !self.is_sessions(&entered.csrf, &key, visitor.now) {
                return self.sign_out_page(headers, visitor, true).await;
            }
            portal_cookies = self.sessions.sign_out(&key).await?;
        }
        let mut response = see_other("/.portcullis/sign-out");
        response.headers_mut().insert(CLEAR_SITE_DATA, HeaderValue::from_static("\"cache\""));
        add_cookie(&mut response, cookie::clear(OwnCookie::Session, self.https));
        self.expire(&mut response, &portal_cookies);
        Ok(response)
    }

    /// Has the browser forget cookies of the portal.
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
    ) -> Result<Response<Body>, StoreError> {
        let text = self.texts.of(headers);
        let (session, token) = match self.presented(headers, visitor.now).await? {
            Presented::Somebody { key, subject } => {
                (Some(subject.login), self.session_token(&key, visitor.now))
            }
            Presented::Nobody(_) => (None, FormToken::default()),
        };
        let too_old = too_old && session.is_some();
        let problem = too_old.then(|| FormProblem::too_old(&text.sign_out.form_too_old));
        let page = SignOutPage {
            brand: &self.brand,
            text,
            problem: problem.as_ref(),
            session,
            csrf: &token.text,
            request_id: &visitor.request_id,
        };
        Ok(form_page(text, &page, problem.as_ref(), &token))
    }

    /// Whose session the browser has.
    pub(super) async fn presented(
        &self,
        headers: &HeaderMap,
        now: jiff::Timestamp,
    ) -> Result<Presented, StoreError> {
        let snapshot = arc_swap::Guard::into_inner(self.directory.snapshot());
        self.sessions.resolve(headers, self.session_cookie, &snapshot, now).await
    }
}
