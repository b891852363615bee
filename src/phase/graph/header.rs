//! What a file of a graph has beside its vertices and edges, and what both ways of reading ask of it.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::phase::graph::error::GraphError;
use crate::phase::graph::rows::Rows;
use crate::phase::graph::{Clock, GraphBuilder};

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

pub(super) fn required<T>(field: &'static str, value: Option<T>) -> Result<T, GraphError> {
    value.ok_or(GraphError::MissingField { field })
}

/// Whether a number is an integer that doubles represent without doubt.
#[inline(always)]
pub(super) fn is_integer(value: f64) -> bool {
    const LIMIT: f64 = 9_007_199_254_740_992.0;
    value.abs() <= LIMIT && (value as i64) as f64 == value
}

pub(super) fn size(field: &'static str, value: Option<f64>) -> Result<usize, GraphError> {
    let value = required(field, value)?;
    let size = is_integer(value).then_some(value as i64);
    let size = size.and_then(|size| usize::try_from(size).ok());
    size.ok_or(GraphError::InvalidSize { field, value })
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
