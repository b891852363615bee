//! Collectives over named axes: against reductions and rearrangements of the whole array, and under further vmaps.

use elimap::prelude::*;
use elimap::{all_to_all, ppermute, pshuffle, psum_scatter};

use crate::lanes::{Draw, Rule, any, between};

type Collective = fn(&Tensor) -> Result<Tensor, Error>;

const NUMBERS: &[DType] = &[DType::I64, DType::I32, DType::U8, DType::F64];

fn psum_(x: &Tensor) -> Result<Tensor, Error> {
    psum(x, "i")
}

/// A shift by one lane.
fn ppermute_(x: &Tensor) -> Result<Tensor, Error> {
    let n = axis_size("i")?;
    let pairs: Vec<(usize, usize)> = (0..n).map(|k| (k, (k + 1) % n)).collect();
    ppermute(x, "i", &pairs)
}

/// Every lane reads the next: not its own inverse, so that sending and reading differ.
fn pshuffle_(x: &Tensor) -> Result<Tensor, Error> {
    let n = axis_size("i")?;
    let order: Vec<usize> = (0..n).map(|k| (k + 1) % n).collect();
    pshuffle(x, "i", &order)
}

/// A function over one axis `i`, with another vmap outside of it, inside of it, or neither.
fn named(d: &mut Draw, lane: &[usize], f: Collective) -> Rule {
    let dtype = d.pick(NUMBERS);
    let mut shape = lane.to_vec();
    let inside = d.flag();
    let inner = d.below(shape.len() + 1);
    if inside {
        shape.insert(inner, 2);
    }
    let outer = d.below(shape.len() + 1);
    shape.insert(outer, d.pick(&[2, 3, 1]));
    // Small whole numbers, so that sums of floats are exact.
    let whole = between(DType::I64, &shape, -5.0, 5.0);
    Rule::many(vec![whole], move |x| {
        let x = x[0].astype(dtype);
        let f = move |x: Tensor| f(&x);
        let g = move |x: Tensor| -> Result<Tensor, Error> {
            if inside {
                vmap(f).in_axes(inner as isize).call((x,))
            } else {
                f(x)
            }
        };
        let mapped = vmap(g).in_axes(outer as isize).axis_name("i");
        Ok(vec![mapped.call((x,))?])
    })
}

/// `collective` under `vmap(axis_name = "i")` at some axis equals `formula` on the array with that axis in front.
fn equals(
    d: &mut Draw,
    lane: &[usize],
    collective: Collective,
    formula: fn(&Tensor) -> Result<Tensor, Error>,
) -> Rule {
    let dtype = d.pick(NUMBERS);
    let axis = d.below(lane.len() + 1);
    let out = d.axis(1);
    let mut shape = lane.to_vec();
    shape.insert(axis, d.pick(&[2, 3, 1]));
    Rule::many(vec![any(dtype, &shape)], move |x| {
        let x = &x[0];
        let f = vmap(move |x: Tensor| collective(&x))
            .in_axes(axis as isize)
            .out_axes(if out < 0 { -1 } else { 0 })
            .axis_name("i");
        let found = f.call((x,))?;
        let wanted = formula(&x.moveaxis(axis as isize, 0))?;
        let wanted = if out < 0 {
            wanted.moveaxis(0, -1)
        } else {
            wanted
        };
        if let (Ok(found), Ok(wanted)) = (found.to_array(), wanted.to_array()) {
            assert!(found.identical(&wanted), "{found:?} is not {wanted:?}");
        }
        Ok(vec![found])
    })
}

fn spread(x: &Tensor, lanes: usize) -> Tensor {
    let shape: Vec<usize> = [lanes].into_iter().chain(x.shape().to_vec()).collect();
    x.broadcast_to(shape)
}

/// Rows in another order.
fn rows(x: &Tensor, order: impl Fn(usize) -> usize) -> Result<Tensor, Error> {
    let n = x.shape()[0];
    let rows: Vec<Tensor> = (0..n).map(|k| x.index(0, order(k) as isize)).collect();
    stack(&rows, 0)
}

