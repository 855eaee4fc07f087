//! The task that does jobs, and what it commits.
//!
//! A step is one commit: what some items change, the job's progress, their lines of the report, and
//! the end of the job with its last item. It is made on condition that the job's record is unchanged,
//! so a job that is cancelled changes nothing from then on.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{interval, sleep};
use tokio_util::sync::CancellationToken;

use super::kinds;
use super::queue::{Jobs, occurrence};
use super::record::{Job, JobState, PlanPart, Queuer, ReportPart, of_job, part_id};
use super::work::{AnyWork, Context, ItemError};
use crate::clock;
use crate::directory::batch::Batch;
use crate::directory::error::AttemptError;
use crate::directory::records::{Stored, put, retry};
use crate::directory::{Actor, Change, DirectoryError};
use crate::tasks::caught;
use crate::telemetry::events::muted;
use portcullis_store::{Expect, StoreError};

/// How many items are done in a step; fewer when others keep changing what it depends on.
const SIZES: [usize; 7] = [100, 100, 25, 5, 1, 1, 1];
/// The most items of a step, and so the most lines of a part of the report.
pub(super) const MOST_AT_ONCE: u64 = 100;
/// The pause after a failure of the store.
const PAUSE: Duration = Duration::from_secs(1);
/// Time between two removals of old jobs.
const REMOVAL_INTERVAL: Duration = Duration::from_secs(3600);
/// How many jobs are read to find the next one.
const READ: usize = 16;

/// Why a step was not made.
#[derive(Debug)]
enum Halt {
    /// What it depends on has changed: try again.
    Conflict,
    /// The job cannot go on, for this reason.
    Failed(String),
    /// It may be tried again later.
    Error(DirectoryError),
}

impl Jobs {
    /// Does the jobs, one after the other, until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut removal = interval(REMOVAL_INTERVAL);
        while !stop.is_cancelled() {
            let pause = match self.step().await {
                Ok(true) => continue,
                Ok(false) => None,
                Err(error) => {
                    tracing::error!(%error, "a job could not be continued; it is tried again");
                    Some(PAUSE)
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.woken(), if pause.is_none() => {}
                () = sleep(pause.unwrap_or_default()), if pause.is_some() => {}
                _ = removal.tick() => self.remove_old(clock::now()).await,
            }
        }
    }

    /// Does a step of the running job, or starts the next one. `false` if no job waits.
    ///
    /// # Errors
    /// When it may be tried again later.
    pub(crate) async fn step(&self) -> Result<bool, DirectoryError> {
        let _turn = self.turn.lock().await;
        match self.next().await? {
            None => Ok(false),
            Some(job) => self.advance(job, clock::now()).await.map(|()| true),
        }
    }

    /// The running job, otherwise the one that has waited longest.
    async fn next(&self) -> Result<Option<Stored<Job>>, StoreError> {
        for state in [JobState::Running, JobState::Queued] {
            let records = self.reader().records::<Job>(Some(&state.key()), None, READ).await?;
            let mut jobs = records.into_iter().filter_map(Stored::<Job>::decode_intact);
            if let Some(job) = jobs.next() {
                return Ok(Some(job));
            }
        }
        Ok(None)
    }

    async fn advance(&self, mut job: Stored<Job>, now: Timestamp) -> Result<(), DirectoryError> {
        if job.doc.state == JobState::Queued {
            return self.begin(&job, now).await;
        }
        for size in SIZES {
            match self.do_some(&job, size, now).await {
                Ok(()) => return Ok(()),
                Err(Halt::Failed(reason)) => return self.fail(&job, &reason, now).await,
                Err(Halt::Error(error)) => return Err(error),
                Err(Halt::Conflict) => match self.reader().get::<Job>(&job.id).await? {
                    Some(current) if !current.doc.state.has_ended() => job = current,
                    _ => return Ok(()),
                },
            }
        }
        Err(DirectoryError::Contended)
    }

    async fn begin(&self, job: &Stored<Job>, now: Timestamp) -> Result<(), DirectoryError> {
        let doc = Job { state: JobState::Running, started: Some(now), ..job.doc.clone() };
        match self.commit(&by_system(now), vec![job.replace(doc).0], Vec::new()).await {
            Ok(()) => {
                tracing::info!(job = %job.id, kind = job.doc.kind, "a job was started");
                Ok(())
            }
            Err(error) => match AttemptError::from(error) {
                // It was cancelled.
                AttemptError::Conflict => Ok(()),
                AttemptError::Failed(error) => Err(error),
            },
        }
    }

