"""Writes cases of derivatives of one operation each, at ordinary numbers and where conventions decide: ties, kinks, zeros, infinities, NaN.

    python each.py SEED COUNT > CASES.json

As derive.py, whose equations these are. Every operation that has a derivative comes with several shapes and element types; for
each of them there is a case in forward mode, one in reverse mode, one of second order, and one under `vmap`. SEED chooses the
tangents and cotangents; the first COUNT cases are written.
"""
import json
import math
import random
import sys

NAN, INF = "nan", "inf"
LINE = ["-inf", -30.0, -2.5, -1.0, -0.5, -0.0, 0.0, 1e-300, 0.25, 0.5, 1.0, 1.5, 2.0, 3.7, 30.0, INF, NAN]
FEW = ["-inf", -1.0, -0.0, 0.0, 0.5, 1.0, 2.0, INF, NAN]
ORDINARY = [-1.7, -0.6, 0.3, 0.8, 1.9, 2.6]
INSIDE = [-0.9, -0.5, 0.1, 0.4, 0.7, 0.95]
OUTSIDE = [1.1, 1.3, 2.0, 2.5, 4.0, 7.0]
# Rows with ties, zeros, infinities and NaN.
ROWS = [[1.0, 1.0, 0.5], [0.0, 0.0, 0.0], [-0.0, 0.0, 2.0], [INF, 1.0, INF], ["-inf", "-inf", "-inf"], [NAN, 1.0, 2.0],
        [3.0, -1.0, 3.0], [0.0, 2.0, 5.0], [-0.3, 0.7, 1.9], ["-inf", 0.0, 1.0]]
TAME = [[1.0, 1.0, 0.5], [0.0, 0.0, 0.0], [3.0, -1.0, 3.0], [0.0, 2.0, 5.0], [-0.3, 0.7, 1.9], [2.0, -2.0, 2.0]]


