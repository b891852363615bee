//! Ordinary Rust functions as callbacks: what their parameters and results are as arrays.

use ndarray::{ArcArray, ArrayView, Dimension, IxDyn};

use super::{Callback, CallbackKind, EachLane, VmapMethod};
use crate::array::{Array, ArrayError, DType, Element, Shape, TensorType, dispatch};
use crate::error::BoxError;

use std::fmt;
use std::sync::Arc;

/// What a parameter accepts: an element type, and a shape or a number of axes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub enum Accepts {
    /// Anything.
    Any,
    /// Any number of axes.
    DType(DType),
    /// So many axes.
    Rank(DType, usize),
    /// One type.
    Type(TensorType),
}

impl Accepts {
    /// Whether an array of this type may be passed.
    pub(crate) fn fits(&self, ty: &TensorType) -> bool {
        match self {
            Accepts::Any => true,
            Accepts::DType(dtype) => ty.dtype == *dtype,
            Accepts::Rank(dtype, rank) => ty.dtype == *dtype && ty.rank() == *rank,
            Accepts::Type(wanted) => wanted.same_layout(ty),
        }
    }

    /// The element type asked for, which bare numbers take.
    pub(crate) fn dtype(&self) -> Option<DType> {
        match self {
            Accepts::Any => None,
            Accepts::DType(dtype) | Accepts::Rank(dtype, _) => Some(*dtype),
            Accepts::Type(ty) => Some(ty.dtype),
        }
    }
}

impl fmt::Display for Accepts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Accepts::Any => f.write_str("any array"),
            Accepts::DType(dtype) => write!(f, "an array of {}", dtype.name()),
            Accepts::Rank(dtype, rank) => {
                write!(f, "an array of {} with {rank} axes", dtype.name())
            }
            Accepts::Type(ty) => write!(f, "{ty}"),
        }
    }
}

/// A number, or an array of fixed length of such, nested at will: `f64`, `[f64; 3]`, `[[i32; 2]; 2]`.
pub trait HostNumber: Sized {
    /// The numbers.
    type Number: Element;
    /// The lengths of the axes, outermost first.
    #[doc(hidden)]
    fn lengths(out: &mut Shape);
    /// Reads one value off the front; none where there are too few numbers.
    #[doc(hidden)]
    fn take(numbers: &mut &[Self::Number]) -> Option<Self>;
    /// Writes the numbers in row-major order, and leaves what is behind them; false where there is too little room.
    #[doc(hidden)]
    fn put(self, out: &mut &mut [Self::Number]) -> bool;
}

macro_rules! plain_numbers {
    ($($ty:ty)*) => {$(
        impl HostNumber for $ty {
            type Number = $ty;
            fn lengths(_: &mut Shape) {}
            fn take(numbers: &mut &[$ty]) -> Option<$ty> {
                let (first, rest) = numbers.split_first()?;
                *numbers = rest;
                Some(*first)
            }
            fn put(self, out: &mut &mut [$ty]) -> bool {
                let Some((first, rest)) = std::mem::take(out).split_first_mut() else {
                    return false;
                };
                *first = self;
                *out = rest;
                true
            }
        }
    )*};
}
plain_numbers!(bool u8 u16 u32 u64 i8 i16 i32 i64 f32 f64);

impl<P: HostNumber, const N: usize> HostNumber for [P; N] {
    type Number = P::Number;
    fn lengths(out: &mut Shape) {
        out.push(N);
        P::lengths(out);
    }
    fn take(numbers: &mut &[P::Number]) -> Option<[P; N]> {
        let items: [Option<P>; N] = std::array::from_fn(|_| P::take(numbers));
        if items.iter().any(Option::is_none) {
            return None;
        }
        Some(items.map(|item| item.unwrap_or_else(|| unreachable!("none is missing"))))
    }
    fn put(self, out: &mut &mut [P::Number]) -> bool {
        self.into_iter().all(|item| item.put(out))
    }
}

