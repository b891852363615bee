//! Control flow: functions that run other functions, traced into sub-programs.

use std::panic::Location;
use std::sync::Arc;

use super::context::{Traced, lift_vars, trace_dynamic};
use super::elementwise::convert;
use super::{Caller, Flatten, Func, Output, Repr, Tensor, Tree, apply, func};
use crate::array::{Array, DType, Scalar, TensorType};
use crate::error::{Error, OpError, OpErrorKind};
use crate::passes::dead::dead_code;
use crate::passes::forward;
use crate::program::{Cond, Program, Scan, While};
use crate::tree::{Path, TreeDef};

fn op_error(op: &'static str, kind: OpErrorKind, location: Caller) -> Error {
    OpError::at(op, kind, location).into()
}

fn flatten(value: &impl Flatten) -> (TreeDef, Vec<Tensor>) {
    let mut leaves = Vec::new();
    let def = value.flatten(&mut leaves);
    (def, leaves)
}

fn types(leaves: &[Tensor]) -> Vec<TensorType> {
    leaves.iter().map(|t| t.ty().clone()).collect()
}

/// Puts captured inputs in front of a sub-program's own.
fn captures_first(traced: Traced) -> (Program, Vec<Tensor>) {
    let Traced {
        mut program,
        captures,
    } = traced;
    program.inputs.rotate_right(captures.len());
    (program, lift_vars(&captures))
}

/// `true_fun(operands)` where `predicate` holds, otherwise `false_fun(operands)`; only one of them runs.
///
/// Under `vmap` with a batched predicate both run on every lane and a select keeps one (rule C30).
///
/// # Errors
///
/// [`OpErrorKind::BranchMismatch`] where the branches return different types, and whatever goes wrong inside.
///
/// ```
/// use elimap::prelude::*;
/// let f = |x: Tensor| cond(x.greater(0.0), |x: Tensor| x * 2.0, |x: Tensor| -x, (x.clone(),));
/// let out = vmap(f).call((Array::from(vec![-1.0, 3.0]),))?;
/// assert_eq!(out.to_array()?.to_vec::<f64>()?, [1.0, 6.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn cond<A: Tree, T: Tree, By, ByToo>(
    predicate: impl Into<Tensor>,
    true_fun: impl Func<A, By, Out = T>,
    false_fun: impl Func<A, ByToo, Out = T>,
    operands: impl func::Arguments<A>,
) -> Result<T, Error> {
    let location = Location::caller();
    let predicate = predicate.into().check()?;
    if predicate.rank() != 0 {
        let detail = format!(
            "the predicate must be a scalar, got {}; use where_ for elementwise choice",
            predicate.ty()
        );
        return Err(op_error("cond", OpErrorKind::parameter(detail), location));
    }
    // A number holds where it is not zero (rule N26).
    let predicate = convert(&predicate, (DType::Bool, false), location);
    let index = convert(&predicate, (DType::I32, false), location);
    let (def, leaves) = super::call::flatten_args::<A>(operands);
    let types = types(&leaves);
    let branches = [
        func::trace::<A, _, _>(&false_fun, &def, &types, None, location)?,
        func::trace::<A, _, _>(&true_fun, &def, &types, None, location)?,
    ];
    run_branches("cond", &index, branches.into(), &leaves, location)
}

/// Runs the branch that `index` names, clamped to the branches there are.
///
/// # Errors
///
/// [`OpErrorKind::BranchMismatch`] where the branches return different types, and whatever goes wrong inside.
///
/// ```
/// use elimap::prelude::*;
/// let pick = |k: Tensor| switch(k, &[&|x: Tensor| x * 2.0, &|x: Tensor| -x], (3.0,));
/// assert_eq!(vmap(pick).call((vec![0, 1],))?.to_vec::<f64>()?, [6.0, -3.0]);
/// # elimap::ok(())
/// ```
#[track_caller]
pub fn switch<A: Tree, T: Tree>(
    index: impl Into<Tensor>,
    branches: &[&dyn Func<A, Out = T>],
    operands: impl func::Arguments<A>,
) -> Result<T, Error> {
    let location = Location::caller();
    let index = index.into().check()?;
    if index.rank() != 0 || !index.dtype().is_integer() {
        let detail = format!("the index must be a scalar integer, got {}", index.ty());
        return Err(op_error("switch", OpErrorKind::parameter(detail), location));
    }
    let last = branches.len().saturating_sub(1) as i64;
    let index = convert(&index, (DType::I64, false), location).clamp(0_i64, last);
    let index = convert(&index, (DType::I32, false), location);
    let (def, leaves) = super::call::flatten_args::<A>(operands);
    let types = types(&leaves);
    let traced = branches
        .iter()
        .map(|b| func::trace::<A, _, _>(&DynFunc(*b), &def, &types, None, location))
        .collect::<Result<Vec<_>, _>>()?;
    run_branches("switch", &index, traced, &leaves, location)
}

