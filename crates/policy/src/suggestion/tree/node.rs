//! A node of the tree: the segments up to here have matched.

use std::collections::{BTreeMap, BTreeSet};

use crate::foreign_syntax;
use crate::segment_type::is_word;
use crate::suggestion::pattern::{Pattern, Prefix};
use crate::suggestion::seen::Seen;
use crate::suggestion::segment::{Kind, may_be_literal};

/// Literals of the same kind that are not folded, at the beginning of a path, below, and of files.
const MOST_SECTIONS: usize = 64;
const MOST_NAMES: usize = 20;
const MOST_FILES: usize = 10;
/// Literals of all kinds after which those of a kind that has too many are folded.
const MOST_LITERALS: usize = 300;
/// Extensions of files that have a variable of their own.
const MOST_EXTENSIONS: usize = 32;
/// When literals are folded, one stays that has more than this part of their requests.
const SHARE_OF_SECTION: u64 = 100;
const SHARE_OF_NAME: u64 = 8;

/// A node.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// In and below this node.
    requests: u64,
    literals: BTreeMap<Box<str>, Node>,
    uuid: Option<Box<Node>>,
    int: Option<Box<Node>>,
    /// Variables for files, by extension.
    files: BTreeMap<Box<str>, Node>,
    /// The variable for all other segments, and what else was among them than words.
    other: Option<Box<Node>>,
    other_is_any: bool,
    /// Kinds that get no new literals: extensions, and `""` for all others.
    closed: BTreeSet<Box<str>>,
    /// All kinds are closed, and files have no variables of their own.
    has_one_variable: bool,
    /// Whether a segment that led here had an escaped slash.
    slash: bool,
    end: Option<Seen>,
    /// With a slash at the end.
    end_with_slash: Option<Seen>,
    rest: Option<Seen>,
    rest_has_slash: bool,
}

/// The kind of a segment in [`Node::closed`].
fn kind_of(segment: &str) -> &str {
    match Kind::of(segment) {
        Kind::File(extension) => extension,
        Kind::Uuid | Kind::Int | Kind::Plain => "",
    }
}

impl Node {
    /// Counts a request with these further segments. Returns the number of new nodes.
    pub(super) fn add(&mut self, path: &str, depth: usize, count: impl FnOnce(&mut Seen)) -> usize {
        let (mut node, mut rest, mut new) = (self, Some(path), 0);
        node.requests += 1;
        for _ in 0..depth {
            let Some(path) = rest.filter(|path| !path.is_empty()) else { break };
            let (segment, after) = match path.split_once('/') {
                Some((segment, after)) => (segment, Some(after)),
                None => (path, None),
            };
            rest = after;
            node = node.child(segment, &mut new);
            node.requests += 1;
        }
        let seen = match rest {
            None => &mut node.end,
            Some("") => &mut node.end_with_slash,
            Some(path) => {
                node.rest_has_slash |= path.contains("%2F");
                &mut node.rest
            }
        };
        count(seen.get_or_insert_default());
        new
    }

    /// The place for a segment.
    fn child(&mut self, segment: &str, new: &mut usize) -> &mut Self {
        let is_new = !self.literals.contains_key(segment);
        let kind = Kind::of(segment);
        let may_add = matches!(kind, Kind::File(_) | Kind::Plain)
            && !self.is_closed(segment)
            && may_be_literal(segment);
        if is_new && may_add {
            *new += 1;
            if self.literals.len() >= MOST_LITERALS {
                self.fold_wide(MOST_NAMES, SHARE_OF_SECTION);
                if self.literals.len() >= MOST_LITERALS / 2 {
                    self.fold_all();
                }
            }
        }
        if !is_new || (may_add && !self.is_closed(segment)) {
            return self.literals.entry(segment.into()).or_default();
        }
        *new += 1;
        self.variable(segment)
    }

    fn is_closed(&self, segment: &str) -> bool {
        self.has_one_variable || self.closed.contains(kind_of(segment))
    }

