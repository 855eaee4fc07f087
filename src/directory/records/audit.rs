//! Entries of the audit log (I9): one for each record that a commit changes, in that commit.
//!
//! An entry is a JSON object on one line. Its bytes are what the log's tree hashes
//! (`portcullis_audit`), so an entry is stored as it was written, and never written again.

use std::io;
use std::net::IpAddr;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::ser::{CharEscape, CompactFormatter, Formatter};
use serde_json::{Map, Value};

use super::audited::{Audited, audited};
use super::change::{Actor, Change};
use super::document::User;
use super::id::{JobId, OrganizationId};
use super::kind;
use super::role::Role;
use super::staff_member::StaffMember;
use super::stored::Stored;
use crate::random;
use crate::telemetry::escape::{Escaped, is_deceptive};
use portcullis_store::sled::Appended;
use portcullis_store::{Key, StoreError, Write};

/// The index of entries by who acted.
pub const BY_ACTOR: &str = "actor";
/// The index of entries by kind.
pub const BY_KIND: &str = "kind";
/// The index of entries by organization.
pub const BY_ORGANIZATION: &str = "organization";
/// The index of entries by portal user, acting or acted on.
pub const BY_USER: &str = "user";

/// The index of the entries about deleted organizations by their ids.
pub(super) const BY_ENDED: &str = "ended-organization";

/// What the kinds of entries begin with that are about a record: with `.created`, `.changed` or
/// `.deleted` after it.
pub const NOUNS: [&str; 8] = [
    "organization",
    "end-user",
    "user",
    "group",
    "preferences",
    "administrator",
    "token",
    "user-token",
];

/// All other kinds.
pub const OTHER_KINDS: [&str; 52] = [
    "user.signed-in",
    "user.sign-in-refused",
    "user.second-factor-refused",
    "user-token.refused",
    "link.opened",
    "link.refused",
    "link.shown",
    "one-time-link.created",
    "one-time-link.used",
    "one-time-link.refused",
    "reset.refused",
    "administrator.signed-in",
    "administrator.sign-in-refused",
    "token.refused",
    "request.refused",
    "lockout.started",
    "lockout.released",
    "session.ended",
    "view.requested",
    "view.opened",
    "view.stopped",
    "view.expired",
    "impersonation.requested",
    "impersonation.opened",
    "impersonation.stopped",
    "impersonation.expired",
    "trial.requested",
    "trial.opened",
    "trial.stopped",
    "trial.expired",
    "policy.reloaded",
    "portal-server.draining",
    "portal-server.resumed",
    "job.queued",
    "job.finished",
    "job.failed",
    "job.cancelled",
    "mail.retried",
    "mail.tested",
    "file.exported",
    "file.applied",
    "user.exported",
    "audit.exported",
    "audit.expired",
    "backup.created",
    "gateway.started",
    "gateway.stopped",
    "secrets.rotated",
    "store.accepted-older",
    "store.created",
    "store.rescued",
    "store.restored",
];

/// The bytes of an entry's salt. Without it, the content of a short entry that was removed could be
/// guessed from its hash.
const SALT_BYTES: usize = 16;

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "AuditEntryFields")]
pub struct Entry {
    /// When it happened: the time of the request or task, as it is in the records.
    pub time: Timestamp,
    /// Who acted.
    pub actor: EntryActor,
    /// By which way: `socket`, `api`, `pages` or `system`.
    pub via: String,
    /// The address of the client; left out for the admin socket and for tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<IpAddr>,
    /// What happened, such as `group.changed`.
    pub kind: String,
    /// To what.
    pub subject: Subject,
    /// The id of the organization that the subject belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// The id of the portal user who acted, or was acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Why: the cause of a refusal, the reason that a member of staff gives for opening the portal, or
    /// the job that made the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The file that the change was applied from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The fields that changed, as they were before; all of them if the subject was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Map<String, Value>>,
    /// The same fields after it; all of them if the subject was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Map<String, Value>>,
    /// 128 random bits in hexadecimal. Without them, the content of a short entry that was removed
    /// could be guessed from its hash.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub salt: String,
}

/// Who acted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct EntryActor {
    /// `socket`, `token`, `administrator`, `portal-user` or `system`.
    pub kind: String,
    /// The id of a token or of a portal user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name at that time.
    pub name: String,
    /// The role of an administrator or a token at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

/// What an entry is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "EntrySubject")]
pub struct Subject {
    /// What it is, such as `group`.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// Its name at that time.
    pub name: String,
}

impl Subject {
    /// A subject of this kind.
    #[must_use]
    pub fn new(kind: &str, id: &str, name: &str) -> Self {
        Self { kind: kind.to_owned(), id: id.to_owned(), name: name.to_owned() }
    }
}

