//! Analysis: what there is to eliminate, before anything is eliminated.
//!
//! The [layout](crate::phase::symbolic::layout) finds the blocks; blocks with equal topologies, compared edge by edge,
//! make one work unit.

use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::phase::graph::Graph;
use crate::phase::index::{Block, Index, Unit};
use crate::phase::symbolic::layout::{Layout, Numbering};
use crate::phase::symbolic::unit::WorkUnit;

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
    graph: Graph,
    layout: Arc<Layout>,
    units: Arc<[WorkUnit]>,
}

impl Analysis {
    /// Finds the blocks of a graph, their order, and the distinct topologies among those of more than one vertex.
    ///
    /// Units are numbered in the order in which their topology first occurs. The vertices of a block are numbered by their place
    /// in it, so that copies of a block make one unit however the graph numbers them.
    ///
    /// ```
    /// use elimap::phase::{Analysis, models};
    ///
    /// assert_eq!(Analysis::new(&models::birth_death(30)?).work_units().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn new(graph: &Graph) -> Self {
        Self::numbered(graph, Numbering::Canonical)
    }

    /// The same with vertices numbered in either way.
    pub(crate) fn numbered(graph: &Graph, numbering: Numbering) -> Self {
        let mut layout = Layout::new(graph, numbering);
        let hasher = DefaultHashBuilder::default();
        // Blocks are compared where the layout has them; only those of a new topology get one of their own.
        let mut known: HashTable<(Unit, Block)> = HashTable::new();
        let mut units: Vec<WorkUnit> = Vec::new();
        for block in layout.blocks() {
            if layout.members(block).len() < 2 {
                continue;
            }
            let hash = layout.topology_hash(block, &hasher);
            let found = known.find(hash, |&(_, first)| layout.are_alike(first, block));
            let unit = match found {
                Some(&(unit, _)) => unit,
                None => {
                    let unit = Unit::new(units.len());
                    units.push(WorkUnit::new(layout.topology(block)));
                    known.insert_unique(hash, (unit, block), |&(_, first)| {
                        layout.topology_hash(first, &hasher)
                    });
                    unit
                }
            };
            layout.set_unit(block, unit);
        }
        Self {
            graph: graph.clone(),
            layout: Arc::new(layout),
            units: units.into(),
        }
    }

    /// An analysis made before, of a graph with this structure.
    pub(crate) fn from_parts(graph: &Graph, layout: Arc<Layout>, units: Arc<[WorkUnit]>) -> Self {
        Self {
            graph: graph.clone(),
            layout,
            units,
        }
    }

    /// Layout and units, which depend on the structure of the graph alone.
    pub(crate) fn parts(&self) -> (&Arc<Layout>, &Arc<[WorkUnit]>) {
        (&self.layout, &self.units)
    }

    /// The graph.
    ///
    /// ```
    /// use elimap::phase::{Analysis, models};
    ///
    /// let graph = models::birth_death(30)?;
    /// assert_eq!(Analysis::new(&graph).graph().vertex_count(), graph.vertex_count());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The distinct block topologies; none for an acyclic graph.
    ///
    /// ```
    /// use elimap::phase::{Analysis, models};
    ///
    /// let sizes = |graph| Analysis::new(&graph).work_units().iter().map(|unit| unit.size()).collect::<Vec<_>>();
    /// assert_eq!(sizes(models::birth_death(30)?), [30]);
    /// assert!(sizes(models::kingman(5)?).is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn work_units(&self) -> &[WorkUnit] {
        &self.units
    }
}
