//! The sign-in page, and what comes of it.
//!
//! An unknown login and a wrong password get the same page in the same words. The page can be asked
//! for by somebody who is signed in: with a place to go to, the way leads on, because the page was
//! kept in a tab or a bookmark; `?switch=1` is how one becomes somebody else.

use std::fmt::Write as _;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, Response, Uri};
use serde::Deserialize;

use super::notice::Notice;
use super::problem::{FormProblem, form_page};
use super::response::{add_cookie, see_other};
use super::return_to::{ReturnTo, in_query};
use super::text::Catalogue;
use super::{Answer, Brand, PagesState, mfa, wants};
use crate::credential::hashing::Busy;
use crate::credential::secret::Secret;
use crate::directory::UserFacts;
use crate::directory::links::asks_for_password;
use crate::directory::second_factor::PendingSignIn;
use crate::directory::sign_in::{Claim, SignIn};
use crate::session::{Begun, NewSession, StartError};
use crate::web::Visitor;
use crate::web::cookie::{self, OwnCookie};
use crate::web::fetch_metadata::ResponseKind;
use portcullis_policy::SessionKind;
use portcullis_store::StoreError;

/// What the page is asked with, in its query or by its form.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    return_to: String,
    /// The organization whose link was not enough (R12, R14).
    organization: String,
    hint: String,
    /// The login whose password has just been chosen.
    login: String,
    /// What vouches for that.
    chosen: String,
    /// Whether a sign-in is made again, because its second factor came too late.
    again: Option<String>,
    /// `1` for somebody who is signed in and wants to be somebody else.
    switch: String,
}

/// The form.
#[derive(Deserialize)]
struct Entered {
    #[serde(default)]
    login: String,
    #[serde(default)]
    password: Secret<String>,
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    return_to: String,
    #[serde(default)]
    organization: String,
    #[serde(default)]
    hint: String,
}

#[derive(Template)]
#[template(path = "pages/sign_in.html")]
struct SignInPage<'a> {
    brand: &'a Brand,
    text: &'a Catalogue,
    asked: &'a Asked,
    /// Why the person is here although there was a link.
    link: Option<LinkNotEnough>,
    password_set: bool,
    problem: Option<&'a FormProblem<'a>>,
    login: &'a str,
    csrf: &'a str,
    request_id: &'a str,
}

/// A link led here; whose, if that may be told.
struct LinkNotEnough {
    organization: Option<Arc<str>>,
    /// Nobody has a sign-in there: it is the link that is another one now, or none.
    replaced: bool,
}

/// The address of the sign-in page for somebody on the way to a place.
pub(super) fn address(return_to: &ReturnTo, link: Option<(&str, &str)>) -> String {
    let mut address = format!("/.portcullis/sign-in?return_to={}", in_query(return_to.as_str()));
    if let Some((organization, hint)) = link {
        // Writing to a string does not fail.
        let _ = write!(address, "&organization={}&hint={hint}", in_query(organization));
    }
    address
}

/// The address of the sign-in page for somebody who has just chosen a password. It holds the login
/// and nothing that opens anything.
pub(super) fn address_after_choice(login: &str, hint: &str) -> String {
    format!("/.portcullis/sign-in?login={}&chosen={hint}", in_query(login))
}

/// The same for somebody whose password was right, and whose second factor came too late.
pub(super) fn address_again(return_to: &ReturnTo) -> String {
    format!("{}&again=", address(return_to, None))
}

pub(super) async fn show(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
    headers: HeaderMap,
) -> Response<Body> {
    // A query that cannot be read asks for nothing.
    let asked = Query::<Asked>::try_from_uri(&uri).map(|Query(asked)| asked).unwrap_or_default();
    match state.place_to_go_on(&asked, &headers, &visitor).await {
        Ok(Some(place)) => return see_other(place.as_str()),
        Ok(None) => {}
        Err(error) => {
            let wants = wants(&Method::GET, &headers);
            return state.store_unavailable(&error, (wants, &headers), &visitor);
        }
    }
    // Anybody can make such an address: without our word for it, it says nothing.
    let password_set = state.vouches_for_password(&asked.chosen, &asked.login, visitor.now);
    let login = if password_set { asked.login.as_str() } else { "" };
    state.sign_in_page(&headers, &visitor, &asked, (login, password_set), None).await
}

