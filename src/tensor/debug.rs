//! Looking at values of traced functions.

use std::panic::Location;

use super::{Caller, Flatten, Tensor, apply};
use crate::array::Array;
use crate::callback::Callback;
use crate::error::{Error, OpError, OpErrorKind};
use crate::program::HostCall;

/// Hands the leaves of `args` to a host function for looking at them; nothing comes back.
///
/// Never dropped, also under [`jit`](crate::jit()). Under [`vmap`](crate::vmap()) it is called lane by lane in ascending order, once where no
/// argument is batched, and not at all without lanes; in branches that a batched predicate turned into a select, on every lane
/// (rule C43).
///
/// # Errors
///
/// Where the call happens now, a panic of the host function.
///
/// ```
/// use elimap::prelude::*;
/// use std::sync::{Arc, Mutex};
/// let seen = Arc::new(Mutex::new(Vec::new()));
/// let log = seen.clone();
/// let f = jit(vmap(move |x: Tensor| -> Result<Tensor, Error> {
///     let log = log.clone();
///     elimap::debug_callback((&x,), move |args: &[Array]| {
///         log.lock().unwrap().extend(args[0].item::<f64>());
///     })?;
///     Ok(x * 2.0)
/// }));
/// f.call((Array::from(vec![1.0, 2.0]),))?;
/// assert_eq!(*seen.lock().unwrap(), [1.0, 2.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn debug_callback(
    args: impl Flatten,
    host: impl Fn(&[Array]) + Send + Sync + 'static,
) -> Result<(), Error> {
    let mut leaves = Vec::new();
    args.flatten(&mut leaves);
    let callback = Callback::new("debug_callback", [], move |args: &[Array]| host(args)).debug();
    record(callback, &leaves, Location::caller())
}

/// Writes a line for looking at values: each `{}` of `template` is replaced by the next leaf of `args`, and the line is
/// handed to `sink`, as this library never prints by itself; when and how often as for [`debug_callback`].
///
/// # Errors
///
/// [`OpErrorKind::InvalidParameter`] where the template has another number of `{}` than there are leaves.
///
/// ```
/// use elimap::prelude::*;
/// use std::sync::{Arc, Mutex};
/// let lines = Arc::new(Mutex::new(Vec::new()));
/// let log = lines.clone();
/// let f = vmap(move |x: Tensor| -> Result<Tensor, Error> {
///     let log = log.clone();
///     elimap::debug_print("x = {}!", (&x,), move |line: &str| log.lock().unwrap().push(line.to_owned()))?;
///     Ok(x)
/// });
/// f.call((Array::from(vec![1, 2]),))?;
/// assert_eq!(lines.lock().unwrap()[1], "x = 2!");
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn debug_print(
    template: &str,
    args: impl Flatten,
    sink: impl Fn(&str) + Send + Sync + 'static,
) -> Result<(), Error> {
    let location = Location::caller();
    let mut leaves = Vec::new();
    args.flatten(&mut leaves);
    let parts: Vec<String> = template.split("{}").map(str::to_owned).collect();
    if parts.len() != leaves.len() + 1 {
        let detail = format!(
            "the template {template:?} has {} places for {} values; write one {{}} for each",
            parts.len() - 1,
            leaves.len()
        );
        return Err(OpError::at("debug_print", OpErrorKind::parameter(detail), location).into());
    }
    let callback = Callback::new("debug_print", [], move |args: &[Array]| {
        let mut line = parts[0].clone();
        for (part, value) in parts[1..].iter().zip(args) {
            line.push_str(&value.to_string());
            line.push_str(part);
        }
        sink(&line);
    });
    record(callback.debug(), &leaves, location)
}

fn record(callback: Callback, leaves: &[Tensor], location: Caller) -> Result<(), Error> {
    let op = HostCall {
        kind: callback.kind(),
        callback,
        results: Default::default(),
        lanes: Default::default(),
    };
    apply(op, &leaves.iter().collect::<Vec<_>>(), location).map(|_| ())
}
