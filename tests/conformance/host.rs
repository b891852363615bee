//! The host functions of the cases: each works on the trailing axes, whatever leads them.

use elimap::{Array, BoxError, DType, TakeMode, Tensor, iota, where_};

type HostFn = fn(&[Array]) -> Result<Vec<Array>, BoxError>;

/// The host function with this name.
pub(crate) fn find(name: &str) -> Option<HostFn> {
    Some(match name {
        "identity" => |a| Ok(vec![a[0].clone()]),
        "add" => |a| one(t(&a[0]) + t(&a[1])),
        "total" => |a| one(a[1..].iter().fold(t(&a[0]), |sum, x| sum + t(x))),
        "mul" => |a| one(t(&a[0]) * t(&a[1])),
        "affine" => |a| one(t(&a[0]) * 3 + 1),
        "sum_last" => |a| one(t(&a[0]).sum(-1).astype(a[0].dtype())),
        "sort_last" => |a| one(t(&a[0]).sort(-1)),
        "cumsum_last" => |a| one(t(&a[0]).cumsum(-1, false)),
        "outer" => |a| one(t(&a[0]).expand_dims(-1) * t(&a[1]).expand_dims(-2)),
        "matvec" => |a| one(t(&a[0]).matmul(t(&a[1]).expand_dims(-1)).squeeze(-1)),
        "minmax_last" => |a| {
            Ok(vec![
                t(&a[0]).min(-1).to_array()?,
                t(&a[0]).max(-1).to_array()?,
            ])
        },
        "ndim_like" => |a| Ok(vec![Array::full(a[0].shape(), (a[0].rank() as i64).into())]),
        "raise" => |_| Err("host function refused its input".into()),
        "wrong_shape" => |a| {
            let shape: Vec<usize> = a[0].shape().iter().copied().chain([7]).collect();
            Ok(vec![Array::zeros(a[0].dtype(), &shape)])
        },
        // The reference returns int16 here; any other dtype than the declared one will do.
        "wrong_dtype" => |a| Ok(vec![Array::zeros(DType::U8, a[0].shape())]),
        "wrong_count" => |a| Ok(vec![a[0].clone(), a[0].clone()]),
        "sin" => |a| one(t(&a[0]).sin()),
        "cos" => |a| one(t(&a[0]).cos()),
        "neg_sin" => |a| one(-t(&a[0]).sin()),
        "exp" => |a| one(t(&a[0]).exp()),
        "square" => |a| one(t(&a[0]) * t(&a[0])),
        "scale" => |a| one(t(&a[0]) * like(&a[1], &a[0])),
        // Derivatives: NAME_jvp takes the arguments, then their tangents; NAME_vjp the residuals, then the cotangents.
        "affine_jvp" | "affine_vjp" => |a| one(t(&a[1]) * 3 + nothing(&a[0])),
        "sin_jvp" | "sin_vjp" => |a| one(t(&a[0]).cos() * t(&a[1])),
        "sin_jvp_jvp" => |a| {
            let (x, dx) = (t(&a[0]), t(&a[1]));
            one(x.cos() * t(&a[3]) - x.sin() * dx * t(&a[2]))
        },
        "sin_vjp_vjp" => |a| {
            let (x, c, ct) = (t(&a[0]), t(&a[1]), t(&a[2]));
            same([-x.sin() * &c * &ct, x.cos() * ct + nothing(&a[1])])
        },
        "exp_vjp" | "square_vjp" => |a| one(t(&a[0]) * t(&a[1])),
        "square_forward" => |a| all([t(&a[0]) * t(&a[0]), t(&a[0]) * 2]),
        "scale_jvp" | "scale_vjp" => |a| one(t(&a[2]) * like(&a[1], &a[0]) + nothing(&a[0])),
        "mul_jvp" => |a| one(t(&a[2]) * t(&a[1]) + t(&a[0]) * t(&a[3])),
        "mul_vjp" => |a| same([t(&a[1]) * t(&a[2]), t(&a[0]) * t(&a[2])]),
        "sum_last_jvp" => |a| one((t(&a[1]) + nothing(&a[0])).sum(-1).astype(a[0].dtype())),
        "sum_last_vjp" => |a| one(t(&a[1]).expand_dims(-1) + nothing(&a[0])),
        "cumsum_last_jvp" => |a| one((t(&a[1]) + nothing(&a[0])).cumsum(-1, false)),
        "cumsum_last_vjp" => |a| one((t(&a[1]) + nothing(&a[0])).cumsum(-1, true)),
        "sort_last_jvp" => |a| {
            let (x, dx) = together(&a[0], &a[1]);
            one(at_last(&dx, &x.argsort(-1)))
        },
        "sort_last_vjp" => |a| {
            let (x, ct) = together(&a[0], &a[1]);
            // The inverse of a permutation sorts what it permuted.
            one(at_last(&ct, &x.argsort(-1).argsort(-1)))
        },
        "minmax_last_jvp" => |a| {
            let (x, dx) = together(&a[0], &a[1]);
            let pick = |i: Tensor| at_last(&dx, &i.expand_dims(-1)).squeeze(-1);
            all([pick(x.argmin(-1)), pick(x.argmax(-1))])
        },
        "minmax_last_vjp" => |a| {
            let x = t(&a[0]);
            let n = a[0].shape().last().copied().unwrap_or(0);
            let put = |i: Tensor, ct: &Array| {
                let here = i
                    .expand_dims(-1)
                    .equal(iota(DType::I64, [n], 0).astype(i.dtype()));
                where_(
                    here,
                    t(ct).expand_dims(-1),
                    Tensor::from(0.0).astype(ct.dtype()),
                )
            };
            one(put(x.argmin(-1), &a[1]) + put(x.argmax(-1), &a[2]))
        },
        "matvec_jvp" => |a| {
            let product = |m: &Array, x: &Array| t(m).matmul(t(x).expand_dims(-1)).squeeze(-1);
            one(product(&a[2], &a[1]) + product(&a[0], &a[3]))
        },
        "matvec_vjp" => |a| {
            let (m, x, ct) = (t(&a[0]), t(&a[1]), t(&a[2]));
            let dm = ct.expand_dims(-1) * x.expand_dims(-2);
            let dx = (m * ct.expand_dims(-1)).sum(-2);
            let lead = lead(&[(&dm, 2), (&dx, 1)]);
            all([spread(dm, &lead, 2), spread(dx, &lead, 1)])
        },
        "outer_jvp" => |a| {
            let outer = |x: &Array, y: &Array| t(x).expand_dims(-1) * t(y).expand_dims(-2);
            one(outer(&a[2], &a[1]) + outer(&a[0], &a[3]))
        },
        "outer_vjp" => |a| {
            let (x, y, ct) = (t(&a[0]), t(&a[1]), t(&a[2]));
            let dx = (&ct * y.expand_dims(-2)).sum(-1);
            let dy = (ct * x.expand_dims(-1)).sum(-2);
            let lead = lead(&[(&dx, 1), (&dy, 1)]);
            all([spread(dx, &lead, 1), spread(dy, &lead, 1)])
        },
        _ => return None,
    })
}

