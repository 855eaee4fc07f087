//! Opening the store together with the secret key that it belongs to.
//!
//! Both are created only if neither exists. A key without a store means that the store was lost, or
//! that the key was put in place beforehand; a store without its key means that the key was lost.

use std::path::{Path, PathBuf};

use super::StartError;
use crate::config::{KEY_FILE, Settings};
use crate::credential::key::{Purpose, SecretKey};
use portcullis_store::StoreKey;
use portcullis_store::sled::{Presence, SledStore};

/// The default path of the key in earlier versions.
const FORMER_KEY_FILE: &str = "data/secret.key";

/// Opens the store and reads its key; creates both at the first start.
pub(super) fn open(settings: &Settings) -> Result<(SledStore, SecretKey), StartError> {
    let (path, file) = (&settings.store.path, key_file(settings));
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
    let key = SecretKey::load(&file)?;
    let store = match presence {
        // The first start was interrupted after the key was saved.
        Presence::Interrupted => SledStore::create(path, &store_key(&key))?.finish()?,
        _ => SledStore::open(path, &store_key(&key))?,
    };
    Ok((store, key))
}

/// Creates an empty store, and the key if it does not exist.
pub(crate) fn init(settings: &Settings) -> Result<(), StartError> {
    let (path, file) = (&settings.store.path, key_file(settings));
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
    Ok(store_key(&SecretKey::load(&key_file(settings))?))
}

/// Creates both. The key is saved last: until it is there, the next start creates both again.
fn create(path: &Path, file: &Path) -> Result<(SledStore, SecretKey), StartError> {
    let key = SecretKey::generate();
    let new = SledStore::create(path, &store_key(&key))?;
    key.save(file)?;
    Ok((new.finish()?, key))
}

fn store_key(key: &SecretKey) -> StoreKey {
    StoreKey::new(*key.derive(Purpose::Store).expose())
}

/// The path of the key.
fn key_file(settings: &Settings) -> PathBuf {
    former_key_file(settings).map_or_else(|| settings.key_file.clone(), Path::to_owned)
}

/// The default path of the key in earlier versions, if it is used: the settings have the default,
/// and only that file exists.
#[must_use]
pub fn former_key_file(settings: &Settings) -> Option<&'static Path> {
    let (file, former) = (&settings.key_file, Path::new(FORMER_KEY_FILE));
    (file == Path::new(KEY_FILE) && !exists(file) && exists(former)).then_some(former)
}

fn exists(file: &Path) -> bool {
    file.symlink_metadata().is_ok()
}
