//! The form of a request, read within limits of its size and its number of fields.
//!
//! All pages are made on one thread, and a form that is kept or asked about is shown with all its
//! fields. Many small fields take more time than one large field of the same size.

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, Request};
use http::header;
use http::request::Parts;
use http_body_util::{BodyExt as _, Limited};

use super::fields::Fields;
use super::refusal::{Answer, Refusal};
use super::visit::Upload;
use crate::admin::request::{LARGEST_BODY, LARGEST_FILE};

/// How large a form may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// In bytes, as it is sent.
    pub(super) bytes: usize,
    /// How many fields, and files.
    pub(super) fields: usize,
}

impl Limits {
    /// Of a visitor who is not signed in.
    pub(super) const VISITOR: Self = Self { bytes: 64 * 1024, fields: 1_000 };
    /// Of someone who is signed in.
    pub(super) const SIGNED_IN: Self = Self { bytes: LARGEST_BODY << 20, fields: 10_000 };
    /// Of someone who is signed in, for a form with a file: the largest file, and fields beside it.
    pub(super) const WITH_FILE: Self =
        Self { bytes: (LARGEST_FILE << 20) + Self::VISITOR.bytes, ..Self::VISITOR };
}

/// Whether a request has a form with files.
pub(super) fn is_multipart(parts: &Parts) -> bool {
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("multipart/form-data"))
}

/// The fields and files of a form.
///
/// # Errors
/// When it is larger than `limits`, incomplete, or has files without `takes_file`.
pub(super) async fn read(
    parts: &Parts,
    mut body: Body,
    limits: Limits,
    takes_file: bool,
) -> Answer<(Fields, Vec<Upload>)> {
    let Ok(sent) = Limited::new(&mut body, limits.bytes).collect().await else {
        discard(body).await;
        return Err(Refusal::too_large());
    };
    let sent = sent.to_bytes();
    if is_multipart(parts) {
        return match takes_file {
            true => read_parts(parts, sent, limits.fields).await,
            false => Err(Refusal::malformed("this form takes no file")),
        };
    }
    let fields = Fields::within(&sent, limits.fields).ok_or_else(Refusal::too_large)?;
    Ok((fields, Vec::new()))
}

async fn read_parts(parts: &Parts, sent: Bytes, most: usize) -> Answer<(Fields, Vec<Upload>)> {
    let unreadable = || Refusal::malformed("the form cannot be read");
    let mut request = Request::new(Body::from(sent));
    *request.headers_mut() = parts.headers.clone();
    // The form was read within its own limit.
    DefaultBodyLimit::disable().apply(&mut request);
    let mut form = Multipart::from_request(request, &()).await.map_err(|_| unreadable())?;
    let (mut fields, mut uploads) = (Fields::default(), Vec::new());
    let mut left = most;
    while let Some(part) = form.next_field().await.map_err(|_| unreadable())? {
        left = left.checked_sub(1).ok_or_else(Refusal::too_large)?;
        let field = part.name().unwrap_or_default().to_owned();
        let is_file = part.file_name().is_some();
        let content = part.bytes().await.map_err(|_| unreadable())?;
        if is_file {
            uploads.push(Upload { field, content });
        } else {
            fields = fields.with(&field, String::from_utf8_lossy(&content));
        }
    }
    Ok((fields, uploads))
}

/// Reads the rest of a form and keeps nothing of it, up to the size of the largest one: a browser
/// shows a response only when it has sent its whole request.
async fn discard(mut body: Body) {
    let mut left = Limits::WITH_FILE.bytes;
    while let Some(Ok(frame)) = body.frame().await {
        let read = frame.data_ref().map_or(0, Bytes::len);
        let Some(rest) = left.checked_sub(read) else { return };
        left = rest;
    }
}
