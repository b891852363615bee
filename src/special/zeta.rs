//! The Hurwitz zeta function and the polygamma functions.

use super::together;
use crate::tensor::{compositions, where_};

/// `B_2j / (2 j)!` for j from 1 on: the weights of Euler and Maclaurin's corrections.
const CORRECTIONS: [f64; 12] = [
    8.333_333_333_333_333e-2,
    -1.388_888_888_888_889e-3,
    3.306_878_306_878_307e-5,
    -8.267_195_767_195_768e-7,
    2.087_675_698_786_81e-8,
    -5.284_190_138_687_493e-10,
    1.338_253_653_068_468e-11,
    -3.389_680_296_322_583e-13,
    8.586_062_056_277_845e-15,
    -2.174_868_698_558_062e-16,
    5.509_002_828_360_23e-18,
    -1.395_446_468_581_252e-19,
];

compositions! {
    special;
    /// The Hurwitz zeta function: the sum of `(q + k)^-x` over k from 0 on, for `x > 1`.
    [zeta(vec![f64::INFINITY], 1.0) => f64 [1.0]]
    fn zeta(x, q;) {
        let [x, q] = together([&x, &q])?;
        let one = x.equal(1.0);
        let bad = x.less(1.0) | x.not_equal(&x) | q.not_equal(&q);
        let pole = q.less_equal(0.0) & q.floor().equal(&q);
        let broken = q.less_equal(0.0) & q.floor().not_equal(&q) & x.floor().not_equal(&x);
        let plain = !(&one | &bad | &pole | &broken);
        let endless = x.equal(f64::INFINITY);
        let usable = &plain & !&endless;
        let (s, p) = (where_(&usable, &x, 2.0), where_(&plain, &q, 1.0));
        let mut sum = crate::tensor::zeros_like(&s);
        for k in 0..12 {
            sum = sum + (&p + f64::from(k)).pow(-&s);
        }
        let a = &p + 12.0;
        let last = a.pow(-&s);
        sum = sum + &last * &a / (&s - 1.0) + &last * 0.5;
        // Rising factorials of s over powers of a.
        let mut factor = &last * &s / &a;
        for (j, weight) in CORRECTIONS.iter().enumerate() {
            sum = sum + &factor * *weight;
            let at = 2.0 * j as f64 + 1.0;
            factor = factor * (&s + at) * (&s + at + 1.0) / a.square();
        }
        let at_infinity = where_(p.equal(1.0), 1.0, where_(p.less(1.0), f64::INFINITY, 0.0));
        let value = where_(endless, at_infinity, sum);
        let value = where_(one | pole, f64::INFINITY, value);
        Ok(where_(bad | broken, f64::NAN, value))
    }
    /// The `n`-th derivative of [`digamma`](crate::special::digamma), for whole `n` from 0 on.
    [polygamma(vec![0.0], vec![f64::INFINITY]) => f64 [f64::INFINITY]]
    fn polygamma(n, x;) {
        let [n, x] = together([&n, &x])?;
        let odd = (&n - (&n / 2.0).floor() * 2.0).not_equal(0.0);
        let sign = where_(odd, 1.0, -1.0);
        let (order, scale) = (&n + 1.0, (&n + 1.0).lgamma().exp());
        let zero = n.equal(0.0);
        let value = sign * scale * zeta(where_(&zero, 2.0, order), &x);
        let value = where_(&zero, x.digamma(), value);
        let whole = n.greater_equal(0.0) & n.floor().equal(&n);
        Ok(where_(whole, value, f64::NAN))
    }
}
