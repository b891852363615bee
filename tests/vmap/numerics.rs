//! Numbers: promotion, integer arithmetic, NaN, indexing. Expected values are JAX 0.10.2's with 64-bit types on.

use crate::support::{array, counting, f64s, values, vec1};
use elimap::prelude::*;
use elimap::{OpErrorKind, promote_types, sort_by_key};

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;

fn t<T: Element>(elements: Vec<T>) -> Tensor {
    Array::from(elements).into()
}

/// Equality that tells zeros apart and equates NaNs.
#[track_caller]
fn assert_same(found: &Tensor, wanted: &[f64]) {
    let found = f64s(found);
    let same = |a: f64, b: f64| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
    assert!(
        found.len() == wanted.len() && found.iter().zip(wanted).all(|(&a, &b)| same(a, b)),
        "{found:?} is not {wanted:?}"
    );
}

fn kind(tensor: Tensor) -> OpErrorKind {
    match tensor.check().unwrap_err().root() {
        Error::Op(e) => e.kind.clone(),
        other => panic!("not an operation's error: {other:?}"),
    }
}

// Types.

#[test]
fn n1_operands_meet_in_the_type_of_the_promotion_table() {
    // The table itself is held to JAX's where it is, in `src/array/promote.rs`.
    for a in DType::ALL {
        for b in DType::ALL {
            let (wanted, weak) = promote_types((a, false), (b, false));
            let sum = zeros([2], a) + zeros([2], b);
            assert_eq!((sum.dtype(), sum.ty().weak), (wanted, weak), "{a} + {b}");
        }
    }
    assert_eq!(
        promote_types((DType::U32, false), (DType::I32, false)).0,
        DType::I64
    );
    assert_eq!(
        promote_types((DType::C64, false), (DType::F64, false)).0,
        DType::C128
    );
}

#[test]
fn n2_bare_numbers_give_way_to_arrays_of_their_class() {
    for (dtype, with_int, with_float) in [
        (DType::U8, DType::U8, DType::F64),
        (DType::I32, DType::I32, DType::F64),
        (DType::F32, DType::F32, DType::F32),
        (DType::Bool, DType::I64, DType::F64),
    ] {
        let x = ones([2], dtype);
        assert_eq!((&x + 2).dtype(), with_int, "{dtype} + 2");
        assert_eq!((2_i64 * &x).dtype(), with_int, "2 * {dtype}");
        assert_eq!((&x * 2.0).dtype(), with_float, "{dtype} * 2.0");
    }
    // A weak result gives way again.
    let weak = Tensor::from(2) * 3.5;
    assert!(weak.ty().weak);
    assert_eq!((weak + ones([], DType::F32)).dtype(), DType::F32);
}

#[test]
fn n3_true_division_is_floating() {
    assert_eq!((t(vec![7_i32]) / 2).dtype(), DType::F32);
    assert_same(&(t(vec![7_i64]) / 2), &[3.5]);
    assert_eq!((t(vec![true]) / 2).dtype(), DType::F64);
}

#[test]
fn n4_sums_widen_running_sums_do_not() {
    for (dtype, wanted) in [
        (DType::Bool, DType::I64),
        (DType::U8, DType::U64),
        (DType::U32, DType::U64),
        (DType::I32, DType::I64),
        (DType::F32, DType::F32),
    ] {
        assert_eq!(ones([3], dtype).sum(..).dtype(), wanted, "{dtype}");
        assert_eq!(ones([3], dtype).prod(..).dtype(), wanted, "{dtype}");
        assert_eq!(ones([3], dtype).max(..).dtype(), dtype);
    }
    assert_eq!(
        values::<u8>(&t(vec![200_u8, 100]).cumsum(0, false)),
        [200, 44]
    );
    assert_eq!(values::<u64>(&t(vec![200_u8, 100]).sum(0)), [300]);
}

// Integers.

