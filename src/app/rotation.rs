//! Rotation of the secret key, while the gateway is stopped.
//!
//! The new key is first saved beside the old one. Then one commit gives the store its new key,
//! together with all records that depend on it. Then the old key is kept under another name, and the
//! new one takes its place. After a crash the store opens with the old key, or with the new one that
//! is beside it; both the next start and the next rotation finish what was begun.
//!
//! The old key is kept because backups from before open only with it.

use std::collections::HashSet;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::Map;

use super::StartError;
use super::key_file::{self, With, new_file, old_file, store_key};
use crate::config::Settings;
use crate::credential::key::SecretKey;
use crate::directory::records::audit::Occurrence;
use crate::directory::resealing::{Affected, Resealing};
use portcullis_store::sled::Rekeying;

/// A store that is about to get a new key. No gateway can open it until this is dropped.
#[derive(Debug)]
pub(crate) struct Rotation {
    file: PathBuf,
    old: SecretKey,
    store: Rekeying,
}

/// What a rotation changes.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Sessions that end.
    pub(crate) sessions: usize,
    /// Second factors that are sealed with the new key.
    pub(crate) second_factors: usize,
    /// Portal users and administrators whose recovery codes stop working.
    pub(crate) with_recovery_codes: usize,
    /// The organizations, by id and name, whose secure link opens sessions now.
    pub(crate) links: Vec<(String, String)>,
}

/// The state that a rotation finds.
#[derive(Debug)]
pub(crate) enum Begun {
    /// Nothing has been changed.
    Ready(Box<Rotation>),
    /// An earlier rotation had given the store its new key and was interrupted; it is finished now.
    Finished,
}

impl Rotation {
    /// Opens the store with its key.
    ///
    /// # Errors
    /// When the key or the store cannot be used, a gateway has the store open, or the old key of an
    /// earlier rotation is still in place.
    pub(crate) fn open(settings: &Settings) -> Result<Begun, StartError> {
        let (file, path) = (key_file::path(settings), &settings.store.path);
        let (old, with) = key_file::open_with(&file, |key| Rekeying::open(path, key))?;
        let store = match with {
            With::Present(store) => store,
            With::Replaced(_) => return Ok(Begun::Finished),
        };
        let kept = old_file(&file);
        if key_file::exists(&kept) {
            return Err(StartError::OldKeyKept { file: kept });
        }
        Ok(Begun::Ready(Box::new(Self { file, old, store })))
    }

    /// What the rotation would change.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn plan(&self) -> Result<Plan, StartError> {
        let mut plan = Plan::default();
        let (mut organizations, mut with_users) = (Vec::new(), HashSet::new());
        let mut links_yield = true;
        self.store.records(|kind, id, doc| match Affected::by(kind, doc) {
            Affected::Session => plan.sessions += 1,
            Affected::Administrator { second_factor, recovery_codes } => {
                plan.second_factors += usize::from(second_factor);
                plan.with_recovery_codes += usize::from(recovery_codes);
            }
            Affected::User { organization, second_factor, recovery_codes } => {
                with_users.insert(organization);
                plan.second_factors += usize::from(second_factor);
                plan.with_recovery_codes += usize::from(recovery_codes);
            }
            Affected::Organization { name } => organizations.push((id.to_owned(), name)),
            Affected::Preferences { secure_with_password } => links_yield = secure_with_password,
            Affected::Nothing => {}
        })?;
        organizations.retain(|(id, _)| !links_yield || !with_users.contains(id));
        plan.links = organizations;
        Ok(plan)
    }

    /// Gives the store and the installation a new key, with an entry of the audit log. Returns where
    /// the old one is kept.
    ///
    /// # Errors
    /// When the new key cannot be saved, or the store cannot be written.
    pub(crate) fn run(self, now: Timestamp) -> Result<PathBuf, StartError> {
        let Self { file, old, store } = self;
        let beside = new_file(&file);
        // One that an interrupted rotation has left has never been used.
        let new = if key_file::exists(&beside) {
            SecretKey::load(&beside)?
        } else {
            let new = SecretKey::generate();
            new.save(&beside)?;
            new
        };
        let resealing = Resealing::new(&old, &new);
        let rotated = Occurrence::of_gateway("secrets.rotated", Map::new()).offline(now);
        let change = |kind: &str, id: &str, doc: &[u8]| resealing.record(kind, id, doc);
        store.replace(&store_key(&new), change, &rotated)?;
        key_file::put_in_place(&file)?;
        Ok(old_file(&file))
    }
}
