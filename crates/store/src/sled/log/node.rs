//! The content of a page of sled's tree.

use super::table::{Page, PageTable};
use super::{Body, Kind, Log, take_bytes, take_number};

/// The name of the tree that the store uses.
const TREE: &[u8] = b"__sled__default";

/// The messages of a page, read.
#[derive(Debug)]
pub(in crate::sled) struct RawNode {
    base: Body,
    links: Vec<Body>,
}

/// A page of the tree. It covers the keys from `lo` up to, but without `hi`.
#[derive(Debug)]
pub(in crate::sled) struct Node<'a> {
    /// The first key that it covers; empty for the first of all.
    pub(in crate::sled) lo: &'a [u8],
    /// The first key that it does not cover; empty on the last page.
    pub(in crate::sled) hi: &'a [u8],
    /// The page that covers the keys from `hi` on; 0 on the last page.
    pub(in crate::sled) next: u64,
    /// What it holds.
    pub(in crate::sled) content: Content<'a>,
    /// Whether it is being merged into the one before it.
    pub(in crate::sled) merging: bool,
    /// The child that is being merged into the one before it; 0 if none is.
    merging_child: u64,
    prefix: &'a [u8],
}

/// What a page holds, in order of keys, which lack the page's prefix.
#[derive(Debug)]
pub(in crate::sled) enum Content<'a> {
    /// Keys and values.
    Leaf(Vec<(&'a [u8], &'a [u8])>),
    /// Keys and the pages that cover the keys from there on.
    Index(Vec<(&'a [u8], u64)>),
}

impl RawNode {
    /// Reads the messages of a page; `None` if it is not in use or one of them is not whole.
    pub(in crate::sled) fn read(log: &Log, table: &PageTable, page: u64) -> Option<Self> {
        let Page::InUse { base, links } = table.get(page)? else { return None };
        let base = log.body(base, Kind::Node, page)?;
        let links = links.iter().map(|link| log.body(link, Kind::Link, page));
        Some(Self { base, links: links.collect::<Option<_>>()? })
    }

    /// The content.
    pub(in crate::sled) fn parse(&self) -> Option<Node<'_>> {
        let mut node = Node::parse(self.base.bytes())?;
        for link in &self.links {
            node.apply(link.bytes())?;
        }
        Some(node)
    }
}

/// The page that the tree starts at.
pub(in crate::sled) fn root(log: &Log, table: &PageTable) -> Option<u64> {
    let Page::InUse { base, links } = table.get(0)? else { return None };
    let meta = log.body(base, Kind::Meta, 0).filter(|_| links.is_empty())?;
    let mut bytes = meta.bytes();
    let mut root = None;
    while !bytes.is_empty() {
        let (name, page) = (take_bytes(&mut bytes)?, take_number(&mut bytes)?);
        if name == TREE {
            root = Some(page);
        }
    }
    root
}

impl<'a> Node<'a> {
    fn parse(mut bytes: &'a [u8]) -> Option<Self> {
        let bytes = &mut bytes;
        let (next, merging_child) = (take_number(bytes)?, take_number(bytes)?);
        let merging = *bytes.split_off_first()? != 0;
        let prefix = usize::from(*bytes.split_off_first()?);
        let (lo, hi) = (take_bytes(bytes)?, take_bytes(bytes)?);
        let kind = bytes.split_off_first()?;
        let count = usize::try_from(take_number(bytes)?).ok()?;
        let mut keys = Vec::with_capacity(count.min(bytes.len()));
        for _ in 0..count {
            keys.push(take_bytes(bytes)?);
        }
        let keys = keys.into_iter();
        let content = match kind {
            0 => Content::Leaf(
                keys.map(|key| Some((key, take_bytes(bytes)?))).collect::<Option<_>>()?,
            ),
            1 => Content::Index(
                keys.map(|key| Some((key, take_number(bytes)?))).collect::<Option<_>>()?,
            ),
            _ => return None,
        };
        let prefix = lo.get(..prefix)?;
        Some(Self { lo, hi, next, content, merging, merging_child, prefix })
    }

    /// Applies a change.
    fn apply(&mut self, mut link: &'a [u8]) -> Option<()> {
        let link = &mut link;
        match (link.split_off_first()?, &mut self.content) {
            (0, Content::Leaf(entries)) => {
                let (key, value) = (take_bytes(link)?, take_bytes(link)?);
                match entries.binary_search_by_key(&key, |(key, _)| key) {
                    Ok(at) => *entries.get_mut(at)? = (key, value),
                    Err(at) => entries.insert(at, (key, value)),
                }
            }
            (1, Content::Leaf(entries)) => {
                let key = take_bytes(link)?;
                if let Ok(at) = entries.binary_search_by_key(&key, |(key, _)| key) {
                    entries.remove(at);
                }
            }
            (2, Content::Index(_)) if self.merging_child == 0 => {
                self.merging_child = take_number(link)?;
            }
            (3, Content::Index(children)) if self.merging_child != 0 => {
                let merged = std::mem::take(&mut self.merging_child);
                let at = children.iter().position(|(_, child)| *child == merged)?;
                children.remove(at);
            }
            (4, _) => self.merging = true,
            _ => return None,
        }
        Some(())
    }

    /// Whether a merge was begun and not finished.
    pub(in crate::sled) fn is_merging(&self) -> bool {
        self.merging || self.merging_child != 0
    }

    /// Writes the whole of a key to `out`.
    pub(in crate::sled) fn key(&self, key: &[u8], out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(self.prefix);
        out.extend_from_slice(key);
    }
}
