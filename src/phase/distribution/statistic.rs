//! Statistics of distributions as data: one name for one theta, rows of thetas, and a callback.

use ndarray::{Array2, ArrayD, IxDyn};

use crate::phase::distribution::PhaseType;
use crate::phase::distribution::curve::check_times;
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::observations::Observations;
use crate::phase::evaluate::quantity::{Part, Quantity};
use crate::phase::graph::{Graph, VertexId};

/// A statistic of the time to absorption or of rewards, for [`PhaseType::statistic`], [`Batch::statistic`](crate::phase::Batch::statistic) and
/// [`EliminationTrace::statistic`](crate::phase::EliminationTrace::statistic).
///
/// Each variant has the name of a method of [`PhaseType`], which says what it means, and its arguments.
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
        })
    }

    /// All numbers of an answer, one part after the other.
    pub(crate) fn numbers(&self, time: &PhaseType) -> Result<Vec<f64>, DistributionError> {
        fn flat<D: ndarray::Dimension>(array: ndarray::Array<f64, D>) -> Vec<f64> {
            array.iter().copied().collect()
        }
        fn both<D: ndarray::Dimension>(
            (mut values, gradients): (Vec<f64>, ndarray::Array<f64, D>),
        ) -> Vec<f64> {
            values.extend(gradients.iter());
            values
        }
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
        })
    }
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
