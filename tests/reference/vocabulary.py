"""Writes random cases of the wide vocabulary: one function of jax.numpy, lax, nn, random or scipy under up to two vmaps.

    python vocabulary.py SEED COUNT > CASES.json

The cases have no answers yet; jax_runner.py asks JAX for them. A row of the table below names a function and draws its arrays
and keywords; a case draws a row and how its arrays are mapped. The functions keep away from poles and ties.
"""
import json
import random
import struct
import sys


def single(x):
    """The nearest float32."""
    return struct.unpack("f", struct.pack("f", x))[0]


class Draw:
    """The arrays and keywords of one call, as they are drawn."""

    def __init__(self, rng):
        self.rng, self.inputs, self.body, self.result = rng, [], [], None
        self.shape = ()
        self.float = rng.choice(["float64"] * 5 + ["float32"])

    def flag(self):
        return self.rng.random() < 0.5

    def pick(self, *choices):
        return self.rng.choice(choices)

    def shape_of(self, low=1, high=3, length=4):
        return [self.rng.randint(1, length) for _ in range(self.rng.randint(low, high))]

    def number(self, low, high, dtype):
        if dtype == "bool":
            return self.flag()
        if "int" in dtype:
            return self.rng.randint(int(low), int(high))
        return round(self.rng.uniform(low, high), 2 if dtype == "float32" else 6)

    def x(self, low=-2.0, high=2.0, dtype=None, shape=None, data=None):
        """An input array; its shape is what `axis` chooses from."""
        dtype = dtype or self.float
        shape = list(self.shape_of() if shape is None else shape)
        size = 1
        for n in shape:
            size *= n
        data = data or [self.number(low, high, dtype) for _ in range(size)]
        if dtype == "float32":
            data = [v if isinstance(v, str) else single(v) for v in data]
        self.inputs.append({"dtype": dtype, "shape": shape, "data": data})
        self.shape = shape
        return f"x{len(self.inputs) - 1}"

    def ints(self, low=-4, high=4, **given):
        return self.x(low, high, **{"dtype": "int64", **given})

    def any(self, **given):
        """Floats, integers or bools."""
        dtype = self.pick(self.float, self.float, "int64", "int32", "bool", "uint8")
        low = 0 if dtype in ("uint8", "uint32") else given.pop("low", -3)
        return self.x(**{"low": low, "high": 3, "dtype": dtype, **given})

    def apart(self, n, dtype=None, scale=0.37):
        """A vector of numbers none of which are equal."""
        data = [round((k - n / 2) * scale + self.rng.uniform(0, scale / 2), 3) for k in range(n)]
        self.rng.shuffle(data)
        return self.x(dtype=dtype, shape=[n], data=data)

    def axis(self, none=0.0):
        if self.rng.random() < none:
            return {}
        rank = len(self.shape)
        at = self.rng.randrange(rank)
        return {"axis": at - rank * self.flag()}

    def axes(self):
        """No axis, one or several."""
        rank = len(self.shape)
        if self.flag() or rank < 2:
            return self.axis(none=0.3)
        return {"axis": sorted(self.rng.sample(range(rank), 2))}

    def keep(self):
        return {"keepdims": True} if self.flag() else {}

    def square(self, n=None, shift=3.0):
        """A matrix with a heavy diagonal."""
        n = n or self.rng.randint(1, 4)
        data = [round(self.rng.uniform(-1, 1) + (shift if i == j else 0), 6) for i in range(n) for j in range(n)]
        return self.x(shape=[n, n], data=data)

    def positive(self, n=None):
        """A symmetric positive definite matrix."""
        n = n or self.rng.randint(1, 4)
        a = [[self.rng.uniform(-1, 1) for _ in range(n)] for _ in range(n)]
        data = [round(sum(x * y for x, y in zip(a[i], a[j])) + (1.5 + 0.3 * i if i == j else 0), 6) for i in range(n)
                for j in range(n)]
        return self.x(shape=[n, n], data=data)

    def key(self):
        self.inputs.append({"dtype": "uint32", "shape": [2], "data": [self.rng.randrange(2**32) for _ in range(2)]})
        name = f"x{len(self.inputs) - 1}"
        self.body.append({"op": "random.wrap_key_data", "args": [name], "out": f"k{name}"})
        return f"k{name}"

    def do(self, op, *args, out="y", named=None, **params):
        self.body.append({"op": op, "args": list(args), **({"named": named} if named else {}), **params, "out": out})
        return out


def two_shapes(d):
    """Shapes that broadcast."""
    shape = d.shape_of(1, 3)
    other = [1 if d.rng.random() < 0.25 else n for n in shape][d.rng.randint(0, len(shape) - 1):]
    return (shape, other) if d.flag() else (other, shape)


ROWS = {}


def row(op, draw):
    ROWS.setdefault(op, []).append(draw)


def unary(names, low=-2.0, high=2.0, prefix="", dtype=None):
    for name in names.split():
        row(prefix + name, lambda d, op=prefix + name: d.do(op, d.x(low, high, dtype=dtype)))


def mixed(names, prefix=""):
    for name in names.split():
        row(prefix + name, lambda d, op=prefix + name: d.do(op, d.any()))


def binary(names, low=-2.0, high=2.0, prefix="", dtype=None, low2=None, high2=None):
    for name in names.split():
        def draw(d, op=prefix + name):
            one, two = two_shapes(d)
            return d.do(op, d.x(low, high, shape=one, dtype=dtype),
                        d.x(low if low2 is None else low2, high if high2 is None else high2, shape=two, dtype=dtype))
        row(prefix + name, draw)


def mixed_binary(names):
    for name in names.split():
        def draw(d, op=name):
            one, two = two_shapes(d)
            return d.do(op, d.any(shape=one), d.any(shape=two))
        row(name, draw)


# numpy: elementwise
unary("arcsin arccos arctanh", -0.9, 0.9)
unary("arccosh", 1.1, 4)
mixed("arcsinh arctan cosh sinh exp2 cbrt rint fabs deg2rad rad2deg degrees radians sinc positive isfinite isinf isnan isneginf "
      "isposinf signbit i0 ones_like zeros_like nan_to_num round")
unary("log2 log10 log1p sqrt", 0.1, 5)
unary("reciprocal", 0.3, 3)
unary("bitwise_count invert", -9, 9, dtype="int64")
unary("logical_not", dtype="bool")
mixed_binary("add subtract maximum minimum fmax fmin logical_and logical_or logical_xor hypot logaddexp logaddexp2 copysign heaviside "
             "isclose array_equal array_equiv allclose")
binary("arctan2 float_power", 0.2, 3)
binary("true_divide remainder mod divmod", -5, 5, low2=0.5, high2=3)
ROWS.pop("divmod")
row("divmod", lambda d: d.do("divmod", d.x(-5, 5, shape=[3]), d.x(0.5, 3, shape=[3]), out=["y", "z"]))
binary("gcd lcm", 1, 30, dtype="int64")
binary("left_shift right_shift", 0, 6, dtype="int64")
binary("nextafter ldexp", 0, 3)
ROWS.pop("ldexp")
row("ldexp", lambda d: d.do("ldexp", d.x(shape=[3]), d.ints(-3, 3, shape=[3])))
row("frexp", lambda d: d.do("frexp", d.x(), out=["y", "z"]))
row("modf", lambda d: d.do("modf", d.x(), out=["y", "z"]))
row("clip", lambda d: d.do("clip", d.x(), -0.5, 1.0))
row("nan_to_num", lambda d: d.do("nan_to_num", d.x(shape=[3], data=[1.0, "nan", "inf"]), nan=d.pick(0.0, 2.0), posinf=7.0))
row("isclose", lambda d: d.do("isclose", d.x(shape=[3]), d.x(shape=[3]), rtol=0.3, atol=0.1))
row("round", lambda d: d.do("round", d.x(), decimals=d.pick(0, 1, 2)))

