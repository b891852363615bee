//! Convolutions of any number of spatial axes.

use super::refuse;
use crate::error::Error;
use crate::numpy::{ConvolveMode, inexact};
use crate::program::DotDims;
use crate::tensor::{TakeMode, Tensor, arange};

/// How a convolution slides and what its axes are.
///
/// Axes are named as in JAX by three words: `N` batch, `C` channels, and one letter for each spatial axis in the operand and
/// the result; `O` and `I` for the channels the kernel gives and takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conv {
    strides: Vec<usize>,
    padding: Vec<(i64, i64)>,
    lhs_dilation: Vec<usize>,
    rhs_dilation: Vec<usize>,
    axes: [String; 3],
    feature_groups: usize,
    batch_groups: usize,
}

impl Conv {
    /// Windows one element apart, inside the operand, with axes `NC..`, `OI..`, `NC..`.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::lax::{Conv, conv};
    /// let x = Tensor::from(vec![1.0, 2.0, 3.0, 4.0]).reshape([1, 1, -1]);
    /// let sum_of_two = ones([1, 1, 2], DType::F64);
    /// assert_eq!(conv(x, sum_of_two, &Conv::new(1))?.to_vec::<f64>()?, [3.0, 5.0, 7.0]);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn new(spatial: usize) -> Self {
        let letters: String = "0123456789".chars().take(spatial).collect();
        Conv {
            strides: vec![1; spatial],
            padding: vec![(0, 0); spatial],
            lhs_dilation: vec![1; spatial],
            rhs_dilation: vec![1; spatial],
            axes: [
                format!("NC{letters}"),
                format!("OI{letters}"),
                format!("NC{letters}"),
            ],
            feature_groups: 1,
            batch_groups: 1,
        }
    }

    /// How far apart windows start.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::lax::{Conv, conv};
    /// let x = Tensor::from(vec![1.0, 2.0, 3.0, 4.0]).reshape([1, 1, -1]);
    /// let sum_of_two = ones([1, 1, 2], DType::F64);
    /// assert_eq!(conv(x, sum_of_two, &Conv::new(1).strides([2]))?.to_vec::<f64>()?, [3.0, 7.0]);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn strides(mut self, strides: impl IntoIterator<Item = usize>) -> Self {
        self.strides = strides.into_iter().collect();
        self
    }

    /// How many zeros are put before and after each spatial axis; negative numbers take elements away.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::lax::{Conv, conv};
    /// let x = Tensor::from(vec![1.0, 2.0, 3.0, 4.0]).reshape([1, 1, -1]);
    /// let sum_of_two = ones([1, 1, 2], DType::F64);
    /// assert_eq!(conv(x, sum_of_two, &Conv::new(1).padding([(1, 0)]))?.to_vec::<f64>()?, [1.0, 3.0, 5.0, 7.0]);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn padding(mut self, padding: impl IntoIterator<Item = (i64, i64)>) -> Self {
        self.padding = padding.into_iter().collect();
        self
    }

    /// Zeros such that results are as long as operands divided by strides, rounded up (JAX's `SAME`), for an operand and a
    /// kernel of these spatial lengths.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::lax::{Conv, conv};
    /// let x = Tensor::from(vec![1.0, 2.0, 3.0]).reshape([1, 1, -1]);
    /// let sum_of_three = ones([1, 1, 3], DType::F64);
    /// assert_eq!(conv(x, sum_of_three, &Conv::new(1).same_padding(&[3], &[3]))?.to_vec::<f64>()?, [3.0, 6.0, 5.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn same_padding(mut self, operand: &[usize], kernel: &[usize]) -> Self {
        let each = |d: usize| {
            let stride = self.strides[d];
            let reach = (kernel[d].max(1) - 1) * self.rhs_dilation[d] + 1;
            let needed = ((operand[d].div_ceil(stride).max(1) - 1) * stride + reach)
                .saturating_sub(operand[d]);
            ((needed / 2) as i64, (needed - needed / 2) as i64)
        };
        self.padding = (0..self.strides.len()).map(each).collect();
        self
    }

    /// How far apart the operand's elements are pulled.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::lax::{Conv, conv};
    /// let x = Tensor::from(vec![1.0, 2.0, 3.0, 4.0]).reshape([1, 1, -1]);
    /// let sum_of_two = ones([1, 1, 2], DType::F64);
    /// assert_eq!(conv(x, sum_of_two, &Conv::new(1).lhs_dilation([2]))?.to_vec::<f64>()?, [1.0, 2.0, 2.0, 3.0, 3.0, 4.0]);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn lhs_dilation(mut self, dilation: impl IntoIterator<Item = usize>) -> Self {
        self.lhs_dilation = dilation.into_iter().collect();
        self
    }

    /// How far apart the kernel's elements are.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::lax::{Conv, conv};
    /// let x = Tensor::from(vec![1.0, 2.0, 3.0, 4.0]).reshape([1, 1, -1]);
    /// let sum_of_two = ones([1, 1, 2], DType::F64);
    /// assert_eq!(conv(x, sum_of_two, &Conv::new(1).rhs_dilation([2]))?.to_vec::<f64>()?, [4.0, 6.0]);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn rhs_dilation(mut self, dilation: impl IntoIterator<Item = usize>) -> Self {
        self.rhs_dilation = dilation.into_iter().collect();
        self
    }

    /// The letters of the axes of operand, kernel and result, such as `["NHWC", "HWIO", "NHWC"]`.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::lax::{Conv, conv};
    /// // Channels last.
    /// let x = Tensor::from(vec![1.0, 2.0, 3.0]).reshape([1, -1, 1]);
    /// let sum_of_two = ones([2, 1, 1], DType::F64);
    /// let out = conv(x, sum_of_two, &Conv::new(1).axes(["NWC", "WIO", "NWC"]))?;
    /// assert_eq!((out.shape(), out.to_vec::<f64>()?), (&[1, 2, 1][..], vec![3.0, 5.0]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn axes(mut self, axes: [&str; 3]) -> Self {
        self.axes = axes.map(str::to_owned);
        self
    }

    /// Channels in groups that do not see each other.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::lax::{Conv, conv};
    /// // Two channels, each with a kernel of its own.
    /// let x = Tensor::from(vec![1.0, 2.0, 10.0, 20.0]).reshape([1, 2, 2]);
    /// let kernels = Tensor::from(vec![1.0, 1.0, 1.0, -1.0]).reshape([2, 1, 2]);
    /// assert_eq!(conv(x, kernels, &Conv::new(1).feature_groups(2))?.to_vec::<f64>()?, [3.0, -10.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn feature_groups(mut self, groups: usize) -> Self {
        self.feature_groups = groups;
        self
    }

    /// The batch in groups, each with kernels of its own.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::lax::{Conv, conv};
    /// // Two examples, each with a kernel of its own.
    /// let x = Tensor::from(vec![1.0, 2.0, 10.0, 20.0]).reshape([2, 1, 2]);
    /// let kernels = Tensor::from(vec![1.0, 1.0, 1.0, -1.0]).reshape([2, 1, 2]);
    /// assert_eq!(conv(x, kernels, &Conv::new(1).batch_groups(2))?.to_vec::<f64>()?, [3.0, -10.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn batch_groups(mut self, groups: usize) -> Self {
        self.batch_groups = groups;
        self
    }

    /// For two words of letters: where in the first stand the letters of the standard order.
    fn order(word: &str, fixed: [char; 2], spatial: &[char]) -> Option<Vec<isize>> {
        let at = |c: char| word.chars().position(|w| w == c).map(|k| k as isize);
        let order: Option<Vec<isize>> = fixed
            .into_iter()
            .chain(spatial.iter().copied())
            .map(at)
            .collect();
        order.filter(|o| o.len() == word.chars().count())
    }

    fn check(&self, x: &Tensor, kernel: &Tensor) -> Result<[Vec<isize>; 3], Error> {
        let n = self.strides.len();
        let wrong = |detail: String| Err(refuse("conv_general_dilated", detail));
        if x.rank() != n + 2 || kernel.rank() != n + 2 {
            return wrong(format!(
                "{n} spatial axes take tensors of {} axes, got {} and {}",
                n + 2,
                x.ty(),
                kernel.ty()
            ));
        }
        let lists = [&self.strides, &self.lhs_dilation, &self.rhs_dilation];
        if self.padding.len() != n || lists.iter().any(|l| l.len() != n || l.contains(&0)) {
            return wrong(format!(
                "strides, padding and dilations say one number, not 0, for each of {n} spatial axes"
            ));
        }
        let spatial: Vec<char> = self.axes[1]
            .chars()
            .filter(|c| !"OI".contains(*c))
            .collect();
        let orders = [
            Conv::order(&self.axes[0], ['N', 'C'], &spatial),
            Conv::order(&self.axes[1], ['O', 'I'], &spatial),
            Conv::order(&self.axes[2], ['N', 'C'], &spatial),
        ];
        match orders {
            [Some(x), Some(k), Some(y)] => Ok([x, k, y]),
            _ => wrong(format!(
                "the axes {:?} do not name N, C (O, I) and the same spatial letters",
                self.axes
            )),
        }
    }

    /// The windows of an operand `[N, C, ..]`: `[N, C, windows.., kernel..]`.
    fn windows(&self, x: &Tensor, kernel: &[usize]) -> Result<Tensor, Error> {
        let n = self.strides.len();
        let config = [(0, 0, 0); 2].into_iter().chain((0..n).map(|d| {
            let (low, high) = self.padding[d];
            (low, high, self.lhs_dilation[d] - 1)
        }));
        let zero = Tensor::from(false).astype(x.dtype());
        let mut x = x.pad(zero, config).check()?;
        for d in 0..n {
            // Each axis is replaced by two: which window, and where in it. Those done stand behind.
            let reach = (kernel[d].max(1) - 1) * self.rhs_dilation[d] + 1;
            let count = x.shape()[2]
                .checked_sub(reach)
                .map_or(0, |free| free / self.strides[d] + 1);
            let start = (arange(count) * self.strides[d] as i64).expand_dims(1);
            let at = start + arange(kernel[d]) * self.rhs_dilation[d] as i64;
            x = x.take(at, 2, TakeMode::Clip);
            x = x.moveaxis(2, -1).moveaxis(2, -1);
        }
        let windows = (0..n).map(|d| (2 + 2 * d) as isize);
        let inside = (0..n).map(|d| (3 + 2 * d) as isize);
        x.transpose([0, 1].into_iter().chain(windows).chain(inside))
            .check()
    }
}

