//! One property per batching rule: mapping an operation equals applying it lane by lane (section 5 of JAX's rules).
//!
//! The same table of operations holds derivatives to what they must agree with: see [`derivatives`].

#![allow(clippy::unwrap_used, clippy::erasing_op)]

mod derivatives;
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
        mod derivative {
            use super::*;
            proptest::proptest! {
                #![proptest_config(proptest::test_runner::Config {
                    cases: 30, failure_persistence: None, max_shrink_iters: 500, ..Default::default()
                })]
                $(#[test]
                fn $name(nest in crate::lanes::nest()) {
                    let build: fn(&mut Draw) -> Rule = $build;
                    crate::derivatives::check(&nest, build);
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

use lanes::Draw;

use elimap::program::{Atom, Op, ProgramBuilder, Reduce, ReduceOp};
use elimap::{Array, BatchDim, Element, Program};

/// The names of the operations a program uses, those of its sub-programs included.
fn names(program: &Program, out: &mut BTreeSet<&'static str>) {
    for equation in program.equations() {
        out.insert(equation.op.name());
        for sub in equation.op.sub_programs() {
            names(sub, out);
        }
    }
}

/// Operations that no property here is about, and where they are tested.
const ELSEWHERE: &[&str] = &[
    // No method of a tensor makes it; see `reduce_xor_in_a_program_built_by_hand`.
    "reduce_xor",
    // They are gone where their axis is mapped, which it is in every property of `collectives`.
    "all_gather",
    "all_to_all",
    "axis_index",
    "pmax",
    "pmin",
    "ppermute",
    "psum",
    "reduce_scatter",
    // It has no results; see `tests/vmap/debug.rs`.
    "debug_callback",
    // They have no forward mode; see `tests/autodiff/rules.rs`.
    "custom_lin",
    "custom_vjp_call",
];

/// An operation added to the crate without a property test fails here.
#[test]
fn every_operation_has_a_property() {
    let wanted: BTreeSet<&str> = Op::names()
        .filter(|name| !ELSEWHERE.contains(name))
        .collect();
    let mut found = BTreeSet::new();
    for (nest, build) in samples() {
        names(&build(&mut nest.draw()).program(), &mut found);
    }
    let missing: Vec<_> = wanted.difference(&found).collect();
    assert!(missing.is_empty(), "no property test uses {missing:?}");
}

type Build = fn(&mut Draw) -> lanes::Rule;

fn rules() -> impl Iterator<Item = Build> {
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
    tables.into_iter().flatten().map(|&(_, build)| build)
}

fn nest(choices: Vec<u8>, seed: u64) -> lanes::Nest {
    lanes::Nest {
        sizes: vec![2],
        choices,
        seed,
        jit: false,
    }
}

/// Every rule with zeros and other constants for choices, so that those with a choice of operations show each.
fn samples() -> impl Iterator<Item = (lanes::Nest, Build)> {
    rules().flat_map(|build| (0..8).map(move |choice| (nest(vec![choice; 64], 1), build)))
}

/// Operations whose results have no tangents, beside those that refuse to be differentiated.
const WITHOUT_TANGENTS: &[&str] = &[
    "bitcast_convert_type",
    "not",
    "population_count",
    "clz",
    "is_finite",
    "and",
    "or",
    "xor",
    "shift_left",
    "shift_right_arithmetic",
    "shift_right_logical",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "reduce_and",
    "reduce_or",
    "argmax",
    "argmin",
    "axis_index",
];

#[test]
fn every_derivative_is_compared_with_differences() {
    let (mut all, mut compared) = (BTreeSet::new(), BTreeSet::new());
    for (nest, build) in samples() {
        names(&build(&mut nest.draw()).program(), &mut all);
        derivatives::compared(&nest, build, &mut compared);
    }
    all.retain(|name| !WITHOUT_TANGENTS.contains(name) && !derivatives::REFUSED.contains(name));
    // Some of these have integers for operands, or numbers outside an operation's domain; others will do.
    for round in 0..100_u64 {
        if all.is_subset(&compared) {
            break;
        }
        let mut state = round + 1;
        let mut choice = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        };
        let choices: Vec<u8> = (0..64).map(|_| choice()).collect();
        for build in rules() {
            let (nest, mut own) = (nest(choices.clone(), round), BTreeSet::new());
            names(&build(&mut nest.draw()).program(), &mut own);
            if own
                .iter()
                .any(|name| all.contains(name) && !compared.contains(name))
            {
                derivatives::compared(&nest, build, &mut compared);
            }
        }
    }
    let missing: Vec<_> = all.difference(&compared).collect();
    assert!(missing.is_empty(), "no slope is compared for {missing:?}");
}

/// The comparison with differences can fail: this rule is off by a millionth.
#[test]
#[should_panic(expected = "the slope of")]
fn a_wrong_derivative_is_noticed() {
    derivatives::check(&nest(vec![1; 64], 7), |_| {
        let args = vec![lanes::between(elimap::DType::F64, &[2], 0.5, 1.0)];
        lanes::Rule::new(args, |x| {
            let sine = elimap::custom_jvp(|x: elimap::Tensor| x.sin()).def_jvp(
                |(x,): (elimap::Tensor,), (dx,): (elimap::Tensor,)| {
                    (x.sin(), dx * x.cos() * 1.000_001)
                },
            );
            sine.call((&x[0],)).unwrap()
        })
    });
}

#[test]
fn reduce_xor_in_a_program_built_by_hand() {
    let mut builder = ProgramBuilder::new();
    let x = builder.input(i64::spec([3]));
    let op = Op::from(Reduce {
        kind: ReduceOp::Xor,
        axes: [0].into_iter().collect(),
    });
    let inputs = [Atom::Var(x)].into_iter().collect();
    let out = builder.push(op, inputs, [i64::spec([])], None);
    let lane = builder.finish(vec![Atom::Var(out[0])]);
    for axis in [0, 1] {
        let (batched, dims) = lane.vmap(2, &[BatchDim::At(axis)]).unwrap();
        assert_eq!(dims, [BatchDim::At(0)]);
        let rows = [[1_i64, 2, 7], [5, 5, 9]];
        let given = match axis {
            0 => Array::from_vec([2, 3], rows.concat()),
            _ => Array::from_vec([3, 2], (0..6).map(|k| rows[k % 2][k / 2]).collect()),
        };
        let found = batched.run(&[given.unwrap()]).unwrap();
        assert_eq!(found[0].to_vec::<i64>().unwrap(), [1 ^ 2 ^ 7, 9]);
    }
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
