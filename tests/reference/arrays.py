"""Makers of equations over arrays. Each looks at the values there are and adds an equation that fits, or returns None."""
from program import FLOATS, INTS, RANK, UNSIGNED, Value, axis_of, is_float, is_int, numeric, promote


# -- elementwise ----------------------------------------------------------------------------------


def unary(p):
    v = p.pick()
    if not v:
        return None
    safe = ["neg", "abs", "sign", "square"]
    if v.dtype == "bool":
        safe = ["not"]
    elif is_int(v):
        safe = safe + ["not", "population_count", "clz"] if v.dtype in INTS else ["neg", "sign", "square", "not", "clz"]
    else:
        safe += ["tanh", "logistic", "floor", "ceil", "round", "round_half_even", "is_finite", "erf", "erfc", "sqrt", "rsqrt",
                 "cbrt", "log", "log1p", "atan", "asinh", "asin", "acos", "acosh", "atanh", "erf_inv"]
        if v.tame:
            safe += ["sin", "cos", "tan", "exp", "exp2", "expm1", "sinh", "cosh", "lgamma", "digamma"]
    op = p.rng.choice(safe)
    tame = op in ("tanh", "logistic", "sign", "sin", "cos", "erf", "erfc", "atan") or (
        v.tame and op in ("neg", "abs", "floor", "ceil", "round", "cbrt") and v.dtype not in UNSIGNED)
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
        ops += ["pow"] if x.tame and y.tame and is_float(x) and is_float(y) else []
        ops += ["nextafter", "rem"] if x.dtype == y.dtype else []
    elif dtype in INTS + UNSIGNED:
        ops = ["add", "sub", "mul", "max", "min", "floor_div", "and", "or", "xor"]
        if x.dtype == y.dtype:
            ops += ["rem", "shift_left", "shift_right_arithmetic", "shift_right_logical"]
    else:
        ops = ["and", "or", "xor", "max", "min"]
    op = p.rng.choice(ops)
    tame = x.tame and y.tame and op in ("max", "min")
    return p.add(op, [x, y], dtype, shape, tame)


def with_literal(p):
    v = p.pick(numeric)
    if not v:
        return None
    whole = [2, 1, 3] if v.dtype in UNSIGNED else [2, -1, 3]
    literal = p.rng.choice(whole) if not is_float(v) or p.rng.random() < 0.3 else p.rng.choice([0.5, -1.25, 2.0])
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
    wide = v.dtype
    if is_int(v) and op in ("reduce_sum", "reduce_prod"):
        wide = "uint64" if v.dtype in UNSIGNED else "int64"
    if 0 in (v.shape[k] for k in axes) and op in ("reduce_max", "reduce_min"):
        return None
    return p.add(op, [v], wide, shape, v.tame and op in ("reduce_max", "reduce_min"), axes=axes)


def extreme(p):
    v = p.pick(lambda v: v.shape)
    if not v:
        return None
    k, axis = axis_of(p, v)
    if not v.shape[k]:
        return None
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
    ops = ["scatter_add", "scatter_mul", "scatter_min", "scatter_max"] + ([] if shape else ["scatter_set"])
    op = p.rng.choice(ops)
    want = tuple(shape) + v.shape[1:]
    u = p.pick(lambda u: u.dtype == v.dtype and u.shape == want)
    return p.add(op, [v, i, u or p.array(v.dtype, want)], v.dtype, v.shape, v.tame and op in ("scatter_set", "scatter_min", "scatter_max"))


def along(p):
    """take_along_axis: indices in bounds, so of the mode nothing depends."""
    v = p.pick(lambda v: v.shape and 0 not in v.shape)
    if not v:
        return None
    k, axis = axis_of(p, v)
    shape = v.shape[:k] + (p.rng.randint(1, 3),) + v.shape[k + 1:]
    i = p.array("int64", shape, -v.shape[k], v.shape[k] - 1)
    return p.add("take_along_axis", [v, i], v.dtype, shape, v.tame, axis=axis)


def one_index(p):
    """A static index, also outside the bounds, where the nearest is meant."""
    v = p.pick(lambda v: v.shape)
    if not v:
        return None
    k, axis = axis_of(p, v)
    if not v.shape[k]:
        return None
    return p.add("index", [v], v.dtype, v.shape[:k] + v.shape[k + 1:], v.tame, axis=axis, index=p.rng.randint(-5, 4))


def best(p):
    v = p.pick(lambda v: v.shape and v.shape[-1] > 0 and numeric(v))
    if not v:
        return None
    k = p.rng.randint(1, v.shape[-1])
    made = p.add("top_k", [v], v.dtype, v.shape[:-1] + (k,), v.tame, k=k)
    positions = Value(f"p{made.name}", "int32", made.shape)
    p.body[-1]["out"] = [made.name, positions.name]
    p.values.append(positions)
    return made


def together(p):
    x = p.pick(lambda v: v.shape)
    y = p.pick(lambda v: x and v.shape == x.shape)
    if not y:
        return None
    made = p.add("sort_by_key", [x, y], x.dtype, x.shape, x.tame, axis=p.rng.randrange(len(x.shape)))
    second = Value(f"p{made.name}", y.dtype, y.shape, y.tame)
    p.body[-1]["out"] = [made.name, second.name]
    p.values.append(second)
    return made


