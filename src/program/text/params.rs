//! How each operation's parameters are shown.
//!
//! The forms are those of JAX 0.10. Where an operation knows more than JAX's primitive shows (the sizes of named axes, the
//! lanes of a parallel callback), a parameter is added, so that text holds whatever types do not imply.

use super::python::{boolean, float, list, name, quoted, scalar, shaped_array, tuple};
use crate::array::{DType, Scalar, TensorType};
use crate::callback::VmapMethod;
use crate::program::{
    AxisName, CallbackKind, CollectiveOp, IndexMode, Op, Program, ReduceOp, SubProgram, UnaryOp,
};

/// A parameter's value.
pub(super) enum Param {
    /// Text without line breaks.
    Text(String),
    /// One program, inline or by its name.
    Program(SubProgram),
    /// The branches of a `cond`.
    Programs(Vec<SubProgram>),
}

impl From<String> for Param {
    fn from(text: String) -> Param {
        Param::Text(text)
    }
}

impl From<&str> for Param {
    fn from(text: &str) -> Param {
        Param::Text(text.to_owned())
    }
}

impl From<bool> for Param {
    fn from(value: bool) -> Param {
        boolean(value).into()
    }
}

impl From<usize> for Param {
    fn from(value: usize) -> Param {
        value.to_string().into()
    }
}

impl From<DType> for Param {
    fn from(dtype: DType) -> Param {
        dtype.name().into()
    }
}

impl From<&SubProgram> for Param {
    fn from(program: &SubProgram) -> Param {
        Param::Program(program.clone())
    }
}

