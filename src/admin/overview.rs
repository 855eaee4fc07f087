//! `overview`: what is well and what is not, for people who look at it all the time.
//!
//! Unlike `status`, it counts nothing by reading records, so it is as quick with a million users as
//! with ten. It connects to the portal's servers, but does not wait for them long.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::certificates::Certificate;
use super::problem::Problem;
use super::response::{ApiResult, Document, document};
use super::scoped::State;
use super::state::AdminState;
use super::status::{MailCounts, PortalStatus};
use crate::authz::refused_requests::RefusedRequest;
use crate::clock;
use crate::directory::records::UserStatus;
use crate::directory::warning::Warning;

/// How long a server of the portal may take to accept a connection.
const PORTAL_PATIENCE: Duration = Duration::from_millis(500);
/// How far back refused requests are looked at.
const RECENT: SignedDuration = SignedDuration::from_hours(24);
/// How many of them, of sessions and of visitors each.
const MOST_REFUSALS: usize = 200;

/// The gateway as it is now.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(super) struct Overview<'a> {
    version: &'static str,
    public_url: &'a str,
    started: Timestamp,
    /// Why requests cannot be decided; `null` if they can.
    not_ready: Option<&'static str>,
    policy: PolicyInForce<'a>,
    portal: PortalStatus<'a>,
    mail: MailCounts,
    certificates: Vec<Certificate>,
    organizations: u64,
    /// Portal users, disabled ones included.
    users: u64,
    /// The refused requests of the last 24 hours by reason, the latest first: at most the last 200 of
    /// sessions and the last 200 of visitors without one.
    refusals: Vec<Refusals>,
    warnings: Vec<Warning>,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
struct PolicyInForce<'a> {
    version: &'a str,
    /// Since when it is in force.
    loaded: Timestamp,
    permissions: usize,
    routes: usize,
}

/// Requests that were refused for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
struct Refusals {
    decision: String,
    reason: String,
    requests: u64,
    /// When the last one was refused.
    last: Timestamp,
    /// The reference of the last one.
    reference: String,
}

pub(super) async fn show(
    State(admin): State<AdminState>,
) -> ApiResult<Document<Overview<'static>>> {
    let now = clock::now();
    let snapshot = admin.directory.snapshot();
    let policy = snapshot.policy();
    let portal = admin.portal_status(&snapshot, PORTAL_PATIENCE).await;
    let mail = admin.mail_counts().await?;
    let warnings = admin.warnings((&portal, &mail), &snapshot, now).await?;
    let since = now.checked_sub(RECENT).unwrap_or(now);
    let refused = admin.authz.refused_requests().recent(since, MOST_REFUSALS).await?;
    document(&Overview {
        version: env!("CARGO_PKG_VERSION"),
        public_url: admin.public_url.as_str(),
        started: admin.started,
        not_ready: admin.not_ready().await,
        policy: PolicyInForce {
            version: policy.version(),
            loaded: admin.directory.reloads().last().loaded,
            permissions: policy.catalogue().permissions().len(),
            routes: policy.routes().len(),
        },
        portal,
        mail,
        certificates: admin.certificates.all(),
        organizations: admin.organization_count().await?,
        users: admin.user_count().await?,
        refusals: by_reason(&refused),
        warnings,
    })
}

/// Refused requests by decision and reason, the latest first.
fn by_reason(refused: &[RefusedRequest]) -> Vec<Refusals> {
    let mut found: BTreeMap<(&str, &str), Refusals> = BTreeMap::new();
    for RefusedRequest { decision, reason, time, reference, .. } in refused {
        let of_reason = found.entry((decision, reason)).or_insert_with(|| Refusals {
            decision: decision.clone(),
            reason: reason.clone(),
            requests: 0,
            last: *time,
            reference: reference.clone(),
        });
        of_reason.requests += 1;
        if *time > of_reason.last {
            of_reason.last = *time;
            of_reason.reference.clone_from(reference);
        }
    }
    let mut found: Vec<_> = found.into_values().collect();
    found.sort_by_key(|of_reason| std::cmp::Reverse(of_reason.last));
    found
}

impl AdminState {
    async fn user_count(&self) -> Result<u64, Problem> {
        let users = self.directory.users();
        let mut all = 0;
        for status in [UserStatus::Active, UserStatus::Invited, UserStatus::NoPassword] {
            all += users.count(status).await?;
        }
        Ok(all)
    }
}
