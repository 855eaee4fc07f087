//! Assembly: from settings to a running gateway.
//!
//! Everything that can be wrong is found before a socket answers: settings, policy, store, key,
//! certificate, mail templates. A small runtime of its own carries what is not portal traffic: the change feed,
//! the outbox, sweeps, and the watch on the policy files. Each is supervised ([`crate::tasks`]).

#[cfg(target_os = "linux")]
mod descriptors;
mod policy_watch;
pub(crate) mod records;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use self::policy_watch::{PolicySource, Stamp};

use crate::admin;
use crate::authz::{Authorizer, DecisionLog};
use crate::clock;
use crate::config::Settings;
use crate::credential::hashing::{Hasher, HashingError};
use crate::credential::key::KeyError;
use crate::credential::lockout::Lockout;
use crate::directory::{AuthServices, Directory, DirectoryError, Memory};
use crate::mail::{MailError, MailQueue, Mailer, OutboxWaker};
use crate::net::{
    AdminListener, BindError, ConnectionTracker, GatewayListener, HealthChecks, HttpServer,
    ServerRuntime, ServerTls, TlsError, bind_admin_socket, bind_tcp,
};
use crate::portal_pages::router::Pages;
use crate::portal_pages::{Appearance, AppearanceProblem};
use crate::proxy::Gateway;
use crate::proxy::upstream::Upstreams;
use crate::session::{SessionCache, Sessions};
use crate::tasks::{TaskEnded, Tasks};
use crate::telemetry;
use portcullis_policy::{Policy, PolicyProblems};
use portcullis_store::feed::{Feed, Follower};
use portcullis_store::sled::OpenError;
use portcullis_store::{Store, StoreError};

/// How often what has expired is removed.
const SWEEP_EVERY: Duration = Duration::from_secs(300);
/// How often unused connections to the portal are closed.
const PRUNE_EVERY: Duration = Duration::from_secs(5);
/// How often the lockout is told the time, to notice a clock that was set back.
const KEEP_TIME_EVERY: Duration = Duration::from_secs(5);

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The policy files are wrong.
    #[error("the policy cannot be used:\n{0}")]
    Policy(#[from] PolicyProblems),
    /// The store cannot be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is a store, and its secret key is gone.
    #[error(
        "the secret key `{}` is missing, and the store in `{}` belongs to it: put it back. Only if \
         it is lost for good, move the store and `{}.answered` away; the next start makes new ones",
        file.display(), store.display(), store.display()
    )]
    KeyMissing {
        /// The file of the key.
        file: PathBuf,
        /// The folder of the store.
        store: PathBuf,
    },
    /// The first records cannot be written.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The secret key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The password pool cannot be set up.
    #[error(transparent)]
    Hashing(#[from] HashingError),
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Mail cannot be sent.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// A file that the branding names cannot be used.
    #[error(transparent)]
    Appearance(#[from] AppearanceProblem),
    /// The system gives no threads or no signals.
    #[error("the system does not give what it takes to run: {0}")]
    Runtime(std::io::Error),
}

/// Sockets that are taken but not answered yet.
#[derive(Debug)]
pub struct Sockets {
    backlog: u16,
    gateway: Vec<TcpListener>,
    admin: TcpListener,
}

/// A gateway that is assembled and listens; [`Server::run`] begins to answer.
#[derive(Debug)]
pub struct Server {
    network: ServerRuntime,
    runtime: Runtime,
    decisions: Arc<DecisionLog>,
    outbox: JoinHandle<()>,
    parts: Parts,
    /// Where portal traffic comes in.
    pub gateway: Vec<SocketAddr>,
    /// Where the admin API answers over TCP.
    pub admin: SocketAddr,
    /// The admin socket.
    pub socket: PathBuf,
}

/// What other parts of the program may use of a running gateway.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Who there is.
    pub directory: Directory,
    /// Who is signed in.
    pub sessions: Sessions,
}

