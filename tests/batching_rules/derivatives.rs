//! What derivatives must agree with, for every operation of the table: mapping the derivative is the derivative of the mapped
//! function, the linear half of a linearized program is the derivative, its transpose has the same inner products, and the
//! transpose of that is the linear half again. That derivatives are right is seen from differences, of whole programs here and of single
//! operations in `src/ops/derivative/tests.rs`, where conventions at ties and kinks are too.

use std::collections::BTreeSet;

use elimap::num_complex::Complex;
use elimap::program::Program;
use elimap::{Array, BatchDim, DType, Error};

use crate::lanes::{Draw, Nest, Rule};

/// Operations without a derivative, or without one backwards.
pub(crate) const REFUSED: &[&str] = &[
    "pure_callback",
    "io_callback",
    "debug_callback",
    "custom_vmap_call",
    "while",
    "nextafter",
    "scatter-mul",
    "scatter",
    "pmax",
    "pmin",
    "polygamma",
];

/// All numbers; of complex ones both parts in turn.
fn numbers(array: &Array) -> Vec<f64> {
    match array.dtype() {
        DType::F32 => {
            let values = array.to_vec::<f32>().unwrap();
            values.into_iter().map(f64::from).collect()
        }
        DType::C64 => {
            let values = array.to_vec::<Complex<f32>>().unwrap();
            values
                .into_iter()
                .flat_map(|z| [z.re.into(), z.im.into()])
                .collect()
        }
        DType::C128 => {
            let values = array.to_vec::<Complex<f64>>().unwrap();
            values.into_iter().flat_map(|z| [z.re, z.im]).collect()
        }
        _ => array.to_vec().unwrap(),
    }
}

fn array(dtype: DType, shape: &[usize], values: Vec<f64>) -> Array {
    let shape = shape.iter().copied();
    match dtype {
        DType::F32 => Array::from_vec(shape, values.into_iter().map(|x| x as f32).collect()),
        DType::C64 => {
            let pairs = values.chunks_exact(2);
            Array::from_vec(
                shape,
                pairs
                    .map(|p| Complex::new(p[0] as f32, p[1] as f32))
                    .collect(),
            )
        }
        DType::C128 => {
            let pairs = values.chunks_exact(2);
            Array::from_vec(shape, pairs.map(|p| Complex::new(p[0], p[1])).collect())
        }
        _ => Array::from_vec(shape, values),
    }
    .unwrap()
}

/// Random numbers in the shape of each.
fn directions(like: &[&Array], draw: &mut Draw) -> Vec<Array> {
    let mut one = |x: &&Array| {
        let count =
            x.shape().iter().product::<usize>() * if x.dtype().is_complex() { 2 } else { 1 };
        let values = (0..count).map(|_| 2.0 * draw.uniform() - 1.0).collect();
        array(x.dtype(), x.shape(), values)
    };
    like.iter().map(&mut one).collect()
}

/// The real part of the sum of all products, without conjugation.
fn dot(x: &[Array], y: &[Array]) -> f64 {
    assert_eq!(x.len(), y.len());
    let products = x.iter().zip(y).map(|(x, y)| {
        assert_eq!((x.shape(), x.dtype()), (y.shape(), y.dtype()));
        let complex = x.dtype().is_complex();
        let products = numbers(x).into_iter().zip(numbers(y)).map(|(x, y)| x * y);
        match complex {
            true => products
                .enumerate()
                .map(|(i, p)| if i % 2 == 0 { p } else { -p })
                .sum::<f64>(),
            false => products.sum::<f64>(),
        }
    });
    products.sum()
}

fn size(x: &[Array]) -> f64 {
    let squares = x.iter().flat_map(numbers).map(|x| x * x);
    squares.sum::<f64>().sqrt()
}

fn finite(arrays: &[Array]) -> bool {
    let floats = arrays.iter().filter(|a| a.dtype().is_inexact());
    floats.flat_map(numbers).all(f64::is_finite)
}

