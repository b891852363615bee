//! Element types.

use std::fmt;

use super::{Array, Data, Shape, TensorType};
use crate::array::ArrayError;
use half::{bf16, f16};
use ndarray::{ArcArray, ArrayViewD, IxDyn};
use num_complex::Complex;

/// The element type of an [`Array`] or tensor.
///
/// The list is JAX's with 64-bit types switched on, without the 8-bit floats and the integers of fewer than 8 bits. `float16` and `bfloat16` are
/// stored as such and computed in `float32`, each operation rounding its result; complex numbers are of [`num_complex`]'s type.
///
/// ```
/// use elimap::DType;
/// assert_eq!(DType::F64.name(), "float64");
/// assert_eq!(DType::F64.to_string(), "f64");
/// assert_eq!(DType::from_name("int32"), Some(DType::I32));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DType {
    /// Truth values.
    Bool,
    /// Unsigned 8-bit integers.
    U8,
    /// Unsigned 16-bit integers.
    U16,
    /// Unsigned 32-bit integers.
    U32,
    /// Unsigned 64-bit integers (what sums of unsigned integers are).
    U64,
    /// Signed 8-bit integers.
    I8,
    /// Signed 16-bit integers.
    I16,
    /// Signed 32-bit integers.
    I32,
    /// Signed 64-bit integers.
    I64,
    /// The upper half of a binary32: its range, and 8 bits of precision.
    BF16,
    /// IEEE 754 binary16.
    F16,
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
    /// Complex numbers of two `float32`.
    C64,
    /// Complex numbers of two `float64`.
    C128,
}

impl DType {
    /// Every element type, in promotion order.
    pub const ALL: [DType; 15] = [
        DType::Bool,
        DType::U8,
        DType::U16,
        DType::U32,
        DType::U64,
        DType::I8,
        DType::I16,
        DType::I32,
        DType::I64,
        DType::BF16,
        DType::F16,
        DType::F32,
        DType::F64,
        DType::C64,
        DType::C128,
    ];

    /// The type's zero.
    pub(crate) fn zero(self) -> Scalar {
        match self {
            DType::Bool => Scalar::Bool(false),
            DType::U8 => Scalar::U8(0),
            DType::U16 => Scalar::U16(0),
            DType::U32 => Scalar::U32(0),
            DType::U64 => Scalar::U64(0),
            DType::I8 => Scalar::I8(0),
            DType::I16 => Scalar::I16(0),
            DType::I32 => Scalar::I32(0),
            DType::I64 => Scalar::I64(0),
            DType::BF16 => Scalar::BF16(bf16::ZERO),
            DType::F16 => Scalar::F16(f16::ZERO),
            DType::F32 => Scalar::F32(0.0),
            DType::F64 => Scalar::F64(0.0),
            DType::C64 => Scalar::C64(Complex::ZERO),
            DType::C128 => Scalar::C128(Complex::ZERO),
        }
    }

