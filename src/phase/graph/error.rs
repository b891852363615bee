//! What can be wrong with a graph or its file, as data.

use std::path::PathBuf;

use thiserror::Error;

use crate::phase::graph::{Clock, VertexId};

/// The fields both phasic 0.22 and 0.32 always write, for the message of a missing one.
const REQUIRED_FIELDS: &str = "`states`, `edges`, `start_edges`, `param_edges`, `param_length`, `state_length` and `n_vertices`";

/// An error of a [`Graph`](crate::phase::Graph): of its file, of building it, or of a model generator.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GraphError {
    /// A graph file could not be read.
    #[error("cannot read graph file `{}`: {source}; check the path and its permissions", path.display())]
    Io {
        /// The file asked for.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },

    /// The text is not JSON, or a value in it has the wrong type.
    #[error(
        "malformed JSON at line {line}, column {column}: {message}; write the graph again with phasic's `serialize()` (JSON has no NaN or Infinity)"
    )]
    Json {
        /// Line of the offending byte, from 1.
        line: usize,
        /// Column of the offending byte, from 1.
        column: usize,
        /// What the parser said.
        message: String,
    },

    /// A field that every serialized graph has is absent.
    #[error(
        "field `{field}` is missing; a serialized graph needs {}",
        REQUIRED_FIELDS
    )]
    MissingField {
        /// The absent field.
        field: &'static str,
    },

    /// The start distribution is empty, which reads like a field that was lost.
    #[error(
        "`start_edges` is empty, so the model starts nowhere; give rows [to, probability] (a model that is absorbed at time zero has the probability 0)"
    )]
    NoStart,

    /// The field `discrete` says neither that time is continuous nor how it counts steps.
    #[error(
        "field `discrete` is {found}; write true (edges have probabilities), \"jumps\" (edges have weights) or false (edges have rates)"
    )]
    DiscreteField {
        /// What was found, as JSON.
        found: String,
    },

    /// Too few or too many names.
    #[error(
        "field `{field}` has {found} names, expected {expected}; give one for each, or none at all"
    )]
    NameCount {
        /// What is named.
        field: &'static str,
        /// How many names there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },

    /// A name that is no word, or occurs twice.
    #[error(
        "field `{field}`, entry {index}: {name:?} cannot be a name; names are different words of letters, digits and `_` that begin with no digit"
    )]
    InvalidName {
        /// What is named.
        field: &'static str,
        /// Which of them, from 0.
        index: usize,
        /// The name.
        name: String,
    },

    /// A row has too few or too many numbers.
    #[error(
        "field `{field}`, row {row}: expected {expected} numbers, found {found}; rows of `{field}` are {layout}"
    )]
    RowLength {
        /// The field.
        field: &'static str,
        /// Row, from 0.
        row: usize,
        /// How many numbers the row should have.
        expected: usize,
        /// How many it has.
        found: usize,
        /// What a row means.
        layout: &'static str,
    },

    /// A number that must be a whole number is not.
    #[error(
        "field `{field}`, row {row}, column {column}: {value:?} is not a whole number in range; write an integer there"
    )]
    NotAnInteger {
        /// The field.
        field: &'static str,
        /// Row, from 0.
        row: usize,
        /// Column, from 0.
        column: usize,
        /// The number found.
        value: f64,
    },

    /// A size is negative, fractional or enormous.
    #[error(
        "field `{field}` is {value:?}, which is not a size; write a whole number of at least 0"
    )]
    InvalidSize {
        /// The field.
        field: &'static str,
        /// The number found.
        value: f64,
    },

    /// A vertex index points outside the graph.
    #[error(
        "field `{field}`, row {row}: vertex {value} does not exist, the graph has vertices 0 to {}; correct the index or add the vertex",
        vertices.saturating_sub(1)
    )]
    NoSuchVertex {
        /// The field.
        field: &'static str,
        /// Row, from 0.
        row: usize,
        /// The index found.
        value: i64,
        /// How many vertices the graph has.
        vertices: usize,
    },

    /// A count stated in the file contradicts the file's own data.
    #[error("field `{field}` says {stated}, but {found} {what}; correct one of the two")]
    CountMismatch {
        /// The field.
        field: &'static str,
        /// The value stated.
        stated: i64,
        /// The value found.
        found: usize,
        /// What was counted.
        what: &'static str,
    },

    /// `vertex_indices` is not 0, 1, 2, ...
    #[error(
        "field `vertex_indices`, row {row}: found {found} where {row} is expected; vertices must be listed in order"
    )]
    VertexIndices {
        /// Row, from 0.
        row: usize,
        /// The index found.
        found: i64,
    },

    /// Edge weights are neither linear in theta nor products.
    #[error(
        "weight mode `{mode}` is not supported, only `linear` (rate = coefficients . theta) and `log` (rate = product of coefficients times parameters) are; serialize the graph in one of them"
    )]
    WeightMode {
        /// The mode found.
        mode: String,
    },

    /// A coefficient of zero in a rate that is a product.
    #[error(
        "row {row} of param_edges has the coefficient 0 for parameter {parameter}; in weight mode `log` rates are products of all coefficients times parameters, so none may be 0"
    )]
    ZeroFactor {
        /// Which row.
        row: usize,
        /// Which parameter.
        parameter: usize,
    },

    /// Start probabilities that depend on theta.
    #[error(
        "field `start_param_edges` is not empty (rows: {rows}), but start probabilities that depend on theta are not supported; give them as numbers in `start_edges`"
    )]
    ParameterizedStart {
        /// How many rows there are.
        rows: usize,
    },

    /// The graph has no start vertex.
    #[error("the graph has no vertices; vertex 0 is the start and must exist")]
    NoVertices,

    /// The graph exceeds what 32-bit indices address.
    #[error("{count} {what} are too many, at most {limit} are supported; split the model")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },

    /// A state vector has the wrong length.
    #[error(
        "{vertex} has a state of length {found}, but the graph's states have length {expected}; pad or shorten it"
    )]
    StateLength {
        /// The vertex.
        vertex: VertexId,
        /// The graph's state length.
        expected: usize,
        /// The length found.
        found: usize,
    },

    /// An edge has the wrong number of coefficients.
    #[error("edge {from} -> {to} has {found} coefficients, but the graph has {expected} parameters; give one coefficient per parameter", from = from.index(), to = to.index())]
    CoefficientCount {
        /// Where the edge starts.
        from: VertexId,
        /// Where it ends.
        to: VertexId,
        /// The graph's parameter count.
        expected: usize,
        /// The number of coefficients found.
        found: usize,
    },

    /// Rewards, or rates of marks, that are none.
    #[error("{what}: {problem}")]
    Reward {
        /// What they are.
        what: &'static str,
        /// What is wrong.
        problem: String,
    },

    /// A vertex without reward whose rates are in proportions that depend on theta.
    #[error(
        "the rates out of {vertex}, which has no reward, are not multiples of one parameter, so what passes it depends on theta; give it a reward, or ask `PhaseType::reward` at a theta"
    )]
    NoProportion {
        /// The vertex.
        vertex: VertexId,
    },

    /// A question about times of a discrete graph.
    #[error(
        "{what} is for continuous graphs, but this one is {found}; ask `DiscretePhaseType::reward` for rewards of steps"
    )]
    NotContinuous {
        /// What was asked.
        what: &'static str,
        /// The kind of graph.
        found: &'static str,
    },

    /// A row of `products` is not a product of parameters.
    #[error("`products` has {found} in row {row}; a product is a list of two or more numbers of parameters, from 0 to {}", parameters.saturating_sub(1))]
    Product {
        /// The row.
        row: usize,
        /// What is there.
        found: String,
        /// The graph's parameter count.
        parameters: usize,
    },

    /// An edge ends or starts at a vertex that was never added.
    #[error("edge {from} -> {to} names a vertex that does not exist, the graph has vertices 0 to {}; add the vertex first", vertices.saturating_sub(1), from = from.index(), to = to.index())]
    EdgeOutOfRange {
        /// Where the edge starts.
        from: VertexId,
        /// Where it ends.
        to: VertexId,
        /// How many vertices the graph has.
        vertices: usize,
    },

    /// An edge from a vertex to itself.
    #[error(
        "{vertex} has an edge to itself; remove it, in continuous time a jump that changes nothing has no effect"
    )]
    SelfLoop {
        /// The vertex.
        vertex: VertexId,
    },

    /// An ordinary edge at the start vertex.
    #[error("edge {from} -> {to} touches the start, vertex 0, which takes no time and has no rates; use `start_edges` for the initial distribution", from = from.index(), to = to.index())]
    StartVertexEdge {
        /// Where the edge starts.
        from: VertexId,
        /// Where it ends.
        to: VertexId,
    },

    /// A constant rate that is negative, infinite or not a number.
    #[error("edge {from} -> {to} has the constant rate {value:?}; rates must be finite and at least 0", from = from.index(), to = to.index())]
    InvalidWeight {
        /// Where the edge starts.
        from: VertexId,
        /// Where it ends.
        to: VertexId,
        /// The rate.
        value: f64,
    },

    /// A coefficient that is infinite or not a number.
    #[error("edge {from} -> {to} has the coefficient {value:?} for theta[{parameter}]; coefficients must be finite", from = from.index(), to = to.index())]
    InvalidCoefficient {
        /// Where the edge starts.
        from: VertexId,
        /// Where it ends.
        to: VertexId,
        /// Which parameter the coefficient belongs to.
        parameter: usize,
        /// The coefficient.
        value: f64,
    },

    /// A start probability that is negative, above 1, infinite or not a number.
    #[error(
        "the start probability of {vertex} is {value:?}; start probabilities must lie between 0 and 1"
    )]
    InvalidStart {
        /// The vertex.
        vertex: VertexId,
        /// The probability.
        value: f64,
    },

    /// A start edge that does not end at an ordinary vertex.
    #[error("a start edge goes to {vertex}, which is the start itself or does not exist; the graph has vertices 0 to {}", vertices.saturating_sub(1))]
    StartTarget {
        /// The vertex.
        vertex: VertexId,
        /// How many vertices the graph has.
        vertices: usize,
    },

    /// Start probabilities that sum to more than one.
    #[error(
        "the start probabilities sum to {sum:?}, more than 1; scale them (what is missing to 1 counts as absorbed at time 0)"
    )]
    StartSum {
        /// Their sum.
        sum: f64,
    },

    /// A vertex from which no path of edges leads to absorption, whatever theta is.
    #[error(
        "absorption cannot be reached from {vertex} (state {state:?}), which the start reaches, so its waiting time is infinite; add an edge that leads towards an absorbing vertex"
    )]
    NoAbsorption {
        /// The lowest such vertex that the start reaches.
        vertex: VertexId,
        /// Its state.
        state: Vec<i64>,
    },

    /// An operation on a graph whose time is of another kind.
    #[error(
        "`{operation}` needs a graph that is {}, but this one is {}; convert it first, or compute with its distribution", expected.described(), found.described()
    )]
    Clock {
        /// What was asked for.
        operation: &'static str,
        /// The kind it needs.
        expected: Clock,
        /// The kind there is.
        found: Clock,
    },

    /// A factor of time that is not positive and finite.
    #[error("times cannot be multiplied by {factor:?}; give a positive, finite number")]
    Scale {
        /// The factor.
        factor: f64,
    },

    /// All probability is mass at time zero, so there is nothing to condition on.
    #[error(
        "the start probabilities are all 0, so the time is never positive; give one vertex a positive probability"
    )]
    NothingStarts,

    /// A matrix or vector whose size or content does not describe a phase-type distribution.
    #[error("{what}: {problem}")]
    Matrix {
        /// Which of them.
        what: &'static str,
        /// What is wrong, with place, value and remedy.
        problem: String,
    },

    /// Moments that no distribution of positive times has, or only one of too many phases.
    #[error("moments {moments:?} cannot be matched: {problem}")]
    Moments {
        /// The moments.
        moments: Vec<f64>,
        /// Why.
        problem: String,
    },

    /// An exploration found more states than it may.
    #[error(
        "there are more than {limit} states, {state:?} being the next; raise `max_states`, or check that the rule stops"
    )]
    TooManyStates {
        /// How many there may be.
        limit: usize,
        /// The label of the first state beyond.
        state: Vec<i64>,
    },

    /// An exploration was cancelled.
    #[error("the exploration was cancelled after {states} states")]
    Cancelled {
        /// How many states were found.
        states: usize,
    },

    /// The rule of an exploration failed.
    #[error("the rule failed in state {state:?}: {source}")]
    Rule {
        /// The label of the state whose transitions were asked for.
        state: Vec<i64>,
        /// What the rule said, or its panic.
        source: crate::BoxError,
    },

    /// A model generator was asked for a size it has no model of.
    #[error("model `{model}` of size {size} does not exist; the smallest size is {least}")]
    ModelSize {
        /// The generator.
        model: &'static str,
        /// The size asked for.
        size: usize,
        /// The smallest size.
        least: usize,
    },
}
