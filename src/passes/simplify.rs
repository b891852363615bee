//! What compiling makes of a program: calls inlined, constants folded, common subexpressions merged, dead code dropped.
//!
//! Host calls are never merged (rule C17) nor moved; a pure one whose results nothing needs is dropped (rule C18).

use std::collections::HashMap;
use std::sync::Arc;

use smallvec::SmallVec;

use super::dead::dead_code;
use super::env::Env;
use crate::array::{Array, Scalar, TensorType};
use crate::ops;
use crate::program::{
    Atom, Atoms, Call, Checkpoint, Cond, ControlOp, CustomJvpCall, CustomVjpCall, CustomVmapCall,
    DataOp, Equation, Op, Program, ProgramBuilder, Scan, ScatterApply, SubProgram, While,
};

/// Results with more elements than this are not computed ahead: they would have to be kept.
const MAX_FOLDED: usize = 4096;

/// The program as it is compiled.
pub(crate) fn simplify(program: &Program) -> Program {
    let mut pass = Pass {
        builder: ProgramBuilder::new(),
        known: HashMap::new(),
        seen: HashMap::new(),
    };
    let args: Vec<Atom> = program
        .inputs()
        .iter()
        .map(|&v| Atom::Var(pass.builder.input(program.var_type(v).clone())))
        .collect();
    let outputs = pass.copy(program, &args);
    dead_code(pass.builder.finish(outputs))
}

struct Pass {
    builder: ProgramBuilder,
    /// Variables whose value is known now.
    known: HashMap<u32, Array>,
    /// What was computed, by operation, operands and result types, and where.
    seen: HashMap<(DataOp, Atoms, Vec<TensorType>), SmallVec<[Atom; 2]>>,
}

impl Pass {
    /// Copies a program's equations with `args` for its inputs.
    fn copy(&mut self, program: &Program, args: &[Atom]) -> Vec<Atom> {
        let mut env = Env::new(program);
        env.bind_all(program.inputs(), args.iter().copied());
        for (var, array) in program.constants() {
            env.bind(*var, self.constant(array, false));
        }
        for equation in program.equations() {
            let inputs: Atoms = env.read_all(&equation.inputs);
            let types: Vec<TensorType> = equation
                .outputs
                .iter()
                .map(|&v| program.var_type(v).clone())
                .collect();
            let outputs = self.equation(equation, inputs, types);
            env.bind_all(&equation.outputs, outputs);
        }
        env.read_all(program.outputs())
    }

    fn equation(
        &mut self,
        equation: &Equation,
        inputs: Atoms,
        types: Vec<TensorType>,
    ) -> SmallVec<[Atom; 2]> {
        let op = match &equation.op {
            Op::Data(op) => op,
            Op::Control(op) => return self.control(op, equation, inputs, types),
        };
        if let Some(found) = self.fold(op, &inputs, &types) {
            return found;
        }
        let key = (op.clone(), inputs, types);
        if let Some(found) = self.seen.get(&key) {
            return found.clone();
        }
        let (_, inputs, types) = key.clone();
        let outputs = self.push(equation.op.clone(), equation, inputs, types);
        self.seen.insert(key, outputs.clone());
        outputs
    }

    /// An operation that runs programs or the host: calls are inlined, the programs of the others simplified.
    fn control(
        &mut self,
        op: &ControlOp,
        equation: &Equation,
        inputs: Atoms,
        types: Vec<TensorType>,
    ) -> SmallVec<[Atom; 2]> {
        let inside = |program: &SubProgram| Arc::new(simplify(program));
        let op: Op = match op {
            ControlOp::Call(Call { program, .. })
            | ControlOp::CustomVmapCall(CustomVmapCall { program, .. })
            | ControlOp::CustomJvpCall(CustomJvpCall { program, .. })
            | ControlOp::CustomVjpCall(CustomVjpCall { program, .. }) => {
                return self.copy(program, &inputs).into();
            }
            // Merged with the first computation, what is computed again would have been kept.
            ControlOp::Checkpoint(op) if op.differentiated => Checkpoint {
                program: inside(&op.program),
                ..*op
            }
            .into(),
            ControlOp::Checkpoint(op) => return self.copy(&op.program, &inputs).into(),
            ControlOp::Cond(Cond { branches }) => {
                if let Some(taken) = self.value(&inputs[0]).map(|i| i.scalar_index()) {
                    let taken = taken.clamp(0, branches.len() as i128 - 1) as usize;
                    return self.copy(&branches[taken], &inputs[1..]).into();
                }
                let branches = branches.iter().map(inside).collect();
                Cond { branches }.into()
            }
            ControlOp::While(op) => While {
                cond: inside(&op.cond),
                body: inside(&op.body),
                ..op.clone()
            }
            .into(),
            ControlOp::Scan(op) => Scan {
                body: inside(&op.body),
                ..op.clone()
            }
            .into(),
            ControlOp::ScatterApply(op) => ScatterApply {
                update: inside(&op.update),
                ..op.clone()
            }
            .into(),
            ControlOp::HostCall(_) | ControlOp::Collective(_) | ControlOp::CustomLin(_) => {
                equation.op.clone()
            }
        };
        self.push(op, equation, inputs, types)
    }

