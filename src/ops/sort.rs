//! Sorting, and the greatest elements with their positions.
//!
//! Elements are compared by a key that turns every element type into `i64`: NaN is the greatest whatever its sign, and
//! `-0.0` equals `0.0` (rule N13). So one comparison serves all types, and stability decides what is left.

mod derivative;
mod radix;
mod rows;

use smallvec::{SmallVec, smallvec};
use std::cmp::{Ordering, Reverse};

use rayon::prelude::*;

use crate::array::{
    Array, DType, Element, Shape, TensorType, buffer, dispatch_kernel_dtype, owned, prepare_threads,
};
use crate::error::{Error, OpErrorKind, ParseError};
use crate::ops::rule::{BatchDim, Batched, DataRules, Emit, Outputs, Rules, expect_operands, past};
use crate::ops::shape::check_axes;
use crate::program::text::{Given, Shown};
use crate::program::{Atoms, Op, Sort, TopK};

/// Elements worth handing to another thread; fewer take less time than waking it.
const PARALLEL_ELEMENTS: usize = 1 << 14;

/// An element type with a total order.
trait SortKey: Element {
    /// A number that orders as the element does.
    fn key(self) -> i64;
    /// The element of a key; one of them, where several share it.
    fn from_key(key: i64) -> Self;

    /// Whether other elements have the same key: zeros and NaN have.
    #[inline]
    fn shares_key(self) -> bool {
        false
    }

    /// Whether this is not what [`SortKey::from_key`] gives for its key: `-0.0` and any NaN.
    #[inline]
    fn is_irregular(self) -> bool {
        false
    }
}

macro_rules! sort_key {
    ($($ty:ty, $x:ident => $key:expr, $element:expr;)*) => {$(
        impl SortKey for $ty {
            #[inline(always)]
            fn key(self) -> i64 {
                let $x = self;
                $key
            }
            #[inline(always)]
            fn from_key($x: i64) -> $ty {
                $element
            }
        }
    )*};
}
sort_key! {
    bool, x => i64::from(x), x != 0;
    u8, x => i64::from(x), x as u8;
    u16, x => i64::from(x), x as u16;
    u32, x => i64::from(x), x as u32;
    u64, x => (x ^ (1 << 63)) as i64, x as u64 ^ (1 << 63);
    i8, x => i64::from(x), x as i8;
    i16, x => i64::from(x), x as i16;
    i32, x => i64::from(x), x as i32;
    i64, x => x, x;
}

macro_rules! sort_key_of_floats {
    ($($ty:ty, $x:ident => $key:expr, $element:expr;)*) => {$(
        impl SortKey for $ty {
            #[inline(always)]
            fn key(self) -> i64 {
                let $x = self;
                $key
            }
            #[inline(always)]
            fn from_key($x: i64) -> $ty {
                $element
            }
            #[inline(always)]
            fn shares_key(self) -> bool {
                self == 0.0 || self.is_nan()
            }
            #[inline(always)]
            fn is_irregular(self) -> bool {
                self.is_nan() | (self.to_bits() == (-0.0 as $ty).to_bits())
            }
        }
    )*};
}

/// Bits of a float as an integer that orders as it does, and back: those of positive floats ascend with them, those of negative ones
/// descend.
#[inline(always)]
fn ordered(bits: i64) -> i64 {
    bits ^ (bits >> 63) & i64::MAX
}

sort_key_of_floats! {
    f32, x => f64::from(x).key(), f64::from_key(x) as f32;
    f64, x => {
        // Adding zero makes -0 into 0.
        let key = ordered((x + 0.0).to_bits() as i64);
        if x.is_nan() { i64::MAX } else { key }
    }, f64::from_bits(ordered(x) as u64);
}

/// The axis order with `axis` moved to the end, and its inverse.
fn axis_last(rank: usize, axis: usize) -> (Shape, Shape) {
    let mut forth: Shape = (0..rank).filter(|&a| a != axis).collect();
    forth.push(axis);
    let mut back: Shape = (0..rank - 1).collect();
    back.insert(axis, rank - 1);
    (forth, back)
}

/// The length of the last axis as a chunk size, and how many such chunks are worth a thread.
fn chunking(length: usize) -> (usize, usize) {
    let length = length.max(1);
    (length, PARALLEL_ELEMENTS.div_ceil(length))
}

