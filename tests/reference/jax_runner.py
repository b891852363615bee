"""Asks JAX for the answers of generated cases.

    python jax_runner.py CASES.json ANSWERED.json        record what JAX does; cases JAX refuses are left out and counted
    python jax_runner.py --check ANSWERED.json           run again and compare

Needs: pip install "jax==0.10.2". An answer is the result and the log of host calls. Equations are as in generate.py and derive.py:
`{"op", "args", "out", ...}`; a name, an array `{"dtype", "shape", "data"}` or a bare number is an operand.
"""
import json
import os
import signal
import subprocess
import sys

os.environ.setdefault("JAX_PLATFORMS", "cpu")
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from jax import lax  # noqa: E402
from jax.custom_batching import custom_vmap, sequential_vmap  # noqa: E402
from jax.experimental import io_callback  # noqa: E402

import wide  # noqa: E402

jax.config.update("jax_enable_x64", True)

WORDS = {"nan": np.nan, "inf": np.inf, "-inf": -np.inf}


def to_array(spec):
    data = [WORDS.get(x, x) if isinstance(x, str) else x for x in spec["data"]]
    if spec["dtype"].startswith("complex"):
        data = [complex(re, im) for re, im in zip(data[::2], data[1::2])]
    return np.array(data, dtype=jnp.dtype(spec["dtype"])).reshape(spec["shape"])


def from_array(value):
    value = np.asarray(value)
    if value.dtype.kind == "c":
        flat = [part for z in value.ravel().tolist() for part in (z.real, z.imag)]
    elif value.dtype.name in ("float16", "bfloat16"):
        flat = value.ravel().astype(np.float64).tolist()
    else:
        flat = value.ravel().tolist()
    if value.dtype.kind in "fcV" or "float" in value.dtype.name:
        flat = ["nan" if x != x else "inf" if x == np.inf else "-inf" if x == -np.inf else x for x in flat]
    return {"dtype": value.dtype.name, "shape": list(value.shape), "data": flat}


def answer_tree(value):
    if value is None:
        return None
    if isinstance(value, (tuple, list)):
        return [answer_tree(x) for x in value]
    return from_array(value)


# Host functions work on the last axes and let any number of axes lead.
HOST = {
    "identity": lambda x: x,
    "affine": lambda x: x * x.dtype.type(3) + x.dtype.type(1),
    "add": np.add,
    "mul": np.multiply,
    "sum_last": lambda x: np.sum(x, axis=-1, dtype=x.dtype),
    "sort_last": lambda x: np.sort(x, axis=-1),
    "cumsum_last": lambda x: np.cumsum(x, axis=-1, dtype=x.dtype),
    "outer": lambda x, y: np.einsum("...i,...j->...ij", x, y),
    "minmax_last": lambda x: (np.min(x, axis=-1), np.max(x, axis=-1)),
    "matvec": lambda m, x: np.matmul(m, x[..., None])[..., 0],
    "sin": np.sin,
    "cos": np.cos,
    "neg_sin": lambda x: -np.sin(x),
    "exp": np.exp,
    "square": lambda x: x * x,
    "scale": lambda x, k: x * k.astype(x.dtype),
    # Derivatives: of the arguments and their tangents, or of the residuals and the results' cotangents.
    "exp_vjp": lambda y, c: y * c,
    "square_forward": lambda x: (x * x, 2 * x),
    "square_vjp": lambda r, c: r * c,
    "scale_jvp": lambda x, k, t: t * k.astype(x.dtype) + 0 * x,
    "scale_vjp": lambda x, k, c: c * k.astype(x.dtype) + 0 * x,
    "sin_jvp_jvp": lambda x, t, u, v: np.cos(x) * v - np.sin(x) * t * u,
    "sin_vjp_vjp": lambda x, c, d: alike(-np.sin(x) * c * d, np.cos(x) * d + 0 * c),
    "minmax_last_jvp": lambda x, t: tuple(moved_last(t + 0 * x, np.expand_dims(f(x + 0 * t, -1), -1))[..., 0] for f in (np.argmin, np.argmax)),
    "minmax_last_vjp": lambda x, a, b: at_last(x, np.argmin(x, -1), a) + at_last(x, np.argmax(x, -1), b),
    "matvec_jvp": lambda m, x, n, y: HOST["matvec"](n, x) + HOST["matvec"](m, y),
    "matvec_vjp": lambda m, x, c: leading(2, c[..., None] * x[..., None, :], 1, np.einsum("...ij,...i->...j", m, c)),
    "outer_jvp": lambda x, y, s, t: HOST["outer"](s, y) + HOST["outer"](x, t),
    "outer_vjp": lambda x, y, c: leading(1, np.einsum("...ij,...j->...i", c, y), 1, np.einsum("...ij,...i->...j", c, x)),
    "affine_jvp": lambda x, t: 3 * t + 0 * x,
    "affine_vjp": lambda x, c: 3 * c + 0 * x,
    "sin_jvp": lambda x, t: np.cos(x) * t,
    "sin_vjp": lambda x, c: np.cos(x) * c,
    "mul_jvp": lambda x, y, s, t: s * y + x * t,
    "mul_vjp": lambda x, y, c: tuple(np.array(z) for z in np.broadcast_arrays(y * c, x * c)),
    "sum_last_jvp": lambda x, t: np.sum(t + 0 * x, axis=-1, dtype=x.dtype),
    "sum_last_vjp": lambda x, c: c[..., None] + 0 * x,
    "cumsum_last_jvp": lambda x, t: np.cumsum(t + 0 * x, axis=-1, dtype=x.dtype),
    "cumsum_last_vjp": lambda x, c: np.flip(np.cumsum(np.flip(c + 0 * x, -1), axis=-1, dtype=x.dtype), -1),
    "sort_last_jvp": lambda x, t: moved_last(t + 0 * x, np.argsort(x + 0 * t, axis=-1, kind="stable")),
    "sort_last_vjp": lambda x, c: moved_last(c + 0 * x, np.argsort(np.argsort(x + 0 * c, axis=-1, kind="stable"), axis=-1)),
}
moved_last = lambda x, i: np.take_along_axis(x, i, axis=-1)  # noqa: E731
alike = lambda *xs: tuple(np.array(x) for x in np.broadcast_arrays(*xs))  # noqa: E731
at_last = lambda x, i, c: np.where(np.arange(x.shape[-1]) == i[..., None], c[..., None], 0)  # noqa: E731


