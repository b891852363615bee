//! Values with tensors inside: arguments and results of traced functions.

use std::collections::BTreeMap;

use half::{bf16, f16};
use ndarray::{ArcArray, ArrayView, Dimension};
use num_complex::Complex;

use super::Tensor;
use crate::array::{Array, Element, Scalar, TensorType};
use crate::tree::{Path, Step, TreeDef, TreeError};

/// A value that can be taken apart into a structure and tensors: what calls accept as arguments.
///
/// Implemented for tensors, arrays (this crate's and ndarray's, and views of these), numbers, types (for tracing), references to any of
/// them, tuples, `Vec`, arrays, `Option`, `BTreeMap<String, _>`, and structs with `#[derive(Tree)]`.
///
/// A `Vec`, slice or array of *numbers* is an array of rank 1; one of tensors or other trees is a list of them:
///
/// ```
/// use elimap::prelude::*;
/// let double = vmap(|x: Tensor| x * 2.0);
/// assert_eq!(double.call((vec![1.0, 2.0],))?.to_vec::<f64>()?, [2.0, 4.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no tensors to pass to a traced function",
    note = "pass tensors, arrays, numbers, or tuples, Vec, Option, BTreeMap<String, _> or #[derive(Tree)] structs of them"
)]
pub trait Flatten {
    /// Appends the leaves in order and returns the structure.
    fn flatten(&self, leaves: &mut Vec<Tensor>) -> TreeDef;

    /// As [`Flatten::flatten`], of a value that is given away: arrays hand over their buffers.
    fn flatten_owned(self, leaves: &mut Vec<Tensor>) -> TreeDef
    where
        Self: Sized,
    {
        self.flatten(leaves)
    }

    /// What several of these are together: a list of trees, or for numbers one array.
    #[doc(hidden)]
    fn flatten_slice(items: &[Self], leaves: &mut Vec<Tensor>) -> TreeDef
    where
        Self: Sized,
    {
        TreeDef::List(items.iter().map(|item| item.flatten(leaves)).collect())
    }

    /// As `flatten_slice`, of items that are given away.
    #[doc(hidden)]
    fn flatten_vec(items: Vec<Self>, leaves: &mut Vec<Tensor>) -> TreeDef
    where
        Self: Sized,
    {
        let flat = items.into_iter().map(|item| item.flatten_owned(leaves));
        TreeDef::List(flat.collect())
    }
}

/// A value that can be rebuilt from a structure and tensors: parameters and results of traced functions.
///
/// Derive it for structs whose fields are trees:
///
/// ```
/// use elimap::prelude::*;
/// #[derive(Tree)]
/// struct Line {
///     slope: Tensor,
///     offset: Tensor,
/// }
/// let f = vmap(|line: Line, x: Tensor| line.slope * x + line.offset);
/// let line = Line { slope: Array::from(vec![1.0, 2.0]).into(), offset: Array::from(vec![0.5, 0.0]).into() };
/// let y = f.call((line, Array::from(vec![10.0, 20.0])))?;
/// assert_eq!(y.to_array()?.to_vec::<f64>()?, [10.5, 40.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter or result of a traced function",
    note = "use Tensor, or tuples, Vec, Option, BTreeMap<String, _> or #[derive(Tree)] structs of it"
)]
pub trait Tree: Flatten + Sized {
    /// Rebuilds a value from its structure and leaves; `path` says where it sits, for messages.
    ///
    /// # Errors
    ///
    /// [`TreeError::Structure`] where the structure is not this type's.
    fn unflatten(
        def: &TreeDef,
        leaves: &mut dyn Iterator<Item = Tensor>,
        path: &Path,
    ) -> Result<Self, TreeError>;
}

/// The error of an [`unflatten`](Tree::unflatten) that found another structure.
fn mismatch(path: &Path, expected: impl Into<String>, found: &TreeDef) -> TreeError {
    TreeError::Structure {
        path: path.clone(),
        expected: expected.into(),
        found: found.kind(),
    }
}