impl Entry {
    /// The keys that it is found by.
    fn index(&self) -> Vec<Key> {
        let keys = [
            Some(Key::new(BY_ACTOR, self.actor.key())),
            Some(Key::new(BY_KIND, &*self.kind)),
            self.organization.as_deref().map(|id| Key::new(BY_ORGANIZATION, id)),
            self.user.as_deref().map(|id| Key::new(BY_USER, id)),
            (self.kind == "organization.deleted").then(|| Key::new(BY_ENDED, &*self.subject.id)),
        ];
        keys.into_iter().flatten().collect()
    }

    /// The write that appends it.
    fn append(&self) -> Write {
        Write::Append { kind: kind::AUDIT, doc: to_line(self).into(), index: self.index() }
    }
}

impl EntryActor {
    fn of(actor: &Actor) -> Self {
        let (kind, id, name) = match actor {
            Actor::SocketOwner | Actor::Staff(StaffMember::Socket) => ("socket", None, "socket"),
            Actor::Token { id, name, .. } | Actor::Staff(StaffMember::Token { id, name }) => {
                ("token", Some(id.as_ref()), name.as_str())
            }
            Actor::Administrator { id, login, .. }
            | Actor::Staff(StaffMember::Administrator { id, login, .. }) => {
                ("administrator", Some(id.as_ref()), login.as_str())
            }
            Actor::PortalUser { id } => ("portal-user", Some(id.as_ref()), id.as_ref()),
            Actor::System(part) => ("system", None, *part),
        };
        let (kind, id, name) = (kind.to_owned(), id.map(str::to_owned), name.to_owned());
        let role = match actor {
            Actor::Token { rights, .. } | Actor::Administrator { rights, .. } => Some(rights.role),
            Actor::SocketOwner | Actor::PortalUser { .. } | Actor::Staff(_) | Actor::System(_) => {
                None
            }
        };
        Self { kind, id, name, role }
    }

    /// What entries are filtered by: `socket`, `token:NAME`, `portal-user:ID` or `system:PART`.
    #[must_use]
    pub fn key(&self) -> String {
        match &*self.kind {
            "socket" => self.kind.clone(),
            kind => format!("{kind}:{}", self.name),
        }
    }
}

/// Something that happened, other than a change of a record that has entries of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// What happened, such as `policy.reloaded`.
    pub kind: &'static str,
    /// To what.
    pub subject: Subject,
    /// Why.
    pub reason: Option<String>,
    /// The id of the organization that the subject belongs to.
    pub organization: Option<String>,
    /// The id of the portal user who acted, or was acted on.
    pub user: Option<String>,
    /// More about it.
    pub after: Map<String, Value>,
}

impl Occurrence {
    /// Something that happened to the gateway, and not to one of its records.
    #[must_use]
    pub fn of_gateway(kind: &'static str, after: Map<String, Value>) -> Self {
        let name = "gateway".to_owned();
        let subject = Subject { kind: name.clone(), id: name.clone(), name };
        Self { kind, subject, reason: None, organization: None, user: None, after }
    }

    /// Something about a portal user.
    #[must_use]
    pub fn of_user(kind: &'static str, user: &Stored<User>, after: Map<String, Value>) -> Self {
        Self {
            kind,
            subject: Subject::new("user", user.id.as_str(), &user.doc.login),
            reason: None,
            organization: Some(user.doc.organization.to_string()),
            user: Some(user.id.to_string()),
            after,
        }
    }

    /// Something about an organization, which had this name at that time.
    #[must_use]
    pub fn of_organization(
        kind: &'static str,
        id: &OrganizationId,
        name: &str,
        after: Map<String, Value>,
    ) -> Self {
        Self {
            kind,
            subject: Subject::new("organization", id.as_str(), name),
            reason: None,
            organization: Some(id.to_string()),
            user: None,
            after,
        }
    }

    /// The record that is appended while no gateway has the store open.
    pub(crate) fn offline(self, now: Timestamp) -> Appended {
        let change = Change::new(Actor::System("command line"), now);
        let entry = self.into_entry(&change, salt());
        Appended { kind: kind::AUDIT, doc: to_line(&entry), index: entry.index() }
    }

    /// The write that appends the entry about it.
    pub(super) fn entry(self, change: &Change, salt: String) -> Write {
        self.into_entry(change, salt).append()
    }

    fn into_entry(self, change: &Change, salt: String) -> Entry {
        let Self { kind, subject, reason, organization, user, after } = self;
        Entry {
            time: change.at,
            actor: EntryActor::of(&change.actor),
            via: change.actor.via().to_owned(),
            from: change.from,
            kind: kind.to_owned(),
            subject,
            organization,
            user,
            reason: reason.or_else(|| change.job.as_ref().map(of_job)),
            source: source(change),
            before: None,
            after: Some(after).filter(|after| !after.is_empty()),
            salt,
        }
    }
}

/// What happened to a record.
#[derive(Debug)]
pub(super) struct RecordChange<'a> {
    /// The kind and the id of the record.
    pub(super) record: (portcullis_store::Kind, &'a str),
    /// The document before; `None` if there was none.
    pub(super) before: Option<&'a [u8]>,
    /// The document after; `None` if the record is removed.
    pub(super) after: Option<&'a [u8]>,
    /// The organization that the record belongs to, if the documents do not say.
    pub(super) organization: Option<String>,
}

