//! Assembly: from settings to a running gateway.
//!
//! [`Server::assemble`] opens each part in order, so that every problem with settings, policy, store,
//! key, certificate and mail templates is found before a request is answered.
//! [`Server::run`] serves until the gateway is stopped and then shuts the parts down.

mod audit;
mod background;
mod certificate_watch;
mod error;
mod file_stamp;
mod key_file;
mod measured;
#[cfg(target_os = "linux")]
mod open_files;
mod policy_watch;
mod portal_probe;
pub(crate) mod records;
mod reload;
mod reloaded_settings;
pub(crate) mod rotation;
mod scheduled_backups;
mod sockets;
mod state;
mod token_reports;
mod traces;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::Instant;

pub use self::error::StartError;
pub use self::key_file::former_key_file;
pub use self::reload::SettingsSource;
pub use self::sockets::Sockets;

use self::background::{Background, Work};
use self::certificate_watch::CertificateWatch;
use self::measured::CommitCounts;
use self::policy_watch::{PolicySource, PolicyWatch, Stamp};
use self::reload::Reload;
use self::reloaded_settings::Parts;
use self::state::State;
use self::traces::TraceThread;
use crate::admin::{self, Access, AdminState};
use crate::audit::AuditLog;
use crate::authz::decision_record::{self, Output};
use crate::authz::identity::Assertions;
use crate::authz::{Authorizer, DecisionLog};
use crate::backup::Backups;
use crate::clock;
use crate::config::{ListenAddress, PeerSet, Settings, TraceSettings};
use crate::credential::key::SecretKey;
use crate::directory::Directory;
use crate::directory::access::administrators::AdminRules;
use crate::forward_auth::ForwardAuth;
use crate::jobs::Jobs;
use crate::mail::{MailTester, Mailer, OutboxWaker};
use crate::net::{
    AdminListener, ConnectionTracker, GatewayListener, GrpcServer, HealthChecks, HttpServer,
    ProxyProtocol, Readiness, RedirectListener, ServerRuntime, ServerTls, bind_unix,
};
use crate::portal_pages::router::Pages;
use crate::portal_pages::{Appearance, AppearanceProblem, PagePreviews};
use crate::proxy::upstream::Upstreams;
use crate::proxy::{Gateway, Responder};
use crate::service_manager::Notifier;
use crate::tasks::{TaskEnded, Tasks};
use crate::telemetry::metrics::Source;
use portcullis_policy::Policy;
use portcullis_store::Store;

/// What writing the last decision records may take in any case.
const LAST_RECORDS: Duration = Duration::from_secs(1);

/// The permissions of the admin socket: only its owner may connect.
const ADMIN_MODE: u32 = 0o600;

/// A gateway whose parts are open and whose sockets are bound.
#[derive(Debug)]
pub struct Server {
    network: ServerRuntime,
    background: Background,
    runtime: Runtime,
    decisions: Arc<DecisionLog>,
    traces: Option<TraceThread>,
    directory: Directory,
    /// The addresses for portal traffic.
    pub gateway: Vec<ListenAddress>,
    /// The addresses where requests are redirected to https.
    pub redirect: Vec<SocketAddr>,
    /// The address of the admin API.
    pub admin: SocketAddr,
    /// The address at which other proxies ask over gRPC, if they may.
    pub grpc: Option<SocketAddr>,
    /// The admin socket.
    pub socket: PathBuf,
    /// The Unix sockets for portal traffic that are removed in the end.
    created: Vec<PathBuf>,
}

