//! `explain`: what would be decided about a request, and why.
//!
//! The [authorizer](crate::authz) decides, as for a request that comes in, for a session as it would
//! be now. Nothing is forwarded and no session starts. What depends on headers is not checked.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use http::Method;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::policy::access;
use super::problem::Problem;
use super::request::{Body, Params};
use super::response::{ApiResult, document};
use super::state::AdminState;
use crate::authz::Question;
use crate::clock;
use crate::directory::{DirectoryError, Snapshot};
use crate::session::subject;
use portcullis_policy::{Policy, RequestLine, Subject};

/// The request to explain. Exactly one of the first four fields names the subject.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// A portal user's login, or id.
    user: Option<String>,
    /// The organization whose secure link was opened.
    link: Option<String>,
    /// A member of the group with this id.
    group: Option<String>,
    /// `true`: a visitor without a session.
    anonymous: Option<bool>,
    /// With `group`: the organization of that member.
    organization: Option<String>,
    method: String,
    target: String,
    /// The host, by default that of the public URL.
    host: Option<String>,
    /// Whether the request asks to become a WebSocket.
    websocket: Option<bool>,
    /// The client's address.
    address: Option<IpAddr>,
    /// Of a CORS preflight: the method that it asks about.
    preflight: Option<String>,
}

/// The decision.
#[derive(Debug, Serialize)]
struct Explanation<'a> {
    decision: &'static str,
    reason: &'static str,
    route: Option<&'a str>,
    /// `public`, `signed-in`, `deny`; `all` or `any` when the route needs permissions.
    access: Option<&'static str>,
    needed: Vec<&'a str>,
    held: Vec<&'a str>,
    session: Option<Session<'a>>,
    /// How the portal might read the path, if that is the reason.
    reading: Option<Reading<'a>>,
    policy: &'a str,
}

/// Another reading of the path, and the decision about it.
#[derive(Debug, Serialize)]
struct Reading<'a> {
    /// What a portal must do to the path; empty when there are too many readings to check.
    readings: Vec<&'static str>,
    route: Option<&'a str>,
    reason: &'static str,
}

/// The session that the decision is about.
#[derive(Debug, Serialize)]
struct Session<'a> {
    kind: &'static str,
    organization: &'a str,
    user: Option<&'a str>,
    login: Option<&'a str>,
    group: &'a str,
}

pub(super) async fn by_query(
    State(admin): State<AdminState>,
    Params(input): Params<Input>,
) -> ApiResult {
    explain(&admin, input, clock::now()).await
}

pub(super) async fn by_body(
    State(admin): State<AdminState>,
    Body(input): Body<Input>,
) -> ApiResult {
    explain(&admin, input, clock::now()).await
}

async fn explain(admin: &AdminState, input: Input, now: Timestamp) -> ApiResult {
    let method = Method::from_bytes(input.method.as_bytes())
        .map_err(|_| Problem::invalid("method", "is not an HTTP method"))?;
    let preflight = match &input.preflight {
        Some(asked) => Some(
            Method::from_bytes(asked.as_bytes())
                .map_err(|_| Problem::invalid("preflight", "is not an HTTP method"))?,
        ),
        None => None,
    };
    let snapshot = Arc::clone(&admin.authz.snapshot());
    let policy = &**snapshot.policy();
    let subject = subject(admin, &snapshot, &input).await?;
    let mut explanation = Explanation {
        decision: "bad-request",
        reason: "",
        route: None,
        access: None,
        needed: Vec::new(),
        held: held(policy, subject.as_ref()),
        session: subject.as_ref().map(Session::of),
        reading: None,
        policy: policy.version(),
    };
    let host = match &input.host {
        Some(host) => host,
        None => &admin.public_url.host().to_string(),
    };
    let question = Question {
        line: RequestLine::from_text(&method, &input.target, host),
        forwarded_host: None,
        websocket: input.websocket.unwrap_or(false),
        client: input.address,
        preflight,
    };
    let request = match admin.authz.read(&question) {
        Ok(request) => request,
        Err(bad) => return document(&Explanation { reason: bad.as_str(), ..explanation }),
    };
    let outcome = admin.authz.evaluate(&request, subject.as_ref(), &snapshot, now);
    explanation.decision = outcome.name();
    explanation.reason = outcome.reason();
    explanation.reading = outcome.reading().map(|reading| Reading {
        readings: reading.readings().names().collect(),
        route: reading.route().map(|route| route.name()),
        reason: reading.reason().as_str(),
    });
    if let Some(route) = outcome.route() {
        explanation.route = Some(route.name());
        explanation.access = Some(access(route));
        explanation.needed = policy.catalogue().ids(route.permissions()).collect();
    }
    document(&explanation)
}

