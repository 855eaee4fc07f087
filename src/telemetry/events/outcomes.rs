//! How often sign-ins, links and tokens were accepted and refused, for the metrics.
//!
//! The counts are those of the process, as the log is.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use super::Event;
use crate::telemetry::metrics::{Family, Samples, families};

/// The outcome of something that is allowed.
const ACCEPTED: &str = "accepted";

/// By the name of the metric and its labels.
type Counts = BTreeMap<(&'static str, [&'static str; 2]), (&'static Family, u64)>;

static COUNTS: Mutex<Counts> = Mutex::new(Counts::new());

/// Counts an event, if there is a metric for it.
pub(super) fn count(event: &Event<'_>) {
    if let Some((family, labels)) = of(event) {
        COUNTS.lock().entry((family.name, labels)).or_insert((family, 0)).1 += 1;
    }
}

/// Adds the counts.
pub fn collect(samples: &mut Samples) {
    for ((_, labels), (family, count)) in &*COUNTS.lock() {
        samples.count(family, labels, *count);
    }
}

/// The metric of an event and its labels, of which those after the last one are empty.
fn of(event: &Event<'_>) -> Option<(&'static Family, [&'static str; 2])> {
    Some(match event {
        Event::SignIn(_) => (&families::SIGN_INS, [ACCEPTED, ""]),
        Event::SignInRefused { cause, .. } => (&families::SIGN_INS, [cause.name(), ""]),
        Event::SecondFactorAccepted { .. } => (&families::SECOND_FACTORS, [ACCEPTED, ""]),
        Event::SecondFactorRefused { cause, .. } => (&families::SECOND_FACTORS, [cause.name(), ""]),
        Event::LinkOpened { .. } => (&families::LINKS, [ACCEPTED, ""]),
        Event::LinkRefused { cause, .. } => (&families::LINKS, [cause.name(), ""]),
        Event::AdministratorSignIn { .. } => (&families::ADMINISTRATOR_SIGN_INS, [ACCEPTED, ""]),
        Event::AdministratorSignInRefused { cause, .. } => {
            (&families::ADMINISTRATOR_SIGN_INS, [cause.name(), ""])
        }
        Event::TokenRefused { cause, .. } => (&families::TOKENS_REFUSED, ["user", cause.name()]),
        Event::ApiTokenRefused => (&families::TOKENS_REFUSED, ["api", "invalid"]),
        Event::Locked { kind, .. } => (&families::LOCKOUTS, [kind, ""]),
        Event::SecondFactorRequired(_)
        | Event::OneTimeLinkCreated { .. }
        | Event::OneTimeLinkUsed { .. }
        | Event::OneTimeLinkRefused { .. }
        | Event::ResetRefused { .. }
        | Event::SignOut { .. }
        | Event::SessionsEnded { .. }
        | Event::RequestRefused { .. }
        | Event::Change { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Cause, muted};
    use super::*;

    fn counted(line: &str) -> u64 {
        let mut samples = Samples::default();
        collect(&mut samples);
        let text = samples.text();
        let value = text.lines().find_map(|it| it.strip_prefix(line));
        value.map_or(0, |count| count.trim().parse().unwrap())
    }

    #[tokio::test]
    async fn refusals_are_counted_by_cause_unless_muted() {
        let refused = || {
            let (user, organization) = (None, None);
            Event::SignInRefused { cause: Cause::Busy, user, organization, login: "?" }.log();
        };
        let line = "portcullis_sign_ins_total{outcome=\"busy\"}";
        let before = counted(line);
        muted(async { refused() }).await;
        assert_eq!(counted(line), before);
        refused();
        assert!(counted(line) > before);
    }
}
