//! Polynomials: products and sums that follow each other, `((a x + b) x + c) x + d`, as one instruction.
//!
//! Each link of such a chain reads what the one before has written, for the price of an addition; as one loop they read
//! `x` once. A maximum or minimum with a number may follow. Every product and every sum is rounded, so bits are those of the links.

use super::{Arg, Code, Instruction};
use crate::array::{Pass, Scalar, on_widest};
use crate::ops::{Number, Operand, ThenAdd};
use crate::program::BinaryOp;

/// What a chain ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    None,
    Max,
    Min,
}

/// A chain has no more links than this.
const MOST: usize = 4;

/// What a link adds to its product, if that is the same for all elements.
fn added(instruction: &Instruction, constants: &[Scalar]) -> Option<Scalar> {
    let Arg::Constant(k) = instruction.args[2] else {
        return None;
    };
    // To take away a number is to add its negative, but for the sign of a NaN.
    match (instruction.code, constants[k as usize]) {
        (Code::MultiplyAdd(ThenAdd::Plus), c) => Some(c),
        (Code::MultiplyAdd(ThenAdd::Minus), Scalar::F64(c)) if !c.is_nan() => Some(Scalar::F64(-c)),
        (Code::MultiplyAdd(ThenAdd::Minus), Scalar::F32(c)) if !c.is_nan() => Some(Scalar::F32(-c)),
        _ => None,
    }
}

/// Makes one instruction of each chain, whose values but the last nobody else reads.
pub(super) fn chains(
    instructions: &mut [Instruction],
    uses: &mut [u32],
    constants: &mut Vec<Scalar>,
) {
    // From the end, so that a chain is found at its last link.
    for last in (0..instructions.len()).rev() {
        if uses[last] == 0 {
            continue;
        }
        let Some(first_added) = added(&instructions[last], constants) else {
            continue;
        };
        let [p, q, _] = instructions[last].args;
        for (x, mut start) in [(p, q), (q, p)] {
            let mut sums = vec![first_added];
            let mut links = Vec::new();
            while let Arg::Value(number) = start
                && sums.len() < MOST
                && uses[number as usize] == 1
            {
                let link = &instructions[number as usize];
                let same_kind = link.dtype == instructions[last].dtype
                    && link.level == instructions[last].level;
                let other = match link.args {
                    [a, b, _] if a == x => b,
                    [a, b, _] if b == x => a,
                    _ => break,
                };
                let Some(sum) = added(link, constants).filter(|_| same_kind) else {
                    break;
                };
                sums.push(sum);
                links.push(number);
                start = other;
            }
            if links.is_empty() {
                continue;
            }
            for number in links {
                uses[number as usize] = 0;
            }
            let first = constants.len() as u32;
            constants.extend(sums.iter().rev());
            let instruction = &mut instructions[last];
            instruction.code = Code::Horner(sums.len() as u8, Bound::None);
            instruction.args = [x, start, Arg::Constant(first)];
            break;
        }
    }
}

/// Makes a maximum or minimum with a number part of the chain before it.
pub(super) fn bounds(
    instructions: &mut [Instruction],
    uses: &mut [u32],
    constants: &mut Vec<Scalar>,
) {
    for i in 0..instructions.len() {
        let bound = match instructions[i].code {
            Code::Binary(BinaryOp::Max) => Bound::Max,
            Code::Binary(BinaryOp::Min) => Bound::Min,
            _ => continue,
        };
        let [Arg::Value(number), Arg::Constant(by), _] = instructions[i].args else {
            continue;
        };
        let chain = &instructions[number as usize];
        if let Code::Horner(count, Bound::None) = chain.code
            && uses[i] > 0
            && uses[number as usize] == 1
            && chain.level == instructions[i].level
            && let [
                x @ (Arg::Value(_) | Arg::Input(_)),
                start @ Arg::Constant(_),
                Arg::Constant(first),
            ] = chain.args
        {
            let sums = constants[first as usize..][..usize::from(count)].to_vec();
            let first = constants.len() as u32;
            constants.extend(sums);
            constants.push(constants[by as usize]);
            uses[number as usize] = 0;
            instructions[i].code = Code::Horner(count, bound);
            instructions[i].args = [x, start, Arg::Constant(first)];
        }
    }
}

struct Horner<'a, T, B, const N: usize> {
    x: Operand<'a, T>,
    start: Operand<'a, T>,
    sums: [T; N],
    out: &'a mut [T],
    bound: B,
}

#[inline(always)]
fn value<T: Number, const N: usize>(x: T, start: T, sums: &[T; N]) -> T {
    let mut value = start;
    for k in 0..N {
        value = value.mul(x).add(sums[k]);
    }
    value
}

impl<T: Number, B: Fn(T) -> T, const N: usize> Pass for Horner<'_, T, B, N> {
    #[inline(always)]
    fn run(self) {
        let Horner {
            sums, out, bound, ..
        } = self;
        let n = out.len();
        match (self.x, self.start) {
            (Operand::Each(x), Operand::Each(start)) => {
                let (x, start) = (&x[..n], &start[..n]);
                for i in 0..n {
                    out[i] = bound(value(x[i], start[i], &sums));
                }
            }
            (Operand::Each(x), Operand::Same(start)) => {
                let x = &x[..n];
                for i in 0..n {
                    out[i] = bound(value(x[i], start, &sums));
                }
            }
            (Operand::Same(x), Operand::Each(start)) => {
                let start = &start[..n];
                for i in 0..n {
                    out[i] = bound(value(x, start[i], &sums));
                }
            }
            (Operand::Same(x), Operand::Same(start)) => out.fill(bound(value(x, start, &sums))),
        }
    }
}

