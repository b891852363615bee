//! Analysis: what there is to eliminate, before anything is eliminated.
//!
//! The [layout](crate::phase::symbolic::layout) finds the blocks; blocks with equal topologies, compared byte by byte,
//! make one work unit.

use std::collections::HashMap;
use std::sync::Arc;

use crate::phase::graph::Graph;
use crate::phase::index::{Index, Unit};
use crate::phase::symbolic::layout::Layout;
use crate::phase::symbolic::topology::key_of;
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
    /// Units are numbered in the order in which their topology first occurs.
    ///
    /// ```
    /// use elimap::phase::{Analysis, models};
    ///
    /// assert_eq!(Analysis::new(&models::birth_death(30)?).work_units().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn new(graph: &Graph) -> Self {
        let mut layout = Layout::new(graph);
        let mut known: HashMap<Vec<u8>, Unit> = HashMap::new();
        let mut units = Vec::new();
        for block in layout.blocks() {
            if layout.members(block).len() < 2 {
                continue;
            }
            let topology = layout.topology(block);
            let bytes = topology.canonical_bytes();
            let unit = match known.get(&bytes) {
                Some(&unit) => unit,
                None => {
                    let unit = Unit::new(units.len());
                    units.push(WorkUnit::new(key_of(&bytes), topology));
                    known.insert(bytes, unit);
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
