//! A store of which nothing is kept: for trying a change out.
//!
//! An [`Overlay`] reads through to another store and keeps all writes in memory. It checks the same
//! conditions and keys as that store would, so a commit is refused here exactly if it were refused
//! there. The other store is never written to; when the overlay is dropped, nothing is left.
//!
//! Commits of others to the store below stay visible, except for records that were written here. Its
//! change feed has the commits that were made here only.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{RwLock, watch};

use crate::{
    Change, Changes, Commit, CommitError, Committed, Expect, Found, Key, Kind, Record, Search,
    Store, StoreError, Write, number_id,
};

mod written;

use self::written::{Written, merged};

/// How many records of the store below are read at a time.
const PAGE: usize = 500;

/// A store over another one.
#[derive(Debug)]
pub struct Overlay {
    below: Arc<dyn Store>,
    state: RwLock<State>,
    head: watch::Sender<u64>,
}

/// A record that was written or removed here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The record's kind.
    pub kind: Kind,
    /// The record's id.
    pub id: String,
    /// The record before the first write here; `None` if it did not exist.
    pub before: Option<Record>,
    /// The record now; `None` if it does not exist.
    pub after: Option<Record>,
}

#[derive(Debug, Default)]
struct State {
    written: BTreeMap<Kind, BTreeMap<String, Written>>,
    changes: Vec<Change>,
    head: u64,
}

impl Overlay {
    /// An overlay without writes.
    #[must_use]
    pub fn new(below: Arc<dyn Store>) -> Self {
        Self { below, state: RwLock::default(), head: watch::Sender::new(0) }
    }

    /// The records that differ from what they were before they were first written here, in order of
    /// kind and id.
    pub async fn differences(&self) -> Vec<Difference> {
        let state = self.state.read().await;
        let mut differences = Vec::new();
        for (kind, records) in &state.written {
            for (id, written) in records {
                let (before, after) = (written.before.clone(), written.now.clone());
                let doc = |record: &Option<Record>| record.as_ref().map(|it| it.doc.clone());
                if doc(&before) != doc(&after) {
                    differences.push(Difference { kind: *kind, id: id.clone(), before, after });
                }
            }
        }
        differences
    }

    /// A page of the records in one direction: those of the store below that were not written here,
    /// and those that were.
    async fn page(
        &self,
        kind: Kind,
        key: Option<&Key>,
        from: Option<&str>,
        (limit, back): (usize, bool),
    ) -> Result<Vec<Record>, StoreError> {
        let state = self.state.read().await;
        let Some(written) = state.written.get(&kind) else {
            return self.below(kind, key, from, (limit, back)).await;
        };
        let (mut below, mut cursor) = (Vec::new(), from.map(str::to_owned));
        while below.len() < limit {
            let records = self.below(kind, key, cursor.as_deref(), (limit, back)).await?;
            let is_last = records.len() < limit;
            cursor = records.last().map(|record| record.id.clone());
            below.extend(records.into_iter().filter(|record| !written.contains_key(&record.id)));
            if is_last {
                break;
            }
        }
        let range = match (from, back) {
            (None, _) => (Bound::Unbounded, Bound::Unbounded),
            (Some(from), false) => (Bound::Excluded(from), Bound::Unbounded),
            (Some(from), true) => (Bound::Unbounded, Bound::Excluded(from)),
        };
        let here = written.range::<str, _>(range).filter_map(|(_, written)| written.having(key));
        Ok(match back {
            false => merged(below, here.cloned(), limit, |a, b| a.id < b.id),
            true => merged(below, here.rev().cloned(), limit, |a, b| a.id > b.id),
        })
    }

    async fn below(
        &self,
        kind: Kind,
        key: Option<&Key>,
        from: Option<&str>,
        (limit, back): (usize, bool),
    ) -> Result<Vec<Record>, StoreError> {
        match back {
            false => self.below.list(kind, key, from, limit).await,
            true => self.below.list_back(kind, key, from, limit).await,
        }
    }

