//! A Hessian times a vector, without the Hessian: forward mode over reverse mode, in Newton's method with conjugate gradients.

use elimap::prelude::*;
use elimap::{grad, hessian, jvp};

/// A valley of as many dimensions as x has (Rosenbrock's function).
fn valley(x: Tensor) -> Tensor {
    let n = x.shape()[0];
    let (here, next) = (
        x.slice(Slicing::new([0], [n - 1])),
        x.slice(Slicing::new([1], [n])),
    );
    (next - here.square()).square().sum(..) * 100.0 + (here - 1.0).square().sum(..)
}

fn dot(a: &Tensor, b: &Tensor) -> Result<f64, Error> {
    Ok((a * b).sum(..).to_array()?.item::<f64>()?)
}

fn main() -> Result<(), Error> {
    let product = jit(|x: Tensor, v: Tensor| jvp(grad(valley), (x,), (v,)));
    // The valley has a second bottom where its first coordinate is -0.96; this start is on the slope of the one at ones.
    let mut x = Tensor::from(&Array::from(vec![0.6, 0.7, 0.5, 0.8, 1.1]));

    // The same as the whole Hessian times the vector.
    let v = Tensor::from(&Array::from(vec![1.0, -2.0, 0.5, 0.0, 3.0]));
    let (_, hv) = product.call((&x, &v))?;
    let whole = hessian(valley).call((&x,))?.matmul(&v);
    let off = (hv - &whole).abs().max(..).to_array()?.item::<f64>()?;
    println!("Hessian times vector: off by {off:.1e} from the product with the whole Hessian");
    assert!(off < 1e-9);

    // Newton's method: each step solves H d = -g by conjugate gradients, which stop where H curves downwards.
    let mut steps = 0;
    loop {
        let (g, _) = product.call((&x, &x))?;
        let size = dot(&g, &g)?.sqrt();
        if size < 1e-9 || steps == 200 {
            break;
        }
        let (mut d, mut r) = (&x * 0.0, -&g);
        let mut p = r.clone();
        for _ in 0..5 {
            let (_, hp) = product.call((&x, &p))?;
            let (rr, curve) = (dot(&r, &r)?, dot(&p, &hp)?);
            if curve <= 1e-12 * rr {
                if dot(&d, &d)? == 0.0 {
                    d = r.clone();
                }
                break;
            }
            let a = rr / curve;
            d = d + &p * a;
            r = r - hp * a;
            let next = dot(&r, &r)?;
            if next.sqrt() < 1e-12 * size {
                break;
            }
            p = &r + p * (next / rr);
        }
        // Backtracking keeps the value going down.
        let value = |x: &Tensor| {
            valley(x.clone())
                .to_array()?
                .item::<f64>()
                .map_err(Error::from)
        };
        let (now, slope) = (value(&x)?, dot(&g, &d)?);
        let mut t = 1.0;
        while value(&(&x + &d * t))? > now + 1e-4 * t * slope && t > 1e-12 {
            t *= 0.5;
        }
        x = x + d * t;
        steps += 1;
    }
    let found = x.to_array()?.to_vec::<f64>()?;
    println!("the bottom after {steps} steps: {found:.6?}");
    assert!(found.iter().all(|x| (x - 1.0).abs() < 1e-6), "{found:?}");
    assert!(steps < 100);
    Ok(())
}
