//! Statistics of distributions as data: one name for one theta, rows of thetas, and a callback.
//!
//! Of a discrete graph a statistic is that of its number of steps, and times are whole.

use ndarray::Array2;

use crate::phase::distribution::curve::check_times;
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::observations::Observations;
use crate::phase::evaluate::quantity::{Part, Quantity};
use crate::phase::graph::{Graph, VertexId};
// What the documentation speaks of.
#[cfg(doc)]
use crate::phase::{DiscretePhaseType, PhaseType};

/// A statistic of the time to absorption or of rewards, for [`PhaseType::statistic`], [`Batch::statistic`](crate::phase::Batch::statistic) and
/// [`EliminationTrace::statistic`](crate::phase::EliminationTrace::statistic).
///
/// Each variant has the name of a method of [`PhaseType`], which says what it means, and its arguments. Those that
/// [`DiscretePhaseType`] has too are answered for discrete graphs: times are numbers of steps then, which are whole, and
/// quantiles are so too. A few are for discrete graphs alone and say so.
///
/// [`with_gradients`](Self::with_gradients) asks for the derivatives too; [`of_reward`](Self::of_reward),
/// [`of_marks`](Self::of_marks) and [`given`](Self::given) ask the same of the distribution of a reward, of the number of marks, and of
/// the time given where it ends.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Statistic {
    /// [`PhaseType::pdf`] at these times: `[times]`.
    Pdf(Vec<f64>),
    /// [`PhaseType::cdf`] at these times: `[times]`.
    Cdf(Vec<f64>),
    /// [`PhaseType::survival`] at these times: `[times]`.
    Survival(Vec<f64>),
    /// [`PhaseType::curve`] at these times, in one pass: density, distribution function and survival, each `[times]`.
    Curve(Vec<f64>),
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
    /// [`PhaseType::log_likelihood`] of these observations: a number.
    LogLikelihood(Observations),
    /// [`PhaseType::reward_moments`] of a reward up to an order: `[order]`.
    RewardMoments(Vec<f64>, usize),
    /// The expectations of these rewards: `[rewards]`.
    ExpectedRewards(Array2<f64>),
    /// [`PhaseType::covariance`] of these rewards: `[rewards, rewards]`.
    Covariance(Array2<f64>),
    /// [`PhaseType::correlation`] of these rewards: `[rewards, rewards]`.
    Correlation(Array2<f64>),
    /// [`PhaseType::joint_moment`] of these rewards: a number.
    JointMoment(Array2<f64>),
    /// [`PhaseType::moments_given`] absorption in a vertex, up to an order: `[order]`.
    MomentsGiven(VertexId, usize),
    /// [`PhaseType::laplace`] at these u: `[u]`.
    Laplace(Vec<f64>),
    /// [`PhaseType::laplace_derivatives`] at these u up to an order: `[u, order]`.
    LaplaceDerivatives(Vec<f64>, usize),
    /// [`PhaseType::joint_laplace`] of these rewards at a u for each: a number.
    JointLaplace(Array2<f64>, Vec<f64>),
    /// [`DiscretePhaseType::pmf`] of these numbers of steps: `[counts]`.
    Pmf(Vec<u64>),
    /// [`DiscretePhaseType::factorial_moments`] up to an order: `[order]`.
    FactorialMoments(usize),
    /// [`DiscretePhaseType::pgf`] at these z: `[z]`.
    Pgf(Vec<f64>),
    /// [`DiscretePhaseType::visits`]: `[vertices]`.
    Visits,
    /// A statistic and its gradients with respect to theta; see [`with_gradients`](Self::with_gradients).
    WithGradients(Box<Statistic>),
    /// A statistic of the distribution of a reward; see [`of_reward`](Self::of_reward).
    OfReward(Vec<f64>, Box<Statistic>),
    /// A statistic of the number of marks at these rates by vertex; see [`of_marks`](Self::of_marks).
    OfMarks(Vec<f64>, Box<Statistic>),
    /// A statistic of the time given absorption in a vertex; see [`given`](Self::given).
    Given(VertexId, Box<Statistic>),
}

