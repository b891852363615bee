//! Programs print as JAX's jaxprs do, and what they print reads back.

use std::sync::Arc;

use elimap::program::{
    Atom, BinaryOp, Call, Collective, CollectiveOp, ControlOp, ConvertElementType, HostCall, Op,
    ProgramBuilder, Reduce, ReduceOp, Scan, Solve, SubProgram, UnaryOp, Var,
};
use elimap::{
    Array, Callback, CallbackKind, DType, Element, Program, ProgramParser, TensorType, VmapMethod,
};
use insta::assert_snapshot;

/// A callback that is never run.
fn host(results: impl IntoIterator<Item = TensorType>) -> Callback {
    Callback::new("host", results, |_: &[Array]| Vec::<Array>::new())
}

/// A program built equation by equation.
struct Build(ProgramBuilder);

impl Build {
    fn new() -> Build {
        Build(ProgramBuilder::new())
    }

    fn input(&mut self, ty: TensorType) -> Atom {
        Atom::Var(self.0.input(ty))
    }

    fn all(
        &mut self,
        op: Op,
        inputs: &[Atom],
        types: impl IntoIterator<Item = TensorType>,
    ) -> Vec<Atom> {
        let outputs = self
            .0
            .push(op, inputs.iter().copied().collect(), types, None);
        outputs.into_iter().map(Atom::Var).collect()
    }

    fn one(&mut self, op: Op, inputs: &[Atom], ty: TensorType) -> Atom {
        self.all(op, inputs, [ty])[0]
    }

    fn done(self, outputs: &[Atom]) -> Program {
        self.0.finish(outputs.to_vec())
    }
}

/// The program after a trip through its text, which must not change it.
fn text_of(program: &Program, parser: &ProgramParser) -> String {
    let text = program.to_string();
    let again = parser
        .parse(&text)
        .unwrap_or_else(|e| panic!("{e}\n{text}"));
    assert_eq!(again.to_string(), text);
    text
}

fn pure(callback: &Callback, results: &[TensorType], lanes: &[usize]) -> Op {
    Op::from(HostCall {
        callback: callback.clone(),
        results: results.iter().cloned().collect(),
        lanes: lanes.iter().copied().collect(),
        kind: CallbackKind::Pure,
    })
}

/// Operations of one operand in a row, all over one type.
fn unary_program(ops: &[UnaryOp], ty: &TensorType) -> SubProgram {
    let mut b = Build::new();
    let mut x = b.input(ty.clone());
    for &op in ops {
        x = b.one(Op::from(op), &[x], ty.clone());
    }
    Arc::new(b.done(&[x]))
}

#[test]
fn short_programs_stay_on_one_line() {
    let program = unary_program(&[], &f32::spec([]));
    assert_snapshot!(text_of(&program, &ProgramParser::new()), @"{ lambda ; a:f32[]. let  in (a,) }");
    let program = unary_program(&[UnaryOp::Sin], &f32::spec([3]));
    assert_snapshot!(text_of(&program, &ProgramParser::new()), @"{ lambda ; a:f32[3]. let b:f32[3] = sin a in (b,) }");
    assert_snapshot!(text_of(&Program::default(), &ProgramParser::new()), @"{ lambda ; . let  in () }");
}