impl Rules for Sort {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        let &Self {
            dimension,
            num_keys,
        } = self;
        let Some(first) = inputs.first() else {
            return Err(OpErrorKind::OperandCount {
                expected: 1,
                actual: 0,
            });
        };
        if inputs.iter().any(|t| t.shape != first.shape) {
            return Err(OpErrorKind::shapes(
                inputs,
                "operands that are sorted together must have one shape",
            ));
        }
        check_axes(&[dimension], first.rank())?;
        if num_keys == 0 || num_keys > inputs.len() {
            return Err(OpErrorKind::parameter(format!(
                "num_keys must be at least 1 and at most the number of operands, {}, got {num_keys}",
                inputs.len()
            )));
        }
        Ok(inputs.iter().cloned().collect())
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        let &Self {
            dimension,
            num_keys,
        } = self;
        let first = inputs.iter().find_map(|x| match x.dim {
            BatchDim::At(bd) => Some(bd),
            BatchDim::Unbatched => None,
        });
        let bd = first.unwrap_or(0);
        let operands = inputs
            .iter()
            .map(|x| cx.materialize_at(x, bd))
            .collect::<Result<Atoms, _>>()?;
        let outs = cx.emit(
            Sort {
                dimension: past(dimension, bd),
                num_keys,
            },
            operands,
        )?;
        Ok(outs.into_iter().map(|out| Batched::at(out, bd)).collect())
    }

    fn params(&self, shown: &mut Shown<'_>) {
        shown
            .show("dimension", self.dimension)
            .show("is_stable", true)
            .show("num_keys", self.num_keys);
    }

    fn parse(_name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        // A stable order is one of those that are asked for where it need not be.
        given.optional("is_stable");
        Ok(Sort {
            dimension: given.number("dimension")?,
            num_keys: given.number("num_keys")?,
        }
        .into())
    }
}

impl DataRules for Sort {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        let &Self {
            dimension,
            num_keys,
        } = self;
        let (forth, back) = axis_last(inputs[0].rank(), dimension);
        let lanes: SmallVec<[Array; 2]> = inputs.iter().map(|a| a.permute(&forth)).collect();
        if let [only] = lanes.as_slice() {
            return smallvec![
                dispatch_kernel_dtype!(only.dtype(), T => sort_lanes::<T>(only)).permute(&back)
            ];
        }
        let order = sorted_order(&lanes[..num_keys]);
        lanes
            .iter()
            .map(|lane| {
                dispatch_kernel_dtype!(lane.dtype(), T => reorder::<T>(lane, &order)).permute(&back)
            })
            .collect()
    }
}

/// Sorts along the last axis.
fn sort_lanes<T: SortKey>(array: &Array) -> Array {
    let mut elements = owned(array.elements::<T>());
    let (length, lanes) = chunking(array.shape()[array.rank() - 1]);
    prepare_threads();
    elements
        .par_chunks_mut(length.saturating_mul(lanes))
        .for_each(|rows| rows::sort_rows(rows, length));
    Array::from_elements(array.shape(), elements)
}

/// For each place along the last axis, which place of the same lane belongs there.
fn sorted_order(keys: &[Array]) -> Vec<usize> {
    let (length, lanes) = chunking(keys[0].shape()[keys[0].rank() - 1]);
    let mut order = vec![0; keys[0].len()];
    prepare_threads();
    if let [only] = keys {
        dispatch_kernel_dtype!(only.dtype(), T => {
            let elements = only.elements::<T>();
            let tasks = length.saturating_mul(lanes);
            elements
                .par_chunks(tasks)
                .zip(order.par_chunks_mut(tasks))
                .for_each(|(rows, order)| rows::order_rows(rows, length, order));
        });
        return order;
    }
    let keys: SmallVec<[Vec<i64>; 2]> = keys
        .iter()
        .map(|a| dispatch_kernel_dtype!(a.dtype(), T => a.elements::<T>().iter().map(|x| x.key()).collect()))
        .collect();
    order
        .par_chunks_mut(length)
        .with_min_len(lanes)
        .enumerate()
        .for_each_init(Buffers::default, |buffers, (lane, order)| {
            let row = |key: usize| &keys[key][lane * length..][..length];
            order_by_keys(keys.len(), row, order, buffers);
        });
    order
}

/// What ordering a lane by several keys works in.
#[derive(Default)]
struct Buffers {
    ranked: Vec<(i64, usize)>,
    scratch: Vec<(i64, usize)>,
}

