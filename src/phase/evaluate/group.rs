//! A group of thetas side by side: solved, judged lane by lane, and written out.
//!
//! A lane whose answer is not good goes through stages: a gradient that may have lost digits is added up again, from
//! differences and from refined solutions, with the factors at hand; what remains is answered alone, with more digits. Which
//! stage answers depends on the lane's own numbers only.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use ndarray::ArrayView2;

use crate::phase::evaluate::certified::{self, Problem};
use crate::phase::evaluate::point::Point;
use crate::phase::evaluate::quantity::{Output, Recipe, variance_is_doubtful};
use crate::phase::index::Rank;
use crate::phase::numeric::adjoint::{Adjoint, Factors};
use crate::phase::numeric::error::NumericError;
use crate::phase::numeric::kernel::{Kernel, Retain, System};
use crate::phase::numeric::lanes::{Lanes, Pass, on_widest};
use crate::phase::numeric::precise::Precise;
use crate::phase::numeric::ranks::Ranks;
use crate::phase::numeric::terms::{Ingredients, Request, Term};
use crate::phase::trace::EliminationTrace;

/// Factors of this many bytes are retained for transposed solves, as they stay in the second-level cache: with the least number of lanes side
/// by side. Where they would not, each block is eliminated again.
const RETAINED: usize = 1 << 20;
const LEAST: usize = 8;

/// A recipe for a trace: what all groups of a batch have in common.
pub(crate) struct Job<'a> {
    pub trace: &'a EliminationTrace,
    pub recipe: &'a Recipe,
    /// Whether gradients are multiples of the values, as where all rates are multiples of the one parameter: the k-th moment is a constant
    /// over the parameter's k-th power, so its derivative is `-k` times it over the parameter.
    has_one_scale: bool,
    /// By entry of the gradients, whether it is zero at every theta; found when the first entry is in doubt.
    zeros: OnceLock<Vec<bool>>,
    /// Whether the gradients of most thetas so far need more digits than plain sums have.
    loses_digits: AtomicBool,
}

impl<'a> Job<'a> {
    pub(crate) fn new(trace: &'a EliminationTrace, recipe: &'a Recipe) -> Self {
        let transposed = recipe.transposed.as_ref();
        let of_values = transposed.is_some_and(|of| !of.terms.is_empty() && of.starts.is_empty());
        Self {
            trace,
            recipe,
            has_one_scale: of_values && trace.ranks().have_one_scale(),
            zeros: OnceLock::new(),
            loses_digits: AtomicBool::new(false),
        }
    }

    /// Which factors to retain.
    pub(crate) fn retain(&self) -> Retain {
        if self.recipe.transposed.is_none() || self.has_one_scale {
            return match self.recipe.right.len() {
                0..=1 => Retain::Nothing,
                _ => Retain::Block,
            };
        }
        let (sizes, symbolic) = (self.ranks().sizes(), self.trace.symbolic());
        let all = symbolic.lower_len() + symbolic.upper_len();
        let fit = LEAST * all * size_of::<f64>() <= RETAINED;
        match fit || all <= 2 * (sizes.lower + sizes.upper) {
            true => Retain::All,
            false => Retain::Block,
        }
    }

    /// Whether most thetas so far take all factors.
    pub(crate) fn loses_digits(&self) -> bool {
        self.loses_digits.load(Ordering::Relaxed)
    }

    fn ranks(&self) -> &'a Ranks {
        self.trace.ranks()
    }

    fn has_gradients(&self) -> bool {
        let transposed = self.recipe.transposed.as_ref();
        transposed.is_some_and(|of| !of.terms.is_empty())
    }

    fn request<'b>(&'b self, terms: &'b [Term]) -> Request<'b> {
        Request {
            ranks: self.ranks(),
            sensitivity: self.trace.sensitivity(),
            right: &self.recipe.right,
            terms,
            starts: self.recipe.starts(),
        }
    }

    /// Whether an entry of the gradients is zero at every theta.
    fn is_zero(&self, entry: usize) -> bool {
        self.zeros
            .get_or_init(|| certified::zeros(self.trace, self.recipe))[entry]
    }
}

