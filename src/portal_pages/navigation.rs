//! Whether a GET is a person's browser going to a page.
//!
//! A GET can be caused by any page: as an image, a frame, a script, a prefetch. So one that starts
//! or replaces a session has to be a navigation of a whole tab. Browsers say what a request is for
//! in Fetch Metadata, which no page can forge. They send none of it over plain http; there,
//! `Accept` tells a page from an image.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
/// What browsers load before anybody has asked for it.
const PREFETCH: [HeaderName; 3] = [
    HeaderName::from_static("sec-purpose"),
    HeaderName::from_static("purpose"),
    HeaderName::from_static("x-moz"),
];

/// Whether the request is a navigation of a tab or window. `Sec-Fetch-Mode` and `Sec-Fetch-Dest`
/// must be right where they are sent; unless both are, `Accept` must be that of a page, too.
pub(super) fn is_navigation(headers: &HeaderMap) -> bool {
    let mode = matches(headers, &SEC_FETCH_MODE, b"navigate");
    let dest = matches(headers, &SEC_FETCH_DEST, b"document");
    let prefetched = PREFETCH.iter().any(|name| {
        headers.get_all(name).iter().any(|value| contains(value.as_bytes(), b"prefetch"))
    });
    match (mode, dest) {
        _ if prefetched => false,
        (Some(false), _) | (_, Some(false)) => false,
        (Some(true), Some(true)) => true,
        (_, _) => accepts_page(headers),
    }
}

/// Whether the field is sent exactly once with this value; `None` when it is not sent.
fn matches(headers: &HeaderMap, name: &HeaderName, value: &[u8]) -> Option<bool> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next()?;
    Some(first.as_bytes() == value && lines.next().is_none())
}

/// No `Accept`, exactly `*/*`, or one with `text/html`. Images and styles have lists of their own.
fn accepts_page(headers: &HeaderMap) -> bool {
    let lines: Vec<_> = headers.get_all(header::ACCEPT).iter().map(HeaderValue::as_bytes).collect();
    match lines.as_slice() {
        [] => true,
        [only] if only.trim_ascii() == b"*/*" => true,
        lines => lines.iter().any(|line| contains(line, b"text/html")),
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle))
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::is_navigation;

    fn navigates(lines: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        is_navigation(&headers)
    }

    #[test]
    fn r11_going_to_a_page_is_a_navigation() {
        for lines in [
            &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")][..],
            &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"), ("accept", "x/y")],
            &[("sec-fetch-mode", "navigate"), ("accept", "text/html")],
            &[],
            &[("accept", "*/*")],
            &[("accept", "text/html,application/xhtml+xml,*/*;q=0.8")],
            &[("accept", "application/xml"), ("accept", "Text/HTML;q=0.9")],
        ] {
            assert!(navigates(lines), "{lines:?}");
        }
    }

    #[test]
    fn r11_what_pages_load_by_themselves_is_no_navigation() {
        let page = ("accept", "text/html");
        for lines in [
            &[("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image"), page][..],
            &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe"), page],
            &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "frame"), page],
            &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "embed"), page],
            &[("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty"), page],
            &[("sec-fetch-mode", "same-origin"), ("sec-fetch-dest", "document"), page],
            &[("sec-fetch-mode", "websocket"), page],
            &[("sec-fetch-dest", "image"), page],
            &[("sec-fetch-mode", "navigate"), ("sec-fetch-mode", "navigate"), page],
            &[("sec-fetch-mode", "Navigate"), ("sec-fetch-dest", "document"), page],
            &[
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
                ("sec-purpose", "prefetch;prerender"),
            ],
            &[("purpose", "prefetch"), page],
            &[("accept", "image/avif,image/webp,image/svg+xml,*/*;q=0.8")],
            &[("accept", "text/css,*/*;q=0.1")],
            &[("accept", "*/*;q=0.8")],
            &[("accept", "*/*"), ("accept", "image/png")],
            &[("accept", "application/json")],
            &[("accept", "")],
        ] {
            assert!(!navigates(lines), "{lines:?}");
        }
    }
}
