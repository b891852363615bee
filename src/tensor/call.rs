//! Calling host callbacks from traced code.

use std::panic::Location;
use std::sync::Arc;

use super::elementwise::convert;
use super::{Arguments, Caller, Flatten, Func, Tensor, Tree, apply, is_tracing};
use crate::array::TensorType;
use crate::callback::{Callback, CallbackKind, HostDerivative, Residuals};
use crate::error::{AutodiffError, CallbackError, Error};
use crate::program::{
    Atom, CustomJvpCall, CustomVjpCall, DerivativeRule, HostCall, Op, Program, ProgramBuilder,
};

impl Callback {
    /// Calls the host with the leaves of a tuple of arguments, in order, and returns its one result.
    ///
    /// While a function is traced the call is recorded; otherwise it happens now.
    ///
    /// # Errors
    ///
    /// [`CallbackError`] where the call happens now and fails, or where the callback declares another number of results.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let half = Callback::of("half", |x: f64| x / 2.0);
    /// assert_eq!(half.call((3.0,))?.item::<f64>()?, 1.5);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    pub fn call(&self, args: impl Flatten) -> Result<Tensor, Error> {
        let [result] = self.call_many(args)?;
        Ok(result)
    }

    /// Calls the host as [`Callback::call`] does and returns its `N` results: `let [lo, hi] = cb.call_many((x,))?;`.
    ///
    /// # Errors
    ///
    /// As for [`Callback::call`].
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let minmax = Callback::of("minmax", |x: [f64; 2]| (x[0].min(x[1]), x[0].max(x[1])));
    /// let [least, greatest] = minmax.call_many((vec![3.0, 1.0],))?;
    /// assert_eq!((least.item::<f64>()?, greatest.item::<f64>()?), (1.0, 3.0));
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    pub fn call_many<const N: usize>(&self, args: impl Flatten) -> Result<[Tensor; N], Error> {
        let (expected, location) = (self.results().len(), Location::caller());
        let results = self.call_vec(args)?;
        results.try_into().map_err(|_| {
            let error = CallbackError::ResultCount {
                name: self.name().to_owned(),
                lane: Default::default(),
                expected,
                actual: N,
            };
            Error::from(error).located(location)
        })
    }

    /// Calls the host as [`Callback::call`] does and returns all its results.
    ///
    /// # Errors
    ///
    /// As for [`Callback::call`].
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let half = Callback::of("half", |x: f64| x / 2.0);
    /// assert_eq!(half.call_vec((3.0,))?.len(), 1);
    /// # elimap::ok(())
    /// ```
    #[track_caller]
    pub fn call_vec(&self, args: impl Flatten) -> Result<Vec<Tensor>, Error> {
        let location = Location::caller();
        let mut leaves = Vec::new();
        args.flatten_owned(&mut leaves);
        self.call_leaves(leaves, location)
            .map_err(|error| error.located(location))
    }

    fn call_leaves(&self, mut leaves: Vec<Tensor>, location: Caller) -> Result<Vec<Tensor>, Error> {
        self.fit(&mut leaves, location)?;
        let op = if is_tracing() {
            let types: Vec<TensorType> = leaves.iter().map(|t| t.ty().clone()).collect();
            operation(self, &types, 0)
        } else {
            plain(self)
        };
        Ok(apply(op, &leaves.iter().collect::<Vec<_>>(), location)?.into_vec())
    }

    /// Holds arguments to what the host function says of its parameters, whose element type bare numbers take.
    fn fit(&self, leaves: &mut [Tensor], location: Caller) -> Result<(), Error> {
        let name = || self.name().to_owned();
        if self.is_undeclared() {
            return Err(CallbackError::ResultsUndeclared { name: name() }.into());
        }
        let Some(parameters) = self.parameters() else {
            return Ok(());
        };
        if parameters.len() != leaves.len() {
            return Err(CallbackError::ArgumentCount {
                name: name(),
                expected: parameters.len(),
                actual: leaves.len(),
            }
            .into());
        }
        for (k, (leaf, parameter)) in leaves.iter_mut().zip(parameters).enumerate() {
            *leaf = leaf.clone().check()?;
            if let Some(dtype) = parameter.dtype()
                && leaf.ty().weak
            {
                *leaf = convert(leaf, (dtype, false), location);
            }
            if !parameter.fits(leaf.ty()) {
                return Err(CallbackError::ArgumentType {
                    name: name(),
                    argument: k,
                    expected: parameter.to_string(),
                    actual: leaf.ty().clone(),
                }
                .into());
            }
        }
        Ok(())
    }

    /// Calls the host once with example inputs and takes the types of what it returns as the result types.
    ///
    /// # Errors
    ///
    /// [`CallbackError::Failed`] where the host function fails on zeros of these types.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let halves = Callback::new("halves", [], |args: &[Array]| -> Result<Array, elimap::ArrayError> {
    ///     let half: Vec<f64> = args[0].to_vec::<f64>()?.iter().map(|x| x / 2.0).collect();
    ///     Ok(Array::from(half))
    /// });
    /// let halves = halves.infer_results(&[f64::spec([2])])?;
    /// assert_eq!(halves.call((vec![1.0, 3.0],))?.to_vec::<f64>()?, [0.5, 1.5]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn infer_results(self, inputs: &[TensorType]) -> Result<Callback, CallbackError> {
        self.probe(inputs)
    }
}

