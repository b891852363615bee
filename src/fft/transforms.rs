//! Fourier transforms along axes.

use std::panic::Location;

use smallvec::SmallVec;

use crate::array::{DType, Shape};
use crate::error::{Error, OpError, OpErrorKind};
use crate::program::{Fft, FftKind};
use crate::special::float;
use crate::tensor::{AxisList, Tensor, apply1, composed, convert, resolve};

/// What transforms are divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Norm {
    /// Inverse transforms by the number of elements.
    #[default]
    Backward,
    /// Both directions by the root of the number of elements, which keeps lengths.
    Ortho,
    /// Forward transforms by the number of elements.
    Forward,
}

impl Norm {
    /// The norm of a transform that is computed by one in the other direction.
    fn swapped(self) -> Norm {
        match self {
            Norm::Backward => Norm::Forward,
            Norm::Ortho => Norm::Ortho,
            Norm::Forward => Norm::Backward,
        }
    }

    /// What brings the operation's result, which is divided where it is an inverse one, to this norm.
    fn scale(self, kind: FftKind, count: f64) -> f64 {
        match (self, kind) {
            (Norm::Backward, _) => 1.0,
            (Norm::Ortho, FftKind::Fft | FftKind::Rfft) => 1.0 / count.sqrt(),
            (Norm::Ortho, FftKind::Ifft | FftKind::Irfft) => count.sqrt(),
            (Norm::Forward, FftKind::Fft | FftKind::Rfft) => 1.0 / count,
            (Norm::Forward, FftKind::Ifft | FftKind::Irfft) => count,
        }
    }
}

/// Transforms `axes`, each cut or filled up to its length where lengths are given.
fn transformed(
    op: &'static str,
    kind: FftKind,
    x: &Tensor,
    lengths: Option<&[usize]>,
    axes: &[isize],
    norm: Norm,
) -> Result<Tensor, Error> {
    let location = Location::caller();
    let refuse = |detail: String| -> Error {
        OpError::at(op, OpErrorKind::parameter(detail), location).into()
    };
    let x = float(x).check()?;
    let x = match kind {
        FftKind::Rfft if x.dtype().is_complex() => {
            return Err(refuse(format!(
                "takes real numbers, got {}; use fft or fftn, or x.real()",
                x.ty()
            )));
        }
        FftKind::Rfft if x.dtype().is_half() => convert(&x, (DType::F32, false), location),
        FftKind::Rfft => x,
        FftKind::Fft | FftKind::Ifft | FftKind::Irfft => {
            convert(&x, (x.dtype().complex(), false), location)
        }
    };
    let axes = resolve(op, axes, x.rank(), location)?;
    let Some(&last) = axes.last() else {
        return Ok(x);
    };
    if lengths.is_some_and(|lengths| lengths.len() != axes.len()) {
        return Err(refuse(format!(
            "{} axes take as many lengths, one each",
            axes.len()
        )));
    }
    let mut full: Shape = SmallVec::new();
    for (k, &axis) in axes.iter().enumerate() {
        let found = x.shape()[axis];
        let own = if kind == FftKind::Irfft && axis == last {
            2 * found.saturating_sub(1)
        } else {
            found
        };
        full.push(lengths.map_or(own, |lengths| lengths[k]));
    }
    if let Some(k) = full.iter().position(|&n| n == 0) {
        return Err(refuse(format!(
            "axis {} would have no elements; give a length of at least 1",
            axes[k]
        )));
    }
    // The transformed axes come last, in their order, with the lengths that are asked for.
    let ends: Vec<isize> = (0..axes.len())
        .map(|k| k as isize - axes.len() as isize)
        .collect();
    let from: Vec<isize> = axes.iter().map(|&a| a as isize).collect();
    let mut moved = crate::numpy::moveaxis(&x, from.clone(), ends.clone());
    for (k, &n) in full.iter().enumerate() {
        let axis = x.rank() - axes.len() + k;
        let wanted = if kind == FftKind::Irfft && k + 1 == full.len() {
            n / 2 + 1
        } else {
            n
        };
        let found = moved.shape()[axis];
        if wanted < found {
            moved = moved.along(axis, 0, wanted);
        } else if wanted > found {
            let missing = (wanted - found) as i64;
            let config = (0..moved.rank()).map(|a| (0, if a == axis { missing } else { 0 }, 0));
            let zero = Tensor::from(false).astype(moved.dtype());
            moved = moved.pad(zero, config.collect::<Vec<_>>());
        }
    }
    let count: f64 = full.iter().map(|&n| n as f64).product();
    let out = apply1(
        Fft {
            kind,
            lengths: full,
        },
        &[&moved],
        location,
    );
    let scale = norm.scale(kind, count);
    let out = if scale == 1.0 { out } else { out * scale };
    crate::numpy::moveaxis(out, ends, from).check()
}

