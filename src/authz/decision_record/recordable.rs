//! Paths and targets as they may be recorded. A path below [`RESERVED`] may contain the token of a
//! secure link, even if the link was mistyped or altered. After `;jsessionid=`
//! comes a session of the portal.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderName};
use percent_encoding::{percent_decode, percent_decode_str};

use portcullis_policy::{RESERVED, folding};

/// The path parameter in which servlet containers put a session.
const SESSION: &[u8] = b"jsessionid=";
/// Bytes of a target that are recorded at most.
const MOST_TARGET: usize = 256;

/// The path, or only [`RESERVED`] if any of its segments may be read as ours: regardless of case,
/// percent-encoding, encoded slashes, compatibility forms, and dots and spaces around it.
#[must_use]
pub fn path(path: &str) -> &str {
    let ours = |segment| may_fold_to_ours(segment) && folds_to_ours(segment);
    if path.split('/').any(ours) { RESERVED } else { before_session(path) }
}

/// The header in which callers name their span.
pub static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The caller's span: a single valid `traceparent` of version 00 (W3C Trace Context, 3.2).
#[must_use]
pub fn traceparent(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(&TRACEPARENT).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let text = value.to_str().ok().filter(|text| text.len() == 55)?;
    let mut parts = text.strip_prefix("00-")?.split('-');
    let is_id = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let (trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?);
    let is_set = |part: &str| part.bytes().any(|byte| byte != b'0');
    let is_valid = is_id(trace, 32) && is_id(span, 16) && is_id(flags, 2);
    (is_valid && is_set(trace) && is_set(span)).then_some(text)
}

/// A target as it came, without its query, shortened, and with every byte percent-encoded that is
/// not a visible ASCII character. Only [`RESERVED`] if it may be one of our own pages.
#[must_use]
pub fn target(raw: &[u8]) -> String {
    let path = raw.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
    if names_ours(path) {
        return RESERVED.to_owned();
    }
    let session = path.windows(SESSION.len()).position(|part| part.eq_ignore_ascii_case(SESSION));
    let path = session.and_then(|at| path.get(..at)).unwrap_or(path);
    let mut text = String::with_capacity(path.len().min(MOST_TARGET));
    for byte in path.iter().take(MOST_TARGET) {
        if byte.is_ascii_graphic() {
            text.push(char::from(*byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    if path.len() > MOST_TARGET {
        text.push('…');
    }
    text
}

/// Whether our prefix occurs anywhere: an invalid path may be read in any way.
fn names_ours(path: &[u8]) -> bool {
    let mut path = path.to_vec();
    for _ in 0..3 {
        path = percent_decode(&path).collect();
    }
    let folded = folding::fold(&String::from_utf8_lossy(&path)).to_ascii_lowercase();
    folded.contains(RESERVED.trim_matches(['/', '.']))
}

fn before_session(path: &str) -> &str {
    let session = path.match_indices(';').find(|(at, _)| {
        let name = path.as_bytes().get(at + 1..at + 1 + SESSION.len());
        name.is_some_and(|name| name.eq_ignore_ascii_case(SESSION))
    });
    session.and_then(|(at, _)| path.get(..at)).unwrap_or(path)
}

/// Excludes most segments without folding them.
fn may_fold_to_ours(segment: &str) -> bool {
    let first = segment.as_bytes().first();
    first.is_some_and(|first| !first.is_ascii_alphanumeric()) || segment.contains('%')
}

fn folds_to_ours(segment: &str) -> bool {
    let mut text = segment.to_owned();
    // Encoded twice, it is still a token.
    for _ in 0..2 {
        text = percent_decode_str(&text).decode_utf8_lossy().into_owned();
    }
    // It may contain an encoded slash.
    folding::fold(&text).split('/').any(|piece| {
        let ours = RESERVED.bytes().filter(u8::is_ascii_alphanumeric);
        piece.starts_with(|c: char| !c.is_alphanumeric())
            && piece.bytes().filter(u8::is_ascii_alphanumeric).eq(ours)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traceparent_is_recorded_only_if_it_is_valid() {
        let valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let recorded = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("traceparent", value.parse().unwrap());
            }
            traceparent(&headers).map(str::to_owned)
        };
        assert_eq!(recorded(&[valid]).as_deref(), Some(valid));
        for values in [
            &[][..],
            &[valid, valid],
            &["00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01"],
            &["00-00000000000000000000000000000000-b7ad6b7169203331-01"],
            &["00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"],
            &["01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
            &["00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333\"-01"],
            &["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x"],
        ] {
            assert_eq!(recorded(values), None, "{values:?}");
        }
    }

    #[test]
    fn i4_paths_of_our_pages_are_not_recorded_in_full() {
        for spelling in [
            "/.portcullis/link/secret",
            "/.Portcullis/link/secret",
            "/.PORTCULLIS/link/secret",
            "/%2Eportcullis/link/secret",
            "/%252Eportcullis/link/secret",
            "/.portcullis./link/secret",
            "/.portcullis%20/link/secret",
            "/.portcullis%E2%80%8B/link/secret",
            "/%EF%BC%8Eportcullis/link/secret",
            "/.%EF%BC%B0ortcullis/link/secret",
            "//.portcullis/link/secret",
            "/.portcullis%2Flink/secret",
            "/.portcullis%252Flink/secret",
            "/x%2F.portcullis%2Flink%2Fsecret",
            "/docs/.portcullis/link/secret",
            "/.portcullis",
        ] {
            assert_eq!(path(spelling), RESERVED, "{spelling}");
        }
    }

    #[test]
    fn other_paths_are_recorded_in_full() {
        for other in [
            "/",
            "",
            "/tickets/7",
            "/portcullis/link/x",
            "/.well-known/security.txt",
            "/%C3%BCber",
            "/.portcullist/x",
            "/_portcullist/x",
            "/caf%C3%A9/portcullis",
        ] {
            assert_eq!(path(other), other);
        }
        assert_eq!(path("/a/b;JSESSIONID=secret"), "/a/b");
        assert_eq!(path("/.well-known/x;jsessionid=secret"), "/.well-known/x");
    }

    #[test]
    fn targets_are_recorded_encoded_and_without_query() {
        for (raw, expected) in [
            (&b"/a/../b?secret=1"[..], "/a/../b"),
            (b"/a\"<\\\x00\x7f\xc3\xa9 b", "/a\"<\\%00%7F%C3%A9%20b"),
            (b"http://other.test/a#b", "http://other.test/a"),
            (b"/a;JSESSIONID=secret/b", "/a;"),
            (b"", ""),
        ] {
            assert_eq!(target(raw), expected);
        }
        let long = target(&[b'a'; 300]);
        assert_eq!((long.chars().count(), long.ends_with('…')), (MOST_TARGET + 1, true));
    }

    #[test]
    fn i4_targets_of_our_pages_are_not_recorded_in_full() {
        for raw in [
            "/.Portcullis/link/token",
            "/x/../.portcullis/link/token",
            "//%2eportcullis/link/token",
            "/%252E%70ortcullis/link/token",
            "http://other.test/.PORTCULLIS/link/token",
        ] {
            assert_eq!(target(raw.as_bytes()), RESERVED, "{raw}");
        }
    }
}
