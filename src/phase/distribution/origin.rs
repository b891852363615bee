//! How a model was made of another one, so that its derivatives by the parameters of that are found when they are asked for.

use std::sync::{Arc, OnceLock};

use crate::phase::distribution::PhaseType;
use crate::phase::distribution::discrete::DiscretePhaseType;
use crate::phase::distribution::dual::Dual;
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::inherited::Inherited;
use crate::phase::graph::VertexId;
use crate::phase::numeric::error::NumericError;
use crate::phase::trace::EliminationTrace;

/// What a model is of another.
#[derive(Clone, Debug)]
pub(crate) enum Making {
    /// The distribution of a reward by vertex, or of marks at these rates where steps are made of time.
    Reward(Box<[f64]>),
    /// The distribution given absorption in a vertex.
    Given(VertexId),
}

/// Where a model comes from.
#[derive(Debug)]
pub(crate) struct Origin {
    trace: EliminationTrace,
    theta: Box<[f64]>,
    /// Where that comes from itself.
    before: Option<Arc<Origin>>,
    making: Making,
    found: OnceLock<Arc<Inherited>>,
}

impl Origin {
    pub(crate) fn new(
        trace: &EliminationTrace,
        theta: &[f64],
        before: Option<&Arc<Origin>>,
        making: Making,
    ) -> Self {
        Self {
            trace: trace.clone(),
            theta: theta.into(),
            before: before.cloned(),
            making,
            found: OnceLock::new(),
        }
    }

    /// How many parameters the first model has.
    pub(crate) fn parameters(&self) -> usize {
        match &self.before {
            Some(before) => before.parameters(),
            None => self.trace.param_length(),
        }
    }

    /// The derivatives of a model of time that was made this way.
    pub(crate) fn of_time(&self) -> Result<Arc<Inherited>, NumericError> {
        self.once(|| {
            let time = self.time()?;
            match &self.making {
                Making::Reward(reward) => Ok(time.reward_in::<Dual>(reward)?.1),
                Making::Given(vertex) => time.given_slopes(*vertex),
            }
        })
    }

    /// The derivatives of a model of steps that was made this way.
    pub(crate) fn of_steps(&self) -> Result<Arc<Inherited>, NumericError> {
        self.once(|| match (&self.making, self.trace.graph().is_discrete()) {
            (Making::Reward(reward), true) => Ok(self.steps()?.reward_in::<Dual>(reward)?.1),
            (Making::Reward(rates), false) => Ok(self.time()?.marks_in::<Dual>(rates)?.1),
            (Making::Given(vertex), _) => self.time()?.given_slopes(*vertex),
        })
    }

    fn time(&self) -> Result<PhaseType, DistributionError> {
        let time = self.trace.at(&self.theta)?;
        Ok(match &self.before {
            Some(before) => time.made_by(Arc::clone(before)),
            None => time,
        })
    }

    fn steps(&self) -> Result<DiscretePhaseType, DistributionError> {
        let steps = self.trace.steps_at(&self.theta)?;
        Ok(match &self.before {
            Some(before) => steps.made_by(Arc::clone(before)),
            None => steps,
        })
    }

    fn once(
        &self,
        find: impl FnOnce() -> Result<Inherited, DistributionError>,
    ) -> Result<Arc<Inherited>, NumericError> {
        if let Some(found) = self.found.get() {
            return Ok(Arc::clone(found));
        }
        let found = find().map_err(|error| match error {
            DistributionError::Numeric(error) => error,
            other => NumericError::NoDerivatives {
                problem: other.to_string(),
            },
        })?;
        Ok(Arc::clone(self.found.get_or_init(|| Arc::new(found))))
    }
}
