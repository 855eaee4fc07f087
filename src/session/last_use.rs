//! The last use of a session: recorded in memory, and saved to the store from time to time.
//!
//! After a crash an idle session may end early, by at most a tenth of its idle limit, never late.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

use super::cache::Cached;
use super::record::{SESSION, SessionRecord};
use super::sessions::{Sessions, millis};
use crate::credential::token::TokenHash;
use crate::directory::records::Records;
use crate::directory::{Actor, Change};
use portcullis_store::{CommitError, Expect};

/// The last use is saved at most this often within the idle limit.
const SAVES_PER_IDLE_LIMIT: i64 = 10;

impl Sessions {
    /// Records a use: in memory, and from time to time in the store. The request does not wait for
    /// the store.
    pub(super) fn touch(&self, key: &TokenHash, session: &Arc<Cached>, now: Timestamp) {
        let now = now.as_millisecond();
        session.last_seen.fetch_max(now, Ordering::Relaxed);
        let created = millis(session.created.load(Ordering::Relaxed));
        let idle = session.lifetime(created).idle(&self.limits.load()).as_millis();
        let idle = i64::try_from(idle).unwrap_or(i64::MAX);
        let saved = session.last_saved.load(Ordering::Relaxed);
        // A time in the future was saved before the clock was set back.
        let is_recent = saved <= now && now - saved < idle / SAVES_PER_IDLE_LIMIT;
        if is_recent
            || session
                .last_saved
                .compare_exchange(saved, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_err()
        {
            return;
        }
        let (records, key) = (self.records().clone(), *key);
        tokio::spawn(async move {
            if let Err(error) = save_use(&records, &key, (created, millis(now))).await {
                tracing::debug!(%error, "the last use of a session was not saved");
            }
        });
    }
}

/// Saves the time of the last use, on condition that the record is still the one just read: a
/// session that has ended in between must not be written again.
async fn save_use(
    records: &Records,
    key: &TokenHash,
    (created, now): (Timestamp, Timestamp),
) -> Result<(), CommitError> {
    let Some(record) = records.read().record(SESSION, &key.to_string()).await? else {
        return Ok(());
    };
    let mut session = SessionRecord::read(&record)?;
    session.created = session.created.min(created);
    session.last_seen = now;
    let change = Change::new(Actor::System("last use of a session"), now);
    records.commit(&change, vec![session.put(key, Expect::Version(record.version))?]).await?;
    Ok(())
}

/// The time, but not after `now`. A later one was recorded before the clock was set back; it is set
/// to `now`, so that the session does not last longer.
pub(super) fn no_later(time: &AtomicI64, now: Timestamp) -> Timestamp {
    let recorded = millis(time.load(Ordering::Relaxed));
    if recorded > now {
        time.fetch_min(now.as_millisecond(), Ordering::Relaxed);
    }
    recorded.min(now)
}
