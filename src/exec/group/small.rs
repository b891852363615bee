//! Groups on few elements: a machine whose registers are whole values.
//!
//! On eight elements, to find slices takes longer than to work on them. So where a space has no more than [`WIDTH`] elements and all
//! its values are of `f64`, they are arrays of that length, and all instructions run in one loop on the widest vector unit. What lies
//! beyond the elements of a space is computed and never read.

use super::block::{Bound, ElementsMut, Place, Value};
use super::register::{Register, WIDTH};
use super::{Arg, Blocks, Code, Group, Target};
use crate::array::{DType, Pass, Scalar, on_widest};
use crate::ops::{Arith, Elementwise, Number, Operand, ThenAdd};
use crate::program::{BinaryOp, UnaryOp};

/// What an instruction does.
#[derive(Clone, Copy, Debug)]
enum Action {
    Add,
    Sub,
    Mul,
    Div,
    Max,
    Min,
    Plus,
    Minus,
    From,
    Negated,
    Copy,
    Neg,
    Square,
    Unary(UnaryOp),
    Binary(BinaryOp),
    IntegerPow(i32),
}

/// An instruction with the numbers of its registers.
#[derive(Clone, Copy, Debug)]
struct Operation {
    action: Action,
    target: u32,
    args: [u32; 3],
}

/// A group as a program for registers.
#[derive(Debug)]
pub(super) struct Small {
    operations: Vec<Operation>,
    /// All registers; first those of the slots, then of inputs, constants and results.
    registers: u32,
    inputs: u32,
    constants: Vec<Register>,
    outputs: u32,
}

impl Small {
    /// Whether the elements of a space are so few.
    pub(super) fn is_small(blocks: &Blocks) -> bool {
        blocks.count == 1 && blocks.length == 1 && blocks.rows <= WIDTH
    }

    /// None where the group is not such a one.
    pub(super) fn new(group: &Group) -> Option<Self> {
        let few = Self::is_small(&group.blocks);
        let plain = group.instructions.iter().all(|i| {
            i.dtype == DType::F64
                && match i.code {
                    Code::Unary(_)
                    | Code::Binary(_)
                    | Code::IntegerPow(_)
                    | Code::MultiplyAdd(_)
                    | Code::Copy => true,
                    Code::IsFinite
                    | Code::Compare(_)
                    | Code::Convert(_)
                    | Code::Select
                    | Code::Horner(..)
                    | Code::Reduce(_)
                    | Code::WithRows(_)
                    | Code::Spread => false,
                }
        });
        if !few || !plain {
            return None;
        }
        let inputs = group.sizes[DType::F64 as usize] / WIDTH as u32;
        let constants = inputs + group.inputs.len() as u32;
        let outputs = constants + group.constants.len() as u32;
        let values = group.constants.iter().map(|&value| match value {
            Scalar::F64(x) => Some(Register([x; WIDTH])),
            _ => None,
        });
        let operations = group.instructions.iter().map(|instruction| Operation {
            action: Action::new(instruction.code),
            target: match instruction.target {
                Target::Value(slot) => slot / WIDTH as u32,
                Target::Output(k) => outputs + k,
            },
            args: instruction.args.map(|arg| match arg {
                Arg::Value(slot) => slot / WIDTH as u32,
                Arg::Input(k) => inputs + k,
                Arg::Constant(k) => constants + k,
            }),
        });
        Some(Small {
            operations: operations.collect(),
            registers: outputs + group.outputs.len() as u32,
            inputs,
            constants: values.collect::<Option<_>>()?,
            outputs,
        })
    }

    /// Runs the group on its operands.
    pub(super) fn run<'a>(
        &self,
        registers: &mut Vec<Register>,
        inputs: &[Bound<'_>],
        outputs: impl Iterator<Item = ElementsMut<'a>>,
    ) {
        if registers.len() < self.registers as usize {
            registers.resize(self.registers as usize, Register::default());
        }
        let first = self.inputs as usize;
        let (targets, rest) = registers[first..].split_at_mut(inputs.len());
        for (register, input) in targets.iter_mut().zip(inputs) {
            let elements = f64::elements(&input.elements);
            match &input.place {
                Place::Same(at) => register.0 = [elements[*at]; WIDTH],
                Place::Here(at) => {
                    let elements = &elements[*at..];
                    let count = elements.len().min(WIDTH);
                    register.0[..count].copy_from_slice(&elements[..count]);
                }
                Place::Slot(walk, _) => walk.load(elements, 0, &mut register.0[..walk.count()]),
                Place::Strip(_) => unreachable!("a strip is longer than a register"),
            }
        }
        rest[..self.constants.len()].copy_from_slice(&self.constants);
        on_widest(Run {
            operations: &self.operations,
            registers: &mut registers[..self.registers as usize],
        });
        let results = &registers[self.outputs as usize..];
        for (mut output, register) in outputs.zip(results) {
            let output = f64::elements_mut(&mut output);
            let count = output.len().min(WIDTH);
            output[..count].copy_from_slice(&register.0[..count]);
        }
    }
}

