//! Elimination and solves at a theta, or at lanes of thetas side by side.
//!
//! Start reading at [`factor`], which is the algorithm in its plainest form. [`kernel`] has the same bits faster: its
//! workspace, [`eliminate`] with [`panel`] or [`rows`], and [`solve`] do the same work in lanes, by panels or row by row, and the test
//! `panels_have_the_bits_of_plain_elimination` holds the two together. [`rates`] and [`sources`] turn theta into rates,
//! [`ranks`] puts them in the order in which the kernel reads them. [`precise`] is for where `f64` ends. Gradients start at
//! [`adjoint`].
//!
//! # The method
//!
//! Grassmann, Taksar and Heyman (1985, *Regenerative analysis and steady state distributions for Markov chains*)
//! eliminate states without a single subtraction. Take the block's vertices in the order of elimination. w(p, u) are the
//! internal rates, exit(p) the total rate out of the block. For each p, with v running over the earlier vertices that p
//! leads to:
//!
//! ```text
//! w(p, u)  += w(p, v) f(v, u)       u later than v, other than p
//! exit(p)  += w(p, v) e(v)
//! d(p)      = exit(p) + sum of w(p, u), u later than p
//! f(p, u)   = w(p, u) / d(p)        e(p) = exit(p) / d(p)
//! ```
//!
//! After p, f(p, u) is the probability that the chain, started in p, enters u before any other vertex later than p, and
//! e(p) that it leaves the block before all of them: the jumps back to p itself need not be followed, they only repeat.
//! The textbook pivot 1 - (probability of return) is a difference of nearly equal numbers when return is likely; d(p) is
//! the same quantity as a sum of what does not return. Sums and products of nonnegative numbers keep their relative
//! accuracy, so every entry is right to a few units in the last place however stiff the chain is (O'Cinneide 1993,
//! *Entrywise perturbation theory and error analysis for Markov chains*).
//!
//! A solve of A x = r is then a forward and a backward substitution with the same entries:
//!
//! ```text
//! y(p) = (r(p) + sum of w(p, v) y(v), v earlier than p) / d(p)
//! x(p) = y(p) + sum of f(p, u) x(u), u later than p
//! ```
//!
//! Singleton blocks have no entries: their factor is one over the rate out of them. Edges between blocks are not
//! eliminated; they enter the right-hand sides of earlier blocks when the later ones are solved.

pub(crate) mod adjoint;
pub(crate) mod big;
pub(crate) mod differences;
pub(crate) mod eliminate;
pub(crate) mod error;
pub(crate) mod extended;
pub(crate) mod factor;
pub(crate) mod flows;
pub(crate) mod kernel;
pub(crate) mod lanes;
pub(crate) mod panel;
pub(crate) mod precise;
pub(crate) mod ranks;
pub(crate) mod rates;
pub(crate) mod refine;
pub(crate) mod residue;
mod rows;
pub(crate) mod sensitivity;
pub(crate) mod solve;
pub(crate) mod sources;
pub(crate) mod terms;
pub(crate) mod twofold;
