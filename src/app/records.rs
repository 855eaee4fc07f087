//! The store and the secret key it belongs to, opened together.
//!
//! Only where there is neither, both are made: a key without a store means that the store was lost
//! (or that the key was mounted beforehand), and a store without its key that the key was.

use std::path::{Path, PathBuf};

use super::StartError;
use crate::config::{KEY_FILE, Settings};
use crate::credential::key::{Purpose, SecretKey};
use portcullis_store::StoreKey;
use portcullis_store::sled::{Presence, SledStore};

/// Where the key was by default in earlier versions.
const FORMER_KEY_FILE: &str = "data/secret.key";

/// The store, and the key it belongs to; both are made at the first start.
pub(super) fn open(settings: &Settings) -> Result<(SledStore, SecretKey), StartError> {
    let (path, file) = (&settings.store.path, key_file(settings));
    if let Some(warning) = SledStore::mount_warning(path) {
        tracing::warn!("{warning}");
    }
    let presence = SledStore::presence(path)?;
    if !is_there(&file) {
        return match presence {
            Presence::Nothing | Presence::Interrupted => make(path, &file),
            Presence::Lost => Err(SledStore::missing(path).into()),
            Presence::Store | Presence::Unversioned => {
                Err(StartError::KeyMissing { file, store: path.clone() })
            }
        };
    }
    let key = SecretKey::load(&file)?;
    let store = match presence {
        // The first start was interrupted after the key was put in place.
        Presence::Interrupted => SledStore::create(path, &store_key(&key))?.finish()?,
        _ => SledStore::open(path, &store_key(&key))?,
    };
    Ok((store, key))
}

/// Makes an empty store, for the key that is there or a new one.
pub(crate) fn init(settings: &Settings) -> Result<(), StartError> {
    let (path, file) = (&settings.store.path, key_file(settings));
    if !is_there(&file) {
        make(path, &file)?;
        return Ok(());
    }
    let key = SecretKey::load(&file)?;
    SledStore::create(path, &store_key(&key))?.finish()?;
    Ok(())
}

/// The key of the store, of an installation that has one.
pub(crate) fn existing_key(settings: &Settings) -> Result<StoreKey, StartError> {
    Ok(store_key(&SecretKey::load(&key_file(settings))?))
}

/// The key is put in place last: as long as it is not there, everything is made anew.
fn make(path: &Path, file: &Path) -> Result<(SledStore, SecretKey), StartError> {
    let key = SecretKey::generate();
    let new = SledStore::create(path, &store_key(&key))?;
    key.save(file)?;
    Ok((new.finish()?, key))
}

fn store_key(key: &SecretKey) -> StoreKey {
    StoreKey::new(*key.derive(Purpose::Store).expose())
}

/// The file of the key; that of earlier versions, if the settings leave it where it is by default
/// and it is only there.
fn key_file(settings: &Settings) -> PathBuf {
    let (file, former) = (&settings.key_file, Path::new(FORMER_KEY_FILE));
    if file == Path::new(KEY_FILE) && !is_there(file) && is_there(former) {
        tracing::warn!(
            "the secret key is still at `{FORMER_KEY_FILE}`, so a copy of the data folder is a \
             copy of the key too: stop the gateway and move it to `{KEY_FILE}`"
        );
        return former.to_owned();
    }
    file.clone()
}

fn is_there(file: &Path) -> bool {
    file.symlink_metadata().is_ok()
}
