//! Functions of parts of tensors as functions of whole ones.

use super::{axis_of, refuse};
use crate::array::{Shape, broadcast_shapes};
use crate::error::Error;
use crate::tensor::Tensor;
use crate::transform::vmap;
use crate::tree::Axes;

/// What a function makes of every vector along an axis; what it returns stands in place of the axis.
///
/// # Errors
///
/// Whatever goes wrong in the function, and [`OpErrorKind::AxisOutOfBounds`](crate::OpErrorKind).
///
/// ```
/// use elimap::{numpy, prelude::*};
/// let x = ndarray::array![[1.0, 2.0], [3.0, 5.0]];
/// let spread = numpy::apply_along_axis(|v: Tensor| ok(v.max(0) - v.min(0)), 1, x)?;
/// assert_eq!(spread.to_vec::<f64>()?, [1.0, 2.0]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn apply_along_axis(
    function: impl Fn(Tensor) -> Result<Tensor, Error>,
    axis: isize,
    x: impl Into<Tensor>,
) -> Result<Tensor, Error> {
    let x = x.into().check()?;
    let axis = axis_of("apply_along_axis", axis, x.rank())?;
    along(&function, x, axis)
}

/// Maps the axes before and after one by one; what is in place of `axis` stays there.
fn along(
    function: &dyn Fn(Tensor) -> Result<Tensor, Error>,
    x: Tensor,
    axis: usize,
) -> Result<Tensor, Error> {
    if axis > 0 {
        return vmap(|x: Tensor| along(function, x, axis - 1)).call((x,));
    }
    if x.rank() > 1 {
        return vmap(|x: Tensor| along(function, x, 0))
            .in_axes(-1)
            .out_axes(-1)
            .call((x,));
    }
    function(x)
}

/// A function with a signature, mapped over all axes the signature does not name; see [`vectorize`].
#[derive(Clone, Debug)]
pub struct Vectorized<F> {
    function: F,
    inputs: Vec<Vec<String>>,
    outputs: Option<Vec<Vec<String>>>,
}

/// A function of tensors that broadcasts like numpy's own: the axes its signature names are its own, all others are mapped.
///
/// A signature such as `"(n,m),(m)->(n)"` names the last axes of each argument and result; without one (`""`) the function is
/// one of scalars, `vectorize(.., "(),()->()")` says the same.
///
/// # Errors
///
/// [`OpErrorKind::InvalidParameter`](crate::OpErrorKind) for a signature that does not read.
///
/// ```
/// use elimap::{numpy, prelude::*};
/// let product = numpy::vectorize(|x: Vec<Tensor>| ok(vec![x[0].matmul(&x[1])]), "(n,m),(m)->(n)")?;
/// let y = product.call([arange(12).reshape([2, 2, 3]), arange(3)])?;
/// assert_eq!(y[0].shape(), [2, 2]);
/// assert_eq!(y[0].to_vec::<i64>()?, [5, 14, 23, 32]);
/// # Ok::<(), elimap::Error>(())
/// ```
#[track_caller]
pub fn vectorize<F>(function: F, signature: &str) -> Result<Vectorized<F>, Error>
where
    F: Fn(Vec<Tensor>) -> Result<Vec<Tensor>, Error>,
{
    let text: String = signature.split_whitespace().collect();
    if text.is_empty() {
        return Ok(Vectorized {
            function,
            inputs: Vec::new(),
            outputs: None,
        });
    }
    let wrong = || {
        let detail = format!("{signature:?} is no signature; write one like \"(n,m),(m)->(n)\"");
        refuse("vectorize", detail)
    };
    let (inputs, outputs) = text.split_once("->").ok_or_else(wrong)?;
    let groups = |text: &str| -> Option<Vec<Vec<String>>> {
        let inner = text.strip_prefix('(')?.strip_suffix(')')?;
        let group = |names: &str| -> Option<Vec<String>> {
            if names.is_empty() {
                return Some(Vec::new());
            }
            let names = names.split(',').map(|name| {
                let word =
                    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
                word.then(|| name.to_owned())
            });
            names.collect()
        };
        inner.split("),(").map(group).collect()
    };
    Ok(Vectorized {
        function,
        inputs: groups(inputs).ok_or_else(wrong)?,
        outputs: Some(groups(outputs).ok_or_else(wrong)?),
    })
}

