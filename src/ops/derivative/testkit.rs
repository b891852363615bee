//! What holds derivative rules to differences of the operation and to each other.

use smallvec::SmallVec;
use std::panic::Location;

use crate::array::{Array, DType, Shape, TensorType};
use crate::error::Error;
use crate::ops::rule::{LinearInput, Outputs, Tangents};
use crate::ops::testkit::{interpret, run};
use crate::program::*;

/// Where the rules emit in these tests.
pub(super) struct Recorder {
    pub(super) builder: ProgramBuilder,
}

impl Tangents for Recorder {
    fn location(&self) -> Option<&'static Location<'static>> {
        None
    }

    fn atom_type(&self, atom: &Atom) -> TensorType {
        self.builder.atom_type(atom)
    }

    fn push(&mut self, op: Op, inputs: Atoms) -> Result<Outputs<Atom>, Error> {
        crate::ops::emit(&mut self.builder, op, inputs, None).map_err(Error::from)
    }
}

/// A reproducible number in `[-1, 1)`.
fn draw(state: &mut u64) -> f64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

fn random(shape: &[usize], state: &mut u64) -> Array {
    let count = shape.iter().product();
    Array::from_elements(shape, (0..count).map(|_| draw(state)).collect())
}

pub(super) fn floats(array: &Array) -> Vec<f64> {
    array.to_vec::<f64>().expect("float64")
}

fn dot(x: &[Array], y: &[Array]) -> f64 {
    let pairs = x.iter().zip(y).filter(|(x, _)| x.dtype() == DType::F64);
    pairs
        .flat_map(|(x, y)| floats(x).into_iter().zip(floats(y)).collect::<Vec<_>>())
        .map(|(x, y)| x * y)
        .sum()
}

fn norm(x: &[Array]) -> f64 {
    dot(x, x).sqrt()
}

/// Tangents of the operation's results along the tangents of its `f64` operands, and cotangents of these operands from
/// those of the results, as programs of the operands followed by the (co)tangents.
pub(super) struct Derived {
    pub(super) forward: Program,
    reverse: Program,
}