/// A branch behind a reference.
struct DynFunc<'a, A, T>(&'a dyn Func<A, Out = T>);

impl<A, T: Tree> Func<A> for DynFunc<'_, A, T> {
    type Out = T;
    fn invoke(&self, args: A) -> Result<T, Error> {
        self.0.invoke(args)
    }
}

fn run_branches<T: Tree>(
    op: &'static str,
    index: &Tensor,
    branches: Vec<(Traced, TreeDef)>,
    operands: &[Tensor],
    location: Caller,
) -> Result<T, Error> {
    let Some((_, def)) = branches.first() else {
        return Err(op_error(
            op,
            OpErrorKind::parameter("at least one branch is needed"),
            location,
        ));
    };
    let def = def.clone();
    for (k, (_, other)) in branches.iter().enumerate() {
        if *other != def {
            let kind = OpErrorKind::BranchMismatch {
                path: "result".to_owned(),
                branch: k,
                expected: def.to_string(),
                actual: other.to_string(),
            };
            return Err(op_error(op, kind, location));
        }
    }
    // Every branch takes every capture, so that all have the same inputs.
    let all: Vec<_> = branches
        .iter()
        .flat_map(|(t, _)| t.captures.iter().copied())
        .fold(Vec::new(), |mut all, v| {
            if !all.contains(&v) {
                all.push(v);
            }
            all
        });
    let captured = lift_vars(&all);
    let mut branches: Vec<Program> = branches
        .into_iter()
        .map(|(traced, _)| {
            let inputs: Vec<TensorType> = captured
                .iter()
                .chain(operands)
                .map(|t| t.ty().clone())
                .collect();
            // Rewire onto the common inputs by inlining.
            let mut builder = crate::program::ProgramBuilder::new();
            let vars: Vec<_> = inputs.into_iter().map(|ty| builder.input(ty)).collect();
            let own = vars[captured.len()..].iter().copied();
            let mine = traced
                .captures
                .iter()
                .filter_map(|c| all.iter().position(|v| v == c))
                .map(|i| vars[i]);
            let atoms: Vec<_> = own.chain(mine).map(Into::into).collect();
            let outputs = traced.program.inline(&mut builder, &atoms);
            builder.finish(outputs)
        })
        .collect();
    let inputs: Vec<&Tensor> = captured.iter().chain(operands).collect();
    // What every branch returns as the same operand is that operand.
    let found: Vec<_> = branches.iter().map(forward::forwarded).collect();
    let same = |k: usize| found[0][k].filter(|_| found.iter().all(|f| f[k] == found[0][k]));
    let handed_on: Vec<Option<usize>> = (0..def.leaf_count()).map(same).collect();
    let flags: Vec<bool> = handed_on.iter().map(Option::is_some).collect();
    for branch in &mut branches {
        forward::drop_outputs(branch, &flags);
    }
    let handed_on = handed_on.into_iter().map(|f| f.map(|i| inputs[i].clone()));
    let branches = branches.into_iter().map(Arc::new).collect();
    let operands: Vec<&Tensor> = std::iter::once(index)
        .chain(inputs.iter().copied())
        .collect();
    let outputs = apply(Cond { branches }, &operands, location)?;
    let outputs = forward::merge(handed_on.collect(), outputs);
    T::unflatten(&def, &mut outputs.into_iter(), &Path::root("result")).map_err(Error::from)
}

