"""Writes random cases of derivatives: of grown functions, nested in and under vmaps, with rules of functions and host functions.

    python derive.py SEED COUNT > CASES.json

As generate.py, whose programs (program.py, arrays.py, flow.py) are what is differentiated here. Equations of derivatives are
`grad value_and_grad jacfwd jacrev hessian` (`fun args argnums`), `jvp` (`fun primals tangents`), `vjp` (`fun primals
cotangents`) and `linearize`; `checkpoint`, `stop_gradient`, `custom_jvp`, `custom_vjp`, `custom_vmap` and callbacks with `jvp` or `vjp` stand inside what is
differentiated, and further derivatives.
"""
import json
import random
import sys

import arrays as a
import flow as f
from program import FLOATS, METHODS, Program, Value, array, is_float, promote

REVERSE = ("grad", "value_and_grad", "jacrev", "vjp")
FORWARD = ("jvp", "jacfwd", "linearize")
# JAX has no derivative of these, or none in reverse mode.
NEVER = ("nextafter", "scatter_mul", "io_callback", "debug_callback")
NOT_BACK = ("while", "custom_vmap")
OF_ARGUMENTS = ("grad", "value_and_grad", "jacfwd", "jacrev", "hessian")


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
    if scalar and len(made) > 1 and q.rng.random() < 0.5:
        # Several ends at once, so that less of what was grown is in vain.
        sums = [q.add("reduce_sum", [q.add("tanh", [w], w.dtype, w.shape)], w.dtype, (), False, axes=list(range(len(w.shape))))
                for w in q.rng.sample(made, min(len(made), 3)) if w is not v]
        v = q.add("reduce_sum", [v], v.dtype, (), False, axes=list(range(len(v.shape))))
        for w in sums:
            v = q.add("add", [v, w], promote(v.dtype, w.dtype), (), False)
        return v
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
    extra = {}
    if not simple and p.rng.random() < 0.15:
        # What comes beside the value may be anything that was computed on the way.
        extra = {"has_aux": True}
        returned = [returned, q.pick().name]
    v, out = chosen[0], outs[0]
    e = {"fun": whole(args, q, returned), **extra}
    names = [v.name for v in chosen]
    tangents = lambda: [p.array(v.dtype, v.shape) if is_float(v) else None for v in chosen]  # noqa: E731
    if op in OF_ARGUMENTS:
        floats = [k for k, c in enumerate(chosen) if is_float(c)]
        if simple or p.rng.random() < 0.5:
            e["argnums"] = 0 if simple else p.rng.choice(floats)
        else:
            e["argnums"] = p.rng.sample(floats, p.rng.randint(1, len(floats)))
        made = p.add(op, names, v.dtype, v.shape, False, **e)
    else:
        e["primals"] = names
        if op == "jvp":
            e["tangents"] = tangents()
        elif op == "linearize":
            e["tangents"] = [tangents() for _ in range(1 if simple else p.rng.randint(1, 2))]
        else:
            given = [p.array(o.dtype, o.shape) for o in outs]
            e["cotangents"] = [given[0] if len(outs) == 1 else given]
        made = p.add(op, [], out.dtype, out.shape, False, **e)
        del p.body[-1]["args"]
    p.values.remove(made)
    if simple:
        known = {"grad": [(made.name, v.dtype, v.shape)], "value_and_grad": [("p", out.dtype, ()), ("", v.dtype, v.shape)],
                 "jacfwd": [(made.name, out.dtype, out.shape + v.shape)], "jacrev": [(made.name, v.dtype, out.shape + v.shape)],
                 "hessian": [(made.name, v.dtype, v.shape + v.shape)], "jvp": [("p", out.dtype, out.shape), ("", out.dtype, out.shape)],
                 "linearize": [("p", out.dtype, out.shape), ("", out.dtype, out.shape)],
                 "vjp": [("p", out.dtype, out.shape), ("c", v.dtype, v.shape)]}[op]
        if len(known) == 2:
            p.body[-1]["out"] = [f"{prefix}{made.name}" for prefix, _, _ in known]
            known = [(f"{prefix}{made.name}" + "/0" * (prefix == "c"), dtype, shape) for prefix, dtype, shape in known]
        p.values += [Value(name, dtype, shape, False) for name, dtype, shape in known if len(shape) < 5]
    return made


def inside(p):
    """A derivative inside of what is differentiated."""
    if p.depth > 1:
        return None
    op = p.rng.choice(["grad", "grad", "jvp", "vjp"] + list(REVERSE + FORWARD) + ["hessian"])
    Program.nested += 1
    made = derivative(p, op, 3, simple=True)
    Program.nested -= 1
    return made


