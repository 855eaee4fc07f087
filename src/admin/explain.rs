//! `explain`: what would be decided about a request, and why.
//!
//! With a `reference`, what was decided about a request that was refused. Otherwise the [authorizer](crate::authz) decides, as for a request that comes in, for a session as it would
//! be now. Nothing is forwarded and no session starts. What depends on headers is not checked. The
//! sentence and the names are for people; programs read the other fields.

mod asked;
mod nearest;
mod reference;
mod sentence;
mod session;

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;
use jiff::Timestamp;
use serde::Serialize;

use self::asked::{Asked, Input, LinkView, UserView, Who};
use self::nearest::{ExcludedBy, NearRoute, excluded_by, nearest};
use self::reference::Reference;
use self::sentence::{Answer, Routes};
use self::session::Session;
use super::problem::Problem;
use super::request::{Body, Params};
use super::response::{ApiResult, Document, OneOf, document};
use super::scoped::State;
use super::state::AdminState;
use crate::authz::{AccessRequest, Authorizer, Outcome, Question, access, missing};
use crate::clock;
use crate::directory::Snapshot;
use portcullis_policy::{Catalogue, RequestLine, Route, Subject};

/// A decision now, or one about a refused request.
type Explained = OneOf<Explanation<'static>, Reference<'static>>;

/// The decision.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(super) struct Explanation<'a> {
    /// The decision and its reason in words.
    sentence: String,
    decision: &'static str,
    reason: &'static str,
    route: Option<&'a str>,
    /// `public`, `signed-in`, `deny`; `all` or `any` when the route needs permissions.
    access: Option<&'static str>,
    needed: Vec<&'a str>,
    held: Vec<&'a str>,
    /// Those of the needed permissions that are lacking. With `any`, one of them is enough.
    missing: Vec<&'a str>,
    session: Option<Session<'a>>,
    /// The user who was asked about.
    user: Option<UserView>,
    /// The secure link that was asked about.
    link: Option<LinkView>,
    /// What would be decided if the user could sign in and were not disabled: otherwise `null`.
    with_access: Option<WithAccess<'a>>,
    /// How the portal might read the path, if that is the reason.
    reading: Option<Reading<'a>>,
    /// If no route applies because one excludes the path: that route. Then none is proposed.
    excluded_by: Option<ExcludedBy<'a>>,
    /// If no route applies: those for the path, or for similar paths.
    nearest: Vec<NearRoute<'a>>,
    /// The names of all permissions and groups above, by their ids.
    names: BTreeMap<&'a str, &'a str>,
    policy: &'a str,
}

/// A decision about a session that cannot exist now.
#[derive(Debug, Serialize, schemars::JsonSchema)]
struct WithAccess<'a> {
    decision: &'static str,
    reason: &'static str,
    held: Vec<&'a str>,
    missing: Vec<&'a str>,
}

/// Another reading of the path, and the decision about it.
#[derive(Debug, Serialize, schemars::JsonSchema)]
struct Reading<'a> {
    /// What a portal must do to the path; empty when there are too many readings to check.
    readings: Vec<&'static str>,
    route: Option<&'a str>,
    reason: &'static str,
}

pub(super) async fn by_query(
    State(admin): State<AdminState>,
    Params(input): Params<Input>,
) -> ApiResult<Document<Explained>> {
    explain(&admin, input, clock::now()).await
}

pub(super) async fn by_body(
    State(admin): State<AdminState>,
    Body(input): Body<Input>,
) -> ApiResult<Document<Explained>> {
    explain(&admin, input, clock::now()).await
}

async fn explain(
    admin: &AdminState,
    input: Input,
    now: Timestamp,
) -> ApiResult<Document<Explained>> {
    if let Some(reference) = input.only_reference()? {
        return reference::explain(admin, reference, now).await.map(Document::second_of);
    }
    let (method, target) = input.request()?;
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| Problem::invalid("method", "is not an HTTP method"))?;
    let preflight = match &input.preflight {
        Some(asked) => Some(
            Method::from_bytes(asked.as_bytes())
                .map_err(|_| Problem::invalid("preflight", "is not an HTTP method"))?,
        ),
        None => None,
    };
    let snapshot = Arc::clone(&admin.authz.snapshot());
    let asked = asked::read(admin, &snapshot, &input).await?;
    let host = match &input.host {
        Some(host) => host,
        None => &admin.public_url.host().to_string(),
    };
    let question = Question {
        line: RequestLine::from_text(&method, target, host),
        forwarded_host: None,
        websocket: input.websocket.unwrap_or(false),
        client: input.address,
        preflight,
    };
    let mut explanation = Explanation::new(&snapshot, &asked);
    let line = format!("{method} {target}");
    match admin.authz.read(&question) {
        Ok(request) => {
            explanation.decide(&line, &request, (&admin.authz, &snapshot, now), &asked);
        }
        Err(bad) => {
            explanation.reason = bad.as_str();
            explanation.sentence = sentence::bad_request(&line, bad);
        }
    }
    explanation.add_names(&snapshot, &asked);
    document(&explanation).map(Document::first_of)
}

