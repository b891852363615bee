//! What is allocated does not grow with the steps of a compiled program or of its loops: their buffers are used again.

#![allow(clippy::unwrap_used)]
// A global allocator cannot be written without.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use elimap::prelude::*;

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

fn add(layout: Layout) {
    // A thread that ends has no counters any more.
    let _ = COUNT.try_with(|count| count.set(count.get() + 1));
    let _ = BYTES.try_with(|bytes| {
        bytes.set(bytes.get().wrapping_add(layout.size()));
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(bytes.get())));
    });
}

// SAFETY: every call goes on to the system's allocator with the same arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout);
        // SAFETY: the caller's promises are the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout);
        // SAFETY: the caller's promises are the same.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        let _ = BYTES.try_with(|bytes| bytes.set(bytes.get().wrapping_sub(layout.size())));
        // SAFETY: the caller's promises are the same.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many allocations a call takes once it was made a few times, and how many bytes it holds beyond what was held before, at most.
fn cost(f: impl Fn()) -> (usize, usize) {
    (0..3).for_each(|_| f());
    let count = COUNT.get();
    let held = first_cost(&f);
    (COUNT.get() - count, held)
}

/// How many bytes a call holds beyond what was held before, at most.
fn first_cost(f: impl Fn()) -> usize {
    let bytes = BYTES.get();
    PEAK.set(bytes);
    f();
    PEAK.get() - bytes
}

fn ramp(count: usize) -> Tensor {
    Tensor::from(Array::from(
        (0..count)
            .map(|i| i as f64 / count as f64)
            .collect::<Vec<_>>(),
    ))
}

#[test]
fn longer_programs_allocate_no_more() {
    let program = |groups: usize| {
        let x = ramp(900);
        let f = jit(move |x: Tensor| {
            let mut y = x.reshape([30, 30]);
            for _ in 0..groups {
                // A transpose cuts groups.
                y = (y.exp() * 0.5 + 1.0).t() - 0.25;
            }
            y
        });
        cost(|| drop(f.call((&x,)).unwrap())).0
    };
    assert_eq!(program(2), program(40));
}

#[test]
fn longer_loops_allocate_no_more() {
    let program = |steps: usize| {
        let x = ramp(1000);
        let f = jit(move |x: Tensor| {
            let step = |y: Tensor| Ok::<_, Error>((y * 0.75).tanh() + 0.125);
            fori_loop(0, steps as i64, move |_: Tensor, y: Tensor| step(y), x)
        });
        cost(|| drop(f.call((&x,)).unwrap())).0
    };
    assert_eq!(program(3), program(300));
}

#[test]
fn longer_scans_allocate_no_more() {
    let program = |steps: usize| {
        let (x, xs) = (ramp(10), ramp(steps));
        let f = jit(|x: Tensor, xs: Tensor| {
            let step = |y: Tensor, x: Tensor| {
                let y = (y * 0.75).tanh() + x;
                (y.clone(), y.sum(0))
            };
            let (y, _): (Tensor, Tensor) = scan(step, x, xs, ScanOptions::default())?;
            Ok::<_, Error>(y)
        });
        cost(|| drop(f.call((&x, &xs)).unwrap())).0
    };
    assert_eq!(program(3), program(300));
}

#[test]
fn a_chain_holds_its_result_and_little_more() {
    let count = 100_000;
    let x = ramp(count);
    let f = jit(|x: Tensor| ((x.exp() * 2.0 + 1.0).sqrt() - &x).tanh() * (x.sin() + x.cos()));
    let (_, held) = cost(|| drop(f.call((&x,)).unwrap()));
    assert!(held < 8 * count + 64 * 1024, "{held} bytes");
}

#[test]
fn a_product_with_bias_and_activation_is_never_held_as_a_whole() {
    let (rows, inner, columns) = (20_000, 4, 16);
    let w = ramp(inner * columns).reshape([inner as isize, columns as isize]);
    let x = ramp(rows * inner).reshape([rows as isize, inner as isize]);
    // The first calls, which find no buffers of earlier ones: the result and a strip, and not the 2.5 MB of the product.
    let most = 8 * rows + 256 * 1024;
    let f = jit(|w: Tensor, x: Tensor| (x.matmul(w) * 0.05 + 1.0).tanh().sum(-1));
    let held = first_cost(|| drop(f.call((&w, &x)).unwrap()));
    assert!(held < most, "{held} bytes");
    // A mapped layer is the same, though its product is transposed.
    let layer = jit(vmap(move |x: Tensor| (x.matmul(&w) * 0.05).tanh().sum(..)));
    let held = first_cost(|| drop(layer.call((&x,)).unwrap()));
    assert!(held < most, "{held} bytes");
}
