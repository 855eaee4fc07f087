//! What a request is for, as browsers describe it in Fetch Metadata, which no page can forge.
//!
//! Browsers send none of it over plain http; there, `Accept`, `X-Requested-With` and `Origin` have
//! to do.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Which site the page belongs to that sent the request.
pub const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const X_REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");
/// Sent with what browsers load before the person asks for it.
const PREFETCH: [HeaderName; 3] = [
    HeaderName::from_static("sec-purpose"),
    HeaderName::from_static("purpose"),
    HeaderName::from_static("x-moz"),
];

/// The form of response that the client can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseKind {
    /// A browser that navigates: a page, or a redirect.
    Page,
    /// A script: a status and a problem document (RFC 9457), never a redirect to a sign-in page.
    Problem,
}

impl ResponseKind {
    /// From `Sec-Fetch-Mode`; without it, from `X-Requested-With` and `Accept`.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        match headers.get(SEC_FETCH_MODE) {
            Some(mode) if mode == "navigate" => return Self::Page,
            Some(_) => return Self::Problem,
            None => {}
        }
        let by_script = headers.get(X_REQUESTED_WITH).is_some_and(|with| !is_app(with.as_bytes()));
        let accepts_html = headers
            .get_all(header::ACCEPT)
            .iter()
            .any(|accept| contains(accept.as_bytes(), b"text/html"));
        if accepts_html && !by_script { Self::Page } else { Self::Problem }
    }
}

/// Whether `X-Requested-With` names an app, as the browser inside an Android app does on all of its
/// requests (`com.example.app`), and not a script (`XMLHttpRequest`, `fetch`).
fn is_app(requested_with: &[u8]) -> bool {
    let is_word = |part: &[u8]| {
        !part.is_empty() && part.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
    };
    requested_with.is_empty()
        || (requested_with.contains(&b'.') && requested_with.split(|b| *b == b'.').all(is_word))
}

/// A field that is sent twice, or is not text.
#[derive(Debug, Clone, Copy)]
pub struct Unclear;

/// The value of a field that may be sent once.
///
/// # Errors
/// When it is sent more than once, or is not visible ASCII.
pub fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Unclear> {
    let mut lines = headers.get_all(name).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    match (line.to_str(), lines.next()) {
        (Ok(text), None) => Ok(Some(text)),
        (_, _) => Err(Unclear),
    }
}

/// Whether the request is a navigation of a tab or window, and not an image, a frame, a script or a
/// prefetch of another page: any page can cause such a GET.
///
/// `Sec-Fetch-Mode` and `Sec-Fetch-Dest` must be right where they are sent; unless both are,
/// `Accept` must be that of a page, too.
#[must_use]
pub fn is_navigation(headers: &HeaderMap) -> bool {
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

/// Whether the response will be a page of its own: in a tab or window, or one of the frames that such
/// a page consists of. A page inside another (`iframe`) is not, nor is what a script loads. Without
/// `Sec-Fetch-Dest`, `kind` decides.
#[must_use]
pub fn shows_page(headers: &HeaderMap, kind: ResponseKind) -> bool {
    match headers.get(SEC_FETCH_DEST) {
        Some(dest) => dest == "document" || dest == "frame",
        None => kind == ResponseKind::Page,
    }
}

/// Whether the field is sent exactly once with this value; `None` when it is not sent.
fn matches(headers: &HeaderMap, name: &HeaderName, value: &[u8]) -> Option<bool> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next()?;
    Some(first.as_bytes() == value && lines.next().is_none())
}

/// Without `Accept`, with exactly `*/*`, or with `text/html` in it. Browsers send other lists for
/// images and styles.
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

    use super::{ResponseKind, is_navigation, shows_page};

    fn navigates(lines: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        is_navigation(&headers)
    }

    #[test]
    fn r11_page_loads_are_navigations() {
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
    fn r11_images_frames_and_prefetches_are_not_navigations() {
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

    fn kind(lines: &[(&'static str, &str)]) -> ResponseKind {
        let headers =
            lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        ResponseKind::of(&headers.collect())
    }

    #[test]
    fn a_navigation_in_an_app_gets_a_page() {
        let html = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
        for lines in [
            &[html][..],
            &[html, ("x-requested-with", "com.example.app")],
            &[html, ("x-requested-with", "org.mozilla.focus_beta")],
            &[html, ("x-requested-with", "")],
            &[("sec-fetch-mode", "navigate"), ("x-requested-with", "com.example.app")],
            &[("sec-fetch-mode", "navigate"), ("x-requested-with", "XMLHttpRequest")],
        ] {
            assert_eq!(kind(lines), ResponseKind::Page, "{lines:?}");
        }
    }

    #[test]
    fn a_script_gets_a_problem_document() {
        let html = ("accept", "text/html");
        for lines in [
            &[][..],
            &[("accept", "*/*")],
            &[("accept", "application/json"), ("x-requested-with", "com.example.app")],
            &[html, ("x-requested-with", "XMLHttpRequest")],
            &[html, ("x-requested-with", "fetch")],
            &[html, ("x-requested-with", "Shockwave/32.0.0.465")],
            &[html, ("x-requested-with", ".")],
            &[html, ("sec-fetch-mode", "cors")],
            &[html, ("sec-fetch-mode", "same-origin"), ("x-requested-with", "com.example.app")],
        ] {
            assert_eq!(kind(lines), ResponseKind::Problem, "{lines:?}");
        }
    }

    #[test]
    fn r18_a_page_is_a_document_or_one_of_its_frames() {
        let html = ("accept", "text/html");
        for (lines, expected) in [
            (&[("sec-fetch-dest", "document")][..], true),
            (&[("sec-fetch-dest", "frame"), ("sec-fetch-mode", "navigate")], true),
            (&[("sec-fetch-mode", "navigate")], true),
            (&[html], true),
            (&[("sec-fetch-dest", "iframe"), ("sec-fetch-mode", "navigate"), html], false),
            (&[("sec-fetch-dest", "empty"), html], false),
            (&[("sec-fetch-mode", "cors"), html], false),
            (&[("x-requested-with", "XMLHttpRequest"), html], false),
            (&[("accept", "*/*")], false),
        ] {
            let headers =
                lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            let headers: HeaderMap = headers.collect();
            assert_eq!(shows_page(&headers, ResponseKind::of(&headers)), expected, "{lines:?}");
        }
    }
}
