//! Asking for a reset of a forgotten password (R33).
//!
//! The answer is the same in every way, and takes the same time, whether there is such a login or
//! not, because it is given before anybody looks: what was asked for waits a random while, then one
//! task looks at it: done at once, the work would slow down the answer that is on its way. What is no
//! address never waits, a login waits a few times at most, and there is room for more than a flood
//! can bring in the time that one waits: what is dropped all the same gets the same answer.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, Response};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::notice::Notice;
use super::problem::{FormProblem, form_page};
use super::text::{self, Catalogue};
use super::{Answer, Brand, PagesState};
use crate::credential::folding::fold;
use crate::directory::Directory;
use crate::directory::resets::{ResetAsked, is_reset_by_mail};
use crate::tasks::caught;
use crate::web::Visitor;
use crate::web::fetch_metadata::ResponseKind;

/// How many logins may wait: more than a flood brings in the time that one waits.
const QUEUE: usize = 16_384;
/// How many of them for one login: no account gets more letters than that in an hour.
const OF_A_LOGIN: usize = 5;
/// How often those that wait are looked through.
const TICK: Duration = Duration::from_millis(50);
/// How many are looked at side by side.
const AT_ONCE: usize = 64;
/// The shortest and the longest while before what was asked for is looked at, in milliseconds.
const LATER: std::ops::Range<u64> = 200..500;

/// Somebody has asked for a reset.
#[derive(Debug)]
struct Asked {
    login: String,
    language: Option<String>,
    at: Timestamp,
    /// When it may be looked at.
    later: Instant,
    request_id: String,
}

/// What was asked for and not looked at yet, by folded login.
#[derive(Debug)]
pub(super) struct ResetQueue {
    waiting: Mutex<HashMap<String, Vec<Asked>>>,
    came: Notify,
}

/// The form.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entered {
    login: String,
    csrf: String,
}

#[derive(Template)]
#[template(path = "pages/forgot.html")]
struct ForgotPage<'a> {
    brand: &'a Brand,
    text: &'a Catalogue,
    problem: Option<&'a FormProblem<'a>>,
    login: &'a str,
    csrf: &'a str,
    request_id: &'a str,
}

impl ResetQueue {
    pub(super) fn new() -> Self {
        Self { waiting: Mutex::default(), came: Notify::new() }
    }

    /// Puts it with those that wait.
    fn put(&self, asked: Asked) {
        let mut waiting = self.waiting.lock();
        let key = fold(&asked.login);
        if waiting.len() >= QUEUE && !waiting.contains_key(&key) {
            drop(waiting);
            tracing::warn!("a password reset was dropped: too many are waiting");
            return;
        }
        let of_login = waiting.entry(key).or_default();
        if of_login.len() < OF_A_LOGIN {
            of_login.push(asked);
        }
        drop(waiting);
        self.came.notify_one();
    }

    /// Works off what comes, for good.
    pub(super) async fn work(&self, directory: &Directory) {
        loop {
            self.came.notified().await;
            while !self.waiting.lock().is_empty() {
                tokio::time::sleep(TICK).await;
                self.look_at_due(directory, Instant::now()).await;
            }
        }
    }

    /// Looks at everything that may be looked at by then. Most of a flood is over with a look into
    /// the store; letters are written side by side, and share a flush.
    async fn look_at_due(&self, directory: &Directory, now: Instant) {
        let is_due =
            |_: &String, of_login: &mut Vec<Asked>| of_login.iter().all(|asked| asked.later <= now);
        let due: Vec<_> = self.waiting.lock().extract_if(is_due).map(|(_, asked)| asked).collect();
        let look = async |of_login: Vec<Asked>| {
            for asked in of_login {
                if let Err(panic) = caught(asked.look_at(directory)).await {
                    tracing::error!("a reset was not mailed: {panic}");
                }
            }
        };
        stream::iter(due).for_each_concurrent(AT_ONCE, look).await;
    }

    /// Works off what waits now.
    #[cfg(test)]
    pub(super) async fn work_off(&self, directory: &Directory) {
        self.look_at_due(directory, Instant::now() + Duration::from_secs(1)).await;
    }

    /// Asks for a reset as a visitor does.
    #[cfg(test)]
    pub(super) fn ask(&self, login: &str, at: Timestamp) {
        let (login, request_id) = (login.to_owned(), String::new());
        self.put(Asked {
            login,
            language: None,
            at,
            later: Instant::now() + a_while(),
            request_id,
        });
    }
}

impl Asked {
    async fn look_at(self, directory: &Directory) {
        let Self { login, language, at, request_id, .. } = self;
        // Which login it was is not logged: people type passwords there too.
        match directory.ask_for_reset(&login, language.as_deref(), at).await {
            Ok(ResetAsked::Mailed { user }) => {
                tracing::info!(user.id = %user, request.id = request_id, "a reset is mailed");
            }
            Ok(ResetAsked::TooMany { user }) => {
                tracing::info!(
                    user.id = %user,
                    request.id = request_id,
                    "a reset was asked for too often"
                );
            }
            Ok(ResetAsked::NoLetter) => {
                tracing::info!(request.id = request_id, "a reset was asked for that nobody gets");
            }
            Err(error) => {
                tracing::error!(%error, request.id = request_id, "a reset was not mailed");
            }
        }
    }
}

pub(super) async fn show(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> Response<Body> {
    state.forgot_page(&headers, &visitor, "", None)
}

pub(super) async fn submit(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Answer {
    let (Entered { login, csrf }, headers, _) = state.sent(request, &visitor).await?;
    let text = state.texts.of(&headers);
    let login = login.trim();
    let said = &text.forgot;
    if !state.is_visitors(&csrf, &headers, visitor.now) {
        let problem = FormProblem::too_old(&said.form_too_old);
        return Ok(state.forgot_page(&headers, &visitor, login, Some(&problem)));
    }
    if login.is_empty() {
        let problem = FormProblem::missing(&said.login_missing, &["login"]);
        return Ok(state.forgot_page(&headers, &visitor, login, Some(&problem)));
    }
    if !state.directory.may_ask_for_reset(visitor.address, visitor.now) {
        tracing::info!(request.id = visitor.request_id, "an address asks for too many resets");
    } else if is_reset_by_mail(login) {
        state.resets.put(Asked {
            login: login.to_owned(),
            language: text::wanted(&headers).map(str::to_owned),
            at: visitor.now,
            later: Instant::now() + a_while(),
            request_id: visitor.request_id.clone(),
        });
    }
    let notice = Notice::reset_asked(text, &state.brand.name);
    Ok(state.notice(&notice, ResponseKind::Page, &visitor.request_id))
}

/// Nobody can tell it beforehand.
fn a_while() -> Duration {
    let chance = u64::from(u32::from_ne_bytes(crate::random::bytes()));
    Duration::from_millis(LATER.start + chance % (LATER.end - LATER.start))
}

impl PagesState {
    fn forgot_page(
        &self,
        headers: &HeaderMap,
        visitor: &Visitor,
        login: &str,
        problem: Option<&FormProblem<'_>>,
    ) -> Response<Body> {
        let text = self.texts.of(headers);
        let token = self.visitor_token(headers, visitor.now);
        let page = ForgotPage {
            brand: &self.brand,
            text,
            problem,
            login,
            csrf: &token.text,
            request_id: &visitor.request_id,
        };
        form_page(text, &page, problem, &token)
    }
}
