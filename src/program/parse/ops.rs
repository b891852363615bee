//! From an operation's name and parameters to the operation.

use std::sync::Arc;

use smallvec::SmallVec;

use super::Parser;
use super::check::{check_declared, check_types};
use super::value::{Params, Value};
use crate::array::{Shape, TensorType};
use crate::callback::{Callback, VmapMethod};
use crate::error::{At, ParseError};
use crate::program::text::{fill_value, looks_like_lanes};
use crate::program::{
    ArgReduceOp, AxisName, BinaryOp, CallbackKind, CollectiveOp, CumulativeOp, DotDims, GatherDims,
    IndexMode, Op, PadAxis, ReduceOp, ScatterDims, ScatterOp, SubProgram, UnaryOp,
};

impl Parser<'_, '_> {
    /// The operation with this name, these parameters and results of these types.
    pub(super) fn operation(
        &self,
        name: &str,
        mut params: Params,
        results: &[TensorType],
    ) -> Result<Op, ParseError> {
        let op = self.read_operation(name, &mut params, results)?;
        params.finish()?;
        Ok(op)
    }

    fn read_operation(
        &self,
        name: &str,
        p: &mut Params,
        results: &[TensorType],
    ) -> Result<Op, ParseError> {
        if name == "round" {
            return rounding(p).map(Op::Unary);
        }
        if let Some(op) = UnaryOp::from_name(name) {
            return Ok(Op::Unary(op));
        }
        if let Some(op) = BinaryOp::from_name(name) {
            return Ok(Op::Binary(op));
        }
        if let Some(kind) = ReduceOp::from_name(name) {
            if kind == ReduceOp::Sum {
                p.fixed("out_sharding", "None")?;
            }
            return Ok(Op::Reduce {
                kind,
                axes: p.shape("axes")?,
            });
        }
        if let Some(kind) = ArgReduceOp::from_name(name) {
            let axis = p.read("axes", "a tuple of one axis", |value| match value {
                Value::Tuple(axes) => match &axes[..] {
                    [Value::Number(axis)] => axis.parse().ok(),
                    _ => None,
                },
                _ => None,
            })?;
            return Ok(Op::ArgReduce {
                kind,
                axis,
                index_dtype: p.dtype("index_dtype")?,
            });
        }
        if let Some(kind) = CumulativeOp::from_name(name) {
            return Ok(Op::Cumulative {
                kind,
                axis: p.number("axis")?,
                reverse: p.boolean("reverse")?,
            });
        }
        if let Some(kind) = ScatterOp::from_name(name) {
            return scatter(kind, p);
        }
        if let Some(op) = collective(name, p)? {
            return Ok(op);
        }
        Ok(match name {
            "integer_pow" => Op::IntegerPow { y: p.number("y")? },
            "convert_element_type" => {
                let (dtype, weak) = (p.dtype("new_dtype")?, p.boolean("weak_type")?);
                if let Some(result) = results.first().filter(|ty| ty.dtype != dtype) {
                    return Err(ParseError::mismatch(
                        p.at(),
                        "the result's element type",
                        &dtype,
                        &result.dtype,
                    ));
                }
                Op::ConvertElementType { dtype, weak }
            }
            "select_n" => Op::SelectN,
            "clamp" => Op::Clamp,
            "broadcast_in_dim" => {
                let dims = p.optional_shape("broadcast_dimensions")?;
                Op::BroadcastInDim {
                    shape: single(results, p)?.shape.clone(),
                    dims,
                }
            }
            "reshape" => {
                p.fixed("dimensions", "None")?;
                p.fixed("sharding", "None")?;
                Op::Reshape {
                    shape: p.shape("new_sizes")?,
                }
            }
            "transpose" => Op::Transpose {
                permutation: p.shape("permutation")?,
            },
            "squeeze" => Op::Squeeze {
                dims: p.shape("dimensions")?,
            },
            "concatenate" => Op::Concatenate {
                dimension: p.number("dimension")?,
            },
            "pad" => {
                let config = p.rows::<i64, 3>("padding_config")?;
                let axis = |&[low, high, interior]: &[i64; 3]| {
                    usize::try_from(interior).ok().map(|interior| PadAxis {
                        low,
                        high,
                        interior,
                    })
                };
                let config = config.iter().map(axis).collect::<Option<_>>();
                let invalid =
                    || ParseError::unexpected(p.at(), "interior padding of 0 or more", "less");
                Op::Pad {
                    config: config.ok_or_else(invalid)?,
                }
            }
            "rev" => Op::Rev {
                dims: p.shape("dimensions")?,
            },
            "slice" => {
                let (start, limit) = (p.shape("start_indices")?, p.shape("limit_indices")?);
                let (value, at) = p.take("strides")?;
                let strides = match value {
                    Value::Word(word) if word == "None" => SmallVec::from_elem(1, start.len()),
                    value => {
                        p.push("strides", value, at)?;
                        p.shape("strides")?
                    }
                };
                Op::Slice {
                    start,
                    limit,
                    strides,
                }
            }
            "dot_general" => {
                let [[lhs_contract, rhs_contract], [lhs_batch, rhs_batch]] =
                    p.dot_dims("dimension_numbers")?;
                if p.has("preferred_element_type") {
                    let dtype = p.dtype("preferred_element_type")?;
                    let result = single(results, p)?;
                    if result.dtype != dtype {
                        return Err(ParseError::mismatch(
                            p.at(),
                            "the result's element type",
                            &dtype,
                            &result.dtype,
                        ));
                    }
                }
                Op::DotGeneral {
                    dims: DotDims {
                        lhs_contract,
                        rhs_contract,
                        lhs_batch,
                        rhs_batch,
                    },
                }
            }
            "iota" => {
                p.fixed("sharding", "None")?;
                Op::Iota {
                    dtype: p.dtype("dtype")?,
                    shape: p.shape("shape")?,
                    dimension: p.number("dimension")?,
                }
            }
            "dynamic_slice" => Op::DynamicSlice {
                sizes: p.shape("slice_sizes")?,
            },
            "dynamic_update_slice" => Op::DynamicUpdateSlice,
            "gather" => gather(p, results)?,
            "sort" => {
                p.fixed("is_stable", "True")?;
                Op::Sort {
                    dimension: p.number("dimension")?,
                    num_keys: p.number("num_keys")?,
                }
            }
            "top_k" => {
                let last = results.first().map_or(0, |ty| ty.rank().saturating_sub(1));
                p.fixed("axis", &last.to_string())?;
                Op::TopK { k: p.number("k")? }
            }
            "cholesky" => Op::Cholesky,
            "triangular_solve" => {
                p.fixed("conjugate_a", "False")?;
                Op::TriangularSolve {
                    left_side: p.boolean("left_side")?,
                    lower: p.boolean("lower")?,
                    transpose_a: p.boolean("transpose_a")?,
                    unit_diagonal: p.boolean("unit_diagonal")?,
                }
            }
            "solve" => Op::Solve,
            "pure_callback" | "io_callback" | "debug_callback" => {
                self.callback(name, p, results)?
            }
            "jit" => Op::Call {
                name: Arc::from(p.name("name")?),
                program: self.sub_program(p, "jaxpr")?,
            },
            "custom_vmap_call" => {
                let (rule, at) = p.take("rule")?;
                let (Value::Word(name) | Value::Text(name)) = rule else {
                    return Err(ParseError::unexpected(
                        at,
                        "a rule's name",
                        format!("`{rule}`"),
                    ));
                };
                let Some(rule) = self.given.rules.get(&name) else {
                    let At { line, column } = at;
                    return Err(ParseError::UnknownRule { line, column, name });
                };
                Op::CustomVmap {
                    rule: rule.clone(),
                    program: self.sub_program(p, "call")?,
                    num_consts: p.number("num_consts")?,
                }
            }
            "cond" => {
                let (value, at) = p.take("branches")?;
                let Value::Tuple(branches) = value else {
                    return Err(ParseError::unexpected(
                        at,
                        "a tuple of programs for `branches`",
                        format!("`{value}`"),
                    ));
                };
                let branches: Vec<SubProgram> = branches
                    .into_iter()
                    .map(|v| self.resolve(v, at))
                    .collect::<Result<_, _>>()?;
                if branches.is_empty() {
                    return Err(ParseError::unexpected(at, "at least one branch", "none"));
                }
                Op::Cond { branches }
            }
            "while" => Op::While {
                cond: self.sub_program(p, "cond_jaxpr")?,
                cond_consts: p.number("cond_nconsts")?,
                body: self.sub_program(p, "body_jaxpr")?,
                body_consts: p.number("body_nconsts")?,
            },
            "scan" => {
                let body = self.sub_program(p, "jaxpr")?;
                let num_carry = p.number("num_carry")?;
                let lanes = p
                    .optional_boolean("lanes")?
                    .unwrap_or_else(|| looks_like_lanes(&body, num_carry));
                Op::Scan {
                    body,
                    length: p.number("length")?,
                    num_consts: p.number("num_consts")?,
                    num_carry,
                    reverse: p.boolean("reverse")?,
                    unroll: p.number("unroll")?,
                    lanes,
                }
            }
            name => {
                let At { line, column } = p.at();
                return Err(ParseError::UnknownOperation {
                    line,
                    column,
                    name: name.to_owned(),
                });
            }
        })
    }