/// `(start x + sums[0]) x + sums[1]` and so on, for two to [`MOST`] sums.
pub(super) fn horner<T: Number>(
    x: Operand<'_, T>,
    start: Operand<'_, T>,
    sums: &[T],
    (bound, by): (Bound, T),
    out: &mut [T],
) {
    macro_rules! run {
        ($sums:expr, $bound:expr) => {
            on_widest(Horner {
                x,
                start,
                sums: $sums,
                bound: $bound,
                out,
            })
        };
    }
    macro_rules! bounded {
        ($sums:expr) => {
            match bound {
                Bound::None => run!($sums, |y| y),
                Bound::Max => run!($sums, |y: T| y.max(by)),
                Bound::Min => run!($sums, |y: T| y.min(by)),
            }
        };
    }
    match *sums {
        [a, b] => bounded!([a, b]),
        [a, b, c] => bounded!([a, b, c]),
        [a, b, c, d] => bounded!([a, b, c, d]),
        _ => unreachable!("chains have two to {MOST} links"),
    }
}

/// The numbers of a chain's sums, and its bound; `of` says what a constant is in the chain's type.
pub(super) fn sums<T: Number>(
    constants: &[Scalar],
    first: Arg,
    count: usize,
    bound: Bound,
    of: fn(Scalar) -> T,
) -> ([T; MOST], (Bound, T)) {
    let (mut found, mut by) = ([T::ZERO; MOST], T::ZERO);
    if let Arg::Constant(first) = first {
        let constants = &constants[first as usize..];
        for (found, &constant) in found.iter_mut().zip(constants.iter().take(count)) {
            *found = of(constant);
        }
        if bound != Bound::None {
            by = of(constants[count]);
        }
    }
    (found, (bound, by))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_polynomial_has_the_bits_of_its_links() {
        let x: Vec<f64> = (0..37).map(|i| f64::from(i) / 7.0 - 2.3).collect();
        let start: Vec<f64> = x.iter().rev().copied().collect();
        let sums = [0.3, -0.7, 1.0 / 3.0, -1e-3];
        for count in 2..=MOST {
            for (x_each, start_each) in [(true, true), (true, false), (false, true), (false, false)]
            {
                let operand = |each: bool, values| match each {
                    true => Operand::Each(values),
                    false => Operand::Same(1.1),
                };
                let mut got = vec![f64::NAN; x.len()];
                let (x_given, start_given) = (operand(x_each, &x[..]), operand(start_each, &start));
                for bound in [Bound::None, Bound::Max, Bound::Min] {
                    let sums = &sums[..count];
                    horner(x_given, start_given, sums, (bound, 0.5), &mut got);
                    for (i, got) in got.iter().enumerate() {
                        let x = if x_each { x[i] } else { 1.1 };
                        let start = if start_each { start[i] } else { 1.1 };
                        let value = sums.iter().fold(start, |value, sum| value * x + sum);
                        let want = match bound {
                            Bound::None => value,
                            Bound::Max => value.max(0.5),
                            Bound::Min => value.min(0.5),
                        };
                        assert_eq!(got.to_bits(), want.to_bits(), "{count} sums at {i}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_chain_and_its_bound_become_one_instruction() {
        let instruction = |code, target, args| Instruction {
            code,
            dtype: crate::array::DType::F64,
            level: super::super::Level::Each,
            target: super::super::Target::Value(target),
            args,
        };
        let (x, constant, value) = (Arg::Input(0), Arg::Constant, Arg::Value);
        let mut constants = [1.1, 0.3, 0.7, 0.2, 0.0].map(Scalar::F64).to_vec();
        let (plus, minus) = (
            Code::MultiplyAdd(ThenAdd::Plus),
            Code::MultiplyAdd(ThenAdd::Minus),
        );
        let mut instructions = [
            instruction(plus, 0, [x, constant(0), constant(1)]),
            instruction(plus, 1, [value(0), x, constant(2)]),
            instruction(minus, 2, [x, value(1), constant(3)]),
            instruction(
                Code::Binary(BinaryOp::Max),
                3,
                [value(2), constant(4), constant(4)],
            ),
        ];
        let mut uses = [1; 4];
        chains(&mut instructions, &mut uses, &mut constants);
        assert_eq!(uses, [0, 0, 1, 1]);
        bounds(&mut instructions, &mut uses, &mut constants);
        assert_eq!(uses, [0, 0, 0, 1]);
        assert_eq!(instructions[3].code, Code::Horner(3, Bound::Max));
        let [argument, start, Arg::Constant(first)] = instructions[3].args else {
            panic!("a chain has constants");
        };
        assert_eq!((argument, start), (x, constant(0)));
        let want = [0.3, 0.7, -0.2, 0.0].map(Scalar::F64);
        assert_eq!(constants[first as usize..], want);
    }
}
