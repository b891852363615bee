//! The buffers of arrays, and code that runs on the element type that one has.

use half::{bf16, f16};
use ndarray::{ArcArray, IxDyn};
use num_complex::Complex;

/// The buffer of an [`Array`]: one shared ndarray per element type.
#[doc(hidden)]
#[derive(Clone)]
pub enum Data {
    Bool(ArcArray<bool, IxDyn>),
    U8(ArcArray<u8, IxDyn>),
    U16(ArcArray<u16, IxDyn>),
    U32(ArcArray<u32, IxDyn>),
    U64(ArcArray<u64, IxDyn>),
    I8(ArcArray<i8, IxDyn>),
    I16(ArcArray<i16, IxDyn>),
    I32(ArcArray<i32, IxDyn>),
    I64(ArcArray<i64, IxDyn>),
    BF16(ArcArray<bf16, IxDyn>),
    F16(ArcArray<f16, IxDyn>),
    F32(ArcArray<f32, IxDyn>),
    F64(ArcArray<f64, IxDyn>),
    C64(ArcArray<Complex<f32>, IxDyn>),
    C128(ArcArray<Complex<f64>, IxDyn>),
}

/// Runs `$body` with `$a` bound to the typed ndarray inside `$data`. The types that kernels compute in are listed once, in [`dispatch_kernel`].
macro_rules! dispatch {
    ($data:expr, $a:ident => $body:expr) => {
        match $data {
            $crate::array::Data::BF16($a) => $body,
            $crate::array::Data::F16($a) => $body,
            $crate::array::Data::C64($a) => $body,
            $crate::array::Data::C128($a) => $body,
            data => $crate::array::dispatch_kernel!(data, $a => $body),
        }
    };
}
pub(crate) use dispatch;

/// Runs `$body` with the type alias `$T` standing for the element type `$dtype`, as [`dispatch`] does.
macro_rules! dispatch_dtype {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::array::DType::BF16 => {
                type $T = half::bf16;
                $body
            }
            $crate::array::DType::F16 => {
                type $T = half::f16;
                $body
            }
            $crate::array::DType::C64 => {
                type $T = num_complex::Complex<f32>;
                $body
            }
            $crate::array::DType::C128 => {
                type $T = num_complex::Complex<f64>;
                $body
            }
            dtype => $crate::array::dispatch_kernel_dtype!(dtype, $T => $body),
        }
    };
}
pub(crate) use dispatch_dtype;

/// [`dispatch`] where a kernel computes.
macro_rules! dispatch_kernel {
    ($data:expr, $a:ident => $body:expr) => {
        match $data {
            $crate::array::Data::Bool($a) => $body,
            $crate::array::Data::U8($a) => $body,
            $crate::array::Data::U16($a) => $body,
            $crate::array::Data::U32($a) => $body,
            $crate::array::Data::U64($a) => $body,
            $crate::array::Data::I8($a) => $body,
            $crate::array::Data::I16($a) => $body,
            $crate::array::Data::I32($a) => $body,
            $crate::array::Data::I64($a) => $body,
            $crate::array::Data::F32($a) => $body,
            $crate::array::Data::F64($a) => $body,
            $crate::array::Data::BF16(_) | $crate::array::Data::F16(_) => {
                $crate::array::without_kernels()
            }
            $crate::array::Data::C64(_) | $crate::array::Data::C128(_) => {
                $crate::array::without_kernels()
            }
        }
    };
}
pub(crate) use dispatch_kernel;

/// [`dispatch_dtype`] where a kernel computes.
macro_rules! dispatch_kernel_dtype {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::array::DType::Bool => {
                type $T = bool;
                $body
            }
            $crate::array::DType::U8 => {
                type $T = u8;
                $body
            }
            $crate::array::DType::U16 => {
                type $T = u16;
                $body
            }
            $crate::array::DType::U32 => {
                type $T = u32;
                $body
            }
            $crate::array::DType::U64 => {
                type $T = u64;
                $body
            }
            $crate::array::DType::I8 => {
                type $T = i8;
                $body
            }
            $crate::array::DType::I16 => {
                type $T = i16;
                $body
            }
            $crate::array::DType::I32 => {
                type $T = i32;
                $body
            }
            $crate::array::DType::I64 => {
                type $T = i64;
                $body
            }
            $crate::array::DType::F32 => {
                type $T = f32;
                $body
            }
            $crate::array::DType::F64 => {
                type $T = f64;
                $body
            }
            $crate::array::DType::BF16 | $crate::array::DType::F16 => {
                $crate::array::without_kernels()
            }
            $crate::array::DType::C64 | $crate::array::DType::C128 => {
                $crate::array::without_kernels()
            }
        }
    };
}
pub(crate) use dispatch_kernel_dtype;

/// The end of every branch on types that no kernel computes in; see [`DType::has_kernels`].
#[cold]
pub(crate) fn without_kernels() -> ! {
    unreachable!("evaluation computes 16-bit floats and complex numbers in terms of other types")
}
