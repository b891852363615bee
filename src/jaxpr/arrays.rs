//! Elementwise functions, generic reductions, and primitives that put several operations here into one.

use super::{apply, count, refused, traced};
use crate::array::{DType, TensorType, promote_all, promote_types};
use crate::error::ParseError;
use crate::lax;
use crate::program::text::{Given, Value};
use crate::program::{DataOp, DotDims, Op, Program, ScatterOp};
use crate::special;
use crate::tensor::{Tensor, full};
use crate::transform::custom_jvp;

type Unary = fn(&Tensor) -> Tensor;
type Binary = fn(&Tensor, &Tensor) -> Tensor;

fn unary(name: &str) -> Option<Unary> {
    Some(match name {
        "bessel_i0e" => |x| special::i0e(x),
        "bessel_i1e" => |x| special::i1e(x),
        _ => return None,
    })
}

fn binary(name: &str) -> Option<Binary> {
    Some(match name {
        "igamma" => |a, x| special::gammainc(a, x),
        "igammac" => |a, x| special::gammaincc(a, x),
        "igamma_grad_a" => |a, x| special::gammainc_grad_a(a, x),
        "random_gamma_grad" => |a, x| special::gamma_sample_grad(a, x),
        "zeta" => |x, q| special::zeta(x, q),
        "mulhi" => |x, y| lax::mulhi(x, y),
        _ => return None,
    })
}

pub(super) fn compose(
    name: &str,
    given: &mut Given<'_>,
    operands: &[TensorType],
) -> Option<Result<Program, ParseError>> {
    if let Some(f) = unary(name) {
        return Some(
            count::<1>(name, given, operands)
                .and_then(|()| traced(name, given, operands, |x| Ok(vec![f(&x[0])]))),
        );
    }
    if let Some(f) = binary(name) {
        return Some(
            count::<2>(name, given, operands)
                .and_then(|()| traced(name, given, operands, |x| Ok(vec![f(&x[0], &x[1])]))),
        );
    }
    Some(match name {
        "regularized_incomplete_beta" => count::<3>(name, given, operands).and_then(|()| {
            traced(name, given, operands, |x| {
                Ok(vec![special::betainc(&x[0], &x[1], &x[2])])
            })
        }),
        "split" => split(name, given, operands),
        "tile" => tile(name, given, operands),
        "stack" | "unstack" => stack(name, given, operands),
        "empty" | "empty2" => empty(name, given, operands),
        "platform_index" => platform_index(name, given, operands),
        "mul" if given.has("out_dtype") => wide_product(name, given, operands),
        "pow" if to_whole_powers(given, operands) => {
            traced(name, given, operands, |x| Ok(vec![x[0].pow(&x[1])]))
        }
        "reduce" => reduce(name, given, operands),
        "scatter-sub" => scatter_sub(name, given, operands),
        "approx_top_k" => approx_top_k(name, given, operands),
        "top_k" if !last_axis(given, operands) => top_k(name, given, operands),
        "dot_general" if given.has("preferred_element_type") => dot_general(name, given, operands)?,
        "reshape" if given.has("dimensions") => reshape(name, given, operands)?,
        _ => return None,
    })
}

type Read = Result<Program, ParseError>;

fn split(name: &str, given: &mut Given<'_>, operands: &[TensorType]) -> Read {
    count::<1>(name, given, operands)?;
    let axis: usize = given.number("axis")?;
    let sizes = given.shape("sizes")?;
    let mut ends: Vec<usize> = sizes
        .iter()
        .scan(0_usize, |at, &n| {
            *at = at.saturating_add(n);
            Some(*at)
        })
        .collect();
    ends.pop();
    traced(name, given, operands, |x| {
        x[0].split_at(&ends, axis as isize)
    })
}

fn tile(name: &str, given: &mut Given<'_>, operands: &[TensorType]) -> Read {
    count::<1>(name, given, operands)?;
    let repeats = given.shape("reps")?;
    traced(name, given, operands, |x| {
        Ok(vec![crate::numpy::tile(&x[0], &repeats[..])])
    })
}

fn stack(name: &str, given: &mut Given<'_>, operands: &[TensorType]) -> Read {
    let axis: isize = given.number("axis")?;
    if name == "stack" {
        return traced(name, given, operands, |xs| {
            Ok(vec![crate::tensor::stack(xs, axis)?])
        });
    }
    count::<1>(name, given, operands)?;
    let parts = given.results.len() as isize;
    traced(name, given, operands, |x| {
        Ok((0..parts).map(|k| x[0].index(axis, k)).collect())
    })
}

