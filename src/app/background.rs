//! Everything that runs beside portal traffic, on a runtime of its own: the change feed, the
//! outbox, jobs, scheduled backups, removal of expired records, the watch on the policy files, signals.
//!
//! All of it is supervised ([`crate::tasks`]).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval};

use super::audit;
use super::certificate_watch::CertificateWatch;
use super::policy_watch::PolicyWatch;
use super::portal_probe;
use super::reload::Reload;
use super::scheduled_backups;
use super::state::State;
use super::token_reports;
use crate::audit::AuditLog;
use crate::authz::{DecisionLog, RefusedRequests, TrialLog};
use crate::backup::Backups;
use crate::clock;
use crate::config::UpstreamServer;
use crate::credential::lockout::Lockout;
use crate::directory::access::administrators::AdminRules;
use crate::jobs::Jobs;
use crate::mail::{MailQueue, Outbox};
use crate::portal_pages::router::Pages;
use crate::proxy::upstream::Upstreams;
use crate::tasks::Tasks;

/// Time between two removals of expired records.
const SWEEP_INTERVAL: Duration = Duration::from_secs(300);
/// Time between two looks for unused connections to the portal.
const PRUNE_INTERVAL: Duration = Duration::from_secs(5);
/// Time between two looks at the clock for the lockout, which notices when it was set back.
const LOCKOUT_CLOCK_INTERVAL: Duration = Duration::from_secs(5);
/// Upper bound on stopping tasks that do not end by themselves.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// What the tasks work with.
pub(super) struct Work {
    pub(super) state: State,
    pub(super) audit: AuditLog,
    pub(super) jobs: Jobs,
    pub(super) backups: Backups,
    pub(super) rules: AdminRules,
    /// `audit.retention`
    pub(super) retention: watch::Receiver<Duration>,
    pub(super) decisions: Arc<DecisionLog>,
    pub(super) refused_requests: Arc<RefusedRequests>,
    pub(super) trial_log: Arc<TrialLog>,
    pub(super) outbox: Outbox,
    pub(super) pages: Pages,
    pub(super) policy: PolicyWatch,
    pub(super) certificates: CertificateWatch,
    pub(super) reload: Reload,
    pub(super) upstreams: Arc<Upstreams>,
    /// The portal's servers.
    pub(super) portal: Vec<UpstreamServer>,
}

/// The tasks that run.
#[derive(Debug)]
pub(super) struct Background {
    mail: JoinHandle<()>,
    audit: AuditLog,
    refused_requests: Arc<RefusedRequests>,
    trial_log: Arc<TrialLog>,
}

/// The runtime for all that is not portal traffic.
pub(super) fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(1).thread_name("background").enable_all().build()
}

impl Background {
    /// Starts the tasks on the current runtime.
    ///
    /// # Errors
    /// When signal handlers cannot be installed.
    pub(super) fn start(work: Work, tasks: &Tasks) -> io::Result<Self> {
        let Work {
            state,
            audit,
            jobs,
            backups,
            rules,
            retention,
            decisions,
            refused_requests,
            trial_log,
            outbox,
            pages,
            policy,
            certificates,
            mut reload,
            upstreams,
            portal,
        } = work;
        stop_on_signals(tasks)?;
        policy.start(reload.requests(), tasks);
        certificates.start(reload.requests(), tasks);
        reload.start(tasks)?;
        let feed = state.feed.clone();
        tasks.spawn("change feed", async move { feed.ended().await });
        tasks.spawn("audit log", audit::maintain(audit.clone(), retention));
        tasks.spawn("decision records", decisions.keep_flushing(signal(SignalKind::hangup())?));
        let refused = Arc::clone(&refused_requests);
        tasks.spawn("refused requests", refused.keep_writing());
        tasks.spawn("trials of the portal", Arc::clone(&trial_log).keep_writing());
        tasks.spawn("lockout clock", correct_clock(state.lockout.clone()));
        tasks.spawn("jobs", jobs.run(tasks.stop().clone()));
        tasks.spawn("reports of tokens", token_reports::run(state.directory.clone()));
        if let Some(schedule) = backups.schedule().cloned() {
            tasks.spawn("scheduled backups", scheduled_backups::run(backups, schedule));
        }
        tasks.spawn("removal of expired records", sweep(state, rules));
        tasks.spawn("password resets", async move { pages.work().await });
        let dialer = upstreams.dialer().clone();
        tasks.spawn("unused portal connections", prune(upstreams));
        tasks.spawn("first connection to the portal", portal_probe::run(portal, dialer));
        let mail = tasks.spawn("mail", outbox.run(tasks.stop().clone()));
        Ok(Self { mail, audit, refused_requests, trial_log })
    }

    /// Waits until `deadline` for a mail that is being sent, writes the last refused requests
    /// and what was seen in trials, signs
    /// a last checkpoint of the audit log, and ends the runtime.
    pub(super) fn finish(self, runtime: Runtime, deadline: Instant) {
        // A mail that is cut off would be sent again after the next start.
        if runtime.block_on(async { tokio::time::timeout_at(deadline, self.mail).await }).is_err() {
            tracing::warn!("stopped while an email was being sent; it may be sent again");
        }
        let last = async {
            if let Err(error) = self.refused_requests.write(clock::now(), false).await {
                tracing::warn!(%error, "could not keep the last refused requests");
            }
            if let Err(error) = self.trial_log.write(clock::now()).await {
                tracing::warn!(%error, "could not keep the last requests of a trial");
            }
            audit::finish(&self.audit).await;
        };
        if runtime.block_on(async { tokio::time::timeout(STOP_TIMEOUT, last).await }).is_err() {
            tracing::warn!("stopped before a last checkpoint of the audit log was signed");
        }
        runtime.shutdown_timeout(STOP_TIMEOUT);
    }
}

/// SIGTERM and SIGINT stop the gateway from now on, also before it serves.
fn stop_on_signals(tasks: &Tasks) -> io::Result<()> {
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = tasks.stop().clone();
    tasks.spawn("signals", async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    });
    Ok(())
}

async fn sweep(State { directory, sessions, .. }: State, rules: AdminRules) {
    let mut ticks = interval(SWEEP_INTERVAL);
    loop {
        ticks.tick().await;
        match sessions.sweep(clock::now()).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "expired sessions removed"),
            Err(error) => tracing::warn!(%error, "could not remove expired sessions"),
        }
        match directory.administrators().sweep_sessions(rules, clock::now()).await {
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "could not remove expired sessions"),
        }
        if let Err(error) = directory.views().remove_expired(clock::now()).await {
            tracing::warn!(%error, "could not remove expired links of staff");
        }
        if let Err(error) = directory.trials().remove_expired(clock::now()).await {
            tracing::warn!(%error, "could not remove old trials");
        }
        match MailQueue::new(directory.clone()).remove_expired(clock::now()).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "expired mail records removed"),
            Err(error) => tracing::warn!(%error, "could not remove expired mail records"),
        }
    }
}

async fn prune(upstreams: Arc<Upstreams>) {
    let mut ticks = interval(PRUNE_INTERVAL);
    loop {
        ticks.tick().await;
        upstreams.prune(Instant::now());
    }
}

async fn correct_clock(lockout: Lockout) {
    let mut ticks = interval(LOCKOUT_CLOCK_INTERVAL);
    loop {
        ticks.tick().await;
        lockout.correct_clock(clock::now());
    }
}
