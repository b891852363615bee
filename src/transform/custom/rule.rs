//! Tracing derivative rules together with the functions they belong to.

use std::cell::Cell;

use crate::array::{Array, TensorType};
use crate::error::{AutodiffError, Error};
use crate::program::{Atom, DerivativeRule, Program, ProgramBuilder, Var};
use crate::tensor::{Tensor, Traced};

/// How deep rules are traced that call functions with rules. Many rules call their own function, so this must end somewhere;
/// each level is one more derivative that can be taken.
const MAX_DEPTH: usize = 4;

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Traces a rule, or says why there is none, which matters only to those who differentiate.
pub(super) fn traced_rule<const N: usize>(
    name: &str,
    trace: impl FnOnce() -> Result<[Traced; N], Error>,
) -> Result<[Traced; N], Error> {
    struct Guard;
    impl Drop for Guard {
        fn drop(&mut self) {
            DEPTH.set(DEPTH.get() - 1);
        }
    }
    if DEPTH.get() >= MAX_DEPTH {
        return Err(AutodiffError::RuleDepth {
            name: name.to_owned(),
            order: MAX_DEPTH,
        }
        .into());
    }
    DEPTH.set(DEPTH.get() + 1);
    let _guard = Guard;
    trace()
}

/// What a function and its rule capture of enclosing traces, its program, and the rule; one that could not be traced fails
/// those who ask for it.
pub(super) fn with_rule<const N: usize>(
    function: Traced,
    rule: Result<[Traced; N], Error>,
) -> (Vec<Var>, Program, DerivativeRule) {
    let mut traced = vec![function];
    let failure = match rule {
        Ok(programs) => {
            traced.extend(programs);
            None
        }
        Err(error) => Some(error),
    };
    let (captures, mut programs) = rewired(traced);
    let rule = match failure {
        Some(error) => DerivativeRule::failed(error),
        None => DerivativeRule::traced(programs.drain(1..)),
    };
    (captures, programs.swap_remove(0), rule)
}

/// The programs with the captures of all of them in front of each one's own inputs, and those captures.
fn rewired(traced: Vec<Traced>) -> (Vec<Var>, Vec<Program>) {
    let mut all: Vec<Var> = Vec::new();
    let mut types: Vec<TensorType> = Vec::new();
    for Traced { program, captures } in &traced {
        let own = program.inputs().len() - captures.len();
        for (&var, &input) in captures.iter().zip(&program.inputs()[own..]) {
            if !all.contains(&var) {
                all.push(var);
                types.push(program.var_type(input).clone());
            }
        }
    }
    let programs = traced.into_iter().map(|Traced { program, captures }| {
        let mut builder = ProgramBuilder::new();
        let shared: Vec<Atom> = types
            .iter()
            .map(|ty| Atom::Var(builder.input(ty.clone())))
            .collect();
        let own = program.inputs().len() - captures.len();
        let mut inputs: Vec<Atom> = program.inputs()[..own]
            .iter()
            .map(|&v| Atom::Var(builder.input(program.var_type(v).clone())))
            .collect();
        let place = |var: &Var| all.iter().position(|v| v == var);
        inputs.extend(captures.iter().filter_map(place).map(|k| shared[k]));
        let outputs = program.inline(&mut builder, &inputs);
        builder.finish(outputs)
    });
    let programs = programs.collect();
    (all, programs)
}

/// What a rule returned, or zeros.
pub(super) fn or_zeros(tensor: Option<Tensor>, ty: &TensorType) -> Tensor {
    tensor.unwrap_or_else(|| Tensor::from(Array::zeros(ty.dtype, &ty.shape)))
}