def constant(p):
    v = p.pick(is_float)
    return v and p.add("stop_gradient", [v], v.dtype, v.shape, v.tame)


# -- functions and host functions with rules -------------------------------------------------------


def closed(p, v, steps=2):
    """A function of `v` alone that gives a value of its type, scaled down."""
    arg = Value(f"m{p.depth}p", v.dtype, v.shape)
    q = grown(p, [arg], steps, closed=True)
    fitting = [w for w in q.values if w.dtype == v.dtype and w.shape == v.shape]
    out = q.add("tanh", [q.rng.choice(fitting[-3:])], v.dtype, v.shape)
    return arg, q, out


def two(p):
    """A value, another one or a number that is not differentiated, and what stands before the arguments of the rules."""
    v = p.pick(is_float)
    if not v or p.depth > 2:
        return None
    other = p.pick(lambda u: u.dtype == v.dtype and u.shape == v.shape) if p.rng.random() < 0.5 else p.rng.choice([0.5, -2.0])
    return v, other, {} if isinstance(other, Value) else {"nondiff_argnums": [0]}


def scaled(q, arg, out, k):
    """Has the function end in a factor, so that it depends on its other argument too."""
    made = q.add("mul", [out.name, k], out.dtype, out.shape)
    return q, arg, made


def custom_jvp(p):
    """The rule gives another tangent than the derivative: the answer shows whether it is used."""
    found = two(p)
    if not found:
        return None
    v, other, nondiff = found
    arg, q, out = closed(p, v)
    k, t, s, c, d, b = (f"{n}{p.depth}r" for n in "ktscdb")
    q, arg, out = scaled(q, arg, out, k)
    rule = q.body + [{"op": "cos", "args": [arg.name], "out": c}, {"op": "mul", "args": [t, c], "out": d}]
    taken = [k, arg.name, t] if nondiff else [k, arg.name, s, t]
    if not nondiff:
        rule.append({"op": "sub", "args": [d, s], "out": b})
    return p.add("custom_jvp", [other, v], v.dtype, v.shape, fun={**whole([arg], q, out.name), "args": [k, arg.name]},
                 jvp={"args": taken, "body": rule, "return": [out.name, d if nondiff else b]}, **nondiff)


def custom_vjp(p):
    found = two(p)
    if not found:
        return None
    v, other, nondiff = found
    arg, q, out = closed(p, v)
    k, r, t, c, d = (f"{n}{p.depth}r" for n in "krtcd")
    q, arg, out = scaled(q, arg, out, k)
    back = [{"op": "cos", "args": [f"{r}/0"], "out": c}, {"op": "mul", "args": [t, c], "out": d}]
    first = [] if nondiff else [p.rng.choice([None, t])]
    return p.add("custom_vjp", [other, v], v.dtype, v.shape, fun={**whole([arg], q, out.name), "args": [k, arg.name]},
                 fwd={"args": [k, arg.name], "body": q.body, "return": [out.name, [arg.name]]},
                 bwd={"args": [k, r, t] if nondiff else [r, t], "body": back, "return": first + [d]}, **nondiff)


def checkpoint(p):
    v = p.pick(is_float)
    if not v or p.depth > 2:
        return None
    fun = f.inner(p, [("n", v.dtype, v.shape)], [(v.dtype, v.shape)])
    fun["return"] = fun["return"][0]
    policy = p.rng.choice([None, "everything_saveable", "nothing_saveable", "dots_saveable"])
    return p.add("checkpoint", [v], v.dtype, v.shape, fun=fun, **({"policy": policy} if policy else {}))


def host_call(fn, method, args, like, out):
    return {"op": "callback", "fn": fn, "method": method, "args": args, "out": [out],
            "result": [{"shape": list(like.shape), "dtype": like.dtype}]}


def factor(p, fn, v, x, out, method, depth):
    """A host function whose rule multiplies the tangent with what another host function gives, which has such a rule too."""
    plain = host_call(fn, method, [x], v, "z")
    if not depth:
        return {**plain, "out": [out]}
    u, t = f"u{depth}f", f"t{depth}f"
    more = {"sin": "cos", "cos": "neg_sin"}[fn]
    rule = [factor(p, fn, v, u, "z", method, depth - 1), factor(p, more, v, u, "c", method, depth - 1),
            {"op": "mul", "args": ["c", t], "out": "d"}]
    return {"op": "custom_jvp", "args": [x], "out": out, "fun": {"args": [u], "body": [host_call(fn, method, [u], v, "z")], "return": "z"},
            "jvp": {"args": [u, t], "body": rule, "return": ["z", "d"]}}


