//! What an entry of the audit log costs a commit, for `benches/audit_entry.rs`.

use super::*;
use crate::directory::records::{Stored, UserId};

/// A commit that changes a portal user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measured {
    /// As every operation makes it.
    Whole,
    /// Without the entry of the audit log.
    WithoutEntry,
    /// The write alone: also without the checks of the actor, and without the line of the log.
    WriteAlone,
}

impl Records {
    /// Requires a second factor of a portal user, or no longer.
    pub(crate) async fn change_user(
        &self,
        id: &UserId,
        change: &Change,
        measured: Measured,
    ) -> Result<Committed, CommitError> {
        let absent = || CommitError::Conflict { kind: kind::USER, id: id.to_string() };
        let user: Stored<User> = self.reader.get(id).await?.ok_or_else(absent)?;
        let doc = User { require_mfa: !user.doc.require_mfa, ..user.doc.clone() };
        let writes = vec![user.replace(doc).0];
        match measured {
            Measured::Whole => self.commit(change, writes).await,
            Measured::WithoutEntry => self.commit_without_entries(change, writes).await,
            Measured::WriteAlone => self.apply(writes).await,
        }
    }

    /// As [`Self::commit`], except for the entries.
    async fn commit_without_entries(
        &self,
        change: &Change,
        mut writes: Vec<Write>,
    ) -> Result<Committed, CommitError> {
        let (change, conditions) = current(self.reader.whole(), change, &writes).await?;
        let change = &*change;
        let replaced = self.replaced(&writes).await?;
        permitted::check(self.reader.whole(), &change.actor, &writes, &replaced).await?;
        managed::check(&change.marks, &writes, &replaced)?;
        let logged = change_log::of(change, &writes, &replaced);
        writes.extend(conditions);
        let committed = self.apply(writes).await?;
        for line in &logged {
            line.log(&change.actor);
        }
        Ok(committed)
    }
}
