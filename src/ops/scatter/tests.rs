//! Values, refusals and batching rules of scatters.

use super::super::testkit::{check_batching, counting, refusal, run1, strided};
use super::*;
use crate::array::{Array, Shape, TensorType};
use crate::program::{IndexMode, Op, Reshape, Scatter, ScatterDims, ScatterOp};

fn s(list: &[usize]) -> Shape {
    Shape::from_slice(list)
}

fn op(kind: ScatterOp, dims: &ScatterDims, mode: IndexMode) -> Op {
    Op::from(Scatter {
        kind,
        dims: dims.clone(),
        mode,
    })
}

/// `operand.at[indices].set(updates)` of a vector.
fn elements() -> ScatterDims {
    ScatterDims {
        inserted_window_dims: s(&[0]),
        scatter_dims_to_operand_dims: s(&[0]),
        ..ScatterDims::default()
    }
}

/// Boxes of a matrix, addressed by column and row; the updates have the box's axes around the grid's.
fn boxes() -> ScatterDims {
    ScatterDims {
        update_window_dims: s(&[0, 2]),
        scatter_dims_to_operand_dims: s(&[1, 0]),
        ..ScatterDims::default()
    }
}

/// One element of each row.
fn along_rows() -> ScatterDims {
    ScatterDims {
        inserted_window_dims: s(&[1]),
        scatter_dims_to_operand_dims: s(&[1]),
        operand_batching_dims: s(&[0]),
        scatter_indices_batching_dims: s(&[0]),
        ..ScatterDims::default()
    }
}

fn ints(shape: &[usize], values: &[i32]) -> Array {
    Array::from_elements(shape, values.to_vec())
}

#[test]
fn updates_outside_are_dropped_and_duplicates_meet_in_order() {
    // Rule N23.
    let indices = ints(&[5, 1], &[1, 3, -1, 1, 0]);
    let updates = Array::from(vec![10.0, 20.0, 30.0, 40.0, 50.0]);
    let run = |kind, mode| {
        let inputs = [
            Array::from(vec![1.0, 2.0, 3.0]),
            indices.clone(),
            updates.clone(),
        ];
        run1(&op(kind, &elements(), mode), &inputs)
            .elements::<f64>()
            .to_vec()
    };
    use IndexMode::{Clip, FillOrDrop};
    assert_eq!(run(ScatterOp::Set, FillOrDrop), [50.0, 40.0, 3.0]);
    assert_eq!(run(ScatterOp::Add, FillOrDrop), [51.0, 52.0, 3.0]);
    assert_eq!(run(ScatterOp::Mul, FillOrDrop), [50.0, 800.0, 3.0]);
    assert_eq!(run(ScatterOp::Max, FillOrDrop), [50.0, 40.0, 3.0]);
    assert_eq!(run(ScatterOp::Min, FillOrDrop), [1.0, 2.0, 3.0]);
    assert_eq!(run(ScatterOp::Set, Clip), [50.0, 40.0, 20.0]);
    assert_eq!(run(ScatterOp::Add, Clip), [81.0, 52.0, 23.0]);
}

#[test]
fn extremes_keep_nan_and_order_zeros() {
    let at_each = ints(&[4, 1], &[0, 1, 2, 3]);
    let run = |kind, operand: [f64; 4], updates: [f64; 4]| {
        let inputs = [
            Array::from(operand.to_vec()),
            at_each.clone(),
            Array::from(updates.to_vec()),
        ];
        run1(&op(kind, &elements(), IndexMode::Clip), &inputs)
            .elements::<f64>()
            .to_vec()
    };
    let nan = f64::NAN;
    let max = run(ScatterOp::Max, [nan, 1.0, -0.0, 0.0], [1.0, nan, 0.0, -0.0]);
    assert!(max[0].is_nan() && max[1].is_nan());
    assert!(max[2].is_sign_positive() && max[3].is_sign_positive());
    let min = run(ScatterOp::Min, [nan, 1.0, -0.0, 0.0], [1.0, nan, 0.0, -0.0]);
    assert!(min[0].is_nan() && min[1].is_nan());
    assert!(min[2].is_sign_negative() && min[3].is_sign_negative());
}