#[test]
fn n7_integer_arithmetic_wraps() {
    assert_eq!(values::<i32>(&(t(vec![i32::MAX]) + 1)), [i32::MIN]);
    assert_eq!(values::<u8>(&(t(vec![200_u8]) * 2)), [144]);
    assert_eq!(values::<u32>(&(t(vec![0_u32]) - 1)), [u32::MAX]);
    assert_eq!(values::<i32>(&-t(vec![i32::MIN])), [i32::MIN]);
    assert_eq!(values::<i32>(&t(vec![i32::MIN]).abs()), [i32::MIN]);
    assert_eq!(values::<u8>(&t(vec![20_u8]).square()), [144]);
}

#[test]
fn n8_division_by_zero_and_of_the_least_integer_are_defined() {
    let x = || t(vec![7_i32, -7, 5]);
    let zero = || t(vec![0_i32; 3]);
    assert_eq!(values::<i32>(&x().floor_divide(zero())), [-2, -2, -2]);
    assert_eq!(values::<i32>(&(x() % zero())), [0, 0, 0]);
    assert_eq!(values::<i32>(&x().lax_rem(zero())), [7, -7, 5]);
    assert_eq!(values::<i32>(&t(vec![i32::MIN]).lax_rem(-1)), [0]);
    let quarters = [(7, 2, 3), (-7, 2, -4), (7, -2, -4), (-7, -2, 3)];
    for (a, b, wanted) in quarters {
        assert_eq!(
            values::<i32>(&t(vec![a]).floor_divide(t(vec![b]))),
            [wanted]
        );
    }
    for (a, b, wanted) in [(7, 3, 1), (-7, 3, 2), (7, -3, -2), (-7, -3, -1)] {
        assert_eq!(
            values::<i32>(&(t(vec![a]) % t(vec![b]))),
            [wanted],
            "{a} % {b}"
        );
        assert_eq!(values::<i32>(&t(vec![a]).lax_rem(t(vec![b]))), [a % b]);
    }
}

#[test]
fn n9_shifts_of_the_width_or_more_are_defined() {
    let left = t(vec![1_i32, 1, 1]).shift_left(t(vec![31_i32, 32, -1]));
    assert_eq!(values::<i32>(&left), [i32::MIN, 0, 0]);
    let arithmetic = t(vec![-8_i32, -8, 8]).shift_right_arithmetic(t(vec![1_i32, 40, 40]));
    assert_eq!(values::<i32>(&arithmetic), [-4, -1, 0]);
    let logical = t(vec![-8_i32, -8]).shift_right_logical(t(vec![1_i32, 40]));
    assert_eq!(values::<i32>(&logical), [2_147_483_644, 0]);
}

#[test]
fn n10_powers() {
    assert_eq!(values::<i64>(&t(vec![2_i64, 0, -2]).pow(3)), [8, 0, -8]);
    assert_eq!(values::<i64>(&t(vec![0_i64, 2]).pow(0)), [1, 1]);
    assert_same(&t(vec![2.0, -2.0]).pow(-2), &[0.25, 0.25]);
    assert_same(&t(vec![-8.0]).pow(1.0 / 3.0), &[NAN]);
    assert_same(
        &t(vec![NAN, 1.0, -1.0]).pow(t(vec![0.0, NAN, INF])),
        &[1.0, 1.0, 1.0],
    );
    assert!(matches!(
        kind(t(vec![2_i64]).pow(-1)),
        OpErrorKind::InvalidParameter { .. } | OpErrorKind::DTypeMismatch { .. }
    ));
}

#[test]
fn n11_conversions_saturate_from_floats_and_truncate_bits_from_integers() {
    let floats = t(vec![1.9, -1.9, NAN, INF, 3e9]);
    assert_eq!(
        values::<i32>(&floats.astype(DType::I32)),
        [1, -1, 0, i32::MAX, i32::MAX]
    );
    let bytes = t(vec![-1.0, 300.0, NAN]).astype(DType::U8);
    assert_eq!(values::<u8>(&bytes), [0, 255, 0]);
    assert_eq!(
        values::<u8>(&t(vec![300_i32, -1]).astype(DType::U8)),
        [44, 255]
    );
    let truth = t(vec![NAN, -0.0, 0.5]).astype(DType::Bool);
    assert_eq!(values::<bool>(&truth), [true, false, true]);
}

