//! The order in which elements are reduced to one, which is part of what a program means.
//!
//! Sums of floats depend on their order, so there is one, and it depends on the number of elements alone: not on the layout of
//! the operand, the number of threads, or whether a program is compiled. Up to [`LANES`] elements are taken one after
//! another. More are cut into blocks of [`BLOCK`]; of a block, element `i` goes to partial result `i` mod [`LANES`], and the
//! partial results are combined by halves; the results of the blocks are combined in pairs, those of the pairs in pairs, and so on.
//! So the rounding error of a sum grows with the logarithm of its length (Higham, Accuracy and Stability of Numerical Algorithms,
//! section 4.2), and a vector unit has independent work. [`Runs`] and [`Rows`] do the same to elements that lie side by side and to
//! rows that lie one under another.

use smallvec::SmallVec;

use crate::array::Pass;
use crate::ops::math::{Arith, Bits};
use crate::program::ReduceOp;

/// How many elements are reduced before results are combined in pairs.
pub(crate) const BLOCK: usize = 512;
/// How many partial results a block has: enough for the width and the latency of vector units.
const LANES: usize = 16;
/// How many columns of rows are reduced side by side, so that their partial results stay in the first cache.
const COLUMNS: usize = 32;
/// More pairs of pairs than any length has.
const DEPTH: usize = usize::BITS as usize;

/// An element type with its reductions.
pub(crate) trait Fold: Arith {
    /// Reduces each run of `length` elements to one.
    fn fold_runs(kind: ReduceOp, elements: &[Self], length: usize, out: &mut [Self]);

    /// Reduces rows, each of `out`'s length, to one.
    fn fold_rows(kind: ReduceOp, elements: &[Self], out: &mut [Self]);

    /// Combines the results of the blocks of each run; there are `blocks` of them for a run.
    fn fold_blocks(kind: ReduceOp, results: &[Self], blocks: usize, out: &mut [Self]);
}

/// Calls `$then!(neutral element, function)` for the reductions that the element types have.
macro_rules! fold {
    ($($ty:ty: $($kind:ident)*;)*) => {$(
        impl Fold for $ty {
            fn fold_runs(kind: ReduceOp, elements: &[Self], length: usize, out: &mut [Self]) {
                match kind {
                    $(ReduceOp::$kind => {
                        let (neutral, f) = fold!(@$kind $ty);
                        crate::array::on_widest(Runs { elements, length, out, neutral, f });
                    })*
                    #[allow(unreachable_patterns)]
                    _ => excluded(kind),
                }
            }

            fn fold_rows(kind: ReduceOp, elements: &[Self], out: &mut [Self]) {
                match kind {
                    $(ReduceOp::$kind => {
                        let (neutral, f) = fold!(@$kind $ty);
                        crate::array::on_widest(Rows { elements, out, neutral, f });
                    })*
                    #[allow(unreachable_patterns)]
                    _ => excluded(kind),
                }
            }

            fn fold_blocks(kind: ReduceOp, results: &[Self], blocks: usize, out: &mut [Self]) {
                for (out, results) in out.iter_mut().zip(results.chunks_exact(blocks.max(1))) {
                    match kind {
                        $(ReduceOp::$kind => {
                            let (neutral, f) = fold!(@$kind $ty);
                            let mut pairs = Pairs::new(neutral);
                            results.iter().for_each(|&x| pairs.push(x, f));
                            *out = pairs.finish(f);
                        })*
                        #[allow(unreachable_patterns)]
                        _ => excluded(kind),
                    }
                }
            }
        }
    )*};
    (@Sum $ty:ty) => { (<$ty>::ZERO, <$ty as Arith>::add) };
    (@Prod $ty:ty) => { (<$ty>::ONE, <$ty as Arith>::mul) };
    (@Max $ty:ty) => { (<$ty>::LEAST, <$ty as Arith>::max) };
    (@Min $ty:ty) => { (<$ty>::GREATEST, <$ty as Arith>::min) };
    (@And $ty:ty) => { (<$ty as Bits>::ALL_ONES, <$ty as Bits>::and) };
    (@Or $ty:ty) => { (<$ty>::ZERO, <$ty as Bits>::or) };
    (@Xor $ty:ty) => { (<$ty>::ZERO, <$ty as Bits>::xor) };
}
fold! {
    bool: Max Min And Or Xor;
    u8: Sum Prod Max Min And Or Xor;
    u16: Sum Prod Max Min And Or Xor;
    u32: Sum Prod Max Min And Or Xor;
    u64: Sum Prod Max Min And Or Xor;
    i8: Sum Prod Max Min And Or Xor;
    i16: Sum Prod Max Min And Or Xor;
    i32: Sum Prod Max Min And Or Xor;
    i64: Sum Prod Max Min And Or Xor;
    f32: Sum Prod Max Min;
    f64: Sum Prod Max Min;
}