/// The start products of what a kernel has solved for a job, and its transposed solutions and gradients.
struct Finish<'a, S> {
    job: &'a Job<'a>,
    factors: Factors<'a, S>,
    adjoint: Option<&'a mut Adjoint<S>>,
    products: &'a mut Vec<S>,
}

impl<S: Lanes> Pass for Finish<'_, S> {
    #[inline(always)]
    fn run(self) {
        let (job, kernel) = (self.job, self.factors.kernel());
        let ranks = job.ranks();
        self.products.clear();
        let solutions = 0..job.recipe.right.len();
        self.products
            .extend(solutions.map(|k| kernel.start_product(ranks, k)));
        if let (Some(adjoint), Some(of)) = (self.adjoint, &job.recipe.transposed) {
            adjoint.run(job.request(&of.terms), self.factors);
        }
    }
}

/// A group's thetas, from the rates on.
struct Solve<'a, S> {
    job: &'a Job<'a>,
    thetas: ArrayView2<'a, f64>,
    group: &'a mut Group<S>,
}

impl<S: Lanes> Pass for Solve<'_, S> {
    #[inline(always)]
    fn run(self) {
        let (job, group) = (self.job, self.group);
        group.kernel.load(job.ranks(), self.thetas);
        group.kernel.run(&System {
            ranks: job.ranks(),
            right: &job.recipe.right,
            nonabsorbing: job.ranks().nonabsorbing(),
        });
        let finish = Finish {
            job,
            factors: match group.kernel.retain() {
                Retain::All => Factors::Retained(&group.kernel),
                Retain::Nothing | Retain::Block => Factors::OfOneBlock(&mut group.kernel),
            },
            adjoint: group.adjoint.as_mut(),
            products: &mut group.products,
        };
        finish.run();
    }
}

/// A way to more digits in a gradient.
#[derive(Clone, Copy)]
enum Again {
    /// From differences of solutions that are computed without subtraction.
    Differences,
    /// From solutions with twice the digits.
    Refined,
}

/// Gradients that are added up again.
struct AddUpAgain<'a, S> {
    how: Again,
    adjoint: &'a mut Adjoint<S>,
    of: Ingredients<'a, S>,
}

impl<S: Lanes> Pass for AddUpAgain<'_, S> {
    #[inline(always)]
    fn run(self) {
        match self.how {
            Again::Differences => self.adjoint.add_up_differences(self.of),
            Again::Refined => self.adjoint.add_up_refined(self.of),
        }
    }
}

/// Solutions of a job, one theta per lane.
pub(crate) struct Solved<'a, S> {
    job: &'a Job<'a>,
    kernel: &'a Kernel<S>,
    adjoint: Option<&'a mut Adjoint<S>>,
    /// The product of the start distribution with each solution.
    products: &'a [S],
}

