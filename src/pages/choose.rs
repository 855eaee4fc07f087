//! The pages on which a password is chosen by a mailed link: invitations (R40) and resets (R33).
//!
//! Asking for the page uses nothing up, because programs that check mails ask for it too; sending
//! its form does. Whatever makes a link worthless, the page says the same. Nobody is signed in
//! here: the person goes on to the sign-in page, where a second factor is asked for as ever.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, Response, StatusCode};
use serde::Deserialize;

use super::notice::Notice;
use super::response::{Referrer, add_cookie, html, see_other};
use super::text::{self, Catalogue, Filled};
use super::{Brand, Desk, sign_in, wants};
use crate::credential::folding::fold;
use crate::credential::hashing::Busy;
use crate::credential::password::{LENGTH, PasswordRule};
use crate::credential::secret::Secret;
use crate::directory::letters::Occasion;
use crate::directory::one_time::{Choice, Holder};
use crate::gateway::{Visitor, Wants};
use crate::session::Whose;
use crate::store::StoreError;

/// The form.
#[derive(Deserialize)]
struct Entered {
    #[serde(default = "nothing")]
    password: Secret<String>,
    #[serde(default)]
    csrf: String,
}

#[derive(Template)]
#[template(path = "pages/choose.html")]
struct ChoosePage<'a> {
    brand: &'a Brand,
    text: &'a Catalogue,
    said: &'a text::Occasion,
    holder: &'a Holder,
    rules: Vec<Requirement<'a>>,
    /// Whether a password was sent that breaks some of them.
    refused: bool,
    least: usize,
    most: usize,
    problem: Option<Problem<'a>>,
    csrf: &'a str,
    request_id: &'a str,
}

/// A line of what a password needs.
struct Requirement<'a> {
    name: &'static str,
    text: &'a text::Text,
    broken: bool,
}

/// Why no password was set.
struct Problem<'a> {
    status: StatusCode,
    text: Filled<'a>,
    retry_after: Option<u64>,
}

/// A link that is looked at or used.
struct Opening<'a> {
    occasion: Occasion,
    token: &'a str,
    headers: &'a HeaderMap,
    visitor: &'a Visitor,
    wants: Wants,
}

