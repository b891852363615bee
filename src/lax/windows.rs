//! Windows that slide over tensors.

use super::refuse;
use crate::array::DType;
use crate::error::Error;
use crate::program::{Atom, BinaryOp, DataOp, Op};
use crate::tensor::{Slicing, Tensor, where_};
use crate::transform::{custom_jvp, jit};

/// Windows over every axis of a tensor: their size, how far apart they start, what lies around, and gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    size: Vec<usize>,
    strides: Vec<usize>,
    padding: Vec<(i64, i64)>,
    base_dilation: Vec<usize>,
    window_dilation: Vec<usize>,
}

impl Windows {
    /// Windows of a size, one after the other element by element, inside the tensor.
    ///
    /// ```
    /// use elimap::lax::{Windows, reduce_window};
    /// use elimap::prelude::*;
    /// let x = Tensor::from(vec![1.0, 4.0, 2.0, 3.0]);
    /// let sums = reduce_window(x, 0.0, |a, b| ok(a + b), &Windows::new([2]))?;
    /// assert_eq!(sums.to_vec::<f64>()?, [5.0, 6.0, 5.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn new(size: impl IntoIterator<Item = usize>) -> Self {
        let size: Vec<usize> = size.into_iter().collect();
        let ones = vec![1; size.len()];
        Windows {
            strides: ones.clone(),
            padding: vec![(0, 0); size.len()],
            base_dilation: ones.clone(),
            window_dilation: ones,
            size,
        }
    }

    /// How many elements apart neighbouring windows start, per axis.
    ///
    /// ```
    /// use elimap::lax::{Windows, reduce_window};
    /// use elimap::prelude::*;
    /// let x = Tensor::from(vec![1.0, 4.0, 2.0, 3.0]);
    /// let sums = reduce_window(x, 0.0, |a, b| ok(a + b), &Windows::new([2]).strides([2]))?;
    /// assert_eq!(sums.to_vec::<f64>()?, [5.0, 5.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn strides(mut self, strides: impl IntoIterator<Item = usize>) -> Self {
        self.strides = strides.into_iter().collect();
        self
    }

    /// How many elements are put before and after each axis; negative numbers take away.
    ///
    /// ```
    /// use elimap::lax::{Windows, reduce_window};
    /// use elimap::prelude::*;
    /// let x = Tensor::from(vec![1.0, 4.0, 2.0, 3.0]);
    /// let sums = reduce_window(x, 0.0, |a, b| ok(a + b), &Windows::new([2]).padding([(1, 0)]))?;
    /// assert_eq!(sums.to_vec::<f64>()?, [1.0, 5.0, 6.0, 5.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn padding(mut self, padding: impl IntoIterator<Item = (i64, i64)>) -> Self {
        self.padding = padding.into_iter().collect();
        self
    }

    /// How far apart the tensor's elements are pulled, per axis.
    ///
    /// ```
    /// use elimap::lax::{Windows, reduce_window};
    /// use elimap::prelude::*;
    /// let x = Tensor::from(vec![1.0, 4.0, 2.0, 3.0]);
    /// let sums = reduce_window(x, 0.0, |a, b| ok(a + b), &Windows::new([2]).base_dilation([2]))?;
    /// assert_eq!(sums.to_vec::<f64>()?, [1.0, 4.0, 4.0, 2.0, 2.0, 3.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn base_dilation(mut self, dilation: impl IntoIterator<Item = usize>) -> Self {
        self.base_dilation = dilation.into_iter().collect();
        self
    }

    /// How far apart a window's elements are, per axis.
    ///
    /// ```
    /// use elimap::lax::{Windows, reduce_window};
    /// use elimap::prelude::*;
    /// let x = Tensor::from(vec![1.0, 4.0, 2.0, 3.0]);
    /// let sums = reduce_window(x, 0.0, |a, b| ok(a + b), &Windows::new([2]).window_dilation([2]))?;
    /// assert_eq!(sums.to_vec::<f64>()?, [3.0, 7.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn window_dilation(mut self, dilation: impl IntoIterator<Item = usize>) -> Self {
        self.window_dilation = dilation.into_iter().collect();
        self
    }

    fn check(&self, op: &'static str, rank: usize) -> Result<(), Error> {
        let lists = [
            &self.size,
            &self.strides,
            &self.base_dilation,
            &self.window_dilation,
        ];
        if self.padding.len() != rank || lists.iter().any(|list| list.len() != rank) {
            return Err(refuse(
                op,
                format!("windows say one number for each of {rank} axes"),
            ));
        }
        if lists.iter().any(|list| list.contains(&0)) {
            return Err(refuse(op, "sizes, strides and dilations are 1 or more"));
        }
        Ok(())
    }

    /// Whether every window lies in the tensor.
    fn inside(&self) -> bool {
        let outside = |&(low, high): &(i64, i64)| low > 0 || high > 0;
        !self.padding.iter().any(outside) && self.base_dilation.iter().all(|&d| d == 1)
    }

    /// The tensor pulled apart and padded with a value.
    fn padded(&self, x: &Tensor, value: &Tensor) -> Result<Tensor, Error> {
        let config = self.padding.iter().zip(&self.base_dilation);
        let config = config.map(|(&(low, high), &d)| (low, high, d - 1));
        x.pad(value, config).check()
    }

    /// How many windows there are on each axis of a padded tensor.
    fn counts(&self, padded: &[usize]) -> Vec<usize> {
        (0..padded.len())
            .map(|d| {
                let reach = (self.size[d] - 1) * self.window_dilation[d] + 1;
                padded[d]
                    .checked_sub(reach)
                    .map_or(0, |free| free / self.strides[d] + 1)
            })
            .collect()
    }

    /// For each place in a window, in row-major order, the elements of all windows there.
    fn places(&self, padded: &Tensor) -> Vec<Tensor> {
        let counts = self.counts(padded.shape());
        let total: usize = self.size.iter().product();
        (0..total)
            .map(|flat| {
                let mut rest = flat;
                let mut start = vec![0; self.size.len()];
                for d in (0..self.size.len()).rev() {
                    start[d] = rest % self.size[d] * self.window_dilation[d];
                    rest /= self.size[d];
                }
                let limit = (0..start.len()).map(|d| match counts[d] {
                    0 => start[d].min(padded.shape()[d]),
                    n => start[d] + (n - 1) * self.strides[d] + 1,
                });
                let limit: Vec<usize> = limit.collect();
                let start = start.into_iter().zip(&limit).map(|(s, &l)| s.min(l));
                padded.slice(Slicing::new(start, limit.clone()).strides(self.strides.clone()))
            })
            .collect()
    }
}

