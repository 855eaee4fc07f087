//! The account page: what portal users can see and change about their own account.
//!
//! It shows the state of each part and leads to the page where the part is changed. The portal may
//! link to it for every visitor.

pub(super) mod password;
pub(super) mod recovery_codes;
pub(super) mod second_factor;

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Query, State};
use http::{HeaderMap, Response, StatusCode, Uri};
use serde::Deserialize;

use super::current_user::CurrentUser;
use super::texts::Catalogue;
use super::{PageResult, PagesState};
use crate::directory::DirectoryError;
use crate::directory::access::second_factors::SecondFactorView;
use crate::web::brand::Brand;
use crate::web::request_error::RequestError;
use crate::web::response::{Referrer, html};
use crate::web::text::{Filled, Text};
use crate::web::{Visitor, paths};

/// More are not counted.
const MAX_COUNTED: usize = 100;

#[derive(Template)]
#[template(path = "pages/account.html")]
struct AccountPage<'a> {
    brand: &'a Brand,
    text: &'a Catalogue,
    login: &'a str,
    second_factor: SecondFactorState,
    browsers: Filled<'a>,
    /// `None` if users may not create tokens for programs.
    tokens: Option<Filled<'a>>,
    /// Whether the portal's start page opens for the user.
    start_opens: bool,
    /// What has just been done.
    done: Option<&'a Text>,
}

/// A second factor as its user sees it.
struct SecondFactorState {
    /// Whether sign-in asks for it.
    on: bool,
    /// Whether the operator requires it.
    required: bool,
    codes_left: u64,
}

impl From<&SecondFactorView> for SecondFactorState {
    fn from(view: &SecondFactorView) -> Self {
        Self {
            on: view.enrolled && (view.required || view.by_choice),
            required: view.required,
            codes_left: u64::try_from(view.recovery_codes_left).unwrap_or(u64::MAX),
        }
    }
}

/// The query of the page.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Parameters {
    /// States that the user has just changed the password.
    changed: String,
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
    match state.account_user(&headers, &visitor, paths::ACCOUNT).await? {
        Ok(user) => state.account_page(&user, &parameters, &headers, &visitor).await,
        Err(elsewhere) => Ok(elsewhere),
    }
}

impl PagesState {
    async fn account_page(
        &self,
        user: &CurrentUser,
        parameters: &Parameters,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> PageResult {
        let text = self.texts.of(headers);
        let texts = &text.account;
        let view = self.second_factor(user).await?;
        let browsers = self.sessions.of_user(&user.id, MAX_COUNTED, visitor.now).await?.len();
        let tokens = match self.tokens_by_users {
            true => {
                let tokens = self.directory.user_tokens().list(&user.id).await;
                Some(match tokens.map_err(of_own_account)?.len() {
                    0 => text.access_tokens.none.with(),
                    count => texts.tokens_count.of(u64::try_from(count).unwrap_or(u64::MAX)),
                })
            }
            false => None,
        };
        let changed = self.is_password_hint(&parameters.changed, &user.login, visitor.now);
        let page = AccountPage {
            brand: &self.brand,
            text,
            login: &user.login,
            second_factor: SecondFactorState::from(&view),
            browsers: texts.browsers.of(u64::try_from(browsers).unwrap_or(u64::MAX)),
            tokens,
            start_opens: user.start_opens,
            done: changed.then_some(&texts.password_changed),
        };
        Ok(html(&text.language, StatusCode::OK, &page, Referrer::Nothing))
    }

    /// The user's second factor, without its secrets.
    async fn second_factor(&self, user: &CurrentUser) -> Result<SecondFactorView, RequestError> {
        self.directory.second_factors().get(&user.id).await.map_err(of_own_account)
    }

    /// The user's password was replaced, or the user deleted, since the session was looked up.
    fn account_changed(&self) -> Response<Body> {
        crate::web::response::see_other(paths::ACCOUNT)
    }
}

/// The error of a page about the user of a session. A user who was deleted meanwhile has no account.
fn of_own_account(error: DirectoryError) -> RequestError {
    match error {
        DirectoryError::Store(error) => error.into(),
        _ => RequestError::NoSuchPage,
    }
}
