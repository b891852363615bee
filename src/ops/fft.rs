//! Discrete Fourier transforms over the last axes: `fft`.
//!
//! The transforms are rustfft's, in `f64` without vector instructions, so that bits are the same on every machine; `complex64` is
//! rounded once. Inverse transforms are divided by the number of elements, as XLA's are.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use num_complex::Complex;
use rayon::prelude::*;
use rustfft::{FftDirection, FftPlanner};
use smallvec::{SmallVec, smallvec};

use super::complex::{rounded, widened};
use crate::array::{Array, DType, Shape, TensorType, prepare_threads};
use crate::error::{Error, OpErrorKind, ParseError};
use crate::ops::derivative::{linear_jvp, linear_transpose};
use crate::ops::rule::{
    Batched, DataRules, Derivative, Emit, LinearInput, Outputs, Rules, Tangents, expect_operands,
    front_batch,
};
use crate::program::text::{Given, Shown, python};
use crate::program::{Atom, BinaryOp, Fft, FftKind, Op, Pad, PadAxis, UnaryOp};

/// Elements worth handing to another thread.
const GRAIN: usize = 1 << 14;

impl Fft {
    /// The length of the last axis of a spectrum of real numbers.
    fn half(&self) -> usize {
        self.lengths.last().map_or(0, |n| n / 2 + 1)
    }

    /// The lengths of the transformed axes of the operand and of the result.
    fn sides(&self) -> (Shape, Shape) {
        let mut halved = self.lengths.clone();
        if let Some(last) = halved.last_mut() {
            *last = self.half();
        }
        match self.kind {
            FftKind::Fft | FftKind::Ifft => (self.lengths.clone(), self.lengths.clone()),
            FftKind::Rfft => (self.lengths.clone(), halved),
            FftKind::Irfft => (halved, self.lengths.clone()),
        }
    }
}

impl Rules for Fft {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        expect_operands(inputs, 1)?;
        let x = &inputs[0];
        let (from, to) = self.sides();
        if from.is_empty() || from.len() > x.rank() {
            let detail = format!(
                "a transform over {} axes does not fit the operand",
                from.len()
            );
            return Err(OpErrorKind::shapes([x], detail));
        }
        let leading = x.rank() - from.len();
        if x.shape[leading..] != from[..] {
            let detail = format!(
                "the last axes must have the lengths {}; pad or slice them",
                python::tuple(&from)
            );
            return Err(OpErrorKind::shapes([x], detail));
        }
        let real = matches!(x.dtype, DType::F32 | DType::F64);
        if (self.kind == FftKind::Rfft && !real)
            || (self.kind != FftKind::Rfft && !x.dtype.is_complex())
        {
            let detail = match self.kind {
                FftKind::Rfft => "float32 or float64 is taken; use fft for complex numbers",
                FftKind::Fft | FftKind::Ifft | FftKind::Irfft => {
                    "complex numbers are taken; convert the operand to complex64 or complex128"
                }
            };
            return Err(OpErrorKind::dtypes([x], detail));
        }
        let dtype = match self.kind {
            FftKind::Irfft => x.dtype.real(),
            FftKind::Fft | FftKind::Ifft | FftKind::Rfft => x.dtype.complex(),
        };
        let shape = x.shape[..leading].iter().chain(&to).copied();
        Ok(smallvec![TensorType::new(dtype, shape)])
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        front_batch(cx, inputs, self.clone())
    }

    fn params(&self, shown: &mut Shown<'_>) {
        shown
            .show("fft_lengths", python::tuple(&self.lengths))
            .show(
                "fft_type",
                FftKind::ALL
                    .iter()
                    .position(|k| *k == self.kind)
                    .unwrap_or(0),
            );
    }

    fn parse(_name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        let lengths = given.shape("fft_lengths")?;
        let kind = given.read(
            "fft_type",
            "0 (fft), 1 (ifft), 2 (rfft) or 3 (irfft)",
            |value| {
                let text = value.to_string();
                let number = text
                    .parse()
                    .ok()
                    .and_then(|i: usize| FftKind::ALL.get(i).copied());
                number
                    .or_else(|| FftKind::from_name(&text.rsplit('.').next()?.to_ascii_lowercase()))
            },
        )?;
        Ok(Fft { kind, lengths }.into())
    }
}

