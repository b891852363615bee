//! Program text against jaxprs that JAX 0.10.2 printed (`reference/jaxprs.py`).

use elimap::prelude::*;
use elimap::{Program, ProgramParser};

/// A callback that is never run.
fn host(results: impl IntoIterator<Item = TensorType>) -> Callback {
    Callback::new("host", results, |_: &[Array]| Vec::<Array>::new())
}

#[test]
fn reads_and_prints_what_jax_prints() {
    let text = include_str!("../reference/jaxprs.txt");
    let mut count = 0;
    for case in text.split("## ").skip(1) {
        let (title, text) = case.split_once('\n').unwrap();
        let text = text.strip_suffix('\n').unwrap();
        let results = match title {
            "callback with two results" => vec![f32::spec([3]), bool::spec([2, 3])],
            "callback without results" => vec![],
            "callback" | "io callback" | "ordered io callback" | "unused callback" => {
                vec![f32::spec([3])]
            }
            _ => vec![f32::spec([])],
        };
        let mut parser = ProgramParser::new().callback(host(results));
        if title == "constants" {
            parser = parser.constant(Array::from(vec![0.0, 1.0, 2.0]));
            parser = parser.constant(Array::from_vec([2, 1], vec![1_i64, 2]).unwrap());
        }
        let program = parser
            .parse(text)
            .unwrap_or_else(|e| panic!("{title}: {e}\n{text}"));
        assert_eq!(program.to_string(), text, "{title}");
        count += 1;
    }
    assert_eq!(count, text.matches("## ").count());
    assert!(count > 80);
}

#[test]
fn traces_of_vmap_print_as_in_jax() {
    let reference = include_str!("../reference/jaxprs.txt");
    let check = |title: &str, program: Program| {
        let case = reference
            .split("## ")
            .find_map(|c| c.strip_prefix(title)?.strip_prefix('\n'));
        assert_eq!(
            program.to_string(),
            case.unwrap().trim_end_matches('\n'),
            "{title}"
        );
    };
    for method in VmapMethod::ALL
        .into_iter()
        .filter(|&m| m != VmapMethod::Parallel)
    {
        let callback = host([f32::spec([])]).vmap_method(method);
        let f = vmap(move |x: Tensor, y: Tensor| callback.call((x, y))).in_axes((0, None));
        let program = f.trace((f32::spec([3]), f32::spec([]))).unwrap();
        check(&format!("batched callback, {method}"), program);
    }
    let callback = host([f32::spec([])]).vmap_method(VmapMethod::Sequential);
    let f = vmap(vmap(move |x: Tensor| callback.call((x,)))).in_axes(1);
    check(
        "nested batched callback",
        f.trace((f32::spec([2, 3]),)).unwrap(),
    );
    let callback = host([f32::spec([])]).vmap_method(VmapMethod::ExpandDims);
    let f = vmap(move |x: Tensor, y: Tensor| callback.call((x, y))).in_axes((None, 0));
    let outer = vmap(f).in_axes((0, None));
    check(
        "outer product by callback",
        outer.trace((f32::spec([2]), f32::spec([3]))).unwrap(),
    );
    let f = vmap(|x: Tensor, y: Tensor| x + y).in_axes((0, None));
    check(
        "batched add",
        f.trace((f32::spec([2, 3]), f32::spec([3]))).unwrap(),
    );
    let step = |c: Tensor, y: Tensor| (&c + &y, c * y);
    let f = vmap(move |x: Tensor| scan(step, Tensor::from(0_f32), x, ScanOptions::default()));
    check("batched scan", f.trace((f32::spec([2, 3]),)).unwrap());
}
