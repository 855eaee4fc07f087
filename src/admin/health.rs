//! Liveness and readiness probes.
//!
//! A process that is not alive should be restarted; one that is not ready should get no requests.

use std::time::Duration;

use http::StatusCode;
use serde::Serialize;

use super::parts::{Part, Parts};
use super::problem::Problem;
use super::response::{ApiResult, Document, document};
use super::scoped::Unauthenticated;
use super::state::AdminState;
use crate::clock;

/// How long the readiness probe waits for the store.
const STORE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long it waits for a connection to each of the portal's servers.
const PORTAL_PATIENCE: Duration = Duration::from_millis(500);

/// What the liveness probe found.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(super) struct Health {
    /// `alive`
    status: &'static str,
}

/// What the readiness probe found.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Readiness")]
pub(super) struct Ready {
    /// `ready`
    status: &'static str,
    parts: Parts,
}

/// 200 whenever the process can respond.
pub(super) async fn alive() -> ApiResult<Document<Health>> {
    document(&Health { status: "alive" })
}

/// 200 when requests can be decided: the store responds, and cached state is fresh (I2). Otherwise
/// 503. Both name the state of each part.
pub(super) async fn ready(Unauthenticated(admin): Unauthenticated) -> ApiResult<Document<Ready>> {
    let parts = admin.parts().await;
    match parts.store.detail {
        None => document(&Ready { status: "ready", parts }),
        Some(detail) => {
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", detail);
            Err(problem.with_parts(Box::new(parts)))
        }
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

    async fn parts(&self) -> Parts {
        let (not_ready, portal) = tokio::join!(self.not_ready(), self.portal());
        let policy = match self.directory.reloads().last().problems {
            Some(_) => Part::warning("the policy files have errors; an earlier policy is in force"),
            None => Part::OK,
        };
        Parts {
            store: not_ready.map_or(Part::OK, Part::failed),
            policy,
            portal,
            mail: if not_ready.is_none() { self.mail().await } else { Part::OK },
            certificate: self.certificate(),
        }
    }

    async fn portal(&self) -> Part {
        let servers = self.portal_servers.statuses(PORTAL_PATIENCE).await;
        let down = servers.iter().filter(|server| server.error.is_some()).count();
        match down {
            0 => Part::OK,
            _ if down == servers.len() => Part::failed("no server accepts connections"),
            _ => Part::warning("some servers do not accept connections"),
        }
    }

    async fn mail(&self) -> Part {
        match self.mail.count("failed").await {
            Ok(0) => Part::OK,
            Ok(_) => Part::warning("emails have failed"),
            Err(_) => Part::failed("the queue cannot be read"),
        }
    }

    fn certificate(&self) -> Part {
        let now = clock::now();
        let all = self.certificates.all();
        if all.iter().any(|certificate| certificate.expires <= now) {
            Part::failed("a certificate has expired")
        } else if self.certificates.warnings(now).is_empty() {
            Part::OK
        } else {
            Part::warning("a certificate expires soon, or its new files could not be read")
        }
    }
}
