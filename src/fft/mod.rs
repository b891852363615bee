//! What `jax.numpy.fft` and `jax.scipy.fft` have: Fourier transforms, frequencies, the order of spectra, and cosine transforms.
//!
//! ```
//! use elimap::fft;
//! let order = fft::fftshift(fft::fftfreq(4, 1.0), ..);
//! assert_eq!(order.to_vec::<f64>()?, [-0.5, -0.25, 0.0, 0.25]);
//! # Ok::<(), elimap::Error>(())
//! ```

mod transforms;

pub use transforms::{
    Norm, fft, fft2, fftn, hfft, ifft, ifft2, ifftn, ihfft, irfft, irfft2, irfftn, rfft, rfft2,
    rfftn,
};

use std::f64::consts::PI;
use std::panic::Location;

use crate::array::DType;
use crate::error::Error;
use crate::tensor::{AxisList, Tensor, arange, composed, concatenate, resolve};

/// The frequencies of a transform of length `n` of samples `d` apart, in the order of its results.
///
/// ```
/// use elimap::fft;
/// assert_eq!(fft::fftfreq(5, 1.0).to_vec::<f64>()?, [0.0, 0.2, 0.4, -0.4, -0.2]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn fftfreq(n: usize, d: f64) -> Tensor {
    composed(Location::caller(), || {
        let (middle, n) = (n.div_ceil(2) as i64, n as i64);
        let order = concatenate([arange(middle), arange((middle - n, 0_i64, 1_i64))], 0)?;
        Ok(order.astype(DType::F64) / (d * n as f64))
    })
}

/// The frequencies of a transform of `n` real samples `d` apart.
///
/// ```
/// use elimap::fft;
/// assert_eq!(fft::rfftfreq(4, 0.5).to_vec::<f64>()?, [0.0, 0.5, 1.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn rfftfreq(n: usize, d: f64) -> Tensor {
    composed(Location::caller(), || {
        Ok(arange(n / 2 + 1).astype(DType::F64) / (d * n as f64))
    })
}

/// Each axis rolled by what `by` makes of its length.
fn rolled(x: &Tensor, axes: &dyn AxisList, by: fn(usize) -> isize) -> Result<Tensor, Error> {
    let axes = resolve(
        "fftshift",
        &axes.axes(x.rank()),
        x.rank(),
        Location::caller(),
    )?;
    let mut out = x.clone();
    for axis in axes {
        out = out.roll(by(x.shape()[axis]), axis as isize);
    }
    Ok(out)
}

/// A spectrum with the frequency 0 moved to the middle of each axis.
///
/// ```
/// use elimap::fft;
/// assert_eq!(fft::fftshift(vec![0, 1, 2, -2, -1], 0).to_vec::<i32>()?, [-2, -1, 0, 1, 2]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn fftshift(x: impl Into<Tensor>, axes: impl AxisList) -> Tensor {
    let x = x.into();
    composed(Location::caller(), || {
        rolled(&x, &axes, |n| (n / 2) as isize)
    })
}

/// The inverse of [`fftshift`].
///
/// ```
/// use elimap::fft;
/// assert_eq!(fft::ifftshift(vec![-2, -1, 0, 1, 2], 0).to_vec::<i32>()?, [0, 1, 2, -2, -1]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn ifftshift(x: impl Into<Tensor>, axes: impl AxisList) -> Tensor {
    let x = x.into();
    composed(Location::caller(), || {
        rolled(&x, &axes, |n| -((n / 2) as isize))
    })
}

/// The discrete cosine transform of type 2 along an axis, `orthonormal` or as scipy scales it.
///
/// It is a product with the matrix of cosines, so its time grows with the square of the length.
///
/// ```
/// use elimap::fft;
/// let y = fft::dct(vec![1.0, 1.0, 1.0, 1.0], 0, true).to_vec::<f64>()?;
/// assert!((y[0] - 2.0).abs() < 1e-15 && y[1].abs() < 1e-15);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn dct(x: impl Into<Tensor>, axis: isize, orthonormal: bool) -> Tensor {
    let x: Tensor = x.into();
    composed(Location::caller(), || {
        let x = (if x.dtype().is_inexact() { x } else { x / 1.0 }).check()?;
        let at = resolve("dct", &[axis], x.rank(), Location::caller())?[0];
        let n = x.shape()[at];
        let cosines = (0..n * n).map(|place| {
            let (k, i) = (place % n, place / n);
            let scale = match (orthonormal, k) {
                (false, _) => 2.0,
                (true, 0) => (1.0 / n as f64).sqrt(),
                (true, _) => (2.0 / n as f64).sqrt(),
            };
            // The angle is reduced while it is a whole number of quarters of a step.
            scale * (PI * (k * (2 * i + 1) % (4 * n)) as f64 / (2 * n) as f64).cos()
        });
        let matrix = Tensor::from(cosines.collect::<Vec<f64>>()).astype(x.dtype());
        let matrix = matrix.reshape([n as isize, n as isize]);
        Ok(x.moveaxis(at as isize, -1)
            .matmul(matrix)
            .moveaxis(-1, at as isize))
    })
}