impl Server {
    /// Opens every part of a gateway. On SIGHUP, the settings are read again where they come from, if
    /// that is known; `notifier` reports each step to the service manager.
    ///
    /// # Errors
    /// The first part that cannot be opened.
    pub fn assemble(
        settings: &Settings,
        sockets: Sockets,
        (source_of_settings, notifier): (Option<SettingsSource>, Notifier),
    ) -> Result<Self, StartError> {
        #[cfg(target_os = "linux")]
        open_files::raise_limit(settings);
        let loaded = Stamp::of(&settings.policy.directory);
        let policy = Policy::load_for(&settings.policy.directory, &settings.upstream.portal())?;
        let appearance = Appearance::load(&settings.branding)?;
        // Before anything else in the data folder: it makes an empty folder private.
        let (store, key) = records::open(settings)?;
        let store: Arc<dyn Store> = Arc::new(store);
        let mailer = Mailer::new(settings)?;
        let tester = mailer.tester();
        let waker = Arc::new(OutboxWaker::default());
        let runtime = background::runtime().map_err(StartError::Runtime)?;
        let opening = State::open(settings, policy, (store, &key), Arc::clone(&waker));
        let state = runtime.block_on(opening)?;
        let audit = runtime.block_on(audit::open(settings, &state.directory))?;
        runtime.block_on(audit::note(&audit, "gateway.started"));
        let mail = mailer.reload();
        let outbox = mailer.open(state.directory.clone(), waker)?;
        let jobs = Jobs::new(state.directory.clone());
        let backups = Backups::new(
            Arc::clone(state.feed.store()),
            key_file::store_key(&key),
            state.directory.clone(),
            audit.clone(),
        )
        .with_schedule(settings.backup.clone());

        let tasks = Tasks::default();
        let (directory, sessions) = (state.directory.clone(), state.sessions.clone());
        let (decisions, traces) = decision_log(settings, &tasks)?;
        let upstreams = Arc::new(Upstreams::new(&settings.upstream)?);
        let pages = Pages::new(settings, appearance, directory.clone(), sessions.clone(), &key);
        let known = (directory.clone(), sessions.clone(), state.feed.freshness());
        let assertions = Assertions::new(settings, &key);
        let authorizer = Arc::new(Authorizer::new(settings, known).asserting(assertions));
        let refused_requests = Arc::clone(authorizer.refused_requests());
        let trial_log = Arc::clone(authorizer.trial_log());
        let responder = Arc::new(Responder::new(
            Arc::clone(&authorizer),
            Arc::new(pages.clone()),
            Arc::clone(&decisions),
        ));
        let gateway = Arc::new(Gateway::new(
            settings,
            Arc::clone(&responder),
            Arc::clone(&upstreams),
            tasks.stop().clone(),
        ));
        let traffic = Arc::clone(responder.traffic());
        let forward_auth = ForwardAuth::new(settings, responder).map(Arc::new);
        let source = PolicySource::new(settings, directory.clone());
        let (addresses, created) = (sockets.gateway_addresses(), sockets.created());
        let grpc_address = sockets.grpc.as_ref().and_then(|socket| socket.local_addr().ok());
        let redirect_addresses = sockets.redirect_addresses();
        let admin_address = sockets.admin.local_addr().unwrap_or(settings.admin.listen);
        let connections = ConnectionTracker::new(settings.server.limits.connections);
        let sources: Vec<Arc<dyn Source>> = vec![
            traffic,
            Arc::clone(&decisions) as _,
            Arc::clone(&upstreams) as _,
            Arc::new(connections.clone()),
            Arc::new(CommitCounts(state.feed.clone())),
        ];
        let parts = (audit.clone(), jobs.clone(), backups.clone());
        let portal = (authorizer, Arc::clone(&upstreams));
        let api = admin_state(settings, &state, parts, tester, portal, source.clone())
            .installed(records::installation(settings, &key))
            .measuring(sources);
        let Balancers { gateway: balancers, admin: by_admin, grpc: by_grpc } =
            Balancers::new(settings);
        let grpc = sockets.grpc.zip(forward_auth.clone()).map(|(socket, by)| {
            let server = GrpcServer::new(by, readiness(&api), settings.server.limits);
            (socket, server, by_grpc)
        });
        let gateway = GatewayListener {
            sockets: sockets.gateway,
            tls: ServerTls::read(settings.server.all_certificates())?,
            proxy_protocol: balancers.clone(),
            http: HttpServer::new(gateway, forward_auth, settings.server.limits),
            grpc,
            connections: connections.clone(),
        };
        let certificates = api.certificates();
        let admin = admin_listener(settings, (sockets.admin, by_admin), api, &key)?;
        let listeners = gateway.tls.iter().chain(&admin.tls);
        let certificates = CertificateWatch::new(listeners, upstreams.dialer().tls(), certificates);
        let network = ServerRuntime {
            gateway,
            admin,
            redirect: RedirectListener::new(&settings.server, sockets.redirect, balancers),
            health: HealthChecks::new(settings, Arc::clone(&upstreams)),
            threads: settings.server.threads,
            shutdown_grace: settings.server.shutdown_grace,
            connections,
            tasks: tasks.clone(),
            notifier: notifier.clone(),
        };
        let policy = PolicyWatch::new(source, loaded);
        let decided = Arc::clone(&decisions);
        let (reloaded_retention, retention) = watch::channel(settings.audit.retention);
        let parts = Parts {
            settings: settings.clone(),
            decisions: Arc::clone(&decisions),
            sessions: sessions.clone(),
            retention: reloaded_retention,
            schedule: backups.schedule().cloned(),
            mail,
        };
        let rules = AdminRules::new(&settings.admin);
        let work = Work {
            state,
            audit,
            jobs,
            backups,
            rules,
            retention,
            decisions: decided,
            refused_requests,
            trial_log,
            outbox,
            pages,
            policy,
            certificates,
            reload: Reload::new(source_of_settings, parts, notifier.clone()),
            upstreams,
            portal: settings.upstream.groups().flatten().cloned().collect(),
        };
        let background = {
            let _current = runtime.enter();
            Background::start(work, &tasks).map_err(StartError::Runtime)?
        };
        Ok(Self {
            network,
            background,
            runtime,
            decisions,
            traces,
            directory,
            gateway: addresses,
            redirect: redirect_addresses,
            admin: admin_address,
            grpc: grpc_address,
            socket: settings.admin.socket.clone(),
            created,
        })
    }

