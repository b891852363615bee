//! The property every batching rule must have: mapping a function equals applying it lane by lane and stacking.
//!
//! A [`Rule`] is a function with generators of its arguments for one lane. [`check`] puts it under one to three vmaps
//! with random sizes, axes on either side (negative ones too) and unmapped arguments, some passed and some captured, and
//! compares with what plain loops over index arithmetic make of the function itself. Nothing here uses the
//! library to take arrays apart or to put them together.

use std::collections::HashMap;
use std::rc::Rc;

use elimap::half::{bf16, f16};
use elimap::num_complex::Complex;
use elimap::prelude::*;
use elimap::{Axes, IntoAxes};
use proptest::prelude::*;

/// An array as plain data: the bits of its elements in row-major order.
#[derive(Clone, Debug)]
pub(crate) struct Flat {
    dtype: DType,
    shape: Vec<usize>,
    bits: Vec<u128>,
}

/// The bits of both parts of a complex number.
fn joined(re: u64, im: u64) -> u128 {
    u128::from(re) << 64 | u128::from(im)
}

fn halves(bits: u128) -> (u64, u64) {
    ((bits >> 64) as u64, bits as u64)
}

impl Flat {
    fn from_values(dtype: DType, shape: &[usize], values: &[f64]) -> Flat {
        assert_eq!(values.len(), shape.iter().product::<usize>());
        // A complex number's imaginary part is made of its real one, and as awkward.
        let turned = |x: f64| 0.75 - x;
        let bits = |&x: &f64| {
            u128::from(match dtype {
                DType::C64 => {
                    return joined(
                        (x as f32).to_bits().into(),
                        (turned(x) as f32).to_bits().into(),
                    );
                }
                DType::C128 => return joined(x.to_bits(), turned(x).to_bits()),
                DType::BF16 => u64::from(bf16::from_f64(x).to_bits()),
                DType::F16 => u64::from(f16::from_f64(x).to_bits()),
                DType::Bool => u64::from(x != 0.0),
                DType::U8 => u64::from(x as u8),
                DType::U16 => u64::from(x as u16),
                DType::I8 => u64::from((x as i8).cast_unsigned()),
                DType::I16 => u64::from((x as i16).cast_unsigned()),
                DType::U32 => u64::from(x as u32),
                DType::U64 => x as u64,
                DType::I32 => u64::from((x as i32).cast_unsigned()),
                DType::I64 => (x as i64).cast_unsigned(),
                DType::F32 => u64::from((x as f32).to_bits()),
                DType::F64 => x.to_bits(),
                other => panic!("{other} has no bits here"),
            })
        };
        Flat {
            dtype,
            shape: shape.to_vec(),
            bits: values.iter().map(bits).collect(),
        }
    }

    fn from_array(array: &Array) -> Flat {
        fn list<T: Element>(array: &Array, f: impl Fn(T) -> u64) -> Vec<u128> {
            let elements = array.to_vec::<T>().unwrap().into_iter();
            elements.map(|x| u128::from(f(x))).collect()
        }
        fn pairs<T: Element>(array: &Array, f: impl Fn(T) -> (u64, u64)) -> Vec<u128> {
            let elements = array.to_vec::<T>().unwrap().into_iter().map(f);
            elements.map(|(re, im)| joined(re, im)).collect()
        }
        let bits = match array.dtype() {
            DType::BF16 => list::<bf16>(array, |x| x.to_bits().into()),
            DType::F16 => list::<f16>(array, |x| x.to_bits().into()),
            DType::C64 => {
                pairs::<Complex<f32>>(array, |z| (z.re.to_bits().into(), z.im.to_bits().into()))
            }
            DType::C128 => pairs::<Complex<f64>>(array, |z| (z.re.to_bits(), z.im.to_bits())),
            DType::Bool => list::<bool>(array, u64::from),
            DType::U8 => list::<u8>(array, u64::from),
            DType::U16 => list::<u16>(array, u64::from),
            DType::I8 => list::<i8>(array, |x| u64::from(x.cast_unsigned())),
            DType::I16 => list::<i16>(array, |x| u64::from(x.cast_unsigned())),
            DType::U32 => list::<u32>(array, u64::from),
            DType::U64 => list::<u64>(array, |x| x),
            DType::I32 => list::<i32>(array, |x| u64::from(x.cast_unsigned())),
            DType::I64 => list::<i64>(array, i64::cast_unsigned),
            DType::F32 => list::<f32>(array, |x| u64::from(x.to_bits())),
            DType::F64 => list::<f64>(array, f64::to_bits),
            other => panic!("{other} has no bits here"),
        };
        Flat {
            dtype: array.dtype(),
            shape: array.shape().to_vec(),
            bits,
        }
    }

