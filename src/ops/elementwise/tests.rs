#![allow(clippy::unwrap_used, clippy::cloned_ref_to_slice_refs)]
use super::*;
use crate::array::{Array, DType, Scalar, TensorType};
use crate::ops;
use crate::ops::testkit::{check_batching, run1};
use crate::program::{BinaryOp, Clamp, ConvertElementType, IntegerPow, Op, SelectN, UnaryOp};
use ndarray::{Slice, array};

/// Distinct numbers in the given shape and element type.
pub(crate) fn numbers(dtype: DType, shape: &[usize], offset: f64) -> Array {
    let count: usize = shape.iter().product();
    let values: Vec<f64> = (0..count)
        .map(|i| offset + (i as f64 * 7.0) % 11.0)
        .collect();
    let convert = Op::from(ConvertElementType { dtype, weak: false });
    run1(
        &convert,
        &[Array::from_vec(shape.iter().copied(), values).unwrap()],
    )
}

/// Every way to batch an operand of the given lane shape over `size` lanes, and not to.
pub(crate) fn batchings(
    dtype: DType,
    lane: &[usize],
    size: usize,
    offset: f64,
) -> Vec<(Array, Option<usize>)> {
    let mut out = vec![(numbers(dtype, lane, offset), None)];
    for dim in 0..=lane.len() {
        let mut shape = lane.to_vec();
        shape.insert(dim, size);
        out.push((numbers(dtype, &shape, offset), Some(dim)));
    }
    out
}

fn f64s(array: &Array) -> Vec<f64> {
    array.to_vec::<f64>().unwrap()
}

#[test]
fn what_the_type_rules_admit_can_be_evaluated() {
    for dtype in DType::ALL {
        for shape in [&[][..], &[0], &[2, 3], &[0, 3]] {
            let x = numbers(dtype, shape, 1.0);
            let mut ops: Vec<(Op, usize)> =
                UnaryOp::ALL.iter().map(|&k| (Op::from(k), 1)).collect();
            ops.extend(BinaryOp::ALL.iter().map(|&k| (Op::from(k), 2)));
            ops.extend([-3, -1, 0, 1, 2, 3, 4, 5].map(|y| (Op::from(IntegerPow { y }), 1)));
            ops.extend(
                DType::ALL.map(|dtype| (Op::from(ConvertElementType { dtype, weak: false }), 1)),
            );
            ops.push((Op::from(Clamp), 3));
            for (op, count) in ops {
                let inputs = vec![x.clone(); count];
                if ops::infer(&op, &inputs.iter().map(Array::ty).collect::<Vec<_>>()).is_ok() {
                    run1(&op, &inputs);
                }
            }
        }
    }
}

#[test]
fn element_types_are_checked() {
    let rejects = |op: Op, inputs: &[TensorType]| {
        assert!(
            matches!(
                ops::infer(&op, inputs),
                Err(OpErrorKind::DTypeMismatch { .. })
            ),
            "{op:?}"
        );
    };
    let (b, i, f) = (bool::spec([2]), i32::spec([2]), f32::spec([2]));
    rejects(Op::from(UnaryOp::Sin), &[i.clone()]);
    rejects(Op::from(UnaryOp::Neg), &[b.clone()]);
    rejects(Op::from(UnaryOp::Not), &[f.clone()]);
    rejects(Op::from(BinaryOp::Sub), &[b.clone(), b.clone()]);
    rejects(Op::from(BinaryOp::Add), &[f.clone(), f64::spec([2])]);
    rejects(Op::from(BinaryOp::ShiftLeft), &[b.clone(), b.clone()]);
    rejects(Op::from(BinaryOp::Atan2), &[i.clone(), i.clone()]);
    rejects(Op::from(SelectN), &[f.clone(), f.clone(), f.clone()]);
    rejects(Op::from(SelectN), &[b.clone(), f.clone(), i.clone()]);
    rejects(Op::from(Clamp), &[i.clone(), f.clone(), f.clone()]);
    let negative = ops::infer(&Op::from(IntegerPow { y: -1 }), &[i]);
    assert!(matches!(
        negative,
        Err(OpErrorKind::InvalidParameter { .. })
    ));
    let count = ops::infer(&Op::from(BinaryOp::Add), &[f]);
    assert_eq!(
        count,
        Err(OpErrorKind::OperandCount {
            expected: 2,
            actual: 1
        })
    );
    assert!(
        ops::infer(&Op::from(SelectN), &[]).is_err()
            && ops::infer(&Op::from(SelectN), &[b]).is_err()
    );
}

