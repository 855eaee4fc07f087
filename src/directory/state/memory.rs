//! The cached snapshot and facts, kept current by the change feed (I2).

use std::fmt;
use std::sync::Arc;

use super::facts::OrganizationFacts;
use super::facts::UserFacts;
use super::snapshot::Snapshot;
use super::token_facts::UserTokenFacts;
use crate::credential::token::TokenHash;
use crate::directory::records::{
    self, Group, Organization, OrganizationId, Preferences, Reader, User, UserId, UserToken,
    UserTokenId, kind,
};
use arc_swap::{ArcSwap, Guard};
use async_trait::async_trait;
use portcullis_policy::{Policy, PolicyProblems};
use portcullis_store::cache::FreshCache;
use portcullis_store::feed::Follower;
use portcullis_store::{Change, Key, Store, StoreError};
use tokio::sync::Mutex;

/// The most users in memory: more than are expected to be signed in at the same time.
const USERS: u64 = 200_000;
/// The most organizations in memory: more than are expected to be active at the same time.
const ORGANIZATIONS: u64 = 50_000;
/// The most tokens of users in memory: more than are expected to be used at the same time.
const USER_TOKENS: u64 = 100_000;

/// The snapshot and the facts. It follows the change feed.
pub struct Memory {
    reader: Reader,
    snapshot: ArcSwap<Snapshot>,
    /// Held while a new snapshot is built, so that an older one never replaces a newer one.
    renewing: Mutex<()>,
    users: FreshCache<UserId, Arc<UserFacts>>,
    organizations: FreshCache<OrganizationId, Arc<OrganizationFacts>>,
    user_tokens: FreshCache<TokenHash, Arc<UserTokenFacts>>,
}

impl Memory {
    /// An empty memory without groups: it grants nothing until the feed that it follows has
    /// started.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, policy: Arc<Policy>) -> Self {
        Self {
            reader: Reader::new(store),
            snapshot: ArcSwap::from_pointee(Snapshot::new(policy, [], Preferences::default())),
            renewing: Mutex::new(()),
            users: FreshCache::new(USERS),
            organizations: FreshCache::new(ORGANIZATIONS),
            user_tokens: FreshCache::new(USER_TOKENS),
        }
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
        tracing::debug!(
            policy.version = version,
            actor = %change.actor,
            at = %change.at,
            "policy replaced"
        );
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
            Ok(user.map(|user| Arc::new(UserFacts::new(&user))))
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
            Ok(Some(Arc::new(OrganizationFacts::new(&organization, !some.is_empty()))))
        };
        self.organizations.get_or_load(id.clone(), load).await
    }

    /// Reads the groups and preferences again and replaces the snapshot. A damaged group grants
    /// nothing, like a missing one; without the preferences nothing can be decided.
    pub(in crate::directory) async fn renew_snapshot(&self) -> Result<(), StoreError> {
        let _renewing = self.renewing.lock().await;
        let groups = self.reader.all_intact::<Group>(None).await?;
        let preferences = self.reader.get::<Preferences>(&Preferences::id()).await?;
        let preferences = preferences.map(|stored| stored.doc).unwrap_or_default();
        let policy = Arc::clone(self.snapshot.load().policy());
        let snapshot = Snapshot::new(policy, groups.into_iter().map(Arc::new), preferences);
        self.snapshot.store(Arc::new(snapshot));
        Ok(())
    }

    /// Removes a user from the cache, and the organization, whose first or last user it may be.
    async fn forget_user(&self, id: &str) -> Result<(), StoreError> {
        // A user never changes organization, so a cached one is correct, and it is still there
        // when the record has been deleted.
        let organization = match self.users.get(id) {
            Some(facts) => Some(facts.organization.clone()),
            None => match self.reader.get::<User>(&id.into()).await {
                Ok(user) => user.map(|user| user.doc.organization),
                // Nobody can sign in with a damaged record; later changes must still be applied.
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

#[async_trait]
impl Follower for Memory {
    async fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        let mut renew = false;
        for change in changes {
            match change.kind {
                kind::GROUP | kind::PREFERENCES => renew = true,
                kind::USER => self.forget_user(&change.id).await?,
                kind::ORGANIZATION => self.organizations.invalidate(change.id.as_str()),
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
