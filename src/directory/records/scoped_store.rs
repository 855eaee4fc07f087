//! The store as a limited scope shows it: records outside are as if they did not exist.
//!
//! A reader over it cannot show them, whatever operation it is used by. Commits do not go through it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use portcullis_store::{
    Changes, Commit, CommitError, Committed, Found, Key, Kind, Record, Search, Store, StoreError,
};
use serde_json::Value;

use super::belonging::{self, Belonging, ORGANIZATION_KEY, belonging};
use super::document::{Document as _, Organization};
use super::id::OrganizationId;
use super::kind;
use super::predecessor;
use super::scope::Scope;
use super::stored::Stored;

/// How many records are read at a time when not all of them are shown.
const BATCH: usize = 200;

/// A store limited to a scope.
#[derive(Debug)]
pub(super) struct ScopedStore {
    pub(super) whole: Arc<dyn Store>,
    pub(super) scope: Scope,
}

/// From where to read, and in which direction.
#[derive(Clone, Copy)]
enum From<'a> {
    After(Option<&'a str>),
    Before(Option<&'a str>),
}

impl ScopedStore {
    async fn shown(&self, kind: Kind, record: Record) -> Result<Option<Record>, StoreError> {
        let shown = (kind, &*record.id, &*record.doc);
        if !belonging::shows(&self.whole, &self.scope, shown).await? {
            return Ok(None);
        }
        if kind == kind::AUDIT
            && let Some(first) = self.deletion(&field(&record, ORGANIZATION_KEY)).await?
            && record.id <= first
        {
            return Ok(None);
        }
        Ok(Some(record))
    }

    /// The number of the entry about the deletion of an earlier organization with this id. Entries up
    /// to it are about that one.
    async fn deletion(&self, organization: &str) -> Result<Option<String>, StoreError> {
        let deletion = predecessor::deletion(&self.whole, organization).await?;
        Ok(deletion.map(|record| record.id))
    }

    /// Records that belong to an organization, without those of an earlier one with its id.
    async fn of_one(
        &self,
        kind: Kind,
        key: &Key,
        from: From<'_>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let deletion = match kind {
            kind::AUDIT => self.deletion(&key.value).await?,
            _ => None,
        };
        let Some(deletion) = deletion else { return self.read(kind, Some(key), from, limit).await };
        let from = match from {
            From::After(after) => From::After(Some(after.unwrap_or_default().max(&deletion))),
            before @ From::Before(_) => before,
        };
        let mut records = self.read(kind, Some(key), from, limit).await?;
        records.retain(|record| record.id > deletion);
        Ok(records)
    }

    async fn read(
        &self,
        kind: Kind,
        key: Option<&Key>,
        from: From<'_>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        match from {
            From::After(after) => self.whole.list(kind, key, after, limit).await,
            From::Before(before) => self.whole.list_back(kind, key, before, limit).await,
        }
    }

    /// Up to `limit` records of the kind that belong to the scope's organizations.
    async fn of_all(
        &self,
        kind: Kind,
        from: From<'_>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let mut records = Vec::new();
        for id in self.scope.limited().into_iter().flatten() {
            if belonging(kind) == Belonging::Organization {
                let is_next = match from {
                    From::After(after) => after.is_none_or(|after| id.as_str() > after),
                    From::Before(before) => before.is_none_or(|before| id.as_str() < before),
                };
                if is_next {
                    records.extend(self.whole.get(kind, id.as_str()).await?);
                }
                continue;
            }
            let key = Key::new(ORGANIZATION_KEY, id.as_str());
            records.extend(self.of_one(kind, &key, from, limit).await?);
        }
        match from {
            From::After(_) => records.sort_unstable_by(|a, b| a.id.cmp(&b.id)),
            From::Before(_) => records.sort_unstable_by(|a, b| b.id.cmp(&a.id)),
        }
        records.truncate(limit);
        Ok(records)
    }

    async fn scan(
        &self,
        kind: Kind,
        key: Option<&Key>,
        from: From<'_>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let how = belonging(kind);
        match (how, key) {
            (Belonging::Hidden, _) => return Ok(Vec::new()),
            (Belonging::Shared, _) => return self.read(kind, key, from, limit).await,
            (Belonging::Organization | Belonging::Named, None) => {
                return self.of_all(kind, from, limit).await;
            }
            (Belonging::Named, Some(key)) if key.name == ORGANIZATION_KEY => {
                return match self.scope.includes(&key.value) {
                    true => self.of_one(kind, key, from, limit).await,
                    false => Ok(Vec::new()),
                };
            }
            _ => {}
        }
        let size = limit.max(BATCH);
        let (mut records, mut at) = (Vec::new(), None::<String>);
        loop {
            let from = match (&at, from) {
                (None, from) => from,
                (Some(at), From::After(_)) => From::After(Some(at)),
                (Some(at), From::Before(_)) => From::Before(Some(at)),
            };
            let batch = match key {
                // A group can have many more members than the scope has.
                Some(key) if is_group_of_users(kind, key) => self.of_all(kind, from, size).await?,
                key => self.read(kind, key, from, size).await?,
            };
            let is_last = batch.len() < size;
            at = batch.last().map(|record| record.id.clone());
            for record in batch {
                let has_key = key.is_none_or(|key| {
                    !is_group_of_users(kind, key) || field(&record, key.name) == key.value
                });
                if has_key {
                    records.extend(self.shown(kind, record).await?);
                }
                if records.len() == limit {
                    return Ok(records);
                }
            }
            if is_last {
                return Ok(records);
            }
        }
    }

    /// How many records of the scope's organizations have an index key.
    async fn count_found(&self, kind: Kind, key: &Key) -> Result<u64, StoreError> {
        let mut search = Search { all: vec![key.clone()], ..Search::default() };
        let mut count = 0;
        loop {
            let found = self.search(kind, &search, BATCH).await?;
            count += u64::try_from(found.records.len()).unwrap_or(u64::MAX);
            let Some(next) = found.next else { return Ok(count) };
            search.after = Some(next);
        }
    }

    /// Reads all organizations of the scope.
    async fn search_organizations(
        &self,
        search: &Search,
        limit: usize,
    ) -> Result<Found, StoreError> {
        let mut found = BTreeMap::new();
        for id in self.scope.limited().into_iter().flatten() {
            let record = self.whole.get(kind::ORGANIZATION, id.as_str()).await?;
            let Some(record) = record else { continue };
            let stored = Stored::<Organization>::decode_intact(record.clone());
            let ordered = stored.map(|stored| stored.doc.ordered(id)).unwrap_or_default();
            found.extend(search.place(id.as_str(), &[], &ordered).map(|place| (place, record)));
        }
        Ok(Found::first(found, limit))
    }

    /// How many records of the kind are outside of the scope.
    pub(super) async fn hidden(&self, kind: Kind) -> Result<u64, StoreError> {
        let all = self.whole.count(kind, None).await?;
        Ok(all.saturating_sub(self.count(kind, None).await?))
    }
}