impl<T: Flatten + ?Sized> Flatten for &T {
    fn flatten(&self, leaves: &mut Vec<Tensor>) -> TreeDef {
        (**self).flatten(leaves)
    }
}

impl Flatten for Tensor {
    fn flatten(&self, leaves: &mut Vec<Tensor>) -> TreeDef {
        self.clone().flatten_owned(leaves)
    }
    fn flatten_owned(self, leaves: &mut Vec<Tensor>) -> TreeDef {
        leaves.push(self);
        TreeDef::Leaf
    }
}

impl Tree for Tensor {
    fn unflatten(
        def: &TreeDef,
        leaves: &mut dyn Iterator<Item = Tensor>,
        path: &Path,
    ) -> Result<Tensor, TreeError> {
        match def {
            TreeDef::Leaf => leaves
                .next()
                .ok_or_else(|| mismatch(path, "a tensor", &TreeDef::None)),
            other => Err(mismatch(path, "a tensor", other)),
        }
    }
}

impl Flatten for Array {
    fn flatten(&self, leaves: &mut Vec<Tensor>) -> TreeDef {
        leaves.push(Tensor::from(self));
        TreeDef::Leaf
    }
    fn flatten_owned(self, leaves: &mut Vec<Tensor>) -> TreeDef {
        Tensor::from(self).flatten_owned(leaves)
    }
}

impl Flatten for TensorType {
    fn flatten(&self, leaves: &mut Vec<Tensor>) -> TreeDef {
        leaves.push(Tensor::spec(self.clone()));
        TreeDef::Leaf
    }
}

macro_rules! ndarray_leaves {
    ($($ty:ty),*) => {$(
        impl<T: Element, D: Dimension> Flatten for $ty {
            fn flatten(&self, leaves: &mut Vec<Tensor>) -> TreeDef {
                Tensor::from(self).flatten_owned(leaves)
            }
            fn flatten_owned(self, leaves: &mut Vec<Tensor>) -> TreeDef {
                Tensor::from(self).flatten_owned(leaves)
            }
        }
        impl<T: Element, D: Dimension> From<$ty> for Tensor {
            /// A tensor that takes over the buffer of an owned array, shares that of a shared one, and copies a view.
            fn from(array: $ty) -> Tensor {
                Tensor::from(Array::from(array))
            }
        }
        impl<T: Element, D: Dimension> From<&$ty> for Tensor {
            fn from(array: &$ty) -> Tensor {
                Tensor::from(Array::from(array.to_shared()))
            }
        }
    )*};
}
ndarray_leaves!(ndarray::Array<T, D>, ArcArray<T, D>);

impl<T: Element, D: Dimension> Flatten for ArrayView<'_, T, D> {
    fn flatten(&self, leaves: &mut Vec<Tensor>) -> TreeDef {
        Tensor::from(self.view()).flatten_owned(leaves)
    }
}
impl<T: Element, D: Dimension> From<ArrayView<'_, T, D>> for Tensor {
    /// A copy of the view.
    fn from(view: ArrayView<'_, T, D>) -> Tensor {
        Tensor::from(Array::from(view.to_owned()))
    }
}
impl<T: Element> From<Vec<T>> for Tensor {
    /// An array of rank 1.
    fn from(elements: Vec<T>) -> Tensor {
        Tensor::from(Array::from(elements))
    }
}
impl<T: Element> From<&[T]> for Tensor {
    /// An array of rank 1.
    fn from(elements: &[T]) -> Tensor {
        Tensor::from(elements.to_vec())
    }
}
impl<T: Element> From<&Vec<T>> for Tensor {
    /// An array of rank 1.
    fn from(elements: &Vec<T>) -> Tensor {
        Tensor::from(elements.clone())
    }
}
impl<T: Element, const N: usize> From<[T; N]> for Tensor {
    /// An array of rank 1.
    fn from(elements: [T; N]) -> Tensor {
        Tensor::from(elements.to_vec())
    }
}

