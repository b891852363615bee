//! Sizes beyond memory, and numbers at the ends of their types, are typed errors.

use elimap::prelude::*;
use elimap::{ArrayError, OpError, OpErrorKind, Shape, eye, linspace};

/// Elements of which no machine holds as many.
const MANY: usize = 1_000_000_000_000;

fn kind(result: Result<Tensor, Error>) -> OpErrorKind {
    match result.unwrap_err().root() {
        Error::Op(OpError { kind, .. }) => kind.clone(),
        error => panic!("{error}"),
    }
}

fn refused_for_memory(result: Result<Tensor, Error>) {
    let kind = kind(result);
    assert!(matches!(kind, OpErrorKind::OutOfMemory { .. }), "{kind:?}");
    assert!(
        kind.to_string().contains("does not fit into memory"),
        "{kind}"
    );
}

#[test]
fn results_beyond_memory_are_errors() {
    refused_for_memory(zeros([MANY], DType::F64).check());
    refused_for_memory(full([MANY], 1_i32).check());
    refused_for_memory(iota(DType::I32, [2, MANY], 0).check());
    refused_for_memory(iota(DType::U8, [MANY], 0).check());
    refused_for_memory(eye(1 << 20, 1 << 20, 0, DType::F64).check());
    refused_for_memory(linspace(0.0, 1.0, MANY).check());
    let one = Tensor::from(Array::from(vec![1.0]));
    refused_for_memory(one.broadcast_to([MANY]).check());
    refused_for_memory(one.pad(0.0, [(0, MANY as i64, 0)]).check());
    let column = arange(1 << 20).astype(DType::F64).expand_dims(1);
    refused_for_memory((column.clone() * arange(1 << 20).astype(DType::F64)).check());
    refused_for_memory(column.matmul(column.t()).check());
    let shared = vmap(|x: Tensor| x + 1.0).in_axes((None,)).axis_size(MANY);
    refused_for_memory(shared.call((1.0,)));
    refused_for_memory(jit(|x: Tensor| x.broadcast_to([MANY])).call((1.0,)));
    // A compiled reduction does not keep what it reads, but would not come to an end.
    refused_for_memory(jit(|x: Tensor| (x.broadcast_to([MANY]) * 2.0).sum(0)).call((1.0,)));
    refused_for_memory(jit(|x: Tensor| x.broadcast_to([MANY, 3]).exp().sum(1).sum(0)).call((1.0,)));
}

#[test]
fn arrays_beyond_memory_are_errors() {
    for shape in [&[MANY][..], &[1 << 32, 1 << 32], &[1 << 40, 1 << 40, 0]] {
        let error = Array::try_zeros(DType::F64, shape).unwrap_err();
        assert!(matches!(&error, ArrayError::TooLarge { shape: found, .. } if found[..] == *shape));
        assert!(error.to_string().contains("does not fit"), "{error}");
        assert!(Array::try_full(shape, 1_u8.into()).is_err());
    }
    let zeros = Array::try_zeros(DType::I32, &[2]).unwrap();
    assert_eq!(zeros, Array::from(vec![0_i32, 0]));
    assert_eq!(
        Array::try_zeros(DType::I32, &[0, 3]).unwrap().shape(),
        [0, 3]
    );
}

#[test]
fn results_beyond_addresses_are_errors() {
    let refused = |result: Tensor| {
        let kind = kind(result.check());
        assert!(
            matches!(kind, OpErrorKind::InvalidParameter { .. }),
            "{kind:?}"
        );
    };
    let one = Tensor::from(Array::from(vec![1.0]));
    refused(one.reshape([1 << 32, 1 << 32]));
    refused(zeros([1 << 32, 1 << 32], DType::F64));
    let long = Tensor::from(Array::from_vec([1 << 40, 0], Vec::<f64>::new()).unwrap());
    // 2^80 products of nothing.
    refused(long.matmul(long.t()));
    refused_for_memory(long.sum(1).check());
}

#[test]
fn a_long_scan_stacks_nothing_that_does_not_fit() {
    let count = |length: usize| -> Result<Tensor, Error> {
        let options = ScanOptions::default().length(length);
        let ((), ys): ((), Tensor) =
            scan(|(): (), (): ()| ((), Tensor::from(1.0)), (), (), options)?;
        Ok(ys)
    };
    assert!(matches!(
        kind(count(1 << 60)),
        OpErrorKind::InvalidParameter { .. }
    ));
    refused_for_memory(count(MANY));
    assert_eq!(count(3).unwrap().shape(), [3]);
}

#[test]
fn elements_roll_by_any_shift() {
    let x = Tensor::from(Array::from(vec![0, 1, 2]));
    for (shift, expected) in [
        (isize::MIN, [2, 0, 1]),
        (isize::MAX, [2, 0, 1]),
        (-1, [1, 2, 0]),
        (3, [0, 1, 2]),
    ] {
        let rolled = x.roll(shift, 0).to_array().unwrap();
        assert_eq!(rolled.to_vec::<i32>().unwrap(), expected, "{shift}");
    }
}

#[test]
fn sizes_saturate() {
    let ty = f64::spec([1 << 40, 1 << 40]);
    assert_eq!(ty.size(), usize::MAX);
    assert_eq!(f64::spec([usize::MAX, usize::MAX, 0]).size(), 0);
    let error = Array::from_vec([1 << 40, 1 << 40], vec![1.0]).unwrap_err();
    assert!(error.to_string().contains("but 1 were given"), "{error}");
    assert_eq!(Shape::from_slice(&[2])[..], [2]);
}

/// A panic's payload that panics again when it is dropped.
struct Spiteful;

impl Drop for Spiteful {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

#[test]
fn a_payload_that_panics_when_dropped_is_an_error_like_any_other() {
    let host = Callback::new("spiteful", [f64::spec([])], |_: &[Array]| -> Array {
        std::panic::panic_any(Spiteful)
    });
    let error = host.call((1.0,)).unwrap_err();
    let text = error.to_string();
    let start =
        "callback `spiteful` failed: the host function panicked: (no message) (at tests/vmap/";
    assert!(text.starts_with(start), "{text}");
}
