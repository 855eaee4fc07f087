//! Literals of one position, found exactly or in another reading.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::reading::{Readings, decoded};

/// A value for each literal.
#[derive(Debug)]
pub(super) struct Literals<T> {
    exact: HashMap<Box<str>, T, RandomState>,
    /// The literals by [`Readings::key`].
    by_key: HashMap<Box<str>, Vec<Literal>, RandomState>,
}

/// A literal.
#[derive(Debug)]
struct Literal {
    /// In canonical form.
    canonical: Box<str>,
    /// Decoded.
    decoded: Box<str>,
}

impl<T> Default for Literals<T> {
    fn default() -> Self {
        Self { exact: HashMap::default(), by_key: HashMap::default() }
    }
}

impl<T> Literals<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.exact.is_empty()
    }

    /// The value of a literal in canonical form.
    pub(super) fn get(&self, canonical: &str) -> Option<&T> {
        self.exact.get(canonical)
    }

    /// The value of a literal in canonical form; the default value is added if it is missing.
    pub(super) fn entry(&mut self, canonical: &str, readings: Readings) -> &mut T
    where
        T: Default,
    {
        if !self.exact.contains_key(canonical) {
            let decoded = decoded(canonical);
            let literal = Literal { canonical: canonical.into(), decoded: decoded.as_ref().into() };
            let key = readings.key(&decoded);
            self.by_key.entry(key.as_ref().into()).or_default().push(literal);
        }
        self.exact.entry(canonical.into()).or_default()
    }

    /// All values.
    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.exact.values()
    }

    /// The values of all literals that a decoded text may be taken for, with the reading by which;
    /// [`Readings::NONE`] for the same text.
    pub(super) fn twins<'l>(
        &'l self,
        text: &str,
        readings: Readings,
    ) -> impl Iterator<Item = (&'l T, Readings)> {
        let twins = self.by_key.get(&*readings.key(text)).into_iter().flatten();
        twins.filter_map(move |twin| {
            let value = self.exact.get(&twin.canonical)?;
            let is_same = *twin.decoded == *text;
            let by = if is_same { Readings::NONE } else { readings.folding(text, &twin.decoded) };
            Some((value, by))
        })
    }
}
