//! Cookies: the list of those that we set, the parser of `Cookie` fields, and the lines that set
//! and remove ours.
//!
//! Reading is strict: the exact bytes of the name, no unquoting, no decoding. When a request has
//! two cookies of one name, neither counts, because a sibling domain can plant one (RFC 6265, 8.6).
//! Removing is generous: what a portal might read as one of ours never reaches it.

use http::HeaderMap;
use http::header::{self, HeaderValue};
use percent_encoding::percent_decode;

use crate::config::header_names::folded;
use crate::credential::token::{PlainToken, TokenHash};

/// How many segments of a path [`clear_all`] descends.
const CLEARED_DEPTH: usize = 4;
/// How many parent domains [`clear_all`] ascends.
const CLEARED_DOMAINS: usize = 3;

/// A cookie that we set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnCookie {
    /// The token of the session.
    Session,
    /// What the tokens in forms are bound to before there is a session.
    Form,
    /// A sign-in between the password and the second factor.
    PendingSignIn,
    /// A browser that has signed in before.
    KnownBrowser,
    /// A browser whose last session was by a secure link. It selects words on our pages only.
    LinkVisitor,
}

impl OwnCookie {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Session, Self::Form, Self::PendingSignIn, Self::KnownBrowser, Self::LinkVisitor];

    /// The cookie's name. With the `__Host-` prefix, browsers take it only from this host over TLS.
    #[must_use]
    pub const fn name(self, https: bool) -> &'static str {
        match (self, https) {
            (Self::Session, true) => "__Host-portcullis",
            (Self::Session, false) => "portcullis",
            (Self::Form, true) => "__Host-portcullis-form",
            (Self::Form, false) => "portcullis-form",
            (Self::PendingSignIn, true) => "__Host-portcullis-pending",
            (Self::PendingSignIn, false) => "portcullis-pending",
            (Self::KnownBrowser, true) => "__Host-portcullis-browser",
            (Self::KnownBrowser, false) => "portcullis-browser",
            (Self::LinkVisitor, true) => "__Host-portcullis-link",
            (Self::LinkVisitor, false) => "portcullis-link",
        }
    }
}

/// Whether a cookie, as `name=value`, is one of ours, or has a name that one of ours may get:
/// `portcullis` and what begins with `portcullis-`, with or without `__Host-`.
#[must_use]
pub fn is_own(pair: &[u8]) -> bool {
    let name = pair.strip_prefix(b"__Host-").unwrap_or(pair);
    name.strip_prefix(b"portcullis")
        .is_some_and(|rest| matches!(rest.trim_ascii_start().first(), None | Some(b'=' | b'-')))
}

/// Whether a `Set-Cookie` line of the portal sets one of ours.
#[must_use]
pub fn sets_own(line: &[u8]) -> bool {
    // A browser keeps `=portcullis=x` without a name, and sends it back as `portcullis=x`.
    let from = line.iter().position(|byte| !matches!(byte, b'=' | b' ' | b'\t'));
    from.and_then(|from| line.get(from..)).is_some_and(is_own)
}

/// Whether one of ours stands behind a comma: a proxy has joined several lines with commas, which
/// RFC 6265, 5.4 does not know, or the client pretends that.
#[must_use]
pub fn has_joined_own(line: &[u8]) -> bool {
    line.split(|byte| *byte == b',').skip(1).map(<[u8]>::trim_ascii_start).any(is_own)
}

/// Whether a portal may read a cookie, as `name=value`, as one of this name. PHP makes `_` of other
/// characters and arrays of brackets, some programs decode names, and some end a cookie at a comma or
/// a space. So names are compared by their letters and digits.
#[must_use]
pub fn reads_as(pair: &[u8], name: &str) -> bool {
    let is_name = |given: &[u8]| folded(given).eq(folded(name.as_bytes()));
    let reads = |part: &[u8]| {
        let from = part.iter().position(|byte| *byte != b'=').unwrap_or_default();
        let part = part.get(from..).unwrap_or_default();
        let given = part.split(|byte| *byte == b'=').next().unwrap_or(part);
        let before = given.split(|byte| *byte == b'[').next().unwrap_or(given);
        is_name(given) || is_name(before) || is_name(&percent_decode(given).collect::<Vec<_>>())
    };
    reads(pair) || pair.split(|byte| matches!(byte, b',' | b' ' | b'\t')).any(reads)
}

/// The cookies of a `Cookie` line, each as `name=value` without the white space before it.
pub fn pairs(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b';').map(<[u8]>::trim_ascii_start).filter(|pair| !pair.is_empty())
}

/// The token, if there is exactly one cookie of the name and it can be one.
#[must_use]
pub fn token(headers: &HeaderMap, name: &str) -> Option<PlainToken> {
    value(headers, name).and_then(PlainToken::parse)
}

/// The hash of the token, which is all that a request needs of it.
#[must_use]
pub fn token_hash(headers: &HeaderMap, name: &str) -> Option<TokenHash> {
    value(headers, name).and_then(TokenHash::of_presented)
}

