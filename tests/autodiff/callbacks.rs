//! Host functions with derivatives: how often the host is called, and with what.

use elimap::prelude::*;
use elimap::{
    AutodiffError, CallLog, Error, Residuals, checkpoint, custom_jvp, grad, hessian, jacfwd,
    jacrev, jvp, linearize, vjp,
};

use crate::{close, list, number, row};

type Map = fn(&[f64]) -> f64;

/// A host function of numbers that works on whatever leads them, element by element.
fn host(name: &str, log: &CallLog, f: Map) -> Callback {
    Callback::new(
        name,
        [f64::spec([])],
        move |args: &[Array]| -> Result<Array, elimap::BoxError> {
            let rank = args.iter().map(Array::rank).max().unwrap_or(0);
            let mut shape = vec![1; rank];
            for arg in args {
                for (to, &n) in shape.iter_mut().rev().zip(arg.shape().iter().rev()) {
                    *to = (*to).max(n);
                }
            }
            let lists = args
                .iter()
                .map(|a| {
                    Tensor::from(a)
                        .broadcast_to(shape.clone())
                        .to_array()?
                        .to_vec::<f64>()
                        .map_err(Error::from)
                })
                .collect::<Result<Vec<_>, Error>>()?;
            let count = shape.iter().product();
            let out = (0..count).map(|i| f(&lists.iter().map(|l| l[i]).collect::<Vec<_>>()));
            Ok(Array::from_vec(shape.clone(), out.collect())?)
        },
    )
    .vmap_method(VmapMethod::ExpandDims)
    .log(log)
}

fn sine(log: &CallLog) -> Callback {
    host("sin", log, |a| a[0].sin()).vjp(host("sin_vjp", log, |a| a[0].cos() * a[1]))
}

#[test]
fn a_thousand_gradients_are_two_host_calls() {
    let log = CallLog::new();
    let sin = sine(&log);
    let f = |x: Tensor| Ok::<_, Error>(sin.call((x.clone(),))?.square() * x);
    let xs: Vec<f64> = (0..1000).map(|i| f64::from(i) * 0.01).collect();
    let expected: Vec<f64> = xs
        .iter()
        .map(|x| 2.0 * x.sin() * x.cos() * x + x.sin() * x.sin())
        .collect();
    let found = vmap(grad(f)).call((row(&xs),)).unwrap();
    close(&list(&found), &expected);
    let names: Vec<String> = log.records().into_iter().map(|r| r.name).collect();
    assert_eq!(names, ["sin", "sin_vjp"]);
    for record in log.records() {
        assert!(record.args.iter().all(|a| a.shape() == [1000]));
    }

    let log = CallLog::new();
    let sin = sine(&log);
    let f = |x: Tensor| Ok::<_, Error>(sin.call((x.clone(),))?.square() * x);
    let grid = Tensor::from(row(&xs)).reshape([25, 40]);
    let found = vmap(vmap(grad(f))).call((grid,)).unwrap();
    close(&list(&found), &expected);
    assert_eq!(log.len(), 2);
    let compiled = CallLog::new();
    let sin = sine(&compiled);
    let f = |x: Tensor| sin.call((x,));
    jit(vmap(grad(f))).call((row(&xs),)).unwrap();
    // Compiled, the forward call falls away: its value is not needed.
    let names: Vec<String> = compiled.records().into_iter().map(|r| r.name).collect();
    assert_eq!(names, ["sin_vjp"]);
}

#[test]
fn residuals_may_be_results_or_what_a_forward_function_finds() {
    let log = CallLog::new();
    let exp = host("exp", &log, |a| a[0].exp())
        .vjp_of(Residuals::Results, host("exp_vjp", &log, |a| a[0] * a[1]));
    let found = vmap(grad(|x: Tensor| exp.call((x,))))
        .call((row(&[0.0, 1.0]),))
        .unwrap();
    close(&list(&found), &[1.0, 1_f64.exp()]);
    assert_eq!(log.len(), 2);

    let log = CallLog::new();
    let forward = Callback::new(
        "square_forward",
        [f64::spec([]), f64::spec([])],
        |a: &[Array]| {
            let x = Tensor::from(&a[0]);
            let results = [(&x * &x).to_array(), (x * 2.0).to_array()];
            results.into_iter().collect::<Result<Vec<_>, Error>>()
        },
    )
    .log(&log);
    let square = host("square", &log, |a| a[0] * a[0]).vjp_of(
        Residuals::Forward(forward),
        host("square_vjp", &log, |a| a[0] * a[1]),
    );
    let f = |x: Tensor| square.call((x,));
    assert_eq!(number(&grad(f).call((3.0,)).unwrap()), 6.0);
    let names: Vec<String> = log.records().into_iter().map(|r| r.name).collect();
    assert_eq!(names, ["square_forward", "square_vjp"]);
    assert_eq!(number(&f(3.0.into()).unwrap()), 9.0);
    assert_eq!(log.records().pop().unwrap().name, "square");
}

