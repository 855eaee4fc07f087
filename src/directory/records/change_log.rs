//! What a commit changes, as events of the log: a line for each kind of record and each way that it
//! changes. So no change by an operator or a portal user is missed.
//!
//! Left out are what parts of the gateway change by themselves, records that only note a use (the
//! time steps of codes, the last sign-in), and the sessions and mails of portal users, which have events of their own. A
//! line has the names of the fields that differ, and no values: those may be secrets.

use std::collections::BTreeMap;

use portcullis_store::{Expect, Kind, Write};
use serde_json::{Map, Value};

use super::change::{Actor, Change};
use super::kind;
use super::read::Reader;
use crate::telemetry::events::Event;

/// A line of the log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    kind: &'static str,
    action: &'static str,
    id: String,
    records: u64,
    changed: Option<String>,
}

/// The lines for these writes, to be logged once they are committed.
pub(super) async fn of(reader: &Reader, change: &Change, writes: &[Write]) -> Vec<Line> {
    if change.actor.logged_via().is_none() {
        return Vec::new();
    }
    let mut lines: BTreeMap<(&str, &str), Line> = BTreeMap::new();
    for write in writes {
        let (kind, action, id) = match write {
            Write::Put { kind, id, expect: Expect::Absent, .. } => (*kind, "create", id),
            Write::Put { kind, id, .. } => (*kind, "update", id),
            Write::Delete { kind, id, .. } => (*kind, "delete", id),
            Write::Append { .. } | Write::Require { .. } | Write::RequireNone { .. } => continue,
        };
        let Some(name) = name(kind, &change.actor) else { continue };
        if let Some(line) = lines.get_mut(&(name, action)) {
            line.records += 1;
            continue;
        }
        let changed = changed(reader, write).await;
        let line = Line { kind: name, action, id: id.clone(), records: 1, changed };
        lines.insert((name, action), line);
    }
    lines.into_values().collect()
}

impl Line {
    pub(super) fn log(&self, actor: &Actor) {
        let Some(via) = actor.logged_via() else { return };
        let Self { kind, action, id, records, changed } = self;
        Event::Change {
            actor: &actor.to_string(),
            via,
            kind,
            action,
            id,
            records: Some(*records).filter(|records| *records > 1),
            changed: changed.as_deref(),
        }
        .log();
    }
}

/// The name of a kind of record whose changes by this actor are logged.
fn name(kind: Kind, actor: &Actor) -> Option<&'static str> {
    let by_user = matches!(actor, Actor::PortalUser { .. });
    match kind {
        kind::TOTP_STEP | kind::LAST_SIGN_IN => None,
        kind::USER | kind::USER_TOKEN => Some(kind.name()),
        _ if by_user => None,
        kind::MAIL => Some("mail"),
        other => Some(other.name()),
    }
}

/// The names of the fields that a write changes in an existing record. It is a condition of the
/// write that the record is still the one that is read here.
async fn changed(reader: &Reader, write: &Write) -> Option<String> {
    let Write::Put { kind, id, expect: Expect::Version(_), doc, .. } = write else { return None };
    let before = reader.record(*kind, id).await.ok()??;
    let before: Map<String, Value> = serde_json::from_slice(&before.doc).ok()?;
    let after: Map<String, Value> = serde_json::from_slice(doc).ok()?;
    let mut names: Vec<&str> = before.keys().chain(after.keys()).map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| before.get(*name) != after.get(*name));
    (!names.is_empty()).then(|| names.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::fixture::{Fixture, by_operator, now};
    use crate::directory::records::{Stored, User, put};
    use portcullis_store::Key;

    fn line(kind: &'static str, action: &'static str, id: &str, changed: Option<&str>) -> Line {
        let changed = changed.map(str::to_owned);
        Line { kind, action, id: id.to_owned(), records: 1, changed }
    }

    #[tokio::test]
    async fn change_has_the_names_of_fields_and_no_values() {
        let fixture = Fixture::new().await;
        fixture.organization("acme").await;
        let id = fixture.user("acme", "ann", "limited").await.id;
        let reader = fixture.directory.records().read();
        let ann: Stored<User> = reader.get(&id).await.unwrap().unwrap();
        let mut doc = ann.doc.clone();
        doc.set_password("$argon2id$secret");
        doc.require_mfa = true;
        let key = Key::new("user", "u");
        let writes = [
            ann.replace(doc).0,
            put(&"bob".into(), Expect::Absent, &ann.doc),
            Write::Require { kind: kind::USER, id: "x".to_owned(), expect: Expect::Present },
            Write::RequireNone { kind: kind::USER_TOKEN, key },
        ];
        let lines = of(reader, &by_operator(), &writes).await;
        let changed = Some("password,password_generation,require_mfa");
        let expected =
            [line("user", "create", "bob", None), line("user", "update", id.as_str(), changed)];
        assert_eq!(lines, expected);
        let by_system = Change::new(Actor::System("sweep"), now());
        assert_eq!(of(reader, &by_system, &writes).await, []);
    }

    #[tokio::test]
    async fn many_records_of_a_kind_are_one_line() {
        let fixture = Fixture::new().await;
        let delete = |id: usize| {
            let id = id.to_string();
            Write::Delete { kind: kind::USER, id, expect: Expect::Any }
        };
        let writes: Vec<_> = (0..500).map(delete).collect();
        let lines = of(fixture.directory.records().read(), &by_operator(), &writes).await;
        assert_eq!(lines, [Line { records: 500, ..line("user", "delete", "0", None) }]);
    }
}
