//! Minimum, maximum, sum and mixture of independent times as graphs, and times on another scale.
//!
//! The constructions are those of the closure properties (Neuts 1981, *Matrix-Geometric Solutions in Stochastic Models*,
//! section 2.2): pairs of states for minimum and maximum, one graph after the other for a sum, side by side for a mixture.
//! They are walked from the start, so only what is reached exists.
//!
//! Theta is the theta of the first graph, then that of the second. Labels are the labels of both, with zeros for a graph
//! that is not in a state yet, or no longer. Mass at time zero is a time of zero.

use crate::phase::graph::error::GraphError;
use crate::phase::graph::explore::Transitions;
use crate::phase::graph::rate::Rate;
use crate::phase::graph::{Clock, Edge, Graph, VertexId};

/// A vertex of each graph; a graph that was absorbed at time zero is in its start.
type Pair = (VertexId, VertexId);

/// A vertex of one of the graphs.
type Part = (usize, VertexId);

/// The probability that a graph does not start at all.
fn missing(graph: &Graph) -> f64 {
    let sum: f64 = graph
        .start()
        .iter()
        .map(|&(_, probability)| probability)
        .sum();
    (1.0 - sum).max(0.0)
}

impl Graph {
    /// Whether time has ended in a vertex; it has in the start, which stands for mass at time zero.
    fn is_over(&self, vertex: VertexId) -> bool {
        vertex == VertexId::START || self.is_absorbing(vertex)
    }

    /// The start distribution with the mass at time zero, if there is any, in the start itself.
    fn whole_start(&self) -> impl Iterator<Item = (VertexId, f64)> + Clone {
        let zero = (VertexId::START, missing(self));
        let start = self.start().iter().copied();
        start.chain((zero.1 > 0.0).then_some(zero))
    }

    fn require(&self, operation: &'static str, clock: Clock) -> Result<(), GraphError> {
        if self.clock() == clock {
            return Ok(());
        }
        let found = self.clock();
        Err(GraphError::Clock {
            operation,
            expected: clock,
            found,
        })
    }

