//! Hashes as they are stored: our own, and those that an existing portal brought along.
//!
//! Argon2 (i, d, id) in PHC format, and bcrypt (`$2a$`, `$2b$`, `$2y$`). What comes from elsewhere
//! is looked at once, before it is stored: its shape, and what checking a password against it would
//! cost, because that is paid by whoever knows the login.

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use argon2::password_hash::phc::{self, Output};
use argon2::{Algorithm, Params, Version};
use data_encoding::{Encoding, Specification};

use super::PasswordHash;
use super::pool::Recipe;
use crate::credential::secret::Secret;

/// The costs of bcrypt that are taken from elsewhere.
const BCRYPT_COST: RangeInclusive<u32> = 4..=14;
/// The most memory of Argon2 that is taken from elsewhere, in KiB.
const MOST_MEMORY_KIB: u32 = 256 * 1024;
/// The most memory, counted once for each pass, in KiB: about a second of work.
const MOST_WORK_KIB: u64 = 1024 * 1024;
/// The most lanes.
const MOST_LANES: u32 = 16;

/// The alphabet of bcrypt. Bits that are left over at the end say nothing: some programs leave
/// there what their random numbers brought.
static BCRYPT: LazyLock<Option<Encoding>> = LazyLock::new(|| {
    let mut specification = Specification::new();
    let alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    specification.symbols.push_str(alphabet);
    specification.check_trailing_bits = false;
    specification.encoding().ok()
});

/// Why a hash from elsewhere is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForeignHashError {
    /// No hash that we know.
    #[error(
        "is neither a bcrypt hash (`$2a$`, `$2b$` or `$2y$`, 60 characters) nor an Argon2 hash in \
         PHC format (`$argon2id$v=19$m=…,t=…,p=…$salt$hash`)"
    )]
    Shape,
    /// It needs a key that we do not have.
    #[error("is an Argon2 hash with a secret key, which cannot be checked without it")]
    Keyed,
    /// Checking it would take too long, or is no work at all.
    #[error("asks for a cost of bcrypt of {0}; 4 to 14 can be taken")]
    BcryptCost(u32),
    /// Checking it would take too much.
    #[error(
        "asks for {memory_kib} KiB of memory, {passes} passes and {lanes} lanes of Argon2; at most \
         262144 KiB, 16 lanes, and 1048576 KiB times passes can be taken"
    )]
    Argon2Cost {
        /// Memory in KiB.
        memory_kib: u32,
        /// Passes over it.
        passes: u32,
        /// Lanes of it.
        lanes: u32,
    },
}

impl PasswordHash {
    /// Takes a hash that another program has made.
    ///
    /// # Errors
    /// When it is none that we can check, or one that costs too much to check.
    pub fn from_elsewhere(text: &Secret<String>) -> Result<Self, ForeignHashError> {
        let text = text.expose();
        let (recipe, _) = read(text).ok_or(ForeignHashError::Shape)?;
        match recipe {
            Recipe::Bcrypt { cost, .. } if !BCRYPT_COST.contains(&cost) => {
                Err(ForeignHashError::BcryptCost(cost))
            }
            Recipe::Argon2 { params, .. } if !params.keyid().is_empty() => {
                Err(ForeignHashError::Keyed)
            }
            Recipe::Argon2 { params, .. } if is_too_much(&params) => {
                Err(ForeignHashError::Argon2Cost {
                    memory_kib: params.m_cost(),
                    passes: params.t_cost(),
                    lanes: params.p_cost(),
                })
            }
            Recipe::Bcrypt { .. } | Recipe::Argon2 { .. } => Ok(Self(text.to_owned())),
        }
    }
}

fn is_too_much(params: &Params) -> bool {
    params.m_cost() > MOST_MEMORY_KIB
        || u64::from(params.m_cost()) * u64::from(params.t_cost()) > MOST_WORK_KIB
        || params.p_cost() > MOST_LANES
}

/// How the hash was made, and what came out.
pub(super) fn read(stored: &str) -> Option<(Recipe, Output)> {
    if stored.starts_with("$2") { read_bcrypt(stored) } else { read_argon2(stored) }
}

fn read_argon2(stored: &str) -> Option<(Recipe, Output)> {
    let hash = phc::PasswordHash::new(stored).ok()?;
    let recipe = Recipe::Argon2 {
        algorithm: Algorithm::try_from(hash.algorithm.as_str()).ok()?,
        version: hash.version.map(Version::try_from).transpose().ok()?.unwrap_or_default(),
        params: Params::try_from(&hash).ok()?,
        salt: hash.salt?,
    };
    Some((recipe, hash.hash?))
}

/// `$2b$`, two digits of cost, `$`, 22 characters of salt, 31 of output.
fn read_bcrypt(stored: &str) -> Option<(Recipe, Output)> {
    let rest = ["$2a$", "$2b$", "$2y$"].iter().find_map(|prefix| stored.strip_prefix(prefix))?;
    let (cost, rest) = rest.split_once('$')?;
    if cost.len() != 2 || !cost.bytes().all(|digit| digit.is_ascii_digit()) || rest.len() != 53 {
        return None;
    }
    let (salt, output) = rest.split_at_checked(22)?;
    let alphabet = BCRYPT.as_ref()?;
    let salt = alphabet.decode(salt.as_bytes()).ok()?.try_into().ok()?;
    let output = alphabet.decode(output.as_bytes()).ok()?;
    Some((Recipe::Bcrypt { cost: cost.parse().ok()?, salt }, Output::new(&output).ok()?))
}

#[cfg(test)]
mod tests;
