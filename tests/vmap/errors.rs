//! The text of every error of the framework: what is wrong, where, and what to do about it.
//!
//! The parser's errors are in `program_parse.rs`, those of the elimination in `phase_errors.rs`.

use crate::support::{counting, vec1};
use elimap::prelude::*;
use elimap::program::{Atom, BinaryOp, Collective, CollectiveOp, Op, ProgramBuilder, UnaryOp};
use elimap::{
    ArrayError, Axes, CallbackError, CustomVmapError, Func, IntoAxes, OpErrorKind, Program,
    TraceError, TreeDef, TreeError, VmapError, custom_vmap, pshuffle, shard_map, xmap,
};

/// A text with the line and column of this file replaced, which move with every edit.
fn normalized(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("errors.rs:") {
        let end = at + "errors.rs:".len();
        out.push_str(&rest[..end]);
        out.push_str("LINE");
        rest = rest[end..].trim_start_matches(|c: char| c.is_ascii_digit() || c == ':');
    }
    out + rest
}

/// The text of an error without the line of the call that met it, which must be in this file.
fn without_place(text: &str, error: &Error) -> String {
    match error {
        Error::Located(_) => text
            .strip_suffix(" (at tests/vmap/errors.rs:LINE)")
            .unwrap()
            .to_owned(),
        _ => text.to_owned(),
    }
}

/// Checks which error it is and what it says.
macro_rules! assert_error {
    ($result:expr, $variant:pat $(if $guard:expr)?, @$text:literal) => {{
        let error: Error = $result.map(|_| ()).unwrap_err().into();
        assert!(matches!(error.root(), $variant $(if $guard)?), "{error:?}");
        insta::assert_snapshot!(without_place(&normalized(&error.to_string()), &error), @$text);
    }};
}

macro_rules! assert_op_error {
    ($result:expr, $kind:pat, @$text:literal) => {
        assert_error!($result, Error::Op(e) if matches!(e.kind, $kind), @$text)
    };
}

macro_rules! assert_vmap_error {
    ($result:expr, $kind:pat, @$text:literal) => {
        assert_error!($result, Error::Vmap($kind), @$text)
    };
}

macro_rules! assert_callback_error {
    ($result:expr, $kind:pat, @$text:literal) => {
        assert_error!($result, Error::Callback($kind), @$text)
    };
}

fn identity(x: Tensor) -> Tensor {
    x
}

#[test]
fn arrays() {
    let ints = Array::from(vec![1, 2, 3]);
    assert_error!(ints.to_vec::<f64>(), Error::Array(ArrayError::DType { .. }), @"the array holds i32, but f64 was asked for; convert it first or read it as i32");
    assert_error!(ints.item::<i32>(), Error::Array(ArrayError::NotScalar { .. }), @"a scalar was asked of an array of shape (3,); index it down to rank 0 first");
    assert_error!(Array::from_vec([2, 2], vec![1.0, 2.0]), Error::Array(ArrayError::ElementCount { .. }), @"shape (2, 2) takes 4 elements, but 2 were given; give one per position, in row-major order");
}

#[test]
fn trees() {
    let pair = |p: (Tensor, Tensor)| p.0 + p.1;
    let x = counting(&[2]);
    assert_error!(
        vmap(pair).in_axes((vec![0, 0],)).call(((&x, &x),)),
        Error::Tree(TreeError::NotPrefix { .. }),
        @"in_axes must be a tree prefix of the value it describes: at in_axes.0 the value is a tuple of 2, but in_axes has a list of 2; give one axis for the whole subtree, or the same container"
    );
    assert_error!(
        vmap(identity).in_axes((0, 0)).call((&x,)),
        Error::Tree(TreeError::InAxesLength { .. }),
        @"in_axes must be one axis, None, or a tuple with one entry per argument, but it has 2 entries for 1 arguments; give as many entries as arguments"
    );
    assert_error!(vmap(pair).call((&x,)), Error::Tree(TreeError::Structure { .. }), @"at args.0: expected a tuple of 2, found a tensor; give the structure that the parameter's type names");
    assert_error!(vmap(pair).call(((&x, (&x, &x)),)), Error::Tree(TreeError::Structure { .. }), @"at args.0.1: expected a tensor, found a tuple of 2; give the structure that the parameter's type names");
    assert_error!(
        Axes::Axis(0).broadcast_args(&TreeDef::Tuple(vec![])).and_then(|_| (0, 0).into_axes().broadcast_args(&TreeDef::Tuple(vec![]))),
        Error::Tree(TreeError::InAxesLength { .. }),
        @"in_axes must be one axis, None, or a tuple with one entry per argument, but it has 2 entries for 0 arguments; give as many entries as arguments"
    );
}