#[test]
fn n17_arithmetic_of_bools_is_logic_or_an_error() {
    let (a, b) = (
        || t(vec![true, true, false]),
        || t(vec![true, false, false]),
    );
    assert_eq!(values::<bool>(&(a() + b())), [true, true, false]);
    assert_eq!(values::<bool>(&(a() * b())), [true, false, false]);
    assert_eq!(values::<bool>(&a().matmul(b())), [true]);
    assert!(matches!(kind(-a()), OpErrorKind::DTypeMismatch { .. }));
    assert!(matches!(kind(a() - b()), OpErrorKind::DTypeMismatch { .. }));
}

#[test]
fn n18_integer_products_keep_their_type_and_wrap() {
    let dot = t(vec![100_u8, 100]).matmul(t(vec![100_u8, 100]));
    assert_eq!(values::<u8>(&dot), [32]);
    let dot = t(vec![2_000_000_000_i32, 2]).matmul(t(vec![2_i32, 1]));
    assert_eq!(values::<i32>(&dot), [-294_967_294]);
}

// Floats.

#[test]
fn n12_extremes_propagate_nan_and_ties_go_to_the_first() {
    let x = t(vec![1.0, NAN, 3.0]);
    assert_same(&x.max(0), &[NAN]);
    assert_same(&x.min(0), &[NAN]);
    assert_same(&x.maximum(2.0), &[2.0, NAN, 3.0]);
    assert_same(&t(vec![2.0, 2.0]).minimum(t(vec![NAN, 1.0])), &[NAN, 1.0]);
    assert_same(&x.cummax(0, false), &[1.0, NAN, NAN]);
    assert_eq!(values::<i64>(&x.argmax(0)), [1]);
    assert_eq!(values::<i64>(&x.argmin(0)), [1]);
    assert_eq!(values::<i64>(&t(vec![0.0, -0.0, 0.0]).argmax(0)), [0]);
    assert_eq!(values::<i64>(&t(vec![2, 5, 5]).argmax(0)), [1]);
    assert_same(&t(vec![-0.0, 0.0]).maximum(t(vec![0.0, -0.0])), &[0.0, 0.0]);
}

#[test]
fn n13_sorting_is_stable_with_nan_last_and_zeros_equal() {
    let x = t(vec![3.0, NAN, -0.0, 0.0, -1.0]);
    assert_same(&x.sort(0), &[-1.0, -0.0, 0.0, 3.0, NAN]);
    assert_eq!(
        values::<i64>(&t(vec![1.0, 0.0, 1.0, 0.0]).argsort(0)),
        [1, 3, 0, 2]
    );
    assert_eq!(
        values::<i64>(&t(vec![0.0, -NAN, NAN, -0.0]).argsort(0)),
        [0, 3, 1, 2]
    );
    let (top, at) = t(vec![1.0, NAN, 3.0, 3.0]).top_k(3).unwrap();
    assert_same(&top, &[NAN, 3.0, 3.0]);
    assert_eq!(values::<i32>(&at), [1, 2, 3]);
    let (keys, payload) = (t(vec![2.0, 1.0, 2.0]), t(vec![10, 20, 30]));
    let sorted = sort_by_key(&[&keys, &payload], 0).unwrap();
    assert_eq!(values::<i32>(&sorted[1]), [20, 10, 30]);
}

#[test]
fn n14_reductions_of_nothing() {
    let empty = t(Vec::<f64>::new());
    assert_same(&empty.sum(0), &[0.0]);
    assert_same(&empty.prod(0), &[1.0]);
    assert_eq!(values::<bool>(&empty.any(0)), [false]);
    assert_eq!(values::<bool>(&empty.all(0)), [true]);
    assert!(matches!(
        kind(empty.max(0)),
        OpErrorKind::EmptyReduction { .. }
    ));
    assert!(matches!(
        kind(empty.min(0)),
        OpErrorKind::EmptyReduction { .. }
    ));
    assert!(matches!(
        kind(empty.argmax(0)),
        OpErrorKind::EmptyReduction { .. }
    ));
    assert!(empty.check().unwrap().top_k(1).is_err());
    // Over the other axis there is nothing to complain of.
    assert_eq!(Tensor::from(counting(&[0, 3])).max(1).shape(), [0]);
}

