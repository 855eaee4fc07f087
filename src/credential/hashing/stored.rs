//! Hashes as they are stored: our own, and those imported from an existing portal.
//!
//! Argon2 (i, d, id) in PHC format, and bcrypt (`$2a$`, `$2b$`, `$2y$`). An imported hash is checked
//! once, before it is stored: its format, and the cost of verifying a password against it, because
//! anyone who knows the login can cause that cost.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use argon2::password_hash::phc::{self, Output};
use argon2::{Algorithm, Params, Version};
use data_encoding::{Encoding, Specification};

use super::pool::Scheme;
use crate::credential::secret::Secret;

/// The costs of bcrypt that are accepted in an import.
const BCRYPT_COST: RangeInclusive<u32> = 4..=14;
/// The most memory of Argon2 that is accepted in an import, in KiB.
const MAX_MEMORY_KIB: u32 = 256 * 1024;
/// The highest product of memory in KiB and passes: about a second of work.
const MAX_WORK_KIB: u64 = 1024 * 1024;
/// The most lanes of Argon2 that are accepted in an import.
const MAX_LANES: u32 = 16;

/// The alphabet of bcrypt. The unused bits of the last character are ignored: some programs leave
/// random bits there.
static BCRYPT: LazyLock<Option<Encoding>> = LazyLock::new(|| {
    let mut specification = Specification::new();
    let alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    specification.symbols.push_str(alphabet);
    specification.check_trailing_bits = false;
    specification.encoding().ok()
});

/// A password's hash, to be stored: in PHC format (`$argon2id$…`), or an imported one.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub(super) String);

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

/// Why a hash cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForeignHashError {
    /// Not a hash in a known format.
    #[error(
        "is neither a bcrypt hash (`$2a$`, `$2b$` or `$2y$`, 60 characters) nor an Argon2 hash in \
         PHC format (`$argon2id$v=19$m=…,t=…,p=…$salt$hash`)"
    )]
    Shape,
    /// It needs a secret key, which cannot be imported.
    #[error("is an Argon2 hash with a secret key, which cannot be imported")]
    Keyed,
    /// Checking it would take too long, or almost no time.
    #[error("has a bcrypt cost of {0}; it must be 4 to 14")]
    BcryptCost(u32),
    /// Checking it would take too much memory or time.
    #[error(
        "needs {memory_kib} KiB of memory, {passes} passes and {lanes} lanes of Argon2; it must need \
         at most 262144 KiB, 16 lanes, and a product of KiB and passes of 1048576"
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
    /// Checks a hash that another program has made.
    ///
    /// # Errors
    /// When it is not a hash that can be checked, or costs too much to check.
    pub fn import(text: &Secret<String>) -> Result<Self, ForeignHashError> {
        let text = text.expose();
        let (scheme, _) = read(text).ok_or(ForeignHashError::Shape)?;
        match scheme {
            Scheme::Bcrypt { cost, .. } if !BCRYPT_COST.contains(&cost) => {
                Err(ForeignHashError::BcryptCost(cost))
            }
            Scheme::Argon2 { params, .. } if !params.keyid().is_empty() => {
                Err(ForeignHashError::Keyed)
            }
            Scheme::Argon2 { params, .. } if costs_too_much(&params) => {
                Err(ForeignHashError::Argon2Cost {
                    memory_kib: params.m_cost(),
                    passes: params.t_cost(),
                    lanes: params.p_cost(),
                })
            }
            Scheme::Bcrypt { .. } | Scheme::Argon2 { .. } => Ok(Self(text.to_owned())),
        }
    }
}

fn costs_too_much(params: &Params) -> bool {
    params.m_cost() > MAX_MEMORY_KIB
        || u64::from(params.m_cost()) * u64::from(params.t_cost()) > MAX_WORK_KIB
        || params.p_cost() > MAX_LANES
}

/// Parses a hash into its scheme and output.
pub(super) fn read(stored: &str) -> Option<(Scheme, Output)> {
    if stored.starts_with("$2") { read_bcrypt(stored) } else { read_argon2(stored) }
}

fn read_argon2(stored: &str) -> Option<(Scheme, Output)> {
    let hash = phc::PasswordHash::new(stored).ok()?;
    let scheme = Scheme::Argon2 {
        algorithm: Algorithm::try_from(hash.algorithm.as_str()).ok()?,
        version: hash.version.map(Version::try_from).transpose().ok()?.unwrap_or_default(),
        params: Params::try_from(&hash).ok()?,
        salt: hash.salt?,
    };
    Some((scheme, hash.hash?))
}

/// `$2b$`, two digits of cost, `$`, 22 characters of salt, 31 of output.
fn read_bcrypt(stored: &str) -> Option<(Scheme, Output)> {
    let rest = ["$2a$", "$2b$", "$2y$"].iter().find_map(|prefix| stored.strip_prefix(prefix))?;
    let (cost, rest) = rest.split_once('$')?;
    if cost.len() != 2 || !cost.bytes().all(|digit| digit.is_ascii_digit()) || rest.len() != 53 {
        return None;
    }
    let (salt, output) = rest.split_at_checked(22)?;
    let alphabet = BCRYPT.as_ref()?;
    let salt = alphabet.decode(salt.as_bytes()).ok()?.try_into().ok()?;
    let output = alphabet.decode(output.as_bytes()).ok()?;
    Some((Scheme::Bcrypt { cost: cost.parse().ok()?, salt }, Output::new(&output).ok()?))
}

#[cfg(test)]
mod tests;
