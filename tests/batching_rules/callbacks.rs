//! Host functions by every method: what comes back is what the lanes would have got.

use elimap::prelude::*;

use crate::lanes::{Draw, Rule, between};

/// `2 a + b`, wherever batch axes lead.
fn host(args: &[Array]) -> Array {
    let a = Tensor::from(&args[0]) * 2.0;
    let sum = args[1..].iter().fold(a, |sum, x| sum + Tensor::from(x));
    sum.to_array().unwrap()
}

fn method(d: &mut Draw, method: VmapMethod, count: usize) -> Rule {
    let shape = d.shape(0..=2);
    let callback =
        Callback::new("host", [f64::spec(shape.iter().copied())], host).vmap_method(method);
    let args = (0..count)
        .map(|_| between(DType::F64, &shape, -3.0, 3.0))
        .collect();
    Rule::many(args, move |x| callback.call_vec(x))
}

/// Per-lane methods take arguments and results of any shapes.
fn per_lane(d: &mut Draw, method: Option<VmapMethod>) -> Rule {
    let (a, b) = (d.solid(1..=2), d.shape(0..=1));
    let results = [f64::spec([]), f64::spec(b.iter().copied())];
    let mut callback = Callback::new("lane", results, |args: &[Array]| {
        let (a, b) = (Tensor::from(&args[0]), Tensor::from(&args[1]));
        vec![
            a.max(..).to_array().unwrap(),
            (b * a.min(..)).to_array().unwrap(),
        ]
    });
    callback = match method {
        Some(method) => callback.vmap_method(method),
        None => callback.io(false),
    };
    let args = vec![
        between(DType::F64, &a, -3.0, 3.0),
        between(DType::F64, &b, -3.0, 3.0),
    ];
    Rule::many(args, move |x| callback.call_vec(x))
}

rules! {
    sequential => |d| per_lane(d, Some(VmapMethod::Sequential));
    sequential_unrolled => |d| per_lane(d, Some(VmapMethod::SequentialUnrolled));
    parallel => |d| per_lane(d, Some(VmapMethod::Parallel));
    io_unordered => |d| per_lane(d, None);
    expand_dims => |d| method(d, VmapMethod::ExpandDims, 3);
    broadcast_all => |d| method(d, VmapMethod::BroadcastAll, 3);
    // With several arguments nested vmaps break it by design (rule C10).
    legacy_vectorized => |d| method(d, VmapMethod::LegacyVectorized, 1);
    one_after_the_other => |_| {
        let first = Callback::new("first", [f64::spec([])], host).vmap_method(VmapMethod::Sequential);
        let second = Callback::new("second", [f64::spec([])], host).vmap_method(VmapMethod::ExpandDims);
        let third = Callback::new("third", [f64::spec([])], host).vmap_method(VmapMethod::Parallel);
        let args = vec![between(DType::F64, &[], -3.0, 3.0), between(DType::F64, &[], -3.0, 3.0)];
        Rule::many(args, move |x| {
            let a = first.call((&x[0],))?;
            let b = second.call((&a, &x[1]))?;
            Ok(vec![third.call((&x[1], &b))?, a])
        })
    };
    in_a_scan => |d| {
        let method = d.pick(&VmapMethod::ALL[..4]);
        let callback = Callback::new("step", [f64::spec([])], host).vmap_method(method);
        let args = vec![between(DType::F64, &[], -3.0, 3.0), between(DType::F64, &[3], -3.0, 3.0)];
        Rule::many(args, move |x| {
            let (carry, ys): (Tensor, Tensor) = scan(
                |c: Tensor, x: Tensor| -> Result<(Tensor, Tensor), Error> {
                    let next = callback.call((c, x))?;
                    Ok((next.clone(), next))
                },
                &x[0],
                &x[1],
                ScanOptions::default(),
            )?;
            Ok(vec![carry, ys])
        })
    };
}