/// Orders places by several keys, the first of which weighs most.
fn order_by_keys<'a>(
    count: usize,
    key: impl Fn(usize) -> &'a [i64],
    order: &mut [usize],
    Buffers { ranked, scratch }: &mut Buffers,
) {
    ranked.clear();
    if order.len() < radix::RADIX {
        ranked.extend(key(0).iter().copied().zip(0_usize..));
        // Places are distinct, so with them as the last key nothing is equal and no stable sort is needed.
        ranked.sort_unstable_by(|&(x, a), &(y, b)| {
            let mut others = (1..count).map(|k| key(k)[a].cmp(&key(k)[b]));
            let first = x.cmp(&y);
            first
                .then_with(|| others.find(|c| c.is_ne()).unwrap_or(Ordering::Equal))
                .then(a.cmp(&b))
        });
    } else {
        // What is equal stays in order, so the key that weighs most comes last.
        ranked.extend((0..order.len()).map(|place| (0, place)));
        for k in (0..count).rev() {
            ranked.iter_mut().for_each(|(x, place)| *x = key(k)[*place]);
            radix::radix_sort(ranked, scratch, |&(x, _)| x);
        }
    }
    for (place, &(_, from)) in order.iter_mut().zip(ranked.iter()) {
        *place = from;
    }
}

/// Takes each lane's elements in the given order.
fn reorder<T: Element>(array: &Array, order: &[usize]) -> Array {
    let elements = array.elements::<T>();
    let length = array.shape()[array.rank() - 1].max(1);
    let Some(&any) = elements.first() else {
        return array.clone();
    };
    let mut taken = buffer(order.len(), any);
    let lanes = elements
        .chunks_exact(length)
        .zip(order.chunks_exact(length));
    for ((lane, order), taken) in lanes.zip(taken.chunks_exact_mut(length)) {
        for (x, &from) in taken.iter_mut().zip(order) {
            *x = lane[from];
        }
    }
    Array::from_elements(array.shape(), taken)
}

impl Rules for TopK {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        let k = self.k;
        expect_operands(inputs, 1)?;
        let operand = &inputs[0];
        let Some((&length, leading)) = operand.shape.split_last() else {
            return Err(OpErrorKind::shapes(
                [operand],
                "a scalar has no axis to take the greatest along",
            ));
        };
        if operand.dtype.is_complex() {
            return Err(OpErrorKind::dtypes(
                [operand],
                "complex numbers have no order; take those of their sizes",
            ));
        }
        if k > length {
            return Err(OpErrorKind::shapes(
                [operand],
                format!("k must be at most the last axis' length, {length}, got {k}"),
            ));
        }
        let mut shape = Shape::from_slice(leading);
        shape.push(k);
        Ok(smallvec![
            operand.with_shape(shape.iter().copied()),
            i32::spec(shape)
        ])
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        let k = self.k;
        let operand = inputs[0];
        let (atom, bd) = match operand.dim {
            BatchDim::At(bd) if bd < cx.lane_rank(&operand) => (operand.atom, bd),
            // The last axis is the one searched.
            _ => (cx.materialize_at(&operand, 0)?, 0),
        };
        let outs = cx.emit(TopK { k }, smallvec![atom])?;
        Ok(outs.into_iter().map(|out| Batched::at(out, bd)).collect())
    }

    fn params(&self, shown: &mut Shown<'_>) {
        let axis = shown
            .results
            .first()
            .map_or(0, |ty| ty.rank().saturating_sub(1));
        shown.show("axis", axis).show("k", self.k);
    }

    fn parse(_name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        let last = given
            .results
            .first()
            .map_or(0, |ty| ty.rank().saturating_sub(1));
        given.fixed("axis", &last.to_string())?;
        let k = given.number("k")?;
        Ok(TopK { k }.into())
    }
}