def leading(m, x, n, y):
    """Both with the leading axes of both; `m` and `n` of their last ones are their own."""
    lead = np.broadcast_shapes(x.shape[:x.ndim - m], y.shape[:y.ndim - n])
    return np.broadcast_to(x, lead + x.shape[x.ndim - m:]), np.broadcast_to(y, lead + y.shape[y.ndim - n:])



SAME_NAME = {  # operations that lax calls the same and that take nothing but operands
    name: getattr(lax, name) for name in
    "neg abs sign exp exp2 log expm1 log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh sqrt rsqrt cbrt floor "
    "ceil logistic square is_finite erf erfc erf_inv lgamma digamma population_count clz clamp".split()
}
NUMPY = {  # operations that broadcast and promote
    "add": jnp.add, "sub": jnp.subtract, "mul": jnp.multiply, "div": jnp.true_divide, "max": jnp.maximum,
    "min": jnp.minimum, "atan2": jnp.arctan2, "floor_div": jnp.floor_divide, "eq": jnp.equal, "ne": jnp.not_equal,
    "lt": jnp.less, "le": jnp.less_equal, "gt": jnp.greater, "ge": jnp.greater_equal, "and": jnp.bitwise_and,
    "or": jnp.bitwise_or, "xor": jnp.bitwise_xor, "not": jnp.bitwise_not, "pow": jnp.power, "nextafter": jnp.nextafter,
    "outer": jnp.outer, "select": jnp.where, "matmul": jnp.matmul, "solve": jnp.linalg.solve,
}
REDUCE = {"reduce_sum": jnp.sum, "reduce_prod": jnp.prod, "reduce_max": jnp.max, "reduce_min": jnp.min,
          "reduce_and": jnp.all, "reduce_or": jnp.any}

