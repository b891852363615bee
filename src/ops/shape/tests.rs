//! Values, refusals and batching rules of the operations that move elements.

use super::super::testkit::{check_batching, counting, refusal, run1, strided};
use super::*;
use crate::array::{Array, DType, Element, Shape, TensorType};
use crate::ops::rule::Rules;
use crate::program::{
    BroadcastInDim, Concatenate, Iota, Op, Pad, PadAxis, Reshape, Rev, Slice, Squeeze, Transpose,
};

fn s(list: &[usize]) -> Shape {
    Shape::from_slice(list)
}

fn f64s(array: &Array) -> Vec<f64> {
    array.elements::<f64>().to_vec()
}

fn pad(entries: &[(i64, i64, usize)]) -> Op {
    Op::from(Pad {
        config: entries
            .iter()
            .map(|&(low, high, interior)| PadAxis {
                low,
                high,
                interior,
            })
            .collect(),
    })
}

/// Every operation of one operand here, with the lane shape it is given in the tests of rules.
fn unary_cases() -> Vec<(Op, Vec<usize>)> {
    vec![
        (
            Op::from(BroadcastInDim {
                shape: s(&[4, 2, 3]),
                dims: s(&[1, 2]),
            }),
            vec![2, 3],
        ),
        (
            Op::from(BroadcastInDim {
                shape: s(&[2, 5, 3]),
                dims: s(&[0, 1, 2]),
            }),
            vec![2, 1, 3],
        ),
        (
            Op::from(BroadcastInDim {
                shape: s(&[2]),
                dims: s(&[]),
            }),
            vec![],
        ),
        (Op::from(Reshape { shape: s(&[3, 2]) }), vec![2, 3]),
        (Op::from(Reshape { shape: s(&[]) }), vec![1, 1]),
        (
            Op::from(Transpose {
                permutation: s(&[2, 0, 1]),
            }),
            vec![2, 3, 4],
        ),
        (Op::from(Squeeze { dims: s(&[0, 2]) }), vec![1, 3, 1]),
        (Op::from(Rev { dims: s(&[1, 0]) }), vec![2, 3]),
        (
            Op::from(Slice {
                start: s(&[1, 0]),
                limit: s(&[4, 5]),
                strides: s(&[2, 3]),
            }),
            vec![4, 5],
        ),
        (
            Op::from(Slice {
                start: s(&[2]),
                limit: s(&[2]),
                strides: s(&[1]),
            }),
            vec![3],
        ),
    ]
}

#[test]
fn batching_rules_equal_a_loop_over_lanes() {
    for size in [0, 1, 3] {
        for (op, lane) in unary_cases() {
            for bd in 0..=lane.len() {
                let mut shape = lane.clone();
                shape.insert(bd, size);
                check_batching(&op, size, &[(counting(&shape), Some(bd))]);
            }
        }
        for (a, b) in [
            (Some(0), None),
            (None, Some(1)),
            (Some(2), Some(1)),
            (Some(0), Some(0)),
        ] {
            let at = |dim: Option<usize>, length| {
                let mut shape = vec![2, length];
                if let Some(d) = dim {
                    shape.insert(d, size);
                }
                (counting(&shape), dim)
            };
            check_batching(
                &Op::from(Concatenate { dimension: 1 }),
                size,
                &[at(a, 3), at(b, 4)],
            );
        }
        for bd in [0, 1] {
            let shape = if bd == 0 { [size, 3] } else { [3, size] };
            let value = (Array::scalar(9.0), None);
            check_batching(
                &pad(&[(-1, 2, 1)]),
                size,
                &[(counting(&shape), Some(bd)), value],
            );
        }
    }
}

#[test]
fn a_batched_padding_value_is_selected_by_a_mask() {
    let values = Array::from(vec![7.0, 8.0]);
    for (operand, dim) in [
        (counting(&[3]), None),
        (counting(&[3, 2]), Some(1)),
        (counting(&[2, 3]), Some(0)),
    ] {
        let ops = check_batching(
            &pad(&[(1, -1, 1)]),
            2,
            &[(operand, dim), (values.clone(), Some(0))],
        );
        assert_eq!(ops.last(), Some(&"select_n"));
    }
}