/// Runs `body` on the carry as long as `cond` holds for it.
///
/// Under `vmap` with a batched predicate the loop runs until no lane's holds; finished lanes keep their carry, but the
/// body still runs on them (rule C33).
///
/// # Errors
///
/// [`OpErrorKind::CarryMismatch`] where the body returns another type than it takes, and whatever goes wrong inside.
///
/// ```
/// use elimap::prelude::*;
/// let halvings = |x: Tensor| {
///     while_loop(|(x, _): (Tensor, Tensor)| x.greater(1.0), |(x, n): (Tensor, Tensor)| (x / 2.0, n + 1), (x, 0))
///         .map(|(_, n): (Tensor, Tensor)| n)
/// };
/// let out = vmap(halvings).call((Array::from(vec![1.0, 8.0, 10.0]),))?;
/// assert_eq!(out.to_array()?.to_vec::<i64>()?, [0, 3, 4]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn while_loop<C: Tree, P, R>(
    cond: impl Fn(C) -> P,
    body: impl Fn(C) -> R,
    init: impl Flatten,
) -> Result<C, Error>
where
    P: Output<Tree = Tensor>,
    R: Output<Tree = C>,
{
    let location = Location::caller();
    let (def, mut leaves) = flatten(&init);
    let (body_traced, ()) = trace_carry("while_loop", &def, &mut leaves, location, |carry, _| {
        let carry = C::unflatten(&def, &mut carry.into_iter(), &Path::root("carry"))?;
        let (out, leaves) = flatten(&body(carry).into_result()?);
        Ok((out, leaves, ()))
    })?;
    let (cond_traced, ()) = trace_dynamic(&types(&leaves), None, location, |inputs| {
        let carry = C::unflatten(&def, &mut inputs.into_iter(), &Path::root("carry"))?;
        Ok((vec![cond(carry).into_result()?.check()?], ()))
    })?;
    let predicate = cond_traced.program.output_types().swap_remove(0);
    if predicate.dtype != DType::Bool || predicate.rank() != 0 {
        let detail = format!("the predicate must return a scalar bool, it returns {predicate}");
        return Err(op_error(
            "while_loop",
            OpErrorKind::parameter(detail),
            location,
        ));
    }
    let (mut cond, cond_captures) = captures_first(cond_traced);
    let (mut body, body_captures) = captures_first(body_traced);
    // What the body hands on and the predicate does not read is a constant of the body.
    let consts = body_captures.len();
    let kept = forward::forwarded(&body);
    let kept: Vec<bool> = (0..kept.len())
        .map(|k| kept[k] == Some(consts + k))
        .collect();
    let fixed = forward::unneeded_inputs(&cond, cond_captures.len(), &kept);
    forward::inputs_to_front(&mut cond, cond_captures.len(), &fixed);
    if fixed.contains(&true) {
        cond = dead_code(cond);
    }
    cond.inputs.drain(..fixed.iter().filter(|&&f| f).count());
    forward::drop_outputs(&mut body, &fixed);
    forward::inputs_to_front(&mut body, consts, &fixed);
    let (constant, carried) = forward::split(&leaves, &fixed);
    let op = While {
        cond: Arc::new(cond),
        cond_consts: cond_captures.len(),
        body: Arc::new(body),
        body_consts: constant.len() + consts,
    };
    let operands: Vec<&Tensor> = cond_captures
        .iter()
        .chain(&constant)
        .chain(&body_captures)
        .chain(&carried)
        .collect();
    let outputs = apply(op, &operands, location)?;
    let handed_on = leaves
        .iter()
        .zip(&fixed)
        .map(|(leaf, &f)| f.then(|| leaf.clone()));
    let outputs = forward::merge(handed_on.collect(), outputs);
    Ok(C::unflatten(
        &def,
        &mut outputs.into_iter(),
        &Path::root("carry"),
    )?)
}

/// Options of [`scan`].
///
/// ```
/// use elimap::prelude::*;
/// let options = ScanOptions::default().length(3).reverse(true);
/// let step = |i: Tensor, (): ()| (&i + 1, i);
/// let (_, ys): (Tensor, Tensor) = scan(step, 0, (), options)?;
/// assert_eq!(ys.to_array()?.to_vec::<i64>()?, [2, 1, 0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScanOptions {
    length: Option<usize>,
    reverse: bool,
}

