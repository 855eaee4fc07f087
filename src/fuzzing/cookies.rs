//! The fuzz target of cookies, in both directions.

use http::header::{self, HeaderMap, HeaderValue};

use crate::proxy::headers;
use crate::web::cookie::{self, OwnCookie};

/// The lines of `Cookie` of a request, and of `Set-Cookie` of a response.
///
/// - The value of one of our cookies is that of the only pair with its name.
/// - The portal gets every cookie but ours, in order.
/// - No line that the portal sets makes a browser send one of our cookies.
pub fn cookies(data: &[u8]) {
    let lines: Vec<HeaderValue> =
        data.split(|byte| *byte == b'\n').filter_map(|l| HeaderValue::from_bytes(l).ok()).collect();
    request(&all(&header::COOKIE, &lines));
    response(&lines);
}

fn request(headers: &HeaderMap) {
    let sent = pairs(headers.get_all(&header::COOKIE).iter().map(HeaderValue::as_bytes));
    for cookie in OwnCookie::ALL.iter().flat_map(|own| [own.name(true), own.name(false)]) {
        let named: Vec<_> = sent.iter().filter(|pair| name(pair) == Some(cookie)).collect();
        let value = cookie::value(headers, cookie);
        match named.as_slice() {
            [] => assert_eq!(value, None),
            [pair] => {
                let expected = std::str::from_utf8(&pair[cookie.len() + 1..]).ok();
                // What follows a value is a part of it to us, and none to others.
                assert_eq!(value.map(str::trim_end), expected, "{cookie}");
            }
            [_, _, ..] => assert_eq!(value, None),
        }
        assert_eq!(cookie::is_doubled(headers, cookie), named.len() > 1, "{cookie}");
        let _ = (cookie::token(headers, cookie), cookie::token_hash(headers, cookie));
    }
    let expected: Vec<_> = sent.iter().filter(|pair| !is_own(pair)).cloned().collect();
    let passed = headers::cookies(headers, None, None).unwrap_or_default();
    assert_eq!(pairs([passed.as_slice()].into_iter()), expected);
}

fn response(lines: &[HeaderValue]) {
    let mut headers = all(&header::SET_COOKIE, lines);
    headers::strip_set_cookies(&mut headers, None);
    let kept: Vec<_> = headers.get_all(&header::SET_COOKIE).iter().cloned().collect();
    for line in &kept {
        let sent_back = kept_by_browser(line.as_bytes());
        let Ok(sent_back) = HeaderValue::from_bytes(&sent_back) else { continue };
        let headers = all(&header::COOKIE, &[sent_back]);
        for own in OwnCookie::ALL.iter().flat_map(|own| [own.name(true), own.name(false)]) {
            assert_eq!(cookie::value(&headers, own), None, "{line:?}");
            assert!(!cookie::is_doubled(&headers, own), "{line:?}");
        }
    }
    // Lines about other cookies stay as they are.
    let about_us = |line: &HeaderValue| {
        let text = String::from_utf8_lossy(line.as_bytes()).to_lowercase();
        text.contains("portcullis")
    };
    let others: Vec<_> = lines.iter().filter(|line| !about_us(line)).collect();
    assert_eq!(kept.iter().filter(|line| !about_us(line)).collect::<Vec<_>>(), others);
}

/// What a browser sends back of a `Set-Cookie` line (RFC 6265bis, 5.6): a line without `=` or with
/// nothing before it has no name, and its value is sent alone.
fn kept_by_browser(line: &[u8]) -> Vec<u8> {
    let pair = line.split(|byte| *byte == b';').next().unwrap_or_default();
    let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
        Some(equals) => (pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii()),
        None => (&[][..], pair.trim_ascii()),
    };
    if name.is_empty() { value.to_vec() } else { [name, value].join(&b'=') }
}

fn all(name: &header::HeaderName, lines: &[HeaderValue]) -> HeaderMap {
    lines.iter().map(|line| (name.clone(), line.clone())).collect()
}

fn pairs<'l>(lines: impl Iterator<Item = &'l [u8]>) -> Vec<Vec<u8>> {
    let pairs = lines.flat_map(|line| line.split(|byte| *byte == b';')).map(<[u8]>::trim_ascii);
    pairs.filter(|pair| !pair.is_empty()).map(<[u8]>::to_vec).collect()
}

fn name(pair: &[u8]) -> Option<&str> {
    let equals = pair.iter().position(|byte| *byte == b'=')?;
    std::str::from_utf8(&pair[..equals]).ok()
}

/// Whether a portal could take a pair for a cookie of ours: its name, without white space at its
/// end, is one of them or may become one.
fn is_own(pair: &[u8]) -> bool {
    let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii_end();
    let name = name.strip_prefix(b"__Host-").unwrap_or(name);
    let Some(rest) = name.strip_prefix(b"portcullis") else { return false };
    rest.trim_ascii_start().is_empty() || rest.trim_ascii_start().starts_with(b"-")
}
