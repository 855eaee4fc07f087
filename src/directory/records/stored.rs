//! Documents as records: decoded with their id and version, and turned into writes.

use portcullis_store::{Expect, Record, StoreError, Write};

use super::document::{Document, User};
use crate::directory::error::DirectoryError;
use crate::telemetry::events::Account;

/// A document as it is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored<T: Document> {
    /// The record's id.
    pub id: T::Id,
    /// The record's version.
    pub version: u64,
    /// The document.
    pub doc: T,
}

impl<T: Document> Stored<T> {
    /// Decodes a record.
    pub(in crate::directory) fn decode(record: Record) -> Result<Self, StoreError> {
        match serde_json::from_slice(&record.doc) {
            Ok(doc) => Ok(Self { id: record.id.into(), version: record.version, doc }),
            Err(error) => {
                Err(StoreError::Damaged { kind: T::KIND, id: record.id, cause: error.to_string() })
            }
        }
    }

    /// Decodes a record of a list. A damaged one is logged and left out, so that it hides none of
    /// the others; reading it by its id is an error.
    pub(crate) fn decode_intact(record: Record) -> Option<Self> {
        Self::decode(record)
            .inspect_err(|error| tracing::error!(%error, "damaged record left out of a list"))
            .ok()
    }

    /// The write that replaces the document, and what is in the store after it. If the document is
    /// the same, the write only requires the record to be still at this version.
    pub(crate) fn replace(&self, doc: T) -> (Write, Self)
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

    /// This document, if it is at the expected version.
    pub(in crate::directory) fn at(self, expected: Option<u64>) -> Result<Self, DirectoryError> {
        match expected {
            Some(expected) if expected != self.version => {
                let Self { id, version, .. } = self;
                Err(DirectoryError::Changed { what: T::KIND, id: id.as_ref().to_owned(), version })
            }
            _ => Ok(self),
        }
    }

    /// The condition that the record is still at this version.
    pub(crate) fn require(&self) -> Write {
        let (id, expect) = (self.id.as_ref().to_owned(), Expect::Version(self.version));
        Write::Require { kind: T::KIND, id, expect }
    }

    /// The write that removes the record, if it is still at this version.
    pub(crate) fn delete(&self) -> Write {
        let (id, expect) = (self.id.as_ref().to_owned(), Expect::Version(self.version));
        Write::Delete { kind: T::KIND, id, expect }
    }
}

impl Stored<User> {
    /// The user in an event.
    pub(in crate::directory) fn account(&self) -> Account<'_> {
        Account {
            user: self.id.as_str(),
            organization: self.doc.organization.as_str(),
            login: &self.doc.login,
        }
    }
}

/// The write that creates or replaces a document, with its keys.
pub(crate) fn put<T: Document>(id: &T::Id, expect: Expect, doc: &T) -> Write {
    #[expect(clippy::expect_used, reason = "the documents are structs of strings and numbers")]
    let json = serde_json::to_vec(doc).expect("a document is JSON");
    Write::Put {
        kind: T::KIND,
        id: id.as_ref().to_owned(),
        expect,
        doc: json.into(),
        unique: doc.unique(),
        index: doc.index(),
        ordered: doc.ordered(id),
    }
}

/// The condition that a record exists.
pub(in crate::directory) fn present<T: Document>(id: &T::Id) -> Write {
    Write::Require { kind: T::KIND, id: id.as_ref().to_owned(), expect: Expect::Present }
}
