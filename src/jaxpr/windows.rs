//! Convolutions and windows.

use super::{apply, count, refused, traced};
use crate::array::{DType, TensorType};
use crate::error::{Error, ParseError};
use crate::lax::{self, Conv, Windows};
use crate::program::text::Given;
use crate::program::{BinaryOp, DataOp, Op, Program};
use crate::tensor::Tensor;

type Read = Result<Program, ParseError>;

pub(super) fn compose(name: &str, given: &mut Given<'_>, operands: &[TensorType]) -> Option<Read> {
    Some(match name {
        "conv_general_dilated" => conv(name, given, operands),
        "reduce_window_sum" | "reduce_window_max" | "reduce_window_min" => {
            simple(name, given, operands)
        }
        "reduce_window" => general(name, given, operands),
        "select_and_gather_add" | "select_and_scatter_add" => select(name, given, operands),
        "select_and_scatter" => select_and_scatter(name, given, operands),
        _ => return None,
    })
}

/// Letters for axes, by the places that JAX's numbers give to the two special axes and then to the others.
fn letters(places: &[usize], special: [char; 2]) -> Option<String> {
    let mut word = vec![None; places.len()];
    let spatial = "0123456789".chars();
    for (&place, letter) in places.iter().zip(special.into_iter().chain(spatial)) {
        let slot = word.get_mut(place)?;
        if slot.replace(letter).is_some() {
            return None;
        }
    }
    word.into_iter().collect()
}

fn conv(name: &str, given: &mut Given<'_>, operands: &[TensorType]) -> Read {
    count::<2>(name, given, operands)?;
    let at = given.at();
    let specs = given.record(
        "dimension_numbers",
        "ConvDimensionNumbers",
        ["lhs_spec", "rhs_spec", "out_spec"],
    )?;
    let words = [
        letters(&specs[0], ['N', 'C']),
        letters(&specs[1], ['O', 'I']),
        letters(&specs[2], ['N', 'C']),
    ];
    let ([Some(x), Some(k), Some(y)], true) = (&words, specs[0].len() >= 2) else {
        return Err(refused(
            name,
            at,
            "its dimension numbers are no orders of axes".to_owned(),
        ));
    };
    let conv = Conv::new(specs[0].len() - 2)
        .axes([&x[..], &k[..], &y[..]])
        .strides(given.shape("window_strides")?)
        .padding(
            given
                .rows::<i64, 2>("padding")?
                .into_iter()
                .map(|[low, high]| (low, high)),
        )
        .lhs_dilation(given.shape("lhs_dilation")?)
        .rhs_dilation(given.shape("rhs_dilation")?)
        .feature_groups(given.number("feature_group_count")?)
        .batch_groups(given.number("batch_group_count")?);
    let wide = match given.optional("preferred_element_type") {
        Some((value, _)) => DType::from_name(&value.to_string()),
        None => None,
    };
    traced(name, given, operands, |xs| {
        let wide = |x: &Tensor| wide.map_or_else(|| x.clone(), |dtype| x.astype(dtype));
        Ok(vec![lax::conv(wide(&xs[0]), wide(&xs[1]), &conv)?])
    })
}

/// The windows, of which some primitives do not say every parameter.
fn windows(given: &mut Given<'_>) -> Result<Windows, ParseError> {
    let windows = Windows::new(given.shape("window_dimensions")?)
        .strides(given.shape("window_strides")?)
        .padding(
            given
                .rows::<i64, 2>("padding")?
                .into_iter()
                .map(|[low, high]| (low, high)),
        );
    let windows = match given.has("base_dilation") {
        true => windows.base_dilation(given.shape("base_dilation")?),
        false => windows,
    };
    match given.has("window_dilation") {
        true => Ok(windows.window_dilation(given.shape("window_dilation")?)),
        false => Ok(windows),
    }
}

/// What a maximum starts from: the least number; a minimum, the greatest.
fn extreme(dtype: DType, greatest: bool) -> Tensor {
    match (dtype, greatest) {
        (d, false) if d.is_float() => Tensor::from(f64::NEG_INFINITY).astype(d),
        (d, true) if d.is_float() => Tensor::from(f64::INFINITY).astype(d),
        (d, greatest) => {
            let unsigned = !d.is_signed_integer();
            let ones = !Tensor::from(0).astype(d);
            // All bits, or all but the sign.
            match (unsigned, greatest) {
                (true, true) => ones,
                (true, false) => Tensor::from(0).astype(d),
                (false, true) => ones.shift_right_logical(Tensor::from(1).astype(d)),
                (false, false) => !ones.shift_right_logical(Tensor::from(1).astype(d)),
            }
        }
    }
}