/// How many derivatives one can take through a callback whose rule needs the callback's own value again.
const MAX_ORDER: usize = 4;

fn plain(callback: &Callback) -> Op {
    HostCall {
        results: callback.results().iter().cloned().collect(),
        lanes: Default::default(),
        kind: callback.kind(),
        callback: callback.without_derivative(),
    }
    .into()
}

/// The call of a callback: of the host where it has no derivative, otherwise of a function with rules that call the host.
fn operation(callback: &Callback, args: &[TensorType], depth: usize) -> Op {
    let (Some(derivative), CallbackKind::Pure) = (callback.derivative(), callback.kind()) else {
        return plain(callback);
    };
    let program = {
        let mut builder = ProgramBuilder::new();
        let inputs = inputs(&mut builder, args);
        let outputs = push(&mut builder, plain(callback), &inputs, callback.results());
        Arc::new(builder.finish(outputs))
    };
    let (name, num_consts): (Arc<str>, usize) = (Arc::from(callback.name()), 0);
    let too_deep = || {
        let name = callback.name().to_owned();
        let order = MAX_ORDER;
        DerivativeRule::failed(AutodiffError::RuleDepth { name, order }.into())
    };
    match derivative {
        HostDerivative::Jvp(rule) => CustomJvpCall {
            rule: match depth < MAX_ORDER {
                true => DerivativeRule::traced([jvp_rule(callback, rule, args, depth)]),
                false => too_deep(),
            },
            name,
            program,
            num_consts,
        }
        .into(),
        HostDerivative::Vjp(rule, residuals) => CustomVjpCall {
            rule: match depth < MAX_ORDER {
                true => DerivativeRule::traced(vjp_rules(callback, rule, residuals, args, depth)),
                false => too_deep(),
            },
            name,
            program,
            num_consts,
        }
        .into(),
    }
}

fn floats(types: &[TensorType]) -> Vec<TensorType> {
    let floats = types.iter().filter(|ty| ty.dtype.is_inexact());
    floats.map(|ty| ty.clone().with_weak(false)).collect()
}

fn inputs(builder: &mut ProgramBuilder, types: &[TensorType]) -> Vec<Atom> {
    let types = types.iter();
    types
        .map(|ty| Atom::Var(builder.input(ty.clone())))
        .collect()
}

fn push(
    builder: &mut ProgramBuilder,
    op: Op,
    inputs: &[Atom],
    results: &[TensorType],
) -> Vec<Atom> {
    let inputs = inputs.iter().copied().collect();
    let outputs = builder.push(op, inputs, results.iter().cloned(), None);
    outputs.into_iter().map(Atom::Var).collect()
}

