//! Reading documents.

use std::sync::Arc;

use jiff::Timestamp;
use portcullis_store::overlay::Overlay;
use portcullis_store::{Found, Key, Kind, Record, Search, Store, StoreError};

use super::document::Document;
use super::id::RecordId as _;
use super::page::{Cursor, Page, PageRequest};
use super::predecessor;
use super::scope::Scope;
use super::scoped_store::ScopedStore;
use super::stored::Stored;
use crate::directory::error::DirectoryError;

/// How many records are read at a time.
const BATCH: usize = 1000;

/// The store, for reading only: all of it, or what a limited scope shows.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    store: Arc<dyn Store>,
    limited: Option<Arc<ScopedStore>>,
}

impl Reader {
    pub(in crate::directory) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, limited: None }
    }

    /// The same store as a scope shows it. A reader that is limited already stays so.
    pub(in crate::directory) fn within(&self, scope: &Scope) -> Self {
        if self.limited.is_some() || !scope.is_limited() {
            return self.clone();
        }
        let scoped = ScopedStore { whole: Arc::clone(&self.store), scope: scope.clone() };
        let scoped = Arc::new(scoped);
        Self { store: Arc::clone(&scoped) as Arc<dyn Store>, limited: Some(scoped) }
    }

    /// A reader of all of the store, whatever the scope shows.
    pub(in crate::directory) fn unlimited(&self) -> Self {
        Self::new(Arc::clone(self.whole()))
    }

    /// All of the store, whatever the scope shows.
    pub(super) fn whole(&self) -> &Arc<dyn Store> {
        self.limited.as_ref().map_or(&self.store, |limited| &limited.whole)
    }

    /// Whether a limited scope is read.
    pub(crate) const fn is_limited(&self) -> bool {
        self.limited.is_some()
    }

    /// How many records of this kind are outside of the scope; `None` if it is not limited.
    pub(crate) async fn hidden(&self, kind: Kind) -> Result<Option<u64>, StoreError> {
        match &self.limited {
            Some(limited) => limited.hidden(kind).await.map(Some),
            None => Ok(None),
        }
    }

    /// An overlay over the store that it reads, for a dry run.
    pub(in crate::directory) fn overlay(&self) -> Arc<Overlay> {
        Arc::new(Overlay::new(Arc::clone(self.whole())))
    }

    /// When an organization with this id was last deleted; the present one is younger.
    pub(crate) async fn deleted_at(
        &self,
        organization: &str,
    ) -> Result<Option<Timestamp>, StoreError> {
        predecessor::deleted_at(self.whole(), organization).await
    }

    /// The document with this id.
    pub(crate) async fn get<T: Document>(
        &self,
        id: &T::Id,
    ) -> Result<Option<Stored<T>>, StoreError> {
        if !id.is_valid() {
            return Ok(None);
        }
        self.store.get(T::KIND, id.as_ref()).await?.map(Stored::decode).transpose()
    }

    /// The record of this kind with this id, for modules that decode their own.
    pub(crate) async fn record(&self, kind: Kind, id: &str) -> Result<Option<Record>, StoreError> {
        self.store.get(kind, id).await
    }

    /// Up to `limit` records of this kind in order of id: those after `after` that have `key`.
    pub(crate) async fn list(
        &self,
        kind: Kind,
        key: Option<&Key>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        self.store.list(kind, key, after, limit).await
    }

    /// Up to `limit` records of this kind from the last one back: those before `before` that have
    /// `key`.
    pub(crate) async fn list_back(
        &self,
        kind: Kind,
        key: Option<&Key>,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        self.store.list_back(kind, key, before, limit).await
    }

    /// Succeeds if the store answers.
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        self.store.head().await.map(drop)
    }

    /// The document with this id, at the expected version; an error if it does not exist.
    pub(crate) async fn existing<T: Document>(
        &self,
        id: &T::Id,
        expected: Option<u64>,
    ) -> Result<Stored<T>, DirectoryError> {
        match self.get::<T>(id).await? {
            Some(stored) => stored.at(expected),
            None => Err(DirectoryError::not_found(T::KIND, id.as_ref())),
        }
    }

    /// The document that has this unique key.
    pub(crate) async fn find<T: Document>(
        &self,
        key: &Key,
    ) -> Result<Option<Stored<T>>, StoreError> {
        if key.value.contains('\0') {
            return Ok(None);
        }
        self.store.find(T::KIND, key).await?.map(Stored::decode).transpose()
    }

    /// How many documents there are, or how many of them have `key`.
    pub(crate) async fn count<T: Document>(&self, key: Option<&Key>) -> Result<u64, StoreError> {
        self.store.count(T::KIND, key).await
    }

    /// How many records of this kind there are, or how many of them have `key`.
    pub(crate) async fn count_records(
        &self,
        kind: Kind,
        key: Option<&Key>,
    ) -> Result<u64, StoreError> {
        self.store.count(kind, key).await
    }

    /// Up to `limit` records in order of id: those after `after` that have `key`.
    pub(crate) async fn records<T: Document>(
        &self,
        key: Option<&Key>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        self.list(T::KIND, key, after, limit).await
    }

    /// A page of the documents that have `key`, without damaged ones.
    pub(crate) async fn page<T: Document>(
        &self,
        key: Option<&Key>,
        request: &PageRequest,
    ) -> Result<Page<Stored<T>>, StoreError> {
        // One more than requested shows whether there is a next page.
        let limit = request.limit();
        let records = self.records::<T>(key, request.after(), limit + 1).await?;
        let Page { items, next } = Page::cut(records, limit, |record| &record.id);
        Ok(Page { items: items.into_iter().filter_map(Stored::decode_intact).collect(), next })
    }

    /// The same from the last document back.
    pub(crate) async fn page_back<T: Document>(
        &self,
        key: Option<&Key>,
        request: &PageRequest,
    ) -> Result<Page<Stored<T>>, StoreError> {
        let limit = request.limit();
        let records = self.list_back(T::KIND, key, request.after(), limit + 1).await?;
        let Page { items, next } = Page::cut(records, limit, |record| &record.id);
        Ok(Page { items: items.into_iter().filter_map(Stored::decode_intact).collect(), next })
    }

    /// Up to `limit` records that a search finds.
    pub(crate) async fn search<T: Document>(
        &self,
        search: &Search,
        limit: usize,
    ) -> Result<Found, StoreError> {
        self.store.search(T::KIND, search, limit).await
    }

    /// A page of the documents that a search finds, without damaged ones. It may hold fewer than
    /// requested although there are more.
    pub(crate) async fn searched<T: Document>(
        &self,
        search: &Search,
        limit: usize,
    ) -> Result<Page<Stored<T>>, StoreError> {
        let Found { records, next } = self.search::<T>(search, limit).await?;
        let records = records.into_iter().map(|(_, record)| record);
        let items = records.filter_map(Stored::decode_intact).collect();
        Ok(Page { items, next: next.as_ref().map(Cursor::at) })
    }

    /// All documents that have `key`; an error if one of them is damaged.
    pub(crate) async fn all<T: Document>(
        &self,
        key: Option<&Key>,
    ) -> Result<Vec<Stored<T>>, StoreError> {
        self.every::<T>(key).await?.into_iter().map(Stored::decode).collect()
    }

    /// All documents that have `key`, without damaged ones.
    pub(crate) async fn all_intact<T: Document>(
        &self,
        key: Option<&Key>,
    ) -> Result<Vec<Stored<T>>, StoreError> {
        Ok(self.every::<T>(key).await?.into_iter().filter_map(Stored::decode_intact).collect())
    }

    async fn every<T: Document>(&self, key: Option<&Key>) -> Result<Vec<Record>, StoreError> {
        let mut every: Vec<Record> = Vec::new();
        loop {
            let after = every.last().map(|record| record.id.as_str());
            let records = self.records::<T>(key, after, BATCH).await?;
            let last = records.len() < BATCH;
            every.extend(records);
            if last {
                return Ok(every);
            }
        }
    }
}
