//! The file of the secret key, and the two beside it while and after the key is rotated.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::StartError;
use crate::config::{KEY_FILE, Settings};
use crate::credential::key::{KeyError, Purpose, SecretKey};
use portcullis_store::StoreKey;
use portcullis_store::sled::OpenError;

/// The default path of the key in earlier versions.
const FORMER_KEY_FILE: &str = "data/secret.key";

/// The path of the key.
pub(super) fn path(settings: &Settings) -> PathBuf {
    former_key_file(settings).map_or_else(|| settings.key_file.clone(), Path::to_owned)
}

/// The default path of the key in earlier versions, if it is used: the settings have the default,
/// and only that file exists.
#[must_use]
pub fn former_key_file(settings: &Settings) -> Option<&'static Path> {
    let (file, former) = (&settings.key_file, Path::new(FORMER_KEY_FILE));
    (file == Path::new(KEY_FILE) && !exists(file) && exists(former)).then_some(former)
}

/// The store's key, derived from the secret key.
pub(super) fn store_key(key: &SecretKey) -> StoreKey {
    StoreKey::new(*key.derive(Purpose::Store).expose())
}

/// What a store was opened with.
pub(super) enum With<T> {
    /// The key in its file.
    Present(T),
    /// The new key of an interrupted rotation, which is in place now.
    Replaced(T),
}

impl<T> With<T> {
    /// What was opened.
    pub(super) fn into_inner(self) -> T {
        match self {
            Self::Present(opened) | Self::Replaced(opened) => opened,
        }
    }
}

/// Opens something with the key in `file`. If a rotation was interrupted after the store got its new
/// key, it is opened with that one, which is then put in its place.
pub(super) fn open_with<T>(
    file: &Path,
    open: impl Fn(&StoreKey) -> Result<T, OpenError>,
) -> Result<(SecretKey, With<T>), StartError> {
    let key = SecretKey::load(file)?;
    match open(&store_key(&key)) {
        Err(OpenError::OtherKey { .. }) if exists(&new_file(file)) => {
            let new = SecretKey::load(&new_file(file))?;
            let opened = open(&store_key(&new))?;
            put_in_place(file)?;
            tracing::warn!(
                "the rotation of the secret key was interrupted; it is finished now, and the old \
                 key is kept as `{}`",
                old_file(file).display()
            );
            Ok((new, With::Replaced(opened)))
        }
        opened => Ok((key, With::Present(opened?))),
    }
}

/// Keeps the old key under its other name, and puts the new one in its place.
///
/// # Errors
/// When the folder cannot be written.
pub(super) fn put_in_place(file: &Path) -> Result<(), StartError> {
    let old = old_file(file);
    let replaced = (|| {
        // It exists if a rotation was interrupted here.
        if !exists(&old) {
            fs::hard_link(file, &old)?;
        }
        fs::rename(new_file(file), file)?;
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    })();
    replaced
        .map_err(|source: io::Error| KeyError::NotCreated { path: file.to_owned(), source }.into())
}

/// Where the new key is until the store has it.
pub(super) fn new_file(file: &Path) -> PathBuf {
    with_suffix(file, ".new")
}

/// Where the old key is kept.
pub(super) fn old_file(file: &Path) -> PathBuf {
    with_suffix(file, ".old")
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(suffix);
    name.into()
}

/// Whether there is a file, or something else, at a path.
pub(super) fn exists(file: &Path) -> bool {
    file.symlink_metadata().is_ok()
}
