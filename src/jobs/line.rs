//! A line of a job's report: one item of its plan, and what was done.

use serde::{Deserialize, Serialize};

use crate::directory::{DirectoryError, EndUserId, OrganizationId, UserId};

/// What was done about an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// A record was created.
    Created,
    /// A record was changed.
    Updated,
    /// Everything was as wanted.
    Unchanged,
    /// Nothing was done, for a reason.
    Skipped,
}

impl Effect {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Skipped => "skipped",
        }
    }
}

/// A line of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ReportLine {
    /// What was done.
    pub result: Effect,
    /// What the item is: `organization`, `end-user`, `user`, or another kind of record.
    pub kind: String,
    /// The id of that record, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The id of the organization that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationId>,
    /// The id of the end user, if it is or belongs to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_user: Option<EndUserId>,
    /// The id of the portal user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The login of the portal user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// The line of the file that was imported, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Why it was skipped, or what could not be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// A stable name of the reason, as in the `type` of a problem document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

impl ReportLine {
    /// A line about an item that is as wanted. `kind` is what the item is.
    #[must_use]
    pub fn new(kind: &str) -> Self {
        Self {
            result: Effect::Unchanged,
            kind: kind.to_owned(),
            id: None,
            organization: None,
            end_user: None,
            user: None,
            login: None,
            line: None,
            reason: None,
            code: None,
        }
    }

    /// The same with a reason, which has a stable name.
    #[must_use]
    pub fn because(self, code: &str, reason: impl Into<String>) -> Self {
        Self { code: Some(code.to_owned()), reason: Some(reason.into()), ..self }
    }

    /// The item was skipped for this reason.
    #[must_use]
    pub fn skipped(self, code: &str, reason: impl Into<String>) -> Self {
        Self { result: Effect::Skipped, ..self }.because(code, reason)
    }

    /// The item was skipped because of an error.
    #[must_use]
    pub fn failed(self, error: &DirectoryError) -> Self {
        self.skipped(error.code(), error.to_string())
    }
}