def arr(data, dtype="float64", shape=None):
    flat, found = data, []
    while flat and isinstance(flat[0], list):
        found.append(len(flat) // math.prod(found))
        flat = [x for row in flat for x in row]
    return {"dtype": dtype, "shape": list(shape if shape is not None else found + [len(flat) // math.prod(found)]), "data": flat}


def scalar(x, dtype="float64"):
    return {"dtype": dtype, "shape": [], "data": [x]}


def pairs(xs, ys):
    return [x for x in xs for _ in ys], [y for _ in xs for y in ys]


def table():
    """Rows of an operation, its operands, and its parameters. An operand in a list is a constant."""
    f32 = "float32"
    for op in ("neg abs sign exp exp2 log expm1 log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh sqrt rsqrt cbrt "
               "floor ceil logistic square erf erfc erf_inv lgamma digamma round round_half_even").split():
        yield op, [arr(LINE)], {}
        yield op, [arr(ORDINARY)], {}
        yield op, [arr(INSIDE if op not in ("acosh",) else OUTSIDE, shape=[2, 3])], {}
        yield op, [arr(LINE[1:-1] if op not in ("digamma", "lgamma") else OUTSIDE, f32)], {}
        yield op, [scalar(0.0)], {}
    for y in (-3, -1, 0, 1, 2, 3, 5):
        yield "integer_pow", [arr(LINE)], {"y": y}
        yield "integer_pow", [arr(ORDINARY, f32, [3, 2])], {"y": y}
    for op in "add sub mul div max min atan2 pow rem".split():
        xs, ys = pairs(FEW, FEW)
        yield op, [arr(xs), arr(ys)], {}
        yield op, [arr(ORDINARY, shape=[2, 3]), arr([0.7, 1.9, 2.3])], {}
        yield op, [arr([0.7, 1.9, 2.3], shape=[3, 1]), arr(ORDINARY, shape=[1, 6])], {}
        yield op, [arr(ORDINARY, f32), scalar(2.0, f32)], {}
        yield op, [scalar(1.5), arr([[0.5, 1.5], [1.5, 3.0]])], {}
        yield op, [arr([], shape=[0, 3]), arr([0.7, 1.9, 2.3])], {}
        if op != "rem":
            yield op, [arr(ORDINARY), arr([1.5, 1.9, 0.3, 2.0, 1.9, 1.0], f32)], {}
    for dtype in ("float64", f32):
        xs, ys = pairs(FEW if dtype == "float64" else FEW[1:-2], [-2, -1, 0, 1, 2, 3])
        yield "pow", [arr(xs, dtype), arr(ys, "int64" if dtype == "float64" else "int32")], {}
        yield "pow", [arr([2, 0, 1, 3], "int64"), arr([1.5, 2.0, 0.5, 0.0], dtype)], {}
    for op in ("max", "min", "add", "mul", "sub", "div", "pow", "atan2"):
        for literal in (0, 0.0, 1.0, 2):
            yield op, [arr(FEW), literal], {}
        if op != "pow":
            yield op, [2.0, arr(FEW)], {}
    flags = arr([True, False, True, False, True, False], "bool")
    yield "select", [flags, arr(ORDINARY), arr(FEW[3:])], {}
    yield "select", [flags, arr(FEW[3:]), arr(ORDINARY)], {}
    yield "select", [scalar(True, "bool"), arr(ORDINARY), arr(FEW[3:])], {}
    yield "select", [arr([[True], [False]], "bool"), arr(ORDINARY, shape=[2, 3]), arr([1.0, 2.0, 3.0])], {}
    for low, high in ((-1.0, 1.0), (0.0, 0.0), (1.0, -1.0), (0.5, 2.0)):
        # JAX cannot differentiate by bounds that are scalars.
        yield "clamp", [[scalar(low)], arr(FEW), [scalar(high)]], {}
        yield "clamp", [arr([low] * 9), arr(FEW), arr([high] * 9)], {}
    yield "clamp", [[scalar(-1.0, f32)], arr(ORDINARY, f32), [scalar(1.0, f32)]], {}
    for dtype in ("float64", f32, "int64", "bool"):
        yield "convert", [arr(ORDINARY)], {"dtype": dtype}
        yield "convert", [arr(ORDINARY, f32)], {"dtype": dtype}
    # Reductions, running ones, orders.
    for op in ("reduce_sum", "reduce_prod", "reduce_max", "reduce_min"):
        for axes in ([0], [1], [0, 1]):
            yield op, [arr(ROWS)], {"axes": axes}
            yield op, [arr(TAME)], {"axes": axes}
            yield op, [arr(TAME, f32)], {"axes": axes}
        yield op, [arr([[[1.0, 1.0], [0.0, 2.0]], [[2.0, 2.0], [2.0, 0.0]]])], {"axes": [0, 2]}
        if op in ("reduce_sum", "reduce_prod"):
            yield op, [arr([], shape=[2, 0])], {"axes": [1]}
    for op in ("cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp"):
        for axis, reverse in ((0, False), (1, False), (1, True)):
            yield op, [arr(ROWS)], {"axis": axis, "reverse": reverse}
            yield op, [arr(TAME)], {"axis": axis, "reverse": reverse}
        yield op, [arr([0.5, 0.5, 2.0, 0.0, 0.0, -1.0, 3.0], f32)], {"axis": 0, "reverse": False}
        yield op, [arr([1.0, 2.0, 2.0, 0.0, -1.0, 2.0, 5.0, 5.0, 5.0, 1.0, 0.0, 7.0, 7.0])], {"axis": 0, "reverse": True}
        yield op, [arr([], shape=[0])], {"axis": 0, "reverse": False}
    for rows in (ROWS, TAME):
        for axis in (0, 1):
            yield "sort", [arr(rows)], {"axis": axis}
            yield "sort_by_key", [arr(rows), arr(rows[::-1])], {"axis": axis}
            for op in ("mean", "norm", "logsumexp", "softmax", "log_softmax"):
                yield op, [arr(rows)], {"axis": axis}
            for op in ("var", "std"):
                yield op, [arr(rows)], {"axis": axis, "ddof": axis}
        # NaN of either sign are ordered apart in JAX, so there are none here.
        yield "top_k", [arr([r for r in rows if NAN not in r])], {"k": 2}
    yield "sort", [arr(TAME, f32)], {"axis": -1}
    yield "sort_by_key", [arr([[2, 1, 2], [0, 0, 0]], "int32"), arr([[0.5, 1.5, 2.5], [3.0, 2.0, 1.0]])], {"axis": 1}
    yield "sort_by_key", [arr([0.5, 0.5, -1.0]), arr([3, 1, 2], "int64")], {"axis": 0}
    # Shapes.
    cube = arr([[[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], [[0.7, 0.8, 0.9], [1.0, 1.1, 1.2]]])
    yield "transpose", [cube], {"perm": [2, 0, 1]}
    yield "transpose", [arr(TAME)], {"perm": [1, 0]}
    yield "reshape", [cube], {"shape": [3, 4]}
    yield "reshape", [scalar(1.5)], {"shape": [1, 1]}
    yield "expand_dims", [cube], {"dims": [0, 2]}
    yield "squeeze", [arr(ORDINARY, shape=[1, 6, 1])], {"dims": [0, 2]}
    yield "broadcast_in_dim", [arr([1.0, 2.0])], {"shape": [3, 2, 2], "dims": [1]}
    yield "broadcast_in_dim", [arr(ORDINARY, shape=[6, 1])], {"shape": [6, 3], "dims": [0, 1]}
    yield "broadcast_in_dim", [scalar(2.0)], {"shape": [0, 2], "dims": []}
    yield "concatenate", [arr(TAME), arr(ROWS)], {"axis": 0}
    yield "concatenate", [arr(TAME), arr(TAME), arr(TAME)], {"axis": 1}
    for config in ([[1, 2, 0]], [[-1, 1, 0]], [[0, 0, 2]], [[2, -1, 1]], [[-2, -2, 0]], [[-4, 1, 2]]):
        yield "pad", [arr(ORDINARY), scalar(0.5)], {"config": config}
    yield "pad", [arr(TAME), scalar(NAN)], {"config": [[1, 0, 1], [-1, 2, 0]]}
    yield "rev", [cube], {"dims": [0, 2]}
    yield "flip", [cube], {"axis": 1}
    yield "roll", [cube], {"axis": 2, "shift": -4}
    yield "tril", [arr(ROWS)], {"k": -1}
    yield "triu", [arr(ROWS)], {"k": 1}
    yield "stack", [arr(ORDINARY), arr(INSIDE)], {"axis": 1}
    yield "split", [arr(ORDINARY)], {"parts": 3, "axis": 0}
    yield "slice", [arr(ROWS)], {"start": [1, 0], "limit": [9, 3], "strides": [3, 2]}
    yield "slice", [arr(ORDINARY)], {"start": [2], "limit": [2], "strides": [1]}
    yield "linspace", [scalar(0.5), scalar(3.0)], {"num": 4}
    # Indices in bounds, at the edges, and out of bounds.
    for start in ([0, 0], [4, 1], [-3, 2], [9, 9]):
        index = [scalar(k, "int32") for k in start]
        yield "dynamic_slice", [arr(TAME), *index], {"sizes": [2, 2]}
        yield "dynamic_update_slice", [arr(TAME), arr([[9.0, 8.0], [7.0, 6.0]]), *index], {}
    for index in (arr([0, 2, 2, -1], "int64"), arr([[5, -7], [9, 1]], "int32"), scalar(3, "int32"), scalar(-9, "int64"), arr([], "int64", [0])):
        for mode in ("fill", "clip", "wrap"):
            yield "take", [arr(TAME), index], {"axis": 0, "mode": mode}
            yield "take", [arr(TAME), index], {"axis": 1, "mode": mode}
    for k in (-5, -1, 0, 2, 7):
        yield "index", [arr(TAME)], {"axis": 1, "index": k}
    yield "take_along_axis", [arr(TAME), arr([[0, 2], [1, 1], [2, -1], [0, 0], [2, 2], [-3, 1]], "int64")], {"axis": 1}
    yield "take_along_axis", [arr(TAME), arr([[0, 5, 3], [1, 1, -1]], "int64")], {"axis": 0}
    for op in ("scatter_add", "scatter_mul", "scatter_min", "scatter_max", "scatter_set"):
        yield op, [arr([1.0, 2.0, 0.0, 4.0]), scalar(2, "int32"), scalar(0.5)], {}
        yield op, [arr([1.0, 2.0, 0.0, 4.0]), scalar(9, "int32"), scalar(0.5)], {}
        yield op, [arr(TAME), scalar(1, "int32"), arr([0.0, 0.0, 1.0])], {}
        if op != "scatter_set":
            yield op, [arr([1.0, 2.0, 0.0, 4.0]), arr([0, 2, 0, -1, 6], "int32"), arr([1.0, 0.0, 1.0, 5.0, 3.0])], {}
            yield op, [arr(TAME), arr([1, 1, 4], "int32"), arr([[0.0, 0.0, 1.0], [2.0, 0.0, -1.0], [-0.3, 9.0, 1.0]])], {}
    # Products and systems.
    six, cube2 = arr(ORDINARY, shape=[2, 3]), arr(ORDINARY + INSIDE, shape=[2, 3, 2])
    yield "dot_general", [six, cube2], {"contract": [[1], [1]], "batch": [[0], [0]]}
    yield "dot_general", [six, cube2], {"contract": [[0, 1], [0, 1]], "batch": [[], []]}
    yield "dot_general", [arr([1.0, 2.0]), arr([3.0, 4.0, 5.0])], {"contract": [[], []], "batch": [[], []]}
    yield "dot_general", [arr([], shape=[2, 0]), arr([], shape=[0, 3])], {"contract": [[1], [0]], "batch": [[], []]}
    yield "dot_general", [arr(ORDINARY, f32, [2, 3]), arr(ORDINARY, f32, [3, 2])], {"contract": [[1], [0]], "batch": [[], []]}
    yield "matmul", [cube2, arr([[1.0, 2.0], [0.5, -1.0]])], {}
    yield "matmul", [arr(ORDINARY), arr(INSIDE)], {}
    yield "outer", [arr(ORDINARY), arr(INSIDE)], {}
    for spec in ("ij,jk->ik", "ij,kj->", "ii,ij->j", "ij,jk->ikj"):
        yield "einsum", [arr([[1.0, 2.0], [3.0, 4.0]]), arr([[0.5, -1.0], [1.5, 2.0]])], {"subscripts": spec}
    spd = [[4.0, 1.0, 0.5], [1.0, 3.0, -0.2], [0.5, -0.2, 2.0]]
    skew = [[4.0, 1.2, 0.1], [0.8, 3.0, -0.7], [0.9, 0.3, 2.0]]
    for a in (arr(spd), arr(skew), arr([spd, skew]), arr([[-1.0, 0.0], [0.0, 1.0]]), arr([[2.0]])):
        yield "cholesky", [a], {}
    for lower in (False, True):
        yield "triangular_solve", [arr(skew), arr([[1.0, 2.0], [0.5, -1.0], [3.0, 0.0]])], {"lower": lower}
        yield "triangular_solve", [arr([spd, skew]), arr([[[1.0], [0.5], [3.0]], [[0.2], [0.1], [-3.0]]])], {"lower": lower}
    yield "solve", [arr(skew), arr([1.0, 2.0, 3.0])], {}
    yield "solve", [arr([spd, skew]), arr([[[1.0], [0.5], [3.0]], [[0.2], [0.1], [-3.0]]])], {}
    yield "stop_gradient", [arr(FEW)], {}


def composed():
    """Compositions that people write, whose conventions are those of their parts."""
    x = arr(FEW)
    yield "relu", [x], [("max", ["x", 0], "y")]
    yield "relu6", [x], [("max", ["x", 0.0], "a"), ("min", ["a", 6.0], "y")]
    yield "safe_log", [x], [("gt", ["x", 0], "c"), ("log", ["x"], "a"), ("select", ["c", "a", "x"], "y")]
    yield "guarded_log", [x], [("gt", ["x", 0], "c"), ("select", ["c", "x", arr([1.0])], "a"), ("log", ["a"], "b"), ("select", ["c", "b", "x"], "y")]
    yield "norm_by_sqrt", [arr([0.0, 0.0])], [("square", ["x"], "a"), ("sum", ["a"], "b"), ("sqrt", ["b"], "y")]
    yield "x_to_0", [x], [("pow", ["x", 0], "y")]
    yield "x_to_0_float", [x], [("pow", ["x", 0.0], "y")]
    yield "x_to_x", [arr([0.0, 0.5, 1.0, 2.0, INF])], [("pow", ["x", "x"], "y")]
    yield "x_over_x", [x], [("div", ["x", "x"], "y")]
    yield "max_of_itself", [x], [("max", ["x", "x"], "y")]
    yield "entropy", [arr([0.0, 0.5, 1.0])], [("log", ["x"], "a"), ("mul", ["x", "a"], "y")]
    yield "floor_mul", [x], [("floor", ["x"], "a"), ("mul", ["x", "a"], "y")]
    yield "abs_of_abs", [x], [("abs", ["x"], "a"), ("sub", ["a", 1.0], "b"), ("abs", ["b"], "y")]
    yield "gelu", [x], [("div", ["x", 1.4142135623730951], "a"), ("erf", ["a"], "b"), ("add", ["b", 1.0], "c"), ("mul", ["x", "c"], "y")]
    yield "silu", [x], [("logistic", ["x"], "a"), ("mul", ["x", "a"], "y")]
    yield "softplus", [x], [("exp", ["x"], "a"), ("log1p", ["a"], "y")]


def equations(parts):
    for op, args, out in parts:
        yield {"op": "reduce_sum", "args": args, "axes": [0], "out": out} if op == "sum" else {"op": op, "args": args, "out": out}


def is_array(x):
    return isinstance(x, dict)


def is_float(x):
    return is_array(x) and x["dtype"].startswith("float")


def drawn(rng, like):
    return {**like, "data": [rng.randint(-24, 24) / 16 for _ in like["data"]]}


def subjects():
    for op, operands, params in table():
        names = [f"x{k}" if is_array(x) and x["dtype"] != "bool" else x[0] if isinstance(x, list) else x for k, x in enumerate(operands)]
        out = {"top_k": ["y", "p"], "split": ["y", "y1", "y2"], "sort_by_key": ["y", "z"]}.get(op, "y")
        given = {name: x for name, x in zip(names, operands) if isinstance(name, str)}
        yield op, given, [{"op": op, "args": names, "out": out, **params}], out
    for name, operands, parts in composed():
        yield name, {"x": operands[0]}, list(equations(parts)), "y"


def output(op, given, out):
    """The results that are differentiated: one, for `vjp` needs its type."""
    return out if isinstance(out, str) else out[1] if op == "sort_by_key" and is_float(given.get("x1")) else out[0]


def weighing(y):
    """The sum of a value's elements times cosines of their places: cotangents that differ, for a value whose type is not known here."""
    yield {"op": "reshape", "args": [y], "shape": [-1], "out": "flat"}
    yield {"op": "eq", "args": ["flat", "flat"], "out": "same"}
    yield {"op": "ne", "args": ["flat", "flat"], "out": "other"}
    yield {"op": "or", "args": ["same", "other"], "out": "all"}
    yield {"op": "convert", "args": ["all"], "dtype": "float64", "out": "ones"}
    yield {"op": "cumsum", "args": ["ones"], "axis": 0, "reverse": False, "out": "places"}
    yield {"op": "cos", "args": ["places"], "out": "weights"}
    yield {"op": "mul", "args": ["flat", "weights"], "out": "weighed"}
    yield {"op": "reduce_sum", "args": ["weighed"], "axes": [0], "out": "sum"}


def cases(rng):
    for op, given, body, out in subjects():
        moving = [n for n, x in given.items() if is_float(x)]
        fixed = [n for n in given if n not in moving]
        fun = {"args": moving, "body": body, "return": output(op, given, out)}
        tangents = [drawn(rng, given[n]) for n in moving]
        weighed = {"args": moving, "body": body + list(weighing(fun["return"])), "return": "sum"}
        forward = {"op": "jvp", "fun": fun, "primals": moving, "tangents": tangents, "out": "d"}
        reverse = {"op": "grad", "fun": weighed, "args": moving, "argnums": list(range(len(moving))), "out": "d"}
        second = {"op": "jvp", "fun": {"args": moving, "body": [reverse], "return": "d"}, "primals": moving, "tangents": tangents, "out": "d2"}
        twice = {"op": "jvp", "fun": {"args": moving, "body": [forward], "return": "d/1"}, "primals": moving, "tangents": tangents[::1], "out": "d2"}
        for kind, equation, result in (("forward", forward, "d"), ("reverse", reverse, "d"), ("second", second, "d2"), ("twice", twice, "d2"),
                                       ("lanes", forward, "d"), ("lanes-reverse", reverse, "d")):
            inputs, vmap = [given[n] for n in moving + fixed], []
            if kind.startswith("lanes"):
                inputs = [{**x, "shape": [2] + x["shape"], "data": x["data"] + x["data"][::-1]} for x in inputs]
                vmap = [{"in_axes": [0] * len(inputs), "out_axes": 0}]
            yield {"id": op, "group": "diff/each", "mode": "jit" if kind == "lanes-reverse" else "eager", "inputs": inputs, "vmap": vmap,
                   "fun": {"args": moving + fixed, "body": [equation], "return": result}, "kind": kind}


def main():
    seed, count = sys.argv[1], int(sys.argv[2])
    made = []
    for number, case in enumerate(cases(random.Random(seed))):
        if number == count:
            break
        kind = case.pop("kind")
        made.append({**case, "id": f"each-{seed}-{number:05}-{case['id']}-{kind}"})
    print("[\n" + ",\n".join(json.dumps(case) for case in made) + "\n]")


if __name__ == "__main__":
    main()
