//! Liveness and readiness probes.
//!
//! A process that is not alive should be restarted; one that is not ready should get no requests.

use std::time::Duration;

use http::StatusCode;
use serde::Serialize;

use super::problem::Problem;
use super::response::{ApiResult, Document, document};
use super::scoped::Unauthenticated;
use super::state::AdminState;

/// How long the readiness probe waits for the store.
const STORE_TIMEOUT: Duration = Duration::from_secs(2);

/// What a probe found.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(super) struct Health {
    /// `alive` or `ready`.
    status: &'static str,
}

/// 200 whenever the process can respond.
pub(super) async fn alive() -> ApiResult<Document<Health>> {
    document(&Health { status: "alive" })
}

/// 200 when requests can be decided: the store responds, and cached state is fresh (I2). Otherwise
/// 503.
pub(super) async fn ready(Unauthenticated(admin): Unauthenticated) -> ApiResult<Document<Health>> {
    match admin.not_ready().await {
        None => document(&Health { status: "ready" }),
        Some(detail) => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", detail)),
    }
}

impl AdminState {
    /// Why requests cannot be decided; `None` if they can.
    pub async fn not_ready(&self) -> Option<&'static str> {
        let answer = tokio::time::timeout(STORE_TIMEOUT, self.directory.check_store()).await;
        if !matches!(answer, Ok(Ok(_))) {
            Some("the store does not respond")
        } else if !self.freshness.fresh(self.max_staleness) {
            Some("cached state is older than `store.max_staleness`")
        } else {
            None
        }
    }
}
