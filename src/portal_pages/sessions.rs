//! Where a portal user is signed in, and the way to end that elsewhere.
//!
//! Only a portal user has sessions to look at. Whoever came by a secure link shares it with
//! everybody who has it, so is shown the way out and nothing of the others. A person can end
//! sessions of their own only: whose a session is, the operation itself asks.

use std::net::IpAddr;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use http::{HeaderMap, Response, StatusCode};
use serde::Deserialize;

use super::problem::{FormProblem, form_page};
use super::response::see_other;
use super::return_to::ReturnTo;
use super::text::{Catalogue, Filled};
use super::when::When;
use super::{Answer, Brand, PagesState, agent, sign_in, wants};
use crate::credential::token::TokenHash;
use crate::directory::UserId;
use crate::directory::resets::is_reset_by_mail;
use crate::session::{Presented, SessionView};
use crate::web::Visitor;
use portcullis_store::StoreError;

/// The page's address.
pub(super) const ADDRESS: &str = "/.portcullis/sessions";
/// What the form says to end all sessions but the one it is sent from.
const OTHERS: &str = "others";
/// More are not shown; they can be ended all the same.
const SHOWN: usize = 100;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entered {
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
    /// Whether the person can choose another password by mail.
    reset_by_mail: bool,
    sessions: Vec<Shown<'a>>,
    others: bool,
    csrf: &'a str,
    /// How many sessions were ended.
    ended: Option<Filled<'a>>,
    problem: Option<&'a FormProblem<'a>>,
    request_id: &'a str,
}

/// One session.
struct Shown<'a> {
    id: String,
    browser: Filled<'a>,
    address: IpAddr,
    began: When,
    used: When,
    this: bool,
}

/// A portal user who looks at their sessions.
struct Person {
    key: TokenHash,
    id: UserId,
    login: Arc<str>,
}

pub(super) async fn show(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Response<Body> {
    let headers = request.headers();
    match state.sessions_page(headers, &visitor, None).await {
        Ok(response) => response,
        Err(error) => {
            let wants = wants(request.method(), headers);
            state.store_unavailable(&error, (wants, headers), &visitor)
        }
    }
}

pub(super) async fn submit(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Answer {
    let (entered, headers, wants) = state.sent::<Entered>(request, &visitor).await?;
    let answer = state.sessions_page(&headers, &visitor, Some(&entered)).await;
    answer.map_err(|error| state.store_unavailable(&error, (wants, &headers), &visitor))
}

impl PagesState {
    /// Does what was entered, if anything was, and shows what there is then.
    async fn sessions_page(
        &self,
        headers: &HeaderMap,
        visitor: &Visitor,
        entered: Option<&Entered>,
    ) -> Result<Response<Body>, StoreError> {
        let person = match self.presented(headers, visitor.now).await? {
            Presented::Somebody { key, subject } => match (subject.user, subject.login) {
                (Some(id), Some(login)) => Person { key, id: id.into(), login },
                _ => return Ok(see_other("/.portcullis/sign-out")),
            },
            Presented::Nobody(_) => {
                return Ok(see_other(&sign_in::address(&ReturnTo::parse(ADDRESS), None)));
            }
        };
        let text = self.texts.of(headers);
        let (ended, problem) = match entered {
            Some(entered) => match self.end_own(&person, entered, text, visitor).await? {
                Ok(ended) => (Some(text.sessions.ended.of(ended)), None),
                Err(problem) => (None, Some(problem)),
            },
            None => (None, None),
        };
        let token = self.session_token(&person.key, visitor.now);
        let views = self.sessions.of_user(&person.id, SHOWN, visitor.now).await?;
        let sessions: Vec<_> =
            views.into_iter().map(|view| shown(view, &person.key, text, visitor)).collect();
        let page = SessionsPage {
            brand: &self.brand,
            text,
            login: &person.login,
            reset_by_mail: is_reset_by_mail(&person.login),
            others: sessions.iter().any(|session| !session.this),
            sessions,
            csrf: &token.text,
            ended,
            problem: problem.as_ref(),
            request_id: &visitor.request_id,
        };
        Ok(form_page(text, &page, problem.as_ref(), &token))
    }

    /// How many were ended, or why none was.
    async fn end_own<'a>(
        &self,
        person: &Person,
        entered: &Entered,
        text: &'a Catalogue,
        visitor: &Visitor,
    ) -> Result<Result<u64, FormProblem<'a>>, StoreError> {
        if !self.is_sessions(&entered.csrf, &person.key, visitor.now) {
            return Ok(Err(FormProblem::too_old(&text.sessions.form_too_old)));
        }
        let ended = if entered.end == OTHERS {
            self.sessions.end_others(&person.id, &person.key).await?
        } else {
            let ended = match TokenHash::parse(&entered.end) {
                Some(key) => self.sessions.end_of_user(&person.id, &key).await?,
                None => false,
            };
            if !ended {
                let said = &text.sessions.not_there;
                return Ok(Err(FormProblem::new(StatusCode::NOT_FOUND, said)));
            }
            1
        };
        tracing::info!(
            ended, user.id = %person.id, request.id = visitor.request_id,
            "a portal user ended sessions"
        );
        Ok(Ok(u64::try_from(ended).unwrap_or(u64::MAX)))
    }
}

fn shown<'a>(
    view: SessionView,
    this: &TokenHash,
    text: &'a Catalogue,
    visitor: &Visitor,
) -> Shown<'a> {
    let said = &text.sessions;
    let browser = match agent::named(&view.agent) {
        (Some(browser), Some(system)) => said.browser_on_system.with(browser, system),
        (Some(name), None) | (None, Some(name)) => said.browser.with(name),
        (None, None) => said.unknown_browser.with(),
    };
    Shown {
        this: view.id == this.to_string(),
        id: view.id,
        browser,
        address: view.address,
        began: When::past(view.created, visitor.now, &text.when),
        used: When::past(view.last_seen, visitor.now, &text.when),
    }
}
