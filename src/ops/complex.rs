//! Complex numbers: operations that move elements move both parts, and those that compute do so here.
//!
//! Kernels exist for real types alone. What is linear with real coefficients, as a transpose, a gather or a sum, is
//! evaluated for the real and the imaginary parts, and a product of matrices is four real ones; functions of an element are in
//! [`math::complex`](super::math::complex).

use std::borrow::Cow;

use num_complex::Complex;
use smallvec::smallvec;

use super::math::complex as functions;
use super::math::complex::Wide;
use super::{Outputs, eval};
use crate::array::{Array, DType, Element, Scalar, Shape, broadcast_shapes};
use crate::program::{
    Binary, BinaryOp, ConvertElementType, Cumulative, CumulativeOp, DataOp, Gather, Iota, Reduce,
    ReduceOp, Scatter, ScatterOp, Sort, UnaryOp,
};

/// Whether an operation has complex numbers among its operands or makes some.
pub(super) fn concerns(op: &DataOp, inputs: &[Array]) -> bool {
    let made = match op {
        DataOp::ConvertElementType(op) => op.dtype.is_complex(),
        DataOp::Iota(op) => op.dtype.is_complex(),
        DataOp::Unary(op) => op.kind == UnaryOp::Conj,
        DataOp::Binary(op) => op.kind == BinaryOp::Complex,
        _ => false,
    };
    made || inputs.iter().any(|x| x.dtype().is_complex())
}

/// Evaluates an operation that [`concerns`] complex numbers.
pub(super) fn eval_complex(op: &DataOp, inputs: &[Array]) -> Outputs<Array> {
    match op {
        DataOp::Unary(op) => smallvec![unary(op.kind, &inputs[0])],
        DataOp::Binary(op) => smallvec![binary(op.kind, &inputs[0], &inputs[1])],
        DataOp::IntegerPow(op) => {
            smallvec![map(&inputs[0], |z| functions::integer_pow(z, op.y))]
        }
        DataOp::ConvertElementType(op) => smallvec![convert(op, &inputs[0])],
        DataOp::Iota(op) => {
            let real = Iota {
                dtype: op.dtype.real(),
                ..op.clone()
            };
            let counted = eval(&real.into(), &[]).swap_remove(0);
            smallvec![from_real(&counted, op.dtype)]
        }
        DataOp::Reduce(op) => smallvec![reduce(op, &inputs[0])],
        DataOp::Cumulative(op) => smallvec![cumulative(op, &inputs[0])],
        DataOp::DotGeneral(_) => smallvec![product(op, &inputs[0], &inputs[1])],
        DataOp::Gather(op) => smallvec![gather(op, inputs)],
        DataOp::Scatter(op) => smallvec![scatter(op, inputs)],
        DataOp::Sort(op) => sort(op, inputs),
        DataOp::SelectN(_)
        | DataOp::BroadcastInDim(_)
        | DataOp::Reshape(_)
        | DataOp::Transpose(_)
        | DataOp::Squeeze(_)
        | DataOp::Concatenate(_)
        | DataOp::Pad(_)
        | DataOp::Rev(_)
        | DataOp::Slice(_)
        | DataOp::DynamicSlice(_)
        | DataOp::DynamicUpdateSlice(_)
        | DataOp::StopGradient(_) => by_parts(op, inputs),
        DataOp::Cholesky(_) | DataOp::TriangularSolve(_) | DataOp::Solve(_) | DataOp::Fft(_) => {
            op.rules().eval(inputs)
        }
        DataOp::Clamp(_)
        | DataOp::ArgReduce(_)
        | DataOp::TopK(_)
        | DataOp::BitcastConvertType(_)
        | DataOp::ReducePrecision(_) => {
            unreachable!("the type rules of these do not admit complex numbers")
        }
    }
}

/// The real and the imaginary parts; twice the array itself where it is real.
fn parts(x: &Array) -> [Array; 2] {
    fn split<T: Element>(x: &Array, elements: &[Complex<T>]) -> [Array; 2] {
        let part = |f: fn(&Complex<T>) -> T| {
            Array::from_elements(x.shape(), elements.iter().map(f).collect())
        };
        [part(|z| z.re), part(|z| z.im)]
    }
    match x.dtype() {
        DType::C64 => split(x, &x.elements::<Complex<f32>>()),
        DType::C128 => split(x, &x.elements::<Complex<f64>>()),
        _ => [x.clone(), x.clone()],
    }
}

