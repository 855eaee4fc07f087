//! Opening the store together with the secret key that it belongs to.
//!
//! Both are created only if neither exists. A key without a store means that the store was lost, or
//! that the key was put in place beforehand; a store without its key means that the key was lost.

use std::path::Path;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use tokio::runtime::Builder;

use super::StartError;
use super::key_file::{self, exists, open_with, store_key};
use crate::admin::Installation;
use crate::config::Settings;
use crate::credential::key::SecretKey;
use crate::directory::records::audit::Occurrence;
use crate::directory::records::{Actor, Change, Records};
use portcullis_store::sled::{Presence, SledStore};
use portcullis_store::{Store, StoreKey};

/// Opens the store and reads its key; creates both at the first start.
pub(super) fn open(settings: &Settings) -> Result<(SledStore, SecretKey), StartError> {
    let (path, file) = (&settings.store.path, key_file::path(settings));
    if path.is_file() {
        return Err(StartError::StoreIsAFile { path: path.clone() });
    }
    let presence = SledStore::presence(path)?;
    if !exists(&file) {
        return match presence {
            Presence::Nothing | Presence::Interrupted => create(path, &file),
            Presence::Lost => Err(SledStore::missing(path).into()),
            Presence::Store | Presence::Unversioned => {
                Err(StartError::KeyMissing { file, store: path.clone() })
            }
        };
    }
    let (key, store) = open_with(&file, |key| match presence {
        // The first start was interrupted after the key was saved.
        Presence::Interrupted => SledStore::create(path, key)?.finish(),
        _ => SledStore::open(path, key),
    })?;
    Ok((store.into_inner(), key))
}

/// Creates an empty store, and the key if it does not exist.
pub(crate) fn init(settings: &Settings) -> Result<(), StartError> {
    let (path, file) = (&settings.store.path, key_file::path(settings));
    if !exists(&file) {
        create(path, &file)?;
        return Ok(());
    }
    let key = SecretKey::load(&file)?;
    SledStore::create(path, &store_key(&key))?.finish()?;
    Ok(())
}

/// The store of these settings as this version keeps it, with this key.
pub(super) fn installation(settings: &Settings, key: &SecretKey) -> Installation {
    let path = &settings.store.path;
    Installation {
        path: std::path::absolute(path).unwrap_or_else(|_| path.clone()),
        format: SledStore::FORMAT,
        key_id: HEXLOWER.encode(&store_key(key).id()),
    }
}

/// The same with the existing secret key. The store need not exist.
pub(crate) fn existing_installation(settings: &Settings) -> Result<Installation, StartError> {
    Ok(installation(settings, &SecretKey::load(&key_file::path(settings))?))
}

/// The store's key, derived from the existing secret key.
pub(crate) fn existing_key(settings: &Settings) -> Result<StoreKey, StartError> {
    Ok(store_key(&SecretKey::load(&key_file::path(settings))?))
}

/// Adds an entry to the audit log of a store that no gateway has open.
///
/// # Errors
/// When the store cannot be opened or written.
pub(crate) fn note(
    settings: &Settings,
    occurrence: Occurrence,
    now: Timestamp,
) -> Result<(), StartError> {
    append(open(settings)?.0, occurrence, now)
}

/// The same for a store with the same key in another folder.
///
/// # Errors
/// As [`note`].
pub(crate) fn note_in(
    folder: &Path,
    settings: &Settings,
    occurrence: Occurrence,
    now: Timestamp,
) -> Result<(), StartError> {
    let file = key_file::path(settings);
    let (_, store) = open_with(&file, |key| SledStore::open(folder, key))?;
    append(store.into_inner(), occurrence, now)
}

fn append(store: SledStore, occurrence: Occurrence, now: Timestamp) -> Result<(), StartError> {
    let store: Arc<dyn Store> = Arc::new(store);
    let change = Change::new(Actor::System("command line"), now);
    let runtime =
        Builder::new_current_thread().enable_all().build().map_err(StartError::Runtime)?;
    let added = async { Records::offline(store).await?.append(vec![(change, occurrence)]).await };
    Ok(runtime.block_on(added)?)
}

/// Creates both. The key is saved last: until it is there, the next start creates both again.
fn create(path: &Path, file: &Path) -> Result<(SledStore, SecretKey), StartError> {
    let key = SecretKey::generate();
    let new = SledStore::create(path, &store_key(&key))?;
    key.save(file)?;
    Ok((new.finish()?, key))
}
