//! Matrices in and out: the start vector, the sub-intensity matrix and the exits of a graph.

use ndarray::{Array2, ArrayView2};

use crate::phase::graph::error::GraphError;
use crate::phase::graph::{Clock, Edge, Graph, VertexId};

/// By how much a row of a matrix may miss its sign or sum, relative to its largest entry: what rounding does.
const ROUNDING: f64 = 1e-12;

/// The matrices of a model at one theta, by phase: the vertices that are neither the start nor absorbing, in their order.
///
/// Of a continuous model rates, of a discrete one probabilities of steps. The representation is the usual (alpha, T, t).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Matrices {
    /// What the entries are: rates, or probabilities of steps.
    pub clock: Clock,
    /// The vertex of each phase.
    pub vertices: Vec<VertexId>,
    /// The start probability of each phase.
    pub alpha: Vec<f64>,
    /// `(from, to, value)` between phases, row by row; parallel edges are one entry. The diagonal is there where a discrete
    /// model may stay, and not in a continuous one.
    pub entries: Vec<(usize, usize, f64)>,
    /// The rate or probability of absorption from each phase.
    pub exits: Vec<f64>,
}

impl Matrices {
    /// T as a dense matrix: of a continuous model with minus the outflow on the diagonal, so that `T 1 = -t`; of a discrete one the
    /// probabilities.
    ///
    /// # Shapes
    ///
    /// `(phases, phases)`.
    ///
    /// ```
    /// use elimap::phase::models;
    /// use ndarray::array;
    ///
    /// let matrices = models::erlang(2)?.to_matrices(&[3.0])?;
    /// assert_eq!(matrices.dense(), array![[-3.0, 3.0], [0.0, -3.0]]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn dense(&self) -> Array2<f64> {
        let size = self.alpha.len();
        let mut matrix = Array2::zeros((size, size));
        let mut outflow = self.exits.clone();
        for &(from, to, value) in &self.entries {
            matrix[[from, to]] += value;
            outflow[from] += value;
        }
        if self.clock == Clock::Continuous {
            for (phase, outflow) in outflow.into_iter().enumerate() {
                matrix[[phase, phase]] = -outflow;
            }
        }
        matrix
    }
}

