//! `policy/trials`: trials of the portal, what was seen in them, and the routes that are proposed for it.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body as ResponseBody;
use http::{Method, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use super::request::{Body, Id, NewRecord};
use super::response::{
    self, ApiResult, Document, Issued, NoContent, Toml, document, issued, no_content,
};
use super::scoped::State;
use super::state::AdminState;
use crate::clock;
use crate::directory::OrganizationId;
use crate::directory::access::trials::{NewTrial, TrialState, USUAL_MINUTES};
use crate::directory::records::{Stored, Trial, TrialId, TrialRow};
use crate::web::paths;
use portcullis_policy::{Policy, Proposal, RequestFacts, RequestTarget, SeenRequest, route_for};

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewTrial")]
pub(super) struct Asked {
    /// The id of the organization whose portal is tried; may be left out if there is only one.
    organization: Option<OrganizationId>,
    /// How long the trial lasts once its link was opened; by default 30.
    #[schemars(range(min = 1, max = 60))]
    minutes: Option<u8>,
    /// Why, for the audit log: 1 to 500 characters on one line.
    reason: String,
}

/// A link that works once. This response is the only place where it appears.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "TrialLink")]
pub(super) struct TrialLink {
    /// The trial.
    id: TrialId,
    /// The URL to open in the browser that is to have the trial.
    url: String,
    /// When the link expires if it is not opened.
    expires: Timestamp,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "TrialList")]
pub(super) struct Trials {
    items: Vec<TrialView>,
    /// Always `null`: the list is complete.
    next: Option<()>,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Trial")]
struct TrialView {
    id: TrialId,
    organization: OrganizationId,
    /// `waiting` for its link to be opened, `running`, or `ended`.
    state: TrialState,
    /// Who asked for it: a login, `token:NAME` or `socket`.
    actor: String,
    /// Why, as it was given.
    reason: String,
    minutes: u8,
    created: Timestamp,
    /// When its link was opened.
    opened: Option<Timestamp>,
    /// When it ends, or would have ended; `null` before it was opened.
    ends: Option<Timestamp>,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "TrialWithRequests")]
pub(super) struct Shown {
    #[serde(flatten)]
    trial: TrialView,
    /// What was seen, the most frequent requests first.
    seen: Vec<SeenView>,
    /// How many requests are not among them, because there were too many different ones.
    others: u64,
}

/// Requests with the same method, host and path.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "SeenRequests")]
struct SeenView {
    host: String,
    method: String,
    /// The path, with variables in place of numbers, UUIDs, dates and values that look random.
    path: String,
    websocket: bool,
    /// The names of query parameters.
    query: BTreeSet<String>,
    /// How many responses of the portal had each status.
    statuses: BTreeMap<u16, u64>,
    /// The media types of the responses.
    types: BTreeSet<String>,
    /// What the responses were: `page`, `asset`, `data` or `other`.
    content: BTreeSet<&'static str>,
    requests: u64,
    first: Timestamp,
    last: Timestamp,
    /// The name of the route that the policy in force has for them; `null` if it has none.
    route: Option<String>,
}

pub(super) async fn start(
    State(admin): State<AdminState>,
    NewRecord(change): NewRecord,
    Body(Asked { organization, minutes, reason }): Body<Asked>,
) -> ApiResult<Issued<TrialLink>> {
    let new = NewTrial { organization, minutes: minutes.unwrap_or(USUAL_MINUTES), reason };
    let (id, link) = admin.directory.trials().request(&new, &change).await?;
    let url = paths::view_link(admin.public_url.as_str(), link.token.expose());
    issued(&TrialLink { id, url, expires: link.expires })
}

pub(super) async fn list(State(admin): State<AdminState>) -> ApiResult<Document<Trials>> {
    let trials = admin.directory.trials().list(clock::now()).await?;
    let items = trials.into_iter().map(TrialView::from).collect();
    document(&Trials { items, next: None })
}

pub(super) async fn show(
    State(admin): State<AdminState>,
    Id(id): Id,
) -> ApiResult<Document<Shown>> {
    let (trial, rows) = admin.trial(&TrialId::from(id)).await?;
    let others = trial.0.doc.others;
    let snapshot = admin.directory.snapshot();
    let seen = rows.into_iter().map(|row| SeenView::of(row, snapshot.policy())).collect();
    document(&Shown { trial: trial.into(), seen, others })
}