/// The Fourier transform along an axis.
///
/// The axis is cut or filled up with zeros to `n` elements where given.
///
/// ```
/// use elimap::{fft, fft::Norm, num_complex::Complex};
/// let y = fft::fft(vec![1.0, 2.0, 0.0, -2.0], None, -1, Norm::Backward);
/// assert_eq!(y.to_vec::<Complex<f64>>()?[1], Complex::new(1.0, -4.0));
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn fft(x: impl Into<Tensor>, n: Option<usize>, axis: isize, norm: Norm) -> Tensor {
    let x = x.into();
    composed(Location::caller(), || {
        let n = n.map(|n| [n]);
        transformed(
            "fft",
            FftKind::Fft,
            &x,
            n.as_ref().map(<[usize; 1]>::as_slice),
            &[axis],
            norm,
        )
    })
}

/// The inverse Fourier transform along an axis.
///
/// The axis is cut or filled up with zeros to `n` elements where given.
///
/// ```
/// use elimap::{fft, fft::Norm, num_complex::Complex};
/// let x = vec![Complex::new(1.0, 0.0), Complex::new(0.0, 1.0)];
/// let y = fft::ifft(fft::fft(x.clone(), None, 0, Norm::Ortho), None, 0, Norm::Ortho);
/// assert!((y.to_vec::<Complex<f64>>()?[1] - x[1]).norm() < 1e-15);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn ifft(x: impl Into<Tensor>, n: Option<usize>, axis: isize, norm: Norm) -> Tensor {
    let x = x.into();
    composed(Location::caller(), || {
        let n = n.map(|n| [n]);
        transformed(
            "ifft",
            FftKind::Ifft,
            &x,
            n.as_ref().map(<[usize; 1]>::as_slice),
            &[axis],
            norm,
        )
    })
}

/// The first half of the Fourier transform of real numbers along an axis; the other half is its mirror image.
///
/// The axis is cut or filled up with zeros to `n` elements where given.
///
/// ```
/// use elimap::{fft, fft::Norm, num_complex::Complex};
/// let y = fft::rfft(vec![1.0, 2.0, 0.0, -2.0], None, -1, Norm::Backward);
/// assert_eq!(y.to_vec::<Complex<f64>>()?, [1.0.into(), Complex::new(1.0, -4.0), 1.0.into()]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn rfft(x: impl Into<Tensor>, n: Option<usize>, axis: isize, norm: Norm) -> Tensor {
    let x = x.into();
    composed(Location::caller(), || {
        let n = n.map(|n| [n]);
        transformed(
            "rfft",
            FftKind::Rfft,
            &x,
            n.as_ref().map(<[usize; 1]>::as_slice),
            &[axis],
            norm,
        )
    })
}