impl Action {
    fn new(code: Code) -> Self {
        match code {
            Code::Binary(BinaryOp::Add) => Action::Add,
            Code::Binary(BinaryOp::Sub) => Action::Sub,
            Code::Binary(BinaryOp::Mul) => Action::Mul,
            Code::Binary(BinaryOp::Div) => Action::Div,
            Code::Binary(BinaryOp::Max) => Action::Max,
            Code::Binary(BinaryOp::Min) => Action::Min,
            Code::Binary(kind) => Action::Binary(kind),
            Code::MultiplyAdd(ThenAdd::Plus) => Action::Plus,
            Code::MultiplyAdd(ThenAdd::Minus) => Action::Minus,
            Code::MultiplyAdd(ThenAdd::From) => Action::From,
            Code::MultiplyAdd(ThenAdd::Negated) => Action::Negated,
            Code::Unary(UnaryOp::Neg) => Action::Neg,
            Code::Unary(UnaryOp::Square) => Action::Square,
            Code::Unary(kind) => Action::Unary(kind),
            Code::IntegerPow(power) => Action::IntegerPow(power),
            Code::Copy
            | Code::IsFinite
            | Code::Compare(_)
            | Code::Convert(_)
            | Code::Select
            | Code::Horner(..)
            | Code::Reduce(_)
            | Code::WithRows(_)
            | Code::Spread => Action::Copy,
        }
    }
}

struct Run<'a> {
    operations: &'a [Operation],
    registers: &'a mut [Register],
}

#[inline(always)]
fn zip(x: Register, y: Register, f: impl Fn(f64, f64) -> f64) -> Register {
    // A loop, because functions that make arrays are not always inlined into the one that has the unit's instructions.
    let mut result = x;
    for i in 0..WIDTH {
        result.0[i] = f(x.0[i], y.0[i]);
    }
    result
}

impl Pass for Run<'_> {
    #[inline(always)]
    fn run(self) {
        let registers = self.registers;
        for operation in self.operations {
            let [a, b, c] = operation.args;
            let x = registers[a as usize];
            let y = registers[b as usize];
            let result = match operation.action {
                Action::Add => zip(x, y, Arith::add),
                Action::Sub => zip(x, y, Number::sub),
                Action::Mul => zip(x, y, Arith::mul),
                Action::Div => zip(x, y, Number::div),
                Action::Max => zip(x, y, Arith::max),
                Action::Min => zip(x, y, Arith::min),
                Action::Plus => zip(zip(y, x, Arith::mul), registers[c as usize], Arith::add),
                Action::Minus => zip(zip(y, x, Arith::mul), registers[c as usize], Number::sub),
                Action::From => zip(registers[c as usize], zip(y, x, Arith::mul), Number::sub),
                Action::Negated => zip(y, x, |y, x| Number::neg(y.mul(x))),
                Action::Copy => x,
                Action::Neg => zip(x, x, |x, _| x.neg()),
                Action::Square => zip(x, x, Arith::mul),
                Action::Unary(kind) => {
                    let mut result = Register::default();
                    f64::unary(kind, &x.0, &mut result.0);
                    result
                }
                Action::Binary(kind) => {
                    let mut result = Register::default();
                    let (x, y) = (Operand::Each(&x.0[..]), Operand::Each(&y.0[..]));
                    f64::binary(kind, x, y, &mut result.0);
                    result
                }
                Action::IntegerPow(power) => {
                    let mut result = Register::default();
                    <f64 as Elementwise>::integer_pow(power, &x.0, &mut result.0);
                    result
                }
            };
            registers[operation.target as usize] = result;
        }
    }
}
