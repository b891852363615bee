//! Derivatives of choices in windows, where several elements are equal or none is there.

use elimap::lax::{Windows, reduce_window, select_and_gather_add, select_and_scatter_add};
use elimap::prelude::*;
use elimap::{DType, GatherDims, IndexMode, grad};

use crate::{list, row};

fn three() -> Windows {
    Windows::new([3]).padding([(1, 1)])
}

/// Elements, whether the greatest is chosen, what is gathered, what is scattered.
type Case<'a> = (&'a [f64], bool, [f64; 8], [f64; 8]);

/// The answers are JAX's, in every type of floats.
#[test]
fn the_first_of_equal_elements_is_chosen() {
    let nan = f64::NAN;
    let low = f64::NEG_INFINITY;
    let cases: [Case<'_>; 5] = [
        (
            &[1.0, 1.0, 1.0, 0.0, 2.0, 2.0, 2.0, 2.0],
            true,
            [1.0, 1.0, 2.0, 5.0, 5.0, 5.0, 6.0, 7.0],
            [3.0, 3.0, 0.0, 0.0, 15.0, 7.0, 8.0, 0.0],
        ),
        (
            &[1.0, 1.0, 1.0, 0.0, 2.0, 2.0, 2.0, 2.0],
            false,
            [1.0, 1.0, 4.0, 4.0, 4.0, 5.0, 6.0, 7.0],
            [3.0, 0.0, 0.0, 12.0, 6.0, 7.0, 8.0, 0.0],
        ),
        // What comes after NaN is chosen, the padding too.
        (
            &[1.0, nan, 3.0, 2.0, 2.0, nan, nan, 1.0],
            true,
            [2.0, 3.0, 3.0, 3.0, 6.0, 7.0, 8.0, 8.0],
            [0.0, 1.0, 9.0, 0.0, 0.0, 5.0, 6.0, 15.0],
        ),
        // The padding is as small as these are, and comes first.
        (
            &[low, low, 1.0, 1.0, low, low, low, low],
            true,
            [0.0, 3.0, 3.0, 3.0, 4.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 9.0, 5.0, 6.0, 7.0, 8.0, 0.0],
        ),
        (
            &[-3.0, -1.0, -2.0, -1.0, -5.0, -4.0, -4.0, -6.0],
            true,
            [2.0, 2.0, 2.0, 4.0, 4.0, 6.0, 6.0, 7.0],
            [0.0, 6.0, 0.0, 9.0, 0.0, 13.0, 8.0, 0.0],
        ),
    ];
    for dtype in [DType::F64, DType::F32, DType::F16, DType::BF16] {
        for (x, greatest, gathered, scattered) in &cases {
            let x = Tensor::from(x.to_vec()).astype(dtype);
            let t = (arange(8) + 1).astype(dtype);
            let wide = |y: Tensor| list(&y.astype(DType::F64));
            let y = select_and_gather_add(&t, &x, *greatest, &three()).unwrap();
            assert_eq!(wide(y), gathered, "{dtype:?} {x}");
            let y = select_and_scatter_add(&t, &x, *greatest, &three()).unwrap();
            assert_eq!(wide(y), scattered, "{dtype:?} {x}");
        }
    }
}

#[test]
fn a_maximum_over_windows_has_its_derivative_at_the_first() {
    let largest = |x: Tensor| -> Result<Tensor, Error> {
        let max = |a: Tensor, b: Tensor| ok(a.maximum(b));
        Ok(reduce_window(x, f64::NEG_INFINITY, max, &Windows::new([3]))?.sum(..))
    };
    let x = row(&[1.0, 2.0, 2.0, 2.0, 1.0]);
    assert_eq!(
        list(&grad(largest).call((x.clone(),)).unwrap()),
        [0.0, 2.0, 1.0, 0.0, 0.0]
    );
    let smallest = |x: Tensor| -> Result<Tensor, Error> {
        let min = |a: Tensor, b: Tensor| ok(a.minimum(b));
        Ok(reduce_window(x, f64::INFINITY, min, &Windows::new([3]))?.sum(..))
    };
    assert_eq!(
        list(&grad(smallest).call((x.clone(),)).unwrap()),
        [1.0, 1.0, 0.0, 0.0, 1.0]
    );
    // A start that could be the result makes it a function like any other, of two that are equal.
    let above = |x: Tensor| -> Result<Tensor, Error> {
        let max = |a: Tensor, b: Tensor| ok(a.maximum(b));
        Ok(reduce_window(x, 2.0, max, &Windows::new([1]))?.sum(..))
    };
    assert_eq!(
        list(&grad(above).call((x,)).unwrap()),
        [0.0, 0.5, 0.5, 0.5, 0.0]
    );
}

#[test]
fn what_breaks_a_promise_to_be_in_bounds_has_no_gradient() {
    let read = |x: Tensor| {
        let dims = GatherDims {
            collapsed_slice_dims: [0].into_iter().collect(),
            start_index_map: [0].into_iter().collect(),
            ..GatherDims::default()
        };
        let places = ndarray::array![[1], [7]];
        x.gather(places, dims, [1], IndexMode::PromiseInBounds)
    };
    let x = row(&[1.0, 2.0, 3.0]);
    assert_eq!(list(&read(Tensor::from(x.clone()))), [2.0, 3.0]);
    let slope = grad(|x: Tensor| read(x).sum(..)).call((x,)).unwrap();
    assert_eq!(list(&slope), [0.0, 1.0, 0.0]);
}
