//! Text that says more than is understood is refused, and what is understood is carried: scatters with a function, declared
//! types, absurd sizes.

use elimap::program::{ControlOp, Op};
use elimap::{Array, BatchDim, Error, OpErrorKind, ParseError, Program};

/// `x.at[1].apply(f)` as JAX prints it, for a vector of three.
fn apply(update: &str) -> String {
    format!(
        "{{ lambda ; a:f32[3] b:i32[1]. let
    c:f32[3] = scatter[
      dimension_numbers=ScatterDimensionNumbers(update_window_dims=(), inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0,), operand_batching_dims=(), scatter_indices_batching_dims=())
      indices_are_sorted=True
      mode=GatherScatterMode.CLIP
      unique_indices=True
      update_consts=()
      update_jaxpr={update}
    ] a b 0.0:f32[]
  in (c,) }}"
    )
}

const SINE: &str = "{ lambda ; d:f32[] e:f32[]. let f:f32[] = sin d in (f,) }";

fn f32s(array: &Array) -> Vec<f32> {
    array.to_vec::<f32>().unwrap()
}

#[test]
fn a_scatter_applies_the_function_it_shows() {
    let program = Program::parse(&apply(SINE)).unwrap();
    assert!(matches!(
        program.equations()[0].op,
        Op::Control(ControlOp::ScatterApply(_))
    ));
    let x = Array::from(vec![1.0_f32, 2.0, 3.0]);
    let out = program.run(&[x.clone(), Array::from(vec![1])]).unwrap();
    assert_eq!(f32s(&out[0]), [1.0, 2_f32.sin(), 3.0]);
    // The text it prints reads back to the same program.
    let again = Program::parse(&program.to_string()).unwrap();
    assert_eq!(again.to_string(), program.to_string());
    let out = again.run(&[x, Array::from(vec![0])]).unwrap();
    assert_eq!(f32s(&out[0]), [1_f32.sin(), 2.0, 3.0]);
}

#[test]
fn a_scatter_with_a_function_batches_lane_by_lane() {
    let program = Program::parse(&apply(SINE)).unwrap();
    let x = Array::from(ndarray::array![[1.0_f32, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    let (batched, dims) = program
        .vmap(2, &[BatchDim::At(0), BatchDim::Unbatched])
        .unwrap();
    assert_eq!(dims, [BatchDim::At(0)]);
    let out = batched.run(&[x.clone(), Array::from(vec![2])]).unwrap();
    let expected = [1.0, 2.0, 3_f32.sin(), 4.0, 5.0, 6_f32.sin()];
    assert_eq!(f32s(&out[0]), expected);
    let (batched, _) = program
        .vmap(2, &[BatchDim::At(0), BatchDim::At(0)])
        .unwrap();
    let rows = Array::from(ndarray::array![[0], [1]]);
    let out = batched.run(&[x, rows]).unwrap();
    let expected = [1_f32.sin(), 2.0, 3.0, 4.0, 5_f32.sin(), 6.0];
    assert_eq!(f32s(&out[0]), expected);
}

#[test]
fn a_function_may_use_the_update_and_meets_an_element_as_often_as_updates_do() {
    let text = "{ lambda ; a:f32[2] b:i32[3,1] u:f32[3]. let
    c:f32[2] = scatter[
      dimension_numbers=ScatterDimensionNumbers(update_window_dims=(), inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0,), operand_batching_dims=(), scatter_indices_batching_dims=())
      mode=GatherScatterMode.FILL_OR_DROP
      update_consts=()
      update_jaxpr={ lambda ; d:f32[] e:f32[]. let f:f32[] = mul d 2.0:f32[]; g:f32[] = add f e in (g,) }
    ] a b u
  in (c,) }";
    let program = Program::parse(text).unwrap();
    let x = Array::from(vec![1.0_f32, 10.0]);
    let rows = Array::from(ndarray::array![[0], [0], [7]]);
    let updates = Array::from(vec![1.0_f32, 2.0, 3.0]);
    let out = program.run(&[x, rows, updates]).unwrap();
    // (1 * 2 + 1) * 2 + 2; the third update lies outside.
    assert_eq!(f32s(&out[0]), [8.0, 10.0]);
}

#[test]
fn other_scatters_take_their_own_operation_only() {
    let text = |update: &str| apply(update).replace("scatter[", "scatter-add[");
    let own = "{ lambda ; d:f32[] e:f32[]. let f:f32[] = add d e in (f,) }";
    let program = Program::parse(&text(own)).unwrap();
    let x = Array::from(vec![1.0_f32, 2.0, 3.0]);
    let out = program.run(&[x, Array::from(vec![1])]).unwrap();
    assert_eq!(f32s(&out[0]), [1.0, 2.0, 3.0]);
    for other in [
        SINE,
        "{ lambda ; d:f32[] e:f32[]. let f:f32[] = sub d e in (f,) }",
    ] {
        let error = Program::parse(&text(other)).unwrap_err();
        assert!(matches!(error, ParseError::Unexpected { .. }), "{error}");
        assert!(
            error
                .to_string()
                .contains("the operation of `scatter-add` on its two arguments"),
            "{error}"
        );
    }
}

#[test]
fn an_update_function_of_other_types_is_refused() {
    let wrong = "{ lambda ; d:i32[] e:f32[]. let f:f32[] = sin e in (f,) }";
    let program = Program::parse(&apply(wrong)).unwrap();
    let error = program.verify().unwrap_err().to_string();
    assert!(
        error.contains("the update function must take two f32[] and return one"),
        "{error}"
    );
}

/// Batching a program that breaks its invariants would drop what its text declares.
#[test]
fn programs_are_verified_before_they_are_batched() {
    let widened = "{ lambda ; a:i32[2] b:i32[2]. let c:i64[2] = add a b in (c,) }";
    let mixed = "{ lambda ; a:f32[]. let b:f64[] = mul a a; c:i32[] = add b b in (c,) }";
    for (text, inputs) in [(widened, 2), (mixed, 1)] {
        let program = Program::parse(text).unwrap();
        let error = program.vmap(3, &vec![BatchDim::At(0); inputs]).unwrap_err();
        assert!(matches!(error, Error::Verify(_)), "{error}");
    }
}

#[test]
fn absurd_sizes_of_named_axes_are_errors() {
    let text = "{ lambda ; a:f32[2,2]. let
    b:f32[6,2,2] = all_gather[
      all_gather_dimension=0
      axis_index_groups=None
      axis_name=('i', 'j')
      axis_size=6
      axis_sizes=(18446744073709551615, 3)
      tiled=False
    ] a
  in (b,) }";
    let program = Program::parse(text).unwrap();
    assert!(program.verify().is_err());
    let error = program.vmap(2, &[BatchDim::At(0)]).unwrap_err();
    assert!(matches!(error, Error::Verify(_)), "{error}");
}

#[test]
fn a_scan_of_absurd_length_is_an_error() {
    let text = |length: &str| {
        format!(
            "{{ lambda ; . let
    a:f64[{length}] = scan[
      jaxpr={{ lambda ; . let  in (1.0:f64[],) }}
      length={length}
      num_carry=0
      num_consts=0
      reverse=False
      unroll=1
    ]
  in (a,) }}"
        )
    };
    let program = Program::parse(&text("1152921504606846976")).unwrap();
    assert!(matches!(program.run(&[]), Err(Error::Verify(_))));
    let program = Program::parse(&text("1000000000000")).unwrap();
    let error = program.run(&[]).unwrap_err();
    assert!(
        matches!(&error, Error::Op(e) if matches!(e.kind, OpErrorKind::OutOfMemory { .. })),
        "{error}"
    );
}
