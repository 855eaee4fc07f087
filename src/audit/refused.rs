//! Entries about refusals, lockouts and opened secure links, which anyone can cause.
//!
//! They are counted as they happen ([`refused`]). The first of a series is written at once, those that
//! follow when the minute ends or the log is read, and all when the gateway stops. A kill of the process
//! loses how many followed, and firsts that wait for the store; the program's log has them.

use portcullis_store::StoreError;
use serde_json::{Map, Value};

use super::log::AuditLog;
use crate::directory::records::audit::{Occurrence, Subject};
use crate::directory::{Actor, Change};
use crate::telemetry::events::refused::{self, Refused, Series};

impl AuditLog {
    /// Adds the entries about what was refused and locked since the last time.
    ///
    /// # Errors
    /// When the store is unavailable; they are kept for the next time.
    pub async fn add_refused(&self) -> Result<(), StoreError> {
        self.add(refused::take()).await
    }

    /// Adds the entries about the first of each series.
    ///
    /// # Errors
    /// As [`Self::add_refused`].
    pub async fn add_first_refused(&self) -> Result<(), StoreError> {
        self.add(refused::take_new()).await
    }

    /// The same as [`Self::add_refused`] at the end of a minute: the next refusal of each series is its
    /// first again.
    ///
    /// # Errors
    /// As [`Self::add_refused`].
    pub async fn end_minute_of_refused(&self) -> Result<(), StoreError> {
        self.add(refused::end_minute()).await
    }

    async fn add(&self, series: Vec<Series>) -> Result<(), StoreError> {
        if series.is_empty() {
            return Ok(());
        }
        let added = self.records.append(series.iter().filter_map(entry).collect()).await;
        if added.is_err() {
            refused::put_back(series);
        }
        added
    }
}

/// The entry about a series. `None` for an event that is not in the log.
fn entry(series: &Series) -> Option<(Change, Occurrence)> {
    let Series { refused, count, first, last, lockout } = series;
    let Refused { event, kind, cause, client, user, organization, token, .. } = refused;
    let (entry_kind, by) = match *event {
        "sign-in-refused" => ("user.sign-in-refused", "sign-in"),
        "second-factor-refused" => ("user.second-factor-refused", "sign-in"),
        "administrator-sign-in-refused" => ("administrator.sign-in-refused", "sign-in"),
        "link-opened" => ("link.opened", "secure link"),
        "link-refused" => ("link.refused", "secure link"),
        "one-time-link-refused" => ("one-time-link.refused", "one-time link"),
        "reset-refused" => ("reset.refused", "password reset"),
        "token-refused" => ("user-token.refused", "token"),
        "api-token-refused" => ("token.refused", "token"),
        "request-refused" => ("request.refused", "admin API"),
        "locked" => ("lockout.started", "lockout"),
        _ => return None,
    };
    let mut after = Map::new();
    let mut add = |name: &str, value: Value| drop(after.insert(name.to_owned(), value));
    match (lockout, *event) {
        (Some((failures, until)), _) => {
            add("failures", (*failures).into());
            add("until", until.to_string().into());
        }
        (None, "locked") => add("lockouts", (*count).into()),
        (None, _) => {
            add("count", (*count).into());
            add("first", first.to_string().into());
            add("last", last.to_string().into());
        }
    }
    if let (Some(link), "one-time-link-refused") = (kind, *event) {
        add("link", link.as_str().into());
    }
    if let (Some(request), "request-refused") = (kind, *event) {
        add("request", request.as_str().into());
    }
    if let (Some(token), "token-refused") = (token, *event) {
        add("token", token.as_str().into());
    }
    let occurrence = Occurrence {
        kind: entry_kind,
        subject: subject(refused),
        reason: cause.map(|cause| cause.name().to_owned()),
        organization: organization.clone(),
        user: user.clone(),
        after,
    };
    let change = Change { from: *client, ..Change::new(Actor::System(by), *last) };
    Some((change, occurrence))
}

/// Whose sign-in or request, or what, was refused. An account that does not exist has the id `unknown`.
fn subject(refused: &Refused) -> Subject {
    let Refused { event, kind, client, user, administrator, organization, token, login, .. } =
        refused;
    let login = login.as_deref().unwrap_or_default();
    let unknown = |kind| Subject::new(kind, "unknown", login);
    match (*event, user, administrator, organization) {
        ("locked", ..) => {
            let address = client.map(|client| client.to_string()).unwrap_or_default();
            let name = if login.is_empty() { &*address } else { login };
            Subject::new("lockout", kind.as_deref().unwrap_or_default(), name)
        }
        ("request-refused", None, None, _) => {
            Subject::new("token", token.as_deref().unwrap_or("unknown"), login)
        }
        (_, Some(user), ..) => Subject::new("user", user, login),
        (_, _, Some(administrator), _) => Subject::new("administrator", administrator, login),
        ("link-refused" | "link-opened", _, _, Some(organization)) => {
            Subject::new("organization", organization, organization)
        }
        ("link-refused", ..) => unknown("organization"),
        ("administrator-sign-in-refused", ..) => unknown("administrator"),
        ("api-token-refused", ..) => unknown("token"),
        ("token-refused", ..) => unknown("user-token"),
        _ => unknown("user"),
    }
}
