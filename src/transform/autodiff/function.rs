//! Derivatives of functions at given arguments: `jvp`, `linearize`, `vjp`, `linear_transpose`.

use std::marker::PhantomData;
use std::panic::Location;

use super::emit::floating;
use super::jvp::jvp as jvp_program;
use super::linearize::{Linearized, linearize as linearize_program, transpose_split};
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
pub fn jvp<A: Tree, By, F: Func<A, By>>(
    function: F,
    primals: impl Arguments<A>,
    tangents: impl Flatten,
) -> Result<(F::Out, F::Out), Error> {
    let location = Location::caller();
    let (value, tangent, ()) = forward(&function, primals, tangents, location, |out| (out, ()))?;
    Ok((value, tangent))
}

/// As [`jvp`], for a function that returns its value and something that is not differentiated: the value, its tangent, and what came
/// beside it (JAX's `jvp` with `has_aux`).
///
/// # Errors
///
/// As for [`jvp`].
///
/// ```
/// use elimap::prelude::*;
/// use elimap::jvp_has_aux;
/// let f = |x: Tensor| (x.square(), x + 1);
/// let (y, dy, beside) = jvp_has_aux(f, (3.0,), (1.0,))?;
/// let number = |t: Tensor| -> Result<f64, Error> { Ok(t.to_array()?.item()?) };
/// assert_eq!((number(y)?, number(dy)?, number(beside)?), (9.0, 6.0, 4.0));
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn jvp_has_aux<A: Tree, By, F: Func<A, By, Out = (V, X)>, V: Tree, X: Tree>(
    function: F,
    primals: impl Arguments<A>,
    tangents: impl Flatten,
) -> Result<(V, V, X), Error> {
    forward(&function, primals, tangents, Location::caller(), |out| out)
}

