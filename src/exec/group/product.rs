//! Operands that are products of matrices, computed while blocks ask for them.
//!
//! A product that only a group reads is never in memory as a whole: a strip of it is computed into a slot, the blocks that it covers
//! run while it is in the second cache, and the next strip takes its place. Where strips would take longer than the whole, or where
//! it lies in another order than the group's blocks run, it is computed ahead.

use std::ops::Range;

use super::Group;
use crate::ops::{Layout, Strips};
use crate::program::DotGeneral;

/// So many multiplications take as long as one elementary operation.
const MULTIPLICATIONS: usize = 8;

/// An operand that is a product which nobody else reads.
#[derive(Debug)]
pub(super) struct Product {
    /// The number of the input that it is.
    pub(super) input: usize,
    pub(super) op: DotGeneral,
    /// The variables that it is of: the left one stands where the product stood, the right one behind all inputs.
    pub(super) operands: [u32; 2],
}

impl Group {
    /// Takes over an operand, the product of two variables that nobody else reads; whether it is one.
    pub(in crate::exec) fn absorb(
        &mut self,
        product: u32,
        op: &DotGeneral,
        operands: [u32; 2],
        multiplications: usize,
    ) -> bool {
        let Some(input) = self.inputs.iter().position(|i| i.source == product) else {
            return false;
        };
        self.products.push(Product {
            input,
            op: op.clone(),
            operands,
        });
        self.work = self.work.saturating_add(multiplications / MULTIPLICATIONS);
        true
    }

    /// The number of the product that an input is.
    pub(super) fn product(&self, input: usize) -> Option<usize> {
        self.products.iter().position(|p| p.input == input)
    }
}

/// A product of a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strip<'a> {
    /// Which of the group's products it is.
    pub(super) number: usize,
    pub(super) strips: &'a Strips<'a>,
    /// Where its slot starts.
    pub(super) slot: usize,
}

/// The elements of a product that are in its slot, by their numbers in the whole.
pub(super) type Held = Range<usize>;

/// The elements of a slot that blocks of so many are read from: what is left of one strip stays before the next.
pub(super) fn slot_size(strips: &Strips<'_>, block: usize) -> usize {
    let Layout { unit, units, .. } = strips.layout();
    block + unit + unit * units
}

impl Strip<'_> {
    /// Sees to it that a slot has `count` elements of the product from number `start` on. Units are computed by `fill`, which is told the
    /// first one's number, and none behind element `end`, where what the slot is for ends.
    pub(super) fn advance<T: Copy>(
        self,
        held: &mut Held,
        slot: &mut [T],
        (count, start): (usize, usize),
        end: usize,
        fill: impl Fn(usize, &mut [T]),
    ) {
        if held.start <= start && start + count <= held.end {
            return;
        }
        let Layout { unit, units, .. } = *self.strips.layout();
        if held.contains(&start) {
            slot.copy_within(start - held.start..held.end - held.start, 0);
            held.start = start;
        } else {
            let first = start / unit * unit;
            *held = first..first;
        }
        let end = end.next_multiple_of(unit);
        while held.end < start + count {
            let more = (unit * units).min(end - held.end);
            let at = held.end - held.start;
            fill(held.end / unit, &mut slot[at..at + more]);
            held.end += more;
        }
    }
}
