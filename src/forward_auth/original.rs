//! The request that a proxy asks about, from what it sends.
//!
//! The result is a request as the gateway would have received it: its method, its target byte for
//! byte, one `Host` field, and the client's fields without those that belong to the question.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery};
use http::{Method, Request, Uri, Version};
use http_body_util::Empty;

use super::contract::{Contract, FORWARDED_METHOD, FORWARDED_URI, ORIGINAL_METHOD, ORIGINAL_URL};
use super::mistake::Mistake;
use crate::authz::trusted_proxies::{X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO};
use crate::proxy::ContractError;
use crate::web::cookie;
use crate::web::paths;
use portcullis_policy::{BadTarget, RequestTarget};

/// No body: no contract sends the one of the request.
pub(super) type Unbodied = Empty<Bytes>;

/// Fields of the connection between the proxy and us, and those that [`Original`] sets itself.
const OF_THE_QUESTION: [HeaderName; 12] = [
    header::HOST,
    header::CONNECTION,
    header::UPGRADE,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::EXPECT,
    ORIGINAL_METHOD,
    ORIGINAL_URL,
    FORWARDED_METHOD,
    FORWARDED_URI,
    X_FORWARDED_HOST,
    X_FORWARDED_PROTO,
];

/// What is known of the request that a proxy asks about, besides the request itself.
#[derive(Debug)]
pub(super) struct Original {
    /// Why its target cannot be a request's; the request then has `/` in its place.
    pub(super) bad: Option<BadTarget>,
    /// Whether the proxy says who the client is. Otherwise the client's address is not known:
    /// that of the proxy could be one that routes admit.
    pub(super) client_is_known: bool,
}

/// What each contract sends in its own way.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) host: HeaderValue,
    pub(super) target: Vec<u8>,
}

impl Original {
    /// Turns what a proxy sends into the request that it asks about. `is_spoofed`: whether a field is
    /// one that must not come from a client, and that the proxy will not replace. `stated`: what a
    /// message says besides the client's fields, if the contract has messages.
    ///
    /// # Errors
    /// What is not as the contract says. The request is then as it came.
    pub(super) fn read(
        contract: Contract,
        request: &mut Request<Unbodied>,
        stated: Result<Asked, Mistake>,
        is_spoofed: impl Fn(&HeaderName) -> bool,
    ) -> Result<Self, Mistake> {
        check(contract, request.headers(), is_spoofed)?;
        let Asked { method, host, target } = match contract {
            Contract::Nginx | Contract::Answer => by_original_url(request.headers()),
            Contract::Forward => by_forwarded_fields(request.headers()),
            Contract::Envoy => by_itself(request),
            Contract::EnvoyGrpc => stated,
        }?;
        let upgrades = request.headers().contains_key(header::UPGRADE);
        if upgrades && (method != Method::GET || !opens_websocket(request.headers())) {
            // The proxy would send it on, and what follows an upgrade is not asked about.
            return Err(Mistake::in_field(ContractError::ReservedField, &header::UPGRADE));
        }
        let (uri, bad) = match uri(&target) {
            Ok(uri) => (uri, None),
            Err(bad) => (Uri::default(), Some(bad)),
        };
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.version_mut() = Version::HTTP_11;
        let fields = request.headers_mut();
        let client_is_known = names_a_client(fields);
        let opens_websocket = opens_websocket(fields);
        for name in OF_THE_QUESTION {
            fields.remove(name);
        }
        fields.insert(header::HOST, host);
        if opens_websocket {
            fields.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            fields.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        }
        Ok(Self { bad, client_is_known })
    }
}

/// What holds for each contract.
fn check(
    contract: Contract,
    fields: &HeaderMap,
    is_spoofed: impl Fn(&HeaderName) -> bool,
) -> Result<(), Mistake> {
    for name in contract.foreign() {
        if fields.contains_key(name) {
            return Err(Mistake::in_field(ContractError::ForeignField, name));
        }
    }
    if let Some(name) = fields.keys().find(|name| is_spoofed(name)) {
        return Err(Mistake::in_field(ContractError::ReservedField, name));
    }
    if fields.get_all(header::COOKIE).iter().any(|line| cookie::has_joined_own(line.as_bytes())) {
        return Err(Mistake::in_field(ContractError::JoinedCookies, &header::COOKIE));
    }
    Ok(())
}