    fn sub_program(&self, p: &mut Params, key: &str) -> Result<SubProgram, ParseError> {
        let (value, at) = p.take(key)?;
        self.resolve(value, at)
    }

    /// A program, in full or by its name.
    fn resolve(&self, value: Value, at: At) -> Result<SubProgram, ParseError> {
        match value {
            Value::Program(program) => Ok(program),
            Value::Word(name) => self.programs.get(&name[..]).cloned().ok_or_else(|| {
                let At { line, column } = at;
                ParseError::UnknownProgram { line, column, name }
            }),
            value => Err(ParseError::unexpected(
                at,
                "a program or a program's name",
                format!("`{value}`"),
            )),
        }
    }

    fn callback(
        &self,
        operation: &str,
        p: &mut Params,
        results: &[TensorType],
    ) -> Result<Op, ParseError> {
        let (value, at) = p.take("callback")?;
        let (Value::Word(name) | Value::Text(name)) = value else {
            return Err(ParseError::unexpected(
                at,
                "a callback's name",
                format!("`{value}`"),
            ));
        };
        let Some(callback) = self.given.callbacks.get(&name) else {
            let At { line, column } = at;
            return Err(ParseError::UnknownCallback { line, column, name });
        };
        let mut callback = callback.clone();
        let lanes = p.optional_shape("lanes")?;
        let kind = match operation {
            "debug_callback" => {
                p.fixed("effect", "Debug")?;
                p.fixed("partitioned", "False")?;
                CallbackKind::Debug
            }
            "io_callback" => {
                let ordered = p.boolean("ordered")?;
                callback = callback.io(ordered);
                CallbackKind::Io { ordered }
            }
            _ if callback.kind() != CallbackKind::Pure => {
                let what = format!("the given callback {name:?}");
                return Err(ParseError::mismatch(
                    at,
                    what,
                    &"pure",
                    &"declared with `io`",
                ));
            }
            _ => {
                callback = with_method(callback, p, at)?;
                CallbackKind::Pure
            }
        };
        let types = if kind == CallbackKind::Debug {
            results.to_vec()
        } else {
            p.fixed("sharding", "None")?;
            let types = p.avals("result_avals")?;
            check_types("result type", &name, results, &types, at)?;
            types
        };
        check_declared(&callback, &types, at)?;
        Ok(Op::Callback {
            callback,
            results: types.into_iter().collect(),
            lanes,
            kind,
        })
    }
}

