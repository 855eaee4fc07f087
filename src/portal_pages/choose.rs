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
use http::{HeaderMap, Method, Response};
use serde::Deserialize;

use super::notice::Notice;
use super::problem::{FormProblem, form_page};
use super::response::see_other;
use super::text::{self, Catalogue};
use super::{Answer, Brand, PagesState, sign_in, wants};
use crate::credential::folding::fold;
use crate::credential::hashing::Busy;
use crate::credential::password::{LENGTH, PasswordRule};
use crate::credential::secret::Secret;
use crate::directory::letters::Occasion;
use crate::directory::one_time::{Choice, Holder};
use crate::session::Whose;
use crate::web::Visitor;
use crate::web::fetch_metadata::ResponseKind;
use portcullis_store::StoreError;

/// The form.
#[derive(Deserialize)]
struct Entered {
    #[serde(default)]
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
    least: usize,
    most: usize,
    problem: Option<&'a FormProblem<'a>>,
    csrf: &'a str,
    request_id: &'a str,
}

/// A line of what a password needs.
struct Requirement<'a> {
    name: &'static str,
    text: &'a text::Text,
    broken: bool,
}

/// A link that is looked at or used.
struct Opening<'a> {
    occasion: Occasion,
    token: &'a str,
    headers: &'a HeaderMap,
    visitor: &'a Visitor,
    wants: ResponseKind,
}

pub(super) async fn show(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    Extension(occasion): Extension<Occasion>,
    Path(token): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Answer {
    let wants = wants(&method, &headers);
    let (token, headers, visitor) = (&*token, &headers, &visitor);
    let opening = Opening { occasion, token, headers, visitor, wants };
    match state.holder(&opening).await {
        Ok(Some(holder)) => Ok(state.choose_page(&opening, &holder, &[], None)),
        Ok(None) => Ok(state.dead_link(&opening)),
        Err(error) => Err(state.store_unavailable(&error, (wants, headers), visitor)),
    }
}

pub(super) async fn submit(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    Extension(occasion): Extension<Occasion>,
    Path(token): Path<String>,
    request: Request,
) -> Answer {
    let (entered, headers, wants) = state.sent::<Entered>(request, &visitor).await?;
    let (token, headers, visitor) = (&*token, &headers, &visitor);
    let opening = Opening { occasion, token, headers, visitor, wants };
    let answer = state.try_choose(&opening, &entered).await;
    answer.map_err(|error| state.store_unavailable(&error, (wants, headers), visitor))
}

impl PagesState {
    async fn try_choose(
        &self,
        opening: &Opening<'_>,
        entered: &Entered,
    ) -> Result<Response<Body>, StoreError> {
        let Opening { occasion, token, headers, visitor, .. } = *opening;
        let said = &self.texts.of(headers).choose;
        if !self.is_visitors(&entered.csrf, headers, visitor.now) {
            return self.once_more(opening, FormProblem::too_old(&said.form_too_old)).await;
        }
        let from = (visitor.address, visitor.now);
        let password = &entered.password;
        match self.directory.choose_password(occasion, token, password, from).await? {
            Choice::Set { user, login } => {
                tracing::info!(
                    user.id = %user,
                    ?occasion,
                    request.id = visitor.request_id,
                    "a portal user has chosen a password"
                );
                // They are over already (R34); if they cannot be removed now, the sweep does it.
                if let Err(error) = self.sessions.end_all(&Whose::User(user)).await {
                    tracing::warn!(%error, "the records of ended sessions were not removed");
                }
                let hint = self.password_hint(&login, visitor.now);
                Ok(see_other(&sign_in::address_after_choice(&login, &hint)))
            }
            Choice::Broken { holder, rules } => {
                let problem = FormProblem::broken(&said.broken, &["password"]);
                Ok(self.choose_page(opening, &holder, &rules, Some(&problem)))
            }
            Choice::Dead => Ok(self.dead_link(opening)),
            Choice::Busy => {
                let problem = FormProblem::busy(&said.busy, Busy::RETRY_AFTER_SECONDS);
                self.once_more(opening, problem).await
            }
        }
    }

    async fn holder(&self, opening: &Opening<'_>) -> Result<Option<Holder>, StoreError> {
        let Opening { occasion, token, visitor, .. } = *opening;
        self.directory.look_at_link(occasion, token, visitor.address, visitor.now).await
    }

    /// The page again, with what kept the password from being set.
    async fn once_more(
        &self,
        opening: &Opening<'_>,
        problem: FormProblem<'_>,
    ) -> Result<Response<Body>, StoreError> {
        Ok(match self.holder(opening).await? {
            Some(holder) => self.choose_page(opening, &holder, &[], Some(&problem)),
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
        problem: Option<&FormProblem<'_>>,
    ) -> Response<Body> {
        let Opening { occasion, headers, visitor, .. } = *opening;
        let text = self.texts.of(headers);
        let token = self.visitor_token(headers, visitor.now);
        let page = ChoosePage {
            brand: &self.brand,
            text,
            said: match occasion {
                Occasion::Invitation => &text.choose.invitation,
                Occasion::Reset => &text.choose.reset,
            },
            holder,
            rules: requirements(text, holder, broken),
            least: *LENGTH.start(),
            most: *LENGTH.end(),
            problem,
            csrf: &token.text,
            request_id: &visitor.request_id,
        };
        form_page(text, &page, problem, &token)
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