/// The complex numbers of these parts, which have one shape and type.
fn joined(re: &Array, im: &Array) -> Array {
    fn zip<T: Element>(re: &Array, im: &Array) -> Array
    where
        Complex<T>: Element,
    {
        let (x, y) = (re.elements::<T>(), im.elements::<T>());
        let pairs = x.iter().zip(y.iter());
        Array::from_elements(
            re.shape(),
            pairs.map(|(&re, &im)| Complex::new(re, im)).collect(),
        )
    }
    match re.dtype() {
        DType::F32 => zip::<f32>(re, im),
        _ => zip::<f64>(re, im),
    }
}

/// Real numbers of a complex type's parts as such complex numbers.
fn from_real(x: &Array, dtype: DType) -> Array {
    match dtype {
        DType::C64 => {
            let elements = x.elements::<f32>();
            Array::from_elements(
                x.shape(),
                elements.iter().map(|&re| Complex::new(re, 0.0)).collect(),
            )
        }
        _ => {
            let elements = x.elements::<f64>();
            Array::from_elements(
                x.shape(),
                elements.iter().map(|&re| Complex::new(re, 0.0)).collect(),
            )
        }
    }
}

/// Evaluates an operation for the real parts of its operands, and for the imaginary ones.
fn by_parts(op: &DataOp, inputs: &[Array]) -> Outputs<Array> {
    let split: Vec<[Array; 2]> = inputs.iter().map(parts).collect();
    let side = |k: usize| -> Outputs<Array> {
        let operands: Vec<Array> = split.iter().map(|pair| pair[k].clone()).collect();
        eval(op, &operands)
    };
    let (re, im) = (side(0), side(1));
    re.iter().zip(&im).map(|(re, im)| joined(re, im)).collect()
}

fn wide(z: Complex<f32>) -> Wide {
    Complex::new(z.re.into(), z.im.into())
}

fn narrow(z: Wide) -> Complex<f32> {
    Complex::new(z.re as f32, z.im as f32)
}

/// A function of each element, which `complex64` takes in `complex128`.
fn map(x: &Array, f: impl Fn(Wide) -> Wide) -> Array {
    match x.dtype() {
        DType::C64 => {
            let elements = x.elements::<Complex<f32>>();
            Array::from_elements(
                x.shape(),
                elements.iter().map(|&z| narrow(f(wide(z)))).collect(),
            )
        }
        _ => {
            let elements = x.elements::<Wide>();
            Array::from_elements(x.shape(), elements.iter().map(|&z| f(z)).collect())
        }
    }
}

fn unary(kind: UnaryOp, x: &Array) -> Array {
    use UnaryOp as U;
    let f: fn(Wide) -> Wide = match kind {
        U::Real => return parts(x)[0].clone(),
        U::Imag => return parts(x)[1].clone(),
        U::Abs => {
            let sizes = map(x, |z| Complex::new(functions::abs(z), 0.0));
            return parts(&sizes)[0].clone();
        }
        U::Conj if !x.dtype().is_complex() => return from_real(x, x.dtype().complex()),
        U::Conj => |z| z.conj(),
        U::Neg => |z| Complex::new(-z.re, -z.im),
        U::Sign => functions::sign,
        U::Exp => functions::exp,
        U::Exp2 => functions::exp2,
        U::Expm1 => functions::expm1,
        U::Log => functions::log,
        U::Log1p => functions::log1p,
        U::Sin => functions::sin,
        U::Cos => functions::cos,
        U::Tan => functions::tan,
        U::Asin => functions::asin,
        U::Acos => functions::acos,
        U::Atan => functions::atan,
        U::Sinh => functions::sinh,
        U::Cosh => functions::cosh,
        U::Tanh => functions::tanh,
        U::Asinh => functions::asinh,
        U::Acosh => functions::acosh,
        U::Atanh => functions::atanh,
        U::Logistic => functions::logistic,
        U::Sqrt => functions::sqrt,
        U::Rsqrt => functions::rsqrt,
        U::Square => |z| functions::mul(z, z),
        U::Floor
        | U::Ceil
        | U::RoundHalfAway
        | U::RoundHalfEven
        | U::Cbrt
        | U::Erf
        | U::Erfc
        | U::ErfInv
        | U::Lgamma
        | U::Digamma
        | U::IsFinite
        | U::Not
        | U::PopulationCount
        | U::Clz => super::elementwise::excluded(kind.name(), x.dtype()),
    };
    map(x, f)
}

