//! How functions are written with other operations.

/// Writes functions of tensors: arguments are converted, what happens inside names the caller's line, and an example
/// is tested.
///
/// `[name(arguments) => type values]` is the example, and what it gives, in row-major order.
macro_rules! compositions {
    ($module:path; $(
        $(#[$doc:meta])*
        [$example:expr => $ty:ident $out:expr]
        fn $name:ident($($x:ident),*; $($param:ident: $kind:ty),*) $body:block
    )*) => {$(
        $(#[$doc])*
        ///
        /// ```
        /// # #[allow(unused_imports)]
        /// use elimap::{linalg, nn, numpy, prelude::*, special, stats};
        #[doc = concat!("let y = ", stringify!($module), "::", stringify!($example), ";")]
        #[doc = concat!("let wanted: &[", stringify!($ty), "] = &", stringify!($out), ";")]
        #[doc = concat!("assert_eq!(y.to_vec::<", stringify!($ty), ">()?, wanted);")]
        /// # Ok::<(), elimap::Error>(())
        /// ```
        #[track_caller]
        #[must_use]
        pub fn $name($($x: impl Into<$crate::tensor::Tensor>,)* $($param: $kind),*) -> $crate::tensor::Tensor {
            $(let $x: $crate::tensor::Tensor = $x.into();)*
            $crate::tensor::composed(std::panic::Location::caller(), || $body)
        }
    )*};
}
pub(crate) use compositions;
