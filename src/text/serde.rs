//! Programs in the formats of serde: their text, and the arrays of their constants.

use std::borrow::Cow;

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Printer, ProgramParser};
use crate::array::Array;
use crate::program::Program;

#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    program: Cow<'a, str>,
    constants: Vec<Array>,
}

/// As `{"program": text, "constants": [array, ..]}`.
///
/// ```
/// use elimap::{Program, prelude::*};
/// let table = Tensor::from(vec![1.0, 2.0]);
/// let program = jit(move |x: Tensor| &x * &table).trace((f64::spec([2]),))?;
/// let text = serde_json::to_string(&program).unwrap();
/// let again: Program = serde_json::from_str(&text).unwrap();
/// assert_eq!(again.run(&[Array::from(vec![3.0, 4.0])])?[0], Array::from(vec![3.0, 8.0]));
/// # Ok::<(), elimap::Error>(())
/// ```
///
/// # Errors
///
/// Of a program that calls the host, whose functions have no text; read such with [`ProgramParser`].
impl Serialize for Program {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(call) = self.equations().iter().find(|e| e.op.calls_host()) {
            let name = call.op.name();
            return Err(S::Error::custom(format!(
                "the program calls the host (`{name}`), which has no text; keep its text and read it with ProgramParser"
            )));
        }
        let mut printer = Printer::default();
        let program = printer.document(self).render().into();
        let constants = printer.constants;
        Stored { program, constants }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Program {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Program, D::Error> {
        let Stored { program, constants } = Stored::deserialize(deserializer)?;
        let parser = constants
            .into_iter()
            .fold(ProgramParser::new(), ProgramParser::constant);
        parser.parse(&program).map_err(D::Error::custom)
    }
}
