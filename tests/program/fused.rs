//! A compiled program has the bits of its operations one by one, on any number of threads, whatever is fused.

use elimap::prelude::*;
use elimap::{DType, Element, Slicing, where_};
use proptest::prelude::*;

/// Decisions read from a tape, so that proptest can shrink them.
struct Tape<'t>(std::slice::Iter<'t, u8>);

impl Tape<'_> {
    fn below(&mut self, n: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % n
    }
}

/// Rows and columns.
type Sizes = (usize, usize);

/// Numbers that repeat in no simple pattern, edges among them.
fn numbers(count: usize, seed: usize) -> Vec<f64> {
    let edges = [
        0.0,
        -0.0,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        1e300,
        -1e-310,
    ];
    let number = |i: usize| {
        let x = ((i * 7919 + seed * 104_729) % 100_003) as f64 / 25_000.0 - 2.0;
        if i % 211 == seed % 211 {
            edges[i % 7]
        } else {
            x
        }
    };
    (0..count).map(number).collect()
}

fn array(shape: &[usize], seed: usize) -> Array {
    let count = shape.iter().product();
    Array::from_vec(shape.iter().copied(), numbers(count, seed)).unwrap()
}

/// Numbers between -1 and 1 without edges.
fn plain(shape: &[usize], seed: usize) -> Tensor {
    let count: usize = shape.iter().product();
    let number = |i: usize| ((i * 7919 + seed) % 1000) as f64 / 500.0 - 1.0;
    let elements = (0..count).map(number).collect();
    Tensor::from(Array::from_vec(shape.iter().copied(), elements).unwrap())
}

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap()
}

/// Arguments whose shapes all broadcast against rows and columns, or do when transposed or cut.
fn arguments((rows, columns): Sizes) -> Vec<Array> {
    let shapes: [&[usize]; 7] = [
        &[rows, columns],
        &[rows, columns],
        &[columns],
        &[rows, 1],
        &[],
        &[columns, rows],
        &[rows + 1, 2 * columns + 1],
    ];
    let arrays = shapes.iter().enumerate();
    arrays.map(|(seed, shape)| array(shape, seed)).collect()
}

/// A program: every step makes a value of earlier ones.
fn program(tape: &[u8], args: Vec<Tensor>, (rows, columns): Sizes) -> Vec<Tensor> {
    let mut tape = Tape(tape.iter());
    let mut values = args;
    let turned = values[5].t();
    let cut = Slicing::new([1, 0], [rows + 1, 2 * columns]).strides([1, 2]);
    let cut = values[6].slice(cut);
    values.truncate(5);
    values.extend([turned, cut]);
    while tape.0.len() > 0 {
        let pick = |tape: &mut Tape<'_>, values: &[Tensor]| {
            // Mostly what was made last, so that chains form.
            let any = tape.below(3) == 0;
            let back = tape.below(if any { values.len() } else { 3 });
            values[values.len() - 1 - back].clone()
        };
        let (x, y) = (pick(&mut tape, &values), pick(&mut tape, &values));
        let number = |x: &Tensor| {
            if x.dtype() == DType::Bool {
                x.astype(DType::I32)
            } else {
                x.clone()
            }
        };
        let (a, b) = (number(&x), number(&y));
        let float = |x: &Tensor| {
            if x.dtype().is_float() {
                x.clone()
            } else {
                x.astype(DType::F64)
            }
        };
        let made = match tape.below(32) {
            0 => a + b,
            1 => a - b,
            2 => a * b,
            3 => float(&a) / float(&b),
            4 => a * 1.5 + b,
            5 => a - b * 0.25,
            6 => a.maximum(b),
            7 => a.minimum(b),
            8 => float(&a).exp(),
            9 => float(&a).tanh(),
            10 => float(&a).sin(),
            11 => float(&a).abs().sqrt(),
            12 => a.square(),
            13 => a.integer_pow(3),
            14 => -a,
            15 => x.less(y),
            16 => x.greater_equal(y),
            17 => where_(x.equal(&y), a, b),
            18 => where_(a.less(0.5), b, 2.0),
            19 => float(&a).clamp(-1.0, 1.0),
            20 => x.astype([DType::F32, DType::I64, DType::U8, DType::Bool][tape.below(4)]),
            21 => float(&a).is_finite(),
            22..=27 if a.rank() == 0 || a.shape().contains(&0) => a,
            22 => a.sum(-1),
            23 => a.max(-1),
            24 => float(&a).softmax(-1),
            25 => a.min(..),
            26 => float(&a).logsumexp(-1),
            27 => a.sum(..),
            28 => a.astype(DType::U32),
            29 => ((float(&a) * 1.5 + 0.5) * float(&a) - 0.25).maximum(0.1),
            30 => -(float(&a) * float(&b)),
            _ => a.sign(),
        };
        // Rows that were reduced stand beside their elements.
        let rows_of = made.rank() == 1 && made.shape()[0] == rows && rows != columns;
        values.push(if rows_of { made.expand_dims(1) } else { made });
    }
    values.split_off(7)
}

