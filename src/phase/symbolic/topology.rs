//! The topology of a block, and the key of its trace.
//!
//! # What two blocks with one key have in common
//!
//! A block's trace says which products to form in which order. It depends on where the block's internal edges are and
//! on which vertices have an edge out of the block, and on nothing else: coefficients, theta, state labels and where the
//! exits lead enter at replay. [`Topology`] is exactly that information in the block's local numbering, its canonical
//! bytes are an injective encoding of it, and the key is BLAKE3 of those bytes in a domain of its own that names the
//! version. So blocks with equal bytes may share a trace, and blocks that differ in one edge or one exit have different
//! bytes. In memory blocks are matched by bytes; the key stands for them where they cannot travel along.
//!
//! Canonical bytes, all integers 32-bit little-endian: the number of vertices n; for each vertex the number of its
//! internal edges and their targets, ascending; for each vertex one byte, 1 if it has an edge out of the block.

use std::str::FromStr;
use std::sync::OnceLock;

use serde::{Deserialize, Deserializer};

use crate::phase::csr::Csr;
use crate::phase::symbolic::error::SymbolicError;
use crate::phase::symbolic::key::BlockKey;

/// Names what is hashed; a change of the encoding or of the elimination order changes the version in it. From [`LARGE`] vertices
/// on blocks have been ordered by another rule since version 3; traces of smaller ones are still what they were.
const KEY_CONTEXT: &str = "elimap phase block topology version 2";
const LARGE_KEY_CONTEXT: &str = "elimap phase block topology version 3";

/// From how many vertices on another order than that of the least products is looked for.
pub(crate) const LARGE: usize = 128;

/// Names what is hashed for a plan; a change of the analysis changes the version in it.
const GRAPH_CONTEXT: &str = "elimap phase graph structure version 1";

/// What the keys of blocks of a size are taken with.
fn key_context(size: usize) -> &'static str {
    match size < LARGE {
        true => KEY_CONTEXT,
        false => LARGE_KEY_CONTEXT,
    }
}

/// The number that canonical bytes and the structure of a graph begin with: how many vertices there are.
fn size_of(bytes: &[u8]) -> usize {
    bytes
        .first_chunk()
        .map_or(0, |word| u32::from_le_bytes(*word) as usize)
}

impl FromStr for BlockKey {
    type Err = SymbolicError;

    fn from_str(text: &str) -> Result<Self, SymbolicError> {
        blake3::Hash::from_hex(text)
            .map(|hash| Self::new(*hash.as_bytes()))
            .map_err(|_| SymbolicError::InvalidKey {
                text: text.to_owned(),
            })
    }
}

impl<'de> Deserialize<'de> for BlockKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// The internal edges and exits of a block.
///
/// Vertices are local numbers, and words here: what orders and labels them searches among them by the million.
#[derive(Clone, Debug)]
pub(crate) struct Topology {
    /// The internal successors of each vertex, ascending, without the vertex itself.
    successors: Csr<usize, u32>,
    exits: Vec<bool>,
    /// Found when it is first asked for.
    key: OnceLock<BlockKey>,
}

impl PartialEq for Topology {
    fn eq(&self, other: &Self) -> bool {
        self.successors == other.successors && self.exits == other.exits
    }
}

impl Eq for Topology {}

impl Topology {
    /// A row and a mark per vertex; rows are ascending and name neither their own vertex nor one that does not exist.
    pub(crate) fn new(successors: Csr<usize, u32>, exits: Vec<bool>) -> Self {
        debug_assert_eq!(successors.rows(), exits.len());
        Self {
            successors,
            exits,
            key: OnceLock::new(),
        }
    }

    /// The number of vertices.
    pub(crate) fn size(&self) -> usize {
        self.exits.len()
    }

    /// The number of internal edges.
    pub(crate) fn edge_count(&self) -> usize {
        self.successors.len()
    }

    /// The internal successors of all vertices.
    pub(crate) fn successors(&self) -> &Csr<usize, u32> {
        &self.successors
    }

    pub(crate) fn row(&self, vertex: u32) -> &[u32] {
        self.successors.row(vertex as usize)
    }

    /// Whether a vertex has an edge out of the block.
    pub(crate) fn exits(&self, vertex: u32) -> bool {
        self.exits[vertex as usize]
    }

    /// How many edges lead back as well.
    pub(crate) fn edges_both_ways(&self) -> usize {
        // Rows are ascending, so what leads to a vertex comes in the order of its own row, apart from what does not lead back.
        let mut next = self.successors.ends().to_vec();
        let mut count = 0;
        for vertex in 0..self.size() as u32 {
            for &target in self.row(vertex) {
                let (next, end) = (
                    &mut next[target as usize],
                    self.successors.range(target as usize).end,
                );
                while *next < end && self.successors.values()[*next] < vertex {
                    *next += 1;
                }
                count += usize::from(*next < end && self.successors.values()[*next] == vertex);
            }
        }
        count
    }

    pub(crate) fn canonical_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(4 + 5 * self.size() + 4 * self.edge_count());
        let mut word = |value: u32| bytes.extend_from_slice(&value.to_le_bytes());
        word(self.size() as u32);
        for vertex in 0..self.size() as u32 {
            let row = self.row(vertex);
            word(row.len() as u32);
            row.iter().copied().for_each(&mut word);
        }
        bytes.extend(self.exits.iter().map(|&exit| u8::from(exit)));
        bytes
    }

    /// The topology with these canonical bytes, if there is one.
    pub(crate) fn from_canonical_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, _) = bytes.as_chunks::<4>();
        let mut words = words.iter().map(|word| u32::from_le_bytes(*word));
        let size = words.next()?;
        let mut successors = Csr::default();
        for vertex in 0..size {
            let count = words.next()?;
            for _ in 0..count {
                successors.push(words.next()?);
            }
            successors.end_row();
            let row = successors.row(vertex as usize);
            let ascending = row.windows(2).all(|pair| pair[0] < pair[1]);
            if !ascending || row.last().is_some_and(|&last| last >= size) || row.contains(&vertex) {
                return None;
            }
        }
        let exits = bytes.get(4 + 4 * (size as usize + successors.len())..)?;
        let whole = exits.len() == size as usize && exits.iter().all(|&exit| exit < 2);
        whole.then(|| Self::new(successors, exits.iter().map(|&exit| exit != 0).collect()))
    }

    /// The key of the edges as they are numbered here.
    pub(crate) fn key(&self) -> BlockKey {
        *self.key.get_or_init(|| key_of(&self.canonical_bytes()))
    }
}

/// The key of canonical bytes.
pub(crate) fn key_of(canonical: &[u8]) -> BlockKey {
    BlockKey::new(
        *blake3::Hasher::new_derive_key(key_context(size_of(canonical)))
            .update(canonical)
            .finalize()
            .as_bytes(),
    )
}

/// The key of a whole graph's plan: of its structure, and of how its blocks, which are no larger, are keyed and eliminated.
pub(crate) fn graph_key(structure: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new_derive_key(GRAPH_CONTEXT)
        .update(key_context(size_of(structure)).as_bytes())
        .update(structure)
        .finalize()
        .as_bytes()
}
