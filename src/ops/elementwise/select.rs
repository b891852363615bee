//! `select_n` and `clamp`: choice and limits, element by element.

use ndarray::{ArcArray, IxDyn};
use smallvec::smallvec;

use super::batch::{broadcast, front_unless_scalar, rank};
use super::block::select;
use super::kernels::{elements, map};
use super::slices::Operand;
use super::typed;
use crate::array::{Array, DType, Data, Element, Shape, TensorType, buffer, dispatch_kernel};
use crate::error::{Error, OpErrorKind, ParseError};
use crate::ops::math::Arith;
use crate::ops::rule::{
    BatchDim, Batched, DataRules, Emit, Outputs, Rules, batched_at, expect_operands,
};
use crate::program::text::{Given, Shown};
use crate::program::{Atom, Atoms, Clamp, Op, SelectN};

type Typed<T> = ArcArray<T, IxDyn>;

impl Rules for SelectN {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
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
                let detail = "the first operand chooses the case and must be bool or int32; convert it first";
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

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        let (which, cases) = (&inputs[0], &inputs[1..]);
        let case_type = cx.ty(&cases[0]);
        let cases_agree = cases.iter().all(|c| c.dim == cases[0].dim);

        if let (true, BatchDim::At(dim)) = (cases_agree, cases[0].dim) {
            let mut atoms: Atoms = inputs.iter().map(|v| v.atom).collect();
            if which.dim == cases[0].dim {
                if cx.ty(which).rank() != case_type.rank() {
                    atoms[0] = broadcast(cx, which.atom, &case_type.shape, smallvec![dim])?;
                }
                return Ok(batched_at(cx.emit1(SelectN, atoms)?, dim));
            }
            // One choice for all lanes.
            if cx.ty(which).rank() == 0 {
                return Ok(batched_at(cx.emit1(SelectN, atoms)?, dim));
            }
        }

        let mut atoms: Atoms = smallvec![front_unless_scalar(cx, which)?];
        let scalar_cases = cases.iter().all(|c| cx.ty(c).rank() == 0);
        for case in cases {
            atoms.push(if scalar_cases {
                case.atom
            } else {
                cx.materialize_at(case, 0)?
            });
        }
        let case_type = cx.atom_type(&atoms[1]);
        let which_type = cx.atom_type(&atoms[0]);
        if (1..case_type.rank()).contains(&which_type.rank()) {
            atoms[0] = broadcast(cx, atoms[0], &case_type.shape, smallvec![0])?;
        }
        for atom in &mut atoms[1..] {
            if rank(cx, *atom) < which_type.rank() {
                *atom = broadcast(cx, *atom, &which_type.shape, Shape::new())?;
            }
        }
        Ok(batched_at(cx.emit1(SelectN, atoms)?, 0))
    }

    fn params(&self, _shown: &mut Shown<'_>) {}

    fn parse(_name: &str, _given: &mut Given<'_>) -> Result<Op, ParseError> {
        Ok(SelectN.into())
    }
}

impl DataRules for SelectN {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        smallvec![select_n(inputs)]
    }
}

