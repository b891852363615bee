//! Functions of `jax.lax` beyond FORMAT.md's own.

use elimap::lax;
use elimap::prelude::*;
use elimap::{Error, GatherDims, IndexMode, ScatterDims, ScatterOp, Shape, TakeMode, Triangle};
use serde_json::Value;

use super::{Call, one};

fn list(json: &Value) -> Shape {
    let items = json.as_array().into_iter().flatten();
    items
        .filter_map(Value::as_u64)
        .map(|n| n as usize)
        .collect()
}

fn index_mode(call: &Call<'_>) -> IndexMode {
    if call.text("mode", "fill") == "clip" {
        IndexMode::Clip
    } else {
        IndexMode::FillOrDrop
    }
}

/// Runs an operation; `None` where this file does not know it.
pub(super) fn run(call: &Call<'_>, op: &str) -> Result<Option<Vec<Tensor>>, Error> {
    let x = || call.arg(0);
    let axis = |default| call.axis(default);
    let axes = |key: &str, x: &Tensor| call.axes(key, x.rank());
    one(match op {
        "lax.stop_gradient" => elimap::stop_gradient(x()?)?,
        "lax.mul" => x()? * call.arg(1)?,
        "lax.erf_inv" => x()?.erf_inv(),
        "lax.erfc" => x()?.erfc(),
        "lax.digamma" => x()?.digamma(),
        "lax.population_count" => x()?.population_count(),
        "lax.clz" => x()?.clz(),
        "lax.integer_pow" => x()?.integer_pow(call.int("y").unwrap_or(0) as i32),
        "lax.shift_left" => x()?.shift_left(call.arg(1)?),
        "lax.shift_right_arithmetic" => x()?.shift_right_arithmetic(call.arg(1)?),
        "lax.shift_right_logical" => x()?.shift_right_logical(call.arg(1)?),
        "lax.optimization_barrier" => return call.all().map(Some),
        "lax.batch_matmul" => x()?.matmul(call.arg(1)?),
        "lax.argmax" | "lax.argmin" => {
            let at = axis(0);
            let out = if op == "lax.argmax" {
                x()?.argmax(at)
            } else {
                x()?.argmin(at)
            };
            out.astype(call.dtype("index_dtype")?.unwrap_or(DType::I64))
        }
        "lax.cumsum" => x()?.cumsum(axis(0), call.flag("reverse", false)),
        "lax.cumprod" => x()?.cumprod(axis(0), call.flag("reverse", false)),
        "lax.cummax" => x()?.cummax(axis(0), call.flag("reverse", false)),
        "lax.cummin" => x()?.cummin(axis(0), call.flag("reverse", false)),
        "lax.cumlogsumexp" => x()?.cumlogsumexp(axis(0), call.flag("reverse", false)),
        "lax.reduce_and" | "lax.reduce_or" | "lax.reduce_xor" => {
            let x = x()?;
            let over = axes("axes", &x);
            match op {
                "lax.reduce_and" => lax::reduce_and(x, over),
                "lax.reduce_or" => lax::reduce_or(x, over),
                _ => lax::reduce_xor(x, over),
            }
        }
        "lax.bitcast_convert_type" => {
            let dtype = call.dtype_or("new_dtype", DType::F64)?;
            x()?.bitcast(dtype)
        }
        "lax.top_k" => {
            let (values, positions) = x()?.top_k(call.size("k").unwrap_or(1))?;
            return Ok(Some(vec![values, positions]));
        }
        "lax.collapse" => {
            let x = x()?;
            let from = call.size("start_dimension").unwrap_or(0);
            let to = call.int("stop_dimension").map_or(x.rank(), |n| {
                if n < 0 {
                    (n + x.rank() as i64) as usize
                } else {
                    n as usize
                }
            });
            let joined: usize = x.shape()[from..to].iter().product();
            let shape = x.shape()[..from]
                .iter()
                .copied()
                .chain([joined])
                .chain(x.shape()[to..].iter().copied());
            x.reshape(shape.map(|n| n as isize).collect::<Vec<_>>())
        }
        "lax.reshape" => {
            let x = x()?;
            let order = call
                .ints("dimensions")
                .into_iter()
                .map(|a| a as isize)
                .collect::<Vec<_>>();
            let x = if order.is_empty() {
                x
            } else {
                x.transpose(order)
            };
            x.reshape(call.ints("new_sizes").into_iter().map(|n| n as isize))
        }
        "lax.index_in_dim" => {
            let at = call.int("index").unwrap_or(0) as isize;
            let one = x()?.index(axis(0), at);
            if call.flag("keepdims", true) {
                one.expand_dims(axis(0))
            } else {
                one
            }
        }
        "lax.dynamic_index_in_dim" => {
            let at = call.arg(1)?;
            let x = x()?;
            let n = x.shape()[axis(0).rem_euclid(x.rank() as isize) as usize] as i64;
            let at = where_(at.less(0), &at + n, &at);
            let one = x.take(at, axis(0), TakeMode::Clip);
            if call.flag("keepdims", true) {
                one.expand_dims(axis(0))
            } else {
                one
            }
        }
        "lax.dynamic_slice_in_dim" => {
            let (x, at) = (x()?, call.arg(1)?);
            let a = axis(0).rem_euclid(x.rank() as isize) as usize;
            let mut sizes = x.shape().to_vec();
            sizes[a] = call.size("slice_size").unwrap_or(1);
            let start: Vec<Tensor> = (0..x.rank())
                .map(|d| {
                    if d == a {
                        at.clone()
                    } else {
                        elimap::zeros_like(&at)
                    }
                })
                .collect();
            x.dynamic_slice(&start, sizes)
        }
        "lax.dynamic_update_index_in_dim" => {
            let (x, update, at) = (x()?, call.arg(1)?, call.arg(2)?);
            let a = axis(0).rem_euclid(x.rank() as isize) as usize;
            let update = if update.rank() == x.rank() {
                update
            } else {
                update.expand_dims(a as isize)
            };
            let start: Vec<Tensor> = (0..x.rank())
                .map(|d| {
                    if d == a {
                        at.clone()
                    } else {
                        elimap::zeros_like(&at)
                    }
                })
                .collect();
            x.dynamic_update_slice(update, &start)
        }
        "lax.select_n" => {
            let which = x()?;
            let cases: Vec<Tensor> = (1..call.count())
                .map(|k| call.arg(k))
                .collect::<Result<_, _>>()?;
            let mut out = cases[0].clone();
            for (k, case) in cases.iter().enumerate().skip(1) {
                let here = if which.dtype() == DType::Bool {
                    which.clone()
                } else {
                    which.equal(k as i64)
                };
                out = where_(here, case, out);
            }
            out
        }
        "lax.sort" => {
            let all: Vec<Tensor> = match call.raw(0) {
                Value::Array(_) => call.list(0)?,
                _ => call.all()?,
            };
            let keys = call.size("num_keys").unwrap_or(1);
            let dimension = call.int("dimension").unwrap_or(-1) as isize;
            if keys > 1 {
                let order = elimap::numpy::lexsort(all[..keys].iter().rev(), dimension)?;
                let read = |x: &Tensor| x.take_along_axis(&order, dimension, TakeMode::Clip);
                return Ok(Some(all.iter().map(read).collect()));
            }
            let refs: Vec<&Tensor> = all.iter().collect();
            return elimap::sort_by_key(&refs, dimension).map(Some);
        }
        "lax.split" => {
            let (x, mut at) = (x()?, 0);
            let places: Vec<usize> = call
                .sizes("sizes")
                .into_iter()
                .map(|n| {
                    at += n;
                    at
                })
                .collect();
            return x.split_at(&places[..places.len() - 1], axis(0)).map(Some);
        }
        "lax.dot_general" => {
            let (mut x, mut y) = (x()?, call.arg(1)?);
            if let Some(dtype) = call.dtype("preferred_element_type")? {
                (x, y) = (x.astype(dtype), y.astype(dtype));
            }
            let d = &call.json["dimension_numbers"];
            let dims = elimap::DotDims {
                lhs_contract: list(&d[0][0]),
                rhs_contract: list(&d[0][1]),
                lhs_batch: list(&d[1][0]),
                rhs_batch: list(&d[1][1]),
            };
            x.dot_general(y, dims)
        }
        "lax.gather" => {
            let d = &call.json["dimension_numbers"];
            let dims = GatherDims {
                offset_dims: list(&d["offset_dims"]),
                collapsed_slice_dims: list(&d["collapsed_slice_dims"]),
                start_index_map: list(&d["start_index_map"]),
                operand_batching_dims: list(&d["operand_batching_dims"]),
                start_indices_batching_dims: list(&d["start_indices_batching_dims"]),
            };
            x()?.gather(
                call.arg(1)?,
                dims,
                call.sizes("slice_sizes"),
                index_mode(call),
            )
        }
        "lax.scatter" | "lax.scatter_add" | "lax.scatter_mul" | "lax.scatter_min"
        | "lax.scatter_max" | "lax.scatter_apply" => {
            let d = &call.json["dimension_numbers"];
            let dims = ScatterDims {
                update_window_dims: list(&d["update_window_dims"]),
                inserted_window_dims: list(&d["inserted_window_dims"]),
                scatter_dims_to_operand_dims: list(&d["scatter_dims_to_operand_dims"]),
                operand_batching_dims: list(&d["operand_batching_dims"]),
                scatter_indices_batching_dims: list(&d["scatter_indices_batching_dims"]),
            };
            if op == "lax.scatter_apply" {
                let f = call.fun(&call.json["fun"])?;
                let first = move |x: Tensor| Ok(f(vec![x])?.swap_remove(0));
                let shape = call.sizes("update_shape");
                return one(lax::scatter_apply(
                    x()?,
                    call.arg(1)?,
                    shape,
                    first,
                    dims,
                    index_mode(call),
                )?);
            }
            let kind = match op {
                "lax.scatter" => ScatterOp::Set,
                "lax.scatter_add" => ScatterOp::Add,
                "lax.scatter_mul" => ScatterOp::Mul,
                "lax.scatter_min" => ScatterOp::Min,
                _ => ScatterOp::Max,
            };
            x()?.scatter(kind, call.arg(1)?, call.arg(2)?, dims, index_mode(call))
        }
        "lax.linalg.triangular_solve" | "scipy.linalg.solve_triangular" => {
            let (a, b) = (x()?, call.arg(1)?);
            let scipy = op.starts_with("scipy");
            let transposed = if scipy {
                call.json["trans"] != 0
                    && !call.json["trans"].is_null()
                    && call.json["trans"] != "N"
            } else {
                call.flag("transpose_a", false)
            };
            let left = scipy || call.flag("left_side", false);
            let triangle = Triangle::LOWER
                .left_side(left)
                .lower(call.flag("lower", false))
                .transpose_a(transposed)
                .unit_diagonal(call.flag("unit_diagonal", false));
            if b.rank() + 1 == a.rank() || b.rank() == 1 {
                let out = a.triangular_solve(b.expand_dims(-1), triangle);
                return one(out.squeeze(-1));
            }
            a.triangular_solve(b, triangle)
        }
        "lax.custom_linear_solve" => {
            let solve = call.fun(&call.json["solve"])?;
            return solve(vec![x()?]).map(Some);
        }
        _ => return Ok(None),
    })
}