fn bits(array: &Array) -> Vec<u64> {
    fn of<T: Element>(array: &Array, bits: impl Fn(T) -> u64) -> Vec<u64> {
        array.to_vec::<T>().unwrap().into_iter().map(bits).collect()
    }
    match array.dtype() {
        DType::Bool => of(array, |x: bool| x.into()),
        DType::U8 => of(array, |x: u8| x.into()),
        DType::U16 => of(array, |x: u16| x.into()),
        DType::I8 => of(array, |x: i8| x as u64),
        DType::I16 => of(array, |x: i16| x as u64),
        DType::U32 => of(array, |x: u32| x.into()),
        DType::U64 => of(array, |x: u64| x),
        DType::I32 => of(array, |x: i32| x as u64),
        DType::I64 => of(array, |x: i64| x as u64),
        DType::F32 => of(array, |x: f32| {
            if x.is_nan() {
                u64::MAX
            } else {
                x.to_bits().into()
            }
        }),
        DType::F64 => of(
            array,
            |x: f64| if x.is_nan() { u64::MAX } else { x.to_bits() },
        ),
        other => unreachable!("{other}"),
    }
}

fn same(want: &[Tensor], got: &[Tensor], what: &str) {
    assert_eq!(want.len(), got.len());
    for (i, (want, got)) in want.iter().zip(got).enumerate() {
        let (want, got) = (want.to_array().unwrap(), got.to_array().unwrap());
        assert_eq!(want.ty(), got.ty(), "{what}: value {i}");
        assert_eq!(bits(&want), bits(&got), "{what}: value {i}");
    }
}

