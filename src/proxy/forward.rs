//! The request as the portal gets it: without what may not pass (I4, I5), with the identity of the
//! user, for the target that was decided.

use http::header::{self, HeaderMap, HeaderName};
use http::{Request, Uri};

use super::banner::Navigation;
use super::connection::Connection;
use super::gateway::Gateway;
use super::headers::{self, Fate, Nominated};
use super::received::Received;
use crate::authz::decision_record::recordable::TRACEPARENT;
use crate::authz::identity::Identity;
use crate::authz::reserved_headers::Family;
use crate::authz::trusted_proxies::TrustedProxies;
use crate::config::ServedHost;
use portcullis_http1::RequestHead;
use portcullis_policy::{Catalogue, Permit, RequestTarget};

/// What forwarding needs besides the request.
pub(super) struct ForwardContext<'a> {
    /// Leave to forward it: nothing is sent to the portal without one.
    pub(super) _permit: &'a Permit,
    pub(super) identity: Option<Identity<'a>>,
    pub(super) host: &'a ServedHost,
    pub(super) connection: &'a Connection,
    pub(super) catalogue: &'a Catalogue,
    pub(super) nominated: &'a Nominated,
    pub(super) websocket: bool,
    /// A reserved header that is sent to the portal: it names the method that was decided on.
    pub(super) passed: Option<&'a HeaderName>,
    /// Whether `Authorization` has a token of ours.
    pub(super) by_token: bool,
    /// Whether the response gets the banner if it is a page.
    pub(super) for_banner: bool,
}

impl Gateway {
    /// The head for the portal, and the names of the headers that were dropped.
    pub(super) fn outbound<'r, B>(
        &self,
        received: &Received,
        request: &'r Request<B>,
        target: &RequestTarget,
        context: &ForwardContext<'_>,
    ) -> (RequestHead, Vec<&'r HeaderName>) {
        let fields = request.headers();
        let Connection { peer, peer_value, .. } = context.connection;
        let proxies = self.authz.proxies();
        let trusted = proxies.trust(*peer);
        let mut head = RequestHead::new(request.method(), target.as_str());
        let mut dropped = Vec::new();
        head.field(&header::HOST, context.host.value());
        let traceparent = self.responder.decisions.traceparent_for_portal(fields, &received.id);
        for (name, value) in fields {
            if context.by_token && *name == header::AUTHORIZATION {
                continue;
            }
            if context.for_banner && Navigation::withholds(name) {
                continue;
            }
            match self.filter.fate(name, context.nominated) {
                Fate::Passes => match &traceparent {
                    Some(ours) if *name == TRACEPARENT => head.text(name, ours.as_bytes()),
                    _ => head.field(name, value),
                },
                Fate::Dropped(Family::Method) if context.passed == Some(name) => {
                    head.field(name, value);
                }
                Fate::Consumed => {}
                // What a trusted proxy adds to every request is not worth a record.
                Fate::Dropped(Family::Proxy) if trusted => {}
                Fate::Dropped(Family::Own) if trusted && TrustedProxies::reads(name) => {}
                Fate::Dropped(_) => dropped.push(name),
            }
        }
        let identity = &context.identity;
        let cookie = identity.as_ref().and_then(|identity| identity.cookie(&self.identity));
        if let Some(cookies) = headers::cookies(fields, self.identity.cookie.as_ref(), cookie) {
            head.text(&header::COOKIE, &cookies);
        }
        if context.for_banner {
            head.text(&header::ACCEPT_ENCODING, b"identity");
        }
        let chain = proxies.chain(fields, *peer);
        let https = self.is_https(fields, context.connection);
        let host = context.host.value();
        headers::write_forwarded(&mut head, peer_value.as_ref(), chain.as_deref(), https, host);
        head.text(&self.identity.names.request_id, received.id.as_bytes());
        for (name, value) in &self.identity.static_fields {
            head.field(name, value);
        }
        match (identity, &self.identity.account) {
            (Some(identity), _) => {
                let set = |name: &_, value: &_| head.text(name, value);
                identity.write(&self.identity, context.catalogue, set);
            }
            (None, Some(account)) => head.field(&header::AUTHORIZATION, account),
            (None, None) => {}
        }
        if context.websocket {
            head.text(&header::CONNECTION, b"upgrade");
            head.text(&header::UPGRADE, b"websocket");
        }
        (head, dropped)
    }

    /// The origin of the portal as the browser of this request sees it.
    pub(super) fn origin<B>(
        &self,
        request: &Request<B>,
        connection: &Connection,
        host: &ServedHost,
    ) -> String {
        let https = self.is_https(request.headers(), connection);
        let host = String::from_utf8_lossy(host.value().as_bytes());
        format!("{}://{host}", if https { "https" } else { "http" })
    }

    /// Whether the client used TLS, here or at a trusted proxy.
    fn is_https(&self, fields: &HeaderMap, connection: &Connection) -> bool {
        connection.tls
            || self
                .authz
                .proxies()
                .https(fields, connection.peer)
                .unwrap_or_else(|| self.authz.hosts().public_url().is_https())
    }
}

/// The canonical target as a URI without scheme and authority; the received one, when it is already
/// canonical.
pub(super) fn origin_form(received: Uri, target: &RequestTarget) -> Uri {
    let as_received = received.authority().is_none()
        && received.path_and_query().is_some_and(|received| received == target.as_str());
    if as_received {
        return received;
    }
    // A canonical target is always a valid URI.
    Uri::try_from(target.as_str()).unwrap_or_default()
}
