//! The host functions of the cases: each works on the trailing axes, whatever leads them.

use elimap::{Array, BoxError, DType, Tensor};

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
        _ => return None,
    })
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