# numpy: reductions
for name in "mean var std median nanmean nanvar nanstd nansum nanprod nanmax nanmin ptp count_nonzero sum prod".split():
    row(name, lambda d, op=name: d.do(op, d.x(), **d.axes(), **d.keep()))
for name in "all mean sum prod".split():
    row(name, lambda d, op=name: d.do(op, d.any(), **d.axes(), **d.keep()))
for name in "var std nanvar nanstd".split():
    row(name, lambda d, op=name: d.do(op, d.x(shape=[3, 4]), axis=1, ddof=d.pick(0, 1)))
for name in "jnp.max jnp.min".split():
    row(name, lambda d, op=name: d.do(op, d.any(), **d.axes(), **d.keep()))
for name in "jnp.argmax jnp.argmin nanargmax nanargmin".split():
    row(name, lambda d, op=name: d.do(op, d.x(), **d.axis(none=0.3), **d.keep()))
for name in "jnp.cumsum jnp.cumprod nancumsum nancumprod".split():
    row(name, lambda d, op=name: d.do(op, d.any(), **d.axis(none=0.3)))
for name in "cumulative_sum cumulative_prod".split():
    row(name, lambda d, op=name: d.do(op, d.any(), **d.axis(), include_initial=d.flag()))
for name in "quantile nanquantile".split():
    row(name, lambda d, op=name: d.do(op, d.x(shape=[3, 4]), d.pick(0.25, 0.5, 0.9), **d.axes(), **d.keep(),
                                      method=d.pick("linear", "lower", "higher", "nearest", "midpoint")))
for name in "percentile nanpercentile".split():
    row(name, lambda d, op=name: d.do(op, d.x(shape=[3, 4]), d.x(0, 100, shape=[2]), **d.axis(none=0.3)))
row("nanmedian", lambda d: d.do("nanmedian", d.x(shape=[2, 3], data=[1.0, "nan", 2.5, -1.0, 4.0, "nan"]), **d.axes()))
row("average", lambda d: d.do("average", d.x(shape=[3, 2]), axis=0, named={"weights": d.x(0.1, 2, shape=[3])}))
row("sum", lambda d: d.do("sum", d.x(shape=[3, 2]), axis=0, named={"where": d.x(dtype="bool", shape=[3, 2])}))
row("mean", lambda d: d.do("mean", d.x(shape=[2, 2]), axis=0,
                           named={"where": d.x(dtype="bool", shape=[2, 2], data=[True, True, False, True])}))
row("cov", lambda d: d.do("cov", d.x(shape=[3, 4]), rowvar=d.flag()))
row("corrcoef", lambda d: d.do("corrcoef", d.x(shape=[2, 4])))
row("trace", lambda d: d.do("trace", d.any(shape=[3, 4]), offset=d.pick(-1, 0, 1)))
row("trapezoid", lambda d: d.do("trapezoid", d.x(shape=[3, 4]), dx=d.pick(1.0, 0.5), axis=d.pick(0, -1)))

# numpy: shapes
for name in "ravel atleast_1d atleast_2d atleast_3d fliplr flipud matrix_transpose".split():
    row(name, lambda d, op=name: d.do(op, d.any(shape=d.shape_of(2, 3))))
row("flip", lambda d: d.do("flip", d.any(), **d.axes()))
row("roll", lambda d: d.do("roll", d.any(), shift=d.pick(-3, 1, 2), **d.axis(none=0.3)))
row("rollaxis", lambda d: d.do("rollaxis", d.x(shape=[2, 3, 4]), axis=d.pick(0, 1, 2), start=d.pick(0, 1, 3)))
row("rot90", lambda d: d.do("rot90", d.any(shape=[2, 3]), k=d.pick(0, 1, 2, 3)))
row("swapaxes", lambda d: d.do("swapaxes", d.x(shape=[2, 3, 4]), axis1=0, axis2=d.pick(1, 2)))
row("moveaxis", lambda d: d.do("moveaxis", d.x(shape=[2, 3, 4]), source=d.pick(0, 1), destination=d.pick(-1, 2)))
row("tile", lambda d: d.do("tile", d.any(), reps=d.pick([2], [2, 1], [1, 2, 2])))
row("repeat", lambda d: d.do("repeat", d.any(), repeats=d.pick(1, 2, 3), **d.axis(none=0.3)))
row("resize", lambda d: d.do("resize", d.any(), new_shape=d.pick([2, 3], [5], [2, 2, 2])))
row("broadcast_to", lambda d: d.do("broadcast_to", d.any(shape=[3]), shape=[2, 3]))
row("jnp.expand_dims", lambda d: d.do("jnp.expand_dims", d.any(shape=[2, 3]), axis=d.pick(0, -1, [0, 2])))
row("jnp.squeeze", lambda d: d.do("jnp.squeeze", d.any(shape=[1, 3, 1]), **d.pick({}, {"axis": 0}, {"axis": [0, -1]})))
for name in "vstack hstack dstack column_stack".split():
    row(name, lambda d, op=name: d.do(op, [d.any(shape=[2, 3]), d.any(shape=[2, 3])]))
row("stack", lambda d: d.do("stack", [d.any(shape=[2, 3]), d.any(shape=[2, 3])], axis=d.pick(0, 1, -1)))
row("jnp.concatenate", lambda d: d.do("jnp.concatenate", [d.any(shape=[2, 3]), d.any(shape=[2, 3])], axis=d.pick(0, 1, -1)))
row("append", lambda d: d.do("append", d.any(shape=[2, 3]), d.any(shape=[2, 3]), **d.axis(none=0.4)))
row("block", lambda d: d.do("block", [[d.x(shape=[2, 2]), d.x(shape=[2, 1])], [d.x(shape=[1, 2]), d.x(shape=[1, 1])]]))
row("split", lambda d: d.do("split", d.x(shape=[4, 3]), indices_or_sections=d.pick(2, [1]), axis=0, out=["y", "z"]))
row("array_split", lambda d: d.do("array_split", d.x(shape=[5]), indices_or_sections=2, out=["y", "z"]))
for name, shape in [("vsplit", [4, 3]), ("hsplit", [3, 4]), ("dsplit", [1, 2, 4])]:
    row(name, lambda d, op=name, s=shape: d.do(op, d.x(shape=s), indices_or_sections=d.pick(2, [1]), out=["y", "z"]))
row("unstack", lambda d: d.do("unstack", d.x(shape=[2, 3]), axis=0, out=["y", "z"]))
row("meshgrid", lambda d: d.do("meshgrid", d.any(shape=[2]), d.any(shape=[3]), indexing=d.pick("xy", "ij"), sparse=d.flag(),
                               out=["y", "z"]))
