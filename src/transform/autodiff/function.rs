//! Derivatives of functions at given arguments: `jvp`, `linearize`, `vjp`, `linear_transpose`.

use std::marker::PhantomData;
use std::panic::Location;

use super::emit::floating;
use super::jvp::jvp as jvp_program;
use super::linearize::{linearize as linearize_program, transpose_split};
use super::source::{COTANGENTS, Source, TANGENTS, tangent_leaves, with_float0};
use crate::array::{Array, TensorType};
use crate::error::{AutodiffError, Error};
use crate::program::{ControlOp, Op, Program};
use crate::tensor::{
    Arguments, Caller, Flatten, Func, Tensor, Tree, flatten_args, lift_vars, run_or_inline,
};
use crate::transform::transformed::results;
use crate::tree::TreeDef;

fn leaf_types(leaves: &[Tensor]) -> Vec<TensorType> {
    leaves.iter().map(|t| t.ty().clone()).collect()
}

/// Refuses a forward derivative that passes through a function with a reverse rule only.
pub(super) fn check_forward(program: &Program) -> Result<(), Error> {
    for equation in program.equations() {
        if let Op::Control(ControlOp::CustomLin(op)) = &equation.op {
            return Err(AutodiffError::ForwardCustomVjp {
                name: op.name.to_string(),
            }
            .into());
        }
        for inner in equation.op.sub_programs() {
            check_forward(inner)?;
        }
    }
    Ok(())
}

/// The value of a function and its derivative along a tangent: `(f(x), f'(x) dx)`, in one run (JAX's `jvp`).
///
/// `tangents` is a tree like the arguments; integers and booleans, which have none, take `None` there (or `false`s of their
/// shape, which is what their tangents come back as).
///
/// # Errors
///
/// [`AutodiffError`] where the tangents do not fit the arguments or the function has no derivative, and whatever goes wrong in the function.
///
/// ```
/// use elimap::prelude::*;
/// use elimap::jvp;
/// let (y, dy) = jvp(|x: Tensor| x.square(), (3.0,), (1.0,))?;
/// assert_eq!((y.to_array()?.item::<f64>()?, dy.to_array()?.item::<f64>()?), (9.0, 6.0));
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn jvp<A: Tree, F: Func<A>>(
    function: F,
    primals: impl Arguments<A>,
    tangents: impl Flatten,
) -> Result<(F::Out, F::Out), Error> {
    let location = Location::caller();
    let (def, mut leaves) = flatten_args::<A>(primals);
    let types = leaf_types(&leaves);
    let tangents = tangent_leaves(TANGENTS, &def, &types, &tangents)?;
    let source = Source::whole::<A, F>(&function, &def, &leaves, location)?;
    let outputs = source.program.output_types();
    let flags = source.inputs(&floating(&types));
    let mut program = jvp_program(&source.program, &flags)?
        .with_tangents(&floating(&outputs))?
        .program;
    check_forward(&program)?;
    let (args, captures) = (types.len(), source.captures.len());
    program.inputs[args..].rotate_left(captures);
    leaves.extend(tangents);
    let mut found = run_or_inline(&program, &leaves, &source.captures, location)?;
    let tangents = found.split_off(outputs.len());
    Ok((
        results(&source.value, found)?,
        results(&source.value, with_float0(&outputs, tangents))?,
    ))
}

/// A linear map from tangents or cotangents, with the values it was found at.
#[derive(Clone, Debug)]
struct LinearMap {
    /// Residuals, then what is mapped; to those of the results whose flag is set.
    program: Program,
    residuals: Vec<Tensor>,
    /// Of what is mapped: its structure and types, and which floating leaves matter.
    from: (TreeDef, Vec<TensorType>),
    used: Vec<bool>,
    /// Of the results: their structure and types, and which floating leaves are not zero.
    to: (TreeDef, Vec<TensorType>),
    given: Vec<bool>,
}

impl LinearMap {
    fn apply(&self, leaves: Vec<Tensor>, location: Caller) -> Result<Vec<Tensor>, Error> {
        let used = leaves.into_iter().zip(&self.used);
        let used = used.filter_map(|(leaf, &used)| used.then_some(leaf));
        let inputs: Vec<Tensor> = self.residuals.iter().cloned().chain(used).collect();
        let mut found = run_or_inline(&self.program, &inputs, &[], location)?.into_iter();
        let floats = self.to.1.iter().filter(|ty| ty.dtype.is_float());
        let all: Vec<Tensor> = floats
            .zip(&self.given)
            .filter_map(|(ty, &given)| match given {
                true => found.next(),
                false => Some(Tensor::concrete(Array::zeros(ty.dtype, &ty.shape), false)),
            })
            .collect();
        Ok(with_float0(&self.to.1, all))
    }
}

/// The derivative of a function at a point, which takes tangents; see [`linearize`].
#[derive(Clone, Debug)]
pub struct Pushforward<T> {
    map: LinearMap,
    out: PhantomData<T>,
}

impl<T: Tree> Pushforward<T> {
    /// The tangent of the result for tangents of the arguments, as for [`jvp`].
    ///
    /// # Errors
    ///
    /// [`AutodiffError`] where the tangents do not fit the arguments, and what goes wrong in a host function's rule.
    #[track_caller]
    pub fn call(&self, tangents: impl Flatten) -> Result<T, Error> {
        check_forward(&self.map.program)?;
        let (def, types) = &self.map.from;
        let leaves = tangent_leaves(TANGENTS, def, types, &tangents)?;
        results(&self.map.to.0, self.map.apply(leaves, Location::caller())?)
    }
}

