//! Programs with the operations of derivatives, as text and back.

use elimap::prelude::*;
use elimap::{ProgramParser, checkpoint, custom_jvp, custom_vjp, stop_gradient};

fn round_trip(program: &elimap::Program) -> String {
    program.verify().unwrap();
    let text = program.to_string();
    let read = ProgramParser::new().parse(&text).unwrap();
    read.verify().unwrap();
    assert_eq!(read.to_string(), text);
    text
}

#[test]
fn rules_are_part_of_the_text() {
    let f = custom_jvp(|x: Tensor| x.sin())
        .name("sine")
        .def_jvp(|(x,): (Tensor,), (dx,): (Tensor,)| (x.sin(), dx * x.cos()));
    let program = jit(|x: Tensor| f.call((x,)))
        .trace((f64::spec([2]),))
        .unwrap();
    let text = round_trip(&program);
    assert!(
        text.contains("custom_jvp_call[") && text.contains("name=sine"),
        "{text}"
    );
    // The rule that was read is the rule.
    let read = ProgramParser::new().parse(&text).unwrap();
    let (a, _) = program.jvp(&[true]).unwrap();
    let (b, _) = read.jvp(&[true]).unwrap();
    assert_eq!(a.to_string(), b.to_string());

    let g = custom_vjp(|x: Tensor| x.sin()).def_vjp(
        |(x,): (Tensor,)| (x.sin(), x),
        |x: Tensor, ct: Tensor| (ct * x.cos(),),
    );
    let program = jit(|x: Tensor| g.call((x,)))
        .trace((f64::spec([2]),))
        .unwrap();
    let text = round_trip(&program);
    assert!(text.contains("custom_vjp_call["), "{text}");
    let (forward, _) = program.jvp(&[true]).unwrap();
    assert!(round_trip(&forward).contains("custom_lin["));
}

#[test]
fn checkpoints_and_stopped_gradients_too() {
    let f = checkpoint(|x: Tensor| x.sin().sin()).policy(elimap::CheckpointPolicy::DotsSaveable);
    let program = jit(|x: Tensor| f.call((stop_gradient(x)?,)))
        .trace((f64::spec([2]),))
        .unwrap();
    let text = round_trip(&program);
    assert!(
        text.contains("policy=dots_saveable") && text.contains("stop_gradient"),
        "{text}"
    );
    let program = jit(|x: Tensor| f.call((x,)))
        .trace((f64::spec([2]),))
        .unwrap();
    let (_, linear, _, _) = program.linearize(&[true]).unwrap();
    assert!(round_trip(&linear).contains("differentiated=True"));
}
