//! Setting up the second factor (R50).
//!
//! The proposed secret is in the page, sealed for this pending sign-in. Nothing of it is stored
//! before a code proves that the user's app has it. A page that is shown again after a wrong code
//! has the same secret, so that it need not be scanned twice.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use http::{HeaderMap, Response, header};
use serde::Deserialize;

use super::{AtStep, BUSY_RETRY, CODE_FIELD, Step};
use crate::credential::secret::Secret;
use crate::credential::totp::TotpSecret;
use crate::directory::access::second_factors::{NewSecondFactor, SecondStep};
use crate::portal_pages::sign_in::locked_out;
use crate::portal_pages::texts::Catalogue;
use crate::portal_pages::{PageResult, PagesState};
use crate::session::SignInWay;
use crate::web::brand::Brand;
use crate::web::form_problem::{FormProblem, form_page};
use crate::web::qr;
use crate::web::response::{add_cookie, see_other};
use crate::web::{Visitor, paths};

/// The form.
#[derive(Deserialize)]
struct Fields {
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
    /// SVG of ours. `None` if the address is too long for a code.
    qr: Option<String>,
    /// The address that opens the app on this device.
    app_url: Secret<String>,
    secret: Secret<String>,
    proposal: &'a str,
    /// Whether the user has asked for it while signed in.
    by_choice: bool,
    problem: Option<&'a FormProblem<'a>>,
    csrf: &'a str,
    request_id: &'a str,
}

impl SetUpPage<'_> {
    fn is_about_code(&self) -> bool {
        self.problem.is_some_and(|problem| problem.is_about("code"))
    }
}

/// A proposed secret, in the clear and sealed.
type Proposal = (TotpSecret, String);

pub(in crate::portal_pages) async fn show(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> PageResult {
    Ok(match state.at_step(Step::SetUp, &headers, &visitor).await? {
        Ok(at_step) => {
            let proposal = state.directory.second_factors().propose(&at_step.pending.sign_in);
            state.set_up_page(&at_step, &proposal, &headers, &visitor, None)
        }
        Err(elsewhere) => elsewhere,
    })
}

pub(in crate::portal_pages) async fn submit(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> PageResult {
    let (fields, headers) = state.forms.read::<Fields>(request).await?;
    state.set_up(fields, &headers, &visitor).await
}

impl PagesState {
    async fn set_up(&self, fields: Fields, headers: &HeaderMap, visitor: &Visitor) -> PageResult {
        let at_step = match self.at_step(Step::SetUp, headers, visitor).await? {
            Ok(at_step) => at_step,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let text = self.texts.of(headers);
        let Fields { csrf, proposal, code } = fields;
        let sign_in = &at_step.pending.sign_in;
        let (proposal, problem) = match self.directory.second_factors().proposed(sign_in, &proposal)
        {
            Some(secret) if self.forms.is_visitors(&csrf, headers, visitor.now) => {
                let missing = code.expose().trim().is_empty();
                let missing =
                    missing.then(|| FormProblem::missing(&text.mfa.code_missing, CODE_FIELD));
                ((secret, proposal), missing)
            }
            Some(secret) => {
                ((secret, proposal), Some(FormProblem::too_old(&text.mfa.form_too_old)))
            }
            // The page belonged to another sign-in, such as one in another tab.
            None => {
                let problem = FormProblem::too_old(&text.mfa_setup.another_secret);
                (self.directory.second_factors().propose(sign_in), Some(problem))
            }
        };
        if problem.is_some() {
            return Ok(self.set_up_page(&at_step, &proposal, headers, visitor, problem.as_ref()));
        }
        let visit = self.visit(headers, visitor);
        let given = (&proposal.0, code.expose().as_str());
        let step =
            self.directory.second_factors().set_up(sign_in, given, visit, visitor.now).await?;
        let problem = match step {
            SecondStep::Accepted(done) => {
                return Ok(self.second_factor_set_up(&at_step, &done, headers, visitor).await);
            }
            // The page finds out what is needed now.
            SecondStep::Invalid => return Ok(see_other(paths::MFA_SETUP)),
            SecondStep::Wrong => FormProblem::wrong(&text.mfa_setup.wrong_code, CODE_FIELD),
            SecondStep::LockedOut { until } => locked_out(text, until, visitor),
            SecondStep::Busy => FormProblem::busy(&text.mfa.busy, BUSY_RETRY),
        };
        Ok(self.set_up_page(&at_step, &proposal, headers, visitor, Some(&problem)))
    }

    /// Starts the session and shows the recovery codes. They are shown even if the session cannot
    /// start: they are stored by now, and are not shown again.
    async fn second_factor_set_up(
        &self,
        at_step: &AtStep,
        done: &NewSecondFactor,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> Response<Body> {
        let return_to = &at_step.pending.return_to;
        let signed_in =
            self.signed_in((&done.user, SignInWay::Totp), return_to, headers, visitor).await;
        let codes = (&*done.recovery_codes, &self.texts.of(headers).recovery_codes.lead);
        let mut response = self.recovery_codes_page(codes, return_to, headers, visitor);
        match signed_in {
            Ok(signed_in) => {
                for cookie in signed_in.headers().get_all(header::SET_COOKIE) {
                    add_cookie(&mut response, Some(cookie.clone()));
                }
            }
            Err(error) => {
                tracing::error!(%error, request.id = visitor.request_id,
                    "could not create a session");
            }
        }
        response
    }

    fn set_up_page(
        &self,
        at_step: &AtStep,
        (secret, proposal): &Proposal,
        headers: &HeaderMap,
        visitor: &Visitor,
        problem: Option<&FormProblem<'_>>,
    ) -> Response<Body> {
        let text = self.texts.of(headers);
        let token = self.forms.visitor_token(headers, visitor.now);
        let login = &at_step.user.login;
        let app_url = secret.url(&self.brand.name, login);
        let page = SetUpPage {
            brand: &self.brand,
            text,
            login,
            qr: qr::svg(app_url.expose()),
            app_url,
            secret: secret.text(),
            proposal,
            by_choice: at_step.pending.sign_in.sets_up(),
            problem,
            csrf: &token.text,
            request_id: &visitor.request_id,
        };
        form_page(&text.language, &page, problem, &token)
    }
}
