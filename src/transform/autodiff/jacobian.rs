//! Whole Jacobians: `jacfwd`, `jacrev` and `hessian`.
//!
//! A derivative along one tangent is batched over the unit vectors, as `vmap` would, so that what does not depend on them is
//! computed once and a host function's rule sees them as its lanes.

use std::collections::BTreeMap;
use std::panic::Location;

use super::argnums::{Arg, ArgNums, AuxMode, Chosen, Plain, WithAux};
use super::emit::floating;
use super::function::check_forward;
use super::jvp::jvp;
use super::linearize::linearize;
use super::source::{Source, float0};
use crate::array::{Array, TensorType};
use crate::error::{AutodiffError, Error};
use crate::ops::BatchDim;
use crate::program::{Atom, ProgramBuilder};
use crate::tensor::{Caller, Func, Slicing, Tensor, Tree, TreeValue, run_or_inline};
use crate::transform::transformed::{derivative, results};
use crate::transform::vmap::batch::{MappedAxis, batch_program, finish};
use crate::tree::TreeDef;

/// A function that computes a Jacobian in forward mode; see [`jacfwd`].
#[derive(Clone, Debug)]
pub struct Jacfwd<F, W = Arg<0>, X = Plain> {
    function: F,
    argnums: W,
    aux: X,
}

/// A function that computes a Jacobian in reverse mode; see [`jacrev`].
#[derive(Clone, Debug)]
pub struct Jacrev<F, W = Arg<0>, X = Plain> {
    function: F,
    argnums: W,
    aux: X,
}

/// A function that computes a Hessian; see [`hessian`].
#[derive(Clone, Debug)]
pub struct Hessian<F, W = Arg<0>, X = Plain> {
    function: F,
    argnums: W,
    aux: X,
}

/// The Jacobian of a function in forward mode, for many results and few arguments (JAX's `jacfwd`).
///
/// A function of the same arguments that returns a tree like the function's result, in which each leaf is a tree like its first
/// argument, or those that `argnums` names; each leaf of that has the result's shape, then the argument's.
///
/// ```
/// use elimap::prelude::*;
/// use elimap::jacfwd;
/// let j = jacfwd(|x: Tensor| x.square()).call((Array::from(vec![1.0, 2.0]),))?;
/// assert_eq!(j.to_array()?.to_vec::<f64>()?, [2.0, 0.0, 0.0, 4.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[must_use]
pub fn jacfwd<F>(function: F) -> Jacfwd<F> {
    Jacfwd {
        function,
        argnums: Arg,
        aux: Plain,
    }
}

/// The Jacobian of a function in reverse mode, for few results and many arguments; what it returns is what [`jacfwd`] does
/// (JAX's `jacrev`).
///
/// ```
/// use elimap::prelude::*;
/// use elimap::jacrev;
/// let j = jacrev(|x: Tensor, y: Tensor| x * y).argnums(elimap::Arg::<1>);
/// let j = j.call((Array::from(vec![1.0, 2.0]), 3.0))?;
/// assert_eq!(j.to_array()?.to_vec::<f64>()?, [1.0, 2.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[must_use]
pub fn jacrev<F>(function: F) -> Jacrev<F> {
    Jacrev {
        function,
        argnums: Arg,
        aux: Plain,
    }
}

/// The second derivatives of a function: `jacfwd(jacrev(f))` (JAX's `hessian`).
///
/// ```
/// use elimap::prelude::*;
/// use elimap::hessian;
/// let h = hessian(|x: Tensor| x.square().sum(..)).call((Array::from(vec![1.0, 2.0]),))?;
/// assert_eq!(h.to_array()?.to_vec::<f64>()?, [2.0, 0.0, 0.0, 2.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[must_use]
pub fn hessian<F>(function: F) -> Hessian<F> {
    Hessian {
        function,
        argnums: Arg,
        aux: Plain,
    }
}

