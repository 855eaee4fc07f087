//! `users/{id}/tokens`: tokens of portal users, for programs.

use serde::Serialize;

use super::request::{Body, Id, NewRecord, RecordChange};
use super::response::{
    ApiResult, Created, Document, NoContent, Versioned, created, document, no_content,
};
use super::scoped::State;
use super::state::AdminState;
use super::tokens::ExposedToken;
use crate::directory::access::user_tokens::{NewUserToken, UserTokenView};
use crate::directory::{Page, UserId, UserTokenId};

/// A new token. This response is the only place where the token itself appears.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "CreatedUserToken")]
pub(super) struct CreatedToken {
    #[serde(flatten)]
    view: UserTokenView,
    token: ExposedToken,
}

impl Versioned for CreatedToken {
    fn version(&self) -> u64 {
        self.view.version
    }
}

/// Not paged: a user has few.
pub(super) async fn list(
    State(admin): State<AdminState>,
    Id(user): Id<UserId>,
) -> ApiResult<Document<Page<UserTokenView>>> {
    document(&Page { items: admin.directory.user_tokens().list(&user).await?, next: None })
}

pub(super) async fn create(
    State(admin): State<AdminState>,
    Id(user): Id<UserId>,
    NewRecord(change): NewRecord,
    Body(new): Body<NewUserToken>,
) -> ApiResult<Created<CreatedToken>> {
    let (view, token) = admin.directory.user_tokens().create(&user, &new, &change).await?;
    let path = format!("/api/v1/users/{user}/tokens/{}", view.id);
    created(&CreatedToken { view, token: ExposedToken::of(&token) }, path)
}

pub(super) async fn revoke(
    State(admin): State<AdminState>,
    Id((user, id)): Id<(UserId, UserTokenId)>,
    RecordChange(change): RecordChange,
) -> ApiResult<NoContent> {
    admin.directory.user_tokens().revoke(&user, &id, &change).await?;
    no_content()
}
