//! Arrays whose element type is known at run time.
//!
//! An [`Array`] is a shared, immutable n-dimensional array over ndarray: a clone costs one reference count, a
//! conversion from or to an ndarray array moves the buffer where nobody else holds it, and views keep strides, so
//! slicing and transposing do not copy.

mod copy;
mod data;
mod dtype;
mod error;
pub(crate) mod memory;
mod npy;
mod npz;
mod promote;
mod recycle;
#[cfg(feature = "serde")]
mod serde;
mod stack;
mod threads;
mod types;
mod views;
mod widest;

use std::borrow::Cow;
use std::fmt;

use half::{bf16, f16};
use ndarray::{ArcArray, ArrayView, ArrayViewD, Dimension, IxDyn};
use smallvec::SmallVec;

pub(crate) use copy::{axes_merge, row_major, turn};
pub(crate) use data::{
    Data, dispatch, dispatch_dtype, dispatch_kernel, dispatch_kernel_dtype, without_kernels,
};
pub use dtype::{DType, Element, Scalar};
pub(crate) use dtype::{bf16_from, f16_from};
pub use error::ArrayError;
pub use npy::{NpyError, NpyHeader, NpyKind, NpyType};
pub use npz::NpzError;
pub use promote::promote_types;
pub(crate) use promote::{promote_all, to_inexact};
pub(crate) use recycle::{buffer, owned, unfilled};
pub use threads::prepare_threads;
pub use types::{Shape, TensorType};
pub(crate) use types::{ShapeTuple, broadcast_shapes, resolve_axis};
pub(crate) use widest::{Pass, on_widest};

/// An immutable n-dimensional array with an element type known at run time.
///
/// ```
/// use elimap::{Array, DType};
/// let a = Array::from(ndarray::array![[1.0, 2.0], [3.0, 4.0]]);
/// assert_eq!(a.shape(), [2, 2]);
/// assert_eq!(a.dtype(), DType::F64);
/// assert_eq!(a.to_vec::<f64>()?, [1.0, 2.0, 3.0, 4.0]);
/// assert!(a.to_vec::<i32>().is_err());
/// # Ok::<(), elimap::ArrayError>(())
/// ```
#[derive(Clone)]
pub struct Array {
    data: Data,
}