impl Statistic {
    /// The same with the gradient of each of its numbers with respect to theta, an axis of parameters behind the others.
    ///
    /// A whole curve, which is three of them, and quantiles of numbers of steps, which jump, have none.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Statistic, models};
    ///
    /// // The median of an exponential time is ln 2 / theta.
    /// let time = EliminationTrace::record(&models::erlang(1)?).at(&[2.0])?;
    /// let found = time.statistic(&Statistic::Quantile(vec![0.5]).with_gradients())?;
    /// assert!((found[1][[0, 0]] + 2.0_f64.ln() / 4.0).abs() < 1e-12);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    #[must_use]
    pub fn with_gradients(self) -> Self {
        match self {
            Self::WithGradients(_) => self,
            other => Self::WithGradients(Box::new(other)),
        }
    }

    /// The same statistic of the distribution of a reward, as [`PhaseType::reward`] has it.
    ///
    /// Gradients are by the parameters of the graph.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Statistic, models};
    /// use ndarray::array;
    ///
    /// let graph = models::kingman(4)?;
    /// let length = Statistic::Quantile(vec![0.5]).of_reward(&graph.reward("s0")?);
    /// let trace = EliminationTrace::record(&graph);
    /// let found = trace.batch().statistic(array![[1.0], [2.0]].view(), &length)?;
    /// assert!((found[0][[0, 0]] / found[0][[1, 0]] - 2.0).abs() < 1e-9);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    #[must_use]
    pub fn of_reward(self, reward: &[f64]) -> Self {
        match self {
            Self::WithGradients(inner) => inner.of_reward(reward).with_gradients(),
            other => Self::OfReward(reward.to_vec(), Box::new(other)),
        }
    }

