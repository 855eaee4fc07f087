//! Opening the store together with the secret key that it belongs to.
//!
//! Both are created only if neither exists. A key without a store means that the store was lost, or
//! that the key was put in place beforehand; a store without its key means that the key was lost.

use std::path::Path;

use super::StartError;
use super::key_file::{self, exists, open_with, store_key};
use crate::config::Settings;
use crate::credential::key::SecretKey;
use portcullis_store::StoreKey;
use portcullis_store::sled::{Presence, SledStore};

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

/// The store's key, derived from the existing secret key.
pub(crate) fn existing_key(settings: &Settings) -> Result<StoreKey, StartError> {
    Ok(store_key(&SecretKey::load(&key_file::path(settings))?))
}

/// Creates both. The key is saved last: until it is there, the next start creates both again.
fn create(path: &Path, file: &Path) -> Result<(SledStore, SecretKey), StartError> {
    let key = SecretKey::generate();
    let new = SledStore::create(path, &store_key(&key))?;
    key.save(file)?;
    Ok((new.finish()?, key))
}
