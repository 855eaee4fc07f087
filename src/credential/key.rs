//! The installation's one secret key, and the keys derived from it.
//!
//! 32 random bytes in a file that only its owner can read, made at the first start. The key itself
//! is never used: each purpose gets a key of its own by HKDF-SHA256, so that what one purpose
//! shows to the world says nothing about another. Losing the file ends all secure links.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit};
use sha2::Sha256;

use super::secret::Secret;

const LENGTH: usize = 32;

/// What a derived key is for. A purpose never changes its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The tokens of secure links (R10).
    SecureLink,
    /// The tokens in forms.
    Csrf,
    /// The secrets of second factors at rest (R51).
    SecondFactor,
    /// The hashes of recovery codes (R51).
    RecoveryCode,
    /// What a browser keeps between a right password and the code that is still owed.
    PendingSignIn,
    /// The tokens in mails that wait to be sent.
    Letter,
}

impl Purpose {
    const fn label(self) -> &'static str {
        match self {
            Self::SecureLink => "portcullis v1 secure link",
            Self::Csrf => "portcullis v1 csrf",
            Self::SecondFactor => "portcullis v1 second factor",
            Self::RecoveryCode => "portcullis v1 recovery code",
            Self::PendingSignIn => "portcullis v1 pending sign-in",
            Self::Letter => "portcullis v1 letter",
        }
    }
}

/// Why there is no secret key. The operator must act.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Others than the owner can read or write the file.
    #[error("the secret key `{}` has mode {mode:04o}: others can read it; run `chmod 600` on it", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file does not hold a key.
    #[error("the secret key `{}` is not a file of exactly {LENGTH} bytes", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("the secret key `{}` cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file cannot be made.
    #[error("the secret key `{}` cannot be created: {source}", path.display())]
    NotCreated {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// The key everything else is derived from.
#[derive(Debug, Clone)]
pub struct SecretKey(Secret<[u8; LENGTH]>);

impl SecretKey {
    /// A new key that no file holds.
    #[must_use]
    pub fn generate() -> Self {
        Self(Secret::new(crate::random::bytes()))
    }

    /// The key in the file; if there is none, a new one, which the file holds from now on.
    ///
    /// # Errors
    /// When the file is not a key, can be read by others, or cannot be read or made.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyError> {
        match load(path) {
            Err(KeyError::Unreadable { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                create(path)
                    .map_err(|source| KeyError::NotCreated { path: path.to_owned(), source })?;
                load(path)
            }
            loaded => loaded,
        }
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
pub(super) fn mac(key: &Secret<[u8; 32]>) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    Hmac::new_from_slice(key.expose()).expect("HMAC takes a key of any length")
}

fn load(path: &Path) -> Result<SecretKey, KeyError> {
    let unreadable = |source| KeyError::Unreadable { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(unreadable)?;
    // Asked of the open file, not of the path, which could lead elsewhere by now.
    let metadata = file.metadata().map_err(unreadable)?;
    let mode = metadata.permissions().mode() & 0o7777;
    if metadata.is_file() && mode & 0o077 != 0 {
        return Err(KeyError::Exposed { path: path.to_owned(), mode });
    }
    if !metadata.is_file() || metadata.len() != LENGTH as u64 {
        return Err(KeyError::Malformed { path: path.to_owned() });
    }
    let mut key = [0; LENGTH];
    file.read_exact(&mut key).map_err(unreadable)?;
    Ok(SecretKey(Secret::new(key)))
}

/// Writes a new key beside the path and links it into place, whole or not at all. When another
/// process was first, its key stands.
fn create(path: &Path) -> io::Result<()> {
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let draft =
        folder.join(format!(".secret-key-{}", HEXLOWER.encode(&crate::random::bytes::<8>())));
    let linked = write(&draft).and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    let removed = fs::remove_file(&draft);
    linked.and(removed)?;
    File::open(folder)?.sync_all()
}

fn write(draft: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    // Whatever the umask took away from the owner is given back.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(SecretKey::generate().0.expose())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::sync::Barrier;

    use tempfile::tempdir;

    use super::{KeyError, Purpose, SecretKey};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn link_key(key: &SecretKey) -> [u8; 32] {
        *key.derive(Purpose::SecureLink).expose()
    }

    #[test]
    fn the_key_is_made_once_and_found_again() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("new/deep/secret.key");
        let made = SecretKey::load_or_create(&path).unwrap();
        assert_eq!(link_key(&SecretKey::load_or_create(&path).unwrap()), link_key(&made));
        assert_eq!((fs::read(&path).unwrap().len(), mode(&path)), (32, 0o600));
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert_eq!(mode(path.parent().unwrap().parent().unwrap()), 0o700);
        let left = fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(left, 1, "no draft is left behind");
    }

    #[test]
    fn two_installations_have_different_keys() {
        assert_ne!(link_key(&SecretKey::generate()), link_key(&SecretKey::generate()));
    }

    #[test]
    fn all_that_start_together_get_the_same_key() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("secret.key");
        let barrier = Barrier::new(8);
        let keys: Vec<_> = std::thread::scope(|scope| {
            let start = || {
                barrier.wait();
                link_key(&SecretKey::load_or_create(&path).unwrap())
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }

    #[test]
    fn a_key_that_others_can_read_is_refused_with_the_remedy() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("secret.key");
        SecretKey::load_or_create(&path).unwrap();
        for open in [0o640, 0o604, 0o620, 0o644, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(open)).unwrap();
            let error = SecretKey::load_or_create(&path).unwrap_err();
            assert!(matches!(error, KeyError::Exposed { mode, .. } if mode == open), "{error}");
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        SecretKey::load_or_create(&path).unwrap();
    }

    #[test]
    fn a_file_of_another_length_is_refused_and_left_alone() {
        let folder = tempdir().unwrap();
        for length in [0, 31, 33] {
            let path = folder.path().join(length.to_string());
            fs::write(&path, vec![7; length]).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            let error = SecretKey::load_or_create(&path).unwrap_err();
            assert!(matches!(error, KeyError::Malformed { .. }), "{error}");
            assert_eq!(fs::read(&path).unwrap().len(), length);
        }
    }

    #[test]
    fn a_folder_in_its_place_is_refused() {
        let folder = tempdir().unwrap();
        let error = SecretKey::load_or_create(folder.path()).unwrap_err();
        assert!(matches!(error, KeyError::Malformed { .. }), "{error}");
    }

    #[test]
    fn a_place_where_no_file_can_be_made_is_named() {
        let folder = tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let path = folder.path().join("file/secret.key");
        let error = SecretKey::load_or_create(&path).unwrap_err();
        assert!(error.to_string().contains("file/secret.key"), "{error}");
    }

    #[test]
    fn each_purpose_has_a_key_of_its_own() {
        let key = SecretKey::generate();
        let csrf = *key.derive(Purpose::Csrf).expose();
        assert_ne!(link_key(&key), csrf);
        assert_eq!(*key.derive(Purpose::Csrf).expose(), csrf);
    }
}
