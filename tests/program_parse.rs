//! What the parser refuses, and that no text makes it panic.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use elimap::{
    ArgReduceOp, Array, Atom, BinaryOp, Callback, CallbackKind, CumulativeOp, DType, DotDims,
    Element, GatherDims, IndexMode, Op, PadAxis, Program, ProgramBuilder, ProgramParser, ReduceOp,
    ScatterDims, ScatterOp, Shape, SubProgram, TensorType, UnaryOp, Var, VmapMethod,
};
use insta::assert_snapshot;
use proptest::prelude::*;

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
        "{ lambda ; a:f16[3]. let in () }",
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
    line 1, column 14: expected an element type (bool, u8, u32, u64, i32, i64, f32, f64), found `f16`
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
        "{ lambda ; a:f32[3]. let _:f32[3] = neg a in (_,) }",
        "{ lambda ; a:f32[3]. let b:f32[3] = jit[name=f jaxpr={ lambda ; c:f32[3]. let  in (a,) }] a in (b,) }",
        "{ lambda ; a:f32[3]. let b:f32[3] = jit[name=f jaxpr=f] a in (b,) }",
    ]), @"
    line 1, column 43: `c` is not defined here; define it before its use
    line 1, column 41: `b` is not defined here; define it before its use
    line 1, column 31: `z` is not defined here; define it before its use
    line 1, column 21: `a` is defined already; give each variable of a program a name of its own
    line 1, column 26: `a` is defined already; give each variable of a program a name of its own
    line 1, column 35: `b` is defined already; give each variable of a program a name of its own
    line 1, column 47: `_` is not defined here; define it before its use
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
        "c:f32[3] = neg[accuracy=None] a",
        "c:f32[] = reduce_sum[out_sharding=None] a",
        "c:f32[] = reduce_sum[axes=0] a",
        "c:f32[] = reduce_sum[axes=(-1,)] a",
        "c:f32[] = reduce_max[axes=(0,) axes=(0,)] a",
        "c:f32[] = reduce_max[axes=(0,) out_sharding=None] a",
        "c:f32[3] = integer_pow[y=3000000000] a",
        "c:f32[3] = cumsum[axis=0 reverse=1] a",
        "c:f32[3] = sort[dimension=0 is_stable=False num_keys=1] a",
        "c:i32[] = argmax[axes=(0, 1) index_dtype=int32] a",
        "c:i32[] = argmax[axes=(0,) index_dtype=int16] a",
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
    ]), @"
    line 2, column 16: unknown operation `sine`; use the JAX name of one of `elimap::Op`'s variants
    line 2, column 16: `round` needs the parameter `rounding_method`; add `rounding_method=..` in its brackets
    line 2, column 22: expected 0 (away from zero) or 1 (to even) for `rounding_method`, found `2`
    line 2, column 20: `neg` takes no further parameter `accuracy`; remove it
    line 2, column 15: `reduce_sum` needs the parameter `axes`; add `axes=..` in its brackets
    line 2, column 26: expected a tuple of numbers for `axes`, found `0`
    line 2, column 26: expected a tuple of numbers for `axes`, found `(-1,)`
    line 2, column 36: `reduce_max` takes no further parameter `axes`; remove it
    line 2, column 36: `reduce_max` takes no further parameter `out_sharding`; remove it
    line 2, column 28: expected a number in range for `y`, found `3000000000`
    line 2, column 30: expected `True` or `False` for `reverse`, found `1`
    line 2, column 33: expected `True` for `is_stable`, found `False`
    line 2, column 22: expected a tuple of one axis for `axes`, found `(0, 1)`
    line 2, column 32: expected an element type for `index_dtype`, found `int16`
    line 2, column 20: expected a tuple of tuples of 3 numbers for `padding_config`, found `((1, 1),)`
    line 2, column 16: expected interior padding of 0 or more, found less
    line 2, column 27: expected numbers such as `(([1], [0]), ([], []))` for `dimension_numbers`, found `([0], [0])`
    line 2, column 15: the result's element type should be f64, but is f32; change one to fit the other
    line 2, column 22: expected `GatherDimensionNumbers(offset_dims=.., collapsed_slice_dims=.., start_index_map=.., operand_batching_dims=.., start_indices_batching_dims=..)` for `dimension_numbers`, found `GatherDimensionNumbers(..)`
    line 2, column 16: the result's element type should be i64, but is i32; change one to fit the other
    line 2, column 25: the number of results should be 1, but is 2; change one to fit the other
    line 2, column 16: the number of axis_sizes should be 2, but is 1; change one to fit the other
    line 2, column 16: `all_gather` needs the parameter `axis_sizes`; add `axis_sizes=..` in its brackets
    line 2, column 21: expected at least one branch, found none
    line 2, column 21: expected a tuple of programs for `branches`, found `1`
    line 2, column 27: expected a program or a program's name, found `(1,)`
    ");
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

