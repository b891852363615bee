//! The graph of a phase-type model: vertices with state labels, edges whose rates are linear in theta, a start.
//!
//! [`GraphBuilder::build`] is the only way to make a [`Graph`] (the JSON reader goes through it), so everything that the
//! type's documentation guarantees is checked once and relied on everywhere.
//!
//! Edges are stored row by row (compressed sparse rows), coefficients as a second level of sparse rows, so that an edge
//! costs 20 bytes and 12 more per nonzero coefficient. A graph is immutable and cheap to clone.

mod absorption;
mod acyclic;
mod algebra;
mod builder;
mod clock;
pub(crate) mod error;
pub(crate) mod explore;
mod header;
pub(crate) mod json;
pub(crate) mod matrices;
pub mod models;
mod moments;
mod quick;
pub(crate) mod rate;
pub(crate) mod reach;
mod rewards;
mod rows;
mod scanner;
mod vertex;
mod written;

use std::ops::Range;
use std::sync::Arc;

pub use builder::GraphBuilder;
pub use clock::Clock;
pub use vertex::VertexId;

use smallvec::SmallVec;

use crate::phase::csr::Csr;
use crate::phase::numeric::extended::Scalar;

/// One edge of a [`Graph`], borrowed: its rate at theta is `constant + sum of c_k theta_k`, where products of parameters may
/// stand in the place of a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Edge<'g> {
    /// Where it starts.
    pub from: VertexId,
    /// Where it ends.
    pub to: VertexId,
    /// The part of the rate that does not depend on theta; 0 on a parameterized edge.
    pub constant: f64,
    /// Which parameters have a coefficient, ascending; numbers from theta's length on are products, which
    /// [`terms`](Self::terms) spells out.
    pub parameters: &'g [u32],
    /// The coefficients, none of them zero, one per entry of `parameters`.
    pub coefficients: &'g [f64],
    /// The products of the graph, and the number of the first: the length of theta.
    products: (&'g Csr<usize, u32>, usize),
}

impl<'g> Edge<'g> {
    /// Whether the rate is zero for every theta.
    ///
    /// ```
    /// use elimap::phase::{VertexId, models};
    ///
    /// let graph = models::erlang(2)?;
    /// let first = graph.vertices().nth(1).unwrap_or(VertexId::START);
    /// assert!(graph.edges_from(first).all(|edge| !edge.is_zero()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.constant == 0.0 && self.coefficients.is_empty()
    }

    /// The terms of the rate: coefficients, and the parameters that each is multiplied with, mostly one.
    ///
    /// ```
    /// use elimap::phase::{Graph, Rate};
    ///
    /// let mut builder = Graph::builder(0, 2);
    /// let (a, b) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.add_rate(a, b, Rate::product([0, 1], 3.0)).start(a, 1.0);
    /// let graph = builder.build()?;
    /// let edge = graph.edges().next().expect("an edge");
    /// assert_eq!(edge.terms().collect::<Vec<_>>(), [(3.0, &[0, 1][..])]);
    /// assert_eq!(edge.rate(&[2.0, 0.5]), 3.0);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn terms(&self) -> impl ExactSizeIterator<Item = (f64, &'g [u32])> + use<'g> {
        let (products, first) = self.products;
        let terms = self.coefficients.iter().zip(self.parameters);
        terms.map(move |(&coefficient, number)| {
            let factors = match (*number as usize).checked_sub(first) {
                None => std::slice::from_ref(number),
                Some(product) => products.row(product),
            };
            (coefficient, factors)
        })
    }

    /// The rate at a theta; not a number if theta is too short.
    ///
    /// ```
    /// use elimap::phase::{VertexId, models};
    ///
    /// let graph = models::erlang(2)?;
    /// let first = graph.vertices().nth(1).unwrap_or(VertexId::START);
    /// let rates: Vec<f64> = graph.edges_from(first).map(|edge| edge.rate(&[3.0])).collect();
    /// assert_eq!(rates, [3.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn rate(&self, theta: &[f64]) -> f64 {
        self.rate_at(|parameter| theta.get(parameter).copied().unwrap_or(f64::NAN))
    }

    /// The rate in numbers of any kind: the constant, then the terms in their order.
    pub(crate) fn rate_at<S: Scalar>(&self, theta: impl Fn(usize) -> S) -> S {
        let mut rate = S::from_f64(self.constant);
        for (coefficient, factors) in self.terms() {
            rate = rate + S::from_f64(coefficient) * product(factors, &theta);
        }
        rate
    }

    /// The derivatives of the rate: parameters, each with the coefficient of a term times what else is multiplied in it.
    pub(crate) fn slopes<S: Scalar, F: Fn(usize) -> S>(
        &self,
        theta: F,
    ) -> impl Iterator<Item = (usize, S)> + use<'g, S, F> {
        self.slopes_with(theta, |coefficient| coefficient)
    }

    /// The same with the sizes of the coefficients, for bounds.
    pub(crate) fn sizes<S: Scalar, F: Fn(usize) -> S>(
        &self,
        theta: F,
    ) -> impl Iterator<Item = (usize, S)> + use<'g, S, F> {
        self.slopes_with(theta, f64::abs)
    }

    fn slopes_with<S: Scalar, F: Fn(usize) -> S>(
        &self,
        theta: F,
        of: fn(f64) -> f64,
    ) -> impl Iterator<Item = (usize, S)> + use<'g, S, F> {
        self.terms().flat_map(move |(coefficient, factors)| {
            let coefficient = S::from_f64(of(coefficient));
            let slopes = (0..factors.len()).map(|place| {
                let slope = match factors {
                    [_] => coefficient,
                    _ => coefficient * product_without(factors, place, &theta),
                };
                (factors[place] as usize, slope)
            });
            slopes.collect::<SmallVec<[(usize, S); 4]>>()
        })
    }
}