    /// Whether the record below has this index key.
    async fn has_below(&self, kind: Kind, key: &Key, id: &str) -> Result<bool, StoreError> {
        // An id has no NUL, so nothing is between this one and the bound.
        let bound = format!("{id}\u{1}");
        let found = self.below.list_back(kind, Some(key), Some(&bound), 1).await?;
        Ok(found.first().is_some_and(|record| record.id == id))
    }

    async fn current(&self, state: &State, kind: Kind, id: &str) -> Result<Known, StoreError> {
        match state.written.get(&kind).and_then(|records| records.get(id)) {
            Some(written) => Ok(Known { before: written.before.clone(), now: written.now.clone() }),
            None => {
                let record = self.below.get(kind, id).await?;
                Ok(Known { before: record.clone(), now: record })
            }
        }
    }

    /// The record below that has a unique key, if it was not written here: one that was no longer
    /// has the keys that it has below.
    async fn owner_below(
        &self,
        state: &State,
        kind: Kind,
        key: &Key,
    ) -> Result<Option<Record>, StoreError> {
        let written = state.written.get(&kind);
        let below = self.below.find(kind, key).await?;
        Ok(below.filter(|record| !written.is_some_and(|written| written.contains_key(&record.id))))
    }

    async fn check(
        &self,
        state: &State,
        kind: Kind,
        id: &str,
        expect: Expect,
    ) -> Result<Known, CommitError> {
        let known = self.current(state, kind, id).await?;
        let holds = match (expect, &known.now) {
            (Expect::Any, _) | (Expect::Absent, None) | (Expect::Present, Some(_)) => true,
            (Expect::Version(version), Some(record)) => record.version == version,
            (Expect::Absent, Some(_)) | (Expect::Present | Expect::Version(_), None) => false,
        };
        if holds { Ok(known) } else { Err(CommitError::Conflict { kind, id: id.to_owned() }) }
    }

    /// The writes that a commit makes; an error if one of its conditions does not hold.
    async fn effect(&self, state: &State, commit: &Commit) -> Result<Effect, CommitError> {
        let (mut effect, mut named) = (Effect::default(), BTreeSet::new());
        for write in commit {
            let (kind, id, expect) = match write {
                Write::Put { kind, id, expect, .. }
                | Write::Delete { kind, id, expect }
                | Write::Require { kind, id, expect } => (*kind, id, *expect),
                Write::Append { .. } | Write::RequireNone { .. } => continue,
            };
            let is_required = matches!(write, Write::Require { .. });
            if !is_required && !named.insert((kind, id)) {
                return Err(CommitError::Conflict { kind, id: id.clone() });
            }
            let Known { before, now } = self.check(state, kind, id, expect).await?;
            match write {
                Write::Put { doc, unique, index, ordered, .. } => {
                    let version = now.map_or(0, |record| record.version) + 1;
                    effect.versions.push(version);
                    let now = Record { id: id.clone(), version, doc: doc.clone() };
                    let (unique, index) = (unique.clone(), index.clone());
                    let (now, ordered) = (Some(now), ordered.clone());
                    effect.put(kind, id, Written { before, now, unique, index, ordered });
                }
                Write::Delete { .. } if now.is_some() => {
                    effect.put(kind, id, Written { before, ..Written::default() });
                }
                _ => {}
            }
        }
        Ok(effect)
    }

    /// Applies the writes to a copy of what is written, and checks what must hold after them.
    async fn apply(
        &self,
        state: &mut State,
        commit: &Commit,
    ) -> Result<(Vec<u64>, usize), CommitError> {
        let Effect { versions, written } = self.effect(state, commit).await?;
        let mut undo = Vec::new();
        let mut touched = Vec::new();
        for (kind, id, record) in written {
            let old = state.written.entry(kind).or_default().insert(id.clone(), record);
            touched.push((kind, id.clone()));
            undo.push((kind, id, old));
        }
        let checked = self.finish(state, commit, (&mut undo, &mut touched)).await;
        if let Err(error) = checked {
            for (kind, id, old) in undo.into_iter().rev() {
                let records = state.written.entry(kind).or_default();
                match old {
                    Some(old) => drop(records.insert(id, old)),
                    None => drop(records.remove(&id)),
                }
            }
            return Err(error);
        }
        let count = touched.len();
        if count > 0 {
            state.head += 1;
            let sequence = state.head;
            let changes = touched.into_iter().map(|(kind, id)| Change { sequence, kind, id });
            state.changes.extend(changes);
        }
        Ok((versions, count))
    }

