//! The reverse derivatives of replays as callbacks, by the adjoint.
//!
//! A rule gets thetas and cotangents, each with leading axes that broadcast against each other, as `expand_dims` hands them over. All
//! thetas are replayed in one batch, with gradients; what is left is a product with the cotangents. A cotangent of 0 asks
//! for nothing, so what is infinite and not asked for does no harm.

use std::sync::Arc;

use ndarray::{Array2, ArrayD, ArrayView2, Axis, IxDyn};

use crate::phase::evaluate::quantity::{Quantity, Recipe};
use crate::phase::graph::VertexId;
use crate::phase::graph::error::GraphError;
use crate::phase::index::{Index, IndexVec, Transient};
use crate::phase::numeric::error::NumericError;
use crate::phase::numeric::terms::Start;
use crate::phase::trace::EliminationTrace;
use crate::{Array, BoxError, Callback, VmapMethod};

/// Digits that a gradient has, and that one must have which is a difference of others.
const DIGITS: u32 = 11;
const LEAST_DIGITS: u32 = 6;

/// What the gradient of a quantity is made of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Made {
    /// A gradient for each of the numbers, the axis of which cotangents have.
    Each,
    /// The gradient of one number, whose axis the cotangents lack.
    One,
    /// The variance's, of those of two moments.
    Variance,
}

/// The backward rule of a callback: from theta and the cotangents of its one result to the cotangent of theta; `gradients` is the
/// quantity with its gradients.
pub(super) fn pullback(
    trace: &EliminationTrace,
    name: &str,
    gradients: &Quantity,
    made: Made,
) -> Result<Callback, NumericError> {
    let recipe = gradients.recipe(trace.graph(), trace.symbolic().layout())?;
    let trace = trace.clone();
    let host = move |args: &[Array]| back(&trace, &recipe, made, args);
    Ok(rule(name, host))
}

/// The backward rule of the sojourn times, whose product with cotangents is an expected reward.
pub(super) fn sojourn_pullback(trace: &EliminationTrace) -> Callback {
    let trace = trace.clone();
    rule("sojourn_times", move |args: &[Array]| {
        let (thetas, cotangents) = operands(args)?;
        let lead = lead(&thetas, &cotangents);
        let (thetas, cotangents) = (spread(&thetas, &lead)?, spread(&cotangents, &lead)?);
        let mut out = Vec::with_capacity(thetas.len());
        let last = Axis(lead.len());
        for (theta, cotangent) in thetas.lanes(last).into_iter().zip(cotangents.lanes(last)) {
            // Rewards are at least 0: those of either sign by themselves.
            let signed = |sign: f64| cotangent.iter().map(move |&c| (sign * c).max(0.0));
            let rewards: Vec<f64> = signed(1.0).chain(signed(-1.0)).collect();
            let rewards = Array2::from_shape_vec((2, cotangent.len()), rewards)?;
            let theta = theta.to_owned().insert_axis(Axis(0));
            let batch = trace.batch().lanes(1);
            let (_, found) = batch.expected_rewards_and_gradients(theta.view(), rewards.view())?;
            let parameters = 0..trace.param_length();
            out.extend(parameters.map(|p| found[[0, 0, p]] - found[[0, 1, p]]));
        }
        let shape: Vec<usize> = lead.into_iter().chain([trace.param_length()]).collect();
        Ok(vec![Array::from_vec(shape, out)?])
    })
}

/// How many transposed solutions are held for one elimination.
const STARTS: usize = 32;

