//! What gradients are sums of: terms of solutions and transposed solutions, by source.

use std::ops::Deref;
use std::sync::Arc;

use crate::phase::index::{IndexVec, Transient};
use crate::phase::numeric::flows::RightHandSide;
use crate::phase::numeric::kernel::Kernel;
use crate::phase::numeric::lanes::Lanes;
use crate::phase::numeric::ranks::Ranks;
use crate::phase::numeric::sensitivity::{Sensitivity, Units};

/// Sums over edges by source and output, and their bounds.
pub(crate) struct Sums<S> {
    pub outputs: usize,
    pub values: Vec<S>,
    pub bounds: Vec<S>,
    /// How much the error of a product counts beside that of a difference.
    pub products: S,
}

impl<S: Lanes> Sums<S> {
    /// Adds the share of a row: `factor * y * D` for each term.
    #[inline(always)]
    pub(crate) fn add(
        &mut self,
        sum: u32,
        terms: &[Term],
        y: &[S],
        values: impl Fn(usize) -> S,
        bounds: impl Fn(usize) -> S,
    ) {
        let first = sum as usize * self.outputs;
        for term in terms {
            let mut weight = y[term.y];
            if term.factor != 1.0 {
                weight = weight.mul(S::splat(term.factor));
            }
            let (value, bound) = (values(term.x), bounds(term.x));
            let bound = bound.plus(self.products, value.abs());
            let at = first + term.output;
            self.values[at] = self.values[at].plus(weight, value);
            self.bounds[at] = self.bounds[at].plus(weight.abs(), bound);
        }
    }

    /// Begins anew; what one of the bounds stands for, in units of 2^-53.
    pub(crate) fn clear(&mut self, units: Units) -> f64 {
        self.values.fill(S::ZERO);
        self.bounds.fill(S::ZERO);
        self.products = S::splat(units.product / units.difference);
        units.difference
    }
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
///
/// From the 171st on their factors are infinite; the gradients are not accurate then, and are left to numbers without
/// bounds.
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

/// What a gradient is made of, beside the solutions.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub ranks: &'a Ranks,
    pub sensitivity: &'a Sensitivity,
    pub right: &'a [RightHandSide],
    pub terms: &'a [Term],
    /// What transposed solutions start from, where that is not the model's start distribution.
    pub starts: &'a [Start],
}

impl<'a> Request<'a> {
    /// With what a kernel has solved.
    #[inline(always)]
    pub(crate) fn of<S>(self, kernel: &'a Kernel<S>) -> Ingredients<'a, S> {
        Ingredients {
            request: self,
            kernel,
        }
    }
}

/// What a gradient is made of: the request, whose fields it has too, and the solutions.
#[derive(Clone, Copy)]
pub(crate) struct Ingredients<'a, S> {
    request: Request<'a>,
    pub kernel: &'a Kernel<S>,
}

impl<'a, S> Deref for Ingredients<'a, S> {
    type Target = Request<'a>;

    #[inline(always)]
    fn deref(&self) -> &Request<'a> {
        &self.request
    }
}

/// Weights at least 0 by transient vertex.
pub(crate) type Start = Arc<IndexVec<Transient, f64>>;