macro_rules! options {
    ($name:ident) => {
        impl<F, W, X> $name<F, W, X> {
            /// Which arguments the derivative is taken with respect to; the first where nothing is said.
            ///
            /// ```
            /// use elimap::{Arg, jacfwd, prelude::*};
            /// let slope = jacfwd(|x: Tensor, y: Tensor| x * y).argnums(Arg::<1>).call((2.0, 3.0))?;
            /// assert_eq!(slope.item::<f64>()?, 2.0);
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            pub fn argnums<V>(self, argnums: V) -> $name<F, V, X> {
                $name {
                    function: self.function,
                    argnums,
                    aux: self.aux,
                }
            }

            /// The function returns a pair: the value, and something that is not differentiated and comes back as it is.
            ///
            /// ```
            /// use elimap::{jacfwd, prelude::*};
            /// let (slope, beside) = jacfwd(|x: Tensor| (x.square(), x + 1.0)).has_aux().call((3.0,))?;
            /// assert_eq!((slope.item::<f64>()?, beside.item::<f64>()?), (6.0, 4.0));
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            pub fn has_aux(self) -> $name<F, W, WithAux> {
                $name {
                    function: self.function,
                    argnums: self.argnums,
                    aux: WithAux,
                }
            }
        }
    };
}
options!(Jacfwd);
options!(Jacrev);
options!(Hessian);

/// A tree of which a Jacobian can be taken: the same tree with other trees in the places of its leaves.
#[diagnostic::on_unimplemented(
    message = "the Jacobian of a function that returns `{Self}` has no type",
    note = "return a Tensor, or tuples, Vec, arrays, Option, BTreeMap<String, _> of it, or a TreeValue"
)]
pub trait Jacobian: Tree {
    /// This tree with a `J` for every leaf.
    type Of<J: Tree>: Tree;
}

impl Jacobian for Tensor {
    type Of<J: Tree> = J;
}
impl Jacobian for TreeValue {
    type Of<J: Tree> = TreeValue;
}
impl<T: Jacobian> Jacobian for Vec<T> {
    type Of<J: Tree> = Vec<T::Of<J>>;
}
impl<T: Jacobian> Jacobian for Option<T> {
    type Of<J: Tree> = Option<T::Of<J>>;
}
impl<T: Jacobian, const N: usize> Jacobian for [T; N] {
    type Of<J: Tree> = [T::Of<J>; N];
}
impl<T: Jacobian> Jacobian for BTreeMap<String, T> {
    type Of<J: Tree> = BTreeMap<String, T::Of<J>>;
}
macro_rules! tuples {
    ($($name:ident)*) => {
        impl<$($name: Jacobian),*> Jacobian for ($($name,)*) {
            type Of<J: Tree> = ($($name::Of<J>,)*);
        }
    };
}
tuples!();
tuples!(A0);
tuples!(A0 A1);
tuples!(A0 A1 A2);
tuples!(A0 A1 A2 A3);
tuples!(A0 A1 A2 A3 A4);
tuples!(A0 A1 A2 A3 A4 A5);
tuples!(A0 A1 A2 A3 A4 A5 A6);
tuples!(A0 A1 A2 A3 A4 A5 A6 A7);

/// The outer structure with the inner one in the place of each of its leaves.
fn nested(outer: &TreeDef, inner: &TreeDef) -> TreeDef {
    let all = |items: &[TreeDef]| items.iter().map(|d| nested(d, inner)).collect();
    match outer {
        TreeDef::Leaf => inner.clone(),
        TreeDef::None => TreeDef::None,
        TreeDef::Tuple(items) => TreeDef::Tuple(all(items)),
        TreeDef::List(items) => TreeDef::List(all(items)),
        TreeDef::Dict(items) => {
            let items = items.iter().map(|(k, d)| (k.clone(), nested(d, inner)));
            TreeDef::Dict(items.collect())
        }
        TreeDef::Struct(name, fields) => {
            let fields = fields.iter().map(|(k, d)| (k.clone(), nested(d, inner)));
            TreeDef::Struct(name.clone(), fields.collect())
        }
    }
}

