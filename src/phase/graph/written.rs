//! A graph as `serde` writes it, in phasic's form.

use serde::Serialize;

use crate::phase::graph::{Clock, Edge, Graph, VertexId};

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
