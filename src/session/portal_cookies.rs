//! The portal's own cookies in a session (`session.portal_cookies`). A portal keeps a sign-in of its
//! own in them, which must not outlive ours.
//!
//! The session's record keeps what identifies such a cookie in a browser: name, path, domain and
//! whether it is partitioned. The cookies are expired when the user signs out, and when another
//! person starts a session in that browser. The next session of the same person takes them over. The
//! record is written when a cookie is new to it, not on each request.

use jiff::Timestamp;

use super::portal_cookie::PortalCookie;
use super::record::{SESSION, SessionRecord};
use super::sessions::{Sessions, TRIES, busy, millis, store_fault};
use super::staff::OfStaff;
use super::start_staff::StaffEvent;
use crate::credential::token::TokenHash;
use crate::directory::records::audit::Occurrence;
use crate::directory::{Actor, Change, UserId};
use crate::telemetry::events::Event;
use portcullis_store::{CommitError, Expect, StoreError, Write};

/// The most cookies that a session's record keeps.
const MOST: usize = 32;

/// A session that another one replaces, or that ends.
pub(super) struct Replaced {
    /// The portal's cookies to expire; `None` if the next session is of the same person, which takes
    /// them over.
    pub(super) cookies: Option<Vec<PortalCookie>>,
    /// The write that ends it.
    pub(super) end: Write,
    /// The session, if it is of staff.
    of_staff: Option<Box<(TokenHash, SessionRecord)>>,
}

impl Sessions {
    /// Records cookies that the portal sets in a session. Returns `false` if the session has ended,
    /// or would have more than [`MOST`]. Nothing is written unless one of them is new.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn note_portal_cookies(
        &self,
        key: TokenHash,
        cookies: &[PortalCookie],
        change: &Change,
    ) -> Result<bool, StoreError> {
        for _ in 0..TRIES {
            let Some(session) = self.cached(&key).await? else { return Ok(false) };
            if cookies.iter().all(|cookie| session.portal_cookies.contains(cookie)) {
                return Ok(true);
            }
            let Some(record) = self.records().read().record(SESSION, &key.to_string()).await?
            else {
                return Ok(false);
            };
            let mut stored = SessionRecord::read(&record)?;
            for cookie in cookies {
                if !stored.portal_cookies.contains(cookie) {
                    stored.portal_cookies.push(cookie.clone());
                }
            }
            if stored.portal_cookies.len() > MOST {
                tracing::warn!("a session has more cookies of the portal than can be recorded");
                return Ok(false);
            }
            // This write removes the session from memory, and with it the time of its last use, so
            // that is written too.
            let [created, last_seen] = session.times();
            (stored.created, stored.last_seen) = (millis(created), millis(last_seen));
            let write = stored.put(&key, Expect::Version(record.version))?;
            match self.records().commit(change, vec![write]).await {
                Ok(_) => return Ok(true),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(store_fault(error)),
            }
        }
        Err(busy())
    }

    /// Ends the session of a browser. One of the operator's staff ends in their name. Returns the cookies that the portal has set in it.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn sign_out(
        &self,
        key: &TokenHash,
        change: &Change,
    ) -> Result<Vec<PortalCookie>, StoreError> {
        for _ in 0..TRIES {
            let Some(Replaced { cookies, end, .. }) = self.replaced(key, None).await? else {
                return Ok(Vec::new());
            };
            let session = self.cached(key).await.ok().flatten();
            let staff = session.as_ref().and_then(|session| session.staff.as_ref());
            let (change, entry) = match (&session, staff) {
                (Some(session), Some(staff)) => {
                    let of_staff = OfStaff::of_cached(session);
                    let entry = self.staff_entry(StaffEvent::Stopped, of_staff).await?;
                    let actor = Actor::Staff(staff.member.clone());
                    (&Change { actor, ..change.clone() }, Some(entry))
                }
                _ => (change, None),
            };
            match self.records().commit_noting(change, vec![end], entry).await {
                Ok(_) => {
                    if let Some(session) = session.filter(|session| session.staff.is_none()) {
                        let user = session.user.as_ref().map(UserId::as_str);
                        let organization = session.organization.as_str();
                        Event::SignOut { user, organization }.log();
                    }
                    return Ok(cookies.unwrap_or_default());
                }
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(store_fault(error)),
            }
        }
        Err(busy())
    }

    /// What becomes of the session which `next` replaces; `None` if there is no such session.
    pub(super) async fn replaced(
        &self,
        key: &TokenHash,
        next: Option<&mut SessionRecord>,
    ) -> Result<Option<Replaced>, StoreError> {
        let Some(record) = self.records().read().record(SESSION, &key.to_string()).await? else {
            return Ok(None);
        };
        // At this version, so that no cookie is recorded in between.
        let expect = Expect::Version(record.version);
        let end = Write::Delete { kind: SESSION, id: record.id.clone(), expect };
        let mut old = match SessionRecord::read(&record) {
            Ok(old) => old,
            Err(error) => {
                tracing::error!(%error, "the record of a session that ends cannot be read");
                return Ok(Some(Replaced { cookies: None, end, of_staff: None }));
            }
        };
        let cookies = std::mem::take(&mut old.portal_cookies);
        let cookies = match next {
            Some(next) if next.is_same_person_as(&old) => {
                next.portal_cookies = cookies;
                None
            }
            _ => Some(cookies),
        };
        let of_staff = old.staff.is_some().then(|| Box::new((*key, old)));
        Ok(Some(Replaced { cookies, end, of_staff }))
    }

    /// The entry of the audit log about a session of staff that is replaced; `None` for others.
    pub(super) async fn replaced_entry(
        &self,
        replaced: Option<&Replaced>,
        now: Timestamp,
    ) -> Result<Option<Occurrence>, StoreError> {
        let of_staff = replaced.and_then(|replaced| replaced.of_staff.as_deref());
        let Some((key, session)) = of_staff else { return Ok(None) };
        let seen = self.last_seen(key, session);
        let event = match session.valid_until(seen, &self.limits.load()) <= now {
            true => StaffEvent::Expired,
            false => StaffEvent::Stopped,
        };
        self.staff_entry(event, OfStaff::of_record(session)).await.map(Some)
    }
}

#[cfg(test)]
mod tests;
