//! Reports of jobs: what was done about each item, in the order of the plan.

use super::line::{Effect, ReportLine};
use super::queue::Jobs;
use super::record::{ReportPart, of_job, part_id};
use super::runner::MOST_AT_ONCE;
use crate::directory::records::{JobId, JobPartId, Stored};
use crate::directory::{Actor, DirectoryError};

/// How many parts of a report are read at a time.
const PARTS_READ: usize = 10;

/// Which lines of a report are wanted.
#[derive(Debug, Clone, Copy)]
pub struct LinesRequest {
    /// Only those about items that ended in this way.
    pub result: Option<Effect>,
    /// The place in the plan where to begin, from 0.
    pub from: u64,
    /// The most lines.
    pub limit: usize,
}

impl Jobs {
    /// Some lines of a job's report, those after a part, and where to continue: `None` at the end.
    /// With a limited scope, only lines about its organizations.
    ///
    /// # Errors
    /// When there is no job that the actor sees, or the store is unavailable.
    pub async fn report(
        &self,
        id: &JobId,
        after: Option<&JobPartId>,
        actor: &Actor,
    ) -> Result<(Vec<ReportLine>, Option<JobPartId>), DirectoryError> {
        self.visible(id, None, actor).await?;
        let (key, after) = (of_job(id), after.map(AsRef::as_ref));
        let parts = self.reader().records::<ReportPart>(Some(&key), after, PARTS_READ).await?;
        let last = parts.last().map(|part| JobPartId::from(part.id.clone()));
        let next = last.filter(|_| parts.len() == PARTS_READ);
        let parts = parts.into_iter().filter_map(Stored::<ReportPart>::decode_intact);
        let lines =
            parts.flat_map(|part| part.doc.lines).filter(|line| is_shown(line, actor)).collect();
        Ok((lines, next))
    }

    /// Some lines of a job's report, and the place to continue from: `None` at the end. With a limited
    /// scope, only lines about its organizations.
    ///
    /// # Errors
    /// When there is no job that the actor sees, or the store is unavailable.
    pub async fn report_lines(
        &self,
        id: &JobId,
        request: LinesRequest,
        actor: &Actor,
    ) -> Result<(Vec<ReportLine>, Option<u64>), DirectoryError> {
        let job = self.visible(id, None, actor).await?;
        let LinesRequest { result, from, limit } = request;
        // Of a result without lines, nothing is read; the others end with their last line.
        let most = result.map_or(u64::MAX, |result| job.doc.counts.of(result));
        let is_wanted = |line: &ReportLine| {
            result.is_none_or(|result| line.result == result) && is_shown(line, actor)
        };
        let mut lines = Vec::new();
        // A part that begins before this ends before `from`.
        let mut after = from.checked_sub(MOST_AT_ONCE).map(|first| part_id(id, first));
        loop {
            let key = of_job(id);
            let after_id = after.as_ref().map(AsRef::as_ref);
            let parts =
                self.reader().records::<ReportPart>(Some(&key), after_id, PARTS_READ).await?;
            let is_last = parts.len() < PARTS_READ;
            after = parts.last().map(|part| JobPartId::from(part.id.clone()));
            for part in parts.into_iter().filter_map(Stored::<ReportPart>::decode_intact) {
                let first = first_of(part.id.as_ref());
                for (place, line) in (first..).zip(part.doc.lines) {
                    if place < from || !is_wanted(&line) {
                        continue;
                    }
                    if lines.len() >= limit {
                        return Ok((lines, Some(place)));
                    }
                    lines.push(line);
                }
            }
            let found = u64::try_from(lines.len()).unwrap_or(u64::MAX);
            if is_last || (from == 0 && found >= most) {
                return Ok((lines, None));
            }
        }
    }
}

/// Whether an actor may see a line.
fn is_shown(line: &ReportLine, actor: &Actor) -> bool {
    let scope = actor.scope();
    match &line.organization {
        Some(organization) => scope.includes(organization.as_str()),
        // What is wrong with a row of a file was said by who queued the job.
        None => !scope.is_limited() || line.line.is_some(),
    }
}

/// The place in the plan of the first line of a part.
fn first_of(part: &str) -> u64 {
    part.rsplit_once('-').and_then(|(_, first)| first.parse().ok()).unwrap_or_default()
}
