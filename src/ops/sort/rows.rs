//! Sorting rows by keys whose order among equal ones cannot be seen, or is restored afterwards.
//!
//! Short rows are sorted eight at a time by a network of comparisons, one row per vector lane (Batcher's merge exchange;
//! Knuth, The Art of Computer Programming 3, algorithm 5.2.2M). Its comparisons do not depend on the elements, so they
//! are vector instructions without branches. Long rows are sorted by the digits of their keys.

use pulp::{Arch, Simd, WithSimd};

use super::SortKey;
use super::radix::{RADIX, radix_sort};
use crate::array::{Pass, on_widest};

/// Rows side by side: as many 64-bit integers as the widest vectors hold.
const ROWS: usize = 8;

/// Rows up to this length are sorted by a network; beyond, its `n log(n)^2` comparisons take longer.
const NETWORK: usize = 512;

/// Sorts every row; the last one must be whole.
pub(super) fn sort_rows<T: SortKey>(rows: &mut [T], length: usize) {
    if length < 2 {
        return;
    }
    let mut keys = vec![0_i64; length];
    if length <= NETWORK && rows.len() > length {
        let mut block = vec![[0_i64; ROWS]; length];
        for rows in rows.chunks_mut(length * ROWS) {
            for (lane, row) in rows.chunks(length).enumerate() {
                to_keys(row, &mut keys);
                for (block, &key) in block.iter_mut().zip(&keys) {
                    block[lane] = key;
                }
            }
            Arch::new().dispatch(Network(&mut block));
            for (lane, row) in rows.chunks_mut(length).enumerate() {
                for (key, block) in keys.iter_mut().zip(&block) {
                    *key = block[lane];
                }
                put(row, &keys);
            }
        }
        return;
    }
    let mut scratch = Vec::new();
    for row in rows.chunks_mut(length) {
        to_keys(row, &mut keys);
        if length < RADIX {
            keys.sort_unstable();
        } else {
            radix_sort(&mut keys, &mut scratch, |&key| key);
        }
        put(row, &keys);
    }
}

/// For each place of every row, which place of the row belongs there; equal elements stay in order. The last row must be whole.
pub(super) fn order_rows<T: SortKey>(rows: &[T], length: usize, order: &mut [usize]) {
    if length < 2 {
        order.fill(0);
        return;
    }
    let mut keys = vec![0_i64; length];
    if length <= NETWORK && rows.len() > length {
        let mut block = vec![[0_i64; ROWS]; length];
        let mut places = vec![[0_i64; ROWS]; length];
        let rows = rows.chunks(length * ROWS);
        for (rows, order) in rows.zip(order.chunks_mut(length * ROWS)) {
            for (lane, row) in rows.chunks(length).enumerate() {
                to_keys(row, &mut keys);
                for (block, &key) in block.iter_mut().zip(&keys) {
                    block[lane] = key;
                }
            }
            for (place, places) in places.iter_mut().enumerate() {
                *places = [place as i64; ROWS];
            }
            Arch::new().dispatch(OrderNetwork(&mut block, &mut places));
            for (lane, order) in order.chunks_mut(length).enumerate() {
                for (order, places) in order.iter_mut().zip(&places) {
                    *order = places[lane] as usize;
                }
            }
        }
        return;
    }
    let (mut ranked, mut scratch) = (Vec::with_capacity(length), Vec::new());
    for (row, order) in rows.chunks(length).zip(order.chunks_mut(length)) {
        to_keys(row, &mut keys);
        ranked.clear();
        ranked.extend(keys.iter().copied().zip(0_usize..));
        if length < RADIX {
            // Places are distinct, so with them as the last key nothing is equal and no stable sort is needed.
            ranked.sort_unstable();
        } else {
            radix_sort(&mut ranked, &mut scratch, |&(key, _)| key);
        }
        for (order, &(_, place)) in order.iter_mut().zip(&ranked) {
            *order = place;
        }
    }
}

struct Keys<'a, T>(&'a [T], &'a mut [i64]);

impl<T: SortKey> Pass for Keys<'_, T> {
    #[inline(always)]
    fn run(self) {
        for (key, &x) in self.1.iter_mut().zip(self.0) {
            *key = x.key();
        }
    }
}

/// Writes the keys of a row.
pub(super) fn to_keys<T: SortKey>(row: &[T], keys: &mut [i64]) {
    on_widest(Keys(row, keys));
}

struct Elements<'a, T>(&'a mut [T], &'a [i64]);

impl<T: SortKey> Pass for Elements<'_, T> {
    #[inline(always)]
    fn run(self) {
        for (x, &key) in self.0.iter_mut().zip(self.1) {
            *x = T::from_key(key);
        }
    }
}

struct Irregular<'a, T>(&'a [T], &'a mut bool);

impl<T: SortKey> Pass for Irregular<'_, T> {
    #[inline(always)]
    fn run(self) {
        // No early end, so that this is vector code.
        let mut found = false;
        for &x in self.0 {
            found |= x.is_irregular();
        }
        *self.1 = found;
    }
}

