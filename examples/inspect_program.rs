//! Programs are data: traced, batched, printed as JAX prints jaxprs, read back, checked and run.

use elimap::{Program, prelude::*};

fn main() -> Result<(), Error> {
    let affine = |x: Tensor, w: Tensor| (w.matmul(x) + 1.0).tanh().sum(0);
    let lane = jit(affine).trace((f64::spec([3]), f64::spec([2, 3])))?;
    println!("for one example:\n{lane}\n");

    let batched = vmap(affine)
        .in_axes((0, None))
        .trace((f64::spec([8, 3]), f64::spec([2, 3])))?;
    println!("for eight:\n{batched}\n");
    assert_eq!(batched.output_types(), [f64::spec([8])]);

    // Text is a faithful form: it parses to a program that prints and computes the same.
    let again = Program::parse(&batched.to_string())?;
    assert_eq!(again.to_string(), batched.to_string());
    again.verify()?;
    let args = [
        Array::full(&[8, 3], 0.5.into()),
        Array::full(&[2, 3], 1.0.into()),
    ];
    let (a, b) = (batched.run(&args)?, again.run(&args)?);
    assert_eq!(a, b);
    println!("result {}", a[0]);

    // A callback stays one equation under vmap, however many levels there are.
    let host = Callback::new("host", [f64::spec([])], |args: &[Array]| args[0].clone())
        .vmap_method(VmapMethod::ExpandDims);
    let program = vmap(vmap(&host)).trace((f64::spec([4, 5]),))?;
    println!("\nnested over a callback:\n{program}");
    assert_eq!(program.equations().len(), 1);
    Ok(())
}