    fn to_array(&self) -> Array {
        fn build<T: Element>(flat: &Flat, f: impl Fn(u64) -> T) -> Array {
            built(flat, |b| f(b as u64))
        }
        fn built<T: Element>(flat: &Flat, f: impl Fn(u128) -> T) -> Array {
            let elements = flat.bits.iter().map(|&b| f(b)).collect();
            Array::from_vec(flat.shape.iter().copied(), elements).unwrap()
        }
        match self.dtype {
            DType::BF16 => build(self, |b| bf16::from_bits(b as u16)),
            DType::F16 => build(self, |b| f16::from_bits(b as u16)),
            DType::C64 => built(self, |b| {
                let (re, im) = halves(b);
                Complex::new(f32::from_bits(re as u32), f32::from_bits(im as u32))
            }),
            DType::C128 => built(self, |b| {
                let (re, im) = halves(b);
                Complex::new(f64::from_bits(re), f64::from_bits(im))
            }),
            DType::Bool => build(self, |b| b != 0),
            DType::U8 => build(self, |b| b as u8),
            DType::U16 => build(self, |b| b as u16),
            DType::I8 => build(self, |b| (b as u8).cast_signed()),
            DType::I16 => build(self, |b| (b as u16).cast_signed()),
            DType::U32 => build(self, |b| b as u32),
            DType::U64 => build(self, |b| b),
            DType::I32 => build(self, |b| (b as u32).cast_signed()),
            DType::I64 => build(self, u64::cast_signed),
            DType::F32 => build(self, |b| f32::from_bits(b as u32)),
            DType::F64 => build(self, f64::from_bits),
            other => panic!("{other} has no bits here"),
        }
    }

    /// Arrays of one type laid along a new axis.
    fn stack(parts: &[Flat], axis: usize, dtype: DType, lane: &[usize]) -> Flat {
        let outer: usize = lane[..axis].iter().product();
        let inner: usize = lane[axis..].iter().product();
        let mut bits = Vec::new();
        for o in 0..outer {
            for part in parts {
                bits.extend_from_slice(&part.bits[o * inner..(o + 1) * inner]);
            }
        }
        let mut shape = lane.to_vec();
        shape.insert(axis, parts.len());
        Flat { dtype, shape, bits }
    }

    /// Whether types agree and elements do: bit by bit up to which NaN it is, or within a relative tolerance.
    fn agrees(&self, other: &Flat, tolerance: f64) -> bool {
        let parts = |bits: u128| -> Option<[f64; 2]> {
            let (high, low) = halves(bits);
            Some(match self.dtype {
                DType::C128 => [f64::from_bits(high), f64::from_bits(low)],
                DType::C64 => [high, low].map(|part| f64::from(f32::from_bits(part as u32))),
                DType::F64 => [f64::from_bits(low), 0.0],
                DType::F32 => [f64::from(f32::from_bits(low as u32)), 0.0],
                DType::F16 => [f64::from(f16::from_bits(low as u16)), 0.0],
                DType::BF16 => [f64::from(bf16::from_bits(low as u16)), 0.0],
                _ => return None,
            })
        };
        let close = |x: f64, y: f64| {
            x.to_bits() == y.to_bits()
                || (x.is_nan() && y.is_nan())
                || (tolerance > 0.0 && (x == y || (x - y).abs() <= tolerance * (1.0 + y.abs())))
        };
        let same = |a: u128, b: u128| {
            a == b
                || match (parts(a), parts(b)) {
                    (Some(x), Some(y)) => close(x[0], y[0]) && close(x[1], y[1]),
                    _ => false,
                }
        };
        self.dtype == other.dtype
            && self.shape == other.shape
            && self.bits.iter().zip(&other.bits).all(|(&a, &b)| same(a, b))
    }
}

