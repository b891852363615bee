//! Windows of an operand updated at positions given by indices, as in XLA.
//!
//! Dimension numbers are XLA's; the batching rule is JAX's (its semantics, section 5, item 11). Updates are applied in
//! the row-major order of the grid of windows, so the last one written to an element wins, and sums of floats come out
//! the same each time (rule N23).

mod derivative;

use crate::array::{Array, Element, Shape, ShapeTuple, TensorType, dispatch_kernel_dtype, owned};
use crate::error::{Error, OpErrorKind, ParseError};
use crate::ops::gather::positions::{AtPlaces, Places, Positions};
use crate::ops::gather::window::{Addressing, Windows, row_major_strides};
use crate::ops::gather::{mode_text, read_mode};
use crate::ops::rule::{
    Batched, ControlRules, DataRules, Effect, Emit, Outputs, Rules, all_past, batched_at,
    expect_operands,
};
use crate::ops::shape::{check_axes, check_increasing};
use crate::program::text::python::record;
use crate::program::text::{Given, Param, Shown, Value};
use crate::program::{
    Atom, Binary, BinaryOp, DataOp, IndexMode, Op, Program, Scatter, ScatterApply, ScatterDims,
    ScatterOp, SubProgram,
};
use smallvec::{SmallVec, smallvec};

impl Rules for Scatter {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        infer(&self.dims, inputs)
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        let (kind, mode) = (self.kind, self.mode);
        batch(cx, &self.dims, inputs, |dims| Scatter { kind, dims, mode })
    }

    fn params(&self, shown: &mut Shown<'_>) {
        let update = shown.update.take();
        params(&self.dims, self.mode, update, shown);
    }

    fn parse(name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        read(name, given)
    }
}

impl DataRules for Scatter {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        smallvec![scatter(self, inputs, 0)]
    }
}

impl Rules for ScatterApply {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        let outputs = infer(&self.dims, inputs)?;
        let element = TensorType::new(inputs[0].dtype, []);
        let (takes, gives) = (self.update.input_types(), self.update.output_types());
        let fits = |types: &[TensorType], count: usize| {
            types.len() == count && types.iter().all(|ty| ty.same_layout(&element))
        };
        if !fits(&takes, 2) || !fits(&gives, 1) {
            let show = |types: &[TensorType]| {
                let types: Vec<String> = types.iter().map(ToString::to_string).collect();
                types.join(", ")
            };
            return Err(OpErrorKind::parameter(format!(
                "the update function must take two {element} and return one, it takes ({}) and returns ({})",
                show(&takes),
                show(&gives)
            )));
        }
        Ok(outputs)
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        let (update, mode) = (&self.update, self.mode);
        batch(cx, &self.dims, inputs, |dims| ScatterApply {
            update: update.clone(),
            dims,
            mode,
        })
    }

    fn params(&self, shown: &mut Shown<'_>) {
        params(&self.dims, self.mode, Some(self.update.clone()), shown);
    }

    fn parse(name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        read(name, given)
    }
}

impl ControlRules for ScatterApply {
    fn sub_programs(&self) -> SmallVec<[&SubProgram; 2]> {
        smallvec![&self.update]
    }

    fn effect(&self) -> Effect<'_> {
        Effect::None
    }
}

/// The type rule of a scatter, whatever it does where an update meets an element.
fn infer(dims: &ScatterDims, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
    expect_operands(inputs, 3)?;
    let (operand, indices, updates) = (&inputs[0], &inputs[1], &inputs[2]);
    let addressing = Addressing {
        flat: ("inserted_window_dims", &dims.inserted_window_dims),
        index_map: (
            "scatter_dims_to_operand_dims",
            &dims.scatter_dims_to_operand_dims,
        ),
        operand_batching: &dims.operand_batching_dims,
        indices_batching: (
            "scatter_indices_batching_dims",
            &dims.scatter_indices_batching_dims,
        ),
    };
    addressing.check(operand, indices, dims.update_window_dims.len())?;
    if operand.dtype != updates.dtype {
        let detail = "updates must have the operand's element type; convert them first";
        return Err(OpErrorKind::dtypes([operand, updates], detail));
    }
    check_axes(&dims.update_window_dims, updates.rank())?;
    check_increasing("update_window_dims", &dims.update_window_dims)?;
    let grid: Shape = grid_axes(dims, updates.rank())
        .map(|a| updates.shape[a])
        .collect();
    if grid[..] != indices.shape[..indices.rank() - 1] {
        return Err(OpErrorKind::shapes(
            inputs,
            format!(
                "axes of the updates other than update_window_dims, {}, must have the lengths of the indices' axes \
                 but the last",
                ShapeTuple(&grid)
            ),
        ));
    }
    let sizes = window_sizes(dims, operand.rank(), &updates.shape);
    // Flat windows may meet an empty axis: then they fit nowhere, and nothing is written.
    let flat = |axis: usize| {
        dims.inserted_window_dims.contains(&axis) || dims.operand_batching_dims.contains(&axis)
    };
    if let Some(axis) = (0..operand.rank()).find(|&a| !flat(a) && sizes[a] > operand.shape[a]) {
        return Err(OpErrorKind::shapes(
            inputs,
            format!(
                "update windows must lie inside the operand, but along its axis {axis} they have length {} of {}",
                sizes[axis], operand.shape[axis]
            ),
        ));
    }
    Ok(smallvec![operand.clone()])
}

