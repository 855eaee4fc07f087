//! Stores of versions before format 1, which have no digest.

use super::answered::Answered;
use super::check;
use super::checksums::Comparison;
use super::completeness::{Checked, Older, refused, require_answered};
use super::database::Database;
use super::error::OpenError;
use super::failure::folder_error;
use super::folder::Folder;
use super::head::{HEAD, META, Meta};
use crate::StoreKey;

/// Adds the format version and the digest. A copy of the store from before is kept.
pub(super) fn migrate(folder: Folder, key: &StoreKey, older: Older) -> Result<Checked, OpenError> {
    let path = folder.path().to_owned();
    let fault = |error| folder_error(&path, &error);
    let refused = |fault| refused(&path, fault, &Comparison::NotClosed);
    let found = check::read_copy(&folder, key)?.map_err(refused)?;
    if found.is_versioned() {
        // A migration was interrupted, or the files beside the database are missing.
        let head = found.verify(key).map_err(refused)?;
        let answered = match folder.was_migrating() {
            true => Answered::At(head.mark(), 0),
            false => Answered::Nothing,
        };
        require_answered(&folder, &head, answered, &Comparison::NotClosed, older)?;
        let database = Database::open(folder)?;
        return Ok(Checked { database, head, answered: Answered::Nothing });
    }
    let head = found.verify_unversioned().map_err(refused)?;
    folder.keep_unversioned().and_then(|()| folder.mark_migrating()).map_err(fault)?;
    let database = Database::open(folder)?;
    let mut batch = sled::Batch::default();
    batch.insert(META, Meta { format: 1, ..Meta::of(key) }.encode());
    batch.insert(HEAD, head.encode());
    database.write(batch)?;
    tracing::warn!(
        folder = %path.display(),
        "the store was migrated to format 1; the copy `before-format-1` in its folder can be removed"
    );
    Ok(Checked { database, head, answered: Answered::Nothing })
}