def callback(p):
    """A host function with a rule in the direction the case goes, or one whose rule goes in both."""
    v = p.pick(lambda v: is_float(v) and v.tame)
    if not v:
        return None
    method = p.rng.choice(METHODS)
    if p.direction is None or Program.nested or p.rng.random() < 0.15:
        made = p.add("callback", [v], v.dtype, v.shape, True)
        p.body[-1] = factor(p, "sin", v, v.name, made.name, method, p.rng.randint(1, 2))
        return made
    twin = p.pick(lambda u: u.dtype == v.dtype and u.shape == v.shape)
    names = ["affine", "mul", "sin", "scale"] + (["sum_last", "cumsum_last", "sort_last", "minmax_last"] if v.shape and 0 not in v.shape else [])
    names += ["exp", "square"] if p.direction == "vjp" else []
    if len(v.shape) == 1:
        twin = p.pick(lambda u: u.dtype == v.dtype and len(u.shape) == 1)
        matrix = p.pick(lambda u: u.dtype == v.dtype and len(u.shape) == 2 and u.shape[1] == v.shape[0])
        names = [n for n in names if n != "mul"] + ["outer"] + ["matvec"] * bool(matrix)
    fn = p.rng.choice(names)
    args, shapes = [v], [v.shape]
    if fn == "mul":
        args = [v, twin]
    elif fn == "outer":
        args, shapes = [v, twin], [v.shape + twin.shape]
    elif fn == "matvec":
        args, shapes = [matrix, v], [matrix.shape[:1]]
    elif fn == "sum_last":
        shapes = [v.shape[:-1]]
    elif fn == "minmax_last":
        shapes = [v.shape[:-1]] * 2
    elif fn == "scale":
        factors = p.array("int64", v.shape)
        args = [v, p.pick(lambda u: u.dtype == "int64" and u.shape == v.shape) or factors]
    rule = {"fn": f"{fn}_{p.direction}"}
    if p.rng.random() < 0.4:
        rule["method"] = p.rng.choice(METHODS)
    if fn == "exp":
        rule["residuals"] = "results"
    elif fn == "square":
        rule["residuals"] = {"fn": "square_forward", "result": [{"shape": list(v.shape), "dtype": v.dtype}]}
    elif fn == "sin" and p.rng.random() < 0.5:
        rule[p.direction] = {"fn": f"{rule['fn']}_{p.direction}"}
    made = p.add("callback", args, v.dtype, shapes[0], fn in ("sin", "sort_last"), fn=fn, method=method,
                 result=[{"shape": list(shape), "dtype": v.dtype} for shape in shapes], **{p.direction: rule})
    p.body[-1]["out"] = [made.name]
    if len(shapes) == 2:
        p.body[-1]["out"].append(f"p{made.name}")
        p.values.append(Value(f"p{made.name}", v.dtype, shapes[1], False))
    return made


Program.direction, Program.nested = None, 0
PLAIN = [a.unary, a.unary, a.unary, a.binary, a.binary, a.binary, a.with_literal, a.with_literal, a.select, a.select, a.reduce, a.reduce,
         a.order, a.transpose, a.take, a.dot, a.slices, a.statistic, a.one_index, a.power, a.convert, a.clamp, a.running, a.running,
         a.reshape, a.expand, a.squeeze, a.join, a.pad, a.dynamic, a.scatter, a.along, a.best, a.together, a.normal,
         a.rearrange, a.einsum, a.outer, a.matmul, a.system, a.system, a.extreme, a.made_up]
Program.makers = PLAIN
Program.inner = PLAIN + [f.conditional, f.conditional, f.loop, f.loop, f.loop, f.nested, inside, inside, checkpoint, callback, callback,
                         custom_jvp, f.collective, f.collective, constant]


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
    extra = [custom_vjp] if op in REVERSE else [f.custom, f.custom] if op in FORWARD else []
    kept, Program.nested = Program.inner, 0
    Program.inner = kept + extra
    try:
        levels = rng.choice([0, 0, 1, 1, 1, 2])
        sizes = [rng.choice([1, 2, 2, 3, 3]) for _ in range(levels)]
        axes = [("ij"[k], n) for k, n in enumerate(sizes) if rng.random() < 0.5]
        Program.inner += [f.collective] * (6 * bool(axes))
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
    if used & {"grad", "vjp", "value_and_grad", "jacrev", "hessian"} and used & set(NOT_BACK):
        return None
    return {"mode": rng.choice(["jit", "eager"]), "inputs": inputs, "vmap": specs,
            "fun": {"args": [f"a{n}" for n in range(arity)], "body": p.body, "return": made.name}}


def main():
    seed, count = sys.argv[1], int(sys.argv[2])
    print("[\n" + ",\n".join(json.dumps(case(seed, k)) for k in range(count)) + "\n]")


if __name__ == "__main__":
    main()
