//! From a draft to a group: what nobody reads goes, products meet their sums, and values get slots.

use std::collections::HashMap;

use super::horner;
use super::small::Small;
use super::{Arg, Blocks, Code, Draft, Group, Instruction, Level, Output, Target};
use crate::array::{DType, TensorType};
use crate::ops::ThenAdd;
use crate::program::{BinaryOp, Program, UnaryOp, Var};

/// Slots start on cache lines, and lines of two slots at the same place do not meet at one address of the cache.
const LINE: usize = 64;

impl Draft<'_> {
    /// The group, with the results that are `needed` outside. None where no result is.
    pub(in crate::exec) fn finish(
        mut self,
        program: &Program,
        needed: impl Fn(Var) -> bool,
    ) -> Option<Group> {
        let mut outputs = Vec::new();
        let mut kept = Vec::new();
        for var in self.results.clone() {
            if !needed(var) {
                continue;
            }
            let TensorType { dtype, shape, .. } = program.var_type(var);
            let (value, own) = self.value(var);
            let level = if *shape == self.space.shape {
                Level::Each
            } else {
                Level::Row
            };
            kept.push(self.at_level(value, own, level, *dtype));
            outputs.push(Output {
                var: var.0,
                dtype: *dtype,
                combine: None,
                level,
            });
        }
        if outputs.is_empty() {
            return None;
        }
        let mut uses = live_uses(&self.instructions, &kept);
        multiply_add(&mut self.instructions, &mut uses);
        let blocks = Blocks::new(&self.space);
        // A handful of elements has instructions of its own.
        if !Small::is_small(&blocks) {
            horner::chains(&mut self.instructions, &mut uses, &mut self.constants);
            horner::bounds(&mut self.instructions, &mut uses, &mut self.constants);
        }
        let is_long = self.space.is_long();
        let mut stores = Vec::new();
        for (k, (&value, output)) in kept.iter().zip(&mut outputs).enumerate() {
            let target = Target::Output(k as u32);
            if let Arg::Value(number) = value
                && uses[number as usize] == 1
                && self.instructions[number as usize].level == output.level
            {
                let instruction = &mut self.instructions[number as usize];
                instruction.target = target;
                if let (true, Code::Reduce(kind)) = (is_long, instruction.code) {
                    output.combine = Some(kind);
                }
                continue;
            }
            stores.push(Instruction {
                code: Code::Copy,
                dtype: output.dtype,
                level: output.level,
                target,
                args: [value; 3],
            });
        }
        let numbered = self.instructions.into_iter().zip(&uses);
        let mut instructions: Vec<Instruction> = numbered
            .filter(|(_, uses)| **uses > 0)
            .map(|(i, _)| i)
            .collect();
        instructions.extend(stores);
        let instructions = costly_first(instructions);
        let work = work(&instructions, &blocks);
        let mut group = Group {
            outer: self.space.axes(Level::Row).len(),
            in_order: false,
            shape: self.space.shape,
            blocks,
            inputs: self.inputs,
            products: Vec::new(),
            places: Vec::new(),
            constants: self.constants,
            instructions,
            outputs,
            sizes: [0; DType::ALL.len()],
            small: None,
            work,
        };
        drop_unused_inputs(&mut group);
        place(&mut group, program, uses.len());
        group.small = Small::new(&group);
        if group.small.is_some() {
            group.instructions = Vec::new();
        }
        group.instructions.shrink_to_fit();
        Some(group)
    }
}

/// How often each value is read, by instructions that are needed or as a result; zero for those that are not needed.
fn live_uses(instructions: &[Instruction], kept: &[Arg]) -> Vec<u32> {
    let mut uses = vec![0; instructions.len()];
    for arg in kept {
        if let Arg::Value(number) = arg {
            uses[*number as usize] += 1;
        }
    }
    for (number, instruction) in instructions.iter().enumerate().rev() {
        if uses[number] == 0 {
            continue;
        }
        for arg in instruction.args() {
            if let Arg::Value(read) = arg {
                uses[*read as usize] += 1;
            }
        }
    }
    uses
}

