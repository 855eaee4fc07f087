//! Which headers pass, in either direction (I5).
//!
//! A request header passes unless it is for one connection only, by its name or because
//! `Connection` nominates it (RFC 9110, 7.6.1), or it is
//! [reserved](crate::authz::reserved_headers). Cookies pass without ours. `X-Forwarded-…` and
//! identity headers are written last. What concerns the portal's connection only stays in
//! [`portcullis_http1`].

use std::sync::Arc;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::authz::reserved_headers::{Family, ReservedHeaders};
use crate::authz::trusted_proxies::{X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO};
use crate::config::IdentityCookie;
use crate::web::cookie;
use portcullis_http1::RequestHead;
use portcullis_http1::fields::{is_end_to_end, is_hop_by_hop, may_be_trailer};

/// `Connection` may nominate fewer fields than this. More is an attempt to remove what the portal
/// relies on.
const MOST_NOMINATIONS: usize = 10;

/// `Connection` is not valid, or nominates what it must not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadConnection;

/// Which request headers pass. Cheap to clone.
#[derive(Debug, Clone)]
pub struct InboundFilter(Arc<ReservedHeaders>);

/// What happens to a request header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is sent to the portal as it came.
    Passes,
    /// It is for this connection only, or is rewritten for the portal.
    Consumed,
    /// It is reserved, and is not sent.
    Dropped(Family),
}

impl InboundFilter {
    /// A filter that drops these headers.
    #[must_use]
    pub fn new(reserved: Arc<ReservedHeaders>) -> Self {
        Self(reserved)
    }

    /// What happens to a request header. Rewritten for the portal are the host, the cookies and the
    /// length of the body; `Expect` is answered here.
    #[must_use]
    pub fn fate(&self, name: &HeaderName, nominated: &Nominated) -> Fate {
        let rewritten = matches!(
            *name,
            header::HOST | header::COOKIE | header::CONTENT_LENGTH | header::EXPECT
        );
        if rewritten || is_hop_by_hop(name) {
            return Fate::Consumed;
        }
        match self.0.family(name) {
            Some(family) => Fate::Dropped(family),
            None if nominated.contains(name) => Fate::Consumed,
            None => Fate::Passes,
        }
    }

    /// Removes trailers that are reserved, or may only be in a head.
    pub fn strip_trailers(&self, trailers: &mut HeaderMap) {
        let goes = |name: &&HeaderName| self.0.family(name).is_some() || !may_be_trailer(name);
        while let Some(name) = trailers.keys().find(goes).cloned() {
            trailers.remove(name);
        }
    }
}

/// Whether a body is sent plainly or in chunks. Any other transfer coding would be lost on the way
/// to the portal (RFC 9112, 6.1).
#[must_use]
pub fn is_plainly_coded(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(header::TRANSFER_ENCODING).iter();
    let Some(coding) = lines.next() else { return true };
    coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") && lines.next().is_none()
}

/// Whether a request has no expectation but `100-continue`, the only one that is defined
/// (RFC 9110, 10.1.1).
#[must_use]
pub fn expects_only_continue(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(header::EXPECT).iter();
    lines.all(|line| line.as_bytes().trim_ascii().eq_ignore_ascii_case(b"100-continue"))
}

/// The fields that `Connection` names as being for this connection only.
#[derive(Debug, Default)]
pub struct Nominated(Vec<HeaderName>);

impl Nominated {
    /// The fields that the `Connection` lines of a request nominate.
    ///
    /// # Errors
    /// When they are not valid, nominate too many fields, or one that the portal relies on.
    pub fn by(headers: &HeaderMap) -> Result<Self, BadConnection> {
        let mut nominated = Vec::new();
        for value in headers.get_all(header::CONNECTION) {
            let value = value.to_str().map_err(|_| BadConnection)?;
            for token in value.split(',').map(str::trim).filter(|token| !token.is_empty()) {
                if token.eq_ignore_ascii_case("keep-alive") || token.eq_ignore_ascii_case("close") {
                    continue;
                }
                let name: HeaderName = token.parse().map_err(|_| BadConnection)?;
                if is_end_to_end(&name) || nominated.len() + 1 >= MOST_NOMINATIONS {
                    return Err(BadConnection);
                }
                nominated.push(name);
            }
        }
        Ok(Self(nominated))
    }