/// Whether floats are raised to powers that are integers, which JAX's primitive takes as they are.
fn to_whole_powers(given: &Given<'_>, operands: &[TensorType]) -> bool {
    let ([x, y], [result]) = (operands, given.results) else {
        return false;
    };
    x.dtype.is_float() && x.dtype == result.dtype && y.dtype != DType::Bool && !y.dtype.is_inexact()
}

/// A product of operands that take the result's type first. What goes backwards is a product in the operands' type, as in JAX, so that
/// a derivative has digits that the product has not.
fn wide_product(name: &str, given: &mut Given<'_>, operands: &[TensorType]) -> Read {
    count::<2>(name, given, operands)?;
    given.optional("out_dtype");
    let dtype = given.single()?.dtype;
    let wide = promote_all(operands).0;
    let product = move |x: &Tensor, y: &Tensor, dtype: DType| x.astype(dtype) * y.astype(dtype);
    let loses = dtype.is_float() && wide.is_float() && wide.size() > dtype.size();
    traced(name, given, operands, |x| {
        if !loses {
            return Ok(vec![product(&x[0], &x[1], dtype)]);
        }
        let f = custom_jvp(move |x: Tensor, y: Tensor| product(&x, &y, dtype))
            .name("mul")
            .def_jvp(
                move |(x, y): (Tensor, Tensor), (dx, dy): (Tensor, Tensor)| {
                    let tangent = product(&dx, &y, wide) + product(&x, &dy, wide);
                    (product(&x, &y, dtype), tangent.astype(dtype))
                },
            );
        Ok(vec![f.call((&x[0], &x[1]))?])
    })
}

/// Which of several lists of platforms names the processor; the one that names none stands for every other.
fn platform_index(name: &str, given: &mut Given<'_>, operands: &[TensorType]) -> Read {
    count::<0>(name, given, operands)?;
    let (platforms, at) = given.take("platforms")?;
    let ty = given.single()?.clone();
    let Value::Tuple(platforms) = platforms else {
        let detail = "platforms are tuples of names, or `None`".to_owned();
        return Err(refused(name, at, detail));
    };
    let processor = |name: &Value| matches!(name, Value::Text(text) if text == "cpu");
    let named = |list: &Value| matches!(list, Value::Tuple(names) if names.iter().any(processor));
    let other = |list: &Value| matches!(list, Value::Word(word) if word == "None");
    let place = platforms.iter().position(named);
    let Some(place) = place.or_else(|| platforms.iter().position(other)) else {
        let detail = "none of the platforms is `cpu`".to_owned();
        return Err(refused(name, at, detail));
    };
    traced(name, given, operands, |_| {
        Ok(vec![full(&ty.shape, place as i64).astype(ty.dtype)])
    })
}

/// What is not initialised in JAX is 0 here.
fn empty(name: &str, given: &mut Given<'_>, operands: &[TensorType]) -> Read {
    count::<0>(name, given, operands)?;
    for said in ["dtype", "shape", "memory_space"] {
        given.optional(said);
    }
    let ty = given.single()?.clone();
    traced(name, given, operands, |_| {
        Ok(vec![full(&ty.shape, false).astype(ty.dtype)])
    })
}

/// A reduction of several operands by a program of scalars, which is applied to whole rows.
fn reduce(name: &str, given: &mut Given<'_>, operands: &[TensorType]) -> Read {
    let program = given.sub_program("jaxpr")?;
    let axes = given.shape("dimensions")?;
    given.optional("computation");
    let n = operands.len() / 2;
    let fits = n > 0
        && operands.len() == 2 * n
        && program.inputs().len() == 2 * n
        && program.outputs().len() == n
        && operands[..n].iter().all(|ty| ty.shape == operands[0].shape);
    if !fits || axes.iter().any(|&a| a >= operands[0].rank()) {
        return Err(refused(
            name,
            given.at(),
            "operands, initial values and program do not fit".to_owned(),
        ));
    }
    traced(name, given, operands, |all| {
        let (xs, initial) = all.split_at(n);
        let rank = xs[0].rank();
        let kept: Vec<usize> = (0..rank).filter(|a| !axes.contains(a)).collect();
        let order: Vec<isize> = axes.iter().chain(&kept).map(|&a| a as isize).collect();
        let shape: Vec<usize> = kept.iter().map(|&a| xs[0].shape()[a]).collect();
        let rows: usize = axes.iter().map(|&a| xs[0].shape()[a]).product();
        let folded: Vec<isize> = std::iter::once(rows as isize)
            .chain(shape.iter().map(|&n| n as isize))
            .collect();
        let xs: Vec<Tensor> = xs
            .iter()
            .map(|x| x.transpose(order.clone()).reshape(folded.clone()))
            .collect();
        let start: Vec<Tensor> = initial.iter().map(|x| x.broadcast_to(&shape)).collect();
        let step = |carry: Vec<Tensor>, rows: Vec<Tensor>| {
            let all = carry.into_iter().chain(rows).collect();
            Ok::<_, crate::error::Error>((apply(&program, all)?, ()))
        };
        let (out, ()): (Vec<Tensor>, ()) =
            crate::tensor::scan(step, start, xs, crate::tensor::ScanOptions::default())?;
        Ok(out)
    })
}

