//! Links with which the operator's staff opens the portal (R17, R18) or tries it, and the end of such a
//! session.
//!
//! A link works once. As with secure links, only a navigation opens it, and a portal user who is
//! signed in is asked first (R19); the session of a secure link or of staff is replaced at once. A
//! HEAD request, as link checkers send, opens nothing.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use http::{HeaderMap, Method, Response};
use serde::Deserialize;

use super::notices::Notices;
use super::sign_in::user_agent;
use super::texts::Catalogue;
use super::{PageResult, PagesState};
use crate::credential::token::TokenHash;
use crate::directory::{Actor, Change};
use crate::session::{OpenedView, SessionLookup, StartedSession, ViewOpening};
use crate::web::brand::Brand;
use crate::web::cookie::{self, OwnCookie};
use crate::web::fetch_metadata::{ResponseKind, is_navigation};
use crate::web::form::FormToken;
use crate::web::form_problem::{FormProblem, form_page};
use crate::web::notice::Notice;
use crate::web::response::{add_cookie, see_other};
use crate::web::{Visitor, paths};
use portcullis_policy::SessionKind;

/// The form of both pages.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Fields {
    csrf: String,
}

#[derive(Template)]
#[template(path = "pages/view.html")]
struct ConfirmPage<'a> {
    brand: &'a Brand,
    text: &'a Catalogue,
    signed_in_as: &'a str,
    organization: &'a str,
    /// The login of the portal user to act as.
    login: Option<&'a str>,
    csrf: &'a str,
    problem: Option<&'a FormProblem<'a>>,
    request_id: &'a str,
}

#[derive(Template)]
#[template(path = "pages/view_stop.html")]
struct StopPage<'a> {
    brand: &'a Brand,
    text: &'a Catalogue,
    session: Option<Viewed<'a>>,
    /// `admin.public_url`, if it is set.
    admin: Option<&'a str>,
    csrf: &'a str,
    problem: Option<&'a FormProblem<'a>>,
    request_id: &'a str,
}

/// What a session of staff is about.
struct Viewed<'a> {
    organization: &'a str,
    login: Option<&'a str>,
    is_trial: bool,
}

/// A link that is being opened.
struct Opening<'a> {
    token: &'a str,
    /// The token of the form, if the visitor was asked.
    confirmation: Option<&'a str>,
    /// No session starts.
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
    let opening = Opening {
        token: &token,
        confirmation: None,
        head: request.method() == Method::HEAD,
        headers,
        visitor: &visitor,
        kind: ResponseKind::of(headers),
    };
    if !is_navigation(headers) {
        return Ok(state.view_notice(&opening, |notices| notices.link_in_background()));
    }
    state.open_view(&opening).await
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
        confirmation: Some(&fields.csrf),
        head: false,
        headers: &headers,
        visitor: &visitor,
        kind: ResponseKind::Page,
    };
    state.open_view(&opening).await
}

