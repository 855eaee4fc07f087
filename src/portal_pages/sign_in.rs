//! The sign-in page.
//!
//! An unknown login and a wrong password get the same page with the same words. A visitor who is
//! signed in and has an address to continue at is sent there, because the page was open in a tab or
//! kept as a bookmark; `?switch=1` is for signing in with another account.

use std::fmt::Write as _;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use http::header::{self, HeaderValue};
use http::{HeaderMap, Response, Uri};
use serde::Deserialize;

use super::notices::Destination;
use super::texts::Catalogue;
use super::{PageResult, PagesState};
use crate::credential::hashing::Busy;
use crate::credential::secret::Secret;
use crate::directory::access::pending_sign_in::PendingSignIn;
use crate::directory::access::secure_links::requires_sign_in;
use crate::directory::access::sign_in::{SignIn, SignInRequest};
use crate::directory::{Actor, Change, UserFacts};
use crate::session::{NewSession, SignInWay, StartError, StartedSession};
use crate::web::brand::Brand;
use crate::web::cookie::{self, OwnCookie};
use crate::web::fetch_metadata::ResponseKind;
use crate::web::form::FormToken;
use crate::web::form_problem::{FormProblem, form_page};
use crate::web::response::{add_cookie, see_other};
use crate::web::return_to::{ReturnTo, in_query};
use crate::web::text::Filled;
use crate::web::{Visitor, paths};
use portcullis_policy::SessionKind;
use portcullis_store::StoreError;

/// What the page is requested with, in its query or in hidden fields of its form.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Parameters {
    return_to: String,
    /// The organization whose link no longer suffices (R12, R14).
    organization: String,
    /// The signed statement that the browser came by that link.
    hint: String,
    /// The login whose password has just been set.
    login: String,
    /// The signed statement that it has.
    chosen: String,
    /// Present when a sign-in starts again, because its second factor came too late.
    again: Option<String>,
    /// `1` for a visitor who is signed in and wants another account.
    switch: String,
    /// `1` after a form that was not passed on, because there was no session.
    unsent: String,
}

/// The form.
#[derive(Deserialize)]
struct Fields {
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
    #[serde(default)]
    unsent: String,
}

#[derive(Template)]
#[template(path = "pages/sign_in.html")]
struct SignInPage<'a> {
    brand: &'a Brand,
    text: &'a Catalogue,
    parameters: &'a Parameters,
    /// Why a visitor with a link is here.
    link: Option<LinkNotEnough>,
    password_set: bool,
    /// Whose portal it is.
    lead: Filled<'a>,
    /// Why the browser's session has ended.
    ended: Option<Filled<'a>>,
    problem: Option<&'a FormProblem<'a>>,
    login: &'a str,
    /// The address of the page for a forgotten password.
    forgot: &'a str,
    csrf: &'a str,
    request_id: &'a str,
}

/// A link led to the sign-in page.
struct LinkNotEnough {
    /// The organization's name, if the visitor may see it.
    organization: Option<Arc<str>>,
    /// The organization has no portal users: its link was replaced or switched off.
    replaced: bool,
}

/// The address of the sign-in page for a visitor who continues at `return_to`.
pub(super) fn address(return_to: &ReturnTo, link: Option<(&str, &str)>) -> String {
    let mut address = format!("{}?return_to={}", paths::SIGN_IN, in_query(return_to.as_str()));
    if let Some((organization, hint)) = link {
        // Writing to a string does not fail.
        let _ = write!(address, "&organization={}&hint={hint}", in_query(organization));
    }
    address
}

/// The same, of at most `max` bytes: without `return_to` if it would be longer with it.
pub(super) fn address_within(
    max: usize,
    return_to: &ReturnTo,
    link: Option<(&str, &str)>,
) -> String {
    let address = address(return_to, link);
    if address.len() <= max {
        return address;
    }
    self::address(&ReturnTo::default(), link)
}

/// The address of the sign-in page after a form that was not passed on.
pub(super) fn address_unsent(address: String) -> String {
    address + "&unsent=1"
}