fn scatter_sub(name: &str, given: &mut Given<'_>, operands: &[TensorType]) -> Read {
    count::<3>(name, given, operands)?;
    let negated = |x: &[Tensor]| -x[2].clone();
    // Everything else is as for the sum, which says what the parameters are.
    given.optional("update_jaxpr");
    let op = crate::ops::parse("scatter-add", given)
        .unwrap_or_else(|| Err(given.unknown_operation()))?;
    let Op::Data(DataOp::Scatter(scatter)) = op else {
        return Err(given.unknown_operation());
    };
    traced(name, given, operands, |x| {
        Ok(vec![x[0].scatter(
            ScatterOp::Add,
            &x[1],
            negated(x),
            scatter.dims,
            scatter.mode,
        )])
    })
}

fn last_axis(given: &Given<'_>, operands: &[TensorType]) -> bool {
    let last = operands.first().map_or(0, |ty| ty.rank().saturating_sub(1));
    given.shows("axis", &last.to_string())
}

fn top_k(name: &str, given: &mut Given<'_>, operands: &[TensorType]) -> Read {
    count::<1>(name, given, operands)?;
    let (axis, k): (usize, usize) = (given.number("axis")?, given.number("k")?);
    along(name, given, operands, axis as isize, k, true)
}

/// Approximate ones are exact here, as they are on every platform but one in JAX.
fn approx_top_k(name: &str, given: &mut Given<'_>, operands: &[TensorType]) -> Read {
    count::<1>(name, given, operands)?;
    let axis: isize = given.number("reduction_dimension")?;
    let k: usize = given.number("k")?;
    let greatest = given.boolean("is_max_k")?;
    given.fixed("aggregate_to_topk", "True")?;
    given.optional("recall_target");
    given.optional("reduction_input_size_override");
    along(name, given, operands, axis, k, greatest)
}

fn along(
    name: &str,
    given: &Given<'_>,
    operands: &[TensorType],
    axis: isize,
    k: usize,
    greatest: bool,
) -> Read {
    traced(name, given, operands, |x| {
        let x = x[0].moveaxis(axis, -1).check()?;
        let (values, at) = if greatest {
            x.top_k(k)?
        } else {
            let (values, at) = (-&x).top_k(k)?;
            (-values, at)
        };
        Ok(vec![values.moveaxis(-1, axis), at.moveaxis(-1, axis)])
    })
}

/// Products that are summed up in another element type than the operands have; `None` where it is the operands' own.
fn dot_general(name: &str, given: &mut Given<'_>, operands: &[TensorType]) -> Option<Read> {
    let dtype = given.single().ok()?.dtype;
    let said = given.shows("preferred_element_type", dtype.name());
    if !said || operands.len() != 2 || operands.iter().all(|ty| ty.dtype == dtype) {
        return None;
    }
    given.optional("preferred_element_type");
    let read = |given: &mut Given<'_>| {
        count::<2>(name, given, operands)?;
        let [[lhs_contract, rhs_contract], [lhs_batch, rhs_batch]] =
            given.dot_dims("dimension_numbers")?;
        let dims = DotDims {
            lhs_contract,
            rhs_contract,
            lhs_batch,
            rhs_batch,
        };
        // A wider type takes the operands before they are multiplied, a narrower one the sums.
        let wide = promote_types((operands[0].dtype, false), (dtype, false)).0;
        traced(name, given, operands, |x| {
            let product = x[0].astype(wide).dot_general(x[1].astype(wide), dims);
            Ok(vec![product.astype(dtype)])
        })
    };
    Some(read(given))
}

/// A change of shape that reads the axes in another order; `None` where it does not.
fn reshape(name: &str, given: &mut Given<'_>, operands: &[TensorType]) -> Option<Read> {
    if given.shows("dimensions", "None") {
        return None;
    }
    let read = |given: &mut Given<'_>| {
        count::<1>(name, given, operands)?;
        let order = given.shape("dimensions")?;
        let sizes = given.shape("new_sizes")?;
        traced(name, given, operands, |x| {
            let x = x[0].transpose(order.iter().map(|&a| a as isize).collect::<Vec<_>>());
            Ok(vec![x.reshape(
                sizes.iter().map(|&n| n as isize).collect::<Vec<_>>(),
            )])
        })
    };
    Some(read(given))
}
