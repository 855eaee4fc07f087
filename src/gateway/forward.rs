//! A request as the portal gets it (I4, I5): what may not pass stays out, who this is is put in, and
//! the target is the one that was decided.

use http::header::{self, HeaderName};
use http::{Request, Uri};

use super::headers::Nominated;
use super::hosts::Served;
use super::received::Received;
use super::{Connection, Gateway, headers};
use crate::directory::Snapshot;
use crate::policy::{Permit, RequestTarget, Subject};
use crate::wire::Head;

/// As long as the list of granted permissions usually is at most.
const USUAL_GRANTED: usize = 64;

/// What `forward` needs besides the request: the permit, and what to tell the portal.
pub(super) struct Way<'a> {
    pub(super) permit: Permit,
    pub(super) subject: Option<&'a Subject>,
    pub(super) host: &'a Served,
    pub(super) connection: &'a Connection,
    pub(super) snapshot: &'a Snapshot,
    pub(super) nominated: &'a Nominated,
    pub(super) websocket: bool,
}

impl Gateway {
    /// The request as the portal gets it, but for the body.
    pub(super) fn outbound<B>(
        &self,
        received: &Received,
        request: &Request<B>,
        target: &RequestTarget,
        way: &Way<'_>,
    ) -> Head {
        let fields = request.headers();
        let mut head = Head::new(request.method(), target.as_str());
        head.field(&header::HOST, way.host.told());
        for (name, value) in fields {
            if self.filter.passes(name, way.nominated) {
                head.field(name, value);
            }
        }
        if let Some(cookies) = headers::cookies(fields) {
            head.text(&header::COOKIE, &cookies);
        }
        let Connection { peer, peer_value, tls, .. } = way.connection;
        let trusted = self.proxies.trust(*peer);
        let chain = trusted.then(|| headers::joined(fields, &headers::X_FORWARDED_FOR)).flatten();
        let said = self.proxies.https(fields, *peer);
        let https = *tls || said.unwrap_or_else(|| self.public_url.is_https());
        headers::write_forwarded(&mut head, peer_value, chain.as_deref(), https, way.host.told());
        self.identify(&mut head, received, way);
        if way.websocket {
            head.text(&header::CONNECTION, b"upgrade");
            head.text(&header::UPGRADE, b"websocket");
        }
        head
    }

    /// Says who this is; the only place that does.
    fn identify(&self, head: &mut Head, received: &Received, way: &Way<'_>) {
        let names = &self.names;
        let mut say = |name: &HeaderName, value: &str| head.text(name, value.as_bytes());
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
        say(&names.session_kind, subject.kind.name());
        let mut granted = String::with_capacity(USUAL_GRANTED);
        for id in way.snapshot.policy().catalogue().ids(way.permit.granted()) {
            if !granted.is_empty() {
                granted.push(',');
            }
            granted.push_str(id);
        }
        if !granted.is_empty() {
            say(&names.granted, &granted);
        }
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
