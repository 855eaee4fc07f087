//! The organizations that an account or a token is limited to, as they are given.

use crate::directory::error::DirectoryError;
use crate::directory::records::{Organization, Reader, Scope, present};
use portcullis_store::Write;

/// The most organizations that a scope can have.
const MOST: usize = 1000;

/// The conditions of a commit that gives an account or a token this scope: each of the
/// organizations exists.
///
/// # Errors
/// [`DirectoryError::Invalid`] for an organization that does not exist, a scope without any, or one
/// with too many; or when the store is unavailable.
pub(super) async fn existing(reader: &Reader, scope: &Scope) -> Result<Vec<Write>, DirectoryError> {
    let Some(organizations) = scope.limited() else { return Ok(Vec::new()) };
    if organizations.is_empty() {
        let message = "name at least one organization, or give `null` for all";
        return Err(DirectoryError::invalid("scope", message));
    }
    if organizations.len() > MOST {
        let message = format!("cannot have more than {MOST} organizations");
        return Err(DirectoryError::invalid("scope", message));
    }
    for id in organizations {
        let found = reader.existing::<Organization>(id, None).await;
        found.map_err(|error| error.in_field("scope"))?;
    }
    Ok(organizations.iter().map(present::<Organization>).collect())
}