impl<'a> Explanation<'a> {
    /// Before anything is decided.
    fn new(snapshot: &'a Snapshot, asked: &'a Asked) -> Self {
        let policy = snapshot.policy();
        let (user, link) = match &asked.who {
            Who::User(user) => (Some(user.clone()), None),
            Who::Link(link) => (None, Some(link.clone())),
            Who::Group | Who::Anonymous => (None, None),
        };
        Self {
            sentence: String::new(),
            decision: "bad-request",
            reason: "",
            route: None,
            access: None,
            needed: Vec::new(),
            held: held(policy.catalogue(), asked.subject.as_ref()),
            missing: Vec::new(),
            session: asked.subject.as_ref().map(Session::of),
            user,
            link,
            with_access: None,
            reading: None,
            excluded_by: None,
            nearest: Vec::new(),
            names: BTreeMap::new(),
            policy: policy.version(),
        }
    }

    /// Adds what is decided, now and with access.
    fn decide(
        &mut self,
        line: &str,
        request: &AccessRequest,
        (authz, snapshot, now): (&Authorizer, &'a Snapshot, Timestamp),
        asked: &'a Asked,
    ) {
        let evaluate = |subject| authz.evaluate(request, subject, snapshot, now);
        let outcome = evaluate(asked.subject.as_ref());
        let catalogue = snapshot.policy().catalogue();
        self.decision = outcome.name();
        self.reason = outcome.reason();
        self.add_reading(&outcome, snapshot);
        let route = route_of(&outcome, snapshot);
        if let Some(route) = route {
            self.route = Some(route.name());
            self.access = Some(access(route));
            self.needed = catalogue.ids(route.permissions()).collect();
        }
        self.missing = catalogue.ids(missing(route, asked.subject.as_ref(), catalogue)).collect();
        let host = authz.host(request.host()).name();
        self.excluded_by = excluded_by(&outcome, (host, request), snapshot);
        if self.excluded_by.is_none() {
            self.nearest = nearest(&outcome, request.target(), snapshot);
        }
        let routes = Routes { excluded_by: self.excluded_by.as_ref(), nearest: &self.nearest };
        let answer = Answer { line, outcome: &outcome, subject: asked.subject.as_ref(), snapshot };
        self.sentence = sentence::of(&asked.who, &answer, routes);
        if let Some(subject) = &asked.with_access {
            let outcome = evaluate(Some(subject));
            let missing = missing(route_of(&outcome, snapshot), Some(subject), catalogue);
            let answer = Answer { line, outcome: &outcome, subject: Some(subject), snapshot };
            self.sentence = sentence::with_access(&asked.who, &answer, routes);
            self.with_access = Some(WithAccess {
                decision: outcome.name(),
                reason: outcome.reason(),
                held: held(catalogue, Some(subject)),
                missing: catalogue.ids(missing).collect(),
            });
        }
    }

    fn add_reading(&mut self, outcome: &Outcome<'_>, snapshot: &'a Snapshot) {
        self.reading = outcome.reading().map(|reading| Reading {
            readings: reading.readings().names().collect(),
            route: reading.route().and_then(|route| named(snapshot, route)).map(Route::name),
            reason: reading.reason().as_str(),
        });
    }

    fn add_names(&mut self, snapshot: &'a Snapshot, asked: &'a Asked) {
        let with_access = self.with_access.iter().flat_map(|with| &with.held);
        let used: Vec<&str> =
            self.needed.iter().chain(&self.held).chain(with_access).copied().collect();
        let permissions = snapshot.policy().catalogue().permissions().iter();
        let permissions = permissions
            .filter(|permission| used.contains(&&*permission.id))
            .map(|permission| (&*permission.id, &*permission.name));
        let subjects = asked.subject.iter().chain(&asked.with_access);
        let groups = subjects
            .filter_map(|subject| snapshot.group(&subject.group))
            .map(|group| (group.id().as_str(), group.name()));
        self.names = permissions.chain(groups).collect();
    }
}

/// The route that decided, as the snapshot has it.
fn route_of<'a>(outcome: &Outcome<'_>, snapshot: &'a Snapshot) -> Option<&'a Route> {
    outcome.route().and_then(|route| named(snapshot, route))
}

/// The outcome has a route of the same snapshot, but not for as long.
fn named<'a>(snapshot: &'a Snapshot, route: &Route) -> Option<&'a Route> {
    snapshot.policy().routes().get(route.position()).map(|route| &**route)
}

fn held<'a>(catalogue: &'a Catalogue, subject: Option<&Subject>) -> Vec<&'a str> {
    subject.map_or_else(Vec::new, |subject| catalogue.ids(subject.held(catalogue)).collect())
}
