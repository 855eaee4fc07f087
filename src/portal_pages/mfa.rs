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
use http::{HeaderMap, Response};
use serde::Deserialize;

use super::notice::Notice;
use super::pending::Pending;
use super::problem::{FormProblem, form_page};
use super::response::{add_cookie, see_other};
use super::return_to::ReturnTo;
use super::text::Catalogue;
use super::{Answer, Brand, PagesState, sign_in, wants};
use crate::credential::secret::Secret;
use crate::directory::UserFacts;
use crate::directory::second_factor::{Owed, SecondStep, Typed, Visit};
use crate::web::Visitor;
use crate::web::fetch_metadata::ResponseKind;
use portcullis_store::StoreError;

/// Where the code is asked for.
pub(super) const CODE: &str = "/.portcullis/mfa";
/// Where the second factor is set up.
pub(super) const SET_UP: &str = "/.portcullis/mfa/setup";
/// When to try again after too many changes at the same time, in seconds.
const BUSY_RETRY: u32 = 1;
/// Where the app's code is entered.
const CODE_FIELD: &[&str] = &["code"];

/// The form.
#[derive(Deserialize)]
struct Entered {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    code: Secret<String>,
    #[serde(default)]
    recovery_code: Secret<String>,
}

#[derive(Template)]
#[template(path = "pages/mfa.html")]
struct CodePage<'a> {
    brand: &'a Brand,
    text: &'a Catalogue,
    login: &'a str,
    problem: Option<&'a FormProblem<'a>>,
    csrf: &'a str,
    request_id: &'a str,
}

impl CodePage<'_> {
    fn is_about_recovery(&self) -> bool {
        self.problem.is_some_and(|problem| problem.is_about("recovery_code"))
    }
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

pub(super) async fn show(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Response<Body> {
    let headers = request.headers();
    match state.at(Step::Code, headers, &visitor).await {
        Ok(Ok(here)) => state.code_page(&here, headers, &visitor, None),
        Ok(Err(elsewhere)) => elsewhere,
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
    let answer = state.try_code(&entered, &headers, &visitor).await;
    answer.map_err(|error| state.store_unavailable(&error, (wants, &headers), &visitor))
}

impl PagesState {
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
        let page =
            |problem: FormProblem<'_>| Ok(self.code_page(&here, headers, visitor, Some(&problem)));
        if !self.is_visitors(&entered.csrf, headers, visitor.now) {
            return page(FormProblem::too_old(&text.mfa.form_too_old));
        }
        if !recovery && entered.code.expose().trim().is_empty() {
            return page(FormProblem::missing(&text.mfa.code_missing, CODE_FIELD));
        }
        let visit = self.visit(headers, visitor);
        let sign_in = &here.pending.sign_in;
        let step = self.directory.check_second_factor(sign_in, typed, visit, visitor.now).await?;
        let problem = match step {
            SecondStep::Welcome(user) => {
                return self.welcome(&user, &here.pending.place, headers, visitor).await;
            }
            // What it needs now is found there.
            SecondStep::Over => return Ok(see_other(CODE)),
            SecondStep::Wrong if recovery => {
                FormProblem::wrong(&text.mfa.wrong_recovery_code, &["recovery_code"])
            }
            SecondStep::Wrong => FormProblem::wrong(&text.mfa.wrong_code, CODE_FIELD),
            SecondStep::LockedOut { until } => FormProblem::locked_out(text, until, visitor.now),
            SecondStep::Busy => FormProblem::busy(&text.mfa.busy, BUSY_RETRY),
        };
        log(&problem, &here.user, visitor);
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
                Err(self.notice(&notice, ResponseKind::Page, &visitor.request_id))
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

    fn visit<'a>(&self, headers: &'a HeaderMap, visitor: &Visitor) -> Visit<'a> {
        Visit { address: visitor.address, browser: self.known_browsers.read(headers) }
    }

    fn code_page(
        &self,
        here: &Here,
        headers: &HeaderMap,
        visitor: &Visitor,
        problem: Option<&FormProblem<'_>>,
    ) -> Response<Body> {
        let text = self.texts.of(headers);
        let token = self.visitor_token(headers, visitor.now);
        let page = CodePage {
            brand: &self.brand,
            text,
            login: &here.user.login,
            problem,
            csrf: &token.text,
            request_id: &visitor.request_id,
        };
        form_page(text, &page, problem, &token)
    }
}

fn log(problem: &FormProblem<'_>, user: &UserFacts, visitor: &Visitor) {
    tracing::info!(
        status = problem.status.as_u16(),
        user.id = %user.id,
        request.id = visitor.request_id,
        "a second factor failed"
    );
}
