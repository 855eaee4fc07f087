//! A request over HTTP as a question to the authorizer.

use std::net::IpAddr;

use http::header::{self, HeaderValue};
use http::uri::{Authority, PathAndQuery};
use http::{Method, Request, Version};
use http_body::Body;

use super::headers;
use crate::authz::Question;
use crate::authz::decision_record::recordable;
use crate::authz::trusted_proxies::TrustedProxies;
use crate::web::peer::{Peer, known};
use portcullis_policy::{BadRequest, RequestLine, RequestTarget};

/// The question that a request of `client` asks, which came from `peer`.
///
/// # Errors
/// When it names two hosts, or HTTP does not allow its framing or expectation.
pub fn read<'r, B: Body>(
    request: &'r Request<B>,
    proxies: &TrustedProxies,
    (peer, client): (Peer, IpAddr),
) -> Result<Question<'r>, BadRequest> {
    let (uri, fields) = (request.uri(), request.headers());
    let mut lines = fields.get_all(header::HOST).iter();
    let line = lines.next();
    if lines.next().is_some() {
        return Err(BadRequest::TwoHosts);
    }
    if !headers::is_plainly_coded(fields) {
        return Err(BadRequest::TransferCoding);
    }
    if !headers::expects_only_continue(fields) {
        return Err(BadRequest::Expectation);
    }
    let authority = uri.authority().map(Authority::as_str);
    let line = RequestLine {
        method: request.method(),
        scheme: uri.scheme_str(),
        authority,
        target: uri.path_and_query().map(PathAndQuery::as_str),
        host: match line {
            Some(line) => Some(line.as_bytes()),
            // HTTP/2 has it in `:authority` alone (RFC 9113, 8.3.1).
            None if request.version() == Version::HTTP_2 => authority.map(str::as_bytes),
            None => None,
        },
    };
    let forwarded_host = proxies.host(fields, peer)?;
    Ok(Question {
        line,
        forwarded_host,
        websocket: asks_for_websocket(request),
        client: known(client),
        preflight: preflight(request),
    })
}

/// Whether a request asks to become a WebSocket (RFC 6455, 4.1); such a request has no body. Any
/// other upgrade is ignored, as a server may (RFC 9110, 7.8), and never reaches the portal.
fn asks_for_websocket<B: Body>(request: &Request<B>) -> bool {
    let fields = request.headers();
    let Some(upgrade) = fields.get(header::UPGRADE) else { return false };
    // HTTP/1.0 has no upgrades (RFC 9110, 7.8), and HTTP/2 has another mechanism.
    request.version() == Version::HTTP_11
        && *request.method() == Method::GET
        && request.body().is_end_stream()
        && is_websocket(upgrade)
        && fields.get_all(header::CONNECTION).iter().any(|line| {
            line.as_bytes()
                .split(|b| *b == b',')
                .any(|token| token.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
        })
}

/// Whether `Upgrade` names WebSockets alone.
pub(super) fn is_websocket(upgrade: &HeaderValue) -> bool {
    upgrade.as_bytes().eq_ignore_ascii_case(b"websocket")
}

/// The method that a CORS preflight asks about: an OPTIONS request with `Origin` and
/// `Access-Control-Request-Method` (Fetch, section 3.2.2).
fn preflight<B>(request: &Request<B>) -> Option<Method> {
    if *request.method() != Method::OPTIONS {
        return None;
    }
    let fields = request.headers();
    let mut asked = fields.get_all(header::ACCESS_CONTROL_REQUEST_METHOD).iter();
    let (method, None) = (asked.next()?, asked.next()) else { return None };
    fields.get(header::ORIGIN)?;
    Method::from_bytes(method.as_bytes()).ok()
}

/// The target as it came, for the decision record; `None` when its path is the canonical one.
pub fn raw_target<B>(request: &Request<B>, target: Option<&RequestTarget>) -> Option<String> {
    let uri = request.uri();
    if target.is_some_and(|target| target.path() == uri.path()) {
        return None;
    }
    // On HTTP/2 the authority is part of every target.
    Some(if request.version() == Version::HTTP_2 {
        recordable::target(uri.path().as_bytes())
    } else {
        recordable::target(uri.to_string().as_bytes())
    })
}

/// Path and query of the page on the same host that sent the request, from `Referer`. For the words
/// on a page of ours and a link on it: clients can send anything.
pub fn sent_from<B>(request: &Request<B>) -> Option<&str> {
    let referer = request.headers().get(header::REFERER)?.to_str().ok()?;
    let (_, rest) = referer.split_once("://")?;
    let path = rest.find('/')?;
    let (authority, target) = rest.split_at_checked(path)?;
    let host = match request.uri().authority() {
        Some(host) => host.as_str(),
        None => request.headers().get(header::HOST)?.to_str().ok()?,
    };
    authority.eq_ignore_ascii_case(host).then_some(target)
}
