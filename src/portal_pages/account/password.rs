//! Changing the password while signed in. The current one is asked for; all other sessions end, and
//! this one continues under a new token (R34).

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Request, State};
use http::HeaderMap;
use serde::Deserialize;

use super::of_own_account;
use crate::credential::hashing::Busy;
use crate::credential::password::{LENGTH, PasswordRule};
use crate::credential::secret::Secret;
use crate::directory::access::own_password::PasswordChange;
use crate::directory::access::password_links::Holder;
use crate::directory::access::resets::is_reset_by_mail;
use crate::directory::{Actor, Change, DirectoryError, UserFacts};
use crate::portal_pages::choose_password::{Requirement, requirements};
use crate::portal_pages::current_user::CurrentUser;
use crate::portal_pages::texts::Catalogue;
use crate::portal_pages::{PageResult, PagesState};
use crate::session::SignInWay;
use crate::web::brand::Brand;
use crate::web::form_problem::{FormProblem, form_page};
use crate::web::return_to::ReturnTo;
use crate::web::{Visitor, paths};
use portcullis_store::StoreError;

#[derive(Deserialize)]
struct Fields {
    #[serde(default)]
    csrf: String,
    /// The current password.
    #[serde(default)]
    password: Secret<String>,
    /// The code, of a user whom sign-in asks for one.
    #[serde(default)]
    code: Secret<String>,
    #[serde(default)]
    new_password: Secret<String>,
}

#[derive(Template)]
#[template(path = "pages/account_password.html")]
struct PasswordPage<'a> {
    brand: &'a Brand,
    text: &'a Catalogue,
    holder: &'a Holder,
    reset_by_mail: bool,
    /// Whether a code is asked for.
    code: bool,
    /// Whether the user has tokens, which end too.
    has_tokens: bool,
    requirements: Vec<Requirement<'a>>,
    min: usize,
    max: usize,
    problem: Option<&'a FormProblem<'a>>,
    csrf: &'a str,
    request_id: &'a str,
}

impl PasswordPage<'_> {
    fn is_about(&self, field: &str) -> bool {
        self.problem.is_some_and(|problem| problem.is_about(field))
    }

    /// Whether this field has the focus when nothing is wrong with a field.
    fn starts_at(&self, field: &str) -> bool {
        self.problem.is_none_or(|problem| problem.is_about(field))
    }
}

pub(in crate::portal_pages) async fn show(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> PageResult {
    match state.account_user(&headers, &visitor, paths::ACCOUNT_PASSWORD).await? {
        Ok(user) => state.password_page(&user, &headers, &visitor, None).await,
        Err(elsewhere) => Ok(elsewhere),
    }
}

pub(in crate::portal_pages) async fn submit(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> PageResult {
    let (fields, headers) = state.forms.read::<Fields>(request).await?;
    match state.account_user(&headers, &visitor, paths::ACCOUNT_PASSWORD).await? {
        Ok(user) => state.change_password(&user, fields, &headers, &visitor).await,
        Err(elsewhere) => Ok(elsewhere),
    }
}

impl PagesState {
    async fn change_password(
        &self,
        user: &CurrentUser,
        fields: Fields,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> PageResult {
        let text = self.texts.of(headers);
        let Fields { csrf, password, code, new_password } = fields;
        let page = async |problem, rules: &[PasswordRule]| {
            self.password_page(user, headers, visitor, Some((problem, rules))).await
        };
        if !self.forms.is_sessions(&csrf, &user.key, visitor.now) {
            return page(FormProblem::too_old(&text.confirm.form_too_old), &[]).await;
        }
        if new_password.expose().is_empty() {
            let missing = &text.account_password.new_missing;
            return page(FormProblem::missing(missing, &["new_password"]), &[]).await;
        }
        let current = password.clone();
        let code = self.asks_for_code(user).await?.then_some(&code);
        let confirmed = match self.reauthenticate(user, (password, code), headers, visitor).await? {
            Ok(confirmed) => confirmed,
            Err(problem) => return page(problem, &[]).await,
        };
        if new_password.expose() == current.expose() {
            let same = FormProblem::invalid(&text.account_password.same, &["new_password"]);
            return page(same, &[]).await;
        }
        let changing = self.directory.own_password().change(&confirmed, &new_password, visitor.now);
        match changing.await {
            Ok(PasswordChange::Changed(facts)) => {
                self.password_changed(user, &facts, headers, visitor).await
            }
            Ok(PasswordChange::RulesBroken(rules)) => {
                let problem = FormProblem::invalid(&text.choose.not_met, &["new_password"]);
                page(problem, &rules).await
            }
            Ok(PasswordChange::Superseded) => Ok(self.account_changed()),
            Err(DirectoryError::Busy | DirectoryError::Contended) => {
                let problem = FormProblem::busy(&text.confirm.busy, Busy::RETRY_AFTER_SECONDS);
                page(problem, &[]).await
            }
            Err(error) => Err(of_own_account(error)),
        }
    }

    /// Whether sign-in asks the user for a code.
    async fn asks_for_code(&self, user: &CurrentUser) -> Result<bool, StoreError> {
        let facts = self.directory.user(&user.id).await?;
        Ok(facts.is_some_and(|facts| facts.asks_for_second_factor && facts.mfa_enrolled))
    }

    /// Continues the session under a new token, and leads to the account page.
    async fn password_changed(
        &self,
        user: &CurrentUser,
        facts: &UserFacts,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> PageResult {
        let change = Change::new(Actor::PortalUser { id: user.id.clone() }, visitor.now);
        // The sessions no longer count (R34). Records that stay are swept later.
        if let Err(error) = self.sessions.end_others(&user.id, &user.key, &change).await {
            tracing::warn!(%error, "the records of ended sessions were not removed");
        }
        let hint = self.password_hint(&user.login, visitor.now);
        let account = ReturnTo::account_after_password(&hint);
        let by = (facts, SignInWay::NewPassword);
        self.signed_in(by, &account, headers, visitor).await
    }

    async fn password_page(
        &self,
        user: &CurrentUser,
        headers: &HeaderMap,
        visitor: &Visitor,
        problem: Option<(FormProblem<'_>, &[PasswordRule])>,
    ) -> PageResult {
        let text = self.texts.of(headers);
        let holder =
            self.directory.own_password().holder(&user.id).await.map_err(of_own_account)?;
        let tokens = self.directory.user_tokens().list(&user.id).await.map_err(of_own_account)?;
        let token = self.forms.session_token(&user.key, visitor.now);
        let (problem, failed) = problem.unzip();
        let page = PasswordPage {
            brand: &self.brand,
            text,
            code: self.asks_for_code(user).await?,
            has_tokens: !tokens.is_empty(),
            reset_by_mail: is_reset_by_mail(&holder.login),
            requirements: requirements(text, &holder, failed.unwrap_or_default()),
            holder: &holder,
            min: *LENGTH.start(),
            max: *LENGTH.end(),
            problem: problem.as_ref(),
            csrf: &token.text,
            request_id: &visitor.request_id,
        };
        Ok(form_page(&text.language, &page, problem.as_ref(), &token))
    }
}
