//! The end of sessions in the portal, in the commit of the change that ends them.

use crate::directory::core::Core;
use crate::directory::records::kind;
use portcullis_store::{Expect, Key, StoreError, Write};

/// How many sessions are read at a time.
const BATCH: usize = 500;

/// The writes that end the sessions in the portal which have this index key, and their number. One
/// that starts at the same time is found on the next attempt.
///
/// # Errors
/// When the store is unavailable.
pub(in crate::directory) async fn ending(
    core: &Core,
    key: Key,
) -> Result<(Vec<Write>, usize), StoreError> {
    let (mut writes, mut after) = (Vec::new(), None::<String>);
    loop {
        let sessions =
            core.whole().list(kind::SESSION, Some(&key), after.as_deref(), BATCH).await?;
        after = sessions.last().map(|session| session.id.clone());
        let is_last = sessions.len() < BATCH;
        let delete = |id| Write::Delete { kind: kind::SESSION, id, expect: Expect::Any };
        writes.extend(sessions.into_iter().map(|session| delete(session.id)));
        if is_last {
            let ended = writes.len();
            writes.push(Write::RequireNone { kind: kind::SESSION, key });
            return Ok((writes, ended));
        }
    }
}
