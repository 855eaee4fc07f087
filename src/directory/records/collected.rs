//! The writes of several operations, for one commit.
//!
//! The operations run one after the other on an overlay, which checks the conditions of each against
//! what the ones before it wrote. One commit then writes all of it, if the conditions on the records
//! as they were before the first operation still hold.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use parking_lot::Mutex;
use portcullis_store::overlay::Overlay;
use portcullis_store::{CommitError, Committed, Expect, Kind, Store as _, Write};

/// An overlay, and what has been committed to it so far, in order.
#[derive(Debug)]
pub(in crate::directory) struct Collected {
    overlay: Arc<Overlay>,
    writes: Mutex<Vec<Write>>,
}

impl Collected {
    /// An overlay on which these writes are made first.
    ///
    /// # Errors
    /// When they cannot be made.
    pub(in crate::directory) async fn new(
        overlay: Arc<Overlay>,
        writes: Vec<Write>,
    ) -> Result<Self, CommitError> {
        let collected = Self { overlay, writes: Mutex::default() };
        collected.add(merged(writes)).await?;
        Ok(collected)
    }

    pub(super) const fn overlay(&self) -> &Arc<Overlay> {
        &self.overlay
    }

    /// Commits an operation to the overlay.
    pub(super) async fn add(&self, writes: Vec<Write>) -> Result<Committed, CommitError> {
        // No operation reads the entries of the audit log.
        let is_read = |write: &&Write| !matches!(write, Write::Append { .. });
        let read = writes.iter().filter(is_read).cloned().collect();
        let committed = self.overlay.commit(read).await?;
        self.writes.lock().extend(writes);
        Ok(committed)
    }

    /// How many writes there are.
    pub(in crate::directory) fn len(&self) -> usize {
        self.writes.lock().len()
    }

    /// The first `count` writes.
    pub(in crate::directory) fn first(&self, count: usize) -> Vec<Write> {
        self.writes.lock().iter().take(count).cloned().collect()
    }

    /// All of it as one commit.
    pub(in crate::directory) fn as_one(&self) -> Vec<Write> {
        merged(self.writes.lock().clone())
    }
}

/// Commits that follow each other as one: each record is written once, as it is in the end, on the
/// condition of its first write. A condition on what an earlier commit wrote has been checked.
fn merged(writes: Vec<Write>) -> Vec<Write> {
    let mut merged: Vec<Write> = Vec::with_capacity(writes.len());
    let mut places: HashMap<(Kind, String), usize> = HashMap::new();
    let mut required: HashMap<(Kind, String), Vec<Expect>> = HashMap::new();
    for write in writes {
        let record = match &write {
            Write::Put { kind, id, .. }
            | Write::Delete { kind, id, .. }
            | Write::Require { kind, id, .. } => (*kind, id.clone()),
            Write::Append { .. } | Write::RequireNone { .. } => {
                merged.push(write);
                continue;
            }
        };
        if let Write::Require { expect, .. } = write {
            let known = required.entry(record.clone()).or_default();
            if !places.contains_key(&record) && !known.contains(&expect) {
                known.push(expect);
                merged.push(write);
            }
            continue;
        }
        match places.entry(record) {
            Entry::Vacant(place) => {
                place.insert(merged.len());
                merged.push(write);
            }
            Entry::Occupied(place) => {
                if let Some(first) = merged.get_mut(*place.get()) {
                    *first = on_condition_of(first, write);
                }
            }
        }
    }
    merged
}

/// A later write of a record, on the condition of the first.
fn on_condition_of(first: &Write, mut later: Write) -> Write {
    let (Write::Put { expect: of_first, .. }
    | Write::Delete { expect: of_first, .. }
    | Write::Require { expect: of_first, .. }) = first
    else {
        return later;
    };
    match &mut later {
        Write::Put { expect, .. } => *expect = *of_first,
        // What was created in between is gone again.
        Write::Delete { kind, id, .. } if *of_first == Expect::Absent => {
            return Write::Require { kind: *kind, id: id.clone(), expect: Expect::Absent };
        }
        Write::Delete { expect, .. } => *expect = *of_first,
        Write::Append { .. } | Write::Require { .. } | Write::RequireNone { .. } => {}
    }
    later
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: Kind = Kind::new("user");

    fn put(id: &str, expect: Expect, doc: &'static str) -> Write {
        let (unique, index, ordered) = (Vec::new(), Vec::new(), Vec::new());
        Write::Put {
            kind: USER,
            id: id.to_owned(),
            expect,
            doc: doc.into(),
            unique,
            index,
            ordered,
        }
    }

    fn delete(id: &str, version: u64) -> Write {
        Write::Delete { kind: USER, id: id.to_owned(), expect: Expect::Version(version) }
    }

    fn require(id: &str, expect: Expect) -> Write {
        Write::Require { kind: USER, id: id.to_owned(), expect }
    }

    fn shown(writes: Vec<Write>) -> Vec<String> {
        let show = |write| match write {
            Write::Put { id, expect, doc, .. } => {
                format!("put {id} {expect:?} {}", String::from_utf8_lossy(&doc))
            }
            Write::Delete { id, expect, .. } => format!("delete {id} {expect:?}"),
            Write::Require { id, expect, .. } => format!("require {id} {expect:?}"),
            other => format!("{other:?}"),
        };
        merged(writes).into_iter().map(show).collect()
    }

    #[test]
    fn a_record_is_written_once_on_its_first_condition() {
        let writes = vec![
            put("a", Expect::Version(3), "1"),
            put("b", Expect::Absent, "1"),
            put("a", Expect::Version(4), "2"),
            put("c", Expect::Absent, "1"),
            delete("c", 1),
            delete("a", 5),
            put("a", Expect::Absent, "3"),
            delete("d", 7),
        ];
        let expected =
            ["put a Version(3) 3", "put b Absent 1", "require c Absent", "delete d Version(7)"];
        assert_eq!(shown(writes), expected);
    }

    #[test]
    fn conditions_on_what_was_there_before_stay() {
        let writes = vec![
            require("a", Expect::Version(3)),
            require("a", Expect::Version(3)),
            put("b", Expect::Absent, "1"),
            require("b", Expect::Version(1)),
            require("a", Expect::Present),
            put("a", Expect::Version(3), "1"),
            require("a", Expect::Version(4)),
        ];
        let expected =
            ["require a Version(3)", "put b Absent 1", "require a Present", "put a Version(3) 1"];
        assert_eq!(shown(writes), expected);
    }
}
