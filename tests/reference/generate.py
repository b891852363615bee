"""Writes random cases: programs, mapped axes, nestings, callback methods, control flow and collectives.

    python generate.py SEED COUNT > CASES.json

The cases have no answers yet; jax_runner.py asks JAX for them. A program is grown equation by equation: each maker below
looks at the values there are (their types for one example, as the function sees them) and adds an equation that fits.
"""
import json
import random
import sys

FLOATS, INTS = ("float64", "float32"), ("int64", "int32")
RANK = {"bool": 0, "int32": 1, "int64": 2, "float32": 3, "float64": 4}
METHODS = ("sequential", "sequential_unrolled", "expand_dims", "broadcast_all")


def promote(*dtypes):
    return max(dtypes, key=RANK.get)


class Value:
    """A name with the type it has for one example; `tame` values are small enough for sin and exp."""

    def __init__(self, name, dtype, shape, tame=True):
        self.name, self.dtype, self.shape, self.tame = name, dtype, tuple(shape), tame


class Program:
    def __init__(self, rng, values, axes=(), depth=0):
        self.rng, self.values, self.axes, self.depth = rng, list(values), list(axes), depth
        self.body, self.count = [], 0

    # -- choosing ---------------------------------------------------------------------------------

    def pick(self, test=lambda v: True):
        fitting = [v for v in self.values if test(v)]
        # Late values more often, so that chains grow.
        return self.rng.choice((fitting * 2 + fitting[-2:] * 2)) if fitting else None

    def add(self, op, args, dtype, shape, tame=True, /, **params):
        name = f"{'uvwzqrst'[self.depth]}{self.count}"
        self.count += 1
        args = [a.name if isinstance(a, Value) else a for a in args]
        self.body.append({"op": op, "args": args, "out": name, **params})
        value = Value(name, dtype, shape, tame)
        self.values.append(value)
        return value

    def array(self, dtype, shape, low=-3, high=3):
        return array(self.rng, dtype, shape, low, high)

    def grow(self, steps):
        made = 0
        for _ in range(20 * steps):
            maker = self.rng.choice(MAKERS if self.depth == 0 else INNER)
            if maker(self) is not None:
                made += 1
            if made == steps:
                break
        return self


def array(rng, dtype, shape, low=-3, high=3):
    n = 1
    for d in shape:
        n *= d
    if dtype == "bool":
        data = [rng.random() < 0.5 for _ in range(n)]
    elif dtype in INTS:
        data = [rng.randint(low, high) for _ in range(n)]
    else:
        # Sixteenths are exact in float32, and ties and signed zeros occur.
        data = [rng.randint(16 * low, 16 * high) / 16 for _ in range(n)]
    return {"dtype": dtype, "shape": list(shape), "data": data}


def numeric(v):
    return v.dtype != "bool"


def is_float(v):
    return v.dtype in FLOATS


def axis_of(p, v):
    k = p.rng.randrange(len(v.shape))
    return k, (k if p.rng.random() < 0.7 else k - len(v.shape))


# -- elementwise ----------------------------------------------------------------------------------


def unary(p):
    v = p.pick(numeric)
    if not v:
        return None
    safe = ["neg", "abs", "sign", "square"]
    if is_float(v):
        safe += ["tanh", "logistic", "floor", "ceil", "round_half_even", "is_finite", "erf", "sqrt", "rsqrt", "log", "log1p"]
        if v.tame:
            safe += ["sin", "cos", "exp", "expm1", "lgamma"]
    op = p.rng.choice(safe)
    tame = op in ("tanh", "logistic", "sign", "sin", "cos", "erf") or (v.tame and op in ("neg", "abs", "floor", "ceil"))
    return p.add(op, [v], "bool" if op == "is_finite" else v.dtype, v.shape, tame)


def broadcast(a, b):
    n = max(len(a), len(b))
    out = []
    for x, y in zip((1,) * (n - len(a)) + a, (1,) * (n - len(b)) + b):
        if x != y and 1 not in (x, y):
            return None
        out.append(max(x, y) if 0 not in (x, y) else 0)
    return tuple(out)


