//! The invitations that are sent to another address than the login, although the login is one (R41).

use super::changed_users::ChangedUser;
use crate::credential::folding::fold;
use crate::email;

/// An invitation whose address was not chosen, and is not the login.
#[derive(Debug)]
pub(super) struct SentElsewhere {
    pub(super) login: String,
    pub(super) to: String,
}

/// The new invitations of these users that go elsewhere.
pub(super) fn sent_elsewhere(users: &[ChangedUser]) -> Vec<SentElsewhere> {
    users.iter().filter_map(SentElsewhere::of).collect()
}

impl SentElsewhere {
    fn of(user: &ChangedUser) -> Option<Self> {
        let after = user.after.as_ref()?;
        let link = after.doc.invitation.as_ref()?;
        let before = user.before.as_ref().and_then(|before| before.doc.invitation.as_ref());
        if link.to_chosen || before.is_some_and(|before| before.token == link.token) {
            return None;
        }
        let (login, to) = (&after.doc.login, link.to.as_ref()?);
        let is_elsewhere = email::address(login).is_ok() && fold(login) != fold(to);
        is_elsewhere.then(|| Self { login: login.clone(), to: to.clone() })
    }
}