/// The convolution (without reversal, as everywhere in machine learning) of an operand with a kernel.
///
/// # Errors
///
/// [`OpErrorKind::InvalidParameter`](crate::OpErrorKind) for parameters that do not fit the tensors,
/// [`OpErrorKind::ShapeMismatch`](crate::OpErrorKind) where their channels do not.
///
/// ```
/// use elimap::{lax, prelude::*};
/// let x = Tensor::from(vec![1.0, 2.0, 3.0]).reshape([1, 3, 1]);
/// let k = Tensor::from(vec![1.0, 10.0]).reshape([2, 1, 1]);
/// let conv = lax::Conv::new(1).axes(["NWC", "WIO", "NWC"]).padding([(1, 0)]);
/// assert_eq!(lax::conv(x, k, &conv)?.to_vec::<f64>()?, [10.0, 21.0, 32.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn conv(x: impl Into<Tensor>, kernel: impl Into<Tensor>, conv: &Conv) -> Result<Tensor, Error> {
    let (x, kernel) = (x.into().check()?, kernel.into().check()?);
    let [of_x, of_kernel, of_out] = conv.check(&x, &kernel)?;
    let (x, kernel) = (x.transpose(of_x), kernel.transpose(of_kernel));
    let n = conv.strides.len();
    let windows = conv.windows(&x, &kernel.shape()[2..])?;
    let (features, batches) = (conv.feature_groups, conv.batch_groups);
    let groups = features.max(batches);
    let (batch, channels, out) = (x.shape()[0], x.shape()[1], kernel.shape()[0]);
    let divides =
        groups > 0 && out % groups == 0 && channels % features == 0 && batch % batches == 0;
    if !divides || (features > 1 && batches > 1) || kernel.shape()[1] * features != channels {
        let detail = format!(
            "{channels} channels in {features} groups and a batch of {batch} in {batches} do not fit a kernel of type {}",
            kernel.ty()
        );
        return Err(refuse("conv_general_dilated", detail));
    }
    // Groups in front of both: of channels, or of the batch.
    let signed = |list: &[usize]| -> Vec<isize> { list.iter().map(|&n| n as isize).collect() };
    let rest = signed(&windows.shape()[2..]);
    let shape = [batches, batch / batches, features, channels / features];
    let windows = windows.reshape([signed(&shape), rest].concat());
    let windows = if features > 1 {
        windows.squeeze(0).moveaxis(1, 0)
    } else {
        windows.squeeze(2)
    };
    let tail = signed(&kernel.shape()[1..]);
    let kernel = kernel.reshape([vec![groups as isize, (out / groups) as isize], tail].concat());
    let inside = |first: usize| (first..first + n).collect::<Vec<_>>();
    let dims = DotDims {
        lhs_batch: [0].into_iter().collect(),
        rhs_batch: [0].into_iter().collect(),
        lhs_contract: std::iter::once(2).chain(inside(3 + n)).collect(),
        rhs_contract: std::iter::once(2).chain(inside(3)).collect(),
    };
    // [groups, batch of a group, windows.., channels of a group]
    let product = windows.dot_general(kernel, dims);
    let product = product.moveaxis(-1, 2).check()?;
    let spatial = signed(&product.shape()[3..]);
    // Channels of all groups side by side, be they groups of channels or of the batch.
    let joined = product.moveaxis(0, 1);
    let y = joined.reshape([vec![(batch / batches) as isize, out as isize], spatial].concat());
    // From the standard order to the result's.
    let mut back = vec![0; n + 2];
    for (k, &at) in of_out.iter().enumerate() {
        back[at as usize] = k as isize;
    }
    y.transpose(back).check()
}