/// Makes one instruction of a product of floats that is read once, by a sum, a difference or a change of sign, and of that.
fn multiply_add(instructions: &mut [Instruction], uses: &mut [u32]) {
    for i in 0..instructions.len() {
        let Instruction {
            code, dtype, level, ..
        } = instructions[i];
        let then = match code {
            Code::Binary(BinaryOp::Add) => [ThenAdd::Plus, ThenAdd::Plus],
            Code::Binary(BinaryOp::Sub) => [ThenAdd::Minus, ThenAdd::From],
            Code::Unary(UnaryOp::Neg) => [ThenAdd::Negated, ThenAdd::Negated],
            _ => continue,
        };
        if uses[i] == 0 || !dtype.is_float() {
            continue;
        }
        // All operands of a change of sign are the one it has.
        for side in 0..2 {
            let Arg::Value(number) = instructions[i].args[side] else {
                continue;
            };
            let product = &instructions[number as usize];
            let alone = uses[number as usize] == 1 && product.level == level;
            let (x, a) = match (product.code, product.args) {
                (Code::Binary(BinaryOp::Mul), [x, a, _]) if alone => (x, a),
                (Code::Unary(UnaryOp::Square), [x, ..]) if alone => (x, x),
                _ => continue,
            };
            // The element that differs goes first.
            let (x, a) = if matches!(x, Arg::Constant(_)) {
                (a, x)
            } else {
                (x, a)
            };
            let b = match code {
                Code::Unary(_) => x,
                _ => instructions[i].args[1 - side],
            };
            instructions[i].code = Code::MultiplyAdd(then[side]);
            instructions[i].args = [x, a, b];
            uses[number as usize] = 0;
            break;
        }
    }
}

/// Lets the most expensive function of an operand be what reads it first: elements come from memory then while there is much to
/// compute, and those that read them later find them in the cache.
fn costly_first(instructions: Vec<Instruction>) -> Vec<Instruction> {
    // By operand, the first of the costly functions of it.
    let mut costly = HashMap::new();
    for (i, instruction) in instructions.iter().enumerate() {
        if let (true, Arg::Input(k)) = (is_costly(instruction.code), instruction.args[0]) {
            costly.entry(k).or_insert(i);
        }
    }
    if costly.is_empty() {
        return instructions;
    }
    let mut order = Vec::with_capacity(instructions.len());
    let mut placed = vec![false; instructions.len()];
    for i in 0..instructions.len() {
        let reads = instructions[i].args().iter();
        let ahead = reads.filter_map(|arg| match arg {
            Arg::Input(k) => costly.remove(k),
            Arg::Value(_) | Arg::Constant(_) => None,
        });
        for i in ahead.chain([i]) {
            if !std::mem::replace(&mut placed[i], true) {
                order.push(i);
            }
        }
    }
    let mut instructions: Vec<_> = instructions.into_iter().map(Some).collect();
    order
        .into_iter()
        .filter_map(|i| instructions[i].take())
        .collect()
}

/// Whether an instruction computes a function of one operand that takes long.
fn is_costly(code: Code) -> bool {
    match code {
        Code::Unary(kind) => !matches!(
            kind,
            UnaryOp::Neg
                | UnaryOp::Abs
                | UnaryOp::Sign
                | UnaryOp::Square
                | UnaryOp::Not
                | UnaryOp::Floor
                | UnaryOp::Ceil
                | UnaryOp::RoundHalfEven
        ),
        _ => false,
    }
}

