//! A cache that cannot be made stale by a load that began before a change (I2).
//!
//! A request that misses reads the store. While it reads, the record may change and be
//! invalidated; were the old reading put into the cache then, every later request would be decided
//! by it. So each invalidation moves a generation on, and a reading is kept only if the generation
//! is still the one under which it began. Loads are not shared between requests, so a request never
//! gets a reading that began before the request did.
//!
//! What is absent from the store is not cached: names that do not exist could otherwise be asked
//! for until they had pushed out those that do.
//!
//! An entry has no time to live: what it copies is told of every change, and who is not asked for
//! any more is pushed out when room is needed. (Sessions go when the sweep removes their records.)
//!
//! Keys are ids that the program has made itself, so a quick hash with a seed of its own will do.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;
use parking_lot::{Mutex, MutexGuard};

/// Keys are spread over this many generations: an invalidation makes loads of a few unrelated
/// keys go uncached, and only those.
const STRIPES: usize = 256;

/// A bounded cache of what the store holds, kept fresh by invalidation.
pub struct FreshCache<K, V> {
    entries: moka::sync::Cache<K, V, RandomState>,
    hasher: RandomState,
    /// How often a key of the stripe was invalidated. Held while an entry goes in or out, never
    /// across an await.
    generations: [Mutex<u64>; STRIPES],
}

impl<K, V> FreshCache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// A cache of at most about `capacity` entries.
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

    /// The cached value, or what `load` reads, which is kept unless the key was invalidated
    /// meanwhile.
    ///
    /// # Errors
    /// What `load` answers; nothing is kept then.
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

    /// Forgets a key. When this returns, no load that has begun can bring back what it read.
    pub fn invalidate<Q>(&self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut generation = lock(self.stripe(key));
        *generation += 1;
        self.entries.invalidate(key);
    }

    /// Forgets everything, as [`Self::invalidate`] does for one key.
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
