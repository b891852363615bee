"""Prints the jaxprs that tests/program_reference.rs reads and prints again.

Regenerate with: pip install "jax==0.10.2" && python tests/reference/jaxprs.py > tests/reference/jaxprs.txt
Two things are changed in JAX's text: `np.int64(1)` becomes `1`, and a callback's function object becomes its name.
"""
import os
import re

os.environ["JAX_PLATFORMS"] = "cpu"
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.experimental import io_callback

jax.config.update("jax_enable_x64", True)

f = np.float32
x3, x23, x33, x233 = np.zeros(3, f), np.zeros((2, 3), f), np.eye(3, dtype=f), np.zeros((2, 3, 3), f)
b3, i3, u3, i1 = np.zeros(3, bool), np.zeros(3, np.int32), np.zeros(3, np.uint8), np.int32(1)
d3 = np.zeros(3)


def show(name, function, *args, **options):
    text = str(jax.make_jaxpr(function, **options)(*args))
    text = re.sub(r"np\.int64\((-?\d+)\)", r"\1", text)
    text = re.sub(r"callback=(_FlatCallback\()?.*?(function |<function )(\w+).*", r"callback=\3", text)
    print(f"## {name}\n{text}")


def host(*args):
    return np.asarray(args[0])


def sines(n):
    def g(x):
        for _ in range(n):
            x = jnp.sin(x)
        return x

    return g


def elementwise(x, k):
    unary = [lax.neg, lax.abs, lax.sign, lax.floor, lax.ceil, lax.round, lax.exp, lax.exp2, lax.log, lax.log1p]
    unary += [lax.expm1, lax.sin, lax.cos, lax.tan, lax.asin, lax.acos, lax.atan, lax.sinh, lax.cosh, lax.tanh]
    unary += [lax.asinh, lax.acosh, lax.atanh, lax.logistic, lax.sqrt, lax.rsqrt, lax.cbrt, lax.square, lax.erf]
    unary += [lax.erfc, lax.erf_inv, lax.lgamma, lax.digamma, lax.is_finite]
    binary = [lax.add, lax.sub, lax.mul, lax.div, lax.rem, lax.pow, lax.max, lax.min, lax.atan2, lax.nextafter]
    binary += [lax.eq, lax.ne, lax.lt, lax.le, lax.gt, lax.ge]
    bits = [lax.bitwise_and, lax.bitwise_or, lax.bitwise_xor, lax.shift_left, lax.shift_right_arithmetic]
    bits += [lax.shift_right_logical]
    return (
        [op(x) for op in unary]
        + [op(x, x) for op in binary]
        + [op(k, k) for op in bits]
        + [lax.bitwise_not(k), lax.population_count(k), lax.clz(k)]
        + [lax.integer_pow(x, 3), lax.integer_pow(x, -2), lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN)]
    )


