//! Secure links (R10–R14, R19).
//!
//! Opening one swaps its token for a cookie and leads to an address without it: the start page, or
//! the place in `?to=`. Only a navigation opens one: any page can show an image from its address. A
//! browser that has a session of this link keeps it. What becomes of the session that there is, the directory says; where it says
//! to ask, there is a page that does.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use http::{HeaderMap, Method, Response};
use serde::Deserialize;

use super::notice::Notice;
use super::problem::{FormProblem, form_page};
use super::response::see_other;
use super::return_to::ReturnTo;
use super::text::Catalogue;
use super::{Answer, Brand, PagesState, sign_in, wants};
use crate::credential::token::TokenHash;
use crate::directory::OrganizationFacts;
use crate::directory::links::Opened;
use crate::session::{NewSession, Presented, StartError};
use crate::web::Visitor;
use crate::web::fetch_metadata::{ResponseKind, is_navigation};
use portcullis_policy::{SessionKind, Subject};
use portcullis_store::StoreError;

/// Where the link points to.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Pointed {
    to: String,
}

/// The answer to [`ConfirmPage`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Confirmed {
    csrf: String,
    to: String,
}

#[derive(Template)]
#[template(path = "pages/link.html")]
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
    /// The token of the form, if the person has been asked.
    answer: Option<&'a str>,
    /// Whether it is only looked at (HEAD), as link checkers do.
    looked_at: bool,
    headers: &'a HeaderMap,
    visitor: &'a Visitor,
    wants: ResponseKind,
}

pub(super) async fn open(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    Path(token): Path<String>,
    request: Request,
) -> Answer {
    if !is_navigation(request.headers()) {
        return Err(state.notice_for(&request, &visitor, Notice::link_in_background));
    }
    let pointed = Query::<Pointed>::try_from_uri(request.uri()).map(|Query(pointed)| pointed);
    let opening = Opening {
        token: &token,
        to: ReturnTo::parse(&pointed.unwrap_or_default().to),
        answer: None,
        looked_at: request.method() == Method::HEAD,
        headers: request.headers(),
        visitor: &visitor,
        wants: wants(request.method(), request.headers()),
    };
    state.open_link(&opening).await
}

pub(super) async fn confirm(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    Path(token): Path<String>,
    request: Request,
) -> Answer {
    let (confirmed, headers, wants) = state.sent::<Confirmed>(request, &visitor).await?;
    let opening = Opening {
        token: &token,
        to: ReturnTo::parse(&confirmed.to),
        answer: Some(&confirmed.csrf),
        looked_at: false,
        headers: &headers,
        visitor: &visitor,
        wants,
    };
    state.open_link(&opening).await
}

impl PagesState {
    async fn open_link(&self, opening: &Opening<'_>) -> Answer {
        let reader = (opening.wants, opening.headers);
        let answer = self.try_open_link(opening).await;
        answer.map_err(|error| self.store_unavailable(&error, reader, opening.visitor))
    }

    async fn try_open_link(&self, opening: &Opening<'_>) -> Result<Response<Body>, StoreError> {
        let Opening { token, to, headers, visitor, .. } = opening;
        let presented = self.presented(headers, visitor.now).await?;
        let present = presented.subject();
        let opened = self.directory.open_link(token, present, visitor.address, visitor.now).await?;
        let organization = match (opened, presented) {
            (Opened::Dead, _) => {
                let text = self.text(opening.wants, headers);
                let notice = Notice::dead_link(text, &self.brand.name);
                return Ok(self.notice(&notice, opening.wants, &visitor.request_id));
            }
            (Opened::Stay, _) => return Ok(see_other(to.as_str())),
            (Opened::SignIn(organization), _) => {
                let hint = self.organization_hint(organization.id.as_str(), visitor.now);
                return Ok(see_other(
                    &self.sign_in_address(to, Some((organization.id.as_str(), &hint))),
                ));
            }
            (Opened::Ask(organization), Presented::Somebody { key, subject })
                if !self.confirmed(opening, &key) =>
            {
                return Ok(self.ask(opening, &organization, &key, &subject));
            }
            (Opened::Ask(organization) | Opened::Session(organization), _) => organization,
        };
        if opening.looked_at {
            return Ok(see_other(to.as_str()));
        }
        let new = NewSession {
            kind: SessionKind::Link,
            organization: organization.id.clone(),
            user: None,
            generation: organization.link_generation,
            address: visitor.address,
            agent: sign_in::agent(headers),
        };
        match self.begin(new, to, headers, visitor).await {
            Ok(response) => Ok(response),
            Err(StartError::Store(error)) => Err(error),
            Err(StartError::TooMany { retry_after }) => {
                tracing::warn!(
                    organization.id = %organization.id,
                    request.id = visitor.request_id,
                    "a secure link has too many sessions"
                );
                let text = self.text(opening.wants, headers);
                let notice = Notice::too_many_sessions(text, retry_after, &self.brand.name);
                Ok(self.notice(&notice, opening.wants, &visitor.request_id))
            }
        }
    }

    fn confirmed(&self, opening: &Opening<'_>, key: &TokenHash) -> bool {
        opening.answer.is_some_and(|token| self.is_sessions(token, key, opening.visitor.now))
    }

    /// Asks before somebody becomes somebody else (R19).
    fn ask(
        &self,
        opening: &Opening<'_>,
        organization: &OrganizationFacts,
        key: &TokenHash,
        subject: &Subject,
    ) -> Response<Body> {
        let Opening { to, answer, headers, visitor, .. } = opening;
        let text = self.texts.of(headers);
        // Whoever has chosen comes here again only if the form was too old.
        let problem = answer.map(|_| FormProblem::too_old(&text.link.form_too_old));
        let token = self.session_token(key, visitor.now);
        let page = ConfirmPage {
            brand: &self.brand,
            text,
            organization: &organization.name,
            signed_in_as: subject.login.as_deref().unwrap_or(text.link.somebody.as_str()),
            to: to.as_str(),
            csrf: &token.text,
            problem: problem.as_ref(),
            request_id: &visitor.request_id,
        };
        form_page(text, &page, problem.as_ref(), &token)
    }
}
