//! Statistics at rows of thetas, and as callbacks that `vmap` takes.
//!
//! A row is answered as [`EliminationTrace::at`] and the method of [`PhaseType`](crate::phase::PhaseType) answer it alone, or for discrete graphs
//! [`EliminationTrace::steps_at`] and that of [`DiscretePhaseType`](crate::phase::DiscretePhaseType), to the bit, on any number of threads.

use ndarray::{ArrayD, ArrayView2, Axis, IxDyn, s};
use rayon::prelude::*;

use crate::phase::distribution::PhaseType;
use crate::phase::distribution::answers::arrays;
use crate::phase::distribution::curve::check_times;
use crate::phase::distribution::error::DistributionError;
use crate::phase::distribution::observations::Observations;
use crate::phase::distribution::statistic::Statistic;
use crate::phase::distribution::step_lanes::{TASK, prepare};
use crate::phase::distribution::tolerance::Tolerance;
use crate::phase::evaluate::batch::Batch;
use crate::phase::evaluate::pullback::{lead, operands, rule, spread};
use crate::phase::numeric::error::NumericError;
use crate::phase::trace::EliminationTrace;
use crate::{Array, BoxError, Callback, Element, VmapMethod};

/// The numbers of an answer at a theta.
type Answer = Result<Vec<f64>, DistributionError>;

/// A row of numbers for each theta; the first row that fails fails all.
fn rows(
    trace: &EliminationTrace,
    thetas: ArrayView2<'_, f64>,
    statistic: &Statistic,
) -> Result<Vec<Vec<f64>>, DistributionError> {
    let expected = trace.param_length();
    if thetas.ncols() != expected {
        let found = thetas.ncols();
        return Err(NumericError::ThetaLength { expected, found }.into());
    }
    let times = statistic.times().filter(|times| {
        thetas.nrows() > 1 && !trace.graph().is_discrete() && check_times(times).is_ok()
    });
    let answers: Vec<Answer> = match times {
        Some(times) => in_tasks(thetas, |thetas| {
            let models = side_by_side(trace, thetas, &times, Tolerance::default());
            let answers = models.into_iter();
            answers.map(|model| statistic.numbers(&model?)).collect()
        }),
        None => (0..thetas.nrows())
            .into_par_iter()
            .map(|row| statistic.numbers_at(trace, &thetas.row(row).to_vec()))
            .collect(),
    };
    let answers = answers.into_iter().enumerate().map(|(row, answer)| {
        answer.map_err(|source: DistributionError| DistributionError::Row {
            row,
            source: Box::new(source),
        })
    });
    answers.collect()
}

