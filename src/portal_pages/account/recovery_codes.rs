//! How many recovery codes are left, and new ones (R51).
//!
//! A sign-in with a recovery code leads here before it continues, so that nobody runs out of codes
//! unawares.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Query, Request, State};
use http::{HeaderMap, Uri};
use serde::Deserialize;

use super::SecondFactorState;
use crate::credential::hashing::Busy;
use crate::credential::secret::Secret;
use crate::directory::access::second_factors::SecondStep;
use crate::portal_pages::current_user::CurrentUser;
use crate::portal_pages::sign_in::locked_out;
use crate::portal_pages::texts::Catalogue;
use crate::portal_pages::{PageResult, PagesState};
use crate::web::brand::Brand;
use crate::web::form_problem::{FormProblem, form_page};
use crate::web::response::see_other;
use crate::web::return_to::ReturnTo;
use crate::web::{Visitor, paths};

/// Below this number, the page advises to create new codes.
const FEW: u64 = 4;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Parameters {
    /// Where a sign-in with a recovery code continues.
    return_to: Option<String>,
}

#[derive(Deserialize)]
struct Fields {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    code: Secret<String>,
    #[serde(default)]
    return_to: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/account_recovery_codes.html")]
struct CodesLeftPage<'a> {
    brand: &'a Brand,
    text: &'a Catalogue,
    left: u64,
    few: bool,
    /// Where to continue, if a recovery code has just been used.
    return_to: Option<&'a str>,
    problem: Option<&'a FormProblem<'a>>,
    csrf: &'a str,
    request_id: &'a str,
}

impl CodesLeftPage<'_> {
    fn is_about(&self, field: &str) -> bool {
        self.problem.is_some_and(|problem| problem.is_about(field))
    }
}

pub(in crate::portal_pages) async fn show(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
    headers: HeaderMap,
) -> PageResult {
    // A malformed query is ignored.
    let parameters = Query::<Parameters>::try_from_uri(&uri).map(|Query(parameters)| parameters);
    let return_to = parameters.unwrap_or_default().return_to;
    let return_to = return_to.as_deref().map(ReturnTo::parse);
    match state.account_user(&headers, &visitor, paths::RECOVERY_CODES).await? {
        Ok(user) => state.codes_left_page(&user, &headers, &visitor, (return_to, None)).await,
        Err(elsewhere) => Ok(elsewhere),
    }
}

pub(in crate::portal_pages) async fn submit(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> PageResult {
    let (fields, headers) = state.forms.read::<Fields>(request).await?;
    match state.account_user(&headers, &visitor, paths::RECOVERY_CODES).await? {
        Ok(user) => state.new_recovery_codes(&user, fields, &headers, &visitor).await,
        Err(elsewhere) => Ok(elsewhere),
    }
}

impl PagesState {
    async fn new_recovery_codes(
        &self,
        user: &CurrentUser,
        fields: Fields,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> PageResult {
        let text = self.texts.of(headers);
        let Fields { csrf, code, return_to } = fields;
        let return_to = return_to.as_deref().map(ReturnTo::parse);
        let code = code.expose();
        if !self.forms.is_sessions(&csrf, &user.key, visitor.now) {
            let problem = FormProblem::too_old(&text.confirm.form_too_old);
            return self.codes_left_page(user, headers, visitor, (return_to, Some(problem))).await;
        }
        if code.trim().is_empty() {
            let problem = FormProblem::missing(&text.confirm.code_missing, &["code"]);
            return self.codes_left_page(user, headers, visitor, (return_to, Some(problem))).await;
        }
        let source = self.visit(headers, visitor);
        let factors = self.directory.second_factors();
        let problem = match factors.new_recovery_codes(&user.id, code, source, visitor.now).await? {
            SecondStep::Accepted(codes) => {
                let lead = &text.recovery_codes.replaced;
                let onward = return_to.unwrap_or_else(|| ReturnTo::parse(paths::ACCOUNT));
                return Ok(self.recovery_codes_page((&codes, lead), &onward, headers, visitor));
            }
            // There is no second factor by now.
            SecondStep::Invalid => return Ok(see_other(paths::ACCOUNT_MFA)),
            SecondStep::Wrong => FormProblem::wrong(&text.confirm.wrong_code, &["code"]),
            SecondStep::LockedOut { until } => locked_out(text, until, visitor),
            SecondStep::Busy => FormProblem::busy(&text.confirm.busy, Busy::RETRY_AFTER_SECONDS),
        };
        self.codes_left_page(user, headers, visitor, (return_to, Some(problem))).await
    }

    async fn codes_left_page(
        &self,
        user: &CurrentUser,
        headers: &HeaderMap,
        visitor: &Visitor,
        (return_to, problem): (Option<ReturnTo>, Option<FormProblem<'_>>),
    ) -> PageResult {
        let state = SecondFactorState::from(&self.second_factor(user).await?);
        if !state.on {
            return Ok(see_other(paths::ACCOUNT_MFA));
        }
        let text = self.texts.of(headers);
        let token = self.forms.session_token(&user.key, visitor.now);
        let page = CodesLeftPage {
            brand: &self.brand,
            text,
            left: state.codes_left,
            few: state.codes_left < FEW,
            return_to: return_to.as_ref().map(ReturnTo::as_str),
            problem: problem.as_ref(),
            csrf: &token.text,
            request_id: &visitor.request_id,
        };
        Ok(form_page(&text.language, &page, problem.as_ref(), &token))
    }
}
