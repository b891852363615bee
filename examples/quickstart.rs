//! One host function, written for one example, mapped over batches.

use elimap::prelude::*;

fn main() -> Result<(), Error> {
    // A host function: the roots of x^2 + b x + c, the larger one. It works on any leading batch axes.
    let root = Callback::new("root", [f64::spec([])], |args: &[Array]| {
        let (b, c) = (args[0].view::<f64>()?, args[1].view::<f64>()?);
        let half = &b * -0.5;
        Ok::<_, elimap::ArrayError>(Array::from(&half + (&half * &half - c).mapv(f64::sqrt)))
    })
    .vmap_method(VmapMethod::ExpandDims);

    // An ordinary function over tensors, for one b and one c.
    let model = |b: Tensor, c: Tensor| Ok::<_, Error>(root.call((&b, c))? + b);

    // Mapped over b alone; nothing runs until the call, and then the host is called once.
    let f = vmap(&model).in_axes((0, None));
    let out = f.call((ndarray::array![-3.0, -4.0, -5.0], 2.0))?;
    println!("{}", out.to_array()?);
    for (b, shifted) in [-3.0, -4.0, -5.0]
        .into_iter()
        .zip(out.to_array()?.to_vec::<f64>()?)
    {
        let root = shifted - b;
        assert!((root * root + b * root + 2.0).abs() < 1e-12);
    }

    // It composes: every b with every c is two vmaps, and still one call.
    let table = vmap(vmap(&model).in_axes((None, 0))).in_axes((0, None));
    let program = table.trace((f64::spec([3]), f64::spec([2])))?;
    println!("{program}");
    let out = table.call((ndarray::array![-3.0, -4.0, -5.0], ndarray::array![2.0, 1.0]))?;
    assert_eq!(out.shape(), [3, 2]);
    Ok(())
}
