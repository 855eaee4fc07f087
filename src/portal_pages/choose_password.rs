//! The pages that set a password by a mailed link: invitations (R40) and resets (R33).
//!
//! Opening the page does not use up the link, because programs that check mail open links too;
//! sending its form does. Whatever makes a link invalid, the page is the same. Nobody is signed in
//! here: the sign-in page follows, which also asks for a second factor.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use http::{HeaderMap, Response};
use serde::Deserialize;

use super::texts::{self, Catalogue};
use super::{PageResult, PagesState, sample, sign_in};
use crate::credential::folding::fold;
use crate::credential::hashing::Busy;
use crate::credential::password::{LENGTH, PasswordRule};
use crate::credential::secret::Secret;
use crate::directory::access::password_links::{Choice, Holder, LinkState};
use crate::directory::records::Occasion;
use crate::directory::{Actor, Change};
use crate::session::SessionFilter;
use crate::web::Visitor;
use crate::web::brand::Brand;
use crate::web::fetch_metadata::{ResponseKind, is_navigation};
use crate::web::form::FormToken;
use crate::web::form_problem::{FormProblem, form_page};
use crate::web::response::see_other;
use crate::web::text::Text;
use portcullis_store::StoreError;

/// The form.
#[derive(Deserialize)]
struct Fields {
    #[serde(default)]
    password: Secret<String>,
    #[serde(default)]
    csrf: String,
}

#[derive(Template)]
#[template(path = "pages/choose_password.html")]
struct ChoosePasswordPage<'a> {
    brand: &'a Brand,
    text: &'a Catalogue,
    occasion: &'a texts::Occasion,
    holder: &'a Holder,
    requirements: Vec<Requirement<'a>>,
    min: usize,
    max: usize,
    problem: Option<&'a FormProblem<'a>>,
    csrf: &'a str,
    request_id: &'a str,
}

/// A line in the list of requirements.
pub(super) struct Requirement<'a> {
    pub(super) name: &'static str,
    pub(super) text: &'a Text,
    pub(super) failed: bool,
}

/// A request to a mailed link.
struct MailedLink<'a> {
    occasion: Occasion,
    token: &'a str,
    headers: &'a HeaderMap,
    visitor: &'a Visitor,
    kind: ResponseKind,
}