impl<S: Lanes> Solved<'_, S> {
    /// Writes the lanes whose answers are good; those remain that need more digits.
    fn settle(&mut self, open: &mut Vec<(usize, &mut [f64])>) {
        open.retain_mut(|(lane, out)| !self.write(*lane, out));
    }

    /// The lanes whose gradients may have lost digits, and nothing else.
    fn inaccurate(&self, lane: usize) -> bool {
        self.job.has_gradients() && self.is_good(lane) && !self.is_accurate(lane)
    }

    /// Adds up gradients again where they may have lost digits, and writes those that have them now.
    ///
    /// Lanes that were accurate keep what they have: no answer depends on its neighbours.
    fn settle_again(&mut self, open: &mut Vec<(usize, &mut [f64])>) {
        // The cheaper way first: refinement takes some hundred operations per rate, differences as long as a few eliminations.
        for how in [Again::Refined, Again::Differences] {
            // Rows of vertices with an infinite waiting time are not solved, so they have no residual.
            let has_residuals = self.job.ranks().nonabsorbing().is_none();
            if (has_residuals || matches!(how, Again::Differences))
                && open.iter().any(|(lane, _)| self.inaccurate(*lane))
            {
                self.add_up_again(how);
                self.settle(open);
            }
        }
    }

    /// Adds up the gradients again.
    fn add_up_again(&mut self, how: Again) {
        let (job, kernel) = (self.job, self.kernel);
        if let (Some(adjoint), Some(of)) = (&mut self.adjoint, &job.recipe.transposed) {
            let of = job.request(&of.terms).of(kernel);
            on_widest(AddUpAgain { how, adjoint, of });
        }
    }

    /// Whether a lane's solutions are: no operation has left the range of `f64`.
    fn is_good(&self, lane: usize) -> bool {
        let in_range = |k: usize| self.kernel.is_in_range(k, lane);
        let starts = self.job.recipe.starts();
        self.kernel.is_safe(lane)
            && (!starts.is_empty() || self.job.ranks().start_is_safe())
            && starts.iter().all(|s| is_safe(s.as_slice()))
            && (0..self.job.recipe.right.len()).all(in_range)
    }

    /// Whether a lane's transposed solutions, or the gradients made of them, are good.
    fn is_accurate(&self, lane: usize) -> bool {
        match (&self.adjoint, &self.job.recipe.transposed) {
            (Some(adjoint), Some(of)) if of.terms.is_empty() => {
                // A flow is the source's share first, which must not underflow before the coefficient.
                adjoint.is_safe(lane) && self.job.trace.sensitivity().is_safe
            }
            (Some(adjoint), Some(of)) => {
                let ingredients = self.job.request(&of.terms).of(self.kernel);
                adjoint.is_accurate(&ingredients, lane, |entry| self.job.is_zero(entry))
            }
            _ => true,
        }
    }

    /// Writes a lane's answer, if it is a good one.
    fn write(&self, lane: usize, out: &mut [f64]) -> bool {
        let outputs = self.job.recipe.outputs(out);
        self.is_good(lane)
            && self.is_accurate(lane)
            && outputs
                .into_iter()
                .all(|(output, out)| self.put(output, lane, out))
    }

    /// Writes a part of a lane's answer; false if it needs more digits.
    fn put(&self, output: Output, lane: usize, out: &mut [f64]) -> bool {
        let (layout, ranks) = (self.job.trace.symbolic().layout(), self.job.ranks());
        let vertex = |rank: Rank| layout.vertex(ranks.transient(rank)).index();
        let product = |k: usize| self.products[k].lane(lane);
        match output {
            Output::StartProducts => {
                for (k, out) in out.iter_mut().enumerate() {
                    *out = product(k);
                }
            }
            Output::Variance => {
                let (first, second) = (product(0), product(1));
                out[0] = second - first * first;
                return !variance_is_doubtful(first, second);
            }
            Output::WaitingTimes => {
                for rank in ranks.all().iter() {
                    out[vertex(rank)] = match ranks.nonabsorbing() {
                        Some(marks) if marks[rank] => f64::INFINITY,
                        _ => self.kernel.solution(rank, 0).lane(lane),
                    };
                }
                out[0] = product(0);
            }
            Output::SojournTimes => {
                if let Some(adjoint) = &self.adjoint {
                    for rank in ranks.all().iter() {
                        out[vertex(rank)] = adjoint.solution(rank, 0).lane(lane);
                    }
                }
            }
            Output::Gradients => {
                if self.job.has_one_scale {
                    return self.put_scaled(lane, out);
                }
                if let Some(adjoint) = &self.adjoint {
                    for (entry, out) in out.iter_mut().enumerate() {
                        // An entry that is zero at every theta is never accurate, so its being zero was found.
                        let zeros = self.job.zeros.get();
                        *out = match zeros.is_some_and(|zeros| zeros[entry]) {
                            true => 0.0,
                            false => adjoint.gradient[entry].lane(lane),
                        };
                    }
                }
            }
        }
        true
    }

    /// Writes a lane's gradients as multiples of the values; false if one leaves the range of `f64`.
    fn put_scaled(&self, lane: usize, out: &mut [f64]) -> bool {
        let parameter = self.kernel.source(0).lane(lane);
        let is_chain = self.job.recipe.is_chain();
        for (k, out) in out.iter_mut().enumerate() {
            let order = if is_chain { k + 1 } else { 1 };
            let value = order as f64 * self.products[k].lane(lane);
            *out = if value == 0.0 {
                0.0
            } else {
                -(value / parameter)
            };
            if value != 0.0 && !out.is_normal() {
                return false;
            }
        }
        true
    }

    /// Answers for a lane that has not enough digits, without another elimination in `f64` where its solutions are good.
    fn answer_precisely(
        &self,
        lane: usize,
        theta: &[f64],
        out: &mut [f64],
    ) -> Result<(), NumericError> {
        let trace = self.job.trace;
        if !self.is_good(lane) {
            return Point::new(trace, theta)?.answer(self.job.recipe, out);
        }
        let nonabsorbing = trace.symbolic().layout().nonabsorbing();
        let precise = || {
            let symbolic = Arc::clone(trace.symbolic());
            Precise::new(symbolic, trace.graph(), theta, nonabsorbing)
        };
        for (output, out) in self.job.recipe.outputs(out) {
            match output {
                Output::StartProducts | Output::WaitingTimes => {
                    self.put(output, lane, out);
                }
                Output::Variance => out[0] = precise().variance(),
                Output::SojournTimes => precise().sojourn_times(out),
                Output::Gradients => Problem {
                    trace,
                    theta,
                    nonabsorbing,
                    recipe: self.job.recipe,
                }
                .answer(out)?,
            }
        }
        Ok(())
    }
}

