//! Products in a loop's body that do not wait for its carry.
//!
//! A recurrent network multiplies what it runs over by a matrix in every step. A product of all steps at once takes less
//! time than one after another, whose matrices are small, and has the same bits: an element of a product is the sum of its
//! products in order, whatever else is in the matrix.

use smallvec::smallvec;

use super::dead::dead_code;
use super::hoist::Reach;
use super::rebuild::Rebuild;
use crate::array::{Shape, TensorType};
use crate::program::{Atom, DataOp, DotDims, DotGeneral, Equation, Op, Program, Transpose, Var};

/// A loop's body split into products ahead of all steps, and the rest.
#[derive(Debug)]
pub(crate) struct Ahead {
    /// From the loop's constants and all that it runs over to the products, whose first axis is that of the steps.
    pub(crate) first: Program,
    /// The body, which takes the products of its step as further inputs behind those that it runs over.
    pub(crate) rest: Program,
}

/// Fewer steps than these are not worth a program of their own.
const FEWEST_STEPS: usize = 4;

/// Splits a body that is run `length` times, whose inputs are `consts` constants, `carry` carried values, and parts of what the loop
/// runs over. The products take at most `most` bytes. None where there is no such product.
pub(crate) fn products(
    body: &Program,
    (consts, carry): (usize, usize),
    length: usize,
    most: usize,
) -> Option<Ahead> {
    if length < FEWEST_STEPS {
        return None;
    }
    let parts = &body.inputs()[consts + carry..];
    let changes = (0..body.inputs().len()).map(|k| k >= consts);
    let reach = Reach::new(body, changes, |op| matches!(op, Op::Control(_)));
    let mut left = most;
    let mut found: Vec<(&Equation, DotDims, usize)> = Vec::new();
    for equation in reach.equations(true) {
        let Some((dims, axis)) = batched(body, &reach, parts, equation) else {
            continue;
        };
        let ty = body.var_type(equation.outputs[0]);
        let bytes = ty.size().saturating_mul(ty.dtype.size());
        let bytes = bytes.saturating_mul(length);
        if bytes <= left {
            left -= bytes;
            found.push((equation, dims, axis));
        }
    }
    if found.is_empty() {
        return None;
    }

    let mut first = Rebuild::new(body);
    for &var in &body.inputs()[..consts] {
        first.input(var);
    }
    for &var in parts {
        first.input_of(var, body.var_type(var).insert_axis(0, length));
    }
    first.constants();
    for equation in reach.equations(false) {
        first.equation(equation);
    }
    let products = found.iter().map(|(equation, dims, axis)| {
        let operands = equation.inputs.iter().map(|atom| first.read(atom));
        let operands = operands.collect();
        let step = body.var_type(equation.outputs[0]);
        let op = DotGeneral { dims: dims.clone() };
        let ty = step.insert_axis(*axis, length);
        let product = first.builder.push(op, operands, [ty], equation.location)[0];
        let axes = std::iter::once(*axis).chain((0..=step.rank()).filter(|a| a != axis));
        let permutation: Shape = axes.collect();
        let ty = step.insert_axis(0, length);
        let product = smallvec![Atom::Var(product)];
        let moved = Transpose { permutation };
        Atom::Var(first.builder.push(moved, product, [ty], equation.location)[0])
    });
    let products: Vec<Atom> = products.collect();
    let first = dead_code(first.builder.finish(products));

    let mut rest = Rebuild::new(body);
    let is_found = |equation: &Equation| found.iter().any(|(e, ..)| std::ptr::eq(*e, equation));
    for &var in body.inputs() {
        rest.input(var);
    }
    for (equation, ..) in &found {
        rest.input(equation.outputs[0]);
    }
    rest.constants();
    for equation in body.equations().iter().filter(|e| !is_found(e)) {
        rest.equation(equation);
    }
    let rest = rest.finish(body.outputs());
    Some(Ahead { first, rest })
}

/// The axes of the product of all steps, and which axis of its result is that of the steps. None where the equation is not a product of
/// matrices, or not of a part and something constant.
fn batched(
    body: &Program,
    reach: &Reach<'_>,
    parts: &[Var],
    equation: &Equation,
) -> Option<(DotDims, usize)> {
    let Op::Data(DataOp::DotGeneral(DotGeneral { dims })) = &equation.op else {
        return None;
    };
    let is_part = |k: usize| matches!(&equation.inputs[k], Atom::Var(v) if parts.contains(v));
    let is_const = |k: usize| !reach.reaches(&equation.inputs[k]);
    let (left, right) = (is_part(0) && is_const(1), is_const(0) && is_part(1));
    // Products with vectors have sums of another order.
    let free = |k: usize, contract: &Shape, batch: &Shape| {
        let ty: TensorType = body.atom_type(&equation.inputs[k]);
        let axes = (0..ty.rank()).filter(|a| !contract.contains(a) && !batch.contains(a));
        let lengths = axes.map(|a| ty.shape[a]);
        lengths.fold((0, 1), |(count, size), n| (count + 1, size * n))
    };
    let (lhs_free, rows) = free(0, &dims.lhs_contract, &dims.lhs_batch);
    let (_, columns) = free(1, &dims.rhs_contract, &dims.rhs_batch);
    if !(left || right) || rows < 2 || columns < 2 {
        return None;
    }
    let past = |axes: &Shape| -> Shape { axes.iter().map(|a| a + 1).collect() };
    let mut dims = dims.clone();
    let stack = dims.lhs_batch.len();
    if left {
        dims.lhs_contract = past(&dims.lhs_contract);
        dims.lhs_batch = past(&dims.lhs_batch);
        return Some((dims, stack));
    }
    dims.rhs_contract = past(&dims.rhs_contract);
    dims.rhs_batch = past(&dims.rhs_batch);
    Some((dims, stack + lhs_free))
}