pub(super) async fn show(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    Extension(occasion): Extension<Occasion>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> PageResult {
    let kind = ResponseKind::of(&headers);
    let (token, headers, visitor) = (&*token, &headers, &visitor);
    let link = MailedLink { occasion, token, headers, visitor, kind };
    Ok(match state.holder(&link).await? {
        LinkState::Valid(holder) => state.choose_password_page(&link, &holder, &[], None),
        LinkState::Parked(reason) => state.parked_link(&link, &reason),
        LinkState::Invalid => state.invalid_link(&link),
    })
}

pub(super) async fn submit(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    Extension(occasion): Extension<Occasion>,
    Path(token): Path<String>,
    request: Request,
) -> PageResult {
    let (fields, headers) = state.forms.read::<Fields>(request).await?;
    let (token, headers, visitor) = (&*token, &headers, &visitor);
    let link = MailedLink { occasion, token, headers, visitor, kind: ResponseKind::Page };
    state.choose_password(&link, &fields).await
}

impl PagesState {
    async fn choose_password(&self, link: &MailedLink<'_>, fields: &Fields) -> PageResult {
        let MailedLink { occasion, token, headers, visitor, .. } = *link;
        let texts = &self.texts.of(headers).choose;
        if !self.forms.is_visitors(&fields.csrf, headers, visitor.now) {
            return Ok(self.once_more(link, FormProblem::too_old(&texts.form_too_old)).await?);
        }
        let from = (visitor.address, visitor.now);
        let password = &fields.password;
        match self
            .directory
            .password_links()
            .choose_password(occasion, token, password, from)
            .await?
        {
            Choice::Set { user, login } => {
                let actor = Actor::PortalUser { id: user.clone() };
                let change = Change::new(actor, visitor.now);
                // The sessions no longer count (R34). Records that stay are swept later.
                if let Err(error) = self.sessions.end_all(&SessionFilter::User(user), &change).await
                {
                    tracing::warn!(%error, "the records of ended sessions were not removed");
                }
                let hint = self.password_hint(&login, visitor.now);
                Ok(see_other(&sign_in::address_after_password(&login, &hint)))
            }
            Choice::RulesBroken { holder, rules } => {
                let problem = FormProblem::invalid(&texts.not_met, &["password"]);
                Ok(self.choose_password_page(link, &holder, &rules, Some(&problem)))
            }
            Choice::Parked(reason) => Ok(self.parked_link(link, &reason)),
            Choice::InvalidLink => Ok(self.invalid_link(link)),
            Choice::Busy => {
                let problem = FormProblem::busy(&texts.busy, Busy::RETRY_AFTER_SECONDS);
                Ok(self.once_more(link, problem).await?)
            }
        }
    }

    async fn holder(&self, link: &MailedLink<'_>) -> Result<LinkState, StoreError> {
        let MailedLink { occasion, token, headers, visitor, .. } = *link;
        let address = is_navigation(headers).then_some(visitor.address);
        self.directory.password_links().holder(occasion, token, address, visitor.now).await
    }

    /// The page again, with the reason why no password was set.
    async fn once_more(
        &self,
        link: &MailedLink<'_>,
        problem: FormProblem<'_>,
    ) -> Result<Response<Body>, StoreError> {
        Ok(match self.holder(link).await? {
            LinkState::Valid(holder) => {
                self.choose_password_page(link, &holder, &[], Some(&problem))
            }
            LinkState::Parked(reason) => self.parked_link(link, &reason),
            LinkState::Invalid => self.invalid_link(link),
        })
    }

    fn invalid_link(&self, link: &MailedLink<'_>) -> Response<Body> {
        let MailedLink { occasion, headers, visitor, kind, .. } = *link;
        let text = self.text(kind, headers);
        let notices = self.notices(text);
        let notice = match occasion {
            Occasion::Invitation => notices.dead_invitation(),
            Occasion::Reset => notices.dead_reset(),
        };
        self.notice(&notice, text, kind, &visitor.request_id)
    }

    /// The organization of the link's user is parked.
    fn parked_link(&self, link: &MailedLink<'_>, reason: &str) -> Response<Body> {
        let MailedLink { headers, visitor, kind, .. } = *link;
        let text = self.text(kind, headers);
        let notice = self.notices(text).organization_parked(reason, None);
        self.notice(&notice, text, kind, &visitor.request_id)
    }

    fn choose_password_page(
        &self,
        link: &MailedLink<'_>,
        holder: &Holder,
        failed: &[PasswordRule],
        problem: Option<&FormProblem<'_>>,
    ) -> Response<Body> {
        let MailedLink { occasion, headers, visitor, .. } = *link;
        let text = self.texts.of(headers);
        let token = self.forms.visitor_token(headers, visitor.now);
        let page = ChoosePasswordPage {
            brand: &self.brand,
            text,
            occasion: match occasion {
                Occasion::Invitation => &text.choose.invitation,
                Occasion::Reset => &text.choose.reset,
            },
            holder,
            requirements: requirements(text, holder, failed),
            min: *LENGTH.start(),
            max: *LENGTH.end(),
            problem,
            csrf: &token.text,
            request_id: &visitor.request_id,
        };
        form_page(&text.language, &page, problem, &token)
    }
}

/// The page of an invitation with sample data, for its preview.
pub(super) fn sample(brand: &Brand, text: &Catalogue) -> Response<Body> {
    let holder = &Holder {
        login: sample::LOGIN.to_owned(),
        email: None,
        organization_name: sample::ORGANIZATION.to_owned(),
    };
    let page = ChoosePasswordPage {
        brand,
        text,
        occasion: &text.choose.invitation,
        holder,
        requirements: requirements(text, holder, &[]),
        min: *LENGTH.start(),
        max: *LENGTH.end(),
        problem: None,
        csrf: "",
        request_id: "",
    };
    form_page(&text.language, &page, None, &FormToken::default())
}

/// The requirements to show; an email address that is the login needs no line of its own.
pub(super) fn requirements<'a>(
    text: &'a Catalogue,
    holder: &Holder,
    failed: &[PasswordRule],
) -> Vec<Requirement<'a>> {
    let other = holder.email.as_deref().is_some_and(|email| fold(email) != fold(&holder.login));
    let is_shown = |rule: &PasswordRule| other || *rule != PasswordRule::NotEmail;
    let line = |rule: PasswordRule| Requirement {
        name: rule.name(),
        text: text.requirement.of(rule),
        failed: failed.contains(&rule),
    };
    PasswordRule::ALL.into_iter().filter(is_shown).map(line).collect()
}

impl texts::Requirements {
    /// The requirement for a rule.
    pub(super) const fn of(&self, rule: PasswordRule) -> &Text {
        match rule {
            PasswordRule::Length => &self.length,
            PasswordRule::Uppercase => &self.uppercase,
            PasswordRule::Lowercase => &self.lowercase,
            PasswordRule::Digit => &self.digit,
            PasswordRule::Symbol => &self.symbol,
            PasswordRule::NotLogin => &self.not_login,
            PasswordRule::NotEmail => &self.not_email,
        }
    }
}
