//! One property per batching rule: mapping an operation equals applying it lane by lane (section 5 of JAX's rules).

#![allow(clippy::unwrap_used, clippy::erasing_op)]

mod lanes;

/// Property tests from functions that build a rule, and a table of them.
macro_rules! rules {
    ($($(#[$meta:meta])* $name:ident => $build:expr;)*) => {
        pub(crate) const RULES: &[(&str, fn(&mut Draw) -> Rule)] = &[$((stringify!($name), $build)),*];
        mod property {
            use super::*;
            proptest::proptest! {
                #![proptest_config(proptest::test_runner::Config {
                    cases: 200, failure_persistence: None, max_shrink_iters: 2000, ..Default::default()
                })]
                $($(#[$meta])* #[test]
                fn $name(nest in crate::lanes::nest()) {
                    let build: fn(&mut Draw) -> Rule = $build;
                    crate::lanes::check(&nest, build);
                })*
            }
        }
    };
}

mod callbacks;
mod collectives;
mod control;
mod elementwise;
mod indexing;
mod linalg;
mod reductions;
mod shapes;

use std::collections::BTreeSet;

use elimap::{ArgReduceOp, BinaryOp, CumulativeOp, Program, ReduceOp, ScatterOp, UnaryOp};

/// The names of the operations a program uses, those of its sub-programs included.
fn names(program: &Program, out: &mut BTreeSet<&'static str>) {
    for equation in program.equations() {
        out.insert(equation.op.name());
        for sub in equation.op.sub_programs() {
            names(sub, out);
        }
    }
}

/// An operation added to the list without a property test fails here.
#[test]
fn every_operation_has_a_property() {
    let mut wanted: BTreeSet<&str> = UnaryOp::ALL.iter().map(|op| op.name()).collect();
    wanted.extend(BinaryOp::ALL.iter().map(|op| op.name()));
    wanted.extend(ReduceOp::ALL.iter().map(|op| op.name()));
    wanted.extend(ArgReduceOp::ALL.iter().map(|op| op.name()));
    wanted.extend(CumulativeOp::ALL.iter().map(|op| op.name()));
    wanted.extend(ScatterOp::ALL.iter().map(|op| op.name()));
    wanted.extend([
        "integer_pow",
        "convert_element_type",
        "select_n",
        "clamp",
        "broadcast_in_dim",
        "reshape",
        "transpose",
        "squeeze",
        "concatenate",
        "pad",
        "rev",
        "slice",
        "dot_general",
        "iota",
        "dynamic_slice",
        "dynamic_update_slice",
        "gather",
        "sort",
        "top_k",
        "cholesky",
        "triangular_solve",
        "solve",
        "pure_callback",
        "io_callback",
        "jit",
        "cond",
        "while",
        "scan",
    ]);
    // No method of a tensor makes it; its rule is `reduce_and`'s, which is tested.
    wanted.remove("reduce_xor");
    let tables = [
        callbacks::RULES,
        control::RULES,
        collectives::RULES,
        elementwise::RULES,
        indexing::RULES,
        linalg::RULES,
        reductions::RULES,
        shapes::RULES,
    ];
    let mut found = BTreeSet::new();
    for (_, build) in tables.into_iter().flatten() {
        for seed in 0..8 {
            // Zeros and other constants, so that rules with a choice of operations show each.
            let nest = lanes::Nest {
                sizes: vec![2],
                choices: vec![seed; 64],
                seed: 1,
                jit: false,
            };
            names(&build(&mut nest.draw()).program(), &mut found);
        }
    }
    let missing: Vec<_> = wanted.difference(&found).collect();
    assert!(missing.is_empty(), "no property test uses {missing:?}");
}

/// The comparison is only worth something if it can fail: this function treats mapped and unmapped calls differently.
#[test]
#[should_panic(expected = "vmap gives")]
fn a_function_that_differs_under_vmap_is_noticed() {
    let nest = lanes::Nest {
        sizes: vec![3],
        choices: vec![1; 64],
        seed: 7,
        jit: false,
    };
    lanes::check(&nest, |_| {
        let args = vec![lanes::between(elimap::DType::F64, &[2], 0.0, 1.0)];
        lanes::Rule::new(args, |x| match x[0].to_array() {
            Ok(_) => x[0].clone(),
            Err(_) => &x[0] + 1e-9,
        })
    });
}