/// What a function makes of the rows of thetas, a few of them at a time, in their order.
fn in_tasks<T: Send>(
    thetas: ArrayView2<'_, f64>,
    of: impl Fn(ArrayView2<'_, f64>) -> Vec<T> + Sync,
) -> Vec<T> {
    let share = thetas.nrows().div_ceil(rayon::current_num_threads());
    let task = share.clamp(1, TASK);
    let tasks = (0..thetas.nrows()).step_by(task).collect::<Vec<_>>();
    let tasks = tasks.into_par_iter().flat_map_iter(|first| {
        let rows = first..thetas.nrows().min(first + task);
        of(thetas.slice(s![rows, ..]))
    });
    tasks.collect()
}

/// Models of rows of thetas that know what ascending times have, found together where they can be.
fn side_by_side(
    trace: &EliminationTrace,
    thetas: ArrayView2<'_, f64>,
    times: &[f64],
    tolerance: Tolerance,
) -> Vec<Result<PhaseType, NumericError>> {
    let models = thetas.outer_iter();
    let models = models.map(|theta| Ok(trace.at(&theta.to_vec())?.within(tolerance)));
    let models: Vec<Result<PhaseType, NumericError>> = models.collect();
    let good: Vec<&PhaseType> = models.iter().flatten().collect();
    // What fails here fails again, and says for which row, when that is answered.
    let _ = prepare(&good, times);
    models
}

impl EliminationTrace {
    /// Replays the trace at rows of thetas, and finds what ascending times have for several of them side by side.
    ///
    /// Each is what [`at`](Self::at) makes of its row, with this tolerance, to the bit; questions about the same times are answered
    /// from what was found.
    ///
    /// # Errors
    ///
    /// [`DistributionError::Time`] and [`DistributionError::Unsorted`] for the times; those of a row are in its place.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Tolerance, models};
    /// use ndarray::array;
    ///
    /// let trace = EliminationTrace::record(&models::erlang(1)?);
    /// let times = [0.5, 1.0];
    /// let found = trace.at_each(array![[1.0], [2.0], [-1.0]].view(), &times, Tolerance::default())?;
    /// for (rate, time) in [1.0, 2.0].into_iter().zip(&found) {
    ///     let survival = time.as_ref().unwrap().survival(&times)?;
    ///     assert!((survival[1] - f64::exp(-rate)).abs() < 1e-15);
    /// }
    /// assert!(found[2].is_err());
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn at_each(
        &self,
        thetas: ArrayView2<'_, f64>,
        times: &[f64],
        tolerance: Tolerance,
    ) -> Result<Vec<Result<PhaseType, NumericError>>, DistributionError> {
        check_times(times)?;
        Ok(in_tasks(thetas, |thetas| {
            side_by_side(self, thetas, times, tolerance)
        }))
    }
}

impl Batch {
    /// A statistic at each theta: an array for each of its [`parts`](Statistic::parts), with an axis of rows in front.
    ///
    /// # Errors
    ///
    /// [`NumericError::ThetaLength`] for rows of the wrong length, and [`DistributionError::Row`] with the first row that fails.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::phase::{EliminationTrace, Statistic, models};
    /// use ndarray::array;
    ///
    /// let trace = EliminationTrace::record(&models::erlang(3)?);
    /// let found = trace.batch().statistic(array![[1.0], [2.0]].view(), &Statistic::Cdf(vec![0.5, 1.0]))?;
    /// assert_eq!(found[0].shape(), [2, 2]);
    /// assert_eq!(found[0][[1, 0]], trace.at(&[2.0])?.cdf(&[0.5])?[0]);
    /// # Ok::<(), elimap::phase::PhaseError>(())
    /// ```
    pub fn statistic(
        &self,
        thetas: ArrayView2<'_, f64>,
        statistic: &Statistic,
    ) -> Result<Vec<ArrayD<f64>>, DistributionError> {
        let parts = statistic.parts(self.trace().graph())?;
        let rows = rows(self.trace(), thetas, statistic)?;
        Ok(arrays(&parts, &[thetas.nrows()], &rows))
    }
}

impl EliminationTrace {
    /// A statistic as a callback: `f64[parameters]` to an array for each of its [`parts`](Statistic::parts).
    ///
    /// Under `vmap`, however deeply nested, the host is called once with all thetas. Under [`grad`](crate::grad) and `vjp` it is
    /// called for the gradients that [`Statistic::with_gradients`] has, if it has any.
    ///
    /// # Errors
    ///
    /// Those of [`Statistic::parts`].
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::grad;
    /// use elimap::phase::{EliminationTrace, Statistic, models};
    /// use elimap::prelude::*;
    ///
    /// let trace = EliminationTrace::record(&models::erlang(1)?);
    /// let survival = trace.statistic(&Statistic::Survival(vec![0.0, 1.0]))?;
    /// let found = vmap(survival).call((Array::from(ndarray::array![[1.0], [2.0]].into_dyn()),))?;
    /// let found = found.to_array()?.to_vec::<f64>()?;
    /// for (found, expected) in found.iter().zip([1.0, (-1.0_f64).exp(), 1.0, (-2.0_f64).exp()]) {
    ///     assert!((found - expected).abs() < 1e-14);
    /// }
    ///
    /// // The slope of ln theta - theta t at t = 0.25.
    /// let density = trace.log_pdf(&[0.25])?;
    /// let slope = grad(|theta: Tensor| Ok::<_, Error>(density.call((theta,))?.sum(..)));
    /// let slope = slope.call((Array::from(ndarray::array![2.0].into_dyn()),))?;
    /// assert!((slope.to_array()?.to_vec::<f64>()?[0] - 0.25).abs() < 1e-14);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn statistic(&self, statistic: &Statistic) -> Result<Callback, DistributionError> {
        let parts = statistic.parts(self.graph())?;
        let results: Vec<_> = parts
            .iter()
            .map(|part| f64::spec(part.shape.iter().copied()))
            .collect();
        let name = parts.first().map_or("statistic", |part| part.name);
        let statistic_of_rule = statistic.clone();
        let (trace, statistic) = (self.clone(), statistic.clone());
        let answer = move |args: &[Array]| -> Result<Vec<Array>, BoxError> {
            let expected = trace.param_length();
            let [theta] = args else {
                return Err(NumericError::ThetaArguments { found: args.len() }.into());
            };
            let (&found, lanes) = theta.shape().split_last().unwrap_or((&0, &[]));
            if found != expected {
                return Err(NumericError::ThetaLength { expected, found }.into());
            }
            let values = theta.to_vec::<f64>()?;
            let thetas = ArrayView2::from_shape((lanes.iter().product(), expected), &values)?;
            let rows = rows(&trace, thetas, &statistic)?;
            let parts = arrays(&parts, lanes, &rows);
            Ok(parts.into_iter().map(Array::from).collect())
        };
        let one = results.len() == 1;
        let callback = Callback::new(name, results, answer).vmap_method(VmapMethod::ExpandDims);
        Ok(match one && statistic_of_rule.has_gradients() {
            true => callback.vjp(pullback(self, statistic_of_rule)),
            false => callback,
        })
    }
}