#[test]
fn shapes_broadcast_along_axes_of_length_one_and_scalars_n5() {
    let add = |a: TensorType, b: TensorType| {
        ops::infer(&Op::from(BinaryOp::Add), &[a, b]).map(|t| t[0].to_string())
    };
    assert_eq!(
        add(f64::spec([2, 3]), f64::spec([1, 3])),
        Ok("f64[2,3]".into())
    );
    assert_eq!(
        add(f64::spec([2, 1]), f64::spec([1, 3])),
        Ok("f64[2,3]".into())
    );
    assert_eq!(add(f64::spec([]), f64::spec([2, 0])), Ok("f64[2,0]".into()));
    assert_eq!(add(f64::spec([1]), f64::spec([0])), Ok("f64[0]".into()));
    for (a, b) in [(&[3][..], &[2, 3][..]), (&[2, 3], &[3, 2]), (&[0], &[2])] {
        let error = add(f64::spec(a.to_vec()), f64::spec(b.to_vec())).unwrap_err();
        let OpErrorKind::ShapeMismatch { shapes, .. } = error else {
            panic!("{error}")
        };
        assert_eq!((&shapes[0][..], &shapes[1][..]), (a, b));
    }
}

#[test]
fn weakness_survives_only_among_weak_operands() {
    let (weak, strong) = (f64::spec([]).with_weak(true), f64::spec([2]));
    let infer = |op: Op, inputs: &[&TensorType]| {
        let inputs: Vec<_> = inputs.iter().map(|&t| t.clone()).collect();
        ops::infer(&op, &inputs).unwrap()[0].weak
    };
    assert!(
        infer(Op::from(BinaryOp::Add), &[&weak, &weak])
            && !infer(Op::from(BinaryOp::Add), &[&weak, &strong])
    );
    assert!(
        !infer(Op::from(BinaryOp::Lt), &[&weak, &weak])
            && !infer(Op::from(UnaryOp::IsFinite), &[&weak])
    );
    assert!(
        infer(Op::from(UnaryOp::Sqrt), &[&weak]) && infer(Op::from(IntegerPow { y: 2 }), &[&weak])
    );
    assert!(
        infer(Op::from(Clamp), &[&weak, &weak, &weak])
            && !infer(Op::from(Clamp), &[&weak, &strong, &weak])
    );
    assert!(infer(
        Op::from(ConvertElementType {
            dtype: DType::F32,
            weak: true
        }),
        &[&strong]
    ));
}

