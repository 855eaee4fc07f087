//! The metrics, as Prometheus reads them.
//!
//! What needs the store is left out while the store does not answer.

use super::response::{ApiResult, Metrics, metrics};
use super::scoped::State;
use super::state::AdminState;
use crate::clock;
use crate::directory::Snapshot;
use crate::telemetry;
use crate::telemetry::metrics::{Samples, families};

/// The states of emails that are counted: sent ones need no attention.
const MAIL: [&str; 3] = ["waiting", "failed", "unconfirmed"];

pub(super) async fn show(State(admin): State<AdminState>) -> ApiResult<Metrics> {
    let mut samples = Samples::default();
    samples.flag(&families::BUILD, &[env!("CARGO_PKG_VERSION")], true);
    samples.time(&families::START, &[], admin.started);
    for source in &*admin.sources {
        source.collect(&mut samples);
    }
    telemetry::collect(&mut samples);
    let snapshot = admin.directory.snapshot();
    policy(&snapshot, &mut samples);
    let last = admin.directory.reloads().last();
    samples.time(&families::POLICY_LOADED, &[], last.loaded);
    samples.flag(&families::POLICY_CURRENT, &[], last.problems.is_none());
    let staleness = admin.freshness.staleness();
    samples.number(&families::STALENESS, &[], staleness.as_secs_f64());
    for certificate in admin.certificates.all() {
        samples.time(&families::CERTIFICATES, &[&certificate.setting], certificate.expires);
    }
    admin.count_records(&mut samples).await;
    metrics(samples.text())
}

/// What is counted for each route.
fn policy(snapshot: &Snapshot, samples: &mut Samples) {
    let policy = snapshot.policy();
    samples.flag(&families::POLICY, &[policy.version()], true);
    for route in policy.routes() {
        let (name, hits) = (route.name(), snapshot.hits().of(route));
        samples.count(&families::REQUESTS, &[name, "allow"], hits.allowed);
        samples.count(&families::REQUESTS, &[name, "refuse"], hits.refused);
        let time = snapshot.hits().portal_time(route);
        samples.micros(&families::ROUTE_TIME, &[name], time.micros);
        samples.count(&families::ROUTE_ANSWERS, &[name], time.responses);
    }
}

impl AdminState {
    /// What the store knows the number of.
    async fn count_records(&self, samples: &mut Samples) {
        if let Ok(sessions) = self.sessions.count().await {
            samples.count(&families::SESSIONS, &[], sessions);
        }
        for state in MAIL {
            if let Ok(count) = self.mail.count(state).await {
                samples.count(&families::MAIL, &[state], count);
            }
        }
        if let Ok(lockouts) = self.directory.lockouts().list(clock::now()).await {
            samples.size(&families::LOCKED, &[], lockouts.len());
        }
    }
}