row("broadcast_arrays", lambda d: d.do("broadcast_arrays", d.any(shape=[2, 1]), d.any(shape=[3]), out=["y", "z"]))
row("diag", lambda d: d.do("diag", d.any(shape=d.pick([3], [3, 4])), k=d.pick(-1, 0, 1)))
row("diagflat", lambda d: d.do("diagflat", d.any(shape=[2, 2]), k=d.pick(-1, 0, 1)))
row("diagonal", lambda d: d.do("diagonal", d.any(shape=[3, 4, 2]), offset=d.pick(-1, 0, 1), axis1=0, axis2=d.pick(1, 2)))
for name in "tril triu".split():
    row(name, lambda d, op=name: d.do(op, d.any(shape=[3, 4]), k=d.pick(-1, 0, 1)))
row("tri", lambda d: d.do("add", d.do("tri", N=3, M=d.pick(3, 4), k=d.pick(-1, 0, 1), out="t"), d.x(shape=[1])))
row("eye", lambda d: d.do("add", d.do("eye", N=3, M=4, k=d.pick(-1, 0, 1), out="t"), d.x(shape=[1])))
row("identity", lambda d: d.do("add", d.do("identity", n=3, out="t"), d.x(shape=[1])))
row("vander", lambda d: d.do("vander", d.x(shape=[3]), N=d.pick(2, 3, 4), increasing=d.flag()))
row("full_like", lambda d: d.do("full_like", d.any(), 2))
row("linspace", lambda d: d.do("linspace", d.x(shape=[]), d.x(2, 4, shape=d.pick([], [2])), num=d.pick(1, 4, 5), endpoint=d.flag(),
                               axis=d.pick(0, -1)))
row("logspace", lambda d: d.do("logspace", d.x(shape=[]), d.x(shape=[]), num=4, base=d.pick(10.0, 2.0), endpoint=d.flag()))
row("geomspace", lambda d: d.do("geomspace", d.x(1, 2, shape=[]), d.x(3, 9, shape=[]), num=4, endpoint=d.flag()))
row("arange", lambda d: d.do("add", d.do("arange", start=d.pick(1, 0.5), stop=d.pick(6, 5.5), step=d.pick(1, 2), out="t"), d.ints(shape=[1])))
row("jnp.pad", lambda d: d.do("jnp.pad", d.x(shape=[3, 4]), pad_width=d.pick(1, [1, 2], [[1, 0], [2, 1]]),
                              mode=d.pick("constant", "edge", "reflect", "symmetric", "wrap")))
row("jnp.pad", lambda d: d.do("jnp.pad", d.any(shape=[3]), pad_width=[[1, 2]], constant_values=1))

# numpy: sorting, searching, sets
for name in "jnp.sort jnp.argsort".split():
    row(name, lambda d, op=name: d.do(op, d.any(), **d.axis(none=0.3), descending=d.flag()))
row("lexsort", lambda d: d.do("lexsort", [d.any(shape=[4]), d.any(shape=[4])]))
row("partition", lambda d: d.do("jnp.take", d.do("partition", d.apart(5), kth=2, out="p"), d.ints(2, 2, shape=[1])))
row("searchsorted", lambda d: d.do("searchsorted", d.x(shape=[5], data=[-1.5, -0.5, 0.0, 0.0, 1.25]), d.any(), side=d.pick("left", "right")))
row("digitize", lambda d: d.do("digitize", d.x(), d.x(shape=[3], data=d.pick([-1.0, 0.0, 1.0], [1.0, 0.0, -1.0])), right=d.flag()))
row("interp", lambda d: d.do("interp", d.x(), d.x(shape=[4], data=[-1.0, 0.0, 0.5, 1.5]), d.x(shape=[4])))
row("interp", lambda d: d.do("interp", d.x(), d.x(shape=[4], data=[-1.0, 0.0, 0.5, 1.5]), d.x(shape=[4]), left=d.pick(-9.0, 9.0), right=7.0))
row("interp", lambda d: d.do("interp", d.x(), d.x(shape=[4], data=[-1.0, 0.0, 0.5, 1.5]), d.x(shape=[4]), period=d.pick(3.0, 4.0)))
row("isin", lambda d: d.do("isin", d.ints(), d.ints(shape=[3]), invert=d.flag()))
row("nonzero", lambda d: d.do("nonzero", d.ints(-1, 1, shape=[5]), size=d.pick(2, 4, 6), fill_value=d.pick(0, -1), out=["y"]))
row("flatnonzero", lambda d: d.do("flatnonzero", d.ints(-1, 1, shape=[2, 3]), size=4, fill_value=d.pick(0, -1)))
row("argwhere", lambda d: d.do("argwhere", d.ints(-1, 1, shape=[2, 3]), size=4, fill_value=d.pick(0, -1)))
row("unique", lambda d: d.do("unique", d.ints(-2, 2, shape=[6]), size=d.pick(3, 5, 7), return_counts=True, return_inverse=True, out=["y", "z", "w"]))
row("unique", lambda d: d.do("unique", d.ints(-2, 2, shape=[2, 3]), size=4, fill_value=9))
for name in "union1d intersect1d setdiff1d setxor1d".split():
    row(name, lambda d, op=name: d.do(op, d.ints(-2, 2, shape=[5]), d.ints(-2, 2, shape=[4]), size=d.pick(4, 6), fill_value=-9))
row("bincount", lambda d: d.do("bincount", d.ints(0, 4, shape=[6]), length=d.pick(3, 5, 7)))
row("bincount", lambda d: d.do("bincount", d.ints(0, 4, shape=[6]), length=5, named={"weights": d.x(shape=[6])}))
row("histogram", lambda d: d.do("histogram", d.x(shape=[6]), bins=d.pick(3, 4), range=[-2.0, 2.0], density=d.flag(), out=["y", "z"]))
row("histogram", lambda d: d.do("histogram", d.x(shape=[6]), bins=4, named={"weights": d.x(0, 1, shape=[6])}, out=["y", "z"]))
row("histogram_bin_edges", lambda d: d.do("histogram_bin_edges", d.any(), bins=4))
row("histogram2d", lambda d: d.do("histogram2d", d.x(shape=[6]), d.x(shape=[6]), bins=3, density=d.flag(), out=["y", "z", "w"]))
row("where", lambda d: d.do("where", d.x(dtype="bool", shape=[2, 3]), d.any(shape=[3]), d.any(shape=[2, 1])))
row("jnp.select", lambda d: d.do("jnp.select", [d.x(dtype="bool", shape=[3]), d.x(dtype="bool", shape=[3])], [d.x(shape=[3]), d.x(shape=[3])], 0.5))
row("choose", lambda d: d.do("choose", d.ints(0, 1, shape=[3]), [d.any(shape=[3]), d.any(shape=[3])], mode=d.pick("clip", "wrap")))
row("compress", lambda d: d.do("compress", d.x(dtype="bool", shape=[3]), d.x(shape=[3, 2]), axis=0, size=2, fill_value=0))
row("extract", lambda d: d.do("extract", d.x(dtype="bool", shape=[4]), d.x(shape=[4]), size=3, fill_value=0))
row("jnp.take", lambda d: d.do("jnp.take", d.any(shape=[3, 4]), d.ints(-5, 5, shape=[2]), **d.pick({}, {"axis": 0}, {"axis": -1}),
                               **d.pick({}, {"mode": "clip"}, {"mode": "wrap"}, {"mode": "fill"})))