#[test]
fn views_and_copies_hold_the_right_elements() {
    let x = strided(&[2, 3]);
    assert_eq!(f64s(&x), [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
    assert_eq!(
        f64s(&run1(
            &Op::from(Rev { dims: s(&[1]) }),
            std::slice::from_ref(&x)
        )),
        [4.0, 2.0, 0.0, 5.0, 3.0, 1.0]
    );
    let slice = Op::from(Slice {
        start: s(&[0, 0]),
        limit: s(&[2, 3]),
        strides: s(&[5, 2]),
    });
    assert_eq!(f64s(&run1(&slice, std::slice::from_ref(&x))), [0.0, 4.0]);
    assert_eq!(
        f64s(&run1(
            &Op::from(Reshape { shape: s(&[6]) }),
            std::slice::from_ref(&x)
        )),
        f64s(&x)
    );
    let column = run1(
        &Op::from(Slice {
            start: s(&[0, 1]),
            limit: s(&[2, 2]),
            strides: s(&[1, 1]),
        }),
        std::slice::from_ref(&x),
    );
    assert_eq!(
        f64s(&run1(
            &Op::from(Squeeze { dims: s(&[1]) }),
            std::slice::from_ref(&column)
        )),
        [2.0, 3.0]
    );
    let joined = run1(&Op::from(Concatenate { dimension: 1 }), &[column, x]);
    assert_eq!(f64s(&joined), [2.0, 0.0, 2.0, 4.0, 3.0, 1.0, 3.0, 5.0]);
    let huge = Op::from(Slice {
        start: s(&[1]),
        limit: s(&[3]),
        strides: s(&[usize::MAX]),
    });
    assert_eq!(f64s(&run1(&huge, &[counting(&[3])])), [1.0]);
}

#[test]
fn pad_crops_and_dilates() {
    // Rule N28.
    let (x, v) = (counting(&[3]), Array::scalar(9.0));
    let padded = |low, high, interior| {
        f64s(&run1(
            &pad(&[(low, high, interior)]),
            &[x.clone(), v.clone()],
        ))
    };
    assert_eq!(padded(1, 2, 0), [9.0, 0.0, 1.0, 2.0, 9.0, 9.0]);
    assert_eq!(padded(-1, 1, 0), [1.0, 2.0, 9.0]);
    assert_eq!(padded(0, 0, 2), [0.0, 9.0, 9.0, 1.0, 9.0, 9.0, 2.0]);
    assert_eq!(padded(-1, -2, 1), [9.0, 1.0]);
    assert_eq!(padded(-1, -1, 2), [9.0, 9.0, 1.0, 9.0, 9.0]);
    assert_eq!(padded(-3, 2, 0), [9.0, 9.0]);
    assert_eq!(padded(2, -4, 0), [9.0]);
    assert_eq!(padded(2, -5, 0), Vec::<f64>::new());
    assert_eq!(padded(-5, 6, 0), [9.0; 4]);
    let empty = Array::zeros(DType::F64, &[0, 2]);
    let op = pad(&[(1, 1, 3), (0, 0, 0)]);
    assert_eq!(f64s(&run1(&op, &[empty, v.clone()])), [9.0; 4]);
    let one = run1(
        &pad(&[(0, 1, usize::MAX >> 8)]),
        &[counting(&[1]), v.clone()],
    );
    assert_eq!(f64s(&one), [0.0, 9.0]);
    assert_eq!(f64s(&run1(&pad(&[]), &[Array::scalar(4.0), v])), [4.0]);
}

fn counted(dtype: DType, shape: &[usize], dimension: usize) -> Array {
    let shape = s(shape);
    let op = Op::from(Iota {
        dtype,
        shape,
        dimension,
    });
    run1(&op, &[])
}

#[test]
fn iota_wraps() {
    // Rule N28: JAX's int8 count to 130 wraps; the narrowest type here is uint8.
    let wrapped = counted(DType::U8, &[258], 0);
    assert_eq!(wrapped.elements::<u8>()[254..], [254, 255, 0, 1]);
    let op = Op::from(Iota {
        dtype: DType::I32,
        shape: s(&[2, 3]),
        dimension: 1,
    });
    assert_eq!(run1(&op, &[]).elements::<i32>()[..], [0, 1, 2, 0, 1, 2]);
    assert_eq!(
        counted(DType::F32, &[2, 2], 0).elements::<f32>()[..],
        [0.0, 0.0, 1.0, 1.0]
    );
    assert!(counted(DType::I64, &[2, 0], 0).is_empty());
}

#[test]
fn bad_parameters_are_refused() {
    let x = || vec![f64::spec([2, 3])];
    let mismatch = |op: Op, inputs: Vec<TensorType>| {
        assert!(
            matches!(refusal(&op, &inputs), OpErrorKind::ShapeMismatch { .. }),
            "{op:?}"
        );
    };
    let parameter = |op: Op, inputs: Vec<TensorType>| {
        assert!(
            matches!(refusal(&op, &inputs), OpErrorKind::InvalidParameter { .. }),
            "{op:?}"
        );
    };
    let axis = |op: Op, inputs: Vec<TensorType>| {
        assert!(
            matches!(refusal(&op, &inputs), OpErrorKind::AxisOutOfBounds { .. }),
            "{op:?}"
        );
    };
    let dtype = |op: Op, inputs: Vec<TensorType>| {
        assert!(
            matches!(refusal(&op, &inputs), OpErrorKind::DTypeMismatch { .. }),
            "{op:?}"
        );
    };
    let broadcast = |shape: &[usize], dims: &[usize]| {
        Op::from(BroadcastInDim {
            shape: s(shape),
            dims: s(dims),
        })
    };
    mismatch(broadcast(&[2, 3], &[0]), x());
    parameter(broadcast(&[2, 3], &[1, 0]), x());
    parameter(broadcast(&[2, 3], &[1, 1]), x());
    axis(broadcast(&[2, 3], &[0, 2]), x());
    mismatch(broadcast(&[2, 4], &[0, 1]), x());
    parameter(broadcast(&[usize::MAX, 2, 3], &[1, 2]), x());
    parameter(broadcast(&[0, usize::MAX, 2, 3], &[2, 3]), x());
    mismatch(Op::from(Reshape { shape: s(&[4]) }), x());
    parameter(
        Op::from(Reshape {
            shape: s(&[usize::MAX, 2]),
        }),
        x(),
    );
    mismatch(
        Op::from(Transpose {
            permutation: s(&[0]),
        }),
        x(),
    );
    parameter(
        Op::from(Transpose {
            permutation: s(&[0, 0]),
        }),
        x(),
    );
    axis(
        Op::from(Transpose {
            permutation: s(&[0, 2]),
        }),
        x(),
    );
    mismatch(Op::from(Squeeze { dims: s(&[0]) }), x());
    axis(Op::from(Squeeze { dims: s(&[2]) }), x());
    parameter(
        Op::from(Squeeze { dims: s(&[1, 0]) }),
        vec![f64::spec([1, 1])],
    );
    axis(Op::from(Concatenate { dimension: 2 }), x());
    mismatch(
        Op::from(Concatenate { dimension: 0 }),
        vec![f64::spec([2, 3]), f64::spec([2, 2])],
    );
    mismatch(
        Op::from(Concatenate { dimension: 0 }),
        vec![f64::spec([2, 3]), f64::spec([3])],
    );
    dtype(
        Op::from(Concatenate { dimension: 0 }),
        vec![f64::spec([2]), f32::spec([2])],
    );
    assert!(matches!(
        refusal(&Op::from(Concatenate { dimension: 0 }), &[]),
        OpErrorKind::OperandCount { .. }
    ));
    let padded = |entries, ty| (pad(entries), vec![f64::spec([2, 3]), ty]);
    let check = |(op, inputs): (Op, Vec<TensorType>)| refusal(&op, &inputs).to_string();
    assert!(check(padded(&[(0, 0, 0)], f64::spec([]))).contains("one entry per axis"));
    assert!(check(padded(&[(0, 0, 0); 2], f64::spec([1]))).contains("scalar"));
    assert!(check(padded(&[(0, 0, 0); 2], f32::spec([]))).contains("element type"));
    assert!(check(padded(&[(-3, 0, 0), (0, 0, 0)], f64::spec([]))).contains("comes to -1"));
    assert!(
        check(padded(
            &[(i64::MAX, i64::MAX, usize::MAX); 2],
            f64::spec([])
        ))
        .contains("larger")
    );
    axis(Op::from(Rev { dims: s(&[2]) }), x());
    parameter(Op::from(Rev { dims: s(&[0, 0]) }), x());
    let slice = |start: &[usize], limit: &[usize], strides: &[usize]| {
        Op::from(Slice {
            start: s(start),
            limit: s(limit),
            strides: s(strides),
        })
    };
    mismatch(slice(&[0], &[2, 3], &[1, 1]), x());
    mismatch(slice(&[0, 2], &[2, 1], &[1, 1]), x());
    mismatch(slice(&[0, 0], &[2, 4], &[1, 1]), x());
    parameter(slice(&[0, 0], &[2, 3], &[1, 0]), x());
    axis(
        Op::from(Iota {
            dtype: DType::I32,
            shape: s(&[]),
            dimension: 0,
        }),
        vec![],
    );
    dtype(
        Op::from(Iota {
            dtype: DType::Bool,
            shape: s(&[2]),
            dimension: 0,
        }),
        vec![],
    );
    parameter(
        Op::from(Iota {
            dtype: DType::I32,
            shape: s(&[1 << 62]),
            dimension: 0,
        }),
        vec![],
    );
}

#[test]
fn weakness_survives_where_every_operand_is_weak() {
    let weak = f64::spec([2]).with_weak(true);
    let joined = |a: &TensorType, b: &TensorType| {
        Concatenate { dimension: 0 }
            .infer(&[a.clone(), b.clone()])
            .map(|t| t[0].weak)
    };
    assert_eq!(joined(&weak, &weak), Ok(true));
    assert_eq!(joined(&weak, &f64::spec([2])), Ok(false));
    assert_eq!(
        Rev { dims: s(&[0]) }.infer(&[weak]).map(|t| t[0].weak),
        Ok(true)
    );
}