# Each takes the equation and its operands.
ARRAY = {
    **{name: lambda e, x, y, f=getattr(lax, name): f(*jnp.broadcast_arrays(x, y))
       for name in ("shift_left", "shift_right_arithmetic", "shift_right_logical")},
    "round": lambda e, x: lax.round(x, lax.RoundingMethod.AWAY_FROM_ZERO),
    "mean": lambda e, x: jnp.mean(x, axis=e["axis"]),
    "var": lambda e, x: jnp.var(x, axis=e["axis"], ddof=e["ddof"]),
    "std": lambda e, x: jnp.std(x, axis=e["axis"], ddof=e["ddof"]),
    "norm": lambda e, x: jnp.linalg.norm(x, axis=e["axis"]),
    "logsumexp": lambda e, x: jax.nn.logsumexp(x, axis=e["axis"]),
    "softmax": lambda e, x: jax.nn.softmax(x, axis=e["axis"]),
    "log_softmax": lambda e, x: jax.nn.log_softmax(x, axis=e["axis"]),
    "flip": lambda e, x: jnp.flip(x, e["axis"]),
    "roll": lambda e, x: jnp.roll(x, e["shift"], e["axis"]),
    "tril": lambda e, x: jnp.tril(x, e["k"]),
    "triu": lambda e, x: jnp.triu(x, e["k"]),
    "stack": lambda e, *xs: jnp.stack(xs, e["axis"]),
    "split": lambda e, x: jnp.split(x, e["parts"], e["axis"]),
    "iota": lambda e: lax.broadcasted_iota(np.dtype(e["dtype"]), e["shape"], e["dimension"]),
    "eye": lambda e: jnp.eye(e["n"], e["m"], e["k"], dtype=np.dtype(e["dtype"])),
    "linspace": lambda e, x, y: jnp.linspace(x, y, e["num"]),
    "one_hot": lambda e, x: jax.nn.one_hot(x, e["classes"], dtype=np.dtype(e["dtype"])),
    "index": lambda e, x: jnp.moveaxis(x, e["axis"], 0)[e["index"]],
    "take_along_axis": lambda e, x, i: jnp.take_along_axis(x, i, e["axis"]),
    "top_k": lambda e, x: lax.top_k(x, e["k"]),
    "sort_by_key": lambda e, *xs: lax.sort(xs, dimension=e["axis"], is_stable=True, num_keys=1),
    "einsum": lambda e, x, y: jnp.einsum(e["subscripts"], x, y),
    "rem": lambda e, x, y: lax.rem(*jnp.broadcast_arrays(x, y)),
    "round_half_even": lambda e, x: lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN),
    "integer_pow": lambda e, x: lax.integer_pow(x, e["y"]),
    "convert": lambda e, x: lax.convert_element_type(x, np.dtype(e["dtype"])),
    "argmax": lambda e, x: jnp.argmax(x, axis=e["axis"]),
    "argmin": lambda e, x: jnp.argmin(x, axis=e["axis"]),
    "sort": lambda e, x: lax.sort(x, dimension=e["axis"], is_stable=True),
    "argsort": lambda e, x: jnp.argsort(x, axis=e["axis"], stable=True),
    "transpose": lambda e, x: lax.transpose(x, e["perm"]),
    "reshape": lambda e, x: jnp.reshape(x, e["shape"]),
    "expand_dims": lambda e, x: lax.expand_dims(x, e["dims"]),
    "broadcast_in_dim": lambda e, x: lax.broadcast_in_dim(x, e["shape"], e["dims"]),
    "squeeze": lambda e, x: lax.squeeze(x, e["dims"]),
    "concatenate": lambda e, *xs: lax.concatenate(xs, e["axis"]),
    "pad": lambda e, x, v: lax.pad(x, v, [tuple(c) for c in e["config"]]),
    "rev": lambda e, x: lax.rev(x, e["dims"]),
    "slice": lambda e, x: lax.slice(x, e["start"], e["limit"], e["strides"]),
    "dynamic_slice": lambda e, x, *start: lax.dynamic_slice(x, start, e["sizes"]),
    "dynamic_update_slice": lambda e, x, u, *start: lax.dynamic_update_slice(x, u, start),
    "take": lambda e, x, i: jnp.take(x, i, axis=e["axis"], mode=e["mode"]),
    "scatter_add": lambda e, x, i, u: x.at[i].add(u),
    "scatter_set": lambda e, x, i, u: x.at[i].set(u),
    "scatter_mul": lambda e, x, i, u: x.at[i].multiply(u),
    "scatter_min": lambda e, x, i, u: x.at[i].min(u),
    "scatter_max": lambda e, x, i, u: x.at[i].max(u),
    "dot_general": lambda e, x, y: lax.dot_general(x, y, (tuple(e["contract"]), tuple(e["batch"]))),
    "cholesky": lambda e, x: lax.linalg.cholesky(x),
    "triangular_solve": lambda e, a, b: lax.linalg.triangular_solve(a, b, left_side=True, lower=e["lower"]),
    "psum": lambda e, x: lax.psum(x, named(e)),
    "pmean": lambda e, x: lax.pmean(x, named(e)),
    "pmax": lambda e, x: lax.pmax(x, named(e)),
    "pmin": lambda e, x: lax.pmin(x, named(e)),
    "axis_index": lambda e: lax.axis_index(e["axis_name"]),
    "axis_size": lambda e: jnp.asarray(lax.axis_size(e["axis_name"])),
    "all_gather": lambda e, x: lax.all_gather(x, e["axis_name"], axis=e["axis"], tiled=e.get("tiled", False)),
    "all_to_all": lambda e, x: lax.all_to_all(x, e["axis_name"], e["split_axis"], e["concat_axis"], tiled=e["tiled"]),
    "psum_scatter": lambda e, x: lax.psum_scatter(x, e["axis_name"], scatter_dimension=e["axis"], tiled=e["tiled"]),
    "pshuffle": lambda e, x: lax.pshuffle(x, e["axis_name"], e["perm"]),
    "ppermute": lambda e, x: lax.ppermute(x, e["axis_name"], [tuple(pair) for pair in e["perm"]]),
}
for _name in ("cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp"):
    ARRAY[_name] = lambda e, x, f=getattr(lax, _name): f(x, axis=e["axis"], reverse=e["reverse"])