#[test]
fn integers_wrap_and_truth_values_are_bits() {
    let twice = ints(&[2, 1], &[0, 0]);
    let run = |kind, operand: Array, updates: Array| {
        run1(
            &op(kind, &elements(), IndexMode::Clip),
            &[operand, twice.clone(), updates],
        )
    };
    let byte = |kind| run(kind, Array::from(vec![200u8]), Array::from(vec![100u8, 3]));
    assert_eq!(byte(ScatterOp::Add), Array::from(vec![47u8]));
    assert_eq!(byte(ScatterOp::Mul), Array::from(vec![96u8]));
    assert_eq!(byte(ScatterOp::Min), Array::from(vec![3u8]));
    let truth = |kind| {
        run(
            kind,
            Array::from(vec![false]),
            Array::from(vec![true, false]),
        )
    };
    assert_eq!(truth(ScatterOp::Add), Array::from(vec![true]));
    assert_eq!(truth(ScatterOp::Mul), Array::from(vec![false]));
    assert_eq!(truth(ScatterOp::Max), Array::from(vec![true]));
    assert_eq!(truth(ScatterOp::Min), Array::from(vec![false]));
    assert_eq!(truth(ScatterOp::Set), Array::from(vec![false]));
}

#[test]
fn windows_are_written_whole_or_not_at_all() {
    let operand = run1(
        &Op::from(Reshape { shape: s(&[3, 3]) }),
        &[Array::zeros(crate::array::DType::F64, &[9])],
    );
    let updates = strided(&[2, 1, 2]);
    let run = |mode, column: i32, row: i32| {
        let inputs = [
            operand.clone(),
            ints(&[1, 2], &[column, row]),
            updates.clone(),
        ];
        run1(&op(ScatterOp::Set, &boxes(), mode), &inputs)
            .elements::<f64>()
            .to_vec()
    };
    let inside = [0.0, 0.0, 1.0, 0.0, 2.0, 3.0, 0.0, 0.0, 0.0];
    assert_eq!(run(IndexMode::FillOrDrop, 1, 0), inside);
    assert_eq!(run(IndexMode::FillOrDrop, 2, 0), [0.0; 9]);
    assert_eq!(run(IndexMode::Clip, 2, -4), inside);
    // Transposed updates and a transposed operand.
    let transposed = counting(&[2, 3]).permute(&[1, 0]);
    let inputs = [transposed, ints(&[1, 2], &[0, 1]), strided(&[2, 1, 2])];
    let got = run1(&op(ScatterOp::Add, &boxes(), IndexMode::Clip), &inputs);
    assert_eq!(got.elements::<f64>()[..], [0.0, 3.0, 1.0, 5.0, 4.0, 8.0]);
    let rows = run1(
        &op(ScatterOp::Set, &along_rows(), IndexMode::FillOrDrop),
        &[
            counting(&[2, 3]),
            ints(&[2, 1, 1], &[2, 3]),
            Array::from_elements(&[2, 1], vec![7.0, 8.0]),
        ],
    );
    assert_eq!(rows.elements::<f64>()[..], [0.0, 1.0, 7.0, 3.0, 4.0, 5.0]);
}

#[test]
fn empty_axes_change_nothing() {
    for mode in [IndexMode::FillOrDrop, IndexMode::Clip] {
        let set = op(ScatterOp::Set, &elements(), mode);
        let none = [
            counting(&[2]),
            ints(&[0, 1], &[]),
            Array::from(Vec::<f64>::new()),
        ];
        assert_eq!(run1(&set, &none), counting(&[2]));
        let nowhere = [counting(&[0]), ints(&[2, 1], &[0, 1]), counting(&[2])];
        assert_eq!(run1(&set, &nowhere), counting(&[0]));
        let dims = ScatterDims {
            update_window_dims: s(&[1]),
            scatter_dims_to_operand_dims: s(&[0]),
            ..ScatterDims::default()
        };
        let empty = [counting(&[3]), ints(&[2, 1], &[0, 9]), counting(&[2, 0])];
        assert_eq!(
            run1(&op(ScatterOp::Add, &dims, mode), &empty),
            counting(&[3])
        );
        let no_rows = [counting(&[0, 3]), ints(&[0, 1, 1], &[]), counting(&[0, 1])];
        assert_eq!(
            run1(&op(ScatterOp::Add, &along_rows(), mode), &no_rows),
            counting(&[0, 3])
        );
    }
}