/// The windows of an operand as channels: for each window of `size` and each channel, the elements in it, in the order of channels
/// and then places.
///
/// # Errors
///
/// As for [`conv`].
///
/// ```
/// use elimap::{lax, prelude::*};
/// let x = Tensor::from(vec![1.0, 2.0, 3.0]).reshape([1, 1, 3]);
/// let y = lax::conv_patches(x, &[2], &lax::Conv::new(1))?;
/// assert_eq!(y.to_vec::<f64>()?, [1.0, 2.0, 2.0, 3.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn conv_patches(x: impl Into<Tensor>, size: &[usize], conv: &Conv) -> Result<Tensor, Error> {
    let x = x.into().check()?;
    if size.len() != conv.strides.len() || x.rank() != size.len() + 2 {
        return Err(refuse(
            "conv_patches",
            format!("windows of {} axes do not fit {}", size.len(), x.ty()),
        ));
    }
    let spatial: Vec<char> = conv.axes[1]
        .chars()
        .filter(|c| !"OI".contains(*c))
        .collect();
    let orders = (
        Conv::order(&conv.axes[0], ['N', 'C'], &spatial),
        Conv::order(&conv.axes[2], ['N', 'C'], &spatial),
    );
    let (Some(of_x), Some(of_out)) = orders else {
        return Err(refuse(
            "conv_patches",
            format!(
                "the axes {:?} do not name N, C and spatial letters",
                conv.axes
            ),
        ));
    };
    let n = size.len();
    let windows = conv.windows(&x.transpose(of_x), size)?;
    let counts = windows.shape()[2..2 + n].to_vec();
    // Channels, then places in a window, then windows.
    let inside = (2 + n..2 + 2 * n).map(|d| d as isize);
    let outside = (2..2 + n).map(|d| d as isize);
    let order: Vec<isize> = [0, 1].into_iter().chain(inside).chain(outside).collect();
    let batch = windows.shape()[0] as isize;
    let shape: Vec<isize> = [batch, -1]
        .into_iter()
        .chain(counts.iter().map(|&n| n as isize))
        .collect();
    let y = windows.transpose(order).reshape(shape);
    let mut back = vec![0; n + 2];
    for (k, &at) in of_out.iter().enumerate() {
        back[at as usize] = k as isize;
    }
    y.transpose(back).check()
}

