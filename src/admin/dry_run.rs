//! `?dry_run=true`: a write that is tried out, and answered with what it would change.
//!
//! The handler is that of the write. It gets its [`AdminState`] from the request ([`Switched`]), and
//! in a dry run that one is over a copy of which nothing is kept: no handler knows about dry runs, so
//! none can ignore them. Errors are those of the write. Nothing is logged.

use axum::body::to_bytes;
use axum::extract::Request;
use axum::handler::Handler;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{Method, Uri};
use serde::Serialize;
use serde_json::{Value, to_value};
use std::sync::Arc;

use super::problem::Problem;
use super::response::document;
use super::state::AdminState;
use crate::clock;
use crate::directory::OrganizationId;
use crate::directory::consequences::{AccessChange, PermissionChange};
use crate::directory::dry_run::DryRun;
use crate::jobs::Counts;
use crate::session::SessionCache;
use crate::telemetry::events::muted;
use portcullis_store::StoreError;
use portcullis_store::feed::Follower;

/// The name of the parameter.
pub(super) const PARAMETER: &str = "dry_run";

/// The requests that are not tried out, although their method is that of a write, and why.
const REFUSED: [(Method, &str, &str); 9] = [
    (Method::POST, "/api/v1/explain", "explaining a request changes nothing"),
    (Method::POST, "/api/v1/session", "signing in cannot be tried out"),
    (Method::DELETE, "/api/v1/session", "signing out cannot be tried out"),
    (Method::PUT, "/api/v1/session/password", "a password that is checked counts as an attempt"),
    (Method::POST, "/api/v1/session/password", "a password that is checked counts as an attempt"),
    (Method::POST, "/api/v1/session/code", "signing in cannot be tried out"),
    (Method::POST, "/api/v1/session/set-up", "signing in cannot be tried out"),
    (Method::POST, "/api/v1/session/mfa", "a password that is checked counts as an attempt"),
    (
        Method::POST,
        "/api/v1/session/mfa/recovery-codes",
        "a password that is checked counts as an attempt",
    ),
];

/// The largest response of a handler, in bytes.
const LARGEST: usize = 16 * 1024 * 1024;

/// A handler that gets its state from the request, if that has one.
#[derive(Debug, Clone)]
pub(super) struct Switched<H>(pub(super) H);

impl<H, A> Handler<A, AdminState> for Switched<H>
where
    H: Handler<A, AdminState>,
    A: Send + 'static,
{
    type Future = H::Future;

    fn call(self, mut request: Request, state: AdminState) -> H::Future {
        let state = request.extensions_mut().remove::<AdminState>().unwrap_or(state);
        self.0.call(request, state)
    }
}

/// Whether a route has the parameter.
pub(super) fn is_taken_by(method: &Method, path: &str) -> bool {
    *method != Method::GET && refusal(method, path).is_none()
}

fn refusal(method: &Method, path: &str) -> Option<&'static str> {
    REFUSED.iter().find(|(refused, at, _)| refused == method && *at == path).map(|(.., why)| *why)
}

/// Whether a query has the parameter with the value `true`.
pub(super) fn is_named(uri: &Uri) -> bool {
    let pairs = uri.query().unwrap_or_default().split('&');
    pairs.filter_map(|pair| pair.split_once('=')).any(|pair| pair == (PARAMETER, "true"))
}

/// Whether the parameters ask for a dry run.
pub(super) fn is_requested(
    method: &Method,
    path: &str,
    given: &[(String, String)],
) -> Result<bool, Problem> {
    let mut values = given.iter().filter(|(name, _)| name == PARAMETER).map(|(_, value)| &**value);
    let (Some(value), further) = (values.next(), values.next()) else { return Ok(false) };
    if let Some(why) = refusal(method, path) {
        return Err(Problem::invalid(PARAMETER, format!("not supported here: {why}")));
    }
    match (value, further) {
        ("true", None) => Ok(true),
        ("false", None) => Ok(false),
        _ => Err(Problem::invalid(PARAMETER, "must be `true` or `false`, and given once")),
    }
}

/// What a write would change.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "DryRun")]
pub(super) struct Answer {
    /// What would change.
    changes: Changes,
    /// What would become of each record, if a file is applied.
    #[serde(skip_serializing_if = "Value::is_null")]
    plan: Value,
    /// Of a job: how many items would end in which way.
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<Counts>,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
struct Changes {
    gains: Vec<PermissionChange>,
    loses: Vec<PermissionChange>,
    access: AccessChange,
    sessions_ended: usize,
    links_closed: Vec<OrganizationId>,
    mails: usize,
    warnings: Vec<Value>,
}

/// Runs the rest of a request as a dry run.
pub(super) async fn answer(real: &AdminState, request: Request, next: Next) -> Response {
    // What would be logged has not happened.
    match Box::pin(muted(tried(real, request, next))).await {
        Ok(response) => response,
        Err(error) => Problem::from(error).into_response(),
    }
}

async fn tried(
    real: &AdminState,
    mut request: Request,
    next: Next,
) -> Result<Response, StoreError> {
    let cache = Arc::new(SessionCache::new());
    let followers = vec![Arc::clone(&cache) as Arc<dyn Follower>];
    let dry: DryRun = real.directory.dry_run(followers, clock::now()).await?;
    let sessions = real.sessions.of_dry_run(dry.directory.clone(), cache);
    let state = real.of_dry_run(dry.directory.clone(), sessions);
    request.extensions_mut().insert(state.clone());
    let response = next.run(request).await;
    if !response.status().is_success() {
        return Ok(response);
    }
    let Parts { mut warnings, plan, counts } = parts_of(response).await;
    let now = clock::now();
    let consequences = dry.consequences(&real.directory, real.rules, now).await?;
    let ended = real.sessions.ended_by(&dry, &consequences, &state.sessions, now).await?;
    let names: Vec<Value> = warnings.iter().map(|warning| name_of(warning).clone()).collect();
    let of_consequences = consequences.warnings(&ended);
    let of_consequences = of_consequences.iter().filter_map(|it| to_value(it).ok());
    // One of the handler says more about the same.
    warnings.extend(of_consequences.filter(|it| !names.contains(name_of(it))));
    let closed = consequences.links.iter().filter(|link| link.closes());
    let changes = Changes {
        access: consequences.access,
        sessions_ended: ended.count() + consequences.admin_sessions,
        links_closed: closed.map(|link| link.organization.clone()).collect(),
        mails: consequences.mails + state.mail_tester.unsent(),
        gains: consequences.gains,
        loses: consequences.loses,
        warnings,
    };
    Ok(document(&Answer { changes, plan, counts }).into_response())
}

/// The name of a warning; `null` without one.
fn name_of(warning: &Value) -> &Value {
    warning.get("name").unwrap_or(&Value::Null)
}

/// What a dry run keeps of the response of a handler.
struct Parts {
    warnings: Vec<Value>,
    plan: Value,
    counts: Option<Counts>,
}

async fn parts_of(response: Response) -> Parts {
    let body = to_bytes(response.into_body(), LARGEST).await.unwrap_or_default();
    let mut body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut part = |name| body.get_mut(name).map(Value::take).unwrap_or_default();
    let warnings = match part("warnings") {
        Value::Array(warnings) => warnings,
        _ => Vec::new(),
    };
    let counts = serde_json::from_value(part("counts")).ok();
    Parts { warnings, plan: part("plan"), counts }
}