/// The callback with the method the text gives it.
fn with_method(callback: Callback, p: &mut Params, at: At) -> Result<Callback, ParseError> {
    let method = p.read(
        "vmap_method",
        "`None` or a vmap method",
        |value| match value {
            Value::Word(word) if word == "None" => Some(None),
            Value::Word(word) => word.parse::<VmapMethod>().ok().map(Some),
            _ => None,
        },
    )?;
    match (method, callback.method()) {
        (Some(method), _) => Ok(callback.vmap_method(method)),
        (None, None) => Ok(callback),
        (None, Some(given)) => {
            let what = format!(
                "the vmap_method of the given callback {:?}",
                callback.name()
            );
            Err(ParseError::mismatch(at, what, &"None", &given))
        }
    }
}

/// The one result an operation has.
fn single<'r>(results: &'r [TensorType], p: &Params) -> Result<&'r TensorType, ParseError> {
    match results {
        [result] => Ok(result),
        _ => Err(ParseError::mismatch(
            p.at(),
            "the number of results",
            &1,
            &results.len(),
        )),
    }
}

/// JAX shows the enumeration by its number.
fn rounding(p: &mut Params) -> Result<UnaryOp, ParseError> {
    p.read(
        "rounding_method",
        "0 (away from zero) or 1 (to even)",
        |value| match &value.to_string()[..] {
            "0" | "RoundingMethod.AWAY_FROM_ZERO" => Some(UnaryOp::RoundHalfAway),
            "1" | "RoundingMethod.TO_NEAREST_EVEN" => Some(UnaryOp::RoundHalfEven),
            _ => None,
        },
    )
}

