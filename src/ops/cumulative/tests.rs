#![allow(clippy::unwrap_used, clippy::cloned_ref_to_slice_refs)]
use super::*;
use crate::array::{Array, DType, Element, TensorType};
use crate::ops::elementwise::tests::{batchings, numbers};
use crate::ops::infer as infer_op;
use crate::ops::testkit::{check_batching, run1};
use crate::program::{Cumulative, CumulativeOp, Op};
use ndarray::array;

fn op(kind: CumulativeOp, axis: usize, reverse: bool) -> Op {
    Op::from(Cumulative {
        kind,
        axis,
        reverse,
    })
}

#[test]
fn runs_go_along_either_axis_in_either_direction() {
    let x = Array::from(array![[1, 2, 3], [4, 5, 6]]);
    for (axis, reverse, want) in [
        (0, false, [1, 2, 3, 5, 7, 9]),
        (0, true, [5, 7, 9, 4, 5, 6]),
        (1, false, [1, 3, 6, 4, 9, 15]),
        (1, true, [6, 5, 3, 15, 11, 6]),
    ] {
        assert_eq!(
            run1(&op(CumulativeOp::Sum, axis, reverse), &[x.clone()])
                .to_vec::<i32>()
                .unwrap(),
            want
        );
        let transposed = run1(
            &op(CumulativeOp::Sum, 1 - axis, reverse),
            &[x.permute(&[1, 0])],
        );
        assert_eq!(transposed.permute(&[1, 0]).to_vec::<i32>().unwrap(), want);
    }
    assert_eq!(
        run1(&op(CumulativeOp::Prod, 1, false), &[x])
            .to_vec::<i32>()
            .unwrap(),
        [1, 2, 6, 4, 20, 120]
    );
    let wrapping = Array::from(array![200_u8, 100, 7]);
    assert_eq!(
        run1(&op(CumulativeOp::Sum, 0, false), &[wrapping])
            .to_vec::<u8>()
            .unwrap(),
        [200, 44, 51]
    );
}

#[test]
fn extremes_propagate_nan_from_where_it_is_n12() {
    let x = Array::from(array![2.0, 3.0, f64::NAN, 9.0]);
    let max = run1(&op(CumulativeOp::Max, 0, false), &[x.clone()])
        .to_vec::<f64>()
        .unwrap();
    assert_eq!(max[..2], [2.0, 3.0]);
    assert!(max[2].is_nan() && max[3].is_nan());
    let min = run1(&op(CumulativeOp::Min, 0, true), &[x])
        .to_vec::<f64>()
        .unwrap();
    assert_eq!(min[3], 9.0);
    assert!(min[..3].iter().all(|v| v.is_nan()));
    let bools = Array::from(array![false, true, false]);
    assert_eq!(
        run1(&op(CumulativeOp::Max, 0, false), &[bools])
            .to_vec::<bool>()
            .unwrap(),
        [false, true, true]
    );
}

#[test]
fn sums_in_log_space_neither_overflow_nor_lose_infinities() {
    let inf = f64::INFINITY;
    let x = Array::from(array![-inf, 1000.0, 1000.0, -1000.0, inf]);
    let out = run1(&op(CumulativeOp::LogSumExp, 0, false), &[x])
        .to_vec::<f64>()
        .unwrap();
    assert_eq!((out[0], out[1], out[4]), (-inf, 1000.0, inf));
    assert!((out[2] - 1000.0 - 2.0_f64.ln()).abs() < 1e-12 && out[3] == out[2]);
    let x: Vec<f64> = (0..50).map(|i| (f64::from(i) * 1.7).sin() * 3.0).collect();
    let got = run1(
        &op(CumulativeOp::LogSumExp, 0, true),
        &[Array::from(x.clone())],
    )
    .to_vec::<f64>()
    .unwrap();
    for (i, got) in got.into_iter().enumerate() {
        let want = x[i..].iter().map(|v| v.exp()).sum::<f64>().ln();
        assert!((got - want).abs() < 1e-13);
    }
    let nan = Array::from(array![0.0, f64::NAN, 0.0]);
    let out = run1(&op(CumulativeOp::LogSumExp, 0, false), &[nan])
        .to_vec::<f64>()
        .unwrap();
    assert!(out[0] == 0.0 && out[1].is_nan() && out[2].is_nan());
}

#[test]
fn bad_operands_are_named_and_others_evaluated() {
    let error = |op: &Op, ty: TensorType| infer_op(op, &[ty]).unwrap_err();
    let axis = error(&op(CumulativeOp::Sum, 1, false), f64::spec([3]));
    assert_eq!(axis, OpErrorKind::AxisOutOfBounds { axis: 1, rank: 1 });
    for (kind, ty) in [
        (CumulativeOp::Sum, bool::spec([2])),
        (CumulativeOp::LogSumExp, i32::spec([2])),
    ] {
        assert!(matches!(
            error(&op(kind, 0, false), ty),
            OpErrorKind::DTypeMismatch { .. }
        ));
    }
    for dtype in DType::ALL {
        for shape in [&[0][..], &[4], &[2, 3, 2], &[2, 0, 3], &[0, 2]] {
            for axis in 0..shape.len() {
                for &kind in CumulativeOp::ALL {
                    let x = numbers(dtype, shape, 1.0);
                    if infer_op(&op(kind, axis, false), &[x.ty()]).is_ok() {
                        run1(&op(kind, axis, false), &[x.clone()]);
                        run1(&op(kind, axis, true), &[x]);
                    }
                }
            }
        }
    }
}

#[test]
fn rule_agrees_with_lanes() {
    for size in [0, 1, 3] {
        for lane in [&[4][..], &[2, 3], &[2, 0, 3]] {
            for x in batchings(DType::I64, lane, size, 1.0).into_iter().skip(1) {
                for axis in 0..lane.len() {
                    check_batching(&op(CumulativeOp::Sum, axis, axis == 0), size, &[x.clone()]);
                }
            }
        }
    }
}
