//! Analysis: what there is to eliminate, before anything is eliminated.
//!
//! # The numbering
//!
//! The transient vertices (those with edges; neither the start nor absorbing) are renumbered block by block in
//! topological order, inside a block canonically ([`crate::phase::symbolic::canonical_search`]), so that copies of a block get one numbering.
//! *Slots* number the distinct pairs (from, to) that carry a rate:
//! the rates of parallel edges meet in one slot. The slots of a vertex are consecutive, first those inside its block,
//! then those to later blocks, then those to absorbing vertices. So the total rate out of the block is the sum of the
//! last two groups, and a back substitution touches the second only.
//!
//! Edges whose coefficients are all zero have no slot: they are no part of any block's topology.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::phase::error::PhaseError;
use crate::phase::graph::reach;
use crate::phase::graph::{Graph, VertexId};
use crate::phase::symbolic::blocks::{Components, Successors, strongly_connected};
use crate::phase::symbolic::canonical_search::canonical_order;
use crate::phase::symbolic::fill::{BlockTrace, eliminate_unit};
use crate::phase::symbolic::topology::{Topology, key_of};
use crate::phase::symbolic::unit::{WorkStore, WorkUnit};
use crate::phase::trace::EliminationTrace;

/// No transient number: the start and the absorbing vertices.
pub(crate) const NONE: u32 = u32::MAX;

/// Blocks, numbering and slots of a graph; see the [module](self).
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub graph: Graph,
    /// The vertex of each transient number.
    pub transient: Vec<VertexId>,
    /// The transient number of each vertex, or [`NONE`].
    pub number: Vec<u32>,
    /// Block b holds the transient numbers `block_first[b]..block_first[b + 1]`.
    pub block_first: Vec<u32>,
    /// The work unit of each block; single vertices have none.
    pub unit_of_block: Vec<Option<u32>>,
    /// The slots of transient number t are `slot_first[t]..slot_first[t + 1]`, divided at the two ends below.
    pub slot_first: Vec<u32>,
    pub internal_end: Vec<u32>,
    pub external_end: Vec<u32>,
    /// The local number inside the block, the transient number, or the vertex, by the slot's group.
    pub slot_target: Vec<u32>,
    /// The edges of slot s, as the graph numbers them, are `slot_edges[slot_edge_first[s]..slot_edge_first[s + 1]]`.
    pub slot_edge_first: Vec<u32>,
    pub slot_edges: Vec<u32>,
    /// Whether each transient number has an infinite waiting time at every theta; none of them is reached by the start.
    pub lost: Option<Vec<bool>>,
}

impl Layout {
    pub(crate) fn block_count(&self) -> usize {
        self.unit_of_block.len()
    }

    pub(crate) fn block(&self, block: usize) -> Range<usize> {
        self.block_first[block] as usize..self.block_first[block + 1] as usize
    }

    pub(crate) fn slot_count(&self) -> usize {
        self.slot_target.len()
    }

    /// Slots of a vertex to its own block.
    pub(crate) fn internal(&self, t: usize) -> Range<usize> {
        self.slot_first[t] as usize..self.internal_end[t] as usize
    }

    /// Slots of a vertex to later blocks.
    pub(crate) fn external(&self, t: usize) -> Range<usize> {
        self.internal_end[t] as usize..self.external_end[t] as usize
    }

    /// Slots of a vertex that leave its block, to later blocks or absorption.
    pub(crate) fn leaving(&self, t: usize) -> Range<usize> {
        self.internal_end[t] as usize..self.slot_first[t + 1] as usize
    }

    /// All slots of a vertex.
    pub(crate) fn slots(&self, t: usize) -> Range<usize> {
        self.slot_first[t] as usize..self.slot_first[t + 1] as usize
    }

    /// The edges whose rates a slot adds up.
    pub(crate) fn edges_of_slot(&self, slot: usize) -> &[u32] {
        &self.slot_edges
            [self.slot_edge_first[slot] as usize..self.slot_edge_first[slot + 1] as usize]
    }

    fn new(graph: &Graph) -> Self {
        let mut layout = Self::with_blocks(graph);
        layout.add_slots();
        layout.lost = layout.find_lost();
        layout
    }

