//! Stores of format 1, which have no counts of index entries.

use std::collections::BTreeMap;

use super::database::Database;
use super::head::{FORMAT, HEAD, Head, META, Meta};
use super::layout;
use crate::{StoreError, StoreKey, number_id};

/// Adds the counts to a store of format 1, in one sled batch: after a crash, the store has either
/// format. Returns the head of the store, which is a commit later if there was something to add.
pub(super) fn upgrade(database: &Database, key: &StoreKey, head: Head) -> Result<Head, StoreError> {
    let meta = database.get(META)?;
    if meta.as_deref().and_then(Meta::decode).is_none_or(|meta| meta.format >= FORMAT) {
        return Ok(head);
    }
    let mut counts: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    for place in database.scan_prefix(b"i").keys() {
        let place = place?;
        let is_appended = layout::parse_key(&place, &[]).is_some_and(|key| is_number(key.id));
        if let Some(count) = layout::count_of(&place).filter(|_| !is_appended) {
            *counts.entry(count).or_default() += 1;
        }
    }
    let mut head = Head { sequence: head.sequence + 1, ..head };
    let mut batch = sled::Batch::default();
    for (place, count) in counts {
        let count = count.to_be_bytes();
        head.digest.add(key, &place, &count);
        batch.insert(place, &count);
    }
    batch.insert(META, Meta::of(key).encode());
    batch.insert(HEAD, head.encode());
    database.write(batch).inspect_err(|_| database.skip_checksums())?;
    tracing::info!(
        folder = %database.folder().path().display(),
        "the store was upgraded to format 2; earlier releases cannot open it"
    );
    Ok(head)
}

/// Whether this is the id of an appended record.
pub(super) fn is_number(id: &str) -> bool {
    id.parse().is_ok_and(|number| number_id(number) == id)
}