fn is_group_of_users(kind: Kind, key: &Key) -> bool {
    kind == kind::USER && key.name == "group"
}

/// A field of a document; empty if it is not text.
fn field(record: &Record, name: &str) -> String {
    let doc = serde_json::from_slice::<Value>(&record.doc).unwrap_or_default();
    doc.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[async_trait]
impl Store for ScopedStore {
    async fn get(&self, kind: Kind, id: &str) -> Result<Option<Record>, StoreError> {
        match self.whole.get(kind, id).await? {
            Some(record) => self.shown(kind, record).await,
            None => Ok(None),
        }
    }

    async fn find(&self, kind: Kind, key: &Key) -> Result<Option<Record>, StoreError> {
        match self.whole.find(kind, key).await? {
            Some(record) => self.shown(kind, record).await,
            None => Ok(None),
        }
    }

    async fn list(
        &self,
        kind: Kind,
        key: Option<&Key>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        self.scan(kind, key, From::After(after), limit).await
    }

    async fn list_back(
        &self,
        kind: Kind,
        key: Option<&Key>,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        self.scan(kind, key, From::Before(before), limit).await
    }

    async fn search(&self, kind: Kind, search: &Search, limit: usize) -> Result<Found, StoreError> {
        let mut search = search.clone();
        match belonging(kind) {
            Belonging::Shared => return self.whole.search(kind, &search, limit).await,
            Belonging::Hidden => return Ok(Found::default()),
            Belonging::Organization => return self.search_organizations(&search, limit).await,
            // By the organizations' own indexes, however few records they are of all.
            Belonging::Named if search.any.is_empty() => {
                let organizations = self.scope.limited().into_iter().flatten();
                let of = |id: &OrganizationId| Key::new(ORGANIZATION_KEY, id.as_str());
                search.any = organizations.map(of).collect();
                if search.any.is_empty() {
                    return Ok(Found::default());
                }
            }
            _ => {}
        }
        let found = self.whole.search(kind, &search, limit).await?;
        let mut shown = Found { next: found.next, ..Found::default() };
        for (place, record) in found.records {
            let record = self.shown(kind, record).await?;
            shown.records.extend(record.map(|record| (place, record)));
        }
        Ok(shown)
    }

    async fn count(&self, kind: Kind, key: Option<&Key>) -> Result<u64, StoreError> {
        match (belonging(kind), key) {
            (Belonging::Shared, _) => return self.whole.count(kind, key).await,
            (Belonging::Named, Some(key)) if key.name == ORGANIZATION_KEY => {
                return match self.scope.includes(&key.value) {
                    true => self.whole.count(kind, Some(key)).await,
                    false => Ok(0),
                };
            }
            (Belonging::Named, None) => {
                let mut count = 0;
                for id in self.scope.limited().into_iter().flatten() {
                    let key = Key::new(ORGANIZATION_KEY, id.as_str());
                    count += self.whole.count(kind, Some(&key)).await?;
                }
                return Ok(count);
            }
            (Belonging::Named, Some(key)) => return self.count_found(kind, key).await,
            _ => {}
        }
        let (mut count, mut after) = (0, None::<String>);
        loop {
            let records = self.list(kind, key, after.as_deref(), BATCH).await?;
            count += u64::try_from(records.len()).unwrap_or(u64::MAX);
            if records.len() < BATCH {
                return Ok(count);
            }
            after = records.last().map(|record| record.id.clone());
        }
    }

    async fn commit(&self, _: Commit) -> Result<Committed, CommitError> {
        Err(StoreError::Unavailable("a limited scope is for reading only".to_owned()).into())
    }

    async fn head(&self) -> Result<u64, StoreError> {
        self.whole.head().await
    }

    async fn changes(&self, after: u64, wait: Duration) -> Result<Changes, StoreError> {
        self.whole.changes(after, wait).await
    }
}