impl Graph {
    /// The start vector, the rates or probabilities between phases, and the exits, at a theta.
    ///
    /// # Errors
    ///
    /// [`GraphError::Matrix`] for a theta of the wrong length, or where an edge is negative or not finite.
    ///
    /// ```
    /// use elimap::phase::models;
    /// use ndarray::array;
    ///
    /// let matrices = models::erlang(2)?.to_matrices(&[3.0])?;
    /// assert_eq!(matrices.dense(), array![[-3.0, 3.0], [0.0, -3.0]]);
    /// assert_eq!((matrices.alpha, matrices.exits), (vec![1.0, 0.0], vec![0.0, 3.0]));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn to_matrices(&self, theta: &[f64]) -> Result<Matrices, GraphError> {
        if theta.len() != self.param_length() {
            let (found, expected) = (theta.len(), self.param_length());
            let problem = format!(
                "it has {found} numbers, but the graph has {expected} parameters; give one for each"
            );
            return Err(GraphError::Matrix {
                what: "theta",
                problem,
            });
        }
        let vertices: Vec<VertexId> = self
            .vertices()
            .filter(|&vertex| vertex != VertexId::START && !self.is_absorbing(vertex))
            .collect();
        let mut phase_of = vec![None; self.vertex_count()];
        for (phase, vertex) in vertices.iter().enumerate() {
            phase_of[vertex.index()] = Some(phase);
        }
        let mut alpha = vec![0.0; vertices.len()];
        for &(vertex, probability) in self.start() {
            if let Some(phase) = phase_of[vertex.index()] {
                alpha[phase] += probability;
            }
        }
        let (mut entries, mut exits) = (Vec::new(), vec![0.0; vertices.len()]);
        let mut row: Vec<(usize, f64)> = Vec::new();
        for (phase, &vertex) in vertices.iter().enumerate() {
            row.clear();
            for edge in self.all_edges_from(vertex) {
                let value = value_at(&edge, theta)?;
                match phase_of[edge.to.index()] {
                    Some(to) => row.push((to, value)),
                    None => exits[phase] += value,
                }
            }
            let total: f64 = exits[phase] + row.iter().map(|(_, value)| value).sum::<f64>();
            if self.clock() == Clock::Jumps && total > 0.0 {
                exits[phase] /= total;
                row.iter_mut().for_each(|(_, value)| *value /= total);
            }
            row.sort_by_key(|&(to, _)| to);
            for chunk in row.chunk_by(|a, b| a.0 == b.0) {
                let value: f64 = chunk.iter().map(|(_, value)| value).sum();
                if value > 0.0 {
                    entries.push((phase, chunk[0].0, value));
                }
            }
        }
        let clock = match self.clock() {
            Clock::Continuous => Clock::Continuous,
            Clock::Steps | Clock::Jumps => Clock::Steps,
        };
        Ok(Matrices {
            clock,
            vertices,
            alpha,
            entries,
            exits,
        })
    }

    /// The graph of a start vector and a sub-intensity matrix, whose rows sum to minus the exits.
    ///
    /// Phase i becomes a vertex with the state `[i + 1]`, and absorption a last one with the state `[0]`. A sum of the wrong sign
    /// within the rounding of its row counts as zero. Exits that are small beside the rates lose digits in the sum: where
    /// they matter, give them to [`Graph::from_entries`].
    ///
    /// # Shapes
    ///
    /// `alpha`: `(phases,)`, `matrix`: `(phases, phases)`.
    ///
    /// # Errors
    ///
    /// [`GraphError::Matrix`] for shapes that do not agree, entries off the diagonal that are negative, or rows with a positive
    /// sum; then what [`GraphBuilder::build`](crate::phase::GraphBuilder::build) finds.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    /// use ndarray::array;
    ///
    /// let graph = Graph::from_matrices(&[0.5, 0.5], array![[-1.0, 0.5], [0.0, -2.0]].view())?;
    /// let mean = EliminationTrace::record(&graph).at(&[])?.expectation();
    /// assert_eq!(mean, 0.5 * 1.25 + 0.5 * 0.5);
    /// assert_eq!(graph.to_matrices(&[])?.dense(), array![[-1.0, 0.5], [0.0, -2.0]]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn from_matrices(alpha: &[f64], matrix: ArrayView2<'_, f64>) -> Result<Graph, GraphError> {
        let rows = square(alpha, matrix)?;
        let exits: Result<Vec<f64>, GraphError> = matrix
            .outer_iter()
            .enumerate()
            .map(|(row, values)| {
                let largest = values.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
                exit(
                    row,
                    -values.sum(),
                    largest,
                    "at most 0, so that the exit is not negative",
                )
            })
            .collect();
        let entries = rows.filter(|&(from, to, _)| from != to);
        from_parts(Clock::Continuous, alpha, entries, &exits?)
    }

    /// The graph of a start vector and a matrix of probabilities of steps between phases; what a row misses to 1 is absorbed.
    ///
    /// # Shapes
    ///
    /// `alpha`: `(phases,)`, `matrix`: `(phases, phases)`.
    ///
    /// # Errors
    ///
    /// As for [`Graph::from_matrices`], with rows that sum to more than 1.
    ///
    /// ```
    /// use elimap::phase::Graph;
    /// use ndarray::array;
    ///
    /// let coin = Graph::from_step_matrices(&[1.0], array![[0.75]].view())?;
    /// assert!(coin.is_discrete());
    /// assert_eq!(coin.to_matrices(&[])?.exits, [0.25]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn from_step_matrices(
        alpha: &[f64],
        matrix: ArrayView2<'_, f64>,
    ) -> Result<Graph, GraphError> {
        let rows = square(alpha, matrix)?;
        let exits: Result<Vec<f64>, GraphError> = matrix
            .outer_iter()
            .enumerate()
            .map(|(row, values)| exit(row, 1.0 - values.sum(), 1.0, "at most 1"))
            .collect();
        from_parts(Clock::Steps, alpha, rows, &exits?)
    }

    /// The graph of a sparse matrix: `(from, to, rate)` between phases, and the rate of absorption from each.
    ///
    /// # Errors
    ///
    /// As for [`Graph::from_matrices`].
    ///
    /// ```
    /// use elimap::phase::Graph;
    ///
    /// let graph = Graph::from_entries(&[1.0, 0.0], &[(0, 1, 3.0)], &[0.0, 3.0])?;
    /// assert_eq!(graph.to_matrices(&[])?.entries, [(0, 1, 3.0)]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn from_entries(
        alpha: &[f64],
        entries: &[(usize, usize, f64)],
        exits: &[f64],
    ) -> Result<Graph, GraphError> {
        if alpha.len() != exits.len() {
            let (starts, exits) = (alpha.len(), exits.len());
            let problem =
                format!("it has {exits} entries, alpha has {starts}; give one of each per phase");
            return Err(GraphError::Matrix {
                what: "the vector of exits",
                problem,
            });
        }
        from_parts(Clock::Continuous, alpha, entries.iter().copied(), exits)
    }
}

