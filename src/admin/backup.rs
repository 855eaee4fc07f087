//! `backup`: all records as one file.

use axum::body::Body;
use http::Method;
use serde::Deserialize;

use super::request::{NewRecord, Params};
use super::response::{self, ApiResult, BackupFile};
use super::scoped::State;
use super::state::AdminState;

#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(super) struct BackupParams {
    /// Whether open sessions are in the file, so that they are open again after a restore.
    #[serde(default)]
    sessions: bool,
}

/// The file. A failure cuts the response off; the file is whole only if it can be verified. The answer
/// to HEAD makes none.
pub(super) async fn create(
    State(admin): State<AdminState>,
    Params(BackupParams { sessions }): Params<BackupParams>,
    method: Method,
    NewRecord(change): NewRecord,
) -> ApiResult<BackupFile> {
    if method == Method::HEAD {
        return response::backup(Body::empty());
    }
    let parts = admin.backups.begin(sessions, None, &change).await?.stream()?;
    response::backup(Body::from_stream(parts))
}