row("take_along_axis", lambda d: d.do("take_along_axis", d.x(shape=[3, 4]), d.ints(-3, 2, shape=[2, 4]), axis=0))
row("put_along_axis", lambda d: d.do("put_along_axis", d.x(shape=[3, 4]), d.ints(0, 2, shape=[1, 4]), d.x(shape=[1, 4]), axis=0, inplace=False))
row("unravel_index", lambda d: d.do("unravel_index", d.ints(0, 11, shape=[3]), shape=[3, 4], out=["y", "z"]))
row("ravel_multi_index", lambda d: d.do("ravel_multi_index", [d.ints(-1, 4, shape=[3]), d.ints(-1, 4, shape=[3])], dims=[3, 4], mode=d.pick("clip", "wrap")))
row("insert", lambda d: d.do("insert", d.x(shape=[4]), 1, d.x(shape=[]), axis=0))
row("delete", lambda d: d.do("delete", d.any(shape=[4]), d.pick(0, 1, -1), axis=0))

# numpy: products, polynomials, signals
for name in "inner dot outer kron vdot".split():
    row(name, lambda d, op=name: d.do(op, d.any(shape=[3]), d.any(shape=[3])))
row("dot", lambda d: d.do("dot", d.any(shape=[2, 3]), d.any(shape=[3, 2])))
row("kron", lambda d: d.do("kron", d.x(shape=[2, 3]), d.x(shape=[2, 2])))
row("vecdot", lambda d: d.do("vecdot", d.x(shape=[2, 3]), d.x(shape=[3])))
row("cross", lambda d: d.do("cross", d.x(shape=[2, 3]), d.x(shape=[2, 3])))
row("tensordot", lambda d: d.do("tensordot", d.x(shape=[2, 3, 4]), d.x(shape=[3, 4, 2]), axes=d.pick(2, [[1, 2], [0, 1]], [[0], [2]])))
row("einsum", lambda d: d.do("einsum", d.x(shape=[2, 3]), d.x(shape=[3, 4]), spec=d.pick("ij,jk->ik", "ij,jk", "ij,jk->k")))
row("polyval", lambda d: d.do("polyval", d.any(shape=[3]), d.any()))
row("polyadd", lambda d: d.do("polyadd", d.any(shape=[3]), d.any(shape=[2])))
row("polymul", lambda d: d.do("polymul", d.any(shape=[3]), d.any(shape=[2])))
row("polyder", lambda d: d.do("polyder", d.any(shape=[4]), m=d.pick(1, 2)))
row("polyint", lambda d: d.do("polyint", d.any(shape=[3]), m=d.pick(1, 2)))
for name in "convolve correlate".split():
    row(name, lambda d, op=name: d.do(op, d.any(shape=[d.pick(2, 3, 5)]), d.any(shape=[d.pick(1, 2, 3, 4)]), mode=d.pick("full", "same", "valid")))
row("diff", lambda d: d.do("diff", d.any(shape=[2, 4]), n=d.pick(1, 2), axis=d.pick(0, -1)) if d.flag() else d.do("diff", d.any(shape=[4])))
row("ediff1d", lambda d: d.do("ediff1d", d.x(shape=[2, 3])))
row("gradient", lambda d: d.do("gradient", d.x(shape=[4])))
row("unwrap", lambda d: d.do("unwrap", d.x(-9, 9, shape=[5])))
row("packbits", lambda d: d.do("packbits", d.x(dtype="bool", shape=[10]), bitorder=d.pick("big", "little")))
row("unpackbits", lambda d: d.do("unpackbits", d.x(0, 255, dtype="uint8", shape=[2, 2]), axis=1, bitorder=d.pick("big", "little")))

# lax
mixed("stop_gradient", "lax.")
unary("asinh cbrt exp2", prefix="lax.")
unary("atanh erf_inv", -0.9, 0.9, prefix="lax.")
unary("digamma", 0.3, 6, prefix="lax.")
unary("erfc bessel_i0e bessel_i1e", -3, 3, prefix="lax.")
unary("clz population_count", 0, 99, prefix="lax.", dtype="int64")
binary("igamma igammac igamma_grad_a", 0.2, 6, prefix="lax.", dtype="float64")
for name in "igamma igammac igamma_grad_a".split():
    ROWS["lax." + name] = [lambda d, op="lax." + name: d.do(op, d.x(0.2, 6, shape=[3]), d.x(0.2, 6, shape=[3]))]
row("lax.betainc", lambda d: d.do("lax.betainc", d.x(0.3, 5, shape=[3]), d.x(0.3, 5, shape=[3]), d.x(0.05, 0.95, shape=[3])))
row("lax.zeta", lambda d: d.do("lax.zeta", d.x(1.5, 5, shape=[3]), d.x(0.5, 5, shape=[3])))
row("lax.random_gamma_grad", lambda d: d.do("lax.random_gamma_grad", d.x(0.3, 5, shape=[3]), d.x(0.3, 5, shape=[3])))
row("lax.nextafter", lambda d: d.do("lax.nextafter", d.x(shape=[3]), d.x(shape=[3])))
row("lax.integer_pow", lambda d: d.do("lax.integer_pow", d.x(0.3, 2), y=d.pick(-2, 0, 1, 3)))
row("lax.mulhi", lambda d: d.do("lax.mulhi", d.x(0, 2**31 - 1, dtype="int32", shape=[3]), d.x(0, 2**31 - 1, dtype="int32", shape=[3])))
for name in "shift_left shift_right_arithmetic shift_right_logical".split():
    row("lax." + name, lambda d, op="lax." + name: d.do(op, d.ints(-9, 9, shape=[3]), d.ints(0, 5, shape=[3])))
row("lax.reduce_precision", lambda d: d.do("lax.reduce_precision", d.x(), exponent_bits=d.pick(5, 8, 11), mantissa_bits=d.pick(3, 10, 23)))
row("lax.bitcast_convert_type", lambda d: d.do("lax.bitcast_convert_type", d.x(dtype="float32"), new_dtype=d.pick("int32", "uint32", "uint8")))
row("lax.bitcast_convert_type", lambda d: d.do("lax.bitcast_convert_type", d.x(dtype="float64"), new_dtype=d.pick("int64", "uint32")))
row("lax.bitcast_convert_type", lambda d: d.do("lax.bitcast_convert_type", d.x(0, 255, dtype="uint8", shape=[3, 4]), new_dtype=d.pick("int32", "float32")))
for name in "reduce_and reduce_or reduce_xor".split():
    row("lax." + name, lambda d, op="lax." + name: d.do(op, d.x(0, 9, dtype=d.pick("bool", "int64", "uint8"), shape=[2, 3]), axes=d.pick([0], [1], [0, 1])))
