//! The cached snapshot and facts, kept current by the change feed (I2).

use std::fmt;
use std::sync::Arc;

use super::disclosed::{Disclosed, FieldText, PersonTexts};
use super::facts::{OrganizationFacts, UserFacts};
use super::route_hits::RouteHits;
use super::snapshot::{GroupInForce, ParkedOrganizations, Snapshot};
use super::token_facts::UserTokenFacts;
use crate::config::Disclosure;
use crate::credential::token::TokenHash;
use crate::directory::records::{
    self, EndUser, EndUserId, Group, Organization, OrganizationId, Parked, Preferences, Reader,
    Stored, User, UserId, UserToken, UserTokenId, kind,
};
use crate::telemetry::events::Event;
use arc_swap::{ArcSwap, Guard};
use async_trait::async_trait;
use portcullis_policy::{Policy, PolicyProblems, built_in};
use portcullis_store::cache::FreshCache;
use portcullis_store::feed::Follower;
use portcullis_store::overlay::Overlay;
use portcullis_store::{Change, Key, Store, StoreError};
use tokio::sync::Mutex;

/// How many parked organizations are read at a time.
const BATCH: usize = 500;
/// The most users in memory: more than are expected to be signed in at the same time.
const USERS: u64 = 200_000;
/// The most organizations in memory: more than are expected to be active at the same time.
const ORGANIZATIONS: u64 = 50_000;
/// The most tokens of users in memory: more than are expected to be used at the same time.
const USER_TOKENS: u64 = 100_000;

/// The most end users in memory. They are read only if the portal gets texts about them.
const END_USERS: u64 = 100_000;

/// The snapshot and the facts. It follows the change feed.
pub struct Memory {
    reader: Reader,
    snapshot: ArcSwap<Snapshot>,
    /// Held while a new snapshot is built, so that an older one never replaces a newer one.
    renewing: Mutex<()>,
    users: FreshCache<UserId, Arc<UserFacts>>,
    organizations: FreshCache<OrganizationId, Arc<OrganizationFacts>>,
    user_tokens: FreshCache<TokenHash, Arc<UserTokenFacts>>,
    end_users: FreshCache<EndUserId, Arc<PersonTexts>>,
    disclosure: Disclosure,
    /// Whether the portal gets any text.
    discloses: bool,
}

