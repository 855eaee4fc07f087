//! `bulk` and `users/bulk` queue jobs; `jobs` lists, shows and cancels them and returns their reports.

use axum::Extension;
use axum::body::Body as ResponseBody;
use bytes::Bytes;
use futures_util::stream;
use http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::caller::Caller;
use super::exports::accepts_csv;
use super::problem::Problem;
use super::request::{Body, Id, NewRecord, PageParams, Params, RecordChange, UNKNOWN_CURSOR};
use super::response::{
    ApiResult, Created, Document, Listed, NoContent, Record, Report, Versioned, created, document,
    listed_hiding, no_content, record, report,
};
use super::scoped::State;
use super::state::AdminState;
use crate::directory::records::{JobId, JobPartId};
use crate::directory::warning::Warning;
use crate::directory::{Actor, Change, DirectoryError, Page};
use crate::jobs::{
    BulkRequest, Effect, HEADER, JobView, Jobs, LinesRequest, Plan, ReportLine, UsersRequest, Work,
    row,
};

/// A job that was queued. In a dry run it is done, and has warnings.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "QueuedJob")]
pub(super) struct Queued {
    #[serde(flatten)]
    job: JobView,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Warning>,
}

impl Versioned for Queued {
    fn version(&self) -> u64 {
        self.job.version
    }
}

/// In which format a report is returned.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(super) struct ReportParams {
    /// `jsonl`, the default, or `csv`. Without it, an `Accept` of `text/csv` returns CSV too.
    format: Option<Format>,
}

/// Which lines of a report are listed.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(super) struct LinesFilter {
    /// Only those about items that ended in this way.
    result: Option<Effect>,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "ReportLineList")]
pub(super) struct LineList {
    items: Vec<ReportLine>,
    next: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    Jsonl,
    Csv,
}

pub(super) async fn bulk(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    NewRecord(change): NewRecord,
    Body(request): Body<BulkRequest>,
) -> ApiResult<Created<Queued>> {
    let plan = request.plan(&admin.directory).await?;
    admin.queue(plan, &change, caller).await
}

pub(super) async fn users(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    NewRecord(change): NewRecord,
    Body(request): Body<UsersRequest>,
) -> ApiResult<Created<Queued>> {
    let plan = request.plan(&admin.directory).await?;
    admin.queue(plan, &change, caller).await
}

pub(super) async fn list(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    Params(page): Params<PageParams>,
) -> ApiResult<Document<Listed<Page<JobView>>>> {
    let jobs = admin.jobs.list(&page.request()?, &caller.actor).await?;
    listed_hiding(admin.jobs.hidden(&caller.actor).await?, &jobs)
}

pub(super) async fn show(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    Id(id): Id<JobId>,
) -> ApiResult<Record<JobView>> {
    record(&admin.jobs.get(&id, &caller.actor).await?)
}

pub(super) async fn cancel(
    State(admin): State<AdminState>,
    Id(id): Id<JobId>,
    RecordChange(change): RecordChange,
) -> ApiResult<NoContent> {
    admin.jobs.cancel(&id, &change).await?;
    no_content()
}

/// The report so far. A failure cuts the response off, so that no client takes a part for the whole.
pub(super) async fn report_of(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    Id(id): Id<JobId>,
    Params(ReportParams { format }): Params<ReportParams>,
    headers: HeaderMap,
) -> ApiResult<Report> {
    admin.jobs.get(&id, &caller.actor).await?;
    let is_csv = format.map_or_else(|| accepts_csv(&headers), |format| format == Format::Csv);
    let reading = Reading { jobs: admin.jobs, id, actor: caller.actor, is_csv, place: Some(None) };
    let parts = stream::try_unfold(reading, |reading| async move {
        reading.next().await.inspect_err(|error| {
            tracing::error!(%error, "could not read the report of a job");
        })
    });
    report(ResponseBody::from_stream(parts), is_csv)
}

/// A page of the report so far.
pub(super) async fn lines(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    Id(id): Id<JobId>,
    Params(page): Params<PageParams>,
    Params(LinesFilter { result }): Params<LinesFilter>,
) -> ApiResult<Document<LineList>> {
    let from = match page.after() {
        Some(after) => after.parse().map_err(|_| Problem::invalid("after", UNKNOWN_CURSOR))?,
        None => 0,
    };
    let request = LinesRequest { result, from, limit: page.limit()? };
    let (items, next) = admin.jobs.report_lines(&id, request, &caller.actor).await?;
    document(&LineList { items, next: next.map(|place| place.to_string()) })
}

/// A report that is being read.
struct Reading {
    jobs: Jobs,
    id: JobId,
    actor: Actor,
    is_csv: bool,
    /// The part to continue after; `None` at the end.
    place: Option<Option<JobPartId>>,
}

impl Reading {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, DirectoryError> {
        let Some(after) = self.place.take() else { return Ok(None) };
        let (lines, next) = self.jobs.report(&self.id, after.as_ref(), &self.actor).await?;
        let mut text = String::new();
        if self.is_csv && after.is_none() {
            text.push_str(HEADER);
        }
        for line in &lines {
            match self.is_csv {
                true => text.push_str(&row(line)),
                false => text.push_str(&json_line(line)),
            }
        }
        self.place = next.map(Some);
        Ok(Some((Bytes::from(text), self)))
    }
}

fn json_line(line: &ReportLine) -> String {
    // Strings and numbers are always JSON.
    serde_json::to_string(line).map_or_else(|_| String::new(), |line| line + "\n")
}

impl AdminState {
    /// Queues a job, and responds with it.
    pub(super) async fn queue<W: Work>(
        &self,
        plan: Plan<W>,
        change: &Change,
        caller: Caller,
    ) -> Result<Created<Queued>, Problem> {
        let job = self.jobs.start(plan, change, caller.email).await?;
        let warnings = self.jobs.warnings(&job, &caller.actor).await?;
        let path = format!("/api/v1/jobs/{}", job.id);
        created(&Queued { job, warnings }, path)
    }
}
