//! Statistics of distributions as data: one name for one theta, rows of thetas, and a callback.
//!
//! Of a discrete graph a statistic is that of its number of steps, and times are whole.

use ndarray::{Array2, ArrayD, IxDyn};

use crate::phase::distribution::PhaseType;
use crate::phase::distribution::curve::check_times;
use crate::phase::distribution::discrete::DiscretePhaseType;
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::observations::Observations;
use crate::phase::evaluate::quantity::{Part, Quantity};
use crate::phase::graph::{Graph, VertexId};
use crate::phase::trace::EliminationTrace;

/// A statistic of the time to absorption or of rewards, for [`PhaseType::statistic`], [`Batch::statistic`](crate::phase::Batch::statistic) and
/// [`EliminationTrace::statistic`](crate::phase::EliminationTrace::statistic).
///
/// Each variant has the name of a method of [`PhaseType`], which says what it means, and its arguments. Those that
/// [`DiscretePhaseType`] has too are answered for discrete graphs: times are numbers of steps then, which are whole, and
/// quantiles are so too. A few are for discrete graphs alone and say so.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Statistic {
    /// [`PhaseType::pdf`] at these times: `[times]`.
    Pdf(Vec<f64>),
    /// [`PhaseType::cdf`] at these times: `[times]`.
    Cdf(Vec<f64>),
    /// [`PhaseType::survival`] at these times: `[times]`.
    Survival(Vec<f64>),
    /// [`PhaseType::log_pdf`] at these times: `[times]`.
    LogPdf(Vec<f64>),
    /// [`PhaseType::log_survival`] at these times: `[times]`.
    LogSurvival(Vec<f64>),
    /// [`PhaseType::hazard`] at these times: `[times]`.
    Hazard(Vec<f64>),
    /// [`PhaseType::quantile`] of these probabilities: `[probabilities]`.
    Quantile(Vec<f64>),
    /// [`PhaseType::survival_quantile`] of these probabilities: `[probabilities]`.
    SurvivalQuantile(Vec<f64>),
    /// [`PhaseType::state_probabilities`] at these times: `[times, vertices]`.
    StateProbabilities(Vec<f64>),
    /// [`PhaseType::occupancy`] at these times: `[times, vertices]`.
    Occupancy(Vec<f64>),
    /// [`PhaseType::cdf_by_vertex`] at these times: `[times, vertices]`.
    CdfByVertex(Vec<f64>),
    /// [`PhaseType::absorption_probabilities`]: `[vertices]`.
    AbsorptionProbabilities,
    /// [`PhaseType::reach_probabilities`] of these vertices: `[vertices]`.
    ReachProbabilities(Vec<VertexId>),
    /// [`PhaseType::pdf_and_gradients`] at these times: `[times]` and `[times, parameters]`.
    PdfAndGradients(Vec<f64>),
    /// [`PhaseType::cdf_and_gradients`] at these times: `[times]` and `[times, parameters]`.
    CdfAndGradients(Vec<f64>),
    /// [`PhaseType::log_likelihood`] of these observations: a number.
    LogLikelihood(Observations),
    /// [`PhaseType::log_likelihood_and_gradient`] of these observations: a number and `[parameters]`.
    LogLikelihoodAndGradient(Observations),
    /// [`PhaseType::reward_moments`] of a reward up to an order: `[order]`.
    RewardMoments(Vec<f64>, usize),
    /// [`PhaseType::reward_moments_and_gradients`] of a reward up to an order: `[order]` and `[order, parameters]`.
    RewardMomentsAndGradients(Vec<f64>, usize),
    /// [`PhaseType::covariance`] of these rewards: `[rewards, rewards]`.
    Covariance(Array2<f64>),
    /// [`PhaseType::covariance_and_gradients`] of these rewards: `[rewards, rewards]` and `[rewards, rewards, parameters]`.
    CovarianceAndGradients(Array2<f64>),
    /// [`PhaseType::correlation`] of these rewards: `[rewards, rewards]`.
    Correlation(Array2<f64>),
    /// [`PhaseType::joint_moment`] of these rewards: a number.
    JointMoment(Array2<f64>),
    /// [`PhaseType::joint_moment_and_gradient`] of these rewards: a number and `[parameters]`.
    JointMomentAndGradient(Array2<f64>),
    /// [`PhaseType::moments_given`] absorption in a vertex, up to an order: `[order]`.
    MomentsGiven(VertexId, usize),
    /// [`PhaseType::laplace`] at these u: `[u]`.
    Laplace(Vec<f64>),
    /// [`PhaseType::laplace_derivatives`] at these u up to an order: `[u, order]`.
    LaplaceDerivatives(Vec<f64>, usize),
    /// [`PhaseType::laplace_and_gradients`] at these u: `[u]` and `[u, parameters]`.
    LaplaceAndGradients(Vec<f64>),
    /// [`PhaseType::joint_laplace`] of these rewards at a u for each: a number.
    JointLaplace(Array2<f64>, Vec<f64>),
    /// [`PhaseType::joint_laplace_and_gradient`] of these rewards at a u for each: a number and `[parameters]`.
    JointLaplaceAndGradient(Array2<f64>, Vec<f64>),
    /// [`DiscretePhaseType::pmf`] of these numbers of steps: `[counts]`.
    Pmf(Vec<u64>),
    /// [`DiscretePhaseType::pmf_and_gradients`] of these numbers of steps: `[counts]` and `[counts, parameters]`.
    PmfAndGradients(Vec<u64>),
    /// [`DiscretePhaseType::factorial_moments`] up to an order: `[order]`.
    FactorialMoments(usize),
    /// [`DiscretePhaseType::pgf`] at these z: `[z]`.
    Pgf(Vec<f64>),
    /// [`DiscretePhaseType::visits`]: `[vertices]`.
    Visits,
    /// The expectations of these rewards, for graphs of both kinds, as [`DiscretePhaseType::expected_rewards`]: `[rewards]`.
    ExpectedRewards(Array2<f64>),
}