# -- derivatives ----------------------------------------------------------------------------------


def floats(x):
    return jnp.result_type(x).kind == "f"


def without_float0(tree):
    """The tangent of an integer or a bool is null."""
    return jax.tree.map(lambda x: None if getattr(x, "dtype", None) == jax.dtypes.float0 else x, tree)


def tangents(primals, given):
    return tuple(np.zeros(jnp.shape(x), jax.dtypes.float0) if t is None else t for x, t in zip(primals, given))


def of_arguments(op):
    def derivative(e, fun, operand, args):
        argnums = tuple(e["argnums"]) if isinstance(e["argnums"], list) else e["argnums"]
        return getattr(jax, op)(fun("fun"), argnums=argnums, has_aux=e.get("has_aux", False))(*args)
    return derivative


def forward(e, fun, operand, args):
    primals = operand(e["primals"])
    return jax.jvp(fun("fun"), primals, tangents(primals, operand(e["tangents"])), has_aux=e.get("has_aux", False))


def linearized(e, fun, operand, args):
    primals = operand(e["primals"])
    value, push, *aux = jax.linearize(fun("fun"), *primals, has_aux=e.get("has_aux", False))
    return (value, *(push(*tangents(primals, operand(t))) for t in e["tangents"]), *aux)


def backward(e, fun, operand, args):
    value, pull, *aux = jax.vjp(fun("fun"), *operand(e["primals"]), has_aux=e.get("has_aux", False))
    return (value, *(pull(operand(c)) for c in e["cotangents"]), *aux)


def checkpointed(e, fun, operand, args):
    policy = getattr(jax.checkpoint_policies, e["policy"]) if "policy" in e else None
    return jax.checkpoint(fun("fun"), policy=policy)(*args)


def forward_rule(e, fun, operand, args):
    f, rule = jax.custom_jvp(fun("fun"), nondiff_argnums=tuple(e.get("nondiff_argnums", ()))), fun("jvp")
    f.defjvp(lambda *given: rule(*given[:-2], *given[-2], *given[-1]))
    return f(*args)


def backward_rule(e, fun, operand, args):
    f = jax.custom_vjp(fun("fun"), nondiff_argnums=tuple(e.get("nondiff_argnums", ())))
    f.defvjp(fun("fwd"), fun("bwd"))
    return f(*args)


DERIVATIVES = {op: of_arguments(op) for op in ("grad", "value_and_grad", "jacfwd", "jacrev", "hessian")} | {
    "jvp": forward, "vjp": backward, "linearize": linearized, "checkpoint": checkpointed, "custom_jvp": forward_rule,
    "custom_vjp": backward_rule, "stop_gradient": lambda e, fun, operand, args: lax.stop_gradient(args[0])}