impl DataRules for Fft {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        let x = &inputs[0];
        let (from, to) = self.sides();
        let leading = &x.shape()[..x.rank() - from.len()];
        let mut elements: Vec<Complex<f64>> = match x.dtype() {
            DType::F32 => x
                .elements::<f32>()
                .iter()
                .map(|&x| f64::from(x).into())
                .collect(),
            DType::F64 => x.elements::<f64>().iter().map(|&x| x.into()).collect(),
            _ => widened(x).into_owned(),
        };
        let direction = match self.kind {
            FftKind::Fft | FftKind::Rfft => FftDirection::Forward,
            FftKind::Ifft | FftKind::Irfft => FftDirection::Inverse,
        };
        // The last axis of half a spectrum is mirrored when the others are done, and halved before they are.
        let axes = self.lengths.len();
        let mut shape: Shape = from.clone();
        let order: Vec<usize> = match self.kind {
            FftKind::Irfft => (0..axes).collect(),
            FftKind::Fft | FftKind::Ifft | FftKind::Rfft => (0..axes).rev().collect(),
        };
        for axis in order {
            let inner: usize = shape[axis + 1..].iter().product();
            if self.kind == FftKind::Irfft && axis + 1 == axes {
                elements = mirrored(&elements, shape[axis], self.lengths[axis]);
                shape[axis] = self.lengths[axis];
            }
            transform(&mut elements, shape[axis], inner, direction);
            if self.kind == FftKind::Rfft && axis + 1 == axes {
                let rows = elements.chunks_exact(shape[axis].max(1));
                elements = rows.flat_map(|row| &row[..self.half()]).copied().collect();
                shape[axis] = self.half();
            }
        }
        if direction == FftDirection::Inverse {
            let scale = 1.0 / self.lengths.iter().product::<usize>() as f64;
            elements.iter_mut().for_each(|z| *z *= scale);
        }
        let shape: Shape = leading.iter().chain(&to).copied().collect();
        let dtype = x.dtype().complex();
        smallvec![match (self.kind, dtype) {
            (FftKind::Irfft, DType::C64) => {
                Array::from_elements(&shape, elements.iter().map(|z| z.re as f32).collect())
            }
            (FftKind::Irfft, _) =>
                Array::from_elements(&shape, elements.iter().map(|z| z.re).collect()),
            (FftKind::Fft | FftKind::Ifft | FftKind::Rfft, dtype) => {
                rounded(dtype, Array::from_elements(&shape, elements))
            }
        }]
    }
}

/// Rows of half a spectrum of `length` real numbers as whole ones. What is imaginary where a spectrum of real numbers is real does
/// not count.
fn mirrored(halves: &[Complex<f64>], half: usize, length: usize) -> Vec<Complex<f64>> {
    let mut out = Vec::with_capacity(halves.len() / half.max(1) * length);
    for row in halves.chunks_exact(half.max(1)) {
        for k in 0..length {
            out.push(match (k, 2 * k) {
                (0, _) => row[0].re.into(),
                (k, twice) if twice == length => row[k].re.into(),
                (k, twice) if twice < length => row[k],
                (k, _) => row[length - k].conj(),
            });
        }
    }
    out
}

