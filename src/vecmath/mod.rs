//! Vector mathematics: functions of floats as plain arithmetic without branches.
//!
//! Compilers turn loops over them (`ops::elementwise::slices`) into vector code. A number has the same bits in vector
//! code of any width, alone, and on every machine: fused multiply-adds are those that are written here and no others (a machine
//! without them imitates them, slowly), and no function of the platform is called. Special values are those of C99, subnormals are full citizens, and every NaN is the one NaN.
//!
//! Errors are the greatest seen in units of the last place of the exact value (`just vecmath-sweep`), in double precision.
//! Single precision is computed in double precision, with shorter polynomials for the most used functions, and rounded
//! once: at most 0.501 units, and of every function but `lgamma`. exp and tanh are computed in single precision, where a vector has
//! twice as many numbers: at most 1.08 units for exp of every number, and 1.18 for tanh of every seventh.
//!
//! | function | error | method |
//! | --- | --- | --- |
//! | exp, exp2, expm1 | 0.87, 1.18, 1.11 | `2^k exp(r)`, a polynomial in `r` |
//! | tanh | 1.37 | a polynomial below 0.5625, `1 - 2 / (exp(2 x) + 1)` beyond |
//! | logistic | 1.14 | a quotient of the same parts, corrected for what their rounding lost |
//! | sinh, cosh | 1.13, 1.13 | the same parts; a polynomial below 1 |
//! | log, log1p | 0.84, 0.83 | `k ln(2) + log(m)`, a polynomial in `(m - 1) / (m + 1)` |
//! | asinh, acosh, atanh | 0.79, 0.82, 0.73 | log1p of an argument in two parts |
//! | sin, cos, tan | 0.80, 0.80, 1.42 | multiples of pi/2 taken off in four parts, from 1e6 on by Payne and Hanek |
//! | asin, acos, atan, atan2 | 1.15, 0.77, 0.78, 0.78 | polynomials up to 1/2, identities beyond |
//! | pow | 0.98 | a logarithm of 66 bits, then exp |
//! | cbrt | 0.68 | Halley's step from a polynomial |
//! | erf, erfc | 1.40, 1.01 | a polynomial below 1; `exp(-x^2) S((x - 4)/(x + 4)) / (1 + 2 x)` |

mod basic;
mod coefficients;
mod error_function;
mod exponential;
mod inverse;
mod logarithm;
mod power;
pub(crate) mod single;
#[cfg(test)]
mod tests;
mod trigonometric;

pub(crate) use trigonometric::is_large_angle;

/// Double precision.
pub(crate) mod double {
    pub(crate) use super::error_function::{erf, erfc};
    pub(crate) use super::exponential::{
        cosh, exp, exp2, expm1, is_extreme_exponent, logistic, near_exp, sinh, tanh,
    };
    pub(crate) use super::inverse::{acos, asin, atan, atan2, cbrt};
    pub(crate) use super::logarithm::{acosh, asinh, atanh, log, log1p};
    pub(crate) use super::power::pow;
    pub(crate) use super::trigonometric::{cos, near_cos, near_sin, near_tan, sin, tan};
}