    /// Runs a future with the directory before the gateway serves, and waits for it.
    pub fn prepare<F: Future>(&self, prepare: impl FnOnce(Directory) -> F) -> F::Output {
        self.runtime.block_on(prepare(self.directory.clone()))
    }

    /// The supervision of the gateway's tasks. Cancelling its stop token stops the gateway.
    #[must_use]
    pub fn tasks(&self) -> Tasks {
        self.network.tasks.clone()
    }

    /// Serves until a signal comes or the stop token is cancelled, then shuts down within
    /// `server.shutdown_grace`: open connections are finished and, at the same time, a mail that is
    /// being sent. Writing the last decision records and ending the runtime get a second each if
    /// that took all of it, and sending the last traces gets two.
    ///
    /// # Errors
    /// When a long-running task has ended, which stops the gateway too.
    pub fn run(self) -> Result<(), TaskEnded> {
        let Self { network, background, runtime, decisions, traces, directory, .. } = self;
        let created = self.created.into_iter().chain([self.socket]);
        let tasks = network.tasks.clone();
        let deadline = network.run();
        decisions.finish(deadline.duration_since(Instant::now()).max(LAST_RECORDS));
        drop(directory);
        background.finish(runtime, deadline);
        if let Some(traces) = traces {
            traces.finish();
        }
        for socket in created {
            if let Err(error) = std::fs::remove_file(&socket) {
                let socket = socket.display();
                tracing::debug!(%error, %socket, "could not remove a socket");
            }
        }
        tasks.outcome()
    }
}

/// The log of decisions, and the thread that sends a part of it as traces.
fn decision_log(
    settings: &Settings,
    tasks: &Tasks,
) -> Result<(Arc<DecisionLog>, Option<TraceThread>), StartError> {
    let output = Output::open(&settings.telemetry)
        .map_err(|(path, error)| StartError::Records { path, error })?;
    let mut log = DecisionLog::new(settings.telemetry.decisions, output);
    let mut thread = None;
    if let Some(TraceSettings { collector, one_in }) = &settings.telemetry.traces {
        let (traces, exporter) = decision_record::traces(*one_in, collector.clone());
        thread = Some(traces::start(exporter, tasks).map_err(StartError::Runtime)?);
        log = log.with_traces(traces);
    }
    Ok((Arc::new(log), thread))
}

fn admin_state(
    settings: &Settings,
    state: &State,
    parts: (AuditLog, Jobs, Backups),
    tester: MailTester,
    portal: (Arc<Authorizer>, Arc<Upstreams>),
    source: PolicySource,
) -> AdminState {
    let reload = move |directory, change| -> BoxFuture<'static, _> {
        let source = source.of(directory);
        Box::pin(async move { source.reload(&change).await })
    };
    let known = (state.directory.clone(), state.sessions.clone(), state.feed.freshness());
    let reload = Arc::new(reload);
    AdminState::new(settings, known, parts, tester, portal, reload, clock::now())
}

/// Whether requests can be decided, as the admin API's probe says it.
fn readiness(api: &AdminState) -> Arc<Readiness> {
    let api = api.clone();
    Arc::new(move || {
        let api = api.clone();
        Box::pin(async move { api.not_ready().await.is_none() })
    })
}

/// The load balancers that name clients, by listener.
struct Balancers {
    /// Of portal traffic and of redirects.
    gateway: ProxyProtocol,
    admin: ProxyProtocol,
    grpc: ProxyProtocol,
}

impl Balancers {
    fn new(settings: &Settings) -> Self {
        let Settings { server, admin, forward_auth, .. } = settings;
        let named = |peers: PeerSet, setting| {
            ProxyProtocol::new(peers, setting, server.limits.header_timeout)
        };
        let grpc = forward_auth.grpc_proxy_protocol.clone().into();
        Self {
            gateway: named(server.proxy_protocol.clone(), "server.proxy_protocol"),
            admin: named(admin.proxy_protocol.clone().into(), "admin.proxy_protocol"),
            grpc: named(grpc, "forward_auth.grpc_proxy_protocol"),
        }
    }
}

/// The admin API on both of its sockets. The admin socket is created here.
fn admin_listener(
    settings: &Settings,
    (tcp, proxy_protocol): (TcpListener, ProxyProtocol),
    api: AdminState,
    key: &SecretKey,
) -> Result<AdminListener, StartError> {
    let tls = ServerTls::read_for_http1(&settings.admin.tls)?;
    let previews = Arc::new(PagePreviews::load(&settings.branding)?);
    let with_ui = admin::with_ui(api.clone(), &settings.branding, previews, key)
        .map_err(AppearanceProblem::Texts)?;
    let unix =
        bind_unix(&settings.admin.socket, ("admin.socket", ADMIN_MODE), settings.server.backlog)?;
    Ok(AdminListener {
        tcp: (tcp, with_ui),
        tls,
        proxy_protocol,
        unix: (unix, admin::router(api, Access::Socket)),
        limits: settings.server.limits,
    })
}