/// What the rate of an edge is made of, without its ends.
#[derive(Clone, Copy)]
pub(crate) struct RateView<'g> {
    pub constant: f64,
    pub parameters: &'g [u32],
    pub coefficients: &'g [f64],
}

impl RateView<'_> {
    /// Whether all numbers have the same bits.
    pub(crate) fn has_the_bits_of(self, other: Self) -> bool {
        let bits = |numbers: &'_ [f64], others: &'_ [f64]| {
            let pairs = numbers.iter().zip(others);
            pairs.into_iter().all(|(a, b)| a.to_bits() == b.to_bits())
        };
        self.parameters == other.parameters
            && bits(&[self.constant], &[other.constant])
            && bits(self.coefficients, other.coefficients)
    }
}

/// The product of parameters, which are at least one.
fn product<S: Scalar>(factors: &[u32], theta: impl Fn(usize) -> S) -> S {
    let first = theta(factors[0] as usize);
    let rest = factors[1..].iter();
    rest.fold(first, |product, &k| product * theta(k as usize))
}

/// The product of parameters but for one place.
fn product_without<S: Scalar>(factors: &[u32], place: usize, theta: impl Fn(usize) -> S) -> S {
    let others = factors.iter().enumerate().filter(|&(at, _)| at != place);
    others.fold(S::from_f64(1.0), |product, (_, &k)| {
        product * theta(k as usize)
    })
}

/// The edges of a discrete graph from a vertex to itself; the elimination never sees them.
#[derive(Debug, Default, PartialEq)]
struct SelfLoops {
    /// Ascending.
    vertices: Vec<VertexId>,
    /// By loop, as the loops' parameters.
    constants: Vec<f64>,
    parameters: Csr<usize, u32>,
    /// Side by side with the parameters of all loops.
    coefficients: Vec<f64>,
}

#[derive(Debug, PartialEq)]
struct Inner {
    clock: Clock,
    state_length: usize,
    param_length: usize,
    /// Products of parameters, which edges name by numbers after those of the parameters.
    products: Csr<usize, u32>,
    /// One per parameter, or none at all.
    parameter_names: Vec<String>,
    /// One per place of a state, or none at all.
    slot_names: Vec<String>,
    vertices: usize,
    states: Vec<i64>,
    /// Where the edges of each vertex lead; their places number the edges.
    edges: Csr<usize, VertexId>,
    /// By edge.
    constants: Vec<f64>,
    /// By edge, the parameters that have a coefficient.
    parameters: Csr<usize, u32>,
    /// The coefficients, side by side with the parameters of all edges.
    coefficients: Vec<f64>,
    loops: SelfLoops,
    start: Vec<(VertexId, f64)>,
    /// Whether some vertex cannot reach absorption at any theta; the start reaches none of those.
    has_traps: bool,
}

