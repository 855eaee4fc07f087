//! Two-step sign-in by the user's own choice: setting it up, moving it to another app, and turning it
//! off, which is refused while it is required (R50).
//!
//! Each asks for the password, and for a code if sign-in does. The set-up itself is the page that a
//! sign-in would lead to: it starts another session in place of this one.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Request, State};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::{SecondFactorState, of_own_account};
use crate::credential::hashing::Busy;
use crate::credential::secret::Secret;
use crate::directory::DirectoryError;
use crate::directory::access::confirmed::Confirmed;
use crate::directory::access::second_factors::TurnedOff;
use crate::portal_pages::current_user::CurrentUser;
use crate::portal_pages::texts::Catalogue;
use crate::portal_pages::{PageResult, PagesState};
use crate::web::brand::Brand;
use crate::web::form_problem::{FormProblem, form_page};
use crate::web::return_to::ReturnTo;
use crate::web::text::RelativeTime;
use crate::web::{Visitor, paths};

/// The form's value for turning it off; any other sets it up.
const TURN_OFF: &str = "turn-off";

#[derive(Deserialize)]
struct Fields {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    password: Secret<String>,
    #[serde(default)]
    code: Secret<String>,
}

#[derive(Template)]
#[template(path = "pages/account_mfa.html")]
struct SecondFactorPage<'a> {
    brand: &'a Brand,
    text: &'a Catalogue,
    login: &'a str,
    second_factor: SecondFactorState,
    created: Option<RelativeTime>,
    turned_off: bool,
    problem: Option<&'a FormProblem<'a>>,
    csrf: &'a str,
    request_id: &'a str,
}

impl SecondFactorPage<'_> {
    fn is_about(&self, field: &str) -> bool {
        self.problem.is_some_and(|problem| problem.is_about(field))
    }
}

/// What a form has led to.
enum Outcome<'a> {
    Nothing,
    TurnedOff,
    Problem(FormProblem<'a>),
}

pub(in crate::portal_pages) async fn show(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> PageResult {
    match state.account_user(&headers, &visitor, paths::ACCOUNT_MFA).await? {
        Ok(user) => state.second_factor_page(&user, &headers, &visitor, Outcome::Nothing).await,
        Err(elsewhere) => Ok(elsewhere),
    }
}

pub(in crate::portal_pages) async fn submit(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> PageResult {
    let (fields, headers) = state.forms.read::<Fields>(request).await?;
    match state.account_user(&headers, &visitor, paths::ACCOUNT_MFA).await? {
        Ok(user) => state.change_second_factor(&user, fields, &headers, &visitor).await,
        Err(elsewhere) => Ok(elsewhere),
    }
}

impl PagesState {
    async fn change_second_factor(
        &self,
        user: &CurrentUser,
        fields: Fields,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> PageResult {
        let text = self.texts.of(headers);
        let Fields { csrf, action, password, code } = fields;
        if !self.forms.is_sessions(&csrf, &user.key, visitor.now) {
            let problem = FormProblem::too_old(&text.confirm.form_too_old);
            let outcome = Outcome::Problem(problem);
            return self.second_factor_page(user, headers, visitor, outcome).await;
        }
        let state = SecondFactorState::from(&self.second_factor(user).await?);
        let code = state.on.then_some(&code);
        let confirmed = match self.reauthenticate(user, (password, code), headers, visitor).await? {
            Ok(confirmed) => confirmed,
            Err(problem) => {
                let outcome = Outcome::Problem(problem);
                return self.second_factor_page(user, headers, visitor, outcome).await;
            }
        };
        if action == TURN_OFF {
            return self.turn_off(user, &confirmed, headers, visitor).await;
        }
        let begun = self.directory.second_factors().begin_set_up(&confirmed, visitor.now).await?;
        Ok(match begun {
            Some(pending) => {
                let account = ReturnTo::parse(paths::ACCOUNT);
                self.to_second_factor(paths::MFA_SETUP, pending, &account)
            }
            None => self.account_changed(),
        })
    }

    async fn turn_off(
        &self,
        user: &CurrentUser,
        confirmed: &Confirmed,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> PageResult {
        let text = self.texts.of(headers);
        let outcome = match self.directory.second_factors().turn_off(confirmed, visitor.now).await {
            Ok(TurnedOff::Done) => Outcome::TurnedOff,
            Ok(TurnedOff::Required) => Outcome::Problem(FormProblem::new(
                StatusCode::CONFLICT,
                &text.account_mfa.still_required,
            )),
            Ok(TurnedOff::Superseded) => return Ok(self.account_changed()),
            Err(DirectoryError::Contended) => {
                Outcome::Problem(FormProblem::busy(&text.confirm.busy, Busy::RETRY_AFTER_SECONDS))
            }
            Err(error) => return Err(of_own_account(error)),
        };
        self.second_factor_page(user, headers, visitor, outcome).await
    }

    async fn second_factor_page(
        &self,
        user: &CurrentUser,
        headers: &HeaderMap,
        visitor: &Visitor,
        outcome: Outcome<'_>,
    ) -> PageResult {
        let text = self.texts.of(headers);
        let view = self.second_factor(user).await?;
        let token = self.forms.session_token(&user.key, visitor.now);
        let problem = match &outcome {
            Outcome::Problem(problem) => Some(problem),
            Outcome::Nothing | Outcome::TurnedOff => None,
        };
        let page = SecondFactorPage {
            brand: &self.brand,
            text,
            login: &user.login,
            second_factor: SecondFactorState::from(&view),
            created: view.created.map(|created| text.when.past(created, visitor.now)),
            turned_off: matches!(outcome, Outcome::TurnedOff),
            problem,
            csrf: &token.text,
            request_id: &visitor.request_id,
        };
        Ok(form_page(&text.language, &page, problem, &token))
    }
}