/// Answers at a point with the factors it has, where they are of use to the job: it has solved for one right-hand side, of
/// ones. One theta is a group of one.
pub(crate) fn answer_at(point: &Point, job: &Job<'_>, out: &mut [f64]) -> Result<(), NumericError> {
    let serves = job.recipe.is_chain() && job.recipe.right.len() <= 1;
    let Some(kernel) = point.safe_kernel().filter(|_| serves) else {
        return point.answer(job.recipe, out);
    };
    let mut adjoint = new_adjoint(job);
    let mut products = Vec::new();
    on_widest(Finish {
        job,
        factors: Factors::Retained(kernel),
        adjoint: adjoint.as_mut(),
        products: &mut products,
    });
    let mut solved = Solved {
        job,
        kernel,
        adjoint: adjoint.as_mut(),
        products: &products,
    };
    let mut open = vec![(0, &mut *out)];
    solved.settle(&mut open);
    solved.settle_again(&mut open);
    for (lane, out) in open {
        match solved.is_good(lane) {
            true => solved.answer_precisely(lane, point.theta(), out)?,
            false => point.answer(job.recipe, out)?,
        }
    }
    Ok(())
}

/// Whether weights are far enough from the end of the range of `f64`.
fn is_safe(weights: &[f64]) -> bool {
    weights.iter().all(|&w| w == 0.0 || w > 1e-90)
}

fn new_adjoint<S: Lanes>(job: &Job<'_>) -> Option<Adjoint<S>> {
    let transposed = job.recipe.transposed.as_ref();
    let transposed = transposed.filter(|_| !job.has_one_scale);
    let sensitivity = job.trace.sensitivity();
    transposed.map(|of| Adjoint::new(job.ranks(), sensitivity, of.solves, of.gradients))
}

/// A row of a batch, and where its answer goes.
pub(crate) type Row<'o> = (usize, &'o mut [f64]);

/// The workspace of a group of lanes on its thread.
pub(crate) struct Group<S> {
    kernel: Kernel<S>,
    adjoint: Option<Adjoint<S>>,
    products: Vec<S>,
}

impl<S: Lanes> Group<S> {
    pub(crate) fn new(job: &Job<'_>, retain: Retain) -> Self {
        let recipe = job.recipe;
        Self {
            kernel: Kernel::new(job.ranks(), recipe.right.len(), retain),
            adjoint: new_adjoint(job),
            products: Vec::new(),
        }
    }

