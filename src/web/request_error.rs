//! Why a request to one of our own pages has no page of its own. Handlers return these; the layer
//! around a set of pages answers each with a notice.

use std::sync::Arc;

use axum::body::Body;
use axum::response::IntoResponse;
use http::{Method, Response, StatusCode};
use portcullis_store::StoreError;

use super::request_body::Incomplete;

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// There is no page at this address.
    #[error("no such page")]
    NoSuchPage,
    /// The page does not have this method.
    #[error("method not allowed")]
    MethodNotAllowed,
    /// The form was not sent by a page of ours.
    #[error("a form from another site")]
    ForeignForm,
    /// The fields are not those of the form.
    #[error("an unreadable form")]
    UnreadableForm,
    /// The body did not arrive completely.
    #[error("an incomplete form")]
    Incomplete(Incomplete),
    /// The store does not respond (I1).
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Carries the error from a handler to the layer, as an extension of an empty response.
#[derive(Debug, Clone)]
struct Carried(Arc<RequestError>);

impl RequestError {
    /// The error that a handler's response carries.
    pub(crate) fn take(response: &mut Response<Body>) -> Option<Arc<Self>> {
        response.extensions_mut().remove::<Carried>().map(|Carried(error)| error)
    }

    /// Whether the request may have changed something before the error. A GET or HEAD never has.
    pub(crate) fn may_have_changed(&self, method: &Method) -> bool {
        matches!(self, Self::Store(_)) && !matches!(*method, Method::GET | Method::HEAD)
    }
}

impl IntoResponse for RequestError {
    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response.extensions_mut().insert(Carried(Arc::new(self)));
        response
    }
}
