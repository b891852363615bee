//! Boxes of fixed size at run-time positions.
//!
//! A negative start counts from the end, once; what is then still outside is moved inside (rule N24). Starts are
//! rank-0 integers of any type, one per axis. Where lanes have starts of their own, JAX's rule turns the operation into
//! a gather or a scatter that moves windows inside (its semantics, section 5, item 10); those do not count from the
//! end, so the starts are resolved first.

mod derivative;

use ndarray::{Axis, Slice};
use smallvec::{SmallVec, smallvec};

use crate::array::{
    Array, DType, Data, Scalar, Shape, ShapeTuple, TensorType, dispatch_kernel,
    dispatch_kernel_dtype,
};
use crate::error::{Error, OpErrorKind, ParseError};
use crate::ops::rule::{
    BatchDim, Batched, DataRules, Emit, Outputs, Rules, batched_at, expect_operands,
};
use crate::ops::shape::prepend;
use crate::program::text::python::tuple;
use crate::program::text::{Given, Shown};
use crate::program::{
    Atom, Atoms, BinaryOp, BroadcastInDim, Concatenate, ConvertElementType, DynamicSlice,
    DynamicUpdateSlice, Gather, GatherDims, IndexMode, Op, Scatter, ScatterDims, ScatterOp,
    SelectN,
};

/// Checks that `starts` are rank-0 integers, one per axis of the operand.
fn check_starts(operand: &TensorType, starts: &[TensorType]) -> Result<(), OpErrorKind> {
    if starts.iter().any(|t| !t.dtype.is_integer()) {
        return Err(OpErrorKind::dtypes(
            starts,
            "start indices must be integers; convert them first",
        ));
    }
    if starts.len() != operand.rank() || starts.iter().any(|t| t.rank() != 0) {
        let detail = format!(
            "start indices must be scalars, one for each of {} axes",
            operand.rank()
        );
        return Err(OpErrorKind::shapes(
            std::iter::once(operand).chain(starts),
            detail,
        ));
    }
    Ok(())
}

/// Checks that a box lies inside an operand.
fn check_box(what: &str, sizes: &[usize], operand: &TensorType) -> Result<(), OpErrorKind> {
    if sizes.len() == operand.rank() && sizes.iter().zip(&operand.shape).all(|(size, n)| size <= n)
    {
        return Ok(());
    }
    let detail = format!(
        "{what} {} must lie inside the operand, axis by axis",
        ShapeTuple(sizes)
    );
    Err(OpErrorKind::shapes([operand], detail))
}

/// Where the box begins along each axis.
fn resolved_starts(sizes: &[usize], shape: &[usize], starts: &[Array]) -> Shape {
    let resolve = |((start, &size), &n): ((&Array, &usize), &usize)| {
        let start = integer(start);
        let start = if start < 0 { start + n as i128 } else { start };
        start.clamp(0, (n - size) as i128) as usize
    };
    starts.iter().zip(sizes).zip(shape).map(resolve).collect()
}

/// The value of a rank-0 integer array.
fn integer(array: &Array) -> i128 {
    let value = match array.data() {
        Data::U8(a) => a.first().map(|&x| i128::from(x)),
        Data::U16(a) => a.first().map(|&x| i128::from(x)),
        Data::U32(a) => a.first().map(|&x| i128::from(x)),
        Data::U64(a) => a.first().map(|&x| i128::from(x)),
        Data::I8(a) => a.first().map(|&x| i128::from(x)),
        Data::I16(a) => a.first().map(|&x| i128::from(x)),
        Data::I32(a) => a.first().map(|&x| i128::from(x)),
        Data::I64(a) => a.first().map(|&x| i128::from(x)),
        // Not a start: the type rule refuses them.
        Data::Bool(_)
        | Data::BF16(_)
        | Data::F16(_)
        | Data::F32(_)
        | Data::F64(_)
        | Data::C64(_)
        | Data::C128(_) => None,
    };
    value.unwrap_or(0)
}