#[test]
fn a_callback_with_lanes_shows_them() {
    let callback = host([f32::spec([2])]).vmap_method(VmapMethod::Parallel);
    let mut b = Build::new();
    let x = b.input(f32::spec([3]));
    let y = b.one(
        pure(&callback, &[f32::spec([3, 2])], &[3]),
        &[x],
        f32::spec([3, 2]),
    );
    let z = b.one(pure(&callback, &[f32::spec([2])], &[]), &[], f32::spec([2]));
    let parser = ProgramParser::new().callback(callback);
    assert_snapshot!(text_of(&b.done(&[y, z]), &parser), @"
    { lambda ; a:f32[3]. let
        b:f32[3,2] = pure_callback[
          callback=host
          lanes=(3,)
          result_avals=(ShapedArray(float32[3,2]),)
          sharding=None
          vmap_method=parallel
        ] a
        c:f32[2] = pure_callback[
          callback=host
          result_avals=(ShapedArray(float32[2]),)
          sharding=None
          vmap_method=parallel
        ] 
      in (b, c) }
    ");
}

#[test]
fn names_that_are_no_word_are_quoted() {
    let callback = Callback::new("it's a\thost", [f32::spec([])], |_: &[Array]| {
        Vec::<Array>::new()
    });
    let mut b = Build::new();
    let y = b.one(pure(&callback, &[f32::spec([])], &[]), &[], f32::spec([]));
    let program = unary_program(&[UnaryOp::Sin; 11], &f32::spec([]));
    let z = b.one(
        Op::from(Call {
            name: Arc::from("model (2)"),
            program,
        }),
        &[y],
        f32::spec([]),
    );
    let parser = ProgramParser::new().callback(callback);
    assert_snapshot!(text_of(&b.done(&[z]), &parser), @r#"
    let model__2_ = { lambda ; a:f32[]. let
        b:f32[] = sin a
        c:f32[] = sin b
        d:f32[] = sin c
        e:f32[] = sin d
        f:f32[] = sin e
        g:f32[] = sin f
        h:f32[] = sin g
        i:f32[] = sin h
        j:f32[] = sin i
        k:f32[] = sin j
        l:f32[] = sin k
      in (l,) } in
    { lambda ; . let
        m:f32[] = pure_callback[
          callback='it\'s a\u{9}host'
          result_avals=(ShapedArray(float32[]),)
          sharding=None
          vmap_method=None
        ] 
        n:f32[] = jit[name='model (2)' jaxpr=model__2_] m
      in (n,) }
    "#);
}

#[test]
fn a_debug_callback_has_no_results() {
    let callback = host([]);
    let mut b = Build::new();
    let x = b.input(f32::spec([3]));
    let kind = CallbackKind::Debug;
    let op = Op::from(HostCall {
        callback: callback.clone(),
        results: Default::default(),
        lanes: Default::default(),
        kind,
    });
    b.all(op, &[x], []);
    assert_snapshot!(text_of(&b.done(&[x]), &ProgramParser::new().callback(callback)), @"
    { lambda ; a:f32[3]. let
        debug_callback[callback=host effect=Debug partitioned=False] a
      in (a,) }
    ");
}

#[test]
fn named_axes_show_their_sizes() {
    let mut b = Build::new();
    let x = b.input(f32::spec([2, 2]));
    let i = [(Arc::from("i"), 2)];
    let ij = [(Arc::from("i"), 2), (Arc::from("j k"), 3)];
    let collective = |op: CollectiveOp, axes: &[(Arc<str>, usize)]| {
        Op::from(Collective {
            kind: op,
            axes: axes.iter().cloned().collect(),
        })
    };
    let gather = CollectiveOp::AllGather {
        axis: 0,
        tiled: false,
    };
    let out = [
        b.one(collective(CollectiveOp::Psum, &i), &[x], f32::spec([2, 2])),
        b.one(collective(CollectiveOp::Pmax, &ij), &[x], f32::spec([2, 2])),
        b.one(collective(CollectiveOp::AxisIndex, &i), &[], i32::spec([])),
        b.one(collective(CollectiveOp::AxisIndex, &ij), &[], i32::spec([])),
        b.one(collective(gather.clone(), &i), &[x], f32::spec([2, 2, 2])),
        b.one(collective(gather, &ij), &[x], f32::spec([6, 2, 2])),
        b.one(
            collective(
                CollectiveOp::Ppermute {
                    pairs: vec![(0, 1), (1, 0)],
                },
                &i,
            ),
            &[x],
            f32::spec([2, 2]),
        ),
        b.one(
            collective(
                CollectiveOp::AllToAll {
                    split_axis: 0,
                    concat_axis: 1,
                    tiled: true,
                },
                &i,
            ),
            &[x],
            f32::spec([1, 4]),
        ),
        b.one(
            collective(
                CollectiveOp::PsumScatter {
                    axis: 1,
                    tiled: false,
                },
                &i,
            ),
            &[x],
            f32::spec([2]),
        ),
    ];
    assert_snapshot!(text_of(&b.done(&out), &ProgramParser::new()), @"
    { lambda ; a:f32[2,2]. let
        b:f32[2,2] = psum[axes=('i',) axis_index_groups=None axis_sizes=(2,)] a
        c:f32[2,2] = pmax[
          axes=('i', 'j k')
          axis_index_groups=None
          axis_sizes=(2, 3)
        ] a
        d:i32[] = axis_index[axis_name=i axis_sizes=(2,)] 
        e:i32[] = axis_index[axis_name=('i', 'j k') axis_sizes=(2, 3)] 
        f:f32[2,2,2] = all_gather[
          all_gather_dimension=0
          axis_index_groups=None
          axis_name=('i',)
          axis_size=2
          tiled=False
        ] a
        g:f32[6,2,2] = all_gather[
          all_gather_dimension=0
          axis_index_groups=None
          axis_name=('i', 'j k')
          axis_size=6
          axis_sizes=(2, 3)
          tiled=False
        ] a
        h:f32[2,2] = ppermute[
          axis_name=('i',)
          axis_sizes=(2,)
          perm=((0, 1), (1, 0))
        ] a
        i:f32[1,4] = all_to_all[
          axis_index_groups=None
          axis_name=i
          axis_sizes=(2,)
          concat_axis=1
          split_axis=0
          tiled=True
        ] a
        j:f32[2] = reduce_scatter[
          axis_index_groups=None
          axis_name=('i',)
          axis_size=2
          scatter_dimension=1
          tiled=False
        ] a
      in (b, c, d, e, f, g, h, i, j) }
    ");
}

#[test]
fn operations_that_jax_does_not_have() {
    let mut b = Build::new();
    let (a, v) = (b.input(f64::spec([3, 3])), b.input(f64::spec([3, 1])));
    let x = b.one(Op::from(Solve), &[a, v], f64::spec([3, 1]));
    let y = b.one(Op::from(UnaryOp::RoundHalfEven), &[x], f64::spec([3, 1]));
    let z = b.one(Op::from(UnaryOp::RoundHalfAway), &[y], f64::spec([3, 1]));
    let w = b.one(
        Op::from(ConvertElementType {
            dtype: DType::F32,
            weak: true,
        }),
        &[z],
        f32::spec([3, 1]),
    );
    assert_snapshot!(text_of(&b.done(&[w]), &ProgramParser::new()), @"
    { lambda ; a:f64[3,3] b:f64[3,1]. let
        c:f64[3,1] = solve a b
        d:f64[3,1] = round[rounding_method=1] c
        e:f64[3,1] = round[rounding_method=0] d
        f:f32[3,1] = convert_element_type[new_dtype=float32 weak_type=True] e
      in (f,) }
    ");
}

#[test]
fn a_scan_shows_lanes_where_its_form_does_not_tell() {
    let sequential = host([f32::spec([])]).vmap_method(VmapMethod::Sequential);
    let scan = |body: SubProgram, lanes: bool| {
        Op::from(Scan {
            body,
            length: 3,
            num_consts: 0,
            num_carry: 0,
            reverse: false,
            unroll: 1,
            lanes,
        })
    };
    let mut body = Build::new();
    let x = body.input(f32::spec([]));
    let y = body.one(
        pure(&sequential, &[f32::spec([])], &[]),
        &[x],
        f32::spec([]),
    );
    let body = Arc::new(body.done(&[y]));
    let plain = unary_program(&[UnaryOp::Sin], &f32::spec([]));
    let mut b = Build::new();
    let x = b.input(f32::spec([3]));
    let out = [
        b.one(scan(body.clone(), true), &[x], f32::spec([3])),
        b.one(scan(body, false), &[x], f32::spec([3])),
        b.one(scan(plain, true), &[x], f32::spec([3])),
    ];
    let program = b.done(&out);
    let parser = ProgramParser::new().callback(sequential);
    assert_snapshot!(text_of(&program, &parser), @"
    let jaxpr = { lambda ; a:f32[]. let
        b:f32[] = pure_callback[
          callback=host
          result_avals=(ShapedArray(float32[]),)
          sharding=None
          vmap_method=sequential
        ] a
      in (b,) } in
    { lambda ; c:f32[3]. let
        d:f32[3] = scan[
          jaxpr=jaxpr
          length=3
          num_carry=0
          num_consts=0
          reverse=False
          unroll=1
        ] c
        e:f32[3] = scan[
          jaxpr=jaxpr
          lanes=False
          length=3
          num_carry=0
          num_consts=0
          reverse=False
          unroll=1
        ] c
        f:f32[3] = scan[
          jaxpr={ lambda ; g:f32[]. let h:f32[] = sin g in (h,) }
          lanes=True
          length=3
          num_carry=0
          num_consts=0
          reverse=False
          unroll=1
        ] c
      in (d, e, f) }
    ");
    let again = parser.parse(&program.to_string()).unwrap();
    let lanes = |p: &Program| -> Vec<bool> {
        p.equations()
            .iter()
            .map(|e| {
                matches!(
                    &e.op,
                    Op::Control(ControlOp::Scan(Scan { lanes: true, .. }))
                )
            })
            .collect()
    };
    assert_eq!(lanes(&again), [true, false, true]);
}

#[test]
fn a_shared_program_stands_before_those_that_use_it() {
    let ty = f32::spec([3]);
    let call = |name: &str, program: &SubProgram| {
        Op::from(Call {
            name: Arc::from(name),
            program: program.clone(),
        })
    };
    let sine = unary_program(&[UnaryOp::Sin], &ty);
    let mut b = Build::new();
    let x = b.input(ty.clone());
    let y = b.one(call("sine", &sine), &[x], ty.clone());
    let z = b.one(call("sine", &sine), &[y], ty.clone());
    let outer = Arc::new(b.done(&[z]));
    let mut b = Build::new();
    let x = b.input(ty.clone());
    let y = b.one(call("outer", &outer), &[x], ty.clone());
    let z = b.one(call("outer", &outer), &[y], ty);
    assert_snapshot!(text_of(&b.done(&[z]), &ProgramParser::new()), @"
    let sine = { lambda ; a:f32[3]. let b:f32[3] = sin a in (b,) } in
    let outer = { lambda ; c:f32[3]. let
        d:f32[3] = jit[name=sine jaxpr=sine] c
        e:f32[3] = jit[name=sine jaxpr=sine] d
      in (e,) } in
    { lambda ; f:f32[3]. let
        g:f32[3] = jit[name=outer jaxpr=outer] f
        h:f32[3] = jit[name=outer jaxpr=outer] g
      in (h,) }
    ");
}

#[test]
fn a_dropped_result_of_a_call_keeps_a_name_inside() {
    let ty = f32::spec([3]);
    let mut b = Build::new();
    let x = b.input(ty.clone());
    let y = b.one(Op::from(UnaryOp::Sin), &[x], ty.clone());
    let z = b.one(Op::from(UnaryOp::Cos), &[x], ty.clone());
    let both = Arc::new(b.done(&[y, z]));
    let mut b = Build::new();
    let x = b.input(ty.clone());
    let out = b.all(
        Op::from(Call {
            name: Arc::from("both"),
            program: both,
        }),
        &[x],
        [ty.clone(), ty],
    );
    assert_snapshot!(text_of(&b.done(&out[1..]), &ProgramParser::new()), @"
    { lambda ; a:f32[3]. let
        _:f32[3] b:f32[3] = jit[
          name=both
          jaxpr={ lambda ; a:f32[3]. let
              c:f32[3] = sin a
              b:f32[3] = cos a
            in (c, b) }
        ] a
      in (b,) }
    ");
}

#[test]
fn a_tower_of_shared_programs_prints_each_once() {
    let ty = f32::spec([]);
    let mut program = unary_program(&[UnaryOp::Sin], &ty);
    for _ in 0..40 {
        let mut b = Build::new();
        let x = b.input(ty.clone());
        let op = || {
            Op::from(Call {
                name: Arc::from("level"),
                program: program.clone(),
            })
        };
        let y = b.one(op(), &[x], ty.clone());
        let z = b.one(op(), &[y], ty.clone());
        program = Arc::new(b.done(&[z]));
    }
    let text = text_of(&program, &ProgramParser::new());
    assert_eq!(text.matches("let level").count(), 40);
}

#[test]
fn a_long_program_prints_and_reads_on_a_small_stack() {
    let work = || {
        let ty = f64::spec([]);
        let mut b = Build::new();
        let mut x = b.input(ty.clone());
        for _ in 0..200_000 {
            x = b.one(Op::from(BinaryOp::Add), &[x, x], ty.clone());
        }
        let text = text_of(&b.done(&[x]), &ProgramParser::new());
        assert_eq!(text.lines().count(), 200_002);
    };
    std::thread::Builder::new()
        .stack_size(1 << 20)
        .spawn(work)
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| {
        let mut program = unary_program(&[UnaryOp::Sin], &f32::spec([]));
        for _ in 1..depth {
            let mut b = Build::new();
            let x = b.input(f32::spec([]));
            let y = b.one(
                Op::from(Call {
                    name: Arc::from("f"),
                    program,
                }),
                &[x],
                f32::spec([]),
            );
            program = Arc::new(b.done(&[y]));
        }
        program
    };
    let work = move || {
        text_of(&nested(64), &ProgramParser::new());
        let error = Program::parse(&nested(65).to_string()).unwrap_err();
        assert!(
            error.to_string().contains("nested deeper than 64 levels"),
            "{error}"
        );
        for open in [
            "{ lambda ; . let a:f32[] = jit[name=f jaxpr=",
            "(",
            "[",
            "f(",
        ] {
            let text = format!(
                "{{ lambda ; . let a:f32[] = iota[shape={}",
                open.repeat(100_000)
            );
            let error = Program::parse(&text).unwrap_err();
            assert!(
                error.to_string().contains("nested deeper than 64 levels") || open == "f(",
                "{error}"
            );
        }
    };
    std::thread::Builder::new()
        .stack_size(1 << 20)
        .spawn(work)
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn constants_and_literals() {
    let mut b = ProgramBuilder::new();
    let matrix = Array::from_vec([2, 2], vec![1.0, 2.0, 3.0, 4.0]).unwrap();
    let (m, two) = (b.constant(&matrix), b.constant(&Array::scalar(2_u8)));
    let out: Vec<Var> = b
        .push(
            Op::from(BinaryOp::Mul),
            [m, m].into_iter().collect(),
            [f64::spec([2, 2])],
            None,
        )
        .to_vec();
    let axes = [0, 1].into_iter().collect();
    let sum = b.push(
        Op::from(Reduce {
            kind: ReduceOp::Sum,
            axes,
        }),
        [out[0].into()].into_iter().collect(),
        [f64::spec([])],
        None,
    );
    let program = b.finish(vec![sum[0].into(), two]);
    let parser = ProgramParser::new().constant(matrix);
    assert_snapshot!(text_of(&program, &parser), @"
    { lambda a:f64[2,2]; . let
        b:f64[2,2] = mul a a
        c:f64[] = reduce_sum[axes=(0, 1) out_sharding=None] b
      in (c, 2:u8[]) }
    ");
}

#[test]
fn variables_may_be_called_like_keywords_and_values() {
    let text = "\
{ lambda ; nan:f32[] in:f32[] inf:f32[]. let
    let:f32[] = add nan nan:f32[]
    lambda:f32[] = add in let
    _:f32[] = clamp -inf:f32[] inf inf:f32[]
  in (in, lambda, nan, nan:f32[], inf) }";
    let program = Program::parse(text).unwrap();
    assert_snapshot!(text_of(&program, &ProgramParser::new()), @"
    { lambda ; a:f32[] b:f32[] c:f32[]. let
        d:f32[] = add a nan:f32[]
        e:f32[] = add b d
        _:f32[] = clamp -inf:f32[] c inf:f32[]
      in (b, e, a, nan:f32[], c) }
    ");
}

#[test]
fn blanks_are_free_but_for_an_indented_line_that_continues_an_equation() {
    let text =
        "{ lambda ;a:f32[3]\n b:float32[3].let ;\nc:f32[3]=add a\n b;;d:f32[3]=neg c;in(c,d)}";
    let program = Program::parse(text).unwrap();
    assert_snapshot!(text_of(&program, &ProgramParser::new()), @"
    { lambda ; a:f32[3] b:f32[3]. let
        c:f32[3] = add a b
        d:f32[3] = neg c
      in (c, d) }
    ");
}
