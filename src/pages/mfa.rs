//! The pages of the second factor (R50, R51), between the password and the session.
//!
//! Whoever comes here brings the cookie of a pending sign-in (see `pending`); without one, or with
//! one that is over, the way leads to the sign-in page, and afterwards to where the person was
//! going. Which of the two pages it is, the code's or the set-up's, is asked of the directory each
//! time.

mod qr;
pub(super) mod set_up;

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use http::header::{self, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;

use super::notice::Notice;
use super::pending::Pending;
use super::response::{Referrer, add_cookie, html, see_other};
use super::return_to::ReturnTo;
use super::text::{Catalogue, Filled, Text};
use super::when::When;
use super::{Brand, Desk, sign_in, wants};
use crate::credential::secret::Secret;
use crate::directory::UserFacts;
use crate::directory::second_factor::{Owed, SecondStep, Typed, Visit};
use crate::gateway::{Visitor, Wants};
use crate::store::StoreError;

/// Where the code is asked for.
pub(super) const CODE: &str = "/.portcullis/mfa";
/// Where the second factor is set up.
pub(super) const SET_UP: &str = "/.portcullis/mfa/setup";
/// When to try again after too many changes at the same time, in seconds.
const BUSY_RETRY: u64 = 1;

/// The form.
#[derive(Deserialize)]
struct Entered {
    #[serde(default)]
    csrf: String,
    #[serde(default = "nothing")]
    code: Secret<String>,
    #[serde(default = "nothing")]
    recovery_code: Secret<String>,
}

#[derive(Template)]
#[template(path = "pages/mfa.html")]
struct CodePage<'a> {
    brand: &'a Brand,
    text: &'a Catalogue,
    login: &'a str,
    problem: Option<Problem<'a>>,
    code_wrong: bool,
    recovery_code_wrong: bool,
    csrf: &'a str,
    request_id: &'a str,
}

/// A page of the second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Code,
    SetUp,
}

/// Somebody on the page that the pending sign-in needs.
struct Here {
    pending: Pending,
    user: Arc<UserFacts>,
}

/// Why nobody was let in.
struct Problem<'a> {
    status: StatusCode,
    text: Filled<'a>,
    retry_after: Option<u64>,
    /// Whether it is what was typed.
    typed: bool,
}

