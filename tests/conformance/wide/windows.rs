//! Convolutions, windows, and reductions by functions of the case.

use elimap::Error;
use elimap::lax::{self, Conv, Windows};
use elimap::prelude::*;
use serde_json::Value;

use super::{Call, one};

/// Pairs of padding, also by name.
fn padding(call: &Call<'_>, rank: usize) -> Option<Vec<(i64, i64)>> {
    match &call.json["padding"] {
        Value::Array(items) => Some(
            items
                .iter()
                .map(|p| (p[0].as_i64().unwrap_or(0), p[1].as_i64().unwrap_or(0)))
                .collect(),
        ),
        Value::String(s) if s == "VALID" => Some(vec![(0, 0); rank]),
        Value::Null => Some(vec![(0, 0); rank]),
        _ => None,
    }
}

fn ones_or(list: Vec<usize>, n: usize) -> Vec<usize> {
    if list.is_empty() { vec![1; n] } else { list }
}

fn windows(call: &Call<'_>) -> Windows {
    let size = call.sizes("window_dimensions");
    let n = size.len();
    let strides = ones_or(call.sizes("window_strides"), n);
    let base = ones_or(call.sizes("base_dilation"), n);
    let gaps = ones_or(call.sizes("window_dilation"), n);
    Windows::new(size)
        .strides(strides)
        .padding(padding(call, n).unwrap_or_else(|| vec![(0, 0); n]))
        .base_dilation(base)
        .window_dilation(gaps)
}

type Combine = Box<dyn Fn(Tensor, Tensor) -> Result<Tensor, Error>>;

fn combine(call: &Call<'_>) -> Result<Combine, Error> {
    if let Some(name) = call.json["computation"].as_str() {
        let f: fn(&Tensor, &Tensor) -> Tensor = match name {
            "add" => |a, b| a + b,
            "mul" => |a, b| a * b,
            "max" => |a, b| a.maximum(b),
            "min" => |a, b| a.minimum(b),
            "bitwise_and" => |a, b| a & b,
            "bitwise_or" => |a, b| a | b,
            _ => |a, b| a ^ b,
        };
        return Ok(Box::new(move |a, b| f(&a, &b).check()));
    }
    let f = call.fun(&call.json["computation"])?;
    Ok(Box::new(move |a, b| {
        f(vec![a, b]).map(|mut out| out.remove(0))
    }))
}

fn letters(call: &Call<'_>, n: usize) -> [String; 3] {
    let default: String = "HWD".chars().take(n).collect();
    let at = |k: usize, fixed: &str| {
        let given = call.json["dimension_numbers"][k].as_str();
        given.map_or_else(|| format!("{fixed}{default}"), str::to_owned)
    };
    [at(0, "NC"), at(1, "OI"), at(2, "NC")]
}

/// Spatial lengths of a tensor, in the order of the kernel's letters.
fn spatial(x: &Tensor, word: &str, kernel: &str) -> Vec<usize> {
    let letters = kernel.chars().filter(|c| !"OI".contains(*c));
    letters
        .filter_map(|c| word.chars().position(|w| w == c))
        .map(|k| x.shape()[k])
        .collect()
}

/// Runs an operation; `None` where this file does not know it.
pub(super) fn run(call: &Call<'_>, op: &str) -> Result<Option<Vec<Tensor>>, Error> {
    let x = || call.arg(0);
    one(match op {
        "lax.reduce" => {
            let (x, initial) = (x()?, call.arg(1)?);
            let axes: Vec<isize> = call
                .ints("dimensions")
                .into_iter()
                .map(|a| a as isize)
                .collect();
            lax::reduce(x, initial, combine(call)?, axes)?
        }
        "lax.reduce_window" => {
            let x = x()?;
            let mut w = windows(call);
            if padding(call, x.rank()).is_none() {
                let (size, strides) = (
                    call.sizes("window_dimensions"),
                    ones_or(call.sizes("window_strides"), x.rank()),
                );
                let gaps = ones_or(call.sizes("window_dilation"), x.rank());
                let pads = (0..x.rank()).map(|d| {
                    let reach = (size[d] - 1) * gaps[d] + 1;
                    let needed = ((x.shape()[d].div_ceil(strides[d]) - 1) * strides[d] + reach)
                        .saturating_sub(x.shape()[d]);
                    ((needed / 2) as i64, (needed - needed / 2) as i64)
                });
                w = w.padding(pads.collect::<Vec<_>>());
            }
            lax::reduce_window(x, call.arg(1)?, combine(call)?, &w)?
        }
        "lax.select_and_gather_add" => {
            let greatest = call.text("select", "ge") == "ge";
            lax::select_and_gather_add(x()?, call.arg(1)?, greatest, &windows(call))?
        }
        "lax.select_and_scatter_add" => {
            let greatest = call.text("select", "ge") == "ge";
            lax::select_and_scatter_add(x()?, call.arg(1)?, greatest, &windows(call))?
        }
        "lax.associative_scan" => {
            let f = call.equation.function_from(&call.json["fun"])?;
            let several = call.raw(0).is_array();
            let parts = |x: &[Tensor]| -> TreeValue {
                if several {
                    TreeValue::Tuple(x.iter().map(TreeValue::from).collect())
                } else {
                    TreeValue::from(&x[0])
                }
            };
            let joined = |a: &[Tensor], b: &[Tensor]| -> Result<Vec<Tensor>, Error> {
                match f(TreeValue::Tuple(vec![parts(a), parts(b)]))? {
                    TreeValue::Tuple(items) => items.into_iter().map(super::leaf).collect(),
                    value => Ok(vec![super::leaf(value)?]),
                }
            };
            let axis = call.axis(0);
            return lax::associative_scan(joined, call.list(0)?, axis, call.flag("reverse", false))
                .map(Some);
        }
        "lax.mulhi" => lax::mulhi(x()?, call.arg(1)?),
        "lax.reduce_precision" => {
            let bits = |key| call.size(key).unwrap_or(0) as u32;
            lax::reduce_precision(x()?, bits("exponent_bits"), bits("mantissa_bits"))
        }
        "lax.conv_general_dilated" | "lax.conv_general_dilated_patches" | "lax.conv_transpose" => {
            let x = x()?;
            let n = x.rank() - 2;
            let words = letters(call, n);
            let names = [&*words[0], &*words[1], &*words[2]];
            let mut conv = Conv::new(n)
                .axes(names)
                .strides(ones_or(call.sizes("window_strides"), n))
                .rhs_dilation(ones_or(call.sizes("rhs_dilation"), n))
                .lhs_dilation(ones_or(call.sizes("lhs_dilation"), n))
                .feature_groups(call.size("feature_group_count").unwrap_or(1))
                .batch_groups(call.size("batch_group_count").unwrap_or(1));
            if op == "lax.conv_transpose" {
                let same = call.text("padding", "SAME") == "SAME";
                return one(lax::conv_transpose(
                    x,
                    call.arg(1)?,
                    &call.sizes("strides"),
                    same,
                    &conv,
                )?);
            }
            let patches = op.ends_with("patches");
            let kernel = if patches { None } else { Some(call.arg(1)?) };
            let size = match &kernel {
                Some(kernel) => spatial(kernel, names[1], names[1]),
                None => call.sizes("filter_shape"),
            };
            conv = match padding(call, n) {
                Some(padding) => conv.padding(padding),
                None => conv.same_padding(&spatial(&x, names[0], names[1]), &size),
            };
            match kernel {
                Some(kernel) => lax::conv(x, kernel, &conv)?,
                None => lax::conv_patches(x, &size, &conv)?,
            }
        }
        _ => return Ok(None),
    })
}