/// What a function of two numbers makes of each window's elements, starting from `initial`, which is also what lies outside.
///
/// The function is applied to whole tensors, element by element.
///
/// # Errors
///
/// [`OpErrorKind::InvalidParameter`](crate::OpErrorKind) for windows of another number of axes, and what goes wrong in the function.
///
/// ```
/// use elimap::{lax, prelude::*};
/// let x = Tensor::from(vec![1.0, 5.0, 2.0, 4.0]);
/// let largest = lax::reduce_window(x, f64::NEG_INFINITY, |a, b| ok(a.maximum(b)), &lax::Windows::new([2]))?;
/// assert_eq!(largest.to_vec::<f64>()?, [5.0, 5.0, 4.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn reduce_window(
    x: impl Into<Tensor>,
    initial: impl Into<Tensor>,
    f: impl Fn(Tensor, Tensor) -> Result<Tensor, Error>,
    windows: &Windows,
) -> Result<Tensor, Error> {
    let (x, initial) = (x.into().check()?, initial.into());
    windows.check("reduce_window", x.rank())?;
    match extreme_of(&f, x.dtype(), &initial) {
        Some(greatest) => extremes(&x, greatest, windows),
        None => folded(&x, initial.astype(x.dtype()), f, windows),
    }
}

/// Every window's elements folded one after the other.
fn folded(
    x: &Tensor,
    initial: Tensor,
    f: impl Fn(Tensor, Tensor) -> Result<Tensor, Error>,
    windows: &Windows,
) -> Result<Tensor, Error> {
    let padded = windows.padded(x, &initial)?;
    let start = initial.broadcast_to(windows.counts(padded.shape()));
    let mut places = windows.places(&padded).into_iter();
    if windows.inside() {
        return places.try_fold(start, f)?.check();
    }
    // What lies outside does not take part: the initial value need not be the function's neutral element.
    let there = crate::tensor::full(x.shape(), true);
    let there = windows.places(&windows.padded(&there, &Tensor::from(false))?);
    places
        .zip(there)
        .try_fold(start, |so_far, (x, there)| {
            f(so_far.clone(), x).map(|next| where_(there, next, so_far))
        })?
        .check()
}

