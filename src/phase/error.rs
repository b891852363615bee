//! What can go wrong in the elimination half, as data.
//!
//! Every variant carries the vertex, edge or value it is about, and its text ends with what to do. Nothing in
//! [`crate::phase`] panics on a user's input: what cannot be answered is one of these.

use std::path::PathBuf;

use thiserror::Error;

use crate::phase::graph::VertexId;
use crate::phase::symbolic::topology::BlockKey;

/// An error of the elimination half.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PhaseError {
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
        crate::phase::graph::json::REQUIRED_FIELDS
    )]
    MissingField {
        /// The absent field.
        field: &'static str,
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

    /// Edge weights are not linear in theta.
    #[error(
        "weight mode `{mode}` is not supported, only `linear` (rate = coefficients . theta) is; serialize the graph in linear mode"
    )]
    WeightMode {
        /// The mode found.
        mode: String,
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

    /// Theta has the wrong length.
    #[error(
        "theta has length {found}, but the graph has {expected} parameters; pass one number for each"
    )]
    ThetaLength {
        /// The graph's parameter count.
        expected: usize,
        /// The length found.
        found: usize,
    },

    /// An entry of theta is infinite or not a number.
    #[error("theta[{index}] is {value:?}; every entry must be finite")]
    ThetaNotFinite {
        /// Which entry.
        index: usize,
        /// Its value.
        value: f64,
    },

    /// A theta of a batch cannot be answered; of several, the first is reported.
    #[error("row {row} of the thetas: {source}")]
    ThetaRow {
        /// Its row.
        row: usize,
        /// What [`EliminationTrace::at`](super::EliminationTrace::at) says of it.
        source: Box<PhaseError>,
    },

    /// A replay as a callback was called with other than one argument.
    #[error("a replay takes one argument, theta, but was called with {found}; pass one array")]
    ThetaArguments {
        /// How many arguments there were.
        found: usize,
    },

    /// A reward vector has the wrong length.
    #[error(
        "a reward vector has length {found}, but the graph has {expected} vertices; pass one reward for each (start and absorbing vertices take no time, so theirs do not matter)"
    )]
    RewardLength {
        /// The graph's vertex count.
        expected: usize,
        /// The length found.
        found: usize,
    },

    /// A reward is negative, infinite or not a number.
    #[error(
        "reward vector {row} has {value:?} at vertex {vertex}; rewards must be finite and at least 0 (split a signed reward into two)"
    )]
    InvalidReward {
        /// Which reward vector.
        row: usize,
        /// Which vertex.
        vertex: usize,
        /// The reward.
        value: f64,
    },

    /// A rate is negative, infinite or not a number at this theta.
    #[error("edge {from} -> {to} has the rate {rate:?} at this theta; rates must be finite and at least 0, so change theta or the edge's coefficients", from = from.index(), to = to.index())]
    InvalidRate {
        /// Where the edge starts.
        from: VertexId,
        /// Where it ends.
        to: VertexId,
        /// The rate.
        rate: f64,
    },

    /// At this theta rates of zero cut a vertex off from absorption.
    #[error(
        "absorption cannot be reached from {vertex} (state {state:?}) at this theta: rates of zero cut it off (its pivot is 0), so the waiting time is infinite; use a theta that keeps a path open"
    )]
    NoAbsorptionAtTheta {
        /// The lowest such vertex that the start reaches at this theta.
        vertex: VertexId,
        /// Its state.
        state: Vec<i64>,
    },

    /// A work unit's text is not JSON of the expected shape.
    #[error("malformed work unit at line {line}, column {column}: {message}; write the unit again")]
    WorkUnitJson {
        /// Line of the offending byte, from 1.
        line: usize,
        /// Column of the offending byte, from 1.
        column: usize,
        /// What the parser said.
        message: String,
    },

    /// A work unit of another format or version.
    #[error(
        "the work unit is `{format}` version {version}, this library reads `elimap-work-unit` version {expected}; write the unit again with this version"
    )]
    WorkUnitVersion {
        /// The format named in it.
        format: String,
        /// The version named in it.
        version: u32,
        /// The version this library reads.
        expected: u32,
    },

    /// A work unit whose pattern is impossible.
    #[error("damaged work unit: {message}; write the unit again")]
    WorkUnitPattern {
        /// What is wrong with it.
        message: String,
    },

    /// A work unit whose content does not have the key it states.
    #[error(
        "damaged work unit: it states the key {stated}, but its content has the key {actual}; write the unit again"
    )]
    WorkUnitKey {
        /// The key stated.
        stated: BlockKey,
        /// The key of the content.
        actual: BlockKey,
    },

    /// A text that is not the hexadecimal form of a key.
    #[error("`{text}` is not a block key; a key is 64 hexadecimal digits")]
    InvalidKey {
        /// The text.
        text: String,
    },

    /// The text is no manifest of work units.
    #[error("malformed manifest: {message}; plan the work units again")]
    Manifest {
        /// What is wrong with it.
        message: String,
    },

    /// An index that names no work unit.
    #[error(
        "work unit {index} does not exist, the store has {units}; indices run from 0, and -1 is padding"
    )]
    NoSuchWorkUnit {
        /// The index asked for.
        index: i32,
        /// How many units the store has.
        units: usize,
    },

    /// Assembly was given the wrong number of block traces.
    #[error(
        "{found} block traces were given for {expected} work units; pass one per unit, in the order of the units"
    )]
    TraceCount {
        /// How many units there are.
        expected: usize,
        /// How many traces were given.
        found: usize,
    },

    /// Assembly was given a block trace of another block.
    #[error(
        "the block trace given for work unit {unit} has the key {found}, but the unit has {expected}; pass the traces in the order of the units"
    )]
    TraceMismatch {
        /// Which unit.
        unit: usize,
        /// The unit's key.
        expected: BlockKey,
        /// The trace's key.
        found: BlockKey,
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

    /// A work unit of a batch could not be eliminated; of several, the one with the lowest index is reported.
    #[error("work unit {index} failed: {source}")]
    UnitFailed {
        /// The unit's index in its store.
        index: i32,
        /// What went wrong.
        source: Box<PhaseError>,
    },

    /// Eliminating a work unit panicked: a defect of this library, which loses nothing but the unit.
    #[error("the elimination panicked: {message}; report it with the work unit")]
    Panicked {
        /// The panic's text.
        message: String,
    },

    /// A trace cache was refused, or refused something.
    #[error(transparent)]
    Cache(#[from] super::eliminator::cache::CacheError),

    /// A strategy of another name.
    #[error("unknown strategy `{name}`; use auto, vmap or sequential (pmap is known and refused)")]
    UnknownStrategy {
        /// The name given.
        name: String,
    },

    /// The number of workers is unusable.
    #[error(
        "cannot start {workers} workers: {message}; use at least 1 and at most what the machine allows"
    )]
    Workers {
        /// The number asked for.
        workers: usize,
        /// What is wrong.
        message: String,
    },

    /// A list of operations would be longer than its budget.
    #[error(
        "one elimination takes {multiply_adds} multiply-adds, and the list of its operations is limited to {budget}; raise the limit, or replay the trace without listing it"
    )]
    TooManyOperations {
        /// What one elimination takes.
        multiply_adds: u64,
        /// The limit.
        budget: u64,
    },

    /// The strategy `pmap` was asked for.
    #[error(transparent)]
    Pmap(#[from] crate::PmapError),

    /// The transform framework refused or failed.
    #[error(transparent)]
    Transform(#[from] crate::Error),
}
