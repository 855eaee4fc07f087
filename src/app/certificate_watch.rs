//! Reads certificates again when their files change, and on SIGHUP.
//!
//! A certificate that cannot be used changes nothing: the previous one stays in use, and the log and
//! `status` have the problem. Open connections keep theirs.
//!
//! Changes are found as those of the policy ([`super::policy_watch`]).

use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::file_stamp::FileStamp;
use super::reload::Requests;
use crate::admin::Certificates;
use crate::config::Tls;
use crate::net::ServerTls;
use crate::tasks::Tasks;

/// Time between two looks at the files. Certificate and key are written one after the other, so they
/// are read when two looks in a row show the same.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Watches the files of the listeners' certificates.
#[derive(Debug)]
pub(super) struct CertificateWatch {
    watched: Vec<Watched>,
    noted: Certificates,
}

/// One certificate.
#[derive(Debug)]
struct Watched {
    tls: ServerTls,
    index: usize,
    files: Tls,
    /// The files that were read last.
    loaded: Stamp,
    /// What the last look showed.
    last: Stamp,
}

/// The stamps of certificate and key.
type Stamp = [Option<FileStamp>; 2];

fn stamp(files: &Tls) -> Stamp {
    [&files.certificate, &files.key].map(|file| FileStamp::of(file))
}

impl CertificateWatch {
    /// Watches the certificates of these listeners. What becomes of changes is noted in `noted`.
    pub(super) fn new<'a>(
        listeners: impl IntoIterator<Item = &'a ServerTls>,
        noted: Certificates,
    ) -> Self {
        let watched = listeners.into_iter().flat_map(|tls| {
            tls.files().iter().enumerate().map(|(index, files)| {
                // They may have changed since they were read, so they are read once more.
                let (loaded, last) = ([None, None], stamp(files));
                Watched { tls: tls.clone(), index, files: files.clone(), loaded, last }
            })
        });
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
    /// Reads the files if they were changed and are complete, or at once if that is requested.
    fn look(&mut self, requested: bool, noted: &Certificates) {
        let now = stamp(&self.files);
        let settled = std::mem::replace(&mut self.last, now) == now;
        let is_complete = settled && now != self.loaded;
        if !(requested || is_complete) {
            return;
        }
        self.loaded = now;
        let setting = &*self.files.at;
        match self.tls.reload(self.index) {
            Ok(is_new) => {
                noted.note(&self.files, Ok(()));
                if is_new {
                    tracing::info!(setting, "certificate reloaded");
                }
            }
            Err(error) => {
                tracing::error!("certificate not reloaded, the old one stays in use: {error}");
                noted.note(&self.files, Err(error.to_string()));
            }
        }
    }
}
