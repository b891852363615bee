//! Every rule against central differences of the operation itself, every transpose against the rule by inner products, and
//! the conventions at ties, kinks and zeros.

#![allow(clippy::cloned_ref_to_slice_refs)] // Operands are lists, of a single array too.

use smallvec::smallvec;

use super::testkit::{Recorder, check, derive, floats, tangent};
use super::{all_zero, literal};
use crate::array::{Array, DType, Shape, TensorType};
use crate::error::{Error, OpErrorKind};
use crate::ops::rule::{LinearInput, Outputs};
use crate::program::*;

fn vector(values: &[f64]) -> Array {
    Array::from_elements(&[values.len()], values.to_vec())
}

fn scalar(value: f64) -> Array {
    Array::scalar(value)
}

fn s(list: &[usize]) -> Shape {
    Shape::from_slice(list)
}

/// Positive numbers that differ, in a shape.
fn spread(shape: &[usize]) -> Array {
    let count: usize = shape.iter().product();
    let value =
        |k: usize| 0.3 + 0.6 * ((k * 1009 % count.max(1)) as f64 + 0.5) / count.max(1) as f64;
    Array::from_elements(shape, (0..count).map(value).collect())
}

fn shifted(x: &Array, by: f64) -> Array {
    Array::from_elements(x.shape(), floats(x).iter().map(|x| x + by).collect())
}

fn indices(shape: &[usize], values: &[i64]) -> Array {
    Array::from_elements(shape, values.to_vec())
}

#[test]
fn elementwise_operations_of_one_operand() {
    for &kind in UnaryOp::ALL {
        use UnaryOp as U;
        let x = match kind {
            U::Not | U::PopulationCount | U::Clz => continue,
            U::Acosh => shifted(&spread(&[2, 3]), 1.5),
            U::Neg | U::Abs | U::Sign | U::Floor | U::Ceil => spread(&[2, 3]),
            _ => spread(&[2, 3]),
        };
        // Away from the integers, the half ones and zero.
        let x = match kind {
            U::RoundHalfAway | U::RoundHalfEven => Array::from_elements(&[3], vec![0.3, 1.2, -0.8]),
            U::Abs | U::Sin | U::Tanh | U::Cbrt | U::Erf | U::Expm1 | U::Square => {
                Array::from_elements(&[4], vec![-0.7, 0.4, -1.2, 0.9])
            }
            _ => x,
        };
        if matches!(kind, U::Real | U::Imag | U::Conj) {
            // Of complex numbers, which other tests have.
            continue;
        }
        if kind == U::IsFinite {
            let derived = derive(&kind.into(), &[x]);
            assert!(derived.forward.outputs().is_empty());
            continue;
        }
        check(kind, &[x]);
    }
    for y in [-3, -1, 0, 1, 2, 3, 5] {
        check(IntegerPow { y }, &[vector(&[-0.7, 0.4, 1.3])]);
    }
}

#[test]
fn elementwise_operations_of_two_operands_and_their_broadcasting() {
    use BinaryOp as B;
    let (x, y) = (
        shifted(&spread(&[2, 3]), 0.1),
        shifted(&spread(&[2, 1]), 0.37),
    );
    for kind in [
        B::Add,
        B::Sub,
        B::Mul,
        B::Div,
        B::Rem,
        B::Pow,
        B::Max,
        B::Min,
        B::Atan2,
    ] {
        check(kind, &[x.clone(), y.clone()]);
        check(kind, &[y.clone(), x.clone()]);
        check(kind, &[x.clone(), scalar(0.77)]);
        check(kind, &[scalar(0.77), x.clone()]);
    }
    check(
        B::Rem,
        &[vector(&[5.3, -5.3, 7.1]), vector(&[2.0, 2.0, -3.0])],
    );
    let (mut recorder, kind) = (
        Recorder {
            builder: ProgramBuilder::new(),
        },
        B::Nextafter,
    );
    let ty = TensorType::new(DType::F64, []);
    let x: Atom = recorder.builder.input(ty).into();
    let op = Binary { kind }.into();
    let refused = crate::ops::jvp(&mut recorder, &op, &[x, x], &[x], &[Some(x), None]);
    assert!(
        matches!(refused, Err(Error::Op(e)) if e.kind == OpErrorKind::NotDifferentiable && e.op == "nextafter")
    );
}