impl Rules for DynamicSlice {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        let sizes = &self.sizes;
        let Some((operand, starts)) = inputs.split_first() else {
            return Err(OpErrorKind::OperandCount {
                expected: 1 + sizes.len(),
                actual: 0,
            });
        };
        check_starts(operand, starts)?;
        check_box("slice_sizes", sizes, operand)?;
        Ok(smallvec![operand.with_shape(sizes.iter().copied())])
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        let sizes = &self.sizes;
        let (operand, starts) = (inputs[0], &inputs[1..]);
        if let (BatchDim::At(bd), false) = (operand.dim, starts.iter().any(|s| s.dim.is_batched()))
        {
            // All lanes lie in one box.
            let mut sizes = sizes.clone();
            sizes.insert(bd, cx.size());
            let mut atoms: Atoms = inputs.iter().map(|x| x.atom).collect();
            atoms.insert(1 + bd, origin());
            let out = cx.emit1(DynamicSlice { sizes }, atoms)?;
            return Ok(batched_at(out, bd));
        }
        let axes: Shape = (0..sizes.len()).collect();
        let dims = GatherDims {
            offset_dims: axes.clone(),
            start_index_map: axes,
            ..GatherDims::default()
        };
        let indices = index_vectors(cx, &operand, starts)?;
        Gather {
            dims,
            slice_sizes: sizes.clone(),
            mode: IndexMode::Clip,
            fill: None,
        }
        .batch(cx, &[operand, indices])
    }

    fn params(&self, shown: &mut Shown<'_>) {
        shown.show("slice_sizes", tuple(&self.sizes));
    }

    fn parse(_name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        let sizes = given.shape("slice_sizes")?;
        Ok(DynamicSlice { sizes }.into())
    }
}

impl DataRules for DynamicSlice {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        let sizes = &self.sizes;
        let starts = resolved_starts(sizes, inputs[0].shape(), &inputs[1..]);
        let sliced = dispatch_kernel!(inputs[0].data(), a => {
            let mut view = a.clone();
            for (axis, (&start, &size)) in starts.iter().zip(sizes).enumerate() {
                view.slice_axis_inplace(Axis(axis), Slice::from(start..start + size));
            }
            Array::wrap(view)
        });
        smallvec![sliced]
    }
}

impl Rules for DynamicUpdateSlice {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        let [operand, update, starts @ ..] = inputs else {
            return expect_operands(inputs, 2).map(|()| Outputs::new());
        };
        if operand.dtype != update.dtype {
            let detail = "the update must have the operand's element type; convert it first";
            return Err(OpErrorKind::dtypes([operand, update], detail));
        }
        check_starts(operand, starts)?;
        check_box("an update of shape", &update.shape, operand)?;
        Ok(smallvec![
            operand.clone().with_weak(operand.weak && update.weak)
        ])
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        let (operand, update, starts) = (inputs[0], inputs[1], &inputs[2..]);
        if !starts.iter().any(|s| s.dim.is_batched()) {
            let mut atoms: Atoms = smallvec![
                cx.materialize_at(&operand, 0)?,
                cx.materialize_at(&update, 0)?,
                origin()
            ];
            atoms.extend(starts.iter().map(|s| s.atom));
            let out = cx.emit1(DynamicUpdateSlice, atoms)?;
            return Ok(batched_at(out, 0));
        }
        let axes: Shape = (0..starts.len()).collect();
        let dims = ScatterDims {
            update_window_dims: axes.clone(),
            scatter_dims_to_operand_dims: axes,
            ..ScatterDims::default()
        };
        let indices = index_vectors(cx, &operand, starts)?;
        Scatter {
            kind: ScatterOp::Set,
            dims,
            mode: IndexMode::Clip,
        }
        .batch(cx, &[operand, indices, update])
    }

    fn params(&self, _shown: &mut Shown<'_>) {}

    fn parse(_name: &str, _given: &mut Given<'_>) -> Result<Op, ParseError> {
        Ok(DynamicUpdateSlice.into())
    }
}

impl DataRules for DynamicUpdateSlice {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        smallvec![update_slice(inputs)]
    }
}

