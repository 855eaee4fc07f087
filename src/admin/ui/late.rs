//! A button that does something which is no longer possible, such as inviting someone who has a
//! password by now: the page with the button is shown, with what the API says.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{Method, StatusCode, header};
use tower::ServiceExt as _;

use crate::web::peer::Peer;

/// How often the way back to the page with the button may lead on.
const MOST_REDIRECTS: usize = 3;

/// What the API said to a form, in the response in its place, and in the request for the page that
/// shows it.
#[derive(Debug, Clone)]
pub(super) struct Late(pub(super) String);

/// Answers a request with `pages`. In place of a notice about a form, the page at the form's address is
/// shown, which is the one with its button or leads there; if it cannot be shown, the notice.
pub(super) async fn answer(pages: Router, request: Request) -> Result<Response, Infallible> {
    let (headers, uri) = (request.headers().clone(), request.uri().clone());
    let peer = request.extensions().get::<Peer>().copied();
    let mut notice = pages.clone().oneshot(request).await?;
    let Some(late) = notice.extensions_mut().remove::<Late>() else { return Ok(notice) };
    let mut address = uri.path().to_owned();
    for _ in 0..=MOST_REDIRECTS {
        let Ok(uri) = address.parse() else { break };
        let mut request = Request::new(Body::empty());
        *request.method_mut() = Method::GET;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers.clone();
        for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::TRANSFER_ENCODING] {
            request.headers_mut().remove(name);
        }
        request.extensions_mut().insert(late.clone());
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        let mut page = pages.clone().oneshot(request).await?;
        match (page.status(), page.headers().get(header::LOCATION)) {
            (StatusCode::OK, _) => {
                *page.status_mut() = notice.status();
                return Ok(page);
            }
            (StatusCode::SEE_OTHER, Some(to)) => match to.to_str() {
                Ok(to) if to.starts_with('/') => to.clone_into(&mut address),
                _ => break,
            },
            _ => break,
        }
    }
    Ok(notice)
}
