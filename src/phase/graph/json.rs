//! phasic's serialized form of a graph, read and written.
//!
//! The fields are described at [`Graph::from_json`]. Text that holds a valid graph takes the [short way](super::quick). For any
//! other, reading has two steps: the text becomes rows of numbers without further meaning, so that a value of the wrong type is
//! reported with its line and column; then the rows go through [`GraphBuilder`] one by one, so that everything else is
//! reported with its field and row.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::phase::graph::error::GraphError;
use crate::phase::graph::explore::Rate;
use crate::phase::graph::rows::Rows;
use crate::phase::graph::{Clock, Edge, Graph, GraphBuilder, VertexId, quick};

/// What a file has beside its arrays of vertices and edges.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Header {
    pub products: Option<Rows>,
    pub start_param_edges: Option<Vec<IgnoredAny>>,
    pub param_length: Option<f64>,
    pub state_length: Option<f64>,
    pub n_vertices: Option<f64>,
    pub weight_mode: Option<String>,
    pub is_discrete: Option<bool>,
    pub discrete: Option<serde_json::Value>,
    pub parameters: Option<Vec<String>>,
    pub slots: Option<Vec<String>>,
}

/// The file as it stands, before any check of its content.
#[derive(Debug, Default, Deserialize)]
#[serde(expecting = "an object, a graph as phasic serializes it")]
struct RawGraph {
    states: Option<Rows>,
    edges: Option<Rows>,
    constant_edges: Option<Rows>,
    start_edges: Option<Rows>,
    param_edges: Option<Rows>,
    products: Option<Rows>,
    start_param_edges: Option<Vec<IgnoredAny>>,
    param_length: Option<f64>,
    state_length: Option<f64>,
    n_vertices: Option<f64>,
    vertex_indices: Option<Vec<f64>>,
    weight_mode: Option<String>,
    is_discrete: Option<bool>,
    discrete: Option<serde_json::Value>,
    parameters: Option<Vec<String>>,
    slots: Option<Vec<String>>,
}

fn required<T>(field: &'static str, value: Option<T>) -> Result<T, GraphError> {
    value.ok_or(GraphError::MissingField { field })
}

/// A number as an integer, if it is one that f64 represents without doubt.
fn integer(field: &'static str, row: usize, column: usize, value: f64) -> Result<i64, GraphError> {
    match is_integer(value) {
        true => Ok(value as i64),
        false => Err(GraphError::NotAnInteger {
            field,
            row,
            column,
            value,
        }),
    }
}

#[inline(always)]
pub(super) fn is_integer(value: f64) -> bool {
    const LIMIT: f64 = 9_007_199_254_740_992.0;
    value.abs() <= LIMIT && (value as i64) as f64 == value
}

pub(super) fn size(field: &'static str, value: Option<f64>) -> Result<usize, GraphError> {
    let value = required(field, value)?;
    let size = integer(field, 0, 0, value)
        .ok()
        .and_then(|value| usize::try_from(value).ok());
    size.ok_or(GraphError::InvalidSize { field, value })
}

/// Reads the endpoints of edges, so that every complaint names field and row.
struct Endpoints {
    vertices: usize,
}

impl Endpoints {
    /// The ends of an edge, if they exist; or else no vertices.
    fn pair(&self, row: &[f64]) -> (u32, u32) {
        let end = |column: usize| {
            let index = row.get(column).copied().filter(|&index| is_integer(index));
            let exists = |index: &f64| (0.0..self.vertices as f64).contains(index);
            index.filter(exists).map_or(u32::MAX, |index| index as u32)
        };
        (end(0), end(1))
    }

    fn vertex(
        &self,
        field: &'static str,
        row: usize,
        column: usize,
        value: f64,
    ) -> Result<VertexId, GraphError> {
        let index = integer(field, row, column, value)?;
        usize::try_from(index)
            .ok()
            .filter(|&index| index < self.vertices)
            .and_then(VertexId::new)
            .ok_or(GraphError::NoSuchVertex {
                field,
                row,
                value: index,
                vertices: self.vertices,
            })
    }
}