    fn push(
        &mut self,
        op: Op,
        equation: &Equation,
        inputs: Atoms,
        types: Vec<TensorType>,
    ) -> SmallVec<[Atom; 2]> {
        let outputs = self.builder.push(op, inputs, types, equation.location);
        outputs.into_iter().map(Atom::Var).collect()
    }

    /// The results of an operation on known values, where they are small.
    fn fold(
        &mut self,
        op: &DataOp,
        inputs: &[Atom],
        types: &[TensorType],
    ) -> Option<SmallVec<[Atom; 2]>> {
        if types.iter().map(TensorType::size).sum::<usize>() > MAX_FOLDED {
            return None;
        }
        let values: Vec<Array> = inputs
            .iter()
            .map(|a| self.value(a))
            .collect::<Option<_>>()?;
        let results = ops::eval(op, &values);
        let atoms = results.iter().zip(types);
        Some(atoms.map(|(a, ty)| self.constant(a, ty.weak)).collect())
    }

    fn value(&self, atom: &Atom) -> Option<Array> {
        match atom {
            Atom::Var(var) => self.known.get(&var.0).cloned(),
            Atom::Literal(value, _) => Some(value.to_array()),
        }
    }

    fn constant(&mut self, array: &Array, weak: bool) -> Atom {
        if let Ok(value) = Scalar::from_array(array) {
            return Atom::Literal(value, weak);
        }
        let atom = self.builder.constant(array);
        if let Atom::Var(var) = atom {
            self.known.insert(var.0, array.clone());
        }
        atom
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::dead::dead_code;
    use crate::prelude::*;
    use crate::{CallLog, Program};

    fn text(program: &Program) -> String {
        program.verify().unwrap();
        program.to_string()
    }

    #[test]
    fn an_unused_result_of_a_scan_takes_its_callback_along() {
        let log = CallLog::new();
        let host =
            Callback::new("host", [f64::spec([])], |args: &[Array]| args[0].clone()).log(&log);
        let sums = |x: Tensor| {
            let step = |(s, t): (Tensor, Tensor), x: Tensor| {
                let y = host.call((&x,))?;
                Ok::<_, Error>(((s + &x, t * x), y))
            };
            let ((s, _), _): ((Tensor, Tensor), Tensor) =
                scan(step, (0.0, 1.0), x, ScanOptions::default())?;
            Ok::<_, Error>(s)
        };
        let x = ndarray::array![1.0, 2.0, 3.0];
        assert_eq!(
            jit(sums)
                .call((&x,))
                .unwrap()
                .to_array()
                .unwrap()
                .item::<f64>()
                .unwrap(),
            6.0
        );
        assert_eq!(log.len(), 0);
        let program = jit(sums).trace((f64::spec([3]),)).unwrap();
        assert!(text(&program).contains("num_carry=1"), "{program}");
        // Without jit the results of the steps are computed, used or not (rule C18).
        sums(Array::from(x).into()).unwrap();
        assert_eq!(log.len(), 3);
    }

    #[test]
    fn a_carry_another_carry_depends_on_stays() {
        let f = |x: Tensor| {
            let step =
                |(a, b, c): (Tensor, Tensor, Tensor), x: Tensor| ((&a + &b, b + x, c * 2.0), ());
            let ((a, _, _), ()): ((Tensor, Tensor, Tensor), ()) =
                scan(step, (0.0, 0.0, 1.0), x, ScanOptions::default())?;
            Ok::<_, Error>(a)
        };
        let program = jit(f).trace((f64::spec([4]),)).unwrap();
        assert!(text(&program).contains("num_carry=2"), "{program}");
        let out = program
            .run(&[Array::from(vec![1.0, 2.0, 3.0, 4.0])])
            .unwrap();
        assert_eq!(out[0].item::<f64>().unwrap(), 10.0);
    }

    #[test]
    fn branches_and_calls_lose_unused_results_and_operands() {
        let f = |p: Tensor, x: Tensor, y: Tensor| {
            let on_true = |x: Tensor, y: Tensor| (x.sin(), y.cos());
            let on_false = |x: Tensor, y: Tensor| (x.cos(), y.sin());
            let (first, _) = cond(p, on_true, on_false, (x, y))?;
            Ok::<_, Error>(first)
        };
        let program = jit(f)
            .trace((bool::spec([]), f64::spec([]), f64::spec([])))
            .unwrap();
        let printed = text(&program);
        assert_eq!(
            (
                printed.matches("sin").count(),
                printed.matches("cos").count()
            ),
            (1, 1),
            "{printed}"
        );
        let again = dead_code(program.clone());
        assert_eq!(again.to_string(), printed);
    }
}