/// The backward rule of a statistic: from theta and the cotangents of its one array to the cotangent of theta.
fn pullback(trace: &EliminationTrace, statistic: Statistic) -> Callback {
    let (trace, name) = (trace.clone(), statistic.name());
    let both = statistic.with_gradients();
    rule(name, move |args: &[Array]| {
        let (thetas, cotangents) = operands(args)?;
        let parameters = trace.param_length();
        let lead = lead(&thetas, &cotangents);
        let own = &thetas.shape()[..lead.len()];
        let flat = thetas.iter().copied().collect::<Vec<f64>>();
        let table = ArrayView2::from_shape((own.iter().product(), parameters), &flat)?;
        let found = rows(&trace, table, &both)?;
        let count = found.first().map_or(0, Vec::len) / (1 + parameters);
        let slopes = found.iter().flat_map(|row| &row[count..]).copied();
        let shape: Vec<usize> = own.iter().copied().chain([count, parameters]).collect();
        let slopes = ArrayD::from_shape_vec(IxDyn(&shape), slopes.collect())?;
        let mut slopes = spread(&slopes, &lead)?;
        let rest = [count];
        let shape: Vec<usize> = cotangents.shape()[..lead.len()]
            .iter()
            .chain(&rest)
            .copied()
            .collect();
        let weights = ArrayD::from_shape_vec(IxDyn(&shape), cotangents.iter().copied().collect())?;
        let weights = spread(&weights, &lead)?.insert_axis(Axis(lead.len() + 1));
        let weights = weights
            .broadcast(slopes.raw_dim())
            .ok_or("cotangents that do not fit")?
            .to_owned();
        // Nobody asks for what has a cotangent of 0.
        slopes.zip_mut_with(&weights, |slope, &w| {
            *slope = if w == 0.0 { 0.0 } else { *slope * w };
        });
        Ok(vec![Array::from(slopes.sum_axis(Axis(lead.len())))])
    })
}

