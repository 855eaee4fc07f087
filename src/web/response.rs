//! What all of our own responses have in common: how they are made, and the headers that protect
//! them.

use askama::Template;
use axum::body::Body;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};

/// Scripts and styles from our own files only, nothing from other sites, never in a frame.
///
/// `form-action` is not set: Chromium applies it to every redirect that follows a form, and ours
/// lead into the portal, which may redirect further (R60, `on_deny`). What it would guard against
/// cannot be in a page: templates escape all values, and scripts are files of ours.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
    img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'";

/// What a page reveals of its address to the page that follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Referrer {
    /// Nothing.
    Nothing,
    /// The origin without the path, so that a form sent from the page has an `Origin`.
    Origin,
}

/// A page in the language with this tag.
pub(crate) fn html(
    language: &str,
    status: StatusCode,
    page: &impl Template,
    referrer: Referrer,
) -> Response<Body> {
    let text = match page.render() {
        Ok(text) => text,
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            let mut response = Response::new(Body::from("This page can't be shown.\n"));
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
    if let Ok(language) = HeaderValue::from_str(language) {
        headers.insert(header::CONTENT_LANGUAGE, language);
    }
    if referrer == Referrer::Origin {
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("strict-origin"));
    }
    response
}

/// A redirect; `None` if the address cannot stand in a header.
pub(crate) fn redirect(status: StatusCode, address: &str) -> Option<Response<Body>> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_str(address).ok()?);
    Some(response)
}

/// A redirect to a page that is requested with GET.
pub(crate) fn see_other(address: &str) -> Response<Body> {
    // Our addresses are ASCII; the start page is a safe answer to one that is not.
    redirect(StatusCode::SEE_OTHER, address)
        .or_else(|| redirect(StatusCode::SEE_OTHER, "/"))
        .unwrap_or_default()
}

/// Adds a `Set-Cookie` line, if there is one.
pub(crate) fn add_cookie(response: &mut Response<Body>, line: Option<HeaderValue>) {
    if let Some(line) = line {
        response.headers_mut().append(header::SET_COOKIE, line);
    }
}

/// Adds the headers that each of our own responses has, where it has none of that name. With HSTS,
/// the value of its header.
pub(crate) fn protect(mut response: Response<Body>, hsts: Option<&'static str>) -> Response<Body> {
    let headers = response.headers_mut();
    default(headers, header::CACHE_CONTROL, "no-store");
    default(headers, header::REFERRER_POLICY, "no-referrer");
    default(headers, header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    default(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    default(headers, header::X_FRAME_OPTIONS, "DENY");
    if let Some(value) = hsts {
        default(headers, header::STRICT_TRANSPORT_SECURITY, value);
    }
    response
}

fn default(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.entry(name).or_insert(HeaderValue::from_static(value));
}