    fn with_blocks(graph: &Graph) -> Self {
        let candidates: Vec<VertexId> = graph
            .vertices()
            .filter(|&vertex| !graph.edge_range(vertex).is_empty())
            .collect();
        let mut number = vec![NONE; graph.vertex_count()];
        for (position, vertex) in candidates.iter().enumerate() {
            number[vertex.index()] = position as u32;
        }
        let mut first = Vec::with_capacity(candidates.len() + 1);
        first.push(0);
        let mut targets = Vec::new();
        for &vertex in &candidates {
            let successors = graph.edges_from(vertex).filter(|edge| !edge.is_zero());
            targets.extend(
                successors
                    .map(|edge| number[edge.to.index()])
                    .filter(|&target| target != NONE),
            );
            first.push(targets.len() as u32);
        }
        let graph_rows = Successors {
            first: &first,
            targets: &targets,
        };
        let mut components = strongly_connected(graph_rows);
        number_canonically(&mut components, graph_rows, |member| {
            graph
                .edges_from(candidates[member as usize])
                .any(|edge| !edge.is_zero() && number[edge.to.index()] == NONE)
        });
        let transient: Vec<VertexId> = components
            .members
            .iter()
            .map(|&member| candidates[member as usize])
            .collect();
        for (t, vertex) in transient.iter().enumerate() {
            number[vertex.index()] = t as u32;
        }
        Self {
            graph: graph.clone(),
            transient,
            number,
            unit_of_block: vec![None; components.first.len() - 1],
            block_first: components.first,
            slot_first: vec![0],
            internal_end: Vec::new(),
            external_end: Vec::new(),
            slot_target: Vec::new(),
            slot_edge_first: vec![0],
            slot_edges: Vec::new(),
            lost: None,
        }
    }

    fn add_slots(&mut self) {
        let mut row: Vec<(u8, u32, u32)> = Vec::new();
        for block in 0..self.block_count() {
            let members = self.block(block);
            for t in members.clone() {
                let vertex = self.transient[t];
                row.clear();
                for edge in self.graph.edge_range(vertex) {
                    let view = self.graph.edge_of(vertex, edge);
                    if view.is_zero() {
                        continue;
                    }
                    let target = self.number[view.to.index()];
                    let (group, key) = if target == NONE {
                        (2, view.to.as_u32())
                    } else if members.contains(&(target as usize)) {
                        (0, target - members.start as u32)
                    } else {
                        (1, target)
                    };
                    row.push((group, key, edge as u32));
                }
                row.sort_unstable();
                self.push_row(&row);
            }
        }
    }

    fn push_row(&mut self, row: &[(u8, u32, u32)]) {
        let mut ends = [self.slot_target.len() as u32; 3];
        for pair in row.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let (group, target, _) = pair[0];
            self.slot_target.push(target);
            self.slot_edges
                .extend(pair.iter().map(|&(_, _, edge)| edge));
            self.slot_edge_first.push(self.slot_edges.len() as u32);
            for end in &mut ends[usize::from(group)..] {
                *end = self.slot_target.len() as u32;
            }
        }
        self.internal_end.push(ends[0]);
        self.external_end.push(ends[1]);
        self.slot_first.push(ends[2]);
    }

    /// The pairs of vertices whose slots satisfy a condition.
    pub(crate) fn pairs(&self, keep: impl Fn(usize) -> bool) -> Vec<(u32, u32)> {
        let mut pairs = Vec::with_capacity(self.slot_count());
        for block in 0..self.block_count() {
            let members = self.block(block);
            for t in members.clone() {
                for slot in self.slots(t).filter(|&slot| keep(slot)) {
                    let target = self.slot_target[slot];
                    let to = if slot < self.internal_end[t] as usize {
                        self.transient[members.start + target as usize].as_u32()
                    } else if slot < self.external_end[t] as usize {
                        self.transient[target as usize].as_u32()
                    } else {
                        target
                    };
                    pairs.push((self.transient[t].as_u32(), to));
                }
            }
        }
        pairs
    }

    /// Marks, by transient number, the vertices with an infinite waiting time if only these pairs count.
    ///
    /// Fails with the lowest vertex that the start reaches and that cannot reach absorption.
    pub(crate) fn lost(&self, pairs: &[(u32, u32)]) -> Result<Option<Vec<bool>>, VertexId> {
        let absorbing = |vertex: u32| self.graph.is_absorbing(VertexId::from_u32(vertex));
        let trapped = reach::trapped(self.graph.vertex_count(), absorbing, pairs);
        if !trapped.contains(&true) {
            return Ok(None);
        }
        if let Some(vertex) = reach::first_reached(&self.graph, pairs, &trapped) {
            return Err(vertex);
        }
        let lost = reach::lost(pairs, &trapped);
        Ok(Some(
            self.transient
                .iter()
                .map(|vertex| lost[vertex.index()])
                .collect(),
        ))
    }

    fn find_lost(&self) -> Option<Vec<bool>> {
        // The graph was built, so the start reaches no trapped vertex.
        self.lost(&self.pairs(|_| true)).unwrap_or(None)
    }

    /// The topology of a block in local numbering.
    pub(crate) fn topology(&self, block: usize) -> Topology {
        let mut topology = Topology {
            first: vec![0],
            targets: Vec::new(),
            exits: Vec::new(),
        };
        for t in self.block(block) {
            topology
                .targets
                .extend_from_slice(&self.slot_target[self.internal(t)]);
            topology.first.push(topology.targets.len() as u32);
            topology.exits.push(!self.leaving(t).is_empty());
        }
        topology
    }
}

