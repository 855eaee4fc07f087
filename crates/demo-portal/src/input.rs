//! Extractors for paths and forms. Invalid input gets a page of the portal.

use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Form, FromRequest, FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;

use super::page::{Page, missing};
use super::portal::Portal;
use super::visitor::Visitor;

/// The variables of the path. An invalid path gets the page for a missing one.
#[derive(Debug)]
pub(super) struct Address<T>(pub(super) T);

/// The fields of a form.
#[derive(Debug)]
pub(super) struct Fields<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Portal> for Address<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> Result<Self, Response> {
        let read: Result<_, PathRejection> = Path::from_request_parts(parts, portal).await;
        match read {
            Ok(Path(address)) => Ok(Self(address)),
            Err(_) => Err(missing("This page", &Visitor::of(&parts.headers))),
        }
    }
}

impl<T: DeserializeOwned> FromRequest<Portal> for Fields<T> {
    type Rejection = Response;

    async fn from_request(request: Request, portal: &Portal) -> Result<Self, Response> {
        let visitor = Visitor::of(request.headers());
        let read: Result<_, FormRejection> = Form::from_request(request, portal).await;
        match read {
            Ok(Form(fields)) => Ok(Self(fields)),
            Err(_) => Err(incomplete("A field of the form is missing.", &visitor)),
        }
    }
}

/// The page for an incomplete form.
pub(super) fn incomplete(what: &str, visitor: &Visitor) -> Response {
    let page = Page::new("Not sent").lead(format!("{what} Go back and complete the form."));
    (StatusCode::BAD_REQUEST, page.show(visitor)).into_response()
}