/// The end of every branch that the type rule excludes.
#[cold]
fn excluded(kind: ReduceOp) -> ! {
    unreachable!(
        "the type rule of {} does not admit this element type",
        kind.name()
    )
}

/// Reduces one block.
#[inline(always)]
fn fold_block<T: Copy>(block: &[T], neutral: T, f: impl Fn(T, T) -> T + Copy) -> T {
    if block.len() < LANES {
        let mut total = neutral;
        for &x in block {
            total = f(total, x);
        }
        return total;
    }
    let mut lanes = [neutral; LANES];
    let mut rest = block;
    while let Some((chunk, tail)) = rest.split_first_chunk::<LANES>() {
        for i in 0..LANES {
            lanes[i] = f(lanes[i], chunk[i]);
        }
        rest = tail;
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane = f(*lane, x);
    }
    // By halves, each an array of its own: arrays that are halved in place do not stay in registers.
    let [total] = halved::<_, 2, 1>(
        halved::<_, 4, 2>(halved::<_, 8, 4>(halved::<_, LANES, 8>(lanes, f), f), f),
        f,
    );
    total
}

/// The first half of `N` elements combined with the second.
#[inline(always)]
fn halved<T: Copy, const N: usize, const H: usize>(x: [T; N], f: impl Fn(T, T) -> T) -> [T; H] {
    let mut half = [x[0]; H];
    for i in 0..H {
        half[i] = f(x[i], x[i + H]);
    }
    half
}

/// Results of blocks, combined in pairs as they come: a binary counter whose digits are results.
struct Pairs<T> {
    results: [T; DEPTH],
    held: usize,
    count: usize,
}

impl<T: Copy> Pairs<T> {
    #[inline(always)]
    fn new(neutral: T) -> Self {
        Pairs {
            results: [neutral; DEPTH],
            held: 0,
            count: 0,
        }
    }

    #[inline(always)]
    fn push(&mut self, mut result: T, f: impl Fn(T, T) -> T) {
        for _ in 0..self.count.trailing_ones() {
            self.held -= 1;
            result = f(self.results[self.held], result);
        }
        self.results[self.held] = result;
        self.held += 1;
        self.count += 1;
    }

    /// What is left combined, the smallest first; the neutral element where nothing came.
    #[inline(always)]
    fn finish(self, f: impl Fn(T, T) -> T) -> T {
        let mut total = self.results[self.held.saturating_sub(1)];
        for i in (0..self.held.saturating_sub(1)).rev() {
            total = f(self.results[i], total);
        }
        total
    }
}

/// Runs of `length` elements, each to be reduced to one.
struct Runs<'a, T, F> {
    elements: &'a [T],
    length: usize,
    out: &'a mut [T],
    neutral: T,
    f: F,
}

impl<T: Copy, F: Fn(T, T) -> T + Copy> Pass for Runs<'_, T, F> {
    #[inline(always)]
    fn run(self) {
        let (neutral, f) = (self.neutral, self.f);
        if self.length == 0 {
            self.out.fill(neutral);
        } else if self.length <= BLOCK {
            // Counted, because iterators are not always inlined into the function that has the unit's instructions.
            for i in 0..self.out.len() {
                let run = &self.elements[i * self.length..][..self.length];
                self.out[i] = fold_block(run, neutral, f);
            }
        } else {
            let runs = self.elements.chunks_exact(self.length);
            for (out, run) in self.out.iter_mut().zip(runs) {
                let mut pairs = Pairs::new(neutral);
                for block in run.chunks(BLOCK) {
                    pairs.push(fold_block(block, neutral, f), f);
                }
                *out = pairs.finish(f);
            }
        }
    }
}

/// Rows of `out`'s length, to be reduced to one.
struct Rows<'a, T, F> {
    elements: &'a [T],
    out: &'a mut [T],
    neutral: T,
    f: F,
}

