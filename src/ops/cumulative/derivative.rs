//! Derivatives of running reductions.
//!
//! Sums are linear. The others are computed again as a parallel prefix scan (Blelloch 1990) over pairs of a value and its
//! tangent, whose tree is that of JAX's `associative_scan`: it decides how ties share a tangent. No quotients are taken,
//! so zeros in a product cost nothing.

use smallvec::smallvec;

use crate::array::Shape;
use crate::error::Error;
use crate::ops::derivative::{all_zero, linear_jvp, linear_transpose, not_linear};
use crate::ops::elementwise::share_of;
use crate::ops::rule::{Derivative, LinearInput, Outputs, Tangents};
use crate::program::{
    Atom, BinaryOp, Concatenate, Cumulative, CumulativeOp, Pad, PadAxis, Rev, Slice, StopGradient,
    UnaryOp,
};

impl Derivative for Cumulative {
    fn jvp(
        &self,
        cx: &mut dyn Tangents,
        primals: &[Atom],
        _results: &[Atom],
        tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        let Some(tangent) = tangents[0] else {
            return Ok(all_zero(1));
        };
        if self.kind == CumulativeOp::Sum {
            return linear_jvp(cx, self.clone(), tangents);
        }
        let mut pair = Dual {
            value: primals[0],
            tangent,
        };
        if self.reverse {
            pair = pair.each(|atom| reversed(cx, atom, self.axis))?;
        }
        let mut tangent = prefix_scan(cx, self, pair)?.tangent;
        if self.reverse {
            tangent = reversed(cx, tangent, self.axis)?;
        }
        Ok(smallvec![Some(tangent)])
    }

    fn transpose(
        &self,
        cx: &mut dyn Tangents,
        cotangents: &[Option<Atom>],
        inputs: &[LinearInput],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        if self.kind != CumulativeOp::Sum {
            return not_linear(cx, self.clone(), inputs);
        }
        linear_transpose(cx, cotangents, inputs, |cx, ct, _| {
            let back = Cumulative {
                reverse: !self.reverse,
                ..self.clone()
            };
            cx.emit1(back, smallvec![ct])
        })
    }
}

/// A value and its tangent.
#[derive(Clone, Copy)]
struct Dual {
    value: Atom,
    tangent: Atom,
}

impl Dual {
    fn each(self, mut f: impl FnMut(Atom) -> Result<Atom, Error>) -> Result<Dual, Error> {
        Ok(Dual {
            value: f(self.value)?,
            tangent: f(self.tangent)?,
        })
    }
}

fn reversed(cx: &mut dyn Tangents, atom: Atom, axis: usize) -> Result<Atom, Error> {
    let dims = smallvec![axis];
    cx.emit1(Rev { dims }, smallvec![atom])
}

/// Every `step`-th element along an axis, from `from` on and before `to`.
fn taken(
    cx: &mut dyn Tangents,
    atom: Atom,
    axis: usize,
    (from, to, step): (usize, usize, usize),
) -> Result<Atom, Error> {
    let mut limit = cx.shape(atom);
    let mut start: Shape = smallvec![0; limit.len()];
    let mut strides: Shape = smallvec![1; limit.len()];
    (start[axis], limit[axis], strides[axis]) = (from, to, step);
    let op = Slice {
        start,
        limit,
        strides,
    };
    cx.emit1(op, smallvec![atom])
}

/// `x` and `y` combined, element by element.
fn combine(cx: &mut dyn Tangents, kind: CumulativeOp, x: Dual, y: Dual) -> Result<Dual, Error> {
    let (value, weights) = match kind {
        CumulativeOp::Sum => {
            let value = cx.add(x.value, y.value)?;
            let tangent = cx.add(x.tangent, y.tangent)?;
            return Ok(Dual { value, tangent });
        }
        CumulativeOp::Prod => (cx.mul(x.value, y.value)?, [y.value, x.value]),
        CumulativeOp::Max | CumulativeOp::Min => {
            let op = match kind {
                CumulativeOp::Max => BinaryOp::Max,
                _ => BinaryOp::Min,
            };
            let value = cx.binary(op, x.value, y.value)?;
            let left = share_of(cx, x.value, value, y.value)?;
            (value, [left, share_of(cx, y.value, value, x.value)?])
        }
        CumulativeOp::LogSumExp => {
            let value = log_add_exp(cx, x.value, y.value)?;
            let left = exp_of_difference(cx, x.value, value)?;
            (value, [left, exp_of_difference(cx, y.value, value)?])
        }
    };
    let left = cx.mul(x.tangent, weights[0])?;
    let right = cx.mul(y.tangent, weights[1])?;
    let tangent = cx.add(left, right)?;
    Ok(Dual { value, tangent })
}