pub(super) async fn stop(
    State(admin): State<AdminState>,
    NewRecord(change): NewRecord,
    Id(id): Id,
) -> ApiResult<NoContent> {
    admin.directory.trials().end(&TrialId::from(id), &change).await?;
    no_content()
}

pub(super) async fn proposal(State(admin): State<AdminState>, Id(id): Id) -> ApiResult<Toml> {
    let (_, rows) = admin.trial(&TrialId::from(id)).await?;
    let snapshot = admin.directory.snapshot();
    let policy = snapshot.policy();
    let mut proposal = Proposal::default();
    for row in rows {
        // What the portal refused or does not have is no reason for a route.
        let is_good = |status: u16| {
            StatusCode::from_u16(status)
                .is_ok_and(|status| !status.is_client_error() && !status.is_server_error())
        };
        let statuses: Vec<_> =
            row.statuses.iter().map(|(status, count)| (*status, *count)).collect();
        if !statuses.iter().any(|(status, _)| is_good(*status)) {
            continue;
        }
        let query: Vec<_> = row.query.iter().map(String::as_str).collect();
        let contents: Vec<_> = contents(&row.types).into_iter().collect();
        proposal.add(
            policy,
            &SeenRequest {
                host: &row.host,
                method: &row.method,
                path: &row.path,
                query: &query,
                websocket: row.websocket,
                contents: &contents,
                statuses: &statuses,
            },
        );
    }
    response::toml(ResponseBody::from(proposal.to_toml(policy.catalogue())))
}

impl AdminState {
    /// A trial, and what was seen in it so far, the most frequent requests first.
    async fn trial(
        &self,
        id: &TrialId,
    ) -> Result<((Stored<Trial>, TrialState), Vec<TrialRow>), Problem> {
        let now = clock::now();
        self.authz.trial_log().write(now).await?;
        let trial = self.directory.trials().show(id, now).await?;
        let mut rows = self.directory.trials().rows(id).await?;
        rows.sort_by(|a, b| (&a.path, &a.method).cmp(&(&b.path, &b.method)));
        rows.sort_by_key(|row| std::cmp::Reverse(row.requests));
        Ok((trial, rows))
    }
}

impl From<(Stored<Trial>, TrialState)> for TrialView {
    fn from((Stored { id, doc, .. }, state): (Stored<Trial>, TrialState)) -> Self {
        let ends = doc.opened.map(|_| doc.ends());
        let Trial { organization, staff, reason, minutes, created, opened, others: _ } = doc;
        let actor = staff.name();
        Self { id, organization, state, actor, reason, minutes, created, opened, ends }
    }
}

impl SeenView {
    fn of(row: TrialRow, policy: &Policy) -> Self {
        let route = route_of(&row, policy);
        let TrialRow {
            trial: _,
            host,
            method,
            path,
            websocket,
            query,
            statuses,
            types,
            requests,
            first,
            last,
        } = row;
        let content = contents(&types);
        Self {
            host,
            method,
            path,
            websocket,
            query,
            statuses,
            types,
            content,
            requests,
            first,
            last,
            route,
        }
    }
}

/// The route for such requests, without a query.
fn route_of(row: &TrialRow, policy: &Policy) -> Option<String> {
    let target = RequestTarget::parse(&portcullis_policy::example_of(&row.path)).ok()?;
    let method = Method::from_bytes(row.method.as_bytes()).ok()?;
    let facts = RequestFacts::new(&row.host, &method, &target);
    route_for(policy, &facts).map(|route| route.name().to_owned())
}

/// What responses of these media types are.
fn contents(types: &BTreeSet<String>) -> BTreeSet<&'static str> {
    let content = |media_type: &String| match media_type.split_once('/') {
        Some(("text", "html")) | Some(("application", "xhtml+xml")) => "page",
        Some(("image" | "font" | "audio" | "video", _))
        | Some(("text", "css" | "javascript"))
        | Some(("application", "javascript" | "wasm" | "manifest+json")) => "asset",
        Some((_, kind)) if kind.ends_with("json") || kind.ends_with("xml") => "data",
        Some(("text", "event-stream")) => "data",
        _ => "other",
    };
    types.iter().map(content).collect()
}
