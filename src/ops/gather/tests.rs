//! Values, refusals and batching rules of gathers.

use super::super::testkit::{check_batching, counting, refusal, run1, strided};
use super::*;
use crate::array::{Array, DType, Shape, TensorType};
use crate::program::{Gather, GatherDims, IndexMode, Op, Rev, Slice};

fn s(list: &[usize]) -> Shape {
    Shape::from_slice(list)
}

fn op(dims: &GatherDims, slice_sizes: &[usize], mode: IndexMode) -> Op {
    Op::from(Gather {
        dims: dims.clone(),
        slice_sizes: s(slice_sizes),
        mode,
        fill: None,
    })
}

/// `jnp.take(operand, indices, axis=0)` of a vector.
fn take() -> GatherDims {
    GatherDims {
        collapsed_slice_dims: s(&[0]),
        start_index_map: s(&[0]),
        ..GatherDims::default()
    }
}

/// Boxes of a matrix addressed by row and column, with the box's axes around the grid's.
fn boxes() -> GatherDims {
    GatherDims {
        offset_dims: s(&[0, 2]),
        start_index_map: s(&[1, 0]),
        ..GatherDims::default()
    }
}

/// One element of each row, `jnp.take_along_axis(operand, indices, axis=1)`.
fn along_rows() -> GatherDims {
    GatherDims {
        collapsed_slice_dims: s(&[1]),
        start_index_map: s(&[1]),
        operand_batching_dims: s(&[0]),
        start_indices_batching_dims: s(&[0]),
        ..GatherDims::default()
    }
}

fn ints(shape: &[usize], values: &[i32]) -> Array {
    Array::from_elements(shape, values.to_vec())
}

#[test]
fn outside_indices_are_filled_by_element_type() {
    // Rule N22.
    let indices = ints(&[4, 1], &[1, 2, -1, 0]);
    let fill = op(&take(), &[1], IndexMode::FillOrDrop);
    let taken = |operand: Array| run1(&fill, &[operand, indices.clone()]);
    let floats = taken(Array::from(vec![1.5, 2.5]));
    assert!(floats.identical(&Array::from(vec![2.5, f64::NAN, f64::NAN, 1.5])));
    assert!(taken(Array::from(vec![1.5f32, 2.5])).elements::<f32>()[1].is_nan());
    let is = |got: Array, want: Array| assert_eq!(got, want);
    is(
        taken(Array::from(vec![1i32, 2])),
        Array::from(vec![2, i32::MIN, i32::MIN, 1]),
    );
    is(
        taken(Array::from(vec![1i64, 2])),
        Array::from(vec![2, i64::MIN, i64::MIN, 1]),
    );
    is(
        taken(Array::from(vec![1u8, 2])),
        Array::from(vec![2u8, 255, 255, 1]),
    );
    is(
        taken(Array::from(vec![1u32, 2])),
        Array::from(vec![2, u32::MAX, u32::MAX, 1]),
    );
    is(
        taken(Array::from(vec![1u64, 2])),
        Array::from(vec![2, u64::MAX, u64::MAX, 1]),
    );
    is(
        taken(Array::from(vec![false, false])),
        Array::from(vec![false, true, true, false]),
    );
}

#[test]
fn clip_moves_windows_inside_without_wrapping() {
    // Rule N22: negative indices are not counted from the end.
    let clip = op(&take(), &[1], IndexMode::Clip);
    let taken = |indices: Array| {
        run1(&clip, &[counting(&[3]), indices])
            .elements::<f64>()
            .to_vec()
    };
    assert_eq!(
        taken(ints(&[4, 1], &[-1, 5, i32::MIN, i32::MAX])),
        [0.0, 2.0, 0.0, 2.0]
    );
    let one = |value: Array| taken(value.reshaped(&[1, 1]))[0];
    assert_eq!(one(Array::scalar(u64::MAX)), 2.0);
    assert_eq!(one(Array::scalar(i64::MIN)), 0.0);
    assert_eq!(one(Array::scalar(200u8)), 2.0);
    assert_eq!(one(Array::scalar(1u32)), 1.0);
    let fill = op(&take(), &[1], IndexMode::FillOrDrop);
    let outside = run1(
        &fill,
        &[
            counting(&[3]),
            Array::from_elements(&[1, 1], vec![u64::MAX]),
        ],
    );
    assert!(outside.elements::<f64>()[0].is_nan());
    // A window that leaves the operand by one element is filled as a whole, or moved as a whole.
    let windows = op(&boxes(), &[2, 2], IndexMode::Clip);
    let indices = ints(&[1, 2], &[2, 7]);
    let moved = run1(&windows, &[counting(&[3, 3]), indices.clone()]);
    assert_eq!(
        (moved.shape(), &*moved.elements::<f64>()),
        (&[2, 1, 2][..], &[4.0, 5.0, 7.0, 8.0][..])
    );
    let windows = op(&boxes(), &[2, 2], IndexMode::FillOrDrop);
    let filled = run1(&windows, &[counting(&[3, 3]), indices]);
    assert!(filled.elements::<f64>().iter().all(|x| x.is_nan()));
}

