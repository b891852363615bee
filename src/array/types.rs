//! Shapes and tensor types.

use std::fmt;

use smallvec::SmallVec;

use super::DType;

/// The length of each axis, outermost first.
pub type Shape = SmallVec<[usize; 4]>;

/// Shows a shape the way JAX's messages do: `()`, `(3,)`, `(2, 3)`.
pub(crate) struct ShapeTuple<'a>(pub(crate) &'a [usize]);

impl fmt::Display for ShapeTuple<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("()"),
            [n] => write!(f, "({n},)"),
            [first, rest @ ..] => {
                write!(f, "({first}")?;
                for n in rest {
                    write!(f, ", {n}")?;
                }
                f.write_str(")")
            }
        }
    }
}

/// What is known of a tensor before it has a value: element type, shape, and whether the type is weak.
///
/// A *weak* type is that of a bare number such as the `2.0` of `x * 2.0`: it gives way to the other operand's
/// type in promotion (JAX, rules N1 and N2).
///
/// ```
/// use elimap::{DType, Element, TensorType};
/// let t = f32::spec([3]);
/// assert_eq!(t, TensorType::new(DType::F32, [3]));
/// assert_eq!(t.to_string(), "f32[3]");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TensorType {
    /// The element type.
    pub dtype: DType,
    /// Whether the element type gives way in promotion.
    pub weak: bool,
    /// The length of each axis.
    pub shape: Shape,
}

impl TensorType {
    /// A strongly typed tensor type.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(TensorType::new(DType::F64, [2, 3]).to_string(), "f64[2,3]");
    /// ```
    #[must_use]
    pub fn new(dtype: DType, shape: impl IntoIterator<Item = usize>) -> Self {
        TensorType {
            dtype,
            weak: false,
            shape: shape.into_iter().collect(),
        }
    }

    /// The same type with the given weakness.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert!(f64::spec([]).with_weak(true).weak);
    /// ```
    #[must_use]
    pub fn with_weak(mut self, weak: bool) -> Self {
        self.weak = weak;
        self
    }

    /// The same element type with another shape.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(f64::spec([2]).with_shape([3, 3]), f64::spec([3, 3]));
    /// ```
    #[must_use]
    pub fn with_shape(&self, shape: impl IntoIterator<Item = usize>) -> Self {
        TensorType {
            dtype: self.dtype,
            weak: self.weak,
            shape: shape.into_iter().collect(),
        }
    }

    /// The same shape with another, strong element type.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(f64::spec([2]).with_dtype(DType::I32), i32::spec([2]));
    /// ```
    #[must_use]
    pub fn with_dtype(&self, dtype: DType) -> Self {
        TensorType {
            dtype,
            weak: false,
            shape: self.shape.clone(),
        }
    }

    /// The number of axes.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(f64::spec([2, 3]).rank(), 2);
    /// ```
    #[must_use]
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The number of elements; the greatest number there is where it would be greater.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert_eq!(f64::spec([2, 3]).size(), 6);
    /// ```
    #[must_use]
    pub fn size(&self) -> usize {
        if self.shape.contains(&0) {
            return 0;
        }
        self.shape
            .iter()
            .fold(1, |n: usize, &d| n.saturating_mul(d))
    }

    /// Whether dtype and shape agree; weakness is not compared.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// assert!(f64::spec([2]).same_layout(&f64::spec([2]).with_weak(true)));
    /// ```
    #[must_use]
    pub fn same_layout(&self, other: &TensorType) -> bool {
        self.dtype == other.dtype && self.shape == other.shape
    }

    /// The type with an axis of length `size` inserted at `axis`.
    #[must_use]
    pub(crate) fn insert_axis(&self, axis: usize, size: usize) -> Self {
        let mut ty = self.clone();
        ty.shape.insert(axis, size);
        ty
    }

    /// The type with the given axis removed.
    #[must_use]
    pub(crate) fn remove_axis(&self, axis: usize) -> Self {
        let mut ty = self.clone();
        ty.shape.remove(axis);
        ty
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[", self.dtype)?;
        for (i, n) in self.shape.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            write!(f, "{n}")?;
        }
        f.write_str("]")
    }
}

/// The shape that several shapes broadcast to by numpy's rule, or `None` where they do not fit.
#[must_use]
pub(crate) fn broadcast_shapes<'a>(
    shapes: impl IntoIterator<Item = &'a [usize]> + Clone,
) -> Option<Shape> {
    let rank = shapes
        .clone()
        .into_iter()
        .map(<[usize]>::len)
        .max()
        .unwrap_or(0);
    let mut out: Shape = SmallVec::from_elem(1, rank);
    for shape in shapes {
        let offset = rank - shape.len();
        for (i, &n) in shape.iter().enumerate() {
            let slot = &mut out[offset + i];
            match (*slot, n) {
                (a, b) if a == b => {}
                (1, b) => *slot = b,
                (_, 1) => {}
                _ => return None,
            }
        }
    }
    Some(out)
}

/// Resolves a possibly negative axis against a rank.
#[must_use]
pub(crate) fn resolve_axis(axis: isize, rank: usize) -> Option<usize> {
    let resolved = if axis < 0 {
        axis.checked_add_unsigned(rank)?
    } else {
        axis
    };
    usize::try_from(resolved).ok().filter(|&a| a < rank)
}
