//! `permissions`, `routes` and `policy/reload`: the policy in force.

use serde::Serialize;

use super::request::{NewRecord, NoFields, OptionalBody};
use super::response::{ApiResult, Document, List, document};
use super::scoped::State;
use super::state::AdminState;
use crate::authz::access;
use crate::directory::consequences::groups_that_reach;
use crate::directory::{Hits, Snapshot};
use portcullis_policy::{Route, Upstream};

#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Permission")]
pub(super) struct PermissionView<'a> {
    id: &'a str,
    name: &'a str,
    identity: bool,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Route")]
pub(super) struct RouteView<'a> {
    name: &'a str,
    methods: Vec<&'a str>,
    path: &'a str,
    hosts: Vec<String>,
    access: &'static str,
    permissions: Vec<&'a str>,
    organization: Option<&'a str>,
    on_deny: Option<&'a str>,
    websocket: bool,
    body: bool,
    cross_origin: bool,
    tokens: bool,
    /// Whether staff that views the portal or acts as a user may send its requests: `allowed` or
    /// `never`.
    staff: &'static str,
    upstream: Option<&'a str>,
    file: &'a str,
    line: usize,
    hits: Hits,
    /// The ids of the groups whose members reach it, apart from conditions on the request. A route
    /// with `access = "public"` is reached without a group too.
    groups: Vec<&'a str>,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(super) struct Reloaded<'a> {
    version: &'a str,
    routes: usize,
}

pub(super) async fn permissions(
    State(admin): State<AdminState>,
) -> ApiResult<Document<List<PermissionView<'static>>>> {
    let snapshot = admin.directory.snapshot();
    let items = snapshot.policy().catalogue().permissions().iter().map(|permission| {
        PermissionView { id: &permission.id, name: &permission.name, identity: permission.identity }
    });
    document(&items.collect::<List<_>>())
}

pub(super) async fn routes(
    State(admin): State<AdminState>,
) -> ApiResult<Document<List<RouteView<'static>>>> {
    let snapshot = admin.directory.snapshot();
    let policy = snapshot.policy();
    let items = policy.routes().iter().map(|route| view(route, &snapshot));
    document(&items.collect::<List<_>>())
}

pub(super) async fn reload(
    State(admin): State<AdminState>,
    NewRecord(change): NewRecord,
    OptionalBody(NoFields {}): OptionalBody<NoFields>,
) -> ApiResult<Document<Reloaded<'static>>> {
    (admin.reload)(admin.directory.clone(), change).await?;
    let snapshot = admin.directory.snapshot();
    let policy = snapshot.policy();
    document(&Reloaded { version: policy.version(), routes: policy.routes().len() })
}

fn view<'a>(route: &'a Route, snapshot: &'a Snapshot) -> RouteView<'a> {
    RouteView {
        name: route.name(),
        methods: route.methods().iter().map(http::Method::as_str).collect(),
        path: route.path().as_str(),
        hosts: route.hosts().iter().map(ToString::to_string).collect(),
        access: access(route),
        permissions: snapshot.policy().catalogue().ids(route.permissions()).collect(),
        organization: route.organization(),
        on_deny: route.on_deny(),
        websocket: route.websocket(),
        body: route.body(),
        cross_origin: route.cross_origin(),
        tokens: route.tokens(),
        staff: if route.refuses_staff() { "never" } else { "allowed" },
        upstream: route.upstream().map(Upstream::name),
        file: route.file(),
        line: route.line(),
        hits: snapshot.hits().of(route),
        groups: groups_that_reach(route, snapshot).collect(),
    }
}