#[test]
fn n15_rounding_signs_and_clamps() {
    let halves = t(vec![0.5, 1.5, -0.5, 2.5]);
    assert_same(&halves.round(), &[0.0, 2.0, -0.0, 2.0]);
    assert_same(&halves.round_half_away(), &[1.0, 2.0, -1.0, 3.0]);
    assert_same(&t(vec![-0.0, NAN, -3.0]).sign(), &[-0.0, NAN, -1.0]);
    assert_same(&t(vec![1.0, 5.0]).clamp(3.0, 2.0), &[2.0, 2.0]);
    assert_same(&t(vec![NAN, 1.0]).clamp(0.0, 0.5), &[NAN, 0.5]);
}

#[test]
fn n19_linear_algebra_never_fails_and_only_the_bad_lane_is_nan() {
    let two = array(&[2, 2, 2], &[1.0, 2.0, 2.0, 1.0, 4.0, 1.0, 3.0, 9.0]);
    let roots = vmap(|a: Tensor| a.cholesky()).call((&two,)).unwrap();
    let found = f64s(&roots);
    assert!(found[0].is_nan() && found[2].is_nan() && found[3].is_nan());
    // The input is symmetrised.
    let wanted = [2.0, 0.0, 1.0, 8.0_f64.sqrt()];
    for (a, b) in found[4..].iter().zip(wanted) {
        approx::assert_relative_eq!(*a, b, max_relative = 1e-14);
    }
    let singular = Tensor::from(array(&[2, 2], &[1.0, 2.0, 2.0, 4.0]));
    let solution = f64s(&singular.solve(vec1(&[1.0, 1.0])));
    assert!(solution.iter().all(|x| !x.is_finite()), "{solution:?}");
}

// Indexing.

#[test]
fn n22_take_fills_clips_or_wraps() {
    let at = || t(vec![0_i64, 4, 5, -1, -5, -6, 100]);
    let x = Tensor::from(counting(&[5]));
    assert_same(
        &x.take(at(), 0, TakeMode::Fill),
        &[0.0, 4.0, NAN, 4.0, 0.0, NAN, NAN],
    );
    assert_same(
        &x.take(at(), 0, TakeMode::Clip),
        &[0.0, 4.0, 4.0, 0.0, 0.0, 0.0, 4.0],
    );
    assert_same(
        &x.take(at(), 0, TakeMode::Wrap),
        &[0.0, 4.0, 0.0, 4.0, 0.0, 4.0, 0.0],
    );
    let ints = t(vec![0_i64, 1, 2, 3, 4]).take(at(), 0, TakeMode::Fill);
    assert_eq!(
        values::<i64>(&ints),
        [0, 4, i64::MIN, 4, 0, i64::MIN, i64::MIN]
    );
    let bytes = t(vec![0_u8, 1, 2, 3, 4]).take(at(), 0, TakeMode::Fill);
    assert_eq!(values::<u8>(&bytes), [0, 4, 255, 4, 0, 255, 255]);
    let bools = t(vec![true, false, true, false, false]).take(at(), 0, TakeMode::Fill);
    assert_eq!(
        values::<bool>(&bools),
        [true, false, true, false, true, true, true]
    );
    assert!(matches!(
        kind(x.take(t(vec![0.0]), 0, TakeMode::Fill)),
        OpErrorKind::DTypeMismatch { .. }
    ));
}

#[test]
fn n23_updates_out_of_bounds_are_dropped_and_repeated_ones_accumulate_or_the_last_wins() {
    let x = zeros([3], DType::F64);
    let added = x.at(t(vec![0_i64, 5, -1, -1, -4])).add(1.0);
    assert_same(&added, &[1.0, 0.0, 2.0]);
    let set = x
        .at(t(vec![0_i64, 5, -1, -1]))
        .set(t(vec![1.0, 2.0, 3.0, 4.0]));
    assert_same(&set, &[1.0, 0.0, 4.0]);
    let multiplied = ones([2], DType::F64)
        .at(t(vec![1_i64, 1]))
        .mul(t(vec![3.0, 5.0]));
    assert_same(&multiplied, &[1.0, 15.0]);
    let raised = x.at(t(vec![2_i64, 2])).max(t(vec![-1.0, 7.0]));
    assert_same(&raised, &[0.0, 0.0, 7.0]);
    let lowered = x.at(t(vec![2_i64, 0])).min(t(vec![-1.0, 7.0]));
    assert_same(&lowered, &[0.0, 0.0, -1.0]);
}