fn row_length(
    field: &'static str,
    row: usize,
    found: usize,
    expected: usize,
    layout: &'static str,
) -> Result<(), GraphError> {
    if found == expected {
        Ok(())
    } else {
        Err(GraphError::RowLength {
            field,
            row,
            expected,
            found,
            layout,
        })
    }
}

impl RawGraph {
    fn into_graph(self) -> Result<Graph, GraphError> {
        let is_product = match self.weight_mode.as_deref() {
            None | Some("linear") => false,
            Some("log") => true,
            Some(mode) => {
                return Err(GraphError::WeightMode {
                    mode: mode.to_owned(),
                });
            }
        };
        let stated = clock(self.discrete.as_ref())?;
        let states = required("states", self.states)?;
        let edges = required("edges", self.edges)?;
        let start_edges = required("start_edges", self.start_edges)?;
        let param_edges = required("param_edges", self.param_edges)?;
        let param_length = size("param_length", self.param_length)?;
        let state_length = size("state_length", self.state_length)?;
        let count = size("n_vertices", self.n_vertices)?;
        let rows = self.start_param_edges.map_or(0, |rows| rows.len());
        if rows > 0 {
            return Err(GraphError::ParameterizedStart { rows });
        }
        let vertices = states.len();
        if count != vertices {
            let stated = i64::try_from(count).unwrap_or(i64::MAX);
            let what = "states are listed";
            return Err(GraphError::CountMismatch {
                field: "n_vertices",
                stated,
                found: vertices,
                what,
            });
        }
        if vertices == 0 {
            return Err(GraphError::NoVertices);
        }
        if start_edges.len() == 0 {
            return Err(GraphError::NoStart);
        }
        check_vertex_indices(self.vertex_indices.as_deref().unwrap_or(&[]), vertices)?;

        let mut builder = add_states(&states, state_length, param_length)?;
        let ends = Endpoints { vertices };
        let constant_edges = self.constant_edges.unwrap_or_default();
        let constants: Vec<(u32, u32, f64)> = constant_edges
            .iter()
            .map(|(_, row)| {
                let (from, to) = ends.pair(row);
                (from, to, row.get(2).copied().unwrap_or(f64::NAN))
            })
            .collect();
        let clock = match stated {
            Some(clock) => clock,
            None if is_discretized(
                |vertex| {
                    states
                        .row(vertex as usize)
                        .iter()
                        .all(|&label| label == 0.0)
                },
                &constants,
                || param_edges.iter().map(|(_, row)| ends.pair(row)),
            ) =>
            {
                Clock::Jumps
            }
            None if self.is_discrete == Some(true) => Clock::Steps,
            None => Clock::Continuous,
        };
        builder.clock(clock);
        builder.parameters(self.parameters.unwrap_or_default());
        builder.slots(self.slots.unwrap_or_default());
        for (field, rows) in [("edges", &edges), ("constant_edges", &constant_edges)] {
            builder.reserve_edges(rows.len());
            for (row, numbers) in rows.iter() {
                row_length(field, row, numbers.len(), 3, "[from, to, rate]")?;
                let from = ends.vertex(field, row, 0, numbers[0])?;
                let to = ends.vertex(field, row, 1, numbers[1])?;
                builder.add_constant_edge(from, to, numbers[2]);
            }
        }
        let products = self.products.unwrap_or_default();
        let products = add_products(&mut builder, &products, param_length)?;
        match is_product {
            true => add_product_edges(&mut builder, &param_edges, param_length, &ends)?,
            false => add_param_edges(&mut builder, &param_edges, param_length, &products, &ends)?,
        }
        for (row, numbers) in start_edges.iter() {
            row_length("start_edges", row, numbers.len(), 2, "[to, probability]")?;
            builder.start(ends.vertex("start_edges", row, 0, numbers[0])?, numbers[1]);
        }
        builder.build()
    }
}

