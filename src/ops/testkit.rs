//! What the unit tests of operations share: an operation run as a program runs it, and its batching rule held
//! against a loop over the lanes.

use super::{BatchDim, Batched, Outputs, batch, eval, infer};
use crate::array::{Array, TensorType};
use crate::error::OpErrorKind;
use crate::program::{Atom, Op, Program, ProgramBuilder};
use crate::transform::vmap::batch::{BatchContext, MappedAxis};

/// The results of an operation, whose types must be the inferred ones.
pub(super) fn run(op: &(impl Clone + Into<Op>), inputs: &[Array]) -> Outputs<Array> {
    let op: Op = op.clone().into();
    let types: Vec<TensorType> = inputs.iter().map(Array::ty).collect();
    let expected = infer(&op, &types).unwrap_or_else(|e| panic!("{}: {e}", op.name()));
    let Op::Data(data) = &op else {
        panic!("{} is not evaluated by itself", op.name());
    };
    let outputs = eval(data, inputs);
    assert_eq!(
        outputs.iter().map(Array::ty).collect::<Vec<_>>(),
        expected.to_vec(),
        "{op:?}"
    );
    outputs
}

/// The only result of an operation.
pub(super) fn run1(op: &(impl Clone + Into<Op>), inputs: &[Array]) -> Array {
    let mut outputs = run(op, inputs);
    assert_eq!(outputs.len(), 1);
    outputs.remove(0)
}

/// Why an operation refuses operands of these types.
pub(super) fn refusal(op: &(impl Clone + Into<Op>), inputs: &[TensorType]) -> OpErrorKind {
    let op: Op = op.clone().into();
    match infer(&op, inputs) {
        Ok(types) => panic!("{op:?} accepts {inputs:?} and makes {types:?}"),
        Err(kind) => {
            // Rendering must not fail either.
            assert!(!kind.to_string().is_empty());
            kind
        }
    }
}

/// Runs a program whose equations need nothing but their operands.
pub(super) fn interpret(program: &Program, args: &[Array]) -> Vec<Array> {
    let mut env: Vec<Option<Array>> = vec![None; program.types().len()];
    for (var, array) in program.constants() {
        env[var.index()] = Some(array.clone());
    }
    for (var, array) in program.inputs().iter().zip(args) {
        env[var.index()] = Some(array.clone());
    }
    let read = |env: &[Option<Array>], atom: &Atom| match atom {
        Atom::Var(v) => env[v.index()].clone().expect("defined before use"),
        Atom::Literal(value, _) => value.to_array(),
    };
    for equation in program.equations() {
        let inputs: Vec<Array> = equation.inputs.iter().map(|a| read(&env, a)).collect();
        for (var, out) in equation.outputs.iter().zip(run(&equation.op, &inputs)) {
            env[var.index()] = Some(out);
        }
    }
    program.outputs().iter().map(|a| read(&env, a)).collect()
}

/// Batches an operation over operands that carry `size` lanes along the given axes, checks every lane against the
/// operation applied to that lane, and returns the names of the operations emitted.
pub(super) fn check_batching(
    op: &(impl Clone + Into<Op>),
    size: usize,
    operands: &[(Array, Option<usize>)],
) -> Vec<&'static str> {
    let op: &Op = &op.clone().into();
    let mut builder = ProgramBuilder::new();
    let inputs: Vec<Batched> = operands
        .iter()
        .map(|(array, dim)| {
            let dim = dim.map_or(BatchDim::Unbatched, BatchDim::At);
            Batched {
                atom: Atom::Var(builder.input(array.ty())),
                dim,
            }
        })
        .collect();
    let mut cx = BatchContext {
        builder: &mut builder,
        axis: MappedAxis { size, name: None },
        location: None,
    };
    let outputs = batch(&mut cx, op, &inputs).unwrap_or_else(|e| panic!("{op:?}: {e}"));
    let program = builder.finish(outputs.iter().map(|o| o.atom).collect());
    let args: Vec<Array> = operands.iter().map(|(array, _)| array.clone()).collect();
    let results = interpret(&program, &args);
    for (result, output) in results.iter().zip(&outputs) {
        if let BatchDim::At(d) = output.dim {
            assert_eq!(result.shape()[d], size, "{op:?}");
        }
    }
    for lane in 0..size {
        let at = |array: &Array, dim: BatchDim| match dim {
            BatchDim::At(d) => array.index_axis(d, lane).expect("a lane"),
            BatchDim::Unbatched => array.clone(),
        };
        let args: Vec<Array> = args
            .iter()
            .zip(&inputs)
            .map(|(a, i)| at(a, i.dim))
            .collect();
        for ((want, result), output) in run(op, &args).iter().zip(&results).zip(&outputs) {
            let got = at(result, output.dim);
            assert!(
                got.identical(want),
                "{op:?} lane {lane}: {got:?} is not {want:?}"
            );
        }
    }
    program.equations().iter().map(|e| e.op.name()).collect()
}

/// 0, 1, 2, ... in the given shape.
pub(super) fn counting(shape: &[usize]) -> Array {
    let count: usize = shape.iter().product();
    Array::from_elements(shape, (0..count).map(|i| i as f64).collect())
}

/// [`counting`] with its last two axes swapped in memory, so that nothing is contiguous.
pub(super) fn strided(shape: &[usize]) -> Array {
    let rank = shape.len();
    let mut swapped = shape.to_vec();
    swapped.swap(rank - 2, rank - 1);
    let mut permutation: Vec<usize> = (0..rank).collect();
    permutation.swap(rank - 2, rank - 1);
    counting(&swapped).permute(&permutation)
}