/// Whether a function and what it starts from are the maximum of floats (`true`) or their minimum (`false`) and nothing else.
fn extreme_of(
    f: impl Fn(Tensor, Tensor) -> Result<Tensor, Error>,
    dtype: DType,
    initial: &Tensor,
) -> Option<bool> {
    let start = initial.to_array().ok().filter(|_| dtype.is_float())?;
    let start = Tensor::from(start).astype(DType::F64).item::<f64>().ok()?;
    if start.is_finite() || start.is_nan() {
        return None;
    }
    let program = jit(|a: Tensor, b: Tensor| f(a, b))
        .trace((dtype.scalar(), dtype.scalar()))
        .ok()?;
    let [only] = program.equations() else {
        return None;
    };
    let Op::Data(DataOp::Binary(op)) = &only.op else {
        return None;
    };
    let operands: Vec<Atom> = program.inputs().iter().map(|&v| Atom::Var(v)).collect();
    let result: Vec<Atom> = only.outputs.iter().map(|&v| Atom::Var(v)).collect();
    let plain = only.inputs[..] == operands[..] && program.outputs() == result;
    match op.kind {
        BinaryOp::Max if plain && start < 0.0 => Some(true),
        BinaryOp::Min if plain && start > 0.0 => Some(false),
        _ => None,
    }
}

/// The greatest (or smallest) float of each window. Of equal ones the first has the whole derivative, as in JAX, where a maximum of two
/// shares it.
pub(crate) fn extremes(x: &Tensor, greatest: bool, windows: &Windows) -> Result<Tensor, Error> {
    let of_two = move |a: Tensor, b: Tensor| {
        Ok(match greatest {
            true => a.maximum(b),
            false => a.minimum(b),
        })
    };
    let (own, rule) = (windows.clone(), windows.clone());
    let name = match greatest {
        true => "reduce_window_max",
        false => "reduce_window_min",
    };
    custom_jvp(move |x: Tensor| folded(&x, worst(x.dtype(), greatest), of_two, &own))
        .name(name)
        .def_jvp(move |(x,): (Tensor,), (t,): (Tensor,)| {
            let tangent = select_and_gather_add(t, &x, greatest, &rule)?;
            Ok::<_, Error>((extremes(&x, greatest, &rule)?, tangent))
        })
        .call((x,))
}

/// What counts as no element for a choice of the greatest or the smallest.
fn worst(dtype: DType, greatest: bool) -> Tensor {
    let value = match (dtype, greatest) {
        (d, true) if d.is_float() => Tensor::from(f64::NEG_INFINITY),
        (d, false) if d.is_float() => Tensor::from(f64::INFINITY),
        // The bits of the widest type's, shifted to the width.
        (d, true) if d.is_signed_integer() => Tensor::from(i64::MIN >> (64 - 8 * d.size())),
        (d, false) if d.is_signed_integer() => Tensor::from(i64::MAX >> (64 - 8 * d.size())),
        (_, true) => Tensor::from(0),
        (_, false) => !Tensor::from(0).astype(dtype),
    };
    value.astype(dtype)
}