impl<T: Copy, F: Fn(T, T) -> T + Copy> Pass for Rows<'_, T, F> {
    #[inline(always)]
    fn run(self) {
        let (neutral, f) = (self.neutral, self.f);
        let inner = self.out.len();
        if inner == 0 {
            return;
        }
        let rows = self.elements.len() / inner;
        if rows < LANES {
            self.out.fill(neutral);
            for row in self.elements.chunks_exact(inner) {
                for (out, &x) in self.out.iter_mut().zip(row) {
                    *out = f(*out, x);
                }
            }
            return;
        }
        for start in (0..inner).step_by(COLUMNS) {
            let width = COLUMNS.min(inner - start);
            // Results of blocks, combined in pairs as in `Pairs`.
            let mut held: SmallVec<[[T; COLUMNS]; 2]> = SmallVec::new();
            for first in (0..rows).step_by(BLOCK) {
                let count = BLOCK.min(rows - first);
                let mut lanes = [[neutral; COLUMNS]; LANES];
                for i in 0..count {
                    let at = (first + i) * inner + start;
                    // As in `fold_block`, fewer elements than lanes are taken one after another.
                    let lane = if count < LANES { 0 } else { i % LANES };
                    let row = &self.elements[at..at + width];
                    for (lane, &x) in lanes[lane].iter_mut().zip(row) {
                        *lane = f(*lane, x);
                    }
                }
                if count >= LANES {
                    let mut half = LANES / 2;
                    while half > 0 {
                        for i in 0..half {
                            for c in 0..COLUMNS {
                                lanes[i][c] = f(lanes[i][c], lanes[i + half][c]);
                            }
                        }
                        half /= 2;
                    }
                }
                let mut result = lanes[0];
                for _ in 0..(first / BLOCK).trailing_ones() {
                    if let Some(left) = held.pop() {
                        for c in 0..COLUMNS {
                            result[c] = f(left[c], result[c]);
                        }
                    }
                }
                held.push(result);
            }
            let mut total = held.pop().unwrap_or([neutral; COLUMNS]);
            while let Some(left) = held.pop() {
                for c in 0..COLUMNS {
                    total[c] = f(left[c], total[c]);
                }
            }
            self.out[start..start + width].copy_from_slice(&total[..width]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order written down naively.
    fn reference(x: &[f64]) -> f64 {
        let block = |x: &[f64]| {
            if x.len() < LANES {
                return x.iter().fold(0.0, |a, b| a + b);
            }
            let mut lanes: Vec<f64> = (0..LANES)
                .map(|lane| x.iter().skip(lane).step_by(LANES).fold(0.0, |a, b| a + b))
                .collect();
            while lanes.len() > 1 {
                let half = lanes.len() / 2;
                lanes = (0..half).map(|i| lanes[i] + lanes[i + half]).collect();
            }
            lanes[0]
        };
        let mut results: Vec<f64> = x.chunks(BLOCK).map(block).collect();
        while results.len() > 1 {
            results = results
                .chunks(2)
                .map(|p| p.iter().copied().reduce(|a, b| a + b).unwrap_or(0.0))
                .collect();
        }
        results.first().copied().unwrap_or(0.0)
    }

    #[test]
    fn runs_rows_and_blocks_are_added_in_one_order() {
        for count in [
            0, 1, 3, 15, 16, 17, 31, 511, 512, 513, 1023, 1024, 1025, 1537, 2600, 3584, 5000,
        ] {
            let x: Vec<f64> = (0..count).map(|i| ((i * i) as f64).sin() * 1e3).collect();
            let want = reference(&x);
            let mut got = [f64::NAN];
            f64::fold_runs(ReduceOp::Sum, &x, count, &mut got);
            assert_eq!(got[0].to_bits(), want.to_bits(), "a run of {count}");
            let mut blocks = vec![0.0; count.div_ceil(BLOCK)];
            for (out, block) in blocks.iter_mut().zip(x.chunks(BLOCK)) {
                f64::fold_runs(ReduceOp::Sum, block, block.len(), std::slice::from_mut(out));
            }
            if !blocks.is_empty() {
                f64::fold_blocks(ReduceOp::Sum, &blocks, blocks.len(), &mut got);
                assert_eq!(got[0].to_bits(), want.to_bits(), "the blocks of {count}");
            }
            for inner in [1, 2, 31, 33, 70] {
                let rows: Vec<f64> = (0..count)
                    .flat_map(|i| (0..inner).map(move |c| (i, c)))
                    .map(|(i, c)| x[i] + c as f64)
                    .collect();
                let mut got = vec![f64::NAN; inner];
                f64::fold_rows(ReduceOp::Sum, &rows, &mut got);
                for c in 0..inner {
                    let column: Vec<f64> = x.iter().map(|x| x + c as f64).collect();
                    assert_eq!(
                        got[c].to_bits(),
                        reference(&column).to_bits(),
                        "{count} rows, column {c} of {inner}"
                    );
                }
            }
        }
    }
}