macro_rules! number_leaves {
    ($($ty:ty),*) => {$(
        impl Flatten for $ty {
            fn flatten(&self, leaves: &mut Vec<Tensor>) -> TreeDef {
                leaves.push(Tensor::from(*self));
                TreeDef::Leaf
            }
            fn flatten_slice(items: &[Self], leaves: &mut Vec<Tensor>) -> TreeDef {
                Tensor::from(items).flatten_owned(leaves)
            }
            fn flatten_vec(items: Vec<Self>, leaves: &mut Vec<Tensor>) -> TreeDef {
                Tensor::from(items).flatten_owned(leaves)
            }
        }
    )*};
}
number_leaves!(
    bool,
    u8,
    u16,
    u32,
    u64,
    i8,
    i16,
    i32,
    i64,
    bf16,
    f16,
    f32,
    f64,
    Complex<f32>,
    Complex<f64>
);

/// `f64`, `i32`, `i64` and `Complex<f64>` are what bare literals are, so they are weakly typed, as Python's numbers are in JAX.
macro_rules! number_tensors {
    ($($ty:ty => $make:expr),* $(,)?) => {$(
        impl From<$ty> for Tensor {
            fn from(value: $ty) -> Tensor {
                let make: fn($ty) -> Tensor = $make;
                make(value)
            }
        }
    )*};
}
number_tensors! {
    f64 => |x| Tensor::literal(Scalar::F64(x)),
    i32 => |x| Tensor::literal(Scalar::I64(i64::from(x))),
    i64 => |x| Tensor::literal(Scalar::I64(x)),
    bool => |x| Tensor::concrete(Array::scalar(x), false),
    f32 => |x| Tensor::concrete(Array::scalar(x), false),
    u8 => |x| Tensor::concrete(Array::scalar(x), false),
    u16 => |x| Tensor::concrete(Array::scalar(x), false),
    u32 => |x| Tensor::concrete(Array::scalar(x), false),
    u64 => |x| Tensor::concrete(Array::scalar(x), false),
    i8 => |x| Tensor::concrete(Array::scalar(x), false),
    i16 => |x| Tensor::concrete(Array::scalar(x), false),
    bf16 => |x| Tensor::concrete(Array::scalar(x), false),
    f16 => |x| Tensor::concrete(Array::scalar(x), false),
    Complex<f32> => |x| Tensor::concrete(Array::scalar(x), false),
    Complex<f64> => |x| Tensor::literal(Scalar::C128(x)),
}

impl<T: Flatten> Flatten for Option<T> {
    fn flatten(&self, leaves: &mut Vec<Tensor>) -> TreeDef {
        self.as_ref()
            .map_or(TreeDef::None, |value| value.flatten(leaves))
    }
    fn flatten_owned(self, leaves: &mut Vec<Tensor>) -> TreeDef {
        self.map_or(TreeDef::None, |value| value.flatten_owned(leaves))
    }
}
impl<T: Tree> Tree for Option<T> {
    fn unflatten(
        def: &TreeDef,
        leaves: &mut dyn Iterator<Item = Tensor>,
        path: &Path,
    ) -> Result<Self, TreeError> {
        match def {
            TreeDef::None => Ok(None),
            def => T::unflatten(def, leaves, path).map(Some),
        }
    }
}

impl<T: Flatten> Flatten for Vec<T> {
    fn flatten(&self, leaves: &mut Vec<Tensor>) -> TreeDef {
        T::flatten_slice(self, leaves)
    }
    fn flatten_owned(self, leaves: &mut Vec<Tensor>) -> TreeDef {
        T::flatten_vec(self, leaves)
    }
}
impl<T: Flatten> Flatten for [T] {
    fn flatten(&self, leaves: &mut Vec<Tensor>) -> TreeDef {
        T::flatten_slice(self, leaves)
    }
}
impl<T: Tree> Tree for Vec<T> {
    fn unflatten(
        def: &TreeDef,
        leaves: &mut dyn Iterator<Item = Tensor>,
        path: &Path,
    ) -> Result<Self, TreeError> {
        let TreeDef::List(items) = def else {
            return Err(mismatch(path, "a list", def));
        };
        items
            .iter()
            .enumerate()
            .map(|(i, d)| T::unflatten(d, leaves, &path.join(Step::Index(i))))
            .collect()
    }
}

