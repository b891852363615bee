//! Calling the host and holding it to its contract.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use std::ops::Range;

use ndarray::{Axis, Slice};
use rayon::prelude::*;
use smallvec::SmallVec;

use super::{Callback, EachLane, LaneArgument, RunOptions};
use crate::array::{
    Array, DType, Element, Shape, TensorType, dispatch, dispatch_dtype, prepare_threads,
};
use crate::error::{BoxError, CallbackError, Error, HostPanic, LaneIndex, OpError, OpErrorKind};

/// What a host function may return: an [`Array`], an array or `Vec` of them, or a `Result` of one of these.
pub trait HostOutput {
    /// The results in order.
    ///
    /// # Errors
    ///
    /// The host function's own error.
    fn into_arrays(self) -> Result<Vec<Array>, BoxError>;
}

impl HostOutput for Array {
    fn into_arrays(self) -> Result<Vec<Array>, BoxError> {
        Ok(vec![self])
    }
}
impl HostOutput for Vec<Array> {
    fn into_arrays(self) -> Result<Vec<Array>, BoxError> {
        Ok(self)
    }
}
impl<const N: usize> HostOutput for [Array; N] {
    fn into_arrays(self) -> Result<Vec<Array>, BoxError> {
        Ok(self.into())
    }
}
impl HostOutput for () {
    fn into_arrays(self) -> Result<Vec<Array>, BoxError> {
        Ok(Vec::new())
    }
}
impl<T: HostOutput, E: Into<BoxError>> HostOutput for Result<T, E> {
    fn into_arrays(self) -> Result<Vec<Array>, BoxError> {
        self.map_err(Into::into)?.into_arrays()
    }
}

/// What became of a run of lanes: its results side by side, or the error of its lowest failing lane; `None` where not
/// all of it was called, because a lane below had failed or the run was cancelled.
type Answer = Option<Result<Vec<Array>, Box<CallbackError>>>;

/// The most lanes that one task calls.
const LANES_PER_TASK: usize = 64;

/// Arguments of at most this many bytes a lane are copied for a task, so that threads do not count references to one
/// buffer in turns.
const COPIED_BYTES: usize = 512;

impl Callback {
    /// Calls the host once and checks its results against `results`, in JAX's order: count, shape, dtype (rule C24).
    pub(crate) fn call_host(
        &self,
        args: &[Array],
        results: &[TensorType],
        lane: &[usize],
    ) -> Result<Vec<Array>, CallbackError> {
        let out = self.run(args, lane)?;
        // The lane is only spelled out on failure.
        let lane = || LaneIndex(SmallVec::from_slice(lane));
        let name = || self.name.to_string();
        if out.len() != results.len() {
            let (expected, actual) = (results.len(), out.len());
            return Err(CallbackError::ResultCount {
                name: name(),
                lane: lane(),
                expected,
                actual,
            });
        }
        for (result, (array, ty)) in out.iter().zip(results).enumerate() {
            if array.shape() != &ty.shape[..] {
                return Err(CallbackError::ResultShape {
                    name: name(),
                    lane: lane(),
                    result,
                    expected: ty.shape.clone(),
                    actual: Shape::from_slice(array.shape()),
                });
            }
            if array.dtype() != ty.dtype {
                let (expected, actual) = (ty.dtype, array.dtype());
                return Err(CallbackError::ResultDtype {
                    name: name(),
                    lane: lane(),
                    result,
                    expected,
                    actual,
                });
            }
        }
        Ok(out)
    }

    /// Calls the host with zeros of the given types to learn the types of its results.
    pub(crate) fn probe(mut self, inputs: &[TensorType]) -> Result<Callback, CallbackError> {
        OpErrorKind::check_memory(inputs).map_err(|kind| CallbackError::Failed {
            name: self.name.to_string(),
            lane: LaneIndex::default(),
            source: kind.into(),
        })?;
        let args: Vec<Array> = inputs
            .iter()
            .map(|ty| Array::zeros(ty.dtype, &ty.shape))
            .collect();
        self.results = self.run(&args, &[])?.iter().map(Array::ty).collect();
        self.undeclared = false;
        Ok(self)
    }

    /// Calls the host, turning its error or panic into a typed one.
    fn run(&self, args: &[Array], lane: &[usize]) -> Result<Vec<Array>, CallbackError> {
        if let Some(log) = &self.log {
            log.push(&self.name, args);
        }
        caught(|| (self.host)(args)).map_err(|source| self.failed(source, lane))
    }

    fn failed(&self, source: BoxError, lane: &[usize]) -> CallbackError {
        CallbackError::Failed {
            name: self.name.to_string(),
            lane: LaneIndex(SmallVec::from_slice(lane)),
            source,
        }
    }

    /// How the host is called for a lane without arrays of its own, where it can be and nobody looks at the arguments.
    fn each_lane(&self) -> Option<&EachLane> {
        self.each.as_deref().filter(|_| self.log.is_none())
    }