#[test]
fn n24_dynamic_slices_wrap_once_and_are_then_clamped() {
    let x = Tensor::from(counting(&[5]));
    for (start, size, wanted) in [
        (-2_i64, 2, vec![3.0, 4.0]),
        (-20, 2, vec![0.0, 1.0]),
        (4, 3, vec![2.0, 3.0, 4.0]),
        (2, 3, vec![2.0, 3.0, 4.0]),
    ] {
        assert_same(&x.dynamic_slice(&[start.into()], [size]), &wanted);
        // The same under vmap, where it is a gather.
        let f = |s: Tensor| x.dynamic_slice(&[s], [size]);
        assert_same(
            &vmap(f)
                .call((Array::from(vec![start]),))
                .unwrap_or_else(|e| panic!("{e}")),
            &wanted,
        );
    }
    let updated = x.dynamic_update_slice(t(vec![-1.0, -2.0]), &[Tensor::from(4)]);
    assert_same(&updated, &[0.0, 1.0, 2.0, -1.0, -2.0]);
    assert!(matches!(
        kind(x.dynamic_slice(&[Tensor::from(0)], [6])),
        OpErrorKind::ShapeMismatch { .. }
    ));
}

#[test]
fn n28_iota_wraps_and_pads_crop_and_spread() {
    assert_eq!(values::<u8>(&iota(DType::U8, [258], 0))[255..], [255, 0, 1]);
    let x = t(vec![1.0, 2.0, 3.0]);
    assert_same(&x.pad(0.0, [(-1, 2, 0)]), &[2.0, 3.0, 0.0, 0.0]);
    assert_same(&x.pad(9.0, [(1, -2, 1)]), &[9.0, 1.0, 9.0, 2.0]);
}

#[test]
fn n5_functions_of_integers_are_floating_and_as_wide() {
    let all: [fn(&Tensor) -> Tensor; 4] = [Tensor::sin, Tensor::exp, Tensor::sqrt, |x| x.mean(..)];
    for f in all {
        assert_eq!(f(&t(vec![1_i32, 2])).dtype(), DType::F32);
        assert_eq!(f(&t(vec![true, false])).dtype(), DType::F32);
        assert_eq!(f(&t(vec![1_i64, 2])).dtype(), DType::F64);
        assert_eq!(f(&t(vec![1_f32, 2.0])).dtype(), DType::F32);
    }
    assert_eq!((t(vec![1_i64]) / t(vec![2_i64])).dtype(), DType::F64);
}

#[test]
fn n6_results_of_callbacks_and_reductions_are_strong() {
    let host = Callback::new(
        "host",
        [f64::spec([]).with_weak(true)],
        |args: &[Array]| args[0].clone(),
    );
    assert!(!host.call((1.0,)).unwrap().ty().weak);
    assert!(!t(vec![1.0, 2.0]).sum(..).ty().weak);
    assert!(Tensor::from(1.0).ty().weak);
}

#[test]
fn n16_denormals_are_kept() {
    let tiny = f64::MIN_POSITIVE / 4.0;
    assert_same(&(t(vec![tiny]) * 1.0), &[tiny]);
    let narrow = f32::MIN_POSITIVE / 4.0;
    let out = jit(|x: Tensor| x * 1.0)
        .call((Array::from(vec![narrow]),))
        .unwrap();
    assert_eq!(values::<f32>(&out), [narrow]);
}

#[test]
fn n20_statistics_at_the_edges() {
    assert_same(&t(vec![-INF, -INF]).softmax(0), &[NAN, NAN]);
    assert_same(&t(vec![-INF, -INF]).logsumexp(0), &[-INF]);
    assert_same(&t(vec![1.0]).std(0, 1), &[NAN]);
    assert_same(&t(vec![1e200, 1e200]).norm(0), &[INF]);
}