pub(super) async fn show_invitation(
    State(desk): State<Arc<Desk>>,
    Extension(visitor): Extension<Visitor>,
    Path(token): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response<Body> {
    let wants = wants(&method, &headers);
    let (occasion, token) = (Occasion::Invitation, &*token);
    desk.show_link(&Opening { occasion, token, headers: &headers, visitor: &visitor, wants }).await
}

pub(super) async fn claim(
    State(desk): State<Arc<Desk>>,
    Extension(visitor): Extension<Visitor>,
    Path(token): Path<String>,
    request: Request,
) -> Response<Body> {
    desk.submit_choice(Occasion::Invitation, &token, &visitor, request).await
}

pub(super) async fn show_reset(
    State(desk): State<Arc<Desk>>,
    Extension(visitor): Extension<Visitor>,
    Path(token): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response<Body> {
    let wants = wants(&method, &headers);
    let (occasion, token) = (Occasion::Reset, &*token);
    desk.show_link(&Opening { occasion, token, headers: &headers, visitor: &visitor, wants }).await
}

pub(super) async fn reset(
    State(desk): State<Arc<Desk>>,
    Extension(visitor): Extension<Visitor>,
    Path(token): Path<String>,
    request: Request,
) -> Response<Body> {
    desk.submit_choice(Occasion::Reset, &token, &visitor, request).await
}

impl Desk {
    async fn show_link(&self, opening: &Opening<'_>) -> Response<Body> {
        match self.holder(opening).await {
            Ok(Some(holder)) => self.choose_page(opening, &holder, &[], None),
            Ok(None) => self.dead_link(opening),
            Err(error) => {
                let reader = (opening.wants, opening.headers);
                self.store_unavailable(&error, reader, opening.visitor)
            }
        }
    }

    async fn submit_choice(
        &self,
        occasion: Occasion,
        token: &str,
        visitor: &Visitor,
        request: Request,
    ) -> Response<Body> {
        let (entered, headers, wants) = match self.sent::<Entered>(request, visitor).await {
            Ok(sent) => sent,
            Err(refused) => return refused,
        };
        let opening = Opening { occasion, token, headers: &headers, visitor, wants };
        match self.try_choose(&opening, &entered).await {
            Ok(response) => response,
            Err(error) => self.store_unavailable(&error, (wants, &headers), visitor),
        }
    }

    async fn try_choose(
        &self,
        opening: &Opening<'_>,
        entered: &Entered,
    ) -> Result<Response<Body>, StoreError> {
        let Opening { occasion, token, headers, visitor, .. } = *opening;
        let said = &self.texts.of(headers).choose;
        if !self.is_visitors(&entered.csrf, headers, visitor.now) {
            return self.once_more(opening, Problem::form_too_old(said)).await;
        }
        let (password, address, now) = (&entered.password, visitor.address, visitor.now);
        let choice = match occasion {
            Occasion::Invitation => {
                self.directory.claim_invitation(token, password, address, now).await?
            }
            Occasion::Reset => self.directory.use_reset(token, password, address, now).await?,
        };
        match choice {
            Choice::Set { user, login } => {
                tracing::info!(
                    user.id = user,
                    ?occasion,
                    request.id = visitor.request_id,
                    "a portal user has chosen a password"
                );
                // They are over already (R34); if they cannot be removed now, the sweep does it.
                if let Err(error) = self.sessions.end_all(&Whose::User(user)).await {
                    tracing::warn!(%error, "the records of ended sessions were not removed");
                }
                let hint = self.password_hint(&login, now);
                Ok(see_other(&sign_in::address_after_choice(&login, &hint)))
            }
            Choice::Broken { holder, rules } => {
                let problem = Problem::broken(said);
                Ok(self.choose_page(opening, &holder, &rules, Some(problem)))
            }
            Choice::Dead => Ok(self.dead_link(opening)),
            Choice::Busy => self.once_more(opening, Problem::busy(said)).await,
        }
    }

    async fn holder(&self, opening: &Opening<'_>) -> Result<Option<Holder>, StoreError> {
        let Opening { occasion, token, visitor, .. } = *opening;
        match occasion {
            Occasion::Invitation => {
                self.directory.invitation(token, visitor.address, visitor.now).await
            }
            Occasion::Reset => self.directory.reset(token, visitor.address, visitor.now).await,
        }
    }

    /// The page again, with what kept the password from being set.
    async fn once_more(
        &self,
        opening: &Opening<'_>,
        problem: Problem<'_>,
    ) -> Result<Response<Body>, StoreError> {
        Ok(match self.holder(opening).await? {
            Some(holder) => self.choose_page(opening, &holder, &[], Some(problem)),
            None => self.dead_link(opening),
        })
    }

    fn dead_link(&self, opening: &Opening<'_>) -> Response<Body> {
        let text = self.text(opening.wants, opening.headers);
        let notice = match opening.occasion {
            Occasion::Invitation => Notice::dead_invitation(text, &self.brand.name),
            Occasion::Reset => Notice::dead_reset(text),
        };
        self.notice(&notice, opening.wants, &opening.visitor.request_id)
    }

    fn choose_page(
        &self,
        opening: &Opening<'_>,
        holder: &Holder,
        broken: &[PasswordRule],
        problem: Option<Problem<'_>>,
    ) -> Response<Body> {
        let Opening { occasion, headers, visitor, .. } = *opening;
        let text = self.texts.of(headers);
        let token = self.visitor_token(headers, visitor.now);
        let status = problem.as_ref().map_or(StatusCode::OK, |problem| problem.status);
        let retry_after = problem.as_ref().and_then(|problem| problem.retry_after);
        let page = ChoosePage {
            brand: &self.brand,
            text,
            said: match occasion {
                Occasion::Invitation => &text.choose.invitation,
                Occasion::Reset => &text.choose.reset,
            },
            holder,
            rules: requirements(text, holder, broken),
            refused: !broken.is_empty(),
            least: *LENGTH.start(),
            most: *LENGTH.end(),
            problem,
            csrf: &token.text,
            request_id: &visitor.request_id,
        };
        let mut response = html(text, status, &page, Referrer::Origin);
        add_cookie(&mut response, token.cookie);
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl<'a> Problem<'a> {
    fn form_too_old(said: &'a text::Choose) -> Self {
        let text = said.form_too_old.with();
        Self { status: StatusCode::FORBIDDEN, text, retry_after: None }
    }

    fn broken(said: &'a text::Choose) -> Self {
        let text = said.broken.with();
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, text, retry_after: None }
    }

    fn busy(said: &'a text::Choose) -> Self {
        let retry_after = Some(u64::from(Busy::RETRY_AFTER_SECONDS));
        Self { status: StatusCode::SERVICE_UNAVAILABLE, text: said.busy.with(), retry_after }
    }
}

/// The rules as they are shown; an address that is the login needs no line of its own.
fn requirements<'a>(
    text: &'a Catalogue,
    holder: &Holder,
    broken: &[PasswordRule],
) -> Vec<Requirement<'a>> {
    let other = holder.email.as_deref().is_some_and(|email| fold(email) != fold(&holder.login));
    let shown = |rule: &PasswordRule| other || *rule != PasswordRule::NotEmail;
    let line = |rule: PasswordRule| Requirement {
        name: rule.name(),
        text: text.requirement.of(rule),
        broken: broken.contains(&rule),
    };
    PasswordRule::ALL.into_iter().filter(shown).map(line).collect()
}

fn nothing() -> Secret<String> {
    Secret::from("")
}
