//! What answers in place of the portal.

use axum::body::Body;
use futures_util::future::BoxFuture;
use http::header::HeaderValue;
use http::{Request, Response};
use jiff::Timestamp;

use super::failure::Cause;
use crate::session::Banner as StaffSession;
use crate::web::Visitor;
use crate::web::fetch_metadata::ResponseKind;

/// Our own pages: HTML for people, problem documents for scripts.
pub trait ErrorPages: std::fmt::Debug + Send + Sync + 'static {
    /// The response to a request that the portal does not answer.
    fn refuse(&self, refused: &Refused<'_>) -> Response<Body>;

    /// The response to a request below [`RESERVED`](crate::web::paths::RESERVED).
    fn own_page(
        &self,
        request: Request<Body>,
        visitor: Visitor,
    ) -> BoxFuture<'static, Response<Body>>;

    /// A file that the pages load, by its path. It is the same for every client and on every host.
    fn asset(&self, path: &str) -> Option<Response<Body>>;

    /// The banner for a page of the portal that staff view; `None` if it cannot be rendered.
    fn banner(&self, viewing: &Viewing<'_>) -> Option<PageBanner>;
}

/// A request that the portal does not answer.
#[derive(Debug, Clone, Copy)]
pub struct Refused<'a> {
    /// The reason.
    pub cause: Cause<'a>,
    /// The form of response that the client can use.
    pub wants: ResponseKind,
    /// Whether the request's method may change something: any but GET, HEAD and OPTIONS.
    pub may_change: bool,
    /// Its `Accept-Language`.
    pub languages: Option<&'a HeaderValue>,
    /// The request's id.
    pub request_id: &'a str,
    /// Where the client can go on to.
    pub onward: Onward<'a>,
}

/// Where the client of a refused request can go on to.
#[derive(Debug, Clone, Copy)]
pub struct Onward<'a> {
    /// Whether the portal's start page opens for the client, as far as that is known.
    pub start_opens: bool,
    /// Path and query of the page on this host that sent the request.
    pub sent_from: Option<&'a str>,
}

impl Default for Onward<'_> {
    /// Nothing is known.
    fn default() -> Self {
        Self { start_opens: true, sent_from: None }
    }
}

/// What a banner is made of.
#[derive(Debug, Clone, Copy)]
pub struct Viewing<'a> {
    /// The session of staff.
    pub session: StaffSession<'a>,
    /// The address of the portal as the browser sees it, without a slash at its end.
    pub origin: &'a str,
    /// `Accept-Language` of the request.
    pub languages: Option<&'a HeaderValue>,
    /// The time of the request.
    pub now: Timestamp,
}

/// A banner for one page.
#[derive(Debug, Clone)]
pub struct PageBanner {
    /// HTML for the beginning of the body.
    pub html: String,
    /// What the page must be allowed to use.
    pub sources: BannerSources,
}

/// What a page must be allowed to use for the banner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BannerSources {
    /// The address of the style sheet.
    pub style: String,
    /// The address of the script.
    pub script: String,
    /// The digest of the script, as in `integrity`: where `'strict-dynamic'` ignores addresses.
    pub script_digest: String,
    /// The addresses that the form is sent to and redirected to.
    pub forms: Vec<String>,
}