    /// Answers up to as many thetas as there are lanes, of the rows of a batch that `rows` says.
    ///
    /// Rows whose gradients need more digits are handed back where that takes factors that are not retained. With `may_wait` they are
    /// handed back also if they are few, so that the caller can put them side by side: what is done for one lane of a group is
    /// done for all of them.
    pub(crate) fn answer<'o>(
        &mut self,
        job: &Job<'_>,
        thetas: ArrayView2<'_, f64>,
        rows: Vec<Row<'o>>,
        may_wait: bool,
    ) -> Result<Vec<Row<'o>>, NumericError> {
        let (numbers, outs): (Vec<usize>, Vec<_>) = rows.into_iter().unzip();
        let mut open: Vec<(usize, &'o mut [f64])> = outs.into_iter().enumerate().collect();
        on_widest(Solve {
            job,
            thetas,
            group: self,
        });
        let mut solved = Solved {
            job,
            kernel: &self.kernel,
            adjoint: self.adjoint.as_mut(),
            products: &self.products,
        };
        solved.settle(&mut open);
        let mut waiting = Vec::new();
        let inaccurate = open.iter().filter(|(lane, _)| solved.inaccurate(*lane));
        let are_few = 2 * inaccurate.count() <= numbers.len();
        if !are_few {
            job.loses_digits.store(true, Ordering::Relaxed);
        }
        if solved.kernel.retain() != Retain::All || may_wait && are_few {
            let (wait, rest) = open
                .into_iter()
                .partition(|(lane, _)| solved.inaccurate(*lane));
            open = rest;
            let wait: Vec<(usize, &'o mut [f64])> = wait;
            waiting.extend(wait.into_iter().map(|(lane, out)| (numbers[lane], out)));
        }
        solved.settle_again(&mut open);
        for (lane, out) in open {
            let theta = thetas.row(lane).to_vec();
            let answered = solved.answer_precisely(lane, &theta, out);
            answered.map_err(|source| NumericError::ThetaRow {
                row: numbers[lane],
                source: Box::new(source),
            })?;
        }
        Ok(waiting)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::{Again, Group, Job, Solve, Solved};
    use crate::phase::evaluate::certified::Problem;
    use crate::phase::evaluate::quantity::Quantity;
    use crate::phase::numeric::kernel::Retain;
    use crate::phase::numeric::lanes::{Lanes, Wide, on_widest};
    use crate::phase::{EliminationTrace, Graph, models};

    /// The gradients of the first two moments by refinement, whether their bounds allow them, and the certified ones.
    fn refined(graph: &Graph, theta: &[f64]) -> (Vec<f64>, bool, Vec<f64>) {
        let trace = EliminationTrace::record(graph);
        let quantity = Quantity::MomentsAndGradients(2);
        let recipe = quantity.recipe(graph, trace.symbolic().layout()).unwrap();
        let job = Job::new(&trace, &recipe);
        let mut group = Group::<f64>::new(&job, Retain::All);
        let thetas = Array2::from_shape_vec((1, theta.len()), theta.to_vec()).unwrap();
        on_widest(Solve {
            job: &job,
            thetas: thetas.view(),
            group: &mut group,
        });
        let mut solved = Solved {
            job: &job,
            kernel: &group.kernel,
            adjoint: group.adjoint.as_mut(),
            products: &group.products,
        };
        solved.add_up_again(Again::Refined);
        let is_accurate = solved.is_accurate(0);
        let found = group.adjoint.unwrap().gradient;
        let mut expected = vec![0.0; found.len()];
        let problem = Problem {
            trace: &trace,
            theta,
            nonabsorbing: None,
            recipe: &recipe,
        };
        problem.answer(&mut expected).unwrap();
        (found, is_accurate, expected)
    }

    /// The bits of gradients that are added up plainly, with these factors retained.
    fn bits(trace: &EliminationTrace, retain: Retain) -> Vec<u64> {
        let quantity = Quantity::MomentsAndGradients(2);
        let recipe = quantity.recipe(trace.graph(), trace.symbolic().layout());
        let recipe = recipe.unwrap();
        let job = Job::new(trace, &recipe);
        let thetas = Array2::from_shape_fn((8, trace.param_length()), |(row, k)| {
            0.4 + 0.3 * row as f64 + 0.17 * k as f64
        });
        let mut group = Group::<Wide<8>>::new(&job, retain);
        on_widest(Solve {
            job: &job,
            thetas: thetas.view(),
            group: &mut group,
        });
        let gradient = group.adjoint.unwrap().gradient;
        let lanes = gradient
            .iter()
            .flat_map(|entry| (0..8).map(|lane| entry.lane(lane).to_bits()));
        lanes.collect()
    }

    #[test]
    fn blocks_that_are_eliminated_again_give_the_bits_of_retained_factors() {
        for graph in [
            models::islands_sfs(7),
            models::two_locus_arg_sfs(4),
            models::block_chain(6, 9, 3, 2, 5),
            // Long rows go by panels.
            models::block_chain(2, 40, 30, 2, 5),
        ] {
            let trace = EliminationTrace::record(&graph.unwrap());
            let retained = bits(&trace, Retain::All);
            assert!(retained.iter().all(|&x| f64::from_bits(x).is_normal()));
            assert_eq!(bits(&trace, Retain::Block), retained);
        }
    }

    #[test]
    fn refined_gradients_are_those_that_are_certified() {
        for (graph, theta) in [
            (models::random_block(300, 4, 1), vec![1.1, 0.7]),
            (
                models::dense(40, 3),
                vec![0.3; models::dense(40, 3).unwrap().param_length()],
            ),
            (models::islands_sfs(6), vec![1.0, 0.9, 1e-3]),
            (models::grid_walk(12, 12), vec![1.0, 1.2, 0.9]),
            (models::birth_death(60), vec![1.0, 1.1]),
            (models::block_chain(12, 10, 3, 4, 2), vec![0.9, 1.3]),
            (models::two_locus_arg_sfs(4), vec![0.7, 1.9]),
            // Visits to the far end are rarer than the smallest number.
            (models::birth_death(900), vec![0.3, 1.1]),
        ] {
            let graph = graph.unwrap();
            let theta = theta.iter().copied().cycle();
            let theta: Vec<f64> = theta.take(graph.param_length()).collect();
            let (found, is_accurate, expected) = refined(&graph, &theta);
            assert!(is_accurate, "{found:?}");
            for (found, expected) in found.iter().zip(&expected) {
                let error = ((found - expected) / expected).abs();
                assert!(error <= 1e-15, "{found:e}, {expected:e}: {error:e}");
            }
        }
    }

    #[test]
    fn gradients_of_models_with_one_scale_are_multiples_of_their_values() {
        for graph in [models::coalescent_sfs(6), models::kingman(9)] {
            let graph = graph.unwrap();
            let trace = EliminationTrace::record(&graph);
            assert!(trace.ranks().have_one_scale());
            let theta = [0.37];
            let recipe = Quantity::MomentsAndGradients(3)
                .recipe(&graph, trace.symbolic().layout())
                .unwrap();
            let problem = Problem {
                trace: &trace,
                theta: &theta,
                nonabsorbing: None,
                recipe: &recipe,
            };
            let mut expected = vec![0.0; 3];
            problem.answer(&mut expected).unwrap();
            let thetas = Array2::from_elem((11, 1), theta[0]);
            let batch = trace.batch();
            let (_, found) = batch.moments_and_gradients(thetas.view(), 3).unwrap();
            for row in found.outer_iter() {
                for (found, expected) in row.iter().zip(&expected) {
                    let error = ((found - expected) / expected).abs();
                    assert!(error <= 1e-14, "{found:e}, {expected:e}: {error:e}");
                }
            }
            // The expected reward for a reward of 2 everywhere is twice the mean.
            let rewards = Array2::from_elem((1, graph.vertex_count()), 2.0);
            let of_rewards = batch.expected_rewards_and_gradients(thetas.view(), rewards.view());
            let (_, of_rewards) = of_rewards.unwrap();
            assert!((of_rewards[[10, 0, 0]] / (2.0 * expected[0]) - 1.0).abs() <= 1e-14);
        }
        let islands = EliminationTrace::record(&models::islands(3).unwrap());
        assert!(!islands.ranks().have_one_scale());
    }

    #[test]
    fn refined_gradients_of_stiff_chains_are_not_trusted() {
        // The differences of solutions are 1e-60 of the solutions.
        let (_, is_accurate, _) = refined(&models::birth_death(150).unwrap(), &[3.0, 1.0]);
        assert!(!is_accurate);
    }
}