/// The batching rule: `op` makes the scatter of all lanes from its dimension numbers.
fn batch<O: Into<Op>>(
    cx: &mut dyn Emit,
    dims: &ScatterDims,
    inputs: &[Batched],
    op: impl FnOnce(ScatterDims) -> O,
) -> Result<Outputs<Batched>, Error> {
    // Every lane gets its own operand to update and its own updates.
    let operand = cx.materialize_at(&inputs[0], 0)?;
    let indices = cx.batch_to_front(&inputs[1])?;
    let updates = cx.materialize_at(&inputs[2], 0)?;
    let mut dims = ScatterDims {
        update_window_dims: all_past(&dims.update_window_dims, 0),
        inserted_window_dims: all_past(&dims.inserted_window_dims, 0),
        scatter_dims_to_operand_dims: all_past(&dims.scatter_dims_to_operand_dims, 0),
        operand_batching_dims: all_past(&dims.operand_batching_dims, 0),
        scatter_indices_batching_dims: dims.scatter_indices_batching_dims.clone(),
    };
    if inputs[1].dim.is_batched() {
        dims.operand_batching_dims.insert(0, 0);
        dims.scatter_indices_batching_dims = all_past(&dims.scatter_indices_batching_dims, 0);
        dims.scatter_indices_batching_dims.insert(0, 0);
    } else {
        dims.update_window_dims.insert(0, 0);
    }
    let out = cx.emit1(op(dims), smallvec![operand, indices, updates])?;
    Ok(batched_at(out, 0))
}

/// The parameters that all scatters have, with the program that says what they do where an update meets an element.
fn params(dims: &ScatterDims, mode: IndexMode, update: Option<SubProgram>, shown: &mut Shown<'_>) {
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
    shown
        .show(
            "dimension_numbers",
            record("ScatterDimensionNumbers", numbers),
        )
        .show("indices_are_sorted", false)
        .show("mode", mode_text(mode))
        .show("unique_indices", false)
        .show("update_consts", "()")
        .show(
            "update_jaxpr",
            update.map_or_else(|| Param::from("None"), Param::Program),
        );
}

/// Whether a program is the one that JAX shows for a kind of scatter: its operation on the two arguments.
fn is_update_of(kind: ScatterOp, program: &Program) -> bool {
    let combine = match kind {
        ScatterOp::Set => return false,
        ScatterOp::Add => BinaryOp::Add,
        ScatterOp::Mul => BinaryOp::Mul,
        ScatterOp::Min => BinaryOp::Min,
        ScatterOp::Max => BinaryOp::Max,
    };
    let ([a, b], [equation]) = (program.inputs(), program.equations()) else {
        return false;
    };
    let (a, b) = (Atom::Var(*a), Atom::Var(*b));
    let own = matches!(&equation.op, Op::Data(DataOp::Binary(Binary { kind })) if *kind == combine);
    // The operations of all kinds are commutative.
    own && (equation.inputs[..] == [a, b] || equation.inputs[..] == [b, a])
        && matches!((program.outputs(), &equation.outputs[..]), ([Atom::Var(out)], [own]) if out == own)
}