/// Writes a sorted row, given its keys; elements that share a key are put back in the order they were in.
fn put<T: SortKey>(row: &mut [T], keys: &[i64]) {
    let mut irregular = false;
    on_widest(Irregular(row, &mut irregular));
    let kept: Option<Vec<T>> = irregular.then(|| {
        let mut kept: Vec<T> = row.iter().copied().filter(|x| x.shares_key()).collect();
        kept.sort_by_key(|x| x.key());
        kept
    });
    on_widest(Elements(row, keys));
    if let Some(kept) = kept {
        for (x, original) in row.iter_mut().filter(|x| x.shares_key()).zip(kept) {
            *x = original;
        }
    }
}

/// Calls `$exchange` with `$low` and `$high`, places of a column of `$n`, in the order of the network.
macro_rules! network {
    ($n:expr, $start:ident, $run:ident, $distance:ident => $exchange:block) => {{
        let n = $n;
        let top = n.next_power_of_two() / 2;
        let mut p = top;
        while p > 0 {
            let (mut q, mut r, mut d) = (top, 0, p);
            loop {
                // Places i with i & p == r are compared with i + d: runs of p places, none of which overlap.
                let mut first = r;
                while first + d < n {
                    let ($start, $run, $distance) = (first, p, d);
                    $exchange
                    first += 2 * p;
                }
                if q == p {
                    break;
                }
                (d, q, r) = (q - p, q / 2, p);
            }
            p /= 2;
        }
    }};
}

/// A block whose columns are to be sorted.
struct Network<'a>(&'a mut [[i64; ROWS]]);

impl WithSimd for Network<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let n = self.0.len();
        let (block, per_row) = vectors::<S>(self.0);
        network!(n, start, run, distance => {
            let (low, high) = block.split_at_mut((start + distance) * per_row);
            let low = &mut low[start * per_row..];
            let count = (run * per_row).min(high.len());
            let (low, high) = (&mut low[..count], &mut high[..count]);
            // Iterators are not always inlined into the function that has the unit's instructions.
            for i in 0..count {
                let (a, b) = (low[i], high[i]);
                low[i] = simd.min_i64s(a, b);
                high[i] = simd.max_i64s(a, b);
            }
        });
    }
}

/// The vectors of a block, and how many of them are a row.
#[inline(always)]
fn vectors<S: Simd>(block: &mut [[i64; ROWS]]) -> (&mut [S::i64s], usize) {
    let vectors = S::as_mut_simd_i64s(block.as_flattened_mut()).0;
    (vectors, ROWS / S::I64_LANES)
}

/// A block whose columns are to be sorted, and the places that its elements came from.
struct OrderNetwork<'a>(&'a mut [[i64; ROWS]], &'a mut [[i64; ROWS]]);

impl WithSimd for OrderNetwork<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let n = self.0.len();
        let (block, per_row) = vectors::<S>(self.0);
        let (places, _) = vectors::<S>(self.1);
        network!(n, start, run, distance => {
            let (low, high) = block.split_at_mut((start + distance) * per_row);
            let (first, second) = places.split_at_mut((start + distance) * per_row);
            let (low, first) = (&mut low[start * per_row..], &mut first[start * per_row..]);
            let count = (run * per_row).min(high.len());
            let (low, high) = (&mut low[..count], &mut high[..count]);
            let (first, second) = (&mut first[..count], &mut second[..count]);
            for i in 0..count {
                let (a, b, c, d) = (low[i], high[i], first[i], second[i]);
                low[i] = simd.min_i64s(a, b);
                high[i] = simd.max_i64s(a, b);
                // Places decide between equal keys.
                let (above, below) = (simd.greater_than_i64s(a, b), simd.greater_than_i64s(b, a));
                let even = (simd.min_i64s(c, d), simd.max_i64s(c, d));
                first[i] = simd.select_i64s(above, d, simd.select_i64s(below, c, even.0));
                second[i] = simd.select_i64s(above, c, simd.select_i64s(below, d, even.1));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Few values, so that there are ties; both zeros and NaN among them.
    fn numbers(count: usize) -> Vec<f64> {
        let mut state = 1_u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            match state >> 60 {
                0 => -0.0,
                1 => 0.0,
                2 => f64::NAN,
                n => (n as f64 - 8.0) * 1e300,
            }
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn rows_of_every_length_and_number_are_sorted() {
        for length in (1..40).chain([63, 64, 65, 100, 512, 513, 20_000]) {
            for count in [1, 2, 7, 8, 9, 17] {
                if length * count > 50_000 {
                    continue;
                }
                let rows = numbers(length * count);
                let mut want = rows.clone();
                let mut wanted_order = Vec::new();
                for row in want.chunks_mut(length) {
                    let mut order: Vec<usize> = (0..length).collect();
                    order.sort_by_key(|&i| row[i].key());
                    wanted_order.extend(order);
                    row.sort_by_key(|x| x.key());
                }
                let mut order = vec![usize::MAX; rows.len()];
                order_rows(&rows, length, &mut order);
                assert_eq!(order, wanted_order, "{count} rows of {length}");
                let mut got = rows;
                sort_rows(&mut got, length);
                let bits = |x: &[f64]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&got), bits(&want), "{count} rows of {length}");
            }
        }
    }
}