#[test]
fn ties_and_kinks_are_those_of_jax() {
    let one: &[f64] = &[1.0, 1.0, 1.0];
    let (x, y) = (vector(&[1.0, 2.0, 3.0]), vector(&[1.0, 3.0, 2.0]));
    assert_eq!(
        tangent(BinaryOp::Max, &[x.clone(), y.clone()], &[one, &[0.0; 3]]),
        [0.5, 0.0, 1.0]
    );
    assert_eq!(
        tangent(BinaryOp::Min, &[x.clone(), y], &[one, &[0.0; 3]]),
        [0.5, 1.0, 0.0]
    );
    let zeros = vector(&[0.0, -0.0, -2.0]);
    assert_eq!(
        tangent(UnaryOp::Abs, &[zeros.clone()], &[one]),
        [1.0, 1.0, -1.0]
    );
    assert_eq!(
        tangent(UnaryOp::Sign, &[zeros.clone()], &[one]),
        [0.0, 0.0, 0.0]
    );
    assert_eq!(
        tangent(UnaryOp::Sqrt, &[vector(&[0.0])], &[&[1.0]]),
        [f64::INFINITY]
    );
    assert!(tangent(UnaryOp::Sqrt, &[vector(&[0.0])], &[&[0.0]])[0].is_nan());
    assert_eq!(
        tangent(IntegerPow { y: 0 }, &[zeros.clone()], &[one]),
        [0.0; 3]
    );
    assert_eq!(
        tangent(
            BinaryOp::Pow,
            &[vector(&[0.0]), vector(&[2.0])],
            &[&[1.0], &[1.0]]
        ),
        [0.0]
    );
    // Bounds that are met are followed by none of the three; crossed ones by the upper.
    let clamped = [scalar(1.0), vector(&[1.0, 2.0, 3.0]), scalar(3.0)];
    assert_eq!(
        tangent(Clamp, &clamped, &[&[10.0], one, &[100.0]]),
        [0.0, 1.0, 0.0]
    );
    let outside = [scalar(1.0), vector(&[0.0, 2.0, 4.0]), scalar(3.0)];
    assert_eq!(
        tangent(Clamp, &outside, &[&[10.0], one, &[100.0]]),
        [10.0, 1.0, 100.0]
    );
    let reduce = |kind| Reduce {
        kind,
        axes: s(&[0]),
    };
    assert_eq!(
        tangent(
            reduce(ReduceOp::Max),
            &[vector(&[3.0, 1.0, 3.0])],
            &[&[1.0, 5.0, 2.0]]
        ),
        [1.5]
    );
    assert_eq!(
        tangent(reduce(ReduceOp::Prod), &[vector(&[0.0, 2.0, 5.0])], &[one]),
        [10.0]
    );
    assert_eq!(
        tangent(reduce(ReduceOp::Prod), &[vector(&[0.0, 2.0, 0.0])], &[one]),
        [0.0]
    );
    let running = |kind| Cumulative {
        kind,
        axis: 0,
        reverse: false,
    };
    assert_eq!(
        tangent(
            running(CumulativeOp::Prod),
            &[vector(&[2.0, 0.0, 5.0])],
            &[one]
        ),
        [1.0, 2.0, 10.0]
    );
    assert_eq!(
        tangent(
            running(CumulativeOp::Max),
            &[vector(&[1.0, 1.0, 0.0])],
            &[&[1.0, 2.0, 4.0]]
        ),
        [1.0, 1.5, 1.5]
    );
}