row("lax.top_k", lambda d: d.do("lax.top_k", d.x(shape=[2, 4]), k=d.pick(1, 3), out=["y", "z"]))
row("lax.collapse", lambda d: d.do("lax.collapse", d.x(shape=[2, 3, 4]), start_dimension=d.pick(0, 1), stop_dimension=d.pick(2, 3)))
row("lax.reshape", lambda d: d.do("lax.reshape", d.x(shape=[2, 3, 4]), new_sizes=[6, 4], **d.pick({}, {"dimensions": [1, 0, 2]})))
row("lax.index_in_dim", lambda d: d.do("lax.index_in_dim", d.x(shape=[3, 4]), index=d.pick(0, 1, -1), axis=d.pick(0, 1), keepdims=d.flag()))
row("lax.dynamic_index_in_dim", lambda d: d.do("lax.dynamic_index_in_dim", d.x(shape=[3, 4]), d.ints(-5, 5, shape=[]), axis=d.pick(0, 1), keepdims=d.flag()))
row("lax.dynamic_slice_in_dim", lambda d: d.do("lax.dynamic_slice_in_dim", d.x(shape=[3, 4]), d.ints(-5, 5, shape=[]), slice_size=2, axis=d.pick(0, 1)))
row("lax.dynamic_update_index_in_dim", lambda d: d.do("lax.dynamic_update_index_in_dim", d.x(shape=[3, 4]), d.x(shape=[4]), d.ints(-5, 5, shape=[]), axis=0))
row("lax.select_n", lambda d: d.do("lax.select_n", d.x(0, 2, dtype="int32", shape=[4]), d.x(shape=[4]), d.x(shape=[4]), d.x(shape=[4])))
row("lax.sort", lambda d: d.do("lax.sort", d.ints(0, 2, shape=[5]), d.x(shape=[5]), dimension=0, num_keys=d.pick(1, 2), out=["y", "z"]))
row("lax.split", lambda d: d.do("lax.split", d.x(shape=[5, 2]), sizes=[2, 3], axis=0, out=["y", "z"]))
row("lax.argmax", lambda d: d.do("lax.argmax", d.x(shape=[3, 4]), axis=d.pick(0, 1), index_dtype=d.pick("int32", "int64")))
row("lax.optimization_barrier", lambda d: d.do("lax.optimization_barrier", d.x()))
row("lax.batch_matmul", lambda d: d.do("lax.batch_matmul", d.x(shape=[2, 2, 3]), d.x(shape=[2, 3, 2])))
row("lax.dot_general", lambda d: d.do("lax.dot_general", d.x(shape=[2, 3], dtype="float32"), d.x(shape=[3, 2], dtype="float32"),
                                      dimension_numbers=[[[1], [0]], [[], []]], **d.pick({}, {"preferred_element_type": "float64"})))
WINDOW = lambda d: {"window_dimensions": [2, d.pick(1, 2)], "window_strides": [1, d.pick(1, 2)]}  # noqa: E731
row("lax.reduce_window", lambda d: d.do("lax.reduce_window", d.x(shape=[3, 4]), {"dtype": d.float, "shape": [], "data": [d.pick(0, 0.5)]},
                                        computation=d.pick("add", "max", "min", "mul"), **WINDOW(d),
                                        padding=d.pick("SAME", "VALID", [[1, 0], [0, 1]]), **d.pick({}, {"base_dilation": [2, 1]}, {"window_dilation": [1, 2]})))
for name in "select_and_gather_add".split():
    row("lax." + name, lambda d, op="lax." + name: d.do(op, d.x(shape=[3, 4]), d.x(shape=[3, 4]), select=d.pick("ge", "le"), **WINDOW(d),
                                                        padding=d.pick([[0, 0], [0, 0]], [[1, 0], [0, 1]])))
row("lax.select_and_scatter_add", lambda d: d.do("lax.select_and_scatter_add", d.x(shape=[2, 3]), d.x(shape=[3, 4]), select=d.pick("ge", "le"),
                                                 window_dimensions=[2, 2], window_strides=[1, 1], padding=[[0, 0], [0, 0]]))
row("lax.reduce", lambda d: d.do("lax.reduce", d.x(shape=[3, 4]), {"dtype": d.float, "shape": [], "data": [0]}, dimensions=d.pick([0], [1], [0, 1]),
                                 computation=d.pick("add", "max", {"args": ["a", "b"], "body": [{"op": "hypot", "args": ["a", "b"], "out": "c"}], "return": "c"})))
row("lax.associative_scan", lambda d: d.do("lax.associative_scan", d.x(shape=[5, 2]), axis=d.pick(0, 1), reverse=d.flag(),
                                           fun={"args": ["a", "b"], "body": [{"op": d.pick("add", "mul", "max"), "args": ["a", "b"], "out": "c"}], "return": "c"}))
row("lax.conv_general_dilated", lambda d: d.do(
    "lax.conv_general_dilated", d.x(shape=[2, 2, 5, 4]), d.x(shape=[2, 2, 2, 3]), window_strides=[d.pick(1, 2), 1],
    padding=d.pick("SAME", "VALID", [[1, 0], [0, 2]], [[-1, 1], [1, 1]]), **d.pick({}, {"lhs_dilation": [2, 1]}, {"rhs_dilation": [1, 2]}, {"rhs_dilation": [2, 1]})))
row("lax.conv_general_dilated", lambda d: d.do(
    "lax.conv_general_dilated", d.x(shape=[2, 5, 4]), d.x(shape=[3, 2, 4]), window_strides=[d.pick(1, 2)], padding=d.pick("SAME", "VALID"),
    dimension_numbers=["NWC", "WIO", "NWC"], feature_group_count=2))
row("lax.conv_general_dilated", lambda d: d.do(
    "lax.conv_general_dilated", d.x(shape=[4, 2, 5]), d.x(shape=[2, 2, 3]), window_strides=[1], padding="VALID", batch_group_count=2))
row("lax.conv_general_dilated_patches", lambda d: d.do("lax.conv_general_dilated_patches", d.x(shape=[1, 2, 4, 4]), filter_shape=[2, 2],
                                                       window_strides=[d.pick(1, 2), 1], padding=d.pick("SAME", "VALID")))
row("lax.conv_transpose", lambda d: d.do("lax.conv_transpose", d.x(shape=[1, 4, 2]), d.x(shape=[3, 2, 2]), strides=[d.pick(1, 2, 3)],
                                         padding=d.pick("SAME", "VALID"), dimension_numbers=["NWC", "WIO", "NWC"]))

# linear algebra
for name in "det inv slogdet matrix_rank cond".split():
    outs = ["y", "z"] if name == "slogdet" else "y"
    row("linalg." + name, lambda d, op="linalg." + name, o=outs: d.do(op, d.square(), out=o))