/// The convolution that upsamples: the operand's elements are pulled apart by `strides`, and a kernel slides over them.
///
/// With `same`, results are `strides` times as long as the operand, else as long as kernels reach (JAX's `conv_transpose`).
///
/// # Errors
///
/// As for [`conv`].
///
/// ```
/// use elimap::{lax, prelude::*};
/// let x = Tensor::from(vec![1.0, 2.0]).reshape([1, 2, 1]);
/// let k = Tensor::from(vec![1.0, 10.0]).reshape([2, 1, 1]);
/// let y = lax::conv_transpose(x, k, &[2], false, &lax::Conv::new(1).axes(["NWC", "WIO", "NWC"]))?;
/// assert_eq!(y.to_vec::<f64>()?, [10.0, 1.0, 20.0, 2.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn conv_transpose(
    x: impl Into<Tensor>,
    kernel: impl Into<Tensor>,
    strides: &[usize],
    same: bool,
    shape: &Conv,
) -> Result<Tensor, Error> {
    let kernel = kernel.into().check()?;
    let lengths: Vec<usize> = shape.axes[1]
        .chars()
        .zip(kernel.shape())
        .filter(|(c, _)| !"OI".contains(*c))
        .map(|(_, &n)| n)
        .collect();
    if strides.len() != shape.strides.len() || lengths.len() != strides.len() {
        return Err(refuse(
            "conv_transpose",
            format!("{} strides do not fit {}", strides.len(), kernel.ty()),
        ));
    }
    let padding = (0..strides.len()).map(|d| {
        let (k, s) = (
            (lengths[d].max(1) as i64 - 1) * shape.rhs_dilation[d] as i64 + 1,
            strides[d] as i64,
        );
        let (total, low) = if same {
            let total = k + s - 2;
            (total, if s > k - 1 { k - 1 } else { (total + 1) / 2 })
        } else {
            (k + s - 2 + (k - s).max(0), k - 1)
        };
        (low, total - low)
    });
    let upsampled = shape
        .clone()
        .padding(padding)
        .lhs_dilation(strides.iter().copied())
        .strides(vec![1; strides.len()]);
    conv(x, kernel, &upsampled)
}