/// Two arrays repeated to the shape that they broadcast to.
fn broadcast(x: &Array, y: &Array) -> [Array; 2] {
    let shape = broadcast_shapes([x.shape(), y.shape()]).unwrap_or_default();
    [x.broadcast_to(&shape), y.broadcast_to(&shape)]
}

/// A function of the elements of two arrays that broadcast.
fn zip<R: Element>(x: &Array, y: &Array, f: impl Fn(Wide, Wide) -> R) -> Array {
    let [x, y] = broadcast(x, y);
    let (left, right) = (widened(&x), widened(&y));
    let pairs = left.iter().zip(right.iter());
    Array::from_elements(x.shape(), pairs.map(|(&x, &y)| f(x, y)).collect())
}

/// The elements in `complex128`.
pub(super) fn widened(x: &Array) -> Cow<'_, [Wide]> {
    match x.dtype() {
        DType::C64 => x
            .elements::<Complex<f32>>()
            .iter()
            .map(|&z| wide(z))
            .collect(),
        _ => x.elements::<Wide>(),
    }
}

/// What the type of the first operand makes of results that were computed in `complex128`.
pub(super) fn rounded(dtype: DType, x: Array) -> Array {
    if dtype == DType::C64 {
        let elements = x.elements::<Wide>();
        return Array::from_elements(x.shape(), elements.iter().map(|&z| narrow(z)).collect());
    }
    x
}

fn binary(kind: BinaryOp, x: &Array, y: &Array) -> Array {
    use BinaryOp as B;
    let f: fn(Wide, Wide) -> Wide = match kind {
        B::Complex => {
            let [re, im] = broadcast(x, y);
            return joined(&re, &im);
        }
        B::Eq => return zip(x, y, |x, y| x == y),
        B::Ne => return zip(x, y, |x, y| x != y),
        B::Add => |x, y| x + y,
        B::Sub => |x, y| x - y,
        B::Mul => functions::mul,
        B::Div => functions::div,
        B::Pow => functions::pow,
        B::Max => functions::max,
        B::Min => functions::min,
        B::Rem
        | B::Atan2
        | B::Nextafter
        | B::Polygamma
        | B::And
        | B::Or
        | B::Xor
        | B::ShiftLeft
        | B::ShiftRightArithmetic
        | B::ShiftRightLogical
        | B::Lt
        | B::Le
        | B::Gt
        | B::Ge => super::elementwise::excluded(kind.name(), x.dtype()),
    };
    rounded(x.dtype(), zip(x, y, f))
}

fn convert(op: &ConvertElementType, x: &Array) -> Array {
    let to = |x: &Array, dtype: DType| {
        let op = ConvertElementType { dtype, weak: false };
        eval(&op.into(), std::slice::from_ref(x)).swap_remove(0)
    };
    match (x.dtype().is_complex(), op.dtype) {
        (true, DType::Bool) => zip(x, x, |z, _| z != Complex::ZERO),
        // The real part, as JAX has it.
        (true, dtype) if !dtype.is_complex() => to(&parts(x)[0], dtype),
        (true, dtype) => {
            let [re, im] = parts(x).map(|part| to(&part, dtype.real()));
            joined(&re, &im)
        }
        (false, dtype) => from_real(&to(x, dtype.real()), dtype),
    }
}

/// Elements with the reduced axes last, as many for each result as are reduced to it.
fn reduce(op: &Reduce, x: &Array) -> Array {
    let (start, f): (Wide, fn(Wide, Wide) -> Wide) = match op.kind {
        ReduceOp::Sum => {
            return by_parts(&op.clone().into(), std::slice::from_ref(x)).swap_remove(0);
        }
        ReduceOp::Prod => (Complex::ONE, functions::mul),
        ReduceOp::Max => (
            Complex::new(f64::NEG_INFINITY, f64::NEG_INFINITY),
            functions::max,
        ),
        ReduceOp::Min => (Complex::new(f64::INFINITY, f64::INFINITY), functions::min),
        ReduceOp::And | ReduceOp::Or | ReduceOp::Xor => {
            super::elementwise::excluded(op.kind.name(), x.dtype())
        }
    };
    let kept: Shape = (0..x.rank()).filter(|a| !op.axes.contains(a)).collect();
    let order: Shape = kept.iter().chain(&op.axes).copied().collect();
    let count: usize = op.axes.iter().map(|&a| x.shape()[a]).product();
    let shape: Shape = kept.iter().map(|&a| x.shape()[a]).collect();
    let x = x.permute(&order);
    let elements = widened(&x);
    let rows =
        (0..shape.iter().product()).map(|row: usize| &elements[row * count..(row + 1) * count]);
    let folded = rows.map(|row| row.iter().fold(start, |total, &z| f(total, z)));
    rounded(x.dtype(), Array::from_elements(&shape, folded.collect()))
}