impl Statistic {
    /// The arrays of an answer for a graph: names and shapes.
    ///
    /// # Errors
    ///
    /// [`DistributionError::Time`] and [`DistributionError::Unsorted`] for times,
    /// [`NumericError::RewardLength`](crate::phase::NumericError::RewardLength) and
    /// [`NumericError::InvalidReward`](crate::phase::NumericError::InvalidReward) for rewards. Other arguments are checked with the first theta.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{Statistic, models};
    ///
    /// let parts = Statistic::PdfAndGradients(vec![0.5, 1.0]).parts(&models::islands(3)?)?;
    /// assert_eq!((parts[0].name, &parts[0].shape[..]), ("pdf", &[2][..]));
    /// assert_eq!((parts[1].name, &parts[1].shape[..]), ("gradients", &[2, 3][..]));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn parts(&self, graph: &Graph) -> Result<Vec<Part>, DistributionError> {
        let (vertices, parameters) = (graph.vertex_count(), graph.param_length());
        let checked = |times: &[f64]| check_times(times).map(|()| times.len());
        let rewards = |rewards: &Array2<f64>| {
            let parts = Quantity::Rewards(rewards.clone()).parts(graph);
            parts.map(|_| rewards.nrows())
        };
        let reward = |reward: &[f64]| {
            let row = ndarray::aview1(reward).insert_axis(ndarray::Axis(0));
            rewards(&row.to_owned())
        };
        let one = |name, shape: Vec<usize>| vec![Part::new(name, shape, name, 0)];
        let with_gradients = |name, shape: Vec<usize>| {
            let mut wide = shape.clone();
            wide.push(parameters);
            let gradients = Part::new("gradients", wide, "gradient", 0);
            vec![Part::new(name, shape, name, 0), gradients]
        };
        Ok(match self {
            Self::Pdf(times) => one("pdf", vec![checked(times)?]),
            Self::Cdf(times) => one("cdf", vec![checked(times)?]),
            Self::Survival(times) => one("survival", vec![checked(times)?]),
            Self::LogPdf(times) => one("log_pdf", vec![checked(times)?]),
            Self::LogSurvival(times) => one("log_survival", vec![checked(times)?]),
            Self::Hazard(times) => one("hazard", vec![checked(times)?]),
            Self::Quantile(list) => one("quantile", vec![list.len()]),
            Self::SurvivalQuantile(list) => one("survival_quantile", vec![list.len()]),
            Self::StateProbabilities(times) => {
                one("state_probabilities", vec![checked(times)?, vertices])
            }
            Self::Occupancy(times) => one("occupancy", vec![checked(times)?, vertices]),
            Self::CdfByVertex(times) => one("cdf_by_vertex", vec![checked(times)?, vertices]),
            Self::AbsorptionProbabilities => one("absorption_probabilities", vec![vertices]),
            Self::ReachProbabilities(_) => one("reach_probabilities", vec![vertices]),
            Self::PdfAndGradients(times) => with_gradients("pdf", vec![checked(times)?]),
            Self::CdfAndGradients(times) => with_gradients("cdf", vec![checked(times)?]),
            Self::LogLikelihood(_) => one("log_likelihood", vec![]),
            Self::LogLikelihoodAndGradient(_) => with_gradients("log_likelihood", vec![]),
            Self::RewardMoments(values, order) => {
                reward(values)?;
                one("reward_moments", vec![*order])
            }
            Self::RewardMomentsAndGradients(values, order) => {
                reward(values)?;
                with_gradients("reward_moments", vec![*order])
            }
            Self::Covariance(values) => {
                let count = rewards(values)?;
                one("covariance", vec![count, count])
            }
            Self::CovarianceAndGradients(values) => {
                let count = rewards(values)?;
                with_gradients("covariance", vec![count, count])
            }
            Self::Correlation(values) => {
                let count = rewards(values)?;
                one("correlation", vec![count, count])
            }
            Self::JointMoment(values) => {
                rewards(values)?;
                one("joint_moment", vec![])
            }
            Self::JointMomentAndGradient(values) => {
                rewards(values)?;
                with_gradients("joint_moment", vec![])
            }
            Self::MomentsGiven(_, order) => one("moments_given", vec![*order]),
            Self::Laplace(at) => one("laplace", vec![at.len()]),
            Self::LaplaceDerivatives(at, order) => {
                one("laplace_derivatives", vec![at.len(), *order])
            }
            Self::LaplaceAndGradients(at) => with_gradients("laplace", vec![at.len()]),
            Self::JointLaplace(values, _) => {
                rewards(values)?;
                one("joint_laplace", vec![])
            }
            Self::JointLaplaceAndGradient(values, _) => {
                rewards(values)?;
                with_gradients("joint_laplace", vec![])
            }
            Self::Pmf(counts) => one("pmf", vec![counts.len()]),
            Self::PmfAndGradients(counts) => with_gradients("pmf", vec![counts.len()]),
            Self::FactorialMoments(order) => one("factorial_moments", vec![*order]),
            Self::Pgf(at) => one("pgf", vec![at.len()]),
            Self::Visits => one("visits", vec![vertices]),
            Self::ExpectedRewards(values) => one("expected_rewards", vec![rewards(values)?]),
        })
    }

    /// What is asked, for errors.
    fn name(&self) -> &'static str {
        match self {
            Self::Pdf(_) | Self::PdfAndGradients(_) => "pdf",
            Self::Cdf(_) | Self::CdfAndGradients(_) => "cdf",
            Self::Survival(_) => "survival",
            Self::LogPdf(_) => "log_pdf",
            Self::LogSurvival(_) => "log_survival",
            Self::Hazard(_) => "hazard",
            Self::Quantile(_) => "quantile",
            Self::SurvivalQuantile(_) => "survival_quantile",
            Self::StateProbabilities(_) => "state_probabilities",
            Self::Occupancy(_) => "occupancy",
            Self::CdfByVertex(_) => "cdf_by_vertex",
            Self::AbsorptionProbabilities => "absorption_probabilities",
            Self::ReachProbabilities(_) => "reach_probabilities",
            Self::LogLikelihood(_) | Self::LogLikelihoodAndGradient(_) => "log_likelihood",
            Self::RewardMoments(..) | Self::RewardMomentsAndGradients(..) => "reward_moments",
            Self::Covariance(_) | Self::CovarianceAndGradients(_) => "covariance",
            Self::Correlation(_) => "correlation",
            Self::JointMoment(_) | Self::JointMomentAndGradient(_) => "joint_moment",
            Self::MomentsGiven(..) => "moments_given",
            Self::Laplace(_) | Self::LaplaceAndGradients(_) => "laplace",
            Self::LaplaceDerivatives(..) => "laplace_derivatives",
            Self::JointLaplace(..) | Self::JointLaplaceAndGradient(..) => "joint_laplace",
            Self::Pmf(_) | Self::PmfAndGradients(_) => "pmf",
            Self::FactorialMoments(_) => "factorial_moments",
            Self::Pgf(_) => "pgf",
            Self::Visits => "visits",
            Self::ExpectedRewards(_) => "expected_rewards",
        }
    }

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

    /// The same of numbers of steps.
    fn numbers_of_steps(&self, steps: &DiscretePhaseType) -> Result<Vec<f64>, DistributionError> {
        let whole = |counts: Vec<u64>| counts.into_iter().map(|count| count as f64).collect();
        Ok(match self {
            Self::Cdf(times) => steps.cdf(&whole_counts(times)?)?,
            Self::CdfAndGradients(times) => both(steps.cdf_and_gradients(&whole_counts(times)?)?),
            Self::Survival(times) => steps.survival(&whole_counts(times)?)?,
            Self::Quantile(list) => whole(steps.quantile(list)?),
            Self::SurvivalQuantile(list) => whole(steps.survival_quantile(list)?),
            Self::StateProbabilities(times) => {
                flat(steps.state_probabilities(&whole_counts(times)?)?)
            }
            Self::AbsorptionProbabilities => steps.absorption_probabilities(),
            Self::Covariance(rewards) => flat(steps.covariance(rewards.view())?),
            Self::Correlation(rewards) => flat(steps.correlation(rewards.view())?),
            Self::Pmf(counts) => steps.pmf(counts)?,
            Self::PmfAndGradients(counts) => both(steps.pmf_and_gradients(counts)?),
            Self::FactorialMoments(order) => steps.factorial_moments(*order),
            Self::Pgf(at) => steps.pgf(at)?,
            Self::Visits => steps.visits(),
            Self::ExpectedRewards(rewards) => steps.expected_rewards(rewards.view())?,
            Self::Pdf(_)
            | Self::PdfAndGradients(_)
            | Self::LogPdf(_)
            | Self::LogSurvival(_)
            | Self::Hazard(_)
            | Self::Occupancy(_)
            | Self::CdfByVertex(_)
            | Self::ReachProbabilities(_)
            | Self::LogLikelihood(_)
            | Self::LogLikelihoodAndGradient(_)
            | Self::RewardMoments(..)
            | Self::RewardMomentsAndGradients(..)
            | Self::CovarianceAndGradients(_)
            | Self::JointMoment(_)
            | Self::JointMomentAndGradient(_)
            | Self::MomentsGiven(..)
            | Self::Laplace(_)
            | Self::LaplaceAndGradients(_)
            | Self::LaplaceDerivatives(..)
            | Self::JointLaplace(..)
            | Self::JointLaplaceAndGradient(..) => {
                return Err(DistributionError::Clock {
                    question: self.name(),
                    expected: "continuous",
                    found: "discrete",
                    remedy: "ask for pmf, cdf, survival, quantile, factorial_moments, pgf, visits or covariance",
                });
            }
        })
    }

    /// All numbers of an answer, one part after the other.
    fn numbers(&self, time: &PhaseType) -> Result<Vec<f64>, DistributionError> {
        fn joined((value, gradient): (f64, Vec<f64>)) -> Vec<f64> {
            std::iter::once(value).chain(gradient).collect()
        }
        Ok(match self {
            Self::Pdf(times) => time.pdf(times)?,
            Self::Cdf(times) => time.cdf(times)?,
            Self::Survival(times) => time.survival(times)?,
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
            Self::PdfAndGradients(times) => both(time.pdf_and_gradients(times)?),
            Self::CdfAndGradients(times) => both(time.cdf_and_gradients(times)?),
            Self::LogLikelihood(data) => vec![time.log_likelihood(data)?],
            Self::LogLikelihoodAndGradient(data) => joined(time.log_likelihood_and_gradient(data)?),
            Self::RewardMoments(reward, order) => time.reward_moments(reward, *order)?,
            Self::RewardMomentsAndGradients(reward, order) => {
                both(time.reward_moments_and_gradients(reward, *order)?)
            }
            Self::Covariance(rewards) => flat(time.covariance(rewards.view())?),
            Self::CovarianceAndGradients(rewards) => {
                let (values, gradients) = time.covariance_and_gradients(rewards.view())?;
                both((flat(values), gradients))
            }
            Self::Correlation(rewards) => flat(time.correlation(rewards.view())?),
            Self::JointMoment(rewards) => vec![time.joint_moment(rewards.view())?],
            Self::JointMomentAndGradient(rewards) => {
                joined(time.joint_moment_and_gradient(rewards.view())?)
            }
            Self::MomentsGiven(vertex, order) => time.moments_given(*vertex, *order)?,
            Self::Laplace(at) => time.laplace(at)?,
            Self::LaplaceDerivatives(at, order) => flat(time.laplace_derivatives(at, *order)?),
            Self::LaplaceAndGradients(at) => both(time.laplace_and_gradients(at)?),
            Self::JointLaplace(rewards, at) => vec![time.joint_laplace(rewards.view(), at)?],
            Self::JointLaplaceAndGradient(rewards, at) => {
                joined(time.joint_laplace_and_gradient(rewards.view(), at)?)
            }
            Self::ExpectedRewards(rewards) => {
                let rows = rewards.outer_iter();
                let means = rows.map(|row| Ok(time.reward_moments(&row.to_vec(), 1)?[0]));
                means.collect::<Result<_, DistributionError>>()?
            }
            Self::Pmf(_)
            | Self::PmfAndGradients(_)
            | Self::FactorialMoments(_)
            | Self::Pgf(_)
            | Self::Visits => {
                return Err(DistributionError::Clock {
                    question: self.name(),
                    expected: "discrete",
                    found: "continuous",
                    remedy: "ask for pdf, moments or laplace, or for numbers of marks with `marks`",
                });
            }
        })
    }
}

fn flat<D: ndarray::Dimension>(array: ndarray::Array<f64, D>) -> Vec<f64> {
    array.iter().copied().collect()
}

fn both<D: ndarray::Dimension>(
    (mut values, gradients): (Vec<f64>, ndarray::Array<f64, D>),
) -> Vec<f64> {
    values.extend(gradients.iter());
    values
}

/// Times as numbers of steps.
fn whole_counts(times: &[f64]) -> Result<Vec<u64>, DistributionError> {
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