/// The real numbers of which an axis holds the first half of the Fourier transform.
///
/// The axis is cut or filled up with zeros to `n` elements where given, to so many real numbers; else to `2 (m - 1)` for a length of `m`.
///
/// ```
/// use elimap::{fft, fft::Norm};
/// let x = vec![1.0, 2.0, 0.0];
/// let y = fft::irfft(fft::rfft(x, None, 0, Norm::Backward), Some(3), 0, Norm::Backward);
/// assert!((y.to_vec::<f64>()?[1] - 2.0).abs() < 1e-15);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn irfft(x: impl Into<Tensor>, n: Option<usize>, axis: isize, norm: Norm) -> Tensor {
    let x = x.into();
    composed(Location::caller(), || {
        let n = n.map(|n| [n]);
        transformed(
            "irfft",
            FftKind::Irfft,
            &x,
            n.as_ref().map(<[usize; 1]>::as_slice),
            &[axis],
            norm,
        )
    })
}

/// The real Fourier transform of numbers that equal the conjugates of their mirror images, of which an axis holds the first half.
///
/// The axis is cut or filled up with zeros to `n` elements where given, to so many real numbers; else to `2 (m - 1)` for a length of `m`.
///
/// ```
/// use elimap::{fft, fft::Norm};
/// let y = fft::hfft(vec![1.0, 2.0, 3.0], None, -1, Norm::Backward);
/// assert_eq!(y.to_vec::<f64>()?, [8.0, -2.0, 0.0, -2.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn hfft(x: impl Into<Tensor>, n: Option<usize>, axis: isize, norm: Norm) -> Tensor {
    let x = x.into();
    composed(Location::caller(), || {
        let n = n.map(|n| [n]);
        transformed(
            "hfft",
            FftKind::Irfft,
            &x.conj(),
            n.as_ref().map(<[usize; 1]>::as_slice),
            &[axis],
            norm.swapped(),
        )
    })
}

/// The inverse of [`hfft`]: half of what real numbers are the transform of.
///
/// The axis is cut or filled up with zeros to `n` elements where given.
///
/// ```
/// use elimap::{fft, fft::Norm, num_complex::Complex};
/// let y = fft::ihfft(vec![8.0, -2.0, 0.0, -2.0], None, -1, Norm::Backward);
/// assert_eq!(y.to_vec::<Complex<f64>>()?[1], Complex::new(2.0, 0.0));
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn ihfft(x: impl Into<Tensor>, n: Option<usize>, axis: isize, norm: Norm) -> Tensor {
    let x = x.into();
    composed(Location::caller(), || {
        let n = n.map(|n| [n]);
        let y = transformed(
            "ihfft",
            FftKind::Rfft,
            &x,
            n.as_ref().map(<[usize; 1]>::as_slice),
            &[axis],
            norm.swapped(),
        )?;
        Ok(y.conj())
    })
}

/// The Fourier transform along several axes.
///
/// Each axis is cut or filled up with zeros to its length in `lengths` where given.
///
/// ```
/// use elimap::{fft, fft::Norm, num_complex::Complex};
/// let y = fft::fftn(ndarray::array![[1.0, 2.0], [3.0, 5.0]], None, .., Norm::Backward);
/// assert_eq!(y.to_vec::<Complex<f64>>()?, [11.0, -3.0, -5.0, 1.0].map(Complex::from));
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn fftn(
    x: impl Into<Tensor>,
    lengths: Option<&[usize]>,
    axes: impl AxisList,
    norm: Norm,
) -> Tensor {
    let x = x.into();
    composed(Location::caller(), || {
        let axes = axes.axes(x.rank());
        transformed("fftn", FftKind::Fft, &x, lengths, &axes, norm)
    })
}

/// The inverse Fourier transform along several axes.
///
/// Each axis is cut or filled up with zeros to its length in `lengths` where given.
///
/// ```
/// use elimap::{fft, fft::Norm, num_complex::Complex};
/// let y = fft::ifftn(ndarray::array![[11.0, -3.0], [-5.0, 1.0]], None, .., Norm::Backward);
/// assert_eq!(y.to_vec::<Complex<f64>>()?, [1.0, 2.0, 3.0, 5.0].map(Complex::from));
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn ifftn(
    x: impl Into<Tensor>,
    lengths: Option<&[usize]>,
    axes: impl AxisList,
    norm: Norm,
) -> Tensor {
    let x = x.into();
    composed(Location::caller(), || {
        let axes = axes.axes(x.rank());
        transformed("ifftn", FftKind::Ifft, &x, lengths, &axes, norm)
    })
}

