//! Reductions and scans by functions of the caller's.

use std::panic::Location;

use super::refuse;
use crate::error::Error;
use crate::tensor::{AxisList, ScanOptions, Tensor, composed, concatenate, resolve, scan};

/// What a function of two numbers makes of all elements over axes, starting from `initial`. It should not matter in which order.
///
/// The function is applied to whole tensors, element by element.
///
/// # Errors
///
/// What goes wrong in the function, and [`OpErrorKind::AxisOutOfBounds`](crate::OpErrorKind).
///
/// ```
/// use elimap::{lax, prelude::*};
/// let x = ndarray::array![[1.0, 2.0], [3.0, 4.0]];
/// let y = lax::reduce(x, 1.0, |a, b| ok(a * b), 1)?;
/// assert_eq!(y.to_vec::<f64>()?, [2.0, 12.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn reduce(
    x: impl Into<Tensor>,
    initial: impl Into<Tensor>,
    f: impl Fn(Tensor, Tensor) -> Result<Tensor, Error>,
    axes: impl AxisList,
) -> Result<Tensor, Error> {
    let x = x.into().check()?;
    let axes = resolve("reduce", &axes.axes(x.rank()), x.rank(), Location::caller())?;
    let kept: Vec<usize> = (0..x.rank()).filter(|a| !axes.contains(a)).collect();
    let order = axes.iter().chain(&kept).map(|&a| a as isize);
    let shape: Vec<usize> = kept.iter().map(|&a| x.shape()[a]).collect();
    let count: usize = axes.iter().map(|&a| x.shape()[a]).product();
    let rows = std::iter::once(count as isize).chain(shape.iter().map(|&n| n as isize));
    let rows = x.transpose(order).reshape(rows).check()?;
    let start = initial.into().astype(x.dtype()).broadcast_to(&shape);
    let step =
        |carry: Tensor, row: Tensor| -> Result<(Tensor, ()), Error> { Ok((f(carry, row)?, ())) };
    let (out, ()) = scan(step, start, rows, ScanOptions::default())?;
    Ok(out)
}

/// Bitwise reductions, for truth values logical ones.
macro_rules! bitwise_reductions {
    ($($name:ident $what:literal $operator:tt $start:literal $example:literal;)*) => {$(
        #[doc = concat!("Whether ", $what, " of the elements over axes are set: for integers bit by bit.")]
        ///
        /// ```
        /// use elimap::lax;
        #[doc = concat!("assert_eq!(lax::", stringify!($name), "(vec![3, 6, 2], 0).item::<i32>()?, ", $example, ");")]
        /// # Ok::<(), elimap::Error>(())
        /// ```
        #[track_caller]
        #[must_use]
        pub fn $name(x: impl Into<Tensor>, axes: impl AxisList) -> Tensor {
            let x = x.into();
            composed(Location::caller(), || {
                let none = Tensor::from(false).astype(x.dtype());
                let start = if $start { !none } else { none };
                reduce(&x, start, |a, b| Ok(a $operator b), axes)
            })
        }
    )*};
}

bitwise_reductions! {
    reduce_and "all" & true 2;
    reduce_or "any" | false 7;
    reduce_xor "an odd number" ^ false 7;
}

/// Running results of an associative function of two lists of tensors, along an axis, in a number of steps logarithmic in
/// its length.
///
/// # Errors
///
/// What goes wrong in the function, [`OpErrorKind::InvalidParameter`](crate::OpErrorKind) for no tensors.
///
/// ```
/// use elimap::{lax, prelude::*};
/// let product = |a: &[Tensor], b: &[Tensor]| ok(vec![&a[0] * &b[0]]);
/// let y = lax::associative_scan(product, [vec![1.0, 2.0, 3.0, 4.0, 5.0]], 0, false)?;
/// assert_eq!(y[0].to_vec::<f64>()?, [1.0, 2.0, 6.0, 24.0, 120.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn associative_scan<T: Into<Tensor>>(
    f: impl Fn(&[Tensor], &[Tensor]) -> Result<Vec<Tensor>, Error>,
    elements: impl IntoIterator<Item = T>,
    axis: isize,
    reverse: bool,
) -> Result<Vec<Tensor>, Error> {
    let mut elements: Vec<Tensor> = elements.into_iter().map(Into::into).collect();
    let Some(first) = elements.first() else {
        return Err(refuse("associative_scan", "needs at least one tensor"));
    };
    let axis = resolve(
        "associative_scan",
        &[axis],
        first.rank(),
        Location::caller(),
    )?[0];
    let turn = |x: &Tensor| {
        if reverse {
            x.flip(axis as isize)
        } else {
            x.clone()
        }
    };
    elements = elements.iter().map(turn).collect();
    let out = halved(&f, &elements, axis)?;
    out.iter().map(|x| turn(x).check()).collect()
}

/// What [`associative_scan`] scans with.
type Joining<'a> = dyn Fn(&[Tensor], &[Tensor]) -> Result<Vec<Tensor>, Error> + 'a;

/// Every `step`-th entry of an axis, `from..to`.
fn every(x: &Tensor, axis: usize, from: usize, to: usize, step: usize) -> Tensor {
    let part = x.along(axis, from.min(to), to);
    if step == 1 {
        return part;
    }
    let n = part.shape()[axis];
    let at: Vec<i64> = (0..n.div_ceil(step)).map(|k| (k * step) as i64).collect();
    part.take(at, axis as isize, crate::tensor::TakeMode::Clip)
}

/// Pairs of neighbours are scanned first; what stands between them follows from one more step.
fn halved(f: &Joining<'_>, x: &[Tensor], axis: usize) -> Result<Vec<Tensor>, Error> {
    let n = x[0].shape()[axis];
    if n < 2 {
        return Ok(x.to_vec());
    }
    let all = |from: usize, to: usize, step: usize| -> Vec<Tensor> {
        x.iter().map(|x| every(x, axis, from, to, step)).collect()
    };
    let odd = halved(f, &f(&all(0, n - 1, 2), &all(1, n, 2))?, axis)?;
    let before: Vec<Tensor> = if n.is_multiple_of(2) {
        odd.iter()
            .map(|x| every(x, axis, 0, n / 2 - 1, 1))
            .collect()
    } else {
        odd.clone()
    };
    let between = if n > 2 {
        f(&before, &all(2, n, 2))?
    } else {
        Vec::new()
    };
    let mut out = Vec::with_capacity(x.len());
    for k in 0..x.len() {
        let first = every(&x[k], axis, 0, 1, 1);
        let even = match between.get(k) {
            Some(rest) => concatenate([&first, rest], axis as isize)?,
            None => first,
        };
        // Even and odd places in turn: side by side on a new axis, which is then folded in.
        let (m, extra) = (odd[k].shape()[axis], n % 2);
        let pair = crate::tensor::stack(
            [every(&even, axis, 0, m, 1), odd[k].clone()],
            axis as isize + 1,
        )?;
        let mut shape: Vec<isize> = odd[k].shape().iter().map(|&n| n as isize).collect();
        shape[axis] = 2 * m as isize;
        let woven = pair.reshape(shape);
        out.push(if extra == 1 {
            concatenate([woven, every(&even, axis, m, m + 1, 1)], axis as isize)?
        } else {
            woven
        });
    }
    Ok(out)
}
