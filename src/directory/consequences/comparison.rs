//! What is compared.

use portcullis_store::overlay::Difference;

use crate::directory::records::Reader;
use crate::directory::state::Snapshot;

/// The state before and after a dry run.
pub(super) struct Comparison<'a> {
    pub(super) before: &'a Snapshot,
    pub(super) after: &'a Snapshot,
    /// The records in force.
    pub(super) real: &'a Reader,
    /// The records as the dry run leaves them.
    pub(super) dry: &'a Reader,
    pub(super) differences: &'a [Difference],
}