/// What the field `discrete` says, if it is there.
pub(super) fn clock(field: Option<&serde_json::Value>) -> Result<Option<Clock>, GraphError> {
    use serde_json::Value;
    match field {
        None => Ok(None),
        Some(Value::Bool(false)) => Ok(Some(Clock::Continuous)),
        Some(Value::Bool(true)) => Ok(Some(Clock::Steps)),
        Some(Value::String(word)) if word == "jumps" => Ok(Some(Clock::Jumps)),
        Some(other) => Err(GraphError::DiscreteField {
            found: other.to_string(),
        }),
    }
}

/// Whether all edges with constant rates are those of auxiliary vertices, which phasic's `discretize` adds: from a state of
/// zeros back to the vertex that alone leads there, with the weight 1. Vertices that do not exist have no state of zeros.
pub(super) fn is_discretized<I: Iterator<Item = (u32, u32)>>(
    is_zero: impl Fn(u32) -> bool,
    constant_edges: &[(u32, u32, f64)],
    param_edges: impl Fn() -> I,
) -> bool {
    // Most graphs have an edge that is none of these, and need no map.
    let has_the_form = |&(from, _, rate): &(u32, u32, f64)| rate == 1.0 && is_zero(from);
    if constant_edges.is_empty() || !constant_edges.iter().all(has_the_form) {
        return false;
    }
    let mut leads: HashMap<u32, Vec<u32>> = HashMap::new();
    for (from, to) in param_edges() {
        leads.entry(to).or_default().push(from);
    }
    constant_edges.iter().all(|&(auxiliary, back, _)| {
        let from = leads.get(&auxiliary);
        from.is_some_and(|from| from[..] == [back])
    })
}

fn check_vertex_indices(indices: &[f64], vertices: usize) -> Result<(), GraphError> {
    for (row, &value) in indices.iter().enumerate() {
        let found = integer("vertex_indices", row, 0, value)?;
        if found != row as i64 {
            return Err(GraphError::VertexIndices { row, found });
        }
    }
    if indices.is_empty() || indices.len() == vertices {
        return Ok(());
    }
    let stated = i64::try_from(indices.len()).unwrap_or(i64::MAX);
    Err(GraphError::CountMismatch {
        field: "vertex_indices",
        stated,
        found: vertices,
        what: "states are listed",
    })
}

fn add_states(
    states: &Rows,
    state_length: usize,
    param_length: usize,
) -> Result<GraphBuilder, GraphError> {
    // Checked before the builder allocates a state of that length.
    for (row, numbers) in states.iter() {
        row_length(
            "states",
            row,
            numbers.len(),
            state_length,
            "the state of one vertex",
        )?;
    }
    let mut labels = Vec::new();
    for (row, numbers) in states.iter() {
        for (column, &value) in numbers.iter().enumerate() {
            labels.push(integer("states", row, column, value)?);
        }
    }
    let mut builder = Graph::builder(state_length, param_length);
    builder.set_states(states.len(), labels);
    Ok(builder)
}

/// Products of parameters, each ascending, numbered as the file has them.
pub(super) fn add_products(
    builder: &mut GraphBuilder,
    rows: &Rows,
    param_length: usize,
) -> Result<Vec<Box<[u32]>>, GraphError> {
    let mut products = Vec::with_capacity(rows.len());
    for (row, numbers) in rows.iter() {
        let is_number =
            |&value: &f64| value.fract() == 0.0 && (0.0..param_length as f64).contains(&value);
        if numbers.len() < 2 || !numbers.iter().all(is_number) {
            return Err(GraphError::Product {
                row,
                found: format!("{numbers:?}"),
                parameters: param_length,
            });
        }
        let mut factors: Vec<u32> = numbers.iter().map(|&value| value as u32).collect();
        factors.sort_unstable();
        builder.number_of(&factors);
        products.push(factors.into());
    }
    Ok(products)
}

