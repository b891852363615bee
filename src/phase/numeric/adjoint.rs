//! Gradients by the adjoint: one transposed solve with the same factors per moment.
//!
//! With A x_j = j x_{j-1} and x_0 = 1, the k-th moment is alpha x_k. Let A' y_1 = alpha and A' y_{i+1} = y_i. Then
//!
//! ```text
//! d m_k = - sum over j = 1..k of (k! / j!) y_{k-j+1}' (dA) x_j
//!       = - sum over edges v -> u of dw(v, u) * sum over j of (k! / j!) y_{k-j+1}(v) (x_j(v) - x_j(u))
//! ```
//!
//! because dA has the row sums of the derivatives of the rates on its diagonal and their negatives beside it; x is 0 at
//! absorbing vertices. y_1 is the expected time spent in each vertex, so it is also the gradient with respect to rewards.
//!
//! # Accuracy
//!
//! x and y are sums of products of nonnegative numbers and accurate entry by entry; the differences x(v) - x(u) are not.
//! So the sum is accompanied by the sum of the terms' magnitudes, and by that of what they would be with x(v) + x(u) in
//! place of the difference. Where the latter is not much larger than the gradient's entry, the differences have lost
//! little, and the gradient stands.
//!
//! Elsewhere one step of iterative refinement follows: the residual of A x = r is a sum of rates times differences, so it
//! is known to a rounding of the *differences*, and one more solve turns it into a correction of each x, which
//! is kept apart and enters the differences only ([`corrects`](crate::phase::numeric::kernel::RightHandSide::corrects)). The refined differences
//! are not good to the last digit on any chain: a correction is itself rounded, and so is the residual. So they are
//! given a share [`DOUBT`] of the sum above, and the corrections themselves. Where that exceeds the gradient's entry by more
//! than [`CANCELLATION`], the lane is flagged, and the gradient is computed again with 106 bits. The constants are set by
//! measurement against exact rationals, on chains of growing stiffness.

use crate::phase::index::{Index, Position, Rank};
use crate::phase::numeric::extended::Range;
use crate::phase::numeric::kernel::{Diagonal, Kernel};
use crate::phase::numeric::lanes::Lanes;
use crate::phase::numeric::ranks::{Ranks, Rate};
use crate::phase::numeric::sources::Derivatives;
use crate::phase::symbolic::layout::Target;

/// How much larger than a gradient's entry the sum of its magnitudes may be.
pub(crate) const CANCELLATION: f64 = 4096.0;

/// How much a cancellation counts that the refinement has to make up for.
const DOUBT: f64 = 1.0 / 128.0;

/// The same without a refinement.
const DOUBT_UNREFINED: f64 = 0.5;

/// Transposed solutions and gradients of a group of lanes.
pub(crate) struct Adjoint<S> {
    count: usize,
    /// Solution i of rank r is `y[r * count + i]`.
    pub y: Vec<S>,
    /// By output and parameter.
    pub gradient: Vec<S>,
    magnitude: Vec<S>,
    least: S,
    largest: S,
}

/// An output's gradient is the sum of `factor * y_i' (-dA) x_j` over its terms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Term {
    pub output: usize,
    /// Which transposed solution.
    pub y: usize,
    /// Which column.
    pub x: usize,
    pub factor: f64,
}

/// The terms of the first moments.
pub(crate) fn moment_terms(order: usize) -> Vec<Term> {
    let mut terms = Vec::new();
    for k in 1..=order {
        // k! / j! from j = k downwards.
        let mut factor = 1.0;
        for j in (1..=k).rev() {
            terms.push(Term {
                output: k - 1,
                y: k - j,
                x: j - 1,
                factor,
            });
            factor *= j as f64;
        }
    }
    terms
}

impl<S: Lanes> Adjoint<S> {
    pub(crate) fn new(ranks: &Ranks, count: usize, outputs: usize) -> Self {
        let zeros = |count: usize| vec![S::ZERO; count];
        let gradient = outputs * ranks.sources().parameters();
        Self {
            count,
            y: zeros(ranks.all().len() * count),
            gradient: zeros(gradient),
            magnitude: zeros(gradient),
            least: S::ZERO,
            largest: S::ZERO,
        }
    }

    /// Transposed solution i of a vertex.
    #[inline(always)]
    pub(crate) fn solution(&self, rank: Rank, i: usize) -> S {
        self.y[rank.index() * self.count + i]
    }

    #[inline(always)]
    fn add(&mut self, rank: Rank, i: usize, value: S) {
        let y = &mut self.y[rank.index() * self.count + i];
        *y = y.add(value);
    }

    /// Solves the transposed systems, after a run of the kernel that retained its factors.
    #[inline(always)]
    pub(crate) fn run(&mut self, ranks: &Ranks, kernel: &Kernel<S>) {
        self.y.fill(S::ZERO);
        self.least = S::INFINITY;
        self.largest = S::ZERO;
        for &(rank, probability) in ranks.start() {
            self.add(rank, 0, S::splat(probability));
        }
        for block in ranks.symbolic().layout().blocks() {
            let members = ranks.block(block);
            for i in 0..self.count {
                if i > 0 {
                    for rank in members.iter() {
                        self.add(rank, i, self.solution(rank, i - 1));
                    }
                }
                self.solve(&kernel.diagonal(ranks, block), kernel, i);
            }
            for rank in members.iter() {
                for (later, rate) in ranks.later(rank) {
                    let rate = kernel.rate(rate);
                    for i in 0..self.count {
                        let value = self.solution(rank, i);
                        let y = &mut self.y[later.index() * self.count + i];
                        *y = y.plus(rate, value);
                    }
                }
            }
        }
    }

