//! A cache that cannot be made stale by a load that started before a change (I2).
//!
//! While a request loads a record that is not in the cache, the record may change. If the loaded
//! value were cached then, later requests would be decided by it. So every invalidation increments
//! a generation, and a loaded value is cached only if the generation is still the one at which the
//! load started. Requests do not share loads, so none gets a value that was read before it started.
//!
//! Absent records are not cached: requests for names that do not exist could otherwise evict those
//! that do.
//!
//! Entries do not expire. They are invalidated with every change, and the least used ones are
//! evicted when the cache is full.
//!
//! Keys are ids that this program has generated, so a fast seeded hash is enough.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;
use parking_lot::{Mutex, MutexGuard};

/// Number of generations that keys are spread over. An invalidation keeps concurrent loads of keys
/// with the same generation from being cached.
const STRIPES: usize = 256;

/// A bounded cache of records, kept fresh by invalidation.
pub struct FreshCache<K, V> {
    entries: moka::sync::Cache<K, V, RandomState>,
    hasher: RandomState,
    /// The number of invalidations of keys of the stripe. Locked while an entry is inserted or
    /// removed, never across an await.
    generations: [Mutex<u64>; STRIPES],
}

impl<K, V> FreshCache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// A cache of about `capacity` entries at most.
    #[must_use]
    pub fn new(capacity: u64) -> Self {
        let hasher = RandomState::default();
        Self {
            entries: moka::sync::Cache::builder()
                .max_capacity(capacity)
                .build_with_hasher(hasher.clone()),
            hasher,
            generations: std::array::from_fn(|_| Mutex::new(0)),
        }
    }

    /// The cached value. Takes no lock of this cache and allocates nothing.
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.entries.get(key)
    }

    /// The cached value, or the one that `load` returns, which is cached unless the key has been
    /// invalidated since.
    ///
    /// # Errors
    /// Those of `load`; nothing is cached then.
    pub async fn get_or_load<E, F>(&self, key: K, load: impl FnOnce() -> F) -> Result<Option<V>, E>
    where
        F: Future<Output = Result<Option<V>, E>>,
    {
        if let Some(value) = self.entries.get(&key) {
            return Ok(Some(value));
        }
        let stripe = self.stripe(&key);
        let began = *lock(stripe);
        let Some(value) = load().await? else { return Ok(None) };
        let generation = lock(stripe);
        if *generation == began {
            self.entries.insert(key, value.clone());
        }
        drop(generation);
        Ok(Some(value))
    }

    /// Removes a key. A load that started before this returned does not cache its value.
    pub fn invalidate<Q>(&self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut generation = lock(self.stripe(key));
        *generation += 1;
        self.entries.invalidate(key);
    }

    /// Removes all keys, as [`Self::invalidate`] does for one.
    pub fn invalidate_all(&self) {
        for stripe in &self.generations {
            *lock(stripe) += 1;
        }
        self.entries.invalidate_all();
    }

    fn stripe<Q: Hash + ?Sized>(&self, key: &Q) -> &Mutex<u64> {
        let place = self.hasher.hash_one(key) as usize % STRIPES;
        #[expect(clippy::indexing_slicing, reason = "a remainder of STRIPES is below it")]
        &self.generations[place]
    }
}

impl<K, V> fmt::Debug for FreshCache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither keys nor values: they may be hashes of session tokens.
        f.debug_struct("FreshCache").finish_non_exhaustive()
    }
}

/// A counter is never half written, so a panic elsewhere is no reason to give up the cache.
fn lock(stripe: &Mutex<u64>) -> MutexGuard<'_, u64> {
    stripe.lock()
}

#[cfg(test)]
mod tests;
