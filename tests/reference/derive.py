"""Writes random cases of derivatives: of grown functions, nested in and under vmaps, with rules of functions and host functions.

    python derive.py SEED COUNT > CASES.json

As generate.py, whose programs (program.py, arrays.py, flow.py) are what is differentiated here. Equations of derivatives are
`grad value_and_grad jacfwd jacrev hessian` (`fun args argnums`), `jvp` (`fun primals tangents`), `vjp` (`fun primals
cotangents`) and `linearize`; `checkpoint`, `custom_jvp`, `custom_vjp` and callbacks with `jvp` or `vjp` stand inside what is
differentiated.
"""
import json
import random
import sys

import arrays as a
import flow as f
from program import FLOATS, METHODS, Program, Value, array, is_float, numeric

REVERSE = ("grad", "value_and_grad", "jacrev", "vjp")
FORWARD = ("jvp", "jacfwd", "linearize")
# JAX has no derivative of these, or none in reverse mode.
NEVER = ("nextafter", "scatter_mul", "io_callback", "debug_callback")
NOT_BACK = ("while", "custom_vmap")


def params(p, count=1, test=is_float):
    """Values of the enclosing scope to differentiate at, and the parameters that stand for them."""
    chosen = [p.pick(test) for _ in range(count)]
    if None in chosen:
        return None, None
    return chosen, [Value(f"{'xyhg'[k]}{p.depth}p", v.dtype, v.shape) for k, v in enumerate(chosen)]


def grown(p, args, steps, closed=False):
    q = Program(p.rng, ([] if closed else p.values) + args, [] if closed else p.axes, p.depth + 1)
    q.count = 10 * p.rng.randint(0, 99)
    q.values += args * 3
    return q.grow(p.rng.randint(1, steps))


def result(q, args, scalar):
    """A floating value of the function, of the late ones if possible, and as a sum where one number is wanted."""
    names = {v.name for v in args}
    made = [v for v in q.values if is_float(v) and v.name[0] == "uvwzqrst"[q.depth] and v.name not in names]
    v = q.rng.choice(made[-3:]) if made else q.rng.choice([v for v in args if is_float(v)])
    if not v.tame and q.rng.random() < 0.6:
        v = q.add("tanh", [v], v.dtype, v.shape)
    if scalar and v.shape:
        v = q.add("reduce_sum", [v], v.dtype, (), False, axes=list(range(len(v.shape))))
    return v


def whole(args, q, out):
    return {"args": [v.name for v in args], "body": q.body, "return": out}


def derivative(p, op, steps, simple=False):
    """Adds the equation; `simple` ones have one argument and a result that is an array of a known type."""
    count = 1 if simple else p.rng.choice([1, 1, 2, 3])
    chosen, args = params(p, count)
    if not chosen:
        return None
    if not simple and p.rng.random() < 0.2:
        extra, more = params(p, 1, lambda v: not is_float(v))
        if extra:
            more[0].name = f"i{p.depth}p"
            chosen, args = chosen + extra, args + more
    q = grown(p, args, steps)
    scalar = op in ("grad", "value_and_grad", "hessian")
    outs = [result(q, args, scalar)]
    if not simple and op in ("jacfwd", "jacrev", "jvp", "vjp", "linearize") and p.rng.random() < 0.25:
        outs.append(result(q, args, False))
    returned = outs[0].name if len(outs) == 1 else [v.name for v in outs]
    params_ = {"fun": whole(args, q, returned)}
    names = [v.name for v in chosen]
    tangents = lambda: [p.array(v.dtype, v.shape) if is_float(v) else None for v in chosen]  # noqa: E731
    v = chosen[0]
    if op in ("grad", "value_and_grad", "jacfwd", "jacrev", "hessian"):
        floats = [k for k, c in enumerate(chosen) if is_float(c)]
        if simple or p.rng.random() < 0.5:
            params_["argnums"] = p.rng.choice(floats) if not simple else 0
        else:
            params_["argnums"] = p.rng.sample(floats, p.rng.randint(1, len(floats)))
        made = p.add(op, names, v.dtype, v.shape, False, **params_)
        if not simple or op not in ("grad",):
            p.values.remove(made)
        return made
    params_["primals"] = names
    if op == "jvp":
        params_["tangents"] = tangents()
    elif op == "linearize":
        params_["tangents"] = [tangents() for _ in range(p.rng.randint(1, 2))]
    else:
        given = [p.array(o.dtype, o.shape) for o in outs]
        params_["cotangents"] = [given[0] if len(outs) == 1 else given]
    made = p.add(op, [], outs[0].dtype, outs[0].shape, False, **params_)
    del p.body[-1]["args"]
    if simple and op == "jvp":
        p.body[-1]["out"] = [f"p{made.name}", made.name]
        p.values.append(Value(f"p{made.name}", outs[0].dtype, outs[0].shape, False))
    elif simple and op == "vjp":
        p.body[-1]["out"] = [f"p{made.name}", f"c{made.name}"]
        p.values.remove(made)
        p.values.append(Value(f"c{made.name}/0", v.dtype, v.shape, False))
    else:
        p.values.remove(made)
    return made


