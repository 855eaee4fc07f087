//! The session that a request to our own pages comes in, and what the policy says about it.

use http::HeaderMap;
use jiff::Timestamp;

use super::PagesState;
use crate::authz::start_page_opens;
use crate::session::SessionLookup;
use crate::web::Visitor;
use portcullis_policy::Subject;
use portcullis_store::StoreError;

impl PagesState {
    /// The browser's session.
    pub(super) async fn presented(
        &self,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<SessionLookup, StoreError> {
        let snapshot = arc_swap::Guard::into_inner(self.directory.snapshot());
        self.sessions.resolve(headers, self.session_cookie, &snapshot, now).await
    }

    /// Whether the browser has a session. `true` if that cannot be known.
    pub(super) async fn has_session(&self, headers: &HeaderMap, visitor: &Visitor) -> bool {
        let presented = self.presented(headers, visitor.now).await;
        presented.map_or(true, |presented| presented.subject().is_some())
    }

    /// Whether the portal's start page opens for this subject.
    pub(super) fn start_opens_for(&self, subject: Option<&Subject>, visitor: &Visitor) -> bool {
        let at = (visitor.host.as_str(), Some(visitor.address));
        start_page_opens(self.directory.snapshot().policy(), subject, at, visitor.now)
    }

    /// Whether it opens in the browser's session, or without one. `true` if that cannot be known.
    pub(super) async fn start_opens(&self, headers: &HeaderMap, visitor: &Visitor) -> bool {
        match self.presented(headers, visitor.now).await {
            Ok(presented) => self.start_opens_for(presented.subject(), visitor),
            Err(_) => true,
        }
    }
}
