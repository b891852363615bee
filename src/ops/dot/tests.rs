#![allow(clippy::unwrap_used, clippy::cloned_ref_to_slice_refs)]
use super::*;
use crate::array::{Array, DType, Element, Shape, TensorType};
use crate::ops::elementwise::tests::{batchings, numbers};
use crate::ops::infer as infer_op;
use crate::ops::testkit::{check_batching, run1};
use crate::program::{ConvertElementType, DataOp, DotDims, DotGeneral, Op};
use ndarray::array;

fn op(
    lhs_contract: &[usize],
    rhs_contract: &[usize],
    lhs_batch: &[usize],
    rhs_batch: &[usize],
) -> Op {
    let [lhs_contract, rhs_contract, lhs_batch, rhs_batch] =
        [lhs_contract, rhs_contract, lhs_batch, rhs_batch].map(Shape::from_slice);
    Op::from(DotGeneral {
        dims: DotDims {
            lhs_contract,
            rhs_contract,
            lhs_batch,
            rhs_batch,
        },
    })
}

/// Sums over explicit indices, in 64-bit integers.
fn reference(op: &Op, lhs: &Array, rhs: &Array) -> Vec<i64> {
    let Op::Data(DataOp::DotGeneral(DotGeneral { dims })) = op else {
        panic!("a product")
    };
    let (l, r) = (lhs.view::<i64>().unwrap(), rhs.view::<i64>().unwrap());
    let (left, right) = sides(dims, l.ndim(), r.ndim());
    let (lf, rf) = (left.free(), right.free());
    let lengths: Vec<usize> = (dims.lhs_batch.iter().chain(&lf).map(|&a| l.shape()[a]))
        .chain(rf.iter().map(|&a| r.shape()[a]))
        .collect();
    let contracted: Vec<usize> = dims.lhs_contract.iter().map(|&a| l.shape()[a]).collect();
    let nb = dims.lhs_batch.len();
    ndarray::indices(IxDyn(&lengths))
        .into_iter()
        .map(|out| {
            let (mut li, mut ri) = (vec![0; l.ndim()], vec![0; r.ndim()]);
            for (i, (&a, &b)) in dims.lhs_batch.iter().zip(&dims.rhs_batch).enumerate() {
                (li[a], ri[b]) = (out[i], out[i]);
            }
            for (i, &a) in lf.iter().enumerate() {
                li[a] = out[nb + i];
            }
            for (i, &a) in rf.iter().enumerate() {
                ri[a] = out[nb + lf.len() + i];
            }
            let mut sum = 0;
            for c in ndarray::indices(IxDyn(&contracted)) {
                for (i, (&a, &b)) in dims.lhs_contract.iter().zip(&dims.rhs_contract).enumerate() {
                    (li[a], ri[b]) = (c[i], c[i]);
                }
                sum += l[&li[..]] * r[&ri[..]];
            }
            sum
        })
        .collect()
}

#[test]
fn every_arrangement_of_axes_matches_the_definition() {
    let cases = [
        (op(&[1], &[0], &[], &[]), vec![3, 4], vec![4, 5]),
        (op(&[1], &[1], &[], &[]), vec![3, 4], vec![5, 4]),
        (op(&[0], &[0], &[], &[]), vec![4, 3], vec![4, 5]),
        (op(&[0], &[0], &[], &[]), vec![4], vec![4]),
        (op(&[1], &[0], &[], &[]), vec![3, 4], vec![4]),
        (op(&[0], &[0], &[], &[]), vec![4, 3], vec![4]),
        (op(&[0], &[1], &[], &[]), vec![4], vec![3, 4]),
        (op(&[0], &[0], &[], &[]), vec![4], vec![4, 3]),
        (op(&[], &[], &[], &[]), vec![3], vec![4]),
        (op(&[], &[], &[0], &[0]), vec![3], vec![3]),
        (op(&[2], &[1], &[0], &[0]), vec![2, 3, 4], vec![2, 4, 5]),
        (op(&[0], &[2], &[2], &[0]), vec![4, 3, 2], vec![2, 5, 4]),
        (
            op(&[0, 3], &[2, 1], &[2, 1], &[0, 3]),
            vec![2, 3, 4, 5],
            vec![4, 5, 2, 3],
        ),
        (op(&[1, 2], &[0, 1], &[], &[]), vec![2, 3, 4], vec![3, 4, 5]),
        (op(&[1], &[0], &[], &[]), vec![3, 0], vec![0, 5]),
        (op(&[1], &[0], &[], &[]), vec![0, 4], vec![4, 5]),
        (op(&[2], &[1], &[0], &[0]), vec![0, 3, 4], vec![0, 4, 5]),
        (op(&[1], &[0], &[], &[]), vec![40, 30], vec![30, 50]),
    ];
    for (op, l, r) in cases {
        let (lhs, rhs) = (numbers(DType::I64, &l, 1.0), numbers(DType::I64, &r, -4.0));
        let want = reference(&op, &lhs, &rhs);
        assert_eq!(
            run1(&op, &[lhs, rhs]).to_vec::<i64>().unwrap(),
            want,
            "{op:?}"
        );
        // Small whole numbers are exact in every type.
        for dtype in [DType::F32, DType::F64] {
            let (lhs, rhs) = (numbers(dtype, &l, 1.0), numbers(dtype, &r, -4.0));
            let got = run1(&op, &[lhs, rhs]);
            let got = run1(
                &Op::from(ConvertElementType {
                    dtype: DType::I64,
                    weak: false,
                }),
                &[got],
            );
            assert_eq!(got.to_vec::<i64>().unwrap(), want, "{op:?}");
        }
    }
}