/// Random decisions: structure from a list that shrinks, data from a seed.
pub(crate) struct Draw {
    choices: Vec<u8>,
    next: usize,
    state: u64,
}

impl Draw {
    /// A structural choice in `0..n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        let choice = self.choices.get(self.next).copied().unwrap_or(0);
        self.next += 1;
        usize::from(choice) % n
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.below(2) == 1
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A shape whose rank is in `ranks` and whose lengths are 0 to 3, rarely 0.
    pub(crate) fn shape(&mut self, ranks: std::ops::RangeInclusive<usize>) -> Vec<usize> {
        self.shape_of(ranks, &[2, 3, 1, 2, 3, 0])
    }

    /// A shape without axes of length 0.
    pub(crate) fn solid(&mut self, ranks: std::ops::RangeInclusive<usize>) -> Vec<usize> {
        self.shape_of(ranks, &[2, 3, 1])
    }

    fn shape_of(
        &mut self,
        ranks: std::ops::RangeInclusive<usize>,
        lengths: &[usize],
    ) -> Vec<usize> {
        let rank = ranks.start() + self.below(ranks.end() - ranks.start() + 1);
        (0..rank).map(|_| self.pick(lengths)).collect()
    }

    /// An axis of an operand of this rank, from either end.
    pub(crate) fn axis(&mut self, rank: usize) -> isize {
        let axis = self.below(rank) as isize;
        if self.flag() {
            axis - rank as isize
        } else {
            axis
        }
    }

    /// A random number for data (splitmix64).
    pub(crate) fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A uniform number in `[0, 1)`.
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.random() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Any value of an element type, the awkward ones often.
    fn value(&mut self, dtype: DType) -> f64 {
        const FLOATS: [f64; 14] = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            0.5,
            -0.5,
            2.5,
            -2.5,
            3.0,
            1.5,
            1e30,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ];
        let pick = self.random() as usize;
        match dtype {
            DType::Bool => (pick % 2) as f64,
            dtype if dtype.is_inexact() && pick.is_multiple_of(2) => 6.0 * self.uniform() - 3.0,
            dtype if dtype.is_inexact() => FLOATS[(pick / 2) % FLOATS.len()],
            DType::U8 => (pick % 12) as f64 * 21.0,
            DType::U16 => [0.0, 1.0, 2.0, 5.0, 300.0, 65_535.0][pick % 6],
            DType::I8 => [0.0, 1.0, -1.0, 2.0, -7.0, 127.0, -128.0][pick % 7],
            DType::I16 => [0.0, 1.0, -1.0, 3.0, -300.0, 32_767.0, -32_768.0][pick % 7],
            DType::U32 | DType::U64 => [0.0, 1.0, 2.0, 3.0, 7.0, 31.0, 64.0, 4e9][pick % 8],
            DType::I32 | DType::I64 => [
                0.0,
                1.0,
                -1.0,
                2.0,
                -3.0,
                5.0,
                33.0,
                -7.0,
                2_147_483_647.0,
                -2_147_483_648.0,
            ][pick % 10],
            other => panic!("{other} has no bits here"),
        }
    }
}

type Fill = Rc<dyn Fn(&mut Draw) -> Vec<f64>>;
type Function = Box<dyn Fn(&[Tensor]) -> Result<Vec<Tensor>, Error>>;

/// An argument for one lane.
pub(crate) struct Arg {
    dtype: DType,
    shape: Vec<usize>,
    fill: Fill,
}

/// An argument of any values.
pub(crate) fn any(dtype: DType, shape: &[usize]) -> Arg {
    let count = shape.iter().product();
    filled(dtype, shape, move |d| {
        (0..count).map(|_| d.value(dtype)).collect()
    })
}

/// An argument of finite values from a range.
pub(crate) fn between(dtype: DType, shape: &[usize], low: f64, high: f64) -> Arg {
    let count = shape.iter().product();
    filled(dtype, shape, move |d| {
        (0..count)
            .map(|_| {
                let x = low + (high - low) * d.uniform();
                if dtype.is_inexact() { x } else { x.round() }
            })
            .collect()
    })
}

