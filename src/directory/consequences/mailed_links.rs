//! The mailed links on which a password is chosen, and that no longer work: invitations (R40) and
//! reset links (R33).
//!
//! A link depends on its user, and on the address that it would be mailed to today. So one can end
//! although its user is not written. A link that a newer one replaces is not among them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use portcullis_store::overlay::Difference;
use portcullis_store::{Key, Record, Search, StoreError};

use super::changed_users::ChangedUser;
use super::comparison::Comparison;
use crate::directory::accounts::mailed_link;
use crate::directory::error::DirectoryError;
use crate::directory::records::{
    EndUser, Occasion, Organization, Reader, Stored, User, UserId, UserStatus, kind,
};

/// How many users are read at a time.
const PAGE: usize = 1000;

/// A link that works before and not after.
#[derive(Debug)]
pub(super) struct EndedLink {
    pub(super) occasion: Occasion,
    /// The login before.
    pub(super) login: String,
}

impl Comparison<'_> {
    /// The links that end, by the ids of their users.
    pub(super) async fn ended_links(
        &self,
        users: &[ChangedUser],
        now: Timestamp,
    ) -> Result<Vec<EndedLink>, StoreError> {
        let mut concerned: BTreeMap<UserId, Stored<User>> = BTreeMap::new();
        for before in users.iter().filter_map(|user| user.before.as_ref()) {
            concerned.insert(before.id.clone(), before.clone());
        }
        for key in self.changed_addresses()? {
            let mut search =
                Search { all: vec![key, UserStatus::Invited.key()], ..Search::default() };
            loop {
                let found = self.real.search::<User>(&search, PAGE).await?;
                let invited = found.records.into_iter();
                let invited = invited.filter_map(|(_, record)| Stored::decode_intact(record));
                concerned.extend(invited.map(|user: Stored<User>| (user.id.clone(), user)));
                search.after = found.next;
                if search.after.is_none() {
                    break;
                }
            }
        }
        let mut ended = Vec::new();
        for (id, before) in concerned {
            for occasion in [Occasion::Invitation, Occasion::Reset] {
                if !works(self.real, occasion, &before.doc, now).await? {
                    continue;
                }
                let works_after = match self.dry.get::<User>(&id).await? {
                    Some(after) => works(self.dry, occasion, &after.doc, now).await?,
                    None => false,
                };
                if !works_after {
                    ended.push(EndedLink { occasion, login: before.doc.login.clone() });
                }
            }
        }
        Ok(ended)
    }

    /// The index keys of the users of organizations and end users whose address is another one.
    fn changed_addresses(&self) -> Result<Vec<Key>, StoreError> {
        let mut keys = Vec::new();
        for Difference { kind, id, before: record, after, .. } in self.differences {
            let Some(before) = record else { continue };
            let (name, is_changed) = match *kind {
                kind::ORGANIZATION => {
                    let email = |record: &Record| {
                        Stored::<Organization>::decode(record.clone()).map(|it| it.doc.email)
                    };
                    let after = after.as_ref().map(email).transpose()?;
                    ("organization", Some(email(before)?) != after)
                }
                kind::END_USER => {
                    let email = |record: &Record| {
                        Stored::<EndUser>::decode(record.clone()).map(|it| it.doc.email)
                    };
                    let after = after.as_ref().map(email).transpose()?;
                    ("end_user", Some(email(before)?) != after)
                }
                _ => continue,
            };
            keys.extend(is_changed.then(|| Key::new(name, id.as_str())));
        }
        Ok(keys)
    }
}

/// Whether a user has a link on which a password can be chosen now.
async fn works(
    reader: &Reader,
    occasion: Occasion,
    user: &User,
    now: Timestamp,
) -> Result<bool, StoreError> {
    match mailed_link::current(reader, occasion, user).await {
        Ok(link) => Ok(link.is_some_and(|(link, _)| now < link.expires)),
        Err(DirectoryError::Store(error)) => Err(error),
        Err(_) => Ok(false),
    }
}