def inside(p):
    """A derivative inside of what is differentiated."""
    if p.depth > 1:
        return None
    return derivative(p, p.rng.choice(["grad", "grad", "jvp", "vjp"]), 3, simple=True)


# -- functions and host functions with rules -------------------------------------------------------


def closed(p, v, steps=2):
    """A function of `v` alone that gives a value of its type, scaled down."""
    arg = Value(f"m{p.depth}p", v.dtype, v.shape)
    q = grown(p, [arg], steps, closed=True)
    fitting = [w for w in q.values if w.dtype == v.dtype and w.shape == v.shape]
    out = q.add("tanh", [q.rng.choice(fitting[-3:])], v.dtype, v.shape)
    return arg, q, out


def custom_jvp(p):
    """The rule gives another tangent than the derivative: the answer shows whether it is used."""
    v = p.pick(is_float)
    if not v or p.depth > 2:
        return None
    arg, q, out = closed(p, v)
    t, c, d = (f"{n}{p.depth}r" for n in "tcd")
    rule = q.body + [{"op": "cos", "args": [arg.name], "out": c}, {"op": "mul", "args": [t, c], "out": d}]
    return p.add("custom_jvp", [v], v.dtype, v.shape, fun=whole([arg], q, out.name),
                 jvp={"args": [arg.name, t], "body": rule, "return": [out.name, d]})


def custom_vjp(p):
    v = p.pick(is_float)
    if not v or p.depth > 2:
        return None
    arg, q, out = closed(p, v)
    r, t, c, d = (f"{n}{p.depth}r" for n in "rtcd")
    back = [{"op": "cos", "args": [f"{r}/0"], "out": c}, {"op": "mul", "args": [t, c], "out": d}]
    return p.add("custom_vjp", [v], v.dtype, v.shape, fun=whole([arg], q, out.name),
                 fwd={"args": [arg.name], "body": q.body, "return": [out.name, [arg.name]]},
                 bwd={"args": [r, t], "body": back, "return": [d]})


def checkpoint(p):
    v = p.pick(is_float)
    if not v or p.depth > 2:
        return None
    fun = f.inner(p, [("n", v.dtype, v.shape)], [(v.dtype, v.shape)])
    fun["return"] = fun["return"][0]
    policy = p.rng.choice([None, "everything_saveable", "nothing_saveable", "dots_saveable"])
    return p.add("checkpoint", [v], v.dtype, v.shape, fun=fun, **({"policy": policy} if policy else {}))


def callback(p):
    """A host function with a rule in the direction the case goes."""
    v = p.pick(lambda v: is_float(v) and v.tame)
    if not v or p.direction is None:
        return None
    twin = p.pick(lambda u: u.dtype == v.dtype and u.shape == v.shape)
    names = ["affine", "mul", "sin"] + (["sum_last", "cumsum_last", "sort_last"] if v.shape and 0 not in v.shape else [])
    fn = p.rng.choice(names)
    args, shape = ([v, twin] if fn == "mul" else [v]), (v.shape[:-1] if fn == "sum_last" else v.shape)
    method = p.rng.choice(METHODS)
    rule = {"fn": f"{fn}_{p.direction}"}
    if p.rng.random() < 0.4:
        rule["method"] = p.rng.choice(METHODS)
    made = p.add("callback", args, v.dtype, shape, fn in ("sin", "sort_last"), fn=fn, method=method,
                 result=[{"shape": list(shape), "dtype": v.dtype}], **{p.direction: rule})
    p.body[-1]["out"] = [made.name]
    return made