#[test]
fn choices_and_conversions() {
    let which = Array::from_elements(&[3], vec![true, false, true]);
    check(SelectN, &[which, spread(&[3]), shifted(&spread(&[3]), 1.0)]);
    check(
        SelectN,
        &[
            Array::scalar(true),
            spread(&[2, 2]),
            shifted(&spread(&[2, 2]), 1.0),
        ],
    );
    let which = Array::from_elements(&[4], vec![0_i32, 2, 1, 7]);
    check(
        SelectN,
        &[
            which,
            spread(&[4]),
            shifted(&spread(&[4]), 1.0),
            shifted(&spread(&[4]), 2.0),
        ],
    );
    let x = vector(&[-2.0, 0.3, 0.8, 4.0]);
    check(Clamp, &[scalar(-0.5), x.clone(), scalar(2.0)]);
    check(
        Clamp,
        &[
            vector(&[0.0, 0.5, 0.1, 0.2]),
            x.clone(),
            vector(&[1.0, 0.6, 0.5, 0.1]),
        ],
    );
    check(
        ConvertElementType {
            dtype: DType::F64,
            weak: false,
        },
        &[x.clone()],
    );
    for dtype in [DType::I32, DType::Bool] {
        let derived = derive(
            &ConvertElementType { dtype, weak: false }.into(),
            &[x.clone()],
        );
        assert!(derived.forward.outputs().is_empty());
    }
    // Counts have no tangents whatever they are converted to.
    let count = indices(&[2], &[1, 2]);
    let op = ConvertElementType {
        dtype: DType::F64,
        weak: false,
    };
    assert_eq!(tangent(op, &[count], &[]), [0.0, 0.0]);
}

#[test]
fn operations_that_move_elements() {
    let x = spread(&[2, 3]);
    check(
        BroadcastInDim {
            shape: s(&[4, 2, 3]),
            dims: s(&[1, 2]),
        },
        &[x.clone()],
    );
    check(
        BroadcastInDim {
            shape: s(&[2, 5, 3]),
            dims: s(&[0, 1]),
        },
        &[spread(&[2, 1])],
    );
    check(
        BroadcastInDim {
            shape: s(&[2, 0]),
            dims: s(&[]),
        },
        &[scalar(1.0)],
    );
    check(Reshape { shape: s(&[3, 2]) }, &[x.clone()]);
    check(
        Transpose {
            permutation: s(&[2, 0, 1]),
        },
        &[spread(&[2, 3, 4])],
    );
    check(Squeeze { dims: s(&[1]) }, &[spread(&[2, 1, 3])]);
    check(Rev { dims: s(&[0, 1]) }, &[x.clone()]);
    let slice = |start: &[usize], limit: &[usize], strides: &[usize]| Slice {
        start: s(start),
        limit: s(limit),
        strides: s(strides),
    };
    check(slice(&[1, 0], &[2, 3], &[1, 2]), &[x.clone()]);
    check(slice(&[1, 2], &[6, 2], &[2, 3]), &[spread(&[7, 4])]);
    check(
        Concatenate { dimension: 1 },
        &[x.clone(), spread(&[2, 1]), spread(&[2, 0])],
    );
    let pad = |entries: &[(i64, i64, usize)]| Pad {
        config: entries
            .iter()
            .map(|&(low, high, interior)| PadAxis {
                low,
                high,
                interior,
            })
            .collect(),
    };
    check(pad(&[(1, 2, 0), (0, 1, 2)]), &[x.clone(), scalar(0.5)]);
    check(pad(&[(-1, 2, 1), (1, -1, 0)]), &[x.clone(), scalar(0.5)]);
    check(
        pad(&[(-1, -1, 2), (-2, 0, 0)]),
        &[spread(&[3, 4]), scalar(0.5)],
    );
    check(pad(&[(2, 1, 3)]), &[spread(&[0]), scalar(0.5)]);
}

