//! Liveness and readiness probes.
//!
//! A process that is not alive should be restarted; one that is not ready should get no requests.

use std::time::Duration;

use http::StatusCode;

use super::problem::Problem;
use super::response::{ApiResult, document};
use super::scoped::Unauthenticated;

/// How long the readiness probe waits for the store.
const STORE_TIMEOUT: Duration = Duration::from_secs(2);

/// 200 whenever the process can respond.
pub(super) async fn alive() -> ApiResult {
    document(&serde_json::json!({ "status": "alive" }))
}

/// 200 when requests can be decided: the store responds, and cached state is fresh (I2). Otherwise
/// 503.
pub(super) async fn ready(Unauthenticated(admin): Unauthenticated) -> ApiResult {
    let answer = tokio::time::timeout(STORE_TIMEOUT, admin.directory.check_store()).await;
    let detail = if !matches!(answer, Ok(Ok(_))) {
        "the store does not respond"
    } else if !admin.freshness.fresh(admin.max_staleness) {
        "cached state is older than `store.max_staleness`"
    } else {
        return document(&serde_json::json!({ "status": "ready" }));
    };
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", detail))
}