/// The address of the sign-in page after a password has been set. It contains the login, and
/// nothing that signs anyone in.
pub(super) fn address_after_password(login: &str, hint: &str) -> String {
    format!("{}?login={}&chosen={hint}", paths::SIGN_IN, in_query(login))
}

/// The address of the sign-in page after the second factor came too late.
pub(super) fn address_again(return_to: &ReturnTo) -> String {
    format!("{}&again=", address(return_to, None))
}

pub(super) async fn show(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
    headers: HeaderMap,
) -> PageResult {
    // A malformed query is ignored.
    let parameters = Query::<Parameters>::try_from_uri(&uri).map(|Query(parameters)| parameters);
    let parameters = parameters.unwrap_or_default();
    if let Some(address) = state.continue_at(&parameters, &headers, &visitor).await? {
        return Ok(see_other(address.as_str()));
    }
    if let Some(page) = state.link_ended(&parameters, &headers, &visitor).await {
        return Ok(page);
    }
    let Parameters { chosen, login, .. } = &parameters;
    let password_set = state.is_password_hint(chosen, login, visitor.now);
    let login = if password_set { login.as_str() } else { "" };
    Ok(state.sign_in_page(&headers, &visitor, &parameters, (login, password_set), None).await)
}

pub(super) async fn submit(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> PageResult {
    let (fields, headers) = state.forms.read::<Fields>(request).await?;
    state.sign_in(fields, &headers, &visitor).await
}

impl PagesState {
    /// Where a visitor with a session continues. `None` if the visitor wants another session: with
    /// another account, by another organization's link, or because a sign-in starts again.
    async fn continue_at(
        &self,
        parameters: &Parameters,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> Result<Option<ReturnTo>, StoreError> {
        let return_to = ReturnTo::parse(&parameters.return_to);
        // An address that is not accepted is read as the start page.
        let accepted = parameters.return_to == "/" || return_to != ReturnTo::default();
        if !accepted || parameters.switch == "1" || parameters.again.is_some() {
            return Ok(None);
        }
        let presented = self.presented(headers, visitor.now).await?;
        let continues = presented.subject().is_some_and(|subject| {
            parameters.organization.is_empty() || parameters.organization == *subject.organization
        });
        Ok(continues.then_some(return_to))
    }

    async fn sign_in(&self, fields: Fields, headers: &HeaderMap, visitor: &Visitor) -> PageResult {
        let Fields { login, password, csrf, return_to, organization, hint, unsent } = fields;
        let parameters =
            Parameters { return_to, organization, hint, unsent, ..Parameters::default() };
        let text = self.texts.of(headers);
        let texts = &text.sign_in;
        let problem = if !self.forms.is_visitors(&csrf, headers, visitor.now) {
            Some(FormProblem::too_old(&texts.form_too_old))
        } else if login.trim().is_empty() {
            Some(FormProblem::missing(&texts.login_missing, &["login"]))
        } else if password.expose().is_empty() {
            Some(FormProblem::missing(&texts.password_missing, &["password"]))
        } else {
            None
        };
        let page = async |problem: FormProblem<'_>| {
            let filled = (&*login, false);
            self.sign_in_page(headers, visitor, &parameters, filled, Some(&problem)).await
        };
        if let Some(problem) = problem {
            return Ok(page(problem).await);
        }
        let browser = self.known_browsers.read(headers);
        let claim = SignInRequest { login: &login, password, address: visitor.address, browser };
        let return_to = ReturnTo::parse(&parameters.return_to);
        let problem = match self.directory.sign_in().check(claim, visitor.now).await? {
            SignIn::Accepted(user) => {
                let way = SignInWay::Password;
                return self.signed_in((&user, way), &return_to, headers, visitor).await;
            }
            SignIn::NoPortalAccess(user) => {
                let notice = self.notices(text).no_access_of(&user);
                return Ok(self.notice(&notice, text, ResponseKind::Page, &visitor.request_id));
            }
            SignIn::Parked(reason) => {
                let out = Some(Destination::SwitchAccount);
                let notice = self.notices(text).organization_parked(&reason, out);
                return Ok(self.notice(&notice, text, ResponseKind::Page, &visitor.request_id));
            }
            SignIn::CodeRequired(pending) => {
                return Ok(self.to_second_factor(paths::MFA, pending, &return_to));
            }
            SignIn::SetUpRequired(pending) => {
                return Ok(self.to_second_factor(paths::MFA_SETUP, pending, &return_to));
            }
            SignIn::Wrong => FormProblem::wrong(&texts.wrong, &["login", "password"]),
            SignIn::LockedOut { until } => locked_out(text, until, visitor),
            SignIn::Busy => FormProblem::busy(&texts.busy, Busy::RETRY_AFTER_SECONDS),
        };
        Ok(page(problem).await)
    }

    /// Remembers in a cookie that the password was right. There is no session yet.
    pub(super) fn to_second_factor(
        &self,
        page: &str,
        sign_in: PendingSignIn,
        return_to: &ReturnTo,
    ) -> Response<Body> {
        let mut response = see_other(page);
        add_cookie(&mut response, self.pending.set(sign_in, return_to));
        response
    }

    /// Starts a session for a user who has signed in, and remembers the browser.
    pub(super) async fn signed_in(
        &self,
        (user, way): (&UserFacts, SignInWay),
        return_to: &ReturnTo,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> PageResult {
        let new = NewSession {
            way,
            kind: SessionKind::User,
            organization: user.organization.clone(),
            user: Some(user.id.clone()),
            generation: user.password_generation,
            address: visitor.address,
            agent: user_agent(headers),
        };
        let started = self.start_session(new, return_to, headers, visitor).await;
        let mut response = started.map_err(|error| match error {
            StartError::Store(error) => error,
            // Only the sessions of secure links are limited.
            StartError::TooMany { .. } => StoreError::Unavailable(error.to_string()),
        })?;
        let known =
            self.known_browsers.remember(headers, user.id.as_str(), user.password_generation);
        add_cookie(&mut response, known);
        Ok(response)
    }

    /// Starts a session under a new token, in place of the browser's present one.
    ///
    /// # Errors
    /// When the store does not respond, or a link has too many sessions.
    pub(super) async fn start_session(
        &self,
        new: NewSession,
        return_to: &ReturnTo,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> Result<Response<Body>, StartError> {
        let replaces = cookie::token_hash(headers, self.session_cookie);
        let by_link = self.mark_link(headers, new.kind == SessionKind::Link);
        let actor = match &new.user {
            Some(id) => Actor::PortalUser { id: id.clone() },
            None => Actor::System("secure link"),
        };
        let change = Change::new(actor, visitor.now);
        let StartedSession { token, expired } = self.sessions.start(new, replaces, &change).await?;
        let mut response = see_other(return_to.as_str());
        self.expire(&mut response, &expired);
        add_cookie(&mut response, cookie::set(OwnCookie::Session, token.expose(), self.https));
        add_cookie(&mut response, self.pending.clear(headers));
        add_cookie(&mut response, by_link);
        Ok(response)
    }

    /// The page for a visitor whose session by a secure link has ended: a form would be of no use.
    /// `None` for those who want to sign in, or have to.
    async fn link_ended(
        &self,
        parameters: &Parameters,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> Option<Response<Body>> {
        let Parameters { return_to, organization, chosen, again, switch, .. } = parameters;
        if !chosen.is_empty() || again.is_some() || switch == "1" {
            return None;
        }
        let (text, return_to) = (self.texts.of(headers), ReturnTo::parse(return_to));
        if organization.is_empty() {
            let ended = self.came_by_link(headers) && !self.has_session(headers, visitor).await;
            return ended.then(|| self.link_ended_page(text, None, &return_to, visitor));
        }
        let link = self.link_not_enough(parameters, visitor).await.filter(|link| link.replaced)?;
        let organization = link.organization?;
        Some(self.link_ended_page(text, Some(&organization), &return_to, visitor))
    }

    async fn sign_in_page(
        &self,
        headers: &HeaderMap,
        visitor: &Visitor,
        parameters: &Parameters,
        (login, password_set): (&str, bool),
        problem: Option<&FormProblem<'_>>,
    ) -> Response<Body> {
        let text = self.texts.of(headers);
        let token = self.forms.visitor_token(headers, visitor.now);
        let parameters = &Parameters {
            return_to: ReturnTo::parse(&parameters.return_to).as_str().to_owned(),
            organization: parameters.organization.clone(),
            hint: parameters.hint.clone(),
            again: parameters.again.clone(),
            unsent: parameters.unsent.clone(),
            ..Parameters::default()
        };
        let ended = match password_set {
            true => None,
            false => self.ended_session(headers, visitor).await,
        };
        let last = ended.as_ref().and_then(|ended| ended.user.as_ref());
        let (login, lead) = match last {
            Some((last, organization)) => {
                let login = if login.is_empty() { &**last } else { login };
                let lead = text.sign_in.lead_of_organization.with(organization, &self.brand.name);
                (login, lead)
            }
            None => (login, text.sign_in.lead.with(&self.brand.name)),
        };
        let forgot = match login.is_empty() {
            true => paths::FORGOT_PASSWORD.to_owned(),
            false => format!("{}?login={}", paths::FORGOT_PASSWORD, in_query(login)),
        };
        let page = SignInPage {
            brand: &self.brand,
            text,
            parameters,
            link: self.link_not_enough(parameters, visitor).await,
            password_set,
            lead,
            ended: ended.as_ref().map(|ended| ended.text(text, &self.brand.name)),
            problem,
            login,
            forgot: &forgot,
            csrf: &token.text,
            request_id: &visitor.request_id,
        };
        form_page(&text.language, &page, problem, &token)
    }

    /// The organization's name is shown only with a signed hint, because anyone can put an
    /// organization's id into the address.
    async fn link_not_enough(
        &self,
        parameters: &Parameters,
        visitor: &Visitor,
    ) -> Option<LinkNotEnough> {
        let Parameters { organization, hint, .. } = parameters;
        if organization.is_empty() {
            return None;
        }
        if !self.is_organization_hint(hint, organization, visitor.now) {
            return Some(LinkNotEnough { organization: None, replaced: false });
        }
        let organization =
            self.directory.organization(&organization.as_str().into()).await.ok().flatten();
        let replaced = organization
            .as_ref()
            .is_some_and(|facts| !requires_sign_in(&self.directory.snapshot(), facts));
        let organization = organization.map(|facts| Arc::clone(&facts.name));
        Some(LinkNotEnough { organization, replaced })
    }
}

/// The page with sample data, for its preview.
pub(super) fn sample(brand: &Brand, text: &Catalogue) -> Response<Body> {
    let page = SignInPage {
        brand,
        text,
        parameters: &Parameters::default(),
        link: None,
        password_set: false,
        lead: text.sign_in.lead.with(&brand.name),
        ended: None,
        problem: None,
        login: "",
        forgot: paths::FORGOT_PASSWORD,
        csrf: "",
        request_id: "",
    };
    form_page(&text.language, &page, None, &FormToken::default())
}

/// Too many attempts have failed, for a password as for a code.
pub(super) fn locked_out<'a>(
    text: &'a Catalogue,
    until: jiff::Timestamp,
    visitor: &Visitor,
) -> FormProblem<'a> {
    let until = text.when.ahead(until, visitor.now);
    let problem = FormProblem::locked_out(text.sign_in.locked_out.with(until.clone()), &until);
    problem.until_over(&text.sign_in.locked_over)
}

/// The browser's `User-Agent`.
pub(super) fn user_agent(headers: &HeaderMap) -> String {
    let agent = headers.get(header::USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
    String::from_utf8_lossy(agent).into_owned()
}
