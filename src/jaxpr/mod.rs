//! The text of JAX's jaxprs in full: also primitives that are no operation here.
//!
//! What JAX has a primitive for and what is a function of [`lax`](crate::lax), [`linalg`](crate::linalg) or [`special`](crate::special) here is
//! read as a call of that function, traced for the types of its operands, under the primitive's name:
//!
//! ```
//! use elimap::prelude::*;
//! let program: elimap::Program = "{ lambda ; a:f64[1]. let b:f64[1] = bessel_i0e a in (b,) }".parse()?;
//! assert_eq!(program.run(&[Array::from(vec![0.0])])?[0].to_vec::<f64>()?, [1.0]);
//! assert!(program.to_string().contains("name=bessel_i0e"));
//! # Ok::<(), elimap::Error>(())
//! ```

mod arrays;
mod linalg;
mod solve;
mod windows;

use std::panic::Location;
use std::str::FromStr;

use crate::array::TensorType;
use crate::error::{At, Error, ParseError};
use crate::passes::dead::dead_code;
use crate::program::Program;
use crate::program::text::{Given, Value};
use crate::tensor::{Tensor, trace_dynamic};
use crate::text::{Compose, ProgramParser};
use crate::transform::vmap;

impl Program {
    /// Reads a program without callbacks and constants from its text.
    ///
    /// # Errors
    ///
    /// [`ParseError`] with the place in the text.
    ///
    /// # Examples
    ///
    /// ```
    /// use elimap::Program;
    /// let text = "{ lambda ; a:f64[3] b:f64[]. let c:f64[3] = mul a b in (c,) }";
    /// let program = Program::parse(text)?;
    /// assert_eq!(program.inputs().len(), 2);
    /// assert_eq!(program.to_string(), text);
    /// # Ok::<(), elimap::ParseError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Program, ParseError> {
        ProgramParser::new().parse(text)
    }
}

impl FromStr for Program {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Program, ParseError> {
        Program::parse(text)
    }
}

impl ProgramParser {
    /// A parser that knows no callbacks and no constants.
    ///
    /// ```
    /// use elimap::ProgramParser;
    /// let text = "{ lambda ; a:f64[]. let b:f64[] = sin a in (b,) }";
    /// assert_eq!(ProgramParser::new().parse(text)?.to_string(), text);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn new() -> Self {
        ProgramParser::composing(compose)
    }
}

impl Default for ProgramParser {
    fn default() -> Self {
        ProgramParser::new()
    }
}

/// The program of a primitive that is a composition here; `None` where none has the name.
fn compose(
    name: &str,
    given: &mut Given<'_>,
    operands: &[TensorType],
) -> Option<Result<Program, ParseError>> {
    let families: [Compose; 4] = [
        arrays::compose,
        windows::compose,
        linalg::compose,
        solve::compose,
    ];
    families
        .iter()
        .find_map(|family| family(name, given, operands))
}

/// Traces what stands for a primitive; results take the types the text says.
fn traced(
    name: &str,
    given: &Given<'_>,
    operands: &[TensorType],
    f: impl FnOnce(&[Tensor]) -> Result<Vec<Tensor>, Error>,
) -> Result<Program, ParseError> {
    let results = given.results;
    let (traced, ()) = trace_dynamic(operands, None, Location::caller(), |inputs| {
        let out = f(&inputs)?.into_iter().enumerate();
        let cast = |(k, x): (usize, Tensor)| match results.get(k) {
            Some(ty) if ty.dtype != x.dtype() => x.astype(ty.dtype),
            _ => x,
        };
        Ok((out.map(cast).collect(), ()))
    })
    .map_err(|error| refused(name, given.at(), error.to_string()))?;
    Ok(dead_code(traced.program))
}

fn refused(name: &str, at: At, detail: String) -> ParseError {
    let At { line, column } = at;
    let operation = name.to_owned();
    ParseError::Composition {
        line,
        column,
        operation,
        detail,
    }
}

/// A program of scalars, applied to whole tensors of one shape element by element.
fn apply(program: &Program, xs: Vec<Tensor>) -> Result<Vec<Tensor>, Error> {
    let shape: Vec<isize> = match xs.first() {
        Some(x) => x.shape().iter().map(|&n| n as isize).collect(),
        None => Vec::new(),
    };
    let flat: Vec<Tensor> = xs.iter().map(|x| x.reshape([-1])).collect();
    let each = vmap(|xs: Vec<Tensor>| program.call(xs));
    let out: Vec<Tensor> = each.call((flat,))?;
    Ok(out.iter().map(|x| x.reshape(shape.clone())).collect())
}

/// Checks the number of operands before a composition takes them apart.
fn count<const N: usize>(
    name: &str,
    given: &Given<'_>,
    operands: &[TensorType],
) -> Result<(), ParseError> {
    if operands.len() == N {
        return Ok(());
    }
    let detail = format!("it takes {N} operands, not {}", operands.len());
    Err(refused(name, given.at(), detail))
}

/// The fields of a parameter that is a record, whatever its name.
fn fields(given: &mut Given<'_>, key: &str) -> Result<Vec<(String, Value)>, ParseError> {
    given.read(key, "a record", |value| match value {
        Value::Record(_, fields) => Some(fields.clone()),
        _ => None,
    })
}