    /// Calls the host once per lane, one after the other, and stacks the results, of types `stacked`; arguments that are `mapped` lead
    /// with the axis of lanes. `outer` are the lanes of the loops around, innermost last.
    pub(crate) fn call_in_turn(
        &self,
        args: &[(Array, bool)],
        (results, stacked): (&[TensorType], &[TensorType]),
        (count, reverse): (usize, bool),
        outer: &[usize],
        options: &RunOptions,
    ) -> Result<Vec<Array>, Error> {
        let mut stacks: Vec<Array> = stacked
            .iter()
            .map(|ty| Array::zeros(ty.dtype, &ty.shape))
            .collect();
        // The innermost vmap is the outermost loop (rule C11), so the multi-index is the stack of steps read backwards.
        let index = |lane: usize| -> SmallVec<[usize; 4]> {
            std::iter::once(lane)
                .chain(outer.iter().rev().copied())
                .collect()
        };
        let order = |step: usize| if reverse { count - 1 - step } else { step };
        let done = |step: usize| {
            if outer.is_empty() {
                options.report(step + 1, count);
            }
        };
        if let Some(each) = self.each_lane() {
            let ordered: SmallVec<[Array; 4]> = args.iter().map(|(a, _)| a.in_order()).collect();
            let given: SmallVec<[LaneArgument<'_>; 4]> = ordered
                .iter()
                .zip(args)
                .map(|(batch, (_, mapped))| lane_argument(batch, usize::from(*mapped), *mapped))
                .collect();
            for step in 0..count {
                options.check()?;
                let lane = order(step);
                caught(|| each(&given, lane, &mut stacks, lane))
                    .map_err(|source| self.failed(source, &index(lane)))?;
                done(step);
            }
            return Ok(stacks);
        }
        let mut lane_args = Vec::with_capacity(args.len());
        for step in 0..count {
            options.check()?;
            let lane = order(step);
            lane_args.clear();
            lane_args.extend(args.iter().map(|(batch, mapped)| {
                let own = mapped.then(|| batch.index_axis(0, lane)).flatten();
                own.unwrap_or_else(|| batch.clone())
            }));
            let found = self.call_host(&lane_args, results, &index(lane))?;
            for (stack, found) in stacks.iter_mut().zip(&found) {
                stack.put_at(lane, found);
            }
            done(step);
        }
        Ok(stacks)
    }

    /// Calls the host once per lane on rayon's threads; `args` and `results` lead with the axes `lanes`, on which an
    /// argument may also have length 1.
    ///
    /// The answer does not depend on the schedule: results are gathered by lane, and a failing lane only stops lanes
    /// above it, so the lowest failing one is always found.
    pub(crate) fn call_lanes(
        &self,
        args: &[Array],
        results: &[TensorType],
        lanes: &[usize],
        options: &RunOptions,
    ) -> Result<Vec<Array>, Error> {
        let count = TensorType::new(DType::U8, lanes.iter().copied()).size();
        prepare_threads();
        // Enough tasks that threads which are done early take over from others.
        let per_task = (count / (32 * rayon::current_num_threads())).clamp(1, LANES_PER_TASK);
        let tasks = count.div_ceil(per_task);
        // What each task answers with takes room even where its results have no elements.
        let answers = TensorType::new(DType::U64, [tasks, size_of::<Answer>() / 8]);
        OpErrorKind::check_memory(&[answers])
            .map_err(|kind| OpError::at(self.kind.name(), kind, None))?;
        let lane_types: Vec<TensorType> = results
            .iter()
            .map(|ty| ty.with_shape(ty.shape[lanes.len()..].iter().copied()))
            .collect();
        let lowest_failure = AtomicUsize::new(usize::MAX);
        let done = AtomicUsize::new(0);
        let range_of = |task: usize| task * per_task..count.min((task + 1) * per_task);
        let ordered: SmallVec<[Array; 4]> = match self.each_lane() {
            Some(_) => args.iter().map(Array::in_order).collect(),
            None => SmallVec::new(),
        };
        // An argument has its own elements for every lane, or the same for all.
        let given = ordered.iter().map(|batch| {
            let leading = &batch.shape()[..lanes.len()];
            let own = leading == lanes;
            (own || leading.iter().all(|&n| n == 1)).then(|| lane_argument(batch, lanes.len(), own))
        });
        let given: Option<SmallVec<[LaneArgument<'_>; 4]>> = given.collect();
        let direct = self.each_lane().zip(given);
        // Room for the results of a run of lanes.
        let stacks_of = |range: &Range<usize>| -> Vec<Array> {
            let types = lane_types.iter();
            let room = types.map(|ty| {
                let shape = [range.len()].into_iter().chain(ty.shape.iter().copied());
                Array::zeros(ty.dtype, &shape.collect::<Shape>())
            });
            room.collect()
        };
        let call_directly = |task: usize, each: &EachLane, given: &[LaneArgument<'_>]| {
            let range = range_of(task);
            let mut out = stacks_of(&range);
            for lane in range.clone() {
                if lane > lowest_failure.load(Ordering::Relaxed) || options.check().is_err() {
                    return None;
                }
                let place = lane - range.start;
                if let Err(source) = caught(|| each(given, lane, &mut out, place)) {
                    lowest_failure.fetch_min(lane, Ordering::Relaxed);
                    return Some(Err(Box::new(self.failed(source, &unravel(lane, lanes)))));
                }
                if options.observes() {
                    options.report(done.fetch_add(1, Ordering::Relaxed) + 1, count);
                }
            }
            Some(Ok(out))
        };
        let call_task = |task: usize| {
            if let Some(&(each, ref given)) = direct.as_ref() {
                return call_directly(task, each, given);
            }
            let range = range_of(task);
            let own: SmallVec<[Option<Array>; 4]> = args
                .iter()
                .map(|a| {
                    if lanes.len() == 1 {
                        copied_lanes(a, &range)
                    } else {
                        None
                    }
                })
                .collect();
            let mut lane_args = Vec::with_capacity(args.len());
            let mut stacks = stacks_of(&range);
            for flat in range.clone() {
                if flat > lowest_failure.load(Ordering::Relaxed) || options.check().is_err() {
                    return None;
                }
                let index = unravel(flat, lanes);
                lane_args.clear();
                lane_args.extend(args.iter().zip(&own).map(|(a, own)| {
                    match own {
                        Some(own) => own.lane(&[flat - range.start]),
                        None => a.lane(&index),
                    }
                    .unwrap_or_else(|| a.clone())
                }));
                match self.call_host(&lane_args, &lane_types, &index) {
                    // Written at once, so that the next lane's results find the memory of this one's.
                    Ok(outcome) => {
                        for (stack, found) in stacks.iter_mut().zip(&outcome) {
                            stack.put_at(flat - range.start, found);
                        }
                    }
                    Err(error) => {
                        lowest_failure.fetch_min(flat, Ordering::Relaxed);
                        return Some(Err(Box::new(error)));
                    }
                }
                if options.observes() {
                    options.report(done.fetch_add(1, Ordering::Relaxed) + 1, count);
                }
            }
            Some(Ok(stacks))
        };
        let answers: Vec<Answer> = (0..tasks).into_par_iter().map(call_task).collect();
        let mut by_task = Vec::with_capacity(tasks);
        for answer in answers.into_iter().flatten() {
            by_task.push(answer.map_err(|error| *error)?);
        }
        if by_task.len() < tasks {
            options.check()?;
        }
        Ok(results
            .iter()
            .enumerate()
            .map(|(i, ty)| stack_lanes(by_task.iter().map(|task| &task[i]), ty))
            .collect())
    }
}

/// Calls the host; a panic becomes an error.
#[inline]
fn caught<R>(call: impl FnOnce() -> Result<R, BoxError>) -> Result<R, BoxError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|payload| {
        let panic = HostPanic::from_payload(payload.as_ref());
        // The payload is the host's own and may panic again when it is dropped; what that throws is let go.
        if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(again);
        }
        Err(panic.into())
    })
}

