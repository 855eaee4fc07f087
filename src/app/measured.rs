//! Metrics of what knows no metrics: the store and its feed.

use crate::telemetry::metrics::{Samples, Source, families};
use portcullis_store::feed::{Feed, Statistics};

/// The commits that were made through a feed.
#[derive(Debug)]
pub(super) struct CommitCounts(pub(super) Feed);

impl Source for CommitCounts {
    fn collect(&self, samples: &mut Samples) {
        let Statistics { made, refused, failed, micros, sequence } = self.0.statistics();
        for (result, count) in [("made", made), ("refused", refused), ("failed", failed)] {
            samples.count(&families::COMMITS, &[result], count);
        }
        samples.micros(&families::COMMIT_TIME, &[], micros);
        samples.count(&families::SEQUENCE, &[], sequence);
    }
}