pub(super) fn derive(op: &Op, operands: &[Array]) -> Derived {
    let Op::Data(data) = op else {
        panic!("data operations only")
    };
    let types: Vec<TensorType> = operands.iter().map(Array::ty).collect();
    let record = || {
        let mut recorder = Recorder {
            builder: ProgramBuilder::new(),
        };
        let primals: Vec<Atom> = types
            .iter()
            .map(|t| recorder.builder.input(t.clone()).into())
            .collect();
        (recorder, primals)
    };
    let (mut forward, primals) = record();
    let tangents: Vec<Option<Atom>> = types
        .iter()
        .map(|ty| (ty.dtype == DType::F64).then(|| forward.builder.input(ty.clone()).into()))
        .collect();
    let results = forward
        .push(op.clone(), primals.iter().copied().collect())
        .expect("a typed operation");
    let known = forward.builder.program().equations().len();
    let out = crate::ops::jvp(&mut forward, data, &primals, &results, &tangents)
        .unwrap_or_else(|e| panic!("{op:?}: {e}"));
    assert_eq!(out.len(), results.len());
    let mut outputs = Vec::new();
    for (tangent, result) in out.iter().zip(&results) {
        let ty = forward.atom_type(result);
        if ty.dtype != DType::F64 {
            assert!(tangent.is_none(), "{op:?}: a tangent of {ty}");
            continue;
        }
        if let Some(tangent) = tangent {
            assert_eq!(forward.atom_type(tangent).shape, ty.shape, "{op:?}");
        }
        let cx: &mut dyn Tangents = &mut forward;
        outputs.push(cx.written(*tangent, &ty).expect("zeros"));
    }
    let forward = forward.builder.finish(outputs);

    // The reverse program repeats what does not depend on tangents, then goes backwards through what does.
    let (mut reverse, primals) = record();
    let linear_inputs = &forward.inputs()[types.len()..];
    let cotangents: Vec<Atom> = forward
        .output_types()
        .into_iter()
        .map(|ty| reverse.builder.input(ty).into())
        .collect();
    let mut linear = vec![false; forward.types().len()];
    let mut values: Vec<Option<Atom>> = vec![None; forward.types().len()];
    for &var in linear_inputs {
        linear[var.index()] = true;
    }
    for (&var, &atom) in forward.inputs().iter().zip(&primals) {
        values[var.index()] = Some(atom);
    }
    let is_linear =
        |linear: &[bool], atom: &Atom| matches!(atom, Atom::Var(v) if linear[v.index()]);
    let mut backward = Vec::new();
    for (index, equation) in forward.equations().iter().enumerate() {
        let depends = equation.inputs.iter().any(|a| is_linear(&linear, a));
        assert!(!depends || index >= known);
        if depends {
            for &var in &equation.outputs {
                linear[var.index()] = true;
            }
            backward.push(equation);
            continue;
        }
        let inputs = equation.inputs.iter().map(|a| match a {
            Atom::Var(v) => values[v.index()].expect("known"),
            literal => *literal,
        });
        let outputs = reverse
            .push(equation.op.clone(), inputs.collect())
            .expect("as before");
        for (&var, atom) in equation.outputs.iter().zip(outputs) {
            values[var.index()] = Some(atom);
        }
    }
    let mut gradients: Vec<Option<Atom>> = vec![None; forward.types().len()];
    for (output, &cotangent) in forward.outputs().iter().zip(&cotangents) {
        if let Atom::Var(var) = output
            && linear[var.index()]
        {
            let cx: &mut dyn Tangents = &mut reverse;
            let sum = cx
                .sum(gradients[var.index()], Some(cotangent))
                .expect("a sum");
            gradients[var.index()] = sum;
        }
    }
    for equation in backward.into_iter().rev() {
        let Op::Data(data) = &equation.op else {
            unreachable!()
        };
        let incoming: SmallVec<[Option<Atom>; 2]> = equation
            .outputs
            .iter()
            .map(|v| gradients[v.index()])
            .collect();
        let inputs: Vec<LinearInput> = equation
            .inputs
            .iter()
            .map(|atom| match atom {
                Atom::Var(v) if linear[v.index()] => {
                    LinearInput::Linear(forward.var_type(*v).clone())
                }
                Atom::Var(v) => LinearInput::Known(values[v.index()].expect("known")),
                literal => LinearInput::Known(*literal),
            })
            .collect();
        let outgoing = crate::ops::transpose(&mut reverse, data, &incoming, &inputs)
            .unwrap_or_else(|e| panic!("{op:?}: {e}"));
        assert_eq!(outgoing.len(), inputs.len(), "{:?}", equation.op);
        for ((atom, input), cotangent) in equation.inputs.iter().zip(&inputs).zip(outgoing) {
            let (LinearInput::Linear(ty), Atom::Var(var)) = (input, atom) else {
                assert!(
                    cotangent.is_none(),
                    "{:?}: a cotangent of a known operand",
                    equation.op
                );
                continue;
            };
            if let Some(cotangent) = cotangent {
                assert!(
                    reverse.atom_type(&cotangent).same_layout(ty),
                    "{:?}",
                    equation.op
                );
            }
            let cx: &mut dyn Tangents = &mut reverse;
            let sum = cx.sum(gradients[var.index()], cotangent).expect("a sum");
            gradients[var.index()] = sum;
        }
    }
    let mut outputs = Vec::new();
    for &var in linear_inputs {
        let cx: &mut dyn Tangents = &mut reverse;
        let ty = forward.var_type(var);
        outputs.push(cx.written(gradients[var.index()], ty).expect("zeros"));
    }
    Derived {
        forward,
        reverse: reverse.builder.finish(outputs),
    }
}

