//! The layout of a graph's matrix: blocks, the numbering of transient vertices, and the slots that carry rates.
//!
//! # The numbering
//!
//! The transient vertices (those with edges; neither the start nor absorbing) are renumbered block by block in
//! topological order. Inside a block they keep the order of the graph ([`Numbering::AsGiven`]), or are numbered canonically
//! ([`crate::phase::symbolic::canonical_search`]), so that copies of a block get one numbering whatever graph they are in: that
//! takes longer than all else here, and serves whoever keeps traces under keys. *Slots* number the distinct pairs (from, to) that carry a rate: the rates of parallel edges
//! meet in one slot. The slots of a vertex are consecutive, first those inside its block, then those to later blocks,
//! then those to absorbing vertices. So the total rate out of the block is the sum of the last two groups, and a back
//! substitution touches the second only.
//!
//! Edges whose coefficients are all zero have no slot: they are no part of any block's topology.
//!
//! A layout depends on the structure of a graph alone: where its edges lead and which of them are zero. Graphs that
//! differ in coefficients, labels or the start share it.

use std::hash::{BuildHasher, Hash, Hasher};

use crate::phase::csr::Csr;
use crate::phase::graph::{Graph, VertexId, reach};
use crate::phase::index::{Block, Index, IndexVec, Local, Slot, Span, Transient, Unit};
use crate::phase::symbolic::blocks::{Components, strongly_connected};
use crate::phase::symbolic::canonical_search::canonical_order;
use crate::phase::symbolic::topology::Topology;

/// In stored words: no transient number, no unit.
pub(crate) const NONE: u32 = u32::MAX;

/// Where a slot leads, seen from the vertex it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target<Own, Later> {
    /// To a vertex of the same block.
    Own(Own),
    /// To a vertex of a later block.
    Later(Later),
    /// To an absorbing vertex.
    Absorbing,
}

/// Values by row, each row in three groups: to the own block, to later blocks, to absorbing vertices.
#[derive(Clone, Debug)]
pub(crate) struct Grouped<I, T> {
    /// The groups of row r are the rows 3 r, 3 r + 1 and 3 r + 2.
    groups: Csr<usize, T>,
    rows: std::marker::PhantomData<fn(I) -> I>,
}

impl<I: Index, T> Grouped<I, T> {
    pub(crate) fn new(groups: Csr<usize, T>) -> Self {
        debug_assert_eq!(groups.rows() % 3, 0);
        Self {
            groups,
            rows: std::marker::PhantomData,
        }
    }

    #[inline(always)]
    pub(crate) fn own(&self, row: I) -> &[T] {
        self.groups.row(3 * row.index())
    }

    #[inline(always)]
    pub(crate) fn later(&self, row: I) -> &[T] {
        self.groups.row(3 * row.index() + 1)
    }

    #[inline(always)]
    pub(crate) fn absorbing(&self, row: I) -> &[T] {
        self.groups.row(3 * row.index() + 2)
    }

    /// Where the groups from one on, of a row, up to another lie among all values.
    fn range(&self, row: I, from: usize, to: usize) -> std::ops::Range<usize> {
        let ends = self.groups.ends();
        ends[3 * row.index() + from]..ends[3 * row.index() + to]
    }

    /// The values of all rows, one row after the other.
    pub(crate) fn values(&self) -> &[T] {
        self.groups.values()
    }
}

/// Blocks, numbering and slots of a graph; see the [module](self).
#[derive(Debug)]
pub(crate) struct Layout {
    transient: IndexVec<Transient, VertexId>,
    /// By vertex of the graph: its transient number, or [`NONE`].
    number: Vec<u32>,
    /// By block, and the end of the last one: its first transient number.
    first: Vec<u32>,
    units: IndexVec<Block, Option<Unit>>,
    /// By slot: the local number, the transient number, or the vertex, by its group.
    targets: Grouped<Transient, u32>,
    /// The edges whose rates a slot adds up, as the graph numbers them.
    edges: Csr<Slot, u32>,
    nonabsorbing: Option<IndexVec<Transient, bool>>,
}

/// In which order the vertices of a block are numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbering {
    /// As the graph numbers them.
    AsGiven,
    /// As their place in the block says, so that copies of a block are numbered alike.
    Canonical,
}