/// The unit vectors of values of these types together, as one array for each value with the vectors along its first axis.
fn unit_vectors(types: &[TensorType]) -> Vec<Tensor> {
    let total: usize = types.iter().map(TensorType::size).sum();
    let mut first = 0;
    let mut out = Vec::with_capacity(types.len());
    for ty in types {
        let size = ty.size();
        let shape: Vec<usize> = [total].iter().chain(&ty.shape).copied().collect();
        let mut units = vec![0.0_f64; total * size];
        for k in 0..size {
            units[(first + k) * size + k] = 1.0;
        }
        first += size;
        // The number of elements is the shape's.
        let array = Array::from_vec(shape, units);
        out.extend(array.ok().map(|units| Tensor::from(units).astype(ty.dtype)));
    }
    out
}

/// The part of an array that belongs to one value of those along `axis`, in the shape of a Jacobian.
fn block(stacked: &Tensor, axis: usize, (first, size): (usize, usize), shape: &[usize]) -> Tensor {
    let rank = stacked.rank();
    let start = (0..rank).map(|a| if a == axis { first } else { 0 });
    let limit = (0..rank).map(|a| match a == axis {
        true => first + size,
        false => stacked.shape()[a],
    });
    let slicing = Slicing::new(start.collect::<Vec<_>>(), limit.collect::<Vec<_>>());
    let shape: Vec<isize> = shape.iter().map(|&n| n as isize).collect();
    stacked.slice(slicing).reshape(shape)
}

/// Where each value begins among the unit vectors, and how many it has.
fn spans(types: &[TensorType]) -> Vec<(usize, usize)> {
    let mut first = 0;
    let span = |ty: &TensorType| {
        let size = ty.size();
        first += size;
        (first - size, size)
    };
    types.iter().map(span).collect()
}

fn joined(outer: &TensorType, inner: &TensorType) -> Vec<usize> {
    outer.shape.iter().chain(&inner.shape).copied().collect()
}

/// A value, what came beside it, and its Jacobian.
type Found = (Source, Vec<Tensor>, TreeDef, Vec<Tensor>);

fn forward<A: Tree, By, F: Func<A, By>, W: ArgNums<A>, X: AuxMode<F::Out>>(
    function: &F,
    argnums: &W,
    (def, leaves): (&TreeDef, &[Tensor]),
    location: Caller,
) -> Result<Found, Error> {
    let types: Vec<TensorType> = leaves.iter().map(|t| t.ty().clone()).collect();
    let chosen = Chosen::new(argnums, def)?;
    chosen.check_floating("jacfwd", def, &types)?;
    chosen.check_real("jacfwd", def, &types)?;
    let source = Source::trace::<A, By, F, _, _>(function, def, leaves, location, X::divide)?;
    let outputs = source.program.output_types();
    let values = source.value.leaf_count();
    let flags = chosen.flags(&types);
    let program = jvp(&source.program, &source.inputs(&flags))?
        .of_first(values)
        .with_tangents(&floating(&outputs[..values]))?
        .program;
    check_forward(&program)?;

    // Tangents come in the order of the arguments, unit vectors in that of the result.
    let wanted: Vec<TensorType> = chosen.leaves.iter().map(|&k| types[k].clone()).collect();
    let units = unit_vectors(&wanted);
    let mut order: Vec<usize> = (0..units.len()).collect();
    order.sort_by_key(|&i| chosen.leaves[i]);
    let size = wanted.iter().map(TensorType::size).sum();
    let axis = MappedAxis { size, name: None };
    let fixed = types.len() + source.captures.len();
    let dims: Vec<BatchDim> = (0..program.inputs.len())
        .map(|k| match k < fixed {
            true => BatchDim::Unbatched,
            false => BatchDim::At(0),
        })
        .collect();
    let body = batch_program(&program, axis, &dims)?;
    let places: Vec<Option<usize>> = (0..body.outputs.len())
        .map(|k| {
            let ty = program.atom_type(&program.outputs[k]);
            (k >= outputs.len()).then_some(ty.rank())
        })
        .collect();
    let mut batched = finish(body, axis, &places)?;
    batched.inputs[types.len()..].rotate_left(source.captures.len());
    let mut args = leaves.to_vec();
    args.extend(order.iter().map(|&i| units[i].clone()));
    let mut found = run_or_inline(&batched, &args, &source.captures, location)?;
    let mut stacked = found.split_off(outputs.len()).into_iter();
    let mut jacobian = Vec::new();
    for out in &outputs[..values] {
        let column = if out.dtype.is_inexact() {
            stacked.next()
        } else {
            None
        };
        for (ty, span) in wanted.iter().zip(spans(&wanted)) {
            let shape = joined(out, ty);
            jacobian.push(match &column {
                Some(column) => block(column, out.rank(), span, &shape),
                None => float0(&out.with_shape(shape)),
            });
        }
    }
    let def = nested(&source.value, &chosen.def);
    let aux = found.split_off(values);
    Ok((source, aux, def, jacobian))
}

