//! Derivatives of a model at a theta by the parameters: those of its own graph, or those of a model that it was made of.
//!
//! The distribution of a reward, of marks, or given an end has constant rates, found at one theta of another model. What they would
//! change by with that theta is kept beside them, for rates by their ends and for start probabilities by their vertices.

use std::collections::HashMap;

use crate::phase::graph::{Edge, VertexId};
use crate::phase::numeric::extended::{Extended, Scalar};

/// Derivatives by each parameter.
pub(crate) type Slopes = Box<[Extended]>;

/// Derivatives of a model by the parameters of another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inherited {
    /// How many parameters the other has.
    pub parameters: usize,
    rates: HashMap<(VertexId, VertexId), Slopes>,
    start: HashMap<VertexId, Slopes>,
}

impl Inherited {
    /// Of a model that was made of one with so many parameters.
    pub(crate) fn new(parameters: usize) -> Self {
        Self {
            parameters,
            ..Self::default()
        }
    }

    /// Takes note of the derivatives of a rate.
    pub(crate) fn rate(&mut self, from: VertexId, to: VertexId, slopes: &[Extended]) {
        if !slopes.is_empty() {
            add(self.rates.entry((from, to)).or_default(), slopes);
        }
    }

    /// Takes note of the derivatives of a start probability.
    pub(crate) fn start(&mut self, vertex: VertexId, slopes: &[Extended]) {
        if !slopes.is_empty() {
            add(self.start.entry(vertex).or_default(), slopes);
        }
    }
}

fn add(sum: &mut Slopes, slopes: &[Extended]) {
    if sum.is_empty() {
        *sum = slopes.into();
    } else {
        for (sum, &slope) in sum.iter_mut().zip(slopes) {
            *sum = *sum + slope;
        }
    }
}

/// What derivatives are by: a theta of the graph itself, or that of a model that it was made of.
#[derive(Clone, Copy)]
pub(crate) struct By<'a> {
    theta: &'a [f64],
    inherited: Option<&'a Inherited>,
}

impl<'a> By<'a> {
    pub(crate) fn new(theta: &'a [f64], inherited: Option<&'a Inherited>) -> Self {
        Self { theta, inherited }
    }

    /// The number of parameters.
    pub(crate) fn parameters(self) -> usize {
        match self.inherited {
            Some(inherited) => inherited.parameters,
            None => self.theta.len(),
        }
    }

    /// The derivatives of an edge's rate that are not zero.
    pub(crate) fn edge(self, edge: &Edge<'_>, mut each: impl FnMut(usize, Extended)) {
        match self.inherited {
            Some(inherited) => {
                let slopes = inherited.rates.get(&(edge.from, edge.to));
                for (parameter, &slope) in slopes.into_iter().flatten().enumerate() {
                    each(parameter, slope);
                }
            }
            None => {
                // Wide, because products of parameters may leave the range on the way.
                let slopes = edge.slopes(|k| Extended::from_f64(self.theta[k]));
                slopes.for_each(|(parameter, slope)| each(parameter, slope));
            }
        }
    }

    /// The derivative of a start probability.
    pub(crate) fn start(self, vertex: VertexId, parameter: usize) -> Extended {
        let slopes = self.inherited.and_then(|of| of.start.get(&vertex));
        slopes.map_or(Extended::ZERO, |slopes| slopes[parameter])
    }

    /// Whether start probabilities have derivatives.
    pub(crate) fn has_start(self) -> bool {
        self.inherited.is_some_and(|of| !of.start.is_empty())
    }
}