/// Parameters with their keys, in the order shown.
pub(super) type Params = Vec<(&'static str, Param)>;

/// `params! { key = value, .. }` with any values that are a [`Param`].
macro_rules! params {
    ($($key:ident = $value:expr),* $(,)?) => { vec![$((stringify!($key), Param::from($value))),*] };
}

/// The parameters of an operation whose results have the given types; `update` is a scatter's jaxpr, which JAX shows.
pub(super) fn params(op: &Op, results: &[TensorType], update: Option<SubProgram>) -> Params {
    let mut params: Params = match op {
        Op::Unary(UnaryOp::RoundHalfAway) => params! { rounding_method = "0" },
        Op::Unary(UnaryOp::RoundHalfEven) => params! { rounding_method = "1" },
        Op::Unary(_)
        | Op::Binary(_)
        | Op::SelectN
        | Op::Clamp
        | Op::DynamicUpdateSlice
        | Op::Cholesky
        | Op::Solve => params! {},
        Op::IntegerPow { y } => params! { y = y.to_string() },
        Op::ConvertElementType { dtype, weak } => params! { new_dtype = *dtype, weak_type = *weak },
        Op::BroadcastInDim { shape: _, dims } if dims.is_empty() => params! {},
        Op::BroadcastInDim { shape: _, dims } => params! { broadcast_dimensions = tuple(dims) },
        Op::Reshape { shape } => {
            params! { dimensions = "None", new_sizes = tuple(shape), sharding = "None" }
        }
        Op::Transpose { permutation } => params! { permutation = tuple(permutation) },
        Op::Squeeze { dims } | Op::Rev { dims } => params! { dimensions = tuple(dims) },
        Op::Concatenate { dimension } => params! { dimension = *dimension },
        Op::Pad { config } => {
            let axes = config
                .iter()
                .map(|axis| format!("({}, {}, {})", axis.low, axis.high, axis.interior));
            params! { padding_config = tuple(axes) }
        }
        Op::Slice {
            start,
            limit,
            strides,
        } => {
            let strides = if strides.iter().all(|&s| s == 1) {
                "None".to_owned()
            } else {
                tuple(strides)
            };
            params! { limit_indices = tuple(limit), start_indices = tuple(start), strides = strides }
        }
        Op::Reduce {
            kind: ReduceOp::Sum,
            axes,
        } => params! { axes = tuple(axes), out_sharding = "None" },
        Op::Reduce { kind: _, axes } => params! { axes = tuple(axes) },
        Op::ArgReduce {
            kind: _,
            axis,
            index_dtype,
        } => {
            params! { axes = tuple([axis]), index_dtype = *index_dtype }
        }
        Op::Cumulative {
            kind: _,
            axis,
            reverse,
        } => params! { axis = *axis, reverse = *reverse },
        Op::DotGeneral { dims } => {
            let pair = |lhs: &[usize], rhs: &[usize]| tuple([list(lhs), list(rhs)]);
            let numbers = [
                pair(&dims.lhs_contract, &dims.rhs_contract),
                pair(&dims.lhs_batch, &dims.rhs_batch),
            ];
            let mut params = params! { dimension_numbers = tuple(numbers) };
            if let Some(result) = results.first() {
                params.extend(params! { preferred_element_type = result.dtype });
            }
            params
        }
        Op::Iota {
            dtype,
            shape,
            dimension,
        } => {
            params! { dimension = *dimension, dtype = *dtype, shape = tuple(shape), sharding = "None" }
        }
        Op::DynamicSlice { sizes } => params! { slice_sizes = tuple(sizes) },
        Op::Gather {
            dims,
            slice_sizes,
            mode,
        } => {
            let numbers = [
                ("offset_dims", &dims.offset_dims),
                ("collapsed_slice_dims", &dims.collapsed_slice_dims),
                ("start_index_map", &dims.start_index_map),
                ("operand_batching_dims", &dims.operand_batching_dims),
                (
                    "start_indices_batching_dims",
                    &dims.start_indices_batching_dims,
                ),
            ];
            params! {
                dimension_numbers = record("GatherDimensionNumbers", numbers),
                fill_value = fill_value(*mode, results),
                indices_are_sorted = false,
                mode = index_mode(*mode),
                slice_sizes = tuple(slice_sizes),
                unique_indices = false,
            }
        }
        Op::Scatter {
            kind: _,
            dims,
            mode,
        } => {
            let numbers = [
                ("update_window_dims", &dims.update_window_dims),
                ("inserted_window_dims", &dims.inserted_window_dims),
                (
                    "scatter_dims_to_operand_dims",
                    &dims.scatter_dims_to_operand_dims,
                ),
                ("operand_batching_dims", &dims.operand_batching_dims),
                (
                    "scatter_indices_batching_dims",
                    &dims.scatter_indices_batching_dims,
                ),
            ];
            params! {
                dimension_numbers = record("ScatterDimensionNumbers", numbers),
                indices_are_sorted = false,
                mode = index_mode(*mode),
                unique_indices = false,
                update_consts = "()",
                update_jaxpr = update.map_or_else(|| Param::from("None"), Param::Program),
            }
        }
        Op::Sort {
            dimension,
            num_keys,
        } => {
            params! { dimension = *dimension, is_stable = true, num_keys = *num_keys }
        }
        Op::TopK { k } => {
            let axis = results.first().map_or(0, |ty| ty.rank().saturating_sub(1));
            params! { axis = axis, k = *k }
        }
        Op::TriangularSolve {
            left_side,
            lower,
            transpose_a,
            unit_diagonal,
        } => params! {
            conjugate_a = false,
            left_side = *left_side,
            lower = *lower,
            transpose_a = *transpose_a,
            unit_diagonal = *unit_diagonal,
        },
        Op::Callback {
            callback,
            results,
            lanes,
            kind,
        } => {
            let mut params = params! { callback = name(callback.name()) };
            let avals = || tuple(results.iter().map(shaped_array));
            params.extend(match kind {
                CallbackKind::Pure => {
                    let method = callback.method().map_or("None", VmapMethod::name);
                    params! { result_avals = avals(), sharding = "None", vmap_method = method }
                }
                CallbackKind::Io { ordered } => {
                    params! { ordered = *ordered, result_avals = avals(), sharding = "None" }
                }
                CallbackKind::Debug => params! { effect = "Debug", partitioned = false },
            });
            if !lanes.is_empty() {
                params.extend(params! { lanes = tuple(lanes) });
            }
            params
        }
        Op::Call {
            name: called,
            program,
        } => params! { name = name(called), jaxpr = program },
        Op::CustomVmap {
            rule,
            program,
            num_consts,
        } => params! { call = program, num_consts = *num_consts, rule = name(rule.name()) },
        Op::Cond { branches } => params! { branches = Param::Programs(branches.clone()) },
        Op::While {
            cond,
            cond_consts,
            body,
            body_consts,
        } => params! {
            body_jaxpr = body,
            body_nconsts = *body_consts,
            cond_jaxpr = cond,
            cond_nconsts = *cond_consts,
        },
        Op::Scan {
            body,
            length,
            num_consts,
            num_carry,
            reverse,
            unroll,
            lanes,
        } => {
            let mut params = params! {
                jaxpr = body,
                length = *length,
                num_carry = *num_carry,
                num_consts = *num_consts,
                reverse = *reverse,
                unroll = *unroll,
            };
            if *lanes != looks_like_lanes(body, *num_carry) {
                params.extend(params! { lanes = *lanes });
            }
            params
        }
        Op::Collective { op, axes } => collective(op, axes),
    };
    // JAX sorts by key, except for `jit`, whose name leads.
    if !matches!(op, Op::Call { .. }) {
        params.sort_by_key(|(key, _)| *key);
    }
    params
}

/// Whether a scan has the form that batching gives to a per-lane callback: no carry, and nothing in its body but such
/// a callback, or a scan over its lanes, between transposes and broadcasts. Text shows `lanes` only where the operation
/// differs from this, so that it reads as JAX's.
pub(in crate::program) fn looks_like_lanes(body: &Program, num_carry: usize) -> bool {
    let per_lane = |op: &Op| match op {
        Op::Callback { callback, kind, .. } => {
            let method = callback.method();
            *kind != CallbackKind::Pure
                || matches!(
                    method,
                    Some(VmapMethod::Sequential | VmapMethod::SequentialUnrolled)
                )
        }
        Op::Scan { lanes, .. } => *lanes,
        _ => false,
    };
    let moves = |op: &Op| matches!(op, Op::Transpose { .. } | Op::BroadcastInDim { .. });
    num_carry == 0
        && body.equations.iter().any(|e| per_lane(&e.op))
        && body
            .equations
            .iter()
            .all(|e| per_lane(&e.op) || moves(&e.op))
}

fn record<'a>(
    name: &str,
    fields: impl IntoIterator<Item = (&'static str, &'a crate::array::Shape)>,
) -> String {
    let fields: Vec<String> = fields
        .into_iter()
        .map(|(key, dims)| format!("{key}={}", tuple(dims)))
        .collect();
    format!("{name}({})", fields.join(", "))
}

