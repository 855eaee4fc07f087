//! `audit`: the entries of the audit log, its checkpoints, and the log as a whole.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::Method;
use serde_json::Map;

use super::problem::Problem;
use super::request::{Id, NewRecord, PageParams, Params};
use super::response::{self, ApiResult, Document, Lines, Listed, document, listed};
use super::scoped::State;
use super::state::AdminState;
use crate::audit::Filter;
use crate::audit::{LogVerification, NumberedEntry, SignedCheckpoint};
use crate::clock;
use crate::directory::Page;
use crate::directory::records::audit::Occurrence;
use crate::directory::records::kind;

/// How long the log is verified in a request. Longer logs are verified with an export of theirs.
const VERIFIED_WITHIN: Duration = Duration::from_secs(10);

pub(super) async fn list(
    State(admin): State<AdminState>,
    Params(page): Params<PageParams>,
    Params(filter): Params<Filter>,
) -> ApiResult<Document<Listed<Page<NumberedEntry>>>> {
    admin.audit.add_refused().await?;
    let entries = admin.audit.list(&filter, &page.request()?).await?;
    listed(&admin, (kind::AUDIT, filter != Filter::default()), &entries).await
}

pub(super) async fn show(
    State(admin): State<AdminState>,
    Id(number): Id,
) -> ApiResult<Document<NumberedEntry>> {
    let found = match number.parse() {
        Ok(number) => admin.audit.get(number).await?,
        Err(_) => None,
    };
    match found {
        Some(entry) => document(&entry),
        None => Err(Problem::not_found("entry of the audit log", &number)),
    }
}

/// The newest checkpoint, after signing one of all entries so far.
pub(super) async fn checkpoint(
    State(admin): State<AdminState>,
) -> ApiResult<Document<SignedCheckpoint>> {
    admin.audit.add_refused().await?;
    match admin.audit.checkpoint(clock::now()).await? {
        Some(checkpoint) => document(&checkpoint),
        None => Err(Problem::not_found("checkpoint", "of an empty log")),
    }
}

/// Whether the log is as its checkpoints say, after signing one.
pub(super) async fn verification(
    State(admin): State<AdminState>,
) -> ApiResult<Document<LogVerification>> {
    admin.audit.add_refused().await?;
    admin.audit.checkpoint(clock::now()).await?;
    document(&admin.audit.verify(clock::now(), VERIFIED_WITHIN).await?)
}

/// The whole log as lines of JSON, for verification: signed first, so that its last line is a
/// checkpoint, which covers the entry about this export too. A failure cuts the response off, so that no
/// client takes a part for the whole. The answer to HEAD exports nothing.
pub(super) async fn export(
    State(admin): State<AdminState>,
    method: Method,
    NewRecord(change): NewRecord,
) -> ApiResult<Lines> {
    if method == Method::HEAD {
        return response::lines(Body::empty());
    }
    admin.audit.add_refused().await?;
    let exported = Occurrence::of_gateway("audit.exported", Map::new());
    admin.audit.note(&change, exported).await?;
    admin.audit.checkpoint(clock::now()).await?;
    let lines = stream::try_unfold(admin.audit.export(), |mut export| async move {
        let lines = export.lines().await.inspect_err(|error| {
            tracing::error!(%error, "could not export the audit log");
        })?;
        Ok::<_, portcullis_store::StoreError>(lines.map(|lines| (Bytes::from(lines), export)))
    });
    response::lines(Body::from_stream(lines))
}