#[test]
fn batching_rules_equal_a_loop_over_lanes() {
    let cases: [(ScatterDims, [&[usize]; 3]); 4] = [
        (elements(), [&[4], &[3, 1], &[3]]),
        (elements(), [&[4], &[1], &[]]),
        (boxes(), [&[3, 4], &[2, 2], &[2, 2, 3]]),
        (along_rows(), [&[3, 4], &[3, 2, 1], &[3, 2]]),
    ];
    let at = |lane: &[usize], dim: Option<usize>, size| {
        let mut shape = lane.to_vec();
        if let Some(d) = dim {
            shape.insert(d, size);
        }
        shape
    };
    for size in [0, 1, 3] {
        for (n, (dims, [operand, indices, updates])) in cases.iter().enumerate() {
            let kind = [
                ScatterOp::Set,
                ScatterOp::Add,
                ScatterOp::Set,
                ScatterOp::Mul,
            ][n];
            for mode in [IndexMode::FillOrDrop, IndexMode::Clip] {
                for choice in 1..8 {
                    // Each operand unbatched, or batched over its last axis or its first.
                    let dim = |bit: usize, lane: &[usize]| match choice & bit {
                        0 => None,
                        _ if bit == 2 => Some(0),
                        _ => Some(lane.len()),
                    };
                    let [o, i, u] = [dim(1, operand), dim(2, indices), dim(4, updates)];
                    let shape = at(indices, i, size);
                    let count: usize = shape.iter().product();
                    let values: Vec<i32> = (0..count).map(|n| (n * 5 % 7) as i32 - 2).collect();
                    let operands = [
                        (counting(&at(operand, o, size)), o),
                        (ints(&shape, &values), i),
                        (counting(&at(updates, u, size)), u),
                    ];
                    check_batching(&op(kind, dims, mode), size, &operands);
                }
            }
        }
    }
}

#[test]
fn bad_parameters_are_refused() {
    let check = |dims: ScatterDims, inputs: [TensorType; 3]| {
        refusal(&op(ScatterOp::Set, &dims, IndexMode::Clip), &inputs).to_string()
    };
    let has = |text: String, part: &str| assert!(text.contains(part), "{text:?} lacks {part:?}");
    let x = || f64::spec([3, 4]);
    let i = || i32::spec([5, 2]);
    has(
        check(boxes(), [x(), f32::spec([5, 2]), f64::spec([1, 5, 1])]),
        "must be integers",
    );
    has(
        check(boxes(), [x(), i(), f32::spec([1, 5, 1])]),
        "element type",
    );
    has(check(boxes(), [x(), i(), f64::spec([1, 6, 1])]), "(6,)");
    has(
        check(boxes(), [x(), i(), f64::spec([1, 5])]),
        "out of bounds",
    );
    has(check(boxes(), [x(), i(), f64::spec([4, 5, 1])]), "4 of 3");
    has(
        check(boxes(), [x(), i32::spec([5, 1]), f64::spec([1, 5, 1])]),
        "1 components",
    );
    has(
        check(elements(), [x(), i32::spec([5, 1]), f64::spec([5])]),
        "every operand axis",
    );
    has(
        check(along_rows(), [x(), i32::spec([2, 1]), f64::spec([2])]),
        "same length",
    );
    let mut unordered = boxes();
    unordered.update_window_dims = s(&[2, 0]);
    has(
        check(unordered, [x(), i(), f64::spec([1, 5, 1])]),
        "strictly increasing",
    );
}
