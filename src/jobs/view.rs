//! Jobs as administrators see them.

use jiff::Timestamp;
use serde::Serialize;

use super::record::{Counts, Job, JobState};
use crate::directory::records::{JobId, Stored};

/// A job as administrators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Job")]
pub struct JobView {
    /// Its id.
    pub id: JobId,
    /// Its kind, such as `bulk`.
    pub kind: String,
    /// What it does.
    pub summary: String,
    /// How far it is.
    pub state: JobState,
    /// How many people, or other items, are done.
    pub done: u64,
    /// How many there are.
    pub total: u64,
    /// How many of those that are done ended in which way.
    pub counts: Counts,
    /// Who queued it.
    pub actor: String,
    /// When it was queued.
    pub created: Timestamp,
    /// When it was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The version of its record.
    pub version: u64,
}

impl From<Stored<Job>> for JobView {
    fn from(job: Stored<Job>) -> Self {
        let Stored { id, version, doc } = job;
        Self {
            id,
            actor: doc.actor.actor().to_string(),
            kind: doc.kind,
            summary: doc.summary,
            state: doc.state,
            done: doc.done,
            total: doc.total,
            counts: doc.counts,
            created: doc.created,
            started: doc.started,
            ended: doc.ended,
            reason: doc.reason,
            version,
        }
    }
}
