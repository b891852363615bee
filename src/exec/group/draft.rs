//! From equations to instructions.
//!
//! A draft's values are numbered in the order of their instructions and never change. What equations only move about is
//! followed to its source here, so that transposing, slicing and repeating become strides of an input.

use std::collections::HashMap;

use smallvec::{SmallVec, smallvec};

use super::{Arg, Code, Input, Instruction, Level, Space, Target};
use crate::array::{DType, Scalar, Shape};
use crate::ops::{RowOp, is_comparison};
use crate::program::{Atom, BinaryOp, DataOp, Equation, Op, Program, UnaryOp, Var};

/// A group before it is known which of its values are read outside.
#[derive(Debug)]
pub(in crate::exec) struct Draft<'a> {
    program: &'a Program,
    /// By variable, the equation that defines it.
    definitions: &'a [Option<u32>],
    pub(super) space: Space,
    pub(super) instructions: Vec<Instruction>,
    pub(super) inputs: Vec<Input>,
    pub(super) constants: Vec<Scalar>,
    /// By variable, the value it stands for.
    values: HashMap<u32, (Arg, Level)>,
    /// The variables that members define, in order.
    pub(super) results: Vec<Var>,
    known_inputs: HashMap<Input, u32>,
    known_constants: HashMap<Scalar, u32>,
    spread: HashMap<u32, Arg>,
}

impl<'a> Draft<'a> {
    pub(in crate::exec) fn new(
        program: &'a Program,
        definitions: &'a [Option<u32>],
        members: &[usize],
        space: Space,
    ) -> Self {
        let mut draft = Draft {
            program,
            definitions,
            space,
            instructions: Vec::with_capacity(members.len()),
            inputs: Vec::new(),
            constants: Vec::new(),
            values: HashMap::with_capacity(members.len()),
            results: Vec::with_capacity(members.len()),
            known_inputs: HashMap::new(),
            known_constants: HashMap::new(),
            spread: HashMap::new(),
        };
        for &i in members {
            let equation = &program.equations()[i];
            let (value, level) = draft.equation(equation);
            draft.values.insert(equation.outputs[0].0, (value, level));
            draft.results.push(equation.outputs[0]);
        }
        draft
    }

    /// The value that a member's result stands for.
    pub(super) fn value(&self, var: Var) -> (Arg, Level) {
        self.values[&var.0]
    }

    pub(super) fn push(&mut self, code: Code, dtype: DType, level: Level, args: &[Arg]) -> Arg {
        let value = self.instructions.len() as u32;
        let mut padded = [args[0]; 3];
        padded[..args.len()].copy_from_slice(args);
        self.instructions.push(Instruction {
            code,
            dtype,
            level,
            target: Target::Value(value),
            args: padded,
        });
        Arg::Value(value)
    }

