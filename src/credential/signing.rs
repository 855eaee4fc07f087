//! Keys that sign assertions for the portal (JWS, RFC 7515), and their rotation.
//!
//! The keys are derived from the secret key and the time: each period has a key of its own, so that
//! every gateway with the same secret key signs with the same one, without a record or an agreement.
//! The key of the next period is published during the whole period before it, and the previous one
//! until the last assertion that it signed has expired.

mod key;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use jiff::Timestamp;

pub use self::key::{Algorithm, SigningKey, SigningKeyError};
use super::key::{Purpose, SecretKey};
use super::secret::Secret;

/// For how long after its last assertion has expired a key stays published: for clocks that differ.
const CLOCK_SKEW: Duration = Duration::from_secs(300);

/// The signing keys by the time.
pub struct SigningKeys {
    secret: Secret<[u8; 32]>,
    algorithm: Algorithm,
    /// The seconds for which a key signs.
    period: i64,
    /// The seconds for which a key is published after it has signed.
    kept: i64,
    current: ArcSwapOption<KeySet>,
}

/// The keys of a period and of those beside it.
#[derive(Debug)]
pub struct KeySet {
    /// Periods since the epoch.
    period: i64,
    keys: [SigningKey; 3],
}

impl SigningKeys {
    /// Keys that sign for `period` each, which is at least a second. `lifetime` is that of what they
    /// sign.
    #[must_use]
    pub fn new(
        key: &SecretKey,
        algorithm: Algorithm,
        period: Duration,
        lifetime: Duration,
    ) -> Self {
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX).max(1);
        Self {
            secret: key.derive(Purpose::Assertion),
            algorithm,
            period: seconds(period),
            kept: seconds(lifetime.saturating_add(CLOCK_SKEW)),
            current: ArcSwapOption::empty(),
        }
    }

    /// The keys at this time.
    ///
    /// # Errors
    /// When the library refuses a key, which it has no reason to.
    pub fn at(&self, now: Timestamp) -> Result<Arc<KeySet>, SigningKeyError> {
        let period = now.as_second().div_euclid(self.period);
        if let Some(current) = &*self.current.load()
            && current.period == period
        {
            return Ok(Arc::clone(current));
        }
        let key = |period| SigningKey::derive(self.algorithm, &self.secret, period);
        let keys = [key(period - 1)?, key(period)?, key(period + 1)?];
        let set = Arc::new(KeySet { period, keys });
        self.current.store(Some(Arc::clone(&set)));
        Ok(set)
    }

    /// The public keys at this time as a JWK Set (RFC 7517): the one that signs, the next, and the
    /// previous one while something that it signed may be valid.
    ///
    /// # Errors
    /// Those of [`Self::at`].
    pub fn published(&self, now: Timestamp) -> Result<serde_json::Value, SigningKeyError> {
        let set = self.at(now)?;
        let [previous, current, next] = &set.keys;
        let since = now.as_second().rem_euclid(self.period);
        let previous = (since < self.kept).then_some(previous);
        let keys: Vec<_> =
            [current, next].into_iter().chain(previous).map(SigningKey::public).collect();
        Ok(serde_json::json!({ "keys": keys }))
    }
}

impl KeySet {
    /// The key that signs.
    #[must_use]
    pub fn signer(&self) -> &SigningKey {
        let [_, current, _] = &self.keys;
        current
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeys").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