fn plain_type<P: HostNumber>() -> TensorType {
    let mut shape = Shape::new();
    P::lengths(&mut shape);
    P::Number::spec(shape)
}

/// A parameter of a host function: a number, an array of fixed length, a slice, or an array or view of ndarray's.
///
/// `Item` is the same type with the lifetime of one call.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter of a host function",
    note = "take numbers, [T; N], &[T], or ndarray's Array, ArcArray and ArrayView of them"
)]
pub trait HostArgument {
    /// What the function is handed.
    type Item<'a>;
    /// What may be passed.
    #[doc(hidden)]
    fn accepts() -> Accepts;
    /// The argument; arrays come in row-major order.
    #[doc(hidden)]
    fn read(array: &Array) -> Result<Self::Item<'_>, BoxError>;
    /// The argument of one lane, read where it lies.
    #[doc(hidden)]
    fn read_lane(batch: LaneArgument<'_>, lane: usize) -> Result<Self::Item<'_>, BoxError>;
}

/// The arguments of all lanes, in row-major order.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub struct LaneArgument<'a> {
    pub(crate) batch: &'a Array,
    /// The shape of a lane's argument.
    pub(crate) shape: &'a [usize],
    /// How many elements there are from one lane to the next; none where all have the same.
    pub(crate) step: usize,
}

impl<'a> LaneArgument<'a> {
    fn elements<T: Element>(self, lane: usize) -> Result<&'a [T], BoxError> {
        let size = self.shape.iter().product::<usize>();
        let all = T::unwrap_ref(self.batch.data()).and_then(|a| a.as_slice());
        let own = all.and_then(|all| all.get(lane * self.step..lane * self.step + size));
        own.ok_or_else(|| "the elements do not lie in order".into())
    }

    fn view<T: Element, D: Dimension>(self, lane: usize) -> Result<ArrayView<'a, T, D>, BoxError> {
        let view = ArrayView::from_shape(IxDyn(self.shape), self.elements::<T>(lane)?)?;
        Ok(view.into_dimensionality()?)
    }
}

impl<P: HostNumber> HostArgument for P {
    type Item<'a> = P;
    fn accepts() -> Accepts {
        Accepts::Type(plain_type::<P>())
    }
    fn read(array: &Array) -> Result<P, BoxError> {
        let elements = array.elements::<P::Number>();
        P::take(&mut &elements[..]).ok_or_else(|| "too few numbers".into())
    }
    fn read_lane(batch: LaneArgument<'_>, lane: usize) -> Result<P, BoxError> {
        let mut elements = batch.elements::<P::Number>(lane)?;
        P::take(&mut elements).ok_or_else(|| "too few numbers".into())
    }
}

impl<T: Element> HostArgument for &[T] {
    type Item<'a> = &'a [T];
    fn accepts() -> Accepts {
        Accepts::Rank(T::DTYPE, 1)
    }
    fn read(array: &Array) -> Result<&[T], BoxError> {
        let view = T::unwrap_ref(array.data()).and_then(|a| a.as_slice());
        view.ok_or_else(|| "the elements do not lie in order".into())
    }
    fn read_lane(batch: LaneArgument<'_>, lane: usize) -> Result<&[T], BoxError> {
        batch.elements(lane)
    }
}

fn rank_of<T: Element, D: Dimension>() -> Accepts {
    match D::NDIM {
        Some(rank) => Accepts::Rank(T::DTYPE, rank),
        None => Accepts::DType(T::DTYPE),
    }
}

impl<T: Element, D: Dimension> HostArgument for ArrayView<'_, T, D> {
    type Item<'a> = ArrayView<'a, T, D>;
    fn accepts() -> Accepts {
        rank_of::<T, D>()
    }
    fn read(array: &Array) -> Result<ArrayView<'_, T, D>, BoxError> {
        Ok(array.view::<T>()?.into_dimensionality()?)
    }
    fn read_lane(batch: LaneArgument<'_>, lane: usize) -> Result<ArrayView<'_, T, D>, BoxError> {
        batch.view(lane)
    }
}

