//! The jobs: queued, listed, shown and cancelled.

use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::sync::{Mutex, Notify};

use super::line::{Effect, ReportLine};
use super::record::{Counts, Job, JobState, PlanPart, Queuer, of_job, part_id};
use super::view::JobView;
use super::work::{Plan, Work, check_scope};
use crate::directory::accounts::id_in_order;
use crate::directory::error::{AttemptError, Refusal};
use crate::directory::records::audit::{Occurrence, Subject};
use crate::directory::records::{
    Authority, EndUser, EndUserId, JobId, Organization, OrganizationId, Reader, Stored, kind, put,
    retry,
};
use crate::directory::warning::{Warning, WarningName};
use crate::directory::{Actor, Change, Directory, DirectoryError, Page, PageRequest};
use portcullis_store::{Expect, StoreError, Write};

/// The most jobs that wait.
const MOST_QUEUED: usize = 100;
/// How many items a part of a plan has.
const PART: usize = 500;
/// How many people who are skipped are named in the warning about them.
const NAMED: usize = 3;
/// How many rows of a file that are skipped have a warning each.
const ROWS: usize = 100;

/// The jobs. Clones share the queue.
#[derive(Debug, Clone)]
pub struct Jobs {
    /// All of the directory: what an actor may see and change is checked here.
    pub(super) directory: Directory,
    how: How,
    /// Held during a step. Each step changes the record of its job, so a job could not be cancelled
    /// between two of them: the record has always changed once more.
    pub(super) turn: Arc<Mutex<()>>,
}

/// How jobs are done.
#[derive(Debug, Clone)]
enum How {
    /// By the task, which is woken.
    Queued(Arc<Notify>),
    /// When they are queued: in a dry run.
    AtOnce,
}

impl Jobs {
    /// The jobs of a directory, which must not be limited by a scope.
    #[must_use]
    pub fn new(directory: Directory) -> Self {
        Self { directory, how: How::Queued(Arc::default()), turn: Arc::default() }
    }

    /// The jobs of a dry run.
    #[must_use]
    pub fn of_dry_run(directory: Directory) -> Self {
        Self { directory, how: How::AtOnce, turn: Arc::default() }
    }

    /// Queues a job. `sender` is the email address of the caller.
    ///
    /// # Errors
    /// When the actor may not do this (I10), too many jobs wait, or the store is unavailable.
    pub async fn start<W: Work>(
        &self,
        plan: Plan<W>,
        change: &Change,
        sender: Option<String>,
    ) -> Result<JobView, DirectoryError> {
        change.requires(W::AUTHORITY)?;
        for item in &plan.items {
            check_scope::<W>(item, change)?;
        }
        let Some(actor) = Queuer::of(&change.actor) else {
            return Err(DirectoryError::Escalation { role: W::AUTHORITY.least() });
        };
        let key = JobState::Queued.key();
        if self.reader().records::<Job>(Some(&key), None, MOST_QUEUED).await?.len() >= MOST_QUEUED {
            return Err(Refusal::TooManyJobs { most: MOST_QUEUED }.into());
        }
        let id = JobId::from(id_in_order(change.at));
        let job = Job {
            kind: plan.work.kind().to_owned(),
            summary: plan.work.summary(),
            work: json(&plan.work)?,
            state: JobState::Queued,
            actor,
            sender,
            total: u64::try_from(plan.items.len()).unwrap_or(u64::MAX),
            done: 0,
            counts: Counts::default(),
            created: change.at,
            started: None,
            ended: None,
            reason: None,
        };
        let mut writes = vec![put(&id, Expect::Absent, &job)];
        let mut first = 0;
        for items in plan.items.chunks(PART) {
            let items = items.iter().map(json).collect::<Result<Vec<Value>, _>>()?;
            let number = u64::try_from(items.len()).unwrap_or(u64::MAX);
            let part = PlanPart { job: id.clone(), first, items };
            writes.push(put(&part_id(&id, first), Expect::Absent, &part));
            first += number;
        }
        let queued = || vec![occurrence("job.queued", &id, &job, None)];
        retry(|| async {
            self.commit(change, writes.clone(), queued()).await.map_err(AttemptError::from)
        })
        .await?;
        match &self.how {
            How::Queued(waker) => waker.notify_one(),
            How::AtOnce => while self.step().await? {},
        }
        self.get(&id, &change.actor).await
    }

