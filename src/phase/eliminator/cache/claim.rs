//! Whether an entry is what would be computed in its stead.
//!
//! A checksum finds damage, not intent: anybody can compute one. What comes from elsewhere is therefore not believed but
//! computed again, from the canonical bytes that its key was taken from. They say everything: the topology of a block, or
//! the structure of a graph. Both computations are deterministic, so the bytes must be the same.

use super::encode::{Damage, EntryId, EntryKind, HEADER, block_entry, graph_entry, read_graph};
use crate::phase::graph::{Graph, VertexId};
use crate::phase::symbolic::analysis::Analysis;
use crate::phase::symbolic::fill::{BlockTrace, eliminate_unit};
use crate::phase::symbolic::topology::{Topology, graph_key, key_of};
use crate::phase::symbolic::unit::WorkUnit;

/// What canonical bytes describe, computed here.
pub(super) struct Claim {
    id: EntryId,
    canonical: Vec<u8>,
    computed: Computed,
}

enum Computed {
    Block(BlockTrace),
    Graph(Analysis),
}

impl Claim {
    /// Computes what canonical bytes describe, whose key must be the one stated.
    pub(super) fn new(id: EntryId, canonical: &[u8]) -> Result<Self, Damage> {
        let key = match id.kind {
            EntryKind::Block => *key_of(canonical).as_bytes(),
            EntryKind::Graph => graph_key(canonical),
        };
        if key != id.key {
            return Err(Damage::Outdated);
        }
        let computed = match id.kind {
            EntryKind::Block => {
                let topology = Topology::from_canonical_bytes(canonical)
                    .ok_or(Damage::Content("its topology is none"))?;
                let unit = WorkUnit::new(topology);
                Computed::Block(eliminate_unit(&unit))
            }
            EntryKind::Graph => {
                let graph = graph(canonical).ok_or(Damage::Content("its graph is none"))?;
                Computed::Graph(Analysis::new(&graph))
            }
        };
        Ok(Self {
            id,
            canonical: canonical.to_vec(),
            computed,
        })
    }

    /// How long the payload of such an entry may be.
    pub(super) fn longest_payload(&self) -> u64 {
        let entry = self.entry(|_| None);
        let payload = (entry.len() - HEADER - self.canonical.len()) as u64;
        match &self.computed {
            Computed::Block(_) => payload,
            // Every trace may ride along, and none has more entries than a full matrix.
            Computed::Graph(analysis) => {
                let traces = analysis.work_units().iter().map(|unit| {
                    let size = unit.size() as u64;
                    4 * (3 + 3 * size + size.saturating_mul(size))
                });
                traces.fold(payload, u64::saturating_add)
            }
        }
    }

    /// Compares an entry with what was computed.
    pub(super) fn check(&self, bytes: &[u8]) -> Result<(), Damage> {
        let (entry, otherwise) = match &self.computed {
            Computed::Block(_) => (self.entry(|_| None), "it is not the trace of its block"),
            Computed::Graph(analysis) => {
                let graph = analysis.graph();
                let stored = read_graph(bytes, self.id, &self.canonical, graph)?;
                let units = analysis.work_units().iter();
                // Which traces ride along is up to who wrote it.
                let traces: Vec<Option<BlockTrace>> = units
                    .zip(&stored.traces)
                    .map(|(unit, stored)| stored.as_ref().map(|_| eliminate_unit(unit)))
                    .collect();
                let entry = self.entry(|unit| traces.get(unit)?.as_ref());
                (entry, "it is not the plan of its graph")
            }
        };
        match bytes == entry {
            true => Ok(()),
            false => Err(Damage::Content(otherwise)),
        }
    }

    /// The entry as it is computed here; of a plan, with these traces.
    fn entry<'t>(&self, inline: impl Fn(usize) -> Option<&'t BlockTrace>) -> Vec<u8> {
        match &self.computed {
            Computed::Block(trace) => block_entry(self.id, trace),
            Computed::Graph(analysis) => {
                let (layout, units) = analysis.parts();
                graph_entry(self.id, &self.canonical, layout, units, inline)
            }
        }
    }
}

/// A graph of this structure ([`Graph::structure`]), if there is one: its edges have the rate 1, or 0 where they are zero.
fn graph(structure: &[u8]) -> Option<Graph> {
    let (words, rest) = structure.as_chunks::<4>();
    let words: Vec<u32> = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let (&vertices, after) = words.split_first()?;
    let (ends, after) = after.split_at_checked(vertices as usize)?;
    let (targets, zeros) = after.split_at_checked(*ends.last()? as usize)?;
    let mut builder = Graph::builder(0, 0);
    for _ in 1..vertices {
        builder.add_vertex(&[]);
    }
    let mut zeros_left = zeros;
    let mut from = 0;
    for (edge, &to) in (0u32..).zip(targets) {
        while ends[from] <= edge {
            from += 1;
        }
        let rate = match zeros_left.split_first() {
            Some((&zero, after)) if zero == edge => {
                zeros_left = after;
                0.0
            }
            _ => 1.0,
        };
        builder.add_constant_edge(
            VertexId::from_u32(from as u32),
            VertexId::from_u32(to),
            rate,
        );
    }
    let graph = builder.build().ok()?;
    (rest.is_empty() && graph.structure() == words).then_some(graph)
}