/// A scatter of the given name: with a function of its own where text gives one.
fn read(name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
    let fields = [
        "update_window_dims",
        "inserted_window_dims",
        "scatter_dims_to_operand_dims",
        "operand_batching_dims",
        "scatter_indices_batching_dims",
    ];
    let [
        update_window_dims,
        inserted_window_dims,
        scatter_dims_to_operand_dims,
        operand_batching_dims,
        scatter_indices_batching_dims,
    ] = given.record("dimension_numbers", "ScatterDimensionNumbers", fields)?;
    let kind = ScatterOp::from_name(name).ok_or_else(|| given.unknown_operation())?;
    let mode = read_mode(given)?;
    given.fixed("update_consts", "()")?;
    // Hints for compilers.
    given.optional("indices_are_sorted");
    given.optional("unique_indices");
    let dims = ScatterDims {
        update_window_dims,
        inserted_window_dims,
        scatter_dims_to_operand_dims,
        operand_batching_dims,
        scatter_indices_batching_dims,
    };
    let update = match given.optional("update_jaxpr") {
        None => None,
        Some((Value::Word(word), _)) if word == "None" => None,
        Some((value, at)) => Some((given.resolve(value, at)?, at)),
    };
    match (kind, update) {
        (_, None) => Ok(Scatter { kind, dims, mode }.into()),
        (ScatterOp::Set, Some((update, _))) => Ok(ScatterApply { update, dims, mode }.into()),
        (_, Some((update, _))) if is_update_of(kind, &update) => {
            Ok(Scatter { kind, dims, mode }.into())
        }
        (_, Some((_, at))) => Err(ParseError::unexpected(
            at,
            format!("the operation of `{name}` on its two arguments for `update_jaxpr`"),
            "another program",
        )),
    }
}

/// The axes of the updates that run over the grid of windows.
fn grid_axes(dims: &ScatterDims, rank: usize) -> impl Iterator<Item = usize> + '_ {
    (0..rank).filter(|a| !dims.update_window_dims.contains(a))
}

/// The size of a window along each operand axis.
fn window_sizes(dims: &ScatterDims, operand_rank: usize, updates: &[usize]) -> Shape {
    let mut windows = dims.update_window_dims.iter().map(|&a| updates[a]);
    (0..operand_rank)
        .map(|axis| {
            let flat = dims.inserted_window_dims.contains(&axis)
                || dims.operand_batching_dims.contains(&axis);
            if flat { 1 } else { windows.next().unwrap_or(1) }
        })
        .collect()
}

/// How element types combine an update with what is there; `bool` counts as one bit, as in XLA.
trait Combine: Element {
    fn add(self, update: Self) -> Self;
    fn mul(self, update: Self) -> Self;
    fn min(self, update: Self) -> Self;
    fn max(self, update: Self) -> Self;
}

macro_rules! combine_integers {
    ($($ty:ty),*) => {$(
        impl Combine for $ty {
            fn add(self, update: $ty) -> $ty {
                self.wrapping_add(update)
            }
            fn mul(self, update: $ty) -> $ty {
                self.wrapping_mul(update)
            }
            fn min(self, update: $ty) -> $ty {
                Ord::min(self, update)
            }
            fn max(self, update: $ty) -> $ty {
                Ord::max(self, update)
            }
        }
    )*};
}
combine_integers!(u8, u16, u32, u64, i8, i16, i32, i64);

macro_rules! combine_floats {
    ($($ty:ty),*) => {$(
        impl Combine for $ty {
            fn add(self, update: $ty) -> $ty {
                self + update
            }
            fn mul(self, update: $ty) -> $ty {
                self * update
            }
            // The standard library's drop NaN; these keep it (rule N12), and know that -0 < 0.
            fn min(self, update: $ty) -> $ty {
                if self.is_nan() || self < update || (self == update && self.is_sign_negative()) {
                    self
                } else {
                    update
                }
            }
            fn max(self, update: $ty) -> $ty {
                if self.is_nan() || self > update || (self == update && self.is_sign_positive()) {
                    self
                } else {
                    update
                }
            }
        }
    )*};
}
combine_floats!(f32, f64);

impl Combine for bool {
    fn add(self, update: bool) -> bool {
        self | update
    }
    fn mul(self, update: bool) -> bool {
        self & update
    }
    fn min(self, update: bool) -> bool {
        self & update
    }
    fn max(self, update: bool) -> bool {
        self | update
    }
}