/// Puts the members of each block into canonical order.
fn number_canonically(
    components: &mut Components,
    graph: Successors<'_>,
    absorbs: impl Fn(u32) -> bool,
) {
    let mut local = vec![0u32; components.members.len()];
    for block in 0..components.first.len() - 1 {
        let range = components.first[block] as usize..components.first[block + 1] as usize;
        let members = &mut components.members[range];
        if members.len() < 2 {
            continue;
        }
        for (place, &member) in members.iter().enumerate() {
            local[member as usize] = place as u32;
        }
        let mut topology = Topology {
            first: vec![0],
            targets: Vec::new(),
            exits: Vec::new(),
        };
        let mut row = Vec::new();
        for &member in members.iter() {
            let successors = graph.row(member);
            let is_internal = |target: u32| components.block_of[target as usize] == block as u32;
            row.clear();
            row.extend(
                successors
                    .iter()
                    .filter(|&&target| is_internal(target))
                    .map(|&target| local[target as usize]),
            );
            row.sort_unstable();
            row.dedup();
            topology.targets.extend_from_slice(&row);
            topology.first.push(topology.targets.len() as u32);
            topology
                .exits
                .push(absorbs(member) || successors.iter().any(|&target| !is_internal(target)));
        }
        let order = canonical_order(&topology);
        let canonical: Vec<u32> = order
            .into_iter()
            .map(|place| members[place as usize])
            .collect();
        members.copy_from_slice(&canonical);
    }
}

/// A graph taken apart into blocks, and the distinct work units among them.
///
/// The three steps from a graph to its trace are apart, so that the middle one can run anywhere:
///
/// ```
/// use elimap::phase::{Analysis, eliminate_unit, models};
///
/// let graph = models::birth_death(30)?;
/// let analysis = Analysis::new(&graph);
/// let traces = analysis.work_units().iter().map(|unit| eliminate_unit(unit).into()).collect();
/// let trace = analysis.assemble(traces)?;
/// assert_eq!(trace.summary().work_units, 1);
/// # Ok::<(), elimap::phase::PhaseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Analysis {
    layout: Arc<Layout>,
    units: Arc<[WorkUnit]>,
}

impl Analysis {
    /// Finds the blocks of a graph, their order, and the distinct topologies among those of more than one vertex.
    ///
    /// Units are numbered in the order in which their topology first occurs.
    pub fn new(graph: &Graph) -> Self {
        let mut layout = Layout::new(graph);
        let mut known: HashMap<Vec<u8>, u32> = HashMap::new();
        let mut units = Vec::new();
        for block in 0..layout.block_count() {
            if layout.block(block).len() < 2 {
                continue;
            }
            let topology = layout.topology(block);
            let bytes = topology.canonical_bytes();
            let unit = match known.get(&bytes) {
                Some(&unit) => unit,
                None => {
                    let unit = units.len() as u32;
                    units.push(WorkUnit::new(key_of(&bytes), topology));
                    known.insert(bytes, unit);
                    unit
                }
            };
            layout.unit_of_block[block] = Some(unit);
        }
        Self {
            layout: Arc::new(layout),
            units: units.into(),
        }
    }

    /// An analysis made before.
    pub(crate) fn from_parts(layout: Arc<Layout>, units: Arc<[WorkUnit]>) -> Self {
        Self { layout, units }
    }

    /// Layout and units.
    pub(crate) fn parts(&self) -> (&Arc<Layout>, &Arc<[WorkUnit]>) {
        (&self.layout, &self.units)
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.layout.graph
    }

    /// The distinct block topologies; none for an acyclic graph.
    pub fn work_units(&self) -> &[WorkUnit] {
        &self.units
    }

    /// The units as JSON by index, for a host that computes them elsewhere.
    pub fn work_store(&self) -> WorkStore {
        WorkStore::new(&self.units)
    }

    /// Puts finished block traces, one per work unit in the order of the units, together with the graph's linear part.
    ///
    /// # Errors
    ///
    /// [`PhaseError::TraceCount`] for a wrong number of traces, [`PhaseError::TraceMismatch`] for a trace whose key is
    /// not the unit's.
    pub fn assemble(&self, traces: Vec<Arc<BlockTrace>>) -> Result<EliminationTrace, PhaseError> {
        if traces.len() != self.units.len() {
            return Err(PhaseError::TraceCount {
                expected: self.units.len(),
                found: traces.len(),
            });
        }
        for (unit, (expected, found)) in self.units.iter().zip(&traces).enumerate() {
            let (expected, found) = (expected.key(), found.key());
            if expected != found {
                return Err(PhaseError::TraceMismatch {
                    unit,
                    expected,
                    found,
                });
            }
        }
        Ok(EliminationTrace::new(Arc::clone(&self.layout), traces))
    }

    /// Eliminates all units here, one after the other, and assembles.
    pub fn eliminate(&self) -> EliminationTrace {
        let traces = self
            .units
            .iter()
            .map(|unit| Arc::new(eliminate_unit(unit)))
            .collect();
        EliminationTrace::new(Arc::clone(&self.layout), traces)
    }
}