/// Decisions read from a tape, so that proptest can shrink them.
struct Tape<'t>(std::slice::Iter<'t, u8>);

impl Tape<'_> {
    fn below(&mut self, n: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % n
    }

    fn flag(&mut self) -> bool {
        self.below(2) == 1
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    fn shape(&mut self) -> Shape {
        (0..self.below(4)).map(|_| self.below(4)).collect()
    }

    fn ty(&mut self) -> TensorType {
        let dtype = self.pick(&DType::ALL);
        TensorType::new(dtype, self.shape())
    }

    fn name(&mut self) -> &'static str {
        self.pick(&[
            "f", "g", "<lambda>", "my model", "let", "in", "None", "naïve", "it's", "a",
        ])
    }

    fn literal(&mut self) -> Atom {
        use elimap::Scalar;
        let floats = [
            0.1,
            -0.0,
            1e-5,
            1e16,
            123456789.0,
            f64::NAN,
            f64::INFINITY,
            f64::MIN_POSITIVE,
            -2.5e-300,
        ];
        let float = self.pick(&floats);
        let value = match self.below(6) {
            0 => Scalar::Bool(self.flag()),
            1 => Scalar::U8(self.below(256) as u8),
            2 => Scalar::I64(self.pick(&[0, -1, i64::MIN, i64::MAX])),
            3 => Scalar::U64(self.pick(&[0, u64::MAX])),
            4 => Scalar::F32(float as f32),
            _ => Scalar::F64(float),
        };
        Atom::Literal(value, self.flag())
    }

    /// An operation without regard to its meaning, for which text need only keep what it holds.
    fn op(&mut self, result: &TensorType) -> Op {
        let dims = |tape: &mut Self| tape.shape();
        match self.below(22) {
            0 => Op::Unary(self.pick(UnaryOp::ALL)),
            1 => Op::Binary(self.pick(BinaryOp::ALL)),
            2 => Op::IntegerPow {
                y: self.below(256) as i32 - 128,
            },
            3 => Op::ConvertElementType {
                dtype: result.dtype,
                weak: result.weak,
            },
            4 => Op::BroadcastInDim {
                shape: result.shape.clone(),
                dims: self.shape(),
            },
            5 => Op::Reshape {
                shape: self.shape(),
            },
            6 => Op::Transpose {
                permutation: self.shape(),
            },
            7 => Op::Squeeze { dims: self.shape() },
            8 => Op::Concatenate {
                dimension: self.below(9),
            },
            9 => {
                let axis = |tape: &mut Self| PadAxis {
                    low: tape.below(9) as i64 - 4,
                    high: tape.below(9) as i64 - 4,
                    interior: tape.below(3),
                };
                Op::Pad {
                    config: (0..self.below(3)).map(|_| axis(self)).collect(),
                }
            }
            10 => Op::Rev { dims: self.shape() },
            11 => {
                let rank = self.below(3);
                let mut some =
                    |least: usize| (0..rank).map(|_| least + self.below(2)).collect::<Shape>();
                Op::Slice {
                    start: some(0),
                    limit: some(3),
                    strides: some(1),
                }
            }
            12 => Op::Reduce {
                kind: self.pick(ReduceOp::ALL),
                axes: self.shape(),
            },
            13 => Op::ArgReduce {
                kind: self.pick(ArgReduceOp::ALL),
                axis: self.below(3),
                index_dtype: self.pick(&DType::ALL),
            },
            14 => Op::Cumulative {
                kind: self.pick(CumulativeOp::ALL),
                axis: self.below(3),
                reverse: self.flag(),
            },
            15 => Op::DotGeneral {
                dims: DotDims {
                    lhs_contract: dims(self),
                    rhs_contract: dims(self),
                    lhs_batch: dims(self),
                    rhs_batch: dims(self),
                },
            },
            16 => Op::Iota {
                dtype: result.dtype,
                shape: result.shape.clone(),
                dimension: self.below(3),
            },
            17 => Op::Gather {
                dims: GatherDims {
                    offset_dims: dims(self),
                    collapsed_slice_dims: dims(self),
                    start_index_map: dims(self),
                    operand_batching_dims: dims(self),
                    start_indices_batching_dims: dims(self),
                },
                slice_sizes: dims(self),
                mode: self.pick(&[IndexMode::Clip, IndexMode::FillOrDrop]),
            },
            18 => Op::Scatter {
                kind: self.pick(ScatterOp::ALL),
                dims: ScatterDims {
                    update_window_dims: dims(self),
                    inserted_window_dims: dims(self),
                    scatter_dims_to_operand_dims: dims(self),
                    operand_batching_dims: dims(self),
                    scatter_indices_batching_dims: dims(self),
                },
                mode: self.pick(&[IndexMode::Clip, IndexMode::FillOrDrop]),
            },
            19 => Op::TriangularSolve {
                left_side: self.flag(),
                lower: self.flag(),
                transpose_a: self.flag(),
                unit_diagonal: self.flag(),
            },
            20 => Op::DynamicSlice {
                sizes: self.shape(),
            },
            _ => {
                let more = [
                    Op::SelectN,
                    Op::Clamp,
                    Op::DynamicUpdateSlice,
                    Op::Cholesky,
                    Op::Solve,
                ];
                more[self.below(more.len())].clone()
            }
        }
    }

    /// A program of the given inputs, and the programs it may share.
    fn program(
        &mut self,
        inputs: &[TensorType],
        shared: &mut Vec<SubProgram>,
        depth: usize,
    ) -> Program {
        let mut builder = ProgramBuilder::new();
        let mut atoms: Vec<Atom> = inputs
            .iter()
            .map(|ty| Atom::Var(builder.input(ty.clone())))
            .collect();
        for _ in 0..self.below(14) {
            let outputs: Vec<Var> = match self.below(8) {
                0 if depth > 0 => {
                    let program = self.sub_program(shared, depth);
                    let operands: Vec<Atom> = program
                        .input_types()
                        .iter()
                        .map(|ty| self.operand(&mut builder, ty))
                        .collect();
                    let types = program.output_types();
                    let op = match self.below(3) {
                        0 => Op::Call {
                            name: Arc::from(self.name()),
                            program,
                        },
                        1 => Op::Cond {
                            branches: vec![program; self.below(2) + 1],
                        },
                        _ => Op::Scan {
                            body: program,
                            length: 2,
                            num_consts: operands.len(),
                            num_carry: 0,
                            reverse: self.flag(),
                            unroll: self.below(3),
                            lanes: self.flag(),
                        },
                    };
                    let mut operands = operands;
                    if matches!(op, Op::Cond { .. }) {
                        operands.insert(0, Atom::Literal(1_i32.into(), false));
                    }
                    let stack = |ty: TensorType| match op {
                        Op::Scan { .. } => {
                            TensorType::new(ty.dtype, [2].into_iter().chain(ty.shape))
                        }
                        _ => ty,
                    };
                    let types: Vec<TensorType> = types.into_iter().map(stack).collect();
                    builder
                        .push(op, operands.into_iter().collect(), types, None)
                        .to_vec()
                }
                1 => {
                    let method = self.pick(&VmapMethod::ALL);
                    let lanes: Shape = if method == VmapMethod::Parallel {
                        self.shape()
                    } else {
                        Shape::new()
                    };
                    let ty = TensorType::new(DType::F32, lanes.iter().copied().chain([3]));
                    let results = [ty.clone()].into_iter().collect();
                    let op = Op::Callback {
                        callback: host(method),
                        results,
                        lanes,
                        kind: CallbackKind::Pure,
                    };
                    builder
                        .push(op, atoms.iter().copied().take(3).collect(), [ty], None)
                        .to_vec()
                }
                _ => {
                    let mut ty = self.ty();
                    let op = self.op(&ty);
                    if let Op::ConvertElementType { weak, .. } = op {
                        ty.weak = weak;
                    }
                    let operands = (0..self.below(4)).map(|_| match atoms.len() {
                        0 => self.literal(),
                        n => atoms[self.below(n)],
                    });
                    let operands = operands.collect();
                    let types = vec![ty; 1];
                    builder.push(op, operands, types, None).to_vec()
                }
            };
            atoms.extend(outputs.into_iter().map(Atom::Var));
            if self.below(5) == 0 {
                atoms.push(self.literal());
            }
        }
        let outputs = (0..self.below(4))
            .filter_map(|_| atoms.get(self.below(atoms.len().max(1))).copied())
            .collect();
        builder.finish(outputs)
    }

    fn sub_program(&mut self, shared: &mut Vec<SubProgram>, depth: usize) -> SubProgram {
        if !shared.is_empty() && self.flag() {
            return shared[self.below(shared.len())].clone();
        }
        let inputs: Vec<TensorType> = (0..self.below(3)).map(|_| self.ty()).collect();
        let program = Arc::new(self.program(&inputs, shared, depth - 1));
        shared.push(program.clone());
        program
    }

    /// A value of the given type, out of nowhere.
    fn operand(&mut self, builder: &mut ProgramBuilder, ty: &TensorType) -> Atom {
        let op = Op::BroadcastInDim {
            shape: ty.shape.clone(),
            dims: Shape::new(),
        };
        let literal = self.literal();
        Atom::Var(builder.push(op, [literal].into_iter().collect(), [ty.clone()], None)[0])
    }
}

