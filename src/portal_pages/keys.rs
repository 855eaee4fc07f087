//! The public keys of assertions: a JWK Set (RFC 7517), which the portal's servers fetch.
//!
//! It may be cached: the key of the next period is in it for a whole period before it signs.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};

use super::{PageResult, PagesState};
use crate::web::Visitor;
use crate::web::request_error::RequestError;

/// For how long the keys may be cached: less than the shortest `identity.assertion.rotation`.
const CACHE: &str = "public, max-age=1800";

pub(super) async fn show(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
) -> PageResult {
    let keys = state.keys.as_ref().ok_or(RequestError::NoSuchPage)?;
    let published = match keys.published(visitor.now) {
        Ok(published) => published,
        Err(error) => {
            tracing::error!(%error, "the keys of assertions cannot be published");
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            return Ok(response);
        }
    };
    let mut response = Response::new(Body::from(published.to_string()));
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("application/jwk-set+json");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(CACHE));
    Ok(response)
}