/// `X-Original-Method: GET`, `X-Original-URL: https://portal.example.com/tickets?page=2`
fn by_original_url(fields: &HeaderMap) -> Result<Asked, Mistake> {
    let method = method(fields, &ORIGINAL_METHOD)?;
    let unreadable = || Mistake::in_field(ContractError::UnreadableField, &ORIGINAL_URL);
    let url = one(fields, &ORIGINAL_URL)?.as_bytes();
    let rest = url.strip_prefix(b"https://").or_else(|| url.strip_prefix(b"http://"));
    let rest = rest.ok_or_else(unreadable)?;
    let slash = rest.iter().position(|byte| *byte == b'/').ok_or_else(unreadable)?;
    let (host, target) = rest.split_at_checked(slash).ok_or_else(unreadable)?;
    let host = HeaderValue::from_bytes(host).map_err(|_| unreadable())?;
    Ok(Asked { method, host, target: target.to_vec() })
}

/// `X-Forwarded-Method`, `X-Forwarded-Proto`, `X-Forwarded-Host`, `X-Forwarded-Uri`
fn by_forwarded_fields(fields: &HeaderMap) -> Result<Asked, Mistake> {
    let scheme = one(fields, &X_FORWARDED_PROTO)?.as_bytes();
    // Traefik names the scheme of a WebSocket's handshake.
    if ![&b"http"[..], b"https", b"ws", b"wss"].contains(&scheme) {
        return Err(Mistake::in_field(ContractError::UnreadableField, &X_FORWARDED_PROTO));
    }
    Ok(Asked {
        method: method(fields, &FORWARDED_METHOD)?,
        host: one(fields, &X_FORWARDED_HOST)?.clone(),
        target: one(fields, &FORWARDED_URI)?.as_bytes().to_vec(),
    })
}

/// The request itself; its target follows the prefix.
fn by_itself(request: &Request<Unbodied>) -> Result<Asked, Mistake> {
    let (uri, fields) = (request.uri(), request.headers());
    let host = match uri.authority().map(Authority::as_str) {
        // HTTP/2 has it in `:authority` (RFC 9113, 8.3.1).
        Some(host) if !fields.contains_key(header::HOST) => HeaderValue::try_from(host)
            .map_err(|_| Mistake::in_field(ContractError::UnreadableField, &header::HOST))?,
        Some(_) | None => one(fields, &header::HOST)?.clone(),
    };
    let target = uri.path_and_query().map_or("", PathAndQuery::as_str);
    // The slash at the end of the prefix is the target's first.
    let target = target.get(paths::VERIFY_ENVOY.len() - 1..).unwrap_or_default();
    Ok(Asked { method: request.method().clone(), host, target: target.as_bytes().to_vec() })
}

fn method(fields: &HeaderMap, name: &HeaderName) -> Result<Method, Mistake> {
    Method::from_bytes(one(fields, name)?.as_bytes())
        .map_err(|_| Mistake::in_field(ContractError::UnreadableField, name))
}

/// The only line of a field.
fn one<'a>(fields: &'a HeaderMap, name: &HeaderName) -> Result<&'a HeaderValue, Mistake> {
    let mut lines = fields.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) => Ok(line),
        (Some(_), Some(_)) => Err(Mistake::in_field(ContractError::RepeatedField, name)),
        (None, _) => Err(Mistake::in_field(ContractError::MissingField, name)),
    }
}

/// Whether the client is named. A field without an address in it is no answer.
fn names_a_client(fields: &HeaderMap) -> bool {
    let is_something = |hop: &[u8]| !hop.trim_ascii().is_empty();
    let names = |line: &HeaderValue| line.as_bytes().split(|byte| *byte == b',').any(is_something);
    fields.get_all(X_FORWARDED_FOR).iter().any(names)
}

/// Whether the request may become a WebSocket. Proxies leave `Connection` out, and some `Upgrade`
/// too; the key (RFC 6455, 4.1) is sent on like any other field.
fn opens_websocket(fields: &HeaderMap) -> bool {
    let mut lines = fields.get_all(header::UPGRADE).iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) => line.as_bytes().eq_ignore_ascii_case(b"websocket"),
        (Some(_), Some(_)) => false,
        (None, _) => fields.contains_key(header::SEC_WEBSOCKET_KEY),
    }
}

/// The target as a URI that has exactly its bytes.
fn uri(target: &[u8]) -> Result<Uri, BadTarget> {
    let text = std::str::from_utf8(target).map_err(|_| BadTarget::NotUtf8)?;
    if !text.starts_with('/') {
        return Err(BadTarget::Form);
    }
    match text.parse::<PathAndQuery>() {
        Ok(parsed) if parsed.as_str() == text => Ok(parsed.into()),
        Ok(_) => Err(BadTarget::Fragment),
        Err(_) => Err(RequestTarget::parse(text).err().unwrap_or(BadTarget::Form)),
    }
}

#[cfg(test)]
mod tests;