fn cumulative(op: &Cumulative, x: &Array) -> Array {
    let f = match op.kind {
        CumulativeOp::Sum => {
            return by_parts(&op.clone().into(), std::slice::from_ref(x)).swap_remove(0);
        }
        CumulativeOp::Prod => functions::mul,
        CumulativeOp::Max => functions::max,
        CumulativeOp::Min => functions::min,
        CumulativeOp::LogSumExp => super::elementwise::excluded(op.kind.name(), x.dtype()),
    };
    rounded(
        x.dtype(),
        super::cumulative::scan(x.shape(), widened(x), op.axis, op.reverse, f),
    )
}

/// A product of matrices: three real ones would do (K. F. Gauss), but four lose no digits.
fn product(op: &DataOp, x: &Array, y: &Array) -> Array {
    let real = |x: &Array, y: &Array| eval(op, &[x.clone(), y.clone()]).swap_remove(0);
    let combine = |kind, x: &Array, y: &Array| {
        eval(&DataOp::from(Binary { kind }), &[x.clone(), y.clone()]).swap_remove(0)
    };
    let ([a, b], [c, d]) = (parts(x), parts(y));
    let re = combine(BinaryOp::Sub, &real(&a, &c), &real(&b, &d));
    let im = combine(BinaryOp::Add, &real(&a, &d), &real(&b, &c));
    joined(&re, &im)
}

fn gather(op: &Gather, inputs: &[Array]) -> Array {
    // Outside the bounds lies NaN, whose imaginary part is 0.
    let (re, im): (Scalar, Scalar) = match op.fill {
        Some(Scalar::C64(z)) => (z.re.into(), z.im.into()),
        Some(Scalar::C128(z)) => (z.re.into(), z.im.into()),
        _ => {
            let number = |value| Scalar::number(inputs[0].dtype().real(), value);
            (number(f64::NAN), number(0.0))
        }
    };
    let split = parts(&inputs[0]);
    let part = |part: &Array, fill: Scalar| {
        let op = Gather {
            fill: Some(fill),
            ..op.clone()
        };
        eval(&op.into(), &[part.clone(), inputs[1].clone()]).swap_remove(0)
    };
    joined(&part(&split[0], re), &part(&split[1], im))
}

fn scatter(op: &Scatter, inputs: &[Array]) -> Array {
    let f = match op.kind {
        ScatterOp::Set | ScatterOp::Add => {
            return by_parts(&op.clone().into(), inputs).swap_remove(0);
        }
        ScatterOp::Mul => functions::mul,
        ScatterOp::Min => functions::min,
        ScatterOp::Max => functions::max,
    };
    let wide =
        [&inputs[0], &inputs[2]].map(|x| Array::from_elements(x.shape(), widened(x).into_owned()));
    let [operand, updates] = wide;
    let operands = [operand, inputs[1].clone(), updates];
    let met = super::scatter::eval_with(
        &op.dims,
        op.mode,
        &operands,
        |target: &mut [Wide], updates| {
            for (t, &u) in target.iter_mut().zip(updates) {
                *t = f(*t, u);
            }
        },
    );
    rounded(inputs[0].dtype(), met)
}

/// Sorts by real parts and, where these are equal, by imaginary ones.
fn sort(op: &Sort, inputs: &[Array]) -> Outputs<Array> {
    let mut operands = Vec::new();
    let mut num_keys = 0;
    for (k, x) in inputs.iter().enumerate() {
        let first = operands.len();
        if x.dtype().is_complex() {
            operands.extend(parts(x));
        } else {
            operands.push(x.clone());
        }
        if k < op.num_keys {
            num_keys += operands.len() - first;
        }
    }
    let real = Sort {
        num_keys,
        ..op.clone()
    };
    let mut sorted = eval(&real.into(), &operands).into_iter();
    let mut take = || sorted.next().unwrap_or_else(|| inputs[0].clone());
    inputs
        .iter()
        .map(|x| {
            let re = take();
            if x.dtype().is_complex() {
                joined(&re, &take())
            } else {
                re
            }
        })
        .collect()
}
