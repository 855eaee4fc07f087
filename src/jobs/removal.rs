//! Removal of old jobs and their reports.

use jiff::{SignedDuration, Timestamp};

use super::queue::Jobs;
use super::record::{Job, JobState, ReportPart, of_job};
use super::runner::by_system;
use crate::directory::DirectoryError;
use crate::directory::error::AttemptError;
use crate::directory::records::Stored;

/// How long a job is kept after its end, with its report.
pub const RETENTION: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The most ended jobs that are kept.
const MOST_KEPT: usize = 1000;
/// How many parts of a report are removed in one commit.
const BATCH: usize = 50;

impl Jobs {
    /// Removes jobs that ended long ago. A failure is logged; the next removal tries again.
    pub(super) async fn remove_old(&self, now: Timestamp) {
        match self.try_remove_old(now).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "old jobs removed"),
            Err(error) => tracing::warn!(%error, "could not remove old jobs"),
        }
    }

    async fn try_remove_old(&self, now: Timestamp) -> Result<usize, DirectoryError> {
        let mut ended = Vec::new();
        for state in [JobState::Done, JobState::Failed, JobState::Cancelled] {
            ended.extend(self.reader().all_intact::<Job>(Some(&state.key())).await?);
        }
        ended.sort_unstable_by_key(|job| job.doc.ended);
        let surplus = ended.len().saturating_sub(MOST_KEPT);
        let is_old = |job: &Stored<Job>| {
            job.doc.ended.is_some_and(|ended| now.duration_since(ended) > RETENTION)
        };
        let mut removed = 0;
        for (place, job) in ended.iter().enumerate() {
            if place < surplus || is_old(job) {
                self.remove(job, now).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Removes a job after its report.
    async fn remove(&self, job: &Stored<Job>, now: Timestamp) -> Result<(), DirectoryError> {
        loop {
            let key = of_job(&job.id);
            let parts = self.reader().records::<ReportPart>(Some(&key), None, BATCH).await?;
            let is_last = parts.len() < BATCH;
            let parts = parts.into_iter().filter_map(Stored::<ReportPart>::decode_intact);
            let mut writes: Vec<_> = parts.map(|part| part.delete()).collect();
            if is_last {
                writes.push(job.delete());
            }
            match self.commit(&by_system(now), writes, Vec::new()).await.map_err(Into::into) {
                Ok(()) => {}
                Err(AttemptError::Conflict) => return Err(DirectoryError::Contended),
                Err(AttemptError::Failed(error)) => return Err(error),
            }
            if is_last {
                return Ok(());
            }
        }
    }
}
