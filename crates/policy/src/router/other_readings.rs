//! Finds all shapes that a path may match in other readings.

use std::borrow::Cow;
use std::marker::PhantomData;

use super::Router;
use super::literals::Literals;
use super::shape::Shape;
use super::tree::{Node, Tail, Typed};
use crate::reading::{Part, Reading, Readings, Unreadable};
use crate::segment_type::{extension_of, is_int, is_uuid, is_word};

/// Most nodes that are visited for one path. A path that needs more is refused.
pub(crate) const MAX_VISITS: usize = 512;

/// The search for the shapes of one spelling.
struct Search<'s, V, E> {
    parts: &'s [&'s Part<'s>],
    readings: Readings,
    /// Whether less specific shapes are visited too.
    every: bool,
    visits: &'s mut usize,
    visit: V,
    error: PhantomData<fn() -> E>,
}

/// What is left of a segment in each reading, the whole segment first.
struct Texts<'p> {
    all: Vec<(&'p str, Readings)>,
    /// Whether there is only one reading.
    only: bool,
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
        let readings = self.readings;
        let error = PhantomData;
        let mut search = Search { parts, readings, every: false, visits, visit, error };
        for tree in self.trees(host) {
            if search.at(tree, 0, by)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Calls `visit` with each of these shapes, and with those that are less specific.
    ///
    /// # Errors
    /// As [`each_twin`](Self::each_twin).
    pub(crate) fn every_twin<'r, E: From<Unreadable>>(
        &'r self,
        host: &str,
        parts: &[&Part<'_>],
        visits: &mut usize,
        mut visit: impl FnMut(&'r Shape) -> Result<(), E>,
    ) -> Result<(), E> {
        let visit = |shape, _: Readings| visit(shape);
        let (readings, error) = (self.readings, PhantomData);
        let mut search = Search { parts, readings, every: true, visits, visit, error };
        self.trees(host).try_for_each(|tree| search.at(tree, 0, Readings::NONE).map(drop))
    }
}

/// Each function returns whether every combination of readings of the segments from `place` on
/// matches a shape that it has visited. Then less specific branches need not be searched, unless
/// every shape is to be visited.
impl<'r, V, E> Search<'_, V, E>
where
    V: FnMut(&'r Shape, Readings) -> Result<(), E>,
    E: From<Unreadable>,
{
    /// Searches below a node.
    fn at(&mut self, node: &'r Node, place: usize, by: Readings) -> Result<bool, E> {
        self.count_visit()?;
        let Some(part) = self.parts.get(place).copied() else {
            return self.at_the_end(node, by);
        };
        let next = place + 1;
        let mut complete = if let Some(literal) = part.literal {
            match node.literals.get(literal) {
                Some(node) => self.at(node, next, by)?,
                None => false,
            }
        } else if node.literals.is_empty() {
            false
        } else {
            let texts = self.texts(part, next == self.parts.len())?;
            self.named(&node.literals, &texts, by, |search, node, by| search.at(node, next, by))?
        };
        if self.goes_on(complete)
            && let Some(typed) = &node.typed
            && !part.text.is_empty()
        {
            complete |= self.typed(typed, part, place, by)?;
        }
        if self.goes_on(complete)
            && let Some(variable) = &node.variable
            && !part.text.is_empty()
        {
            complete |= self.at(variable, next, by)?;
        }
        if self.goes_on(complete)
            && let Some(tails) = &node.tails
        {
            complete |= self.tails(tails, place, by)?;
        }
        match &node.rest {
            Some(rest) if self.goes_on(complete) => (self.visit)(rest, by).map(|()| true),
            Some(_) | None => Ok(complete),
        }
    }

    /// Whether less specific branches are searched.
    fn goes_on(&self, complete: bool) -> bool {
        self.every || !complete
    }

    fn at_the_end(&mut self, node: &'r Node, by: Readings) -> Result<bool, E> {
        if self.may_end_in_slash()
            && let Some(shape) = node.literals.get("").and_then(|node| node.end.as_ref())
        {
            (self.visit)(shape, by.and(Readings::of(Reading::Slash)))?;
        }
        let mut complete = false;
        for shape in node.end.iter().chain(&node.rest) {
            if self.goes_on(complete) {
                (self.visit)(shape, by)?;
                complete = true;
            }
        }
        Ok(complete)
    }

    /// Searches the branches of variables with a type.
    fn typed(
        &mut self,
        typed: &'r Typed,
        part: &Part<'_>,
        place: usize,
        by: Readings,
    ) -> Result<bool, E> {
        let next = place + 1;
        let texts = self.texts(part, next == self.parts.len())?;
        let mut complete = self.of_type(typed.uuid.as_ref(), is_uuid, &texts, (next, by))?;
        if self.goes_on(complete) {
            complete |= self.of_type(typed.int.as_ref(), is_int, &texts, (next, by))?;
        }
        if !self.goes_on(complete) {
            return Ok(true);
        }
        let extensions = texts.all.iter().filter_map(|(text, by)| Some((extension_of(text)?, *by)));
        let extensions = Texts { all: extensions.collect(), only: texts.only };
        let enter = |search: &mut Self, node: &'r Node, by| search.at(node, next, by);
        complete |= self.named(&typed.extensions, &extensions, by, enter)?;
        if self.goes_on(complete) {
            complete |= self.of_type(typed.word.as_ref(), is_word, &texts, (next, by))?;
        }
        Ok(complete)
    }

    /// Searches the branch of a type, if one of the texts has it.
    fn of_type(
        &mut self,
        node: Option<&'r Node>,
        matches: impl Fn(&str) -> bool,
        texts: &Texts<'_>,
        (next, by): (usize, Readings),
    ) -> Result<bool, E> {
        let Some(node) = node else { return Ok(false) };
        let mut complete = false;
        for (text, cut_by) in &texts.all {
            let key = self.readings.key(text);
            if matches(text) {
                let found = self.at(node, next, by.and(*cut_by))?;
                complete |= texts.only && found;
            } else if matches!(key, Cow::Owned(_)) && matches(&key) {
                let folded = self.readings.folding(text, &key);
                self.at(node, next, by.and(*cut_by).and(folded))?;
            }
        }
        Ok(complete)
    }

    /// Enters each branch of a literal that one of the texts may be taken for.
    fn named<T>(
        &mut self,
        literals: &'r Literals<T>,
        texts: &Texts<'_>,
        by: Readings,
        mut enter: impl FnMut(&mut Self, &'r T, Readings) -> Result<bool, E>,
    ) -> Result<bool, E> {
        let mut complete = false;
        for (text, cut_by) in &texts.all {
            for (value, folded) in literals.twins(text, self.readings) {
                let found = enter(self, value, by.and(*cut_by).and(folded))?;
                complete |= texts.only && folded == Readings::NONE && found;
            }
        }
        Ok(complete)
    }

    /// Searches the literals after a rest that begins at `from`.
    fn tails(&mut self, tails: &'r Tail, from: usize, by: Readings) -> Result<bool, E> {
        if self.may_end_in_slash()
            && let Some(slash) = tails.before.get("")
        {
            self.tail(slash, from, self.parts.len(), by.and(Readings::of(Reading::Slash)))?;
        }
        self.tail(tails, from, self.parts.len(), by)
    }

    /// Searches the literals before the segment at `end`.
    fn tail(&mut self, tail: &'r Tail, from: usize, end: usize, by: Readings) -> Result<bool, E> {
        self.count_visit()?;
        if let Some(shape) = &tail.shape {
            return (self.visit)(shape, by).map(|()| true);
        }
        let Some(place) = end.checked_sub(1).filter(|place| *place >= from) else {
            return Ok(false);
        };
        let Some(part) = self.parts.get(place).copied() else { return Ok(false) };
        if let Some(literal) = part.literal {
            return match tail.before.get(literal) {
                Some(tail) => self.tail(tail, from, place, by),
                None => Ok(false),
            };
        }
        let texts = self.texts(part, end == self.parts.len())?;
        let enter = |search: &mut Self, tail, by| search.tail(tail, from, place, by);
        self.named(&tail.before, &texts, by, enter)
    }

    fn texts<'p>(&self, part: &'p Part<'_>, last: bool) -> Result<Texts<'p>, Unreadable> {
        let all = match part.literal {
            Some(_) => vec![(&*part.text, Readings::NONE)],
            None => part.cuts(last, self.readings)?,
        };
        let only = all.len() == 1;
        Ok(Texts { all, only })
    }

    fn may_end_in_slash(&self) -> bool {
        self.readings.has(Reading::Slash)
            && self.parts.last().is_some_and(|part| part.literal.is_none())
    }

    fn count_visit(&mut self) -> Result<(), Unreadable> {
        *self.visits = self.visits.checked_sub(1).ok_or(Unreadable::TooMany)?;
        Ok(())
    }
}