/// Zeros where a number is finite, which bring its shape along.
fn nothing(x: &Array) -> Tensor {
    t(x) - t(x)
}

/// A factor of another element type.
fn like(factor: &Array, x: &Array) -> Tensor {
    t(factor).astype(x.dtype())
}

/// Both at the shape that they broadcast to.
fn together(x: &Array, dx: &Array) -> (Tensor, Tensor) {
    (t(x) + nothing(dx), t(dx) + nothing(x))
}

/// Entries of the last axis.
fn at_last(x: &Tensor, index: &Tensor) -> Tensor {
    x.take_along_axis(index, -1, TakeMode::Clip)
}

/// The leading shape that values share whose trailing axes are their own.
fn lead(values: &[(&Tensor, usize)]) -> Vec<usize> {
    let leads = values.iter().map(|(v, own)| &v.shape()[..v.rank() - own]);
    let rank = leads.clone().map(<[usize]>::len).max().unwrap_or(0);
    let mut shape = vec![1; rank];
    for lead in leads {
        for (to, &n) in shape.iter_mut().rev().zip(lead.iter().rev()) {
            if n != 1 {
                *to = n;
            }
        }
    }
    shape
}

fn spread(x: Tensor, lead: &[usize], own: usize) -> Tensor {
    let own = &x.shape()[x.rank() - own..];
    let shape: Vec<usize> = lead.iter().chain(own).copied().collect();
    x.broadcast_to(shape)
}

/// Results of one shape.
fn same<const N: usize>(results: [Tensor; N]) -> Result<Vec<Array>, BoxError> {
    let lead = lead(&results.each_ref().map(|r| (r, 0)));
    all(results.map(|r| spread(r, &lead, 0)))
}

fn all<const N: usize>(results: [Tensor; N]) -> Result<Vec<Array>, BoxError> {
    let arrays = results.iter().map(Tensor::to_array);
    Ok(arrays.collect::<Result<_, _>>()?)
}

fn t(array: &Array) -> Tensor {
    Tensor::from(array)
}

fn one(result: Tensor) -> Result<Vec<Array>, BoxError> {
    match result.to_array() {
        Ok(array) => Ok(vec![array]),
        Err(error) => Err(error.into()),
    }
}
