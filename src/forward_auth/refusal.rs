//! The answer to a request that is refused, in the form that the proxy understands.

use axum::body::Body;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};

use super::contract::Contract;
use crate::authz::AccessRequest;
use crate::config::{ServedHost, ServedHosts};

/// Why a request was refused, for logs of the proxy and for nginx, which shows nothing else.
const REASON: HeaderName = HeaderName::from_static("portcullis-reason");
/// Seconds after which a request is worth another try that was refused and is allowed by now.
const AGAIN: &str = "1";

/// Who is answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) contract: Contract,
    pub(super) hosts: &'a ServedHosts,
    /// The host that was asked about, once it is known to be served.
    pub(super) host: Option<&'a ServedHost>,
}

impl Asker<'_> {
    /// An address on the host that was asked about, as the browser can use it. Proxies resolve one
    /// without a host against their own address for us.
    fn absolute(&self, address: &HeaderValue) -> Option<HeaderValue> {
        let path = address.as_bytes();
        if !path.starts_with(b"/") || path.starts_with(b"//") {
            return None;
        }
        let url = self.hosts.public_url();
        let scheme: &[u8] = if url.is_https() { b"https://" } else { b"http://" };
        let host = self.host.unwrap_or_else(|| self.hosts.first()).value();
        HeaderValue::from_bytes(&[scheme, host.as_bytes(), path].concat()).ok()
    }
}

/// Gives a refusal the form of the contract.
pub(super) fn shape(
    response: Response<Body>,
    reason: &'static str,
    asker: &Asker<'_>,
) -> Response<Body> {
    let mut response = match asker.contract {
        Contract::Nginx => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::FORBIDDEN;
            let headers = response.headers_mut();
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Contract::Answer | Contract::Forward | Contract::Envoy | Contract::EnvoyGrpc => response,
    };
    if response.status() == StatusCode::SEE_OTHER {
        *response.status_mut() = StatusCode::FOUND;
    }
    if asker.contract == Contract::Envoy && response.status().is_server_error() {
        // Envoy would replace the page, and the time to wait would be lost.
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    }
    let headers = response.headers_mut();
    if let Some(absolute) = headers.get(header::LOCATION).and_then(|to| asker.absolute(to)) {
        headers.insert(header::LOCATION, absolute);
    }
    // The connection is the proxy's, and carries requests of other clients.
    headers.remove(header::CONNECTION);
    headers.insert(REASON, HeaderValue::from_static(reason));
    response
}

/// The answer to a request that the proxy has refused and that is allowed by now: the browser comes
/// back, if it can repeat the request by itself.
pub(super) fn again(asked: &AccessRequest, asker: &Asker<'_>) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let location = HeaderValue::from_str(asked.target().as_str()).ok();
    let location = location.and_then(|target| asker.absolute(&target));
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match location.filter(|_| matches!(*asked.method(), Method::GET | Method::HEAD)) {
        Some(location) => {
            headers.insert(header::LOCATION, location);
            *response.status_mut() = StatusCode::FOUND;
        }
        None => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(AGAIN));
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
    }
    response
}