def binary(p):
    x = p.pick()
    y = p.pick(lambda v: broadcast(x.shape, v.shape) is not None) if x else None
    if not y:
        return None
    shape, dtype = broadcast(x.shape, y.shape), promote(x.dtype, y.dtype)
    kind = p.rng.random()
    if kind < 0.25:
        return p.add(p.rng.choice(["eq", "ne", "lt", "le", "gt", "ge"]), [x, y], "bool", shape)
    if dtype in FLOATS:
        ops = ["add", "sub", "mul", "max", "min", "div", "atan2"]
    elif dtype in INTS:
        ops = ["add", "sub", "mul", "max", "min", "floor_div", "and", "or", "xor"]
        ops += ["rem"] if x.dtype == y.dtype else []
    else:
        ops = ["and", "or", "xor", "max", "min"]
    op = p.rng.choice(ops)
    tame = x.tame and y.tame and op in ("max", "min")
    return p.add(op, [x, y], dtype, shape, tame)


def with_literal(p):
    v = p.pick(numeric)
    if not v:
        return None
    literal = p.rng.choice([2, -1, 3]) if not is_float(v) or p.rng.random() < 0.3 else p.rng.choice([0.5, -1.25, 2.0])
    op = p.rng.choice(["add", "sub", "mul", "max", "min", "lt", "ge"])
    args = [v, literal] if p.rng.random() < 0.7 else [literal, v]
    return p.add(op, args, "bool" if op in ("lt", "ge") else v.dtype, v.shape, v.tame and op != "mul")


def power(p):
    v = p.pick(lambda v: numeric(v) and v.tame)
    return v and p.add("integer_pow", [v], v.dtype, v.shape, False, y=p.rng.choice([0, 1, 2, 3, 5]))


def convert(p):
    # Only between types where the value survives, or where JAX's conversion is defined everywhere.
    v = p.pick(lambda v: v.tame)
    return v and p.add("convert", [v], d := p.rng.choice(list(RANK)), v.shape, True, dtype=d)


def select(p):
    c = p.pick(lambda v: v.dtype == "bool")
    x = p.pick(lambda v: c and broadcast(c.shape, v.shape))
    y = p.pick(lambda v: x and v.dtype == x.dtype and broadcast(broadcast(c.shape, x.shape), v.shape))
    if not y:
        return None
    return p.add("select", [c, x, y], x.dtype, broadcast(broadcast(c.shape, x.shape), y.shape), x.tame and y.tame)


def clamp(p):
    v = p.pick(numeric)
    if not v:
        return None
    return p.add("clamp", [p.array(v.dtype, (), -2, 0), v, p.array(v.dtype, (), 0, 2)], v.dtype, v.shape)


# -- reductions and orders ------------------------------------------------------------------------


def reduce(p):
    v = p.pick(lambda v: v.shape)
    if not v:
        return None
    axes = sorted(p.rng.sample(range(len(v.shape)), p.rng.randint(1, len(v.shape))))
    shape = tuple(d for k, d in enumerate(v.shape) if k not in axes)
    op = p.rng.choice(["reduce_and", "reduce_or"] if v.dtype == "bool" else
                      ["reduce_sum", "reduce_prod", "reduce_max", "reduce_min"])
    wide = "int64" if v.dtype in INTS and op in ("reduce_sum", "reduce_prod") else v.dtype
    return p.add(op, [v], wide, shape, v.tame and op in ("reduce_max", "reduce_min"), axes=axes)


def extreme(p):
    v = p.pick(lambda v: v.shape)
    if not v:
        return None
    k, axis = axis_of(p, v)
    return p.add(p.rng.choice(["argmax", "argmin"]), [v], "int64", v.shape[:k] + v.shape[k + 1:], axis=axis)


def running(p):
    v = p.pick(lambda v: v.shape and numeric(v))
    if not v:
        return None
    ops = ["cumsum", "cumprod", "cummax", "cummin"] + (["cumlogsumexp"] if is_float(v) and v.tame else [])
    op, axis = p.rng.choice(ops), p.rng.randrange(len(v.shape))
    return p.add(op, [v], v.dtype, v.shape, v.tame and op in ("cummax", "cummin"),
                 axis=axis, reverse=p.rng.random() < 0.4)


def order(p):
    v = p.pick(lambda v: v.shape)
    if not v:
        return None
    k, axis = axis_of(p, v)
    if p.rng.random() < 0.5:
        return p.add("sort", [v], v.dtype, v.shape, v.tame, axis=k)
    return p.add("argsort", [v], "int64", v.shape, axis=axis)


