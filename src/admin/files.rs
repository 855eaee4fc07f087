//! `export` and `apply`: groups, organizations, portal users and preferences as a file.

use std::collections::BTreeMap;

use axum::Extension;
use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::caller::Caller;
use super::problem::Problem;
use super::request::{NewRecord, Params, TomlFile};
use super::response::{self, ApiResult, Created, Toml, Versioned, created};
use super::scoped::State;
use super::state::AdminState;
use crate::directory::files::{
    Action, ApplyOptions, FieldChange, File, FilePlan, PlanError, Sections,
};
use crate::directory::records::audit::Occurrence;
use crate::directory::records::{JobPartId, ManagedBy};
use crate::directory::{Actor, OrganizationId};
use crate::jobs::{ApplyFile, JobView, Plan, ReportLine};

/// The most records of a plan that a response lists.
const MOST_LISTED: usize = 2000;

#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(super) struct ExportParams {
    /// Some of `groups`, `organizations` (with their end users), `users` and `preferences`, separated
    /// by commas; by default all that belong to the caller's scope.
    what: Option<String>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(super) struct ApplyParams {
    /// The name of the file or of where it comes from, and after an `@` the commit; by default `api`.
    /// Records are marked with it.
    source: Option<String>,
    /// Whether records that the file managed and no longer has are deleted.
    prune: Option<bool>,
    /// Whether records that another file manages are taken over.
    detach: Option<bool>,
}

/// A job that applies a file, and what it does.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "ApplyJob")]
pub(super) struct Applying {
    #[serde(flatten)]
    job: JobView,
    plan: PlanView,
}

impl Versioned for Applying {
    fn version(&self) -> u64 {
        self.job.version
    }
}

/// What applying a file does.
#[derive(Debug, Default, Serialize, schemars::JsonSchema)]
#[schemars(rename = "FilePlan")]
struct PlanView {
    /// How many records are created.
    created: usize,
    /// How many records are changed.
    changed: usize,
    /// How many records are deleted.
    removed: usize,
    /// How many records stay, and are no longer managed by the file.
    released: usize,
    /// How many records are as the file describes them.
    unchanged: u64,
    /// How many of the records cannot be written; known in a dry run.
    refused: usize,
    /// The records that are written, in order; at most 2000.
    records: Vec<RecordView>,
}

/// A record that is written.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "PlannedRecord")]
struct RecordView {
    action: Action,
    /// `preferences`, `group`, `organization`, `end-user` or `user`.
    kind: &'static str,
    /// Its id; left out if it gets a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// Its name, or the login of a portal user.
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<OrganizationId>,
    /// The line of the file in which it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    /// What changes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<FieldChange>,
    /// Why it cannot be written; known in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<RefusalView>,
}

/// Why a record cannot be written.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(rename = "PlanRefusal")]
struct RefusalView {
    /// The end of the `type` of a problem.
    code: String,
    reason: String,
}

/// The records as a file, which begins when it is known that it can be sent. A failure cuts the
/// response off, so that no client takes a part for the whole. The answer to HEAD exports nothing.
pub(super) async fn export(
    State(admin): State<AdminState>,
    method: Method,
    NewRecord(change): NewRecord,
    Params(ExportParams { what }): Params<ExportParams>,
) -> ApiResult<Toml> {
    let sections = match &what {
        Some(names) => Sections::parse(names)?,
        None if admin.is_limited() => Sections::OF_ORGANIZATIONS,
        None => Sections::ALL,
    };
    let export = admin.directory.export(sections, &change)?;
    if method == Method::HEAD {
        return response::toml(Body::empty());
    }
    let after = Map::from_iter([("what".to_owned(), sections.names().into())]);
    admin.audit.note(&change, Occurrence::of_gateway("file.exported", after)).await?;
    let lines = stream::try_unfold(export, |mut export| async move {
        let lines = export.lines().await.inspect_err(|error| {
            tracing::error!(%error, "could not export the records as a file");
        })?;
        Ok::<_, portcullis_store::StoreError>(lines.map(|lines| (Bytes::from(lines), export)))
    });
    response::toml(Body::from_stream(lines))
}