show("elementwise", elementwise, x3, i3)
show("convert", lambda x: (lax.convert_element_type(x, np.int64), lax.convert_element_type(x, bool)), x3)
show("select and clamp", lambda p, x: (lax.select_n(p, x, x), lax.clamp(f(0), x, f(1))), b3, x3)
show("broadcast", lambda x: (lax.broadcast_in_dim(x, (2, 3), (1,)), jnp.zeros((2, 2))), x3)
show("reshape", lambda x: lax.reshape(x, (3, 2, 1)), x23)
show("reshape to rank 0", lambda x: lax.reshape(x, ()), np.zeros(1))
show("reshape to rank 31", lambda x: lax.reshape(x, (1,) * 30 + (3,)), x3)
show("transpose", lambda x: x.T, x23)
show("squeeze", lambda x: lax.squeeze(x, (0,)), np.zeros((1, 3), f))
show("concatenate", lambda x: lax.concatenate([x, x], 0), x3)
show("pad", lambda x: lax.pad(x, f(0), [(1, -1, 2)]), x3)
show("pad a matrix", lambda x: lax.pad(x, f(0), [(1, 1, 2), (0, 0, 0)]), x23)
show("rev", lambda x: lax.rev(x, (0, 1)), x23)
show("slice", lambda x: (lax.slice(x, (1,), (2,)), lax.slice(x, (0,), (3,), (2,))), x3)
show("reduce", lambda x: (x.sum(), x.prod(), x.max(0), x.min((0, 1))), x23)
show("reduce bits", lambda b, i: (b.any(), b.all(), lax.reduce_xor(i, axes=(0,))), b3, i3)
show("argmax", lambda x: (lax.argmax(x, 0, np.int32), x.argmin()), x3)
show("cumulative", lambda x: (lax.cumsum(x), lax.cumprod(x, 0, True), lax.cummax(x), lax.cumlogsumexp(x)), x3)
show("dot", lambda x: (x @ x, x @ x[0]), x33)
show("batched dot", lambda x: jnp.einsum("bij,bjk->bik", x, x), x233)
show("iota", lambda: (lax.iota(np.int32, 3), lax.broadcasted_iota(np.int32, (2, 3), 1)))
show("dynamic slice", lambda x, i: lax.dynamic_slice(x, (i,), (2,)), x3, i1)
show("dynamic update slice", lambda x, i: lax.dynamic_update_slice(x, x[:2], (i,)), x3, i1)
show("take", lambda x, i: jnp.take(x, i), x3, i3)
show("take of integers", lambda x, i: jnp.take(x, i), i3, i3)
show("take of unsigned integers", lambda x, i: jnp.take(x, i), u3, i3)
show("take of truth values", lambda x, i: jnp.take(x, i), b3, i3)
show("take clipped", lambda x, i: jnp.take(x, i, axis=1, mode="clip"), x23, i3)
show("batched gather", jax.vmap(lambda x, i: jnp.take(x, i, mode="clip")), x33, np.zeros((3, 2), np.int32))
show("scatter", lambda x, i: (x.at[i].set(1.0), x.at[i].add(1.0)), x3, i3)
show("other scatters", lambda x, i: (x.at[i].mul(2.0), x.at[i].max(2.0), x.at[i].min(1.0)), x3, i3)
show("two scatters of one kind", lambda x, i: (x.at[i].add(1.0).at[i].add(2.0), i.at[i].add(1)), x3, i3)
show("sort", lambda x: (lax.sort(x), *lax.sort((x, x), num_keys=1)), x3)
show("top k", lambda x: lax.top_k(x, 2), x23)
show("cholesky", lambda x: lax.linalg.cholesky(x), x33)
show("triangular solve", lambda x: lax.linalg.triangular_solve(x, x), x33)

shape, flags = jax.ShapeDtypeStruct((3,), f), jax.ShapeDtypeStruct((2, 3), np.bool_)
scalar = jax.ShapeDtypeStruct((), f)


def lanes(method):
    return lambda x, y: jax.pure_callback(host, scalar, x, y, vmap_method=method)


show("callback", lambda x: jax.pure_callback(host, shape, x), x3)
show("callback with two results", lambda x: jax.pure_callback(host, (shape, flags), x, vmap_method="sequential"), x3)
show("callback without results", lambda x: jax.pure_callback(host, (), x, vmap_method="sequential"), x3)
show("io callback", lambda x: io_callback(host, shape, x, ordered=False), x3)
show("ordered io callback", lambda x: io_callback(host, shape, x, ordered=True), x3)
for method in ["sequential", "sequential_unrolled", "expand_dims", "broadcast_all", "legacy_vectorized"]:
    show(f"batched callback, {method}", jax.vmap(lanes(method), (0, None)), x3, f(0))
nested = jax.vmap(jax.vmap(lambda x: jax.pure_callback(host, scalar, x, vmap_method="sequential")), 1)
show("nested batched callback", nested, x23)
outer = jax.vmap(jax.vmap(lanes("expand_dims"), (None, 0)), (0, None))
show("outer product by callback", outer, np.zeros(2, f), x3)
show("unbatched callback", jax.vmap(lambda x: jax.pure_callback(host, scalar, f(1), vmap_method="sequential")), x3)
show("unused callback", lambda x: (jax.pure_callback(host, shape, x), x)[1], x3)
show("batched add", jax.vmap(jnp.add, (0, None)), x23, x3)

