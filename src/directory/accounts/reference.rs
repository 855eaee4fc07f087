//! Ids in a request that must exist. The error for one that does not names a similar one.

use crate::directory::error::DirectoryError;
use crate::directory::records::Reader;
use crate::directory::records::document::Document;
use portcullis_policy::did_you_mean;

/// How many records are searched for a similar id.
const SEARCHED: usize = 1000;

/// Checks that a record exists.
///
/// # Errors
/// [`DirectoryError::Invalid`] for the field, with a similar id if there is one.
pub(in crate::directory) async fn require<T: Document>(
    reader: &Reader,
    field: &'static str,
    id: &T::Id,
) -> Result<(), DirectoryError> {
    if reader.get::<T>(id).await?.is_some() {
        return Ok(());
    }
    let error = DirectoryError::not_found(T::KIND, id.as_ref());
    let records = reader.records::<T>(None, None, SEARCHED).await?;
    let suggestion = did_you_mean(id.as_ref(), records.iter().map(|record| &*record.id));
    Err(DirectoryError::invalid(field, format!("{error}{suggestion}")))
}
