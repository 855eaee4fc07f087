//! Long-lived connections obey too (invariant I7): while a WebSocket or an event stream is open,
//! the question it was opened by is asked again, and the first other answer ends it. So does the
//! gateway's stop, which could not wait for what never ends by itself.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Method;
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;

use super::Gateway;
use crate::clock;
use crate::credential::token::TokenHash;
use crate::policy::{Host, RequestFacts, RequestTarget};

/// How often the question is asked again; revocation is promised within a second.
const EVERY: Duration = Duration::from_millis(400);

/// The question that was answered when the connection was opened.
#[derive(Debug)]
pub(super) struct Standing<'a> {
    pub(super) session: Option<TokenHash>,
    pub(super) websocket: bool,
    pub(super) host: Cow<'a, Host>,
    pub(super) method: Method,
    pub(super) target: RequestTarget,
}

/// Asks again until the answer changes; dropped with the connection.
#[derive(Debug)]
pub(super) struct Watch {
    revoked: oneshot::Receiver<()>,
    _asking: AbortOnDropHandle<()>,
}

impl Standing<'_> {
    /// The same, to be kept for as long as the connection lasts.
    pub(super) fn into_owned(self) -> Standing<'static> {
        let Self { session, websocket, host, method, target } = self;
        Standing { session, websocket, host: Cow::Owned(host.into_owned()), method, target }
    }

    pub(super) fn facts(&self) -> RequestFacts<'_> {
        RequestFacts {
            host: self.host.name(),
            method: &self.method,
            target: &self.target,
            websocket: self.websocket,
        }
    }
}

impl Watch {
    pub(super) fn start(gateway: Arc<Gateway>, standing: Standing<'static>) -> Self {
        let (tell, revoked) = oneshot::channel();
        let asking = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(EVERY);
            loop {
                tokio::select! {
                    _ = ticks.tick() => {}
                    () = gateway.stop.cancelled() => {
                        let _ = tell.send(());
                        return;
                    }
                }
                if !gateway.still_permits(&standing, clock::now()).await {
                    // Nobody listening means that the connection has ended by itself.
                    let _ = tell.send(());
                    return;
                }
            }
        });
        Self { revoked, _asking: AbortOnDropHandle::new(asking) }
    }

    /// Ready when the connection has to end.
    pub(super) fn poll_revoked(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.revoked).poll(cx).map(|_| ())
    }

    /// Waits until the connection has to end.
    pub(super) async fn revoked(&mut self) {
        std::future::poll_fn(|cx| self.poll_revoked(cx)).await;
    }
}
