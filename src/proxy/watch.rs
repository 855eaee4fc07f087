//! Long-lived connections obey too (invariant I7): while a WebSocket is open, or an answer comes
//! in, the question it was opened by is asked again, and the first other answer ends it, one that
//! tells the portal something else included.
//!
//! A request that waits long for its answer's head is watched from then on, so that a long poll ends
//! too. A WebSocket and an event stream are watched from their beginning, and end when the gateway
//! stops, which could not wait for what never ends by itself. Any other answer is watched from when
//! it has to be waited for, or has turned out to be long: most are over before, and cost nothing.
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
use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::Gateway;
use super::hosts::{Number, Served};
use crate::clock;
use crate::directory::Snapshot;
use crate::session::{Absence, Presented};
use portcullis_policy::{
    Decision, PermissionSet, RequestFacts, RequestTarget, SessionKind, Subject, decide,
};

/// How often the question is asked again; revocation is promised within a second.
const EVERY: Duration = Duration::from_millis(400);

/// How often it is looked whether a request has to wait long for its answer. With the time until
/// the question is asked first, it stays below a second.
pub(super) const LOOK: Duration = Duration::from_millis(200);

/// An answer of more pieces is long, however quickly they come.
const LONG: usize = 16;

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

/// A request that waits for its answer's head. Most do so for moments, which costs nothing.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    gateway: &'a Arc<Gateway>,
    question: &'a Arc<OpenQuestion>,
    watch: Option<Watch>,
}

/// Asks again until the answer changes; dropped with the connection.
#[derive(Debug)]
pub(super) struct Watch(Stage);

#[derive(Debug)]
enum Stage {
    Before { gateway: Arc<Gateway>, question: Arc<OpenQuestion>, pieces: usize },
    Asking { revoked: oneshot::Receiver<()>, client: Ear, _task: AbortOnDropHandle<()> },
    Over,
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
            Decision::Challenge(_)
            | Decision::Deny(_)
            | Decision::Redirect(_)
            | Decision::Malformed(_) => false,
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

impl Gateway {
    /// Whether what was permitted once still is (I7). A store that does not answer permits
    /// nothing. That a connection is open is no use of its session; what `said` tells is.
    async fn still_permits(&self, question: &OpenQuestion, said: Said, now: Timestamp) -> bool {
        let snapshot = self.directory.snapshot();
        if snapshot.preferences().disabled_redirect_url.is_some() {
            return false;
        }
        let asked = self.ask_again(question, said, &snapshot, now).await;
        asked.is_some_and(|(presented, decision)| {
            question.is_answered_as_before(&presented, &decision)
        })
    }

    /// What is decided now, unless the store does not answer.
    pub(super) async fn ask_again(
        &self,
        question: &OpenQuestion,
        said: Said,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Option<(Presented, Decision)> {
        if !self.feed.fresh(self.max_staleness) {
            return None;
        }
        let presented = match (question.presented.key(), said) {
            (Some(key), Said::Something) => self.sessions.resolve_key(key, snapshot, now).await,
            (Some(key), Said::Nothing) => self.sessions.look_at(key, snapshot, now).await,
            (None, _) => Ok(Presented::Nobody(Absence::NoCookie)),
        };
        let (presented, host) = (presented.ok()?, self.hosts.get(question.host)?);
        let decision = decide(snapshot.policy(), presented.subject(), &question.facts(host), now);
        Some((presented, decision))
    }
}

impl<'a> Waiting<'a> {
    pub(super) fn new(gateway: &'a Arc<Gateway>, question: &'a Arc<OpenQuestion>) -> Self {
        Self { gateway, question, watch: None }
    }

    /// It has waited long: begins to ask.
    pub(super) fn begin(&mut self) {
        if self.watch.is_none() {
            let mut watch = Watch::over_answer(Arc::clone(self.gateway), Arc::clone(self.question));
            watch.begin();
            self.watch = Some(watch);
        }
    }

    /// Bytes of the request's body have come from the client, which is a use of its session.
    pub(super) fn hear(&self) {
        if let Some(Watch(Stage::Asking { client, .. })) = &self.watch {
            client.hear();
        }
    }

    /// Ready when the request is no longer permitted.
    pub(super) fn poll_revoked(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.watch.as_mut().map_or(Poll::Pending, |watch| watch.poll_revoked(cx))
    }

    /// Waits until the request is no longer permitted.
    pub(super) async fn revoked(&mut self) {
        std::future::poll_fn(|cx| self.poll_revoked(cx)).await;
    }

    /// The watch, if the request had to wait long.
    pub(super) fn into_watch(self) -> Option<Watch> {
        self.watch
    }
}

impl Watch {
    /// Over what never ends by itself, from now on.
    pub(super) fn over_stream(
        gateway: Arc<Gateway>,
        question: Arc<OpenQuestion>,
        ear: Ear,
    ) -> Self {
        let stop = gateway.stop.clone();
        Self(Stage::ask(gateway, question, ear, async move { stop.cancelled().await }))
    }

    /// Over any other answer, when it turns out to be long.
    pub(super) fn over_answer(gateway: Arc<Gateway>, question: Arc<OpenQuestion>) -> Self {
        Self(Stage::Before { gateway, question, pieces: 0 })
    }

    /// A piece of the answer has come.
    pub(super) fn piece(&mut self) {
        if let Stage::Before { pieces, .. } = &mut self.0 {
            *pieces += 1;
            if *pieces > LONG {
                self.begin();
            }
        }
    }

    /// The answer has to be waited for.
    pub(super) fn begin(&mut self) {
        if !matches!(self.0, Stage::Before { .. }) {
            return;
        }
        let before = std::mem::replace(&mut self.0, Stage::Over);
        if let Stage::Before { gateway, question, .. } = before {
            self.0 = Stage::ask(gateway, question, Ear::default(), std::future::pending());
        }
    }

    /// Ready when the connection has to end.
    pub(super) fn poll_revoked(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Stage::Before { .. } => return Poll::Pending,
            Stage::Asking { revoked, .. } => std::task::ready!(Pin::new(revoked).poll(cx)).ok(),
            Stage::Over => None,
        };
        self.0 = Stage::Over;
        Poll::Ready(())
    }

    /// Waits until the connection has to end.
    pub(super) async fn revoked(&mut self) {
        std::future::poll_fn(|cx| self.poll_revoked(cx)).await;
    }
}

impl Stage {
    fn ask(
        gateway: Arc<Gateway>,
        question: Arc<OpenQuestion>,
        ear: Ear,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        let (tell, revoked) = oneshot::channel();
        let client = ear.clone();
        let asking = async move {
            let mut ticks = tokio::time::interval_at(Instant::now() + EVERY, EVERY);
            loop {
                ticks.tick().await;
                let said = ear.since_last_asked();
                if !gateway.still_permits(&question, said, clock::now()).await {
                    return;
                }
            }
        };
        let task = tokio::spawn(async move {
            tokio::select! {
                () = asking => {}
                () = stop => {}
            }
            // Nobody listening means that the connection has ended by itself.
            let _ = tell.send(());
        });
        Self::Asking { revoked, client, _task: AbortOnDropHandle::new(task) }
    }
}