    /// The time when the first of two independent times ends.
    ///
    /// Absorbed where one of the two is: the label of an absorbing vertex says which, and where the other was. See the operands'
    /// parameters and labels at [`Graph::sum`].
    ///
    /// # Errors
    ///
    /// [`GraphError::Clock`] if a graph is discrete.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// // Exponential times with the rates 1 and 3.
    /// let one = models::erlang(1)?;
    /// let time = EliminationTrace::record(&one.minimum(&one)?).at(&[1.0, 3.0])?;
    /// assert_eq!(time.expectation(), 0.25);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn minimum(&self, other: &Graph) -> Result<Graph, GraphError> {
        self.race("minimum", other, |graphs, pair| {
            graphs[0].is_over(pair.0) || graphs[1].is_over(pair.1)
        })
    }

    /// The time when the last of two independent times ends.
    ///
    /// # Errors
    ///
    /// [`GraphError::Clock`] if a graph is discrete.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// let one = models::erlang(1)?;
    /// let time = EliminationTrace::record(&one.maximum(&one)?).at(&[1.0, 1.0])?;
    /// assert_eq!(time.expectation(), 1.5);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn maximum(&self, other: &Graph) -> Result<Graph, GraphError> {
        self.race("maximum", other, |graphs, pair| {
            graphs[0].is_over(pair.0) && graphs[1].is_over(pair.1)
        })
    }

    /// Both graphs side by side until it is over.
    fn race(
        &self,
        operation: &'static str,
        other: &Graph,
        is_over: impl Fn(&[&Graph; 2], &Pair) -> bool,
    ) -> Result<Graph, GraphError> {
        let graphs = [self, other];
        for graph in graphs {
            graph.require(operation, Clock::Continuous)?;
        }
        let start = self.whole_start().flat_map(|(first, p)| {
            let others = other.whole_start();
            others.map(move |(second, q)| ((first, second), p * q))
        });
        // Where it is over before it began that is mass at time zero.
        let begins = |pair: &Pair| {
            !is_over(&graphs, pair) || (pair.0 != VertexId::START && pair.1 != VertexId::START)
        };
        let start: Vec<(Pair, f64)> = start.filter(|(pair, _)| begins(pair)).collect();
        let rule = |pair: &Pair, out: &mut Transitions<Pair>| {
            if is_over(&graphs, pair) {
                return;
            }
            for edge in self.edges_from(pair.0) {
                out.edge((edge.to, pair.1), Rate::of(&edge, 0, 1.0));
            }
            for edge in other.edges_from(pair.1) {
                out.edge((pair.0, edge.to), Rate::of(&edge, self.param_length(), 1.0));
            }
        };
        let label = |pair: &Pair| [self.state(pair.0), other.state(pair.1)].concat();
        let walk = Graph::explore(start, rule);
        let walk = walk.param_length(self.param_length() + other.param_length());
        Ok(walk
            .with_names(names(&graphs, Graph::parameter_names, Graph::param_length))
            .slots(names(&graphs, Graph::slot_names, Graph::state_length))
            .build_labelled(label)?
            .0)
    }

    /// The sum of two independent times: the second begins when the first ends.
    ///
    /// Theta is the theta of `self`, then that of `other`. A label is one of `self` and one of `other`, one of them zeros.
    /// Names are kept where both graphs have them, as `first_..` and `second_..` if a name occurs in both. Two discrete graphs
    /// with probabilities of steps may be added too.
    ///
    /// # Errors
    ///
    /// [`GraphError::Clock`] if the graphs are not of one kind, or have weights of jumps.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// let (two, three) = (models::erlang(2)?, models::erlang(3)?);
    /// let time = EliminationTrace::record(&two.sum(&three)?).at(&[1.0, 1.0])?;
    /// assert_eq!(time.moments(2), [5.0, 30.0]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn sum(&self, other: &Graph) -> Result<Graph, GraphError> {
        let clock = self.clock();
        if clock == Clock::Jumps {
            self.require("sum", Clock::Continuous)?;
        }
        other.require("sum", clock)?;
        let graphs = [self, other];
        // Where the first ends the second starts; where that does not start either, both are over.
        let begin: Vec<(VertexId, f64)> = other.whole_start().collect();
        let start = self.whole_start().flat_map(|(vertex, p)| {
            let begin = begin.iter().map(move |&(next, q)| ((1, next), p * q));
            match self.is_over(vertex) {
                false => vec![((0, vertex), p)],
                true => begin.collect(),
            }
        });
        let start: Vec<(Part, f64)> = start
            .filter(|(part, _)| part.1 != VertexId::START)
            .collect();
        let rule = |&(which, vertex): &Part, out: &mut Transitions<Part>| {
            if which == 1 {
                let edges = other.all_edges_from(vertex);
                edges.for_each(|e| out.edge((1, e.to), Rate::of(&e, self.param_length(), 1.0)));
                return;
            }
            for edge in self.all_edges_from(vertex) {
                if self.is_over(edge.to) {
                    for &(next, q) in &begin {
                        out.edge((1, next), Rate::of(&edge, 0, q));
                    }
                } else {
                    out.edge((0, edge.to), Rate::of(&edge, 0, 1.0));
                }
            }
        };
        join(&graphs, clock, start, rule)
    }

    /// A time of one of several graphs, chosen at random: of graph k with the k-th weight.
    ///
    /// Weights are probabilities; what they miss to 1 is mass at time zero. Parameters and labels are those of all graphs, one
    /// after the other, as in a [sum](Graph::sum).
    ///
    /// # Errors
    ///
    /// [`GraphError::Clock`] if the graphs are not of one kind, [`GraphError::InvalidStart`] and [`GraphError::StartSum`] for
    /// the weights.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph, models};
    ///
    /// // Hyperexponential: rate 1 or 4.
    /// let one = models::erlang(1)?;
    /// let either = Graph::mixture(&[(0.5, &one), (0.5, &one)])?;
    /// assert_eq!(EliminationTrace::record(&either).at(&[1.0, 4.0])?.expectation(), 0.625);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn mixture(parts: &[(f64, &Graph)]) -> Result<Graph, GraphError> {
        let graphs: Vec<&Graph> = parts.iter().map(|&(_, graph)| graph).collect();
        let clock = graphs
            .first()
            .map_or(Clock::Continuous, |graph| graph.clock());
        for graph in &graphs {
            graph.require("mixture", clock)?;
        }
        let weighted = parts.iter().enumerate();
        let start: Vec<(Part, f64)> = weighted
            .flat_map(|(which, &(weight, graph))| {
                let start = graph.start().iter();
                start.map(move |&(vertex, p)| ((which, vertex), weight * p))
            })
            .collect();
        let mut offsets = vec![0];
        for graph in &graphs {
            offsets.push(offsets[offsets.len() - 1] + graph.param_length());
        }
        let rule = |&(which, vertex): &Part, out: &mut Transitions<Part>| {
            for edge in graphs[which].all_edges_from(vertex) {
                out.edge((which, edge.to), Rate::of(&edge, offsets[which], 1.0));
            }
        };
        join(&graphs, clock, start, rule)
    }

    /// The time multiplied by a positive number: all rates are divided by it.
    ///
    /// # Errors
    ///
    /// [`GraphError::Clock`] if the graph is discrete, [`GraphError::Scale`] for a number that is not positive and finite.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    ///
    /// let time = EliminationTrace::record(&models::erlang(3)?.scaled(10.0)?).at(&[1.0])?;
    /// assert_eq!(time.expectation(), 30.0);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn scaled(&self, factor: f64) -> Result<Graph, GraphError> {
        self.require("scaled", Clock::Continuous)?;
        if !(factor > 0.0 && factor.is_finite()) {
            return Err(GraphError::Scale { factor });
        }
        self.rebuilt(|p| p, |rate| rate / factor)
    }

    /// The time given that it is not zero: start probabilities are divided by their sum.
    ///
    /// # Errors
    ///
    /// [`GraphError::NothingStarts`] if all of them are zero.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph};
    ///
    /// let mut builder = Graph::builder(0, 0);
    /// let (a, b) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.add_constant_edge(a, b, 1.0).start(a, 0.25);
    /// let graph = builder.build()?;
    /// assert_eq!(EliminationTrace::record(&graph).at(&[])?.expectation(), 0.25);
    /// assert_eq!(EliminationTrace::record(&graph.normalized()?).at(&[])?.expectation(), 1.0);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn normalized(&self) -> Result<Graph, GraphError> {
        let sum: f64 = self
            .start()
            .iter()
            .map(|&(_, probability)| probability)
            .sum();
        if sum <= 0.0 {
            return Err(GraphError::NothingStarts);
        }
        self.rebuilt(|probability| probability / sum, |rate| rate)
    }

    /// The edges out of a vertex, to itself included.
    pub(super) fn all_edges_from(&self, vertex: VertexId) -> impl Iterator<Item = Edge<'_>> {
        let loops = &self.0.loops.vertices;
        let first = loops.partition_point(|&at| at < vertex);
        let own = self.self_loops().skip(first);
        self.edges_from(vertex)
            .chain(own.take_while(move |edge| edge.from == vertex))
    }

    /// The same graph with other start probabilities and other rates.
    fn rebuilt(
        &self,
        start: impl Fn(f64) -> f64,
        rate: impl Fn(f64) -> f64,
    ) -> Result<Graph, GraphError> {
        let mut builder = Graph::builder(self.state_length(), self.param_length());
        builder
            .clock(self.clock())
            .start_state(self.state(VertexId::START));
        builder
            .parameters(self.parameter_names())
            .slots(self.slot_names());
        for vertex in self.vertices().skip(1) {
            builder.add_vertex(self.state(vertex));
        }
        for edge in self.edges().chain(self.self_loops()) {
            builder.push_rate(edge.from, edge.to, &Rate::of(&edge, 0, 1.0).map(&rate));
        }
        for &(vertex, probability) in self.start() {
            builder.start(vertex, start(probability));
        }
        builder.build()
    }
}