# -- numpy's and scipy's helpers ------------------------------------------------------------------


def statistic(p):
    v = p.pick(lambda v: v.shape and 0 not in v.shape)
    if not v:
        return None
    op = p.rng.choice(["mean", "var", "std", "norm", "logsumexp"] if is_float(v) and v.tame else ["mean"])
    k, axis = axis_of(p, v)
    dtype = v.dtype if is_float(v) else "float64" if v.dtype in ("int64", "uint64") else "float32"
    extra = {"ddof": p.rng.randint(0, 1)} if op in ("var", "std") else {}
    return p.add(op, [v], dtype, v.shape[:k] + v.shape[k + 1:], v.tame and op == "mean", axis=axis, **extra)


def normal(p):
    v = p.pick(lambda v: v.shape and is_float(v) and v.tame)
    if not v:
        return None
    k, axis = axis_of(p, v)
    return v.shape[k] and p.add(p.rng.choice(["softmax", "log_softmax"]), [v], v.dtype, v.shape, True, axis=axis) or None


def rearrange(p):
    v = p.pick(lambda v: v.shape)
    if not v:
        return None
    k, axis = axis_of(p, v)
    op = p.rng.choice(["flip", "roll", "stack", "split"] + (["tril", "triu"] if len(v.shape) > 1 else []))
    if op == "flip":
        return p.add(op, [v], v.dtype, v.shape, v.tame, axis=axis)
    if op == "roll":
        return p.add(op, [v], v.dtype, v.shape, v.tame, axis=axis, shift=p.rng.randint(-4, 4))
    if op in ("tril", "triu"):
        return p.add(op, [v], v.dtype, v.shape, v.tame, k=p.rng.randint(-2, 2))
    if op == "stack":
        twin = p.pick(lambda u: u.dtype == v.dtype and u.shape == v.shape)
        at = p.rng.randint(0, len(v.shape))
        return p.add(op, [v, twin], v.dtype, v.shape[:at] + (2,) + v.shape[at:], v.tame and twin.tame,
                     axis=at if p.rng.random() < 0.7 else at - len(v.shape) - 1)
    parts = p.rng.choice([n for n in (1, 2, 3) if v.shape[k] % n == 0])
    shape = v.shape[:k] + (v.shape[k] // parts,) + v.shape[k + 1:]
    made = p.add("split", [v], v.dtype, shape, v.tame, parts=parts, axis=axis)
    p.body[-1]["out"] = [made.name] + [f"p{made.name}{n}" for n in range(1, parts)]
    p.values += [Value(name, v.dtype, shape, v.tame) for name in p.body[-1]["out"][1:]]
    return made


def made_up(p):
    """Arrays from nothing, and one-hot rows."""
    op = p.rng.choice(["iota", "eye", "one_hot", "linspace"])
    dtype = p.rng.choice(["float64", "float32", "int64", "int32", "uint8"])
    if op == "iota":
        shape = tuple(p.rng.randint(1, 3) for _ in range(p.rng.randint(1, 3)))
        return p.add(op, [], dtype, shape, True, dtype=dtype, shape=list(shape), dimension=p.rng.randrange(len(shape)))
    if op == "eye":
        n, m = p.rng.randint(1, 3), p.rng.randint(1, 3)
        return p.add(op, [], dtype, (n, m), True, dtype=dtype, n=n, m=m, k=p.rng.randint(-2, 2))
    if op == "linspace":
        ends = [p.pick(lambda v: v.dtype == "float64" and v.shape == () and v.tame) for _ in range(2)]
        if None in ends:
            return None
        n = p.rng.randint(1, 4)
        return p.add(op, ends, "float64", (n,), True, num=n)
    v = p.pick(lambda v: v.dtype in INTS and len(v.shape) < 3)
    return v and p.add(op, [v], dtype, v.shape + (3,), True, classes=3, dtype=dtype)


# -- products -------------------------------------------------------------------------------------


def einsum(p):
    x = p.pick(lambda v: is_float(v) and 0 < len(v.shape) < 4)
    y = p.pick(lambda v: x and v.dtype == x.dtype and 0 < len(v.shape) < 4)
    if not y:
        return None
    letters, sizes, terms = "abcdefg", {}, []
    for v in (x, y):
        term = ""
        for d in v.shape:
            known = [c for c in sizes if sizes[c] == d and c not in term]
            c = p.rng.choice(known) if known and p.rng.random() < 0.6 else letters[len(sizes)]
            sizes[c] = d
            term += c
        terms.append(term)
    kept = [c for c in sizes if p.rng.random() < 0.6]
    p.rng.shuffle(kept)
    return p.add("einsum", [x, y], x.dtype, [sizes[c] for c in kept], False, subscripts=f"{','.join(terms)}->{''.join(kept)}")


def outer(p):
    x = p.pick(lambda v: numeric(v) and len(v.shape) == 1)
    y = p.pick(lambda v: x and v.dtype == x.dtype and len(v.shape) == 1)
    return y and p.add("outer", [x, y], x.dtype, x.shape + y.shape, False)


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