/// The value of a function, and its derivative there as a function of tangents, for as many of them as wanted (JAX's
/// `linearize`).
///
/// # Errors
///
/// What has no derivative, and whatever goes wrong in the function.
///
/// ```
/// use elimap::prelude::*;
/// use elimap::linearize;
/// let (y, push) = linearize(|x: Tensor| x.square(), (3.0,))?;
/// assert_eq!(y.to_array()?.item::<f64>()?, 9.0);
/// assert_eq!(push.call((0.5,))?.to_array()?.item::<f64>()?, 3.0);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn linearize<A: Tree, F: Func<A>>(
    function: F,
    primals: impl Arguments<A>,
) -> Result<(F::Out, Pushforward<F::Out>), Error> {
    let location = Location::caller();
    let (def, leaves) = flatten_args::<A>(primals);
    let types = leaf_types(&leaves);
    let source = Source::whole::<A, F>(&function, &def, &leaves, location)?;
    let found = linearize_program(&source.program, &source.inputs(&floating(&types)))?;
    let outputs = source.program.output_types();
    let mut values = run_or_inline(&found.primal, &leaves, &source.captures, location)?;
    let residuals = values.split_off(outputs.len());
    let value = results(&source.value, values)?;
    let map = LinearMap {
        program: found.linear,
        residuals,
        used: vec![true; types.len()],
        from: (def, types),
        given: given(&outputs, &found.tangents),
        to: (source.value, outputs),
    };
    let out = PhantomData;
    Ok((value, Pushforward { map, out }))
}

/// Which of the floating leaves have their flag set.
fn given(types: &[TensorType], flags: &[bool]) -> Vec<bool> {
    let floats = types.iter().zip(flags);
    floats
        .filter_map(|(ty, &flag)| ty.dtype.is_float().then_some(flag))
        .collect()
}

/// The transposed derivative of a function at a point, which takes cotangents; see [`vjp`] and [`linear_transpose`].
#[derive(Clone, Debug)]
pub struct Pullback<A> {
    map: LinearMap,
    args: PhantomData<A>,
}

impl<A: Tree> Pullback<A> {
    /// The cotangents of the arguments, as a tuple, for the cotangent of the result: a tree like the result, with `None` for
    /// integers and booleans.
    ///
    /// # Errors
    ///
    /// [`AutodiffError`] where the cotangent does not fit the result, and what goes wrong in a host function's rule.
    #[track_caller]
    pub fn call(&self, cotangent: impl Flatten) -> Result<A, Error> {
        let (def, types) = &self.map.from;
        let leaves = tangent_leaves(COTANGENTS, def, types, &cotangent)?;
        results(&self.map.to.0, self.map.apply(leaves, Location::caller())?)
    }
}

/// The value of a function, and its derivative there as a function of cotangents, for as many of them as wanted (JAX's `vjp`).
///
/// # Errors
///
/// What has no derivative in reverse mode, and whatever goes wrong in the function.
///
/// ```
/// use elimap::prelude::*;
/// use elimap::vjp;
/// let (z, pull) = vjp(|x: Tensor, y: Tensor| x * y, (3.0, 5.0))?;
/// assert_eq!(z.to_array()?.item::<f64>()?, 15.0);
/// let (dx, dy) = pull.call(1.0)?;
/// assert_eq!((dx.to_array()?.item::<f64>()?, dy.to_array()?.item::<f64>()?), (5.0, 3.0));
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn vjp<A: Tree, F: Func<A>>(
    function: F,
    primals: impl Arguments<A>,
) -> Result<(F::Out, Pullback<A>), Error> {
    let location = Location::caller();
    let (def, leaves) = flatten_args::<A>(primals);
    let types = leaf_types(&leaves);
    let source = Source::whole::<A, F>(&function, &def, &leaves, location)?;
    let found = linearize_program(&source.program, &source.inputs(&floating(&types)))?;
    let transposed = found.transpose()?;
    let outputs = source.program.output_types();
    let mut values = run_or_inline(&found.primal, &leaves, &source.captures, location)?;
    let residuals = values.split_off(outputs.len());
    let value = results(&source.value, values)?;
    let map = LinearMap {
        program: transposed.program,
        residuals,
        used: given(&outputs, &found.tangents),
        from: (source.value, outputs),
        given: transposed.cotangents,
        to: (def, types),
    };
    let args = PhantomData;
    Ok((value, Pullback { map, args }))
}

/// The transpose of a linear function: from cotangents of its result to cotangents of its arguments (JAX's `linear_transpose`).
///
/// The arguments say shapes and element types; their values are not looked at.
///
/// # Errors
///
/// [`OpErrorKind::NotLinear`](crate::OpErrorKind) where the function is not linear, and whatever goes wrong in it.
///
/// ```
/// use elimap::prelude::*;
/// use elimap::linear_transpose;
/// let sum = linear_transpose(|x: Tensor| x.sum(..), (f64::spec([3]),))?;
/// let (x,) = sum.call(2.0)?;
/// assert_eq!(x.to_array()?.to_vec::<f64>()?, [2.0; 3]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn linear_transpose<A: Tree, F: Func<A>>(
    function: F,
    primals: impl Arguments<A>,
) -> Result<Pullback<A>, Error> {
    let location = Location::caller();
    let (def, leaves) = flatten_args::<A>(primals);
    let types = leaf_types(&leaves);
    let source = Source::whole::<A, F>(&function, &def, &leaves, location)?;
    let linear = source.inputs(&floating(&types));
    let (transposed, used) = transpose_split(&source.program, &linear)?;
    let outputs = source.program.output_types();
    let map = LinearMap {
        program: transposed.program,
        residuals: lift_vars(&source.captures),
        used: given(&outputs, &used),
        from: (source.value, outputs),
        given: transposed.cotangents,
        to: (def, types),
    };
    let args = PhantomData;
    Ok(Pullback { map, args })
}
