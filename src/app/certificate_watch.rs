//! Reads certificates again when their files change, and on SIGHUP.
//!
//! A certificate that cannot be used changes nothing: the previous one stays in use, and the log and
//! `status` have the problem. Open connections keep theirs.
//!
//! Changes are found as those of the policy ([`super::policy_watch`]).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::file_stamp::FileStamp;
use super::reload::Requests;
use crate::admin::Certificates;
use crate::clock;
use crate::config::{Tls, UPSTREAM_TLS};
use crate::net::ServerTls;
use crate::proxy::upstream_tls::UpstreamTlsClient;
use crate::tasks::Tasks;

/// Time between two looks at the files. Certificate and key are written one after the other, so they
/// are read when two looks in a row show the same.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Watches the files of the listeners' certificates, and those for TLS to the portal.
#[derive(Debug)]
pub(super) struct CertificateWatch {
    watched: Vec<Watched>,
    noted: Certificates,
}

/// Files that are read together.
#[derive(Debug)]
struct Watched {
    certificate: Reloaded,
    paths: Vec<PathBuf>,
    /// The files that were read last; `None` if it is not known which those were.
    loaded: Option<Vec<Stamp>>,
    /// What the last look showed.
    last: Vec<Stamp>,
}

/// What files are read for.
#[derive(Debug)]
enum Reloaded {
    /// A certificate of a listener, by its place there.
    Listener(ServerTls, usize),
    /// TLS to the portal's servers.
    Portal(Arc<UpstreamTlsClient>),
}

/// The stamp of a file; `None` if there is no such file.
type Stamp = Option<FileStamp>;

impl CertificateWatch {
    /// Watches the certificates of these listeners, and those of connections to the portal. What
    /// becomes of changes is noted in `noted`.
    pub(super) fn new<'a>(
        listeners: impl IntoIterator<Item = &'a ServerTls>,
        portal: Option<&Arc<UpstreamTlsClient>>,
        noted: Certificates,
    ) -> Self {
        let listeners = listeners.into_iter().flat_map(|tls| {
            tls.files().iter().enumerate().map(|(index, files)| {
                let paths = vec![files.certificate.clone(), files.key.clone()];
                Watched::new(Reloaded::Listener(tls.clone(), index), paths)
            })
        });
        let portal = portal.map(|tls| Watched::new(Reloaded::Portal(Arc::clone(tls)), tls.files()));
        let watched = listeners.chain(portal).filter(|watched| !watched.paths.is_empty());
        Self { watched: watched.collect(), noted }
    }

    /// Watches until stopped, and reads the files on request.
    pub(super) fn start(self, requests: Requests, tasks: &Tasks) {
        tasks.spawn("certificate watch", self.run(requests, tasks.stop().clone()));
    }

    async fn run(self, mut requests: Requests, stop: CancellationToken) {
        let Self { mut watched, noted } = self;
        let mut looks = tokio::time::interval(POLL_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let request = tokio::select! {
                () = stop.cancelled() => return,
                Some(request) = requests.recv() => Some(request),
                _ = looks.tick() => None,
            };
            let (noted, requested) = (noted.clone(), request.is_some());
            // A disk may be slow.
            let looked = tokio::task::spawn_blocking(move || {
                for certificate in &mut watched {
                    certificate.look(requested, &noted);
                }
                watched
            });
            watched = match looked.await {
                Ok(watched) => watched,
                Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
            };
            drop(request);
        }
    }
}

impl Watched {
    fn new(certificate: Reloaded, paths: Vec<PathBuf>) -> Self {
        // They may have changed since they were read, so they are read once more.
        let (loaded, last) = (None, stamps(&paths));
        Self { certificate, paths, loaded, last }
    }

    /// Reads the files if they were changed and are complete, or at once if that is requested.
    fn look(&mut self, requested: bool, noted: &Certificates) {
        let now = stamps(&self.paths);
        let settled = std::mem::replace(&mut self.last, now.clone()) == now;
        let is_complete = settled && self.loaded.as_ref() != Some(&now);
        if !(requested || is_complete) {
            return;
        }
        self.loaded = Some(now);
        let (setting, own) = self.certificate.setting();
        match self.certificate.reload() {
            Ok(is_new) => {
                noted.note(setting, own, Ok(()));
                if is_new {
                    tracing::info!(setting, "certificate reloaded");
                }
            }
            Err(error) => {
                tracing::error!("certificate not reloaded, the old one stays in use: {error}");
                noted.note(setting, own, Err(error));
            }
        }
    }
}

impl Reloaded {
    /// The setting that names the files, and the certificate of the gateway among them.
    fn setting(&self) -> (&str, Option<&Tls>) {
        match self {
            Self::Listener(tls, index) => {
                let files = tls.files().get(*index);
                (files.map_or("", |files| &files.at), files)
            }
            Self::Portal(tls) => (UPSTREAM_TLS, tls.client()),
        }
    }

    /// Reads the files again. Returns whether their certificates are others than before.
    fn reload(&self) -> Result<bool, String> {
        match self {
            Self::Listener(tls, index) => {
                tls.reload(*index, clock::now()).map_err(|error| error.to_string())
            }
            Self::Portal(tls) => tls.reload().map_err(|error| error.to_string()),
        }
    }
}

fn stamps(paths: &[PathBuf]) -> Vec<Stamp> {
    paths.iter().map(|path| FileStamp::of(path)).collect()
}
