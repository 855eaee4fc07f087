//! The Merkle tree of all entries, as what has to be kept of it to append: the roots of its complete
//! subtrees.

use crate::Hash;

/// A tree that entries are appended to. It holds one hash for each bit of its size that is set, the
/// largest subtree first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    subtrees: Vec<Hash>,
}

impl Tree {
    /// The tree of this size with these complete subtrees, the largest first. `None` if their number
    /// is not that of the size.
    #[must_use]
    pub fn restore(size: u64, subtrees: Vec<Hash>) -> Option<Self> {
        (subtrees.len() == size.count_ones() as usize).then_some(Self { size, subtrees })
    }

    /// The number of entries.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the complete subtrees, the largest first.
    #[must_use]
    pub fn subtrees(&self) -> &[Hash] {
        &self.subtrees
    }

    /// Appends an entry by its hash.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // Each trailing one of the size is a subtree as large as the one that is complete now.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.subtrees.pop() {
                hash = Hash::node(left, hash);
            }
        }
        self.subtrees.push(hash);
        self.size += 1;
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Hash {
        let joined = self.subtrees.iter().rev().copied();
        joined.reduce(|right, left| Hash::node(left, right)).unwrap_or_else(Hash::of_nothing)
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    /// RFC 6962, section 2.1, as it is written there.
    fn merkle_tree_hash(entries: &[Vec<u8>]) -> Hash {
        match entries {
            [] => Hash::of_nothing(),
            [one] => Hash::leaf(one),
            several => {
                let half = several.len().next_power_of_two() / 2;
                let (left, right) = several.split_at(half);
                Hash::node(merkle_tree_hash(left), merkle_tree_hash(right))
            }
        }
    }

    #[test]
    fn roots_are_those_of_rfc_6962() {
        let entries: Vec<Vec<u8>> = (0..130_u32).map(|n| n.to_be_bytes().to_vec()).collect();
        let mut tree = Tree::default();
        for size in 0..entries.len() {
            assert_eq!(tree.root(), merkle_tree_hash(&entries[..size]), "{size}");
            tree.push(Hash::leaf(&entries[size]));
        }
    }

    /// From the tests of Certificate Transparency (google/certificate-transparency,
    /// `merkletree/merkle_tree_test.cc`).
    #[test]
    fn roots_are_those_of_certificate_transparency() {
        let entries = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"];
        let last = "606162636465666768696a6b6c6d6e6f";
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut tree = Tree::default();
        for (entry, root) in entries.into_iter().chain([last]).zip(roots) {
            tree.push(Hash::leaf(&HEXLOWER.decode(entry.as_bytes()).unwrap()));
            assert_eq!(HEXLOWER.encode(tree.root().bytes()), root);
        }
    }

    #[test]
    fn a_restored_tree_continues() {
        let mut tree = Tree::default();
        for n in 0..77_u8 {
            tree.push(Hash::leaf(&[n]));
        }
        let mut restored = Tree::restore(77, tree.subtrees().to_vec()).unwrap();
        assert_eq!(Tree::restore(79, tree.subtrees().to_vec()), None);
        restored.push(Hash::leaf(b"next"));
        tree.push(Hash::leaf(b"next"));
        assert_eq!(restored.root(), tree.root());
    }
}