impl<T: Element, D: Dimension> HostArgument for ndarray::Array<T, D> {
    type Item<'a> = ndarray::Array<T, D>;
    fn accepts() -> Accepts {
        rank_of::<T, D>()
    }
    fn read(array: &Array) -> Result<Self, BoxError> {
        Ok(array.clone().into_ndarray::<T>()?.into_dimensionality()?)
    }
    fn read_lane(batch: LaneArgument<'_>, lane: usize) -> Result<Self, BoxError> {
        Ok(batch.view(lane)?.to_owned())
    }
}

impl<T: Element, D: Dimension> HostArgument for ArcArray<T, D> {
    type Item<'a> = ArcArray<T, D>;
    fn accepts() -> Accepts {
        rank_of::<T, D>()
    }
    fn read(array: &Array) -> Result<Self, BoxError> {
        Ok(array.clone().into_shared::<T>()?.into_dimensionality()?)
    }
    fn read_lane(batch: LaneArgument<'_>, lane: usize) -> Result<Self, BoxError> {
        Ok(batch.view(lane)?.to_shared())
    }
}

impl<T: Element> HostArgument for Vec<T> {
    type Item<'a> = Vec<T>;
    fn accepts() -> Accepts {
        Accepts::Rank(T::DTYPE, 1)
    }
    fn read(array: &Array) -> Result<Vec<T>, BoxError> {
        Ok(array.to_vec()?)
    }
    fn read_lane(batch: LaneArgument<'_>, lane: usize) -> Result<Vec<T>, BoxError> {
        Ok(batch.elements(lane)?.to_vec())
    }
}

impl HostArgument for Array {
    type Item<'a> = Array;
    fn accepts() -> Accepts {
        Accepts::Any
    }
    fn read(array: &Array) -> Result<Array, BoxError> {
        Ok(array.clone())
    }
    fn read_lane(batch: LaneArgument<'_>, lane: usize) -> Result<Array, BoxError> {
        Ok(dispatch!(batch.batch.data(), a => Array::from(typed_lane(a, batch, lane)?)))
    }
}

fn typed_lane<'a, T: Element>(
    _: &ArcArray<T, IxDyn>,
    batch: LaneArgument<'a>,
    lane: usize,
) -> Result<ArrayView<'a, T, IxDyn>, BoxError> {
    batch.view(lane)
}

/// What a host function returns: a number, an array of fixed length, an array of ndarray's, a tuple of these, or a
/// `Result` of any of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the result of a host function",
    note = "return numbers, [T; N], ndarray arrays, tuples of them, or a Result of one of these"
)]
pub trait HostResult {
    /// The types of the results, where the Rust type says them.
    #[doc(hidden)]
    fn types() -> Option<Vec<TensorType>>;
    /// How many results there are.
    #[doc(hidden)]
    const COUNT: usize;
    /// The results in order.
    #[doc(hidden)]
    fn put(self, out: &mut Vec<Array>) -> Result<(), BoxError>;
    /// Writes the results of a lane into those of all, where the Rust type says their types.
    #[doc(hidden)]
    fn put_lane(self, out: &mut [Array], lane: usize) -> Result<(), BoxError>;
}