/// An argument with a generator of its own.
pub(crate) fn filled(
    dtype: DType,
    shape: &[usize],
    fill: impl Fn(&mut Draw) -> Vec<f64> + 'static,
) -> Arg {
    Arg {
        dtype,
        shape: shape.to_vec(),
        fill: Rc::new(fill),
    }
}

/// A function and generators of its arguments.
pub(crate) struct Rule {
    args: Vec<Arg>,
    function: Function,
    tolerance: f64,
}

impl Rule {
    /// A function of one result.
    pub(crate) fn new(args: Vec<Arg>, function: impl Fn(&[Tensor]) -> Tensor + 'static) -> Rule {
        Rule::many(args, move |x| Ok(vec![function(x)]))
    }

    /// A function of several results.
    pub(crate) fn many(
        args: Vec<Arg>,
        function: impl Fn(&[Tensor]) -> Result<Vec<Tensor>, Error> + 'static,
    ) -> Rule {
        Rule {
            args,
            function: Box::new(function),
            tolerance: 0.0,
        }
    }

    /// For functions that add up in an order of their own.
    pub(crate) fn within(mut self, tolerance: f64) -> Rule {
        self.tolerance = tolerance;
        self
    }

    fn apply(&self, args: &[Tensor]) -> Result<Vec<Tensor>, Error> {
        (self.function)(args)?
            .into_iter()
            .map(Tensor::check)
            .collect()
    }

    /// Arguments for one lane, with moderate numbers in the place of awkward ones.
    pub(crate) fn moderate(&self, draw: &mut Draw) -> Vec<Array> {
        let mut one = |arg: &Arg| {
            let mut values = (arg.fill)(draw);
            for x in &mut values {
                if arg.dtype.is_inexact() && (!x.is_finite() || x.abs() > 1e3 || x.fract() == 0.0) {
                    *x = 0.2 + 0.7 * draw.uniform();
                }
            }
            Flat::from_values(arg.dtype, &arg.shape, &values).to_array()
        };
        self.args.iter().map(&mut one).collect()
    }

    /// The function's own program for the lane types.
    pub(crate) fn program(&self) -> elimap::Program {
        let types: Vec<TensorType> = self
            .args
            .iter()
            .map(|a| TensorType::new(a.dtype, a.shape.iter().copied()))
            .collect();
        jit(|args: Vec<Tensor>| self.apply(&args))
            .trace((types,))
            .unwrap()
    }
}

/// The vmaps around a rule.
#[derive(Clone, Debug)]
pub(crate) struct Nest {
    /// Lanes per level, outermost first.
    pub(crate) sizes: Vec<usize>,
    pub(crate) choices: Vec<u8>,
    pub(crate) seed: u64,
    pub(crate) jit: bool,
}

impl Nest {
    pub(crate) fn draw(&self) -> Draw {
        Draw {
            choices: self.choices.clone(),
            next: 0,
            state: self.seed,
        }
    }
}

/// One to three vmaps of zero to three lanes.
pub(crate) fn nest() -> impl Strategy<Value = Nest> {
    let size = prop_oneof![6 => 2_usize..4, 2 => Just(1_usize), 1 => Just(0_usize)];
    (
        prop::collection::vec(size, 1..4),
        prop::collection::vec(any_choice(), 64),
        proptest::num::u64::ANY,
        proptest::bool::ANY,
    )
        .prop_map(|(sizes, choices, seed, jit)| Nest {
            sizes,
            choices,
            seed,
            jit,
        })
}

fn any_choice() -> impl Strategy<Value = u8> {
    proptest::num::u8::ANY
}

/// What one level maps.
struct Level {
    size: usize,
    /// The mapped axis of each argument, and whether it is written counting from the end.
    ins: Vec<Option<(usize, bool)>>,
    /// Whether an unmapped argument reaches the function as a capture.
    captured: Vec<bool>,
    outs: Vec<(usize, bool)>,
}

fn signed((axis, from_end): (usize, bool), rank: usize) -> isize {
    if from_end {
        axis as isize - rank as isize
    } else {
        axis as isize
    }
}

