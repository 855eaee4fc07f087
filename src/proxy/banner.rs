//! The banner in the portal's pages while staff view it (R17, R18): who is viewed, how long still,
//! and a button that ends it.
//!
//! Only responses to navigations in sessions of staff are touched; all others take the same way as
//! without a banner. For a page, the portal is asked for an answer that is complete, current and not
//! compressed. If it compresses anyway, gzip and brotli are decoded. A page that is coded otherwise,
//! in an encoding that does not contain ASCII, or sent as a file, is passed on as it is. Nothing is
//! held back but what the reader of the page needs (`insertion`), and the portal's bytes are not
//! changed.
//!
//! The banner reminds staff of what they do. It is no protection: a script of the portal can remove
//! it.
//!
//! | module | holds |
//! |---|---|
//! | `insertion` | finding the place, and inserting there |
//! | `policy` | the portal's content security policy |
//! | `decoder` | decoding gzip and brotli |
//! | `body` | the page while it streams |

mod body;
mod decoder;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod insertion;
mod policy;

use encoding_rs::Encoding;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode};
use jiff::Timestamp;

pub(super) use self::body::BannerBody;
use self::decoder::{Coding, Decoder};
use self::insertion::Insertion;
use super::error_pages::{BannerSources, ErrorPages, PageBanner, Viewing};
use super::received::Received;
use super::response_body::ResponseBody;
use crate::session::SessionLookup;
use crate::web::fetch_metadata;

/// Headers of a request that could make the portal answer with less than the current page.
const NARROWING: [HeaderName; 5] = [
    header::ACCEPT_ENCODING,
    header::RANGE,
    header::IF_RANGE,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
];

/// Headers of a response that are about its bytes, which the banner changes.
const ABOUT_BYTES: [HeaderName; 9] = [
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::ETAG,
    header::LAST_MODIFIED,
    header::ACCEPT_RANGES,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
];

const POLICIES: [HeaderName; 2] =
    [header::CONTENT_SECURITY_POLICY, header::CONTENT_SECURITY_POLICY_REPORT_ONLY];

/// A navigation in a session of staff: its response gets the banner if it is a page.
#[derive(Debug)]
pub(super) struct Navigation {
    origin: String,
    languages: Option<HeaderValue>,
    now: Timestamp,
}

/// A response whose head is ready for the banner.
#[derive(Debug)]
pub(super) struct Prepared {
    decoder: Option<Decoder>,
    insertion: Insertion,
}

impl Navigation {
    /// The navigation that a request is; `origin` is asked for only if it is one.
    pub(super) fn of<B>(
        session: &SessionLookup,
        received: &Received,
        request: &Request<B>,
        origin: impl FnOnce() -> String,
    ) -> Option<Box<Self>> {
        session.banner()?;
        if !fetch_metadata::shows_page(request.headers(), received.wants) {
            return None;
        }
        let languages = request.headers().get(header::ACCEPT_LANGUAGE).cloned();
        Some(Box::new(Self { origin: origin(), languages, now: received.now }))
    }

    /// Whether the portal does not get this header of such a request.
    pub(super) fn withholds(name: &HeaderName) -> bool {
        NARROWING.contains(name)
    }

    /// Prepares the head of the response for the banner, if it is a page.
    pub(super) fn prepare(
        &self,
        response: &mut Response<ResponseBody>,
        session: &SessionLookup,
        pages: &dyn ErrorPages,
    ) -> Option<Prepared> {
        let session = session.banner()?;
        let coding = coding_of_page(response.status(), response.headers())?;
        let viewing = Viewing {
            session,
            origin: &self.origin,
            languages: self.languages.as_ref(),
            now: self.now,
        };
        let PageBanner { html, sources } = pages.banner(&viewing)?;
        rewrite(response.headers_mut(), &sources);
        Some(Prepared { decoder: coding.decoder(), insertion: Insertion::new(&html, sources) })
    }
}

impl Prepared {
    /// The page with the banner in it.
    pub(super) fn insert_into<B>(self, portal: B) -> Box<BannerBody<B>> {
        Box::new(BannerBody::new(portal, self.decoder, self.insertion))
    }
}

/// How a page is coded into which the banner can be inserted. `None` for any other response.
fn coding_of_page(status: StatusCode, headers: &HeaderMap) -> Option<Coding> {
    let is_shown = !status.is_informational()
        && !status.is_redirection()
        && status != StatusCode::NO_CONTENT
        && status != StatusCode::PARTIAL_CONTENT;
    if !is_shown || !is_ascii_html(headers) || is_attachment(headers) {
        return None;
    }
    Coding::of(headers)
}

/// Whether the content is HTML in an encoding that contains ASCII. A page that names no encoding in
/// its head is taken for one: UTF-16 is recognized by its first bytes.
fn is_ascii_html(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return false };
    let mut parts = line.as_bytes().split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    if !parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case(b"text/html")) {
        return false;
    }
    let charset = parts.find_map(|part| {
        let (name, value) = part.split_at_checked(part.iter().position(|byte| *byte == b'=')?)?;
        name.trim_ascii().eq_ignore_ascii_case(b"charset").then_some(value.get(1..)?)
    });
    let encoding = charset.and_then(|label| Encoding::for_label(unquoted(label)));
    encoding.is_none_or(Encoding::is_ascii_compatible)
}

fn unquoted(value: &[u8]) -> &[u8] {
    match value.trim_ascii() {
        [b'"', inner @ .., b'"'] => inner,
        bare => bare,
    }
}

/// Whether the browser saves the response instead of showing it (RFC 6266, 4.2).
fn is_attachment(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_DISPOSITION).is_some_and(|line| {
        let kind = line.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
        !kind.trim_ascii().eq_ignore_ascii_case(b"inline")
    })
}

/// The head of a page with the banner: it is not kept anywhere, and allows what the banner uses.
fn rewrite(headers: &mut HeaderMap, sources: &BannerSources) {
    for name in &ABOUT_BYTES {
        headers.remove(name);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for name in &POLICIES {
        let header::Entry::Occupied(mut lines) = headers.entry(name) else { continue };
        for line in lines.iter_mut() {
            let extended = line.to_str().ok().map(|policies| policy::extended(policies, sources));
            // Sources of ours are ASCII.
            if let Some(extended) = extended.and_then(|text| HeaderValue::try_from(text).ok()) {
                *line = extended;
            }
        }
    }
}

#[cfg(test)]
mod tests;