/// The value of the only cookie of that name; `None` when there are two.
#[must_use]
pub fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    match find(headers, name) {
        Found::One(value) => std::str::from_utf8(value).ok(),
        Found::None | Found::Several => None,
    }
}

/// Whether there are several cookies of that name, of which none counts. The browser sends them
/// until [`clear_doubled`] has removed them.
#[must_use]
pub fn is_doubled(headers: &HeaderMap, name: &str) -> bool {
    matches!(find(headers, name), Found::Several)
}

enum Found<'a> {
    None,
    One(&'a [u8]),
    Several,
}

fn find<'a>(headers: &'a HeaderMap, name: &str) -> Found<'a> {
    let mut found = Found::None;
    for line in headers.get_all(header::COOKIE) {
        for pair in pairs(line.as_bytes()) {
            let Some(value) =
                pair.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"="))
            else {
                continue;
            };
            match found {
                Found::None => found = Found::One(value),
                Found::One(_) | Found::Several => return Found::Several,
            }
        }
    }
    found
}

/// A `Set-Cookie` line for a cookie that lasts until the browser is closed. `None` if the value
/// cannot stand in a header.
#[must_use]
pub fn set(cookie: OwnCookie, value: &str, https: bool) -> Option<HeaderValue> {
    line(cookie, value, "", https)
}

/// A `Set-Cookie` line for a cookie that lasts for this many seconds.
#[must_use]
pub fn set_for(cookie: OwnCookie, value: &str, seconds: u64, https: bool) -> Option<HeaderValue> {
    line(cookie, value, &format!("; Max-Age={seconds}"), https)
}

/// A `Set-Cookie` line that removes the cookie.
#[must_use]
pub fn clear(cookie: OwnCookie, https: bool) -> Option<HeaderValue> {
    line(cookie, "", "; Max-Age=0", https)
}

fn line(cookie: OwnCookie, value: &str, age: &str, https: bool) -> Option<HeaderValue> {
    let name = cookie.name(https);
    let secure = if https { "; Secure" } else { "" };
    let line = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}");
    HeaderValue::from_str(&line).ok()
}

/// Removes from the browser every cookie of the name that can have come with a request to this host
/// and path. The lines stand before those that the response has: a cookie that it sets is kept. With
/// https there is nothing to do, because the name's prefix allows one cookie only.
pub fn clear_doubled(response: &mut HeaderMap, name: &str, (host, path): (&str, &str)) {
    if name.starts_with("__Host-") {
        return;
    }
    let set: Vec<_> = response.get_all(header::SET_COOKIE).iter().cloned().collect();
    response.remove(header::SET_COOKIE);
    for line in clear_all(name, host, path).into_iter().chain(set) {
        response.append(header::SET_COOKIE, line);
    }
}

