//! The tree that the pages make up, as sled walks it.
//!
//! Every level covers all keys: its pages follow each other without a gap, each names the next, and
//! the level above names each of them, but for one that was just split off its neighbour.

use super::Log;
use super::node::{self, Content, Node, RawNode};
use super::table::PageTable;
use crate::sled::parallel::in_parallel;

/// Pages that a thread reads before it takes more.
const AT_ONCE: usize = 64;

/// The tree in a database.
#[derive(Debug, Clone, Copy)]
pub(in crate::sled) struct Tree<'a> {
    log: &'a Log,
    table: &'a PageTable,
}

/// A page, and the first key that it covers.
type Child = (Vec<u8>, u64);

impl<'a> Tree<'a> {
    /// The tree in this log, by this table.
    pub(in crate::sled) fn new(log: &'a Log, table: &'a PageTable) -> Self {
        Self { log, table }
    }

    /// Passes every leaf to `visit`, on as many threads as there are processors, and returns what
    /// that makes of each group of leaves. `None` if the tree is not whole, or is being changed.
    pub(in crate::sled) fn leaves<R: Default + Send>(
        &self,
        visit: impl Fn(&mut R, &Node<'_>) + Sync,
    ) -> Option<Vec<R>> {
        let mut level = vec![(Vec::new(), node::root(self.log, self.table)?)];
        loop {
            let groups: Vec<_> = (0..level.len()).step_by(AT_ONCE).collect();
            let groups = in_parallel(&groups, |first| {
                let (mut below, mut result) = (Vec::new(), R::default());
                let (mut leaves, mut pages) = (0, 0);
                let last = level.len().min(first + AT_ONCE);
                for at in *first..last {
                    self.pages(level.get(at)?, level.get(at + 1), &mut |node| {
                        pages += 1;
                        match &node.content {
                            Content::Leaf(_) => {
                                leaves += 1;
                                visit(&mut result, node);
                            }
                            Content::Index(children) => {
                                below.extend(children.iter().map(|(key, page)| {
                                    let mut start = Vec::new();
                                    node.key(key, &mut start);
                                    (start, *page)
                                }));
                            }
                        }
                    })?;
                }
                (leaves == 0 || leaves == pages).then_some((below, leaves > 0, result))
            })?;
            let leaves = groups.iter().filter(|(_, leaves, _)| *leaves).count();
            if leaves == groups.len() {
                return Some(groups.into_iter().map(|(_, _, result)| result).collect());
            }
            if leaves > 0 {
                return None;
            }
            level = groups.into_iter().flat_map(|(below, _, _)| below).collect();
            let first = level.first()?;
            if !first.0.is_empty() || !level.is_sorted_by(|a, b| a.0 < b.0) {
                return None;
            }
        }
    }

    /// Visits the page, and those that were split off it and are not known to the level above.
    fn pages(
        &self,
        (start, page): &Child,
        end: Option<&Child>,
        visit: &mut impl FnMut(&Node<'_>),
    ) -> Option<()> {
        let (mut start, mut page) = (start.clone(), *page);
        let (end, next) = end.map_or((&[][..], 0), |(end, next)| (end.as_slice(), *next));
        loop {
            let raw = RawNode::read(self.log, self.table, page)?;
            let node = raw.parse().filter(|node| !node.is_merging() && node.lo == start)?;
            visit(&node);
            if node.hi == end {
                return (node.next == next).then_some(());
            }
            // Keys only go up, so this ends.
            let within =
                !node.hi.is_empty() && node.hi > node.lo && (end.is_empty() || node.hi < end);
            if !within || node.next == 0 {
                return None;
            }
            (start, page) = (node.hi.to_vec(), node.next);
        }
    }
}
