//! Secure links (R10–R14, R19).
//!
//! Opening one exchanges its token for a session cookie and redirects to an address without the
//! token: the start page, or the one in `?to=`. Only a navigation opens a link, because any page can
//! show an image from its address. A browser that has a session of this link keeps it. The directory
//! decides what becomes of another session; where it wants the visitor to be asked, there is a page
//! that asks.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use http::{HeaderMap, Method, Response};
use serde::Deserialize;

use super::sign_in::{self, user_agent};
use super::texts::Catalogue;
use super::{PageResult, PagesState, sample};
use crate::credential::token::TokenHash;
use crate::directory::OrganizationFacts;
use crate::directory::access::secure_links::Opened;
use crate::session::{NewSession, SessionLookup, SignInWay, StartError};
use crate::web::Visitor;
use crate::web::brand::Brand;
use crate::web::fetch_metadata::{ResponseKind, is_navigation};
use crate::web::form::FormToken;
use crate::web::form_problem::{FormProblem, form_page};
use crate::web::notice::Notice;
use crate::web::response::see_other;
use crate::web::return_to::ReturnTo;
use portcullis_policy::{SessionKind, Subject};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Parameters {
    to: String,
}

/// The form of [`ConfirmPage`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Fields {
    csrf: String,
    to: String,
}

#[derive(Template)]
#[template(path = "pages/secure_link.html")]
struct ConfirmPage<'a> {
    brand: &'a Brand,
    text: &'a Catalogue,
    organization: &'a str,
    signed_in_as: &'a str,
    to: &'a str,
    csrf: &'a str,
    problem: Option<&'a FormProblem<'a>>,
    request_id: &'a str,
}

/// A link that is being opened.
struct Opening<'a> {
    token: &'a str,
    to: ReturnTo,
    /// The token of the form, if the visitor was asked.
    confirmation: Option<&'a str>,
    /// HEAD, as link checkers send: no session starts.
    head: bool,
    headers: &'a HeaderMap,
    visitor: &'a Visitor,
    kind: ResponseKind,
}

pub(super) async fn open(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    Path(token): Path<String>,
    request: Request,
) -> PageResult {
    let headers = request.headers();
    let parameters = Query::<Parameters>::try_from_uri(request.uri());
    let Query(parameters) = parameters.unwrap_or_default();
    let opening = Opening {
        token: &token,
        to: ReturnTo::parse(&parameters.to),
        confirmation: None,
        head: request.method() == Method::HEAD,
        headers,
        visitor: &visitor,
        kind: ResponseKind::of(headers),
    };
    if !is_navigation(headers) {
        return Ok(state.link_notice(&opening, |notices| notices.link_in_background()));
    }
    state.open_link(&opening).await
}

pub(super) async fn confirm(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    Path(token): Path<String>,
    request: Request,
) -> PageResult {
    let (fields, headers) = state.forms.read::<Fields>(request).await?;
    let opening = Opening {
        token: &token,
        to: ReturnTo::parse(&fields.to),
        confirmation: Some(&fields.csrf),
        head: false,
        headers: &headers,
        visitor: &visitor,
        kind: ResponseKind::Page,
    };
    state.open_link(&opening).await
}

/// The question with sample data, for its preview.
pub(super) fn sample(brand: &Brand, text: &Catalogue) -> Response<Body> {
    let page = ConfirmPage {
        brand,
        text,
        organization: sample::ORGANIZATION,
        signed_in_as: sample::LOGIN,
        to: "/",
        csrf: "",
        problem: None,
        request_id: "",
    };
    form_page(&text.language, &page, None, &FormToken::default())
}

impl PagesState {
    async fn open_link(&self, opening: &Opening<'_>) -> PageResult {
        let Opening { token, to, headers, visitor, .. } = opening;
        let presented = self.presented(headers, visitor.now).await?;
        let present = presented.subject();
        let opened = self
            .directory
            .secure_links()
            .open(token, present, visitor.address, visitor.now)
            .await?;
        let organization = match (opened, presented) {
            (Opened::Invalid, _) => {
                return Ok(self.link_notice(opening, |notices| notices.dead_link()));
            }
            (Opened::Parked(reason), _) => {
                return Ok(
                    self.link_notice(opening, |notices| notices.organization_parked(&reason, None))
                );
            }
            (Opened::KeepSession, _) => return Ok(see_other(to.as_str())),
            (Opened::SignIn(organization), _) => {
                let hint = self.organization_hint(organization.id.as_str(), visitor.now);
                let link = Some((organization.id.as_str(), hint.as_str()));
                return Ok(see_other(&sign_in::address_within(self.max_address, to, link)));
            }
            (Opened::Confirm(organization), SessionLookup::Found { key, subject, .. })
                if !self.is_confirmed(opening, &key) =>
            {
                return Ok(self.confirm_page(opening, &organization, &key, &subject));
            }
            (Opened::Confirm(organization) | Opened::Session(organization), _) => organization,
        };
        if opening.head {
            return Ok(see_other(to.as_str()));
        }
        let new = NewSession {
            way: SignInWay::Link,
            kind: SessionKind::Link,
            organization: organization.id.clone(),
            user: None,
            generation: organization.link_generation,
            address: visitor.address,
            agent: user_agent(headers),
        };
        match self.start_session(new, to, headers, visitor).await {
            Ok(response) => Ok(response),
            Err(StartError::Store(error)) => Err(error.into()),
            Err(StartError::TooMany { retry_after }) => {
                Ok(self.link_notice(opening, |notices| notices.too_many_sessions(retry_after)))
            }
        }
    }

    fn link_notice<'a>(
        &'a self,
        opening: &Opening<'_>,
        notice: impl FnOnce(super::notices::Notices<'a>) -> Notice<'a>,
    ) -> Response<Body> {
        let text = self.text(opening.kind, opening.headers);
        let notice = notice(self.notices(text));
        self.notice(&notice, text, opening.kind, &opening.visitor.request_id)
    }

    fn is_confirmed(&self, opening: &Opening<'_>, key: &TokenHash) -> bool {
        let Opening { confirmation, visitor, .. } = opening;
        confirmation.is_some_and(|token| self.forms.is_sessions(token, key, visitor.now))
    }

    /// Asks before a link replaces a portal user's session (R19).
    fn confirm_page(
        &self,
        opening: &Opening<'_>,
        organization: &OrganizationFacts,
        key: &TokenHash,
        subject: &Subject,
    ) -> Response<Body> {
        let Opening { to, confirmation, headers, visitor, .. } = opening;
        let text = self.texts.of(headers);
        // A confirmation that does not count is one whose token has expired.
        let problem = confirmation.map(|_| FormProblem::too_old(&text.link.form_too_old));
        let token = self.forms.session_token(key, visitor.now);
        let page = ConfirmPage {
            brand: &self.brand,
            text,
            organization: &organization.name,
            signed_in_as: subject.login.as_deref().unwrap_or(text.link.another_account.as_str()),
            to: to.as_str(),
            csrf: &token.text,
            problem: problem.as_ref(),
            request_id: &visitor.request_id,
        };
        form_page(&text.language, &page, problem.as_ref(), &token)
    }
}