/// The backward rule of the waiting times, whose product with cotangents is the expectation from another start distribution.
///
/// One elimination per theta serves all of its cotangents, and thetas with the same cotangents are one batch.
pub(super) fn waiting_pullback(trace: &EliminationTrace) -> Callback {
    let trace = trace.clone();
    rule("waiting_times", move |args: &[Array]| {
        let (thetas, cotangents) = operands(args)?;
        let (lead, parameters) = (lead(&thetas, &cotangents), trace.param_length());
        let lanes: usize = lead.iter().product();
        let shape: Vec<usize> = lead.iter().copied().chain([parameters]).collect();
        let mut out = Array2::<f64>::zeros((lanes, parameters));
        if out.is_empty() {
            return Ok(vec![Array::from(out.into_shape_with_order(IxDyn(&shape))?)]);
        }
        let rows = thetas.len() / parameters;
        let table = thetas
            .to_shape((rows, parameters))
            .map_err(|_| "thetas that do not fit")?;
        // The lanes of each theta, with their cotangents.
        let mut own: Vec<Vec<(usize, usize)>> = vec![Vec::new(); rows];
        let places = rows_of(&thetas, &lead)?.into_iter();
        for (lane, (theta, cotangent)) in places.zip(rows_of(&cotangents, &lead)?).enumerate() {
            own[theta].push((lane, cotangent));
        }
        let same = |a: &[(usize, usize)], b: &[(usize, usize)]| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.1 == b.1)
        };
        let alike = own.iter().all(|lanes| same(lanes, &own[0]));
        let together = if alike { rows.max(1) } else { 1 };
        for (own, thetas) in own
            .chunks(together)
            .zip(table.axis_chunks_iter(Axis(0), together))
        {
            let wanted: Vec<usize> = own[0].iter().map(|&(_, cotangent)| cotangent).collect();
            let starts = starts(&trace, &cotangents, &wanted)?;
            for starts in starts.chunks(STARTS) {
                let weights = starts.iter().map(|(_, _, start)| Arc::clone(start));
                let recipe = Recipe::gradients_from(weights.collect(), parameters);
                let answers = trace.batch().rows_by(thetas.view(), &recipe)?;
                for (lanes, row) in own.iter().zip(answers.chunks(recipe.width().max(1))) {
                    for ((place, scale, _), found) in starts.iter().zip(row.chunks(parameters)) {
                        let mut to = out.row_mut(lanes[*place].0);
                        to.iter_mut()
                            .zip(found)
                            .for_each(|(to, x)| *to += scale * x);
                    }
                }
            }
        }
        Ok(vec![Array::from(out.into_shape_with_order(IxDyn(&shape))?)])
    })
}

/// For each lane the row of an array that it has, of those before its last axis.
fn rows_of(x: &ArrayD<f64>, lead: &[usize]) -> Result<Vec<usize>, BoxError> {
    let own = &x.shape()[..lead.len()];
    let count = own.iter().product();
    let rows = ArrayD::from_shape_vec(IxDyn(own), (0..count).collect())?;
    let spread = rows.broadcast(IxDyn(lead));
    let spread = spread.ok_or("leading axes that do not fit")?;
    Ok(spread.iter().copied().collect())
}

/// The start distributions that rows of cotangents are: each as its positive and its negative part, of which the largest
/// weight is 1. With each its place among `wanted`, and what its answer is multiplied with.
fn starts(
    trace: &EliminationTrace,
    cotangents: &ArrayD<f64>,
    wanted: &[usize],
) -> Result<Vec<(usize, f64, Start)>, BoxError> {
    let (graph, layout) = (trace.graph(), trace.symbolic().layout());
    let count = graph.vertex_count();
    let values = cotangents.as_slice().unwrap_or(&[]);
    let mut out = Vec::new();
    for (place, &row) in wanted.iter().enumerate() {
        let mut weights = values[row * count..][..count].to_vec();
        // The start's own weight is that of the vertices it leads to.
        let of_start = std::mem::take(&mut weights[VertexId::START.index()]);
        for &(vertex, probability) in graph.start() {
            weights[vertex.index()] += of_start * probability;
        }
        for sign in [1.0, -1.0] {
            let vertices = layout.transients().iter().map(|t| layout.vertex(t));
            let part = vertices.map(|v| (sign * weights[v.index()]).max(0.0));
            let part: Vec<f64> = part.collect();
            let largest = part.iter().fold(0.0_f64, |m, &w| m.max(w));
            if largest == 0.0 {
                continue;
            }
            let infinite = |t: &Transient| {
                let marks = layout.nonabsorbing();
                marks.is_some_and(|marks| marks[*t]) && part[t.index()] > 0.0
            };
            if let Some(t) = layout.transients().iter().find(infinite) {
                let vertex = layout.vertex(t);
                let state = graph.state(vertex).to_vec();
                return Err(GraphError::NoAbsorption { vertex, state }.into());
            }
            let start: IndexVec<Transient, f64> = part.iter().map(|w| w / largest).collect();
            out.push((place, sign * largest, Arc::new(start)));
        }
    }
    Ok(out)
}

