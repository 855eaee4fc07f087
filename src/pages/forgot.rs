//! Asking for a reset of a forgotten password (R33).
//!
//! The answer is the same in every way, and takes the same time, whether there is such a login or
//! not, because it is given before anybody looks: what was asked for is put into a queue, and one
//! task works it off, a random while later: done at once, the work would slow down the answer that
//! is on its way. The queue is bounded; what finds it full is forgotten, with the same answer.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use http::{HeaderMap, Response};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::notice::Notice;
use super::problem::{FormProblem, form_page};
use super::text::{self, Catalogue};
use super::{Answer, Brand, Desk};
use crate::directory::Directory;
use crate::directory::resets::ResetAsked;
use crate::gateway::{Visitor, Wants};
use crate::tasks::caught;

/// How many may wait: more than come in the time that one takes, few enough to be nothing.
const QUEUE: usize = 256;
/// The shortest and the longest while before what was asked for is looked at, in milliseconds.
const LATER: std::ops::Range<u64> = 200..500;
/// No login is as long as this, spaces around it aside.
const LONGEST_LOGIN: usize = 1024;

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

/// What was asked for and not looked at yet.
#[derive(Debug)]
pub(super) struct ResetQueue {
    sender: mpsc::Sender<Asked>,
    /// Taken by the one who works it off.
    receiver: Mutex<Option<mpsc::Receiver<Asked>>>,
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
        let (sender, receiver) = mpsc::channel(QUEUE);
        Self { sender, receiver: Mutex::new(Some(receiver)) }
    }

    fn put(&self, asked: Asked) {
        if let Err(error) = self.sender.try_send(asked) {
            tracing::warn!(%error, "a reset that was asked for is forgotten: too many wait");
        }
    }

    /// Works off what comes, for good. Only the first caller has anything to do.
    pub(super) async fn work(&self, directory: &Directory) {
        let receiver = self.receiver.lock().take();
        let Some(mut receiver) = receiver else { return };
        while let Some(asked) = receiver.recv().await {
            tokio::time::sleep_until(asked.later).await;
            if let Err(panic) = caught(asked.look_at(directory)).await {
                tracing::error!("a reset was not mailed: {panic}");
            }
        }
    }

    /// Works off what waits now.
    #[cfg(test)]
    pub(super) async fn work_off(&self, directory: &Directory) {
        let receiver = self.receiver.lock().take();
        let mut receiver = receiver.unwrap();
        while let Ok(asked) = receiver.try_recv() {
            asked.look_at(directory).await;
        }
        *self.receiver.lock() = Some(receiver);
    }
}

impl Asked {
    async fn look_at(self, directory: &Directory) {
        let Self { login, language, at, request_id, .. } = self;
        // Which login it was is not logged: people type passwords there too.
        match directory.ask_for_reset(&login, language.as_deref(), at).await {
            Ok(ResetAsked::Mailed { user }) => {
                tracing::info!(user.id = user, request.id = request_id, "a reset is mailed");
            }
            Ok(ResetAsked::TooMany { user }) => {
                tracing::info!(
                    user.id = user,
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
    State(desk): State<Arc<Desk>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> Response<Body> {
    desk.forgot_page(&headers, &visitor, "", None)
}

pub(super) async fn submit(
    State(desk): State<Arc<Desk>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Answer {
    let (Entered { login, csrf }, headers, _) = desk.sent(request, &visitor).await?;
    let text = desk.texts.of(&headers);
    let login = login.trim();
    let said = &text.forgot;
    if !desk.is_visitors(&csrf, &headers, visitor.now) {
        let problem = FormProblem::too_old(&said.form_too_old);
        return Ok(desk.forgot_page(&headers, &visitor, login, Some(&problem)));
    }
    if login.is_empty() {
        let problem = FormProblem::missing(&said.login_missing, &["login"]);
        return Ok(desk.forgot_page(&headers, &visitor, login, Some(&problem)));
    }
    if !desk.directory.may_ask_for_reset(visitor.address, visitor.now) {
        tracing::info!(request.id = visitor.request_id, "an address asks for too many resets");
    } else if login.len() <= LONGEST_LOGIN {
        desk.resets.put(Asked {
            login: login.to_owned(),
            language: text::wanted(&headers).map(str::to_owned),
            at: visitor.now,
            later: Instant::now() + a_while(),
            request_id: visitor.request_id.clone(),
        });
    }
    let notice = Notice::reset_asked(text, &desk.brand.name);
    Ok(desk.notice(&notice, Wants::Page, &visitor.request_id))
}

/// Nobody can tell it beforehand.
fn a_while() -> Duration {
    let chance = u64::from(u32::from_ne_bytes(crate::random::bytes()));
    Duration::from_millis(LATER.start + chance % (LATER.end - LATER.start))
}

impl Desk {
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
