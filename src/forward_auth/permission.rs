//! The answer to a request that is allowed: 200, with every field that the proxy has to set.
//!
//! A field without a value is sent empty, because proxies set what the answer has: what it lacks
//! would be left as the client sent it.

use axum::body::Body;
use http::Response;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::contract::{Contract, FORWARDED_METHOD, FORWARDED_URI, ORIGINAL_METHOD, ORIGINAL_URL};
use crate::authz::Verdict;
use crate::authz::reserved_headers::{Family, REPORTED, ReservedHeaders};
use crate::authz::trusted_proxies::TrustedProxies;
use crate::config::{IdentitySettings, Settings};
use crate::proxy::{Received, headers};
use portcullis_policy::Permit;

/// The cookies for the portal.
const COOKIE: HeaderName = HeaderName::from_static("portcullis-cookie");
/// The `Authorization` field for the portal.
const AUTHORIZATION: HeaderName = HeaderName::from_static("portcullis-authorization");

/// What Envoy reports in fields of its own.
const REPORTED_BY_ENVOY: [&str; 6] = [
    "x-envoy-attempt-count",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-external-address",
    "x-envoy-internal",
    "x-envoy-peer-metadata",
    "x-envoy-peer-metadata-id",
];

/// What the answers consist of.
#[derive(Debug)]
pub(super) struct Permissions {
    identity: IdentitySettings,
    reserved: ReservedHeaders,
    /// The names of all fields that an answer has for the portal.
    names: Vec<HeaderName>,
}

impl Permissions {
    pub(super) fn new(settings: &Settings) -> Self {
        let identity = settings.identity.clone();
        let fixed = identity.static_fields.iter().map(|(name, _)| name);
        let names = identity.names.all().chain(fixed).cloned().collect();
        Self { reserved: ReservedHeaders::new(settings), names, identity }
    }

    /// Whether a field of a client could tell the portal what only the gateway or the proxy may, and
    /// is not replaced by an answer. The gateway drops such a field; a proxy would send it on.
    pub(super) fn is_spoofed(&self, name: &HeaderName, contract: Contract) -> bool {
        let of_contract = match contract {
            Contract::Nginx | Contract::Answer => [ORIGINAL_METHOD, ORIGINAL_URL],
            Contract::Forward => [FORWARDED_METHOD, FORWARDED_URI],
            Contract::Envoy | Contract::EnvoyGrpc => [header::HOST, header::HOST],
        };
        let is_replaced = self.names.contains(name)
            || *name == header::AUTHORIZATION
            || TrustedProxies::reads(name)
            || of_contract.contains(name)
            || [header::CONTENT_LENGTH, header::TRANSFER_ENCODING].contains(name);
        if is_replaced {
            return false;
        }
        match self.reserved.family(name) {
            // Others of this family are identities, or name another host or path.
            Some(Family::Proxy) => !is_reported(name),
            // It is refused if it names another method than the request's.
            Some(Family::Method) => !is_plain(name),
            Some(Family::Own | Family::Command | Family::Identity) => true,
            None => false,
        }
    }

    /// The answer in this contract. Only a request with a permit gets one.
    pub(super) fn answer(
        &self,
        _permit: &Permit,
        (contract, received): (Contract, &Received),
        verdict: &Verdict<'_>,
        sent: &HeaderMap,
    ) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        let fields = response.headers_mut();
        fields.reserve(self.names.len() + 8);
        for name in &self.names {
            fields.insert(name, HeaderValue::from_static(""));
        }
        for (name, value) in &self.identity.static_fields {
            fields.insert(name, value.clone());
        }
        set(fields, &self.identity.names.request_id, received.id().as_bytes());
        let identity = verdict.identity();
        if let Some(identity) = &identity {
            let catalogue = verdict.snapshot().policy().catalogue();
            identity.write(&self.identity, catalogue, |name, value| set(fields, name, value));
        }
        let account = self.identity.account.as_ref().filter(|_| identity.is_none()).cloned();
        let authorization = fields.remove(header::AUTHORIZATION).or(account);
        let clients = || sent.get(header::AUTHORIZATION).cloned();
        // With such a setting the field is ours, and a token of ours is not for the portal.
        let is_ours = self.identity.sends_authorization() || verdict.is_by_token();
        let authorization = authorization.or_else(|| clients().filter(|_| !is_ours));
        let cookie = identity.as_ref().and_then(|identity| identity.cookie(&self.identity));
        let cookies = headers::cookies(sent, self.identity.cookie.as_ref(), cookie);
        let cookies = cookies.unwrap_or_default();
        match contract {
            Contract::Nginx | Contract::Answer => {
                set(fields, &COOKIE, &cookies);
                fields.insert(AUTHORIZATION, authorization.unwrap_or_else(empty));
            }
            Contract::Forward => {
                set(fields, &COOKIE, &cookies);
                // Traefik cannot rename a field.
                set(fields, &header::COOKIE, &cookies);
                let authorization = authorization.unwrap_or_else(empty);
                fields.insert(AUTHORIZATION, authorization.clone());
                fields.insert(header::AUTHORIZATION, authorization);
            }
            Contract::Envoy | Contract::EnvoyGrpc => {
                set(fields, &header::COOKIE, &cookies);
                if is_ours || authorization != clients() {
                    fields.insert(header::AUTHORIZATION, authorization.unwrap_or_else(empty));
                }
            }
        }
        fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

/// Sets a field; to nothing if HTTP cannot express the value.
fn set(fields: &mut HeaderMap, name: &HeaderName, value: &[u8]) {
    fields.insert(name, HeaderValue::from_bytes(value).unwrap_or_else(|_| empty()));
}

fn empty() -> HeaderValue {
    HeaderValue::from_static("")
}

/// Whether proxies report something in a field, so that one may come from the proxy.
fn is_reported(name: &HeaderName) -> bool {
    REPORTED.contains(&name.as_str()) || REPORTED_BY_ENVOY.contains(&name.as_str())
}

fn is_plain(name: &HeaderName) -> bool {
    name.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