impl<T: Flatten, const N: usize> Flatten for [T; N] {
    fn flatten(&self, leaves: &mut Vec<Tensor>) -> TreeDef {
        T::flatten_slice(self, leaves)
    }
    fn flatten_owned(self, leaves: &mut Vec<Tensor>) -> TreeDef {
        T::flatten_vec(self.into(), leaves)
    }
}
impl<T: Tree, const N: usize> Tree for [T; N] {
    fn unflatten(
        def: &TreeDef,
        leaves: &mut dyn Iterator<Item = Tensor>,
        path: &Path,
    ) -> Result<Self, TreeError> {
        let items = Vec::<T>::unflatten(def, leaves, path)?;
        items
            .try_into()
            .map_err(|_| mismatch(path, format!("a list of {N}"), def))
    }
}

impl<T: Flatten> Flatten for BTreeMap<String, T> {
    fn flatten(&self, leaves: &mut Vec<Tensor>) -> TreeDef {
        TreeDef::Dict(
            self.iter()
                .map(|(key, value)| (key.clone(), value.flatten(leaves)))
                .collect(),
        )
    }
    fn flatten_owned(self, leaves: &mut Vec<Tensor>) -> TreeDef {
        TreeDef::Dict(
            self.into_iter()
                .map(|(key, value)| (key, value.flatten_owned(leaves)))
                .collect(),
        )
    }
}
impl<T: Tree> Tree for BTreeMap<String, T> {
    fn unflatten(
        def: &TreeDef,
        leaves: &mut dyn Iterator<Item = Tensor>,
        path: &Path,
    ) -> Result<Self, TreeError> {
        let TreeDef::Dict(items) = def else {
            return Err(mismatch(path, "a dictionary", def));
        };
        items
            .iter()
            .map(|(key, d)| {
                Ok((
                    key.clone(),
                    T::unflatten(d, leaves, &path.join(Step::Key(key.clone())))?,
                ))
            })
            .collect()
    }
}

macro_rules! tuple_trees {
    ($count:literal $($name:ident $index:tt)*) => {
        impl<$($name: Flatten),*> Flatten for ($($name,)*) {
            #[allow(unused_variables)]
            fn flatten(&self, leaves: &mut Vec<Tensor>) -> TreeDef {
                TreeDef::Tuple(vec![$(self.$index.flatten(leaves)),*])
            }
            #[allow(unused_variables)]
            fn flatten_owned(self, leaves: &mut Vec<Tensor>) -> TreeDef {
                TreeDef::Tuple(vec![$(self.$index.flatten_owned(leaves)),*])
            }
        }
        impl<$($name: Tree),*> Tree for ($($name,)*) {
            #[allow(unused_variables)]
            fn unflatten(def: &TreeDef, leaves: &mut dyn Iterator<Item = Tensor>, path: &Path) -> Result<Self, TreeError> {
                match def {
                    TreeDef::Tuple(items) if items.len() == $count => Ok((
                        $($name::unflatten(&items[$index], leaves, &path.join(Step::Field($index.to_string())))?,)*
                    )),
                    other => Err(mismatch(path, concat!("a tuple of ", $count), other)),
                }
            }
        }
    };
}
tuple_trees!(0);
tuple_trees!(1 A0 0);
tuple_trees!(2 A0 0 A1 1);
tuple_trees!(3 A0 0 A1 1 A2 2);
tuple_trees!(4 A0 0 A1 1 A2 2 A3 3);
tuple_trees!(5 A0 0 A1 1 A2 2 A3 3 A4 4);
tuple_trees!(6 A0 0 A1 1 A2 2 A3 3 A4 4 A5 5);
tuple_trees!(7 A0 0 A1 1 A2 2 A3 3 A4 4 A5 5 A6 6);
tuple_trees!(8 A0 0 A1 1 A2 2 A3 3 A4 4 A5 5 A6 6 A7 7);
tuple_trees!(9 A0 0 A1 1 A2 2 A3 3 A4 4 A5 5 A6 6 A7 7 A8 8);
tuple_trees!(10 A0 0 A1 1 A2 2 A3 3 A4 4 A5 5 A6 6 A7 7 A8 8 A9 9);
tuple_trees!(11 A0 0 A1 1 A2 2 A3 3 A4 4 A5 5 A6 6 A7 7 A8 8 A9 9 A10 10);
tuple_trees!(12 A0 0 A1 1 A2 2 A3 3 A4 4 A5 5 A6 6 A7 7 A8 8 A9 9 A10 10 A11 11);

