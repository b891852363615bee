//! Replays as callbacks: functions of theta that compose with the transform framework.
//!
//! Each is a [`Callback`] from a theta, `f64[parameters]`, with [`VmapMethod::ExpandDims`]: under `vmap`, however deeply
//! nested, the host is called once with all thetas, whose leading axes are flattened into the rows of one batch.
//! A theta that cannot be answered arrives as [`CallbackError::Failed`](crate::CallbackError::Failed) with the
//! [`PhaseError`] as its source; its row counts the flattened lanes.

use ndarray::{ArrayD, ArrayView2, IxDyn};

use super::batch::Goal;
use super::error::PhaseError;
use super::trace::EliminationTrace;
use crate::{Array, BoxError, Callback, Element, VmapMethod};

impl EliminationTrace {
    /// The expectation as a callback: `f64[parameters] -> f64[]`.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use elimap::prelude::*;
    ///
    /// let mean = EliminationTrace::record(&models::erlang(4)?).expectation();
    /// let thetas = Array::from(ndarray::array![[1.0], [2.0]].into_dyn());
    /// let means = vmap(|theta: Tensor| mean.call((theta,)) * 10.0).call((thetas,))?;
    /// assert_eq!(means.to_array()?.to_vec::<f64>()?, [40.0, 20.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn expectation(&self) -> Callback {
        self.callback("expectation", Goal::Moments(1), vec![vec![]])
    }

    /// The moments of orders 1 to `order` as a callback: `f64[parameters] -> f64[order]`.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use elimap::prelude::*;
    ///
    /// let moments = EliminationTrace::record(&models::erlang(4)?).moments(2);
    /// let found = vmap(moments).call((Array::from(ndarray::array![[2.0]].into_dyn()),))?;
    /// assert_eq!(found.to_array()?.to_vec::<f64>()?, [2.0, 5.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn moments(&self, order: usize) -> Callback {
        self.callback("moments", Goal::Moments(order), vec![vec![order]])
    }

    /// The variance as a callback: `f64[parameters] -> f64[]`.
    pub fn variance(&self) -> Callback {
        self.callback("variance", Goal::Variance, vec![vec![]])
    }

    /// The expectation and its gradient as a callback: `f64[parameters] -> (f64[], f64[parameters])`.
    pub fn value_and_gradient(&self) -> Callback {
        let shapes = vec![vec![], vec![self.param_length()]];
        self.callback("value_and_gradient", Goal::Gradient(1), shapes)
    }

    /// The expected waiting times of all vertices as a callback: `f64[parameters] -> f64[vertices]`.
    pub fn waiting_times(&self) -> Callback {
        let shapes = vec![vec![self.graph().vertex_count()]];
        self.callback("waiting_times", Goal::WaitingTimes, shapes)
    }

    /// The expected sojourn times of all vertices as a callback: `f64[parameters] -> f64[vertices]`.
    pub fn sojourn_times(&self) -> Callback {
        let shapes = vec![vec![self.graph().vertex_count()]];
        self.callback("sojourn_times", Goal::SojournTimes, shapes)
    }

    fn callback(&self, name: &str, goal: Goal, shapes: Vec<Vec<usize>>) -> Callback {
        let results: Vec<_> = shapes
            .iter()
            .map(|shape| f64::spec(shape.iter().copied()))
            .collect();
        let trace = self.clone();
        Callback::new(name, results, move |args: &[Array]| {
            replay(&trace, &goal, &shapes, args)
        })
        .vmap_method(VmapMethod::ExpandDims)
    }
}

/// Thetas along the last axis in, an array per result out.
fn replay(
    trace: &EliminationTrace,
    goal: &Goal,
    shapes: &[Vec<usize>],
    args: &[Array],
) -> Result<Vec<Array>, BoxError> {
    let expected = trace.param_length();
    let [theta] = args else {
        return Err(PhaseError::ThetaArguments { found: args.len() }.into());
    };
    let Some((&found, lanes)) = theta.shape().split_last() else {
        return Err(PhaseError::ThetaLength { expected, found: 0 }.into());
    };
    if found != expected {
        return Err(PhaseError::ThetaLength { expected, found }.into());
    }
    let rows = lanes.iter().product();
    let values = theta.to_vec::<f64>()?;
    let thetas = ArrayView2::from_shape((rows, expected), &values)?;
    let answers = trace.batch().rows(thetas, goal)?;
    let width = goal.width(trace);
    let mut first = 0;
    let mut results = Vec::with_capacity(shapes.len());
    for shape in shapes {
        let size: usize = shape.iter().product();
        let part: Vec<f64> = (0..rows)
            .flat_map(|row| &answers[row * width + first..][..size])
            .copied()
            .collect();
        first += size;
        let shape: Vec<usize> = lanes.iter().chain(shape).copied().collect();
        results.push(Array::from(ArrayD::from_shape_vec(IxDyn(&shape), part)?));
    }
    Ok(results)
}