impl<P: HostNumber> HostResult for P {
    fn types() -> Option<Vec<TensorType>> {
        Some(vec![plain_type::<P>()])
    }
    const COUNT: usize = 1;
    fn put(self, out: &mut Vec<Array>) -> Result<(), BoxError> {
        let shape = plain_type::<P>().shape;
        let at = out.len();
        out.push(Array::zeros(P::Number::DTYPE, &shape));
        self.put_lane(&mut out[at..], 0)
    }
    fn put_lane(self, out: &mut [Array], lane: usize) -> Result<(), BoxError> {
        let mut shape = Shape::new();
        P::lengths(&mut shape);
        let size = shape.iter().product::<usize>();
        let all = out
            .first_mut()
            .and_then(|out| P::Number::unwrap_mut(out.data_mut()));
        let own = all.and_then(|all| all.as_slice_mut()?.get_mut(lane * size..));
        if own.is_some_and(|mut own| HostNumber::put(self, &mut own)) {
            Ok(())
        } else {
            Err("too little room for the results".into())
        }
    }
}

macro_rules! array_results {
    ($([$($generics:tt)*] $ty:ty)*) => {$(
        impl<$($generics)*> HostResult for $ty {
            fn types() -> Option<Vec<TensorType>> {
                None
            }
            const COUNT: usize = 1;
            fn put(self, out: &mut Vec<Array>) -> Result<(), BoxError> {
                out.push(Array::from(self));
                Ok(())
            }
            fn put_lane(self, _: &mut [Array], _: usize) -> Result<(), BoxError> {
                Err("the type of the result does not say its shape".into())
            }
        }
    )*};
}
array_results! {
    [T: Element, D: Dimension] ndarray::Array<T, D>
    [T: Element, D: Dimension] ArcArray<T, D>
    [T: Element] Vec<T>
    [] Array
}

impl<R: HostResult, E: Into<BoxError>> HostResult for Result<R, E> {
    fn types() -> Option<Vec<TensorType>> {
        R::types()
    }
    const COUNT: usize = R::COUNT;
    fn put(self, out: &mut Vec<Array>) -> Result<(), BoxError> {
        self.map_err(Into::into)?.put(out)
    }
    fn put_lane(self, out: &mut [Array], lane: usize) -> Result<(), BoxError> {
        self.map_err(Into::into)?.put_lane(out, lane)
    }
}

macro_rules! tuple_results {
    ($($name:ident $at:tt)*) => {
        impl<$($name: HostResult),*> HostResult for ($($name,)*) {
            fn types() -> Option<Vec<TensorType>> {
                Some([$($name::types()?),*].concat())
            }
            const COUNT: usize = 0 $(+ $name::COUNT)*;
            fn put(self, out: &mut Vec<Array>) -> Result<(), BoxError> {
                $(self.$at.put(out)?;)*
                Ok(())
            }
            fn put_lane(self, out: &mut [Array], lane: usize) -> Result<(), BoxError> {
                let _rest = out;
                $(
                    let (own, _rest) = _rest.split_at_mut($name::COUNT);
                    self.$at.put_lane(own, lane)?;
                )*
                Ok(())
            }
        }
    };
}
tuple_results!(A 0);
tuple_results!(A 0 B 1);
tuple_results!(A 0 B 1 C 2);
tuple_results!(A 0 B 1 C 2 D 3);
tuple_results!(A 0 B 1 C 2 D 3 E 4);
tuple_results!(A 0 B 1 C 2 D 3 E 4 F 5);

/// An ordinary function of up to eight parameters, as [`Callback::of`] takes it.
///
/// `A` is the tuple of its parameters.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a function that can be called on the host",
    note = "it takes up to eight numbers, [T; N], &[T] or ndarray arrays and views, returns such or a Result of such, and is Send + Sync + 'static; write the types of a closure's parameters"
)]
pub trait HostFunction<A>: Send + Sync + 'static {
    /// What it accepts, by parameter.
    #[doc(hidden)]
    fn parameters() -> Vec<Accepts>;
    /// The types of its results, where its Rust type says them.
    #[doc(hidden)]
    fn results() -> Option<Vec<TensorType>>;
    /// Calls it with arrays in row-major order.
    #[doc(hidden)]
    fn call(&self, args: &[Array]) -> Result<Vec<Array>, BoxError>;
    /// Calls it for a lane of a batch, and writes the results where they stay, at `place`.
    #[doc(hidden)]
    fn call_lane(
        &self,
        args: &[LaneArgument<'_>],
        lane: usize,
        out: &mut [Array],
        place: usize,
    ) -> Result<(), BoxError>;
}