/// The place of the greatest (or smallest) element of each window among the tensor's elements in order, the first of several; as many as
/// there are elements for the padding, which is the worst of all and takes part.
///
/// A choice that starts from nothing (`from_none`) begins with one more such element. NaN is not better than anything, nor is
/// anything worse, so what comes after it is chosen.
fn chosen(
    operand: &Tensor,
    greatest: bool,
    windows: &Windows,
    from_none: bool,
) -> Result<Tensor, Error> {
    let total = operand.ty().size() as i64;
    let positions = crate::tensor::iota(DType::I64, operand.ty().size(), 0);
    let positions = positions.reshape(operand.shape().iter().map(|&n| n as isize));
    let none = worst(operand.dtype(), greatest);
    let values = windows.places(&windows.padded(operand, &none)?);
    let places = windows.places(&windows.padded(&positions, &Tensor::from(total))?);
    let mut all = values.into_iter().zip(places);
    let Some((first, place)) = all.next() else {
        return Err(refuse("select_and_gather_add", "windows have no elements"));
    };
    let better = |so_far: &Tensor, value: &Tensor| match greatest {
        true => !so_far.greater_equal(value),
        false => !so_far.less_equal(value),
    };
    let (mut best, mut at) = match from_none {
        true => {
            let any = better(&none, &first);
            (where_(&any, first, &none), where_(any, place, total))
        }
        false => (first, place),
    };
    for (value, place) in all {
        let better = better(&best, &value);
        best = where_(&better, value, best);
        at = where_(better, place, at);
    }
    at.check()
}

/// The elements of `tangents` where `operand` has its greatest (or smallest) in each window; 0 for windows of padding only.
///
/// # Errors
///
/// [`OpErrorKind::InvalidParameter`](crate::OpErrorKind) for windows of another number of axes.
///
/// ```
/// use elimap::lax;
/// let y = lax::select_and_gather_add(vec![10.0, 20.0, 30.0], vec![1.0, 5.0, 2.0], true, &lax::Windows::new([2]))?;
/// assert_eq!(y.to_vec::<f64>()?, [20.0, 20.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn select_and_gather_add(
    tangents: impl Into<Tensor>,
    operand: impl Into<Tensor>,
    greatest: bool,
    windows: &Windows,
) -> Result<Tensor, Error> {
    let (tangents, operand) = (tangents.into().check()?, operand.into().check()?);
    windows.check("select_and_gather_add", operand.rank())?;
    let at = chosen(&operand, greatest, windows, true)?;
    let none = Tensor::from(0).astype(tangents.dtype()).reshape([1]);
    let flat = crate::tensor::concatenate([tangents.reshape([-1]), none], 0)?;
    flat.take(at, 0, crate::tensor::TakeMode::Clip).check()
}

/// The elements of `source`, one for each window, added up where `operand` has the window's greatest (or smallest).
///
/// # Errors
///
/// [`OpErrorKind::InvalidParameter`](crate::OpErrorKind) for windows of another number of axes.
///
/// ```
/// use elimap::lax;
/// let y = lax::select_and_scatter_add(vec![10.0, 20.0], vec![1.0, 5.0, 2.0], true, &lax::Windows::new([2]))?;
/// assert_eq!(y.to_vec::<f64>()?, [0.0, 30.0, 0.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn select_and_scatter_add(
    source: impl Into<Tensor>,
    operand: impl Into<Tensor>,
    greatest: bool,
    windows: &Windows,
) -> Result<Tensor, Error> {
    let (source, operand) = (source.into().check()?, operand.into().check()?);
    windows.check("select_and_scatter_add", operand.rank())?;
    let at = chosen(&operand, greatest, windows, false)?;
    let sums = crate::tensor::zeros(operand.ty().size(), source.dtype());
    let sums = sums.at(at.reshape([-1])).add(source.reshape([-1]));
    sums.reshape(operand.shape().iter().map(|&n| n as isize))
        .check()
}