fn add_param_edges(
    builder: &mut GraphBuilder,
    rows: &Rows,
    param_length: usize,
    products: &[Box<[u32]>],
    ends: &Endpoints,
) -> Result<(), GraphError> {
    const LAYOUT: &str =
        "[from, to, c_0, c_1, ...], all of one length, with at least `param_length` coefficients";
    if rows.len() == 0 {
        return Ok(());
    }
    let plain = param_length.saturating_add(2);
    let least = plain.saturating_add(products.len());
    let expected = rows.row(0).len().max(least);
    builder.reserve_edges(rows.len());
    for (row, numbers) in rows.iter() {
        row_length("param_edges", row, numbers.len(), expected, LAYOUT)?;
        let from = ends.vertex("param_edges", row, 0, numbers[0])?;
        let to = ends.vertex("param_edges", row, 1, numbers[1])?;
        if products.is_empty() {
            builder.add_edge(from, to, &numbers[2..plain]);
            continue;
        }
        let factors = products.iter().cloned();
        let rate = Rate::of_terms(
            &numbers[2..plain],
            factors.zip(numbers[plain..least].iter().copied()),
        );
        builder.push_rate(from, to, &rate);
    }
    Ok(())
}

/// Rows of phasic's mode `log`: the rate is the product of all c_k theta_k.
fn add_product_edges(
    builder: &mut GraphBuilder,
    rows: &Rows,
    param_length: usize,
    ends: &Endpoints,
) -> Result<(), GraphError> {
    const LAYOUT: &str = "[from, to, c_0, c_1, ...], with a coefficient for each parameter";
    let least = param_length.saturating_add(2);
    for (row, numbers) in rows.iter() {
        row_length(
            "param_edges",
            row,
            numbers.len(),
            numbers.len().max(least),
            LAYOUT,
        )?;
        let from = ends.vertex("param_edges", row, 0, numbers[0])?;
        let to = ends.vertex("param_edges", row, 1, numbers[1])?;
        let factors = &numbers[2..least];
        if let Some(parameter) = factors.iter().position(|&factor| factor == 0.0) {
            return Err(GraphError::ZeroFactor { row, parameter });
        }
        let coefficient = factors.iter().product();
        builder.add_rate(from, to, Rate::product(0..param_length, coefficient));
    }
    Ok(())
}

/// An edge row as written: indices as integers, then numbers.
struct EdgeRow<'a> {
    ends: &'a [VertexId],
    numbers: &'a [f64],
}

impl Serialize for EdgeRow<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq;
        let mut row = serializer.serialize_seq(Some(self.ends.len() + self.numbers.len()))?;
        for end in self.ends {
            row.serialize_element(&end.as_u32())?;
        }
        for number in self.numbers {
            row.serialize_element(number)?;
        }
        row.end()
    }
}

/// A sequence that is written as it is produced.
struct Sequence<F>(F);

impl<F, I> Serialize for Sequence<F>
where
    F: Fn() -> I,
    I: Iterator<Item: Serialize>,
{
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

/// An edge with all its coefficients, zeros included.
struct ParamEdge {
    ends: [VertexId; 2],
    coefficients: Vec<f64>,
}

impl Serialize for ParamEdge {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        EdgeRow {
            ends: &self.ends,
            numbers: &self.coefficients,
        }
        .serialize(serializer)
    }
}

impl Graph {
    /// Whether an edge is written with coefficients. A zero rate may be either; it is written as its neighbours are, so that
    /// the edges of a vertex keep their order when they are read back.
    fn is_parameterized(&self, edge: &Edge<'_>) -> bool {
        let row = || self.edges_from(edge.from);
        match edge.is_zero() {
            true => {
                row().all(|other| other.constant == 0.0)
                    && row().any(|other| !other.coefficients.is_empty())
            }
            false => !edge.coefficients.is_empty(),
        }
    }
}

