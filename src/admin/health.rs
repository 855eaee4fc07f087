//! Probes for whoever looks after the process.

use std::time::Duration;

use axum::extract::State;
use http::StatusCode;

use super::AdminState;
use super::answer::{Answer, shown};
use super::problem::Problem;

/// How long the store may take to answer a probe.
const STORE_ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// 200 as long as anything is answered at all.
pub(super) async fn alive() -> Answer {
    shown(&serde_json::json!({ "status": "alive" }))
}

/// 200 when requests can be decided: the store answers, and what it told is fresh (I2).
pub(super) async fn ready(State(admin): State<AdminState>) -> Answer {
    let asked = tokio::time::timeout(STORE_ANSWERS_WITHIN, admin.feed.store().head()).await;
    let detail = if !matches!(asked, Ok(Ok(_))) {
        "the store does not answer"
    } else if !admin.feed.fresh(admin.max_staleness) {
        "changes in the store have not been confirmed for too long"
    } else {
        return shown(&serde_json::json!({ "status": "ready" }));
    };
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", detail))
}