    /// The numpy name, such as `float64`.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(DType::F64.name(), "float64");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            DType::Bool => "bool",
            DType::U8 => "uint8",
            DType::U16 => "uint16",
            DType::U32 => "uint32",
            DType::U64 => "uint64",
            DType::I8 => "int8",
            DType::I16 => "int16",
            DType::I32 => "int32",
            DType::I64 => "int64",
            DType::BF16 => "bfloat16",
            DType::F16 => "float16",
            DType::F32 => "float32",
            DType::F64 => "float64",
            DType::C64 => "complex64",
            DType::C128 => "complex128",
        }
    }

    /// The short name that programs print, such as `f64`.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(DType::F64.short_name(), "f64");
    /// ```
    #[must_use]
    pub const fn short_name(self) -> &'static str {
        match self {
            DType::Bool => "bool",
            DType::U8 => "u8",
            DType::U16 => "u16",
            DType::U32 => "u32",
            DType::U64 => "u64",
            DType::I8 => "i8",
            DType::I16 => "i16",
            DType::I32 => "i32",
            DType::I64 => "i64",
            DType::BF16 => "bf16",
            DType::F16 => "f16",
            DType::F32 => "f32",
            DType::F64 => "f64",
            DType::C64 => "c64",
            DType::C128 => "c128",
        }
    }

    /// The element type with this numpy name or short name.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(DType::from_name("int32"), Some(DType::I32));
    /// assert_eq!(DType::from_name("real"), None);
    /// ```
    #[must_use]
    pub fn from_name(name: &str) -> Option<DType> {
        DType::ALL
            .into_iter()
            .find(|d| d.name() == name || d.short_name() == name)
    }

    /// The size of an element in bytes.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(DType::F32.size(), 4);
    /// ```
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            DType::Bool | DType::U8 | DType::I8 => 1,
            DType::U16 | DType::I16 | DType::BF16 | DType::F16 => 2,
            DType::U32 | DType::I32 | DType::F32 => 4,
            DType::U64 | DType::I64 | DType::F64 | DType::C64 => 8,
            DType::C128 => 16,
        }
    }

    /// Whether this is a type of real floating-point numbers.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert!(DType::F32.is_float() && !DType::I32.is_float());
    /// ```
    #[must_use]
    pub const fn is_float(self) -> bool {
        matches!(self, DType::BF16 | DType::F16 | DType::F32 | DType::F64)
    }

    /// Whether this is `complex64` or `complex128`.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert!(DType::C128.is_complex() && !DType::F64.is_complex());
    /// ```
    #[must_use]
    pub const fn is_complex(self) -> bool {
        matches!(self, DType::C64 | DType::C128)
    }

    /// Whether this is a floating-point or complex type: one that has derivatives.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert!(DType::C128.is_inexact() && DType::F64.is_inexact() && !DType::I64.is_inexact());
    /// ```
    #[must_use]
    pub const fn is_inexact(self) -> bool {
        self.is_float() || self.is_complex()
    }

    /// The type of a complex number's parts; any other type as it is.
    ///
    /// ```
    /// use elimap::DType;
    /// assert_eq!(DType::C64.real(), DType::F32);
    /// assert_eq!(DType::F64.real(), DType::F64);
    /// ```
    #[must_use]
    pub const fn real(self) -> DType {
        match self {
            DType::C64 => DType::F32,
            DType::C128 => DType::F64,
            other => other,
        }
    }

    /// The complex type of numbers of this type: `complex128` of 64-bit numbers, else `complex64`.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(DType::F32.complex(), DType::C64);
    /// ```
    #[must_use]
    pub const fn complex(self) -> DType {
        match self {
            DType::F64 | DType::I64 | DType::U64 | DType::C128 => DType::C128,
            _ => DType::C64,
        }
    }

    /// Whether this is `float16` or `bfloat16`, which are computed in `float32`.
    pub(crate) const fn is_half(self) -> bool {
        matches!(self, DType::F16 | DType::BF16)
    }

    /// Whether kernels compute in this type; the others are computed in terms of those.
    pub(crate) const fn has_kernels(self) -> bool {
        !self.is_half() && !self.is_complex()
    }

    /// Whether this is a signed or unsigned integer type (`bool` is not).
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert!(DType::U8.is_integer() && !DType::Bool.is_integer());
    /// ```
    #[must_use]
    pub const fn is_integer(self) -> bool {
        self.is_signed_integer() || self.is_unsigned_integer()
    }

    /// Whether this is a signed integer type.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert!(DType::I8.is_signed_integer() && !DType::U8.is_signed_integer());
    /// ```
    #[must_use]
    pub const fn is_signed_integer(self) -> bool {
        matches!(self, DType::I8 | DType::I16 | DType::I32 | DType::I64)
    }

    /// Whether this is an unsigned integer type.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert!(DType::U8.is_unsigned_integer() && !DType::I8.is_unsigned_integer());
    /// ```
    #[must_use]
    pub const fn is_unsigned_integer(self) -> bool {
        matches!(self, DType::U8 | DType::U16 | DType::U32 | DType::U64)
    }

    /// The type of a rank-0 value of this element type, strongly typed.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(DType::F64.scalar().to_string(), "f64[]");
    /// ```
    #[must_use]
    pub fn scalar(self) -> TensorType {
        TensorType::new(self, [])
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short_name())
    }
}