fn simple(name: &str, given: &mut Given<'_>, operands: &[TensorType]) -> Read {
    count::<1>(name, given, operands)?;
    let windows = windows(given)?;
    let dtype = operands[0].dtype;
    traced(name, given, operands, |x| {
        // Among equal floats one is chosen, which their derivatives show.
        if dtype.is_float() && name != "reduce_window_sum" {
            let greatest = name == "reduce_window_max";
            return Ok(vec![lax::extremes(&x[0], greatest, &windows)?]);
        }
        let (start, f): (Tensor, fn(Tensor, Tensor) -> Tensor) = match name {
            "reduce_window_sum" => (Tensor::from(false).astype(dtype), |a, b| a + b),
            "reduce_window_max" => (extreme(dtype, false), |a, b| a.maximum(b)),
            _ => (extreme(dtype, true), |a, b| a.minimum(b)),
        };
        let f = |a, b| Ok::<_, Error>(f(a, b));
        Ok(vec![lax::reduce_window(&x[0], start, f, &windows)?])
    })
}

fn general(name: &str, given: &mut Given<'_>, operands: &[TensorType]) -> Read {
    let program = given.sub_program("jaxpr")?;
    given.fixed("consts", "()")?;
    let windows = windows(given)?;
    if operands.len() != 2 || program.inputs().len() != 2 || program.outputs().len() != 1 {
        return Err(refused(
            name,
            given.at(),
            "windows of several operands are not offered".to_owned(),
        ));
    }
    traced(name, given, operands, |x| {
        let f = |a, b| {
            let out = apply(&program, vec![a, b])?;
            Ok(out
                .into_iter()
                .next()
                .unwrap_or_else(|| Tensor::from(f64::NAN)))
        };
        Ok(vec![lax::reduce_window(&x[0], &x[1], f, &windows)?])
    })
}

fn select(name: &str, given: &mut Given<'_>, operands: &[TensorType]) -> Read {
    count::<2>(name, given, operands)?;
    let greatest = greatest(name, given)?;
    let windows = windows(given)?;
    traced(name, given, operands, |x| {
        Ok(vec![match name {
            "select_and_gather_add" => {
                lax::select_and_gather_add(&x[0], &x[1], greatest, &windows)?
            }
            _ => lax::select_and_scatter_add(&x[0], &x[1], greatest, &windows)?,
        }])
    })
}

/// Whether windows choose their greatest or their smallest element.
fn greatest(name: &str, given: &mut Given<'_>) -> Result<bool, ParseError> {
    match &given.name("select_prim")?[..] {
        "ge" | "gt" => Ok(true),
        "le" | "lt" => Ok(false),
        other => Err(refused(
            name,
            given.at(),
            format!("windows cannot choose by `{other}`"),
        )),
    }
}

/// The binary operation that a program of two scalars is.
fn only(program: &Program) -> Option<BinaryOp> {
    match program.equations() {
        [one] => match &one.op {
            Op::Data(DataOp::Binary(op)) => Some(op.kind),
            _ => None,
        },
        _ => None,
    }
}

/// The general form, of which JAX makes the one with `add` where it can; the others are refused.
fn select_and_scatter(name: &str, given: &mut Given<'_>, operands: &[TensorType]) -> Read {
    count::<3>(name, given, operands)?;
    let select = only(&*given.sub_program("select_jaxpr")?);
    let scatter = only(&*given.sub_program("scatter_jaxpr")?);
    given.fixed("select_consts", "()")?;
    given.fixed("scatter_consts", "()")?;
    let windows = windows(given)?;
    let greatest = match (select, scatter) {
        (Some(BinaryOp::Ge), Some(BinaryOp::Add)) => true,
        (Some(BinaryOp::Le), Some(BinaryOp::Add)) => false,
        _ => {
            let detail = "windows choose by `ge` or `le` and scatter by `add`".to_owned();
            return Err(refused(name, given.at(), detail));
        }
    };
    traced(name, given, operands, |x| {
        let sums = lax::select_and_scatter_add(&x[1], &x[0], greatest, &windows)?;
        Ok(vec![sums + &x[2]])
    })
}
