//! Shorthand that the tests of the framework share.

// Each test program uses its own part of this.
#![allow(dead_code)]

use elimap::prelude::*;
use elimap::{BoxError, CallRecord, CallbackError, OpErrorKind};

/// A one-dimensional array of floats.
pub(crate) fn vec1(elements: &[f64]) -> Array {
    Array::from(elements.to_vec())
}

/// An array of floats `0, 1, 2, ..` in row-major order.
pub(crate) fn counting(shape: &[usize]) -> Array {
    let count = shape.iter().product::<usize>();
    Array::from_vec(
        shape.iter().copied(),
        (0..count).map(|i| i as f64).collect(),
    )
    .unwrap()
}

/// An array of floats in row-major order.
pub(crate) fn array(shape: &[usize], elements: &[f64]) -> Array {
    Array::from_vec(shape.iter().copied(), elements.to_vec()).unwrap()
}

/// The elements of a concrete tensor.
pub(crate) fn values<T: Element>(tensor: &Tensor) -> Vec<T> {
    tensor.to_array().unwrap().to_vec::<T>().unwrap()
}

/// The float elements of a concrete tensor.
pub(crate) fn f64s(tensor: &Tensor) -> Vec<f64> {
    values(tensor)
}

/// A callback named `name` that adds up its arguments by numpy's broadcasting and declares one `f64` of shape `lane`.
pub(crate) fn adder(name: &str, lane: &[usize], log: &CallLog) -> Callback {
    Callback::new(name, [f64::spec(lane.iter().copied())], add_all).log(log)
}

/// The sum of arrays by numpy's broadcasting.
pub(crate) fn add_all(args: &[Array]) -> Result<Array, BoxError> {
    let sum = args[1..]
        .iter()
        .fold(Tensor::from(&args[0]), |sum, x| sum + Tensor::from(x));
    Ok(sum.to_array()?)
}

/// The shapes of the arguments of one call.
pub(crate) fn shapes(record: &CallRecord) -> Vec<Vec<usize>> {
    record.args.iter().map(|a| a.shape().to_vec()).collect()
}

/// The first argument of every call, scalars only.
pub(crate) fn scalars(log: &CallLog) -> Vec<f64> {
    log.records()
        .iter()
        .map(|r| r.args[0].item::<f64>().unwrap())
        .collect()
}

/// Every call as `name` and its first, scalar argument: `A0`.
pub(crate) fn named_calls(log: &CallLog) -> String {
    let calls: Vec<String> = log
        .records()
        .iter()
        .map(|r| format!("{}{}", r.name, r.args[0].item::<f64>().unwrap()))
        .collect();
    calls.join(" ")
}

/// What an operation complains of.
pub(crate) fn op_error<T>(result: Result<T, Error>) -> (&'static str, OpErrorKind) {
    let error = result.map(|_| ()).unwrap_err();
    match error.root() {
        Error::Op(e) => (e.op, e.kind.clone()),
        other => panic!("not an operation's error: {other:?}"),
    }
}

/// The callback error inside an error.
pub(crate) fn callback_error<T>(result: Result<T, Error>) -> CallbackError {
    match result.map(|_| ()).unwrap_err().into_root() {
        Error::Callback(e) => e,
        other => panic!("not a callback error: {other:?}"),
    }
}
