//! Sorting rows whose order among equal keys cannot be seen, or is restored afterwards.
//!
//! Short rows are sorted eight at a time by a network of comparisons, one row per vector lane (Batcher's merge exchange;
//! Knuth, The Art of Computer Programming 3, algorithm 5.2.2M). Its comparisons do not depend on the elements, so they
//! are vector instructions without branches.

use super::SortKey;
use crate::array::{Pass, on_widest};

/// Rows side by side: as many 64-bit integers as the widest vectors hold.
const ROWS: usize = 8;

/// Rows up to this length are sorted by a network; beyond, its `n log(n)^2` comparisons take longer.
const NETWORK: usize = 256;

/// Sorts every row; the last one must be whole.
pub(super) fn sort_rows<T: SortKey>(rows: &mut [T], length: usize) {
    if length < 2 {
        return;
    }
    if length <= NETWORK && rows.len() > length {
        let mut block = vec![[0_i64; ROWS]; length];
        for rows in rows.chunks_mut(length * ROWS) {
            sort_side_by_side(rows, length, &mut block);
        }
    } else {
        let mut keys = Vec::with_capacity(length);
        for row in rows.chunks_mut(length) {
            keys.clear();
            keys.extend(row.iter().map(|x| x.key()));
            keys.sort_unstable();
            put(row, keys.iter().copied());
        }
    }
}

/// Writes a sorted row, given its keys; elements that share a key are put back in the order they were in.
fn put<T: SortKey>(row: &mut [T], keys: impl Iterator<Item = u64>) {
    let kept: Option<Vec<T>> = row.iter().any(|x| x.is_irregular()).then(|| {
        let mut kept: Vec<T> = row.iter().copied().filter(|x| x.shares_key()).collect();
        kept.sort_by_key(|x| x.key());
        kept
    });
    for (x, key) in row.iter_mut().zip(keys) {
        *x = T::from_key(key);
    }
    if let Some(kept) = kept {
        for (x, original) in row.iter_mut().filter(|x| x.shares_key()).zip(kept) {
            *x = original;
        }
    }
}

/// Keys as signed integers, whose minimum and maximum are single instructions on more machines.
const SIGN: u64 = 1 << 63;

fn sort_side_by_side<T: SortKey>(rows: &mut [T], length: usize, block: &mut [[i64; ROWS]]) {
    for (lane, row) in rows.chunks(length).enumerate() {
        for (keys, x) in block.iter_mut().zip(row) {
            keys[lane] = (x.key() ^ SIGN) as i64;
        }
    }
    on_widest(Network(block));
    for (lane, row) in rows.chunks_mut(length).enumerate() {
        put(row, block.iter().map(|keys| keys[lane] as u64 ^ SIGN));
    }
}

/// A block whose columns are to be sorted.
struct Network<'a>(&'a mut [[i64; ROWS]]);

impl Pass for Network<'_> {
    #[inline(always)]
    fn run(self) {
        let block = self.0;
        let n = block.len();
        let top = n.next_power_of_two() / 2;
        let mut p = top;
        while p > 0 {
            let (mut q, mut r, mut d) = (top, 0, p);
            loop {
                // Places i with i & p == r are compared with i + d: runs of p places, none of which overlap.
                let mut start = r;
                while start + d < n {
                    let (low, high) = block.split_at_mut(start + d);
                    for (low, high) in low[start..].iter_mut().take(p).zip(high) {
                        for lane in 0..ROWS {
                            let (a, b) = (low[lane], high[lane]);
                            low[lane] = a.min(b);
                            high[lane] = a.max(b);
                        }
                    }
                    start += 2 * p;
                }
                if q == p {
                    break;
                }
                (d, q, r) = (q - p, q / 2, p);
            }
            p /= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_every_length_and_number_are_sorted() {
        let mut state = 1_u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            // Few values, so that there are ties; both zeros and NaN among them.
            match state >> 60 {
                0 => -0.0,
                1 => 0.0,
                2 => f64::NAN,
                n => (n as f64 - 8.0) * 1e300,
            }
        };
        for length in (1..40).chain([63, 64, 65, 100, 256, 257]) {
            for count in [1, 2, 7, 8, 9, 17] {
                let rows: Vec<f64> = (0..length * count).map(|_| next()).collect();
                let mut want = rows.clone();
                for row in want.chunks_mut(length) {
                    row.sort_by_key(|x| x.key());
                }
                let mut got = rows;
                sort_rows(&mut got, length);
                let bits = |x: &[f64]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&got), bits(&want), "{count} rows of {length}");
            }
        }
    }
}