impl Array {
    /// A rank-0 array.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(Array::scalar(2.5).item::<f64>()?, 2.5);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn scalar<T: Element>(value: T) -> Self {
        Array::wrap(ndarray::arr0(value).into_shared().into_dyn())
    }

    /// An array of the given shape with its elements in row-major order.
    ///
    /// # Errors
    ///
    /// [`ArrayError::ElementCount`] where the number of elements is not the product of the shape.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x = Array::from_vec([2, 2], vec![1, 2, 3, 4])?;
    /// assert_eq!(x.shape(), [2, 2]);
    /// assert!(Array::from_vec([3], vec![1, 2]).is_err());
    /// # elimap::ok(())
    /// ```
    pub fn from_vec<T: Element>(
        shape: impl IntoIterator<Item = usize>,
        elements: Vec<T>,
    ) -> Result<Array, ArrayError> {
        let shape: Shape = shape.into_iter().collect();
        let count = elements.len();
        ndarray::Array::from_shape_vec(IxDyn(&shape), elements)
            .map(Array::from)
            .map_err(|_| ArrayError::ElementCount { shape, count })
    }

    /// An array of the given shape filled with one value.
    ///
    /// # Panics
    ///
    /// Where memory does not hold it; see [`Array::try_full`] for shapes that come from elsewhere.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(Array::full(&[2], 7.0.into()).to_vec::<f64>()?, [7.0, 7.0]);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn full(shape: &[usize], value: Scalar) -> Self {
        Array::try_full(shape, value).unwrap_or_else(|error| panic!("{error}"))
    }

    /// An array of the given shape filled with one value, if memory holds it.
    ///
    /// ```
    /// use elimap::{Array, ArrayError};
    /// assert_eq!(Array::try_full(&[2], 1.5.into())?, Array::from(vec![1.5, 1.5]));
    /// let error = Array::try_full(&[1 << 40, 1 << 40], 1.5.into()).unwrap_err();
    /// assert!(matches!(error, ArrayError::TooLarge { .. }));
    /// # Ok::<(), ArrayError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ArrayError::TooLarge`] where memory does not hold it.
    pub fn try_full(shape: &[usize], value: Scalar) -> Result<Self, ArrayError> {
        fn filled<T: Element>(shape: &[usize], value: T) -> Array {
            // Zeros are had from the system, which the vector knows.
            let count = shape.iter().product();
            Array::from_elements(shape, vec![value; count])
        }
        let ty = TensorType::new(value.dtype(), shape.iter().copied());
        if !memory::holds(&ty) {
            return Err(ArrayError::TooLarge {
                dtype: ty.dtype,
                shape: ty.shape,
            });
        }
        Ok(match value {
            Scalar::Bool(x) => filled(shape, x),
            Scalar::U8(x) => filled(shape, x),
            Scalar::U16(x) => filled(shape, x),
            Scalar::U32(x) => filled(shape, x),
            Scalar::U64(x) => filled(shape, x),
            Scalar::I8(x) => filled(shape, x),
            Scalar::I16(x) => filled(shape, x),
            Scalar::I32(x) => filled(shape, x),
            Scalar::I64(x) => filled(shape, x),
            Scalar::BF16(x) => filled(shape, x),
            Scalar::F16(x) => filled(shape, x),
            Scalar::F32(x) => filled(shape, x),
            Scalar::F64(x) => filled(shape, x),
            Scalar::C64(x) => filled(shape, x),
            Scalar::C128(x) => filled(shape, x),
        })
    }

    /// An array of zeros (`false` for `bool`).
    ///
    /// # Panics
    ///
    /// Where memory does not hold it; see [`Array::try_zeros`] for shapes that come from elsewhere.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(Array::zeros(DType::I32, &[2]).to_vec::<i32>()?, [0, 0]);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn zeros(dtype: DType, shape: &[usize]) -> Self {
        Array::full(shape, dtype.zero())
    }

    /// An array of zeros (`false` for `bool`), if memory holds it.
    ///
    /// # Errors
    ///
    /// [`ArrayError::TooLarge`] where memory does not hold it.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert!(Array::try_zeros(DType::F64, &[usize::MAX]).is_err());
    /// ```
    pub fn try_zeros(dtype: DType, shape: &[usize]) -> Result<Self, ArrayError> {
        Array::try_full(shape, dtype.zero())
    }

    #[doc(hidden)]
    #[must_use]
    pub fn wrap<T: Element>(array: ArcArray<T, IxDyn>) -> Self {
        Array {
            data: T::wrap(array),
        }
    }

    pub(crate) fn data(&self) -> &Data {
        &self.data
    }

    pub(crate) fn data_mut(&mut self) -> &mut Data {
        &mut self.data
    }

    /// The element type.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(Array::from(vec![1.0]).dtype(), DType::F64);
    /// ```
    #[must_use]
    pub fn dtype(&self) -> DType {
        fn of<T: Element>(_: &ArcArray<T, IxDyn>) -> DType {
            T::DTYPE
        }
        dispatch!(&self.data, a => of(a))
    }

    /// The length of each axis.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(Array::zeros(DType::F64, &[2, 3]).shape(), [2, 3]);
    /// ```
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        dispatch!(&self.data, a => a.shape())
    }

    /// The number of axes.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(Array::zeros(DType::F64, &[2, 3]).rank(), 2);
    /// ```
    #[must_use]
    pub fn rank(&self) -> usize {
        self.shape().len()
    }

    /// The number of elements.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(Array::zeros(DType::F64, &[2, 3]).len(), 6);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        dispatch!(&self.data, a => a.len())
    }

    /// Whether there are no elements.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert!(Array::zeros(DType::F64, &[2, 0]).is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The array's (strong) type.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(Array::zeros(DType::F64, &[2, 3]).ty().to_string(), "f64[2,3]");
    /// ```
    #[must_use]
    pub fn ty(&self) -> TensorType {
        TensorType::new(self.dtype(), self.shape().iter().copied())
    }

    /// The elements as a typed ndarray view.
    ///
    /// # Errors
    ///
    /// [`ArrayError::DType`] where the array holds another element type.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(Array::from(vec![1.0, 2.0]).view::<f64>()?.sum(), 3.0);
    /// # elimap::ok(())
    /// ```
    pub fn view<T: Element>(&self) -> Result<ArrayViewD<'_, T>, ArrayError> {
        T::unwrap_ref(&self.data)
            .map(|a| a.view())
            .ok_or(ArrayError::DType {
                expected: T::DTYPE,
                actual: self.dtype(),
            })
    }

    /// The array as an owned ndarray, without copying where this is the buffer's only holder.
    ///
    /// # Errors
    ///
    /// [`ArrayError::DType`] where the array holds another element type.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x: ndarray::ArrayD<f64> = Array::from(vec![1.0, 2.0]).into_ndarray()?;
    /// assert_eq!(x[1], 2.0);
    /// # elimap::ok(())
    /// ```
    pub fn into_ndarray<T: Element>(self) -> Result<ndarray::ArrayD<T>, ArrayError> {
        self.into_shared().map(ArcArray::into_owned)
    }

    /// The array as a shared ndarray, never copying.
    ///
    /// # Errors
    ///
    /// [`ArrayError::DType`] where the array holds another element type.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let x: ndarray::ArcArray<f64, _> = Array::from(vec![1.0, 2.0]).into_shared()?;
    /// assert_eq!(x[1], 2.0);
    /// # elimap::ok(())
    /// ```
    pub fn into_shared<T: Element>(self) -> Result<ndarray::ArcArray<T, IxDyn>, ArrayError> {
        // The clone becomes the only holder when this array goes.
        T::unwrap_owned(self.data.clone()).ok_or(ArrayError::DType {
            expected: T::DTYPE,
            actual: self.dtype(),
        })
    }

    /// The elements in row-major order.
    ///
    /// # Errors
    ///
    /// [`ArrayError::DType`] where the array holds another element type.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(Array::from(vec![1.0, 2.0]).to_vec::<f64>()?, [1.0, 2.0]);
    /// # elimap::ok(())
    /// ```
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>, ArrayError> {
        Ok(row_major(&self.view::<T>()?).into_owned())
    }

    /// The value of a rank-0 array.
    ///
    /// # Errors
    ///
    /// [`ArrayError::DType`] for another element type, [`ArrayError::NotScalar`] for another rank.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(Array::from(2.5).item::<f64>()?, 2.5);
    /// assert!(Array::from(vec![1.0, 2.0]).item::<f64>().is_err());
    /// # elimap::ok(())
    /// ```
    pub fn item<T: Element>(&self) -> Result<T, ArrayError> {
        let view = self.view::<T>()?;
        match (view.ndim(), view.first()) {
            (0, Some(&x)) => Ok(x),
            _ => Err(ArrayError::NotScalar {
                shape: Shape::from_slice(self.shape()),
            }),
        }
    }

    /// The elements in row-major order, borrowed where they lie that way; none where the array holds another type.
    pub(crate) fn elements<T: Element>(&self) -> Cow<'_, [T]> {
        debug_assert_eq!(self.dtype(), T::DTYPE);
        match T::unwrap_ref(&self.data) {
            Some(a) => row_major(&a.view()),
            None => Cow::Borrowed(&[]),
        }
    }

    /// An array over as many row-major elements as its shape holds.
    ///
    /// For results whose size the type rule has settled; what a caller gives goes through [`Array::from_vec`].
    pub(crate) fn from_elements<T: Element>(shape: &[usize], elements: Vec<T>) -> Self {
        Array::from(
            ndarray::Array::from_shape_vec(IxDyn(shape), elements)
                .expect("an operation makes as many elements as its type rule says"),
        )
    }

    /// An array to be filled; what it holds is not said.
    pub(crate) fn unfilled(dtype: DType, shape: &[usize]) -> Self {
        dispatch_dtype!(dtype, T => Array::wrap(unfilled(shape, T::default())))
    }

    /// Where the first element lies in memory, to tell buffers apart cheaply.
    pub(crate) fn buffer_address(&self) -> usize {
        dispatch!(&self.data, a => a.as_ptr().addr())
    }

    /// The value of a rank-0 array of truth values or integers; 0 for any other.
    pub(crate) fn scalar_index(&self) -> i128 {
        fn first<T: Copy>(a: &ArcArray<T, IxDyn>, f: impl Fn(T) -> i128) -> i128 {
            a.first().map_or(0, |&x| f(x))
        }
        match &self.data {
            Data::Bool(a) => first(a, i128::from),
            Data::U8(a) => first(a, i128::from),
            Data::U16(a) => first(a, i128::from),
            Data::U32(a) => first(a, i128::from),
            Data::U64(a) => first(a, i128::from),
            Data::I8(a) => first(a, i128::from),
            Data::I16(a) => first(a, i128::from),
            Data::I32(a) => first(a, i128::from),
            Data::I64(a) => first(a, i128::from),
            Data::BF16(_)
            | Data::F16(_)
            | Data::F32(_)
            | Data::F64(_)
            | Data::C64(_)
            | Data::C128(_) => 0,
        }
    }

    /// Whether both are the same view of the same buffer.
    pub(crate) fn same_view(&self, other: &Array) -> bool {
        let strides = |array: &Array| -> SmallVec<[isize; 4]> {
            dispatch!(&array.data, a => a.strides().iter().copied().collect())
        };
        self.buffer_address() == other.buffer_address()
            && self.dtype() == other.dtype()
            && self.shape() == other.shape()
            && strides(self) == strides(other)
    }

    /// Whether dtype, shape and every element agree, a NaN being equal to itself.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert!(Array::from(f64::NAN).identical(&Array::from(f64::NAN)));
    /// assert!(!Array::from(1.0).identical(&Array::from(1_i64)));
    /// ```
    #[must_use]
    pub fn identical(&self, other: &Array) -> bool {
        if self.dtype() != other.dtype() || self.shape() != other.shape() {
            return false;
        }
        fn same_parts<T: PartialEq + Copy>(x: (T, T), y: (T, T), nan: fn(T) -> bool) -> bool {
            let same = |x: T, y: T| x == y || (nan(x) && nan(y));
            same(x.0, y.0) && same(x.1, y.1)
        }
        fn alike<T: Element>(
            a: &ArcArray<T, IxDyn>,
            b: &ArcArray<T, IxDyn>,
            nan: fn(T) -> bool,
        ) -> bool {
            a.iter().zip(b).all(|(&x, &y)| x == y || (nan(x) && nan(y)))
        }
        match (&self.data, &other.data) {
            (Data::BF16(a), Data::BF16(b)) => alike(a, b, bf16::is_nan),
            (Data::F16(a), Data::F16(b)) => alike(a, b, f16::is_nan),
            (Data::F32(a), Data::F32(b)) => alike(a, b, f32::is_nan),
            (Data::F64(a), Data::F64(b)) => alike(a, b, f64::is_nan),
            (Data::C64(a), Data::C64(b)) => a
                .iter()
                .zip(b)
                .all(|(x, y)| same_parts((x.re, x.im), (y.re, y.im), f32::is_nan)),
            (Data::C128(a), Data::C128(b)) => a
                .iter()
                .zip(b)
                .all(|(x, y)| same_parts((x.re, x.im), (y.re, y.im), f64::is_nan)),
            (Data::Bool(a), Data::Bool(b)) => a == b,
            (Data::U8(a), Data::U8(b)) => a == b,
            (Data::U16(a), Data::U16(b)) => a == b,
            (Data::U32(a), Data::U32(b)) => a == b,
            (Data::U64(a), Data::U64(b)) => a == b,
            (Data::I8(a), Data::I8(b)) => a == b,
            (Data::I16(a), Data::I16(b)) => a == b,
            (Data::I32(a), Data::I32(b)) => a == b,
            (Data::I64(a), Data::I64(b)) => a == b,
            _ => false,
        }
    }
}