impl<F: Fn(Vec<Tensor>) -> Result<Vec<Tensor>, Error>> Vectorized<F> {
    /// Calls the function on every example of the arguments, which broadcast together but for the axes it names.
    ///
    /// # Errors
    ///
    /// [`OpErrorKind::InvalidParameter`](crate::OpErrorKind) for arguments or results that do not fit the signature, and whatever goes
    /// wrong in the function.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use elimap::numpy::vectorize;
    /// let dot = vectorize(|args: Vec<Tensor>| ok(vec![(&args[0] * &args[1]).sum(..)]), "(n),(n)->()")?;
    /// let x = Tensor::from(ndarray::array![[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(dot.call([x, Tensor::from(vec![1.0, 10.0])])?[0].to_vec::<f64>()?, [21.0, 43.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn call<T: Into<Tensor>>(
        &self,
        args: impl IntoIterator<Item = T>,
    ) -> Result<Vec<Tensor>, Error> {
        let mut args: Vec<Tensor> = args.into_iter().map(Into::into).collect();
        let own = |k: usize| self.inputs.get(k).map_or(0, Vec::len);
        if self.outputs.is_some() && self.inputs.len() != args.len() {
            let detail = format!(
                "{} arguments for a signature of {}",
                args.len(),
                self.inputs.len()
            );
            return Err(refuse("vectorize", detail));
        }
        self.check_sizes(&args)?;
        let leading: Vec<Shape> = args
            .iter()
            .enumerate()
            .map(|(k, x)| Shape::from_slice(&x.shape()[..x.rank() - own(k)]))
            .collect();
        let Some(lanes) = broadcast_shapes(leading.iter().map(|s| &s[..])) else {
            let types: Vec<String> = args.iter().map(|x| x.ty().to_string()).collect();
            let detail = format!(
                "the mapped axes of {} do not broadcast together",
                types.join(", ")
            );
            return Err(refuse("vectorize", detail));
        };
        // Axes of length 1 where others are longer are not mapped; missing ones neither.
        let mut levels: Vec<Vec<bool>> = vec![Vec::new(); lanes.len()];
        for (k, shape) in leading.iter().enumerate() {
            let missing = lanes.len() - shape.len();
            let mut gone = Vec::new();
            for (d, &n) in lanes.iter().enumerate() {
                let mapped = d >= missing && (shape[d - missing] == n);
                levels[d].push(mapped);
                if d >= missing && !mapped {
                    gone.push((d - missing) as isize);
                }
            }
            if !gone.is_empty() {
                args[k] = args[k].squeeze(gone);
            }
        }
        self.level(&levels, args)
    }

    fn level(&self, levels: &[Vec<bool>], args: Vec<Tensor>) -> Result<Vec<Tensor>, Error> {
        let Some((mapped, inner)) = levels.split_first() else {
            let out = (self.function)(args)?;
            if let Some(outputs) = &self.outputs {
                let fits = outputs.len() == out.len()
                    && outputs
                        .iter()
                        .zip(&out)
                        .all(|(names, x)| names.len() == x.rank());
                if !fits {
                    let types: Vec<String> = out.iter().map(|x| x.ty().to_string()).collect();
                    let detail = format!(
                        "the function returned {}, which its signature does not say",
                        types.join(", ")
                    );
                    return Err(refuse("vectorize", detail));
                }
            }
            return Ok(out);
        };
        if !mapped.contains(&true) {
            return self.level(inner, args);
        }
        let axes = mapped
            .iter()
            .map(|&m| if m { Axes::Axis(0) } else { Axes::None });
        vmap(|args: Vec<Tensor>| self.level(inner, args))
            .in_axes(Axes::Tuple(vec![Axes::List(axes.collect())]))
            .call((args,))
    }

    /// One name, one length.
    fn check_sizes(&self, args: &[Tensor]) -> Result<(), Error> {
        let mut sizes: Vec<(&str, usize)> = Vec::new();
        for (names, x) in self.inputs.iter().zip(args) {
            if x.rank() < names.len() {
                let detail = format!(
                    "an argument of type {} has no {} axes of its own",
                    x.ty(),
                    names.len()
                );
                return Err(refuse("vectorize", detail));
            }
            let own = &x.shape()[x.rank() - names.len()..];
            for (name, &n) in names.iter().zip(own) {
                match sizes.iter().find(|(known, _)| known == name) {
                    Some(&(_, m)) if m != n => {
                        let detail = format!("`{name}` stands for lengths {m} and {n}");
                        return Err(refuse("vectorize", detail));
                    }
                    Some(_) => {}
                    None => sizes.push((name, n)),
                }
            }
        }
        Ok(())
    }
}
