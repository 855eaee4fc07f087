//! The installation's one secret key, and the keys derived from it.
//!
//! 32 random bytes in a file that only its owner can read (and its group, if the process belongs to
//! it, as Kubernetes mounts secrets), created at the first start. The key itself is never used: each
//! purpose has a key of its own, derived by HKDF-SHA256, so that what one purpose reveals does not
//! help against another. Without the file, the store cannot be opened.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit};
use rustix::process::{getegid, getgroups};
use sha2::Sha256;

use super::secret::Secret;

const LENGTH: usize = 32;
/// The prefix of temporary files.
const TEMPORARY: &str = ".secret-key-";

/// What a derived key is for. The label of a purpose must never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The tokens of secure links (R10).
    SecureLink,
    /// The tokens in forms.
    Csrf,
    /// The stored secrets of second factors (R51).
    SecondFactor,
    /// The hashes of recovery codes (R51).
    RecoveryCode,
    /// Pending sign-ins, which the browser keeps between the password and the code.
    PendingSignIn,
    /// The cookies of known browsers (I6).
    KnownBrowser,
    /// The tokens in mails that have not been sent.
    Mail,
    /// The passwords in the plans of imports that are not done yet.
    Import,
    /// The digest of the store's records (I13).
    Store,
    /// The keys that sign assertions for the portal.
    Assertion,
    /// The signatures of the audit log's checkpoints (I9). Derived from a key of its own.
    AuditCheckpoint,
}

impl Purpose {
    const fn label(self) -> &'static str {
        match self {
            Self::SecureLink => "portcullis v1 secure link",
            Self::Csrf => "portcullis v1 csrf",
            Self::SecondFactor => "portcullis v1 second factor",
            Self::RecoveryCode => "portcullis v1 recovery code",
            Self::PendingSignIn => "portcullis v1 pending sign-in",
            Self::KnownBrowser => "portcullis v1 known browser",
            Self::Mail => "portcullis v1 letter",
            Self::Import => "portcullis v1 import",
            Self::Store => "portcullis v1 store",
            Self::Assertion => "portcullis v1 assertion",
            Self::AuditCheckpoint => "portcullis v1 audit checkpoint",
        }
    }
}

/// Why the secret key cannot be used. The operator must act.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Users other than the owner can read or write the file.
    #[error("the secret key `{}` has mode {mode:04o}, so other users can access it; run `chmod 600 {}`", path.display(), path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is not a key.
    #[error(
        "the secret key `{}` {}; restore it from a backup. If the gateway has not been started with it \
         yet, delete it: the start creates a new one",
        path.display(), malformed(*length)
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Its length in bytes; `None` if it is not a file.
        length: Option<u64>,
    },
    /// The file cannot be read.
    #[error("the secret key `{}` cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file cannot be created.
    #[error("the secret key `{}` cannot be created: {source}", path.display())]
    NotCreated {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// The key that all others are derived from.
#[derive(Debug, Clone)]
pub struct SecretKey(Secret<[u8; LENGTH]>);

impl SecretKey {
    /// A new key, not saved to a file.
    #[must_use]
    pub fn generate() -> Self {
        Self(Secret::new(crate::random::bytes()))
    }

    /// The key in the file.
    ///
    /// # Errors
    /// When the file does not exist, is not a key, is accessible to other users, or cannot be read.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        load(path)
    }

    /// Writes the key to a new file, completely or not at all. It is on disk when this returns.
    ///
    /// # Errors
    /// When the file exists or cannot be created.
    pub fn save(&self, path: &Path) -> Result<(), KeyError> {
        create(self, path).map_err(|source| KeyError::NotCreated { path: path.to_owned(), source })
    }

    /// The key for one purpose.
    #[must_use]
    pub fn derive(&self, purpose: Purpose) -> Secret<[u8; 32]> {
        let mut key = [0; 32];
        #[expect(clippy::expect_used, reason = "32 bytes are fewer than HKDF's limit of 255 * 32")]
        Hkdf::<Sha256>::new(None, self.0.expose())
            .expand(purpose.label().as_bytes(), &mut key)
            .expect("an output of 32 bytes is allowed");
        Secret::new(key)
    }
}

/// HMAC-SHA256 with a derived key.
pub(crate) fn mac(key: &Secret<[u8; 32]>) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    Hmac::new_from_slice(key.expose()).expect("HMAC takes a key of any length")
}