Program.direction = None
PLAIN = [a.unary, a.unary, a.unary, a.binary, a.binary, a.binary, a.with_literal, a.with_literal, a.select, a.select, a.reduce,
         a.order, a.transpose, a.take, a.dot, a.slices, a.statistic, a.one_index, a.power, a.convert, a.clamp, a.running,
         a.reshape, a.expand, a.squeeze, a.join, a.pad, a.dynamic, a.scatter, a.along, a.best, a.together, a.normal,
         a.rearrange, a.einsum, a.outer, a.matmul, a.system]
Program.makers = PLAIN
Program.inner = PLAIN + [f.conditional, f.loop, f.nested, inside, checkpoint, callback, custom_jvp, f.collective, f.collective]


def operations(tree, found):
    if isinstance(tree, dict):
        if "op" in tree:
            found.add(tree["op"])
        for part in tree.values():
            operations(part, found)
    elif isinstance(tree, list):
        for part in tree:
            operations(part, found)
    return found


def case(seed, number):
    for attempt in range(50):
        rng = random.Random(f"{seed}/{number}/{attempt}")
        found = one(rng)
        if found:
            return {"id": f"derive-{seed}-{number:05}", "group": "diff/random", **found}
    raise RuntimeError("no case found")


def one(rng):
    op = rng.choice(("grad", "value_and_grad", "jacrev", "vjp", "jvp", "jvp", "jacfwd", "linearize", "hessian"))
    Program.direction = "jvp" if op in FORWARD else "vjp" if op in REVERSE else None
    extra = [custom_vjp] if op in REVERSE else []
    kept = Program.inner
    Program.inner = kept + extra
    try:
        levels = rng.choice([0, 0, 1, 1, 1, 2])
        sizes = [rng.choice([1, 2, 2, 3, 3]) for _ in range(levels)]
        axes = [("ij"[k], n) for k, n in enumerate(sizes) if rng.random() < 0.4]
        specs = [{"in_axes": [], "out_axes": 0, **({"axis_name": "ij"[k]} if ("ij"[k], n) in axes else {})}
                 for k, n in enumerate(sizes)]
        inputs, values, ties = [], [], rng.random() < 0.3
        arity = rng.randint(1, 3)
        for n in range(arity):
            dtype = "float64" if n == 0 else rng.choice(["float64"] * 7 + ["float32", "int64", "int32", "bool"])
            lane = [0 if rng.random() < 0.02 else rng.randint(1, 3) for _ in range(rng.choice([0, 1, 1, 2, 2]))]
            shape, mapped = list(lane), []
            for k in reversed(range(levels)):
                if rng.random() < 0.7 or (n == arity - 1 and all(i is None for i in specs[k]["in_axes"])):
                    at = rng.randint(0, len(shape))
                    shape.insert(at, sizes[k])
                    mapped.append(at if rng.random() < 0.7 else at - len(shape))
                else:
                    mapped.append(None)
            for spec, axis in zip(reversed(specs), mapped):
                spec["in_axes"].append(axis)
            inputs.append(array(rng, dtype, shape))
            if ties and dtype in FLOATS:
                inputs[-1]["data"] = [rng.choice([-1.0, 0.0, 1.0, 2.0]) for _ in inputs[-1]["data"]]
            values.append(Value(f"a{n}", dtype, lane))
        p = Program(rng, values, axes)
        if rng.random() < 0.4:
            p.grow(rng.randint(1, 2))
        made = derivative(p, op, 5 if op == "hessian" else 7)
    finally:
        Program.inner = kept
    if not made:
        return None
    used = operations(p.body, set())
    if used & set(NEVER) or (op not in FORWARD and used & set(NOT_BACK)):
        return None
    if used & {"grad", "vjp"} and used & {"while", "custom_vmap"}:
        return None
    return {"mode": rng.choice(["jit", "eager"]), "inputs": inputs, "vmap": specs,
            "fun": {"args": [f"a{n}" for n in range(arity)], "body": p.body, "return": made.name}}


def main():
    seed, count = sys.argv[1], int(sys.argv[2])
    print("[\n" + ",\n".join(json.dumps(case(seed, k)) for k in range(count)) + "\n]")


if __name__ == "__main__":
    main()