impl Serialize for Graph {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let param_length = self.param_length();
        let numbers = param_length + self.products().len();
        let all = || self.edges().chain(self.self_loops());
        let edges = Sequence(|| {
            all()
                .filter(|edge| !self.is_parameterized(edge))
                .map(ConstantEdge::new)
        });
        let param_edges = Sequence(|| {
            all()
                .filter(|edge| self.is_parameterized(edge))
                .map(|edge| {
                    let mut coefficients = vec![0.0; numbers];
                    for (&parameter, &coefficient) in edge.parameters.iter().zip(edge.coefficients)
                    {
                        coefficients[parameter as usize] = coefficient;
                    }
                    ParamEdge {
                        ends: [edge.from, edge.to],
                        coefficients,
                    }
                })
        });
        let none: [u32; 0] = [];
        let mut object = serializer.serialize_struct("Graph", 11)?;
        object.serialize_field(
            "states",
            &Sequence(|| self.vertices().map(|vertex| self.state(vertex))),
        )?;
        object.serialize_field(
            "vertex_indices",
            &Sequence(|| self.vertices().map(VertexId::as_u32)),
        )?;
        object.serialize_field("edges", &edges)?;
        object.serialize_field("constant_edges", &none)?;
        object.serialize_field(
            "start_edges",
            &Sequence(|| self.start().iter().map(StartEdge::new)),
        )?;
        object.serialize_field("param_edges", &param_edges)?;
        object.serialize_field("start_param_edges", &none)?;
        object.serialize_field("param_length", &param_length)?;
        object.serialize_field("state_length", &self.state_length())?;
        object.serialize_field("n_vertices", &self.vertex_count())?;
        object.serialize_field("weight_mode", "linear")?;
        if self.products().len() > 0 {
            object.serialize_field("products", &Sequence(|| self.products()))?;
        }
        match self.clock() {
            Clock::Continuous => {}
            Clock::Steps => object.serialize_field("discrete", &true)?,
            Clock::Jumps => object.serialize_field("discrete", "jumps")?,
        }
        for (field, names) in [
            ("parameters", self.parameter_names()),
            ("slots", self.slot_names()),
        ] {
            if !names.is_empty() {
                object.serialize_field(field, names)?;
            }
        }
        object.end()
    }
}

struct ConstantEdge([VertexId; 2], f64);

impl ConstantEdge {
    fn new(edge: crate::phase::graph::Edge<'_>) -> Self {
        Self([edge.from, edge.to], edge.constant)
    }
}

impl Serialize for ConstantEdge {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        EdgeRow {
            ends: &self.0,
            numbers: &[self.1],
        }
        .serialize(serializer)
    }
}

struct StartEdge(VertexId, f64);

impl StartEdge {
    fn new(&(vertex, probability): &(VertexId, f64)) -> Self {
        Self(vertex, probability)
    }
}

impl Serialize for StartEdge {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        EdgeRow {
            ends: &[self.0],
            numbers: &[self.1],
        }
        .serialize(serializer)
    }
}