fn index_mode(mode: IndexMode) -> &'static str {
    match mode {
        IndexMode::FillOrDrop => "GatherScatterMode.FILL_OR_DROP",
        IndexMode::Clip => "GatherScatterMode.CLIP",
    }
}

/// What a gather yields outside the bounds, as JAX shows it.
pub(in crate::program) fn fill_value(mode: IndexMode, results: &[TensorType]) -> String {
    let (IndexMode::FillOrDrop, Some(result)) = (mode, results.first()) else {
        return "None".to_owned();
    };
    match result.dtype {
        DType::Bool => scalar(Scalar::Bool(true)),
        DType::U8 => scalar(Scalar::U8(u8::MAX)),
        DType::U32 => scalar(Scalar::U32(u32::MAX)),
        DType::U64 => scalar(Scalar::U64(u64::MAX)),
        DType::I32 => scalar(Scalar::I32(i32::MIN)),
        DType::I64 => scalar(Scalar::I64(i64::MIN)),
        DType::F32 | DType::F64 => float(f64::NAN),
    }
}

fn collective(op: &CollectiveOp, axes: &[(AxisName, usize)]) -> Params {
    let names = tuple(axes.iter().map(|(name, _)| quoted(name)));
    let sizes = tuple(axes.iter().map(|(_, size)| size));
    // JAX shows a single axis by its bare name where the operation takes just one.
    let single = match axes {
        [(axis, _)] => name(axis),
        _ => names.clone(),
    };
    // JAX shows the product of the sizes, which is enough where there is one axis.
    let product = axes
        .iter()
        .fold(1_usize, |n, (_, size)| n.saturating_mul(*size));
    let (mut params, sized) = match op {
        CollectiveOp::Psum | CollectiveOp::Pmax | CollectiveOp::Pmin => {
            (params! { axes = names, axis_index_groups = "None" }, false)
        }
        CollectiveOp::AxisIndex => (params! { axis_name = single }, false),
        CollectiveOp::AllGather { axis, tiled } => {
            let params = params! {
                all_gather_dimension = *axis,
                axis_index_groups = "None",
                axis_name = names,
                axis_size = product,
                tiled = *tiled,
            };
            (params, axes.len() == 1)
        }
        CollectiveOp::Ppermute { pairs } => {
            let pairs = pairs
                .iter()
                .map(|(source, destination)| format!("({source}, {destination})"));
            (params! { axis_name = names, perm = tuple(pairs) }, false)
        }
        CollectiveOp::AllToAll {
            split_axis,
            concat_axis,
            tiled,
        } => {
            let params = params! {
                axis_index_groups = "None",
                axis_name = single,
                concat_axis = *concat_axis,
                split_axis = *split_axis,
                tiled = *tiled,
            };
            (params, false)
        }
        CollectiveOp::PsumScatter { axis, tiled } => {
            let params = params! {
                axis_index_groups = "None",
                axis_name = names,
                axis_size = product,
                scatter_dimension = *axis,
                tiled = *tiled,
            };
            (params, axes.len() == 1)
        }
    };
    if !sized {
        params.extend(params! { axis_sizes = sizes });
    }
    params
}
