//! Nested vmaps: every pair of two lists, any axes, one host call; closures may use tensors of the outer level.

use elimap::prelude::*;

fn main() -> Result<(), Error> {
    let log = CallLog::new();
    // The distance of two points on the host; it works on any leading batch axes that broadcast.
    let distance = Callback::new("distance", [f64::spec([])], |args: &[Array]| {
        let (p, q) = (Tensor::from(&args[0]), Tensor::from(&args[1]));
        (p - q).square().sum(-1).sqrt().to_array()
    })
    .vmap_method(VmapMethod::ExpandDims)
    .log(&log);

    // All pairs: the outer level maps the first list, the inner one the second.
    let pairs = vmap(vmap(&distance).in_axes((None, 0))).in_axes((0, None));
    let p = ndarray::array![[0.0, 0.0], [3.0, 0.0]];
    let q = ndarray::array![[0.0, 4.0], [3.0, 4.0], [6.0, 4.0]];
    let table = pairs.call((p.clone(), q.clone()))?.to_array()?;
    println!("distances\n{table}");
    assert_eq!(
        table.to_vec::<f64>()?,
        [4.0, 5.0, 52_f64.sqrt(), 5.0, 4.0, 5.0]
    );

    // The host was called once, with a length-1 axis where a level does not map an argument.
    let calls = log.records();
    let shapes: Vec<&[usize]> = calls[0].args.iter().map(Array::shape).collect();
    println!("host calls: {}, argument shapes {shapes:?}", calls.len());
    assert_eq!(calls.len(), 1);
    assert_eq!(shapes, [&[2, 1, 2][..], &[1, 3, 2][..]]);

    // The same as a closure: the inner function uses p of the outer level.
    let nearest = vmap(|p: Tensor, qs: Tensor| {
        let to_all = vmap(|q: Tensor| distance.call((&p, q)));
        Ok::<_, Error>(to_all.call((qs,))?.argmin(0))
    })
    .in_axes((0, None));
    let nearest = nearest.call((p, q))?.to_array()?;
    println!("nearest {nearest}");
    assert_eq!(nearest.to_vec::<i64>()?, [0, 1]);
    Ok(())
}
