"""Writes cases of JAX's primitives that are functions here, and of what only jaxprs have, in the form of harvest.py.

    python primitives.py > tests/data/reference/primitives.jsonl

Needs: pip install "jax==0.10.2". Each function below is mapped, and differentiated forward and backward where JAX does that; the text
of its jaxpr is what is read.
"""
import sys

import harvest
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax._src.lax import windowed_reductions as windows
from jax.scipy.special import logsumexp

jax.config.update("jax_enable_x64", True)
rng = np.random.default_rng(7)


def x(*shape, low=-1.0, high=1.0, dtype=np.float64):
    return np.asarray(np.round(rng.uniform(low, high, shape), 3), dtype)


@jax.custom_jvp
def bent(v):
    return jnp.sin(v)


bent.defjvp(lambda p, t: (bent(p[0]), 3.0 * t[0] * p[0]))


@jax.custom_vjp
def backwards(v, w):
    return v * w


backwards.defvjp(lambda v, w: (v * w, (v, w)), lambda r, c: (c * r[1] * 5.0, c * r[0]))


def matrix(a):
    """A matrix with separate eigenvalues."""
    return a + jnp.diag(jnp.arange(3.0) * 3.0)


def solved(a, b):
    return lax.custom_linear_solve(lambda v: a @ v, b, lambda _, c: jnp.linalg.inv(a) @ c, lambda _, c: jnp.linalg.inv(a).T @ c)


CONV = lax.conv_dimension_numbers((1, 2, 5, 4), (3, 2, 2, 2), ("NCHW", "OIHW", "NCHW"))
S, P = (2,), [(1, 1)]

# What is done, and the values it is done to. All are mapped over axis 0 of two copies.
TABLE = {
    "conv": (lambda a, k: lax.conv_general_dilated(a, k, (1, 2), [(1, 0), (0, 1)], (1, 1), (2, 1), CONV), x(1, 2, 5, 4), x(3, 2, 2, 2)),
    "conv of groups": (lambda a, k: lax.conv_general_dilated(a, k, (1,), "VALID", feature_group_count=2), x(2, 4, 5), x(4, 2, 3)),
    "window sum": (lambda a: lax.reduce_window(a, 0.0, lax.add, (2, 2), (1, 2), [(1, 0), (0, 1)]), x(4, 5)),
    "window max": (lambda a: lax.reduce_window(a, -np.inf, lax.max, (3,), (2,), [(1, 1)]), x(6)),
    "window min of integers": (lambda a: lax.reduce_window(a, np.int32(2**31 - 1), lax.min, (2,), (1,), "SAME"), np.arange(5, dtype=np.int32)),
    "window of a function": (lambda a: lax.reduce_window(a, 1.0, lax.mul, (2,), (1,), "VALID"), x(4)),
    "gather by windows": (lambda t, a: windows._select_and_gather_add(t, a, lax.ge_p, (2,), S, P, (1,), (1,)), x(5), x(5)),
    "scatter by windows": (lambda t, a: windows._select_and_scatter_add(t, a, lax.ge_p, (2,), S, [(0, 0)]), x(2), x(5)),
    "reduce": (lambda a: lax.reduce(a, 0.0, lambda p, q: p + q + p * q, (0, 2)), x(2, 3, 2)),
    "reduce of two": (lambda a, b: lax.reduce((a, b), (0.0, 1.0), lambda p, q: (p[0] + q[0], p[1] * q[1]), (0,)), x(3), x(3)),
    "igamma": (lambda a, b: (lax.igamma(a, b), lax.igammac(a, b)), x(3, low=0.5, high=3), x(3, low=0.5, high=5)),
    "betainc": (lambda a: lax.betainc(np.array([0.5, 2.0, 3.0]), np.array([1.5, 0.7, 2.0]), a), x(3, low=0.1, high=0.9)),
    "bessel": (lambda a: (lax.bessel_i0e(a), lax.bessel_i1e(a)), x(3, low=-4, high=4)),
    "zeta": (lambda a: (lax.zeta(2.5, a), lax.polygamma(1.0, a)), x(3, low=1, high=4)),
    "precision": (lambda a: lax.reduce_precision(a, 6, 9), x(4)),
    "high halves": (lambda a: lax.mulhi(a, a), np.array([2**62, -2**61, 17], np.int64)),
    "parts": (lambda a: (lax.split(a, (1, 2)), jnp.tile(a, (2, 1)), jnp.stack([a, a], 1), lax.reshape(a, (6,), (1, 0))), x(3, 2)),
    "subtracted": (lambda a, b: a.at[np.array([0, 2, 0])].subtract(b), x(4), x(3)),
    "best": (lambda a: (lax.top_k(a, 2, axis=0), lax.approx_max_k(a, 2)), x(4, 3)),
    "wide products": (lambda a, b: lax.dot_general(a, b, (((1,), (0,)), ((), ())), preferred_element_type=np.float64), x(2, 3, dtype=np.float32), x(3, 2, dtype=np.float32)),
    "lu": (lambda a: lax.linalg.lu(matrix(a))[0], x(3, 3)),
    "pivots": (lambda p: lax.linalg.lu_pivots_to_permutation(p, 5), np.array([2, 3, 2], np.int32)),
    "qr": (lambda a: [jnp.abs(f) for f in lax.linalg.qr(matrix(a), full_matrices=False)], x(3, 3)),
    "eigh": (lambda a: (lambda f: (f[1], jnp.abs(f[0])))(lax.linalg.eigh(matrix(a) + matrix(a).T)), x(3, 3)),
    "svd": (lambda a: [jnp.abs(f) for f in lax.linalg.svd(matrix(a)[:, :2], full_matrices=False)], x(3, 3)),
    "singular values": (lambda a: lax.linalg.svd(matrix(a), compute_uv=False), x(3, 3)),
    "reflections": (lambda a, t: lax.linalg.householder_product(a, t), x(4, 3), x(2)),
    "symmetric product": (lambda a, b: lax.linalg.symmetric_product(a, b, alpha=2.0, beta=0.5), x(3, 2), np.eye(3)),
    "tridiagonal": (lambda a, b: lax.linalg.tridiagonal_solve(a * np.array([0, 1, 1.0]), a + 4, a * np.array([1, 1.0, 0]), b), x(3), x(3, 2)),
    "linear solve": (solved, np.eye(3) * 3 + x(3, 3), x(3)),
    "solve": (lambda a, b: jnp.linalg.solve(matrix(a) + 2 * jnp.eye(3), b), x(3, 3), x(3)),
    "a rule": (lambda a: bent(a) * 2.0, x(3)),
    "a rule backwards": (lambda a, b: backwards(a, b).sum(), x(3), x(3)),
    "relu": (jax.nn.relu, np.array([-1.0, 0.0, 2.0])),
    "logsumexp": (lambda a: logsumexp(a), x(4)),
    "checkpoint": (jax.checkpoint(lambda a: jnp.sin(jnp.sin(a))), x(3)),
    "gradients inside": (lambda a: jax.grad(lambda b: (jnp.tanh(b) * b).sum())(a), x(3)),
    "loops": (lambda a: lax.scan(lambda c, b: (c * b + 1.0, c), 0.5, a), x(4)),
    "branches": (lambda a: lax.cond(a[0] > 0, lambda b: b * 2.0, lambda b: b.at[0].mul(3.0), a), x(3)),
    "constants": (lambda a: a * np.array([1.0, 2.0, 3.0]) + np.arange(3), x(3)),
}