row("linalg.cholesky", lambda d: d.do("linalg.cholesky", d.positive(), **d.pick({}, {"upper": True})))
row("linalg.solve", lambda d: d.do("linalg.solve", d.square(3), d.x(shape=d.pick([3], [3, 2]))))
row("linalg.eigvalsh", lambda d: d.do("linalg.eigvalsh", d.positive()))
row("linalg.svdvals", lambda d: d.do("linalg.svdvals", d.x(shape=d.pick([3, 2], [2, 3]))))
row("linalg.pinv", lambda d: d.do("linalg.pinv", d.x(shape=d.pick([3, 2], [2, 3]))))
row("linalg.lstsq", lambda d: d.do("linalg.lstsq", d.x(shape=[4, 2]), d.x(shape=d.pick([4], [4, 2]))))
row("linalg.matrix_power", lambda d: d.do("linalg.matrix_power", d.square(), n=d.pick(-2, 0, 1, 3)))
row("linalg.norm", lambda d: d.do("linalg.norm", d.x(shape=d.pick([3], [2, 3])), **d.keep()))
row("linalg.norm", lambda d: d.do("linalg.norm", d.x(shape=[2, 3]), ord=d.pick(1, 2, -1, "fro", "nuc", "inf")))
row("linalg.norm", lambda d: d.do("linalg.norm", d.x(shape=[2, 3]), ord=d.pick(1, 2, 3, 0, "inf"), axis=d.pick(0, 1)))
row("linalg.vector_norm", lambda d: d.do("linalg.vector_norm", d.x(shape=[2, 3]), ord=d.pick(1, 2, 3), axis=d.pick(0, 1, [0, 1]), **d.keep()))
row("linalg.matrix_norm", lambda d: d.do("linalg.matrix_norm", d.x(shape=[2, 3]), ord=d.pick(1, 2, "fro", "nuc"), **d.keep()))
row("linalg.multi_dot", lambda d: d.do("linalg.multi_dot", [d.x(shape=[2, 3]), d.x(shape=[3, 2]), d.x(shape=[2, 4])]))
row("linalg.tensorinv", lambda d: d.do("linalg.tensorinv", d.x(shape=[4, 2, 2]), ind=1))
row("linalg.tensorsolve", lambda d: d.do("linalg.tensorsolve", d.x(shape=[4, 2, 2]), d.x(shape=[4])))
row("linalg.trace", lambda d: d.do("linalg.trace", d.x(shape=[3, 4]), offset=d.pick(-1, 0, 1)))
row("linalg.diagonal", lambda d: d.do("linalg.diagonal", d.x(shape=[3, 4]), offset=d.pick(-1, 0, 1)))
row("linalg.cross", lambda d: d.do("linalg.cross", d.x(shape=[2, 3]), d.x(shape=[2, 3])))
row("linalg.outer", lambda d: d.do("linalg.outer", d.x(shape=[2]), d.x(shape=[3])))
row("lax.linalg.cholesky", lambda d: d.do("lax.linalg.cholesky", d.positive()))
row("lax.linalg.lu", lambda d: d.do("lax.linalg.lu", d.x(shape=d.pick([3, 3], [3, 2], [2, 3])), out=["y", "z", "w"]))
row("lax.linalg.triangular_solve", lambda d: d.do("lax.linalg.triangular_solve", d.square(3), d.x(shape=[3, 3]), left_side=d.flag(), lower=d.flag(),
                                                  transpose_a=d.flag(), unit_diagonal=d.flag()))
row("lax.linalg.tridiagonal_solve", lambda d: d.do("lax.linalg.tridiagonal_solve", d.x(shape=[4], data=[0.0, 0.5, -0.4, 0.3]), d.x(3, 4, shape=[4]),
                                                   d.x(shape=[4], data=[0.5, -0.4, 0.3, 0.0]), d.x(shape=[4, 2])))
row("scipy.linalg.block_diag", lambda d: d.do("scipy.linalg.block_diag", d.x(shape=[2, 3]), d.x(shape=[1, 2])))
row("scipy.linalg.expm", lambda d: d.do("scipy.linalg.expm", d.square(shift=d.pick(-3.0, 0.0, 2.0))))
row("scipy.linalg.det", lambda d: d.do("scipy.linalg.det", d.square()))
row("scipy.linalg.inv", lambda d: d.do("scipy.linalg.inv", d.square()))
row("scipy.linalg.cholesky", lambda d: d.do("scipy.linalg.cholesky", d.positive(), lower=d.flag()))
row("scipy.linalg.solve", lambda d: d.do("scipy.linalg.solve", d.square(3), d.x(shape=[3])))
row("scipy.linalg.solve_triangular", lambda d: d.do("scipy.linalg.solve_triangular", d.square(3), d.x(shape=d.pick([3], [3, 2])), trans=d.pick(0, 1), lower=d.flag(), unit_diagonal=d.flag()))
row("scipy.linalg.toeplitz", lambda d: d.do("scipy.linalg.toeplitz", d.x(shape=[3]), d.x(shape=[4])))
row("scipy.linalg.lu", lambda d: d.do("scipy.linalg.lu", d.x(shape=[3, 3]), out=["y", "z", "w"]))
row("scipy.linalg.lu_factor", lambda d: d.do("scipy.linalg.lu_factor", d.square(), out=["y", "z"]))
row("scipy.linalg.cho_solve", lambda d: d.do("scipy.linalg.cho_solve", d.square(3), d.x(shape=[3]), lower=d.flag()))

# fft of real results
for name in "fftshift ifftshift".split():
    row("fft." + name, lambda d, op="fft." + name: d.do(op, d.x(shape=[3, 4]), **d.pick({}, {"axes": 0}, {"axes": [0, 1]})))
for name in "fftfreq rfftfreq".split():
    row("fft." + name, lambda d, op="fft." + name: d.do("add", d.do(op, n=d.pick(4, 5), d=d.pick(1.0, 0.5), out="t"), d.x(shape=[1])))
row("scipy.fft.dct", lambda d: d.do("scipy.fft.dct", d.x(shape=[2, 4]), **d.pick({}, {"norm": "ortho"}), **d.axis()))
for name in "convolve fftconvolve".split():
    row("scipy.signal." + name, lambda d, op="scipy.signal." + name: d.do(op, *d.pick(
        lambda: (d.x(shape=[5]), d.x(shape=[3])), lambda: (d.x(shape=[4, 3]), d.x(shape=[2, 2])))(), mode=d.pick("full", "same", "valid")))

# nn
unary("celu elu gelu hard_sigmoid hard_silu hard_tanh identity leaky_relu log_sigmoid mish relu relu6 selu sigmoid silu soft_sign softplus "
      "sparse_plus sparse_sigmoid squareplus", -3, 3, prefix="nn.")
unary("log1mexp", 0.2, 3, prefix="nn.")
row("nn.gelu", lambda d: d.do("nn.gelu", d.x(), approximate=d.flag()))
row("nn.elu", lambda d: d.do("nn.elu", d.x(), alpha=1.5))
row("nn.leaky_relu", lambda d: d.do("nn.leaky_relu", d.x(), negative_slope=0.2))
for name in "softmax log_softmax standardize logsumexp logmeanexp".split():
    row("nn." + name, lambda d, op="nn." + name: d.do(op, d.x(shape=[3, 4]), axis=d.pick(0, -1, [0, 1])))
row("nn.logsumexp", lambda d: d.do("nn.logsumexp", d.x(shape=[3, 4]), axis=d.pick(0, 1), **d.keep(), named={"b": d.x(0.1, 2, shape=[3, 4])}))
row("nn.glu", lambda d: d.do("nn.glu", d.x(shape=[2, 4]), axis=d.pick(0, -1)))
row("nn.one_hot", lambda d: d.do("nn.one_hot", d.ints(-1, 4, shape=[3]), num_classes=4, axis=d.pick(-1, 0)))
row("nn.dot_product_attention", lambda d: d.do("nn.dot_product_attention", d.x(shape=[2, 3, 2, 4]), d.x(shape=[2, 3, 2, 4]), d.x(shape=[2, 3, 2, 4]), is_causal=d.flag()))
for name in "sum prod max min".split():
    row("ops.segment_" + name, lambda d, op="ops.segment_" + name: d.do(op, d.any(shape=d.pick([5], [5, 2])), d.ints(0, 2, shape=[5]), num_segments=4))

