//! The headers of a request, as far as they decide.

use http::HeaderMap;

/// The headers of a request that comes in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent<'h> {
    pub(super) headers: &'h HeaderMap,
    /// Whether what identifies its user may have been added by the browser on its own.
    pub(super) by_browser: bool,
}

impl<'h> Sent<'h> {
    /// The headers, if a page of another site might have caused the request.
    pub(super) fn by_browser(self) -> Option<&'h HeaderMap> {
        self.by_browser.then_some(self.headers)
    }
}
