//! Long-lived connections obey too (invariant I7): while a WebSocket or an event stream is open,
//! the question it was opened by is asked again, and the first other answer ends it, one that tells
//! the portal something else included. So does the gateway's stop, which could not wait for what never ends by itself.
//!
//! Asking keeps no session alive: one whose idle time is over ends, and what it opened with it.
//! What the client says in a WebSocket is a use of its session; what it is told is none.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Method;
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;

use super::Gateway;
use super::hosts::{Number, Served};
use crate::clock;
use crate::policy::{Decision, PermissionSet, RequestFacts, RequestTarget, SessionKind, Subject};
use crate::session::Presented;

/// How often the question is asked again; revocation is promised within a second.
const EVERY: Duration = Duration::from_millis(400);

/// The question that was answered when the connection was opened.
#[derive(Debug)]
pub(super) struct OpenQuestion {
    /// Who was there when it was opened.
    pub(super) presented: Presented,
    /// Which permissions the portal was told of.
    pub(super) granted: PermissionSet,
    pub(super) websocket: bool,
    pub(super) host: Number,
    pub(super) method: Method,
    pub(super) target: RequestTarget,
}

/// Hears whether the client says anything.
#[derive(Debug, Clone, Default)]
pub(super) struct Ear(Arc<AtomicBool>);

/// What the client has said since the question was last asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Something,
    Nothing,
}

/// Asks again until the answer changes; dropped with the connection.
#[derive(Debug)]
pub(super) struct Watch {
    revoked: oneshot::Receiver<()>,
    _asking: AbortOnDropHandle<()>,
}

impl OpenQuestion {
    /// Whether an answer of now is the one that it was opened by: allowed, to the same person, with
    /// nothing else told to the portal. What the portal shows may hang on each of these.
    pub(super) fn is_answered_as_before(&self, now: &Presented, decision: &Decision) -> bool {
        match decision {
            Decision::Allow(permit) => {
                permit.granted() == self.granted
                    && now.subject().map(told) == self.presented.subject().map(told)
            }
            Decision::Challenge(_) | Decision::Deny(_) | Decision::Redirect(_) => false,
        }
    }

    pub(super) fn facts<'a>(&'a self, host: &'a Served) -> RequestFacts<'a> {
        RequestFacts {
            host: host.host().name(),
            method: &self.method,
            target: &self.target,
            websocket: self.websocket,
        }
    }
}

/// What the portal is told of a person.
fn told(subject: &Subject) -> (SessionKind, &str, &str, Option<&str>, Option<&str>) {
    let Subject { kind, organization, group, login, end_user, .. } = subject;
    (*kind, organization, group, login.as_deref(), end_user.as_deref())
}

impl Ear {
    /// Bytes have come from the client.
    pub(super) fn hear(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn since_last_asked(&self) -> Said {
        if self.0.swap(false, Ordering::Relaxed) { Said::Something } else { Said::Nothing }
    }
}

impl Watch {
    pub(super) fn start(gateway: Arc<Gateway>, question: OpenQuestion, ear: Ear) -> Self {
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
                let said = ear.since_last_asked();
                if !gateway.still_permits(&question, said, clock::now()).await {
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