    /// The unique keys, the appended records and the conditions on the state after the commit.
    async fn finish(
        &self,
        state: &mut State,
        commit: &Commit,
        (undo, touched): (&mut Vec<Undo>, &mut Vec<(Kind, String)>),
    ) -> Result<(), CommitError> {
        self.check_unique(state, commit).await?;
        for write in commit {
            if let Write::Append { kind, doc, index } = write {
                let id = self.next_id(state, *kind).await?;
                let now = Some(Record { id: id.clone(), version: 1, doc: doc.clone() });
                let written = Written { now, index: index.clone(), ..Written::default() };
                state.written.entry(*kind).or_default().insert(id.clone(), written);
                undo.push((*kind, id.clone(), None));
                touched.push((*kind, id));
            }
        }
        for write in commit {
            if let Write::RequireNone { kind, key } = write
                && self.exists(state, *kind, key).await?
            {
                return Err(CommitError::InUse { kind: *kind, key: key.clone() });
            }
        }
        Ok(())
    }

    /// Refuses a commit after which two records would have the same unique key.
    async fn check_unique(&self, state: &State, commit: &Commit) -> Result<(), CommitError> {
        // Made once for a commit: it may write thousands of records.
        let mut owners: HashMap<(Kind, &Key), usize> = HashMap::new();
        for (kind, records) in &state.written {
            for key in records.values().flat_map(|written| &written.unique) {
                *owners.entry((*kind, key)).or_default() += 1;
            }
        }
        for write in commit {
            let Write::Put { kind, unique, .. } = write else { continue };
            for key in unique {
                let among_written = owners.get(&(*kind, key)).is_some_and(|count| *count > 1);
                if among_written || self.owner_below(state, *kind, key).await?.is_some() {
                    let (field, value) = (key.name, key.value.clone());
                    return Err(CommitError::Taken { kind: *kind, field, value });
                }
            }
        }
        Ok(())
    }

    /// The id after the largest one of the kind.
    async fn next_id(&self, state: &State, kind: Kind) -> Result<String, StoreError> {
        let here = state.written.get(&kind).and_then(|records| records.keys().next_back().cloned());
        let below = self.below.list_back(kind, None, None, 1).await?;
        let below = below.into_iter().next().map(|record| record.id);
        let Some(last) = here.max(below) else { return Ok(number_id(0)) };
        match last.parse::<u64>() {
            Ok(number) => Ok(number_id(number + 1)),
            Err(error) => Err(StoreError::Damaged { kind, id: last, cause: error.to_string() }),
        }
    }

    /// Whether any record has this index key.
    async fn exists(&self, state: &State, kind: Kind, key: &Key) -> Result<bool, StoreError> {
        let Some(written) = state.written.get(&kind) else {
            return Ok(!self.below.list(kind, Some(key), None, 1).await?.is_empty());
        };
        if written.values().any(|written| written.having(Some(key)).is_some()) {
            return Ok(true);
        }
        let mut after = None::<String>;
        loop {
            let page = self.below.list(kind, Some(key), after.as_deref(), PAGE).await?;
            if page.iter().any(|record| !written.contains_key(&record.id)) {
                return Ok(true);
            }
            match page.into_iter().last() {
                Some(last) => after = Some(last.id),
                None => return Ok(false),
            }
        }
    }