# -- shapes ---------------------------------------------------------------------------------------


def transpose(p):
    v = p.pick(lambda v: len(v.shape) > 1)
    if not v:
        return None
    perm = p.rng.sample(range(len(v.shape)), len(v.shape))
    return p.add("transpose", [v], v.dtype, [v.shape[k] for k in perm], v.tame, perm=perm)


def reshape(p):
    v = p.pick()
    if not v:
        return None
    shape = list(v.shape)
    p.rng.shuffle(shape)
    if p.rng.random() < 0.5 and len(shape) > 1:
        shape[:2] = [shape[0] * shape[1]]
    else:
        shape.insert(p.rng.randint(0, len(shape)), 1)
    return p.add("reshape", [v], v.dtype, shape, v.tame, shape=shape)


def expand(p):
    v = p.pick(lambda v: len(v.shape) < 4)
    if not v:
        return None
    if p.rng.random() < 0.5:
        k = p.rng.randint(0, len(v.shape))
        return p.add("expand_dims", [v], v.dtype, v.shape[:k] + (1,) + v.shape[k:], v.tame, dims=[k])
    rank = len(v.shape) + 1
    dims = sorted(p.rng.sample(range(rank), len(v.shape)))
    shape = [2] * rank
    for k, d in zip(dims, v.shape):
        shape[k] = d
    return p.add("broadcast_in_dim", [v], v.dtype, shape, v.tame, shape=shape, dims=dims)


def squeeze(p):
    v = p.pick(lambda v: 1 in v.shape)
    if not v:
        return None
    k = v.shape.index(1)
    return p.add("squeeze", [v], v.dtype, v.shape[:k] + v.shape[k + 1:], v.tame, dims=[k])


def join(p):
    x = p.pick(lambda v: v.shape)
    if not x:
        return None
    k = p.rng.randrange(len(x.shape))
    y = p.pick(lambda v: v.dtype == x.dtype and len(v.shape) == len(x.shape) and
               all(a == b for i, (a, b) in enumerate(zip(x.shape, v.shape)) if i != k))
    shape = list(x.shape)
    shape[k] += y.shape[k]
    return p.add("concatenate", [x, y], x.dtype, shape, x.tame and y.tame, axis=k)


def pad(p):
    v = p.pick(lambda v: v.shape)
    if not v:
        return None
    config, shape = [], []
    for d in v.shape:
        lo, hi, gap = p.rng.choice([(0, 0, 0), (1, 0, 0), (0, 2, 1), (-1, 1, 0), (1, -1, 1)])
        n = lo + hi + d + max(d - 1, 0) * gap
        if n < 1:
            lo, hi, gap, n = 0, 0, 0, d
        config.append([lo, hi, gap])
        shape.append(n)
    scalar = p.pick(lambda s: s.dtype == v.dtype and s.shape == ())
    return p.add("pad", [v, scalar or p.array(v.dtype, ())], v.dtype, shape, v.tame, config=config)