    /// The variable for a segment.
    fn variable(&mut self, segment: &str) -> &mut Self {
        let node = match Kind::of(segment) {
            Kind::Uuid => self.uuid.get_or_insert_default(),
            Kind::Int => self.int.get_or_insert_default(),
            Kind::File(extension) if !self.has_one_variable => {
                if !self.files.contains_key(extension) && self.files.len() >= MOST_EXTENSIONS {
                    self.fold_all();
                    return self.variable(segment);
                }
                self.files.entry(extension.into()).or_default()
            }
            Kind::File(_) | Kind::Plain => {
                self.other_is_any |= !is_word(segment);
                self.other.get_or_insert_default()
            }
        };
        node.slash |= segment.contains("%2F");
        node
    }

    /// Folds all literals, and files too, into one variable.
    fn fold_all(&mut self) {
        self.has_one_variable = true;
        for (segment, node) in std::mem::take(&mut self.literals) {
            self.variable(&segment).merge(node);
        }
        for (_, node) in std::mem::take(&mut self.files) {
            self.other_is_any = true;
            self.other.get_or_insert_default().merge(node);
        }
    }

    /// Folds the literals of each kind that has too many. Those stay that have a large share of the
    /// requests.
    fn fold_wide(&mut self, most: usize, share: u64) {
        let mut kinds: BTreeMap<Box<str>, (usize, u64)> = BTreeMap::new();
        for (segment, node) in &self.literals {
            let (count, requests) = kinds.entry(kind_of(segment).into()).or_default();
            *count += 1;
            *requests += node.requests;
        }
        let share_of =
            |segment: &str| if kind_of(segment).is_empty() { share } else { SHARE_OF_NAME };
        let is_wide = |kind: &str, count: usize| {
            count > if kind.is_empty() { most } else { MOST_FILES } || self.closed.contains(kind)
        };
        kinds.retain(|kind, (count, _)| is_wide(kind, *count));
        self.closed.extend(kinds.keys().cloned());
        for (segment, node) in std::mem::take(&mut self.literals) {
            match kinds.get(kind_of(&segment)) {
                Some((_, requests))
                    if node.requests.saturating_mul(share_of(&segment)) <= *requests =>
                {
                    self.variable(&segment).merge(node);
                }
                // After `fold_all`, which a new extension may cause, there are no literals.
                _ if self.has_one_variable => self.variable(&segment).merge(node),
                Some(_) | None => {
                    self.literals.insert(segment, node);
                }
            }
        }
    }

    /// Folds all literals of a closed kind.
    fn fold_closed(&mut self) {
        for (segment, node) in std::mem::take(&mut self.literals) {
            if self.is_closed(&segment) {
                self.variable(&segment).merge(node);
            } else {
                self.literals.insert(segment, node);
            }
        }
    }

    /// Adds all that was counted in another node at the same depth.
    fn merge(&mut self, other: Self) {
        self.requests += other.requests;
        self.slash |= other.slash;
        self.rest_has_slash |= other.rest_has_slash;
        self.other_is_any |= other.other_is_any;
        merge_seen(&mut self.end, other.end);
        merge_seen(&mut self.end_with_slash, other.end_with_slash);
        merge_seen(&mut self.rest, other.rest);
        merge_node(&mut self.uuid, other.uuid);
        merge_node(&mut self.int, other.int);
        merge_node(&mut self.other, other.other);
        self.closed.extend(other.closed);
        for (extension, node) in other.files {
            self.files.entry(extension).or_default().merge(node);
        }
        for (segment, node) in other.literals {
            self.literals.entry(segment).or_default().merge(node);
        }
        if self.has_one_variable || other.has_one_variable || self.files.len() > MOST_EXTENSIONS {
            self.fold_all();
        } else {
            self.fold_closed();
        }
    }

    /// Folds the literals of all nodes that have too many.
    pub(super) fn tidy(&mut self, is_root: bool) {
        if is_root {
            self.fold_wide(MOST_SECTIONS, SHARE_OF_SECTION);
        } else {
            self.fold_wide(MOST_NAMES, SHARE_OF_NAME);
        }
        for node in self.children_mut() {
            node.tidy(false);
        }
    }