/// An argument in row-major order that leads with so many axes of lanes, along which it has `own` elements for each.
fn lane_argument(batch: &Array, axes: usize, own: bool) -> LaneArgument<'_> {
    let shape = &batch.shape()[axes..];
    let size: usize = shape.iter().product();
    LaneArgument {
        batch,
        shape,
        step: if own { size } else { 0 },
    }
}

/// The lanes of a range along axis 0, where copying them is cheap.
fn copied_lanes(array: &Array, range: &Range<usize>) -> Option<Array> {
    let size: usize = array.shape()[1..].iter().product();
    if array.shape()[0] < range.end || size * array.dtype().size() > COPIED_BYTES {
        return None;
    }
    Some(dispatch!(array.data(), a => {
        let lanes = a.slice_axis(Axis(0), Slice::from(range.clone()));
        Array::from(lanes.to_owned())
    }))
}

/// The multi-index of a row-major position.
fn unravel(mut flat: usize, shape: &[usize]) -> SmallVec<[usize; 4]> {
    let mut index: SmallVec<[usize; 4]> = SmallVec::from_elem(0, shape.len());
    for (slot, &n) in index.iter_mut().zip(shape).rev() {
        *slot = flat % n;
        flat /= n;
    }
    index
}

/// Lays checked lane results one after the other into an array of type `ty`.
fn stack_lanes<'a>(lanes: impl Iterator<Item = &'a Array>, ty: &TensorType) -> Array {
    dispatch_dtype!(ty.dtype, T => {
        let mut out: Vec<T> = Vec::with_capacity(ty.size());
        for lane in lanes {
            if let Some(a) = T::unwrap_ref(lane.data()) {
                match a.as_slice() {
                    Some(slice) => out.extend_from_slice(slice),
                    None => out.extend(a.iter().copied()),
                }
            }
        }
        Array::from_vec(ty.shape.iter().copied(), out).unwrap_or_else(|_| Array::zeros(ty.dtype, &ty.shape))
    })
}