    /// How many of the records below that have this key were written here.
    async fn hidden(
        &self,
        written: &BTreeMap<String, Written>,
        kind: Kind,
        key: Option<&Key>,
    ) -> Result<u64, StoreError> {
        let existed = written.iter().filter(|(_, written)| written.before.is_some());
        let Some(key) = key else { return Ok(existed.map(|_| 1).sum()) };
        let mut hidden = 0;
        for (id, _) in existed {
            hidden += u64::from(self.has_below(kind, key, id).await?);
        }
        Ok(hidden)
    }
}

/// What was at a record's place before an insertion, for undoing it.
type Undo = (Kind, String, Option<Written>);

/// A record before the first write here, and now.
struct Known {
    before: Option<Record>,
    now: Option<Record>,
}

#[derive(Default)]
struct Effect {
    versions: Vec<u64>,
    written: Vec<(Kind, String, Written)>,
}

impl Effect {
    fn put(&mut self, kind: Kind, id: &str, written: Written) {
        self.written.push((kind, id.to_owned(), written));
    }
}

#[async_trait]
impl Store for Overlay {
    async fn get(&self, kind: Kind, id: &str) -> Result<Option<Record>, StoreError> {
        let state = self.state.read().await;
        Ok(self.current(&state, kind, id).await?.now)
    }

    async fn find(&self, kind: Kind, key: &Key) -> Result<Option<Record>, StoreError> {
        let state = self.state.read().await;
        let written = state.written.get(&kind).into_iter().flatten();
        let here = written.map(|(_, record)| record).find(|record| record.unique.contains(key));
        match here {
            Some(here) => Ok(here.now.clone()),
            None => self.owner_below(&state, kind, key).await,
        }
    }

    async fn list(
        &self,
        kind: Kind,
        key: Option<&Key>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        self.page(kind, key, after, (limit, false)).await
    }

    async fn list_back(
        &self,
        kind: Kind,
        key: Option<&Key>,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        self.page(kind, key, before, (limit, true)).await
    }

    async fn search(&self, kind: Kind, search: &Search, limit: usize) -> Result<Found, StoreError> {
        let state = self.state.read().await;
        let below = self.below.search(kind, search, limit).await?;
        let Some(written) = state.written.get(&kind) else { return Ok(below) };
        let mut found: BTreeMap<_, _> = below.records.into_iter().collect();
        found.retain(|place, _| !written.contains_key(&place.id));
        for (id, written) in written {
            let Some(now) = &written.now else { continue };
            let place = search.place(id, &written.index, &written.ordered);
            // Behind it are more records of the store below.
            let place = place.filter(|it| below.next.as_ref().is_none_or(|next| it <= next));
            found.extend(place.map(|place| (place, now.clone())));
        }
        let first = Found::first(found, limit);
        Ok(Found { next: first.next.or(below.next), ..first })
    }

    async fn count(&self, kind: Kind, key: Option<&Key>) -> Result<u64, StoreError> {
        let state = self.state.read().await;
        let below = self.below.count(kind, key).await?;
        let Some(written) = state.written.get(&kind) else { return Ok(below) };
        let hidden = self.hidden(written, kind, key).await?;
        let here: u64 = written.values().filter_map(|it| it.having(key)).map(|_| 1).sum();
        Ok((below + here).saturating_sub(hidden))
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        let mut state = self.state.write().await;
        let (versions, touched) = self.apply(&mut state, &commit).await?;
        if touched > 0 {
            self.head.send_replace(state.head);
        }
        Ok(Committed { sequence: state.head, versions })
    }

    async fn head(&self) -> Result<u64, StoreError> {
        Ok(self.state.read().await.head)
    }

    async fn changes(&self, after: u64, wait: Duration) -> Result<Changes, StoreError> {
        let mut head = self.head.subscribe();
        // A timeout means that there are no changes.
        drop(tokio::time::timeout(wait, head.wait_for(|head| *head != after)).await);
        let state = self.state.read().await;
        if after > state.head {
            return Ok(Changes::StartOver { head: state.head });
        }
        let later = state.changes.iter().filter(|change| change.sequence > after);
        Ok(Changes::List(later.cloned().collect()))
    }
}

#[cfg(test)]
#[cfg(feature = "sled")]
mod tests;
