//! Functions of numbers between layers.

use std::f64::consts::{FRAC_2_PI, SQRT_2};

use crate::numpy::logaddexp;
use crate::special::float;
use crate::tensor::{AxisList, compositions, where_};

/// The fixed point of mean and variance (Klambauer et al. 2017).
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;

compositions! {
    nn;
    /// `max(x, 0)`.
    [relu(vec![-1.0, 2.0]) => f64 [0.0, 2.0]]
    fn relu(x;) { Ok(x.maximum(0)) }
    /// `min(max(x, 0), 6)`.
    [relu6(vec![-1.0, 7.0]) => f64 [0.0, 6.0]]
    fn relu6(x;) { Ok(x.maximum(0.0).minimum(6.0)) }
    /// `1 / (1 + exp(-x))`.
    [sigmoid(vec![0.0]) => f64 [0.5]]
    fn sigmoid(x;) { Ok(x.logistic()) }
    /// `log(1 + exp(x))`.
    [softplus(vec![f64::NEG_INFINITY]) => f64 [0.0]]
    fn softplus(x;) { Ok(logaddexp(x, 0.0)) }
    /// Linear between -1 and 1, where it ends in 0 and `x`.
    [sparse_plus(vec![-2.0, 0.0, 3.0]) => f64 [0.0, 0.25, 3.0]]
    fn sparse_plus(x;) {
        let x = float(&x);
        Ok(where_(x.less_equal(-1.0), 0.0, where_(x.greater_equal(1.0), &x, (&x + 1.0).square() / 4.0)))
    }
    /// Linear from 0 at -1 to 1 at 1.
    [sparse_sigmoid(vec![-2.0, 0.0, 3.0]) => f64 [0.0, 0.5, 1.0]]
    fn sparse_sigmoid(x;) { Ok(((float(&x) + 1.0) * 0.5).clip(0.0, 1.0)) }
    /// `x / (1 + |x|)`.
    [soft_sign(vec![1.0]) => f64 [0.5]]
    fn soft_sign(x;) {
        let x = float(&x);
        Ok(&x / (x.abs() + 1.0))
    }
    /// `x sigmoid(x)`, also called swish.
    [silu(vec![0.0]) => f64 [0.0]]
    fn silu(x;) {
        let x = float(&x);
        Ok(&x * x.logistic())
    }
    /// `x tanh(softplus(x))`.
    [mish(vec![0.0]) => f64 [0.0]]
    fn mish(x;) {
        let x = float(&x);
        Ok(&x * softplus(&x).tanh())
    }
    /// `log(sigmoid(x))`.
    [log_sigmoid(vec![f64::INFINITY]) => f64 [0.0]]
    fn log_sigmoid(x;) { Ok(-softplus(-float(&x))) }
    /// `log(1 - exp(-x))` for positive `x`, accurate at both ends.
    [log1mexp(vec![f64::INFINITY]) => f64 [0.0]]
    fn log1mexp(x;) { Ok(crate::special::log1mexp(x)) }
    /// `x` above 0, `alpha (exp(x) - 1)` below.
    [elu(vec![1.0, f64::NEG_INFINITY], 2.0) => f64 [1.0, -2.0]]
    fn elu(x; alpha: f64) {
        let x = float(&x);
        let positive = x.greater(0.0);
        let below = where_(&positive, 0.0, &x).expm1() * alpha;
        Ok(where_(positive, &x, below))
    }
    /// `x` above 0, `alpha (exp(x / alpha) - 1)` below.
    [celu(vec![1.0, f64::NEG_INFINITY], 2.0) => f64 [1.0, -2.0]]
    fn celu(x; alpha: f64) {
        let x = float(&x);
        Ok(x.maximum(0.0) + (x.minimum(0.0) / alpha).expm1() * alpha)
    }
    /// [`elu`] scaled so that deep layers keep mean and variance.
    [selu(vec![0.0]) => f64 [0.0]]
    fn selu(x;) { Ok(elu(x, SELU_ALPHA) * SELU_SCALE) }
    /// `x` above 0, `slope x` below.
    [leaky_relu(vec![1.0, -2.0], 0.5) => f64 [1.0, -1.0]]
    fn leaky_relu(x; slope: f64) {
        let x = float(&x);
        Ok(where_(x.greater_equal(0.0), &x, &x * slope))
    }
    /// `x` between -1 and 1, which it does not leave.
    [hard_tanh(vec![-3.0, 0.5]) => f64 [-1.0, 0.5]]
    fn hard_tanh(x;) { Ok(where_(x.greater(1), 1, where_(x.less(-1), -1, &x))) }
    /// `relu6(x + 3) / 6`.
    [hard_sigmoid(vec![0.0]) => f64 [0.5]]
    fn hard_sigmoid(x;) { Ok(relu6(float(&x) + 3.0) / 6.0) }
    /// `x hard_sigmoid(x)`, also called hard swish.
    [hard_silu(vec![3.0]) => f64 [3.0]]
    fn hard_silu(x;) {
        let x = float(&x);
        Ok(&x * hard_sigmoid(&x))
    }
    /// `x` times the normal distribution function at `x`, or its approximation by `tanh`.
    [gelu(vec![0.0], true) => f64 [0.0]]
    fn gelu(x; approximate: bool) {
        let x = float(&x);
        if approximate {
            let inner = (&x + x.integer_pow(3) * 0.044_715) * FRAC_2_PI.sqrt();
            return Ok(&x * (inner.tanh() + 1.0) * 0.5);
        }
        Ok(&x * 0.5 * (-&x / SQRT_2).erfc())
    }
    /// `(x + sqrt(x^2 + b)) / 2`.
    [squareplus(vec![0.0], 4.0) => f64 [1.0]]
    fn squareplus(x; b: f64) {
        let x = float(&x);
        Ok((&x + (x.square() + b).sqrt()) * 0.5)
    }
    /// One half of an axis times the sigmoid of the other.
    [glu(vec![2.0, 0.0], -1) => f64 [1.0]]
    fn glu(x; axis: isize) {
        let halves = float(&x).split(2, axis)?;
        Ok(&halves[0] * halves[1].logistic())
    }
    /// Less the mean over axes, by the standard deviation with `epsilon` added to the variance.
    [standardize(vec![1.0, 3.0], .., 0.0) => f64 [-1.0, 1.0]]
    fn standardize(x; axes: impl AxisList, epsilon: f64) {
        let x = float(&x);
        let axes: Vec<isize> = axes.axes(x.rank()).iter().map(|&a| if a < 0 { a + x.rank() as isize } else { a }).collect();
        let mean = x.mean(axes.clone()).expand_dims(axes.clone());
        let variance = x.square().mean(axes.clone()).expand_dims(axes) - mean.square();
        Ok((&x - mean) * (variance + epsilon).rsqrt())
    }
    /// `log(mean(exp(x)))` over axes.
    [logmeanexp(vec![0.0, 0.0], ..) => f64 [0.0]]
    fn logmeanexp(x; axes: impl AxisList) {
        let axes: Vec<isize> = axes.axes(x.rank()).iter().map(|&a| if a < 0 { a + x.rank() as isize } else { a }).collect();
        let n: usize = axes.iter().map(|&a| x.shape()[a as usize]).product();
        Ok(x.logsumexp(axes) - (n as f64).ln())
    }
}