def with_rule(runner, e, method, types):
    """A host function, with its derivative where the equation gives one: a host function too."""
    def call(*args):
        return jax.pure_callback(runner.host(e["fn"]), types, *args, vmap_method=method)

    def of_rule(rule, types, args):
        return with_rule(runner, rule, rule.get("method", method), types)(*args)

    if "jvp" in e:
        f = jax.custom_jvp(call)

        @f.defjvp
        def forward_rule_of_host(primals, dots):
            dots = [t for x, t in zip(primals, dots) if floats(x)]
            return f(*primals), of_rule(e["jvp"], types, [*primals, *dots])
        return f
    if "vjp" in e:
        f, rule = jax.custom_vjp(call), {key: part for key, part in e["vjp"].items() if key != "residuals"}
        kept = e["vjp"].get("residuals", "args")

        def forward_of_host(*args):
            shapes.append([jax.ShapeDtypeStruct(jnp.shape(x), jnp.result_type(x)) for x in args])
            if isinstance(kept, dict):
                both = of_rule({"fn": kept["fn"]}, types + declared(kept["result"]), args)
                return both[:len(types)], both[len(types):]
            out = f(*args)
            return out, {"args": args, "results": out}[kept]

        def back(residuals, cotangents):
            wanted = tuple(x for x in shapes[-1] if np.dtype(x.dtype).kind == "f")
            found = iter(of_rule(rule, wanted, [*residuals, *cotangents]))
            return tuple(next(found) if np.dtype(x.dtype).kind == "f" else None for x in shapes[-1])
        shapes = []
        f.defvjp(forward_of_host, back)
        return f
    return call


def declared(results):
    return tuple(jax.ShapeDtypeStruct(tuple(r["shape"]), np.dtype(r["dtype"])) for r in results)


def named(e):
    return tuple(e["axis_name"]) if isinstance(e["axis_name"], list) else e["axis_name"]


class Runner:
    def __init__(self, wide=False):
        self.calls, self.wide = [], wide

    def host(self, name):
        def called(*args):
            args = [np.asarray(a) for a in args]
            self.calls.append({"fn": name, "args": [from_array(a) for a in args]})
            found = HOST[name](*args)
            return tuple(np.asarray(x) for x in (found if isinstance(found, tuple) else (found,)))
        return called

    def function(self, spec, scope):
        def run(*args):
            names = {**scope, **dict(zip(spec["args"], args))}
            for e in spec["body"]:
                found = self.equation(e, names)
                if isinstance(e["out"], str):
                    names[e["out"]] = found
                else:
                    names.update(zip(e["out"], found))
            return self.tree(spec["return"], names)
        return run

    def tree(self, x, names):
        """Names, paths such as `d/1/0` into results that are trees, arrays, numbers, and tuples of them."""
        if isinstance(x, str):
            head, *path = x.split("/")
            value = names[head]
            for step in path:
                value = value[int(step)]
            return value
        if isinstance(x, list):
            return tuple(self.tree(y, names) for y in x)
        return jnp.asarray(to_array(x)) if isinstance(x, dict) else x

    def equation(self, e, names):
        def operand(x):
            return self.tree(x, names)

        op, args = e["op"], [operand(x) for x in e.get("args", [])]
        fun = lambda key: self.function(e[key], names)  # noqa: E731
        if self.wide and op not in DERIVATIVES and ("." in op or op not in OWN):
            return wide.run(e, args, operand, fun)
        if op in SAME_NAME:
            return SAME_NAME[op](*args)
        if op in NUMPY:
            return NUMPY[op](*args)
        if op in REDUCE:
            return REDUCE[op](args[0], axis=tuple(e["axes"]))
        if op in ARRAY:
            return ARRAY[op](e, *args)
        if op in ("callback", "io_callback"):
            types = declared(e["result"])
            if op == "callback":
                return with_rule(self, e, e["method"], types)(*args)
            return io_callback(self.host(e["fn"]), types, *args, ordered=e["ordered"])
        if op == "debug_callback":
            return jax.debug.callback(self.host("identity"), *args) or ()
        if op == "custom_vmap":
            return self.custom(e)(*args)
        if op == "jit":
            return jax.jit(fun("fun"))(*args)
        if op == "vmap":
            return jax.vmap(fun("fun"), in_axes=tuple(e["in_axes"]), out_axes=tuple(e["out_axes"]))(*args)
        if op == "cond":
            return lax.cond(args[0], fun("true"), fun("false"), *args[1:])
        if op == "switch":
            return lax.switch(args[0], [self.function(b, names) for b in e["branches"]], *args[1:])
        if op == "while":
            test, body = fun("cond"), fun("body")
            return lax.while_loop(lambda c: test(*c), lambda c: body(*c), tuple(args))
        if op == "fori":
            body = fun("body")
            return lax.fori_loop(e["lower"], e["upper"], lambda i, c: body(i, *c), tuple(args))
        if op == "scan":
            body, init, xs = fun("fun"), [operand(x) for x in e["init"]], [operand(x) for x in e["xs"]]

            def step(carry, slices):
                out = body(*carry, *slices)
                return out[:len(init)], out[len(init):]
            carry, ys = lax.scan(step, tuple(init), tuple(xs), reverse=e["reverse"])
            return carry + ys
        if op == "map":
            body = fun("fun")
            return lax.map(lambda x: body(*x), tuple(args), batch_size=e.get("batch_size"))
        if op in DERIVATIVES:
            return without_float0(DERIVATIVES[op](e, fun, operand, args))
        raise KeyError(op)

    def custom(self, e):
        """A function with a batching rule; `negated` is a rule that gives something else than the function."""
        f = self.function(e["fun"], {})
        if e["rule"] == "sequential":
            return sequential_vmap(f)
        g = custom_vmap(f)

        @g.def_vmap
        def rule(size, batched, *args):
            out = jax.vmap(f, in_axes=tuple(0 if b else None for b in batched), axis_size=size)(*args)
            return ((-out[0],) if e["rule"] == "negated" else out), (True,)
        return g