/// A large buffer that nobody holds any more is kept for arrays to come.
impl Drop for Array {
    fn drop(&mut self) {
        dispatch!(&mut self.data, a => recycle::keep(a));
    }
}

/// Equal dtype, shape and elements; a NaN differs from itself, as in IEEE 754 (see [`Array::identical`]).
impl PartialEq for Array {
    fn eq(&self, other: &Array) -> bool {
        match (&self.data, &other.data) {
            (Data::BF16(a), Data::BF16(b)) => a == b,
            (Data::F16(a), Data::F16(b)) => a == b,
            (Data::F32(a), Data::F32(b)) => a == b,
            (Data::F64(a), Data::F64(b)) => a == b,
            (Data::C64(a), Data::C64(b)) => a == b,
            (Data::C128(a), Data::C128(b)) => a == b,
            _ => self.identical(other),
        }
    }
}

impl<T: Element, D: Dimension> From<ndarray::Array<T, D>> for Array {
    fn from(array: ndarray::Array<T, D>) -> Array {
        Array::wrap(array.into_dyn().into_shared())
    }
}

impl<T: Element, D: Dimension> From<ArcArray<T, D>> for Array {
    fn from(array: ArcArray<T, D>) -> Array {
        Array::wrap(array.into_dyn())
    }
}

