//! The tree of path segments. From a node, the most specific branch is tried first: a literal, the
//! variables by their type, a rest with literals after it, the rest.

use std::sync::Arc;

use super::literals::Literals;
use super::shape::Shape;
use crate::path_pattern::{Form, Segment};
use crate::reading::Readings;
use crate::route::Route;
use crate::segment_type::{SegmentType, extension_of, is_int, is_uuid, is_word};

/// A node of the tree: the segments up to here have matched.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) literals: Literals<Node>,
    /// Most nodes have no variable with a type.
    pub(super) typed: Option<Box<Typed>>,
    pub(super) variable: Option<Box<Node>>,
    pub(super) tails: Option<Box<Tail>>,
    pub(super) end: Option<Shape>,
    pub(super) rest: Option<Shape>,
}

/// The nodes after a variable with a type.
#[derive(Debug, Default)]
pub(super) struct Typed {
    pub(super) uuid: Option<Node>,
    pub(super) int: Option<Node>,
    /// By extension.
    pub(super) extensions: Literals<Node>,
    pub(super) word: Option<Node>,
}

/// The literals after a rest, from the last.
#[derive(Debug, Default)]
pub(super) struct Tail {
    pub(super) before: Literals<Tail>,
    pub(super) shape: Option<Shape>,
}

/// Why a route cannot be added.
#[derive(Debug)]
pub(crate) enum Conflict {
    /// An earlier route for the same requests.
    Same(Arc<Route>),
    /// An earlier route whose literals after `{*rest}` are the end of this one's, or the reverse.
    Tails(Arc<Route>),
}

impl From<Arc<Route>> for Conflict {
    fn from(earlier: Arc<Route>) -> Self {
        Self::Same(earlier)
    }
}

impl Node {
    /// Adds a route for one of its forms.
    pub(super) fn insert(
        &mut self,
        route: &Arc<Route>,
        form: &Form,
        readings: Readings,
    ) -> Result<(), Conflict> {
        let mut node = self;
        for segment in &form.segments {
            node = match segment {
                Segment::Literal(text) => node.literals.entry(text, readings),
                Segment::Variable(_, of_type) => node.variable(of_type, readings),
            };
        }
        let shape = match &form.rest {
            None => &mut node.end,
            Some(tail) if tail.is_empty() => &mut node.rest,
            Some(tail) => node.tails.get_or_insert_default().place(tail, readings)?,
        };
        Ok(shape.get_or_insert_with(|| Shape::new(form)).add(route, form)?)
    }

    fn variable(&mut self, of_type: &SegmentType, readings: Readings) -> &mut Self {
        if *of_type == SegmentType::Any {
            return self.variable.get_or_insert_default();
        }
        let typed = self.typed.get_or_insert_default();
        match of_type {
            SegmentType::Uuid => typed.uuid.get_or_insert_default(),
            SegmentType::Int => typed.int.get_or_insert_default(),
            SegmentType::Extension(extension) => typed.extensions.entry(extension, readings),
            SegmentType::Word | SegmentType::Any => typed.word.get_or_insert_default(),
        }
    }

    /// The most specific shape below this node; `path` is the rest of the path, and `None` after its
    /// last segment.
    pub(super) fn find(&self, path: Option<&str>) -> Option<&Shape> {
        let Some(path) = path else { return self.end.as_ref().or(self.rest.as_ref()) };
        let (segment, after) = match path.split_once('/') {
            Some((segment, after)) => (segment, Some(after)),
            None => (path, None),
        };
        let variable = || match &self.variable {
            Some(node) if !segment.is_empty() => node.find(after),
            _ => None,
        };
        self.literals
            .get(segment)
            .and_then(|node| node.find(after))
            .or_else(|| self.typed.as_ref()?.find(segment, after))
            .or_else(variable)
            .or_else(|| self.tails.as_ref()?.find(path))
            .or(self.rest.as_ref())
    }
}

impl Node {
    /// Adds every shape below this node that matches the rest of the path.
    pub(super) fn add_all<'n>(&'n self, path: Option<&str>, shapes: &mut Vec<&'n Shape>) {
        shapes.extend(&self.rest);
        let Some(path) = path else {
            shapes.extend(&self.end);
            return;
        };
        let (segment, after) = match path.split_once('/') {
            Some((segment, after)) => (segment, Some(after)),
            None => (path, None),
        };
        let variable = self.variable.as_deref().filter(|_| !segment.is_empty());
        let typed = self.typed.iter().flat_map(|typed| typed.of(segment));
        for node in self.literals.get(segment).into_iter().chain(typed).chain(variable) {
            node.add_all(after, shapes);
        }
        shapes.extend(self.tails.as_ref().and_then(|tails| tails.find(path)));
    }
}

impl Typed {
    /// The nodes of all types that a segment has, from the most specific.
    fn of(&self, segment: &str) -> impl Iterator<Item = &Node> {
        let uuid = self.uuid.as_ref().filter(|_| is_uuid(segment));
        let int = self.int.as_ref().filter(|_| is_int(segment));
        let extension = extension_of(segment).and_then(|of| self.extensions.get(of));
        let word = self.word.as_ref().filter(|_| is_word(segment));
        [uuid, int, extension, word].into_iter().flatten()
    }

    fn find(&self, segment: &str, after: Option<&str>) -> Option<&Shape> {
        self.of(segment).find_map(|node| node.find(after))
    }
}

impl Tail {
    /// The place for the routes with these literals.
    fn place(
        &mut self,
        tail: &[String],
        readings: Readings,
    ) -> Result<&mut Option<Shape>, Conflict> {
        let mut node = self;
        for literal in tail.iter().rev() {
            if let Some(route) = node.shape.as_ref().and_then(|shape| shape.routes().first()) {
                return Err(Conflict::Tails(Arc::clone(route)));
            }
            node = node.before.entry(literal, readings);
        }
        match node.before.values().find_map(Self::any_route) {
            Some(route) => Err(Conflict::Tails(Arc::clone(route))),
            None => Ok(&mut node.shape),
        }
    }

    fn any_route(&self) -> Option<&Arc<Route>> {
        let own = self.shape.as_ref().and_then(|shape| shape.routes().first());
        own.or_else(|| self.before.values().find_map(Self::any_route))
    }

    /// The shape whose literals are the end of the path. There is at most one.
    fn find(&self, path: &str) -> Option<&Shape> {
        let mut node = self;
        for segment in path.rsplit('/') {
            node = node.before.get(segment)?;
            if node.shape.is_some() {
                return node.shape.as_ref();
            }
        }
        None
    }
}
