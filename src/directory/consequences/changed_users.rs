//! The portal users that were written.

use portcullis_store::StoreError;

use super::comparison::Comparison;
use super::standing::Standing;
use crate::directory::records::{Stored, User, UserId, UserStatus, kind};
use crate::directory::state::Snapshot;

/// A portal user that the dry run wrote or deleted.
pub(super) struct ChangedUser {
    pub(super) id: UserId,
    pub(super) before: Option<Stored<User>>,
    pub(super) after: Option<Stored<User>>,
}

impl ChangedUser {
    /// Whether sessions that are open now are no longer valid (R34).
    pub(super) fn may_end_sessions(&self) -> bool {
        let Some(before) = &self.before else { return false };
        self.after.as_ref().is_none_or(|after| {
            after.doc.password_generation != before.doc.password_generation
                || after.doc.status() != UserStatus::Active
        })
    }

    /// How the user gets in, before and after.
    pub(super) fn standings(&self, before: &Snapshot, after: &Snapshot) -> (Standing, Standing) {
        let standing = |user: &Option<Stored<User>>, snapshot: &Snapshot| {
            user.as_ref().map_or(Standing::Outside, |user| Standing::of(user, snapshot))
        };
        (standing(&self.before, before), standing(&self.after, after))
    }
}

impl Comparison<'_> {
    /// The portal users that the dry run wrote or deleted.
    pub(super) fn users(&self) -> Result<Vec<ChangedUser>, StoreError> {
        let users = self.differences.iter().filter(|it| it.kind == kind::USER);
        users
            .map(|it| {
                let decode = |record: &Option<_>| record.clone().map(Stored::decode).transpose();
                let (before, after) = (decode(&it.before)?, decode(&it.after)?);
                Ok(ChangedUser { id: UserId::from(it.id.clone()), before, after })
            })
            .collect()
    }
}