show("cond", lambda p, x: lax.cond(p, lambda x: x + 1, lambda x: x * 2, x), True, x3)
show("switch", lambda p, x: lax.switch(p, [lambda x: x + 1, lambda x: x * 2, lambda x: x], x), 1, x3)
show("while", lambda x: lax.while_loop(lambda c: c < 3, lambda c: c + 1, x), f(0))
show("while over constants", lambda x, y: lax.while_loop(lambda c: c < y, lambda c: c + y, x), f(0), f(1))
show("scan", lambda x: lax.scan(lambda c, y: (c + y, c * y), f(0), x), x3)
show("reversed scan", lambda x: lax.scan(lambda c, y: (c + y, c * y), f(0), x, unroll=2, reverse=True), x3)
show("batched scan", jax.vmap(lambda x: lax.scan(lambda c, y: (c + y, c * y), f(0), x)), x23)
show("unused step", lambda x: lax.scan(lambda c, a: (jnp.sin(a), (a * 2, c))[1], f(0), x), x3)

g2, g10, g11 = jax.jit(sines(2)), jax.jit(sines(10)), jax.jit(sines(11))
show("jit", lambda x: g2(x), x3)
show("jit of ten equations", lambda x: g10(x), x3)
show("jit of eleven equations", lambda x: g11(x), x3)
show("jit called twice", lambda x: g2(g2(x)), x3)
show("two jits of one name", lambda x: (g2(g2(x)), g2(x[:2]), g2(x[:2])), x3)
show("unnamed jit", lambda x: jax.jit(lambda y: sines(12)(y))(x), x3)
show("shared inside of jit", lambda x: jax.jit(lambda y: g11(g2(y)) + g11(y))(x), x3)
show("shared at several depths", lambda x: jax.jit(lambda y: g11(y) + jax.jit(lambda z: g2(g2(z)) + g11(z))(y))(x), x3)
show("long scan", lambda x: lax.scan(lambda c, y: (sines(11)(c), y), f(0), x), x3)
show("scan of a long jit", lambda x: lax.scan(lambda c, y: (g11(c), y), f(0), x), x3)
show("long while", lambda x: lax.while_loop(lambda c: sines(12)(c) < 3, sines(12), x), f(0))
show("long cond", lambda p, x: lax.cond(p, sines(12), sines(13), x), True, x3)
unused = lambda x, y: (jax.jit(lambda a, b: a * 2)(x, y), jax.jit(lambda a, b: (a * 2, b))(x, x))
show("jit with an unused input", unused, x3, x3)
show("jit of a literal", lambda x: jax.jit(lambda a, b: a * b)(x, 2.0), x3)
show("jit with one result twice", lambda x: jax.jit(lambda a: (a * 2,) * 2)(x), x3)
show("jit that swaps", lambda x, y: jax.jit(lambda a, b: (b, a, 3.0))(x, y), x3, x3)
show("unused", lambda x: (jnp.sin(jnp.sin(x)), x * 2)[1], x3)
show("unused inside of jit", lambda x: jax.jit(lambda a: (jnp.sin(a), a * 2)[1])(x), x3)

show("constants", lambda x: x + np.arange(3.0) * sines(2)(x) + np.array([[1], [2]]), x3)
show("many inputs", lambda *xs: sum(xs), *[x23] * 30)
show("many operands", lambda *xs: jnp.concatenate(xs), *[x23] * 40)
show("many results", lambda x: tuple([x, 1.0] * 20), x3)
show("many inputs and no equations", lambda *xs: xs, *[x23] * 12)
show("300 equations", sines(300), x3)
numbers = [1e-5, 1e16, 123456789.0, 1e22, 0.1, 1e100, 5e-324, 1e-4, 1e15, -0.0, -1e-7, np.nan, np.inf, -np.inf]
show("numbers", lambda x: [x * v for v in numbers], d3)
show("float32 numbers", lambda x: [x * f(v) for v in [1e-5, 1e16, 123456789.0, 0.1, 1e15, 1e-4, -1e-7]], x3)
show("literal results", lambda x: (True, 3, 2.5, f(1), np.uint8(7)), i3)
show("no input", lambda: 1.0)
show("no result", lambda x: (), x3)
show("a long equation", lambda x: lax.broadcast_in_dim(x, (2, 3) + (1,) * 9, (1,)), x3)
