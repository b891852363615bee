"""Writes random cases of derivatives: functions with control flow, rules and callbacks, and one derivative of each under vmaps.

    python derivatives.py SEED COUNT > CASES.json

As generate.py, but over floating values only, and every equation has a derivative. jax_runner.py asks JAX for the answers.
"""
import json
import random
import sys

ANYWHERE = ["neg", "abs", "sign", "exp", "expm1", "sin", "cos", "tan", "tanh", "logistic", "square", "floor", "ceil", "erf",
            "round_half_even", "atan", "sinh", "asinh", "exp2", "cbrt", "erfc"]
ABOVE_ZERO = ["log", "sqrt", "rsqrt", "log1p", "lgamma", "digamma"]
BINARY = ["add", "sub", "mul", "max", "min", "atan2"]
METHODS = ["sequential", "expand_dims", "broadcast_all", "sequential_unrolled"]
FORWARD = ("jvp", "jacfwd", "hessian", "linearize")


def numbers(rng, shape, low=-1.5, high=1.5, dtype="float64"):
    count = 1
    for n in shape:
        count *= n
    number = rng.uniform if dtype == "float64" else rng.randint
    return {"dtype": dtype, "shape": list(shape), "data": [round(number(low, high), 3) for _ in range(count)]}


class Function:
    """A function under construction: what its names are, and its equations."""

    def __init__(self, grower, values, depth):
        self.grower, self.values, self.depth, self.body = grower, dict(values), depth, []
        self.rng = grower.rng

    def emit(self, op, args, shape, out=None, **params):
        out = out or self.grower.name()
        self.body.append({"op": op, "args": args, "out": out, **params})
        self.values[out] = tuple(shape)
        return out

    def like(self, shape):
        return self.rng.choice([v for v, s in self.values.items() if s == shape])

    def positive(self, x):
        square = self.emit("square", [x], self.values[x])
        return self.emit("add", [square, 0.6], self.values[x])

    def grow(self, steps):
        for _ in range(steps):
            maker = self.rng.choice(MAKERS)
            x = self.rng.choice(list(self.values))
            maker(self, x, self.values[x])
        return self

    def inner(self, params, shape, steps=3, outer=True):
        """A function of one result of this shape, of parameters and, unless it has rules, of what is around it."""
        around = self.values if outer else {}
        picked = {v: around[v] for v in self.rng.sample(sorted(around), min(2, len(around)))}
        made = Function(self.grower, {**picked, **params}, self.depth + 1)
        made.grow(steps)
        found = [v for v, s in made.values.items() if s == shape]
        return {"args": list(params), "body": made.body, "return": found[-1]}


def unary(f, x, shape):
    f.emit(f.rng.choice(ANYWHERE), [x], shape)


def above_zero(f, x, shape):
    f.emit(f.rng.choice(ABOVE_ZERO), [f.positive(x)], shape)


def binary(f, x, shape):
    f.emit(f.rng.choice(BINARY), [x, f.rng.choice([f.like(shape), 0.7])], shape)


def quotient(f, x, shape):
    y = f.positive(f.like(shape))
    f.emit(*f.rng.choice([("div", [x, y]), ("div", [y, x]), ("pow", [y, x]), ("rem", [x, y])]), shape)


def power(f, x, shape):
    f.emit("integer_pow", [x], shape, y=f.rng.choice([0, 1, 2, 3, 5]))


def clamp(f, x, shape):
    f.emit("clamp", [numbers(f.rng, [], -0.7, -0.7), x, numbers(f.rng, [], 0.6, 0.6)], shape)


def select(f, x, shape):
    test = f.grower.name()
    f.body.append({"op": "gt", "args": [x, 0.1], "out": test})
    f.emit("select", [test, x, f.like(shape)], shape)


def along(f, x, shape):
    """Reductions, running ones, sorting and moving along an axis."""
    if not shape:
        return unary(f, x, shape)
    axis = f.rng.randrange(len(shape))
    kind = f.rng.choice(["reduce", "reduce", "running", "running", "sort", "rev", "concatenate", "take", "pad"])
    if kind == "reduce":
        op = f.rng.choice(["reduce_sum", "reduce_max", "reduce_min", "reduce_prod"])
        f.emit(op, [x], shape[:axis] + shape[axis + 1:], axes=[axis])
    elif kind == "running":
        op = f.rng.choice(["cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp"])
        f.emit(op, [x], shape, axis=axis, reverse=f.rng.random() < 0.4)
    elif kind == "sort":
        f.emit("sort", [x], shape, axis=axis)
    elif kind == "rev":
        f.emit("rev", [x], shape, dims=[axis])
    elif kind == "concatenate":
        f.emit("concatenate", [x, f.like(shape)], [*shape[:axis], 2 * shape[axis], *shape[axis + 1:]], axis=axis)
    elif kind == "take":
        n = shape[axis]
        at = numbers(f.rng, [2], -n - 1, n + 1, "int32")
        f.emit("take", [x, at], [*shape[:axis], 2, *shape[axis + 1:]], axis=axis, mode=f.rng.choice(["clip", "wrap", "fill"]))
    else:
        config = [[f.rng.choice([0, 1, -1]) if n > 1 else 0, f.rng.choice([0, 1]), f.rng.choice([0, 1])] for n in shape]
        sizes = [lo + hi + n + inside * max(n - 1, 0) for (lo, hi, inside), n in zip(config, shape)]
        f.emit("pad", [x, 0.5], sizes, config=config)