fn value_at(edge: &Edge<'_>, theta: &[f64]) -> Result<f64, GraphError> {
    let value = edge.rate(theta);
    if value.is_finite() && value >= 0.0 {
        return Ok(value);
    }
    let (from, to) = (edge.from.index(), edge.to.index());
    let problem = format!(
        "edge {from} -> {to} has {value:?} there; numbers of edges must be finite and at least 0"
    );
    Err(GraphError::Matrix {
        what: "theta",
        problem,
    })
}

/// The nonzero entries of a matrix that fits a start vector.
fn square<'m>(
    alpha: &[f64],
    matrix: ArrayView2<'m, f64>,
) -> Result<impl Iterator<Item = (usize, usize, f64)> + 'm, GraphError> {
    if matrix.dim() != (alpha.len(), alpha.len()) {
        let (rows, columns, phases) = (matrix.nrows(), matrix.ncols(), alpha.len());
        let problem = format!(
            "it has the shape ({rows}, {columns}), but alpha has {phases} phases; give a row and a column for each"
        );
        return Err(GraphError::Matrix {
            what: "the matrix",
            problem,
        });
    }
    let size = alpha.len();
    let places = (0..size).flat_map(move |row| (0..size).map(move |column| (row, column)));
    Ok(places
        .map(move |(row, column)| (row, column, matrix[[row, column]]))
        .filter(|&(_, _, value)| value != 0.0))
}

fn exit(row: usize, exit: f64, largest: f64, bound: &str) -> Result<f64, GraphError> {
    if exit.abs() <= ROUNDING * largest {
        return Ok(0.0);
    }
    if exit > 0.0 {
        return Ok(exit);
    }
    let problem = format!("row {row} leaves {exit:?} for absorption; its sum must be {bound}");
    Err(GraphError::Matrix {
        what: "the matrix",
        problem,
    })
}

fn from_parts(
    clock: Clock,
    alpha: &[f64],
    entries: impl Iterator<Item = (usize, usize, f64)>,
    exits: &[f64],
) -> Result<Graph, GraphError> {
    let mut builder = Graph::builder(1, 0);
    builder.clock(clock).slots(["phase"]);
    let phases: Vec<VertexId> = (1..=alpha.len())
        .map(|phase| builder.add_vertex(&[phase as i64]))
        .collect();
    let end = builder.add_vertex(&[0]);
    for (from, to, value) in entries {
        let (Some(&a), Some(&b)) = (phases.get(from), phases.get(to)) else {
            let phases = phases.len();
            let problem =
                format!("entry ({from}, {to}) is outside of {phases} phases; phases count from 0");
            return Err(GraphError::Matrix {
                what: "the matrix",
                problem,
            });
        };
        if !(value >= 0.0 && value.is_finite()) {
            let problem =
                format!("entry ({from}, {to}) is {value:?}; it must be finite and at least 0");
            return Err(GraphError::Matrix {
                what: "the matrix",
                problem,
            });
        }
        builder.add_constant_edge(a, b, value);
    }
    for (&phase, &exit) in phases.iter().zip(exits) {
        if exit != 0.0 {
            builder.add_constant_edge(phase, end, exit);
        }
    }
    for (&phase, &probability) in phases.iter().zip(alpha) {
        if probability != 0.0 {
            builder.start(phase, probability);
        }
    }
    builder.build()
}