/// An array whose axes lie in memory in an order.
fn lying(x: &Array, order: &[usize]) -> Array {
    let mut back = vec![0; order.len()];
    for (place, &axis) in order.iter().enumerate() {
        back[axis] = place;
    }
    x.permute(order).in_order().permute(&back)
}

#[test]
fn what_lies_in_another_order_has_the_same_products() {
    let cases = [
        // Rows that are one axis in memory, but not in the result's order; columns; both; with a vector; in a stack.
        (op(&[2], &[1], &[], &[]), vec![5, 7, 4], vec![6, 4]),
        (op(&[1], &[2], &[], &[]), vec![6, 4], vec![5, 7, 4]),
        (op(&[2], &[2], &[], &[]), vec![5, 7, 4], vec![3, 2, 4]),
        (op(&[2], &[0], &[], &[]), vec![5, 7, 4], vec![4]),
        (op(&[0], &[2], &[], &[]), vec![4], vec![5, 7, 4]),
        (op(&[3], &[1], &[0], &[0]), vec![2, 5, 7, 4], vec![2, 4, 3]),
        (op(&[3], &[0], &[], &[]), vec![2, 5, 7, 4], vec![4, 3]),
    ];
    fn orders(rank: usize) -> Vec<Vec<usize>> {
        match rank {
            0 => vec![Vec::new()],
            _ => {
                let inner = orders(rank - 1);
                let put = |place: usize| {
                    inner.iter().map(move |order| {
                        let mut order = order.clone();
                        order.insert(place, rank - 1);
                        order
                    })
                };
                (0..rank).flat_map(put).collect()
            }
        }
    }
    for (op, l, r) in cases {
        let (lhs, rhs) = (numbers(DType::F64, &l, 1.0), numbers(DType::F64, &r, -4.0));
        let whole = |x: &Array| {
            let to = ConvertElementType {
                dtype: DType::I64,
                weak: false,
            };
            run1(&Op::from(to), std::slice::from_ref(x))
        };
        let want = reference(&op, &whole(&lhs), &whole(&rhs));
        for left in orders(l.len()) {
            for right in orders(r.len()) {
                let got = run1(&op, &[lying(&lhs, &left), lying(&rhs, &right)]);
                assert_eq!(
                    whole(&got).to_vec::<i64>().unwrap(),
                    want,
                    "{op:?} {left:?} {right:?}"
                );
            }
        }
    }
}

#[test]
fn integers_wrap_and_bools_are_or_of_ands_n17_n18() {
    let matmul = op(&[1], &[0], &[], &[]);
    let x = Array::from(array![[100_u8, 100]]);
    let y = Array::from(array![[100_u8], [100]]);
    assert_eq!(run1(&matmul, &[x, y]).to_vec::<u8>().unwrap(), [32]);
    let x = Array::from(array![[i32::MAX, 1]]);
    let y = Array::from(array![[1], [1]]);
    assert_eq!(run1(&matmul, &[x, y]).to_vec::<i32>().unwrap(), [i32::MIN]);
    let x = Array::from(array![[true, false], [true, true]]);
    assert_eq!(
        run1(&matmul, &[x.clone(), x]).to_vec::<bool>().unwrap(),
        [true, false, true, true]
    );
}

#[test]
fn bad_operands_are_named() {
    let error = |op: &Op, l: TensorType, r: TensorType| infer_op(op, &[l, r]).unwrap_err();
    let (x, y) = (f64::spec([2, 3]), f64::spec([4, 5]));
    let shapes = error(&op(&[1], &[0], &[], &[]), x.clone(), y.clone());
    assert!(
        matches!(shapes, OpErrorKind::ShapeMismatch { shapes, .. } if shapes[0][..] == [2, 3] && shapes[1][..] == [4, 5])
    );
    assert_eq!(
        error(&op(&[2], &[0], &[], &[]), x.clone(), y.clone()),
        OpErrorKind::AxisOutOfBounds { axis: 2, rank: 2 }
    );
    for bad in [
        op(&[0, 0], &[0, 1], &[], &[]),
        op(&[0], &[0, 1], &[], &[]),
        op(&[0], &[0], &[0], &[1]),
    ] {
        assert!(matches!(
            error(&bad, x.clone(), x.clone()),
            OpErrorKind::InvalidParameter { .. }
        ));
    }
    assert!(matches!(
        error(&op(&[0], &[0], &[], &[]), x, i32::spec([2])),
        OpErrorKind::DTypeMismatch { .. }
    ));
}

#[test]
fn rule_agrees_with_lanes() {
    let cases = [
        (op(&[1], &[0], &[], &[]), vec![2, 3], vec![3, 4]),
        (op(&[0], &[0], &[], &[]), vec![3], vec![3]),
        (op(&[0], &[1], &[], &[]), vec![3], vec![2, 3]),
        (op(&[2], &[0], &[1], &[2]), vec![2, 4, 3], vec![3, 5, 4]),
        (op(&[], &[], &[], &[]), vec![], vec![2]),
        (op(&[1], &[0], &[], &[]), vec![2, 0], vec![0, 4]),
    ];
    for size in [0, 1, 3] {
        for (op, l, r) in &cases {
            for lhs in batchings(DType::I64, l, size, 1.0) {
                for rhs in batchings(DType::I64, r, size, 2.0) {
                    if lhs.1.is_some() || rhs.1.is_some() {
                        check_batching(op, size, &[lhs.clone(), rhs]);
                    }
                }
            }
        }
    }
}
