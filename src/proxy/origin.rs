//! Whether a request comes from a page of ours, as browsers say.

use http::Method;
use http::header::{self, HeaderMap};

use super::hosts::Hosts;
use crate::config::PublicUrl;
use crate::web::fetch_metadata::{SEC_FETCH_SITE, Unclear, only};

/// Whether the page that opens a WebSocket is ours. A browser says where it came from; another
/// program says nothing (RFC 6455, 10.2).
pub(super) fn is_ours(headers: &HeaderMap, public: &PublicUrl, hosts: &Hosts) -> bool {
    match only(headers, &header::ORIGIN) {
        Ok(None) => true,
        Ok(Some(origin)) => is_served(origin, public, hosts),
        Err(Unclear) => false,
    }
}

/// Whether a request of somebody with a session may go on although it changes something.
///
/// - Methods that change nothing are not judged.
/// - `Sec-Fetch-Site: same-origin` or `none` passes, whatever `Origin` says: under
///   `Referrer-Policy: no-referrer`, browsers send `Origin: null`.
/// - With `same-site`, `Origin` must be one that is served; `cross-site` does not pass.
/// - Without `Sec-Fetch-Site` (plain http, older browsers), `Origin` must be one that is served.
/// - With neither, it passes: no browser of today sends such a request.
/// - A field that is there twice, or says anything else, does not pass.
pub(super) fn may_change(
    method: &Method,
    headers: &HeaderMap,
    public: &PublicUrl,
    hosts: &Hosts,
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
        (Ok(None | Some("same-site")), Ok(Some(origin))) => is_served(origin, public, hosts),
        (Ok(_) | Err(Unclear), Ok(_) | Err(Unclear)) => false,
    }
}

fn is_served(origin: &str, public: &PublicUrl, hosts: &Hosts) -> bool {
    origin.eq_ignore_ascii_case(public.as_str())
        || public.host_of(origin).is_some_and(|host| hosts.have(&host))
}

#[cfg(test)]
mod tests;
