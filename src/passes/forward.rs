//! Results of control flow that only hand an operand on.
//!
//! A branch or a loop's body that returns an input as it is need not carry it: the operand itself is the result. That
//! changes what is batched under `vmap`, and so the shapes a callback sees: a batched predicate batches every result of a
//! branch and everything a loop carries, but neither operands nor constants. The reference does the same while tracing.

use super::dead::dead_code;
use crate::program::{Atom, Program};

/// For each result, the position of the input it is.
pub(crate) fn forwarded(program: &Program) -> Vec<Option<usize>> {
    let position = |atom: &Atom| match atom {
        Atom::Var(var) => program.inputs.iter().position(|v| v == var),
        Atom::Literal(..) => None,
    };
    program.outputs.iter().map(position).collect()
}

/// Drops the results whose flag is set.
pub(crate) fn drop_outputs(program: &mut Program, flags: &[bool]) {
    let mut flags = flags.iter();
    program.outputs.retain(|_| flags.next() != Some(&true));
}

/// Moves the inputs whose flag is set in front of the others; `first` is the position of the first flag's input.
pub(crate) fn inputs_to_front(program: &mut Program, first: usize, flags: &[bool]) {
    let flagged =
        |position: usize| position.checked_sub(first).and_then(|k| flags.get(k)) == Some(&true);
    let (front, rest): (Vec<_>, Vec<_>) = program
        .inputs
        .iter()
        .enumerate()
        .partition(|&(position, _)| flagged(position));
    program.inputs = front.into_iter().chain(rest).map(|(_, &var)| var).collect();
}

/// Which of the inputs from `first` on have their flag set and are not needed by any result.
pub(crate) fn unneeded_inputs(program: &Program, first: usize, flags: &[bool]) -> Vec<bool> {
    let swept = dead_code(program.clone());
    let read = |var| {
        let of = |atoms: &[Atom]| atoms.contains(&Atom::Var(var));
        of(&swept.outputs) || swept.equations.iter().any(|e| of(&e.inputs))
    };
    let unread = |(&var, &flag)| flag && !read(var);
    program.inputs[first..]
        .iter()
        .zip(flags)
        .map(unread)
        .collect()
}

/// Splits items by their flags: those set, and the others.
pub(crate) fn split<T: Clone>(items: &[T], flags: &[bool]) -> (Vec<T>, Vec<T>) {
    let (set, rest): (Vec<_>, Vec<_>) = items
        .iter()
        .cloned()
        .zip(flags)
        .partition(|&(_, &flag)| flag);
    let items = |pairs: Vec<(T, &bool)>| pairs.into_iter().map(|(item, _)| item).collect();
    (items(set), items(rest))
}

/// The results of all: an operand where there is one, otherwise the next of what was computed.
pub(crate) fn merge<T>(operands: Vec<Option<T>>, computed: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut computed = computed.into_iter();
    operands
        .into_iter()
        .filter_map(|operand| operand.or_else(|| computed.next()))
        .collect()
}