impl Inner {
    /// Whether the rate of an edge is zero for every theta.
    #[inline(always)]
    fn is_zero(&self, edge: usize) -> bool {
        self.parameters.range(edge).is_empty() && self.constants[edge] == 0.0
    }
}

/// A directed graph whose edge rates are linear in theta, with a start distribution.
///
/// Whoever holds a graph may rely on this:
///
/// * vertex 0 is the start: it takes no time, no ordinary edge touches it, the start distribution is its only way out;
/// * no edge goes from a vertex to itself, and every endpoint exists. Only a [discrete](Clock) graph has edges from a vertex
///   to itself; they are kept apart, as [`self_loops`](Graph::self_loops);
/// * constant rates are finite and at least 0; coefficients are finite. A coefficient may be negative: what must not be
///   negative is the rate at a theta, which [`EliminationTrace::at`](super::EliminationTrace::at) checks;
/// * start probabilities lie in \[0, 1\] and sum to at most 1 (up to 1e-9). What is missing to 1 is mass at time zero;
/// * from every vertex that the start reaches, some path leads to an absorbing vertex, that is one without edges. Edges
///   whose coefficients are all zero carry no such path. A vertex that the start does *not* reach may be trapped: its own
///   waiting time is infinite, everything else is unaffected.
///
/// States are labels. Two vertices may share one, and parallel edges stay apart (their rates add).
///
/// ```
/// use elimap::phase::Graph;
///
/// let mut builder = Graph::builder(1, 1);
/// let two = builder.add_vertex(&[2]);
/// let one = builder.add_vertex(&[1]);
/// builder.add_edge(two, one, &[1.0]).start(two, 1.0);
/// let graph = builder.build()?;
/// assert_eq!((graph.vertex_count(), graph.edge_count()), (3, 1));
/// assert!(graph.is_absorbing(one));
/// # Ok::<(), elimap::phase::PhaseError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Graph(Arc<Inner>);

