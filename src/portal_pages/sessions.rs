//! A portal user's sessions, and signing out elsewhere.
//!
//! A session by a secure link belongs to everyone who has the link, so it gets the page to sign out
//! on instead of a list of the others. Users can end their own sessions only: the operation itself
//! checks whose a session is.

use std::net::IpAddr;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Request, State};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::current_user::CurrentUser;
use super::texts::Catalogue;
use super::{PageResult, PagesState, user_agent};
use crate::credential::token::TokenHash;
use crate::directory::{Actor, Change};
use crate::session::SessionView;
use crate::web::brand::Brand;
use crate::web::form_problem::{FormProblem, form_page};
use crate::web::request_error::RequestError;
use crate::web::text::{Filled, RelativeTime};
use crate::web::{Visitor, paths};
use portcullis_policy::SessionKind;
use portcullis_store::StoreError;

/// The form's value for all sessions but the one that it is sent from.
const OTHERS: &str = "others";
/// More sessions are not listed, but end with [`OTHERS`] too.
const MAX_LISTED: usize = 100;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Fields {
    csrf: String,
    /// A session's id, or [`OTHERS`].
    end: String,
}

#[derive(Template)]
#[template(path = "pages/sessions.html")]
struct SessionsPage<'a> {
    brand: &'a Brand,
    text: &'a Catalogue,
    login: &'a str,
    sessions: Vec<Entry<'a>>,
    others: bool,
    csrf: &'a str,
    /// How many sessions were ended.
    ended: Option<Filled<'a>>,
    problem: Option<&'a FormProblem<'a>>,
    request_id: &'a str,
}

/// A session in the list.
struct Entry<'a> {
    id: String,
    browser: Filled<'a>,
    address: IpAddr,
    began: RelativeTime,
    used: RelativeTime,
    this: bool,
}

pub(super) async fn show(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> PageResult {
    state.sessions_page(&headers, &visitor, None).await
}

pub(super) async fn submit(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> PageResult {
    let (fields, headers) = state.forms.read::<Fields>(request).await?;
    state.sessions_page(&headers, &visitor, Some(&fields)).await
}

impl PagesState {
    /// Ends what the form names, if there is one, and lists the remaining sessions.
    async fn sessions_page(
        &self,
        headers: &HeaderMap,
        visitor: &Visitor,
        fields: Option<&Fields>,
    ) -> PageResult {
        let user = match self.current_user(headers, visitor, paths::SESSIONS).await? {
            Ok(user) if user.kind == SessionKind::User => user,
            // Staff that acts as a user does not manage the user's sessions.
            Ok(_) => return Err(RequestError::NoSuchPage),
            Err(elsewhere) => return Ok(elsewhere),
        };
        let text = self.texts.of(headers);
        let (ended, problem) = match fields {
            Some(fields) => match self.end_own(&user, fields, text, visitor).await? {
                Ok(ended) => (Some(text.sessions.ended.of(ended)), None),
                Err(problem) => (None, Some(problem)),
            },
            None => (None, None),
        };
        let token = self.forms.session_token(&user.key, visitor.now);
        let views = self.sessions.of_user(&user.id, MAX_LISTED, visitor.now).await?;
        let sessions: Vec<_> =
            views.into_iter().map(|view| entry(view, &user.key, text, visitor)).collect();
        let page = SessionsPage {
            brand: &self.brand,
            text,
            login: &user.login,
            others: sessions.iter().any(|session| !session.this),
            sessions,
            csrf: &token.text,
            ended,
            problem: problem.as_ref(),
            request_id: &visitor.request_id,
        };
        Ok(form_page(&text.language, &page, problem.as_ref(), &token))
    }

    /// How many sessions were ended, or why none was.
    async fn end_own<'a>(
        &self,
        user: &CurrentUser,
        fields: &Fields,
        text: &'a Catalogue,
        visitor: &Visitor,
    ) -> Result<Result<u64, FormProblem<'a>>, StoreError> {
        let texts = &text.sessions;
        if !self.forms.is_sessions(&fields.csrf, &user.key, visitor.now) {
            return Ok(Err(FormProblem::too_old(&texts.form_too_old)));
        }
        let change = Change::new(Actor::PortalUser { id: user.id.clone() }, visitor.now);
        let ended = if fields.end == OTHERS {
            self.sessions.end_others(&user.id, &user.key, &change).await?
        } else {
            let ended = match TokenHash::parse(&fields.end) {
                Some(key) => self.sessions.end_of_user(&user.id, &key, &change).await?,
                None => false,
            };
            if !ended {
                return Ok(Err(FormProblem::new(StatusCode::NOT_FOUND, &texts.not_there)));
            }
            1
        };
        Ok(Ok(u64::try_from(ended).unwrap_or(u64::MAX)))
    }
}

fn entry<'a>(
    view: SessionView,
    this: &TokenHash,
    text: &'a Catalogue,
    visitor: &Visitor,
) -> Entry<'a> {
    let texts = &text.sessions;
    let browser = match user_agent::browser_and_system(&view.agent) {
        (Some(browser), Some(system)) => texts.browser_on_system.with(browser, system),
        (Some(name), None) | (None, Some(name)) => texts.browser.with(name),
        (None, None) => texts.unknown_browser.with(),
    };
    Entry {
        this: view.id == this.to_string(),
        id: view.id,
        browser,
        address: view.address,
        began: text.when.past(view.created, visitor.now),
        used: text.when.past(view.last_seen, visitor.now),
    }
}