/// The `float32` next to a number on the side of zero, with an odd last bit where they differ: rounding it to fewer digits rounds
/// the number itself (S. Boldo and G. Melquiond, "Emulation of FMA and correctly rounded sums", 2008).
fn to_odd(x: f64) -> f32 {
    let nearest = x as f32;
    if f64::from(nearest) == x || !x.is_finite() {
        return nearest;
    }
    let bits = nearest.to_bits() - u32::from(f64::from(nearest).abs() > x.abs());
    f32::from_bits(bits | 1)
}

/// The nearest `float16`.
pub(crate) fn f16_from(x: f64) -> f16 {
    f16::from_f32(to_odd(x))
}

/// The nearest `bfloat16`.
pub(crate) fn bf16_from(x: f64) -> bf16 {
    bf16::from_f32(to_odd(x))
}

mod sealed {
    pub trait Sealed {}
}

/// A Rust type that can be an element of an [`Array`].
///
/// Sealed: the list of element types is closed, so that every operation knows every type.
pub trait Element: sealed::Sealed + Copy + PartialEq + fmt::Debug + Send + Sync + 'static {
    /// The element type's name at run time.
    const DTYPE: DType;

    /// The type of a tensor of these elements with the given shape.
    ///
    /// ```
    /// use elimap::Element;
    /// assert_eq!(f64::spec([2, 3]).to_string(), "f64[2,3]");
    /// ```
    fn spec(shape: impl IntoIterator<Item = usize>) -> TensorType {
        TensorType::new(Self::DTYPE, shape)
    }

    #[doc(hidden)]
    fn wrap(array: ArcArray<Self, IxDyn>) -> Data;
    #[doc(hidden)]
    fn unwrap_ref(data: &Data) -> Option<&ArcArray<Self, IxDyn>>;
    #[doc(hidden)]
    fn unwrap_mut(data: &mut Data) -> Option<&mut ArcArray<Self, IxDyn>>;
    #[doc(hidden)]
    fn unwrap_owned(data: Data) -> Option<ArcArray<Self, IxDyn>>;
}

macro_rules! elements {
    ($($variant:ident $ty:ty),*) => {$(
        impl sealed::Sealed for $ty {}
        impl Element for $ty {
            const DTYPE: DType = DType::$variant;
            fn wrap(array: ArcArray<Self, IxDyn>) -> Data {
                Data::$variant(array)
            }
            fn unwrap_ref(data: &Data) -> Option<&ArcArray<Self, IxDyn>> {
                if let Data::$variant(a) = data { Some(a) } else { None }
            }
            fn unwrap_mut(data: &mut Data) -> Option<&mut ArcArray<Self, IxDyn>> {
                if let Data::$variant(a) = data { Some(a) } else { None }
            }
            fn unwrap_owned(data: Data) -> Option<ArcArray<Self, IxDyn>> {
                if let Data::$variant(a) = data { Some(a) } else { None }
            }
        }
        impl From<$ty> for Array {
            fn from(value: $ty) -> Array {
                Array::scalar(value)
            }
        }
    )*};
}
elements!(
    Bool bool, U8 u8, U16 u16, U32 u32, U64 u64, I8 i8, I16 i16, I32 i32, I64 i64, BF16 bf16, F16 f16, F32 f32, F64 f64,
    C64 Complex<f32>, C128 Complex<f64>
);