def matrix(f, x, shape):
    if len(shape) != 2:
        return unary(f, x, shape)
    turned = f.emit("transpose", [x], shape[::-1], perm=[1, 0])
    if f.rng.random() < 0.6:
        f.emit("matmul", [x, turned], [shape[0], shape[0]])


def stopped(f, x, shape):
    f.emit("stop_gradient", [x], shape)


def callback(f, x, shape):
    if f.grower.order > 1:
        return unary(f, x, shape)
    name = f.rng.choice(["sin", "affine"] if f.grower.forward else ["sin", "affine", "exp", "square"])
    types = [{"dtype": "float64", "shape": list(shape)}]
    if f.grower.forward:
        rule = {"jvp": {"fn": f"{name}_jvp"}}
    elif name == "exp":
        rule = {"vjp": {"fn": "exp_vjp", "residuals": "results"}}
    elif name == "square":
        rule = {"vjp": {"fn": "square_vjp", "residuals": {"fn": "square_forward", "result": types}}}
    else:
        rule = {"vjp": {"fn": f"{name}_vjp"}}
    if f.rng.random() < 0.3:
        next(iter(rule.values()))["method"] = f.rng.choice(METHODS)
    out = f.grower.name()
    f.emit("callback", [x], shape, out=out, fn=name, method=f.rng.choice(METHODS), result=types, **rule)
    f.body[-1]["out"] = [out]


def scan(f, x, shape):
    if f.depth > 1 or not shape:
        return unary(f, x, shape)
    start = f.emit("reduce_sum", [x], shape[1:], axes=[0])
    c, e = f.grower.name(), f.grower.name()
    fun = f.inner({c: shape[1:], e: shape[1:]}, shape[1:])
    fun["return"] = [fun["return"], f.rng.choice([c, e, fun["return"]])]
    carry, ys = f.grower.name(), f.grower.name()
    f.body.append({"op": "scan", "init": [start], "xs": [x], "fun": fun, "reverse": f.rng.random() < 0.4, "out": [carry, ys]})
    f.values.update({carry: tuple(shape[1:]), ys: tuple(shape)})


def lanes(f, x, shape):
    """A function of every slice, by vmap or one after the other."""
    if f.depth > 1 or not shape:
        return unary(f, x, shape)
    e = f.grower.name()
    fun = f.inner({e: shape[1:]}, shape[1:])
    if f.rng.random() < 0.5:
        return f.emit("vmap", [x], shape, fun=fun, in_axes=[0], out_axes=0)
    return f.emit("map", [x], shape, fun=fun)


def counted(f, x, shape):
    if f.depth > 1:
        return unary(f, x, shape)
    i, c, out = f.grower.name(), f.grower.name(), f.grower.name()
    fun = f.inner({c: shape}, shape, 2)
    if f.grower.forward and f.rng.random() < 0.5:
        count, test, after = f.grower.name(), f.grower.name(), f.grower.name()
        fun = {"args": [i, c], "body": [*fun["body"], {"op": "add", "args": [i, 1], "out": after}],
               "return": [after, fun["return"]]}
        test = {"args": [i, c], "body": [{"op": "lt", "args": [i, f.rng.choice([0, 1, 3])], "out": test}], "return": test}
        f.body.append({"op": "while", "args": [numbers(f.rng, [], 0, 0, "int64"), x], "cond": test, "body": fun,
                       "out": [count, out]})
    else:
        fun = {"args": [i, c], "body": fun["body"], "return": [fun["return"]]}
        f.body.append({"op": "fori", "args": [x], "lower": 0, "upper": f.rng.choice([0, 1, 3]), "body": fun, "out": [out]})
    f.values[out] = tuple(shape)


def conditional(f, x, shape):
    if f.depth > 1:
        return unary(f, x, shape)
    u = f.grower.name()
    branches = [f.inner({u: shape}, shape, 2) for _ in range(2)]
    if f.rng.random() < 0.4:
        return f.emit("switch", [numbers(f.rng, [], 0, 2, "int32"), x], shape, branches=branches)
    total, test = f.emit("reduce_sum", [x], [], axes=list(range(len(shape)))), f.grower.name()
    f.body.append({"op": "gt", "args": [total, 0.0], "out": test})
    return f.emit("cond", [test, x], shape, true=branches[0], false=branches[1])


