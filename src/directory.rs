//! Who there is, and every rule about them: groups, organizations, end users, portal users,
//! preferences, secure links, API tokens.
//!
//! [`Directory`] is the only writer of these records (I8): the admin API, the command line and the
//! pages call the same operations, and none of them checks a rule itself. An operation reads,
//! judges, and commits on condition that what it read still holds; so a rule that spans records
//! ("no portal user in a group that is deleted") holds against whatever happens at the same time.
//! When an operation has answered, what it did is in force in this process (I2) and on disk (I3).
//!
//! | module | holds |
//! |---|---|
//! | [`groups`] | groups and what they grant (R1–R6) |
//! | [`organizations`], [`end_users`] | customers and their contacts |
//! | [`users`] | portal users and their passwords (R15, R16, R30, R31, R34, R42) |
//! | `namesake` | new logins and addresses that are passwords (R31) |
//! | [`invitations`], [`resets`], [`one_time`] | passwords that people choose by a mailed link (R33, R40–R42) |
//! | [`preferences`] | the installation's switches (R12, R60) |
//! | [`links`] | secure links (R10–R14) |
//! | [`letters`] | mails that wait to be sent, and those that were |
//! | [`sign_in`] | login and password (R8, I6) |
//! | [`second_factor`] | what is owed after the password: set-up, codes, recovery codes (R50, R51) |
//! | [`lockouts`] | who may not try now, and letting them in again (I6) |
//! | [`api_tokens`] | bearer tokens of the admin API |
//! | [`snapshot`], [`facts`], [`memory`] | what requests are decided by, kept true by the feed |
//! | [`record`], `records`, `name`, [`page`], [`error`] | documents, commits, texts, lists, refusals |
//!
//! A request asks [`Directory::snapshot`], [`Directory::user`] and [`Directory::organization`],
//! and applies [`UserFacts::honours_session`], [`UserFacts::has_portal_access`] and
//! [`links::link_honoured`]. Sessions themselves, cookies and pages are not here.

use std::sync::Arc;

use arc_swap::Guard;

use crate::credential::hashing::Hasher;
use crate::credential::link::SecureLinks;
use crate::credential::lockout::Lockout;
use crate::directory::second_factor::SecondFactorJudge;
use portcullis_policy::{Host, Policy, PolicyProblems};
use portcullis_store::feed::Feed;
use portcullis_store::{Commit, CommitError, Committed, Store, StoreError};

pub mod api_tokens;
pub mod end_users;
pub mod error;
pub mod facts;
pub mod groups;
pub mod id;
pub mod invitations;
pub mod kind;
pub mod letters;
pub mod links;
pub mod lockouts;
pub mod memory;
mod name;
mod namesake;
pub mod one_time;
pub mod organizations;
pub mod page;
pub mod preferences;
pub mod record;
mod records;
pub mod resets;
pub mod second_factor;
mod seeds;
pub mod sign_in;
pub mod snapshot;
pub mod users;

#[cfg(test)]
mod fixture;

pub use error::{DirectoryError, Refusal};
pub use facts::{OrganizationFacts, UserFacts};
pub use id::{ApiTokenId, EndUserId, GroupId, MailId, OrganizationId, UserId};
pub use memory::Memory;
pub use one_time::OneTimeLinks;
pub use page::{Cursor, Page, PageRequest};
pub use snapshot::{GroupInForce, Snapshot};

/// What people's secrets are judged by.
#[derive(Debug, Clone)]
pub struct Judges {
    /// The pool that passwords are hashed in.
    pub hasher: Hasher,
    /// The count of failed tries.
    pub lockout: Lockout,
    /// The installation's secure links.
    pub links: SecureLinks,
    /// How one-time links are made.
    pub one_time: OneTimeLinks,
    /// The installation's second factors.
    pub second_factor: SecondFactorJudge,
}

/// The handle to everybody there is. Clones share it.
#[derive(Debug, Clone)]
pub struct Directory {
    feed: Feed,
    memory: Arc<Memory>,
    judges: Judges,
    /// The hosts that the gateway serves.
    served: Arc<[Host]>,
}

impl Directory {
    /// Opens the directory over a feed that `memory` follows; an empty store gets the groups and
    /// preferences that a new installation starts with (R2).
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn start(
        feed: Feed,
        memory: Arc<Memory>,
        judges: Judges,
    ) -> Result<Self, DirectoryError> {
        let directory = Self { feed, memory, judges, served: Arc::new([]) };
        directory.seed().await?;
        // Another process may have written them, and the feed not told of it yet.
        directory.memory.renew_snapshot().await?;
        Ok(directory)
    }

    /// The same for a gateway that serves these hosts: requests to them cannot be redirected to
    /// them (R60).
    #[must_use]
    pub fn serving(self, hosts: impl IntoIterator<Item = Host>) -> Self {
        Self { served: hosts.into_iter().collect(), ..self }
    }

    /// The policy, groups and preferences in force now. Take it once for each request, so that
    /// the request is decided by one state.
    #[must_use]
    pub fn snapshot(&self) -> Guard<Arc<Snapshot>> {
        self.memory.snapshot()
    }

    /// Puts another policy in force, if what its operators expect of it holds; otherwise the old
    /// one stays. Groups that the policy comes with are judged as it has them, others as they are.
    ///
    /// # Errors
    /// The expectations that fail.
    pub async fn replace_policy(&self, policy: Policy) -> Result<(), PolicyProblems> {
        self.memory.replace_policy(policy).await
    }

    /// A portal user that was asked for lately; `None` says nothing about whether there is one.
    #[must_use]
    pub fn cached_user(&self, id: &UserId) -> Option<Arc<UserFacts>> {
        self.memory.cached_user(id)
    }

    /// The portal user with this id.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn user(&self, id: &UserId) -> Result<Option<Arc<UserFacts>>, StoreError> {
        self.memory.user(id).await
    }

    /// An organization that was asked for lately; `None` says nothing about whether there is one.
    #[must_use]
    pub fn cached_organization(&self, id: &OrganizationId) -> Option<Arc<OrganizationFacts>> {
        self.memory.cached_organization(id)
    }

    /// The organization with this id.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn organization(
        &self,
        id: &OrganizationId,
    ) -> Result<Option<Arc<OrganizationFacts>>, StoreError> {
        self.memory.organization(id).await
    }

    fn store(&self) -> &dyn Store {
        &**self.feed.store()
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        self.feed.commit(commit).await
    }
}
