//! A portal user's tokens for programs, if users may create them (`session.tokens`).
//!
//! A token outlives the session, so the password is asked for before one is created, and the code if
//! a second factor is required; both count in the lockout. Users can revoke all of their tokens,
//! those that an operator created included.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Request, State};
use http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::current_user::CurrentUser;
use super::texts::{AccessTokens, Catalogue};
use super::{PageResult, PagesState};
use crate::credential::hashing::Busy;
use crate::credential::secret::Secret;
use crate::credential::token::PlainToken;
use crate::directory::access::user_tokens::{Creator, NewUserToken, UserTokenView};
use crate::directory::{Actor, Change, DirectoryError, UserTokenId};
use crate::web::brand::Brand;
use crate::web::form_problem::{FormProblem, form_page};
use crate::web::request_error::RequestError;
use crate::web::text::Filled;
use crate::web::{Visitor, paths};
use portcullis_policy::SessionKind;
use portcullis_store::StoreError;

/// The choices for the days that a token is valid; 0 for always. The second one is preselected.
const LIFETIMES: [u32; 4] = [30, 90, 365, 0];

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    csrf: String,
    /// The id of the token to be revoked.
    revoke: Option<UserTokenId>,
    name: String,
    days: Option<u32>,
    password: Secret<String>,
    code: Secret<String>,
}

#[derive(Template)]
#[template(path = "pages/access_tokens.html")]
struct TokensPage<'a> {
    brand: &'a Brand,
    text: &'a Catalogue,
    login: &'a str,
    tokens: Vec<Entry<'a>>,
    lifetimes: Vec<Lifetime<'a>>,
    /// Whether a code of the second factor is needed.
    code: bool,
    name: &'a str,
    csrf: &'a str,
    created: Option<&'a PlainToken>,
    revoked: bool,
    problem: Option<&'a FormProblem<'a>>,
    request_id: &'a str,
}

impl TokensPage<'_> {
    fn is_about(&self, field: &str) -> bool {
        self.problem.is_some_and(|problem| problem.is_about(field))
    }
}

/// A token in the list.
struct Entry<'a> {
    id: UserTokenId,
    name: String,
    by_operator: bool,
    created: Filled<'a>,
    used: Filled<'a>,
    expires: Filled<'a>,
}

/// A choice of how long a token is valid.
struct Lifetime<'a> {
    days: u32,
    text: Filled<'a>,
    selected: bool,
}

/// What a form has done.
enum Done {
    Created(PlainToken),
    Revoked,
}

/// Why it has done nothing.
enum NotDone<'a> {
    Problem(FormProblem<'a>),
    Error(RequestError),
}

impl From<StoreError> for NotDone<'_> {
    fn from(error: StoreError) -> Self {
        Self::Error(error.into())
    }
}

impl<'a> From<FormProblem<'a>> for NotDone<'a> {
    fn from(problem: FormProblem<'a>) -> Self {
        Self::Problem(problem)
    }
}