/// The subject of the session; `None` without a session, and for a secure link that leads to the
/// sign-in page now (R12).
async fn subject(
    admin: &AdminState,
    snapshot: &Snapshot,
    input: &Input,
) -> Result<Option<Subject>, Problem> {
    let anonymous = input.anonymous.unwrap_or(false);
    if input.organization.is_some() && input.group.is_none() {
        return Err(Problem::invalid("organization", "can be used only with `group`"));
    }
    match (&input.user, &input.link, &input.group, anonymous) {
        (Some(user), None, None, false) => of_user(admin, snapshot, user).await.map(Some),
        (None, Some(organization), None, false) => of_link(admin, snapshot, organization).await,
        (None, None, Some(group), false) => {
            of_group(snapshot, group, input.organization.as_deref()).map(Some)
        }
        (None, None, None, true) => Ok(None),
        _ => {
            let message = "name exactly one of `user`, `link`, `group` and `anonymous`";
            Err(Problem::invalid("user", message))
        }
    }
}

async fn of_user(
    admin: &AdminState,
    snapshot: &Snapshot,
    login_or_id: &str,
) -> Result<Subject, Problem> {
    let id = match admin.directory.users().with_login(login_or_id).await {
        Ok(user) => user.id,
        Err(DirectoryError::NotFound { .. }) => login_or_id.into(),
        Err(error) => return Err(error.into()),
    };
    let Some(user) = admin.directory.user(&id).await? else {
        return Err(Problem::not_found("portal user", login_or_id));
    };
    subject::of_user(&user, user.password_generation, snapshot, Timestamp::MAX).ok_or_else(|| {
        let message = "this portal user has no password yet, so cannot sign in; \
                       use `group` or `anonymous` instead";
        Problem::invalid("user", message)
    })
}

async fn of_link(
    admin: &AdminState,
    snapshot: &Snapshot,
    organization: &str,
) -> Result<Option<Subject>, Problem> {
    let Some(facts) = admin.directory.organization(&organization.into()).await? else {
        return Err(Problem::not_found("organization", organization));
    };
    Ok(subject::of_link(&facts, facts.link_generation, snapshot, Timestamp::MAX))
}

fn of_group(snapshot: &Snapshot, id: &str, organization: Option<&str>) -> Result<Subject, Problem> {
    let organization = Arc::from(organization.unwrap_or_default());
    subject::of_group(id, organization, snapshot, Timestamp::MAX)
        .ok_or_else(|| Problem::not_found("group", id))
}

fn held<'a>(policy: &'a Policy, subject: Option<&Subject>) -> Vec<&'a str> {
    let catalogue = policy.catalogue();
    subject.map_or_else(Vec::new, |subject| catalogue.ids(subject.held(catalogue)).collect())
}

impl<'a> Session<'a> {
    fn of(subject: &'a Subject) -> Self {
        Self {
            kind: subject.kind.name(),
            organization: &subject.organization,
            user: subject.user.as_deref(),
            login: subject.login.as_deref(),
            group: &subject.group,
        }
    }
}