/// One name for rows of thetas and for a callback.
macro_rules! statistics {
    // In the examples each has the graph and the arguments given here.
    ($graph:literal; $($(#[$doc:meta])* $name:ident($($argument:ident: $kind:ty),*) $given:literal => $statistic:expr;)*) => {
        impl Batch {$(
            $(#[$doc])*
            ///
            /// An array for each [part](Statistic::parts), with an axis of rows in front.
            ///
            /// # Errors
            ///
            /// As for [`Batch::statistic`].
            ///
            /// ```
            /// use elimap::phase::{EliminationTrace, Observations, VertexId, models};
            /// use ndarray::array;
            ///
            #[doc = concat!("let graph = ", $graph, ";")]
            /// # let end = graph.vertices().last().unwrap_or(VertexId::START);
            /// # let data = Observations::of_times(&[0.5, 1.5])?;
            /// let thetas = array![[1.0], [2.0], [1.0]];
            #[doc = concat!("let found = EliminationTrace::record(&graph).batch().", stringify!($name), "(thetas.view(), ", $given, ")?;")]
            /// // A row for each theta.
            /// let rows: Vec<_> = found[0].outer_iter().collect();
            /// assert_eq!((rows.len(), &rows[0]), (3, &rows[2]));
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            pub fn $name(
                &self,
                thetas: ArrayView2<'_, f64>,
                $($argument: $kind),*
            ) -> Result<Vec<ArrayD<f64>>, DistributionError> {
                self.statistic(thetas, &$statistic)
            }
        )*}

        impl EliminationTrace {$(
            $(#[$doc])*
            ///
            /// A callback from `f64[parameters]` to an array for each [part](Statistic::parts).
            ///
            /// # Errors
            ///
            /// As for [`EliminationTrace::statistic`].
            ///
            /// ```
            /// use elimap::phase::{EliminationTrace, Observations, VertexId, models};
            /// use elimap::prelude::*;
            /// use ndarray::array;
            ///
            #[doc = concat!("let graph = ", $graph, ";")]
            /// # let end = graph.vertices().last().unwrap_or(VertexId::START);
            /// # let data = Observations::of_times(&[0.5, 1.5])?;
            #[doc = concat!("let callback = EliminationTrace::record(&graph).", stringify!($name), "(", $given, ")?;")]
            /// let rows = vmap(|theta: Tensor| callback.call_vec((theta,)));
            /// let found = rows.call((array![[1.0], [2.0], [1.0]],))?;
            /// assert_eq!(found[0].shape()[0], 3);
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            pub fn $name(&self, $($argument: $kind),*) -> Result<Callback, DistributionError> {
                self.statistic(&$statistic)
            }
        )*}
    };
}

statistics! {
    "models::erlang(2)?";
    /// The density at ascending times.
    pdf(times: &[f64]) "&[0.5, 1.0]" => Statistic::Pdf(times.to_vec());
    /// The distribution function at ascending times.
    cdf(times: &[f64]) "&[0.5, 1.0]" => Statistic::Cdf(times.to_vec());
    /// The survival at ascending times.
    survival(times: &[f64]) "&[0.5, 1.0]" => Statistic::Survival(times.to_vec());
    /// Density, distribution function and survival at ascending times, in one pass.
    curve(times: &[f64]) "&[0.5, 1.0]" => Statistic::Curve(times.to_vec());
    /// The logarithm of the density at ascending times.
    log_pdf(times: &[f64]) "&[0.5, 1.0]" => Statistic::LogPdf(times.to_vec());
    /// The logarithm of the survival at ascending times.
    log_survival(times: &[f64]) "&[0.5, 1.0]" => Statistic::LogSurvival(times.to_vec());
    /// The hazard at ascending times.
    hazard(times: &[f64]) "&[0.5, 1.0]" => Statistic::Hazard(times.to_vec());
    /// The quantiles of probabilities.
    quantile(probabilities: &[f64]) "&[0.25, 0.5]" => Statistic::Quantile(probabilities.to_vec());
    /// The quantiles by survival.
    survival_quantile(probabilities: &[f64]) "&[0.25, 0.5]" => Statistic::SurvivalQuantile(probabilities.to_vec());
    /// The probabilities of all vertices at ascending times.
    state_probabilities(times: &[f64]) "&[0.5, 1.0]" => Statistic::StateProbabilities(times.to_vec());
    /// The time in each vertex until ascending times.
    occupancy(times: &[f64]) "&[0.5, 1.0]" => Statistic::Occupancy(times.to_vec());
    /// The probabilities of absorption in each vertex by ascending times.
    cdf_by_vertex(times: &[f64]) "&[0.5, 1.0]" => Statistic::CdfByVertex(times.to_vec());
    /// The probabilities of absorption in each vertex in the end.
    absorption_probabilities() "" => Statistic::AbsorptionProbabilities;
    /// The probabilities of absorption in each vertex in the end and their gradients.
    absorption_probabilities_and_gradients() "" => Statistic::AbsorptionProbabilities.with_gradients();
    /// The probabilities to reach one of some vertices.
    reach_probabilities(targets: &[crate::phase::VertexId]) "&[end]" => Statistic::ReachProbabilities(targets.to_vec());
    /// The probabilities to reach one of some vertices and their gradients.
    reach_probabilities_and_gradients(targets: &[crate::phase::VertexId]) "&[end]" => Statistic::ReachProbabilities(targets.to_vec()).with_gradients();
    /// The probabilities of all vertices at ascending times and their gradients.
    state_probabilities_and_gradients(times: &[f64]) "&[0.5, 1.0]" => Statistic::StateProbabilities(times.to_vec()).with_gradients();
    /// The time in each vertex until ascending times and its gradients.
    occupancy_and_gradients(times: &[f64]) "&[0.5, 1.0]" => Statistic::Occupancy(times.to_vec()).with_gradients();
    /// The probabilities of absorption in each vertex by ascending times and their gradients.
    cdf_by_vertex_and_gradients(times: &[f64]) "&[0.5, 1.0]" => Statistic::CdfByVertex(times.to_vec()).with_gradients();
    /// The density at ascending times and its gradients.
    pdf_and_gradients(times: &[f64]) "&[0.5, 1.0]" => Statistic::Pdf(times.to_vec()).with_gradients();
    /// The distribution function at ascending times and its gradients.
    cdf_and_gradients(times: &[f64]) "&[0.5, 1.0]" => Statistic::Cdf(times.to_vec()).with_gradients();
    /// The survival at ascending times and its gradients.
    survival_and_gradients(times: &[f64]) "&[0.5, 1.0]" => Statistic::Survival(times.to_vec()).with_gradients();
    /// The logarithm of the density at ascending times and its gradients.
    log_pdf_and_gradients(times: &[f64]) "&[0.5, 1.0]" => Statistic::LogPdf(times.to_vec()).with_gradients();
    /// The logarithm of the survival at ascending times and its gradients.
    log_survival_and_gradients(times: &[f64]) "&[0.5, 1.0]" => Statistic::LogSurvival(times.to_vec()).with_gradients();
    /// The hazard at ascending times and its gradients.
    hazard_and_gradients(times: &[f64]) "&[0.5, 1.0]" => Statistic::Hazard(times.to_vec()).with_gradients();
    /// The quantiles of probabilities and their gradients.
    quantile_and_gradients(probabilities: &[f64]) "&[0.25, 0.5]" => Statistic::Quantile(probabilities.to_vec()).with_gradients();
    /// The quantiles by survival and their gradients.
    survival_quantile_and_gradients(probabilities: &[f64]) "&[0.25, 0.5]" => Statistic::SurvivalQuantile(probabilities.to_vec()).with_gradients();
    /// The log-likelihood of observations.
    log_likelihood(data: &Observations) "&data" => Statistic::LogLikelihood(data.clone());
    /// The log-likelihood of observations and its gradient.
    log_likelihood_and_gradient(data: &Observations) "&data" => Statistic::LogLikelihood(data.clone()).with_gradients();
    /// The moments of a reward up to an order.
    reward_moments(reward: &[f64], order: usize) "&[0.0, 1.0, 1.0, 0.0], 2" => Statistic::RewardMoments(reward.to_vec(), order);
    /// The moments of a reward up to an order and their gradients.
    reward_moments_and_gradients(reward: &[f64], order: usize) "&[0.0, 1.0, 1.0, 0.0], 2" => Statistic::RewardMoments(reward.to_vec(), order).with_gradients();
    /// The covariance matrix of rewards.
    covariance(rewards: ArrayView2<'_, f64>) "array![[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]].view()" => Statistic::Covariance(rewards.to_owned());
    /// The covariance matrix of rewards and its gradients.
    covariance_and_gradients(rewards: ArrayView2<'_, f64>) "array![[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]].view()" => Statistic::Covariance(rewards.to_owned()).with_gradients();
    /// The correlation matrix of rewards.
    correlation(rewards: ArrayView2<'_, f64>) "array![[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]].view()" => Statistic::Correlation(rewards.to_owned());
    /// The correlation matrix of rewards and its gradients.
    correlation_and_gradients(rewards: ArrayView2<'_, f64>) "array![[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]].view()" => Statistic::Correlation(rewards.to_owned()).with_gradients();
    /// The expectation of a product of rewards.
    joint_moment(rewards: ArrayView2<'_, f64>) "array![[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]].view()" => Statistic::JointMoment(rewards.to_owned());
    /// The expectation of a product of rewards and its gradient.
    joint_moment_and_gradient(rewards: ArrayView2<'_, f64>) "array![[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]].view()" => Statistic::JointMoment(rewards.to_owned()).with_gradients();
    /// The moments of the time given absorption in a vertex.
    moments_given(vertex: crate::phase::VertexId, order: usize) "end, 2" => Statistic::MomentsGiven(vertex, order);
    /// The moments of the time given absorption in a vertex and their gradients.
    moments_given_and_gradients(vertex: crate::phase::VertexId, order: usize) "end, 2" => Statistic::MomentsGiven(vertex, order).with_gradients();
    /// The Laplace transform.
    laplace(at: &[f64]) "&[0.5, 0.75]" => Statistic::Laplace(at.to_vec());
    /// The Laplace transform and its gradients.
    laplace_and_gradients(at: &[f64]) "&[0.5, 0.75]" => Statistic::Laplace(at.to_vec()).with_gradients();
    /// The derivatives of the Laplace transform.
    laplace_derivatives(at: &[f64], order: usize) "&[0.5, 0.75], 2" => Statistic::LaplaceDerivatives(at.to_vec(), order);
    /// The derivatives of the Laplace transform and their gradients.
    laplace_derivatives_and_gradients(at: &[f64], order: usize) "&[0.5, 0.75], 2" => Statistic::LaplaceDerivatives(at.to_vec(), order).with_gradients();
    /// The joint Laplace transform of rewards.
    joint_laplace(rewards: ArrayView2<'_, f64>, at: &[f64]) "array![[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]].view(), &[0.5, 0.75]" => Statistic::JointLaplace(rewards.to_owned(), at.to_vec());
    /// The joint Laplace transform of rewards and its gradient.
    joint_laplace_and_gradient(rewards: ArrayView2<'_, f64>, at: &[f64]) "array![[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]].view(), &[0.5, 0.75]" => Statistic::JointLaplace(rewards.to_owned(), at.to_vec()).with_gradients();
}

statistics! {
    "models::erlang(2)?.discretize(&[0.0, 1.0, 1.0, 0.0])?.0";
    /// The probabilities of numbers of steps of a discrete graph.
    pmf(counts: &[u64]) "&[1, 2]" => Statistic::Pmf(counts.to_vec());
    /// The probabilities of numbers of steps of a discrete graph and their gradients.
    pmf_and_gradients(counts: &[u64]) "&[1, 2]" => Statistic::Pmf(counts.to_vec()).with_gradients();
    /// The factorial moments of the number of steps of a discrete graph up to an order.
    factorial_moments(order: usize) "2" => Statistic::FactorialMoments(order);
    /// The factorial moments of the number of steps of a discrete graph up to an order and their gradients.
    factorial_moments_and_gradients(order: usize) "2" => Statistic::FactorialMoments(order).with_gradients();
    /// The generating function of the number of steps of a discrete graph.
    pgf(at: &[f64]) "&[0.5, 0.75]" => Statistic::Pgf(at.to_vec());
    /// The generating function of the number of steps of a discrete graph and its gradients.
    pgf_and_gradients(at: &[f64]) "&[0.5, 0.75]" => Statistic::Pgf(at.to_vec()).with_gradients();
    /// The expected numbers of visits to each vertex of a discrete graph.
    visits() "" => Statistic::Visits;
    /// The expected visits of each vertex and their gradients.
    visits_and_gradients() "" => Statistic::Visits.with_gradients();
}
