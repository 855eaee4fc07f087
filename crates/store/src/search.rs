//! Searches: records that have several keys, or a key whose value begins with a text.

use crate::{Key, Record};

/// Which records a search finds: those that meet all conditions. Without `prefix`, they are in order
/// of id, otherwise in order of their first value with that beginning, and then of id. Texts are in
/// the order of their UTF-8 bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// Index keys, all of which the record has.
    pub all: Vec<Key>,
    /// Index keys, at least one of which the record has; no condition if empty.
    pub any: Vec<Key>,
    /// The record has an ordered key with this name and a value that begins with this one.
    pub prefix: Option<Key>,
    /// Where to continue: only records after this place.
    pub after: Option<Place>,
}

/// A place in the results of a search.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The value of the ordered key; empty without [`Search::prefix`].
    pub value: String,
    /// The id of the record.
    pub id: String,
}

/// What a search has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The records, each with its place.
    pub records: Vec<(Place, Record)>,
    /// Where to continue; `None` if there are no further records.
    pub next: Option<Place>,
}

impl Search {
    /// The place of a record with these keys in the results; `None` if it is not among them.
    #[must_use]
    pub fn place(&self, id: &str, index: &[Key], ordered: &[Key]) -> Option<Place> {
        let holds = self.all.iter().all(|key| index.contains(key))
            && (self.any.is_empty() || self.any.iter().any(|key| index.contains(key)));
        let value = match &self.prefix {
            None => Some(""),
            Some(Key { name, value }) => ordered
                .iter()
                .filter(|key| key.name == *name && key.value.starts_with(value))
                .map(|key| key.value.as_str())
                .min(),
        };
        let place = Place { value: value?.to_owned(), id: id.to_owned() };
        (holds && self.after.as_ref().is_none_or(|after| place > *after)).then_some(place)
    }
}

impl Found {
    /// The first of all records that were found; one more than `limit` shows that there are others.
    #[must_use]
    pub fn first(all: impl IntoIterator<Item = (Place, Record)>, limit: usize) -> Self {
        let mut found = Self::default();
        for (place, record) in all {
            if found.records.len() == limit {
                found.next = found.records.last().map(|(place, _)| place.clone());
                break;
            }
            found.records.push((place, record));
        }
        found
    }
}
