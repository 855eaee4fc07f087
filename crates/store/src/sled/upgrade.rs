//! Stores of earlier formats: 1 and 2, which have an entry for each index key of each record, and 3,
//! which has one for each appended record.

use std::collections::BTreeMap;

use super::before_upgrade;
use super::blocks;
use super::database::Database;
use super::head::{FORMAT, HEAD, Head, META, Meta};
use super::layout;
use crate::{StoreError, StoreKey};

/// Puts the ids of records with an index key together in blocks, and counts them, in one sled batch:
/// after a crash, the store has either format. A backup is written first. Returns the head of the
/// store, which is a commit later if its format has changed. Holds all index keys in memory, some
/// hundred bytes each. From format 3, nothing else changes: appended records that have an entry each
/// keep it.
pub(super) fn upgrade(database: &Database, key: &StoreKey, head: Head) -> Result<Head, StoreError> {
    let meta = database.get(META)?.as_deref().and_then(Meta::decode);
    let Some(Meta { format: from, .. }) = meta.filter(|meta| meta.format < FORMAT) else {
        return Ok(head);
    };
    before_upgrade::back_up(database, key, &head, from)?;
    let mut head = Head { sequence: head.sequence + 1, ..head };
    let mut batch = sled::Batch::default();
    let mut by_key: BTreeMap<Vec<u8>, Vec<sled::IVec>> = BTreeMap::new();
    let single_keys = (from < 3).then(|| database.scan_prefix(b"i"));
    for entry in single_keys.into_iter().flatten() {
        let (place, value) = entry?;
        let Some((prefix, _)) = layout::index_parts(&place) else { continue };
        head.digest.remove(key, &place, &value);
        by_key.entry(prefix.to_vec()).or_default().push(place.clone());
        batch.remove(place);
    }
    for (prefix, places) in by_key {
        let ids: Vec<_> = places.iter().filter_map(|place| place.get(prefix.len()..)).collect();
        // Those of appended records are not counted.
        let counted =
            ids.iter().filter(|id| !str::from_utf8(id).is_ok_and(blocks::is_number)).count() as u64;
        if from < 2
            && counted > 0
            && let Some(place) = layout::counted(&prefix)
        {
            let counted = counted.to_be_bytes();
            head.digest.add(key, &place, &counted);
            batch.insert(place, &counted);
        }
        for (place, block) in blocks::filled(&prefix, &ids) {
            head.digest.add(key, &place, &block);
            batch.insert(place, block);
        }
    }
    batch.insert(META, Meta::of(key).encode());
    batch.insert(HEAD, head.encode());
    database.write(batch).inspect_err(|_| database.skip_checksums())?;
    tracing::info!(
        folder = %database.folder().path().display(),
        "the store was upgraded to format {FORMAT}; earlier releases cannot open it"
    );
    Ok(head)
}