impl Memory {
    /// An empty memory without groups: it grants nothing until the feed that it follows has
    /// started.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, policy: Arc<Policy>) -> Self {
        let disclosure = Disclosure::default();
        let hits = Arc::new(RouteHits::new(&policy));
        let snapshot = Snapshot::new((policy, hits), [], Preferences::default(), disclosure);
        Self {
            reader: Reader::new(store),
            snapshot: ArcSwap::from_pointee(snapshot),
            renewing: Mutex::new(()),
            users: FreshCache::new(USERS),
            organizations: FreshCache::new(ORGANIZATIONS),
            user_tokens: FreshCache::new(USER_TOKENS),
            end_users: FreshCache::new(END_USERS),
            disclosure,
            discloses: false,
        }
    }

    /// The memory with these texts for the portal. Call it before the feed starts.
    #[must_use]
    pub fn disclosing(self, disclosure: Disclosure) -> Self {
        Self { discloses: disclosure.is_any(), disclosure, ..self }
    }

    /// A memory of a dry run's records, under the policy that is in force here now.
    pub(in crate::directory) fn of_dry_run(&self, overlay: Arc<Overlay>) -> Self {
        let policy = Arc::clone(self.snapshot.load().policy());
        Self::new(overlay, policy).disclosing(self.disclosure)
    }

    pub(in crate::directory) fn snapshot(&self) -> Guard<Arc<Snapshot>> {
        self.snapshot.load()
    }

    /// Replaces the policy, if its expectations hold.
    pub(in crate::directory) async fn replace_policy(
        &self,
        policy: Policy,
        change: &records::Change,
    ) -> Result<(), PolicyProblems> {
        let _renewing = self.renewing.lock().await;
        let next = self.snapshot.load().under(Arc::new(policy));
        next.check_expectations()?;
        let version = next.policy().version().to_owned();
        self.snapshot.store(Arc::new(next));
        if let Some(via) = change.actor.logged_via() {
            let actor = &change.actor.to_string();
            let (kind, action, id) = ("policy", "reload", &*version);
            Event::Change { actor, via, kind, action, id, records: None, changed: None }.log();
        }
        Ok(())
    }

    pub(in crate::directory) fn cached_user(&self, id: &UserId) -> Option<Arc<UserFacts>> {
        self.users.get(id)
    }

    pub(in crate::directory) async fn user(
        &self,
        id: &UserId,
    ) -> Result<Option<Arc<UserFacts>>, StoreError> {
        let load = || async {
            let user = self.reader.get::<User>(id).await?;
            Ok(user.map(|user| Arc::new(UserFacts::disclosing(&user, self.disclosure))))
        };
        self.users.get_or_load(id.clone(), load).await
    }

    pub(in crate::directory) fn cached_user_token(
        &self,
        key: &TokenHash,
    ) -> Option<Arc<UserTokenFacts>> {
        self.user_tokens.get(key)
    }

    pub(in crate::directory) async fn user_token(
        &self,
        key: &TokenHash,
    ) -> Result<Option<Arc<UserTokenFacts>>, StoreError> {
        let load = || async {
            let token = self.reader.get::<UserToken>(&UserTokenId::from(key.to_string())).await?;
            Ok(token.and_then(|token| UserTokenFacts::new(&token)).map(Arc::new))
        };
        self.user_tokens.get_or_load(*key, load).await
    }

    pub(in crate::directory) fn cached_organization(
        &self,
        id: &OrganizationId,
    ) -> Option<Arc<OrganizationFacts>> {
        self.organizations.get(id)
    }

    pub(in crate::directory) async fn organization(
        &self,
        id: &OrganizationId,
    ) -> Result<Option<Arc<OrganizationFacts>>, StoreError> {
        let load = || async {
            let Some(organization) = self.reader.get::<Organization>(id).await? else {
                return Ok(None);
            };
            let members = Key::new("organization", id.as_str());
            let some = self.reader.records::<User>(Some(&members), None, 1).await?;
            let has_users = !some.is_empty();
            let facts = OrganizationFacts::new(&organization, has_users, self.disclosure);
            Ok(Some(Arc::new(facts)))
        };
        self.organizations.get_or_load(id.clone(), load).await
    }

    async fn end_user(&self, id: &EndUserId) -> Result<Option<Arc<PersonTexts>>, StoreError> {
        let load = || async {
            let end_user = self.reader.get::<EndUser>(id).await?;
            let texts = end_user.map(|it| PersonTexts::of_end_user(&it.doc, self.disclosure));
            Ok(texts.map(Arc::new))
        };
        self.end_users.get_or_load(id.clone(), load).await
    }

    /// Whether the portal gets any text about sessions.
    pub(in crate::directory) const fn discloses(&self) -> bool {
        self.discloses
    }

    /// The texts of a portal user's session. What the user lacks is the end user's.
    pub(in crate::directory) async fn disclosed_of_user(
        &self,
        user: &UserFacts,
        snapshot: &Snapshot,
    ) -> Result<Box<Disclosed>, StoreError> {
        let PersonTexts { login, mut email, mut name } = user.texts.clone();
        if let Some(id) = &user.end_user
            && user.texts.lacks_some(self.disclosure)
            && let Some(end_user) = self.end_user(id).await?
        {
            email = email.or_else(|| end_user.email.clone());
            name = name.or_else(|| end_user.name.clone());
        }
        let organization_name = match self.disclosure.organization_name {
            Some(_) => self.organization(&user.organization).await?,
            None => None,
        };
        Ok(Box::new(Disclosed {
            login,
            email,
            name,
            group_name: group_name(snapshot, user.group.as_str()),
            organization_name: organization_name.and_then(|facts| facts.shown_name.clone()),
        }))
    }

    /// The texts of a session of this organization's secure link.
    pub(in crate::directory) fn disclosed_of_link(
        organization: &OrganizationFacts,
        snapshot: &Snapshot,
    ) -> Box<Disclosed> {
        Box::new(Disclosed {
            group_name: group_name(snapshot, built_in::NON_PORTAL),
            organization_name: organization.shown_name.clone(),
            ..Disclosed::default()
        })
    }

    /// Reads the groups, preferences and parked organizations again and replaces the snapshot. A damaged
    /// group grants nothing, like a missing one; without the preferences nothing can be decided.
    pub(in crate::directory) async fn renew_snapshot(&self) -> Result<(), StoreError> {
        let _renewing = self.renewing.lock().await;
        let groups = self.reader.all_intact::<Group>(None).await?;
        let preferences = self.reader.get::<Preferences>(&Preferences::id()).await?;
        let preferences = preferences.map(|stored| stored.doc).unwrap_or_default();
        let policy = {
            let current = self.snapshot.load();
            (Arc::clone(current.policy()), Arc::clone(current.hits()))
        };
        let groups = groups.into_iter().map(Arc::new);
        let parked = Arc::new(self.parked_organizations().await?);
        let snapshot = Snapshot::new(policy, groups, preferences, self.disclosure).parking(parked);
        self.snapshot.store(Arc::new(snapshot));
        Ok(())
    }

    /// The parked organizations. One whose record is damaged stays parked, without its reason.
    async fn parked_organizations(&self) -> Result<ParkedOrganizations, StoreError> {
        let (mut parked, mut after) = (ParkedOrganizations::default(), None::<String>);
        loop {
            let key = Parked::key();
            let page =
                self.reader.records::<Organization>(Some(&key), after.as_deref(), BATCH).await?;
            let Some(last) = page.last() else { return Ok(parked) };
            after = Some(last.id.clone());
            for record in page {
                let id = OrganizationId::from(record.id.clone());
                let organization = Stored::<Organization>::decode(record)
                    .inspect_err(|error| tracing::error!(%error, "an organization cannot be read"));
                let parking = organization.ok().and_then(|organization| organization.doc.parked);
                let reason = parking.map_or_else(|| "-".into(), |parking| parking.reason.into());
                parked.insert(id, reason);
            }
        }
    }

    /// Whether an organization has been parked, or is parked no longer.
    async fn is_parking_changed(&self, id: &str) -> Result<bool, StoreError> {
        let now = match self.reader.get::<Organization>(&id.into()).await {
            Ok(organization) => organization.and_then(|organization| organization.doc.parked),
            Err(StoreError::Damaged { .. }) => return Ok(true),
            Err(error) => return Err(error),
        };
        let snapshot = self.snapshot.load();
        let before = snapshot.parked(id);
        Ok(before.map(|reason| &**reason) != now.as_ref().map(|parked| &*parked.reason))
    }

    /// Removes a user from the cache, and the organization, whose first or last user it may be.
    async fn forget_user(&self, id: &str) -> Result<(), StoreError> {
        // A user never changes organization, so a cached one is correct, and it is still there
        // when the record has been deleted.
        let organization = match self.users.get(id) {
            Some(facts) => Some(facts.organization.clone()),
            None => match self.reader.get::<User>(&id.into()).await {
                Ok(user) => user.map(|user| user.doc.organization),
                // A damaged record lets no user sign in; later changes must still be applied.
                Err(error @ StoreError::Damaged { .. }) => {
                    tracing::error!(%error, "a portal user cannot be read");
                    None
                }
                Err(error) => return Err(error),
            },
        };
        self.users.invalidate(id);
        match organization {
            Some(organization) => self.organizations.invalidate(&organization),
            None => self.organizations.invalidate_all(),
        }
        Ok(())
    }
}

fn group_name(snapshot: &Snapshot, id: &str) -> Option<Arc<FieldText>> {
    snapshot.group(id).and_then(GroupInForce::shown_name).cloned()
}

#[async_trait]
impl Follower for Memory {
    async fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        let mut renew = false;
        for change in changes {
            match change.kind {
                kind::GROUP | kind::PREFERENCES => renew = true,
                kind::USER => self.forget_user(&change.id).await?,
                kind::END_USER => self.end_users.invalidate(change.id.as_str()),
                kind::ORGANIZATION => {
                    self.organizations.invalidate(change.id.as_str());
                    renew = renew || self.is_parking_changed(&change.id).await?;
                }
                kind::USER_TOKEN => {
                    if let Some(key) = TokenHash::parse(&change.id) {
                        self.user_tokens.invalidate(&key);
                    }
                }
                _ => {}
            }
        }
        if renew { self.renew_snapshot().await } else { Ok(()) }
    }

    async fn start_over(&self) -> Result<(), StoreError> {
        self.users.invalidate_all();
        self.organizations.invalidate_all();
        self.user_tokens.invalidate_all();
        self.end_users.invalidate_all();
        self.renew_snapshot().await
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("reader", &self.reader).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