def called(f, x, shape):
    if f.depth > 1:
        return unary(f, x, shape)
    u = f.grower.name()
    op = f.rng.choice(["jit", "checkpoint"])
    policy = f.rng.choice([None, "everything_saveable", "nothing_saveable", "dots_saveable"])
    params = {"policy": policy} if op == "checkpoint" and policy else {}
    return f.emit(op, [x], shape, fun=f.inner({u: shape}, shape), **params)


def ruled(f, x, shape):
    """A function with a rule that is no true derivative."""
    if f.depth > 1:
        return unary(f, x, shape)
    name = f.grower.name
    u, factor, product = name(), name(), name()
    fun = f.inner({u: shape}, shape, 2, outer=False)
    if f.grower.forward or f.rng.random() < 0.5:
        du = name()
        rule = {"args": [u, du], "return": [fun["return"], product],
                "body": [*fun["body"], {"op": "cos", "args": [u], "out": factor},
                         {"op": "mul", "args": [factor, du], "out": product}]}
        return f.emit("custom_jvp", [x], shape, fun=fun, jvp=rule)
    kept, ct = name(), name()
    back = {"args": [kept, ct], "return": [product],
            "body": [{"op": "cos", "args": [kept], "out": factor}, {"op": "mul", "args": [factor, ct], "out": product}]}
    return f.emit("custom_vjp", [x], shape, fun=fun, fwd={**fun, "return": [fun["return"], u]}, bwd=back)


MAKERS = [unary, unary, unary, above_zero, binary, binary, binary, quotient, power, clamp, select, along, along, along, along,
          matrix, stopped, callback, callback, scan, lanes, counted, conditional, called, ruled]


class Grower:
    def __init__(self, rng, derivative):
        self.rng, self.count = rng, 0
        self.forward, self.order = derivative in FORWARD, 2 if derivative == "hessian" else 1

    def name(self):
        self.count += 1
        return f"t{self.count}"


def case(seed, number):
    rng = random.Random(f"{seed}/{number}")
    op = rng.choice(["grad", "value_and_grad", "jvp", "vjp", "jacfwd", "jacrev", "hessian", "linearize"])
    shapes = [rng.choice([(), (2,), (3,), (2, 3)]) for _ in range(rng.choice([1, 1, 2]))]
    args = {f"a{k}": shape for k, shape in enumerate(shapes)}
    beside = rng.choice([(), (2,), (3,)])
    grown = Function(Grower(rng, op), {**args, "k": beside}, 0).grow(rng.randint(3, 7))
    result = list(grown.values)[-1]
    if op in ("grad", "value_and_grad"):
        result = grown.emit("reduce_sum", [result], [], axes=list(range(len(grown.values[result]))))
    equation = {"op": op, "fun": {"args": list(args), "body": grown.body, "return": result}, "out": "d"}
    inputs = [numbers(rng, shape) for shape in [*shapes, beside]]
    if op in ("jvp", "linearize", "vjp"):
        directions = [grown.values[result]] if op == "vjp" else shapes
        names = [f"v{k}" for k in range(len(directions))]
        inputs += [numbers(rng, shape) for shape in directions]
        equation["primals"] = list(args)
        if op == "vjp":
            equation["cotangents"] = names * rng.choice([1, 2])
        else:
            equation["tangents"] = names if op == "jvp" else [names] * rng.choice([1, 2])
    else:
        names, equation["args"] = [], list(args)
        if len(shapes) == 2:
            equation["argnums"] = rng.choice([0, 1, [0, 1], [1], -1])
    specs = []
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        axes = [rng.choice([0, 0, 0, None]) for _ in inputs]
        axes[0] = 0 if all(axis is None for axis in axes) else axes[0]
        size = rng.choice([1, 2, 3])
        inputs = [x if axis is None else numbers(rng, [size, *x["shape"]]) for x, axis in zip(inputs, axes)]
        specs.insert(0, {"in_axes": axes, "out_axes": 0})
    return {"id": f"derivative-{seed}-{number:05}", "group": "diff/random", "mode": rng.choice(["eager", "jit"]), "inputs": inputs,
            "vmap": specs, "fun": {"args": [*args, "k", *names], "body": [equation], "return": "d"}}


def main():
    seed, count = sys.argv[1], int(sys.argv[2])
    print("[\n" + ",\n".join(json.dumps(case(seed, k)) for k in range(count)) + "\n]")


if __name__ == "__main__":
    main()