impl RecordChange<'_> {
    /// The write that appends the entry about it. `None` if the records of this kind are not
    /// audited, or nothing that is audited has changed.
    ///
    /// # Errors
    /// When one of the documents is damaged.
    pub(super) fn entry(&self, change: &Change, salt: String) -> Result<Option<Write>, StoreError> {
        let (kind, id) = self.record;
        let read = |doc: Option<&[u8]>| match doc {
            Some(doc) => audited(kind, doc).map_err(|error| StoreError::Damaged {
                kind,
                id: id.to_owned(),
                cause: error.to_string(),
            }),
            None => Ok(None),
        };
        let (before, after) = (read(self.before)?, read(self.after)?);
        let what = match (&before, &after) {
            (None, None) => return Ok(None),
            (None, Some(_)) => "created",
            (Some(_), None) => "deleted",
            (Some(before), Some(after)) if before.fields == after.fields => return Ok(None),
            (Some(_), Some(_)) => "changed",
        };
        let old = fields(before.as_ref(), after.as_ref());
        let new = fields(after.as_ref(), before.as_ref());
        let Some(shown) = after.as_ref().or(before.as_ref()) else { return Ok(None) };
        let user = match (&shown.user, &change.actor) {
            (Some(user), _) => Some(user.clone()),
            (None, _) if shown.noun == "user" => Some(id.to_owned()),
            (None, Actor::PortalUser { id }) => Some(id.to_string()),
            (None, _) => None,
        };
        let entry = Entry {
            time: change.at,
            actor: EntryActor::of(&change.actor),
            via: change.actor.via().to_owned(),
            from: change.from,
            kind: format!("{}.{what}", shown.noun),
            subject: Subject {
                kind: shown.noun.to_owned(),
                id: id.to_owned(),
                name: shown.name.clone(),
            },
            organization: shown.organization.clone().or_else(|| self.organization.clone()),
            user,
            reason: change.job.as_ref().map(of_job),
            source: source(change),
            before: old,
            after: new,
            salt,
        };
        Ok(Some(entry.append()))
    }
}

/// The file that a change is applied from.
fn source(change: &Change) -> Option<String> {
    change.marks.source().map(ToString::to_string)
}

/// The reason of what a job changes.
fn of_job(job: &JobId) -> String {
    format!("job {job}")
}

/// The fields of one side that differ on the other; one that is missing is `null`. All of them, if
/// there is no other side.
fn fields(this: Option<&Audited>, other: Option<&Audited>) -> Option<Map<String, Value>> {
    let (this, other) = (&this?.fields, other.map(|other| &other.fields));
    let Some(other) = other else {
        return Some(this.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect());
    };
    let names = this.iter().chain(other.iter()).map(|(name, _)| name);
    let differing = names.filter(|name| this.get(name) != other.get(name));
    let value = |name: &str| this.get(name).cloned().unwrap_or_default();
    Some(differing.map(|name| (name.to_owned(), value(name))).collect())
}

impl Actor {
    /// The way by which the actor makes changes.
    pub(super) const fn via(&self) -> &'static str {
        match self {
            Self::SocketOwner => "socket",
            Self::Token { .. } | Self::Administrator { .. } => "api",
            Self::PortalUser { .. } | Self::Staff(_) => "pages",
            Self::System(_) => "system",
        }
    }
}

/// The salt of a new entry.
pub(super) fn salt() -> String {
    HEXLOWER.encode(&random::bytes::<SALT_BYTES>())
}

/// JSON on one line that shows each character as what it is: deceptive ones are escaped, and those
/// below U+0020 by JSON itself.
#[derive(Debug, Default)]
struct Escaping(CompactFormatter);

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // Most text is ASCII, of which only U+007F is deceptive.
        if fragment.bytes().all(|byte| byte.is_ascii() && byte != 0x7f) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some(at) = rest.find(is_deceptive) {
            let (plain, from) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut chars = from.chars();
            if let Some(c) = chars.next() {
                write!(writer, "{}", Escaped(c))?;
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_char_escape<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        self.0.write_char_escape(writer, escape)
    }
}

fn to_line(value: &impl Serialize) -> Vec<u8> {
    let mut line = Vec::with_capacity(512);
    let mut serializer = serde_json::Serializer::with_formatter(&mut line, Escaping::default());
    #[expect(clippy::expect_used, reason = "an entry is made of strings, numbers and JSON values")]
    value.serialize(&mut serializer).expect("an entry is JSON");
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i9_no_text_forges_a_field_or_a_line() {
        let name = "a\",\"actor\":\"x\n\u{202e}evil\u{2028}\u{7f}\u{85}\u{feff}\u{ad}\u{e0041}é";
        let line = String::from_utf8(to_line(&name)).unwrap();
        let shown = r#""a\",\"actor\":\"x\n\u202eevil\u2028\u007f\u0085\ufeff\u00ad\udb40\udc41é""#;
        assert_eq!(line, shown);
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), name);
    }
}