impl DataRules for TopK {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        let (k, operand) = (self.k, &inputs[0]);
        let mut shape = Shape::from_slice(operand.shape());
        let length = shape.pop().unwrap_or(0);
        shape.push(k);
        if shape.iter().product::<usize>() == 0 {
            return smallvec![
                Array::zeros(operand.dtype(), &shape),
                Array::zeros(DType::I32, &shape)
            ];
        }
        dispatch_kernel_dtype!(operand.dtype(), T => {
            let elements = operand.elements::<T>();
            let mut values: Vec<T> = Vec::with_capacity(shape.iter().product());
            let mut indices: Vec<i32> = Vec::with_capacity(values.capacity());
            // Of zeros, the positive one is the greater here, as in JAX, though not to a sort.
            let mut ranked: Vec<(Reverse<i64>, bool, usize)> = Vec::with_capacity(length);
            for lane in elements.chunks_exact(length) {
                ranked.clear();
                let rank = |(i, x): (usize, &T)| (Reverse(x.key()), x.is_irregular(), i);
                ranked.extend(lane.iter().enumerate().map(rank));
                if k < length {
                    // Only the k greatest need sorting; the pairs are distinct, so which these are is settled.
                    ranked.select_nth_unstable(k - 1);
                }
                ranked[..k].sort_unstable();
                values.extend(ranked[..k].iter().map(|&(_, _, i)| lane[i]));
                indices.extend(ranked[..k].iter().map(|&(_, _, i)| i as i32));
            }
            smallvec![Array::from_elements(&shape, values), Array::from_elements(&shape, indices)]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testkit::{check_batching, counting, refusal, run, run1, strided};
    use super::*;

    fn sort(dimension: usize, num_keys: usize) -> Op {
        Op::from(Sort {
            dimension,
            num_keys,
        })
    }

    /// Bits, which tell `-0.0` from `0.0` and one NaN from another.
    fn bits(array: &Array) -> Vec<u64> {
        array
            .elements::<f64>()
            .iter()
            .map(|x| x.to_bits())
            .collect()
    }

    #[test]
    fn nan_is_last_and_zeros_keep_their_order() {
        // Rule N13.
        let nan = f64::NAN;
        let inf = f64::INFINITY;
        let x = vec![nan, 1.0, 0.0, -0.0, -inf, -nan, 0.0, inf, -1.0, -0.0];
        let want = [-inf, -1.0, 0.0, -0.0, 0.0, -0.0, 1.0, inf, nan, -nan];
        let got = run1(&sort(0, 1), &[Array::from(x)]);
        assert_eq!(bits(&got), want.map(f64::to_bits));
        let single = Array::from(vec![
            f32::NAN,
            f32::MAX,
            -1.0f32,
            f32::MIN_POSITIVE,
            f32::MIN,
        ]);
        let got = run1(&sort(0, 1), &[single]).elements::<f32>().to_vec();
        assert_eq!(got[..4], [f32::MIN, -1.0, f32::MIN_POSITIVE, f32::MAX]);
        assert!(got[4].is_nan());
    }

    #[test]
    fn every_element_type_sorts_ascending() {
        let sorted = |x: Array| run1(&sort(0, 1), &[x]);
        assert_eq!(
            sorted(Array::from(vec![3, i32::MIN, -1, i32::MAX])),
            Array::from(vec![i32::MIN, -1, 3, i32::MAX])
        );
        assert_eq!(
            sorted(Array::from(vec![0, i64::MAX, i64::MIN])),
            Array::from(vec![i64::MIN, 0, i64::MAX])
        );
        assert_eq!(
            sorted(Array::from(vec![u64::MAX, 0, 1 << 63])),
            Array::from(vec![0, 1 << 63, u64::MAX])
        );
        assert_eq!(
            sorted(Array::from(vec![9u32, 0])),
            Array::from(vec![0u32, 9])
        );
        assert_eq!(sorted(Array::from(vec![9u8, 0])), Array::from(vec![0u8, 9]));
        assert_eq!(
            sorted(Array::from(vec![true, false])),
            Array::from(vec![false, true])
        );
    }

    #[test]
    fn operands_follow_the_keys_and_ties_keep_their_order() {
        let keys = Array::from(vec![1.0, f64::NAN, 0.0, -0.0, 1.0]);
        let places = Array::from(vec![0i32, 1, 2, 3, 4]);
        let outs = run(&sort(0, 1), &[keys.clone(), places.clone()]);
        assert_eq!(outs[1], Array::from(vec![2i32, 3, 0, 4, 1]));
        assert_eq!(bits(&outs[0])[..2], [0.0f64.to_bits(), (-0.0f64).to_bits()]);
        let second = Array::from(vec![5u8, 0, 7, 6, 4]);
        let outs = run(&sort(0, 2), &[keys, second, places]);
        assert_eq!(outs[2], Array::from(vec![3i32, 2, 4, 0, 1]));
    }

    #[test]
    fn any_axis_and_any_strides() {
        let x = Array::from(ndarray::array![[3.0, 1.0, 2.0], [0.0, 5.0, 4.0]]);
        let rows = run1(&sort(1, 1), std::slice::from_ref(&x));
        assert_eq!(rows.elements::<f64>()[..], [1.0, 2.0, 3.0, 0.0, 4.0, 5.0]);
        let columns = run1(&sort(0, 1), std::slice::from_ref(&x));
        assert_eq!(
            columns.elements::<f64>()[..],
            [0.0, 1.0, 2.0, 3.0, 5.0, 4.0]
        );
        let transposed = run1(&sort(0, 1), &[x.permute(&[1, 0])]);
        assert_eq!(transposed, rows.permute(&[1, 0]));
        for shape in [[0, 3], [3, 0]] {
            for dimension in [0, 1] {
                assert_eq!(
                    run(&sort(dimension, 1), &[counting(&shape), counting(&shape)])[1].shape(),
                    shape
                );
                assert_eq!(
                    run1(&sort(dimension, 1), &[counting(&shape)]).shape(),
                    shape
                );
            }
        }
    }

    #[test]
    fn top_k_descends_from_nan() {
        let top = |k: usize, x: Vec<f64>| {
            let outs = run(&Op::from(TopK { k }), &[Array::from(x)]);
            (
                outs[0].elements::<f64>().to_vec(),
                outs[1].elements::<i32>().to_vec(),
            )
        };
        let (values, places) = top(3, vec![1.0, 3.0, f64::NAN, 3.0, 2.0]);
        assert!(values[0].is_nan());
        assert_eq!((&values[1..], places), (&[3.0, 3.0][..], vec![2, 1, 3]));
        // The positive zero is the greater one, as in JAX.
        assert_eq!(top(2, vec![-0.0, 0.0, -0.0, 0.0]).1, [1, 3]);
        assert_eq!(top(3, vec![-0.0, 0.0, -1.0]).1, [1, 0, 2]);
        assert_eq!(top(0, vec![1.0]), (vec![], vec![]));
        assert_eq!(top(0, vec![]), (vec![], vec![]));
        let rows = run(&Op::from(TopK { k: 1 }), &[strided(&[2, 3])]);
        assert_eq!(
            (rows[0].elements::<f64>()[..].to_vec(), rows[0].shape()),
            (vec![4.0, 5.0], &[2, 1][..])
        );
        assert_eq!(
            run(&Op::from(TopK { k: 2 }), &[counting(&[0, 3])])[1].shape(),
            [0, 2]
        );
    }

    #[test]
    fn batching_rules_equal_a_loop_over_lanes() {
        let scrambled = |shape: &[usize]| {
            let count: usize = shape.iter().product();
            Array::from_elements(shape, (0..count).map(|n| (n * 7 % 5) as f64).collect())
        };
        for size in [0, 1, 3] {
            let at = |dim: Option<usize>| {
                let mut shape = vec![4, 2];
                if let Some(d) = dim {
                    shape.insert(d, size);
                }
                (scrambled(&shape), dim)
            };
            for bd in 0..3 {
                for dimension in 0..2 {
                    check_batching(&sort(dimension, 1), size, &[at(Some(bd))]);
                    check_batching(
                        &sort(dimension, 1),
                        size,
                        &[at(None), at(Some(bd)), at(Some(2 - bd))],
                    );
                    check_batching(&sort(dimension, 2), size, &[at(Some(bd)), at(None)]);
                }
                check_batching(&Op::from(TopK { k: 2 }), size, &[at(Some(bd))]);
            }
        }
    }

    #[test]
    fn bad_parameters_are_refused() {
        let has = |op: &Op, inputs: &[TensorType], part: &str| {
            let text = refusal(op, inputs).to_string();
            assert!(text.contains(part), "{text:?} lacks {part:?}");
        };
        let x = f64::spec([3]);
        has(&sort(0, 1), &[], "takes 1 operands");
        has(&sort(1, 1), std::slice::from_ref(&x), "out of bounds");
        has(&sort(0, 1), &[f64::spec([])], "out of bounds");
        has(&sort(0, 0), std::slice::from_ref(&x), "num_keys");
        has(&sort(0, 2), std::slice::from_ref(&x), "num_keys");
        has(&sort(0, 1), &[x.clone(), f64::spec([4])], "one shape");
        has(&Op::from(TopK { k: 4 }), &[x], "at most");
        has(&Op::from(TopK { k: 0 }), &[f64::spec([])], "scalar");
    }
}