#[test]
fn forward_rules_serve_forward_mode_only() {
    let log = CallLog::new();
    let sin = host("sin", &log, |a| a[0].sin()).jvp(host("sin_jvp", &log, |a| a[0].cos() * a[1]));
    let f = |x: Tensor| sin.call((x,));
    let (y, dy) = jvp(f, (0.5,), (2.0,)).unwrap();
    close(
        &[number(&y), number(&dy)],
        &[0.5_f64.sin(), 2.0 * 0.5_f64.cos()],
    );
    assert_eq!(log.len(), 2);
    let each = |x: Tensor| vmap(f).call((x,));
    let jacobian = jacfwd(each).call((row(&[0.1, 0.2]),)).unwrap();
    close(&list(&jacobian), &[0.1_f64.cos(), 0.0, 0.0, 0.2_f64.cos()]);
    let error = grad(f).call((0.5,)).unwrap_err();
    assert!(error.to_string().contains("Callback::vjp"), "{error}");
    assert!(matches!(
        error.root(),
        Error::Autodiff(AutodiffError::CallbackRuleRequired {
            mode: "reverse",
            ..
        })
    ));
}

#[test]
fn a_callback_without_a_rule_is_refused_by_name() {
    let plain = Callback::new("plain", [f64::spec([])], |a: &[Array]| a[0].clone());
    let f = |x: Tensor| plain.call((x,));
    let text = grad(f).call((1.0,)).unwrap_err().to_string();
    assert!(
        text.contains("\"plain\"") && text.contains("stop_gradient"),
        "{text}"
    );
    // Not reached by what is differentiated, it is an ordinary function.
    let f = |x: Tensor, y: Tensor| Ok::<_, Error>(plain.call((y,))? * x);
    assert_eq!(number(&grad(f).call((2.0, 5.0)).unwrap()), 5.0);
    // A second derivative needs a rule of the rule.
    let log = CallLog::new();
    let sin = sine(&log);
    let error = hessian(|x: Tensor| sin.call((x,)))
        .call((0.5,))
        .unwrap_err();
    assert!(error.to_string().contains("sin_vjp"), "{error}");
}

#[test]
fn rules_see_what_only_they_are_batched_over() {
    let log = CallLog::new();
    let sin = sine(&log);
    let f = |x: Tensor| {
        let y = sin.call((x,))?;
        stack(&[&y * 2.0, &y * 3.0], 0)
    };
    let jacobian = jacrev(f).call((0.5,)).unwrap();
    close(
        &list(&jacobian),
        &[2.0 * 0.5_f64.cos(), 3.0 * 0.5_f64.cos()],
    );
    let records = log.records();
    assert_eq!(records.len(), 2);
    let shapes: Vec<Vec<usize>> = records[1].args.iter().map(|a| a.shape().to_vec()).collect();
    assert_eq!(shapes, [vec![1], vec![2]]);
}

#[test]
fn a_rule_with_a_method_of_its_own_keeps_it() {
    let log = CallLog::new();
    let rule = host("sin_vjp", &log, |a| a[0].cos() * a[1]).vmap_method(VmapMethod::Sequential);
    let sin = host("sin", &log, |a| a[0].sin()).vjp(rule);
    vmap(grad(|x: Tensor| sin.call((x,))))
        .call((row(&[0.1, 0.2, 0.3]),))
        .unwrap();
    let names: Vec<String> = log.records().into_iter().map(|r| r.name).collect();
    assert_eq!(names, ["sin", "sin_vjp", "sin_vjp", "sin_vjp"]);
}

/// A host function of whose derivative a factor is another host function, which has such a derivative too, `depth` times.
fn by_factors(name: &'static str, depth: usize, log: &CallLog, x: Tensor) -> Result<Tensor, Error> {
    let (f, next): (Map, &'static str) = match name {
        "sin" => (|a| a[0].sin(), "cos"),
        "cos" => (|a| a[0].cos(), "neg_sin"),
        "neg_sin" => (|a| -a[0].sin(), "neg_cos"),
        _ => (|a| -a[0].cos(), "sin"),
    };
    let plain = host(name, log, f);
    if depth == 0 {
        return plain.call((x,));
    }
    custom_jvp(|x: Tensor| plain.call((x,)))
        .name(name)
        .def_jvp(|(x,): (Tensor,), (dx,): (Tensor,)| {
            let slope = by_factors(next, depth - 1, log, x.clone())?;
            Ok::<_, Error>((by_factors(name, depth - 1, log, x)?, slope * dx))
        })
        .call((x,))
}