impl<T: Element, D: Dimension> From<ArrayView<'_, T, D>> for Array {
    /// A copy of the view.
    fn from(view: ArrayView<'_, T, D>) -> Array {
        Array::from(view.to_owned())
    }
}

impl<T: Element> From<Vec<T>> for Array {
    fn from(elements: Vec<T>) -> Array {
        Array::from(ndarray::Array::from_vec(elements))
    }
}

impl fmt::Debug for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {self}", self.ty())
    }
}

impl fmt::Display for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.data {
            Data::BF16(a) => fmt::Debug::fmt(&DebugElements(a), f),
            Data::F16(a) => fmt::Debug::fmt(&DebugElements(a), f),
            Data::F32(a) => fmt::Debug::fmt(&DebugElements(a), f),
            Data::F64(a) => fmt::Debug::fmt(&DebugElements(a), f),
            data => dispatch!(data, a => fmt::Display::fmt(a, f)),
        }
    }
}

/// Shows floats with a decimal point, so that `1.0` and `1` stay apart; ndarray adds a debug footer that is cut off.
struct DebugElements<'a, T>(&'a ArcArray<T, IxDyn>);

impl<T: fmt::Debug + Copy> fmt::Debug for DebugElements<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Quoted<T>(T);
        impl<T: fmt::Debug> fmt::Display for Quoted<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
        fmt::Display::fmt(&self.0.map(|&x| Quoted(x)), f)
    }
}