fn index_mode(p: &mut Params) -> Result<IndexMode, ParseError> {
    let expected = "`GatherScatterMode.CLIP` or `GatherScatterMode.FILL_OR_DROP`";
    p.read("mode", expected, |value| match &value.to_string()[..] {
        "GatherScatterMode.CLIP" => Some(IndexMode::Clip),
        "GatherScatterMode.FILL_OR_DROP" => Some(IndexMode::FillOrDrop),
        _ => None,
    })
}

fn gather(p: &mut Params, results: &[TensorType]) -> Result<Op, ParseError> {
    let fields = [
        "offset_dims",
        "collapsed_slice_dims",
        "start_index_map",
        "operand_batching_dims",
        "start_indices_batching_dims",
    ];
    let numbers = p.record("dimension_numbers", "GatherDimensionNumbers", fields)?;
    let [
        offset_dims,
        collapsed_slice_dims,
        start_index_map,
        operand_batching_dims,
        start_indices_batching_dims,
    ] = numbers;
    let mode = index_mode(p)?;
    p.fixed("fill_value", &fill_value(mode, results))?;
    // Hints for compilers.
    p.optional("indices_are_sorted");
    p.optional("unique_indices");
    let dims = GatherDims {
        offset_dims,
        collapsed_slice_dims,
        start_index_map,
        operand_batching_dims,
        start_indices_batching_dims,
    };
    Ok(Op::Gather {
        dims,
        slice_sizes: p.shape("slice_sizes")?,
        mode,
    })
}

fn scatter(kind: ScatterOp, p: &mut Params) -> Result<Op, ParseError> {
    let fields = [
        "update_window_dims",
        "inserted_window_dims",
        "scatter_dims_to_operand_dims",
        "operand_batching_dims",
        "scatter_indices_batching_dims",
    ];
    let numbers = p.record("dimension_numbers", "ScatterDimensionNumbers", fields)?;
    let [
        update_window_dims,
        inserted_window_dims,
        scatter_dims_to_operand_dims,
        operand_batching_dims,
        scatter_indices_batching_dims,
    ] = numbers;
    let mode = index_mode(p)?;
    p.fixed("update_consts", "()")?;
    // What the operation's name says already, and hints for compilers.
    p.optional("update_jaxpr");
    p.optional("indices_are_sorted");
    p.optional("unique_indices");
    let dims = ScatterDims {
        update_window_dims,
        inserted_window_dims,
        scatter_dims_to_operand_dims,
        operand_batching_dims,
        scatter_indices_batching_dims,
    };
    Ok(Op::Scatter { kind, dims, mode })
}

fn collective(name: &str, p: &mut Params) -> Result<Option<Op>, ParseError> {
    let op = match name {
        "psum" => CollectiveOp::Psum,
        "pmax" => CollectiveOp::Pmax,
        "pmin" => CollectiveOp::Pmin,
        "axis_index" => CollectiveOp::AxisIndex,
        "all_gather" => CollectiveOp::AllGather {
            axis: p.number("all_gather_dimension")?,
            tiled: p.boolean("tiled")?,
        },
        "ppermute" => {
            let pairs = p
                .rows::<usize, 2>("perm")?
                .into_iter()
                .map(|[source, destination]| (source, destination));
            CollectiveOp::Ppermute {
                pairs: pairs.collect(),
            }
        }
        "all_to_all" => CollectiveOp::AllToAll {
            split_axis: p.number("split_axis")?,
            concat_axis: p.number("concat_axis")?,
            tiled: p.boolean("tiled")?,
        },
        "reduce_scatter" => CollectiveOp::PsumScatter {
            axis: p.number("scatter_dimension")?,
            tiled: p.boolean("tiled")?,
        },
        _ => return Ok(None),
    };
    p.fixed("axis_index_groups", "None")?;
    let names = p.names(if p.has("axes") { "axes" } else { "axis_name" })?;
    let sizes = match p.has("axis_sizes") {
        true => {
            // The product JAX shows says nothing more.
            p.optional("axis_size");
            p.shape("axis_sizes")?
        }
        false if p.has("axis_size") && names.len() == 1 => {
            Shape::from_elem(p.number("axis_size")?, 1)
        }
        false => p.shape("axis_sizes")?,
    };
    if names.len() != sizes.len() {
        return Err(ParseError::mismatch(
            p.at(),
            "the number of axis_sizes",
            &names.len(),
            &sizes.len(),
        ));
    }
    let axes = names
        .iter()
        .map(|name| AxisName::from(&name[..]))
        .zip(sizes)
        .collect();
    Ok(Some(Op::Collective { op, axes }))
}