    fn equation(&mut self, equation: &Equation) -> (Arg, Level) {
        let shape = &self.program.var_type(equation.outputs[0]).shape;
        let level = self.space.level(shape).unwrap_or(Level::Each);
        let dtype = self.program.atom_type(&equation.inputs[0]).dtype;
        let Op::Data(op) = &equation.op else {
            unreachable!("operations that run programs or the host are never members")
        };
        let value = match op {
            DataOp::Unary(op) => {
                let x = self.arg(&equation.inputs[0], level);
                let code = if op.kind == UnaryOp::IsFinite {
                    Code::IsFinite
                } else {
                    Code::Unary(op.kind)
                };
                self.push(code, dtype, level, &[x])
            }
            DataOp::Binary(op)
                if let (Some(kind), Some(row)) = (
                    RowOp::of(op.kind).filter(|_| level == Level::Each && dtype.is_float()),
                    self.row_value(&equation.inputs[1]),
                ) =>
            {
                let x = self.arg(&equation.inputs[0], level);
                self.push(Code::WithRows(kind), dtype, level, &[x, row])
            }
            DataOp::Binary(op) => {
                let args = [
                    self.arg(&equation.inputs[0], level),
                    self.arg(&equation.inputs[1], level),
                ];
                let code = if is_comparison(op.kind) {
                    Code::Compare(op.kind)
                } else {
                    Code::Binary(op.kind)
                };
                self.push(code, dtype, level, &args)
            }
            DataOp::IntegerPow(op) => {
                let x = self.arg(&equation.inputs[0], level);
                self.push(Code::IntegerPow(op.y), dtype, level, &[x])
            }
            DataOp::ConvertElementType(op) => {
                let x = self.arg(&equation.inputs[0], level);
                if op.dtype == dtype {
                    x
                } else {
                    self.push(Code::Convert(op.dtype), dtype, level, &[x])
                }
            }
            DataOp::StopGradient(_) => self.arg(&equation.inputs[0], level),
            DataOp::SelectN(_) => {
                let dtype = self.program.atom_type(&equation.inputs[1]).dtype;
                let args = [0, 1, 2].map(|i| self.arg(&equation.inputs[i], level));
                self.push(Code::Select, dtype, level, &args)
            }
            DataOp::Clamp(_) => {
                let [lo, x, hi] = [0, 1, 2].map(|i| self.arg(&equation.inputs[i], level));
                let raised = self.push(Code::Binary(BinaryOp::Max), dtype, level, &[x, lo]);
                self.push(Code::Binary(BinaryOp::Min), dtype, level, &[raised, hi])
            }
            DataOp::Reduce(op) => {
                let mut x = self.arg(&equation.inputs[0], Level::Each);
                if self.is_same(x) {
                    x = self.push(Code::Copy, dtype, Level::Each, &[x]);
                }
                let value = self.push(Code::Reduce(op.kind), dtype, Level::Row, &[x]);
                return (value, Level::Row);
            }
            DataOp::BroadcastInDim(_) | DataOp::Reshape(_) | DataOp::Squeeze(_) => {
                let Atom::Var(var) = equation.inputs[0] else {
                    unreachable!("a literal is in no group")
                };
                return self.value(var);
            }
            DataOp::Transpose(_)
            | DataOp::Slice(_)
            | DataOp::Concatenate(_)
            | DataOp::Pad(_)
            | DataOp::Rev(_)
            | DataOp::Iota(_)
            | DataOp::ArgReduce(_)
            | DataOp::Cumulative(_)
            | DataOp::DotGeneral(_)
            | DataOp::DynamicSlice(_)
            | DataOp::DynamicUpdateSlice(_)
            | DataOp::Gather(_)
            | DataOp::Scatter(_)
            | DataOp::BitcastConvertType(_)
            | DataOp::ReducePrecision(_)
            | DataOp::Fft(_)
            | DataOp::Sort(_)
            | DataOp::TopK(_)
            | DataOp::Cholesky(_)
            | DataOp::TriangularSolve(_)
            | DataOp::Solve(_) => unreachable!("{} is in no group", equation.op.name()),
        };
        (value, level)
    }

    /// Whether an operand is one element for all.
    fn is_same(&self, arg: Arg) -> bool {
        match arg {
            Arg::Value(_) => false,
            Arg::Input(k) => self.inputs[k as usize].axes.iter().all(Option::is_none),
            Arg::Constant(_) => true,
        }
    }

    /// An operand at a level.
    fn arg(&mut self, atom: &Atom, level: Level) -> Arg {
        let var = match atom {
            Atom::Literal(value, _) => return self.constant(*value),
            Atom::Var(var) => *var,
        };
        let Some(&(value, own)) = self.values.get(&var.0) else {
            return self.input(var, level);
        };
        self.at_level(value, own, level, self.program.var_type(var).dtype)
    }

    /// A member's value that there is one of for each row.
    fn row_value(&self, atom: &Atom) -> Option<Arg> {
        let Atom::Var(var) = atom else { return None };
        match self.values.get(&var.0) {
            Some(&(value @ Arg::Value(_), Level::Row)) => Some(value),
            _ => None,
        }
    }

    /// A value of one level as one of another: rows repeat for their elements.
    pub(super) fn at_level(&mut self, value: Arg, own: Level, level: Level, dtype: DType) -> Arg {
        let (Level::Row, Level::Each) = (own, level) else {
            return value;
        };
        match value {
            Arg::Value(number) => match self.spread.get(&number) {
                Some(&known) => known,
                None => {
                    let found = self.push(Code::Spread, dtype, Level::Each, &[value]);
                    self.spread.insert(number, found);
                    found
                }
            },
            Arg::Constant(_) => value,
            Arg::Input(k) => {
                if self.is_same(value) {
                    let Input { source, start, .. } = &self.inputs[k as usize];
                    let input = Input {
                        source: *source,
                        level: Level::Each,
                        axes: smallvec![None; self.space.axes(Level::Each).len()],
                        start: start.clone(),
                        plain: false,
                    };
                    return self.known_input(input);
                }
                self.push(Code::Spread, dtype, Level::Each, &[value])
            }
        }
    }

    fn constant(&mut self, value: Scalar) -> Arg {
        let number = *self.known_constants.entry(value).or_insert_with(|| {
            self.constants.push(value);
            self.constants.len() as u32 - 1
        });
        Arg::Constant(number)
    }

    fn known_input(&mut self, input: Input) -> Arg {
        if let Some(&k) = self.known_inputs.get(&input) {
            return Arg::Input(k);
        }
        let k = self.inputs.len() as u32;
        self.inputs.push(input.clone());
        self.known_inputs.insert(input, k);
        Arg::Input(k)
    }