fn parser() -> ProgramParser {
    // The text says which method each use of the callback has.
    ProgramParser::new().callback(host(VmapMethod::ExpandDims))
}

/// Programs as the printer writes them, to be damaged.
fn corpus() -> Vec<&'static str> {
    let text = include_str!("reference/jaxprs.txt");
    text.split("## ")
        .skip(1)
        .map(|case| case.split_once('\n').unwrap().1)
        .collect()
}

#[derive(Clone, Debug)]
enum Damage {
    Delete(usize, usize),
    Repeat(usize, usize),
    Move(usize, usize, usize),
    Insert(usize, &'static str),
}

/// Applies damage at word boundaries of the text.
fn damaged(text: &str, damage: &[Damage]) -> String {
    let mut words: Vec<&str> = text
        .split_inclusive(|c: char| !c.is_ascii_alphanumeric())
        .collect();
    for damage in damage {
        let n = words.len();
        if n == 0 {
            break;
        }
        let range = |at: usize, length: usize| at % n..(at % n + length).min(n);
        match *damage {
            Damage::Delete(at, length) => drop(words.drain(range(at, length))),
            Damage::Repeat(at, length) => {
                let range = range(at, length);
                let copy = words[range.clone()].to_vec();
                words.splice(range.end..range.end, copy);
            }
            Damage::Move(at, length, to) => {
                let moved: Vec<&str> = words.drain(range(at, length)).collect();
                let to = to % (words.len() + 1);
                words.splice(to..to, moved);
            }
            Damage::Insert(at, word) => words.insert(at % n, word),
        }
    }
    words.concat()
}

fn damage() -> impl Strategy<Value = Damage> {
    let words = vec![
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ":",
        ";",
        ",",
        ".",
        "=",
        "'",
        "\\",
        "\n",
        " ",
        "-",
        "0",
        "1",
        "-1",
        "3.5",
        "1e999",
        "18446744073709551615",
        "18446744073709551616",
        "in",
        "let",
        "lambda",
        "nan",
        "None",
        "True",
        "a",
        "_",
        "<",
        ">",
        "f32[]",
        "f32[3]",
        "ShapedArray(",
        "np.int64(",
        "é",
        "\u{0}",
    ];
    prop_oneof![
        (any::<usize>(), 1..6_usize).prop_map(|(at, n)| Damage::Delete(at, n)),
        (any::<usize>(), 1..9_usize).prop_map(|(at, n)| Damage::Repeat(at, n)),
        (any::<usize>(), 1..6_usize, any::<usize>())
            .prop_map(|(at, n, to)| Damage::Move(at, n, to)),
        (any::<usize>(), proptest::sample::select(words))
            .prop_map(|(at, word)| Damage::Insert(at, word)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 1500 }))]

    #[test]
    fn what_is_printed_reads_back(tape in proptest::collection::vec(any::<u8>(), 0..600)) {
        let mut tape = Tape(tape.iter());
        let inputs: Vec<TensorType> = (0..tape.below(5)).map(|_| tape.ty()).collect();
        let program = tape.program(&inputs, &mut Vec::new(), 3);
        let text = program.to_string();
        let again = parser().parse(&text);
        prop_assert!(again.is_ok(), "{:?}\n{text}", again.err());
        let again = again.unwrap();
        prop_assert_eq!(again.to_string(), text);
        prop_assert_eq!(again.equations().len(), program.equations().len());
    }

    #[test]
    fn damaged_text_is_an_error_or_a_program(
        case in any::<prop::sample::Index>(),
        damage in proptest::collection::vec(damage(), 1..5),
    ) {
        let corpus = corpus();
        let whole: &&str = case.get(&corpus);
        let text = damaged(whole, &damage);
        match parser().parse(&text) {
            Ok(program) => {
                let printed = program.to_string();
                let again = parser().parse(&printed);
                prop_assert!(again.is_ok(), "{:?}\n{printed}", again.err());
                prop_assert_eq!(again.unwrap().to_string(), printed);
            }
            Err(error) => {
                let (line, column) = error.position();
                let length = text.split('\n').nth(line - 1).map(|l| l.chars().count());
                prop_assert!(length.is_some_and(|n| column <= n + 1), "{error}\n{text}");
            }
        }
    }

    #[test]
    fn any_text_is_an_error_or_a_program(text in "\\PC{0,60}") {
        let _ = Program::parse(&text);
    }
}
