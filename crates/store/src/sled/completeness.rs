//! Whether a store that can be read is complete: every answered commit is in it (I13).

use std::path::Path;

use super::answered::{Answered, Mark};
use super::check::Fault;
use super::checksums::Comparison;
use super::database::Database;
use super::error::OpenError;
use super::folder::Folder;
use super::head::Head;
use super::log::Log;

/// A complete store, and the last answered commit.
pub(super) struct Checked {
    pub(super) database: Database,
    pub(super) head: Head,
    pub(super) answered: Answered,
}

/// What happens to a complete store that is older than the last answered commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Older {
    Refused,
    Accepted,
}

/// Refuses a store that is, or may be, older than the last answered commit.
pub(super) fn require_answered(
    folder: &Folder,
    head: &Head,
    answered: Answered,
    files: &Comparison,
    older: Older,
) -> Result<(), OpenError> {
    let (path, sequence) = (folder.path().to_owned(), head.sequence);
    match (answered, files) {
        (Answered::At(mark, _), _) if mark == head.mark() || mark.sequence < sequence => Ok(()),
        // The files of an older copy would match their checksums: this is damage.
        (Answered::At(mark, _), Comparison::Changed(place)) => {
            let last = mark.sequence;
            let found = format!("{place}; the last readable commit is {sequence} of {last}");
            Err(OpenError::Damaged { path, found })
        }
        _ if older == Older::Accepted => Ok(()),
        (Answered::At(Mark { sequence: answered, .. }, _), _) => {
            Err(OpenError::Older { path, sequence, answered })
        }
        (Answered::Nothing | Answered::Unreadable, _) => Err(OpenError::Unanswered {
            path,
            file: folder.answered().to_owned(),
            sequence,
            missing: answered == Answered::Nothing,
        }),
    }
}

/// Refuses a store that ends before the last answered commit because of damage. Sled stops at a
/// damaged message; in an older copy, no valid message follows the end.
pub(super) fn require_undamaged_end(
    folder: &Folder,
    head: &Head,
    answered: Answered,
) -> Result<(), OpenError> {
    let (path, end) = (folder.path(), head.sequence);
    let Answered::At(Mark { sequence: last, .. }, _) = answered else { return Ok(()) };
    if last <= end {
        return Ok(());
    }
    let damage = Log::open(path).and_then(|log| log.first_damage());
    let Some((at, length)) = damage.map_err(|error| folder.error(&error))? else { return Ok(()) };
    let found = format!(
        "{length} bytes of `db` at {at} are damaged; the last readable commit before them is {end} of \
         {last}"
    );
    Err(OpenError::Damaged { path: path.to_owned(), found })
}

/// The error for a database with this fault.
pub(super) fn refused(path: &Path, fault: Fault, files: &Comparison) -> OpenError {
    let path = path.to_owned();
    match fault {
        Fault::OtherKey => OpenError::OtherKey { path },
        Fault::Newer(format) => OpenError::Newer { path, format },
        Fault::Damaged(found) => {
            let found = match files {
                Comparison::Changed(place) => format!("{place}; {found}"),
                Comparison::NotClosed | Comparison::Unchanged => found,
            };
            OpenError::Damaged { path, found }
        }
    }
}