/// The Fourier transform of real numbers along several axes, of the last of which the first half is kept.
///
/// Each axis is cut or filled up with zeros to its length in `lengths` where given.
///
/// ```
/// use elimap::{fft, fft::Norm};
/// let y = fft::rfftn(ndarray::array![[1.0, 2.0, 4.0], [3.0, 5.0, 6.0]], None, .., Norm::Backward);
/// assert_eq!(y.shape(), [2, 2]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn rfftn(
    x: impl Into<Tensor>,
    lengths: Option<&[usize]>,
    axes: impl AxisList,
    norm: Norm,
) -> Tensor {
    let x = x.into();
    composed(Location::caller(), || {
        let axes = axes.axes(x.rank());
        transformed("rfftn", FftKind::Rfft, &x, lengths, &axes, norm)
    })
}

/// The inverse of [`rfftn`].
///
/// Each axis is cut or filled up with zeros to its length in `lengths` where given, the last to so many real numbers.
///
/// ```
/// use elimap::{fft, fft::Norm};
/// let x = ndarray::array![[1.0, 2.0, 4.0], [3.0, 5.0, 6.0]];
/// let y = fft::irfftn(fft::rfftn(&x, None, .., Norm::Ortho), Some(&[2, 3]), .., Norm::Ortho);
/// assert!((y - x).abs().max(..).item::<f64>()? < 1e-14);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn irfftn(
    x: impl Into<Tensor>,
    lengths: Option<&[usize]>,
    axes: impl AxisList,
    norm: Norm,
) -> Tensor {
    let x = x.into();
    composed(Location::caller(), || {
        let axes = axes.axes(x.rank());
        transformed("irfftn", FftKind::Irfft, &x, lengths, &axes, norm)
    })
}

/// The Fourier transform along the last two axes.
///
/// ```
/// use elimap::{fft, fft::Norm, num_complex::Complex};
/// let y = fft::fft2(ndarray::array![[1.0, 2.0], [3.0, 5.0]], Norm::Backward);
/// assert_eq!(y.to_vec::<Complex<f64>>()?[0], Complex::new(11.0, 0.0));
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn fft2(x: impl Into<Tensor>, norm: Norm) -> Tensor {
    fftn(x, None, [-2, -1], norm)
}

/// The inverse Fourier transform along the last two axes.
///
/// ```
/// use elimap::{fft, fft::Norm, num_complex::Complex};
/// let y = fft::ifft2(ndarray::array![[11.0, -3.0], [-5.0, 1.0]], Norm::Backward);
/// assert_eq!(y.to_vec::<Complex<f64>>()?[0], Complex::new(1.0, 0.0));
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn ifft2(x: impl Into<Tensor>, norm: Norm) -> Tensor {
    ifftn(x, None, [-2, -1], norm)
}

/// The Fourier transform of real numbers along the last two axes, of the last of which the first half is kept.
///
/// ```
/// use elimap::{fft, fft::Norm, num_complex::Complex};
/// let y = fft::rfft2(ndarray::array![[1.0, 2.0], [3.0, 5.0]], Norm::Backward);
/// assert_eq!(y.to_vec::<Complex<f64>>()?[0], Complex::new(11.0, 0.0));
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn rfft2(x: impl Into<Tensor>, norm: Norm) -> Tensor {
    rfftn(x, None, [-2, -1], norm)
}

/// The inverse of [`rfft2`], of an even number of columns.
///
/// ```
/// use elimap::{fft, fft::Norm};
/// let y = fft::irfft2(ndarray::array![[11.0, -3.0], [-5.0, 1.0]], Norm::Backward);
/// assert_eq!(y.to_vec::<f64>()?, [1.0, 2.0, 3.0, 5.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn irfft2(x: impl Into<Tensor>, norm: Norm) -> Tensor {
    irfftn(x, None, [-2, -1], norm)
}