pub(super) async fn apply(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    NewRecord(change): NewRecord,
    Params(ApplyParams { source, prune, detach }): Params<ApplyParams>,
    TomlFile(text): TomlFile,
) -> ApiResult<Created<Applying>> {
    let options = ApplyOptions {
        source: ManagedBy::parse(source.as_deref().unwrap_or("api"))?,
        take_over: detach == Some(true),
        prune: prune == Some(true),
    };
    let plan = match File::read(&text) {
        Ok(file) => admin.directory.plan_file(file, &options, &change).await,
        Err(problems) => Err(problems.into()),
    };
    drop(text);
    let plan = plan.map_err(|error| match error {
        PlanError::File(problems) => Problem::of_file(&options.source.name, &problems),
        PlanError::Directory(error) => error.into(),
    })?;
    let mut view = PlanView::of(&plan);
    let items = plan.steps.into_iter().map(|planned| planned.step).collect();
    let (source, prune) = (options.source.to_string(), options.prune);
    let plan = Plan { work: ApplyFile { options }, items };
    let job = admin.jobs.start(plan, &change, caller.email).await?;
    let after = Map::from_iter([
        ("source".to_owned(), source.into()),
        ("prune".to_owned(), prune.into()),
        ("job".to_owned(), job.id.to_string().into()),
    ]);
    admin.audit.note(&change, Occurrence::of_gateway("file.applied", after)).await?;
    if job.ended.is_some() {
        view.add_refusals(&admin, &job, &caller.actor).await?;
    }
    let path = format!("/api/v1/jobs/{}", job.id);
    created(&Applying { job, plan: view }, path)
}

impl PlanView {
    fn of(plan: &FilePlan) -> Self {
        let mut view = Self { unchanged: plan.unchanged, ..Self::default() };
        for planned in &plan.steps {
            *match planned.action {
                Action::Create => &mut view.created,
                Action::Change => &mut view.changed,
                Action::Remove => &mut view.removed,
                Action::Release => &mut view.released,
            } += 1;
        }
        let listed = plan.steps.iter().take(MOST_LISTED);
        view.records = listed
            .map(|planned| {
                let entry = planned.step.entry();
                RecordView {
                    action: planned.action,
                    kind: entry.noun(),
                    id: entry.id().map(str::to_owned),
                    name: entry.name().to_owned(),
                    organization: entry.organization().cloned(),
                    line: planned.step.line,
                    fields: planned.fields.clone(),
                    refused: None,
                }
            })
            .collect();
        view
    }

    /// Adds the steps that a job has skipped: its report has a line for each, in the same order.
    async fn add_refusals(
        &mut self,
        admin: &AdminState,
        job: &JobView,
        actor: &Actor,
    ) -> Result<(), Problem> {
        let (mut refused, mut number) = (BTreeMap::new(), 0);
        let mut after: Option<JobPartId> = None;
        loop {
            let (lines, next) = admin.jobs.report(&job.id, after.as_ref(), actor).await?;
            for line in lines {
                refused.extend(refusal(line).map(|refusal| (number, refusal)));
                number += 1;
            }
            after = next;
            if after.is_none() {
                break;
            }
        }
        self.refused = refused.len();
        for (number, record) in self.records.iter_mut().enumerate() {
            record.refused = refused.remove(&number);
        }
        Ok(())
    }
}

fn refusal(line: ReportLine) -> Option<RefusalView> {
    let ReportLine { code, reason, .. } = line;
    // A record that was deleted has a reason too, and is no refusal.
    let code = code.filter(|code| code != "removed")?;
    Some(RefusalView { code, reason: reason.unwrap_or_default() })
}