    /// The same statistic of the number of marks, as [`PhaseType::marks`] has it.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Statistic, models};
    ///
    /// // Marks at the rate 1 before an exponential time of rate 1: none with probability 1/2, one with 1/4.
    /// let counts = Statistic::Pmf(vec![0, 1]).of_marks(&[0.0, 1.0, 0.0]);
    /// let time = EliminationTrace::record(&models::erlang(1)?).at(&[1.0])?;
    /// let found = time.statistic(&counts)?;
    /// assert!((found[0][[0]] - 0.5).abs() < 1e-14 && (found[0][[1]] - 0.25).abs() < 1e-14);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn of_marks(self, rates: &[f64]) -> Self {
        match self {
            Self::WithGradients(inner) => inner.of_marks(rates).with_gradients(),
            other => Self::OfMarks(rates.to_vec(), Box::new(other)),
        }
    }

    /// The same statistic of the time given absorption in a vertex, as [`PhaseType::given`] has it.
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Graph, Statistic};
    ///
    /// let mut builder = Graph::builder(0, 0);
    /// let [alive, one, other] = [0; 3].map(|_| builder.add_vertex(&[]));
    /// builder.start(alive, 1.0);
    /// builder.add_constant_edge(alive, one, 3.0).add_constant_edge(alive, other, 1.0);
    /// // Of competing exponential times the first says nothing about the winner.
    /// let time = EliminationTrace::record(&builder.build()?).at(&[])?;
    /// let found = time.statistic(&Statistic::Cdf(vec![0.5]).given(one))?;
    /// assert!((found[0][[0]] - (1.0 - (-2.0_f64).exp())).abs() < 1e-12);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn given(self, vertex: VertexId) -> Self {
        match self {
            Self::WithGradients(inner) => inner.given(vertex).with_gradients(),
            other => Self::Given(vertex, Box::new(other)),
        }
    }

    /// The arrays of an answer for a graph: names and shapes.
    ///
    /// # Errors
    ///
    /// [`DistributionError::Time`] and [`DistributionError::Unsorted`] for times,
    /// [`NumericError::RewardLength`](crate::phase::NumericError::RewardLength) and
    /// [`NumericError::InvalidReward`](crate::phase::NumericError::InvalidReward) for rewards,
    /// [`DistributionError::NoGradients`] and [`DistributionError::OtherModel`] for statistics of statistics that there are not. Other
    /// arguments are checked with the first theta.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{Statistic, models};
    ///
    /// let parts = Statistic::Pdf(vec![0.5, 1.0]).with_gradients().parts(&models::islands(3)?)?;
    /// assert_eq!((parts[0].name, &parts[0].shape[..]), ("pdf", &[2][..]));
    /// assert_eq!((parts[1].name, &parts[1].shape[..]), ("gradients", &[2, 3][..]));
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn parts(&self, graph: &Graph) -> Result<Vec<Part>, DistributionError> {
        let part = |name, shape: Vec<usize>| Part::new(name, shape, name, 0);
        match self {
            Self::Curve(times) => {
                check_times(times)?;
                let each = ["pdf", "cdf", "survival"];
                Ok(each.map(|name| part(name, vec![times.len()])).into())
            }
            Self::WithGradients(inner) => {
                let question = inner.name();
                if !inner.has_gradients() {
                    return Err(DistributionError::NoGradients { question });
                }
                let mut parts = inner.parts(graph)?;
                let mut shape = parts[0].shape.clone();
                shape.push(graph.param_length());
                parts.push(Part::new("gradients", shape, "gradient", 0));
                Ok(parts)
            }
            Self::OfReward(reward, inner) => {
                let row = ndarray::aview1(reward).insert_axis(ndarray::Axis(0));
                Quantity::Rewards(row.to_owned()).parts(graph)?;
                inner.parts_of_another(graph)
            }
            Self::OfMarks(rates, inner) => {
                let row = ndarray::aview1(rates).insert_axis(ndarray::Axis(0));
                Quantity::Rewards(row.to_owned()).parts(graph)?;
                inner.parts_of_another(graph)
            }
            Self::Given(_, inner) => inner.parts_of_another(graph),
            _ => Ok(vec![part(self.name(), self.shape(graph)?)]),
        }
    }

    /// The parts where the model is another one, made of the graph, which has vertices of its own and no parameters.
    fn parts_of_another(&self, graph: &Graph) -> Result<Vec<Part>, DistributionError> {
        match self {
            Self::Pdf(_)
            | Self::Cdf(_)
            | Self::Survival(_)
            | Self::Curve(_)
            | Self::LogPdf(_)
            | Self::LogSurvival(_)
            | Self::Hazard(_)
            | Self::Quantile(_)
            | Self::SurvivalQuantile(_)
            | Self::LogLikelihood(_)
            | Self::Laplace(_)
            | Self::LaplaceDerivatives(..)
            | Self::Pmf(_)
            | Self::FactorialMoments(_)
            | Self::Pgf(_) => self.parts(graph),
            Self::StateProbabilities(_)
            | Self::Occupancy(_)
            | Self::CdfByVertex(_)
            | Self::AbsorptionProbabilities
            | Self::ReachProbabilities(_)
            | Self::RewardMoments(..)
            | Self::ExpectedRewards(_)
            | Self::Covariance(_)
            | Self::Correlation(_)
            | Self::JointMoment(_)
            | Self::MomentsGiven(..)
            | Self::JointLaplace(..)
            | Self::Visits
            | Self::WithGradients(_)
            | Self::OfReward(..)
            | Self::OfMarks(..)
            | Self::Given(..) => Err(DistributionError::OtherModel {
                question: self.name(),
            }),
        }
    }

    /// The shape of the one array that most statistics are.
    fn shape(&self, graph: &Graph) -> Result<Vec<usize>, DistributionError> {
        let vertices = graph.vertex_count();
        let checked = |times: &[f64]| check_times(times).map(|()| times.len());
        let rewards = |rewards: &Array2<f64>| {
            let parts = Quantity::Rewards(rewards.clone()).parts(graph);
            parts.map(|_| rewards.nrows())
        };
        Ok(match self {
            Self::Pdf(times)
            | Self::Cdf(times)
            | Self::Survival(times)
            | Self::Curve(times)
            | Self::LogPdf(times)
            | Self::LogSurvival(times)
            | Self::Hazard(times) => vec![checked(times)?],
            Self::StateProbabilities(times) | Self::Occupancy(times) | Self::CdfByVertex(times) => {
                vec![checked(times)?, vertices]
            }
            Self::Quantile(list)
            | Self::SurvivalQuantile(list)
            | Self::Laplace(list)
            | Self::Pgf(list) => vec![list.len()],
            Self::Pmf(counts) => vec![counts.len()],
            Self::AbsorptionProbabilities | Self::ReachProbabilities(_) | Self::Visits => {
                vec![vertices]
            }
            Self::LogLikelihood(_) => vec![],
            Self::RewardMoments(reward, order) => {
                let row = ndarray::aview1(reward).insert_axis(ndarray::Axis(0));
                rewards(&row.to_owned())?;
                vec![*order]
            }
            Self::ExpectedRewards(values) => vec![rewards(values)?],
            Self::Covariance(values) | Self::Correlation(values) => vec![rewards(values)?; 2],
            Self::JointMoment(values) | Self::JointLaplace(values, _) => {
                rewards(values)?;
                vec![]
            }
            Self::MomentsGiven(_, order) | Self::FactorialMoments(order) => vec![*order],
            Self::LaplaceDerivatives(at, order) => vec![at.len(), *order],
            Self::WithGradients(inner)
            | Self::OfReward(_, inner)
            | Self::OfMarks(_, inner)
            | Self::Given(_, inner) => inner.shape(graph)?,
        })
    }

    /// What is asked, which is what the numbers are called too.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Pdf(_) => "pdf",
            Self::Cdf(_) => "cdf",
            Self::Survival(_) => "survival",
            Self::Curve(_) => "curve",
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
            Self::LogLikelihood(_) => "log_likelihood",
            Self::RewardMoments(..) => "reward_moments",
            Self::ExpectedRewards(_) => "expected_rewards",
            Self::Covariance(_) => "covariance",
            Self::Correlation(_) => "correlation",
            Self::JointMoment(_) => "joint_moment",
            Self::MomentsGiven(..) => "moments_given",
            Self::Laplace(_) => "laplace",
            Self::LaplaceDerivatives(..) => "laplace_derivatives",
            Self::JointLaplace(..) => "joint_laplace",
            Self::Pmf(_) => "pmf",
            Self::FactorialMoments(_) => "factorial_moments",
            Self::Pgf(_) => "pgf",
            Self::Visits => "visits",
            Self::WithGradients(inner)
            | Self::OfReward(_, inner)
            | Self::OfMarks(_, inner)
            | Self::Given(_, inner) => inner.name(),
        }
    }

    /// Whether [`with_gradients`](Self::with_gradients) has an answer.
    pub(crate) fn has_gradients(&self) -> bool {
        match self {
            Self::Curve(_) | Self::WithGradients(_) => false,
            Self::OfReward(_, inner) | Self::OfMarks(_, inner) | Self::Given(_, inner) => {
                inner.has_gradients()
            }
            _ => true,
        }
    }

    /// The times whose survival, density and absorption the statistic is made of, if it is made of those.
    pub(crate) fn times(&self) -> Option<Vec<f64>> {
        match self {
            Self::Pdf(times)
            | Self::Cdf(times)
            | Self::Survival(times)
            | Self::Curve(times)
            | Self::LogPdf(times)
            | Self::LogSurvival(times)
            | Self::Hazard(times) => Some(times.clone()),
            Self::LogLikelihood(data) => Some(data.times().to_vec()),
            _ => None,
        }
    }
}