fn update_slice(inputs: &[Array]) -> Array {
    let (operand, update) = (&inputs[0], &inputs[1]);
    let starts = resolved_starts(update.shape(), operand.shape(), &inputs[2..]);
    dispatch_kernel_dtype!(operand.dtype(), T => {
        let (Ok(mut out), Ok(source)) = (operand.clone().into_ndarray::<T>(), update.view::<T>()) else {
            return operand.clone();
        };
        let mut target = out.view_mut();
        for (axis, (&start, &size)) in starts.iter().zip(update.shape()).enumerate() {
            target.slice_axis_inplace(Axis(axis), Slice::from(start..start + size));
        }
        target.assign(&source);
        Array::from(out)
    })
}

// ---------------------------------------------------------------------------------------------- starts, batched

/// The start along an axis that is taken whole.
fn origin() -> Atom {
    Atom::Literal(Scalar::I32(0), false)
}

/// Starts, at least one of them batched, as one index vector per lane.
fn index_vectors(
    cx: &mut dyn Emit,
    operand: &Batched,
    starts: &[Batched],
) -> Result<Batched, Error> {
    let mut lane = cx.ty(operand).shape;
    if let BatchDim::At(bd) = operand.dim {
        lane.remove(bd);
    }
    let dtypes: SmallVec<[DType; 4]> = starts.iter().map(|s| cx.ty(s).dtype).collect();
    let first = dtypes[0];
    // A concatenation takes one type, and the axis' length has to be a number of it.
    let keep = dtypes.iter().all(|&d| d == first)
        && match first {
            DType::I8 | DType::I16 => false,
            DType::I32 => lane.iter().all(|&n| i32::try_from(n).is_ok()),
            _ => true,
        };
    let size = cx.size();
    let mut columns = Atoms::new();
    for (start, &length) in starts.iter().zip(&lane) {
        let mut atom = start.atom;
        if !keep {
            atom = widened(cx, atom, length)?;
        }
        let atom = counted_from_start(cx, atom, length)?;
        let dims = if start.dim.is_batched() {
            smallvec![0]
        } else {
            Shape::new()
        };
        columns.push(cx.emit1(
            BroadcastInDim {
                shape: prepend(size, &[1]),
                dims,
            },
            smallvec![atom],
        )?);
    }
    let vectors = match columns.as_slice() {
        [only] => *only,
        _ => cx.emit1(Concatenate { dimension: 1 }, columns)?,
    };
    Ok(Batched::at(vectors, 0))
}

/// A start as `int64`; an unsigned one beyond its range is first brought to the axis' end, where it belongs.
fn widened(cx: &mut dyn Emit, start: Atom, length: usize) -> Result<Atom, Error> {
    let mut start = start;
    if cx.atom_type(&start).dtype == DType::U64 {
        let end = Atom::Literal(Scalar::U64(length as u64), false);
        start = cx.emit1(BinaryOp::Min, smallvec![start, end])?;
    }
    cx.emit1(
        ConvertElementType {
            dtype: DType::I64,
            weak: false,
        },
        smallvec![start],
    )
}

/// `select(start < 0, start + length, start)`, where the start can be negative.
fn counted_from_start(cx: &mut dyn Emit, start: Atom, length: usize) -> Result<Atom, Error> {
    let (zero, length) = match cx.atom_type(&start).dtype {
        DType::I32 => (Scalar::I32(0), Scalar::I32(length as i32)),
        DType::I64 => (Scalar::I64(0), Scalar::I64(length as i64)),
        _ => return Ok(start),
    };
    let (zero, length) = (Atom::Literal(zero, false), Atom::Literal(length, false));
    let negative = cx.emit1(BinaryOp::Lt, smallvec![start, zero])?;
    let wrapped = cx.emit1(BinaryOp::Add, smallvec![start, length])?;
    cx.emit1(SelectN, smallvec![negative, start, wrapped])
}

#[cfg(test)]
mod tests {
    use super::super::testkit::{check_batching, counting, refusal, run1, strided};
    use super::*;
    use crate::array::Element;