# What these names mean in cases of the wide vocabulary too.
OWN = set(SAME_NAME) | set(NUMPY) | set(REDUCE) | {"convert", "round_half_even", "argmax", "argmin", "sort", "argsort", "transpose", "reshape", "concatenate", "pad", "take"}


def axes(spec):
    return tuple(spec) if isinstance(spec, list) else spec


def answer(case):
    runner = Runner("voc/" in case["group"])
    jax.config.update("jax_enable_x64", case.get("x64", True))
    f = runner.function(case["fun"], {})
    for level in reversed(case["vmap"]):
        named_axis = {"axis_name": level["axis_name"]} if "axis_name" in level else {}
        f = jax.vmap(f, in_axes=tuple(level["in_axes"]), out_axes=axes(level.get("out_axes", 0)), **named_axis)
    if case["mode"] == "jit":
        f = jax.jit(f)
    out = jax.block_until_ready(f(*[jnp.asarray(to_array(x)) for x in case["inputs"]]))
    jax.effects_barrier()
    return {"output": answer_tree(out), "calls": runner.calls}


LIMIT = 30  # seconds a case may take: callbacks on the CPU can deadlock inside JAX, and no Python code ends that


def work(cases, out, start):
    """Answers cases from `start` on, one line each; the alarm's default action ends a process that hangs."""
    for number in range(start, len(cases)):
        signal.alarm(LIMIT)
        try:
            line = {"expect": answer(cases[number])}
        except Exception as error:  # what JAX refuses is no case
            line = {"refused": f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:110]}"}
        signal.alarm(0)
        with open(out, "a") as file:
            file.write(json.dumps({"number": number, **line}, separators=(",", ":")) + "\n")
        if number % 100 == 99:
            jax.clear_caches()


def main():
    if sys.argv[1] == "--work":
        with open(sys.argv[2]) as file:
            return work(json.load(file), sys.argv[3], int(sys.argv[4]))
    check = sys.argv[1] == "--check"
    source = sys.argv[2] if check else sys.argv[1]
    with open(source) as file:
        cases = json.load(file)
    lines = f"{source}.lines"
    open(lines, "w").close()
    start, hung = 0, []
    while start < len(cases):
        subprocess.run([sys.executable, __file__, "--work", source, lines, str(start)], check=False)
        with open(lines) as file:
            found = [json.loads(line) for line in file]
        reached = found[-1]["number"] + 1 if found else 0
        start = max(start, reached)
        if start < len(cases):
            hung.append(cases[start]["id"])
            start += 1
    refused = [(cases[f["number"]]["id"], f["refused"]) for f in found if "refused" in f]
    for name, why in refused:
        print(f"refused ({name}): {why}", file=sys.stderr)
    done = [{**cases[f["number"]], "expect": f["expect"]} for f in found if "expect" in f]
    summary = f"{len(refused)} refused, {len(hung)} hung {hung}"
    if check:
        known = {case["id"]: case for case in cases}
        differ = [c["id"] for c in done if c["expect"]["output"] != known[c["id"]]["expect"]["output"]]
        print(f"{len(done) - len(differ)} agree, {len(differ)} differ {differ}, {summary}")
        sys.exit(bool(differ))
    with open(sys.argv[2], "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in done) + "\n]\n")
    print(f"{len(done)} answered, {summary}")


if __name__ == "__main__":
    main()