def slices(p):
    v = p.pick(lambda v: v.shape)
    if not v:
        return None
    if p.rng.random() < 0.4:
        dims = p.rng.sample(range(len(v.shape)), p.rng.randint(1, len(v.shape)))
        return p.add("rev", [v], v.dtype, v.shape, v.tame, dims=dims)
    start = [p.rng.randint(0, d - 1) if d else 0 for d in v.shape]
    limit = [p.rng.randint(s + 1, d) if d else 0 for s, d in zip(start, v.shape)]
    strides = [p.rng.choice([1, 1, 2]) for _ in v.shape]
    shape = [-(-(b - a) // s) for a, b, s in zip(start, limit, strides)]
    return p.add("slice", [v], v.dtype, shape, v.tame, start=start, limit=limit, strides=strides)


# -- indexing -------------------------------------------------------------------------------------


def index_scalar(p):
    found = p.pick(lambda v: v.dtype in INTS and v.shape == ())
    return found if found and p.rng.random() < 0.6 else p.array("int32", (), -2, 4)


def dynamic(p):
    v = p.pick(lambda v: v.shape and 0 not in v.shape)
    if not v:
        return None
    sizes = [p.rng.randint(1, d) for d in v.shape]
    first = index_scalar(p)
    dtype = first.dtype if isinstance(first, Value) else "int32"
    same = [s for s in p.values if s.dtype == dtype and s.shape == ()]
    start = [first] + [p.rng.choice(same) if same and p.rng.random() < 0.5 else p.array(dtype, (), -2, 4)
                       for _ in sizes[1:]]
    if p.rng.random() < 0.5:
        return p.add("dynamic_slice", [v, *start], v.dtype, sizes, v.tame, sizes=sizes)
    update = p.pick(lambda u: u.dtype == v.dtype and len(u.shape) == len(v.shape) and
                    all(a <= b for a, b in zip(u.shape, v.shape)))
    return p.add("dynamic_update_slice", [v, update, *start], v.dtype, v.shape, v.tame and update.tame)


def take(p):
    v = p.pick(lambda v: v.shape and 0 not in v.shape)
    if not v:
        return None
    k, axis = axis_of(p, v)
    i = p.pick(lambda s: s.dtype in INTS and len(s.shape) < 3 and p.rng.random() < 0.6)
    shape = i.shape if i else p.rng.choice([(), (2,), (3,)])
    i = i or p.array(p.rng.choice(INTS), shape, -5, 5)
    mode = p.rng.choice(["fill", "clip", "wrap"])
    return p.add("take", [v, i], v.dtype, v.shape[:k] + tuple(shape) + v.shape[k + 1:], v.tame and mode != "fill",
                 axis=axis, mode=mode)


def scatter(p):
    v = p.pick(lambda v: v.shape and numeric(v))
    if not v:
        return None
    i = p.pick(lambda s: s.dtype in INTS and s.shape == () and p.rng.random() < 0.6)
    shape = () if i else p.rng.choice([(), (2,), (3,)])
    i = i or p.array("int32", shape, -5, 5)
    # Setting the same place twice has no defined winner, so only single updates are set.
    op = "scatter_add" if shape else p.rng.choice(["scatter_add", "scatter_set"])
    want = tuple(shape) + v.shape[1:]
    u = p.pick(lambda u: u.dtype == v.dtype and u.shape == want)
    return p.add(op, [v, i, u or p.array(v.dtype, want)], v.dtype, v.shape, v.tame and op == "scatter_set")


# -- products -------------------------------------------------------------------------------------


def dot(p):
    x = p.pick(lambda v: v.shape and numeric(v))
    y = p.pick(lambda v: x and v.shape and v.dtype == x.dtype)
    if not y:
        return None
    pairs = [(i, j) for i, a in enumerate(x.shape) for j, b in enumerate(y.shape) if a == b]
    p.rng.shuffle(pairs)
    used_x, used_y, batch, contract = set(), set(), [], []
    for i, j in pairs[:3]:
        if i in used_x or j in used_y:
            continue
        used_x.add(i), used_y.add(j)
        (batch if p.rng.random() < 0.4 else contract).append((i, j))
    shape = [x.shape[i] for i, _ in batch]
    shape += [d for i, d in enumerate(x.shape) if i not in used_x] + [d for j, d in enumerate(y.shape) if j not in used_y]
    if len(shape) > 5:
        return None
    return p.add("dot_general", [x, y], x.dtype, shape, False,
                 contract=[[i for i, _ in contract], [j for _, j in contract]],
                 batch=[[i for i, _ in batch], [j for _, j in batch]])


def matmul(p):
    x = p.pick(lambda v: 0 < len(v.shape) < 4 and numeric(v))
    y = p.pick(lambda v: x and numeric(v) and 0 < len(v.shape) < 3 and v.shape[max(len(v.shape) - 2, 0)] == x.shape[-1])
    if not y:
        return None
    return p.add("matmul", [x, y], promote(x.dtype, y.dtype), x.shape[:-1] + (y.shape[-1:] if len(y.shape) == 2 else ()), False)


def system(p):
    """A well-conditioned system from any square matrix: a aT + (1 + n) I."""
    v = p.pick(lambda v: v.dtype == "float64" and len(v.shape) == 2 and v.shape[0] == v.shape[1] > 0 and v.tame)
    if not v:
        return None
    n = v.shape[0]
    small = p.add("tanh", [v], v.dtype, v.shape)
    square = p.add("dot_general", [small, small], v.dtype, v.shape, contract=[[1], [1]], batch=[[], []])
    eye = {"dtype": v.dtype, "shape": [n, n], "data": [float((1 + n) * (i == j)) for i in range(n) for j in range(n)]}
    a = p.add("add", [square, eye], v.dtype, v.shape)
    op = p.rng.choice(["cholesky", "solve", "triangular_solve"])
    if op == "cholesky":
        return p.add(op, [a], v.dtype, v.shape)
    b = p.pick(lambda b: b.dtype == v.dtype and len(b.shape) == 2 and b.shape[0] == n and b.tame) or p.array(v.dtype, (n, 2))
    shape = b.shape if isinstance(b, Value) else b["shape"]
    return p.add(op, [a, b], v.dtype, shape, **({} if op == "solve" else {"lower": p.rng.random() < 0.5}))


# -- callbacks ------------------------------------------------------------------------------------


def callback(p):
    v = p.pick(lambda v: numeric(v) and v.tame)
    if not v:
        return None
    choices = ["identity", "affine"] + (["sum_last", "sort_last", "cumsum_last"] if v.shape else [])
    twin = p.pick(lambda u: u.dtype == v.dtype and u.shape == v.shape)
    choices += ["add", "mul"]
    if len(v.shape) == 1:
        choices.append("outer")
        matrix = p.pick(lambda u: u.dtype == v.dtype and len(u.shape) == 2 and u.shape[1] == v.shape[0])
        choices += ["matvec"] if matrix else []
    fn = p.rng.choice(choices)
    args, shape = [v], v.shape
    if fn in ("add", "mul"):
        args = [v, twin]
    elif fn == "sum_last":
        shape = v.shape[:-1]
    elif fn == "outer":
        args, shape = [v, twin], v.shape * 2
    elif fn == "matvec":
        args, shape = [matrix, v], matrix.shape[:1]
    method = p.rng.choice(METHODS + (("legacy_vectorized",) if len(args) == 1 else ()))
    made = p.add("callback", args, v.dtype, shape, False, fn=fn, method=method,
                 result=[{"shape": list(shape), "dtype": v.dtype}])
    p.body[-1]["out"] = [made.name]
    return made


def io(p):
    v = p.pick(lambda v: numeric(v) and v.tame)
    if not v:
        return None
    made = p.add("io_callback", [v], v.dtype, v.shape, False, fn="affine", ordered=False,
                 result=[{"shape": list(v.shape), "dtype": v.dtype}])
    p.body[-1]["out"] = [made.name]
    return made


# -- functions inside -----------------------------------------------------------------------------


def inner(p, names_types, result, steps=2):
    """A function of fresh parameters (closing over everything) whose last equation has the type `result`."""
    args = [Value(f"{n}{p.depth}", d, s) for n, d, s in names_types]
    q = Program(p.rng, p.values + args, (), p.depth + 1)
    q.count = 10 * p.rng.randint(0, 99)
    q.values += args * 2
    q.grow(p.rng.randint(1, steps))
    last = []
    for dtype, shape in result:
        v = q.pick(lambda v: v.dtype == dtype and v.shape == tuple(shape) and v.name not in {a.name for a in args})
        v = v or q.pick(lambda v: v.dtype == dtype and v.shape == tuple(shape))
        # Scaled down so that loops do not blow up.
        if dtype in FLOATS:
            v = q.add("tanh", [v], dtype, shape)
        last.append(v.name)
    return {"args": [a.name for a in args], "body": q.body, "return": last}


def shallow(p):
    return p.depth < 2


def conditional(p):
    v = p.pick(numeric)
    c = p.pick(lambda c: c.dtype == "bool" and c.shape == ())
    if not v or not shallow(p):
        return None
    if not c:
        s = p.pick(lambda s: s.shape == () and numeric(s))
        c = p.add("gt", [s, 0], "bool", ()) if s else p.array("bool", ())
    branches = [inner(p, [("x", v.dtype, v.shape)], [(v.dtype, v.shape)]) for _ in range(3)]
    if p.rng.random() < 0.6:
        made = p.add("cond", [c, v], v.dtype, v.shape, True, **{"true": branches[0], "false": branches[1]})
    else:
        i = p.pick(lambda s: s.dtype in INTS and s.shape == ()) or p.array("int32", (), -1, 4)
        made = p.add("switch", [i, v], v.dtype, v.shape, True, branches=branches)
    p.body[-1]["out"] = [made.name]
    return made


def loop(p):
    v = p.pick(numeric)
    if not v or not shallow(p):
        return None
    state = [("c", v.dtype, v.shape)]
    kind = p.rng.choice(["while", "fori", "scan", "scan", "map"])
    if kind == "fori":
        upper = p.pick(lambda s: s.dtype == "int64" and s.shape == () and s.tame and p.rng.random() < 0.3)
        if upper:
            upper = p.add("clamp", [{"dtype": "int64", "shape": [], "data": [0]}, upper,
                                    {"dtype": "int64", "shape": [], "data": [3]}], "int64", ())
        body = inner(p, [("i", "int64", ())] + state, [(v.dtype, v.shape)])
        made = p.add("fori", [v], v.dtype, v.shape, True, lower=0, upper=upper.name if upper else p.rng.randint(0, 3), body=body)
        # The runners read bounds as numbers.
        if upper:
            p.body[-1]["op"] = "while"
            eqn = p.body[-1]
            n = f"n{p.depth}"
            body["body"].append({"op": "add", "args": [body["args"][0], 1], "out": n})
            body["return"] = [n] + body["return"]
            test = {"args": body["args"], "body": [{"op": "lt", "args": [body["args"][0], upper.name], "out": "t"}], "return": "t"}
            eqn["args"] = [{"dtype": "int64", "shape": [], "data": [0]}, v.name]
            eqn["cond"] = test
            del eqn["lower"], eqn["upper"]
            eqn["out"] = [f"k{made.name}", made.name]
            return made
    elif kind == "while":
        n, stop = f"n{p.depth}", p.pick(lambda s: s.dtype == "int64" and s.shape == () and s.tame)
        body = inner(p, [("i", "int64", ())] + state, [(v.dtype, v.shape)])
        body["body"].append({"op": "add", "args": [body["args"][0], 1], "out": n})
        body["return"] = [n] + body["return"]
        limit = p.rng.randint(0, 3)
        test = {"args": body["args"], "body": [{"op": "lt", "args": [body["args"][0], limit], "out": "t"}], "return": "t"}
        made = p.add("while", [stop or {"dtype": "int64", "shape": [], "data": [0]}, v], v.dtype, v.shape, True,
                     cond=test, body=body)
        p.body[-1]["out"] = [f"k{made.name}", made.name]
        if stop:
            # Far below the limit the loop would be long.
            p.body[-1]["args"][0] = p.body[-1]["args"][0]
            low = Value(f"l{made.name}", "int64", ())
            p.body.insert(-1, {"op": "max", "args": [stop.name, -2], "out": low.name})
            p.body[-1]["args"][0] = low.name
        return made
    elif kind == "scan":
        xs = p.pick(lambda x: x.shape and 0 < x.shape[0] < 5 and numeric(x))
        if not xs:
            return None
        y = (xs.dtype, xs.shape[1:])
        body = inner(p, state + [("x", *y)], [(v.dtype, v.shape), y])
        made = p.add("scan", [], xs.dtype, xs.shape, True, init=[v.name], xs=[xs.name], fun=body, reverse=p.rng.random() < 0.4)
        p.body[-1]["out"] = [f"k{made.name}", made.name]
        del p.body[-1]["args"]
        p.values.append(Value(f"k{made.name}", v.dtype, v.shape))
        return made
    else:
        if not v.shape or v.shape[0] == 0:
            return None
        body = inner(p, [("x", v.dtype, v.shape[1:])], [(v.dtype, v.shape[1:])])
        made = p.add("map", [v], v.dtype, v.shape, True, fun=body)
    p.body[-1]["out"] = [made.name]
    return made


def nested(p):
    """vmap or jit inside the program."""
    v = p.pick(lambda v: v.shape and numeric(v))
    if not v or not shallow(p):
        return None
    if p.rng.random() < 0.4:
        made = p.add("jit", [v], v.dtype, v.shape, True, fun=inner(p, [("x", v.dtype, v.shape)], [(v.dtype, v.shape)]))
        p.body[-1]["out"] = [made.name]
        return made
    k, axis = axis_of(p, v)
    lane = v.shape[:k] + v.shape[k + 1:]
    to = p.rng.randint(0, len(lane))
    made = p.add("vmap", [v], v.dtype, lane[:to] + (v.shape[k],) + lane[to:], True,
                 fun=inner(p, [("x", v.dtype, lane)], [(v.dtype, lane)]), in_axes=[axis], out_axes=[to])
    p.body[-1]["out"] = [made.name]
    return made


def collective(p):
    if not p.axes:
        return None
    name, size = p.rng.choice(p.axes)
    names = [n for n, _ in p.axes] if p.rng.random() < 0.15 else name
    op = p.rng.choice(["psum", "pmean", "pmax", "pmin", "axis_index", "axis_size", "all_gather", "ppermute"])
    if op == "axis_index":
        return p.add(op, [], "int32", (), axis_name=name)
    if op == "axis_size":
        return p.add(op, [], "int64", (), axis_name=name)
    v = p.pick(lambda v: is_float(v) or v.dtype == "int64")
    if not v:
        return None
    if op == "all_gather":
        k = p.rng.randint(0, len(v.shape))
        return p.add(op, [v], v.dtype, v.shape[:k] + (size,) + v.shape[k:], v.tame, axis_name=name, axis=k)
    if op == "ppermute":
        to = p.rng.sample(range(size), size)
        return p.add(op, [v], v.dtype, v.shape, v.tame, axis_name=name, perm=[[i, j] for i, j in enumerate(to)])
    if op == "pmean":
        v = p.pick(is_float)
        if not v:
            return None
    return p.add(op, [v], v.dtype, v.shape, v.tame and op in ("pmax", "pmin"), axis_name=names)


INNER = [unary, unary, binary, binary, with_literal, with_literal, select, reduce, order, transpose, take, dot,
         callback, callback, slices, conditional, loop]
MAKERS = INNER + [power, convert, clamp, extreme, running, reshape, expand, squeeze, join, pad, dynamic, dynamic, scatter,
                  matmul, system, callback, callback, conditional, loop, loop, nested, nested, collective, collective]


def case(seed, number):
    rng = random.Random(f"{seed}/{number}")
    levels = rng.choice([0, 1, 1, 1, 2, 2, 3])
    sizes = [rng.choice([1, 2, 2, 3, 3, 4] + [0] * (rng.random() < 0.1)) for _ in range(levels)]
    named = [("ijk"[k], n) for k, n in enumerate(sizes) if rng.random() < 0.3 and n > 0]
    specs = [{"in_axes": [], "out_axes": 0} for _ in sizes]
    for k, n in enumerate(sizes):
        if ("ijk"[k], n) in named:
            specs[k]["axis_name"] = "ijk"[k]
    inputs, values = [], []
    arity = rng.randint(1, 3)
    for a in range(arity):
        dtype = rng.choice(["float64", "float64", "float64", "float32", "int64", "int32", "bool"])
        lane = [rng.randint(1, 3) for _ in range(rng.choice([0, 1, 1, 2, 2]))]
        shape, axes = list(lane), []
        for k in reversed(range(levels)):
            if rng.random() < 0.7 or (a == arity - 1 and all(i is None for i in specs[k]["in_axes"])):
                at = rng.randint(0, len(shape))
                shape.insert(at, sizes[k])
                axes.append(at if rng.random() < 0.7 else at - len(shape))
            else:
                axes.append(None)
        for spec, axis in zip(reversed(specs), axes):
            spec["in_axes"].append(axis)
        inputs.append(array(rng, dtype, shape))
        values.append(Value(f"a{a}", dtype, lane))
    p = Program(rng, values, named).grow(rng.randint(1, 7))
    chosen = p.values[arity:][-3:] or p.values[-1:]
    ranks = [len(v.shape) for v in chosen]
    for spec in reversed(specs):
        axes = []
        for i, rank in enumerate(ranks):
            at = rng.randint(0, rank)
            axes.append(at if rng.random() < 0.7 else at - rank - 1)
            ranks[i] += 1
        spec["out_axes"] = axes
    return {"id": f"random-{seed}-{number:05}", "group": "random", "mode": "jit" if rng.random() < 0.6 else "eager",
            "inputs": inputs, "vmap": specs,
            "fun": {"args": [f"a{a}" for a in range(arity)], "body": p.body, "return": [v.name for v in chosen]}}


def main():
    seed, count = sys.argv[1], int(sys.argv[2])
    print("[\n" + ",\n".join(json.dumps(case(seed, k)) for k in range(count)) + "\n]")


if __name__ == "__main__":
    main()
