//! `tokens`: bearer tokens of this API.

use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::request::{Body, Id, NewRecord, PageParams, Params, RecordChange};
use super::response::{ApiResult, Versioned, created, document, no_content};
use super::state::AdminState;
use crate::credential::token::PlainToken;
use crate::directory::ApiTokenId;
use crate::directory::access::api_tokens::ApiTokenView;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    name: String,
    #[serde(default)]
    email: Option<String>,
}

/// A new token. This response is the only place where the token itself appears.
#[derive(Debug, Serialize)]
struct NewApiToken {
    id: ApiTokenId,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    created: jiff::Timestamp,
    version: u64,
    token: ExposedToken,
}

impl Versioned for NewApiToken {
    fn version(&self) -> u64 {
        self.version
    }
}

/// The token itself, hidden from `Debug`.
#[derive(Serialize)]
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
) -> ApiResult {
    document(&admin.directory.api_tokens().list(&page.request()?).await?)
}

pub(super) async fn create(
    State(admin): State<AdminState>,
    NewRecord(change): NewRecord,
    Body(NewToken { name, email }): Body<NewToken>,
) -> ApiResult {
    let (record, token) =
        admin.directory.api_tokens().create(&name, email.as_deref(), &change).await?;
    let ApiTokenView { id, name, email, created: at, version } = record;
    let path = format!("/api/v1/tokens/{id}");
    let token = ExposedToken::of(&token);
    created(&NewApiToken { id, name, email, created: at, version, token }, path)
}

pub(super) async fn revoke(
    State(admin): State<AdminState>,
    Id(id): Id<ApiTokenId>,
    RecordChange(change): RecordChange,
) -> ApiResult {
    admin.directory.api_tokens().revoke(&id, &change).await?;
    no_content()
}