impl Layout {
    pub(crate) fn new(graph: &Graph, numbering: Numbering) -> Self {
        let mut layout = Self::with_blocks(graph, numbering);
        layout.add_slots(graph);
        if graph.has_traps() {
            // The graph was built, so the start reaches no trapped vertex.
            let all = layout.pairs(|_| true);
            layout.nonabsorbing = layout.nonabsorbing_for(graph, &all).unwrap_or(None);
        }
        layout
    }

    fn with_blocks(graph: &Graph, numbering: Numbering) -> Self {
        let candidates: Vec<VertexId> = graph
            .vertices()
            .filter(|&vertex| !graph.edge_range(vertex).is_empty())
            .collect();
        let mut number = vec![NONE; graph.vertex_count()];
        for (position, vertex) in candidates.iter().enumerate() {
            number[vertex.index()] = position as u32;
        }
        let mut successors = Csr::with_capacity(candidates.len(), graph.edge_count());
        for &vertex in &candidates {
            let targets = graph.targets_from(vertex);
            let targets = targets.map(|(_, to)| number[to.index()]);
            successors.push_row(targets.filter(|&target| target != NONE));
        }
        let mut components = strongly_connected(&successors);
        if numbering == Numbering::Canonical {
            number_canonically(&mut components, &successors, |member| {
                graph
                    .targets_from(candidates[member as usize])
                    .any(|(_, to)| number[to.index()] == NONE)
            });
        }
        let members = &components.members;
        let transient: IndexVec<Transient, VertexId> = members
            .values()
            .iter()
            .map(|&member| candidates[member as usize])
            .collect();
        for (t, vertex) in transient.iter_enumerated() {
            number[vertex.index()] = t.as_u32();
        }
        Self {
            transient,
            number,
            first: members.ends().iter().map(|&end| end as u32).collect(),
            units: IndexVec::filled(None, members.rows()),
            targets: Grouped::new(Csr::default()),
            edges: Csr::default(),
            nonabsorbing: None,
        }
    }

    fn add_slots(&mut self, graph: &Graph) {
        let mut targets = Csr::with_capacity(3 * self.transient.len(), graph.edge_count());
        self.edges = Csr::with_capacity(graph.edge_count(), graph.edge_count());
        // Group and target as one number, and the edge.
        let mut row: Vec<(u64, u32)> = Vec::new();
        for block in self.blocks() {
            let members = self.members(block);
            let (first, last) = (members.start.as_u32(), members.end.as_u32());
            for t in members.iter() {
                row.clear();
                for (edge, to) in graph.targets_from(self.transient[t]) {
                    let (group, target) = match self.number[to.index()] {
                        NONE => (2, to.as_u32()),
                        own if own >= first && own < last => (0, own - first),
                        later => (1, later),
                    };
                    row.push((group << 32 | u64::from(target), edge as u32));
                }
                row.sort_unstable();
                let mut rest = &row[..];
                for group in 0..3 {
                    while let [(slot, _), ..] = *rest
                        && slot >> 32 == group
                    {
                        targets.push(slot as u32);
                        while let [(same, edge), after @ ..] = rest
                            && *same == slot
                        {
                            self.edges.push(*edge);
                            rest = after;
                        }
                        self.edges.end_row();
                    }
                    targets.end_row();
                }
            }
        }
        self.targets = Grouped::new(targets);
    }

    /// All blocks, in topological order.
    pub(crate) fn blocks(
        &self,
    ) -> impl DoubleEndedIterator<Item = Block> + ExactSizeIterator + use<> {
        self.units.span().iter()
    }

    /// The transient vertices of a block.
    #[inline(always)]
    pub(crate) fn members(&self, block: Block) -> Span<Transient> {
        let first = &self.first[block.index()..block.index() + 2];
        Span::new(first[0] as usize..first[1] as usize)
    }

    /// A vertex of a block by its local number.
    #[inline(always)]
    pub(crate) fn member(&self, block: Block, local: Local) -> Transient {
        Transient::from_u32(self.first[block.index()] + local.as_u32())
    }

    /// The work unit of a block; a single vertex has none.
    #[inline(always)]
    pub(crate) fn unit(&self, block: Block) -> Option<Unit> {
        self.units[block]
    }

    pub(crate) fn set_unit(&mut self, block: Block, unit: Unit) {
        self.units[block] = Some(unit);
    }

    pub(crate) fn transient_count(&self) -> usize {
        self.transient.len()
    }

    /// All transient numbers.
    pub(crate) fn transients(&self) -> Span<Transient> {
        self.transient.span()
    }

    /// The vertex of a transient number.
    pub(crate) fn vertex(&self, t: Transient) -> VertexId {
        self.transient[t]
    }