pub(super) async fn show(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> PageResult {
    state.tokens_page(&headers, &visitor, None).await
}

pub(super) async fn submit(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> PageResult {
    let (fields, headers) = state.forms.read::<Fields>(request).await?;
    state.tokens_page(&headers, &visitor, Some(fields)).await
}

impl PagesState {
    /// Does what the form asks for, if there is one, and lists the tokens.
    async fn tokens_page(
        &self,
        headers: &HeaderMap,
        visitor: &Visitor,
        fields: Option<Fields>,
    ) -> PageResult {
        if !self.tokens_by_users {
            return Err(RequestError::NoSuchPage);
        }
        let user = match self.current_user(headers, visitor, paths::ACCESS_TOKENS).await? {
            Ok(user) if user.kind == SessionKind::User => user,
            Ok(_) => return Err(RequestError::NoSuchPage),
            Err(elsewhere) => return Ok(elsewhere),
        };
        let text = self.texts.of(headers);
        let typed = fields.as_ref().map(|fields| (fields.name.clone(), fields.days));
        let (name, days) = typed.unwrap_or_default();
        let (done, problem) = match fields {
            None => (None, None),
            Some(fields) => match self.change_tokens(&user, fields, headers, visitor).await {
                Ok(done) => (Some(done), None),
                Err(NotDone::Problem(problem)) => (None, Some(problem)),
                Err(NotDone::Error(error)) => return Err(error),
            },
        };
        let tokens = match self.directory.user_tokens().list(&user.id).await {
            Ok(tokens) => tokens,
            Err(DirectoryError::Store(error)) => return Err(error.into()),
            // The user was deleted since.
            Err(_) => return Err(RequestError::NoSuchPage),
        };
        let facts = self.directory.user(&user.id).await?;
        let token = self.forms.session_token(&user.key, visitor.now);
        let page = TokensPage {
            brand: &self.brand,
            text,
            login: &user.login,
            tokens: tokens.into_iter().map(|view| entry(view, text, visitor)).collect(),
            lifetimes: lifetimes(&text.access_tokens, problem.as_ref().and(days)),
            code: facts.is_some_and(|facts| facts.asks_for_second_factor),
            name: if problem.is_some() { &name } else { "" },
            csrf: &token.text,
            created: match &done {
                Some(Done::Created(token)) => Some(token),
                Some(Done::Revoked) | None => None,
            },
            revoked: matches!(done, Some(Done::Revoked)),
            problem: problem.as_ref(),
            request_id: &visitor.request_id,
        };
        Ok(form_page(&text.language, &page, problem.as_ref(), &token))
    }

    async fn change_tokens<'a>(
        &'a self,
        user: &CurrentUser,
        fields: Fields,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> Result<Done, NotDone<'a>> {
        let text = self.texts.of(headers);
        let texts = &text.access_tokens;
        let Fields { csrf, revoke, name, days, password, code } = fields;
        if !self.forms.is_sessions(&csrf, &user.key, visitor.now) {
            return Err(FormProblem::too_old(&texts.form_too_old).into());
        }
        let change = Change::new(Actor::PortalUser { id: user.id.clone() }, visitor.now);
        let tokens = self.directory.user_tokens();
        if let Some(id) = revoke {
            return match tokens.revoke(&user.id, &id, &change).await {
                Ok(()) => Ok(Done::Revoked),
                Err(error) => Err(not_done(error, text)),
            };
        }
        if name.trim().is_empty() {
            return Err(FormProblem::missing(&texts.name_missing, &["name"]).into());
        }
        let facts = self.directory.user(&user.id).await?;
        let code = match facts {
            Some(facts) if facts.asks_for_second_factor && !facts.mfa_enrolled => {
                let text = &texts.set_up_first;
                return Err(FormProblem::new(StatusCode::FORBIDDEN, text).into());
            }
            facts => facts.is_some_and(|facts| facts.asks_for_second_factor).then_some(&code),
        };
        self.reauthenticate(user, (password, code), headers, visitor).await??;
        let days = days.filter(|days| LIFETIMES.contains(days)).unwrap_or(LIFETIMES[1]);
        let new = NewUserToken { name, expires: expiry(days, visitor.now) };
        match tokens.create(&user.id, &new, &change).await {
            Ok((_, token)) => Ok(Done::Created(token)),
            Err(error) => Err(not_done(error, text)),
        }
    }
}

fn not_done(error: DirectoryError, text: &Catalogue) -> NotDone<'_> {
    let texts = &text.access_tokens;
    NotDone::Problem(match error {
        DirectoryError::Store(error) => return error.into(),
        DirectoryError::NotFound { .. }
        | DirectoryError::Changed { .. }
        | DirectoryError::Managed { .. }
        | DirectoryError::Escalation { .. }
        | DirectoryError::NoImpersonation
        | DirectoryError::OutOfScope { .. }
        | DirectoryError::TokenUnknown
        | DirectoryError::SessionEnded => FormProblem::new(StatusCode::NOT_FOUND, &texts.not_there),
        DirectoryError::Invalid { .. } => FormProblem::invalid(&texts.name_invalid, &["name"]),
        DirectoryError::Taken { .. } => FormProblem::invalid(&texts.name_taken, &["name"]),
        DirectoryError::Refused(_) => FormProblem::new(StatusCode::CONFLICT, &texts.too_many),
        DirectoryError::Contended | DirectoryError::Busy => {
            FormProblem::busy(&text.confirm.busy, Busy::RETRY_AFTER_SECONDS)
        }
    })
}

/// The time this many days from now; `None` for never.
fn expiry(days: u32, now: Timestamp) -> Option<Timestamp> {
    let lifetime = SignedDuration::from_hours(24 * i64::from(days));
    (days > 0).then(|| now.checked_add(lifetime).unwrap_or(Timestamp::MAX))
}

/// The choices, with the one that was made or the default selected.
fn lifetimes(texts: &AccessTokens, chosen: Option<u32>) -> Vec<Lifetime<'_>> {
    let chosen = chosen.filter(|days| LIFETIMES.contains(days)).unwrap_or(LIFETIMES[1]);
    let choice = |days: u32| Lifetime {
        days,
        text: match days {
            0 => texts.forever.with(),
            days => texts.days.of(u64::from(days)),
        },
        selected: days == chosen,
    };
    LIFETIMES.map(choice).into()
}

fn entry<'a>(view: UserTokenView, text: &'a Catalogue, visitor: &Visitor) -> Entry<'a> {
    let texts = &text.access_tokens;
    Entry {
        by_operator: view.created_by == Creator::Operator,
        created: texts.created.with(text.when.past(view.created, visitor.now)),
        used: match view.last_used {
            Some(used) => texts.used.with(text.when.past(used, visitor.now)),
            None => texts.unused.with(),
        },
        expires: match view.expires {
            None => texts.never_expires.with(),
            Some(expires) if expires <= visitor.now => texts.expired.with(),
            Some(expires) => texts.expires.with(expires.strftime("%Y-%m-%d").to_string()),
        },
        id: view.id,
        name: view.name,
    }
}
