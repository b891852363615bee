//! What operations need to show their parameters in text and to read them from it.

mod given;
pub(crate) mod python;
mod shown;

pub(crate) use given::{Given, Known, Value, check_types};
pub(crate) use shown::{Param, Shown};
