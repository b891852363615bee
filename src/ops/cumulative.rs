//! Running reductions along an axis: sums, products, extremes, and sums in log space.

mod derivative;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use ndarray::{ArcArray, IxDyn};
use smallvec::smallvec;

use crate::array::{
    Array, DType, Data, Element, TensorType, dispatch_kernel, owned, without_kernels,
};
use crate::error::{Error, OpErrorKind, ParseError};
use crate::ops::elementwise::elements;
use crate::ops::math::{Arith, Float, Number};
use crate::ops::rule::{
    Batched, DataRules, Emit, Outputs, Rules, expect_operands, past, unary_batch,
};
use crate::program::text::{Given, Shown};
use crate::program::{Cumulative, CumulativeOp, Op};

type Typed<T> = ArcArray<T, IxDyn>;

impl Rules for Cumulative {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        // The operand's type, which the running reduction keeps: integers wrap (N4).
        let &Self { kind, axis, .. } = self;
        expect_operands(inputs, 1)?;
        let x = &inputs[0];
        if axis >= x.rank() {
            let axis = isize::try_from(axis).unwrap_or(isize::MAX);
            return Err(OpErrorKind::AxisOutOfBounds {
                axis,
                rank: x.rank(),
            });
        }
        match kind {
            CumulativeOp::Sum | CumulativeOp::Prod if x.dtype == DType::Bool => {
                Err(OpErrorKind::dtypes(
                    inputs,
                    "integers or floats are taken; convert bool to an integer type first",
                ))
            }
            CumulativeOp::LogSumExp if !x.dtype.is_float() => Err(OpErrorKind::dtypes(
                inputs,
                "floats are taken; convert the operand to float32 or float64 first",
            )),
            _ => Ok(smallvec![x.clone()]),
        }
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        unary_batch(cx, inputs, |dim| {
            let axis = past(self.axis, dim);
            let op = Cumulative {
                axis,
                ..self.clone()
            };
            (op, dim)
        })
    }

    fn params(&self, shown: &mut Shown<'_>) {
        shown.show("axis", self.axis).show("reverse", self.reverse);
    }

    fn parse(name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        let kind = CumulativeOp::from_name(name).ok_or_else(|| given.unknown_operation())?;
        Ok(Cumulative {
            kind,
            axis: given.number("axis")?,
            reverse: given.boolean("reverse")?,
        }
        .into())
    }
}

impl DataRules for Cumulative {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        smallvec![running(self, &inputs[0])]
    }
}

fn running(op: &Cumulative, x: &Array) -> Array {
    let &Cumulative {
        kind,
        axis,
        reverse,
    } = op;
    match kind {
        CumulativeOp::Sum | CumulativeOp::Prod => match x.data() {
            Data::BF16(_) | Data::F16(_) | Data::C64(_) | Data::C128(_) => without_kernels(),
            Data::Bool(_) => {
                unreachable!("the type rule of {} does not admit bool", kind.name())
            }
            Data::U8(a) => scan_number(kind, a, axis, reverse),
            Data::U16(a) => scan_number(kind, a, axis, reverse),
            Data::U32(a) => scan_number(kind, a, axis, reverse),
            Data::U64(a) => scan_number(kind, a, axis, reverse),
            Data::I8(a) => scan_number(kind, a, axis, reverse),
            Data::I16(a) => scan_number(kind, a, axis, reverse),
            Data::I32(a) => scan_number(kind, a, axis, reverse),
            Data::I64(a) => scan_number(kind, a, axis, reverse),
            Data::F32(a) => scan_number(kind, a, axis, reverse),
            Data::F64(a) => scan_number(kind, a, axis, reverse),
        },
        CumulativeOp::Max => {
            dispatch_kernel!(x.data(), a => scan(x.shape(), elements(a), axis, reverse, Arith::max))
        }
        CumulativeOp::Min => {
            dispatch_kernel!(x.data(), a => scan(x.shape(), elements(a), axis, reverse, Arith::min))
        }
        CumulativeOp::LogSumExp => match x.data() {
            Data::F32(a) => scan(x.shape(), elements(a), axis, reverse, Float::log_add_exp),
            Data::F64(a) => scan(x.shape(), elements(a), axis, reverse, Float::log_add_exp),
            _ => unreachable!("the type rule of {} admits floats only", kind.name()),
        },
    }
}

fn scan_number<T: Number>(kind: CumulativeOp, a: &Typed<T>, axis: usize, reverse: bool) -> Array {
    if kind == CumulativeOp::Prod {
        scan(a.shape(), elements(a), axis, reverse, T::mul)
    } else {
        scan(a.shape(), elements(a), axis, reverse, T::add)
    }
}

/// Every prefix (or, reversed, every suffix) along `axis` folded with `f`.
pub(super) fn scan<T: Element>(
    shape: &[usize],
    elements: Cow<'_, [T]>,
    axis: usize,
    reverse: bool,
    f: impl Fn(T, T) -> T,
) -> Array {
    let inner: usize = shape[axis + 1..].iter().product();
    let block = shape[axis] * inner;
    let mut out = owned(elements);
    if block > 0 {
        for block in out.chunks_exact_mut(block) {
            if inner == 1 {
                scan_run(block, reverse, &f);
            } else {
                scan_rows(block, inner, reverse, &f);
            }
        }
    }
    Array::from_elements(shape, out)
}

/// Folds every element of a run with the one before it, or after it.
fn scan_run<T: Copy>(run: &mut [T], reverse: bool, f: &impl Fn(T, T) -> T) {
    let last = run.len() - 1;
    let mut total = run[if reverse { last } else { 0 }];
    for i in 1..=last {
        let x = &mut run[if reverse { last - i } else { i }];
        total = f(total, *x);
        *x = total;
    }
}

/// Folds every row of a block with the one before it, or after it.
fn scan_rows<T: Copy>(block: &mut [T], inner: usize, reverse: bool, f: &impl Fn(T, T) -> T) {
    let rows = block.len() / inner;
    for row in 1..rows {
        // The rows on both sides of this border have the running result and the next operand.
        let border = inner * if reverse { rows - row } else { row };
        let (before, after) = block.split_at_mut(border);
        let (before, after) = (&mut before[border - inner..], &mut after[..inner]);
        let (done, next) = if reverse {
            (after, before)
        } else {
            (before, after)
        };
        for (x, &total) in next.iter_mut().zip(done.iter()) {
            *x = f(total, *x);
        }
    }
}
