//! The session cookie: its name, how it is read, and the one place that writes it.
//!
//! Reading is strict: the exact bytes of the name, no unquoting, no decoding, and two cookies of
//! the name are no session at all, because a sibling domain can plant one (RFC 6265, 8.6).

use http::HeaderMap;
use http::header::{self, HeaderValue};

use crate::credential::token::{PlainToken, TokenHash};

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
    let mut found = None;
    for line in headers.get_all(header::COOKIE) {
        for pair in line.as_bytes().split(|b| *b == b';') {
            let pair = pair.strip_prefix(b" ").unwrap_or(pair);
            let Some(value) =
                pair.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"="))
            else {
                continue;
            };
            if found.replace(value).is_some() {
                return None;
            }
        }
    }
    found.and_then(|value| std::str::from_utf8(value).ok())
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

#[cfg(test)]
mod tests {
    use super::*;

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