fn assert_close(found: &Array, expected: &Array, tolerance: f64, what: &str) {
    assert_eq!(found.shape(), expected.shape(), "{what}");
    assert_eq!(found.dtype(), expected.dtype(), "{what}");
    let expected = numbers(expected);
    let largest = expected.iter().fold(0.0, |m: f64, y| m.max(y.abs()));
    for (x, y) in numbers(found).into_iter().zip(expected) {
        let same = x == y || (x.is_nan() && y.is_nan());
        assert!(
            same || (x - y).abs() <= tolerance * (1.0 + largest),
            "{what}: {x} is not {y}"
        );
    }
}

fn lane(x: &Array, dim: BatchDim, k: usize) -> Array {
    match dim {
        BatchDim::At(axis) => x.index_axis(axis, k).unwrap(),
        _ => x.clone(),
    }
}

/// Whether an error is that of an operation known to have no derivative.
fn refused(program: &Program, error: &Error) -> bool {
    let mut names = BTreeSet::new();
    crate::names(program, &mut names);
    let listed = names.iter().any(|name| REFUSED.contains(name));
    assert!(listed, "{error} in {program}");
    matches!(error.root(), Error::Autodiff(_) | Error::Op(_))
}

/// Whether a program has numbers of so few digits that rules cannot be told apart by them.
fn coarse(program: &Program) -> bool {
    let half = |ty: &elimap::TensorType| matches!(ty.dtype, DType::F16 | DType::BF16);
    program.types().iter().any(half)
}

/// Holds the derivatives of a rule's function to each other.
pub(crate) fn check(nest: &Nest, build: impl Fn(&mut Draw) -> Rule) {
    let mut draw = nest.draw();
    let rule = build(&mut draw);
    let program = rule.program();
    let args = rule.moderate(&mut draw);
    let flags: Vec<bool> = args.iter().map(|a| a.dtype().is_inexact()).collect();
    let floating: Vec<&Array> = args.iter().filter(|a| a.dtype().is_inexact()).collect();
    if floating.is_empty() || coarse(&program) {
        return;
    }
    let single = |ty: &elimap::TensorType| matches!(ty.dtype, DType::F32 | DType::C64);
    let wide = !program.types().iter().any(single);
    let tolerance = if wide { 1e-12 } else { 1e-4 };
    let tangents = directions(&floating, &mut draw);
    let (forward, moving) = match program.jvp(&flags) {
        Ok(found) => found,
        Err(error) => return assert!(refused(&program, &error), "{error}"),
    };
    check_differences(&program, &flags, &args, &mut draw);
    let given = [args.clone(), tangents.clone()].concat();
    let found = forward.run(&given).unwrap();
    let derivative = &found[program.outputs().len()..];
    check_mapped(&program, &forward, &flags, &given, &mut draw, tolerance);

    let (primal, linear, residuals, pushed) = program.linearize(&flags).unwrap();
    assert_eq!(pushed, moving);
    let mut kept = primal.run(&args).unwrap();
    let kept = kept.split_off(kept.len() - residuals);
    let push = |tangents: &[Array]| {
        linear
            .run(&[kept.clone(), tangents.to_vec()].concat())
            .unwrap()
    };
    let pushed = push(&tangents);
    for (found, expected) in pushed.iter().zip(derivative) {
        assert_close(found, expected, tolerance, "the linear half");
    }
    let known = vec![false; residuals];
    let asked = vec![true; tangents.len()];
    let (back, pulled) = match linear.transpose(&[known.clone(), asked].concat()) {
        Ok(found) => found,
        Err(error) => return assert!(refused(&program, &error), "{error}"),
    };
    if !finite(&kept) || !finite(&pushed) || pushed.is_empty() {
        return;
    }
    assert_eq!(
        back.inputs().len(),
        residuals + pushed.len(),
        "{linear}\n{back}"
    );
    let cotangents = directions(&pushed.iter().collect::<Vec<_>>(), &mut draw);
    let gradients = back
        .run(&[kept.clone(), cotangents.clone()].concat())
        .unwrap();
    if !finite(&gradients) {
        return;
    }
    let reached: Vec<Array> = tangents
        .iter()
        .zip(&pulled)
        .filter(|(_, p)| **p)
        .map(|(t, _)| t.clone())
        .collect();
    let (left, right) = (dot(&cotangents, &pushed), dot(&gradients, &reached));
    let scale = 1.0 + size(&cotangents) * size(&pushed) + size(&gradients) * size(&reached);
    assert!(
        (left - right).abs() <= tolerance * scale,
        "{left} is not {right}: {linear}\n{back}"
    );

    let (again, _) = back
        .transpose(&[known, vec![true; cotangents.len()]].concat())
        .unwrap();
    let twice = again.run(&[kept.clone(), reached].concat()).unwrap();
    assert_eq!(twice.len(), pushed.len(), "{back}\n{again}");
    for (found, expected) in twice.iter().zip(&pushed) {
        assert_close(found, expected, tolerance, "the transpose of the transpose");
    }
}

