//! Earlier organizations that had the id of a present one.
//!
//! What the gateway keeps about a deleted organization, entries of the audit log and refused requests,
//! names it by its id. A scope that names the id is about the present organization only.

use std::sync::Arc;

use jiff::Timestamp;

use super::audit::{BY_ENDED, Entry};
use super::kind;
use portcullis_store::{Key, Record, Store, StoreError};

/// The newest entry about the deletion of an organization with this id.
///
/// # Errors
/// When the store is unavailable.
pub(super) async fn deletion(
    store: &Arc<dyn Store>,
    organization: &str,
) -> Result<Option<Record>, StoreError> {
    let key = Key::new(BY_ENDED, organization);
    Ok(store.list_back(kind::AUDIT, Some(&key), None, 1).await?.pop())
}

/// When an organization with this id was last deleted.
///
/// # Errors
/// When the store is unavailable, or the entry is damaged.
pub(super) async fn deleted_at(
    store: &Arc<dyn Store>,
    organization: &str,
) -> Result<Option<Timestamp>, StoreError> {
    let Some(record) = deletion(store, organization).await? else { return Ok(None) };
    let entry: Entry = serde_json::from_slice(&record.doc).map_err(|error| {
        StoreError::Damaged { kind: kind::AUDIT, id: record.id.clone(), cause: error.to_string() }
    })?;
    Ok(Some(entry.time))
}
