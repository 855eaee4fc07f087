//! Records that a file manages: the mark that they carry, and who may change them.
//!
//! A record that was applied from a file carries the file's name. Another change of it would be undone
//! when the file is applied again, so it is refused ([`CommitError::Managed`]) unless the caller gives
//! up the mark. This is checked in the one function that commits, for every record of every commit.
//!
//! Files hold no passwords, second factors, mailed links or secure links; these may always change.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::change::Change;
use super::document::{Document, EndUser, Group, Organization, User};
use super::kind;
use super::mark::{ManagedBy, Marks};
use super::preferences::Preferences;
use super::stored::Stored;
use portcullis_store::{CommitError, Kind, Write};

/// The field of a document that holds its mark.
const FIELD: &str = "managed_by";

/// A document that a file can manage.
pub trait Managed: Document + PartialEq {
    /// Its mark.
    fn managed_by(&self) -> Option<&ManagedBy>;

    /// Sets or removes its mark.
    fn set_managed_by(&mut self, mark: Option<ManagedBy>);
}

macro_rules! managed {
    ($($document:ty),+) => {
        $(impl Managed for $document {
            fn managed_by(&self) -> Option<&ManagedBy> {
                self.managed_by.as_ref()
            }

            fn set_managed_by(&mut self, mark: Option<ManagedBy>) {
                self.managed_by = mark;
            }
        })+
    };
}

managed!(EndUser, Group, Organization, Preferences, User);

impl<T: Managed> Stored<T> {
    /// As [`Stored::replace`], with the mark that the document has after the change.
    pub(in crate::directory) fn edit(&self, mut doc: T, change: &Change) -> (Write, Self) {
        let is_edited = doc != self.doc;
        doc.set_managed_by(change.marks.after(self.doc.managed_by(), is_edited));
        self.replace(doc)
    }
}

/// The mark of a record that a change creates.
pub(in crate::directory) fn of_new(change: &Change) -> Option<ManagedBy> {
    change.marks.after(None, true)
}

/// The fields of a kind's documents that no file holds, besides the mark. `None` if no file manages
/// the kind.
fn outside_of_files(kind: Kind) -> Option<&'static [&'static str]> {
    Some(match kind {
        kind::ORGANIZATION => &["link_generation"],
        kind::USER => &["password", "password_generation", "invitation", "reset", "second_factor"],
        kind::END_USER | kind::GROUP | kind::PREFERENCES => &[],
        _ => return None,
    })
}

/// Checks that a change may be made to the records that files manage, with these writes, which replace
/// these documents.
///
/// # Errors
/// [`CommitError::Managed`] for the first that it may not be made to.
pub(super) fn check(
    marks: &Marks,
    writes: &[Write],
    replaced: &[Option<Bytes>],
) -> Result<(), CommitError> {
    for (write, before) in writes.iter().zip(replaced) {
        let (kind, id, after) = match write {
            Write::Put { kind, id, doc, .. } => (*kind, id, Some(&**doc)),
            Write::Delete { kind, id, .. } => (*kind, id, None),
            Write::Append { .. } | Write::Require { .. } | Write::RequireNone { .. } => continue,
        };
        let Some(outside) = outside_of_files(kind) else { continue };
        let Some((before, mark)) = before.as_deref().and_then(marked) else { continue };
        if marks.allow(&mark) || !is_edit((&before, after), outside) {
            continue;
        }
        return Err(CommitError::Managed { kind, id: id.clone(), by: mark.to_string() });
    }
    Ok(())
}

/// The fields of a document and its mark, if it has one.
fn marked(doc: &[u8]) -> Option<(Map<String, Value>, ManagedBy)> {
    // Most documents have none, and need not be decoded.
    memchr::memmem::find(doc, FIELD.as_bytes())?;
    let fields: Map<String, Value> = serde_json::from_slice(doc).ok()?;
    let mark = serde_json::from_value(fields.get(FIELD)?.clone()).ok()?;
    Some((fields, mark))
}

/// Whether a write changes or removes something that a file holds.
fn is_edit((before, after): (&Map<String, Value>, Option<&[u8]>), outside: &[&str]) -> bool {
    let after = after.and_then(|doc| serde_json::from_slice::<Map<String, Value>>(doc).ok());
    let Some(after) = after else { return true };
    let held = |fields: &Map<String, Value>| -> Map<String, Value> {
        let held = fields.iter().filter(|(name, _)| !outside.contains(&name.as_str()));
        held.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    held(before) != held(&after)
}

#[cfg(test)]
mod tests;
