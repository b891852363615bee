//! Answers to [statistics](Statistic): their numbers at one theta, and the arrays that are made of them.

use ndarray::{Array2, ArrayD, IxDyn};

use crate::phase::distribution::PhaseType;
use crate::phase::distribution::discrete::DiscretePhaseType;
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::statistic::Statistic;
use crate::phase::evaluate::quantity::Part;
use crate::phase::trace::EliminationTrace;

/// Numbers, and their derivatives by theta one number after the other.
type WithSlopes = (Vec<f64>, Vec<f64>);

impl Statistic {
    /// All numbers of an answer at a theta, one part after the other.
    pub(crate) fn numbers_at(
        &self,
        trace: &EliminationTrace,
        theta: &[f64],
    ) -> Result<Vec<f64>, DistributionError> {
        match trace.graph().is_discrete() {
            true => self.numbers_of_steps(&trace.steps_at(theta)?),
            false => self.numbers(&trace.at(theta)?),
        }
    }

    fn for_continuous(&self) -> DistributionError {
        DistributionError::Clock {
            question: self.name(),
            expected: "continuous",
            found: "discrete",
            remedy: "ask for pmf, cdf, survival, quantile, factorial_moments, reward_moments, pgf, visits or covariance",
        }
    }

    fn for_discrete(&self) -> DistributionError {
        DistributionError::Clock {
            question: self.name(),
            expected: "discrete",
            found: "continuous",
            remedy: "ask for pdf, moments or laplace, or for numbers of marks with `marks`",
        }
    }

    /// The numbers of an answer about numbers of steps.
    fn numbers_of_steps(&self, steps: &DiscretePhaseType) -> Result<Vec<f64>, DistributionError> {
        let whole = |counts: Vec<u64>| counts.into_iter().map(|count| count as f64).collect();
        Ok(match self {
            Self::Cdf(times) => steps.cdf(&whole_counts(times)?)?,
            Self::Survival(times) => steps.survival(&whole_counts(times)?)?,
            Self::Curve(times) => {
                let curve = steps.curve(&whole_counts(times)?)?;
                [curve.pmf, curve.cdf, curve.survival].concat()
            }
            Self::Quantile(list) => whole(steps.quantile(list)?),
            Self::SurvivalQuantile(list) => whole(steps.survival_quantile(list)?),
            Self::StateProbabilities(times) => {
                flat(steps.state_probabilities(&whole_counts(times)?)?)
            }
            Self::Occupancy(times) => flat(steps.occupancy(&whole_counts(times)?)?),
            Self::CdfByVertex(times) => flat(steps.cdf_by_vertex(&whole_counts(times)?)?),
            Self::AbsorptionProbabilities => steps.absorption_probabilities(),
            Self::ReachProbabilities(targets) => steps.reach_probabilities(targets)?,
            Self::LogLikelihood(data) => vec![steps.log_likelihood(data)?],
            Self::RewardMoments(reward, order) => steps.reward_moments(reward, *order)?,
            Self::ExpectedRewards(rewards) => steps.expected_rewards(rewards.view())?,
            Self::Covariance(rewards) => flat(steps.covariance(rewards.view())?),
            Self::Correlation(rewards) => flat(steps.correlation(rewards.view())?),
            Self::Pmf(counts) => steps.pmf(counts)?,
            Self::FactorialMoments(order) => steps.factorial_moments(*order),
            Self::Pgf(at) => steps.pgf(at)?,
            Self::Visits => steps.visits(),
            Self::WithGradients(inner) => joined(inner.slopes_of_steps(steps)?),
            Self::OfReward(reward, inner) => inner.numbers_of_steps(&steps.reward(reward)?)?,
            Self::Pdf(_)
            | Self::LogPdf(_)
            | Self::LogSurvival(_)
            | Self::Hazard(_)
            | Self::JointMoment(_)
            | Self::MomentsGiven(..)
            | Self::Laplace(_)
            | Self::LaplaceDerivatives(..)
            | Self::JointLaplace(..)
            | Self::OfMarks(..)
            | Self::Given(..) => return Err(self.for_continuous()),
        })
    }