    /// Adds up the gradients; refined ones take the corrections, which follow the solutions.
    #[inline(always)]
    pub(crate) fn add_up(
        &mut self,
        ranks: &Ranks,
        kernel: &Kernel<S>,
        terms: &[Term],
        refined: bool,
    ) {
        self.gradient.fill(S::ZERO);
        self.magnitude.fill(S::ZERO);
        if terms.is_empty() {
            return;
        }
        for block in ranks.symbolic().layout().blocks() {
            let members = ranks.block(block);
            for rank in members.iter() {
                let edges = Edges {
                    ranks,
                    kernel,
                    rank,
                    terms,
                    refined,
                };
                self.edges(&edges, members.start);
            }
        }
    }

    /// Replaces the flow into a block by the transposed solution.
    #[inline(always)]
    fn solve(&mut self, diagonal: &Diagonal<'_>, kernel: &Kernel<S>, i: usize) {
        let count = self.count;
        let mut store = |y: &mut S, value: S| {
            self.least = self.least.min_nonzero(value);
            self.largest = self.largest.max(value);
            *y = value;
        };
        let factors = &kernel.factors;
        let view = match diagonal {
            &Diagonal::Singleton { rank, pivot } => {
                let y = &mut self.y[rank.index() * count + i];
                let value = y.mul(factors.inverse[pivot]);
                store(y, value);
                return;
            }
            Diagonal::Block(view) => view,
        };
        let y = &mut self.y[view.ranks.start.index() * count..view.ranks.end.index() * count];
        let at = |p: Position| p.index() * count + i;
        let inverse = &factors.inverse[view.place.pivots..];
        for p in view.positions() {
            let value = y[at(p)];
            let probabilities = &factors.upper[view.place.upper..][view.trace.upper.range(p)];
            for (&probability, &u) in probabilities.iter().zip(view.trace.upper.row(p)) {
                let y = &mut y[at(u)];
                *y = y.plus(probability, value);
            }
        }
        for p in view.positions().rev() {
            let flow = y[at(p)];
            store(&mut y[at(p)], flow);
            let value = flow.mul(inverse[p.index()]);
            store(&mut y[at(p)], value);
            let weights = &factors.lower[view.place.lower..][view.trace.lower.range(p)];
            for (&weight, &v) in weights.iter().zip(view.trace.lower.row(p)) {
                let y = &mut y[at(v)];
                *y = y.plus(weight, value);
            }
        }
    }

    /// Adds the share that the edges of a row have in the gradients.
    #[inline(always)]
    fn edges(&mut self, edges: &Edges<'_, S>, first: Rank) {
        edges.ranks.targets(edges.rank).for_each(
            #[inline(always)]
            |(target, rate)| {
                let target = match target {
                    Target::Own(p) => Some(first.plus(p.index())),
                    Target::Later(later) => Some(later),
                    Target::Absorbing => None,
                };
                self.slot(edges, rate, target);
            },
        );
    }

    #[inline(always)]
    fn slot(&mut self, edges: &Edges<'_, S>, rate: &Rate, target: Option<Rank>) {
        match edges.ranks.sources().derivatives(rate.source) {
            Derivatives::None => {}
            Derivatives::Parameter(parameter) => {
                self.edge(edges, target, parameter, rate.coefficient);
            }
            Derivatives::General(terms) => {
                for &(parameter, coefficient) in terms {
                    self.edge(edges, target, parameter as usize, coefficient);
                }
            }
        }
    }

    #[inline(always)]
    fn edge(
        &mut self,
        edges: &Edges<'_, S>,
        target: Option<Rank>,
        parameter: usize,
        coefficient: f64,
    ) {
        let Edges { kernel, rank, .. } = *edges;
        let parameters = edges.ranks.sources().parameters();
        let columns = kernel.columns();
        let of = |rank: Option<Rank>, k: usize| match rank {
            Some(rank) => kernel.solution(rank, k),
            None => S::ZERO,
        };
        for term in edges.terms {
            let weight = S::splat(term.factor * coefficient).mul(self.solution(rank, term.y));
            let (here, there) = (of(Some(rank), term.x), of(target, term.x));
            let mut difference = here.sub(there);
            let unsure = if edges.refined {
                let correction = of(Some(rank), columns / 2 + term.x);
                let other = of(target, columns / 2 + term.x);
                difference = difference.add(correction.sub(other));
                let corrected = correction.abs().add(other.abs());
                corrected.plus(S::splat(DOUBT), here.add(there))
            } else {
                S::splat(DOUBT_UNREFINED).mul(here.add(there))
            };
            let share = weight.mul(difference);
            let at = term.output * parameters + parameter;
            self.gradient[at] = self.gradient[at].sub(share);
            self.magnitude[at] = self.magnitude[at]
                .add(share.abs())
                .plus(weight.abs(), unsure);
        }
    }

    /// Whether a lane's solutions are safe.
    pub(crate) fn is_safe(&self, lane: usize) -> bool {
        let limit = Range::LIMIT;
        self.least.lane(lane) >= 1.0 / limit && self.largest.lane(lane) <= limit
    }

    /// Whether a lane's gradients have enough digits.
    pub(crate) fn is_accurate(&self, lane: usize) -> bool {
        self.gradient
            .iter()
            .zip(&self.magnitude)
            .all(|(gradient, magnitude)| {
                let magnitude = magnitude.lane(lane);
                magnitude <= CANCELLATION * gradient.lane(lane).abs() && magnitude <= f64::MAX
            })
    }
}

/// The edges of one row, and what their share is made of.
struct Edges<'a, S> {
    ranks: &'a Ranks,
    kernel: &'a Kernel<S>,
    rank: Rank,
    terms: &'a [Term],
    refined: bool,
}