/// Transforms an axis of `length`, within which `inner` elements lie side by side.
fn transform(
    elements: &mut Vec<Complex<f64>>,
    length: usize,
    inner: usize,
    direction: FftDirection,
) {
    static PLANNER: LazyLock<Mutex<FftPlanner<f64>>> =
        LazyLock::new(|| Mutex::new(FftPlanner::new()));
    if elements.is_empty() || length < 2 {
        return;
    }
    let plan: Arc<dyn rustfft::Fft<f64>> = {
        let mut planner = PLANNER.lock().unwrap_or_else(PoisonError::into_inner);
        planner.plan_fft(length, direction)
    };
    let run = |rows: &mut [Complex<f64>]| {
        let mut scratch = vec![Complex::ZERO; plan.get_inplace_scratch_len()];
        plan.process_with_scratch(rows, &mut scratch);
    };
    if inner > 1 {
        // Rows of this axis lie one after another while they are transformed.
        let turned = swapped(elements, length, inner);
        *elements = turned;
    }
    if elements.len() < 2 * GRAIN {
        run(elements);
    } else {
        prepare_threads();
        elements
            .par_chunks_mut(GRAIN.div_ceil(length) * length)
            .for_each(run);
    }
    if inner > 1 {
        let back = swapped(elements, inner, length);
        *elements = back;
    }
}

/// Every block of `rows` times `columns` elements transposed.
fn swapped(elements: &[Complex<f64>], rows: usize, columns: usize) -> Vec<Complex<f64>> {
    let mut out = Vec::with_capacity(elements.len());
    for block in elements.chunks_exact(rows * columns) {
        for column in 0..columns {
            out.extend((0..rows).map(|row| block[row * columns + column]));
        }
    }
    out
}

impl Derivative for Fft {
    fn jvp(
        &self,
        cx: &mut dyn Tangents,
        _primals: &[Atom],
        _results: &[Atom],
        tangents: &[Option<Atom>],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        linear_jvp(cx, self.clone(), tangents)
    }

    fn transpose(
        &self,
        cx: &mut dyn Tangents,
        cotangents: &[Option<Atom>],
        inputs: &[LinearInput],
    ) -> Result<Outputs<Option<Atom>>, Error> {
        linear_transpose(cx, cotangents, inputs, |cx, ct, ty| match self.kind {
            // The matrices of these are symmetric.
            FftKind::Fft | FftKind::Ifft => cx.emit1(self.clone(), smallvec![ct]),
            // The half that was cut off has no cotangent.
            FftKind::Rfft => {
                let zero = cx.number(ct, 0.0);
                let mut config: SmallVec<[PadAxis; 4]> = smallvec![PadAxis::default(); ty.rank()];
                let (n, last) = (self.lengths.last().copied().unwrap_or(0), ty.rank() - 1);
                config[last].high = (n - self.half().min(n)) as i64;
                let padded = cx.emit1(Pad { config }, smallvec![ct, zero])?;
                let kind = FftKind::Fft;
                let lengths = self.lengths.clone();
                let whole = cx.emit1(Fft { kind, lengths }, smallvec![padded])?;
                cx.unary(UnaryOp::Real, whole)
            }
            // Each frequency but the first and the middle one stands for two.
            FftKind::Irfft => {
                let kind = FftKind::Rfft;
                let lengths = self.lengths.clone();
                let spectrum = cx.emit1(Fft { kind, lengths }, smallvec![ct])?;
                let (n, last) = (self.lengths.last().copied().unwrap_or(0), ty.rank() - 1);
                let k = cx.positions(&ty.shape, last)?;
                let one = |cx: &mut dyn Tangents, at: usize| {
                    let at = cx.number(k, at as f64);
                    cx.binary(BinaryOp::Eq, k, at)
                };
                let first = one(cx, 0)?;
                let single = if n % 2 == 0 {
                    let middle = one(cx, n / 2)?;
                    cx.binary(BinaryOp::Or, first, middle)?
                } else {
                    first
                };
                let scale = 1.0 / self.lengths.iter().product::<usize>() as f64;
                let (once, twice) = (cx.number(spectrum, scale), cx.number(spectrum, 2.0 * scale));
                let weights = cx.select(single, once, twice)?;
                let weighted = cx.mul(weights, spectrum)?;
                cx.unary(UnaryOp::Conj, weighted)
            }
        })
    }
}
