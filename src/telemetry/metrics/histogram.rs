//! How often durations occurred, by upper bounds.

use std::sync::atomic::{AtomicU64, Ordering};

/// The upper bounds in microseconds. Longer durations are counted in the sum and the total only.
const BOUNDS: [u64; 18] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000, 30_000_000,
];

/// The durations that one thread has counted. Only that thread writes it.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    /// By the position of the bound.
    counts: [AtomicU64; BOUNDS.len()],
    /// Those above the last bound.
    longer: AtomicU64,
    micros: AtomicU64,
}

/// Durations of several threads.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Distribution {
    counts: [u64; BOUNDS.len()],
    longer: u64,
    micros: u64,
}

/// Adds to a count that only this thread writes.
pub(super) fn add(count: &AtomicU64, more: u64) {
    count.store(count.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
}

impl Histogram {
    /// Counts a duration.
    pub(super) fn count(&self, micros: u64) {
        let at = BOUNDS.partition_point(|bound| *bound < micros);
        add(self.counts.get(at).unwrap_or(&self.longer), 1);
        add(&self.micros, micros);
    }
}

impl Distribution {
    /// Adds what a thread has counted.
    pub(super) fn add(&mut self, thread: &Histogram) {
        for (sum, count) in self.counts.iter_mut().zip(&thread.counts) {
            *sum = sum.wrapping_add(count.load(Ordering::Relaxed));
        }
        self.longer = self.longer.wrapping_add(thread.longer.load(Ordering::Relaxed));
        self.micros = self.micros.wrapping_add(thread.micros.load(Ordering::Relaxed));
    }

    /// The sum in seconds.
    pub(super) fn sum(&self) -> f64 {
        seconds(self.micros)
    }

    /// How many there are.
    pub(super) fn total(&self) -> u64 {
        self.counts.iter().fold(self.longer, |sum, count| sum.wrapping_add(*count))
    }

    /// Each bound in seconds, the last of which is infinite, and how many are above the one before
    /// and at most it.
    pub(super) fn buckets(&self) -> Vec<(f64, u64)> {
        let bounded = BOUNDS.iter().zip(self.counts).map(|(bound, count)| (seconds(*bound), count));
        bounded.chain([(f64::INFINITY, self.longer)]).collect()
    }
}

/// Microseconds as seconds.
#[expect(clippy::cast_precision_loss, reason = "exact up to 285 years")]
pub(super) fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_in_the_bucket_of_the_next_bound() {
        let histogram = Histogram::default();
        for micros in [0, 50, 51, 30_000_000, 30_000_001] {
            histogram.count(micros);
        }
        let mut sum = Distribution::default();
        sum.add(&histogram);
        sum.add(&histogram);
        let counted: Vec<_> = sum.buckets().into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [(0.00005, 4), (0.0001, 2), (30.0, 2), (f64::INFINITY, 2)]);
        assert_eq!((sum.total(), sum.sum()), (10, 120.000_204));
    }
}