    /// Numbers and derivatives of an answer about numbers of steps.
    fn slopes_of_steps(&self, steps: &DiscretePhaseType) -> Result<WithSlopes, DistributionError> {
        Ok(match self {
            Self::Cdf(times) => both(steps.cdf_and_gradients(&whole_counts(times)?)?),
            Self::Survival(times) => {
                let counts = whole_counts(times)?;
                let (_, slopes) = steps.cdf_and_gradients(&counts)?;
                both((steps.survival(&counts)?, -slopes))
            }
            Self::StateProbabilities(times) => {
                planes(steps.state_probabilities_and_gradients(&whole_counts(times)?)?)
            }
            Self::Occupancy(times) => planes(steps.occupancy_and_gradients(&whole_counts(times)?)?),
            Self::CdfByVertex(times) => {
                planes(steps.cdf_by_vertex_and_gradients(&whole_counts(times)?)?)
            }
            Self::ReachProbabilities(targets) => {
                both(steps.reach_probabilities_and_gradients(targets)?)
            }
            Self::Visits => both(steps.visits_and_gradients()?),
            Self::AbsorptionProbabilities => both(steps.absorption_probabilities_and_gradients()?),
            Self::LogLikelihood(data) => one(steps.log_likelihood_and_gradient(data)?),
            Self::RewardMoments(reward, order) => {
                both(steps.reward_moments_and_gradients(reward, *order)?)
            }
            Self::ExpectedRewards(rewards) => {
                both(steps.expected_rewards_and_gradients(rewards.view())?)
            }
            Self::Covariance(rewards) => {
                let (values, slopes) = steps.covariance_and_gradients(rewards.view())?;
                both((flat(values), slopes))
            }
            Self::Correlation(rewards) => {
                let (values, slopes) = steps.correlation_and_gradients(rewards.view())?;
                both((flat(values), slopes))
            }
            Self::Pmf(counts) => both(steps.pmf_and_gradients(counts)?),
            Self::FactorialMoments(order) => both(steps.factorial_moments_and_gradients(*order)?),
            Self::Pgf(at) => both(steps.pgf_and_gradients(at)?),
            Self::OfReward(reward, inner) => inner.slopes_of_steps(&steps.reward(reward)?)?,
            // Quantiles are whole: they jump.
            Self::Quantile(_) | Self::SurvivalQuantile(_) => {
                return Err(DistributionError::NoGradients {
                    question: self.name(),
                });
            }
            _ => return Err(self.for_continuous()),
        })
    }

    /// All numbers of an answer, one part after the other.
    pub(crate) fn numbers(&self, time: &PhaseType) -> Result<Vec<f64>, DistributionError> {
        Ok(match self {
            Self::Pdf(times) => time.pdf(times)?,
            Self::Cdf(times) => time.cdf(times)?,
            Self::Survival(times) => time.survival(times)?,
            Self::Curve(times) => {
                let curve = time.curve(times)?;
                [curve.pdf, curve.cdf, curve.survival].concat()
            }
            Self::LogPdf(times) => time.log_pdf(times)?,
            Self::LogSurvival(times) => time.log_survival(times)?,
            Self::Hazard(times) => time.hazard(times)?,
            Self::Quantile(list) => time.quantile(list)?,
            Self::SurvivalQuantile(list) => time.survival_quantile(list)?,
            Self::StateProbabilities(times) => flat(time.state_probabilities(times)?),
            Self::Occupancy(times) => flat(time.occupancy(times)?),
            Self::CdfByVertex(times) => flat(time.cdf_by_vertex(times)?),
            Self::AbsorptionProbabilities => time.absorption_probabilities(),
            Self::ReachProbabilities(targets) => time.reach_probabilities(targets)?,
            Self::LogLikelihood(data) => vec![time.log_likelihood(data)?],
            Self::RewardMoments(reward, order) => time.reward_moments(reward, *order)?,
            Self::ExpectedRewards(rewards) => {
                let rows = rewards.outer_iter();
                let means = rows.map(|row| Ok(time.reward_moments(&row.to_vec(), 1)?[0]));
                means.collect::<Result<_, DistributionError>>()?
            }
            Self::Covariance(rewards) => flat(time.covariance(rewards.view())?),
            Self::Correlation(rewards) => flat(time.correlation(rewards.view())?),
            Self::JointMoment(rewards) => vec![time.joint_moment(rewards.view())?],
            Self::MomentsGiven(vertex, order) => time.moments_given(*vertex, *order)?,
            Self::Laplace(at) => time.laplace(at)?,
            Self::LaplaceDerivatives(at, order) => flat(time.laplace_derivatives(at, *order)?),
            Self::JointLaplace(rewards, at) => vec![time.joint_laplace(rewards.view(), at)?],
            Self::WithGradients(inner) => joined(inner.slopes(time)?),
            Self::OfReward(reward, inner) => inner.numbers(&time.reward(reward)?)?,
            Self::OfMarks(rates, inner) => inner.numbers_of_steps(&time.marks(rates)?)?,
            Self::Given(vertex, inner) => inner.numbers(&time.given(*vertex)?)?,
            Self::Pmf(_) | Self::FactorialMoments(_) | Self::Pgf(_) | Self::Visits => {
                return Err(self.for_discrete());
            }
        })
    }