#[test]
fn arithmetic_broadcasts_and_keeps_elements() {
    let x = Array::from(array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    let row = Array::from(array![[10.0, 20.0, 30.0]]);
    let column = Array::from(array![[0.5], [0.25]]);
    assert_eq!(
        f64s(&run1(&Op::from(BinaryOp::Add), &[x.clone(), row.clone()])),
        [11.0, 22.0, 33.0, 14.0, 25.0, 36.0]
    );
    assert_eq!(
        f64s(&run1(&Op::from(BinaryOp::Mul), &[column, row])),
        [5.0, 10.0, 15.0, 2.5, 5.0, 7.5]
    );
    assert_eq!(
        f64s(&run1(
            &Op::from(BinaryOp::Sub),
            &[Array::scalar(1.0), x.permute(&[1, 0])]
        )),
        [0.0, -3.0, -1.0, -4.0, -2.0, -5.0]
    );
    let lt = run1(&Op::from(BinaryOp::Lt), &[x.clone(), Array::scalar(3.5)]);
    assert_eq!(
        lt.to_vec::<bool>().unwrap(),
        [true, true, true, false, false, false]
    );
    let nan = Array::scalar(f64::NAN);
    for kind in [BinaryOp::Eq, BinaryOp::Lt, BinaryOp::Ge] {
        assert!(
            !run1(&Op::from(kind), &[nan.clone(), nan.clone()])
                .item::<bool>()
                .unwrap()
        );
    }
    assert!(
        run1(&Op::from(BinaryOp::Ne), &[nan.clone(), nan])
            .item::<bool>()
            .unwrap()
    );
    let bools = Array::from(array![true, false]);
    assert_eq!(
        run1(&Op::from(BinaryOp::Ge), &[bools.clone(), bools])
            .to_vec::<bool>()
            .unwrap(),
        [true, true]
    );
}

#[test]
fn select_takes_the_first_case_for_false_and_the_nearest_for_outlying_indices_n26() {
    let (a, b) = (
        Array::from(array![1.0, 2.0, 3.0]),
        Array::from(array![10.0, 20.0, 30.0]),
    );
    let which = Array::from(array![false, true, false]);
    assert_eq!(
        f64s(&run1(&Op::from(SelectN), &[which, a.clone(), b.clone()])),
        [1.0, 20.0, 3.0]
    );
    for (which, want) in [
        (Array::scalar(false), &a),
        (Array::scalar(true), &b),
        (Array::scalar(9), &b),
        (Array::scalar(-9), &a),
    ] {
        assert!(run1(&Op::from(SelectN), &[which, a.clone(), b.clone()]).identical(want));
    }
    let c = Array::from(array![100.0, 200.0, 300.0]);
    let which = Array::from(array![-5, 1, 7]);
    assert_eq!(
        f64s(&run1(&Op::from(SelectN), &[which, a.clone(), b.clone(), c])),
        [1.0, 20.0, 300.0]
    );
    assert!(
        run1(
            &Op::from(SelectN),
            &[Array::from(array![true, true, false]), a.clone()]
        )
        .identical(&a)
    );
    // Operands of different layouts.
    let square = Array::from(array![[1, 2], [3, 4]]);
    let which = Array::from(array![[true, true], [false, false]]).permute(&[1, 0]);
    let got = run1(
        &Op::from(SelectN),
        &[which, square.permute(&[1, 0]), square],
    );
    assert_eq!(got.to_vec::<i32>().unwrap(), [1, 3, 3, 4]);
    let (x, y) = (f64::spec([2]), f64::spec([3]));
    assert!(matches!(
        ops::infer(&Op::from(SelectN), &[bool::spec([]), x.clone(), y]),
        Err(OpErrorKind::ShapeMismatch { .. })
    ));
    assert!(matches!(
        ops::infer(&Op::from(SelectN), &[bool::spec([1]), x.clone(), x.clone()]),
        Err(OpErrorKind::ShapeMismatch { .. })
    ));
    assert!(matches!(
        ops::infer(
            &Op::from(SelectN),
            &[bool::spec([]), x.clone(), x.clone(), x]
        ),
        Err(OpErrorKind::InvalidParameter { .. })
    ));
}

#[test]
fn clamp_propagates_nan_and_lets_the_upper_bound_win_n12_n15() {
    let x = Array::from(array![-1.0, 0.5, 9.0, f64::NAN]);
    let out = f64s(&run1(
        &Op::from(Clamp),
        &[Array::scalar(0.0), x.clone(), Array::scalar(1.0)],
    ));
    assert_eq!(out[..3], [0.0, 0.5, 1.0]);
    assert!(out[3].is_nan());
    assert_eq!(
        f64s(&run1(
            &Op::from(Clamp),
            &[Array::scalar(3.0), x.clone(), Array::scalar(1.0)]
        ))[..3],
        [1.0, 1.0, 1.0]
    );
    let hi = Array::from(array![-2.0, 0.0, 5.0, 5.0]);
    assert_eq!(
        f64s(&run1(&Op::from(Clamp), &[Array::scalar(-3.0), x, hi]))[..3],
        [-2.0, 0.0, 5.0]
    );
    let bounds = [
        Array::from(array![1, 5]),
        Array::from(array![0, 9]),
        Array::scalar(7),
    ];
    assert_eq!(
        run1(&Op::from(Clamp), &bounds).to_vec::<i32>().unwrap(),
        [1, 7]
    );
    assert!(
        ops::infer(
            &Op::from(Clamp),
            &[f64::spec([1]), f64::spec([2]), f64::spec([])]
        )
        .is_err()
    );
}

#[test]
fn views_with_gaps_and_repeats_are_read_right() {
    let base = ndarray::Array::from_iter(0..24)
        .into_shape_with_order((4, 6))
        .unwrap()
        .into_shared()
        .into_dyn();
    let mut stepped = base.clone();
    stepped.slice_axis_inplace(ndarray::Axis(1), Slice::new(0, None, -2));
    let x = Array::wrap(stepped.clone());
    let want: Vec<i32> = stepped.iter().map(|&v| -v).collect();
    assert_eq!(
        run1(&Op::from(UnaryOp::Neg), &[x.clone()])
            .to_vec::<i32>()
            .unwrap(),
        want
    );
    let column = Array::full(&[4, 1], Scalar::I32(3));
    let got = run1(&Op::from(BinaryOp::Mul), &[x.clone(), column]);
    assert_eq!(
        got.to_vec::<i32>().unwrap(),
        stepped.iter().map(|&v| 3 * v).collect::<Vec<_>>()
    );
    let repeated = x.index_axis(0, 1).unwrap().broadcast_in_dim(&[4, 3], &[1]);
    assert_eq!(
        run1(&Op::from(BinaryOp::Sub), &[repeated.clone(), repeated])
            .to_vec::<i32>()
            .unwrap(),
        [0; 12]
    );
}

#[test]
fn unary_and_binary_rules_agree_with_lanes() {
    for lane in [&[][..], &[3], &[2, 3]] {
        for (x, dim) in batchings(DType::F64, lane, 4, 0.5).into_iter().skip(1) {
            check_batching(&Op::from(UnaryOp::Square), 4, &[(x.clone(), dim)]);
            check_batching(
                &Op::from(ConvertElementType {
                    dtype: DType::I32,
                    weak: false,
                }),
                4,
                &[(x, dim)],
            );
        }
    }
    let lanes: [[&[usize]; 2]; 8] = [
        [&[], &[]],
        [&[], &[3]],
        [&[3], &[]],
        [&[3], &[3]],
        [&[3], &[1]],
        [&[2, 3], &[2, 1]],
        [&[], &[2, 3]],
        [&[2, 3], &[2, 3]],
    ];
    for size in [0, 1, 3] {
        for [l, r] in lanes {
            for l in batchings(DType::F64, l, size, 1.0) {
                for r in batchings(DType::F64, r, size, 2.0) {
                    if l.1.is_some() || r.1.is_some() {
                        check_batching(&Op::from(BinaryOp::Sub), size, &[l.clone(), r]);
                    }
                }
            }
        }
    }
}

#[test]
fn select_and_clamp_rules_agree_with_lanes() {
    for size in [1, 3] {
        for (outer, inner) in [
            (&[][..], &[][..]),
            (&[], &[3]),
            (&[3], &[3]),
            (&[], &[2, 3]),
            (&[2, 3], &[2, 3]),
        ] {
            for a in batchings(DType::F64, inner, size, 1.0) {
                for which in batchings(DType::I32, outer, size, -3.0) {
                    for b in batchings(DType::F64, inner, size, 2.0) {
                        if which.1.is_some() || a.1.is_some() || b.1.is_some() {
                            check_batching(
                                &Op::from(SelectN),
                                size,
                                &[which.clone(), a.clone(), b],
                            );
                        }
                    }
                }
                for lo in batchings(DType::F64, outer, size, 3.0) {
                    for hi in batchings(DType::F64, if size == 1 { &[] } else { inner }, size, 6.0)
                    {
                        if lo.1.is_some() || a.1.is_some() || hi.1.is_some() {
                            check_batching(&Op::from(Clamp), size, &[lo.clone(), a.clone(), hi]);
                        }
                    }
                }
            }
        }
    }
}