/// From arguments and tangents to results and tangents.
fn jvp_rule(callback: &Callback, rule: &Callback, args: &[TensorType], depth: usize) -> Program {
    let given = [args, &floats(args)].concat();
    let mut builder = ProgramBuilder::new();
    let inputs = inputs(&mut builder, &given);
    let value = operation(callback, args, depth + 1);
    let mut outputs = push(
        &mut builder,
        value,
        &inputs[..args.len()],
        callback.results(),
    );
    let tangents = floats(callback.results());
    let rule = rule.as_rule_of(callback, tangents.iter().cloned());
    let tangent = operation(&rule, &given, 0);
    outputs.extend(push(&mut builder, tangent, &inputs, &tangents));
    builder.finish(outputs)
}

/// From arguments to results and residuals, and from residuals and cotangents to cotangents.
fn vjp_rules(
    callback: &Callback,
    rule: &Callback,
    residuals: &Residuals,
    args: &[TensorType],
    depth: usize,
) -> [Program; 2] {
    let results = callback.results();
    let mut builder = ProgramBuilder::new();
    let arguments = inputs(&mut builder, args);
    let (outputs, kept) = match residuals {
        Residuals::Arguments => {
            let value = operation(callback, args, depth + 1);
            let mut outputs = push(&mut builder, value, &arguments, results);
            outputs.extend(arguments);
            (outputs, args.to_vec())
        }
        Residuals::Results => {
            let value = operation(callback, args, depth + 1);
            let outputs = push(&mut builder, value, &arguments, results);
            ([&outputs[..], &outputs].concat(), results.to_vec())
        }
        Residuals::Forward(forward) => {
            let types = forward.results().to_vec();
            let forward = forward.as_rule_of(callback, types.iter().cloned());
            let value = operation(&forward, args, 0);
            let outputs = push(&mut builder, value, &arguments, &types);
            (outputs, types[results.len().min(types.len())..].to_vec())
        }
    };
    let forward = builder.finish(outputs);

    let given = [&kept[..], &floats(results)].concat();
    let mut builder = ProgramBuilder::new();
    let operands = inputs(&mut builder, &given);
    let cotangents = floats(args);
    let rule = rule.as_rule_of(callback, cotangents.iter().cloned());
    let backward = operation(&rule, &given, 0);
    let outputs = push(&mut builder, backward, &operands, &cotangents);
    [forward, builder.finish(outputs)]
}

macro_rules! callback_functions {
    ($($param:ident)*) => {
        callback_functions!(@impl Callback; $($param)*);
        callback_functions!(@impl &Callback; $($param)*);
    };
    (@impl $callback:ty; $($param:ident)*) => {
        impl Func<($(callback_functions!(@tensor $param),)*)> for $callback {
            type Out = Tensor;
            #[track_caller]
            fn invoke(&self, args: ($(callback_functions!(@tensor $param),)*)) -> Result<Tensor, Error> {
                self.call(args)
            }
        }
    };
    (@tensor $param:ident) => { Tensor };
}
callback_functions!(A0);
callback_functions!(A0 A1);
callback_functions!(A0 A1 A2);
callback_functions!(A0 A1 A2 A3);
callback_functions!(A0 A1 A2 A3 A4);
callback_functions!(A0 A1 A2 A3 A4 A5);
callback_functions!(A0 A1 A2 A3 A4 A5 A6);
callback_functions!(A0 A1 A2 A3 A4 A5 A6 A7);
callback_functions!(A0 A1 A2 A3 A4 A5 A6 A7 A8);
callback_functions!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9);
callback_functions!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10);
callback_functions!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11);

/// Flattens a tuple of arguments.
pub(crate) fn flatten_args<A: Tree>(
    args: impl Arguments<A>,
) -> (crate::tree::TreeDef, Vec<Tensor>) {
    let mut leaves = Vec::new();
    let def = args.flatten_args(&mut leaves);
    (def, leaves)
}
