//! The policy in force: since when, and what was wrong with files that did not replace it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use portcullis_policy::PolicyProblems;

/// What is known about the last attempts to load the policy. Never read for a request.
#[derive(Debug)]
pub struct Reloads(ArcSwap<LastReload>);

/// The last attempt to load the policy.
#[derive(Debug, Clone)]
pub struct LastReload {
    /// When the policy in force was loaded.
    pub loaded: Timestamp,
    /// Why the files were not put in force since; `None` if the policy is theirs.
    pub problems: Option<PolicyProblems>,
}

impl Reloads {
    /// A policy was loaded at this time.
    #[must_use]
    pub fn new(loaded: Timestamp) -> Self {
        Self(ArcSwap::from_pointee(LastReload { loaded, problems: None }))
    }

    /// The last attempt.
    #[must_use]
    pub fn last(&self) -> Arc<LastReload> {
        self.0.load_full()
    }

    /// Notes an attempt at this time.
    pub fn note(&self, at: Timestamp, attempt: &Result<(), PolicyProblems>) {
        self.0.rcu(|last| match attempt {
            Ok(()) => LastReload { loaded: at, problems: None },
            Err(problems) => LastReload { loaded: last.loaded, problems: Some(problems.clone()) },
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_policy::{Policy, PolicyFiles};

    #[test]
    fn a_failed_reload_is_kept_until_one_succeeds() {
        let [first, second, third] = [1, 2, 3].map(|at| Timestamp::from_second(at).unwrap());
        let reloads = Reloads::new(first);
        assert!(reloads.last().problems.is_none());
        let problems = Policy::compile(&PolicyFiles::default()).unwrap_err();
        reloads.note(second, &Err(problems.clone()));
        let last = reloads.last();
        assert_eq!((last.loaded, last.problems.as_ref()), (first, Some(&problems)));
        reloads.note(third, &Ok(()));
        let last = reloads.last();
        assert_eq!((last.loaded, &last.problems), (third, &None));
    }
}