#[test]
fn reductions_running_ones_and_products() {
    for kind in [ReduceOp::Sum, ReduceOp::Prod, ReduceOp::Max, ReduceOp::Min] {
        for axes in [&[0][..], &[1], &[0, 2], &[0, 1, 2]] {
            check(
                Reduce {
                    kind,
                    axes: s(axes),
                },
                &[spread(&[2, 5, 3])],
            );
        }
    }
    check(
        Reduce {
            kind: ReduceOp::Prod,
            axes: s(&[0]),
        },
        &[spread(&[0, 2])],
    );
    for &kind in CumulativeOp::ALL {
        for n in 0..8 {
            for (axis, reverse) in [(0, false), (0, true), (1, false)] {
                let shape = if axis == 0 { [n, 2] } else { [2, n] };
                check(
                    Cumulative {
                        kind,
                        axis,
                        reverse,
                    },
                    &[spread(&shape)],
                );
            }
        }
    }
    let dims = |lc: &[usize], rc: &[usize], lb: &[usize], rb: &[usize]| DotGeneral {
        dims: DotDims {
            lhs_contract: s(lc),
            rhs_contract: s(rc),
            lhs_batch: s(lb),
            rhs_batch: s(rb),
        },
    };
    check(
        dims(&[1], &[0], &[], &[]),
        &[spread(&[2, 3]), spread(&[3, 4])],
    );
    check(dims(&[0], &[0], &[], &[]), &[spread(&[3]), spread(&[3])]);
    check(dims(&[], &[], &[], &[]), &[spread(&[2]), spread(&[3])]);
    check(
        dims(&[2, 0], &[1, 3], &[1], &[0]),
        &[spread(&[4, 2, 3, 5]), spread(&[2, 3, 6, 4])],
    );
    check(
        dims(&[1], &[1], &[0, 3], &[2, 0]),
        &[spread(&[2, 3, 4, 5]), spread(&[5, 3, 2])],
    );
}

#[test]
fn boxes_at_run_time_positions() {
    for start in [-1_i64, 0, 1, 9] {
        let at = [Array::scalar(start), Array::scalar(1_i64)];
        let operands = [&[spread(&[3, 4])], &at[..]].concat();
        check(DynamicSlice { sizes: s(&[2, 2]) }, &operands);
        let operands = [&[spread(&[3, 4]), shifted(&spread(&[2, 2]), 1.0)], &at[..]].concat();
        check(DynamicUpdateSlice, &operands);
    }
}

/// Rows of a matrix at indices, some outside and one twice.
#[test]
fn gathers_and_scatters() {
    let at = indices(&[4, 1], &[2, 0, 2, 7]);
    for mode in [IndexMode::Clip, IndexMode::FillOrDrop] {
        // Filled values are constant, and NaN but for a fill value of its own.
        let rows = Gather {
            dims: GatherDims {
                offset_dims: s(&[1]),
                collapsed_slice_dims: s(&[0]),
                start_index_map: s(&[0]),
                ..GatherDims::default()
            },
            slice_sizes: s(&[1, 2]),
            mode,
            fill: (mode == IndexMode::FillOrDrop).then_some(crate::array::Scalar::F64(0.25)),
        };
        check(rows, &[spread(&[3, 2]), at.clone()]);
        let dims = ScatterDims {
            update_window_dims: s(&[1]),
            inserted_window_dims: s(&[0]),
            scatter_dims_to_operand_dims: s(&[0]),
            ..ScatterDims::default()
        };
        let updates = shifted(&spread(&[4, 2]), 0.03);
        for kind in [
            ScatterOp::Set,
            ScatterOp::Add,
            ScatterOp::Min,
            ScatterOp::Max,
        ] {
            let op = Scatter {
                kind,
                dims: dims.clone(),
                mode,
            };
            check(op, &[spread(&[3, 2]), at.clone(), updates.clone()]);
        }
        let mul = Scatter {
            kind: ScatterOp::Mul,
            dims: dims.clone(),
            mode,
        };
        check(
            mul,
            &[
                spread(&[3, 2]),
                indices(&[1, 1], &[1]),
                shifted(&spread(&[1, 2]), 0.03),
            ],
        );
        // Windows that overlap.
        let windows = ScatterDims {
            update_window_dims: s(&[1]),
            scatter_dims_to_operand_dims: s(&[0]),
            ..ScatterDims::default()
        };
        for kind in [ScatterOp::Set, ScatterOp::Add] {
            let op = Scatter {
                kind,
                dims: windows.clone(),
                mode,
            };
            check(
                op,
                &[
                    spread(&[6]),
                    indices(&[3, 1], &[1, 0, 5]),
                    shifted(&spread(&[3, 3]), 1.0),
                ],
            );
        }
    }
}