fn load(path: &Path) -> Result<SecretKey, KeyError> {
    let unreadable = |source| KeyError::Unreadable { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(unreadable)?;
    // Of the open file, because the path could lead to another one by now.
    let metadata = file.metadata().map_err(unreadable)?;
    let mode = metadata.permissions().mode() & 0o7777;
    if metadata.is_file() && is_exposed(mode, || is_own_group(metadata.gid())) {
        return Err(KeyError::Exposed { path: path.to_owned(), mode });
    }
    let length = metadata.is_file().then_some(metadata.len());
    if length != Some(LENGTH as u64) {
        return Err(KeyError::Malformed { path: path.to_owned(), length });
    }
    let mut key = [0; LENGTH];
    file.read_exact(&mut key).map_err(unreadable)?;
    Ok(SecretKey(Secret::new(key)))
}

/// What is wrong with something of this length.
fn malformed(length: Option<u64>) -> String {
    match length {
        None => format!("is not a file, but must be one of {LENGTH} bytes"),
        Some(33) => format!(
            "has 33 bytes, not {LENGTH} (if an editor added a line ending, remove it with `truncate -s \
             {LENGTH}`)"
        ),
        Some(length) => format!("has {length} bytes, not {LENGTH}"),
    }
}

/// Whether users other than the owner can access the file; a group of this process may read it.
fn is_exposed(mode: u32, is_own_group: impl FnOnce() -> bool) -> bool {
    match mode & 0o077 {
        0 => false,
        0o040 => !is_own_group(),
        _ => true,
    }
}

fn is_own_group(group: u32) -> bool {
    let own = getgroups().unwrap_or_default();
    own.into_iter().chain([getegid()]).any(|own| own.as_raw() == group)
}

/// Writes the key to a temporary file in the same folder and links it to its path.
fn create(key: &SecretKey, path: &Path) -> io::Result<()> {
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    remove_temporary_files(folder)?;
    let temporary =
        folder.join(format!("{TEMPORARY}{}", HEXLOWER.encode(&crate::random::bytes::<8>())));
    let linked = write(key, &temporary).and_then(|()| fs::hard_link(&temporary, path));
    let removed = fs::remove_file(&temporary);
    linked.and(removed)?;
    File::open(folder)?.sync_all()
}

/// Removes temporary files of starts that were interrupted.
fn remove_temporary_files(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn write(key: &SecretKey, path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    // The umask may have removed permissions of the owner.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(key.0.expose())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use tempfile::tempdir;

    use super::{KeyError, Purpose, SecretKey};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn link_key(key: &SecretKey) -> [u8; 32] {
        *key.derive(Purpose::SecureLink).expose()
    }

    fn saved(path: &Path) -> SecretKey {
        let key = SecretKey::generate();
        key.save(path).unwrap();
        key
    }

    #[test]
    fn a_saved_key_can_be_loaded() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("new/deep/secret.key");
        let made = saved(&path);
        assert_eq!(link_key(&SecretKey::load(&path).unwrap()), link_key(&made));
        assert_eq!((fs::read(&path).unwrap().len(), mode(&path)), (32, 0o600));
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert_eq!(mode(path.parent().unwrap().parent().unwrap()), 0o700);
        let left = fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(left, 1, "no temporary file is left");
    }

    #[test]
    fn an_existing_key_is_never_replaced() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("secret.key");
        let first = saved(&path);
        fs::write(folder.path().join(".secret-key-left"), "half").unwrap();
        let refused = SecretKey::generate().save(&path).unwrap_err();
        assert!(matches!(refused, KeyError::NotCreated { .. }), "{refused}");
        assert_eq!(link_key(&SecretKey::load(&path).unwrap()), link_key(&first));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "temporary files are removed");
    }

    #[test]
    fn two_installations_have_different_keys() {
        assert_ne!(link_key(&SecretKey::generate()), link_key(&SecretKey::generate()));
    }

    #[test]
    fn a_key_that_others_can_access_is_refused_with_the_fix() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("secret.key");
        saved(&path);
        for open in [0o604, 0o620, 0o644, 0o660, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(open)).unwrap();
            let error = SecretKey::load(&path).unwrap_err();
            assert!(matches!(error, KeyError::Exposed { mode, .. } if mode == open), "{error}");
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
        // The file belongs to a group of this process, like a secret that Kubernetes mounts.
        for closed in [0o400, 0o440, 0o640] {
            fs::set_permissions(&path, fs::Permissions::from_mode(closed)).unwrap();
            SecretKey::load(&path).unwrap();
        }
    }

    #[test]
    fn only_a_group_of_this_process_may_read_the_key() {
        assert!(super::is_exposed(0o440, || false));
        assert!(!super::is_exposed(0o440, || true));
        assert!(!super::is_exposed(0o600, || false));
        for mode in [0o460, 0o450, 0o444, 0o640 | 0o004] {
            assert!(super::is_exposed(mode, || true), "{mode:o}");
        }
    }

    #[test]
    fn a_file_of_another_length_is_refused_and_not_changed() {
        let folder = tempdir().unwrap();
        for length in [0, 31, 33] {
            let path = folder.path().join(length.to_string());
            fs::write(&path, vec![7; length]).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            let error = SecretKey::load(&path).unwrap_err();
            assert!(matches!(error, KeyError::Malformed { .. }), "{error}");
            assert_eq!(fs::read(&path).unwrap().len(), length);
        }
    }

    #[test]
    fn a_folder_is_refused() {
        let folder = tempdir().unwrap();
        let error = SecretKey::load(folder.path()).unwrap_err();
        assert!(matches!(error, KeyError::Malformed { .. }), "{error}");
    }

    #[test]
    fn a_path_where_no_file_can_be_created_is_named() {
        let folder = tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let path = folder.path().join("file/secret.key");
        let error = SecretKey::generate().save(&path).unwrap_err();
        assert!(error.to_string().contains("file/secret.key"), "{error}");
    }

    #[test]
    fn each_purpose_has_its_own_key() {
        let key = SecretKey::generate();
        let csrf = *key.derive(Purpose::Csrf).expose();
        assert_ne!(link_key(&key), csrf);
        assert_eq!(*key.derive(Purpose::Csrf).expose(), csrf);
    }
}