impl ScanOptions {
    /// The number of steps; needed where nothing is scanned over.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let step = |x: Tensor, _: ()| (&x * 2, x);
    /// let (last, powers) = scan(step, 1, (), ScanOptions::default().length(3))?;
    /// assert_eq!(last.item::<i64>()?, 8);
    /// assert_eq!(powers.to_vec::<i64>()?, [1, 2, 4]);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn length(mut self, steps: impl Into<Option<usize>>) -> Self {
        self.length = steps.into();
        self
    }

    /// Whether steps run from the last to the first.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// let step = |sum: Tensor, x: Tensor| (&sum + x, sum);
    /// let (_, after) = scan(step, 0.0, vec![1.0, 2.0, 3.0], ScanOptions::default().reverse(true))?;
    /// assert_eq!(after.to_vec::<f64>()?, [5.0, 3.0, 0.0]);
    /// # elimap::ok(())
    /// ```
    #[must_use]
    pub fn reverse(mut self, reverse: bool) -> Self {
        self.reverse = reverse;
        self
    }
}

/// Carries a value through the slices of `xs` along axis 0; returns the last carry and the stacked results.
///
/// # Errors
///
/// [`OpErrorKind::CarryMismatch`] where the body returns another carry than it takes, [`OpErrorKind::ShapeMismatch`] where the
/// scanned lengths differ, and whatever goes wrong inside.
///
/// ```
/// use elimap::prelude::*;
/// let running = |x: Tensor| {
///     scan(|c: Tensor, x: Tensor| { let s = c + x; (s.clone(), s) }, 0.0, x, ScanOptions::default())
///         .map(|(_, ys): (Tensor, Tensor)| ys)
/// };
/// let out = running(Array::from(vec![1.0, 2.0, 3.0]).into())?;
/// assert_eq!(out.to_array()?.to_vec::<f64>()?, [1.0, 3.0, 6.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn scan<C: Tree, X: Tree, Y: Tree, R>(
    body: impl Fn(C, X) -> R,
    init: impl Flatten,
    xs: impl Flatten,
    options: ScanOptions,
) -> Result<(C, Y), Error>
where
    R: Output<Tree = (C, Y)>,
{
    scan_with(body, init, xs, options, (Location::caller(), false))
}

/// A [`scan`] whose steps are lanes, by which failures name them.
pub(crate) fn scan_lanes<C: Tree, X: Tree, Y: Tree, R>(
    body: impl Fn(C, X) -> R,
    init: impl Flatten,
    xs: impl Flatten,
    options: ScanOptions,
    location: Caller,
) -> Result<(C, Y), Error>
where
    R: Output<Tree = (C, Y)>,
{
    scan_with(body, init, xs, options, (location, true))
}

fn scan_with<C: Tree, X: Tree, Y: Tree, R>(
    body: impl Fn(C, X) -> R,
    init: impl Flatten,
    xs: impl Flatten,
    options: ScanOptions,
    (location, lanes): (Caller, bool),
) -> Result<(C, Y), Error>
where
    R: Output<Tree = (C, Y)>,
{
    let (carry_def, mut carry) = flatten(&init);
    let (xs_def, xs) = flatten(&xs);
    let length = scan_length(&xs, options.length, location)?;
    let slices: Vec<TensorType> = xs.iter().map(|x| x.ty().remove_axis(0)).collect();
    let (traced, ys_def) = trace_loop(
        "scan",
        &carry_def,
        &mut carry,
        &slices,
        location,
        |carry, slices| {
            let carry = C::unflatten(&carry_def, &mut carry.into_iter(), &Path::root("carry"))?;
            let x = X::unflatten(&xs_def, &mut slices.into_iter(), &Path::root("x"))?;
            let (carry, ys) = body(carry, x).into_result()?;
            let (def, mut leaves) = flatten(&carry);
            let ys_def = ys.flatten(&mut leaves);
            Ok((def, leaves, ys_def))
        },
    )?;
    let num_carry = carry.len();
    let (mut body, captures) = captures_first(traced);
    // A carry the body hands on is a constant, and a slice it hands on need not be stacked again.
    let consts = captures.len();
    let found = forward::forwarded(&body);
    let fixed: Vec<bool> = (0..num_carry)
        .map(|k| found[k] == Some(consts + k))
        .collect();
    let stacked = |f: &Option<usize>| f.and_then(|f| f.checked_sub(consts + num_carry));
    let stacked = found[num_carry..].iter().map(stacked);
    let handed_on: Vec<Option<Tensor>> = (carry.iter().zip(&fixed))
        .map(|(leaf, &f)| f.then(|| leaf.clone()))
        .chain(stacked.map(|x| x.map(|x| xs[x].clone())))
        .collect();
    let flags: Vec<bool> = handed_on.iter().map(Option::is_some).collect();
    forward::drop_outputs(&mut body, &flags);
    forward::inputs_to_front(&mut body, consts, &fixed);
    let (constant, carried) = forward::split(&carry, &fixed);
    let op = Scan {
        body: Arc::new(body),
        length,
        num_consts: constant.len() + consts,
        num_carry: carried.len(),
        reverse: options.reverse,
        unroll: 1,
        lanes,
    };
    let operands: Vec<&Tensor> = constant
        .iter()
        .chain(&captures)
        .chain(&carried)
        .chain(&xs)
        .collect();
    let outputs = apply(op, &operands, location)?;
    let mut outputs = forward::merge(handed_on, outputs).into_iter();
    let carry = C::unflatten(&carry_def, &mut outputs, &Path::root("carry"))?;
    Ok((
        carry,
        Y::unflatten(&ys_def, &mut outputs, &Path::root("ys"))?,
    ))
}