    /// A value from outside, read where it lies.
    fn input(&mut self, mut var: Var, level: Level) -> Arg {
        let shape = &self.program.var_type(var).shape;
        let axes = self.space.axes(level);
        let own = |(axis, &n): (usize, &usize)| {
            (n > 1 && shape.get(axis) == Some(&n)).then_some((axis, 1))
        };
        let mut axes: SmallVec<[Option<(usize, usize)>; 4]> =
            axes.iter().enumerate().map(own).collect();
        let mut start: Shape = smallvec![0; shape.len()];
        while let Some(definition) = self.definitions[var.index()] {
            let equation = &self.program.equations()[definition as usize];
            let Some(moves) = moves(self.program, equation) else {
                break;
            };
            match equation.inputs[0] {
                Atom::Literal(value, _) => return self.constant(value),
                Atom::Var(source) => var = source,
            }
            let mut source_start: Shape = smallvec![0; self.program.var_type(var).rank()];
            for (axis, moved) in moves.iter().enumerate() {
                if let Some(moved) = moved {
                    source_start[moved.axis] = moved.start + moved.step * start[axis];
                }
            }
            start = source_start;
            for axis in &mut axes {
                *axis = axis
                    .and_then(|(axis, step)| moves[axis].as_ref().map(|m| (m.axis, m.step * step)));
            }
        }
        let source = &self.program.var_type(var).shape;
        let whole = self.space.axes(level);
        let in_order = axes.iter().enumerate().zip(whole);
        let plain = source[..] == *whole
            && start.iter().all(|&s| s == 0)
            && in_order
                .into_iter()
                .all(|((i, axis), &n)| n == 1 || *axis == Some((i, 1)));
        self.known_input(Input {
            source: var.0,
            level,
            axes,
            start,
            plain,
        })
    }
}

/// How an axis of a result runs over one of the operand.
struct Moved {
    axis: usize,
    start: usize,
    step: usize,
}

/// By axis of the result, the operand's axis; none where it repeats. None where the equation does more, or moves
/// elements in a way that strides do not.
fn moves(program: &Program, equation: &Equation) -> Option<SmallVec<[Option<Moved>; 4]>> {
    let Op::Data(op) = &equation.op else {
        return None;
    };
    let from = program
        .atom_type(&equation.inputs.first()?.to_owned())
        .shape;
    let to = &program.var_type(equation.outputs[0]).shape;
    let whole = |axis| Moved {
        axis,
        start: 0,
        step: 1,
    };
    match op {
        DataOp::Transpose(op) => Some(op.permutation.iter().map(|&a| Some(whole(a))).collect()),
        DataOp::Slice(op) => {
            let along = |axis| Moved {
                axis,
                start: op.start[axis],
                step: op.strides[axis],
            };
            Some((0..to.len()).map(|axis| Some(along(axis))).collect())
        }
        DataOp::BroadcastInDim(op) => {
            let along = |axis| {
                let own = op.dims.iter().position(|&d| d == axis)?;
                (from[own] == to[axis]).then(|| whole(own))
            };
            Some((0..to.len()).map(along).collect())
        }
        DataOp::Squeeze(op) => {
            let kept = (0..from.len()).filter(|a| !op.dims.contains(a));
            Some(kept.map(|a| Some(whole(a))).collect())
        }
        DataOp::Reshape(_) => {
            // Only axes of length 1 come and go.
            let mut own = (0..from.len()).filter(|&a| from[a] != 1);
            let mut axes: SmallVec<[Option<Moved>; 4]> = SmallVec::new();
            for &n in to {
                if n == 1 {
                    axes.push(None);
                    continue;
                }
                let axis = own.next()?;
                if from[axis] != n {
                    return None;
                }
                axes.push(Some(whole(axis)));
            }
            own.next().is_none().then_some(axes)
        }
        DataOp::Unary(_)
        | DataOp::Binary(_)
        | DataOp::IntegerPow(_)
        | DataOp::ConvertElementType(_)
        | DataOp::StopGradient(_)
        | DataOp::BitcastConvertType(_)
        | DataOp::ReducePrecision(_)
        | DataOp::Fft(_)
        | DataOp::SelectN(_)
        | DataOp::Clamp(_)
        | DataOp::Concatenate(_)
        | DataOp::Pad(_)
        | DataOp::Rev(_)
        | DataOp::Iota(_)
        | DataOp::Reduce(_)
        | DataOp::ArgReduce(_)
        | DataOp::Cumulative(_)
        | DataOp::DotGeneral(_)
        | DataOp::DynamicSlice(_)
        | DataOp::DynamicUpdateSlice(_)
        | DataOp::Gather(_)
        | DataOp::Scatter(_)
        | DataOp::Sort(_)
        | DataOp::TopK(_)
        | DataOp::Cholesky(_)
        | DataOp::TriangularSolve(_)
        | DataOp::Solve(_) => None,
    }
}
