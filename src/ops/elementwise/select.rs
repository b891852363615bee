//! `select_n` and `clamp`: choice and limits, element by element.

use ndarray::{ArcArray, IxDyn};
use smallvec::smallvec;

use super::kernels::{elements, map, zip3};
use crate::array::{Array, DType, Data, Element, TensorType, dispatch};
use crate::error::OpErrorKind;
use crate::ops::Outputs;
use crate::ops::expect_operands;
use crate::ops::math::Arith;

type Typed<T> = ArcArray<T, IxDyn>;

/// `select_n(which, case_0, ...)`: `which` is rank 0 or has the cases' shape.
pub(crate) fn infer_select_n(inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
    let [which, cases @ ..] = inputs else {
        return Err(OpErrorKind::OperandCount {
            expected: 3,
            actual: 0,
        });
    };
    let Some(first) = cases.first() else {
        return Err(OpErrorKind::OperandCount {
            expected: 3,
            actual: 1,
        });
    };
    match which.dtype {
        DType::Bool if cases.len() > 2 => {
            let detail = format!(
                "a bool chooses between 2 cases, got {}; choose with an int32",
                cases.len()
            );
            return Err(OpErrorKind::parameter(detail));
        }
        DType::Bool | DType::I32 => {}
        _ => {
            let detail =
                "the first operand chooses the case and must be bool or int32; convert it first";
            return Err(OpErrorKind::dtypes([which], detail));
        }
    }
    if cases.iter().any(|c| c.dtype != first.dtype) {
        return Err(OpErrorKind::dtypes(
            cases,
            "the cases must have one element type; convert them first",
        ));
    }
    if cases.iter().any(|c| c.shape != first.shape) {
        return Err(OpErrorKind::shapes(
            cases,
            "the cases must have one shape; broadcast them first",
        ));
    }
    if which.rank() > 0 && which.shape != first.shape {
        let detail =
            "the first operand must be a scalar or have the cases' shape; broadcast it first";
        return Err(OpErrorKind::shapes([which, first], detail));
    }
    Ok(smallvec![
        first.clone().with_weak(cases.iter().all(|c| c.weak))
    ])
}

/// The nearest case to a possibly outlying index (N26); `cases` is not empty.
fn nearest(which: i32, cases: usize) -> usize {
    usize::try_from(which).unwrap_or(0).min(cases - 1)
}

pub(crate) fn eval_select_n(inputs: &[Array]) -> Array {
    let (which, cases) = (&inputs[0], &inputs[1..]);
    match which.data() {
        Data::Bool(w) => match (w.ndim(), w.first()) {
            (0, Some(&w)) => cases[nearest(i32::from(w), cases.len())].clone(),
            _ if cases.len() == 2 => dispatch!(cases[0].data(), a => select_two(w, a, &cases[1])),
            // A single case, whatever is chosen.
            _ => cases[0].clone(),
        },
        Data::I32(w) => match (w.ndim(), w.first()) {
            (0, Some(&w)) => cases[nearest(w, cases.len())].clone(),
            _ => dispatch!(cases[0].data(), a => select_many(w, a, cases)),
        },
        _ => unreachable!("the type rule takes bool and int32 only"),
    }
}

fn typed<T: Element>(array: &Array) -> &Typed<T> {
    T::unwrap_ref(array.data()).expect("the type rule takes operands of one element type")
}

/// False picks the first case.
fn select_two<T: Element>(which: &Typed<bool>, on_false: &Typed<T>, on_true: &Array) -> Array {
    zip3(
        which,
        on_false,
        typed(on_true),
        |w, f, t| if w { t } else { f },
    )
}

fn select_many<T: Element>(which: &Typed<i32>, _first: &Typed<T>, cases: &[Array]) -> Array {
    let cases: Vec<_> = cases.iter().map(|c| elements(typed::<T>(c))).collect();
    let chosen = elements(which);
    let chosen = chosen
        .iter()
        .enumerate()
        .map(|(i, &w)| cases[nearest(w, cases.len())][i]);
    Array::from_elements(which.shape(), chosen.collect())
}

/// `clamp(lo, x, hi)`: bounds are rank 0 or have the operand's shape.
pub(crate) fn infer_clamp(inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
    expect_operands(inputs, 3)?;
    let (lo, x, hi) = (&inputs[0], &inputs[1], &inputs[2]);
    if lo.dtype != x.dtype || hi.dtype != x.dtype {
        return Err(OpErrorKind::dtypes(
            inputs,
            "bounds and operand must have one element type; convert them first",
        ));
    }
    if [lo, hi]
        .iter()
        .any(|bound| bound.rank() > 0 && bound.shape != x.shape)
    {
        let detail = "bounds must be scalars or have the operand's shape; broadcast them first";
        return Err(OpErrorKind::shapes(inputs, detail));
    }
    Ok(smallvec![
        x.clone().with_weak(inputs.iter().all(|t| t.weak))
    ])
}

pub(crate) fn eval_clamp(inputs: &[Array]) -> Array {
    dispatch!(inputs[1].data(), x => clamp(&inputs[0], x, &inputs[2]))
}

/// `min(max(x, lo), hi)`, so that NaN propagates and crossed bounds give `hi` (N12, N15).
fn clamp<T: Arith>(lo: &Array, x: &Typed<T>, hi: &Array) -> Array {
    let (lo, hi) = (typed::<T>(lo), typed::<T>(hi));
    match (lo.ndim(), lo.first(), hi.ndim(), hi.first()) {
        (0, Some(&lo), 0, Some(&hi)) => map(x, |x| x.max(lo).min(hi)),
        _ => {
            let full = |bound: &Typed<T>| match bound.broadcast(x.raw_dim()) {
                Some(view) if bound.ndim() == 0 => view.to_shared(),
                _ => bound.clone(),
            };
            zip3(x, &full(lo), &full(hi), |x, lo, hi| x.max(lo).min(hi))
        }
    }
}