/// The one length of everything scanned over.
fn scan_length(xs: &[Tensor], given: Option<usize>, location: Caller) -> Result<usize, Error> {
    let mut length = given;
    for x in xs {
        if let Repr::Poisoned(error) = &x.repr {
            return Err(Error::Shared(error.clone()));
        }
        match (x.shape().first(), length) {
            (Some(&n), None) => length = Some(n),
            (Some(&n), Some(m)) if n == m => {}
            _ => {
                let detail = "everything scanned over must have the same leading length, and that of `length` where given";
                return Err(op_error(
                    "scan",
                    OpErrorKind::shapes(xs.iter().map(Tensor::ty), detail),
                    location,
                ));
            }
        }
    }
    length.ok_or_else(|| {
        op_error(
            "scan",
            OpErrorKind::parameter("nothing is scanned over, so `length` must be given"),
            location,
        )
    })
}

/// [`trace_loop`] without slices.
fn trace_carry<Extra>(
    op: &'static str,
    def: &TreeDef,
    carry: &mut [Tensor],
    location: Caller,
    step: impl Fn(Vec<Tensor>, Vec<Tensor>) -> Result<(TreeDef, Vec<Tensor>, Extra), Error>,
) -> Result<(Traced, Extra), Error> {
    trace_loop(op, def, carry, &[], location, step)
}

/// Traces a loop body until its carry's types are those it starts with.
///
/// A weakly typed start takes on the type the body returns (rule N27), which needs a second look; anything else that
/// differs is an error.
fn trace_loop<Extra>(
    op: &'static str,
    def: &TreeDef,
    carry: &mut [Tensor],
    slices: &[TensorType],
    location: Caller,
    step: impl Fn(Vec<Tensor>, Vec<Tensor>) -> Result<(TreeDef, Vec<Tensor>, Extra), Error>,
) -> Result<(Traced, Extra), Error> {
    // Each round strengthens at least one weak type, and then widens at most twice (bool to int to float).
    for _ in 0..=3 * carry.len() {
        let inputs: Vec<TensorType> = carry
            .iter()
            .map(|t| t.ty().clone())
            .chain(slices.iter().cloned())
            .collect();
        let (traced, (out_def, extra)) = trace_dynamic(&inputs, None, location, |mut inputs| {
            let slices = inputs.split_off(carry.len());
            let (def, leaves, extra) = step(inputs, slices)?;
            Ok((leaves, (def, extra)))
        })?;
        if out_def != *def {
            let kind = OpErrorKind::CarryMismatch {
                path: "carry".to_owned(),
                expected: def.to_string(),
                actual: out_def.to_string(),
            };
            return Err(op_error(op, kind, location));
        }
        let returned = traced.program.output_types();
        let mut again = false;
        for ((value, out), path) in carry
            .iter_mut()
            .zip(&returned)
            .zip(def.leaf_paths(&Path::root("carry")))
        {
            let takes = value.ty().clone();
            if takes.weak && takes.shape == out.shape && takes.dtype != out.dtype {
                *value = convert(value, (out.dtype, out.weak), location);
                again = true;
            } else if !takes.same_layout(out) {
                let kind = OpErrorKind::CarryMismatch {
                    path: path.to_string(),
                    expected: takes.to_string(),
                    actual: out.to_string(),
                };
                return Err(op_error(op, kind, location));
            }
        }
        if !again {
            return Ok((traced, extra));
        }
    }
    let kind = OpErrorKind::parameter(
        "the carry's types do not settle; start from the types the body returns",
    );
    Err(op_error(op, kind, location))
}

