//! The page that asks for a link to reset a password (R33).
//!
//! The response is the same, and takes the same time, whether the login exists or not: it is sent
//! before the login is looked up (`reset_queue`).

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use http::{HeaderMap, Response, Uri, header};
use jiff::SignedDuration;
use serde::Deserialize;

use super::reset_queue::ResetRequest;
use super::texts::Catalogue;
use super::{PageResult, PagesState};
use crate::directory::access::resets::is_reset_by_mail;
use crate::web::Visitor;
use crate::web::brand::Brand;
use crate::web::fetch_metadata::ResponseKind;
use crate::web::form_problem::{FormProblem, form_page};
use crate::web::text::language;

/// The form.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Fields {
    login: String,
    csrf: String,
}

#[derive(Template)]
#[template(path = "pages/forgot_password.html")]
struct ForgotPasswordPage<'a> {
    brand: &'a Brand,
    text: &'a Catalogue,
    problem: Option<&'a FormProblem<'a>>,
    login: &'a str,
    csrf: &'a str,
    request_id: &'a str,
}

pub(super) async fn show(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
    headers: HeaderMap,
) -> Response<Body> {
    // The login that was entered on the sign-in page.
    let fields = Query::<Fields>::try_from_uri(&uri).map(|Query(fields)| fields);
    let login = fields.unwrap_or_default().login;
    state.forgot_password_page(&headers, &visitor, login.trim(), None)
}

pub(super) async fn submit(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> PageResult {
    let (Fields { login, csrf }, headers) = state.forms.read(request).await?;
    let text = state.texts.of(&headers);
    let login = login.trim();
    let texts = &text.forgot;
    if !state.forms.is_visitors(&csrf, &headers, visitor.now) {
        let problem = FormProblem::too_old(&texts.form_too_old);
        return Ok(state.forgot_password_page(&headers, &visitor, login, Some(&problem)));
    }
    if login.is_empty() {
        let problem = FormProblem::missing(&texts.login_missing, &["login"]);
        return Ok(state.forgot_password_page(&headers, &visitor, login, Some(&problem)));
    }
    let allowed = state.directory.resets().may_ask(visitor.address, visitor.now);
    if allowed && is_reset_by_mail(login) {
        let accepted = language::text(headers.get(header::ACCEPT_LANGUAGE));
        let languages = language::remembered(accepted);
        let login = login.to_owned();
        state.resets.add(ResetRequest::new(login, languages, &visitor));
    }
    let lifetime = SignedDuration::try_from(state.reset_lifetime).unwrap_or(SignedDuration::MAX);
    let expires = visitor.now.saturating_add(lifetime).unwrap_or(visitor.now);
    let expires = text.when.ahead(expires, visitor.now);
    let notice = state.notices(text).reset_requested(expires);
    Ok(state.notice(&notice, text, ResponseKind::Page, &visitor.request_id))
}

impl PagesState {
    fn forgot_password_page(
        &self,
        headers: &HeaderMap,
        visitor: &Visitor,
        login: &str,
        problem: Option<&FormProblem<'_>>,
    ) -> Response<Body> {
        let text = self.texts.of(headers);
        let token = self.forms.visitor_token(headers, visitor.now);
        let page = ForgotPasswordPage {
            brand: &self.brand,
            text,
            problem,
            login,
            csrf: &token.text,
            request_id: &visitor.request_id,
        };
        form_page(&text.language, &page, problem, &token)
    }
}
