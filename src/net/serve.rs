//! From a listening socket to connections being served, in clear text or with TLS.

use std::fmt;
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::server::{ListenFds, ShutdownWatch};
use pingora_core::services::{Service, ServiceWithDependents};
use socket2::SockRef;

use super::drain::Drain;
use super::http::Http;
use super::threads::Threads;
use super::tls::TlsFiles;
use crate::tasks::Tasks;
use portcullis_http1::socket;

/// How long accepting rests after the system refused to give a connection.
const REST: Duration = Duration::from_millis(100);

/// A socket that portal traffic comes in by.
pub struct GatewayListener(Box<dyn ServiceWithDependents>);

impl GatewayListener {
    /// Serves TLS with these files, clear text without.
    #[must_use]
    pub fn new(
        listener: TcpListener,
        tls: Option<TlsFiles>,
        http: Http,
        drain: Arc<Drain>,
        tasks: Tasks,
    ) -> Self {
        Self(Box::new(Sockets { listener: Some(listener), tls, http, drain, tasks }))
    }

    pub(super) fn into_service(self) -> Box<dyn ServiceWithDependents> {
        self.0
    }
}

impl fmt::Debug for GatewayListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GatewayListener").field(&self.0.name()).finish()
    }
}

/// Our own sockets, each connection on one thread from its first byte to its last, and counted
/// before anything is read from it, a handshake included.
struct Sockets {
    listener: Option<TcpListener>,
    tls: Option<TlsFiles>,
    http: Http,
    drain: Arc<Drain>,
    tasks: Tasks,
}

#[async_trait]
impl Service for Sockets {
    async fn start_service(
        &mut self,
        fds: Option<ListenFds>,
        _shutdown: ShutdownWatch,
        _listeners_per_fd: usize,
    ) {
        let Some(listener) = self.listener.take() else { return };
        if let (Some(fds), Ok(address)) = (fds, listener.local_addr()) {
            fds.lock().add(address.to_string(), listener.as_raw_fd());
        }
        let tasks = self.tasks.clone();
        tasks.supervise("gateway listener", self.accept(listener)).await;
    }

    fn name(&self) -> &str {
        "gateway"
    }
}

impl Sockets {
    /// Accepts connections until the stop.
    async fn accept(&self, listener: TcpListener) {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%error, "a listening socket cannot be used");
                return;
            }
        };
        let stalled = self.http.write_timeout();
        if let Err(error) = socket::before_accepting(&SockRef::from(&listener), stalled) {
            tracing::warn!(%error, "clients that are gone will be noticed late");
        }
        let mut threads = Threads::learn(pingora_runtime::current_handle);
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.tasks.stop().cancelled() => return,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(REST).await;
                    continue;
                }
            };
            let Some(open) = self.drain.enter() else {
                tracing::warn!(client.address = %peer.ip(), "too many connections");
                continue;
            };
            // Registered anew with the thread that will serve it, so that no wake-up crosses.
            let Ok(stream) = stream.into_std() else { continue };
            let (http, tls) = (self.http.clone(), self.tls.clone());
            let (thread, share) = threads.least_busy(pingora_runtime::current_handle());
            thread.spawn(async move {
                let _share = share;
                let Ok(stream) = tokio::net::TcpStream::from_std(stream) else { return };
                // Where connections have it from their listener, that is a call less for each.
                #[cfg(not(target_os = "linux"))]
                if stream.set_nodelay(true).is_err() {
                    return;
                }
                match tls {
                    Some(tls) => http.secure(&tls, stream, peer.ip(), open).await,
                    None => http.clear(stream, peer.ip(), open).await,
                }
            });
        }
    }
}
