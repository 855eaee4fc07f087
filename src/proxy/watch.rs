//! The re-check of what is open (I7): while a WebSocket is open or a response comes in, its request
//! is decided again every 400 ms. It ends with the first verdict that differs, also in what the
//! portal learns about the user.
//!
//! A WebSocket and an event stream are re-checked from their beginning, and also end on shutdown,
//! because they do not end by themselves. A request that waits long for the head of
//! its response is re-checked from then on. Any other response is re-checked once the portal pauses
//! in it, or it turns out to be long; most end before that, and cost nothing.
//!
//! A re-check is not a use of the session: an idle session ends, and what is open in it. What the
//! client sends over a WebSocket or in a request body is a use; what it receives is not.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::gateway::Gateway;
use crate::authz::identity::Identity;
use crate::authz::{AccessRequest, Activity, Verdict};
use crate::clock;
use crate::session::SessionLookup;
use portcullis_policy::PermissionSet;

/// Time between two re-checks. Together with the time after which a waiting request is first
/// re-checked, it stays below a second, within which revocation is promised.
const EVERY: Duration = Duration::from_millis(400);

/// A response with more frames is long, however quickly they come.
const LONG: usize = 16;

/// A request that was allowed, with what it was allowed for.
#[derive(Debug)]
pub(super) struct AllowedRequest {
    pub(super) request: AccessRequest,
    /// The session that it came in.
    pub(super) session: SessionLookup,
    /// The permissions that were granted.
    pub(super) granted: PermissionSet,
}

/// Records whether the client sends anything. Clones share the record.
#[derive(Debug, Clone, Default)]
pub(super) struct ActivityFlag(Arc<AtomicBool>);

/// Why something open must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It is no longer permitted.
    Revoked,
    /// The gateway stops.
    Shutdown,
}

/// A request that waits for the head of its response.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    gateway: &'a Arc<Gateway>,
    allowed: &'a Arc<AllowedRequest>,
    watch: Option<Watch>,
}

/// Re-checks until the verdict differs, or it is dropped.
#[derive(Debug)]
pub(super) struct Watch(Stage);

#[derive(Debug)]
enum Stage {
    Before { gateway: Arc<Gateway>, allowed: Arc<AllowedRequest>, frames: usize },
    Checking { ended: oneshot::Receiver<End>, client: ActivityFlag, _task: AbortOnDropHandle<()> },
    Over,
}

impl AllowedRequest {
    /// Whether a verdict allows the request as before: the portal would learn the same about the
    /// user, on which everything that it shows may depend.
    pub(super) fn is_allowed_as_before(&self, now: &Verdict<'_>) -> bool {
        let before = Identity::of(&self.session, self.granted);
        now.permit().is_some() && now.identity() == before
    }
}

impl ActivityFlag {
    /// The client has sent something.
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn take(&self) -> Activity {
        if self.0.swap(false, Ordering::Relaxed) { Activity::Active } else { Activity::Idle }
    }
}

impl Gateway {
    /// Whether a request that was allowed still is (I7). While the store is unavailable, nothing
    /// is.
    async fn still_allows(
        &self,
        allowed: &AllowedRequest,
        activity: Activity,
        now: Timestamp,
    ) -> bool {
        let AllowedRequest { request, session, .. } = allowed;
        let snapshot = self.authz.snapshot();
        let verdict = self.authz.reauthorize(request, session, activity, &snapshot, now).await;
        allowed.is_allowed_as_before(&verdict)
    }
}

impl<'a> Waiting<'a> {
    pub(super) fn new(gateway: &'a Arc<Gateway>, allowed: &'a Arc<AllowedRequest>) -> Self {
        Self { gateway, allowed, watch: None }
    }

    /// Starts the re-check, because the request has waited for long.
    pub(super) fn start(&mut self) {
        if self.watch.is_none() {
            let (gateway, allowed) = (Arc::clone(self.gateway), Arc::clone(self.allowed));
            let mut watch = Watch::over_response(gateway, allowed);
            watch.start();
            self.watch = Some(watch);
        }
    }

    /// A part of the request's body has come from the client, which is a use of its session.
    pub(super) fn note_activity(&self) {
        if let Some(Watch(Stage::Checking { client, .. })) = &self.watch {
            client.set();
        }
    }

    /// Ready when the request is no longer permitted.
    pub(super) fn poll_revoked(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.watch.as_mut().map_or(Poll::Pending, |watch| watch.poll_end(cx).map(drop))
    }

    /// Waits until the request is no longer permitted.
    pub(super) async fn revoked(&mut self) {
        poll_fn(|cx| self.poll_revoked(cx)).await;
    }

    /// The watch, if the request had to wait long.
    pub(super) fn into_watch(self) -> Option<Watch> {
        self.watch
    }
}

impl Watch {
    /// Over a WebSocket or an event stream, from now on and until shutdown.
    pub(super) fn over_stream(
        gateway: Arc<Gateway>,
        allowed: Arc<AllowedRequest>,
        client: ActivityFlag,
    ) -> Self {
        let stop = gateway.stop.clone();
        Self(Stage::check(gateway, allowed, client, async move { stop.cancelled().await }))
    }

    /// Over any other response, once it turns out to be long.
    pub(super) fn over_response(gateway: Arc<Gateway>, allowed: Arc<AllowedRequest>) -> Self {
        Self(Stage::Before { gateway, allowed, frames: 0 })
    }

    /// A frame of the response has come.
    pub(super) fn note_frame(&mut self) {
        if let Stage::Before { frames, .. } = &mut self.0 {
            *frames += 1;
            if *frames > LONG {
                self.start();
            }
        }
    }

    /// Starts the re-check, because the response pauses or is long.
    pub(super) fn start(&mut self) {
        if !matches!(self.0, Stage::Before { .. }) {
            return;
        }
        let before = std::mem::replace(&mut self.0, Stage::Over);
        if let Stage::Before { gateway, allowed, .. } = before {
            let client = ActivityFlag::default();
            self.0 = Stage::check(gateway, allowed, client, std::future::pending());
        }
    }

    /// Ready when what is open must end.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let end = match &mut self.0 {
            Stage::Before { .. } => return Poll::Pending,
            // The task sends before it ends, unless it panics.
            Stage::Checking { ended, .. } => {
                ready!(Pin::new(ended).poll(cx)).unwrap_or(End::Revoked)
            }
            Stage::Over => End::Revoked,
        };
        self.0 = Stage::Over;
        Poll::Ready(end)
    }

    /// Waits until what is open must end.
    pub(super) async fn end(&mut self) -> End {
        poll_fn(|cx| self.poll_end(cx)).await
    }
}

impl Stage {
    fn check(
        gateway: Arc<Gateway>,
        allowed: Arc<AllowedRequest>,
        client: ActivityFlag,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        let (sender, ended) = oneshot::channel();
        let activity = client.clone();
        let revoked = async move {
            let mut ticks = tokio::time::interval_at(Instant::now() + EVERY, EVERY);
            loop {
                ticks.tick().await;
                if !gateway.still_allows(&allowed, activity.take(), clock::now()).await {
                    return;
                }
            }
        };
        let task = tokio::spawn(async move {
            let end = tokio::select! {
                biased;
                () = stop => End::Shutdown,
                () = revoked => End::Revoked,
            };
            // The receiver is gone when what was open has ended by itself.
            let _ = sender.send(end);
        });
        Self::Checking { ended, client, _task: AbortOnDropHandle::new(task) }
    }
}
