//! Random programs read back from their text, and no text makes the parser panic.

use std::sync::Arc;

use elimap::program::{
    ArgReduce, ArgReduceOp, Atom, BinaryOp, BroadcastInDim, Call, Cholesky, Clamp, Concatenate,
    Cond, ControlOp, ConvertElementType, Cumulative, CumulativeOp, DataOp, DotGeneral,
    DynamicSlice, DynamicUpdateSlice, Gather, HostCall, IntegerPow, Iota, Op, Pad, PadAxis,
    ProgramBuilder, Reduce, ReduceOp, Reshape, Rev, Scan, Scatter, SelectN, Slice, Solve, Squeeze,
    SubProgram, Transpose, TriangularSolve, UnaryOp, Var,
};
use elimap::{
    Array, Callback, CallbackKind, DType, DotDims, Element, GatherDims, IndexMode, ParseError,
    Program, ProgramParser, ScatterDims, ScatterOp, Shape, TensorType, VmapMethod,
};
use proptest::prelude::*;

/// A callback that is never run.
fn host(method: VmapMethod) -> Callback {
    Callback::new("host", [f32::spec([3])], |_: &[Array]| Vec::<Array>::new()).vmap_method(method)
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
            0 => Op::from(self.pick(UnaryOp::ALL)),
            1 => Op::from(self.pick(BinaryOp::ALL)),
            2 => Op::from(IntegerPow {
                y: self.below(256) as i32 - 128,
            }),
            3 => Op::from(ConvertElementType {
                dtype: result.dtype,
                weak: result.weak,
            }),
            4 => Op::from(BroadcastInDim {
                shape: result.shape.clone(),
                dims: self.shape(),
            }),
            5 => Op::from(Reshape {
                shape: self.shape(),
            }),
            6 => Op::from(Transpose {
                permutation: self.shape(),
            }),
            7 => Op::from(Squeeze { dims: self.shape() }),
            8 => Op::from(Concatenate {
                dimension: self.below(9),
            }),
            9 => {
                let axis = |tape: &mut Self| PadAxis {
                    low: tape.below(9) as i64 - 4,
                    high: tape.below(9) as i64 - 4,
                    interior: tape.below(3),
                };
                Op::from(Pad {
                    config: (0..self.below(3)).map(|_| axis(self)).collect(),
                })
            }
            10 => Op::from(Rev { dims: self.shape() }),
            11 => {
                let rank = self.below(3);
                let mut some =
                    |least: usize| (0..rank).map(|_| least + self.below(2)).collect::<Shape>();
                Op::from(Slice {
                    start: some(0),
                    limit: some(3),
                    strides: some(1),
                })
            }
            12 => Op::from(Reduce {
                kind: self.pick(ReduceOp::ALL),
                axes: {
                    // Text gives them in any order, programs in this one.
                    let mut axes = self.shape();
                    axes.sort_unstable();
                    axes
                },
            }),
            13 => Op::from(ArgReduce {
                kind: self.pick(ArgReduceOp::ALL),
                axis: self.below(3),
                index_dtype: self.pick(&DType::ALL),
            }),
            14 => Op::from(Cumulative {
                kind: self.pick(CumulativeOp::ALL),
                axis: self.below(3),
                reverse: self.flag(),
            }),
            15 => Op::from(DotGeneral {
                dims: DotDims {
                    lhs_contract: dims(self),
                    rhs_contract: dims(self),
                    lhs_batch: dims(self),
                    rhs_batch: dims(self),
                },
            }),
            16 => Op::from(Iota {
                dtype: result.dtype,
                shape: result.shape.clone(),
                dimension: self.below(3),
            }),
            17 => Op::from(Gather {
                dims: GatherDims {
                    offset_dims: dims(self),
                    collapsed_slice_dims: dims(self),
                    start_index_map: dims(self),
                    operand_batching_dims: dims(self),
                    start_indices_batching_dims: dims(self),
                },
                slice_sizes: dims(self),
                mode: self.pick(&[IndexMode::Clip, IndexMode::FillOrDrop]),
                fill: None,
            }),
            18 => Op::from(Scatter {
                kind: self.pick(ScatterOp::ALL),
                dims: ScatterDims {
                    update_window_dims: dims(self),
                    inserted_window_dims: dims(self),
                    scatter_dims_to_operand_dims: dims(self),
                    operand_batching_dims: dims(self),
                    scatter_indices_batching_dims: dims(self),
                },
                mode: self.pick(&[IndexMode::Clip, IndexMode::FillOrDrop]),
            }),
            19 => Op::from(TriangularSolve {
                left_side: self.flag(),
                lower: self.flag(),
                transpose_a: self.flag(),
                unit_diagonal: self.flag(),
            }),
            20 => Op::from(DynamicSlice {
                sizes: self.shape(),
            }),
            _ => {
                let more = [
                    Op::from(SelectN),
                    Op::from(Clamp),
                    Op::from(DynamicUpdateSlice),
                    Op::from(Cholesky),
                    Op::from(Solve),
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
                        0 => Op::from(Call {
                            name: Arc::from(self.name()),
                            program,
                        }),
                        1 => Op::from(Cond {
                            branches: vec![program; self.below(2) + 1],
                        }),
                        _ => Op::from(Scan {
                            body: program,
                            length: 2,
                            num_consts: operands.len(),
                            num_carry: 0,
                            reverse: self.flag(),
                            unroll: self.below(3),
                            lanes: self.flag(),
                        }),
                    };
                    let mut operands = operands;
                    if matches!(op, Op::Control(ControlOp::Cond(Cond { .. }))) {
                        operands.insert(0, Atom::Literal(1_i32.into(), false));
                    }
                    let stack = |ty: TensorType| match op {
                        Op::Control(ControlOp::Scan(Scan { .. })) => {
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
                    let op = Op::from(HostCall {
                        callback: host(method),
                        results,
                        lanes,
                        kind: CallbackKind::Pure,
                    });
                    builder
                        .push(op, atoms.iter().copied().take(3).collect(), [ty], None)
                        .to_vec()
                }
                _ => {
                    let mut ty = self.ty();
                    let op = self.op(&ty);
                    if let Op::Data(DataOp::ConvertElementType(ConvertElementType {
                        weak, ..
                    })) = op
                    {
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
        let op = Op::from(BroadcastInDim {
            shape: ty.shape.clone(),
            dims: Shape::new(),
        });
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
    let text = include_str!("../reference/jaxprs.txt");
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
        let composed = ["dot_general[", "= pow ", "= mul "].iter().any(|op| text.contains(op));
        if composed && matches!(again, Err(ParseError::Composition { .. } | ParseError::TypeMismatch { .. })) {
            // A primitive of JAX's that is a composition here, of operands that fit neither.
            return Ok(());
        }
        prop_assert!(again.is_ok(), "{:?}\n{text}", again.err());
        let again = again.unwrap();
        let printed = again.to_string();
        if ["name=dot_general", "name=pow", "name=mul"].iter().any(|call| printed.contains(call)) {
            // Of operands that JAX takes as they are and this library converts first.
            return Ok(());
        }
        prop_assert_eq!(printed, text);
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