macro_rules! host_functions {
    ($count:literal $($name:ident $at:tt)*) => {
        // The first bound lets the compiler read the parameters off the function, the second asks that it takes borrowed
        // ones of any lifetime.
        impl<Fun, Ret, $($name: HostArgument),*> HostFunction<($($name,)*)> for Fun
        where
            Fun: Fn($($name),*) -> Ret + Send + Sync + 'static,
            for<'a> Fun: Fn($($name::Item<'a>),*) -> Ret,
            Ret: HostResult,
        {
            fn parameters() -> Vec<Accepts> {
                vec![$($name::accepts()),*]
            }
            fn results() -> Option<Vec<TensorType>> {
                Ret::types()
            }
            fn call(&self, args: &[Array]) -> Result<Vec<Array>, BoxError> {
                if args.len() != $count {
                    return Err(format!("{} arguments for a function of {}", args.len(), $count).into());
                }
                let mut out = Vec::new();
                self($($name::read(&args[$at])?),*).put(&mut out)?;
                Ok(out)
            }
            fn call_lane(
                &self,
                args: &[LaneArgument<'_>],
                lane: usize,
                out: &mut [Array],
                place: usize,
            ) -> Result<(), BoxError> {
                if args.len() != $count {
                    return Err(format!("{} arguments for a function of {}", args.len(), $count).into());
                }
                let _unused = lane;
                self($($name::read_lane(args[$at], lane)?),*).put_lane(out, place)
            }
        }
    };
}
host_functions!(0);
host_functions!(1 A 0);
host_functions!(2 A 0 B 1);
host_functions!(3 A 0 B 1 C 2);
host_functions!(4 A 0 B 1 C 2 D 3);
host_functions!(5 A 0 B 1 C 2 D 3 E 4);
host_functions!(6 A 0 B 1 C 2 D 3 E 4 F 5);
host_functions!(7 A 0 B 1 C 2 D 3 E 4 F 5 G 6);
host_functions!(8 A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7);

impl Callback {
    /// An ordinary Rust function for one example as a callback.
    ///
    /// The types of arguments and results are read off the function: numbers, `[T; N]` nested at will, slices, ndarray's arrays and
    /// views, tuples of results, and `Result` with any error. Arguments are checked against them where the callback is called, and
    /// bare numbers take the parameter's element type. Under `vmap` the function is called once per lane, fanned out over threads
    /// ([`VmapMethod::Parallel`]); [`Callback::vmap_method`] chooses another way.
    ///
    /// A function that returns arrays whose shape its type does not say needs [`Callback::returns`].
    ///
    /// ```
    /// use elimap::prelude::*;
    /// fn euler(y: [f64; 2], mu: f64) -> [f64; 2] {
    ///     let [x, v] = y;
    ///     [x + 0.1 * v, v + 0.1 * (mu * (1.0 - x * x) * v - x)]
    /// }
    /// let step = Callback::of("euler", euler);
    /// let starts = ndarray::array![[1.0, 0.0], [2.0, 0.0]];
    /// let after = vmap(&step).in_axes((0, None)).call((starts, 0.5))?;
    /// assert_eq!(after.to_vec::<f64>()?, [1.0, -0.1, 2.0, -0.2]);
    ///
    /// // Slices and views are borrowed from the argument; errors of any type carry the lane.
    /// let at = Callback::of("at", |table: &[f64], i: i64| {
    ///     table.get(i as usize).copied().ok_or_else(|| format!("no entry {i}"))
    /// });
    /// let error = vmap(&at).in_axes((None, 0)).call((vec![0.5, 0.25], vec![1_i64, 7])).unwrap_err();
    /// assert!(error.to_string().starts_with("callback `at` failed at lane [1]: no entry 7"));
    /// # Ok::<(), elimap::Error>(())
    /// ```
    pub fn of<A, F: HostFunction<A>>(name: &str, function: F) -> Self {
        let results = F::results();
        let function = Arc::new(function);
        let of_lanes = function.clone();
        // Where the function's type says where results go, lanes need no arrays of their own.
        let each: Option<Arc<EachLane>> = results.is_some().then(|| {
            Arc::new(
                move |args: &[LaneArgument<'_>], lane, out: &mut [Array], place| {
                    of_lanes.call_lane(args, lane, out, place)
                },
            ) as Arc<EachLane>
        });
        Callback {
            name: Arc::from(name),
            undeclared: results.is_none(),
            results: results.unwrap_or_default().into(),
            parameters: Some(F::parameters().into()),
            host: Arc::new(move |args| {
                let args: Vec<Array> = args.iter().map(Array::in_order).collect();
                function.call(&args)
            }),
            each,
            method: Some(VmapMethod::Parallel),
            kind: CallbackKind::Pure,
            log: None,
            derivative: None,
        }
    }

