//! Trials of the portal: a session of the operator's staff, in one browser, that may have everything
//! which is not closed, so that the requests of an unknown portal can be found out by clicking.
//!
//! A trial is asked for by an administrator of the whole gateway, with a reason. A one-time link starts
//! its session, as for views; the session ends with the rights of who asked for it, after the
//! trial's minutes, or when the trial is ended. What was seen is kept with the trial for 14 days.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Map, json};

use super::views::{IssuedView, LIFETIME, Views, not_parked};
use crate::credential::token::PlainToken;
use crate::directory::accounts::name;
use crate::directory::accounts::portal_sessions::ending;
use crate::directory::core::Core;
use crate::directory::error::{AttemptError, DirectoryError};
use crate::directory::records::audit::Occurrence;
use crate::directory::records::{
    Actor, Authority, Change, Organization, OrganizationId, Stored, Trial, TrialId, TrialRow,
    TrialSession, ViewLink, ViewLinkId, kind, present, put, retry,
};
use portcullis_store::{Expect, StoreError, Write};

/// How long a trial lasts if nothing else is asked for, and at most, in minutes.
pub const USUAL_MINUTES: u8 = 30;
pub const MOST_MINUTES: u8 = 60;
/// How long a trial is kept after its end.
const KEPT: SignedDuration = SignedDuration::from_hours(14 * 24);
/// The most trials that are kept; the oldest are removed first.
const MOST_KEPT: usize = 50;
/// How many rows are read or removed at a time.
const BATCH: usize = 500;

/// What a trial is asked for with.
#[derive(Debug, Clone)]
pub struct NewTrial {
    /// The organization whose portal is tried; `None` if there is only one.
    pub organization: Option<OrganizationId>,
    /// How long it lasts: 1 to [`MOST_MINUTES`].
    pub minutes: u8,
    /// Why.
    pub reason: String,
}

/// How far a trial is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TrialState {
    /// Its link was not opened yet.
    Waiting,
    /// Its session is open.
    Running,
    /// It is over.
    Ended,
}

/// Trials of the portal.
#[derive(Debug, Clone)]
pub struct Trials {
    pub(in crate::directory) core: Core,
}

impl Trials {
    /// Creates a trial and the link that starts it, with an entry of the audit log.
    ///
    /// # Errors
    /// When the actor may not (I10), a value is not valid, there is no such organization, it
    /// is parked, or the store is unavailable.
    pub async fn request(
        &self,
        new: &NewTrial,
        change: &Change,
    ) -> Result<(TrialId, IssuedView), DirectoryError> {
        change.requires_over_gateway(Authority::Manage)?;
        let reason = name::reason("reason", &new.reason)?;
        if !(1..=MOST_MINUTES).contains(&new.minutes) {
            let message = format!("must be 1 to {MOST_MINUTES}");
            return Err(DirectoryError::invalid("minutes", message));
        }
        let views = Views { core: self.core.clone() };
        let expires = change.at.checked_add(LIFETIME).unwrap_or(Timestamp::MAX);
        retry(|| async {
            let organization = self.organization(new.organization.as_ref()).await?;
            not_parked(&organization)?;
            let id = TrialId::from(name::id_in_order(change.at));
            let staff = views.member(&change.actor, Authority::Manage).await?;
            let trial = Trial {
                organization: organization.id.clone(),
                staff: staff.clone(),
                reason: reason.clone(),
                minutes: new.minutes,
                created: change.at,
                opened: None,
                others: 0,
            };
            let link = ViewLink {
                organization: organization.id.clone(),
                user: None,
                trial: Some(id.clone()),
                staff,
                reason: reason.clone(),
                created: change.at,
                expires,
            };
            let token = PlainToken::generate();
            let commit = vec![
                put(&ViewLinkId::from(token.hash().to_string()), Expect::Absent, &link),
                put(&id, Expect::Absent, &trial),
                present::<Organization>(&organization.id),
            ];
            let about = [("trial", json!(id)), ("minutes", json!(new.minutes))];
            let mut entry = entry("trial.requested", &organization, about);
            entry.reason = Some(reason.clone());
            self.core.records.commit_noting(change, commit, entry).await?;
            Ok::<_, AttemptError>((id, IssuedView { token, expires }))
        })
        .await
    }