    /// The transient number of a vertex, unless it is the start or absorbing.
    pub(crate) fn number(&self, vertex: VertexId) -> Option<Transient> {
        let number = self.number[vertex.index()];
        (number != NONE).then_some(Transient::from_u32(number))
    }

    /// The start distribution over transient vertices; mass on absorbing vertices is left out, it takes no time.
    pub(crate) fn start<'g>(
        &'g self,
        graph: &'g Graph,
    ) -> impl Iterator<Item = (Transient, f64)> + 'g {
        let start = graph.start().iter();
        let start = start.filter(|&&(_, probability)| probability > 0.0);
        start.filter_map(|&(vertex, probability)| Some((self.number(vertex)?, probability)))
    }

    pub(crate) fn slot_count(&self) -> usize {
        self.targets.values().len()
    }

    /// Slots of a vertex to its own block.
    pub(crate) fn own(&self, t: Transient) -> Span<Slot> {
        Span::new(self.targets.range(t, 0, 1))
    }

    /// Slots of a vertex that leave its block, to later blocks or absorption.
    pub(crate) fn leaving(&self, t: Transient) -> Span<Slot> {
        Span::new(self.targets.range(t, 1, 3))
    }

    /// All slots of a vertex.
    pub(crate) fn slots(&self, t: Transient) -> Span<Slot> {
        Span::new(self.targets.range(t, 0, 3))
    }

    /// The slots of a vertex to its own block, and where they lead.
    pub(crate) fn own_targets(&self, t: Transient) -> impl Iterator<Item = (Slot, Local)> + '_ {
        let targets = self.targets.own(t).iter();
        self.own(t)
            .iter()
            .zip(targets.map(|&local| Local::from_u32(local)))
    }

    /// The slots of a vertex to later blocks, and where they lead.
    pub(crate) fn later_targets(
        &self,
        t: Transient,
    ) -> impl Iterator<Item = (Slot, Transient)> + '_ {
        let targets = self.targets.later(t).iter();
        let slots = Span::new(self.targets.range(t, 1, 2)).iter();
        slots.zip(targets.map(|&t| Transient::from_u32(t)))
    }

    /// The slots of a vertex and where they lead.
    pub(crate) fn targets(
        &self,
        t: Transient,
    ) -> impl Iterator<Item = (Slot, Target<Local, Transient>)> + '_ {
        let own = self.own_targets(t);
        let later = self.later_targets(t);
        let absorbing = Span::new(self.targets.range(t, 2, 3)).iter();
        own.map(|(slot, local)| (slot, Target::Own(local)))
            .chain(later.map(|(slot, t)| (slot, Target::Later(t))))
            .chain(absorbing.map(|slot| (slot, Target::Absorbing)))
    }

    /// The edges whose rates a slot adds up, as the graph numbers them.
    pub(crate) fn edges(&self, slot: Slot) -> &[u32] {
        self.edges.row(slot)
    }

    /// The vertices with an infinite waiting time at every theta, if there are any; the start reaches none of them.
    pub(crate) fn nonabsorbing(&self) -> Option<&IndexVec<Transient, bool>> {
        self.nonabsorbing.as_ref()
    }

    /// The pairs of vertices whose slots satisfy a condition.
    pub(crate) fn pairs(&self, keep: impl Fn(Slot) -> bool) -> Vec<(u32, u32)> {
        let mut pairs = Vec::with_capacity(self.slot_count());
        for block in self.blocks() {
            for t in self.members(block).iter() {
                let from = self.transient[t].as_u32();
                for (slot, target) in self.targets(t).filter(|&(slot, _)| keep(slot)) {
                    let to = match target {
                        Target::Own(local) => self.transient[self.member(block, local)].as_u32(),
                        Target::Later(t) => self.transient[t].as_u32(),
                        Target::Absorbing => self.targets.values()[slot.index()],
                    };
                    pairs.push((from, to));
                }
            }
        }
        pairs
    }

    /// Marks the vertices with an infinite waiting time if only these pairs count.
    ///
    /// Fails with the lowest vertex that the start reaches and that cannot reach absorption.
    pub(crate) fn nonabsorbing_for(
        &self,
        graph: &Graph,
        pairs: &[(u32, u32)],
    ) -> Result<Option<IndexVec<Transient, bool>>, VertexId> {
        let absorbing = |vertex: u32| graph.is_absorbing(VertexId::from_u32(vertex));
        let trapped = reach::trapped(graph.vertex_count(), absorbing, pairs);
        if !trapped.contains(&true) {
            return Ok(None);
        }
        if let Some(vertex) = reach::first_reached(graph.start(), pairs, &trapped) {
            return Err(vertex);
        }
        let marked = reach::nonabsorbing(pairs, &trapped);
        let vertices = self.transient.iter();
        Ok(Some(
            vertices.map(|vertex| marked[vertex.index()]).collect(),
        ))
    }

    /// The rows of a block's topology where they lie, each with whether its vertex has an edge out of the block.
    fn topology_rows(&self, block: Block) -> impl Iterator<Item = (&[u32], bool)> {
        let members = self.members(block).iter();
        members.map(|t| (self.targets.own(t), !self.leaving(t).is_empty()))
    }

    /// Whether two blocks have one topology.
    pub(crate) fn are_alike(&self, a: Block, b: Block) -> bool {
        self.members(a).len() == self.members(b).len()
            && self.topology_rows(a).eq(self.topology_rows(b))
    }

    /// A hash of a block's topology.
    pub(crate) fn topology_hash(&self, block: Block, hasher: &impl BuildHasher) -> u64 {
        let mut state = hasher.build_hasher();
        for row in self.topology_rows(block) {
            row.hash(&mut state);
        }
        state.finish()
    }

    /// The topology of a block.
    pub(crate) fn topology(&self, block: Block) -> Topology {
        let size = self.members(block).len();
        let edges = self.topology_rows(block).map(|(row, _)| row.len()).sum();
        let mut successors = Csr::with_capacity(size, edges);
        let mut exits = Vec::with_capacity(size);
        for (row, exit) in self.topology_rows(block) {
            successors.push_row(row.iter().copied());
            exits.push(exit);
        }
        Topology::new(successors, exits)
    }
}