VALUES = {"precision"}  # JAX rounds tangents too; here they go through as they are


def tangent_like(v):
    return np.asarray(np.round(rng.uniform(-1, 1, v.shape), 2), v.dtype)


def main():
    out = sys.stdout
    harvest.HARVEST = harvest.Harvest(out, 100)
    harvest.install()
    for name, (f, *values) in TABLE.items():
        harvest.HARVEST.test = name
        jax.vmap(f)(*[np.stack([v, v[::-1] if v.ndim == 1 and v.dtype.kind == "f" else v]) for v in values])
        if any(v.dtype.kind != "f" for v in values) or name in VALUES:
            continue
        tangents = [tangent_like(v) for v in values]
        try:
            jax.jvp(f, values, tangents)
        except Exception as error:
            print(f"{name} forward: {error}", file=sys.stderr)
        try:
            value, back = jax.vjp(f, *values)
            back(jax.tree.map(lambda v: tangent_like(np.asarray(v)) if v.dtype.kind == "f" else np.zeros(v.shape, jax.dtypes.float0), value))
        except Exception as error:
            print(f"{name} backward: {error}", file=sys.stderr)
    # Names of axes, and matrices of derivatives.
    harvest.HARVEST.test = "collectives"
    jax.vmap(lambda a: a - lax.pmean(a, "i") + lax.axis_index("i"), axis_name="i")(x(3))
    jax.vmap(lambda a: lax.all_gather(a, "i").sum(), axis_name="i", in_axes=1)(x(2, 3))
    for transform in (jax.jacfwd, jax.jacrev, jax.hessian):
        harvest.HARVEST.test = transform.__name__
        transform(lambda a, b: jnp.sin(a).sum() * b, argnums=(1, 0))(x(2), x(2))
    for reason, count in harvest.HARVEST.skipped.items():
        print(f"{count} {reason}", file=sys.stderr)


if __name__ == "__main__":
    main()