fn reverse<A: Tree, By, F: Func<A, By>, W: ArgNums<A>, X: AuxMode<F::Out>>(
    function: &F,
    argnums: &W,
    (def, leaves): (&TreeDef, &[Tensor]),
    location: Caller,
) -> Result<Found, Error> {
    let types: Vec<TensorType> = leaves.iter().map(|t| t.ty().clone()).collect();
    let chosen = Chosen::new(argnums, def)?;
    chosen.check_floating("jacrev", def, &types)?;
    let source = Source::trace::<A, By, F, _, _>(function, def, leaves, location, X::divide)?;
    let values = source.value_types();
    if let Some(ty) = values.iter().find(|ty| ty.dtype.is_complex()) {
        return Err(AutodiffError::ComplexOutput {
            transform: "jacrev",
            ty: ty.clone(),
        }
        .into());
    }
    if let Some(ty) = values.iter().find(|ty| !ty.dtype.is_inexact()) {
        return Err(AutodiffError::IntegerOutput {
            transform: "jacrev",
            ty: ty.clone(),
        }
        .into());
    }
    let flags = chosen.flags(&types);
    let linearized = linearize(&source.program, &source.inputs(&flags), values.len())?;
    let transposed = linearized.transpose()?;

    let units = unit_vectors(&values);
    let size = values.iter().map(TensorType::size).sum();
    let axis = MappedAxis { size, name: None };
    let dims: Vec<BatchDim> = (0..transposed.program.inputs().len())
        .map(|k| match k < linearized.residuals {
            true => BatchDim::Unbatched,
            false => BatchDim::At(0),
        })
        .collect();
    let body = batch_program(&transposed.program, axis, &dims)?;
    let front = vec![Some(0); body.outputs.len()];
    let batched = finish(body, axis, &front)?;

    let mut builder = ProgramBuilder::new();
    let mut take = |types: Vec<TensorType>| -> Vec<Atom> {
        let inputs = types.into_iter();
        inputs.map(|ty| Atom::Var(builder.input(ty))).collect()
    };
    let all = source.program.input_types();
    let args = take(all[..types.len()].to_vec());
    let bases = take(units.iter().map(|u| u.ty().clone()).collect());
    let captured = take(all[types.len()..].to_vec());
    let mut outputs = linearized
        .primal
        .inline(&mut builder, &[args, captured].concat());
    let mut operands = outputs.split_off(outputs.len() - linearized.residuals);
    let used = bases.iter().zip(&linearized.tangents);
    operands.extend(used.filter_map(|(&basis, &used)| used.then_some(basis)));
    outputs.extend(batched.inline(&mut builder, &operands));
    let program = builder.finish(outputs);

    let mut given = leaves.to_vec();
    given.extend(units);
    let mut found = run_or_inline(&program, &given, &source.captures, location)?;
    let mut rows = found
        .split_off(values.len() + source.aux.leaf_count())
        .into_iter();
    let mut by_leaf: BTreeMap<usize, Option<Tensor>> = BTreeMap::new();
    let places = (0..types.len()).filter(|&k| flags[k]);
    for (k, &has) in places.zip(&transposed.cotangents) {
        by_leaf.insert(k, if has { rows.next() } else { None });
    }
    let mut jacobian = Vec::new();
    for (out, span) in values.iter().zip(spans(&values)) {
        for &k in &chosen.leaves {
            let shape = joined(out, &types[k]);
            jacobian.push(match by_leaf.get(&k).and_then(Option::as_ref) {
                Some(rows) => block(rows, 0, span, &shape),
                None => Tensor::from(Array::zeros(types[k].dtype, &shape)),
            });
        }
    }
    let def = nested(&source.value, &chosen.def);
    let aux = found.split_off(values.len());
    Ok((source, aux, def, jacobian))
}

