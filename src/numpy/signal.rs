//! Discrete convolution of vectors.

use super::{inexact, refuse};
use crate::array::DType;
use crate::error::Error;
use crate::tensor::{TakeMode, Tensor, arange, compositions, concatenate, where_};

/// How much of a convolution [`convolve`] and [`correlate`] return, for lengths n and m.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConvolveMode {
    /// Every overlap: n + m - 1 elements.
    #[default]
    Full,
    /// The middle max(n, m) of them.
    Same,
    /// Where they overlap in full: |n - m| + 1 elements.
    Valid,
}

fn convolved(
    op: &'static str,
    a: &Tensor,
    v: &Tensor,
    mode: ConvolveMode,
) -> Result<Tensor, Error> {
    if a.rank() != 1 || v.rank() != 1 || a.shape()[0] == 0 || v.shape()[0] == 0 {
        return Err(refuse(
            op,
            format!(
                "takes vectors that are not empty, got {} and {}",
                a.ty(),
                v.ty()
            ),
        ));
    }
    // As in numpy, integers become floats.
    let [a, v] = &inexact([a, v]);
    let (n, m) = (a.shape()[0], v.shape()[0]);
    let swapped = n < m;
    let (a, v, n, m) = if swapped { (v, a, m, n) } else { (a, v, n, m) };
    // Row k holds the elements of `a` that meet `v` at place k: a matrix of windows times the reversed short vector.
    let (from, count) = match mode {
        ConvolveMode::Full => (0, n + m - 1),
        // A correlation turns around when its vectors change places, and with it which of two middles is taken.
        ConvolveMode::Same if swapped && op == "correlate" => (m / 2, n),
        ConvolveMode::Same => ((m - 1) / 2, n),
        ConvolveMode::Valid => (m - 1, n - m + 1),
    };
    let at = arange(from..from + count).expand_dims(1) - arange(m);
    let inside = at.greater_equal(0) & at.less(n as i64);
    let windows = a.take(&at, 0, TakeMode::Clip);
    let windows = where_(
        inside,
        &windows,
        Tensor::from(false).astype(windows.dtype()),
    );
    windows.matmul(v).check()
}

compositions! {
    numpy;
    /// Sums of products of one vector with the other reversed, at every shift.
    [convolve(vec![1_i64, 2, 3], vec![1_i64, 10], numpy::ConvolveMode::Full) => f64 [1.0, 12.0, 23.0, 30.0]]
    fn convolve(a, v; mode: ConvolveMode) { convolved("convolve", &a, &v, mode) }
    /// Sums of products of two vectors at every shift, the second conjugated.
    [correlate(vec![1_i64, 2, 3], vec![1_i64, 10], numpy::ConvolveMode::Valid) => f64 [21.0, 32.0]]
    fn correlate(a, v; mode: ConvolveMode) { convolved("correlate", &a, &v.conj().flip(0), mode) }
    /// Values on the line between the points `(xp, fp)`, whose `xp` ascend; beyond them the first and last `fp`.
    [interp(vec![0.5, 9.0], vec![0.0, 1.0, 2.0], vec![0.0, 10.0, 20.0]) => f64 [5.0, 20.0]]
    fn interp(x, xp, fp;) {
        let (first, last) = (fp.i(..1), fp.i(-1..));
        Ok(interp_between(&x, &xp, &fp, first.squeeze(0), last.squeeze(0)))
    }
    /// As [`interp`], with the values that stand before the first point and behind the last.
    [interp_between(vec![-1.0, 0.5, 9.0], vec![0.0, 1.0], vec![0.0, 10.0], -5.0, 7.0) => f64 [-5.0, 5.0, 7.0]]
    fn interp_between(x, xp, fp, left, right;) {
        let ([x, xp], [fp]) = (inexact([&x, &xp]), inexact([&fp]));
        let f = on_lines(&x, &xp, &fp)?;
        let f = where_(x.less(xp.index(0, 0)), left.astype(f.dtype()), f);
        Ok(where_(x.greater(xp.index(0, -1)), right.astype(f.dtype()), f))
    }
    /// As [`interp`], with points that repeat with a period and need not ascend.
    [interp_periodic(vec![-0.5, 2.5], vec![1.0, 0.0], vec![10.0, 0.0], 2.0) => f64 [5.0, 5.0]]
    fn interp_periodic(x, xp, fp; period: f64) {
        let ([x, xp], [fp]) = (inexact([&x, &xp]), inexact([&fp]));
        let period = period.abs();
        let xp = xp % period;
        let order = xp.argsort(0);
        let (xp, fp) = (xp.take(&order, 0, TakeMode::Clip), fp.take(&order, 0, TakeMode::Clip));
        let ends = [xp.i(-1..) - period, xp.clone(), xp.i(..1) + period];
        let fp = concatenate([fp.i(-1..), fp.clone(), fp.i(..1)], 0)?;
        on_lines(&(x % period), &concatenate(ends, 0)?, &fp)
    }
}

/// The lines through neighbouring points, the outermost ones without an end.
fn on_lines(x: &Tensor, xp: &Tensor, fp: &Tensor) -> Result<Tensor, Error> {
    if xp.rank() != 1 || fp.shape() != xp.shape() || xp.shape()[0] == 0 {
        let found = format!("{} and {}", xp.ty(), fp.ty());
        return Err(refuse(
            "interp",
            format!("the points are vectors of one length, got {found}"),
        ));
    }
    let n = xp.shape()[0] as i64;
    let i = super::searchsorted(xp, x, true)
        .clip(1, (n - 1).max(1))
        .astype(DType::I64);
    let read = |from: &Tensor, at: &Tensor| from.take(at, 0, TakeMode::Clip);
    let before = &i - 1;
    let (x0, f0) = (read(xp, &before), read(fp, &before));
    let (dx, df) = (read(xp, &i) - &x0, read(fp, &i) - &f0);
    // Points that coincide have no line between them.
    let flat = dx.abs().less_equal(5e-32);
    let slope = (x - x0) / where_(&flat, 1.0, dx);
    where_(flat, &f0, &f0 + slope * df).check()
}