/// Puts the members of each block into canonical order.
fn number_canonically(
    components: &mut Components,
    graph: &Csr<usize, u32>,
    absorbs: impl Fn(u32) -> bool,
) {
    let Components { members, block_of } = components;
    let mut local = vec![0u32; block_of.len()];
    for block in Span::<Block>::new(0..members.rows()).iter() {
        let members = members.row_mut(block);
        if members.len() < 2 {
            continue;
        }
        for (place, &member) in members.iter().enumerate() {
            local[member as usize] = place as u32;
        }
        let is_internal = |&target: &u32| block_of[target as usize] == block;
        let mut topology = Csr::with_capacity(members.len(), 0);
        let mut exits = Vec::with_capacity(members.len());
        let mut row = Vec::new();
        for &member in members.iter() {
            let successors = graph.row(member as usize);
            let internal = successors.iter().copied().filter(is_internal);
            row.clear();
            row.extend(internal.map(|target| local[target as usize]));
            row.sort_unstable();
            row.dedup();
            topology.push_row(row.iter().copied());
            exits.push(absorbs(member) || !successors.iter().all(is_internal));
        }
        let order = canonical_order(&Topology::new(topology, exits));
        let canonical: Vec<u32> = order
            .into_iter()
            .map(|place| members[place as usize])
            .collect();
        members.copy_from_slice(&canonical);
    }
}

/// A layout as the words it is stored as.
#[derive(Debug)]
pub(crate) struct Words {
    /// The vertex of each transient number.
    pub transient: Vec<u32>,
    /// By block, and the end of the last one: its first transient number.
    pub block_first: Vec<u32>,
    /// The unit of each block, or [`NONE`].
    pub unit_of_block: Vec<u32>,
    /// By transient number, and the end of the last one: its first slot.
    pub slot_first: Vec<u32>,
    /// By transient number: where its slots to its own block end.
    pub internal_end: Vec<u32>,
    /// By transient number: where its slots to later blocks end.
    pub external_end: Vec<u32>,
    /// By slot: local number, transient number or vertex.
    pub slot_target: Vec<u32>,
    /// By slot, and the end of the last one: its first edge.
    pub slot_edge_first: Vec<u32>,
    pub slot_edges: Vec<u32>,
    /// Whether each transient vertex has an infinite waiting time at every theta.
    pub nonabsorbing: Option<Vec<bool>>,
}

