//! Requests for password resets that wait to be processed (R33).
//!
//! A request waits for a random time, then one task processes it: work done at once would delay the
//! response that is still being sent, and show whether the login exists. The queue has more room
//! than a flood fills in that time; a request that is dropped gets the same response.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::credential::folding::fold;
use crate::directory::Directory;
use crate::tasks::caught;
use crate::telemetry::events::{self, Origin};
use crate::web::Visitor;

/// How many logins may wait: more than a flood adds in the longest delay.
const MAX_LOGINS: usize = 16_384;
/// How many requests of one login may wait: as many mails as an account gets in an hour.
const MAX_OF_LOGIN: usize = 5;
/// How often due requests are looked for.
const TICK: Duration = Duration::from_millis(50);
/// How many logins are processed concurrently.
const CONCURRENCY: usize = 64;
/// The delay before a request is processed, in milliseconds.
const DELAY: std::ops::Range<u64> = 200..500;

/// A visitor's request for a reset.
#[derive(Debug)]
pub(super) struct ResetRequest {
    login: String,
    /// An `Accept-Language`, for the mail.
    languages: Option<String>,
    visitor: Visitor,
    due: Instant,
}

/// The requests that wait, by folded login.
#[derive(Debug)]
pub(super) struct ResetQueue {
    waiting: Mutex<HashMap<String, Vec<ResetRequest>>>,
    added: Notify,
}

impl ResetRequest {
    pub(super) fn new(login: String, languages: Option<String>, visitor: &Visitor) -> Self {
        Self { login, languages, visitor: visitor.clone(), due: Instant::now() + delay() }
    }

    async fn process(self, directory: &Directory) {
        let Self { login, languages, visitor, .. } = self;
        let Visitor { address, request_id, now, .. } = visitor;
        let origin = Origin { client: address, request: Some(request_id.clone()) };
        let resets = directory.resets();
        // What becomes of it is an event. The login is not logged, because people type passwords
        // into its field.
        let asked = events::during(origin, resets.ask(&login, languages.as_deref(), now)).await;
        if let Err(error) = asked {
            tracing::error!(%error, request.id = request_id, "could not create a reset email");
        }
    }
}

impl ResetQueue {
    pub(super) fn new() -> Self {
        Self { waiting: Mutex::default(), added: Notify::new() }
    }

    /// Adds a request, or drops it when there are too many.
    pub(super) fn add(&self, request: ResetRequest) {
        let mut waiting = self.waiting.lock();
        let key = fold(&request.login);
        if waiting.len() >= MAX_LOGINS && !waiting.contains_key(&key) {
            drop(waiting);
            tracing::warn!("a password reset was dropped: too many are waiting");
            return;
        }
        let of_login = waiting.entry(key).or_default();
        if of_login.len() < MAX_OF_LOGIN {
            of_login.push(request);
        }
        drop(waiting);
        self.added.notify_one();
    }

    /// Processes requests as they become due; never returns.
    pub(super) async fn work(&self, directory: &Directory) {
        loop {
            self.added.notified().await;
            while !self.waiting.lock().is_empty() {
                tokio::time::sleep(TICK).await;
                self.process_due(directory, Instant::now()).await;
            }
        }
    }

    /// Processes the logins whose requests are all due. Most of a flood costs one lookup in the
    /// store each; mails are committed concurrently, so they share a flush.
    async fn process_due(&self, directory: &Directory, now: Instant) {
        let is_due = |_: &String, of_login: &mut Vec<ResetRequest>| {
            of_login.iter().all(|request| request.due <= now)
        };
        let due: Vec<_> =
            self.waiting.lock().extract_if(is_due).map(|(_, of_login)| of_login).collect();
        let process = async |of_login: Vec<ResetRequest>| {
            for request in of_login {
                if let Err(panic) = caught(request.process(directory)).await {
                    tracing::error!("could not create a reset email: {panic}");
                }
            }
        };
        stream::iter(due).for_each_concurrent(CONCURRENCY, process).await;
    }

    /// Processes everything that waits now.
    #[cfg(test)]
    pub(super) async fn process_all(&self, directory: &Directory) {
        self.process_due(directory, Instant::now() + Duration::from_secs(1)).await;
    }
}

/// A random delay, which a client cannot predict.
fn delay() -> Duration {
    let random = u64::from(u32::from_ne_bytes(crate::random::bytes()));
    Duration::from_millis(DELAY.start + random % (DELAY.end - DELAY.start))
}
