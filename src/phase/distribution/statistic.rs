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

/// Numbers, and their derivatives by theta one number after the other.
type WithSlopes = (Vec<f64>, Vec<f64>);

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
