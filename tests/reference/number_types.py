"""Writes random cases on complex numbers, 16-bit floats and narrow integers, of Fourier transforms and of promotion, as vocabulary.py
writes those of the other types.

    python number_types.py SEED COUNT > CASES.json
"""
import struct

from vocabulary import Draw, main, single

ROWS = {}
COMPLEX = ("complex64", "complex128", "complex128")
HALF = ("float16", "bfloat16")
NARROW = ("int8", "int16", "uint8", "uint16")
ALL = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64") + HALF + ("float32", "float64") + COMPLEX


def row(family, op, draw):
    ROWS.setdefault(f"{family}:{op}", []).append(draw)


def half(x, dtype):
    """The nearest number of a 16-bit type."""
    if dtype == "float16":
        return struct.unpack("e", struct.pack("e", x))[0]
    bits = struct.unpack("I", struct.pack("f", x))[0]
    return struct.unpack("f", struct.pack("I", (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000))[0]


def typed(d, dtype, low=-2.0, high=2.0, shape=None):
    """An input of any type."""
    shape = list(d.shape_of() if shape is None else shape)
    size = 2 if dtype.startswith("complex") else 1
    for n in shape:
        size *= n
    low = max(low, 0) if dtype.startswith("uint") else low
    data = [d.number(low, high, dtype.replace("complex", "float")) for _ in range(size)]
    if dtype in HALF:
        data = [half(v, dtype) for v in data]
    elif dtype == "complex64":
        data = [single(v) for v in data]
    return d.x(dtype=dtype, shape=shape, data=data or None)


def z(d, **given):
    return typed(d, d.pick(*COMPLEX), **given)


def heavy(d, n=None, hermitian=False):
    """A complex matrix with a heavy diagonal, Hermitian on request."""
    n = n or d.rng.randint(1, 4)
    a = [[complex(d.rng.uniform(-1, 1), d.rng.uniform(-1, 1)) for _ in range(n)] for _ in range(n)]
    if hermitian:
        a = [[(a[i][j] + a[j][i].conjugate()) / 2 for j in range(n)] for i in range(n)]
    for i in range(n):
        a[i][i] += 3.0 + 0.7 * i
    data = [round(part, 6) for r in a for v in r for part in (v.real, v.imag)]
    return d.x(dtype="complex128", shape=[n, n], data=data)


for name in ("abs angle arcsinh arctan conj cos cosh exp imag iscomplex isfinite isnan jnp.expm1 jnp.log1p jnp.sign jnp.tan log logistic neg real reciprocal "
             "rsqrt sin sinh sqrt square tanh exp2 isinf isreal log2 log10 arccos arcsin arccosh arctanh").split():
    row("complex", name, lambda d, op=name: d.do(op, z(d, low=0.2 if d.flag() else -2.0)))
for name in "add sub mul div eq ne pow isclose".split():
    def pair(d, op=name):
        shape, dtype = d.shape_of(), d.pick(*COMPLEX)
        return d.do(op, typed(d, dtype, shape=shape, low=0.3), typed(d, d.pick(dtype, dtype, "float64", "float32"), shape=shape, low=0.3))
    row("complex", name, pair)
row("complex", "lax.complex", lambda d: d.do("lax.complex", d.x(shape=[2, 3]), d.x(shape=[2, 3], dtype=d.inputs[0]["dtype"])))
for name in "sum mean prod var std jnp.max jnp.min".split():
    row("complex", name, lambda d, op=name: d.do(op, z(d), **d.axis(none=0.3), **d.keep()))
for name in "jnp.cumsum jnp.cumprod jnp.sort jnp.argsort".split():
    row("complex", name, lambda d, op=name: d.do(op, z(d), **d.axis()))
row("complex", "where", lambda d: d.do("where", d.x(dtype="bool", shape=[2, 3]), typed(d, "complex128", shape=[2, 3]), typed(d, d.pick("complex128", "float64"), shape=[3])))
for name in "inner outer vdot kron".split():
    row("complex", name, lambda d, op=name: d.do(op, z(d, shape=[3]), z(d, shape=[3])))
row("complex", "matmul", lambda d: d.do("matmul", z(d, shape=[2, 3]), z(d, shape=[3, 2])))
row("complex", "einsum", lambda d: d.do("einsum", z(d, shape=[2, 3]), z(d, shape=[3, 4]), spec="ij,jk->ki"))
row("complex", "convolve", lambda d: d.do("convolve", z(d, shape=[4]), z(d, shape=[d.pick(2, 3)]), mode=d.pick("full", "same", "valid")))
row("complex", "correlate", lambda d: d.do("correlate", z(d, shape=[4]), z(d, shape=[2]), mode=d.pick("full", "same", "valid")))
row("complex", "polyval", lambda d: d.do("polyval", z(d, shape=[3]), z(d, shape=[2])))
row("complex", "cov", lambda d: d.do("cov", z(d, shape=[2, 4])))
row("complex", "convert", lambda d: d.do("convert", typed(d, d.pick(*ALL)), dtype=d.pick("complex64", "complex128")))
row("complex", "cumprod_grad", lambda d: d.do("jnp.cumprod", z(d, shape=[3]), axis=0))
row("complex", "take", lambda d: d.do("jnp.take", z(d, shape=[4, 2]), d.ints(-5, 5, shape=[3]), axis=0))
row("complex", "jnp.pad", lambda d: d.do("jnp.pad", z(d, shape=[2, 2]), pad_width=[[1, 0], [0, 2]]))
row("complex", "jnp.concatenate", lambda d: d.do("jnp.concatenate", [z(d, shape=[2, 2]), z(d, shape=[1, 2])], axis=0))
for name in "linalg.inv linalg.det linalg.slogdet scipy.linalg.expm".split():
    row("complex", name, lambda d, op=name: d.do(op, heavy(d), **({"out": ["y", "y1"]} if op.endswith("slogdet") else {})))
row("complex", "linalg.cholesky", lambda d: d.do("linalg.cholesky", heavy(d, hermitian=True)))
row("complex", "linalg.eigvalsh", lambda d: d.do("linalg.eigvalsh", heavy(d, hermitian=True)))
row("complex", "linalg.svdvals", lambda d: d.do("linalg.svdvals", z(d, shape=[3, 2])))
row("complex", "linalg.pinv", lambda d: d.do("linalg.pinv", z(d, shape=[3, 2])))
row("complex", "linalg.norm", lambda d: d.do("linalg.norm", z(d, shape=[3, 2]), **d.pick({}, {"axis": 0}, {"ord": "nuc"}, {"ord": 1})))
row("complex", "linalg.solve", lambda d: d.do("linalg.solve", heavy(d, 3), z(d, shape=[3, 2])))
row("complex", "scipy.linalg.solve_triangular", lambda d: d.do("scipy.linalg.solve_triangular", heavy(d, 3), z(d, shape=[3, 2]), lower=d.flag(), trans=d.pick(0, 1)))


def checked(d, op, outs, **params):
    """A factorization through what does not depend on its phases."""
    d.do(op, z(d, shape=[3, 2]) if op != "linalg.eigh" else heavy(d, 3, hermitian=True), out=outs, **params)
    return outs


def qr(d):
    q, r = checked(d, "linalg.qr", ["q", "r"], mode="reduced")
    return d.do("matmul", q, r)


def svd(d):
    u, s, v = checked(d, "linalg.svd", ["u", "s", "v"], full_matrices=False)
    return d.do("matmul", d.do("mul", u, s, out="us"), v)


def eigh(d):
    w, v = checked(d, "linalg.eigh", ["w", "v"])
    d.do("abs", v, out="a")
    return d.do("add", "a", w)


row("complex", "linalg.qr", qr)
row("complex", "linalg.svd", svd)
row("complex", "linalg.eigh", eigh)

NORM = (None, "backward", "ortho", "forward")
for name in "fft ifft rfft irfft hfft ihfft".split():
    def one(d, op=name):
        x = d.x(shape=d.shape_of(length=5)) if op in ("rfft", "ihfft") else d.pick(z, lambda d, **g: d.x(**g))(d, shape=d.shape_of(length=5))
        shape = d.inputs[-1]["shape"]
        axis = d.rng.randrange(len(shape))
        n = {"n": d.rng.randint(2, 6)} if d.flag() or op in ("irfft", "hfft") else {}
        norm = d.pick(*NORM)
        return d.do("fft." + op, x, axis=axis - len(shape) * d.flag(), **n, **({"norm": norm} if norm else {}))
    row("fft", "fft." + name, one)
for name in "fft2 ifft2 rfft2 irfft2 fftn ifftn rfftn irfftn".split():
    def many(d, op=name):
        shape = [d.rng.randint(2, 4) for _ in range(d.pick(2, 3))]
        x = d.x(shape=shape) if op.startswith("r") else z(d, shape=shape)
        axes = {"axes": d.rng.sample(range(len(shape)), 2)} if d.flag() else {}
        s = {"s": [d.rng.randint(2, 4) for _ in range(2)]} if axes and d.flag() else {}
        norm = d.pick(*NORM)
        return d.do("fft." + op, x, **axes, **s, **({"norm": norm} if norm else {}))
    row("fft", "fft." + name, many)

for name in ("abs cbrt ceil cos erf exp exp2 expm1 floor is_finite log log1p log2 logistic neg nn.gelu nn.relu nn.silu nn.softmax round_half_even rsqrt sign sin "
             "sqrt square tanh").split():
    low = 0.2 if name in ("log", "log1p", "log2", "rsqrt", "sqrt") else -2.0
    row("dtypes", name, lambda d, op=name, low=low: d.do(op, typed(d, d.pick(*HALF), low=low)))
for name in "add arctan2 copysign div floor_div hypot logaddexp max min mul nextafter pow remainder sub ge lt eq".split():
    def halves(d, op=name):
        shape, dtype = d.shape_of(), d.pick(*HALF)
        return d.do(op, typed(d, dtype, low=0.3, shape=shape), typed(d, dtype, low=0.3, shape=shape))
    row("dtypes", name, halves)
for name in "mean median std sum var jnp.max jnp.min jnp.argmax".split():
    row("dtypes", name, lambda d, op=name: d.do(op, typed(d, d.pick(*HALF)), **d.axis(none=0.3 if op != "jnp.argmax" else 0.0)))
for name in "jnp.cumsum jnp.cumprod jnp.sort jnp.argsort".split():
    row("dtypes", name, lambda d, op=name: d.do(op, typed(d, d.pick(*HALF, *NARROW)), **d.axis()))
for name in "abs sign square neg add sub mul div floor_div remainder max min".split():
    def whole(d, op=name):
        shape, dtype = d.shape_of(), d.pick(*NARROW)
        args = [typed(d, dtype, low=1, high=9, shape=shape)]
        if op not in ("abs", "sign", "square", "neg"):
            args.append(typed(d, dtype, low=1, high=9, shape=shape))
        return d.do(op, *args)
    row("dtypes", name, whole)
for name in "and or xor left_shift right_shift".split():
    row("dtypes", name, lambda d, op=name: d.do(op, typed(d, d.inputs[0]["dtype"] if d.inputs else d.pick(*NARROW), low=0, high=6, shape=[3]),
                                                typed(d, d.inputs[0]["dtype"], low=0, high=6, shape=[3])))
for name in "invert lax.clz lax.population_count".split():
    row("dtypes", name, lambda d, op=name: d.do(op, typed(d, d.pick(*NARROW), low=0, high=9)))
row("dtypes", "matmul", lambda d: d.do("matmul", typed(d, d.inputs[0]["dtype"] if d.inputs else d.pick(*HALF, *NARROW), shape=[2, 3]), typed(d, d.inputs[0]["dtype"], shape=[3, 2])))
row("dtypes", "dot", lambda d: d.do("dot", typed(d, "bfloat16", shape=[4]), typed(d, "bfloat16", shape=[4])))
row("dtypes", "lax.bitcast_convert_type", lambda d: d.do("lax.bitcast_convert_type", typed(d, d.pick(*HALF)), new_dtype=d.pick("uint16", "int16", "float16", "bfloat16")))
row("dtypes", "lax.reduce_precision", lambda d: d.do("lax.reduce_precision", typed(d, d.pick(*HALF)), exponent_bits=5, mantissa_bits=d.pick(2, 4)))
row("dtypes", "linspace", lambda d: d.do("linspace", typed(d, "float32", shape=[]), typed(d, "float32", shape=[]), num=4, dtype=d.pick(*HALF)))
row("dtypes", "convert", lambda d: d.do("convert", typed(d, d.pick(*ALL)), dtype=d.pick(*HALF, *NARROW)))
for name in "add mul sub max div".split():
    def promoted(d, op=name):
        shape = d.shape_of()
        a, b = d.pick(*ALL), d.pick(*ALL)
        if op in ("sub", "max", "div") and "bool" in (a, b):
            a, b = a.replace("bool", "int8"), b.replace("bool", "uint8")
        second = typed(d, b, low=1, high=3, shape=shape) if d.flag() else d.pick(2, 0.5)
        return d.do(op, typed(d, a, low=1, high=3, shape=shape), second)
    row("promotion", name, promoted)
for name in "uniform normal".split():
    row("random", "random." + name, lambda d, op="random." + name: d.do(op, d.key(), shape=[3], dtype=d.pick(*HALF, *(COMPLEX if op.endswith("normal") else ()))))




if __name__ == "__main__":
    main(rows=ROWS, family=lambda op: op.split(":")[0])
