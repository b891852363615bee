//! Negative indices of gathers and scatters, which count from the end.
//!
//! In a program that is a comparison, a sum and a choice over arrays of indices, before the operation reads what they make. The
//! operation can do it where it reads an index, and then these arrays are never made.

use crate::array::{DType, Scalar};
use crate::program::{Atom, Binary, BinaryOp, DataOp, Equation, Gather, Op, Program, Scatter, Var};

/// The indices before they are wrapped, and what is added to negative ones, where an operation reads windows along one axis at
/// indices that are wrapped before.
pub(super) fn wrapped(
    program: &Program,
    definitions: &[Option<u32>],
    equation: &Equation,
) -> Option<(Atom, i64)> {
    // Of other types the real and the imaginary parts are read one after the other, at indices as they are.
    if !program
        .atom_type(equation.inputs.first()?)
        .dtype
        .has_kernels()
    {
        return None;
    }
    let components = match &equation.op {
        Op::Data(DataOp::Gather(Gather { dims, .. })) => dims.start_index_map.len(),
        Op::Data(DataOp::Scatter(Scatter { dims, .. })) => dims.scatter_dims_to_operand_dims.len(),
        _ => return None,
    };
    let defined = |atom: &Atom| -> Option<&Equation> {
        let Atom::Var(Var(var)) = atom else {
            return None;
        };
        definitions[*var as usize].map(|i| &program.equations()[i as usize])
    };
    // The index vector's axis, of length 1, stands behind the others.
    let expanded = defined(&equation.inputs[1])?;
    let from = program.atom_type(&expanded.inputs[0]);
    let to = program.var_type(expanded.outputs[0]);
    let appends = match &expanded.op {
        Op::Data(DataOp::BroadcastInDim(op)) => op.dims.iter().copied().eq(0..from.rank()),
        Op::Data(DataOp::Reshape(_)) => true,
        _ => false,
    };
    let (last, rest) = to.shape.split_last()?;
    if components != 1 || !appends || *last != 1 || *rest != from.shape[..] {
        return None;
    }
    let choice = defined(&expanded.inputs[0])?;
    let (Op::Data(DataOp::SelectN(_)), [which, index, moved]) = (&choice.op, &choice.inputs[..])
    else {
        return None;
    };
    let operands = |atom: &Atom, wanted: BinaryOp| {
        let equation = defined(atom)?;
        match &equation.op {
            Op::Data(DataOp::Binary(Binary { kind })) if *kind == wanted => {
                Some((equation.inputs[0], equation.inputs[1]))
            }
            _ => None,
        }
    };
    let number = |atom: Atom| match atom {
        Atom::Literal(Scalar::I64(n), _) => Some(n),
        Atom::Literal(Scalar::I32(n), _) => Some(n.into()),
        Atom::Literal(..) | Atom::Var(_) => None,
    };
    let (left, zero) = operands(which, BinaryOp::Lt)?;
    let (added_to, added) = operands(moved, BinaryOp::Add)?;
    let own = left == *index && added_to == *index && number(zero) == Some(0);
    let wide = matches!(program.atom_type(index).dtype, DType::I32 | DType::I64);
    let length = number(added).filter(|&n| n >= 0)?;
    (own && wide).then_some((*index, length))
}