    /// Says the types of the results for one example, where the function's own type does not: one that returns an
    /// `Array1<f64>` does not say how long it is.
    ///
    /// ```
    /// use elimap::prelude::*;
    /// use ndarray::{Array1, ArrayView1};
    /// let reverse = Callback::of("reverse", |x: ArrayView1<f64>| -> Array1<f64> { x.iter().rev().copied().collect() })
    ///     .returns([f64::spec([3])]);
    /// assert_eq!(reverse.call((vec![1.0, 2.0, 3.0],))?.to_vec::<f64>()?, [3.0, 2.0, 1.0]);
    /// # Ok::<(), elimap::Error>(())
    /// ```
    #[must_use]
    pub fn returns(mut self, results: impl IntoIterator<Item = TensorType>) -> Self {
        self.results = results.into_iter().map(|ty| ty.with_weak(false)).collect();
        self.undeclared = false;
        // What the function's own type says need not be what is said here.
        self.each = None;
        self
    }
}

/// A function of up to three numbers, as [`elementwise`](crate::elementwise) takes it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a function of numbers",
    note = "take one, two or three numbers and return one; write the types of a closure's parameters"
)]
pub trait NumberFunction<A>: Send + Sync + 'static {
    /// The types of its parameters.
    #[doc(hidden)]
    const PARAMETERS: &'static [DType];
    /// The type of its result.
    #[doc(hidden)]
    const RESULT: DType;
    /// The results for as many elements; arguments are of that length, or of length 1.
    #[doc(hidden)]
    fn apply(&self, args: &[Array], len: usize) -> Result<Array, ArrayError>;
}

macro_rules! number_functions {
    ($($name:ident $at:tt)*) => {
        impl<Fun, Ret: Element, $($name: Element),*> NumberFunction<($($name,)*)> for Fun
        where
            Fun: Fn($($name),*) -> Ret + Send + Sync + 'static,
        {
            const PARAMETERS: &'static [DType] = &[$($name::DTYPE),*];
            const RESULT: DType = Ret::DTYPE;
            #[allow(non_snake_case)]
            fn apply(&self, args: &[Array], len: usize) -> Result<Array, ArrayError> {
                use rayon::prelude::*;
                $(let $name = args[$at].elements::<$name>();)*
                // Every `k % len` is `k`, or 0 for an argument of one element.
                let one = |k: usize| self($($name[k % $name.len()]),*);
                let out: Vec<Ret> = if len < 1024 {
                    (0..len).map(one).collect()
                } else {
                    (0..len).into_par_iter().with_min_len(256).map(one).collect()
                };
                Array::from_vec([len], out)
            }
        }
    };
}
number_functions!(A 0);
number_functions!(A 0 B 1);
number_functions!(A 0 B 1 C 2);
