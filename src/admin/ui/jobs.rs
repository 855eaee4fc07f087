//! Jobs: changes to many people, with their progress and their reports.

pub(super) mod detail;
pub(super) mod list;
pub(super) mod preview;

use jiff::Timestamp;
use serde::Deserialize;

use super::fields::segment;
use super::texts::Jobs as Words;
use crate::jobs::Counts;
use crate::web::text::Text;

/// A job, as the API shows it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) kind: String,
    /// What it does.
    pub(super) summary: String,
    pub(super) state: State,
    pub(super) done: u64,
    pub(super) total: u64,
    pub(super) counts: Counts,
    /// Such as `administrator:alice`.
    pub(super) actor: String,
    pub(super) created: Timestamp,
    pub(super) started: Option<Timestamp>,
    pub(super) ended: Option<Timestamp>,
    /// Why it failed.
    pub(super) reason: Option<String>,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Queued,
    Running,
    Done,
    Failed,
    Cancelled,
}

impl Job {
    /// Its address.
    pub(super) fn address(&self) -> String {
        address(&self.id)
    }

    /// Its id as a segment of a path.
    pub(super) fn segment(&self) -> String {
        segment(&self.id)
    }

    /// Who queued it, without the kind of account.
    pub(super) fn by(&self) -> &str {
        self.actor.split_once(':').map_or(&*self.actor, |(_, name)| name)
    }

    /// What it is.
    pub(super) fn title<'a>(&'a self, text: &'a Words) -> &'a str {
        match &*self.kind {
            "bulk" => text.kind_bulk.as_str(),
            "users" => text.kind_users.as_str(),
            "move" => text.kind_move.as_str(),
            "apply" => text.kind_apply.as_str(),
            "import-organizations" => text.kind_organizations.as_str(),
            "import-end-users" => text.kind_end_users.as_str(),
            "import-users" => text.kind_import_users.as_str(),
            other => other,
        }
    }
}

impl State {
    pub(super) fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }

    pub(super) fn words(self, text: &Words) -> &Text {
        match self {
            Self::Queued => &text.queued,
            Self::Running => &text.running,
            Self::Done => &text.done,
            Self::Failed => &text.failed,
            Self::Cancelled => &text.cancelled,
        }
    }

    /// The class of its badge.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Queued | Self::Cancelled => "",
            Self::Running => "mark",
            Self::Done => "good",
            Self::Failed => "alert",
        }
    }
}

/// The address of a job.
pub(super) fn address(id: &str) -> String {
    format!("/jobs/{}", segment(id))
}

/// The path of a job in the API.
fn path(id: &str) -> String {
    format!("/api/v1/jobs/{}", segment(id))
}
