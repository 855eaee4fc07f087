//! The addresses of the files that pages load.

use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

use super::visit::{Failure, PageResult, Visit};
use crate::web::asset::Asset;

/// Where the files are.
pub(super) const PATH: &str = "/assets/{name}";

/// A file, to be cached forever.
pub(super) async fn show(visit: Visit) -> PageResult {
    let found = visit.ui.assets.named(visit.id(0));
    found.map(Asset::response).ok_or(Failure::NotFound)
}

/// What browsers ask for without being told to.
pub(super) async fn favicon(visit: Visit) -> PageResult {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    if let Ok(location) = HeaderValue::from_str(&visit.ui.assets.icon()) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}
