//! Argon2id, in a bounded pool of its own, so that sign-ins never stall the data plane (I6).
//!
//! Hashes that an existing portal had are checked too, and outdated: see [`stored`].
//!
//! A full queue is an answer ([`Busy`]), not a wait. A login that nobody has costs the same as one
//! that somebody has ([`Hasher::verify_nobody`]), and so does a stored hash that cannot be read.
//! How often somebody may try is not decided here but in [`super::lockout`].

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::phc::Salt;
use argon2::{Algorithm, Params, Version};

use self::pool::{Pool, Recipe};
use super::password::{self, NewPassword};
use super::secret::Secret;

mod pool;
pub mod stored;
#[cfg(test)]
mod tests;

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
    /// Callers that may wait for their turn.
    pub queue: usize,
}

impl Default for HashingSettings {
    fn default() -> Self {
        Self { memory_kib: 19_456, passes: 2, lanes: 1, threads: 1, queue: 64 }
    }
}

/// Why there is no pool. The operator must act.
#[derive(Debug, thiserror::Error)]
pub enum HashingError {
    /// Argon2 does not allow this cost.
    #[error("the cost of password hashing is not possible: {0}")]
    Cost(argon2::Error),
    /// There is nobody to do the work.
    #[error("password hashing needs at least one thread")]
    NoThreads,
    /// A thread cannot be started.
    #[error("a thread for password hashing cannot be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// Too many are waiting already: answer 503 with `Retry-After`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being checked")]
pub struct Busy;

impl Busy {
    /// For the header `Retry-After`.
    pub const RETRY_AFTER_SECONDS: u32 = 2;
}

/// What came of checking a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Verdict {
    /// It is the password.
    pub matches: bool,
    /// It is, and the stored hash was made at another cost: hash it anew.
    pub needs_rehash: bool,
}

/// A password's hash, to be stored: in PHC format (`$argon2id$…`), or one from elsewhere.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// The text to store.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// The pool. Clones share it; its threads end with the last of them.
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
    /// When the settings ask for the impossible or a thread cannot be started.
    pub fn new(settings: HashingSettings) -> Result<Self, HashingError> {
        let HashingSettings { memory_kib, passes, lanes, threads, queue } = settings;
        if threads == 0 {
            return Err(HashingError::NoThreads);
        }
        let params =
            Params::new(memory_kib, passes, lanes, Some(OUTPUT)).map_err(HashingError::Cost)?;
        Ok(Self { pool: Arc::new(Pool::start(threads, queue)?), params })
    }

    /// Checks a password against a stored hash. A stored text that is no hash matches nothing, and
    /// takes as long as one of today's cost.
    ///
    /// # Errors
    /// [`Busy`] when the queue is full.
    pub async fn verify(&self, hash: &str, password: &Secret<String>) -> Result<Verdict, Busy> {
        let Some((recipe, expected)) = stored::read(hash) else {
            tracing::error!("a stored password hash cannot be read; its owner cannot sign in");
            self.verify_nobody(password).await?;
            return Ok(Verdict { matches: false, needs_rehash: false });
        };
        let outdated = self.is_outdated(&recipe);
        let (normalized, as_typed) = spellings(password);
        // One place for both, so that a try is either not checked at all or to the end.
        let place = self.pool.place()?;
        // `Output` compares in constant time.
        if place.compute(recipe.clone(), normalized).await? == expected {
            return Ok(Verdict { matches: true, needs_rehash: outdated });
        }
        // What made the hash may have known nothing of normal forms.
        let matches = match as_typed {
            Some(as_typed) => place.compute(recipe, as_typed).await? == expected,
            None => false,
        };
        Ok(Verdict { matches, needs_rehash: matches })
    }

    /// Takes as long as [`Hasher::verify`] with a hash of today's cost, for a login that nobody has.
    ///
    /// # Errors
    /// [`Busy`] when the queue is full.
    pub async fn verify_nobody(&self, password: &Secret<String>) -> Result<(), Busy> {
        let (normalized, as_typed) = spellings(password);
        let place = self.pool.place()?;
        place.compute(self.recipe(salt()), normalized).await?;
        if let Some(as_typed) = as_typed {
            place.compute(self.recipe(salt()), as_typed).await?;
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

    /// Hashes at today's cost a password that has just been verified; whether it could still be
    /// chosen today does not matter.
    ///
    /// # Errors
    /// [`Busy`] when the queue is full.
    pub async fn rehash(&self, password: &Secret<String>) -> Result<PasswordHash, Busy> {
        let salt = salt();
        let password = password::normalized(password);
        let output = self.pool.place()?.compute(self.recipe(salt), password).await?;
        let (memory, passes, lanes) =
            (self.params.m_cost(), self.params.t_cost(), self.params.p_cost());
        let algorithm = Algorithm::Argon2id;
        let version = u32::from(Version::V0x13);
        Ok(PasswordHash(format!(
            "${algorithm}$v={version}$m={memory},t={passes},p={lanes}${salt}${output}"
        )))
    }

    /// A hash of today's cost.
    fn recipe(&self, salt: Salt) -> Recipe {
        Recipe::Argon2 {
            algorithm: Algorithm::Argon2id,
            version: Version::V0x13,
            params: self.params.clone(),
            salt,
        }
    }

    fn is_outdated(&self, recipe: &Recipe) -> bool {
        match recipe {
            Recipe::Argon2 { algorithm, version, params, .. } => {
                *algorithm != Algorithm::Argon2id
                    || *version != Version::V0x13
                    || *params != self.params
            }
            Recipe::Bcrypt { .. } => true,
        }
    }
}

/// The spelling that is hashed today, and the one that was typed, if it is another.
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