    fn slice(sizes: &[usize]) -> Op {
        Op::from(DynamicSlice {
            sizes: Shape::from_slice(sizes),
        })
    }

    #[test]
    fn starts_wrap_once_and_are_then_moved_inside() {
        // Rule N24.
        let begins = |start: Array, size: usize| {
            run1(&slice(&[size]), &[counting(&[5]), start])
                .elements::<f64>()
                .first()
                .copied()
        };
        assert_eq!(begins(Array::scalar(-2), 2), Some(3.0));
        assert_eq!(begins(Array::scalar(-20), 2), Some(0.0));
        assert_eq!(begins(Array::scalar(-7), 2), Some(0.0));
        assert_eq!(begins(Array::scalar(4), 3), Some(2.0));
        assert_eq!(begins(Array::scalar(1u8), 2), Some(1.0));
        assert_eq!(begins(Array::scalar(u32::MAX), 2), Some(3.0));
        assert_eq!(begins(Array::scalar(u64::MAX), 2), Some(3.0));
        assert_eq!(begins(Array::scalar(i64::MIN), 2), Some(0.0));
        assert_eq!(begins(Array::scalar(i64::MAX), 2), Some(3.0));
        assert_eq!(begins(Array::scalar(i32::MIN), 0), None);
        assert_eq!(run1(&slice(&[]), &[Array::scalar(2.0)]), Array::scalar(2.0));
        let starts = [strided(&[2, 3]), Array::scalar(-1), Array::scalar(1i64)];
        assert_eq!(
            run1(&slice(&[1, 2]), &starts).elements::<f64>()[..],
            [3.0, 5.0]
        );
    }

    #[test]
    fn updates_go_where_slices_come_from() {
        let update = |operand: Array, update: Array, starts: &[i32]| {
            let mut inputs = vec![operand, update];
            inputs.extend(starts.iter().map(|&s| Array::scalar(s)));
            run1(&Op::from(DynamicUpdateSlice), &inputs)
                .elements::<f64>()
                .to_vec()
        };
        let two = || Array::from(vec![8.0, 9.0]);
        assert_eq!(update(counting(&[4]), two(), &[-2]), [0.0, 1.0, 8.0, 9.0]);
        assert_eq!(update(counting(&[4]), two(), &[9]), [0.0, 1.0, 8.0, 9.0]);
        assert_eq!(update(counting(&[4]), two(), &[-9]), [8.0, 9.0, 2.0, 3.0]);
        assert_eq!(update(counting(&[2]), counting(&[0]), &[1]), [0.0, 1.0]);
        assert_eq!(
            update(counting(&[0]), counting(&[0]), &[1]),
            Vec::<f64>::new()
        );
        let column = counting(&[2, 2])
            .index_axis(1, 1)
            .map(|c| c.reshaped(&[2, 1]));
        let column = column.expect("a column");
        assert_eq!(
            update(strided(&[2, 3]), column, &[0, 1]),
            [0.0, 1.0, 4.0, 1.0, 3.0, 5.0]
        );
    }

    #[test]
    fn batching_rules_equal_a_loop_over_lanes() {
        let starts = Array::from(vec![-9, -2, 7]);
        for operand in [
            (counting(&[4, 3]), Some(1)),
            (counting(&[3, 4]), Some(0)),
            (counting(&[4]), None),
        ] {
            let ops = check_batching(
                &slice(&[2]),
                3,
                &[operand.clone(), (starts.clone(), Some(0))],
            );
            assert_eq!(ops.last(), Some(&"gather"));
            let update = (counting(&[2, 3]), Some(1));
            let operands = [operand, update, (starts.clone(), Some(0))];
            let ops = check_batching(&Op::from(DynamicUpdateSlice), 3, &operands);
            assert_eq!(ops.last(), Some(&"scatter"));
        }
        let fixed = (Array::scalar(-1), None);
        let matrix = (counting(&[3, 4, 2]), Some(1));
        let wide = (Array::from(vec![0u64, 1, u64::MAX, 2]), Some(0));
        for second in [fixed.clone(), wide] {
            let operands = [matrix.clone(), fixed.clone(), second.clone()];
            check_batching(&slice(&[2, 1]), 4, &operands);
            let operands = [
                matrix.clone(),
                (counting(&[1, 1]), None),
                fixed.clone(),
                second,
            ];
            check_batching(&Op::from(DynamicUpdateSlice), 4, &operands);
        }
    }

