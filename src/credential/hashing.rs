//! Password hashes: Argon2id, in a bounded pool of threads, so that sign-ins never stall the data
//! plane (I6).
//!
//! Hashes imported from an existing portal are checked too, and reported as outdated: see
//! [`stored`]. A full queue is an error ([`Busy`]), not a wait. An unknown login costs the same as
//! an existing one ([`Hasher::verify_dummy`]), and so does a stored hash that cannot be read. How
//! many attempts are allowed is decided in [`super::lockout`].

use std::sync::Arc;

use argon2::password_hash::phc::Salt;
use argon2::{Algorithm, Params, Version};

use self::pool::{Pool, Scheme};
use super::password::{self, NewPassword};
use super::secret::Secret;

mod pool;
pub mod stored;
#[cfg(test)]
mod tests;

pub use self::pool::Busy;
pub use self::stored::PasswordHash;

/// The length of a hash, in bytes.
const OUTPUT: usize = 32;

/// The cost of a hash and the size of the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashingSettings {
    /// Memory of one hash, in KiB.
    pub memory_kib: u32,
    /// Passes over that memory.
    pub passes: u32,
    /// Lanes of that memory.
    pub lanes: u32,
    /// Hashes computed at the same time.
    pub threads: usize,
    /// Callers that may wait.
    pub queue: usize,
}

impl Default for HashingSettings {
    fn default() -> Self {
        Self { memory_kib: 19_456, passes: 2, lanes: 1, threads: 1, queue: 64 }
    }
}

/// Why the pool cannot be started. The operator must act.
#[derive(Debug, thiserror::Error)]
pub enum HashingError {
    /// Argon2 does not allow this cost.
    #[error("Argon2 does not allow this cost of password hashing: {0}")]
    Cost(argon2::Error),
    /// The number of threads is zero.
    #[error("password hashing needs at least one thread")]
    NoThreads,
    /// A thread cannot be started.
    #[error("cannot start a thread for password hashing: {0}")]
    Thread(#[from] std::io::Error),
}

/// The result of checking a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Verdict {
    /// Whether it is the password.
    pub matches: bool,
    /// Whether it is the password and its hash should be replaced, because it was made with another
    /// algorithm or cost.
    pub needs_rehash: bool,
}

/// Hashes and checks passwords. Clones share the pool; its threads end with the last clone.
#[derive(Debug, Clone)]
pub struct Hasher {
    pool: Arc<Pool>,
    /// The cost of new hashes.
    params: Params,
}

impl Hasher {
    /// Starts the pool.
    ///
    /// # Errors
    /// When the settings are invalid or a thread cannot be started.
    pub fn new(settings: HashingSettings) -> Result<Self, HashingError> {
        let HashingSettings { memory_kib, passes, lanes, threads, queue } = settings;
        if threads == 0 {
            return Err(HashingError::NoThreads);
        }
        let params =
            Params::new(memory_kib, passes, lanes, Some(OUTPUT)).map_err(HashingError::Cost)?;
        Ok(Self { pool: Arc::new(Pool::start(threads, queue)?), params })
    }

    /// Checks a password against a stored hash. A stored text that is not a hash matches nothing,
    /// and takes as long as a hash of the current cost.
    ///
    /// # Errors
    /// [`Busy`] when the queue is full.
    pub async fn verify(&self, hash: &str, password: &Secret<String>) -> Result<Verdict, Busy> {
        let Some((scheme, expected)) = stored::read(hash) else {
            tracing::error!("a stored password hash cannot be read; its user cannot sign in");
            self.verify_dummy(password).await?;
            return Ok(Verdict { matches: false, needs_rehash: false });
        };
        let outdated = self.is_outdated(&scheme);
        let (normalized, as_typed) = spellings(password);
        // One place for both, so that an attempt is checked completely or not at all.
        let place = self.pool.place()?;
        // `Output` compares in constant time.
        if place.compute(scheme.clone(), normalized).await? == expected {
            return Ok(Verdict { matches: true, needs_rehash: outdated });
        }
        // The program that made the hash may not have normalized the password.
        let matches = match as_typed {
            Some(as_typed) => place.compute(scheme, as_typed).await? == expected,
            None => false,
        };
        Ok(Verdict { matches, needs_rehash: matches })
    }

    /// Takes as long as [`Hasher::verify`] with a hash of the current cost, for unknown logins.
    ///
    /// # Errors
    /// [`Busy`] when the queue is full.
    pub async fn verify_dummy(&self, password: &Secret<String>) -> Result<(), Busy> {
        let (normalized, as_typed) = spellings(password);
        let place = self.pool.place()?;
        place.compute(self.scheme(salt()), normalized).await?;
        if let Some(as_typed) = as_typed {
            place.compute(self.scheme(salt()), as_typed).await?;
        }
        Ok(())
    }

    /// Hashes a chosen password.
    ///
    /// # Errors
    /// [`Busy`] when the queue is full.
    pub async fn hash(&self, password: &NewPassword) -> Result<PasswordHash, Busy> {
        self.rehash(password.secret()).await
    }

    /// Hashes a password that was just verified at the current cost, even if it breaks a rule for
    /// new passwords.
    ///
    /// # Errors
    /// [`Busy`] when the queue is full.
    pub async fn rehash(&self, password: &Secret<String>) -> Result<PasswordHash, Busy> {
        let salt = salt();
        let password = password::normalized(password);
        let output = self.pool.place()?.compute(self.scheme(salt), password).await?;
        let (memory, passes, lanes) =
            (self.params.m_cost(), self.params.t_cost(), self.params.p_cost());
        let algorithm = Algorithm::Argon2id;
        let version = u32::from(Version::V0x13);
        Ok(PasswordHash(format!(
            "${algorithm}$v={version}$m={memory},t={passes},p={lanes}${salt}${output}"
        )))
    }

    /// A hash of the current cost.
    fn scheme(&self, salt: Salt) -> Scheme {
        Scheme::Argon2 {
            algorithm: Algorithm::Argon2id,
            version: Version::V0x13,
            params: self.params.clone(),
            salt,
        }
    }

    fn is_outdated(&self, scheme: &Scheme) -> bool {
        match scheme {
            Scheme::Argon2 { algorithm, version, params, .. } => {
                *algorithm != Algorithm::Argon2id
                    || *version != Version::V0x13
                    || *params != self.params
            }
            Scheme::Bcrypt { .. } => true,
        }
    }
}

/// The normalized password that is hashed, and the password as typed if it differs.
fn spellings(password: &Secret<String>) -> (Secret<String>, Option<Secret<String>>) {
    let normalized = password::normalized(password);
    let differ = normalized.expose() != password.expose();
    (normalized, differ.then(|| password.clone()))
}

fn salt() -> Salt {
    #[expect(clippy::expect_used, reason = "16 bytes are within the bounds of a salt")]
    Salt::new(&crate::random::bytes::<{ Salt::RECOMMENDED_LENGTH }>())
        .expect("16 bytes make a salt")
}