fn check(tape: &[u8], sizes: Sizes) {
    let args: Vec<Tensor> = arguments(sizes).into_iter().map(Tensor::from).collect();
    let want = program(tape, args.clone(), sizes);
    // All that is made, and the last value alone, whose program fuses most.
    let all = jit(|args: Vec<Tensor>| program(tape, args, sizes));
    let last = jit(|args: Vec<Tensor>| program(tape, args, sizes).pop().unwrap());
    for threads in [1, 2, 3, 8] {
        let pool = pool(threads);
        let what = format!("{threads} threads, {sizes:?}");
        // Tensors stay on their thread, so arrays go in and out.
        let arrays: Vec<Array> = args.iter().map(|t| t.to_array().unwrap()).collect();
        let run = || {
            let args: Vec<Tensor> = arrays.iter().cloned().map(Tensor::from).collect();
            let all = all.call((&args,)).unwrap();
            // The second call finds the buffers of the first.
            let again = last
                .call((&args,))
                .and_then(|_| last.call((&args,)))
                .unwrap();
            let arrays = all.iter().map(|t| t.to_array().unwrap());
            (arrays.collect::<Vec<_>>(), again.to_array().unwrap())
        };
        let (got, again) = pool.install(run);
        let got: Vec<Tensor> = got.into_iter().map(Tensor::from).collect();
        same(&want, &got, &what);
        if let Some(want) = want.last() {
            same(std::slice::from_ref(want), &[Tensor::from(again)], &what);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn fused_programs_have_the_bits_of_single_operations(
        tape in prop::collection::vec(any::<u8>(), 5..80),
        rows in prop::sample::select(vec![0, 1, 2, 3, 17, 40]),
        columns in prop::sample::select(vec![0, 1, 2, 3, 8, 33, 511, 512, 513]),
    ) {
        check(&tape, (rows, columns));
    }
}

#[test]
fn long_rows_and_many_elements_have_the_bits_of_single_operations() {
    let mut state = 1_u32;
    let mut byte = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    for sizes in [(3, 5000), (1, 70_000), (70_000, 1), (300, 700), (2, 4097)] {
        for length in [20, 60] {
            let tape: Vec<u8> = (0..length).map(|_| byte()).collect();
            check(&tape, sizes);
        }
    }
}

#[test]
fn loops_have_the_bits_of_their_steps() {
    for (lanes, steps, width) in [(1, 5, 8), (3, 4, 7), (8, 10, 32), (40, 6, 33), (9, 3, 16)] {
        // What reads the carry, what does not, and both from the right.
        let (wh, wx) = (plain(&[width, width], 1), plain(&[width, width], 2));
        let (wr, b) = (plain(&[width, width], 3), plain(&[width], 4));
        let next = move |h: Tensor, x: Tensor| {
            let ahead = wx.matmul(&x) + x.matmul(&wr);
            (wh.matmul(&h) * 0.2 + ahead + h.matmul(&wr) * 0.1 + &b).tanh()
        };
        let xs = plain(&[lanes, steps, width], 5);
        let one = next.clone();
        let looped = jit(vmap(move |xs: Tensor| {
            let next = next.clone();
            let step = move |h: Tensor, x: Tensor| {
                let h = next(h, x);
                (h.clone(), h)
            };
            let start = zeros([width], DType::F64);
            scan(step, start, xs, ScanOptions::default()).map(|(_, all): (Tensor, Tensor)| all)
        }));
        let got = looped.call((&xs,)).unwrap();
        let step = vmap(one);
        let mut h = zeros([lanes, width], DType::F64);
        for t in 0..steps {
            let at = Slicing::new([0, t, 0], [lanes, t + 1, width]);
            h = step
                .call((&h, xs.slice(at).reshape([lanes as isize, width as isize])))
                .unwrap();
            let at = Slicing::new([0, t, 0], [lanes, t + 1, width]);
            let got = got.slice(at).reshape([lanes as isize, width as isize]);
            let what = format!("{lanes} lanes of {width}, step {t}");
            same(std::slice::from_ref(&h), &[got], &what);
        }
    }
}

/// What groups do with a product of shape `[.., rows, columns]`.
fn with_product(reader: usize, p: &Tensor, bias: &Tensor, other: &Tensor) -> Tensor {
    match reader {
        0 => (p * 0.05 + bias).tanh(),
        1 => (p + bias).softmax(-1),
        2 => (p.moveaxis(-1, -2) * 0.5).moveaxis(-2, -1) + p.sum(-1).expand_dims(-1) * bias,
        3 => (p.moveaxis(-1, -2) * 0.5).sum(-1),
        4 => (p - bias).maximum(0.0).sum(-1),
        5 => p + other,
        6 => (p * 0.5).exp().moveaxis(-1, -2) + other.moveaxis(-1, -2),
        7 => p.astype(DType::F32) * bias.astype(DType::F32),
        8 => {
            let rank = p.rank();
            let mut end = p.shape().to_vec();
            end[rank - 2] -= 1;
            p.slice(Slicing::new(vec![0; rank], end)) * 2.0
        }
        9 => p.transpose((0..p.rank()).rev().map(|a| a as isize).collect::<Vec<_>>()) + 1.0,
        _ => (p + p.max(-1).expand_dims(-1)).sum(..),
    }
}

#[test]
fn products_that_groups_compute_have_the_bits_of_separate_ones() {
    let pools = [1, 2, 8].map(pool);
    let plain = |shape: &[usize], seed: usize, dtype: DType| {
        plain(shape, seed).astype(dtype).to_array().unwrap()
    };
    // Rows as long as a few blocks, and as no whole number of them; columns in a stack; stacks of small and of large matrices.
    let sizes: [(&[usize], usize, usize, usize); 10] = [
        (&[], 1000, 8, 8),
        (&[], 300, 17, 64),
        (&[], 45, 9, 1500),
        (&[], 33, 5, 4500),
        (&[], 64, 3, 1023),
        (&[], 8, 30, 900),
        (&[], 5000, 2, 3),
        (&[200], 8, 8, 8),
        (&[7, 11], 16, 5, 9),
        (&[3], 80, 10, 90),
    ];
    for (case, (stack, m, k, n)) in sizes.into_iter().enumerate() {
        let dtype = [DType::F64, DType::F32][case % 2];
        let shape = |a: usize, b: usize| [stack, &[a, b]].concat();
        for turned in 0..4 {
            let side = |a: usize, b: usize, seed: usize, turned: bool| {
                plain(&if turned { shape(b, a) } else { shape(a, b) }, seed, dtype)
            };
            let args = [
                side(m, k, 1, turned & 1 == 1),
                side(k, n, 2, turned & 2 == 2),
                plain(&[n], 3, dtype),
                plain(&shape(m, n), 4, dtype),
            ];
            for reader in 0..11 {
                let program = |x: &Tensor, y: &Tensor, bias: &Tensor, other: &Tensor| {
                    let mat = |x: &Tensor, turned: bool| {
                        if turned {
                            x.moveaxis(-1, -2)
                        } else {
                            x.clone()
                        }
                    };
                    let (x, y) = (mat(x, turned & 1 == 1), mat(y, turned & 2 == 2));
                    with_product(reader, &x.matmul(&y), bias, other)
                };
                let tensors = args.clone().map(Tensor::from);
                let want = program(&tensors[0], &tensors[1], &tensors[2], &tensors[3]);
                let want = want.to_array().unwrap();
                let f = jit(|x: Tensor, y: Tensor, b: Tensor, o: Tensor| program(&x, &y, &b, &o));
                for pool in &pools {
                    let got = pool.install(|| {
                        let [x, y, bias, other] = args.clone();
                        f.call((x, y, bias, other)).unwrap().to_array().unwrap()
                    });
                    let what = format!("case {case}, turned {turned}, reader {reader}");
                    assert_eq!(want.ty(), got.ty(), "{what}");
                    assert_eq!(bits(&want), bits(&got), "{what}");
                }
            }
        }
    }
}

#[test]
fn products_beside_sums_of_rows_have_the_bits_of_separate_ones() {
    // There is one element of the product for each row that is reduced.
    for (m, n, length) in [(90, 64, 5), (70, 130, 40), (40, 110, 700)] {
        let (x, y) = (array(&[m, 9], 1), array(&[9, n], 2));
        let z = array(&[m, n, length], 3);
        let f = |x: Tensor, y: Tensor, z: Tensor| {
            let p = x.matmul(y);
            (z.sum(-1) * &p - p).tanh()
        };
        let tensors = [&x, &y, &z].map(|a| Tensor::from(a.clone()));
        let [a, b, c] = tensors.clone();
        let want = f(a, b, c);
        for threads in [1, 2] {
            let pool = pool(threads);
            let got = pool.install(|| {
                let got = jit(f).call((&x, &y, &z)).unwrap();
                got.to_array().unwrap()
            });
            let what = format!("{m} by {n} rows of {length}");
            same(std::slice::from_ref(&want), &[Tensor::from(got)], &what);
        }
    }
}

#[test]
fn mapped_layers_have_the_bits_of_single_operations() {
    for (lanes, wide, hidden) in [(100, 30, 70), (700, 8, 8), (50, 20, 700)] {
        let (w, b) = (plain(&[hidden, wide], 1), plain(&[hidden], 2));
        let last = plain(&[wide, hidden], 3);
        let layers = move |x: Tensor| {
            let h = (w.matmul(&x) * 0.3 + &b).tanh();
            (last.matmul(&h) + &x).softmax(0) + (x.matmul(&last) - &b).sum(..)
        };
        let x = plain(&[lanes, wide], 5);
        let want = vmap(layers.clone()).call((&x,)).unwrap();
        let got = jit(vmap(layers)).call((&x,)).unwrap();
        let what = format!("{lanes} lanes of {wide} and {hidden}");
        same(&[want], &[got], &what);
    }
}

#[test]
fn sums_do_not_depend_on_the_layout() {
    let x = array(&[700, 90], 3);
    let turned = Tensor::from(x.clone()).t();
    let columns = turned.sum(-1).to_array().unwrap();
    let rows = Tensor::from(x).sum(0).to_array().unwrap();
    assert_eq!(bits(&rows), bits(&columns));
}

#[test]
fn results_that_lie_as_their_operands_do_mean_the_same() {
    let args = [
        array(&[60, 20, 7], 3),
        array(&[60, 20, 7], 4),
        array(&[20], 5),
    ];
    let args: Vec<Tensor> = args.into_iter().map(Tensor::from).collect();
    let program = |reader: usize, args: &[Tensor]| {
        let turned = |x: &Tensor| x.transpose([2, 0, 1]);
        let z = (turned(&args[0]) * turned(&args[1]) + &args[2]).tanh();
        match reader {
            0 => z,
            1 => z.transpose([1, 2, 0]),
            2 => z.matmul(z.transpose([0, 2, 1])),
            3 => z.reshape([70, 120]),
            4 => z.sort(-1),
            5 => z.sum(0),
            _ => z.cumsum(1, false) + z,
        }
    };
    for reader in 0..7 {
        let want = program(reader, &args);
        let f = jit(|args: Vec<Tensor>| program(reader, &args));
        for _ in 0..2 {
            let got = f.call((&args,)).unwrap();
            let what = format!("reader {reader}");
            same(std::slice::from_ref(&want), &[got], &what);
        }
    }
}

#[test]
fn indices_from_the_end_and_outside_mean_the_same_in_every_lane() {
    let (lanes, width, count) = (300, 64, 256);
    let x = array(&[lanes, width], 3);
    let index = |n: usize| (n * 7919 % 10_007 % 160) as i64 - 80;
    let indices: Vec<i64> = (0..lanes * count).map(index).collect();
    let i = Array::from_vec([lanes, count], indices.clone()).unwrap();
    // A plain loop: negative indices count from the end once, what is outside is dropped.
    let given = x.to_vec::<f64>().unwrap();
    let mut want = vec![0.0; lanes * width];
    for (n, &index) in indices.iter().enumerate() {
        let index = if index < 0 {
            index + width as i64
        } else {
            index
        };
        if let Ok(at) = usize::try_from(index)
            && at < width
        {
            let at = n / count * width + at;
            want[at] += given[at] * 2.0;
        }
    }
    let want = Array::from_vec([lanes, width], want).unwrap();
    let f = |x: Tensor, i: Tensor| {
        elimap::zeros([64], DType::F64)
            .at(&i)
            .add(x.take(&i, 0, TakeMode::Fill) * 2.0)
    };
    let single = vmap(f).call((&x, &i)).unwrap().to_array().unwrap();
    assert_eq!(bits(&single), bits(&want));
    let compiled = jit(vmap(f));
    for threads in [1, 2, 8] {
        let pool = pool(threads);
        let got = pool.install(|| compiled.call((&x, &i)).unwrap().to_array().unwrap());
        assert_eq!(bits(&got), bits(&want), "{threads} threads");
    }
    // Of one operand, and a sort of the same numbers.
    let flat = jit(|x: Tensor, i: Tensor| x.take(&i, 0, TakeMode::Fill))
        .call((Array::from(given.clone()), Array::from(indices.clone())))
        .unwrap()
        .to_vec::<f64>()
        .unwrap();
    for (got, &index) in flat.iter().zip(&indices) {
        let at = if index < 0 {
            index + given.len() as i64
        } else {
            index
        };
        let want = given[at as usize];
        assert!(got.to_bits() == want.to_bits() || (got.is_nan() && want.is_nan()));
    }
}