impl Sockets {
    /// Takes the addresses for portal traffic and for operators, each with what has named it, and
    /// lets so many connections wait on each.
    ///
    /// # Errors
    /// The first address that cannot be had.
    pub fn bind(
        (gateway, setting): (&[SocketAddr], &'static str),
        (admin, admin_setting): (SocketAddr, &'static str),
        backlog: u16,
    ) -> Result<Self, BindError> {
        let gateway = gateway.iter().map(|address| bind_tcp(*address, setting, backlog));
        let gateway = gateway.collect::<Result<_, _>>()?;
        Ok(Self { backlog, gateway, admin: bind_tcp(admin, admin_setting, backlog)? })
    }

    /// Takes one more address for portal traffic.
    ///
    /// # Errors
    /// When it cannot be had.
    pub fn add(&mut self, address: SocketAddr, setting: &'static str) -> Result<(), BindError> {
        self.gateway.push(bind_tcp(address, setting, self.backlog)?);
        Ok(())
    }

    /// The port of the first address for portal traffic: the real one where 0 was asked for.
    #[must_use]
    pub fn gateway_port(&self) -> u16 {
        self.gateway.first().and_then(|socket| socket.local_addr().ok()).map_or(0, |a| a.port())
    }
}

impl Server {
    /// Opens and reads all that the settings name, to serve on these sockets.
    ///
    /// # Errors
    /// The first thing that does not let it start.
    pub fn assemble(settings: &Settings, sockets: Sockets) -> Result<Self, StartError> {
        #[cfg(target_os = "linux")]
        descriptors::raise_limit(settings);
        let read = Stamp::of(&settings.policy.directory);
        let policy =
            Arc::new(Policy::load_for(&settings.policy.directory, settings.upstream.readings)?);
        let appearance = Appearance::load(&settings.branding)?;
        for note in &settings.branding.notes {
            tracing::warn!("{note}");
        }
        // First of all that is kept in a folder: it closes an empty one to others.
        let (store, key) = records::open(settings)?;
        let store: Arc<dyn Store> = Arc::new(store);
        let hasher = Hasher::new(settings.hashing)?;
        let runtime = upkeep().map_err(StartError::Runtime)?;
        let lockout = Lockout::default();
        let auth = AuthServices::new(&key, hasher, lockout.clone(), settings.passwords);
        let waker = Arc::new(OutboxWaker::default());
        let mailer = Mailer::new(settings)?;
        let (feed, directory, sessions) =
            runtime.block_on(state(store, policy, auth, settings, Arc::clone(&waker)))?;
        if let Err(problems) = directory.snapshot().check_expectations() {
            tracing::warn!(
                "the policy is in force, but a reload of it would be refused:\n{problems}"
            );
        }
        let outbox = mailer.open(directory.clone(), waker)?;
        let parts = Parts { directory: directory.clone(), sessions: sessions.clone() };

        let tasks = Tasks::default();
        let upstreams = Arc::new(Upstreams::new(&settings.upstream));
        let output = Box::new(telemetry::standard_output().map_err(StartError::Runtime)?);
        let decisions = Arc::new(DecisionLog::new(settings.telemetry.decisions, output));
        let pages = Pages::new(settings, appearance, directory.clone(), sessions.clone(), &key);
        let known = (directory.clone(), sessions.clone(), feed.clone());
        let authz = Arc::new(Authorizer::new(settings, known));
        let gateway = Arc::new(Gateway::new(
            settings,
            Arc::clone(&authz),
            Arc::clone(&upstreams),
            Arc::new(pages.clone()),
            Arc::clone(&decisions),
            tasks.stop().clone(),
        ));

        let server = &settings.server;
        let connections = ConnectionTracker::new(server.limits.connections);
        let addresses =
            sockets.gateway.iter().filter_map(|socket| socket.local_addr().ok()).collect();
        let gateway = GatewayListener {
            sockets: sockets.gateway,
            tls: server.tls.as_ref().map(ServerTls::read).transpose()?,
            http: HttpServer::new(gateway, server.limits),
            connections: connections.clone(),
        };
        let source = PolicySource::new(settings, directory.clone());
        let admin_address = sockets.admin.local_addr().unwrap_or(settings.admin.listen);
        let known = (directory, sessions, feed.clone());
        let admin = operators(settings, sockets.admin, (known, authz), source.clone())?;
        let outbox = {
            let _entered = runtime.enter();
            stop_on_signals(&tasks).map_err(StartError::Runtime)?;
            source.watch(read, &tasks).map_err(StartError::Runtime)?;
            tasks.spawn("change feed", async move { feed.ended().await });
            tasks.spawn("decision records", Arc::clone(&decisions).keep_flushing());
            tasks.spawn("removal of expired records", sweep(parts.clone()));
            tasks.spawn("password resets", async move { pages.work().await });
            tasks.spawn("unused portal connections", prune(Arc::clone(&upstreams)));
            tasks.spawn("lockout clock", keep_time(lockout));
            tasks.spawn("mail", outbox.run(tasks.stop().clone()))
        };
        let network = ServerRuntime {
            gateway,
            admin,
            health: HealthChecks::new(&settings.upstream, upstreams),
            threads: server.threads,
            shutdown_grace: server.shutdown_grace,
            connections,
            tasks,
        };
        Ok(Self {
            network,
            runtime,
            decisions,
            outbox,
            parts,
            gateway: addresses,
            admin: admin_address,
            socket: settings.admin.socket.clone(),
        })
    }

    /// Runs a task beside the gateway before it answers, and waits for it.
    pub fn prepare<F: Future>(&self, task: impl FnOnce(Parts) -> F) -> F::Output {
        self.runtime.block_on(task(self.parts.clone()))
    }

    /// Told when the gateway stops; stops it when cancelled.
    #[must_use]
    pub fn stop_token(&self) -> CancellationToken {
        self.network.tasks.stop().clone()
    }

    /// Answers until a signal, or until the stop token is cancelled.
    ///
    /// # Errors
    /// When a long-running task ended, which stops the gateway too.
    pub fn run(self) -> Result<(), TaskEnded> {
        let Self { network, runtime, decisions, outbox, socket, parts, .. } = self;
        let grace = network.shutdown_grace;
        let tasks = network.tasks.clone();
        network.run();
        decisions.finish(grace);
        // A mail that is on its way shall not be sent again after the start.
        if runtime.block_on(async { tokio::time::timeout(grace, outbox).await }).is_err() {
            tracing::warn!("a mail was still on its way; it may be sent again");
        }
        drop(parts);
        runtime.shutdown_timeout(Duration::from_secs(1));
        if let Err(error) = std::fs::remove_file(&socket) {
            tracing::debug!(%error, "the admin socket was not removed");
        }
        tasks.outcome()
    }
}

/// The runtime of what is not portal traffic.
fn upkeep() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("upkeep")
        .enable_all()
        .build()
}

/// The admin API in both its places; the admin socket is made here.
fn operators(
    settings: &Settings,
    tcp: TcpListener,
    (known, authz): ((Directory, Sessions, Feed), Arc<Authorizer>),
    source: PolicySource,
) -> Result<AdminListener, BindError> {
    let reload = move || -> BoxFuture<'static, _> {
        let source = source.clone();
        Box::pin(async move { source.reload().await })
    };
    let state = admin::AdminState::new(settings, known, authz, Arc::new(reload));
    let unix = bind_admin_socket(&settings.admin.socket, settings.server.backlog)?;
    Ok(AdminListener {
        tcp: (tcp, admin::router(state.clone(), admin::Access::Token)),
        unix: (unix, admin::router(state, admin::Access::Socket)),
        limits: settings.server.limits,
    })
}

