//! Documents in and out of the store, and the one way an operation changes them.
//!
//! An operation reads, applies its rules, and commits on condition that what it read still holds.
//! When it does not, the operation starts again from what holds now, so that its rules are judged
//! against the state it writes on. A caller's expected version is part of what is read: it fails
//! the moment it no longer fits. What takes long (a password's hash) is done in the first attempt
//! and kept for the others, which wait for each other.

use tokio::sync::Mutex;

use crate::directory::error::{DirectoryError, Stopped};
use crate::directory::id::RecordId as _;
use crate::directory::page::{Page, PageRequest};
use crate::directory::record::Document;
use portcullis_store::{Expect, Key, Kind, Record, Store, StoreError, Write};

/// How often an operation starts again. Each time another commit went through, so this is reached
/// only under a storm of changes to the same record by other processes.
const ATTEMPTS: usize = 16;

/// So many records are read at once.
const AT_ONCE: usize = 1000;

/// Held by the one operation that starts again. The first attempts of all run side by side; were
/// the others to do so too, each round would let one through and all the rest start again.
static AGAIN: Mutex<()> = Mutex::const_new(());

/// A document as it stands in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored<T: Document> {
    /// The record's id.
    pub id: T::Id,
    /// The record's version.
    pub version: u64,
    /// What it says.
    pub doc: T,
}

impl<T: Document> Stored<T> {
    /// The write that replaces the document, and what then stands in the store. When nothing
    /// changes, the write only holds the record in place.
    pub(super) fn replace(&self, doc: T) -> (Write, Self)
    where
        T: PartialEq,
    {
        let id = self.id.clone();
        if doc == self.doc {
            return (self.require(), Self { id, version: self.version, doc });
        }
        let write = put(&id, Expect::Version(self.version), &doc);
        (write, Self { id, version: self.version + 1, doc })
    }

    /// This, if it is at the version the caller expects.
    pub(super) fn at(self, expected: Option<u64>) -> Result<Self, DirectoryError> {
        match expected {
            Some(expected) if expected != self.version => {
                let Self { id, version, .. } = self;
                Err(DirectoryError::Changed { what: T::KIND, id: id.as_ref().to_owned(), version })
            }
            _ => Ok(self),
        }
    }

    /// The condition that the record is still this one.
    pub(super) fn require(&self) -> Write {
        Write::Require {
            kind: T::KIND,
            id: self.id.as_ref().to_owned(),
            expect: Expect::Version(self.version),
        }
    }

    /// The write that removes this.
    pub(super) fn delete(&self) -> Write {
        Write::Delete {
            kind: T::KIND,
            id: self.id.as_ref().to_owned(),
            expect: Expect::Version(self.version),
        }
    }
}

/// The document with this id.
pub(super) async fn get<T: Document>(
    store: &dyn Store,
    id: &T::Id,
) -> Result<Option<Stored<T>>, StoreError> {
    if !id.is_valid() {
        return Ok(None);
    }
    store.get(T::KIND, id.as_ref()).await?.map(decode).transpose()
}

/// The document with this id, which there must be, at the version the caller expects.
pub(super) async fn existing<T: Document>(
    store: &dyn Store,
    id: &T::Id,
    expected: Option<u64>,
) -> Result<Stored<T>, DirectoryError> {
    match get::<T>(store, id).await? {
        Some(stored) => stored.at(expected),
        None => Err(DirectoryError::not_found(T::KIND, id.as_ref())),
    }
}

/// The document that has this unique key.
pub(super) async fn find<T: Document>(
    store: &dyn Store,
    key: &Key,
) -> Result<Option<Stored<T>>, StoreError> {
    if key.value.contains('\0') {
        return Ok(None);
    }
    store.find(T::KIND, key).await?.map(decode).transpose()
}

/// A page of the documents, of those with `key` if one is given, without those that are damaged.
pub(super) async fn page<T: Document>(
    store: &dyn Store,
    key: Option<&Key>,
    request: &PageRequest,
) -> Result<Page<Stored<T>>, StoreError> {
    // One more than asked for tells whether there is a next page.
    let limit = request.limit();
    let records = store.list(T::KIND, key, request.after(), limit + 1).await?;
    let Page { items, next } = Page::cut(records, limit, |record| &record.id);
    Ok(Page { items: items.into_iter().filter_map(intact).collect(), next })
}

/// All the documents, of those with `key` if one is given; an error if one of them is damaged.
pub(super) async fn all<T: Document>(
    store: &dyn Store,
    key: Option<&Key>,
) -> Result<Vec<Stored<T>>, StoreError> {
    every(store, T::KIND, key).await?.into_iter().map(decode).collect()
}

/// The same without those that are damaged.
pub(super) async fn all_intact<T: Document>(
    store: &dyn Store,
    key: Option<&Key>,
) -> Result<Vec<Stored<T>>, StoreError> {
    Ok(every(store, T::KIND, key).await?.into_iter().filter_map(intact).collect())
}

async fn every(
    store: &dyn Store,
    kind: Kind,
    key: Option<&Key>,
) -> Result<Vec<Record>, StoreError> {
    let mut every: Vec<Record> = Vec::new();
    loop {
        let after = every.last().map(|record| record.id.as_str());
        let records = store.list(kind, key, after, AT_ONCE).await?;
        let last = records.len() < AT_ONCE;
        every.extend(records);
        if last {
            return Ok(every);
        }
    }
}

/// The document in a record. One that is damaged is told in the log and left out, so that it harms
/// nobody else: whoever asks for it by itself is told.
pub(super) fn intact<T: Document>(record: Record) -> Option<Stored<T>> {
    decode(record)
        .inspect_err(|error| tracing::error!(%error, "a record is left out of what is shown"))
        .ok()
}

/// The write that makes or replaces a document, with its keys.
pub(super) fn put<T: Document>(id: &T::Id, expect: Expect, doc: &T) -> Write {
    #[expect(clippy::expect_used, reason = "the documents are structs of strings and numbers")]
    let json = serde_json::to_vec(doc).expect("a document is JSON");
    Write::Put {
        kind: T::KIND,
        id: id.as_ref().to_owned(),
        expect,
        doc: json.into(),
        unique: doc.unique(),
        index: doc.index(),
    }
}

/// The condition that a record exists.
pub(super) fn present<T: Document>(id: &T::Id) -> Write {
    Write::Require { kind: T::KIND, id: id.as_ref().to_owned(), expect: Expect::Present }
}

/// Tries until an attempt is not raced, a bounded number of times. An operation that was raced
/// waits for its turn among those that were too. No attempt may hold another one.
pub(super) async fn attempt<R, F>(once: impl Fn() -> F) -> Result<R, DirectoryError>
where
    F: Future<Output = Result<R, Stopped>>,
{
    let mut turn = None;
    for _ in 0..ATTEMPTS {
        match once().await {
            Ok(done) => return Ok(done),
            Err(Stopped::Failed(error)) => return Err(error),
            Err(Stopped::Raced) if turn.is_none() => turn = Some(AGAIN.lock().await),
            Err(Stopped::Raced) => {}
        }
    }
    Err(DirectoryError::Contended)
}

fn decode<T: Document>(record: Record) -> Result<Stored<T>, StoreError> {
    match serde_json::from_slice(&record.doc) {
        Ok(doc) => Ok(Stored { id: record.id.into(), version: record.version, doc }),
        Err(error) => {
            Err(StoreError::Damaged { kind: T::KIND, id: record.id, cause: error.to_string() })
        }
    }
}