pub(crate) fn rule(
    name: &str,
    host: impl Fn(&[Array]) -> Result<Vec<Array>, BoxError> + Send + Sync + 'static,
) -> Callback {
    Callback::new(&format!("{name}_vjp"), [], host).vmap_method(VmapMethod::ExpandDims)
}

pub(crate) fn operands(args: &[Array]) -> Result<(ArrayD<f64>, ArrayD<f64>), BoxError> {
    let [theta, cotangent] = args else {
        return Err(NumericError::ThetaArguments { found: args.len() }.into());
    };
    let owned = |x: &Array| -> Result<ArrayD<f64>, BoxError> {
        Ok(ArrayD::from_shape_vec(x.shape(), x.to_vec::<f64>()?)?)
    };
    Ok((owned(theta)?, owned(cotangent)?))
}

/// The leading axes that both have, the last one being their own.
pub(crate) fn lead(a: &ArrayD<f64>, b: &ArrayD<f64>) -> Vec<usize> {
    let axes = a.shape().iter().zip(b.shape()).take(a.ndim() - 1);
    axes.map(|(&m, &n)| if m == 1 { n } else { m }).collect()
}

/// An array at these leading axes.
pub(crate) fn spread(x: &ArrayD<f64>, lead: &[usize]) -> Result<ArrayD<f64>, BoxError> {
    let own = &x.shape()[lead.len()..];
    let shape: Vec<usize> = lead.iter().chain(own).copied().collect();
    let spread = x.broadcast(IxDyn(&shape));
    Ok(spread.ok_or("leading axes that do not fit")?.to_owned())
}

fn back(
    trace: &EliminationTrace,
    recipe: &Recipe,
    made: Made,
    args: &[Array],
) -> Result<Vec<Array>, BoxError> {
    let (theta, mut cotangent) = operands(args)?;
    let (rows, parameters) = (
        theta.len() / trace.param_length().max(1),
        trace.param_length(),
    );
    let thetas = ArrayView2::from_shape((rows, parameters), theta.as_slice().unwrap_or(&[]))?;
    let answers = trace.batch().rows_by(thetas, recipe)?;
    let width = recipe.width();
    let count = width / (1 + parameters);
    let mut gradients = Vec::with_capacity(rows * count * parameters);
    let outputs = match made {
        Made::Each => count,
        Made::One | Made::Variance => 1,
    };
    for row in answers.chunks(width.max(1)) {
        let (values, slopes) = row.split_at(count);
        match made {
            Made::Each | Made::One => gradients.extend_from_slice(slopes),
            Made::Variance => gradients.extend(variance(values[0], slopes)?),
        }
    }
    if let Made::One | Made::Variance = made {
        let last = Axis(cotangent.ndim());
        cotangent.insert_axis_inplace(last);
    }
    let leading = &theta.shape()[..theta.ndim() - 1];
    let shape: Vec<usize> = leading
        .iter()
        .copied()
        .chain([outputs, parameters])
        .collect();
    let gradients = ArrayD::from_shape_vec(shape, gradients)?;
    let lead = lead(&theta, &cotangent);
    let gradients = spread(&gradients, &lead)?;
    let weights = spread(&cotangent, &lead)?.insert_axis(Axis(lead.len() + 1));
    let weights = weights
        .broadcast(gradients.raw_dim())
        .ok_or("cotangents that do not fit")?
        .to_owned();
    let mut product = gradients;
    product.zip_mut_with(&weights, |g, &w| *g = if w == 0.0 { 0.0 } else { *g * w });
    let found = product.sum_axis(Axis(lead.len()));
    Ok(vec![Array::from(found)])
}

/// The gradient of `second - first * first`, for the first two moments and their gradients.
fn variance(first: f64, slopes: &[f64]) -> Result<Vec<f64>, NumericError> {
    let (of_first, of_second) = slopes.split_at(slopes.len() / 2);
    let found: Vec<f64> = of_first
        .iter()
        .zip(of_second)
        .map(|(one, two)| two - 2.0 * first * one)
        .collect();
    let largest = |values: &[f64]| values.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let (whole, left) = (largest(of_second), largest(&found));
    let lost = (whole / left).log10().max(0.0);
    if whole > 0.0 && lost.is_finite() && lost > f64::from(DIGITS - LEAST_DIGITS) {
        let digits = DIGITS.saturating_sub(lost as u32);
        return Err(NumericError::VarianceGradientDigits { digits });
    }
    Ok(found)
}