/// One value with its element type: a rank-0 literal of a program.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Scalar {
    /// A truth value.
    Bool(bool),
    /// A `uint8`.
    U8(u8),
    /// A `uint16`.
    U16(u16),
    /// A `uint32`.
    U32(u32),
    /// A `uint64`.
    U64(u64),
    /// An `int8`.
    I8(i8),
    /// An `int16`.
    I16(i16),
    /// An `int32`.
    I32(i32),
    /// An `int64`.
    I64(i64),
    /// A `bfloat16`.
    BF16(bf16),
    /// A `float16`.
    F16(f16),
    /// A `float32`.
    F32(f32),
    /// A `float64`.
    F64(f64),
    /// A `complex64`.
    C64(Complex<f32>),
    /// A `complex128`.
    C128(Complex<f64>),
}

macro_rules! scalar_dispatch {
    ($scalar:expr, $x:ident => $body:expr) => {
        match $scalar {
            Scalar::Bool($x) => $body,
            Scalar::U8($x) => $body,
            Scalar::U16($x) => $body,
            Scalar::U32($x) => $body,
            Scalar::U64($x) => $body,
            Scalar::I8($x) => $body,
            Scalar::I16($x) => $body,
            Scalar::I32($x) => $body,
            Scalar::I64($x) => $body,
            Scalar::BF16($x) => $body,
            Scalar::F16($x) => $body,
            Scalar::F32($x) => $body,
            Scalar::F64($x) => $body,
            Scalar::C64($x) => $body,
            Scalar::C128($x) => $body,
        }
    };
}

impl Scalar {
    /// The element type.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::Scalar;
    /// assert_eq!(Scalar::F64(1.0).dtype(), DType::F64);
    /// ```
    #[must_use]
    pub fn dtype(self) -> DType {
        fn of<T: Element>(_: T) -> DType {
            T::DTYPE
        }
        scalar_dispatch!(self, x => of(x))
    }

    /// A number of an element type, converted as Rust's `as` does; of bool, whether it is not 0.
    pub(crate) fn number(dtype: DType, value: f64) -> Scalar {
        match dtype {
            DType::Bool => Scalar::Bool(value != 0.0),
            DType::U8 => Scalar::U8(value as u8),
            DType::U16 => Scalar::U16(value as u16),
            DType::U32 => Scalar::U32(value as u32),
            DType::U64 => Scalar::U64(value as u64),
            DType::I8 => Scalar::I8(value as i8),
            DType::I16 => Scalar::I16(value as i16),
            DType::I32 => Scalar::I32(value as i32),
            DType::I64 => Scalar::I64(value as i64),
            DType::BF16 => Scalar::BF16(bf16_from(value)),
            DType::F16 => Scalar::F16(f16_from(value)),
            DType::F32 => Scalar::F32(value as f32),
            DType::F64 => Scalar::F64(value),
            DType::C64 => Scalar::C64(Complex::new(value as f32, 0.0)),
            DType::C128 => Scalar::C128(Complex::new(value, 0.0)),
        }
    }

    /// The greatest finite number of a floating type, or of the parts of a complex one.
    pub(crate) fn greatest(dtype: DType) -> f64 {
        match dtype.real() {
            DType::F16 => f16::MAX.into(),
            DType::BF16 => bf16::MAX.into(),
            DType::F32 => f32::MAX.into(),
            _ => f64::MAX,
        }
    }

    /// The zero of an element type.
    pub(crate) fn zero(dtype: DType) -> Scalar {
        Scalar::number(dtype, 0.0)
    }

