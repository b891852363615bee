//! Reductions of slices that belong together, as `jax.ops` has them.

use std::panic::Location;

use crate::array::DType;
use crate::tensor::{Tensor, composed, where_};

macro_rules! segments {
    ($($name:ident $method:ident $initial:expr, $doc:literal $out:expr;)*) => {$(
        #[doc = $doc]
        ///
        /// Slice `k` along axis 0 belongs to segment `segments[k]` of `count`; those outside are left out.
        ///
        /// ```
        #[doc = concat!("let y = elimap::nn::", stringify!($name), "(vec![2.0, 3.0, 5.0], vec![0, 1, 0], 2);")]
        #[doc = concat!("assert_eq!(y.to_vec::<f64>()?, ", stringify!($out), ");")]
        /// # Ok::<(), elimap::Error>(())
        /// ```
        #[track_caller]
        #[must_use]
        pub fn $name(x: impl Into<Tensor>, segments: impl Into<Tensor>, count: usize) -> Tensor {
            let (x, segments): (Tensor, Tensor) = (x.into(), segments.into());
            composed(Location::caller(), || {
                let mut shape = x.shape().to_vec();
                shape[..1].fill(count);
                let initial: fn(DType) -> Tensor = $initial;
                let start = initial(x.dtype()).broadcast_to(shape);
                // Numbers below zero are no segments; a scatter would count them from the end.
                let segments = if segments.dtype().is_unsigned_integer() {
                    segments
                } else {
                    where_(segments.less(0), count as i64, &segments)
                };
                Ok(start.at(segments).$method(&x))
            })
        }
    )*};
}
segments! {
    segment_sum add |dtype| Tensor::from(0).astype(dtype), "Sums by segment; 0 for an empty one." [7.0, 3.0];
    segment_prod mul |dtype| Tensor::from(1).astype(dtype), "Products by segment; 1 for an empty one." [10.0, 3.0];
    segment_max max least, "Maxima by segment; the least value there is for an empty one." [5.0, 3.0];
    segment_min min greatest, "Minima by segment; the greatest value there is for an empty one." [2.0, 3.0];
}

fn least(dtype: DType) -> Tensor {
    match dtype {
        DType::F32 | DType::F64 => Tensor::from(f64::NEG_INFINITY).astype(dtype),
        // The bits of the widest type's, shifted to the width.
        d if d.is_signed_integer() => Tensor::from(i64::MIN >> (64 - 8 * d.size())).astype(d),
        _ => Tensor::from(0).astype(dtype),
    }
}

fn greatest(dtype: DType) -> Tensor {
    match dtype {
        DType::F32 | DType::F64 => Tensor::from(f64::INFINITY).astype(dtype),
        d if d.is_signed_integer() => Tensor::from(i64::MAX >> (64 - 8 * d.size())).astype(d),
        DType::Bool => Tensor::from(true),
        DType::U64 => Tensor::from(u64::MAX),
        unsigned => (!Tensor::from(0).astype(unsigned)).astype(unsigned),
    }
}
