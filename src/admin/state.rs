//! What the handlers of the admin API work with.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::caller::{Access, Authentication};
use super::certificates::Certificates;
use super::installation::Installation;
use super::server_status::PortalServers;
use super::site::Site;
use crate::audit::AuditLog;
use crate::authz::Authorizer;
use crate::backup::Backups;
use crate::config::{PublicUrl, Settings};
use crate::directory::access::administrators::{AdminRules, Administrators};
use crate::directory::records::{AdminSessionId, Scope};
use crate::directory::{Change, Directory, DirectoryError};
use crate::jobs::Jobs;
use crate::mail::{MailQueue, MailTester};
use crate::proxy::upstream::Upstreams;
use crate::session::Sessions;
use crate::telemetry::metrics::Source;
use portcullis_policy::PolicyProblems;
use portcullis_store::feed::Freshness;

/// Reads the policy files again and puts them in force in a directory, or returns every problem found
/// in them.
pub type Reload =
    dyn Fn(Directory, Change) -> BoxFuture<'static, Result<(), PolicyProblems>> + Send + Sync;

/// What handlers work with. Cheap to clone.
#[derive(Clone)]
pub struct AdminState {
    pub(super) directory: Directory,
    pub(super) audit: AuditLog,
    pub(super) backups: Backups,
    pub(super) jobs: Jobs,
    pub(super) mail: MailQueue,
    pub(super) mail_tester: MailTester,
    pub(super) sessions: Sessions,
    pub(super) freshness: Freshness,
    pub(super) reload: Arc<Reload>,
    pub(super) max_staleness: Duration,
    pub(super) public_url: Arc<PublicUrl>,
    pub(super) authz: Arc<Authorizer>,
    /// When the gateway was started.
    pub(super) started: Timestamp,
    pub(super) policy_directory: Arc<Path>,
    pub(super) portal_servers: PortalServers,
    pub(super) certificates: Certificates,
    pub(super) rules: AdminRules,
    pub(super) site: Arc<Site>,
    pub(super) installation: Arc<Installation>,
    /// What metrics are read from, beside what is here.
    pub(super) sources: Arc<[Arc<dyn Source>]>,
    /// What the rest is limited to.
    scope: Scope,
    /// The directory without the limit of a scope, for the callers' own sessions.
    own: Directory,
}

impl AdminState {
    /// The state for a gateway with these settings that starts now; `reload` serves `POST
    /// policy/reload`.
    #[must_use]
    pub fn new(
        settings: &Settings,
        (directory, sessions, freshness): (Directory, Sessions, Freshness),
        (audit, jobs, backups): (AuditLog, Jobs, Backups),
        mail_tester: MailTester,
        (authz, upstreams): (Arc<Authorizer>, Arc<Upstreams>),
        reload: Arc<Reload>,
        started: Timestamp,
    ) -> Self {
        let server = &settings.server;
        Self {
            audit,
            backups,
            jobs,
            mail: MailQueue::new(directory.clone()),
            mail_tester,
            scope: Scope::ALL,
            own: directory.clone(),
            directory,
            sessions,
            freshness,
            reload,
            max_staleness: settings.store.max_staleness,
            public_url: Arc::new(server.public_url.clone()),
            authz,
            started,
            policy_directory: settings.policy.directory.as_path().into(),
            portal_servers: PortalServers::new(&settings.upstream, upstreams),
            certificates: Certificates::read(settings),
            rules: AdminRules::new(&settings.admin),
            site: Arc::new(Site::new(&settings.admin)),
            installation: Arc::default(),
            sources: Arc::default(),
        }
    }

    /// The same for a gateway with this store.
    #[must_use]
    pub fn installed(self, installation: Installation) -> Self {
        Self { installation: Arc::new(installation), ..self }
    }

    /// The certificates of the listeners, for the part that reads their files again.
    #[must_use]
    pub fn certificates(&self) -> Certificates {
        self.certificates.clone()
    }

    /// The same, with metrics of these too.
    #[must_use]
    pub fn measuring(self, sources: Vec<Arc<dyn Source>>) -> Self {
        Self { sources: sources.into(), ..self }
    }

    /// What handlers work with in a dry run: the same, over this directory and its sessions. What
    /// is left as it is only reads.
    pub(super) fn of_dry_run(&self, directory: Directory, sessions: Sessions) -> Self {
        Self {
            audit: self.audit.of_dry_run(&directory),
            jobs: Jobs::of_dry_run(directory.clone()),
            mail: MailQueue::new(directory.clone()),
            mail_tester: self.mail_tester.of_dry_run(),
            portal_servers: self.portal_servers.of_dry_run(),
            own: directory.clone(),
            directory,
            sessions,
            ..self.clone()
        }
    }

    /// The same, as a scope shows it: handlers do not find records outside.
    pub(super) fn within(&self, scope: &Scope) -> Self {
        if !scope.is_limited() {
            return self.clone();
        }
        let directory = self.directory.within(scope);
        Self {
            audit: self.audit.within(&directory),
            mail: MailQueue::new(directory.clone()),
            sessions: self.sessions.within(directory.clone()),
            scope: scope.clone(),
            directory,
            ..self.clone()
        }
    }

    /// Where browsers reach the admin listener.
    pub(super) fn site(&self) -> Arc<Site> {
        Arc::clone(&self.site)
    }

    /// Whether the scope is limited.
    pub(super) const fn is_limited(&self) -> bool {
        self.scope.is_limited()
    }

    /// Whether the scope shows what belongs to an organization, or to none.
    pub(super) fn shows(&self, organization: Option<&str>) -> bool {
        self.scope.limited().is_none() || organization.is_some_and(|id| self.scope.includes(id))
    }

    /// Ends a session of the caller.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub(super) async fn end_own_session(
        &self,
        session: &AdminSessionId,
        change: &Change,
    ) -> Result<bool, DirectoryError> {
        self.own.administrators().end_session(session, change).await
    }

    /// The accounts of administrators, for what callers do to their own.
    pub(super) fn own_account(&self) -> Administrators {
        self.own.administrators().clone()
    }

    /// What callers are authenticated with.
    pub(super) fn authentication(&self, access: Access) -> Authentication {
        let (directory, site) = (self.directory.clone(), Arc::clone(&self.site));
        Authentication { access, directory, rules: self.rules, site }
    }
}

impl fmt::Debug for AdminState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminState").finish_non_exhaustive()
    }
}
