//! Replays as callbacks: functions of theta that compose with the transform framework.
//!
//! Each is a [`Callback`] from a theta, `f64[parameters]`, with [`VmapMethod::ExpandDims`]: under `vmap`, however deeply
//! nested, the host is called once with all thetas, whose leading axes are flattened into the rows of one batch.
//! A theta that cannot be answered arrives as [`CallbackError::Failed`](crate::CallbackError::Failed) with the
//! [`NumericError`] as its source; its row counts the flattened lanes.
//!
//! Those of one result carry their reverse derivative, so that [`grad`](crate::grad) of any loss of them is one call for the values and
//! one for the gradients. A second derivative is refused by the name of the rule, such as `moments_vjp`.

use ndarray::ArrayView2;

use crate::phase::evaluate::batch::by_part;
use crate::phase::evaluate::pullback::{Made, pullback, sojourn_pullback, waiting_pullback};
use crate::phase::evaluate::quantity::{Quantity, Recipe};
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
    #[must_use]
    pub fn expectation(&self) -> Callback {
        let callback = self.scalar("expectation", &Quantity::Moments(1));
        self.differentiable(callback, &Quantity::MomentsAndGradients(1), Made::One)
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
    #[must_use]
    pub fn moments(&self, order: usize) -> Callback {
        let callback = self.named("moments", &Quantity::Moments(order));
        self.differentiable(callback, &Quantity::MomentsAndGradients(order), Made::Each)
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
    #[must_use]
    pub fn moments_and_gradients(&self, order: usize) -> Callback {
        let quantity = Quantity::MomentsAndGradients(order);
        self.named("moments_and_gradients", &quantity)
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
        let callback = self.callback(&Quantity::Rewards(rewards.to_owned()))?;
        let gradients = Quantity::RewardsAndGradients(rewards.to_owned());
        Ok(self.differentiable(callback, &gradients, Made::Each))
    }

    /// Expected rewards and their gradients with respect to theta as a callback:
    /// `f64[parameters] -> (f64[rewards], f64[rewards,parameters])`.
    ///
    /// The gradient of a reward with respect to the rewards are the [`sojourn_times`](Self::sojourn_times).
    ///
    /// # Errors
    ///
    /// As for [`expected_rewards`](Self::expected_rewards).
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use elimap::prelude::*;
    ///
    /// // Twice the time in the only phase, 2 / theta.
    /// let trace = EliminationTrace::record(&models::erlang(1)?);
    /// let both = trace.expected_rewards_and_gradients(ndarray::array![[0.0, 2.0, 0.0]].view())?;
    /// let found = both.call_vec((Array::from(vec![4.0]),))?;
    /// assert_eq!(found[0].to_vec::<f64>()?, [0.5]);
    /// assert_eq!(found[1].to_vec::<f64>()?, [-0.125]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn expected_rewards_and_gradients(
        &self,
        rewards: ArrayView2<'_, f64>,
    ) -> Result<Callback, NumericError> {
        let quantity = Quantity::RewardsAndGradients(rewards.to_owned());
        let recipe = quantity.recipe(self.graph(), self.symbolic().layout())?;
        Ok(self.replay("expected_rewards_and_gradients", recipe))
    }

    /// The variance as a callback: `f64[parameters] -> f64[]`.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use elimap::prelude::*;
    ///
    /// let variance = EliminationTrace::record(&models::erlang(4)?).variance();
    /// let found = vmap(variance).call((Array::from(ndarray::array![[2.0], [4.0]]),))?;
    /// assert_eq!(found.to_vec::<f64>()?, [1.0, 0.25]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn variance(&self) -> Callback {
        let callback = self.named("variance", &Quantity::Variance);
        self.differentiable(callback, &Quantity::MomentsAndGradients(2), Made::Variance)
    }

    /// The expectation and its gradient as a callback: `f64[parameters] -> (f64[], f64[parameters])`.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use elimap::prelude::*;
    ///
    /// let both = EliminationTrace::record(&models::erlang(1)?).value_and_gradient();
    /// let found = both.call_vec((Array::from(vec![4.0]),))?;
    /// assert_eq!(found[0].item::<f64>()?, 0.25);
    /// assert_eq!(found[1].to_vec::<f64>()?, [-0.0625]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn value_and_gradient(&self) -> Callback {
        self.scalar("value_and_gradient", &Quantity::MomentsAndGradients(1))
    }

    /// The expected waiting times of all vertices as a callback: `f64[parameters] -> f64[vertices]`.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use elimap::prelude::*;
    ///
    /// let times = EliminationTrace::record(&models::erlang(2)?).waiting_times();
    /// let found = times.call((Array::from(vec![2.0]),))?;
    /// assert_eq!(found.to_vec::<f64>()?, [1.0, 1.0, 0.5, 0.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn waiting_times(&self) -> Callback {
        self.named("waiting_times", &Quantity::WaitingTimes)
            .vjp(waiting_pullback(self))
    }

    /// The expected sojourn times of all vertices as a callback: `f64[parameters] -> f64[vertices]`.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, models};
    /// use elimap::prelude::*;
    ///
    /// let times = EliminationTrace::record(&models::erlang(2)?).sojourn_times();
    /// let found = times.call((Array::from(vec![2.0]),))?;
    /// assert_eq!(found.to_vec::<f64>()?, [0.0, 0.5, 0.5, 0.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn sojourn_times(&self) -> Callback {
        self.named("sojourn_times", &Quantity::SojournTimes)
            .vjp(sojourn_pullback(self))
    }

    /// A quantity as a callback: `f64[parameters]` to an array for each of its [`parts`](Quantity::parts).
    ///
    /// # Errors
    ///
    /// [`NumericError::RewardLength`] and [`NumericError::InvalidReward`] for rewards.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Quantity, models};
    /// use elimap::prelude::*;
    ///
    /// let trace = EliminationTrace::record(&models::erlang(4)?);
    /// let variance = trace.callback(&Quantity::Variance)?;
    /// let found = vmap(variance).call((Array::from(ndarray::array![[2.0], [1.0]].into_dyn()),))?;
    /// assert_eq!(found.to_array()?.to_vec::<f64>()?, [1.0, 4.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn callback(&self, quantity: &Quantity) -> Result<Callback, NumericError> {
        let recipe = quantity.recipe(self.graph(), self.symbolic().layout())?;
        let name = recipe
            .parts
            .first()
            .map_or("quantity", |(part, _)| part.name);
        Ok(self.replay(name, recipe))
    }

    /// A quantity without rewards, which none can refuse.
    fn named(&self, name: &str, quantity: &Quantity) -> Callback {
        let recipe = quantity.recipe(self.graph(), self.symbolic().layout());
        self.replay(name, recipe.unwrap_or_default())
    }

    /// The first of one moment, and of its gradient, without the axis of the moments.
    fn scalar(&self, name: &str, quantity: &Quantity) -> Callback {
        let recipe = quantity.recipe(self.graph(), self.symbolic().layout());
        let mut recipe = recipe.unwrap_or_default();
        for (part, _) in &mut recipe.parts {
            part.shape.remove(0);
        }
        self.replay(name, recipe)
    }

    /// A callback with its reverse derivative, from the quantity with gradients; none where the quantity cannot be.
    fn differentiable(&self, callback: Callback, gradients: &Quantity, made: Made) -> Callback {
        match pullback(self, callback.name(), gradients, made) {
            Ok(rule) => callback.vjp(rule),
            Err(_) => callback,
        }
    }

    fn replay(&self, name: &str, recipe: Recipe) -> Callback {
        let parts = recipe.parts.iter();
        let results: Vec<_> = parts
            .map(|(part, _)| f64::spec(part.shape.iter().copied()))
            .collect();
        let trace = self.clone();
        Callback::new(name, results, move |args: &[Array]| {
            replay(&trace, &recipe, args)
        })
        .vmap_method(VmapMethod::ExpandDims)
    }
}

/// Thetas along the last axis in, an array per part out.
fn replay(
    trace: &EliminationTrace,
    recipe: &Recipe,
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
    let answers = trace.batch().rows_by(thetas, recipe)?;
    let parts = by_part(recipe, &answers, lanes);
    Ok(parts.into_iter().map(Array::from).collect())
}