#[test]
fn sorting() {
    let (keys, other) = (spread(&[2, 5]), shifted(&spread(&[2, 5]), 3.0));
    for dimension in [0, 1] {
        check(
            Sort {
                dimension,
                num_keys: 1,
            },
            &[keys.clone(), other.clone(), indices(&[2, 5], &[0; 10])],
        );
    }
    check(
        Sort {
            dimension: 0,
            num_keys: 2,
        },
        &[
            indices(&[4], &[1, 0, 1, 0]),
            spread(&[4]),
            shifted(&spread(&[4]), 1.0),
        ],
    );
    check(
        Sort {
            dimension: 1,
            num_keys: 1,
        },
        &[spread(&[2, 0])],
    );
    check(TopK { k: 3 }, &[spread(&[2, 5])]);
}

#[test]
fn linear_algebra() {
    let regular = |lead: &[usize], n: usize| {
        let shape: Vec<usize> = lead.iter().copied().chain([n, n]).collect();
        let diagonal = |(k, x): (usize, f64)| x + if k / n % n == k % n { 2.0 } else { 0.0 };
        let values = floats(&spread(&shape))
            .into_iter()
            .enumerate()
            .map(diagonal)
            .collect();
        Array::from_elements(&shape, values)
    };
    check(Cholesky, &[regular(&[], 3)]);
    check(Cholesky, &[regular(&[2], 2)]);
    check(Solve, &[regular(&[], 3), spread(&[3, 2])]);
    check(Solve, &[regular(&[2], 2), spread(&[2, 2, 1])]);
    for choice in 0..16 {
        let flag = |bit: usize| choice >> bit & 1 == 1;
        let op = TriangularSolve {
            left_side: flag(0),
            lower: flag(1),
            transpose_a: flag(2),
            unit_diagonal: flag(3),
        };
        for other in [1, 4] {
            let b = if op.left_side { [3, other] } else { [other, 3] };
            check(op.clone(), &[regular(&[], 3), spread(&b)]);
        }
        check(op, &[regular(&[2], 2), spread(&[2, 2, 2])]);
    }
}

/// What is linear in no operand that is asked about says so by its name.
#[test]
fn transposes_of_what_is_not_linear_are_refused() {
    let ty = TensorType::new(DType::F64, [3]);
    let mut recorder = Recorder {
        builder: ProgramBuilder::new(),
    };
    let ct: Atom = recorder.builder.input(ty.clone()).into();
    let linear = LinearInput::Linear(ty);
    let ops: [(DataOp, &[LinearInput], &str); 4] = [
        (
            Unary { kind: UnaryOp::Sin }.into(),
            &[linear.clone()],
            "sin",
        ),
        (
            Binary {
                kind: BinaryOp::Mul,
            }
            .into(),
            &[linear.clone(), linear.clone()],
            "mul",
        ),
        (
            Binary {
                kind: BinaryOp::Div,
            }
            .into(),
            &[LinearInput::Known(ct), linear.clone()],
            "div",
        ),
        (
            Cumulative {
                kind: CumulativeOp::Prod,
                axis: 0,
                reverse: false,
            }
            .into(),
            &[linear],
            "cumprod",
        ),
    ];
    for (op, inputs, name) in ops {
        let operand = inputs.iter().position(LinearInput::is_linear).unwrap_or(9);
        let refused = crate::ops::transpose(&mut recorder, &op, &[Some(ct)], inputs);
        assert!(
            matches!(refused, Err(Error::Op(e)) if e.op == name && e.kind == OpErrorKind::NotLinear { operand }),
            "{name}"
        );
    }
    // Nothing asked, nothing emitted.
    let op = Unary { kind: UnaryOp::Sin }.into();
    let known = [LinearInput::Known(literal(DType::F64, 1.0))];
    let none: Outputs<Option<Atom>> = smallvec![None];
    assert_eq!(
        crate::ops::transpose(&mut recorder, &op, &[Some(ct)], &known).ok(),
        Some(none)
    );
    assert_eq!(all_zero(2).len(), 2);
}
