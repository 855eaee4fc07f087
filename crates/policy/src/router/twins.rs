//! Finds all shapes that a path may match in other readings.

use super::{Node, Router, Shape};
use crate::reading::{Part, Reading, Readings, Unreadable};

/// Most nodes that are visited for one path. A path that needs more is refused.
pub(crate) const MAX_VISITS: usize = 512;

/// The search for the shapes of one spelling.
struct Search<'s, V> {
    parts: &'s [&'s Part<'s>],
    readings: Readings,
    visits: &'s mut usize,
    visit: V,
}

impl Router {
    /// Calls `visit` with each shape that the path may match, with each of its segments in any of the
    /// enabled readings, and with the readings that lead to it: those in `by` and more. Returns
    /// whether every combination matches a shape.
    ///
    /// # Errors
    /// The first error of `visit`, or [`Unreadable::TooMany`] after `visits` nodes.
    pub(crate) fn each_twin<'r, E: From<Unreadable>>(
        &'r self,
        host: &str,
        (parts, by): (&[&Part<'_>], Readings),
        visits: &mut usize,
        visit: impl FnMut(&'r Shape, Readings) -> Result<(), E>,
    ) -> Result<bool, E> {
        let mut search = Search { parts, readings: self.readings, visits, visit };
        let bound = if self.by_host.is_empty() { None } else { self.by_host.get(host) };
        if let Some(bound) = bound
            && search.at(bound, 0, by)?
        {
            return Ok(true);
        }
        search.at(&self.every_host, 0, by)
    }
}

impl<V> Search<'_, V> {
    /// Searches below a node, for the segments from `place` on.
    fn at<'r, E: From<Unreadable>>(
        &mut self,
        node: &'r Node,
        place: usize,
        by: Readings,
    ) -> Result<bool, E>
    where
        V: FnMut(&'r Shape, Readings) -> Result<(), E>,
    {
        *self.visits = self.visits.checked_sub(1).ok_or(Unreadable::TooMany)?;
        let Some(part) = self.parts.get(place).copied() else {
            return self.at_the_end(node, by);
        };
        let mut complete = false;
        if let Some(literal) = part.literal {
            if let Some(next) = node.literals.get(literal) {
                complete = self.at(next, place + 1, by)?;
            }
        } else if !node.by_key.is_empty() {
            let last = place + 1 == self.parts.len();
            let cuts = part.cuts(last, self.readings)?;
            let only = cuts.len() == 1;
            for (text, cut_by) in cuts {
                let key = self.readings.key(text);
                for twin in node.by_key.get(&*key).into_iter().flatten() {
                    let Some(next) = node.literals.get(&twin.canonical) else { continue };
                    let as_it_is = *twin.decoded == *text;
                    let folded = if as_it_is {
                        Readings::NONE
                    } else {
                        self.readings.folding(text, &twin.decoded)
                    };
                    let changed = by.and(cut_by).and(folded);
                    let found = self.at(next, place + 1, changed)?;
                    complete |= only && as_it_is && found;
                }
            }
        }
        if !complete
            && let Some(variable) = &node.variable
            && !part.text.is_empty()
        {
            complete = self.at(variable, place + 1, by)?;
        }
        match &node.rest {
            Some(rest) if !complete => (self.visit)(rest, by).map(|()| true),
            Some(_) | None => Ok(complete),
        }
    }

    fn at_the_end<'r, E>(&mut self, node: &'r Node, by: Readings) -> Result<bool, E>
    where
        V: FnMut(&'r Shape, Readings) -> Result<(), E>,
    {
        let ends_open = self.parts.last().is_some_and(|part| part.literal.is_none());
        if ends_open
            && self.readings.has(Reading::Slash)
            && let Some(shape) = node.literals.get("").and_then(|node| node.end.as_ref())
        {
            (self.visit)(shape, by.and(Readings::of(Reading::Slash)))?;
        }
        match node.end.as_ref().or(node.rest.as_ref()) {
            Some(shape) => (self.visit)(shape, by).map(|()| true),
            None => Ok(false),
        }
    }
}