impl Layout {
    pub(crate) fn to_words(&self) -> Words {
        let words = |ends: &[usize]| ends.iter().map(|&end| end as u32).collect();
        let ends = |from: usize| -> Vec<u32> {
            let ends = self.targets.groups.ends()[from..].iter().step_by(3);
            ends.map(|&end| end as u32).collect()
        };
        let units = self.units.iter();
        Words {
            transient: self.transient.iter().map(|v| v.as_u32()).collect(),
            block_first: self.first.clone(),
            unit_of_block: units.map(|unit| unit.map_or(NONE, Unit::as_u32)).collect(),
            slot_first: ends(0),
            internal_end: ends(1),
            external_end: ends(2),
            slot_target: self.targets.values().to_vec(),
            slot_edge_first: words(self.edges.ends()),
            slot_edges: self.edges.values().to_vec(),
            nonabsorbing: self
                .nonabsorbing
                .as_ref()
                .map(|marks| marks.as_slice().to_vec()),
        }
    }

    /// The layout of these words for a graph, if nothing in it leads out of bounds; otherwise what does.
    pub(crate) fn from_words(
        words: Words,
        graph: &Graph,
        units: usize,
    ) -> Result<Self, &'static str> {
        let check = |holds: bool, otherwise| if holds { Ok(()) } else { Err(otherwise) };
        let vertices = graph.vertex_count();
        let (count, slots) = (words.transient.len(), words.slot_target.len());
        let mut number = vec![NONE; vertices];
        for (t, &vertex) in words.transient.iter().enumerate() {
            *number
                .get_mut(vertex as usize)
                .ok_or("a vertex does not exist")? = t as u32;
        }
        check(
            is_partition(&words.block_first, words.unit_of_block.len(), count),
            "blocks do not follow each other",
        )?;
        let rows = (words.slot_first.windows(2))
            .zip(words.internal_end.iter().zip(&words.external_end))
            .map(|(ends, (&internal, &external))| [ends[0], internal, external, ends[1]]);
        check(
            is_partition(&words.slot_first, count, slots)
                && is_partition(&words.slot_edge_first, slots, words.slot_edges.len())
                && words.internal_end.len() == count
                && words.external_end.len() == count,
            "slots do not follow each other",
        )?;
        check(
            rows.clone().all(|ends| ends.is_sorted()),
            "the slots of a vertex are out of order",
        )?;
        check(
            below(&words.slot_edges, graph.edge_count()),
            "an edge does not exist",
        )?;
        check(
            words
                .nonabsorbing
                .as_ref()
                .is_none_or(|marks| marks.len() == count),
            "there is not one mark per vertex",
        )?;
        let lengths =
            rows.flat_map(|ends| [0, 1, 2].map(|group| (ends[group + 1] - ends[group]) as usize));
        let targets = Csr::from_lengths(lengths, words.slot_target);
        let lengths = words.slot_edge_first.windows(2);
        let lengths = lengths.map(|ends| (ends[1] - ends[0]) as usize);
        let edges = Csr::from_lengths(lengths, words.slot_edges);
        let (Some(targets), Some(edges)) = (targets, edges) else {
            return Err("slots do not follow each other");
        };
        let known = |&unit: &u32| (unit != NONE).then_some(Unit::from_u32(unit));
        let layout = Self {
            transient: words
                .transient
                .into_iter()
                .map(VertexId::from_u32)
                .collect(),
            number,
            first: words.block_first,
            units: words.unit_of_block.iter().map(known).collect(),
            targets: Grouped::new(targets),
            edges,
            nonabsorbing: words.nonabsorbing.map(IndexVec::from),
        };
        for block in layout.blocks() {
            let members = layout.members(block);
            check(
                match layout.unit(block) {
                    Some(unit) => unit.index() < units && members.len() > 1,
                    None => members.len() == 1,
                },
                "a block has the wrong unit",
            )?;
            for t in members.iter() {
                check(
                    below(layout.targets.own(t), members.len())
                        && below(layout.targets.later(t), count)
                        && below(layout.targets.absorbing(t), vertices),
                    "a slot leads nowhere",
                )?;
            }
        }
        Ok(layout)
    }

    /// About how many words of memory it takes.
    pub(crate) fn words(&self) -> usize {
        let slots = 3 * self.slot_count() + self.edges.len();
        8 * self.transient.len() + self.number.len() + 3 * self.units.len() + slots
    }
}

/// Whether these are the ends of so many rows, after a zero, that share so many values.
fn is_partition(ends: &[u32], rows: usize, values: usize) -> bool {
    ends.len() == rows + 1
        && ends.first() == Some(&0)
        && ends.last() == Some(&(values as u32))
        && ends.is_sorted()
}

fn below(list: &[u32], bound: usize) -> bool {
    list.iter().all(|&item| (item as usize) < bound)
}