pub(super) async fn submit(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Answer {
    let (entered, headers, wants) = state.sent::<Entered>(request, &visitor).await?;
    let answer = state.try_sign_in(entered, &headers, &visitor).await;
    answer.map_err(|error| state.store_unavailable(&error, (wants, &headers), &visitor))
}

impl PagesState {
    /// Where somebody goes on who has a live session and has asked for a place. Not when another
    /// session is wanted: by choice, by another organization's link, or in a sign-in made again.
    async fn place_to_go_on(
        &self,
        asked: &Asked,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> Result<Option<ReturnTo>, StoreError> {
        let place = ReturnTo::parse(&asked.return_to);
        // What is no place of the portal is read as the start page.
        let is_place = asked.return_to == "/" || place != ReturnTo::default();
        if !is_place || asked.switch == "1" || asked.again.is_some() {
            return Ok(None);
        }
        let presented = self.presented(headers, visitor.now).await?;
        let goes_on = presented.subject().is_some_and(|subject| {
            asked.organization.is_empty() || asked.organization == *subject.organization
        });
        Ok(goes_on.then_some(place))
    }

    /// The address of the sign-in page for somebody on the way to a place. A place that would make
    /// it longer than an address may be is left out.
    pub(super) fn sign_in_address(
        &self,
        return_to: &ReturnTo,
        link: Option<(&str, &str)>,
    ) -> String {
        let address = address(return_to, link);
        if address.len() <= self.longest_address {
            return address;
        }
        self::address(&ReturnTo::default(), link)
    }

    async fn try_sign_in(
        &self,
        entered: Entered,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> Result<Response<Body>, StoreError> {
        let Entered { login, password, csrf, return_to, organization, hint } = entered;
        let asked = Asked { return_to, organization, hint, ..Asked::default() };
        let text = self.texts.of(headers);
        let said = &text.sign_in;
        let problem = if !self.is_visitors(&csrf, headers, visitor.now) {
            Some(FormProblem::too_old(&said.form_too_old))
        } else if login.trim().is_empty() {
            Some(FormProblem::missing(&said.login_missing, &["login"]))
        } else if password.expose().is_empty() {
            Some(FormProblem::missing(&said.password_missing, &["password"]))
        } else {
            None
        };
        if let Some(problem) = problem {
            let filled = (&*login, false);
            return Ok(self.sign_in_page(headers, visitor, &asked, filled, Some(&problem)).await);
        }
        let browser = self.known_browsers.read(headers);
        let claim = Claim { login: &login, password, address: visitor.address, browser };
        let problem = match self.directory.sign_in(claim, visitor.now).await? {
            SignIn::Welcome(user) => {
                let place = ReturnTo::parse(&asked.return_to);
                return self.welcome(&user, &place, headers, visitor).await;
            }
            SignIn::NoPortalAccess(user) => {
                tracing::info!(user.id = %user.id, request.id = visitor.request_id,
                    "a portal user without portal access signed in");
                let notice = Notice::no_portal_access(text, &self.brand.name);
                return Ok(self.notice(&notice, ResponseKind::Page, &visitor.request_id));
            }
            SignIn::CodeOwed(pending) => return Ok(self.owing(mfa::CODE, pending, &asked)),
            SignIn::SetUpOwed(pending) => return Ok(self.owing(mfa::SET_UP, pending, &asked)),
            SignIn::Wrong => FormProblem::wrong(&said.wrong, &["login", "password"]),
            SignIn::LockedOut { until } => FormProblem::locked_out(text, until, visitor.now),
            SignIn::Busy => FormProblem::busy(&said.busy, Busy::RETRY_AFTER_SECONDS),
        };
        tracing::info!(
            status = problem.status.as_u16(),
            request.id = visitor.request_id,
            "a sign-in failed"
        );
        Ok(self.sign_in_page(headers, visitor, &asked, (&login, false), Some(&problem)).await)
    }

    /// Keeps that the password was right, and leads to where the rest is owed. No session yet.
    fn owing(&self, page: &str, sign_in: PendingSignIn, asked: &Asked) -> Response<Body> {
        let mut response = see_other(page);
        let place = ReturnTo::parse(&asked.return_to);
        add_cookie(&mut response, self.pending.keep(sign_in, &place));
        response
    }

    /// A new session under a new token, in place of the one the browser had.
    pub(super) async fn welcome(
        &self,
        user: &UserFacts,
        place: &ReturnTo,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> Result<Response<Body>, StoreError> {
        let new = NewSession {
            kind: SessionKind::User,
            organization: user.organization.clone(),
            user: Some(user.id.clone()),
            generation: user.password_generation,
            address: visitor.address,
            agent: agent(headers),
        };
        let mut response =
            self.begin(new, place, headers, visitor).await.map_err(StoreError::from)?;
        let known =
            self.known_browsers.remember(headers, user.id.as_str(), user.password_generation);
        add_cookie(&mut response, known);
        Ok(response)
    }

    /// Begins a session and leads to a place in the portal.
    ///
    /// # Errors
    /// When the store does not answer, or a link has too many sessions.
    pub(super) async fn begin(
        &self,
        new: NewSession,
        place: &ReturnTo,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> Result<Response<Body>, StartError> {
        let replaces = cookie::token_hash(headers, self.session_cookie);
        let Begun { token, expired } = self.sessions.start(new, replaces, visitor.now).await?;
        let mut response = see_other(place.as_str());
        self.expire(&mut response, &expired);
        add_cookie(&mut response, cookie::set(OwnCookie::Session, token.expose(), self.https));
        add_cookie(&mut response, self.pending.clear(headers));
        Ok(response)
    }

    async fn sign_in_page(
        &self,
        headers: &HeaderMap,
        visitor: &Visitor,
        asked: &Asked,
        (login, password_set): (&str, bool),
        problem: Option<&FormProblem<'_>>,
    ) -> Response<Body> {
        let text = self.texts.of(headers);
        let token = self.visitor_token(headers, visitor.now);
        let asked = &Asked {
            return_to: ReturnTo::parse(&asked.return_to).as_str().to_owned(),
            organization: asked.organization.clone(),
            hint: asked.hint.clone(),
            again: asked.again.clone(),
            ..Asked::default()
        };
        let page = SignInPage {
            brand: &self.brand,
            text,
            asked,
            link: self.link_not_enough(asked, visitor).await,
            password_set,
            problem,
            login,
            csrf: &token.text,
            request_id: &visitor.request_id,
        };
        form_page(text, &page, problem, &token)
    }

    /// Anybody can put an organization's id into the address; its name is told to those only who
    /// had its link.
    async fn link_not_enough(&self, asked: &Asked, visitor: &Visitor) -> Option<LinkNotEnough> {
        if asked.organization.is_empty() {
            return None;
        }
        if !self.vouches(&asked.hint, &asked.organization, visitor.now) {
            return Some(LinkNotEnough { organization: None, replaced: false });
        }
        let organization =
            self.directory.organization(&asked.organization.as_str().into()).await.ok().flatten();
        let replaced = organization
            .as_ref()
            .is_some_and(|facts| !asks_for_password(&self.directory.snapshot(), facts));
        let organization = organization.map(|facts| Arc::clone(&facts.name));
        Some(LinkNotEnough { organization, replaced })
    }
}

/// The browser, as it calls itself.
pub(super) fn agent(headers: &HeaderMap) -> String {
    let agent = headers.get(header::USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
    String::from_utf8_lossy(agent).into_owned()
}
