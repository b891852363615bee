"""Writes cases of derivatives of the wide vocabulary: one function each, forward, backward and twice, under the vmaps of its case.

    python broad.py SEED COUNT [FUNCTION ..] > CASES.json

As vocabulary.py, whose calls these are. The floating arguments are what is differentiated; integers, bools and keys stay. SEED and
a case's number choose its call, which comes as `jvp`, `grad`, `jvp` of `grad` or `jvp` of `jvp` in turn.
"""
import json
import random
import sys

import vocabulary

# What is drawn by rejection, or has no floating argument or result, has no derivative to compare.
LEFT_OUT = {"random.bits", "random.split", "random.fold_in", "random.randint", "random.rademacher", "random.bernoulli", "random.categorical",
            "random.choice", "random.poisson", "random.geometric", "random.binomial", "random.uniform", "random.permutation"}
KINDS = ("jvp", "grad", "second", "twice")


def lane(case, k):
    """The shape of an input as the function sees it."""
    shape = list(case["inputs"][k]["shape"])
    for level in case["vmap"]:
        if level["in_axes"][k] is not None:
            del shape[level["in_axes"][k]]
    return shape


def weighed(result, count):
    """The sum of all results' elements times cosines of their places: cotangents that differ, for results of types not known here."""
    names = [result] if isinstance(result, str) else result[:count]
    for name in names:
        yield {"op": "ravel", "args": [name], "out": f"{name}flat"}
        yield {"op": "ones_like", "args": [f"{name}flat"], "out": f"{name}ones"}
        yield {"op": "jnp.cumsum", "args": [f"{name}ones"], "out": f"{name}places"}
        yield {"op": "cos", "args": [f"{name}places"], "out": f"{name}weights"}
        yield {"op": "multiply", "args": [f"{name}flat", f"{name}weights"], "out": f"{name}weighed"}
        yield {"op": "sum", "args": [f"{name}weighed"], "out": f"{name}sum"}
    total = f"{names[0]}sum"
    for name in names[1:]:
        yield {"op": "add", "args": [total, f"{name}sum"], "out": f"{name}total"}
        total = f"{name}total"
    yield {"op": "multiply", "args": [total, 1.0], "out": "total"}


def derived(seed, number, names):
    rng = random.Random(f"broad/{seed}/{number}")
    call = vocabulary.case(seed, number // len(KINDS), names)
    call.pop("x64", None)
    moving = [name for k, name in enumerate(call["fun"]["args"]) if call["inputs"][k]["dtype"].startswith("float")]
    if not moving:
        return None
    place = {name: k for k, name in enumerate(call["fun"]["args"])}

    def tangent(name):
        shape, size = lane(call, place[name]), 1
        for n in shape:
            size *= n
        return {"dtype": call["inputs"][place[name]]["dtype"], "shape": shape, "data": [rng.randint(-24, 24) / 16 for _ in range(size)]}

    tangents = [tangent(name) for name in moving]
    body, result = call["fun"]["body"], call["fun"]["return"]
    fun = {"args": moving, "body": body, "return": result}
    kind = KINDS[number % len(KINDS)]
    forward = {"op": "jvp", "fun": fun, "primals": moving, "tangents": tangents, "out": "d"}
    reverse = {"op": "grad", "fun": {"args": moving, "body": body + list(weighed(result, 3)), "return": "total"}, "args": moving,
               "argnums": list(range(len(moving))), "out": "d"}
    if kind == "second":
        reverse = {"op": "jvp", "fun": {"args": moving, "body": [reverse], "return": "d"}, "primals": moving, "tangents": tangents, "out": "d2"}
    elif kind == "twice":
        forward = {"op": "jvp", "fun": {"args": moving, "body": [forward], "return": "d/1"}, "primals": moving, "tangents": tangents, "out": "d2"}
    equation = forward if kind in ("jvp", "twice") else reverse
    op = call["group"].split("/")[-1]
    return {**call, "id": f"broad-{seed}-{number:05}-{op}-{kind}", "group": f"diff/voc/{op}",
            "fun": {**call["fun"], "body": [equation], "return": equation["out"]}}


def main():
    seed, count = sys.argv[1], int(sys.argv[2])
    names = sys.argv[3:] or [name for name in sorted(vocabulary.ROWS) if name not in LEFT_OUT]
    made, number = [], 0
    while len(made) < count:
        case = derived(seed, number, names)
        number += 1
        if case:
            made.append(case)
    print("[\n" + ",\n".join(json.dumps(case) for case in made) + "\n]")


if __name__ == "__main__":
    main()