/// A line for each path above the request's, for the host itself and for its parent domains.
fn clear_all(name: &str, host: &str, path: &str) -> Vec<HeaderValue> {
    let ends = path.match_indices('/').skip(1).map(|(end, _)| end).chain([path.len()]);
    let mut paths = vec!["/"];
    for end in ends.take(CLEARED_DEPTH) {
        let folder = path.get(..end).unwrap_or_default();
        let with_slash = path.get(..=end).filter(|path| path.ends_with('/'));
        paths
            .extend([Some(folder), with_slash].into_iter().flatten().filter(|path| path.len() > 1));
    }
    let is_domain = host.parse::<std::net::IpAddr>().is_err() && !host.starts_with('[');
    let domains = std::iter::successors(Some(host).filter(|_| is_domain), |domain| {
        domain.split_once('.').map(|(_, parent)| parent)
    });
    // Browsers take no cookie for a top-level domain.
    let domains = domains.filter(|domain| domain.contains('.')).take(CLEARED_DOMAINS);
    let mut lines = Vec::new();
    for domain in std::iter::once(None).chain(domains.map(Some)) {
        let domain = domain.map(|domain| format!("; Domain={domain}")).unwrap_or_default();
        for path in &paths {
            // A path that cannot stand in a header is not the path of a cookie either.
            let plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';');
            let line = format!("{name}=; Path={path}{domain}; Max-Age=0");
            lines.extend(HeaderValue::from_str(&line).ok().filter(|_| plain));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i4_every_cookie_of_ours_is_known_as_ours() {
        for cookie in OwnCookie::ALL {
            for name in [cookie.name(true), cookie.name(false)] {
                assert!(is_own(format!("{name}=x").as_bytes()), "{name}");
                assert!(sets_own(format!("{name}=x; Path=/").as_bytes()), "{name}");
            }
        }
        assert!(!is_own(b"portcullis2=x"));
    }

    #[test]
    fn every_spelling_of_a_name_is_read_as_it() {
        for pair in [
            "PORTAL_USER=x",
            "portal_user=x",
            "PORTAL.USER=x",
            "PORTAL USER=x",
            "PORTAL[USER=x",
            "PORTAL_USER[a]=x",
            "PORTAL%5FUSER=x",
            "%50ORTAL_USER=x",
            "$PORTAL_USER=x",
            "=PORTAL_USER=x",
            "PORTAL_USER",
            "PORTAL_USER =x",
            "a=b,PORTAL_USER=x",
            "a=b, PORTAL_USER[]=x",
            "a=b PORTAL_USER=x",
            "a=\"b\tPORTAL_USER=x",
        ] {
            assert!(reads_as(pair.as_bytes(), "PORTAL_USER"), "{pair}");
        }
        for pair in ["PORTAL_USERS=x", "PORTAL=USER", "a=PORTAL_USER", "XPORTAL_USER=x", "", "="] {
            assert!(!reads_as(pair.as_bytes(), "PORTAL_USER"), "{pair}");
        }
    }

    #[test]
    fn set_cookies_follow_cleared_ones() {
        let mut response = HeaderMap::new();
        response.append(header::SET_COOKIE, "portcullis=new; Path=/".parse().unwrap());
        clear_doubled(&mut response, "portcullis", ("localhost", "/a"));
        let lines: Vec<_> = response.get_all(header::SET_COOKIE).iter().collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines.last().unwrap(), &"portcullis=new; Path=/");
        clear_doubled(&mut response, "__Host-portcullis", ("localhost", "/a"));
        assert_eq!(response.get_all(header::SET_COOKIE).iter().count(), 3);
    }

    #[test]
    fn every_cookie_that_a_request_can_carry_is_cleared() {
        let lines = clear_all("portcullis", "portal.example.com", "/a/b");
        let of = |path: &str, domain: &str| {
            let line = format!("portcullis=; Path={path}{domain}; Max-Age=0");
            lines.iter().any(|value| value == line.as_str())
        };
        for path in ["/", "/a", "/a/", "/a/b"] {
            for domain in ["", "; Domain=portal.example.com", "; Domain=example.com"] {
                assert!(of(path, domain), "{path} {domain}: {lines:?}");
            }
        }
        assert_eq!(lines.len(), 12);
        for host in ["localhost", "127.0.0.1", "[::1]"] {
            assert_eq!(clear_all("portcullis", host, "/").len(), 1, "{host}");
        }
        let deep = clear_all("portcullis", "a.b.c.d.example.com", &"/x".repeat(500));
        assert!(deep.len() <= 36, "{}", deep.len());
    }

    fn with(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, line.parse().unwrap());
        }
        headers
    }

    #[test]
    fn one_cookie_of_the_exact_name_is_read() {
        assert_eq!(value(&with(&["a=1; portcullis=x; b=2"]), "portcullis"), Some("x"));
        assert_eq!(value(&with(&["a=1", "portcullis=x"]), "portcullis"), Some("x"));
        assert_eq!(
            value(&with(&["Portcullis=x; portcullis2=y; xportcullis=z"]), "portcullis"),
            None
        );
    }

    #[test]
    fn of_two_cookies_of_a_name_neither_counts() {
        assert_eq!(value(&with(&["portcullis=x; portcullis=x"]), "portcullis"), None);
        assert_eq!(value(&with(&["portcullis=x", "portcullis=y"]), "portcullis"), None);
        assert_eq!(value(&with(&["portcullis=x;\tportcullis=y"]), "portcullis"), None);
    }

    #[test]
    fn a_value_is_neither_unquoted_nor_decoded() {
        let token = PlainToken::generate();
        let text = token.expose().to_owned();
        let headers = with(&[&format!("portcullis={text}")]);
        assert_eq!(token_hash(&headers, "portcullis"), Some(token.hash()));
        assert!(self::token(&headers, "portcullis").is_some());
        for changed in
            [format!("\"{text}\""), format!("{text}%20"), format!(" {text}"), text[1..].to_owned()]
        {
            let line = format!("portcullis={changed}");
            assert!(self::token(&with(&[&line]), "portcullis").is_none(), "{line}");
            assert!(token_hash(&with(&[&line]), "portcullis").is_none(), "{line}");
        }
    }

    #[test]
    fn a_cookie_can_last_for_a_time() {
        let line = set_for(OwnCookie::KnownBrowser, "t", 60, true).unwrap();
        let expected = "__Host-portcullis-browser=t; Path=/; HttpOnly; SameSite=Lax; Secure; \
                        Max-Age=60";
        assert_eq!(line, expected);
    }

    #[test]
    fn i4_session_cookie_is_host_only_and_http_only() {
        let line = set(OwnCookie::Session, "t", true).unwrap();
        assert_eq!(line, "__Host-portcullis=t; Path=/; HttpOnly; SameSite=Lax; Secure");
        let line = set(OwnCookie::Session, "t", false).unwrap();
        assert_eq!(line, "portcullis=t; Path=/; HttpOnly; SameSite=Lax");
    }
}
