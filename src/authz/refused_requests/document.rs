//! A refused request as it is kept.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::authz::Verdict;
use crate::authz::decision_record::Entry;
use crate::authz::requirement::{access, missing};
use portcullis_policy::Subject;

/// The longest text from outside, in characters. The rest is replaced by `…`.
const LONGEST: usize = 256;
/// The most permissions of a list.
const MOST_PERMISSIONS: usize = 32;

/// A refused request. As in the decision record, it has no query, cookie, token or body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedRequest {
    /// The request's id.
    pub reference: String,
    /// When the request arrived.
    pub time: Timestamp,
    /// The client's address.
    pub client: IpAddr,
    /// The method.
    pub method: String,
    /// The canonical path, or the target as it came; both without the query.
    pub target: String,
    /// `sign-in`, `deny`, `redirect`, `bad-request` or `unavailable`.
    pub decision: String,
    /// Why, from the closed list of reasons.
    pub reason: String,
    /// The route that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// What the route requires: `public`, `signed-in`, `deny`, `all` or `any`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<String>,
    /// The permissions that the route needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needed: Vec<String>,
    /// Those that the session lacked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// How the portal might have read the path, if that is the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<String>,
    /// The session; `None` for a visitor without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<RefusedSession>,
    /// The version of the policy; empty if it was not asked.
    pub policy: String,
}

/// The session of a refused request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedSession {
    /// How it began.
    pub kind: String,
    /// The organization's id.
    pub organization: String,
    /// The portal user's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The portal user's login at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// The group's id.
    pub group: String,
}

impl RefusedRequest {
    /// The request of a decision record, with what its verdict adds.
    pub(super) fn new(
        entry: &Entry<'_>,
        subject: Option<&Subject>,
        verdict: Option<&Verdict<'_>>,
    ) -> Self {
        let route = verdict.and_then(|verdict| verdict.outcome().route());
        let catalogue = verdict.map(|verdict| verdict.snapshot().policy().catalogue());
        let ids = |set| {
            let ids = catalogue.into_iter().flat_map(|catalogue| catalogue.ids(set));
            ids.take(MOST_PERMISSIONS).map(str::to_owned).collect()
        };
        Self {
            reference: entry.request.to_owned(),
            time: entry.time,
            client: entry.client,
            method: shortened(entry.method),
            target: shortened(entry.path.or(entry.target.as_deref()).unwrap_or_default()),
            decision: entry.decision.to_owned(),
            reason: entry.reason.to_owned(),
            route: route.map(|route| route.name().to_owned()),
            access: route.map(|route| access(route).to_owned()),
            needed: route.map(|route| ids(route.permissions())).unwrap_or_default(),
            missing: catalogue
                .map(|catalogue| ids(missing(route, subject, catalogue)))
                .unwrap_or_default(),
            reading: entry.reading.map(|reading| reading.to_string()),
            session: subject.map(RefusedSession::of),
            policy: entry.policy.to_owned(),
        }
    }
}

impl RefusedSession {
    fn of(subject: &Subject) -> Self {
        Self {
            kind: subject.kind.name().to_owned(),
            organization: subject.organization.to_string(),
            user: subject.user.as_deref().map(str::to_owned),
            login: subject.login.as_deref().map(shortened),
            group: subject.group.to_string(),
        }
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