#[test]
fn n21_static_indices_wrap_once_and_are_then_clamped() {
    let x = t(vec![0.0, 1.0, 2.0, 3.0, 4.0]);
    for (index, found) in [
        (0, 0.0),
        (4, 4.0),
        (5, 4.0),
        (-1, 4.0),
        (-5, 0.0),
        (-6, 0.0),
        (100, 4.0),
    ] {
        assert_same(&x.index(0, index), &[found]);
        let out = vmap(|x: Tensor| x.index(0, index))
            .call((counting(&[2, 5]),))
            .unwrap();
        assert_same(&out, &[found, found + 5.0]);
    }
}

#[test]
fn n25_a_mask_chooses_elementwise_or_by_sorting() {
    // There is no index of unknown length; these two have static shapes.
    let x = t(vec![3.0, -1.0, 2.0]);
    let mask = x.greater(0.0);
    assert_same(&where_(&mask, &x, 0.0), &[3.0, 0.0, 2.0]);
    let kept = sort_by_key(&[&(!&mask), &x], 0).unwrap();
    assert_same(&kept[1], &[3.0, 2.0, -1.0]);
}

#[test]
fn n9_arithmetic_shifts_keep_the_top_bit_of_unsigned_numbers() {
    let shifted = |x: u8, by: u8| values::<u8>(&t(vec![x]).shift_right_arithmetic(t(vec![by])))[0];
    let cases = [
        (254, 1, 255),
        (254, 0, 254),
        (128, 2, 224),
        (127, 1, 63),
        (200, 9, 255),
        (1, 9, 0),
    ];
    for (x, by, found) in cases {
        assert_eq!(shifted(x, by), found, "{x} >> {by}");
    }
    let signed = t(vec![-8_i32, 8, -8, 8]).shift_right_arithmetic(t(vec![1, 1, 40, 40]));
    assert_eq!(values::<i32>(&signed), [-4, 4, -1, 0]);
}

/// Draws of 64-bit numbers shift 64-bit words, which are other numbers with 32 bits; JAX draws 32-bit words then.
#[test]
fn programs_on_the_bits_of_64_bit_numbers_are_not_narrowed() {
    let draw = |dtype| {
        let f = jit(move |x: Tensor| {
            elimap::random::normal(&elimap::random::Key::new(3), [2], dtype) + x
        });
        f.trace((f32::spec([2]),)).unwrap().narrowed()
    };
    let text = draw(DType::F64).unwrap_err().to_string();
    assert!(text.contains("bits of 64-bit numbers"), "{text}");
    let narrow = draw(DType::F32).unwrap();
    let zeros = elimap::Array::from(vec![0.0_f32; 2]);
    let found = narrow.run(&[zeros]).unwrap()[0].to_vec::<f32>().unwrap();
    let expected = elimap::random::normal(&elimap::random::Key::new(3), [2], DType::F32);
    assert_eq!(found, expected.to_vec::<f32>().unwrap());
    let wide = jit(|x: Tensor| x + (1_i64 << 40))
        .trace((i64::spec([]),))
        .unwrap();
    let text = wide.narrowed().unwrap_err().to_string();
    assert!(text.contains("no room for the literal"), "{text}");
}

#[test]
fn special_functions_of_16_bit_floats_end_and_are_rounded() {
    use elimap::half::bf16;
    use elimap::special;
    let half = |x: f32| vec![bf16::from_f32(x)];
    // Their loops count further than a bfloat16 does.
    let beta = special::betainc(half(2.0), half(3.0), half(0.5));
    assert_eq!(beta.to_vec::<bf16>().unwrap(), half(0.6875));
    let gamma = special::gammainc(half(1.0), half(2.0));
    assert_eq!(
        gamma.to_vec::<bf16>().unwrap(),
        half(1.0 - (-2.0_f32).exp())
    );
    let slope = special::gammainc_grad_a(half(1.0), half(2.0));
    assert_eq!(slope.dtype(), DType::BF16);
}
