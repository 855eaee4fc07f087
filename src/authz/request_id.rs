//! Ids of requests: the same in the decision record, in the log and at the portal.

use std::sync::atomic::{AtomicU64, Ordering};

use data_encoding::HEXLOWER;

/// The length of the prefix.
const PREFIX: usize = 12;

/// What the id of a request has in common with those of its process.
pub(super) fn prefix(id: &str) -> &str {
    id.get(..PREFIX).unwrap_or(id)
}

/// Makes ids that are unique in this process and, almost certainly, across processes: a random
/// prefix and a counter, in hexadecimal.
#[derive(Debug)]
pub struct RequestIds {
    prefix: String,
    counter: AtomicU64,
}

impl RequestIds {
    /// Ids with this prefix of random bytes.
    #[must_use]
    pub fn new(random: [u8; 6]) -> Self {
        Self { prefix: HEXLOWER.encode(&random), counter: AtomicU64::new(0) }
    }

    /// The next id.
    #[must_use]
    pub fn next(&self) -> String {
        let count = self.counter.fetch_add(1, Ordering::Relaxed);
        let mut id = String::with_capacity(self.prefix.len() + 16);
        id.push_str(&self.prefix);
        HEXLOWER.encode_append(&count.to_be_bytes(), &mut id);
        id
    }
}
