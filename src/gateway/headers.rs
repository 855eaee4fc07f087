//! What headers may pass, in either direction (invariant I5).
//!
//! Inbound, in this order: hop-by-hop fields and those that `Connection` nominates go (RFC 9110,
//! 7.6.1), then every field whose folded name begins like one that only we may set, then the
//! forwarded fields and our cookie; identity is added last. A name is folded to its lower-case
//! letters and digits, because portals read `X_Portal.User` and `x-portal-user` as the same name.

use std::sync::Arc;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::config::IdentityNames;

/// `Connection` may nominate fewer fields than this; more is an attempt to strip what matters.
const MOST_NOMINATIONS: usize = 10;

/// Folded beginnings of names that no client may send to the portal, besides the identity names:
/// what says who connects, what another proxy would have said, and what changes the request.
const ALWAYS_RESERVED: [&str; 20] = [
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

    /// Removes what only we may set, and what is made anew for the portal: the body's length, and
    /// waiting for leave to send it.
    pub fn strip_head(&self, headers: &mut HeaderMap) {
        remove_all(headers, |name| {
            matches!(*name, header::CONTENT_LENGTH | header::EXPECT) || self.is_reserved(name)
        });
    }

    /// The same of trailers, and what only a head may say (RFC 9110, 6.5.1).
    pub fn strip_trailers(&self, trailers: &mut HeaderMap) {
        remove_all(trailers, |name| {
            self.is_reserved(name) || is_hop_by_hop(name) || is_end_to_end(name)
        });
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

/// Removes the fields of this connection and those that it nominates; framing too.
///
/// # Errors
/// When `Connection` cannot be read, nominates too much, or nominates what the portal relies on:
/// then the fields that it nominates are still there.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) -> Result<(), BadConnection> {
    let nominated = strip_nominated(headers);
    remove_all(headers, is_hop_by_hop);
    nominated
}

fn strip_nominated(headers: &mut HeaderMap) -> Result<(), BadConnection> {
    if headers.contains_key(header::CONNECTION) {
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
        for name in nominated {
            headers.remove(name);
        }
    }
    Ok(())
}

/// Fields of one connection only, and framing, which is made anew on each side.
fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        *name,
        header::CONNECTION
            | header::TRANSFER_ENCODING
            | header::TE
            | header::UPGRADE
            | header::PROXY_AUTHENTICATE
            | header::PROXY_AUTHORIZATION
    ) || matches!(name.as_str(), "keep-alive" | "proxy-connection")
}

/// Fields that nobody has a reason to nominate: losing one changes what the request means.
fn is_end_to_end(name: &HeaderName) -> bool {
    matches!(
        *name,
        header::HOST
            | header::COOKIE
            | header::SET_COOKIE
            | header::AUTHORIZATION
            | header::CONTENT_LENGTH
            | header::CONTENT_TYPE
            | header::ORIGIN
    )
}

fn remove_all(headers: &mut HeaderMap, goes: impl Fn(&HeaderName) -> bool) {
    // Most heads hold none or one; a second pass is rarer than a list on the heap.
    while let Some(name) = headers.keys().find(|name| goes(name)).cloned() {
        headers.remove(name);
    }
}

/// Removes our cookies, leaving the others as they were sent. Several lines, which HTTP/2
/// may cut the cookies into, become one (RFC 9113, 8.2.3).
pub fn strip_cookies(headers: &mut HeaderMap) {
    let (mut lines, mut found) = (0, false);
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
        lines += 1;
        found |= ours;
    }
    if lines < 2 && !found {
        return;
    }
    match HeaderValue::try_from(kept) {
        Ok(value) if !value.is_empty() => headers.insert(header::COOKIE, value),
        Ok(_) | Err(_) => headers.remove(header::COOKIE),
    };
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

/// Sets the `X-Forwarded-…` fields; `chain` is what a trusted proxy said of those before it.
pub fn set_forwarded(
    headers: &mut HeaderMap,
    peer: &HeaderValue,
    chain: Option<&[u8]>,
    https: bool,
    host: HeaderValue,
) {
    let value = match chain {
        Some(chain) => HeaderValue::from_bytes(&[chain, b", ", peer.as_bytes()].concat()),
        None => Ok(peer.clone()),
    };
    if let Ok(value) = value {
        headers.insert(X_FORWARDED_FOR, value);
    }
    let proto = if https { "https" } else { "http" };
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(proto));
    headers.insert(X_FORWARDED_HOST, host);
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