pub(super) async fn show(
    State(desk): State<Arc<Desk>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Response<Body> {
    let headers = request.headers();
    match desk.at(Step::Code, headers, &visitor).await {
        Ok(Ok(here)) => desk.code_page(&here, headers, &visitor, None, false),
        Ok(Err(elsewhere)) => elsewhere,
        Err(error) => {
            let wants = wants(request.method(), headers);
            desk.store_unavailable(&error, (wants, headers), &visitor)
        }
    }
}

pub(super) async fn submit(
    State(desk): State<Arc<Desk>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Response<Body> {
    let (entered, headers, wants) = match desk.sent::<Entered>(request, &visitor).await {
        Ok(sent) => sent,
        Err(refused) => return refused,
    };
    match desk.try_code(&entered, &headers, &visitor).await {
        Ok(response) => response,
        Err(error) => desk.store_unavailable(&error, (wants, &headers), &visitor),
    }
}

impl Desk {
    async fn try_code(
        &self,
        entered: &Entered,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> Result<Response<Body>, StoreError> {
        let here = match self.at(Step::Code, headers, visitor).await? {
            Ok(here) => here,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let text = self.texts.of(headers);
        let recovery = !entered.recovery_code.expose().trim().is_empty();
        let code = entered.code.expose();
        let typed = match recovery {
            true => Typed::RecoveryCode(entered.recovery_code.expose()),
            // Whoever types it into the other field means the same.
            false if code.contains(char::is_alphabetic) => Typed::RecoveryCode(code),
            false => Typed::Code(code),
        };
        let page = |problem| Ok(self.code_page(&here, headers, visitor, Some(problem), recovery));
        if !self.is_visitors(&entered.csrf, headers, visitor.now) {
            return page(Problem::form_too_old(text));
        }
        if !recovery && entered.code.expose().trim().is_empty() {
            return page(Problem::missing(text));
        }
        let visit = self.visit(&here.user, headers, visitor);
        let sign_in = &here.pending.sign_in;
        let step = self.directory.check_second_factor(sign_in, typed, visit, visitor.now).await?;
        let problem = match step {
            SecondStep::Welcome(user) => {
                return self.welcome(&user, &here.pending.place, headers, visitor).await;
            }
            // What it needs now is found there.
            SecondStep::Over => return Ok(see_other(CODE)),
            SecondStep::Wrong if recovery => Problem::wrong(&text.mfa.wrong_recovery_code),
            SecondStep::Wrong => Problem::wrong(&text.mfa.wrong_code),
            SecondStep::LockedOut { until } => Problem::locked_out(text, until, visitor.now),
            SecondStep::Busy => Problem::busy(text),
        };
        problem.log(&here.user, visitor);
        page(problem)
    }

    /// Somebody whose pending sign-in needs this step; for everybody else, the way.
    async fn at(
        &self,
        step: Step,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> Result<Result<Here, Response<Body>>, StoreError> {
        let Some(pending) = self.pending.read(headers) else {
            let address = sign_in::address(&ReturnTo::default(), None);
            return Ok(Err(self.start_over(&address, headers)));
        };
        let owed = self.directory.owed(&pending.sign_in, visitor.now).await?;
        Ok(match (owed, step) {
            (Owed::Code(user), Step::Code) | (Owed::SetUp(user), Step::SetUp) => {
                Ok(Here { pending, user })
            }
            (Owed::Code(_), Step::SetUp) => Err(see_other(CODE)),
            (Owed::SetUp(_), Step::Code) => Err(see_other(SET_UP)),
            (Owed::NoPortalAccess(_), _) => {
                let notice = Notice::no_portal_access(self.texts.of(headers), &self.brand.name);
                Err(self.notice(&notice, Wants::Page, &visitor.request_id))
            }
            (Owed::Over, _) => {
                Err(self.start_over(&sign_in::address_again(&pending.place), headers))
            }
        })
    }

    /// To the sign-in page, without what is worth nothing any more.
    fn start_over(&self, address: &str, headers: &HeaderMap) -> Response<Body> {
        let mut response = see_other(address);
        add_cookie(&mut response, self.pending.clear(headers));
        response
    }

    fn visit<'a>(&self, user: &UserFacts, headers: &'a HeaderMap, visitor: &Visitor) -> Visit<'a> {
        let browser = self.known_browsers.read(headers, &user.login);
        Visit { address: visitor.address, browser }
    }

    fn code_page(
        &self,
        here: &Here,
        headers: &HeaderMap,
        visitor: &Visitor,
        problem: Option<Problem<'_>>,
        recovery: bool,
    ) -> Response<Body> {
        let text = self.texts.of(headers);
        let token = self.visitor_token(headers, visitor.now);
        let status = problem.as_ref().map_or(StatusCode::OK, |problem| problem.status);
        let retry_after = problem.as_ref().and_then(|problem| problem.retry_after);
        let typed = problem.as_ref().is_some_and(|problem| problem.typed);
        let page = CodePage {
            brand: &self.brand,
            text,
            login: &here.user.login,
            problem,
            code_wrong: typed && !recovery,
            recovery_code_wrong: typed && recovery,
            csrf: &token.text,
            request_id: &visitor.request_id,
        };
        let mut response = html(text, status, &page, Referrer::Origin);
        add_cookie(&mut response, token.cookie);
        retry(&mut response, retry_after);
        response
    }
}

impl<'a> Problem<'a> {
    fn new(status: StatusCode, text: &'a Text) -> Self {
        Self { status, text: text.with(), retry_after: None, typed: false }
    }

    fn of_typed(status: StatusCode, text: &'a Text) -> Self {
        Self { typed: true, ..Self::new(status, text) }
    }

    fn form_too_old(text: &'a Catalogue) -> Self {
        Self::new(StatusCode::FORBIDDEN, &text.mfa.form_too_old)
    }

    fn missing(text: &'a Catalogue) -> Self {
        Self::of_typed(StatusCode::BAD_REQUEST, &text.mfa.code_missing)
    }

    fn wrong(text: &'a Text) -> Self {
        Self::of_typed(StatusCode::UNAUTHORIZED, text)
    }

    fn locked_out(text: &'a Catalogue, until: Timestamp, now: Timestamp) -> Self {
        let until = When::new(until, now, &text.when);
        Self {
            status: StatusCode::TOO_MANY_REQUESTS,
            retry_after: Some(until.seconds),
            text: text.sign_in.locked_out.with(until),
            typed: false,
        }
    }

    fn busy(text: &'a Catalogue) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, &text.mfa.busy);
        Self { retry_after: Some(BUSY_RETRY), ..problem }
    }

    fn log(&self, user: &UserFacts, visitor: &Visitor) {
        tracing::info!(
            status = self.status.as_u16(),
            user.id = %user.id,
            request.id = visitor.request_id,
            "a second factor failed"
        );
    }
}

fn retry(response: &mut Response<Body>, seconds: Option<u64>) {
    if let Some(seconds) = seconds {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
}

fn nothing() -> Secret<String> {
    Secret::from("")
}
