//! The kinds of jobs by name.

use serde_json::Value;

use super::apply::{self, ApplyFile};
use super::bulk::{self, Bulk};
use super::chosen_users::{self, ChosenUsers};
use super::import::{EndUserFile, File as _, Import, OrganizationFile, UserFile};
use super::work::{AnyWork, read as typed};

/// Reads the work of a job of this kind.
///
/// # Errors
/// When this release has no such kind, or the work is not of it.
pub(super) fn read(kind: &str, work: &Value) -> Result<Box<dyn AnyWork>, String> {
    match kind {
        apply::KIND => typed::<ApplyFile>(work),
        bulk::KIND => typed::<Bulk>(work),
        chosen_users::MOVE | chosen_users::CHANGE => typed::<ChosenUsers>(work),
        OrganizationFile::KIND => typed::<Import<OrganizationFile>>(work),
        EndUserFile::KIND => typed::<Import<EndUserFile>>(work),
        UserFile::KIND => typed::<Import<UserFile>>(work),
        unknown => Err(format!("this release has no jobs of the kind `{unknown}`")),
    }
}