/// Sixth-order central differences of the floating results along tangents of the floating arguments.
fn differences(program: &Program, args: &[Array], tangents: &[Array], step: f64) -> Vec<Vec<f64>> {
    const WEIGHTS: [f64; 3] = [45.0 / 60.0, -9.0 / 60.0, 1.0 / 60.0];
    let mut total: Vec<Vec<f64>> = Vec::new();
    for (k, weight) in WEIGHTS.into_iter().enumerate() {
        for sign in [1.0, -1.0] {
            let by = sign * step * (k + 1) as f64;
            let results = program.run(&moved(args, tangents, by)).unwrap();
            let floats = results.iter().filter(|r| r.dtype().is_inexact());
            for (i, values) in floats.map(numbers).enumerate() {
                if total.len() == i {
                    total.push(vec![0.0; values.len()]);
                }
                let sums = total[i].iter_mut().zip(values);
                sums.for_each(|(sum, y)| *sum += sign * weight * y / step);
            }
        }
    }
    total
}

/// The floating arguments moved along tangents.
fn moved(args: &[Array], tangents: &[Array], by: f64) -> Vec<Array> {
    let mut tangents = tangents.iter();
    let mut one = |x: &Array| match x.dtype().is_inexact() {
        false => x.clone(),
        true => {
            let pairs = numbers(x)
                .into_iter()
                .zip(numbers(tangents.next().unwrap()));
            array(
                x.dtype(),
                x.shape(),
                pairs.map(|(x, t)| x + by * t).collect(),
            )
        }
    };
    args.iter().map(&mut one).collect()
}

/// Whether bounds of a clamp cross: JAX's derivative by them is 0 then, although the result is the upper one.
fn bounds_cross(program: &Program, args: &[Array]) -> bool {
    let clamps = program.equations().iter().any(|e| e.op.name() == "clamp");
    match args {
        [low, _, high] if clamps && low.shape() == high.shape() => {
            let mut bounds = numbers(low).into_iter().zip(numbers(high));
            bounds.any(|(low, high)| low > high)
        }
        _ => false,
    }
}

/// Results from here on are rounded so coarsely that differences of them say nothing of a slope.
const LARGE: f64 = 1e4;
/// What rises by whole numbers rises between more than one pair of points from here on, and differences may settle on a slope that a
/// staircase has as a whole.
const STEEP: f64 = 1e2;

/// Holds forward mode to differences wherever these settle, which they do not across kinks nor beside large numbers; says
/// whether any number was compared. Arguments are moved off ties first.
pub(crate) fn check_differences(
    program: &Program,
    flags: &[bool],
    args: &[Array],
    draw: &mut Draw,
) -> bool {
    let Ok((forward, moving)) = program.jvp(flags) else {
        return false;
    };
    let single = |ty: &elimap::TensorType| matches!(ty.dtype, DType::F32 | DType::C64);
    if coarse(program) || program.types().iter().any(single) {
        return false;
    }
    let floating: Vec<&Array> = args.iter().filter(|a| a.dtype().is_inexact()).collect();
    let args = moved(args, &directions(&floating, draw), 0.03);
    if bounds_cross(program, &args) {
        return false;
    }
    let tangents = directions(&floating, draw);
    let found = forward
        .run(&[args.clone(), tangents.clone()].concat())
        .unwrap();
    let mut derivative = found[program.outputs().len()..].iter();
    let (wide, narrow) = (
        differences(program, &args, &tangents, 1e-3),
        differences(program, &args, &tangents, 5e-4),
    );
    let results = found.iter().zip(program.output_types()).zip(&moving);
    let floats = results.filter(|((_, ty), _)| ty.dtype.is_inexact());
    let mut compared = false;
    for ((((result, ty), &moves), wide), narrow) in floats.zip(wide).zip(narrow) {
        let found = match moves {
            true => numbers(derivative.next().unwrap()),
            false => vec![0.0; ty.size() * if ty.dtype.is_complex() { 2 } else { 1 }],
        };
        let slopes = found.into_iter().zip(wide).zip(narrow);
        for (((x, far), near), y) in slopes.zip(numbers(result)) {
            let settled = (far - near).abs() <= 1e-9 * (1.0 + near.abs());
            if settled && near.abs() < STEEP && y.abs() < LARGE {
                compared = true;
                let fits = (x - near).abs() <= 1e-7 * (1.0 + near.abs());
                assert!(fits, "{x} is not {near}, the slope of\n{program}");
            }
        }
    }
    compared
}