    /// The trials with their states, the newest first.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn list(
        &self,
        now: Timestamp,
    ) -> Result<Vec<(Stored<Trial>, TrialState)>, StoreError> {
        let mut trials = Vec::new();
        for trial in self.core.read().all_intact::<Trial>(None).await?.into_iter().rev() {
            let state = self.state(&trial, now).await?;
            trials.push((trial, state));
        }
        Ok(trials)
    }

    /// A trial with its state.
    ///
    /// # Errors
    /// When there is no such trial, or the store is unavailable.
    pub async fn show(
        &self,
        id: &TrialId,
        now: Timestamp,
    ) -> Result<(Stored<Trial>, TrialState), DirectoryError> {
        let trial = self.core.read().existing::<Trial>(id, None).await?;
        let state = self.state(&trial, now).await?;
        Ok((trial, state))
    }

    /// What was seen in a trial.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn rows(&self, id: &TrialId) -> Result<Vec<TrialRow>, StoreError> {
        let key = Trial::key(id);
        let rows = self.core.read().all_intact::<TrialRow>(Some(&key)).await?;
        Ok(rows.into_iter().map(|row| row.doc).collect())
    }

    /// Ends a trial: its session, and its link if that was not opened. What was seen stays.
    ///
    /// # Errors
    /// When the actor may not (I10), there is no such trial, or the store is unavailable.
    pub async fn end(&self, id: &TrialId, change: &Change) -> Result<(), DirectoryError> {
        change.requires_over_gateway(Authority::Manage)?;
        retry(|| async {
            let trial = self.core.read().existing::<Trial>(id, None).await?;
            let key = Trial::key(id);
            // The links first: one that is opened in between has become a session when sessions are
            // read, and one that is opened later conflicts with this commit.
            let links = self.core.read().all_intact::<ViewLink>(Some(&key)).await?;
            let (mut commit, sessions) = ending(&self.core, key).await?;
            if sessions == 0 && links.is_empty() {
                return Ok(());
            }
            commit.extend(links.iter().map(Stored::delete));
            let organization = self.core.read().get(&trial.doc.organization).await?;
            let entry = organization
                .map(|of| entry("trial.stopped", &of, [("trial", json!(id))]))
                .unwrap_or_else(|| {
                    let about = Map::from_iter([("trial".to_owned(), json!(id))]);
                    Occurrence::of_gateway("trial.stopped", about)
                });
            self.core.records.commit_noting(change, commit, entry).await?;
            Ok::<_, AttemptError>(())
        })
        .await
    }

    /// The session that the link of a trial starts now, and the write that notes that it was opened.
    /// `None` if the trial no longer exists or was opened before.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn opening(
        &self,
        id: &TrialId,
        now: Timestamp,
    ) -> Result<Option<(TrialSession, Write)>, StoreError> {
        let Some(trial) = self.core.whole().get::<Trial>(id).await? else { return Ok(None) };
        if trial.doc.opened.is_some() {
            return Ok(None);
        }
        let opened = Trial { opened: Some(now), ..trial.doc.clone() };
        let ends = opened.ends();
        let (write, _) = trial.replace(opened);
        Ok(Some((TrialSession { id: id.clone(), ends }, write)))
    }

    /// Removes the trials whose time is over, and the oldest of too many, with what was seen in them.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn remove_expired(&self, now: Timestamp) -> Result<(), StoreError> {
        let change = Change::new(Actor::System("removal of old trials"), now);
        let trials = self.core.whole().all_intact::<Trial>(None).await?;
        for (age, trial) in trials.iter().rev().enumerate() {
            let is_over = now.duration_since(trial.doc.ends()) > KEPT;
            if !is_over && (age < MOST_KEPT || now < trial.doc.ends()) {
                continue;
            }
            let key = Trial::key(&trial.id);
            loop {
                let rows = self.core.whole().list(kind::TRIAL_ROW, Some(&key), None, BATCH).await?;
                let is_last = rows.len() < BATCH;
                let delete = |id| Write::Delete { kind: kind::TRIAL_ROW, id, expect: Expect::Any };
                let mut writes: Vec<_> = rows.into_iter().map(|row| delete(row.id)).collect();
                if is_last {
                    writes.push(trial.delete());
                }
                let committed = self.core.commit(&change, writes).await;
                committed.map_err(|error| StoreError::Unavailable(error.to_string()))?;
                if is_last {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn state(&self, trial: &Stored<Trial>, now: Timestamp) -> Result<TrialState, StoreError> {
        let key = Trial::key(&trial.id);
        let reader = self.core.whole();
        if now < trial.doc.ends()
            && !reader.list(kind::SESSION, Some(&key), None, 1).await?.is_empty()
        {
            return Ok(TrialState::Running);
        }
        let links = reader.all_intact::<ViewLink>(Some(&key)).await?;
        let waits = links.iter().any(|link| now < link.doc.expires);
        Ok(if waits { TrialState::Waiting } else { TrialState::Ended })
    }

    /// The organization with this id, or the only one.
    async fn organization(
        &self,
        id: Option<&OrganizationId>,
    ) -> Result<Stored<Organization>, DirectoryError> {
        let reader = self.core.read();
        if let Some(id) = id {
            return reader.existing(id, None).await;
        }
        let two = reader.list(kind::ORGANIZATION, None, None, 2).await?;
        let message = match two.as_slice() {
            [only] => return reader.existing(&OrganizationId::from(&*only.id), None).await,
            [] => "there is no organization yet; create one to try the portal as",
            _ => "is missing; there are several organizations",
        };
        Err(DirectoryError::invalid("organization", message.to_owned()))
    }
}

/// An entry of the audit log about a trial of this organization's portal.
fn entry<const N: usize>(
    kind: &'static str,
    organization: &Stored<Organization>,
    about: [(&str, serde_json::Value); N],
) -> Occurrence {
    let about = about.into_iter().map(|(name, value)| (name.to_owned(), value));
    let name = &organization.doc.name;
    Occurrence::of_organization(kind, &organization.id, name, Map::from_iter(about))
}
