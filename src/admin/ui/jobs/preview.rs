//! What a job would do, before it is queued: its dry run.

use serde::Deserialize;

use crate::admin::ui::client::Write;
use crate::admin::ui::confirmation::{Changes, folded};
use crate::admin::ui::refusal::{Answer, Refusal};
use crate::admin::ui::texts::Catalogue;
use crate::admin::ui::visit::Visit;
use crate::admin::ui::warnings::Said;
use crate::jobs::Counts;

/// What a job would do.
#[derive(Debug)]
pub(in crate::admin::ui) struct Preview {
    /// How many items would end in which way.
    pub(in crate::admin::ui) counts: Counts,
    /// A sentence for each consequence, as HTML.
    sentences: Vec<String>,
    pub(in crate::admin::ui) warnings: Vec<Said>,
}

#[derive(Deserialize)]
struct DryRun {
    changes: Changes,
    counts: Counts,
}

impl Preview {
    /// Tries a job out.
    ///
    /// # Errors
    /// Those of queueing it.
    pub(in crate::admin::ui) async fn of(visit: &Visit, write: Write<'_>) -> Answer<Self> {
        let answer = visit.client.try_out(write).await?;
        let DryRun { changes, counts } =
            serde_json::from_value(answer).map_err(|error| Refusal::broken(&error.to_string()))?;
        let changes = changes.named(visit).await?;
        let text: &Catalogue = visit.text();
        Ok(Self { counts, sentences: changes.sentences(text), warnings: changes.warnings(text) })
    }

    /// The consequences that are shown at first.
    pub(in crate::admin::ui) fn first(&self) -> &[String] {
        folded(&self.sentences).0
    }

    /// The further ones.
    pub(in crate::admin::ui) fn rest(&self) -> &[String] {
        folded(&self.sentences).1
    }
}
