//! What every answer of ours has in common: how it is made, and the headers that protect it.

use askama::Template;
use axum::body::Body;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};

use super::PagesState;
use super::text::Catalogue;

/// No script but our file, nothing from elsewhere, in nobody's frame.
///
/// It says nothing of where forms go. Chromium holds every redirect that follows a form to
/// `form-action`, and ours lead into the portal, which may lead elsewhere (R60, `on_deny`). What
/// `form-action` would guard against cannot be in a page: templates escape all that they show, and
/// scripts are our own files.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
    img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'";
/// Two years, as preload lists and scanners expect.
const TRANSPORT_SECURITY: &str = "max-age=63072000";

/// What a page tells the next one of its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Referrer {
    /// Nothing.
    Nothing,
    /// The origin without the path, so that a form sent from here has an `Origin`.
    Origin,
}

/// A page in the language of its texts.
pub(super) fn html(
    text: &Catalogue,
    status: StatusCode,
    page: &impl Template,
    referrer: Referrer,
) -> Response<Body> {
    let language = HeaderValue::from_str(&text.language);
    let text = match page.render() {
        Ok(text) => text,
        Err(error) => {
            tracing::error!(%error, "a page cannot be rendered");
            let mut response = Response::new(Body::from("This page cannot be shown.\n"));
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            return response;
        }
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-language"));
    // A language's tag is letters, digits and hyphens.
    if let Ok(language) = language {
        headers.insert(header::CONTENT_LANGUAGE, language);
    }
    if referrer == Referrer::Origin {
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("strict-origin"));
    }
    response
}

/// A way elsewhere; none if the address cannot stand in a header.
pub(super) fn redirect(status: StatusCode, address: &str) -> Option<Response<Body>> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_str(address).ok()?);
    Some(response)
}

/// On to another page after this request, which is asked for with GET.
pub(super) fn see_other(address: &str) -> Response<Body> {
    // Every address given here is in ASCII; were one not, the start page is always right.
    redirect(StatusCode::SEE_OTHER, address)
        .or_else(|| redirect(StatusCode::SEE_OTHER, "/"))
        .unwrap_or_default()
}

/// Adds a cookie, if there is one to add.
pub(super) fn add_cookie(response: &mut Response<Body>, line: Option<HeaderValue>) {
    if let Some(line) = line {
        response.headers_mut().append(header::SET_COOKIE, line);
    }
}

impl PagesState {
    /// Puts the headers on that every answer of ours has.
    pub(super) fn dress(&self, mut response: Response<Body>) -> Response<Body> {
        let headers = response.headers_mut();
        default(headers, header::CACHE_CONTROL, "no-store");
        default(headers, header::REFERRER_POLICY, "no-referrer");
        default(headers, header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
        default(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        default(headers, header::X_FRAME_OPTIONS, "DENY");
        if self.https {
            default(headers, header::STRICT_TRANSPORT_SECURITY, TRANSPORT_SECURITY);
        }
        response
    }
}

fn default(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.entry(name).or_insert(HeaderValue::from_static(value));
}
