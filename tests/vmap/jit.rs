//! `jit`: traced once per structure and types, without what results do not need, and otherwise as the function itself.

use std::cell::Cell;

use crate::support::{adder, counting, f64s, named_calls, vec1};
use elimap::prelude::*;
use elimap::{OpErrorKind, TraceError};

#[test]
fn traced_once_per_structure_and_types_of_the_arguments() {
    let traced = Cell::new(0);
    let f = jit(|x: TreeValue| {
        traced.set(traced.get() + 1);
        x
    });
    let call = |x: TreeValue| f.call((x,)).unwrap();
    let leaf = |a: Array| TreeValue::from(a);
    for _ in 0..3 {
        call(leaf(counting(&[2])));
    }
    assert_eq!(traced.get(), 1, "same type");
    call(leaf(vec1(&[5.0, 6.0])));
    assert_eq!(traced.get(), 1, "other values");
    call(leaf(counting(&[3])));
    assert_eq!(traced.get(), 2, "other shape");
    call(leaf(Array::from(vec![1.0_f32, 2.0])));
    assert_eq!(traced.get(), 3, "other element type");
    call(TreeValue::Tuple(vec![leaf(counting(&[2]))]));
    assert_eq!(traced.get(), 4, "other structure");
    call(TreeValue::from(2.0));
    call(leaf(Array::scalar(2.0)));
    assert_eq!(traced.get(), 6, "weak and strong types differ");
    call(leaf(counting(&[2])));
    assert_eq!(traced.get(), 6, "all of them are kept");
}

#[test]
fn vmap_of_jit_and_jit_of_vmap_agree_with_the_function() {
    let f = |x: Tensor, y: Tensor| (x.sin() * &y + x.sum(0), y.exp());
    let (x, y) = (counting(&[2, 3]), vec1(&[1.0, -1.0]));
    let plain = vmap(f).call((&x, &y)).unwrap();
    for (a, b) in [
        vmap(jit(f)).call((&x, &y)).unwrap(),
        jit(vmap(f)).call((&x, &y)).unwrap(),
        jit(vmap(jit(jit(f)))).call((&x, &y)).unwrap(),
    ] {
        assert_eq!(f64s(&a), f64s(&plain.0));
        assert_eq!(f64s(&b), f64s(&plain.1));
    }
}

#[test]
fn a_jitted_function_inside_a_trace_may_use_its_tensors() {
    let f = |x: Tensor| {
        let y = &x * 2.0;
        jit(|z: Tensor| &y + z).call((&x,))
    };
    assert_eq!(
        f64s(&vmap(f).call((vec1(&[1.0, 2.0]),)).unwrap()),
        [3.0, 6.0]
    );
    assert_eq!(f64s(&f(Tensor::from(5.0)).unwrap()), [15.0]);
}

#[test]
fn results_keep_their_weakness_and_structure() {
    let f = jit(|x: Tensor| (Tensor::from(2), vec![x], None::<Tensor>));
    let (weak, list, none) = f.call((counting(&[2]),)).unwrap();
    assert!(weak.ty().weak && none.is_none());
    assert_eq!(list[0].shape(), [2]);
    assert_eq!((weak + ones([], DType::I32)).dtype(), DType::I32);
}

#[test]
fn c18_dead_code_is_dropped_from_the_program() {
    let log = CallLog::new();
    let callback = adder("f", &[], &log);
    let f = jit(|x: Tensor| {
        let _ = x.sin();
        let _ = callback.call((&x,));
        x * 2.0
    });
    let program = f.trace((f64::spec([]),)).unwrap();
    assert_eq!(
        program.to_string(),
        "{ lambda ; a:f64[]. let b:f64[] = mul a 2.0:f64[] in (b,) }"
    );
    assert_eq!(f64s(&f.call((4.0,)).unwrap()), [8.0]);
    assert!(log.is_empty());
}

#[test]
fn c18_only_the_dead_part_of_a_nested_call_is_dropped() {
    let log = CallLog::new();
    let (a, b) = (adder("A", &[], &log), adder("B", &[], &log));
    let f = jit(|x: Tensor| -> Result<Tensor, Error> {
        let (used, _) = jit(|x: Tensor| -> Result<(Tensor, Tensor), Error> {
            let kept = a.call((&x,))?;
            let _unused = b.call((&x,))?;
            Ok((kept, x))
        })
        .call((x,))?;
        Ok(used)
    });
    f.call((4.0,)).unwrap();
    assert_eq!(named_calls(&log), "A4");
}

#[test]
fn calls_happen_at_every_run_though_the_function_is_traced_once() {
    let (log, traced) = (CallLog::new(), Cell::new(0));
    let callback = adder("f", &[], &log).vmap_method(VmapMethod::Sequential);
    let f = jit(vmap(|x: Tensor| {
        traced.set(traced.get() + 1);
        callback.call((x,))
    }));
    f.call((vec1(&[1.0, 2.0]),)).unwrap();
    f.call((vec1(&[3.0, 4.0]),)).unwrap();
    assert_eq!(named_calls(&log), "f1 f2 f3 f4");
    assert_eq!(traced.get(), 1);
}

#[test]
fn errors_of_the_function_are_those_of_a_plain_call_and_nothing_is_kept() {
    let traced = Cell::new(0);
    let f = jit(|x: Tensor| {
        traced.set(traced.get() + 1);
        x + counting(&[4])
    });
    for _ in 0..2 {
        let error = f.call((counting(&[3]),)).unwrap_err();
        assert!(
            matches!(error.root(), Error::Op(e) if matches!(e.kind, OpErrorKind::ShapeMismatch { .. })),
            "{error:?}"
        );
    }
    assert_eq!(traced.get(), 2, "a failed trace is not cached");
    assert_eq!(
        f64s(&f.call((counting(&[4]),)).unwrap()),
        [0.0, 2.0, 4.0, 6.0]
    );
}

#[test]
fn values_are_not_there_yet_inside() {
    let f = jit(|x: Tensor| x.to_array().map(Tensor::from));
    let error = f.call((1.0,)).unwrap_err();
    assert!(
        matches!(error.root(), Error::Trace(TraceError::NotConcrete { .. })),
        "{error:?}"
    );
}

#[test]
fn a_function_may_call_itself_on_other_types_while_it_is_traced() {
    fn halve(x: Tensor) -> Result<Tensor, Error> {
        if x.shape()[0] == 1 {
            return Ok(x.sum(0));
        }
        let n = x.shape()[0] / 2;
        let low = x.slice(Slicing::new([0], [n]));
        let high = x.slice(Slicing::new([n], [2 * n]));
        jit(halve).call((low + high,))
    }
    assert_eq!(f64s(&jit(halve).call((counting(&[8]),)).unwrap()), [28.0]);
}