/// Sums of products of one array with another, reversed along all axes, at every shift: JAX's `scipy.signal.convolve` and `fftconvolve`.
///
/// One array must be at least as long as the other along every axis; there are as many axes as are wanted. Full convolutions have
/// the sum of both lengths less one along each axis, `Same` the lengths of the first array, `Valid` those of what overlaps in
/// full.
///
/// # Errors
///
/// [`OpErrorKind::InvalidParameter`](crate::OpErrorKind) for arrays of different ranks, without elements, or neither of which is
/// the longer one along all axes.
///
/// ```
/// use elimap::{lax, numpy::ConvolveMode};
/// let a = ndarray::array![[1.0, 2.0], [3.0, 4.0]];
/// let y = lax::convolve(&a, ndarray::array![[1.0, 10.0]], ConvolveMode::Full)?;
/// assert_eq!(y.to_vec::<f64>()?, [1.0, 12.0, 20.0, 3.0, 34.0, 40.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn convolve(
    a: impl Into<Tensor>,
    v: impl Into<Tensor>,
    mode: ConvolveMode,
) -> Result<Tensor, Error> {
    let [a, v] = inexact([&a.into().check()?, &v.into().check()?]);
    let fits = |x: &Tensor, y: &Tensor| x.shape().iter().zip(y.shape()).all(|(n, m)| n >= m);
    let empty = a.shape().contains(&0) || v.shape().contains(&0);
    if a.rank() != v.rank() || empty || !(fits(&a, &v) || fits(&v, &a)) {
        let detail = format!(
            "one of the arrays must be at least as long along every axis, and neither empty; got {} and {}",
            a.ty(),
            v.ty()
        );
        return Err(refuse("convolve", detail));
    }
    let own = v.shape().to_vec();
    let (long, short) = if fits(&a, &v) { (a, v) } else { (v, a) };
    let rank = long.rank();
    let padding = short.shape().iter().zip(&own).map(|(&s, &o)| {
        let (s, o) = (s as i64, o as i64);
        match mode {
            ConvolveMode::Valid => (0, 0),
            ConvolveMode::Same => (s - 1 - (o - 1) / 2, s - o + (o - 1) / 2),
            ConvolveMode::Full => (s - 1, s - 1),
        }
    });
    let setup = Conv::new(rank).padding(padding);
    let all: Vec<isize> = (0..rank as isize).collect();
    let reversed = short.rev(all);
    let out = conv(
        long.expand_dims([0, 1]),
        reversed.expand_dims([0, 1]),
        &setup,
    )?;
    out.squeeze([0, 1]).check()
}
