//! Which entries to show.

use jiff::Timestamp;
use portcullis_store::Key;
use serde::Deserialize;

use crate::directory::records::audit::{BY_ACTOR, BY_KIND, BY_ORGANIZATION, BY_USER, Entry};
use crate::directory::records::moment;

/// By how many seconds an entry can be earlier than the one before it, at most: an operation reads
/// the clock at its start, and may be committed after later ones.
const DISORDER: i64 = 600;

/// Which entries to show; all criteria must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
pub struct Filter {
    /// Who acted: `socket`, `token:NAME`, `portal-user:ID` or `system:PART`.
    pub actor: Option<String>,
    /// The id of a portal user, acting or acted on.
    pub user: Option<String>,
    /// The id of an organization.
    pub organization: Option<String>,
    /// The kind of the entry, such as `group.changed`.
    pub kind: Option<String>,
    /// The earliest time, or the first date in UTC.
    #[serde(default, deserialize_with = "moment::read_start")]
    #[schemars(schema_with = "moment::schema")]
    pub since: Option<Timestamp>,
    /// The latest time, or the last date in UTC.
    #[serde(default, deserialize_with = "moment::read_end")]
    #[schemars(schema_with = "moment::schema")]
    pub until: Option<Timestamp>,
}

impl Filter {
    /// The indexes that the entries can be read by: the one that has the fewest entries for most
    /// values first.
    pub(super) fn keys(&self) -> Vec<Key> {
        let Self { actor, user, organization, kind, since: _, until: _ } = self;
        let by =
            [(BY_USER, user), (BY_ORGANIZATION, organization), (BY_ACTOR, actor), (BY_KIND, kind)];
        let given = by.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        given.map(|(name, value)| Key::new(name, value.as_str())).collect()
    }

    /// Whether to show this entry.
    pub(super) fn matches(&self, entry: &Entry) -> bool {
        let Self { actor, user, organization, kind, since, until } = self;
        let is = |wanted: &Option<String>, value: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| Some(wanted) == value)
        };
        is(actor, Some(&*entry.actor.key()))
            && is(organization, entry.organization.as_deref())
            && is(kind, Some(&entry.kind))
            && is(user, entry.user.as_deref())
            && since.is_none_or(|since| entry.time >= since)
            && until.is_none_or(|until| entry.time <= until)
    }

    /// Whether this entry, and so every one before it, is too early.
    pub(super) fn ends_before(&self, entry: &Entry) -> bool {
        self.since.is_some_and(|since| entry.time.as_second() + DISORDER < since.as_second())
    }

    /// Whether this entry, and so every one after it, is later than `time`.
    pub(super) fn is_surely_after(time: Timestamp, entry: &Entry) -> bool {
        time.as_second() + DISORDER < entry.time.as_second()
    }
}
