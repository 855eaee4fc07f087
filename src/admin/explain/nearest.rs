//! The routes that were meant if none applies.

use std::sync::Arc;

use http::Method;
use serde::Serialize;

use crate::authz::{AccessRequest, Outcome};
use crate::directory::Snapshot;
use portcullis_policy::{Exclusion, RequestTarget, Route};

/// How many routes are proposed where none matches.
const NEAREST: usize = 3;

/// A route that was probably meant.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(super) struct NearRoute<'a> {
    name: &'a str,
    pub(super) methods: Vec<&'a str>,
    pub(super) path: &'a str,
    file: &'a str,
    line: usize,
}

/// The route that applies but for its `except`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(super) struct ExcludedBy<'a> {
    name: &'a str,
    pub(super) pattern: String,
    pub(super) path: &'a str,
    pub(super) file: &'a str,
    pub(super) line: usize,
}

/// The routes that were probably meant, if none applies.
pub(super) fn nearest<'a>(
    outcome: &Outcome<'_>,
    target: &RequestTarget,
    snapshot: &'a Snapshot,
) -> Vec<NearRoute<'a>> {
    if !["no-route", "method-not-allowed", "query-not-allowed"].contains(&outcome.reason()) {
        return Vec::new();
    }
    let routes = snapshot.policy().nearest_routes(target.path(), NEAREST);
    let view = |route: &'a Arc<Route>| NearRoute {
        name: route.name(),
        methods: route.methods().iter().map(Method::as_str).collect(),
        path: route.path().as_str(),
        file: route.file(),
        line: route.line(),
    };
    routes.into_iter().map(view).collect()
}

/// The route whose `except` is the reason that none applies.
pub(super) fn excluded_by<'a>(
    outcome: &Outcome<'_>,
    (host, request): (&str, &AccessRequest),
    snapshot: &'a Snapshot,
) -> Option<ExcludedBy<'a>> {
    if outcome.reason() != "no-route" {
        return None;
    }
    let path = request.target().path();
    let Exclusion { route, pattern } = snapshot.policy().exclusion(host, request.method(), path)?;
    Some(ExcludedBy {
        name: route.name(),
        pattern,
        path: route.path().as_str(),
        file: route.file(),
        line: route.line(),
    })
}