    /// Returns when a job may have been queued.
    pub(super) async fn woken(&self) {
        match &self.how {
            How::Queued(waker) => waker.notified().await,
            How::AtOnce => {}
        }
    }

    /// A page of the jobs, the newest first. With a limited scope, an actor sees only its own.
    ///
    /// # Errors
    /// When the cursor is invalid, or the store is unavailable.
    pub async fn list(
        &self,
        request: &PageRequest,
        actor: &Actor,
    ) -> Result<Page<JobView>, DirectoryError> {
        let own = match actor.scope().is_limited() {
            true => Queuer::of(actor).map(|queuer| queuer.key()),
            false => None,
        };
        let page = self.reader().page_back::<Job>(own.as_ref(), request).await?;
        Ok(page.map(JobView::from))
    }

    /// How many jobs an actor with a limited scope does not see; `None` without a limit.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn hidden(&self, actor: &Actor) -> Result<Option<u64>, DirectoryError> {
        if !actor.scope().is_limited() {
            return Ok(None);
        }
        let all = self.reader().count::<Job>(None).await?;
        let own = match Queuer::of(actor) {
            Some(queuer) => self.reader().count::<Job>(Some(&queuer.key())).await?,
            None => 0,
        };
        Ok(Some(all.saturating_sub(own)))
    }

    /// A job.
    ///
    /// # Errors
    /// When the actor sees no such job, or the store is unavailable.
    pub async fn get(&self, id: &JobId, actor: &Actor) -> Result<JobView, DirectoryError> {
        self.visible(id, None, actor).await.map(JobView::from)
    }

    /// Cancels a job. What it has done stays. Cancelling a cancelled job changes nothing.
    ///
    /// # Errors
    /// When the actor sees no such job, it has ended otherwise, the actor may not change
    /// anything, or the store is unavailable.
    pub async fn cancel(&self, id: &JobId, change: &Change) -> Result<(), DirectoryError> {
        change.requires(Authority::Manage)?;
        let _turn = self.turn.lock().await;
        retry(|| async {
            let job = self.visible(id, change.expected, &change.actor).await?;
            match job.doc.state {
                JobState::Queued | JobState::Running => {}
                JobState::Cancelled => return Ok(()),
                JobState::Done | JobState::Failed => {
                    let state = job.doc.state.name();
                    return Err(Refusal::JobEnded { job: id.to_string(), state }.into());
                }
            }
            let doc = Job { state: JobState::Cancelled, ended: Some(change.at), ..job.doc.clone() };
            let entry = occurrence("job.cancelled", id, &doc, None);
            let mut writes = self.without_plan(id).await?;
            writes.push(job.replace(doc).0);
            self.commit(change, writes, vec![entry]).await?;
            Ok::<_, AttemptError>(())
        })
        .await
    }

    /// What a dry run warns about: people who would be skipped.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn warnings(
        &self,
        job: &JobView,
        actor: &Actor,
    ) -> Result<Vec<Warning>, DirectoryError> {
        if matches!(self.how, How::Queued(_)) || job.counts.skipped == 0 {
            return Ok(Vec::new());
        }
        let (mut skipped, mut after) = (Vec::new(), None);
        loop {
            let (lines, next) = self.report(&job.id, after.as_ref(), actor).await?;
            let more = lines.into_iter().filter(|line| line.result == Effect::Skipped);
            skipped.extend(more.take(ROWS - skipped.len()));
            after = next;
            if skipped.len() == ROWS || after.is_none() {
                break;
            }
        }
        let warning = |detail| Warning::new(WarningName::Skipped, detail);
        let (number, total) = (job.counts.skipped, job.total);
        // Rows of a file are named one by one, to be corrected there.
        let mut rows: Vec<_> = skipped.iter().filter_map(row_in_words).map(warning).collect();
        if !rows.is_empty() {
            let sum = warning(format!("{number} of {total} rows would be skipped"));
            rows.push(Warning { count: Some(number), ..sum });
            return Ok(rows);
        }
        let mut named = Vec::new();
        for line in skipped.iter().take(NAMED) {
            let (name, reason) = (self.name_of(line).await?, line.reason.as_deref());
            named.push(format!("{} `{name}`: {}", line.kind, reason.unwrap_or_default()));
        }
        let detail = format!("{number} of {total} would be skipped ({})", named.join("; "));
        Ok(vec![Warning { count: Some(number), ..warning(detail) }])
    }

    /// The login or the name of an item; its id if it has none.
    async fn name_of(&self, line: &ReportLine) -> Result<String, StoreError> {
        let id = line.id.clone().unwrap_or_default();
        let name = match &*line.kind {
            _ if line.login.is_some() => line.login.clone(),
            "organization" => {
                let id = OrganizationId::from(id.clone());
                self.reader().get::<Organization>(&id).await?.map(|found| found.doc.name)
            }
            "end-user" => {
                let id = EndUserId::from(id.clone());
                self.reader().get::<EndUser>(&id).await?.map(|found| found.doc.name)
            }
            _ => None,
        };
        Ok(name.unwrap_or(id))
    }

    /// A job that the actor sees, at the expected version.
    pub(super) async fn visible(
        &self,
        id: &JobId,
        expected: Option<u64>,
        actor: &Actor,
    ) -> Result<Stored<Job>, DirectoryError> {
        let job = self.reader().existing::<Job>(id, None).await?;
        if actor.scope().is_limited()
            && Queuer::of(actor).as_ref().map(Queuer::key) != Some(job.doc.actor.key())
        {
            return Err(DirectoryError::not_found(kind::JOB, id.as_str()));
        }
        match expected {
            Some(_) => self.reader().existing::<Job>(id, expected).await,
            None => Ok(job),
        }
    }

    /// The writes that remove what is left of a job's plan.
    pub(super) async fn without_plan(&self, id: &JobId) -> Result<Vec<Write>, StoreError> {
        let parts = self.reader().all_intact::<PlanPart>(Some(&of_job(id))).await?;
        Ok(parts.iter().map(Stored::delete).collect())
    }

    /// Commits records of jobs.
    pub(super) async fn commit(
        &self,
        change: &Change,
        writes: Vec<Write>,
        occurrences: Vec<Occurrence>,
    ) -> Result<(), portcullis_store::CommitError> {
        let records = self.directory.records();
        records.commit_collected(change, Vec::new(), writes, occurrences).await.map(drop)
    }

    pub(super) fn reader(&self) -> &Reader {
        self.directory.records().read()
    }
}

