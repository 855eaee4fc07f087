//! How the consequences of a dry run are put together.

use std::sync::Arc;

use jiff::Timestamp;
use portcullis_store::StoreError;
use portcullis_store::overlay::Difference;

use super::comparison::Comparison;
use super::effects::Consequences;
use super::invitations::sent_elsewhere;
use super::tally::Tally;
use crate::directory::Directory;
use crate::directory::access::administrators::AdminRules;
use crate::directory::dry_run::DryRun;
use crate::directory::records::{Mail, MailState, Stored, kind};

impl DryRun {
    /// What the dry run would change in the directory that it was made from. The rules and the time
    /// are those by which sessions, links and tokens are still open.
    ///
    /// # Errors
    /// When the store is unavailable, or a record is damaged.
    pub async fn consequences(
        &self,
        real: &Directory,
        rules: AdminRules,
        now: Timestamp,
    ) -> Result<Consequences, StoreError> {
        let differences = self.overlay.differences().await;
        let (before, after) = (Arc::clone(&self.before), Arc::clone(&self.directory.snapshot()));
        let comparison = Comparison {
            before: &before,
            after: &after,
            real: real.records().read(),
            dry: self.directory.records().read(),
            differences: &differences,
        };
        let users = comparison.users()?;
        let links = comparison.links(&users).await?;
        let shifts = comparison.shifts(&users, &links).await?;
        let tally = Tally::of(&before, &after, &shifts);
        Ok(Consequences {
            gains: tally.gains,
            loses: tally.loses,
            access: tally.access,
            routes: tally.routes,
            links: links.changes,
            mails: mails(&differences)?,
            users: users
                .iter()
                .filter(|user| user.may_end_sessions())
                .map(|it| it.id.clone())
                .collect(),
            admin_sessions: comparison.ended_admin_sessions(rules, now).await?,
            ended_links: comparison.ended_links(&users, now).await?,
            sent_elsewhere: sent_elsewhere(&users),
            revoked_tokens: comparison.revoked_tokens(&users, now).await?,
            parked: after
                .all_parked()
                .filter(|id| before.parked(id.as_str()).is_none())
                .cloned()
                .collect(),
            without_access: comparison.stranded(&users).await?,
            before,
            after,
        })
    }
}

/// How many mails were written that wait to be sent, or that are to be sent again.
fn mails(differences: &[Difference]) -> Result<usize, StoreError> {
    let mut mails = 0;
    for Difference { before, after, .. } in differences.iter().filter(|it| it.kind == kind::MAIL) {
        let state = |record: &Option<_>| -> Result<Option<MailState>, StoreError> {
            let stored = record.clone().map(Stored::<Mail>::decode).transpose()?;
            Ok(stored.map(|mail| mail.doc.state))
        };
        let is_waiting = |state: &MailState| matches!(state, MailState::Waiting { .. });
        let (before, after) = (state(before)?, state(after)?);
        mails += usize::from(after.as_ref().is_some_and(is_waiting) && before != after);
    }
    Ok(mails)
}
