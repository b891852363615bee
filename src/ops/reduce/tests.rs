#![allow(clippy::unwrap_used, clippy::cloned_ref_to_slice_refs)]
use super::*;
use crate::array::{Array, DType, Element, Shape, TensorType};
use crate::ops::elementwise::tests::{batchings, numbers};
use crate::ops::infer;
use crate::ops::testkit::{check_batching, run1};
use crate::program::{ArgReduce, ArgReduceOp, Op, Reduce, ReduceOp};
use ndarray::{Axis, Slice, array};

fn reduce(kind: ReduceOp, axes: &[usize]) -> Op {
    Op::from(Reduce {
        kind,
        axes: Shape::from_slice(axes),
    })
}

fn arg(kind: ArgReduceOp, axis: usize) -> Op {
    Op::from(ArgReduce {
        kind,
        axis,
        index_dtype: DType::I32,
    })
}

fn subsets(rank: usize) -> impl Iterator<Item = Vec<usize>> {
    (0..1_usize << rank).map(move |bits| (0..rank).filter(|a| bits >> a & 1 == 1).collect())
}

#[test]
fn every_set_of_axes_of_every_layout_adds_up() {
    let base = ndarray::Array::from_iter(0..120_i64)
        .into_shape_with_order(vec![2, 3, 4, 5])
        .unwrap()
        .into_shared();
    let mut stepped = base.clone();
    stepped.slice_axis_inplace(Axis(3), Slice::new(0, None, -2));
    let mut holes = base.clone().permuted_axes(IxDyn(&[1, 3, 0, 2]));
    holes.slice_axis_inplace(Axis(1), Slice::new(1, Some(4), 1));
    for array in [
        base.clone(),
        base.permuted_axes(IxDyn(&[2, 0, 3, 1])),
        stepped,
        holes,
    ] {
        for axes in subsets(4) {
            let mut want = array.to_owned();
            for &axis in axes.iter().rev() {
                want = want.sum_axis(Axis(axis));
            }
            let got = run1(&reduce(ReduceOp::Sum, &axes), &[Array::wrap(array.clone())]);
            assert!(got.identical(&Array::from(want)), "{axes:?}");
        }
    }
}

#[test]
fn empty_axes_give_the_neutral_element_n14() {
    let empty = |dtype| Array::zeros(dtype, &[2, 0]);
    let item = |kind, dtype| run1(&reduce(kind, &[1]), &[empty(dtype)]);
    assert_eq!(
        item(ReduceOp::Sum, DType::F64).to_vec::<f64>().unwrap(),
        [0.0, 0.0]
    );
    assert_eq!(
        item(ReduceOp::Prod, DType::I32).to_vec::<i32>().unwrap(),
        [1, 1]
    );
    assert_eq!(
        item(ReduceOp::Max, DType::F32).to_vec::<f32>().unwrap(),
        [f32::NEG_INFINITY; 2]
    );
    assert_eq!(
        item(ReduceOp::Min, DType::F64).to_vec::<f64>().unwrap(),
        [f64::INFINITY; 2]
    );
    assert_eq!(
        item(ReduceOp::Max, DType::I32).to_vec::<i32>().unwrap(),
        [i32::MIN; 2]
    );
    assert_eq!(
        item(ReduceOp::Max, DType::Bool).to_vec::<bool>().unwrap(),
        [false; 2]
    );
    assert_eq!(
        item(ReduceOp::And, DType::Bool).to_vec::<bool>().unwrap(),
        [true; 2]
    );
    assert_eq!(
        item(ReduceOp::Or, DType::Bool).to_vec::<bool>().unwrap(),
        [false; 2]
    );
    assert_eq!(
        item(ReduceOp::And, DType::U8).to_vec::<u8>().unwrap(),
        [255; 2]
    );
    assert_eq!(
        run1(&reduce(ReduceOp::Sum, &[0]), &[empty(DType::F64)]).shape(),
        [0]
    );
    assert_eq!(
        run1(&reduce(ReduceOp::Sum, &[0, 1]), &[empty(DType::F64)])
            .to_vec::<f64>()
            .unwrap(),
        [0.0]
    );
}

