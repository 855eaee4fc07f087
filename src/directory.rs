//! The directory: organizations and people, their sign-in, and every rule about both.
//!
//! It is the only writer of these records (I8): the admin API, the command line and the pages call
//! the same operations, and none of them checks a rule itself. An operation reads, applies its
//! rules, and commits on condition that the records it read have not changed. So a rule about
//! several records ("no portal user is in a deleted group") also holds against concurrent
//! operations. When an operation returns, its change is in force in this process (I2) and on disk (I3).
//! Each write takes a [`Change`], which names the actor.
//!
//! A module imports only from those below it:
//!
//! | module | holds |
//! |---|---|
//! | [`consequences`] | what a dry run would change for people |
//! | [`files`] | records as a file, and applying one |
//! | [`dry_run`] | the same operations on a copy, of which nothing is kept |
//! | `batch` | several operations in one commit, with records of the caller |
//! | [`access`] | sign-in, second factors, lockouts, links, invitations, resets, tokens |
//! | [`accounts`] | organizations, end users, users, groups, preferences |
//! | `core`, [`services`] | what every operation works with |
//! | [`state`] | what requests are decided by: the snapshot, and facts about users and organizations |
//! | `resealing` | records that depend on the secret key, for a new key |
//! | [`records`] | documents, ids, lists, reading and committing; no rules |
//! | [`warning`] | what a change does without saying so |
//! | [`error`] | why an operation was not done |
//!
//! A request reads [`Directory::snapshot`], [`Directory::user`] and [`Directory::organization`],
//! and applies [`UserFacts::honours_session`], [`UserFacts::has_portal_access`] and
//! [`access::secure_links::link_honoured`]. Sessions, cookies and pages are not here.

use std::sync::Arc;

use arc_swap::Guard;
use jiff::Timestamp;
use portcullis_policy::{Policy, PolicyProblems};
use portcullis_store::feed::Feed;
use portcullis_store::{Kind, StoreError};
use serde_json::Map;

pub mod access;
pub mod accounts;
pub(crate) mod batch;
pub mod consequences;
mod core;
pub mod dry_run;
pub mod error;
pub mod files;
pub mod records;
pub(crate) mod resealing;
pub mod services;
pub mod state;
pub mod warning;

#[cfg(test)]
pub(crate) mod fixture;

use crate::config::ServedHosts;

use self::access::administrators::Administrators;
use self::access::api_tokens::ApiTokens;
use self::access::invitations::Invitations;
use self::access::lockouts::Lockouts;
use self::access::own_password::OwnPassword;
use self::access::password_links::PasswordLinks;
use self::access::reauthentication::Reauthenticator;
use self::access::resets::Resets;
use self::access::second_factors::SecondFactors;
use self::access::secure_links::SecureLinks;
use self::access::sign_in::PasswordSignIn;
use self::access::trials::Trials;
use self::access::user_tokens::UserTokens;
use self::access::views::Views;
use self::accounts::end_users::EndUsers;
use self::accounts::groups::Groups;
use self::accounts::organizations::Organizations;
use self::accounts::preferences::PreferencesRecord;
use self::accounts::seeds;
use self::accounts::users::Users;
use self::core::Core;

use self::records::audit::Occurrence;

pub use self::error::DirectoryError;
pub use self::records::{
    Actor, AdministratorId, ApiTokenId, Change, EndUserId, GroupId, MailId, OrganizationId, Page,
    PageRequest, UserId, UserTokenId,
};
pub use self::services::{AuthServices, ImportSecrets};
pub use self::state::{
    CountedRoute, Disclosed, FieldText, Hits, LastReload, Memory, OrganizationFacts, Reloads,
    Snapshot, UserFacts, UserTokenFacts, check_expectations, granted_to,
};

/// The directory. Clones share it.
#[derive(Debug, Clone)]
pub struct Directory {
    memory: Arc<Memory>,
    operations: Arc<Operations>,
    reloads: Arc<Reloads>,
}

/// The operations, by what they are about.
#[derive(Debug)]
struct Operations {
    organizations: Organizations,
    end_users: EndUsers,
    users: Users,
    groups: Groups,
    preferences: PreferencesRecord,
    sign_in: PasswordSignIn,
    second_factors: SecondFactors,
    lockouts: Lockouts,
    secure_links: SecureLinks,
    password_links: PasswordLinks,
    own_password: OwnPassword,
    reauthenticator: Reauthenticator,
    invitations: Invitations,
    resets: Resets,
    administrators: Administrators,
    api_tokens: ApiTokens,
    user_tokens: UserTokens,
    views: Views,
    trials: Trials,
    core: Core,
}

