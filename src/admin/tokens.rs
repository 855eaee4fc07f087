//! `tokens`: bearer tokens of this API.

use serde::{Deserialize, Serialize};

use super::request::{Body, Id, NewRecord, PageParams, Params, RecordChange};
use super::response::{
    ApiResult, Created, Document, NoContent, Record, Versioned, created, document, no_content,
    record,
};
use super::scoped::State;
use super::state::AdminState;
use crate::clock;
use crate::credential::token::PlainToken;
use crate::directory::ApiTokenId;
use crate::directory::Page;
use crate::directory::access::api_tokens::{
    ApiTokenPatch, ApiTokenView, NewApiToken, TokenWarning,
};
use crate::directory::accounts::patch;
use crate::directory::records::{Rights, Role, Scope};

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    name: String,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    role: Option<Role>,
    #[serde(default)]
    scope: Scope,
    #[serde(default)]
    impersonate: bool,
    #[serde(default, deserialize_with = "patch::nullable")]
    expires: Option<Option<jiff::Timestamp>>,
}

/// A token in the list.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(super) struct ListedToken {
    #[serde(flatten)]
    token: ApiTokenView,
    /// Whether it never expires, soon does, or has expired.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<TokenWarning>,
}

/// A new token. This response is the only place where the token itself appears.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "CreatedApiToken")]
pub(super) struct CreatedToken {
    #[serde(flatten)]
    record: ApiTokenView,
    token: ExposedToken,
}

impl Versioned for CreatedToken {
    fn version(&self) -> u64 {
        self.record.version
    }
}

/// The token itself, hidden from `Debug`.
#[derive(Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub(super) struct ExposedToken(String);

impl ExposedToken {
    pub(super) fn of(token: &PlainToken) -> Self {
        Self(token.expose().to_owned())
    }
}

impl std::fmt::Debug for ExposedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ExposedToken(..)")
    }
}

pub(super) async fn list(
    State(admin): State<AdminState>,
    Params(page): Params<PageParams>,
) -> ApiResult<Document<Page<ListedToken>>> {
    let now = clock::now();
    let tokens = admin.directory.api_tokens().list(&page.request()?).await?;
    document(&tokens.map(|token| ListedToken { warning: token.warning(now), token }))
}

pub(super) async fn create(
    State(admin): State<AdminState>,
    NewRecord(change): NewRecord,
    Body(NewToken { name, email, role, scope, impersonate, expires }): Body<NewToken>,
) -> ApiResult<Created<CreatedToken>> {
    let rights = Rights { role: role.unwrap_or(Role::Owner), scope, impersonate };
    let new = NewApiToken { name, email, rights, expires };
    let (record, token) = admin.directory.api_tokens().create(&new, &change).await?;
    let path = format!("/api/v1/tokens/{}", record.id);
    created(&CreatedToken { record, token: ExposedToken::of(&token) }, path)
}

pub(super) async fn show(
    State(admin): State<AdminState>,
    Id(id): Id<ApiTokenId>,
) -> ApiResult<Record<ApiTokenView>> {
    record(&admin.directory.api_tokens().get(&id).await?)
}

pub(super) async fn change(
    State(admin): State<AdminState>,
    Id(id): Id<ApiTokenId>,
    RecordChange(change): RecordChange,
    Body(patch): Body<ApiTokenPatch>,
) -> ApiResult<Record<ApiTokenView>> {
    record(&admin.directory.api_tokens().change(&id, &patch, &change).await?)
}

pub(super) async fn revoke(
    State(admin): State<AdminState>,
    Id(id): Id<ApiTokenId>,
    RecordChange(change): RecordChange,
) -> ApiResult<NoContent> {
    admin.directory.api_tokens().revoke(&id, &change).await?;
    no_content()
}
