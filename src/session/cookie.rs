//! The session cookie: its name, how it is read, and the one place that writes it.
//!
//! Reading is strict: the exact bytes of the name, no unquoting, no decoding, and two cookies of
//! the name are no session at all, because a sibling domain can plant one (RFC 6265, 8.6).

use http::HeaderMap;
use http::header::{self, HeaderValue};

use crate::credential::token::{PlainToken, TokenHash};

/// How many folders of a path [`clear_all`] goes down.
const CLEARED_DEPTH: usize = 4;
/// How many domains it goes up.
const CLEARED_DOMAINS: usize = 3;

/// The cookie's name: with the `__Host-` prefix, browsers take it only from this host over TLS.
#[must_use]
pub fn name(https: bool) -> &'static str {
    if https { "__Host-portcullis" } else { "portcullis" }
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

/// The value of the one cookie of that name; nothing when there are two.
#[must_use]
pub fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    match find(headers, name) {
        Found::One(value) => std::str::from_utf8(value).ok(),
        Found::None | Found::Several => None,
    }
}

/// Whether there are several cookies of that name, so that none of them counts. The browser sends
/// them until [`clear_doubled`] has removed them.
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
        for pair in line.as_bytes().split(|b| *b == b';') {
            let pair = pair.strip_prefix(b" ").unwrap_or(pair);
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

/// A `Set-Cookie` line that lasts as long as the browser does.
#[must_use]
pub fn set(name: &str, value: &str, https: bool) -> Option<HeaderValue> {
    let secure = if https { "; Secure" } else { "" };
    HeaderValue::from_str(&format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}")).ok()
}

/// A `Set-Cookie` line that removes the cookie.
#[must_use]
pub fn clear(name: &str, https: bool) -> Option<HeaderValue> {
    let secure = if https { "; Secure" } else { "" };
    HeaderValue::from_str(&format!("{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{secure}"))
        .ok()
}

/// Has the browser remove every cookie of the name that a request to this host and path can have
/// brought. The lines go before those that are there: what an answer sets, stays. With https there is
/// nothing to do: because of its prefix, there can be one cookie only.
pub fn clear_doubled(answer: &mut HeaderMap, name: &str, (host, path): (&str, &str)) {
    if name.starts_with("__Host-") {
        return;
    }
    let set: Vec<_> = answer.get_all(header::SET_COOKIE).iter().cloned().collect();
    answer.remove(header::SET_COOKIE);
    for line in clear_all(name, host, path).into_iter().chain(set) {
        answer.append(header::SET_COOKIE, line);
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
    // The last label is nobody's to set cookies for.
    let domains = domains.filter(|domain| domain.contains('.')).take(CLEARED_DOMAINS);
    let mut lines = Vec::new();
    for domain in std::iter::once(None).chain(domains.map(Some)) {
        let domain = domain.map(|domain| format!("; Domain={domain}")).unwrap_or_default();
        for path in &paths {
            // A path that cannot stand in a header is in no cookie either.
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
    fn what_an_answer_sets_comes_after_what_is_cleared() {
        let mut answer = HeaderMap::new();
        answer.append(header::SET_COOKIE, "portcullis=new; Path=/".parse().unwrap());
        clear_doubled(&mut answer, "portcullis", ("localhost", "/a"));
        let lines: Vec<_> = answer.get_all(header::SET_COOKIE).iter().collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines.last().unwrap(), &"portcullis=new; Path=/");
        clear_doubled(&mut answer, "__Host-portcullis", ("localhost", "/a"));
        assert_eq!(answer.get_all(header::SET_COOKIE).iter().count(), 3);
    }

    #[test]
    fn every_cookie_that_a_request_can_bring_is_cleared() {
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
    fn two_cookies_of_the_name_are_no_session() {
        assert_eq!(value(&with(&["portcullis=x; portcullis=x"]), "portcullis"), None);
        assert_eq!(value(&with(&["portcullis=x", "portcullis=y"]), "portcullis"), None);
    }

    #[test]
    fn a_value_is_neither_unquoted_nor_decoded() {
        let token = PlainToken::generate();
        let text = token.expose().to_owned();
        let headers = with(&[&format!("portcullis={text}")]);
        assert_eq!(token_hash(&headers, "portcullis"), Some(token.hash()));
        assert!(self::token(&headers, "portcullis").is_some());
        for spoiled in
            [format!("\"{text}\""), format!("{text}%20"), format!(" {text}"), text[1..].to_owned()]
        {
            let line = format!("portcullis={spoiled}");
            assert!(self::token(&with(&[&line]), "portcullis").is_none(), "{line}");
            assert!(token_hash(&with(&[&line]), "portcullis").is_none(), "{line}");
        }
    }

    #[test]
    fn i4_the_cookie_is_for_this_host_and_no_script() {
        let line = set(name(true), "t", true).unwrap();
        assert_eq!(line, "__Host-portcullis=t; Path=/; HttpOnly; SameSite=Lax; Secure");
        let line = set(name(false), "t", false).unwrap();
        assert_eq!(line, "portcullis=t; Path=/; HttpOnly; SameSite=Lax");
    }
}