pub(super) async fn show_stop(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> PageResult {
    state.stop_page(&headers, &visitor, false).await
}

pub(super) async fn stop(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> PageResult {
    let (fields, headers) = state.forms.read::<Fields>(request).await?;
    let presented = state.presented(&headers, visitor.now).await?;
    let Some(banner) = presented.banner() else {
        return state.stop_page(&headers, &visitor, false).await;
    };
    if !state.forms.is_sessions(&fields.csrf, &banner.key, visitor.now) {
        return state.stop_page(&headers, &visitor, true).await;
    }
    let change = Change::new(Actor::System("end of a view"), visitor.now);
    let portal_cookies = state.sessions.sign_out(&banner.key, &change).await?;
    let mut response = see_other(state.admin_url.as_deref().unwrap_or(paths::VIEW_STOP));
    add_cookie(&mut response, cookie::clear(OwnCookie::Session, state.https));
    state.expire(&mut response, &portal_cookies);
    Ok(response)
}

impl PagesState {
    async fn open_view(&self, opening: &Opening<'_>) -> PageResult {
        let Opening { headers, visitor, .. } = opening;
        let dead = || Ok(self.view_notice(opening, |notices| notices.dead_view()));
        let Some(token) = TokenHash::of_presented(opening.token) else { return dead() };
        let Some(found) = self.sessions.view_opening(&token, visitor.now).await? else {
            self.directory.views().wrong_link(visitor.address, visitor.now);
            return dead();
        };
        if opening.head {
            return Ok(see_other("/"));
        }
        if let SessionLookup::Found { key, subject, .. } =
            self.presented(headers, visitor.now).await?
            && subject.kind == SessionKind::User
            && !self.is_view_confirmed(opening, &key)
        {
            let login = subject.login.as_deref().unwrap_or_default();
            return Ok(self.confirm_view(opening, &found, &key, login));
        }
        let browser = OpenedView {
            replaces: cookie::token_hash(headers, self.session_cookie),
            address: visitor.address,
            agent: user_agent(headers),
        };
        let started = self.sessions.open_view(&token, &browser, visitor.now).await?;
        let Some(StartedSession { token, expired }) = started else { return dead() };
        let mut response = see_other("/");
        self.expire(&mut response, &expired);
        add_cookie(&mut response, cookie::set(OwnCookie::Session, token.expose(), self.https));
        add_cookie(&mut response, self.pending.clear(headers));
        Ok(response)
    }

    fn is_view_confirmed(&self, opening: &Opening<'_>, key: &TokenHash) -> bool {
        let Opening { confirmation, visitor, .. } = opening;
        confirmation.is_some_and(|token| self.forms.is_sessions(token, key, visitor.now))
    }

    /// Asks before a link replaces a portal user's session (R19).
    fn confirm_view(
        &self,
        opening: &Opening<'_>,
        found: &ViewOpening,
        key: &TokenHash,
        signed_in_as: &str,
    ) -> Response<Body> {
        let Opening { confirmation, headers, visitor, .. } = opening;
        let text = self.texts.of(headers);
        // A confirmation that does not count is one whose token has expired.
        let problem = confirmation.map(|_| FormProblem::too_old(&text.link.form_too_old));
        let token = self.forms.session_token(key, visitor.now);
        let page = ConfirmPage {
            brand: &self.brand,
            text,
            signed_in_as,
            organization: &found.organization,
            login: found.login.as_deref(),
            csrf: &token.text,
            problem: problem.as_ref(),
            request_id: &visitor.request_id,
        };
        form_page(&text.language, &page, problem.as_ref(), &token)
    }

    /// Asks before a session of staff ends, or says that it has ended.
    async fn stop_page(&self, headers: &HeaderMap, visitor: &Visitor, too_old: bool) -> PageResult {
        let text = self.texts.of(headers);
        let presented = self.presented(headers, visitor.now).await?;
        let banner = presented.banner();
        if banner.is_none() && presented.subject().is_some() {
            return Ok(see_other(paths::SIGN_OUT));
        }
        let token = match &banner {
            Some(banner) => self.forms.session_token(&banner.key, visitor.now),
            None => FormToken::default(),
        };
        let problem = too_old.then(|| FormProblem::too_old(&text.sign_out.form_too_old));
        let page = StopPage {
            brand: &self.brand,
            text,
            session: banner.map(|banner| Viewed {
                organization: banner.organization_name,
                login: banner.login,
                is_trial: banner.kind == SessionKind::Trial,
            }),
            admin: self.admin_url.as_deref(),
            csrf: &token.text,
            problem: problem.as_ref(),
            request_id: &visitor.request_id,
        };
        Ok(form_page(&text.language, &page, problem.as_ref(), &token))
    }

    fn view_notice<'a>(
        &'a self,
        opening: &Opening<'_>,
        notice: impl FnOnce(Notices<'a>) -> Notice<'a>,
    ) -> Response<Body> {
        let text = self.text(opening.kind, opening.headers);
        let notice = notice(self.notices(text));
        self.notice(&notice, text, opening.kind, &opening.visitor.request_id)
    }
}