impl Graph {
    /// Reads a graph from a file in phasic's serialized form (0.22 or 0.32).
    ///
    /// # Errors
    ///
    /// [`GraphError::Io`] with the path if the file cannot be read, otherwise as [`Graph::from_json`].
    ///
    /// ```
    /// use elimap::phase::{Graph, models};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let file = folder.path().join("islands.json");
    /// std::fs::write(&file, models::islands(3)?.to_json())?;
    /// assert_eq!(Graph::read(&file)?.vertex_count(), models::islands(3)?.vertex_count());
    /// assert!(Graph::read(folder.path().join("missing.json")).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(path: impl AsRef<Path>) -> Result<Self, GraphError> {
        let path = path.as_ref();
        let failed = |source| GraphError::Io {
            path: path.to_owned(),
            source,
        };
        let mut file = File::open(path).map_err(failed)?;
        // What comes out of a pipe cannot be read twice.
        if file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            if let Some(graph) = quick::graph(&file) {
                return Ok(graph);
            }
            let mut bytes = Vec::new();
            file.rewind().map_err(failed)?;
            file.read_to_end(&mut bytes).map_err(failed)?;
            return long_way(&bytes);
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        parse(&bytes)
    }

    /// Reads a graph from JSON text in phasic's serialized form (0.22 or 0.32).
    ///
    /// A graph is one JSON object, phasic's `Graph.serialize()` with arrays as nested lists:
    ///
    /// | field | shape | meaning |
    /// | --- | --- | --- |
    /// | `states` | `n_vertices` rows of `state_length` integers | the label of each vertex; vertex 0 is the start |
    /// | `edges` | rows `[from, to, rate]` | edges with a constant rate |
    /// | `constant_edges` | rows `[from, to, rate]`, may be absent | the same, as 0.32 writes auxiliary vertices |
    /// | `start_edges` | rows `[to, probability]`, at least one | the start distribution; what is missing to 1 is mass at time zero |
    /// | `param_edges` | rows `[from, to, c_0, c_1, ...]` | edges with rate c . theta |
    /// | `products` | rows of numbers of parameters, may be absent | products, each with a further coefficient in every row of `param_edges` |
    /// | `start_param_edges` | empty, may be absent | refused otherwise |
    /// | `param_length`, `state_length`, `n_vertices` | integers | sizes, checked against the rows |
    /// | `vertex_indices` | 0, 1, 2, ..., may be absent | checked |
    /// | `weight_mode` | `"linear"` or `"log"`, may be absent | with `"log"` the rates of `param_edges` are products of all `c_k theta_k`; anything else is refused |
    /// | `dyn_ordering` | may be absent | ignored: a hint to phasic's own elimination |
    /// | `parameters`, `slots` | names, may be absent | of theta's entries and of a state's |
    /// | `discrete` | `true`, `"jumps"` or `false`, may be absent | a [discrete](Clock) graph: edges have probabilities, or weights |
    ///
    /// Empty arrays are `[]`; integers may be written as floats (`3.0`); unknown fields are ignored. Rows of `param_edges`
    /// are all of one length. They may carry more coefficients than `param_length`; phasic multiplies by theta as far as
    /// theta goes, so the rest never enters a rate and is dropped. A graph with constant weights is written with
    /// `param_length` 1 and the weight as its one coefficient: its theta is `[1.0]`.
    ///
    /// phasic does not write that a graph is discrete. One that its `discretize` made is known by its auxiliary vertices,
    /// whose states are zeros, and is read with [`Clock::Jumps`]: a mark is a visit to an auxiliary vertex.
    ///
    /// # Errors
    ///
    /// [`GraphError::Json`] with line and column for text that is not JSON or has a value of the wrong type; an error that
    /// names field and row for rows of the wrong shape and indices out of range; then whatever
    /// [`GraphBuilder::build`] finds.
    ///
    /// ```
    /// use elimap::phase::Graph;
    ///
    /// let text = r#"{"states": [[0], [1], [0]], "edges": [], "start_edges": [[1, 1.0]],
    ///     "param_edges": [[1.0, 2.0, 3.0]], "start_param_edges": [],
    ///     "param_length": 1, "state_length": 1, "n_vertices": 3}"#;
    /// let graph = Graph::from_json(text)?;
    /// assert_eq!(graph.edge_count(), 1);
    /// assert_eq!(Graph::from_json(&graph.to_json())?, graph);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn from_json(text: &str) -> Result<Self, GraphError> {
        parse(text.as_bytes())
    }

    /// Writes the graph in phasic's serialized form; [`Graph::from_json`] gives the same graph back.
    ///
    /// Edges come out grouped by the vertex they leave, in whichever of `edges` and `param_edges` they belong.
    ///
    /// ```
    /// use elimap::phase::{Graph, models};
    /// let graph = models::erlang(4)?;
    /// assert_eq!(Graph::from_json(&graph.to_json())?, graph);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_json(&self) -> String {
        // Every number in a graph is finite and every key a string, so there is nothing serialization could refuse.
        serde_json::to_string(self).unwrap_or_default()
    }
}

pub(super) fn parse(text: &[u8]) -> Result<Graph, GraphError> {
    match quick::graph(text) {
        Some(graph) => Ok(graph),
        None => long_way(text),
    }
}

/// The graph of a text, or what is wrong with it.
pub(super) fn long_way(text: &[u8]) -> Result<Graph, GraphError> {
    let raw: serde_json::Result<RawGraph> = serde_json::from_slice(text);
    raw.map_err(|error| GraphError::Json {
        line: error.line(),
        column: error.column(),
        message: bare_message(&error),
    })?
    .into_graph()
}

/// The parser's message without the position it appends, which the error carries as data.
pub(crate) fn bare_message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&position).unwrap_or(&text).to_owned()
}
