//! Applying a file: each item is a step of its plan.

use serde::{Deserialize, Serialize};

use super::line::{Effect, ReportLine};
use super::work::{Context, Work};
use crate::directory::files::{Applied, ApplyOptions, Step};
use crate::directory::records::Authority;
use crate::directory::{DirectoryError, OrganizationId, UserId};

pub(super) const KIND: &str = "apply";

/// Applies a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyFile {
    /// How.
    pub options: ApplyOptions,
}

impl Work for ApplyFile {
    type Item = Step;

    const AUTHORITY: Authority = Authority::Manage;

    fn kind(&self) -> &'static str {
        KIND
    }

    fn summary(&self) -> String {
        let pruning = if self.options.prune { ", and remove what it no longer has" } else { "" };
        format!("apply {}{pruning}", self.options.source)
    }

    fn organization(step: &Step) -> Option<&OrganizationId> {
        step.entry().organization()
    }

    fn line(step: &Step) -> ReportLine {
        let entry = step.entry();
        let is_user = entry.noun() == "user";
        ReportLine {
            id: entry.id().map(str::to_owned),
            organization: entry.organization().cloned(),
            user: entry.id().filter(|_| is_user).map(UserId::from),
            login: is_user.then(|| entry.name().to_owned()),
            line: step.line.and_then(|line| u64::try_from(line).ok()),
            ..ReportLine::new(entry.noun())
        }
    }

    async fn apply(
        &self,
        step: &Step,
        context: &Context<'_>,
    ) -> Result<ReportLine, DirectoryError> {
        let by = (context.change, context.sender);
        let line = Self::line(step);
        let result = match context.directory.apply_step(step, &self.options, by).await? {
            Applied::Created => Effect::Created,
            Applied::Changed => Effect::Updated,
            Applied::Unchanged => Effect::Unchanged,
            Applied::Removed => {
                let line = ReportLine { result: Effect::Updated, ..line };
                return Ok(line.because("removed", "deleted, because the file no longer has it"));
            }
        };
        Ok(ReportLine { result, ..line })
    }
}