derivative! {
    Jacfwd<F, W, X>;
    where [W: ArgNums<A>, X: AuxMode<F::Out>, X::Value: Jacobian];
    Out = X::With<<X::Value as Jacobian>::Of<W::Out>>;
    |this, def, leaves, location| {
        let args = (def, leaves);
        let (source, aux, def, jacobian) =
            forward::<A, By, F, W, X>(&this.function, &this.argnums, args, location)?;
        Ok(X::with(results(&def, jacobian)?, results(&source.aux, aux)?))
    }
}

derivative! {
    Jacrev<F, W, X>;
    where [W: ArgNums<A>, X: AuxMode<F::Out>, X::Value: Jacobian];
    Out = X::With<<X::Value as Jacobian>::Of<W::Out>>;
    |this, def, leaves, location| {
        let args = (def, leaves);
        let (source, aux, def, jacobian) =
            reverse::<A, By, F, W, X>(&this.function, &this.argnums, args, location)?;
        Ok(X::with(results(&def, jacobian)?, results(&source.aux, aux)?))
    }
}

/// The Jacobian of a function and what it returns beside the value, as a function of its own.
struct Inner<'a, F, W, X> {
    function: &'a F,
    argnums: &'a W,
    aux: std::marker::PhantomData<X>,
}

impl<A, By, F, W, X> Func<A, By> for Inner<'_, F, W, X>
where
    A: Tree,
    F: Func<A, By>,
    W: ArgNums<A>,
    X: AuxMode<F::Out>,
    X::Value: Jacobian,
{
    type Out = (<X::Value as Jacobian>::Of<W::Out>, X::Aux);
    fn invoke(&self, args: A) -> Result<Self::Out, Error> {
        let mut leaves = Vec::new();
        let def = args.flatten(&mut leaves);
        let location = Location::caller();
        let args = (&def, &leaves[..]);
        let (source, aux, def, jacobian) =
            reverse::<A, By, F, W, X>(self.function, self.argnums, args, location)?;
        Ok((results(&def, jacobian)?, results(&source.aux, aux)?))
    }
}

derivative! {
    Hessian<F, W, X>;
    where [
        W: ArgNums<A>,
        X: AuxMode<F::Out>,
        X::Value: Jacobian,
        <X::Value as Jacobian>::Of<W::Out>: Jacobian,
    ];
    Out = X::With<<<X::Value as Jacobian>::Of<W::Out> as Jacobian>::Of<W::Out>>;
    |this, def, leaves, location| {
        let inner = Inner::<F, W, X> {
            function: &this.function,
            argnums: &this.argnums,
            aux: std::marker::PhantomData,
        };
        let args = (def, leaves);
        let (source, aux, def, hessian) =
            forward::<A, By, _, W, WithAux>(&inner, &this.argnums, args, location)?;
        Ok(X::with(results(&def, hessian)?, results(&source.aux, aux)?))
    }
}