rules! {
    psum_is_a_sum => |d| {
        let lane = d.shape(0..=2);
        equals(d, &lane, psum_, |x| Ok(spread(&x.sum(0).astype(x.dtype()), x.shape()[0])))
    };
    pmax_is_a_maximum => |d| {
        let lane = d.shape(0..=2);
        equals(d, &lane, |x| pmax(x, "i"), |x| Ok(spread(&x.max(0), x.shape()[0])))
    };
    pmin_is_a_minimum => |d| {
        let lane = d.shape(0..=2);
        equals(d, &lane, |x| pmin(x, "i"), |x| Ok(spread(&x.min(0), x.shape()[0])))
    };
    axis_index_counts => |d| {
        let lane = d.shape(0..=1);
        equals(
            d,
            &lane,
            |x| Ok(axis_index("i")? + x.astype(DType::I64) * 0),
            |x| {
                let count = iota(DType::I64, x.shape().to_vec(), 0);
                Ok(count)
            },
        )
    };
    all_gather_is_the_array => |d| {
        let lane = d.shape(0..=2);
        equals(d, &lane, |x| all_gather(x, "i", 0, false), |x| Ok(spread(x, x.shape()[0])))
    };
    all_gather_puts_lanes_last => |d| {
        let lane = d.shape(0..=2);
        equals(d, &lane, |x| all_gather(x, "i", -1, false), |x| Ok(spread(&x.moveaxis(0, -1), x.shape()[0])))
    };
    all_gather_tiled_concatenates => |d| {
        let lane = d.shape(1..=2);
        equals(d, &lane, |x| all_gather(x, "i", 0, true), |x| {
            let lanes: Vec<Tensor> = (0..x.shape()[0]).map(|k| x.index(0, k as isize)).collect();
            Ok(spread(&concatenate(&lanes, 0)?, lanes.len()))
        })
    };
    ppermute_moves_rows => |d| {
        let lane = d.shape(0..=2);
        equals(d, &lane, ppermute_, |x| {
            let n = x.shape()[0];
            rows(x, |k| (k + n - 1) % n)
        })
    };
    pshuffle_reads_rows => |d| {
        let lane = d.shape(0..=2);
        equals(d, &lane, pshuffle_, |x| rows(x, |k| (k + 1) % x.shape()[0]))
    };

    psum_under_vmaps => |d| { let lane = d.shape(0..=1); named(d, &lane, psum_) };
    pmax_under_vmaps => |d| { let lane = d.shape(0..=1); named(d, &lane, |x| pmax(x, "i")) };
    pmin_under_vmaps => |d| { let lane = d.shape(0..=1); named(d, &lane, |x| pmin(x, "i")) };
    axis_index_under_vmaps => |d| { let lane = d.shape(0..=1); named(d, &lane, |x| Ok(x + axis_index("i")?)) };
    all_gather_under_vmaps => |d| { let lane = d.shape(0..=2); named(d, &lane, |x| all_gather(x, "i", -1, false)) };
    all_gather_tiled_under_vmaps => |d| { let lane = d.shape(1..=2); named(d, &lane, |x| all_gather(x, "i", -1, true)) };
    ppermute_under_vmaps => |d| { let lane = d.shape(0..=1); named(d, &lane, ppermute_) };
    pshuffle_under_vmaps => |d| { let lane = d.shape(0..=1); named(d, &lane, pshuffle_) };
    all_to_all_under_vmaps => |d| {
        // Every lane splits a gathered array, so the axis fits whatever the number of lanes.
        let lane = d.shape(1..=1);
        named(d, &lane, |x| {
            let wide = all_gather(x, "i", 0, false)? + axis_index("i")?;
            all_to_all(wide, "i", 0, 1, false)
        })
    };
    all_to_all_tiled_under_vmaps => |d| {
        let lane = d.shape(1..=1);
        named(d, &lane, |x| {
            let wide = all_gather(x, "i", 0, true)? + axis_index("i")?;
            all_to_all(wide, "i", 0, 0, true)
        })
    };
    psum_scatter_under_vmaps => |d| {
        let lane = d.shape(0..=1);
        named(d, &lane, |x| {
            let wide = all_gather(x, "i", 0, false)? + axis_index("i")?;
            psum_scatter(wide, "i", 0, false)
        })
    };
    psum_scatter_tiled_under_vmaps => |d| {
        let lane = d.shape(1..=1);
        named(d, &lane, |x| {
            let wide = all_gather(x, "i", 0, true)? + axis_index("i")?;
            psum_scatter(wide, "i", 0, true)
        })
    };
}
