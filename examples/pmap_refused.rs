//! pmap is refused with a typed error that says why and what to use, and what it names does the job.

use elimap::prelude::*;

fn main() -> Result<(), Error> {
    let host = Callback::new("negate", [f64::spec([])], |args: &[Array]| {
        (-Tensor::from(&args[0])).to_array()
    });
    let Err(error) = pmap(&host);
    println!("{error}");
    assert_eq!(error.requested, "pmap");

    // What to use instead: the whole batch in one call, or lane by lane on all threads.
    for method in [VmapMethod::ExpandDims, VmapMethod::Parallel] {
        let out = vmap(host.clone().vmap_method(method)).call((ndarray::array![1.0, 2.0, 3.0],))?;
        println!("{}: {}", method.name(), out.to_array()?);
        assert_eq!(out.to_array()?.to_vec::<f64>()?, [-1.0, -2.0, -3.0]);
    }
    Ok(())
}