/// Graphs of which one is in a state at a time.
fn join(
    graphs: &[&Graph],
    clock: Clock,
    start: Vec<(Part, f64)>,
    rule: impl FnMut(&Part, &mut Transitions<Part>),
) -> Result<Graph, GraphError> {
    let parameters = graphs.iter().map(|graph| graph.param_length()).sum();
    let before = |which: usize| -> usize {
        let before = graphs[..which].iter();
        before.map(|graph| graph.state_length()).sum()
    };
    let length = before(graphs.len());
    let label = |&(which, vertex): &Part| {
        let mut label = vec![0; length];
        let state = graphs[which].state(vertex);
        label[before(which)..][..state.len()].copy_from_slice(state);
        label
    };
    let walk = Graph::explore(start, rule).clock(clock);
    let walk = walk.param_length(parameters);
    Ok(walk
        .with_names(names(graphs, Graph::parameter_names, Graph::param_length))
        .slots(names(graphs, Graph::slot_names, Graph::state_length))
        .build_labelled(label)?
        .0)
}

/// The names of all graphs; none unless every graph that has something to name has named it.
fn names(
    graphs: &[&Graph],
    names: impl Fn(&Graph) -> &[String],
    length: impl Fn(&Graph) -> usize,
) -> Vec<String> {
    if graphs
        .iter()
        .any(|graph| names(graph).len() != length(graph))
    {
        return Vec::new();
    }
    let all: Vec<&String> = graphs.iter().flat_map(|graph| names(graph)).collect();
    let is_clear = |name: &String| all.iter().filter(|other| **other == name).count() == 1;
    if all.iter().all(|name| is_clear(name)) {
        return all.into_iter().cloned().collect();
    }
    let ordinal = |which: usize| match which {
        0 => "first".to_owned(),
        1 => "second".to_owned(),
        which => format!("part{}", which + 1),
    };
    let named = graphs.iter().enumerate();
    named
        .flat_map(|(which, graph)| {
            let names = names(graph).iter();
            names.map(move |name| format!("{}_{name}", ordinal(which)))
        })
        .collect()
}
