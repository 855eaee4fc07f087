//! The code of the second factor (R50, R51), between the password and the session.
//!
//! The visitor has the cookie of a pending sign-in (`pending_cookie`). Without one, or with one that
//! has expired, the sign-in page follows. Whether a code or the set-up is needed, the directory is
//! asked on each request.

pub(super) mod recovery_codes;
pub(super) mod set_up;

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use http::{HeaderMap, Response};
use serde::Deserialize;

use super::notices::Destination;
use super::pending_cookie::Pending;
use super::sign_in::{self, locked_out};
use super::texts::Catalogue;
use super::{PageResult, PagesState, sample};
use crate::credential::secret::Secret;
use crate::directory::UserFacts;
use crate::directory::access::attempt_source::AttemptSource;
use crate::directory::access::second_factors::{EnteredCode, NextStep, SecondStep};
use crate::session::SignInWay;
use crate::web::brand::Brand;
use crate::web::fetch_metadata::ResponseKind;
use crate::web::form::FormToken;
use crate::web::form_problem::{FormProblem, form_page};
use crate::web::response::{add_cookie, see_other};
use crate::web::return_to::ReturnTo;
use crate::web::{Visitor, paths};
use portcullis_store::StoreError;

/// When to try again after too many concurrent changes, in seconds.
const BUSY_RETRY: u32 = 1;
const CODE_FIELD: &[&str] = &["code"];

/// The form.
#[derive(Deserialize)]
struct Fields {
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

/// A pending sign-in that needs the requested page.
struct AtStep {
    pending: Pending,
    user: Arc<UserFacts>,
}

pub(super) async fn show(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> PageResult {
    Ok(match state.at_step(Step::Code, &headers, &visitor).await? {
        Ok(at_step) => state.code_page(&at_step, &headers, &visitor, None),
        Err(elsewhere) => elsewhere,
    })
}

pub(super) async fn submit(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> PageResult {
    let (fields, headers) = state.forms.read::<Fields>(request).await?;
    state.check_code(&fields, &headers, &visitor).await
}

impl PagesState {
    async fn check_code(
        &self,
        fields: &Fields,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> PageResult {
        let at_step = match self.at_step(Step::Code, headers, visitor).await? {
            Ok(at_step) => at_step,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let text = self.texts.of(headers);
        let Fields { csrf, code, recovery_code } = fields;
        let (code, recovery_code) = (code.expose(), recovery_code.expose());
        let is_recovery = !recovery_code.trim().is_empty();
        let typed = match is_recovery {
            true => EnteredCode::Recovery(recovery_code),
            false => entered_code(code),
        };
        let page = |problem: FormProblem<'_>| {
            Ok(self.code_page(&at_step, headers, visitor, Some(&problem)))
        };
        if !self.forms.is_visitors(csrf, headers, visitor.now) {
            return page(FormProblem::too_old(&text.mfa.form_too_old));
        }
        if !is_recovery && code.trim().is_empty() {
            return page(FormProblem::missing(&text.mfa.code_missing, CODE_FIELD));
        }
        let visit = self.visit(headers, visitor);
        let Pending { sign_in, return_to } = &at_step.pending;
        let step =
            self.directory.second_factors().check(sign_in, typed, visit, visitor.now).await?;
        let problem = match step {
            SecondStep::Accepted(user) => {
                let (onward, way) = match typed {
                    EnteredCode::Totp(_) => (return_to.clone(), SignInWay::Totp),
                    EnteredCode::Recovery(_) => {
                        let onward = return_to.after_recovery_codes(self.max_address);
                        (onward, SignInWay::RecoveryCode)
                    }
                };
                return self.signed_in((&user, way), &onward, headers, visitor).await;
            }
            // The page finds out what is needed now.
            SecondStep::Invalid => return Ok(see_other(paths::MFA)),
            SecondStep::Wrong if is_recovery => {
                FormProblem::wrong(&text.mfa.wrong_recovery_code, &["recovery_code"])
            }
            SecondStep::Wrong => FormProblem::wrong(&text.mfa.wrong_code, CODE_FIELD),
            SecondStep::LockedOut { until } => locked_out(text, until, visitor),
            SecondStep::Busy => FormProblem::busy(&text.mfa.busy, BUSY_RETRY),
        };
        page(problem)
    }

    /// The pending sign-in if it needs this step, or the response that leads to the right page.
    async fn at_step(
        &self,
        step: Step,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> Result<Result<AtStep, Response<Body>>, StoreError> {
        let Some(pending) = self.pending.read(headers) else {
            let address = sign_in::address(&ReturnTo::default(), None);
            return Ok(Err(self.start_over(&address, headers)));
        };
        let owed = self.directory.second_factors().next_step(&pending.sign_in, visitor.now).await?;
        Ok(match (owed, step) {
            (NextStep::Code(user), Step::Code) | (NextStep::SetUp(user), Step::SetUp) => {
                Ok(AtStep { pending, user })
            }
            (NextStep::Code(_), Step::SetUp) => Err(see_other(paths::MFA)),
            (NextStep::SetUp(_), Step::Code) => Err(see_other(paths::MFA_SETUP)),
            (NextStep::NoPortalAccess(user), _) => {
                let text = self.texts.of(headers);
                let notice = self.notices(text).no_access_of(&user);
                Err(self.notice(&notice, text, ResponseKind::Page, &visitor.request_id))
            }
            (NextStep::Parked(reason), _) => {
                let text = self.texts.of(headers);
                let out = Some(Destination::SwitchAccount);
                let notice = self.notices(text).organization_parked(&reason, out);
                Err(self.notice(&notice, text, ResponseKind::Page, &visitor.request_id))
            }
            (NextStep::Invalid, _) => {
                Err(self.start_over(&sign_in::address_again(&pending.return_to), headers))
            }
        })
    }

    /// To the sign-in page, without the cookie of the pending sign-in.
    fn start_over(&self, address: &str, headers: &HeaderMap) -> Response<Body> {
        let mut response = see_other(address);
        add_cookie(&mut response, self.pending.clear(headers));
        response
    }

    /// Where an attempt comes from.
    pub(super) fn visit<'a>(&self, headers: &'a HeaderMap, visitor: &Visitor) -> AttemptSource<'a> {
        AttemptSource { address: visitor.address, browser: self.known_browsers.read(headers) }
    }

    fn code_page(
        &self,
        at_step: &AtStep,
        headers: &HeaderMap,
        visitor: &Visitor,
        problem: Option<&FormProblem<'_>>,
    ) -> Response<Body> {
        let text = self.texts.of(headers);
        let token = self.forms.visitor_token(headers, visitor.now);
        let page = CodePage {
            brand: &self.brand,
            text,
            login: &at_step.user.login,
            problem,
            csrf: &token.text,
            request_id: &visitor.request_id,
        };
        form_page(&text.language, &page, problem, &token)
    }
}

/// The page with sample data, for its preview.
pub(super) fn sample(brand: &Brand, text: &Catalogue) -> Response<Body> {
    let login = sample::LOGIN;
    let page = CodePage { brand, text, login, problem: None, csrf: "", request_id: "" };
    form_page(&text.language, &page, None, &FormToken::default())
}

/// A code as it was entered where both kinds are accepted: only a recovery code has letters.
pub(super) fn entered_code(code: &str) -> EnteredCode<'_> {
    match code.contains(char::is_alphabetic) {
        true => EnteredCode::Recovery(code),
        false => EnteredCode::Totp(code),
    }
}
