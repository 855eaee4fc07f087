//! What headers may pass, in either direction (invariant I5).
//!
//! Inbound, a field passes unless it is for this connection only, by its name or because
//! `Connection` nominates it (RFC 9110, 7.6.1), or its name is reserved or not made of letters,
//! digits and hyphens. Cookies pass without ours. Forwarded fields and identity are added last. A
//! name is folded to its lower-case letters and digits, because portals read `X_Portal.User` and
//! `x-portal-user` as the same name. What is for the portal's connection only stays in
//! [`wire`](portcullis_http1).

mod reserved;

use std::sync::Arc;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

pub use self::reserved::Family;
use self::reserved::Reserved;

use crate::config::IdentityNames;
use crate::config::header_names::folded;
use crate::web::cookie;
use portcullis_http1::RequestHead;
use portcullis_http1::fields::{is_end_to_end, is_hop_by_hop, may_be_trailer};

/// `Connection` may nominate fewer fields than this; more is an attempt to strip what matters.
const MOST_NOMINATIONS: usize = 10;

/// Why a request's fields are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadConnection;

/// Which request headers pass. Cheap to clone.
#[derive(Debug, Clone)]
pub struct InboundFilter {
    reserved: Arc<Reserved>,
    /// Whole names, folded, that the settings let through.
    passed: Arc<[Box<[u8]>]>,
}

/// What becomes of a request header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is sent on as it came.
    Passes,
    /// It belongs to this connection, or is written anew for the portal.
    Consumed,
    /// The portal might take it for something that only a gateway may say.
    Dropped(Family),
}

impl InboundFilter {
    /// The filter for these identity names, for what else this portal must not see, and for what it
    /// may see although it is reserved.
    #[must_use]
    pub fn new(names: &IdentityNames, remove: &[HeaderName], pass: &[HeaderName]) -> Self {
        let own = names.all().map(|name| (Family::Own, name.as_str()));
        let removed = remove.iter().map(|name| (Family::Command, name.as_str()));
        let passed = pass.iter().map(|name| folded(name.as_str().as_bytes()).collect());
        Self { reserved: Arc::new(Reserved::new(own.chain(removed))), passed: passed.collect() }
    }

    /// What a name is reserved for, if it is. A name with anything but letters, digits and hyphens
    /// always is: application servers make other names of it (`SCRIPT_NAME`, `$WSRU`).
    #[must_use]
    pub fn reserved(&self, name: &HeaderName) -> Option<Family> {
        let name = name.as_str().as_bytes();
        let family = match self.reserved.family(name) {
            Some(Family::Own) => return Some(Family::Own),
            Some(family) => family,
            None if is_plain(name) => return None,
            None => Family::Command,
        };
        let passed = self.passed.iter().any(|passed| folded(name).eq(passed.iter().copied()));
        (!passed).then_some(family)
    }

    /// What becomes of a request's field. Made anew for the portal are who is addressed, the
    /// cookies and the body's length; waiting for leave to send it is ours to do.
    #[must_use]
    pub fn fate(&self, name: &HeaderName, nominated: &Nominated) -> Fate {
        let anew = matches!(
            *name,
            header::HOST | header::COOKIE | header::CONTENT_LENGTH | header::EXPECT
        );
        if anew || is_hop_by_hop(name) {
            return Fate::Consumed;
        }
        match self.reserved(name) {
            Some(family) => Fate::Dropped(family),
            None if nominated.contains(name) => Fate::Consumed,
            None => Fate::Passes,
        }
    }

    /// Removes from trailers what only we may set, and what only a head may say.
    pub fn strip_trailers(&self, trailers: &mut HeaderMap) {
        let goes = |name: &&HeaderName| self.reserved(name).is_some() || !may_be_trailer(name);
        while let Some(name) = trailers.keys().find(goes).cloned() {
            trailers.remove(name);
        }
    }
}

/// Whether a name has letters, digits and hyphens only. All of it is looked at, many bytes at a
/// time.
fn is_plain(name: &[u8]) -> bool {
    name.iter().fold(true, |plain, byte| plain & (byte.is_ascii_alphanumeric() | (*byte == b'-')))
}

/// Whether a body comes as it is, in one piece or in chunks: of any other coding nothing would be
/// said on the other side (RFC 9112, 6.1).
#[must_use]
pub fn is_plainly_coded(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(header::TRANSFER_ENCODING).iter();
    let Some(coding) = lines.next() else { return true };
    coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") && lines.next().is_none()
}

/// Whether a request expects nothing but leave to send its body, which is all there is to expect
/// (RFC 9110, 10.1.1).
#[must_use]
pub fn expects_only_leave(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(header::EXPECT).iter();
    lines.all(|line| line.as_bytes().trim_ascii().eq_ignore_ascii_case(b"100-continue"))
}

/// The fields that a request says are for this connection only.
#[derive(Debug, Default)]
pub struct Nominated(Vec<HeaderName>);

impl Nominated {
    /// What `Connection` nominates.
    ///
    /// # Errors
    /// When it cannot be read, nominates too much, or nominates what the portal relies on.
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

/// The cookies as the portal gets them, without ours; nothing when there are no others. Several
/// lines, which HTTP/2 may cut the cookies into, become one (RFC 9113, 8.2.3).
#[must_use]
pub fn cookies(headers: &HeaderMap) -> Option<Vec<u8>> {
    let mut kept = Vec::new();
    for line in headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes) {
        let (before, mut ours) = (kept.len(), false);
        for pair in cookie::pairs(line) {
            if cookie::is_own(pair) { ours = true } else { keep(&mut kept, pair.trim_ascii_end()) }
        }
        if !ours {
            // As it was sent, odd spacing and all.
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

/// Removes attempts of the portal to set one of our cookies.
pub fn strip_set_cookies(headers: &mut HeaderMap) {
    remove_set_cookies(headers, cookie::sets_own);
}

/// Removes the `Set-Cookie` lines that are meant.
pub fn remove_set_cookies(headers: &mut HeaderMap, meant: impl Fn(&[u8]) -> bool) {
    let goes = |value: &HeaderValue| meant(value.as_bytes());
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

/// Writes the `X-Forwarded-…` fields; `chain` is what a trusted proxy said of those before it.
pub fn write_forwarded(
    head: &mut RequestHead,
    peer: &HeaderValue,
    chain: Option<&[u8]>,
    https: bool,
    host: &HeaderValue,
) {
    match chain {
        Some(chain) => head.text(&X_FORWARDED_FOR, &[chain, b", ", peer.as_bytes()].concat()),
        None => head.field(&X_FORWARDED_FOR, peer),
    }
    head.text(&X_FORWARDED_PROTO, if https { b"https" } else { b"http" });
    head.field(&X_FORWARDED_HOST, host);
}

/// All lines of a list field as one (RFC 9110, 5.3); nothing when there is none.
#[must_use]
pub fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<Vec<u8>> {
    let lines: Vec<&[u8]> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    (!lines.is_empty()).then(|| lines.join(&b", "[..]))
}

/// `Forwarded` (RFC 7239)
pub const FORWARDED: HeaderName = header::FORWARDED;
/// `X-Forwarded-For`
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// `X-Forwarded-Proto`
pub const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// `X-Forwarded-Host`
pub const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

#[cfg(test)]
mod tests;