# scipy.special
unary("erf erfc expit i0 i0e i1 i1e ndtr log_ndtr dawsn erfcx sici fresnel", -3, 3, prefix="scipy.special.")
for name in "sici fresnel".split():
    ROWS["scipy.special." + name] = [lambda d, op="scipy.special." + name: d.do(op, d.x(-3, 3), out=["y", "z"])]
unary("erfinv", -0.9, 0.9, prefix="scipy.special.")
unary("logit ndtri", 0.05, 0.95, prefix="scipy.special.")
unary("digamma gamma gammaln entr factorial spence exp1 expi", 0.2, 6, prefix="scipy.special.")
unary("gammasgn", -3.4, 3, prefix="scipy.special.")
binary("beta betaln gammainc gammaincc kl_div rel_entr xlogy xlog1py boxcox comb poch", 0.2, 6, prefix="scipy.special.")
row("scipy.special.betaln", lambda d: d.do("scipy.special.betaln", d.x(0.2, 12, shape=[3]), d.x(7, 30, shape=[3])))
row("scipy.special.zeta", lambda d: d.do("scipy.special.zeta", d.x(1.5, 5, shape=[3]), d.x(0.5, 5, shape=[3])))
row("scipy.special.betainc", lambda d: d.do("scipy.special.betainc", d.x(0.3, 5, shape=[3]), d.x(0.3, 5, shape=[3]), d.x(0.05, 0.95, shape=[3])))
row("scipy.special.polygamma", lambda d: d.do("scipy.special.polygamma", d.ints(0, 3, shape=[3]), d.x(0.5, 5, shape=[3])))
row("scipy.special.multigammaln", lambda d: d.do("scipy.special.multigammaln", d.x(3, 6), d=d.pick(1, 2, 3)))
row("scipy.special.expn", lambda d: d.do("scipy.special.expn", d.ints(1, 3, shape=[3]), d.x(0.2, 4, shape=[3])))
row("scipy.special.owens_t", lambda d: d.do("scipy.special.owens_t", d.x(shape=[3]), d.x(shape=[3])))
row("scipy.special.hyp1f1", lambda d: d.do("scipy.special.hyp1f1", d.x(0.5, 3, shape=[3]), d.x(0.5, 3, shape=[3]), d.x(shape=[3])))
for name in "logsumexp softmax log_softmax".split():
    row("scipy.special." + name, lambda d, op="scipy.special." + name: d.do(op, d.x(shape=[3, 4]), axis=d.pick(0, -1)))


# scipy.stats: what a distribution takes, and what it has
def distribution(name, functions, points, *params, loc=True, dtype=None):
    for f in functions.split():
        def draw(d, op=f"scipy.stats.{name}.{f}", f=f):
            low, high = (0.05, 0.95) if f in ("ppf", "isf") else points
            args = [d.x(low, high, shape=[3], dtype=dtype if f not in ("ppf", "isf") else None)]
            args += [d.x(*p, shape=d.pick([], [3])) if not callable(p) else p(d) for p in params]
            if loc and d.flag():
                args += [0.25 if dtype is None else 1, *([1.5] if loc == "scale" and d.flag() else [])]
            return d.do(op, *args)
        row(f"scipy.stats.{name}.{f}", draw)


distribution("norm", "cdf isf logcdf logpdf logsf pdf ppf sf", (-3, 3), loc="scale")
distribution("uniform", "cdf logpdf pdf ppf", (-0.5, 1.5), loc="scale")
distribution("expon", "cdf logcdf logpdf pdf sf", (0.3, 4), loc="scale")
distribution("gamma", "cdf logcdf logpdf pdf sf", (0.3, 4), (0.5, 4), loc="scale")
distribution("chi2", "cdf logpdf pdf sf", (0.3, 6), (1, 6), loc="scale")
distribution("beta", "cdf logpdf pdf sf", (0.3, 0.9), (0.5, 10), (0.5, 12), loc="scale")
distribution("cauchy", "cdf logpdf pdf ppf sf", (-3, 3), loc="scale")
distribution("laplace", "cdf logpdf pdf", (-3, 3), loc="scale")
distribution("logistic", "cdf logpdf pdf ppf sf", (-3, 3), loc="scale")
distribution("gumbel_l", "logpdf pdf", (-3, 3), loc="scale")
distribution("gumbel_r", "cdf logpdf pdf", (-3, 3), loc="scale")
distribution("pareto", "cdf logpdf pdf", (1.4, 5), (0.5, 4), loc="scale")
distribution("t", "logpdf pdf", (-3, 3), (1, 6), loc="scale")
distribution("gennorm", "cdf logpdf pdf", (-3, 3), (0.5, 3), loc=False)
distribution("vonmises", "logpdf pdf", (-3, 3), (0.5, 3), loc=False)
distribution("wrapcauchy", "logpdf pdf", (0.1, 6), (0.1, 0.9), loc=False)
distribution("truncnorm", "cdf logpdf pdf", (-0.4, 0.9), (-2, -1), (1, 2), loc="scale")
distribution("bernoulli", "logpmf pmf", (0, 1), (0.1, 0.9), dtype="int64")
distribution("binom", "logpmf pmf", (0, 6), lambda d: d.ints(5, 9, shape=[]), (0.1, 0.9), dtype="int64")
distribution("nbinom", "logpmf pmf", (0, 6), (2, 6), (0.1, 0.9), dtype="int64")
distribution("geom", "logpmf pmf", (1, 6), (0.1, 0.9), dtype="int64")
distribution("poisson", "cdf logpmf pmf", (0, 6), (0.5, 5), dtype="int64")
distribution("betabinom", "logpmf", (0, 9), lambda d: d.ints(8, 12, shape=[]), (0.5, 3), (0.5, 3), dtype="int64")
for f in ("logpdf", "pdf"):
    row("scipy.stats.multivariate_normal." + f, lambda d, op="scipy.stats.multivariate_normal." + f: d.do(op, d.x(shape=d.pick([2], [3, 2])), d.x(shape=[2]), d.positive(2)))
    row("scipy.stats.dirichlet." + f, lambda d, op="scipy.stats.dirichlet." + f: d.do(op, d.x(shape=[3], data=d.pick([0.2, 0.3, 0.5], [0.1, 0.1, 0.8])), d.x(0.5, 3, shape=[3])))
row("scipy.stats.multinomial.logpmf", lambda d: d.do("scipy.stats.multinomial.logpmf", d.ints(shape=[3], data=d.pick([1, 2, 1], [0, 3, 1], [1, 1, 1])), 4, d.x(shape=[3], data=[0.2, 0.3, 0.5])))
row("scipy.stats.mode", lambda d: d.do("scipy.stats.mode", d.ints(0, 2, shape=[3, 4]), axis=d.pick(0, 1), **d.keep(), out=["y", "z"]))
row("scipy.stats.rankdata", lambda d: d.do("scipy.stats.rankdata", d.ints(0, 3, shape=[5]), **d.pick({}, {"method": "min"}, {"method": "max"}, {"method": "dense"}, {"method": "ordinal"})))
row("scipy.stats.sem", lambda d: d.do("scipy.stats.sem", d.x(shape=[3, 4]), axis=d.pick(0, 1), **d.pick({}, {"ddof": 0}), **d.keep()))