impl Directory {
    /// Opens the directory over a feed that `memory` follows. An empty store gets the groups and
    /// preferences of a new installation (R2). Requests cannot be redirected to the hosts in
    /// `served` (R60).
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn start(
        feed: Feed,
        memory: Arc<Memory>,
        auth: AuthServices,
        served: ServedHosts,
        now: Timestamp,
    ) -> Result<Self, DirectoryError> {
        let core = Core { records: records::Records::new(feed), memory: Arc::clone(&memory), auth };
        records::reindex::reindex(&core.records).await?;
        seeds::write(&core, now).await?;
        // Another process may have written them, and the feed not have reported it yet.
        memory.renew_snapshot().await?;
        Ok(Self::assemble(&core, served, now))
    }

    pub(in crate::directory) fn assemble(core: &Core, served: ServedHosts, now: Timestamp) -> Self {
        Self {
            memory: Arc::clone(&core.memory),
            operations: Arc::new(Operations::new(core, served)),
            reloads: Arc::new(Reloads::new(now)),
        }
    }

    /// The directory as a scope shows it: its operations do not find records outside.
    #[must_use]
    pub fn within(&self, scope: &records::Scope) -> Self {
        if !scope.is_limited() {
            return self.clone();
        }
        let core = self.operations.core.within(scope);
        let served = self.operations.preferences.served.clone();
        Self { operations: Arc::new(Operations::new(&core, served)), ..self.clone() }
    }

