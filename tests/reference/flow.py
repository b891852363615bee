"""Makers of callbacks, control flow, transforms and collectives."""
from program import FLOATS, INTS, METHODS, Program, Value, axis_of, is_float, numeric


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
    fn = p.rng.choice(choices + (["minmax_last"] if v.shape and v.shape[-1] else []))
    args, shape = [v], v.shape
    if fn in ("add", "mul"):
        args = [v, twin]
    elif fn in ("sum_last", "minmax_last"):
        shape = v.shape[:-1]
    elif fn == "outer":
        args, shape = [v, twin], v.shape * 2
    elif fn == "matvec":
        args, shape = [matrix, v], matrix.shape[:1]
    method = p.rng.choice(METHODS + (("legacy_vectorized",) if len(args) == 1 else ()))
    made = p.add("callback", args, v.dtype, shape, False, fn=fn, method=method,
                 result=[{"shape": list(shape), "dtype": v.dtype}])
    p.body[-1]["out"] = [made.name]
    if fn == "minmax_last":
        p.body[-1]["result"] *= 2
        p.body[-1]["out"].append(f"p{made.name}")
        p.values.append(Value(f"p{made.name}", v.dtype, shape, False))
    return made


def effect(p):
    """Host calls with effects: only outside control flow, where the reference has them."""
    v = p.pick(lambda v: numeric(v) and v.tame)
    if not v:
        return None
    if p.rng.random() < 0.5:
        p.body.append({"op": "debug_callback", "args": [v.name], "out": []})
        return v
    made = p.add("io_callback", [v], v.dtype, v.shape, False, fn="affine", ordered=p.rng.random() < 0.05,
                 result=[{"shape": list(v.shape), "dtype": v.dtype}])
    p.body[-1]["out"] = [made.name]
    return made


# -- functions inside -----------------------------------------------------------------------------


def inner(p, names_types, result, steps=2, closed=False):
    """A function of fresh parameters whose last equation has the type `result`; closes over everything unless closed."""
    args = [Value(f"{n}{p.depth}", d, s) for n, d, s in names_types]
    q = Program(p.rng, ([] if closed else p.values) + args, (), p.depth + 1)
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
        batch = {"batch_size": p.rng.randint(1, 4)} if p.rng.random() < 0.4 else {}
        made = p.add("map", [v], v.dtype, v.shape, True, fun=body, **batch)
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


def custom(p):
    """A function with a batching rule: lane by lane, the function itself vmapped, or another function."""
    v = p.pick(numeric)
    w = p.pick(lambda w: v and numeric(w))
    if not w or not shallow(p):
        return None
    fun = inner(p, [("x", v.dtype, v.shape), ("y", w.dtype, w.shape)], [(v.dtype, v.shape)], closed=True)
    rule = p.rng.choice(["sequential", "vmap", "negated"])
    made = p.add("custom_vmap", [v, w], v.dtype, v.shape, True, fun=fun, rule=rule)
    p.body[-1]["out"] = [made.name]
    return made


def collective(p):
    if not p.axes:
        return None
    name, size = p.rng.choice(p.axes)
    names = [n for n, _ in p.axes] if p.rng.random() < 0.15 else name
    op = p.rng.choice(["psum", "pmean", "pmax", "pmin", "axis_index", "axis_size", "all_gather", "all_gather", "ppermute",
                       "pshuffle", "all_to_all", "psum_scatter"])
    if op == "axis_index":
        return p.add(op, [], "int32", (), axis_name=name)
    if op == "axis_size":
        return p.add(op, [], "int64", (), axis_name=name)
    if op in ("all_to_all", "psum_scatter"):
        return exchange(p, op, name, size)
    v = p.pick(lambda v: is_float(v) or v.dtype == "int64")
    if not v:
        return None
    if op == "all_gather":
        if v.shape and p.rng.random() < 0.4:
            k = p.rng.randrange(len(v.shape))
            return p.add(op, [v], v.dtype, v.shape[:k] + (size * v.shape[k],) + v.shape[k + 1:], v.tame,
                         axis_name=name, axis=k, tiled=True)
        k = p.rng.randint(0, len(v.shape))
        return p.add(op, [v], v.dtype, v.shape[:k] + (size,) + v.shape[k:], v.tame, axis_name=name, axis=k)
    if op == "ppermute":
        to = p.rng.sample(range(size), size)
        return p.add(op, [v], v.dtype, v.shape, v.tame, axis_name=name, perm=[[i, j] for i, j in enumerate(to)])
    if op == "pshuffle":
        return p.add(op, [v], v.dtype, v.shape, v.tame, axis_name=name, perm=p.rng.sample(range(size), size))
    if op == "pmean":
        v = p.pick(is_float)
        if not v:
            return None
    return p.add(op, [v], v.dtype, v.shape, v.tame and op in ("pmax", "pmin"), axis_name=names)


def exchange(p, op, name, size):
    """Collectives that deal an axis out over the lanes; the axis is made to fit."""
    v = p.pick(lambda v: is_float(v) and len(v.shape) < 3)
    if not v:
        return None
    tiled, k = p.rng.random() < 0.5, p.rng.randint(0, len(v.shape))
    n = size * p.rng.randint(1, 2) if tiled else size
    dims = [d for d in range(len(v.shape) + 1) if d != k]
    shape = v.shape[:k] + (n,) + v.shape[k:]
    fit = p.add("broadcast_in_dim", [v], v.dtype, shape, v.tame, shape=list(shape), dims=dims)
    # Lanes and slices should differ; besides, the reference's all_to_all of a value that no lane tells apart is wrong.
    lane = p.add("axis_index", [], "int32", (), axis_name=name)
    fit = p.add("add", [fit, lane], v.dtype, shape, v.tame)
    count = p.add("iota", [], v.dtype, shape, True, dtype=v.dtype, shape=list(shape), dimension=k)
    fit = p.add("add", [fit, count], v.dtype, shape, v.tame)
    rest = shape[:k] + ((n // size,) if tiled else ()) + shape[k + 1:]
    if op == "psum_scatter":
        return p.add(op, [fit], v.dtype, rest, False, axis_name=name, axis=k, tiled=tiled)
    to = p.rng.randrange(len(shape))
    if tiled:
        out = list(rest)
        out[to] *= size
    else:
        out = rest[:to] + (size,) + rest[to:]
    return p.add(op, [fit], v.dtype, out, v.tame, axis_name=name, split_axis=k, concat_axis=to, tiled=tiled)