/// The names of a rule's operations, where its derivative could be compared with differences.
pub(crate) fn compared(
    nest: &Nest,
    build: fn(&mut Draw) -> Rule,
    out: &mut BTreeSet<&'static str>,
) {
    let mut draw = nest.draw();
    let rule = build(&mut draw);
    let program = rule.program();
    let args = rule.moderate(&mut draw);
    let flags: Vec<bool> = args.iter().map(|a| a.dtype().is_inexact()).collect();
    if flags.contains(&true) && check_differences(&program, &flags, &args, &mut draw) {
        crate::names(&program, out);
    }
}

/// That the mapped derivative is the derivative of the mapped program.
fn check_mapped(
    program: &Program,
    forward: &Program,
    flags: &[bool],
    given: &[Array],
    draw: &mut Draw,
    tolerance: f64,
) {
    const LANES: usize = 2;
    let count = flags.len();
    let mut dims: Vec<BatchDim> = given[..count]
        .iter()
        .map(|x| match draw.below(4) {
            0 => BatchDim::Unbatched,
            _ => BatchDim::At(draw.below(x.rank() + 1)),
        })
        .collect();
    if !dims.iter().any(|dim| dim.is_batched()) {
        dims[0] = BatchDim::At(0);
    }
    let moving = dims.iter().zip(flags).filter(|(_, f)| **f).map(|(d, _)| *d);
    let tangent_dims: Vec<BatchDim> = moving.collect();
    let all_dims = [dims.clone(), tangent_dims].concat();
    // Every lane has the same operands but for the tangents, which differ: so lanes cannot be confused.
    let stacked: Vec<Array> = given
        .iter()
        .zip(&all_dims)
        .enumerate()
        .map(|(k, (x, dim))| match dim {
            BatchDim::At(axis) => {
                let scaled = |by: f64| match k < count {
                    true => x.clone(),
                    false => array(
                        x.dtype(),
                        x.shape(),
                        numbers(x).iter().map(|v| v * by).collect(),
                    ),
                };
                let lanes = [
                    elimap::Tensor::from(scaled(1.0)),
                    elimap::Tensor::from(scaled(-0.5)),
                ];
                let stacked = elimap::stack(&lanes, *axis as isize).unwrap();
                stacked.to_array().unwrap()
            }
            _ => x.clone(),
        })
        .collect();
    let Ok((mapped, mapped_dims)) = forward.vmap(LANES, &all_dims) else {
        return;
    };
    let Ok((wide, wide_dims)) = program.vmap(LANES, &dims) else {
        return;
    };
    let (wide_forward, wide_moving) = wide.jvp(flags).unwrap();
    let (_, narrow_moving) = program.jvp(flags).unwrap();
    let one = mapped.run(&stacked).unwrap();
    let other = wide_forward.run(&stacked).unwrap();
    let results = program.outputs().len();
    let (mut a, mut b) = (results, results);
    for k in 0..results {
        let (narrow, wide) = (narrow_moving[k], wide_moving[k]);
        if narrow && wide {
            for n in 0..LANES {
                let found = lane(&one[a], mapped_dims[a], n);
                let expected = lane(&other[b], wide_dims[k], n);
                assert_close(&found, &expected, tolerance, "the mapped derivative");
            }
        } else if narrow || wide {
            let left = if narrow { &one[a] } else { &other[b] };
            assert!(
                numbers(left).iter().all(|&x| x == 0.0),
                "a tangent in one order only"
            );
        }
        a += usize::from(narrow);
        b += usize::from(wide);
    }
}
