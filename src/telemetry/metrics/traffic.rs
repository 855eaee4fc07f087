//! What is counted while requests are answered.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use thread_local::ThreadLocal;

use super::families;
use super::histogram::{Distribution, Histogram, add};
use super::samples::{Samples, Source};

/// The names of the classes of statuses.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Counts of requests, for each thread.
#[derive(Debug, Default)]
pub struct Traffic(ThreadLocal<Counters>);

/// The counts of one thread. Only that thread writes them.
#[derive(Debug, Default)]
struct Counters {
    decisions: Histogram,
    portal: Histogram,
    classes: [AtomicU64; CLASSES.len()],
    /// What allowed requests do not cause. Only reading the metrics waits for the lock.
    rare: Mutex<Rare>,
}

#[derive(Debug, Default)]
struct Rare {
    refused: BTreeMap<(&'static str, &'static str), u64>,
    failures: BTreeMap<&'static str, u64>,
    permissions: BTreeMap<String, u64>,
}

impl Traffic {
    /// A request was decided within this time.
    pub fn decided(&self, micros: u64) {
        self.0.get_or_default().decisions.count(micros);
    }

    /// A request was refused; both names are those of the decision record.
    pub fn refused(&self, decision: &'static str, reason: &'static str) {
        let mut rare = self.0.get_or_default().rare.lock();
        *rare.refused.entry((decision, reason)).or_default() += 1;
    }

    /// A request was denied for lack of this permission of the policy.
    pub fn missing(&self, permission: &str) {
        let permissions = &mut self.0.get_or_default().rare.lock().permissions;
        match permissions.get_mut(permission) {
            Some(count) => *count += 1,
            None => drop(permissions.insert(permission.to_owned(), 1)),
        }
    }

    /// The portal has answered with this status, within this time after the decision.
    pub fn answered(&self, status: u16, micros: u64) {
        let counters = self.0.get_or_default();
        counters.portal.count(micros);
        if let Some(class) = counters.classes.get(usize::from(status / 100).wrapping_sub(1)) {
            add(class, 1);
        }
    }

    /// The portal has not answered, for this reason.
    pub fn failed(&self, reason: &'static str) {
        *self.0.get_or_default().rare.lock().failures.entry(reason).or_default() += 1;
    }
}

impl Source for Traffic {
    fn collect(&self, samples: &mut Samples) {
        let (mut decisions, mut portal) = (Distribution::default(), Distribution::default());
        let (mut classes, mut sum) = ([0; CLASSES.len()], Rare::default());
        for thread in &self.0 {
            decisions.add(&thread.decisions);
            portal.add(&thread.portal);
            for (sum, class) in classes.iter_mut().zip(&thread.classes) {
                *sum += class.load(Ordering::Relaxed);
            }
            let rare = thread.rare.lock();
            for (key, count) in &rare.refused {
                *sum.refused.entry(*key).or_default() += count;
            }
            for (key, count) in &rare.failures {
                *sum.failures.entry(key).or_default() += count;
            }
            for (key, count) in &rare.permissions {
                *sum.permissions.entry(key.clone()).or_default() += count;
            }
        }
        samples.durations(&families::DECISION_TIME, decisions);
        samples.durations(&families::PORTAL_TIME, portal);
        for (name, count) in CLASSES.iter().zip(classes) {
            samples.count(&families::ANSWERS, &[name], count);
        }
        for ((decision, reason), count) in sum.refused {
            samples.count(&families::REFUSED, &[decision, reason], count);
        }
        for (reason, count) in sum.failures {
            samples.count(&families::FAILURES, &[reason], count);
        }
        for (permission, count) in &sum.permissions {
            samples.count(&families::PERMISSIONS, &[permission], *count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_all_threads_are_summed() {
        let traffic = Traffic::default();
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    traffic.decided(10);
                    traffic.refused("deny", "no-route");
                    traffic.missing("orders.read");
                    traffic.answered(204, 900);
                    traffic.answered(999, 900);
                    traffic.failed("portal-down");
                });
            }
        });
        let mut samples = Samples::default();
        traffic.collect(&mut samples);
        let text = samples.text();
        for line in [
            "portcullis_decision_seconds_count 3",
            "portcullis_portal_seconds_count 6",
            "portcullis_portal_responses_total{class=\"2xx\"} 3",
            "portcullis_portal_responses_total{class=\"5xx\"} 0",
            "portcullis_refused_requests_total{decision=\"deny\",reason=\"no-route\"} 3",
            "portcullis_missing_permissions_total{permission=\"orders.read\"} 3",
            "portcullis_portal_failures_total{reason=\"portal-down\"} 3",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
    }
}