/// `log(exp(x) + exp(y))`, smooth in all its derivatives where both are finite: what is taken out of the sum is a constant to
/// them, so ties have no kink.
fn log_add_exp(cx: &mut dyn Tangents, x: Atom, y: Atom) -> Result<Atom, Error> {
    let distance = cx.sub(x, y)?;
    let finite = cx.unary(UnaryOp::IsFinite, distance)?;
    let zero = cx.number(x, 0.0);
    let (left, right) = (cx.select(finite, x, zero)?, cx.select(finite, y, zero)?);
    let top = cx.binary(BinaryOp::Max, left, right)?;
    let top = cx.emit1(StopGradient, smallvec![top])?;
    let mut power = |atom| {
        let below = cx.sub(atom, top)?;
        cx.unary(UnaryOp::Exp, below)
    };
    let (left, right) = (power(left)?, power(right)?);
    let sum = cx.add(left, right)?;
    let log = cx.unary(UnaryOp::Log, sum)?;
    let smooth = cx.add(top, log)?;
    let infinite = of_infinities(cx, x, y, distance)?;
    cx.select(finite, smooth, infinite)
}

/// The same where a number is infinite or NaN.
fn of_infinities(cx: &mut dyn Tangents, x: Atom, y: Atom, distance: Atom) -> Result<Atom, Error> {
    let top = cx.binary(BinaryOp::Max, x, y)?;
    let size = cx.unary(UnaryOp::Abs, distance)?;
    let negated = cx.neg(size)?;
    let power = cx.unary(UnaryOp::Exp, negated)?;
    let rest = cx.unary(UnaryOp::Log1p, power)?;
    let sum = cx.add(top, rest)?;
    // Infinities of one sign have no distance and are their own sum.
    let undefined = cx.binary(BinaryOp::Ne, distance, distance)?;
    let plain = cx.add(x, y)?;
    cx.select(undefined, plain, sum)
}

/// `exp(x - z)` with zeros in the place of infinities.
fn exp_of_difference(cx: &mut dyn Tangents, x: Atom, z: Atom) -> Result<Atom, Error> {
    let (x, z) = (finite(cx, x)?, finite(cx, z)?);
    let difference = cx.sub(x, z)?;
    cx.unary(UnaryOp::Exp, difference)
}

fn finite(cx: &mut dyn Tangents, x: Atom) -> Result<Atom, Error> {
    let (infinity, zero) = (cx.number(x, f64::INFINITY), cx.number(x, 0.0));
    let infinite = cx.binary(BinaryOp::Eq, x, infinity)?;
    cx.select(infinite, zero, x)
}

/// All prefixes combined: neighbours are combined in pairs, their prefixes are those that end at odd positions, and the
/// ones between need one element more.
fn prefix_scan(cx: &mut dyn Tangents, op: &Cumulative, pair: Dual) -> Result<Dual, Error> {
    let (kind, axis) = (op.kind, op.axis);
    let n = cx.shape(pair.value)[axis];
    if n < 2 {
        return Ok(pair);
    }
    let first = pair.each(|a| taken(cx, a, axis, (0, n - 1, 2)))?;
    let second = pair.each(|a| taken(cx, a, axis, (1, n, 2)))?;
    let neighbours = combine(cx, kind, first, second)?;
    let odd = prefix_scan(cx, op, neighbours)?;
    let start = pair.each(|a| taken(cx, a, axis, (0, 1, 1)))?;
    let even = if n == 2 {
        start
    } else {
        let before = odd.each(|a| {
            let count = cx.shape(a)[axis] - usize::from(n % 2 == 0);
            taken(cx, a, axis, (0, count, 1))
        })?;
        let next = pair.each(|a| taken(cx, a, axis, (2, n, 2)))?;
        let rest = combine(cx, kind, before, next)?;
        let dimension = axis;
        let joined =
            |cx: &mut dyn Tangents, a, b| cx.emit1(Concatenate { dimension }, smallvec![a, b]);
        Dual {
            value: joined(cx, start.value, rest.value)?,
            tangent: joined(cx, start.tangent, rest.tangent)?,
        }
    };
    Ok(Dual {
        value: interleaved(cx, axis, even.value, odd.value)?,
        tangent: interleaved(cx, axis, even.tangent, odd.tangent)?,
    })
}

/// Elements of `even` and `odd` in turns: each is spread out with zeros, and the two are added.
fn interleaved(cx: &mut dyn Tangents, axis: usize, even: Atom, odd: Atom) -> Result<Atom, Error> {
    let counts = [even, odd].map(|a| cx.shape(a)[axis]);
    let longer = counts[0] > counts[1];
    let mut spread = |atom, low, high| {
        let mut config = smallvec![PadAxis::default(); cx.rank(atom)];
        config[axis] = PadAxis {
            low,
            high,
            interior: 1,
        };
        let zero = cx.number(atom, 0.0);
        cx.emit1(Pad { config }, smallvec![atom, zero])
    };
    let even = spread(even, 0, i64::from(!longer))?;
    let odd = spread(odd, 1, i64::from(longer))?;
    cx.add(even, odd)
}
