//! A request as the portal gets it (I4, I5): what may not pass stays out, who this is is put in, and
//! the target is the one that was decided.

use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Request, Uri};

use super::headers::{Family, Fate, Nominated};
use super::hosts::Served;
use super::proxies::Proxies;
use super::received::Received;
use super::{Connection, Gateway, Refusal, headers, origin};
use crate::directory::Snapshot;
use portcullis_http1::RequestHead;
use portcullis_policy::{Permit, RequestTarget, Subject};

/// As long as the list of granted permissions usually is at most.
const USUAL_GRANTED: usize = 64;

/// What `forward` needs besides the request: the permit, and what to tell the portal.
pub(super) struct Way<'a> {
    pub(super) permit: &'a Permit,
    pub(super) subject: Option<&'a Subject>,
    pub(super) host: &'a Served,
    pub(super) connection: &'a Connection,
    pub(super) snapshot: &'a Snapshot,
    pub(super) nominated: &'a Nominated,
    pub(super) websocket: bool,
}

/// The names of fields that were dropped because only a gateway may say them.
pub(super) type Dropped<'r> = Vec<&'r HeaderName>;

/// Whom the portal is told of: nobody without access to it (R8), on public routes too.
pub(super) fn announced(subject: Option<&Subject>) -> Option<&Subject> {
    subject.filter(|subject| !subject.has_no_access())
}

impl Gateway {
    /// The request as the portal gets it, but for the body, and the names of what was dropped.
    ///
    /// # Errors
    /// When a page of another site sent it, or the portal might take it for another method.
    pub(super) fn outbound<'r, B>(
        &self,
        received: &Received,
        request: &'r Request<B>,
        target: &RequestTarget,
        way: &Way<'_>,
    ) -> Result<(RequestHead, Dropped<'r>), Refusal<'static>> {
        let (method, fields) = (request.method(), request.headers());
        if announced(way.subject).is_some()
            && !way.permit.route().cross_origin()
            && !origin::may_change(method, fields, &self.public_url, &self.hosts)
        {
            return Err(Refusal::CrossOrigin);
        }
        if target.query().is_some_and(|query| self.refused_query.is_in(query)) {
            return Err(Refusal::MethodOverride);
        }
        let Connection { peer, peer_value, tls, .. } = way.connection;
        let trusted = self.proxies.trust(*peer);
        let mut head = RequestHead::new(method, target.as_str());
        let mut dropped = Vec::new();
        head.field(&header::HOST, way.host.told());
        for (name, value) in fields {
            match self.filter.fate(name, way.nominated) {
                Fate::Passes => head.field(name, value),
                Fate::Consumed => {}
                Fate::Dropped(Family::Method) if !names(value, method) => {
                    // Without it, the portal would do something else than was asked for.
                    return Err(Refusal::MethodOverride);
                }
                // What a proxy of ours says of every request is nothing to note.
                Fate::Dropped(Family::Proxy) if trusted => {}
                Fate::Dropped(Family::Own) if trusted && Proxies::read(name) => {}
                Fate::Dropped(_) => dropped.push(name),
            }
        }
        if let Some(cookies) = headers::cookies(fields) {
            head.text(&header::COOKIE, &cookies);
        }
        let chain = self.proxies.chain(fields, *peer);
        let said = self.proxies.https(fields, *peer);
        let https = *tls || said.unwrap_or_else(|| self.public_url.is_https());
        headers::write_forwarded(&mut head, peer_value, chain.as_deref(), https, way.host.told());
        self.identify(&mut head, received, way);
        if way.websocket {
            head.text(&header::CONNECTION, b"upgrade");
            head.text(&header::UPGRADE, b"websocket");
        }
        Ok((head, dropped))
    }

    /// Says who this is; the only place that does.
    fn identify(&self, head: &mut RequestHead, received: &Received, way: &Way<'_>) {
        let names = &self.names;
        let mut say = |name: &HeaderName, value: &str| head.text(name, value.as_bytes());
        say(&names.request_id, &received.id);
        let Some(subject) = announced(way.subject) else { return };
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

/// Whether a method override names the method that the request has anyway.
fn names(value: &HeaderValue, method: &Method) -> bool {
    value.as_bytes().trim_ascii().eq_ignore_ascii_case(method.as_str().as_bytes())
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