/// A tree whose structure is learnt at run time.
///
/// ```
/// use elimap::prelude::*;
/// let f = vmap(|args: TreeValue| match args {
///     TreeValue::Tuple(items) => TreeValue::Tuple(items.into_iter().rev().collect()),
///     other => other,
/// });
/// let args = TreeValue::Tuple(vec![Array::from(vec![1.0, 2.0]).into(), TreeValue::None]);
/// let TreeValue::Tuple(out) = f.call((args,))? else { unreachable!() };
/// assert!(matches!(&out[..], [TreeValue::None, TreeValue::Leaf(_)]));
/// # Ok::<(), elimap::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TreeValue {
    /// A tensor.
    Leaf(Tensor),
    /// An absent value.
    None,
    /// A tuple.
    Tuple(Vec<TreeValue>),
    /// A list.
    List(Vec<TreeValue>),
    /// A dictionary.
    Dict(BTreeMap<String, TreeValue>),
    /// A struct: its name and its fields.
    Struct(String, Vec<(String, TreeValue)>),
}

impl<T: Into<Tensor>> From<T> for TreeValue {
    fn from(leaf: T) -> TreeValue {
        TreeValue::Leaf(leaf.into())
    }
}

impl Flatten for TreeValue {
    fn flatten(&self, leaves: &mut Vec<Tensor>) -> TreeDef {
        match self {
            TreeValue::Leaf(tensor) => tensor.flatten(leaves),
            TreeValue::None => TreeDef::None,
            TreeValue::Tuple(items) => {
                TreeDef::Tuple(items.iter().map(|v| v.flatten(leaves)).collect())
            }
            TreeValue::List(items) => {
                TreeDef::List(items.iter().map(|v| v.flatten(leaves)).collect())
            }
            TreeValue::Dict(items) => TreeDef::Dict(
                items
                    .iter()
                    .map(|(k, v)| (k.clone(), v.flatten(leaves)))
                    .collect(),
            ),
            TreeValue::Struct(name, fields) => TreeDef::Struct(
                name.clone(),
                fields
                    .iter()
                    .map(|(k, v)| (k.clone(), v.flatten(leaves)))
                    .collect(),
            ),
        }
    }
}

impl Tree for TreeValue {
    fn unflatten(
        def: &TreeDef,
        leaves: &mut dyn Iterator<Item = Tensor>,
        path: &Path,
    ) -> Result<Self, TreeError> {
        let mut child =
            |(step, def): (Step, &TreeDef)| TreeValue::unflatten(def, leaves, &path.join(step));
        Ok(match def {
            TreeDef::Leaf => TreeValue::Leaf(Tensor::unflatten(def, leaves, path)?),
            TreeDef::None => TreeValue::None,
            TreeDef::Tuple(_) => TreeValue::Tuple(
                def.children()
                    .into_iter()
                    .map(child)
                    .collect::<Result<_, _>>()?,
            ),
            TreeDef::List(_) => TreeValue::List(
                def.children()
                    .into_iter()
                    .map(child)
                    .collect::<Result<_, _>>()?,
            ),
            TreeDef::Dict(items) => {
                let values = def
                    .children()
                    .into_iter()
                    .map(child)
                    .collect::<Result<Vec<_>, _>>()?;
                TreeValue::Dict(items.keys().cloned().zip(values).collect())
            }
            TreeDef::Struct(name, fields) => {
                let mut values = Vec::with_capacity(fields.len());
                for (field, d) in fields {
                    values.push((field.clone(), child((Step::Field(field.clone()), d))?));
                }
                TreeValue::Struct(name.clone(), values)
            }
        })
    }
}
