//! Recovery codes (R51), which are shown once, and the same codes as a file.
//!
//! The page holds the codes in a form, and the file is the answer to that form: so it needs no
//! script, and no address contains a code, which browsers would keep in their list of downloads.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use http::header::{self, HeaderValue};
use http::{HeaderMap, Response};
use serde::Deserialize;

use crate::credential::recovery::{self, RecoveryCode};
use crate::credential::secret::Secret;
use crate::portal_pages::texts::Catalogue;
use crate::portal_pages::{PageResult, PagesState};
use crate::session::SessionLookup;
use crate::web::Visitor;
use crate::web::brand::Brand;
use crate::web::form_problem::form_page;
use crate::web::request_error::RequestError;
use crate::web::return_to::ReturnTo;
use crate::web::text::Text;

/// The form that asks for the file.
#[derive(Deserialize)]
struct Fields {
    #[serde(default)]
    csrf: String,
    /// The codes, with spaces between them.
    #[serde(default)]
    codes: Secret<String>,
}

#[derive(Template)]
#[template(path = "pages/recovery_codes.html")]
struct RecoveryCodesPage<'a> {
    brand: &'a Brand,
    text: &'a Catalogue,
    lead: &'a Text,
    codes: &'a [RecoveryCode],
    return_to: &'a str,
    csrf: &'a str,
}

/// Answers with the codes of the form as a text file.
pub(in crate::portal_pages) async fn file(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> PageResult {
    let (fields, headers) = state.forms.read::<Fields>(request).await?;
    if !state.forms.is_visitors(&fields.csrf, &headers, visitor.now) {
        return Err(RequestError::UnreadableForm);
    }
    // Only what is a code of ours gets into the file.
    let codes: Option<Vec<_>> =
        fields.codes.expose().split_whitespace().map(RecoveryCode::parse).collect();
    let codes = codes.filter(|codes| (1..=recovery::COUNT).contains(&codes.len()));
    let codes = codes.ok_or(RequestError::UnreadableForm)?;
    let login = match state.presented(&headers, visitor.now).await? {
        SessionLookup::Found { subject, .. } => subject.login,
        SessionLookup::Missing(_) => None,
    };
    let texts = &state.texts.of(&headers).recovery_codes;
    let mut lines = vec![texts.file_title.with(&state.brand.name).plain()];
    lines.extend(login.map(|login| texts.file_login.with(&*login).plain()));
    lines.push(texts.file_date.with(visitor.now.strftime("%Y-%m-%d").to_string()).plain());
    lines.push(String::new());
    lines.extend(codes.iter().map(|code| code.expose().to_owned()));
    lines.push(String::new());
    lines.push(texts.file_keep.as_str().to_owned());
    // Windows shows the file as one line otherwise.
    let mut response = Response::new(Body::from(lines.join("\r\n") + "\r\n"));
    let response_headers = response.headers_mut();
    response_headers
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response_headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_static("attachment; filename=\"recovery-codes.txt\""),
    );
    Ok(response)
}

impl PagesState {
    /// The page with codes that have just been issued, and what it says about them.
    pub(in crate::portal_pages) fn recovery_codes_page(
        &self,
        (codes, lead): (&[RecoveryCode], &Text),
        return_to: &ReturnTo,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> Response<Body> {
        let text = self.texts.of(headers);
        let token = self.forms.visitor_token(headers, visitor.now);
        let page = RecoveryCodesPage {
            brand: &self.brand,
            text,
            lead,
            codes,
            return_to: return_to.as_str(),
            csrf: &token.text,
        };
        form_page(&text.language, &page, None, &token)
    }
}