/// What a line says about a row of a file; `None` if it is about something else.
fn row_in_words(line: &ReportLine) -> Option<String> {
    let reason = line.reason.as_deref().unwrap_or_default();
    line.line.map(|number| format!("line {number}: {reason}"))
}

/// An entry of the audit log about a job.
pub(super) fn occurrence(
    kind: &'static str,
    id: &JobId,
    job: &Job,
    reason: Option<String>,
) -> Occurrence {
    let Job { done, total, counts, summary, .. } = job;
    let mut after = Map::new();
    after.insert("summary".to_owned(), summary.as_str().into());
    after.insert("total".to_owned(), (*total).into());
    if kind != "job.queued" {
        let Counts { created, updated, unchanged, skipped } = *counts;
        let counts = [
            ("done", *done),
            ("created", created),
            ("updated", updated),
            ("unchanged", unchanged),
            ("skipped", skipped),
        ];
        after.extend(counts.map(|(name, count)| (name.to_owned(), count.into())));
    }
    let subject = Subject::new("job", id.as_str(), &job.kind);
    Occurrence { kind, subject, reason, organization: None, user: None, after }
}

fn json<T: serde::Serialize>(value: &T) -> Result<Value, DirectoryError> {
    serde_json::to_value(value)
        .map_err(|error| DirectoryError::invalid("", format!("not a JSON document: {error}")))
}