/// The operands moved along the tangents of the floating ones.
fn moved(operands: &[Array], tangents: &[Array], by: f64) -> Vec<Array> {
    let mut tangents = tangents.iter();
    let mut step = |x: &Array| {
        if x.dtype() != DType::F64 {
            return x.clone();
        }
        let t = floats(tangents.next().expect("one for each"));
        let moved = floats(x).iter().zip(t).map(|(x, t)| x + by * t).collect();
        Array::from_elements(x.shape(), moved)
    };
    operands.iter().map(&mut step).collect()
}

/// Sixth-order central differences of the floating results.
fn differences(op: &Op, operands: &[Array], tangents: &[Array], step: f64) -> Vec<Array> {
    const WEIGHTS: [f64; 3] = [45.0 / 60.0, -9.0 / 60.0, 1.0 / 60.0];
    let mut total: Vec<Vec<f64>> = Vec::new();
    let mut shapes: Vec<Shape> = Vec::new();
    for (k, weight) in WEIGHTS.into_iter().enumerate() {
        for sign in [1.0, -1.0] {
            let by = sign * step * (k + 1) as f64;
            let results = run(op, &moved(operands, tangents, by));
            let results = results.iter().filter(|r| r.dtype() == DType::F64);
            for (i, result) in results.enumerate() {
                if total.len() == i {
                    total.push(vec![0.0; result.elements::<f64>().len()]);
                    shapes.push(Shape::from_slice(result.shape()));
                }
                for (sum, y) in total[i].iter_mut().zip(floats(result)) {
                    *sum += sign * weight * y / step;
                }
            }
        }
    }
    let arrays = total.into_iter().zip(&shapes);
    arrays
        .map(|(values, shape)| Array::from_elements(shape, values))
        .collect()
}

/// Holds the rules of an operation to differences and to each other, at operands where it is smooth.
pub(super) fn check(op: impl Into<Op>, operands: &[Array]) {
    let op = &op.into();
    let derived = derive(op, operands);
    let mut state = 7;
    for round in 0..3 {
        let tangents: Vec<Array> = operands
            .iter()
            .filter(|x| x.dtype() == DType::F64)
            .map(|x| random(x.shape(), &mut state))
            .collect();
        let args: Vec<Array> = operands.iter().chain(&tangents).cloned().collect();
        let found = interpret(&derived.forward, &args);
        let want = differences(op, operands, &tangents, 2e-3);
        assert_eq!(found.len(), want.len());
        for (found, want) in found.iter().zip(&want) {
            assert_eq!(found.shape(), want.shape());
            let scale = 1.0 + floats(want).iter().fold(0.0, |a: f64, b| a.max(b.abs()));
            for (x, y) in floats(found).into_iter().zip(floats(want)) {
                assert!(
                    (x - y).abs() < 1e-9 * scale,
                    "{op:?} round {round}: {found:?} is not {want:?}"
                );
            }
        }
        let cotangents: Vec<Array> = found
            .iter()
            .map(|y| random(y.shape(), &mut state))
            .collect();
        let args: Vec<Array> = operands.iter().chain(&cotangents).cloned().collect();
        let back = interpret(&derived.reverse, &args);
        let (left, right) = (dot(&cotangents, &found), dot(&back, &tangents));
        let scale = 1.0 + norm(&cotangents) * norm(&found) + norm(&back) * norm(&tangents);
        assert!(
            (left - right).abs() < 1e-12 * scale,
            "{op:?}: {left} is not {right}"
        );
    }
}

/// The tangent at given operands, for conventions at kinks.
pub(super) fn tangent(op: impl Into<Op>, operands: &[Array], tangents: &[&[f64]]) -> Vec<f64> {
    let derived = derive(&op.into(), operands);
    let floating = operands.iter().filter(|x| x.dtype() == DType::F64);
    let tangents = floating
        .zip(tangents)
        .map(|(x, t)| Array::from_elements(x.shape(), t.to_vec()));
    let args: Vec<Array> = operands.iter().cloned().chain(tangents).collect();
    floats(&interpret(&derived.forward, &args)[0])
}