#[test]
fn integers_wrap_and_keep_their_type_n4() {
    let x = Array::from(array![i32::MAX, 1]);
    assert_eq!(
        run1(&reduce(ReduceOp::Sum, &[0]), &[x])
            .item::<i32>()
            .unwrap(),
        i32::MIN
    );
    let x = Array::from(array![200_u8, 2]);
    assert_eq!(
        run1(&reduce(ReduceOp::Prod, &[0]), &[x])
            .item::<u8>()
            .unwrap(),
        144
    );
    let x = Array::from(array![6, 3, 5]);
    let bits = [ReduceOp::And, ReduceOp::Or, ReduceOp::Xor];
    assert_eq!(
        bits.map(|k| run1(&reduce(k, &[0]), &[x.clone()]).item::<i32>().unwrap()),
        [0, 7, 0]
    );
    let x = Array::from(array![true, false, true]);
    assert_eq!(
        bits.map(|k| run1(&reduce(k, &[0]), &[x.clone()]).item::<bool>().unwrap()),
        [false, true, false]
    );
}

#[test]
fn extremes_propagate_nan_wherever_it_is_n12() {
    for n in [1, 5, 16, 40, 700] {
        for at in [0, n / 2, n - 1] {
            let mut values: Vec<f64> = (0..n).map(|i| -(i as f64)).collect();
            let row = Array::from(values.clone());
            assert_eq!(
                run1(&reduce(ReduceOp::Max, &[0]), &[row.clone()])
                    .item::<f64>()
                    .unwrap(),
                0.0
            );
            assert_eq!(
                run1(&reduce(ReduceOp::Min, &[0]), &[row])
                    .item::<f64>()
                    .unwrap(),
                1.0 - n as f64
            );
            values[at] = f64::NAN;
            let columns =
                Array::from_vec([n, 2], values.iter().flat_map(|&x| [x, 1.0]).collect()).unwrap();
            for kind in [ReduceOp::Max, ReduceOp::Min] {
                assert!(
                    run1(&reduce(kind, &[0]), &[Array::from(values.clone())])
                        .item::<f64>()
                        .unwrap()
                        .is_nan()
                );
                let out = run1(&reduce(kind, &[0]), &[columns.clone()])
                    .to_vec::<f64>()
                    .unwrap();
                assert!(out[0].is_nan() && out[1] == 1.0);
            }
        }
    }
}

#[test]
fn long_sums_stay_accurate() {
    let n = 1_000_003;
    let row = Array::from(vec![0.1_f32; n]);
    let column = row.reshaped(&[n, 1]).broadcast_in_dim(&[n, 2], &[0, 1]);
    let want = n as f64 * f64::from(0.1_f32);
    for got in [
        run1(&reduce(ReduceOp::Sum, &[0]), &[row]),
        run1(&reduce(ReduceOp::Sum, &[0]), &[column]),
    ] {
        for got in got.to_vec::<f32>().unwrap() {
            assert!((f64::from(got) / want - 1.0).abs() < 1e-6, "{got} {want}");
        }
    }
}

#[test]
fn positions_are_those_of_the_first_extreme_or_nan_n12() {
    let nan = f64::NAN;
    for (values, max, min) in [
        (vec![1.0, nan, 3.0, nan], 1, 1),
        (vec![2.0, 5.0, 5.0, 2.0], 1, 0),
        (vec![-0.0, 0.0], 0, 0),
        (vec![0.0, -0.0], 0, 0),
        (vec![f64::NEG_INFINITY; 3], 0, 0),
        (vec![7.0], 0, 0),
    ] {
        let n = values.len();
        let two: Vec<f64> = values.iter().flat_map(|&x| [x, x]).collect();
        let row = Array::from(values);
        let columns = Array::from_vec([n, 2], two).unwrap();
        for (kind, want) in [(ArgReduceOp::Max, max), (ArgReduceOp::Min, min)] {
            assert_eq!(
                run1(&arg(kind, 0), &[row.clone()]).item::<i32>().unwrap(),
                want
            );
            assert_eq!(
                run1(&arg(kind, 0), &[columns.clone()])
                    .to_vec::<i32>()
                    .unwrap(),
                [want; 2]
            );
            assert_eq!(
                run1(&arg(kind, 1), &[columns.permute(&[1, 0])])
                    .to_vec::<i32>()
                    .unwrap(),
                [want; 2]
            );
        }
    }
    let x = Array::from(array![[3, 1, 2], [4, 9, 9]]);
    assert_eq!(
        run1(&arg(ArgReduceOp::Max, 1), &[x.clone()])
            .to_vec::<i32>()
            .unwrap(),
        [0, 1]
    );
    assert_eq!(
        run1(&arg(ArgReduceOp::Min, 0), &[x])
            .to_vec::<i32>()
            .unwrap(),
        [0, 0, 0]
    );
    let x = Array::from(array![false, true]);
    let wide = Op::from(ArgReduce {
        kind: ArgReduceOp::Max,
        axis: 0,
        index_dtype: DType::I64,
    });
    assert_eq!(run1(&wide, &[x]).item::<i64>().unwrap(), 1);
    assert_eq!(
        run1(
            &arg(ArgReduceOp::Max, 1),
            &[Array::zeros(DType::F64, &[0, 3])]
        )
        .shape(),
        [0]
    );
}