fn forward<A: Tree, By, F: Func<A, By>, V: Tree, X: Tree>(
    function: &F,
    primals: impl Arguments<A>,
    tangents: impl Flatten,
    location: Caller,
    divide: impl FnOnce(F::Out) -> (V, X),
) -> Result<(V, V, X), Error> {
    let (def, mut leaves) = flatten_args::<A>(primals);
    let types = leaf_types(&leaves);
    let tangents = tangent_leaves(TANGENTS, &def, &types, &tangents)?;
    let source = Source::trace::<A, By, F, V, X>(function, &def, &leaves, location, divide)?;
    let outputs = source.value_types();
    let flags = source.inputs(&floating(&types));
    let mut program = jvp_program(&source.program, &flags)?
        .of_first(outputs.len())
        .with_tangents(&floating(&outputs))?
        .program;
    check_forward(&program)?;
    let (args, captures) = (types.len(), source.captures.len());
    program.inputs[args..].rotate_left(captures);
    leaves.extend(tangents);
    let mut found = run_or_inline(&program, &leaves, &source.captures, location)?;
    let tangents = found.split_off(outputs.len() + source.aux.leaf_count());
    let aux = found.split_off(outputs.len());
    Ok((
        results(&source.value, found)?,
        results(&source.value, with_float0(&outputs, tangents))?,
        results(&source.aux, aux)?,
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
        let floats = self.to.1.iter().filter(|ty| ty.dtype.is_inexact());
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
    ///
    /// ```
    /// use elimap::{linearize, prelude::*};
    /// let (_, push) = linearize(|x: Tensor, y: Tensor| x * y, (2.0, 3.0))?;
    /// assert_eq!(push.call((1.0, 0.0))?.item::<f64>()?, 3.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
pub fn linearize<A: Tree, By, F: Func<A, By>>(
    function: F,
    primals: impl Arguments<A>,
) -> Result<(F::Out, Pushforward<F::Out>), Error> {
    let location = Location::caller();
    let (value, push, ()) = linearized(&function, primals, location, |out| (out, ()))?;
    Ok((value, push))
}

/// As [`linearize`], for a function that returns its value and something that is not differentiated, which comes last (JAX's
/// `linearize` with `has_aux`).
///
/// # Errors
///
/// As for [`linearize`].
///
/// ```
/// use elimap::prelude::*;
/// use elimap::linearize_has_aux;
/// let (y, push, beside) = linearize_has_aux(|x: Tensor| (x.square(), x + 1), (3.0,))?;
/// let number = |t: Tensor| -> Result<f64, Error> { Ok(t.to_array()?.item()?) };
/// assert_eq!((number(y)?, number(push.call((0.5,))?)?, number(beside)?), (9.0, 3.0, 4.0));
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn linearize_has_aux<A: Tree, By, F: Func<A, By, Out = (V, X)>, V: Tree, X: Tree>(
    function: F,
    primals: impl Arguments<A>,
) -> Result<(V, Pushforward<V>, X), Error> {
    linearized(&function, primals, Location::caller(), |out| out)
}

fn linearized<A: Tree, By, F: Func<A, By>, V: Tree, X: Tree>(
    function: &F,
    primals: impl Arguments<A>,
    location: Caller,
    divide: impl FnOnce(F::Out) -> (V, X),
) -> Result<(V, Pushforward<V>, X), Error> {
    let at = At::new::<A, By, F, V, X>(function, primals, location, divide)?;
    let (value, residuals, aux) = at.run(location)?;
    let map = LinearMap {
        program: at.found.linear,
        residuals,
        used: vec![true; at.types.len()],
        from: (at.def, at.types),
        given: given(&at.outputs, &at.found.tangents),
        to: (at.source.value, at.outputs),
    };
    let out = PhantomData;
    Ok((value, Pushforward { map, out }, aux))
}

/// A function linearized at a point.
struct At {
    source: Source,
    found: Linearized,
    /// The arguments' structure, leaves and types.
    def: TreeDef,
    leaves: Vec<Tensor>,
    types: Vec<TensorType>,
    /// The types of the value.
    outputs: Vec<TensorType>,
}

impl At {
    fn new<A: Tree, By, F: Func<A, By>, V: Tree, X: Tree>(
        function: &F,
        primals: impl Arguments<A>,
        location: Caller,
        divide: impl FnOnce(F::Out) -> (V, X),
    ) -> Result<Self, Error> {
        let (def, leaves) = flatten_args::<A>(primals);
        let types = leaf_types(&leaves);
        let source = Source::trace::<A, By, F, V, X>(function, &def, &leaves, location, divide)?;
        let outputs = source.value_types();
        let flags = source.inputs(&floating(&types));
        let found = linearize_program(&source.program, &flags, outputs.len())?;
        Ok(At {
            source,
            found,
            def,
            leaves,
            types,
            outputs,
        })
    }

    /// The value, the residuals, and what is returned beside the value.
    fn run<V: Tree, X: Tree>(&self, location: Caller) -> Result<(V, Vec<Tensor>, X), Error> {
        let captures = &self.source.captures;
        let mut values = run_or_inline(&self.found.primal, &self.leaves, captures, location)?;
        let residuals = values.split_off(values.len() - self.found.residuals);
        let aux = values.split_off(self.outputs.len());
        Ok((
            results(&self.source.value, values)?,
            residuals,
            results(&self.source.aux, aux)?,
        ))
    }
}

/// Which of the floating leaves have their flag set.
fn given(types: &[TensorType], flags: &[bool]) -> Vec<bool> {
    let floats = types.iter().zip(flags);
    floats
        .filter_map(|(ty, &flag)| ty.dtype.is_inexact().then_some(flag))
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
    ///
    /// ```
    /// use elimap::{prelude::*, vjp};
    /// let (_, pull) = vjp(|x: Tensor, y: Tensor| x * y, (2.0, 3.0))?;
    /// let (dx, dy) = pull.call(1.0)?;
    /// assert_eq!((dx.item::<f64>()?, dy.item::<f64>()?), (3.0, 2.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
pub fn vjp<A: Tree, By, F: Func<A, By>>(
    function: F,
    primals: impl Arguments<A>,
) -> Result<(F::Out, Pullback<A>), Error> {
    let location = Location::caller();
    let (value, pull, ()) = backward(&function, primals, location, |out| (out, ()))?;
    Ok((value, pull))
}

/// As [`vjp`], for a function that returns its value and something that is not differentiated, which comes last (JAX's `vjp` with
/// `has_aux`).
///
/// # Errors
///
/// As for [`vjp`].
///
/// ```
/// use elimap::prelude::*;
/// use elimap::vjp_has_aux;
/// let (y, pull, beside) = vjp_has_aux(|x: Tensor| (x.square(), x + 1), (3.0,))?;
/// let number = |t: Tensor| -> Result<f64, Error> { Ok(t.to_array()?.item()?) };
/// assert_eq!((number(y)?, number(pull.call(0.5)?.0)?, number(beside)?), (9.0, 3.0, 4.0));
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn vjp_has_aux<A: Tree, By, F: Func<A, By, Out = (V, X)>, V: Tree, X: Tree>(
    function: F,
    primals: impl Arguments<A>,
) -> Result<(V, Pullback<A>, X), Error> {
    backward(&function, primals, Location::caller(), |out| out)
}

fn backward<A: Tree, By, F: Func<A, By>, V: Tree, X: Tree>(
    function: &F,
    primals: impl Arguments<A>,
    location: Caller,
    divide: impl FnOnce(F::Out) -> (V, X),
) -> Result<(V, Pullback<A>, X), Error> {
    let at = At::new::<A, By, F, V, X>(function, primals, location, divide)?;
    let transposed = at.found.transpose()?;
    let (value, residuals, aux) = at.run(location)?;
    let map = LinearMap {
        program: transposed.program,
        residuals,
        used: given(&at.outputs, &at.found.tangents),
        from: (at.source.value, at.outputs),
        given: transposed.cotangents,
        to: (at.def, at.types),
    };
    let args = PhantomData;
    Ok((value, Pullback { map, args }, aux))
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
pub fn linear_transpose<A: Tree, By, F: Func<A, By>>(
    function: F,
    primals: impl Arguments<A>,
) -> Result<Pullback<A>, Error> {
    let location = Location::caller();
    let (def, leaves) = flatten_args::<A>(primals);
    let types = leaf_types(&leaves);
    let source = Source::whole::<A, By, F>(&function, &def, &leaves, location)?;
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