/// A rough cost of a call in elementary operations.
fn work(instructions: &[Instruction], blocks: &Blocks) -> usize {
    let cost = |instruction: &Instruction| {
        let elements = match (instruction.code, instruction.level) {
            (Code::Reduce(_), _) | (_, Level::Each) => blocks.rows * blocks.length,
            (_, Level::Row) => blocks.rows,
        };
        let weight = match instruction.code {
            code @ Code::Unary(_) if !is_costly(code) => 1,
            Code::Unary(_) | Code::Binary(BinaryOp::Pow | BinaryOp::Atan2) => 10,
            Code::Binary(BinaryOp::Div | BinaryOp::Rem) => 4,
            Code::IsFinite
            | Code::Binary(_)
            | Code::WithRows(_)
            | Code::Compare(_)
            | Code::IntegerPow(_)
            | Code::Convert(_)
            | Code::Select
            | Code::MultiplyAdd(_)
            | Code::Reduce(_)
            | Code::Spread
            | Code::Copy => 1,
            Code::Horner(sums, _) => usize::from(sums),
        };
        elements.saturating_mul(weight)
    };
    instructions.iter().map(cost).fold(0, usize::saturating_add)
}

/// Leaves out inputs that only dropped instructions read.
fn drop_unused_inputs(group: &mut Group) {
    let mut numbers = vec![None; group.inputs.len()];
    let mut kept = Vec::new();
    for instruction in &mut group.instructions {
        for arg in instruction.args_mut() {
            if let Arg::Input(k) = arg {
                let number = numbers[*k as usize].get_or_insert_with(|| {
                    kept.push(group.inputs[*k as usize].clone());
                    kept.len() as u32 - 1
                });
                *k = *number;
            }
        }
    }
    group.inputs = kept;
}

/// The slots of each element type: where the next one starts, and which are free, by level.
struct Slots<'a> {
    blocks: &'a Blocks,
    sizes: [u32; DType::ALL.len()],
    free: [[Vec<u32>; 2]; DType::ALL.len()],
}

impl Slots<'_> {
    fn take(&mut self, dtype: DType, level: Level) -> u32 {
        if let Some(slot) = self.free[dtype as usize][level as usize].pop() {
            return slot;
        }
        let slot = self.sizes[dtype as usize];
        let size = self.blocks.capacity(level) * dtype.size();
        let lines = size.div_ceil(LINE) + usize::from(size >= 8 * LINE);
        self.sizes[dtype as usize] += (lines * LINE / dtype.size()) as u32;
        slot
    }

    fn give_back(&mut self, dtype: DType, level: Level, slot: u32) {
        self.free[dtype as usize][level as usize].push(slot);
    }
}

/// Gives every value a slot, which others have before and after it; never one that its own instruction reads.
fn place(group: &mut Group, program: &Program, values: usize) {
    let mut slots = Slots {
        blocks: &group.blocks,
        sizes: group.sizes,
        free: Default::default(),
    };
    let mut places = Vec::with_capacity(group.inputs.len());
    for input in &group.inputs {
        let dtype = program.var_type(Var(input.source)).dtype;
        let single = input.axes.iter().all(Option::is_none);
        places.push((
            dtype,
            if single {
                0
            } else {
                slots.take(dtype, input.level)
            },
        ));
    }
    let mut last_read = vec![0; values];
    for (i, instruction) in group.instructions.iter().enumerate() {
        for arg in instruction.args() {
            if let Arg::Value(number) = arg {
                last_read[*number as usize] = i;
            }
        }
    }
    let mut held: Vec<Option<(DType, Level, u32)>> = vec![None; values];
    for (i, instruction) in group.instructions.iter_mut().enumerate() {
        if let Target::Value(number) = instruction.target {
            let (dtype, level) = (instruction.result(), instruction.level);
            let slot = slots.take(dtype, level);
            held[number as usize] = Some((dtype, level, slot));
            instruction.target = Target::Value(slot);
        }
        let mut done = [None; 3];
        for (arg, done) in instruction.args_mut().iter_mut().zip(&mut done) {
            let Arg::Value(number) = *arg else { continue };
            // A value is defined before it is read.
            let Some((_, _, slot)) = held[number as usize] else {
                continue;
            };
            *arg = Arg::Value(slot);
            *done = (last_read[number as usize] == i).then_some(number);
        }
        for number in done.into_iter().flatten() {
            if let Some((dtype, level, slot)) = held[number as usize].take() {
                slots.give_back(dtype, level, slot);
            }
        }
    }
    let sizes = slots.sizes;
    group.sizes = sizes;
    group.places = places;
}