    /// The value as a rank-0 array.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::Scalar;
    /// assert_eq!(Scalar::F64(1.0).to_array().item::<f64>()?, 1.0);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn to_array(self) -> Array {
        scalar_dispatch!(self, x => Array::scalar(x))
    }

    /// The value of a rank-0 array.
    ///
    /// # Errors
    ///
    /// [`ArrayError::NotScalar`] for an array of another rank.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::Scalar;
    /// assert_eq!(Scalar::from_array(&Array::from(1.0))?, Scalar::F64(1.0));
    /// # elimap::ok(())
    /// ```
    pub fn from_array(array: &Array) -> Result<Scalar, ArrayError> {
        fn first<T: Element>(array: &ArrayViewD<'_, T>, shape: &[usize]) -> Result<T, ArrayError> {
            array
                .first()
                .copied()
                .filter(|_| shape.is_empty())
                .ok_or_else(|| ArrayError::NotScalar {
                    shape: Shape::from_slice(shape),
                })
        }
        let shape = array.shape();
        Ok(match array.data() {
            Data::Bool(a) => Scalar::Bool(first(&a.view(), shape)?),
            Data::U8(a) => Scalar::U8(first(&a.view(), shape)?),
            Data::U16(a) => Scalar::U16(first(&a.view(), shape)?),
            Data::U32(a) => Scalar::U32(first(&a.view(), shape)?),
            Data::U64(a) => Scalar::U64(first(&a.view(), shape)?),
            Data::I8(a) => Scalar::I8(first(&a.view(), shape)?),
            Data::I16(a) => Scalar::I16(first(&a.view(), shape)?),
            Data::I32(a) => Scalar::I32(first(&a.view(), shape)?),
            Data::I64(a) => Scalar::I64(first(&a.view(), shape)?),
            Data::BF16(a) => Scalar::BF16(first(&a.view(), shape)?),
            Data::F16(a) => Scalar::F16(first(&a.view(), shape)?),
            Data::F32(a) => Scalar::F32(first(&a.view(), shape)?),
            Data::F64(a) => Scalar::F64(first(&a.view(), shape)?),
            Data::C64(a) => Scalar::C64(first(&a.view(), shape)?),
            Data::C128(a) => Scalar::C128(first(&a.view(), shape)?),
        })
    }

    /// The value's bits, for comparisons that tell `-0.0` from `0.0` and equate a NaN with itself; of a complex number, the real
    /// part's above the imaginary part's.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::Scalar;
    /// assert_ne!(Scalar::F64(0.0).bits(), Scalar::F64(-0.0).bits());
    /// ```
    #[must_use]
    pub fn bits(self) -> u128 {
        fn joined(high: u64, low: u64) -> u128 {
            u128::from(high) << 64 | u128::from(low)
        }
        match self {
            Scalar::Bool(x) => u128::from(x),
            Scalar::U8(x) => u128::from(x),
            Scalar::U16(x) => u128::from(x),
            Scalar::U32(x) => u128::from(x),
            Scalar::U64(x) => u128::from(x),
            Scalar::I8(x) => x as u128,
            Scalar::I16(x) => x as u128,
            Scalar::I32(x) => x as u128,
            Scalar::I64(x) => x as u128,
            Scalar::BF16(x) => u128::from(x.to_bits()),
            Scalar::F16(x) => u128::from(x.to_bits()),
            Scalar::F32(x) => u128::from(x.to_bits()),
            Scalar::F64(x) => u128::from(x.to_bits()),
            Scalar::C64(x) => joined(x.re.to_bits().into(), x.im.to_bits().into()),
            Scalar::C128(x) => joined(x.re.to_bits(), x.im.to_bits()),
        }
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.dtype() == other.dtype() && self.bits() == other.bits()
    }
}
impl Eq for Scalar {}
impl std::hash::Hash for Scalar {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (self.dtype(), self.bits()).hash(state);
    }
}

macro_rules! scalar_from {
    ($($variant:ident $ty:ty),*) => {$(
        impl From<$ty> for Scalar {
            fn from(x: $ty) -> Scalar {
                Scalar::$variant(x)
            }
        }
    )*};
}
scalar_from!(
    Bool bool, U8 u8, U16 u16, U32 u32, U64 u64, I8 i8, I16 i16, I32 i32, I64 i64, BF16 bf16, F16 f16, F32 f32, F64 f64,
    C64 Complex<f32>, C128 Complex<f64>
);
