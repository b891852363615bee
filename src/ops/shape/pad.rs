//! Padding, which also crops and spreads elements apart.

use ndarray::{Axis, IxDyn, Slice};
use smallvec::{SmallVec, smallvec};

use crate::array::{Array, Scalar, Shape, TensorType, dispatch_kernel};
use crate::error::{Error, OpErrorKind, ParseError};
use crate::ops::rule::{Batched, DataRules, Emit, Outputs, Rules, batched_at, expect_operands};
use crate::ops::shape::{addressable, all_weak, check_entries};
use crate::program::text::python::tuple;
use crate::program::text::{Given, Shown};
use crate::program::{Atom, BroadcastInDim, Op, Pad, PadAxis, SelectN};

impl Rules for Pad {
    fn infer(&self, inputs: &[TensorType]) -> Result<Outputs<TensorType>, OpErrorKind> {
        let config = &self.config;
        expect_operands(inputs, 2)?;
        let operand = &inputs[0];
        if operand.dtype != inputs[1].dtype {
            return Err(OpErrorKind::dtypes(
                inputs,
                "the padding value must have the operand's element type",
            ));
        }
        if inputs[1].rank() != 0 {
            return Err(OpErrorKind::shapes(
                inputs,
                "the padding value must be a scalar",
            ));
        }
        check_entries("padding_config", config.len(), operand)?;
        let mut shape = Shape::new();
        for (axis, (&n, pad)) in operand.shape.iter().zip(config).enumerate() {
            // 128 bits hold every product and sum of the 64-bit parts.
            let dilated = n as i128 + pad.interior as i128 * (n as i128 - 1).max(0);
            let padded = dilated + i128::from(pad.low) + i128::from(pad.high);
            if padded < 0 {
                return Err(OpErrorKind::shapes(
                    [operand],
                    format!(
                        "padding must not crop more than there is, but axis {axis} of length {n} with low {}, high {} \
                     and interior {} comes to {padded}",
                        pad.low, pad.high, pad.interior
                    ),
                ));
            }
            shape.push(usize::try_from(padded).unwrap_or(usize::MAX));
        }
        addressable(operand.with_shape(shape).with_weak(all_weak(inputs)))
    }

    fn batch(&self, cx: &mut dyn Emit, inputs: &[Batched]) -> Result<Outputs<Batched>, Error> {
        let config = &self.config;
        let (operand, bd) = cx.placed(&inputs[0])?;
        let mut config: SmallVec<[PadAxis; 4]> = config.clone();
        config.insert(bd, PadAxis::default());
        let value = inputs[1];
        if !value.dim.is_batched() {
            let out = cx.emit1(Pad { config }, smallvec![operand, value.atom])?;
            return Ok(batched_at(out, bd));
        }
        // One primitive takes one value: pad with zeros, and put each lane's value where no element went.
        let ty = cx.atom_type(&operand);
        let zero = Atom::Literal(Scalar::zero(ty.dtype), false);
        let padded = cx.emit1(
            Pad {
                config: config.clone(),
            },
            smallvec![operand, zero],
        )?;
        let truth = Atom::Literal(Scalar::Bool(true), false);
        let everywhere = BroadcastInDim {
            shape: ty.shape,
            dims: Shape::new(),
        };
        let everywhere = cx.emit1(everywhere, smallvec![truth])?;
        let falsity = Atom::Literal(Scalar::Bool(false), false);
        let is_element = cx.emit1(Pad { config }, smallvec![everywhere, falsity])?;
        let shape = cx.atom_type(&padded).shape;
        let value = cx.emit1(
            BroadcastInDim {
                shape,
                dims: smallvec![bd],
            },
            smallvec![value.atom],
        )?;
        let out = cx.emit1(SelectN, smallvec![is_element, value, padded])?;
        Ok(batched_at(out, bd))
    }

    fn params(&self, shown: &mut Shown<'_>) {
        let axes = self
            .config
            .iter()
            .map(|axis| format!("({}, {}, {})", axis.low, axis.high, axis.interior));
        shown.show("padding_config", tuple(axes));
    }

    fn parse(_name: &str, given: &mut Given<'_>) -> Result<Op, ParseError> {
        let axis = |&[low, high, interior]: &[i64; 3]| {
            usize::try_from(interior).ok().map(|interior| PadAxis {
                low,
                high,
                interior,
            })
        };
        let rows = given.rows::<i64, 3>("padding_config")?;
        match rows.iter().map(axis).collect() {
            Some(config) => Ok(Pad { config }.into()),
            None => Err(ParseError::unexpected(
                given.at(),
                "interior padding of 0 or more",
                "less",
            )),
        }
    }
}

impl DataRules for Pad {
    fn eval(&self, inputs: &[Array]) -> Outputs<Array> {
        smallvec![pad(&self.config, &inputs[0], &inputs[1])]
    }
}

/// Which operand elements survive along one padded axis, and where they go.
struct PadRun {
    /// The first surviving element.
    first: usize,
    /// How many survive.
    count: usize,
    /// Where the first goes.
    at: usize,
    /// The distance between neighbours in the result.
    step: usize,
    /// The result's length.
    length: usize,
}

impl PadRun {
    fn new(n: usize, pad: &PadAxis) -> Self {
        let (n, low, step) = (n as i128, i128::from(pad.low), pad.interior as i128 + 1);
        let length =
            ((n - 1).max(0) * step + i128::from(n > 0) + low + i128::from(pad.high)).max(0);
        // Element i goes to low + i * step; both ends of the range inside 0..length follow by division.
        let first = if low < 0 { (-low + step - 1) / step } else { 0 }.min(n);
        let end = if length > low {
            ((length - low - 1) / step + 1).min(n)
        } else {
            0
        };
        let count = (end - first).max(0);
        let narrow = |x: i128| usize::try_from(x).unwrap_or(0);
        PadRun {
            first: narrow(first),
            count: narrow(count),
            at: narrow(low + first * step),
            // With fewer than two elements the distance means nothing and might not fit.
            step: if count > 1 { narrow(step) } else { 1 },
            length: narrow(length),
        }
    }
}

fn pad(config: &[PadAxis], operand: &Array, value: &Array) -> Array {
    let runs: SmallVec<[PadRun; 4]> = operand
        .shape()
        .iter()
        .zip(config)
        .map(|(&n, pad)| PadRun::new(n, pad))
        .collect();
    let shape: Shape = runs.iter().map(|r| r.length).collect();
    dispatch_kernel!(operand.data(), a => {
        let Some(&fill) = value.elements().first() else { return operand.clone() };
        let mut out = ndarray::Array::from_elem(IxDyn(&shape), fill);
        if runs.iter().all(|r| r.count > 0) {
            let mut source = a.view();
            let mut target = out.view_mut();
            for (axis, run) in runs.iter().enumerate() {
                source.slice_axis_inplace(Axis(axis), Slice::from(run.first..run.first + run.count));
                let end = run.at + (run.count - 1) * run.step + 1;
                target.slice_axis_inplace(Axis(axis), Slice::from(run.at..end).step_by(run.step as isize));
            }
            target.assign(&source);
        }
        Array::from(out)
    })
}