    #[test]
    fn starts_of_every_integer_type_batch_alike() {
        let columns = [
            Array::from(vec![-1i32, i32::MIN, 3]),
            Array::from(vec![-7i64, i64::MIN, i64::MAX]),
            Array::from(vec![0u8, 255, 1]),
            Array::from(vec![1u32, u32::MAX, 0]),
            Array::from(vec![u64::MAX, 1 << 63, 2]),
        ];
        for first in &columns {
            for second in &columns {
                let starts = [(first.clone(), Some(0)), (second.clone(), Some(0))];
                let [a, b] = starts.clone();
                check_batching(&slice(&[2, 1]), 3, &[(counting(&[5, 4]), None), a, b]);
                let [a, b] = starts;
                let update = (counting(&[1, 2]), None);
                let operands = [(counting(&[5, 4, 3]), Some(2)), update, a, b];
                check_batching(&Op::from(DynamicUpdateSlice), 3, &operands);
            }
        }
        let none = (Array::from(Vec::<i32>::new()), Some(0));
        for operand in [(counting(&[3]), None), (counting(&[0, 3]), Some(0))] {
            check_batching(&slice(&[2]), 0, &[operand.clone(), none.clone()]);
            let operands = [operand, (counting(&[1]), None), none.clone()];
            check_batching(&Op::from(DynamicUpdateSlice), 0, &operands);
        }
    }

    #[test]
    fn lanes_of_an_operand_alone_stay_one_slice() {
        let fixed = (Array::scalar(-1), None);
        for bd in [0, 1, 2] {
            let mut shape = vec![3, 2];
            shape.insert(bd, 4);
            let operand = (counting(&shape), Some(bd));
            let ops = check_batching(
                &slice(&[2, 1]),
                4,
                &[operand.clone(), fixed.clone(), fixed.clone()],
            );
            assert_eq!(ops, ["dynamic_slice"]);
            let update = (counting(&[1, 2]), None);
            let operands = [operand, update, fixed.clone(), fixed.clone()];
            let ops = check_batching(&Op::from(DynamicUpdateSlice), 4, &operands);
            assert_eq!(ops.last(), Some(&"dynamic_update_slice"));
        }
    }

    #[test]
    fn bad_parameters_are_refused() {
        let has = |op: &Op, inputs: &[TensorType], part: &str| {
            let text = refusal(op, inputs).to_string();
            assert!(text.contains(part), "{text:?} lacks {part:?}");
        };
        let (x, i) = (f64::spec([3]), i32::spec([]));
        has(&slice(&[4]), &[x.clone(), i.clone()], "slice_sizes (4,)");
        has(
            &slice(&[1, 1]),
            &[x.clone(), i.clone()],
            "slice_sizes (1, 1)",
        );
        has(
            &slice(&[1]),
            std::slice::from_ref(&x),
            "one for each of 1 axes",
        );
        has(&slice(&[1]), &[x.clone(), i32::spec([1])], "scalars");
        has(&slice(&[1]), &[x.clone(), f64::spec([])], "integers");
        has(&slice(&[1]), &[], "takes 2 operands");
        let update = Op::from(DynamicUpdateSlice);
        has(
            &update,
            &[x.clone(), f64::spec([4]), i.clone()],
            "an update of shape (4,)",
        );
        has(
            &update,
            &[x.clone(), f32::spec([1]), i.clone()],
            "element type",
        );
        has(
            &update,
            &[x.clone(), f64::spec([1]), bool::spec([])],
            "integers",
        );
        has(&update, &[x], "takes 2 operands");
    }
}