    /// How many records of a kind are outside of the scope; `None` if it is not limited.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn hidden(&self, kind: Kind) -> Result<Option<u64>, StoreError> {
        self.records().read().hidden(kind).await
    }

    /// The policy, groups and preferences in force now. Take it once for each request, so that
    /// the request is decided by one state.
    #[must_use]
    pub fn snapshot(&self) -> Guard<Arc<Snapshot>> {
        self.memory.snapshot()
    }

    /// Puts another policy in force, if it meets its expectations; otherwise the old one stays.
    /// Groups that the policy ships are checked as shipped, others as they are.
    ///
    /// # Errors
    /// The expectations that fail.
    pub async fn replace_policy(
        &self,
        policy: Policy,
        change: &Change,
    ) -> Result<(), PolicyProblems> {
        let version = policy.version().to_owned();
        self.memory.replace_policy(policy, change).await?;
        let version = Map::from_iter([("version".to_owned(), version.into())]);
        let entry = Occurrence::of_gateway("policy.reloaded", version);
        // The files are in force all the same.
        if let Err(error) = self.records().commit_noting(change, Vec::new(), entry).await {
            tracing::error!(%error, "could not add the reload of the policy to the audit log");
        }
        Ok(())
    }

    /// How the last attempt to load the policy ended.
    #[must_use]
    pub fn reloads(&self) -> &Reloads {
        &self.reloads
    }

    /// A cached portal user. `None` does not mean that the user does not exist.
    #[must_use]
    pub fn cached_user(&self, id: &UserId) -> Option<Arc<UserFacts>> {
        self.memory.cached_user(id)
    }

    /// The portal user with this id.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn user(&self, id: &UserId) -> Result<Option<Arc<UserFacts>>, StoreError> {
        self.memory.user(id).await
    }

    /// When an organization with this id was last deleted; the present one is younger.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn deleted_at(&self, organization: &str) -> Result<Option<Timestamp>, StoreError> {
        self.records().read().deleted_at(organization).await
    }

    /// A cached organization. `None` does not mean that it does not exist.
    #[must_use]
    pub fn cached_organization(&self, id: &OrganizationId) -> Option<Arc<OrganizationFacts>> {
        self.memory.cached_organization(id)
    }

    /// The organization with this id.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn organization(
        &self,
        id: &OrganizationId,
    ) -> Result<Option<Arc<OrganizationFacts>>, StoreError> {
        self.memory.organization(id).await
    }

    /// Whether the portal gets any text about sessions besides the ids.
    #[must_use]
    pub fn discloses(&self) -> bool {
        self.memory.discloses()
    }

    /// The texts for the portal of a portal user's session.
    ///
    /// # Errors
    /// When what is needed is not in memory and the store does not answer.
    pub async fn disclosed_of_user(
        &self,
        user: &UserFacts,
        snapshot: &Snapshot,
    ) -> Result<Box<Disclosed>, StoreError> {
        self.memory.disclosed_of_user(user, snapshot).await
    }

    /// The texts for the portal of a session of this organization's secure link.
    #[must_use]
    pub fn disclosed_of_link(
        &self,
        organization: &OrganizationFacts,
        snapshot: &Snapshot,
    ) -> Box<Disclosed> {
        Memory::disclosed_of_link(organization, snapshot)
    }

    /// Organizations.
    #[must_use]
    pub fn organizations(&self) -> &Organizations {
        &self.operations.organizations
    }

    /// End users.
    #[must_use]
    pub fn end_users(&self) -> &EndUsers {
        &self.operations.end_users
    }

    /// Portal users.
    #[must_use]
    pub fn users(&self) -> &Users {
        &self.operations.users
    }

    /// Groups.
    #[must_use]
    pub fn groups(&self) -> &Groups {
        &self.operations.groups
    }

    /// Preferences.
    #[must_use]
    pub fn preferences(&self) -> &PreferencesRecord {
        &self.operations.preferences
    }

    /// Sign-in with login and password.
    #[must_use]
    pub fn sign_in(&self) -> &PasswordSignIn {
        &self.operations.sign_in
    }

    /// Second factors.
    #[must_use]
    pub fn second_factors(&self) -> &SecondFactors {
        &self.operations.second_factors
    }

    /// Lockouts.
    #[must_use]
    pub fn lockouts(&self) -> &Lockouts {
        &self.operations.lockouts
    }

    /// Secure links.
    #[must_use]
    pub fn secure_links(&self) -> &SecureLinks {
        &self.operations.secure_links
    }

    /// Mailed links on which a password is chosen.
    #[must_use]
    pub fn password_links(&self) -> &PasswordLinks {
        &self.operations.password_links
    }

    /// Passwords that people change while they are signed in.
    #[must_use]
    pub fn own_password(&self) -> &OwnPassword {
        &self.operations.own_password
    }

    /// Asking people who are signed in for their password again.
    #[must_use]
    pub fn reauthenticator(&self) -> &Reauthenticator {
        &self.operations.reauthenticator
    }

    /// Invitations.
    #[must_use]
    pub fn invitations(&self) -> &Invitations {
        &self.operations.invitations
    }

    /// Resets of forgotten passwords.
    #[must_use]
    pub fn resets(&self) -> &Resets {
        &self.operations.resets
    }

    /// The operator's staff.
    #[must_use]
    pub fn administrators(&self) -> &Administrators {
        &self.operations.administrators
    }

    /// Tokens of the admin API.
    #[must_use]
    pub fn api_tokens(&self) -> &ApiTokens {
        &self.operations.api_tokens
    }

    /// Tokens of portal users.
    #[must_use]
    pub fn user_tokens(&self) -> &UserTokens {
        &self.operations.user_tokens
    }

    /// How the operator's staff opens the portal.
    #[must_use]
    pub fn views(&self) -> &Views {
        &self.operations.views
    }

    /// Trials of the portal.
    #[must_use]
    pub fn trials(&self) -> &Trials {
        &self.operations.trials
    }

    /// Seals the passwords of imports.
    #[must_use]
    pub fn import_secrets(&self) -> &ImportSecrets {
        &self.operations.core.auth.import_secrets
    }

    /// What credentials are checked with.
    #[cfg(test)]
    pub(crate) fn auth(&self) -> &AuthServices {
        &self.operations.core.auth
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn check_store(&self) -> Result<(), StoreError> {
        self.records().read().ping().await
    }

    /// For modules above that keep records of their own: sessions and mails.
    pub(crate) fn records(&self) -> &records::Records {
        &self.operations.core.records
    }
}

impl Operations {
    fn new(core: &Core, served: ServedHosts) -> Self {
        let core = core.clone();
        Self {
            organizations: Organizations { core: core.clone() },
            end_users: EndUsers { core: core.clone() },
            users: Users { core: core.clone() },
            groups: Groups { core: core.clone() },
            preferences: PreferencesRecord { core: core.clone(), served },
            sign_in: PasswordSignIn { core: core.clone() },
            second_factors: SecondFactors { core: core.clone() },
            lockouts: Lockouts { core: core.clone() },
            secure_links: SecureLinks { core: core.clone() },
            password_links: PasswordLinks { core: core.clone() },
            own_password: OwnPassword { core: core.clone() },
            reauthenticator: Reauthenticator {
                core: core.clone(),
                sign_in: PasswordSignIn { core: core.clone() },
                second_factors: SecondFactors { core: core.clone() },
            },
            invitations: Invitations { core: core.clone() },
            resets: Resets { core: core.clone() },
            administrators: Administrators { core: core.clone() },
            api_tokens: ApiTokens { core: core.clone() },
            user_tokens: UserTokens { core: core.clone() },
            views: Views { core: core.clone() },
            trials: Trials { core: core.clone() },
            core,
        }
    }
}
