//! Elements and what there is one of for each row of them, as in a softmax: what repeats is read once for a row and is nowhere in memory
//! for every element.

use super::Elementwise;
use super::block::spread;
use super::slices::Operand;
use crate::array::{Pass, on_widest};
use crate::ops::math::Float;
use crate::program::BinaryOp;

/// An operation of an element, on the left, and its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowOp {
    Add,
    Sub,
    Mul,
    Div,
}

impl RowOp {
    /// None for operations that are not among them.
    pub(crate) fn of(kind: BinaryOp) -> Option<Self> {
        use BinaryOp as B;
        Some(match kind {
            B::Add => RowOp::Add,
            B::Sub => RowOp::Sub,
            B::Mul => RowOp::Mul,
            B::Div => RowOp::Div,
            B::Max
            | B::Min
            | B::Rem
            | B::Pow
            | B::Atan2
            | B::Nextafter
            | B::Polygamma
            | B::Complex => {
                return None;
            }
            B::Eq | B::Ne | B::Lt | B::Le | B::Gt | B::Ge | B::And | B::Or | B::Xor => return None,
            B::ShiftLeft | B::ShiftRightArithmetic | B::ShiftRightLogical => return None,
        })
    }
}

impl From<RowOp> for BinaryOp {
    fn from(op: RowOp) -> BinaryOp {
        match op {
            RowOp::Add => BinaryOp::Add,
            RowOp::Sub => BinaryOp::Sub,
            RowOp::Mul => BinaryOp::Mul,
            RowOp::Div => BinaryOp::Div,
        }
    }
}

/// Floats with a division of many by one.
pub(crate) trait DivideMany: Elementwise + Float {
    /// Divides every element by one; each quotient has the bits of a division.
    fn divide(x: &[Self], by: Self, out: &mut [Self]);
}

impl DivideMany for f32 {
    #[inline(always)]
    fn divide(x: &[f32], by: f32, out: &mut [f32]) {
        for i in 0..x.len() {
            out[i] = x[i] / by;
        }
    }
}

/// Whether neither quotients and products of such numbers nor what is left of them leave the range of normal numbers.
#[inline(always)]
fn is_usual(x: f64) -> bool {
    const MOST: f64 = f64::from_bits((1023 + 400) << 52);
    const LEAST: f64 = f64::from_bits((1023 - 400) << 52);
    x.abs() > LEAST && x.abs() < MOST
}

/// A vector of divisions takes as long as thirty multiplications. The quotient of a product with the reciprocal, corrected twice by what
/// it leaves, is the one that a division rounds to (Markstein, IBM Journal of Research and Development 34, 1990), where nothing
/// overflows or underflows.
impl DivideMany for f64 {
    #[inline(always)]
    fn divide(x: &[f64], by: f64, out: &mut [f64]) {
        let (n, inverse) = (x.len(), 1.0 / by);
        let out = &mut out[..n];
        let mut usual = is_usual(by);
        if usual {
            for i in 0..n {
                let x = x[i];
                let product = x * inverse;
                let quotient = (-by).mul_add(product, x).mul_add(inverse, product);
                let quotient = (-by).mul_add(quotient, x).mul_add(inverse, quotient);
                // The product has the sign of a zero.
                out[i] = if x == 0.0 { product } else { quotient };
                usual &= (x == 0.0) | is_usual(x);
            }
        }
        if !usual {
            for i in 0..n {
                out[i] = x[i] / by;
            }
        }
    }
}

struct Rows<'a, T> {
    kind: RowOp,
    x: &'a [T],
    rows: &'a [T],
    length: usize,
    out: &'a mut [T],
}

impl<T: DivideMany> Pass for Rows<'_, T> {
    #[inline(always)]
    fn run(self) {
        let length = self.length;
        macro_rules! each {
            ($x:ident, $row:ident => $result:expr) => {
                for (r, &$row) in self.rows.iter().enumerate() {
                    let x = &self.x[r * length..][..length];
                    let out = &mut self.out[r * length..][..length];
                    for i in 0..length {
                        let $x = x[i];
                        out[i] = $result;
                    }
                }
            };
        }
        match self.kind {
            RowOp::Add => each!(x, row => x.add(row)),
            RowOp::Sub => each!(x, row => x.sub(row)),
            RowOp::Mul => each!(x, row => x.mul(row)),
            RowOp::Div => {
                for (r, &row) in self.rows.iter().enumerate() {
                    let range = r * length..(r + 1) * length;
                    T::divide(&self.x[range.clone()], row, &mut self.out[range]);
                }
            }
        }
    }
}

/// Applies an operation to elements and what their rows, of `length`, have.
pub(crate) fn with_rows<T: DivideMany>(
    kind: RowOp,
    x: Operand<'_, T>,
    rows: Operand<'_, T>,
    length: usize,
    out: &mut [T],
) {
    match (x, rows) {
        (Operand::Each(x), Operand::Each(rows)) => {
            let pass = Rows {
                kind,
                x,
                rows,
                length,
                out,
            };
            on_widest(pass);
        }
        (x @ Operand::Same(_), Operand::Each(rows)) => {
            let mut repeated = vec![T::ZERO; out.len()];
            spread(rows, length, &mut repeated);
            T::binary(kind.into(), x, Operand::Each(&repeated), out);
        }
        (x, row @ Operand::Same(_)) => T::binary(kind.into(), x, row, out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotients_by_one_number_have_the_bits_of_divisions() {
        let mut state = 1_u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state
        };
        let edges = [
            0.0,
            -0.0,
            1e-310,
            -5e-324,
            1e300,
            f64::INFINITY,
            f64::NAN,
            1.0,
            f64::MAX,
        ];
        for round in 0..3000_u64 {
            // Ordinary numbers of a few magnitudes, nearly equal ones, and edges now and then.
            let mut number = || {
                let bits = next() >> 12;
                let exponent = 1023 - 30 + next() % 60;
                let sign = next() & (1 << 63);
                match round % 4 {
                    0 if bits.is_multiple_of(7) => edges[(bits % 9) as usize],
                    1 => f64::from_bits(sign | 1023 << 52 | bits >> 45 | (bits & 63) << 46),
                    2 => f64::from_bits(sign | 1023 << 52 | !(bits & 255) & ((1 << 52) - 1)),
                    _ => f64::from_bits(sign | exponent << 52 | bits),
                }
            };
            let by = number();
            let x: Vec<f64> = (0..37).map(|_| number()).collect();
            let mut got = vec![0.0; x.len()];
            let (each, rows) = (Operand::Each(&x[..]), [by]);
            with_rows(RowOp::Div, each, Operand::Each(&rows), x.len(), &mut got);
            for (x, got) in x.iter().zip(&got) {
                let want = x / by;
                let same = got.to_bits() == want.to_bits() || (got.is_nan() && want.is_nan());
                assert!(same, "{x:e} / {by:e}: {got:e} for {want:e}");
            }
        }
    }
}
