//! The tree of segments that requests are folded into.
//!
//! A segment has one place below its node: its literal if there is one, else the variable for its
//! kind. The same choice is made by the router, from the most specific, so the route of a place gets
//! the requests that were counted there. This must also hold for requests that were added before a
//! literal became a variable. Therefore a kind whose literals were folded is *closed*: it gets no new
//! literals, and literals of that kind are folded too when nodes are merged.

mod node;

use self::node::Node;
use super::pattern::{Pattern, Prefix};
use super::seen::Seen;

/// Nodes after which a tree is made smaller.
const MOST_NODES: usize = 20_000;
/// The depth below which there is only a rest; a pattern has 32 segments at most.
const DEEPEST: usize = 31;

/// The tree.
#[derive(Debug)]
pub(super) struct Tree {
    root: Node,
    /// At least the number of nodes.
    nodes: usize,
    most_nodes: usize,
    /// Segments after which there is only a rest; at least 1.
    depth: usize,
}

impl Default for Tree {
    fn default() -> Self {
        Self::bounded(MOST_NODES)
    }
}

impl Tree {
    /// An empty tree that is made smaller when it has more nodes.
    pub(super) fn bounded(most_nodes: usize) -> Self {
        Self { root: Node::default(), nodes: 1, most_nodes, depth: DEEPEST }
    }

    /// Counts a request with a canonical path.
    pub(super) fn add(&mut self, path: &str, count: impl FnOnce(&mut Seen)) {
        let segments = path.strip_prefix('/').unwrap_or(path);
        self.nodes += self.root.add(segments, self.depth, count);
        if self.nodes > self.most_nodes {
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        self.root.tidy(true);
        self.nodes = self.root.count(self.depth);
        while self.nodes > self.most_nodes / 2 && self.depth > 1 {
            self.depth -= 1;
            self.nodes = self.root.count(self.depth);
        }
        self.root.cut(self.depth);
    }

    /// The patterns, and what was seen of their requests.
    pub(super) fn into_patterns(mut self) -> Vec<(Pattern, Seen)> {
        self.root.tidy(true);
        let mut patterns = Vec::new();
        self.root.collect(&Prefix::default(), &mut patterns);
        patterns
    }
}
