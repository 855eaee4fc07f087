//! What headers may pass, in either direction (invariant I5).
//!
//! Inbound, a field passes unless it is for this connection only, by its name or because
//! `Connection` nominates it (RFC 9110, 7.6.1), or its folded name begins like one that only we may
//! set. Cookies pass without ours. Forwarded fields and identity are added last. A name is folded
//! to its lower-case letters and digits, because portals read `X_Portal.User` and `x-portal-user` as
//! the same name. What is for the portal's connection only stays in [`wire`](crate::wire).

use std::sync::Arc;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::config::IdentityNames;
use crate::wire::Head;
use crate::wire::fields::{is_end_to_end, is_hop_by_hop, may_trail};

/// `Connection` may nominate fewer fields than this; more is an attempt to strip what matters.
const MOST_NOMINATIONS: usize = 10;

/// Folded beginnings of names that no client may send to the portal, besides the identity names:
/// what says who connects, what another proxy would have said, what changes the request, and what
/// frames it.
const ALWAYS_RESERVED: [&str; 22] = [
    "portcullis",
    "forwarded",
    "xforwarded",
    "xrealip",
    "xoriginal",
    "xrewrite",
    "xhttpmethod",
    "xmethodoverride",
    "xclientip",
    "xclusterclientip",
    "trueclientip",
    "cfconnectingip",
    "clientip",
    "fastlyclientip",
    "xproxyuserip",
    "xremoteaddr",
    "xremoteip",
    "xhost",
    "proxy",
    "http2settings",
    "contentlength",
    "transferencoding",
];

/// Why a request's fields are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadConnection;

/// Which inbound names are ours alone. Cheap to clone.
#[derive(Debug, Clone)]
pub struct InboundFilter {
    /// What reserved names go on with after their first letter or digit, by its [`place`]: most
    /// names are passed at a glance.
    reserved: Arc<[Vec<Box<[u8]>>; PLACES]>,
    /// Whole names, folded, that pass although one of them begins like a reserved one.
    passed: Arc<[Box<[u8]>]>,
}

impl InboundFilter {
    /// The filter for these identity names, for what else this portal must not see, and for what
    /// it may see of commands.
    #[must_use]
    pub fn new(names: &IdentityNames, remove: &[HeaderName], pass: &[HeaderName]) -> Self {
        let identity = [
            &names.user,
            &names.organization,
            &names.end_user,
            &names.group,
            &names.granted,
            &names.session_kind,
            &names.request_id,
        ];
        let mut reserved = [const { Vec::new() }; PLACES];
        let names = identity.into_iter().chain(remove).map(HeaderName::as_str);
        for name in names.chain(ALWAYS_RESERVED) {
            let mut name = folded(name.as_bytes());
            let rest = name.next().and_then(|first| reserved.get_mut(place(first)));
            if let Some(rest) = rest {
                rest.push(name.collect());
            }
        }
        let passed = pass.iter().map(|name| folded(name.as_str().as_bytes()).collect());
        Self { reserved: Arc::new(reserved), passed: passed.collect() }
    }

    /// Whether only we may set a field of this name.
    #[must_use]
    pub fn is_reserved(&self, name: &HeaderName) -> bool {
        let whole = folded(name.as_str().as_bytes());
        let mut name = whole.clone();
        // A name without a letter or digit is nobody's.
        let Some(first) = name.next() else { return true };
        let reserved = self.reserved.get(place(first)).is_some_and(|reserved| {
            reserved.iter().any(|reserved| {
                let mut name = name.clone();
                reserved.iter().all(|expected| name.next() == Some(*expected))
            })
        });
        reserved && !self.passed.iter().any(|passed| whole.clone().eq(passed.iter().copied()))
    }

    /// Whether a request's field passes as it came. What is made anew for the portal does not: who
    /// is addressed, the cookies, the body's length; nor does waiting for leave to send it.
    #[must_use]
    pub fn passes(&self, name: &HeaderName, nominated: &Nominated) -> bool {
        let anew = matches!(
            *name,
            header::HOST | header::COOKIE | header::CONTENT_LENGTH | header::EXPECT
        );
        !anew && !is_hop_by_hop(name) && !nominated.contains(name) && !self.is_reserved(name)
    }

    /// Removes from trailers what only we may set, and what only a head may say.
    pub fn strip_trailers(&self, trailers: &mut HeaderMap) {
        let goes = |name: &&HeaderName| self.is_reserved(name) || !may_trail(name);
        while let Some(name) = trailers.keys().find(goes).cloned() {
            trailers.remove(name);
        }
    }
}

/// Whether a body comes as it is, in one piece or in chunks: of any other coding nothing would be
/// said on the other side (RFC 9112, 6.1).
#[must_use]
pub fn is_plainly_coded(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(header::TRANSFER_ENCODING).iter();
    let Some(coding) = lines.next() else { return true };
    coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") && lines.next().is_none()
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
        for pair in cookie_pairs(line) {
            if is_ours(pair) { ours = true } else { keep(&mut kept, pair) }
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
    let ours = |value: &HeaderValue| is_ours(value.as_bytes().trim_ascii_start());
    if !headers.get_all(header::SET_COOKIE).iter().any(ours) {
        return;
    }
    let kept: Vec<HeaderValue> =
        headers.get_all(header::SET_COOKIE).iter().filter(|value| !ours(value)).cloned().collect();
    headers.remove(header::SET_COOKIE);
    for value in kept {
        headers.append(header::SET_COOKIE, value);
    }
}

/// Writes the `X-Forwarded-…` fields; `chain` is what a trusted proxy said of those before it.
pub fn write_forwarded(
    head: &mut Head,
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

/// `X-Forwarded-For`
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// `X-Forwarded-Proto`
pub const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// `X-Forwarded-Host`
pub const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

fn folded(name: &[u8]) -> impl Iterator<Item = u8> + Clone + '_ {
    name.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase)
}

/// Letters and digits.
const PLACES: usize = 36;

/// The place of a lower-case letter or digit among [`PLACES`].
fn place(byte: u8) -> usize {
    match byte {
        b'0'..=b'9' => usize::from(byte - b'0'),
        _ => usize::from(byte.wrapping_sub(b'a')) + 10,
    }
}

fn cookie_pairs(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| *b == b';').map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty())
}

/// The session's cookie and those of our pages: `portcullis`, and what begins with `portcullis-`,
/// with or without the prefix that binds a cookie to this host.
fn is_ours(pair: &[u8]) -> bool {
    let name = pair.strip_prefix(b"__Host-").unwrap_or(pair);
    name.strip_prefix(b"portcullis")
        .is_some_and(|rest| matches!(rest.trim_ascii_start().first(), None | Some(b'=' | b'-')))
}

#[cfg(test)]
mod tests;