impl Graph {
    /// A builder for a graph with states of `state_length` integers and thetas of `param_length` numbers.
    ///
    /// ```
    /// use elimap::phase::Graph;
    /// let mut builder = Graph::builder(1, 1);
    /// let (on, off) = (builder.add_vertex(&[1]), builder.add_vertex(&[0]));
    /// builder.add_edge(on, off, &[1.0]).start(on, 1.0);
    /// assert_eq!(builder.build()?.edge_count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn builder(state_length: usize, param_length: usize) -> GraphBuilder {
        GraphBuilder::new(state_length, param_length)
    }

    /// The number of vertices, start and absorbing ones included.
    ///
    /// ```
    /// use elimap::phase::models;
    /// let graph = models::erlang(4)?;
    /// assert_eq!(graph.vertex_count(), 6); // the start, four phases, the end
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn vertex_count(&self) -> usize {
        self.0.vertices
    }

    /// The number of edges; parallel edges count apart, start edges and self-loops do not count.
    ///
    /// ```
    /// use elimap::phase::models;
    /// let graph = models::erlang(4)?;
    /// assert_eq!(graph.edge_count(), 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn edge_count(&self) -> usize {
        self.0.edges.len()
    }

    /// The length of a state vector.
    ///
    /// ```
    /// use elimap::phase::models;
    /// let graph = models::erlang(4)?;
    /// assert_eq!(graph.state_length(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn state_length(&self) -> usize {
        self.0.state_length
    }

    /// The length of theta.
    ///
    /// ```
    /// use elimap::phase::models;
    /// let graph = models::erlang(4)?;
    /// assert_eq!(graph.param_length(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn param_length(&self) -> usize {
        self.0.param_length
    }

    /// What an edge's number is: a rate, a probability, or a weight.
    ///
    /// ```
    /// use elimap::phase::{Clock, models};
    /// assert_eq!(models::erlang(4)?.clock(), Clock::Continuous);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.0.clock
    }

    /// Whether time is a number of steps.
    ///
    /// ```
    /// use elimap::phase::models;
    /// let graph = models::erlang(4)?;
    /// assert!(!graph.is_discrete());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_discrete(&self) -> bool {
        self.0.clock != Clock::Continuous
    }

    /// The names of theta's entries, one for each; empty if they have none.
    ///
    /// ```
    /// use elimap::phase::{Graph, Rate};
    ///
    /// let decay = Graph::explore([(true, 1.0)], |&alive: &bool, out| {
    ///     if alive {
    ///         out.edge(false, Rate::parameter(0, 1.0));
    ///     }
    /// });
    /// let names = decay.parameters(["death"]).build()?.parameter_names().to_vec();
    /// assert_eq!(names, ["death"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn parameter_names(&self) -> &[String] {
        &self.0.parameter_names
    }

    /// The names of a state's entries, one for each; empty if they have none.
    ///
    /// ```
    /// use elimap::phase::Graph;
    ///
    /// let decay = Graph::explore([(true, 1.0)], |&alive: &bool, out| {
    ///     if alive {
    ///         out.edge(false, 1.0);
    ///     }
    /// });
    /// assert_eq!(decay.slots(["alive"]).build()?.slot_names(), ["alive"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn slot_names(&self) -> &[String] {
        &self.0.slot_names
    }

    /// The edges of a discrete graph from a vertex to itself, by vertex; a continuous graph has none.
    ///
    /// ```
    /// use elimap::phase::Graph;
    ///
    /// let mut builder = Graph::builder(1, 0);
    /// let (coin, end) = (builder.add_vertex(&[1]), builder.add_vertex(&[0]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_constant_edge(coin, coin, 0.75).add_constant_edge(coin, end, 0.25);
    /// let graph = builder.build()?;
    /// assert_eq!(graph.self_loops().map(|edge| edge.constant).collect::<Vec<_>>(), [0.75]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn self_loops(&self) -> impl ExactSizeIterator<Item = Edge<'_>> {
        let loops = &self.0.loops;
        loops
            .vertices
            .iter()
            .enumerate()
            .map(|(row, &vertex)| Edge {
                from: vertex,
                to: vertex,
                constant: loops.constants[row],
                parameters: loops.parameters.row(row),
                coefficients: &loops.coefficients[loops.parameters.range(row)],
                products: (&self.0.products, self.0.param_length),
            })
    }

    /// All vertices in order.
    ///
    /// ```
    /// use elimap::phase::models;
    /// let graph = models::erlang(4)?;
    /// assert_eq!(graph.vertices().len(), graph.vertex_count());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn vertices(&self) -> impl ExactSizeIterator<Item = VertexId> + use<> {
        (0..self.0.vertices as u32).map(VertexId::from_u32)
    }

    /// The state that labels a vertex; empty for a vertex that does not exist.
    ///
    /// ```
    /// use elimap::phase::models;
    /// let graph = models::erlang(4)?;
    /// assert_eq!(graph.state(graph.start()[0].0).len(), graph.state_length());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn state(&self, vertex: VertexId) -> &[i64] {
        let width = self.0.state_length;
        let first = vertex.index().saturating_mul(width);
        self.0
            .states
            .get(first..first.saturating_add(width))
            .unwrap_or(&[])
    }

    /// The start distribution in the order given; vertices may repeat, their probabilities add.
    ///
    /// ```
    /// use elimap::phase::models;
    /// let graph = models::erlang(4)?;
    /// assert_eq!(graph.start()[0].1, 1.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn start(&self) -> &[(VertexId, f64)] {
        &self.0.start
    }

    /// Whether a vertex other than the start has no edges, or in a discrete graph none but to itself.
    ///
    /// ```
    /// use elimap::phase::models;
    /// let graph = models::erlang(4)?;
    /// let ends = graph.vertices().filter(|&vertex| graph.is_absorbing(vertex));
    /// assert_eq!(ends.count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_absorbing(&self, vertex: VertexId) -> bool {
        vertex != VertexId::START
            && vertex.index() < self.0.vertices
            && self.edge_range(vertex).is_empty()
    }

    /// The edges that leave a vertex, in the order given.
    ///
    /// ```
    /// use elimap::phase::models;
    /// let graph = models::erlang(4)?;
    /// let (first, _) = graph.start()[0];
    /// assert_eq!(graph.edges_from(first).len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn edges_from(&self, vertex: VertexId) -> impl ExactSizeIterator<Item = Edge<'_>> {
        self.edge_range(vertex)
            .map(move |edge| self.edge_of(vertex, edge))
    }

    /// All edges, grouped by the vertex they leave.
    ///
    /// ```
    /// use elimap::phase::models;
    /// let graph = models::erlang(4)?;
    /// assert!(graph.edges().all(|edge| edge.from != edge.to));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn edges(&self) -> impl Iterator<Item = Edge<'_>> {
        self.vertices()
            .flat_map(move |vertex| self.edges_from(vertex))
    }

    /// Everything the analysis of a graph depends on, without coefficients, labels and the start: where each edge leads
    /// and whether it is zero for every theta.
    ///
    /// 32-bit words: the number of vertices; the end of each vertex's edges among all; the targets; the edges that are
    /// zero.
    pub(crate) fn structure(&self) -> Vec<u32> {
        let inner = &*self.0;
        let edges = inner.edges.len();
        let mut words = Vec::with_capacity(1 + inner.vertices + edges);
        words.push(inner.vertices as u32);
        words.extend(inner.edges.ends()[1..].iter().map(|&end| end as u32));
        words.extend(inner.edges.values().iter().map(|target| target.as_u32()));
        let zeros = (0..edges).filter(|&edge| inner.is_zero(edge));
        words.extend(zeros.map(|edge| edge as u32));
        words
    }

    /// Whether some vertex cannot reach absorption at any theta; the start reaches none of those.
    pub(crate) fn has_traps(&self) -> bool {
        self.0.has_traps
    }

    pub(crate) fn edge_range(&self, vertex: VertexId) -> Range<usize> {
        let exists = vertex.index() < self.0.edges.rows();
        if exists {
            self.0.edges.range(vertex.index())
        } else {
            0..0
        }
    }

    /// The edges of a vertex that are not zero for every theta, and where they lead.
    #[inline(always)]
    pub(crate) fn targets_from(
        &self,
        vertex: VertexId,
    ) -> impl Iterator<Item = (usize, VertexId)> + '_ {
        let inner = &*self.0;
        self.edge_range(vertex)
            .filter(|&edge| !inner.is_zero(edge))
            .map(|edge| (edge, inner.edges.values()[edge]))
    }

    /// What the rate of an edge is made of.
    #[inline(always)]
    pub(crate) fn rate_of(&self, edge: usize) -> RateView<'_> {
        let inner = &*self.0;
        let terms = inner.parameters.range(edge);
        RateView {
            constant: inner.constants[edge],
            parameters: &inner.parameters.values()[terms.clone()],
            coefficients: &inner.coefficients[terms],
        }
    }

    /// The rate of an edge, if it is a multiple of one parameter, or of 1, which is numbered after the parameters.
    #[inline(always)]
    pub(crate) fn only_term(&self, edge: usize) -> Option<(f64, u32)> {
        let inner = &*self.0;
        let terms = inner.parameters.range(edge);
        match terms.len() {
            0 => Some((inner.constants[edge], inner.param_length as u32)),
            1 => {
                let parameter = inner.parameters.values()[terms.start];
                let is_product = parameter as usize >= inner.param_length;
                (!is_product).then(|| (inner.coefficients[terms.start], parameter))
            }
            _ => None,
        }
    }

    pub(crate) fn edge_of(&self, from: VertexId, edge: usize) -> Edge<'_> {
        let inner = &*self.0;
        Edge {
            from,
            to: inner.edges.values()[edge],
            constant: inner.constants[edge],
            parameters: inner.parameters.row(edge),
            coefficients: &inner.coefficients[inner.parameters.range(edge)],
            products: (&inner.products, inner.param_length),
        }
    }

    /// The products of parameters that rates have beside the parameters themselves; edges name the first of them by the length of
    /// theta.
    ///
    /// ```
    /// use elimap::phase::{Graph, Rate};
    ///
    /// let meeting = Graph::explore([(true, 1.0)], |&apart: &bool, out| {
    ///     if apart {
    ///         out.edge(false, Rate::product([0, 1], 2.0));
    ///     }
    /// });
    /// let graph = meeting.parameters(["speed", "density"]).build()?;
    /// assert_eq!(graph.products().collect::<Vec<_>>(), [[0, 1]]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn products(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        self.0.products.iter()
    }

    /// The same by number.
    pub(crate) fn product_rows(&self) -> &Csr<usize, u32> {
        &self.0.products
    }
}
