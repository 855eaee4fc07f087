//! Whose session a request has, for the pages on which portal users manage their own account.

use std::sync::Arc;

use axum::body::Body;
use http::{HeaderMap, Response};

use super::notices::{Destination, Notices};
use super::{PagesState, sign_in};
use crate::credential::token::TokenHash;
use crate::directory::UserId;
use crate::session::SessionLookup;
use crate::web::fetch_metadata::ResponseKind;
use crate::web::request_error::RequestError;
use crate::web::response::see_other;
use crate::web::return_to::ReturnTo;
use crate::web::{Visitor, paths};
use portcullis_policy::{SessionKind, Subject};
use portcullis_store::StoreError;

/// The portal user, and the session of this browser.
pub(super) struct CurrentUser {
    pub(super) key: TokenHash,
    pub(super) kind: SessionKind,
    pub(super) id: UserId,
    pub(super) login: Arc<str>,
    /// Whether the portal's start page opens for the user.
    pub(super) start_opens: bool,
}

impl PagesState {
    /// The portal user; for other visitors, the response that leads to where they can sign in or out.
    pub(super) async fn current_user(
        &self,
        headers: &HeaderMap,
        visitor: &Visitor,
        page: &str,
    ) -> Result<Result<CurrentUser, Response<Body>>, StoreError> {
        Ok(match self.presented(headers, visitor.now).await? {
            SessionLookup::Found { subject: Subject { parked: Some(reason), .. }, .. } => {
                let kind = ResponseKind::of(headers);
                let text = self.text(kind, headers);
                let out = Some(Destination::SignOut);
                let notice = self.notices(text).organization_parked(&reason, out);
                Err(self.notice(&notice, text, kind, &visitor.request_id))
            }
            SessionLookup::Found { key, subject, .. } => {
                let start_opens = self.start_opens_for(Some(&subject), visitor);
                let kind = subject.kind;
                match (subject.user, subject.login) {
                    (Some(id), Some(login)) => {
                        Ok(CurrentUser { key, kind, id: id.into(), login, start_opens })
                    }
                    _ => Err(see_other(paths::SIGN_OUT)),
                }
            }
            SessionLookup::Missing(_) => {
                Err(see_other(&sign_in::address(&ReturnTo::parse(page), None)))
            }
        })
    }

    /// The portal user in a session of their own, who may change the account. A visitor by a secure
    /// link gets a notice, because the portal may link to the account for everyone.
    pub(super) async fn account_user(
        &self,
        headers: &HeaderMap,
        visitor: &Visitor,
        page: &str,
    ) -> Result<Result<CurrentUser, Response<Body>>, RequestError> {
        let presented = self.presented(headers, visitor.now).await?;
        if presented.subject().is_some_and(|subject| subject.user.is_none()) {
            let kind = ResponseKind::of(headers);
            let text = self.text(kind, headers);
            let start_opens = self.start_opens_for(presented.subject(), visitor);
            let notices = Notices { start_opens, ..self.notices(text) };
            let notice = notices.no_account_by_link();
            return Ok(Err(self.notice(&notice, text, kind, &visitor.request_id)));
        }
        match self.current_user(headers, visitor, page).await? {
            Ok(user) if user.kind != SessionKind::User => Err(RequestError::NoSuchPage),
            user_or_response => Ok(user_or_response),
        }
    }
}
