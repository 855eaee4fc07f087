//! A request as the portal gets it, and the portal's answer as the client gets it (I4, I5): what
//! may not pass is taken out, who this is is put in, and the target is the one that was decided.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response, Uri, Version};
use hyper::body::Incoming;

use super::body::{RequestBody, ResponseBody};
use super::hosts::Served;
use super::received::Received;
use super::{Connection, Gateway, headers};
use crate::directory::Snapshot;
use crate::policy::{Permit, RequestTarget, Subject};

/// How many fields a request gets at most from us.
const ADDED_FIELDS: usize = 12;
/// As long as the list of granted permissions usually is at most.
const USUAL_GRANTED: usize = 64;

/// What `forward` needs besides the request: the permit, and what to tell the portal.
pub(super) struct Way<'a> {
    pub(super) permit: Permit,
    pub(super) subject: Option<&'a Subject>,
    pub(super) host: &'a Served,
    pub(super) connection: &'a Connection,
    pub(super) snapshot: &'a Snapshot,
}

impl Gateway {
    /// The request as the portal gets it.
    pub(super) fn outbound(
        &self,
        received: &Received,
        request: Request<Incoming>,
        target: &RequestTarget,
        way: &Way<'_>,
        upgrade: bool,
    ) -> Request<RequestBody> {
        let (mut parts, body) = request.into_parts();
        let fields = &mut parts.headers;
        let peer = way.connection.peer;
        let trusted = self.proxies.trust(peer);
        let chain = trusted.then(|| headers::joined(fields, &headers::X_FORWARDED_FOR)).flatten();
        let said = self.proxies.https(fields, peer);
        let https = way.connection.tls || said.unwrap_or_else(|| self.public_url.is_https());
        self.filter.strip_head(fields);
        fields.reserve(ADDED_FIELDS);
        headers::strip_cookies(fields);
        let host = match fields.get(header::HOST) {
            Some(named) if named == way.host.told() => named.clone(),
            Some(_) | None => {
                fields.insert(header::HOST, way.host.told().clone());
                way.host.told().clone()
            }
        };
        headers::set_forwarded(fields, &way.connection.peer_value, chain.as_deref(), https, host);
        self.identify(fields, received, way);
        if upgrade {
            fields.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            fields.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        }
        parts.uri = origin_form(parts.uri, target);
        parts.version = Version::default();
        parts.extensions.clear();
        Request::from_parts(parts, RequestBody::new(body, &self.filter))
    }

    /// Says who this is; the only place that does.
    fn identify(&self, fields: &mut HeaderMap, received: &Received, way: &Way<'_>) {
        let names = &self.names;
        let mut say = |name: &HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                fields.insert(name, value);
            }
        };
        say(&names.request_id, &received.id);
        let Some(subject) = way.subject else { return };
        say(&names.organization, &subject.organization);
        say(&names.group, &subject.group);
        if let Some(login) = &subject.login {
            say(&names.user, login);
        }
        if let Some(end_user) = &subject.end_user {
            say(&names.end_user, end_user);
        }
        fields.insert(&names.session_kind, HeaderValue::from_static(subject.kind.name()));
        let mut granted = String::with_capacity(USUAL_GRANTED);
        for id in way.snapshot.policy().catalogue().ids(way.permit.granted()) {
            if !granted.is_empty() {
                granted.push(',');
            }
            granted.push_str(id);
        }
        if !granted.is_empty()
            && let Ok(granted) = HeaderValue::try_from(granted)
        {
            fields.insert(&names.granted, granted);
        }
    }

    /// The portal's answer as the client gets it.
    pub(super) fn inbound(&self, response: &mut Response<ResponseBody>) {
        let fields = response.headers_mut();
        if fields.contains_key(header::TRANSFER_ENCODING) {
            // Both would let the next hop choose (RFC 9112, 6.3).
            fields.remove(header::CONTENT_LENGTH);
        }
        // What the portal nominates and must not goes through: it is the portal's own answer.
        let _ = headers::strip_hop_by_hop(fields);
        headers::strip_set_cookies(fields);
    }
}

/// The canonical target as a URI without scheme and authority: the one received, when it was
/// canonical already.
pub(super) fn origin_form(received: Uri, target: &RequestTarget) -> Uri {
    let as_received = received.authority().is_none()
        && received.path_and_query().is_some_and(|received| received == target.as_str());
    if as_received {
        return received;
    }
    // A canonical target is a valid URI; were it not, the root is no more than was permitted.
    Uri::try_from(target.as_str()).unwrap_or_default()
}
