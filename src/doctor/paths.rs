//! Which paths are asked for at the public URL.

use portcullis_policy::{Access, Policy};

use super::deployment::Deployment;
use crate::random;

/// The most routes that are probed.
const MAX_ROUTES: usize = 12;

/// A path that no portal has.
pub(super) fn unused_path() -> String {
    format!("/portcullis-doctor-{}", data_encoding::HEXLOWER.encode(&random::bytes::<6>()))
}

/// Paths that are not open without a session: one without a route, and those of routes.
pub(super) fn closed_paths(deployment: &Deployment<'_>) -> Vec<String> {
    let mut paths = deployment.policy().map(closed_routes).unwrap_or_default();
    paths.insert(0, unused_path());
    // Without a policy, the operator says that these are closed.
    if deployment.policy().is_none() {
        paths.extend(deployment.paths.iter().cloned());
    }
    paths
}

/// Examples of routes for GET on every host that are not public.
fn closed_routes(policy: &Policy) -> Vec<String> {
    let closed = policy.routes().iter().filter(|route| {
        !matches!(route.access(), Access::Public)
            && route.methods().contains(&http::Method::GET)
            && route.hosts().is_empty()
    });
    closed.filter_map(|route| Some(route.example()?.1)).take(MAX_ROUTES).collect()
}