impl Rules for Clamp {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        expect_operands(inputs, 3)?;
        let (lo, x, hi) = (&inputs[0], &inputs[1], &inputs[2]);
        if x.dtype.is_complex() {
            return Err(OpErrorKind::dtypes(
                inputs,
                "complex numbers have no order; clamp their parts or their sizes",
            ));
        }
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

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        let (lo, x, hi) = (&inputs[0], &inputs[1], &inputs[2]);
        let x_type = cx.ty(x);
        if let BatchDim::At(dim) = x.dim {
            // Bounds that are scalars for all lanes, or whose lanes lie where the operand's do.
            let in_place = |cx: &dyn Emit, v: &Batched| v.dim == x.dim || cx.ty(v).rank() == 0;
            if in_place(cx, lo) && in_place(cx, hi) {
                let mut atoms: Atoms = inputs.iter().map(|v| v.atom).collect();
                for (bound, atom) in [(lo, 0), (hi, 2)] {
                    if bound.dim.is_batched() && cx.ty(bound).rank() != x_type.rank() {
                        atoms[atom] = broadcast(cx, bound.atom, &x_type.shape, smallvec![dim])?;
                    }
                }
                return Ok(batched_at(cx.emit1(Clamp, atoms)?, dim));
            }
        }
        let x_front = cx.materialize_at(x, 0)?;
        let shape = cx.atom_type(&x_front).shape;
        let mut bounds: [Atom; 2] = [lo.atom, hi.atom];
        for (bound, atom) in [lo, hi].into_iter().zip(&mut bounds) {
            let front = front_unless_scalar(cx, bound)?;
            // A scalar per lane has rank 1 here and goes along the lanes; a full bound has the operand's rank already.
            *atom = if (1..shape.len()).contains(&rank(cx, front)) {
                broadcast(cx, front, &shape, smallvec![0])?
            } else {
                front
            };
        }
        Ok(batched_at(
            cx.emit1(Clamp, smallvec![bounds[0], x_front, bounds[1]])?,
            0,
        ))
    }

    fn params(&self, _shown: &mut Shown<'_>) {}

    fn parse(_name: &str, _given: &mut Given<'_>) -> Result<Op, ParseError> {
        Ok(Clamp.into())
    }
}

impl DataRules for Clamp {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        smallvec![dispatch_kernel!(inputs[1].data(), x => clamp(&inputs[0], x, &inputs[2]))]
    }
}

/// The nearest case to a possibly outlying index (N26); `cases` is not empty.
fn nearest(which: i32, cases: usize) -> usize {
    usize::try_from(which).unwrap_or(0).min(cases - 1)
}

/// False picks the first case.
fn select_two<T: Arith>(which: &Typed<bool>, on_false: &Typed<T>, on_true: &Array) -> Array {
    let (which, shape) = (elements(which), which.shape());
    let (on_false, on_true) = (elements(on_false), elements(typed(on_true)));
    let mut out = buffer(which.len(), T::ZERO);
    let [on_false, on_true] = [&on_false, &on_true].map(|case| Operand::Each(&case[..]));
    select(Operand::Each(&which), on_false, on_true, &mut out);
    Array::from_elements(shape, out)
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

/// `min(max(x, lo), hi)`, so that NaN propagates and crossed bounds give `hi` (N12, N15).
fn clamp<T: Arith>(lo: &Array, x: &Typed<T>, hi: &Array) -> Array {
    let (lo, hi) = (typed::<T>(lo), typed::<T>(hi));
    match (lo.ndim(), lo.first(), hi.ndim(), hi.first()) {
        (0, Some(&lo), 0, Some(&hi)) => map(x, |x, out| {
            for (o, &x) in out.iter_mut().zip(x) {
                *o = x.max(lo).min(hi);
            }
        }),
        _ => {
            let full = |bound: &Typed<T>| match bound.broadcast(x.raw_dim()) {
                Some(view) if bound.ndim() == 0 => view.to_shared(),
                _ => bound.clone(),
            };
            let (lo, hi) = (full(lo), full(hi));
            let (all, lo, hi) = (elements(x), elements(&lo), elements(&hi));
            let mut out = buffer(all.len(), T::ZERO);
            for ((o, &x), (&lo, &hi)) in out.iter_mut().zip(&all[..]).zip(lo.iter().zip(&hi[..])) {
                *o = x.max(lo).min(hi);
            }
            Array::from_elements(x.shape(), out)
        }
    }
}

fn select_n(inputs: &[Array]) -> Array {
    let (which, cases) = (&inputs[0], &inputs[1..]);
    match which.data() {
        Data::Bool(w) => match (w.ndim(), w.first()) {
            (0, Some(&w)) => cases[nearest(i32::from(w), cases.len())].clone(),
            _ if cases.len() == 2 => {
                dispatch_kernel!(cases[0].data(), a => select_two(w, a, &cases[1]))
            }
            // A single case, whatever is chosen.
            _ => cases[0].clone(),
        },
        Data::I32(w) => match (w.ndim(), w.first()) {
            (0, Some(&w)) => cases[nearest(w, cases.len())].clone(),
            _ => dispatch_kernel!(cases[0].data(), a => select_many(w, a, cases)),
        },
        _ => unreachable!("the type rule takes bool and int32 only"),
    }
}
