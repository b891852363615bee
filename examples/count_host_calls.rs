//! How often, and with what, each vmap method calls the host.

use elimap::prelude::*;

fn main() -> Result<(), Error> {
    println!("{:<22} calls  arguments of the first call", "method");
    for method in VmapMethod::ALL {
        let log = CallLog::new();
        let add = Callback::new("add", [f64::spec([])], |args: &[Array]| {
            (Tensor::from(&args[0]) + &args[1]).to_array()
        })
        .vmap_method(method)
        .log(&log);
        let f = vmap(&add).in_axes((0, None));
        let out = f.call((ndarray::array![0.0, 1.0, 2.0], 10.0))?;
        assert_eq!(out.to_array()?.to_vec::<f64>()?, [10.0, 11.0, 12.0]);

        let calls = log.records();
        let types: Vec<String> = calls[0].args.iter().map(|a| a.ty().to_string()).collect();
        println!(
            "{:<22} {:<6} {}",
            method.name(),
            calls.len(),
            types.join(" ")
        );
        let per_lane = matches!(
            method,
            VmapMethod::Sequential | VmapMethod::SequentialUnrolled | VmapMethod::Parallel
        );
        assert_eq!(calls.len(), if per_lane { 3 } else { 1 });

        // Nothing batched: one call, whatever the method. An empty batch: none.
        log.clear();
        vmap(|x: Tensor| Ok::<_, Error>(x + add.call((1.0, 2.0))?))
            .call((ndarray::arr1(&[0.0; 5]),))?;
        assert_eq!(log.len(), 1);
        log.clear();
        f.call((ndarray::arr1::<f64>(&[]), 10.0))?;
        assert_eq!(log.len(), 0);
    }
    Ok(())
}
