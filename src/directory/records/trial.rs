//! A trial of the portal: a session of the operator's staff that may have everything which is not
//! closed, and what was seen in it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::document::Document;
use super::id::{OrganizationId, TrialId, TrialRowId};
use super::kind;
use super::staff_member::StaffMember;
use portcullis_store::{Key, Kind};

/// The index of a trial's sessions and rows by its id.
const BY_TRIAL: &str = "trial";

/// A trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// The organization whose portal is tried.
    pub organization: OrganizationId,
    /// Who asked for it.
    pub staff: StaffMember,
    /// Why.
    pub reason: String,
    /// How long it lasts from when its link was opened.
    pub minutes: u8,
    /// When it was asked for.
    pub created: Timestamp,
    /// When its link was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened: Option<Timestamp>,
    /// How many requests are in no row, because there were too many rows.
    #[serde(default)]
    pub others: u64,
}

/// What the session of a trial remembers of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialSession {
    /// The trial.
    pub id: TrialId,
    /// When it ends at the latest.
    pub ends: Timestamp,
}

/// What was seen of requests with the same method, host and folded path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialRow {
    /// The trial.
    pub trial: TrialId,
    /// The name of the host.
    pub host: String,
    /// The method.
    pub method: String,
    /// The canonical path, with variables in place of what names a single thing.
    pub path: String,
    /// Whether they asked for a WebSocket.
    pub websocket: bool,
    /// The names of query parameters.
    pub query: BTreeSet<String>,
    /// The portal's statuses, and how many responses had each.
    pub statuses: BTreeMap<u16, u64>,
    /// The media types of the responses.
    pub types: BTreeSet<String>,
    /// The number of requests.
    pub requests: u64,
    /// When the first arrived.
    pub first: Timestamp,
    /// When the last arrived.
    pub last: Timestamp,
}

impl Trial {
    /// When the trial ends at the latest; of one that was not opened yet, when it would end now.
    #[must_use]
    pub fn ends(&self) -> Timestamp {
        let lasts = SignedDuration::from_mins(self.minutes.into());
        self.opened.unwrap_or(self.created).checked_add(lasts).unwrap_or(Timestamp::MAX)
    }

    /// The index key of its session and of its rows.
    #[must_use]
    pub fn key(id: &TrialId) -> Key {
        Key::new(BY_TRIAL, id.as_str())
    }
}

impl Document for Trial {
    type Id = TrialId;

    const KIND: Kind = kind::TRIAL;
}

impl Document for TrialRow {
    type Id = TrialRowId;

    const KIND: Kind = kind::TRIAL_ROW;

    fn index(&self) -> Vec<Key> {
        vec![Trial::key(&self.trial)]
    }
}
