//! Sorting by digits: linear time, and equal keys stay in order (Knuth, The Art of Computer Programming 3, algorithm 5.2.5R).

/// From this many elements on, digits are faster than comparisons.
pub(super) const RADIX: usize = 1 << 14;

/// Bits of a digit: its 256 piles are few enough that what is written to each stays in the cache.
const BITS: u32 = 8;
const DIGITS: usize = 8;
const PILES: usize = 1 << BITS;

/// The digit of a key, with the sign turned, so that negative keys come first.
#[inline(always)]
fn digit(key: i64, number: usize) -> usize {
    ((key ^ i64::MIN) >> (number as u32 * BITS)) as usize % PILES
}

/// Sorts by keys, least digit first; digits that are the same in all keys cost nothing.
pub(super) fn radix_sort<T: Copy>(
    items: &mut Vec<T>,
    scratch: &mut Vec<T>,
    key: impl Fn(&T) -> i64,
) {
    let Some(&any) = items.first() else { return };
    scratch.clear();
    scratch.resize(items.len(), any);
    let mut counts = [[0_usize; PILES]; DIGITS];
    for item in items.iter() {
        let key = key(item);
        for (number, counts) in counts.iter_mut().enumerate() {
            counts[digit(key, number)] += 1;
        }
    }
    for (number, counts) in counts.iter_mut().enumerate() {
        if counts[digit(key(&items[0]), number)] == items.len() {
            continue;
        }
        let mut start = 0;
        for count in counts.iter_mut() {
            (start, *count) = (start + *count, start);
        }
        for &item in items.iter() {
            let place = &mut counts[digit(key(&item), number)];
            scratch[*place] = item;
            *place += 1;
        }
        std::mem::swap(items, scratch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_all_sizes_and_signs_are_in_order_and_equal_ones_as_they_came() {
        let mut state = 1_i64;
        for (bits, count) in [(64, 3000), (20, 3000), (3, 3000), (64, 1), (64, 0)] {
            let mut items: Vec<(i64, usize)> = Vec::new();
            for i in 0..count {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                items.push((state >> (64 - bits), i));
            }
            let mut want = items.clone();
            want.sort();
            radix_sort(&mut items, &mut Vec::new(), |&(key, _)| key);
            assert_eq!(items, want);
        }
    }
}