/// Runs `body(i, carry)` for `i` from `lower` to `upper - 1`.
///
/// With bounds known now this is a [`scan`], otherwise a [`while_loop`] (rule C35).
///
/// # Errors
///
/// As for those.
///
/// ```
/// use elimap::prelude::*;
/// let sum = fori_loop(0, 5, |k: Tensor, sum: Tensor| sum + k, 0)?;
/// assert_eq!(sum.item::<i64>()?, 10);
/// # elimap::ok(())
/// ```
#[track_caller]
pub fn fori_loop<C: Tree, R>(
    lower: impl Into<Tensor>,
    upper: impl Into<Tensor>,
    body: impl Fn(Tensor, C) -> R,
    init: impl Flatten,
) -> Result<C, Error>
where
    R: Output<Tree = C>,
{
    let (lower, upper) = (lower.into().check()?, upper.into().check()?);
    let location = Location::caller();
    for bound in [&lower, &upper] {
        if bound.rank() != 0 || !bound.dtype().is_integer() {
            let detail = format!("the bounds must be scalar integers, got {}", bound.ty());
            return Err(op_error(
                "fori_loop",
                OpErrorKind::parameter(detail),
                location,
            ));
        }
    }
    let dtype = crate::array::promote_types(
        (lower.dtype(), lower.ty().weak),
        (upper.dtype(), upper.ty().weak),
    )
    .0;
    let (lower, upper) = (
        convert(&lower, (dtype, false), location),
        convert(&upper, (dtype, false), location),
    );
    let (def, leaves) = flatten(&init);
    let init = Leaves(def, leaves);
    if let (Some(from), Some(to)) = (static_int(&lower), static_int(&upper)) {
        let length = usize::try_from(to.saturating_sub(from)).unwrap_or(0);
        let options = ScanOptions::default().length(length);
        let step = |(i, carry): (Tensor, C), (): ()| -> Result<((Tensor, C), ()), Error> {
            let next = body(i.clone(), carry).into_result()?;
            Ok(((i + 1, next), ()))
        };
        let ((_, carry), ()): ((Tensor, C), ()) = scan(step, (lower, init), (), options)?;
        return Ok(carry);
    }
    let (_, _, carry) = while_loop(
        |(i, upper, _): (Tensor, Tensor, C)| i.less(upper),
        |(i, upper, carry): (Tensor, Tensor, C)| -> Result<(Tensor, Tensor, C), Error> {
            let next = body(i.clone(), carry).into_result()?;
            Ok((i + 1, upper, next))
        },
        (lower, upper, init),
    )?;
    Ok(carry)
}

/// A flattened value that flattens to itself again.
struct Leaves(TreeDef, Vec<Tensor>);

impl Flatten for Leaves {
    fn flatten(&self, leaves: &mut Vec<Tensor>) -> TreeDef {
        leaves.extend(self.1.iter().cloned());
        self.0.clone()
    }
}

/// An integer known now.
fn static_int(x: &Tensor) -> Option<i64> {
    let Repr::Concrete(array) = &x.repr else {
        return None;
    };
    value_as_i64(array)
}

fn value_as_i64(array: &Array) -> Option<i64> {
    match Scalar::from_array(array).ok()? {
        Scalar::U8(x) => Some(i64::from(x)),
        Scalar::U16(x) => Some(i64::from(x)),
        Scalar::U32(x) => Some(i64::from(x)),
        Scalar::U64(x) => i64::try_from(x).ok(),
        Scalar::I8(x) => Some(i64::from(x)),
        Scalar::I16(x) => Some(i64::from(x)),
        Scalar::I32(x) => Some(i64::from(x)),
        Scalar::I64(x) => Some(x),
        Scalar::Bool(_) | Scalar::BF16(_) | Scalar::F16(_) | Scalar::F32(_) | Scalar::F64(_) => {
            None
        }
        Scalar::C64(_) | Scalar::C128(_) => None,
    }
}