    /// Numbers and derivatives of an answer.
    fn slopes(&self, time: &PhaseType) -> Result<WithSlopes, DistributionError> {
        Ok(match self {
            Self::Pdf(times) => both(time.pdf_and_gradients(times)?),
            Self::Cdf(times) => both(time.cdf_and_gradients(times)?),
            Self::Survival(times) => both(time.survival_and_gradients(times)?),
            Self::LogPdf(times) => both(time.log_pdf_and_gradients(times)?),
            Self::LogSurvival(times) => both(time.log_survival_and_gradients(times)?),
            Self::Hazard(times) => both(time.hazard_and_gradients(times)?),
            Self::Quantile(list) => both(time.quantile_and_gradients(list)?),
            Self::SurvivalQuantile(list) => both(time.survival_quantile_and_gradients(list)?),
            Self::StateProbabilities(times) => {
                planes(time.state_probabilities_and_gradients(times)?)
            }
            Self::Occupancy(times) => planes(time.occupancy_and_gradients(times)?),
            Self::CdfByVertex(times) => planes(time.cdf_by_vertex_and_gradients(times)?),
            Self::ReachProbabilities(targets) => {
                both(time.reach_probabilities_and_gradients(targets)?)
            }
            Self::AbsorptionProbabilities => both(time.absorption_probabilities_and_gradients()?),
            Self::LogLikelihood(data) => one(time.log_likelihood_and_gradient(data)?),
            Self::RewardMoments(reward, order) => {
                both(time.reward_moments_and_gradients(reward, *order)?)
            }
            Self::ExpectedRewards(rewards) => {
                let rows = rewards.outer_iter();
                let found = rows.map(|row| time.reward_moments_and_gradients(&row.to_vec(), 1));
                let found = found.collect::<Result<Vec<_>, _>>()?;
                let values = found.iter().map(|(means, _)| means[0]).collect();
                let slopes = found.iter().flat_map(|(_, slopes)| slopes).copied();
                (values, slopes.collect())
            }
            Self::Covariance(rewards) => {
                let (values, slopes) = time.covariance_and_gradients(rewards.view())?;
                both((flat(values), slopes))
            }
            Self::Correlation(rewards) => {
                let (values, slopes) = time.correlation_and_gradients(rewards.view())?;
                both((flat(values), slopes))
            }
            Self::JointMoment(rewards) => one(time.joint_moment_and_gradient(rewards.view())?),
            Self::MomentsGiven(vertex, order) => {
                both(time.moments_given_and_gradients(*vertex, *order)?)
            }
            Self::Laplace(at) => both(time.laplace_and_gradients(at)?),
            Self::LaplaceDerivatives(at, order) => {
                let (values, slopes) = time.laplace_derivatives_and_gradients(at, *order)?;
                both((flat(values), slopes))
            }
            Self::JointLaplace(rewards, at) => {
                one(time.joint_laplace_and_gradient(rewards.view(), at)?)
            }
            Self::Pmf(_) | Self::FactorialMoments(_) | Self::Pgf(_) | Self::Visits => {
                return Err(self.for_discrete());
            }
            Self::OfReward(reward, inner) => inner.slopes(&time.reward(reward)?)?,
            Self::OfMarks(rates, inner) => inner.slopes_of_steps(&time.marks(rates)?)?,
            Self::Given(vertex, inner) => inner.slopes(&time.given(*vertex)?)?,
            Self::Curve(_) | Self::WithGradients(_) => {
                return Err(DistributionError::NoGradients {
                    question: self.name(),
                });
            }
        })
    }
}

