//! Setting the second factor up (R50), and the recovery codes that are shown this once (R51).
//!
//! The proposed secret is in the page, sealed for this one pending sign-in; nothing is kept of it
//! before a code shows that the person's app has it. A page that is sent back for a wrong code has
//! the same secret, so that nobody scans twice.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use http::{HeaderMap, Response, StatusCode, header};
use serde::Deserialize;

use super::{BUSY_RETRY, CODE_FIELD, Here, SET_UP, Step, log, qr};
use crate::credential::recovery::RecoveryCode;
use crate::credential::secret::Secret;
use crate::credential::totp::TotpSecret;
use crate::directory::second_factor::{SecondStep, SetUp};
use crate::portal_pages::problem::{FormProblem, form_page};
use crate::portal_pages::response::{Referrer, add_cookie, html, see_other};
use crate::portal_pages::text::Catalogue;
use crate::portal_pages::{Answer, Brand, PagesState, wants};
use crate::web::Visitor;
use portcullis_store::StoreError;

/// The form.
#[derive(Deserialize)]
struct Entered {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    proposal: String,
    #[serde(default)]
    code: Secret<String>,
}

#[derive(Template)]
#[template(path = "pages/mfa_setup.html")]
struct SetUpPage<'a> {
    brand: &'a Brand,
    text: &'a Catalogue,
    login: &'a str,
    /// Made by us alone.
    qr: Option<String>,
    secret: Secret<String>,
    proposal: &'a str,
    problem: Option<&'a FormProblem<'a>>,
    csrf: &'a str,
    request_id: &'a str,
}

#[derive(Template)]
#[template(path = "pages/mfa_codes.html")]
struct CodesPage<'a> {
    brand: &'a Brand,
    text: &'a Catalogue,
    codes: &'a [RecoveryCode],
    place: &'a str,
}

/// A proposed secret, in the clear and sealed.
type Proposal = (TotpSecret, String);

pub(in crate::portal_pages) async fn show(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Response<Body> {
    let headers = request.headers();
    match state.at(Step::SetUp, headers, &visitor).await {
        Ok(Ok(here)) => {
            let proposal = state.directory.propose_secret(&here.pending.sign_in);
            state.set_up_page(&here, &proposal, headers, &visitor, None)
        }
        Ok(Err(elsewhere)) => elsewhere,
        Err(error) => {
            let wants = wants(request.method(), headers);
            state.store_unavailable(&error, (wants, headers), &visitor)
        }
    }
}

pub(in crate::portal_pages) async fn submit(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Answer {
    let (entered, headers, wants) = state.sent::<Entered>(request, &visitor).await?;
    let answer = state.try_set_up(entered, &headers, &visitor).await;
    answer.map_err(|error| state.store_unavailable(&error, (wants, &headers), &visitor))
}

impl PagesState {
    async fn try_set_up(
        &self,
        entered: Entered,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> Result<Response<Body>, StoreError> {
        let here = match self.at(Step::SetUp, headers, visitor).await? {
            Ok(here) => here,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let text = self.texts.of(headers);
        let Entered { csrf, proposal, code } = entered;
        let sign_in = &here.pending.sign_in;
        let proposed = self.directory.proposed_secret(sign_in, &proposal);
        let (proposal, problem) = match proposed {
            Some(secret) if self.is_visitors(&csrf, headers, visitor.now) => {
                let missing = code.expose().trim().is_empty();
                (
                    (secret, proposal),
                    missing.then(|| FormProblem::missing(&text.mfa.code_missing, CODE_FIELD)),
                )
            }
            Some(secret) => {
                ((secret, proposal), Some(FormProblem::too_old(&text.mfa.form_too_old)))
            }
            // Of another sign-in, in another tab perhaps.
            None => {
                let problem = FormProblem::too_old(&text.mfa_setup.another_secret);
                (self.directory.propose_secret(sign_in), Some(problem))
            }
        };
        if problem.is_some() {
            return Ok(self.set_up_page(&here, &proposal, headers, visitor, problem.as_ref()));
        }
        let visit = self.visit(headers, visitor);
        let given = (&proposal.0, code.expose().as_str());
        let step = self.directory.set_up_second_factor(sign_in, given, visit, visitor.now).await?;
        let problem = match step {
            SecondStep::Welcome(done) => {
                return Ok(self.recovery_codes(&here, &done, headers, visitor).await);
            }
            // What it needs now is found there.
            SecondStep::Over => return Ok(see_other(SET_UP)),
            SecondStep::Wrong => FormProblem::wrong(&text.mfa_setup.wrong_code, CODE_FIELD),
            SecondStep::LockedOut { until } => FormProblem::locked_out(text, until, visitor.now),
            SecondStep::Busy => FormProblem::busy(&text.mfa.busy, BUSY_RETRY),
        };
        log(&problem, &here.user, visitor);
        Ok(self.set_up_page(&here, &proposal, headers, visitor, Some(&problem)))
    }

    /// Begins the session, and shows the recovery codes before the way goes on. They are shown if
    /// the session cannot begin, too: they are kept by now, and never shown again.
    async fn recovery_codes(
        &self,
        here: &Here,
        done: &SetUp,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> Response<Body> {
        tracing::info!(user.id = %done.user.id, request.id = visitor.request_id,
            "a second factor was set up");
        let place = &here.pending.place;
        let begun = self.welcome(&done.user, place, headers, visitor).await;
        let codes = &done.recovery_codes;
        let text = self.texts.of(headers);
        let page = CodesPage { brand: &self.brand, text, codes, place: place.as_str() };
        let mut response = html(text, StatusCode::OK, &page, Referrer::Nothing);
        match begun {
            Ok(begun) => {
                for cookie in begun.headers().get_all(header::SET_COOKIE) {
                    add_cookie(&mut response, Some(cookie.clone()));
                }
            }
            Err(error) => {
                tracing::error!(%error, request.id = visitor.request_id, "no session began");
            }
        }
        response
    }

    fn set_up_page(
        &self,
        here: &Here,
        (secret, proposal): &Proposal,
        headers: &HeaderMap,
        visitor: &Visitor,
        problem: Option<&FormProblem<'_>>,
    ) -> Response<Body> {
        let text = self.texts.of(headers);
        let token = self.visitor_token(headers, visitor.now);
        let login = &here.user.login;
        let page = SetUpPage {
            brand: &self.brand,
            text,
            login,
            qr: qr::svg(secret.url(&self.brand.name, login).expose()),
            secret: secret.text(),
            proposal,
            problem,
            csrf: &token.text,
            request_id: &visitor.request_id,
        };
        form_page(text, &page, problem, &token)
    }
}