#[test]
fn traces() {
    let stolen = std::cell::RefCell::new(None);
    vmap(|x: Tensor| {
        *stolen.borrow_mut() = Some(x.clone());
        x
    })
    .call((counting(&[2]),))
    .unwrap();
    let stolen = stolen.into_inner().unwrap();
    assert_error!((stolen + 1.0).check(), Error::Trace(TraceError::Leaked { .. }), @"a tensor of type f64[] was used after the traced function it belongs to returned (at tests/vmap/errors.rs:LINE); return it from the function instead of storing it outside");
    let look = |x: Tensor| x.to_array().map(Tensor::from);
    assert_error!(vmap(look).call((counting(&[2]),)), Error::Trace(TraceError::NotConcrete { .. }), @"a traced tensor of type f64[] has no value yet (at tests/vmap/errors.rs:LINE); compute with it, or read values after the function was called");
    assert_error!(vmap(identity).call((f64::spec([2]),)), Error::Trace(TraceError::NoValue { .. }), @"the type f64[2] was given where a value is needed (at tests/vmap/errors.rs:LINE); use .trace(..) for types and .call(..) for values");
}

#[test]
fn vmaps() {
    let three = |a: Tensor, b: Tensor, c: Tensor| a + b + c;
    assert_vmap_error!(
        vmap(three).call((counting(&[2]), counting(&[3]), counting(&[3, 4]))),
        VmapError::InconsistentAxisSize { .. },
        @r#"
vmap got inconsistent sizes for array axes to be mapped:
  * most axes (2 of them) had size 3, e.g. axis 0 of args.1 of type f64[3];
  * one axis had size 2: axis 0 of args.0 of type f64[2]
map axes of equal length, or give None for the arguments all lanes share
"#
    );
    assert_vmap_error!(
        vmap(identity).axis_size(4).call((counting(&[3]),)),
        VmapError::InconsistentAxisSize { .. },
        @r#"
vmap got inconsistent sizes for array axes to be mapped:
  * the `axis_size` argument was 4;
  * one axis had size 3: axis 0 of args.0 of type f64[3]
map axes of equal length, or give None for the arguments all lanes share
"#
    );
    assert_vmap_error!(vmap(identity).in_axes(1).call((counting(&[3]),)), VmapError::InAxisOutOfBounds { .. }, @"vmap was requested to map args.0 along axis 1, which implies that its rank should be at least 2, but is only 1 (its shape is (3,)); give an axis it has, or None to share it between the lanes");
    assert_vmap_error!(vmap(identity).call((1.0,)), VmapError::InAxisOutOfBounds { .. }, @"vmap was requested to map args.0 along axis 0, which implies that its rank should be at least 1, but is only 0 (its shape is ()); give an axis it has, or None to share it between the lanes");
    assert_vmap_error!(vmap(identity).out_axes(-2).call((counting(&[3]),)), VmapError::OutAxisOutOfBounds { .. }, @"out_axes -2 is out of bounds for result, which has 1 dimensions with its batch axis; give an axis from -1 to 0");
    assert_vmap_error!(vmap(identity).in_axes(None).call((counting(&[3]),)), VmapError::NoMappedArgument { .. }, @"vmap must have at least one argument with a mapped axis, or axis_size must be given (there are 1 array arguments, none of them mapped)");
    assert_vmap_error!(vmap(identity).out_axes(None).call((counting(&[3]),)), VmapError::OutAxesNone { .. }, @"at result, got axis spec None but the output is batched on axis 0; give an axis, or return a value that is the same in every lane, such as a psum");
    let dictionary = Axes::Dict([("a".to_owned(), Axes::Axis(0))].into());
    assert_vmap_error!(vmap(identity).in_axes(dictionary).call((counting(&[3]),)), VmapError::InAxesType { .. }, @r#"in_axes must be an axis, None, or a tuple of entries corresponding to the positional arguments, but got {"a": 0}"#);
}

#[test]
fn callbacks() {
    let host =
        |result: Array| Callback::new("host", [f64::spec([])], move |_: &[Array]| result.clone());
    let failing = Callback::new("host", [f64::spec([])], |_: &[Array]| {
        Err::<Array, _>("no such state")
    });
    assert_callback_error!(failing.call((1.0,)), CallbackError::Failed { .. }, @"callback `host` failed: no such state");
    let failing = failing.vmap_method(VmapMethod::Sequential);
    let call = |x: Tensor| failing.call((x,));
    assert_callback_error!(vmap(vmap(call)).call((counting(&[2, 2]),)), CallbackError::Failed { .. }, @"callback `host` failed at lane [0, 0]: no such state");
    let panicking = Callback::new("host", [f64::spec([])], |args: &[Array]| -> Array {
        panic!("{} arguments", args.len())
    });
    assert_callback_error!(panicking.call((1.0,)), CallbackError::Failed { .. }, @"callback `host` failed: the host function panicked: 1 arguments");
    let two = Callback::new("host", [f64::spec([])], |args: &[Array]| {
        vec![args[0].clone(); 2]
    });
    assert_callback_error!(two.call((1.0,)), CallbackError::ResultCount { .. }, @"callback `host` returned 2 results, but 1 are declared; return one array per declared result");
    assert_callback_error!(host(counting(&[2])).call((1.0,)), CallbackError::ResultShape { .. }, @"callback `host`: incorrect output shape for return value #0: expected (), actual (2,); with a vectorizing vmap_method results carry the batch axes in front");
    assert_callback_error!(host(Array::scalar(1)).call((1.0,)), CallbackError::ResultDtype { .. }, @"callback `host`: incorrect output dtype for return value #0: expected float64, actual int32; convert it on the host or declare what it returns");
    let plain = host(Array::scalar(1.0));
    assert_callback_error!(
        vmap(|x: Tensor| plain.call((x,))).call((counting(&[2]),)),
        CallbackError::VmapMethodRequired { .. },
        @"callback `host` has no vmap_method, so it cannot be batched; give it one of sequential, sequential_unrolled, expand_dims, broadcast_all, legacy_vectorized or parallel"
    );
    let ordered = host(Array::scalar(1.0)).io(true);
    assert_callback_error!(
        vmap(|x: Tensor| ordered.call((x,))).call((counting(&[2]),)),
        CallbackError::Ordered { .. },
        @"callback `host` is an ordered io_callback and cannot be batched; make it unordered, or call it outside of vmap"
    );
    insta::assert_snapshot!("fast".parse::<VmapMethod>().unwrap_err(), @r#"unknown vmap method "fast"; use one of sequential, sequential_unrolled, expand_dims, broadcast_all, legacy_vectorized, parallel"#);
}

#[test]
fn operations_and_their_operands() {
    let x = || Tensor::from(counting(&[2, 3]));
    assert_op_error!((x() + counting(&[4])).check(), OpErrorKind::ShapeMismatch { .. }, @"add: incompatible shapes (2, 3), (4,): they do not broadcast: aligned from the last axis, lengths must be equal or 1 (at tests/vmap/errors.rs:LINE)");
    assert_op_error!(x().matmul(counting(&[2])).check(), OpErrorKind::ShapeMismatch { .. }, @"matmul: incompatible shapes (2, 3), (2,): the last axis of the first must match the second-to-last (or only) axis of the second (at tests/vmap/errors.rs:LINE)");
    assert_op_error!(x().reshape([4]).check(), OpErrorKind::ShapeMismatch { .. }, @"reshape: incompatible shapes (2, 3), (4,): a reshape keeps the number of elements, but (2, 3) has 6 and (4,) has 4 (at tests/vmap/errors.rs:LINE)");
    assert_op_error!(x().reshape([-1, -1]).check(), OpErrorKind::ShapeMismatch { .. }, @"reshape: incompatible shapes (2, 3): cannot reshape into [-1, -1]; lengths are not negative, save for one -1 (at tests/vmap/errors.rs:LINE)");
    assert_op_error!(zeros([2, 0], DType::F64).index(1, 2).check(), OpErrorKind::ShapeMismatch { .. }, @"index: incompatible shapes (2, 0): index 2 is out of bounds for axis 1, which is empty; index an axis that has elements (at tests/vmap/errors.rs:LINE)");
    assert_op_error!(x().squeeze(0).check(), OpErrorKind::ShapeMismatch { .. }, @"squeeze: incompatible shapes (2, 3): only axes of length 1 can be squeezed, but axis 0 has length 2 (at tests/vmap/errors.rs:LINE)");
    assert_op_error!(x().dynamic_slice(&[0.into(), 0.into()], [3, 1]).check(), OpErrorKind::ShapeMismatch { .. }, @"dynamic_slice: incompatible shapes (2, 3): slice_sizes (3, 1) must lie inside the operand, axis by axis (at tests/vmap/errors.rs:LINE)");
    assert_op_error!((-Tensor::from(true)).check(), OpErrorKind::DTypeMismatch { .. }, @"neg: unsuitable element types bool: integers or floats are taken; convert bool to an integer type first, or use `not` or `xor` (at tests/vmap/errors.rs:LINE)");
    assert_op_error!((!x()).check(), OpErrorKind::DTypeMismatch { .. }, @"not: unsuitable element types float64: bool or integers are taken; convert the operand first (at tests/vmap/errors.rs:LINE)");
    assert_op_error!(x().take(vec1(&[0.0]), 0, TakeMode::Fill).check(), OpErrorKind::DTypeMismatch { .. }, @"take: unsuitable element types float64: indices must be integers; convert with astype (at tests/vmap/errors.rs:LINE)");
    assert_op_error!(x().sum(2).check(), OpErrorKind::AxisOutOfBounds { .. }, @"reduce_sum: axis 2 is out of bounds for an operand of rank 2; axes run from -2 to 1 (at tests/vmap/errors.rs:LINE)");
    assert_op_error!(x().sum([0, -2]).check(), OpErrorKind::InvalidParameter { .. }, @"reduce_sum: axis -2 is named twice in [0, -2]; name each once (at tests/vmap/errors.rs:LINE)");
    assert_op_error!(x().top_k(4), OpErrorKind::ShapeMismatch { .. }, @"top_k: incompatible shapes (2, 3): k must be at most the last axis' length, 3, got 4 (at tests/vmap/errors.rs:LINE)");
    assert_op_error!(concatenate::<Tensor>([], 0), OpErrorKind::InvalidParameter { .. }, @"concatenate: at least one tensor is needed (at tests/vmap/errors.rs:LINE)");
    assert_op_error!(Tensor::from(counting(&[0, 3])).max(0).check(), OpErrorKind::EmptyReduction { .. }, @"reduce_max: zero-size array of shape (0, 3) has no extreme along axes [0]; reduce a non-empty axis (at tests/vmap/errors.rs:LINE)");
    let program = jit(identity).trace((f64::spec([2]),)).unwrap();
    assert_op_error!(program.run(&[]), OpErrorKind::OperandCount { .. }, @"program: takes 1 operands, got 0; give exactly as many as it takes");
    assert_op_error!(program.run(&[counting(&[3])]), OpErrorKind::ShapeMismatch { .. }, @"program: incompatible shapes (2,), (3,): an input takes f64[2], it was given f64[3]");
}

#[test]
fn control_flow_and_collectives() {
    let options = ScanOptions::default().length(1);
    let widen = |c: Tensor, (): ()| (c.expand_dims(0), ());
    assert_op_error!(scan::<Tensor, (), (), _>(widen, 1.0, (), options), OpErrorKind::CarryMismatch { .. }, @"scan: the body must return the carry it takes: at carry it takes f64[] but returns f64[1]; convert or reshape inside the body or start from the other type (at tests/vmap/errors.rs:LINE)");
    assert_op_error!(
        cond(true, |x: Tensor| x.sum(0), identity, (counting(&[2]),)),
        OpErrorKind::BranchMismatch { .. },
        @"cond: branches must return equal types: at result 0 branch 0 returns f64[2] but branch 1 returns f64[]; convert or reshape inside the branches (at tests/vmap/errors.rs:LINE)"
    );
    assert_op_error!(
        cond(counting(&[2]), identity, identity, (1.0,)),
        OpErrorKind::InvalidParameter { .. },
        @"cond: the predicate must be a scalar, got f64[2]; use where_ for elementwise choice (at tests/vmap/errors.rs:LINE)"
    );
    let none: &[&dyn Func<(Tensor,), Out = Tensor>] = &[];
    assert_op_error!(switch(0, none, (1.0,)), OpErrorKind::InvalidParameter { .. }, @"switch: at least one branch is needed (at tests/vmap/errors.rs:LINE)");
    let io = Callback::new("io", [f64::spec([])], |args: &[Array]| args[0].clone()).io(false);
    let choose = |x: Tensor| cond(x.greater(0.0), |x: Tensor| io.call((x,)), identity, (&x,));
    assert_op_error!(vmap(choose).call((counting(&[2]),)), OpErrorKind::UnsupportedEffect { .. }, @"cond: an io_callback inside a cond cannot be batched; call it outside, or use a pure callback (at tests/vmap/errors.rs:LINE)");
    let until = |x: Tensor| {
        while_loop::<Tensor, _, _>(|x: Tensor| x.less(1.0), |x: Tensor| io.call((x,)), x)
    };
    assert_op_error!(vmap(until).call((counting(&[2]),)), OpErrorKind::UnsupportedEffect { .. }, @"while: an io_callback in a loop cannot be batched where it is ordered or lanes stop at different times; call it outside, use debug_callback, or run the lanes with map (at tests/vmap/errors.rs:LINE)");
    let token = elimap::CancelToken::new();
    token.cancel();
    let cancelled = elimap::RunOptions::new()
        .cancel(&token)
        .run(|| io.call((1.0,)));
    assert_error!(cancelled, Error::Cancelled, @"the run was cancelled; lanes already done are discarded, call again to start over");
    assert_op_error!(psum(1.0, "i"), OpErrorKind::UnboundAxisName { .. }, @r#"psum: unbound axis name "i"; bind it with vmap(..).axis_name("i") around this function (bound here: []) (at tests/vmap/errors.rs:LINE)"#);
    let shuffle = |x: Tensor| pshuffle(x, "i", &[1, 1]);
    assert_op_error!(vmap(shuffle).axis_name("i").call((counting(&[2]),)), OpErrorKind::InvalidParameter { .. }, @"pshuffle: [1, 1] is not a permutation of the 2 lanes; name every lane from 0 to 1 once (at tests/vmap/errors.rs:LINE)");
    let ungathered = |x: Tensor| elimap::psum_scatter(x, "i", 0, false);
    assert_op_error!(vmap(ungathered).axis_name("i").call((counting(&[2, 3]),)), OpErrorKind::ShapeMismatch { .. }, @"psum_scatter: incompatible shapes (3,): axis 0 must have length 2, one per lane (at tests/vmap/errors.rs:LINE)");
    // A program with a collective left over, run without the vmap that binds its axis.
    let mut builder = ProgramBuilder::new();
    let x = builder.input(f64::spec([]));
    let op = Op::from(Collective {
        kind: CollectiveOp::Psum,
        axes: [("i".into(), 2)].into_iter().collect(),
    });
    let sum = builder.push(
        op,
        [Atom::Var(x)].into_iter().collect(),
        [f64::spec([])],
        None,
    );
    let program = builder.finish(vec![Atom::Var(sum[0])]);
    assert_op_error!(program.run(&[Array::scalar(1.0)]), OpErrorKind::UnboundAxisName { .. }, @r#"psum: unbound axis name "i"; bind it with vmap(..).axis_name("i") around this function (bound here: [])"#);
}

#[test]
fn refused_transforms_and_errors_of_the_functions_own() {
    assert_error!(pmap(identity), Error::Pmap(_), @"pmap is not supported: it compiles a function and distributes it over devices, and a host callback cannot be compiled and distributed (there is 1 device, the host); use vmap(f) with a callback of VmapMethod::ExpandDims, which hands the host the whole batch to spread over threads, or VmapMethod::Parallel, which calls it lane by lane on all threads");
    insta::assert_snapshot!(shard_map(identity).unwrap_err().requested, @"shard_map");
    insta::assert_snapshot!(xmap(identity).unwrap_err().requested, @"xmap");
    let f = |_: Tensor| Err::<Tensor, _>(Error::function("the table is empty"));
    assert_error!(vmap(f).call((counting(&[2]),)), Error::Function(_), @"the traced function failed: the table is empty");
}

/// All violations of a program at once.
#[test]
fn programs_that_break_their_invariants() {
    let mut builder = ProgramBuilder::new();
    let x = builder.input(f64::spec([2]));
    let add = builder.push(
        Op::from(BinaryOp::Add),
        [Atom::Var(x), Atom::Var(x)].into_iter().collect(),
        [f64::spec([3])],
        None,
    );
    let wrong_type = [Atom::Var(add[0])].into_iter().collect();
    builder.push(Op::from(UnaryOp::Not), wrong_type, [f64::spec([3])], None);
    let program = builder.finish(vec![Atom::Var(x)]);
    assert_error!(program.verify(), Error::Verify(_), @r#"
the program breaks 2 invariants; it was not made by this library or one of its transforms is wrong
  equation 0: add gives f64[2] but f64[3] is declared
  equation 1: not: unsuitable element types float64: bool or integers are taken; convert the operand first
"#);
    assert_error!(program.run(&[counting(&[2])]), Error::Verify(_), @r#"
the program breaks 2 invariants; it was not made by this library or one of its transforms is wrong
  equation 0: add gives f64[2] but f64[3] is declared
  equation 1: not: unsuitable element types float64: bool or integers are taken; convert the operand first
"#);
    assert_error!(Program::parse("{ lambda ; a:f64[]. let b:f64[] = sine a in (b,) }"), Error::Parse(_), @"line 1, column 35: unknown operation `sine`; use the JAX name of one of `elimap::program::Op`'s variants");
}

#[test]
fn chunks_and_custom_rules() {
    let summed = |x: Tensor| psum(&x, "i");
    assert_vmap_error!(
        vmap(summed).axis_name("i").chunk_size(2).call((counting(&[5]),)),
        VmapError::ChunkedCollective { .. },
        @r#"`psum` over axis "i" needs all lanes at once, but chunk_size(2) runs 2 of 5 at a time; drop chunk_size, or the collective"#
    );
    macro_rules! assert_rule_error {
        ($rule:expr, $kind:pat, @$text:literal) => {{
            let f = custom_vmap(|x: Tensor| x * 2.0).name("twice").def_vmap($rule);
            let mapped = vmap(|x: Tensor| f.call((x,)));
            assert_error!(mapped.call((counting(&[3]),)), Error::CustomVmap($kind), @$text)
        }};
    }
    assert_rule_error!(|_, _, (x,): (Tensor,)| (x.sum(..), true), CustomVmapError::Shape { batched: true, .. }, @"the vmap rule of `twice` returned result #0 of shape (), expected (3,): a batched result leads with one entry per lane");
    assert_rule_error!(|_, _, (x,): (Tensor,)| (x, false), CustomVmapError::Shape { batched: false, .. }, @"the vmap rule of `twice` returned result #0 of shape (3,), expected (): an unbatched result has the function's own shape");
    assert_rule_error!(|_, _, (x,): (Tensor,)| (x.astype(DType::F32), true), CustomVmapError::Dtype { .. }, @"the vmap rule of `twice` returned result #0 of type float32, but the function returns float64; convert it with astype");
    assert_rule_error!(|_, _, (x,): (Tensor,)| (x, [true, true]), CustomVmapError::FlagCount { .. }, @"the vmap rule of `twice` says of 2 results whether they are batched, but there are 1; return one bool for all results or one for each");
    let pair = custom_vmap(|x: Tensor| vec![x.clone(), x])
        .def_vmap(|_, _, (x,): (Tensor,)| (vec![x], true));
    assert_error!(
        vmap(|x: Tensor| pair.call((x,))).call((counting(&[3]),)).map(|_| ()),
        Error::CustomVmap(CustomVmapError::Structure { .. }),
        @"the vmap rule of `fun` returned [*], but the function returns [*, *]; return the same structure from both"
    );
    let capturing = |x: Tensor, y: Tensor| {
        custom_vmap(move |z: Tensor| z + &x)
            .def_vmap(|_, _, (z,): (Tensor,)| (z, true))
            .call((y,))
    };
    assert_error!(
        vmap(capturing).call((counting(&[3]), counting(&[3]))),
        Error::CustomVmap(CustomVmapError::BatchedCapture { .. }),
        @"`fun` closes over a tensor of type f64[] that is batched, which its vmap rule cannot see; pass it as an argument"
    );
}
