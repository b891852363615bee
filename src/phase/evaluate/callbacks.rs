//! Replays as callbacks: functions of theta that compose with the transform framework.
//!
//! Each is a [`Callback`] from a theta, `f64[parameters]`, with [`VmapMethod::ExpandDims`]: under `vmap`, however deeply
//! nested, the host is called once with all thetas, whose leading axes are flattened into the rows of one batch.
//! A theta that cannot be answered arrives as [`CallbackError::Failed`](crate::CallbackError::Failed) with the
//! [`NumericError`] as its source; its row counts the flattened lanes.

use ndarray::{ArrayD, ArrayView2, IxDyn};

use crate::phase::evaluate::quantity::Goal;
use crate::phase::numeric::error::NumericError;
use crate::phase::trace::EliminationTrace;
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
    /// let means = vmap(|theta: Tensor| Ok::<_, Error>(mean.call((theta,))? * 10.0)).call((thetas,))?;
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

    /// The moments of orders 1 to `order` and their gradients as a callback:
    /// `f64[parameters] -> (f64[order], f64[order,parameters])`.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use elimap::prelude::*;
    ///
    /// // Moments of an exponential time: 1 / theta and 2 / theta^2.
    /// let both = EliminationTrace::record(&models::erlang(1)?).moments_and_gradients(2);
    /// let found = both.call_vec((Array::from(ndarray::array![2.0].into_dyn()),))?;
    /// assert_eq!(found[0].to_array()?.to_vec::<f64>()?, [0.5, 0.5]);
    /// assert_eq!(found[1].to_array()?.to_vec::<f64>()?, [-0.25, -0.5]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn moments_and_gradients(&self, order: usize) -> Callback {
        let shapes = vec![vec![order], vec![order, self.param_length()]];
        self.callback("moments_and_gradients", Goal::Gradient(order), shapes)
    }

    /// Expected rewards as a callback: `f64[parameters] -> f64[rewards]`; `rewards` has a row per reward, with the reward
    /// per unit of time spent in each vertex.
    ///
    /// # Errors
    ///
    /// [`NumericError::RewardLength`] and [`NumericError::InvalidReward`] for the rewards.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use elimap::prelude::*;
    ///
    /// // Two phases, of which the second counts threefold and the first not at all.
    /// let trace = EliminationTrace::record(&models::erlang(2)?);
    /// let rewards = ndarray::array![[0.0, 0.0, 3.0, 0.0], [0.0, 1.0, 1.0, 0.0]];
    /// let reward = trace.expected_rewards(rewards.view())?;
    /// let found = vmap(reward).call((Array::from(ndarray::array![[2.0]].into_dyn()),))?;
    /// assert_eq!(found.to_array()?.to_vec::<f64>()?, [1.5, 1.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn expected_rewards(&self, rewards: ArrayView2<'_, f64>) -> Result<Callback, NumericError> {
        let rewards = self.batch().check_rewards(rewards)?;
        let shapes = vec![vec![rewards.len()]];
        Ok(self.callback("expected_rewards", Goal::Rewards(rewards), shapes))
    }

    /// Expected rewards and their gradients with respect to theta as a callback:
    /// `f64[parameters] -> (f64[rewards], f64[rewards,parameters])`.
    ///
    /// The gradient of a reward with respect to the rewards are the [`sojourn_times`](Self::sojourn_times).
    ///
    /// # Errors
    ///
    /// As for [`expected_rewards`](Self::expected_rewards).
    pub fn expected_rewards_and_gradients(
        &self,
        rewards: ArrayView2<'_, f64>,
    ) -> Result<Callback, NumericError> {
        let rewards = self.batch().check_rewards(rewards)?;
        let count = rewards.len();
        let shapes = vec![vec![count], vec![count, self.param_length()]];
        let goal = Goal::RewardGradient(rewards);
        Ok(self.callback("expected_rewards_and_gradients", goal, shapes))
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
        return Err(NumericError::ThetaArguments { found: args.len() }.into());
    };
    let Some((&found, lanes)) = theta.shape().split_last() else {
        return Err(NumericError::ThetaLength { expected, found: 0 }.into());
    };
    if found != expected {
        return Err(NumericError::ThetaLength { expected, found }.into());
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
