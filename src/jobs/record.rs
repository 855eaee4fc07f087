//! The documents of a job: the job itself, the rest of its plan, and its report.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::line::{Effect, ReportLine};
use crate::directory::records::document::Document;
use crate::directory::records::{AdminSessionId, JobId, JobPartId, Rights, Role, Scope, kind};
use crate::directory::{Actor, AdministratorId, ApiTokenId};
use portcullis_store::{Key, Kind};

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Job {
    /// The name of its kind.
    pub(super) kind: String,
    /// What it does, in words.
    pub(super) summary: String,
    /// What it does, as its kind reads it.
    pub(super) work: Value,
    pub(super) state: JobState,
    pub(super) actor: Queuer,
    /// The email address of who queued it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sender: Option<String>,
    /// How many items its plan had.
    pub(super) total: u64,
    /// How many of them are done, from the first one on.
    pub(super) done: u64,
    pub(super) counts: Counts,
    pub(super) created: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) started: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ended: Option<Timestamp>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It waits for the jobs before it.
    Queued,
    /// It is being done.
    Running,
    /// Each item was done or skipped.
    Done,
    /// It could not go on.
    Failed,
    /// An administrator stopped it.
    Cancelled,
}

/// How many items ended in which way.
#[derive(
    Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Counts {
    /// A record was created.
    pub created: u64,
    /// A record was changed.
    pub updated: u64,
    /// Everything was as wanted.
    pub unchanged: u64,
    /// Nothing was done, for a reason that the report names.
    pub skipped: u64,
}

/// Who queued a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Queuer {
    /// Who can open the admin socket.
    Socket,
    /// The holder of a token.
    Token { id: ApiTokenId, name: String },
    /// An administrator, in this session, which may have ended since.
    Administrator { id: AdministratorId, login: String, session: AdminSessionId },
}

/// A part of the plan that is still to be done. It is removed with its last item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct PlanPart {
    pub(super) job: JobId,
    /// The place of its first item in the plan, from 0.
    pub(super) first: u64,
    pub(super) items: Vec<Value>,
}

/// A part of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReportPart {
    pub(super) job: JobId,
    pub(super) lines: Vec<ReportLine>,
}

impl JobState {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The index key of jobs in this state.
    pub(super) fn key(self) -> Key {
        Key::new("state", self.name())
    }

    pub(super) const fn has_ended(self) -> bool {
        match self {
            Self::Queued | Self::Running => false,
            Self::Done | Self::Failed | Self::Cancelled => true,
        }
    }
}

impl Counts {
    pub(super) fn add(&mut self, effect: Effect) {
        *match effect {
            Effect::Created => &mut self.created,
            Effect::Updated => &mut self.updated,
            Effect::Unchanged => &mut self.unchanged,
            Effect::Skipped => &mut self.skipped,
        } += 1;
    }

    /// How many items ended in this way.
    pub(super) const fn of(&self, effect: Effect) -> u64 {
        match effect {
            Effect::Created => self.created,
            Effect::Updated => self.updated,
            Effect::Unchanged => self.unchanged,
            Effect::Skipped => self.skipped,
        }
    }
}

impl Queuer {
    /// `None` for actors who queue no jobs.
    pub(super) fn of(actor: &Actor) -> Option<Self> {
        match actor {
            Actor::SocketOwner => Some(Self::Socket),
            Actor::Token { id, name, .. } => {
                Some(Self::Token { id: id.clone(), name: name.clone() })
            }
            Actor::Administrator { id, login, session: Some(session), .. } => {
                let (id, login, session) = (id.clone(), login.clone(), session.clone());
                Some(Self::Administrator { id, login, session })
            }
            Actor::Administrator { session: None, .. }
            | Actor::PortalUser { .. }
            | Actor::Staff(_)
            | Actor::System(_) => None,
        }
    }

    /// The actor of its changes, without rights: those of now are read for each commit.
    pub(super) fn actor(&self) -> Actor {
        let rights = Rights { role: Role::Auditor, scope: Scope::none(), impersonate: false };
        match self.clone() {
            Self::Socket => Actor::SocketOwner,
            Self::Token { id, name } => Actor::Token { id, name, rights },
            Self::Administrator { id, login, session } => {
                Actor::Administrator { id, login, rights, session: Some(session) }
            }
        }
    }

    /// The index key of its jobs: by id, because another account may get the same name.
    pub(super) fn key(&self) -> Key {
        let id = match self {
            Self::Socket => "socket",
            Self::Token { id, .. } => id.as_str(),
            Self::Administrator { id, .. } => id.as_str(),
        };
        Key::new("actor", id)
    }
}

impl Document for Job {
    type Id = JobId;

    const KIND: Kind = kind::JOB;

    fn index(&self) -> Vec<Key> {
        vec![self.state.key(), self.actor.key()]
    }
}

impl Document for PlanPart {
    type Id = JobPartId;

    const KIND: Kind = kind::JOB_PLAN;

    fn index(&self) -> Vec<Key> {
        vec![of_job(&self.job)]
    }
}

impl Document for ReportPart {
    type Id = JobPartId;

    const KIND: Kind = kind::JOB_REPORT;

    fn index(&self) -> Vec<Key> {
        vec![of_job(&self.job)]
    }
}

/// The index key of the parts of a job.
pub(super) fn of_job(job: &JobId) -> Key {
    Key::new("job", job.as_str())
}

/// The id of the part that begins at this place, so that parts are in order.
pub(super) fn part_id(job: &JobId, first: u64) -> JobPartId {
    JobPartId::from(format!("{job}-{first:010}"))
}
