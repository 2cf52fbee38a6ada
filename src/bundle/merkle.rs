//! The Merkle tree over the entries: RFC 9162, section 2.1.1, with leaves `entra-bundle/leaf/1`.
//!
//! A leaf binds path, size and digest of one entry, so that one part can be proven alone later.

use crate::crypto::{Sha256, sha256};

/// Name of the leaf encoding, as it stands in the manifest.
pub const LEAF: &str = "entra-bundle/leaf/1";

/// `u32be(len(path)) ‖ path ‖ u64be(size) ‖ sha256[32]`.
pub fn leaf(path: &str, size: u64, digest: &[u8; 32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(4 + path.len() + 8 + 32);
    out.extend_from_slice(&(path.len() as u32).to_be_bytes());
    out.extend_from_slice(path.as_bytes());
    out.extend_from_slice(&size.to_be_bytes());
    out.extend_from_slice(digest);
    out
}

/// The hash of a leaf: `SHA-256(0x00 ‖ leaf)`.
pub fn leaf_hash(data: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(&[0]);
    hash.update(data);
    hash.finish()
}

/// The inclusion proof of leaf `index` (RFC 9162, section 2.1.3.1): the hashes beside its way to the
/// root, lowest first.
pub fn inclusion(index: usize, leaves: &[[u8; 32]]) -> Vec<[u8; 32]> {
    let mut out = Vec::new();
    let (mut leaves, mut index) = (leaves, index);
    while leaves.len() > 1 {
        let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
        if index < left.len() {
            out.push(root_over(right));
            leaves = left;
        } else {
            out.push(root_over(left));
            index -= left.len();
            leaves = right;
        }
    }
    out.reverse();
    out
}

fn root_over(leaves: &[[u8; 32]]) -> [u8; 32] {
    let mut tree = Tree::default();
    leaves.iter().for_each(|leaf| tree.push_hash(*leaf));
    tree.root()
}

/// The root that an inclusion proof leads to (RFC 9162, section 2.1.3.2); `None` where the number of
/// hashes is not the one of this place in a tree of this size.
pub fn root_of(leaf: [u8; 32], index: u64, size: u64, hashes: &[[u8; 32]]) -> Option<[u8; 32]> {
    if index >= size {
        return None;
    }
    let (mut place, mut last, mut root) = (index, size - 1, leaf);
    for hash in hashes {
        if last == 0 {
            return None;
        }
        if place & 1 == 1 || place == last {
            root = join(hash, &root);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            root = join(&root, hash);
        }
        place >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(root)
}

/// The root, built leaf by leaf in constant memory.
#[derive(Default)]
pub struct Tree {
    /// Roots of full subtrees, largest first, with the number of their leaves.
    peaks: Vec<(u64, [u8; 32])>,
}

impl Tree {
    /// Adds the data of the next leaf.
    pub fn push(&mut self, data: &[u8]) {
        self.push_hash(leaf_hash(data));
    }

    fn push_hash(&mut self, leaf: [u8; 32]) {
        let mut node = (1, leaf);
        while let Some((size, left)) = self.peaks.pop_if(|(size, _)| *size == node.0) {
            node = (size * 2, join(&left, &node.1));
        }
        self.peaks.push(node);
    }

    /// The root; of no leaves it is the SHA-256 of nothing.
    pub fn root(mut self) -> [u8; 32] {
        let Some((_, mut root)) = self.peaks.pop() else { return sha256(b"") };
        while let Some((_, left)) = self.peaks.pop() {
            root = join(&left, &root);
        }
        root
    }
}

fn join(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(&[1]);
    hash.update(left);
    hash.update(right);
    hash.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hex;

    #[test]
    fn the_published_roots_come_out() {
        // RFC 6962 reference: the eight leaves of certificate-transparency's tests.
        let leaves: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let root = |count: usize| {
            let mut tree = Tree::default();
            leaves[..count].iter().for_each(|leaf| tree.push(leaf));
            hex(&tree.root())
        };
        assert_eq!(root(0), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(root(1), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        assert_eq!(root(8), "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
    }

    #[test]
    fn every_leaf_of_every_tree_leads_to_the_root() {
        for size in 1..40usize {
            let leaves: Vec<[u8; 32]> = (0..size).map(|at| leaf_hash(&[at as u8])).collect();
            let root = root_over(&leaves);
            for (index, leaf) in leaves.iter().enumerate() {
                let hashes = inclusion(index, &leaves);
                let lead = |index: u64, size: u64, hashes: &[_]| root_of(*leaf, index, size, hashes);
                let (at, all) = (index as u64, size as u64);
                assert_eq!(lead(at, all, &hashes), Some(root));
                assert_eq!(lead(all, all, &hashes), None);
                assert_ne!(lead(at + 1, all, &hashes), Some(root));
                assert_eq!(lead(at, all, &[&hashes[..], &[root]].concat()), None);
                if let Some((_, fewer)) = hashes.split_last() {
                    assert_eq!(lead(at, all, fewer), None);
                }
            }
        }
    }

    #[test]
    fn a_leaf_is_unambiguous() {
        assert_eq!(
            hex(&leaf("ab", 3, &[0xff; 32]))[..32].to_owned(),
            "00000002616200000000000000".to_owned() + "03ffff"
        );
        assert_ne!(leaf("a", 1, &[0; 32]), leaf("b", 1, &[0; 32]));
    }
}