#[test]
fn window_axes_lie_where_the_dimension_numbers_say() {
    let operand = strided(&[3, 4]);
    let indices = ints(&[2, 2], &[1, 0, 2, 1]);
    let got = run1(
        &op(&boxes(), &[2, 2], IndexMode::Clip),
        &[operand.clone(), indices],
    );
    let at = |r: usize, c: usize| operand.elements::<f64>()[r * 4 + c];
    assert_eq!(got.shape(), [2, 2, 2]);
    // Result [row of box, window, column of box]; the index vectors are (column, row).
    let want = [
        at(0, 1),
        at(0, 2),
        at(1, 2),
        at(1, 3),
        at(1, 1),
        at(1, 2),
        at(2, 2),
        at(2, 3),
    ];
    assert_eq!(got.elements::<f64>()[..], want);
    let rows = run1(
        &op(&along_rows(), &[1, 1], IndexMode::Clip),
        &[operand.clone(), ints(&[3, 2, 1], &[0, 3, 1, 1, 2, 9])],
    );
    assert_eq!(
        rows.elements::<f64>()[..],
        [at(0, 0), at(0, 3), at(1, 1), at(1, 1), at(2, 2), at(2, 3)]
    );
}

#[test]
fn operands_are_read_through_any_strides() {
    let base = counting(&[4, 6]);
    let reversed = run1(
        &Op::from(Rev { dims: s(&[0, 1]) }),
        std::slice::from_ref(&base),
    );
    let sliced = run1(
        &Op::from(Slice {
            start: s(&[1, 0]),
            limit: s(&[4, 5]),
            strides: s(&[1, 2]),
        }),
        std::slice::from_ref(&base),
    );
    let whole_rows = GatherDims {
        offset_dims: s(&[1]),
        collapsed_slice_dims: s(&[0]),
        start_index_map: s(&[0]),
        ..GatherDims::default()
    };
    for operand in [base.clone(), base.permute(&[1, 0]), reversed, sliced] {
        let (rows, columns) = (operand.shape()[0], operand.shape()[1]);
        let rows_twice = ints(&[2, 1], &[rows as i32 - 1, 1]);
        let got = run1(
            &op(&whole_rows, &[1, columns], IndexMode::Clip),
            &[operand.clone(), rows_twice],
        );
        for (row, index) in [(0, rows - 1), (1, 1)] {
            assert_eq!(got.index_axis(0, row), operand.index_axis(0, index));
        }
    }
}

#[test]
fn empty_axes_make_empty_results() {
    let none = ints(&[0, 1], &[]);
    let got = run1(
        &op(&take(), &[1], IndexMode::FillOrDrop),
        &[counting(&[3]), none],
    );
    assert_eq!(got.shape(), [0]);
    // `jnp.take` of nothing from an empty axis.
    let nothing = [counting(&[0]), ints(&[0, 1], &[])];
    assert_eq!(
        run1(&op(&take(), &[0], IndexMode::Clip), &nothing).shape(),
        [0]
    );
    let empty_windows = GatherDims {
        offset_dims: s(&[1]),
        start_index_map: s(&[0]),
        ..GatherDims::default()
    };
    for mode in [IndexMode::FillOrDrop, IndexMode::Clip] {
        let got = run1(
            &op(&empty_windows, &[0], mode),
            &[counting(&[0]), ints(&[2, 1], &[0, 4])],
        );
        assert_eq!(got.shape(), [2, 0]);
    }
    let no_components = GatherDims {
        offset_dims: s(&[1]),
        ..GatherDims::default()
    };
    let got = run1(
        &op(&no_components, &[2], IndexMode::Clip),
        &[counting(&[3]), ints(&[2, 0], &[])],
    );
    assert_eq!(got.elements::<f64>()[..], [0.0, 1.0, 0.0, 1.0]);
    let no_rows = run1(
        &op(&along_rows(), &[0, 1], IndexMode::Clip),
        &[Array::zeros(DType::F64, &[0, 3]), ints(&[0, 2, 1], &[])],
    );
    assert_eq!(no_rows.shape(), [0, 2]);
}

