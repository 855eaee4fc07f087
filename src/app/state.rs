//! The records and what is kept of them in memory: the directory and the sessions, kept current by
//! the store's change feed.

use std::sync::Arc;

use super::error::StartError;
use crate::clock;
use crate::config::{ServedHosts, Settings};
use crate::credential::hashing::Hasher;
use crate::credential::key::SecretKey;
use crate::credential::lockout::Lockout;
use crate::directory::{AuthServices, Directory, Memory};
use crate::mail::OutboxWaker;
use crate::session::{SessionCache, Sessions};
use portcullis_policy::Policy;
use portcullis_store::Store;
use portcullis_store::feed::{Feed, Follower};

/// What every part of the gateway works with. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) feed: Feed,
    pub(super) directory: Directory,
    pub(super) sessions: Sessions,
    pub(super) lockout: Lockout,
}

impl State {
    /// Reads the records into memory and starts to follow changes. `waker` is notified of new
    /// mail.
    pub(super) async fn open(
        settings: &Settings,
        policy: Policy,
        (store, key): (Arc<dyn Store>, &SecretKey),
        waker: Arc<OutboxWaker>,
    ) -> Result<Self, StartError> {
        let lockout = Lockout::default();
        let hasher = Hasher::new(settings.hashing)?;
        let auth = AuthServices::new(key, hasher, lockout.clone(), settings.passwords);
        let memory = Memory::new(Arc::clone(&store), Arc::new(policy));
        let memory = Arc::new(memory.disclosing(settings.identity.disclosure));
        let cache = Arc::new(SessionCache::new());
        let followers: Vec<Arc<dyn Follower>> =
            vec![Arc::clone(&memory) as Arc<dyn Follower>, Arc::clone(&cache) as _, waker];
        let feed = Feed::start(store, followers).await?;
        let directory = Directory::start(
            feed.clone(),
            memory,
            auth,
            ServedHosts::new(&settings.server),
            clock::now(),
        )
        .await?;
        let sessions =
            Sessions::new(directory.clone(), cache, settings.session, settings.server.limits.links);
        Ok(Self { feed, directory, sessions, lockout })
    }
}