# random
SHAPE = lambda d: {"shape": d.pick([], [3], [2, 2])}  # noqa: E731
for name in "uniform normal exponential gumbel laplace logistic cauchy maxwell".split():
    row("random." + name, lambda d, op="random." + name: d.do(op, d.key(), **SHAPE(d), **d.pick({}, {"dtype": "float32"}, {"dtype": "float64"})))
for name in "rademacher double_sided_maxwell".split():
    ROWS.pop("random." + name, None)
row("random.rademacher", lambda d: d.do("random.rademacher", d.key(), **SHAPE(d)))
row("random.double_sided_maxwell", lambda d: d.do("random.double_sided_maxwell", d.key(), 0.5, 1.5, **SHAPE(d)))
row("random.uniform", lambda d: d.do("random.uniform", d.key(), **SHAPE(d), named={"minval": d.x(-2, 0, shape=[]), "maxval": d.x(1, 3, shape=[])}))
row("random.bits", lambda d: d.do("random.bits", d.key(), **SHAPE(d), dtype=d.pick("uint32", "uint64", "uint8")))
row("random.split", lambda d: d.do("random.key_data", d.do("random.split", d.key(), num=d.pick(2, 3), out="s")))
row("random.fold_in", lambda d: d.do("random.key_data", d.do("random.fold_in", d.key(), d.ints(0, 99, shape=[]), out="s")))
row("random.randint", lambda d: d.do("random.randint", d.key(), **SHAPE(d), minval=d.pick(0, -5), maxval=d.pick(3, 100), **d.pick({}, {"dtype": "int32"}, {"dtype": "uint8"})))
row("random.truncated_normal", lambda d: d.do("random.truncated_normal", d.key(), -1.0, 2.0, **SHAPE(d)))
row("random.bernoulli", lambda d: d.do("random.bernoulli", d.key(), d.x(0.1, 0.9, shape=[3])))
row("random.categorical", lambda d: d.do("random.categorical", d.key(), d.x(shape=[2, 4]), axis=-1))
row("random.permutation", lambda d: d.do("random.permutation", d.key(), d.x(shape=[4, 2]), axis=d.pick(0, 1), independent=d.flag()))
row("random.choice", lambda d: d.do("random.choice", d.key(), d.x(shape=[5]), shape=[3], replace=d.flag()))
row("random.choice", lambda d: d.do("random.choice", d.key(), d.x(shape=[4]), shape=[3], named={"p": d.x(shape=[4], data=[0.1, 0.2, 0.3, 0.4])}))
for name, low, high in [("gamma", 0.3, 5), ("loggamma", 0.3, 5), ("chisquare", 1, 6), ("t", 1, 6), ("pareto", 1, 4), ("poisson", 0.5, 20), ("geometric", 0.1, 0.9),
                        ("rayleigh", 0.5, 2), ("wald", 0.5, 2), ("lognormal", 0.5, 2), ("generalized_normal", 0.5, 3)]:
    row("random." + name, lambda d, op="random." + name, low=low, high=high: d.do(op, d.key(), d.x(low, high, shape=[3]) if op not in ("random.generalized_normal",) else 1.5, shape=[3]))
for name in "beta f".split():
    row("random." + name, lambda d, op="random." + name: d.do(op, d.key(), d.x(1, 5, shape=[3]), d.x(1, 5, shape=[3])))
row("random.weibull_min", lambda d: d.do("random.weibull_min", d.key(), 1.5, 2.0, shape=[3]))
row("random.triangular", lambda d: d.do("random.triangular", d.key(), 0.0, 0.3, 1.0, shape=[3]))
row("random.binomial", lambda d: d.do("random.binomial", d.key(), d.pick(5.0, 40.0), 0.4, shape=[3]))
row("random.dirichlet", lambda d: d.do("random.dirichlet", d.key(), d.x(0.5, 3, shape=[3]), shape=[2]))
row("random.ball", lambda d: d.do("random.ball", d.key(), d=3, shape=[2]))
row("random.multivariate_normal", lambda d: d.do("random.multivariate_normal", d.key(), d.x(shape=[2]), d.positive(2), **d.pick({}, {"shape": [3]}, {"method": "cholesky"})))


def family(op):
    head = op.split(".")[0] if "." in op else "numpy"
    if head == "scipy":
        return {"special": "special", "stats": "stats", "linalg": "linalg", "fft": "fft", "signal": "fft"}[op.split(".")[1]]
    if op.startswith("lax.linalg."):
        return "linalg"
    return "numpy" if head == "jnp" else head


def case(seed, number, only=None, rows=ROWS, family=family):
    rng = random.Random(f"{seed}/{number}")
    names = sorted(rows) if only is None else only
    # Every function in turn, so that a run of as many cases has them all.
    op = names[number % len(names)]
    d = Draw(rng)
    rng.choice(rows[op])(d)
    out = d.body[-1]["out"]
    levels = rng.choice([0, 1, 1, 2])
    specs = []
    for _ in range(levels):
        size, axes = rng.randint(1, 3), []
        for k, x in enumerate(d.inputs):
            if (rng.random() < 0.6 or k == 0) and not x.get("fixed"):
                at = rng.randint(0, len(x["shape"]))
                stacked(rng, x, at, size)
                axes.append(at - len(x["shape"]) * (rng.random() < 0.3))
            else:
                axes.append(None)
        specs.insert(0, {"in_axes": axes})
    x64 = {} if rng.random() < 0.85 else {"x64": False}
    group = "x32" if x64 else family(op)
    return {"id": f"voc-{seed}-{number:05}", "group": f"voc/{group}/{op}", "mode": rng.choice(["eager", "jit"]), "inputs": d.inputs, **x64,
            "vmap": specs, "fun": {"args": [f"x{k}" for k in range(len(d.inputs))], "body": d.body, "return": out}}


def stacked(rng, x, at, size):
    """Lanes of an input: its own data, in each lane turned around, so that what is drawn with care stays so."""
    shape, data = x["shape"], x["data"]
    lanes = [data if k == 0 else varied(rng, x, data) for k in range(size)]
    inner = 2 if x["dtype"].startswith("complex") else 1
    for n in shape[at:]:
        inner *= n
    rows = [[lane[k:k + inner] for k in range(0, len(lane), inner)] if inner else [] for lane in lanes]
    x["data"] = [v for parts in zip(*rows) for part in parts for v in part]
    x["shape"] = shape[:at] + [size] + shape[at:]


def varied(rng, x, data):
    if x["dtype"] == "uint32" and len(data) % 2 == 0 and max(data, default=0) > 2**16:
        return [rng.randrange(2**32) for _ in data]
    if "float" not in x["dtype"] and "complex" not in x["dtype"] or "16" in x["dtype"]:
        return data
    # One factor for all keeps orders, symmetry and most bounds; it is exact in float32.
    factor = rng.choice([0.5, 0.75, 0.875, 1.0])
    scaled = [v if isinstance(v, str) else v * factor for v in data]
    return scaled if x["dtype"] in ("float64", "complex128") else [v if isinstance(v, str) else single(v) for v in scaled]


def main(**given):
    seed, count = sys.argv[1], int(sys.argv[2])
    only = sys.argv[3:] or None
    print("[\n" + ",\n".join(json.dumps(case(seed, k, only, **given)) for k in range(count)) + "\n]")


if __name__ == "__main__":
    main()