async fn state(
    store: Arc<dyn Store>,
    policy: Arc<Policy>,
    auth: AuthServices,
    settings: &Settings,
    waker: Arc<OutboxWaker>,
) -> Result<(Feed, Directory, Sessions), StartError> {
    let memory = Arc::new(Memory::new(Arc::clone(&store), policy));
    let cache = Arc::new(SessionCache::new());
    let followers: Vec<Arc<dyn Follower>> =
        vec![Arc::clone(&memory) as Arc<dyn Follower>, Arc::clone(&cache) as _, waker];
    let feed = Feed::start(store, followers).await?;
    let hosts = [settings.server.public_url.host()].into_iter().chain(&settings.server.hosts);
    let directory =
        Directory::start(feed.clone(), memory, auth, hosts.cloned(), clock::now()).await?;
    let sessions = Sessions::new(
        feed.clone(),
        directory.clone(),
        cache,
        settings.session,
        settings.server.limits.links,
    );
    Ok((feed, directory, sessions))
}

/// SIGTERM and SIGINT stop the gateway from now on, also before it answers.
fn stop_on_signals(tasks: &Tasks) -> std::io::Result<()> {
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

async fn sweep(Parts { directory, sessions }: Parts) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    loop {
        ticks.tick().await;
        match sessions.sweep(clock::now()).await {
            Ok(0) => {}
            Ok(ended) => tracing::info!(ended, "sessions that had ended were removed"),
            Err(error) => tracing::warn!(%error, "ended sessions were not removed"),
        }
        match MailQueue::new(directory.clone()).remove_expired(clock::now()).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "expired mail records removed"),
            Err(error) => tracing::warn!(%error, "could not remove expired mail records"),
        }
    }
}

async fn prune(upstreams: Arc<Upstreams>) {
    let mut ticks = tokio::time::interval(PRUNE_EVERY);
    loop {
        ticks.tick().await;
        upstreams.prune(tokio::time::Instant::now());
    }
}

async fn keep_time(lockout: Lockout) {
    let mut ticks = tokio::time::interval(KEEP_TIME_EVERY);
    loop {
        ticks.tick().await;
        lockout.keep_time(clock::now());
    }
}
