//! Requests that a page of another site made the browser send, as far as browsers report it.

use http::Method;
use http::header::{self, HeaderMap};

use crate::config::{ServedHost, ServedHosts};
use crate::web::fetch_metadata::{SEC_FETCH_SITE, Unclear, only};

/// Whether a WebSocket handshake may go on: its `Origin` is served, or there is none. Browsers
/// always send one, other programs need not (RFC 6455, 10.2).
pub(super) fn may_open_websocket(
    headers: &HeaderMap,
    (hosts, own): (&ServedHosts, &ServedHost),
) -> bool {
    match only(headers, &header::ORIGIN) {
        Ok(None) => true,
        Ok(Some(origin)) => hosts.is_origin_for(origin, own),
        Err(Unclear) => false,
    }
}

/// Whether a request in a session may go on although it may change something.
///
/// - GET, HEAD and OPTIONS may.
/// - With `Sec-Fetch-Site: same-origin` or `none` it may, whatever `Origin` is: under
///   `Referrer-Policy: no-referrer`, browsers send `Origin: null`.
/// - With `same-site`, `Origin` must be one that is served; with `cross-site`, it may not.
/// - Without `Sec-Fetch-Site` (plain http, older browsers), `Origin` must be one that is served.
/// - With neither, it may: current browsers send no such request.
/// - With a field that occurs twice, or has any other value, it may not.
pub(super) fn may_change(
    method: &Method,
    headers: &HeaderMap,
    (hosts, own): (&ServedHosts, &ServedHost),
) -> bool {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return true;
    }
    let site = only(headers, &SEC_FETCH_SITE);
    if let Ok(Some("same-origin" | "none")) = site {
        return true;
    }
    match (site, only(headers, &header::ORIGIN)) {
        (Ok(None), Ok(None)) => true,
        (Ok(None | Some("same-site")), Ok(Some(origin))) => hosts.is_origin_for(origin, own),
        (Ok(_) | Err(Unclear), Ok(_) | Err(Unclear)) => false,
    }
}

#[cfg(test)]
mod tests;