/// The calls that JAX makes are written down beside each derivative.
#[test]
fn second_derivatives_through_factors_call_the_host_as_often_as_jax() {
    let xs: Vec<f64> = (0..1000).map(|i| f64::from(i) * 0.01).collect();
    let second: Vec<f64> = xs.iter().map(|x| -x.sin()).collect();
    let log = CallLog::new();
    let f = |x: Tensor| by_factors("sin", 3, &log, x);
    let slope = |x: Tensor| jvp(grad(f), (x,), (1.0,)).map(|(_, slope)| slope);
    let eager = ["cos", "cos", "neg_sin", "sin"];
    let calls = |found: Tensor| {
        close(&list(&found), &second);
        let records = log.records();
        assert!(records.iter().all(|r| r.args[0].shape() == [1000]));
        log.clear();
        let mut names: Vec<String> = records.into_iter().map(|r| r.name).collect();
        names.sort();
        names
    };
    assert_eq!(calls(vmap(grad(grad(f))).call((row(&xs),)).unwrap()), eager);
    assert_eq!(calls(vmap(hessian(f)).call((row(&xs),)).unwrap()), eager);
    assert_eq!(
        calls(vmap(jacfwd(jacfwd(f))).call((row(&xs),)).unwrap()),
        eager
    );
    assert_eq!(
        calls(vmap(jacrev(jacrev(f))).call((row(&xs),)).unwrap()),
        eager
    );
    assert_eq!(calls(vmap(slope).call((row(&xs),)).unwrap()), eager);
    let compiled = jit(vmap(grad(grad(f)))).call((row(&xs),)).unwrap();
    assert_eq!(calls(compiled), ["neg_sin"]);
    let compiled = jit(vmap(hessian(f))).call((row(&xs),)).unwrap();
    assert_eq!(calls(compiled), ["neg_sin"]);
}

/// How often the host is called that a checkpoint calls in vain; the numbers are JAX's.
#[test]
fn checkpoints_that_nothing_is_needed_of_call_the_host_as_often_as_jax() {
    let log = CallLog::new();
    let plain = host("identity", &log, |a| a[0]);
    let idle = custom_jvp(|x: Tensor| plain.call((x,)))
        .def_jvp(|(x,): (Tensor,), (dx,): (Tensor,)| Ok::<_, Error>((plain.call((x,))?, dx)));
    let sine = |x: Tensor| -> Result<Tensor, Error> {
        let _: Tensor = idle.call((&x,))?;
        Ok(x.sin())
    };
    let kept = checkpoint(sine);
    let two = |y: Tensor, z: Tensor| -> Result<Tensor, Error> { Ok(y * kept.call((z,))?) };
    let unused = |y: Tensor| -> Result<Tensor, Error> {
        kept.call((&y,))?;
        Ok(y.square())
    };
    let calls = |what: &str, jax: usize| {
        assert_eq!(log.len(), jax, "{what}");
        log.clear();
    };
    kept.call((1.0,)).unwrap();
    calls("plain", 1);
    jit(sine).call((1.0,)).unwrap();
    calls("jit", 0);
    vmap(&kept).call((row(&[1.0, 2.0]),)).unwrap();
    calls("vmap", 1);
    jvp(&kept, (1.0,), (1.0,)).unwrap();
    calls("jvp", 1);
    grad(&kept).call((1.0,)).unwrap();
    calls("grad", 0);
    linearize(&kept, (1.0,)).unwrap();
    calls("linearize", 0);
    grad(two).call((1.0, 1.0)).unwrap();
    calls("grad by another argument", 1);
    vmap(grad(two))
        .in_axes((0, None))
        .call((row(&[1.0, 2.0]), 1.0))
        .unwrap();
    calls("vmap of grad by another argument", 1);
    vmap(grad(two))
        .call((row(&[1.0, 2.0]), row(&[1.0, 2.0])))
        .unwrap();
    calls("vmap of grad by another argument, both mapped", 1);
    jacfwd(two).call((1.0, 1.0)).unwrap();
    calls("jacfwd by another argument", 1);
    jacrev(two).call((1.0, 1.0)).unwrap();
    calls("jacrev by another argument", 1);
    hessian(two).call((1.0, 1.0)).unwrap();
    calls("hessian by another argument", 1);
    vjp(two, (1.0, 1.0)).unwrap();
    calls("vjp by both", 0);
    linearize(|y: Tensor| two(y, Tensor::from(1.0)), (1.0,)).unwrap();
    calls("linearize by another argument", 1);
    grad(unused).call((1.0,)).unwrap();
    calls("grad of what does not use it", 0);
    jvp(unused, (1.0,), (1.0,)).unwrap();
    calls("jvp of what does not use it", 1);
    jacfwd(unused).call((1.0,)).unwrap();
    calls("jacfwd of what does not use it", 1);
    jacrev(unused).call((1.0,)).unwrap();
    calls("jacrev of what does not use it", 0);
    hessian(unused).call((1.0,)).unwrap();
    calls("hessian of what does not use it", 0);
    grad(checkpoint(two)).call((1.0, 1.0)).unwrap();
    calls("a checkpoint in a checkpoint", 0);
    let halted = |y: Tensor| -> Result<Tensor, Error> {
        Ok(&y * kept.call((elimap::stop_gradient(y.clone())?,))?)
    };
    grad(halted).call((1.0,)).unwrap();
    calls("of a stopped argument", 1);
}
