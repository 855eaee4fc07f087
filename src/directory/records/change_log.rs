//! What a commit changes, as events of the log: a line for each kind of record and each way that it
//! changes. So no change by an operator or a portal user is missed.
//!
//! Left out are what parts of the gateway change by themselves, records that only note a use (the
//! time steps of codes, the last sign-in), and the sessions and mails of portal users, which have events of their own. A
//! line has the names of the fields that differ, and no values: those may be secrets.

use std::collections::BTreeMap;

use bytes::Bytes;
use portcullis_store::{Expect, Kind, Write};
use serde_json::value::RawValue;

use super::change::{Actor, Change};
use super::kind;
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

/// The lines for these writes, which replace these documents, to be logged once they are committed.
pub(super) fn of(change: &Change, writes: &[Write], replaced: &[Option<Bytes>]) -> Vec<Line> {
    if change.actor.logged_via().is_none() {
        return Vec::new();
    }
    let mut lines: BTreeMap<(&str, &str), Line> = BTreeMap::new();
    for (write, before) in writes.iter().zip(replaced) {
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
        let changed = changed(write, before.as_deref());
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
/// write that the record is still this one.
fn changed(write: &Write, before: Option<&[u8]>) -> Option<String> {
    let Write::Put { expect: Expect::Version(_), doc, .. } = write else { return None };
    // Both were written by this program, so equal values are equal bytes.
    let before: BTreeMap<&str, &RawValue> = serde_json::from_slice(before?).ok()?;
    let after: BTreeMap<&str, &RawValue> = serde_json::from_slice(doc).ok()?;
    let mut names: Vec<&str> = before.keys().chain(after.keys()).copied().collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| value(&before, name) != value(&after, name));
    (!names.is_empty()).then(|| names.join(","))
}

/// The JSON text of a field.
fn value<'a>(of: &BTreeMap<&str, &'a RawValue>, name: &str) -> Option<&'a str> {
    of.get(name).map(|value| value.get())
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
        let before = reader.record(kind::USER, id.as_str()).await.unwrap().unwrap().doc;
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
        let replaced = [Some(before), None, None, None];
        let lines = of(&by_operator(), &writes, &replaced);
        let changed = Some("password,password_generation,require_mfa");
        let expected =
            [line("user", "create", "bob", None), line("user", "update", id.as_str(), changed)];
        assert_eq!(lines, expected);
        let by_system = Change::new(Actor::System("sweep"), now());
        assert_eq!(of(&by_system, &writes, &replaced), []);
    }

    #[test]
    fn many_records_of_a_kind_are_one_line() {
        let delete = |id: usize| {
            let id = id.to_string();
            Write::Delete { kind: kind::USER, id, expect: Expect::Any }
        };
        let writes: Vec<_> = (0..500).map(delete).collect();
        let lines = of(&by_operator(), &writes, &vec![None; 500]);
        assert_eq!(lines, [Line { records: 500, ..line("user", "delete", "0", None) }]);
    }
}
