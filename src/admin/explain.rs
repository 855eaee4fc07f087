//! `explain`: what would be decided about a request, and why.
//!
//! The gateway's own decision is asked about a session as it would be at this moment; nothing is
//! forwarded and no session is begun.

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
use crate::clock;
use crate::directory::{DirectoryError, Snapshot};
use crate::session::standing;
use portcullis_policy::{
    BadRequest, Host, Policy, RESERVED, RequestFacts, RequestLine, RequestTarget, Subject, decide,
};

/// Who asks for what; exactly one of the first four says who.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    /// A portal user's login, or id.
    user: Option<String>,
    /// The organization whose secure link was opened.
    link: Option<String>,
    /// Anybody in the group with this id.
    group: Option<String>,
    /// `true`: somebody without a session.
    anonymous: Option<bool>,
    /// With `group`: the organization of that somebody.
    organization: Option<String>,
    method: String,
    target: String,
    /// The host's name; the one of the public URL when left out.
    host: Option<String>,
    /// Whether the request wants to become a WebSocket.
    websocket: Option<bool>,
}

/// What is decided.
#[derive(Debug, Serialize)]
struct Explanation<'a> {
    decision: &'static str,
    reason: &'static str,
    route: Option<&'a str>,
    /// `public`, `signed-in`, `deny`, or whether `all` or `any` of what is needed are.
    access: Option<&'static str>,
    needed: Vec<&'a str>,
    held: Vec<&'a str>,
    session: Option<Session<'a>>,
    /// What the portal might read instead, if that is why it is denied.
    reading: Option<Reading<'a>>,
    policy: &'a str,
}

/// Another reading of the path, and what is decided about it.
#[derive(Debug, Serialize)]
struct Reading<'a> {
    /// What a portal must do to the path; nothing when there are too many readings to look at.
    readings: Vec<&'static str>,
    route: Option<&'a str>,
    reason: &'static str,
}

/// Whom it is decided for.
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
    Params(question): Params<Question>,
) -> ApiResult {
    explain(&admin, question, clock::now()).await
}

pub(super) async fn by_body(
    State(admin): State<AdminState>,
    Body(question): Body<Question>,
) -> ApiResult {
    explain(&admin, question, clock::now()).await
}

async fn explain(admin: &AdminState, question: Question, now: Timestamp) -> ApiResult {
    let method = Method::from_bytes(question.method.as_bytes())
        .map_err(|_| Problem::invalid("method", "is not the name of a method"))?;
    let snapshot = Arc::clone(&admin.directory.snapshot());
    let policy = &**snapshot.policy();
    let subject = subject(admin, &snapshot, &question).await?;
    let mut answer = Explanation {
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
    let (host, target) = match admin.read(&question, &method) {
        Ok(read) => read,
        Err(bad) => return document(&Explanation { reason: bad.as_str(), ..answer }),
    };
    if snapshot.preferences().disabled_redirect_url.is_some() {
        return document(&Explanation {
            decision: "redirect",
            reason: "portal-disabled",
            ..answer
        });
    }
    if target.path().starts_with(RESERVED) {
        if let Err(bad) = target.strict() {
            return document(&Explanation { reason: bad.as_str(), ..answer });
        }
        return document(&Explanation { decision: "page", reason: "own-page", ..answer });
    }
    let websocket = question.websocket.unwrap_or(false);
    let facts = RequestFacts { host: host.name(), method: &method, target: &target, websocket };
    let decision = decide(policy, subject.as_ref(), &facts, now);
    answer.decision = decision.name();
    answer.reason = decision.reason().as_str();
    answer.reading = decision.reading().map(|reading| Reading {
        readings: reading.readings().names().collect(),
        route: reading.route().map(|route| route.name()),
        reason: reading.reason().as_str(),
    });
    if let Some(route) = decision.route() {
        answer.route = Some(route.name());
        answer.access = Some(access(route));
        answer.needed = policy.catalogue().ids(route.permissions()).collect();
    }
    document(&answer)
}

impl AdminState {
    /// The host and the target, as the gateway reads them.
    fn read(
        &self,
        question: &Question,
        method: &Method,
    ) -> Result<(Host, RequestTarget), BadRequest> {
        let host = match &question.host {
            Some(host) => host,
            None => &self.public_url.host().to_string(),
        };
        let served = |line: &[u8]| {
            let text = std::str::from_utf8(line).map_err(|_| BadRequest::BadHost)?;
            let host = Host::parse(text).map_err(|_| BadRequest::BadHost)?;
            let ours = self.hosts.iter().any(|ours| ours.name() == host.name());
            if ours { Ok(host) } else { Err(BadRequest::UnknownHost) }
        };
        RequestLine::from_text(method, &question.target, host).read(served)
    }
}

/// Whose session it would be; none for somebody who has none, or whose link opens none now (R12).
async fn subject(
    admin: &AdminState,
    snapshot: &Snapshot,
    question: &Question,
) -> Result<Option<Subject>, Problem> {
    let anonymous = question.anonymous.unwrap_or(false);
    if question.organization.is_some() && question.group.is_none() {
        return Err(Problem::invalid("organization", "goes with `group` only"));
    }
    match (&question.user, &question.link, &question.group, anonymous) {
        (Some(user), None, None, false) => of_user(admin, snapshot, user).await.map(Some),
        (None, Some(organization), None, false) => of_link(admin, snapshot, organization).await,
        (None, None, Some(group), false) => {
            of_group(snapshot, group, question.organization.as_deref()).map(Some)
        }
        (None, None, None, true) => Ok(None),
        _ => {
            let message = "say who asks: one of `user`, `link`, `group` and `anonymous`";
            Err(Problem::invalid("user", message))
        }
    }
}

async fn of_user(admin: &AdminState, snapshot: &Snapshot, who: &str) -> Result<Subject, Problem> {
    let id = match admin.directory.user_with_login(who).await {
        Ok(user) => user.id,
        Err(DirectoryError::NotFound { .. }) => who.into(),
        Err(error) => return Err(error.into()),
    };
    let Some(user) = admin.directory.user(&id).await? else {
        return Err(Problem::not_found("portal user", who));
    };
    standing::of_user(&user, user.password_generation, snapshot, Timestamp::MAX).ok_or_else(|| {
        let message = "has no password, so nobody can be signed in as this portal user; \
                       ask about `group`, or about `anonymous`";
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
    Ok(standing::of_link(&facts, facts.link_generation, snapshot, Timestamp::MAX))
}

fn of_group(snapshot: &Snapshot, id: &str, organization: Option<&str>) -> Result<Subject, Problem> {
    let organization = Arc::from(organization.unwrap_or_default());
    standing::of_group(id, organization, snapshot, Timestamp::MAX)
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