    /// The number of nodes, down to this depth.
    pub(super) fn count(&self, depth: usize) -> usize {
        let below = |depth| self.children().map(move |node| node.count(depth)).sum::<usize>();
        1 + depth.checked_sub(1).map_or(0, below)
    }

    /// Moves what is below this depth to the rest.
    pub(super) fn cut(&mut self, depth: usize) {
        if let Some(depth) = depth.checked_sub(1) {
            for node in self.children_mut() {
                node.cut(depth);
            }
            return;
        }
        let mut cut = std::mem::take(self);
        for (mut node, slash) in cut.take_children() {
            node.cut(0);
            cut.rest_has_slash |= slash || node.rest_has_slash;
            for seen in [node.end, node.end_with_slash, node.rest] {
                merge_seen(&mut cut.rest, seen);
            }
        }
        *self = cut;
    }

    fn children(&self) -> impl Iterator<Item = &Self> {
        let boxed = [&self.uuid, &self.int, &self.other].into_iter().flatten().map(|node| &**node);
        boxed.chain(self.files.values()).chain(self.literals.values())
    }

    fn children_mut(&mut self) -> impl Iterator<Item = &mut Self> {
        let boxed = [&mut self.uuid, &mut self.int, &mut self.other].into_iter().flatten();
        let boxed = boxed.map(|node| &mut **node);
        boxed.chain(self.files.values_mut()).chain(self.literals.values_mut())
    }

    /// Removes all children; with each, whether its segment had an escaped slash.
    fn take_children(&mut self) -> Vec<(Self, bool)> {
        let boxed = [self.uuid.take(), self.int.take(), self.other.take()];
        let boxed = boxed.into_iter().flatten().map(|node| *node);
        let named = std::mem::take(&mut self.files).into_values();
        let literals = std::mem::take(&mut self.literals).into_values();
        boxed
            .chain(named)
            .chain(literals)
            .map(|node| {
                let slash = node.slash;
                (node, slash)
            })
            .collect()
    }

    /// Appends the patterns of this node and those below.
    pub(super) fn collect(self, prefix: &Prefix, patterns: &mut Vec<(Pattern, Seen)>) {
        let mut push = |path: String, slash_is_data, seen: Option<Seen>| {
            if let Some(seen) = seen {
                patterns.push((Pattern { path, slash_is_data }, seen));
            }
        };
        let Prefix { path, slash, .. } = prefix;
        let (end, end_with_slash) = match (self.end, self.end_with_slash) {
            (Some(mut end), Some(with_slash)) => {
                end.merge(with_slash);
                push(format!("{path}[/]"), *slash, Some(end));
                (None, None)
            }
            seen => seen,
        };
        push(path.clone(), *slash, end);
        push(format!("{path}/"), *slash, end_with_slash);
        push(format!("{path}/{{*rest}}"), *slash || self.rest_has_slash, self.rest);
        for (segment, node) in self.literals {
            let path = format!("{path}/{}", foreign_syntax::written(&segment));
            node.collect(&Prefix { path, ..prefix.clone() }, patterns);
        }
        for (extension, node) in self.files {
            let prefix = prefix.with_variable("file", &format!(":*.{extension}"), node.slash);
            node.collect(&prefix, patterns);
        }
        let (name, of_type) = if self.other_is_any { ("x", "") } else { ("name", ":word") };
        for (node, name, of_type) in
            [(self.uuid, "id", ":uuid"), (self.int, "id", ":int"), (self.other, name, of_type)]
        {
            if let Some(node) = node {
                let prefix = prefix.with_variable(name, of_type, node.slash);
                node.collect(&prefix, patterns);
            }
        }
    }
}

fn merge_seen(seen: &mut Option<Seen>, other: Option<Seen>) {
    match (seen, other) {
        (Some(seen), Some(other)) => seen.merge(other),
        (seen @ None, other) => *seen = other,
        (Some(_), None) => {}
    }
}

fn merge_node(node: &mut Option<Box<Node>>, other: Option<Box<Node>>) {
    match (node, other) {
        (Some(node), Some(other)) => node.merge(*other),
        (node @ None, other) => *node = other,
        (Some(_), None) => {}
    }
}