fn flat<D: ndarray::Dimension>(array: ndarray::Array<f64, D>) -> Vec<f64> {
    array.iter().copied().collect()
}

/// Tables and their gradients as plain numbers.
fn planes((values, gradients): (Array2<f64>, ndarray::Array3<f64>)) -> WithSlopes {
    both((flat(values), gradients))
}

fn both<D: ndarray::Dimension>(
    (values, gradients): (Vec<f64>, ndarray::Array<f64, D>),
) -> WithSlopes {
    (values, flat(gradients))
}

fn one((value, gradient): (f64, Vec<f64>)) -> WithSlopes {
    (vec![value], gradient)
}

fn joined((values, slopes): WithSlopes) -> Vec<f64> {
    [values, slopes].concat()
}

/// Times as numbers of steps.
pub(crate) fn whole_counts(times: &[f64]) -> Result<Vec<u64>, DistributionError> {
    let most = 2.0_f64.powi(53);
    let each = times.iter().enumerate().map(|(index, &value)| {
        if value.fract() == 0.0 && (0.0..=most).contains(&value) {
            return Ok(value as u64);
        }
        Err(DistributionError::Number {
            what: "times",
            index,
            value,
            condition: "the graph is discrete, so times are numbers of steps: whole, and at least 0",
        })
    });
    each.collect()
}

impl PhaseType {
    /// A statistic: an array for each of its [`parts`](Statistic::parts).
    ///
    /// # Errors
    ///
    /// Those of the method that the statistic is named after.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Statistic, models};
    ///
    /// let time = EliminationTrace::record(&models::erlang(3)?).at(&[2.0])?;
    /// let found = time.statistic(&Statistic::Cdf(vec![0.5, 1.0]))?;
    /// assert_eq!(found[0].iter().copied().collect::<Vec<_>>(), time.cdf(&[0.5, 1.0])?);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn statistic(&self, statistic: &Statistic) -> Result<Vec<ArrayD<f64>>, DistributionError> {
        let parts = statistic.parts(self.trace().graph())?;
        Ok(arrays(&parts, &[], &[statistic.numbers(self)?]))
    }
}

impl DiscretePhaseType {
    /// A statistic: an array for each of its [`parts`](Statistic::parts).
    ///
    /// # Errors
    ///
    /// Those of the method that the statistic is named after.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph, Statistic};
    ///
    /// let mut builder = Graph::builder(0, 0);
    /// let (coin, end) = (builder.add_vertex(&[]), builder.add_vertex(&[]));
    /// builder.discrete().start(coin, 1.0);
    /// builder.add_constant_edge(coin, coin, 0.5).add_constant_edge(coin, end, 0.5);
    /// let tosses = EliminationTrace::record(&builder.build()?).steps_at(&[])?;
    /// let found = tosses.statistic(&Statistic::Pmf(vec![1, 2]))?;
    /// assert_eq!(found[0].iter().copied().collect::<Vec<_>>(), [0.5, 0.25]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn statistic(&self, statistic: &Statistic) -> Result<Vec<ArrayD<f64>>, DistributionError> {
        let parts = statistic.parts(self.trace().graph())?;
        Ok(arrays(&parts, &[], &[statistic.numbers_of_steps(self)?]))
    }
}

/// The parts of answers, each with these axes in front, from a row of numbers for each place on them.
pub(crate) fn arrays(parts: &[Part], axes: &[usize], rows: &[Vec<f64>]) -> Vec<ArrayD<f64>> {
    let mut first = 0;
    let arrays = parts.iter().map(|part| {
        let range = first..first + part.size();
        first = range.end;
        let numbers = rows.iter().flat_map(|row| &row[range.clone()]).copied();
        let shape: Vec<usize> = axes.iter().chain(&part.shape).copied().collect();
        // There are as many numbers as the shape says, by construction.
        ArrayD::from_shape_vec(IxDyn(&shape), numbers.collect()).unwrap_or_default()
    });
    arrays.collect()
}