/// Scatters; `wrap` is added to negative indices before.
pub(crate) fn scatter(op: &Scatter, inputs: &[Array], wrap: i64) -> Array {
    let Scatter { kind, dims, mode } = op;
    fn each<T: Combine>(combine: impl Fn(T, T) -> T) -> impl Fn(&mut [T], &[T]) {
        move |target, updates| {
            for (t, &u) in target.iter_mut().zip(updates) {
                *t = combine(*t, u);
            }
        }
    }
    fn at<T: Combine>(combine: impl Fn(T, T) -> T) -> impl Fn(&Places<'_>, &mut [T], &[T]) {
        move |places, target, updates| places.apply(target, updates, &combine)
    }
    fn run<T: Combine>(
        op: &Target<'_>,
        inputs: &[Array],
        at: impl Fn(&Places<'_>, &mut [T], &[T]) + Sync,
        mut each: impl FnMut(&mut [T], &[T]),
    ) -> Array {
        eval(op, inputs, Some(&at), &mut each)
    }
    let target = Target {
        dims,
        mode: *mode,
        wrap,
    };
    dispatch_kernel_dtype!(inputs[0].dtype(), T => match kind {
        ScatterOp::Set => run(&target, inputs, at::<T>(|_, update| update), <[T]>::copy_from_slice),
        ScatterOp::Add => run(&target, inputs, at::<T>(Combine::add), each::<T>(Combine::add)),
        ScatterOp::Mul => run(&target, inputs, at::<T>(Combine::mul), each::<T>(Combine::mul)),
        ScatterOp::Min => run(&target, inputs, at::<T>(Combine::min), each::<T>(Combine::min)),
        ScatterOp::Max => run(&target, inputs, at::<T>(Combine::max), each::<T>(Combine::max)),
    })
}

/// Applies `apply` to each run of contiguous elements that a window covers and the updates for it.
pub(crate) fn eval_with<T: Element>(
    dims: &ScatterDims,
    mode: IndexMode,
    inputs: &[Array],
    mut apply: impl FnMut(&mut [T], &[T]),
) -> Array {
    let wrap = 0;
    eval(&Target { dims, mode, wrap }, inputs, None, &mut apply)
}

/// Where updates go.
struct Target<'a> {
    dims: &'a ScatterDims,
    mode: IndexMode,
    /// What is added to negative indices.
    wrap: i64,
}

/// As [`eval_with`]; windows of one element along one axis are left to `at_places` where that is given.
fn eval<T: Element>(
    op: &Target<'_>,
    inputs: &[Array],
    at_places: Option<&AtPlaces<'_, T>>,
    apply: &mut dyn FnMut(&mut [T], &[T]),
) -> Array {
    let &Target { dims, mode, wrap } = op;
    // What breaks a promise is dropped.
    let mode = match mode {
        IndexMode::PromiseInBounds => IndexMode::FillOrDrop,
        other => other,
    };
    let (operand, indices, updates) = (&inputs[0], &inputs[1], &inputs[2]);
    let sizes = window_sizes(dims, operand.rank(), updates.shape());
    let strides = row_major_strides(operand.shape());
    let windows = Windows {
        operand: operand.shape(),
        strides: &strides,
        sizes: &sizes,
        index_map: &dims.scatter_dims_to_operand_dims,
        operand_batching: &dims.operand_batching_dims,
        grid_batching: &dims.scatter_indices_batching_dims,
        mode,
        wrap,
    };
    let grid_then_window: Shape = grid_axes(dims, updates.rank())
        .chain(dims.update_window_dims.iter().copied())
        .collect();
    let updates = updates.permute(&grid_then_window);
    let updates = updates.elements::<T>();
    let mut out = owned(operand.elements::<T>());
    let (runs, run) = windows.runs();
    if runs[..] == [0]
        && run == 1
        && let Some(at_places) = at_places
        && let Some(positions) = Positions::new(&windows, indices)
    {
        positions.scatter(&mut out, &updates, at_places);
        return Array::from_elements(operand.shape(), out);
    }
    let mut next = 0;
    windows.for_each(indices, |start| {
        let window = next..next + runs.len() * run;
        next = window.end;
        let Some(start) = start else { return };
        for (offset, update) in runs.iter().zip(updates[window].chunks_exact(run.max(1))) {
            let to = (start + offset) as usize;
            apply(&mut out[to..to + run], update);
        }
    });
    Array::from_elements(operand.shape(), out)
}

#[cfg(test)]
mod tests;
