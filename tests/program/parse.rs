//! What the parser refuses, and how it says so.

use elimap::{Array, Callback, Element, Program, ProgramParser, VmapMethod};
use insta::assert_snapshot;

/// A callback that is never run.
fn host(method: VmapMethod) -> Callback {
    Callback::new("host", [f32::spec([3])], |_: &[Array]| Vec::<Array>::new()).vmap_method(method)
}

/// The errors of several texts, one per line.
fn errors(texts: &[&str]) -> String {
    let parser = ProgramParser::new().callback(host(VmapMethod::ExpandDims));
    let errors: Vec<String> = texts
        .iter()
        .map(|text| match parser.parse(text) {
            Ok(program) => panic!("should not parse: {text}\n{program}"),
            Err(error) => error.to_string(),
        })
        .collect();
    errors.join("\n")
}

/// The errors of equations after `a:f32[3] b:i32[]`.
fn equation_errors(equations: &[&str]) -> String {
    let texts: Vec<String> = equations
        .iter()
        .map(|e| format!("{{ lambda ; a:f32[3] b:i32[]. let\n    {e}\n  in (a,) }}"))
        .collect();
    errors(&texts.iter().map(|t| &t[..]).collect::<Vec<_>>())
}

#[test]
fn grammar_errors_say_what_is_expected_and_found() {
    assert_snapshot!(errors(&[
        "",
        "{",
        "{ lambda a:f32[3] b. let in () }",
        "{ lambda ; a. let in () }",
        "{ lambda ; a:f8[3]. let in () }",
        "{ lambda ; a:f32[3,]. let in () }}",
        "{ lambda ; a:f32[x]. let in () }",
        "{ lambda ; a:f32[99999999999999999999]. let in () }",
        "{ lambda ; a:f32[9999999999,9999999999,0]. let in () }",
        "{ lambda ; a:f32[3]. let\n  b:f32[3] = neg a a) in () }",
        "{ lambda ; a:f32[3]. let\n  b:f32[3] = neg a\n  in (a b) }",
        "{ lambda ; a:f32[3]. let  in (a,) } x",
        "{ lambda ; a:f32[3]. let  in (1.5:i32[],) }",
        "{ lambda ; a:f32[3]. let  in (True:f32[],) }",
        "{ lambda ; a:f32[3]. let  in (300:u8[],) }",
        "{ lambda ; a:f32[3]. let  in (1.0:f32[1],) }",
        "{ lambda ; a:f32[3]. let  in (#,) }",
        "{ lambda ; . let a:f32[] = jit[name='x\n'",
        "{ lambda ; . let a:f32[] = jit[name='x",
        "{ lambda ; . let a:f32[] = jit[name='\\x'",
        "let f = { lambda ; . let  in () } { lambda ; . let  in () }",
    ]), @r#"
    line 1, column 1: expected `{`, found the end of the text
    line 1, column 2: expected `lambda`, found the end of the text
    line 1, column 10: the constant `a:f32[3]` has no array; give one per constant, in the order of the text, with `ProgramParser::constant`
    line 1, column 12: expected `.`, found `a`
    line 1, column 14: expected an element type (bool, u8, u16, u32, u64, i8, i16, i32, i64, bf16, f16, f32, f64, c64, c128), found `f8`
    line 1, column 34: expected the end of the text, found `}`
    line 1, column 18: expected `]`, found `x`
    line 1, column 18: expected an axis length, found `99999999999999999999`
    line 1, column 14: expected a shape that fits into memory, found a larger one
    line 2, column 21: expected an operand, `;`, a new line or `in`, found `)`
    line 3, column 9: expected `,`, found `b`
    line 1, column 37: expected the end of the text, found `x`
    line 1, column 31: expected a value of int32, found `1.5`
    line 1, column 31: expected a value of float32, found `True`
    line 1, column 31: expected a value of uint8, found `300`
    line 1, column 31: the type of the literal 1.0 should be f32[], but is f32[1]; change one to fit the other
    line 1, column 31: expected program text, found the character '#'
    line 1, column 37: expected a text that ends with `'` on its line, found the end of the line
    line 1, column 37: expected a text that ends with `'` on its line, found the end of the text
    line 1, column 39: expected `\`, `'` or `u{..}` with a character's hexadecimal code, found another escape
    line 1, column 35: expected `in`, found `{`
    "#);
}

#[test]
fn names_must_be_defined_once_and_before_use() {
    assert_snapshot!(errors(&[
        "{ lambda ; a:f32[3]. let b:f32[3] = add a c in (b,) }",
        "{ lambda ; a:f32[3]. let b:f32[3] = neg b in (b,) }",
        "{ lambda ; a:f32[3]. let  in (z,) }",
        "{ lambda ; a:f32[3] a:f32[3]. let  in (a,) }",
        "{ lambda ; a:f32[3]. let a:f32[3] = neg a in (a,) }",
        "{ lambda ; a:f32[3]. let b:f32[3] b:f32[3] = sort[dimension=0 is_stable=True num_keys=1] a a in (a,) }",
        "{ lambda ; a:f32[3]. let _:f32[3] = neg a; _:f32[3] = neg a in (_,) }",
        "{ lambda ; a:f32[3]. let b:f32[3] = jit[name=f jaxpr={ lambda ; c:f32[3]. let  in (a,) }] a in (b,) }",
        "{ lambda ; a:f32[3]. let b:f32[3] = jit[name=f jaxpr=f] a in (b,) }",
    ]), @"
    line 1, column 43: `c` is not defined here; define it before its use
    line 1, column 41: `b` is not defined here; define it before its use
    line 1, column 31: `z` is not defined here; define it before its use
    line 1, column 21: `a` is defined already; give each variable of a program a name of its own
    line 1, column 26: `a` is defined already; give each variable of a program a name of its own
    line 1, column 35: `b` is defined already; give each variable of a program a name of its own
    line 1, column 65: `_` is not defined here; define it before its use
    line 1, column 84: `a` is not defined here; define it before its use
    line 1, column 48: no program is named `f`; put `let f = { lambda .. } in` before this one
    ");
}

#[test]
fn constants_and_callbacks_must_be_given() {
    let text = "{ lambda a:f32[3]; . let  in (a,) }";
    let given = |array: Array| ProgramParser::new().constant(array);
    assert_snapshot!(Program::parse(text).unwrap_err(), @"line 1, column 10: the constant `a:f32[3]` has no array; give one per constant, in the order of the text, with `ProgramParser::constant`");
    assert_snapshot!(given(Array::from(vec![1.0, 2.0, 3.0])).parse(text).unwrap_err(), @"line 1, column 10: the array given for the constant `a` should be f32[3], but is f64[3]; change one to fit the other");
    assert_snapshot!(given(Array::from(vec![1_f32])).constant(Array::scalar(1)).parse(text).unwrap_err(), @"line 1, column 10: the array given for the constant `a` should be f32[3], but is f32[1]; change one to fit the other");
    let two = given(Array::from(vec![1_f32, 2.0, 3.0])).constant(Array::scalar(1));
    assert_snapshot!(two.parse(text).unwrap_err(), @"line 1, column 36: the text has 1 constants, but 2 arrays were given; give one per constant");
    assert_snapshot!(equation_errors(&[
        "c:f32[3] = pure_callback[callback=guest result_avals=() vmap_method=None]",
        "c:f32[3] = pure_callback[callback='my host' result_avals=() vmap_method=None]",
        "c:f32[3] = pure_callback[callback=host result_avals=(ShapedArray(float32[3]),) vmap_method=None]",
        "c:f32[3] = pure_callback[callback=host result_avals=(ShapedArray(float32[3]),) vmap_method=fast]",
        "c:f32[3] = pure_callback[callback=host result_avals=() vmap_method=sequential]",
        "c:f32[2] = pure_callback[callback=host result_avals=(ShapedArray(float32[3]),) vmap_method=sequential]",
        "c:f32[3,2] = pure_callback[callback=host result_avals=(ShapedArray(float32[3,2]),) vmap_method=sequential]",
        "debug_callback[callback=host effect=Debug partitioned=False]",
    ]), @r#"
    line 2, column 30: no callback is named "guest"; give it with `ProgramParser::callback`
    line 2, column 30: no callback is named "my host"; give it with `ProgramParser::callback`
    line 2, column 30: the vmap_method of the given callback "host" should be None, but is expand_dims; change one to fit the other
    line 2, column 84: expected `None` or a vmap method for `vmap_method`, found `fast`
    line 2, column 30: the number of result types of `host` should be 1, but is 0; change one to fit the other
    line 2, column 30: result type 0 of `host` should be f32[2], but is f32[3]; change one to fit the other
    line 2, column 32: result 0 of the given callback "host" should be f32[3,2], but is f32[3]; change one to fit the other
    line 2, column 20: the number of results of the given callback "host" should be 0, but is 1; change one to fit the other
    "#);
    let io = ProgramParser::new().callback(host(VmapMethod::Sequential).io(true));
    let text = "{ lambda ; . let\n  a:f32[3] = pure_callback[callback=host result_avals=(ShapedArray(float32[3]),)]\n  in (a,) }";
    assert_snapshot!(io.parse(text).unwrap_err(), @r#"line 2, column 28: the given callback "host" should be pure, but is declared with `io`; change one to fit the other"#);
}

#[test]
fn operations_and_parameters_must_be_known() {
    assert_snapshot!(equation_errors(&[
        "c:f32[3] = sine a",
        "c:f32[3] = round a",
        "c:f32[3] = round[rounding_method=2] a",
        "c:f32[3] = neg[speed=None] a",
        "c:f32[] = reduce_sum[out_sharding=None] a",
        "c:f32[] = reduce_sum[axes=0] a",
        "c:f32[] = reduce_sum[axes=(-1,)] a",
        "c:f32[] = reduce_max[axes=(0,) axes=(0,)] a",
        "c:f32[] = reduce_max[axes=(0,) keepdims=True] a",
        "c:f32[3] = integer_pow[y=3000000000] a",
        "c:f32[3] = cumsum[axis=0 reverse=1] a",
        "c:i32[] = argmax[axes=(0, 1) index_dtype=int32] a",
        "c:i32[] = argmax[axes=(0,) index_dtype=int128] a",
        "c:f32[5] = pad[padding_config=((1, 1),)] a 0.0:f32[]",
        "c:f32[5] = pad[padding_config=((1, 1, -1),)] a 0.0:f32[]",
        "c:f32[] = dot_general[dimension_numbers=([0], [0])] a a",
        "c:f32[] = dot_general[dimension_numbers=(([0], [0]), ([], [])) preferred_element_type=float64] a a",
        "c:f32[] = gather[dimension_numbers=GatherDimensionNumbers(offset_dims=())] a b",
        "c:i32[3] = convert_element_type[new_dtype=int64 weak_type=False] a",
        "c:f32[3] d:f32[3] = broadcast_in_dim b",
        "c:f32[3] = psum[axes=('i', 'j') axis_sizes=(2,)] a",
        "c:f32[3] = all_gather[all_gather_dimension=0 axis_name=('i', 'j') axis_size=6 tiled=False] a",
        "c:f32[3] = cond[branches=()] b a",
        "c:f32[3] = cond[branches=1] b a",
        "c:f32[3] = jit[name=f jaxpr=(1,)] a",
    ]), @r#"
    line 2, column 16: unknown operation `sine`; use the JAX name of one of `elimap::program::Op`'s variants
    line 2, column 16: `round` needs the parameter `rounding_method`; add `rounding_method=..` in its brackets
    line 2, column 22: expected 0 (away from zero) or 1 (to even) for `rounding_method`, found `2`
    line 2, column 20: `neg` takes no further parameter `speed`; remove it
    line 2, column 15: `reduce_sum` needs the parameter `axes`; add `axes=..` in its brackets
    line 2, column 26: expected a tuple of numbers for `axes`, found `0`
    line 2, column 26: expected a tuple of numbers for `axes`, found `(-1,)`
    line 2, column 36: `reduce_max` takes no further parameter `axes`; remove it
    line 2, column 36: `reduce_max` takes no further parameter `keepdims`; remove it
    line 2, column 28: expected a number in range for `y`, found `3000000000`
    line 2, column 30: expected `True` or `False` for `reverse`, found `1`
    line 2, column 22: expected a tuple of one axis for `axes`, found `(0, 1)`
    line 2, column 32: expected an element type for `index_dtype`, found `int128`
    line 2, column 20: expected a tuple of tuples of 3 numbers for `padding_config`, found `((1, 1),)`
    line 2, column 16: expected interior padding of 0 or more, found less
    line 2, column 27: expected numbers such as `(([1], [0]), ([], []))` for `dimension_numbers`, found `([0], [0])`
    line 2, column 15: the result's element type should be f64, but is f32; change one to fit the other
    line 2, column 22: expected `GatherDimensionNumbers(offset_dims=.., collapsed_slice_dims=.., start_index_map=.., operand_batching_dims=.., start_indices_batching_dims=..)` for `dimension_numbers`, found `GatherDimensionNumbers(..)`
    line 2, column 16: the result's element type should be i64, but is i32; change one to fit the other
    line 2, column 25: the number of results should be 1, but is 2; change one to fit the other
    line 2, column 16: the number of axis_sizes should be 2, but is 1; change one to fit the other
    line 2, column 16: the size of the mapped axis "i" is not known; give it with `ProgramParser::axis`
    line 2, column 21: expected at least one branch, found none
    line 2, column 21: expected a tuple of programs for `branches`, found `1`
    line 2, column 27: expected a program or a program's name, found `(1,)`
    "#);
}

#[test]
fn programs_must_fit_operands_and_results() {
    let identity = "{ lambda ; x:f32[3]. let  in (x,) }";
    let cases = [
        "c:f32[3] = jit[name=f jaxpr=ID]",
        "c:f32[3] = jit[name=f jaxpr=ID] b",
        "c:f32[2] = jit[name=f jaxpr=ID] a",
        "c:f32[3] = cond[branches=(ID ID)]",
        "c:f32[3] = cond[branches=(ID ID)] b b",
        "c:f32[3] = while[cond_jaxpr=ID cond_nconsts=1 body_jaxpr=ID body_nconsts=1] a",
        "c:f32[3] = while[cond_jaxpr=ID cond_nconsts=0 body_jaxpr=ID body_nconsts=18446744073709551615] a",
        "c:f32[3] = while[cond_jaxpr=ID cond_nconsts=0 body_jaxpr=ID body_nconsts=0] b",
        "c:f32[3] = scan[jaxpr=ID length=3 num_carry=2 num_consts=0 reverse=False unroll=1] a",
        "c:f32[3] = scan[jaxpr=ID length=3 num_carry=0 num_consts=0 reverse=False unroll=1] a",
        "c:f32[3] = scan[jaxpr=ID length=3 num_carry=0 num_consts=1 reverse=False unroll=1] a",
    ];
    let cases = cases.map(|case| case.replace("ID", identity));
    assert_snapshot!(equation_errors(&cases.each_ref().map(|case| &case[..])), @"
    line 2, column 16: the number of operands of `jit` should be 1, but is 0; change one to fit the other
    line 2, column 16: operand 0 of `jit` should be f32[3], but is i32[]; change one to fit the other
    line 2, column 16: result 0 of `jit` should be f32[3], but is f32[2]; change one to fit the other
    line 2, column 16: the number of operands of `cond` should be 1 or more, but is 0; change one to fit the other
    line 2, column 16: branch operand 0 of `cond` should be f32[3], but is i32[]; change one to fit the other
    line 2, column 16: the number of operands of `while` should be 2 or more, but is 1; change one to fit the other
    line 2, column 16: the number of operands of `while` should be 18446744073709551615 or more, but is 1; change one to fit the other
    line 2, column 16: predicate operand 0 of `while` should be f32[3], but is i32[]; change one to fit the other
    line 2, column 16: the number of the body's inputs or results should be 2 or more, but is 1; change one to fit the other
    line 2, column 16: operand 0 of `scan` should be f32[3,3], but is f32[3]; change one to fit the other
    line 2, column 16: result 0 of `scan` should be f32[3,3], but is f32[3]; change one to fit the other
    ");
}

#[test]
fn columns_count_characters() {
    let error =
        Program::parse("{ lambda ; . let\n  a:f32[] = jit[name='äöü' jaxpr=?]").unwrap_err();
    assert_snapshot!(error, @"line 2, column 34: expected program text, found the character '?'");
    assert_eq!(error.position(), (2, 34));
}

/// Text that JAX 0.10.2 printed, read and run.
#[test]
fn genuine_jaxprs_are_read_and_run() {
    // jnp.take of rows, a where of its own, relu with its rule, a checkpoint, a positional psum, a shared program.
    let text = "\
let double = { lambda ; a:f64[3]. let b:f64[3] = mul a 2.0:f64[] in (b,) } in
{ lambda ; a:f64[2,3] b:i64[2]. let
    c:bool[2] = lt b 0:i64[]
    d:i64[2] = add b 2:i64[]
    e:i64[2] = select_n c b d
    f:i32[2] = convert_element_type[new_dtype=int32 weak_type=False] e
    g:i32[2,1] = broadcast_in_dim[broadcast_dimensions=(np.int64(0),)] f
    h:f64[2,3] = gather[
      dimension_numbers=GatherDimensionNumbers(offset_dims=(1,), collapsed_slice_dims=(0,), start_index_map=(0,), operand_batching_dims=(), start_indices_batching_dims=())
      fill_value=None
      indices_are_sorted=False
      mode=GatherScatterMode.PROMISE_IN_BOUNDS
      slice_sizes=(1, 3)
      unique_indices=False
    ] a g
    i:f64[2,3] = custom_jvp_call[
      name=relu
      call_jaxpr={ lambda ; c:f64[2,3]. let
          d:f64[2,3] = jit[
            name=relu
            jaxpr={ lambda ; c:f64[2,3]. let
                d:f64[2,3] = max c 0.0:f64[]
              in (d,) }
          ] c
        in (d,) }
      jvp=jvp
      symbolic_zeros=False
    ] h
    j:f64[2,3] = remat2[
      differentiated=False
      jaxpr={ lambda ; c:f64[2,3]. let d:f64[2,3] = exp2[accuracy=None] c in (d,) }
      policy=<function everything.<locals>.policy at 0x7f3c00>
      prevent_cse=True
    ] i
    k:f64[3] = psum[axes=(0,) axis_index_groups=None] j
    l:f64[3] = jit[name=double jaxpr=double] k
    m:f64[3] = stop_gradient l
    n:f64[] = dot_general[
      dimension_numbers=(([0], [0]), ([], []))
      precision=(Precision.HIGHEST, Precision.HIGHEST)
    ] m m
  in (m, n) }";
    let program = Program::parse(text).unwrap();
    program.verify().unwrap();
    let x = Array::from(ndarray::array![[1.0, -2.0, 0.0], [2.0, 1.0, 3.0]]);
    let out = program.run(&[x, Array::from(vec![-1_i64, 0])]).unwrap();
    // Rows 1 and 0, negatives to zero, powers of two, summed and doubled.
    assert_eq!(out[0].to_vec::<f64>().unwrap(), [12.0, 6.0, 18.0]);
    assert_eq!(out[1].item::<f64>().unwrap(), 504.0);
}

/// What JAX 0.10.2 prints of newer checkpoints, which are Python objects that it shows with their fields.
#[test]
fn checkpoints_that_are_objects_are_read() {
    let text = "\
{ lambda ; a:f64[]. let
    b:f64[] = call_hi_primitive[
      _prim=RematTraced[{'jaxpr': { lambda ; a:f64[]. let
    b:f64[] = sin a
    c:f64[] = call_hi_primitive[_prim=CheckpointName[{'name': 'sin'}]] b
    d:f64[] = mul c c
  in (d,) }, 'policy': SaveOnlyTheseNames(saveable_names=frozenset({'sin'}))}]
    ] a
  in (b,) }";
    let program = Program::parse(text).unwrap();
    program.verify().unwrap();
    let square = 0.5_f64.sin().powi(2);
    let out = program.run(&[Array::from(0.5)]).unwrap();
    assert!((out[0].item::<f64>().unwrap() - square).abs() < 1e-15);
    let (forward, _) = program.jvp(&[true]).unwrap();
    let out = forward.run(&[Array::from(0.5), Array::from(1.0)]).unwrap();
    assert!((out[1].item::<f64>().unwrap() - 1.0_f64.sin()).abs() < 1e-15);
    // Of another object nothing is known.
    let other = text.replace("RematTraced", "Other");
    assert_snapshot!(errors(&[&other]), @"line 2, column 15: unknown operation `call_hi_primitive`; use the JAX name of one of `elimap::program::Op`'s variants");
}

/// What JAX 0.10.2 prints of `lax.platform_dependent`.
#[test]
fn a_choice_by_platform_is_that_of_the_processor() {
    let text = "\
{ lambda ; a:f32[]. let
    b:i32[] = platform_index[platforms=(('tpu',), ('cpu', 'cuda'), None)]
    c:f32[] = cond[
      branches=(
        { lambda ; d:f32[]. let e:f32[] = sin d in (e,) }
        { lambda ; d:f32[]. let e:f32[] = add d 1.0:f32[] in (e,) }
        { lambda ; d:f32[]. let e:f32[] = cos d in (e,) }
      )
      branches_platforms=(('tpu',), ('cpu', 'cuda'), None)
    ] b a
  in (c,) }";
    let program = Program::parse(text).unwrap();
    program.verify().unwrap();
    let out = program.run(&[Array::from(0.5_f32)]).unwrap();
    assert_eq!(out[0].item::<f32>().unwrap(), 1.5);
    let other = text.replace("('cpu', 'cuda'), None", "('cuda',)");
    assert_snapshot!(errors(&[&other]), @"line 2, column 30: `platform_index` cannot be read: none of the platforms is `cpu`");
}
