//! Open sessions that a dry run would end.

use std::collections::HashSet;

use jiff::Timestamp;

use super::filter::SessionFilter;
use super::list::SessionView;
use super::record::{SESSION, SessionRecord};
use super::sessions::{PAGE, Sessions};
use crate::credential::token::TokenHash;
use crate::directory::consequences::{Consequences, EndedSessions, LinkChange};
use crate::directory::dry_run::DryRun;
use crate::directory::records::kind;
use portcullis_policy::SessionKind;
use portcullis_store::{Kind, StoreError};

impl Sessions {
    /// The sessions that are open now and that a dry run with the sessions `after` would end.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn ended_by(
        &self,
        dry: &DryRun,
        consequences: &Consequences,
        after: &Self,
        now: Timestamp,
    ) -> Result<EndedSessions, StoreError> {
        let mut ended = EndedSessions::default();
        let mut seen = HashSet::new();
        for difference in dry.overlay.differences().await {
            let Some(record) = difference.before.filter(|_| difference.kind == SESSION) else {
                continue;
            };
            let Some(key) = TokenHash::parse(&record.id) else { continue };
            let view = self.open(key, SessionRecord::read(&record)?, now).await?;
            if let Some(view) = view
                && !after.admits(key, now).await?
                && seen.insert(view.id.clone())
            {
                ended.add(&view);
            }
        }
        let mut of_staff = Vec::new();
        let may_end = |kind: Kind| matches!(kind, kind::ADMINISTRATOR | kind::API_TOKEN);
        if dry.overlay.differences().await.iter().any(|difference| may_end(difference.kind)) {
            of_staff =
                [SessionKind::Staff, SessionKind::Impersonation, SessionKind::Trial].to_vec();
        }
        let users = consequences.users.iter().cloned().map(SessionFilter::User);
        let links = consequences.links.iter().filter(|link| LinkChange::ends_sessions(link));
        let links = links.map(|link| SessionFilter::Organization(link.organization.clone()));
        let parked = consequences.parked.iter().cloned().map(SessionFilter::Organization);
        let of_staff = of_staff.into_iter().map(|kind| (SessionFilter::All, Some(kind)));
        for (filter, kind) in
            users.chain(links).chain(parked).map(|filter| (filter, None)).chain(of_staff)
        {
            let mut next = None;
            loop {
                let (page, more) =
                    self.list_of_kind(&filter, kind, next.as_deref(), PAGE, now).await?;
                for view in page {
                    let Some(key) = TokenHash::parse(&view.id) else { continue };
                    if !seen.contains(&view.id) && !after.admits(key, now).await? {
                        ended.add(&view);
                        seen.insert(view.id);
                    }
                }
                next = more;
                if next.is_none() {
                    break;
                }
            }
        }
        if consequences.switches_portal() {
            ended.kept = self.count_open(now).await?;
        }
        Ok(ended)
    }

    /// Whether there is such a session, and its user or link admits it; its age does not matter.
    async fn admits(&self, key: TokenHash, now: Timestamp) -> Result<bool, StoreError> {
        let Some(record) = self.records().read().record(SESSION, &key.to_string()).await? else {
            return Ok(false);
        };
        let snapshot = self.directory.snapshot();
        let session = SessionRecord::read(&record)?;
        Ok(self.subject(&session, &snapshot, Timestamp::MAX, now).await?.is_some())
    }

    async fn count_open(&self, now: Timestamp) -> Result<usize, StoreError> {
        let (mut count, mut next) = (0, None);
        loop {
            let (page, more) = self.list(&SessionFilter::All, next.as_deref(), PAGE, now).await?;
            count += page.len();
            next = more;
            if next.is_none() {
                return Ok(count);
            }
        }
    }
}

impl EndedSessions {
    fn add(&mut self, view: &SessionView) {
        if view.kind == SessionKind::Link.name() {
            *self.links.entry(view.organization.clone()).or_default() += 1;
        } else {
            self.users += 1;
        }
    }
}