    fn contains(&self, name: &HeaderName) -> bool {
        self.0.contains(name)
    }
}

/// The cookies for the portal as one line; `None` when there are none. Without ours, and with
/// `identity.cookie` in place of what a portal may read as a cookie of that name. It comes first, where
/// an open quote of the client's cannot reach. HTTP/2 may split the cookies into several lines
/// (RFC 9113, 8.2.3).
#[must_use]
pub fn cookies(
    headers: &HeaderMap,
    setting: Option<&IdentityCookie>,
    identity: Option<String>,
) -> Option<Vec<u8>> {
    let mut kept = identity.map(String::into_bytes).unwrap_or_default();
    let goes = |pair: &[u8]| {
        cookie::is_own(pair) || setting.is_some_and(|setting| cookie::reads_as(pair, &setting.name))
    };
    for line in headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes) {
        let (before, mut ours) = (kept.len(), false);
        for pair in cookie::pairs(line) {
            if goes(pair) { ours = true } else { keep(&mut kept, pair.trim_ascii_end()) }
        }
        if !ours {
            // As it was sent, including its spacing.
            kept.truncate(before);
            keep(&mut kept, line);
        }
    }
    (!kept.is_empty()).then_some(kept)
}

fn keep(kept: &mut Vec<u8>, cookies: &[u8]) {
    if !kept.is_empty() && !cookies.is_empty() {
        kept.extend_from_slice(b"; ");
    }
    kept.extend_from_slice(cookies);
}

/// Removes the `Set-Cookie` lines with which the portal would set one of our cookies, or that of
/// `identity.cookie`.
pub fn strip_set_cookies(headers: &mut HeaderMap, setting: Option<&IdentityCookie>) {
    remove_set_cookies(headers, |line| {
        let pair = line.split(|byte| *byte == b';').next().unwrap_or(line);
        cookie::sets_own(line)
            || setting.is_some_and(|setting| cookie::reads_as(pair, &setting.name))
    });
}

/// Removes the `Set-Cookie` lines that `matches` accepts.
pub fn remove_set_cookies(headers: &mut HeaderMap, matches: impl Fn(&[u8]) -> bool) {
    let goes = |value: &HeaderValue| matches(value.as_bytes());
    if !headers.get_all(header::SET_COOKIE).iter().any(goes) {
        return;
    }
    let kept: Vec<HeaderValue> =
        headers.get_all(header::SET_COOKIE).iter().filter(|value| !goes(value)).cloned().collect();
    headers.remove(header::SET_COOKIE);
    for value in kept {
        headers.append(header::SET_COOKIE, value);
    }
}

/// Writes the `X-Forwarded-…` fields; `chain` is what a trusted proxy reports about the addresses
/// before it. Without it and without a peer's address, there is no `X-Forwarded-For`.
pub fn write_forwarded(
    head: &mut RequestHead,
    peer: Option<&HeaderValue>,
    chain: Option<&[u8]>,
    https: bool,
    host: &HeaderValue,
) {
    match (chain, peer) {
        (Some(chain), Some(peer)) => {
            head.text(&X_FORWARDED_FOR, &[chain, b", ", peer.as_bytes()].concat());
        }
        (Some(chain), None) => head.text(&X_FORWARDED_FOR, chain),
        (None, Some(peer)) => head.field(&X_FORWARDED_FOR, peer),
        (None, None) => {}
    }
    head.text(&X_FORWARDED_PROTO, if https { b"https" } else { b"http" });
    head.field(&X_FORWARDED_HOST, host);
}

#[cfg(test)]
mod tests;