struct Experiment<'a> {
    rule: &'a Rule,
    levels: Vec<Level>,
    /// The ranks of the results for one lane.
    out_ranks: Vec<usize>,
}

impl Experiment<'_> {
    /// The shape of an argument as the function at `level` gets it (level 0 is the caller's).
    fn arg_shape(&self, arg: usize, level: usize) -> Vec<usize> {
        let mut shape = self.rule.args[arg].shape.clone();
        for l in self.levels[level..].iter().rev() {
            if let Some((axis, _)) = l.ins[arg] {
                shape.insert(axis, l.size);
            }
        }
        shape
    }

    /// Puts an argument together from its lanes.
    fn assemble(
        &self,
        arg: usize,
        level: usize,
        index: &mut Vec<Option<usize>>,
        lanes: &mut HashMap<Vec<Option<usize>>, Flat>,
        draw: &mut Draw,
    ) -> Flat {
        let spec = &self.rule.args[arg];
        let Some(here) = self.levels.get(level) else {
            return lanes
                .entry(index.clone())
                .or_insert_with(|| Flat::from_values(spec.dtype, &spec.shape, &(spec.fill)(draw)))
                .clone();
        };
        let Some((axis, _)) = here.ins[arg] else {
            index.push(None);
            let whole = self.assemble(arg, level + 1, index, lanes, draw);
            index.pop();
            return whole;
        };
        let parts: Vec<Flat> = (0..here.size)
            .map(|i| {
                index.push(Some(i));
                let part = self.assemble(arg, level + 1, index, lanes, draw);
                index.pop();
                part
            })
            .collect();
        Flat::stack(&parts, axis, spec.dtype, &self.arg_shape(arg, level + 1))
    }

    /// The function under the vmaps from `level` inwards.
    fn mapped(&self, level: usize, args: &[Tensor]) -> Result<Vec<Tensor>, Error> {
        let Some(here) = self.levels.get(level) else {
            return self.rule.apply(args);
        };
        let passed: Vec<usize> = (0..args.len()).filter(|&k| !here.captured[k]).collect();
        let body = |given: TreeValue| -> Result<TreeValue, Error> {
            let TreeValue::Tuple(given) = given else {
                unreachable!("the argument is a tuple");
            };
            let mut args = args.to_vec();
            for (&k, value) in passed.iter().zip(given) {
                let TreeValue::Leaf(tensor) = value else {
                    unreachable!("the tuple holds tensors");
                };
                args[k] = tensor;
            }
            let results = self.mapped(level + 1, &args)?;
            Ok(TreeValue::Tuple(
                results.into_iter().map(TreeValue::from).collect(),
            ))
        };
        let in_axes = passed
            .iter()
            .map(|&k| match here.ins[k] {
                Some(axis) => Axes::Axis(signed(axis, args[k].rank())),
                None => Axes::None,
            })
            .collect();
        let inner = self.levels.len() - level - 1;
        let out_axes = here
            .outs
            .iter()
            .zip(&self.out_ranks)
            .map(|(&axis, rank)| Axes::Axis(signed(axis, rank + inner + 1)))
            .collect();
        let mut f = vmap(body)
            .in_axes((Axes::Tuple(in_axes),).into_axes())
            .out_axes(Axes::Tuple(out_axes));
        if here.ins.iter().all(Option::is_none) {
            f = f.axis_size(here.size);
        }
        let given = TreeValue::Tuple(passed.iter().map(|&k| TreeValue::from(&args[k])).collect());
        match f.call((given,))? {
            TreeValue::Tuple(results) => Ok(results
                .into_iter()
                .map(|value| match value {
                    TreeValue::Leaf(tensor) => tensor,
                    other => unreachable!("{other:?} is no tensor"),
                })
                .collect()),
            other => unreachable!("{other:?} is no tuple"),
        }
    }

    /// What the function makes of every lane, stacked.
    fn expected(
        &self,
        level: usize,
        index: &mut Vec<usize>,
        lanes: &[HashMap<Vec<Option<usize>>, Flat>],
        template: &[Flat],
    ) -> Vec<Flat> {
        let Some(here) = self.levels.get(level) else {
            let args: Vec<Tensor> = lanes
                .iter()
                .enumerate()
                .map(|(k, lanes)| {
                    let key: Vec<Option<usize>> = index
                        .iter()
                        .zip(&self.levels)
                        .map(|(&i, l)| l.ins[k].map(|_| i))
                        .collect();
                    Tensor::from(lanes[&key].to_array())
                })
                .collect();
            let results = self.rule.apply(&args).unwrap();
            return results
                .iter()
                .map(|t| Flat::from_array(&t.to_array().unwrap()))
                .collect();
        };
        let by_lane: Vec<Vec<Flat>> = (0..here.size)
            .map(|i| {
                index.push(i);
                let results = self.expected(level + 1, index, lanes, template);
                index.pop();
                results
            })
            .collect();
        template
            .iter()
            .enumerate()
            .map(|(o, lane)| {
                let mut shape = lane.shape.clone();
                for l in self.levels[level + 1..].iter().rev() {
                    shape.insert(l.outs[o].0, l.size);
                }
                let parts: Vec<Flat> = by_lane.iter().map(|results| results[o].clone()).collect();
                Flat::stack(&parts, here.outs[o].0, lane.dtype, &shape)
            })
            .collect()
    }
}