#[test]
fn bad_operands_are_named() {
    let kind = |op: &Op, ty: TensorType| infer(op, &[ty]).unwrap_err();
    let empty = kind(&arg(ArgReduceOp::Max, 1), f64::spec([2, 0]));
    assert_eq!(
        empty,
        OpErrorKind::EmptyReduction {
            shape: smallvec![2, 0],
            axes: smallvec![1]
        }
    );
    let axis = OpErrorKind::AxisOutOfBounds { axis: 2, rank: 2 };
    assert_eq!(kind(&arg(ArgReduceOp::Max, 2), f64::spec([2, 3])), axis);
    assert_eq!(
        kind(&reduce(ReduceOp::Sum, &[0, 2]), f64::spec([2, 3])),
        axis
    );
    assert!(matches!(
        kind(&reduce(ReduceOp::Sum, &[1, 0]), f64::spec([2, 3])),
        OpErrorKind::InvalidParameter { .. }
    ));
    assert!(matches!(
        kind(&reduce(ReduceOp::Sum, &[0]), bool::spec([2])),
        OpErrorKind::DTypeMismatch { .. }
    ));
    assert!(matches!(
        kind(&reduce(ReduceOp::And, &[0]), f64::spec([2])),
        OpErrorKind::DTypeMismatch { .. }
    ));
    let small = Op::from(ArgReduce {
        kind: ArgReduceOp::Max,
        axis: 0,
        index_dtype: DType::U8,
    });
    assert!(
        infer(&small, &[f64::spec([256])]).is_ok() && infer(&small, &[f64::spec([257])]).is_err()
    );
    assert!(
        infer(
            &Op::from(ArgReduce {
                kind: ArgReduceOp::Max,
                axis: 0,
                index_dtype: DType::F64
            }),
            &[f64::spec([2])]
        )
        .is_err()
    );
}

#[test]
fn what_the_type_rules_admit_can_be_evaluated() {
    for dtype in DType::ALL {
        for shape in [&[][..], &[0], &[4], &[2, 3, 2], &[2, 0, 3]] {
            let x = numbers(dtype, shape, 1.0);
            for &kind in ReduceOp::ALL {
                for axes in subsets(shape.len()) {
                    if infer(&reduce(kind, &axes), &[x.ty()]).is_ok() {
                        run1(&reduce(kind, &axes), &[x.clone()]);
                    }
                }
            }
            for axis in 0..shape.len() {
                for &kind in ArgReduceOp::ALL {
                    if infer(&arg(kind, axis), &[x.ty()]).is_ok() {
                        run1(&arg(kind, axis), &[x.clone()]);
                    }
                }
            }
        }
    }
}

#[test]
fn rules_agree_with_lanes() {
    for size in [0, 1, 3] {
        for lane in [&[][..], &[4], &[2, 3], &[2, 0, 3]] {
            for x in batchings(DType::I64, lane, size, 1.0).into_iter().skip(1) {
                for axes in subsets(lane.len()) {
                    check_batching(&reduce(ReduceOp::Sum, &axes), size, &[x.clone()]);
                }
                for axis in (0..lane.len()).filter(|&a| lane[a] > 0) {
                    check_batching(&arg(ArgReduceOp::Min, axis), size, &[x.clone()]);
                }
            }
        }
    }
}