    /// Does up to `size` items in one commit.
    async fn do_some(&self, job: &Stored<Job>, size: usize, now: Timestamp) -> Result<(), Halt> {
        let halt = |error| halt(error, &job.doc.actor);
        let work = kinds::read(&job.doc.kind, &job.doc.work).map_err(Halt::Failed)?;
        let change = Change { from: None, ..Change::new(job.doc.actor.actor(), now) };
        let change = Change { job: Some(job.id.clone()), ..change };
        let batch = self.directory.batch(&change).await.map_err(halt)?;
        batch.change().requires(work.authority()).map_err(halt)?;
        let key = of_job(&job.id);
        let parts = self.reader().records::<PlanPart>(Some(&key), None, 1).await;
        let part = parts.map_err(|error| halt(error.into()))?.into_iter().next();
        let part = part.and_then(Stored::<PlanPart>::decode_intact);
        let mut doc = job.doc.clone();
        let (mut own, mut lines) = (Vec::new(), Vec::new());
        let mut batch = Some(batch);
        if let Some(part) = &part {
            let place = usize::try_from(doc.done.saturating_sub(part.doc.first));
            let rest = part.doc.items.get(place.unwrap_or(usize::MAX)..).unwrap_or_default();
            for item in rest.iter().take(size) {
                let Some(current) = batch.take() else { return Err(Halt::Conflict) };
                let (next, line) =
                    do_item(&*work, item, current, &doc).await.map_err(|error| match error {
                        ItemFailure::Item(reason) => Halt::Failed(reason),
                        ItemFailure::Error(error) => halt(error),
                    })?;
                batch = Some(next);
                // Other tasks run on the same thread.
                tokio::task::yield_now().await;
                doc.done += 1;
                doc.counts.add(line.result);
                lines.push(line);
            }
            if rest.len() <= size {
                own.push(part.delete());
            }
        }
        if lines.is_empty() && doc.done < doc.total {
            return Err(Halt::Failed("the rest of its plan is missing".to_owned()));
        }
        let Some(batch) = batch else { return Err(Halt::Conflict) };
        if !lines.is_empty() {
            let report = ReportPart { job: job.id.clone(), lines };
            own.push(put(&part_id(&job.id, job.doc.done), Expect::Absent, &report));
        }
        let mut occurrences = Vec::new();
        if doc.done >= doc.total {
            doc = Job { state: JobState::Done, ended: Some(now), ..doc };
            occurrences.push(occurrence("job.finished", &job.id, &doc, None));
        }
        let has_ended = doc.state.has_ended();
        own.push(job.replace(doc).0);
        match batch.commit(own, occurrences).await {
            Ok(_) if has_ended => tracing::info!(job = %job.id, "a job is done"),
            Ok(_) => {}
            Err(error) => match AttemptError::from(error) {
                AttemptError::Conflict
                // Another commit has taken a name since the item was checked.
                | AttemptError::Failed(DirectoryError::Taken { .. }) => return Err(Halt::Conflict),
                AttemptError::Failed(error) => return Err(halt(error)),
            },
        }
        Ok(())
    }

    /// Ends a job that cannot go on.
    async fn fail(
        &self,
        job: &Stored<Job>,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), DirectoryError> {
        let failed = retry(|| async {
            let Some(job) = self.reader().get::<Job>(&job.id).await? else { return Ok(false) };
            if job.doc.state.has_ended() {
                return Ok(false);
            }
            let doc = Job {
                state: JobState::Failed,
                ended: Some(now),
                reason: Some(reason.to_owned()),
                ..job.doc.clone()
            };
            let entry = occurrence("job.failed", &job.id, &doc, Some(reason.to_owned()));
            let mut writes = self.without_plan(&job.id).await?;
            writes.push(job.replace(doc).0);
            self.commit(&by_system(now), writes, vec![entry]).await?;
            Ok::<_, AttemptError>(true)
        })
        .await?;
        if failed {
            tracing::error!(job = %job.id, reason, "a job has failed");
        }
        Ok(())
    }
}

/// Why an item has no line.
enum ItemFailure {
    Item(String),
    Error(DirectoryError),
}

/// Does an item; what a skipped one has written is taken back.
async fn do_item(
    work: &dyn AnyWork,
    item: &serde_json::Value,
    batch: Batch,
    job: &Job,
) -> Result<(Batch, super::line::ReportLine), ItemFailure> {
    let mark = batch.mark();
    let done = {
        let (directory, change) = (batch.directory(), batch.change());
        let context = Context { directory, change, sender: job.sender.as_deref() };
        caught(muted(work.apply(item, &context))).await
    };
    match done {
        Ok(Ok(line)) => Ok((batch, line)),
        Ok(Err(ItemError::Skipped(line))) => {
            let batch = batch.back_to(mark).await.map_err(ItemFailure::Error)?;
            Ok((batch, line))
        }
        Ok(Err(ItemError::Failed(error))) => Err(ItemFailure::Error(error)),
        Ok(Err(ItemError::Unreadable(why))) => {
            Err(ItemFailure::Item(format!("an item of its plan cannot be read: {why}")))
        }
        Err(panic) => Err(ItemFailure::Item(format!("internal error: {panic}"))),
    }
}

pub(super) fn by_system(now: Timestamp) -> Change {
    Change { from: None, ..Change::new(Actor::System("jobs"), now) }
}

/// What an error means for a job that this actor has queued.
fn halt(error: DirectoryError, actor: &Queuer) -> Halt {
    let actor = actor.actor();
    Halt::Failed(match error {
        DirectoryError::TokenUnknown => format!("`{actor}` was revoked or has expired"),
        DirectoryError::SessionEnded => format!("`{actor}` was deleted"),
        DirectoryError::Escalation { role } => {
            format!("`{actor}` no longer has the role `{}`", role.name())
        }
        DirectoryError::OutOfScope { .. } => {
            format!("the scope of `{actor}` no longer includes all that the job changes")
        }
        DirectoryError::Store(StoreError::Damaged { .. }) => error.to_string(),
        DirectoryError::Contended => return Halt::Conflict,
        DirectoryError::Busy | DirectoryError::Store(_) => return Halt::Error(error),
        other => other.to_string(),
    })
}