/// Maps the rule as `nest` says and holds it against the loop over lanes.
pub(crate) fn check(nest: &Nest, build: impl Fn(&mut Draw) -> Rule) {
    let mut draw = nest.draw();
    let rule = build(&mut draw);
    // One lane run by itself says how many results there are, and of which types.
    let sample: Vec<Tensor> = rule
        .args
        .iter()
        .map(|a| {
            let values = (a.fill)(&mut draw);
            Tensor::from(Flat::from_values(a.dtype, &a.shape, &values).to_array())
        })
        .collect();
    let template = rule.apply(&sample).unwrap();
    let weak: Vec<bool> = template.iter().map(|t| t.ty().weak).collect();
    let template: Vec<Flat> = template
        .iter()
        .map(|t| Flat::from_array(&t.to_array().unwrap()))
        .collect();

    let mut experiment = Experiment {
        rule: &rule,
        levels: Vec::new(),
        out_ranks: template.iter().map(|t| t.shape.len()).collect(),
    };
    // From the innermost level outwards, because axes count what is inside.
    let mut ranks: Vec<usize> = rule.args.iter().map(|a| a.shape.len()).collect();
    for (inner, &size) in nest.sizes.iter().rev().enumerate() {
        let mut ins = Vec::new();
        for rank in &mut ranks {
            ins.push((draw.below(4) != 0).then(|| {
                *rank += 1;
                (draw.below(*rank), draw.flag())
            }));
        }
        let captured = ins.iter().map(|i| i.is_none() && draw.flag()).collect();
        let outs = template
            .iter()
            .map(|t| (draw.below(t.shape.len() + inner + 1), draw.flag()))
            .collect();
        let level = Level {
            size,
            ins,
            captured,
            outs,
        };
        experiment.levels.insert(0, level);
    }

    let mut lanes = Vec::new();
    let mut args = Vec::new();
    for k in 0..rule.args.len() {
        let mut mine = HashMap::new();
        let whole = experiment.assemble(k, 0, &mut Vec::new(), &mut mine, &mut draw);
        lanes.push(mine);
        args.push(Tensor::from(whole.to_array()));
    }
    let expected = experiment.expected(0, &mut Vec::new(), &lanes, &template);
    let actual = if nest.jit {
        jit(|args: Vec<Tensor>| experiment.mapped(0, &args)).call((args.clone(),))
    } else {
        experiment.mapped(0, &args)
    }
    .unwrap();
    assert_eq!(actual.len(), expected.len());
    for (k, (actual, expected)) in actual.iter().zip(&expected).enumerate() {
        let found = Flat::from_array(&actual.to_array().unwrap());
        assert!(
            found.agrees(expected, rule.tolerance),
            "result {k}: vmap gives {:?}, the lanes give {:?} for {args:?}",
            found.to_array(),
            expected.to_array(),
        );
        assert_eq!(actual.ty().weak, weak[k], "result {k}: weakness");
    }
}