#[test]
fn batching_rules_equal_a_loop_over_lanes() {
    let cases: [(GatherDims, [&[usize]; 3]); 4] = [
        (take(), [&[1], &[4], &[3, 1]]),
        (take(), [&[1], &[4], &[1]]),
        (boxes(), [&[2, 3], &[3, 4], &[2, 2]]),
        (along_rows(), [&[1, 1], &[3, 4], &[3, 2, 1]]),
    ];
    for mode in [IndexMode::FillOrDrop, IndexMode::Clip] {
        for size in [0, 1, 3] {
            for (dims, [slice_sizes, operand, indices]) in &cases {
                let at = |lane: &[usize], dim: Option<usize>| {
                    let mut shape = lane.to_vec();
                    if let Some(d) = dim {
                        shape.insert(d, size);
                    }
                    shape
                };
                for o in std::iter::once(None).chain((0..=operand.len()).map(Some)) {
                    for i in std::iter::once(None).chain((0..=indices.len()).map(Some)) {
                        if o.is_none() && i.is_none() {
                            continue;
                        }
                        let shape = at(indices, i);
                        let count: usize = shape.iter().product();
                        let values = (0..count)
                            .map(|n| (n * 5 % 7) as i32 - 2)
                            .collect::<Vec<_>>();
                        let operands = [(counting(&at(operand, o)), o), (ints(&shape, &values), i)];
                        check_batching(&op(dims, slice_sizes, mode), size, &operands);
                    }
                }
            }
        }
    }
}

#[test]
fn bad_parameters_are_refused() {
    let x = || f64::spec([3, 4]);
    let check = |dims: GatherDims, sizes: &[usize], operand: TensorType, indices: TensorType| {
        refusal(&op(&dims, sizes, IndexMode::Clip), &[operand, indices]).to_string()
    };
    let has = |text: String, part: &str| assert!(text.contains(part), "{text:?} lacks {part:?}");
    has(
        check(boxes(), &[1, 1], x(), f64::spec([5, 2])),
        "must be integers",
    );
    has(
        check(boxes(), &[1, 1], x(), bool::spec([5, 2])),
        "must be integers",
    );
    has(check(boxes(), &[1, 1], x(), i32::spec([])), "index vector");
    has(
        check(boxes(), &[1, 1], x(), i32::spec([5, 3])),
        "3 components",
    );
    has(
        check(boxes(), &[4, 1], x(), i32::spec([5, 2])),
        "slice_sizes (4, 1)",
    );
    has(
        check(boxes(), &[1], x(), i32::spec([5, 2])),
        "slice_sizes (1,)",
    );
    has(
        check(take(), &[1, 1], x(), i32::spec([5, 1])),
        "every operand axis",
    );
    has(
        check(take(), &[2], f64::spec([3]), i32::spec([5, 1])),
        "collapsed",
    );
    has(
        check(take(), &[0], f64::spec([0]), i32::spec([5, 1])),
        "nothing to read",
    );
    has(
        check(take(), &[1], f64::spec([0]), i32::spec([5, 1])),
        "slice_sizes (1,)",
    );
    has(
        check(along_rows(), &[1, 1], x(), i32::spec([2, 1])),
        "same length",
    );
    has(
        check(along_rows(), &[1, 1], x(), i32::spec([3])),
        "3 components",
    );
    has(
        check(along_rows(), &[0, 1], x(), i32::spec([3, 1])),
        "slice size 1",
    );
    let with = |change: &dyn Fn(&mut GatherDims)| {
        let mut dims = boxes();
        change(&mut dims);
        check(dims, &[1, 1], x(), i32::spec([5, 2]))
    };
    has(with(&|d| d.offset_dims = s(&[2, 0])), "strictly increasing");
    has(with(&|d| d.offset_dims = s(&[0, 3])), "out of bounds");
    has(with(&|d| d.start_index_map = s(&[1, 1])), "each axis once");
    has(with(&|d| d.start_index_map = s(&[1, 2])), "out of bounds");
    has(with(&|d| d.collapsed_slice_dims = s(&[5])), "out of bounds");
    has(with(&|d| d.operand_batching_dims = s(&[0])), "in common");
    has(
        with(&|d| d.start_indices_batching_dims = s(&[0])),
        "same length",
    );
    let huge = GatherDims {
        offset_dims: s(&[1]),
        start_index_map: s(&[0]),
        ..GatherDims::default()
    };
    has(
        check(
            huge,
            &[1 << 40],
            f64::spec([1 << 40]),
            i32::spec([1 << 30, 1]),
        ),
        "larger",
    );
}
